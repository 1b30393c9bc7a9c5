//! Putting an incident together: what became of each address, by what it is proved, and what was written.
//!
//! Guarantees: restored means that two separate reads confirm it: the read-back of its last step and the plan that was
//! made afresh afterwards, or two such plans where no step of it was verified. Everything else has a reason.

use std::collections::{BTreeMap, BTreeSet};

use reconciler_aws::CallError;
use reconciler_model::address::Address;
use reconciler_model::attribution::{Attribution, Exposure, FieldAttribution, ResourceAttribution};
use reconciler_model::control::{Answered, ResponseStep};
use reconciler_model::drift::Drift;
use reconciler_model::incident::{
    Affected, Concerned, Ending, FORMAT, Incident, Proof, Status, StepDone, checklist, outcome,
};
use reconciler_model::inventory::ObservedResource;
use reconciler_model::plan::{Finding, Lag, Plan, Severity};
use reconciler_model::repointed;
use reconciler_model::tree::Path;
use reconciler_model::verdict::Ruling;

use crate::case::{Case, evidence_of, is_to_restore};
use crate::journal::{Entry, Record};
use crate::reconciler::Reconciler;

/// What a run found out about a case.
#[derive(Debug)]
pub struct Found<'a> {
    /// The last plan; `None` when the run could not make it.
    pub after: Option<&'a Plan>,
    /// A plan of the same addresses that was made after that one, where it was needed.
    pub again: Option<&'a Plan>,
    /// What still uses something older, by address.
    pub still_used_by: &'a BTreeMap<Address, Vec<String>>,
    /// How the run ended.
    pub ending: Ending,
    /// What went wrong in the run itself.
    pub troubles: Vec<String>,
    /// The journal.
    pub records: &'a [Record],
}

/// What was found out about the time in between.
#[derive(Debug, Default)]
pub struct Past {
    /// Who caused it.
    pub attribution: Vec<ResourceAttribution>,
    /// What was asked.
    pub answers: Vec<Answered>,
    /// The controls concerned, with the steps of their responses.
    pub controls: Vec<(Concerned, Vec<ResponseStep>)>,
}

impl Reconciler<'_> {
    /// Reads one resource afresh, by its name.
    ///
    /// # Errors
    /// Fails when it could not be read.
    pub async fn read_one(
        &self,
        account_ids: &BTreeMap<String, String>,
        address: &Address,
    ) -> Result<Option<ObservedResource>, CallError> {
        let (Some(client), Some(account)) = (self.client(&address.kind), account_ids.get(&address.account)) else {
            return Ok(None);
        };
        client.read_one(&self.sessions.session(account, &address.region), address, None).await
    }

    /// What is known to use something older than what a restored resource has now.
    ///
    /// # Errors
    /// Fails when it could not be read.
    pub async fn still_used_by(
        &self,
        account_ids: &BTreeMap<String, String>,
        live: &ObservedResource,
    ) -> Result<Vec<String>, CallError> {
        let Address { account, region, kind, .. } = &live.address;
        let (Some(client), Some(account)) = (self.client(kind), account_ids.get(account)) else {
            return Ok(Vec::new());
        };
        client.still_used_by(&self.sessions.session(account, region), live).await
    }
}

impl Case {
    /// The addresses that are as declared according to a plan, but not yet confirmed by two reads.
    pub fn to_be_shown_again(&self, after: &Plan, records: &[Record]) -> BTreeSet<Address> {
        let steps = self.steps(records);
        let shown = |address: &&Address| self.is_in_sync(after, address) && read_back(&steps, address).is_none();
        self.drift.keys().filter(shown).cloned().collect()
    }

    fn is_in_sync(&self, plan: &Plan, address: &Address) -> bool {
        !self.unlooked.contains(address) && in_sync(plan, address)
    }

    /// The addresses that are as declared according to a plan.
    pub fn in_sync(&self, after: &Plan) -> Vec<Address> {
        self.drift.keys().filter(|address| self.is_in_sync(after, address)).cloned().collect()
    }

