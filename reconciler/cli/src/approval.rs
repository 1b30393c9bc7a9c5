//! Who allows what is about to be done.

use std::io::{BufRead as _, IsTerminal as _, Write as _};

use reconciler_engine::journal;
use reconciler_engine::state::{StateFolder, WriteLock};
use reconciler_model::codes;
use reconciler_model::permit::Approval;
use reconciler_model::plan::Plan;

use crate::exit::Exit;
use crate::failure::Failure;
use crate::text::counted;

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
        "\n{what} {} with {}? [y/N] ",
        counted(plan.addresses_changed(), "resource"),
        counted(plan.steps.len(), "call")
    )?;
    stderr.flush()?;
    let mut answer = String::new();
    std::io::stdin().lock().read_line(&mut answer)?;
    match answer.trim().to_ascii_lowercase().as_str() {
        "y" | "yes" => Ok(Approval::Operator),
        _ => Err(not_approved("the answer was not `y`", "nothing was changed")),
    }
}

/// Asks as [`ask`] does, and lets others write until there is an answer: nobody is blocked by a prompt that waits.
///
/// The right to write is held again when this returns. What was shown is out of date where another run wrote in the meantime, and is
/// not approved then.
pub(crate) fn ask_unlocked(
    plan: &Plan,
    (what, otherwise): (&str, &str),
    state: &StateFolder,
    lock: &mut Option<WriteLock>,
) -> Result<Approval, Failure> {
    let before = journal::head(&state.journal())?;
    drop(lock.take());
    let answer = ask(plan, what, otherwise);
    *lock = Some(state.lock_when_free(|holder| {
        let who = holder.map_or_else(|| "another run".to_owned(), |holder| holder.to_string());
        let _ = writeln!(anstream::stderr(), "waiting: {who} holds {}", state.path().display());
    })?);
    if journal::head(&state.journal())? != before {
        let text = "not approved: another run wrote while the question was open, so that the plan is out of date";
        return Err(Failure::new(Exit::Refused, text).code(codes::STALE_PLAN).hint("run the command again"));
    }
    answer
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
