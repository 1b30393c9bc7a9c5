//! The plan: data with no choices left in it.
//!
//! Expected flow: [`build`] compares every wanted address with the inventory, lets each kind propose steps, orders them,
//! and numbers them. A plan can be saved, read, shown and approved; only an approved one can be applied.
//!
//! Guarantees: two plans of the same world are equal byte for byte; the id is the digest of what the plan would do, so
//! naming the id approves exactly that.

use std::borrow::Cow;
use std::collections::{BTreeMap, BTreeSet};

use serde::{Deserialize, Serialize};
use serde_json::Value;

use crate::address::{Address, Scope};
use crate::alert::{self, Alert};
use crate::codes;
use crate::contested::Contested;
use crate::control::Control;
use crate::desired::{LiveReference, Wanted};
use crate::diagnostic::Diagnostic;
use crate::digest;
use crate::direction::Direction;
use crate::drift::{self, Change, Drift, FieldDrift};
use crate::inventory::{Gap, Inventory, Known, Sighting};
use crate::kind::{Kind, KnownVersions, Situation};
use crate::last_read::LastRead;
use crate::repointed;
use crate::tree::{self, Path};
use crate::undeclared::{self, Unexpected, Watch};

/// The version of the plan file. Readers accept any minor of their own major; writers write their own.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct Format {
    /// Changes when a reader of the old format would misunderstand the new one.
    pub major: u32,
    /// Changes when something is added.
    pub minor: u32,
}

/// The format that this build writes.
pub const FORMAT: Format = Format { major: 2, minor: 0 };

