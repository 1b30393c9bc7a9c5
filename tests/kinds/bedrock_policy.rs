//! Bedrock policies of the organization: they follow the guardrails that they name, and weak versions in them are weak.

use proptest::prelude::*;
use proptest::sample::{select, subsequence};
use reconciler_model::codes;
use reconciler_model::direction::Direction;
use reconciler_model::permit::Approval;
use reconciler_model::plan::Plan;
use reconciler_tests::declarations::wrong_with;
use reconciler_tests::generate::{self, Generator};
use reconciler_tests::organization;
use reconciler_tests::world::{World, refusals, told};
use serde_json::{Value, json};

const REFERRING: &str = r#"
kind: guardrail
name: baseline
spec:
  blockedInputMessaging: "No."
  blockedOutputsMessaging: "Withheld."
  contentPolicy: {filters: [{type: HATE, inputStrength: HIGH, outputStrength: HIGH}]}
---
kind: service-control-policy
name: bedrock-guardrails
spec:
  description: Only behind the guardrail.
  content:
    Version: "2012-10-17"
    Statement:
      Sid: RequireGuardrail
      Effect: Deny
      Action: bedrock:InvokeModel
      Resource: "*"
      Condition: {ArnNotLike: {bedrock:GuardrailIdentifier: "${ref:guardrail/baseline@management/eu-west-1.guardrailArn}*"}}
  targets: [Workloads]
---
kind: bedrock-policy
name: everywhere
spec:
  description: ""
  content:
    bedrock:
      guardrail_inference:
        eu-west-1:
          config_1:
            identifier: {"@@assign": "${ref:guardrail/baseline@management/eu-west-1.guardrailArn}:${ref:guardrail/baseline@management/eu-west-1.version}"}
            model_enforcement: {included_models: {"@@assign": [ALL]}, excluded_models: {"@@assign": []}}
  targets: [Workloads/Production]
"#;

fn steps(plan: &Plan) -> Vec<String> {
    plan.steps.iter().map(|step| format!("{} {}", step.action, step.address.kind)).collect()
}

/// A guardrail that is deleted and created again has another id (kinds/README.md, Generated ids); the policies that name it
/// follow in the same activation, after it.
#[tokio::test]
async fn policies_follow_a_guardrail_that_was_created_again() {
    let world = World::small("empty", REFERRING).await;
    world.converge(Approval::Operator).await.expect("approved");
    world.plan_again_nothing().await;
    let before = organization::policy(&world, "SERVICE_CONTROL_POLICY", "bedrock-guardrails").await["Content"].clone();
    world.attack("bedrock", "DeleteGuardrail", json!({"guardrailIdentifier": "guardrail:baseline"}));
    let converged = world.converge(Approval::Operator).await.expect("approved");
    let rounds: Vec<Vec<String>> = converged.rounds.iter().map(|round| steps(round.approved.plan())).collect();
    assert_eq!(rounds[0], ["create guardrail", "publish guardrail"]);
    assert_eq!(rounds[1], ["update bedrock-policy", "update service-control-policy"]);
    let id = world.direct_client().id("baseline").await;
    let after = organization::policy(&world, "SERVICE_CONTROL_POLICY", "bedrock-guardrails").await["Content"]
        .as_str()
        .expect("text")
        .to_owned();
    assert!(after.contains(&id) && before != after.as_str(), "{after}");
    world.plan_again_nothing().await;
}

/// What a version that is named inside of a text means is known as where it is named alone: a weak one is enforced on everybody.
#[tokio::test]
async fn a_policy_that_names_a_weak_version_is_weakened() {
    let world =
        World::small("empty", &REFERRING.replace("name: everywhere", "name: everywhere\ncontrols: [aws-genai-06]"))
            .await;
    world.converge(Approval::Operator).await.expect("approved");
    let body = || json!({"guardrailIdentifier": "guardrail:baseline"});
    let hate = "/contentPolicyConfig/filtersConfig/type=HATE/inputStrength";
    world.set_guardrail("baseline", hate, json!("NONE"));
    world.attack("bedrock", "CreateGuardrailVersion", body());
    world.converge(Approval::Operator).await.expect("approved");
    world.plan_again_nothing().await;
    let policy = organization::policy(&world, "BEDROCK_POLICY", "everywhere").await;
    let id = &policy["PolicySummary"]["Id"];
    let named = policy["Content"].as_str().expect("text").to_owned();
    assert!(named.contains(":3\""), "{named}");
    let update = json!({"PolicyId": id, "Content": named.replace(":3\"", ":2\"")});
    world.attack("organizations", "UpdatePolicy", update);
    let plan = world.plan().await.plan;
    let drift = plan.drift.iter().find(|one| one.kind == "bedrock-policy").unwrap_or_else(|| panic!("{}", told(&plan)));
    assert_eq!(drift.direction, Direction::Weakened, "{}", told(&plan));
    assert_eq!(plan.steps.len(), 1, "{}", told(&plan));
    world.converge(Approval::Operator).await.expect("approved");
    world.plan_again_nothing().await;
}

/// h21. Only a guardrail of the management account may be enforced in the organization: models would be unusable otherwise.
#[tokio::test]
async fn h21_a_guardrail_of_another_account_is_refused() {
    let foreign = r#"
kind: bedrock-policy
name: everywhere
spec:
  description: ""
  content: {bedrock: {guardrail_inference: {eu-west-1: {a: {identifier: {"@@assign": "arn:aws:bedrock:eu-west-1:222233334444:guardrail/abc123def456:1"}}}}}}
  targets: [Workloads]
"#;
    let world = World::small("empty", foreign).await;
    let plan = world.plan_again_no_steps().await;
    assert_eq!(refusals(&plan), [codes::CONTRADICTION], "{}", told(&plan));
    let draft = wrong_with(&foreign.replace(":1\"", ":DRAFT\""));
    assert!(draft.len() == 1 && draft[0].1.contains("DRAFT"), "{draft:?}");
}

/// Random specs: see [`specs`].
pub(crate) const GENERATOR: Generator = Generator { kind: "bedrock-policy", name: "payments", weight: 1, specs };

/// The spec of a Bedrock policy of the organization.
fn specs() -> BoxedStrategy<Value> {
    let assign = |value: Value| json!({ "@@assign": value });
    let models = || subsequence(vec!["amazon.nova-lite-v1:0", "anthropic.claude-v9", "meta.llama9-v1:0"], 0..=3);
    let included = prop_oneof![1 => Just(json!(["ALL"])), 2 => models().prop_map(|models| json!(models))];
    let guarding = proptest::option::of(select(&["selective", "comprehensive"][..]));
    (select(&["1", "2"][..]), guarding, included, models(), generate::targets())
        .prop_map(move |(version, guarding, included, excluded, targets)| {
            let arn = format!("arn:aws:bedrock:us-east-1:111122223333:guardrail/abc123def456:{version}");
            let config = generate::object(json!({
                "identifier": assign(json!(arn)),
                "selective_content_guarding": guarding.map(|word| json!({ "messages": assign(json!(word)) })),
                "model_enforcement": {"included_models": assign(included), "excluded_models": assign(json!(excluded))},
            }));
            let content = json!({"bedrock": {"guardrail_inference": {"us-east-1": {"config_1": config}}}});
            json!({ "description": "", "content": content, "targets": targets })
        })
        .boxed()
}
