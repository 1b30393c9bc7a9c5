//! Event selectors: what is accepted, and how it reads back (kinds/trail/README.md, Selectors).
//!
//! # Guarantees
//! - Basic and advanced selectors overwrite each other, whole.
//! - Nothing complains when the selector of management events is left out.
//!
//! # Caveats
//! - What an empty list does is not proven. Empty basic selectors bring the default back, as a provider has seen; empty
//!   advanced selectors leave nothing, which is the worse of the two guesses.
//! - Types of data events are checked for Bedrock only; any other type that is well formed is accepted.

use rand::seq::SliceRandom;
use rand_chacha::ChaCha8Rng;
use serde_json::{Map, Value, json};

use crate::error::ApiError;
use crate::options::Rules;

const MOST_BASIC: usize = 5;
const MOST_DATA_RESOURCES: usize = 250;
const MOST_VALUES: usize = 500;
const OPERATORS: [&str; 6] = ["Equals", "StartsWith", "EndsWith", "NotEquals", "NotStartsWith", "NotEndsWith"];

/// The Bedrock types that PutEventSelectors accepts. `AWS::Bedrock::Prompt`, which a guide names, is not one of them.
const BEDROCK_TYPES: &[&str] = &[
    "AWS::Bedrock::AgentAlias",
    "AWS::Bedrock::AsyncInvoke",
    "AWS::Bedrock::AutomatedReasoningPolicy",
    "AWS::Bedrock::AutomatedReasoningPolicyVersion",
    "AWS::Bedrock::Blueprint",
    "AWS::Bedrock::DataAutomationInvocation",
    "AWS::Bedrock::DataAutomationProfile",
    "AWS::Bedrock::DataAutomationProject",
    "AWS::Bedrock::FlowAlias",
    "AWS::Bedrock::FlowExecution",
    "AWS::Bedrock::Guardrail",
    "AWS::Bedrock::InlineAgent",
    "AWS::Bedrock::KnowledgeBase",
    "AWS::Bedrock::Model",
    "AWS::Bedrock::PromptVersion",
    "AWS::Bedrock::Session",
    "AWS::Bedrock::Tool",
    "AWS::BedrockAgentCore::APIKeyCredentialProvider",
    "AWS::BedrockAgentCore::Browser",
    "AWS::BedrockAgentCore::BrowserCustom",
    "AWS::BedrockAgentCore::CodeInterpreter",
    "AWS::BedrockAgentCore::CodeInterpreterCustom",
    "AWS::BedrockAgentCore::Gateway",
    "AWS::BedrockAgentCore::Memory",
    "AWS::BedrockAgentCore::OAuth2CredentialProvider",
    "AWS::BedrockAgentCore::Runtime",
    "AWS::BedrockAgentCore::RuntimeEndpoint",
    "AWS::BedrockAgentCore::TokenVault",
    "AWS::BedrockAgentCore::WorkloadIdentity",
    "AWS::BedrockAgentCore::WorkloadIdentityDirectory",
    "AWS::BedrockMantle::CustomizedModel",
    "AWS::BedrockMantle::Project",
    "AWS::BedrockMantle::Reservation",
];

/// The selectors of a trail.
#[derive(Clone, PartialEq)]
pub(super) enum Selectors {
    Basic(Vec<Value>),
    Advanced(Vec<Value>),
}

impl Default for Selectors {
    fn default() -> Self {
        Self::Basic(vec![basic(&Map::new())])
    }
}

impl Selectors {
    /// The selectors of a PutEventSelectors request.
    pub(super) fn accept(input: &Map<String, Value>, rules: &Rules) -> Result<Self, ApiError> {
        let list = |member: &str| match input.get(member) {
            None | Some(Value::Null) => Ok(None),
            Some(Value::Array(items)) => Ok(Some(items)),
            Some(_) => Err(invalid(format!("{member} must be a list."))),
        };
        match (list("EventSelectors")?, list("AdvancedEventSelectors")?) {
            (None, None) => Err(invalid("Either EventSelectors or AdvancedEventSelectors must be given.")),
            (Some(basic), Some(advanced)) if !basic.is_empty() && !advanced.is_empty() => {
                Err(invalid("EventSelectors and AdvancedEventSelectors cannot be given together."))
            }
            (Some(basic), None) => accept_basic(basic),
            (Some(basic), Some(advanced)) if advanced.is_empty() && !basic.is_empty() => accept_basic(basic),
            (_, Some(advanced)) => accept_advanced(advanced, rules),
        }
    }

