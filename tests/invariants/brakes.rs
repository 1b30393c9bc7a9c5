//! A brake never shields an attacker: what is weakened is restored or somebody is paged, whatever was edited before or beside it.

use std::sync::atomic::{AtomicI64, Ordering};

use jiff::{SignedDuration, Timestamp};
use reconciler_emulator::{Effect, Fault, Match};
use reconciler_engine::event::StepOutcome;
use reconciler_model::attribution::Attribution;
use reconciler_model::codes;
use reconciler_model::control::AlertClass;
use reconciler_model::permit::Approval;
use reconciler_model::plan::{Plan, Severity};
use reconciler_tests::direct_client::DirectClient;
use reconciler_tests::world::{World, step, told};
use serde_json::{Value, json};

const POLICY: Approval = Approval::StandingPolicy { max_changes: 20 };
const PROD: &str = "222233334444";
const PLACE: &str = "us-east-1";
const HATE: &str = "/contentPolicyConfig/filtersConfig/type=HATE/inputStrength";

/// How many minutes each of the tests that need it is ahead of the time.
static AHEAD: [AtomicI64; 3] = [const { AtomicI64::new(0) }; 3];

fn ahead<const OF: usize>() -> Timestamp {
    Timestamp::now() + SignedDuration::from_mins(AHEAD[OF].load(Ordering::Relaxed))
}

async fn shipped() -> World {
    let mut world = World::whole("in-sync").await;
    world.undone_at_most = Some(2);
    // The one guardrail that these attacks are about.
    world.wanted.retain(|one| one.address.to_string() == "prod/us-east-1/guardrail/baseline");
    world
}

/// Somebody else changes one member of the guardrail of production.
fn set(world: &World, pointer: &str, value: Value) {
    let edit = reconciler_emulator::Edit::Set([(pointer.to_owned(), value)].into());
    let mut step = step("bedrock", "UpdateGuardrail", json!({"guardrailIdentifier": "guardrail:baseline"}), vec![edit]);
    step.accounts = reconciler_emulator::Accounts::Named(vec!["prod".to_owned()]);
    step.regions = Some(vec![PLACE.to_owned()]);
    world.play(step);
}

async fn hate(world: &World) -> Value {
    let draft = DirectClient::new(&world.emulator, PROD, PLACE).guardrail("baseline", "DRAFT").await;
    let filters = draft["contentPolicy"]["filters"].as_array().cloned().unwrap_or_default();
    filters.iter().find(|one| one["type"] == "HATE").map(|one| one["inputStrength"].clone()).unwrap_or_default()
}

fn pages(plan: &Plan) -> bool {
    let drift = plan.drift.iter().flat_map(|drift| &drift.alerts);
    let flapping = plan.flapping.iter().flat_map(|one| &one.alerts);
    drift.chain(flapping).any(|alert| alert.class == AlertClass::Page)
}

/// Weakened a dozen times, with harmless edits before each: every time it is restored, or it is paged with the flapping named,
/// and the restores go on.
#[tokio::test]
async fn a_weakening_is_restored_or_paged_whatever_was_edited_before_it() {
    let mut world = shipped().await;
    world.clock = ahead::<0>;
    let mut restored = 0;
    let mut waited = 0;
    for minute in 0..30 {
        AHEAD[0].store(minute, Ordering::Relaxed);
        set(&world, "/description", json!(format!("edit {minute}")));
        set(&world, HATE, json!("NONE"));
        let first = world.plan_remembering().await.plan;
        assert!(pages(&first), "{}", told(&first));
        world.converge(POLICY).await.expect("within the policy");
        let after = world.plan_remembering().await.plan;
        if hate(&world).await == "HIGH" {
            restored += 1;
            // From the third restore on the page stays open while it is as declared.
            assert_eq!(pages(&after), restored > 2, "{restored}: {}", told(&after));
        } else {
            waited += 1;
            assert!(pages(&after), "{}", told(&after));
            let flapping = after.flapping.first().expect("a contest");
            assert!(flapping.fields.iter().any(|field| field.contains("HATE")), "{flapping:?}");
            assert!(flapping.again_at.is_some(), "{flapping:?}");
        }
    }
    // After 0, 1 (the second), and then 1, 2, 4, 8, 8 minutes.
    assert!((6..=9).contains(&restored), "{restored} restored, {waited} waited");
    AHEAD[0].store(300, Ordering::Relaxed);
    world.converge(POLICY).await.expect("within the policy");
    assert_eq!(hate(&world).await, "HIGH");
}

