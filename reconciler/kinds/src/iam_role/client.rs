//! The resource client of roles: the only place of this kind that names the SDK.
//!
//! A role is read with GetRole, ListRolePolicies and ListAttachedRolePolicies side by side, then GetRolePolicy for each inline
//! policy, and GetPolicy and GetPolicyVersion for the boundary and each attached policy of the account. Many roles, and all of them, come from GetAccountAuthorizationDetails, with ListRoles for what it lacks: the longest
//! session and the description (README.md, Reads). Documents come percent-encoded, and the normal form decodes them.

use std::collections::{BTreeMap, BTreeSet};
use std::time::{Duration, SystemTime};

use async_trait::async_trait;
use aws_sdk_iam::Client;
use aws_sdk_iam::operation::RequestId;
use aws_sdk_iam::primitives::{DateTime, DateTimeFormat};
use aws_sdk_iam::types::{AttachedPolicy, EntityType, PolicyDetail, Role, RoleDetail, Tag};
use futures::future::{join_all, join3, try_join, try_join_all};
use reconciler_aws::client::{
    Beside, Parts, Reading, ResourceClient, Selection, WriteResult, gap_beside, gap_of, odd_answer,
};
use reconciler_aws::{CallError, ErrorClass, Session, send, until_known};
use reconciler_model::address::{Address, Scope};
use reconciler_model::inventory::ObservedResource;
use reconciler_model::kind::Kind;
use reconciler_model::permit::WritePermit;
use reconciler_model::plan::Call;
use serde_json::{Value, json};

use super::spec::{ATTACHED, BOUNDARY, INLINE, TRUST};
use super::steps::Operation;
use super::trust::lets_bedrock_in;
use super::validation::is_of_aws;
use super::{IamRole, overruled, revocation};
use crate::shared::normal::{OVERRULED, Seen, seen};
use crate::shared::operations::unknown_call;
use crate::shared::tags;

const SERVICE: &str = "iam";
const GET: &str = "GetRole";
const LIST: &str = "ListRoles";
const LIST_INLINE: &str = "ListRolePolicies";
const GET_INLINE: &str = "GetRolePolicy";
const LIST_ATTACHED: &str = "ListAttachedRolePolicies";
const DETAILS: &str = "GetAccountAuthorizationDetails";
const GET_POLICY: &str = "GetPolicy";
const GET_VERSION: &str = "GetPolicyVersion";

/// The member of an external id that says that the role was read from the lists of all.
const LISTED: &str = "listed";
/// From how many roles on the list of all is cheaper than three calls for each.
const MANY: usize = 16;
/// Rows of a page of GetAccountAuthorizationDetails, at most.
const PAGE: i32 = 1000;

/// GetRole; `None` when there is no such role.
async fn role(session: &Session, name: &str) -> Result<Option<Role>, CallError> {
    let iam = session.client(Client::new);
    let answer = match send!(session, SERVICE, GET, iam.get_role().role_name(name)).await {
        Ok(answer) => answer,
        Err(error) if error.class == ErrorClass::NotFound => return Ok(None),
        Err(error) => return Err(error),
    };
    match answer.role {
        // Names are unique whatever their case; whether they are found so is not documented.
        Some(role) if role.role_name != name => {
            Err(odd_answer(session, SERVICE, GET, format!("asked for {name}, answered {}", role.role_name)))
        }
        Some(role) => Ok(Some(role)),
        None => Err(odd_answer(session, SERVICE, GET, "the answer has no Role")),
    }
}

/// Names and documents of the inline policies.
async fn inline(session: &Session, name: &str) -> Result<Vec<Value>, CallError> {
    let iam = session.client(Client::new);
    let (mut names, mut marker) = (Vec::new(), None);
    loop {
        let request = iam.list_role_policies().role_name(name).set_marker(marker);
        let answer = send!(session, SERVICE, LIST_INLINE, request).await?;
        names.extend(answer.policy_names);
        marker = next(session, LIST_INLINE, answer.is_truncated, answer.marker)?;
        if marker.is_none() {
            break;
        }
    }
    try_join_all(names.into_iter().map(|policy| {
        let request = iam.get_role_policy().role_name(name).policy_name(&policy);
        async move {
            let answer = send!(session, SERVICE, GET_INLINE, request).await?;
            Ok(json!({ "policyName": policy, "policyDocument": answer.policy_document }))
        }
    }))
    .await
}

