//! The calls of Organizations: the only place that names its SDK.
//!
//! A reading is one ListPolicies, the tree of units level by level, and for each selected policy DescribePolicy,
//! ListTargetsForPolicy and ListTagsForResource side by side. A policy that is read again needs the tree only where it is
//! attached to a unit that the external id does not know, because the documented rates are low (aws/README.md, Rates).

use std::collections::{BTreeMap, BTreeSet};
use std::time::Duration;

use aws_sdk_organizations::Client;
use futures::future::{join, join_all, join3};
use reconciler_aws::client::{ANY, Parts, PinnedNames, Reading, Selection, WriteResult, gap_of, odd_answer, twin};
use reconciler_aws::{Answer, CallError, ErrorClass, Session, call_with_body};
use reconciler_model::address::{Address, Scope};
use reconciler_model::codes;
use reconciler_model::inventory::{Gap, ObservedResource};
use reconciler_model::plan::Call;
use serde_json::{Map, Value, json};

use super::PolicyType;
use super::spec::{CONTENT, TARGETS};
use super::steps::{ENABLED, Operation, OrganizationContext, TYPE_STATUS};
use super::targets::{Names, PINNED, ROOT, canonical, is_account};
use super::tree::{organization, root};
use crate::service_control_policy::ALLOW_ALL;
use crate::shared::normal::{self, OVERRULED, seen, unknown_fields_by_key, without};
use crate::shared::operations::unknown_call;
use crate::shared::tags::{self, KEY_AND_VALUE};

pub(super) const SERVICE: &str = "organizations";

/// How often a write is tried while the service is busy with another change, and the first pause between two tries; each
/// pause is twice as long as the one before.
const EFFECTIVE: &str = "DescribeEffectivePolicy";
const TRIES: u32 = 6;
const FIRST_PAUSE: Duration = Duration::from_millis(200);

/// Members of a policy's summary that are identity, or that the service owns.
const OWNED: &[&str] = &["Id", "Arn", "Name", "Type", "AwsManaged"];

pub(super) fn text<'a>(value: &'a Value, member: &str) -> &'a str {
    value.get(member).and_then(Value::as_str).unwrap_or("")
}

pub(crate) async fn ask(session: &Session, operation: &'static str, body: &Value) -> Result<Answer, CallError> {
    let client = session.client(Client::new);
    macro_rules! sent {
        ($method:ident) => {
            call_with_body!(session, SERVICE, operation, client.$method(), body).await
        };
    }
    match operation {
        "DescribeOrganization" => sent!(describe_organization),
        "ListAccounts" => sent!(list_accounts),
        "ListAccountsForParent" => sent!(list_accounts_for_parent),
        "ListRoots" => sent!(list_roots),
        "ListOrganizationalUnitsForParent" => sent!(list_organizational_units_for_parent),
        "DescribeEffectivePolicy" => sent!(describe_effective_policy),
        "ListPolicies" => sent!(list_policies),
        "ListPoliciesForTarget" => sent!(list_policies_for_target),
        "ListTargetsForPolicy" => sent!(list_targets_for_policy),
        "ListTagsForResource" => sent!(list_tags_for_resource),
        "DescribePolicy" => sent!(describe_policy),
        "CreatePolicy" => sent!(create_policy),
        "UpdatePolicy" => sent!(update_policy),
        "EnablePolicyType" => sent!(enable_policy_type),
        "AttachPolicy" => sent!(attach_policy),
        "DetachPolicy" => sent!(detach_policy),
        "TagResource" => sent!(tag_resource),
        other => {
            Err(reconciler_aws::client::not_sent(session, SERVICE, "Plan", format!("this build does not call {other}")))
        }
    }
}

/// More pages than any organization has: a service that never ends its list is not believed.
const MOST_PAGES: usize = 10_000;

/// Every row of a list. A page may be empty although there is another one.
pub(crate) async fn rows(
    session: &Session,
    operation: &'static str,
    mut request: Value,
    member: &str,
) -> Result<Vec<Value>, CallError> {
    let mut found = Vec::new();
    for _ in 0..MOST_PAGES {
        let answer = ask(session, operation, &request).await?;
        match answer.body.get(member) {
            Some(Value::Array(page)) => found.extend(page.iter().cloned()),
            _ => return Err(odd_answer(session, SERVICE, operation, format!("the answer has no {member}"))),
        }
        match answer.body.get("NextToken").filter(|token| token.as_str().is_some_and(|token| !token.is_empty())) {
            Some(token) => request["NextToken"] = token.clone(),
            None => return Ok(found),
        }
    }
    Err(odd_answer(session, SERVICE, operation, format!("the list does not end after {MOST_PAGES} pages")))
}

