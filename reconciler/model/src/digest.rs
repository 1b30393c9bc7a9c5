//! Digests that do not depend on the order of members.

use std::fmt::Write as _;

use serde::Serialize;
use serde_json::Value;
use sha2::{Digest as _, Sha256};

/// The SHA-256 of `bytes`, as `sha256:` and 64 hexadecimal digits.
pub fn of_bytes(bytes: &[u8]) -> String {
    let mut text = String::from("sha256:");
    for byte in Sha256::digest(bytes) {
        // Writing to a String cannot fail.
        let _ = write!(text, "{byte:02x}");
    }
    text
}

/// The SHA-256 of the canonical form of `value`: members sorted by name at every level, no white space.
///
/// Values that cannot be written as JSON have the digest of `null`; the types of this crate always can be.
pub fn of<T: Serialize + ?Sized>(value: &T) -> String {
    let tree = serde_json::to_value(value).unwrap_or(Value::Null);
    of_bytes(canonical(&tree).as_bytes())
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
            let mut names: Vec<&String> = members.keys().collect();
            names.sort();
            text.push('{');
            for (index, name) in names.into_iter().enumerate() {
                if index > 0 {
                    text.push(',');
                }
                text.push_str(&Value::String(name.clone()).to_string());
                text.push(':');
                write_canonical(&members[name], text);
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
        scalar => text.push_str(&scalar.to_string()),
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
}
