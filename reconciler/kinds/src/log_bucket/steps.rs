//! From the drift of a bucket to calls (README.md, Sub-resources): one for each sub-resource, which it replaces.

use std::collections::BTreeMap;

use reconciler_model::codes;
use reconciler_model::inventory::ObservedResource;
use reconciler_model::kind::Situation;
use reconciler_model::open_enum::on_the_wire;
use reconciler_model::plan::{Call, ExpectedState, Proposal, ProposedStep};
use reconciler_model::policy::Policy;
use reconciler_model::tree::{self, Path};
use serde::{Deserialize, Serialize};
use serde_json::{Map, Value, json};

use super::services;
use super::spec::{
    self, ACCESS, APART, BUCKET_KEY, CONTRACT, CREATE, ENCRYPTION, LIFECYCLE, ONLY, OWNERSHIP, POLICY, TAGS, VERSIONING,
};
use super::wire::{self, Carried};
use crate::shared::operations::operations;

operations! {
    /// The write operations of S3 that restore a bucket.
    pub(super) enum Operation {
        CreateBucket,
        PutPublicAccessBlock,
        DeletePublicAccessBlock,
        PutBucketOwnershipControls,
        DeleteBucketOwnershipControls,
        PutBucketEncryption,
        DeleteBucketEncryption,
        PutBucketPolicy,
        DeleteBucketPolicy,
        PutBucketLifecycleConfiguration,
        DeleteBucketLifecycle,
        PutBucketVersioning,
        PutBucketTagging,
    }
}

/// What the resource client knows beyond the normal form.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct PrivateState {
    /// Tags that AWS put there; PutBucketTagging has to repeat them.
    #[serde(default)]
    pub(super) system_tags: Vec<Value>,
}

/// The body of CreateBucket.
const PLACE: &str = "CreateBucketConfiguration";

/// The one region that CreateBucket does not name (README.md, One name in the world).
const UNNAMED: &str = "us-east-1";

impl Operation {
    /// The member of the request that is the body, and the element that it is in.
    pub(super) fn payload(self) -> Option<(&'static str, &'static str)> {
        Some(match self {
            Self::CreateBucket => (PLACE, PLACE),
            Self::PutPublicAccessBlock => ("PublicAccessBlockConfiguration", "PublicAccessBlockConfiguration"),
            Self::PutBucketOwnershipControls => ("OwnershipControls", "OwnershipControls"),
            Self::PutBucketEncryption => ("ServerSideEncryptionConfiguration", "ServerSideEncryptionConfiguration"),
            Self::PutBucketLifecycleConfiguration => ("LifecycleConfiguration", "LifecycleConfiguration"),
            Self::PutBucketVersioning => ("VersioningConfiguration", "VersioningConfiguration"),
            Self::PutBucketTagging => ("Tagging", "Tagging"),
            _ => return None,
        })
    }
}

/// A member of the tree, the operations that write and remove it, and what is said of it. In the order that never opens the bucket.
const PARTS: &[(&str, Operation, Option<Operation>, &str)] = &[
    (
        ACCESS,
        Operation::PutPublicAccessBlock,
        Some(Operation::DeletePublicAccessBlock),
        "put the public access block back",
    ),
    (
        OWNERSHIP,
        Operation::PutBucketOwnershipControls,
        Some(Operation::DeleteBucketOwnershipControls),
        "put the ownership controls back",
    ),
    (
        ENCRYPTION,
        Operation::PutBucketEncryption,
        Some(Operation::DeleteBucketEncryption),
        "put the default encryption back",
    ),
    (
        LIFECYCLE,
        Operation::PutBucketLifecycleConfiguration,
        Some(Operation::DeleteBucketLifecycle),
        "put the lifecycle rules back",
    ),
    (VERSIONING, Operation::PutBucketVersioning, None, "put the versioning back"),
];

struct Steps<'a> {
    situation: &'a Situation<'a>,
    proposal: Proposal,
}