    /// The members of an answer, as they were written.
    pub(super) fn view(&self, trail_arn: &str) -> Value {
        match self {
            Self::Basic(selectors) => json!({"TrailARN": trail_arn, "EventSelectors": selectors}),
            Self::Advanced(selectors) => json!({"TrailARN": trail_arn, "AdvancedEventSelectors": selectors}),
        }
    }

    /// Puts selectors, fields and values into any order.
    pub(super) fn shuffle(&mut self, rng: &mut ChaCha8Rng) {
        let (Self::Basic(selectors) | Self::Advanced(selectors)) = self;
        selectors.shuffle(rng);
        for selector in selectors {
            let Some(fields) = selector.get_mut("FieldSelectors").and_then(Value::as_array_mut) else {
                continue;
            };
            fields.shuffle(rng);
            for field in fields.iter_mut().filter_map(Value::as_object_mut) {
                field.values_mut().filter_map(Value::as_array_mut).for_each(|values| values.shuffle(rng));
            }
        }
    }

    /// Whether management events are selected, or the data events of a type of resource.
    pub(super) fn select(&self, data: Option<&str>) -> bool {
        let has = |selector: &Value, field: &str, value: &str| {
            let fields = selector["FieldSelectors"].as_array().into_iter().flatten();
            let mut values =
                fields.filter(|one| one["Field"] == field).filter_map(|one| one["Equals"].as_array()).flatten();
            values.any(|one| one == value)
        };
        match (self, data) {
            (Self::Basic(selectors), None) => selectors.iter().any(|one| one["IncludeManagementEvents"] != false),
            // Basic selectors know other types only.
            (Self::Basic(_), Some(_)) => false,
            (Self::Advanced(selectors), None) => selectors.iter().any(|one| has(one, "eventCategory", "Management")),
            (Self::Advanced(selectors), Some(data)) => {
                selectors.iter().any(|one| has(one, "eventCategory", "Data") && has(one, "resources.type", data))
            }
        }
    }

    /// Whether any event at all is selected.
    pub(super) fn select_anything(&self) -> bool {
        match self {
            Self::Advanced(selectors) => !selectors.is_empty(),
            Self::Basic(selectors) => selectors.iter().any(|selector| {
                selector["IncludeManagementEvents"] == true
                    || selector["DataResources"].as_array().is_some_and(|resources| !resources.is_empty())
            }),
        }
    }
}

fn invalid(message: impl Into<String>) -> ApiError {
    ApiError::new("InvalidEventSelectorsException", message)
}

/// A basic selector with the defaults of what it leaves out.
fn basic(given: &Map<String, Value>) -> Value {
    let member =
        |name: &str, default: Value| given.get(name).filter(|value| !value.is_null()).cloned().unwrap_or(default);
    json!({
        "ReadWriteType": member("ReadWriteType", json!("All")),
        "IncludeManagementEvents": member("IncludeManagementEvents", json!(true)),
        "DataResources": member("DataResources", json!([])),
        "ExcludeManagementEventSources": member("ExcludeManagementEventSources", json!([])),
    })
}

