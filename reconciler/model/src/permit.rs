//! Who allowed a plan, and the token without which no write can be made.
//!
//! A [`WritePermit`] has no public constructor: only [`ApprovedPlan::permit`] mints one, for one step of one approved
//! plan. What never approves a plan (`validate`, `plan`, `export`) therefore cannot reach a write, by type.

use std::collections::BTreeSet;
use std::fmt;

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::address::Address;
use crate::plan::{Plan, Step};

/// What a run is for. A part of the JSON contract.
#[derive(Debug, Clone, PartialEq, Eq, Default, JsonSchema, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Mode {
    /// A saved plan is carried out.
    Apply,
    /// The desired state is held.
    Enforce,
    /// The documented initial response of an incident.
    #[default]
    Restore,
    /// A rehearsal on the embedded AWS.
    Drill,
    /// A word that this build does not know: a newer one wrote it.
    #[serde(untagged)]
    Other(String),
}

impl fmt::Display for Mode {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Apply => "apply",
            Self::Enforce => "enforce",
            Self::Restore => "restore",
            Self::Drill => "drill",
            Self::Other(word) => word,
        })
    }
}

/// Who allowed the plan.
#[derive(Debug, Clone, PartialEq, Eq, JsonSchema, Serialize, Deserialize)]
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
    /// A later round would change what nobody was told of.
    #[error("round {round} would change {}, which the approved plan did not name as waiting", listed(addresses))]
    NotSeen {
        /// The round, from 1.
        round: usize,
        /// The addresses.
        addresses: Vec<Address>,
    },
}

fn listed(addresses: &[Address]) -> String {
    addresses.iter().map(ToString::to_string).collect::<Vec<_>>().join(", ")
}

/// A plan that somebody allowed.
#[derive(Debug)]
pub struct ApprovedPlan {
    plan: Plan,
    approval: Approval,
    /// The round of the activation, from 1.
    round: usize,
    /// What this plan and those of the rounds before it change.
    changed: BTreeSet<Address>,
    /// What was named as waiting in a plan that was allowed.
    named: BTreeSet<Address>,
}

impl ApprovedPlan {
    /// Approves `plan`.
    ///
    /// # Errors
    /// Refuses when the approval does not cover it; the plan is then lost to writing, and can only be shown.
    pub fn new(plan: Plan, approval: Approval) -> Result<Self, Refusal> {
        if let Approval::PlanId { id } = &approval
            && *id != plan.plan_id
        {
            return Err(Refusal::OtherPlan { named: id.clone(), actual: plan.plan_id });
        }
        Self { plan, approval, round: 1, changed: BTreeSet::new(), named: BTreeSet::new() }.within_bounds()
    }

    /// Approves the plan of the next round of the same activation by the same approval.
    ///
    /// The standing policy counts the changes of all rounds. A person has approved the plan that he saw, and the addresses
    /// that it named as waiting.
    ///
    /// # Errors
    /// Refuses when the approval does not cover it.
    pub fn next_round(&self, plan: Plan) -> Result<Self, Refusal> {
        let round = self.round + 1;
        if !matches!(self.approval, Approval::StandingPolicy { .. }) {
            let touched: BTreeSet<&Address> = plan.steps.iter().map(|step| &step.address).collect();
            let addresses: Vec<Address> =
                touched.into_iter().filter(|address| !self.named.contains(*address)).cloned().collect();
            if !addresses.is_empty() {
                return Err(Refusal::NotSeen { round, addresses });
            }
        }
        let (changed, named) = (self.changed.clone(), self.named.clone());
        Self { plan, approval: self.approval.clone(), round, changed, named }.within_bounds()
    }

    fn within_bounds(mut self) -> Result<Self, Refusal> {
        self.changed.extend(self.plan.steps.iter().map(|step| step.address.clone()));
        self.named.extend(self.plan.waiting().cloned());
        match self.approval {
            Approval::StandingPolicy { max_changes } if self.changed.len() > max_changes => {
                Err(Refusal::BlastRadius { changes: self.changed.len(), allowed: max_changes })
            }
            _ => Ok(self),
        }
    }

    /// Approves another plan of addresses that had changed before this one was carried out, by the same approval and in the same
    /// round.
    ///
    /// A person has approved the same steps for the same resources. Changes of others are carried over.
    ///
    /// # Errors
    /// Refuses when it would do something else.
    pub fn made_anew(&self, plan: Plan) -> Result<Self, Refusal> {
        let acts = |plan: &Plan, address: &Address| -> Vec<String> {
            plan.steps.iter().filter(|step| step.address == *address).map(|step| step.action.clone()).collect()
        };
        let touched: BTreeSet<&Address> = plan.steps.iter().map(|step| &step.address).collect();
        let other = touched.into_iter().filter(|address| {
            let (own, anew) = (acts(&self.plan, address), acts(&plan, address));
            own.is_empty() || !anew.iter().all(|act| own.contains(act))
        });
        let addresses: Vec<Address> = other.cloned().collect();
        if !addresses.is_empty() {
            return Err(Refusal::NotSeen { round: self.round, addresses });
        }
        let (changed, named) = (self.changed.clone(), self.named.clone());
        Self { plan, approval: self.approval.clone(), round: self.round, changed, named }.within_bounds()
    }

    /// The addresses that this plan and those of the rounds before it change.
    pub fn changed(&self) -> &BTreeSet<Address> {
        &self.changed
    }

    /// The plan.
    pub fn plan(&self) -> &Plan {
        &self.plan
    }

    /// Who allowed it.
    pub fn approval(&self) -> &Approval {
        &self.approval
    }

    /// The write permit for one step of this plan; `None` when the step is another plan's.
    pub fn permit(&self, step: &Step) -> Option<WritePermit> {
        self.plan
            .steps
            .iter()
            .any(|own| own == step)
            .then(|| WritePermit { plan_id: self.plan.plan_id.clone(), step_id: step.id.clone() })
    }
}

/// The token that a write needs. It cannot be made by hand:
///
/// ```compile_fail,E0451
/// let forged = reconciler_model::permit::WritePermit { plan_id: String::new(), step_id: String::new() };
/// ```
#[derive(Debug)]
pub struct WritePermit {
    plan_id: String,
    step_id: String,
}

impl WritePermit {
    /// The plan that allows the write.
    pub fn plan_id(&self) -> &str {
        &self.plan_id
    }

    /// The step that allows the write.
    pub fn step_id(&self) -> &str {
        &self.step_id
    }
}