/// One call, exactly as it goes out: what is shown is what is sent.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
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
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
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

    /// With an id of the resource in a member: as it is known from `handle`, or as it will be.
    #[must_use]
    pub fn with_id(mut self, member: &str, handle: Option<&Value>, id: &str) -> Self {
        match handle.and_then(|handle| handle.get(id)).filter(|id| id.is_string()) {
            Some(known) => self.request[member] = known.clone(),
            None => _ = self.filled.insert(member.to_owned(), Filled::Id(id.to_owned())),
        }
        self
    }

    /// The call as it is sent.
    ///
    /// # Errors
    /// What is to be filled in and is not known.
    pub fn filled_in(&self, handle: Option<&Value>, token: &str) -> Result<Self, String> {
        let mut call = Self { filled: BTreeMap::new(), ..self.clone() };
        for (member, filled) in &self.filled {
            let value = match filled {
                Filled::Token => Value::String(token.to_owned()),
                Filled::Id(id) => handle
                    .and_then(|handle| handle.get(id))
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
    pub promise: Promise,
    /// Why callers may not have what it restores, once it is verified.
    pub lag: Option<Lag>,
    /// Whether each try uses up something of which there is little, such as the number of a version.
    pub spends: bool,
    /// Whether it is safe whatever becomes of other addresses and of the steps of its own that are not: it never waits for what
    /// somebody else can make fail. It comes before those, where its address needs others.
    pub alone: bool,
    /// Whether it is tried although steps of its own address before it failed: somebody may keep a policy from being attached, and
    /// its text is put right all the same. What comes after it needs those too.
    pub apart: bool,
}

/// Why a restore may not be in effect for callers although it is verified. A part of the JSON contract.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Lag {
    /// Callers that name a version go on with that one, and no new one is made.
    NothingPublished,
    /// Callers that name an older version than the new one go on with that one.
    OlderVersions,
}

/// What read-back must show after a step.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
pub struct Promise {
    /// Members of the tree that must have exactly these values.
    pub tree: Value,
    /// Members of the tree that must have these elements, whatever else they have.
    #[serde(default, skip_serializing_if = "Value::is_null")]
    pub within: Value,
    /// Extras that must still be there.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub extras: BTreeMap<String, Value>,
    /// Facts that must hold.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub facts: BTreeMap<String, Value>,
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
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
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
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
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
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
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
    pub promise: Promise,
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
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
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
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
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
    /// The last record of the journal when it was made. The plan is stale when the journal has moved.
    pub journal_head: Option<String>,
    /// How many addresses are in which state.
    pub summary: Summary,
    /// The addresses that differ, by address.
    pub drift: Vec<Drift>,
    /// What could not be read.
    pub gaps: Vec<Gap>,
    /// What others go on changing back.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub contested: Vec<Contested>,
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

    /// What could not be seen and has to be told, by place and cause: gaps of one cause in one place are one alert, which is
    /// the most urgent of theirs. With it, the first of the gaps, and how many there are.
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

    /// Whether this build may read a plan of `format`.
    pub fn is_readable(format: Format) -> bool {
        format.major == FORMAT.major
    }
}

/// What a plan is built from.
pub struct Inputs<'a> {
    /// What is wanted, by address.
    pub wanted: &'a [Wanted],
    /// The resolved tree of each wanted address, or what is wrong with it.
    pub trees: &'a BTreeMap<Address, Result<Value, Vec<Diagnostic>>>,
    /// Addresses that refer to what is not there yet: what each of them waits for.
    pub waiting: &'a BTreeMap<Address, BTreeSet<Address>>,
    /// Addresses that are known to be as declared ([`is_as_declared`]): neither their trees nor their sightings are given.
    pub as_declared: &'a BTreeSet<&'a Address>,
    /// Outputs that older states of resources give, by address and output: the newest one cannot be referred to.
    pub standing: &'a BTreeMap<(Address, String), String>,
    /// Texts that refer to something else than to what they are to refer to, and what that means.
    pub referring: &'a BTreeMap<(Address, Path), Referring>,
    /// The versions that this tool published another one after ([`Kind::version_of`]).
    pub replaced: &'a BTreeMap<Address, BTreeSet<String>>,
    /// Addresses of which the last step came to nothing: nobody waits for them.
    pub failed: &'a BTreeSet<Address>,
    /// Pinned pointers that lead elsewhere ([`repointed::drift`]).
    pub repointed: &'a [Drift],
    /// Addresses whose pinned resource is gone and has a successor that this tool made, and why.
    pub superseded: &'a BTreeMap<Address, String>,
    /// What nobody declared, as it was judged ([`crate::undeclared::judge`]).
    pub unexpected: &'a [Unexpected],
    /// Where what nobody declared is looked for.
    pub watch: Option<&'a Watch>,
    /// What was read.
    pub inventory: &'a Inventory,
    /// The kinds.
    pub kinds: &'a [&'a dyn Kind],
    /// The controls, which say who has to know of a drift.
    pub controls: &'a [Control],
    /// Whether versions that nothing is known to refer to may be deleted to make room.
    pub may_delete_versions: bool,
    /// Addresses that nothing is written to, with the code and the reason: another actor undoes it, the caller may not.
    pub barred: &'a BTreeMap<Address, (&'static str, String)>,
    /// Addresses at which no step is made that uses something up, with the reason: it was in vain lately.
    pub in_vain: &'a BTreeMap<Address, String>,
    /// When everything was read the last time; `None` where that is not known, so that every gap is told at once.
    pub last_read: Option<&'a LastRead>,
    /// What others go on changing back.
    pub contested: &'a [Contested],
    /// The digest of the desired state.
    pub desired_digest: &'a str,
    /// The last record of the journal.
    pub journal_head: Option<String>,
    /// The time, for people.
    pub now: String,
    /// The version of the tool.
    pub tool_version: &'a str,
}

/// What it means that a member refers to something else than to what it is to refer to.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Referring {
    /// Whether that protects more or less.
    pub direction: Direction,
    /// What it could refer to meanwhile.
    pub better: Option<String>,
}

/// One address with what is known of it.
pub struct Case<'a> {
    /// Its kind.
    pub kind: &'a dyn Kind,
    /// What is wanted.
    pub wanted: &'a Wanted,
    /// The resolved tree of it.
    pub want: &'a Value,
    /// What was seen; `None` when it is known to be absent.
    pub live: Option<&'a Sighting>,
    /// What was read beside it.
    pub surroundings: &'a Value,
    /// Whether versions that nothing is known to refer to may be deleted to make room.
    pub may_delete_versions: bool,
    /// The versions that this tool published another one after.
    pub replaced: Option<&'a BTreeSet<String>>,
}

/// What comparing one address and asking its kind gave.
#[derive(Debug, Default)]
struct Assessed {
    drift: Option<Drift>,
    findings: Vec<Finding>,
    refused: bool,
    steps: Vec<ProposedStep>,
}