async fn attached(session: &Session, name: &str) -> Result<Vec<Value>, CallError> {
    let iam = session.client(Client::new);
    let (mut policies, mut marker) = (Vec::new(), None);
    loop {
        let request = iam.list_attached_role_policies().role_name(name).set_marker(marker);
        let answer = send!(session, SERVICE, LIST_ATTACHED, request).await?;
        let page = answer.attached_policies;
        policies.extend(page.ok_or_else(|| odd_answer(session, SERVICE, LIST_ATTACHED, "it has no AttachedPolicies"))?);
        marker = next(session, LIST_ATTACHED, answer.is_truncated, answer.marker)?;
        if marker.is_none() {
            return Ok(arns(&policies));
        }
    }
}

fn arns(policies: &[AttachedPolicy]) -> Vec<Value> {
    policies.iter().map(|policy| json!({ "policyArn": policy.policy_arn })).collect()
}

/// The texts of the default versions of policies, by ARN.
type Texts = BTreeMap<String, Result<String, CallError>>;

/// What the boundary and the attached policies of roles say. Those of AWS are attached for what AWS says they are.
async fn texts<'a>(
    session: &Session,
    boundaries: impl Iterator<Item = &'a str>,
    attached: impl Iterator<Item = &'a str>,
) -> Texts {
    let is_of_account = |arn: &&str| arn.split(':').nth(4) != Some("aws");
    let arns: BTreeSet<&str> = boundaries.chain(attached.filter(is_of_account)).collect();
    let reads = arns.into_iter().map(|arn| async move { (arn.to_owned(), default_text(session, arn).await) });
    join_all(reads).await.into_iter().collect()
}

pub(super) async fn default_text(session: &Session, arn: &str) -> Result<String, CallError> {
    let iam = session.client(Client::new);
    let answer = send!(session, SERVICE, GET_POLICY, iam.get_policy().policy_arn(arn)).await?;
    let Some(version) = answer.policy().and_then(|policy| policy.default_version_id()) else {
        return Err(odd_answer(session, SERVICE, GET_POLICY, "the answer has no DefaultVersionId"));
    };
    let request = iam.get_policy_version().policy_arn(arn).version_id(version);
    let answer = send!(session, SERVICE, GET_VERSION, request).await?;
    match answer.policy_version().and_then(|version| version.document()) {
        Some(document) => Ok(document.to_owned()),
        None => Err(odd_answer(session, SERVICE, GET_VERSION, "the answer has no Document")),
    }
}

fn boundary_of(role: &Role) -> Option<&str> {
    role.permissions_boundary()?.permissions_boundary_arn()
}

/// The marker of the next page; `None` after the last one.
fn next(
    session: &Session,
    operation: &'static str,
    is_truncated: bool,
    marker: Option<String>,
) -> Result<Option<String>, CallError> {
    match (is_truncated, marker) {
        (false, _) => Ok(None),
        (true, Some(marker)) => Ok(Some(marker)),
        (true, None) => Err(odd_answer(session, SERVICE, operation, "the answer is truncated and has no Marker")),
    }
}

/// Every role with its policies.
async fn details(session: &Session) -> Result<Vec<RoleDetail>, CallError> {
    let iam = session.client(Client::new);
    let (mut roles, mut marker) = (Vec::new(), None);
    loop {
        let request = iam.get_account_authorization_details().filter(EntityType::Role).max_items(PAGE);
        let answer = send!(session, SERVICE, DETAILS, request.set_marker(marker)).await?;
        let page = answer.role_detail_list;
        roles.extend(page.ok_or_else(|| odd_answer(session, SERVICE, DETAILS, "it has no RoleDetailList"))?);
        marker = next(session, DETAILS, answer.is_truncated, answer.marker)?;
        if marker.is_none() {
            return Ok(roles);
        }
    }
}

