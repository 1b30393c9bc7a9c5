//! The normal form of a trail (README.md, Settings), and the directions of its fields.

use reconciler_model::address::ScopeKind;
use reconciler_model::control::QuerySource;
use reconciler_model::diagnostic::Problem;
use reconciler_model::direction::{self, Direction};
use reconciler_model::inventory::ObservedResource;
use reconciler_model::kind::{self, Contract, Kind, Normalised, Origin, Place, Situation};
use reconciler_model::open_enum::Word;
use reconciler_model::plan::{Call, Proposal};
use reconciler_model::tree::{self, Path};
use reconciler_model::{member, typed_spec, vocabulary};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use serde_json::{Value, json};

use super::selectors::{self, ADVANCED, BASIC, MANAGEMENT};
use super::{Trail, coverage, steps, validation};
use crate::shared::arns;
use crate::shared::normal::{as_answered, yes};
use crate::shared::tags::Tags;

vocabulary!(
    /// Which events a basic selector takes.
    ReadWriteType, "ReadOnly", "WriteOnly", "All"
);

/// A trail as GetTrail, GetTrailStatus, GetEventSelectors and ListTags answer it, without what the service owns.
#[derive(Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
struct Spec {
    /// The name of the bucket that log files are delivered to.
    #[serde(default)]
    #[schemars(extend("pattern" = arns::BUCKET_PATTERN))]
    s3_bucket_name: Option<String>,
    /// What the keys of log files begin with, before `AWSLogs/`; the service does not tell an empty one from none.
    #[serde(default)]
    s3_key_prefix: Option<String>,
    /// The ARN of the topic that is told of every delivery; `null` for none.
    #[serde(default, rename = "snsTopicARN")]
    #[schemars(extend("pattern" = arns::ARN_PATTERN))]
    sns_topic_arn: Option<String>,
    /// Whether events of global services such as IAM are recorded.
    #[serde(default)]
    #[schemars(extend("x-direction" = "switch", "x-default" = true))]
    include_global_service_events: Option<bool>,
    /// Whether every region is recorded, and not the home region alone.
    #[serde(default)]
    #[schemars(extend("x-direction" = "switch", "x-default" = false))]
    is_multi_region_trail: Option<bool>,
    /// Whether every account of the organization is recorded; only in the management account.
    #[serde(default)]
    #[schemars(extend("x-direction" = "switch", "x-default" = false))]
    is_organization_trail: Option<bool>,
    /// Whether digests are delivered that show whether log files were changed.
    #[serde(default)]
    #[schemars(extend("x-direction" = "switch", "x-default" = false))]
    log_file_validation_enabled: Option<bool>,
    /// The log group that events are delivered to as well, as an ARN that ends with `:*`; `null` for none.
    #[serde(default)]
    #[schemars(extend("pattern" = r"^arn:.*:\*$|^\$\{"))]
    cloud_watch_logs_log_group_arn: Option<String>,
    /// The ARN of the role that CloudTrail assumes to deliver to the log group; `null` for none.
    #[serde(default)]
    #[schemars(extend("pattern" = arns::ARN_PATTERN))]
    cloud_watch_logs_role_arn: Option<String>,
    /// The ARN of the KMS key that encrypts log files; `null` is the key that S3 owns. Usually `${kms:alias/NAME}`.
    #[serde(default)]
    #[schemars(extend("pattern" = arns::ARN_PATTERN))]
    kms_key_id: Option<String>,
    /// Whether events that the trail's own deliveries cause are recorded too.
    #[serde(default)]
    #[schemars(extend("x-direction" = "switch", "x-default" = true))]
    recursive_logging: Option<bool>,
    /// Whether the trail logs: `false` is what StopLogging leaves.
    #[serde(default)]
    #[schemars(extend("x-direction" = "switch"))]
    is_logging: Option<bool>,
    /// Basic selectors, complete. `null` is for advanced selectors beside it, and says nothing more than they do.
    #[serde(default)]
    event_selectors: Option<Vec<BasicSelector>>,
    /// Advanced selectors, complete for each category and type that is named; other selectors are left alone.
    #[serde(default)]
    #[schemars(extend("x-granular" = true))]
    advanced_event_selectors: Option<Vec<AdvancedSelector>>,
    /// Tags; only those that are named are managed.
    #[serde(default)]
    tags: Option<Tags>,
    /// Whether another trail records the management events, so that the selectors of this one need not.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    management_events_elsewhere: Option<bool>,
}

