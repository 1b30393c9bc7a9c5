//! A saved plan is what people looked at and allowed. It is never authority by itself.
//!
//! Expected flow: the file is read; its addresses are planned again from the declarations and what is live; of the new plan,
//! the steps go ahead that are the same as in the file ([`Reconciler::agree`]). What is carried out is therefore always a step of
//! this build's own plan: a file that somebody forged can keep a step from being done, and never add or change one.

use std::collections::{BTreeMap, BTreeSet};

use reconciler_aws::client::ResourceClient;
use reconciler_model::address::Address;
use reconciler_model::desired::Wanted;
use reconciler_model::inventory::Inventory;
use reconciler_model::permit::{Approval, ApprovedPlan, Refusal};
use reconciler_model::plan::{ExpectedState, FORMAT, Format, Plan, Severity, Step};
use reconciler_model::verdict::{self, Verdict};
use serde::Deserialize;
use serde_json::json;

use crate::apply::{Applied, Authority};
use crate::journal::Journal;
use crate::reconciler::{Planned, Reconciler};
use crate::rounds::{Activation, Broken};

/// Why a file is not a plan that can be carried out.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum Unusable {
    /// It cannot be read, or is something else.
    #[error("it is not a plan: {0}")]
    NoPlan(String),
    /// Another build wrote it.
    #[error("its format is {}.{}, and this build reads {}.x", .0.major, .0.minor, FORMAT.major)]
    OtherFormat(Format),
    /// A newer build wrote it: what this one does not know of it would be lost.
    #[error("a newer build wrote it: its format is {}.{}, and this build reads {}.{}", .0.major, .0.minor, FORMAT.major, FORMAT.minor)]
    Newer(Format),
    /// Its id is not that of its content.
    #[error("it was edited: its id is not that of its content")]
    Edited,
    /// The desired state is another one than it was made for.
    #[error("is stale: the desired state was changed since")]
    Stale,
}

/// Reads a saved plan.
///
/// # Errors
/// It is no plan, of another format, or was edited.
pub fn read(text: &str) -> Result<Plan, Unusable> {
    #[derive(Deserialize)]
    struct Versioned {
        format: Format,
    }
    let no_plan = |error: serde_json::Error| Unusable::NoPlan(error.to_string());
    let Versioned { format } = serde_json::from_str(text).map_err(no_plan)?;
    match format {
        Format { major, .. } if major != FORMAT.major => return Err(Unusable::OtherFormat(format)),
        Format { minor, .. } if minor > FORMAT.minor => return Err(Unusable::Newer(format)),
        _ => {}
    }
    let plan: Plan = serde_json::from_str(text).map_err(no_plan)?;
    let ids: BTreeSet<&str> = plan.steps.iter().map(|step| step.id.as_str()).collect();
    let needs_others = |step: &Step| step.needs.iter().any(|need| !ids.contains(need.as_str()));
    if !plan.id_is_right() || ids.len() < plan.steps.len() || plan.steps.iter().any(needs_others) {
        return Err(Unusable::Edited);
    }
    Ok(plan)
}

/// Whether a plan was made for this desired state.
///
/// # Errors
/// It is stale.
pub fn check_desired(saved: &Plan, desired_digest: &str) -> Result<(), Unusable> {
    if saved.desired_digest == desired_digest { Ok(()) } else { Err(Unusable::Stale) }
}

/// Whether it is this plan that people allowed by its id.
///
/// # Errors
/// They allowed another one.
pub fn check_id(saved: &Plan, named: &str) -> Result<(), Refusal> {
    match saved.plan_id == named {
        true => Ok(()),
        false => Err(Refusal::OtherPlan { named: named.to_owned(), actual: saved.plan_id.clone() }),
    }
}

/// The addresses that a saved plan would change.
pub fn addresses(saved: &Plan) -> BTreeSet<Address> {
    saved.steps.iter().map(|step| step.address.clone()).collect()
}

/// What becomes of a step of a saved plan.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Fate {
    /// It goes ahead.
    Same,
    /// What it promises is there already.
    Done,
    /// Its address is as declared, so that nothing is to be done there.
    InSync,
    /// It would not be the same today.
    LeftOut(String),
}

