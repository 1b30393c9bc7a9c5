//! What a policy is attached to, as people write it.

use std::borrow::Cow;
use std::collections::{BTreeMap, BTreeSet};

pub(crate) use reconciler_aws::client::ANY;
use reconciler_aws::client::twin;
use schemars::{JsonSchema, Schema, SchemaGenerator, json_schema};
use serde::de::Error as _;
use serde::{Deserialize, Deserializer, Serialize, Serializer};
use serde_json::{Map, Value};

/// The one name of the root.
pub(crate) const ROOT: &str = "Root";

/// The member of an external id that holds what targets are pinned to, where they lead elsewhere today.
pub(crate) const PINNED: &str = "pinned";

/// What units are called.
#[derive(Debug, Clone)]
pub(crate) struct Names<'a> {
    /// Ids by path, as they are today and as far as they are known.
    pub(crate) units: &'a Map<String, Value>,
    /// Ids by path, as they are pinned; [`ANY`] where a declared path is not.
    pub(crate) pinned: Map<String, Value>,
}

impl Names<'_> {
    /// Whether every unit that a declaration names is known by its id.
    pub(crate) fn are_all_pinned(&self) -> bool {
        !self.pinned.is_empty() && self.pinned.values().all(|id| id != ANY)
    }

    /// The ids of a policy's targets by name; `None` when one is a unit that is not among the known ones.
    pub(crate) fn of_targets(&self, rows: &[Value]) -> Option<Map<String, Value>> {
        self.named(rows, |_| None)
    }

    /// The same, where a unit that is not known is called by its id.
    pub(crate) fn of_targets_by_id(&self, rows: &[Value]) -> Map<String, Value> {
        self.named(rows, |id| Some(twin("", id))).unwrap_or_default()
    }

    fn named(&self, rows: &[Value], unknown: impl Fn(&str) -> Option<String>) -> Option<Map<String, Value>> {
        let today: BTreeMap<&str, &str> =
            self.units.iter().filter_map(|(path, id)| Some((id.as_str()?, path.as_str()))).collect();
        let unit = |id: &str| {
            if let Some((path, _)) = self.pinned.iter().find(|(_, pinned)| *pinned == id) {
                return Some(path.clone());
            }
            match today.get(id) {
                // The declaration means another one by this path.
                Some(path) if self.pinned.get(*path).is_some_and(|pinned| pinned != ANY) => Some(twin(path, id)),
                Some(path) => Some((*path).to_owned()),
                None => unknown(id),
            }
        };
        let text = |row: &Value, member: &str| row.get(member).and_then(Value::as_str).unwrap_or("").to_owned();
        let name = |row: &Value| match text(row, "Type").as_str() {
            "ROOT" => Some(ROOT.to_owned()),
            "ACCOUNT" => Some(text(row, "TargetId")),
            _ => unit(&text(row, "TargetId")),
        };
        rows.iter().map(|row| Some((name(row)?, row.get("TargetId")?.clone()))).collect()
    }
}

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

    fn json_schema(_: &mut SchemaGenerator) -> Schema {
        json_schema!({
            "type": "array",
            "items": {
                "description": "`Root`, the path of a unit such as `Workloads/Production`, or the twelve digits of an account.",
                "type": ["string", "integer"],
                "minimum": 100_000_000_000_u64,
                "maximum": 999_999_999_999_u64,
                "minLength": 1,
                // Ids that AWS generated, and names that are empty: see `canonical`.
                "not": {"type": "string", "pattern": GENERATED_OR_EMPTY},
            },
        })
    }
}

/// What [`canonical`] refuses.
const GENERATED_OR_EMPTY: &str = r"^(r-[0-9a-z]{4,}|ou-[0-9a-z]{4,}-[0-9a-z]{8,})$|[^/]/\s*/+\s*[^/\s]|^\s+$";

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
pub(crate) fn is_generated_id(text: &str) -> bool {
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
    use serde_json::json;

    use super::*;

    fn object(value: serde_json::Value) -> Map<String, Value> {
        value.as_object().cloned().expect("an object")
    }

    #[test]
    fn an_unknown_unit_is_no_target() {
        let units = object(json!({"Workloads": "ou-ab12-11111111", "Twice": null}));
        let row = |id: &str, kind: &str| json!({"TargetId": id, "Type": kind});
        let unit = |id: &str| row(id, "ORGANIZATIONAL_UNIT");
        let known = [row("r-ab12", "ROOT"), row("111122223333", "ACCOUNT"), unit("ou-ab12-11111111")];
        let named = json!({"Root": "r-ab12", "111122223333": "111122223333", "Workloads": "ou-ab12-11111111"});
        let names = Names { units: &units, pinned: Map::new() };
        assert_eq!(names.of_targets(&known).map(Value::Object), Some(named));
        assert_eq!(names.of_targets(&[unit("ou-ab12-22222222")]), None);
    }

    #[test]
    fn a_pinned_unit_keeps_its_name_and_nothing_takes_it() {
        let units = object(json!({"A": "ou-ab12-22222222", "B": "ou-ab12-11111111"}));
        let unit = |id: &str| json!({"TargetId": id, "Type": "ORGANIZATIONAL_UNIT"});
        let names = Names { units: &units, pinned: object(json!({"A": "ou-ab12-11111111"})) };
        let rows = [unit("ou-ab12-11111111"), unit("ou-ab12-22222222")];
        let named = json!({"A": "ou-ab12-11111111", "A#ou-ab12-22222222": "ou-ab12-22222222"});
        assert_eq!(names.of_targets(&rows).map(Value::Object), Some(named.clone()));
        for name in named.as_object().into_iter().flatten().map(|(name, _)| name) {
            assert_eq!(canonical(name).as_ref(), Ok(name));
        }
        // Without the tree, another one has no name, and is none of those that are declared.
        let dark = Names { units: &Map::new(), ..names.clone() };
        assert!(dark.are_all_pinned() && dark.of_targets(&rows).is_none());
        let named = json!({"A": "ou-ab12-11111111", "#ou-ab12-22222222": "ou-ab12-22222222"});
        assert_eq!(Value::Object(dark.of_targets_by_id(&rows)), named);
        assert_eq!(canonical("#ou-ab12-22222222").as_deref(), Ok("#ou-ab12-22222222"));
        let unpinned = Names { pinned: object(json!({"A": "ou-ab12-11111111", "B": "*"})), ..names };
        assert!(!unpinned.are_all_pinned());
    }

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