/// Whether a plan has nothing to say of an address but that it is in sync.
pub fn is_as_declared(case: &Case<'_>) -> bool {
    let Assessed { drift, findings, refused, steps } = assess(case);
    drift.is_none() && findings.is_empty() && !refused && steps.is_empty()
}

fn assess(case: &Case<'_>) -> Assessed {
    let Case { kind, wanted, want, live, surroundings, may_delete_versions, replaced } = *case;
    let address = &wanted.address;
    let mut comparison = drift::compare(kind, wanted, want, live);
    if let Some(live) = live {
        let known = KnownVersions { pinned: wanted.pinned_versions.as_deref(), replaced };
        let beside = kind.unknown_beside(live, want, known);
        drift::add_beside(&mut comparison, wanted, kind, beside);
    }
    let mut findings = Vec::new();
    let mut note = |severity, code: &str, detail: String| {
        let code = code.to_owned();
        findings.push(Finding { address: address.clone(), severity, code, detail, alerts: Vec::new() });
    };
    for (path, reason) in &comparison.unobservable {
        note(Severity::Note, codes::NOT_REPORTED, format!("{path}: {reason}"));
    }
    for field in comparison.drift.iter().flat_map(|drift| &drift.fields).filter(|field| field.kept) {
        note(Severity::Note, codes::STRONGER, format!("{}: live is stronger than desired, and is kept", field.path));
    }
    for (code, detail) in live.map(|live| kind.notes_beside(live, want)).unwrap_or_default() {
        note(Severity::Note, code, detail);
    }
    let proposal = kind.steps(&Situation {
        live,
        target: &comparison.target,
        differs: &comparison.differs,
        name: &address.name,
        may_delete_versions,
        surroundings,
    });
    for (code, detail) in proposal.notes {
        note(Severity::Note, code, detail);
    }
    let refused = !proposal.refusals.is_empty();
    for (code, detail) in proposal.refusals {
        note(Severity::Refused, code, detail);
    }
    Assessed { drift: comparison.drift, findings, refused, steps: proposal.steps }
}

