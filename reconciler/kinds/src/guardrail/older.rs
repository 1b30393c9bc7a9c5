//! The published versions beside the newest one: callers who name one of them by its number get it, whatever came after it.
//!
//! Expected flow: the versions of a declared guardrail are read with it and kept by content. A version that protects less than
//! the declaration is a note with a ticket in every plan. A version that is newer than the pin, and that no restore of this tool
//! reported, is drift. No step ends that: a version never changes, and its callers are not known here.

use futures::stream::{self, StreamExt as _};
use reconciler_aws::client::gap_of;
use reconciler_aws::{CallError, ErrorClass, Session};
use reconciler_model::address::{Address, Scope};
use reconciler_model::codes;
use reconciler_model::direction::Direction;
use reconciler_model::inventory::{Gap, ObservedResource};
use reconciler_model::kind::{Kind as _, KnownVersions};
use reconciler_model::tree::{self, Difference, Path};
use serde::{Deserialize, Serialize};
use serde_json::Value;

use super::Guardrail;
use super::client::{REASONING, content_of};
use super::spec::{PUBLISHED, published_of};
use super::steps::{Beside, PrivateState};
use crate::shared::guardrails::get;

/// Versions of one guardrail that are read side by side.
const AT_ONCE: usize = 4;

/// What a gap calls them. No declaration has such a member, so that the gap hides no other.
const OLDER: &str = "olderVersions";

/// Versions that have the same content.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub(super) struct Older {
    /// Their numbers, ascending.
    versions: Vec<u32>,
    /// What they hold.
    content: Value,
}

/// Reads these versions of the guardrail. With them, the gaps of those that could not be read: one for each cause.
pub(super) async fn read(
    session: &Session,
    scope: &Scope,
    address: &Address,
    id: &str,
    numbers: &[u32],
) -> (Vec<Older>, Vec<Gap>) {
    let reads = numbers.iter().copied().map(|number| async move {
        let answer = get(session, id, &number.to_string()).await;
        (number, answer.and_then(|answer| content_of(session, &answer)))
    });
    let mut found: Vec<(u32, Result<Value, CallError>)> = stream::iter(reads).buffer_unordered(AT_ONCE).collect().await;
    found.sort_unstable_by_key(|(number, _)| *number);
    let mut older: Vec<Older> = Vec::new();
    let mut failed: Vec<(Gap, Vec<u32>)> = Vec::new();
    for (number, outcome) in found {
        match outcome {
            Ok(content) => match older.iter_mut().find(|one| one.content == content) {
                Some(same) => same.versions.push(number),
                None => older.push(Older { versions: vec![number], content }),
            },
            // It went while the others were read, and nobody gets it any more.
            Err(error) if error.class == ErrorClass::NotFound => {}
            Err(error) => {
                let gap = gap_of(&error, scope, &address.kind, Some(&address.name));
                match failed.iter_mut().find(|(other, _)| *other == gap) {
                    Some((_, numbers)) => numbers.push(number),
                    None => failed.push((gap, vec![number])),
                }
            }
        }
    }
    let told = |(gap, numbers): (Gap, Vec<u32>)| Gap {
        reason: format!("{} ({}, which callers may name)", gap.reason, named(&numbers)),
        fields: vec![OLDER.to_owned()],
        ..gap
    };
    (older, failed.into_iter().map(told).collect())
}

/// A version of a guardrail as the file of pins and the journal call it: the number counts for the guardrail of that id alone.
pub(super) fn called(id: &str, number: u32) -> String {
    format!("{id}:{number}")
}

/// The newest version of a guardrail, as it is called.
pub(super) fn newest(live: &ObservedResource) -> Option<String> {
    let private_state = PrivateState::deserialize(&live.private_state).ok()?;
    Some(called(&Guardrail.contract().id_of(&live.external_id)?, *private_state.versions.last()?))
}

/// The differences of older versions that protect less than declared, or may, and are not known: leaf by leaf, once for
/// versions of one content. Empty where nothing is published, or where nothing is pinned.
pub(super) fn unknown(live: &ObservedResource, want: &Value, known: KnownVersions<'_>) -> Vec<(Difference, Direction)> {
    let (Some(pinned), Some(id)) = (known.pinned, Guardrail.contract().id_of(&live.external_id)) else {
        return Vec::new();
    };
    if want.get(PUBLISHED).is_none() {
        return Vec::new();
    }
    // The versions of another guardrail say nothing of those of this one.
    let pinned = pinned.rsplit_once(':').filter(|(other, _)| *other == id);
    let pinned: u32 = pinned.and_then(|(_, newest)| newest.parse().ok()).unwrap_or(0);
    let is_replaced = |number: u32| known.replaced.is_some_and(|all| all.contains(&called(&id, number)));
    let older = Beside::older_of(live);
    if older.is_empty() {
        return Vec::new();
    }
    let declared = published_of(want);
    let mut found = Vec::new();
    for Older { versions, content } in older {
        let unknown: Vec<u32> =
            versions.into_iter().filter(|number| *number > pinned && !is_replaced(*number)).collect();
        if unknown.is_empty() {
            continue;
        }
        for (mut one, direction) in less(&content, &declared) {
            let below = one.path.segments().iter().cloned();
            one.path = Path::of([OLDER.to_owned(), ranges(&unknown)].into_iter().chain(below));
            found.push((one, direction));
        }
    }
    found.sort_by(|(one, _), (two, _)| one.path.cmp(&two.path));
    found
}

