//! Which alerts a drift raises: who has to know, and how soon.
//!
//! Expected flow: [`of`] holds one drift against the signals of the controls that its declaration serves. Direction and
//! content decide, not the fact of a change: a filter that is off pages, a weaker one opens a ticket, and a stronger one
//! is reported.
//!
//! Guarantees: every drift that weakens, or of which nobody can tell, alerts for each control that it serves, by a signal
//! or by the control's `otherwise`; what strengthens or is neutral never wakes anybody.
//!
//! Assumptions: what is declared is what is in production. The sources speak of production; a declaration has no such word.

use std::collections::BTreeSet;

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use serde_json::Value;

use crate::control::{AlertClass, Control, Severity};
use crate::direction::Direction;
use crate::drift::{Change, Drift, FieldDrift};
use crate::tree::Path;

/// The signal that is named where none of a control fits, and the control's `otherwise` decides.
pub const OTHERWISE: &str = "otherwise";
/// The signal that is named where nothing protects less.
pub const HARMLESS: &str = "harmless";

/// The signal that is named where a pinned pointer leads elsewhere ([`crate::repointed`]).
pub const REPOINTED: &str = "repointed";
/// The signal that is named where an older version protects less than declared.
pub const WEAK_VERSION: &str = "weak-version";

/// The signal that is named where something is declared that never was there.
pub const NEW: &str = "new";

/// The signal that is named where all that differs is waived.
pub const WAIVED: &str = "waived";
/// The signal that is named where a waiver is over.
pub const WAIVER_EXPIRED: &str = "waiver-expired";

/// The signal of a kept value that protects more and may lock everybody out.
pub const SHUT: &str = "shut";

/// The signal that is named where something that nobody declared is below the floor of a control ([`crate::undeclared`]).
pub const UNEXPECTED: &str = "unexpected";

/// Where a signal can be seen.
#[derive(Debug, Clone, Copy, PartialEq, Eq, JsonSchema, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum SeenIn {
    /// In the live state: a drift shows it.
    State,
    /// In an event of CloudTrail that leaves nothing behind in the state.
    Event,
    /// In counts and rates that CloudWatch or flow logs hold. This build does not watch them.
    Telemetry,
}

/// One sign that a control does not hold.
#[derive(Debug, Clone, PartialEq, JsonSchema, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Signal {
    /// Its number in the control, such as `S1`.
    pub id: String,
    /// What is seen, in our words.
    pub about: String,
    /// Where.
    pub seen_in: SeenIn,
    /// How people are told.
    pub class: AlertClass,
    /// Minutes that may pass until then; 0 is now, and nothing is no deadline.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub within_minutes: Option<u32>,
    /// Whether the sources name no deadline for it, so that class and deadline are this project's choice.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub ours: bool,
    /// Any of these in a drift shows it. Only for what is seen in the state.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub when: Vec<Condition>,
}

/// What a drift has to look like. What is left empty does not matter.
#[derive(Debug, Clone, Default, PartialEq, JsonSchema, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct Condition {
    /// The drift is of one of these kinds.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub kinds: Vec<String>,
    /// The whole differs like this.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub change: Option<Change>,
    /// A field is at one of these paths: `*` is any one segment, and `**` at the end is all that is below.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub paths: Vec<Path>,
    /// The live value of that field is one of these; `null` is absent.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub live: Vec<Value>,
    /// That field points in one of these directions; without any, it is weakened or unknown.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub directions: Vec<Direction>,
}

/// What a control does about a drift that protects less, or may, and that none of its signals describes.
#[derive(Debug, Clone, PartialEq, Eq, JsonSchema, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Otherwise {
    /// How people are told.
    pub class: AlertClass,
    /// Minutes that may pass until then.
    pub within_minutes: u32,
    /// Why this is enough, and what it is for.
    pub about: String,
}

