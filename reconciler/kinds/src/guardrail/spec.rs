//! The normal form of a guardrail (README.md, Defaults) and the directions of its fields.
//!
//! Defaults that the service leaves out of its answers are written here, once. `publishedVersion` is the content of the
//! newest published version; a declaration wants it equal to what it declares, unless it says `publish: false`.

use reconciler_model::address::{Scope, ScopeKind};
use reconciler_model::diagnostic::Problem;
use reconciler_model::direction::{self, Direction};
use reconciler_model::inventory::ObservedResource;
use reconciler_model::kind::{
    self, Contract, Identity, Kind, KnownVersions, Normalised, Origin, Output, PinnedAs, Place, Situation, Versions,
};
use reconciler_model::open_enum::Word;
use reconciler_model::plan::{Call, Proposal};
use reconciler_model::tree::{self, Difference, Path};
use reconciler_model::{member, typed_spec, vocabulary};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use serde_json::{Map, Value, json};

use super::{Guardrail, older, steps, validation};
use crate::shared::arns;
use crate::shared::guardrails::{NAME, hold_to_name, leave_out_own_name};
use crate::shared::normal::{Decimal, IGNORED, as_answered, yes};
use crate::shared::tags::Tags;

vocabulary!(
    /// The content filters.
    FilterType, "SEXUAL", "VIOLENCE", "HATE", "INSULTS", "MISCONDUCT", "PROMPT_ATTACK"
);
vocabulary!(
    /// The strengths of a content filter, from the weakest.
    Strength, "NONE", "LOW", "MEDIUM", "HIGH"
);
vocabulary!(
    /// What a filter, topic or word does.
    BlockAction, "NONE", "BLOCK"
);
vocabulary!(
    /// What a filter for sensitive information does, from the weakest.
    SensitiveAction, "NONE", "ANONYMIZE", "BLOCK"
);
vocabulary!(
    /// What a filter looks at.
    Modality, "TEXT", "IMAGE"
);
vocabulary!(
    /// The tiers, from the weakest.
    TierName, "CLASSIC", "STANDARD"
);
vocabulary!(
    /// The types of topics.
    TopicType, "DENY"
);
vocabulary!(
    /// The word lists that AWS keeps.
    ManagedList, "PROFANITY"
);
vocabulary!(
    /// The contextual grounding filters.
    GroundingType, "GROUNDING", "RELEVANCE"
);
vocabulary!(
    /// The types of personally identifiable information.
    PiiType, "ADDRESS", "AGE", "AWS_ACCESS_KEY", "AWS_SECRET_KEY", "CA_HEALTH_NUMBER", "CA_SOCIAL_INSURANCE_NUMBER",
    "CREDIT_DEBIT_CARD_CVV", "CREDIT_DEBIT_CARD_EXPIRY", "CREDIT_DEBIT_CARD_NUMBER", "DRIVER_ID", "EMAIL",
    "INTERNATIONAL_BANK_ACCOUNT_NUMBER", "IP_ADDRESS", "LICENSE_PLATE", "MAC_ADDRESS", "NAME", "PASSWORD", "PHONE", "PIN",
    "SWIFT_CODE", "UK_NATIONAL_HEALTH_SERVICE_NUMBER", "UK_NATIONAL_INSURANCE_NUMBER",
    "UK_UNIQUE_TAXPAYER_REFERENCE_NUMBER", "URL", "USERNAME", "US_BANK_ACCOUNT_NUMBER", "US_BANK_ROUTING_NUMBER",
    "US_INDIVIDUAL_TAX_IDENTIFICATION_NUMBER", "US_PASSPORT_NUMBER", "US_SOCIAL_SECURITY_NUMBER",
    "VEHICLE_IDENTIFICATION_NUMBER"
);

