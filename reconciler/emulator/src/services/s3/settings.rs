//! Sub-resources of a bucket that are small structures.

use rand::Rng;
use serde_json::{Value, json};

use super::{bucket, malformed, rules, structure, unset};
use crate::error::ApiError;
use crate::input::{Input, as_flag, tag_list, tags, text};
use crate::protocol::Answer;
use crate::world::RequestContext;

const FLAGS: [&str; 4] = ["BlockPublicAcls", "IgnorePublicAcls", "BlockPublicPolicy", "RestrictPublicBuckets"];

/// What a new bucket has.
pub(super) fn all_blocked() -> Value {
    FLAGS.iter().map(|name| ((*name).to_owned(), json!(true))).collect::<serde_json::Map<_, _>>().into()
}

/// What a new bucket has, and one whose encryption was deleted.
pub(super) fn default_encryption() -> Value {
    json!([{
        "ApplyServerSideEncryptionByDefault": {"SSEAlgorithm": "AES256"},
        "BucketKeyEnabled": false,
        "BlockedEncryptionTypes": {"EncryptionType": ["SSE-C"]},
    }])
}

/// All four flags of a request; one that is omitted is false.
pub(super) fn public_access(input: &Input) -> Result<Value, ApiError> {
    let given = structure(input, "PublicAccessBlockConfiguration")?;
    let flag = |name: &&str| ((*name).to_owned(), json!(given.get(*name).and_then(as_flag).unwrap_or(false)));
    Ok(FLAGS.iter().map(flag).collect::<serde_json::Map<_, _>>().into())
}

pub(super) fn no_public_access_block() -> ApiError {
    unset("NoSuchPublicAccessBlockConfiguration", "The public access block configuration was not found")
}

pub(super) fn get_public_access(context: &mut RequestContext<'_>, input: &Input) -> Answer {
    let block = bucket(context, input)?.public_access.clone().ok_or_else(no_public_access_block)?;
    Ok(json!({"PublicAccessBlockConfiguration": block}))
}

pub(super) fn put_public_access(context: &mut RequestContext<'_>, input: &Input) -> Answer {
    let block = public_access(input)?;
    bucket(context, input)?.public_access = Some(block);
    Ok(Value::Null)
}

pub(super) fn delete_public_access(context: &mut RequestContext<'_>, input: &Input) -> Answer {
    bucket(context, input)?.public_access = None;
    Ok(Value::Null)
}

pub(super) fn get_encryption(context: &mut RequestContext<'_>, input: &Input) -> Answer {
    Ok(json!({"ServerSideEncryptionConfiguration": {"Rules": bucket(context, input)?.encryption}}))
}

/// Replaces everything: encryption types that were blocked are not, unless the request blocks them again. A key is
/// not looked at.
pub(super) fn put_encryption(context: &mut RequestContext<'_>, input: &Input) -> Answer {
    let mut rules = rules(input, "ServerSideEncryptionConfiguration")?.clone();
    for rule in &mut rules {
        let default = &rule["ApplyServerSideEncryptionByDefault"];
        match (default["SSEAlgorithm"].as_str(), default.get("KMSMasterKeyID")) {
            (Some("AES256"), Some(_)) => {
                let message =
                    "a KMSMasterKeyID is not applicable if the default sse algorithm is not aws:kms or aws:kms:dsse";
                return Err(ApiError::new("InvalidArgument", message));
            }
            (Some("AES256" | "aws:kms" | "aws:kms:dsse"), _) => {}
            _ => return Err(malformed()),
        }
        // That it is refused, and how, has no source.
        if default["SSEAlgorithm"] == "aws:kms:dsse" && rule.get("BucketKeyEnabled").and_then(as_flag) == Some(true) {
            let message = "S3 Bucket Keys are not supported for DSSE-KMS";
            return Err(ApiError::new("InvalidRequest", message));
        }
        if rule.get("BucketKeyEnabled").is_none() {
            rule["BucketKeyEnabled"] = json!(false);
        }
    }
    bucket(context, input)?.encryption = Value::Array(rules);
    Ok(Value::Null)
}

pub(super) fn delete_encryption(context: &mut RequestContext<'_>, input: &Input) -> Answer {
    bucket(context, input)?.encryption = default_encryption();
    Ok(Value::Null)
}

pub(super) fn get_ownership(context: &mut RequestContext<'_>, input: &Input) -> Answer {
    Ok(json!({"OwnershipControls": {"Rules": [{"ObjectOwnership": bucket(context, input)?.ownership}]}}))
}

