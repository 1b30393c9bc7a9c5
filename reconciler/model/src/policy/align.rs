//! Common names for the statements of two documents, so that their trees differ at the leaf.

use std::collections::{BTreeMap, BTreeSet};

use serde_json::{Map, Value};

use super::document::{Caseless, Policy, Scope, Statement};

/// The trees of `live` and `want` with the same key for statements that are each other's counterpart.
///
/// Counterparts are, in this order: statements with the same `Sid`, statements that say the same, and of the rest those
/// that say nearly the same, best first; what a statement says comes first when the documents are equal but for names, so
/// that these differ in names only. They have the key that they have in `want`. Live takes over the spelling of
/// actions and condition keys from `want`, and loses a `Sid` where `want` has none: that one was put there by a service.
/// The result depends on the documents only, not on the order of anything in them. Aligning again changes nothing, unless
/// a document repeats a `Sid`, which no service should let it.
///
/// Trees that are not documents are returned as they are.
pub fn align(live: &Value, want: &Value) -> (Value, Value) {
    let (Ok(live_policy), Ok(want_policy)) = (Policy::from_value(live), Policy::from_value(want)) else {
        return (live.clone(), want.clone());
    };
    let (live_keys, want_keys) = (live_policy.keys(), want_policy.keys());
    let (mut live_tree, want_tree) = (live_policy.tree(), want_policy.tree());
    let pairs = pair(&live_policy, &want_policy);
    if let Some(Value::Object(statements)) = live_tree.get_mut("Statement") {
        let mut unpaired = Map::new();
        let mut named = Map::new();
        for (index, key) in live_keys.iter().enumerate() {
            let Some(mut statement) = statements.remove(key) else { continue };
            match pairs.get(&index) {
                Some(&counterpart) => {
                    respell(&mut statement, &want_policy.statements()[counterpart]);
                    if let (None, Value::Object(members)) = (&want_policy.statements()[counterpart].sid, &mut statement)
                    {
                        members.remove("Sid");
                    }
                    named.insert(want_keys[counterpart].clone(), statement);
                }
                None => {
                    unpaired.insert(key.clone(), statement);
                }
            }
        }
        for (key, statement) in unpaired {
            // A name of `want` is never free for another statement of live.
            let free = (0..).map(|step| if step == 0 { key.clone() } else { format!("{key}+{step}") });
            let taken = |key: &String| named.contains_key(key) || want_keys.contains(key);
            if let Some(key) = free.take(want_keys.len() + live_keys.len() + 1).find(|key| !taken(key)) {
                named.insert(key, statement);
            }
        }
        *statements = named;
    }
    (live_tree, want_tree)
}

/// As [`align`] of a document with itself: every statement is its own counterpart.
pub fn align_equal(document: &Value) -> (Value, Value) {
    let tree = Policy::from_value(document).map_or_else(|_| document.clone(), |policy| policy.tree());
    (tree.clone(), tree)
}

/// For indexes of live statements, the indexes of their counterparts.
fn pair(live: &Policy, want: &Policy) -> BTreeMap<usize, usize> {
    let equal = live.is_equal(want);
    let (live, want) = (live.statements(), want.statements());
    let mut pairs = BTreeMap::new();
    let mut taken = BTreeSet::new();
    let alone = |list: &[Statement], sid: &str| list.iter().filter(|one| one.sid.as_deref() == Some(sid)).count() == 1;
    let same_name = |one: &Statement, two: &Statement| {
        one.sid.as_deref().is_some_and(|sid| two.sid.as_deref() == Some(sid) && alone(live, sid) && alone(want, sid))
    };
    let same_content = |one: &Statement, two: &Statement| one.says_the_same_as(two);
    let mut stages = [&same_name as &dyn Fn(&Statement, &Statement) -> bool, &same_content];
    if equal {
        stages.reverse();
    }
    for matches in stages {
        for (w, wanted) in want.iter().enumerate() {
            let free = |l: &usize| !pairs.contains_key(l) && matches(&live[*l], wanted);
            if !taken.contains(&w)
                && let Some(l) = (0..live.len()).find(free)
            {
                pairs.insert(l, w);
                taken.insert(w);
            }
        }
    }
    let mut scores: Vec<(u32, usize, usize)> = Vec::new();
    for l in (0..live.len()).filter(|l| !pairs.contains_key(l)) {
        for w in (0..want.len()).filter(|w| !taken.contains(w)) {
            scores.push((likeness(&live[l], &want[w]), w, l));
        }
    }
    scores.sort_by_key(|(score, w, l)| (u32::MAX - score, *w, *l));
    for (score, w, l) in scores {
        if score >= ENOUGH && !pairs.contains_key(&l) && taken.insert(w) {
            pairs.insert(l, w);
        }
    }
    pairs
}

