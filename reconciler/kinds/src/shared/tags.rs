//! Tags: one form in declarations, whatever each service calls their members.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use serde_json::{Value, json};

/// What the members of a tag are called by a service: key and value.
pub(crate) type Names = (&'static str, &'static str);

pub(crate) const KEY_AND_VALUE: Names = ("Key", "Value");

#[derive(Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub(crate) struct Tag {
    /// The tag's key; those that begin with `aws:` are those of AWS.
    key: String,
    /// The tag's value; left out, it is empty.
    #[serde(default)]
    value: String,
}

/// The tags of a declaration: only those that are named are managed, and none of them protects.
#[derive(Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[schemars(extend("x-list-key" = "key", "x-granular" = true, "x-direction" = "neutral", "x-default" = {}))]
pub(crate) struct Tags(Vec<Tag>);

/// Whether a tag's key is one of those that AWS keeps to itself, in whatever case: nobody else can write them.
pub(crate) fn is_of_aws(key: &str) -> bool {
    key.get(..4).is_some_and(|start| start.eq_ignore_ascii_case("aws:"))
}

/// The tags of an answer as they are declared, but for those of AWS.
pub(crate) fn of_answer<'a>(rows: impl IntoIterator<Item = &'a Value>, (key, value): Names) -> Vec<Value> {
    let text = |row: &'a Value, member: &str| row.get(member).and_then(Value::as_str).unwrap_or_default();
    let own = rows.into_iter().filter(|row| !is_of_aws(text(row, key)));
    own.map(|row| json!({ "key": text(row, key), "value": text(row, value) })).collect()
}

/// Declared tags as a service takes them.
pub(crate) fn for_request<'a>(tags: impl IntoIterator<Item = &'a Value>, (key, value): Names) -> Vec<Value> {
    tags.into_iter().map(|tag| json!({ key: tag["key"], value: tag["value"] })).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn tags_of_aws_are_left_out_in_whatever_case() {
        let rows =
            [json!({"Key": "AWS:owner", "Value": "x"}), json!({"Key": "awsome", "Value": "y"}), json!({"Key": "é:"})];
        let own = of_answer(&rows, KEY_AND_VALUE);
        assert_eq!(own, [json!({"key": "awsome", "value": "y"}), json!({"key": "é:", "value": ""})]);
        assert_eq!(for_request(&own[..1], ("TagKey", "TagValue")), [json!({"TagKey": "awsome", "TagValue": "y"})]);
    }
}