/// The policies of the type that are the organization's own, by name.
async fn list(session: &Session, of: &PolicyType) -> Result<BTreeMap<String, Vec<Value>>, CallError> {
    let mut found: BTreeMap<String, Vec<Value>> = BTreeMap::new();
    for row in rows(session, "ListPolicies", json!({ "Filter": of.wire }), "Policies").await? {
        if row.get("AwsManaged") != Some(&Value::Bool(true)) {
            let same = found.entry(text(&row, "Name").to_owned()).or_default();
            if !same.iter().any(|other| other["Id"] == row["Id"]) {
                same.push(row);
            }
        }
    }
    Ok(found)
}

/// What is known of one policy, call by call.
struct Answers {
    /// From DescribePolicy; from ListPolicies where that fails, which knows all of it but what the policy says.
    summary: Value,
    content: Result<String, CallError>,
    targets: Result<Vec<Value>, CallError>,
    tags: Result<Vec<Value>, CallError>,
}

/// Everything about one policy; `None` when it is gone. `listed` is its row in the list, where that was read.
async fn answers(
    session: &Session,
    of: &PolicyType,
    id: &str,
    listed: Option<&Value>,
) -> Result<Option<Answers>, CallError> {
    let by_id = json!({ "PolicyId": id });
    let tags = json!({ "ResourceId": id });
    let (policy, targets, tags) = join3(
        ask(session, "DescribePolicy", &by_id),
        rows(session, "ListTargetsForPolicy", by_id.clone(), "Targets"),
        rows(session, "ListTagsForResource", tags, "Tags"),
    )
    .await;
    let policy = match policy {
        Err(error) if error.code == "PolicyNotFoundException" => return Ok(None),
        Err(error) => Err(error),
        Ok(answer) => match answer.body.get("Policy") {
            Some(policy) if policy["PolicySummary"].is_object() && policy["Content"].is_string() => Ok(policy.clone()),
            _ => Err(odd_answer(session, SERVICE, "DescribePolicy", "the answer has no PolicySummary and Content")),
        },
    };
    let (summary, content) = match policy {
        Ok(policy) => (policy["PolicySummary"].clone(), Ok(text(&policy, "Content").to_owned())),
        Err(error) => match listed {
            Some(listed) => (listed.clone(), Err(error)),
            None => {
                let Ok(policies) = list(session, of).await else { return Err(error) };
                match policies.into_values().flatten().find(|row| text(row, "Id") == id) {
                    Some(listed) => (listed, Err(error)),
                    None => return Ok(None),
                }
            }
        },
    };
    Ok(Some(Answers { summary, content, targets, tags }))
}

fn lowered(name: &str) -> String {
    let mut letters = name.chars();
    letters.next().map(|first| first.to_ascii_lowercase()).into_iter().chain(letters).collect()
}

