//! Placeholders in text: `${region}`, `${ref:KIND/NAME.FIELD}`, `${kms:alias/NAME}`, and `$${` for a literal `${`.
//!
//! Expected flow: [`parse`] takes the text of a declaration apart once; what depends on the scope is filled in for each
//! scope, which leaves text that holds look-ups and escapes only; [`finish`] puts the answers in and removes the escapes.

use std::collections::{BTreeMap, BTreeSet};

use serde_json::Value;

use super::Lookup;
use crate::address::Scope;
use crate::codes;
use crate::diagnostic::did_you_mean;
use crate::tree::Path;

/// What can answer a look-up. More will come.
pub(super) const LOOKUP_SOURCES: &[&str] = &["kms", "vpc", "subnet", "security-group"];

/// What stands for an output of another resource.
pub(super) const REFERENCE: &str = "ref";

/// What stands before the name of an account whose id is meant.
const ID_OF: &str = "account.id@";

const PURE: &[&str] = &["account.id", "account.name", "region", "partition"];

/// A piece of a text with placeholders.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Part {
    /// Text as it is, escapes included.
    Text(String),
    AccountId,
    /// The id of the account of this name, wherever the declaration is filled in.
    AccountIdOf(String),
    AccountName,
    Region,
    Partition,
    /// `KIND/NAME.FIELD`, as written: where the name ends, only the declared names can tell.
    Ref(String),
    /// A look-up; its key may hold placeholders that are filled in for each scope.
    Lookup(&'static str, Vec<Part>),
}

/// What is wrong with a text, and how many characters into it.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Fault {
    pub(super) offset: usize,
    pub(super) detail: String,
    pub(super) remedy: String,
}

/// The code of every fault.
pub(super) const FAULT: &str = codes::UNKNOWN_PLACEHOLDER;

/// Takes a text apart.
pub(super) fn parse(text: &str) -> Result<Vec<Part>, Vec<Fault>> {
    let mut faults = Vec::new();
    let parts = parse_at(text, 0, false, &mut faults);
    if faults.is_empty() { Ok(parts) } else { Err(faults) }
}

fn parse_at(text: &str, shift: usize, in_lookup: bool, faults: &mut Vec<Fault>) -> Vec<Part> {
    let mut parts = Vec::new();
    let mut literal = String::new();
    let mut rest = text;
    let mut passed = shift;
    while let Some(at) = rest.find('$') {
        let (before, from) = rest.split_at(at);
        literal.push_str(before);
        passed += before.chars().count();
        let length = if from.starts_with("$${") {
            literal.push_str("$${");
            3
        } else if let Some(inner) = from.strip_prefix("${") {
            match closing(inner) {
                Some(end) => {
                    let inside = &inner[..end];
                    if let Some(part) = placeholder(inside, passed, in_lookup, faults) {
                        if !literal.is_empty() {
                            parts.push(Part::Text(std::mem::take(&mut literal)));
                        }
                        parts.push(part);
                    }
                    end + 3
                }
                None => {
                    let detail = "`${` begins a placeholder that is not closed".to_owned();
                    faults.push(Fault {
                        offset: passed,
                        detail,
                        remedy: "add the `}`; write `$${` for a literal `${`".to_owned(),
                    });
                    return parts;
                }
            }
        } else {
            literal.push('$');
            1
        };
        passed += from[..length].chars().count();
        rest = &from[length..];
    }
    literal.push_str(rest);
    if !literal.is_empty() {
        parts.push(Part::Text(literal));
    }
    parts
}

/// Where the brace is that closes a placeholder; those inside it are skipped.
fn closing(inner: &str) -> Option<usize> {
    let mut depth = 0_usize;
    for (at, character) in inner.char_indices() {
        match character {
            '{' if inner[..at].ends_with('$') => depth += 1,
            '}' if depth == 0 => return Some(at),
            '}' => depth -= 1,
            _ => {}
        }
    }
    None
}

