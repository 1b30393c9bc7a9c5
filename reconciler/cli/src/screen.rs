//! What goes to the terminal: results on standard output, everything else on standard error; colour only on a terminal.
//!
//! Guarantees: what is printed has no character that hides or that a terminal obeys, but for line breaks and colours of ours. A text
//! from outside that is a part of a line is shown by [`line()`], so that it cannot begin one.

use std::borrow::Cow;
use std::io::{self, Write};
use std::sync::atomic::{AtomicBool, Ordering};

use anstyle::{AnsiColor, Style};
use reconciler_model::desired::Source;
use reconciler_model::diagnostic::{self, Diagnostic};
use reconciler_model::direction::Direction;
use reconciler_model::text;

use crate::args::Output;
use crate::failure::Failure;

/// Bold, for what is looked for first.
pub(crate) const STRONG: Style = Style::new().bold();
/// Dim, for what is rarely looked for.
pub(crate) const FAINT: Style = Style::new().dimmed();
/// Red and bold: weakened, failed.
pub(crate) const BAD: Style = AnsiColor::Red.on_default().bold();
/// Yellow: unknown, refused, gaps.
pub(crate) const DOUBT: Style = AnsiColor::Yellow.on_default();
/// Green: strengthened, verified, in sync.
pub(crate) const GOOD: Style = AnsiColor::Green.on_default();
/// Cyan: what would be done.
pub(crate) const DO: Style = AnsiColor::Cyan.on_default();

/// The style of a direction.
pub(crate) fn of_direction(direction: Direction) -> Style {
    match direction {
        Direction::Weakened => BAD,
        Direction::Strengthened => GOOD,
        Direction::Unknown => DOUBT,
        Direction::Neutral => Style::new(),
    }
}

/// `text` in a style.
pub(crate) fn paint(style: Style, text: impl std::fmt::Display) -> String {
    format!("{style}{text}{style:#}")
}

/// What every style begins with.
const ESCAPE: char = '\u{1b}';

/// The rest of what the styles above are written as, and of what ends them.
const OWN: [&str; 7] = ["[0m", "[1m", "[2m", "[31m", "[32m", "[33m", "[36m"];

/// One line of ours, whatever is in it.
pub(crate) fn line(text: impl std::fmt::Display) -> String {
    but_for_styles(&text.to_string(), text::one_line)
}

/// Several lines of ours, each made by [`line()`] where something from outside is in it.
fn lines(text: impl std::fmt::Display) -> String {
    but_for_styles(&text.to_string(), text::lines)
}

fn but_for_styles(text: &str, escape: fn(&str) -> Cow<'_, str>) -> String {
    let mut parts = text.split(ESCAPE);
    let mut shown = escape(parts.next().unwrap_or_default()).into_owned();
    for part in parts {
        match OWN.iter().any(|own| part.starts_with(own)) {
            true => shown.push(ESCAPE),
            false => shown.push_str("\\u{1b}"),
        }
        shown.push_str(&escape(part));
    }
    shown
}

/// The two streams.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Screen {
    /// What to print on standard output.
    pub(crate) output: Output,
    /// Whether to leave out what is neither result nor error.
    pub(crate) quiet: bool,
    /// Whether results are told elsewhere: the daemon has a log.
    pub(crate) told_elsewhere: bool,
    /// Whether long values are shown whole, and each place by itself.
    pub(crate) full: bool,
}

/// A reader that closed the pipe has seen enough; anything else is an error.
fn unless_closed(outcome: io::Result<()>) -> io::Result<()> {
    match outcome {
        Err(error) if error.kind() == io::ErrorKind::BrokenPipe => Ok(()),
        outcome => outcome,
    }
}

/// Whether a document for programs was printed: there is never a second one.
static HAS_PRINTED: AtomicBool = AtomicBool::new(false);

impl Screen {
    /// Whether a document for programs is on standard output already.
    pub(crate) fn has_printed() -> bool {
        HAS_PRINTED.load(Ordering::Relaxed)
    }

