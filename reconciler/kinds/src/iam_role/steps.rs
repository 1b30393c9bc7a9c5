//! From the drift of a role to calls (README.md, Writes).
//!
//! A step that fails stops those after it, so what no document can make fail comes first: undeclared policies are detached,
//! then a trust policy that names no role or user, then boundary and settings. Inline policies are put before undeclared ones
//! are deleted, unless there is no room. A trust policy that names roles or users comes late, because it is refused while one of
//! them does not exist.

use std::collections::BTreeSet;

use reconciler_model::codes;
use reconciler_model::inventory::ObservedResource;
use reconciler_model::kind::Situation;
use reconciler_model::plan::{Call, ExpectedState, Proposal, ProposedStep};
use reconciler_model::policy::Policy;
use reconciler_model::tree::Path;
use serde_json::{Map, Value, json};

use super::spec::{ATTACHED, BOUNDARY, DESCRIPTION, ELSEWHERE, INLINE, LONGEST, PATH, TAGS, TRUST};
use super::validation::{self, MOST_INLINE, USUAL_ATTACHED, document, size};
use crate::shared::normal::{OVERRULED, without};
use crate::shared::operations::operations;
use crate::shared::tags::{self, KEY_AND_VALUE};

operations! {
    /// The write operations of IAM that restore a role.
    pub(super) enum Operation {
        CreateRole,
        UpdateRole,
        UpdateAssumeRolePolicy,
        PutRolePolicy,
        DeleteRolePolicy,
        AttachRolePolicy,
        DetachRolePolicy,
        PutRolePermissionsBoundary,
        DeleteRolePermissionsBoundary,
        TagRole,
    }
}

impl Operation {
    fn action(self) -> &'static str {
        match self {
            Self::CreateRole => "create",
            Self::AttachRolePolicy => "attach",
            Self::DetachRolePolicy => "detach",
            Self::DeleteRolePolicy => "delete-policy",
            Self::TagRole => "tag",
            _ => "update",
        }
    }
}

pub(super) fn propose(situation: &Situation<'_>) -> Proposal {
    match situation.live {
        None => create(situation),
        Some(live) => restore(situation, live),
    }
}

/// The steps of one role, and what its lists hold after each of them.
struct Chain<'a> {
    name: &'a str,
    differs: &'a [Path],
    inline: Map<String, Value>,
    attached: Map<String, Value>,
    proposal: Proposal,
}

impl<'a> Chain<'a> {
    /// The chain of a role that has these lists; what others manage is as it is declared.
    fn new(situation: &Situation<'a>, live: Option<&Value>) -> Self {
        let list = |member: &str| {
            let mut list = live.and_then(|live| live.get(member)?.as_object().cloned()).unwrap_or_default();
            let others = elements(situation.target, member).filter(|(_, element)| is_of_others(element));
            list.extend(others.map(|(name, element)| (name.clone(), element.clone())));
            list
        };
        let attached = list(ATTACHED).into_iter().map(|(arn, element)| (arn, without_content(&element))).collect();
        Self {
            name: situation.name,
            differs: situation.differs,
            inline: list(INLINE),
            attached,
            proposal: Proposal::default(),
        }
    }

    /// Adds a call whose request has the role's name and these members.
    fn call(&mut self, operation: Operation, members: Value, summary: impl Into<String>, expected_state: Value) {
        let mut request = json!({ "RoleName": self.name });
        if let (Some(request), Value::Object(members)) = (request.as_object_mut(), members) {
            request.extend(members.into_iter().filter(|(_, member)| !member.is_null()));
        }
        self.proposal.steps.push(ProposedStep {
            action: operation.action(),
            summary: summary.into(),
            call: Call::new("iam", operation.name(), request),
            expected_state: ExpectedState { tree: expected_state, ..ExpectedState::default() },
            ..ProposedStep::default()
        });
    }

    fn refuse(&mut self, code: &'static str, detail: impl Into<String>) {
        self.proposal.refusals.push((code, detail.into()));
    }

    fn note(&mut self, code: &'static str, detail: impl Into<String>) {
        self.proposal.notes.push((code, detail.into()));
    }