fn observed(
    session: &Session,
    of: &PolicyType,
    address: Address,
    Seen { summary, content, targets, tags, overruled, status, pinned }: Seen<'_>,
) -> Result<ObservedResource, CallError> {
    let mut live: Map<String, Value> = without(summary, OWNED)
        .as_object()
        .into_iter()
        .flatten()
        .map(|(name, member)| (lowered(name), member.clone()))
        .collect();
    live.remove(CONTENT);
    let mut parts = Parts::of(&Value::Object(live));
    let content = parts.take(&[CONTENT], content);
    let unreadable = content.as_deref().filter(|content| !(of.is_content)(content));
    if let (Some(content), None) = (&content, unreadable) {
        parts.put(CONTENT, content.as_str());
    }
    if let Some(tags) = parts.take(&["tags"], tags) {
        parts.put("tags", tags::of_answer(&tags, KEY_AND_VALUE));
    }
    let targets = parts.take(&[TARGETS], targets);
    if let Some(targets) = &targets {
        parts.put(TARGETS, targets.keys().cloned().collect::<Vec<_>>());
    }
    if of.overruled.is_some()
        && let Some(overruled) = parts.take(&[OVERRULED], overruled)
    {
        parts.put(OVERRULED, overruled);
    }
    let odd = |text: String| odd_answer(session, SERVICE, "DescribePolicy", text);
    let normal::Seen { live, mut tree, unknown, unread } = seen(of.kind, parts, &["tags", TARGETS], odd)?;
    if let Some(content) = unreadable {
        // Text that this build cannot read differs from whatever is declared, and is shown as it is.
        tree[CONTENT] = json!(content);
    }
    let targets = targets.unwrap_or_default();
    let mut external_id = json!({ "policyId": summary.get("Id"), "arn": summary.get("Arn"), TARGETS: targets });
    if !pinned.is_empty() {
        external_id[PINNED] = json!(pinned);
    }
    Ok(ObservedResource {
        address,
        tree,
        unknown_fields: unknown_fields_by_key(&live, unknown, of.kind.contract().list_keys()),
        external_id,
        private_state: json!({ TYPE_STATUS: status }),
        settled: !status.starts_with("PENDING"),
        unread,
        beside: Value::Null,
    })
}

/// A policy by its id; `None` when it is gone. `known` is the organization and the row of the policy in the list, where all of them
/// were read.
async fn read(
    session: &Session,
    of: &PolicyType,
    address: Address,
    id: &str,
    names: &Names<'_>,
    known: Option<(&OrganizationContext, &Value)>,
) -> Result<Option<ObservedResource>, CallError> {
    let (known, listed) = known.unzip();
    let Some(Answers { summary, content, targets: rows, tags }) = answers(session, of, id, listed).await? else {
        return Ok(None);
    };
    let named = match &rows {
        Ok(rows) => named(session, of, rows, names).await,
        Err(error) => Err(error.clone()),
    };
    // What is attached shows that the type is enabled: disabling it takes every attachment away.
    let status = match (rows.is_ok_and(|rows| !rows.is_empty()), known) {
        (true, _) => ENABLED.to_owned(),
        (false, Some(scope_context)) => scope_context.policy_type.clone(),
        (false, None) => match root(session, of).await {
            Ok(root) => root.policy_type,
            // Whoever may not look at the root goes on attaching.
            Err(error) if error.class == ErrorClass::Denied => String::new(),
            Err(error) => return Err(error),
        },
    };
    let overruled = match (of.overruled, &named, &content) {
        (None, ..) => Ok(Map::new()),
        (Some(_), Err(error), _) | (Some(_), _, Err(error)) => Err(error.clone()),
        (Some(differences), Ok(named), Ok(content)) => {
            let content = serde_json::from_str(content).unwrap_or(Value::Null);
            let known = known.filter(|known| known.unread.is_none());
            overruled(session, of, differences, &content, named, known).await
        }
    };
    let seen =
        Seen { summary: &summary, content, targets: named, tags, overruled, status: &status, pinned: &names.pinned };
    observed(session, of, address, seen).map(Some)
}

