//! Who caused a drift: the pure part of attribution.
//!
//! Expected flow: the engine reads the history of the events that the kind names
//! ([`Contract::trail_events`](crate::kind::Contract::trail_events)), and what the service itself keeps of the past;
//! [`Subject::attribution`] finds the events that touched each field, and `decide` names the actor who set its live value.
//!
//! # Guarantees
//! - A failed call causes nothing, and a write of our own is never the cause, and begins no exposure.
//! - Where the history is missing, cut off, late or hides the value, the answer is unknown, with the reason and the candidate
//!   events.
//!
//! # Caveats
//! - A declaration that was changed since the last restore looks like drift without an event.
//! - Of content that CloudTrail hides, and of which the service does not say when it was last changed, an event that is not
//!   delivered yet cannot be told from one that never was.

mod decide;
mod effect;
pub mod history;
mod record;
#[cfg(test)]
mod tests;
pub mod trail_events;

use std::collections::{BTreeMap, BTreeSet};

use jiff::Timestamp;
use serde_json::Value;

pub use decide::{Began, Bounds, By, DELIVERY, Effect, Touch, decide, seconds};
pub use record::{Attribution, Culprit, Exposure, FieldAttribution, ResourceAttribution};

use crate::address::Address;
use crate::attribution::history::{Event, Past};
use crate::attribution::trail_events::{Does, Shows, TrailEvent, When};
use crate::drift::{Change, Drift, FieldDrift};
use crate::inventory::ObservedResource;
use crate::kind::Kind;
use crate::tree::{self, Path};

/// What a resource was at some time, as the service still knows: a published version, say.
#[derive(Debug, Clone, PartialEq)]
pub struct Snapshot {
    /// The service's name of it, such as the number of a version.
    pub id: String,
    /// When it was taken.
    pub at: Timestamp,
    /// The members of the resource at that time.
    pub tree: Value,
    /// What it is itself, as a member of the resource.
    pub itself: Value,
}

/// What a service knows of the past of a resource.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct Traces {
    /// When it was last changed.
    pub changed_at: Option<Timestamp>,
    /// What it was.
    pub snapshots: Vec<Snapshot>,
}

/// What tells writes of ours from others', in one account.
#[derive(Debug, Clone, Default)]
pub struct Own {
    /// Requests on record: what they wrote to, and whether that was verified.
    pub requests: BTreeMap<String, (Address, bool)>,
    /// The ARN of the role that we use in the account. Its sessions with our name are ours; a session of another role that
    /// calls itself like one of ours is not.
    pub role: Option<String>,
    /// When a write to an address was last verified.
    pub verified_at: BTreeMap<Address, Timestamp>,
}

/// What the names of our sessions begin with.
pub const SESSION: &str = "bedrock-reconciler";

impl Own {
    /// Whether an event is a write of ours; then whether it left the resource as declared.
    fn is(&self, event: &Event) -> Option<bool> {
        if let Some((_, verified)) = event.request_id.as_ref().and_then(|id| self.requests.get(id)) {
            return Some(*verified);
        }
        let session = event.culprit.session.as_deref().unwrap_or("");
        let named = session == SESSION || session.strip_prefix(SESSION).is_some_and(|rest| rest.starts_with('-'));
        // A run of which there is no record here: it writes what is declared.
        (named && self.role.is_some() && self.role == event.role).then_some(true)
    }
}

/// The histories that were read, by source and name of the event; why one could not be read.
pub type Histories<'a> = BTreeMap<(&'static str, &'static str), Result<&'a Past, &'a str>>;

/// One drifted resource.
pub struct Subject<'a> {
    /// Its kind.
    pub kind: &'a dyn Kind,
    /// How it differs.
    pub drift: &'a Drift,
    /// What was seen; `None` when it is absent.
    pub live: Option<&'a ObservedResource>,
    /// What was read beside it.
    pub scope_context: &'a Value,
    /// What the service knows of its past.
    pub traces: &'a Traces,
    /// What tells our writes.
    pub own: &'a Own,
}

/// The time that is asked for.
#[derive(Debug, Clone, Copy)]
pub struct Window {
    /// Its beginning.
    pub from: Timestamp,
    /// When the drift was seen.
    pub now: Timestamp,
}

