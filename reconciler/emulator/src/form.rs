//! Forms of the query protocols as trees: `Filter.1.Value.2=a` is the second value of the first filter.

use serde_json::{Map, Value};

/// The members of a form. Lists are under their names on the wire; every leaf is a text.
pub(crate) fn tree(pairs: Map<String, Value>) -> Map<String, Value> {
    let mut root = Map::new();
    for (path, value) in pairs {
        let mut at = &mut root;
        let mut segments = path.split('.').peekable();
        while let Some(segment) = segments.next() {
            if segments.peek().is_none() {
                at.insert(segment.to_owned(), value);
                break;
            }
            let below = at.entry(segment.to_owned()).or_insert_with(|| Value::Object(Map::new()));
            let Value::Object(members) = below else {
                break;
            };
            at = members;
        }
    }
    match lists(Value::Object(root)) {
        Value::Object(members) => members,
        _ => Map::new(),
    }
}

/// Members that are numbers, or below `member`, are items.
fn lists(value: Value) -> Value {
    let Value::Object(mut members) = value else {
        return value;
    };
    if members.len() == 1
        && let Some(inner) = members.remove("member")
    {
        return match lists(inner) {
            Value::String(_) => Value::Array(Vec::new()),
            items => items,
        };
    }
    let numbered: Option<Vec<usize>> = members.keys().map(|name| name.parse().ok()).collect();
    if numbered.is_some_and(|numbers| !numbers.is_empty()) {
        let mut items: Vec<(usize, Value)> =
            members.into_iter().filter_map(|(name, value)| Some((name.parse().ok()?, lists(value)))).collect();
        items.sort_by_key(|(number, _)| *number);
        return items.into_iter().map(|(_, value)| value).collect();
    }
    Value::Object(members.into_iter().map(|(name, value)| (name, lists(value))).collect())
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn numbers_and_members_are_lists() {
        let form = json!({
            "VpcId": "vpc-1", "Filter.1.Name": "a", "Filter.1.Value.2": "c", "Filter.1.Value.1": "b",
            "Tags.member.1.Key": "k", "EnableDnsSupport.Value": "true",
        });
        let Value::Object(form) = form else { unreachable!() };
        assert_eq!(
            Value::Object(tree(form)),
            json!({
                "VpcId": "vpc-1", "Filter": [{"Name": "a", "Value": ["b", "c"]}], "Tags": [{"Key": "k"}],
                "EnableDnsSupport": {"Value": "true"},
            })
        );
    }
}
