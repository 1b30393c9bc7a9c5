//! Condition operators, and when one condition follows from another.

use std::collections::BTreeSet;

use super::document::{Caseless, Conditions};
use super::{glob, network};
use crate::diagnostic::did_you_mean;

/// How an operator compares one value of the request with one of the policy.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Family {
    /// Equal text.
    Text,
    /// Equal text, without case.
    CaselessText,
    /// Text with wildcards.
    Pattern,
    /// ARNs with wildcards.
    Arn,
    /// Numbers: compared as text only where it can be told.
    Number,
    /// Dates: likewise.
    Date,
    /// Booleans.
    Bool,
    /// Base64.
    Binary,
    /// Addresses and networks.
    Address,
    /// Whether the key is absent.
    Null,
}

/// Which values of a key that has several must match.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Quantifier {
    /// The key has one.
    One,
    /// `ForAnyValue:`.
    Any,
    /// `ForAllValues:`.
    All,
}

/// An operator, taken apart.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Operator {
    pub(super) family: Family,
    pub(super) negated: bool,
    pub(super) quantifier: Quantifier,
    pub(super) if_exists: bool,
}

const BASES: &[(&str, Family, bool)] = &[
    ("StringEquals", Family::Text, false),
    ("StringNotEquals", Family::Text, true),
    ("StringEqualsIgnoreCase", Family::CaselessText, false),
    ("StringNotEqualsIgnoreCase", Family::CaselessText, true),
    ("StringLike", Family::Pattern, false),
    ("StringNotLike", Family::Pattern, true),
    ("ArnEquals", Family::Arn, false),
    ("ArnNotEquals", Family::Arn, true),
    ("ArnLike", Family::Arn, false),
    ("ArnNotLike", Family::Arn, true),
    ("NumericEquals", Family::Number, false),
    ("NumericNotEquals", Family::Number, true),
    ("NumericLessThan", Family::Number, false),
    ("NumericLessThanEquals", Family::Number, false),
    ("NumericGreaterThan", Family::Number, false),
    ("NumericGreaterThanEquals", Family::Number, false),
    ("DateEquals", Family::Date, false),
    ("DateNotEquals", Family::Date, true),
    ("DateLessThan", Family::Date, false),
    ("DateLessThanEquals", Family::Date, false),
    ("DateGreaterThan", Family::Date, false),
    ("DateGreaterThanEquals", Family::Date, false),
    ("Bool", Family::Bool, false),
    ("BinaryEquals", Family::Binary, false),
    ("IpAddress", Family::Address, false),
    ("NotIpAddress", Family::Address, true),
    ("Null", Family::Null, false),
];

const QUANTIFIERS: &[(&str, Quantifier)] = &[("ForAnyValue:", Quantifier::Any), ("ForAllValues:", Quantifier::All)];

const IF_EXISTS: &str = "IfExists";

fn parse(text: &str) -> Option<(Operator, String)> {
    let starts =
        |text: &str, prefix: &str| text.get(..prefix.len()).is_some_and(|head| head.eq_ignore_ascii_case(prefix));
    let (prefix, quantifier) =
        QUANTIFIERS.iter().find(|(prefix, _)| starts(text, prefix)).copied().unwrap_or(("", Quantifier::One));
    let rest = &text[prefix.len()..];
    let cut = rest.len().checked_sub(IF_EXISTS.len()).filter(|cut| starts(rest.get(*cut..).unwrap_or(""), IF_EXISTS));
    let (base, suffix) = cut.map_or((rest, ""), |cut| (&rest[..cut], IF_EXISTS));
    let (base, family, negated) = *BASES.iter().find(|(name, ..)| name.eq_ignore_ascii_case(base))?;
    let operator = Operator { family, negated, quantifier, if_exists: !suffix.is_empty() };
    Some((operator, format!("{prefix}{base}{suffix}")))
}

/// The operator in the spelling of the documentation; unknown ones as they are written.
pub(super) fn spelling(text: &str) -> String {
    parse(text).map_or_else(|| text.to_owned(), |(_, spelling)| spelling)
}

/// The operator; `None` when this build does not know it.
pub(super) fn operator(text: &Caseless) -> Option<Operator> {
    parse(text.as_str()).map(|(operator, _)| operator)
}

/// Whether everything that satisfies `narrow` certainly satisfies `wide`.
///
/// Each test of `wide` must follow from one test of `narrow` of the same key. More values make a positive operator wider and a
/// negated one narrower; unknown operators follow from themselves only.
pub(super) fn implies(narrow: &Conditions, wide: &Conditions) -> bool {
    wide.iter().all(|(operator, tests)| {
        tests.iter().all(|(key, values)| {
            narrow.iter().any(|(given, tests)| {
                tests.get(key).is_some_and(|found| match given == operator {
                    true => follows(operator, found, values),
                    false => follows_across(key, (given, found), (operator, values)),
                })
            })
        })
    })
}

fn follows(name: &Caseless, given: &BTreeSet<String>, wanted: &BTreeSet<String>) -> bool {
    if given == wanted {
        return true;
    }
    // What an empty list of values does is not documented.
    if given.is_empty() || wanted.is_empty() {
        return false;
    }
    match operator(name) {
        None | Some(Operator { family: Family::Null, .. }) => false,
        Some(Operator { family, negated: false, .. }) => within(family, given, wanted),
        Some(Operator { family, negated: true, .. }) => within(family, wanted, given),
    }
}

