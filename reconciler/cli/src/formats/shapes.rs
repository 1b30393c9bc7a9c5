//! What the JSON documents of the commands look like, where no type of a library says it: for their schemas alone.
//!
//! The conformance tests hold every document that is printed against these.
#![expect(dead_code, reason = "the schemas are made of the types, and nothing is made of the schemas")]

use std::collections::BTreeMap;
use std::path::PathBuf;

use jiff::Timestamp;
use reconciler_engine::audit;
use reconciler_engine::journal::Record;
use reconciler_engine::state::Holder;
use reconciler_model::alert::Alert;
use reconciler_model::attribution::ResourceAttribution;
use reconciler_model::control::Control;
use reconciler_model::desired::Explained;
use reconciler_model::diagnostic::Diagnostic;
use reconciler_model::flapping::Flapping;
use reconciler_model::incident::Incident;
use reconciler_model::inventory::Gap;
use reconciler_model::plan::{self, Plan};
use schemars::JsonSchema;
use serde_json::Value;

use super::documents::Format;
use crate::commands::adopt::Report;
use crate::commands::doctor::{Check, Grade};
use crate::commands::export::LeftOut;
use crate::commands::history::Row;

/// A plan, with what is printed beside it.
#[derive(Debug, JsonSchema)]
pub(super) struct Planned {
    #[serde(flatten)]
    plan: Plan,
    /// Who caused each drift, where that was asked with `--blame`. No part of the plan or of its id.
    #[serde(skip_serializing_if = "Option::is_none")]
    blame: Option<Vec<ResourceAttribution>>,
    /// The incident that ended without a step.
    #[serde(skip_serializing_if = "Option::is_none")]
    incident: Option<Incident>,
    /// Where its files are.
    #[serde(skip_serializing_if = "Option::is_none")]
    incident_folder: Option<PathBuf>,
}

/// What an activation carried out.
#[derive(Debug, JsonSchema)]
pub(super) struct Activation {
    format: Format,
    /// The plan of the first round, as it was approved; of `apply`, what the file and today have in common.
    #[serde(skip_serializing_if = "Option::is_none")]
    plan: Option<Plan>,
    /// Its steps.
    #[serde(skip_serializing_if = "Option::is_none")]
    steps: Option<Vec<Step>>,
    /// Every round, where there was more than one.
    #[serde(skip_serializing_if = "Option::is_none")]
    rounds: Option<Vec<Round>>,
    /// The plan that was made afterwards; `null` where the run was asked to stop.
    #[serde(skip_serializing_if = "Option::is_none")]
    after: Option<Option<Plan>>,
    /// How many addresses protect less than declared afterwards; `null` where nobody looked.
    #[serde(skip_serializing_if = "Option::is_none")]
    weakened: Option<Option<usize>>,
    /// Why a later round was not allowed.
    #[serde(skip_serializing_if = "Option::is_none")]
    refused: Option<String>,
    /// The incident of a restore.
    #[serde(skip_serializing_if = "Option::is_none")]
    incident: Option<Incident>,
    /// Where its files are.
    #[serde(skip_serializing_if = "Option::is_none")]
    incident_folder: Option<PathBuf>,
    /// Why the command could not go on.
    #[serde(skip_serializing_if = "Option::is_none")]
    error: Option<Error>,
    /// The exit code.
    exit: u8,
}

/// One round of an activation.
#[derive(Debug, JsonSchema)]
pub(super) struct Round {
    /// The plan, as it was approved.
    plan: Plan,
    /// Its steps.
    steps: Vec<Step>,
}

/// What became of a step.
#[derive(Debug, JsonSchema)]
pub(super) struct Step {
    /// Its number in the plan.
    id: String,
    /// The address.
    address: String,
    /// What it does, in one word.
    action: String,
    /// Whether read-back shows what it promised.
    verified: bool,
    /// How it ended, in words; `null` where it was not reached.
    outcome: Option<String>,
}

/// Why a command could not go on.
#[derive(Debug, JsonSchema)]
pub(super) struct Error {
    /// The code, for `explain`, where there is one.
    code: Option<String>,
    /// What happened.
    message: String,
    /// What to do about it, where something is known.
    hint: Option<String>,
    /// The exit code.
    exit: u8,
}

/// A command that could not go on.
#[derive(Debug, JsonSchema)]
pub(super) struct Failed {
    format: Format,
    error: Error,
    /// What is wrong with the desired state, where that is the reason.
    #[serde(skip_serializing_if = "Option::is_none")]
    diagnostics: Option<Vec<Diagnostic>>,
}