/// A saved plan, held against a new one of the same addresses.
#[derive(Debug)]
pub struct Agreed {
    /// The new plan with the steps that are in both, under the id and the numbers that people allowed.
    pub plan: Plan,
    /// What becomes of each saved step, by its number.
    pub fates: BTreeMap<String, Fate>,
}

impl Agreed {
    /// Steps that are not done because they would not be the same today.
    pub fn left_out(&self) -> usize {
        self.fates.values().filter(|fate| matches!(fate, Fate::LeftOut(_))).count()
    }
}

impl Reconciler<'_> {
    /// Carries out what a saved plan has in common with today's.
    ///
    /// # Errors
    /// The approval is of another plan, or the journal cannot be written.
    pub async fn apply_agreed<E>(
        &self,
        agreed: Agreed,
        inventory: &Inventory,
        approval: Approval,
        activation: &Activation<'_>,
        journal: &mut Journal,
    ) -> Result<Applied, Broken<E>> {
        let approved = ApprovedPlan::new(agreed.plan, approval).map_err(Broken::Refused)?;
        let authority = Authority {
            mode: &activation.mode,
            approved: &approved,
            account_ids: activation.account_ids,
            inventory: Some(inventory),
            is_part: true,
            state: activation.state,
            stop: activation.stop,
        };
        Ok(self.apply(&authority, journal).await?)
    }

    /// Holds a saved plan against one that was made now of the same declarations.
    pub fn agree(&self, saved: &Plan, fresh: &Planned, wanted: &[Wanted]) -> Agreed {
        let wanted: BTreeSet<&Address> = wanted.iter().map(|one| &one.address).collect();
        let state_of = |step: &Step| {
            let is_in_sync = !fresh.plan.drift.iter().any(|drift| drift.address == step.address);
            if is_in_sync {
                return wanted.contains(&step.address).then_some(Fate::InSync);
            }
            let seen = fresh.inventory.resources.get(&step.address);
            let kind = self.client(&step.address.kind).map(ResourceClient::kind)?;
            let promises = step.expected_state != ExpectedState { tree: json!({}), ..ExpectedState::default() }
                && step.expected_state != ExpectedState::default();
            let is_kept = promises && verdict::judge(kind, &step.expected_state, seen) == Verdict::Verified;
            is_kept.then_some(Fate::Done)
        };
        agree(saved, fresh.plan.clone(), state_of)
    }
}

/// `state_of` says of a step that the new plan does not have whether nothing is left to do for it.
fn agree(saved: &Plan, mut fresh: Plan, state_of: impl Fn(&Step) -> Option<Fate>) -> Agreed {
    let same = |one: &Step, other: &Step| {
        one.address == other.address
            && one.action == other.action
            && one.call == other.call
            && one.expected_state == other.expected_state
            && one.planned_for == other.planned_for
    };
    let mut fates = BTreeMap::new();
    // The numbers that people saw, by those of the new plan.
    let mut taken: BTreeMap<String, String> = BTreeMap::new();
    for step in &saved.steps {
        let twin = fresh.steps.iter().find(|other| same(step, other));
        let fate = match twin {
            Some(twin) if taken.contains_key(&twin.id) => Fate::LeftOut("it is in the plan twice".to_owned()),
            Some(twin) => {
                taken.insert(twin.id.clone(), step.id.clone());
                Fate::Same
            }
            None => fate_of(step, &fresh, &state_of),
        };
        fates.insert(step.id.clone(), fate);
    }
    // What needs a step that does not go ahead does not either.
    for step in &fresh.steps {
        if let Some(missing) = step.needs.iter().find(|need| !taken.contains_key(*need))
            && let Some(number) = taken.remove(&step.id)
        {
            let address = fresh.steps.iter().find(|other| other.id == *missing).map(|other| &other.address);
            let first =
                address.map(|address| format!("{address} has to be changed first, otherwise than the plan says"));
            let reason = first.unwrap_or_else(|| "it needs a step that is not in the plan".to_owned());
            fates.insert(number, Fate::LeftOut(reason));
        }
    }
    fresh.steps.retain(|step| taken.contains_key(&step.id));
    for step in &mut fresh.steps {
        for id in step.needs.iter_mut().chain([&mut step.id]) {
            if let Some(number) = taken.get(id) {
                id.clone_from(number);
            }
        }
    }
    fresh.plan_id.clone_from(&saved.plan_id);
    Agreed { plan: fresh, fates }
}

