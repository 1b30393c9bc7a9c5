//! One security control as data: what drifts, how fast to page, and the documented initial response.
//!
//! Expected flow: the files of `reconciler/controls` are read into [`Control`]s; drift is held against the signals, which
//! gives its alerts; an incident lists every step of the response, done or left to people.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

/// How bad it is when the control does not hold.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Severity {
    /// The worst.
    Critical,
    /// Bad.
    High,
    /// To be corrected.
    Medium,
}

/// How people are told.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum AlertClass {
    /// Somebody is woken.
    Page,
    /// Somebody looks at it within the deadline.
    Ticket,
    /// It is told.
    Inform,
}

/// What a step of a response does.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
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

/// One step of the documented initial response.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
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

/// Where a query is asked.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
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
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
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
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
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
    /// Bytes that were scanned, where the service says so.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub bytes_scanned: Option<u64>,
    /// Why there is no answer, when there is none: not asked, failed, or stopped.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub unanswered: Option<String>,
}
