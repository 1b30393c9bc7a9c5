//! From the drift of a guardrail to calls: update, publish, make room for versions, tag (README.md, Versions).

use std::borrow::Cow;
use std::collections::BTreeMap;

use reconciler_model::codes;
use reconciler_model::direction::Direction;
use reconciler_model::inventory::ObservedResource;
use reconciler_model::kind::{Kind, Situation};
use reconciler_model::plan::{Call, ExpectedState, Lag, Proposal, ProposedStep};
use reconciler_model::tree::{self, Path};
use serde::{Deserialize, Serialize};
use serde_json::{Value, json};

use super::Guardrail;
use super::older::Older;
use super::request;
use super::spec::{PUBLISHED, READY, STATUS, TAGS, as_published, body_of, published_of};
use super::validation::MOST_VERSIONS;
use crate::shared::guardrails::NAME;
use crate::shared::normal::{IGNORED, is_ignored, laid_over};

/// Free versions below which the next restores are at risk, so that people are told while there is time.
const FEW_FREE_VERSIONS: usize = 2;

/// What the resource client knows about versions, beyond the normal form.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
pub(super) struct PrivateState {
    /// The numbers of the published versions, ascending.
    pub(super) versions: Vec<u32>,
    /// The service gave the DRAFT up; why.
    pub(super) failed: Option<Vec<String>>,
    /// The id of another guardrail that has the name of the address, where this one was renamed.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(super) taken_by: Option<String>,
}

/// What is known beside the state. It makes no step stale. A member that an answer leaves out has its default.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
#[serde(default)]
pub(super) struct Beside {
    /// Members that the answer does not have, and that the normal form has a default for.
    pub(super) unsaid: Vec<Path>,
    /// The versions beside the newest one, where they were read.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub(super) older: Vec<Older>,
}

impl Beside {
    pub(super) fn of(live: &ObservedResource) -> Self {
        Self::deserialize(&live.beside).unwrap_or_default()
    }

    /// The older versions alone, which most guardrails do not have.
    pub(super) fn older_of(live: &ObservedResource) -> Vec<Older> {
        let older = live.beside.get("older").filter(|older| older.as_array().is_some_and(|all| !all.is_empty()));
        older.and_then(|older| Vec::deserialize(older).ok()).unwrap_or_default()
    }
}

/// The versions that must be kept, read only at the limit, and the guardrail that has the name of a missing one.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct Needed {
    /// Numbers that the account's enforced guardrail configuration names.
    pub(super) enforced: Vec<u32>,
    /// Numbers of versions that have what is declared: policies elsewhere may name them.
    pub(super) as_declared: Vec<u32>,
    /// Why it is not known.
    pub(super) unsure: Option<String>,
    /// The id of another guardrail that has the name, which the service gives once.
    #[serde(default)]
    pub(super) taken_by: Option<String>,
}

pub(super) fn propose(situation: &Situation<'_>) -> Proposal {
    match situation.live {
        None => create(situation),
        Some(live) => restore(situation, live),
    }
}

fn step(action: &'static str, summary: String, call: Call, expected_state: ExpectedState) -> ProposedStep {
    ProposedStep { action, summary, call, expected_state, ..ProposedStep::default() }
}

/// A call on the guardrail, whose id is that of the answer where a former step creates it.
fn call(situation: &Situation<'_>, operation: &str, request: Value) -> Call {
    let external_id = situation.live.map(|live| &live.external_id);
    Call::new("bedrock", operation, request).with_id("guardrailIdentifier", external_id, "guardrailId")
}

fn tags_for_request(tags: Option<&Value>) -> Value {
    Value::Array(tags.and_then(Value::as_object).into_iter().flat_map(|tags| tags.values().cloned()).collect())
}