/// Eight harmless edits that were undone stand in nobody's way.
#[tokio::test]
async fn harmless_edits_never_count_against_a_weakening() {
    let world = shipped().await;
    for edit in 0..8 {
        set(&world, "/description", json!(format!("edit {edit}")));
        world.converge(POLICY).await.expect("within the policy");
    }
    let plan = world.plan_remembering().await.plan;
    assert!(plan.drift.iter().all(|drift| drift.alerts.iter().all(|alert| alert.class == AlertClass::Inform)));
    set(&world, HATE, json!("NONE"));
    world.converge(POLICY).await.expect("within the policy");
    assert_eq!(hate(&world).await, "HIGH");
}

/// A member that is not declared, and that is another one each time, does not make it another restore.
#[tokio::test]
async fn an_undeclared_member_does_not_evade_the_count() {
    let world = shipped().await;
    for number in 0..3 {
        // CloudTrail tells whole seconds.
        tokio::time::sleep(std::time::Duration::from_millis(1_100)).await;
        set(&world, "/wordPolicyConfig/wordsConfig", json!([{ "text": format!("word {number}") }]));
        set(&world, HATE, json!("NONE"));
        world.converge(POLICY).await.expect("within the policy");
    }
    let plan = world.plan_remembering().await.plan;
    assert_eq!(hate(&world).await, "NONE", "the third is held up: {}", told(&plan));
    let flapping = plan.flapping.first().unwrap_or_else(|| panic!("no contest: {}", told(&plan)));
    assert_eq!(flapping.times, 2);
    let Some(Attribution::Known { event, .. }) = &flapping.by else { panic!("nobody is named: {flapping:?}") };
    assert!(event.principal.ends_with("Developer/mallory"), "{event:?}");
    // What was never changed back is restored at once, and the rest with it.
    set(&world, "/contentPolicyConfig/filtersConfig/type=VIOLENCE/inputStrength", json!("NONE"));
    world.converge(POLICY).await.expect("within the policy");
    assert_eq!(hate(&world).await, "HIGH");
}

/// An operator is not held up.
#[tokio::test]
async fn an_operator_is_not_held_up() {
    let mut world = shipped().await;
    for _ in 0..3 {
        set(&world, HATE, json!("NONE"));
        world.converge(POLICY).await.expect("within the policy");
    }
    assert_eq!(hate(&world).await, "NONE");
    world.undone_at_most = None;
    world.converge(Approval::Operator).await.expect("approved");
    assert_eq!(hate(&world).await, "HIGH");
}

/// What is held up says so, with its code and its reason.
#[tokio::test]
async fn what_is_held_up_is_told() {
    let world = shipped().await;
    for _ in 0..2 {
        set(&world, HATE, json!("NONE"));
        world.converge(POLICY).await.expect("within the policy");
    }
    set(&world, HATE, json!("NONE"));
    let converged = world.converge(POLICY).await.expect("within the policy");
    assert!(converged.rounds.is_empty());
    let after = converged.after.expect("a plan");
    let refused = after.findings.iter().find(|one| one.severity == Severity::Refused).expect("a refusal");
    assert_eq!(refused.code, codes::FLAPPING);
    assert!(refused.detail.contains("HATE") && refused.detail.contains("2 times"), "{}", refused.detail);
    assert!(pages(&after));
}