    /// What became of each address, without what is known of the past.
    pub fn affected(&self, found: &Found<'_>) -> Vec<Affected> {
        let steps = self.steps(found.records);
        let of = |what: &str, address: &Address| self.images.get(&(what.to_owned(), address.clone())).cloned();
        self.drift
            .iter()
            .map(|(address, drift)| {
                let (status, why, proofs) = self.stands(address, found, &steps);
                let still_used_by = found.still_used_by.get(address).cloned().unwrap_or_default();
                let lags: BTreeSet<Lag> =
                    steps.iter().filter(|step| step.address == *address).filter_map(|step| step.lag).collect();
                let without_effect = if lags.contains(&Lag::NothingPublished) {
                    Some(
                        "the newest version is not as declared, and the declaration forbids to publish another one: callers that \
                         name a version do not get what is restored",
                    )
                } else if lags.contains(&Lag::OlderVersions) && !still_used_by.is_empty() {
                    Some(
                        "what uses an older version does not get what is restored; callers that name a version in their own code \
                         cannot be seen from here",
                    )
                } else {
                    None
                }
                .filter(|_| status == Status::Restored);
                Affected {
                    drift: drift.clone(),
                    status: if without_effect.is_some() { Status::NotEffective } else { status },
                    why: without_effect.map(str::to_owned).or(why),
                    still_used_by,
                    proofs,
                    attribution: Vec::new(),
                    handle: self.handles.get(address).cloned().unwrap_or_default(),
                    before: of("before", address),
                    after: if status.is_restored() { of("after", address) } else { None },
                }
            })
            .collect()
    }

    fn stands(&self, address: &Address, found: &Found<'_>, steps: &[StepDone]) -> (Status, Option<String>, Vec<Proof>) {
        let mut proofs: Vec<Proof> = read_back(steps, address).into_iter().collect();
        let Some(after) = found.after else {
            let tried = steps.iter().any(|step| step.address == *address);
            return match (found.ending, proofs.is_empty(), tried) {
                (Ending::NotApproved, ..) => (Status::NotTried, None, proofs),
                (_, false, _) => {
                    let why =
                        "read-back shows it as declared; it was not read a second time, because the run did not go on";
                    (Status::Unknown, Some(why.to_owned()), proofs)
                }
                (_, true, true) => (Status::NotRestored, Some(last_verdict(steps, address)), proofs),
                (_, true, false) => (Status::NotTried, None, proofs),
            };
        };
        if let Some(gap) = after.gaps.iter().find(|gap| gap.covers(address)) {
            return (Status::Unknown, Some(gap.why()), proofs);
        }
        let is_open = after.drift.iter().any(|drift| drift.address == *address && is_to_restore(drift));
        // Pins and undeclared resources are not wanted addresses. The plan itself shows that they are open.
        if self.unlooked.contains(address) && !is_open {
            let why = match address.kind == repointed::KIND {
                true => "the last plan does not show it any more; where a pointer leads is not read a second time",
                false => "it is not declared any more, so nothing was read",
            };
            return (Status::Unknown, Some(why.to_owned()), proofs);
        }
        if in_sync(after, address) {
            let by = format!("{}, which was made afresh", after.plan_id);
            proofs.push(Proof { by, at: after.created_at.clone() });
            if let Some(again) = found.again.filter(|again| in_sync(again, address)) {
                proofs.push(Proof { by: "a second plan".to_owned(), at: again.created_at.clone() });
            }
            return match proofs.len() {
                0 | 1 => (Status::Unknown, Some("only one read confirms it".to_owned()), proofs),
                _ => (Status::Restored, None, proofs),
            };
        }
        let refused: Vec<String> = after
            .findings
            .iter()
            .filter(|finding| finding.address == *address && finding.severity == Severity::Refused)
            .map(|finding| format!("[{}] {}", finding.code, finding.detail))
            .collect();
        if !refused.is_empty() {
            return (Status::Refused, Some(refused.join("; ")), Vec::new());
        }
        let waits = after.findings.iter().find(|one| one.address == *address && one.is_waiting());
        if let Some(finding) = waits {
            return (Status::NotRestored, Some(finding.detail.clone()), Vec::new());
        }
        // What no step ends is there after every restore, and nobody has changed it since.
        let open = after.drift.iter().find(|drift| drift.address == *address);
        let is_left = |drift: &&Drift| {
            drift.fields.iter().any(|one| one.stays) && drift.fields.iter().all(|one| one.kept || one.stays)
        };
        if let Some(left) = open.filter(is_left) {
            let is_told = |finding: &&Finding| finding.address == left.address && !finding.alerts.is_empty();
            let told = after.findings.iter().find(is_told).map(|finding| finding.detail.clone());
            let told = told.unwrap_or_else(|| "what is left has to be ended by people".to_owned());
            let restored = if proofs.is_empty() { "" } else { "what a step can restore is restored; " };
            return (Status::NotRestored, Some(format!("{restored}{told}")), Vec::new());
        }
        match proofs.pop() {
            Some(proof) => {
                let why = format!(
                    "read-back showed it as declared at {}, and later it was not: somebody else changed it",
                    proof.at
                );
                (Status::NotRestored, Some(why), Vec::new())
            }
            None if steps.iter().any(|step| step.address == *address) => {
                (Status::NotRestored, Some(last_verdict(steps, address)), Vec::new())
            }
            None if address.kind == repointed::KIND => {
                let why = "it still leads elsewhere than pins.lock says, and nothing here puts it back: what rests on it is held \
                           to what is pinned; put it back, or run `pin` and review the change";
                (Status::NotRestored, Some(why.to_owned()), Vec::new())
            }
            None => (Status::NotRestored, Some("nothing was written to it".to_owned()), Vec::new()),
        }
    }

