//! Amazon Bedrock control plane: guardrails, their resource policies, invocation logging, the enforced configuration, tags.

mod enforced;
mod guardrail_shape;
mod guardrails;
mod invocation_logging;
mod progress;
mod resource_policies;
pub(crate) mod runtime;
mod tags;

use std::collections::BTreeMap;
use std::collections::HashMap;

use serde_json::{Map, Value};

use crate::error;
use crate::input::Input;
use crate::protocol::REST_JSON;
use crate::service::{Action, Endpoint, Events, Form, Name, Service, Settle, reads, writes};
use crate::services::RegionState;

use guardrails::Guardrail;

const HIDDEN: &str = "HIDDEN_DUE_TO_SECURITY_REASONS";

pub(crate) const SERVICE: Service = Service {
    name: "bedrock",
    endpoint: Endpoint::of("bedrock"),
    wire: &REST_JSON,
    refusals: &error::REST_JSON,
    operations: OPERATIONS,
    events: Events { request: shown_request, ..Events::USUAL },
    names: &[
        Name {
            label: "guardrail",
            form: Form::NamedOrBare,
            find: |_, place, name| place.state.bedrock.id_of(name).map(str::to_owned),
        },
        Name {
            label: "enforced",
            form: Form::One,
            find: |_, place, _| place.state.bedrock.enforced.as_ref().map(|it| it.config_id.clone()),
        },
    ],
    plant: Some(plant),
    ..Service::USUAL
};

/// Every operation.
const OPERATIONS: &[Action] = &[
    reads("ListGuardrails", guardrails::list).at("GET", "/guardrails"),
    reads("GetGuardrail", guardrails::get).at("GET", "/guardrails/{guardrailIdentifier+}"),
    writes("CreateGuardrail", guardrails::create).at("POST", "/guardrails").status(202),
    writes("UpdateGuardrail", guardrails::update)
        .at("PUT", "/guardrails/{guardrailIdentifier+}")
        .status(202)
        .editable(guardrails::live),
    writes("CreateGuardrailVersion", guardrails::create_version)
        .at("POST", "/guardrails/{guardrailIdentifier+}")
        .status(202),
    writes("DeleteGuardrail", guardrails::delete).at("DELETE", "/guardrails/{guardrailIdentifier+}").status(202),
    reads("ListTagsForResource", tags::list).at("POST", "/listTagsForResource"),
    writes("TagResource", tags::tag).at("POST", "/tagResource"),
    writes("UntagResource", tags::untag).at("POST", "/untagResource"),
    reads("GetModelInvocationLoggingConfiguration", |context, _| invocation_logging::get(context))
        .at("GET", "/logging/modelinvocations"),
    writes("PutModelInvocationLoggingConfiguration", invocation_logging::put)
        .at("PUT", "/logging/modelinvocations")
        .editable(invocation_logging::live),
    writes("DeleteModelInvocationLoggingConfiguration", |context, _| invocation_logging::delete(context))
        .at("DELETE", "/logging/modelinvocations"),
    reads("ListEnforcedGuardrailsConfiguration", |context, _| enforced::list(context))
        .at("GET", "/enforcedGuardrailsConfiguration"),
    writes("PutEnforcedGuardrailConfiguration", enforced::put).at("PUT", "/enforcedGuardrailsConfiguration"),
    writes("DeleteEnforcedGuardrailConfiguration", enforced::delete)
        .at("DELETE", "/enforcedGuardrailsConfiguration/{configId}"),
    reads("GetResourcePolicy", resource_policies::get).at("GET", "/resource-policy/{resourceArn+}"),
    writes("PutResourcePolicy", resource_policies::put).at("POST", "/resource-policy").status(201),
    writes("DeleteResourcePolicy", resource_policies::delete).at("DELETE", "/resource-policy/{resourceArn+}"),
];

/// What Bedrock holds in one account and region.
#[derive(Clone, Default)]
pub(crate) struct State {
    /// By id.
    guardrails: BTreeMap<String, Guardrail>,
    /// Answers of CreateGuardrail by client request token. A token outlives the guardrail that it made (aws/README.md, Tokens).
    create_tokens: HashMap<String, Value>,
    logging: Option<Map<String, Value>>,
    enforced: Option<enforced::Enforced>,
    /// Documents by the ARN of a guardrail or guardrail profile.
    resource_policies: BTreeMap<String, String>,
    /// Names of members that no model knows, planted by a fault.
    future_members: Vec<String>,
}

impl Settle for State {
    fn settle(&mut self) {
        self.guardrails.values_mut().for_each(Guardrail::settle);
    }
}

impl State {
    /// The id of the guardrail of that name.
    fn id_of(&self, name: &str) -> Option<&str> {
        self.guardrails.values().find(|guardrail| guardrail.name() == name).map(Guardrail::id)
    }
}

/// Puts a member that no model knows into the stored state, where an operation will read it; false when the operation
/// has no such place.
fn plant(state: &mut RegionState, operation: &str, input: &Input, pointer: &str, value: &Value) -> bool {
    let state = &mut state.bedrock;
    let member = pointer.rsplit('/').next().unwrap_or_default().to_owned();
    let draft = input.get("guardrailVersion").is_none_or(|version| version == "DRAFT");
    let planted = draft
        && match operation {
            "GetGuardrail" => guardrails::plant(state, input, pointer, value),
            "GetModelInvocationLoggingConfiguration" => invocation_logging::plant(state, pointer, value),
            "ListEnforcedGuardrailsConfiguration" => enforced::plant(state, pointer, value),
            _ => false,
        };
    if planted && !state.future_members.contains(&member) {
        state.future_members.push(member);
    }
    planted
}

/// What CloudTrail shows of a request: guardrail content is hidden (kinds/guardrail/README.md, Events).
fn shown_request(operation: &str, input: &Input) -> Value {
    let visible: &[&str] = match operation {
        "UpdateGuardrail" => &["guardrailIdentifier"],
        "CreateGuardrail" => &["clientRequestToken", "tags"],
        _ => return Value::Object(input.clone()),
    };
    let mut shown: Map<String, Value> =
        visible.iter().filter_map(|name| Some(((*name).to_owned(), input.get(*name)?.clone()))).collect();
    shown.insert("name".to_owned(), HIDDEN.into());
    Value::Object(shown)
}
