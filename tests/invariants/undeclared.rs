//! What nobody declared is held against the floors of the controls, and never touched.

use reconciler_model::codes;
use reconciler_model::control;
use reconciler_model::drift::Change;
use reconciler_model::permit::Approval;
use reconciler_tests::declarations::{of_the_repository, source};
use reconciler_tests::world::World;

/// A control has floors for kinds that it is about, and none has one for a kind that cannot be looked at whole.
#[test]
fn floors_are_of_the_kinds_of_their_control() {
    let mut kinds = Vec::new();
    for control in control::all() {
        for kind in control.floor.keys() {
            assert!(control.kinds.contains(kind), "{}: {kind}", control.id);
            assert!(reconciler_kinds::KINDS.iter().any(|one| one.name() == kind), "{kind}");
            kinds.push(kind.as_str());
        }
    }
    kinds.sort_unstable();
    kinds.dedup();
    let expected = [
        "bedrock-policy",
        "guardrail",
        "guardrail-resource-policy",
        "iam-role",
        "service-control-policy",
        "vpc-endpoint",
    ];
    assert_eq!(kinds, expected);
}

/// The shipped organization with nothing of it declared but one log group, and a rule.
async fn bare(rule: &str) -> World {
    let mut files: Vec<_> = of_the_repository().into_iter().filter(|file| file.file == "organization.yaml").collect();
    let content = files[0].content.clone().expect("a file");
    let text = String::from_utf8(content).expect("a text");
    files[0] = source("organization.yaml", &format!("{text}{rule}"));
    files.push(source("a.yaml", "kind: log-group\nname: /aws/bedrock/model-invocations\nspec: {}\n"));
    World::open("in-sync", reconciler_emulator::Options::default(), &files).await
}

/// What is shipped is above the floors of its own controls: were it not declared, it would be told, and no more.
#[tokio::test]
async fn what_is_shipped_is_above_the_floors() {
    let world = bare("undeclared: [{treat: report}]\n").await;
    let plan = world.plan().await.plan;
    assert!(plan.drift.is_empty(), "{:#?}", plan.drift);
    assert!(plan.gaps.is_empty() && plan.steps.is_empty());
    let told: Vec<&str> = plan
        .findings
        .iter()
        .filter(|finding| finding.code == codes::UNDECLARED)
        .map(|finding| finding.address.kind.as_str())
        .collect();
    for kind in ["guardrail", "iam-role", "service-control-policy", "vpc-endpoint"] {
        assert!(told.contains(&kind), "{kind}");
    }
}

/// Where no declaration serves a control, nobody asked to be told of it.
#[tokio::test]
async fn nothing_is_looked_for_where_no_control_is_declared() {
    let world = bare("").await;
    let plan = world.plan().await.plan;
    assert_eq!(plan.findings, []);
    let operations: Vec<String> = world.emulator.calls().iter().map(|call| call.operation.clone()).collect();
    for unasked in ["ListGuardrails", "ListRoles", "ListPolicies", "DescribeVpcEndpoints"] {
        assert!(!operations.iter().any(|one| one == unasked), "{unasked}");
    }
}

/// It is shown with the floor that it is below, for as long as it is there, and nothing is written to it.
#[tokio::test]
async fn what_is_below_a_floor_is_told_and_left() {
    let world = World::whole("in-sync").await;
    world.emulator.run(&script()).expect("calls");
    for _ in 0..2 {
        let plan = world.plan().await.plan;
        let [drift] = &plan.drift[..] else { panic!("{:#?}", plan.drift) };
        assert_eq!((drift.change, drift.controls.len()), (Change::Unexpected, 2));
        assert_eq!(drift.address.to_string(), "prod/us-east-1/guardrail/lax");
        let field = drift
            .fields
            .iter()
            .find(|field| field.path.to_string() == "contentPolicy.filters.PROMPT_ATTACK.inputStrength");
        let field = field.expect("the filter");
        assert_eq!((&field.live, &field.want), (&serde_json::json!("LOW"), &serde_json::json!("HIGH")));
        assert!(drift.alerts.iter().any(|alert| alert.control == "aws-genai-06" && alert.signal == "unexpected"));
        assert_eq!((plan.summary.drifted, plan.summary.in_sync), (1, plan.summary.addresses));
        assert!(plan.steps.is_empty());
        world.converge(Approval::Operator).await.expect("approved");
    }
}

fn script() -> reconciler_emulator::Script {
    let text = "
description: a weak guardrail
steps:
  - as: arn:${partition}:sts::${account}:assumed-role/Developer/mallory
    accounts: [prod]
    regions: [us-east-1]
    service: bedrock
    operation: CreateGuardrail
    body:
      name: lax
      blockedInputMessaging: a
      blockedOutputsMessaging: b
      contentPolicyConfig: {filtersConfig: [{type: PROMPT_ATTACK, inputStrength: LOW, outputStrength: NONE}]}
";
    serde_yaml::from_str(text).expect("a script")
}
