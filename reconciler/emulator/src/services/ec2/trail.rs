//! What CloudTrail shows of EC2 requests (kinds/vpc_endpoint/README.md, Events).
//!
//! The operations on VPC endpoints are shown under the name of their request, with capitals, and their lists as
//! `{tag, content}`: one object for one item, an array for more. Of ModifyVpcEndpoint this is by analogy. The older
//! operations have small letters and lists under `items`; of most of them only that is known.

use serde_json::{Map, Value, json};

use crate::input::Input;
use crate::service::Resources;

const NESTED: &[&str] = &["CreateVpcEndpoint", "ModifyVpcEndpoint", "DeleteVpcEndpoints"];

/// The `requestParameters` of an event.
pub(super) fn request_parameters(operation: &str, input: &Input) -> Value {
    if NESTED.contains(&operation) {
        return json!({format!("{operation}Request"): nested(&Value::Object(input.clone()))});
    }
    let shown: Map<String, Value> = input
        .iter()
        .map(|(name, value)| match (operation, name.as_str(), value) {
            ("CreateTags" | "DeleteTags", "Resources", Value::Array(ids)) => {
                let items: Vec<Value> = ids.iter().map(|id| json!({"resourceId": id})).collect();
                ("resourcesSet".to_owned(), json!({"items": items}))
            }
            ("CreateTags" | "DeleteTags", "Tags", tags) => ("tagSet".to_owned(), flat(tags)),
            ("CreateSecurityGroup", "Description", text) => ("groupDescription".to_owned(), text.clone()),
            (_, "UserIdGroupPairs", groups) => ("groups".to_owned(), flat(groups)),
            (_, name, value) => (lower(name), flat(value)),
        })
        .collect();
    Value::Object(shown)
}

/// The `responseElements` of an event.
pub(super) fn response_elements(operation: &str, answer: &Value) -> Value {
    match operation {
        "CreateVpcEndpoint" => json!({"CreateVpcEndpointResponse": flat(answer)}),
        "ModifyVpcEndpoint" => json!({"ModifyVpcEndpointResponse": {"return": true}}),
        "DeleteVpcEndpoints" => json!({"DeleteVpcEndpointsResponse": flat(answer)}),
        _ if answer.is_null() => json!({"_return": true}),
        _ => flat(answer),
    }
}

/// The endpoints that a call named or made.
pub(super) fn resources(input: &Input, answer: Option<&Value>) -> Resources {
    let mut ids = crate::input::texts(input, "VpcEndpointIds");
    let made = answer.and_then(|answer| answer.pointer("/VpcEndpoint/VpcEndpointId"));
    let named = input.get("VpcEndpointId").filter(|id| id.is_string());
    ids.extend(made.or(named).and_then(Value::as_str).map(str::to_owned));
    ids.into_iter().map(|id| ("AWS::EC2::VPCEndpoint", id)).collect()
}

fn lower(name: &str) -> String {
    let (first, rest) = name.split_at(name.len().min(1));
    first.to_ascii_lowercase() + rest
}

/// Small letters, and lists under `items`.
fn flat(value: &Value) -> Value {
    match value {
        Value::Object(members) => {
            Value::Object(members.iter().map(|(name, value)| (lower(name), flat(value))).collect())
        }
        Value::Array(items) => json!({"items": items.iter().map(flat).collect::<Vec<_>>()}),
        other => other.clone(),
    }
}

fn nested(value: &Value) -> Value {
    match value {
        Value::Object(members) => Value::Object(
            members
                .iter()
                .map(|(name, value)| match value {
                    // On the wire a list has the name of its items.
                    Value::Array(items) => (name.strip_suffix('s').unwrap_or(name).to_owned(), tagged(items)),
                    value => (name.clone(), nested(value)),
                })
                .collect(),
        ),
        other => other.clone(),
    }
}

fn tagged(items: &[Value]) -> Value {
    let tagged = |(index, item): (usize, &Value)| match nested(item) {
        Value::Object(mut members) => {
            members.insert("tag".to_owned(), json!(index + 1));
            Value::Object(members)
        }
        content => json!({"tag": index + 1, "content": content}),
    };
    let mut rows: Vec<Value> = items.iter().enumerate().map(tagged).collect();
    if rows.len() == 1 { rows.remove(0) } else { Value::Array(rows) }
}
