//! Model invocation logging: one configuration per account and region (kinds/invocation_logging/README.md, Configuration).
//!
//! Disabled is a 200 without `loggingConfig`, not a 404; a Put replaces everything; a flag that is omitted is absent.

use serde_json::{Map, Value, json};

use super::State;
use crate::error::ApiError;
use crate::input::Input;
use crate::protocol::Answer;
use crate::services::RegionState;
use crate::shapes::{Reader, Shape, any, may, must};
use crate::world::RequestContext;

const S3: Shape =
    Shape::Object(&[must("bucketName", &Shape::Text(3, 63, any)), may("keyPrefix", &Shape::Text(0, 1024, any))]);

const CLOUD_WATCH: Shape = Shape::Object(&[
    must("logGroupName", &Shape::Text(1, 512, any)),
    must("roleArn", &Shape::Text(0, 2048, any)),
    may("largeDataDeliveryS3Config", &S3),
]);

const LOGGING: Shape = Shape::Object(&[
    may("cloudWatchConfig", &CLOUD_WATCH),
    may("s3Config", &S3),
    may("textDataDeliveryEnabled", &Shape::Flag),
    may("imageDataDeliveryEnabled", &Shape::Flag),
    may("embeddingDataDeliveryEnabled", &Shape::Flag),
    may("videoDataDeliveryEnabled", &Shape::Flag),
    may("audioDataDeliveryEnabled", &Shape::Flag),
]);

pub(super) fn get(context: &mut RequestContext<'_>) -> Answer {
    Ok(match &context.state.bedrock.logging {
        Some(logging) => json!({"loggingConfig": logging}),
        None => json!({}),
    })
}

pub(super) fn put(context: &mut RequestContext<'_>, input: &Map<String, Value>) -> Answer {
    let mut reader = Reader { future_members: &context.state.bedrock.future_members, problems: Vec::new() };
    let logging = reader.accept_members(&[must("loggingConfig", &LOGGING)], input, "");
    reader.verdict().map_err(ApiError::validation)?;
    let Some(Value::Object(logging)) = logging.get("loggingConfig") else {
        return Err(ApiError::validation("loggingConfig must be a structure"));
    };
    if let Some(cloud_watch) = logging.get("cloudWatchConfig") {
        let text = |member: &str| cloud_watch.get(member).and_then(Value::as_str).unwrap_or_default();
        let (group, role) = (text("logGroupName"), text("roleArn"));
        if !context.directory.has_log_group(context.state, group) || !role_may_deliver(context, role, group) {
            return Err(ApiError::validation(format!(
                "Failed to validate permissions for log group: {group}, with role: {role}"
            )));
        }
    }
    let logging = logging.clone();
    for place in ["/s3Config", "/cloudWatchConfig/largeDataDeliveryS3Config"] {
        let destination = json!(logging);
        let destination = destination.pointer(place);
        let text = |member: &str| destination.and_then(|to| to.get(member)).and_then(Value::as_str).unwrap_or_default();
        let (bucket, prefix) = (text("bucketName"), text("keyPrefix"));
        context.directory.allow_bedrock_logs(context.state, context.scope, bucket, prefix);
    }
    context.state.bedrock.logging = Some(logging);
    Ok(Value::Null)
}

pub(super) fn delete(context: &mut RequestContext<'_>) -> Answer {
    context.state.bedrock.logging = None;
    Ok(Value::Null)
}

/// The configuration as a request that would write it again.
pub(super) fn live(state: &RegionState, _: &Input) -> Result<Value, String> {
    let logging = state.bedrock.logging.as_ref().map(|logging| json!({"loggingConfig": logging}));
    logging.ok_or_else(|| "there is no logging configuration to edit".to_owned())
}

/// Puts a member that no model knows into the stored configuration.
pub(super) fn plant(state: &mut State, pointer: &str, value: &Value) -> bool {
    let Some(logging) = state.logging.as_mut() else {
        return false;
    };
    let mut answer = json!({"loggingConfig": std::mem::take(logging)});
    let planted = crate::fault::insert_at(&mut answer, pointer, value);
    if let Some(Value::Object(members)) = answer.get_mut("loggingConfig").map(Value::take) {
        *logging = members;
    }
    planted
}

/// Whether the role is there, trusts Bedrock, and may write to the log group. Of a role that only the seed of the account
/// knows, being there is enough.
fn role_may_deliver(context: &RequestContext<'_>, arn: &str, group: &str) -> bool {
    let account = &context.scope.account;
    let prefix = format!("arn:{}:iam::{account}:role/", context.scope.partition);
    let name = arn.strip_prefix(&prefix).and_then(|path| path.rsplit('/').next()).filter(|name| !name.is_empty());
    let Some(name) = name else {
        return false;
    };
    let mut registry = context.directory.write();
    if !registry.use_role(account, name) {
        return false;
    }
    let stream = context.scope.arn("logs", &format!("log-group:{group}:log-stream:aws/bedrock/modelinvocations"));
    registry.role(account, name).is_none_or(|role| {
        role.trusts("bedrock.amazonaws.com", account, &context.scope.arn("bedrock", "*"))
            && ["logs:CreateLogStream", "logs:PutLogEvents"].iter().all(|action| role.may(action, &stream))
    })
}
