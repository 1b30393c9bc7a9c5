//! Histories of several actors over one field, of which it is known who did what: attribution is right, or says that it is unknown,
//! and it says so only where something is missing.

use jiff::{SignedDuration, Timestamp};
use proptest::prelude::*;

use super::{Bounds, By, Effect, Touch, decide};
use crate::attribution::Attribution;
use crate::attribution::history::Event;

const WANT: u8 = 0;

/// One thing that happened to the field.
#[derive(Debug, Clone)]
struct Happened {
    /// Seconds after the thing before.
    after: i64,
    actor: u8,
    sets: u8,
    hidden: bool,
    /// Whether a version is published right before it.
    version: bool,
}

#[derive(Debug, Clone)]
struct Story {
    begins: u8,
    /// Whether the resource was made within the time that is read.
    made: bool,
    happened: Vec<Happened>,
    delivered: usize,
}

const OWN: u8 = 9;

fn happened() -> impl Strategy<Value = Happened> {
    let actor = prop_oneof![8 => 1..5_u8, 1 => Just(OWN)];
    (prop_oneof![4 => 2..500_i64, 1 => 0..2_i64], actor, 0..3_u8, any::<bool>(), proptest::bool::weighted(0.2))
        .prop_map(|(after, actor, sets, hidden, version)| {
            // We write what is declared.
            let sets = if actor == OWN { WANT } else { sets };
            Happened { after, actor, sets, hidden, version }
        })
}

/// Stories at whose end the field is not as declared.
fn story() -> impl Strategy<Value = Story> {
    any_story().prop_filter("it drifts", |story| tell(story).live != WANT)
}

fn any_story() -> impl Strategy<Value = Story> {
    (0..3_u8, any::<bool>(), prop::collection::vec(happened(), 1..8), 0..2_usize).prop_map(
        |(begins, made, happened, late)| {
            let delivered = happened.len() - late.min(happened.len() - 1);
            Story { begins, made, happened, delivered }
        },
    )
}

fn second(number: i64) -> Timestamp {
    Timestamp::from_second(1_800_000_000 + number).expect("an instant")
}

fn event(number: usize, at: Timestamp, actor: u8) -> Event {
    let record = serde_json::json!({
        "eventTime": at.strftime("%Y-%m-%dT%H:%M:%SZ").to_string(), "eventName": "Update", "eventSource": "service",
        "eventID": number.to_string(), "userIdentity": {"arn": format!("arn:aws:sts::1:assumed-role/Dev/{actor}")},
    });
    Event::read(&record.to_string()).expect("an event")
}

/// The truth, and what is told of it.
struct Told {
    live: u8,
    /// Number and actor of the event that changed the field to what it is last.
    truth: Option<(usize, u8)>,
    events: Vec<(Event, Happened)>,
    versions: Vec<(Timestamp, u8)>,
    last: Timestamp,
}

fn tell(story: &Story) -> Told {
    let mut value = story.begins;
    let mut now = 0;
    let mut told = Told { live: value, truth: None, events: Vec::new(), versions: Vec::new(), last: second(0) };
    for (number, one) in story.happened.iter().enumerate() {
        now += one.after;
        if one.version {
            // It has a whole second to itself, as there are events within the same one.
            told.versions.push((second(now), value));
            now += 1;
        }
        if one.sets != value {
            told.truth = Some((number, one.actor));
        }
        value = one.sets;
        told.last = second(now);
        told.events.push((event(number, second(now), one.actor), one.clone()));
    }
    told.live = value;
    told
}

