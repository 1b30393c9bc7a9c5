//! The incident: what was found, by whose hand and for how long, what was done about it, what proves it, and what is left to
//! people.
//!
//! Expected flow: the engine puts an [`Incident`] together from the journal, the evidence and what it asked AWS; [`markdown`]
//! and [`html`] turn it into texts that a person reads.
//!
//! Guarantees: everything that a report says is in the record, and the record is written beside the reports as
//! `incident.json`. A status is never better than what was read: restored means that two separate reads confirm it. Who only
//! strengthened something, and what we wrote ourselves, is not among the culprits and begins no exposure.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use serde_json::Value;

use crate::address::Address;
use crate::attribution::{Attribution, Culprit, Exposure, FieldAttribution, ResourceAttribution};
use crate::control::{Answered, Severity};
use crate::drift::Drift;
use crate::inventory::Gap;
use crate::permit::Mode;
use crate::plan::{Finding, Format, Lag};
use crate::tree::Path;
use crate::verdict::Ruling;

mod asked;
pub mod checklist;
pub mod html;
pub mod markdown;
mod timeline;
mod words;

pub use checklist::{CheckItem, CheckState, Command};

/// The format that this build writes.
pub const FORMAT: Format = Format { major: 1, minor: 2 };

/// How an incident stands, or ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq, JsonSchema, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Outcome {
    /// Everything is as declared again, and verified.
    Restored,
    /// The same, but some of it is not in effect for callers that use something older.
    NotEffective,
    /// What could be read is restored; something could not be read.
    NotAllSeen,
    /// Some of it is restored.
    PartlyRestored,
    /// None of it is restored.
    NotRestored,
    /// Nobody allowed the restore.
    NotApproved,
    /// The run was asked to stop before it was done.
    Interrupted,
}

impl Outcome {
    /// Whether there is nothing left to restore, so that the incident is over.
    pub fn is_over(self) -> bool {
        matches!(self, Self::Restored | Self::NotEffective)
    }

    /// One word for the journal.
    pub fn word(self) -> &'static str {
        match self {
            Self::Restored => "restored",
            Self::NotEffective => "not_effective",
            Self::NotAllSeen => "not_all_seen",
            Self::PartlyRestored => "partly_restored",
            Self::NotRestored => "not_restored",
            Self::NotApproved => "not_approved",
            Self::Interrupted => "interrupted",
        }
    }

    /// The heading of a report.
    pub fn heading(self) -> &'static str {
        match self {
            Self::Restored => "Restored and verified",
            Self::NotEffective => "Restored, not in effect for everyone",
            Self::NotAllSeen => "Restored as far as it could be read",
            Self::PartlyRestored => "Partly restored",
            Self::NotRestored => "Not restored",
            Self::NotApproved => "Nothing was changed: the plan was not approved",
            Self::Interrupted => "Interrupted: not done",
        }
    }
}

/// What became of one address.
#[derive(Debug, Clone, Copy, PartialEq, Eq, JsonSchema, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Status {
    /// As declared again; two separate reads confirm it.
    Restored,
    /// As declared again, but callers that use an older version do not get it.
    NotEffective,
    /// Not as declared.
    NotRestored,
    /// It was not tried, because a restore was refused.
    Refused,
    /// It is not known: the reads that were to prove it failed.
    Unknown,
    /// Nothing was tried.
    NotTried,
}

impl Status {
    /// Whether it is as declared again.
    pub fn is_restored(self) -> bool {
        matches!(self, Self::Restored | Self::NotEffective)
    }

    /// In words.
    pub fn words(self) -> &'static str {
        match self {
            Self::Restored => "restored",
            Self::NotEffective => "restored, NOT effective",
            Self::NotRestored => "NOT restored",
            Self::Refused => "refused",
            Self::Unknown => "not known",
            Self::NotTried => "not tried",
        }
    }
}

/// One read that shows the resource as declared.
#[derive(Debug, Clone, PartialEq, Eq, JsonSchema, Serialize, Deserialize)]
pub struct Proof {
    /// What read it.
    pub by: String,
    /// When, in UTC.
    pub at: String,
}

