//! Questions at the terminal.

use std::io::{BufRead as _, IsTerminal as _, Write as _};

use crate::exit::Exit;
use crate::failure::Failure;

/// Whether somebody is there to answer.
pub(crate) fn is_possible() -> bool {
    std::io::stdin().is_terminal() && std::io::stderr().is_terminal()
}

/// Asks one question; an empty answer is the default.
pub(crate) fn ask(question: &str, default: &str) -> Result<String, Failure> {
    let mut stderr = anstream::stderr();
    let shown = if default.is_empty() { String::new() } else { format!(" ({default})") };
    write!(stderr, "{question}{shown} ")?;
    stderr.flush()?;
    let mut answer = String::new();
    if std::io::stdin().lock().read_line(&mut answer)? == 0 {
        return Err(Failure::new(Exit::Refused, "no answer was given; nothing was written"));
    }
    let answer = answer.trim();
    Ok(if answer.is_empty() { default } else { answer }.to_owned())
}