/// One alert of a drift. A part of the JSON contract.
///
/// The order is that of urgency: how people are told, by when, how bad it is.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, JsonSchema, Serialize, Deserialize)]
pub struct Alert {
    /// The control that does not hold.
    pub control: String,
    /// Its signal; `new` of what never was there, `waived` or `waiver-expired` of a waiver, `otherwise` or `harmless` where none fits, `repointed` of a pin, `weak-version` of an older
    /// version, `shut` of what may keep everybody out, `unexpected` of what nobody declared.
    pub signal: String,
    /// How people are told.
    pub class: AlertClass,
    /// Minutes that may pass until then; 0 is now, and nothing is no deadline.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub deadline_minutes: Option<u32>,
    /// How bad it is when the control does not hold.
    pub severity: Severity,
}

impl Alert {
    /// What is more urgent is less.
    pub(crate) fn urgency(&self) -> (AlertClass, u32, Severity) {
        (self.class, self.deadline_minutes.unwrap_or(u32::MAX), self.severity)
    }

    /// What alerts are sorted by.
    pub(crate) fn urgency_and_control(&self) -> (impl Ord, &str) {
        (self.urgency(), &self.control)
    }

    /// Whether it is more urgent than another.
    pub fn is_before(&self, other: &Self) -> bool {
        self.urgency() < other.urgency()
    }

    /// How urgent it is, in words: `page now`, `page within 5 minutes`, `ticket within 15 minutes`, `inform`.
    pub fn in_words(&self) -> String {
        urgency_in_words(self.class, self.deadline_minutes)
    }
}

/// As [`Alert::in_words`], for a class and a deadline.
pub fn urgency_in_words(class: AlertClass, within_minutes: Option<u32>) -> String {
    let class = class.word();
    match within_minutes {
        Some(0) => format!("{class} now"),
        Some(1) => format!("{class} within 1 minute"),
        Some(minutes) => format!("{class} within {minutes} minutes"),
        None => class.to_owned(),
    }
}

/// The alerts of one drift, the most urgent first: of each control that it serves, each signal once.
pub fn of(controls: &[Control], drift: &Drift) -> Vec<Alert> {
    if drift.change == Change::New {
        return informs(controls, drift, NEW);
    }
    if !drift.is_waived_in_part() {
        return of_unwaived(controls, drift);
    }
    let rest = drift.without_waived();
    if !rest.fields.is_empty() {
        return of_unwaived(controls, &rest);
    }
    informs(controls, drift, WAIVED)
}

/// One alert of each control that wakes nobody.
fn informs(controls: &[Control], drift: &Drift, signal: &str) -> Vec<Alert> {
    let told = |control: &Control| Alert {
        control: control.id.clone(),
        signal: signal.to_owned(),
        class: AlertClass::Inform,
        deadline_minutes: None,
        severity: control.severity,
    };
    controls.iter().filter(|control| drift.controls.contains(&control.id)).map(told).collect()
}

/// The alerts of a drift of which nothing is waived.
fn of_unwaived(controls: &[Control], drift: &Drift) -> Vec<Alert> {
    let served = || controls.iter().filter(|control| drift.controls.contains(&control.id));
    let alert = |control: &Control, signal: &str, class, deadline_minutes| Alert {
        control: control.id.clone(),
        signal: signal.to_owned(),
        class,
        deadline_minutes,
        severity: control.severity,
    };
    let mut alerts: Vec<Alert> = served()
        .flat_map(|control| control.signals.iter().map(move |signal| (control, signal)))
        .filter(|(_, signal)| signal.when.iter().any(|condition| condition.fits(drift)))
        .map(|(control, signal)| alert(control, &signal.id, signal.class, signal.within_minutes))
        .collect();
    if is_unexplained(served(), drift) {
        alerts.extend(served().map(|control| {
            let Otherwise { class, within_minutes, about: _ } = &control.otherwise;
            alert(control, OTHERWISE, *class, Some(*within_minutes))
        }));
    }
    if alerts.is_empty() {
        alerts = served().map(|control| alert(control, HARMLESS, AlertClass::Inform, None)).collect();
    }
    alerts.sort_by(|one, two| {
        (one.urgency(), &one.control, &one.signal).cmp(&(two.urgency(), &two.control, &two.signal))
    });
    alerts
}