fn create(situation: &Situation<'_>) -> Proposal {
    let mut proposal = Proposal::default();
    let content = body_of(situation.target);
    for required in ["blockedInputMessaging", "blockedOutputsMessaging"] {
        if tree::get(&content, &Path::of([required])).is_none() {
            let detail =
                format!("the guardrail does not exist, and cannot be created because {required} is not declared");
            proposal.refusals.push((codes::CONTRADICTION, detail));
        }
    }
    if let Some(other) = Needed::deserialize(situation.scope_context).unwrap_or_default().taken_by {
        let detail = format!(
            "the guardrail is gone, and cannot be made again: guardrail {other}, which this tool did not make, is called {} now. \
             Rename or delete {other}; or run `pin`, and review it, to hold that one to the declaration",
            situation.name
        );
        proposal.refusals.push((codes::NAME_TAKEN, detail));
    }
    if !proposal.refusals.is_empty() {
        return proposal;
    }
    let mut body = request::body(situation.name, &content);
    let tags = tags_for_request(situation.target.get(TAGS));
    if tags.as_array().is_some_and(|tags| !tags.is_empty()) {
        body["tags"] = tags;
    }
    let mut expected = situation.target.clone();
    if let Some(members) = expected.as_object_mut() {
        members.remove(PUBLISHED);
        members.remove(IGNORED);
    }
    proposal.steps.push(step(
        "create",
        format!("create guardrail {}", situation.name),
        Call::new("bedrock", "CreateGuardrail", body).with_token("clientRequestToken"),
        ExpectedState { tree: expected, ..ExpectedState::default() },
    ));
    if let Some(published) = situation.target.get(PUBLISHED) {
        proposal.steps.push(publish(situation, published.clone()));
    }
    let detail = "a created guardrail has a new id: agents, policies and callers that name the old id must be moved";
    proposal.notes.push((codes::OTHER_VERSIONS, detail.into()));
    proposal
}

fn publish(situation: &Situation<'_>, expected: Value) -> ProposedStep {
    let request = json!({ "description": "Restored from the desired state by bedrock-reconciler" });
    let step = step(
        "publish",
        "publish the restored content as a new version".into(),
        call(situation, "CreateGuardrailVersion", request).with_token("clientRequestToken"),
        ExpectedState { tree: json!({ PUBLISHED: expected }), ..ExpectedState::default() },
    );
    ProposedStep { spends: true, ..step }
}

fn restore(situation: &Situation<'_>, live: &ObservedResource) -> Proposal {
    let mut proposal = Proposal::default();
    let private_state: PrivateState = serde_json::from_value(live.private_state.clone()).unwrap_or_default();
    let publishes = situation.differs_in(PUBLISHED);
    // Most guardrails are as declared, and need no copy of their content.
    let content = match situation.differs.is_empty() && lacks_no_tier(&live.tree) {
        true => Cow::Borrowed(&live.tree),
        false => Cow::Owned(content_to_reach(situation, live, publishes)),
    };
    let is_same = matches!(content, Cow::Borrowed(_));
    // The service gives a name once: the content is not to wait until another guardrail gives it back.
    let taken_by = private_state.taken_by.as_ref().filter(|_| situation.differs_in(NAME));
    let renamed = situation.differs_in(NAME) && taken_by.is_none();
    let today = live.tree.get(NAME).and_then(Value::as_str).filter(|_| taken_by.is_some()).unwrap_or(situation.name);
    // A DRAFT with the status FAILED is written again, even if its content is the declared one.
    let draft_differs = renamed
        || situation.differs_in(STATUS)
        || (!is_same && !tree::differences(&body_of(&live.tree), &content, &[]).is_empty());
    let unknown_fields = carried(live, situation.target, &content, draft_differs, &mut proposal);
    if draft_differs && proposal.refusals.is_empty() {
        let body = with_extras(today, &verbatim(&content, situation.target, &Beside::of(live)), &unknown_fields);
        let mut expected = Value::clone(&content);
        // An unknown word is left out of the expected state. It hides only itself.
        if live.tree.get(STATUS).is_some() {
            expected[STATUS] = json!(READY);
        }
        if renamed {
            expected[NAME] = json!(situation.name);
        }
        proposal.steps.push(step(
            "update",
            "put the declared content back; the call replaces the DRAFT whole, the rest is carried over".into(),
            call(situation, "UpdateGuardrail", body),
            ExpectedState { tree: expected, unknown_fields, ..ExpectedState::default() },
        ));
    }
    if publishes && proposal.refusals.is_empty() && make_room(situation, &private_state, &mut proposal) {
        let lag = private_state.versions.last().map(|_| Lag::OlderVersions);
        proposal.steps.push(ProposedStep { lag, ..publish(situation, as_published(&content)) });
    }
    if situation.differs_in(TAGS) {
        let changed: BTreeMap<&String, &Value> = situation
            .target
            .get("tags")
            .and_then(Value::as_object)
            .into_iter()
            .flatten()
            .filter(|(key, tag)| live.tree.pointer("/tags").and_then(|tags| tags.get(key.as_str())) != Some(tag))
            .collect();
        let tags: Vec<&Value> = changed.values().copied().collect();
        proposal.steps.push(step(
            "tag",
            "put the declared tags back; other tags are left alone".into(),
            Call::new("bedrock", "TagResource", json!({ "tags": tags })).with_id(
                "resourceARN",
                Some(&live.external_id),
                "guardrailArn",
            ),
            ExpectedState { tree: json!({ "tags": changed }), ..ExpectedState::default() },
        ));
    }
    if !publishes && !private_state.versions.is_empty() && situation.target.get(PUBLISHED).is_none() {
        say_what_is_not_effective(situation, live, &content, &mut proposal);
    }
    say_what_should_be_known(situation, &private_state, publishes, &mut proposal);
    if let Some(other) = taken_by {
        let detail = format!(
            "the guardrail is called {today}, and cannot be named back: guardrail {other} is called {} now. Rename or delete {other}; \
             the content is held meanwhile",
            situation.name
        );
        proposal.refusals.push((codes::NAME_TAKEN, detail));
    }
    proposal
}

