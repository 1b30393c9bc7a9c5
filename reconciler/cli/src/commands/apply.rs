//! `apply`: what a saved plan has in common with today's; and what every command that writes has in common.

use std::collections::BTreeMap;
use std::io::{BufRead as _, IsTerminal as _, Write as _};
use std::path::{Path, PathBuf};

use reconciler_engine::apply::{Applied, Authority};
use reconciler_engine::event::StepOutcome;
use reconciler_engine::journal::Journal;
use reconciler_engine::reconciler::Planned;
use reconciler_engine::rounds::{Activation, Broken, Converged};
use reconciler_engine::saved::{self, Agreed, Fate, Unusable};
use reconciler_engine::state::StateFolder;
use reconciler_engine::{Reconciler, Target};
use reconciler_model::codes;
use reconciler_model::desired::Desired;
use reconciler_model::incident::Incident;
use reconciler_model::inventory::Inventory;
use reconciler_model::plan::{Plan, Step};
use reconciler_model::verdict::Verdict;
use reconciler_model::warrant::{Approval, ApprovedPlan, Refusal};
use serde_json::{Value, json};

use super::plan::unresolved;
use crate::crash_point;
use crate::exit::Exit;
use crate::failure::Failure;
use crate::interrupt;
use crate::progress::{Progress, outcome_in_words};
use crate::render;
use crate::respond;
use crate::screen::{GOOD, Screen, paint};
use crate::setup::{Selected, Setup, account_ids, plan_json};

pub(crate) async fn run(setup: &Setup, file: &Path, approve: Option<String>) -> Result<Exit, Failure> {
    let saved = read(file)?;
    let (desired, sessions) = setup.desired_and_sessions().await?;
    if saved.desired_digest != desired.digest {
        let text = format!("the plan {} is stale: the desired state was changed since", file.display());
        return Err(Failure::new(Exit::Refused, text).code(codes::STALE_PLAN).hint("plan again"));
    }
    if let Some(id) = approve.as_ref().filter(|id| **id != saved.plan_id) {
        return Err(Refusal::OtherPlan { named: id.clone(), actual: saved.plan_id }.into());
    }
    let state = setup.state()?;
    refuse_when_paused(&state)?;
    let _lock = state.lock()?;
    let mut journal = crash_point::journal(&state, &setup.run)?;
    if saved.steps.is_empty() {
        setup.screen.say(render::plan(&saved).trim_end())?;
        setup.screen.json(&json!({"plan": plan_json(&saved), "steps": []}))?;
        setup.screen.say("nothing to do: the plan has no steps")?;
        return Ok(render::exit_of(&saved));
    }
    // The file says what people looked at; what is done is what is planned now, as far as it is the same.
    let progress = Progress::new(setup.screen);
    let reconciler = setup.reconciler(sessions, &progress);
    let changed = saved::addresses(&saved);
    let mut wanted = desired.wanted();
    wanted.retain(|one| changed.contains(&one.address));
    let selected = Selected::new(&desired, wanted, None);
    let planned = reconciler.plan(setup.target_to_write(&desired, &selected), Some(&journal)).await?;
    let Agreed { plan, fates } = reconciler.agree(&saved, &planned, &selected.wanted);
    // What is about to be done, and not what a file says.
    setup.screen.say(render::plan(&plan).trim_end())?;
    for step in &saved.steps {
        if let Some(why) = fate_in_words(fates.get(&step.id)) {
            setup.screen.line(format_args!("step {} {}: {why}", step.id, step.address))?;
        }
    }
    let applied = if plan.steps.is_empty() {
        Applied::default()
    } else {
        let approval = match approve {
            Some(id) => Approval::PlanId { id },
            None => ask(&plan, "apply this plan", "approve with --approve PLAN-ID")?,
        };
        let approved = ApprovedPlan::new(plan, approval)?;
        carry_out(&reconciler, (&approved, &planned.inventory), &desired, &state, &mut journal).await?
    };
    report(setup.screen, &saved, &fates, &applied)
}

/// What becomes of a saved step that is not carried out.
fn fate_in_words(fate: Option<&Fate>) -> Option<String> {
    match fate {
        Some(Fate::Same(_)) => None,
        Some(Fate::Done) => Some("as promised already".to_owned()),
        Some(Fate::LeftOut(why)) => Some(format!("left out [{}]: {why}", codes::STALE_PLAN)),
        None => Some("left out".to_owned()),
    }
}