fn placeholder(inside: &str, offset: usize, in_lookup: bool, faults: &mut Vec<Fault>) -> Option<Part> {
    match inside {
        "account.id" => return Some(Part::AccountId),
        "account.name" => return Some(Part::AccountName),
        "region" => return Some(Part::Region),
        "partition" => return Some(Part::Partition),
        _ => {}
    }
    if let Some(name) = inside.strip_prefix(ID_OF).filter(|name| !name.is_empty() && !name.contains('$')) {
        return Some(Part::AccountIdOf(name.to_owned()));
    }
    let mut fault = |detail: String, remedy: String| faults.push(Fault { offset, detail, remedy });
    let Some((source, key)) = inside.split_once(':') else {
        let remedy = match did_you_mean(inside, PURE.iter().copied()) {
            Some(near) => format!("did you mean `${{{near}}}`? Write `$${{` for a literal `${{`"),
            None => "write one of ${account.id}, ${account.id@NAME}, ${account.name}, ${region}, ${partition}, ${ref:KIND/NAME.FIELD}, ${kms:KEY}, ${vpc:NAME}, ${subnet:NAME}, ${security-group:NAME}; write `$${` for a literal `${`".to_owned(),
        };
        fault(format!("`${{{inside}}}` is no placeholder"), remedy);
        return None;
    };
    if in_lookup {
        fault(
            format!("`${{{inside}}}` stands inside a look-up"),
            "only ${account.id}, ${account.name}, ${region} and ${partition} may stand there".to_owned(),
        );
        return None;
    }
    if source == REFERENCE {
        let well_formed =
            key.split_once('/').is_some_and(|(kind, rest)| !kind.is_empty() && name_and_field(rest).is_some());
        // A name that differs from scope to scope is referred to as it is declared.
        if !well_formed || !parse(key).is_ok_and(|parts| are_pure(&parts)) {
            fault(
                format!("`${{{inside}}}` is not a reference"),
                "write ${ref:KIND/NAME.FIELD}, with the kind, the name and a field of what is referred to".to_owned(),
            );
            return None;
        }
        return Some(Part::Ref(key.to_owned()));
    }
    match LOOKUP_SOURCES.iter().find(|known| **known == source) {
        Some(_) if key.is_empty() => {
            fault(format!("`${{{inside}}}` does not say what to look for"), format!("write ${{{source}:KEY}}"));
            None
        }
        Some(source) => {
            let shift = offset + "${".len() + source.len() + 1;
            Some(Part::Lookup(source, parse_at(key, shift, true, faults)))
        }
        None => {
            let known = LOOKUP_SOURCES.iter().copied().chain([REFERENCE]);
            let remedy = match did_you_mean(source, known) {
                Some(near) => format!("did you mean `${{{near}:...}}`? Write `$${{` for a literal `${{`"),
                None => "look-ups are ${kms:KEY}, ${vpc:NAME}, ${subnet:NAME} and ${security-group:NAME}, references are ${ref:KIND/NAME.FIELD}; write `$${` for a literal `${`, as IAM variables need".to_owned(),
            };
            fault(format!("nothing answers look-ups of `{source}`"), remedy);
            None
        }
    }
}

/// Whether parts are filled in from the scope alone.
pub(super) fn are_pure(parts: &[Part]) -> bool {
    parts.iter().all(|part| match part {
        Part::Text(_) | Part::AccountId | Part::AccountName | Part::Region | Part::Partition => true,
        Part::AccountIdOf(_) | Part::Ref(_) | Part::Lookup(..) => false,
    })
}

/// The text of pure parts in one scope.
pub(super) fn pure(parts: &[Part], scope: &Scope, partition: &str) -> String {
    let text = |part: &'_ Part| match part {
        Part::Text(text) => text.clone(),
        Part::AccountId => scope.account_id.clone(),
        Part::AccountName => scope.account.clone(),
        Part::Region => scope.region.clone(),
        Part::Partition => partition.to_owned(),
        Part::AccountIdOf(_) | Part::Ref(_) | Part::Lookup(..) => String::new(),
    };
    parts.iter().map(text).collect()
}

/// `NAME.FIELD` taken apart at the last dot that is not inside a placeholder.
pub(super) fn name_and_field(text: &str) -> Option<(&str, &str)> {
    let is_inside = |at: usize| text[..at].rfind("${").is_some_and(|open| !text[open..at].contains('}'));
    let (at, _) = text.rmatch_indices('.').find(|(at, _)| !is_inside(*at))?;
    Some((&text[..at], &text[at + 1..]))
}

