//! Rounds: observe, plan, approve, apply, until nothing is left to do.
//!
//! A resource that is created again has a new id, and what refers to it can only be rendered when that id is known
//! (kinds/README.md, Generated ids). So one activation plans again after each apply: what was waiting is then planned like
//! anything else.
//!
//! Guarantees: every round is approved, and the caller shows it before that; the standing policy's cap is over the whole
//! activation; a person's approval reaches no further than what he saw. It ends: after a plan without steps, after a round
//! that left only what was tried already, after [`MOST_ROUNDS`]. A step that failed is not tried again for its own sake: the
//! next activation is the retry.

use std::collections::{BTreeMap, BTreeSet};
use std::fmt;

use reconciler_aws::CallError;
use reconciler_model::address::Address;
use reconciler_model::codes;
use reconciler_model::desired::{Wanted, with_context};
use reconciler_model::inventory::Inventory;
use reconciler_model::last_read::LastRead;
use reconciler_model::permit::{Approval, ApprovedPlan, Mode, Refusal};
use reconciler_model::plan::{Finding, Plan, Severity, Step};
use reconciler_model::text;

use crate::apply::{Applied, Authority};
use crate::case::CaseError;
use crate::event::Event;
use crate::evidence::EvidenceError;
use crate::journal::{Journal, JournalError};
use crate::reconciler::{Memory, Planned, Reconciler, Target, op_digest};
use crate::state::StateFolder;

/// How often an address is planned and tried in one round while others change it between the plan and the write.
pub const MOST_ATTEMPTS: usize = 6;

/// The longest chain of resources that refer to each other has fewer links (kinds/README.md, Generated ids).
pub const MOST_ROUNDS: usize = 4;

/// What to converge, and on whose account.
pub struct Activation<'a> {
    /// What the run is for.
    pub mode: Mode,
    /// What is wanted.
    pub target: Target<'a>,
    /// The account ids of the addresses.
    pub account_ids: &'a BTreeMap<String, String>,
    /// The most resources that all rounds together may change, the most severe first. `None` where a person approves the plan.
    pub at_most: Option<usize>,
    /// Whether it is over the whole desired state, so that it may be kept that everything was read.
    pub is_whole: bool,
    /// The state folder, for the pause, and for when everything was read.
    pub state: &'a StateFolder,
    /// Set when the process was asked to stop: what has not begun is not begun.
    pub stop: &'a (dyn Fn() -> bool + Sync),
}

/// One round: what was allowed, and what became of it.
#[derive(Debug)]
pub struct Round {
    /// The plan.
    pub approved: ApprovedPlan,
    /// How its steps ended.
    pub applied: Applied,
}

/// How an activation ended.
#[derive(Debug)]
pub struct Converged {
    /// The rounds that wrote, in order.
    pub rounds: Vec<Round>,
    /// The last plan, which was not carried out; `None` when the activation was asked to stop.
    pub after: Option<Plan>,
    /// Why a later round was not allowed: what it would have done is in `after`.
    pub refused: Option<Refusal>,
}

/// Why an activation could not go on. What was written until then is in the journal.
#[derive(Debug)]
pub enum Broken<E> {
    /// AWS cannot be reached at all.
    Call(CallError),
    /// The journal cannot be written.
    Journal(JournalError),
    /// The evidence cannot be kept.
    Evidence(EvidenceError),
    /// The first plan was not allowed.
    Refused(Refusal),
    /// The caller did not approve.
    Caller(E),
}

impl<E> Broken<E> {
    /// Whether nothing that is done can be tied to the journal any more.
    pub fn is_without_journal(&self) -> bool {
        matches!(self, Self::Journal(_) | Self::Evidence(_))
    }
}

impl<E: fmt::Display> fmt::Display for Broken<E> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Call(error) => write!(f, "failed to {error}"),
            Self::Journal(error) => write!(f, "failed to {}", text::chain(error)),
            Self::Evidence(error) => write!(f, "failed to {}", text::chain(error)),
            Self::Refused(refusal) => write!(f, "refused: {refusal}"),
            Self::Caller(error) => error.fmt(f),
        }
    }
}

impl<E> From<CallError> for Broken<E> {
    fn from(error: CallError) -> Self {
        Self::Call(error)
    }
}

impl<E> From<JournalError> for Broken<E> {
    fn from(error: JournalError) -> Self {
        Self::Journal(error)
    }
}

impl<E> From<CaseError> for Broken<E> {
    fn from(error: CaseError) -> Self {
        match error {
            CaseError::Journal(error) => Self::Journal(error),
            CaseError::Evidence(error) => Self::Evidence(error),
        }
    }
}