/// Reads a saved plan; refuses one that another version wrote or that somebody edited.
fn read(file: &Path) -> Result<Plan, Failure> {
    let unreadable = |why: &dyn std::fmt::Display| {
        Failure::new(Exit::Usage, format!("failed to read the plan {}: {why}", file.display()))
    };
    let text = std::fs::read_to_string(file).map_err(|error| unreadable(&error))?;
    saved::read(&text).map_err(|why| match why {
        Unusable::NoPlan(_) => unreadable(&why),
        Unusable::OtherFormat(_) => unreadable(&why).hint("plan again with this build"),
        Unusable::Edited => Failure::new(Exit::Refused, format!("the plan {} cannot be used: {why}", file.display()))
            .code(codes::STALE_PLAN)
            .hint("plan again; change the desired state rather than the plan"),
    })
}

/// Asks at the terminal. Without one nothing is approved: aborted is never success, and `otherwise` says how to approve.
pub(crate) fn ask(plan: &Plan, what: &str, otherwise: &str) -> Result<Approval, Failure> {
    let not_approved =
        |why: &str, hint: &str| Failure::new(Exit::Refused, format!("not approved: {why}")).hint(hint.to_owned());
    if !std::io::stdin().is_terminal() {
        return Err(not_approved("standard input is not a terminal", otherwise));
    }
    let mut stderr = anstream::stderr();
    write!(
        stderr,
        "\n{what}? {} steps on {} resources; write `yes` to go on: ",
        plan.steps.len(),
        plan.addresses_changed()
    )?;
    stderr.flush()?;
    let mut answer = String::new();
    std::io::stdin().lock().read_line(&mut answer)?;
    match answer.trim() {
        "yes" => Ok(Approval::Operator),
        _ => Err(not_approved("the answer was not `yes`", "nothing was changed")),
    }
}

/// Refuses before anything is asked or connected.
pub(crate) fn refuse_when_paused(state: &StateFolder) -> Result<(), Failure> {
    match state.paused() {
        None => Ok(()),
        Some(reason) => Err(Failure::new(Exit::Refused, format!("paused: {reason}"))
            .code(codes::PAUSED)
            .hint(format!("remove {} to resume", state.path().join("paused").display()))),
    }
}

/// Carries out a saved plan; signals let the current step end first.
async fn carry_out(
    reconciler: &Reconciler<'_>,
    (approved, inventory): (&ApprovedPlan, &Inventory),
    desired: &Desired,
    state: &StateFolder,
    journal: &mut Journal,
) -> Result<Applied, Failure> {
    interrupt::writing();
    let account_ids = account_ids(desired.organization());
    let stop = || interrupt::requested().is_some();
    let authority = Authority {
        mode: "apply",
        approved,
        account_ids: &account_ids,
        inventory: Some(inventory),
        is_part: true,
        state,
        stop: &stop,
    };
    Ok(reconciler.apply(&authority, journal).await?)
}

/// Converges in rounds under one approval; `planned` is told of every plan before anything of it is done. Signals let the
/// current step end first.
#[expect(clippy::too_many_arguments, reason = "each is another thing that the caller decides")]
pub(crate) async fn converge(
    reconciler: &Reconciler<'_>,
    mode: &str,
    target: Target<'_>,
    desired: &Desired,
    (at_most, is_whole): (Option<usize>, bool),
    (journal, state): (&mut Journal, &StateFolder),
    screen: Screen,
    planned: impl FnMut(&Planned, &mut Journal) -> Result<(), Failure>,
    approve: impl FnOnce(&Plan) -> Result<Approval, Failure>,
) -> Result<Converged, Failure> {
    let account_ids = account_ids(desired.organization());
    let stop = || interrupt::requested().is_some();
    let activation = Activation { mode, target, account_ids: &account_ids, at_most, is_whole, state, stop: &stop };
    let approve = |plan: &Plan| {
        let approval = approve(plan)?;
        interrupt::writing();
        Ok(approval)
    };
    let show =
        |round: usize, plan: &Plan| Ok(screen.say(format_args!("round {round}\n\n{}", render::plan(plan).trim_end()))?);
    reconciler.converge(&activation, journal, planned, approve, show).await.map_err(|broken| match broken {
        Broken::Call(error) => error.into(),
        Broken::Journal(error) => error.into(),
        Broken::Refused(refusal) => refusal.into(),
        Broken::Caller(failure) => failure,
    })
}

/// How the steps ended, as an exit code.
pub(crate) fn exit_of(applied: &Applied) -> Exit {
    let worst = applied.steps.values().fold(Exit::Done, |worst, outcome| {
        worst.or_worse(match outcome {
            StepOutcome::Read(Verdict::Verified) => Exit::Done,
            StepOutcome::Read(Verdict::Unverified { .. }) => Exit::Drift,
            StepOutcome::Read(Verdict::Broken { .. }) | StepOutcome::Failed { .. } => Exit::Failed,
            StepOutcome::NotTried { code, .. } if [codes::STEP_FAILED, codes::NOT_SETTLED].contains(code) => {
                Exit::Drift
            }
            StepOutcome::NotTried { .. } => Exit::Refused,
        })
    });
    interrupt::requested().unwrap_or(worst)
}