/// One address that was not as declared.
#[derive(Debug, Clone, PartialEq, JsonSchema, Serialize, Deserialize)]
pub struct Affected {
    /// How it differed when it was first seen, with its alerts.
    pub drift: Drift,
    /// What became of it.
    pub status: Status,
    /// Why it is not simply restored.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub why: Option<String>,
    /// What is known to use something older still, of a status that says so.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub still_used_by: Vec<String>,
    /// The reads that show it as declared, oldest first.
    pub proofs: Vec<Proof>,
    /// By whose hand and for how long, difference by difference.
    #[serde(rename = "blame")]
    pub attribution: Vec<FieldAttribution>,
    /// What the service calls it, for the commands that people type: ids and ARNs.
    #[serde(default, skip_serializing_if = "Value::is_null")]
    pub handle: Value,
    /// The digest of the evidence of before.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub before: Option<String>,
    /// The digest of the evidence of after.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub after: Option<String>,
}

/// Why it is not known who made some differences.
#[derive(Debug)]
pub struct Unknown<'a> {
    /// Why.
    pub reason: &'a str,
    /// The events of which one may have.
    pub candidates: &'a [Culprit],
    /// The differences.
    pub paths: Vec<&'a Path>,
}

impl Affected {
    /// The address.
    pub fn address(&self) -> &Address {
        &self.drift.address
    }

    /// When the first read that shows it as declared was made: the end of the exposure; `None` when it is not restored.
    pub fn restored_at(&self) -> Option<&str> {
        self.status.is_restored().then(|| self.proofs.first().map(|proof| proof.at.as_str())).flatten()
    }

    /// The differences that took protection away, or may have, with what is known of who made them.
    pub fn weakenings(&self) -> impl Iterator<Item = &FieldAttribution> {
        self.attribution.iter().filter(|field| self.drift.weakens(&field.path))
    }

    /// Whether it is not known of a weakening since when it was there.
    pub fn has_unknown_start(&self) -> bool {
        self.weakenings().any(|field| field.exposure.since.is_none())
    }

    /// The longest exposure of its differences: from the first weakening, as far as that is known.
    pub fn exposure(&self) -> Option<&Exposure> {
        self.weakenings()
            .map(|field| &field.exposure)
            .filter(|exposure| exposure.since.is_some())
            .min_by(|one, two| one.since.cmp(&two.since))
    }

    /// The events that weakened it, each once, with the differences that each of them made; oldest first.
    pub fn culprits(&self) -> Vec<(&Culprit, Vec<&Path>)> {
        let mut found: Vec<(&Culprit, Vec<&Path>)> = Vec::new();
        for field in self.weakenings() {
            if let Attribution::Known { event, .. } = &field.by {
                match found.iter_mut().find(|(known, _)| known.event_id == event.event_id) {
                    Some((_, paths)) => paths.push(&field.path),
                    None => found.push((event, vec![&field.path])),
                }
            }
        }
        found.sort_by(|one, two| one.0.at.cmp(&two.0.at));
        found
    }

    /// Why it is not known who weakened it, each reason once, with the differences that it is about.
    pub fn unknown(&self) -> Vec<Unknown<'_>> {
        let mut found: Vec<Unknown<'_>> = Vec::new();
        for field in self.weakenings() {
            if let Attribution::Unknown { reason, candidates } = &field.by {
                match found.iter_mut().find(|known| known.reason == reason && known.candidates == candidates) {
                    Some(known) => known.paths.push(&field.path),
                    None => found.push(Unknown { reason, candidates, paths: vec![&field.path] }),
                }
            }
        }
        found
    }

    /// The earliest time at which it may have begun, where it is not known for sure that it had.
    pub fn perhaps_since(&self) -> Option<&str> {
        self.weakenings().filter_map(|field| field.exposure.perhaps_since.as_deref()).min()
    }

    /// Takes what was found out about it.
    pub fn attribution(&mut self, attribution: ResourceAttribution) {
        self.attribution = attribution.fields;
    }
}

