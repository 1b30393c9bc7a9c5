//! The search for one request to which a document certainly answers higher than another.
//!
//! Guarantees: a match is `None` wherever the answer depends on what the documents do not say, and a request counts only
//! if it tells the documents apart whatever those answers are. So a miss is possible, and a false find is not, as long as
//! the keys of a request are independent of each other; the few pairs that depend on each other by definition
//! (a principal's ARN and its account) are kept consistent.

use std::collections::{BTreeMap, BTreeSet};

use super::condition::{self, Family, Operator, Quantifier};
use super::contain::{Cell, Part};
use super::document::{Caseless, Conditions, Effect, Policy, Principals, Scope, Statement, is_account, is_unique_id};
use super::{glob, network};

/// What replaces a wildcard, so that no other pattern is likely to spell it.
const FILL: &str = "zq7";
/// An account that nobody lists.
const ELSEWHERE: &str = "000000000000";
/// How many patterns and tests are looked at before giving up.
const PATIENCE: usize = 300_000;
/// How many values a principal, an action or a resource is tried with for one cell.
const TRIES: usize = 12;
/// How many sets of keys are tried for one principal, action and resource.
const CONTEXTS: usize = 1_000;

/// Keys that say who the principal is.
const IDENTITY: &[&str] =
    &[ACCOUNT, ARN, "aws:userid", "aws:username", "aws:principalisawsservice", "aws:principalservicename"];

const ACCOUNT: &str = "aws:principalaccount";
const ARN: &str = "aws:principalarn";

/// Type and id of a principal; no id is somebody whom no document lists.
type Who = (String, Option<String>);

struct Request<'a> {
    who: &'a Who,
    /// By folded key; `None` is absent.
    context: BTreeMap<String, Option<String>>,
}

/// A statement that may match the action and the resource of a request.
struct Related<'a> {
    statement: &'a Statement,
    /// Whether it belongs to the document that may answer higher.
    higher: bool,
    /// Whether action and resource match.
    what: Option<bool>,
}

