//! The normal form of a key (README.md, Reads), and the directions of its fields.

use reconciler_model::address::ScopeKind;
use reconciler_model::diagnostic::Problem;
use reconciler_model::direction::{self, Direction};
use reconciler_model::inventory::ObservedResource;
use reconciler_model::kind::{
    self, Adopted, Contract, Identity, Kind, Normalised, Origin, Output, PinnedAs, Situation,
};
use reconciler_model::open_enum::Word;
use reconciler_model::plan::Proposal;
use reconciler_model::policy::Document;
use reconciler_model::tree::{self, Difference, Path};
use reconciler_model::{member, typed_spec, vocabulary};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use serde_json::{Value, json};

use super::{KmsKey, steps, validation};
use crate::shared::normal::as_answered;
use crate::shared::statements;
use crate::shared::tags::{Names, Tags};

vocabulary!(
    /// What a key is for.
    KeyUsage, "ENCRYPT_DECRYPT", "SIGN_VERIFY", "GENERATE_VERIFY_MAC", "KEY_AGREEMENT"
);

/// A key as DescribeKey, GetKeyPolicy, GetKeyRotationStatus and ListResourceTags answer it, without what the service owns.
#[derive(Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
struct Spec {
    /// What the key is for, for people: at most 8192 characters.
    #[serde(default)]
    #[schemars(extend("x-direction" = "neutral"))]
    description: Option<String>,
    /// Whether the key can be used. One that cannot protects nothing, and stops what it is for.
    #[serde(default)]
    #[schemars(extend("x-direction" = "switch"))]
    enabled: Option<bool>,
    /// Whether KMS makes new key material every `rotationPeriodInDays` days; what is encrypted stays readable.
    #[serde(default)]
    #[schemars(extend("x-direction" = "switch"))]
    key_rotation_enabled: Option<bool>,
    /// Days between two rotations: 90 to 2560.
    #[serde(default)]
    #[schemars(extend("minimum" = 90, "maximum" = 2560))]
    rotation_period_in_days: Option<u32>,
    /// The key policy, complete: who may use and manage the key.
    #[serde(default)]
    policy: Option<Document>,
    /// Whether there may be replicas in other regions; it cannot be changed.
    #[serde(default)]
    multi_region: Option<bool>,
    /// The kind of key material, such as `SYMMETRIC_DEFAULT`; it cannot be changed.
    #[serde(default)]
    key_spec: Option<String>,
    /// What the key is for; it cannot be changed.
    #[serde(default)]
    key_usage: Option<Word<KeyUsage>>,
    /// The id or ARN of the one key that the alias may name. Left out, the alias decides which key is meant.
    #[serde(default)]
    #[schemars(extend("x-direction" = "weakened"))]
    target_key_id: Option<String>,
    /// Tags; only those that are named are managed.
    #[serde(default)]
    tags: Option<Tags>,
    /// Whether a new key may be created where the alias does not exist. What is encrypted under a lost key stays so.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    create_when_missing: Option<bool>,
}

/// What KMS calls the members of a tag.
pub(super) const TAG_NAMES: Names = ("TagKey", "TagValue");

/// The key that the alias names. What is encrypted under the name is encrypted under somebody else's key where it is another one.
pub(super) const TARGET: &str = member!(Spec, target_key_id);

pub(super) const CREATE: &str = member!(Spec, create_when_missing);

/// The member that says when a scheduled deletion happens; no declaration has it, and none allows it.
pub(super) const DELETION: &str = "deletionDate";

/// Actions on a key that its users, what encrypts logs with it, or the reconciler need.
const NEEDED: &[&str] = &[
    "kms:encrypt",
    "kms:decrypt",
    "kms:reencrypt*",
    "kms:generatedatakey*",
    "kms:describe*",
    "kms:creategrant",
    "kms:get*",
    "kms:list*",
    "kms:putkeypolicy",
    "kms:enablekey*",
    "kms:cancelkeydeletion",
    "kms:updatekeydescription",
    "kms:createalias",
    "kms:updatealias",
    "kms:tagresource",
];

/// The id of a key, from its id or ARN.
pub(super) fn key_id(text: &str) -> &str {
    text.rsplit_once(":key/").map_or(text, |(_, id)| id)
}

/// Brings a tree into the one form that equal keys share.
fn settle(tree: &mut Value, origin: Origin, spec: &Value) {
    let Some(members) = tree.as_object_mut() else { return };
    if let Some(Value::String(target)) = members.get_mut(TARGET) {
        *target = key_id(target).to_owned();
    }
    if let Some(description) = members.get_mut(DESCRIPTION).filter(|text| *text == "") {
        *description = Value::Null;
    }
    match origin {
        // A key that is there need not be created: it never differs in this.
        Origin::Live => {
            members.insert(CREATE.into(), json!(true));
            members.insert(DELETION.into(), spec.get(DELETION).cloned().unwrap_or(Value::Null));
        }
        Origin::Declared => {
            if members.get(CREATE) != Some(&json!(true)) {
                members.remove(CREATE);
            }
            members.insert(DELETION.into(), Value::Null);
        }
    }
}

