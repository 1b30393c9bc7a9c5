//! What a guardrail may contain: the constraints and both names of every member (kinds/guardrail/README.md, Two sets of names).

use serde_json::{Map, Value};

use crate::error::ApiError;
use crate::shapes::{Member, Reader, Shape, any, may, may_as, must, must_as};
use crate::world::Scope;

const ACTION: Shape = Shape::Choice(&["BLOCK", "NONE"]);
const PII_ACTION: Shape = Shape::Choice(&["BLOCK", "ANONYMIZE", "NONE"]);
const STRENGTH: Shape = Shape::Choice(&["NONE", "LOW", "MEDIUM", "HIGH"]);
const MODALITIES: Shape = Shape::List(1, 2, &Shape::Choice(&["TEXT", "IMAGE"]));
const TIER: Shape = Shape::Object(&[must("tierName", &Shape::Choice(&["CLASSIC", "STANDARD"]))]);
const FLAG: Shape = Shape::Flag;
const MESSAGE: Shape = Shape::Text(1, 500, any);
const NAME: Shape = Shape::Text(1, 50, is_name);
const DESCRIPTION: Shape = Shape::Text(1, 200, any);
const KMS_KEY: Shape = Shape::Text(1, 2048, any);

const CONTENT_FILTER: Shape = Shape::Object(&[
    must("type", &Shape::Choice(&["SEXUAL", "VIOLENCE", "HATE", "INSULTS", "MISCONDUCT", "PROMPT_ATTACK"])),
    must("inputStrength", &STRENGTH),
    must("outputStrength", &STRENGTH),
    may("inputModalities", &MODALITIES),
    may("outputModalities", &MODALITIES),
    may("inputAction", &ACTION),
    may("outputAction", &ACTION),
    may("inputEnabled", &FLAG),
    may("outputEnabled", &FLAG),
]);

const TOPIC: Shape = Shape::Object(&[
    must("name", &Shape::Text(1, 100, is_topic_name)),
    must("definition", &Shape::Text(1, 1000, any)),
    may("examples", &Shape::List(0, 5, &Shape::Text(1, 100, any))),
    must("type", &Shape::Choice(&["DENY"])),
    may("inputAction", &ACTION),
    may("outputAction", &ACTION),
    may("inputEnabled", &FLAG),
    may("outputEnabled", &FLAG),
]);

const WORD: Shape = Shape::Object(&[
    must("text", &Shape::Text(1, 100, any)),
    may("inputAction", &ACTION),
    may("outputAction", &ACTION),
    may("inputEnabled", &FLAG),
    may("outputEnabled", &FLAG),
]);

const MANAGED_WORD_LIST: Shape = Shape::Object(&[
    must("type", &Shape::Choice(&["PROFANITY"])),
    may("inputAction", &ACTION),
    may("outputAction", &ACTION),
    may("inputEnabled", &FLAG),
    may("outputEnabled", &FLAG),
]);

const PII_TYPE: Shape = Shape::Choice(&[
    "ADDRESS",
    "AGE",
    "AWS_ACCESS_KEY",
    "AWS_SECRET_KEY",
    "CA_HEALTH_NUMBER",
    "CA_SOCIAL_INSURANCE_NUMBER",
    "CREDIT_DEBIT_CARD_CVV",
    "CREDIT_DEBIT_CARD_EXPIRY",
    "CREDIT_DEBIT_CARD_NUMBER",
    "DRIVER_ID",
    "EMAIL",
    "INTERNATIONAL_BANK_ACCOUNT_NUMBER",
    "IP_ADDRESS",
    "LICENSE_PLATE",
    "MAC_ADDRESS",
    "NAME",
    "PASSWORD",
    "PHONE",
    "PIN",
    "SWIFT_CODE",
    "UK_NATIONAL_HEALTH_SERVICE_NUMBER",
    "UK_NATIONAL_INSURANCE_NUMBER",
    "UK_UNIQUE_TAXPAYER_REFERENCE_NUMBER",
    "URL",
    "USERNAME",
    "US_BANK_ACCOUNT_NUMBER",
    "US_BANK_ROUTING_NUMBER",
    "US_INDIVIDUAL_TAX_IDENTIFICATION_NUMBER",
    "US_PASSPORT_NUMBER",
    "US_SOCIAL_SECURITY_NUMBER",
    "VEHICLE_IDENTIFICATION_NUMBER",
]);

const PII_ENTITY: Shape = Shape::Object(&[
    must("type", &PII_TYPE),
    must("action", &PII_ACTION),
    may("inputAction", &PII_ACTION),
    may("outputAction", &PII_ACTION),
    may("inputEnabled", &FLAG),
    may("outputEnabled", &FLAG),
]);

