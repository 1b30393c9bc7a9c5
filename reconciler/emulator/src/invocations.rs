//! Invocations of models, as logs and trails tell of them (kinds/invocation_logging/README.md, What it records). Scripts make
//! them: service `bedrock-runtime`.
//!
//! # Guarantees
//! - InvokeModel and its like are management events that only read, with nothing of the request but the model.
//! - A record of the invocation is written where the logging configuration of the place says so, while it delivers text.
//! - A guardrail that is applied is a data event of its own, ApplyGuardrail, with the id of the same request.

use jiff::Timestamp;
use serde_json::{Map, Value, json};

use crate::error::ApiError;
use crate::principal::{Principal, seconds};
use crate::protocol::Answer;
use crate::world::Place;

/// The signing name of scripts; the service signs as `bedrock`.
pub(crate) const SERVICE: &str = "bedrock-runtime";

const OPERATIONS: [&str; 4] = ["InvokeModel", "InvokeModelWithResponseStream", "Converse", "ConverseStream"];

/// Carries out one call: the model says nothing.
pub(crate) fn call(operation: &str, input: &Map<String, Value>) -> Option<Answer> {
    if !OPERATIONS.contains(&operation) {
        return None;
    }
    let model = input.get("modelId").and_then(Value::as_str).filter(|model| !model.is_empty());
    Some(match model {
        Some(_) => Ok(json!({})),
        None => Err(ApiError::validation("modelId must not be empty")),
    })
}

/// Writes the record of an invocation, where it is to be written.
pub(crate) fn log(
    place: &mut Place,
    caller: &Principal,
    operation: &str,
    input: &Map<String, Value>,
    request_id: &str,
    at: Timestamp,
) {
    let Some(logging) = &place.cell.bedrock.logging else { return };
    if logging.get("textDataDeliveryEnabled") != Some(&Value::Bool(true)) {
        return;
    }
    let group = logging.get("cloudWatchConfig").and_then(|config| config.get("logGroupName")).and_then(Value::as_str);
    let Some(group) = group.filter(|group| place.cell.logs.exists(group)).map(str::to_owned) else { return };
    let guarded = input.contains_key("guardrailIdentifier");
    let mut record = json!({
        "timestamp": seconds(at),
        "accountId": place.scope.account,
        "identity": {"arn": caller.arn},
        "region": place.scope.region,
        "requestId": request_id,
        "operation": operation,
        "modelId": input.get("modelId"),
        "input": {
            "inputContentType": "application/json",
            "inputBodyJson": input.get("body"),
            "inputTokenCount": input.get("body").map_or(0, |body| body.to_string().len() / 4),
        },
        "output": {"outputContentType": "application/json", "outputBodyJson": {}, "outputTokenCount": 12},
        "schemaType": "ModelInvocationLog",
        "schemaVersion": "1.0",
    });
    if guarded {
        record["output"]["outputBodyJson"]["amazon-bedrock-guardrailAction"] = json!("NONE");
    }
    place.cell.logs.written.deliver(&group, "aws/bedrock/modelinvocations", at, record.to_string());
}
