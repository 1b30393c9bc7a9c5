//! How a run ended: the one place that weighs plans, steps, rounds and incidents against each other.
//!
//! Guarantees: nothing that is open, unread or refused is ever outweighed by what went well.

use std::collections::BTreeMap;

use reconciler_model::alert::Alert;
use reconciler_model::control::AlertClass;
use reconciler_model::direction::Direction;
use reconciler_model::drift::Drift;
use reconciler_model::flapping::Flapping;
use reconciler_model::incident::{self, Incident};
use reconciler_model::inventory::Gap;
use reconciler_model::plan::{Plan, Severity};
use reconciler_model::verdict::Verdict;

use crate::apply::Applied;
use crate::audit::Audit;
use crate::event::{StepOutcome, Why};
use crate::rounds::Converged;
use crate::saved::Fate;

/// How it ended. What is worse is more.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Outcome {
    /// In sync, or done and verified.
    Done,
    /// Not everything could be evaluated; nothing worse is known.
    Gaps,
    /// Something is not as declared.
    Drift,
    /// Something was refused, or is left for the next run.
    Refused,
    /// Something failed.
    Failed,
    /// The declarations make no sense with what is live.
    Invalid,
}

/// From which drift on a plan is not in order.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Threshold {
    /// Whatever is open.
    Any,
    /// What protects less than declared, or may.
    Weakened,
    /// What pages somebody.
    Page,
}

impl Threshold {
    fn counts(self, drift: &Drift) -> bool {
        match self {
            Self::Any => !drift.is_kept(),
            Self::Weakened => matches!(drift.direction, Direction::Weakened | Direction::Unknown),
            Self::Page => drift.alerts.first().is_some_and(|alert| alert.class == AlertClass::Page),
        }
    }
}

impl Outcome {
    /// Of a plan alone. What is kept because it is stronger than declared is to be known, and no drift that is open.
    pub fn of_plan(plan: &Plan) -> Self {
        Self::of_plan_from(plan, Threshold::Any)
    }

    /// The same, where only some drift counts. What could not be evaluated counts if it may hide such drift.
    pub fn of_plan_from(plan: &Plan, threshold: Threshold) -> Self {
        // What others go on changing back is not over because it is as declared for the moment.
        let is_open =
            plan.drift.iter().any(|drift| threshold.counts(drift)) || plan.flapping.iter().any(Flapping::pages);
        let pages = |alerts: &[Alert]| alerts.first().is_some_and(|alert| alert.class == AlertClass::Page);
        let is_unseen = match threshold {
            Threshold::Any | Threshold::Weakened => plan.is_unseen_in_part(),
            Threshold::Page => plan.gaps.iter().any(|gap| pages(&gap.alerts)),
        };
        let all = [(!plan.diagnostics.is_empty(), Self::Invalid), (is_open, Self::Drift), (is_unseen, Self::Gaps)];
        all.into_iter().find(|(is_so, _)| *is_so).map_or(Self::Done, |(_, outcome)| outcome)
    }

    /// Of a plan that was to be carried out, and of which nothing was.
    pub fn of_restoring(plan: &Plan) -> Self {
        let left = plan.findings.iter().any(|finding| finding.severity == Severity::Left);
        Self::after_writing(plan).max(if left { Self::Refused } else { Self::Done })
    }

    /// Of a plan that was made after something was written: what is left for the next run is not refused.
    pub fn after_writing(plan: &Plan) -> Self {
        let refused = plan.findings.iter().any(|finding| finding.severity == Severity::Refused);
        Self::of_plan(plan).max(if refused { Self::Refused } else { Self::Done })
    }

    /// Of the steps of a plan.
    pub fn of_steps(applied: &Applied) -> Self {
        let of = |outcome: &StepOutcome| match outcome {
            StepOutcome::Read(Verdict::Verified) => Self::Done,
            StepOutcome::Read(Verdict::Inconclusive { .. }) => Self::Drift,
            StepOutcome::Read(Verdict::Mismatch { .. }) | StepOutcome::Failed { .. } => Self::Failed,
            StepOutcome::NotTried { why: Why::Behind, .. } => Self::Drift,
            StepOutcome::NotTried { why: Why::Moved | Why::Blocked, .. } => Self::Refused,
        };
        applied.steps.values().map(of).max().unwrap_or(Self::Done)
    }

