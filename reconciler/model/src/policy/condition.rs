//! Condition operators, and when one condition follows from another.

use std::collections::BTreeSet;

use super::document::{Caseless, Conditions};
use super::{glob, network};

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
    /// Numbers and dates: compared as text only where it can be told.
    Ordered,
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
    ("NumericEquals", Family::Ordered, false),
    ("NumericNotEquals", Family::Ordered, true),
    ("NumericLessThan", Family::Ordered, false),
    ("NumericLessThanEquals", Family::Ordered, false),
    ("NumericGreaterThan", Family::Ordered, false),
    ("NumericGreaterThanEquals", Family::Ordered, false),
    ("DateEquals", Family::Ordered, false),
    ("DateNotEquals", Family::Ordered, true),
    ("DateLessThan", Family::Ordered, false),
    ("DateLessThanEquals", Family::Ordered, false),
    ("DateGreaterThan", Family::Ordered, false),
    ("DateGreaterThanEquals", Family::Ordered, false),
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
/// Each test of `wide` must follow from the test of `narrow` with the same operator and key. More values make a positive
/// operator wider and a negated one narrower; unknown operators follow from themselves only.
pub(super) fn implies(narrow: &Conditions, wide: &Conditions) -> bool {
    wide.iter().all(|(operator, tests)| {
        tests.iter().all(|(key, values)| {
            narrow.get(operator).and_then(|tests| tests.get(key)).is_some_and(|given| follows(operator, given, values))
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

/// Whether each value of `inner` is contained in some value of `outer`.
fn within(family: Family, inner: &BTreeSet<String>, outer: &BTreeSet<String>) -> bool {
    let contains = |outer: &str, inner: &str| match family {
        Family::Pattern => glob::contains(outer, inner),
        Family::Arn => glob::arn_contains(outer, inner),
        Family::Address => network::contains(outer, inner),
        Family::CaselessText | Family::Bool => outer.eq_ignore_ascii_case(inner),
        Family::Text | Family::Ordered | Family::Binary | Family::Null => outer == inner,
    };
    inner.iter().all(|inner| outer.iter().any(|outer| contains(outer, inner)))
}
