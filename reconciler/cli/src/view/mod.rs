//! A plan as people look at it: the most urgent first, what is the same in many places once, every note once.
//!
//! Expected flow: [`View::of`] puts the drifts, gaps and contested addresses of a plan into entries, joins entries that are alike, and
//! sorts them into sections by urgency; the screen and the review formats draw the same view.
//!
//! Guarantees: every drift, gap and contested address of the plan is in exactly one entry, every finding in an entry or a note.

pub(crate) mod changes;
pub(crate) mod layout;

use std::collections::{BTreeMap, BTreeSet};

use reconciler_model::address::Address;
use reconciler_model::alert::{self, Alert};
use reconciler_model::attribution::ResourceAttribution;
use reconciler_model::codes;
use reconciler_model::control::AlertClass;
use reconciler_model::direction::Direction;
use reconciler_model::drift::{Change, Drift};
use reconciler_model::flapping::Flapping;
use reconciler_model::inventory::Gap;
use reconciler_model::plan::{Finding, Plan, Severity, Step};

use changes::{Depth, Line, Sign};

/// What a view is made of beside the plan.
#[derive(Debug, Clone)]
pub(crate) struct Reading<'a> {
    /// How much is shown of long values, and whether what is alike is joined.
    pub(crate) depth: Depth,
    /// The ids of accounts by their names: what holds them is alike in all accounts.
    pub(crate) account_ids: &'a BTreeMap<String, String>,
    /// Who caused each drift, as far as that was asked.
    pub(crate) attributions: &'a [ResourceAttribution],
    /// The folder of the desired state, which places need not name.
    pub(crate) folder: &'a str,
}

/// A plan to look at.
#[derive(Debug)]
pub(crate) struct View {
    /// What has to be looked at, the most urgent first.
    pub(crate) sections: Vec<Section>,
    /// What is kept, and other notes.
    pub(crate) kept: Vec<Entry>,
    /// Notes of addresses that are as declared, each once.
    pub(crate) notes: Vec<Note>,
}

/// Entries of one urgency.
#[derive(Debug)]
pub(crate) struct Section {
    /// How people are told, and by when; `None` where no control is served.
    pub(crate) urgency: Option<(AlertClass, Option<u32>)>,
    /// The entries.
    pub(crate) entries: Vec<Entry>,
}

impl Section {
    /// The urgency in words.
    pub(crate) fn heading(&self) -> String {
        self.urgency.map_or_else(
            || "serves no control".to_owned(),
            |(class, within_minutes)| alert::urgency_in_words(class, within_minutes),
        )
    }

    /// Of how many addresses it tells.
    pub(crate) fn count(&self) -> usize {
        self.entries.iter().map(|entry| entry.addresses.len()).sum()
    }
}

/// Addresses that differ in the same way.
#[derive(Debug, Clone)]
pub(crate) struct Entry {
    /// What becomes of it.
    pub(crate) sign: Sign,
    /// What is the matter, in a word or two.
    pub(crate) what: String,
    /// Which way it points; `None` of what was not evaluated.
    pub(crate) direction: Option<Direction>,
    /// The kind.
    pub(crate) kind: String,
    /// The addresses, by place. Not all have the same name.
    pub(crate) addresses: Vec<Address>,
    /// In how many places a declaration of one of these names is held, as far as the plan looked.
    pub(crate) places: usize,
    /// The controls that it serves.
    pub(crate) controls: Vec<String>,
    /// How people are told.
    pub(crate) alert: Option<Alert>,
    /// The differences.
    pub(crate) lines: Vec<Line>,
    /// What else is to be known, with its code.
    pub(crate) notes: Vec<Note>,
    /// The steps: number and operation.
    pub(crate) steps: Vec<(String, String)>,
    /// File and line of the declaration.
    pub(crate) at: String,
    /// Who caused it.
    pub(crate) attribution: Option<ResourceAttribution>,
}

/// What kind of note it is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum Word {
    /// Why something is so.
    Reason,
    /// A step that would be needed is refused.
    Refused,
    /// A step that would be needed is left for the next run.
    Left,
    /// To be known.
    Note,
    /// What to do about it.
    Hint,
}

impl From<Severity> for Word {
    fn from(severity: Severity) -> Self {
        match severity {
            Severity::Refused => Self::Refused,
            Severity::Left => Self::Left,
            Severity::Note => Self::Note,
        }
    }
}

