//! What is wrong with the input, where, why, and what to do about it.

use std::fmt;

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::codes;
use crate::text::hides;

/// A place in a file: 1-based line and column.
#[derive(Debug, Clone, PartialEq, Eq, Hash, PartialOrd, Ord, JsonSchema, Serialize, Deserialize)]
pub struct Place {
    /// The file, as a path relative to the folder that was given, or as given.
    pub file: String,
    /// The line, from 1.
    pub line: usize,
    /// The column in characters, from 1.
    pub column: usize,
}

impl fmt::Display for Place {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}:{}:{}", self.file, self.line, self.column)
    }
}

/// One thing that is wrong with the desired state or the settings.
///
/// The summary is fixed for its code, so that readers learn to recognise it; the detail says what was found.
#[derive(Debug, Clone, PartialEq, Eq, JsonSchema, Serialize, Deserialize)]
pub struct Diagnostic {
    /// The code, for `explain`.
    pub code: String,
    /// Where; `None` when no file is concerned.
    pub at: Option<Place>,
    /// What was found.
    pub detail: String,
    /// What to do.
    pub remedy: String,
}

impl Diagnostic {
    /// A diagnostic with the given code, detail and remedy.
    pub fn new(code: &str, at: Option<Place>, detail: impl Into<String>, remedy: impl Into<String>) -> Self {
        Self { code: code.to_owned(), at, detail: detail.into(), remedy: remedy.into() }
    }

    /// The fixed summary of the code.
    pub fn summary(&self) -> &'static str {
        codes::find(&self.code).map_or("unlisted problem", |code| code.title)
    }
}

/// How much of a long source line is shown around the place, in characters.
const SHOWN: usize = 100;

/// A diagnostic as people read it, with the source line when the text of the file is at hand. Plain text: the terminal
/// adds colour.
///
/// ```text
/// error[BRX0203]: unknown value
///  --> guardrails/baseline.yaml:17:28
///    |
/// 17 |       - {type: HATE, inputStrength: HIHG}
///    |                                     ^
///    = contentPolicy.filters.0.inputStrength: `HIHG` is not one of NONE, LOW, MEDIUM, HIGH
/// help: did you mean `HIGH`?
/// ```
pub fn render(diagnostic: &Diagnostic, source: Option<&str>) -> String {
    let mut text = format!("error[{}]: {}\n", diagnostic.code, diagnostic.summary());
    let mut margin = String::new();
    if let Some(at) = &diagnostic.at {
        let number = at.line.to_string();
        margin = " ".repeat(number.len());
        text.push_str(&format!("{margin}--> {}\n", printable(&at.to_string())));
        let line =
            source.and_then(|source| source.trim_start_matches('\u{feff}').lines().nth(at.line.saturating_sub(1)));
        if let Some(line) = line {
            let before = at.column.saturating_sub(1);
            let skipped = before.saturating_sub(SHOWN / 2);
            let shown: String = line.chars().skip(skipped).take(SHOWN).collect();
            // The mark must stand below its character however the line is cut.
            let (start, caret) = if skipped > 0 { ("...", 3 + before - skipped) } else { ("", before) };
            let end = if line.chars().nth(skipped + SHOWN).is_some() { "..." } else { "" };
            text.push_str(&format!("{margin} |\n{number} | {start}{}{end}\n", printable(&shown)));
            text.push_str(&format!("{margin} | {}^\n", " ".repeat(caret)));
        }
    }
    text.push_str(&format!("{margin} = {}\n", printable(&diagnostic.detail)));
    text.push_str(&format!("help: {}\n", printable(&diagnostic.remedy)));
    text
}

/// Text that cannot steer a terminal: one column for each character, none of them a control character.
fn printable(text: &str) -> String {
    text.chars()
        .map(|c| {
            if c == '\t' {
                ' '
            } else if hides(c) {
                '\u{fffd}'
            } else {
                c
            }
        })
        .collect()
}

/// Something that a kind found wrong with one spec; the loader adds file, line and column.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Problem {
    /// The code, for `explain`.
    pub code: &'static str,
    /// Where in the spec: member names, list indexes or natural keys.
    pub path: crate::tree::Path,
    /// What was found.
    pub detail: String,
    /// What to do.
    pub remedy: String,
}

/// The nearest of `known` to `word`, if one is near enough to suggest.
pub fn did_you_mean<'a>(word: &str, known: impl IntoIterator<Item = &'a str>) -> Option<&'a str> {
    let lower = word.to_lowercase();
    known
        .into_iter()
        .map(|candidate| (strsim::jaro_winkler(&lower, &candidate.to_lowercase()), candidate))
        .filter(|(likeness, _)| *likeness > 0.8)
        .max_by(|one, two| one.0.total_cmp(&two.0))
        .map(|(_, candidate)| candidate)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn at(line: usize, column: usize) -> Diagnostic {
        let place = Place { file: "a.yaml".to_owned(), line, column };
        Diagnostic::new(codes::UNKNOWN_WORD, Some(place), "`HIHG` is not one of NONE, HIGH", "did you mean `HIGH`?")
    }

    #[test]
    fn the_mark_stands_below_the_character() {
        let source = "kind: x\nfilters:\n\t- été: HIHG\n";
        insta::assert_snapshot!(render(&at(3, 9), Some(source)), @r"
        error[BRX0203]: unknown value
         --> a.yaml:3:9
          |
        3 |  - été: HIHG
          |         ^
          = `HIHG` is not one of NONE, HIGH
        help: did you mean `HIGH`?
        ");
    }

    #[test]
    fn a_long_line_is_cut_around_the_place() {
        let source = format!("{}HIHG{}", "-".repeat(1000), "+".repeat(1000));
        let text = render(&at(1, 1001), Some(&source));
        let lines: Vec<&str> = text.lines().collect();
        assert!(lines[3].chars().count() < 120, "{text}");
        let caret = lines[4].find('^').expect("a caret");
        assert!(lines[3][caret..].starts_with("HIHG"), "{text}");
    }

    #[test]
    fn without_the_source_or_the_place_the_rest_is_still_said_and_nothing_steers_the_terminal() {
        let mut diagnostic = at(1, 1);
        diagnostic.at = None;
        diagnostic.detail = "\u{1b}[2Jgone".to_owned();
        insta::assert_snapshot!(render(&diagnostic, Some("x")), @r"
        error[BRX0203]: unknown value
         = �[2Jgone
        help: did you mean `HIGH`?
        ");
        assert!(render(&at(7, 1), Some("one line")).contains("--> a.yaml:7:1"));
    }
}
