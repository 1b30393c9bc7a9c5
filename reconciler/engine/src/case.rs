//! The case of one incident while it is worked on: what was frozen before anything was changed, and what was read afterwards.
//!
//! Expected flow: [`Case::take_up`] opens an incident where a plan has something to restore, or takes up the one that an
//! earlier run left open; [`Case::freeze`] keeps each plan and, of each address that is not as declared, an image of before,
//! all of it on disk before the first write; [`Case::keep_after`] keeps the images of after; [`Case::record`] puts the
//! incident together, and [`Case::finish`] writes its files and ties them to the chain.
//!
//! Guarantees: the first image of an address stays the image of before, however often the incident is taken up; every file is
//! on disk before its record, and every record before what follows it.

use std::collections::{BTreeMap, BTreeSet};

use jiff::Timestamp;
use reconciler_model::address::Address;
use reconciler_model::digest;
use reconciler_model::drift::{Change, Drift};
use reconciler_model::incident::{EvidenceItem, Incident, Operator, html, markdown};
use reconciler_model::inventory::{Inventory, ObservedResource};
use reconciler_model::permit::Mode;
use reconciler_model::plan::{Finding, Lag, Plan};
use serde::{Deserialize, Serialize};
use serde_json::Value;

use crate::evidence::{CaseFolder, EvidenceError, Kept, file_of};
use crate::journal::{Entry, Journal, JournalError, Record};
use crate::reconciler::{Planned, op_digest};
use crate::state::StateFolder;

