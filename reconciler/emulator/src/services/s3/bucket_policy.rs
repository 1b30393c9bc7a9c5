//! Bucket policies: kept verbatim, changed by services too.

use serde_json::{Map, Value, json};

use super::buckets::Bucket;
use super::{bucket, denied, unset};
use crate::documents::{Document, principals, statements};
use crate::error::ApiError;
use crate::input::{Input, text};
use crate::protocol::Answer;
use crate::registry::Registry;
use crate::world::{RequestContext, Scope};

const LOGS_SID: &str = "AmazonBedrockLogsWrite";

fn no_policy() -> ApiError {
    unset("NoSuchBucketPolicy", "The bucket policy does not exist")
}

fn malformed(message: impl Into<String>) -> ApiError {
    ApiError::new("MalformedPolicy", message)
}

pub(super) fn get(context: &mut RequestContext<'_>, input: &Input) -> Answer {
    let policy = bucket(context, input)?.policy.clone().ok_or_else(no_policy)?;
    Ok(json!({"Policy": policy.shown(&context.directory.read())}))
}

pub(super) fn put(context: &mut RequestContext<'_>, input: &Input) -> Answer {
    let name = text(input, "Bucket").unwrap_or_default();
    let given = text(input, "Policy").unwrap_or_default();
    let blocks = {
        let account = context.directory.read().public_access.get(&context.scope.account).cloned();
        let own = bucket(context, input)?.public_access.clone();
        [account, own].iter().flatten().any(|block| block["BlockPublicPolicy"] == true)
    };
    let mut policy: Value = serde_json::from_str(given)
        .map_err(|_| malformed("Policies must be valid JSON and the first byte must be '{'"))?;
    let rows = statements(&policy).ok_or_else(|| malformed("Missing required field Statement"))?;
    for statement in rows {
        if !statement.contains_key("Principal") && !statement.contains_key("NotPrincipal") {
            return Err(malformed("Missing required field Principal"));
        }
        let arn = format!("arn:{}:s3:::{name}", context.scope.partition);
        let own =
            |resource: &str| resource == arn || resource.strip_prefix(&arn).is_some_and(|rest| rest.starts_with('/'));
        let resources: Vec<&str> =
            ["Resource", "NotResource"].iter().flat_map(|member| texts(statement.get(*member))).collect();
        if resources.is_empty() || !resources.into_iter().all(own) {
            return Err(malformed("Policy has invalid resource"));
        }
    }
    if blocks && is_public(&policy) {
        return Err(denied());
    }
    let roles = principals(&mut policy, &mut context.directory.write()).map_err(|principal| {
        malformed("Invalid principal in policy").with("Detail", format!("\"AWS\" : \"{principal}\""))
    })?;
    bucket(context, input)?.policy = Some(Document::new(given.to_owned(), roles));
    Ok(Value::Null)
}

pub(super) fn delete(context: &mut RequestContext<'_>, input: &Input) -> Answer {
    bucket(context, input)?.policy = None;
    Ok(Value::Null)
}

pub(super) fn status(context: &mut RequestContext<'_>, input: &Input) -> Answer {
    let policy = bucket(context, input)?.policy.clone().ok_or_else(no_policy)?;
    let policy: Value = serde_json::from_str(&policy.shown(&context.directory.read())).unwrap_or_default();
    Ok(json!({"PolicyStatus": {"IsPublic": is_public(&policy)}}))
}

/// A text or a list of texts.
fn texts(value: Option<&Value>) -> Vec<&str> {
    match value {
        Some(Value::String(text)) => vec![text],
        Some(Value::Array(items)) => items.iter().filter_map(Value::as_str).collect(),
        _ => Vec::new(),
    }
}

/// Conditions that make a grant to everybody one to somebody.
const FIXED: &[&str] = &[
    "aws:principalarn",
    "aws:principalorgid",
    "aws:principalorgpaths",
    "aws:sourceaccount",
    "aws:sourcearn",
    "aws:sourceip",
    "aws:sourceorgid",
    "aws:sourcevpc",
    "aws:sourcevpce",
    "aws:userid",
    "s3:dataaccesspointaccount",
];

fn is_public(policy: &Value) -> bool {
    let public = |statement: &&Map<String, Value>| {
        let principal = statement.get("Principal");
        let everybody =
            principal.is_some_and(|principal| principal == "*" || texts(principal.get("AWS")).contains(&"*"));
        let keys = statement.get("Condition").and_then(Value::as_object).into_iter().flatten();
        let mut keys = keys.filter_map(|(_, keys)| keys.as_object()).flat_map(Map::keys);
        let fixed = keys.any(|key| FIXED.contains(&key.to_ascii_lowercase().as_str()));
        statement.get("Effect").is_some_and(|effect| effect == "Allow") && everybody && !fixed
    };
    statements(policy).unwrap_or_default().iter().any(public)
}

/// Bedrock adds its statement to the policy of a bucket here that it is to log to
/// (kinds/log_bucket/README.md, Statements of services). That a statement of that name gets one more resource, when it has
/// another, has no source.
pub(super) fn allow_bedrock_logs(bucket: &mut Bucket, scope: &Scope, registry: &Registry, name: &str, prefix: &str) {
    let shown = bucket.policy.as_ref().map(|policy| policy.shown(registry));
    let mut policy: Value = shown
        .and_then(|text| serde_json::from_str(&text).ok())
        .unwrap_or_else(|| json!({"Version": "2012-10-17", "Statement": []}));
    if policy["Statement"].is_object() {
        policy["Statement"] = json!([policy["Statement"].take()]);
    }
    let folder = if prefix.is_empty() { String::new() } else { format!("{prefix}/") };
    let resource =
        format!("arn:{}:s3:::{name}/{folder}AWSLogs/{}/BedrockModelInvocationLogs/*", scope.partition, scope.account);
    let Some(rows) = policy["Statement"].as_array_mut() else {
        return;
    };
    match rows.iter_mut().find(|statement| statement["Sid"] == LOGS_SID) {
        Some(statement) => {
            let mut resources: Vec<String> = texts(statement.get("Resource")).into_iter().map(str::to_owned).collect();
            if resources.contains(&resource) {
                return;
            }
            resources.push(resource);
            statement["Resource"] = json!(resources);
        }
        None => rows.push(json!({
            "Sid": LOGS_SID,
            "Effect": "Allow",
            "Principal": {"Service": "bedrock.amazonaws.com"},
            "Action": "s3:PutObject",
            "Resource": resource,
            "Condition": {
                "StringEquals": {"aws:SourceAccount": scope.account},
                "ArnLike": {"aws:SourceArn": format!("arn:{}:bedrock:{}:{}:*", scope.partition, scope.region, scope.account)},
            },
        })),
    }
    let roles = bucket.policy.take().map(Document::into_roles).unwrap_or_default();
    bucket.policy = Some(Document::new(policy.to_string(), roles));
}