/// The runs that wrote, and the incidents.
#[derive(Debug, JsonSchema)]
pub(super) struct History {
    format: Format,
    /// The runs, oldest first.
    runs: Vec<Row>,
    /// The incidents, oldest first.
    incidents: Vec<Row>,
    /// Records that a newer build wrote.
    newer_records: usize,
}

/// What an audit found.
#[derive(Debug, JsonSchema)]
pub(super) struct Audited {
    format: Format,
    #[serde(flatten)]
    audit: audit::Audit,
    /// Whether nothing was found.
    clean: bool,
}

/// The live state as declarations.
#[derive(Debug, JsonSchema)]
pub(super) struct Exported {
    format: Format,
    /// The declarations, as the schema of the desired state has them.
    declarations: Vec<Value>,
    /// What of the live state cannot be declared.
    left_out: Vec<LeftOut>,
    /// What could not be read.
    gaps: Vec<Gap>,
}

/// A desired state that is valid.
#[derive(Debug, JsonSchema)]
pub(super) struct Validation {
    format: Format,
    /// Whether it was checked in form only, because its accounts are discovered when AWS is read.
    accounts_to_be_discovered: bool,
    /// How many declarations there are.
    declarations: usize,
    /// How many addresses they make.
    addresses: usize,
    /// The digest of what they say.
    desired_digest: String,
    /// Empty: what is not valid is a failure.
    diagnostics: Vec<Diagnostic>,
}

/// What pointers lead to.
#[derive(Debug, JsonSchema)]
pub(super) struct Pinned {
    format: Format,
    /// Whether something is not as pinned.
    differs: bool,
    /// Whether the file was written.
    written: bool,
    /// The unified diff of the file.
    diff: String,
    /// Pins that lead elsewhere, one sentence each.
    changed: Vec<String>,
    /// What was published since, one sentence each.
    newer: Vec<String>,
    /// What could not be pinned, one sentence each.
    not_pinned: Vec<String>,
}

/// What a drill came to.
#[derive(Debug, JsonSchema)]
pub(super) struct Drilled {
    format: Format,
    /// Whether every scenario was restored, with complete evidence.
    passed: bool,
    /// Connections to a network that the process opened: none.
    network_clients: u64,
    /// The scenarios.
    scenarios: Vec<Score>,
}

/// One scenario of a drill.
#[derive(Debug, JsonSchema)]
pub(super) struct Score {
    /// Its name.
    scenario: String,
    /// How many addresses drifted.
    drifted: usize,
    /// How many fields differed.
    fields: usize,
    /// The most urgent alert.
    alert: Option<Alert>,
    /// From the attack to the detection.
    unseen_seconds: Option<u64>,
    /// From the attack to the end of the restore.
    exposed_seconds: Option<u64>,
    /// How long detecting took.
    detect_ms: u64,
    /// How long restoring took.
    restore_ms: u64,
    /// Calls that read.
    reads: usize,
    /// Calls that wrote.
    writes: usize,
    /// Steps of the plans.
    steps: usize,
    /// Steps that read-back verified.
    verified: usize,
    /// Whether the evidence lacks nothing.
    evidence_complete: bool,
    /// What it lacks, one sentence each.
    evidence_lacks: Vec<String>,
    /// Whether all of it is as declared again.
    passed: bool,
}

/// One control.
#[derive(Debug, JsonSchema)]
pub(super) struct NamedControl {
    format: Format,
    #[serde(flatten)]
    control: Control,
}

/// One code.
#[derive(Debug, JsonSchema)]
pub(super) struct Code {
    format: Format,
    /// The code.
    code: String,
    /// What it says, in short.
    title: String,
    /// What it means, and what to do.
    explanation: String,
}

/// The version of the program, and of what it writes.
#[derive(Debug, JsonSchema)]
pub(super) struct Version {
    format: Format,
    /// The program's.
    version: String,
    /// That of plans.
    plan_format: plan::Format,
    /// That of records in the journal.
    journal_format: u32,
}

/// What was taken over of what exists.
#[derive(Debug, JsonSchema)]
pub(super) struct Adoption {
    format: Format,
    /// Whether nothing was written.
    dry_run: bool,
    /// The files, written or not.
    files: Vec<AdoptedFile>,
    /// How many declarations are in them.
    declarations: usize,
    /// Resources that exist and were declared before.
    already_declared: usize,
    /// What of the resources cannot be declared.
    left_out: Vec<LeftOut>,
    /// Resources that no control is about, by kind: they were not taken.
    not_taken: BTreeMap<String, usize>,
    /// What each control has, and what is missing for it.
    controls: Vec<Report>,
    /// What could not be read.
    gaps: Vec<Gap>,
    /// The file of pins, where it was made.
    pins: Option<AdoptedPins>,
    /// The exit code.
    exit: u8,
}