/// What becomes of a step that the new plan does not have.
fn fate_of(step: &Step, fresh: &Plan, state_of: impl Fn(&Step) -> Option<Fate>) -> Fate {
    let address = &step.address;
    let is_open = fresh.drift.iter().any(|drift| drift.address == *address);
    let is_unseen = fresh.gaps.iter().any(|gap| gap.covers(address)) || fresh.waiting().any(|one| one == address);
    let anew: Vec<&Step> = fresh.steps.iter().filter(|other| other.address == *address).collect();
    let stands_in_the_way = fresh.findings.iter().find(|one| one.address == *address && one.severity != Severity::Note);
    let twin = anew.iter().find(|other| other.action == step.action);
    if let (false, None, Some(fate)) = (is_unseen, twin, state_of(step)) {
        return fate;
    }
    let why = match twin {
        _ if is_unseen => "the resource could not be read in full".to_owned(),
        None if !is_open => "nothing is declared there".to_owned(),
        None if !anew.is_empty() => "something else has to be done there today".to_owned(),
        None => match stands_in_the_way {
            Some(finding) => format!("nothing is done there today [{}]: {}", finding.code, finding.detail),
            None => "nothing is done there today".to_owned(),
        },
        Some(other) if other.planned_for != step.planned_for => {
            "the resource is not what the plan was made for".to_owned()
        }
        Some(other) if other.call == step.call => "what it promises would not be the same today".to_owned(),
        Some(_) => "the call would not be the same today".to_owned(),
    };
    Fate::LeftOut(why)
}

#[cfg(test)]
mod tests {
    use reconciler_model::plan::Call;

    use super::*;

    fn step(id: &str, name: &str, value: &str, needs: &[&str]) -> Step {
        let address = Address {
            account: "prod".to_owned(),
            region: "eu-west-1".to_owned(),
            kind: "guardrail".to_owned(),
            name: name.to_owned(),
        };
        Step {
            id: id.to_owned(),
            address,
            action: "update".to_owned(),
            summary: String::new(),
            call: Call::new("bedrock", "UpdateGuardrail", json!({ "value": value })),
            needs: needs.iter().map(|need| (*need).to_owned()).collect(),
            expected_state: ExpectedState::default(),
            turn: (0, 0),
            lag: None,
            spends: false,
            planned_for: Some("sha256:1".to_owned()),
        }
    }

    fn plan(steps: Vec<Step>) -> Plan {
        let text = json!({
            "format": FORMAT, "tool_version": "0", "plan_id": "", "created_at": "", "desired_digest": "", "journal_head": null,
            "summary": {"addresses": 0, "in_sync": 0, "drifted": 0, "gaps": 0, "refused": 0},
            "drift": [], "gaps": [], "findings": [], "steps": steps,
        });
        serde_json::from_value(text).expect("a plan")
    }

    #[test]
    fn a_forged_request_is_not_carried_out() {
        let saved = plan(vec![step("1", "a", "NONE", &[]), step("2", "b", "HIGH", &[])]);
        let fresh = plan(vec![step("1", "a", "HIGH", &[]), step("2", "b", "HIGH", &[])]);
        let agreed = agree(&saved, fresh, |_| None);
        assert_eq!(agreed.plan.steps.len(), 1);
        assert_eq!(agreed.plan.steps[0].address.name, "b");
        assert_eq!(agreed.fates["1"], Fate::LeftOut("the call would not be the same today".to_owned()));
        assert_eq!(agreed.fates["2"], Fate::Same);
    }

    #[test]
    fn what_nobody_allowed_is_not_done_and_keeps_back_what_needs_it() {
        let saved = plan(vec![step("1", "b", "HIGH", &[]), step("2", "c", "HIGH", &[])]);
        let fresh =
            plan(vec![step("1", "a", "HIGH", &[]), step("2", "b", "HIGH", &["1"]), step("3", "c", "HIGH", &["2"])]);
        let agreed = agree(&saved, fresh, |_| None);
        assert_eq!(agreed.plan.steps, []);
        assert_eq!(agreed.left_out(), 2);
    }