fn accept_basic(selectors: &[Value]) -> Result<Selectors, ApiError> {
    if selectors.is_empty() {
        return Ok(Selectors::default());
    }
    if selectors.len() > MOST_BASIC {
        return Err(invalid(format!("A trail can have up to {MOST_BASIC} event selectors.")));
    }
    let mut accepted = Vec::with_capacity(selectors.len());
    let mut resources = 0;
    for selector in selectors {
        let selector = basic(selector.as_object().ok_or_else(|| invalid("An event selector must be a structure."))?);
        if !["ReadOnly", "WriteOnly", "All"].iter().any(|kind| selector["ReadWriteType"] == *kind) {
            return Err(invalid(format!("Value {} for ReadWriteType is invalid.", selector["ReadWriteType"])));
        }
        for resource in selector["DataResources"].as_array().into_iter().flatten() {
            let kind = resource["Type"].as_str().unwrap_or_default();
            if !["AWS::S3::Object", "AWS::Lambda::Function", "AWS::DynamoDB::Table"].contains(&kind) {
                return Err(invalid(format!("Value {kind} for DataResources.Type is invalid.")));
            }
            resources += resource["Values"].as_array().map_or(0, Vec::len);
        }
        accepted.push(selector);
    }
    if resources > MOST_DATA_RESOURCES {
        return Err(invalid(format!("A trail is limited to {MOST_DATA_RESOURCES} data resources.")));
    }
    Ok(Selectors::Basic(accepted))
}

fn accept_advanced(selectors: &[Value], rules: &Rules) -> Result<Selectors, ApiError> {
    let mut values = 0;
    for selector in selectors {
        if selector["Name"].as_str().unwrap_or_default().chars().count() > 1000 {
            return Err(invalid("The name of an advanced event selector has at most 1000 characters."));
        }
        let fields = selector["FieldSelectors"].as_array().map(Vec::as_slice).unwrap_or_default();
        values += accept_fields(fields, rules)?;
    }
    if values > MOST_VALUES {
        return Err(invalid(format!("A trail is limited to {MOST_VALUES} values in all advanced event selectors.")));
    }
    Ok(Selectors::Advanced(selectors.to_vec()))
}

/// Checks the fields of one advanced selector; the number of values in them.
fn accept_fields(fields: &[Value], rules: &Rules) -> Result<usize, ApiError> {
    let mut values = 0;
    let mut names: Vec<&str> = Vec::with_capacity(fields.len());
    for field in fields {
        let name = field["Field"].as_str().unwrap_or_default();
        if name.is_empty() || !name.chars().all(|c| c.is_alphanumeric() || "._".contains(c)) {
            return Err(invalid("A field selector needs the name of a field."));
        }
        if names.contains(&name) {
            return Err(invalid(format!("The field {name} is there more than once in one selector.")));
        }
        names.push(name);
        let conditions: usize =
            OPERATORS.iter().filter_map(|operator| field.get(*operator)?.as_array()).map(Vec::len).sum();
        if conditions == 0 {
            return Err(invalid(format!("The field {name} has no values.")));
        }
        values += conditions;
    }
    let equals = |name: &str| {
        let field = fields.iter().find(|field| field["Field"] == name)?;
        let others = OPERATORS.iter().skip(1).any(|operator| field.get(*operator).is_some());
        field["Equals"].as_array().filter(|_| !others)
    };
    let category = match equals("eventCategory").map(Vec::as_slice) {
        Some([category]) => category.as_str().unwrap_or_default(),
        _ => return Err(invalid("eventCategory must equal exactly one value.")),
    };
    match category {
        "Management" => {}
        "Data" => {
            let kinds = equals("resources.type").ok_or_else(|| invalid("resources.type must be given with Equals."))?;
            if !kinds.iter().all(|kind| is_data_type(kind.as_str().unwrap_or_default(), rules)) {
                return Err(invalid("resources.type field value is not valid"));
            }
        }
        "NetworkActivity" => {
            equals("eventSource").ok_or_else(|| invalid("eventSource must be given with Equals."))?;
        }
        _ => return Err(invalid("eventCategory field value is not valid")),
    }
    Ok(values)
}

fn is_data_type(kind: &str, rules: &Rules) -> bool {
    if rules.rejected_data_types.iter().any(|rejected| rejected == kind) {
        return false;
    }
    let parts: Vec<&str> = kind.split("::").collect();
    let [_, service, _] = parts.as_slice() else {
        return false;
    };
    let well_formed =
        parts.iter().all(|part| !part.is_empty() && part.chars().all(|character| character.is_ascii_alphanumeric()));
    well_formed && (!service.starts_with("Bedrock") || BEDROCK_TYPES.contains(&kind))
}