#[derive(Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
struct BasicSelector {
    /// Which events are recorded: those that read, those that write, or all.
    #[serde(default = "all")]
    read_write_type: Word<ReadWriteType>,
    /// Whether management events are recorded, which InvokeModel and Converse are.
    #[serde(default = "yes")]
    include_management_events: bool,
    /// The resources whose data events are recorded.
    #[serde(default)]
    data_resources: Vec<DataResource>,
    /// Services whose management events are left out, such as `kms.amazonaws.com`.
    #[serde(default)]
    exclude_management_event_sources: Vec<String>,
}

fn all() -> Word<ReadWriteType> {
    Word::new("All")
}

#[derive(Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
struct DataResource {
    /// The type of the resources, such as `AWS::S3::Object`.
    r#type: String,
    /// The ARNs of the resources, or what they begin with.
    #[serde(default)]
    values: Vec<String>,
}

#[derive(Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
struct AdvancedSelector {
    /// The selector's name, for people; it selects nothing.
    #[serde(default)]
    name: String,
    /// What the fields of an event have to be: all of them have to hold.
    field_selectors: Vec<FieldSelector>,
}

/// The values that a field may have; the names of fields are those of the service, whatever they are.
#[derive(Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
#[schemars(extend("allOf" = validation::schema_of_fields()))]
struct FieldSelector {
    /// The field of the event, such as `eventCategory` or `resources.type`.
    #[schemars(extend("anyOf" = validation::schema_of_names()))]
    field: String,
    /// It is one of these.
    #[serde(default)]
    equals: Vec<String>,
    /// It begins with one of these.
    #[serde(default)]
    starts_with: Vec<String>,
    /// It ends with one of these.
    #[serde(default)]
    ends_with: Vec<String>,
    /// It is none of these.
    #[serde(default)]
    not_equals: Vec<String>,
    /// It begins with none of these.
    #[serde(default)]
    not_starts_with: Vec<String>,
    /// It ends with none of these.
    #[serde(default)]
    not_ends_with: Vec<String>,
}

/// The members that CreateTrail and UpdateTrail take, with the name that the request has for each.
pub(super) const SETTINGS: &[(&str, &str)] = &[
    ("s3BucketName", "S3BucketName"),
    ("s3KeyPrefix", "S3KeyPrefix"),
    ("snsTopicARN", "SnsTopicName"),
    ("includeGlobalServiceEvents", "IncludeGlobalServiceEvents"),
    ("isMultiRegionTrail", "IsMultiRegionTrail"),
    ("isOrganizationTrail", "IsOrganizationTrail"),
    ("logFileValidationEnabled", "EnableLogFileValidation"),
    ("cloudWatchLogsLogGroupArn", "CloudWatchLogsLogGroupArn"),
    ("cloudWatchLogsRoleArn", "CloudWatchLogsRoleArn"),
    ("kmsKeyId", "KmsKeyId"),
    ("recursiveLogging", "RecursiveLogging"),
];

/// The members that say where events go, and under which key.
const DESTINATIONS: &[&str] =
    &["s3BucketName", "snsTopicARN", "cloudWatchLogsLogGroupArn", "cloudWatchLogsRoleArn", "kmsKeyId"];

pub(super) const ELSEWHERE: &str = member!(Spec, management_events_elsewhere);

