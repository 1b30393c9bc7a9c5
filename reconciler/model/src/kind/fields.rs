//! What the typed spec of a kind says of its members beside their types, in extensions of its schema.
//!
//! Purpose: whatever is the same in each resource of a kind is written once, at the field that it is about. A member that is
//! renamed takes it along, and one that does not exist cannot be named.
//!
//! | extension | of | meaning |
//! |---|---|---|
//! | `x-list-key` | a list | the member of its elements by which they are known |
//! | `x-direction` | a member | what protects more ([`Rule`]) |
//! | `x-default` | a top-level member | what the service has where nothing is written |
//! | `x-granular` | a top-level member | it is managed element by element |
//! | `x-atomic` | a member or an element | it is one difference where one side lacks it |
//! | `x-whole` | a member | its members mean nothing apart: it is one difference whatever differs in it, and kept or put back whole |
//! | `x-unreported` | a top-level member | some answers leave it out, whatever was written |
//! | `x-policy-document` | a member | it is a policy document, which is compared by what it says |

use std::sync::LazyLock;

use schemars::Schema;
use serde_json::Value;

use crate::direction::{Direction, Rule};
use crate::schema::variants;
use crate::tree::{ANY, ListKeys, Path, Pattern};

/// The deepest that a spec goes: types that contain themselves end here.
const DEEPEST: usize = 12;

/// What the extensions of a schema say, by the place of the member in the tree.
#[derive(Debug, Default)]
pub struct Fields {
    list_keys: ListKeys,
    directions: Vec<(Pattern, Rule)>,
    defaults: Vec<(Pattern, Value)>,
    granular: Vec<Pattern>,
    atomic: Vec<Pattern>,
    whole: Vec<Pattern>,
    unreported: Vec<Pattern>,
    policies: Vec<Pattern>,
    malformed: Vec<String>,
}

/// Those of a kind without a spec.
pub static NO_FIELDS: LazyLock<Fields> = LazyLock::new(Fields::default);

impl Fields {
    /// Reads the extensions of a schema.
    pub fn of(schema: &Schema) -> Self {
        let mut fields = Self::default();
        fields.read(schema.as_value(), schema.as_value(), &mut Vec::new());
        fields
    }

    /// The same members once more below `member`, which holds another state of the resource: what is published, say. Such a
    /// member is one difference where one side lacks it, and only what a declaration names of it is managed.
    #[must_use]
    pub fn and_below(mut self, member: &str) -> Self {
        fn doubled<T: Clone>(all: &mut Vec<(Pattern, T)>, member: &str) {
            all.extend(all.clone().into_iter().map(|(pattern, what)| (pattern.below(member), what)));
        }
        self.list_keys = self.list_keys.and_below(member);
        doubled(&mut self.directions, member);
        self.policies.extend(self.policies.clone().into_iter().map(|pattern| pattern.below(member)));
        for places in [&mut self.atomic, &mut self.whole] {
            places.extend(places.clone().into_iter().map(|pattern| pattern.below(member)));
        }
        let itself = Pattern::of([member]);
        self.directions.push((itself.clone(), Rule::Presence));
        self.granular.push(itself.clone());
        self.atomic.push(itself);
        self
    }

    fn read(&mut self, root: &Value, node: &Value, way: &mut Vec<String>) {
        if way.len() > DEEPEST {
            return;
        }
        let nodes = variants(root, node);
        // An extension at the field wins over one at its type.
        let said = |name: &str| nodes.iter().find_map(|node| node.get(name));
        let is_said = |name: &str| said(name) == Some(&Value::Bool(true));
        let here = Pattern::of(way.iter().map(String::as_str));
        if let Some(rule) = said("x-direction") {
            match serde_json::from_value(rule.clone()) {
                Ok(rule) => self.directions.push((here.clone(), rule)),
                Err(error) => self.malformed.push(format!("{here}: {error}")),
            }
        }
        match said("x-list-key") {
            Some(Value::String(key)) => self.list_keys.insert(here.clone(), key),
            Some(other) => self.malformed.push(format!("{here}: {other} is not the name of a member")),
            None => {}
        }
        if let Some(default) = said("x-default") {
            self.defaults.push((here.clone(), default.clone()));
        }
        let marks = [
            ("x-granular", &mut self.granular),
            ("x-atomic", &mut self.atomic),
            ("x-whole", &mut self.whole),
            ("x-unreported", &mut self.unreported),
            ("x-policy-document", &mut self.policies),
        ];
        for (name, places) in marks {
            if is_said(name) {
                places.push(here.clone());
            }
        }
        for node in nodes {
            for (name, member) in node.get("properties").and_then(Value::as_object).into_iter().flatten() {
                way.push(name.clone());
                self.read(root, member, way);
                way.pop();
            }
            for below in ["items", "additionalProperties"] {
                if let Some(element) = node.get(below).filter(|element| element.is_object()) {
                    way.push(ANY.to_owned());
                    self.read(root, element, way);
                    way.pop();
                }
            }
        }
    }

    /// Which member of their elements the lists of the tree are keyed by.
    pub fn list_keys(&self) -> &ListKeys {
        &self.list_keys
    }

    /// The direction of one difference, by the rule of its member; unknown where it has none.
    pub fn direction(&self, path: &Path, live: Option<&Value>, want: Option<&Value>) -> Direction {
        let segments = path.segments();
        let exact = self.directions.iter().find(|(pattern, _)| pattern.matches(segments));
        if let Some((_, rule)) = exact {
            return rule.direction(live, want);
        }
        // What says the same of whatever differs says it of what is below, too.
        let constant = |rule: &Rule| matches!(rule, Rule::Neutral | Rule::Weakened);
        let above = self.directions.iter().filter(|(pattern, rule)| constant(rule) && pattern.is_above(segments));
        above
            .max_by_key(|(pattern, _)| pattern.len())
            .map_or(Direction::Unknown, |(_, rule)| rule.direction(live, want))
    }

