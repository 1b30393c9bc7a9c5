//! Model invocation logging: one configuration per account and region (kinds/invocation_logging/README.md, Configuration).
//!
//! Disabled is a 200 without `loggingConfig`, not a 404; a Put replaces everything; a flag that is omitted is absent.

use serde_json::{Map, Value, json};

use super::State;
use crate::error::ApiError;
use crate::input::Input;
use crate::protocol::Answer;
use crate::services::Cell;
use crate::shapes::{Reader, Shape, any, may, must};
use crate::world::Turn;

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

pub(super) fn get(turn: &mut Turn<'_>) -> Answer {
    Ok(match &turn.cell.bedrock.logging {
        Some(logging) => json!({"loggingConfig": logging}),
        None => json!({}),
    })
}

pub(super) fn put(turn: &mut Turn<'_>, input: &Map<String, Value>) -> Answer {
    let mut reader = Reader { future_members: &turn.cell.bedrock.future_members, problems: Vec::new() };
    let logging = reader.accept_members(&[must("loggingConfig", &LOGGING)], input, "");
    reader.verdict().map_err(ApiError::validation)?;
    let Some(Value::Object(logging)) = logging.get("loggingConfig") else {
        return Err(ApiError::validation("loggingConfig must be a structure"));
    };
    if let Some(cloud_watch) = logging.get("cloudWatchConfig") {
        let text = |member: &str| cloud_watch.get(member).and_then(Value::as_str).unwrap_or_default();
        let (group, role) = (text("logGroupName"), text("roleArn"));
        if !turn.directory.has_log_group(turn.cell, group) || !role_may_deliver(turn, role, group) {
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
        turn.directory.allow_bedrock_logs(turn.cell, turn.scope, bucket, prefix);
    }
    turn.cell.bedrock.logging = Some(logging);
    Ok(Value::Null)
}

pub(super) fn delete(turn: &mut Turn<'_>) -> Answer {
    turn.cell.bedrock.logging = None;
    Ok(Value::Null)
}

/// The configuration as a request that would write it again.
pub(super) fn live(cell: &Cell, _: &Input) -> Result<Value, String> {
    let logging = cell.bedrock.logging.as_ref().map(|logging| json!({"loggingConfig": logging}));
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
fn role_may_deliver(turn: &Turn<'_>, arn: &str, group: &str) -> bool {
    let account = &turn.scope.account;
    let prefix = format!("arn:{}:iam::{account}:role/", turn.scope.partition);
    let name = arn.strip_prefix(&prefix).and_then(|path| path.rsplit('/').next()).filter(|name| !name.is_empty());
    let Some(name) = name else {
        return false;
    };
    let mut registry = turn.directory.write();
    if !registry.use_role(account, name) {
        return false;
    }
    let stream = turn.scope.arn("logs", &format!("log-group:{group}:log-stream:aws/bedrock/modelinvocations"));
    registry.role(account, name).is_none_or(|role| {
        role.trusts("bedrock.amazonaws.com", account, &turn.scope.arn("bedrock", "*"))
            && ["logs:CreateLogStream", "logs:PutLogEvents"].iter().all(|action| role.may(action, &stream))
    })
}