    /// Of a saved plan: what is left out is open, and where it is everything, nothing was done that was asked for. `after` is the
    /// plan of its addresses that was made afterwards: what that finds is open too.
    pub fn of_saved(fates: &BTreeMap<String, Fate>, applied: &Applied, after: Option<&Plan>) -> Self {
        let is_left_out = fates.values().any(|fate| matches!(fate, Fate::LeftOut(_)));
        let is_done = fates.values().any(|fate| matches!(fate, Fate::Done | Fate::InSync));
        let then = after.map_or(Self::Done, Self::of_plan);
        match is_left_out {
            false => Self::of_steps(applied).max(then),
            true if applied.steps.is_empty() && !is_done => Self::Refused,
            true => Self::of_steps(applied).max(Self::Drift).max(then),
        }
    }

    /// Of an activation, with the incident that it worked on.
    pub fn of_activation(converged: &Converged, incident: Option<&Incident>) -> Self {
        let Converged { rounds, after, refused } = converged;
        let restored = match (&**rounds, after) {
            ([], Some(after)) => Self::of_restoring(after),
            (rounds, after) => {
                let steps = rounds.iter().map(|round| Self::of_steps(&round.applied)).max().unwrap_or(Self::Done);
                match after.as_ref().map(Self::after_writing) {
                    // An address that came to its declared state by itself, or in a later round, needs nothing more.
                    Some(Self::Done) if rounds.len() > 1 || only_moved(converged) => Self::Done,
                    Some(then) => steps.max(then),
                    None => steps,
                }
            }
        };
        let refused = if refused.is_some() { Self::Refused } else { Self::Done };
        restored.max(refused).max(incident.map_or(Self::Done, Self::of_incident))
    }

    /// Of an incident.
    pub fn of_incident(incident: &Incident) -> Self {
        use incident::Outcome;
        match incident.outcome {
            Outcome::Restored => Self::Done,
            Outcome::NotAllSeen => Self::Gaps,
            Outcome::NotApproved => Self::Refused,
            Outcome::NotEffective | Outcome::PartlyRestored | Outcome::NotRestored | Outcome::Interrupted => {
                Self::Drift
            }
        }
    }
}

/// Whether everything was verified but for what others changed meanwhile.
fn only_moved(converged: &Converged) -> bool {
    converged
        .rounds
        .iter()
        .flat_map(|round| round.applied.steps.values())
        .all(|outcome| outcome.is_verified() || matches!(outcome, StepOutcome::NotTried { why: Why::Moved, .. }))
}

/// Whether a plan leaves nothing to do: nothing is open, unread or refused, and what differs is stronger than declared and kept.
pub fn leaves_nothing_to_do(plan: &Plan) -> bool {
    plan.steps.is_empty() && Outcome::of_restoring(plan) == Outcome::Done
}

/// What was found where pointers lead.
#[derive(Debug, Clone, Copy)]
pub struct Followed {
    /// Whether they are only held against the file, which is not written then.
    pub is_check: bool,
    /// Whether any leads elsewhere than the file says.
    pub differs: bool,
    /// Whether it is known where all of them lead.
    pub is_all_read: bool,
}

/// What one drill showed.
#[derive(Debug, Clone, Copy)]
pub struct Drilled<'a> {
    /// What was restored.
    pub converged: &'a Converged,
    /// What differed, by address.
    pub drifted: usize,
    /// Whether something was attacked, so that something has to differ.
    pub is_attacked: bool,
    /// Whether nothing that an incident has to leave is missing.
    pub is_evidence_complete: bool,
}

impl Outcome {
    /// Whether there is nothing to tell anybody.
    pub fn is_done(self) -> bool {
        self == Self::Done
    }

    /// Of reading what is live, of which nothing is wanted.
    pub fn of_reading(gaps: &[Gap]) -> Self {
        if gaps.is_empty() { Self::Done } else { Self::Gaps }
    }

    /// Of pinning: what differs is drift where it is only looked at, and is written down otherwise.
    pub fn of_pinning(followed: Followed) -> Self {
        match followed {
            Followed { is_check: true, differs: true, .. } => Self::Drift,
            Followed { is_all_read: false, .. } => Self::Gaps,
            Followed { .. } => Self::Done,
        }
    }

