//! What a command prints when it is over: for people, or as one JSON document.

use std::collections::BTreeMap;
use std::io::Write as _;
use std::path::{Path, PathBuf};

use reconciler_engine::apply::Applied;
use reconciler_engine::event::StepOutcome;
use reconciler_engine::outcome::Outcome;
use reconciler_engine::rounds::Converged;
use reconciler_engine::saved::Fate;
use reconciler_model::codes;
use reconciler_model::incident::{self, Incident};
use reconciler_model::plan::{Plan, Step};
use serde_json::{Value, json};

use crate::exit::Exit;
use crate::failure::Failure;
use crate::formats::{self, Found, documents};
use crate::interrupt;
use crate::next::{self, Next};
use crate::progress::outcome_in_words;
use crate::render::{self, Look};
use crate::screen::{BAD, DOUBT, FAINT, GOOD, Screen, line, paint};
use crate::setup::{Setup, plan_json};
use crate::text::counted;

/// Prints the end of a plan: what would be done, how it ends, and what to do next.
pub(crate) fn end_of_plan(
    screen: Screen,
    plan: &Plan,
    look: &Look,
    exit: Exit,
    next: &[Next],
) -> Result<Exit, Failure> {
    unresolved(plan);
    if let Some(work) = render::work(plan) {
        screen.say(work)?;
    }
    if let Some(next) = next::lines(next, look.width) {
        screen.say(next)?;
    }
    screen.line(render::result(plan, exit))?;
    Ok(exit)
}

/// Prints the declarations that could not be resolved against live, on standard error.
fn unresolved(plan: &Plan) {
    for diagnostic in &plan.diagnostics {
        let text = reconciler_model::diagnostic::render(diagnostic, None);
        // A closed standard error is no reason to stop.
        let _ = writeln!(anstream::stderr().lock(), "{}\n", text.trim_end());
    }
}

/// Prints how an activation went, whether something was carried out or not.
pub(crate) fn ended(
    setup: &Setup,
    look: &Look,
    converged: &Converged,
    incident: Option<&(Incident, PathBuf)>,
) -> Result<Exit, Failure> {
    let screen = setup.screen;
    match (&*converged.rounds, &converged.after) {
        ([], Some(plan)) => {
            if let Some((incident, folder)) = incident {
                screen.say(summary(incident, folder))?;
            }
            let exit = Exit::of_run(Outcome::of_activation(converged, incident.map(|(incident, _)| incident)));
            let mut output = plan_json(plan);
            if let Some((incident, folder)) = incident {
                output["incident"] = json!(incident);
                output["incident_folder"] = json!(folder);
            }
            screen.json(&output)?;
            formats::print(screen, &Found { plan, attributions: &[], look, is_after: false, exit })?;
            let text = render::plan(plan, look);
            if !text.is_empty() {
                screen.say(text)?;
            }
            end_of_plan(screen, plan, look, exit, &[])
        }
        (_, after) => match interrupt::requested() {
            Some(exit) if after.is_none() => {
                let mut told = json!({ "exit": exit.code() });
                if let Some((incident, _)) = incident {
                    told["incident"] = json!(incident);
                }
                screen.json(&documents::named(documents::ACTIVATION, told))?;
                if let Some((incident, folder)) = incident {
                    screen.say(summary(incident, folder))?;
                }
                say_what_next(setup, look, converged, incident)?;
                Ok(exit)
            }
            _ => report_rounds(setup, look, converged, incident),
        },
    }
}