/// Builds the plan: compare, propose, order, number.
pub fn build(inputs: &Inputs<'_>) -> Plan {
    let mut summary =
        Summary { addresses: inputs.wanted.iter().filter(|one| !one.is_context).count(), ..Summary::default() };
    let mut all_drift = Vec::new();
    let mut findings = Vec::new();
    let mut diagnostics = Vec::new();
    let mut proposed: Vec<Proposed<'_>> = Vec::new();
    let referred_to = referred_to(inputs.wanted);
    for wanted in inputs.wanted.iter().filter(|one| !one.is_context) {
        let address = &wanted.address;
        let Some(kind) = inputs.kinds.iter().find(|kind| kind.name() == address.kind) else { continue };
        let is_as_declared = inputs.as_declared.contains(address);
        let live = match inputs.inventory.of(address) {
            Known::Unknown(_) if !is_as_declared => {
                summary.gaps += 1;
                continue;
            }
            Known::Present(sighting) => Some(sighting),
            Known::Unknown(_) | Known::Absent => None,
        };
        findings.extend(repointed::unheld(wanted));
        let waits = waits_of(inputs, &referred_to, wanted);
        findings.extend(waits.others.iter().map(|other| Finding {
            address: address.clone(),
            severity: Severity::Note,
            code: codes::WAITS.to_owned(),
            detail: format!("waits for {other}"),
            alerts: Vec::new(),
        }));
        let is_waiting = !waits.others.is_empty();
        summary.waiting += usize::from(is_waiting);
        if is_as_declared {
            summary.in_sync += usize::from(!is_waiting);
            continue;
        }
        let want = match inputs.trees.get(address) {
            Some(Ok(tree)) => tree,
            Some(Err(problems)) => {
                diagnostics.extend(problems.iter().cloned());
                summary.refused += 1;
                continue;
            }
            // Nothing of what is wanted could be told: a gap says why.
            None => {
                summary.gaps += 1;
                continue;
            }
        };
        let want = &*without(want, &waits.members);
        let surroundings = inputs.inventory.surroundings_of(address);
        let may_delete_versions = inputs.may_delete_versions;
        let replaced = inputs.replaced.get(address);
        let case = Case { kind: *kind, wanted, want, live, surroundings, may_delete_versions, replaced };
        let mut assessed = assess(&case);
        let is_unseen = inputs.inventory.is_unseen_in_part(address);
        // What is not there is not made without the members that are not known yet: it would be weaker than declared.
        let is_made_later = live.is_none() && (is_waiting || is_unseen);
        if waits.holds_all || is_made_later {
            assessed.steps.clear();
        }
        if is_made_later {
            say_what_is_not_known(wanted, want, &mut assessed.findings);
        }
        for finding in &mut assessed.findings {
            let signals = [(codes::WEAK_VERSION, alert::WEAK_VERSION), (codes::SHUT, alert::SHUT)];
            if let Some((_, signal)) = signals.iter().find(|(code, _)| *code == finding.code) {
                finding.alerts = alert::tickets(inputs.controls, &wanted.declaration.controls, signal);
            }
        }
        findings.append(&mut assessed.findings);
        if let Some(reason) = inputs.in_vain.get(address)
            && assessed.steps.iter().any(|step| step.spends)
        {
            assessed.steps.retain(|step| !step.spends);
            assessed.refused = true;
            findings.push(Finding {
                address: address.clone(),
                severity: Severity::Refused,
                code: codes::IN_VAIN.to_owned(),
                detail: reason.clone(),
                alerts: Vec::new(),
            });
        }
        let barred = inputs.barred.get(address).filter(|_| !assessed.steps.is_empty() || assessed.refused);
        if let Some((code, reason)) = barred {
            findings.push(Finding {
                address: address.clone(),
                severity: Severity::Refused,
                code: (*code).to_owned(),
                detail: reason.clone(),
                alerts: Vec::new(),
            });
        }
        for ((_, member), referring) in
            inputs.referring.range((address.clone(), Path::root())..).take_while(|((other, _), _)| other == address)
        {
            refers_elsewhere(&mut assessed.drift, *kind, wanted, live, (member, referring));
        }
        match assessed.drift {
            Some(mut drift) => {
                drift.alerts = alert::of(inputs.controls, &drift);
                if wanted.pin.is_some() && drift.fields.iter().any(|field| kind.leads_elsewhere(&field.path)) {
                    drift.alerts.extend(repointed::alerts(inputs.controls, &drift));
                    drift.alerts.sort_by(|one, two| one.urgency_and_control().cmp(&two.urgency_and_control()));
                }
                summary.drifted += 1;
                summary.refused += usize::from(assessed.refused || barred.is_some());
                summary.gaps += usize::from(is_unseen);
                all_drift.push(drift);
            }
            None if is_waiting => {}
            None if is_unseen => summary.gaps += 1,
            None => summary.in_sync += 1,
        }
        if barred.is_none() && !assessed.steps.is_empty() {
            let planned_for = live.map(|live| live.fingerprint());
            // What is there already goes first, and is not waited for: whoever keeps something minor of it from being restored must
            // not keep this from it. What is made has to be there, but for what is referred to by a pin.
            let is_made = |need: &&Address| {
                matches!(inputs.inventory.of(need), Known::Absent) && !wanted.referred_pins.contains_key(*need)
            };
            let needs = wanted.needs.iter().filter(is_made).collect();
            proposed.push(Proposed { stage: kind.stage(), wanted, planned_for, steps: assessed.steps, needs });
        }
    }
    for (address, why) in inputs.superseded {
        let served = inputs.wanted.iter().find(|one| one.address == *address).map(|one| &one.declaration.controls);
        findings.push(Finding {
            address: address.clone(),
            severity: Severity::Note,
            code: codes::STALE_PIN.to_owned(),
            detail: why.clone(),
            alerts: repointed::stale(inputs.controls, served.map(Vec::as_slice).unwrap_or_default()),
        });
    }
    for pin in inputs.repointed {
        summary.drifted += 1;
        all_drift.push(Drift { alerts: repointed::alerts(inputs.controls, pin), ..pin.clone() });
    }
    for one in inputs.unexpected {
        match one {
            Unexpected::Below(drift) => {
                summary.drifted += 1;
                all_drift.push((**drift).clone());
            }
            Unexpected::Above(finding) => findings.push(finding.clone()),
        }
    }
    all_drift.sort_by(|one, two| one.address.cmp(&two.address));
    findings.sort();
    findings.dedup();
    let steps = numbered(proposed);
    let gaps = alerting(inputs);
    let mut plan = Plan {
        format: FORMAT,
        tool_version: inputs.tool_version.to_owned(),
        plan_id: String::new(),
        created_at: inputs.now.clone(),
        desired_digest: inputs.desired_digest.to_owned(),
        journal_head: inputs.journal_head.clone(),
        summary,
        drift: all_drift,
        gaps,
        contested: inputs.contested.to_vec(),
        findings,
        diagnostics,
        steps,
    };
    plan.plan_id = id_of(&plan);
    plan
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
        contested,
        findings,
        diagnostics,
        steps,
    } = plan;
    let made_of = (format, tool_version, desired_digest, journal_head);
    let digest = digest::of(&(made_of, (summary, drift, gaps, contested, findings, diagnostics, steps)));
    let hex = digest.strip_prefix("sha256:").unwrap_or(&digest);
    format!("plan-{}", hex.get(..40).unwrap_or(hex))
}