/// The alerts of unread members: for each control, the most urgent alert that they could have raised. A gap is as urgent
/// as what it may hide.
///
/// `fields` are the top-level members that were not read; none means that nothing of the resource is known.
pub fn of_unseen(controls: &[Control], served: &BTreeSet<&str>, kind: &str, fields: &[String]) -> Vec<Alert> {
    let mut alerts: Vec<Alert> = controls
        .iter()
        .filter(|control| served.contains(control.id.as_str()))
        .filter_map(|control| {
            let alert = |signal: &str, class, deadline_minutes| Alert {
                control: control.id.clone(),
                signal: signal.to_owned(),
                class,
                deadline_minutes,
                severity: control.severity,
            };
            let could =
                control.signals.iter().filter(|signal| signal.when.iter().any(|one| one.could_fit(kind, fields)));
            let could = could.map(|signal| alert(&signal.id, signal.class, signal.within_minutes));
            let Otherwise { class, within_minutes, about: _ } = &control.otherwise;
            could.chain([alert(OTHERWISE, *class, Some(*within_minutes))]).min_by_key(Alert::urgency)
        })
        .collect();
    alerts.sort_by(|one, two| (one.urgency(), &one.control).cmp(&(two.urgency(), &two.control)));
    alerts
}

/// One alert of each of the named controls, as urgent as the worst that its live state can show, or as its `otherwise` where
/// that is more urgent.
pub fn as_urgent_as_the_worst(controls: &[Control], named: &[String], signal: &str) -> Vec<Alert> {
    let served = controls.iter().filter(|control| named.contains(&control.id));
    let mut alerts: Vec<Alert> = served
        .filter_map(|control| {
            let seen = control.signals.iter().filter(|one| !one.when.is_empty());
            let otherwise = (control.otherwise.class, Some(control.otherwise.within_minutes));
            let all = seen.map(|one| (one.class, one.within_minutes)).chain([otherwise]);
            let alert = |(class, deadline_minutes)| Alert {
                control: control.id.clone(),
                signal: signal.to_owned(),
                class,
                deadline_minutes,
                severity: control.severity,
            };
            all.map(alert).min_by_key(Alert::urgency)
        })
        .collect();
    alerts.sort_by(|one, two| (one.urgency(), &one.control).cmp(&(two.urgency(), &two.control)));
    alerts
}

/// The alerts of what nobody declared and is below the floors of these controls, one of each: the most urgent of its signals that
/// are about such a thing and fit, or its `otherwise`.
pub(crate) fn of_unexpected(
    controls: &[Control],
    below: &[String],
    fits: impl Fn(&Condition) -> bool,
    signal: &str,
) -> Vec<Alert> {
    let is_about_it = |condition: &&Condition| condition.change == Some(Change::Unexpected);
    let shows = |one: &&Signal| one.when.iter().filter(is_about_it).any(&fits);
    let below = controls.iter().filter(|control| below.contains(&control.id));
    let mut alerts: Vec<Alert> = below
        .filter_map(|control| {
            let shown = control.signals.iter().filter(shows).map(|one| Alert {
                class: one.class,
                deadline_minutes: one.within_minutes,
                ..otherwise(control, &one.id)
            });
            shown.min_by_key(Alert::urgency).or_else(|| Some(otherwise(control, signal)))
        })
        .collect();
    alerts.sort_by(|one, two| one.urgency_and_control().cmp(&two.urgency_and_control()));
    alerts
}

/// A ticket without a deadline for each of the named controls, of what is no drift and has to be known.
pub fn tickets(controls: &[Control], named: &[String], signal: &str) -> Vec<Alert> {
    let served = controls.iter().filter(|control| named.contains(&control.id));
    let ticket = |control: &Control| Alert {
        control: control.id.clone(),
        signal: signal.to_owned(),
        class: AlertClass::Ticket,
        deadline_minutes: None,
        severity: control.severity,
    };
    served.map(ticket).collect()
}

