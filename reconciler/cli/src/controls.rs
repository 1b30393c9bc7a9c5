//! The controls, for the terminal.

use std::fmt::Write as _;

use reconciler_model::alert::{SeenIn, Signal, urgency_in_words};
use reconciler_model::codes;
use reconciler_model::control::{self, Control, FRAMEWORKS, NotHeld, QuerySource, ResponseStep, StepType};
use reconciler_model::diagnostic::did_you_mean;

use crate::exit::Exit;
use crate::failure::Failure;
use crate::screen::{BAD, DO, DOUBT, FAINT, STRONG, paint};

/// Columns of a line of a runbook.
const WIDTH: usize = 100;

/// Every control, by id.
///
/// # Errors
/// Fails when an embedded file is not a control, which a test rules out.
pub(crate) fn all() -> Result<&'static [Control], Failure> {
    control::load()
        .map_err(|error| Failure::new(Exit::Failed, format!("failed to read the embedded controls: {error}")))
}

/// The control with this id, in any case.
///
/// # Errors
/// Fails when there is none, with the nearest one.
pub(crate) fn find(id: &str) -> Result<&'static Control, Failure> {
    let controls = all()?;
    controls.iter().find(|control| control.id.eq_ignore_ascii_case(id)).ok_or_else(|| unknown(id, controls))
}

/// What is said of an id that no control has.
pub(crate) fn unknown(id: &str, controls: &[Control]) -> Failure {
    let hint = match did_you_mean(id, controls.iter().map(|control| control.id.as_str())) {
        Some(near) => format!("did you mean `{near}`?"),
        None => "`bedrock-reconciler controls` lists them".to_owned(),
    };
    Failure::new(Exit::Usage, format!("no control `{id}`")).code(codes::UNKNOWN_CONTROL).hint(hint)
}

/// One control in the list.
pub(crate) fn line(control: &Control) -> String {
    let kinds = if control.kinds.is_empty() { "no kind in this build".to_owned() } else { control.kinds.join(", ") };
    let count = |does: fn(&ResponseStep) -> bool| control.response.iter().filter(|step| does(step)).count();
    let waits = if control.waits_for.is_empty() {
        String::new()
    } else {
        format!("\n    {}", paint(DOUBT, format_args!("not supported yet: {}", control.waits_for.join(", "))))
    };
    format!(
        "{}  {:<8}  {}\n    {}\n    {}{waits}\n    {}",
        paint(STRONG, &control.id),
        control.severity.word(),
        control.title,
        control.about,
        paint(FAINT, format_args!("restores: {kinds}")),
        paint(
            FAINT,
            format_args!(
                "response: {} steps, {} of them by `restore`",
                control.response.len(),
                count(ResponseStep::is_automated)
            )
        )
    )
}

/// The control as a runbook. Writing to a String cannot fail.
pub(crate) fn runbook(control: &Control) -> String {
    let mut text = String::new();
    let _ = writeln!(
        text,
        "{}",
        paint(STRONG, format_args!("{}  {}  ({})", control.id, control.title, control.severity.word()))
    );
    wrapped(&mut text, "", &control.about);
    if !control.kinds.is_empty() {
        wrapped(&mut text, "", &format!("Restores: {}.", control.kinds.join(", ")));
    }
    if !control.waits_for.is_empty() {
        wrapped(&mut text, "", &format!("This build does not have: {}.", control.waits_for.join(", ")));
    }
    heading(&mut text, "Start here");
    let _ = writeln!(text, "  {}", paint(DO, format_args!("bedrock-reconciler plan --control {}", control.id)));
    let _ = writeln!(text, "  {}", paint(DO, format_args!("bedrock-reconciler restore {}", control.id)));
    heading(&mut text, "How it shows, and how fast to tell");
    for signal in &control.signals {
        signal_of(&mut text, signal);
    }
    let words = urgency_in_words(control.otherwise.class, Some(control.otherwise.within_minutes));
    let _ = writeln!(text, "  {}  {}", paint(STRONG, "otherwise"), words);
    wrapped(&mut text, "      ", &control.otherwise.about);
    heading(&mut text, "Response");
    for step in &control.response {
        step_of(&mut text, control, step);
    }
    heading(&mut text, "Not held");
    if control.not_held.is_empty() {
        let _ = writeln!(text, "  Nothing that it rests on is known to be left out of its kinds.");
    }
    for NotHeld { kind, about, look } in &control.not_held {
        wrapped(&mut text, "  ", &format!("{kind}: {about}"));
        commands(&mut text, "", Some(look));
    }
    heading(&mut text, "Compliance");
    if control.compliance.is_empty() {
        let _ = writeln!(text, "  There is no compliance mapping for this control.");
    }
    for framework in FRAMEWORKS {
        if let Some(references) = control.compliance.get(framework) {
            let _ = writeln!(text, "  {framework:<26}  {}", references.join("; "));
        }
    }
    text
}

