//! What a read-back showed: is the promise of a step kept?

use std::fmt;

use serde::{Deserialize, Serialize};
use serde_json::Value;

use crate::documents;
use crate::drift;
use crate::inventory::Sighting;
use crate::kind::Kind;
use crate::plan::Promise;
use crate::tree::Path;

/// What read-back showed after a step.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case", tag = "verdict")]
pub enum Verdict {
    /// A fresh read shows what the step promised.
    Verified,
    /// A fresh read shows something else.
    Broken {
        /// The places that differ, with what was seen.
        differs: Vec<BrokenPart>,
    },
    /// It could not be read, or was still changing when the time was up: believed neither done nor undone.
    Unverified {
        /// Why.
        reason: String,
    },
}

/// One place where read-back differs from the promise.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct BrokenPart {
    /// Where.
    pub path: Path,
    /// What the step promised; `null` when absent.
    pub promised: Value,
    /// What was seen; `null` when absent.
    pub seen: Value,
}

/// Compares a promise with a fresh sighting; `None` means that the resource is known to be absent.
///
/// What the kind says cannot be observed is not held against the step.
pub fn judge(kind: &dyn Kind, promise: &Promise, sighting: Option<&Sighting>) -> Verdict {
    let Some(sighting) = sighting else {
        let differs = vec![BrokenPart { path: Path::root(), promised: promise.tree.clone(), seen: Value::Null }];
        return Verdict::Broken { differs };
    };
    if !sighting.settled {
        return Verdict::Unverified { reason: "still changing".to_owned() };
    }
    // A promise without a tree promises nothing of it.
    let nothing = Value::Object(serde_json::Map::new());
    let promised = if promise.tree.is_null() { &nothing } else { &promise.tree };
    let known = drift::knowable(promised, sighting);
    let seen = drift::managed_part(kind, &sighting.tree, &known);
    let mut differs: Vec<BrokenPart> = documents::compare(kind, seen, &known)
        .differences
        .into_iter()
        .filter(|one| kind.contract().unobservable(&one.path, one.left.as_ref(), one.right.as_ref()).is_none())
        .map(|one| BrokenPart {
            path: one.path,
            promised: one.right.unwrap_or(Value::Null),
            seen: one.left.unwrap_or(Value::Null),
        })
        .collect();
    let elements = promise.within.as_object().into_iter().flatten();
    let elements =
        elements.flat_map(|(member, all)| all.as_object().into_iter().flatten().map(move |one| (member, one)));
    for (member, (key, promised)) in elements.filter(|(member, _)| !sighting.unread.contains_key(*member)) {
        let seen = sighting.tree.get(member).and_then(|all| all.get(key)).cloned().unwrap_or(Value::Null);
        if seen != *promised {
            differs.push(BrokenPart { path: Path::of([member, key]), promised: promised.clone(), seen });
        }
    }
    for (path, promised) in &promise.extras {
        let seen = sighting.extras.get(path);
        if seen != Some(promised) {
            differs.push(BrokenPart {
                path: Path::of([path.clone()]),
                promised: promised.clone(),
                seen: seen.cloned().unwrap_or(Value::Null),
            });
        }
    }
    for (fact, promised) in &promise.facts {
        let seen = sighting.facts.get(fact).cloned().unwrap_or(Value::Null);
        if seen != *promised {
            differs.push(BrokenPart { path: Path::of([fact.clone()]), promised: promised.clone(), seen });
        }
    }
    let members = promised.as_object().into_iter().chain(promise.within.as_object()).flatten();
    let unread = members.map(|(member, _)| member).find_map(|member| sighting.unread.get_key_value(member));
    match (differs.is_empty(), unread) {
        (false, _) => Verdict::Broken { differs },
        // What could not be read is believed neither done nor undone.
        (true, Some((member, unread))) => {
            Verdict::Unverified { reason: format!("{member} could not be read back: failed to {}", unread.reason) }
        }
        (true, None) => Verdict::Verified,
    }
}

/// What became of a write, in one word of the journal. A part of the JSON contract.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Ruling {
    /// Read-back showed what was promised.
    Verified,
    /// Read-back showed something else.
    Broken,
    /// It could not be read back, or had not settled: the write may still take effect.
    Unverified,
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
            Self::Broken => "broken",
            Self::Unverified => "unverified",
            Self::Failed => "failed",
            Self::Superseded => "superseded",
            Self::NotSent => "not_sent",
            Self::Other(word) => word,
        })
    }
}
