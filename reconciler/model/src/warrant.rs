//! Who allowed a plan, and the token without which no write can be made.
//!
//! A [`Warrant`] has no public constructor: only [`ApprovedPlan::warrant`] mints one, for one step of one approved plan.
//! What never approves a plan (`validate`, `plan`, `export`) therefore cannot reach a write, by type.

use serde::{Deserialize, Serialize};

use crate::plan::{Plan, Step};

/// Who allowed the plan.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case", tag = "by")]
pub enum Approval {
    /// A person answered the prompt, or passed `--yes`.
    Operator,
    /// A person named the plan's id.
    PlanId {
        /// The id that was named.
        id: String,
    },
    /// The daemon's standing policy.
    StandingPolicy {
        /// The most addresses that one run may change.
        max_changes: usize,
    },
}

/// Why a plan was not approved.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum Refusal {
    /// The named id is another plan's.
    #[error("the approval names plan {named}, but the plan is {actual}")]
    OtherPlan {
        /// The id that was named.
        named: String,
        /// The plan's id.
        actual: String,
    },
    /// More addresses would change than the standing policy allows.
    #[error("the plan changes {changes} resources, and the standing policy allows {allowed} in one run")]
    BlastRadius {
        /// The addresses that would change.
        changes: usize,
        /// The cap.
        allowed: usize,
    },
}

/// A plan that somebody allowed.
#[derive(Debug)]
pub struct ApprovedPlan {
    plan: Plan,
    approval: Approval,
}

impl ApprovedPlan {
    /// Approves `plan`.
    ///
    /// # Errors
    /// Refuses when the approval does not cover it; the plan is then lost to writing, and can only be shown.
    pub fn new(plan: Plan, approval: Approval) -> Result<Self, Refusal> {
        match &approval {
            Approval::Operator => {}
            Approval::PlanId { id } if *id == plan.plan_id => {}
            Approval::PlanId { id } => {
                return Err(Refusal::OtherPlan { named: id.clone(), actual: plan.plan_id.clone() });
            }
            Approval::StandingPolicy { max_changes } => {
                let changes = plan.addresses_changed();
                if changes > *max_changes {
                    return Err(Refusal::BlastRadius { changes, allowed: *max_changes });
                }
            }
        }
        Ok(Self { plan, approval })
    }

    /// The plan.
    pub fn plan(&self) -> &Plan {
        &self.plan
    }

    /// Who allowed it.
    pub fn approval(&self) -> &Approval {
        &self.approval
    }

    /// The warrant for one step of this plan; `None` when the step is another plan's.
    pub fn warrant(&self, step: &Step) -> Option<Warrant> {
        self.plan
            .steps
            .iter()
            .any(|own| own == step)
            .then(|| Warrant { plan_id: self.plan.plan_id.clone(), step_id: step.id.clone() })
    }
}

/// The token that a write needs.
#[derive(Debug)]
pub struct Warrant {
    plan_id: String,
    step_id: String,
}

impl Warrant {
    /// The plan that allows the write.
    pub fn plan_id(&self) -> &str {
        &self.plan_id
    }

    /// The step that allows the write.
    pub fn step_id(&self) -> &str {
        &self.step_id
    }
}
