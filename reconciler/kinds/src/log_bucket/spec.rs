//! The normal form of a bucket (README.md, Sub-resources), and the directions of its fields.

use reconciler_model::address::ScopeKind;
use reconciler_model::diagnostic::Problem;
use reconciler_model::direction::{self, Direction};
use reconciler_model::inventory::ObservedResource;
use reconciler_model::kind::{self, Adopted, Contract, Kind, Normalised, Origin, Output, Situation};
use reconciler_model::open_enum::Word;
use reconciler_model::plan::Proposal;
use reconciler_model::policy::{self, Document, Policy};
use reconciler_model::tree::{self, Difference, Path};
use reconciler_model::{member, typed_spec, vocabulary};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use serde_json::{Map, Value, json};

use super::{LogBucket, services, steps, validation};
use crate::shared::arns;
use crate::shared::normal::as_answered;
use crate::shared::statements;
use crate::shared::tags::{Tag, Tags};

vocabulary!(
    /// How objects are encrypted.
    SseAlgorithm, "AES256", "aws:kms", "aws:kms:dsse"
);
vocabulary!(
    /// Who owns objects that others write.
    ObjectOwnership, "ObjectWriter", "BucketOwnerPreferred", "BucketOwnerEnforced"
);
vocabulary!(
    /// Whether a lifecycle rule is applied.
    RuleStatus, "Enabled", "Disabled"
);
vocabulary!(
    /// Whether overwritten and deleted objects are kept.
    VersioningStatus, "Enabled", "Suspended"
);

/// A bucket as its GET operations answer it, one member for each, without what the service owns.
#[derive(Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
struct Spec {
    /// What keeps the bucket from being made public; a switch that is left out is off.
    #[serde(default)]
    #[schemars(extend("x-direction" = "presence", "x-atomic" = true))]
    public_access_block_configuration: Option<PublicAccessBlock>,
    /// The default encryption of objects; `null` leaves it to S3.
    #[serde(default)]
    #[schemars(extend("x-direction" = "presence", "x-atomic" = true))]
    server_side_encryption_configuration: Option<Encryption>,
    /// The bucket policy, complete but for what AWS services add to it; `null` for none.
    #[serde(default)]
    policy: Option<Document>,
    /// Who owns objects that others write, and whether access control lists count.
    #[serde(default)]
    #[schemars(extend("x-direction" = "presence", "x-atomic" = true))]
    ownership_controls: Option<Ownership>,
    /// What becomes of objects with time, complete; `null` for no rules: they are kept for ever.
    #[serde(default)]
    #[schemars(extend("x-atomic" = true))]
    lifecycle_configuration: Option<Lifecycle>,
    /// Whether overwritten and deleted objects are kept.
    #[serde(default)]
    #[schemars(extend("x-direction" = "presence", "x-atomic" = true))]
    versioning_configuration: Option<Versioning>,
    /// Tags; only those that are named are managed.
    #[serde(default)]
    tags: Option<Tags>,
    /// Whether a bucket may be created where there is none. A name that was lost may belong to somebody else by now.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    create_when_missing: Option<bool>,
}

#[derive(Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
struct PublicAccessBlock {
    /// Whether access control lists that make something public are refused.
    #[serde(default)]
    #[schemars(extend("x-direction" = "switch"))]
    block_public_acls: bool,
    /// Whether access control lists that make something public count for nothing.
    #[serde(default)]
    #[schemars(extend("x-direction" = "switch"))]
    ignore_public_acls: bool,
    /// Whether bucket policies that make the bucket public are refused.
    #[serde(default)]
    #[schemars(extend("x-direction" = "switch"))]
    block_public_policy: bool,
    /// Whether a bucket with a public policy is open to AWS services and to its own account only.
    #[serde(default)]
    #[schemars(extend("x-direction" = "switch"))]
    restrict_public_buckets: bool,
}

/// A bucket has one rule.
#[derive(Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
struct Encryption {
    /// The one rule.
    #[schemars(extend("x-list-key" = "0", "minItems" = 1))]
    rules: Vec<EncryptionRule>,
}

