//! h09: the logging configuration, of which the service reports less than it is told, and the log group that it fills.

use reconciler_emulator::{Edit, Effect, Fault};
use reconciler_model::codes;
use reconciler_model::direction::Direction;
use reconciler_model::drift::Change;
use reconciler_model::warrant::Approval;
use reconciler_tests::world::{World, field, notes, on, paths, refusals, told};
use serde_json::{Value, json};

const LOGGING: &str = r#"
kind: invocation-logging
spec:
  cloudWatchConfig:
    logGroupName: /aws/bedrock/model-invocations
    roleArn: arn:${partition}:iam::${account.id}:role/bedrock-invocation-logging
    largeDataDeliveryS3Config: {bucketName: "bedrock-logs-${account.id}-${region}", keyPrefix: large}
  s3Config: {bucketName: "bedrock-logs-${account.id}-${region}", keyPrefix: invocations}
  textDataDeliveryEnabled: true
  imageDataDeliveryEnabled: true
  embeddingDataDeliveryEnabled: true
  videoDataDeliveryEnabled: true
  audioDataDeliveryEnabled: true
"#;

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

fn remove(flag: &str) -> Vec<Edit> {
    vec![Edit::Remove(vec![format!("/loggingConfig/{flag}")])]
}

/// h09. TF-aws #41312: logging that is off is answered with success and without `loggingConfig`. That is missing, not
/// equal, not an error; it is put back whole.
#[tokio::test]
async fn h09_success_without_a_configuration_is_missing() {
    let world = World::small("in-sync", LOGGING).await;
    world.plan_again_nothing().await;
    world.attack("bedrock", "DeleteModelInvocationLoggingConfiguration", Value::Null);
    let plan = world.restore().await;
    assert_eq!((plan.drift[0].change, plan.drift[0].direction), (Change::Missing, Direction::Weakened));
    assert_eq!(plan.steps[0].action, "create");
    assert_eq!(world.witness().logging().await["textDataDeliveryEnabled"], true);
    world.plan_again_nothing().await;
}

/// Whoever keeps the retention of the log group from being restored does not keep logging off: what is there already is not waited
/// for.
#[tokio::test]
async fn a_minor_write_that_fails_keeps_no_logging_off() {
    let logging = LOGGING.replace(
        "logGroupName: /aws/bedrock/model-invocations",
        "logGroupName: ${ref:log-group//aws/bedrock/model-invocations.name}",
    );
    let world = World::small("in-sync", &format!("{LOG_GROUP}---\n{logging}")).await;
    world.plan_again_nothing().await;
    world.attack("logs", "PutRetentionPolicy", json!({"logGroupName": GROUP, "retentionInDays": 1}));
    world.attack("bedrock", "DeleteModelInvocationLoggingConfiguration", Value::Null);
    world.inject(vec![Fault::always(on("PutRetentionPolicy"), Effect::Deny)]);
    world.converge(Approval::Operator).await.expect("approved");
    assert_eq!(world.witness().logging().await["textDataDeliveryEnabled"], true);
    assert_eq!(paths(&world.plan().await.plan), ["retentionInDays"]);
    world.emulator.clear_faults();
    world.restore().await;
    world.plan_again_nothing().await;
}

/// h09. TF-aws #49569 (open, 2026-08), boto3 #4381: regions without video models never report the video flag, so each
/// plan wanted to set it again. It is a note, BRX1007, and no drift; a text flag that is absent is not on, and is drift.
#[tokio::test]
async fn h09_an_unreported_video_flag_is_a_note_and_an_absent_text_flag_is_drift() {
    let world = World::small("in-sync", LOGGING).await;
    world.edit_logging(remove("videoDataDeliveryEnabled"));
    let plan = world.plan_again_no_steps().await;
    assert!(plan.drift.is_empty() && notes(&plan) == [codes::NOT_REPORTED], "{}", told(&plan));
    assert_eq!(plan.summary.in_sync, 1);

    world.edit_logging(remove("textDataDeliveryEnabled"));
    let plan = world.restore().await;
    assert_eq!(paths(&plan), ["textDataDeliveryEnabled"]);
    assert_eq!(field(&plan, "textDataDeliveryEnabled").direction, Direction::Weakened);
    let sent = world.body_of("PutModelInvocationLoggingConfiguration");
    assert_eq!(sent["loggingConfig"]["videoDataDeliveryEnabled"], true, "every flag is sent: {sent}");
    world.plan_again_nothing().await;
}

