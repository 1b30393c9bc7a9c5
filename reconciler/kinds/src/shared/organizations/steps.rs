//! From the drift of an organization policy to calls (README.md, Writes): content, policy type, attach, detach, tags, in this
//! order.

use std::collections::BTreeMap;

use reconciler_model::codes;
use reconciler_model::inventory::ObservedResource;
use reconciler_model::kind::Situation;
use reconciler_model::plan::{Call, ExpectedState, Proposal, ProposedStep};
use serde::{Deserialize, Serialize};
use serde_json::{Map, Value, json};

use super::PolicyType;
use super::spec::{CONTENT, DESCRIPTION, TAGS, TARGETS};
use super::targets::{ANY, ROOT, is_account};
use crate::shared::normal::OVERRULED;
use crate::shared::operations::operations;
use crate::shared::tags::{self, KEY_AND_VALUE};

operations! {
    /// The write operations of Organizations that restore a policy.
    pub(crate) enum Operation {
        CreatePolicy,
        UpdatePolicy,
        EnablePolicyType,
        AttachPolicy,
        DetachPolicy,
        TagResource,
    }
}

impl Operation {
    /// The member that holds the id of the policy.
    pub(crate) fn id_member(self) -> Option<&'static str> {
        match self {
            Self::CreatePolicy | Self::EnablePolicyType => None,
            Self::UpdatePolicy | Self::AttachPolicy | Self::DetachPolicy => Some("PolicyId"),
            Self::TagResource => Some("ResourceId"),
        }
    }
}

/// The private state that says whether policies of the type can be attached.
pub(crate) const TYPE_STATUS: &str = "policyType";
/// Its value when they can.
pub(crate) const ENABLED: &str = "ENABLED";

/// The scope context of organization policies: the organization itself.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", default)]
pub(crate) struct OrganizationContext {
    /// The id of the root.
    pub(crate) root: String,
    /// The account that no policy of this kind affects.
    pub(crate) management_account: String,
    /// The status of the policy type in the root.
    pub(crate) policy_type: String,
    /// The ids of units by path; `null` where two have the same path.
    pub(crate) units: Map<String, Value>,
    /// Why the units are not known.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) unread: Option<String>,
    /// What targets are pinned to, by path; `*` where a declared one is not.
    #[serde(skip_serializing_if = "Map::is_empty")]
    pub(crate) pinned: Map<String, Value>,
    /// The names of the policies of the type by target, where it may have no room for another one.
    #[serde(skip_serializing_if = "Map::is_empty")]
    pub(crate) crowds: Map<String, Value>,
    /// The texts of the other policies of the type, by the target that the policy is to be taken off.
    #[serde(skip_serializing_if = "Map::is_empty")]
    pub(crate) beside: Map<String, Value>,
}

impl OrganizationContext {
    pub(crate) fn of(situation: &Situation<'_>) -> Self {
        serde_json::from_value(situation.scope_context.clone()).unwrap_or_default()
    }

    /// Whether a path leads to this id today.
    pub(crate) fn is_at(&self, path: &str, id: &Value) -> bool {
        if path == ROOT { *id == self.root } else { self.units.get(path) == Some(id) }
    }

    /// The id of a target; the code and reason when there is none. What is pinned is meant whatever it is called today.
    pub(crate) fn id_of(&self, target: &str) -> Result<String, (&'static str, String)> {
        if is_account(target) {
            return Ok(target.to_owned());
        }
        let pinned = self.pinned.get(target).and_then(Value::as_str).filter(|id| *id != ANY);
        if let Some(id) = pinned {
            let is_there =
                self.unread.is_some() || target == ROOT || self.units.values().any(|unit| unit.is_null() || unit == id);
            return match is_there {
                true => Ok(id.to_owned()),
                false => Err((
                    codes::TARGET_MISSING,
                    format!(
                        "the unit {id}, which {target} is pinned to, is gone; where another one is meant, refresh the pins"
                    ),
                )),
            };
        }
        if target == ROOT {
            return match self.root.is_empty() {
                true => Err((codes::TARGET_MISSING, "the root of the organization was not read".to_owned())),
                false => Ok(self.root.clone()),
            };
        }
        if let Some(why) = &self.unread {
            return Err((codes::NOT_CHECKED, format!("where {target} is could not be found out: failed to {why}")));
        }
        match self.units.get(target) {
            Some(Value::String(id)) => Ok(id.clone()),
            Some(_) => Err((codes::AMBIGUOUS, format!("two units have the path {target}"))),
            None => Err((
                codes::TARGET_MISSING,
                format!("the organization has no unit {target}; for an account write its id, or ${{account.id@NAME}}"),
            )),
        }
    }
}

