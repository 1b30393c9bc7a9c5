//! What happens, told once; the terminal, the log and other listeners each show it in their own way.

use std::path::Path;

use reconciler_model::address::{Address, Scope};
use reconciler_model::inventory::Gap;
use reconciler_model::plan::{Plan, Step};
use reconciler_model::verdict::Verdict;

/// Something that happened in a run.
#[derive(Debug)]
#[non_exhaustive]
pub enum Event<'a> {
    /// Reading begins: so many reads of one kind in one scope each.
    ObservationStarted {
        /// The number of reads.
        reads: usize,
        /// In how many accounts.
        accounts: usize,
    },
    /// One read begins.
    ReadStarted {
        /// The account and region.
        scope: &'a Scope,
        /// The kind.
        kind: &'a str,
    },
    /// One kind was read in one scope.
    Observed {
        /// The account and region.
        scope: &'a Scope,
        /// The kind.
        kind: &'a str,
        /// How many resources were seen.
        seen: usize,
    },
    /// One read is over, with or without gaps.
    ReadEnded {
        /// The account and region.
        scope: &'a Scope,
        /// The kind.
        kind: &'a str,
        /// Whether it was the last one of its account.
        account_done: bool,
    },
    /// Something could not be read.
    GapFound(&'a Gap),
    /// Reading is over.
    ObservationEnded,
    /// Whether the caller may make the writes of a plan could not be asked in an account.
    PermissionsNotKnown {
        /// The account, by name.
        account: &'a str,
        /// Why.
        reason: &'a str,
    },
    /// A plan was made.
    Planned(&'a Plan),
    /// A later round of an activation is about to be carried out.
    NextRound {
        /// Its number, from 2.
        number: usize,
        /// Its plan.
        plan: &'a Plan,
    },
    /// An incident was opened, or one that is open was taken up again.
    IncidentOpened {
        /// Its id.
        id: &'a str,
        /// Whether an earlier run left it open.
        again: bool,
        /// Where the evidence is kept.
        folder: &'a Path,
    },
    /// The steps of an address are not carried out.
    Skipped {
        /// The address.
        address: &'a Address,
        /// The code, for `explain`.
        code: &'static str,
        /// Why.
        reason: &'a str,
    },
    /// A step is about to write.
    StepStarted(&'a Step),
    /// A step was carried out, or not.
    StepEnded {
        /// The step.
        step: &'a Step,
        /// What read-back showed, or why there was none.
        outcome: &'a StepOutcome,
    },
}

/// How a step ended.
#[derive(Debug, Clone, PartialEq)]
pub enum StepOutcome {
    /// The write was made, and this is what read-back showed.
    Read(Verdict),
    /// The write failed.
    Failed {
        /// The code, for `explain`.
        code: &'static str,
        /// The error, completing "failed to".
        error: String,
        /// What to do about it.
        hint: Option<String>,
    },
    /// It was not tried.
    NotTried {
        /// What stood in the way.
        why: Why,
        /// The code, for `explain`.
        code: &'static str,
        /// Why, in words.
        reason: String,
    },
}

/// What stands in the way of a step that is not tried.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Why {
    /// What it needs was not verified or has not settled, or the run was asked to stop: the next run goes on there.
    Behind,
    /// Others changed the resource between the plan and the write.
    Moved,
    /// Anything else: writing is paused, the resource could not be read again, the step is not of the approved plan.
    Blocked,
}

impl StepOutcome {
    /// Whether the step is believed to be done.
    pub fn is_verified(&self) -> bool {
        matches!(self, Self::Read(Verdict::Verified))
    }
}

/// Shows or stores events. Called from many tasks; must not block for long.
pub trait Sink: Send + Sync {
    /// Takes one event.
    fn take(&self, event: &Event<'_>);
}

/// A sink that drops everything.
#[derive(Debug)]
pub struct Silence;

impl Sink for Silence {
    fn take(&self, _: &Event<'_>) {}
}

/// A sink that tells several others.
pub struct All(pub Vec<Box<dyn Sink>>);

impl Sink for All {
    fn take(&self, event: &Event<'_>) {
        for sink in &self.0 {
            sink.take(event);
        }
    }
}
