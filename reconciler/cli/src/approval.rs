//! Who allows what is about to be done.

use std::io::{BufRead as _, IsTerminal as _, Write as _};

use reconciler_engine::state::StateFolder;
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

/// Refuses before anything is asked or connected.
pub(crate) fn refuse_when_paused(state: &StateFolder) -> Result<(), Failure> {
    match state.paused() {
        None => Ok(()),
        Some(reason) => Err(Failure::new(Exit::Refused, format!("paused: {reason}"))
            .code(codes::PAUSED)
            .hint(format!("remove {} to resume", state.path().join("paused").display()))),
    }
}
