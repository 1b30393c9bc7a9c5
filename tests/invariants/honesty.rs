//! h22, h23, h24, h33, h36: what is said is what is so.

use std::time::Duration;

use reconciler_emulator::{Effect, Fault, Match};
use reconciler_engine::event::StepOutcome;
use reconciler_engine::saved;
use reconciler_model::codes;
use reconciler_model::desired::Wanted;
use reconciler_model::inventory::Gap;
use reconciler_model::permit::Approval;
use reconciler_model::plan::FORMAT;
use reconciler_model::verdict::Verdict;
use reconciler_tests::declarations::repository;
use reconciler_tests::direct_client::element;
use reconciler_tests::world::{World, is_mismatch, on, paths, times, told};
use serde_json::{Value, json};

const BOTH: &str = r#"
kind: guardrail
name: one
spec: &spec
  blockedInputMessaging: "No."
  blockedOutputsMessaging: "Withheld."
  contentPolicy:
    filters:
      - {type: HATE, inputStrength: HIGH, outputStrength: HIGH}
---
kind: guardrail
name: two
spec:
  blockedInputMessaging: "No."
  blockedOutputsMessaging: "Withheld."
  contentPolicy:
    filters:
      - {type: HATE, inputStrength: HIGH, outputStrength: HIGH}
"#;

const HATE: &str = "/contentPolicyConfig/filtersConfig/type=HATE/inputStrength";

async fn built() -> World {
    let world = World::small("empty", BOTH).await;
    world.restore().await;
    world.plan_again_nothing().await;
    world.emulator.clear_calls();
    world
}

async fn attacked() -> World {
    let world = built().await;
    world.set_guardrail("one", HATE, json!("NONE"));
    world.set_guardrail("two", HATE, json!("LOW"));
    // Callers run the weak content too, so each restore is an update and a new version.
    world.publish("one");
    world.publish("two");
    world
}

fn hate(answer: &Value) -> &Value {
    &element(&answer["contentPolicy"]["filters"], "type", "HATE")["inputStrength"]
}

fn refused(status: u16, code: &str) -> Effect {
    Effect::Error { code: code.into(), status, message: "no".into() }
}

/// Writes other than logging in.
fn written(world: &World) -> Vec<String> {
    world.written().into_iter().filter(|one| one != "AssumeRole").collect()
}

/// h22. cdkrd #631 #638, CIPP #5101: the write failed and the report said clean. A step whose call fails is failed, with the
/// code of the failure; what needs it is not tried; and the next plan still has the drift.
#[tokio::test]
async fn h22_a_write_that_fails_is_never_verified() {
    let world = attacked().await;
    let effects = [
        Effect::Deny,
        Effect::Throttle,
        Effect::Expired,
        refused(400, "ValidationException"),
        refused(500, "InternalServerException"),
    ];
    for effect in effects {
        world.inject(vec![Fault::always(on("UpdateGuardrail"), effect.clone())]);
        let planned = world.plan().await;
        let applied = world.apply(&planned).await;
        assert_eq!(applied.verified(), 0, "{effect:?}: {:#?}", applied.steps);
        assert_eq!(applied.steps.len(), 4);
        for step in planned.plan.steps.iter().filter(|step| step.action == "update") {
            assert!(matches!(applied.steps[&step.id], StepOutcome::Failed { .. }), "{effect:?}: {:#?}", applied.steps);
        }
        for step in planned.plan.steps.iter().filter(|step| step.action == "publish") {
            assert!(
                matches!(applied.steps[&step.id], StepOutcome::NotTried { .. }),
                "{effect:?}: {:#?}",
                applied.steps
            );
        }
        assert!(!world.written().contains(&"CreateGuardrailVersion".to_owned()));
        world.emulator.clear_faults();
        assert_eq!(world.plan().await.plan.summary.drifted, 2);
    }
    world.restore().await;
    world.plan_again_nothing().await;
}