impl Plan {
    /// The plan with the id that its content has.
    pub(crate) fn identified(mut self) -> Self {
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

/// Says what it means that a member refers to something else. Where that protects less than declared, it is told also while what is to
/// be referred to is not there yet.
fn refers_elsewhere(
    drift: &mut Option<Drift>,
    kind: &dyn Kind,
    wanted: &Wanted,
    live: Option<&Sighting>,
    (path, Referring { direction, better }): (&Path, &Referring),
) {
    let direction = *direction;
    let differs = drift.iter_mut().flat_map(|drift| &mut drift.fields).find(|field| field.path == *path);
    match differs {
        Some(field) => field.direction = direction,
        None if direction != Direction::Weakened => return,
        None => drift.get_or_insert_with(|| drift::of(wanted, Change::Changed, direction, Vec::new())).fields.push(
            FieldDrift {
                live: live.and_then(|live| tree::get(&live.tree, path)).cloned().unwrap_or(Value::Null),
                want: Value::String(better.clone().unwrap_or_else(|| "one that is as declared".to_owned())),
                direction,
                declared_at: wanted.declaration.place_of(path, kind.key_of()).map(|place| place.to_string()),
                path: path.clone(),
                kept: false,
            },
        ),
    }
    if let Some(drift) = drift {
        drift.direction = Direction::of_all(drift.fields.iter().map(|field| field.direction));
    }
}

/// What is wanted at the addresses that others refer to.
fn referred_to(wanted: &[Wanted]) -> BTreeMap<&Address, &Wanted> {
    let addresses: BTreeSet<&Address> =
        wanted.iter().flat_map(|one| one.references.values()).map(|reference| &reference.address).collect();
    wanted.iter().map(|one| (&one.address, one)).filter(|(address, _)| addresses.contains(address)).collect()
}

/// The gaps, with who has to know of each. A gap serves the controls of every declaration that it covers.
fn alerting(inputs: &Inputs<'_>) -> Vec<Gap> {
    let mut declared: BTreeMap<(&str, &str, &str), Vec<&Wanted>> = BTreeMap::new();
    if !inputs.inventory.gaps.is_empty() {
        for one in inputs.wanted {
            let Address { account, region, kind, .. } = &one.address;
            declared.entry((account, region, kind)).or_default().push(one);
        }
    }
    let alerts = |gap: &Gap| {
        if let (repointed::KIND, Some(key)) = (gap.kind.as_str(), &gap.name) {
            return repointed::unseen(inputs.controls, inputs.wanted, &gap.scope, key);
        }
        let here = declared.get(&(gap.scope.account.as_str(), gap.scope.region.as_str(), gap.kind.as_str()));
        let covered = here.into_iter().flatten().filter(|one| gap.covers(&one.address));
        let served: BTreeSet<&str> = covered.flat_map(|one| &one.declaration.controls).map(String::as_str).collect();
        let watched = inputs.watch.and_then(|watch| watch.at(&gap.scope, &gap.kind));
        match watched.filter(|_| served.is_empty()) {
            // Only what nobody declared could be there.
            Some(watched) => undeclared::unseen(inputs.controls, &watched.controls, &gap.kind, &gap.fields),
            None => alert::of_unseen(inputs.controls, &served, &gap.kind, &gap.fields),
        }
    };
    let mut gaps = inputs.inventory.gaps.clone();
    for gap in &mut gaps {
        gap.alerts = alerts(gap);
        if let (true, Some(last), Ok(now)) = (gap.passing, inputs.last_read, inputs.now.parse()) {
            last.be_patient(gap, now);
        }
    }
    gaps
}

/// A kind takes what is not known for not declared, and says that nothing can be made without it: it can, once it is known.
fn say_what_is_not_known(wanted: &Wanted, want: &Value, findings: &mut [Finding]) {
    let declared = wanted.spec.as_object().into_iter().flatten().map(|(member, _)| member.as_str());
    let unknown: Vec<&str> = declared.filter(|member| want.get(member).is_none()).collect();
    for finding in findings.iter_mut().filter(|finding| finding.severity == Severity::Refused && !unknown.is_empty()) {
        codes::NOT_ALL_KNOWN.clone_into(&mut finding.code);
        finding.detail = format!("it does not exist, and is not created before {} is known", unknown.join(", "));
    }
}

/// What is wanted without some of its top-level members.
fn without<'a>(want: &'a Value, members: &BTreeSet<String>) -> Cow<'a, Value> {
    if members.is_empty() {
        return Cow::Borrowed(want);
    }
    let mut want = want.clone();
    if let Some(all) = want.as_object_mut() {
        all.retain(|name, _| !members.contains(name));
    }
    Cow::Owned(want)
}