/// Whether a test follows from one with another operator, for a key that has one value at most.
///
/// What a key that has several values does to an operator without a quantifier is not documented, so for such keys, and for
/// keys of services, both must have the same quantifier.
fn follows_across(
    key: &Caseless,
    (given, found): (&Caseless, &BTreeSet<String>),
    (wanted, values): (&Caseless, &BTreeSet<String>),
) -> bool {
    let (Some(given), Some(wanted)) = (operator(given), operator(wanted)) else { return false };
    if found.is_empty() || values.is_empty() || (given.quantifier != wanted.quantifier && !has_one_value(key)) {
        return false;
    }
    if wanted.family == Family::Null {
        // Whoever passes has the key.
        return wanted.quantifier == Quantifier::One && says(values, "false") && !given.passes_absent(found);
    }
    if given.family == Family::Null {
        // Whoever passes has no key.
        return given.quantifier == Quantifier::One && says(found, "true") && wanted.passes_absent(values);
    }
    if given.passes_absent(found) && !wanted.passes_absent(values) {
        return false;
    }
    match (given.negated, wanted.negated) {
        (false, false) => within_across(given.family, found, wanted.family, values),
        (true, true) => within_across(wanted.family, values, given.family, found),
        _ => false,
    }
}

fn says(values: &BTreeSet<String>, word: &str) -> bool {
    values.len() == 1 && values.iter().all(|value| value.eq_ignore_ascii_case(word))
}

/// Global keys that have several values.
const SEVERAL: &[&str] = &[
    "aws:calledvia",
    "aws:principalorgpaths",
    "aws:principalservicenameslist",
    "aws:resourceorgpaths",
    "aws:sourceorgpaths",
    "aws:tagkeys",
    "aws:vpceorgpaths",
];

/// Whether a key is known to have one value at most: the global ones but for some.
fn has_one_value(key: &Caseless) -> bool {
    let key = key.folded();
    key.starts_with("aws:") && !SEVERAL.contains(&key.as_str())
}

impl Operator {
    /// Whether a request without the key passes.
    fn passes_absent(self, values: &BTreeSet<String>) -> bool {
        match self.quantifier {
            _ if self.family == Family::Null => !says(values, "false"),
            _ if self.if_exists => true,
            Quantifier::All => true,
            Quantifier::Any => false,
            Quantifier::One => self.negated,
        }
    }
}

/// Whether each value of `inner`, as its operator reads it, is contained in some value of `outer`.
fn within_across(narrow: Family, inner: &BTreeSet<String>, wide: Family, outer: &BTreeSet<String>) -> bool {
    let plain = |text: &str| !glob::has_variable(text);
    let literal = |text: &str| plain(text) && !glob::is_pattern(text);
    let contains = |outer: &str, inner: &str| match (narrow, wide) {
        (Family::Text, Family::Pattern) => plain(inner) && plain(outer) && glob::matches(outer, inner),
        (Family::Text, Family::CaselessText) => plain(inner) && outer.eq_ignore_ascii_case(inner),
        (Family::Pattern, Family::Text) => literal(inner) && outer == inner,
        (Family::Pattern, Family::CaselessText) => literal(inner) && outer.eq_ignore_ascii_case(inner),
        _ => false,
    };
    match narrow == wide {
        true => !matches!(narrow, Family::Number | Family::Date) && within(narrow, inner, outer),
        false => inner.iter().all(|inner| outer.iter().any(|outer| contains(outer, inner))),
    }
}

/// Whether each value of `inner` is contained in some value of `outer`.
fn within(family: Family, inner: &BTreeSet<String>, outer: &BTreeSet<String>) -> bool {
    let contains = |outer: &str, inner: &str| match family {
        Family::Pattern => glob::contains(outer, inner),
        Family::Arn => glob::arn_contains(outer, inner),
        Family::Address => network::contains(outer, inner),
        Family::CaselessText | Family::Bool => outer.eq_ignore_ascii_case(inner),
        Family::Text | Family::Number | Family::Date | Family::Binary | Family::Null => outer == inner,
    };
    inner.iter().all(|inner| outer.iter().any(|outer| contains(outer, inner)))
}

/// The operators, without what may stand before and after them.
pub(super) fn names() -> impl Iterator<Item = &'static str> {
    BASES.iter().map(|(name, ..)| *name)
}

/// A regular expression for every operator, in any case.
pub(super) fn pattern() -> String {
    let caseless = |text: &str| -> String {
        let either = |c: char| format!("[{}{}]", c.to_ascii_uppercase(), c.to_ascii_lowercase());
        text.chars().map(|c| if c.is_ascii_alphabetic() { either(c) } else { c.to_string() }).collect()
    };
    let prefixes: Vec<String> = QUANTIFIERS.iter().map(|(prefix, _)| caseless(prefix)).collect();
    let bases: Vec<String> = names().map(caseless).collect();
    format!("^({})?({})({})?$", prefixes.join("|"), bases.join("|"), caseless(IF_EXISTS))
}

/// The nearest operator to one that this build does not know.
pub(super) fn nearest(text: &str) -> Option<&'static str> {
    did_you_mean(text, BASES.iter().map(|(name, ..)| *name))
}
