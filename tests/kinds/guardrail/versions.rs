//! h05: callers pin published versions, which never change, so restoring the DRAFT alone restores nothing
//! (kinds/guardrail/README.md, Versions).

use reconciler_emulator::{Effect, Fault};
use reconciler_model::alert;
use reconciler_model::codes;
use reconciler_model::control::AlertClass;
use reconciler_model::direction::Direction;
use reconciler_model::permit::Approval;
use reconciler_model::plan::{Finding, Plan, Severity};
use reconciler_tests::direct_client::element;
use reconciler_tests::world::{World, field, notes, on, paths, refusals, told};
use serde_json::{Value, json};

const GUARDRAIL: &str = r#"
kind: guardrail
name: payments
spec:
  description: Protection for payments.
  blockedInputMessaging: "No."
  blockedOutputsMessaging: "Withheld."
  contentPolicy:
    filters:
      - {type: HATE, inputStrength: HIGH, outputStrength: HIGH}
      - {type: VIOLENCE, inputStrength: HIGH, outputStrength: HIGH}
"#;

const HATE: &str = "/contentPolicyConfig/filtersConfig/type=HATE/inputStrength";

async fn built() -> World {
    let world = World::small("empty", GUARDRAIL).await;
    world.restore().await;
    world.plan_again_nothing().await;
    world.emulator.clear_calls();
    world
}

fn hate(answer: &Value) -> &Value {
    &element(&answer["contentPolicy"]["filters"], "type", "HATE")["inputStrength"]
}

/// h05. TF-awscc #2372 #2063: an attacker lowers a filter, publishes, and puts the DRAFT back; every tool that compares the
/// DRAFT says clean while callers run the weak version. Here the newest version is compared too, and a new one is published.
#[tokio::test]
async fn h05_a_weak_version_behind_a_clean_draft_is_drift() {
    let world = built().await;
    world.set_guardrail("payments", HATE, json!("NONE"));
    world.publish("payments");
    world.set_guardrail("payments", HATE, json!("HIGH"));

    let plan = world.plan().await.plan;
    assert_eq!(paths(&plan), ["publishedVersion.contentPolicy.filters.HATE.inputStrength"]);
    assert_eq!(plan.drift[0].direction, Direction::Weakened);
    assert!(notes(&plan).contains(&codes::OTHER_VERSIONS), "{}", told(&plan));
    let plan = world.restore().await;
    assert_eq!(plan.steps.iter().map(|step| step.action.as_str()).collect::<Vec<_>>(), ["publish"], "{}", told(&plan));
    assert_eq!(world.direct_client().versions("payments").await, [1, 2, 3]);
    assert_eq!(hate(&world.direct_client().newest("payments").await), "HIGH");
    world.plan_again_nothing().await;
}

/// h05. generative-ai-use-cases #641, TF-awscc #2372: CreateGuardrailVersion right after UpdateGuardrail snapshots the old
/// draft. The version is made only after the update has been read back READY, twice, and equal; it holds the restored content.
#[tokio::test]
async fn h05_a_version_is_made_only_after_ready_and_equal() {
    // UPDATING is answered to two reads, and READY does not flap.
    let options = reconciler_emulator::Options { settle_reads: 2, flap_probability: 0.0, ..Default::default() };
    let world = World::open("empty", options, &reconciler_tests::declarations::small(GUARDRAIL)).await;
    world.restore().await;
    world.set_guardrail("payments", HATE, json!("NONE"));
    world.publish("payments");
    world.emulator.clear_calls();
    world.restore().await;
    let calls: Vec<String> = world.emulator.calls().into_iter().map(|call| call.operation).collect();
    let update = calls.iter().position(|call| call == "UpdateGuardrail").expect("an update");
    let version = calls.iter().position(|call| call == "CreateGuardrailVersion").expect("a version");
    let reads = calls[update..version].iter().filter(|call| *call == "GetGuardrail").count();
    // Each read-back reads the DRAFT and the newest version: once UPDATING, then READY, then READY again.
    assert!(update < version && reads == 6, "{reads} reads: {calls:#?}");
    assert_eq!(hate(&world.direct_client().newest("payments").await), "HIGH");
    assert_eq!(world.direct_client().versions("payments").await, [1, 2, 3]);
    world.plan_again_nothing().await;
}