/// What an address waits for.
#[derive(Default)]
struct Waits<'a> {
    /// What it refers to, and what is needed and waits itself without being there.
    others: BTreeSet<&'a Address>,
    /// The top-level members that wait. The others are compared meanwhile.
    members: BTreeSet<String>,
    /// Whether nothing is written meanwhile: what it needs as a whole is not there, or is about to change.
    holds_all: bool,
}

fn waits_of<'a>(inputs: &'a Inputs<'_>, referred_to: &BTreeMap<&Address, &Wanted>, wanted: &'a Wanted) -> Waits<'a> {
    // The members of these are left out of the tree already.
    let mut waits = Waits::default();
    waits.others.extend(inputs.waiting.get(&wanted.address).into_iter().flatten());
    let refers_to = |need: &Address| wanted.references.values().any(|one| one.address == *need);
    for need in &wanted.needs {
        if inputs.waiting.contains_key(need) && matches!(inputs.inventory.of(need), Known::Absent) {
            waits.others.insert(need);
            waits.holds_all |= !refers_to(need);
        }
    }
    for (placeholder, reference) in &wanted.references {
        if is_about_to_change(inputs, referred_to, reference) {
            let can_change = can_change(inputs, referred_to, &reference.address);
            let standing = inputs.standing.contains_key(&(reference.address.clone(), reference.output.clone()));
            // There will be no newer one in this run, and the older one is as declared.
            if standing && !can_change {
                continue;
            }
            waits.others.insert(&reference.address);
            waits.members.append(&mut wanted.members_with(placeholder));
            // The next round of the same run writes all of it in one call. Where there will be none, the rest does not wait.
            waits.holds_all |= can_change;
        }
    }
    waits
}

/// Whether what a reference names is not as declared, so that the value which was read is not the one to refer to. Where the
/// other address is not part of what is planned, the value that was read is taken.
fn is_about_to_change(
    inputs: &Inputs<'_>,
    referred_to: &BTreeMap<&Address, &Wanted>,
    reference: &LiveReference,
) -> bool {
    let LiveReference { address, output, .. } = reference;
    let member = || {
        let kind = inputs.kinds.iter().find(|kind| kind.name() == address.kind)?;
        let member = kind.output_follows(output)?;
        let other = referred_to.get(address)?;
        let (Known::Present(live), Some(Ok(want))) = (inputs.inventory.of(address), inputs.trees.get(address)) else {
            return None;
        };
        let differs = drift::compare(*kind, other, want, Some(live)).differs;
        Some(differs.iter().any(|path| path.head() == Some(member)))
    };
    member().unwrap_or(false)
}

/// Whether what is not as declared will be put back in this run, as far as that is known.
fn can_change(inputs: &Inputs<'_>, referred_to: &BTreeMap<&Address, &Wanted>, address: &Address) -> bool {
    let is_failed = inputs.failed.contains(address);
    if is_failed || inputs.barred.contains_key(address) || inputs.in_vain.contains_key(address) {
        return false;
    }
    let kind = inputs.kinds.iter().find(|kind| kind.name() == address.kind);
    let (Some(kind), Some(wanted), Some(Ok(want))) = (kind, referred_to.get(address), inputs.trees.get(address)) else {
        return true;
    };
    if wanted.is_context {
        return false;
    }
    let Known::Present(live) = inputs.inventory.of(address) else { return true };
    let surroundings = inputs.inventory.surroundings_of(address);
    let may_delete_versions = inputs.may_delete_versions;
    let case = Case { kind: *kind, wanted, want, live: Some(live), surroundings, may_delete_versions, replaced: None };
    !assess(&case).refused
}