/// h22, h36. ministack #1570, floci #2084: the API answers success and changes nothing. Read-back sees the old content, so
/// read-back is a mismatch, the version that would have published it is not made, and the next plan still has the drift.
#[tokio::test]
async fn h36_a_write_that_changes_nothing_is_a_mismatch() {
    let world = attacked().await;
    world.inject(vec![Fault::always(on("UpdateGuardrail"), Effect::NoOp)]);
    let planned = world.plan().await;
    let applied = world.apply(&planned).await;
    let broken: Vec<&StepOutcome> = applied.steps.values().filter(|outcome| is_mismatch(outcome)).collect();
    assert_eq!((broken.len(), applied.verified()), (2, 0), "{:#?}", applied.steps);
    let StepOutcome::Read(Verdict::Mismatch { differs }) = broken[0] else { panic!("{broken:#?}") };
    assert_eq!(differs[0].path.to_string(), "contentPolicy.filters.HATE.inputStrength");
    assert_eq!(differs[0].expected, "HIGH");
    assert!(!world.written().contains(&"CreateGuardrailVersion".to_owned()));
    world.emulator.clear_faults();
    assert_eq!(world.plan().await.plan.summary.drifted, 2);
    world.restore().await;
    world.plan_again_nothing().await;
}

/// h36 for every other write: whatever answers success without doing it, is not believed.
#[tokio::test]
async fn h36_no_kind_of_write_is_believed_without_read_back() {
    for operation in [
        "CreateGuardrail",
        "CreateGuardrailVersion",
        "PutModelInvocationLoggingConfiguration",
        "CreateLogGroup",
        "PutRetentionPolicy",
    ] {
        let declared = format!(
            "{BOTH}---\nkind: log-group\nname: /aws/bedrock/logs\nwhenStronger: undo\nspec: {{retentionInDays: 365}}\n---\nkind: invocation-logging\nspec:\n  \
             s3Config: {{bucketName: some-bucket}}\n  textDataDeliveryEnabled: true\n"
        );
        let world = World::small("empty", &declared).await;
        world.inject(vec![Fault::always(on(operation), Effect::NoOp)]);
        let planned = world.plan().await;
        let applied = world.apply(&planned).await;
        for step in planned.plan.steps.iter().filter(|step| step.call.operation == operation) {
            assert!(!applied.steps[&step.id].is_verified(), "{operation}: {:#?}", applied.steps);
        }
        world.emulator.clear_faults();
        assert!(world.plan().await.plan.summary.drifted > 0, "{operation}");
        world.restore().await;
        world.plan_again_nothing().await;
    }
}

/// h22. cdkrd #222 #1716: the read after the write was throttled, and the write counted as done. What cannot be read back is
/// inconclusive, which is neither done nor failed.
#[tokio::test]
async fn h22_a_read_back_that_is_throttled_is_unverified() {
    for effect in [Effect::Throttle, Effect::Deny] {
        let world = attacked().await;
        let planned = world.plan().await;
        // The fresh read before each write passes: one read of the DRAFT and one of the version each.
        world.inject(vec![Fault { skip: 4, ..Fault::always(on("GetGuardrail"), effect.clone()) }]);
        let applied = world.apply(&planned).await;
        assert_eq!(applied.verified(), 0, "{:#?}", applied.steps);
        let inconclusive =
            applied.steps.values().filter(|one| matches!(one, StepOutcome::Read(Verdict::Inconclusive { .. })));
        assert!(inconclusive.count() >= 1, "{effect:?}: {:#?}", applied.steps);
        assert!(!world.written().contains(&"CreateGuardrailVersion".to_owned()));
        world.emulator.clear_faults();
        world.restore().await;
        world.plan_again_nothing().await;
    }
}

/// h23. prowler #550 #12459 #11228: a list call that was denied, throttled or expired looked like "there are none", and
/// everything was created a second time. It is a gap with a code and a remedy; nothing is written there; the other accounts
/// and regions are evaluated all the same.
#[tokio::test]
async fn h23_a_read_that_failed_is_a_gap_and_never_absent() {
    let cases = [
        (Effect::Deny, codes::DENIED),
        (Effect::Throttle, codes::THROTTLED),
        (Effect::Expired, codes::EXPIRED_CREDENTIALS),
        (refused(400, "UnrecognizedClientException"), codes::WRONG_REGION),
        (refused(400, "SomethingNewException"), codes::AWS_ERROR),
    ];
    let reads = [
        "ListGuardrails",
        "GetGuardrail",
        "ListTagsForResource",
        "GetModelInvocationLoggingConfiguration",
        "DescribeLogGroups",
        "DescribeKey",
    ];
    for operation in reads {
        for (effect, code) in &cases {
            let world = World::whole("in-sync").await;
            let matching =
                Match { account: Some("222233334444".into()), region: Some("eu-west-1".into()), ..on(operation) };
            world.inject(vec![Fault::always(matching, effect.clone())]);
            let planned = world.plan().await;
            let plan = &planned.plan;
            let case = format!("{operation} {effect:?}: {}", told(plan));
            assert!(plan.drift.is_empty() && plan.steps.is_empty(), "{case}");
            assert!(!plan.gaps.is_empty() && plan.summary.gaps >= 1, "{case}");
            for gap in &plan.gaps {
                // The policy of the organization names guardrails there, and cannot be compared without them.
                let there = gap.scope.to_string() == "prod/eu-west-1" || gap.reason.contains("which it refers to");
                assert!(there && gap.code == *code, "{case}");
                assert!(gap.reason.contains(operation) && !gap.remedy.is_empty(), "{gap:?}");
            }
            assert_eq!(plan.summary.in_sync + plan.summary.gaps, plan.summary.addresses, "{case}");
            let there = |one: &&Wanted| one.address.account == "prod" && one.address.region == "eu-west-1";
            let others = plan.summary.addresses - world.wanted.iter().filter(there).count() - 1;
            assert!(plan.summary.in_sync >= others, "other scopes complete: {case}");
            world.apply(&planned).await;
            assert_eq!(written(&world), Vec::<String>::new(), "{case}");
            world.emulator.clear_faults();
            world.plan_again_nothing().await;
        }
    }
}