/// The effective policies below these targets that differ from the content, by account. One account of a unit speaks for those
/// that inherit the same.
async fn overruled(
    session: &Session,
    of: &PolicyType,
    differences: fn(&Value, &Value) -> Map<String, Value>,
    content: &Value,
    targets: &Map<String, Value>,
    known: Option<&OrganizationContext>,
) -> Result<Map<String, Value>, CallError> {
    if targets.is_empty() || !content.is_object() {
        return Ok(Map::new());
    }
    let fresh = match known {
        Some(_) => None,
        None => Some(organization(session, of).await?),
    };
    let Some(tree) = known.or(fresh.as_ref()) else { return Ok(Map::new()) };
    let mut parents: BTreeSet<&str> = BTreeSet::new();
    let mut asked: BTreeSet<String> = BTreeSet::new();
    for (target, id) in targets {
        if is_account(target) {
            asked.insert(target.clone());
            continue;
        }
        parents.extend(id.as_str());
        // A unit that is pinned may be called otherwise today.
        let path = tree.units.iter().find(|(_, unit)| *unit == id).map_or(target, |(path, _)| path);
        let below = tree.units.iter().filter(|(at, _)| target == ROOT || at.starts_with(&format!("{path}/")));
        parents.extend(below.filter_map(|(_, id)| id.as_str()));
    }
    // Accounts that have a policy of their own inherit otherwise than their neighbours.
    let policies = list(session, of).await?;
    let own = policies.values().flatten().map(|policy| async move {
        rows(session, "ListTargetsForPolicy", json!({ "PolicyId": policy["Id"] }), "Targets").await
    });
    let own = join_all(own).await.into_iter().collect::<Result<Vec<_>, _>>()?;
    let own: BTreeSet<&str> =
        own.iter().flatten().filter(|row| text(row, "Type") == "ACCOUNT").map(|row| text(row, "TargetId")).collect();
    let members =
        parents.iter().map(|id| rows(session, "ListAccountsForParent", json!({ "ParentId": id }), "Accounts"));
    for accounts in join_all(members).await {
        let accounts = accounts?;
        // AWS retires `Status`, and answers `State` in its place.
        let is_off = |account: &Value, member| ["SUSPENDED", "CLOSED"].contains(&text(account, member));
        let active = accounts.iter().filter(|account| !is_off(account, "State") && !is_off(account, "Status"));
        let mut ids: Vec<&str> = active.map(|account| text(account, "Id")).collect();
        ids.sort_unstable();
        asked.extend(ids.iter().filter(|id| own.contains(*id)).map(|id| (*id).to_owned()));
        asked.extend(ids.iter().find(|id| !own.contains(*id)).map(|id| (*id).to_owned()));
    }
    let looks = asked.iter().map(|account| async move {
        let request = json!({ "PolicyType": of.wire, "TargetId": account });
        let effective = match ask(session, EFFECTIVE, &request).await {
            Ok(answer) => {
                let content = answer.body.pointer("/EffectivePolicy/PolicyContent").and_then(Value::as_str);
                // What cannot be read is not "nothing is effective".
                let odd = || odd_answer(session, SERVICE, EFFECTIVE, "the effective policy cannot be read");
                content.and_then(|text| serde_json::from_str(text).ok()).ok_or_else(odd)?
            }
            Err(error) if error.code == "EffectivePolicyNotFoundException" => Value::Null,
            Err(error) => return Err(error),
        };
        Ok((account, effective))
    });
    let mut found = Map::new();
    for look in join_all(looks).await {
        let (account, effective) = look?;
        let differs = differences(content, &effective);
        if !differs.is_empty() {
            found.insert(account.clone(), Value::Object(differs));
        }
    }
    Ok(found)
}

/// What was read of one policy.
struct Seen<'a> {
    summary: &'a Value,
    content: Result<String, CallError>,
    targets: Result<Map<String, Value>, CallError>,
    tags: Result<Vec<Value>, CallError>,
    overruled: Result<Map<String, Value>, CallError>,
    status: &'a str,
    pinned: &'a Map<String, Value>,
}

/// The targets by name, by units that are read again where one is not among the known ones.
async fn named(
    session: &Session,
    of: &PolicyType,
    rows: &[Value],
    names: &Names<'_>,
) -> Result<Map<String, Value>, CallError> {
    if let Some(named) = names.of_targets(rows) {
        return Ok(named);
    }
    let fresh = match organization(session, of).await {
        Ok(fresh) => fresh.units,
        // None of those that are declared is among them: whatever they are called, they are others.
        Err(_) if names.are_all_pinned() => return Ok(names.of_targets_by_id(rows)),
        Err(error) => return Err(error),
    };
    let names = Names { units: &fresh, ..names.clone() };
    match names.of_targets(rows) {
        Some(named) => Ok(named),
        None if names.are_all_pinned() => Ok(names.of_targets_by_id(rows)),
        None => {
            let text = "the policy is attached to a unit that is not in the tree, or whose path is not its own";
            Err(odd_answer(session, SERVICE, "ListTargetsForPolicy", text))
        }
    }
}

