//! What a command prints on standard output when it cannot go on, so that a program finds a document there too.

use serde_json::{Value, json};

use super::{documents, in_lines, junit, markdown, sarif};
use crate::args::Output;
use crate::exit::Exit;
use crate::failure::Failure;
use crate::screen::Screen;

/// The failure as data: `code` for `explain`, `message`, `hint` and `exit`.
pub(crate) fn error(failure: &Failure) -> Value {
    json!({
        "code": failure.code,
        "message": failure.text,
        "hint": failure.hint,
        "exit": failure.exit.code(),
    })
}

/// The failure as a document, with everything that is wrong with the desired state.
fn document(failure: &Failure) -> Value {
    let mut told = json!({ "error": error(failure) });
    if !failure.diagnostics.is_empty() {
        told["diagnostics"] = json!(failure.diagnostics);
    }
    documents::named(documents::FAILURE, told)
}

/// Prints the failure in the format that was asked for, unless a document was printed before it; CSV has no place for one.
pub(crate) fn print(screen: Screen, failure: &Failure) {
    if Screen::has_printed() {
        return;
    }
    let text = match screen.output {
        Output::Human | Output::Csv => return,
        // An importer takes arrays of findings, so that it refuses this object.
        Output::Json | Output::Ocsf | Output::Asff => in_lines(&document(failure)),
        Output::Sarif => sarif::failed(failure).unwrap_or_default(),
        Output::Junit => junit::failed(failure).unwrap_or_default(),
        Output::Markdown => markdown::failed(failure),
    };
    // The failure is on standard error too, and decides the exit code.
    let _ = screen.print(text);
}

/// Prints a command line that could not be understood, where what could be understood of it asks for a document.
pub(crate) fn of_usage(error: &clap::Error) {
    let Some(output) = asked_for(std::env::args()) else { return };
    let text = anstream::adapter::strip_str(&error.render().to_string()).to_string();
    let mut parts = text.trim().splitn(2, "\n\n");
    let message = parts.next().unwrap_or_default().trim_start_matches("error: ");
    let mut failure = Failure::new(Exit::Usage, message);
    failure.hint = parts.next().map(|rest| rest.trim().to_owned());
    print(Screen { output, quiet: false, told_elsewhere: false, full: false }, &failure);
}

/// The format that a command line asks for, which need not be right otherwise.
fn asked_for(arguments: impl Iterator<Item = String>) -> Option<Output> {
    let mut arguments = arguments.skip(1).take_while(|argument| argument != "--");
    let mut asked = None;
    while let Some(argument) = arguments.next() {
        let word = match argument.split_once('=') {
            Some(("--output", word)) => Some(word.to_owned()),
            _ if argument == "--output" => arguments.next(),
            _ => None,
        };
        asked = word.and_then(|word| Output::of_word(&word)).or(asked);
    }
    asked
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_format_is_found_in_a_wrong_command_line() {
        let asked = |line: &str| asked_for(line.split(' ').map(str::to_owned));
        assert_eq!(asked("x plna --output json"), Some(Output::Json));
        assert_eq!(asked("x --output=sarif --nope"), Some(Output::Sarif));
        assert_eq!(asked("x --output yaml"), None);
        assert_eq!(asked("x -- --output json"), None);
        assert_eq!(asked("x"), None);
    }
}