    /// Every write of the runs that worked on this incident.
    pub fn steps(&self, records: &[Record]) -> Vec<StepDone> {
        let runs: BTreeSet<&str> = self.runs(records).into_iter().collect();
        let mut steps: BTreeMap<u64, StepDone> = BTreeMap::new();
        let mut began = false;
        for Record { seq, at, run, entry, .. } in records {
            match entry {
                Entry::IncidentOpened { incident, .. } if *incident == self.id => began = true,
                Entry::Intent { step, address, action, op, .. } if began && runs.contains(run.as_str()) => {
                    let called = self.called.get(&(address.clone(), op.clone())).cloned().unwrap_or_default();
                    steps.insert(
                        *seq,
                        StepDone {
                            run: run.clone(),
                            step: step.clone(),
                            address: address.clone(),
                            action: action.clone(),
                            summary: called.summary,
                            calls: called.calls,
                            lag: called.lag,
                            intent: *seq,
                            begun: at.to_string(),
                            request_ids: Vec::new(),
                            error: None,
                            message: None,
                            verdict: None,
                            differs: Vec::new(),
                            ended: None,
                        },
                    );
                }
                Entry::WriteResult { intent, request_id, error, message, .. } => {
                    if let Some(step) = steps.get_mut(intent) {
                        step.request_ids.extend(request_id.clone());
                        step.error.clone_from(error);
                        step.message.clone_from(message);
                    }
                }
                Entry::Verdict { intent, verdict, differs, .. } => {
                    if let Some(step) = steps.get_mut(intent) {
                        step.verdict = Some(verdict.clone());
                        step.differs.clone_from(differs);
                        step.ended = Some(at.to_string());
                    }
                }
                _ => {}
            }
        }
        steps.into_values().collect()
    }