pub(super) fn put_ownership(context: &mut RequestContext<'_>, input: &Input) -> Answer {
    let ownership = rules(input, "OwnershipControls")?.first().and_then(|rule| rule["ObjectOwnership"].as_str());
    let known = ["BucketOwnerPreferred", "ObjectWriter", "BucketOwnerEnforced"];
    let ownership = ownership.filter(|given| known.contains(given)).ok_or_else(malformed)?;
    ownership.clone_into(&mut bucket(context, input)?.ownership);
    Ok(Value::Null)
}

pub(super) fn get_lifecycle(context: &mut RequestContext<'_>, input: &Input) -> Answer {
    let missing = || unset("NoSuchLifecycleConfiguration", "The lifecycle configuration does not exist");
    let (rules, size) = bucket(context, input)?.lifecycle.clone().ok_or_else(missing)?;
    Ok(json!({"Rules": rules, "TransitionDefaultMinimumObjectSize": size}))
}

/// Replaces all rules. One without an id is given one.
pub(super) fn put_lifecycle(context: &mut RequestContext<'_>, input: &Input) -> Answer {
    let mut rules = rules(input, "LifecycleConfiguration")?.clone();
    if rules.len() > 1000 {
        return Err(malformed());
    }
    let mut ids = Vec::new();
    for rule in &mut rules {
        if rule.get("Filter").is_none() && rule.get("Prefix").is_none()
            || !["Enabled", "Disabled"].contains(&rule["Status"].as_str().unwrap_or_default())
        {
            return Err(malformed());
        }
        if rule.get("ID").is_none_or(|id| id == "") {
            let (first, second): (u128, u64) = (context.rng.random(), context.rng.random());
            rule["ID"] = json!(format!("{first:032x}{second:016x}"));
        }
        if ids.contains(&rule["ID"]) {
            let message = "Rule ID must be unique. Found same ID for more than one rule";
            return Err(ApiError::new("InvalidArgument", message));
        }
        ids.push(rule["ID"].clone());
    }
    let size = text(input, "TransitionDefaultMinimumObjectSize").unwrap_or("all_storage_classes_128K").to_owned();
    bucket(context, input)?.lifecycle = Some((rules, size.clone()));
    Ok(json!({"TransitionDefaultMinimumObjectSize": size}))
}

pub(super) fn delete_lifecycle(context: &mut RequestContext<'_>, input: &Input) -> Answer {
    bucket(context, input)?.lifecycle = None;
    Ok(Value::Null)
}

/// Empty when it was never configured.
pub(super) fn get_versioning(context: &mut RequestContext<'_>, input: &Input) -> Answer {
    Ok(bucket(context, input)?.versioning.clone())
}

pub(super) fn put_versioning(context: &mut RequestContext<'_>, input: &Input) -> Answer {
    let configuration = structure(input, "VersioningConfiguration")?.clone();
    let status = text(&configuration, "Status").unwrap_or_default();
    let bucket = bucket(context, input)?;
    if bucket.object_lock && status == "Suspended" {
        let message =
            "An Object Lock configuration is present on this bucket, so the versioning state cannot be changed.";
        return Err(ApiError::new("InvalidBucketState", message).with_status(409));
    }
    if !["Enabled", "Suspended"].contains(&status) {
        return Err(malformed());
    }
    bucket.versioning = Value::Object(configuration);
    Ok(Value::Null)
}

pub(super) fn get_tagging(context: &mut RequestContext<'_>, input: &Input) -> Answer {
    let bucket = bucket(context, input)?;
    if bucket.tags.is_empty() {
        return Err(unset("NoSuchTagSet", "The TagSet does not exist"));
    }
    Ok(json!({"TagSet": tag_list(&bucket.tags)}))
}

pub(super) fn put_tagging(context: &mut RequestContext<'_>, input: &Input) -> Answer {
    let tags = tags(structure(input, "Tagging")?, "TagSet").ok_or_else(malformed)?;
    if tags.keys().any(|key| key.to_ascii_lowercase().starts_with("aws:")) {
        return Err(ApiError::new("InvalidTag", "System tags cannot be added/updated by requester"));
    }
    bucket(context, input)?.tags = tags;
    Ok(Value::Null)
}

pub(super) fn delete_tagging(context: &mut RequestContext<'_>, input: &Input) -> Answer {
    bucket(context, input)?.tags.clear();
    Ok(Value::Null)
}

pub(super) fn get_object_lock(context: &mut RequestContext<'_>, input: &Input) -> Answer {
    if bucket(context, input)?.object_lock {
        return Ok(json!({"ObjectLockConfiguration": {"ObjectLockEnabled": "Enabled"}}));
    }
    let message = "Object Lock configuration does not exist for this bucket";
    Err(unset("ObjectLockConfigurationNotFoundError", message))
}