/// Numbers in ascending order, in short: `2-4,6`.
fn ranges(numbers: &[u32]) -> String {
    let mut runs: Vec<(u32, u32)> = Vec::new();
    for number in numbers {
        match runs.last_mut() {
            Some((_, last)) if *last + 1 == *number => *last = *number,
            _ => runs.push((*number, *number)),
        }
    }
    let run = |(first, last): &(u32, u32)| if first == last { first.to_string() } else { format!("{first}-{last}") };
    runs.iter().map(run).collect::<Vec<_>>().join(",")
}

/// Whether a version protects more or less than `want` declares; `None` where its content is not known.
pub(super) fn direction_of(live: &ObservedResource, want: &Value, version: &str) -> Option<Direction> {
    let number: u32 = version.parse().ok()?;
    let private_state: PrivateState = PrivateState::deserialize(&live.private_state).ok()?;
    let newest = (private_state.versions.last() == Some(&number)).then(|| live.tree.get(PUBLISHED)).flatten();
    let older = Beside::older_of(live);
    let content = newest.or_else(|| older.iter().find(|one| one.versions.contains(&number)).map(|one| &one.content))?;
    let reasons = |content: &Value| content.get(REASONING).is_some_and(|policy| !policy.is_null());
    let declared = published_of(want);
    // With it a version cannot be enforced.
    if reasons(content) && !reasons(&declared) {
        return None;
    }
    Some(Direction::of_all(differences(content, &declared).map(|(_, direction)| direction)))
}

/// What differs from the declared part of a version, and what it means.
fn differences(content: &Value, declared: &Value) -> impl Iterator<Item = (Difference, Direction)> {
    let content = tree::restricted(content, declared);
    tree::differences(&content, declared, &[]).into_iter().map(|one| {
        let direction = Guardrail.direction(&one.path, one.left.as_ref(), one.right.as_ref());
        (one, direction)
    })
}

/// What of it protects less, or may.
fn less(content: &Value, declared: &Value) -> impl Iterator<Item = (Difference, Direction)> {
    differences(content, declared)
        .filter(|(_, direction)| matches!(direction, Direction::Weakened | Direction::Unknown))
}

/// What is to be said of versions that protect less than `want`, or may.
pub(super) fn notes(live: &ObservedResource, want: &Value) -> Vec<(&'static str, String)> {
    let older = Beside::older_of(live);
    if older.is_empty() {
        return Vec::new();
    }
    let declared = published_of(want);
    let (mut weaker, mut unsure) = (Vec::new(), Vec::new());
    for Older { versions, content } in older {
        match Direction::of_all(less(&content, &declared).map(|(_, direction)| direction)) {
            Direction::Weakened => weaker.extend(versions),
            Direction::Unknown => unsure.extend(versions),
            _ => {}
        }
    }
    let clause = |mut numbers: Vec<u32>, one: &str, several: &str| {
        numbers.sort_unstable();
        (!numbers.is_empty()).then(|| format!("{} {}", named(&numbers), if numbers.len() == 1 { one } else { several }))
    };
    let clauses = [
        clause(weaker, "protects less than declared", "protect less than declared"),
        clause(unsure, "may protect less than declared", "may protect less than declared"),
    ];
    let clauses: Vec<String> = clauses.into_iter().flatten().collect();
    if clauses.is_empty() {
        return Vec::new();
    }
    let detail = format!(
        "{}, and so whoever names it is protected less: move callers to the newest version, and delete it with DeleteGuardrail and \
         its number (`restore --delete-versions` does only where room is needed), or run `pin` once it is known",
        clauses.join(", and ")
    );
    vec![(codes::WEAK_VERSION, detail)]
}

/// `version 2`, `versions 2, 3 and 5`.
fn named(numbers: &[u32]) -> String {
    let words: Vec<String> = numbers.iter().map(u32::to_string).collect();
    match words.split_last() {
        Some((last, [])) => format!("version {last}"),
        Some((last, rest)) => format!("versions {} and {last}", rest.join(", ")),
        None => "no version".to_owned(),
    }
}