    fn runs<'r>(&self, records: &'r [Record]) -> Vec<&'r str> {
        let mut runs: Vec<&str> = Vec::new();
        for record in records {
            let opened = matches!(&record.entry, Entry::IncidentOpened { incident, .. } if *incident == self.id);
            if opened && !runs.contains(&record.run.as_str()) {
                runs.push(&record.run);
            }
        }
        runs
    }

    /// The incident as it stands.
    pub fn record(&self, found: Found<'_>, mut addresses: Vec<Affected>, past: Past) -> Incident {
        for one in &mut addresses {
            let attribution =
                past.attribution.iter().find(|attribution| attribution.address == *one.address()).cloned();
            one.attribution = with_end(
                attribution.map_or_else(|| nobody_asked(one), |attribution| attribution.fields),
                one.restored_at(),
            );
        }
        let after = found.after;
        let unseen = after.map_or(0, |after| after.gaps.len() + after.diagnostics.len());
        let checklist = past
            .controls
            .iter()
            .flat_map(|(control, response)| checklist::of(&control.id, response, &addresses, &past.answers))
            .collect();
        let opened = self.opened.to_string();
        Incident {
            format: FORMAT,
            id: self.id.clone(),
            tool_version: env!("CARGO_PKG_VERSION").to_owned(),
            outcome: outcome(&addresses, unseen, found.ending),
            written: String::new(),
            closed: None,
            mode: self.order.mode.clone(),
            runs: self.runs(found.records).into_iter().map(str::to_owned).collect(),
            operator: self.order.operator.clone(),
            targets: self.order.targets.clone(),
            accounts: self.order.accounts.clone(),
            since: self.order.since.map(|since| since.to_string()),
            desired_digest: self.order.desired_digest.clone(),
            detected: self.detected.clone().unwrap_or_else(|| opened.clone()),
            opened,
            steps: self.steps(found.records),
            gaps: after.map(|after| after.gaps.clone()).unwrap_or_default(),
            findings: self.findings.iter().filter(|finding| !finding.is_waiting()).cloned().collect(),
            controls: past.controls.into_iter().map(|(control, _)| control).collect(),
            checklist,
            answers: past.answers,
            evidence: evidence_of(&self.id, found.records),
            addresses,
            troubles: found.troubles,
        }
    }

    /// The controls that the addresses serve, sorted.
    pub fn control_ids(&self) -> BTreeSet<String> {
        self.drift.values().flat_map(|drift| drift.controls.iter().cloned()).collect()
    }
}

/// Whether a plan looked at an address and found it as declared.
fn in_sync(plan: &Plan, address: &Address) -> bool {
    !plan.drift.iter().any(|drift| drift.address == *address && is_to_restore(drift))
        && !plan.gaps.iter().any(|gap| gap.covers(address))
        && !plan.waiting().any(|waiting| waiting == address)
        && plan.diagnostics.is_empty()
}

/// The read-back of the last step of an address, if it shows what was expected.
fn read_back(steps: &[StepDone], address: &Address) -> Option<Proof> {
    let last = steps.iter().rfind(|step| step.address == *address)?;
    let at = last.ended.clone().filter(|_| last.verdict == Some(Ruling::Verified))?;
    Some(Proof { by: format!("the read-back of step {}", last.step), at })
}

fn last_verdict(steps: &[StepDone], address: &Address) -> String {
    let Some(last) = steps.iter().rfind(|step| step.address == *address) else { return String::new() };
    let message = last.message.as_ref().map(|message| format!(": {message}")).unwrap_or_default();
    let error = last.error.as_ref().map(|error| format!(" with {error}{message}")).unwrap_or_default();
    match last.verdict {
        Some(Ruling::Mismatch) => {
            let places = last.differs.join(", ");
            format!("the call of step {} answered success, and read-back shows something else at {places}", last.step)
        }
        Some(Ruling::NotSent) => format!("step {} was not sent", last.step),
        Some(Ruling::Failed) => format!("step {} failed{error}", last.step),
        Some(Ruling::Verified) => format!("step {} was verified", last.step),
        Some(_) => format!("step {} is not verified{error}", last.step),
        None => format!("how step {} ended is not known: the run died", last.step),
    }
}

/// The end of each exposure is the first read that shows the restore.
fn with_end(mut fields: Vec<FieldAttribution>, until: Option<&str>) -> Vec<FieldAttribution> {
    for field in &mut fields {
        let exposure = &mut field.exposure;
        exposure.until = until.map(str::to_owned);
        let at = |text: &Option<String>| text.as_deref()?.parse::<jiff::Timestamp>().ok();
        exposure.seconds = match (at(&exposure.since), at(&exposure.until)) {
            (Some(since), Some(until)) => u64::try_from(until.duration_since(since).as_secs()).ok(),
            _ => None,
        };
    }
    fields
}

/// What is said where nobody was asked.
fn nobody_asked(one: &Affected) -> Vec<FieldAttribution> {
    let paths: Vec<Path> = match one.drift.fields.is_empty() {
        true => vec![Path::root()],
        false => one.drift.fields.iter().map(|field| field.path.clone()).collect(),
    };
    let by = Attribution::Unknown { reason: "the event history was not asked".to_owned(), candidates: Vec::new() };
    let exposure = Exposure { since: None, perhaps_since: None, until: None, seconds: None };
    let attribution = |path| FieldAttribution { path, by: by.clone(), exposure: exposure.clone() };
    paths.into_iter().map(attribution).collect()
}
