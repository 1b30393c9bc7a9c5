//! AWS KMS control plane: keys, aliases, rotation, key policies (kinds/kms_key/README.md, Writes).
//!
//! # Caveats
//! A key has no material and encrypts nothing; a key policy is stored and never evaluated; a deleted key stays
//! PendingDeletion; keys have no grants.

use std::collections::BTreeMap;

use jiff::{SignedDuration, Timestamp};
use serde_json::{Map, Value, json};

use crate::documents::principals;
use crate::error::ApiError;
use crate::history::lower_first;
use crate::input::Input;
use crate::instants::epoch;
use crate::protocol::Answer;
use crate::service::{Action, Endpoint, Events, Form, Name, Resources, Service, Settle, reads, writes};
use crate::world::{RequestContext, Scope};

pub(crate) const SERVICE: Service = Service {
    name: "kms",
    endpoint: Endpoint::of("kms"),
    operations: OPERATIONS,
    events: Events {
        response: |_, answer| lower_first(answer.get("KeyMetadata").unwrap_or(answer)),
        resources: shown_resources,
        ..Events::USUAL
    },
    names: &[Name {
        label: "key",
        form: Form::NamedOrBare,
        find: |_, place, alias| place.state.kms.find(&place.scope, alias).map(|key| key.arn.clone()),
    }],
    ..Service::USUAL
};

/// Every operation.
const OPERATIONS: &[Action] = &[
    reads("DescribeKey", describe),
    reads("ListAliases", list_aliases),
    reads("ListKeys", list_keys),
    reads("ListResourceTags", list_tags),
    writes("CreateKey", create),
    writes("UpdateKeyDescription", describe_anew),
    writes("TagResource", tag),
    writes("UntagResource", untag),
    writes("CreateAlias", create_alias),
    writes("UpdateAlias", update_alias),
    writes("DeleteAlias", delete_alias),
    writes("DisableKey", |context, input| set_state(context, input, KeyState::Disabled)),
    writes("EnableKey", |context, input| set_state(context, input, KeyState::Enabled)),
    writes("ScheduleKeyDeletion", schedule_deletion),
    writes("CancelKeyDeletion", cancel_deletion),
    reads("GetKeyRotationStatus", rotation_status),
    writes("EnableKeyRotation", enable_rotation),
    writes("DisableKeyRotation", disable_rotation),
    reads("GetKeyPolicy", |context, input| {
        key(context, input).map(|key| json!({"Policy": key.policy, "PolicyName": "default"}))
    }),
    writes("PutKeyPolicy", put_policy),
];

/// What KMS holds in one account and region.
#[derive(Clone, Default)]
pub(crate) struct State {
    /// By key id.
    keys: BTreeMap<String, Key>,
    /// By name, `alias/` included.
    aliases: BTreeMap<String, Alias>,
}

/// A customer-managed key.
#[derive(Clone)]
pub(crate) struct Key {
    id: String,
    pub(crate) arn: String,
    description: String,
    state: KeyState,
    rotation_days: Option<i64>,
    policy: String,
    spec: String,
    usage: String,
    multi_region: bool,
    tags: BTreeMap<String, String>,
    created_at: Timestamp,
}

#[derive(Clone, Copy, PartialEq, Eq)]
enum KeyState {
    Enabled,
    Disabled,
    PendingDeletion { at: Timestamp },
}

#[derive(Clone)]
struct Alias {
    key_id: String,
    created_at: Timestamp,
    updated_at: Timestamp,
}

impl Key {
    pub(crate) fn is_enabled(&self) -> bool {
        self.state == KeyState::Enabled
    }

    /// Only keys of this kind are rotated.
    fn is_symmetric(&self) -> bool {
        self.spec == "SYMMETRIC_DEFAULT"
    }

