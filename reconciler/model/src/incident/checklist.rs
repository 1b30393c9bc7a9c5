//! Every step of the documented responses: done and by what proved, not done and why, or left to people.

use std::collections::BTreeMap;
use std::fmt::Write as _;

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::words::{count, time};
use super::{Affected, Status};
use crate::address::Address;
use crate::control::{Answered, ResponseStep, StepType};

/// How a step of a response stands.
#[derive(Debug, Clone, Copy, PartialEq, Eq, JsonSchema, Serialize, Deserialize)]
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

/// One command that people run. What it names comes from outside, and is quoted for a shell.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, schemars::JsonSchema)]
pub struct Command {
    /// The resource that it is about, where it is about one.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub address: Option<Address>,
    /// What is typed; words in capitals are to be filled in.
    pub text: String,
}

/// One step of the response of one control.
#[derive(Debug, Clone, PartialEq, Eq, JsonSchema, Serialize, Deserialize)]
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
    /// The resources that it is about.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub resources: Vec<Address>,
    /// What people run for it, of a step that is left to them.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub commands: Vec<Command>,
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
        let about: Vec<&Affected> = addresses.iter().filter(|one| concerns(control, step, one)).collect();
        let (state, how) = stands(control, step, &about, answers);
        let is_open = |one: &&&Affected| {
            !matches!(state, CheckState::NotDone | CheckState::Partly)
                || !matches!(step.does, StepType::Restore | StepType::Verify)
                || one.status != Status::Restored
        };
        let resources: Vec<Address> = about.iter().filter(is_open).map(|one| one.address().clone()).collect();
        let commands = match state {
            CheckState::Done | CheckState::NotNeeded => Vec::new(),
            CheckState::Manual => by_hand(step, &about),
            CheckState::Partly | CheckState::NotDone => again(control, step, &resources),
        };
        CheckItem {
            control: control.to_owned(),
            step: step.id.clone(),
            does: step.does,
            text: step.text.clone(),
            state,
            how,
            resources,
            commands,
            undo: step.undo.clone(),
            expires: step.expires.clone(),
        }
    };
    response.iter().map(item).collect()
}

/// Whether a step is about an address.
fn concerns(control: &str, step: &ResponseStep, one: &Affected) -> bool {
    one.drift.controls.iter().any(|id| id == control) && (step.kinds.is_empty() || step.kinds.contains(&one.drift.kind))
}

/// A word of a shell command.
fn in_shell(word: &str) -> String {
    let is_plain = |c: char| c.is_ascii_alphanumeric() || "_-./:=@%+,".contains(c);
    match !word.is_empty() && word.chars().all(is_plain) {
        true => word.to_owned(),
        false => format!("'{}'", word.replace('\'', "'\\''")),
    }
}

/// The same order once more, for what it did not reach.
fn again(control: &str, step: &ResponseStep, resources: &[Address]) -> Vec<Command> {
    let restore = |target: &str| format!("bedrock-reconciler restore {}", in_shell(target));
    if !matches!(step.does, StepType::Restore | StepType::Verify) {
        return vec![Command { address: None, text: restore(control) }];
    }
    let of = |address: &Address| Command { address: Some(address.clone()), text: restore(&address.to_string()) };
    resources.iter().map(of).collect()
}

/// The commands of a step, once for each resource that they name.
fn by_hand(step: &ResponseStep, about: &[&Affected]) -> Vec<Command> {
    let lines = step.how.iter().flat_map(|how| how.lines());
    let mut commands = Vec::new();
    for line in lines {
        let known = about.iter().filter_map(|one| Some((one.address(), filled(line, &step.fills, one)?)));
        let before = commands.len();
        commands.extend(known.map(|(address, text)| Command { address: Some(address.clone()), text }));
        if commands.len() == before {
            commands.push(Command { address: None, text: line.to_owned() });
        }
    }
    commands
}

/// A command with what is known of a resource in it; `None` where it names nothing of it.
fn filled(line: &str, fills: &BTreeMap<String, String>, one: &Affected) -> Option<String> {
    let mut text = line.to_owned();
    let mut is_about = false;
    for (word, source) in fills {
        let (kind, member) = source.split_once('.')?;
        if kind != one.drift.kind {
            continue;
        }
        let value = match member {
            "region" => one.drift.region.clone(),
            "name" => one.drift.name.clone(),
            member => one.handle.get(member)?.as_str()?.to_owned(),
        };
        let is_end = |c: char| !(c.is_ascii_alphanumeric() || c == '_');
        let places = text.match_indices(word.as_str()).filter(|(at, _)| {
            text[..*at].chars().next_back().is_none_or(is_end)
                && text[*at + word.len()..].chars().next().is_none_or(is_end)
        });
        let mut places: Vec<usize> = places.map(|(at, _)| at).collect();
        is_about |= !places.is_empty();
        while let Some(at) = places.pop() {
            text.replace_range(at..at + word.len(), &in_shell(&value));
        }
    }
    if is_about && text.starts_with("aws ") && !one.drift.region.is_empty() {
        let _ = write!(text, " --region {}", in_shell(&one.drift.region));
    }
    is_about.then_some(text)
}

fn stands(control: &str, step: &ResponseStep, about: &[&Affected], answers: &[Answered]) -> (CheckState, String) {
    let people = |or: &str| (CheckState::Manual, step.why.clone().unwrap_or_else(|| or.to_owned()));
    if !step.waits_for.is_empty() {
        return people(&format!("this build does not have {}", step.waits_for.join(", ")));
    }
    match step.does {
        StepType::Restore | StepType::Verify if about.is_empty() => {
            (CheckState::NotNeeded, "nothing that it is about had drifted".to_owned())
        }
        StepType::Restore => restored(about),
        StepType::Verify => verified(about),
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
    let mut how = format!("{done} of {} confirmed by two separate reads", about.len());
    if let Some(last) = about.iter().flat_map(|one| &one.proofs).map(|proof| &proof.at).max() {
        let _ = write!(how, ", the last at {}", time(last));
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
    let mut how = format!(
        "{done} of {} answered, {} found",
        count(of_step.len(), "query", "queries"),
        count(rows, "row", "rows")
    );
    if let Some(why) = of_step.iter().find_map(|answer| answer.unanswered.as_ref()) {
        let _ = write!(how, "; not answered: {why}");
    }
    (of_count(done, of_step.len()), how)
}
