//! Invocations of models, as logs and trails tell of them (kinds/invocation_logging/README.md, What it records). Scripts make
//! them: service `bedrock-runtime`.
//!
//! # Guarantees
//! - InvokeModel and its like are management events that only read, with nothing of the request but the model.
//! - A record of the invocation is written where the logging configuration of the place says so, while it delivers text.
//! - A guardrail that is applied is a data event of its own, ApplyGuardrail, with the id of the same request.

use serde_json::{Value, json};

use crate::directory::Directory;
use crate::emulator::Operation;
use crate::error::ApiError;
use crate::input::Input;
use crate::principal::seconds;
use crate::protocol::Answer;
use crate::service::{Action, Events, Service, writes};
use crate::world::{Place, RequestContext};

/// Only scripts reach it.
pub(crate) const SERVICE: Service = Service {
    name: "bedrock-runtime",
    operations: INVOCATIONS,
    events: Events {
        source: Some("bedrock"),
        request: |_, input| json!({"modelId": input.get("modelId")}),
        response: |_, _| Value::Null,
        ..Events::USUAL
    },
    follow_up: Some(log),
    ..Service::USUAL
};

/// Every operation. Invoking changes the logs of the place.
const INVOCATIONS: &[Action] = &[
    writes("InvokeModel", invoke).recorded_as_read(),
    writes("InvokeModelWithResponseStream", invoke).recorded_as_read(),
    writes("Converse", invoke).recorded_as_read(),
    writes("ConverseStream", invoke).recorded_as_read(),
];

/// It holds nothing of its own.
pub(crate) type State = ();

/// Carries out one call: the model says nothing.
fn invoke(_: &mut RequestContext<'_>, input: &Input) -> Answer {
    let model = input.get("modelId").and_then(Value::as_str).filter(|model| !model.is_empty());
    match model {
        Some(_) => Ok(json!({})),
        None => Err(ApiError::validation("modelId must not be empty")),
    }
}

/// Writes the record of an invocation, where it is to be written.
fn log(directory: &Directory<'_>, place: &mut Place, asked: &Operation<'_>, request_id: &str) {
    let Operation { caller, operation, input, at, .. } = *asked;
    let Some(logging) = &place.state.bedrock.logging else { return };
    if logging.get("textDataDeliveryEnabled") != Some(&Value::Bool(true)) {
        return;
    }
    let group = logging.get("cloudWatchConfig").and_then(|config| config.get("logGroupName")).and_then(Value::as_str);
    let Some(group) = group.filter(|group| directory.has_log_group(&place.state, group)).map(str::to_owned) else {
        return;
    };
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
    directory.log(&mut place.state, &group, "aws/bedrock/modelinvocations", at, record.to_string());
}
