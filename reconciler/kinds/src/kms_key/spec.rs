//! The normal form of a key (README.md, Reads), and the directions of its fields.

use reconciler_model::address::ScopeKind;
use reconciler_model::cause::Cause;
use reconciler_model::diagnostic::Problem;
use reconciler_model::direction::{self, Direction};
use reconciler_model::inventory::Sighting;
use reconciler_model::kind::{self, Kind, Normalised, Origin, PinnedAs, Situation};
use reconciler_model::open_enum::Word;
use reconciler_model::plan::Proposal;
use reconciler_model::policy::Document;
use reconciler_model::tree::{self, Difference, KeyOf, Path};
use reconciler_model::vocabulary;
use schemars::{JsonSchema, Schema};
use serde::{Deserialize, Serialize};
use serde_json::{Value, json};

use super::{KmsKey, limits, steps};
use crate::shared::normal::as_answered;
use crate::shared::statements;
use crate::shared::tags::{Names, Tag};

vocabulary!(
    /// What a key is for.
    KeyUsage, "ENCRYPT_DECRYPT", "SIGN_VERIFY", "GENERATE_VERIFY_MAC", "KEY_AGREEMENT"
);

/// A key as DescribeKey, GetKeyPolicy, GetKeyRotationStatus and ListResourceTags answer it, without what the service owns.
#[derive(Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
struct Spec {
    /// For people.
    #[serde(default)]
    description: Option<String>,
    /// Whether the key can be used.
    #[serde(default)]
    enabled: Option<bool>,
    /// Whether KMS makes new key material from time to time.
    #[serde(default)]
    key_rotation_enabled: Option<bool>,
    /// Days between two rotations.
    #[serde(default)]
    rotation_period_in_days: Option<u32>,
    /// The key policy, complete.
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
    target_key_id: Option<String>,
    /// Tags; only those that are named are managed.
    #[serde(default)]
    tags: Option<Vec<Tag>>,
    /// Whether a new key may be created where the alias does not exist. What is encrypted under a lost key stays so.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    create_when_missing: Option<bool>,
}

/// What KMS calls the members of a tag.
pub(super) const TAG_NAMES: Names = ("TagKey", "TagValue");

pub(super) const CREATE: &str = "createWhenMissing";

/// The member that says when a scheduled deletion happens; no declaration has it, and none allows it.
pub(super) const DELETION: &str = "deletionDate";

