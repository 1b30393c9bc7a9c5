//! The account-enforced guardrail configuration: at most one per account and region
//! (kinds/enforced_guardrail/README.md, One configuration).

use jiff::Timestamp;
use serde_json::{Map, Value, json};

use super::{State, guardrails};
use crate::error::ApiError;
use crate::instants::iso as instant;
use crate::protocol::Answer;
use crate::shapes::{Reader, Shape, any, may, must};
use crate::world::RequestContext;

/// The configuration that is in force.
#[derive(Clone)]
pub(crate) struct Enforced {
    pub(crate) config_id: String,
    guardrail_id: String,
    guardrail_arn: String,
    version: String,
    selective_content_guarding: Value,
    model_enforcement: Option<Value>,
    created: (Timestamp, String),
    updated: (Timestamp, String),
    /// Members beside these that no model knows, planted by a fault.
    future: Map<String, Value>,
}

impl Enforced {
    /// Guardrail id and version that cannot be deleted.
    pub(super) fn names(&self) -> (String, String) {
        (self.guardrail_id.clone(), self.version.clone())
    }
}

const GUARDING: Shape = Shape::Choice(&["SELECTIVE", "COMPREHENSIVE"]);
const MODELS: Shape = Shape::Text(1, 256, any);
const CONFIG: Shape = Shape::Object(&[
    must("guardrailIdentifier", &Shape::Text(1, 2048, any)),
    must("guardrailVersion", &Shape::Text(1, 8, |character| character.is_ascii_digit())),
    may("selectiveContentGuarding", &Shape::Object(&[may("system", &GUARDING), may("messages", &GUARDING)])),
    may(
        "modelEnforcement",
        &Shape::Object(&[
            must("includedModels", &Shape::List(1, 1000, &MODELS)),
            must("excludedModels", &Shape::List(0, 1000, &MODELS)),
        ]),
    ),
]);

pub(super) fn list(context: &mut RequestContext<'_>) -> Answer {
    let rows: Vec<Value> = context.state.bedrock.enforced.iter().map(view).collect();
    Ok(json!({"guardrailsConfig": rows}))
}

fn view(enforced: &Enforced) -> Value {
    let mut view = json!({
        "configId": enforced.config_id,
        "guardrailArn": enforced.guardrail_arn,
        "guardrailId": enforced.guardrail_id,
        "guardrailVersion": enforced.version,
        "selectiveContentGuarding": enforced.selective_content_guarding,
        "owner": "ACCOUNT",
        "createdAt": instant(enforced.created.0),
        "createdBy": enforced.created.1,
        "updatedAt": instant(enforced.updated.0),
        "updatedBy": enforced.updated.1,
    });
    if let Some(models) = &enforced.model_enforcement {
        view["modelEnforcement"] = models.clone();
    }
    for (member, value) in &enforced.future {
        view[member] = value.clone();
    }
    view
}

/// Puts a member that no model knows into the stored configuration: `/guardrailsConfig/0/x`, or below one of its sections.
pub(super) fn plant(state: &mut State, pointer: &str, value: &Value) -> bool {
    let Some(enforced) = state.enforced.as_mut() else {
        return false;
    };
    let mut answer = json!({"guardrailsConfig": [view(enforced)]});
    if !crate::fault::insert_at(&mut answer, pointer, value) {
        return false;
    }
    let config = answer["guardrailsConfig"][0].take();
    enforced.selective_content_guarding = config["selectiveContentGuarding"].clone();
    enforced.model_enforcement = config.get("modelEnforcement").cloned();
    if let Some(member) = pointer.strip_prefix("/guardrailsConfig/0/").filter(|rest| !rest.contains('/')) {
        enforced.future.insert(member.to_owned(), value.clone());
    }
    true
}

pub(super) fn put(context: &mut RequestContext<'_>, input: &Map<String, Value>) -> Answer {
    let mut reader = Reader { future_members: &context.state.bedrock.future_members, problems: Vec::new() };
    let accepted = reader.accept_members(&[must("guardrailInferenceConfig", &CONFIG)], input, "");
    reader.verdict().map_err(ApiError::validation)?;
    let config = &accepted["guardrailInferenceConfig"];
    let text = |member: &str| config[member].as_str().unwrap_or_default();
    let version = text("guardrailVersion").to_owned();
    let guardrail = guardrails::find(&mut context.state.bedrock, text("guardrailIdentifier"))?;
    let published = version.parse().is_ok_and(|number: u32| guardrail.versions.contains_key(&number));
    if !published {
        return Err(ApiError::not_found_404(format!(
            "Version {version} of guardrail {} could not be found.",
            guardrail.id()
        )));
    }
    let (guardrail_id, guardrail_arn) = (guardrail.id().to_owned(), guardrail.arn.clone());
    let given = input.get("configId").and_then(Value::as_str);
    let now = (context.now, context.principal.arn.clone());
    let (config_id, created) = match (&context.state.bedrock.enforced, given) {
        (Some(existing), Some(id)) if existing.config_id == id => (id.to_owned(), existing.created.clone()),
        (Some(_), None) => {
            return Err(ApiError::new("ConflictException", "An enforced guardrail configuration already exists."));
        }
        (_, Some(id)) => {
            return Err(ApiError::not_found_404(format!("The configuration {id} could not be found.")));
        }
        (None, None) => (context.short_id(10), now.clone()),
    };
    let mut guarding = json!({"system": "COMPREHENSIVE", "messages": "COMPREHENSIVE"});
    if let Some(given) = config.get("selectiveContentGuarding").and_then(Value::as_object) {
        for (member, value) in given {
            guarding[member] = value.clone();
        }
    }
    let answer = json!({"configId": config_id, "updatedAt": instant(now.0), "updatedBy": now.1});
    context.state.bedrock.enforced = Some(Enforced {
        config_id,
        guardrail_id,
        guardrail_arn,
        version,
        selective_content_guarding: guarding,
        model_enforcement: config.get("modelEnforcement").cloned(),
        created,
        updated: now,
        future: Map::new(),
    });
    Ok(answer)
}

pub(super) fn delete(context: &mut RequestContext<'_>, input: &Map<String, Value>) -> Answer {
    let id = input.get("configId").and_then(Value::as_str).unwrap_or_default();
    match &context.state.bedrock.enforced {
        Some(existing) if existing.config_id == id => {
            context.state.bedrock.enforced = None;
            Ok(Value::Null)
        }
        _ => Err(ApiError::not_found_404(format!("The configuration {id} could not be found."))),
    }
}
