//! Every step of the documented responses: done and by what proved, not done and why, or left to people.

use std::fmt::Write as _;

use serde::{Deserialize, Serialize};

use super::{Affected, Status};
use crate::control::{Answered, ResponseStep, StepType};

/// How a step of a response stands.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum CheckState {
    /// It was done.
    Done,
    /// Some of it was done.
    Partly,
    /// It was to be done, and was not.
    NotDone,
    /// Nothing of what it is about had drifted.
    NotNeeded,
    /// People do it.
    Manual,
}

impl CheckState {
    /// In words.
    pub fn words(self) -> &'static str {
        match self {
            Self::Done => "done",
            Self::Partly => "partly done",
            Self::NotDone => "not done",
            Self::NotNeeded => "not needed",
            Self::Manual => "for people",
        }
    }
}

/// One step of the response of one control.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct CheckItem {
    /// The control.
    pub control: String,
    /// The step.
    pub step: String,
    /// What it does.
    pub does: StepType,
    /// What is done, in the words of the control.
    pub text: String,
    /// How it stands.
    pub state: CheckState,
    /// By what it is proved, why it was not done, or why people have to do it.
    pub how: String,
    /// How it is undone, of a containment.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub undo: Option<String>,
    /// When it ends by itself, of a containment.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub expires: Option<String>,
}

/// The items of one control.
pub fn of(control: &str, response: &[ResponseStep], addresses: &[Affected], answers: &[Answered]) -> Vec<CheckItem> {
    let item = |step: &ResponseStep| {
        let (state, how) = stands(control, step, addresses, answers);
        CheckItem {
            control: control.to_owned(),
            step: step.id.clone(),
            does: step.does,
            text: step.text.clone(),
            state,
            how,
            undo: step.undo.clone(),
            expires: step.expires.clone(),
        }
    };
    response.iter().map(item).collect()
}

fn stands(control: &str, step: &ResponseStep, addresses: &[Affected], answers: &[Answered]) -> (CheckState, String) {
    let people = |or: &str| (CheckState::Manual, step.why.clone().unwrap_or_else(|| or.to_owned()));
    if !step.waits_for.is_empty() {
        return people(&format!("this build does not have {}", step.waits_for.join(", ")));
    }
    let about = addresses.iter().filter(|one| {
        one.drift.controls.iter().any(|id| id == control)
            && (step.kinds.is_empty() || step.kinds.contains(&one.drift.kind))
    });
    let about: Vec<&Affected> = about.collect();
    match step.does {
        StepType::Restore | StepType::Verify if about.is_empty() => {
            (CheckState::NotNeeded, "nothing that it is about had drifted".to_owned())
        }
        StepType::Restore => restored(&about),
        StepType::Verify => verified(&about),
        StepType::Inventory if step.queries.is_empty() => people("this build has no query for it"),
        StepType::Inventory => asked(control, step, answers),
        StepType::Contain => people("it stops callers, so somebody has to decide it"),
        StepType::Incident => people("this file is the record; whether it is an incident, people decide"),
        StepType::Manual => people("people have to do it"),
    }
}

fn of_count(done: usize, all: usize) -> CheckState {
    match done {
        0 => CheckState::NotDone,
        done if done == all => CheckState::Done,
        _ => CheckState::Partly,
    }
}

fn listed<'a>(addresses: impl Iterator<Item = &'a Affected>) -> String {
    addresses.map(|one| one.address().to_string()).collect::<Vec<_>>().join(", ")
}

fn restored(about: &[&Affected]) -> (CheckState, String) {
    let done = about.iter().filter(|one| one.status.is_restored()).count();
    let mut how = format!("{done} of {} restored", about.len());
    let open = listed(about.iter().filter(|one| !one.status.is_restored()).copied());
    let without_effect = listed(about.iter().filter(|one| one.status == Status::NotEffective).copied());
    if !open.is_empty() {
        let _ = write!(how, "; not restored: {open}");
    }
    if !without_effect.is_empty() {
        let _ = write!(how, "; not in effect for everyone: {without_effect}");
    }
    let state = of_count(done, about.len());
    (if state == CheckState::Done && !without_effect.is_empty() { CheckState::Partly } else { state }, how)
}

fn verified(about: &[&Affected]) -> (CheckState, String) {
    let is_shown = |one: &&&Affected| one.status.is_restored() && one.proofs.len() >= 2;
    let done = about.iter().filter(is_shown).count();
    let mut how = format!("{done} of {} shown as declared by two reads", about.len());
    if let Some(last) = about.iter().flat_map(|one| &one.proofs).map(|proof| &proof.at).max() {
        let _ = write!(how, ", the last at {last}");
    }
    (of_count(done, about.len()), how)
}

fn asked(control: &str, step: &ResponseStep, answers: &[Answered]) -> (CheckState, String) {
    let of_step = answers.iter().filter(|answer| answer.control == control && answer.step == step.id);
    let of_step: Vec<&Answered> = of_step.collect();
    if of_step.is_empty() {
        return (CheckState::NotDone, "its queries were not asked".to_owned());
    }
    let done = of_step.iter().filter(|answer| answer.unanswered.is_none()).count();
    let rows: usize = of_step.iter().map(|answer| answer.row_count).sum();
    let mut how = format!("{done} of {} queries answered, {rows} rows", of_step.len());
    if let Some(why) = of_step.iter().find_map(|answer| answer.unanswered.as_ref()) {
        let _ = write!(how, "; not answered: {why}");
    }
    (of_count(done, of_step.len()), how)
}
