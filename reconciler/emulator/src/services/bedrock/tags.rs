//! Tags of Bedrock resources; guardrails are the only ones here (kinds/guardrail/README.md, Two sets of names).

use std::collections::BTreeMap;

use serde_json::{Map, Value, json};

use super::guardrails::Guardrail;
use crate::error::ApiError;
use crate::protocol::Answer;
use crate::world::RequestContext;

const MOST_TAGS: usize = 200;

pub(super) fn list(context: &mut RequestContext<'_>, input: &Map<String, Value>) -> Answer {
    let guardrail = tagged(context, input)?;
    let tags: Vec<Value> = guardrail.tags.iter().map(|(key, value)| json!({"key": key, "value": value})).collect();
    Ok(json!({"tags": tags}))
}

pub(super) fn tag(context: &mut RequestContext<'_>, input: &Map<String, Value>) -> Answer {
    let tags = read(input)?;
    let guardrail = tagged(context, input)?;
    let mut all = guardrail.tags.clone();
    all.extend(tags);
    if all.len() > MOST_TAGS {
        return Err(ApiError::new(
            "TooManyTagsException",
            "The request contains more tags than can be associated with a resource",
        ));
    }
    guardrail.tags = all;
    Ok(Value::Null)
}

pub(super) fn untag(context: &mut RequestContext<'_>, input: &Map<String, Value>) -> Answer {
    let Some(keys) = input.get("tagKeys").and_then(Value::as_array).cloned() else {
        return Err(ApiError::validation(
            "1 validation error detected: Value at 'tagKeys' failed to satisfy constraint: Member must not be null",
        ));
    };
    let guardrail = tagged(context, input)?;
    guardrail.tags.retain(|key, _| !keys.iter().any(|untag| untag.as_str() == Some(key)));
    Ok(Value::Null)
}

/// The `tags` member, validated.
pub(super) fn read(input: &Map<String, Value>) -> Result<BTreeMap<String, String>, ApiError> {
    let invalid = |what: &str| {
        ApiError::validation(format!(
            "1 validation error detected: Value at 'tags' failed to satisfy constraint: {what}"
        ))
    };
    let mut tags = BTreeMap::new();
    let Some(given) = input.get("tags").filter(|tags| !tags.is_null()) else {
        return Ok(tags);
    };
    for tag in given.as_array().ok_or_else(|| invalid("Member must be a list"))? {
        let member = |name: &str| tag.get(name).and_then(Value::as_str);
        let (Some(key), Some(value)) = (member("key"), member("value")) else {
            return Err(invalid("Member must not be null"));
        };
        let allowed = |c: char| c.is_ascii_alphanumeric() || c.is_whitespace() || "._:/=+@-".contains(c);
        if key.is_empty() || key.len() > 128 || value.len() > 256 || !key.chars().chain(value.chars()).all(allowed) {
            return Err(invalid("Member must satisfy regular expression pattern: [a-zA-Z0-9\\s._:/=+@-]*"));
        }
        tags.insert(key.to_owned(), value.to_owned());
    }
    if tags.len() > MOST_TAGS {
        return Err(ApiError::new(
            "TooManyTagsException",
            "The request contains more tags than can be associated with a resource",
        ));
    }
    Ok(tags)
}

fn tagged<'a>(context: &'a mut RequestContext<'_>, input: &Map<String, Value>) -> Result<&'a mut Guardrail, ApiError> {
    let arn = input.get("resourceARN").and_then(Value::as_str).unwrap_or_default();
    if !arn.starts_with("arn:") {
        return Err(ApiError::validation(
            "1 validation error detected: Value at 'resourceARN' failed to satisfy constraint: Member must be an ARN",
        ));
    }
    let guardrail = context.state.bedrock.guardrails.values_mut().find(|guardrail| guardrail.arn == arn);
    guardrail.ok_or_else(|| ApiError::not_found_404(format!("The resource {arn} was not found")))
}