    fn metadata(&self, scope: &Scope) -> Value {
        let (state, deletion) = match self.state {
            KeyState::Enabled => ("Enabled", None),
            KeyState::Disabled => ("Disabled", None),
            KeyState::PendingDeletion { at } => ("PendingDeletion", Some(at)),
        };
        let mut metadata = json!({
            "AWSAccountId": scope.account,
            "KeyId": self.id,
            "Arn": self.arn,
            "CreationDate": epoch(self.created_at),
            "Enabled": self.is_enabled(),
            "Description": self.description,
            "KeyUsage": self.usage,
            "KeyState": state,
            "Origin": "AWS_KMS",
            "KeyManager": "CUSTOMER",
            "CustomerMasterKeySpec": self.spec,
            "KeySpec": self.spec,
            "MultiRegion": self.multi_region,
        });
        if self.is_symmetric() {
            metadata["EncryptionAlgorithms"] = json!(["SYMMETRIC_DEFAULT"]);
        }
        if let Some(at) = deletion {
            metadata["DeletionDate"] = epoch(at);
        }
        metadata
    }

    /// An error unless the key is enabled or disabled: most changes are refused on a key that waits for deletion.
    fn refuse_pending(&self) -> Result<(), ApiError> {
        match self.state {
            KeyState::PendingDeletion { .. } => {
                Err(ApiError::new("KMSInvalidStateException", format!("{} is pending deletion.", self.arn)))
            }
            KeyState::Enabled | KeyState::Disabled => Ok(()),
        }
    }
}

impl State {
    /// A key by id, key ARN, alias name or alias ARN.
    pub(crate) fn find(&self, scope: &Scope, given: &str) -> Option<&Key> {
        self.resolve(scope, given).and_then(|id| self.keys.get(id))
    }

    fn resolve<'a>(&'a self, scope: &Scope, given: &'a str) -> Option<&'a str> {
        let local = match given.strip_prefix(&scope.arn("kms", "")) {
            Some(rest) => rest,
            None if given.starts_with("arn:") => return None,
            None if given.starts_with("key/") => return None,
            None => given,
        };
        if local.starts_with("alias/") {
            return self.aliases.get(local).map(|alias| alias.key_id.as_str());
        }
        Some(local.strip_prefix("key/").unwrap_or(local))
    }
}

impl Settle for State {}

/// The key that a request names or makes, by its ARN.
fn shown_resources(scope: &Scope, input: &Input, answer: Option<&Value>) -> Resources {
    let created = answer.and_then(|answer| answer.pointer("/KeyMetadata/Arn")).and_then(Value::as_str);
    let named = ["KeyId", "TargetKeyId"].iter().find_map(|member| input.get(*member)).and_then(Value::as_str);
    let named =
        named.map(|key| if key.starts_with("arn:") { key.to_owned() } else { scope.arn("kms", &format!("key/{key}")) });
    created.map(str::to_owned).or(named).map(|arn| ("AWS::KMS::Key", arn)).into_iter().collect()
}

fn text<'a>(input: &'a Map<String, Value>, member: &str) -> Result<&'a str, ApiError> {
    let given = input.get(member).and_then(Value::as_str).filter(|text| !text.is_empty());
    given.ok_or_else(|| {
        let (first, rest) = member.split_at(1);
        let member = first.to_ascii_lowercase() + rest;
        ApiError::validation(format!("1 validation error detected: Value null at '{member}' failed to satisfy constraint: Member must not be null"))
    })
}

fn key_not_found(context: &RequestContext<'_>, given: &str) -> ApiError {
    let message = if given.starts_with("alias/") {
        format!("Alias {} is not found.", context.scope.arn("kms", given))
    } else if given.starts_with("arn:") {
        format!("Key '{given}' does not exist")
    } else {
        format!("Key '{}' does not exist", context.scope.arn("kms", &format!("key/{given}")))
    };
    ApiError::new("NotFoundException", message)
}

fn key<'a>(context: &'a mut RequestContext<'_>, input: &Map<String, Value>) -> Result<&'a mut Key, ApiError> {
    let given = text(input, "KeyId")?;
    let id = context.state.kms.resolve(context.scope, given).map(str::to_owned);
    let missing = key_not_found(context, given);
    id.and_then(|id| context.state.kms.keys.get_mut(&id)).ok_or(missing)
}

fn describe(context: &mut RequestContext<'_>, input: &Map<String, Value>) -> Answer {
    let scope = context.scope;
    Ok(json!({"KeyMetadata": key(context, input)?.metadata(scope)}))
}