/// h09. A video flag that is reported as off is drift: unreported is not the same as off.
#[tokio::test]
async fn h09_a_video_flag_that_is_off_is_drift() {
    let world = World::small("in-sync", LOGGING).await;
    world.edit_logging(vec![Edit::Set([("/loggingConfig/videoDataDeliveryEnabled".into(), json!(false))].into())]);
    let plan = world.restore().await;
    assert_eq!(field(&plan, "videoDataDeliveryEnabled").direction, Direction::Weakened);
    world.plan_again_nothing().await;
}

/// h09 where a region does not report a flag that is declared as off: absent and off are the same there.
#[tokio::test]
async fn h09_an_unreported_flag_that_is_declared_off_is_no_drift() {
    let world =
        World::small("in-sync", &LOGGING.replace("videoDataDeliveryEnabled: true", "videoDataDeliveryEnabled: false"))
            .await;
    world.edit_logging(remove("videoDataDeliveryEnabled"));
    let plan = world.plan_again_no_steps().await;
    assert!(plan.drift.is_empty(), "{}", told(&plan));
}

/// h09. Members that this build does not know survive a restore of another field, at the top and inside a destination.
#[tokio::test]
async fn h09_unknown_members_of_the_live_configuration_survive_the_write() {
    let world = World::small("in-sync", LOGGING).await;
    let members = [
        ("/loggingConfig/toolUseDataDeliveryEnabled", json!(true)),
        ("/loggingConfig/s3Config/format", json!("PARQUET")),
    ];
    for (pointer, value) in &members {
        let field = Effect::UnknownField { pointer: (*pointer).to_owned(), value: value.clone() };
        world.inject(vec![Fault::once(on("GetModelInvocationLoggingConfiguration"), field)]);
        world.witness().logging().await;
    }
    world.plan_again_nothing().await;
    world.edit_logging(vec![Edit::Set([("/loggingConfig/textDataDeliveryEnabled".into(), json!(false))].into())]);
    let plan = world.restore().await;
    assert!(notes(&plan).contains(&codes::EXTRA_CARRIED), "{}", told(&plan));
    let (sent, live) = (world.body_of("PutModelInvocationLoggingConfiguration"), world.witness().logging().await);
    for (pointer, value) in &members {
        assert_eq!(sent.pointer(pointer), Some(value), "{sent:#}");
        assert_eq!(live.pointer(pointer.strip_prefix("/loggingConfig").expect("below it")), Some(value), "{live:#}");
    }
    world.plan_again_nothing().await;
}

/// h09 and h04 for logging: a declaration of one flag leaves both destinations as they are.
#[tokio::test]
async fn h09_destinations_that_are_not_declared_are_carried_over() {
    let world = World::small("in-sync", "kind: invocation-logging\nspec: {textDataDeliveryEnabled: true}\n").await;
    let before = world.witness().logging().await;
    world.edit_logging(vec![Edit::Set([("/loggingConfig/textDataDeliveryEnabled".into(), json!(false))].into())]);
    world.restore().await;
    assert_eq!(world.witness().logging().await, before);
    world.plan_again_nothing().await;
}

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
    let live = world.witness().log_group(GROUP).await;
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
    assert_eq!(world.witness().log_group(GROUP).await["deletionProtectionEnabled"], true);
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
