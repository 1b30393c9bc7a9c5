//! h27: live may be stronger than desired, because AWS raised a default or because somebody hardened it.

use reconciler_emulator::Edit;
use reconciler_model::codes;
use reconciler_model::direction::Direction;
use reconciler_tests::direct_client::element;
use reconciler_tests::world::{World, field, notes, told};
use serde_json::{Value, json};

const GUARDRAIL: &str = r#"
kind: guardrail
name: payments
spec:
  blockedInputMessaging: "No."
  blockedOutputsMessaging: "Withheld."
  contentPolicy:
    filters:
      - {type: HATE, inputStrength: HIGH, outputStrength: HIGH}
      - {type: INSULTS, inputStrength: MEDIUM, outputStrength: MEDIUM}
  sensitiveInformationPolicy:
    piiEntities:
      - {type: EMAIL, action: ANONYMIZE}
  contextualGroundingPolicy:
    filters:
      - {type: GROUNDING, threshold: 0.5}
"#;

const INSULTS: &str = "contentPolicy.filters.INSULTS.inputStrength";

fn set(pointer: &str, value: Value) -> (String, Value) {
    (pointer.to_owned(), value)
}

async fn hardened(world: &World) {
    let edits = Edit::Set(
        [
            set("/contentPolicyConfig/filtersConfig/type=INSULTS/inputStrength", json!("HIGH")),
            set("/sensitiveInformationPolicyConfig/piiEntitiesConfig/type=EMAIL/inputAction", json!("BLOCK")),
            set("/sensitiveInformationPolicyConfig/piiEntitiesConfig/-", json!({"type": "PIN", "action": "BLOCK"})),
            set("/contextualGroundingPolicyConfig/filtersConfig/type=GROUNDING/threshold", json!(0.9)),
            set(
                "/topicPolicyConfig",
                json!({"topicsConfig": [{"name": "Advice", "definition": "Advice.", "type": "DENY"}]}),
            ),
        ]
        .into(),
    );
    world.edit_guardrail("payments", vec![edits]);
}

fn insults(answer: &Value) -> &Value {
    &element(&answer["contentPolicy"]["filters"], "type", "INSULTS")["inputStrength"]
}

/// h27. cdkrd MOVING_REVERT_PINS: a tool put back an old default and weakened what a human, or AWS, had hardened. A live
/// value that is stronger is reported as strengthened, marked as kept, and no step touches it.
#[tokio::test]
async fn h27_what_is_stronger_is_reported_and_kept() {
    let world = World::small("empty", GUARDRAIL).await;
    world.restore().await;
    hardened(&world).await;
    world.publish("payments");
    world.emulator.clear_calls();
    let planned = world.plan().await;
    let plan = &planned.plan;
    assert!(plan.steps.is_empty(), "{}", told(plan));
    assert_eq!(plan.drift[0].direction, Direction::Strengthened, "{}", told(plan));
    for path in [
        INSULTS,
        "sensitiveInformationPolicy.piiEntities.EMAIL.inputAction",
        "sensitiveInformationPolicy.piiEntities.PIN",
        "contextualGroundingPolicy.filters.GROUNDING.threshold",
        "publishedVersion.contentPolicy.filters.INSULTS.inputStrength",
    ] {
        let field = field(plan, path);
        assert!(field.kept && field.direction == Direction::Strengthened, "{field:?}");
    }
    assert!(plan.drift[0].fields.iter().all(|field| field.kept), "{}", told(plan));
    assert_eq!(notes(plan).into_iter().filter(|code| *code == codes::STRONGER).count(), plan.drift[0].fields.len());
    world.apply(&planned).await;
    assert_eq!(insults(&world.direct_client().guardrail("payments", "DRAFT").await), "HIGH");
    assert!(world.written().iter().all(|one| one == "AssumeRole"), "{:?}", world.written());
}