fn touches<'a>(story: &Story, told: &'a Told, maker: &'a Event) -> Vec<Touch<'a>> {
    let effect = |value: u8| match value {
        value if value == told.live => Effect::Live,
        WANT => Effect::Wanted,
        _ => Effect::Other,
    };
    let mut touches: Vec<Touch<'_>> = told
        .events
        .iter()
        .take(story.delivered)
        .map(|(event, one)| Touch {
            at: event.at,
            by: if one.actor == OWN { By::Own(event, true) } else { By::Foreign(event) },
            effect: if one.hidden { Effect::Hidden } else { effect(one.sets) },
            begins: false,
        })
        .collect();
    touches.extend(told.versions.iter().map(|(at, value)| Touch {
        at: *at,
        by: By::Seen,
        effect: effect(*value),
        begins: false,
    }));
    if story.made {
        touches.push(Touch { at: maker.at, by: By::Foreign(maker), effect: effect(story.begins), begins: true });
    }
    touches
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 4_000, max_local_rejects: 1_000_000, ..ProptestConfig::default() })]
    #[test]
    fn attribution_is_right_or_unknown(story in story()) {
        let told = tell(&story);
        let maker = event(99, second(-10_000), 7);
        let bounds = Bounds {
            now: told.last + SignedDuration::from_secs(2000),
            from: second(-100_000),
            cut_at: None,
            changed_at: Some(told.last),
            newest_event: told.events[..story.delivered].iter().map(|(event, _)| event.at).max(),
            verified_at: None,
        };
        let (by, began) = decide(touches(&story, &told, &maker), &bounds);
        let close = story.happened.windows(2).any(|pair| pair[1].after < 1 && !pair[1].version);
        match &by {
            Attribution::Known { event, earlier } => {
                let id = |event: &crate::attribution::Culprit| event.event_id.parse::<usize>().expect("a number");
                let listed: Vec<usize> = earlier.iter().chain([event]).map(id).collect();
                match told.truth {
                    Some((number, actor)) => {
                        // An event that is not delivered yet, within a minute of one that is, cannot be told from it.
                        let late = number >= story.delivered;
                        prop_assert!(late || close || listed.contains(&number), "{number} is not among {listed:?}");
                        prop_assert!(late || event.principal.ends_with(&format!("/{actor}")), "{actor} is not {}", event.principal);
                        prop_assert!(!late || story.happened[number].after <= 60 + 1 , "{number} is not delivered");
                    }
                    // It was so from the beginning: whoever made it, or somebody who is known to have set it once more.
                    None => prop_assert!(id(event) == 99 || !story.happened[id(event)].hidden),
                }
            }
            Attribution::Unknown { reason, .. } => {
                let all_shown = story.happened.iter().all(|one| !one.hidden || one.actor == OWN);
                let complete = all_shown && story.delivered == story.happened.len() && !close;
                prop_assert!(!complete || (told.truth.is_none() && !story.made), "nothing is missing: {reason}");
            }
        }
        // The field is not as declared now, so it was not from its last instant as declared on; never earlier than that.
        if let (Some(certain), false) = (began.certain, close) {
            let in_sync = told.events.iter().filter(|(_, one)| one.sets == WANT).map(|(event, _)| event.at).max();
            let late = story.delivered < story.happened.len();
            prop_assert!(late || in_sync.is_none_or(|in_sync| certain > in_sync), "{certain} is before {in_sync:?}");
            prop_assert!(began.perhaps.is_none_or(|perhaps| perhaps < certain));
        }
    }
}

fn at(number: i64, actor: u8) -> Event {
    event(usize::try_from(number).expect("a number"), second(number), actor)
}

fn hidden(event: &Event) -> Touch<'_> {
    Touch { at: event.at, by: By::Foreign(event), effect: Effect::Hidden, begins: false }
}

const BOUNDS: Bounds = Bounds {
    now: Timestamp::MAX,
    from: Timestamp::MIN,
    cut_at: None,
    changed_at: None,
    newest_event: None,
    verified_at: None,
};

fn reason(touches: Vec<Touch<'_>>, bounds: &Bounds) -> (String, usize) {
    match decide(touches, bounds).0 {
        Attribution::Unknown { reason, candidates } => (reason, candidates.len()),
        known => panic!("{known:?}"),
    }
}

fn in_sync(number: i64) -> Touch<'static> {
    Touch { at: second(number), by: By::Seen, effect: Effect::Wanted, begins: false }
}

#[test]
fn two_actors_behind_a_curtain_are_both_named_and_neither_is_blamed() {
    let (one, two) = (at(10, 1), at(20, 2));
    let (reason, candidates) = reason(vec![in_sync(0), hidden(&one), hidden(&two)], &BOUNDS);
    assert!(reason.contains("/Dev/1") && reason.contains("/Dev/2"), "{reason}");
    assert_eq!(candidates, 2);
}

