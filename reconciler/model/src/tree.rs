//! The tree that declarations and live answers are both turned into, and the difference of two trees.
//!
//! Guarantees: lists whose elements have a natural key are maps by that key, so order cannot matter; `null` and an
//! absent member are the same; comparison is equality of values, with no per-field comparator anywhere.

use std::collections::BTreeMap;
use std::fmt;
use std::str::FromStr;

use schemars::{JsonSchema, Schema, SchemaGenerator};
use serde::{Deserialize, Deserializer, Serialize, Serializer};
use serde_json::map::Entry;
use serde_json::{Map, Value};

/// Where a value is in a tree: `contentPolicy.filters.HATE.inputStrength`.
///
/// A segment that holds anything but letters, digits, `_`, `-`, `/`, `:` and `+` is written between double quotes.
#[derive(Debug, Clone, PartialEq, Eq, Hash, PartialOrd, Ord, Default)]
pub struct Path(Vec<String>);

impl Path {
    /// The path of the root.
    pub fn root() -> Self {
        Self::default()
    }

    /// A path of these segments.
    pub fn of<S: Into<String>>(segments: impl IntoIterator<Item = S>) -> Self {
        Self(segments.into_iter().map(Into::into).collect())
    }

    /// The path of a member or element below this one.
    #[must_use]
    pub fn child(&self, segment: impl Into<String>) -> Self {
        let mut segments = self.0.clone();
        segments.push(segment.into());
        Self(segments)
    }

    /// Goes down to a member or element.
    pub fn push(&mut self, segment: impl Into<String>) {
        self.0.push(segment.into());
    }

    /// Goes up again.
    pub fn pop(&mut self) {
        self.0.pop();
    }

    /// The segments from the root down.
    pub fn segments(&self) -> &[String] {
        &self.0
    }

    /// The segments as text slices, for matching.
    pub fn parts(&self) -> Vec<&str> {
        self.0.iter().map(String::as_str).collect()
    }

    /// The first segment.
    pub fn head(&self) -> Option<&str> {
        self.0.first().map(String::as_str)
    }
}

impl fmt::Display for Path {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let bare = |segment: &str| {
            !segment.is_empty()
                && segment.chars().all(|c| c.is_alphanumeric() || matches!(c, '_' | '-' | '/' | ':' | '+'))
        };
        for (index, segment) in self.0.iter().enumerate() {
            if index > 0 {
                f.write_str(".")?;
            }
            if bare(segment) {
                f.write_str(segment)?;
            } else {
                // As JSON, which is how it is read: Rust's own quoting escapes letters that JSON does not.
                write!(f, "{}", Value::from(segment.as_str()))?;
            }
        }
        Ok(())
    }
}

impl FromStr for Path {
    type Err = std::convert::Infallible;

    /// Reads what `Display` writes; an unbalanced quote is taken as text.
    fn from_str(text: &str) -> Result<Self, Self::Err> {
        let mut segments = Vec::new();
        let mut rest = text;
        while !rest.is_empty() {
            let segment = match quoted(rest) {
                Some((segment, length)) => {
                    rest = &rest[length..];
                    segment
                }
                None => {
                    let end = rest.find('.').unwrap_or(rest.len());
                    let segment = rest[..end].to_owned();
                    rest = &rest[end..];
                    segment
                }
            };
            segments.push(segment);
            rest = rest.strip_prefix('.').unwrap_or(rest);
        }
        Ok(Self(segments))
    }
}

/// The text between the quotes that `text` begins with, and how long it is with them.
fn quoted(text: &str) -> Option<(String, usize)> {
    if !text.starts_with('"') {
        return None;
    }
    let mut read = serde_json::Deserializer::from_str(text).into_iter::<String>();
    let segment = read.next()?.ok()?;
    Some((segment, read.byte_offset()))
}

impl JsonSchema for Path {
    fn schema_name() -> std::borrow::Cow<'static, str> {
        "Path".into()
    }

    fn json_schema(_: &mut SchemaGenerator) -> Schema {
        schemars::json_schema!({
            "type": "string",
            "description": "Where in a resource: segments with dots between them, between quotes where they have odd characters.",
        })
    }
}

impl Serialize for Path {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(self)
    }
}