/// h27 where it is hardest: another field of the same guardrail is weak, and the write replaces the whole guardrail. The
/// weak one is put back, the strong ones are sent as they are, in the DRAFT and in the new version.
#[tokio::test]
async fn h27_restoring_one_field_keeps_the_stronger_ones() {
    let world = World::small("empty", GUARDRAIL).await;
    world.restore().await;
    hardened(&world).await;
    world.set_guardrail("payments", "/contentPolicyConfig/filtersConfig/type=HATE/inputStrength", json!("LOW"));
    world.publish("payments");
    world.restore().await;
    let direct_client = world.direct_client();
    for live in [direct_client.guardrail("payments", "DRAFT").await, direct_client.newest("payments").await] {
        assert_eq!(insults(&live), "HIGH");
        assert_eq!(element(&live["contentPolicy"]["filters"], "type", "HATE")["inputStrength"], "HIGH");
        assert_eq!(element(&live["sensitiveInformationPolicy"]["piiEntities"], "type", "PIN")["action"], "BLOCK");
        assert_eq!(element(&live["topicPolicy"]["topics"], "name", "Advice")["type"], "DENY");
    }
    let plan = world.plan_again_no_steps().await;
    assert!(plan.drift[0].fields.iter().all(|field| field.kept), "{}", told(&plan));
}

/// h27 for versions: the newest version is stronger in one field and weaker in another. Publishing the DRAFT puts the weak
/// field back and must not take the strong one away without having said so.
#[tokio::test]
async fn h27_publishing_does_not_weaken_in_silence() {
    let world = World::small("empty", GUARDRAIL).await;
    world.restore().await;
    world.set_guardrail("payments", "/contentPolicyConfig/filtersConfig/type=INSULTS/inputStrength", json!("HIGH"));
    world.set_guardrail("payments", "/contentPolicyConfig/filtersConfig/type=HATE/inputStrength", json!("LOW"));
    world.publish("payments");
    world.set_guardrail("payments", "/contentPolicyConfig/filtersConfig/type=INSULTS/inputStrength", json!("MEDIUM"));
    world.set_guardrail("payments", "/contentPolicyConfig/filtersConfig/type=HATE/inputStrength", json!("HIGH"));
    let plan = world.restore().await;
    let kept = field(&plan, "publishedVersion.contentPolicy.filters.INSULTS.inputStrength").kept;
    let newest = world.direct_client().newest("payments").await;
    let is_weaker = insults(&newest) == "MEDIUM";
    assert!(kept != is_weaker, "reported as kept: {kept}; weakened: {is_weaker}");
    world.plan_again_no_steps().await;
}

/// h27 with the explicit opt-in: `whenStronger: undo` puts the declared value back, although that weakens.
#[tokio::test]
async fn h27_undo_is_an_explicit_choice() {
    let world = World::small("empty", GUARDRAIL).await;
    world.restore().await;
    hardened(&world).await;
    let undo = GUARDRAIL.replace("name: payments", "name: payments\nwhenStronger: undo");
    let world = world.declaring(&undo.replace("spec:", "spec:\n  topicPolicy: null")).await;
    let plan = world.restore().await;
    assert!(!field(&plan, INSULTS).kept && !notes(&plan).contains(&codes::STRONGER));
    let live = world.direct_client().guardrail("payments", "DRAFT").await;
    assert_eq!(insults(&live), "MEDIUM");
    assert!(
        live.get("topicPolicy").is_none_or(|policy| policy["topics"].as_array().is_none_or(Vec::is_empty)),
        "{live:#}"
    );
    world.plan_again_nothing().await;
}

/// h27 for the other kinds: a longer retention and more logging than declared are kept.
#[tokio::test]
async fn h27_longer_retention_and_more_logging_are_kept() {
    let declared = r#"
kind: log-group
name: /aws/bedrock/model-invocations
spec: {retentionInDays: 90, deletionProtectionEnabled: false}
---
kind: invocation-logging
spec: {textDataDeliveryEnabled: true, imageDataDeliveryEnabled: false}
"#;
    let world = World::small("in-sync", declared).await;
    let plan = world.plan_again_no_steps().await;
    for path in ["retentionInDays", "deletionProtectionEnabled", "imageDataDeliveryEnabled"] {
        let field = field(&plan, path);
        assert!(field.kept && field.direction == Direction::Strengthened, "{field:?}");
    }
    let world = world.declaring(&declared.replace("spec:", "whenStronger: undo\nspec:")).await;
    world.restore().await;
    assert_eq!(world.direct_client().log_group("/aws/bedrock/model-invocations").await["retentionInDays"], 90);
    assert_eq!(world.direct_client().logging().await["imageDataDeliveryEnabled"], false);
    world.plan_again_nothing().await;
}