/// h05 (kinds/guardrail/README.md, DRAFT and READY). READY is answered once right after the update, and then UPDATING again. A
/// version that is made on the first READY snapshots the old content; two in a row are waited for, wherever among the reads the
/// first one falls.
#[tokio::test]
async fn h05_a_ready_that_flaps_is_not_believed() {
    for settle_reads in 0..6 {
        let options = reconciler_emulator::Options { settle_reads, flap_probability: 1.0, ..Default::default() };
        let world = World::open("empty", options, &reconciler_tests::declarations::small(GUARDRAIL)).await;
        world.restore().await;
        world.set_guardrail("payments", HATE, json!("NONE"));
        world.publish("payments");
        world.restore().await;
        assert_eq!(world.direct_client().versions("payments").await, [1, 2, 3], "{settle_reads} busy reads");
        assert_eq!(hate(&world.direct_client().newest("payments").await), "HIGH", "{settle_reads} busy reads");
        world.plan_again_nothing().await;
    }
}

/// h05. A guardrail whose update never settles gets no version: what a snapshot would hold is not known.
#[tokio::test]
async fn h05_no_version_of_a_draft_that_does_not_settle() {
    let options = reconciler_emulator::Options { settle_reads: 1_000_000, ..Default::default() };
    let sources = reconciler_tests::declarations::small(GUARDRAIL);
    let world = built().await;
    drop(world);
    let world = World::open("empty", options, &sources).await;
    let planned = world.plan().await;
    let applied = world.apply(&planned).await;
    assert_eq!((applied.verified(), applied.not_verified()), (0, 2), "{:#?}", applied.steps);
    assert!(!world.written().contains(&"CreateGuardrailVersion".to_owned()), "{:?}", world.written());
}

/// h05. "Restored" is not "effective": restoring what callers pin by number is reported with BRX1009, whether the tool
/// publishes or the declaration forbids it with `publish: false`.
#[tokio::test]
async fn h05_a_restored_draft_is_not_called_effective() {
    let world = built().await;
    world.set_guardrail("payments", HATE, json!("NONE"));
    world.publish("payments");
    let plan = world.plan().await.plan;
    let finding = plan.findings.iter().find(|one| one.code == codes::OTHER_VERSIONS).expect("a finding");
    assert!(finding.detail.contains("not effective") && finding.detail.contains('2'), "{}", finding.detail);

    let world = world.declaring(&format!("{GUARDRAIL}  publish: false\n")).await;
    let plan = world.restore().await;
    assert_eq!(plan.steps.iter().map(|step| step.action.as_str()).collect::<Vec<_>>(), ["update"]);
    assert!(notes(&plan).contains(&codes::OTHER_VERSIONS), "a DRAFT-only restore is not effective: {}", told(&plan));
    assert_eq!(hate(&world.direct_client().newest("payments").await), "NONE");
    world.plan_again_no_steps().await;
}

async fn with_twenty_versions() -> World {
    let mut world = built().await;
    for _ in 1..19 {
        world.publish("payments");
    }
    world.set_guardrail("payments", HATE, json!("NONE"));
    world.publish("payments");
    assert_eq!(world.direct_client().versions("payments").await.len(), 20);
    world.may_delete_versions = false;
    world.emulator.clear_calls();
    world
}

/// h05. Twenty versions are the limit, and it cannot be raised. Without permission to delete one, the DRAFT is restored,
/// publishing is refused with BRX1004, and nothing is deleted.
#[tokio::test]
async fn h05_no_version_is_deleted_without_permission() {
    let world = with_twenty_versions().await;
    let planned = world.plan().await;
    assert_eq!(refusals(&planned.plan), [codes::VERSIONS_FULL], "{}", told(&planned.plan));
    world.apply(&planned).await;
    assert!(!world.written().iter().any(|one| one.starts_with("Delete") || one == "CreateGuardrailVersion"));
    assert_eq!(world.direct_client().versions("payments").await, (1..=20).collect::<Vec<_>>());
    assert_eq!(hate(&world.direct_client().guardrail("payments", "DRAFT").await), "HIGH");
}