/// The gap of everything, where the account is the wrong one.
fn not_here(error: &CallError, scope: &Scope, of: &PolicyType) -> Option<Gap> {
    const REMEDY: &str = "organization policies are read and written in the management account, or in an account that its \
                          resource policy delegates to: `managementAccount` of organization.yaml has to name it, and the \
                          role there needs organizations:List*, organizations:DescribePolicy and the writes";
    let (code, denied) = match error.code.as_str() {
        "AWSOrganizationsNotInUseException" => (codes::ORGANIZATION_ACCESS, true),
        "AccessDeniedException" => (codes::DENIED, error.service == SERVICE),
        _ => ("", false),
    };
    let mut gap = gap_of(error, scope, of.kind.name(), None);
    code.clone_into(&mut gap.code);
    REMEDY.clone_into(&mut gap.remedy);
    denied.then_some(gap)
}

fn gap(scope: &Scope, of: &PolicyType, name: &str, code: &str, reason: String, remedy: &str) -> Gap {
    let (scope, kind, name) = (scope.clone(), of.kind.name().to_owned(), Some(name.to_owned()));
    Gap { scope, kind, name, code: code.to_owned(), reason, remedy: remedy.to_owned(), ..Gap::default() }
}

/// Reads the selected policies and the tree that they are attached to.
pub(crate) async fn observe(
    of: &PolicyType,
    session: &Session,
    scope: &Scope,
    selection: &Selection,
    pinned: &PinnedNames,
) -> Result<Reading, CallError> {
    let pinned = pinned_targets(pinned);
    let (policies, scope_context) = join(list(session, of), organization(session, of)).await;
    let mut policies = match policies {
        Ok(policies) => policies,
        Err(error) => {
            let gaps = vec![not_here(&error, scope, of).ok_or(error)?];
            return Ok(Reading { gaps, ..Reading::default() });
        }
    };
    if selection.is_beside() {
        let twins: Vec<_> = policies.extract_if(.., |name, same| same.len() > 1 && !selection.asks_for(name)).collect();
        for (name, same) in twins {
            policies.extend(same.into_iter().map(|one| (twin(&name, text(&one, "Id")), vec![one])));
        }
    }
    let mut reading = Reading::default();
    // Without the tree, only pinned units have known names and places.
    let are_all_pinned = Names { units: &Map::new(), pinned: pinned.clone() }.are_all_pinned();
    let mut scope_context = match scope_context {
        Ok(scope_context) => scope_context,
        Err(error) => {
            if let Some(names) = selection.names().filter(|_| !are_all_pinned) {
                let gap = |name: &String| Gap {
                    fields: vec![TARGETS.to_owned()],
                    ..gap_of(&error, scope, of.kind.name(), Some(name))
                };
                reading.gaps.extend(names.iter().filter(|name| !policies.contains_key(*name)).map(gap));
            }
            let unread = Some(gap_of(&error, scope, of.kind.name(), None).reason);
            OrganizationContext { unread, ..root(session, of).await.unwrap_or_default() }
        }
    };
    // What is called as it is pinned needs no pin to be named.
    let mut elsewhere = pinned.clone();
    elsewhere.retain(|path, id| id == ANY || scope_context.unread.is_some() || !scope_context.is_at(path, id));
    if elsewhere.values().all(|id| id == ANY) {
        elsewhere.clear();
    }
    scope_context.pinned = pinned;
    let names = Names { units: &scope_context.units, pinned: elsewhere };
    let selected = policies.iter().filter(|(name, _)| selection.has(name));
    let reads = selected.map(|(name, same)| {
        let (scope_context, names) = (&scope_context, &names);
        async move {
            let [one] = &same[..] else {
                let ids: Vec<&str> = same.iter().map(|one| text(one, "Id")).collect();
                let reason = format!("{} policies are named {name}: {}", same.len(), ids.join(", "));
                return Err(gap(scope, of, name, codes::AMBIGUOUS, reason, "rename or remove all but one of them"));
            };
            let address = Address::new(scope, of.kind.name(), name);
            match read(session, of, address, text(one, "Id"), names, Some((scope_context, one))).await {
                Ok(Some(observed)) => Ok(observed),
                Ok(None) => {
                    let reason = "it is listed, and not found when it is read".to_owned();
                    let remedy = "plan again: it is being created or deleted";
                    Err(gap(scope, of, name, codes::ODD_ANSWER, reason, remedy))
                }
                Err(error) => Err(gap_of(&error, scope, of.kind.name(), Some(name))),
            }
        }
    });
    for outcome in join_all(reads).await {
        match outcome {
            Ok(observed) => {
                reading.resources.push(ObservedResource { beside: json!({ PINNED: scope_context.pinned }), ..observed })
            }
            Err(gap) => reading.gaps.push(gap),
        }
    }
    reading.scope_context = serde_json::to_value(&scope_context).unwrap_or_default();
    Ok(reading)
}