    /// PutRolePolicy for each declared policy that differs. One that says the same in other words is left as it is.
    fn put_inline(&mut self, target: &Value) {
        for (name, element) in elements(target, INLINE).filter(|(_, element)| !is_of_others(element)) {
            let differs = self.differs.iter().any(|path| match path.parts()[..] {
                [] | [INLINE] => true,
                [INLINE, other, ..] => other == name,
                _ => false,
            });
            if !differs || self.inline.get(name) == Some(element) {
                continue;
            }
            let Some(policy) = document(element, "policyDocument") else {
                self.refuse(codes::CONTRADICTION, format!("what should be written as {name} is no policy"));
                continue;
            };
            self.inline.insert(name.clone(), element.clone());
            let members = json!({ "PolicyName": name, "PolicyDocument": policy.to_minified_json() });
            let expected_state = json!({ INLINE: self.inline });
            self.call(
                Operation::PutRolePolicy,
                members,
                format!("put the declared inline policy {name}"),
                expected_state,
            );
        }
    }

    /// DeleteRolePolicy for each policy that is not declared.
    fn delete_inline(&mut self, target: &Value) {
        for name in undeclared(&self.inline, target, INLINE) {
            self.inline.remove(&name);
            let expected_state = json!({ INLINE: self.inline });
            let summary = format!("delete inline policy {name}, which is not declared");
            self.call(Operation::DeleteRolePolicy, json!({ "PolicyName": name }), summary, expected_state);
        }
    }

    fn attach(&mut self, target: &Value) {
        for (arn, element) in elements(target, ATTACHED) {
            if !is_of_others(element) && self.attached.insert(arn.clone(), without_content(element)).is_none() {
                let expected_state = json!({ ATTACHED: self.attached });
                self.call(
                    Operation::AttachRolePolicy,
                    json!({ "PolicyArn": arn }),
                    format!("attach {arn}"),
                    expected_state,
                );
            }
        }
        let count = self.attached.len();
        if count > USUAL_ATTACHED {
            self.note(codes::LIMIT, format!("{count} policies are attached; the usual quota is {USUAL_ATTACHED}"));
        }
    }

    fn detach(&mut self, target: &Value) {
        for arn in undeclared(&self.attached, target, ATTACHED) {
            self.attached.remove(&arn);
            let expected_state = json!({ ATTACHED: self.attached });
            let summary = format!("detach {arn}, which is not declared");
            self.call(Operation::DetachRolePolicy, json!({ "PolicyArn": arn }), summary, expected_state);
        }
    }

    fn trust(&mut self, policy: &Policy, target: &Value) {
        let members = json!({ "PolicyDocument": policy.to_minified_json() });
        let expected_state = json!({ TRUST: target[TRUST] });
        self.call(Operation::UpdateAssumeRolePolicy, members, "put the declared trust policy back", expected_state);
    }

    fn tag(&mut self, changed: &Map<String, Value>) {
        let members = json!({ "Tags": tags::for_request(changed.values(), KEY_AND_VALUE) });
        let expected_state = json!({ "tags": changed });
        self.call(Operation::TagRole, members, "put the declared tags back; other tags are left alone", expected_state);
    }
}

fn elements<'t>(tree: &'t Value, list: &str) -> impl Iterator<Item = (&'t String, &'t Value)> {
    tree.get(list).and_then(Value::as_object).into_iter().flatten()
}

/// An attached policy or a boundary by its ARN: what it says is not written with the role.
fn without_content(element: &Value) -> Value {
    without(element, &["policyDocument"])
}

fn is_of_others(element: &Value) -> bool {
    element[ELSEWHERE] == true
}

/// The names that live has and the target has not.
fn undeclared(live: &Map<String, Value>, target: &Value, list: &str) -> Vec<String> {
    live.keys().filter(|name| target[list].get(name.as_str()).is_none()).cloned().collect()
}

/// Whether a document names roles or users, which may not exist.
fn names_identities(policy: &Policy) -> bool {
    let listed = policy.statements().iter().filter_map(|statement| statement.principal.listed()?.get("AWS"));
    listed.flatten().any(|principal| principal.contains(":role/") || principal.contains(":user/"))
}