#[derive(Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
struct EncryptionRule {
    /// How objects are encrypted that come without a choice of their own. Algorithm and key mean nothing without each other.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(extend("x-whole" = true))]
    apply_server_side_encryption_by_default: Option<DefaultEncryption>,
    /// Whether S3 asks KMS for a key of the bucket and not for each object, which `aws:kms:dsse` does not know; left alone unless it
    /// is mentioned.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    bucket_key_enabled: Option<bool>,
    /// Ways to encrypt that writers may not use; left alone unless it is mentioned.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    blocked_encryption_types: Option<BlockedTypes>,
}

#[derive(Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
struct DefaultEncryption {
    /// The keys that encrypt: `AES256` those of S3, `aws:kms` those of KMS, `aws:kms:dsse` those of KMS, twice.
    sse_algorithm: Word<SseAlgorithm>,
    /// The ARN of the key; left out, the key that AWS manages for S3. Usually `${kms:alias/NAME}`.
    #[serde(default, rename = "kmsMasterKeyID", skip_serializing_if = "Option::is_none")]
    #[schemars(extend("pattern" = arns::KEY_PATTERN))]
    kms_master_key_id: Option<String>,
}

#[derive(Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
struct BlockedTypes {
    /// The ways to encrypt, such as `SSE-C`; `NONE` for none.
    #[serde(default)]
    encryption_type: Vec<String>,
}

/// A bucket has one rule.
#[derive(Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
struct Ownership {
    /// The one rule.
    #[schemars(extend("x-list-key" = "0", "minItems" = 1))]
    rules: Vec<OwnershipRule>,
}

#[derive(Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
struct OwnershipRule {
    /// Who owns objects: `BucketOwnerEnforced` is always the bucket's owner, and turns access control lists off.
    #[schemars(extend("x-direction" = {"ladder": ["ObjectWriter", "BucketOwnerPreferred", "BucketOwnerEnforced"]}))]
    object_ownership: Word<ObjectOwnership>,
}

#[derive(Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
struct Lifecycle {
    /// The rules.
    #[schemars(extend("x-list-key" = "id"))]
    rules: Vec<LifecycleRule>,
    /// The smallest object that transitions by default; left alone unless it is mentioned.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    transition_default_minimum_object_size: Option<String>,
}

#[derive(Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
#[schemars(extend("x-atomic" = true))]
struct LifecycleRule {
    /// The rule's id, by which drift finds it: 1 to 255 characters.
    id: String,
    /// Whether the rule is applied.
    status: Word<RuleStatus>,
    /// The objects that it is for; left out, all of them.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    filter: Option<Filter>,
    /// What older rules have in the place of a filter.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    prefix: Option<String>,
    /// When objects are deleted, or get a delete marker where versions are kept.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    expiration: Option<Expiration>,
    /// When objects move to another storage class.
    #[serde(default)]
    transitions: Vec<Transition>,
    /// When versions are deleted that are no longer the current one.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    noncurrent_version_expiration: Option<NoncurrentExpiration>,
    /// When such versions move to another storage class.
    #[serde(default)]
    noncurrent_version_transitions: Vec<NoncurrentTransition>,
    /// When uploads that were never completed are thrown away.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    abort_incomplete_multipart_upload: Option<Abort>,
}

#[derive(Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
struct Filter {
    /// What the keys of the objects begin with.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    prefix: Option<String>,
    /// A tag that the objects have.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    tag: Option<Tag>,
    /// Objects of more bytes.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    object_size_greater_than: Option<u64>,
    /// Objects of fewer bytes.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    object_size_less_than: Option<u64>,
    /// Several conditions, all of which hold.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    and: Option<And>,
}

#[derive(Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
struct And {
    /// What the keys of the objects begin with.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    prefix: Option<String>,
    /// Tags that the objects have.
    #[serde(default)]
    tags: Vec<Tag>,
    /// Objects of more bytes.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    object_size_greater_than: Option<u64>,
    /// Objects of fewer bytes.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    object_size_less_than: Option<u64>,
}

#[derive(Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
struct Expiration {
    /// Days after the object was made; at least 1.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    days: Option<u64>,
    /// A day, as 2027-01-31T00:00:00Z.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    date: Option<String>,
    /// Whether delete markers are removed that have no versions below them.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    expired_object_delete_marker: Option<bool>,
}

#[derive(Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
struct Transition {
    /// Days after the object was made.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    days: Option<u64>,
    /// A day, as 2027-01-31T00:00:00Z.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    date: Option<String>,
    /// The storage class, such as `GLACIER`.
    storage_class: String,
}