/// What the targets of declarations are pinned to, in their one spelling.
fn pinned_targets(pinned: &PinnedNames) -> Map<String, Value> {
    let target = |(name, ids): (&String, &Vec<String>)| Some((canonical(name).ok()?, json!(ids.first()?)));
    pinned.iter().filter_map(target).collect()
}

/// Reads one policy afresh.
pub(crate) async fn read_one(
    of: &PolicyType,
    session: &Session,
    address: &Address,
    external_id: Option<&Value>,
) -> Result<Option<ObservedResource>, CallError> {
    let external_id = external_id.cloned().unwrap_or_default();
    let member = |member: &str| external_id.get(member).and_then(Value::as_object).cloned().unwrap_or_default();
    let (units, pinned) = (member(TARGETS), member(PINNED));
    let names = Names { units: &units, pinned };
    if let Some(id) = external_id.get("policyId").and_then(Value::as_str) {
        return read(session, of, address.clone(), id, &names, None).await;
    }
    match &list(session, of).await?.remove(&address.name).unwrap_or_default()[..] {
        [] => Ok(None),
        [one] => read(session, of, address.clone(), text(one, "Id"), &names, None).await,
        several => {
            let text = format!("{} policies are named {}", several.len(), address.name);
            Err(odd_answer(session, SERVICE, "ListPolicies", text))
        }
    }
}

/// Writes, again where the service is still busy with another change of the organization.
async fn write(session: &Session, operation: &'static str, body: &Value) -> Result<Answer, CallError> {
    let mut pause = FIRST_PAUSE;
    for _ in 1..TRIES {
        match ask(session, operation, body).await {
            Err(error)
                if matches!(
                    error.code.as_str(),
                    "ConcurrentModificationException" | "PolicyChangesInProgressException"
                ) =>
            {
                tokio::time::sleep(pause).await;
                pause *= 2;
            }
            outcome => return outcome,
        }
    }
    ask(session, operation, body).await
}

/// Whether an error says that what was asked for is so already.
fn is_done(operation: Operation, error: &CallError) -> bool {
    let done = match operation {
        // Our own answer was lost, or somebody else created it. Read-back tells whether it is as declared.
        Operation::CreatePolicy => "DuplicatePolicyException",
        Operation::EnablePolicyType => "PolicyTypeAlreadyEnabledException",
        Operation::AttachPolicy => "DuplicatePolicyAttachmentException",
        Operation::DetachPolicy => "PolicyNotAttachedException",
        Operation::UpdatePolicy | Operation::TagResource => return false,
    };
    error.code == done
}

/// The other policies of a target from which this one is detached, or to which it is attached; `None` where they do not matter or
/// cannot be read. Then the policy stays where it is, and nothing else waits.
pub(crate) async fn inspect(
    of: &PolicyType,
    session: &Session,
    want: &Value,
    live: Option<&ObservedResource>,
) -> Option<Value> {
    of.holds_on?;
    let live = live?;
    let wanted = want.get(TARGETS)?.as_object()?;
    let attached = live.external_id.get(TARGETS)?.as_object()?;
    let stale: Vec<(&String, &Value)> = attached.iter().filter(|(name, _)| !wanted.contains_key(*name)).collect();
    let missing: Vec<&String> = wanted.keys().filter(|name| !attached.contains_key(*name)).collect();
    if stale.is_empty() && missing.is_empty() {
        return None;
    }
    let own = &live.external_id["policyId"];
    let mut beside = Map::new();
    for (name, id) in stale {
        if let Some(texts) = texts_beside(session, of, id, own).await {
            beside.insert(name.clone(), json!(texts));
        }
    }
    let found = Box::pin(organization(session, of)).await.ok()?;
    let pinned = live.beside.get(PINNED).and_then(Value::as_object).cloned().unwrap_or_default();
    let mut found = OrganizationContext { beside, pinned, ..found };
    for target in missing {
        let Ok(id) = found.id_of(target) else { continue };
        let asked = json!({ "TargetId": id, "Filter": of.wire });
        let Ok(there) = Box::pin(rows(session, "ListPoliciesForTarget", asked, "Policies")).await else { continue };
        if there.len() >= of.crowded_from {
            let others = there.iter().filter(|one| one["AwsManaged"] != true).map(|one| text(one, "Name"));
            found.crowds.insert(target.clone(), others.collect::<BTreeSet<_>>().into_iter().collect());
        }
    }
    serde_json::to_value(found).ok()
}