/// Brings a tree into the one form that equal trails share.
fn settle(tree: &mut Value, origin: Origin) {
    let Some(members) = tree.as_object_mut() else { return };
    members.remove(ELSEWHERE);
    if let Some(prefix) = members.get_mut("s3KeyPrefix").filter(|prefix| *prefix == "") {
        *prefix = Value::Null;
    }
    if origin == Origin::Live {
        // An empty text removes a setting, and some answers have it where nothing is set.
        for member in DESTINATIONS {
            if let Some(value) = members.get_mut(*member).filter(|value| *value == "") {
                *value = Value::Null;
            }
        }
    }
    for selector in members.get_mut(BASIC).and_then(Value::as_array_mut).into_iter().flatten() {
        sort_sets(selector);
    }
    if let Some(Value::Array(basic)) = members.get_mut(BASIC) {
        selectors::as_set(basic);
    }
    let advanced = members.get(ADVANCED).map(selectors::keyed);
    let has_advanced = advanced.as_ref().is_some_and(|advanced| *advanced != json!({}));
    if let Some(advanced) = advanced {
        members.insert(ADVANCED.into(), advanced);
    }
    match (origin, members.get(BASIC)) {
        // Some servers answer both lists; an empty one is none.
        (Origin::Live, Some(Value::Array(basic))) if has_advanced || basic.is_empty() => {
            members.insert(BASIC.into(), Value::Null);
        }
        // No selector at all is what a trail has that nobody configured.
        (Origin::Declared, Some(Value::Array(basic))) if basic.is_empty() => {
            members.insert(BASIC.into(), selectors::default_basic());
        }
        (Origin::Declared, None) if members.contains_key(ADVANCED) && !has_advanced => {
            members.insert(BASIC.into(), selectors::default_basic());
        }
        _ => {}
    }
}

/// Sorts every list of a basic selector: their order means nothing.
fn sort_sets(value: &mut Value) {
    match value {
        Value::Array(items) => {
            items.iter_mut().for_each(sort_sets);
            selectors::as_set(items);
        }
        Value::Object(members) => members.values_mut().for_each(sort_sets),
        _ => {}
    }
}

pub(super) const IS_LOGGING: &str = member!(Spec, is_logging);
pub(super) const TAGS: &str = member!(Spec, tags);
pub(super) const BUCKET: &str = member!(Spec, s3_bucket_name);
pub(super) const EVERY_REGION: &str = member!(Spec, is_multi_region_trail);
const OF_ORGANIZATION: &str = member!(Spec, is_organization_trail);
pub(super) const GLOBAL_EVENTS: &str = member!(Spec, include_global_service_events);

pub(super) const ADVANCED_MEMBER: &str = member!(Spec, advanced_event_selectors);
pub(super) const BASIC_MEMBER: &str = member!(Spec, event_selectors);

static CONTRACT: Contract = Contract {
    name: "trail",
    about: "A CloudTrail trail in its home region: settings, logging and event selectors.",
    scope: ScopeKind::Region,
    stage: 60,
    check_name: validation::check_name,
    spec: typed_spec!(Spec),
    request_side_names: &[
        ("enableLogFileValidation", "logFileValidationEnabled"),
        ("snsTopicName", "snsTopicARN"),
        ("tagsList", "tags"),
        ("name", "the name of the declaration, beside spec"),
    ],
    records: Some((QuerySource::TrailLogs, "/cloudWatchLogsLogGroupArn")),
    trail_events: super::trail_events::TRAIL_EVENTS,
    passes: &["/CloudWatchLogsRoleArn"],
    to_read: &[
        "cloudtrail:DescribeTrails",
        "cloudtrail:GetTrail",
        "cloudtrail:GetTrailStatus",
        "cloudtrail:GetEventSelectors",
        "cloudtrail:ListTags",
    ],
    to_restore: &[
        "cloudtrail:CreateTrail",
        "cloudtrail:UpdateTrail",
        "cloudtrail:PutEventSelectors",
        "cloudtrail:StartLogging",
        "cloudtrail:AddTags",
    ],
    ..Contract::DEFAULT
};

