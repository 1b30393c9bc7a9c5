//! What is wrong with the input, where, why, and what to do about it.

use std::fmt;

use serde::{Deserialize, Serialize};

use crate::codes;

/// A place in a file: 1-based line and column.
#[derive(Debug, Clone, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
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
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
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