#[derive(Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
struct NoncurrentExpiration {
    /// Days after another version took its place; at least 1.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    noncurrent_days: Option<u64>,
    /// How many newer versions of this kind are kept.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    newer_noncurrent_versions: Option<u64>,
}

#[derive(Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
struct NoncurrentTransition {
    /// Days after another version took its place.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    noncurrent_days: Option<u64>,
    /// How many newer versions of this kind stay where they are.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    newer_noncurrent_versions: Option<u64>,
    /// The storage class, such as `GLACIER`.
    storage_class: String,
}

#[derive(Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
struct Abort {
    /// Days after the upload began.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    days_after_initiation: Option<u64>,
}

#[derive(Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
struct Versioning {
    /// `Enabled` keeps what is overwritten or deleted, `Suspended` does not any more.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    status: Option<Word<VersioningStatus>>,
    /// Whether a second factor is needed to delete versions; only the root user can change it. Left alone unless it is mentioned.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(extend("x-direction" = "presence"))]
    mfa_delete: Option<String>,
}

pub(super) const ACCESS: &str = member!(Spec, public_access_block_configuration);
pub(super) const ENCRYPTION: &str = member!(Spec, server_side_encryption_configuration);
pub(super) const OWNERSHIP: &str = member!(Spec, ownership_controls);
pub(super) const POLICY: &str = member!(Spec, policy);
pub(super) const LIFECYCLE: &str = member!(Spec, lifecycle_configuration);
pub(super) const VERSIONING: &str = member!(Spec, versioning_configuration);
pub(super) const CREATE: &str = member!(Spec, create_when_missing);

/// How the one rule of a list that cannot have more is called in the tree: by its index, as it is in the source.
pub(super) const ONLY: &str = "0";

pub(super) const DEFAULT: &str = member!(EncryptionRule, apply_server_side_encryption_by_default);
pub(super) const BUCKET_KEY: &str = member!(EncryptionRule, bucket_key_enabled);
const ALGORITHM: &str = member!(DefaultEncryption, sse_algorithm);
pub(super) const KEY: &str = member!(DefaultEncryption, kms_master_key_id = "kmsMasterKeyID");

/// The algorithm that encrypts twice, and uses no key of the bucket (README.md, Sub-resources).
const DSSE: &str = "aws:kms:dsse";

/// What S3 encrypts with where nobody says anything; it has no key.
const OF_S3: &str = "AES256";

/// Whether a rule of the encryption is of the algorithm that uses no key of the bucket.
pub(super) fn is_dsse(rule: &Value) -> bool {
    rule.get(DEFAULT).and_then(|default| default.get(ALGORITHM)).is_some_and(|algorithm| algorithm == DSSE)
}

/// Settings within a member that are left alone unless they are mentioned.
pub(super) const APART: &[&[&str]] = &[
    &[ENCRYPTION, "rules", ONLY, BUCKET_KEY],
    &[ENCRYPTION, "rules", ONLY, "blockedEncryptionTypes"],
    &[LIFECYCLE, "transitionDefaultMinimumObjectSize"],
    &[VERSIONING, "mfaDelete"],
];

/// Whether a lifecycle rule deletes what the bucket holds.
fn expires(rule: &Value) -> bool {
    let has = |member: &str| rule.get(member).is_some_and(|value| !value.is_null());
    rule.get("status") != Some(&json!("Disabled")) && (has("expiration") || has("noncurrentVersionExpiration"))
}

fn any_expires(lifecycle: &Value) -> bool {
    lifecycle.get("rules").and_then(Value::as_object).into_iter().flatten().any(|(_, rule)| expires(rule))
}

