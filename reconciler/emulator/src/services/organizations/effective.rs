//! The effective policy of an account: what it inherits, merged from the root down
//! (kinds/bedrock_policy/README.md, What is effective).
//!
//! # Caveats
//! `@@assign`, `@@append` and `@@remove` are carried out; what a parent forbids its children
//! (`@@operators_allowed_for_child_policies`) is not.

use serde_json::{Map, Value, json};

use super::policies::known_type;
use super::state::{Organization, RCP, SCP};
use super::{invalid, required, text};
use crate::error::ApiError;
use crate::instants::epoch;
use crate::protocol::Answer;
use crate::world::RequestContext;

pub(super) fn describe(
    organization: &Organization,
    context: &RequestContext<'_>,
    input: &Map<String, Value>,
) -> Answer {
    let kind = known_type(required(input, "PolicyType")?)?;
    if [SCP, RCP].contains(&kind) {
        return Err(invalid("INVALID_ENUM_POLICY_TYPE", "There is no effective policy of this type."));
    }
    let target = text(input, "TargetId").unwrap_or(&context.principal.account);
    organization.target(target)?;
    let mut merged = json!({});
    let mut any = false;
    for level in organization.lineage(target) {
        for id in organization.attached_of_type(level, kind) {
            let content = organization.policies.get(id).map(|policy| policy.content.as_str()).unwrap_or_default();
            let document: Value = serde_json::from_str(content).unwrap_or_default();
            merge(&mut merged, &document);
            any = true;
        }
    }
    if !any {
        let message = "If you ran this action on the management account, this policy type is not enabled. If you ran the action on a member account, the account doesn't have an effective policy of this type.";
        return Err(ApiError::new("EffectivePolicyNotFoundException", message));
    }
    Ok(json!({"EffectivePolicy": {
        "PolicyContent": merged.to_string(),
        "LastUpdatedTimestamp": epoch(context.now),
        "TargetId": target,
        "PolicyType": kind,
    }}))
}

/// Applies one policy to what was inherited.
fn merge(inherited: &mut Value, policy: &Value) {
    let (Some(into), Some(members)) = (inherited.as_object_mut(), policy.as_object()) else {
        return;
    };
    for (name, value) in members.iter().filter(|(name, _)| !name.starts_with("@@")) {
        match value.as_object() {
            Some(operators) if operators.keys().any(|key| !key.starts_with("@@operators") && key.starts_with("@@")) => {
                let before = into.remove(name);
                into.insert(name.clone(), operate(before, operators));
            }
            Some(_) => merge(into.entry(name.clone()).or_insert_with(|| json!({})), value),
            None => {
                into.insert(name.clone(), value.clone());
            }
        }
    }
}

fn operate(before: Option<Value>, operators: &Map<String, Value>) -> Value {
    let mut value = operators.get("@@assign").cloned().or(before).unwrap_or_else(|| json!([]));
    let items = |name: &str| match operators.get(name) {
        Some(Value::Array(items)) => items.clone(),
        Some(item) => vec![item.clone()],
        None => Vec::new(),
    };
    if let Some(list) = value.as_array_mut() {
        let removed = items("@@remove");
        list.retain(|item| !removed.contains(item));
        for item in items("@@append") {
            if !list.contains(&item) {
                list.push(item);
            }
        }
    }
    value
}
