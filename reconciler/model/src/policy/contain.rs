//! The direction of two whole documents: proofs by containment, and a witness where a proof fails.

use std::collections::{BTreeMap, BTreeSet};

use serde_json::Value;

use super::condition;
use super::document::{Caseless, Effect, Policy, Principals, Scope, Statement};
use super::{glob, witness};
use crate::direction::Direction;

/// How many cells a document may have before its containment counts as not proven.
const PATIENCE: usize = 20_000;

/// Which of two documents protects more, from desired to live: see the [module](super) for what is certain.
///
/// An absent document is one without statements: it allows and denies nothing.
pub fn direction(live: &Policy, want: &Policy) -> Direction {
    if live.is_equal(want) {
        return Direction::Neutral;
    }
    if live.unknown_fields() != want.unknown_fields() || !understood(live, want) {
        return Direction::Unknown;
    }
    // With different versions the same variable means different things.
    let comparable = live.version() == want.version() || !(live.has_variables() || want.has_variables());
    let above = comparable.then(|| uncovered(live, want)).flatten();
    match above {
        Some(above) if above.is_empty() => match uncovered(want, live) {
            Some(below) if below.is_empty() => Direction::Neutral,
            _ => Direction::Strengthened,
        },
        above => {
            let above = above.or_else(|| candidates(live, want)).unwrap_or_default();
            if witness::answers_higher(live, want, &above) { Direction::Weakened } else { Direction::Unknown }
        }
    }
}

/// Whether both are written in a version of the language whose meaning is known, or in the same one.
fn understood(live: &Policy, want: &Policy) -> bool {
    let known = |policy: &Policy| matches!(policy.version(), None | Some("2012-10-17"));
    known(live) && known(want)
}

/// One principal, one action and one resource of a statement: what has to be covered by one other statement.
#[derive(Debug, Clone, Copy)]
pub(super) struct Cell<'a> {
    pub(super) statement: &'a Statement,
    pub(super) who: Part<(&'a str, &'a str), &'a Principals>,
    pub(super) action: Part<&'a Caseless, &'a BTreeSet<Caseless>>,
    pub(super) resource: Part<&'a String, &'a BTreeSet<String>>,
}

/// A part of a [`Scope`].
#[derive(Debug, Clone, Copy)]
pub(super) enum Part<T, S> {
    /// Whatever the document is attached to.
    Any,
    /// One that is listed.
    One(T),
    /// All that are not listed.
    AllBut(S),
}

fn each<S: Copy, T, I: IntoIterator<Item = T>>(scope: &Scope<S>, list: impl FnOnce(S) -> I) -> Vec<Part<T, S>> {
    match scope {
        Scope::Unsaid => vec![Part::Any],
        Scope::Only(listed) => list(*listed).into_iter().map(Part::One).collect(),
        Scope::AllBut(listed) => vec![Part::AllBut(*listed)],
    }
}

fn as_ref<T>(scope: &Scope<T>) -> Scope<&T> {
    match scope {
        Scope::Unsaid => Scope::Unsaid,
        Scope::Only(listed) => Scope::Only(listed),
        Scope::AllBut(listed) => Scope::AllBut(listed),
    }
}

/// The cells of a statement; `None` when there are too many.
fn cells(statement: &Statement) -> Option<Vec<Cell<'_>>> {
    let pairs = |types: &BTreeMap<String, BTreeSet<String>>| types.values().map(BTreeSet::len).sum::<usize>();
    let count = |listed: Option<usize>| listed.unwrap_or(1).max(1);
    let size = count(statement.principal.listed().map(pairs))
        .checked_mul(count(statement.action.listed().map(BTreeSet::len)))?
        .checked_mul(count(statement.resource.listed().map(BTreeSet::len)))?;
    if size > PATIENCE {
        return None;
    }
    let whos = each(&as_ref(&statement.principal), |types| {
        types.iter().flat_map(|(kind, ids)| ids.iter().map(|id| (kind.as_str(), id.as_str()))).collect::<Vec<_>>()
    });
    let actions = each(&as_ref(&statement.action), |listed| listed);
    let resources = each(&as_ref(&statement.resource), |listed| listed);
    let mut found = Vec::with_capacity(size);
    for who in &whos {
        for action in &actions {
            for resource in &resources {
                found.push(Cell { statement, who: *who, action: *action, resource: *resource });
            }
        }
    }
    Some(found)
}

/// The cells of the statements with this effect, except those that `other` has too: they cover themselves.
fn cells_of<'a>(policy: &'a Policy, effect: Effect, other: &Policy) -> Option<Vec<Cell<'a>>> {
    let mut found = Vec::new();
    let shared = |one: &Statement| other.statements().iter().any(|two| one.says_the_same_as(two));
    for statement in policy.statements().iter().filter(|one| one.effect == effect && !shared(one)) {
        found.extend(cells(statement)?);
        if found.len() > PATIENCE {
            return None;
        }
    }
    Some(found)
}

/// Where `higher` could answer higher than `lower`: what it allows, and what `lower` denies.
fn candidates<'a>(higher: &'a Policy, lower: &'a Policy) -> Option<Vec<Cell<'a>>> {
    let mut found = cells_of(higher, Effect::Allow, lower)?;
    found.extend(cells_of(lower, Effect::Deny, higher)?);
    Some(found)
}