/// h05. With permission, the newest version that is not as declared and that the enforced configuration does not name makes
/// room, never one that is as declared, and the restored content is published.
#[tokio::test]
async fn h05_the_newest_unneeded_version_makes_room() {
    let mut world = with_twenty_versions().await;
    let id = world.direct_client().id("payments").await;
    let enforced = json!({"guardrailInferenceConfig": {"guardrailIdentifier": id, "guardrailVersion": "1"}});
    world.attack("bedrock", "PutEnforcedGuardrailConfiguration", enforced);
    world.may_delete_versions = true;
    let plan = world.restore().await;
    let actions: Vec<&str> = plan.steps.iter().map(|step| step.action.as_str()).collect();
    assert_eq!(actions, ["update", "delete-version", "publish"]);
    assert_eq!(world.body_of("DeleteGuardrail")["guardrailVersion"], "20");
    let left = world.direct_client().versions("payments").await;
    assert_eq!(left, (1..=19).chain([21]).collect::<Vec<_>>());
    assert_eq!(hate(&world.direct_client().newest("payments").await), "HIGH");
    world.plan_again_nothing().await;
}

/// One weak version, then nineteen more: the good one, which others name, is never what is deleted. Where the versions cannot
/// be read none is, and the DRAFT is restored all the same.
#[tokio::test]
async fn a_version_that_is_as_declared_never_makes_room() {
    let mut world = built().await;
    world.set_guardrail("payments", HATE, json!("NONE"));
    for _ in 1..20 {
        world.publish("payments");
    }
    world.may_delete_versions = true;
    let odd = Effect::UnknownField { pointer: "/guardrailsConfig".to_owned(), value: Value::Null };
    for effect in [Effect::Deny, odd] {
        world.inject(vec![Fault::always(on("ListEnforcedGuardrailsConfiguration"), effect)]);
        let plan = world.plan().await.plan;
        assert_eq!(refusals(&plan), [codes::VERSIONS_FULL], "{}", told(&plan));
        assert_eq!(plan.steps.iter().map(|step| step.action.as_str()).collect::<Vec<_>>(), ["update"]);
        assert!(plan.gaps.is_empty(), "{:?}", plan.gaps);
        world.emulator.clear_faults();
    }
    world.restore().await;
    let left = world.direct_client().versions("payments").await;
    assert_eq!(left, (1..=19).chain([21]).collect::<Vec<_>>());
    world.plan_again_nothing().await;
}

/// h05 without waste: an attack on the DRAFT alone leaves the newest version as declared. Restoring it publishes nothing,
/// because there are only twenty versions, and nineteen such attacks would use them up.
#[tokio::test]
async fn h05_no_version_is_spent_on_a_draft_that_nobody_published() {
    let world = built().await;
    for _ in 0..3 {
        world.set_guardrail("payments", HATE, json!("NONE"));
        world.restore().await;
    }
    assert_eq!(world.direct_client().versions("payments").await, [1]);
    assert_eq!(hate(&world.direct_client().newest("payments").await), "HIGH");
    world.plan_again_nothing().await;
}

/// A version's own description is the publisher's note, not the guardrail's: publishing with another one is no drift.
#[tokio::test]
async fn h05_the_description_of_a_version_is_no_drift() {
    let world = built().await;
    let body = json!({"guardrailIdentifier": "guardrail:payments", "description": "Release 7."});
    world.attack("bedrock", "CreateGuardrailVersion", body);
    world.plan_again_nothing().await;
}

/// A guardrail that never had a version is weaker than declared: callers have nothing to pin.
#[tokio::test]
async fn h05_a_guardrail_without_a_version_is_published() {
    let world = World::small("empty", &format!("{GUARDRAIL}  publish: false\n")).await;
    world.restore().await;
    assert!(world.direct_client().versions("payments").await.is_empty());
    let world = world.declaring(GUARDRAIL).await;
    let plan = world.restore().await;
    assert_eq!(field(&plan, "publishedVersion").direction, Direction::Weakened);
    assert_eq!(world.direct_client().versions("payments").await, [1]);
    world.plan_again_nothing().await;
}