fn create(situation: &Situation<'_>) -> Proposal {
    let target = situation.target;
    let mut chain = Chain::new(situation, None);
    let Some(trust) = document(target, TRUST) else {
        let detail = "the role does not exist, and cannot be created because assumeRolePolicyDocument is not declared";
        chain.refuse(codes::CONTRADICTION, detail);
        return chain.proposal;
    };
    let tags = target.get(TAGS).and_then(Value::as_object).filter(|tags| !tags.is_empty());
    let members = json!({
        "AssumeRolePolicyDocument": trust.to_minified_json(),
        "Path": target.get(PATH),
        "Description": target.get(DESCRIPTION),
        "MaxSessionDuration": target.get(LONGEST),
        "PermissionsBoundary": target.pointer("/permissionsBoundary/permissionsBoundaryArn"),
        "Tags": tags.map(|tags| tags::for_request(tags.values(), KEY_AND_VALUE)),
    });
    let mut expected_state = target.clone();
    if let Some(members) = expected_state.as_object_mut() {
        members.retain(|member, _| ![INLINE, ATTACHED, OVERRULED].contains(&member.as_str()));
        members.entry(BOUNDARY).and_modify(|boundary| *boundary = without_content(boundary));
    }
    chain.call(Operation::CreateRole, members, format!("create role {}", situation.name), expected_state);
    chain.put_inline(target);
    chain.attach(target);
    let detail = "the role gets another unique id: policies elsewhere that named the one before have to be written again, and the \
                  new role is known everywhere within about a minute";
    chain.note(codes::IMMUTABLE, detail);
    chain.proposal
}

fn restore(situation: &Situation<'_>, live: &ObservedResource) -> Proposal {
    let target = situation.target;
    let mut chain = Chain::new(situation, Some(&live.tree));
    if situation.differs.is_empty() {
        return chain.proposal;
    }
    if let Some(path) = live.tree[PATH].as_str().filter(|path| validation::is_of_aws(path)) {
        chain.refuse(codes::OF_AWS, format!("the role below {path} belongs to AWS; nobody else can change it"));
        return chain.proposal;
    }
    let trust = document(target, TRUST).filter(|_| situation.differs_in(TRUST));
    if trust.is_none() && situation.differs_in(TRUST) {
        chain.refuse(codes::CONTRADICTION, "what should be written as the trust policy is no policy");
    }
    let (late, early): (Option<Policy>, Option<Policy>) =
        if trust.as_ref().is_some_and(names_identities) { (trust, None) } else { (None, trust) };
    if situation.differs_in(ATTACHED) {
        chain.detach(target);
    }
    if let Some(trust) = &early {
        chain.trust(trust, target);
    }
    if situation
        .differs
        .iter()
        .any(|path| matches!(path.parts()[..], [BOUNDARY] | [BOUNDARY, "permissionsBoundaryArn"]))
    {
        put_boundary(&mut chain, target);
    }
    if situation.differs_in(DESCRIPTION) || situation.differs_in(LONGEST) {
        update(&mut chain, situation, live);
    }
    if situation.differs_in(INLINE) {
        restore_inline(&mut chain, target);
    }
    if situation.differs_in(ATTACHED) {
        chain.attach(target);
    }
    if let Some(trust) = &late {
        chain.trust(trust, target);
    }
    if situation.differs_in(TAGS) {
        let differs = |(key, tag): &(&String, &Value)| live.tree[TAGS].get(key.as_str()) != Some(*tag);
        let changed = elements(target, "tags").filter(differs).map(|(key, tag)| (key.clone(), tag.clone())).collect();
        chain.tag(&changed);
    }
    if situation.differs_in(PATH) {
        let detail =
            "path cannot be changed in place; the role would have to be deleted and created again, with another ARN";
        chain.refuse(codes::IMMUTABLE, detail);
    }
    name_dangling(&mut chain, situation, live);
    refuse_contents(&mut chain, situation, live);
    chain.proposal
}