fn heading(text: &mut String, words: &str) {
    let _ = writeln!(text, "\n{}", paint(STRONG, words));
}

fn signal_of(text: &mut String, signal: &Signal) {
    let words = urgency_in_words(signal.class, signal.within_minutes);
    let style = if words.starts_with("page") { BAD } else { DOUBT };
    let seen = match signal.seen_in {
        SeenIn::State => "`plan` and `enforce` see it",
        SeenIn::Event => "an event tells; drift does not show it",
        SeenIn::Telemetry => "telemetry tells; drift does not show it",
    };
    let ours = if signal.ours { "; the deadline is ours" } else { "" };
    let _ = writeln!(
        text,
        "  {}  {}  {}",
        paint(STRONG, &signal.id),
        paint(style, words),
        paint(FAINT, format_args!("{seen}{ours}"))
    );
    wrapped(text, "      ", &signal.about);
}

fn step_of(text: &mut String, control: &Control, step: &ResponseStep) {
    let (who, style) = match (step.is_automated(), step.does) {
        (true, _) => ("by `restore`".to_owned(), DO),
        (false, _) if !step.waits_for.is_empty() => {
            (format!("by people: this build does not have {}", step.waits_for.join(", ")), DOUBT)
        }
        (false, StepType::Incident) => ("by people; `restore` prepares the file".to_owned(), DOUBT),
        (false, _) => ("by people".to_owned(), DOUBT),
    };
    let _ = writeln!(text, "  {}  {}  {}", paint(STRONG, &step.id), step.does.word(), paint(style, who));
    wrapped(text, "      ", &step.text);
    if let Some(why) = &step.why {
        wrapped(text, "      ", &format!("Why: {why}"));
    }
    if step.is_automated() && matches!(step.does, StepType::Restore | StepType::Verify) {
        let verb = if step.does == StepType::Restore { "restore" } else { "plan --control" };
        let _ = writeln!(text, "        {}", paint(DO, format_args!("bedrock-reconciler {verb} {}", control.id)));
    }
    commands(text, "", step.how.as_deref());
    commands(text, "undo: ", step.undo.as_deref());
    if let Some(expires) = &step.expires {
        let _ = writeln!(text, "        ends within {expires}: undo it by then, unless it has ended by itself");
    }
    for query in &step.queries {
        let place = match query.source {
            QuerySource::EventHistory => "CloudTrail event history",
            QuerySource::TrailLogs => "Logs Insights, log group of the trail",
            QuerySource::InvocationLogs => "Logs Insights, log group of model invocations",
        };
        let _ = writeln!(text, "      {}  {}", paint(STRONG, &query.name), paint(FAINT, place));
        wrapped(text, "        ", &query.about);
        for line in query.text.lines() {
            let _ = writeln!(text, "          {line}");
        }
    }
}

fn commands(text: &mut String, before: &str, lines: Option<&str>) {
    for line in lines.into_iter().flat_map(str::lines) {
        let _ = writeln!(text, "        {before}{}", paint(DO, line));
    }
}

/// Breaks prose at spaces, each line after `before`.
fn wrapped(text: &mut String, before: &str, prose: &str) {
    let mut line = before.to_owned();
    for word in prose.split_whitespace() {
        if line.len() > before.len() {
            if line.chars().count() + 1 + word.chars().count() > WIDTH {
                let _ = writeln!(text, "{line}");
                line = before.to_owned();
            } else {
                line.push(' ');
            }
        }
        line.push_str(word);
    }
    let _ = writeln!(text, "{line}");
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_runbook_says_what_is_not_held_and_how_to_look_at_it() {
        for control in control::all() {
            let text = runbook(control);
            let (_, section) = text.split_once("Not held").expect("a section");
            for NotHeld { kind, look, .. } in &control.not_held {
                assert!(section.contains(&format!("{kind}: ")) && section.contains(look), "{}: {text}", control.id);
            }
            assert_eq!(section.contains("is known to be left out"), control.not_held.is_empty(), "{}", control.id);
        }
    }
}