/// Prints how an activation went in which something was carried out, and says how it ends.
fn report_rounds(
    setup: &Setup,
    look: &Look,
    converged: &Converged,
    incident: Option<&(Incident, PathBuf)>,
) -> Result<Exit, Failure> {
    let screen = setup.screen;
    let Converged { rounds, after, refused } = converged;
    let exit = Exit::of_run(Outcome::of_activation(converged, incident.map(|(incident, _)| incident)));
    if let Some(after) = after {
        unresolved(after);
    }
    let each: Vec<Value> = rounds
        .iter()
        .map(|round| {
            let plan = round.approved.plan();
            json!({ "plan": plan_json(plan), "steps": steps_json(plan, &round.applied) })
        })
        .collect();
    let mut told = each.first().cloned().unwrap_or_else(|| json!({}));
    told["after"] = json!(after.as_ref().map(plan_json));
    told["weakened"] = json!(after.as_ref().map(documents::weakened));
    told["exit"] = json!(exit.code());
    if each.len() > 1 {
        told["rounds"] = Value::Array(each);
    }
    if let Some(refusal) = refused {
        told["refused"] = json!(refusal.to_string());
    }
    if let Some((incident, folder)) = incident {
        told["incident"] = json!(incident);
        told["incident_folder"] = json!(folder);
    }
    screen.json(&documents::named(documents::ACTIVATION, told))?;
    // Where nobody looked afterwards, what was found before is all that is known.
    let last = rounds.last().map(|round| round.approved.plan());
    if let Some(plan) = after.as_ref().or(last) {
        formats::print(screen, &Found { plan, attributions: &[], look, is_after: after.is_some(), exit })?;
    }
    if let Some(after) = after {
        let text = render::plan(after, look);
        if !text.is_empty() {
            let head = if Outcome::of_plan(after) == Outcome::Done { "to be known:" } else { "still open:" };
            screen.say(format_args!("{head}\n\n{}\n", text.trim_end()))?;
        }
    }
    if let Some(refusal) = refused {
        let failure = Failure::from(refusal.clone());
        let hint = failure.hint.as_ref().map(|hint| format!("; {hint}")).unwrap_or_default();
        screen.line(format_args!("stopped: {failure}{hint}"))?;
    }
    if let Some((incident, folder)) = incident {
        screen.say(summary(incident, folder))?;
    }
    say_what_next(setup, look, converged, incident)?;
    let verified = rounds.iter().map(|round| round.applied.verified()).sum();
    let total = rounds.iter().map(|round| round.applied.steps.len()).sum();
    let again = planned_again(after.as_ref());
    let several = if rounds.len() > 1 { format!(" in {} rounds", rounds.len()) } else { String::new() };
    let words = in_words(exit, verified, total);
    screen.line(format_args!("result: {words}{several}{again} · exit {}", exit.code()))?;
    Ok(exit)
}

/// Prints the next command, where something is left open.
fn say_what_next(
    setup: &Setup,
    look: &Look,
    converged: &Converged,
    incident: Option<&(Incident, PathBuf)>,
) -> Result<(), Failure> {
    let targets = incident.map(|(incident, _)| incident.targets.as_slice()).unwrap_or_default();
    if let Some(next) = next::lines(&next::after_writing(&setup.global, converged, targets), look.width) {
        setup.screen.say(next)?;
    }
    Ok(())
}

/// Prints how a saved plan was carried out, and says how it ends. `agreed` is what of it is in today's plan; `after` is the plan of its addresses that was made afterwards.
pub(crate) fn saved(
    setup: &Setup,
    look: &Look,
    (saved, agreed): (&Plan, &Plan),
    (fates, applied): (&BTreeMap<String, Fate>, &Applied),
    after: Option<&Plan>,
) -> Result<Exit, Failure> {
    let screen = setup.screen;
    let left_out = fates.values().filter(|fate| matches!(fate, Fate::LeftOut(_))).count();
    let done = fates.values().filter(|fate| matches!(fate, Fate::Done | Fate::InSync)).count();
    let exit = Exit::of_run(Outcome::of_saved(fates, applied, after));
    let step = |step: &Step| {
        let fate = fates.get(&step.id);
        let outcome = match fate {
            Some(Fate::Same) => applied.steps.get(&step.id),
            _ => None,
        };
        let words = match outcome {
            Some(outcome) => Some(anstream::adapter::strip_str(&outcome_in_words(outcome)).to_string()),
            None => fate_in_words(fate),
        };
        json!({
            "id": step.id,
            "address": step.address,
            "action": step.action,
            "verified": outcome.is_some_and(StepOutcome::is_verified) || fate == Some(&Fate::Done),
            "outcome": words,
        })
    };
    let told = json!({
        "plan": plan_json(agreed),
        "steps": saved.steps.iter().map(step).collect::<Vec<_>>(),
        "after": after.map(plan_json),
        "weakened": after.map(documents::weakened),
        "exit": exit.code(),
    });
    screen.json(&documents::named(documents::ACTIVATION, told))?;
    let plan = after.unwrap_or(agreed);
    formats::print(screen, &Found { plan, attributions: &[], look, is_after: after.is_some(), exit })?;
    if let Some(after) = after {
        unresolved(after);
        let text = render::plan(after, look);
        if !text.is_empty() {
            let head = if Outcome::of_plan(after) == Outcome::Done { "to be known:" } else { "still open:" };
            screen.say(format_args!("{head}\n\n{}\n", text.trim_end()))?;
        }
    }
    if exit != Exit::Done
        && let Some(next) = next::lines(&next::after_apply(&setup.global), look.width)
    {
        screen.say(next)?;
    }
    let tried = saved.steps.len() - done - left_out;
    let carried_out = (tried > 0).then(|| in_words(exit, applied.verified(), tried));
    let others = [(done, "done already"), (left_out, "left out")].into_iter().filter(|(count, _)| *count > 0);
    let words: Vec<String> =
        carried_out.into_iter().chain(others.map(|(count, what)| format!("{count} {what}"))).collect();
    let words = if words.is_empty() { "nothing to do: the plan has no steps".to_owned() } else { words.join(", ") };
    screen.line(format_args!("result: {words}{} · exit {}", planned_again(after), exit.code()))?;
    Ok(exit)
}