/// Something to be known.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) struct Note {
    /// What kind of note it is.
    pub(crate) word: Word,
    /// Its code, for `explain`; empty where it has none.
    pub(crate) code: String,
    /// What was found.
    pub(crate) detail: String,
    /// Where, if it does not stand below an entry.
    pub(crate) addresses: Vec<Address>,
    /// Who has to know.
    pub(crate) alert: Option<Alert>,
}

impl View {
    /// The view of a plan.
    pub(crate) fn of(plan: &Plan, reading: &Reading<'_>) -> Self {
        let drifts = plan.drift.iter().map(|drift| of_drift(plan, drift, reading));
        let all: Vec<Entry> =
            drifts.chain(plan.flapping.iter().map(of_flapping)).chain(plan.gaps.iter().map(of_gap)).collect();
        let all = match reading.depth {
            Depth::Folded => joined(all, reading),
            Depth::Full => all,
        };
        let mut all = all;
        let mut notes = notes(plan, reading);
        if reading.depth == Depth::Folded {
            notes.extend(told_once(&mut all));
        }
        let (kept, all): (Vec<Entry>, Vec<Entry>) =
            all.into_iter().partition(|entry| matches!(entry.sign, Sign::Keep | Sign::Waived));
        let mut by_urgency: BTreeMap<_, Vec<Entry>> = BTreeMap::new();
        for entry in all {
            let urgency = entry.alert.as_ref().map(|alert| (alert.class, alert.deadline_minutes));
            let rank = urgency.map(|(class, minutes)| (class, minutes.unwrap_or(u32::MAX)));
            by_urgency.entry((rank.is_none(), rank)).or_default().push(entry);
        }
        let sections = by_urgency.into_values().map(|mut entries| {
            entries.sort_by(|one, two| one.order().cmp(&two.order()));
            let first = entries.first().and_then(|entry| entry.alert.as_ref());
            Section { urgency: first.map(|alert| (alert.class, alert.deadline_minutes)), entries }
        });
        Self { sections: sections.collect(), kept, notes }
    }

    /// Everything that has lines of its own.
    pub(crate) fn entries(&self) -> impl Iterator<Item = &Entry> {
        self.sections.iter().flat_map(|section| &section.entries).chain(&self.kept)
    }

    /// The signs that are in it, in a stable order.
    pub(crate) fn signs(&self) -> BTreeSet<Sign> {
        self.entries()
            .flat_map(|entry| entry.lines.iter().map(|line| line.sign).chain([entry.sign]))
            .filter(|sign| *sign != Sign::None)
            .collect()
    }
}

/// What is said of a resource that nobody knows of.
const NEW: &str = "new: never seen before";

impl Entry {
    /// How a resource that is not there is told.
    pub(crate) fn absence(&self) -> &'static str {
        if self.what == NEW { "declared, and to be made for the first time" } else { "declared, and not there" }
    }

    fn say_it_of_every_place(&mut self, reading: &Reading<'_>) {
        let Some(address) = self.addresses.first() else { return };
        for line in &mut self.lines {
            line.text = everywhere(&line.text, address, reading);
            line.label = everywhere(&line.label, address, reading);
        }
        for note in &mut self.notes {
            note.detail = everywhere(&note.detail, address, reading);
        }
    }

    fn order(&self) -> (impl Ord, &Vec<Address>) {
        // What protects less comes before what is unclear, and that before what protects more.
        let gravity = match self.direction {
            Some(Direction::Weakened) => 0,
            None => 1,
            Some(Direction::Unknown) => 2,
            Some(Direction::Neutral) => 3,
            Some(Direction::Strengthened) => 4,
        };
        ((self.sign == Sign::Unseen, gravity), &self.addresses)
    }

    /// The names that it has, each once.
    pub(crate) fn names(&self) -> Vec<&str> {
        let names: BTreeSet<&str> = self.addresses.iter().map(|address| address.name.as_str()).collect();
        names.into_iter().collect()
    }

    /// The places that it is in, each once.
    pub(crate) fn in_places(&self) -> BTreeMap<&str, BTreeSet<&str>> {
        let mut places: BTreeMap<&str, BTreeSet<&str>> = BTreeMap::new();
        for address in &self.addresses {
            places.entry(&address.account).or_default().insert(&address.region);
        }
        places
    }
}

