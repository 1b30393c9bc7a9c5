//! From the drift of a key to calls (README.md, Writes).
//!
//! A key whose deletion is scheduled, or that is disabled, is made usable first: most other calls are refused before that.

use std::collections::BTreeMap;

use jiff::Timestamp;
use reconciler_model::codes;
use reconciler_model::inventory::ObservedResource;
use reconciler_model::kind::Situation;
use reconciler_model::open_enum::on_the_wire;
use reconciler_model::plan::{Call, ExpectedState, Proposal, ProposedStep};
use reconciler_model::policy::Policy;
use serde::{Deserialize, Serialize};
use serde_json::{Map, Value, json};

use super::OWN_TAG;
use super::spec::{CREATE, DELETION, DESCRIPTION, ENABLED, PERIOD, POLICY, ROTATION, TAG_NAMES, TAGS, TARGET, USAGE};
use crate::shared::operations::operations;
use crate::shared::tags;

operations! {
    /// The write operations of KMS that restore a key.
    pub(super) enum Operation {
        CreateKey,
        CreateAlias,
        UpdateAlias,
        CancelKeyDeletion,
        EnableKey,
        DisableKey,
        PutKeyPolicy,
        EnableKeyRotation,
        DisableKeyRotation,
        UpdateKeyDescription,
        TagResource,
    }
}

/// What the resource client knows beyond the normal form.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct PrivateState {
    /// The state of the key, as KMS calls it.
    #[serde(default)]
    pub(super) key_state: String,
    /// `AWS` or `CUSTOMER`.
    #[serde(default)]
    pub(super) key_manager: String,
    /// Whether KMS can rotate keys of this kind.
    #[serde(default)]
    pub(super) rotates: bool,
    /// Whether the declared alias names the key; not so between CreateKey and CreateAlias.
    #[serde(default)]
    pub(super) has_alias: bool,
}

/// What was seen of the key that the alias is to lead to, where it leads elsewhere or nowhere.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct Astray {
    /// Whether KMS has no such key.
    pub(super) is_gone: bool,
    /// The state of the key, as KMS calls it.
    #[serde(default)]
    pub(super) key_state: String,
    /// When it is deleted, in seconds since 1970.
    #[serde(default)]
    pub(super) deletion_date: Value,
}

/// Collects the steps of one key.
struct Steps<'a> {
    situation: &'a Situation<'a>,
    proposal: Proposal,
    /// The id of the key, which every request names; `None` when a former step creates the key.
    key: Option<Value>,
}

impl Steps<'_> {
    fn push(
        &mut self,
        action: &'static str,
        summary: &str,
        operation: Operation,
        request: Value,
        expected_state: ExpectedState,
    ) {
        let mut request = request;
        if let (Some(key), Some(members)) = (&self.key, request.as_object_mut())
            && !matches!(operation, Operation::CreateKey | Operation::CreateAlias | Operation::UpdateAlias)
        {
            members.entry("KeyId").or_insert_with(|| key.clone());
        }
        let alone = match operation {
            Operation::CancelKeyDeletion | Operation::EnableKey | Operation::UpdateAlias => true,
            Operation::CreateAlias => request.get("TargetKeyId").is_some(),
            _ => false,
        };
        // What a former step creates.
        let id = match operation {
            Operation::CreateKey => None,
            Operation::CreateAlias | Operation::UpdateAlias => Some("TargetKeyId"),
            _ => Some("KeyId"),
        };
        let id = id.filter(|member| request.get(member).is_none());
        let call = Call::new("kms", operation.name(), request);
        let call = match id {
            Some(member) => call.with_id(member, None, "keyId"),
            None => call,
        };
        self.proposal.steps.push(ProposedStep {
            action,
            summary: summary.to_owned(),
            call,
            expected_state,
            alone,
            ..ProposedStep::default()
        });
    }

    fn want(&self, member: &str) -> Value {
        self.situation.target.get(member).cloned().unwrap_or(Value::Null)
    }

    fn refuse(&mut self, code: &'static str, detail: &str) {
        self.proposal.refusals.push((code, detail.to_owned()));
    }

    fn rotation(&mut self) {
        let days = self.want(PERIOD);
        let off = self.want(ROTATION) == json!(false);
        if off {
            let expected_state = expected(json!({"keyRotationEnabled": false}));
            self.push("update", "stop the rotation", Operation::DisableKeyRotation, json!({}), expected_state);
            return;
        }
        let mut request = json!({});
        let mut expected_state = json!({"keyRotationEnabled": true});
        if !days.is_null() {
            request["RotationPeriodInDays"] = days.clone();
            expected_state["rotationPeriodInDays"] = days;
        }
        self.push("update", "rotate the key", Operation::EnableKeyRotation, request, expected(expected_state));
    }
}

