//! h09: log groups are put back field by field, and what an account policy or their class stands in the way of is refused.

use proptest::prelude::*;
use proptest::sample::select;
use reconciler_model::codes;
use reconciler_model::direction::Direction;
use reconciler_model::drift::Change;
use reconciler_tests::generate::{self, Generator};
use reconciler_tests::world::{World, notes, paths, refusals, told};
use serde_json::{Value, json};

const GROUP: &str = "/aws/bedrock/model-invocations";

const LOG_GROUP: &str = r#"
kind: log-group
name: /aws/bedrock/model-invocations
spec:
  retentionInDays: 365
  kmsKeyId: ${kms:alias/bedrock-logs}
  logGroupClass: STANDARD
  deletionProtectionEnabled: true
"#;

/// h09's log group. Every field that can be put back is put back, each with its own call.
#[tokio::test]
async fn h09_a_log_group_is_put_back_field_by_field() {
    let world = World::small("in-sync", LOG_GROUP).await;
    world.plan_again_nothing().await;
    world.attack("logs", "PutRetentionPolicy", json!({"logGroupName": GROUP, "retentionInDays": 7}));
    let off = json!({"logGroupIdentifier": GROUP, "deletionProtectionEnabled": false});
    world.attack("logs", "PutLogGroupDeletionProtection", off);
    world.attack("logs", "DisassociateKmsKey", json!({"logGroupName": GROUP}));
    let plan = world.restore().await;
    assert_eq!(paths(&plan), ["deletionProtectionEnabled", "kmsKeyId", "retentionInDays"]);
    assert!(plan.drift[0].fields.iter().all(|field| field.direction == Direction::Weakened), "{}", told(&plan));
    let live = world.direct_client().log_group(GROUP).await;
    assert_eq!((&live["retentionInDays"], &live["deletionProtectionEnabled"]), (&json!(365), &json!(true)));
    world.plan_again_nothing().await;

    // A group that is gone is created again, and its events are not.
    world.attack(
        "logs",
        "PutLogGroupDeletionProtection",
        json!({"logGroupIdentifier": GROUP, "deletionProtectionEnabled": false}),
    );
    world.attack("logs", "DeleteLogGroup", json!({"logGroupName": GROUP}));
    let plan = world.restore().await;
    assert_eq!(plan.drift[0].change, Change::Missing);
    assert!(notes(&plan).contains(&codes::IMMUTABLE), "{}", told(&plan));
    world.plan_again_nothing().await;
}

/// h09 (kinds/log_group/README.md, Account policy). An account-level retention policy overrides the group's, and
/// PutRetentionPolicy answers success and changes nothing. It is refused with BRX1005 and never called, or it would be called for
/// ever.
#[tokio::test]
async fn h09_retention_that_an_account_policy_holds_is_refused() {
    let world = World::small("in-sync", LOG_GROUP).await;
    let policy = json!({
        "policyName": "short", "policyType": "RETENTION_POLICY", "scope": "ALL",
        "policyDocument": json!({"retentionInDays": 30, "enforcementMode": "RETROACTIVE"}).to_string(),
    });
    world.attack("logs", "PutAccountPolicy", policy);
    world.attack(
        "logs",
        "PutLogGroupDeletionProtection",
        json!({"logGroupIdentifier": GROUP, "deletionProtectionEnabled": false}),
    );
    let planned = world.plan().await;
    assert_eq!(refusals(&planned.plan), [codes::ACCOUNT_POLICY], "{}", told(&planned.plan));
    let applied = world.apply(&planned).await;
    assert_eq!(applied.not_verified(), 0, "what can be restored is restored: {:#?}", applied.steps);
    assert!(!world.written().contains(&"PutRetentionPolicy".to_owned()), "{:?}", world.written());
    assert_eq!(world.direct_client().log_group(GROUP).await["deletionProtectionEnabled"], true);
    assert_eq!(refusals(&world.plan_again_no_steps().await), [codes::ACCOUNT_POLICY]);
}

/// h09 (kinds/log_group/README.md, Class). The class cannot be changed in place, and deleting the group would lose the evidence.
/// Refused with BRX1006.
#[tokio::test]
async fn h09_another_class_is_refused() {
    let world = World::small("in-sync", &LOG_GROUP.replace("STANDARD", "INFREQUENT_ACCESS")).await;
    let planned = world.plan().await;
    assert_eq!(refusals(&planned.plan), [codes::IMMUTABLE], "{}", told(&planned.plan));
    world.apply(&planned).await;
    assert!(world.written().iter().all(|one| one == "AssumeRole"), "{:?}", world.written());
    assert_eq!(refusals(&world.plan_again_no_steps().await), [codes::IMMUTABLE]);
}

/// Random specs: see [`specs`].
pub(crate) const GENERATOR: Generator = Generator { kind: "log-group", name: "payments", weight: 1, specs };

/// The spec of a log group.
fn specs() -> BoxedStrategy<Value> {
    let days = proptest::option::of(select(&[1, 7, 90, 365, 3653][..]));
    (days, proptest::option::of(any::<bool>()), any::<bool>())
        .prop_map(|(days, protected, class)| {
            generate::object(json!({
                "retentionInDays": days,
                "deletionProtectionEnabled": protected,
                "logGroupClass": class.then_some("STANDARD"),
            }))
        })
        .boxed()
}
