//! From what is wanted and what was seen to a plan: compare, let each kind propose, find out what waits, tell who has to know.

use std::borrow::Cow;
use std::collections::{BTreeMap, BTreeSet};

use serde_json::Value;

use super::order::{Proposed, numbered};
use super::{FORMAT, Finding, Plan, ProposedStep, Severity, Summary, id_of};
use crate::address::Address;
use crate::alert;
use crate::codes;
use crate::control::Control;
use crate::desired::{LiveReference, Terms, Waiver, Wanted};
use crate::diagnostic::{Diagnostic, Place};
use crate::direction::Direction;
use crate::drift::{self, Change, Drift, FieldDrift};
use crate::flapping::Flapping;
use crate::inventory::{Gap, Inventory, Known, ObservedResource};
use crate::kind::{Kind, KnownVersions, Situation};
use crate::last_read::LastRead;
use crate::repointed;
use crate::tree::{self, Path};
use crate::undeclared::{self, Unexpected, Watch};

/// What a plan is built from.
pub struct Inputs<'a> {
    /// What is wanted, by address.
    pub wanted: &'a [Wanted],
    /// The resolved tree of each wanted address, or what is wrong with it.
    pub trees: &'a BTreeMap<Address, Result<Value, Vec<Diagnostic>>>,
    /// Addresses that refer to what is not there yet: what each of them waits for.
    pub waiting: &'a BTreeMap<Address, BTreeSet<Address>>,
    /// Addresses that are known to be as declared ([`is_as_declared`]): neither their trees nor their resources are given.
    pub as_declared: &'a BTreeSet<&'a Address>,
    /// Outputs that older states of resources give, by address and output: the newest one cannot be referred to.
    pub standing: &'a BTreeMap<(Address, String), String>,
    /// Texts that refer to something else than to what they are to refer to, and what that means.
    pub referring: &'a BTreeMap<(Address, Path), Referring>,
    /// The versions that this tool published another one after ([`Versions::newest`](crate::kind::Versions::newest)).
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
    /// Absent addresses that nobody ever saw ([`crate::first_seen`]).
    pub new: &'a BTreeSet<Address>,
    /// Absent addresses of which nobody can tell whether they were there before, and why.
    pub unheard: &'a BTreeMap<Address, String>,
    /// What was read.
    pub inventory: &'a Inventory,
    /// The kinds.
    pub kinds: &'a [&'a dyn Kind],
    /// The controls, which say who has to know of a drift.
    pub controls: &'a [Control],
    /// Whether versions that nothing is known to refer to may be deleted to make room.
    pub may_delete_versions: bool,
    /// Addresses that nothing is written to, with the code and the reason: another actor undoes it, the caller may not.
    pub blocked: &'a BTreeMap<Address, (&'static str, String)>,
    /// Addresses at which no step is made that uses something up, with the reason: it was in vain lately.
    pub in_vain: &'a BTreeMap<Address, String>,
    /// When everything was read the last time; `None` where that is not known, so that every gap is told at once.
    pub last_read: Option<&'a LastRead>,
    /// What others go on changing back.
    pub flapping: &'a [Flapping],
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
    pub live: Option<&'a ObservedResource>,
    /// What was read beside it.
    pub scope_context: &'a Value,
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
    let Case { kind, wanted, want, live, scope_context, may_delete_versions, replaced } = *case;
    let address = &wanted.address;
    let mut comparison = drift::compare(kind, wanted, want, live);
    if let Some(live) = live {
        let known = KnownVersions { pinned: wanted.pinned_versions.as_deref(), replaced };
        let beside = kind.versions().map(|versions| versions.unknown(live, want, known)).unwrap_or_default();
        drift::add_beside(&mut comparison, wanted, beside);
    }
    let mut findings = Vec::new();
    let mut note = |severity, code: &str, detail: String| {
        let code = code.to_owned();
        findings.push(Finding { address: address.clone(), severity, code, detail, alerts: Vec::new() });
    };
    for (path, reason) in &comparison.unobservable {
        note(Severity::Note, codes::NOT_REPORTED, format!("{path}: {reason}"));
    }
    for field in
        comparison.drift.iter().flat_map(|drift| &drift.fields).filter(|field| field.kept && field.waived.is_none())
    {
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
        region: &address.region,
        may_delete_versions,
        scope_context,
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
    let mut places: BTreeMap<&Place, usize> = BTreeMap::new();
    for wanted in inputs.wanted.iter().filter(|one| !one.is_context) {
        *places.entry(&wanted.declaration.at).or_default() += 1;
    }
    for wanted in inputs.wanted.iter().filter(|one| !one.is_context) {
        let address = &wanted.address;
        let Some(kind) = inputs.kinds.iter().find(|kind| kind.name() == address.kind) else { continue };
        let is_as_declared = inputs.as_declared.contains(address);
        let live = match inputs.inventory.of(address) {
            Known::Unknown(_) if !is_as_declared => {
                summary.gaps += 1;
                continue;
            }
            Known::Present(observed) => Some(observed),
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
        let scope_context = inputs.inventory.scope_context_of(address);
        let may_delete_versions = inputs.may_delete_versions;
        let replaced = inputs.replaced.get(address);
        let case = Case { kind: *kind, wanted, want, live, scope_context, may_delete_versions, replaced };
        let mut assessed = assess(&case);
        let is_unseen = inputs.inventory.is_unseen_in_part(address);
        // A missing resource is not created while some members are unknown, because it would be weaker than declared.
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
        // What a kind says of what is lost with a deleted resource is not so of one that never was.
        if inputs.new.contains(address) && live.is_none() {
            assessed.findings.retain(|one| one.severity != Severity::Note || one.code != codes::IMMUTABLE);
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
        let blocked = inputs.blocked.get(address).filter(|_| !assessed.steps.is_empty() || assessed.refused);
        if let Some((code, reason)) = blocked {
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
            refers_elsewhere(&mut assessed.drift, wanted, live, (member, referring));
        }
        match assessed.drift {
            Some(mut drift) => {
                if drift.change == Change::Missing && inputs.new.contains(address) {
                    // Nothing was taken away.
                    drift.change = Change::New;
                    drift.direction = Direction::Neutral;
                }
                findings.extend(inputs.unheard.get(address).filter(|_| drift.change == Change::Missing).map(|why| {
                    Finding {
                        address: address.clone(),
                        severity: Severity::Note,
                        code: codes::PAST_UNREAD.to_owned(),
                        detail: format!("taken for missing and not for new: {why}"),
                        alerts: Vec::new(),
                    }
                }));
                drift.alerts = alert::of(inputs.controls, &drift);
                findings.extend(expired(inputs, wanted, *kind, &drift));
                drift.context.places = places.get(&wanted.declaration.at).copied().unwrap_or_default();
                if wanted.pin.is_some() && drift.fields.iter().any(|field| kind.contract().leads_elsewhere(&field.path))
                {
                    drift.alerts.extend(repointed::alerts(inputs.controls, &drift));
                    drift.alerts.sort_by(|one, two| one.urgency_and_control().cmp(&two.urgency_and_control()));
                }
                summary.drifted += 1;
                summary.refused += usize::from(assessed.refused || blocked.is_some());
                summary.gaps += usize::from(is_unseen);
                all_drift.push(drift);
            }
            None if is_waiting => {}
            None if is_unseen => summary.gaps += 1,
            None => summary.in_sync += 1,
        }
        if blocked.is_none() && !assessed.steps.is_empty() {
            let planned_for = live.map(|live| live.fingerprint());
            // A resource that exists goes first, but nothing waits for it: an attacker who blocks a small part of it must not block
            // what refers to it. A resource that is created has to exist first, unless it is referred to by a pin.
            let is_made = |need: &&Address| {
                matches!(inputs.inventory.of(need), Known::Absent) && !wanted.referred_pins.contains_key(*need)
            };
            let needs = wanted.needs.iter().filter(is_made).collect();
            proposed.push(Proposed { stage: kind.contract().stage, wanted, planned_for, steps: assessed.steps, needs });
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
        flapping: inputs.flapping.to_vec(),
        findings,
        diagnostics,
        steps,
    };
    plan.plan_id = id_of(&plan);
    plan
}

/// The waivers of an address that are over, and at whose paths it differs: their owners have to know.
fn expired<'a>(
    inputs: &'a Inputs<'_>,
    wanted: &'a Wanted,
    kind: &'a dyn Kind,
    drift: &'a Drift,
) -> impl Iterator<Item = Finding> + 'a {
    let differs = |waiver: &&std::sync::Arc<Waiver>| {
        waiver.is_expired && drift.fields.iter().any(|field| waiver.is_at(kind, &field.path))
    };
    wanted.waivers.iter().filter(differs).map(|waiver| {
        let Terms { owner, ticket, expires, .. } = &waiver.terms;
        Finding {
            address: wanted.address.clone(),
            severity: Severity::Note,
            code: codes::WAIVER_EXPIRED.to_owned(),
            detail: format!(
                "the waiver of {} by {owner} ({ticket}) held until {expires}, so that it is drift again: {owner} has to renew it at {} \
                 or let it be restored",
                waiver.path, waiver.at
            ),
            alerts: alert::tickets(inputs.controls, &wanted.declaration.controls, alert::WAIVER_EXPIRED),
        }
    })
}

/// Says what it means that a member refers to something else. Where that protects less than declared, it is told also while what is to
/// be referred to is not there yet.
fn refers_elsewhere(
    drift: &mut Option<Drift>,
    wanted: &Wanted,
    live: Option<&ObservedResource>,
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
                declared_at: wanted.declaration.place_of(path).map(|place| place.to_string()),
                path: path.clone(),
                kept: false,
                stays: false,
                waived: None,
            },
        ),
    }
    if let Some(drift) = drift {
        drift.direction = drift::of_unwaived(&drift.fields);
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

/// A kind treats an unknown member as undeclared and refuses to create without it. The refusal ends once the member is
/// known.
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

/// Whether the target of a reference is not as declared, so that its live value must not be used. A target outside the plan
/// counts as it was read.
fn is_about_to_change(
    inputs: &Inputs<'_>,
    referred_to: &BTreeMap<&Address, &Wanted>,
    reference: &LiveReference,
) -> bool {
    let LiveReference { address, output, .. } = reference;
    let member = || {
        let kind = inputs.kinds.iter().find(|kind| kind.name() == address.kind)?;
        let member = kind.contract().output_follows(output)?;
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
    if is_failed || inputs.blocked.contains_key(address) || inputs.in_vain.contains_key(address) {
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
    let scope_context = inputs.inventory.scope_context_of(address);
    let may_delete_versions = inputs.may_delete_versions;
    let case = Case { kind: *kind, wanted, want, live: Some(live), scope_context, may_delete_versions, replaced: None };
    !assess(&case).refused
}