    /// Of adopting what is live: of reading it, and of pinning what that leads to.
    pub fn of_adopting(gaps: &[&Gap], is_all_pinned: bool) -> Self {
        if gaps.is_empty() && is_all_pinned { Self::Done } else { Self::Gaps }
    }

    /// Of examining what a run needs: what does not work is open.
    pub fn of_examining(is_something_wrong: bool) -> Self {
        if is_something_wrong { Self::Drift } else { Self::Done }
    }

    /// Of a look at whether files are in order.
    pub fn of_formatting(is_something_out_of_order: bool) -> Self {
        if is_something_out_of_order { Self::Drift } else { Self::Done }
    }

    /// Of one drill: what was attacked has to be seen, all of it restored, and the evidence complete.
    pub fn of_drill(drilled: Drilled<'_>) -> Self {
        let Drilled { converged, drifted, is_attacked, is_evidence_complete } = drilled;
        let is_seen = drifted > 0 || !is_attacked;
        let is_restored = converged.rounds.iter().all(|round| Self::of_steps(&round.applied) == Self::Done)
            && converged.after.as_ref().is_some_and(leaves_nothing_to_do);
        if is_seen && is_restored && is_evidence_complete { Self::Done } else { Self::Failed }
    }

    /// Of so many drills that were asked for. A drill that could reach a network would be none.
    pub fn of_drills(drills: &[Self], asked: usize, network_clients: usize) -> Self {
        let is_all = drills.len() == asked && drills.iter().all(|outcome| *outcome == Self::Done);
        if is_all && network_clients == 0 { Self::Done } else { Self::Failed }
    }

    /// Of an audit.
    pub fn of_audit(audit: &Audit) -> Self {
        if audit.is_clean() { Self::Done } else { Self::Failed }
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    /// A plan that finds nothing.
    fn in_sync() -> Plan {
        let text = json!({
            "format": reconciler_model::plan::FORMAT, "tool_version": "0", "plan_id": "", "created_at": "",
            "desired_digest": "", "journal_head": null,
            "summary": {"addresses": 0, "in_sync": 0, "drifted": 0, "gaps": 0, "refused": 0},
            "drift": [], "gaps": [], "findings": [], "steps": [],
        });
        serde_json::from_value(text).expect("a plan")
    }

    #[test]
    fn what_is_not_read_is_no_drift_and_what_differs_is_drift_only_where_it_is_looked_at() {
        let of = |is_check, differs, is_all_read| Outcome::of_pinning(Followed { is_check, differs, is_all_read });
        for is_all_read in [true, false] {
            assert_eq!(of(true, true, is_all_read), Outcome::Drift);
        }
        assert_eq!((of(true, false, false), of(true, false, true)), (Outcome::Gaps, Outcome::Done));
        assert_eq!((of(false, true, false), of(false, true, true)), (Outcome::Gaps, Outcome::Done));
    }

    #[test]
    fn a_drill_shows_that_what_was_attacked_is_seen_and_restored_with_evidence() {
        let converged = |after| Converged { rounds: Vec::new(), after, refused: None };
        let (restored, unknown) = (converged(Some(in_sync())), converged(None));
        let of = |converged, drifted, is_attacked, is_evidence_complete| {
            Outcome::of_drill(Drilled { converged, drifted, is_attacked, is_evidence_complete })
        };
        assert_eq!(of(&restored, 2, true, true), Outcome::Done);
        assert_eq!(of(&restored, 0, false, true), Outcome::Done);
        for (converged, drifted, is_evidence_complete) in
            [(&restored, 0, true), (&restored, 2, false), (&unknown, 2, true)]
        {
            assert_eq!(of(converged, drifted, true, is_evidence_complete), Outcome::Failed);
        }
    }

    #[test]
    fn drills_that_were_cut_short_or_could_reach_a_network_have_failed() {
        let done = [Outcome::Done, Outcome::Done];
        assert_eq!(Outcome::of_drills(&done, 2, 0), Outcome::Done);
        assert_eq!(Outcome::of_drills(&done, 3, 0), Outcome::Failed);
        assert_eq!(Outcome::of_drills(&done, 2, 1), Outcome::Failed);
        assert_eq!(Outcome::of_drills(&[Outcome::Done, Outcome::Failed], 2, 0), Outcome::Failed);
    }
}