/// The case could not be kept.
#[derive(Debug, thiserror::Error)]
pub enum CaseError {
    /// The journal.
    #[error(transparent)]
    Journal(#[from] JournalError),
    /// A file.
    #[error(transparent)]
    Evidence(#[from] EvidenceError),
}

/// What was asked for, and by whom.
#[derive(Debug, Clone, Default)]
pub struct Order {
    /// What the run is for.
    pub mode: Mode,
    /// Control ids and address patterns.
    pub targets: Vec<String>,
    /// The accounts that it is limited to; none when to all.
    pub accounts: Vec<String>,
    /// The beginning of the time that is looked at.
    pub since: Option<Timestamp>,
    /// Who asked.
    pub operator: Operator,
    /// The digest of the desired state.
    pub desired_digest: String,
}

impl Order {
    /// The same, whatever the order in which it was written.
    #[must_use]
    pub fn sorted(mut self) -> Self {
        for list in [&mut self.targets, &mut self.accounts] {
            list.sort();
            list.dedup();
        }
        self
    }
}

/// The image of one resource. A part of the evidence.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Image {
    /// `before` or `after`.
    pub what: String,
    /// The resource.
    pub address: Address,
    /// When it was read, in UTC: of an image of before, when its plan was made.
    pub read_at: String,
    /// How it differed; of an image of before.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub drift: Option<Drift>,
    /// The resource as it was read; `None` when it was known to be absent.
    #[serde(rename = "sighting")]
    pub observed: Option<ObservedResource>,
}

/// What a step of a kept plan is called.
#[derive(Debug, Clone, Default, PartialEq)]
pub(crate) struct Called {
    pub(crate) summary: String,
    pub(crate) calls: Vec<String>,
    pub(crate) lag: Option<Lag>,
}

/// One incident that is being worked on.
#[derive(Debug)]
pub struct Case {
    /// Its id.
    pub id: String,
    /// Its folder.
    pub folder: CaseFolder,
    /// What was asked for.
    pub order: Order,
    /// Whether an earlier run left it open.
    pub again: bool,
    /// When it was opened.
    pub opened: Timestamp,
    /// How each address differed when it was first seen.
    pub drift: BTreeMap<Address, Drift>,
    /// Each address as it was when it was first seen; `None` when it was absent.
    pub before: BTreeMap<Address, Option<ObservedResource>>,
    /// What stood in the way, and what should be known, of every plan.
    pub findings: BTreeSet<Finding>,
    /// When the first plan was made.
    pub detected: Option<String>,
    /// Addresses that the plans of this run do not look at: they are not declared any more.
    pub(crate) unlooked: BTreeSet<Address>,
    /// The first plan.
    pub(crate) first: Option<Plan>,
    /// What was read beside the resources, of the first plan of this run.
    pub(crate) scope_context: BTreeMap<String, Value>,
    pub(crate) images: BTreeMap<(String, Address), String>,
    /// What the service calls each resource: as it was seen last.
    pub(crate) handles: BTreeMap<Address, Value>,
    pub(crate) called: BTreeMap<(Address, String), Called>,
}

/// Whether there is something to put back, beside stronger values that are kept.
pub fn is_to_restore(drift: &Drift) -> bool {
    match drift.change {
        // What never was there lost nothing: it is created, and is no incident.
        Change::New => false,
        Change::Missing | Change::Unexpected => true,
        Change::Changed => drift.fields.iter().any(|field| !field.kept),
    }
}

impl Case {
    /// Opens an incident where `plan` has something to restore, or takes up the one that is open for the same order.
    ///
    /// # Errors
    /// Fails when it is not on disk. Nothing may then be changed.
    pub fn take_up(
        state: &StateFolder,
        journal: &mut Journal,
        order: &Order,
        plan: &Plan,
        now: Timestamp,
    ) -> Result<Option<Self>, CaseError> {
        let order = order.clone().sorted();
        let open = journal.open_incident(&order.targets, &order.accounts).cloned();
        if open.is_none() && !plan.drift.iter().any(is_to_restore) {
            return Ok(None);
        }
        let again = open.is_some();
        let id = open.as_ref().map_or_else(|| new_id(&order, now, journal), |open| open.id.clone());
        let since = order.since.or(open.as_ref().and_then(|open| open.since));
        let folder = CaseFolder::open(state.path(), &id)?;
        let opened = Entry::IncidentOpened {
            incident: id.clone(),
            targets: order.targets.clone(),
            accounts: order.accounts.clone(),
            since,
            by: order.operator.user.clone(),
            again,
        };
        journal.append(now, opened)?;
        let mut case = Self {
            id,
            folder,
            order: Order { since, ..order },
            again,
            opened: open.map_or(now, |open| open.at),
            drift: BTreeMap::new(),
            before: BTreeMap::new(),
            findings: BTreeSet::new(),
            detected: None,
            unlooked: BTreeSet::new(),
            first: None,
            scope_context: BTreeMap::new(),
            images: BTreeMap::new(),
            handles: BTreeMap::new(),
            called: BTreeMap::new(),
        };
        if again {
            case.remember(journal, now)?;
        }
        Ok(Some(case))
    }

    /// Reads what earlier runs kept, and records what a run that died had kept without a record.
    fn remember(&mut self, journal: &mut Journal, now: Timestamp) -> Result<(), CaseError> {
        let records = crate::journal::records(journal.path())?;
        let mut recorded = BTreeSet::new();
        for record in &records {
            let Entry::Evidence { incident, sha256, .. } = &record.entry else { continue };
            if *incident != self.id {
                continue;
            }
            recorded.insert(sha256.clone());
            let bytes = self.folder.read(sha256)?;
            if let Ok(image) = serde_json::from_slice::<Image>(&bytes) {
                self.know(&image, sha256);
            } else if let Ok(plan) = serde_json::from_slice::<Plan>(&bytes) {
                self.learn(&plan);
            }
        }
        for sha256 in self.folder.digests()? {
            if recorded.contains(&sha256) {
                continue;
            }
            // A file that is not what its name says is no evidence, and is left for the audit to find.
            let Ok(bytes) = self.folder.read(&sha256) else { continue };
            let entry = Entry::Evidence {
                incident: self.id.clone(),
                what: "found without a record".to_owned(),
                address: None,
                sha256,
                bytes: bytes.len() as u64,
            };
            journal.append(now, entry)?;
        }
        Ok(())
    }

