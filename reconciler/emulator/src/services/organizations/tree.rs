//! The root, units, accounts and their tags.

use std::collections::BTreeMap;

use serde_json::{Map, Value, json};

use super::page::Page;
use super::state::{Organization, SCP, TypeStatus, Unit};
use super::{constraint, invalid, required};
use crate::error::ApiError;
use crate::instants::epoch;
use crate::protocol::Answer;
use crate::world::{RequestContext, Scope};

const MOST_TAGS: usize = 50;

pub(super) fn describe(organization: &Organization, scope: &Scope) -> Value {
    json!({"Organization": {
        "Id": organization.id,
        "Arn": format!("arn:{}:organizations::{}:organization/{}", scope.partition, scope.account, organization.id),
        "FeatureSet": "ALL",
        "MasterAccountArn": organization.arn(scope, "account", &scope.account),
        "MasterAccountId": scope.account,
        "MasterAccountEmail": email(&scope.account),
        // Clients are told to ask ListRoots: whatever is enabled, this says the same.
        "AvailablePolicyTypes": [{"Type": SCP, "Status": "ENABLED"}],
    }})
}

fn email(account: &str) -> String {
    format!("aws+{account}@example.com")
}

/// The root with the policy types that are enabled; a transition ends by being read.
pub(super) fn root(organization: &Organization, scope: &Scope) -> Value {
    let types: Vec<Value> = organization
        .types
        .iter()
        .map(|(kind, status)| {
            let status = match status {
                TypeStatus::Enabled => "ENABLED",
                TypeStatus::Enabling { .. } => "PENDING_ENABLE",
                TypeStatus::Disabling { .. } => "PENDING_DISABLE",
            };
            json!({"Type": kind, "Status": status})
        })
        .collect();
    json!({
        "Id": organization.root,
        "Arn": organization.arn(scope, "root", &organization.root),
        "Name": "Root",
        "PolicyTypes": types,
    })
}

pub(super) fn roots(
    organization: &mut Organization,
    context: &mut RequestContext<'_>,
    input: &Map<String, Value>,
) -> Answer {
    let page = Page::of(context, input, std::iter::once(organization.root.as_str()))?;
    if page.keys.is_empty() {
        return Ok(page.answer("Roots", Vec::new()));
    }
    let view = root(organization, context.scope);
    organization.types.retain(|_, status| !matches!(status, TypeStatus::Disabling { reads_left: 0 }));
    for status in organization.types.values_mut() {
        *status = match *status {
            TypeStatus::Enabling { reads_left } if reads_left > 1 => {
                TypeStatus::Enabling { reads_left: reads_left - 1 }
            }
            TypeStatus::Disabling { reads_left } => TypeStatus::Disabling { reads_left: reads_left.saturating_sub(1) },
            _ => TypeStatus::Enabled,
        };
    }
    organization.types.retain(|_, status| !matches!(status, TypeStatus::Disabling { reads_left: 0 }));
    Ok(page.answer("Roots", vec![view]))
}

/// Ids of what is in a parent.
fn children_of<'a>(
    organization: &'a Organization,
    input: &'a Map<String, Value>,
) -> Result<impl Iterator<Item = &'a str>, ApiError> {
    let parent = required(input, "ParentId")?;
    let children = organization
        .children
        .get(parent)
        .ok_or_else(|| ApiError::new("ParentNotFoundException", "You specified parent that doesn't exist."))?;
    Ok(children.iter().map(String::as_str))
}

pub(super) fn units(
    organization: &Organization,
    context: &mut RequestContext<'_>,
    input: &Map<String, Value>,
) -> Answer {
    let children = children_of(organization, input)?;
    let page = Page::of(context, input, children.filter(|id| organization.units.contains_key(*id)))?;
    let units = page.keys.iter().filter_map(|id| Some((id, organization.units.get(id)?)));
    let rows = units
        .map(|(id, unit)| {
            let arn = organization.arn(context.scope, "ou", id);
            json!({"Id": id, "Arn": arn, "Name": unit.name, "Path": organization.path(id)})
        })
        .collect();
    Ok(page.answer("OrganizationalUnits", rows))
}