/// What the DRAFT has to hold: what is declared, what is not mentioned, and what is kept.
fn content_to_reach(situation: &Situation<'_>, live: &ObservedResource, publishes: bool) -> Value {
    let mut content = body_of(&laid_over(Some(&live.tree), &body_of(situation.target)));
    if publishes {
        keep_what_is_stronger_in_the_version(situation.target, &mut content);
    }
    name_the_tiers(&mut content);
    content
}

/// The new version replaces the newest one, so the stronger values of that one have to be in the DRAFT too.
fn keep_what_is_stronger_in_the_version(target: &Value, content: &mut Value) {
    let version = target.get(PUBLISHED).unwrap_or(&Value::Null);
    let draft = tree::restricted(target, version);
    for one in tree::differences(version, &draft, &[]) {
        if Guardrail.direction(&one.path, one.left.as_ref(), one.right.as_ref()) == Direction::Strengthened {
            tree::set(content, &one.path, one.left);
        }
    }
}

/// A declaration with `publish: false` restores the DRAFT alone; says so where callers of the newest version get less.
fn say_what_is_not_effective(
    situation: &Situation<'_>,
    live: &ObservedResource,
    content: &Value,
    proposal: &mut Proposal,
) {
    let version = live.tree.get(PUBLISHED).unwrap_or(&Value::Null);
    let declared = published_of(situation.target);
    let differs = tree::differences(&tree::restricted(version, &declared), &tree::restricted(content, &declared), &[]);
    if !differs.is_empty() {
        let detail = "the newest version is not as declared, and `publish: false` forbids to publish another one: restoring the \
                      DRAFT is not effective for callers that are pinned to a version";
        proposal.notes.push((codes::OTHER_VERSIONS, detail.into()));
        for step in &mut proposal.steps {
            step.lag = Some(Lag::NothingPublished);
        }
    }
}

/// The unknown members that the write has to carry; refuses the write when one of them cannot be.
fn carried(
    live: &ObservedResource,
    target: &Value,
    content: &Value,
    writes: bool,
    proposal: &mut Proposal,
) -> BTreeMap<String, Value> {
    let mut kept = BTreeMap::new();
    for (text, value) in &live.unknown_fields {
        let Ok(path) = text.parse::<Path>();
        if is_ignored(target, &path) {
            continue;
        }
        let element = Path::of(path.segments().iter().take(3).cloned());
        if request::can_carry(&path) {
            // An element that the restore removes takes its unknown members with it.
            if tree::get(content, &element).is_some() {
                proposal.notes.push((codes::EXTRA_CARRIED, format!("{path} is kept as it is")));
                kept.insert(text.clone(), value.clone());
            }
        } else if writes {
            let detail = format!(
                "UpdateGuardrail replaces the whole guardrail, and this build does not know how to send {path}"
            );
            proposal.refusals.push((codes::EXTRA_REFUSED, detail));
        } else {
            proposal.notes.push((codes::EXTRA_CARRIED, format!("{path} is present, and not managed")));
        }
    }
    kept
}

/// The policies that have tiers.
const TIERED: [&str; 3] = ["contentPolicy", "topicPolicy", "contextualGroundingPolicy"];

fn lacks_its_tier(content: &Value, section: &str) -> bool {
    content.get(section).is_some_and(|policy| policy.is_object() && policy.get("tier").is_none_or(Value::is_null))
}

fn lacks_no_tier(content: &Value) -> bool {
    !TIERED.iter().any(|section| lacks_its_tier(content, section))
}