impl<'de> Deserialize<'de> for Path {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        match String::deserialize(deserializer)?.parse() {
            Ok(path) => Ok(path),
            Err(never) => match never {},
        }
    }
}

/// Stands for any segment in a [`Pattern`].
pub const ANY: &str = "*";

/// Paths that are alike: segment by segment, where [`ANY`] is whatever is there.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Pattern(Vec<String>);

impl Pattern {
    /// A pattern of these segments.
    pub fn of<'s>(segments: impl IntoIterator<Item = &'s str>) -> Self {
        Self(segments.into_iter().map(str::to_owned).collect())
    }

    /// The same below a member.
    #[must_use]
    pub fn below(&self, member: &str) -> Self {
        Self([member.to_owned()].into_iter().chain(self.0.iter().cloned()).collect())
    }

    /// Its segments.
    pub fn segments(&self) -> &[String] {
        &self.0
    }

    /// How many segments it has.
    pub fn len(&self) -> usize {
        self.0.len()
    }

    /// Whether it is that of the root.
    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    /// Its only segment, where it is that of a top-level member.
    pub fn head(&self) -> Option<&str> {
        match &self.0[..] {
            [member] => Some(member),
            _ => None,
        }
    }

    /// Whether a path is one of these.
    pub fn matches(&self, segments: &[String]) -> bool {
        self.0.len() == segments.len() && self.is_above(segments)
    }

    /// Whether a path is one of these, or lies below one.
    pub fn is_above(&self, segments: &[String]) -> bool {
        self.0.len() <= segments.len() && self.0.iter().zip(segments).all(|(one, name)| one == ANY || one == name)
    }
}

impl fmt::Display for Pattern {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0.join("."))
    }
}

/// Says, for the path of a list, which member of its elements is their natural key; lists without one are plain sets.
#[derive(Debug, Clone, Default)]
pub struct ListKeys(Vec<(Pattern, String)>);

impl ListKeys {
    /// No list has a key.
    pub const NONE: &'static Self = &Self(Vec::new());

    /// The list at these places is keyed by this member.
    pub fn insert(&mut self, list: Pattern, key: &str) {
        self.0.push((list, key.to_owned()));
    }

    /// The same lists once more below a member.
    #[must_use]
    pub fn and_below(mut self, member: &str) -> Self {
        self.0.extend(self.0.clone().into_iter().map(|(list, key)| (list.below(member), key)));
        self
    }

    /// The natural key of the list at `path`.
    pub fn key_of(&self, path: &Path) -> Option<&str> {
        self.0.iter().find(|(list, _)| list.matches(&path.0)).map(|(_, key)| key.as_str())
    }
}

impl<'s, const N: usize> From<[(&'s [&'s str], &'s str); N]> for ListKeys {
    fn from(lists: [(&'s [&'s str], &'s str); N]) -> Self {
        Self(lists.into_iter().map(|(list, key)| (Pattern::of(list.iter().copied()), key.to_owned())).collect())
    }
}

/// Two elements of one list have the same natural key.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("`{key}` appears more than once in {list}")]
pub struct RepeatedKey {
    /// The list.
    pub list: Path,
    /// The repeated key.
    pub key: String,
}

/// Turns every list that has a natural key into a map by that key, and sorts every other list as a set.
///
/// # Errors
/// Fails when one key appears twice in one list: which of the two would hold is not ours to choose.
pub fn keyed(tree: Value, keys: &ListKeys) -> Result<Value, RepeatedKey> {
    keyed_at(None, tree, keys, Repeated::IsAnError)
}

/// As [`keyed`], of what is there already: elements that are equal are one, and of those that share a key and differ, each
/// but the first in order of their text has a key that says so (see [`is_repeated`]). So a resource that holds one name
/// twice can be compared, and put back.
pub fn keyed_apart(tree: Value, keys: &ListKeys) -> Value {
    // It never fails so: each element has a key of its own.
    keyed_at(None, tree, keys, Repeated::IsApart).unwrap_or(Value::Null)
}

/// What comes after the key of an element whose key another element has too.
const AGAIN: &str = " (repeated ";

/// Whether `path` leads to, or into, an element whose natural key another element of the list has too.
pub fn is_repeated(path: &Path) -> bool {
    path.segments().iter().any(|segment| {
        let number = segment.rsplit_once(AGAIN).and_then(|(_, end)| end.strip_suffix(')'));
        number.is_some_and(|number| number.parse::<usize>().is_ok())
    })
}

/// What becomes of two elements with one natural key.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Repeated {
    IsAnError,
    IsApart,
}

