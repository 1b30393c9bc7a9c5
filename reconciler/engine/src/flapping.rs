//! Counts how often others changed a restored field back, and says when it is restored again.
//!
//! Guarantees: a field counts by its path and by the value that it was restored to, whatever changed beside it. A field that was
//! not changed back before is never held up. A weakened field goes on being restored after a growing pause. The counts come from
//! the journal, so a new process or plan does not start from zero.

use std::collections::{BTreeMap, BTreeSet};

use jiff::{SignedDuration, Timestamp};
use reconciler_model::address::Address;
use reconciler_model::alert::Alert;
use reconciler_model::control::AlertClass;
use reconciler_model::direction::Direction;
use reconciler_model::drift::Drift;
use reconciler_model::flapping::{Flapping, RestoredField, fields_of};
use reconciler_model::verdict::Ruling;

use crate::journal::{Entry, Record};

/// The time in which restores are counted.
const WINDOW: SignedDuration = SignedDuration::from_hours(1);

/// The first pause before a flapping restore is made again; each one is twice as long.
const FIRST_PAUSE: SignedDuration = SignedDuration::from_mins(1);

/// The longest pause, as a power of two of the first.
const MOST_DOUBLED: u32 = 3;

/// How long others have to leave a resource alone until nobody is on call for it any more.
const QUIET: SignedDuration = SignedDuration::from_mins(15);

/// The first pause after a step that used something up and missed its expected state; each one is twice as long.
const FIRST_PAUSE_OF_SPENDING: SignedDuration = SignedDuration::from_hours(1);

/// The longest pause of such steps, as a power of two of the first.
const MOST_DOUBLED_OF_SPENDING: u32 = 4;

/// One verified restore.
#[derive(Debug, Clone)]
struct Restore {
    at: Timestamp,
    fields: Vec<RestoredField>,
    alerts: Vec<Alert>,
}

/// A write whose outcome is not on record yet.
#[derive(Debug, Clone)]
struct Begun {
    address: Address,
    fields: Vec<RestoredField>,
    alerts: Vec<Alert>,
    spends: bool,
}

/// The verified restores by address, the failed ones that used something up, and the addresses whose last step failed.
#[derive(Debug, Clone, Default)]
pub struct FlapHistory {
    begun: BTreeMap<u64, Begun>,
    restores: BTreeMap<Address, Vec<Restore>>,
    spent: BTreeMap<Address, (u32, Timestamp)>,
    failed: BTreeSet<Address>,
}

impl FlapHistory {
    /// What the records of a journal tell.
    pub fn of(records: &[Record]) -> Self {
        let mut flaps = Self::default();
        records.iter().for_each(|record| flaps.note(record));
        flaps
    }

    /// Takes one more record.
    pub(crate) fn note(&mut self, record: &Record) {
        match &record.entry {
            Entry::Intent { address, restores, alerts, spends, .. } => {
                let (address, fields, alerts) = (address.clone(), restores.clone(), alerts.clone());
                self.begun.insert(record.seq, Begun { address, fields, alerts, spends: *spends });
            }
            Entry::Verdict { intent, verdict, .. } => {
                let begun = match verdict {
                    // Its write may still take effect.
                    Ruling::Inconclusive => self.begun.get(intent).cloned(),
                    _ => self.begun.remove(intent),
                };
                let Some(Begun { address, fields, alerts, spends }) = begun else { return };
                match verdict {
                    Ruling::Verified => drop(self.failed.remove(&address)),
                    Ruling::Failed | Ruling::Mismatch | Ruling::Inconclusive | Ruling::NotSent => {
                        self.failed.insert(address.clone());
                    }
                    Ruling::Superseded | Ruling::Other(_) => {}
                }
                match verdict {
                    Ruling::Verified => {
                        if spends {
                            self.spent.remove(&address);
                        }
                        if !fields.is_empty() {
                            let all = self.restores.entry(address).or_default();
                            all.push(Restore { at: record.at, fields, alerts });
                            // What is too old to count is of no use any more.
                            all.retain(|one| record.at.duration_since(one.at) <= WINDOW);
                        }
                    }
                    Ruling::Mismatch | Ruling::Inconclusive if spends => {
                        let spent = self.spent.entry(address).or_insert((0, record.at));
                        *spent = (spent.0.saturating_add(1), record.at);
                    }
                    _ => {}
                }
            }
            _ => {}
        }
    }

    /// The addresses at which no step uses anything up for a while, because the last one failed, with the reason.
    pub fn spent(&self, now: Timestamp) -> BTreeMap<Address, String> {
        let held = self.spent.iter().filter_map(|(address, (times, last))| {
            let doubled = times.saturating_sub(1).min(MOST_DOUBLED_OF_SPENDING);
            let until = last.saturating_add(FIRST_PAUSE_OF_SPENDING * 2_i32.pow(doubled)).unwrap_or(Timestamp::MAX);
            let often = if *times == 1 { "once".to_owned() } else { format!("{times} times") };
            let why = format!(
                "what was made {often} in a row is not what was promised, and there is room for few: it is tried again from \
                 {until} on, or at once by `restore`"
            );
            (now < until).then(|| (address.clone(), why))
        });
        held.collect()
    }

