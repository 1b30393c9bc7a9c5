//! Carries out an approved plan: read again, record the intent, write, record the result, read back, give the verdict.
//!
//! Expected flow, for each address: the resource is read again and must still be what the plan was made for. For each step,
//! the intent is put on disk, the write is made, its result is put on disk, the resource is read until it has settled and
//! shows the expected state, and the verdict is put on disk. Addresses of one stage go side by side, unless one needs the
//! other.
//!
//! Guarantees: a step that is not verified stops only the steps that need it. The token of a write that a crash interrupted is
//! used again, so nothing is created twice.
//!
//! Caveats: another actor may change the resource between the second read and the write. Read-back then shows it.

use std::collections::{BTreeMap, BTreeSet};

use futures::StreamExt as _;
use futures::stream;
use reconciler_aws::client::{ResourceClient, code_of, not_sent};
use reconciler_aws::{CallError, ErrorClass};
use reconciler_model::address::Address;
use reconciler_model::codes;
use reconciler_model::digest;
use reconciler_model::flapping::fields_of;
use reconciler_model::inventory::{Inventory, ObservedResource};
use reconciler_model::permit::{ApprovedPlan, Mode};
use reconciler_model::plan::{Lag, Plan, Step, Turn};
use reconciler_model::verdict::{self, Ruling, Verdict};
use serde_json::Value;
use tokio::sync::Mutex;
use tokio::time::Instant;

use crate::event::{Event, StepOutcome, Why};
use crate::journal::{Entry, Journal, JournalError, OpenIntent};
use crate::reconciler::{Reconciler, op_digest};
use crate::state::StateFolder;

/// What applying a plan gave.
#[derive(Debug, Default)]
pub struct Applied {
    /// How each step ended, by its number in the plan.
    pub steps: BTreeMap<String, StepOutcome>,
}

impl Applied {
    /// Steps that were verified by read-back.
    pub fn verified(&self) -> usize {
        self.steps.values().filter(|outcome| outcome.is_verified()).count()
    }

    /// The addresses of a plan that had changed before their steps began.
    pub fn moved<'p>(&self, plan: &'p Plan) -> BTreeSet<&'p Address> {
        let moved =
            |step: &&Step| matches!(self.steps.get(&step.id), Some(StepOutcome::NotTried { why: Why::Moved, .. }));
        plan.steps.iter().filter(moved).map(|step| &step.address).collect()
    }

    /// Steps that were not.
    pub fn not_verified(&self) -> usize {
        self.steps.len() - self.verified()
    }
}

/// Who applies what, and where it is written down.
pub struct Authority<'a> {
    /// What the run is for.
    pub mode: &'a Mode,
    /// The plan, and who allowed it.
    pub approved: &'a ApprovedPlan,
    /// The account ids of the addresses.
    pub account_ids: &'a BTreeMap<String, String>,
    /// What the plan was made from, for the external ids; a plan from a file has none.
    pub inventory: Option<&'a Inventory>,
    /// Whether the plan covers a part of what is wanted. Such a plan says nothing of writes that a crash left open elsewhere.
    pub is_part: bool,
    /// The state folder, for the pause.
    pub state: &'a StateFolder,
    /// Set when the process was asked to stop: steps that have not begun are not begun.
    pub stop: &'a (dyn Fn() -> bool + Sync),
}

/// Why a step is not tried.
#[derive(Debug, Clone)]
struct Obstacle {
    why: Why,
    code: &'static str,
    reason: String,
}

impl Obstacle {
    fn behind(code: &'static str, reason: impl Into<String>) -> Self {
        Self { why: Why::Behind, code, reason: reason.into() }
    }

    fn blocked(code: &'static str, reason: impl Into<String>) -> Self {
        Self { why: Why::Blocked, code, reason: reason.into() }
    }
}

impl From<Obstacle> for StepOutcome {
    fn from(Obstacle { why, code, reason }: Obstacle) -> Self {
        Self::NotTried { why, code, reason }
    }
}

type Guarded<'a> = Mutex<&'a mut Journal>;