/// READY is what a restore promises: a guardrail that the service gave up is drift, of a DRAFT and of a version, and never
/// verified.
#[tokio::test]
async fn what_the_service_gave_up_is_drift_and_never_verified() {
    let world = built().await;
    let failed = Effect::UnknownField { pointer: "/status".to_owned(), value: json!("FAILED") };
    world.inject(vec![Fault::always(on("GetGuardrail"), failed)]);
    let planned = world.plan().await;
    assert_eq!(paths(&planned.plan), ["publishedVersion.status", "status"], "{}", told(&planned.plan));
    assert_eq!(field(&planned.plan, "status").direction, Direction::Weakened);
    assert_eq!(planned.plan.steps[0].action, "update");
    let applied = world.apply(&planned).await;
    assert_eq!(applied.verified(), 0, "{:#?}", applied.steps);
    world.emulator.clear_faults();
    world.restore().await;
    world.plan_again_nothing().await;
}

/// A weak version between two good ones, which callers can still name.
async fn with_a_weak_version_between() -> World {
    let declaration = GUARDRAIL.replace("name: payments", "name: payments\ncontrols: [aws-genai-06]");
    let world = World::small("empty", &declaration).await;
    world.restore().await;
    world.set_guardrail("payments", HATE, json!("LOW"));
    world.publish("payments");
    world.set_guardrail("payments", HATE, json!("HIGH"));
    world.publish("payments");
    world.emulator.clear_calls();
    world
}

fn of_versions(plan: &Plan) -> Vec<&Finding> {
    plan.findings.iter().filter(|finding| finding.code == codes::WEAK_VERSION).collect()
}

/// What nobody restores is told for as long as it is there, and is no drift: a version never changes.
#[tokio::test]
async fn a_weak_version_that_callers_can_still_name_is_told_in_every_plan() {
    let world = with_a_weak_version_between().await;
    for _ in 0..2 {
        world.plan_again_nothing().await;
        let plan = world.plan().await.plan;
        let [finding] = of_versions(&plan)[..] else { panic!("{}", told(&plan)) };
        assert!(finding.detail.starts_with("version 2 protects less than declared"), "{}", finding.detail);
        assert_eq!(finding.severity, Severity::Note);
        let told: Vec<_> =
            finding.alerts.iter().map(|one| (one.control.as_str(), one.signal.as_str(), one.class)).collect();
        assert_eq!(told, [("aws-genai-06", alert::WEAK_VERSION, AlertClass::Ticket)]);
        world.restore().await;
    }
    // It goes on being told while something else drifts, with the one that the restore leaves behind.
    world.set_guardrail("payments", HATE, json!("NONE"));
    world.publish("payments");
    let plan = world.restore().await;
    assert!(of_versions(&plan)[0].detail.starts_with("version 2 protects"), "{}", told(&plan));
    let plan = world.plan().await.plan;
    assert!(of_versions(&plan)[0].detail.starts_with("versions 2 and 4 protect less"), "{}", told(&plan));
    for version in ["2", "4"] {
        let body = json!({"guardrailIdentifier": "guardrail:payments", "guardrailVersion": version});
        world.attack("bedrock", "DeleteGuardrail", body);
    }
    assert!(of_versions(&world.plan().await.plan).is_empty());
}