/// Whether the outcome depends on the scope. The partition is the same everywhere.
pub(super) fn depends_on_scope(parts: &[Part]) -> bool {
    parts.iter().any(|part| match part {
        Part::Text(_) | Part::Partition => false,
        Part::AccountId | Part::AccountIdOf(_) | Part::AccountName | Part::Region | Part::Ref(_) => true,
        Part::Lookup(_, key) => depends_on_scope(key),
    })
}

/// A piece of text of which only look-ups, outputs of other resources and escapes are left.
enum Left<'a> {
    Text(&'a str),
    Escape,
    Lookup(Lookup, &'a str),
}

/// Takes apart what is left after everything else was filled in.
fn left(text: &str) -> Vec<Left<'_>> {
    let mut pieces = Vec::new();
    let mut rest = text;
    while let Some(at) = rest.find("${") {
        let (before, from) = rest.split_at(at);
        if let Some(before) = before.strip_suffix('$') {
            pieces.extend([Left::Text(before), Left::Escape]);
            rest = &from[2..];
            continue;
        }
        let lookup = from.find('}').and_then(|end| {
            let (source, key) = from[2..end].split_once(':')?;
            let lookup = Lookup { source: source.to_owned(), key: key.to_owned() };
            (LOOKUP_SOURCES.contains(&source) || source == REFERENCE).then_some((lookup, end + 1))
        });
        pieces.push(Left::Text(before));
        match lookup {
            Some((lookup, end)) => {
                pieces.push(Left::Lookup(lookup, &from[..end]));
                rest = &from[end..];
            }
            None => {
                pieces.push(Left::Text("${"));
                rest = &from[2..];
            }
        }
    }
    pieces.push(Left::Text(rest));
    pieces
}

/// Whether nothing is left in a text that will be, or should have been, something else.
pub(super) fn is_settled(text: &str) -> bool {
    left(text).iter().all(|piece| match piece {
        Left::Text(text) => *text != "${",
        Left::Escape => true,
        Left::Lookup(..) => false,
    })
}

/// The look-ups that are left in a text.
fn lookups_in(text: &str) -> impl Iterator<Item = Lookup> {
    left(text).into_iter().filter_map(|piece| match piece {
        Left::Lookup(lookup, _) => Some(lookup),
        Left::Text(_) | Left::Escape => None,
    })
}

/// Whether a placeholder may be in a text. Most have no such character at all, which is told faster.
fn may_hold(text: &str) -> bool {
    text.contains('$') && text.contains("${")
}

/// The look-ups, outputs of other resources included, that are left anywhere in a spec.
pub(super) fn lookups_of(spec: &Value, found: &mut BTreeSet<Lookup>) {
    match spec {
        Value::String(text) if may_hold(text) => found.extend(lookups_in(text)),
        Value::Array(items) => items.iter().for_each(|item| lookups_of(item, found)),
        Value::Object(members) => members.values().for_each(|member| lookups_of(member, found)),
        _ => {}
    }
}

/// Whether [`finish`] changes anything when there are no answers.
pub(super) fn has_escapes(spec: &Value) -> bool {
    match spec {
        Value::String(text) => text.contains("$${"),
        Value::Array(items) => items.iter().any(has_escapes),
        Value::Object(members) => members.values().any(has_escapes),
        _ => false,
    }
}

/// The answers to look-ups; a failed one says what was looked for and where.
pub(super) type Answers = BTreeMap<Lookup, Result<String, String>>;

/// Puts the answers in and removes the escapes. Without answers, look-ups stay as they are written.
///
/// Reports each look-up without an answer, with the path of the text that it stands in.
pub(super) fn finish(spec: &mut Value, answers: Option<&Answers>, missing: &mut Vec<(Path, Lookup, String)>) {
    finish_at(None, spec, answers, missing);
}

/// The way to a value, from its last step up. A path is made of it only where one is told.
struct Way<'a> {
    above: Option<&'a Way<'a>>,
    step: Step<'a>,
}

#[derive(Clone, Copy)]
enum Step<'a> {
    Member(&'a str),
    Element(usize),
}