/// What ListRoles says of every role: no boundary and no tags.
async fn summaries(session: &Session) -> Result<BTreeMap<String, Role>, CallError> {
    let iam = session.client(Client::new);
    let (mut roles, mut marker) = (BTreeMap::new(), None);
    loop {
        let request = iam.list_roles().max_items(PAGE).set_marker(marker);
        let answer = send!(session, SERVICE, LIST, request).await?;
        roles.extend(answer.roles.into_iter().map(|role| (role.role_name.clone(), role)));
        marker = next(session, LIST, answer.is_truncated, answer.marker)?;
        if marker.is_none() {
            return Ok(roles);
        }
    }
}

/// Reads one role; `None` when there is none.
async fn read(session: &Session, address: Address) -> Result<Option<ObservedResource>, CallError> {
    let name = &address.name;
    let (role, inline, attached) = join3(role(session, name), inline(session, name), attached(session, name)).await;
    match role? {
        Some(role) => {
            let arns = attached.as_ref().into_iter().flatten().filter_map(|one| one["policyArn"].as_str());
            let texts = texts(session, boundary_of(&role).into_iter(), arns).await;
            observed(session, address, &role, inline, attached, &texts).map(Some)
        }
        None => Ok(None),
    }
}

/// Reads every role of the selection from the lists of all.
async fn read_many(session: &Session, scope: &Scope, selection: &Selection) -> Result<Reading, CallError> {
    let (details, summaries) = try_join(details(session), summaries(session)).await?;
    let mut reading = Reading::default();
    // Only what is declared is judged; an export says what is attached.
    let named = details.iter().filter(|detail| detail.role_name().is_some_and(|name| selection.asks_for(name)));
    let boundaries = named.clone().filter_map(|detail| detail.permissions_boundary()?.permissions_boundary_arn());
    let attached = named.flat_map(|detail| detail.attached_managed_policies()).filter_map(|policy| policy.policy_arn());
    let texts = texts(session, boundaries, attached).await;
    let mut take = |name: &str, outcome: Result<Option<ObservedResource>, CallError>| match outcome {
        Ok(observed) => reading.resources.extend(observed),
        Err(error) => reading.gaps.push(gap_of(&error, scope, IamRole.name(), Some(name))),
    };
    let mut alone = match selection {
        Selection::Names(names) | Selection::Beside(Beside { names, .. }) => names.clone(),
        Selection::All => Default::default(),
    };
    for detail in &details {
        let Some(name) = detail.role_name() else { continue };
        // Roles of AWS cannot be declared, so they are not told of unless they are asked for.
        let path = detail.path().unwrap_or_default();
        let is_none_of_ours = is_of_aws(path) && !selection.asks_for(name);
        let is_beside = selection.is_beside() && !selection.asks_for(name);
        let trust = detail.assume_role_policy_document().unwrap_or_default();
        if is_none_of_ours || !selection.has(name) || (is_beside && !lets_bedrock_in(trust)) {
            continue;
        }
        match summaries.get(name) {
            Some(summary) => {
                alone.remove(name);
                let address = Address::new(scope, IamRole.name(), name);
                let mut outcome = from_lists(session, address, summary, detail, &texts);
                // The list may omit an existing boundary. Declared as absent, the boundary would be removed.
                if *selection == Selection::All
                    && let (Ok(seen), None) = (&mut outcome, detail.permissions_boundary())
                    && let Some(members) = seen.tree.as_object_mut()
                {
                    members.remove(BOUNDARY);
                }
                take(name, outcome.map(Some));
            }
            None => {
                alone.insert(name.to_owned());
            }
        }
    }
    // The lists may lag behind: what they do not have is asked for by name.
    let reads = alone.iter().map(|name| read(session, Address::new(scope, IamRole.name(), name)));
    for (name, outcome) in alone.iter().zip(join_all(reads).await) {
        take(name, outcome);
    }
    Ok(reading)
}

