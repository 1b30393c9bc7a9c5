//! A plan for other programs and for reviews: Markdown for a pull request, SARIF, JUnit, CSV, OCSF and ASFF.
//!
//! Expected flow: a command that planned hands a [`Found`] to [`print()`]; [`subjects::of`] puts what is known of each address together,
//! once; each format writes the subjects in its own words. What fails becomes a [`Refused`](failures) document.
//!
//! Guarantees: the same plan gives the same text. What somebody wrote in AWS is data in every format: it makes no line, cell, element,
//! link or formula of its own.

pub(crate) mod asff;
pub(crate) mod csv;
pub(crate) mod documents;
pub(crate) mod failures;
pub(crate) mod junit;
pub(crate) mod markdown;
pub(crate) mod ocsf;
pub(crate) mod sarif;
mod shapes;
pub(crate) mod subjects;

use reconciler_model::address::Address;
use reconciler_model::attribution::ResourceAttribution;
use reconciler_model::desired::Wanted;
use reconciler_model::plan::Plan;
use reconciler_model::text;
use serde_json::Value;

use crate::args::{Command, Output};
use crate::exit::Exit;
use crate::failure::Failure;
use crate::render::Look;
use crate::screen::Screen;

/// An address that is held to a declaration, and the controls that it serves.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Declared {
    /// The address.
    pub(crate) address: Address,
    /// Its controls.
    pub(crate) controls: Vec<String>,
    /// `file:line:column` of the declaration.
    pub(crate) at: String,
}

/// What is wanted, for the formats that tell of what is as declared too.
pub(crate) fn declared(wanted: &[Wanted]) -> Vec<Declared> {
    let mine = wanted.iter().filter(|one| !one.is_context);
    let declared = mine.map(|one| Declared {
        address: one.address.clone(),
        controls: one.declaration.controls.clone(),
        at: one.declaration.at.to_string(),
    });
    declared.collect()
}

/// What a command found.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Found<'a> {
    /// The plan of it.
    pub(crate) plan: &'a Plan,
    /// Who caused it, as far as that was asked.
    pub(crate) attributions: &'a [ResourceAttribution],
    /// What was looked at, and how plans are shown.
    pub(crate) look: &'a Look,
    /// Whether steps were carried out before this was found.
    pub(crate) is_after: bool,
    /// How the command ends.
    pub(crate) exit: Exit,
}

impl Found<'_> {
    /// The id of an account; its name where it is in no file and not discovered.
    pub(crate) fn account_id<'b>(&'b self, account: &'b str) -> &'b str {
        self.look.account_ids.get(account).map_or(account, String::as_str)
    }
}

/// Prints what was found in the format that was asked for; nothing where that is another one of ours.
pub(crate) fn print(screen: Screen, found: &Found<'_>) -> Result<(), Failure> {
    let text = match screen.output {
        Output::Human | Output::Json => return Ok(()),
        Output::Markdown => markdown::render(found),
        Output::Sarif => sarif::render(found)?,
        Output::Junit => junit::render(found)?,
        Output::Csv => csv::render(found)?,
        Output::Ocsf => in_lines(&Value::Array(ocsf::events(found))),
        Output::Asff => in_lines(&Value::Array(asff::findings(found))),
    };
    Ok(screen.print(text)?)
}

/// JSON of several lines, in which nothing hides.
pub(crate) fn in_lines(value: &Value) -> String {
    format!("{}\n", text::in_json(&format!("{value:#}")))
}

/// Refuses a format that a command does not have.
pub(crate) fn check(output: Output, command: &Command) -> Result<(), Failure> {
    let has_a_plan = matches!(
        command,
        Command::Plan { .. }
            | Command::Apply { .. }
            | Command::Restore { .. }
            | Command::Enforce { once: true, .. }
            | Command::Demo
    );
    if has_a_plan || !output.is_of_plans() {
        return Ok(());
    }
    Err(Failure::new(Exit::Usage, format!("`--output {}` is a format of plans", output.word()))
        .hint("it goes with plan, enforce --once, restore and apply; every command has `--output json`"))
}

/// At most so many characters of a text; what is cut says so.
pub(crate) fn at_most(text: &str, characters: usize) -> String {
    if text.chars().count() <= characters {
        return text.to_owned();
    }
    let kept: String = text.chars().take(characters.saturating_sub(1)).collect();
    format!("{kept}…")
}
