//! From the normal form to the body of CreateGuardrail and UpdateGuardrail (README.md, Two sets of names).
//!
//! The request calls many members by other names than the answer. The elements of lists have the same names in both, which
//! is why unknown members of elements can be carried, and unknown members above them cannot.

use reconciler_model::open_enum::on_the_wire;
use reconciler_model::tree::{self, Path};
use serde_json::{Map, Value, json};

use super::spec::CONTRACT;
use crate::shared::normal::without_nulls;

/// The GET-side and the request-side name of one thing.
type Names = (&'static str, &'static str);

/// GET-side section, request-side section, and the lists of each: GET-side and request-side.
const SECTIONS: &[(&str, &str, &[Names])] = &[
    ("contentPolicy", "contentPolicyConfig", &[("filters", "filtersConfig")]),
    ("topicPolicy", "topicPolicyConfig", &[("topics", "topicsConfig")]),
    ("wordPolicy", "wordPolicyConfig", &[("words", "wordsConfig"), ("managedWordLists", "managedWordListsConfig")]),
    (
        "sensitiveInformationPolicy",
        "sensitiveInformationPolicyConfig",
        &[("piiEntities", "piiEntitiesConfig"), ("regexes", "regexesConfig")],
    ),
    ("contextualGroundingPolicy", "contextualGroundingPolicyConfig", &[("filters", "filtersConfig")]),
    ("automatedReasoningPolicy", "automatedReasoningPolicyConfig", &[("policies", "policies")]),
];

/// Members whose values are words of a vocabulary, and so may carry the mark of an unknown word.
const WORDS: &[&str] = &[
    "type",
    "inputStrength",
    "outputStrength",
    "inputModalities",
    "outputModalities",
    "action",
    "inputAction",
    "outputAction",
    "tierName",
];

/// The complete body for a guardrail `name` with the content `tree`, which has keyed lists as maps.
pub(super) fn body(name: &str, tree: &Value) -> Value {
    let listed = wire_words(without_nulls(tree::listed(tree, CONTRACT.list_keys())));
    let mut body = Map::new();
    body.insert("name".into(), json!(name));
    for member in ["description", "blockedInputMessaging", "blockedOutputsMessaging"] {
        if let Some(value) = listed.get(member) {
            body.insert(member.into(), value.clone());
        }
    }
    if let Some(key) = listed.get("kmsKeyArn") {
        body.insert("kmsKeyId".into(), key.clone());
    }
    if let Some(profile) = listed.pointer("/crossRegionDetails/guardrailProfileId") {
        body.insert("crossRegionConfig".into(), json!({ "guardrailProfileIdentifier": profile }));
    }
    for (section, request_section, lists) in SECTIONS {
        let Some(policy) = listed.get(section) else { continue };
        let mut config = Map::new();
        for (list, request_list) in *lists {
            if let Some(Value::Array(elements)) = policy.get(list)
                && !elements.is_empty()
            {
                config.insert((*request_list).into(), Value::Array(elements.clone()));
            }
        }
        if let Some(tier) = policy.get("tier") {
            // Contextual grounding got tiers later; its default is left unsaid so that regions without them accept it.
            if *section != "contextualGroundingPolicy" || tier != &json!({"tierName": "CLASSIC"}) {
                config.insert("tierConfig".into(), tier.clone());
            }
        }
        if let Some(threshold) = policy.get("confidenceThreshold") {
            config.insert("confidenceThreshold".into(), threshold.clone());
        }
        body.insert((*request_section).into(), Value::Object(config));
    }
    Value::Object(body)
}

/// Whether the unknown member at `path` of a live answer can be carried through a write: it belongs to an element.
pub(super) fn can_carry(path: &Path) -> bool {
    match path.parts()[..] {
        [section, list, _, ref below @ ..] => {
            !below.is_empty()
                && SECTIONS.iter().any(|(name, _, lists)| *name == section && lists.iter().any(|one| one.0 == list))
        }
        _ => false,
    }
}

fn wire_words(tree: Value) -> Value {
    fn strip(value: Value) -> Value {
        match value {
            Value::String(text) => Value::String(on_the_wire(&text).to_owned()),
            Value::Array(items) => Value::Array(items.into_iter().map(strip).collect()),
            other => other,
        }
    }
    match tree {
        Value::Object(members) => Value::Object(
            members
                .into_iter()
                .map(|(name, member)| {
                    let member = if WORDS.contains(&name.as_str()) { strip(member) } else { wire_words(member) };
                    (name, member)
                })
                .collect(),
        ),
        Value::Array(items) => Value::Array(items.into_iter().map(wire_words).collect()),
        scalar => scalar,
    }
}
