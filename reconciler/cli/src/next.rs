//! The next command: what one would type after what was just shown.

use std::path::Path;

use reconciler_engine::rounds::Converged;
use reconciler_model::drift::{Change, Drift};
use reconciler_model::plan::Plan;

use crate::args::{Filter, Global, in_shell};
use crate::screen::{DO, FAINT, Screen, line, paint};
use crate::view::layout::columns;

/// A command, and what it is for.
pub(crate) struct Next {
    command: String,
    reason: &'static str,
}

/// After a plan, which may have been saved.
pub(crate) fn after_plan(global: &Global, filter: &Filter, plan: &Plan, saved: Option<&Path>) -> Vec<Next> {
    let program = global.spelled();
    // What was not looked at is not to be written to.
    let part = filter.spelled();
    let mut all = Vec::new();
    let mut next = |command: String, reason| all.push(Next { command, reason });
    if !plan.steps.is_empty() {
        match saved {
            Some(path) => {
                let path = in_shell(&path.to_string_lossy());
                next(format!("{program} apply {path} --approve {}", plan.plan_id), "carries out what was saved");
            }
            // The AWS in the process ends with it, so that a saved plan would be of no use.
            None if global.aws == crate::args::Aws::Live => {
                next(format!("{program} plan{part} --out"), "saves the plan, to review and apply exactly this");
            }
            None => next(format!("{program} enforce --once{part}"), "restores all of it, as the schedule does"),
        }
        if let Some(target) = target(plan) {
            next(format!("{program} restore {target}"), "restores it with evidence and an incident record");
        }
    }
    let undeclared = plan.drift.iter().find(|drift| drift.change == Change::Unexpected);
    if let Some(drift) = undeclared {
        let address = in_shell(&drift.address.to_string());
        next(format!("{program} export --address {address}"), "prints it as a declaration");
    }
    all
}

/// After `demo`: more of the same world, and one's own.
pub(crate) fn after_demo() -> Vec<Next> {
    let next = |command: &str, reason| Next { command: format!("bedrock-reconciler {command}"), reason };
    vec![
        next("--aws embedded plan", "shows the drift alone, and changes nothing"),
        next("drill guardrail-deleted", "plays an attack, and keeps score"),
        next("init", "begins with an account of yours"),
    ]
}

/// After `init`: what is there is taken over, or the way to AWS is put right first.
pub(crate) fn after_init(global: &Global, has_credentials: bool) -> Vec<Next> {
    let program = global.spelled();
    let adopt = Next { command: format!("{program} adopt --dry-run"), reason: "shows what there is, as declarations" };
    let doctor = Next { command: format!("{program} doctor"), reason: "checks roles, regions and permissions" };
    if has_credentials { vec![adopt, doctor] } else { vec![doctor, adopt] }
}

/// After `adopt`.
pub(crate) fn after_adopt(global: &Global, is_written: bool) -> Vec<Next> {
    let program = global.spelled();
    match is_written {
        true => vec![Next { command: format!("{program} plan"), reason: "is in sync: what is there was written down" }],
        false => vec![Next { command: format!("{program} adopt"), reason: "writes it" }],
    }
}

/// Prints them for people.
pub(crate) fn say(screen: Screen, all: &[Next]) -> std::io::Result<()> {
    match lines(all, usize::MAX) {
        Some(text) => screen.say(text),
        None => Ok(()),
    }
}

/// After an activation that left something open.
pub(crate) fn after_writing(global: &Global, converged: &Converged, targets: &[String]) -> Vec<Next> {
    let is_open = match &converged.after {
        None => true,
        Some(plan) => plan.drift.iter().any(|drift| !drift.is_kept()) || !plan.gaps.is_empty(),
    };
    if !is_open {
        return Vec::new();
    }
    let program = global.spelled();
    let command = match targets {
        [] => format!("{program} plan"),
        targets => {
            let targets: Vec<String> = targets.iter().map(|target| in_shell(target)).collect();
            format!("{program} restore {}", targets.join(" "))
        }
    };
    let reason = if targets.is_empty() { "shows what is left" } else { "takes it up again" };
    vec![Next { command, reason }]
}

/// After a saved plan of which something was left out or is open.
pub(crate) fn after_apply(global: &Global) -> Vec<Next> {
    vec![Next { command: format!("{} plan --out", global.spelled()), reason: "plans again what is left" }]
}

/// The address of the only drift with steps, or the control of the most urgent one.
fn target(plan: &Plan) -> Option<String> {
    let has_steps = |drift: &&Drift| plan.steps.iter().any(|step| step.address == drift.address);
    let mut drifts: Vec<&Drift> = plan.drift.iter().filter(has_steps).collect();
    if let [one] = drifts[..] {
        return Some(in_shell(&one.address.to_string()));
    }
    drifts.retain(|drift| !drift.alerts.is_empty());
    let first = drifts.into_iter().min_by(|one, two| match (one.alerts.first(), two.alerts.first()) {
        (Some(one), Some(two)) if one.is_before(two) => std::cmp::Ordering::Less,
        (Some(one), Some(two)) if two.is_before(one) => std::cmp::Ordering::Greater,
        _ => std::cmp::Ordering::Equal,
    })?;
    first.alerts.first().map(|alert| in_shell(&alert.control))
}

/// The lines, one for each command, which is never broken: it is to be copied. What it is for is left out where it has no room.
pub(crate) fn lines(all: &[Next], width: usize) -> Option<String> {
    if all.is_empty() {
        return None;
    }
    let told = |(index, Next { command, reason }): (usize, &Next)| {
        let head = if index == 0 { paint(DO, "next") } else { "    ".to_owned() };
        let reason =
            if columns(command) + reason.len() + 10 <= width { format!("  # {reason}") } else { String::new() };
        line(format_args!("{head}  {command}{}", paint(FAINT, reason)))
    };
    Some(all.iter().enumerate().map(told).collect::<Vec<_>>().join("\n"))
}
