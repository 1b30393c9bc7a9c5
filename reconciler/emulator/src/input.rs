//! Members of an input, whether a script wrote them or a form, in which everything is text.

use std::collections::BTreeMap;

use serde_json::{Map, Value};

/// The members of an input.
pub(crate) type Input = Map<String, Value>;

pub(crate) fn text<'a>(input: &'a Input, member: &str) -> Option<&'a str> {
    input.get(member).and_then(Value::as_str)
}

pub(crate) fn flag(input: &Input, member: &str) -> Option<bool> {
    input.get(member).and_then(as_flag)
}

pub(crate) fn as_flag(value: &Value) -> Option<bool> {
    match value {
        Value::Bool(flag) => Some(*flag),
        Value::String(text) => text.parse().ok(),
        _ => None,
    }
}

pub(crate) fn number(input: &Input, member: &str) -> Option<i64> {
    match input.get(member)? {
        Value::String(text) => text.parse().ok(),
        value => value.as_i64(),
    }
}

/// The texts of a list; empty when there is none.
pub(crate) fn texts(input: &Input, member: &str) -> Vec<String> {
    let items = input.get(member).and_then(Value::as_array).map(Vec::as_slice).unwrap_or_default();
    items.iter().filter_map(Value::as_str).map(str::to_owned).collect()
}

/// A list of `{Key, Value}`; None when an item has no key.
pub(crate) fn tags(input: &Input, member: &str) -> Option<BTreeMap<String, String>> {
    let items = input.get(member).and_then(Value::as_array).map(Vec::as_slice).unwrap_or_default();
    let tag = |item: &Value| {
        let value = item.get("Value").and_then(Value::as_str).unwrap_or_default();
        Some((item.get("Key")?.as_str()?.to_owned(), value.to_owned()))
    };
    items.iter().map(tag).collect()
}

/// Tags as `{Key, Value}`.
pub(crate) fn tag_list(tags: &BTreeMap<String, String>) -> Value {
    tags.iter().map(|(key, value)| serde_json::json!({"Key": key, "Value": value})).collect()
}