/// Brings a tree into the one form that equal buckets share.
fn settle(tree: &mut Value, origin: Origin) {
    let Some(members) = tree.as_object_mut() else { return };
    for member in [ENCRYPTION, OWNERSHIP] {
        if let Some(Value::Object(rules)) = members.get_mut(member).and_then(|member| member.get_mut("rules"))
            && let Some(rule) = rules.remove("")
        {
            rules.insert(ONLY.into(), rule);
        }
    }
    if let Some(rule) = members.get_mut(ENCRYPTION).and_then(|member| member.pointer_mut("/rules/0")) {
        settle_encryption(rule, origin);
    }
    if let Some(lifecycle) = members.get_mut(LIFECYCLE) {
        let rules = lifecycle.get_mut("rules").and_then(Value::as_object_mut);
        for (_, rule) in rules.into_iter().flatten() {
            settle_rule(rule);
        }
        if lifecycle.get("rules").is_none_or(|rules| *rules == json!({})) {
            *lifecycle = Value::Null;
        }
    }
    if let Some(versioning) = members.get_mut(VERSIONING) {
        if versioning.get("mfaDelete") == Some(&json!("Disabled")) && origin == Origin::Live {
            versioning["mfaDelete"] = Value::Null;
        }
        if versioning.get("status").is_none_or(Value::is_null) && versioning.get("mfaDelete").is_none_or(Value::is_null)
        {
            *versioning = Value::Null;
        }
    }
    match origin {
        // A bucket that is there need not be created: it never differs in this.
        Origin::Live => drop(members.insert(CREATE.into(), json!(true))),
        Origin::Declared if members.get(CREATE) != Some(&json!(true)) => drop(members.remove(CREATE)),
        Origin::Declared => {}
    }
}

/// The key that AWS manages for S3, as whoever names it may write it: what is used where no key is named.
fn is_of_s3(key: &str) -> bool {
    key == "alias/aws/s3" || (key.starts_with("arn:") && key.ends_with(":alias/aws/s3"))
}

fn settle_encryption(rule: &mut Value, origin: Origin) {
    if let Some(Value::Object(default)) = rule.get_mut(DEFAULT)
        && default.get(KEY).and_then(Value::as_str).is_some_and(is_of_s3)
    {
        default.remove(KEY);
    }
    if origin == Origin::Live {
        if rule[BUCKET_KEY].is_null() || is_dsse(rule) {
            rule[BUCKET_KEY] = json!(false);
        }
        if rule["blockedEncryptionTypes"].is_null() {
            rule["blockedEncryptionTypes"] = json!({"encryptionType": []});
        }
    }
    // `NONE` is the word for an empty list.
    if let Some(Value::Array(blocked)) = rule.pointer_mut("/blockedEncryptionTypes/encryptionType") {
        blocked.retain(|word| word != "NONE");
    }
}

fn settle_date(timed: &mut Value) {
    if let Some(Value::String(date)) = timed.get_mut("date") {
        *date = instant(date);
    }
}

/// An instant in the one spelling that all of its spellings share; what is none stays as it is.
fn instant(text: &str) -> String {
    let day =
        || text.parse::<jiff::civil::Date>().ok()?.to_zoned(jiff::tz::TimeZone::UTC).ok().map(|day| day.timestamp());
    let found = text.parse::<jiff::Timestamp>().ok().or_else(day);
    found.map_or_else(|| text.to_owned(), |found| found.to_string())
}

/// Whether a text in that spelling is the beginning of a day, which is all that a lifecycle rule may name.
pub(super) fn is_midnight(text: &str) -> bool {
    text.parse::<jiff::Timestamp>().is_ok_and(|found| found.as_millisecond().rem_euclid(24 * 60 * 60 * 1000) == 0)
}

fn settle_rule(rule: &mut Value) {
    let Some(members) = rule.as_object_mut() else { return };
    let timed = |members: &mut Map<String, Value>, member: &str| match members.get_mut(member) {
        Some(Value::Array(items)) => items.iter_mut().for_each(settle_date),
        Some(one) => settle_date(one),
        None => {}
    };
    timed(members, "expiration");
    timed(members, "transitions");
    let old = members.remove("prefix").unwrap_or(Value::Null);
    let filter = members.entry("filter").or_insert(Value::Null);
    if filter.is_null() {
        *filter = json!({ "prefix": old });
    }
    if let Some(filter) = filter.as_object_mut() {
        // Every object has the empty prefix, and a filter without a condition takes every object.
        filter.retain(|_, value| !value.is_null() && value != "");
    }
    for member in ["transitions", "noncurrentVersionTransitions"] {
        if members.get(member) == Some(&json!([])) {
            members.remove(member);
        }
    }
}

pub(super) const TAGS: &str = member!(Spec, tags);