/// The steps of one address, before numbering.
struct Proposed<'a> {
    stage: u8,
    wanted: &'a Wanted,
    planned_for: Option<String>,
    steps: Vec<ProposedStep>,
    /// What its steps come after, and are not tried without.
    needs: Vec<&'a Address>,
}

/// When something is done: the stage of its kind, and within a stage after what it needs.
pub type Turn = (u8, usize);

/// The turn of something of `stage` after others that it needs.
fn turn_after(stage: u8, needs: impl Iterator<Item = Turn>) -> Turn {
    needs.map(|(stage, turn)| (stage, turn + 1)).fold((stage, 0), Turn::max)
}

/// The turn of each address that has steps.
fn turns(proposed: &[Proposed<'_>]) -> BTreeMap<Address, Turn> {
    fn visit<'a>(
        one: &'a Proposed<'a>,
        all: &BTreeMap<&'a Address, &'a Proposed<'a>>,
        open: &mut BTreeSet<&'a Address>,
        turns: &mut BTreeMap<Address, Turn>,
    ) -> Turn {
        let address = &one.wanted.address;
        if let Some(turn) = turns.get(address) {
            return *turn;
        }
        // Of addresses that need each other, the one that is met again goes first.
        if !open.insert(address) {
            return (0, 0);
        }
        let needs: Vec<Turn> = one
            .wanted
            .needs
            .iter()
            .filter_map(|need| all.get(need))
            .map(|need| visit(need, all, open, turns))
            .collect();
        let turn = turn_after(one.stage, needs.into_iter());
        turns.insert(address.clone(), turn);
        turn
    }
    let all: BTreeMap<&Address, &Proposed<'_>> = proposed.iter().map(|one| (&one.wanted.address, one)).collect();
    let mut turns = BTreeMap::new();
    for one in proposed {
        visit(one, &all, &mut BTreeSet::new(), &mut turns);
    }
    turns
}

fn numbered(mut proposed: Vec<Proposed<'_>>) -> Vec<Step> {
    let turns = turns(&proposed);
    let turn = |one: &Proposed<'_>| turns.get(&one.wanted.address).copied().unwrap_or((one.stage, 0));
    proposed.sort_by(|one, two| (turn(one), &one.wanted.address).cmp(&(turn(two), &two.wanted.address)));
    let mut steps: Vec<Step> = Vec::new();
    // What has to be verified before all of an address is: its last step, and those before it that it does not need.
    let mut last_of: BTreeMap<Address, Vec<String>> = BTreeMap::new();
    for Proposed { wanted, planned_for, steps: mut proposals, needs: own_needs, .. } in proposed {
        let turn = turns.get(&wanted.address).copied().unwrap_or_default();
        let mut others: Vec<String> =
            own_needs.iter().filter_map(|need| last_of.get(*need)).flatten().cloned().collect();
        if !others.is_empty() {
            proposals.sort_by_key(|proposal| !proposal.alone);
        }
        for proposal in proposals {
            let id = format!("{}", steps.len() + 1);
            let last = last_of.entry(wanted.address.clone()).or_default();
            let own = if proposal.apart { Vec::new() } else { std::mem::take(last) };
            last.push(id.clone());
            // The first that is not safe by itself waits for the others, and what follows waits for it.
            let others = match (proposal.alone, proposal.apart) {
                (true, _) => Vec::new(),
                (false, true) => others.clone(),
                (false, false) => std::mem::take(&mut others),
            };
            let needs = own.into_iter().chain(others).collect();
            steps.push(Step {
                id,
                address: wanted.address.clone(),
                action: proposal.action.to_owned(),
                summary: proposal.summary,
                call: proposal.call,
                needs,
                turn,
                promise: proposal.promise,
                lag: proposal.lag,
                spends: proposal.spends,
                planned_for: planned_for.clone(),
            });
        }
    }
    steps
}
