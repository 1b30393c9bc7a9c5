//! Parts of normal forms that several kinds share.

use std::borrow::Cow;
use std::collections::BTreeMap;

use reconciler_aws::CallError;
use reconciler_aws::client::Parts;
use reconciler_model::inventory::Unread;
use reconciler_model::kind::{self, Kind, Normalised, Origin};
use reconciler_model::tree::{ListKeys, Path};
use schemars::JsonSchema;
use serde::{Deserialize, Deserializer, Serialize, Serializer};
use serde_json::Value;

/// A decimal number of at most four places: thresholds, which some services answer with the noise of a binary float.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, JsonSchema)]
#[schemars(transparent)]
pub(crate) struct Decimal(#[schemars(with = "f64")] i64);

const PLACES: f64 = 10_000.0;

impl Serialize for Decimal {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_f64(self.0 as f64 / PLACES)
    }
}

impl<'de> Deserialize<'de> for Decimal {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let number = f64::deserialize(deserializer)?;
        if number.is_finite() && number.abs() < 1e9 {
            Ok(Self((number * PLACES).round() as i64))
        } else {
            Err(serde::de::Error::custom("expected a decimal number"))
        }
    }
}

/// `true`, for serde defaults.
pub(crate) fn yes() -> bool {
    true
}

/// Unknown fields by the path of the normal form: list indexes become natural keys, because the order of a live list is
/// random.
pub(crate) fn unknown_fields_by_key(
    source: &Value,
    unknown: Vec<(Path, Value)>,
    keys: &ListKeys,
) -> BTreeMap<String, Value> {
    unknown.into_iter().map(|(path, value)| (by_key(source, &path, keys).to_string(), value)).collect()
}

fn by_key(source: &Value, path: &Path, keys: &ListKeys) -> Path {
    let mut plain = Path::root();
    let mut named = Path::root();
    for segment in path.segments() {
        let list = kind::at(source, &plain).filter(|node| node.is_array());
        plain = plain.child(segment);
        let key = list.and_then(|_| keys.key_of(&named)).and_then(|key| kind::at(source, &plain)?.get(key)?.as_str());
        named = named.child(key.unwrap_or(segment));
    }
    named
}

/// The member of a tree that says what stands beside a resource and takes the effect of its declaration away. No declaration has
/// it, and none allows anything in it.
pub(crate) const OVERRULED: &str = "overruled";

/// The value of [`OVERRULED`] in a tree: what the resource client found, or nothing at all.
pub(crate) fn set_overruled(tree: &mut Value, spec: &Value, origin: Origin) {
    let found = spec.get(OVERRULED).filter(|_| origin == Origin::Live).cloned();
    if let Some(members) = tree.as_object_mut() {
        members.insert(OVERRULED.into(), found.unwrap_or_else(|| Value::Object(Default::default())));
    }
}

/// What the spec of this origin has beside its own members: in a declaration [`OVERRULED`] is unknown like any other.
pub(crate) fn overruled_of(origin: Origin) -> &'static [&'static str] {
    match origin {
        Origin::Live => &[OVERRULED],
        Origin::Declared => &[],
    }
}

/// A live resource in normal form, as far as it was read.
pub(crate) struct Seen {
    /// What was read, as the service answers it.
    pub(crate) live: Value,
    /// The tree, without the members that could not be read.
    pub(crate) tree: Value,
    /// Members that the normal form does not know.
    pub(crate) unknown: Vec<(Path, Value)>,
    /// The members that could not be read.
    pub(crate) unread: BTreeMap<String, Unread>,
}

/// Brings what was read into normal form. A member of `apart` whose answer makes no sense is one that could not be read; of
/// others, all of the resource is: those are written together with the rest.
///
/// # Errors
/// The answer makes no sense; `odd` says so in an error.
pub(crate) fn seen(
    kind: &dyn Kind,
    mut parts: Parts,
    apart: &[&str],
    odd: impl Fn(String) -> CallError,
) -> Result<Seen, CallError> {
    loop {
        let live = parts.live();
        let Normalised { mut tree, unknown, problems } = kind.normalise(&live, Origin::Live);
        if let Some(problem) = problems.first() {
            let error = odd(format!("{}: {}", problem.path, problem.detail));
            match problem.path.head().filter(|head| apart.contains(head) && parts.get(head).is_some()) {
                Some(head) => parts.miss(&[head], &error),
                None => return Err(error),
            }
            continue;
        }
        let unread = parts.into_unread();
        if let Some(members) = tree.as_object_mut() {
            members.retain(|member, _| !unread.contains_key(member));
        }
        return Ok(Seen { live, tree, unknown, unread });
    }
}