/// One role from the lists of all, where they answer and show all of it.
async fn from_the_lists(session: &Session, address: &Address) -> Option<ObservedResource> {
    let (details, summaries) = try_join(details(session), summaries(session)).await.ok()?;
    let detail = details.iter().find(|detail| detail.role_name() == Some(&address.name))?;
    let attached = detail.attached_managed_policies().iter().filter_map(AttachedPolicy::policy_arn);
    let boundary = detail.permissions_boundary().and_then(|boundary| boundary.permissions_boundary_arn());
    let texts = texts(session, boundary.into_iter(), attached).await;
    from_lists(session, address.clone(), summaries.get(&address.name)?, detail, &texts).ok()
}

/// Whether a role is one that nobody declared, and that Bedrock may assume.
fn is_other(role: &Role, selection: &Selection) -> bool {
    !is_of_aws(&role.path)
        && selection.has(&role.role_name)
        && lets_bedrock_in(role.assume_role_policy_document().unwrap_or_default())
}

fn named(role: Role) -> String {
    role.role_name
}

fn from_lists(
    session: &Session,
    address: Address,
    summary: &Role,
    detail: &RoleDetail,
    texts: &Texts,
) -> Result<ObservedResource, CallError> {
    let mut role = summary.clone();
    role.assume_role_policy_document.clone_from(&detail.assume_role_policy_document);
    role.permissions_boundary.clone_from(&detail.permissions_boundary);
    role.tags.clone_from(&detail.tags);
    let document =
        |policy: &PolicyDetail| json!({ "policyName": policy.policy_name, "policyDocument": policy.policy_document });
    let inline: Vec<Value> = detail.role_policy_list().iter().map(document).collect();
    let attached = arns(detail.attached_managed_policies());
    let mut observed = observed(session, address, &role, Ok(inline), Ok(attached), texts)?;
    observed.external_id[LISTED] = json!(true);
    Ok(observed)
}

fn observed(
    session: &Session,
    address: Address,
    role: &Role,
    inline: Result<Vec<Value>, CallError>,
    attached: Result<Vec<Value>, CallError>,
    texts: &Texts,
) -> Result<ObservedResource, CallError> {
    let text = |arn: &str| texts.get(arn).and_then(|text| text.as_ref().ok());
    let boundary = boundary_of(role);
    let own = role.tags().iter().filter(|tag| !tags::is_of_aws(tag.key()));
    let mut parts = Parts::of(&json!({
        "path": role.path,
        "description": role.description,
        "maxSessionDuration": role.max_session_duration,
        "assumeRolePolicyDocument": role.assume_role_policy_document,
        "permissionsBoundary": boundary.map(|arn| json!({ "permissionsBoundaryArn": arn, "policyDocument": text(arn) })),
        "tags": own.map(|tag| json!({ "key": tag.key, "value": tag.value })).collect::<Vec<_>>(),
    }));
    if let Some(policies) = parts.take(&[INLINE], inline) {
        parts.put(INLINE, policies);
    }
    let mut used: Vec<String> = boundary.into_iter().map(str::to_owned).collect();
    if let Some(mut policies) = parts.take(&[ATTACHED], attached) {
        for policy in &mut policies {
            let arn = policy["policyArn"].as_str().unwrap_or_default().to_owned();
            if let Some(text) = text(&arn) {
                policy["policyDocument"] = json!(text);
            }
            used.push(arn);
        }
        parts.put(ATTACHED, policies);
    }
    if let Some(Err(error)) = used.iter().find_map(|arn| texts.get(arn).filter(|text| text.is_err())) {
        parts.miss(&[OVERRULED], error);
    }
    let odd = |text: String| odd_answer(session, SERVICE, GET, text);
    let Seen { mut tree, unread, .. } = seen(&IamRole, parts, &[TRUST, INLINE, ATTACHED, "tags"], odd)?;
    if !unread.contains_key(OVERRULED) {
        tree[OVERRULED] = Value::Object(overruled::of(&tree));
    }
    Ok(ObservedResource {
        address,
        unknown_fields: BTreeMap::new(),
        external_id: json!({ "roleName": role.role_name, "roleId": role.role_id, "arn": role.arn }),
        private_state: json!({ "revokesToCome": revokes_to_come(&tree) }),
        tree,
        settled: true,
        unread,
        beside: Value::Null,
    })
}

