//! One security control as data: what drifts, how fast to page, and the documented initial response.
//!
//! Expected flow: the files of `reconciler/controls` are read into [`Control`]s; drift is held against the signals, which
//! gives its alerts (see [`crate::alert`]); an incident lists every step of the response, done or left to people.
//!
//! Guarantees: a member that this type does not have is an error, and so is a word; a test holds every file against a
//! table of the steps and signals of the sources.

use std::collections::BTreeMap;

use std::sync::LazyLock;

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::alert::{Otherwise, Signal};

/// The floors of a control, by kind.
pub type Floors = BTreeMap<String, serde_json::Value>;

/// One security control.
#[derive(Debug, Clone, PartialEq, JsonSchema, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Control {
    /// The id that declarations name.
    pub id: String,
    /// What it is called.
    pub title: String,
    /// How bad it is when it does not hold.
    pub severity: Severity,
    /// What holds when it holds.
    pub about: String,
    /// The kinds that this build can restore for it.
    pub kinds: Vec<String>,
    /// Kinds that it needs too, and that this build does not have.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub waits_for: Vec<String>,
    /// How it shows that it does not hold.
    pub signals: Vec<Signal>,
    /// What is done about a drift that no signal describes.
    pub otherwise: Otherwise,
    /// What it rests on and this tool neither compares nor restores; empty where nothing is known.
    pub not_held: Vec<NotHeld>,
    /// The documented initial response, in the order in which it is done.
    pub response: Vec<ResponseStep>,
    /// What a resource that nobody declared has to hold at least, by kind: in the members of its tree, see
    /// [`crate::undeclared`]. An empty one is met by every resource.
    #[serde(default, skip_serializing_if = "Floors::is_empty")]
    pub floor: Floors,
    /// References of frameworks, by the heading of [`FRAMEWORKS`]. Empty where there is no compliance mapping.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub compliance: BTreeMap<String, Vec<String>>,
}

/// A part of a kind that a control rests on, and that is neither compared nor restored.
#[derive(Debug, Clone, PartialEq, Eq, JsonSchema, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct NotHeld {
    /// The kind.
    pub kind: String,
    /// What it is, and why it matters.
    pub about: String,
    /// The command that shows it; words in capitals are to be filled in.
    pub look: String,
}

/// The frameworks of the compliance tables, in the order of their columns.
pub const FRAMEWORKS: [&str; 10] = [
    "CIS AWS Foundations v3.0.0",
    "CIS Microsoft Azure Foundations v3.0.0",
    "CIS GCP Foundation v4.0.0",
    "CIS OCI Foundation v2.0.0",
    "NIST SP 800-53 rev5",
    "ISO/IEC 27001:2022",
    "ISO/IEC 27017:2015",
    "OWASP LLM Top 10:2025",
    "NIST AI 600-1 (Jul 2024)",
    "EU AI Act (2024/1689)",
];

macro_rules! embedded {
    ($($id:literal),+ $(,)?) => {
        [$(include_str!(concat!("../../controls/aws-genai-", $id, ".yaml"))),+]
    };
}

static CONTROLS: LazyLock<Result<Vec<Control>, serde_yaml::Error>> = LazyLock::new(|| {
    embedded!("01", "02", "03", "04", "05", "06", "07", "08", "09", "10")
        .iter()
        .map(|text| serde_yaml::from_str(text))
        .collect()
});

/// Every control, by id; parsed once.
///
/// # Errors
/// Fails when a file of `reconciler/controls` is not a control, which a test rules out.
pub fn load() -> Result<&'static [Control], &'static serde_yaml::Error> {
    CONTROLS.as_ref().map(Vec::as_slice)
}

/// As [`load`], for callers after a successful check; empty where loading failed.
pub fn all() -> &'static [Control] {
    load().unwrap_or_default()
}

/// The control with this id.
pub fn find(id: &str) -> Option<&'static Control> {
    all().iter().find(|control| control.id == id)
}

/// How bad it is when the control does not hold.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, JsonSchema, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Severity {
    /// The worst.
    Critical,
    /// Bad.
    High,
    /// To be corrected.
    Medium,
}

impl Severity {
    /// The word that is printed.
    pub fn word(self) -> &'static str {
        match self {
            Self::Critical => "critical",
            Self::High => "high",
            Self::Medium => "medium",
        }
    }
}

