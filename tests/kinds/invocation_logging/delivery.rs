//! h10: logging is put back with a role that can deliver, or not at all, and what is missing is named.
//!
//! govuk-infrastructure PR#2440: the configuration was written with a role that could not deliver. The service looks before it
//! writes (kinds/invocation_logging/README.md, Delivery role), so a refusal changes nothing; a role that was just put right is
//! not known everywhere for a while.

use std::time::Duration;

use reconciler_emulator::{Effect, Emulator, Fault, Options};
use reconciler_engine::apply::Applied;
use reconciler_engine::event::StepOutcome;
use reconciler_tests::declarations::small;
use reconciler_tests::world::{World, on, times, told};
use serde_json::{Value, json};

const GROUP: &str = "/aws/bedrock/deliveries";
const ROLE: &str = "bedrock-delivery";
const STREAM: &str =
    "arn:aws:logs:*:111122223333:log-group:/aws/bedrock/deliveries:log-stream:aws/bedrock/modelinvocations";

const LOGGING: &str = "
kind: invocation-logging
spec:
  cloudWatchConfig:
    logGroupName: /aws/bedrock/deliveries
    roleArn: arn:aws:iam::111122223333:role/bedrock-delivery
  textDataDeliveryEnabled: true
";

const LOG_GROUP: &str = "
---
kind: log-group
name: /aws/bedrock/deliveries
spec: {retentionInDays: 365}
";

fn trust(service: &str) -> String {
    json!({"Version": "2012-10-17", "Statement": [{"Effect": "Allow", "Principal": {"Service": service}, "Action": "sts:AssumeRole",
        "Condition": {"StringEquals": {"aws:SourceAccount": "111122223333"}, "ArnLike": {"aws:SourceArn": "arn:aws:bedrock:*:111122223333:*"}}}]})
    .to_string()
}

fn policy(actions: Value) -> Value {
    let document =
        json!({"Version": "2012-10-17", "Statement": [{"Effect": "Allow", "Action": actions, "Resource": STREAM}]});
    json!({"RoleName": ROLE, "PolicyName": "deliver", "PolicyDocument": document.to_string()})
}

fn both() -> Value {
    json!(["logs:CreateLogStream", "logs:PutLogEvents"])
}

/// A role that can deliver, a log group, and logging into it.
async fn built(declarations: &str, options: Options) -> World {
    let emulator = Emulator::scenario("empty", options).expect("a scenario");
    let world = World::over(emulator, &small(declarations)).await.waiting_at_most(Duration::from_secs(2)).await;
    world.attack("logs", "CreateLogGroup", json!({ "logGroupName": GROUP }));
    world.attack("logs", "PutRetentionPolicy", json!({"logGroupName": GROUP, "retentionInDays": 365}));
    let role = json!({"RoleName": ROLE, "AssumeRolePolicyDocument": trust("bedrock.amazonaws.com")});
    world.attack("iam", "CreateRole", role);
    world.attack("iam", "PutRolePolicy", policy(both()));
    world.restore().await;
    world.plan_again_nothing().await;
    world
}

/// Somebody turns text off.
fn weaken(world: &World) {
    let off = [("/loggingConfig/textDataDeliveryEnabled".to_owned(), json!(false))];
    world.edit_logging(vec![reconciler_emulator::Edit::Set(off.into())]);
    world.emulator.clear_calls();
}

fn failure(applied: &Applied) -> String {
    let failed = applied.steps.values().find_map(|outcome| match outcome {
        StepOutcome::Failed { error, .. } => Some(error.clone()),
        _ => None,
    });
    failed.unwrap_or_else(|| panic!("no step failed: {:#?}", applied.steps))
}

