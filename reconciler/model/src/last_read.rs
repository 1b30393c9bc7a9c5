//! When everything that is declared was read the last time, and what has not been read since.
//!
//! Most throttles and faults of a service pass within a minute, but an attacker can keep one up. So a passing gap is reported
//! once its members have been unread for longer than their alert allows, and at once where that time is unknown.

use jiff::{SignedDuration, Timestamp};
use serde::{Deserialize, Serialize};

use crate::address::Scope;
use crate::control::AlertClass;
use crate::inventory::Gap;

/// The format that this build reads and writes.
const FORMAT: u32 = 1;

/// When everything was read the last time.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct LastRead {
    format: u32,
    /// When it was looked at.
    at: Timestamp,
    /// What could not be read then.
    unread: Vec<UnreadSince>,
}

/// Something that could not be read, and since when that is so.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct UnreadSince {
    scope: Scope,
    kind: String,
    name: Option<String>,
    fields: Vec<String>,
    /// When all of it was read the last time; `None` where that is not known.
    since: Option<Timestamp>,
}

impl UnreadSince {
    /// Whether a gap is about some of the same.
    fn overlaps(&self, gap: &Gap) -> bool {
        let names = |one: &Option<String>, two: &Option<String>| one.is_none() || two.is_none() || one == two;
        let fields = self.fields.is_empty()
            || gap.fields.is_empty()
            || self.fields.iter().any(|field| gap.fields.contains(field));
        self.scope == gap.scope && self.kind == gap.kind && names(&self.name, &gap.name) && fields
    }
}

impl LastRead {
    /// What is known after an activation over the whole desired state had these gaps.
    pub fn after(before: Option<&Self>, gaps: &[Gap], now: Timestamp) -> Self {
        let unread = gaps.iter().map(|gap| UnreadSince {
            scope: gap.scope.clone(),
            kind: gap.kind.clone(),
            name: gap.name.clone(),
            fields: gap.fields.clone(),
            since: before.and_then(|before| before.of(gap)),
        });
        Self { format: FORMAT, at: now, unread: unread.collect() }
    }

    /// When it was looked at.
    pub fn at(&self) -> Timestamp {
        self.at
    }

    /// How many things could not be read then.
    pub fn unread(&self) -> usize {
        self.unread.len()
    }

    /// Whether this build may read it.
    pub fn is_readable(&self) -> bool {
        self.format == FORMAT
    }

    /// When all that a gap hides was read the last time; `None` where that is not known.
    fn of(&self, gap: &Gap) -> Option<Timestamp> {
        let mut since = Some(self.at);
        for unread in self.unread.iter().filter(|unread| unread.overlaps(gap)) {
            since = since.zip(unread.since).map(|(one, other)| one.min(other));
        }
        since
    }

    /// Lets the alerts of a gap that may pass inform only, until their deadlines are over.
    pub fn be_patient(&self, gap: &mut Gap, now: Timestamp) {
        let Some(since) = self.of(gap) else { return };
        // A clock that was set back tells nothing.
        let unseen = now.duration_since(since);
        let is_due = |minutes: u32| unseen.is_negative() || unseen > SignedDuration::from_mins(i64::from(minutes));
        for alert in &mut gap.alerts {
            if alert.deadline_minutes.is_some_and(|minutes| !is_due(minutes)) {
                alert.class = AlertClass::Inform;
            }
        }
        gap.alerts.sort();
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::alert::Alert;
    use crate::control::Severity;

    fn at(minutes: i64) -> Timestamp {
        Timestamp::UNIX_EPOCH + SignedDuration::from_mins(minutes)
    }

    fn gap(name: Option<&str>, fields: &[&str]) -> Gap {
        let alert = Alert {
            control: "aws-genai-04".into(),
            signal: "S1".into(),
            class: AlertClass::Page,
            deadline_minutes: Some(5),
            severity: Severity::High,
        };
        Gap {
            kind: "guardrail".into(),
            name: name.map(str::to_owned),
            fields: fields.iter().map(|field| (*field).to_owned()).collect(),
            passing: true,
            alerts: vec![alert],
            ..Gap::default()
        }
    }

    fn pages(last: &LastRead, gap: &Gap, minutes: i64) -> bool {
        let mut gap = gap.clone();
        last.be_patient(&mut gap, at(minutes));
        gap.alerts.iter().any(|alert| alert.class == AlertClass::Page)
    }

    #[test]
    fn a_gap_that_may_pass_pages_once_its_deadline_is_over() {
        let hidden = gap(Some("baseline"), &["tags"]);
        let read = LastRead::after(None, &[], at(0));
        assert!(!pages(&read, &hidden, 5));
        assert!(pages(&read, &hidden, 6));
        // Looking again does not begin the time anew, whatever is told of the gap.
        let again = LastRead::after(Some(&read), std::slice::from_ref(&hidden), at(4));
        for other in [gap(Some("baseline"), &["tags"]), gap(Some("baseline"), &[]), gap(None, &[])] {
            assert!(pages(&again, &other, 6), "{other:?}");
        }
        assert!(!pages(&again, &gap(Some("baseline"), &["contentPolicy"]), 6));
        assert!(!pages(&again, &gap(Some("payments"), &[]), 6));
        // Read once in between, it has its time again.
        let seen = LastRead::after(Some(&again), &[], at(5));
        assert!(!pages(&seen, &hidden, 10));
    }

    #[test]
    fn what_was_never_read_or_lies_in_the_future_pages_at_once() {
        let hidden = gap(None, &[]);
        let never = LastRead::after(None, std::slice::from_ref(&hidden), at(0));
        assert!(pages(&never, &hidden, 0));
        let still = LastRead::after(Some(&never), std::slice::from_ref(&hidden), at(1));
        assert!(pages(&still, &hidden, 1));
        assert!(pages(&LastRead::after(None, &[], at(9)), &hidden, 0));
    }
}
