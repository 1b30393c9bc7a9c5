//! Amazon Bedrock control plane: guardrails, their resource policies, invocation logging, the enforced configuration, tags.

mod enforced;
pub(crate) mod guardrail_shape;
mod guardrails;
pub(crate) mod invocation_logging;
mod progress;
mod resource_policies;
mod tags;

use std::collections::BTreeMap;
use std::collections::HashMap;

use serde_json::{Map, Value};

use crate::protocol::Answer;
use crate::world::Turn;

pub(crate) use guardrails::Guardrail;

/// Operation names, and whether each only reads.
pub(crate) const OPERATIONS: &[(&str, bool)] = &[
    ("ListGuardrails", true),
    ("GetGuardrail", true),
    ("CreateGuardrail", false),
    ("UpdateGuardrail", false),
    ("CreateGuardrailVersion", false),
    ("DeleteGuardrail", false),
    ("ListTagsForResource", true),
    ("TagResource", false),
    ("UntagResource", false),
    ("GetModelInvocationLoggingConfiguration", true),
    ("PutModelInvocationLoggingConfiguration", false),
    ("DeleteModelInvocationLoggingConfiguration", false),
    ("ListEnforcedGuardrailsConfiguration", true),
    ("PutEnforcedGuardrailConfiguration", false),
    ("DeleteEnforcedGuardrailConfiguration", false),
    ("GetResourcePolicy", true),
    ("PutResourcePolicy", false),
    ("DeleteResourcePolicy", false),
];

/// What Bedrock holds in one account and region.
#[derive(Clone, Default)]
pub(crate) struct BedrockState {
    /// By id.
    pub(crate) guardrails: BTreeMap<String, Guardrail>,
    /// Answers of CreateGuardrail by client request token. A token outlives the guardrail that it made (aws/README.md, Tokens).
    pub(crate) create_tokens: HashMap<String, Value>,
    pub(crate) logging: Option<Map<String, Value>>,
    pub(crate) enforced: Option<enforced::Enforced>,
    /// Documents by the ARN of a guardrail or guardrail profile.
    pub(crate) resource_policies: BTreeMap<String, String>,
    /// Names of members that no model knows, planted by a fault.
    pub(crate) future_members: Vec<String>,
}

impl BedrockState {
    /// Ends every transition at once.
    pub(crate) fn settle(&mut self) {
        self.guardrails.values_mut().for_each(Guardrail::settle);
    }

    /// The id of the guardrail of that name.
    pub(crate) fn id_of(&self, name: &str) -> Option<&str> {
        self.guardrails.values().find(|guardrail| guardrail.name() == name).map(Guardrail::id)
    }

    /// Puts a member that no model knows into the stored state, where an operation will read it; false when the
    /// operation has no such place.
    pub(crate) fn plant(&mut self, operation: &str, input: &Map<String, Value>, pointer: &str, value: &Value) -> bool {
        let member = pointer.rsplit('/').next().unwrap_or_default().to_owned();
        let planted = match operation {
            "GetGuardrail" => guardrails::plant(self, input, pointer, value),
            "GetModelInvocationLoggingConfiguration" => invocation_logging::plant(self, pointer, value),
            "ListEnforcedGuardrailsConfiguration" => enforced::plant(self, pointer, value),
            _ => false,
        };
        if planted && !self.future_members.contains(&member) {
            self.future_members.push(member);
        }
        planted
    }
}

/// Answers one operation.
pub(crate) fn call(turn: &mut Turn<'_>, operation: &str, input: &Map<String, Value>) -> Option<Answer> {
    Some(match operation {
        "ListGuardrails" => guardrails::list(turn, input),
        "GetGuardrail" => guardrails::get(turn, input),
        "CreateGuardrail" => guardrails::create(turn, input),
        "UpdateGuardrail" => guardrails::update(turn, input),
        "CreateGuardrailVersion" => guardrails::create_version(turn, input),
        "DeleteGuardrail" => guardrails::delete(turn, input),
        "ListTagsForResource" => tags::list(turn, input),
        "TagResource" => tags::tag(turn, input),
        "UntagResource" => tags::untag(turn, input),
        "GetModelInvocationLoggingConfiguration" => invocation_logging::get(turn),
        "PutModelInvocationLoggingConfiguration" => invocation_logging::put(turn, input),
        "DeleteModelInvocationLoggingConfiguration" => invocation_logging::delete(turn),
        "ListEnforcedGuardrailsConfiguration" => enforced::list(turn),
        "PutEnforcedGuardrailConfiguration" => enforced::put(turn, input),
        "DeleteEnforcedGuardrailConfiguration" => enforced::delete(turn, input),
        "GetResourcePolicy" => resource_policies::get(turn, input),
        "PutResourcePolicy" => resource_policies::put(turn, input),
        "DeleteResourcePolicy" => resource_policies::delete(turn, input),
        _ => return None,
    })
}

/// An instant as restJson1 writes it.
pub(crate) fn instant(at: jiff::Timestamp) -> Value {
    Value::String(at.strftime("%Y-%m-%dT%H:%M:%S.%6fZ").to_string())
}
