//! What the schema says of one member of a declaration, for people who write declarations.
//!
//! Expected flow: a path such as `guardrail.contentPolicy.filters.inputStrength` is followed through the published schema, and
//! what stands there is said in words; where the path leads nowhere, the nearest member is named.

use serde::Serialize;
use serde_json::{Map, Value, json};

use super::schema::{self, REFERENCE};
use crate::diagnostic::did_you_mean;
use crate::direction::{Direction, Rule};
use crate::kind::Kind;
use crate::open_enum::OTHER;
use crate::schema::variants;
use crate::tree::Path;

/// What is called like a kind and is none: `organization.yaml`.
const ORGANIZATION: &str = "organization";
/// The deepest that members are looked for by their name alone.
const DEEPEST: usize = 8;

/// What is said of a member, for programs too.
#[derive(Debug, Clone, PartialEq, Serialize, schemars::JsonSchema)]
pub struct Explained {
    /// The path, from the kind.
    pub path: String,
    /// What it is for.
    pub description: String,
    /// What may stand there: `text`, `list of Filter`, and so on.
    pub r#type: String,
    /// Whether a declaration has to have it.
    pub required: bool,
    /// Whether `null` may stand there: the member must be absent, or has no value.
    pub nullable: bool,
    /// The values that it may have, where they are few.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub values: Vec<Value>,
    /// Whether a value that this build does not know may be written as `other:VALUE`.
    pub other_values: bool,
    /// The least number.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub minimum: Option<Value>,
    /// The greatest number.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub maximum: Option<Value>,
    /// What it means where it is left out of what holds it.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub default: Option<Value>,
    /// What the service has where nothing is written.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub aws_default: Option<Value>,
    /// Which value protects more.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub protects: Option<String>,
    /// The member of its elements by which drift knows them.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub list_key: Option<String>,
    /// What else is particular about it.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub remarks: Vec<String>,
    /// The members below it.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub members: Vec<Member>,
}

/// A member in the list of what holds it.
#[derive(Debug, Clone, PartialEq, Serialize, schemars::JsonSchema)]
pub struct Member {
    /// Its name.
    pub name: String,
    /// What may stand there.
    pub r#type: String,
    /// Whether a declaration has to have it.
    pub required: bool,
    /// The first sentence of its description.
    pub about: String,
}

/// A path that leads nowhere.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Unknown {
    /// What was found.
    pub detail: String,
    /// What to write instead.
    pub remedy: String,
}

/// What stands at `path`: a kind, or a member of its declarations. The name `spec` may be left out; elements of lists may be left
/// out or named, as in the paths of a plan.
///
/// # Errors
/// Nothing stands there.
pub fn explain(kinds: &[&dyn Kind], path: &str) -> Result<Explained, Unknown> {
    let root = schema::schema(kinds);
    let (name, rest) = path.split_once('.').unwrap_or((path, ""));
    let names = || kinds.iter().map(|kind| kind.name()).chain([ORGANIZATION]);
    let node = names().find(|known| *known == name).and_then(|name| root.get("$defs")?.get(name));
    let Some(node) = node else {
        let remedy = match did_you_mean(name, names()) {
            Some(near) => format!("did you mean `{near}`?"),
            None => format!("the kinds are {}", names().collect::<Vec<_>>().join(", ")),
        };
        return Err(Unknown { detail: format!("`{name}` is no kind"), remedy });
    };
    let kind = kinds.iter().find(|kind| kind.name() == name).copied();
    let Ok(rest) = rest.parse::<Path>();
    let mut at = Place { root: &root, node, required: true, way: vec![name.to_owned()] };
    let declaration = at.clone();
    // The members of the spec are what is asked for: `guardrail` is the guardrail, and `guardrail.where` its declaration's.
    let spec = kind.and_then(|_| at.member("spec"));
    if let Some(spec) = &spec {
        at = Place { way: declaration.way.clone(), ..spec.clone() };
    }
    for (index, segment) in rest.segments().iter().enumerate() {
        let beside = if index == 0 { declaration.member(segment) } else { None };
        let next = at.member(segment).or(beside);
        let last = index + 1 == rest.segments().len();
        match next {
            Some(next) if index == 0 && segment == "spec" && spec.is_some() => {
                at = Place { way: at.way.clone(), ..next };
            }
            Some(next) => at = next,
            // An element, by its key or its place.
            None if at.is_list() && (!last || at.looks_like_an_element(segment)) => {}
            None => return Err(at.unknown(segment, &declaration, kind.is_some())),
        }
    }
    Ok(at.explained(kind))
}

/// A place in the schema, and the way to it.
#[derive(Clone)]
struct Place<'a> {
    root: &'a Value,
    node: &'a Value,
    required: bool,
    way: Vec<String>,
}