#[test]
fn one_actor_behind_a_curtain_is_known_with_all_that_he_did() {
    let (one, two) = (at(10, 1), at(20, 1));
    let (by, began) = decide(vec![in_sync(0), hidden(&one), hidden(&two)], &BOUNDS);
    let Attribution::Known { event, earlier } = by else { panic!("{by:?}") };
    assert_eq!((event.event_id.as_str(), earlier.len()), ("20", 1));
    assert_eq!((began.certain, began.perhaps), (Some(second(20)), Some(second(10))));
}

#[test]
fn a_history_that_ends_before_the_last_change_blames_nobody() {
    let one = at(10, 1);
    let bounds = Bounds { now: second(5000), changed_at: Some(second(4000)), newest_event: Some(second(10)), ..BOUNDS };
    let (reason, _) = reason(vec![in_sync(0), hidden(&one)], &bounds);
    assert!(reason.contains("ask again after 2027-01-15T"), "{reason}");
}

#[test]
fn a_history_that_is_cut_off_blames_nobody() {
    let one = at(10, 1);
    let (reason, _) = reason(vec![hidden(&one)], &Bounds { cut_at: Some(second(5)), ..BOUNDS });
    assert!(reason.contains("more events than are read"), "{reason}");
    // With an instant that is known it does not matter how it was before.
    assert!(matches!(
        decide(vec![in_sync(7), hidden(&one)], &Bounds { cut_at: Some(second(5)), ..BOUNDS }).0,
        Attribution::Known { .. }
    ));
}

#[test]
fn what_nothing_shows_to_have_been_in_order_is_not_blamed_on_the_next_one() {
    let one = at(10, 1);
    let (reason, candidates) = reason(vec![hidden(&one)], &BOUNDS);
    assert!(reason.contains("nothing shows that it was as declared"), "{reason}");
    assert_eq!(candidates, 1);
}

#[test]
fn own_writes_are_marks_and_never_blamed() {
    let (own, other) = (at(10, OWN), at(20, 2));
    let mark = Touch { at: own.at, by: By::Own(&own, true), effect: Effect::Hidden, begins: false };
    let (by, _) = decide(vec![mark, hidden(&other)], &BOUNDS);
    assert!(matches!(by, Attribution::Known { event, .. } if event.principal.ends_with("/2")));
    let (reason_alone, _) = reason(vec![mark], &Bounds { now: second(100), ..BOUNDS });
    assert!(reason_alone.contains("no event after the verified write"), "{reason_alone}");
    let unsure = Touch { by: By::Own(&own, false), ..mark };
    let (reason, _) = reason(vec![in_sync(0), unsure], &BOUNDS);
    assert!(reason.contains("whose outcome is not known"), "{reason}");
}

#[test]
fn who_sets_a_stronger_value_is_no_culprit_and_exposes_nobody() {
    let (stronger, weaker) = (at(10, 1), at(20, 2));
    let mark = Touch { effect: Effect::Stronger, ..hidden(&stronger) };
    let live = Touch { effect: Effect::Live, ..hidden(&weaker) };
    let (by, began) = decide(vec![in_sync(0), mark, live], &BOUNDS);
    let Attribution::Known { event, earlier } = by else { panic!("{by:?}") };
    assert_eq!((event.principal.ends_with("/2"), earlier.len()), (true, 0));
    assert_eq!((began.certain, began.perhaps), (Some(second(20)), None));
}

#[test]
fn own_writes_of_unknown_outcome_are_no_candidates_and_begin_nothing() {
    let (own, other) = (at(10, OWN), at(20, 2));
    let unsure = Touch { by: By::Own(&own, false), ..hidden(&own) };
    let (by, began) = decide(vec![in_sync(0), unsure, hidden(&other)], &BOUNDS);
    let Attribution::Unknown { candidates, .. } = by else { panic!("{by:?}") };
    assert!(candidates.iter().all(|one| one.principal.ends_with("/2")) && candidates.len() == 1, "{candidates:?}");
    assert_eq!((began.certain, began.perhaps), (Some(second(20)), None));
    assert_eq!(decide(vec![in_sync(0), unsure], &BOUNDS).1.certain, None);
}