/// h10. A role that cannot deliver: the service refuses, the error names the group, the role and what is missing, and the
/// configuration that was there is there still.
#[tokio::test]
async fn h10_a_role_that_cannot_deliver_is_named_and_nothing_is_written() {
    let broken: [(&str, Value, &str); 3] = [
        (
            "UpdateAssumeRolePolicy",
            json!({"RoleName": ROLE, "PolicyDocument": trust("lambda.amazonaws.com")}),
            "sts:AssumeRole to bedrock.amazonaws.com",
        ),
        (
            "PutRolePolicy",
            policy(json!("logs:CreateLogStream")),
            "allows logs:PutLogEvents on arn:aws:logs:eu-west-1:111122223333:log-group:/aws/bedrock/deliveries:",
        ),
        (
            "DeleteRolePolicy",
            json!({"RoleName": ROLE, "PolicyName": "deliver"}),
            "logs:CreateLogStream and logs:PutLogEvents",
        ),
    ];
    for (operation, body, missing) in broken {
        let world = built(LOGGING, Options::default()).await;
        weaken(&world);
        let before = world.direct_client().logging().await;
        world.attack("iam", operation, body);
        let planned = world.plan().await;
        let applied = world.apply(&planned).await;
        let error = failure(&applied);
        for part in ["Failed to validate permissions", GROUP, ROLE, missing] {
            assert!(error.contains(part), "{operation}: no `{part}` in {error}");
        }
        assert_eq!((applied.verified(), applied.not_verified()), (0, 1));
        assert_eq!(world.direct_client().logging().await, before, "{operation}: the previous configuration is intact");
        // It is drift still, and will be tried again: nobody called it done.
        let plan = world.plan().await.plan;
        assert_eq!((plan.summary.drifted, plan.steps.len()), (1, 1), "{}", told(&plan));
    }
}

/// h10. A log group that is gone is named; where it is declared it is made first, and logging is put back in the same run.
#[tokio::test]
async fn h10_a_log_group_that_is_gone_is_named_and_one_that_is_declared_is_made_first() {
    let world = built(LOGGING, Options::default()).await;
    world.attack("bedrock", "DeleteModelInvocationLoggingConfiguration", Value::Null);
    world.attack("logs", "DeleteLogGroup", json!({ "logGroupName": GROUP }));
    let planned = world.plan().await;
    let error = failure(&world.apply(&planned).await);
    assert!(error.contains("there is no log group /aws/bedrock/deliveries"), "{error}");
    assert!(world.direct_client().logging().await.is_null());

    let world = world.declaring(&format!("{LOGGING}{LOG_GROUP}")).await;
    let plan = world.restore().await;
    let kinds: Vec<&str> = plan.steps.iter().map(|step| step.address.kind.as_str()).collect();
    assert_eq!((kinds.first(), kinds.last()), (Some(&"log-group"), Some(&"invocation-logging")), "{kinds:?}");
    world.plan_again_nothing().await;
}

/// h10. A role that was just put right is not known everywhere yet: the write is tried again until it is, and then holds.
#[tokio::test]
async fn h10_a_role_that_is_new_is_waited_for() {
    let world = built(LOGGING, Options::default()).await;
    weaken(&world);
    let message = format!("Failed to validate permissions for log group: {GROUP}, with role: {ROLE}");
    let early = Effect::Error { code: "ValidationException".to_owned(), status: 400, message };
    world.inject(vec![times(2, on("PutModelInvocationLoggingConfiguration"), early)]);
    world.restore().await;
    let puts = world.written().into_iter().filter(|one| one == "PutModelInvocationLoggingConfiguration").count();
    assert_eq!(puts, 3, "refused twice");
    world.plan_again_nothing().await;
}

/// Another complaint about the request would be the same the next time: it is made once.
#[tokio::test]
async fn h10_another_refusal_is_not_repeated() {
    let world = built(LOGGING, Options::default()).await;
    weaken(&world);
    let message = "The bucket is in another region".to_owned();
    let wrong = Effect::Error { code: "ValidationException".to_owned(), status: 400, message };
    world.inject(vec![Fault::always(on("PutModelInvocationLoggingConfiguration"), wrong)]);
    let planned = world.plan().await;
    let error = failure(&world.apply(&planned).await);
    assert!(error.contains("another region") && !error.contains("nothing is seen"), "{error}");
    assert_eq!(world.written().iter().filter(|one| *one == "PutModelInvocationLoggingConfiguration").count(), 1);
}