/// Somebody touches the resource each time between the plan and the write: it is planned again at once, and restored when he is
/// late but once; where he never is, he is told of.
#[tokio::test]
async fn what_is_touched_all_the_time_is_restored_or_paged() {
    use reconciler_emulator::{Accounts, Edit, Effect, Fault, Match, Times};
    for (touches, restored) in [(3, true), (1_000_000, false)] {
        let world = shipped().await;
        set(&world, HATE, json!("NONE"));
        let edit = Edit::Set([("/description".to_owned(), json!("touched ${count}"))].into());
        let mut touch =
            step("bedrock", "UpdateGuardrail", json!({"guardrailIdentifier": "guardrail:baseline"}), vec![edit]);
        touch.accounts = Accounts::Named(vec!["prod".to_owned()]);
        touch.regions = Some(vec![PLACE.to_owned()]);
        // After the reads of the plan, before those of the write.
        let matching = Match {
            operation: Some("ListTagsForResource".to_owned()),
            service: Some("bedrock".to_owned()),
            account: Some(PROD.to_owned()),
            region: Some(PLACE.to_owned()),
            ..Match::default()
        };
        world.inject(vec![Fault {
            times: Times::Count(touches),
            ..Fault::once(matching, Effect::Meanwhile { steps: vec![touch] })
        }]);
        let converged = world.converge(POLICY).await.expect("within the policy");
        let moved = converged
            .rounds
            .iter()
            .flat_map(|round| round.applied.steps.values())
            .filter(|outcome| matches!(outcome, StepOutcome::NotTried { code, .. } if *code == codes::MOVED));
        assert!(moved.count() > 0, "nothing was touched in time");
        let after = converged.after.expect("a plan");
        assert_eq!(hate(&world).await == "HIGH", restored, "{}", told(&after));
        if !restored {
            assert!(pages(&after), "{}", told(&after));
            let told_of =
                after.findings.iter().any(|one| one.code == codes::MOVED && one.severity == Severity::Refused);
            assert!(told_of, "{}", told(&after));
        }
    }
}

/// A dozen weakenings of different weight, and room for three: the most severe are restored, the others are named, and the next
/// runs do the rest.
#[tokio::test]
async fn the_most_severe_go_first_where_there_is_not_room_for_all() {
    let world = World::whole("drifted").await;
    let plan = world.plan().await.plan;
    let urgency = |plan: &Plan, address: &str| {
        let drift = plan.drift.iter().find(|drift| drift.address.to_string() == address);
        drift.and_then(|drift| drift.alerts.first()).map(|alert| (alert.class, alert.deadline_minutes))
    };
    let narrow = Approval::StandingPolicy { max_changes: 3 };
    let converged = world.converge(narrow.clone()).await.expect("it does what it may");
    let after = converged.after.expect("a plan");
    let wrote: std::collections::BTreeSet<String> = converged
        .rounds
        .iter()
        .flat_map(|round| &round.approved.plan().steps)
        .map(|step| step.address.to_string())
        .collect();
    assert_eq!(wrote.len(), 3, "{wrote:?}");
    let first = &converged.rounds[0].approved.plan();
    let left: Vec<_> = first.findings.iter().filter(|one| one.severity == Severity::Left).collect();
    assert!(left.len() > 3 && left.iter().all(|one| one.code == codes::BLAST_RADIUS), "{}", told(first));
    assert!(first.id_is_right());
    let worst_left = left.iter().filter_map(|one| urgency(&plan, &one.address.to_string())).min();
    let least_written = wrote.iter().filter_map(|one| urgency(&plan, one)).max();
    assert!(least_written <= worst_left, "{least_written:?} before {worst_left:?}");
    assert!(after.steps.is_empty() && after.findings.iter().any(|one| one.severity == Severity::Left));
    // Each run goes on where the last one stopped.
    for _ in 0..12 {
        world.converge(narrow.clone()).await.expect("it does what it may");
    }
    world.plan_again_nothing().await;
}

/// Whoever keeps the most urgent restores from being made, as many as there is room for, does not keep the others from being tried.
#[tokio::test]
async fn what_fails_each_time_does_not_take_all_the_room() {
    let world = World::whole("aws-genai-06").await;
    let plan = world.plan().await.plan;
    let first = plan.drift.iter().find(|drift| drift.alerts.first().is_some_and(|one| one.class == AlertClass::Page));
    let first = first.expect("a page").address.clone();
    assert!(plan.drift.len() > 1 && plan.steps.iter().any(|step| step.address == first), "{}", told(&plan));
    let here =
        Match { operation: Some("UpdateGuardrail".into()), account: Some("333344445555".into()), ..Match::default() };
    assert_eq!(first.account, "staging");
    let refused = Effect::Error { code: "ValidationException".into(), status: 400, message: String::new() };
    world.inject(vec![Fault::always(here, refused)]);
    for _ in 0..2 {
        world.converge(Approval::StandingPolicy { max_changes: 1 }).await.expect("it does what it may");
    }
    let left: Vec<String> = world.plan().await.plan.drift.iter().map(|drift| drift.address.to_string()).collect();
    assert_eq!(left, [first.to_string()]);
}