struct Builder<'a> {
    of: &'a PolicyType,
    situation: &'a Situation<'a>,
    scope_context: OrganizationContext,
    proposal: Proposal,
}

impl Builder<'_> {
    fn step(&mut self, action: &'static str, summary: String, call: Call, expected_state: ExpectedState) {
        let alone = matches!(action, "attach" | "enable-type") && self.is_safe_as_it_is();
        // An obstacle at one target blocks neither the other targets nor the text.
        let apart = match action {
            "attach" => alone && !self.proposal.steps.iter().any(|step| step.action == "enable-type"),
            _ => matches!(action, "update" | "tag"),
        };
        self.proposal.steps.push(ProposedStep {
            action,
            summary,
            call,
            expected_state,
            alone,
            apart,
            ..ProposedStep::default()
        });
    }

    /// A call with the id of the policy, which a former step may have to tell.
    fn call(&self, operation: Operation, request: Value) -> Call {
        let call = Call::new("organizations", operation.name(), request);
        match operation.id_member() {
            Some(member) => call.with_id(member, self.situation.live.map(|live| &live.external_id), "policyId"),
            None => call,
        }
    }

    /// A call about a target, with the name that the declaration has for it.
    fn call_about(&self, operation: Operation, target: String, request: Value) -> Call {
        Call { named: BTreeMap::from([("TargetId".to_owned(), target)]), ..self.call(operation, request) }
    }

    /// Whether the policy may be attached before anything else is done: it is there, and its content is as declared or harms nobody.
    fn is_safe_as_it_is(&self) -> bool {
        let is_as_declared = self.situation.target.get(CONTENT).is_some() && !self.situation.differs_in(CONTENT);
        self.situation.live.is_some_and(|live| {
            is_as_declared || (self.of.attaches_first)(live.tree.get(CONTENT).unwrap_or(&Value::Null))
        })
    }

    /// The declared content as it is written; `None` when it is refused.
    fn text(&mut self) -> Option<String> {
        let content = self.situation.target.get(CONTENT)?;
        let Some(text) = (self.of.text_of)(content) else {
            let detail = "what should be written is no policy".to_owned();
            self.proposal.refusals.push((codes::CONTRADICTION, detail));
            return None;
        };
        let (length, longest) = (text.chars().count(), &self.of.longest);
        if length > longest.at_most {
            let detail = format!("the policy has {length} characters, and at most {} fit", longest.at_most);
            self.proposal.refusals.push((codes::LIMIT, detail));
            return None;
        }
        if length > longest.surely {
            let detail = format!(
                "the policy has {length} characters; organizations that still have the older quota take {}, and would reject it",
                longest.surely
            );
            self.proposal.notes.push((codes::LIMIT, detail));
        }
        Some(text)
    }

    fn create(&mut self) {
        let target = self.situation.target;
        if target.get(CONTENT).is_none_or(Value::is_null) {
            let detail = "the policy does not exist, and cannot be created because content is not declared".to_owned();
            self.proposal.refusals.push((codes::CONTRADICTION, detail));
            return;
        }
        let Some(text) = self.text() else { return };
        let description = target.get(DESCRIPTION).cloned().unwrap_or_else(|| json!(""));
        let mut request = json!({
            "Name": self.situation.name, "Description": description, "Type": self.of.wire, "Content": text,
        });
        let tags = tags::for_request(members(target, "tags").map(|(_, tag)| tag), KEY_AND_VALUE);
        if !tags.is_empty() {
            request["Tags"] = Value::Array(tags);
        }
        let mut expected = target.clone();
        if let Some(members) = expected.as_object_mut() {
            members.remove(TARGETS);
            members.remove(OVERRULED);
        }
        let summary = format!("create policy {}", self.situation.name);
        let call = self.call(Operation::CreatePolicy, request);
        self.step("create", summary, call, ExpectedState { tree: expected, ..ExpectedState::default() });
        self.attach(&Map::new());
    }

    fn restore(&mut self, live: &ObservedResource) {
        let (situation, target) = (self.situation, self.situation.target);
        let status = self.scope_context.policy_type.as_str();
        if !["", ENABLED].contains(&status) && members(&live.tree, TARGETS).next().is_some() {
            let detail = format!("{} is {status} in the root, though the policy is attached", self.of.wire);
            self.proposal.notes.push((codes::POLICY_TYPE_OFF, detail));
        }
        if of_unread_content(self.of, live) && situation.differs_in(TARGETS) {
            let detail =
                "it is attached to nothing while what it says could not be read: it may enforce anything".to_owned();
            self.proposal.refusals.push((codes::NOT_CHECKED, detail));
            return;
        }
        let was_attached = live.tree[TARGETS].as_object().cloned().unwrap_or_default();
        let text = situation.differs_in(CONTENT).then(|| self.text());
        // A step that may fail does not block the attachment, unless the present text would do harm there.
        let may_fail = match &text {
            Some(Some(text)) => was_attached.is_empty() || text.chars().count() > self.of.longest.surely,
            Some(None) => true,
            None => false,
        };
        let is_harmless = (self.of.attaches_first)(live.tree.get(CONTENT).unwrap_or(&Value::Null));
        if text == Some(None) && !is_harmless {
            return;
        }
        let attached_first =
            (may_fail && is_harmless && situation.differs_in(TARGETS)).then(|| self.attach(&was_attached));
        let mut request = json!({});
        let mut expected = json!({});
        if situation.differs_in(DESCRIPTION) {
            request["Description"] = target[DESCRIPTION].clone();
            expected[DESCRIPTION] = target[DESCRIPTION].clone();
        }
        if let Some(text) = text.flatten() {
            request["Content"] = json!(text);
            expected[CONTENT] = target[CONTENT].clone();
        }
        if request != json!({}) {
            let summary = "put the declared content back; what is not mentioned stays".to_owned();
            let call = self.call(Operation::UpdatePolicy, request);
            self.step("update", summary, call, ExpectedState { tree: expected, ..ExpectedState::default() });
        }
        if situation.differs_in(TARGETS) {
            let attached = attached_first.unwrap_or_else(|| self.attach(&was_attached));
            self.detach(live, attached);
        }
        if situation.differs_in(TAGS) {
            let changed: Map<String, Value> = members(target, "tags")
                .filter(|(key, tag)| live.tree[TAGS].get(key.as_str()) != Some(*tag))
                .map(|(key, tag)| (key.clone(), tag.clone()))
                .collect();
            let request = json!({ "Tags": tags::for_request(changed.values(), KEY_AND_VALUE) });
            let call = self.call(Operation::TagResource, request);
            let expected_state = ExpectedState { tree: json!({ "tags": changed }), ..ExpectedState::default() };
            self.step("tag", "put the declared tags back; other tags are left alone".to_owned(), call, expected_state);
        }
        for path in live.unknown_fields.keys() {
            self.proposal.notes.push((codes::EXTRA_CARRIED, format!("{path} is present, and not managed")));
        }
    }

    /// Attaches the policy to what it is not attached to yet. Gives what it is attached to afterwards.
    fn attach(&mut self, attached: &Map<String, Value>) -> Map<String, Value> {
        let missing: Vec<&String> = members(self.situation.target, TARGETS)
            .map(|(target, _)| target)
            .filter(|target| !attached.contains_key(*target))
            .collect();
        let mut found = Vec::new();
        for target in missing {
            match self.scope_context.id_of(target) {
                Ok(id) => found.push((target.clone(), id)),
                Err(refusal) => self.proposal.refusals.push(refusal),
            }
        }
        let mut attached = attached.clone();
        if !found.is_empty() {
            self.enable();
        }
        for (target, id) in found {
            attached.insert(target.clone(), json!(true));
            if let Some(beside) = self.scope_context.crowds.get(&target) {
                let beside: Vec<&str> = beside.as_array().into_iter().flatten().filter_map(Value::as_str).collect();
                let detail = format!(
                    "{target} may have no room for another policy; what is attached there beside those of AWS: {}",
                    beside.join(", ")
                );
                self.proposal.notes.push((codes::CROWDED, detail));
            }
            let request = json!({ "TargetId": id });
            let summary = format!("attach the policy to {target}");
            let expected_state =
                ExpectedState { within: json!({ TARGETS: { &target: true } }), ..ExpectedState::default() };
            let call = self.call_about(Operation::AttachPolicy, target, request);
            self.step("attach", summary, call, expected_state);
        }
        attached
    }

    /// Enables the policy type, unless it is enabled or about to be.
    fn enable(&mut self) {
        let status = self.scope_context.policy_type.clone();
        // Of a root that was not read it is not known: where the type is not enabled, attaching fails.
        if status == ENABLED || status == "PENDING_ENABLE" || self.scope_context.root.is_empty() {
            return;
        }
        let detail = format!(
            "{} is not enabled in the root: nothing of the type is in force. Other policies of the type that were attached \
             have lost their attachments for good, unless they are declared",
            self.of.wire
        );
        self.proposal.notes.push((codes::POLICY_TYPE_OFF, detail));
        let request = json!({ "RootId": self.scope_context.root, "PolicyType": self.of.wire });
        let expected_state = ExpectedState {
            tree: json!({}),
            private_state: [(TYPE_STATUS.to_owned(), json!(ENABLED))].into(),
            ..ExpectedState::default()
        };
        let summary = format!("enable {} in the root of the organization", self.of.wire);
        let call = self.call(Operation::EnablePolicyType, request);
        self.step("enable-type", summary, call, expected_state);
    }

    /// Detaches the policy from what it does not belong to, after it is attached wherever it belongs.
    fn detach(&mut self, live: &ObservedResource, mut attached: Map<String, Value>) {
        let target = self.situation.target;
        let stale: Vec<String> =
            attached.keys().filter(|name| target[TARGETS].get(name.as_str()).is_none()).cloned().collect();
        if !stale.is_empty() && !self.proposal.refusals.is_empty() {
            let detail =
                "the policy is not detached from anything while it cannot be attached wherever it belongs".to_owned();
            self.proposal.refusals.push((codes::TARGET_MISSING, detail));
            return;
        }
        for name in stale {
            if let Some((code, reason)) = self.holds_on(live, &name) {
                self.proposal.refusals.push((code, format!("the policy is not detached from {name}: {reason}")));
                continue;
            }
            let id =
                live.external_id.get(TARGETS).and_then(|ids| ids.get(&name)).cloned().unwrap_or_else(|| json!(name));
            attached.remove(&name);
            let summary = format!("detach the policy from {name}, where it is not declared");
            let call = self.call_about(Operation::DetachPolicy, name, json!({ "TargetId": id }));
            self.step(
                "detach",
                summary,
                call,
                ExpectedState { tree: json!({ TARGETS: attached }), ..ExpectedState::default() },
            );
        }
    }
}