fn create(context: &mut RequestContext<'_>, input: &Map<String, Value>) -> Answer {
    let id = context.uuid();
    let default_policy = json!({"Version": "2012-10-17", "Id": "key-default-1", "Statement": [{
        "Sid": "Enable IAM User Permissions", "Effect": "Allow", "Action": "kms:*", "Resource": "*",
        "Principal": {"AWS": format!("arn:{}:iam::{}:root", context.scope.partition, context.scope.account)}}]});
    let policy = match input.get("Policy").and_then(Value::as_str) {
        Some(policy) => checked_policy(context, policy)?,
        None => default_policy.to_string(),
    };
    let tags = tags(input)?;
    let given = |member: &str, default: &str| input.get(member).and_then(Value::as_str).unwrap_or(default).to_owned();
    let key = Key {
        arn: context.scope.arn("kms", &format!("key/{id}")),
        id: id.clone(),
        description: input.get("Description").and_then(Value::as_str).unwrap_or_default().to_owned(),
        state: KeyState::Enabled,
        rotation_days: None,
        policy,
        spec: given("KeySpec", "SYMMETRIC_DEFAULT"),
        usage: given("KeyUsage", "ENCRYPT_DECRYPT"),
        multi_region: input.get("MultiRegion").and_then(Value::as_bool).unwrap_or(false),
        tags,
        created_at: context.now,
    };
    let answer = json!({"KeyMetadata": key.metadata(context.scope)});
    context.state.kms.keys.insert(id, key);
    Ok(answer)
}

/// A principal that is not there, or not yet, is refused; what is accepted is kept as it is written.
fn checked_policy(context: &RequestContext<'_>, policy: &str) -> Result<String, ApiError> {
    let malformed = |message: &str| ApiError::new("MalformedPolicyDocumentException", message);
    let parsed: Option<Value> = serde_json::from_str(policy).ok();
    let mut parsed = parsed
        .filter(|policy| policy.get("Statement").is_some())
        .ok_or_else(|| malformed("Policy is not well formed"))?;
    principals(&mut parsed, &mut context.directory.write())
        .map_err(|_| malformed("Policy contains a statement with one or more invalid principals."))?;
    Ok(policy.to_owned())
}

fn put_policy(context: &mut RequestContext<'_>, input: &Map<String, Value>) -> Answer {
    let policy = checked_policy(context, text(input, "Policy")?)?;
    let key = key(context, input)?;
    key.refuse_pending()?;
    key.policy = policy;
    Ok(Value::Null)
}

fn alias_view(scope: &Scope, name: &str, alias: &Alias) -> Value {
    json!({
        "AliasName": name,
        "AliasArn": scope.arn("kms", name),
        "TargetKeyId": alias.key_id,
        "CreationDate": epoch(alias.created_at),
        "LastUpdatedDate": epoch(alias.updated_at),
    })
}

fn list_aliases(context: &mut RequestContext<'_>, input: &Map<String, Value>) -> Answer {
    let of_key = match input.get("KeyId") {
        Some(_) => Some(key(context, input)?.id.clone()),
        None => None,
    };
    let limit = input
        .get("Limit")
        .and_then(Value::as_u64)
        .and_then(|limit| usize::try_from(limit).ok())
        .unwrap_or(50)
        .clamp(1, 100);
    let after = input.get("Marker").and_then(Value::as_str).unwrap_or_default();
    let aliases = &context.state.kms.aliases;
    let mut rest = aliases
        .iter()
        .filter(|(name, alias)| name.as_str() > after && of_key.as_ref().is_none_or(|id| *id == alias.key_id));
    let page: Vec<(&String, &Alias)> = rest.by_ref().take(limit).collect();
    let truncated = rest.next().is_some();
    let rows: Vec<Value> = page.iter().map(|(name, alias)| alias_view(context.scope, name, alias)).collect();
    let mut answer = json!({"Aliases": rows, "Truncated": truncated});
    if truncated && let Some((name, _)) = page.last() {
        answer["NextMarker"] = json!(name);
    }
    Ok(answer)
}

/// The key that an alias is to point to: an id or an ARN, never another alias.
fn alias_target(context: &RequestContext<'_>, input: &Map<String, Value>) -> Result<String, ApiError> {
    let given = text(input, "TargetKeyId")?;
    if given.contains("alias/") {
        return Err(ApiError::validation("Aliases must refer to keys. Not aliases"));
    }
    let found = context.state.kms.find(context.scope, given).ok_or_else(|| key_not_found(context, given))?;
    found.refuse_pending()?;
    Ok(found.id.clone())
}