fn view(organization: &Organization, scope: &Scope, id: &str) -> Option<Value> {
    let account = organization.accounts.get(id)?;
    let mut view = json!({
        "Id": id,
        "Arn": organization.arn(scope, "account", id),
        "Email": email(id),
        "Name": account.name,
        "JoinedMethod": if *id == scope.account { "INVITED" } else { "CREATED" },
        "JoinedTimestamp": epoch(jiff::Timestamp::UNIX_EPOCH + jiff::SignedDuration::from_hours(24 * 365 * 50)),
    });
    if organization.shows_state {
        view["State"] = json!(account.state);
    }
    if organization.shows_paths {
        view["Paths"] = json!([organization.path(id)]);
    }
    // The older member knows fewer states.
    let status = match account.state.as_str() {
        "PENDING_ACTIVATION" => None,
        "CLOSED" => Some("SUSPENDED"),
        other => Some(other),
    };
    if let Some(status) = status.filter(|_| organization.shows_status) {
        view["Status"] = json!(status);
    }
    Some(view)
}

pub(super) fn accounts_of(
    organization: &Organization,
    context: &mut RequestContext<'_>,
    input: &Map<String, Value>,
) -> Answer {
    let children = children_of(organization, input)?;
    let page = Page::of(context, input, children.filter(|id| organization.accounts.contains_key(*id)))?;
    let rows = page.keys.iter().filter_map(|id| view(organization, context.scope, id)).collect();
    Ok(page.answer("Accounts", rows))
}

pub(super) fn accounts(
    organization: &Organization,
    context: &mut RequestContext<'_>,
    input: &Map<String, Value>,
) -> Answer {
    let page = Page::of(context, input, organization.accounts.keys().map(String::as_str))?;
    let rows = page.keys.iter().filter_map(|id| view(organization, context.scope, id)).collect();
    Ok(page.answer("Accounts", rows))
}

fn account_not_found() -> ApiError {
    ApiError::new("AccountNotFoundException", "You specified an account that doesn't exist.")
}

pub(super) fn account(organization: &Organization, scope: &Scope, input: &Map<String, Value>) -> Answer {
    let id = required(input, "AccountId")?;
    view(organization, scope, id).map(|account| json!({"Account": account})).ok_or_else(account_not_found)
}

pub(super) fn parents(organization: &Organization, input: &Map<String, Value>) -> Answer {
    let parent = organization
        .parent_of(required(input, "ChildId")?)
        .ok_or_else(|| ApiError::new("ChildNotFoundException", "You specified a child that doesn't exist."))?;
    let kind = if parent == organization.root { "ROOT" } else { "ORGANIZATIONAL_UNIT" };
    Ok(json!({"Parents": [{"Id": parent, "Type": kind}]}))
}

pub(super) fn children(
    organization: &Organization,
    context: &mut RequestContext<'_>,
    input: &Map<String, Value>,
) -> Answer {
    let kind = required(input, "ChildType")?;
    if !["ACCOUNT", "ORGANIZATIONAL_UNIT"].contains(&kind) {
        return Err(invalid("INVALID_ENUM", "You specified an invalid value for ChildType."));
    }
    let children = children_of(organization, input)?;
    let page =
        Page::of(context, input, children.filter(|id| id.starts_with("ou-") == (kind == "ORGANIZATIONAL_UNIT")))?;
    let rows = page.keys.iter().map(|id| json!({"Id": id, "Type": kind})).collect();
    Ok(page.answer("Children", rows))
}

pub(super) fn move_account(organization: &mut Organization, input: &Map<String, Value>) -> Answer {
    let id = required(input, "AccountId")?;
    let (source, destination) = (required(input, "SourceParentId")?, required(input, "DestinationParentId")?);
    let account = organization.accounts.get_mut(id).ok_or_else(account_not_found)?;
    if account.parent != source {
        let message = "We can't find a source root or OU with the ParentId that you specified.";
        return Err(ApiError::new("SourceParentNotFoundException", message));
    }
    if !organization.children.contains_key(destination) {
        let message = "We can't find the destination container (a root or OU) with the ParentId that you specified.";
        return Err(ApiError::new("DestinationParentNotFoundException", message));
    }
    if source == destination {
        let message = "That account is already present in the specified destination.";
        return Err(ApiError::new("DuplicateAccountException", message));
    }
    destination.clone_into(&mut account.parent);
    if let Some(children) = organization.children.get_mut(source) {
        children.remove(id);
    }
    organization.children.entry(destination.to_owned()).or_default().insert(id.to_owned());
    Ok(Value::Null)
}