    fn know(&mut self, image: &Image, sha256: &str) {
        let Image { what, address, drift, observed, .. } = image;
        let key = (what.clone(), address.clone());
        if let Some(observed) = observed.as_ref().filter(|_| what == "after" || !self.handles.contains_key(address)) {
            self.handles.insert(address.clone(), observed.external_id.clone());
        }
        match (what.as_str(), drift) {
            ("before", Some(drift)) if !self.before.contains_key(address) => {
                self.images.insert(key, sha256.to_owned());
                self.drift.insert(address.clone(), drift.clone());
                self.before.insert(address.clone(), observed.clone());
            }
            ("after", _) => {
                self.images.insert(key, sha256.to_owned());
            }
            _ => {}
        }
    }

    /// Takes what a plan tells: what its steps are called, its findings, and differences that are new.
    fn learn(&mut self, plan: &Plan) {
        if self.first.is_none() {
            self.detected = Some(plan.created_at.clone());
            self.first = Some(plan.clone());
        }
        self.findings.extend(plan.findings.iter().cloned());
        for step in &plan.steps {
            let calls = vec![step.call.action()];
            let called = Called { summary: step.summary.clone(), calls, lag: step.lag };
            self.called.insert((step.address.clone(), op_digest(step)), called);
        }
        for drift in &plan.drift {
            let Some(known) = self.drift.get_mut(&drift.address) else { continue };
            for field in &drift.fields {
                if !known.fields.iter().any(|other| other.path == field.path) {
                    known.fields.push(field.clone());
                }
            }
        }
    }

    /// Says which addresses the plans of this run look at.
    pub fn looked_at(&mut self, wanted: BTreeSet<&Address>) {
        self.unlooked = self.drift.keys().filter(|address| !wanted.contains(address)).cloned().collect();
    }

    /// Keeps the plan and the images of before. All of it is on disk when this returns.
    ///
    /// # Errors
    /// Fails when it is not. Nothing may then be changed.
    pub fn freeze(&mut self, planned: &Planned, journal: &mut Journal, now: Timestamp) -> Result<(), CaseError> {
        let Planned { plan, inventory } = planned;
        self.learn(plan);
        for (of, found) in &inventory.scope_context {
            self.scope_context.entry(of.clone()).or_insert_with(|| found.clone());
        }
        if plan.drift.iter().any(is_to_restore) || !plan.steps.is_empty() {
            let kept = self.folder.keep(plan)?;
            self.tie(journal, now, "plan", None, &kept)?;
        }
        let touched: BTreeSet<&Address> = plan.steps.iter().map(|step| &step.address).collect();
        for drift in &plan.drift {
            let address = &drift.address;
            if self.before.contains_key(address) || !(is_to_restore(drift) || touched.contains(address)) {
                continue;
            }
            let image = Image {
                what: "before".to_owned(),
                address: address.clone(),
                read_at: plan.created_at.clone(),
                drift: Some(drift.clone()),
                observed: seen(inventory, address),
            };
            let kept = self.folder.keep(&image)?;
            self.tie(journal, now, "before", Some(address), &kept)?;
            self.know(&image, &kept.sha256);
        }
        Ok(())
    }

    /// Keeps the image of after of one address.
    ///
    /// # Errors
    /// Fails when it is not on disk.
    pub fn keep_after(
        &mut self,
        address: &Address,
        observed: Option<ObservedResource>,
        journal: &mut Journal,
        now: Timestamp,
    ) -> Result<(), CaseError> {
        let (what, read_at) = ("after".to_owned(), now.to_string());
        let image = Image { what, address: address.clone(), read_at, drift: None, observed };
        let kept = self.folder.keep(&image)?;
        self.tie(journal, now, "after", Some(address), &kept)?;
        self.know(&image, &kept.sha256);
        Ok(())
    }

