//! What a policy is attached to, as people write it.

use std::borrow::Cow;
use std::collections::BTreeSet;

use schemars::{JsonSchema, Schema, SchemaGenerator};
use serde::de::Error as _;
use serde::{Deserialize, Deserializer, Serialize, Serializer};
use serde_json::Value;

/// The one name of the root.
pub(crate) const ROOT: &str = "Root";

/// Targets in their canonical spelling. Written as a list; compared as a map, so that each target is a difference of its own.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Targets(BTreeSet<String>);

impl Serialize for Targets {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_map(self.0.iter().map(|target| (target, true)))
    }
}

impl<'de> Deserialize<'de> for Targets {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let read = |item: Value| match item {
            Value::String(text) => canonical(&text),
            // Twelve digits that a YAML reader took for a number.
            Value::Number(number) if is_account(&number.to_string()) => Ok(number.to_string()),
            other => Err(format!("expected `Root`, the path of a unit or an account id, found {other}")),
        };
        let items = Vec::<Value>::deserialize(deserializer)?;
        items.into_iter().map(read).collect::<Result<_, _>>().map(Self).map_err(D::Error::custom)
    }
}

impl JsonSchema for Targets {
    fn schema_name() -> Cow<'static, str> {
        "Targets".into()
    }

    fn json_schema(generator: &mut SchemaGenerator) -> Schema {
        Vec::<String>::json_schema(generator)
    }
}

/// Whether the text is the id of an account.
pub(crate) fn is_account(text: &str) -> bool {
    text.len() == 12 && text.bytes().all(|byte| byte.is_ascii_digit())
}

/// The one spelling of a target: `Root`, twelve digits, or the names of units from the root down.
///
/// A slash in front means nothing, but before a unit at the top that is called `Root` or like an account. A slash in the
/// name of a unit is written `%2F`.
///
/// # Errors
/// Says what is wrong with the text.
pub(crate) fn canonical(text: &str) -> Result<String, String> {
    if is_generated_id(text) {
        return Err(format!("`{text}` is an id that AWS generated; write `Root`, or the path of the unit"));
    }
    let path = text.trim_end_matches('/');
    let names = path.trim_start_matches('/');
    if names.is_empty() {
        let empty = || "an empty text is no target; the root is written `Root` or `/`".to_owned();
        return if text.is_empty() { Err(empty()) } else { Ok(ROOT.to_owned()) };
    }
    if names.split('/').any(|name| name.trim().is_empty()) {
        return Err(format!("`{text}` has an empty name between two slashes"));
    }
    Ok(if path.starts_with('/') { path_of(None, names) } else { names.to_owned() })
}

/// The path of a unit, or of further units, below a parent; `None` is the root.
pub(crate) fn path_of(parent: Option<&str>, names: &str) -> String {
    match parent {
        Some(parent) => format!("{parent}/{names}"),
        None if names == ROOT || is_account(names) => format!("/{names}"),
        None => names.to_owned(),
    }
}

/// The name of a unit as a part of a path.
pub(crate) fn segment(name: &str) -> String {
    name.replace('/', "%2F")
}

/// Whether the text has the form of the id of a root or unit.
fn is_generated_id(text: &str) -> bool {
    let word = |part: &str, least: usize| {
        part.len() >= least && part.bytes().all(|byte| byte.is_ascii_digit() || byte.is_ascii_lowercase())
    };
    match text.split('-').collect::<Vec<_>>()[..] {
        ["r", root] => word(root, 4),
        ["ou", root, unit] => word(root, 4) && word(unit, 8),
        _ => false,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_target_has_one_spelling() {
        for (written, meant) in [
            ("/", "Root"),
            ("Root", "Root"),
            ("Workloads/Production/", "Workloads/Production"),
            ("/Workloads", "Workloads"),
            ("111122223333", "111122223333"),
            // Units with confusing names.
            ("/Root", "/Root"),
            ("/111122223333", "/111122223333"),
            ("Root/Inner", "Root/Inner"),
        ] {
            assert_eq!(canonical(written).as_deref(), Ok(meant), "{written}");
            assert_eq!(canonical(meant).as_deref(), Ok(meant));
        }
        for wrong in ["", "Workloads//Production", "r-ab12", "ou-ab12-abcdefgh"] {
            assert!(canonical(wrong).is_err(), "{wrong}");
        }
    }

    #[test]
    fn targets_are_a_list_in_and_a_map_out() {
        let targets: Targets =
            serde_json::from_value(serde_json::json!(["/", 111122223333_u64, "A/B", "/A/B"])).expect("targets");
        let map = serde_json::json!({"111122223333": true, "A/B": true, "Root": true});
        assert_eq!(serde_json::to_value(&targets).expect("a map"), map);
    }
}
