//! Compares a read-back with the expected state of a step.

use std::fmt;

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use serde_json::Value;

use crate::documents;
use crate::drift;
use crate::inventory::ObservedResource;
use crate::kind::Kind;
use crate::plan::ExpectedState;
use crate::tree::Path;

/// What read-back showed after a step.
#[derive(Debug, Clone, PartialEq, JsonSchema, Serialize, Deserialize)]
#[serde(rename_all = "snake_case", tag = "verdict")]
pub enum Verdict {
    /// A fresh read shows the expected state.
    Verified,
    /// A fresh read shows something else.
    #[serde(rename = "broken")]
    Mismatch {
        /// The places that differ, with what was seen.
        differs: Vec<MismatchedPart>,
    },
    /// It could not be read, or was still changing when the time was up. Nothing is concluded.
    #[serde(rename = "unverified")]
    Inconclusive {
        /// Why.
        reason: String,
    },
}

/// One place where read-back differs from the expected state.
#[derive(Debug, Clone, PartialEq, JsonSchema, Serialize, Deserialize)]
pub struct MismatchedPart {
    /// Where.
    pub path: Path,
    /// The expected value; `null` when absent.
    #[serde(rename = "promised")]
    pub expected: Value,
    /// What was seen; `null` when absent.
    pub seen: Value,
}

/// Compares an expected state with a fresh read; `None` means that the resource is known to be absent.
///
/// What the kind says cannot be observed is not held against the step.
pub fn judge(kind: &dyn Kind, expected_state: &ExpectedState, observed: Option<&ObservedResource>) -> Verdict {
    let Some(observed) = observed else {
        let differs =
            vec![MismatchedPart { path: Path::root(), expected: expected_state.tree.clone(), seen: Value::Null }];
        return Verdict::Mismatch { differs };
    };
    if !observed.settled {
        return Verdict::Inconclusive { reason: "still changing".to_owned() };
    }
    // An expected state without a tree expects nothing of the tree.
    let nothing = Value::Object(serde_json::Map::new());
    let expected = if expected_state.tree.is_null() { &nothing } else { &expected_state.tree };
    let known = drift::knowable(expected, observed);
    let seen = drift::managed_part(kind, &observed.tree, &known);
    let mut differs: Vec<MismatchedPart> = documents::compare(kind, seen, &known)
        .differences
        .into_iter()
        .filter(|one| kind.contract().unobservable(&one.path, one.left.as_ref(), one.right.as_ref()).is_none())
        .map(|one| MismatchedPart {
            path: one.path,
            expected: one.right.unwrap_or(Value::Null),
            seen: one.left.unwrap_or(Value::Null),
        })
        .collect();
    let elements = expected_state.within.as_object().into_iter().flatten();
    let elements =
        elements.flat_map(|(member, all)| all.as_object().into_iter().flatten().map(move |one| (member, one)));
    for (member, (key, expected)) in elements.filter(|(member, _)| !observed.unread.contains_key(*member)) {
        let seen = observed.tree.get(member).and_then(|all| all.get(key)).cloned().unwrap_or(Value::Null);
        if seen != *expected {
            differs.push(MismatchedPart { path: Path::of([member, key]), expected: expected.clone(), seen });
        }
    }
    for (path, expected) in &expected_state.unknown_fields {
        let seen = observed.unknown_fields.get(path);
        if seen != Some(expected) {
            differs.push(MismatchedPart {
                path: Path::of([path.clone()]),
                expected: expected.clone(),
                seen: seen.cloned().unwrap_or(Value::Null),
            });
        }
    }
    for (name, expected) in &expected_state.private_state {
        let seen = observed.private_state.get(name).cloned().unwrap_or(Value::Null);
        if seen != *expected {
            differs.push(MismatchedPart { path: Path::of([name.clone()]), expected: expected.clone(), seen });
        }
    }
    let members = expected.as_object().into_iter().chain(expected_state.within.as_object()).flatten();
    let unread = members.map(|(member, _)| member).find_map(|member| observed.unread.get_key_value(member));
    match (differs.is_empty(), unread) {
        (false, _) => Verdict::Mismatch { differs },
        // An unread member is neither done nor undone.
        (true, Some((member, unread))) => {
            Verdict::Inconclusive { reason: format!("{member} could not be read back: failed to {}", unread.reason) }
        }
        (true, None) => Verdict::Verified,
    }
}

/// What became of a write, in one word of the journal. A part of the JSON contract.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, JsonSchema, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Ruling {
    /// Read-back showed what was expected.
    Verified,
    /// Read-back showed something else.
    #[serde(rename = "broken")]
    Mismatch,
    /// It could not be read back, or had not settled: the write may still take effect.
    #[serde(rename = "unverified")]
    Inconclusive,
    /// The service refused it.
    Failed,
    /// The world moved on before it was known how it ended.
    Superseded,
    /// There was no call.
    NotSent,
    /// A word that this build does not know: a newer one wrote it.
    #[serde(untagged)]
    Other(String),
}

impl fmt::Display for Ruling {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Verified => "verified",
            Self::Mismatch => "broken",
            Self::Inconclusive => "unverified",
            Self::Failed => "failed",
            Self::Superseded => "superseded",
            Self::NotSent => "not_sent",
            Self::Other(word) => word,
        })
    }
}
