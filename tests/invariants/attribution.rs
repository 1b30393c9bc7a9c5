//! Attribution over the emulated AWS: who, when and since when; and "unknown" with its reason where something is missing.

use std::collections::BTreeSet;
use std::time::Duration;

use jiff::{SignedDuration, Timestamp};
use reconciler_emulator::{Effect, Emulator, Fault, Options, Times};
use reconciler_kinds::KINDS;
use reconciler_model::attribution::{Attribution, FieldAttribution, ResourceAttribution};
use reconciler_model::drift::Change;
use reconciler_tests::declarations;
use reconciler_tests::world::{World, on, step, told};
use serde_json::{Value, json};

const GUARDRAIL: &str = r#"
kind: guardrail
name: payments
spec:
  blockedInputMessaging: No.
  blockedOutputsMessaging: No.
  contentPolicy:
    filters:
      - {type: HATE, inputStrength: HIGH, outputStrength: HIGH}
      - {type: INSULTS, inputStrength: HIGH, outputStrength: HIGH}
"#;

const GROUP: &str =
    "{kind: log-group, name: /bedrock/logs, spec: {retentionInDays: 365, deletionProtectionEnabled: true}}";

fn filter(world: &World, actor: &str, kind: &str, strength: &str, at: &str) {
    let pointer = format!("/contentPolicyConfig/filtersConfig/type={kind}/inputStrength");
    let edit = reconciler_emulator::Edit::Set([(pointer, json!(strength))].into());
    let body = json!({"guardrailIdentifier": "guardrail:payments"});
    play(world, actor, at, step("bedrock", "UpdateGuardrail", body, vec![edit]));
}

fn play(world: &World, actor: &str, at: &str, mut step: reconciler_emulator::Step) {
    step.principal = format!("arn:${{partition}}:sts::${{account}}:assumed-role/Developer/{actor}");
    step.at = (!at.is_empty()).then(|| at.to_owned());
    world.play(step);
}

fn retention(world: &World, actor: &str, days: u32, at: &str) {
    let body = json!({"logGroupName": "/bedrock/logs", "retentionInDays": days});
    play(world, actor, at, step("logs", "PutRetentionPolicy", body, Vec::new()));
}

fn one<'a>(attributions: &'a [ResourceAttribution], path: &str) -> &'a FieldAttribution {
    let mut fields = attributions.iter().flat_map(|attribution| &attribution.fields);
    fields
        .find(|field| field.path.to_string() == path)
        .unwrap_or_else(|| panic!("no blame at {path}: {attributions:#?}"))
}

fn actor(field: &FieldAttribution) -> &str {
    match &field.by {
        Attribution::Known { event, .. } => event.session.as_deref().unwrap_or(&event.principal),
        Attribution::Unknown { reason, .. } => panic!("{}: unknown: {reason}", field.path),
    }
}

fn reason(field: &FieldAttribution) -> &str {
    match &field.by {
        Attribution::Known { event, .. } => panic!("{}: {event:?}", field.path),
        Attribution::Unknown { reason, .. } => reason,
    }
}

/// The world a minute after the last restore, as times in these tests are of whole seconds.
async fn settled(declaration: &str) -> World {
    let world = World::small("empty", declaration).await;
    world.restore().await;
    tokio::time::sleep(Duration::from_millis(1100)).await;
    world
}

/// Each built-in attack, on every kind: the one developer did it, and nobody else is blamed for anything.
#[tokio::test]
async fn every_attack_of_the_scenarios_is_the_developers() {
    let mut wrong = String::new();
    for (scenario, _) in
        Emulator::scenario_names().iter().filter(|(name, _)| name.starts_with("aws-") || *name == "drifted")
    {
        let world = World::whole(scenario).await;
        let planned = world.plan().await;
        for attribution in world.attribute(&planned).await {
            let drift =
                planned.plan.drift.iter().find(|drift| drift.address == attribution.address).expect("its drift");
            for field in &attribution.fields {
                let place = format!("{scenario}: {} {}", attribution.address, field.path);
                match &field.by {
                    Attribution::Known { event, .. } if event.session.as_deref() == Some("mallory") => {
                        assert!(event.source_address.is_some() && event.user_agent.is_some());
                        let (since, at) = (field.exposure.since.as_deref().expect("a beginning"), event.at.as_str());
                        assert!(since <= at, "{place}: {since} is after {at}");
                    }
                    // CloudTrail hides the name of a guardrail that is gone, and nothing here remembers its id.
                    Attribution::Unknown { candidates, .. }
                        if drift.kind == "guardrail" && drift.change == Change::Missing =>
                    {
                        assert!(candidates.iter().any(|one| one.session.as_deref() == Some("mallory")), "{place}");
                    }
                    other => wrong += &format!("{place}: {other:?}\n"),
                }
            }
        }
    }
    assert!(wrong.is_empty(), "{wrong}");
}

