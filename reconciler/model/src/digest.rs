//! Digests that do not depend on the order of members.

use std::fmt::Write as _;

use serde::Serialize;
use serde_json::Value;
use sha2::{Digest as _, Sha256};

/// The SHA-256 of `bytes`, as `sha256:` and 64 hexadecimal digits.
pub fn of_bytes(bytes: &[u8]) -> String {
    let mut text = String::with_capacity("sha256:".len() + 64);
    text.push_str("sha256:");
    for byte in Sha256::digest(bytes) {
        text.extend([byte >> 4, byte & 15].into_iter().filter_map(|digit| char::from_digit(digit.into(), 16)));
    }
    text
}

/// The SHA-256 of the canonical form of `value`: members sorted by name at every level, no white space.
///
/// Values that cannot be written as JSON have the digest of `null`; the types of this crate always can be.
pub fn of<T: Serialize + ?Sized>(value: &T) -> String {
    of_tree(&serde_json::to_value(value).unwrap_or(Value::Null))
}

/// As [`of`], for what is a tree already: without the copy.
pub fn of_tree(tree: &Value) -> String {
    of_bytes(canonical(tree).as_bytes())
}

/// The canonical text of a tree: members sorted by name at every level, no white space.
pub fn canonical(tree: &Value) -> String {
    let mut text = String::new();
    write_canonical(tree, &mut text);
    text
}

fn write_canonical(tree: &Value, text: &mut String) {
    match tree {
        Value::Object(members) => {
            let mut members: Vec<(&String, &Value)> = members.iter().collect();
            members.sort_by_key(|(name, _)| *name);
            text.push('{');
            for (index, (name, member)) in members.into_iter().enumerate() {
                if index > 0 {
                    text.push(',');
                }
                write_text(name, text);
                text.push(':');
                write_canonical(member, text);
            }
            text.push('}');
        }
        Value::Array(items) => {
            text.push('[');
            for (index, item) in items.iter().enumerate() {
                if index > 0 {
                    text.push(',');
                }
                write_canonical(item, text);
            }
            text.push(']');
        }
        Value::String(value) => write_text(value, text),
        scalar => {
            // Writing to a String cannot fail.
            let _ = write!(text, "{scalar}");
        }
    }
}

/// A JSON string. Most need no escapes.
fn write_text(value: &str, text: &mut String) {
    if value.bytes().all(|byte| byte >= b' ' && byte != b'"' && byte != b'\\') {
        text.push('"');
        text.push_str(value);
        text.push('"');
    } else {
        let _ = write!(text, "{}", Value::String(value.to_owned()));
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn member_order_does_not_matter_and_list_order_does() {
        assert_eq!(of(&json!({"a": 1, "b": {"c": 2, "d": 3}})), of(&json!({"b": {"d": 3, "c": 2}, "a": 1})));
        assert_ne!(of(&json!([1, 2])), of(&json!([2, 1])));
    }

    #[test]
    fn the_canonical_text_is_json_with_sorted_members() {
        let tree = json!({"b": ["quote \" back \\ line \n é \u{1}", 1.5, -3, true, null], "a\"": {}});
        assert_eq!(canonical(&tree), r#"{"a\"":{},"b":["quote \" back \\ line \n é \u0001",1.5,-3,true,null]}"#);
        assert_eq!(of(&tree), of_tree(&tree));
        assert_eq!(of_bytes(b""), "sha256:e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855");
    }
}
