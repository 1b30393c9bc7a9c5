//! Accidents on the way: answers that are lost, throttles, late and stale reads. The restore converges, and nothing is made twice.

use reconciler_emulator::{Effect, Emulator, Fault, Match, Options};
use reconciler_tests::declarations::small;
use reconciler_tests::world::{World, on, times};
use serde_json::json;

const DECLARED: &str = r#"
kind: log-group
name: /aws/bedrock/logs
spec: {retentionInDays: 365, logGroupClass: STANDARD, deletionProtectionEnabled: true}
---
kind: invocation-logging
spec:
  cloudWatchConfig:
    logGroupName: ${ref:log-group//aws/bedrock/logs.name}
    roleArn: arn:${partition}:iam::${account.id}:role/bedrock-invocation-logging
  textDataDeliveryEnabled: true
---
kind: guardrail
name: payments
spec:
  blockedInputMessaging: "No."
  blockedOutputsMessaging: "Withheld."
  contentPolicy:
    filters:
      - {type: HATE, inputStrength: HIGH, outputStrength: HIGH}
  tags: [{key: owner, value: risk}]
"#;

const WRITES: &[&str] = &[
    "CreateGuardrail",
    "CreateGuardrailVersion",
    "CreateLogGroup",
    "PutRetentionPolicy",
    "PutModelInvocationLoggingConfiguration",
];

async fn made_once(world: &World) {
    assert_eq!(world.direct_client().ids("payments").await.len(), 1);
    assert_eq!(world.direct_client().versions("payments").await, [1]);
    world.plan_again_nothing().await;
}

/// The answer to a write is lost after it took effect. The SDK asks again with the same token, and gets the same answer:
/// one guardrail, one version.
#[tokio::test]
async fn a_lost_answer_makes_nothing_twice() {
    for operation in WRITES {
        let world = World::small("empty", DECLARED).await;
        world.inject(vec![times(1, on(operation), Effect::LostResponse)]);
        world.restore().await;
        made_once(&world).await;
    }
}

/// A log group is created, and the call that sets its retention is refused: it keeps events for ever, which counts as
/// stronger. It is empty, so the next run finishes the restore instead of keeping that.
#[tokio::test]
async fn a_log_group_that_was_cut_off_before_its_retention_is_finished() {
    let world = World::small("empty", DECLARED).await;
    world.inject(vec![times(1, on("PutRetentionPolicy"), Effect::Deny)]);
    let planned = world.plan().await;
    assert!(world.apply(&planned).await.not_verified() > 0);
    assert!(world.direct_client().log_group("/aws/bedrock/logs").await["retentionInDays"].is_null());
    world.restore().await;
    assert_eq!(world.direct_client().log_group("/aws/bedrock/logs").await["retentionInDays"], 365);
    made_once(&world).await;
}

/// Every answer to a write is lost, until the SDK gives up. The write is not known to have failed, so it is read back, found
/// to be done, and what needs it goes on.
#[tokio::test]
async fn a_write_whose_every_answer_is_lost_is_found_by_read_back() {
    for operation in WRITES {
        let world = World::small("empty", DECLARED).await;
        world.inject(vec![times(8, on(operation), Effect::LostResponse)]);
        world.restore().await;
        made_once(&world).await;
    }
}

/// The request is lost, not the answer: nothing was done, and it is done with the next attempt, in this run or in the next.
#[tokio::test]
async fn a_lost_request_is_made_again() {
    for operation in WRITES {
        let world = World::small("empty", DECLARED).await;
        world.inject(vec![times(2, on(operation), Effect::DropRequest)]);
        world.restore().await;
        made_once(&world).await;
        let world = World::small("empty", DECLARED).await;
        world.inject(vec![times(8, on(operation), Effect::DropRequest)]);
        let planned = world.plan().await;
        let applied = world.apply(&planned).await;
        assert!(applied.not_verified() > 0, "{operation}: {:#?}", applied.steps);
        world.restore().await;
        made_once(&world).await;
    }
}

/// Throttles, lost connections and internal errors strike at random, twelve seeds long, on reads and writes, while states
/// settle late. Within a few runs everything is as declared, and there is one guardrail with as many versions as were
/// published: never two guardrails.
#[tokio::test]
async fn random_accidents_do_not_keep_a_restore_from_converging() {
    for seed in 0..12 {
        let options = Options {
            seed,
            settle_reads: 3,
            flap_probability: 0.5,
            create_lag_reads: 2,
            guardrail_lag_reads: 1,
            ..Options::default()
        };
        let emulator = Emulator::scenario("empty", options).expect("a scenario");
        let chance = |matching: Match, then: Effect| Fault { probability: Some(0.12), ..Fault::always(matching, then) };
        let any = Match::default;
        emulator.inject(vec![
            chance(any(), Effect::Throttle),
            chance(any(), Effect::DropRequest),
            chance(any(), Effect::LostResponse),
            chance(
                any(),
                Effect::Error { code: "InternalServerException".into(), status: 500, message: "oops".into() },
            ),
        ]);
        let world = World::over(emulator, &small(DECLARED)).await;
        for _ in 0..4 {
            // Only the identity may fail the whole plan; everything else is a gap or a failed step.
            let planned = world.plan().await;
            world.apply(&planned).await;
        }
        world.emulator.clear_faults();
        world.restore().await;
        assert_eq!(world.direct_client().ids("payments").await.len(), 1, "seed {seed}");
        let versions = world.direct_client().versions("payments").await;
        assert_eq!(versions, [1], "seed {seed}: every retry has the token of the first attempt");
        world.plan_again_nothing().await;
    }
}

/// Reads that show the past right after a write do not make a second guardrail or a second version.
#[tokio::test]
async fn stale_reads_make_nothing_twice() {
    for reads in [1, 3, 8] {
        let world = World::small("empty", DECLARED).await;
        world.restore().await;
        let stale = |operation: &str| times(1, on(operation), Effect::Stale { reads });
        world.inject(vec![
            stale("GetGuardrail"),
            stale("ListGuardrails"),
            stale("GetModelInvocationLoggingConfiguration"),
        ]);
        world.set_guardrail("payments", "/contentPolicyConfig/filtersConfig/type=HATE/inputStrength", json!("NONE"));
        world.publish("payments");
        for _ in 0..12 {
            // The attack itself is still hidden by the stale reads.
            let planned = world.plan().await;
            world.apply(&planned).await;
        }
        world.emulator.clear_faults();
        world.restore().await;
        assert_eq!(world.direct_client().ids("payments").await.len(), 1);
        assert_eq!(world.direct_client().versions("payments").await, [1, 2, 3], "{reads} stale reads");
        world.plan_again_nothing().await;
    }
}

/// Latency changes nothing but the time.
#[tokio::test]
async fn slow_answers_are_waited_for() {
    let world = World::small("empty", DECLARED).await;
    world.inject(vec![Fault { probability: Some(0.3), ..Fault::always(Match::default(), Effect::Latency { ms: 15 }) }]);
    world.restore().await;
    made_once(&world).await;
}