/// The causes that matter for a drift of this change and these members.
pub fn trail_events_of(kind: &dyn Kind, drift: &Drift) -> Vec<&'static TrailEvent> {
    let heads: BTreeSet<&str> = drift.fields.iter().filter_map(|field| field.path.head()).collect();
    let matters = |trail_event: &&TrailEvent| match (drift.change, trail_event.does) {
        // An id that is gone is known from the event that made it, or from a write of ours.
        (Change::Missing | Change::New, _) | (_, Does::Creates) => true,
        (Change::Unexpected, does) => does == Does::Removes,
        (Change::Changed, Does::Removes) => false,
        (Change::Changed, Does::Changes) => {
            trail_event.members.is_empty() || trail_event.members.iter().any(|member| heads.contains(member))
        }
    };
    kind.contract().trail_events.iter().filter(matters).collect()
}

impl Subject<'_> {
    /// Who caused each difference, and since when; `until` of the exposures is left open.
    pub fn attribution(&self, histories: &Histories<'_>, window: Window) -> ResourceAttribution {
        let fields = match self.drift.change {
            Change::Changed => self.drift.fields.iter().map(Some).collect(),
            Change::Missing | Change::New | Change::Unexpected => vec![None],
        };
        let names = self.names(histories);
        let attribution = |field: Option<&FieldDrift>| {
            let path = field.map_or_else(Path::root, |field| field.path.clone());
            let (by, began) = self.attribute_one(field, histories, &names, window);
            let exposure = Exposure {
                since: began.certain.map(seconds),
                perhaps_since: began.perhaps.map(seconds),
                until: None,
                seconds: None,
            };
            FieldAttribution { path, by, exposure }
        };
        ResourceAttribution {
            address: self.drift.address.clone(),
            fields: fields.into_iter().map(attribution).collect(),
        }
    }

    fn attribute_one(
        &self,
        field: Option<&FieldDrift>,
        histories: &Histories<'_>,
        names: &BTreeSet<String>,
        window: Window,
    ) -> (Attribution, Began) {
        let unknown = |reason: String| (Attribution::Unknown { reason, candidates: Vec::new() }, Began::default());
        if self.kind.contract().trail_events.is_empty() {
            return unknown(format!("this build does not know which events change a {}", self.kind.name()));
        }
        let mut touches = Vec::new();
        let mut cut_at: Option<Timestamp> = None;
        let mut newest_event: Option<Timestamp> = None;
        let mut unnamed = Vec::new();
        for trail_event in self.trail_events_for(field) {
            let past = match histories.get(&(trail_event.source, trail_event.event)) {
                Some(Ok(past)) => past,
                Some(Err(reason)) => {
                    return unknown(format!("the history of {} could not be read: {reason}", trail_event.event));
                }
                None => return unknown(format!("the history of {} was not read", trail_event.event)),
            };
            cut_at = cut_at.max(past.cut_at);
            for event in past.events.iter().filter(|event| !event.failed && concerns(trail_event, event)) {
                let Some(named) = self.is_named(trail_event, event, names) else {
                    unnamed.extend((trail_event.does == Does::Removes).then_some(event));
                    continue;
                };
                newest_event = newest_event.max(Some(event.at));
                let Some(effect) = effect::of(self, trail_event, event, field) else { continue };
                let effect = if named { effect } else { Effect::Hidden };
                let by = match self.own.is(event) {
                    Some(verified) => By::Own(event, verified),
                    None => By::Foreign(event),
                };
                touches.push(Touch {
                    at: event.at,
                    by,
                    effect,
                    begins: trail_event.does == Does::Creates && !trail_event.named.is_empty() && field.is_some(),
                });
            }
        }
        if let Some(field) = field {
            touches.extend(effect::seen(self, field));
        }
        let (by, began) = decide(
            touches,
            &Bounds {
                now: window.now,
                from: window.from,
                cut_at,
                changed_at: self.traces.changed_at,
                newest_event,
                verified_at: self.own.verified_at.get(&self.drift.address).copied(),
            },
        );
        (self.or_unnamed(by, names, &unnamed), began)
    }

    /// Of what is gone and whose id is not known, the removals of which one may have been it.
    fn or_unnamed(&self, by: Attribution, names: &BTreeSet<String>, unnamed: &[&Event]) -> Attribution {
        match by {
            Attribution::Unknown { candidates, .. }
                if self.drift.change == Change::Missing
                    && candidates.is_empty()
                    && names.len() <= 1
                    && !unnamed.is_empty()
                    && self.kind.contract().trail_events.iter().any(TrailEvent::gives_an_id) =>
            {
                let mut all: Vec<_> = unnamed.iter().map(|event| event.culprit.clone()).collect();
                all.sort();
                let kind = self.kind.name();
                let a = if kind.starts_with(['a', 'e', 'i', 'o', 'u']) { "an" } else { "a" };
                let events = if all.len() == 1 { "this event" } else { "these events" };
                let reason = format!("{events} deleted {a} {kind}; its id is not on record");
                Attribution::Unknown { reason, candidates: all }
            }
            by => by,
        }
    }

    fn trail_events_for(&self, field: Option<&FieldDrift>) -> impl Iterator<Item = &'static TrailEvent> {
        let head = field.and_then(|field| field.path.head());
        self.kind.contract().trail_events.iter().filter(move |trail_event| match (head, trail_event.does) {
            (None, does) => does != Does::Changes,
            (Some(_), Does::Removes) => false,
            (Some(_), Does::Creates) => true,
            (Some(head), Does::Changes) => trail_event.members.is_empty() || trail_event.members.contains(&head),
        })
    }

    /// What the events call the resource: its name, the ids of the live one, and those that the history ties to it.
    fn names(&self, histories: &Histories<'_>) -> BTreeSet<String> {
        let mut names = BTreeSet::from([self.drift.name.clone()]);
        if let Some(live) = self.live {
            let ids = live.external_id.as_object().into_iter().flat_map(|ids| ids.values());
            names.extend(ids.filter_map(Value::as_str).map(str::to_owned));
            return names;
        }
        for trail_event in self.kind.contract().trail_events {
            let Some(Ok(past)) = histories.get(&(trail_event.source, trail_event.event)) else { continue };
            for event in past.events.iter().filter(|event| !event.failed) {
                let request = event.request_id.as_ref().and_then(|id| self.own.requests.get(id));
                if (trail_event.does == Does::Creates
                    && trail_event.has_made(&self.drift.name, event, self.scope_context))
                    || request.is_some_and(|(address, _)| *address == self.drift.address)
                {
                    names.extend(event.texts(trail_event.named).into_iter().map(str::to_owned));
                }
            }
        }
        names
    }

    /// Whether an event is about the resource: `Some(false)` when its record does not show what it is about.
    fn is_named(&self, trail_event: &TrailEvent, event: &Event, names: &BTreeSet<String>) -> Option<bool> {
        if trail_event.named.is_empty() {
            return Some(true);
        }
        let named = event.texts(trail_event.named);
        if named.is_empty() {
            return Some(false);
        }
        named.iter().any(|given| names.iter().any(|name| is_same(given, name))).then_some(true)
    }
}

