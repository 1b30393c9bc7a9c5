//! The plan: data with no choices left in it.
//!
//! Expected flow: [`build`] compares every wanted address with the inventory, lets each kind propose steps, orders them,
//! and numbers them. A plan can be saved, read, shown and approved; only an approved one can be applied.
//!
//! Guarantees: two plans of the same world are equal byte for byte; the id is the digest of what the plan would do, so
//! naming the id approves exactly that.

use std::collections::{BTreeMap, BTreeSet};

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use serde_json::Value;

use crate::address::{Address, Scope};
use crate::alert::Alert;
use crate::codes;
use crate::diagnostic::Diagnostic;
use crate::digest;
use crate::drift::Drift;
use crate::flapping::Flapping;
use crate::inventory::Gap;

mod order;
mod planner;

pub use order::Turn;
pub use planner::{Case, Inputs, Referring, build, is_as_declared};

/// The version of the plan file. Readers accept their own minor and the older ones of their major, because the id is the digest of
/// what they can read; writers write their own.
#[derive(Debug, Clone, Copy, PartialEq, Eq, JsonSchema, Serialize, Deserialize)]
pub struct Format {
    /// Changes when a reader of the old format would misunderstand the new one.
    pub major: u32,
    /// Changes when something is added.
    pub minor: u32,
}

/// The format that this build writes.
pub const FORMAT: Format = Format { major: 2, minor: 3 };

/// One call, exactly as it goes out: what is shown is what is sent.
#[derive(Debug, Clone, Default, PartialEq, JsonSchema, Serialize, Deserialize)]
pub struct Call {
    /// The IAM prefix of the service.
    pub service: String,
    /// The operation.
    pub operation: String,
    /// The request, but for what is filled in when it is sent.
    pub request: Value,
    /// Members of the request that are not known before it is sent, and what each of them will be.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub filled: BTreeMap<String, Filled>,
    /// What members of the request are called that hold an id: the path of a unit, say.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub named: BTreeMap<String, String>,
}

/// What a member of a request is filled in with when it is sent. A part of the JSON contract.
#[derive(Debug, Clone, PartialEq, Eq, JsonSchema, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Filled {
    /// The token by which AWS knows a repetition.
    Token,
    /// This member of the ids that AWS gave the resource: those of the answer, where a former step creates it.
    Id(String),
}

impl Call {
    /// A call in which everything is known.
    pub fn new(service: &str, operation: &str, request: Value) -> Self {
        Self { service: service.to_owned(), operation: operation.to_owned(), request, ..Self::default() }
    }

    /// With the token of the run in a member.
    #[must_use]
    pub fn with_token(mut self, member: &str) -> Self {
        self.filled.insert(member.to_owned(), Filled::Token);
        self
    }

    /// With an id of the resource in a member: as it is known from `external_id`, or as it will be.
    #[must_use]
    pub fn with_id(mut self, member: &str, external_id: Option<&Value>, id: &str) -> Self {
        match external_id.and_then(|external_id| external_id.get(id)).filter(|id| id.is_string()) {
            Some(known) => self.request[member] = known.clone(),
            None => _ = self.filled.insert(member.to_owned(), Filled::Id(id.to_owned())),
        }
        self
    }

    /// Whether it has an idempotency token, so that to repeat it tells what became of it.
    pub fn has_token(&self) -> bool {
        self.filled.values().any(|filled| *filled == Filled::Token)
    }

    /// The call as it is sent.
    ///
    /// # Errors
    /// What is to be filled in and is not known.
    pub fn filled_in(&self, external_id: Option<&Value>, token: &str) -> Result<Self, String> {
        let mut call = Self { filled: BTreeMap::new(), ..self.clone() };
        for (member, filled) in &self.filled {
            let value = match filled {
                Filled::Token => Value::String(token.to_owned()),
                Filled::Id(id) => external_id
                    .and_then(|external_id| external_id.get(id))
                    .filter(|id| id.is_string())
                    .cloned()
                    .ok_or_else(|| format!("{member} is to be the {id} of the resource, which is not known"))?,
            };
            let Some(request) = call.request.as_object_mut() else {
                return Err(format!("{member} cannot be filled in: the request has no members"));
            };
            request.insert(member.clone(), value);
        }
        Ok(call)
    }

    /// What IAM calls it: `bedrock:UpdateGuardrail`.
    pub fn action(&self) -> String {
        format!("{}:{}", self.service, self.operation)
    }
}