pub(super) fn key_of(path: &Path) -> Option<&'static str> {
    match path.parts()[..] {
        ["tags"] => Some("key"),
        ["policy", "Statement"] => Some("Sid"),
        _ => None,
    }
}

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
    if let Some(Value::String(target)) = members.get_mut("targetKeyId") {
        *target = key_id(target).to_owned();
    }
    if let Some(tags) = members.get_mut("tags").filter(|tags| tags.is_null()) {
        *tags = json!({});
    }
    if let Some(description) = members.get_mut("description").filter(|text| *text == "") {
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

impl Kind for KmsKey {
    fn name(&self) -> &'static str {
        "kms-key"
    }

    fn about(&self) -> &'static str {
        "A customer managed KMS key, by its alias: state, rotation, policy and tags."
    }

    fn scope(&self) -> ScopeKind {
        ScopeKind::Region
    }

    fn stage(&self) -> u8 {
        10
    }

    fn key_of(&self) -> KeyOf {
        key_of
    }

    fn merged(&self) -> &'static [&'static str] {
        &["tags"]
    }

    fn policies(&self) -> &'static [&'static [&'static str]] {
        &[&["policy"]]
    }

    fn request_side_names(&self) -> &'static [(&'static str, &'static str)] {
        &[
            ("tagKey", "key"),
            ("tagValue", "value"),
            ("aliasName", "the name of the declaration, beside spec"),
            ("keyState", "enabled"),
            ("customerMasterKeySpec", "keySpec"),
        ]
    }

    fn schema(&self) -> Schema {
        schemars::schema_for!(Spec)
    }

    fn normalise(&self, spec: &Value, origin: Origin) -> Normalised {
        let mut known = as_answered(spec, origin);
        if let (Origin::Live, Some(members)) = (origin, known.as_object_mut()) {
            members.remove(DELETION);
        }
        let mut normalised = kind::normalise_as::<Spec>(&known, origin, key_of);
        settle(&mut normalised.tree, origin, spec);
        normalised
    }

    fn declare(&self, live: &Value) -> Value {
        let mut spec = live.clone();
        if let Some(members) = spec.as_object_mut() {
            // The alias decides, unless somebody says otherwise.
            for member in [CREATE, DELETION, "targetKeyId"] {
                members.remove(member);
            }
            // A period says nothing of a key that is not rotated, and may not be declared with it.
            let is_rotated = members.get("keyRotationEnabled") == Some(&json!(true));
            if !is_rotated || members.get("rotationPeriodInDays").is_some_and(Value::is_null) {
                members.remove("rotationPeriodInDays");
            }
            if members.get("tags").is_some_and(|tags| tags.is_null() || *tags == json!({})) {
                members.remove("tags");
            }
        }
        tree::listed(&spec, key_of)
    }

    /// A declaration would have the deletion cancelled.
    fn why_not_declared(&self, live: &Sighting) -> Option<String> {
        let date = live.tree.get(DELETION).filter(|date| !date.is_null())?;
        let when = date.as_str().map_or_else(|| date.to_string(), str::to_owned);
        Some(format!("the key waits for its deletion ({when}), which a declaration of it would cancel"))
    }

    /// KMS keeps the period of a key that is no longer rotated; where none is wanted, that is none.
    fn leave_out(&self, managed: &mut Value, live: &Value, want: &Value) {
        let is_rotated = live.get("keyRotationEnabled") == Some(&json!(true));
        if !is_rotated && want.get("rotationPeriodInDays").is_some_and(Value::is_null) {
            managed["rotationPeriodInDays"] = Value::Null;
        }
    }

    fn check_name(&self, name: &str) -> Option<String> {
        limits::check_name(name)
    }

    fn check(&self, tree: &Value) -> Vec<Problem> {
        limits::check(tree)
    }

    fn direction(&self, path: &Path, live: Option<&Value>, want: Option<&Value>) -> Direction {
        match path.parts()[..] {
            // A key that cannot be used protects nothing, and stops what it is for.
            ["enabled"] => direction::of_switch(live, want),
            [DELETION] => direction::of_presence(want, live),
            ["keyRotationEnabled"] => direction::of_switch(live, want),
            // The longer, the weaker; none at all is the longest.
            ["rotationPeriodInDays"] => match (live, want) {
                (Some(_), Some(_)) => direction::of_number(want, live),
                _ => direction::of_presence(live, want),
            },
            // What is encrypted under the name is encrypted under somebody else's key from then on.
            ["targetKeyId"] => Direction::Weakened,
            ["description"] | ["tags", ..] => Direction::Neutral,
            _ => Direction::Unknown,
        }
    }

    fn direction_of(&self, _: &Sighting, difference: &Difference, found: Direction) -> Direction {
        match difference.path.parts()[..] {
            ["policy", "Statement", _] if found == Direction::Unknown => {
                statements::of_denial(difference, NEEDED).unwrap_or(found)
            }
            _ => found,
        }
    }

    /// A key policy that allows less locks out those whom the control needs, so it is put back; but for a denial that touches
    /// nothing of what they need.
    fn document_direction(&self, _: &Path, proved: Direction) -> Direction {
        match proved {
            Direction::Strengthened => Direction::Unknown,
            proved => proved,
        }
    }

    fn pinned_as(&self) -> Option<PinnedAs> {
        Some(PinnedAs::Name("kms:"))
    }

    /// A declaration that names the key itself says more than a pin.
    fn hold_to(&self, want: &mut Value, _: &str, pinned: &str) {
        if let Some(members) = want.as_object_mut() {
            members.entry("targetKeyId").or_insert_with(|| json!(key_id(pinned)));
        }
    }

    fn leads_elsewhere(&self, path: &Path) -> bool {
        path.head() == Some("targetKeyId")
    }

    fn outputs(&self) -> &'static [&'static str] {
        &["arn", "keyId"]
    }

    fn output(&self, sighting: &Sighting, name: &str) -> Option<String> {
        sighting.handle.get(name)?.as_str().map(str::to_owned)
    }

    /// An alias that was pointed elsewhere is pointed back first: nothing is to be encrypted under the other key.
    fn output_follows(&self, _: &str) -> Option<&'static str> {
        Some("targetKeyId")
    }

    fn causes(&self) -> &'static [Cause] {
        super::causes::CAUSES
    }

    fn steps(&self, situation: &Situation<'_>) -> Proposal {
        steps::propose(situation)
    }
}