    /// Keeps anything else, such as the answers to queries.
    ///
    /// # Errors
    /// Fails when it is not on disk.
    pub fn keep(
        &mut self,
        what: &str,
        content: &impl Serialize,
        journal: &mut Journal,
        now: Timestamp,
    ) -> Result<(), CaseError> {
        let kept = self.folder.keep(content)?;
        self.tie(journal, now, what, None, &kept)
    }

    fn tie(
        &self,
        journal: &mut Journal,
        now: Timestamp,
        what: &str,
        address: Option<&Address>,
        kept: &Kept,
    ) -> Result<(), CaseError> {
        let entry = Entry::Evidence {
            incident: self.id.clone(),
            what: what.to_owned(),
            address: address.cloned(),
            sha256: kept.sha256.clone(),
            bytes: kept.bytes,
        };
        journal.append(now, entry)?;
        Ok(())
    }

    /// The drift of all runs as one plan, and what was read before: what is asked who caused it. `None` where no plan is kept.
    pub fn as_first_seen(&self) -> Option<Planned> {
        let mut plan = self.first.clone()?;
        plan.drift = self.drift.values().cloned().collect();
        let resources =
            self.before.iter().filter_map(|(address, seen)| Some((address.clone(), seen.clone()?))).collect();
        let scope_context = self.scope_context.clone();
        Some(Planned { plan, inventory: Inventory { resources, scope_context, ..Inventory::default() } })
    }

    /// Writes the files of the incident and ties them to the chain; closes it where it is over. Gives the record as written.
    ///
    /// # Errors
    /// Fails when they are not on disk.
    pub fn finish(&self, mut incident: Incident, journal: &mut Journal, now: Timestamp) -> Result<Incident, CaseError> {
        incident.written = now.to_string();
        incident.closed = incident.outcome.is_over().then(|| now.to_string());
        let mut json = serde_json::to_string_pretty(&incident)
            .map_err(|error| EvidenceError { path: self.folder.path().to_owned(), source: error.into() })?;
        json.push('\n');
        let texts = [
            ("incident.json", json),
            ("incident.md", markdown::render(&incident)),
            ("incident.html", html::render(&incident)),
        ];
        let mut files = BTreeMap::new();
        for (name, text) in texts {
            files.insert(name.to_owned(), self.folder.report(name, &text)?);
        }
        let (id, outcome) = (self.id.clone(), incident.outcome);
        let entry = match incident.outcome.is_over() {
            true => Entry::IncidentClosed { incident: id, outcome, files },
            false => Entry::IncidentSaved { incident: id, outcome, files },
        };
        journal.append(now, entry)?;
        Ok(incident)
    }
}

/// The evidence that the journal has of an incident, once each.
pub(crate) fn evidence_of(id: &str, records: &[Record]) -> Vec<EvidenceItem> {
    let mut items: Vec<EvidenceItem> = Vec::new();
    for Record { seq, at, entry, .. } in records {
        let Entry::Evidence { incident, what, address, sha256, bytes } = entry else { continue };
        if incident == id && !items.iter().any(|item| item.sha256 == *sha256) {
            items.push(EvidenceItem {
                what: what.clone(),
                address: address.clone(),
                sha256: sha256.clone(),
                path: file_of(sha256).display().to_string(),
                bytes: *bytes,
                at: at.to_string(),
                record: *seq,
            });
        }
    }
    items
}

fn seen(inventory: &Inventory, address: &Address) -> Option<ObservedResource> {
    inventory.resources.get(address).cloned()
}

/// Sortable by time, and not twice the same.
fn new_id(order: &Order, now: Timestamp, journal: &Journal) -> String {
    let unique = digest::of(&(&order.targets, now.as_nanosecond().to_string(), journal.next_seq(), std::process::id()));
    let unique: String = unique.chars().skip("sha256:".len()).take(8).collect();
    format!("inc-{}-{unique}", now.strftime("%Y%m%dT%H%M%SZ"))
}