/// What needs something that there is no room for is left with it.
#[tokio::test]
async fn what_needs_what_is_left_is_left_too() {
    let planned = World::whole("drifted").await.plan().await.plan;
    for most in 0..planned.addresses_changed() {
        let plan = planned.clone().within(most, &Default::default(), &Default::default());
        assert!(plan.addresses_changed() <= most);
        assert!(plan.id_is_right());
        let kept: Vec<&str> = plan.steps.iter().map(|step| step.id.as_str()).collect();
        for step in &plan.steps {
            assert!(
                step.needs.iter().all(|need| kept.contains(&need.as_str())),
                "{most}: {} needs {:?}",
                step.id,
                step.needs
            );
        }
        let left = plan.findings.iter().filter(|one| one.severity == Severity::Left).count();
        assert_eq!(left + plan.addresses_changed(), planned.addresses_changed());
    }
    assert_eq!(planned.clone().within(planned.addresses_changed(), &Default::default(), &Default::default()), planned);
}

/// What may pass pages when it was not read for longer than its alert allows; at once where that is not known, and a denial at once.
#[tokio::test]
async fn a_throttle_pages_once_its_time_is_over() {
    use reconciler_emulator::{Effect, Fault};
    use reconciler_tests::world::on;
    fn gaps_page(plan: &Plan) -> bool {
        assert!(!plan.gaps.is_empty(), "{}", told(plan));
        plan.gaps.iter().flat_map(|gap| &gap.alerts).any(|alert| alert.class == AlertClass::Page)
    }
    let mut world = World::whole("in-sync").await;
    world.clock = ahead::<1>;
    world.wanted.retain(|one| one.address.kind == "log-group");
    world.converge(POLICY).await.expect("nothing to do");
    world.inject(vec![Fault::always(on("DescribeLogGroups"), Effect::Throttle)]);
    assert!(gaps_page(&world.plan().await.plan), "nothing is known of former runs");
    AHEAD[1].store(3, Ordering::Relaxed);
    assert!(!gaps_page(&world.plan_remembering().await.plan));
    world.converge(POLICY).await.expect("nothing to do");
    AHEAD[1].store(6, Ordering::Relaxed);
    assert!(gaps_page(&world.plan_remembering().await.plan), "looking again does not begin the time anew");
    world.emulator.clear_faults();
    world.converge(POLICY).await.expect("nothing to do");
    world.inject(vec![Fault::always(on("DescribeLogGroups"), Effect::Deny)]);
    assert!(gaps_page(&world.plan_remembering().await.plan), "a denial does not pass");
    world.emulator.clear_faults();
    world.inject(vec![Fault::always(on("DescribeLogGroups"), Effect::Throttle)]);
    assert!(!gaps_page(&world.plan_remembering().await.plan));
    std::fs::write(world.folder().path().join("last-read.json"), "{").expect("written");
    assert!(gaps_page(&world.plan_remembering().await.plan), "what cannot be read tells nothing");
}