#[tokio::test]
async fn actors_that_interleave_are_told_apart() {
    let world = settled(GROUP).await;
    retention(&world, "alice", 30, "");
    let body = json!({"logGroupIdentifier": "/bedrock/logs", "deletionProtectionEnabled": false});
    play(&world, "bob", "", step("logs", "PutLogGroupDeletionProtection", body, Vec::new()));
    let attributions = world.attribute(&world.plan().await).await;
    assert_eq!(actor(one(&attributions, "retentionInDays")), "alice");
    assert_eq!(actor(one(&attributions, "deletionProtectionEnabled")), "bob");
    // Who changes it once more is who made it what it is; it was wrong since the first.
    tokio::time::sleep(Duration::from_millis(1100)).await;
    retention(&world, "carol", 7, "");
    let attributions = world.attribute(&world.plan().await).await;
    let field = one(&attributions, "retentionInDays");
    assert_eq!(actor(field), "carol");
    let Attribution::Known { event, earlier } = &field.by else { panic!() };
    assert_eq!(earlier.iter().map(|one| one.session.as_deref()).collect::<Vec<_>>(), [Some("alice")]);
    assert!(field.exposure.since.as_deref() < Some(event.at.as_str()), "{field:?}");
}

/// CloudTrail hides what UpdateGuardrail sets: two actors are two candidates, until a version that one of them published
/// shows how it was in between.
#[tokio::test]
async fn hidden_content_is_no_reason_to_guess() {
    let world = settled(GUARDRAIL).await;
    filter(&world, "alice", "HATE", "NONE", "");
    let attributions = world.attribute(&world.plan().await).await;
    assert_eq!(actor(one(&attributions, "contentPolicy.filters.HATE.inputStrength")), "alice");
    tokio::time::sleep(Duration::from_millis(1100)).await;
    filter(&world, "bob", "INSULTS", "LOW", "");
    let attributions = world.attribute(&world.plan().await).await;
    let unknown = one(&attributions, "contentPolicy.filters.HATE.inputStrength");
    assert!(reason(unknown).contains("alice") && reason(unknown).contains("bob"), "{unknown:?}");
    assert!(unknown.exposure.since.is_some() && unknown.exposure.perhaps_since.is_some());
}

#[tokio::test]
async fn a_version_tells_two_actors_apart() {
    let world = settled(GUARDRAIL).await;
    filter(&world, "alice", "HATE", "NONE", "");
    tokio::time::sleep(Duration::from_millis(1100)).await;
    let body = json!({"guardrailIdentifier": "guardrail:payments"});
    play(&world, "alice", "", step("bedrock", "CreateGuardrailVersion", body, Vec::new()));
    tokio::time::sleep(Duration::from_millis(1100)).await;
    filter(&world, "bob", "INSULTS", "LOW", "");
    let attributions = world.attribute(&world.plan().await).await;
    assert_eq!(actor(one(&attributions, "contentPolicy.filters.HATE.inputStrength")), "alice");
    assert_eq!(actor(one(&attributions, "contentPolicy.filters.INSULTS.inputStrength")), "bob");
    assert_eq!(actor(one(&attributions, "publishedVersion.contentPolicy.filters.HATE.inputStrength")), "alice");
}

/// h30: the tool's own writes are neither blamed nor taken for drift of others; another actor's flip is.
#[tokio::test]
async fn h30_own_writes_are_never_blamed() {
    let world = settled(GROUP).await;
    for (actor_of_round, days) in [("alice", 30), ("bob", 7)] {
        retention(&world, actor_of_round, days, "");
        let attributions = world.attribute(&world.plan().await).await;
        assert_eq!(actor(one(&attributions, "retentionInDays")), actor_of_round);
        tokio::time::sleep(Duration::from_millis(1100)).await;
        world.restore().await;
        tokio::time::sleep(Duration::from_millis(1100)).await;
    }
    // Another declaration is not somebody's deed: the last who wrote it was this program.
    let other = world.declaring(&GROUP.replace("365", "400")).await;
    let attributions = other.attribute(&other.plan().await).await;
    let field = one(&attributions, "retentionInDays");
    assert!(matches!(field.by, Attribution::Unknown { .. }) || actor(field) != "bob", "{field:?}");
}