pub(super) const DESCRIPTION: &str = member!(Spec, description);
pub(super) const ENABLED: &str = member!(Spec, enabled);
pub(super) const ROTATION: &str = member!(Spec, key_rotation_enabled);
pub(super) const PERIOD: &str = member!(Spec, rotation_period_in_days);
pub(super) const POLICY: &str = member!(Spec, policy);
pub(super) const USAGE: &str = member!(Spec, key_usage);
pub(super) const TAGS: &str = member!(Spec, tags);

static CONTRACT: Contract = Contract {
    name: "kms-key",
    about: "A customer managed KMS key, by its alias: state, rotation, policy and tags.",
    scope: ScopeKind::Region,
    stage: 10,
    check_name: validation::check_name,
    spec: typed_spec!(Spec),
    request_side_names: &[
        ("tagKey", "key"),
        ("tagValue", "value"),
        ("aliasName", "the name of the declaration, beside spec"),
        ("keyState", "enabled"),
        ("customerMasterKeySpec", "keySpec"),
    ],
    // A key policy that allows less locks out those whom the control needs, so it is put back; but for a denial that touches
    // nothing of what they need.
    documents_grant: true,
    // An alias that was pointed elsewhere is pointed back first: nothing is to be encrypted under the other key.
    outputs: &[Output::following("arn", TARGET), Output::following("keyId", TARGET)],
    trail_events: super::trail_events::TRAIL_EVENTS,
    pinned_as: Some(PinnedAs::Name("kms:")),
    // A declaration that names the key itself says more than a pin.
    identity: Some(Identity::new(TARGET, |want, _, pinned| {
        if let Some(members) = want.as_object_mut() {
            members.entry(TARGET).or_insert_with(|| json!(key_id(pinned)));
        }
    })),
    to_read: &[
        "kms:ListAliases",
        "kms:ListKeys",
        "kms:DescribeKey",
        "kms:GetKeyPolicy",
        "kms:GetKeyRotationStatus",
        "kms:ListResourceTags",
    ],
    to_restore: &[
        "kms:CancelKeyDeletion",
        "kms:EnableKey",
        "kms:EnableKeyRotation",
        "kms:PutKeyPolicy",
        "kms:UpdateKeyDescription",
        "kms:TagResource",
    ],
    adopted: Adopted::WhereNamed,
    ..Contract::DEFAULT
};

impl Kind for KmsKey {
    fn contract(&self) -> &'static Contract {
        &CONTRACT
    }

    fn normalise(&self, spec: &Value, origin: Origin) -> Normalised {
        let mut known = as_answered(spec, origin).into_owned();
        if let (Origin::Live, Some(members)) = (origin, known.as_object_mut()) {
            members.remove(DELETION);
        }
        let mut normalised = kind::normalise_as::<Spec>(&known, origin, CONTRACT.fields());
        settle(&mut normalised.tree, origin, spec);
        normalised
    }

    fn declare(&self, live: &Value) -> Result<Value, String> {
        if let Some(date) = live.get(DELETION).filter(|date| !date.is_null()) {
            let when = date.as_str().map_or_else(|| date.to_string(), str::to_owned);
            return Err(format!("the key waits for its deletion ({when}), which a declaration of it would cancel"));
        }
        let mut spec = live.clone();
        if let Some(members) = spec.as_object_mut() {
            // The alias decides, unless somebody says otherwise.
            for member in [CREATE, DELETION, TARGET] {
                members.remove(member);
            }
            // A period says nothing of a key that is not rotated, and may not be declared with it.
            let is_rotated = members.get(ROTATION) == Some(&json!(true));
            if !is_rotated || members.get(PERIOD).is_some_and(Value::is_null) {
                members.remove(PERIOD);
            }
            if members.get(TAGS).is_some_and(|tags| tags.is_null() || *tags == json!({})) {
                members.remove(TAGS);
            }
        }
        Ok(tree::listed(&spec, CONTRACT.list_keys()))
    }

    /// KMS keeps the period of a key that is no longer rotated; where none is wanted, that is none.
    fn leave_out(&self, managed: &mut Value, live: &Value, want: &Value) {
        let is_rotated = live.get("keyRotationEnabled") == Some(&json!(true));
        if !is_rotated && want.get("rotationPeriodInDays").is_some_and(Value::is_null) {
            managed["rotationPeriodInDays"] = Value::Null;
        }
    }

    fn check(&self, tree: &Value) -> Vec<Problem> {
        validation::check(tree)
    }

    fn direction(&self, path: &Path, live: Option<&Value>, want: Option<&Value>) -> Direction {
        match path.parts()[..] {
            [DELETION] => direction::of_presence(want, live),
            // The longer, the weaker; none at all is the longest.
            [PERIOD] => match (live, want) {
                (Some(_), Some(_)) => direction::of_number(want, live),
                _ => direction::of_presence(live, want),
            },
            // Somebody may have disabled a key on purpose, so one that works again does not protect more for sure.
            [ENABLED] => CONTRACT.direction(path, live, want).not_simply_stronger(),
            _ => CONTRACT.direction(path, live, want),
        }
    }

    fn direction_of(&self, _: &ObservedResource, difference: &Difference, found: Direction) -> Direction {
        match difference.path.parts()[..] {
            ["policy", "Statement", _] if found == Direction::Unknown => {
                statements::of_denial(difference, NEEDED).unwrap_or(found)
            }
            _ => found,
        }
    }

    fn steps(&self, situation: &Situation<'_>) -> Proposal {
        steps::propose(situation)
    }
}