/// h23 at the role: an account whose role cannot be assumed is a gap in each of its regions, and the others are restored.
#[tokio::test]
async fn h23_an_account_that_cannot_be_entered_is_a_gap() {
    let world = World::whole("drifted").await;
    let matching = Match { account: Some("222233334444".into()), ..on("AssumeRole") };
    world.inject(vec![Fault::always(matching, Effect::Deny)]);
    let planned = world.plan().await;
    let plan = &planned.plan;
    let of_prod = |reason: &str| reason.contains("read prod/") && reason.contains("which it refers to");
    let known = |gap: &Gap| (gap.scope.account == "prod" || of_prod(&gap.reason)) && gap.code == codes::DENIED;
    assert!(plan.gaps.iter().all(known), "{}", told(plan));
    assert!(plan.drift.iter().all(|drift| drift.account != "prod") && !plan.steps.is_empty(), "{}", told(plan));
    let applied = world.apply(&planned).await;
    assert_eq!(applied.not_verified(), 0, "{:#?}", applied.steps);
    assert!(world.writes().iter().all(|call| call.account != "222233334444" || call.operation == "AssumeRole"));
    world.emulator.clear_faults();
    // A failure to assume a role is remembered for half a minute; another process has another memory.
    let world = world.waiting_at_most(Duration::from_secs(120)).await;
    world.converge(Approval::Operator).await.expect("approved");
    world.plan_again_nothing().await;
}

/// h23 where it is subtle: a guardrail is listed, and then its DRAFT, a version or its tags are not found. It is being
/// created, or deleted, or a version went; taken for absence it would be created a second time.
#[tokio::test]
async fn h23_a_part_that_is_not_found_does_not_make_the_whole_absent() {
    let world = built().await;
    let not_found = || refused(404, "ResourceNotFoundException");
    let get = |skip| Fault { skip, ..Fault::once(on("GetGuardrail"), not_found()) };
    let tags = Fault::once(on("ListTagsForResource"), not_found());
    // Nobody declares tags here, so that nothing declared is unknown without them.
    for (fault, gaps) in [(get(0), 1), (get(1), 1), (get(2), 1), (get(3), 1), (tags, 0)] {
        world.inject(vec![fault]);
        let planned = world.plan().await;
        assert_eq!((planned.plan.gaps.len(), planned.plan.steps.len()), (gaps, 0), "{}", told(&planned.plan));
        assert_eq!(planned.plan.drift, []);
        world.emulator.clear_faults();
    }
    assert_eq!(written(&world), Vec::<String>::new());
    world.plan_again_nothing().await;
}

