//! Tags of trails, which are named by ARN.

use std::collections::BTreeMap;

use serde_json::{Map, Value, json};

use super::{Named, Trail, named, text};
use crate::error::ApiError;
use crate::protocol::Answer;
use crate::world::RequestContext;

const MOST_TAGS: usize = 50;
const MOST_RESOURCES: usize = 20;

pub(super) fn add(context: &mut RequestContext<'_>, input: &Map<String, Value>) -> Answer {
    let tags = given(input)?;
    let trail = tagged(context, input)?;
    let mut all = trail.tags.clone();
    all.extend(tags);
    refuse_too_many(&all)?;
    trail.tags = all;
    Ok(json!({}))
}

/// Values are given too, and mean nothing.
pub(super) fn remove(context: &mut RequestContext<'_>, input: &Map<String, Value>) -> Answer {
    let tags = given(input)?;
    tagged(context, input)?.tags.retain(|key, _| !tags.contains_key(key));
    Ok(json!({}))
}

pub(super) fn list(context: &mut RequestContext<'_>, shadows: &[Trail], input: &Map<String, Value>) -> Answer {
    let arns = input.get("ResourceIdList").and_then(Value::as_array).map(Vec::as_slice).unwrap_or_default();
    if arns.len() > MOST_RESOURCES {
        return Err(ApiError::new("UnsupportedOperationException", "At most 20 resources can be listed at once."));
    }
    let mut rows = Vec::with_capacity(arns.len());
    for arn in arns.iter().filter_map(Value::as_str) {
        let trail = match arn_of(context, arn)? {
            Named::Here(name) => context.state.cloudtrail.trails.get(name),
            Named::Arn { .. } => shadows.iter().find(|trail| trail.arn == arn),
        };
        let trail = trail.ok_or_else(|| unknown(arn))?;
        let tags: Vec<Value> = trail.tags.iter().map(|(key, value)| tag(key, value)).collect();
        rows.push(json!({"ResourceId": arn, "TagsList": tags}));
    }
    Ok(json!({"ResourceTagList": rows}))
}

fn tag(key: &str, value: &str) -> Value {
    // The model allows no empty value; a tag without one is a key alone.
    if value.is_empty() { json!({"Key": key}) } else { json!({"Key": key, "Value": value}) }
}

/// The `TagsList` member, validated.
pub(super) fn given(input: &Map<String, Value>) -> Result<BTreeMap<String, String>, ApiError> {
    let invalid = |message: &str| ApiError::new("InvalidTagParameterException", message);
    let mut tags = BTreeMap::new();
    for tag in input.get("TagsList").and_then(Value::as_array).into_iter().flatten() {
        let key = tag["Key"].as_str().unwrap_or_default();
        let value = tag["Value"].as_str().unwrap_or_default();
        if key.is_empty() || key.chars().count() > 128 || value.chars().count() > 256 {
            return Err(invalid("A tag has a key of 1 to 128 characters and a value of at most 256."));
        }
        if tags.insert(key.to_owned(), value.to_owned()).is_some() {
            return Err(invalid("A tag key is there more than once."));
        }
    }
    refuse_too_many(&tags)?;
    Ok(tags)
}

fn refuse_too_many(tags: &BTreeMap<String, String>) -> Result<(), ApiError> {
    if tags.len() > MOST_TAGS {
        return Err(ApiError::new("TagsLimitExceededException", "A trail has at most 50 tags."));
    }
    Ok(())
}

fn unknown(arn: &str) -> ApiError {
    ApiError::new("ResourceNotFoundException", format!("The resource {arn} was not found."))
}

/// Tags take the ARN of a trail, never its name.
fn arn_of<'a>(context: &RequestContext<'_>, given: &'a str) -> Result<Named<'a>, ApiError> {
    if given.starts_with("arn:") { named(context, given) } else { Err(super::invalid_arn(given)) }
}

fn tagged<'a>(context: &'a mut RequestContext<'_>, input: &Map<String, Value>) -> Result<&'a mut Trail, ApiError> {
    let arn = text(input, "ResourceId");
    match arn_of(context, arn)? {
        Named::Here(name) => context.state.cloudtrail.trails.get_mut(name).ok_or_else(|| unknown(arn)),
        Named::Arn { .. } => Err(unknown(arn)),
    }
}
