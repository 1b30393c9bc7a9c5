//! Tags of EC2 resources.

use serde_json::{Value, json};

use super::{State, Tags, invalid_parameter, listing, missing_parameter, not_found};
use crate::error::ApiError;
use crate::input::{Input, tags, texts};
use crate::protocol::Answer;
use crate::world::RequestContext;

const MOST_TAGS: usize = 50;

/// The tags that a creating request specifies for a type of resource.
pub(super) fn specified(input: &Input, kind: &str) -> Result<Tags, ApiError> {
    let mut all = Tags::new();
    let specifications =
        input.get("TagSpecifications").and_then(Value::as_array).map(Vec::as_slice).unwrap_or_default();
    for specification in specifications.iter().filter_map(Value::as_object) {
        let given = specification.get("ResourceType").and_then(Value::as_str).unwrap_or_default();
        if given != kind {
            let message = format!("'{given}' is not a valid taggable resource type for this operation.");
            return Err(ApiError::new("InvalidParameterValue", message));
        }
        all.extend(tags(specification, "Tags").ok_or_else(|| missing_parameter("tag key"))?);
    }
    checked(all)
}

fn checked(all: Tags) -> Result<Tags, ApiError> {
    if all.keys().any(|key| key.to_ascii_lowercase().starts_with("aws:")) {
        let message = "Tag keys starting with 'aws:' are reserved for internal use";
        return Err(ApiError::new("InvalidParameterValue", message));
    }
    if all.len() > MOST_TAGS {
        return Err(ApiError::new("TagLimitExceeded", "More than 50 tags specified"));
    }
    Ok(all)
}

fn tags_of<'a>(ec2: &'a mut State, id: &str) -> Result<&'a mut Tags, ApiError> {
    let missing = match id.split('-').next() {
        Some("vpc") => super::network::vpc_not_found(id),
        Some("subnet") => super::network::subnet_not_found(id),
        Some("sg") => super::security_groups::group_not_found(id),
        Some("vpce") => super::endpoints::endpoint_not_found(id),
        _ => not_found("InvalidID", "ID", id),
    };
    let State { vpcs, subnets, groups, endpoints, tokens: _ } = ec2;
    let found = vpcs.get_mut(id).map(|vpc| &mut vpc.tags);
    let found = found.or_else(|| subnets.get_mut(id).map(|subnet| &mut subnet.tags));
    let found = found.or_else(|| groups.get_mut(id).map(|group| &mut group.tags));
    found.or_else(|| endpoints.get_mut(id).map(|endpoint| &mut endpoint.tags)).ok_or(missing)
}

pub(super) fn create(context: &mut RequestContext<'_>, input: &Input) -> Answer {
    let new = checked(tags(input, "Tags").ok_or_else(|| missing_parameter("tag key"))?)?;
    let ids = texts(input, "Resources");
    if ids.is_empty() || new.is_empty() {
        return Err(missing_parameter(if ids.is_empty() { "resourceIdSet" } else { "tagSet" }));
    }
    for id in &ids {
        tags_of(&mut context.state.ec2, id)?;
    }
    for id in &ids {
        let all = tags_of(&mut context.state.ec2, id)?;
        let mut changed = all.clone();
        changed.extend(new.clone());
        *all = checked(changed)?;
    }
    Ok(Value::Null)
}

/// A tag that is given with a value goes only when it has that value.
pub(super) fn delete(context: &mut RequestContext<'_>, input: &Input) -> Answer {
    let given = input.get("Tags").and_then(Value::as_array).map(Vec::as_slice).unwrap_or_default();
    for id in texts(input, "Resources") {
        let all = tags_of(&mut context.state.ec2, &id)?;
        if given.is_empty() {
            all.clear();
        }
        for tag in given {
            let key = tag["Key"].as_str().unwrap_or_default();
            let value = tag.get("Value").and_then(Value::as_str);
            if value.is_none_or(|value| all.get(key).is_some_and(|current| current == value)) {
                all.remove(key);
            }
        }
    }
    Ok(Value::Null)
}

const TAGS: listing::Listing = listing::Listing {
    member: "Tags",
    id: "ResourceId",
    ids: "",
    not_found: |id| invalid_parameter(id),
    filters: &[("resource-id", "ResourceId"), ("resource-type", "ResourceType"), ("key", "Key"), ("value", "Value")],
};

pub(super) fn describe(context: &mut RequestContext<'_>, input: &Input) -> Answer {
    let State { vpcs, subnets, groups, endpoints, tokens: _ } = &context.state.ec2;
    let mut rows = Vec::new();
    let mut add = |kind: &str, id: &str, tags: &Tags| {
        rows.extend(
            tags.iter().map(|(key, value)| json!({"ResourceType": kind, "ResourceId": id, "Key": key, "Value": value})),
        );
    };
    vpcs.iter().for_each(|(id, vpc)| add("vpc", id, &vpc.tags));
    subnets.iter().for_each(|(id, subnet)| add("subnet", id, &subnet.tags));
    groups.iter().for_each(|(id, group)| add("security-group", id, &group.tags));
    endpoints.iter().for_each(|(id, endpoint)| add("vpc-endpoint", id, &endpoint.tags));
    TAGS.answer(context, input, rows)
}
