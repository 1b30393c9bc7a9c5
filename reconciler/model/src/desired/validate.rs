//! What a kind says about a spec, as diagnostics at their places.

use std::borrow::Cow;

use serde_json::Value;

use super::declaration::Declaration;
use crate::codes;
use crate::diagnostic::{Diagnostic, Problem, did_you_mean};
use crate::documents;
use crate::kind::{Kind, Origin};
use crate::schema::variants;
use crate::tree::Path;

/// Brings a spec into normal form and checks it; `None` when there is none.
///
/// `unsettled` tells of paths whose value is not known yet: what a kind says about them is left for later.
pub(super) fn spec(
    kind: &dyn Kind,
    declaration: &Declaration,
    spec: &Value,
    unsettled: impl Fn(&Path) -> bool,
    problems: &mut Vec<Diagnostic>,
) -> Option<Value> {
    let mut report = |problem: Problem| {
        if unsettled(&problem.path) {
            return;
        }
        let place = declaration.place_of(&problem.path);
        let detail = match problem.path.segments() {
            [] => problem.detail,
            _ => format!("{}: {}", problem.path, problem.detail),
        };
        let found = Diagnostic::new(problem.code, place, detail, problem.remedy);
        // What is read twice is found twice.
        if !problems.contains(&found) {
            problems.push(found);
        }
    };
    let mut spec = Cow::Borrowed(spec);
    let mut well_formed = true;
    let normalised = loop {
        let mut normalised = kind.normalise(&spec, Origin::Declared);
        // Deserialising stops at the first value of a wrong type. Without the top-level member that it is in, the others
        // are read too.
        let stopped = normalised.problems.iter().find(|problem| problem.code == codes::WRONG_SHAPE);
        let head = stopped.and_then(|problem| problem.path.head().map(str::to_owned));
        let removed = head.and_then(|head| spec.to_mut().as_object_mut().and_then(|members| members.remove(&head)));
        if removed.is_none() {
            break normalised;
        }
        well_formed = false;
        normalised.problems.drain(..).for_each(&mut report);
    };
    well_formed = well_formed && normalised.problems.is_empty();
    normalised.problems.into_iter().for_each(&mut report);
    if well_formed {
        // A check on a part of a spec would complain about what is only missing because it could not be read.
        kind.check(&normalised.tree).into_iter().for_each(&mut report);
        documents::problems(kind, &normalised.tree).into_iter().for_each(&mut report);
    }
    let unknown = normalised.unknown.iter().map(|(path, _)| unknown_member(kind, declaration, path));
    problems.extend(unknown);
    well_formed.then_some(normalised.tree)
}

/// The ARNs of a spec that are of another partition than the organization: nothing of it can be reached from here. What policy
/// documents name, one of which may be for several partitions, is theirs to say.
pub(super) fn other_partitions(
    kind: &dyn Kind,
    declaration: &Declaration,
    spec: &Value,
    partition: &str,
) -> Vec<Diagnostic> {
    let mut found = Vec::new();
    // Most specs have none, and no paths have to be made for them.
    if !has_arn(spec) {
        return found;
    }
    let mut open = vec![(Path::root(), spec)];
    while let Some((path, value)) = open.pop() {
        let policies = kind.contract().fields().policies();
        let is_policy = policies.iter().any(|place| place.matches(path.segments()));
        match value {
            _ if is_policy => {}
            Value::Object(members) => open.extend(members.iter().map(|(name, member)| (path.child(name), member))),
            Value::Array(items) => {
                open.extend(items.iter().enumerate().map(|(index, item)| (path.child(index.to_string()), item)));
            }
            Value::String(text) => {
                let parts: Vec<&str> = text.splitn(6, ':').collect();
                if let ["arn", other, _, _, _, _] = parts[..]
                    && other.starts_with("aws")
                    && other != partition
                {
                    let detail =
                        format!("{path}: `{text}` is of the partition {other}, and the organization is in {partition}");
                    let place = Some(declaration.place_within(&path, 0));
                    found.push(Diagnostic::new(codes::CONTRADICTION, place, detail, "write `arn:${partition}:...`"));
                }
            }
            _ => {}
        }
    }
    found
}

fn has_arn(value: &Value) -> bool {
    match value {
        Value::String(text) => text.starts_with("arn:"),
        Value::Array(items) => items.iter().any(has_arn),
        Value::Object(members) => members.values().any(has_arn),
        _ => false,
    }
}

fn unknown_member(kind: &dyn Kind, declaration: &Declaration, path: &Path) -> Diagnostic {
    let place = Some(declaration.place_of_key(path));
    let name = path.segments().last().map_or("", String::as_str);
    if let Some((_, right)) = kind.contract().request_side_names.iter().find(|(request, _)| *request == name) {
        let detail = format!("{path}: `{name}` is what the request calls it");
        return Diagnostic::new(codes::REQUEST_SIDE_NAME, place, detail, format!("write `{right}`"));
    }
    let above = Path::of(path.segments().iter().take(path.segments().len().saturating_sub(1)).cloned());
    let known = known_members(kind.contract().schema().as_value(), &above);
    let remedy = match did_you_mean(name, known.iter().map(String::as_str)) {
        Some(near) => format!("did you mean `{near}`?"),
        None if known.is_empty() => format!("remove it; a {} has no such key here", kind.name()),
        None => format!("remove it; the keys here are {}", known.join(", ")),
    };
    Diagnostic::new(codes::UNKNOWN_MEMBER, place, format!("{path}: a {} has no `{name}` here", kind.name()), remedy)
}

/// The names that a schema has for the members at a path of the source.
pub(super) fn known_members(schema: &Value, path: &Path) -> Vec<String> {
    let mut nodes = variants(schema, schema);
    for segment in path.segments() {
        nodes = nodes
            .iter()
            .filter_map(|node| {
                let member = node.get("properties").and_then(|properties| properties.get(segment));
                member.or_else(|| node.get("items")).or_else(|| node.get("additionalProperties"))
            })
            .flat_map(|node| variants(schema, node))
            .collect();
    }
    let properties = nodes.iter().filter_map(|node| node.get("properties").and_then(Value::as_object));
    let mut names: Vec<String> = properties.flat_map(|members| members.keys().cloned()).collect();
    names.sort();
    names.dedup();
    names
}