fn expected(tree: Value) -> ExpectedState {
    ExpectedState { tree, ..ExpectedState::default() }
}

/// The document as PutKeyPolicy and CreateKey take it; `None` when it is no policy.
fn text_of(document: &Value) -> Option<String> {
    Policy::from_value(document).ok().map(|policy| policy.to_minified_json())
}

const NO_POLICY: &str = "what should be written is no policy";

fn elements<'a>(tree: &'a Value, member: &str) -> impl Iterator<Item = (&'a String, &'a Value)> {
    tree.get(member).and_then(Value::as_object).into_iter().flatten()
}

pub(super) fn propose(situation: &Situation<'_>) -> Proposal {
    let key = situation.live.map(|live| live.external_id.get("keyId").cloned().unwrap_or(Value::Null));
    let mut steps = Steps { situation, proposal: Proposal::default(), key };
    match situation.live {
        None => create(&mut steps),
        Some(live) => restore(&mut steps, live),
    }
    steps.proposal
}

/// The expected state of the alias: it names the key.
fn alias_expected_state(target: Option<&Value>) -> ExpectedState {
    let tree = target.map_or(Value::Null, |target| json!({"targetKeyId": target}));
    ExpectedState {
        tree,
        private_state: BTreeMap::from([("hasAlias".to_owned(), json!(true))]),
        ..ExpectedState::default()
    }
}

fn create(steps: &mut Steps<'_>) {
    let name = steps.situation.name;
    let target = steps.situation.target;
    let declared = steps.want(TARGET);
    if !declared.is_null() {
        if !save(steps, &declared) {
            return;
        }
        let request = json!({"AliasName": name, "TargetKeyId": declared});
        let expected_state = alias_expected_state(Some(&declared));
        return steps.push(
            "create",
            &format!("create {name} for its key"),
            Operation::CreateAlias,
            request,
            expected_state,
        );
    }
    if target.get(CREATE) != Some(&json!(true)) {
        return steps.refuse(
            codes::NOT_CREATED,
            "the alias does not exist. If only the alias was deleted, its key is still there: create the alias again, or declare \
             `targetKeyId`. If the key is gone, what was encrypted under it is lost; to have a new key, declare \
             `createWhenMissing: true`",
        );
    }
    let mut request = Map::new();
    for (member, wire) in [("description", "Description"), ("multiRegion", "MultiRegion"), ("keySpec", "KeySpec")] {
        request.extend(target.get(member).filter(|value| !value.is_null()).map(|value| (wire.into(), value.clone())));
    }
    if let Some(usage) = target.get(USAGE).and_then(Value::as_str) {
        request.insert("KeyUsage".into(), on_the_wire(usage).into());
    }
    if let Some(policy) = target.get(POLICY).filter(|policy| policy.is_object()) {
        match text_of(policy) {
            Some(text) => drop(request.insert("Policy".into(), text.into())),
            None => return steps.refuse(codes::CONTRADICTION, NO_POLICY),
        }
    }
    let mut tags = tags::for_request(elements(target, "tags").map(|(_, tag)| tag), TAG_NAMES);
    tags.push(json!({"TagKey": OWN_TAG, "TagValue": name}));
    request.insert("Tags".into(), tags.into());
    let summary = format!("create a key for {name}; a key that was created for it before is taken instead");
    steps.push("create", &summary, Operation::CreateKey, Value::Object(request), ExpectedState::default());
    let request = json!({"AliasName": name});
    steps.push("create", &format!("create {name}"), Operation::CreateAlias, request, alias_expected_state(None));
    if steps.want(ROTATION) == json!(true) || !steps.want(PERIOD).is_null() {
        steps.rotation();
    }
    if steps.want(ENABLED) == json!(false) {
        let expected_state = expected(json!({"enabled": false}));
        steps.push("update", "disable the key", Operation::DisableKey, json!({}), expected_state);
    }
    let note = "the alias does not exist; what was encrypted under a lost key cannot be read with a new one";
    steps.proposal.notes.push((codes::NOT_CREATED, note.into()));
}