impl Builder<'_> {
    /// Why the policy stays where it is not declared: code and reason.
    fn holds_on(&self, live: &ObservedResource, name: &str) -> Option<(&'static str, String)> {
        let holds_on = self.of.holds_on?;
        let Some(beside) = self.scope_context.beside.get(name).and_then(Value::as_array) else {
            return Some((codes::NOT_CHECKED, "which other policies are attached there could not be read".to_owned()));
        };
        let beside: Vec<String> = beside.iter().filter_map(Value::as_str).map(str::to_owned).collect();
        let reason = holds_on(live.tree.get(CONTENT).unwrap_or(&Value::Null), &beside)?;
        Some((codes::LOCK_OUT, reason))
    }
}

pub(crate) fn propose(of: &PolicyType, situation: &Situation<'_>) -> Proposal {
    let scope_context = OrganizationContext::of(situation);
    let mut builder = Builder { of, situation, scope_context, proposal: Proposal::default() };
    match situation.live {
        None => builder.create(),
        Some(live) => builder.restore(live),
    }
    builder.proposal
}

/// Whether the text of a policy is unknown whose type does harm with another text than the declared one.
fn of_unread_content(of: &PolicyType, live: &ObservedResource) -> bool {
    of.overruled.is_some() && live.unread.contains_key(CONTENT)
}

fn members<'a>(tree: &'a Value, member: &str) -> impl Iterator<Item = (&'a String, &'a Value)> {
    tree.get(member).and_then(Value::as_object).into_iter().flatten()
}