    /// The addresses whose last step missed its expected state. Where there is not room for all, they come last: an attacker who
    /// blocks some restores must not block the others.
    pub fn failed(&self) -> &BTreeSet<Address> {
        &self.failed
    }

    fn of_late(&self, address: &Address, now: Timestamp) -> impl Iterator<Item = &Restore> {
        let all = self.restores.get(address).map(Vec::as_slice).unwrap_or_default();
        all.iter().filter(move |one| now.duration_since(one.at) <= WINDOW)
    }

    /// The flapping of a drift: all of its fields were changed back at least `most` times. One field that was not is a reason
    /// to restore at once.
    pub fn against(&self, drift: &Drift, most: usize, now: Timestamp) -> Option<Flapping> {
        let fields = fields_of(drift);
        let times =
            |field: &RestoredField| self.of_late(&drift.address, now).filter(|one| one.fields.contains(field)).count();
        let times = fields.iter().map(times).min().filter(|times| *times > 0 && *times >= most)?;
        let last =
            self.of_late(&drift.address, now).filter(|one| one.fields.iter().any(|field| fields.contains(field)));
        let last = last.map(|one| one.at).max()?;
        // What weakens is never left alone.
        let goes_on =
            drift.direction == Direction::Weakened || drift.alerts.iter().any(|alert| alert.class == AlertClass::Page);
        Some(Flapping {
            address: drift.address.clone(),
            fields: places(&fields),
            times,
            restored_at: last.to_string(),
            again_at: goes_on.then(|| again(last, times, most).to_string()),
            by: None,
            alerts: drift.alerts.clone(),
        })
    }

    /// Resources that are as declared at the moment but still page: they were changed back so often and so recently that it
    /// will happen again.
    pub fn open(&self, most: usize, now: Timestamp) -> Vec<Flapping> {
        let open = self.restores.keys().filter_map(|address| {
            let restores: Vec<&Restore> = self.of_late(address, now).collect();
            let last = restores.last().filter(|last| now.duration_since(last.at) <= QUIET)?;
            let times = |field: &&RestoredField| restores.iter().filter(|one| one.fields.contains(field)).count();
            // Each further restore needs a further change, so one restore more than `most` counts.
            let fields: Vec<RestoredField> =
                last.fields.iter().filter(|field| times(field) > most.max(1)).cloned().collect();
            let times = fields.iter().map(|field| times(&field)).max()?;
            Some(Flapping {
                address: address.clone(),
                fields: places(&fields),
                times,
                restored_at: last.at.to_string(),
                again_at: Some(again(last.at, times, most).to_string()),
                by: None,
                alerts: last.alerts.clone(),
            })
        });
        open.filter(Flapping::pages).collect()
    }
}

/// When a restore is made again that was verified `times` times, the last time at `last`.
fn again(last: Timestamp, times: usize, most: usize) -> Timestamp {
    let doubled = u32::try_from(times.saturating_sub(most)).unwrap_or(u32::MAX).min(MOST_DOUBLED);
    last.saturating_add(FIRST_PAUSE * 2_i32.pow(doubled)).unwrap_or(Timestamp::MAX)
}

fn places(fields: &[RestoredField]) -> Vec<String> {
    let all: BTreeSet<&str> = fields.iter().map(|field| field.path.as_str()).filter(|path| !path.is_empty()).collect();
    all.into_iter().map(str::to_owned).collect()
}

#[cfg(test)]
mod tests {
    use reconciler_model::control::Severity;
    use reconciler_model::direction::Direction;
    use reconciler_model::drift::{Change, FieldDrift};
    use serde_json::{Value, json};

    use super::*;
    use crate::journal::FORMAT;

    fn address() -> Address {
        "prod/eu-west-1/guardrail/payments".parse().expect("an address")
    }

    fn field(path: &str, want: Value, direction: Direction) -> FieldDrift {
        let Ok(path) = path.parse();
        FieldDrift {
            path,
            live: json!("other"),
            want,
            direction,
            declared_at: None,
            kept: false,
            stays: false,
            waived: None,
        }
    }

    fn drift(class: AlertClass, fields: Vec<FieldDrift>) -> Drift {
        let alert = Alert {
            control: "aws-genai-01".into(),
            signal: "S1".into(),
            class,
            deadline_minutes: Some(0),
            severity: Severity::Critical,
        };
        Drift {
            address: address(),
            kind: "guardrail".into(),
            account: "prod".into(),
            region: "eu-west-1".into(),
            name: "payments".into(),
            change: if fields.is_empty() { Change::Missing } else { Change::Changed },
            direction: Direction::of_all(fields.iter().map(|field| field.direction)),
            controls: Vec::new(),
            fields,
            declared_at: None,
            alerts: vec![alert],
            context: reconciler_model::drift::Context::default(),
        }
    }