impl Kind for Trail {
    fn contract(&self) -> &'static Contract {
        &CONTRACT
    }

    fn leave_out(&self, managed: &mut Value, live: &Value, want: &Value) {
        selectors::align(managed, live, want);
    }

    fn normalise(&self, spec: &Value, origin: Origin) -> Normalised {
        let mut normalised = kind::normalise_as::<Spec>(&as_answered(spec, origin), origin, CONTRACT.fields());
        if origin == Origin::Declared && normalised.problems.is_empty() {
            normalised.problems = validation::check_selectors(spec, spec.get(ELSEWHERE) == Some(&Value::Bool(true)));
            validation::take_marks_off(&mut normalised.tree);
        }
        settle(&mut normalised.tree, origin);
        normalised
    }

    fn declare(&self, live: &Value) -> Result<Value, String> {
        let mut spec = live.clone();
        if let Some(members) = spec.as_object_mut() {
            let advanced = members.remove(ADVANCED).unwrap_or(Value::Null);
            if advanced.as_object().is_some_and(|advanced| !advanced.is_empty()) {
                members.insert(ADVANCED.into(), selectors::listed(&advanced));
                if advanced.get(MANAGEMENT).is_none() {
                    members.insert(ELSEWHERE.into(), json!(true));
                }
            }
            match members.get(BASIC) {
                None | Some(Value::Null) => drop(members.remove(BASIC)),
                Some(basic) if !validation::basic_take_management_events(basic) => {
                    members.insert(ELSEWHERE.into(), json!(true));
                }
                Some(_) => {}
            }
            if members.get(TAGS).is_some_and(|tags| tags.is_null() || tags == &json!({})) {
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
            [member] if DESTINATIONS.contains(&member) => of_pointer(live, want),
            // The policy of the declared bucket need not let in what is recorded of other accounts.
            [OF_ORGANIZATION] => CONTRACT.direction(path, live, want).not_simply_stronger(),
            [ADVANCED, _] => of_selectors(live, want, |selectors| selectors.as_array().cloned().unwrap_or_default()),
            [BASIC] => of_selectors(live, want, coverage::of_basic),
            _ => CONTRACT.direction(path, live, want),
        }
    }

    fn arns(&self, _call: &Call, place: &Place<'_>, name: &str, live: Option<&ObservedResource>) -> Vec<String> {
        vec![arns::known_or(live, "trailARN", || arns::arn(place, "cloudtrail", &format!("trail/{name}")))]
    }

    fn is_of_every_region(&self, live: &ObservedResource) -> bool {
        live.tree.get(EVERY_REGION) == Some(&Value::Bool(true))
    }

    fn steps(&self, situation: &Situation<'_>) -> Proposal {
        steps::propose(situation)
    }
}

/// Whatever is not recorded that is declared is lost, however much else is recorded.
fn of_selectors(live: Option<&Value>, want: Option<&Value>, read: fn(&Value) -> Vec<Value>) -> Direction {
    let (Some(live), Some(want)) = (live.map(read), want.map(read)) else {
        return direction::of_presence(live, want);
    };
    match (coverage::covers(&live, &want), coverage::covers(&want, &live)) {
        // Another name, or a selector that is there twice.
        (true, true) => Direction::Neutral,
        (true, false) => Direction::Strengthened,
        (false, _) => Direction::Weakened,
    }
}

/// Another destination or key than the declared one weakens: the events are lost to those who rely on them. An undeclared
/// destination is not known to protect anything.
fn of_pointer(live: Option<&Value>, want: Option<&Value>) -> Direction {
    match (live, want) {
        (_, Some(_)) => Direction::Weakened,
        (Some(_), None) => Direction::Unknown,
        (None, None) => Direction::Neutral,
    }
}