/// What a kind proposes to do, before ordering.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct ProposedStep {
    /// What it does, in one word: `create`, `update`, `publish`, `tag`, `delete-version`.
    pub action: &'static str,
    /// One line for people.
    pub summary: String,
    /// The call.
    pub call: Call,
    /// What read-back must show afterwards.
    pub expected_state: ExpectedState,
    /// Why callers may not have what it restores, once it is verified.
    pub lag: Option<Lag>,
    /// Whether each try uses up something of which there is little, such as the number of a version.
    pub spends: bool,
    /// Whether the step is safe whatever happens to other steps. It waits for no step that somebody else can make fail, and
    /// comes before those.
    pub alone: bool,
    /// Whether it is tried although earlier steps of its address failed: the text of a policy is restored even if somebody blocks
    /// its attachment. Later steps need the earlier ones too.
    pub apart: bool,
}

/// Why a restore may not be in effect for callers although it is verified. A part of the JSON contract.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, JsonSchema, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Lag {
    /// Callers that name a version go on with that one, and no new one is made.
    NothingPublished,
    /// Callers that name an older version than the new one go on with that one.
    OlderVersions,
}

/// What read-back must show after a step.
#[derive(Debug, Clone, Default, PartialEq, JsonSchema, Serialize, Deserialize)]
pub struct ExpectedState {
    /// Members of the tree that must have exactly these values.
    pub tree: Value,
    /// Members of the tree that must have these elements, whatever else they have.
    #[serde(default, skip_serializing_if = "Value::is_null")]
    pub within: Value,
    /// Unknown fields that must still be there.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    #[serde(rename = "extras")]
    pub unknown_fields: BTreeMap<String, Value>,
    /// The private state that is expected.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    #[serde(rename = "facts")]
    pub private_state: BTreeMap<String, Value>,
}

/// What a kind proposes for one address.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct Proposal {
    /// The steps, each needing those before it unless it stands [apart](ProposedStep::apart). A kind leaves out what it refuses.
    pub steps: Vec<ProposedStep>,
    /// What should be known: code and sentence.
    pub notes: Vec<(&'static str, String)>,
    /// What the kind refuses to do, and why: code and sentence.
    pub refusals: Vec<(&'static str, String)>,
}

/// Whether a finding stands in the way.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, JsonSchema, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Severity {
    /// A step that would be needed is refused.
    Refused,
    /// A step that would be needed is left for the next run.
    Left,
    /// To be known.
    Note,
}

/// Something that makes a step refused or risky, or that should be known.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, JsonSchema, Serialize, Deserialize)]
pub struct Finding {
    /// The address.
    pub address: Address,
    /// Whether it stands in the way.
    pub severity: Severity,
    /// The code, for `explain`.
    pub code: String,
    /// What was found.
    pub detail: String,
    /// Who has to know of it, where somebody has to.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub alerts: Vec<Alert>,
}

impl Finding {
    /// Whether it says that the address waits for another resource.
    pub fn is_waiting(&self) -> bool {
        self.code == codes::WAITS
    }
}

/// One fully resolved step.
#[derive(Debug, Clone, PartialEq, JsonSchema, Serialize, Deserialize)]
pub struct Step {
    /// The step's number in the plan.
    pub id: String,
    /// The address that it changes.
    pub address: Address,
    /// What it does, in one word.
    pub action: String,
    /// One line for people.
    pub summary: String,
    /// The call.
    pub call: Call,
    /// Steps that must be verified before this one.
    pub needs: Vec<String>,
    /// When it is done: those of one turn go side by side, after those of the turns before.
    pub turn: Turn,
    /// What read-back must show afterwards.
    #[serde(rename = "promise")]
    pub expected_state: ExpectedState,
    /// Why callers may not have what it restores, once it is verified.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub lag: Option<Lag>,
    /// Whether each try uses up something of which there is little.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub spends: bool,
    /// The fingerprint of the resource that the step was planned for; `None` when it was absent. Checked just before
    /// the first step of the address.
    pub planned_for: Option<String>,
}

