//! Many accounts and regions: what goes wrong in one scope stays in it (h23).

use std::collections::BTreeMap;
use std::time::Duration;

use reconciler_emulator::{AccountSeed, Effect, Emulator, Fault, Match, Options};
use reconciler_model::codes;
use reconciler_model::plan::Plan;
use reconciler_tests::declarations::{loaded, source};
use reconciler_tests::world::{World, told};

const ORGANIZATION: &str = r#"
partition: aws
managementAccount: management
role: bedrock-reconciler
regions: [ap-south-1, eu-west-1, me-central-1, us-east-1]
accounts:
  - {id: "111122223333", name: management}
  - {id: "222233334444", name: prod}
  - {id: "333344445555", name: locked}
"#;

const LOG_GROUP: &str = "
kind: log-group
name: /aws/bedrock/model-invocations
spec: {retentionInDays: 365}
";

/// Three accounts; `prod` has not enabled me-central-1, and the role of `locked` cannot be assumed.
async fn world() -> World {
    let mut prod = AccountSeed::new("222233334444", "prod");
    prod.regions = ["ap-south-1", "eu-west-1", "us-east-1"].map(str::to_owned).to_vec();
    let mut locked = AccountSeed::new("333344445555", "locked");
    locked.denied_roles = vec!["bedrock-reconciler".to_owned()];
    let accounts = vec![AccountSeed::new("111122223333", "management"), prod, locked];
    let emulator = Emulator::new(Options { accounts, ..Options::default() });
    let sources = [source("organization.yaml", ORGANIZATION), source("a.yaml", LOG_GROUP)];
    World::over(emulator, &sources).await
}

/// The codes of the gaps by scope.
fn gaps(plan: &Plan) -> BTreeMap<String, &str> {
    plan.gaps.iter().map(|gap| (gap.scope.to_string(), gap.code.as_str())).collect()
}

/// h23. One account refuses the role, one region is not enabled, one endpoint never answers: each of them is the gap of its
/// own scopes, with its reason, within the time of one call; everything else is complete, and is restored.
#[tokio::test]
async fn h23_what_goes_wrong_in_one_scope_stays_in_it() {
    let world = world().await.waiting_at_most(Duration::from_secs(3)).await;
    let one_region = Match { region: Some("ap-south-1".to_owned()), ..Match::default() };
    world.inject(vec![Fault::always(one_region, Effect::Hang)]);
    let expected: BTreeMap<String, &str> = [
        ("locked/ap-south-1", codes::DENIED),
        ("locked/eu-west-1", codes::DENIED),
        ("locked/me-central-1", codes::DENIED),
        ("locked/us-east-1", codes::DENIED),
        ("management/ap-south-1", codes::NETWORK),
        ("prod/ap-south-1", codes::NETWORK),
        ("prod/me-central-1", codes::WRONG_REGION),
    ]
    .map(|(scope, code)| (scope.to_owned(), code))
    .into();
    let plan = world.plan().await.plan;
    assert_eq!(gaps(&plan), expected, "{}", told(&plan));
    let summary = plan.summary;
    assert_eq!((summary.addresses, summary.drifted, summary.gaps), (12, 5, 7), "{}", told(&plan));
    let reason =
        |scope: &str| plan.gaps.iter().find(|gap| gap.scope.to_string() == scope).map(|gap| gap.reason.as_str());
    assert!(reason("locked/eu-west-1").is_some_and(|text| text.contains("AssumeRole")), "{}", told(&plan));

    world.restore().await;
    let plan = world.plan_again_no_steps().await;
    assert_eq!((plan.summary.in_sync, plan.summary.drifted, plan.summary.gaps), (5, 0, 7), "{}", told(&plan));
    assert_eq!(gaps(&plan), expected, "{}", told(&plan));
}

/// h23. The ARN of the role to assume is one of the partition; prowler #11228 writes `arn:aws` everywhere.
#[test]
fn h23_roles_are_those_of_the_partition() {
    for (partition, region) in [("aws", "eu-west-1"), ("aws-us-gov", "us-gov-west-1"), ("aws-cn", "cn-north-1")] {
        let text = format!(
            "partition: {partition}\nmanagementAccount: prod\nrole: bedrock-reconciler\nregions: [{region}]\n\
             accounts:\n  - {{id: \"222233334444\", name: prod}}\n"
        );
        let desired =
            loaded(&[source("organization.yaml", &text), source("a.yaml", LOG_GROUP)]).expect("a valid desired state");
        let organization = desired.organization();
        let prod = organization.account("prod").expect("an account");
        let arn = format!("arn:{partition}:iam::222233334444:role/bedrock-reconciler");
        assert_eq!(organization.role_arn(prod), Some(arn));
    }
}