impl<'a> Place<'a> {
    fn variants(&self) -> Vec<&'a Value> {
        variants(self.root, self.node)
    }

    /// What is said at the place itself, or else at what it refers to.
    fn said(&self, name: &str) -> Option<&'a Value> {
        self.variants().into_iter().find_map(|node| node.get(name))
    }

    /// The nodes that may stand here, and below it where it is a list.
    fn elements(&self) -> Vec<&'a Value> {
        let mut found = self.variants();
        let mut next = 0;
        while let Some(node) = found.get(next).copied() {
            let items = node.get("items").filter(|items| items.is_object());
            for below in items.into_iter().flat_map(|items| variants(self.root, items)) {
                if !found.iter().any(|known| std::ptr::eq(*known, below)) {
                    found.push(below);
                }
            }
            next += 1;
        }
        found
    }

    fn is_list(&self) -> bool {
        self.variants().iter().any(|node| node.get("items").is_some())
    }

    /// Whether a last segment can name an element: what is misspelt like a member is no element.
    fn looks_like_an_element(&self, segment: &str) -> bool {
        let names = self.members();
        segment == "*"
            || segment.bytes().all(|byte| byte.is_ascii_digit())
            || did_you_mean(segment, names.iter().map(|(name, _)| *name)).is_none()
    }

    /// The members below, each with whether it has to be there.
    fn members(&self) -> Vec<(&'a str, bool)> {
        let mut found: Vec<(&str, bool)> = Vec::new();
        for node in self.elements() {
            let required: Vec<&Value> = node.get("required").and_then(Value::as_array).into_iter().flatten().collect();
            for name in node.get("properties").and_then(Value::as_object).into_iter().flat_map(Map::keys) {
                if !found.iter().any(|(known, _)| known == name) {
                    found.push((name, required.iter().any(|one| *one == name)));
                }
            }
        }
        found
    }

    fn member(&self, name: &str) -> Option<Self> {
        let (known, required) = self.members().into_iter().find(|(known, _)| *known == name)?;
        let nodes = self.elements();
        let named = nodes.iter().find_map(|node| node.get("properties")?.get(known).filter(|node| node.is_object()));
        let node = named.or_else(|| {
            // A name that is there for completion only: what is said of it is said of all.
            nodes
                .iter()
                .find_map(|node| node.get("patternProperties")?.as_object()?.values().find(|node| node.is_object()))
        })?;
        let way = self.way.iter().cloned().chain([name.to_owned()]).collect();
        Some(Self { root: self.root, node, required, way })
    }

    fn unknown(&self, segment: &str, declaration: &Self, has_spec: bool) -> Unknown {
        let beside = if self.way.len() == 1 && has_spec { declaration.members() } else { Vec::new() };
        let names: Vec<&str> =
            self.members().into_iter().chain(beside).map(|(name, _)| name).filter(|name| *name != "spec").collect();
        let here = self.way.join(".");
        let detail = format!("`{here}` has no `{segment}`");
        let mut elsewhere = declaration.paths_of(segment);
        let is_near = did_you_mean(segment, names.iter().copied()).is_some();
        if elsewhere.is_empty() && !is_near {
            let all = declaration.names_below();
            elsewhere = did_you_mean(segment, all).map(|near| declaration.paths_of(near)).unwrap_or_default();
        }
        let remedy = match did_you_mean(segment, names.iter().copied()) {
            Some(near) if elsewhere.is_empty() => format!("did you mean `{here}.{near}`?"),
            _ if !elsewhere.is_empty() => format!("did you mean {}?", quoted(&elsewhere)),
            _ if names.is_empty() => format!("there is nothing below `{here}`"),
            _ => format!("its members are {}", names.join(", ")),
        };
        Unknown { detail, remedy }
    }

    /// The paths of members of this name, however deep, but for what is in a policy document.
    fn paths_of(&self, name: &str) -> Vec<String> {
        let mut found = Vec::new();
        let mut open = vec![(self.clone(), 0)];
        while let Some((place, depth)) = open.pop() {
            for (member, _) in place.members() {
                let Some(below) = place.member(member) else { continue };
                if member == name {
                    found.push(below.way.iter().filter(|part| *part != "spec").cloned().collect::<Vec<_>>().join("."));
                }
                if depth < DEEPEST && below.said("x-policy-document").is_none() {
                    open.push((below, depth + 1));
                }
            }
        }
        found.sort_by_key(|path| (path.len(), path.clone()));
        found.truncate(3);
        found
    }

    /// The names of all members, however deep.
    fn names_below(&self) -> Vec<&'a str> {
        let mut found = Vec::new();
        let mut open = vec![(self.clone(), 0)];
        while let Some((place, depth)) = open.pop() {
            for (name, _) in place.members() {
                found.push(name);
                let below = place.member(name).filter(|below| below.said("x-policy-document").is_none());
                open.extend(below.filter(|_| depth < DEEPEST).map(|below| (below, depth + 1)));
            }
        }
        found
    }

    /// Whether it is one of many names that mean the same kind of thing, as operators do.
    fn is_by_pattern(&self, name: &str) -> bool {
        self.elements()
            .iter()
            .any(|node| node.pointer("/properties").and_then(|all| all.get(name)) == Some(&Value::Bool(true)))
    }

    /// What may stand here, in words.
    fn type_in_words(&self) -> String {
        let nodes = self.variants();
        if self.said("x-policy-document").is_some() {
            return "policy document".to_owned();
        }
        let mut words: Vec<String> = Vec::new();
        let mut add = |word: String| {
            if !words.contains(&word) {
                words.push(word);
            }
        };
        for node in nodes {
            let is_reference = node.get("pattern").and_then(Value::as_str) == Some(REFERENCE);
            let types = match node.get("type") {
                Some(Value::Array(types)) => types.iter().collect(),
                Some(one) => vec![one],
                None => Vec::new(),
            };
            for one in types.into_iter().filter_map(Value::as_str) {
                match one {
                    "string" if !is_reference => add("text".to_owned()),
                    "boolean" => add("true or false".to_owned()),
                    "integer" => add("whole number".to_owned()),
                    "number" => add("number".to_owned()),
                    "object" => add("mapping".to_owned()),
                    "array" => add(match node.get("items").filter(|items| items.is_object()) {
                        Some(items) => {
                            let element = Self { node: items, ..self.clone() }.type_in_words();
                            let elements: Vec<String> = element.split(" or ").map(plural).collect();
                            format!("list of {}", elements.join(" or "))
                        }
                        None => "list".to_owned(),
                    }),
                    _ => {}
                }
            }
            if let (Some(value), None) = (node.get("const"), node.get("type")) {
                add(shown(value));
            }
        }
        // A word of a vocabulary is listed with its values.
        if words.is_empty() && !self.values().is_empty() {
            words.push("text".to_owned());
        }
        words.join(" or ")
    }

    fn values(&self) -> Vec<Value> {
        let lists = self.variants().into_iter().filter_map(|node| node.get("enum").and_then(Value::as_array));
        lists.flatten().filter(|value| !value.is_null()).cloned().collect()
    }

    fn is_nullable(&self) -> bool {
        self.variants().into_iter().any(|node| {
            let is_null = |one: &Value| *one == "null";
            node.get("type")
                .is_some_and(|one| is_null(one) || one.as_array().is_some_and(|all| all.iter().any(is_null)))
                || node.get("enum").and_then(Value::as_array).is_some_and(|all| all.contains(&Value::Null))
        })
    }

    fn description(&self) -> String {
        self.said("description").and_then(Value::as_str).unwrap_or_default().to_owned()
    }

    fn explained(&self, kind: Option<&dyn Kind>) -> Explained {
        let is_kind = self.way.len() == 1;
        let is_marked = |name: &str| self.said(name) == Some(&Value::Bool(true));
        let mut remarks = Vec::new();
        for (mark, remark) in [
            ("x-granular", "managed element by element: what is not declared is left alone"),
            ("x-atomic", "one difference where one side lacks it"),
            ("x-unreported", "some regions do not report it"),
        ] {
            if is_marked(mark) {
                remarks.push(remark.to_owned());
            }
        }
        let mut description = self.description();
        if let (Some(kind), true) = (kind, is_kind) {
            let contract = kind.contract();
            contract.about.clone_into(&mut description);
            remarks.push(format!("lives in {}", contract.scope.in_words()));
            if let Some(name) = contract.singleton {
                remarks.push(format!("there is one in each place, always named `{name}`"));
            }
            if !contract.outputs.is_empty() {
                let names: Vec<&str> = contract.outputs.iter().map(|output| output.name).collect();
                remarks.push(format!(
                    "others may refer to ${{ref:{}/NAME.FIELD}}: its members, and {}",
                    contract.name,
                    names.join(", ")
                ));
            }
            remarks.push("members of every declaration: kind, name, where, controls, whenStronger, spec".to_owned());
        }
        let members = self.members().into_iter().filter_map(|(name, required)| {
            let place = self.member(name)?;
            let about = match self.is_by_pattern(name) {
                true => String::new(),
                false => first_sentence(&place.description()).to_owned(),
            };
            Some(Member { name: name.to_owned(), r#type: place.type_in_words(), required, about })
        });
        // What is said of a kind as a whole is not about the text of its declaration.
        let here = |name: &str| self.said(name).filter(|_| !is_kind).cloned();
        Explained {
            path: self.way.join("."),
            description,
            r#type: if is_kind { "kind".to_owned() } else { self.type_in_words() },
            required: self.required && !is_kind,
            nullable: self.is_nullable() && !is_kind,
            values: self.values(),
            other_values: self
                .variants()
                .into_iter()
                .any(|node| node.get("pattern") == Some(&format!("^{OTHER}").into())),
            minimum: here("minimum").filter(|least| *least != 0),
            maximum: here("maximum").filter(|most| most.as_u64().is_none_or(|most| most < u64::from(u32::MAX))),
            default: here("default"),
            // A list by key is a map in the tree, and none here.
            aws_default: here("x-default").map(|default| if default == json!({}) { json!([]) } else { default }),
            protects: self.protects(kind),
            list_key: here("x-list-key").and_then(|key| key.as_str().map(str::to_owned)).filter(|key| key != "0"),
            remarks,
            members: members.collect(),
        }
    }

    /// Which value protects more: as the schema says it, or else as the kind judges examples.
    fn protects(&self, kind: Option<&dyn Kind>) -> Option<String> {
        if self.way.len() == 1 {
            return None;
        }
        if let Some(Ok(rule)) = self.said("x-direction").map(|rule| serde_json::from_value::<Rule>(rule.clone())) {
            return Some(in_words(&rule));
        }
        let [_, member] = &self.way[..] else { return None };
        let kind = kind
            .filter(|kind| kind.contract().schema().as_value().pointer(&format!("/properties/{member}")).is_some())?;
        let path = Path::of([member.as_str()]);
        let judge = |live: Value, want: Value| kind.direction(&path, Some(&live), Some(&want));
        let is_of = |name: &str| self.type_in_words() == name;
        let text = if is_of("true or false") {
            match judge(false.into(), true.into()) {
                Direction::Weakened => "`true`",
                Direction::Strengthened => "`false`",
                Direction::Neutral => NEUTRAL,
                Direction::Unknown => return None,
            }
        } else if is_of("whole number") || is_of("number") {
            match (judge(1.into(), 2.into()), self.is_nullable().then(|| kind.direction(&path, Some(&1.into()), None)))
            {
                (Direction::Weakened, Some(Direction::Weakened)) => "the greater number, and `null` is the strongest",
                (Direction::Weakened, _) => "the greater number",
                (Direction::Strengthened, _) => "the smaller number",
                _ => return None,
            }
        } else {
            return None;
        };
        Some(text.to_owned())
    }
}

const NEUTRAL: &str = "neither: it says nothing about protection";

/// A rule of what protects more, in words: what completes "stronger is".
fn in_words(rule: &Rule) -> String {
    match rule {
        Rule::Switch => "`true`".to_owned(),
        Rule::More => "the greater number".to_owned(),
        Rule::Less => "the smaller number".to_owned(),
        Rule::Set => "one element more".to_owned(),
        Rule::Exceptions => "one element less".to_owned(),
        Rule::Presence => "being there".to_owned(),
        Rule::Ladder(ladder) => format!("the later of {}", ladder.join(", ")),
        Rule::Neutral => NEUTRAL.to_owned(),
        Rule::Weakened => "the declared value: whatever differs from it is weaker".to_owned(),
    }
}

/// A value as it is written in a declaration.
fn shown(value: &Value) -> String {
    value.as_str().map_or_else(|| value.to_string(), |text| format!("`{text}`"))
}

fn plural(word: &str) -> String {
    match word {
        "text" => "texts".to_owned(),
        "mapping" => "mappings".to_owned(),
        "whole number" => "whole numbers".to_owned(),
        "number" => "numbers".to_owned(),
        other => other.to_owned(),
    }
}

fn quoted(paths: &[String]) -> String {
    paths.iter().map(|path| format!("`{path}`")).collect::<Vec<_>>().join(" or ")
}

/// The text up to its first full stop that ends a sentence.
fn first_sentence(text: &str) -> &str {
    let end = text
        .match_indices(['.', '\n'])
        .find(|(at, _)| text[at + 1..].is_empty() || text[at + 1..].starts_with([' ', '\n']));
    end.map_or(text, |(at, _)| &text[..at])
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_sentence_ends_at_a_full_stop_and_not_in_a_name() {
        assert_eq!(first_sentence("Use `a.b` here. More."), "Use `a.b` here");
        assert_eq!(first_sentence("From 0 to 0.99: more"), "From 0 to 0.99: more");
        assert_eq!(first_sentence(""), "");
    }

    #[test]
    fn a_path_that_leads_nowhere_names_the_nearest() {
        let unknown = explain(&[], "organisation").expect_err("no kind");
        assert_eq!(unknown.remedy, "did you mean `organization`?");
        let unknown = explain(&[], "organization.accounts.nmae").expect_err("no member");
        assert_eq!(unknown.remedy, "did you mean `organization.accounts.name`?");
        let id = explain(&[], "organization.accounts.0.id").expect("a member");
        assert!(id.required && id.description.contains("Twelve digits"), "{id:?}");
    }
}