pub(super) static CONTRACT: Contract = Contract {
    name: "log-bucket",
    about: "An S3 bucket that logs are delivered to: public access, encryption, policy, ownership, lifecycle and versioning.",
    scope: ScopeKind::Region,
    stage: 40,
    name_varies: true,
    check_name: validation::check_name,
    spec: typed_spec!(Spec),
    request_side_names: &[
        ("tagSet", "tags"),
        ("tagging", "tags"),
        ("rule", "rules"),
        ("bucket", "the name of the declaration, beside spec"),
        ("bucketPolicy", "policy"),
        ("publicAccessBlock", ACCESS),
        ("versioning", VERSIONING),
        ("lifecycle", LIFECYCLE),
    ],
    // A bucket policy that allows less stops deliveries, so it is put back; but for a denial that touches nothing of what
    // delivery, those who read the logs, or the reconciler need.
    documents_grant: true,
    outputs: &[Output::new("arn")],
    trail_events: super::trail_events::TRAIL_EVENTS,
    to_read: &[
        "s3:ListAllMyBuckets",
        "s3:ListBucket",
        "s3:GetBucketPublicAccessBlock",
        "s3:GetEncryptionConfiguration",
        "s3:GetBucketPolicy",
        "s3:GetBucketOwnershipControls",
        "s3:GetLifecycleConfiguration",
        "s3:GetBucketVersioning",
        "s3:GetBucketTagging",
        "kms:DescribeKey",
    ],
    to_restore: &[
        "s3:PutBucketPublicAccessBlock",
        "s3:PutEncryptionConfiguration",
        "s3:PutBucketPolicy",
        "s3:DeleteBucketPolicy",
        "s3:PutBucketOwnershipControls",
        "s3:PutLifecycleConfiguration",
        "s3:PutBucketVersioning",
        "s3:PutBucketTagging",
    ],
    adopted: Adopted::WhereNamed,
    ..Contract::DEFAULT
};

impl Kind for LogBucket {
    fn contract(&self) -> &'static Contract {
        &CONTRACT
    }

    fn leave_out(&self, managed: &mut Value, live: &Value, want: &Value) {
        for apart in APART {
            let path = Path::of(apart.iter().copied());
            let above = Path::of(apart[..apart.len() - 1].iter().copied());
            if tree::get(want, &path).is_none() && tree::get(managed, &above).is_some() {
                tree::set(managed, &path, None);
            }
        }
        services::leave_out(managed, live, want);
    }

    fn normalise(&self, spec: &Value, origin: Origin) -> Normalised {
        let mut normalised = kind::normalise_as::<Spec>(&as_answered(spec, origin), origin, CONTRACT.fields());
        settle(&mut normalised.tree, origin);
        normalised
    }

    fn declare(&self, live: &Value) -> Result<Value, String> {
        let mut spec = live.clone();
        if let Some(members) = spec.as_object_mut() {
            members.remove(CREATE);
            members.remove(services::ADDED);
            if members.get(TAGS).is_some_and(|tags| tags.is_null() || *tags == json!({})) {
                members.remove(TAGS);
            }
        }
        Ok(tree::listed(&spec, CONTRACT.list_keys()))
    }

    fn check(&self, tree: &Value) -> Vec<Problem> {
        validation::check(tree)
    }

    fn direction(&self, path: &Path, live: Option<&Value>, want: Option<&Value>) -> Direction {
        match path.parts()[..] {
            [ENCRYPTION] => match (live, want) {
                (Some(live), None) => {
                    of_undeclared_default(live.pointer("/rules/0").and_then(|rule| rule.get(DEFAULT)))
                }
                _ => CONTRACT.direction(path, live, want),
            },
            [ENCRYPTION, "rules", ONLY, ref rest @ ..] => of_encryption(rest, live, want),
            [LIFECYCLE, ref rest @ ..] => of_lifecycle(rest, live, want),
            [VERSIONING, "status"] => match (live, want) {
                (Some(_), Some(_)) => direction::on_ladder(&["Suspended", "Enabled"], live, want),
                _ => direction::of_presence(live, want),
            },
            [POLICY] => of_policy(live, want),
            _ => CONTRACT.direction(path, live, want),
        }
    }

    fn direction_of(&self, _: &ObservedResource, difference: &Difference, found: Direction) -> Direction {
        match difference.path.parts()[..] {
            [POLICY, "Statement", _] if found == Direction::Unknown => {
                statements::of_denial(difference, NEEDED).unwrap_or(found)
            }
            _ => found,
        }
    }

    fn steps(&self, situation: &Situation<'_>) -> Proposal {
        steps::propose(situation)
    }
}