impl Reconciler<'_> {
    /// Converges in rounds. `planned` is told of every plan, with what it was made from and before anything of it is done;
    /// `approve` is asked for the first plan, if it has steps.
    ///
    /// # Errors
    /// Fails when AWS or the journal cannot be used, or when the first plan is not approved.
    pub async fn converge<E>(
        &self,
        activation: &Activation<'_>,
        journal: &mut Journal,
        mut planned: impl FnMut(&Planned, &mut Journal) -> Result<(), Broken<E>>,
        approve: impl FnOnce(&Plan) -> Result<Approval, E>,
    ) -> Result<Converged, Broken<E>> {
        let Activation { mode, target, account_ids, at_most, is_whole, state, stop } = activation;
        let mut rounds: Vec<Round> = Vec::new();
        let mut made_rounds = 0;
        let mut approve = Some(approve);
        let mut tried: BTreeSet<(Address, String)> = BTreeSet::new();
        let mut moved: BTreeMap<Address, usize> = BTreeMap::new();
        loop {
            let last_read = state.last_read();
            let memory = Memory { last_read: last_read.clone(), ..Memory::of(journal) };
            let made = self.plan_silently(*target, memory).await?;
            if *is_whole {
                // Where it cannot be kept, what is not read is told sooner than it need be.
                let _ = state.keep_last_read(&LastRead::after(last_read.as_ref(), &made.plan.gaps, (self.clock)()));
            }
            let plan = finished(made.plan, *at_most, &rounds, &moved, journal.flaps().failed());
            let made = Planned { plan, ..made };
            self.sink.take(&Event::Planned(&made.plan));
            planned(&made, journal)?;
            let Planned { plan, inventory } = made;
            if !rounds.is_empty() && stop() {
                return Ok(Converged { rounds, after: None, refused: None });
            }
            let is_new = |step: &Step| !tried.contains(&(step.address.clone(), op_digest(step)));
            let nothing_follows = !rounds.is_empty() && !plan.steps.iter().any(is_new);
            if plan.steps.is_empty() || nothing_follows || made_rounds == MOST_ROUNDS {
                return Ok(Converged { rounds, after: Some(plan), refused: None });
            }
            made_rounds += 1;
            tried.extend(plan.steps.iter().map(|step| (step.address.clone(), op_digest(step))));
            let approved = match (rounds.last(), approve.take()) {
                (Some(last), _) => match last.approved.next_round(plan.clone()) {
                    Ok(approved) => approved,
                    Err(refusal) => return Ok(Converged { rounds, after: Some(plan), refused: Some(refusal) }),
                },
                (None, Some(approve)) => {
                    let approval = approve(&plan).map_err(Broken::Caller)?;
                    ApprovedPlan::new(plan, approval).map_err(Broken::Refused)?
                }
                (None, None) => return Ok(Converged { rounds, after: Some(plan), refused: None }),
            };
            if !rounds.is_empty() {
                self.sink.take(&Event::NextRound { number: rounds.len() + 1, plan: approved.plan() });
            }
            let mut next = Some((approved, inventory));
            let mut attempts = 0;
            while let Some((approved, inventory)) = next.take() {
                let authority = Authority {
                    mode,
                    approved: &approved,
                    account_ids,
                    inventory: Some(&inventory),
                    is_part: attempts > 0,
                    state,
                    stop,
                };
                let applied = self.apply(&authority, journal).await?;
                let touched: BTreeSet<Address> = applied.moved(approved.plan()).into_iter().cloned().collect();
                rounds.push(Round { approved, applied });
                if stop() {
                    return Ok(Converged { rounds, after: None, refused: None });
                }
                moved.retain(|address, _| touched.contains(address));
                for address in &touched {
                    *moved.entry(address.clone()).or_default() += 1;
                }
                attempts += 1;
                if touched.is_empty() || attempts == MOST_ATTEMPTS {
                    break;
                }
                next = self.made_anew(*target, &touched, &rounds, journal, &mut planned).await?;
                if let Some((approved, _)) = &next {
                    tried.extend(approved.plan().steps.iter().map(|step| (step.address.clone(), op_digest(step))));
                    self.sink.take(&Event::NextRound { number: rounds.len() + 1, plan: approved.plan() });
                }
            }
        }
    }

    /// Plans again only the addresses that others changed between the plan and the write, so that they have little time to
    /// change them once more. `None` when there is nothing to do, or something that was not approved.
    async fn made_anew<E>(
        &self,
        target: Target<'_>,
        touched: &BTreeSet<Address>,
        rounds: &[Round],
        journal: &mut Journal,
        planned: &mut impl FnMut(&Planned, &mut Journal) -> Result<(), Broken<E>>,
    ) -> Result<Option<(ApprovedPlan, Inventory)>, Broken<E>> {
        let Some(last) = rounds.last() else { return Ok(None) };
        let wanted: Vec<Wanted> = target.wanted.iter().filter(|one| touched.contains(&one.address)).cloned().collect();
        let wanted = with_context(wanted, || target.wanted.to_vec());
        let made = self
            .plan_at(
                Target { wanted: &wanted, coverage: &[], unlisted: None, watch: None, ..target },
                Memory::of(journal),
            )
            .await?;
        planned(&made, journal)?;
        let Planned { plan, inventory } = made;
        if plan.steps.is_empty() {
            return Ok(None);
        }
        Ok(last.approved.made_anew(plan).ok().map(|approved| (approved, inventory)))
    }
}

/// The plan within the cap, with the addresses that others changed before each restore.
fn finished(
    plan: Plan,
    at_most: Option<usize>,
    rounds: &[Round],
    moved: &BTreeMap<Address, usize>,
    failed: &BTreeSet<Address>,
) -> Plan {
    let changed = rounds.last().map(|last| last.approved.changed().clone()).unwrap_or_default();
    let plan = match at_most {
        Some(most) => plan.within(most, &changed, failed),
        None => plan,
    };
    let still = moved.iter().filter(|(address, _)| plan.drift.iter().any(|drift| drift.address == **address));
    let told: Vec<Finding> = still
        .map(|(address, times)| Finding {
            address: address.clone(),
            severity: Severity::Refused,
            code: codes::MOVED.to_owned(),
            detail: format!(
                "others changed it {times} times in a row between the plan and the write, so nothing was written; it is tried \
                 again in the next run"
            ),
            alerts: Vec::new(),
        })
        .collect();
    if told.is_empty() { plan } else { plan.knowing(told) }
}