/// The alert of a control's `otherwise`, under the name of `signal`.
pub fn otherwise(control: &Control, signal: &str) -> Alert {
    let Otherwise { class, within_minutes, about: _ } = &control.otherwise;
    Alert {
        control: control.id.clone(),
        signal: signal.to_owned(),
        class: *class,
        deadline_minutes: Some(*within_minutes),
        severity: control.severity,
    }
}

/// The most urgent alert of many drifts.
pub fn first(drift: &[Drift]) -> Option<&Alert> {
    drift.iter().filter_map(|one| one.alerts.first()).min_by_key(|alert| alert.urgency())
}

/// Whether something in the drift protects less, or may, and no signal of any of its controls is about it.
fn is_unexplained<'a>(served: impl Iterator<Item = &'a Control>, drift: &Drift) -> bool {
    let conditions: Vec<&Condition> =
        served.flat_map(|control| &control.signals).flat_map(|signal| &signal.when).collect();
    if drift.fields.is_empty() {
        return is_grave(drift.direction) && !conditions.iter().any(|condition| condition.fits(drift));
    }
    let is_told = |field: &FieldDrift| {
        conditions.iter().any(|condition| condition.fits_whole(drift) && condition.fits_field(field))
    };
    drift.fields.iter().any(|field| is_grave(field.direction) && !is_told(field))
}

fn is_grave(direction: Direction) -> bool {
    matches!(direction, Direction::Weakened | Direction::Unknown)
}

impl Condition {
    /// Whether the drift looks like this.
    pub fn fits(&self, drift: &Drift) -> bool {
        self.fits_whole(drift) && (!self.is_of_fields() || drift.fields.iter().any(|field| self.fits_field(field)))
    }

    /// Whether some value of members that were not read would fit: of `fields`, or of any where there are none.
    pub(crate) fn could_fit(&self, kind: &str, fields: &[String]) -> bool {
        let Self { kinds, change, paths, live: _, directions } = self;
        let is_of_harm = directions.is_empty() || directions.iter().any(|direction| is_grave(*direction));
        let is_below = |pattern: &Path| {
            pattern.head().is_none_or(|head| head == "*" || head == "**" || fields.iter().any(|field| field == head))
        };
        (kinds.is_empty() || kinds.iter().any(|one| one == kind))
            && is_of_harm
            && (fields.is_empty()
                || (*change != Some(Change::Missing) && (paths.is_empty() || paths.iter().any(is_below))))
    }

    fn fits_whole(&self, drift: &Drift) -> bool {
        (self.kinds.is_empty() || self.kinds.contains(&drift.kind))
            && self.change.is_none_or(|change| change == drift.change)
    }

    /// Whether a field decides, and not the whole alone.
    fn is_of_fields(&self) -> bool {
        !(self.paths.is_empty() && self.live.is_empty() && self.directions.is_empty())
    }

    fn fits_field(&self, field: &FieldDrift) -> bool {
        let Self { kinds: _, change: _, paths, live, directions } = self;
        let direction =
            if directions.is_empty() { is_grave(field.direction) } else { directions.contains(&field.direction) };
        direction
            && (paths.is_empty() || paths.iter().any(|pattern| path_fits(pattern, &field.path)))
            && (live.is_empty() || live.contains(&field.live))
    }
}

/// Whether a path is what a pattern describes.
fn path_fits(pattern: &Path, path: &Path) -> bool {
    let (pattern, path) = (pattern.segments(), path.segments());
    let (pattern, below) = match pattern.split_last() {
        Some((last, rest)) if last == "**" => (rest, true),
        _ => (pattern, false),
    };
    let long_enough = if below { path.len() >= pattern.len() } else { path.len() == pattern.len() };
    long_enough && pattern.iter().zip(path).all(|(expected, segment)| expected == "*" || expected == segment)
}

#[cfg(test)]
mod tests;