/// Actions on a bucket that delivery, those who read the logs, or the reconciler need.
const NEEDED: &[&str] = &[
    "s3:putobject",
    "s3:getobject",
    "s3:listbucket",
    "s3:getbucket*",
    "s3:putbucket*",
    "s3:getlifecycleconfiguration",
    "s3:putlifecycleconfiguration",
    "s3:getencryptionconfiguration",
    "s3:putencryptionconfiguration",
];

fn of_encryption(rest: &[&str], live: Option<&Value>, want: Option<&Value>) -> Direction {
    match *rest {
        [DEFAULT] => match (live, want) {
            (Some(live), Some(want)) => of_default(live, want),
            (Some(_), None) => of_undeclared_default(live),
            _ => direction::of_presence(live, want),
        },
        [BUCKET_KEY] => Direction::Neutral,
        ["blockedEncryptionTypes", "encryptionType"] => direction::of_set(live, want),
        _ => Direction::Unknown,
    }
}

/// A default encryption beside the declared one, as one: the algorithm says nothing without the key that it is used with.
fn of_default(live: &Value, want: &Value) -> Direction {
    // Another key is somebody's who can take what is encrypted under it away; so is one where none is declared.
    if live.get(KEY) != want.get(KEY) {
        return Direction::Weakened;
    }
    let found = direction::on_ladder(&[OF_S3, "aws:kms", DSSE], live.get(ALGORITHM), want.get(ALGORITHM));
    // A service that delivers without asking KMS may not be let in by the key of the account, and delivers nothing then.
    if want.get(ALGORITHM).is_some_and(|algorithm| algorithm == OF_S3) { found.not_simply_stronger() } else { found }
}

/// A default encryption where none is declared: as beside that of S3, which does not differ from none.
fn of_undeclared_default(live: Option<&Value>) -> Direction {
    let of_s3 = json!({ ALGORITHM: OF_S3 });
    match live.map(|live| of_default(live, &of_s3)) {
        Some(Direction::Weakened) => Direction::Weakened,
        Some(Direction::Unknown) => Direction::Unknown,
        _ => Direction::Strengthened,
    }
}

/// What expires later is kept longer. A rule that is lost is none of that: what was to be deleted, such as prompts, stays for
/// ever. Whether something is moved to another class protects nothing.
fn of_lifecycle(rest: &[&str], live: Option<&Value>, want: Option<&Value>) -> Direction {
    let one_sided = |expires: fn(&Value) -> bool| match (live, want) {
        (Some(live), None) if expires(live) => Direction::Weakened,
        (None, Some(want)) if expires(want) => Direction::Unknown,
        (Some(_), Some(_)) => Direction::Unknown,
        _ => Direction::Neutral,
    };
    match rest {
        [] => one_sided(any_expires),
        ["rules", _] => one_sided(expires),
        // What the rule does was not to be done.
        ["rules", _, "status"] if live == Some(&json!("Enabled")) => Direction::Weakened,
        ["rules", _, "expiration" | "noncurrentVersionExpiration"] => one_sided(|_| true),
        // More versions that are kept beside the current one; none are kept where it is left out.
        ["rules", _, "noncurrentVersionExpiration", "newerNoncurrentVersions"] => {
            let none = json!(0);
            direction::of_number(Some(live.unwrap_or(&none)), Some(want.unwrap_or(&none)))
        }
        ["rules", _, "expiration" | "noncurrentVersionExpiration", "days" | "date" | "noncurrentDays"] => {
            match (live, want) {
                (Some(_), Some(_)) if rest.ends_with(&["date"]) => of_date(live, want),
                (Some(_), Some(_)) => direction::of_number(live, want),
                // It is an age where an instant is declared, or the other way round: it may be over for everything there.
                (Some(_), None) => Direction::Weakened,
                _ => Direction::Unknown,
            }
        }
        ["rules", _, "transitions" | "noncurrentVersionTransitions" | "abortIncompleteMultipartUpload", ..] => {
            Direction::Neutral
        }
        ["transitionDefaultMinimumObjectSize"] => Direction::Neutral,
        _ => Direction::Unknown,
    }
}