fn of_drift(plan: &Plan, drift: &Drift, reading: &Reading<'_>) -> Entry {
    let is_kept = drift.is_kept();
    let (sign, what) = match drift.change {
        Change::Missing => (Sign::Create, "missing"),
        Change::New => (Sign::Create, NEW),
        Change::Unexpected => (Sign::Undeclared, "undeclared, below the floor"),
        Change::Changed if is_kept && drift.is_waived_in_part() => (Sign::Waived, "waived"),
        Change::Changed if is_kept => (Sign::Keep, "strengthened, kept"),
        Change::Changed => (Sign::Change, changes::in_words(drift.direction)),
    };
    let lines = match drift.change {
        Change::Missing | Change::New => changes::whole(&drift.context.declared, reading.depth),
        _ => changes::of(drift, reading.depth),
    };
    let lines = lines.into_iter().map(|line| Line { at: within(&line.at, reading.folder), ..line }).collect();
    let steps = plan.steps.iter().filter(|step| step.address == drift.address);
    let told = |finding: &&Finding| finding.address == drift.address && !says_the_line(finding);
    let flaps = plan.flapping.iter().filter(|one| one.address == drift.address).map(flapping_note);
    Entry {
        sign,
        what: what.to_owned(),
        direction: Some(drift.direction),
        kind: drift.kind.clone(),
        addresses: vec![drift.address.clone()],
        places: drift.context.places,
        controls: drift.controls.clone(),
        alert: drift.alerts.first().cloned(),
        lines,
        notes: flaps.chain(plan.findings.iter().filter(told).map(below_entry)).collect(),
        steps: steps.map(|step| (step.id.clone(), operation(step))).collect(),
        at: drift
            .declared_at
            .as_deref()
            .map(|at| within(&changes::without_column(at), reading.folder))
            .unwrap_or_default(),
        attribution: reading.attributions.iter().find(|one| one.address == drift.address).cloned(),
    }
}

/// A place, named from the folder of the desired state on.
fn within(at: &str, folder: &str) -> String {
    let rest = at.strip_prefix(folder).and_then(|rest| rest.strip_prefix('/'));
    rest.filter(|_| !folder.is_empty()).unwrap_or(at).to_owned()
}

/// Whether the line of the field says it already.
fn says_the_line(finding: &Finding) -> bool {
    finding.code == codes::STRONGER
}

fn operation(step: &Step) -> String {
    step.call.operation.clone()
}

fn below_entry(finding: &Finding) -> Note {
    let Finding { address: _, severity, code, detail, alerts } = finding;
    let alert = alerts.first().cloned();
    Note { word: (*severity).into(), code: code.clone(), detail: detail.clone(), addresses: Vec::new(), alert }
}

fn flapping_note(one: &Flapping) -> Note {
    Note {
        word: Word::Left,
        code: codes::FLAPPING.to_owned(),
        detail: one.in_words(),
        addresses: Vec::new(),
        alert: one.alerts.first().cloned(),
    }
}

/// What others change back, and is as declared for the moment.
fn of_flapping(one: &Flapping) -> Entry {
    Entry {
        sign: Sign::Change,
        what: "contested".to_owned(),
        direction: Some(Direction::Weakened),
        kind: one.address.kind.clone(),
        addresses: vec![one.address.clone()],
        places: 0,
        controls: one.alerts.iter().map(|alert| alert.control.clone()).collect::<BTreeSet<_>>().into_iter().collect(),
        alert: one.alerts.first().cloned(),
        lines: Vec::new(),
        notes: vec![flapping_note(one)],
        steps: Vec::new(),
        at: String::new(),
        attribution: None,
    }
}

fn of_gap(gap: &Gap) -> Entry {
    let name = gap.name.clone().unwrap_or_else(|| "*".to_owned());
    let address =
        Address { account: gap.scope.account.clone(), region: gap.scope.region.clone(), kind: gap.kind.clone(), name };
    let members = match gap.fields.is_empty() {
        true => String::new(),
        false => format!("{}: ", gap.fields.join(", ")),
    };
    let note = |word, detail| Note { word, code: String::new(), detail, addresses: Vec::new(), alert: None };
    let remedy = note(Word::Hint, gap.remedy.clone());
    Entry {
        sign: Sign::Unseen,
        what: format!("not evaluated [{}]", gap.code),
        direction: None,
        kind: gap.kind.clone(),
        addresses: vec![address],
        places: 0,
        controls: gap.alerts.iter().map(|alert| alert.control.clone()).collect::<BTreeSet<_>>().into_iter().collect(),
        alert: gap.alerts.first().cloned(),
        lines: Vec::new(),
        notes: vec![note(Word::Reason, format!("{members}{}", gap.why())), remedy],
        steps: Vec::new(),
        at: String::new(),
        attribution: None,
    }
}