/// As declared or stronger is nothing to tell, whatever callers are told when they are blocked; what cannot be told from weaker
/// is.
#[tokio::test]
async fn an_older_version_is_told_only_where_it_protects_less_or_may() {
    let world = built().await;
    world.set_guardrail("payments", "/blockedInputMessaging", json!("Ask somebody else."));
    world.set_guardrail("payments", "/contentPolicyConfig/filtersConfig/type=HATE/outputAction", json!("BLOCK"));
    world.publish("payments");
    world.restore().await;
    assert_eq!(world.direct_client().versions("payments").await, [1, 2, 3]);
    assert!(of_versions(&world.plan().await.plan).is_empty());

    let topic = "  topicPolicy: {topics: [{name: advice, type: DENY, definition: Advice on what to buy.}]}\n";
    let world = World::small("empty", &format!("{GUARDRAIL}{topic}")).await;
    world.restore().await;
    world.set_guardrail("payments", "/topicPolicyConfig/topicsConfig/name=advice/definition", json!("Nothing."));
    world.publish("payments");
    world.restore().await;
    let plan = world.plan().await.plan;
    assert!(of_versions(&plan)[0].detail.starts_with("version 2 may protect less than declared"), "{}", told(&plan));
}

/// A version that cannot be read is a gap of that, and hides nothing else; one version costs no call.
#[tokio::test]
async fn an_older_version_that_cannot_be_read_is_a_gap_of_its_own() {
    let world = built().await;
    let gets = |world: &World| world.emulator.calls().iter().filter(|call| call.operation == "GetGuardrail").count();
    world.plan().await;
    assert_eq!(gets(&world), 2, "the DRAFT and the newest version");

    let world = with_a_weak_version_between().await;
    world.plan().await;
    assert_eq!(gets(&world), 4, "the DRAFT and three versions");
    // The DRAFT and the newest one are read first.
    let denied = Fault { skip: 2, ..Fault::always(on("GetGuardrail"), Effect::Deny) };
    world.inject(vec![denied]);
    let plan = world.plan().await.plan;
    let [gap] = &plan.gaps[..] else { panic!("{}", told(&plan)) };
    assert_eq!(gap.fields, ["olderVersions"]);
    assert!(gap.reason.contains("versions 1 and 2"), "{}", gap.reason);
    assert_eq!(gap.alerts.first().map(|alert| alert.class), Some(AlertClass::Page), "no calmer than what it may hide");
    assert!(plan.drift.is_empty() && plan.summary.in_sync < plan.summary.addresses, "{}", told(&plan));
}

async fn pinned(newest: u32) -> World {
    let world = with_a_weak_version_between().await;
    let id = world.direct_client().id("payments").await;
    world.pinning("versions:payments", &format!("{id}:{newest}"))
}

fn unknown(plan: &Plan) -> Vec<String> {
    plan.drift
        .iter()
        .flat_map(|drift| &drift.fields)
        .map(|field| format!("{} {}", field.path, field.direction))
        .collect()
}

/// As declared, and its first version is pinned.
async fn pinned_in_sync(declaration: &str) -> World {
    let world = World::small("empty", declaration).await;
    world.restore().await;
    let id = world.direct_client().id("payments").await;
    world.pinning("versions:payments", &format!("{id}:1"))
}

const LOW: &str = "contentPolicy.filters.HATE.inputStrength weakened";

/// A weak version that came after the pin is drift, and nothing is in sync, until people delete it or pin it.
#[tokio::test]
async fn a_weak_version_that_came_after_the_pin_is_drift() {
    let world = pinned(1).await;
    for _ in 0..2 {
        let plan = world.plan().await.plan;
        assert_eq!(unknown(&plan), [format!("olderVersions.2.{LOW}")], "{}", told(&plan));
        assert_eq!(plan.drift[0].fields[0].live, "LOW");
        assert_eq!((plan.drift[0].alerts[0].class, plan.steps.len()), (AlertClass::Ticket, 0), "{}", told(&plan));
        world.converge(Approval::Operator).await.expect("approved");
    }
    assert!(unknown(&pinned(3).await.plan().await.plan).is_empty(), "it was there when somebody pinned");
    // The versions of another guardrail say nothing of those of this one.
    let world = world.pinning("versions:payments", "anotherone01:3");
    assert_eq!(unknown(&world.plan().await.plan), [format!("olderVersions.2.{LOW}")]);
    let body = json!({"guardrailIdentifier": "guardrail:payments", "guardrailVersion": "2"});
    world.attack("bedrock", "DeleteGuardrail", body);
    world.plan_again_nothing().await;
}