/// How people are told.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, JsonSchema, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum AlertClass {
    /// Somebody is woken.
    Page,
    /// Somebody looks at it within the deadline.
    Ticket,
    /// It is told.
    Inform,
}

impl AlertClass {
    /// The word that is printed.
    pub fn word(self) -> &'static str {
        match self {
            Self::Page => "page",
            Self::Ticket => "ticket",
            Self::Inform => "inform",
        }
    }
}

/// What a step of a response does.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, JsonSchema, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum StepType {
    /// Puts a resource back.
    Restore,
    /// Shows that it is back.
    Verify,
    /// Finds out what happened in between.
    Inventory,
    /// Keeps it from going on; has an undo and an end.
    Contain,
    /// Opens an incident.
    Incident,
    /// People do it, for the reason that is given.
    Manual,
}

impl StepType {
    /// The word that is printed.
    pub fn word(self) -> &'static str {
        match self {
            Self::Restore => "restore",
            Self::Verify => "verify",
            Self::Inventory => "inventory",
            Self::Contain => "contain",
            Self::Incident => "incident",
            Self::Manual => "manual",
        }
    }
}

/// One step of the documented initial response.
#[derive(Debug, Clone, PartialEq, Eq, JsonSchema, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct ResponseStep {
    /// Its number in the control, such as `R1`.
    pub id: String,
    /// What it does.
    #[serde(rename = "type")]
    pub does: StepType,
    /// What is done, in our words.
    pub text: String,
    /// The kinds that it puts back or looks at.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub kinds: Vec<String>,
    /// What it asks, of an inventory.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub queries: Vec<Query>,
    /// Why people have to do it, or what this build lacks.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub why: Option<String>,
    /// What people type for it, one command in a line; words in capitals are to be filled in.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub how: Option<String>,
    /// What words in capitals of `how` stand for, where an incident knows it: `KIND.MEMBER`, a member of what the service calls
    /// a resource of that kind, or its `name` or `region`.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub fills: BTreeMap<String, String>,
    /// How it is undone, of a containment.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub undo: Option<String>,
    /// When it ends by itself, of a containment: an ISO 8601 duration.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub expires: Option<String>,
    /// Kinds that this build does not have, and without which the step is left to people.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub waits_for: Vec<String>,
}

impl ResponseStep {
    /// Whether this build carries the step out by itself, as a part of `restore`.
    pub fn is_automated(&self) -> bool {
        let does = matches!(self.does, StepType::Restore | StepType::Verify);
        let asks = self.does == StepType::Inventory && !self.queries.is_empty();
        (does || asks) && self.waits_for.is_empty()
    }
}

/// Where a query is asked.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, JsonSchema, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum QuerySource {
    /// CloudTrail's event history: management events of 90 days, by event name.
    EventHistory,
    /// CloudWatch Logs Insights on the log group of the trail.
    TrailLogs,
    /// CloudWatch Logs Insights on the log group of model invocations.
    InvocationLogs,
}

/// One question of an inventory, asked for the time of the exposure in every scope concerned.
#[derive(Debug, Clone, PartialEq, Eq, JsonSchema, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Query {
    /// Its name in the step, such as `calls-per-principal`.
    pub name: String,
    /// What it tells.
    pub about: String,
    /// Where it is asked.
    pub source: QuerySource,
    /// The text for Logs Insights, or event names separated by commas for the event history.
    pub text: String,
}

/// What became of one query. A part of the JSON contract.
#[derive(Debug, Clone, PartialEq, JsonSchema, Serialize, Deserialize)]
pub struct Answered {
    /// The control.
    pub control: String,
    /// The step.
    pub step: String,
    /// The query, as it was asked.
    pub query: Query,
    /// The account's name.
    pub account: String,
    /// The region.
    pub region: String,
    /// The log group, where one was asked.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub log_group: Option<String>,
    /// The beginning of the time that was asked for, in UTC.
    pub from: String,
    /// Its end.
    pub until: String,
    /// How many rows there were.
    pub row_count: usize,
    /// Whether there are more rows than were taken.
    pub truncated: bool,
    /// The rows: fields and their values, without prompts and answers.
    pub rows: Vec<BTreeMap<String, String>>,
    /// Fields that were answered and are not kept, because they hold prompts or answers.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub left_out: Vec<String>,
    /// Bytes that were scanned, where the service says so.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub bytes_scanned: Option<u64>,
    /// Why there is no answer, when there is none: not asked, failed, or stopped.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub unanswered: Option<String>,
}