/// Joins entries that say the same of their places, and then those that say the same of several names in the same places.
fn joined(all: Vec<Entry>, reading: &Reading<'_>) -> Vec<Entry> {
    let over_places = join_by(all, reading, |entry| format!("{}|{}", named(entry), said(entry, reading)));
    join_by(over_places, reading, |entry| {
        let places: Vec<(&str, &str)> = entry.addresses.iter().map(|one| (&*one.account, &*one.region)).collect();
        format!("{places:?}|{}", said(entry, reading))
    })
}

fn named(entry: &Entry) -> String {
    entry.names().join("\n")
}

fn join_by(all: Vec<Entry>, reading: &Reading<'_>, key: impl Fn(&Entry) -> String) -> Vec<Entry> {
    let mut order: Vec<String> = Vec::new();
    let mut joined: BTreeMap<String, Entry> = BTreeMap::new();
    for entry in all {
        let key = key(&entry);
        match joined.get_mut(&key) {
            None => {
                order.push(key.clone());
                joined.insert(key, entry);
            }
            Some(first) => {
                if (&first.lines, &first.notes) != (&entry.lines, &entry.notes) {
                    first.say_it_of_every_place(reading);
                }
                first.addresses.extend(entry.addresses);
                first.steps.extend(entry.steps);
                first.at = if first.at == entry.at { entry.at } else { String::new() };
            }
        }
    }
    order.iter().filter_map(|key| joined.remove(key)).collect()
}

/// All that an entry says, but for its name, in a form that is the same in every place.
fn said(entry: &Entry, reading: &Reading<'_>) -> String {
    let Some(address) = entry.addresses.first() else { return String::new() };
    let Entry { sign, what, direction, kind, controls, alert, lines, notes, steps, attribution, .. } = entry;
    let operations: BTreeSet<&str> = steps.iter().map(|(_, operation)| operation.as_str()).collect();
    let text = |line: &Line| format!("{:?}|{}|{}|{}|{}", line.sign, line.depth, line.label, line.text, line.remark);
    let lines: Vec<String> = lines.iter().map(text).collect();
    let notes: Vec<String> = notes.iter().map(|note| format!("{}|{}", note.code, note.detail)).collect();
    let alert = alert.as_ref().map(|alert| (alert.class, alert.deadline_minutes));
    let what = format!("{sign:?}|{what}|{direction:?}|{kind}|{controls:?}|{alert:?}|{attribution:?}");
    let mut said = format!("{what}|{operations:?}|{}|{}", lines.join("\n"), notes.join("\n"));
    for name in entry.names() {
        said = said.replace(&format!("/{name}"), "/${name}").replace(&format!(" {name} "), " ${name} ");
    }
    everywhere(&said, address, reading)
}

/// A text with the place of an address taken out of it.
fn everywhere(text: &str, address: &Address, reading: &Reading<'_>) -> String {
    let text = text.replace(&format!("{}/{}", address.account, address.region), "${account.name}/${region}");
    let text = text.replace(&address.region, "${region}");
    match reading.account_ids.get(&address.account) {
        Some(id) => text.replace(id, "${account.id}"),
        None => text,
    }
}

/// Takes the notes out of the entries that several of them have.
fn told_once(entries: &mut [Entry]) -> Vec<Note> {
    let mut told: BTreeMap<Note, Vec<Address>> = BTreeMap::new();
    for entry in &*entries {
        for note in entry.notes.iter().filter(|note| note.word == Word::Note) {
            told.entry(note.clone()).or_default().extend(entry.addresses.iter().cloned());
        }
    }
    let is_of_one = |note: &Note| entries.iter().filter(|entry| entry.notes.contains(note)).count() < 2;
    told.retain(|note, _| !is_of_one(note));
    for entry in entries {
        entry.notes.retain(|note| !told.contains_key(note));
    }
    told.into_iter().map(|(note, addresses)| Note { addresses, ..note }).collect()
}

/// The findings of addresses that have no entry, each text once.
fn notes(plan: &Plan, reading: &Reading<'_>) -> Vec<Note> {
    let drifted: BTreeSet<&Address> = plan.drift.iter().map(|drift| &drift.address).collect();
    let mut notes: BTreeMap<(Severity, &str, String), Note> = BTreeMap::new();
    for finding in plan.findings.iter().filter(|finding| !drifted.contains(&finding.address)) {
        let address = &finding.address;
        let detail = everywhere(&finding.detail, address, reading);
        // What differs in each place is told of each.
        let key = (finding.severity, finding.code.as_str(), detail);
        let note = notes.entry(key).or_insert_with(|| below_entry(finding));
        note.addresses.push(address.clone());
        if let Some(alert) = finding.alerts.first() {
            note.alert.get_or_insert_with(|| alert.clone());
        }
    }
    notes.into_values().collect()
}