    /// Writes out what the service has where nothing is written: in the place of `null`.
    pub fn write_defaults(&self, tree: &mut Value) {
        let Some(members) = tree.as_object_mut() else { return };
        for (pattern, default) in &self.defaults {
            let member = pattern.head().and_then(|name| members.get_mut(name));
            if let Some(value) = member.filter(|value| value.is_null()) {
                *value = default.clone();
            }
        }
    }

    /// Top-level members that are managed element by element.
    pub fn granular(&self) -> impl Iterator<Item = &str> {
        self.granular.iter().filter_map(Pattern::head)
    }

    /// Whether what is at `path` is one difference where one side lacks it.
    pub fn is_atomic(&self, path: &Path) -> bool {
        self.atomic.iter().any(|pattern| pattern.matches(path.segments()))
    }

    /// The member above `path` of which the members mean nothing apart.
    pub fn whole_above(&self, path: &Path) -> Option<Path> {
        let segments = path.segments();
        let above = self.whole.iter().filter(|pattern| pattern.len() < segments.len() && pattern.is_above(segments));
        let length = above.map(Pattern::len).min()?;
        Some(Path::of(segments[..length].iter().cloned()))
    }

    /// Whether answers leave the member out, whatever was written.
    pub fn is_unreported(&self, path: &Path) -> bool {
        self.unreported.iter().any(|pattern| pattern.head().is_some() && pattern.head() == path.head())
    }

    /// Top-level members that some answers leave out.
    pub fn unreported(&self) -> impl Iterator<Item = &str> {
        self.unreported.iter().filter_map(Pattern::head)
    }

    /// Where policy documents sit in the tree.
    pub fn policies(&self) -> &[Pattern] {
        &self.policies
    }

    /// Extensions that nobody can read, which a test of the kinds does not allow.
    pub fn malformed(&self) -> &[String] {
        &self.malformed
    }
}

#[cfg(test)]
mod tests {
    use schemars::JsonSchema;
    use serde_json::json;

    use super::*;

    #[derive(JsonSchema)]
    #[expect(dead_code, reason = "only the schema is looked at")]
    #[schemars(extend("x-atomic" = true))]
    struct Filter {
        name: String,
        #[schemars(extend("x-direction" = {"ladder": ["LOW", "HIGH"]}))]
        strength: Option<String>,
        below: Vec<Filter>,
    }

    #[derive(JsonSchema)]
    #[expect(dead_code, reason = "only the schema is looked at")]
    struct Spec {
        #[schemars(extend("x-list-key" = "name", "x-direction" = "presence"))]
        filters: Option<Vec<Filter>>,
        #[schemars(extend("x-direction" = "neutral", "x-granular" = true, "x-default" = {}))]
        tags: Option<Vec<String>>,
        #[schemars(extend("x-direction" = "stronger"))]
        wrong: bool,
        #[schemars(extend("x-whole" = true))]
        cipher: Cipher,
    }

    #[derive(JsonSchema)]
    #[expect(dead_code, reason = "only the schema is looked at")]
    struct Cipher {
        name: String,
        key: Option<String>,
    }

    fn fields() -> Fields {
        Fields::of(&schemars::schema_for!(Spec)).and_below("published")
    }

    #[test]
    fn a_member_is_found_where_the_tree_has_it_whatever_its_type_contains() {
        let fields = fields();
        let (low, high) = (json!("LOW"), json!("HIGH"));
        let strength = Path::of(["filters", "HATE", "strength"]);
        assert_eq!(fields.direction(&strength, Some(&low), Some(&high)), Direction::Weakened);
        let published = Path::of(["published", "filters", "HATE", "strength"]);
        assert_eq!(fields.direction(&published, Some(&high), Some(&low)), Direction::Strengthened);
        assert_eq!(fields.list_keys().key_of(&Path::of(["filters"])), Some("name"));
        assert_eq!(fields.list_keys().key_of(&Path::of(["published", "filters"])), Some("name"));
        assert_eq!(fields.list_keys().key_of(&Path::of(["tags"])), None);
        assert!(fields.is_atomic(&Path::of(["filters", "HATE"])) && fields.is_atomic(&Path::of(["published"])));
        assert_eq!(fields.granular().collect::<Vec<_>>(), ["tags", "published"]);
        assert_eq!(fields.whole_above(&Path::of(["cipher", "key"])), Some(Path::of(["cipher"])));
        assert_eq!(
            fields.whole_above(&Path::of(["published", "cipher", "key"])),
            Some(Path::of(["published", "cipher"]))
        );
        assert_eq!(fields.whole_above(&Path::of(["cipher"])), None);
    }

    #[test]
    fn what_is_the_same_of_every_difference_is_so_below_too() {
        let fields = fields();
        assert_eq!(fields.direction(&Path::of(["tags", "a", "value"]), None, None), Direction::Neutral);
        assert_eq!(fields.direction(&Path::of(["filters", "a", "b"]), None, Some(&json!(1))), Direction::Unknown);
    }

    #[test]
    fn a_rule_that_does_not_exist_is_told() {
        assert_eq!(fields().malformed().len(), 1);
        assert!(fields().malformed()[0].starts_with("wrong: "));
        let mut tree = json!({"tags": null, "wrong": null});
        fields().write_defaults(&mut tree);
        assert_eq!(tree, json!({"tags": {}, "wrong": null}));
    }
}
