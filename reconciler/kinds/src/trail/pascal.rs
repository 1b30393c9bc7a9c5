//! The names of CloudTrail's members begin with a capital letter, those of declarations with a small one.

use serde_json::{Map, Value};

/// The value with the first letter of every member name in lower case.
pub(super) fn lowered(value: &Value) -> Value {
    renamed(value, |first| first.to_ascii_lowercase())
}

/// The value with the first letter of every member name in upper case.
pub(super) fn raised(value: &Value) -> Value {
    renamed(value, |first| first.to_ascii_uppercase())
}

fn renamed(value: &Value, first: fn(char) -> char) -> Value {
    match value {
        Value::Object(members) => Value::Object(
            members.iter().map(|(name, member)| (rename(name, first), renamed(member, first))).collect::<Map<_, _>>(),
        ),
        Value::Array(items) => Value::Array(items.iter().map(|item| renamed(item, first)).collect()),
        scalar => scalar.clone(),
    }
}

fn rename(name: &str, first: fn(char) -> char) -> String {
    let mut letters = name.chars();
    letters.next().map(first).into_iter().chain(letters).collect()
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn names_change_and_values_do_not() {
        let answer =
            json!({"TagsList": [{"Key": "Team", "Value": "Ops"}], "S3BucketName": "Logs", "SnsTopicARN": null});
        let lower = json!({"tagsList": [{"key": "Team", "value": "Ops"}], "s3BucketName": "Logs", "snsTopicARN": null});
        assert_eq!(lowered(&answer), lower);
        assert_eq!(raised(&lower), answer);
    }
}