/// The texts of what is attached to a target beside the policy of this id.
async fn texts_beside(session: &Session, of: &PolicyType, target: &Value, own: &Value) -> Option<Vec<String>> {
    let asked = json!({ "TargetId": target, "Filter": of.wire });
    let attached = Box::pin(rows(session, "ListPoliciesForTarget", asked, "Policies")).await.ok()?;
    let mut texts = Vec::new();
    for one in attached.iter().filter(|one| one["Id"] != *own) {
        if text(one, "Name") == "FullAWSAccess" && one["AwsManaged"] == true {
            texts.push(ALLOW_ALL.to_owned());
            continue;
        }
        let by_id = json!({ "PolicyId": one["Id"] });
        let answer = Box::pin(ask(session, "DescribePolicy", &by_id)).await.ok()?;
        texts.push(text(answer.body.get("Policy")?, "Content").to_owned());
    }
    Some(texts)
}

/// Carries out one op.
pub(crate) async fn perform(
    session: &Session,
    call: &Call,
    external_id: Option<&Value>,
) -> Result<WriteResult, CallError> {
    let Some(operation) = Operation::named(&call.operation) else { return Err(unknown_call(session, SERVICE, call)) };
    let answer = match write(session, operation.name(), &call.request).await {
        Err(error) if is_done(operation, &error) => Answer { body: json!({}), request_id: error.request_id.clone() },
        outcome => outcome?,
    };
    let mut external_id = external_id.cloned().unwrap_or_default();
    match (operation, call.named.get("TargetId")) {
        (Operation::CreatePolicy, _) => {
            external_id = match answer.body.pointer("/Policy/PolicySummary/Id").filter(|id| id.is_string()) {
                Some(id) => json!({ "policyId": id, TARGETS: {} }),
                None => Value::Null,
            };
        }
        (Operation::AttachPolicy, Some(target)) => external_id[TARGETS][target] = call.request["TargetId"].clone(),
        _ => {}
    }
    Ok(WriteResult { external_id, request_id: answer.request_id })
}

/// Implements the resource client of a kind that is a type of organization policy: the calls are the same for each.
macro_rules! client_of {
    ($kind:ident, $of:path) => {
        #[async_trait]
        impl ResourceClient for $kind {
            fn kind(&self) -> &'static dyn Kind {
                &$kind
            }

            async fn observe(
                &self,
                session: &Session,
                scope: &Scope,
                selection: &Selection,
            ) -> Result<Reading, CallError> {
                crate::shared::organizations::client::observe(&$of, session, scope, selection, &PinnedNames::new())
                    .await
            }

            /// The pins are those of targets.
            async fn observe_pinned(
                &self,
                session: &Session,
                scope: &Scope,
                selection: &Selection,
                pinned: &PinnedNames,
            ) -> Result<Reading, CallError> {
                crate::shared::organizations::client::observe(&$of, session, scope, selection, pinned).await
            }

            async fn read_one(
                &self,
                session: &Session,
                address: &Address,
                external_id: Option<&Value>,
            ) -> Result<Option<ObservedResource>, CallError> {
                crate::shared::organizations::client::read_one(&$of, session, address, external_id).await
            }

            async fn inspect(
                &self,
                session: &Session,
                _: &Address,
                want: &Value,
                live: Option<&ObservedResource>,
                _: &[String],
            ) -> Result<Option<Value>, CallError> {
                Ok(Box::pin(crate::shared::organizations::client::inspect(&$of, session, want, live)).await)
            }

            async fn perform(
                &self,
                session: &Session,
                _: &Address,
                call: &Call,
                external_id: Option<&Value>,
                _: &WritePermit,
            ) -> Result<WriteResult, CallError> {
                crate::shared::organizations::client::perform(session, call, external_id).await
            }
        }
    };
}
pub(crate) use client_of;