    #[test]
    fn steps_keep_the_numbers_that_people_saw() {
        let saved =
            plan(vec![step("1", "a", "HIGH", &[]), step("3", "b", "HIGH", &[]), step("4", "c", "HIGH", &["3"])]);
        let fresh = plan(vec![step("1", "b", "HIGH", &[]), step("2", "c", "HIGH", &["1"])]);
        let agreed = agree(&saved, fresh, |_| Some(Fate::InSync));
        let numbers: Vec<(&str, &str, &[String])> = (agreed.plan.steps.iter())
            .map(|step| (step.id.as_str(), step.address.name.as_str(), step.needs.as_slice()))
            .collect();
        assert_eq!(numbers, [("3", "b", &[][..]), ("4", "c", &["3".to_owned()][..])]);
        assert_eq!(agreed.fates["1"], Fate::InSync);
    }

    #[test]
    fn a_step_goes_ahead_once() {
        let saved = plan(vec![step("1", "a", "HIGH", &[]), step("2", "a", "HIGH", &[])]);
        let agreed = agree(&saved, plan(vec![step("1", "a", "HIGH", &[])]), |_| None);
        assert_eq!(agreed.plan.steps.len(), 1);
        assert_eq!(agreed.fates["2"], Fate::LeftOut("it is in the plan twice".to_owned()));
    }

    #[test]
    fn what_is_as_expected_already_is_done() {
        let agreed = agree(&plan(vec![step("1", "a", "HIGH", &[])]), plan(Vec::new()), |_| Some(Fate::InSync));
        assert_eq!(agreed.fates["1"], Fate::InSync);
        let agreed = agree(&plan(vec![step("1", "a", "HIGH", &[])]), plan(Vec::new()), |_| None);
        assert_eq!(agreed.fates["1"], Fate::LeftOut("nothing is declared there".to_owned()));
        let mut moved = step("1", "a", "HIGH", &[]);
        moved.planned_for = Some("sha256:2".to_owned());
        let agreed = agree(&plan(vec![step("1", "a", "HIGH", &[])]), plan(vec![moved]), |_| None);
        assert_eq!(agreed.fates["1"], Fate::LeftOut("the resource is not what the plan was made for".to_owned()));
    }

    #[test]
    fn what_has_to_be_done_otherwise_is_not_done() {
        let saved = plan(vec![step("1", "a", "HIGH", &[])]);
        let mut anew = step("1", "a", "HIGH", &[]);
        anew.action = "create".to_owned();
        let mut fresh = plan(vec![anew]);
        fresh.drift = serde_json::from_value(json!([{
            "address": "prod/eu-west-1/guardrail/a", "kind": "guardrail", "account": "prod", "region": "eu-west-1", "name": "a",
            "change": "missing", "direction": "weakened", "controls": [], "fields": [], "declared_at": null, "alerts": [],
        }]))
        .expect("drift");
        let agreed = agree(&saved, fresh.clone(), |_| None);
        assert!(
            matches!(&agreed.fates["1"], Fate::LeftOut(why) if why.contains("something else")),
            "{:?}",
            agreed.fates
        );
        assert_eq!(agree(&saved, fresh, |_| Some(Fate::Done)).fates["1"], Fate::Done);
    }

    #[test]
    fn what_another_build_wrote_is_no_plan_for_this_one() {
        let text = r#"{"format": {"major": 1, "minor": 3}, "steps": []}"#;
        assert_eq!(read(text).expect_err("old").to_string(), "its format is 1.3, and this build reads 2.x");
        let text =
            text.replace("\"major\": 1, \"minor\": 3", &format!("\"major\": 2, \"minor\": {}", FORMAT.minor + 1));
        assert!(matches!(read(&text), Err(Unusable::Newer(_))), "members of a newer build would be lost");
        let needy = plan(vec![step("1", "a", "HIGH", &["7"])]).identified();
        assert_eq!(read(&serde_json::to_string(&needy).expect("JSON")), Err(Unusable::Edited));
        let mut edited = serde_json::to_value(plan(Vec::new())).expect("JSON");
        edited["plan_id"] = json!("plan-1");
        assert_eq!(read(&edited.to_string()), Err(Unusable::Edited));
    }
}
