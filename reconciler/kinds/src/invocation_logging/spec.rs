//! The normal form of the invocation logging configuration (README.md, Configuration), its limits and directions.

use reconciler_model::address::ScopeKind;
use reconciler_model::codes;
use reconciler_model::control::QuerySource;
use reconciler_model::diagnostic::Problem;
use reconciler_model::direction::{self, Direction};
use reconciler_model::inventory::ObservedResource;
use reconciler_model::kind::{self, Contract, Kind, Normalised, Origin, PinnedAs, Place, Situation};
use reconciler_model::plan::{Call, Proposal};
use reconciler_model::tree::Path;
use reconciler_model::{member, typed_spec};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use serde_json::Value;

use super::{InvocationLogging, steps};
use crate::shared::arns;
use crate::shared::normal::{IGNORED, as_answered};

/// The logging configuration as GetModelInvocationLoggingConfiguration answers it.
//
// Some regions do not report two of the flags: the service takes them and leaves them out of its answer. That is a hypothesis
// (README.md, Hypotheses), from users' reports of regions without video models; AWS does not document it. The flags are sent with
// every write, and an absent one is a note. Where a region is known to report it (`PinnedAs::Answers`), its absence is drift.
#[derive(Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
struct Spec {
    /// Delivery to CloudWatch Logs; `null` for none. Complete.
    #[serde(default)]
    #[schemars(extend("x-atomic" = true))]
    cloud_watch_config: Option<CloudWatch>,
    /// Delivery to S3; `null` for none. Complete.
    #[serde(default)]
    #[schemars(extend("x-atomic" = true))]
    s3_config: Option<Bucket>,
    /// Whether the text of prompts and answers is delivered; without it, records say only that a model was called.
    #[serde(default)]
    #[schemars(extend("x-direction" = "switch"))]
    text_data_delivery_enabled: Option<bool>,
    /// Whether images of prompts and answers are delivered.
    #[serde(default)]
    #[schemars(extend("x-direction" = "switch"))]
    image_data_delivery_enabled: Option<bool>,
    /// Whether embeddings are delivered, which models answer with numbers.
    #[serde(default)]
    #[schemars(extend("x-direction" = "switch"))]
    embedding_data_delivery_enabled: Option<bool>,
    /// Whether video of prompts and answers is delivered. Some regions do not report it.
    #[serde(default)]
    #[schemars(extend("x-direction" = "switch", "x-unreported" = true))]
    video_data_delivery_enabled: Option<bool>,
    /// Whether audio of prompts and answers is delivered. Some regions do not report it.
    #[serde(default)]
    #[schemars(extend("x-direction" = "switch", "x-unreported" = true))]
    audio_data_delivery_enabled: Option<bool>,
    /// Members of answers that this build does not know, and that a restore may leave out of what it writes: those that are
    /// only read. Every other unknown member is sent back as it was.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    ignore_unknown: Option<Vec<String>>,
}

/// Where in CloudWatch Logs records go.
#[derive(Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
struct CloudWatch {
    /// The log group's name, not its ARN.
    log_group_name: String,
    /// The ARN of the role that Bedrock assumes to deliver. Usually `${ref:iam-role/NAME.arn}`.
    #[schemars(extend("pattern" = arns::ROLE_PATTERN))]
    role_arn: String,
    /// Where records over 100 KB go, with images and the like; `null` for nowhere: they are lost.
    #[serde(default)]
    large_data_delivery_s3_config: Option<Bucket>,
}

/// Where in S3 records go.
#[derive(Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
struct Bucket {
    /// The name of the bucket, in the same account and region.
    #[schemars(extend("pattern" = arns::BUCKET_PATTERN))]
    bucket_name: String,
    /// What the keys of the objects begin with; the service does not tell an empty one from none.
    #[serde(default)]
    key_prefix: String,
}

pub(super) const CLOUD_WATCH: &str = member!(Spec, cloud_watch_config);
pub(super) const S3: &str = member!(Spec, s3_config);

pub(super) static CONTRACT: Contract = Contract {
    name: "invocation-logging",
    about: "The model invocation logging configuration of an account and region; its name is always `default`.",
    scope: ScopeKind::Region,
    stage: 50,
    singleton: Some("default"),
    spec: typed_spec!(Spec),
    request_side_names: &[
        ("loggingConfig", "the members of loggingConfig, directly under spec"),
        ("logGroupArn", "logGroupName"),
    ],
    hints: &[IGNORED],
    records: Some((QuerySource::InvocationLogs, "/cloudWatchConfig/logGroupName")),
    trail_events: super::trail_events::TRAIL_EVENTS,
    // CloudWatch Logs is delivered to with the role; the bucket lets Bedrock in by its own policy (README.md, Delivery role).
    passes: &["/loggingConfig/cloudWatchConfig/roleArn"],
    pinned_as: Some(PinnedAs::Answers),
    to_read: &["bedrock:GetModelInvocationLoggingConfiguration"],
    to_restore: &["bedrock:PutModelInvocationLoggingConfiguration"],
    ..Contract::DEFAULT
};