/// A policy that is kept without its tier has the usual one: the service has none without.
fn name_the_tiers(content: &mut Value) {
    for section in TIERED {
        if lacks_its_tier(content, section) {
            tree::set(content, &Path::of([section, "tier"]), Some(json!({"tierName": "CLASSIC"})));
        }
    }
}

/// Members that the declaration does not mention are sent as they were answered, without our defaults.
fn verbatim(content: &Value, target: &Value, beside: &Beside) -> Value {
    let mut content = content.clone();
    let unmentioned = |path: &&Path| path.head().is_some_and(|head| target.get(head).is_none());
    for path in beside.unsaid.iter().filter(unmentioned) {
        tree::set(&mut content, path, None);
    }
    content
}

/// Puts the carried members into the content before it becomes a body: the elements of lists have the same names in both.
fn with_extras(name: &str, content: &Value, unknown_fields: &BTreeMap<String, Value>) -> Value {
    let mut content = content.clone();
    for (text, value) in unknown_fields {
        let Ok(path) = text.parse::<Path>();
        tree::set(&mut content, &path, Some(value.clone()));
    }
    request::body(name, &content)
}

/// Makes room for one more version, or says why there is none. Nothing is deleted unless the limit is reached.
fn make_room(situation: &Situation<'_>, private_state: &PrivateState, proposal: &mut Proposal) -> bool {
    if private_state.versions.len() < MOST_VERSIONS {
        return true;
    }
    let needed = Needed::deserialize(situation.scope_context)
        .unwrap_or_else(|_| Needed { unsure: Some("they were not read".to_owned()), ..Needed::default() });
    if let Some(why) = needed.unsure {
        let detail = format!(
            "{MOST_VERSIONS} of {MOST_VERSIONS} versions exist, and which of them are needed is not known, so none is deleted: {why}"
        );
        proposal.refusals.push((codes::VERSIONS_FULL, detail));
        return false;
    }
    // The newest first: a flood of weak versions comes after the good one that others name.
    let free = |version: &u32| !needed.enforced.contains(version) && !needed.as_declared.contains(version);
    let Some(version) = private_state.versions.iter().rev().copied().find(free) else {
        let detail = format!(
            "all {MOST_VERSIONS} versions are enforced or as declared, so none is deleted and the restored content cannot be published"
        );
        proposal.refusals.push((codes::VERSIONS_FULL, detail));
        return false;
    };
    if !situation.may_delete_versions {
        let detail = format!(
            "{MOST_VERSIONS} of {MOST_VERSIONS} versions exist, so the restored content cannot be published; version {version} is \
             the newest that is not as declared and not enforced, and deleting it has to be allowed"
        );
        proposal.refusals.push((codes::VERSIONS_FULL, detail));
        return false;
    }
    let left: Vec<u32> = private_state.versions.iter().copied().filter(|one| *one != version).collect();
    let version = version.to_string();
    let delete = step(
        "delete-version",
        format!(
            "delete version {version}, which is not as declared and not enforced, to make room for the restored one"
        ),
        call(situation, "DeleteGuardrail", json!({ "guardrailVersion": version })),
        ExpectedState {
            tree: json!({}),
            private_state: BTreeMap::from([("versions".into(), json!(left))]),
            ..ExpectedState::default()
        },
    );
    proposal.steps.push(ProposedStep { spends: true, ..delete });
    true
}

fn say_what_should_be_known(
    situation: &Situation<'_>,
    private_state: &PrivateState,
    publishes: bool,
    proposal: &mut Proposal,
) {
    if let (true, Some(newest)) = (publishes, private_state.versions.last()) {
        let detail = format!(
            "restoring the DRAFT is not effective for callers that are pinned to version {newest} or older: move them to the new \
             version"
        );
        proposal.notes.push((codes::OTHER_VERSIONS, detail));
    }
    let free = MOST_VERSIONS.saturating_sub(private_state.versions.len());
    if free <= FEW_FREE_VERSIONS && !publishes && situation.target.get(PUBLISHED).is_some() {
        let detail = format!(
            "{} of {MOST_VERSIONS} versions are used, so only {free} restores can be published",
            private_state.versions.len()
        );
        proposal.notes.push((codes::VERSIONS_FULL, detail));
    }
    if let Some(reasons) = &private_state.failed {
        let why = if reasons.is_empty() { "it gives no reason".to_owned() } else { reasons.join("; ") };
        proposal.notes.push((codes::AWS_ERROR, format!("the service reports the guardrail as FAILED: {why}")));
    }
}