fn create_alias(context: &mut RequestContext<'_>, input: &Map<String, Value>) -> Answer {
    let name = text(input, "AliasName")?.to_owned();
    let allowed = |c: char| c.is_ascii_alphanumeric() || ":/_-".contains(c);
    if !name.starts_with("alias/") || name.len() <= "alias/".len() || !name.chars().all(allowed) {
        return Err(ApiError::new(
            "InvalidAliasNameException",
            "Alias must start with the prefix \"alias/\" and have a valid name.",
        ));
    }
    if name.starts_with("alias/aws/") {
        return Err(ApiError::new("NotAuthorizedException", "The alias prefix alias/aws/ is reserved."));
    }
    let key_id = alias_target(context, input)?;
    if context.state.kms.aliases.contains_key(&name) {
        let message = format!("An alias with the name {} already exists", context.scope.arn("kms", &name));
        return Err(ApiError::new("AlreadyExistsException", message));
    }
    context.state.kms.aliases.insert(name, Alias { key_id, created_at: context.now, updated_at: context.now });
    Ok(Value::Null)
}

fn update_alias(context: &mut RequestContext<'_>, input: &Map<String, Value>) -> Answer {
    let name = text(input, "AliasName")?;
    let key_id = alias_target(context, input)?;
    let missing = key_not_found(context, name);
    let now = context.now;
    let alias = context.state.kms.aliases.get_mut(name).ok_or(missing)?;
    alias.key_id = key_id;
    alias.updated_at = now;
    Ok(Value::Null)
}

fn delete_alias(context: &mut RequestContext<'_>, input: &Map<String, Value>) -> Answer {
    let name = text(input, "AliasName")?;
    let missing = key_not_found(context, name);
    context.state.kms.aliases.remove(name).map(|_| Value::Null).ok_or(missing)
}

fn set_state(context: &mut RequestContext<'_>, input: &Map<String, Value>, state: KeyState) -> Answer {
    let key = key(context, input)?;
    key.refuse_pending()?;
    key.state = state;
    Ok(Value::Null)
}

fn schedule_deletion(context: &mut RequestContext<'_>, input: &Map<String, Value>) -> Answer {
    let days = input.get("PendingWindowInDays").and_then(Value::as_i64).unwrap_or(30);
    if !(7..=30).contains(&days) {
        return Err(ApiError::validation("PendingWindowInDays must be between 7 and 30 days."));
    }
    let at = context.now.checked_add(SignedDuration::from_hours(24 * days)).unwrap_or(context.now);
    let key = key(context, input)?;
    key.refuse_pending()?;
    key.state = KeyState::PendingDeletion { at };
    Ok(json!({"KeyId": key.arn, "DeletionDate": epoch(at), "KeyState": "PendingDeletion", "PendingWindowInDays": days}))
}

/// Leaves the key disabled: EnableKey has to follow.
fn cancel_deletion(context: &mut RequestContext<'_>, input: &Map<String, Value>) -> Answer {
    let key = key(context, input)?;
    if key.refuse_pending().is_ok() {
        return Err(ApiError::new("KMSInvalidStateException", format!("{} is not pending deletion.", key.arn)));
    }
    key.state = KeyState::Disabled;
    Ok(json!({"KeyId": key.arn}))
}

fn rotation_status(context: &mut RequestContext<'_>, input: &Map<String, Value>) -> Answer {
    let now = context.now;
    let key = key(context, input)?;
    key.refuse_pending()?;
    refuse_unrotated(key)?;
    let mut answer = json!({"KeyRotationEnabled": key.rotation_days.is_some(), "KeyId": key.arn});
    if let Some(days) = key.rotation_days {
        answer["RotationPeriodInDays"] = json!(days);
        answer["NextRotationDate"] = epoch(now.checked_add(SignedDuration::from_hours(24 * days)).unwrap_or(now));
    }
    Ok(answer)
}

fn enable_rotation(context: &mut RequestContext<'_>, input: &Map<String, Value>) -> Answer {
    let days = input.get("RotationPeriodInDays").and_then(Value::as_i64).unwrap_or(365);
    if !(90..=2560).contains(&days) {
        return Err(ApiError::validation("RotationPeriodInDays must be between 90 and 2560 days."));
    }
    let key = enabled_key(context, input)?;
    refuse_unrotated(key)?;
    key.rotation_days = Some(days);
    Ok(Value::Null)
}