/// The steps with their outcomes, for programs.
pub(crate) fn steps_json(plan: &Plan, applied: &Applied) -> Value {
    let step = |step: &reconciler_model::plan::Step| {
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

/// Prints how a saved plan was carried out, and says how it ends.
fn report(screen: Screen, saved: &Plan, fates: &BTreeMap<String, Fate>, applied: &Applied) -> Result<Exit, Failure> {
    let left_out = fates.values().filter(|fate| matches!(fate, Fate::LeftOut(_))).count();
    let done = fates.values().filter(|fate| **fate == Fate::Done).count();
    let exit = match left_out {
        0 => exit_of(applied),
        _ if applied.steps.is_empty() && done == 0 => Exit::Refused,
        _ => exit_of(applied).or_worse(Exit::Drift),
    };
    let step = |step: &Step| {
        let fate = fates.get(&step.id);
        let outcome = match fate {
            Some(Fate::Same(id)) => applied.steps.get(id),
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
    screen.json(&json!({
        "plan": plan_json(saved),
        "steps": saved.steps.iter().map(step).collect::<Vec<_>>(),
        "after": null,
        "exit": exit.code(),
    }))?;
    let tried = saved.steps.len() - done - left_out;
    let carried_out = (tried > 0).then(|| in_words(exit, applied.verified(), tried));
    let others = [(done, "done already"), (left_out, "left out")].into_iter().filter(|(count, _)| *count > 0);
    let words: Vec<String> =
        carried_out.into_iter().chain(others.map(|(count, what)| format!("{count} {what}"))).collect();
    let words = words.join(", ");
    screen.line(format_args!("result: {words} · exit {}", exit.code()))?;
    Ok(exit)
}

/// Prints how an activation went in which something was carried out, and says how it ends.
pub(crate) fn report_rounds(
    screen: Screen,
    converged: &Converged,
    incident: Option<&(Incident, PathBuf)>,
) -> Result<Exit, Failure> {
    let Converged { rounds, after, refused } = converged;
    let mut exit = rounds.iter().fold(Exit::Done, |exit, round| exit.or_worse(exit_of(&round.applied)));
    if let Some(after) = after {
        let then = render::exit_after_writing(after);
        let only_moved = rounds.iter().flat_map(|round| round.applied.steps.values()).all(|outcome| {
            outcome.is_verified() || matches!(outcome, StepOutcome::NotTried { code, .. } if *code == codes::MOVED)
        });
        // What moved into its declared state by itself, or was put right by a later round, needs nothing more.
        let over = then == Exit::Done && (only_moved || rounds.len() > 1);
        exit = if over { Exit::Done } else { exit.or_worse(then) };
        unresolved(after);
    }
    if refused.is_some() {
        exit = exit.or_worse(Exit::Refused);
    }
    if let Some((incident, _)) = incident {
        exit = exit.or_worse(respond::exit_of(incident));
    }
    if let Some(interrupted) = interrupt::requested() {
        exit = interrupted;
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
    screen.json(&told)?;
    if let Some(after) = after {
        let text = render::plan(after);
        if !text.is_empty() {
            screen.say(format_args!("still open:\n\n{}", text.trim_end()))?;
        }
    }
    if let Some(refusal) = refused {
        let failure = Failure::from(refusal.clone());
        let hint = failure.hint.as_ref().map(|hint| format!("; {hint}")).unwrap_or_default();
        screen.line(format_args!("stopped: {failure}{hint}"))?;
    }
    if let Some((incident, folder)) = incident {
        screen.say(respond::summary(incident, folder))?;
    }
    let verified = rounds.iter().map(|round| round.applied.verified()).sum();
    let total = rounds.iter().map(|round| round.applied.steps.len()).sum();
    let again = match after {
        Some(after) if render::exit_of(after) == Exit::Done => " · planned again: in sync",
        Some(_) => " · planned again: not in sync",
        None => "",
    };
    let several = if rounds.len() > 1 { format!(" in {} rounds", rounds.len()) } else { String::new() };
    let words = in_words(exit, verified, total);
    screen.line(format_args!("result: {words}{several}{again} · exit {}", exit.code()))?;
    Ok(exit)
}

fn in_words(exit: Exit, verified: usize, total: usize) -> String {
    match exit {
        Exit::Done => paint(GOOD, format_args!("{verified} of {total} steps verified by read-back")),
        _ => format!("{verified} of {total} steps verified by read-back"),
    }
}