impl Way<'_> {
    fn path(way: Option<&Self>) -> Path {
        let mut steps: Vec<String> = std::iter::successors(way, |way| way.above)
            .map(|way| match way.step {
                Step::Member(name) => name.to_owned(),
                Step::Element(index) => index.to_string(),
            })
            .collect();
        steps.reverse();
        Path::of(steps)
    }
}

fn finish_at(
    way: Option<&Way<'_>>,
    spec: &mut Value,
    answers: Option<&Answers>,
    missing: &mut Vec<(Path, Lookup, String)>,
) {
    match spec {
        Value::String(text) if may_hold(text) => {
            let mut finished = String::with_capacity(text.len());
            for piece in left(text) {
                match (piece, answers) {
                    (Left::Text(text), _) => finished.push_str(text),
                    (Left::Escape, _) => finished.push_str("${"),
                    (Left::Lookup(_, written), None) => finished.push_str(written),
                    (Left::Lookup(lookup, _), Some(answers)) => match answers.get(&lookup) {
                        Some(Ok(answer)) => finished.push_str(answer),
                        Some(Err(why)) => missing.push((Way::path(way), lookup, why.clone())),
                        None => missing.push((Way::path(way), lookup, "it was not looked up".to_owned())),
                    },
                }
            }
            *text = finished;
        }
        Value::Array(items) => {
            for (index, item) in items.iter_mut().enumerate() {
                finish_at(Some(&Way { above: way, step: Step::Element(index) }), item, answers, missing);
            }
        }
        Value::Object(members) => {
            for (name, member) in members {
                finish_at(Some(&Way { above: way, step: Step::Member(name) }), member, answers, missing);
            }
        }
        _ => {}
    }
}

/// Whether a placeholder stands anywhere in `spec`.
pub(super) fn holds(spec: &Value, placeholder: &Lookup) -> bool {
    match spec {
        Value::String(text) => {
            text.contains("${")
                && left(text).iter().any(|piece| matches!(piece, Left::Lookup(lookup, _) if lookup == placeholder))
        }
        Value::Array(items) => items.iter().any(|item| holds(item, placeholder)),
        Value::Object(members) => members.values().any(|member| holds(member, placeholder)),
        _ => false,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn text_is_taken_apart_and_nesting_is_understood() {
        let parts = parse("a$${b}-${region}${kms:alias/x-${account.name}} $5 ${ref:log-group//aws/x.y.name}")
            .expect("well-formed");
        assert_eq!(
            parts,
            [
                Part::Text("a$${b}-".to_owned()),
                Part::Region,
                Part::Lookup("kms", vec![Part::Text("alias/x-".to_owned()), Part::AccountName]),
                Part::Text(" $5 ".to_owned()),
                Part::Ref("log-group//aws/x.y.name".to_owned()),
            ]
        );
    }

    #[test]
    fn faults_say_how_far_in_they_are() {
        let faults = parse("é${regoin} ${kms:${vpc:x}} ${aws:PrincipalTag/team} ${open").expect_err("four faults");
        assert_eq!(faults.iter().map(|fault| fault.offset).collect::<Vec<_>>(), [1, 17, 27, 52]);
        assert!(faults[0].remedy.contains("`${region}`"), "{}", faults[0].remedy);
        assert!(faults[2].remedy.contains("$${"), "{}", faults[2].remedy);
    }

    #[test]
    fn finishing_fills_look_ups_in_and_removes_escapes() {
        let lookup = Lookup { source: "kms".to_owned(), key: "alias/a".to_owned() };
        let answers = BTreeMap::from([(lookup, Ok("arn:1".to_owned()))]);
        let mut spec = serde_json::json!({"whole": "${kms:alias/a}", "inside": ["<$${kms:x} ${kms:alias/a}>"], "none": "${kms:b}"});
        let mut missing = Vec::new();
        finish(&mut spec, Some(&answers), &mut missing);
        assert_eq!(spec["whole"], "arn:1");
        assert_eq!(spec["inside"][0], "<${kms:x} arn:1>");
        assert_eq!(missing.len(), 1);
        assert_eq!(missing[0].0.to_string(), "none");
    }
}