pub(super) fn rename(organization: &mut Organization, scope: &Scope, input: &Map<String, Value>) -> Answer {
    let id = required(input, "OrganizationalUnitId")?;
    let Some(unit) = organization.units.get(id) else {
        let message = "You specified an organizational unit that doesn't exist.";
        return Err(ApiError::new("OrganizationalUnitNotFoundException", message));
    };
    if let Some(name) = input.get("Name").and_then(Value::as_str) {
        if name.is_empty() || name.chars().count() > 128 {
            return Err(invalid("INVALID_PATTERN", "The name of an organizational unit has 1 to 128 characters."));
        }
        let is_taken = |(other, neighbour): (&String, &Unit)| {
            other != id && neighbour.parent == unit.parent && neighbour.name == name
        };
        if organization.units.iter().any(is_taken) {
            let message = "An OU with the same name already exists.";
            return Err(ApiError::new("DuplicateOrganizationalUnitException", message));
        }
        let renamed = Unit { name: name.to_owned(), ..unit.clone() };
        organization.units.insert(id.to_owned(), renamed);
    }
    let arn = organization.arn(scope, "ou", id);
    let name = organization.units.get(id).map(|unit| unit.name.as_str());
    Ok(json!({"OrganizationalUnit": {"Id": id, "Arn": arn, "Name": name, "Path": organization.path(id)}}))
}

/// The id of what a request tags: an account, a unit, the root or a policy.
fn tagged<'a>(organization: &Organization, input: &'a Map<String, Value>) -> Result<&'a str, ApiError> {
    let id = required(input, "ResourceId")?;
    if organization.policies.get(id).is_none_or(|policy| policy.aws_managed) {
        organization.target(id)?;
    }
    Ok(id)
}

/// The `Tags` member, validated.
pub(super) fn given_tags(input: &Map<String, Value>) -> Result<BTreeMap<String, String>, ApiError> {
    let mut tags = BTreeMap::new();
    for tag in input.get("Tags").and_then(Value::as_array).into_iter().flatten() {
        let (key, value) = (tag["Key"].as_str().unwrap_or_default(), tag["Value"].as_str().unwrap_or_default());
        if key.is_empty() {
            return Err(invalid("MIN_LENGTH_EXCEEDED", "A tag key has at least one character."));
        }
        if key.chars().count() > 128 || value.chars().count() > 256 {
            return Err(invalid("MAX_LENGTH_EXCEEDED", "A tag key has at most 128 characters, a value 256."));
        }
        if key.to_ascii_lowercase().starts_with("aws:") {
            return Err(invalid("INVALID_SYSTEM_TAGS_PARAMETER", "You specified a tag key that is a system tag."));
        }
        if tags.insert(key.to_owned(), value.to_owned()).is_some() {
            return Err(invalid("DUPLICATE_TAG_KEY", "Tag keys must be unique among the tags of an entity."));
        }
    }
    Ok(tags)
}

pub(super) fn tag(organization: &mut Organization, input: &Map<String, Value>) -> Answer {
    let id = tagged(organization, input)?.to_owned();
    let tags = given_tags(input)?;
    let mut all = organization.tags.get(&id).cloned().unwrap_or_default();
    all.extend(tags);
    if all.len() > MOST_TAGS {
        return Err(constraint("MAX_TAG_LIMIT_EXCEEDED", "You have exceeded the number of tags of a resource."));
    }
    organization.tags.insert(id, all);
    Ok(Value::Null)
}

pub(super) fn untag(organization: &mut Organization, input: &Map<String, Value>) -> Answer {
    let id = tagged(organization, input)?.to_owned();
    let keys = input.get("TagKeys").and_then(Value::as_array).map(Vec::as_slice).unwrap_or_default();
    if let Some(tags) = organization.tags.get_mut(&id) {
        tags.retain(|key, _| !keys.iter().any(|untag| untag.as_str() == Some(key)));
    }
    Ok(Value::Null)
}

pub(super) fn tags(organization: &Organization, input: &Map<String, Value>) -> Answer {
    let tags = organization.tags.get(tagged(organization, input)?);
    let rows = tags.into_iter().flatten().map(|(key, value)| json!({"Key": key, "Value": value}));
    Ok(json!({"Tags": rows.collect::<Vec<Value>>()}))
}