/// Removes the members that the service owns from an answer.
pub(crate) fn without(answer: &Value, owned: &[&str]) -> Value {
    let mut answer = answer.clone();
    if let Some(members) = answer.as_object_mut() {
        members.retain(|name, _| !owned.contains(&name.as_str()));
    }
    answer
}

/// Removes members that are `null`, at every level: an absent member is not sent.
pub(crate) fn without_nulls(tree: Value) -> Value {
    match tree {
        Value::Object(members) => Value::Object(
            members
                .into_iter()
                .filter(|(_, member)| !member.is_null())
                .map(|(name, member)| (name, without_nulls(member)))
                .collect(),
        ),
        Value::Array(items) => Value::Array(items.into_iter().map(without_nulls).collect()),
        scalar => scalar,
    }
}

/// A live answer without its `null` members, which are the same as absent ones; a declaration as it is, because there `null`
/// says "must be absent".
pub(crate) fn as_answered(spec: &Value, origin: Origin) -> Cow<'_, Value> {
    match origin {
        Origin::Live if has_nulls(spec) => Cow::Owned(without_nulls(spec.clone())),
        Origin::Live | Origin::Declared => Cow::Borrowed(spec),
    }
}

/// Whether a member is `null`, at any level. Most answers have none, and need no copy.
fn has_nulls(tree: &Value) -> bool {
    match tree {
        Value::Object(members) => members.values().any(|member| member.is_null() || has_nulls(member)),
        Value::Array(items) => items.iter().any(has_nulls),
        _ => false,
    }
}

/// The member of a declaration that names unknown members which a write may leave out.
pub(crate) const IGNORED: &str = "ignoreUnknown";

/// Whether the declaration says that a write may leave the unknown member at `path` out.
pub(crate) fn is_ignored(target: &Value, path: &Path) -> bool {
    let named = target.get(IGNORED).and_then(Value::as_array);
    named.into_iter().flatten().filter_map(Value::as_str).any(|name| {
        let Ok(name) = name.parse::<Path>();
        path.segments().starts_with(name.segments()) && !name.segments().is_empty()
    })
}

/// Lays the managed members of `target` over `live`: what the target does not mention keeps its live value.
pub(crate) fn laid_over(live: Option<&Value>, target: &Value) -> Value {
    let mut whole = live.cloned().unwrap_or_else(|| Value::Object(Default::default()));
    if let (Some(whole), Some(target)) = (whole.as_object_mut(), target.as_object()) {
        for (name, member) in target {
            whole.insert(name.clone(), member.clone());
        }
    }
    whole
}

/// Members with small first letters, as events of CloudTrail and answers of JSON services have them.
pub(crate) fn lowered(value: &Value) -> Value {
    let lower = |name: &String| -> String {
        let mut letters = name.chars();
        letters.next().map(|first| first.to_ascii_lowercase()).into_iter().chain(letters).collect()
    };
    match value {
        Value::Object(members) => members.iter().map(|(name, member)| (lower(name), lowered(member))).collect(),
        Value::Array(items) => items.iter().map(lowered).collect(),
        other => other.clone(),
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn float_noise_is_not_a_difference() {
        let read = |value: Value| serde_json::from_value::<Decimal>(value).expect("a number");
        assert_eq!(read(json!(0.800_000_011_920_929)), read(json!(0.8)));
        assert_eq!(serde_json::to_value(read(json!(0.75))).ok(), Some(json!(0.75)));
    }

    #[test]
    fn unknown_fields_are_named_by_natural_key() {
        let source = json!({"filters": [{"type": "B"}, {"type": "A", "new": 1}]});
        let keys = ListKeys::from([(&["filters"][..], "type")]);
        let unknown_fields = unknown_fields_by_key(&source, vec![(Path::of(["filters", "1", "new"]), json!(1))], &keys);
        assert_eq!(unknown_fields.keys().collect::<Vec<_>>(), ["filters.A.new"]);
    }
}
