//! JSON Schemas, as far as they are walked: references and alternatives.

use serde_json::Value;

/// A schema, with its references followed and its alternatives side by side. What is said at the node itself is first.
pub(crate) fn variants<'a>(root: &'a Value, node: &'a Value) -> Vec<&'a Value> {
    let mut found = Vec::new();
    let mut todo = vec![node];
    // The bound ends references that go in circles.
    while let Some(node) = todo.pop()
        && found.len() < 64
    {
        found.push(node);
        let target =
            node.get("$ref").and_then(Value::as_str).and_then(|target| root.pointer(target.strip_prefix('#')?));
        todo.extend(target);
        for key in ["anyOf", "oneOf", "allOf"] {
            todo.extend(node.get(key).and_then(Value::as_array).into_iter().flatten());
        }
    }
    found
}