/// A guardrail that this program has written to is known by its id even when it is gone.
#[tokio::test]
async fn who_deleted_a_guardrail_is_known_from_the_journal() {
    let world = settled(GUARDRAIL).await;
    play(
        &world,
        "mallory",
        "",
        step("bedrock", "DeleteGuardrail", json!({"guardrailIdentifier": "guardrail:payments"}), vec![]),
    );
    let planned = world.plan().await;
    assert_eq!(planned.plan.drift[0].change, Change::Missing, "{}", told(&planned.plan));
    let attributions = world.attribute(&planned).await;
    assert_eq!(actor(one(&attributions, "")), "mallory");
    // Asked after the restore it is the same.
    tokio::time::sleep(Duration::from_millis(1100)).await;
    world.restore().await;
    assert_eq!(actor(one(&world.attribute(&planned).await, "")), "mallory");
}

#[tokio::test]
async fn a_history_that_is_denied_is_no_answer() {
    let world = settled(GROUP).await;
    retention(&world, "alice", 30, "");
    let planned = world.plan().await;
    world.inject(vec![Fault { times: Times::Forever, ..Fault::once(on("LookupEvents"), Effect::Deny) }]);
    let attributions = world.attribute(&planned).await;
    let field = one(&attributions, "retentionInDays");
    assert!(reason(field).contains("AccessDenied") && reason(field).contains("could not be read"), "{field:?}");
    assert_eq!(field.exposure.since, None);
}

#[tokio::test]
async fn an_event_that_is_not_delivered_yet_is_waited_for() {
    let options = Options { cloudtrail_delay: Duration::from_secs(300), ..Options::default() };
    let world = World::open("empty", options, &declarations::small(GUARDRAIL)).await;
    world.restore().await;
    tokio::time::sleep(Duration::from_millis(1100)).await;
    filter(&world, "alice", "HATE", "NONE", "");
    let attributions = world.attribute(&world.plan().await).await;
    let field = one(&attributions, "contentPolicy.filters.HATE.inputStrength");
    assert!(reason(field).contains("ask again after"), "{field:?}");
}

#[tokio::test]
async fn a_history_that_is_too_long_is_cut_off_and_says_so() {
    let world = World::small("empty", GROUP).await;
    for name in ["/bedrock/logs", "/other"] {
        let body = json!({"logGroupName": name, "deletionProtectionEnabled": true});
        play(&world, "alice", "-4h", step("logs", "CreateLogGroup", body, Vec::new()));
    }
    retention(&world, "alice", 30, "-3h");
    for _ in 0..1001 {
        let body = json!({"logGroupName": "/other", "retentionInDays": 30});
        play(&world, "bob", "-1h", step("logs", "PutRetentionPolicy", body, Vec::new()));
    }
    let planned = world.plan().await;
    let attributions = world.attribute(&planned).await;
    let field = one(&attributions, "retentionInDays");
    assert!(reason(field).contains("more events than are read"), "{field:?}");
    // A time that leaves out what is not about it is read to its end.
    let calls = |world: &World| world.emulator.calls().iter().filter(|call| call.operation == "LookupEvents").count();
    let before = calls(&world);
    let since = Timestamp::now() - SignedDuration::from_mins(30);
    let attributions = world.attribute_since(&planned, Some(since)).await;
    assert!(matches!(one(&attributions, "retentionInDays").by, Attribution::Unknown { .. }));
    assert!(calls(&world) - before <= 12, "few calls");
}

/// A session of another role that calls itself like one of ours is somebody else's.
#[tokio::test]
async fn nobody_hides_behind_our_name() {
    let world = settled(GROUP).await;
    retention(&world, "bedrock-reconciler-20261120T100000Z-0badcafe", 30, "");
    let attributions = world.attribute(&world.plan().await).await;
    assert!(actor(one(&attributions, "retentionInDays")).starts_with("bedrock-reconciler-"));
}