/// A guardrail as GetGuardrail answers it, without what the service owns.
#[derive(Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
struct Spec {
    /// What the guardrail is for, for people: 1 to 200 characters; `null` for none.
    #[serde(default)]
    #[schemars(extend("x-direction" = "neutral"))]
    description: Option<String>,
    /// What the caller gets in the place of an answer when the prompt is blocked: 1 to 500 characters. A guardrail always has one.
    #[serde(default)]
    #[schemars(extend("x-direction" = "neutral"))]
    blocked_input_messaging: Option<String>,
    /// What the caller gets in the place of an answer that is blocked: 1 to 500 characters. A guardrail always has one.
    #[serde(default)]
    #[schemars(extend("x-direction" = "neutral"))]
    blocked_outputs_messaging: Option<String>,
    /// The ARN of the KMS key that encrypts the guardrail; `null` is the key that AWS owns. Usually `${kms:alias/NAME}`.
    #[serde(default)]
    #[schemars(extend("pattern" = arns::KEY_PATTERN))]
    kms_key_arn: Option<String>,
    /// The guardrail profile, which lets the guardrail work in other regions of its geography; the STANDARD tier needs one. `null` keeps
    /// prompts in the region.
    #[serde(default)]
    cross_region_details: Option<CrossRegion>,
    /// Filters for harmful content and prompt attacks; `null` for none. Complete: a filter that is not listed is removed.
    #[serde(default)]
    #[schemars(extend("x-direction" = "presence"))]
    content_policy: Option<ContentPolicy>,
    /// Topics that are not talked about; `null` for none. Complete.
    #[serde(default)]
    #[schemars(extend("x-direction" = "presence"))]
    topic_policy: Option<TopicPolicy>,
    /// Words that are not said; `null` for none. Complete.
    #[serde(default)]
    #[schemars(extend("x-direction" = "presence"))]
    word_policy: Option<WordPolicy>,
    /// Personal data and other sensitive text, which is blocked or masked; `null` for none. Complete.
    #[serde(default)]
    #[schemars(extend("x-direction" = "presence"))]
    sensitive_information_policy: Option<SensitivePolicy>,
    /// Filters for answers that their source does not support or that miss the question; `null` for none. Complete.
    #[serde(default)]
    #[schemars(extend("x-direction" = "presence"))]
    contextual_grounding_policy: Option<GroundingPolicy>,
    /// Checks of answers against formal rules; `null` for none. Complete.
    #[serde(default)]
    #[schemars(extend("x-direction" = "presence"))]
    automated_reasoning_policy: Option<ReasoningPolicy>,
    /// Tags; only those that are named are managed.
    #[serde(default)]
    tags: Option<Tags>,
    /// Whether the newest published version has to be as declared too: `true` unless it says `false`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    publish: Option<bool>,
    /// Members of answers that this build does not know, and that a restore may leave out of what it writes: those that are
    /// only read. Every other unknown member of the guardrail itself refuses the restore.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    ignore_unknown: Option<Vec<String>>,
}

#[derive(Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
struct CrossRegion {
    /// The id of the guardrail profile, such as `eu.guardrail.v1:0`.
    guardrail_profile_id: String,
}

#[derive(Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
struct Tier {
    /// How good the detection is: `STANDARD` knows more languages and variations, and needs `crossRegionDetails`.
    tier_name: Word<TierName>,
}

impl Default for Tier {
    /// What the service uses, and reads back, when none was written.
    fn default() -> Self {
        Self { tier_name: Word::new("CLASSIC") }
    }
}

#[derive(Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
struct ContentPolicy {
    /// The filters, one for each type of content; a type that is missing is not looked for.
    #[serde(default)]
    #[schemars(extend("x-list-key" = "type", "x-direction" = "presence"))]
    filters: Vec<ContentFilter>,
    /// The tier of these filters.
    #[serde(default)]
    tier: Tier,
}