/// The way to a node, from its last segment up. A path is made of it only where one is told.
struct Way<'w> {
    above: Option<&'w Way<'w>>,
    name: &'w str,
}

impl<'w> Way<'w> {
    /// Its segments, from the last one up.
    fn upwards(way: Option<&'w Self>) -> impl Iterator<Item = &'w str> {
        std::iter::successors(way, |way| way.above).map(|way| way.name)
    }

    fn path(way: Option<&Self>) -> Path {
        let mut segments: Vec<String> = Way::upwards(way).map(str::to_owned).collect();
        segments.reverse();
        Path(segments)
    }

    /// Whether it is one of these.
    fn matches(way: Option<&Self>, pattern: &Pattern) -> bool {
        let mut upwards = Way::upwards(way);
        pattern.0.iter().rev().all(|one| upwards.next().is_some_and(|name| one == ANY || one == name))
            && upwards.next().is_none()
    }
}

fn keyed_at(way: Option<&Way<'_>>, tree: Value, keys: &ListKeys, repeated: Repeated) -> Result<Value, RepeatedKey> {
    match tree {
        Value::Object(mut members) => {
            for (name, member) in &mut members {
                // Nothing changes below a scalar, and most members are one.
                if member.is_object() || member.is_array() {
                    *member = keyed_at(Some(&Way { above: way, name }), member.take(), keys, repeated)?;
                }
            }
            Ok(Value::Object(members))
        }
        Value::Array(mut items) => match keys.0.iter().find(|(list, _)| Way::matches(way, list)) {
            Some((_, key)) => {
                let mut map = Map::new();
                let mut again: BTreeMap<String, Vec<Value>> = BTreeMap::new();
                for item in items {
                    let name = match item.get(key) {
                        Some(Value::String(text)) => text.clone(),
                        Some(other) => other.to_string(),
                        None => String::new(),
                    };
                    let element = keyed_at(Some(&Way { above: way, name: &name }), item, keys, repeated)?;
                    match map.entry(name) {
                        Entry::Vacant(place) => _ = place.insert(element),
                        Entry::Occupied(taken) if repeated == Repeated::IsApart => {
                            again.entry(taken.key().clone()).or_default().push(element);
                        }
                        Entry::Occupied(taken) => {
                            return Err(RepeatedKey { list: Way::path(way), key: taken.key().clone() });
                        }
                    }
                }
                for (name, elements) in again {
                    set_apart(&mut map, &name, elements);
                }
                Ok(Value::Object(map))
            }
            None => {
                items.sort_by_cached_key(Value::to_string);
                items.dedup();
                Ok(Value::Array(items))
            }
        },
        scalar => Ok(scalar),
    }
}

/// Gives elements that share the key `name` with one in the map keys of their own, whatever order they came in.
fn set_apart(map: &mut Map<String, Value>, name: &str, mut elements: Vec<Value>) {
    elements.extend(map.remove(name));
    elements.sort_by_cached_key(Value::to_string);
    elements.dedup();
    let mut number = 1;
    for element in elements {
        let mut own = if number == 1 { name.to_owned() } else { format!("{name}{AGAIN}{number})") };
        while map.contains_key(&own) {
            number += 1;
            own = format!("{name}{AGAIN}{number})");
        }
        number += 1;
        map.insert(own, element);
    }
}

/// Turns the maps that [`keyed`] made back into lists, in the order of their keys.
pub fn listed(tree: &Value, keys: &ListKeys) -> Value {
    listed_at(&Path::root(), tree, keys)
}

fn listed_at(path: &Path, tree: &Value, keys: &ListKeys) -> Value {
    match tree {
        Value::Object(members) if keys.key_of(path).is_some() => {
            let mut names: Vec<&String> = members.keys().collect();
            names.sort();
            Value::Array(names.into_iter().map(|name| listed_at(&path.child(name), &members[name], keys)).collect())
        }
        Value::Object(members) => Value::Object(
            members.iter().map(|(name, member)| (name.clone(), listed_at(&path.child(name), member, keys))).collect(),
        ),
        other => other.clone(),
    }
}

/// Calls `leaf` for each value that has no members, with its path; a list is one value.
pub fn each_leaf(tree: &Value, leaf: &mut impl FnMut(&Path, &Value)) {
    fn walk(node: &Value, path: &mut Path, leaf: &mut impl FnMut(&Path, &Value)) {
        match node {
            Value::Object(members) => members.iter().for_each(|(name, member)| {
                path.push(name);
                walk(member, path, leaf);
                path.pop();
            }),
            node => leaf(path, node),
        }
    }
    walk(tree, &mut Path::root(), leaf);
}

/// The value at `path`; `None` when it is absent or `null`.
pub fn get<'a>(tree: &'a Value, path: &Path) -> Option<&'a Value> {
    path.segments().iter().try_fold(tree, |node, segment| node.get(segment)).filter(|value| !value.is_null())
}