/// Whether the plan that was made afterwards found something, for the last line.
fn planned_again(after: Option<&Plan>) -> &'static str {
    match after {
        Some(after) if Outcome::of_plan(after) == Outcome::Done => " · planned again: in sync",
        Some(_) => " · planned again: not in sync",
        None => "",
    }
}

/// What becomes of a saved step that is not carried out.
pub(crate) fn fate_in_words(fate: Option<&Fate>) -> Option<String> {
    match fate {
        Some(Fate::Same) => None,
        Some(Fate::Done) => Some("as promised already".to_owned()),
        Some(Fate::InSync) => Some("nothing to do, its address is as declared".to_owned()),
        Some(Fate::LeftOut(why)) => Some(format!("left out [{}]: {why}", codes::STALE_PLAN)),
        None => Some("left out".to_owned()),
    }
}

/// The steps with their outcomes, for programs.
fn steps_json(plan: &Plan, applied: &Applied) -> Value {
    let step = |step: &Step| {
        let outcome = applied.steps.get(&step.id);
        let words = outcome.map(|outcome| anstream::adapter::strip_str(&outcome_in_words(outcome)).to_string());
        json!({
            "id": step.id,
            "address": step.address,
            "action": step.action,
            "verified": outcome.is_some_and(StepOutcome::is_verified),
            "outcome": words,
        })
    };
    Value::Array(plan.steps.iter().map(step).collect())
}

fn in_words(exit: Exit, verified: usize, total: usize) -> String {
    match exit {
        Exit::Done => paint(GOOD, format_args!("{verified} of {} verified by read-back", counted(total, "step"))),
        _ => format!("{verified} of {} verified by read-back", counted(total, "step")),
    }
}

/// The incident for people, below what was done.
pub(crate) fn summary(incident: &Incident, folder: &Path) -> String {
    let style = match incident.outcome {
        incident::Outcome::Restored => GOOD,
        incident::Outcome::NotEffective | incident::Outcome::NotAllSeen => DOUBT,
        _ => BAD,
    };
    let mut lines = vec![format!("incident {}: {}", incident.id, paint(style, incident.outcome.heading()))];
    if incident.outcome != incident::Outcome::NotApproved {
        lines.extend(incident.facts().into_iter().map(|(name, told)| format!("  {name:<16}{told}")));
        for one in incident.addresses.iter().filter(|one| one.why.is_some()) {
            let why = one.why.as_deref().unwrap_or_default();
            lines.push(format!("  {} {}: {why}", paint(style, one.status.words()), one.address()));
        }
        lines.extend(incident.troubles.iter().map(|trouble| format!("  {} {trouble}", paint(BAD, "trouble"))));
    }
    lines.push(format!("  {:<16}{}", "file", paint(FAINT, folder.join("incident.html").display())));
    lines.iter().map(line).collect::<Vec<_>>().join("\n")
}
