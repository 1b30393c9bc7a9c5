//! The effective Bedrock policy of an account. A second policy further down the tree overrules the first without changing it:
//! calls then use another guardrail, or none.

use std::collections::BTreeSet;

use reconciler_model::tree::Path;
use serde_json::{Map, Value};

use super::content::{APPEND, ASSIGN, BEDROCK, INFERENCE};

/// The differences between the effective policy and this one, by path, in the regions that this policy names. Other effective
/// settings in such a region count too.
pub(super) fn differences(content: &Value, effective: &Value) -> Map<String, Value> {
    let mut said = Vec::new();
    walk(content, &mut Vec::new(), &mut said);
    let regions: BTreeSet<&str> = said.iter().filter_map(|(path, ..)| path.get(2)).map(String::as_str).collect();
    let mut found = Map::new();
    let mut unsaid = Vec::new();
    walk(effective, &mut Vec::new(), &mut unsaid);
    for (path, _, value) in &unsaid {
        let is_in_region = path.starts_with(&[BEDROCK.to_owned(), INFERENCE.to_owned()])
            && path.get(2).is_some_and(|region| regions.contains(region.as_str()));
        if is_in_region && !said.iter().any(|(said, ..)| said == path) {
            found.insert(Path::of(path.iter()).to_string(), (*value).clone());
        }
    }
    for (path, is_whole, wanted) in said {
        let live = path.iter().try_fold(effective, |node, name| node.get(name)).unwrap_or(&Value::Null);
        let (live_set, wanted) = (set(live), set(wanted));
        if if is_whole { live_set != wanted } else { !live_set.is_superset(&wanted) } {
            found.insert(Path::of(path.iter()).to_string(), live.clone());
        }
    }
    found
}

/// Leaves with their paths, and whether each says all that is to be there. What is effective has no operators.
fn walk<'a>(node: &'a Value, at: &mut Vec<String>, found: &mut Vec<(Vec<String>, bool, &'a Value)>) {
    let Some(members) = node.as_object() else { return found.push((at.clone(), true, node)) };
    for (name, is_whole) in [(ASSIGN, true), (APPEND, false)] {
        found.extend(members.get(name).map(|value| (at.clone(), is_whole, value)));
    }
    for (name, member) in members.iter().filter(|(name, _)| !name.starts_with("@@")) {
        at.push(name.clone());
        walk(member, at, found);
        at.pop();
    }
}

/// Lists are sets, one value is a list of one, and a number is its text.
fn set(value: &Value) -> BTreeSet<String> {
    let text = |value: &Value| value.as_str().map_or_else(|| value.to_string(), str::to_owned);
    match value {
        Value::Null => BTreeSet::new(),
        Value::Array(items) => items.iter().map(text).collect(),
        one => BTreeSet::from([text(one)]),
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn said(identifier: &str) -> Value {
        json!({"bedrock": {"guardrail_inference": {"eu-west-1": {"one": {
            "identifier": {"@@assign": identifier},
            "model_enforcement": {"included_models": {"@@assign": ["ALL", "a"]}, "excluded_models": {"@@append": ["b"]}},
        }}}}})
    }

    fn effective(identifier: &str, included: Value, excluded: Value) -> Value {
        json!({"bedrock": {"guardrail_inference": {"eu-west-1": {"one": {
            "identifier": identifier, "model_enforcement": {"included_models": included, "excluded_models": excluded},
        }}, "us-east-1": {"other": {"identifier": "x"}}}}})
    }

    #[test]
    fn what_is_effective_is_held_against_what_is_said() {
        let differs = |effective: &Value| differences(&said("g:1"), effective).keys().cloned().collect::<Vec<_>>();
        let one = "bedrock.guardrail_inference.eu-west-1.one";
        assert_eq!(differs(&effective("g:1", json!(["a", "ALL"]), json!(["c", "b"]))), Vec::<String>::new());
        assert_eq!(differs(&effective("g:2", json!(["a", "ALL"]), json!("b"))), [format!("{one}.identifier")]);
        assert_eq!(
            differs(&effective("g:1", json!(["a"]), json!([]))),
            [format!("{one}.model_enforcement.excluded_models"), format!("{one}.model_enforcement.included_models")]
        );
        assert_eq!(differs(&Value::Null).len(), 3);
        // A second configuration of the region is not ours, and says another thing.
        let mut more = effective("g:1", json!(["a", "ALL"]), json!(["b"]));
        more["bedrock"]["guardrail_inference"]["eu-west-1"]["two"] = json!({"identifier": "g:2"});
        assert_eq!(differs(&more), ["bedrock.guardrail_inference.eu-west-1.two.identifier"]);
    }
}