fn disable_rotation(context: &mut RequestContext<'_>, input: &Map<String, Value>) -> Answer {
    enabled_key(context, input)?.rotation_days = None;
    Ok(Value::Null)
}

fn enabled_key<'a>(context: &'a mut RequestContext<'_>, input: &Map<String, Value>) -> Result<&'a mut Key, ApiError> {
    let key = key(context, input)?;
    key.refuse_pending()?;
    if !key.is_enabled() {
        return Err(ApiError::new("DisabledException", format!("{} is disabled.", key.arn)));
    }
    Ok(key)
}

fn refuse_unrotated(key: &Key) -> Result<(), ApiError> {
    match key.is_symmetric() {
        true => Ok(()),
        false => Err(ApiError::new("UnsupportedOperationException", "You cannot rotate keys of this kind.")),
    }
}

/// A page of rows in the order of their names, as Limit and Marker ask for it.
fn page(rows: Vec<(String, Value)>, member: &str, input: &Map<String, Value>) -> Value {
    let limit = input.get("Limit").and_then(Value::as_u64).and_then(|limit| usize::try_from(limit).ok());
    let after = input.get("Marker").and_then(Value::as_str).unwrap_or_default();
    let mut rest = rows.into_iter().filter(|(name, _)| name.as_str() > after);
    let page: Vec<(String, Value)> = rest.by_ref().take(limit.unwrap_or(50).max(1)).collect();
    let truncated = rest.next().is_some();
    let last = page.last().map(|(name, _)| name.clone());
    let rows: Vec<Value> = page.into_iter().map(|(_, row)| row).collect();
    let mut answer = json!({ member: rows, "Truncated": truncated });
    if let Some(last) = last.filter(|_| truncated) {
        answer["NextMarker"] = json!(last);
    }
    answer
}

fn list_keys(context: &mut RequestContext<'_>, input: &Map<String, Value>) -> Answer {
    let row = |key: &Key| (key.id.clone(), json!({"KeyId": key.id, "KeyArn": key.arn}));
    Ok(page(context.state.kms.keys.values().map(row).collect(), "Keys", input))
}

fn list_tags(context: &mut RequestContext<'_>, input: &Map<String, Value>) -> Answer {
    let tags = key(context, input)?.tags.clone();
    let row = |(key, value): (String, String)| (key.clone(), json!({"TagKey": key, "TagValue": value}));
    Ok(page(tags.into_iter().map(row).collect(), "Tags", input))
}

/// The tags of a request.
fn tags(input: &Map<String, Value>) -> Result<BTreeMap<String, String>, ApiError> {
    let rows = input.get("Tags").and_then(Value::as_array).map(Vec::as_slice).unwrap_or_default();
    let mut tags = BTreeMap::new();
    for row in rows {
        let given = |member: &str| row.get(member).and_then(Value::as_str);
        match (given("TagKey"), given("TagValue")) {
            (Some(key), Some(value)) if !key.is_empty() && !key.starts_with("aws:") => {
                tags.insert(key.to_owned(), value.to_owned());
            }
            _ => return Err(ApiError::new("TagException", "A tag is not valid.")),
        }
    }
    Ok(tags)
}

fn tag(context: &mut RequestContext<'_>, input: &Map<String, Value>) -> Answer {
    let tags = tags(input)?;
    let key = key(context, input)?;
    key.refuse_pending()?;
    key.tags.extend(tags);
    Ok(Value::Null)
}

fn untag(context: &mut RequestContext<'_>, input: &Map<String, Value>) -> Answer {
    let names = input.get("TagKeys").and_then(Value::as_array).cloned().unwrap_or_default();
    let key = key(context, input)?;
    key.refuse_pending()?;
    key.tags.retain(|name, _| !names.iter().any(|given| given == name.as_str()));
    Ok(Value::Null)
}

fn describe_anew(context: &mut RequestContext<'_>, input: &Map<String, Value>) -> Answer {
    let description = input.get("Description").and_then(Value::as_str).unwrap_or_default().to_owned();
    let key = key(context, input)?;
    key.refuse_pending()?;
    key.description = description;
    Ok(Value::Null)
}
