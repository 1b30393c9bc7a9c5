//! Buckets themselves: names, owners, regions.

use std::collections::BTreeMap;

use serde_json::{Value, json};

use super::{bucket, denied, settings};
use crate::documents::Document;
use crate::error::ApiError;
use crate::input::{Input, flag, number, tags, text};
use crate::principal::stable_id;
use crate::protocol::Answer;
use crate::registry::BucketEntry;
use crate::world::RequestContext;

/// A bucket. What is None was never set, or was deleted.
#[derive(Clone)]
pub(super) struct Bucket {
    pub(super) public_access: Option<Value>,
    pub(super) encryption: Value,
    pub(super) policy: Option<Document>,
    pub(super) ownership: String,
    /// Rules, and the smallest object that transitions.
    pub(super) lifecycle: Option<(Vec<Value>, String)>,
    pub(super) versioning: Value,
    pub(super) tags: BTreeMap<String, String>,
    pub(super) object_lock: bool,
}

fn name_is_valid(name: &str) -> bool {
    let allowed = |c: char| c.is_ascii_lowercase() || c.is_ascii_digit() || "-.".contains(c);
    (3..=63).contains(&name.len())
        && name.chars().all(allowed)
        && !name.starts_with(['-', '.'])
        && !name.ends_with(['-', '.'])
}

/// The region whose place carries out an operation: in us-east-1 buckets are also created for elsewhere.
pub(super) fn home_region<'a>(operation: &str, input: &'a Input, region: &'a str) -> &'a str {
    if operation != "CreateBucket" || region != "us-east-1" {
        return region;
    }
    let constraint = input.get("CreateBucketConfiguration").and_then(|given| given.get("LocationConstraint"));
    match constraint.and_then(Value::as_str) {
        Some("EU") => "eu-west-1",
        Some(constraint) if !constraint.is_empty() => constraint,
        _ => region,
    }
}

/// In us-east-1 a bucket that the caller has already is a success; elsewhere it is an error.
pub(super) fn create(context: &mut RequestContext<'_>, input: &Input) -> Answer {
    let name = text(input, "Bucket").unwrap_or_default();
    if !name_is_valid(name) {
        let error = ApiError::new("InvalidBucketName", "The specified bucket is not valid.");
        return Err(error.with("BucketName", name));
    }
    let configuration = input.get("CreateBucketConfiguration").and_then(Value::as_object).cloned().unwrap_or_default();
    let region = &context.scope.region;
    match text(&configuration, "LocationConstraint").filter(|constraint| !constraint.is_empty()) {
        Some("us-east-1") => {
            let message = "The specified location-constraint is not valid";
            return Err(ApiError::new("InvalidLocationConstraint", message));
        }
        Some("EU") if region == "eu-west-1" => {}
        Some(constraint) if constraint == region => {}
        None if region == "us-east-1" => {}
        constraint => {
            let message = format!(
                "The {} location constraint is incompatible for the region specific endpoint this request was sent to.",
                constraint.unwrap_or("unspecified")
            );
            return Err(ApiError::new("IllegalLocationConstraintException", message));
        }
    }
    let taken = context.directory.read().buckets.get(name).cloned();
    let answer = json!({"Location": format!("/{name}"), "BucketArn": arn(context, name)});
    match taken {
        Some(entry) if entry.account != context.scope.account => {
            let message = "The requested bucket name is not available. The bucket namespace is shared by all users of the system. Please select a different name and try again.";
            return Err(ApiError::new("BucketAlreadyExists", message).with_status(409).with("BucketName", name));
        }
        Some(entry) if entry.region == "us-east-1" && region == "us-east-1" => return Ok(answer),
        Some(_) => {
            let message = "Your previous request to create the named bucket succeeded and you already own it.";
            return Err(ApiError::new("BucketAlreadyOwnedByYou", message).with_status(409).with("BucketName", name));
        }
        None => {}
    }
    let object_lock = flag(input, "ObjectLockEnabledForBucket") == Some(true);
    let bucket = Bucket {
        public_access: Some(settings::all_blocked()),
        encryption: settings::default_encryption(),
        policy: None,
        ownership: text(input, "ObjectOwnership").unwrap_or("BucketOwnerEnforced").to_owned(),
        lifecycle: None,
        versioning: if object_lock { json!({"Status": "Enabled"}) } else { json!({}) },
        tags: tags(&configuration, "Tags").unwrap_or_default(),
        object_lock,
    };
    let entry = BucketEntry { account: context.scope.account.clone(), region: region.clone(), created: context.now };
    context.directory.write().buckets.insert(name.to_owned(), entry);
    context.state.s3.buckets.insert(name.to_owned(), bucket);
    Ok(answer)
}

fn arn(context: &RequestContext<'_>, name: &str) -> String {
    format!("arn:{}:s3:::{name}", context.scope.partition)
}

pub(super) fn head(context: &mut RequestContext<'_>, input: &Input) -> Answer {
    bucket(context, input)?;
    let name = text(input, "Bucket").unwrap_or_default();
    Ok(json!({"BucketRegion": context.scope.region, "BucketArn": arn(context, name), "AccessPointAlias": false}))
}

pub(super) fn delete(context: &mut RequestContext<'_>, input: &Input) -> Answer {
    bucket(context, input)?;
    let name = text(input, "Bucket").unwrap_or_default();
    context.state.s3.buckets.remove(name);
    context.directory.write().buckets.remove(name);
    Ok(Value::Null)
}

/// All buckets of the account, whatever the region; by name.
pub(super) fn list(context: &mut RequestContext<'_>, input: &Input) -> Answer {
    let prefix = text(input, "Prefix").unwrap_or_default();
    let region = text(input, "BucketRegion");
    let after = text(input, "ContinuationToken").unwrap_or_default();
    let limit = usize::try_from(number(input, "MaxBuckets").unwrap_or(10_000)).unwrap_or_default();
    let directory = context.directory.read();
    let mut rest = directory.buckets.iter().filter(|(name, entry)| {
        entry.account == context.scope.account
            && name.starts_with(prefix)
            && name.as_str() > after
            && region.is_none_or(|region| region == entry.region)
    });
    let page: Vec<(&String, &BucketEntry)> = rest.by_ref().take(limit).collect();
    let rows: Vec<Value> = page
        .iter()
        .map(|(name, entry)| {
            let created = entry.created.strftime("%Y-%m-%dT%H:%M:%S.000Z").to_string();
            json!({"Name": name, "CreationDate": created, "BucketRegion": entry.region, "BucketArn": arn(context, name)})
        })
        .collect();
    let mut answer = json!({"Buckets": rows, "Owner": {"ID": stable_id(&context.scope.account).to_lowercase()}});
    if rest.next().is_some()
        && let Some((name, _)) = page.last()
    {
        answer["ContinuationToken"] = json!(name);
    }
    if !prefix.is_empty() {
        answer["Prefix"] = json!(prefix);
    }
    Ok(answer)
}

/// Nothing for us-east-1, which also answers for every other region.
pub(super) fn location(context: &mut RequestContext<'_>, input: &Input) -> Answer {
    if context.scope.region != "us-east-1" {
        bucket(context, input)?;
        return Ok(json!({"LocationConstraint": context.scope.region}));
    }
    let name = text(input, "Bucket").unwrap_or_default();
    let entry = context.directory.read().buckets.get(name).cloned();
    match entry {
        Some(entry) if entry.account != context.scope.account => Err(denied()),
        Some(entry) if entry.region != "us-east-1" => Ok(json!({"LocationConstraint": entry.region})),
        _ => bucket(context, input).map(|_| json!({"LocationConstraint": null})),
    }
}