impl Reconciler<'_> {
    /// Carries out an approved plan.
    ///
    /// # Errors
    /// Fails only when the journal cannot be written; nothing is written to AWS after that. Everything else is the outcome
    /// of a step.
    pub async fn apply(&self, authority: &Authority<'_>, journal: &mut Journal) -> Result<Applied, JournalError> {
        let plan = authority.approved.plan();
        let started = Entry::RunStarted {
            mode: authority.mode.clone(),
            plan_id: plan.plan_id.clone(),
            approval: authority.approved.approval().clone(),
        };
        journal.append((self.clock)(), started)?;
        if !authority.is_part {
            self.close_what_is_over(plan.steps.iter(), authority.inventory, journal)?;
        }
        let mut chains: BTreeMap<(Turn, &Address), Vec<&Step>> = BTreeMap::new();
        let mut of: BTreeMap<&Address, Vec<&Step>> = BTreeMap::new();
        for step in &plan.steps {
            of.entry(&step.address).or_default().push(step);
        }
        for step in &plan.steps {
            let Some(steps) = of.remove(&step.address) else { continue };
            chains.insert((step.turn, &step.address), steps);
        }
        let in_turn: BTreeSet<Turn> = chains.keys().map(|(turn, _)| *turn).collect();
        let guarded = Mutex::new(&mut *journal);
        let mut applied = Applied::default();
        for turn in in_turn {
            let verified: BTreeSet<String> =
                applied.steps.iter().filter(|(_, outcome)| outcome.is_verified()).map(|(id, _)| id.clone()).collect();
            let outcomes: Vec<_> = stream::iter(chains.range((turn, plan_first())..))
                .take_while(|((of, _), _)| futures::future::ready(*of == turn))
                .map(|(_, steps)| self.chain(authority, steps, &verified, &guarded))
                .buffer_unordered(self.pace.side_by_side.max(1))
                .collect()
                .await;
            for outcome in outcomes {
                applied.steps.extend(outcome?);
            }
        }
        let ended = Entry::RunEnded { verified: applied.verified(), not_verified: applied.not_verified() };
        journal.append((self.clock)(), ended)?;
        Ok(applied)
    }

    /// Intents that a crash left open and that this plan does not repeat are over: the world has moved on, so their tokens
    /// must not be used again.
    fn close_what_is_over<'s>(
        &self,
        steps: impl Iterator<Item = &'s Step>,
        inventory: Option<&Inventory>,
        journal: &mut Journal,
    ) -> Result<(), JournalError> {
        let repeated: BTreeSet<(Address, String)> = steps.map(|step| (step.address.clone(), op_digest(step))).collect();
        // The resource that a closed intent made exists under its name. From now on it is known by its id.
        let made = |open: &OpenIntent| {
            let seen = inventory.filter(|_| open.creates)?.resources.get(&open.address)?;
            self.client(&open.address.kind)?.kind().contract().id_of(&seen.external_id)
        };
        let over: Vec<(u64, Option<String>)> = journal
            .open_intents()
            .filter(|open| !repeated.contains(&(open.address.clone(), open.op.clone())))
            .map(|open| (open.seq, made(open)))
            .collect();
        for (intent, made) in over {
            let entry = Entry::Verdict { intent, verdict: Ruling::Superseded, differs: Vec::new(), made };
            journal.append((self.clock)(), entry)?;
        }
        Ok(())
    }

    async fn chain(
        &self,
        authority: &Authority<'_>,
        steps: &[&Step],
        verified_before: &BTreeSet<String>,
        journal: &Guarded<'_>,
    ) -> Result<Vec<(String, StepOutcome)>, JournalError> {
        let mut outcomes: Vec<(String, StepOutcome)> = Vec::new();
        let mut stopped: Option<Obstacle> = None;
        // Steps that were not verified, and why: what needs one of them is not tried, and all else is.
        let mut failed: BTreeMap<&str, Obstacle> = BTreeMap::new();
        let Some(first) = steps.first() else { return Ok(outcomes) };
        let mut external_id = authority
            .inventory
            .and_then(|inventory| inventory.resources.get(&first.address))
            .map(|observed| observed.external_id.clone());
        let op = op_digest(first);
        let is_again = journal
            .lock()
            .await
            .open_intents()
            .any(|open| open.creates && open.address == first.address && open.op == op)
            && first.call.has_token();
        match self.ready(authority, first, verified_before, is_again, &mut external_id).await {
            Ok(()) => {}
            Err(obstacle) => {
                let Obstacle { code, reason, .. } = &obstacle;
                self.sink.take(&Event::Skipped { address: &first.address, code, reason });
                stopped = Some(obstacle);
            }
        }
        for (index, step) in steps.iter().enumerate() {
            if stopped.is_none() {
                stopped = self.held_back(authority);
            }
            // What comes first may need less than what follows.
            let is_own = |need: &String| steps.iter().any(|step| step.id == *need);
            let missing = step.needs.iter().find(|need| !is_own(need) && !verified_before.contains(*need));
            let in_the_way = || step.needs.iter().find_map(|need| failed.get(need.as_str()).cloned());
            let why_not = stopped.clone().or_else(|| missing.map(|missing| unmet(missing))).or_else(in_the_way);
            let outcome = match &why_not {
                Some(obstacle) => obstacle.clone().into(),
                None => self.carry_out(authority, step, index == 0, &mut external_id, journal).await?,
            };
            self.sink.take(&Event::StepEnded { step, outcome: &outcome });
            if !outcome.is_verified() {
                let own = || Obstacle::behind(codes::STEP_FAILED, format!("step {} was not verified", step.id));
                failed.insert(&step.id, why_not.unwrap_or_else(own));
            }
            outcomes.push((step.id.clone(), outcome));
        }
        Ok(outcomes)
    }

    fn held_back(&self, authority: &Authority<'_>) -> Option<Obstacle> {
        if let Some(reason) = authority.state.paused() {
            return Some(Obstacle::blocked(codes::PAUSED, reason));
        }
        (authority.stop)().then(|| Obstacle::behind(codes::STEP_FAILED, "the run was asked to stop"))
    }

    /// Whether the address is still what the plan was made for, and what it needs was verified.
    async fn ready(
        &self,
        authority: &Authority<'_>,
        first: &Step,
        verified_before: &BTreeSet<String>,
        is_again: bool,
        external_id: &mut Option<Value>,
    ) -> Result<(), Obstacle> {
        if let Some(missing) = first.needs.iter().find(|need| !verified_before.contains(*need)) {
            return Err(unmet(missing));
        }
        // A former run may have made the resource of this name. Only the token of the call can tell.
        if is_again && first.planned_for.is_none() {
            return Ok(());
        }
        let (client, session) = self.place_of(authority, &first.address)?;
        // The plan's own read counts as the first of two reads in a row.
        let planned = authority.inventory.and_then(|inventory| inventory.resources.get(&first.address));
        let in_a_row = u32::from(planned.is_some_and(|planned| planned.settled));
        let seen = self.read_settled(client, &session, &first.address, external_id.as_ref(), in_a_row).await?;
        if seen.as_ref().map(|seen| seen.fingerprint()) != first.planned_for {
            let reason = match &seen {
                None => "the resource is gone".to_owned(),
                Some(_) if first.planned_for.is_none() => "the resource exists now".to_owned(),
                Some(_) => "the resource is not what the plan was made for".to_owned(),
            };
            return Err(Obstacle { why: Why::Moved, code: codes::MOVED, reason });
        }
        *external_id = seen.map(|seen| seen.external_id);
        Ok(())
    }

    /// Reads the resource until it has settled. A write on a changing resource can act on its earlier state: a version
    /// that is published during an update has the content from before the update.
    async fn read_settled(
        &self,
        client: &dyn ResourceClient,
        session: &reconciler_aws::Session,
        address: &Address,
        external_id: Option<&Value>,
        mut in_a_row: u32,
    ) -> Result<Option<ObservedResource>, Obstacle> {
        let began = Instant::now();
        let mut pause = self.pace.poll_first;
        loop {
            let seen = client.read_one(session, address, external_id).await.map_err(|error| {
                Obstacle::blocked(code_of(&error), format!("it could not be sighted again: failed to {error}"))
            })?;
            in_a_row = if seen.as_ref().is_none_or(|seen| seen.settled) { in_a_row + 1 } else { 0 };
            if seen.is_none() || in_a_row >= client.kind().contract().settled_reads {
                return Ok(seen);
            }
            if began.elapsed() >= self.pace.settle {
                return Err(Obstacle::behind(codes::NOT_SETTLED, "the resource is still being changed"));
            }
            tokio::time::sleep(pause).await;
            pause = (pause * 3 / 2).min(self.pace.poll_longest);
        }
    }

    fn place_of(
        &self,
        authority: &Authority<'_>,
        address: &Address,
    ) -> Result<(&dyn ResourceClient, reconciler_aws::Session), Obstacle> {
        let client = self.client(&address.kind).ok_or_else(|| {
            Obstacle::blocked(codes::UNKNOWN_KIND, format!("this build has no kind `{}`", address.kind))
        })?;
        let account = authority.account_ids.get(&address.account).ok_or_else(|| {
            Obstacle::blocked(codes::ORGANIZATION, format!("organization.yaml has no account `{}`", address.account))
        })?;
        Ok((client, self.sessions.session(account, &address.region)))
    }

    async fn carry_out(
        &self,
        authority: &Authority<'_>,
        step: &Step,
        is_first: bool,
        external_id: &mut Option<Value>,
        journal: &Guarded<'_>,
    ) -> Result<StepOutcome, JournalError> {
        let Some(permit) = authority.approved.permit(step) else {
            return Ok(Obstacle::blocked(codes::STALE_PLAN, "the step is not part of the approved plan").into());
        };
        let (client, session) = match self.place_of(authority, &step.address) {
            Ok(place) => place,
            Err(obstacle) => return Ok(obstacle.into()),
        };
        self.sink.take(&Event::StepStarted(step));
        let op = op_digest(step);
        let seen = authority.inventory.and_then(|inventory| inventory.resources.get(&step.address));
        let (intent, token) = {
            let mut journal = journal.lock().await;
            let again = journal.open_intents().find(|open| open.address == step.address && open.op == op).cloned();
            match again {
                Some(open) => (open.seq, open.token),
                None => {
                    let token = token(
                        &step.address,
                        &op,
                        &format!("{}:{}", authority.approved.plan().plan_id, journal.next_seq()),
                    );
                    let drift = &authority.approved.plan().drift;
                    let restored = drift.iter().find(|drift| is_first && drift.address == step.address);
                    let entry = Entry::Intent {
                        step: step.id.clone(),
                        address: step.address.clone(),
                        action: step.action.clone(),
                        op,
                        token: token.clone(),
                        before: step.planned_for.clone(),
                        restores: restored.map(fields_of).unwrap_or_default(),
                        alerts: restored.and_then(|drift| drift.alerts.first()).cloned().into_iter().collect(),
                        replaces: seen
                            .filter(|_| step.lag == Some(Lag::OlderVersions))
                            .and_then(|seen| client.kind().versions()?.newest(seen)),
                        spends: step.spends,
                    };
                    (journal.append((self.clock)(), entry)?, token)
                }
            }
        };
        let was_absent = external_id.is_none();
        let answer = match step.call.filled_in(external_id.as_ref(), &token) {
            Ok(call) => client.perform(&session, &step.address, &call, external_id.as_ref(), &permit).await,
            Err(why) => Err(not_sent(&session, "aws", "Plan", why)),
        };
        // A call that was not sent has no write result, because no answer could be lost.
        let unsent = matches!(&answer, Err(error) if error.class == ErrorClass::Unsent);
        let write_result = Entry::WriteResult {
            intent,
            request_id: answer
                .as_ref()
                .map_or_else(|error| error.request_id.clone(), |write_result| write_result.request_id.clone()),
            error: answer.as_ref().err().map(|error| error.code.clone()),
            message: answer.as_ref().err().map(|error| error.message.clone()).filter(|message| !message.is_empty()),
            made: answer
                .as_ref()
                .ok()
                .filter(|_| external_id.is_none())
                .and_then(|write_result| client.kind().contract().id_of(&write_result.external_id)),
        };
        if !unsent {
            journal.lock().await.append((self.clock)(), write_result)?;
        }
        // An intent whose write may still take effect stays open, and so does its token.
        let mut gone_for_good = false;
        let outcome = match answer {
            Ok(write_result) => {
                if !write_result.external_id.is_null() {
                    *external_id = Some(write_result.external_id);
                }
                StepOutcome::Read(self.read_back(client, &session, step, external_id).await)
            }
            Err(error) => {
                // The answer may have been lost after the write took effect. Only a read tells.
                let seen = match outcome_is_unknown(&error) {
                    true => Some(self.read_back(client, &session, step, external_id).await),
                    false => None,
                };
                match seen {
                    Some(Verdict::Verified) => StepOutcome::Read(Verdict::Verified),
                    seen => {
                        gone_for_good = seen.is_none();
                        StepOutcome::Failed { code: code_of(&error), error: error.to_string(), hint: error.hint() }
                    }
                }
            }
        };
        let (verdict, differs) = match &outcome {
            StepOutcome::Read(Verdict::Verified) => (Ruling::Verified, Vec::new()),
            StepOutcome::Read(Verdict::Mismatch { differs }) => {
                (Ruling::Mismatch, differs.iter().map(|part| part.path.to_string()).collect())
            }
            StepOutcome::Read(Verdict::Inconclusive { .. }) => (Ruling::Inconclusive, Vec::new()),
            StepOutcome::Failed { .. } | StepOutcome::NotTried { .. } if unsent => (Ruling::NotSent, Vec::new()),
            StepOutcome::Failed { .. } | StepOutcome::NotTried { .. } if gone_for_good => (Ruling::Failed, Vec::new()),
            StepOutcome::Failed { .. } | StepOutcome::NotTried { .. } => (Ruling::Inconclusive, Vec::new()),
        };
        // The answer was lost, and what it made was found: from now on it is known by its id.
        let made = external_id.as_ref().filter(|_| was_absent && verdict == Ruling::Verified);
        let made = made.and_then(|external_id| client.kind().contract().id_of(external_id));
        let entry = Entry::Verdict { intent, verdict, differs, made };
        journal.lock().await.append((self.clock)(), entry)?;
        Ok(outcome)
    }

    /// Reads until the resource has settled and shows what was expected, or the time is up.
    ///
    /// An external id is taken from the read where the answer to the create was lost.
    async fn read_back(
        &self,
        client: &dyn ResourceClient,
        session: &reconciler_aws::Session,
        step: &Step,
        external_id: &mut Option<Value>,
    ) -> Verdict {
        let began = Instant::now();
        let mut pause = self.pace.poll_first;
        let mut in_a_row = 0;
        loop {
            let verdict = match client.read_one(session, &step.address, external_id.as_ref()).await {
                Ok(seen) => {
                    let verdict = verdict::judge(client.kind(), &step.expected_state, seen.as_ref());
                    *external_id = external_id.take().or(seen.map(|seen| seen.external_id));
                    verdict
                }
                // A part that was just written may not be found for a while (aws/README.md, Eventual consistency).
                Err(error) if error.retryable() || error.class == ErrorClass::NotFound => {
                    Verdict::Inconclusive { reason: format!("failed to {error}") }
                }
                Err(error) => return Verdict::Inconclusive { reason: format!("failed to {error}") },
            };
            let waited = began.elapsed();
            match &verdict {
                Verdict::Verified => {
                    in_a_row += 1;
                    if in_a_row >= client.kind().contract().settled_reads {
                        return verdict;
                    }
                    // Two reads in a row mean something only when the second is made later.
                    tokio::time::sleep(self.pace.poll_first).await;
                    continue;
                }
                Verdict::Mismatch { .. } if waited >= self.pace.consistency => return verdict,
                Verdict::Inconclusive { .. } if waited >= self.pace.settle => return verdict,
                _ => in_a_row = 0,
            }
            tokio::time::sleep(pause).await;
            pause = (pause * 3 / 2).min(self.pace.poll_longest);
        }
    }
}

/// Why a step is not tried that needs another one.
fn unmet(missing: &str) -> Obstacle {
    Obstacle::behind(codes::STEP_FAILED, format!("it needs step {missing}, which was not verified"))
}

/// Whether a failed write may have taken effect all the same.
fn outcome_is_unknown(error: &CallError) -> bool {
    matches!(error.class, ErrorClass::Network | ErrorClass::Server | ErrorClass::Unknown)
}

/// The idempotency token: 64 hexadecimal digits, within what every service takes (aws/README.md, Tokens).
///
/// The same for repetitions of one intent, and another for every new one, so that a later restore of the same content is not
/// mistaken for a repetition.
fn token(address: &Address, op: &str, episode: &str) -> String {
    let digest = digest::of(&(address, op, episode));
    digest.strip_prefix("sha256:").unwrap_or(&digest).to_owned()
}

fn plan_first() -> &'static Address {
    static FIRST: Address =
        Address { account: String::new(), region: String::new(), kind: String::new(), name: String::new() };
    &FIRST
}