/// Says what is not restored, because it belongs to another policy.
fn refuse_contents(chain: &mut Chain<'_>, situation: &Situation<'_>, live: &ObservedResource) {
    let boundary = live.tree[BOUNDARY]["permissionsBoundaryArn"].as_str().unwrap_or_default();
    let differ: BTreeSet<&str> = situation
        .differs
        .iter()
        .filter_map(|path| match path.parts()[..] {
            [ATTACHED, arn, "policyDocument", ..] => Some(arn),
            [BOUNDARY, "policyDocument", ..] => Some(boundary),
            _ => None,
        })
        .collect();
    for arn in differ {
        let detail = format!(
            "{arn} does not say what is declared; it is a policy of its own, and not written with the role: make a version with the \
             declared text its default"
        );
        chain.refuse(codes::IMMUTABLE, detail);
    }
    let stays = |arn: &&String| {
        let is_detached = situation.target.get(ATTACHED).is_some_and(|all| all.get(arn.as_str()).is_none());
        if *arn == boundary { !situation.differs_in(BOUNDARY) } else { !is_detached }
    };
    for (arn, what) in elements(&live.tree, OVERRULED).filter(|(arn, _)| situation.differs_in(OVERRULED) && stays(arn))
    {
        let actions: Vec<&str> = texts(&what["keepsFrom"]);
        let detail = match actions.is_empty() {
            true => format!("{arn}, which is attached, allows everything; give it less, or declare its policyDocument"),
            false => {
                let actions = actions.join(", ");
                let by: Vec<&str> = texts(&what["grantedBy"]);
                // A limit is not to be lifted for what somebody granted beyond it.
                match by.is_empty() {
                    true => format!(
                        "{arn} keeps the role from {actions}, which its inline policies grant; put back what {arn} said, or \
                         declare its policyDocument"
                    ),
                    false => format!(
                        "{arn} keeps the role from {actions}, some of which {} grants; find out which of them was changed, and \
                         put that one back, or declare its policyDocument",
                        by.join(", ")
                    ),
                }
            }
        };
        chain.refuse(codes::OVERRULED, detail);
    }
}

fn texts(list: &Value) -> Vec<&str> {
    list.as_array().into_iter().flatten().filter_map(Value::as_str).collect()
}

fn put_boundary(chain: &mut Chain<'_>, target: &Value) {
    let expected_state = json!({ BOUNDARY: without_content(&target[BOUNDARY]) });
    match target[BOUNDARY].get("permissionsBoundaryArn") {
        Some(arn) => {
            let members = json!({ "PermissionsBoundary": arn });
            chain.call(
                Operation::PutRolePermissionsBoundary,
                members,
                "put the declared boundary back",
                expected_state,
            );
        }
        None => {
            let summary = "remove the boundary, which is declared absent";
            chain.call(Operation::DeleteRolePermissionsBoundary, json!({}), summary, expected_state);
        }
    }
}

/// UpdateRole with both settings, because it is not documented that a description which is left out stays
/// (README.md, Hypotheses).
fn update(chain: &mut Chain<'_>, situation: &Situation<'_>, live: &ObservedResource) {
    let value = |member: &str| situation.target.get(member).unwrap_or(&live.tree[member]).clone();
    let (description, longest) = (value("description"), value(LONGEST));
    let text = match (&description, &live.tree[DESCRIPTION]) {
        // An empty text removes what is there.
        (Value::Null, Value::String(_)) => json!(""),
        (description, _) => (*description).clone(),
    };
    let members = json!({ "Description": text, LONGEST_WIRE: longest });
    let expected_state = json!({ "description": description, LONGEST: longest });
    chain.call(Operation::UpdateRole, members, "put description and longest session back", expected_state);
}

const LONGEST_WIRE: &str = "MaxSessionDuration";

/// Puts before deletes: should a put fail, nothing is lost. Only where both do not fit, undeclared policies go first.
fn restore_inline(chain: &mut Chain<'_>, target: &Value) {
    let sizes = |list: &Map<String, Value>| -> usize {
        list.values().filter_map(|element| document(element, "policyDocument")).map(|policy| size(&policy)).sum()
    };
    let mut together = chain.inline.clone();
    together.extend(elements(target, INLINE).map(|(name, element)| (name.clone(), element.clone())));
    if sizes(&together) > MOST_INLINE {
        let detail =
            format!("undeclared inline policies are deleted first: a role has room for {MOST_INLINE} characters");
        chain.note(codes::LIMIT, detail);
        chain.delete_inline(target);
        chain.put_inline(target);
    } else {
        chain.put_inline(target);
        chain.delete_inline(target);
    }
}

/// Names principals of the live trust policy that are no more.
fn name_dangling(chain: &mut Chain<'_>, situation: &Situation<'_>, live: &ObservedResource) {
    let Some(policy) = document(&live.tree, TRUST).filter(|_| situation.differs_in(TRUST)) else { return };
    for dangling in policy.dangling_principals() {
        let detail = format!(
            "{TRUST} has the dangling principal {}: the user or role was deleted, and whoever has its name since is somebody \
             else; the declared policy is written again, which is refused while it names nobody",
            dangling.principal
        );
        chain.note(codes::DANGLING, detail);
    }
}