const REGEX: Shape = Shape::Object(&[
    must("name", &Shape::Text(1, 100, any)),
    may("description", &Shape::Text(1, 1000, any)),
    must("pattern", &Shape::Text(1, 500, any)),
    must("action", &PII_ACTION),
    may("inputAction", &PII_ACTION),
    may("outputAction", &PII_ACTION),
    may("inputEnabled", &FLAG),
    may("outputEnabled", &FLAG),
]);

const GROUNDING_FILTER: Shape = Shape::Object(&[
    must("type", &Shape::Choice(&["GROUNDING", "RELEVANCE"])),
    must("threshold", &Shape::Number(0.0, 0.99)),
    may("action", &ACTION),
    may("enabled", &FLAG),
]);

const CONTENT_POLICY: Shape = Shape::Object(&[
    must_as("filtersConfig", "filters", &Shape::List(1, 6, &CONTENT_FILTER)),
    may_as("tierConfig", "tier", &TIER),
]);
const TOPIC_POLICY: Shape = Shape::Object(&[
    must_as("topicsConfig", "topics", &Shape::List(1, 30, &TOPIC)),
    may_as("tierConfig", "tier", &TIER),
]);
const WORD_POLICY: Shape = Shape::Object(&[
    may_as("wordsConfig", "words", &Shape::List(1, 10_000, &WORD)),
    may_as("managedWordListsConfig", "managedWordLists", &Shape::List(0, 10, &MANAGED_WORD_LIST)),
]);
const SENSITIVE_INFORMATION_POLICY: Shape = Shape::Object(&[
    may_as("piiEntitiesConfig", "piiEntities", &Shape::List(1, 31, &PII_ENTITY)),
    may_as("regexesConfig", "regexes", &Shape::List(1, 30, &REGEX)),
]);
const GROUNDING_POLICY: Shape = Shape::Object(&[
    must_as("filtersConfig", "filters", &Shape::List(1, 2, &GROUNDING_FILTER)),
    may_as("tierConfig", "tier", &TIER),
]);
const REASONING_POLICY: Shape = Shape::Object(&[
    must("policies", &Shape::List(1, 2, &Shape::Text(1, 2048, any))),
    may("confidenceThreshold", &Shape::Number(0.0, 1.0)),
]);
const CROSS_REGION: Shape =
    Shape::Object(&[must_as("guardrailProfileIdentifier", "guardrailProfileId", &Shape::Text(15, 2048, any))]);

/// The body of CreateGuardrail and UpdateGuardrail, without tags and tokens.
pub(crate) const GUARDRAIL: Shape = Shape::Object(MEMBERS);

pub(super) const MEMBERS: &[Member] = &[
    must("name", &NAME),
    may("description", &DESCRIPTION),
    may_as("topicPolicyConfig", "topicPolicy", &TOPIC_POLICY),
    may_as("contentPolicyConfig", "contentPolicy", &CONTENT_POLICY),
    may_as("wordPolicyConfig", "wordPolicy", &WORD_POLICY),
    may_as("sensitiveInformationPolicyConfig", "sensitiveInformationPolicy", &SENSITIVE_INFORMATION_POLICY),
    may_as("contextualGroundingPolicyConfig", "contextualGroundingPolicy", &GROUNDING_POLICY),
    may_as("automatedReasoningPolicyConfig", "automatedReasoningPolicy", &REASONING_POLICY),
    may_as("crossRegionConfig", "crossRegionDetails", &CROSS_REGION),
    must("blockedInputMessaging", &MESSAGE),
    must("blockedOutputsMessaging", &MESSAGE),
    may_as("kmsKeyId", "kmsKeyArn", &KMS_KEY),
];

/// `clientRequestToken` and version `description`.
pub(super) const VERSION_MEMBERS: &[Member] =
    &[may("description", &DESCRIPTION), may("clientRequestToken", &Shape::Text(1, 256, is_token))];

/// `clientRequestToken` of CreateGuardrail.
pub(super) const TOKEN_MEMBERS: &[Member] = &[may("clientRequestToken", &Shape::Text(1, 256, is_token))];

fn is_name(character: char) -> bool {
    character.is_ascii_alphanumeric() || matches!(character, '-' | '_')
}

fn is_topic_name(character: char) -> bool {
    is_name(character) || matches!(character, ' ' | '!' | '?' | '.')
}

fn is_token(character: char) -> bool {
    character.is_ascii_alphanumeric() || character == '-'
}