/// Whether the cause means this event.
pub(crate) fn concerns(trail_event: &TrailEvent, event: &Event) -> bool {
    event.culprit.event_source == trail_event.source
        && event.culprit.event_name == trail_event.event
        && match trail_event.when {
            When::Always => true,
            When::Has(pointer) => event.at(pointer).is_some(),
            When::Lacks(pointer) => event.at(pointer).is_none(),
        }
}

/// Whether a record means a resource: by its name or id, or by the ARN of either.
fn is_same(given: &str, name: &str) -> bool {
    if given == name {
        return true;
    }
    let Some(resource) = given.strip_prefix("arn:").and_then(|rest| rest.splitn(5, ':').nth(4)) else { return false };
    let resource = resource.strip_suffix(":*").unwrap_or(resource);
    let bare = resource.split_once(['/', ':']).map_or(resource, |(_, bare)| bare);
    resource == name || bare == name
}

/// The value at a path; `null` for nothing.
fn leaf(of: &Value, path: &Path) -> Value {
    tree::get(of, path).cloned().unwrap_or(Value::Null)
}

/// The id of a version that an event made.
fn version_of<'a>(trail_event: &TrailEvent, event: &'a Event) -> Option<&'a str> {
    match trail_event.shows {
        Shows::Version(pointer) => event.at(pointer).and_then(Value::as_str),
        _ => None,
    }
}