/// Whether the role has a revocation of sessions that begin in the time to come, a few minutes of wrong clocks granted.
fn revokes_to_come(tree: &Value) -> bool {
    let soon = DateTime::from(SystemTime::now() + Duration::from_secs(300));
    let is_to_come =
        |instant: &String| DateTime::from_str(instant, DateTimeFormat::DateTime).map_or(true, |instant| instant > soon);
    revocation::instants(&tree[INLINE]).iter().any(is_to_come)
}

/// Whether a refusal passes by itself: a new principal is not known everywhere yet, or another write on the role is under
/// way (README.md, Eventual consistency).
fn is_too_early(error: &CallError) -> bool {
    let word = error.code.strip_suffix("Exception").unwrap_or(&error.code);
    match word {
        "MalformedPolicyDocument" => error.message.to_ascii_lowercase().contains("invalid principal"),
        "ConcurrentModification" | "EntityTemporarilyUnmodifiable" => true,
        _ => false,
    }
}

/// Makes one call; gives the id of the request.
async fn write(session: &Session, operation: Operation, request: &Value) -> Result<Option<String>, CallError> {
    macro_rules! sent {
        ($builder:expr) => {
            send!(session, SERVICE, operation.name(), $builder)
                .await
                .map(|answer| answer.request_id().map(str::to_owned))
        };
    }
    let iam = session.client(Client::new);
    let text = |member: &str| request.get(member).and_then(Value::as_str).map(str::to_owned);
    let seconds =
        || request.get("MaxSessionDuration").and_then(Value::as_i64).and_then(|number| number.try_into().ok());
    let (role, policy_name) = (text("RoleName"), text("PolicyName"));
    match operation {
        Operation::CreateRole => sent!(
            iam.create_role()
                .set_role_name(role)
                .set_assume_role_policy_document(text("AssumeRolePolicyDocument"))
                .set_path(text("Path"))
                .set_description(text("Description"))
                .set_max_session_duration(seconds())
                .set_permissions_boundary(text("PermissionsBoundary"))
                .set_tags(tags(session, request)?)
        ),
        Operation::UpdateRole => sent!(
            iam.update_role()
                .set_role_name(role)
                .set_description(text("Description"))
                .set_max_session_duration(seconds())
        ),
        Operation::UpdateAssumeRolePolicy => {
            sent!(iam.update_assume_role_policy().set_role_name(role).set_policy_document(text("PolicyDocument")))
        }
        Operation::PutRolePolicy => sent!(
            iam.put_role_policy()
                .set_role_name(role)
                .set_policy_name(policy_name)
                .set_policy_document(text("PolicyDocument"))
        ),
        Operation::DeleteRolePolicy => {
            sent!(iam.delete_role_policy().set_role_name(role).set_policy_name(policy_name))
        }
        Operation::AttachRolePolicy => {
            sent!(iam.attach_role_policy().set_role_name(role).set_policy_arn(text("PolicyArn")))
        }
        Operation::DetachRolePolicy => {
            sent!(iam.detach_role_policy().set_role_name(role).set_policy_arn(text("PolicyArn")))
        }
        Operation::PutRolePermissionsBoundary => sent!(
            iam.put_role_permissions_boundary()
                .set_role_name(role)
                .set_permissions_boundary(text("PermissionsBoundary"))
        ),
        Operation::DeleteRolePermissionsBoundary => {
            sent!(iam.delete_role_permissions_boundary().set_role_name(role))
        }
        Operation::TagRole => sent!(iam.tag_role().set_role_name(role).set_tags(tags(session, request)?)),
    }
}