impl Steps<'_> {
    fn push(
        &mut self,
        action: &'static str,
        summary: String,
        operation: Operation,
        request: Value,
        expected_state: ExpectedState,
    ) {
        let mut request = request;
        request["Bucket"] = json!(self.situation.name);
        // Nobody's key or role is needed to keep the public out.
        let alone = operation == Operation::PutPublicAccessBlock && self.situation.live.is_some();
        self.proposal.steps.push(ProposedStep {
            action,
            summary,
            call: Call::new("s3", operation.name(), request),
            expected_state,
            alone,
            ..ProposedStep::default()
        });
    }

    fn refuse(&mut self, code: &'static str, detail: String) {
        self.proposal.refusals.push((code, detail));
    }
}

fn expected(tree: Value) -> ExpectedState {
    ExpectedState { tree, ..ExpectedState::default() }
}

pub(super) fn propose(situation: &Situation<'_>) -> Proposal {
    let mut steps = Steps { situation, proposal: Proposal::default() };
    let target = situation.target;
    match situation.live {
        None if target.get(CREATE) != Some(&json!(true)) => {
            let detail = "the bucket does not exist. Its name may belong to somebody else by now, and what it held is lost; to have a \
                          new one created, declare `createWhenMissing: true`";
            steps.refuse(codes::NOT_CREATED, detail.into());
        }
        None => {
            let summary = format!("create bucket {} in the region of the declaration", situation.name);
            let request = match situation.region {
                UNNAMED => json!({}),
                region => json!({ PLACE: {"LocationConstraint": region} }),
            };
            steps.push("create", summary, Operation::CreateBucket, request, expected(json!({})));
            let parts = target.as_object().into_iter().flatten();
            let parts = parts.filter(|(member, value)| !value.is_null() && **member != CREATE && **value != json!({}));
            let parts: Vec<&str> = parts.map(|(member, _)| member.as_str()).collect();
            restore(&mut steps, None, &|member| parts.contains(&member));
            let note = "the bucket does not exist; what it held cannot be restored";
            steps.proposal.notes.push((codes::NOT_CREATED, note.into()));
        }
        Some(live) => {
            restore(&mut steps, Some(live), &|member| situation.differs_in(member));
            note_what_should_be_known(&mut steps, live);
        }
    }
    steps.proposal
}

fn restore(steps: &mut Steps<'_>, live: Option<&ObservedResource>, differs: &dyn Fn(&str) -> bool) {
    let [access, ownership, encryption, lifecycle, versioning] = PARTS else { return };
    for part in [access, ownership, encryption] {
        if differs(part.0) {
            replace(steps, live, part);
        }
    }
    if differs(POLICY) {
        restore_policy(steps, live);
    }
    if differs(LIFECYCLE) {
        replace(steps, live, lifecycle);
    }
    if differs(VERSIONING) {
        replace(steps, live, versioning);
    }
    if differs("tags") {
        restore_tags(steps, live);
    }
}

/// One sub-resource as it is to be: what is declared, and what is left alone in it as it is.
fn whole(target: &Value, live: Option<&ObservedResource>, member: &str) -> Value {
    let mut whole = json!({ member: target.get(member) });
    for apart in APART.iter().filter(|apart| apart[0] == member) {
        let path = Path::of(apart.iter().copied());
        let above = Path::of(apart[..apart.len() - 1].iter().copied());
        let kept = live.and_then(|live| tree::get(&live.tree, &path));
        if let (None, Some(kept), Some(_)) = (tree::get(&whole, &path), kept, tree::get(&whole, &above)) {
            tree::set(&mut whole, &path, Some(kept.clone()));
        }
    }
    // A key of the bucket goes with the algorithm that used it.
    if let Some(rule) = whole.get_mut(ENCRYPTION).and_then(|encryption| encryption.pointer_mut("/rules/0"))
        && spec::is_dsse(rule)
        && tree::get(target, &Path::of([ENCRYPTION, "rules", ONLY, BUCKET_KEY])).is_none()
    {
        rule[BUCKET_KEY] = json!(false);
    }
    whole
}