/// Of 1000 points, how many two statements need to be counterparts.
const ENOUGH: u32 = 500;

/// How much two statements say the same, in points of 1000: effect 150, action 350, resource 200, principal 200,
/// condition 100.
fn likeness(one: &Statement, two: &Statement) -> u32 {
    let share = |points: usize, one: &BTreeSet<String>, two: &BTreeSet<String>| {
        let union = one.union(two).count();
        (points * one.intersection(two).count()).checked_div(union).unwrap_or(points)
    };
    let points = usize::from(one.effect == two.effect) * 150
        + share(350, &words(&one.action, Caseless::folded), &words(&two.action, Caseless::folded))
        + share(200, &words(&one.resource, String::clone), &words(&two.resource, String::clone))
        + share(200, &principals(one), &principals(two))
        + share(100, &tests(one), &tests(two));
    u32::try_from(points).unwrap_or(0)
}

fn words<T>(scope: &Scope<BTreeSet<T>>, text: impl Fn(&T) -> String) -> BTreeSet<String> {
    let mark = if matches!(scope, Scope::AllBut(_)) { "not " } else { "" };
    scope.listed().into_iter().flatten().map(|one| format!("{mark}{}", text(one))).collect()
}

fn principals(statement: &Statement) -> BTreeSet<String> {
    let mark = if matches!(statement.principal, Scope::AllBut(_)) { "not " } else { "" };
    let types = statement.principal.listed().into_iter().flatten();
    types.flat_map(|(kind, ids)| ids.iter().map(move |id| format!("{mark}{kind} {id}"))).collect()
}

fn tests(statement: &Statement) -> BTreeSet<String> {
    let operators = statement.condition.iter();
    operators
        .flat_map(|(operator, tests)| tests.keys().map(|key| format!("{} {}", operator.folded(), key.folded())))
        .collect()
}

/// Spells what is compared without case as the counterpart does.
fn respell(statement: &mut Value, like: &Statement) {
    fn spelled<'a>(text: &str, mut known: impl Iterator<Item = &'a Caseless>) -> String {
        known.find(|known| known.as_str().eq_ignore_ascii_case(text)).map_or(text, Caseless::as_str).to_owned()
    }
    for name in ["Action", "NotAction"] {
        if let Some(Value::Array(items)) = statement.get_mut(name) {
            let mut texts: Vec<String> = (items.iter().filter_map(Value::as_str))
                .map(|text| spelled(text, like.action.listed().into_iter().flatten()))
                .collect();
            texts.sort();
            *items = texts.into_iter().map(Value::from).collect();
        }
    }
    let Some(Value::Object(operators)) = statement.get_mut("Condition") else { return };
    let renamed = operators.iter().map(|(operator, tests)| {
        let counterpart = like.condition.get(&Caseless::new(operator.as_str()));
        let tests: Map<String, Value> = (tests.as_object().into_iter().flatten())
            .map(|(key, values)| (spelled(key, counterpart.into_iter().flat_map(BTreeMap::keys)), values.clone()))
            .collect();
        (spelled(operator, like.condition.keys()), tests.into())
    });
    *operators = renamed.collect();
}