/// The tags of a request; `None` where it has none.
fn tags(session: &Session, request: &Value) -> Result<Option<Vec<Tag>>, CallError> {
    let Some(tags) = request.get("Tags").and_then(Value::as_array) else { return Ok(None) };
    let text = |tag: &Value, member: &str| tag.get(member).and_then(Value::as_str).unwrap_or_default().to_owned();
    let tag = |tag: &Value| Tag::builder().key(text(tag, "Key")).value(text(tag, "Value")).build();
    let tags: Result<Vec<Tag>, _> = tags.iter().map(tag).collect();
    tags.map(Some).map_err(|error| reconciler_aws::client::not_sent(session, SERVICE, "Plan", error.to_string()))
}

/// Whether an error says that the write has been made already: by our own lost answer, or by somebody else. Read-back tells
/// whether the role is as declared.
fn is_done(operation: Operation, error: &CallError) -> bool {
    match operation {
        Operation::CreateRole => error.code == "EntityAlreadyExists" || error.code == "EntityAlreadyExistsException",
        Operation::DeleteRolePolicy | Operation::DetachRolePolicy | Operation::DeleteRolePermissionsBoundary => {
            error.class == ErrorClass::NotFound
        }
        _ => false,
    }
}

#[async_trait]
impl ResourceClient for IamRole {
    fn kind(&self) -> &'static dyn Kind {
        &IamRole
    }

    async fn observe(&self, session: &Session, scope: &Scope, selection: &Selection) -> Result<Reading, CallError> {
        let names = match selection.names() {
            Some(names) if names.len() < MANY => names,
            _ => return read_many(session, scope, selection).await,
        };
        let mut reading = Reading::default();
        let others = async { if selection.is_beside() { Some(summaries(session).await) } else { None } };
        let mut names = names.clone();
        match others.await {
            None => {}
            Some(Ok(others)) => names.extend(others.into_values().filter(|role| is_other(role, selection)).map(named)),
            // The declared ones are read all the same.
            Some(Err(error)) => reading.gaps.push(gap_beside(&error, scope, self.name())),
        }
        let reads = names.iter().map(|name| read(session, Address::new(scope, self.name(), name)));
        for (name, outcome) in names.iter().zip(join_all(reads).await) {
            match outcome {
                Ok(observed) => reading.resources.extend(observed),
                Err(error) => reading.gaps.push(gap_of(&error, scope, self.name(), Some(name))),
            }
        }
        Ok(reading)
    }

    async fn read_one(
        &self,
        session: &Session,
        address: &Address,
        external_id: Option<&Value>,
    ) -> Result<Option<ObservedResource>, CallError> {
        let mut seen = read(session, address.clone()).await;
        // Many roles are observed by the lists: who denies the calls for one of them keeps none of them from being restored.
        let is_listed = external_id.is_some_and(|external_id| external_id[LISTED] == true);
        let is_unseen = match &seen {
            Ok(seen) => seen.as_ref().is_some_and(|seen| !seen.unread.is_empty()),
            Err(_) => true,
        };
        if is_listed
            && is_unseen
            && let Some(listed) = from_the_lists(session, address).await
        {
            return Ok(Some(listed));
        }
        if let (true, Ok(Some(seen))) = (is_listed, &mut seen) {
            seen.external_id[LISTED] = json!(true);
        }
        seen
    }

    async fn perform(
        &self,
        session: &Session,
        _: &Address,
        call: &Call,
        _: Option<&Value>,
        _: &WritePermit,
    ) -> Result<WriteResult, CallError> {
        let Some(operation) = Operation::named(&call.operation) else {
            return Err(unknown_call(session, SERVICE, call));
        };
        match until_known(session, is_too_early, || write(session, operation, &call.request)).await {
            Err(error) if is_done(operation, &error) => {
                Ok(WriteResult { external_id: Value::Null, request_id: error.request_id.clone() })
            }
            outcome => Ok(WriteResult { external_id: Value::Null, request_id: outcome? }),
        }
    }
}