/// Those of the candidates for which it is not proven that `higher` does not answer higher; `None` when there are too
/// many to look at. When it is empty, `higher` never answers higher.
fn uncovered<'a>(higher: &'a Policy, lower: &'a Policy) -> Option<Vec<Cell<'a>>> {
    let covered_by = |policy: &Policy, effect: Effect, cell: &Cell<'_>| {
        policy.statements().iter().filter(|one| one.effect == effect).any(|one| covers(one, cell))
    };
    let mut found = candidates(higher, lower)?;
    found.retain(|cell| match cell.statement.effect {
        // What `lower` denies must be denied by `higher` too.
        Effect::Deny => !covered_by(higher, Effect::Deny, cell),
        // What `higher` allows must be allowed by `lower`, which then does not deny it either: see above; or `higher`
        // denies it after all.
        Effect::Allow => !covered_by(lower, Effect::Allow, cell) && !covered_by(higher, Effect::Deny, cell),
    });
    Some(found)
}

/// Whether every request in the cell is certainly matched by the statement.
fn covers(statement: &Statement, cell: &Cell<'_>) -> bool {
    if !statement.unknown_fields.is_empty() || !cell.statement.unknown_fields.is_empty() {
        // What the unknown fields do is not known, so only the same statement does the same.
        return statement.says_the_same_as(cell.statement);
    }
    // The cheapest first: most statements differ in their conditions.
    condition::implies(&cell.statement.condition, &statement.condition)
        && covers_who(&statement.principal, &cell.who)
        && covers_what(&statement.action, &cell.action, Caseless::folded, glob::contains)
        && covers_what(&statement.resource, &cell.resource, |text| (*text).clone(), glob::arn_contains)
}

fn covers_who(scope: &Scope<Principals>, who: &Part<(&str, &str), &Principals>) -> bool {
    let lists = |types: &Principals, kind: &str, id: &str| types.get(kind).is_some_and(|ids| ids.contains(id));
    match (scope, who) {
        (Scope::Unsaid, _) => true,
        // An account does not cover its roles: naming a role grants to it, naming the account lets the account grant.
        (Scope::Only(types), Part::One((kind, id))) => lists(types, kind, id) || lists(types, kind, "*"),
        // The more is listed, the less is left.
        (Scope::AllBut(types), Part::AllBut(given)) => {
            types.iter().all(|(kind, ids)| ids.iter().all(|id| lists(given, kind, id)))
        }
        (Scope::Only(_), Part::Any | Part::AllBut(_)) | (Scope::AllBut(_), Part::Any | Part::One(_)) => false,
    }
}

fn covers_what<T: Ord>(
    scope: &Scope<BTreeSet<T>>,
    part: &Part<&T, &BTreeSet<T>>,
    text: impl Fn(&T) -> String,
    contains: impl Fn(&str, &str) -> bool,
) -> bool {
    let inside = |outer: &BTreeSet<T>, inner: &T| {
        let inner = text(inner);
        outer.iter().any(|outer| contains(&text(outer), &inner))
    };
    let everything = |outer: &BTreeSet<T>| outer.iter().any(|outer| text(outer) == "*");
    match (scope, part) {
        (Scope::Unsaid, _) => true,
        (Scope::Only(outer), Part::One(inner)) => inside(outer, inner),
        (Scope::Only(outer), Part::Any | Part::AllBut(_)) => everything(outer),
        (Scope::AllBut(outer), Part::AllBut(inner)) => outer.iter().all(|outer| inside(inner, outer)),
        (Scope::AllBut(outer), Part::One(inner)) => {
            let inner = text(inner);
            outer.iter().all(|outer| glob::disjoint(&text(outer), &inner))
        }
        (Scope::AllBut(outer), Part::Any) => outer.is_empty(),
    }
}

/// The direction of two trees; unknown when either is not a document.
pub(super) fn direction_of_trees(live: &Value, want: &Value) -> Direction {
    match (Policy::from_value(live), Policy::from_value(want)) {
        (Ok(live), Ok(want)) => direction(&live, &want),
        _ => Direction::Unknown,
    }
}

/// Whether the denials certainly deny nothing that a statement of `policy` allows.
pub fn takes_nothing(denials: &Policy, policy: &Policy) -> bool {
    let granted = policy.statements().iter().filter(|statement| statement.effect == Effect::Allow);
    granted.into_iter().all(|grant| denials.statements().iter().all(|denial| are_apart(grant, denial)))
}

/// Whether the statements certainly share no action, or no resource.
fn are_apart(one: &Statement, two: &Statement) -> bool {
    fn apart<T>(one: &Scope<BTreeSet<T>>, two: &Scope<BTreeSet<T>>, text: impl Fn(&T) -> String) -> bool {
        match (one, two) {
            (Scope::Only(one), Scope::Only(two)) => {
                one.iter().all(|one| two.iter().all(|two| glob::disjoint(&text(one), &text(two))))
            }
            (Scope::Only(only), Scope::AllBut(left_out)) | (Scope::AllBut(left_out), Scope::Only(only)) => {
                only.iter().all(|only| left_out.iter().any(|out| glob::contains(&text(out), &text(only))))
            }
            _ => false,
        }
    }
    apart(&one.action, &two.action, Caseless::folded) || apart(&one.resource, &two.resource, String::clone)
}