/// One file of declarations.
#[derive(Debug, JsonSchema)]
pub(super) struct AdoptedFile {
    /// Where it is or would be.
    path: PathBuf,
    /// All of it.
    text: String,
}

/// What was pinned.
#[derive(Debug, JsonSchema)]
pub(super) struct AdoptedPins {
    /// Whether the file was written.
    written: bool,
    /// How many pointers there are.
    pointers: usize,
    /// What could not be pinned, one sentence each.
    not_pinned: Vec<String>,
}

/// What every run rests on, checked.
#[derive(Debug, JsonSchema)]
pub(super) struct Examination {
    format: Format,
    /// The checks, in the order in which they were made.
    checks: Vec<Check>,
    /// The worst of their grades.
    worst: Grade,
    /// The exit code.
    exit: u8,
}

/// The files that were or would be put in order.
#[derive(Debug, JsonSchema)]
pub(super) struct Formatted {
    format: Format,
    /// How many files were looked at.
    files: usize,
    /// Those that are not in order, or were not.
    changed: Vec<String>,
    /// Whether nothing was written.
    check: bool,
}

/// What a beginning wrote.
#[derive(Debug, JsonSchema)]
pub(super) struct Begun {
    format: Format,
    /// The files.
    written: Vec<String>,
    /// The accounts; none where they are discovered.
    accounts: Vec<BegunAccount>,
    /// Whether Organizations is asked for the accounts.
    discover: bool,
    /// The regions.
    regions: Vec<String>,
    /// The role that is assumed.
    role: Option<String>,
    /// The account that manages the organization.
    #[serde(rename = "managementAccount")]
    management_account: Option<String>,
}

/// One account.
#[derive(Debug, JsonSchema)]
pub(super) struct BegunAccount {
    /// Its twelve digits.
    id: String,
    /// Its name.
    name: String,
}

/// How things stand according to a state folder. Of one that is not there `state` alone is told, and is `null`.
#[derive(Debug, JsonSchema)]
pub(super) struct Standing {
    format: Format,
    /// The folder.
    state: Option<PathBuf>,
    /// When it was looked at, in UTC.
    #[serde(skip_serializing_if = "Option::is_none")]
    now: Option<Timestamp>,
    /// The process that holds the folder.
    #[serde(skip_serializing_if = "Option::is_none")]
    running: Option<Option<Holder>>,
    /// When everything was read the last time, and how much of it was not.
    #[serde(skip_serializing_if = "Option::is_none")]
    last_complete_look: Option<Option<Value>>,
    /// Why nothing is written, where that is paused.
    #[serde(skip_serializing_if = "Option::is_none")]
    paused: Option<Option<String>>,
    /// The incidents that are not closed.
    #[serde(skip_serializing_if = "Option::is_none")]
    open_incidents: Option<Vec<Row>>,
    /// What others go on changing back.
    #[serde(skip_serializing_if = "Option::is_none")]
    flapping: Option<Vec<Flapping>>,
    /// The last runs, the newest first.
    #[serde(skip_serializing_if = "Option::is_none")]
    last_runs: Option<Vec<Row>>,
    /// How many runs there are.
    #[serde(skip_serializing_if = "Option::is_none")]
    runs: Option<usize>,
    /// The digest of the last record.
    #[serde(skip_serializing_if = "Option::is_none")]
    head: Option<Option<String>>,
}

/// The controls.
#[derive(Debug, JsonSchema)]
pub(super) struct Listed {
    format: Format,
    /// All of them, by id.
    controls: Vec<Control>,
}

/// The records of a run or an incident.
#[derive(Debug, JsonSchema)]
pub(super) struct Recorded {
    format: Format,
    /// As they were written, with members that this build does not know.
    records: Vec<Record>,
}

/// A kind, or a member of one.
#[derive(Debug, JsonSchema)]
pub(super) struct NamedExplanation {
    format: Format,
    #[serde(flatten)]
    explained: Explained,
}

/// What can be explained.
#[derive(Debug, JsonSchema)]
pub(super) struct Explainable {
    format: Format,
    /// The codes, sorted.
    codes: Vec<ListedCode>,
    /// The kinds, sorted.
    kinds: Vec<ListedKind>,
}

/// One kind in the list.
#[derive(Debug, JsonSchema)]
pub(super) struct ListedKind {
    /// Its name.
    kind: String,
    /// What it holds.
    about: String,
}

/// One code in the list.
#[derive(Debug, JsonSchema)]
pub(super) struct ListedCode {
    /// The code.
    code: String,
    /// What it says, in short.
    title: String,
}