/// h24. PutRemediationConfigurations, terraform #24078 (open): between plan and apply somebody changes the resource, and the
/// plan overwrites it blindly. The address that moved is skipped with BRX1104; the other one is restored.
#[tokio::test]
async fn h24_a_resource_that_moved_is_skipped_and_the_others_are_not() {
    let world = attacked().await;
    let planned = world.plan().await;
    world.set_guardrail("one", "/blockedInputMessaging", json!("Changed in between."));
    world.emulator.clear_calls();
    let applied = world.apply(&planned).await;
    for step in &planned.plan.steps {
        let outcome = &applied.steps[&step.id];
        match step.address.name.as_str() {
            "one" => assert!(
                matches!(outcome, StepOutcome::NotTried { code, .. } if *code == codes::MOVED || *code == codes::STEP_FAILED),
                "{outcome:?}"
            ),
            _ => assert!(outcome.is_verified(), "{outcome:?}"),
        }
    }
    let first = planned.plan.steps.iter().find(|step| step.address.name == "one").expect("a step");
    assert!(matches!(&applied.steps[&first.id], StepOutcome::NotTried { code, .. } if *code == codes::MOVED));
    assert_eq!(written(&world), ["UpdateGuardrail", "CreateGuardrailVersion"]);
    assert_eq!(hate(&world.direct_client().guardrail("one", "DRAFT").await), "NONE");
    world.restore().await;
    world.plan_again_nothing().await;
}

/// h24. A guardrail that was deleted and created again under the same name is another guardrail; so is one that is simply
/// gone, or one that appeared where the plan wanted to create it.
#[tokio::test]
async fn h24_a_resource_that_was_created_again_is_another_one() {
    let world = attacked().await;
    let planned = world.plan().await;
    world.attack("bedrock", "DeleteGuardrail", json!({"guardrailIdentifier": "guardrail:one"}));
    let create = json!({
        "name": "one", "blockedInputMessaging": "No.", "blockedOutputsMessaging": "Withheld.",
        "contentPolicyConfig": {"filtersConfig": [{"type": "HATE", "inputStrength": "NONE", "outputStrength": "HIGH"}]},
    });
    world.attack("bedrock", "CreateGuardrail", create.clone());
    let applied = world.apply(&planned).await;
    let first = planned.plan.steps.iter().find(|step| step.address.name == "one").expect("a step");
    assert!(
        matches!(&applied.steps[&first.id], StepOutcome::NotTried { code, .. } if *code == codes::MOVED),
        "{applied:#?}"
    );
    assert_eq!(hate(&world.direct_client().guardrail("one", "DRAFT").await), "NONE");
    world.restore().await;
    world.plan_again_nothing().await;

    world.attack("bedrock", "DeleteGuardrail", json!({"guardrailIdentifier": "guardrail:one"}));
    let planned = world.plan().await;
    world.attack("bedrock", "CreateGuardrail", create);
    let applied = world.apply(&planned).await;
    assert_eq!(applied.verified(), 0, "{applied:#?}");
    assert_eq!(world.direct_client().ids("one").await.len(), 1);
    world.restore().await;
    world.plan_again_nothing().await;
}

/// h33. terraform #37406 (open) #36403 (open): "no changes" with an exit code that says otherwise. Without changes the plan
/// has no drift, no step and no finding, and the summary says that every address is in sync.
#[tokio::test]
async fn h33_no_changes_is_in_sync() {
    let world = World::whole("in-sync").await;
    let plan = world.plan().await.plan;
    assert!(
        plan.drift.is_empty() && plan.steps.is_empty() && plan.findings.is_empty() && plan.gaps.is_empty(),
        "{}",
        told(&plan)
    );
    assert_eq!(plan.summary.addresses, world.wanted.len());
    assert_eq!(plan.summary.in_sync, plan.summary.addresses, "{}", told(&plan));
    assert_eq!((plan.summary.drifted, plan.summary.gaps, plan.summary.refused), (0, 0, 0));
    assert_eq!(plan.addresses_changed(), 0);
    assert_eq!(world.written().into_iter().filter(|one| one != "AssumeRole").count(), 0);
}

/// h22. A stale read right after a write is no mismatch: it is read again until the time is up.
#[tokio::test]
async fn h22_a_stale_read_back_is_read_again() {
    let mut world = attacked().await;
    // The past is over after six reads, however long these take.
    world.pace.consistency = Duration::from_secs(60);
    world.inject(vec![times(1, on("GetGuardrail"), Effect::Stale { reads: 6 })]);
    let plan = world.restore().await;
    assert_eq!(paths(&plan).len(), 4);
    world.emulator.clear_faults();
    world.plan_again_nothing().await;
}

/// The plan that is shown as an example is one, and its id is that of its content: an edited one is refused.
#[test]
fn the_example_is_a_plan() {
    let text = std::fs::read_to_string(repository().join("plans/example.json")).expect("a plan");
    let plan = saved::read(&text).expect("a plan");
    assert_eq!(plan.format, FORMAT);
    let mut edited = plan;
    edited.steps.clear();
    assert!(!edited.id_is_right());
}