/// One write, from its intent to its verdict.
#[derive(Debug, Clone, PartialEq, Eq, JsonSchema, Serialize, Deserialize)]
pub struct StepDone {
    /// The run that made it.
    pub run: String,
    /// Its number in the plan.
    pub step: String,
    /// The resource.
    pub address: Address,
    /// What it does, in one word.
    pub action: String,
    /// One line for people; empty where the plan is not at hand.
    pub summary: String,
    /// Its calls.
    pub calls: Vec<String>,
    /// Why callers may not have what it restores, although it is verified.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub lag: Option<Lag>,
    /// The record of the intent in the journal.
    pub intent: u64,
    /// When the intent was on disk, in UTC.
    pub begun: String,
    /// AWS's ids of its requests.
    pub request_ids: Vec<String>,
    /// The AWS error code, when a call failed.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub error: Option<String>,
    /// What AWS said with the error, shortened.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub message: Option<String>,
    /// `verified`, `broken`, `unverified`, `failed`, `superseded` or `not_sent`; `None` when the run died before it was known.
    pub verdict: Option<Ruling>,
    /// Where read-back differed.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub differs: Vec<String>,
    /// When the verdict was on disk, in UTC.
    pub ended: Option<String>,
}

/// One file of evidence.
#[derive(Debug, Clone, PartialEq, Eq, JsonSchema, Serialize, Deserialize)]
pub struct EvidenceItem {
    /// What it is.
    pub what: String,
    /// The resource that it shows, where it shows one.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub address: Option<Address>,
    /// The digest of the file.
    pub sha256: String,
    /// Where it is, below the folder of the incident.
    pub path: String,
    /// Its length.
    pub bytes: u64,
    /// When it was recorded, in UTC.
    pub at: String,
    /// The record in the journal.
    pub record: u64,
}

/// A control that the incident concerns.
#[derive(Debug, Clone, PartialEq, JsonSchema, Serialize, Deserialize)]
pub struct Concerned {
    /// Its id.
    pub id: String,
    /// What it is called.
    pub title: String,
    /// How bad it is when it does not hold.
    pub severity: Severity,
    /// References of frameworks, by framework.
    pub compliance: std::collections::BTreeMap<String, Vec<String>>,
}

/// Who asked for the restore.
#[derive(Debug, Clone, Default, PartialEq, Eq, JsonSchema, Serialize, Deserialize)]
pub struct Operator {
    /// The user of the operating system.
    pub user: String,
    /// Who AWS says is calling.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub caller: Option<String>,
}

/// The case file. A part of the JSON contract.
#[derive(Debug, Clone, PartialEq, JsonSchema, Serialize, Deserialize)]
pub struct Incident {
    /// The format of the file.
    pub format: Format,
    /// Its id: `inc-`, the time at which it was opened, and eight digits.
    pub id: String,
    /// The version of the tool.
    pub tool_version: String,
    /// How it stands.
    pub outcome: Outcome,
    /// When it was opened, in UTC.
    pub opened: String,
    /// When this was written, in UTC.
    pub written: String,
    /// When it was closed, in UTC; `None` while it is open.
    pub closed: Option<String>,
    /// What the run was for.
    pub mode: Mode,
    /// The runs that worked on it, in order.
    pub runs: Vec<String>,
    /// Who asked for it.
    pub operator: Operator,
    /// What was asked for.
    pub targets: Vec<String>,
    /// The accounts that it was limited to; none when to all.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub accounts: Vec<String>,
    /// The beginning of the time that was looked at, where it was given.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub since: Option<String>,
    /// The digest of the desired state.
    pub desired_digest: String,
    /// When the drift was first seen, in UTC.
    pub detected: String,
    /// The addresses that were not as declared.
    pub addresses: Vec<Affected>,
    /// The writes.
    pub steps: Vec<StepDone>,
    /// What could not be read.
    pub gaps: Vec<Gap>,
    /// What stood in the way, and what should be known.
    pub findings: Vec<Finding>,
    /// The controls concerned.
    pub controls: Vec<Concerned>,
    /// Every step of their responses.
    pub checklist: Vec<CheckItem>,
    /// What was asked about the time in between.
    pub answers: Vec<Answered>,
    /// The evidence.
    pub evidence: Vec<EvidenceItem>,
    /// What went wrong in the run itself, one sentence each.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub troubles: Vec<String>,
}