#[tokio::test]
async fn failed_calls_are_nobodys_doing() {
    let world = settled(GROUP).await;
    retention(&world, "alice", 30, "");
    tokio::time::sleep(Duration::from_millis(1100)).await;
    let body = json!({"logGroupName": "/bedrock/logs", "retentionInDays": 31});
    let mut failing = step("logs", "PutRetentionPolicy", body, Vec::new());
    failing.error = Some("InvalidParameterException".to_owned());
    play(&world, "bob", "", failing);
    assert_eq!(actor(one(&world.attribute(&world.plan().await).await, "retentionInDays")), "alice");
}

/// The names that CloudTrail has for operations of S3 (kinds/log_bucket/README.md, Events).
fn event_name(operation: &str) -> &str {
    match operation {
        "PutPublicAccessBlock" => "PutBucketPublicAccessBlock",
        "DeletePublicAccessBlock" => "DeleteBucketPublicAccessBlock",
        "PutBucketLifecycleConfiguration" => "PutBucketLifecycle",
        other => other,
    }
}

/// Every write that a plan makes is an event that its kind knows.
#[tokio::test]
async fn every_write_of_our_own_is_in_the_table_of_its_kind() {
    let mut seen = BTreeSet::new();
    for scenario in ["bare", "drifted", "aws-genai-03", "aws-genai-09"] {
        let plan = World::whole(scenario).await.plan().await.plan;
        for step in &plan.steps {
            let kind = KINDS.iter().find(|kind| kind.name() == step.address.kind).expect("a kind");
            for call in [&step.call].into_iter().filter(|call| !is_read(&call.operation)) {
                let event = event_name(&call.operation);
                let source = format!("{}.amazonaws.com", call.service);
                let known = kind
                    .contract()
                    .trail_events
                    .iter()
                    .any(|trail_event| trail_event.event == event && trail_event.source == source);
                assert!(known, "{} does not know {source} {event}", kind.name());
                seen.insert((kind.name(), event.to_owned()));
            }
        }
    }
    assert!(seen.len() > 25, "{seen:?}");
}

fn is_read(operation: &str) -> bool {
    ["Get", "List", "Describe"].iter().any(|verb| operation.starts_with(verb))
}

/// Every operation that a resource client can write is an event that the kind knows; and every kind has a table.
#[test]
fn every_kind_has_its_table() {
    let mut listed = 0;
    for kind in KINDS {
        let trail_events = kind.contract().trail_events;
        assert!(!trail_events.is_empty(), "{}", kind.name());
        let folder = match kind.name() {
            "service-control-policy" | "bedrock-policy" => "shared/organizations".to_owned(),
            name => name.replace('-', "_"),
        };
        let folder = declarations::repository().join("reconciler/kinds/src").join(folder);
        let text = std::fs::read_to_string(folder.join("steps.rs")).expect("steps");
        let Some((_, variants)) = text.split_once("enum Operation {") else { continue };
        for variant in
            variants.split('}').next().unwrap_or("").split(',').map(str::trim).filter(|name| !name.is_empty())
        {
            let known = trail_events.iter().any(|trail_event| trail_event.event == event_name(variant));
            assert!(known, "{} does not know {variant}", kind.name());
            listed += 1;
        }
    }
    assert!(listed > 40, "{listed} operations: they are listed in another way");
}

/// Members that causes name exist in the normal form of the kind.
#[test]
fn members_of_the_tables_exist() {
    for kind in KINDS {
        let schema = serde_json::to_string(&kind.contract().schema()).expect("a schema");
        let members: BTreeSet<&str> =
            kind.contract().trail_events.iter().flat_map(|trail_event| trail_event.members).copied().collect();
        for member in members.into_iter().filter(|member| *member != "publishedVersion") {
            assert!(schema.contains(&format!("\"{member}\"")), "{} has no {member}", kind.name());
        }
    }
}

/// No event that is kept holds what its request held.
#[tokio::test]
async fn what_is_kept_of_an_event_has_no_parameters() {
    let world = settled(GROUP).await;
    retention(&world, "alice", 30, "");
    let attributions = world.attribute(&world.plan().await).await;
    let text = serde_json::to_string(&attributions).expect("JSON");
    let value: Value = serde_json::from_str(&text).expect("JSON");
    assert!(value[0]["fields"][0]["by"]["event"]["event_id"].is_string(), "{text}");
    for word in ["requestParameters", "ASIA", "AKIA", "accessKey"] {
        assert!(!text.contains(word), "{word} in {text}");
    }
}
