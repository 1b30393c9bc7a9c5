//! What is absent is new only where no witness ever saw it: neither pins, journal nor an event.

use reconciler_emulator::{Effect, Fault, Times};
use reconciler_model::alert::NEW;
use reconciler_model::codes;
use reconciler_model::control::AlertClass;
use reconciler_model::desired::Adoption;
use reconciler_model::direction::Direction;
use reconciler_model::drift::{Change, Drift};
use reconciler_model::first_seen;
use reconciler_model::permit::Approval;
use reconciler_tests::world::{World, on, told};
use serde_json::json;

const GROUP: &str = "{kind: log-group, name: /bedrock/logs, controls: [aws-genai-04], spec: {retentionInDays: 365}}";
const BOTH: &str = r"
{kind: log-group, name: /bedrock/logs, controls: [aws-genai-04], spec: {retentionInDays: 365}}
---
{kind: log-group, name: /bedrock/more, controls: [aws-genai-04], spec: {retentionInDays: 365}}
";

async fn first(declarations: &str) -> World {
    let mut world = World::small("empty", declarations).await;
    world.asks_past = true;
    world
}

async fn drift(world: &World) -> Drift {
    let plan = world.plan().await.plan;
    let [drift] = &plan.drift[..] else { panic!("one drift: {}", told(&plan)) };
    drift.clone()
}

fn is_missing(drift: &Drift) -> bool {
    drift.change == Change::Missing
        && drift.direction == Direction::Weakened
        && drift.alerts.iter().all(|alert| alert.class == AlertClass::Page)
}

fn is_new(drift: &Drift) -> bool {
    drift.change == Change::New
        && drift.direction == Direction::Neutral
        && drift.alerts.iter().all(|alert| alert.class == AlertClass::Inform && alert.signal == NEW)
}

fn delete(world: &World) {
    world.attack("logs", "DeleteLogGroup", json!({"logGroupName": "/bedrock/logs"}));
}

/// It is created like anything else that is missing; from then on the journal knows it.
#[tokio::test]
async fn what_never_was_there_is_new_until_it_is_created() {
    let world = first(GROUP).await;
    let drift = drift(&world).await;
    assert!(is_new(&drift) && !drift.alerts.is_empty(), "{drift:?}");
    assert!(!reconciler_engine::case::is_to_restore(&drift));
    world.converge(Approval::StandingPolicy { max_changes: 200 }).await.expect("approved");
    world.plan_again_nothing().await;
    delete(&world);
    assert!(is_missing(&self::drift(&world).await));
}

/// Each witness alone makes it missing: the journal, the event of the deletion, what was adopted, and a file that does not say.
#[tokio::test]
async fn each_witness_alone_is_enough() {
    // The event alone.
    let world = first(GROUP).await;
    world.attack("logs", "CreateLogGroup", json!({"logGroupName": "/bedrock/logs"}));
    delete(&world);
    assert!(world.records().is_empty() && is_missing(&drift(&world).await));
    // The pins alone.
    for adoption in [Adoption::Adopted, Adoption::NotSaid] {
        let mut world = first(GROUP).await;
        world.wanted.iter_mut().for_each(|one| one.adoption = adoption);
        world.emulator.clear_calls();
        assert!(is_missing(&drift(&world).await), "{adoption:?}");
        assert!(world.emulator.calls().iter().all(|call| call.operation != "LookupEvents"), "nobody else is asked");
    }
    // The journal alone: the same journal, with an AWS that has no event.
    let other = first(GROUP).await;
    other.converge(Approval::StandingPolicy { max_changes: 200 }).await.expect("approved");
    let world = first(GROUP).await;
    std::fs::copy(other.folder().journal(), world.folder().journal()).expect("copied");
    assert!(is_missing(&drift(&world).await));
}

/// A witness that cannot be heard makes nothing new, and says so.
#[tokio::test]
async fn a_witness_that_is_silenced_makes_nothing_new() {
    let note = |plan: &reconciler_model::plan::Plan| plan.findings.iter().any(|one| one.code == codes::PAST_UNREAD);
    let world = first(GROUP).await;
    world.inject(vec![Fault { times: Times::Forever, ..Fault::once(on("LookupEvents"), Effect::Deny) }]);
    let plan = world.plan().await.plan;
    assert!(plan.drift.iter().all(is_missing) && note(&plan), "{}", told(&plan));
    assert!(!plan.steps.is_empty() && plan.gaps.is_empty(), "it works without the permission");
    // A journal that is damaged, and one that is gone while its head is not.
    let world = first(GROUP).await;
    std::fs::write(world.folder().journal(), "no record\n").expect("written");
    let plan = world.plan().await.plan;
    assert!(plan.drift.iter().all(is_missing) && note(&plan), "{}", told(&plan));
    let other = first("{kind: log-group, name: /other, spec: {retentionInDays: 365}}").await;
    other.converge(Approval::StandingPolicy { max_changes: 200 }).await.expect("approved");
    let world = first(GROUP).await;
    let head = reconciler_engine::head::path_of;
    std::fs::copy(head(&other.folder().journal()), head(&world.folder().journal())).expect("copied");
    let plan = world.plan().await.plan;
    assert!(plan.drift.iter().all(is_missing) && note(&plan), "{}", told(&plan));
}

/// Nothing is asked for what is there, and each history is read once, however many addresses are absent.
#[tokio::test]
async fn histories_are_read_once_and_only_for_what_is_absent() {
    let asked = |world: &World| world.emulator.calls().iter().filter(|call| call.operation == "LookupEvents").count();
    let world = first(BOTH).await;
    let plan = world.plan().await.plan;
    assert!(plan.drift.len() == 2 && plan.drift.iter().all(is_new), "{}", told(&plan));
    assert_eq!(asked(&world), 1);
    world.converge(Approval::StandingPolicy { max_changes: 200 }).await.expect("approved");
    world.emulator.clear_calls();
    world.plan_again_nothing().await;
    assert_eq!(asked(&world), 0);
}

/// Of every kind it is known which events take it away: one that nobody lists could not tell missing from new.
#[test]
fn every_kind_says_which_events_take_it_away() {
    for kind in reconciler_kinds::KINDS {
        assert!(first_seen::trail_events_of(*kind).next().is_some(), "{}", kind.name());
    }
}

/// What `pin` cannot read may be there: it is adopted, so that it is missing when it is gone, and not new.
#[tokio::test]
async fn what_cannot_be_read_is_adopted() {
    let world = World::whole("in-sync").await;
    let all = world.there().await;
    assert_eq!(all, world.wanted.iter().map(|one| one.address.clone()).collect(), "all of it is there");
    for operation in ["ListGuardrails", "DescribeLogGroups", "GetGuardrail"] {
        world.inject(vec![Fault { times: Times::Forever, ..Fault::once(on(operation), Effect::Deny) }]);
        assert_eq!(world.there().await, all, "{operation} is denied");
    }
}