/// Somebody weakens the DRAFT right before each publish. One version is lost to it, and not one in each run: the DRAFT goes on
/// being restored, the newest version pages with the reason, it is tried again later, and an operator may at once.
#[tokio::test]
async fn a_publish_in_vain_does_not_use_up_the_versions() {
    use reconciler_emulator::{Accounts, Edit, Effect, Fault, Match};
    let mut world = shipped().await;
    world.undone_at_most = Some(100);
    world.clock = ahead::<2>;
    let edit = Edit::Set([(HATE.to_owned(), json!("NONE"))].into());
    let mut weaken =
        step("bedrock", "UpdateGuardrail", json!({"guardrailIdentifier": "guardrail:baseline"}), vec![edit]);
    weaken.accounts = Accounts::Named(vec!["prod".to_owned()]);
    weaken.regions = Some(vec![PLACE.to_owned()]);
    world.play(weaken.clone());
    let mut publish = weaken.clone();
    (publish.operation, publish.edits) = ("CreateGuardrailVersion".to_owned(), Vec::new());
    world.play(publish);
    let matching = Match { operation: Some("CreateGuardrailVersion".to_owned()), ..Match::default() };
    world.inject(vec![Fault::always(matching, Effect::Meanwhile { steps: vec![weaken] })]);
    let direct_client = DirectClient::new(&world.emulator, PROD, PLACE);
    let before = direct_client.versions("baseline").await.len();
    for minute in 0..5 {
        AHEAD[2].store(minute * 5, Ordering::Relaxed);
        world.converge(POLICY).await.expect("within the policy");
        let plan = world.plan_remembering().await.plan;
        assert!(pages(&plan), "{}", told(&plan));
    }
    assert_eq!(direct_client.versions("baseline").await.len(), before + 1);
    assert_eq!(hate(&world).await, "HIGH", "the DRAFT is restored all the same");
    let after = world.converge(POLICY).await.expect("within the policy").after.expect("a plan");
    let held = after.findings.iter().find(|one| one.code == codes::IN_VAIN).expect("a reason");
    assert_eq!(held.severity, Severity::Refused);
    AHEAD[2].store(90, Ordering::Relaxed);
    world.converge(POLICY).await.expect("within the policy");
    assert_eq!(direct_client.versions("baseline").await.len(), before + 2, "an hour later once more");
    world.emulator.clear_faults();
    world.undone_at_most = None;
    world.converge(Approval::Operator).await.expect("approved");
    assert_eq!(direct_client.versions("baseline").await.len(), before + 3);
    world.plan_again_nothing().await;
}

/// Versions that nobody can use stand after a good one: what refers to the newest goes on with the good one.
#[tokio::test]
async fn an_older_version_that_is_good_is_referred_to() {
    use reconciler_emulator::{Accounts, Edit};
    let mut world = World::whole("in-sync").await;
    world.wanted.retain(|one| {
        one.address.account == "prod"
            && one.address.region == PLACE
            && ["guardrail", "enforced-guardrail"].contains(&one.address.kind.as_str())
    });
    let mut weaken =
        step("bedrock", "UpdateGuardrail", json!({"guardrailIdentifier": "guardrail:baseline"}), Vec::new());
    weaken.accounts = Accounts::Named(vec!["prod".to_owned()]);
    weaken.regions = Some(vec![PLACE.to_owned()]);
    let mut publish = weaken.clone();
    publish.operation = "CreateGuardrailVersion".to_owned();
    let mut unenforce = publish.clone();
    (unenforce.operation, unenforce.body) =
        ("DeleteEnforcedGuardrailConfiguration".to_owned(), json!({"configId": "${enforced}"}));
    weaken.edits = vec![Edit::Set([(HATE.to_owned(), json!("NONE"))].into())];
    world.play(weaken.clone());
    let good = DirectClient::new(&world.emulator, PROD, PLACE).versions("baseline").await.len();
    // As many as there may be.
    for _ in good..20 {
        world.play(publish.clone());
    }
    world.play(unenforce.clone());
    let plan = world.plan().await.plan;
    let step = plan.steps.iter().find(|step| step.address.kind == "enforced-guardrail");
    let step = step.unwrap_or_else(|| panic!("enforcement waits: {}", told(&plan)));
    assert_eq!(step.expected_state.tree["guardrailVersion"], good.to_string(), "{}", told(&plan));
    world.converge(POLICY).await.expect("within the policy");
    let after = world.plan().await.plan;
    let open: Vec<&str> = after.drift.iter().map(|drift| drift.address.kind.as_str()).collect();
    assert_eq!(open, ["guardrail"], "enforced again, and the flood of versions pages: {}", told(&after));
    assert!(pages(&after));
}