/// Puts `value` at `path`, making the objects on the way; `None` removes what is there.
pub fn set(tree: &mut Value, path: &Path, value: Option<Value>) {
    let Some((last, way)) = path.segments().split_last() else {
        *tree = value.unwrap_or(Value::Null);
        return;
    };
    let mut node = tree;
    for segment in way {
        if !node.is_object() {
            if value.is_none() {
                return;
            }
            *node = Value::Object(Map::new());
        }
        let Value::Object(members) = node else { return };
        node = members.entry(segment.clone()).or_insert(Value::Null);
    }
    match (node, value) {
        (Value::Object(members), Some(value)) => {
            members.insert(last.clone(), value);
        }
        (Value::Object(members), None) => {
            members.remove(last);
        }
        (node, Some(value)) => *node = Value::Object(Map::from_iter([(last.clone(), value)])),
        (_, None) => {}
    }
}

/// The top-level members of `tree` that `like` also has, even where `like` has them as `null`.
pub fn restricted(tree: &Value, like: &Value) -> Value {
    match (tree, like) {
        (Value::Object(members), Value::Object(shape)) => Value::Object(
            shape.keys().map(|name| (name.clone(), members.get(name).cloned().unwrap_or(Value::Null))).collect(),
        ),
        _ => tree.clone(),
    }
}

/// One place where two trees differ.
#[derive(Debug, Clone, PartialEq)]
pub struct Difference {
    /// Where.
    pub path: Path,
    /// What is on the left, `None` when absent.
    pub left: Option<Value>,
    /// What is on the right, `None` when absent.
    pub right: Option<Value>,
}

/// Every place where `left` and `right` differ, in the order of their paths.
///
/// An element that one side lacks is one difference, not one for each of its members. `whole` names top-level members
/// that are reported in one piece when one side lacks them.
pub fn differences(left: &Value, right: &Value, whole: &[&str]) -> Vec<Difference> {
    differences_where(left, right, &|path| {
        path.segments().len() == 1 && path.head().is_some_and(|head| whole.contains(&head))
    })
}

/// As [`differences`], with what is reported in one piece told by its path.
pub fn differences_where(left: &Value, right: &Value, whole: &dyn Fn(&Path) -> bool) -> Vec<Difference> {
    let mut found = Vec::new();
    compare(&Path::root(), Some(left), Some(right), whole, &mut found);
    found
}