impl Kind for InvocationLogging {
    fn contract(&self) -> &'static Contract {
        &CONTRACT
    }

    fn normalise(&self, spec: &Value, origin: Origin) -> Normalised {
        kind::normalise_as::<Spec>(&as_answered(spec, origin), origin, CONTRACT.fields())
    }

    fn declare(&self, live: &Value) -> Result<Value, String> {
        let mut spec = live.clone();
        if let Some(members) = spec.as_object_mut() {
            // A configuration without any destination delivers nothing, which nobody can have meant to declare.
            let none = ["cloudWatchConfig", "s3Config"].iter().all(|to| members.get(*to).is_none_or(Value::is_null));
            members.retain(|name, value| !value.is_null() || (name.ends_with("Config") && !none));
        }
        Ok(spec)
    }

    fn check(&self, tree: &Value) -> Vec<Problem> {
        let mut problems = Vec::new();
        let mut bound = |path: &[&str], least: usize, most: usize| {
            let path = Path::of(path.iter().copied());
            let Some(text) = reconciler_model::tree::get(tree, &path).and_then(Value::as_str) else { return };
            let length = text.chars().count();
            if !text.contains("${") && !(least..=most).contains(&length) {
                problems.push(Problem {
                    code: codes::LIMIT,
                    detail: format!("{length} characters; the service takes {least} to {most}"),
                    remedy: "shorten or complete it".into(),
                    path,
                });
            }
        };
        bound(&["cloudWatchConfig", "logGroupName"], 1, 512);
        for section in [&["s3Config"][..], &["cloudWatchConfig", "largeDataDeliveryS3Config"]] {
            bound(&[section, &["bucketName"]].concat(), 3, 63);
            bound(&[section, &["keyPrefix"]].concat(), 0, 1024);
        }
        let text = |path: &Path| reconciler_model::tree::get(tree, path).and_then(Value::as_str);
        for section in [&["s3Config"][..], &["cloudWatchConfig", "largeDataDeliveryS3Config"]] {
            let path = Path::of([section, &["bucketName"]].concat());
            if let Some(name) = text(&path).filter(|name| !arns::may_be_a_bucket(name)) {
                problems.push(Problem {
                    code: codes::WRONG_SHAPE,
                    detail: arns::no_bucket(name),
                    remedy: arns::HOW_TO_NAME_A_BUCKET.to_owned(),
                    path,
                });
            }
        }
        let path = Path::of(["cloudWatchConfig", "roleArn"]);
        if let Some(role) = text(&path).filter(|role| !arns::may_be_a_role(role)) {
            problems.push(Problem {
                code: codes::WRONG_SHAPE,
                detail: format!("`{role}` is not the ARN of a role"),
                remedy: "write `arn:${partition}:iam::${account.id}:role/NAME`".to_owned(),
                path,
            });
        }
        if tree.get(CLOUD_WATCH).is_some_and(Value::is_null) && tree.get(S3).is_some_and(Value::is_null) {
            problems.push(Problem {
                code: codes::CONTRADICTION,
                path: Path::of(["cloudWatchConfig"]),
                detail: "both destinations are null, so nothing would be delivered".into(),
                remedy: "declare cloudWatchConfig, s3Config, or both".into(),
            });
        }
        problems
    }

    fn direction(&self, path: &Path, live: Option<&Value>, want: Option<&Value>) -> Direction {
        match path.parts()[..] {
            // What is delivered where nobody declared it, leaves: prompts and answers are read there.
            [S3] | [CLOUD_WATCH, "largeDataDeliveryS3Config"] => Direction::Weakened,
            [S3, "bucketName"]
            | [CLOUD_WATCH, "largeDataDeliveryS3Config", "bucketName"]
            | [CLOUD_WATCH, "logGroupName"] => Direction::Weakened,
            // Another role is somebody's who decides whether anything is delivered.
            [CLOUD_WATCH, "roleArn"] if live.is_some() && want.is_some() => Direction::Weakened,
            [CLOUD_WATCH] => match want {
                Some(_) => direction::of_presence(live, want),
                None => Direction::Weakened,
            },
            _ => CONTRACT.direction(path, live, want),
        }
    }

    fn arns(&self, _call: &Call, _place: &Place<'_>, _name: &str, _live: Option<&ObservedResource>) -> Vec<String> {
        vec![arns::EVERYTHING.to_owned()]
    }

    fn steps(&self, situation: &Situation<'_>) -> Proposal {
        steps::propose(situation)
    }
}