fn restore(steps: &mut Steps<'_>, live: &ObservedResource) {
    let private_state: PrivateState = serde_json::from_value(live.private_state.clone()).unwrap_or_default();
    let situation = steps.situation;
    note_what_should_be_known(steps, live, &private_state);
    if situation.differs.is_empty() {
        return;
    }
    if private_state.key_manager == "AWS" {
        return steps.refuse(codes::NOT_CUSTOMER_MANAGED, "the alias names a key that AWS manages");
    }
    if situation.differs_in(TARGET) {
        let (is, should) = (&live.tree[TARGET], steps.want(TARGET));
        if should.is_null() {
            return steps.refuse(codes::CONTRADICTION, "an alias always names a key");
        }
        if !save(steps, &should) {
            return;
        }
        let summary = format!("point the alias from {is} back to {should}; what else differs there is compared then");
        let request = json!({"AliasName": situation.name, "TargetKeyId": should});
        let expected_state = alias_expected_state(Some(&should));
        return steps.push("update", &summary, Operation::UpdateAlias, request, expected_state);
    }
    let usable = make_usable(steps, live);
    if situation.differs_in(POLICY) {
        match text_of(&situation.target[POLICY]) {
            Some(text) => {
                let request = json!({"PolicyName": "default", "Policy": text});
                let expected_state = expected(json!({"policy": situation.target[POLICY]}));
                let summary = "put the declared policy back; it replaces the key's";
                steps.push("update", summary, Operation::PutKeyPolicy, request, expected_state);
            }
            None => steps.refuse(codes::CONTRADICTION, NO_POLICY),
        }
    }
    if situation.differs_in(ROTATION) || situation.differs_in(PERIOD) {
        match (private_state.rotates, usable) {
            (false, _) => steps.refuse(codes::IMMUTABLE, "KMS does not rotate keys of this kind"),
            (true, false) => steps.refuse(codes::CONTRADICTION, "KMS changes the rotation of enabled keys only"),
            (true, true) => steps.rotation(),
        }
    }
    if situation.differs_in(DESCRIPTION) {
        let text = steps.want(DESCRIPTION);
        let request = json!({"Description": if text.is_null() { json!("") } else { text.clone() }});
        let expected_state = expected(json!({"description": text}));
        steps.push("update", "put the description back", Operation::UpdateKeyDescription, request, expected_state);
    }
    if situation.differs_in(TAGS) {
        let differs = |(key, tag): &(&String, &Value)| live.tree[TAGS].get(key.as_str()) != Some(*tag);
        let changed: BTreeMap<&String, &Value> = elements(situation.target, "tags").filter(differs).collect();
        let request = json!({"Tags": tags::for_request(changed.values().copied(), TAG_NAMES)});
        let expected_state = expected(json!({"tags": changed}));
        steps.push(
            "tag",
            "put the declared tags back; other tags are left alone",
            Operation::TagResource,
            request,
            expected_state,
        );
    }
    for member in ["multiRegion", "keySpec", "keyUsage"] {
        if situation.differs_in(member) {
            let detail = format!("{member} cannot be changed; what is encrypted under the key needs this key");
            steps.refuse(codes::IMMUTABLE, &detail);
        }
    }
}

