//! The normal form of a log group (README.md, Reads), its limits and directions.

use reconciler_model::address::ScopeKind;
use reconciler_model::codes;
use reconciler_model::diagnostic::Problem;
use reconciler_model::direction::{self, Direction};
use reconciler_model::inventory::ObservedResource;
use reconciler_model::kind::{self, Adopted, Contract, Kind, Normalised, Origin, Place, Situation};
use reconciler_model::open_enum::Word;
use reconciler_model::plan::{Call, Proposal};
use reconciler_model::tree::Path;
use reconciler_model::{member, typed_spec, vocabulary};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use serde_json::Value;

use super::{LogGroup, steps};
use crate::shared::arns;
use crate::shared::normal::as_answered;

vocabulary!(
    /// The classes of log groups.
    LogGroupClass, "STANDARD", "INFREQUENT_ACCESS", "DELIVERY", "ESSENTIALS"
);

/// The values that PutRetentionPolicy takes, in days.
const RETENTION_DAYS: &[u64] =
    &[1, 3, 5, 7, 14, 30, 60, 90, 120, 150, 180, 365, 400, 545, 731, 1096, 1827, 2192, 2557, 2922, 3288, 3653];

/// The class of groups whose events stay for a fixed time.
pub(super) const DELIVERY: &str = "DELIVERY";
pub(super) const DELIVERY_DAYS: u64 = 2;

/// A log group as DescribeLogGroups answers it, without what the service owns.
#[derive(Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
struct Spec {
    /// Days that events are kept; `null` keeps them for ever. Groups of the class DELIVERY keep them for 2.
    #[serde(default)]
    #[schemars(extend("enum" = retentions()))]
    retention_in_days: Option<u32>,
    /// The ARN of the KMS key that encrypts the events; `null` is the key that AWS owns. Usually `${kms:alias/NAME}`.
    #[serde(default)]
    #[schemars(extend("pattern" = arns::KEY_PATTERN))]
    kms_key_id: Option<String>,
    /// The class, which decides what can be done with the events; it cannot be changed in place. Answers leave it out where it is the one
    /// that groups had before there were others.
    #[serde(default)]
    #[schemars(extend("x-default" = "STANDARD"))]
    log_group_class: Option<Word<LogGroupClass>>,
    /// Whether DeleteLogGroup is refused: with `true` the group has to be unprotected before anybody can delete it.
    #[serde(default)]
    #[schemars(extend("x-direction" = "switch", "x-default" = false))]
    deletion_protection_enabled: Option<bool>,
}

/// What may be written of the retention.
fn retentions() -> Vec<Option<u64>> {
    let mut days: Vec<u64> = RETENTION_DAYS.iter().copied().chain([DELIVERY_DAYS]).collect();
    days.sort_unstable();
    days.into_iter().map(Some).chain([None]).collect()
}

pub(super) const RETENTION: &str = member!(Spec, retention_in_days);
pub(super) const KEY: &str = member!(Spec, kms_key_id);
pub(super) const CLASS: &str = member!(Spec, log_group_class);
pub(super) const PROTECTION: &str = member!(Spec, deletion_protection_enabled);

static CONTRACT: Contract = Contract {
    name: "log-group",
    about: "A CloudWatch Logs log group: retention, KMS key, class and deletion protection.",
    scope: ScopeKind::Region,
    stage: 30,
    check_name,
    spec: typed_spec!(Spec),
    request_side_names: &[("kmsKeyArn", "kmsKeyId"), ("retention", "retentionInDays"), ("class", "logGroupClass")],
    trail_events: super::trail_events::TRAIL_EVENTS,
    to_read: &["logs:DescribeLogGroups"],
    to_restore: &[
        "logs:CreateLogGroup",
        "logs:PutRetentionPolicy",
        "logs:DeleteRetentionPolicy",
        "logs:AssociateKmsKey",
        "logs:DisassociateKmsKey",
        "logs:PutLogGroupDeletionProtection",
    ],
    adopted: Adopted::WhereNamed,
    ..Contract::DEFAULT
};