/// The content of a guardrail in its read shape, from a create or update request.
pub(super) fn content(
    scope: &Scope,
    future_members: &[String],
    input: &Map<String, Value>,
) -> Result<Map<String, Value>, ApiError> {
    let mut reader = Reader { future_members, problems: Vec::new() };
    let mut content = reader.accept_members(MEMBERS, input, "");
    reader.verdict().map_err(ApiError::validation)?;
    rules_between_members(&content)?;
    if let Some(Value::Object(details)) = content.get_mut("crossRegionDetails") {
        let given = details.get("guardrailProfileId").and_then(Value::as_str).unwrap_or_default();
        let (id, arn) = guardrail_profile(scope, given)?;
        details.insert("guardrailProfileId".to_owned(), id.into());
        details.insert("guardrailProfileArn".to_owned(), arn.into());
    }
    // A tier that is not written reads back as CLASSIC (kinds/guardrail/README.md, Defaults); no source says so for grounding.
    for policy in ["contentPolicy", "topicPolicy"] {
        if let Some(Value::Object(policy)) = content.get_mut(policy) {
            policy.entry("tier").or_insert_with(|| serde_json::json!({"tierName": "CLASSIC"}));
        }
    }
    // A policy with one list reads back with both (kinds/guardrail/README.md, Defaults).
    for (policy, list) in [
        ("wordPolicy", "words"),
        ("wordPolicy", "managedWordLists"),
        ("sensitiveInformationPolicy", "piiEntities"),
        ("sensitiveInformationPolicy", "regexes"),
    ] {
        if let Some(Value::Object(policy)) = content.get_mut(policy) {
            policy.entry(list).or_insert_with(|| Value::Array(Vec::new()));
        }
    }
    Ok(content)
}

/// Rules that no single member shows (kinds/guardrail/README.md, Limits).
fn rules_between_members(content: &Map<String, Value>) -> Result<(), ApiError> {
    let tier =
        |policy: &str| content.get(policy).and_then(|policy| policy.pointer("/tier/tierName")).and_then(Value::as_str);
    let standard = ["contentPolicy", "topicPolicy", "contextualGroundingPolicy"]
        .iter()
        .any(|policy| tier(policy) == Some("STANDARD"));
    if standard && !content.contains_key("crossRegionDetails") {
        return Err(ApiError::validation(
            "The STANDARD tier requires a cross-region configuration. Provide crossRegionConfig.",
        ));
    }
    let mut types = Vec::new();
    for filter in items(content, "contentPolicy", "filters") {
        let kind = text(filter, "type");
        if kind == "PROMPT_ATTACK" && text(filter, "outputStrength") != "NONE" {
            return Err(ApiError::validation(
                "Invalid content policy: the output strength of PROMPT_ATTACK must be NONE.",
            ));
        }
        if types.contains(&kind) {
            return Err(ApiError::validation(format!("Invalid content policy: duplicate filter type {kind}.")));
        }
        types.push(kind);
    }
    if tier("topicPolicy") != Some("STANDARD") {
        for topic in items(content, "topicPolicy", "topics") {
            if text(topic, "definition").chars().count() > 200 {
                return Err(ApiError::validation(
                    "Invalid topic policy: a definition has at most 200 characters in the CLASSIC tier.",
                ));
            }
        }
    }
    Ok(())
}

fn items<'a>(content: &'a Map<String, Value>, policy: &str, list: &str) -> impl Iterator<Item = &'a Value> {
    let list = content.get(policy).and_then(|policy| policy.get(list)).and_then(Value::as_array);
    list.map(Vec::as_slice).unwrap_or_default().iter()
}

fn text<'a>(value: &'a Value, member: &str) -> &'a str {
    value.get(member).and_then(Value::as_str).unwrap_or_default()
}

/// Id and ARN of a guardrail profile, which must be one of the region's (README.md, Guardrail profiles).
fn guardrail_profile(scope: &Scope, given: &str) -> Result<(String, String), ApiError> {
    let id = given.rsplit("guardrail-profile/").next().unwrap_or(given);
    let region = scope.region.as_str();
    let serves = match id.strip_suffix(".guardrail.v1:0") {
        Some("us") => region.starts_with("us-") && !region.starts_with("us-gov-"),
        Some("us-gov") => region.starts_with("us-gov-"),
        Some("eu") => region.starts_with("eu-") || region == "il-central-1",
        Some("uk") => region == "eu-west-2",
        Some("au") => region == "ap-southeast-2",
        Some("ca") => region == "ca-central-1",
        Some("apac") => region.starts_with("ap-"),
        _ => false,
    };
    let arn = scope.arn("bedrock", &format!("guardrail-profile/{id}"));
    if !serves || (given.starts_with("arn:") && given != arn) {
        return Err(ApiError::validation(format!("The guardrail profile {given} is not available in {region}.")));
    }
    Ok((id.to_owned(), arn))
}