    /// A journal in which these drifts were restored, each so many minutes after the beginning.
    fn restored(all: &[(i64, &Drift)]) -> FlapHistory {
        let mut records = Vec::new();
        for (minutes, drift) in all {
            let at = Timestamp::UNIX_EPOCH + SignedDuration::from_mins(*minutes);
            let intent = records.len() as u64 + 1;
            let record = |seq, entry| Record { seq, prev: String::new(), at, run: "run".into(), format: FORMAT, entry };
            let begun = Entry::Intent {
                step: "1".into(),
                address: drift.address.clone(),
                action: "update".into(),
                op: format!("sha256:{intent}"),
                token: "token".into(),
                before: None,
                restores: fields_of(drift),
                alerts: drift.alerts.clone(),
                replaces: None,
                spends: false,
            };
            records.push(record(intent, begun));
            let ended = Entry::Verdict { intent, verdict: Ruling::Verified, differs: Vec::new(), made: None };
            records.push(record(intent + 1, ended));
        }
        FlapHistory::of(&records)
    }

    fn at(minutes: i64) -> Timestamp {
        Timestamp::UNIX_EPOCH + SignedDuration::from_mins(minutes)
    }

    fn weak(path: &str) -> FieldDrift {
        field(path, json!("HIGH"), Direction::Weakened)
    }

    #[test]
    fn a_field_counts_and_what_was_edited_beside_it_does_not() {
        let harmless = drift(AlertClass::Inform, vec![field("description", json!("ours"), Direction::Neutral)]);
        let weakened = drift(AlertClass::Page, vec![weak("contentPolicy.filters.HATE.inputStrength")]);
        let edits = restored(&[(0, &harmless), (1, &harmless), (2, &harmless)]);
        assert_eq!(edits.against(&weakened, 2, at(3)), None, "edits of the description count against no weakening");
        let both = drift(AlertClass::Page, [harmless.fields.clone(), weakened.fields.clone()].concat());
        assert_eq!(edits.against(&both, 2, at(3)), None);
        let flapping = edits.against(&harmless, 2, at(3)).expect("contested");
        assert_eq!((flapping.times, flapping.again_at), (3, None), "what does not weaken is left alone");
    }

    #[test]
    fn another_name_each_time_counts_as_the_same() {
        let added = |name: &str| {
            let path = format!("wordPolicy.words.{name}");
            drift(AlertClass::Page, vec![weak("blockedInputMessaging"), field(&path, Value::Null, Direction::Weakened)])
        };
        let restored = restored(&[(0, &added("a")), (1, &added("b"))]);
        let flapping = restored.against(&added("c"), 2, at(2)).expect("contested");
        assert_eq!(flapping.fields, ["blockedInputMessaging", "wordPolicy.words"]);
    }

    #[test]
    fn a_field_that_was_never_changed_back_is_restored_at_once() {
        let one = drift(AlertClass::Page, vec![weak("contentPolicy.filters.HATE.inputStrength")]);
        let two = drift(AlertClass::Page, vec![weak("contentPolicy.filters.HATE.inputStrength"), weak("wordPolicy")]);
        let restored = restored(&[(0, &one), (1, &one), (2, &one)]);
        assert!(restored.against(&one, 2, at(3)).is_some());
        assert_eq!(restored.against(&two, 2, at(3)), None);
        let mut declared_anew = one.clone();
        declared_anew.fields.iter_mut().for_each(|field| field.want = json!("MEDIUM"));
        assert_eq!(restored.against(&declared_anew, 2, at(3)), None, "the declaration was changed, not the resource");
    }

    #[test]
    fn the_pause_grows_up_to_eight_minutes_and_is_over_when_they_leave_it_alone() {
        let missing = drift(AlertClass::Page, Vec::new());
        let mut restores = vec![(0, &missing), (0, &missing)];
        let mut pauses = Vec::new();
        let mut now = 0;
        for _ in 0..6 {
            let again = restored(&restores).against(&missing, 2, at(now)).expect("contested").again_at;
            let again: Timestamp = again.expect("it pages").parse().expect("a time");
            let pause = again.duration_since(at(now)).as_mins();
            pauses.push(pause);
            now += pause;
            restores.push((now, &missing));
        }
        assert_eq!(pauses, [1, 2, 4, 8, 8, 8]);
        let restored = restored(&restores);
        assert_eq!(restored.open(2, at(now + 15)).len(), 1, "the page stays open while it is as declared");
        assert_eq!(restored.open(2, at(now + 16)), Vec::new());
        assert_eq!(restored.against(&missing, 2, at(now + 61)), None);
    }
}