/// Cancels the deletion of the key that the alias should lead to, because KMS points no alias to a key before that. Gives
/// whether there is such a key.
fn save(steps: &mut Steps<'_>, key: &Value) -> bool {
    let name = key.as_str().unwrap_or("");
    // Where it could not be looked at, the alias is tried to be put back all the same.
    let Ok(Astray { is_gone, key_state, deletion_date }) = Astray::deserialize(steps.situation.scope_context) else {
        return true;
    };
    if is_gone {
        let alias = steps.situation.name;
        let detail = format!(
            "KMS no longer has key {name}, which {alias} has to lead to, and what was encrypted under it is lost. Decide what the \
             alias shall lead to, point it there and run `pin`; or remove the line of kms:{alias} from the file of pins"
        );
        steps.refuse(codes::PINNED_GONE, &detail);
        return false;
    }
    let waits = key_state.starts_with("Pending") && key_state.ends_with("Deletion");
    if waits {
        let detail = format!("key {name}, which the alias has to lead to, {}", goes_at(&deletion_date));
        steps.proposal.notes.push((codes::KEY_PENDING_DELETION, detail));
        let summary = format!("cancel the deletion of key {name}, which the alias has to lead to");
        let expected_state = expected(json!({ DELETION: null }));
        steps.push("restore", &summary, Operation::CancelKeyDeletion, json!({ "KeyId": key }), expected_state);
    }
    // CancelKeyDeletion leaves the key disabled.
    let wanted = steps.want(ENABLED);
    if (waits && wanted != json!(false)) || (key_state == "Disabled" && wanted == json!(true)) {
        let summary = format!("enable key {name}");
        let expected_state = expected(json!({"enabled": true}));
        steps.push("restore", &summary, Operation::EnableKey, json!({ "KeyId": key }), expected_state);
    }
    true
}

/// When a key is lost that waits for its deletion. KMS answers seconds since 1970.
fn goes_at(date: &Value) -> String {
    let time = date.as_f64().and_then(|seconds| Timestamp::from_second(seconds as i64).ok());
    let when = time.map_or_else(|| "a time that is not known".to_owned(), |time| time.to_string());
    format!("is deleted at {when} unless that is cancelled")
}

/// Cancels a deletion, enables or disables. Gives whether the key is enabled then.
fn make_usable(steps: &mut Steps<'_>, live: &ObservedResource) -> bool {
    let was = live.tree[ENABLED] == json!(true);
    let (cancels, wants_off) = (steps.situation.differs_in(DELETION), steps.want(ENABLED) == json!(false));
    if cancels {
        let expected_state = expected(json!({ DELETION: null }));
        steps.push(
            "restore",
            "cancel the deletion of the key",
            Operation::CancelKeyDeletion,
            json!({}),
            expected_state,
        );
    }
    // CancelKeyDeletion leaves the key disabled.
    if !wants_off && (cancels || steps.situation.differs_in(ENABLED)) {
        let expected_state = expected(json!({"enabled": true}));
        steps.push("restore", "enable the key", Operation::EnableKey, json!({}), expected_state);
        return true;
    }
    if wants_off && (was || steps.situation.differs_in(ENABLED)) {
        let expected_state = expected(json!({"enabled": false}));
        steps.push("update", "disable the key", Operation::DisableKey, json!({}), expected_state);
        return false;
    }
    was
}

fn note_what_should_be_known(steps: &mut Steps<'_>, live: &ObservedResource, private_state: &PrivateState) {
    let notes = &mut steps.proposal.notes;
    if private_state.key_state.starts_with("PendingDeletion") {
        notes.push((codes::KEY_PENDING_DELETION, format!("the key {}", goes_at(&live.tree[DELETION]))));
    }
    let policy = Policy::from_value(&live.tree[POLICY]);
    for dangling in policy.iter().flat_map(Policy::dangling_principals) {
        let detail = format!("policy.Statement.{}: {} is gone", dangling.statement, dangling.principal);
        notes.push((codes::DANGLING, detail));
    }
    let unknown_fields = live.unknown_fields.keys();
    notes.extend(unknown_fields.map(|path| (codes::EXTRA_CARRIED, format!("{path} is present, and not managed"))));
}