fn compare(
    path: &Path,
    left: Option<&Value>,
    right: Option<&Value>,
    whole: &dyn Fn(&Path) -> bool,
    found: &mut Vec<Difference>,
) {
    let left = left.filter(|value| !value.is_null());
    let right = right.filter(|value| !value.is_null());
    if left == right {
        return;
    }
    let lists_elements =
        |value: &Value| value.as_object().is_some_and(|members| members.values().any(Value::is_object));
    let descend = match (left, right) {
        (Some(Value::Object(_)), Some(Value::Object(_))) => true,
        (Some(one), None) | (None, Some(one)) => lists_elements(one) && !whole(path),
        _ => false,
    };
    if !descend {
        found.push(Difference { path: path.clone(), left: left.cloned(), right: right.cloned() });
        return;
    }
    let mut names: Vec<&String> = Vec::new();
    for side in [left, right] {
        names.extend(side.and_then(Value::as_object).into_iter().flat_map(Map::keys));
    }
    names.sort();
    names.dedup();
    for name in names {
        let [one, two] = [left, right].map(|side| side.and_then(|value| value.get(name)));
        // Nothing is to be told of what is equal, and most of it is.
        if one != two {
            compare(&path.child(name), one, two, whole, found);
        }
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn keys() -> ListKeys {
        ListKeys::from([(&["filters"][..], "type")])
    }

    #[test]
    fn order_of_a_keyed_list_and_of_a_set_does_not_matter() {
        let one = json!({"filters": [{"type": "B"}, {"type": "A"}], "set": ["y", "x"]});
        let two = json!({"filters": [{"type": "A"}, {"type": "B"}], "set": ["x", "y", "x"]});
        assert_eq!(keyed(one, &keys()), keyed(two, &keys()));
    }

    #[test]
    fn a_repeated_key_is_refused() {
        let tree = json!({"filters": [{"type": "A", "n": 1}, {"type": "A", "n": 2}]});
        assert_eq!(keyed(tree, &keys()).map_err(|repeated| repeated.key), Err("A".to_owned()));
    }

    #[test]
    fn what_is_there_twice_is_set_apart_and_what_is_equal_is_one() {
        let element = |n: u8| json!({"type": "A", "n": n});
        let map = keyed_apart(json!({"filters": [element(2), element(1), element(2)]}), &keys());
        assert_eq!(map, json!({"filters": {"A": element(1), "A (repeated 2)": element(2)}}));
        assert_eq!(keyed_apart(json!({"filters": [element(1), element(2)]}), &keys()), map);
        assert_eq!(listed(&map, &keys()), json!({"filters": [element(1), element(2)]}));
        // Somebody took the name that the second one would get: nothing is lost.
        let taken = json!({"type": "A (repeated 2)"});
        let map = keyed_apart(json!({"filters": [element(1), element(2), taken]}), &keys());
        assert_eq!(map["filters"].as_object().map(Map::len), Some(3));
        assert!(is_repeated(&Path::of(["filters", "A (repeated 3)", "n"])));
        assert!(!is_repeated(&Path::of(["filters", "A (repeated)", "n"])));
    }

    #[test]
    fn listing_undoes_keying() {
        let tree = json!({"filters": [{"type": "A"}, {"type": "B"}], "set": ["x"]});
        let map = keyed(tree.clone(), &keys()).expect("no repeated key");
        assert_eq!(listed(&map, &keys()), tree);
    }

    #[test]
    fn a_missing_element_is_one_difference_and_a_missing_section_is_one_for_each_element() {
        let want = json!({"p": {"filters": {"A": {"s": "HIGH"}, "B": {"s": "LOW"}}, "tier": {"name": "X"}}});
        let paths = |live: Value| -> Vec<String> {
            differences(&live, &want, &[]).into_iter().map(|one| one.path.to_string()).collect()
        };
        assert_eq!(
            paths(json!({"p": {"filters": {"A": {"s": "NONE"}}, "tier": {"name": "X"}}})),
            ["p.filters.A.s", "p.filters.B"]
        );
        assert_eq!(paths(json!({"p": null})), ["p.filters.A", "p.filters.B", "p.tier"]);
        assert_eq!(differences(&json!({}), &want, &["p"]).len(), 1);
    }

    #[test]
    fn paths_are_read_as_they_are_written() {
        for path in [Path::of(["topics", "Investment advice.", "type"]), Path::of(["a", "", "b"]), Path::of(["a\"b"])] {
            let text = path.to_string();
            assert_eq!(text.parse::<Path>(), Ok(path), "{text}");
        }
    }

    #[test]
    fn setting_and_removing() {
        let mut tree = json!({"a": null});
        set(&mut tree, &Path::of(["a", "b", "c"]), Some(json!(1)));
        assert_eq!(tree, json!({"a": {"b": {"c": 1}}}));
        set(&mut tree, &Path::of(["a", "b", "c"]), None);
        set(&mut tree, &Path::of(["x", "y"]), None);
        assert_eq!(get(&tree, &Path::of(["a", "b", "c"])), None);
        assert_eq!(tree["a"]["b"], json!({}));
    }
}