    /// Prints a result for people, of as many lines as it has; nothing when the output is for programs.
    pub(crate) fn say(&self, text: impl std::fmt::Display) -> io::Result<()> {
        match self.output {
            Output::Human if !self.told_elsewhere => {
                unless_closed(writeln!(anstream::stdout().lock(), "{}", lines(text)))
            }
            _ => Ok(()),
        }
    }

    /// The same of one line.
    pub(crate) fn line(&self, text: impl std::fmt::Display) -> io::Result<()> {
        self.say(line(text))
    }

    /// Prints text on standard output whatever the output mode: for commands whose result is that text.
    pub(crate) fn print(&self, text: impl std::fmt::Display) -> io::Result<()> {
        HAS_PRINTED.store(true, Ordering::Relaxed);
        unless_closed(write!(anstream::stdout().lock(), "{text}"))
    }

    /// Prints the result as JSON; nothing when the output is another one.
    pub(crate) fn json(&self, value: &serde_json::Value) -> io::Result<()> {
        match self.output {
            Output::Json => {
                HAS_PRINTED.store(true, Ordering::Relaxed);
                unless_closed(writeln!(anstream::stdout().lock(), "{}", text::in_json(&format!("{value:#}"))))
            }
            _ => Ok(()),
        }
    }

    /// Prints a remark of one line on standard error, unless it is to be quiet.
    pub(crate) fn remark(&self, text: impl std::fmt::Display) {
        self.remarks(line(text));
    }

    /// The same of several lines.
    pub(crate) fn remarks(&self, text: impl std::fmt::Display) {
        if !self.quiet {
            // A closed standard error is no reason to stop.
            let _ = writeln!(anstream::stderr().lock(), "{}", lines(text));
        }
    }

    /// Prints a failure on standard error.
    pub(crate) fn failure(&self, failure: &Failure) {
        let mut stderr = anstream::stderr().lock();
        let code = failure.code.as_ref().map(|code| format!("[{code}]")).unwrap_or_default();
        let _ = writeln!(stderr, "{}", line(format_args!("{}: {failure}", paint(BAD, format_args!("error{code}")))));
        if let Some(hint) = &failure.hint {
            let _ = writeln!(stderr, "{}", line(format_args!("{}: {hint}", paint(DO, "hint"))));
        }
    }

    /// Prints everything that is wrong with the desired state, for people.
    pub(crate) fn diagnostics(&self, found: &[Diagnostic], sources: &[Source]) {
        // In a log each of them is one record.
        if self.told_elsewhere {
            for one in found {
                let at = one.at.as_ref().map(ToString::to_string);
                tracing::error!(code = one.code, at, remedy = one.remedy, "{}: {}", one.summary(), one.detail);
            }
            return;
        }
        let mut stderr = anstream::stderr().lock();
        for one in found {
            let source = sources.iter().find(|source| one.at.as_ref().is_some_and(|at| at.file == source.file));
            let text = source
                .and_then(|source| source.content.as_ref().ok())
                .and_then(|bytes| std::str::from_utf8(bytes).ok());
            let rendered = diagnostic::render(one, text);
            let (first, rest) = rendered.split_once('\n').unwrap_or((&rendered, ""));
            let _ = writeln!(stderr, "{}\n{}\n", paint(BAD, first), rest.trim_end());
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_styles_of_ours_reach_the_terminal() {
        for style in [STRONG, FAINT, BAD, DOUBT, GOOD, DO] {
            let own = format!("a {} b", paint(style, "painted"));
            assert_eq!(line(&own), own);
        }
        let hostile = "x\u{1b}[2J\u{1b}]0;title\u{7}\r\nresult: in sync\u{1b}[8m\u{9b}2J\u{202e}";
        let shown = line(paint(BAD, hostile));
        let expected = "x\\u{1b}[2J\\u{1b}]0;title\\u{7}\\r\\nresult: in sync\\u{1b}[8m\\u{9b}2J\\u{202e}";
        assert_eq!(shown, paint(BAD, expected));
        assert_eq!(lines("a\nb\r"), "a\nb\\r");
    }
}