fn check_name(name: &str) -> Option<String> {
    let allowed = |c: char| c.is_ascii_alphanumeric() || "_-/.#".contains(c);
    (name.is_empty() || name.chars().count() > 512 || !name.chars().all(allowed))
        .then(|| "a log group's name has 1 to 512 letters, digits and `_ - / . #`".to_owned())
}

impl Kind for LogGroup {
    fn contract(&self) -> &'static Contract {
        &CONTRACT
    }

    fn normalise(&self, spec: &Value, origin: Origin) -> Normalised {
        kind::normalise_as::<Spec>(&as_answered(spec, origin), origin, CONTRACT.fields())
    }

    fn check(&self, tree: &Value) -> Vec<Problem> {
        let mut problems = Vec::new();
        let key = tree.get(KEY).and_then(Value::as_str);
        if let Some(key) = key.filter(|key| !arns::may_be_of_a_key(key)) {
            problems.push(Problem {
                code: codes::WRONG_SHAPE,
                path: Path::of(["kmsKeyId"]),
                detail: format!("`{key}` is not the ARN of a key: CloudWatch Logs takes and answers nothing else"),
                remedy: arns::HOW_TO_NAME_A_KEY.to_owned(),
            });
        }
        let delivery = tree.get(CLASS).is_some_and(|class| class == DELIVERY);
        if delivery && tree.get(RETENTION).is_some_and(|days| days.as_u64() != Some(DELIVERY_DAYS)) {
            problems.push(Problem {
                code: codes::LIMIT,
                path: Path::of(["retentionInDays"]),
                detail: format!(
                    "a log group of the class {DELIVERY} keeps events for {DELIVERY_DAYS} days, and nothing else"
                ),
                remedy: format!("write {DELIVERY_DAYS}, or leave the key out"),
            });
        }
        let days = tree.get(RETENTION).and_then(Value::as_u64).filter(|_| !delivery);
        if let Some(days) = days.filter(|days| !RETENTION_DAYS.contains(days)) {
            let next = RETENTION_DAYS.iter().find(|allowed| **allowed > days);
            problems.push(Problem {
                code: codes::LIMIT,
                path: Path::of(["retentionInDays"]),
                detail: format!("CloudWatch Logs cannot keep events for {days} days"),
                remedy: match next {
                    Some(next) => format!("the next longer retention is {next} days; `null` keeps events for ever"),
                    None => "the longest retention is 3653 days; `null` keeps events for ever".to_owned(),
                },
            });
        }
        problems
    }

    fn direction(&self, path: &Path, live: Option<&Value>, want: Option<&Value>) -> Direction {
        match path.head() {
            // Absent is for ever, the longest of all.
            Some(RETENTION) => match (live, want) {
                (None, Some(_)) => Direction::Strengthened,
                (Some(_), None) => Direction::Weakened,
                _ => direction::of_number(live, want),
            },
            Some(KEY) => arns::key_direction(want),
            _ => CONTRACT.direction(path, live, want),
        }
    }

    fn protects(&self, live: &ObservedResource, path: &Path) -> bool {
        // A group that holds nothing, such as one that was just created, loses nothing by a finite retention.
        path.head() != Some("retentionInDays") || live.private_state.get("isEmpty") != Some(&Value::Bool(true))
    }

    /// Policies name a group with and without `:*`, depending on the action.
    fn arns(&self, _call: &Call, place: &Place<'_>, name: &str, _live: Option<&ObservedResource>) -> Vec<String> {
        let group = arns::arn(place, "logs", &format!("log-group:{name}"));
        vec![format!("{group}:*"), format!("{group}:log-stream:"), group]
    }

    fn is_of_bedrock(&self, live: &ObservedResource) -> bool {
        live.address.name.contains("bedrock")
    }

    fn steps(&self, situation: &Situation<'_>) -> Proposal {
        steps::propose(situation)
    }
}