/// Removes null members, and the empty structures that a stronger value left behind.
fn pruned(value: Value) -> Value {
    match value {
        Value::Object(members) => {
            let kept = members.into_iter().map(|(name, value)| (name, pruned(value)));
            let is_kept =
                |(name, value): &(String, Value)| !value.is_null() && (name == "filter" || *value != json!({}));
            Value::Object(kept.filter(is_kept).collect())
        }
        Value::Array(items) => items.into_iter().map(pruned).collect(),
        scalar => scalar,
    }
}

/// Words without their marks, and the empty list of blocked types as the service writes it.
fn as_written(value: &Value) -> Value {
    match value {
        Value::String(text) => json!(on_the_wire(text)),
        Value::Array(items) => items.iter().map(as_written).collect(),
        Value::Object(members) => members
            .iter()
            .map(|(name, value)| match name == "encryptionType" && *value == json!([]) {
                true => (name.clone(), json!(["NONE"])),
                false => (name.clone(), as_written(value)),
            })
            .collect(),
        scalar => scalar.clone(),
    }
}

fn replace(
    steps: &mut Steps<'_>,
    live: Option<&ObservedResource>,
    (member, put, remove, summary): &(&str, Operation, Option<Operation>, &str),
) {
    let mut whole = pruned(whole(steps.situation.target, live, member));
    let Some(unknown_fields) = carried(steps, live, member, &mut whole) else { return };
    if tree::get(&whole, &Path::of([*member])).is_none_or(|whole| whole.get("rules") == Some(&json!({}))) {
        match remove {
            Some(remove) => {
                let expected_state = expected(json!({ *member: null }));
                let summary = format!("remove {member}");
                steps.push("update", summary, *remove, json!({}), expected_state);
            }
            None => steps.refuse(codes::IMMUTABLE, format!("{member} can be suspended, and not removed")),
        }
        return;
    }
    if *member == VERSIONING && whole[*member].get("status").is_none() {
        return steps.refuse(codes::IMMUTABLE, format!("{member} can be suspended, and not removed"));
    }
    let listed = tree::listed(&whole, CONTRACT.list_keys());
    let mut payload = wire::request(&as_written(&listed[*member]));
    let mut request = Map::new();
    if *member == LIFECYCLE
        && let Some(size) = payload.as_object_mut().and_then(|it| it.remove("transitionDefaultMinimumObjectSize"))
    {
        request.insert("TransitionDefaultMinimumObjectSize".into(), size);
    }
    if let Some((name, _)) = put.payload() {
        request.insert(name.into(), payload);
    }
    // Unknown elements are expected as unknown fields and are no part of the normal form.
    let mut expected_state = json!({ *member: whole[*member] });
    for path in unknown_fields.keys() {
        let Ok(path) = path.parse::<Path>();
        tree::set(&mut expected_state, &path, None);
    }
    let summary = format!("{summary}; the call replaces all of it");
    steps.push(
        "update",
        summary,
        *put,
        Value::Object(request),
        ExpectedState { tree: expected_state, unknown_fields, ..ExpectedState::default() },
    );
}

/// Puts the unknown elements of a member back into what is written; `None` when one cannot be, which is refused.
fn carried(
    steps: &mut Steps<'_>,
    live: Option<&ObservedResource>,
    member: &str,
    whole: &mut Value,
) -> Option<BTreeMap<String, Value>> {
    let mut kept = BTreeMap::new();
    for (text, value) in live.iter().flat_map(|live| &live.unknown_fields) {
        let Ok(path) = text.parse::<Path>();
        if path.head() != Some(member) {
            continue;
        }
        match wire::carry(whole, &path, value) {
            Carried::Yes => {
                steps.proposal.notes.push((codes::EXTRA_CARRIED, format!("{path} is kept as it is")));
                kept.insert(text.clone(), value.clone());
            }
            Carried::Gone => {}
            Carried::No => {
                let detail = format!("the call replaces {member}, and it cannot be told where {path} belongs in it");
                steps.refuse(codes::EXTRA_REFUSED, detail);
                return None;
            }
        }
    }
    Some(kept)
}

