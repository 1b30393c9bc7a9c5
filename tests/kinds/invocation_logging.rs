//! h09: the logging configuration, of which the service reports less than it is told.

mod delivery;

use proptest::prelude::*;
use proptest::sample::select;
use reconciler_emulator::{Edit, Effect, Fault};
use reconciler_model::codes;
use reconciler_model::direction::Direction;
use reconciler_model::drift::Change;
use reconciler_model::permit::Approval;
use reconciler_tests::generate::{self, Generator};
use reconciler_tests::world::{World, field, notes, on, paths, told};
use serde_json::{Value, json};

use super::log_group;

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
    assert_eq!(world.direct_client().logging().await["textDataDeliveryEnabled"], true);
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
    assert_eq!(world.direct_client().logging().await["textDataDeliveryEnabled"], true);
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
        world.direct_client().logging().await;
    }
    world.plan_again_nothing().await;
    world.edit_logging(vec![Edit::Set([("/loggingConfig/textDataDeliveryEnabled".into(), json!(false))].into())]);
    let plan = world.restore().await;
    assert!(notes(&plan).contains(&codes::EXTRA_CARRIED), "{}", told(&plan));
    let (sent, live) = (world.body_of("PutModelInvocationLoggingConfiguration"), world.direct_client().logging().await);
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
    let before = world.direct_client().logging().await;
    world.edit_logging(vec![Edit::Set([("/loggingConfig/textDataDeliveryEnabled".into(), json!(false))].into())]);
    world.restore().await;
    assert_eq!(world.direct_client().logging().await, before);
    world.plan_again_nothing().await;
}

fn quickly<T>(story: impl Future<Output = T>) -> T {
    tokio::runtime::Builder::new_current_thread().enable_all().build().expect("a runtime").block_on(story)
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 40, failure_persistence: None, ..ProptestConfig::default() })]

    /// Random logging and retention, undone in one run.
    #[test]
    fn random_drift_of_logging_is_undone(
        want in specs(), live in specs(), group in (log_group::GENERATOR.specs)(), other in (log_group::GENERATOR.specs)()
    ) {
        quickly(async {
            let name = "/aws/bedrock/model-invocations";
            let declare = |logging: &Value, group: &Value| format!(
                "{}\n---\n{}",
                generate::declaration("log-group", name, group, "undo"),
                generate::declaration("invocation-logging", "default", logging, "undo"),
            );
            let world = World::small("empty", &declare(&live, &other)).await;
            world.restore().await;
            world.plan_again_nothing().await;
            let world = world.declaring(&declare(&want, &group)).await;
            world.restore().await;
            world.plan_again_no_steps().await;
        });
    }
}

/// Random specs: see [`specs`].
pub(crate) const GENERATOR: Generator = Generator { kind: "invocation-logging", name: "default", weight: 1, specs };

/// The spec of an invocation logging configuration.
fn specs() -> BoxedStrategy<Value> {
    let bucket = || {
        let prefix = proptest::option::of(select(&["", "large", "in/vocations"][..]));
        (select(&["bedrock-logs-a", "bedrock-logs-b"][..]), prefix)
            .prop_map(|(bucket, prefix)| generate::object(json!({"bucketName": bucket, "keyPrefix": prefix})))
    };
    let group = (generate::maybe(bucket()), Just("/aws/bedrock/model-invocations")).prop_map(|(large, group)| {
        generate::object(json!({
            "logGroupName": group,
            "roleArn": "arn:aws:iam::111122223333:role/bedrock-invocation-logging",
            "largeDataDeliveryS3Config": large,
        }))
    });
    let flag = || proptest::option::of(any::<bool>());
    (group, generate::maybe(bucket()), [flag(), flag(), flag(), flag(), flag()])
        .prop_map(|(group, bucket, [text, image, embedding, video, audio])| {
            generate::object(json!({
                "cloudWatchConfig": group, "s3Config": bucket,
                "textDataDeliveryEnabled": text, "imageDataDeliveryEnabled": image,
                "embeddingDataDeliveryEnabled": embedding, "videoDataDeliveryEnabled": video,
                "audioDataDeliveryEnabled": audio,
            }))
        })
        .boxed()
}