/// Two instants of which the later protects more, because what is there stays until then.
fn of_date(live: Option<&Value>, want: Option<&Value>) -> Direction {
    let instant = |value: Option<&Value>| value?.as_str()?.parse::<jiff::Timestamp>().ok();
    match (instant(live), instant(want)) {
        (Some(live), Some(want)) if live < want => Direction::Weakened,
        (Some(live), Some(want)) if live > want => Direction::Strengthened,
        (Some(_), Some(_)) => Direction::Neutral,
        _ => Direction::Unknown,
    }
}

/// A policy that one side lacks: without one, nothing is delivered and nothing is denied.
fn of_policy(live: Option<&Value>, want: Option<&Value>) -> Direction {
    let Some(live) = live else { return if want.is_some() { Direction::Weakened } else { Direction::Neutral } };
    let nothing = Policy::from_value(&json!({"Statement": []}));
    match (Policy::from_value(live), nothing) {
        (Ok(live), Ok(nothing)) => match policy::direction(&live, &nothing) {
            Direction::Weakened => Direction::Weakened,
            _ => Direction::Unknown,
        },
        _ => Direction::Unknown,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// A default encryption as `ALGORITHM KEY`; none where the text is empty.
    fn default(text: &str) -> Option<Value> {
        let (algorithm, key) = text.split_once(' ').map_or((text, None), |(algorithm, key)| (algorithm, Some(key)));
        let mut default = json!({ ALGORITHM: algorithm });
        key.into_iter().for_each(|key| default[KEY] = json!(key));
        (!text.is_empty()).then_some(default)
    }

    #[test]
    fn algorithm_and_key_are_judged_as_one() {
        use Direction::{Neutral, Strengthened, Unknown, Weakened};
        for (live, want, direction) in [
            ("aws:kms theirs", "aws:kms ours", Weakened),
            ("aws:kms:dsse theirs", "aws:kms ours", Weakened),
            ("aws:kms:dsse ours", "aws:kms ours", Strengthened),
            ("aws:kms ours", "aws:kms:dsse ours", Weakened),
            // The key that AWS manages is not the declared one either, whatever is done with it.
            ("aws:kms:dsse", "aws:kms ours", Weakened),
            ("AES256", "aws:kms ours", Weakened),
            ("", "aws:kms ours", Weakened),
            ("aws:kms theirs", "aws:kms", Weakened),
            ("aws:kms:dsse", "aws:kms", Strengthened),
            ("AES256", "aws:kms", Weakened),
            ("aws:kms theirs", "AES256", Weakened),
            ("aws:kms", "AES256", Unknown),
            ("aws:kms:dsse", "AES256", Unknown),
            ("other:new", "AES256", Unknown),
            ("other:new ours", "aws:kms ours", Unknown),
            ("AES256", "AES256", Neutral),
            ("AES256", "", Strengthened),
            ("aws:kms", "", Unknown),
            ("aws:kms theirs", "", Weakened),
        ] {
            let (one, two) = (default(live), default(want));
            let path = [ENCRYPTION, "rules", ONLY, DEFAULT];
            let found = LogBucket.direction(&Path::of(path), one.as_ref(), two.as_ref());
            assert_eq!(found, direction, "live {live} want {want}");
            // So it is where the whole sub-resource must be absent.
            let whole = one.map(|one| json!({"rules": {ONLY: {DEFAULT: one}}})).filter(|_| two.is_none());
            if whole.is_some() {
                assert_eq!(LogBucket.direction(&Path::of([ENCRYPTION]), whole.as_ref(), None), direction, "{live}");
            }
        }
    }

    /// Whatever a server answers beside `aws:kms:dsse`, it has no key of the bucket.
    #[test]
    fn encrypting_twice_has_no_key_of_the_bucket() {
        let rule = |algorithm: &str| json!({DEFAULT: {ALGORITHM: algorithm}, BUCKET_KEY: true});
        for (algorithm, has) in [(DSSE, false), ("aws:kms", true)] {
            let live = json!({ENCRYPTION: {"rules": [rule(algorithm)]}});
            let tree = LogBucket.normalise(&live, Origin::Live).tree;
            assert_eq!(tree[ENCRYPTION]["rules"][ONLY][BUCKET_KEY], json!(has), "{algorithm}");
        }
    }
}