impl Incident {
    /// How many addresses are restored.
    pub fn restored(&self) -> usize {
        self.addresses.iter().filter(|one| one.status.is_restored()).count()
    }

    /// What is told first, for people.
    pub fn facts(&self) -> Vec<(&'static str, String)> {
        let (actors, unknown) = words::actors(self);
        let resources = |number: usize| words::count(number, "resource", "resources");
        let of = |actor: &words::Actor<'_>| format!("{} ({})", actor.principal, resources(actor.addresses.len()));
        let mut by: Vec<String> = actors.iter().map(of).collect();
        match (unknown.len(), by.is_empty()) {
            (0, true) => by.push("nobody: nothing was weakened".to_owned()),
            (0, false) => {}
            (number, _) => by.push(format!("not known ({})", resources(number))),
        }
        let exposure = words::longest(self).map(|(one, told)| format!("{told}, {}", one.address()));
        vec![
            ("restored", format!("{} of {} confirmed by two separate reads", self.restored(), self.addresses.len())),
            ("exposed", exposure.unwrap_or_else(|| words::no_start(self).to_owned())),
            ("by", by.join("; ")),
            ("left to people", words::left_in_words(self)),
        ]
    }

    /// Whether this build may read a record of `format`.
    pub fn is_readable(format: Format) -> bool {
        format.major == FORMAT.major
    }

    /// What is missing for the file to be complete evidence of a restore, one sentence each.
    pub fn lacks(&self) -> Vec<String> {
        let mut lacks = Vec::new();
        let kept = |digest: &Option<String>| {
            digest.as_ref().is_some_and(|digest| self.evidence.iter().any(|item| item.sha256 == *digest))
        };
        for one in &self.addresses {
            let address = one.address();
            if !kept(&one.before) {
                lacks.push(format!("{address}: no image of before"));
            }
            if one.status.is_restored() && !kept(&one.after) {
                lacks.push(format!("{address}: no image of after"));
            }
            if one.status.is_restored() && one.proofs.len() < 2 {
                lacks.push(format!("{address}: fewer than two reads show it"));
            }
            if one.attribution.is_empty() {
                lacks.push(format!("{address}: nobody was asked who did it"));
            }
        }
        if !self.evidence.iter().any(|item| item.what == "plan") {
            lacks.push("no plan is kept".to_owned());
        }
        let unlisted =
            self.controls.iter().filter(|control| !self.checklist.iter().any(|item| item.control == control.id));
        lacks.extend(unlisted.map(|control| format!("{}: no step of its response is listed", control.id)));
        lacks.extend(self.troubles.iter().cloned());
        lacks
    }
}

/// How the run ended, beside what became of the addresses.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Ending {
    /// As it should.
    Whole,
    /// Nobody allowed the restore.
    NotApproved,
    /// The run was asked to stop, or could not go on.
    Interrupted,
}

/// How an incident stands whose addresses have these statuses, where `unseen` reads could not be made.
pub fn outcome(addresses: &[Affected], unseen: usize, ending: Ending) -> Outcome {
    let restored = addresses.iter().filter(|one| one.status.is_restored()).count();
    let whole = restored == addresses.len();
    match ending {
        Ending::NotApproved if !whole => return Outcome::NotApproved,
        Ending::Interrupted if !whole => return Outcome::Interrupted,
        _ => {}
    }
    match (whole, restored) {
        (true, _) if unseen > 0 => Outcome::NotAllSeen,
        (true, _) if addresses.iter().any(|one| one.status == Status::NotEffective) => Outcome::NotEffective,
        (true, _) => Outcome::Restored,
        (false, 0) => Outcome::NotRestored,
        (false, _) => Outcome::PartlyRestored,
    }
}

#[cfg(test)]
pub(crate) mod tests;