/// How many addresses are in which state. A part of the JSON contract.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, JsonSchema, Serialize, Deserialize)]
pub struct Summary {
    /// Declared addresses that the plan looked at.
    pub addresses: usize,
    /// As declared.
    pub in_sync: usize,
    /// Not as declared.
    pub drifted: usize,
    /// Not known, or not all of it; with those that are counted as drifted because something else differs.
    pub gaps: usize,
    /// Drifted, and the fix is refused.
    pub refused: usize,
    /// Waiting for another resource that is not there yet, or that is not as declared yet; with those that are counted as
    /// drifted because something else differs.
    #[serde(default, skip_serializing_if = "is_zero")]
    pub waiting: usize,
}

#[expect(clippy::trivially_copy_pass_by_ref, reason = "serde passes references")]
fn is_zero(count: &usize) -> bool {
    *count == 0
}

/// The plan. A part of the JSON contract.
#[derive(Debug, Clone, PartialEq, JsonSchema, Serialize, Deserialize)]
pub struct Plan {
    /// The format of the file.
    pub format: Format,
    /// The version of the tool that made it.
    pub tool_version: String,
    /// The digest of what the plan would do.
    pub plan_id: String,
    /// When it was made; for people, never for deciding.
    pub created_at: String,
    /// The digest of the desired state that it was made from. The plan is stale when that on disk differs.
    pub desired_digest: String,
    /// The last record of the journal when it was made; for people.
    pub journal_head: Option<String>,
    /// How many addresses are in which state.
    pub summary: Summary,
    /// The addresses that differ, by address.
    pub drift: Vec<Drift>,
    /// What could not be read.
    pub gaps: Vec<Gap>,
    /// What others go on changing back.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    #[serde(rename = "contested")]
    pub flapping: Vec<Flapping>,
    /// What stands in the way, and what should be known.
    pub findings: Vec<Finding>,
    /// Declarations that could not be resolved against live.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub diagnostics: Vec<Diagnostic>,
    /// What to do, in order.
    pub steps: Vec<Step>,
}

impl Plan {
    /// How many addresses the plan would change.
    pub fn addresses_changed(&self) -> usize {
        self.steps.iter().map(|step| &step.address).collect::<BTreeSet<_>>().len()
    }

    /// The addresses that wait for another resource that is not there yet.
    pub fn waiting(&self) -> impl Iterator<Item = &Address> {
        self.findings.iter().filter(|finding| finding.is_waiting()).map(|finding| &finding.address)
    }

    /// The gaps that have to be reported: gaps with one code in one place are one alert, the most urgent of theirs, with the
    /// first gap and their number.
    pub fn unseen(&self) -> Vec<(&Alert, &Gap, usize)> {
        let mut causes: BTreeMap<(&Scope, &str), (&Alert, &Gap, usize)> = BTreeMap::new();
        for gap in &self.gaps {
            let Some(alert) = gap.alerts.first() else { continue };
            let told = causes.entry((&gap.scope, &gap.code)).or_insert((alert, gap, 0));
            told.2 += 1;
            if alert.is_before(told.0) {
                told.0 = alert;
            }
        }
        causes.into_values().collect()
    }

    /// Whether something that is declared was not evaluated.
    pub fn is_unseen_in_part(&self) -> bool {
        !self.gaps.is_empty() || self.summary.gaps > 0 || self.waiting().next().is_some()
    }
}

/// The id: the first 40 hexadecimal digits of the digest of everything but the id and the time. 160 bits, so that nobody can make
/// two plans with one id.
fn id_of(plan: &Plan) -> String {
    let Plan {
        format,
        tool_version,
        plan_id: _,
        created_at: _,
        desired_digest,
        journal_head,
        summary,
        drift,
        gaps,
        flapping,
        findings,
        diagnostics,
        steps,
    } = plan;
    let made_of = (format, tool_version, desired_digest, journal_head);
    let digest = digest::of(&(made_of, (summary, drift, gaps, flapping, findings, diagnostics, steps)));
    let hex = digest.strip_prefix("sha256:").unwrap_or(&digest);
    format!("plan-{}", hex.get(..40).unwrap_or(hex))
}

impl Plan {
    /// The plan with the id that its content has.
    #[must_use]
    pub fn identified(mut self) -> Self {
        self.plan_id = id_of(&self);
        self
    }

    /// The plan with more to be known.
    #[must_use]
    pub fn knowing(mut self, more: impl IntoIterator<Item = Finding>) -> Self {
        self.findings.extend(more);
        self.findings.sort();
        self.findings.dedup();
        self.identified()
    }

    /// Whether the id is that of the content: `false` means that the file was edited.
    pub fn id_is_right(&self) -> bool {
        self.plan_id == id_of(self)
    }
}