fn restore_policy(steps: &mut Steps<'_>, live: Option<&ObservedResource>) {
    let target = steps.situation.target;
    let mut document = target.get(POLICY).filter(|policy| policy.is_object()).cloned().unwrap_or(json!({}));
    let added = live.map(|live| services::beside(&live.tree, target)).unwrap_or_default();
    if !added.is_empty() {
        if document.get("Version").is_none() && document.get("Statement").is_none() {
            document["Version"] = json!("2012-10-17");
        }
        if !document.get("Statement").is_some_and(Value::is_object) {
            document["Statement"] = json!({});
        }
        for (key, statement) in &added {
            document["Statement"][key] = statement.clone();
        }
    }
    let names: Vec<&str> = added.iter().map(|(key, _)| key.as_str()).collect();
    let carried = match names.is_empty() {
        true => String::new(),
        false => format!(", with what AWS services added: {}", names.join(", ")),
    };
    match Policy::from_value(&document) {
        Ok(policy) if !policy.statements().is_empty() => {
            let request = json!({ "Policy": policy.to_minified_json() });
            let expected_state = expected(json!({ POLICY: policy.tree() }));
            let summary = format!("put the declared policy back; it replaces the bucket's{carried}");
            steps.push("update", summary, Operation::PutBucketPolicy, request, expected_state);
        }
        Err(_) => steps.refuse(codes::CONTRADICTION, "what should be written is no policy".to_owned()),
        Ok(_) => {
            let expected_state = expected(json!({ POLICY: null }));
            steps.push("update", "remove the policy".into(), Operation::DeleteBucketPolicy, json!({}), expected_state);
        }
    }
}

/// PutBucketTagging replaces all tags, so it gets those of others and of AWS too.
fn restore_tags(steps: &mut Steps<'_>, live: Option<&ObservedResource>) {
    let mut all: BTreeMap<String, Value> = BTreeMap::new();
    for tree in live.map(|live| &live.tree).into_iter().chain([steps.situation.target]) {
        let tags = tree.get(TAGS).and_then(Value::as_object).into_iter().flatten();
        all.extend(tags.map(|(key, tag)| (key.clone(), tag.clone())));
    }
    if live.is_some_and(|live| live.unknown_fields.keys().any(|path| path.starts_with("tags."))) {
        return steps.refuse(codes::EXTRA_REFUSED, "a tag has an element that this build does not know".into());
    }
    let private_state: PrivateState =
        live.and_then(|live| serde_json::from_value(live.private_state.clone()).ok()).unwrap_or_default();
    let set: Vec<Value> = all.values().cloned().chain(private_state.system_tags).collect();
    let request = json!({"Tagging": wire::request(&json!({"tagSet": set}))});
    let expected_state = expected(json!({"tags": all}));
    let summary = "put the declared tags back; the call replaces all, the others are carried".to_owned();
    steps.push("tag", summary, Operation::PutBucketTagging, request, expected_state);
}

fn note_what_should_be_known(steps: &mut Steps<'_>, live: &ObservedResource) {
    let notes = &mut steps.proposal.notes;
    let policy = Policy::from_value(&live.tree[POLICY]);
    for dangling in policy.iter().flat_map(Policy::dangling_principals) {
        let detail = format!("policy.Statement.{}: {} is gone", dangling.statement, dangling.principal);
        notes.push((codes::DANGLING, detail));
    }
    let rewritten: Vec<String> = notes.iter().map(|(_, detail)| detail.clone()).collect();
    for path in
        live.unknown_fields.keys().filter(|path| !rewritten.iter().any(|detail| detail.starts_with(path.as_str())))
    {
        notes.push((codes::EXTRA_CARRIED, format!("{path} is present, and not managed")));
    }
}