/// What an element does to prompts and to answers. Absent members are the documented behaviour of the console: block, and on.
/// That the API has the same defaults is a hypothesis (README.md, Hypotheses), so declarations should be explicit.
macro_rules! element {
    ($(#[$doc:meta])* $name:ident { $($(#[$attribute:meta])* $field:ident: $type:ty),* $(,)? }) => {
        $(#[$doc])*
        #[derive(Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
        #[serde(rename_all = "camelCase")]
        #[schemars(extend("x-direction" = "presence"))]
        struct $name {
            $($(#[$attribute])* $field: $type,)*
            /// What is done when it is found in a prompt: `BLOCK`, or `NONE`, which only reports it in the trace.
            #[serde(default = "block")]
            #[schemars(extend("x-direction" = {"ladder": ["NONE", "BLOCK"]}))]
            input_action: Word<BlockAction>,
            /// What is done when it is found in an answer: `BLOCK`, or `NONE`, which only reports it in the trace.
            #[serde(default = "block")]
            #[schemars(extend("x-direction" = {"ladder": ["NONE", "BLOCK"]}))]
            output_action: Word<BlockAction>,
            /// Whether prompts are looked at. What is off does nothing, whatever its action is.
            #[serde(default = "yes")]
            #[schemars(extend("x-direction" = "switch"))]
            input_enabled: bool,
            /// Whether answers are looked at. What is off does nothing, whatever its action is.
            #[serde(default = "yes")]
            #[schemars(extend("x-direction" = "switch"))]
            output_enabled: bool,
        }
    };
}

fn block() -> Word<BlockAction> {
    Word::new("BLOCK")
}

fn text_only() -> Vec<Word<Modality>> {
    vec![Word::new("TEXT")]
}

element!(ContentFilter {
    /// What is looked for. `PROMPT_ATTACK` looks at prompts only.
    r#type: Word<FilterType>,
    /// How much of the prompts is filtered: `HIGH` filters most, `NONE` nothing.
    #[schemars(extend("x-direction" = {"ladder": ["NONE", "LOW", "MEDIUM", "HIGH"]}))]
    input_strength: Word<Strength>,
    /// How much of the answers is filtered: `HIGH` filters most, `NONE` nothing. `PROMPT_ATTACK` takes `NONE` only.
    #[schemars(extend("x-direction" = {"ladder": ["NONE", "LOW", "MEDIUM", "HIGH"]}))]
    output_strength: Word<Strength>,
    /// What of the prompts is looked at: text, images or both.
    #[serde(default = "text_only")]
    #[schemars(extend("x-direction" = "set"))]
    input_modalities: Vec<Word<Modality>>,
    /// What of the answers is looked at: text, images or both.
    #[serde(default = "text_only")]
    #[schemars(extend("x-direction" = "set"))]
    output_modalities: Vec<Word<Modality>>,
});

#[derive(Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
struct TopicPolicy {
    /// The topics: at most 30.
    #[serde(default)]
    #[schemars(extend("x-list-key" = "name", "x-direction" = "presence"))]
    topics: Vec<Topic>,
    /// The tier of these topics.
    #[serde(default)]
    tier: Tier,
}

element!(Topic {
    /// The topic's name, by which drift finds it.
    name: String,
    /// What the topic is, in a sentence or two: at most 200 characters, 1000 in the STANDARD tier.
    definition: String,
    /// Prompts and answers that are about it: at most 5.
    #[serde(default)]
    examples: Vec<String>,
    /// What the topic is for: `DENY` keeps it from being talked about.
    #[serde(default = "deny")]
    r#type: Word<TopicType>,
});

fn deny() -> Word<TopicType> {
    Word::new("DENY")
}

#[derive(Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
struct WordPolicy {
    /// Words and phrases of your own: at most 10000.
    #[serde(default)]
    #[schemars(extend("x-list-key" = "text", "x-direction" = "presence"))]
    words: Vec<BlockedWord>,
    /// Lists of words that AWS keeps.
    #[serde(default)]
    #[schemars(extend("x-list-key" = "type", "x-direction" = "presence"))]
    managed_word_lists: Vec<ManagedWords>,
}

element!(BlockedWord {
    /// The word or phrase.
    text: String,
});
element!(ManagedWords {
    /// The list.
    r#type: Word<ManagedList>,
});

#[derive(Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
struct SensitivePolicy {
    /// Personal data of the types that AWS knows.
    #[serde(default)]
    #[schemars(extend("x-list-key" = "type", "x-direction" = "presence"))]
    pii_entities: Vec<PiiEntity>,
    /// Patterns of your own: at most 30.
    #[serde(default)]
    #[schemars(extend("x-list-key" = "name", "x-direction" = "presence"))]
    regexes: Vec<Regex>,
}

#[derive(Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
#[schemars(extend("x-direction" = "presence"))]
struct PiiEntity {
    /// The type of personal data.
    r#type: Word<PiiType>,
    /// What is done when it is found: `BLOCK`, `ANONYMIZE` puts a mask in its place, `NONE` only reports it in the trace.
    #[schemars(extend("x-direction" = {"ladder": ["NONE", "ANONYMIZE", "BLOCK"]}))]
    action: Word<SensitiveAction>,
    /// What is done when it is found in prompts; `null` or left out, the same as `action`.
    #[serde(default)]
    #[schemars(extend("x-direction" = {"ladder": ["NONE", "ANONYMIZE", "BLOCK"]}))]
    input_action: Option<Word<SensitiveAction>>,
    /// What is done when it is found in answers; `null` or left out, the same as `action`.
    #[serde(default)]
    #[schemars(extend("x-direction" = {"ladder": ["NONE", "ANONYMIZE", "BLOCK"]}))]
    output_action: Option<Word<SensitiveAction>>,
    /// Whether prompts are looked at. What is off does nothing, whatever its action is.
    #[serde(default = "yes")]
    #[schemars(extend("x-direction" = "switch"))]
    input_enabled: bool,
    /// Whether answers are looked at. What is off does nothing, whatever its action is.
    #[serde(default = "yes")]
    #[schemars(extend("x-direction" = "switch"))]
    output_enabled: bool,
}

#[derive(Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
#[schemars(extend("x-direction" = "presence"))]
struct Regex {
    /// The pattern's name, by which drift finds it; the mask shows it.
    name: String,
    /// What the pattern is for, for people; `null` for none.
    #[serde(default)]
    #[schemars(extend("x-direction" = "neutral"))]
    description: Option<String>,
    /// The regular expression.
    pattern: String,
    /// What is done when it is found: `BLOCK`, `ANONYMIZE` puts a mask in its place, `NONE` only reports it in the trace.
    #[schemars(extend("x-direction" = {"ladder": ["NONE", "ANONYMIZE", "BLOCK"]}))]
    action: Word<SensitiveAction>,
    /// What is done when it is found in prompts; `null` or left out, the same as `action`.
    #[serde(default)]
    #[schemars(extend("x-direction" = {"ladder": ["NONE", "ANONYMIZE", "BLOCK"]}))]
    input_action: Option<Word<SensitiveAction>>,
    /// What is done when it is found in answers; `null` or left out, the same as `action`.
    #[serde(default)]
    #[schemars(extend("x-direction" = {"ladder": ["NONE", "ANONYMIZE", "BLOCK"]}))]
    output_action: Option<Word<SensitiveAction>>,
    /// Whether prompts are looked at. What is off does nothing, whatever its action is.
    #[serde(default = "yes")]
    #[schemars(extend("x-direction" = "switch"))]
    input_enabled: bool,
    /// Whether answers are looked at. What is off does nothing, whatever its action is.
    #[serde(default = "yes")]
    #[schemars(extend("x-direction" = "switch"))]
    output_enabled: bool,
}

#[derive(Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
struct GroundingPolicy {
    /// The filters: `GROUNDING` for what the source does not support, `RELEVANCE` for what misses the question.
    #[serde(default)]
    #[schemars(extend("x-list-key" = "type", "x-direction" = "presence"))]
    filters: Vec<GroundingFilter>,
    /// The tier of these filters.
    #[serde(default)]
    tier: Tier,
}

#[derive(Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
#[schemars(extend("x-direction" = "presence"))]
struct GroundingFilter {
    /// What an answer is held against: `GROUNDING` its source, `RELEVANCE` the question.
    r#type: Word<GroundingType>,
    /// The least score of an answer that passes, from 0 to 0.99: the greater, the more is blocked.
    #[schemars(extend("x-direction" = "more", "minimum" = 0, "maximum" = 0.99))]
    threshold: Decimal,
    /// What is done with an answer below the threshold: `BLOCK`, or `NONE`, which only reports it in the trace.
    #[serde(default = "block")]
    #[schemars(extend("x-direction" = {"ladder": ["NONE", "BLOCK"]}))]
    action: Word<BlockAction>,
    /// Whether answers are looked at.
    #[serde(default = "yes")]
    #[schemars(extend("x-direction" = "switch"))]
    enabled: bool,
}

#[derive(Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
struct ReasoningPolicy {
    /// The ARNs of versions of automated reasoning policies: at most 2.
    #[serde(default)]
    #[schemars(extend("x-direction" = "set"))]
    policies: Vec<String>,
    /// How sure a finding has to be, from 0 to 1; `null` leaves it to the service.
    #[serde(default)]
    confidence_threshold: Option<Decimal>,
}

/// The content: the top-level members that CreateGuardrail and UpdateGuardrail take, tags aside.
pub(super) const BODY: &[&str] = &[
    "description",
    "blockedInputMessaging",
    "blockedOutputsMessaging",
    "kmsKeyArn",
    "crossRegionDetails",
    "contentPolicy",
    "topicPolicy",
    "wordPolicy",
    "sensitiveInformationPolicy",
    "contextualGroundingPolicy",
    "automatedReasoningPolicy",
];

/// The policies, each with the lists whose elements protect.
const POLICIES: &[(&str, &[&str])] = &[
    ("contentPolicy", &["filters"]),
    ("topicPolicy", &["topics"]),
    ("wordPolicy", &["words", "managedWordLists"]),
    ("sensitiveInformationPolicy", &["piiEntities", "regexes"]),
    ("contextualGroundingPolicy", &["filters"]),
    ("automatedReasoningPolicy", &["policies"]),
];

/// The member of the tree that holds the content of the newest published version.
pub(super) const PUBLISHED: &str = "publishedVersion";

/// The member that says whether the service serves the DRAFT, or the version: no declaration has it, and each wants it.
pub(super) const STATUS: &str = "status";
pub(super) const READY: &str = "READY";
pub(super) const FAILED: &str = "FAILED";

/// Brings a tree into the one form that equal guardrails share.
fn settle(tree: &mut Value, origin: Origin) {
    for (policy, lists) in POLICIES {
        let Some(section) = tree.get_mut(policy).filter(|section| section.is_object()) else { continue };
        let is_empty = |list: &&str| match section.get(*list) {
            Some(Value::Object(elements)) => elements.is_empty(),
            Some(Value::Array(elements)) => elements.is_empty(),
            _ => true,
        };
        let empty: Vec<&str> = lists.iter().filter(|list| is_empty(list)).copied().collect();
        if empty.len() == lists.len() {
            // A policy with no element is no policy: the service answers either.
            *section = Value::Null;
        } else if let Some(members) = section.as_object_mut() {
            members.retain(|member, _| !empty.contains(&member.as_str()));
        }
    }
    // The service takes no empty description, and answers may have one.
    let drop_empty = |element: &mut Value| {
        if origin == Origin::Live && element.get("description").is_some_and(|text| text == "") {
            element["description"] = Value::Null;
        }
    };
    drop_empty(tree);
    // The prompt-attack filter looks at the input only; what the answer says of the output side means nothing.
    if let Some(Value::Object(filter)) = tree.pointer_mut("/contentPolicy/filters/PROMPT_ATTACK") {
        filter.retain(|member, _| !matches!(member.as_str(), "outputAction" | "outputEnabled" | "outputModalities"));
    }
    for list in ["piiEntities", "regexes"] {
        let elements = tree.get_mut("sensitiveInformationPolicy").and_then(|policy| policy.get_mut(list));
        for element in elements.and_then(Value::as_object_mut).into_iter().flat_map(|map| map.values_mut()) {
            drop_empty(element);
            let action = element.get("action").cloned().unwrap_or(Value::Null);
            for side in ["inputAction", "outputAction"] {
                if element.get(side).is_none_or(Value::is_null) {
                    element[side] = action.clone();
                }
            }
        }
    }
    // Declarations may give the profile's ARN; its last part is the id.
    if let Some(Value::String(profile)) = tree.pointer_mut("/crossRegionDetails/guardrailProfileId")
        && let Some((_, id)) = profile.split_once(":guardrail-profile/")
    {
        *profile = id.to_owned();
    }
}

/// The part of a content that a published version shares with the DRAFT; its description is its own.
pub(super) fn published_of(content: &Value) -> Value {
    Value::Object(published_members(content).map(|(name, value)| (name.clone(), value.clone())).collect())
}

/// The members of a content that a version holds.
pub(super) fn published_members(content: &Value) -> impl Iterator<Item = (&String, &Value)> {
    content.as_object().into_iter().flatten().filter(|(name, _)| is_published(name))
}

/// Whether a version holds a member; its description is its own.
fn is_published(name: &str) -> bool {
    name != "description" && BODY.contains(&name)
}

/// A content as the newest version has to have it: a version that the service gave up serves nobody.
pub(super) fn as_published(content: &Value) -> Value {
    let mut published = published_of(content);
    published[STATUS] = json!(READY);
    published
}

/// The content of `tree`.
pub(super) fn body_of(tree: &Value) -> Value {
    Value::Object(members_of_body(tree).map(|(name, value)| (name.clone(), value.clone())).collect())
}

/// The members of `tree` that are content.
fn members_of_body(tree: &Value) -> impl Iterator<Item = (&String, &Value)> {
    tree.as_object().into_iter().flatten().filter(|(name, _)| BODY.contains(&name.as_str()))
}

pub(super) const TAGS: &str = member!(Spec, tags);
pub(super) const KEY: &str = member!(Spec, kms_key_arn);
pub(super) const CROSS_REGION: &str = member!(Spec, cross_region_details);

pub(super) static CONTRACT: Contract = Contract {
    name: "guardrail",
    about: "A Bedrock guardrail: every policy of its DRAFT, and the newest published version.",
    scope: ScopeKind::Region,
    stage: 80,
    check_name,
    // A version holds the whole guardrail; a declaration manages only the members that it names.
    spec: typed_spec!(Spec, PUBLISHED),
    request_side_names: &[
        ("kmsKeyId", "kmsKeyArn"),
        ("crossRegionConfig", "crossRegionDetails"),
        ("guardrailProfileIdentifier", "guardrailProfileId"),
        ("contentPolicyConfig", "contentPolicy"),
        ("topicPolicyConfig", "topicPolicy"),
        ("wordPolicyConfig", "wordPolicy"),
        ("sensitiveInformationPolicyConfig", "sensitiveInformationPolicy"),
        ("contextualGroundingPolicyConfig", "contextualGroundingPolicy"),
        ("automatedReasoningPolicyConfig", "automatedReasoningPolicy"),
        ("filtersConfig", "filters"),
        ("topicsConfig", "topics"),
        ("wordsConfig", "words"),
        ("managedWordListsConfig", "managedWordLists"),
        ("piiEntitiesConfig", "piiEntities"),
        ("regexesConfig", "regexes"),
        ("tierConfig", "tier"),
    ],
    hints: &[IGNORED],
    // `version` is the number of the newest published version.
    outputs: &[Output::new(ID), Output::new(ARN), Output::following(VERSION, PUBLISHED)],
    published: Some(PUBLISHED),
    trail_events: super::trail_events::TRAIL_EVENTS,
    // READY is answered for a moment right after an update, before UPDATING (README.md, DRAFT and READY).
    settled_reads: 2,
    pinned_as: Some(PinnedAs::NameAndVersions("guardrail/")),
    identity: Some(Identity {
        id: Some(ID),
        output: pinned_output,
        ..Identity::new(NAME, |want, name, _| hold_to_name(want, name))
    }),
    to_read: &[
        "bedrock:ListGuardrails",
        "bedrock:GetGuardrail",
        "bedrock:ListTagsForResource",
        "bedrock:ListEnforcedGuardrailsConfiguration",
    ],
    to_restore: &[
        "bedrock:CreateGuardrail",
        "bedrock:UpdateGuardrail",
        "bedrock:CreateGuardrailVersion",
        "bedrock:DeleteGuardrail",
        "bedrock:TagResource",
    ],
    ..Contract::DEFAULT
};

const ID: &str = "guardrailId";
const ARN: &str = "guardrailArn";
pub(super) const VERSION: &str = "version";

fn check_name(name: &str) -> Option<String> {
    let allowed = |c: char| c.is_ascii_alphanumeric() || c == '-' || c == '_';
    (name.is_empty() || name.len() > 50 || !name.chars().all(allowed))
        .then(|| "a guardrail's name has 1 to 50 letters, digits, `-` and `_`".to_owned())
}

fn pinned_output(scope: &Scope, pinned: &str, output: &str) -> Option<String> {
    match output {
        ID => Some(pinned.to_owned()),
        ARN => {
            let partition = arns::partition(&scope.region);
            Some(format!("arn:{partition}:bedrock:{}:{}:guardrail/{pinned}", scope.region, scope.account_id))
        }
        _ => None,
    }
}

impl Kind for Guardrail {
    fn contract(&self) -> &'static Contract {
        &CONTRACT
    }

    fn leave_out(&self, managed: &mut Value, live: &Value, want: &Value) {
        leave_out_own_name(managed, live, want);
    }

    fn normalise(&self, spec: &Value, origin: Origin) -> Normalised {
        let mut normalised = kind::normalise_as::<Spec>(&as_answered(spec, origin), origin, CONTRACT.fields());
        let tree = &mut normalised.tree;
        settle(tree, origin);
        if let Some(members) = tree.as_object_mut() {
            let publish = members.remove("publish");
            if origin == Origin::Declared && publish != Some(Value::Bool(false)) {
                let held = members.iter().filter(|(name, _)| is_published(name));
                let mut published: Map<_, _> = held.map(|(name, value)| (name.clone(), value.clone())).collect();
                published.insert(STATUS.into(), json!(READY));
                members.insert(PUBLISHED.into(), Value::Object(published));
            }
            // That the service gave it up is what the resource client knows.
            members.insert(STATUS.into(), json!(READY));
        }
        normalised
    }

    fn declare(&self, live: &Value) -> Result<Value, String> {
        let mut spec = live.clone();
        if let Some(members) = spec.as_object_mut() {
            members.remove(STATUS);
            let published = members.remove(PUBLISHED).map(|published| published_of(&published));
            if published.as_ref() != Some(&published_of(live)) {
                members.insert("publish".into(), json!(false));
            }
            if members.get(TAGS).is_some_and(|tags| tags.is_null() || tags == &json!({})) {
                members.remove(TAGS);
            }
        }
        Ok(tree::listed(&spec, CONTRACT.list_keys()))
    }

    fn output(&self, observed: &ObservedResource, name: &str) -> Option<String> {
        match name {
            VERSION => observed.private_state.get("versions")?.as_array()?.last().map(Value::to_string),
            name => observed.external_id.get(name)?.as_str().map(str::to_owned),
        }
    }

    fn check(&self, tree: &Value) -> Vec<Problem> {
        validation::check(tree)
    }

    fn direction(&self, path: &Path, live: Option<&Value>, want: Option<&Value>) -> Direction {
        let parts = path.parts();
        let parts = parts.strip_prefix(&[PUBLISHED]).unwrap_or(&parts);
        match *parts {
            // It was renamed: another guardrail can take its name, while callers still use the id of this one.
            [NAME] => Direction::Weakened,
            [STATUS] => Direction::Weakened,
            [KEY] => arns::key_direction(want),
            [CROSS_REGION, ..] => match (live, want) {
                (None, Some(_)) => Direction::Weakened,
                _ => Direction::Unknown,
            },
            // STANDARD finds more, and has it evaluated in other regions, which a declaration of CLASSIC may mean to forbid.
            [.., "tierName"] => direction::on_ladder(&["CLASSIC", "STANDARD"], live, want).not_simply_stronger(),
            // The tier of a policy that one side lacks.
            [_, "tier"] => match live {
                Some(tier) if tier["tierName"] != "CLASSIC" => direction::of_presence(live, want).not_simply_stronger(),
                _ => direction::of_presence(live, want),
            },
            _ => CONTRACT.direction(path, live, want),
        }
    }

    fn arns(&self, _call: &Call, place: &Place<'_>, _name: &str, live: Option<&ObservedResource>) -> Vec<String> {
        vec![arns::known_or(live, "guardrailArn", || arns::arn(place, "bedrock", "guardrail/*"))]
    }

    fn notes_beside(&self, live: &ObservedResource, want: &Value) -> Vec<(&'static str, String)> {
        older::notes(live, want)
    }

    fn versions(&self) -> Option<&dyn Versions> {
        Some(self)
    }

    fn steps(&self, situation: &Situation<'_>) -> Proposal {
        steps::propose(situation)
    }
}

impl Versions for Guardrail {
    fn newest(&self, live: &ObservedResource) -> Option<String> {
        older::newest(live)
    }

    fn unknown(&self, live: &ObservedResource, want: &Value, known: KnownVersions<'_>) -> Vec<(Difference, Direction)> {
        older::unknown(live, want, known)
    }

    fn direction(&self, live: &ObservedResource, want: &Value, output: &str, value: &str) -> Option<Direction> {
        (output == VERSION).then(|| older::direction_of(live, want, value)).flatten()
    }
}