/// Whoever weakens a version and publishes a good one himself does not make the page calmer.
#[tokio::test]
async fn a_filter_that_does_nothing_pages_in_an_older_version_too() {
    let declaration = GUARDRAIL.replace("name: payments", "name: payments\ncontrols: [aws-genai-02]");
    let world = pinned_in_sync(&declaration).await;
    world.set_guardrail("payments", HATE, json!("NONE"));
    world.publish("payments");
    let first = world.plan().await.plan.drift[0].alerts[0].clone();
    assert_eq!(first.class, AlertClass::Page);
    world.set_guardrail("payments", HATE, json!("HIGH"));
    world.publish("payments");
    assert_eq!(world.plan().await.plan.drift[0].alerts[0], first);
    // Two of one content are told once.
    world.set_guardrail("payments", HATE, json!("NONE"));
    world.publish("payments");
    world.publish("payments");
    world.set_guardrail("payments", HATE, json!("HIGH"));
    world.publish("payments");
    let plan = world.plan().await.plan;
    assert_eq!(unknown(&plan), [format!("olderVersions.\"2,4-5\".{LOW}")]);
}

/// The version that a restore takes the place of was told of with it, and is left behind. Every other one is drift: what comes
/// later, and what was there before and never the newest that was restored.
#[tokio::test]
async fn the_version_that_a_restore_replaces_is_known_and_no_other() {
    let world = pinned_in_sync(GUARDRAIL).await;
    world.set_guardrail("payments", HATE, json!("LOW"));
    world.publish("payments");
    world.restore().await;
    world.plan_again_nothing().await;
    assert_eq!(of_versions(&world.plan().await.plan).len(), 1);
    world.set_guardrail("payments", HATE, json!("NONE"));
    world.publish("payments");
    world.set_guardrail("payments", HATE, json!("HIGH"));
    world.publish("payments");
    let open = [format!("olderVersions.4.{LOW}")];
    assert_eq!(unknown(&world.plan().await.plan), open);
    // A restore of the DRAFT alone says nothing of versions, and neither does one that publishes over another version.
    world.set_guardrail("payments", "/description", json!("Somebody's."));
    world.converge(Approval::Operator).await.expect("approved");
    assert_eq!(unknown(&world.plan().await.plan), open);
    world.set_guardrail("payments", HATE, json!("LOW"));
    world.publish("payments");
    world.converge(Approval::Operator).await.expect("approved");
    assert_eq!(unknown(&world.plan().await.plan), open);
}

/// What was to be published and never was leaves the version that callers name as unknown as it was.
#[tokio::test]
async fn a_publish_that_failed_makes_nothing_known() {
    let world = pinned_in_sync(GUARDRAIL).await;
    world.set_guardrail("payments", HATE, json!("LOW"));
    world.publish("payments");
    world.inject(vec![Fault::always(on("CreateGuardrailVersion"), Effect::Deny)]);
    world.converge(Approval::Operator).await.expect("approved");
    world.emulator.clear_faults();
    world.set_guardrail("payments", HATE, json!("HIGH"));
    world.publish("payments");
    assert_eq!(unknown(&world.plan().await.plan), [format!("olderVersions.2.{LOW}")]);
}

/// No step restores an older version, so nobody changes it back: whatever else is restored beside it, and however often.
#[tokio::test]
async fn an_older_version_never_flaps() {
    let mut world = pinned(1).await;
    world.undone_at_most = Some(2);
    for text in ["One.", "Two.", "Three.", "Four."] {
        world.set_guardrail("payments", "/blockedInputMessaging", json!(text));
        world.converge(Approval::Operator).await.expect("approved");
        world.set_guardrail("payments", HATE, json!(if text == "Two." { "LOW" } else { "HIGH" }));
        world.converge(Approval::Operator).await.expect("approved");
    }
    let plan = world.plan_remembering().await.plan;
    assert!(unknown(&plan).contains(&format!("olderVersions.2.{LOW}")), "{}", told(&plan));
    assert!(
        plan.flapping.iter().all(|one| !one.fields.iter().any(|field| field.contains("olderVersions"))),
        "{:?}",
        plan.flapping
    );
}