/// Whether some request in the cells is certainly answered higher by `higher` than by `lower`.
pub(super) fn answers_higher(higher: &Policy, lower: &Policy, cells: &[Cell<'_>]) -> bool {
    let both: Vec<(&Statement, bool)> = (higher.statements().iter().map(|one| (one, true)))
        .chain(lower.statements().iter().map(|one| (one, false)))
        .collect();
    let actions: Vec<String> = both.iter().flat_map(|(one, _)| folded(&one.action)).collect();
    let resources: Vec<String> = both.iter().flat_map(|(one, _)| one.resource.listed()).flatten().cloned().collect();
    let principals: Vec<&Principals> = both.iter().filter_map(|(one, _)| one.principal.listed()).collect();
    let mut patience = PATIENCE;
    for cell in cells {
        let own_action = match cell.action {
            Part::One(action) => Some(action.folded()),
            Part::Any | Part::AllBut(_) => None,
        };
        let own_resource = match cell.resource {
            Part::One(resource) => Some(resource.clone()),
            Part::Any | Part::AllBut(_) => None,
        };
        // A cell that never certainly matches is no witness.
        let vague = |own: &Option<String>| own.as_deref().is_some_and(glob::has_variable);
        if vague(&own_action) || vague(&own_resource) || !cell.statement.unknown_fields.is_empty() {
            continue;
        }
        let Some(passing) = passing(cell.statement) else { continue };
        for action in texts(own_action.as_deref(), &actions) {
            if !spend(&mut patience, actions.len()) {
                return false;
            }
            let doing: Vec<(&Statement, bool, Option<bool>)> = (both.iter())
                .map(|(statement, higher)| (*statement, *higher, does(statement, &action)))
                .filter(|(.., does)| *does != Some(false))
                .collect();
            for resource in texts(own_resource.as_deref(), &resources) {
                if !spend(&mut patience, resources.len()) {
                    return false;
                }
                let related: Vec<Related<'_>> = (doing.iter())
                    .map(|(statement, higher, does)| Related {
                        statement,
                        higher: *higher,
                        what: all([*does, is_on(statement, &resource)]),
                    })
                    .filter(|one| one.what != Some(false))
                    .collect();
                for who in whos(cell, &principals) {
                    for context in contexts(&passing, &related, &who) {
                        if !spend(&mut patience, 4 * (related.len() + context.len())) {
                            return false;
                        }
                        let request = Request { who: &who, context };
                        if consistent(&request) && tells_apart(&related, &request) {
                            return true;
                        }
                    }
                }
            }
        }
    }
    false
}

fn spend(patience: &mut usize, cost: usize) -> bool {
    *patience = patience.saturating_sub(cost.max(1));
    *patience > 0
}

/// Whether the least that the higher document may answer is above the most that the lower may answer.
fn tells_apart(related: &[Related<'_>], request: &Request<'_>) -> bool {
    let any = |higher: bool, effect: Effect, certain: bool| {
        related
            .iter()
            .filter(|one| one.higher == higher && one.statement.effect == effect)
            .any(|one| matched(one, request).unwrap_or(!certain))
    };
    if any(true, Effect::Deny, false) {
        return false;
    }
    any(false, Effect::Deny, true) || (any(true, Effect::Allow, true) && !any(false, Effect::Allow, false))
}

/// All of several answers.
fn all(answers: impl IntoIterator<Item = Option<bool>>) -> Option<bool> {
    let mut sure = true;
    for answer in answers {
        match answer {
            Some(false) => return Some(false),
            Some(true) => {}
            None => sure = false,
        }
    }
    sure.then_some(true)
}

/// Any of several answers.
fn any(answers: impl IntoIterator<Item = Option<bool>>) -> Option<bool> {
    all(answers.into_iter().map(|answer| answer.map(|yes| !yes))).map(|none| !none)
}

fn matched(related: &Related<'_>, request: &Request<'_>) -> Option<bool> {
    let statement = related.statement;
    let unknown_fields = if statement.unknown_fields.is_empty() { Some(true) } else { None };
    let who = match &statement.principal {
        Scope::Unsaid => Some(true),
        Scope::Only(types) => is_listed(types, request),
        // A role that is left out is still denied through its account, and the other way round: certain for outsiders.
        Scope::AllBut(types) if request.who.1.is_none() => is_listed(types, request).map(|yes| !yes),
        Scope::AllBut(_) => None,
    };
    all([related.what, who, unknown_fields, holds(&statement.condition, request)])
}

/// Whether the action matches.
fn does(statement: &Statement, action: &str) -> Option<bool> {
    within(&statement.action, |pattern| plain(&pattern.folded(), |text| Some(glob::matches(text, action))))
}

/// Whether the resource matches.
fn is_on(statement: &Statement, resource: &str) -> Option<bool> {
    within(&statement.resource, |pattern| plain(pattern, |text| glob::arn_matches(text, resource)))
}

fn within<T>(scope: &Scope<BTreeSet<T>>, matches: impl Fn(&T) -> Option<bool>) -> Option<bool> {
    match scope {
        Scope::Unsaid => Some(true),
        Scope::Only(listed) => any(listed.iter().map(matches)),
        Scope::AllBut(listed) => any(listed.iter().map(matches)).map(|yes| !yes),
    }
}

/// What `answer` says of text without variables; unknown with them.
fn plain(text: &str, answer: impl FnOnce(&str) -> Option<bool>) -> Option<bool> {
    if glob::has_variable(text) { None } else { answer(text) }
}

fn account_of(arn: &str) -> Option<&str> {
    if is_account(arn) {
        return Some(arn);
    }
    arn.split(':').nth(4).filter(|account| is_account(account))
}

fn is_listed(types: &Principals, request: &Request<'_>) -> Option<bool> {
    let (kind, id) = request.who;
    let described = IDENTITY.iter().any(|key| request.context.get(*key).is_some_and(Option::is_some));
    any(types.iter().flat_map(|(other, ids)| ids.iter().map(move |text| (other, text))).map(|(other, text)| {
        if text == "*" {
            // Whether everyone includes services is not asked.
            return if other == kind { Some(true) } else { None };
        }
        let mixed = |kind: &str| kind == "AWS" || kind == "CanonicalUser";
        if other != kind {
            return if mixed(other) && mixed(kind) { None } else { Some(false) };
        }
        match id {
            // Somebody whom no document lists; unless the keys of the request make it somebody.
            None => {
                if described {
                    None
                } else {
                    Some(false)
                }
            }
            Some(id) if id == text => Some(true),
            Some(_) if kind != "AWS" => Some(false),
            // The root user of an account.
            Some(id) if is_account(id) => {
                if is_account(text) || is_unique_id(text) || account_of(text).is_some() {
                    Some(false)
                } else {
                    None
                }
            }
            Some(id) if is_person(id) => match (account_of(id), account_of(text)) {
                (Some(own), Some(other)) if own != other => Some(false),
                _ if is_person(text) => Some(false),
                _ => None,
            },
            Some(_) => None,
        }
    }))
}

/// Whether this is the ARN of one role or user.
fn is_person(text: &str) -> bool {
    let is = text.split(':').nth(5).is_some_and(|name| name.starts_with("role/") || name.starts_with("user/"));
    is && text.split(':').nth(2) == Some("iam") && !glob::is_pattern(text) && !glob::has_variable(text)
}

fn holds(conditions: &Conditions, request: &Request<'_>) -> Option<bool> {
    all(conditions.iter().flat_map(|(operator, tests)| {
        let parsed = condition::operator(operator);
        tests.iter().map(move |(key, values)| {
            test(parsed?, is_equality(operator), request.context.get(&key.folded())?.as_deref(), values)
        })
    }))
}

/// Whether a value passes the operator when it is spelled as the policy spells it.
fn is_equality(operator: &Caseless) -> bool {
    let name = operator.folded();
    name.trim_end_matches("ifexists").ends_with("equals")
}

/// Whether a key with this value passes; the value is the only one that the key has.
fn test(operator: Operator, equality: bool, value: Option<&str>, values: &BTreeSet<String>) -> Option<bool> {
    if values.is_empty() {
        return None;
    }
    if operator.family == Family::Null {
        return match (values.len(), values.iter().next().map(|text| text.to_ascii_lowercase()).as_deref()) {
            (1, Some("true")) if operator.quantifier == Quantifier::One => Some(value.is_none()),
            (1, Some("false")) if operator.quantifier == Quantifier::One => Some(value.is_some()),
            _ => None,
        };
    }
    let Some(value) = value else {
        return Some(match operator.quantifier {
            _ if operator.if_exists => true,
            Quantifier::All => true,
            Quantifier::Any => false,
            Quantifier::One => operator.negated,
        });
    };
    let found = any(values.iter().map(|given| {
        plain(given, |given| match operator.family {
            Family::Text | Family::Binary => Some(given == value),
            Family::CaselessText => Some(given.eq_ignore_ascii_case(value)),
            Family::Bool => match (given.to_ascii_lowercase().as_str(), value) {
                ("true" | "false", "true" | "false") => Some(given.eq_ignore_ascii_case(value)),
                _ => None,
            },
            Family::Pattern => Some(glob::matches(given, value)),
            Family::Arn => glob::arn_matches(given, value),
            Family::Address => network::compare(given, value),
            // The same number is equal to itself; other numbers and dates are not compared.
            Family::Number | Family::Date => (given == value && equality).then_some(true),
            Family::Null => None,
        })
    }));
    found.map(|found| found != operator.negated)
}

fn folded(scope: &Scope<BTreeSet<Caseless>>) -> Vec<String> {
    scope.listed().into_iter().flatten().map(Caseless::folded).collect()
}

/// Text that the pattern matches; none for text with variables.
fn instance(pattern: &str, fill: &str) -> Option<String> {
    (!glob::has_variable(pattern)).then(|| pattern.replace('*', fill).replace('?', "z"))
}

fn push(found: &mut Vec<String>, text: Option<String>) {
    if let Some(text) = text.filter(|text| found.len() < TRIES && !found.contains(text)) {
        found.push(text);
    }
}

/// Values for the action or resource of a cell: one that nobody spells, then those that the documents spell.
fn texts(own: Option<&str>, spelled: &[String]) -> Vec<String> {
    let mut found = Vec::new();
    match own {
        None | Some("*") => {
            push(&mut found, Some(format!("{FILL}:{FILL}")));
            push(&mut found, Some(nowhere()));
        }
        Some(own) => {
            push(&mut found, instance(own, FILL));
            push(&mut found, instance(own, ""));
        }
    }
    for pattern in spelled {
        for fill in [FILL, ""] {
            let text = instance(pattern, fill);
            push(&mut found, text.filter(|text| own.is_none_or(|own| glob::matches(own, text))));
        }
    }
    found
}

/// An ARN that nobody spells.
fn nowhere() -> String {
    format!("arn:{FILL}:{FILL}:{FILL}:{ELSEWHERE}:{FILL}")
}

/// Who may make the requests of a cell.
fn whos(cell: &Cell<'_>, principals: &[&Principals]) -> Vec<Who> {
    let named = |kind: &str| -> Vec<Who> {
        let mut found: Vec<String> = Vec::new();
        for id in principals.iter().filter_map(|types| types.get(kind)).flatten() {
            push(&mut found, (id != "*" && is_one(kind, id)).then(|| id.clone()));
        }
        found.into_iter().map(|id| (kind.to_owned(), Some(id))).collect()
    };
    let outsider = |kind: &str| (kind.to_owned(), None);
    match cell.who {
        Part::One((kind, "*")) => [vec![outsider(kind)], named(kind)].concat(),
        Part::One((kind, id)) if is_one(kind, id) => vec![(kind.to_owned(), Some(id.to_owned()))],
        Part::One(_) => Vec::new(),
        Part::Any => [vec![outsider("AWS")], named("AWS")].concat(),
        Part::AllBut(_) => vec![outsider("AWS")],
    }
}

/// Whether the text is one principal and not a pattern of them.
fn is_one(kind: &str, id: &str) -> bool {
    if kind == "AWS" { is_account(id) || is_person(id) } else { !glob::is_pattern(id) && !glob::has_variable(id) }
}

/// Whether the keys that say who the principal is agree with the principal.
fn consistent(request: &Request<'_>) -> bool {
    let (kind, Some(id)) = request.who else { return true };
    if kind != "AWS" {
        return true;
    }
    let says = |key: &str| request.context.get(key).map(Option::as_deref);
    let account = says(ACCOUNT).is_none_or(|account| account == account_of(id));
    let arn = says(ARN).is_none_or(|arn| if is_account(id) { false } else { arn == Some(id) });
    account && arn
}

/// The values of a key that are worth a try; `None` is an absent key.
type Values = Vec<Option<String>>;

/// The tests of a statement: operator, key, values.
fn tests(statement: &Statement) -> impl Iterator<Item = (&Caseless, &Caseless, &BTreeSet<String>)> {
    let tests = statement.condition.iter();
    tests.flat_map(|(operator, tests)| tests.iter().map(move |(key, values)| (operator, key, values)))
}

/// By folded key, values with which the conditions of the statement hold; `None` when some test cannot be told to hold.
fn passing(statement: &Statement) -> Option<Vec<(String, Values)>> {
    let mut keys: Vec<(String, Values)> = Vec::new();
    for (name, key, values) in tests(statement) {
        let operator = condition::operator(name)?;
        let passes = |value: &Option<String>| test(operator, is_equality(name), value.as_deref(), values) == Some(true);
        let samples = samples(Some(operator), values).into_iter().map(Some);
        let found: Values = [None].into_iter().chain(samples).filter(passes).collect();
        if found.is_empty() {
            return None;
        }
        add(&mut keys, key, found);
    }
    Some(keys)
}

fn add(keys: &mut Vec<(String, Values)>, key: &Caseless, values: Values) {
    let key = key.folded();
    let place = keys.iter().position(|(known, _)| *known == key).unwrap_or_else(|| {
        keys.push((key, Vec::new()));
        keys.len() - 1
    });
    for value in values {
        if !keys[place].1.contains(&value) {
            keys[place].1.push(value);
        }
    }
}

/// Sets of keys to try: first such that the conditions of the cell hold, all others absent.
fn contexts(passing: &[(String, Values)], related: &[Related<'_>], who: &Who) -> Vec<BTreeMap<String, Option<String>>> {
    let mut keys = passing.to_vec();
    for (name, key, values) in related.iter().flat_map(|one| tests(one.statement)) {
        let own = match (key.folded().as_str(), &who.1) {
            (ACCOUNT, Some(id)) => account_of(id).map(str::to_owned),
            (ARN, Some(id)) => Some(id.clone()),
            _ => None,
        };
        add(&mut keys, key, own.map(Some).into_iter().chain([None]).collect());
        add(&mut keys, key, samples(condition::operator(name), values).into_iter().map(Some).collect());
    }
    combinations(&keys)
}

/// Values to try for a key: one that no policy spells, and those that this test spells.
fn samples(operator: Option<Operator>, values: &BTreeSet<String>) -> Vec<String> {
    let family = operator.map_or(Family::Text, |operator| operator.family);
    let unspelled = match family {
        Family::Text | Family::CaselessText | Family::Pattern | Family::Binary | Family::Null => Some(FILL.to_owned()),
        Family::Arn => Some(nowhere()),
        Family::Address => Some("203.0.113.77".to_owned()),
        Family::Bool | Family::Number | Family::Date => None,
    };
    let spelled = values.iter().flat_map(|value| match family {
        Family::Pattern | Family::Arn => vec![instance(value, FILL), instance(value, "")],
        Family::Address => vec![network::address_in(value)],
        Family::Bool => vec![Some("true".to_owned()), Some("false".to_owned())],
        Family::Null => Vec::new(),
        Family::Text | Family::CaselessText | Family::Number | Family::Date | Family::Binary => {
            vec![Some(value.clone())]
        }
    });
    let mut found = Vec::new();
    for text in [unspelled].into_iter().chain(spelled).flatten() {
        if !found.contains(&text) {
            found.push(text);
        }
    }
    found
}

/// Every combination; where these are too many, those that differ from the first in at most two keys.
fn combinations(keys: &[(String, Values)]) -> Vec<BTreeMap<String, Option<String>>> {
    let base: BTreeMap<String, Option<String>> =
        keys.iter().filter_map(|(key, values)| Some((key.clone(), values.first()?.clone()))).collect();
    // Large sets of keys are costly, and few of them matter.
    let most = CONTEXTS / (1 + keys.len() / 8);
    let count = keys.iter().try_fold(1_usize, |count, (_, values)| count.checked_mul(values.len().max(1)));
    if count.is_some_and(|count| count <= most) {
        return keys.iter().fold(vec![BTreeMap::new()], |found, (key, values)| {
            found
                .iter()
                .flat_map(|context| {
                    values.iter().map(move |value| {
                        let mut context = context.clone();
                        context.insert(key.clone(), value.clone());
                        context
                    })
                })
                .collect()
        });
    }
    let single: Vec<(&String, &Option<String>)> =
        keys.iter().flat_map(|(key, values)| values.iter().skip(1).map(move |value| (key, value))).collect();
    let mut found = vec![base.clone()];
    for (index, (key, value)) in single.iter().enumerate() {
        let mut one = base.clone();
        one.insert((*key).clone(), (*value).clone());
        found.push(one.clone());
        for (key, value) in &single[index + 1..] {
            if found.len() >= most {
                return found;
            }
            let mut two = one.clone();
            two.insert((*key).clone(), (*value).clone());
            found.push(two);
        }
    }
    found
}
