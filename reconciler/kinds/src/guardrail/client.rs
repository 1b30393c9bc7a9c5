//! The resource client of guardrails: the only place of this kind that names the SDK, but for how guardrails are found
//! (`guardrails.rs`).
//!
//! A guardrail is read with GetGuardrail for the DRAFT, ListGuardrails for its versions, GetGuardrail for the newest of
//! them, and ListTagsForResource; the first, second and fourth run side by side. The older versions of a declared one follow.

use std::collections::BTreeMap;

use async_trait::async_trait;
use aws_sdk_bedrock::Client;
use futures::future::{join_all, join3};
use jiff::Timestamp;
use reconciler_aws::client::{
    ANY, LookedUp, LookupSource, PinnedNames, Reading, ResourceClient, Selection, WriteResult, gap_of, odd_answer,
    twin, unread_of,
};
use reconciler_aws::{Answer, CallError, CallFacts, ErrorClass, Session, call, call_with_body};
use reconciler_model::address::{Address, Scope};
use reconciler_model::attribution::{Snapshot, Traces};
use reconciler_model::codes;
use reconciler_model::desired::VERSIONS;
use reconciler_model::inventory::{Gap, ObservedResource};
use reconciler_model::kind::{Kind, Origin};
use reconciler_model::permit::WritePermit;
use reconciler_model::plan::Call;
use reconciler_model::tree::{self, Path};
use serde_json::{Map, Value, json};

use super::spec::{CONTRACT, FAILED, PUBLISHED, READY, STATUS, as_published, published_members, published_of};
use super::steps::{Beside, Needed, PrivateState};
use super::{Guardrail, older};
use crate::shared::guardrails::{
    DRAFT, Found, GET, Ids, NAME, ambiguous, by_name, by_name_or_pin, get, ids_of, list, named,
};
use crate::shared::normal::{unknown_fields_by_key, without};
use crate::shared::operations::unknown_call;
use crate::shared::tags;

const SERVICE: &str = "bedrock";
const ENFORCED: &str = "ListEnforcedGuardrailsConfiguration";
/// The member with which a version cannot be enforced (kinds/enforced_guardrail/README.md, What cannot be enforced).
pub(super) const REASONING: &str = "automatedReasoningPolicy";

/// Members of GetGuardrail that are identity, or that the service owns.
const OWNED: &[&str] = &[
    "name",
    "guardrailId",
    "guardrailArn",
    "version",
    "status",
    "statusReasons",
    "failureRecommendations",
    "createdAt",
    "updatedAt",
];

/// Versions that are read when it is asked who has changed a guardrail: the newest, of which one is usually as declared.
const MOST_TRACES: usize = 8;

/// Whether a word is one of those that the service has for the status of a guardrail.
fn is_known(status: &str) -> bool {
    matches!(status, READY | FAILED | "CREATING" | "UPDATING" | "VERSIONING" | "DELETING")
}

async fn tags(session: &Session, arn: &str) -> Result<Value, CallError> {
    let bedrock = session.client(Client::new);
    let request = bedrock.list_tags_for_resource().resource_arn(arn);
    let answer = call!(session, SERVICE, "ListTagsForResource", request).await?;
    match answer.body.get("tags") {
        Some(Value::Array(tags)) => Ok(Value::Array(tags::of_answer(tags, ("key", "value")))),
        _ => Err(odd_answer(session, SERVICE, "ListTagsForResource", "the answer has no tags")),
    }
}

/// The version numbers that the account's enforced configuration names for the guardrail.
///
/// Only read when a version has to be deleted, and after a restore.
async fn enforced(session: &Session, ids: &Ids) -> Result<Vec<u32>, CallError> {
    let bedrock = session.client(Client::new);
    let mut configs = Vec::new();
    let mut next: Option<String> = None;
    loop {
        // A page has one of them.
        let request = bedrock.list_enforced_guardrails_configuration().set_next_token(next);
        let answer = call!(session, SERVICE, ENFORCED, request).await?;
        // What is taken for not enforced may be deleted.
        let Some(Value::Array(rows)) = answer.body.get("guardrailsConfig") else {
            return Err(odd_answer(session, SERVICE, ENFORCED, "the answer has no guardrailsConfig"));
        };
        configs.extend(rows.iter().cloned());
        next = answer.body.get("nextToken").and_then(Value::as_str).map(str::to_owned);
        if next.is_none() {
            break;
        }
    }
    let names = |config: &&Value| {
        config.get("guardrailId").is_some_and(|id| *id == ids.id)
            || config.get("guardrailArn").is_some_and(|arn| *arn == ids.arn)
    };
    let version = |config: &Value| config.get("guardrailVersion")?.as_str()?.parse().ok();
    Ok(configs.iter().filter(names).filter_map(version).collect())
}

struct Content {
    tree: Value,
    unknown_fields: BTreeMap<String, Value>,
}

fn content(session: &Session, answer: &Value, tags: Option<Value>) -> Result<Content, CallError> {
    content_left(session, &mut without(answer, OWNED), tags)
}

/// As [`content`], of an answer without what the service owns.
fn content_left(session: &Session, live: &mut Value, tags: Option<Value>) -> Result<Content, CallError> {
    if let Some(profile) = live.get_mut("crossRegionDetails").and_then(Value::as_object_mut) {
        profile.remove("guardrailProfileArn");
    }
    if let (Some(tags), Some(members)) = (tags, live.as_object_mut()) {
        members.insert("tags".into(), tags);
    }
    let normalised = Guardrail.normalise(live, Origin::Live);
    if let Some(problem) = normalised.problems.first() {
        return Err(odd_answer(session, SERVICE, GET, format!("{}: {}", problem.path, problem.detail)));
    }
    Ok(Content {
        tree: normalised.tree,
        unknown_fields: unknown_fields_by_key(live, normalised.unknown, CONTRACT.list_keys()),
    })
}

/// What the answer of a published version holds.
pub(super) fn content_of(session: &Session, answer: &Value) -> Result<Value, CallError> {
    Ok(published_of(&content(session, answer, None)?.tree))
}

/// Takes the members out of an answer that the service owns.
fn take_owned(answer: &mut Value) -> Map<String, Value> {
    let members = answer.as_object_mut().into_iter();
    members.flat_map(|members| OWNED.iter().filter_map(move |name| members.remove_entry(*name))).collect()
}

/// The elements in the order of their names; `None` where one has none, or two have one.
fn by_name_of<'v>(elements: &'v [Value], key: Option<&str>) -> Option<Vec<(&'v str, &'v Value)>> {
    let name_of = |element: &'v Value| match key {
        Some(key) => element.get(key)?.as_str(),
        None => element.as_str(),
    };
    let named = elements.iter().map(|element| Some((name_of(element)?, element)));
    let mut named = named.collect::<Option<Vec<_>>>()?;
    named.sort_unstable_by_key(|(name, _)| *name);
    named.is_sorted_by(|(one, _), (other, _)| one < other).then_some(named)
}

/// Whether the answer of a version holds what that of the DRAFT does, so that it has the same normal form. Its description is its
/// own, and lists are in no order.
fn says_the_same(version: &Value, draft: &Value) -> bool {
    fn said(answer: &Value) -> impl Iterator<Item = (&String, &Value)> {
        let is_own = |name: &str| name == "description" || OWNED.contains(&name);
        answer.as_object().into_iter().flatten().filter(move |(name, _)| !is_own(name))
    }
    fn same_members<'v>(
        one: impl Iterator<Item = (&'v String, &'v Value)>,
        mut other: impl Iterator<Item = (&'v String, &'v Value)>,
        path: &mut Path,
    ) -> bool {
        for (name, value) in one {
            let is_same = other.next().is_some_and(|(its, other)| its == name && same_at(name, value, other, path));
            if !is_same {
                return false;
            }
        }
        other.next().is_none()
    }
    fn same_at(name: &str, one: &Value, other: &Value, path: &mut Path) -> bool {
        // Only lists ask where they are.
        if !one.is_object() && !one.is_array() {
            return one == other;
        }
        path.push(name);
        let is_same = same(one, other, path);
        path.pop();
        is_same
    }
    fn same(one: &Value, other: &Value, path: &mut Path) -> bool {
        match (one, other) {
            (Value::Object(one), Value::Object(other)) => same_members(one.iter(), other.iter(), path),
            (Value::Array(one), Value::Array(other)) => {
                let key = CONTRACT.list_keys().key_of(path);
                let (Some(one), Some(other)) = (by_name_of(one, key), by_name_of(other, key)) else { return false };
                one.len() == other.len()
                    && one
                        .iter()
                        .zip(&other)
                        .all(|((name, one), (its, other))| name == its && same_at(name, one, other, path))
            }
            (one, other) => one == other,
        }
    }
    same_members(said(version), said(draft), &mut Path::root())
        && version.get("description").is_none_or(Value::is_string)
}

/// Where the normal form has a value of its own, because the answer has none.
fn unsaid(answer: &Value, tree: &Value) -> Vec<Path> {
    fn walk(answer: &Value, tree: &Value, path: &mut Path, found: &mut Vec<Path>) {
        let elements = answer.as_array().and_then(|elements| Some((elements, CONTRACT.list_keys().key_of(path)?)));
        let by_name = elements.and_then(|(elements, key)| by_name_of(elements, Some(key)));
        for (name, member) in tree.as_object().into_iter().flatten().filter(|(_, member)| !member.is_null()) {
            // What the answer has for the member or, in a list, for the element with that key.
            let said = match (&by_name, elements) {
                (Some(named), _) => named
                    .binary_search_by(|(one, _)| one.cmp(&name.as_str()))
                    .ok()
                    .and_then(|at| named.get(at))
                    .map(|(_, said)| *said),
                (None, Some((elements, key))) => elements.iter().find(|one| one.get(key) == member.get(key)),
                (None, None) => answer.get(name),
            };
            match said.filter(|said| !said.is_null()) {
                Some(said) if member.is_object() => {
                    path.push(name);
                    walk(said, member, path, found);
                    path.pop();
                }
                Some(_) => {}
                None => found.push(path.child(name)),
            }
        }
    }
    let mut found = Vec::new();
    for (section, member) in published_members(tree) {
        if let Some(answer) = answer.get(section).filter(|answer| answer.is_object()) {
            walk(answer, member, &mut Path::of([section]), &mut found);
        }
    }
    found
}

/// The id of another guardrail that has a name. Where that cannot be told, the name is tried to be put back.
async fn holder(session: &Session, name: &str, ids: Option<&Ids>) -> Option<String> {
    let rows = list(session, None).await.ok()?;
    let others = rows.iter().filter_map(ids_of).filter(|(_, other)| ids.is_none_or(|ids| other.id != ids.id));
    others.filter(|(other, _)| other == name).map(|(_, other)| other.id).min()
}

/// Everything about one guardrail; `None` when it is gone.
async fn read(session: &Session, address: &Address, ids: &Ids) -> Result<Option<ObservedResource>, CallError> {
    let versions = async {
        let rows = list(session, Some(&ids.id)).await?;
        let mut numbers: Vec<u32> = rows.iter().filter_map(|row| row.get("version")?.as_str()?.parse().ok()).collect();
        numbers.sort_unstable();
        let newest = match numbers.last() {
            Some(newest) => get(session, &ids.id, &newest.to_string()).await.map(Some),
            None => Ok(None),
        };
        Ok::<_, CallError>((numbers, newest))
    };
    let (draft, versions, tags) = join3(get(session, &ids.id, DRAFT), versions, tags(session, &ids.arn)).await;
    let mut draft = match draft {
        // Only the DRAFT tells that the guardrail is gone; a version may go while the others are read.
        Err(error) if error.class == ErrorClass::NotFound => return Ok(None),
        outcome => outcome?,
    };
    // The DRAFT is known whatever becomes of the rest.
    let mut unread = BTreeMap::new();
    let tags = tags.map_err(|error| unread.insert("tags".to_owned(), unread_of(&error))).ok();
    let (numbers, newest) = match versions {
        Ok((numbers, newest)) => (numbers, newest),
        Err(error) => (Vec::new(), Err(error)),
    };
    let published = newest.and_then(|newest| {
        let Some(newest) = newest else { return Ok(None) };
        let own = if says_the_same(&newest, &draft) { None } else { Some(content(session, &newest, None)?) };
        Ok(Some((newest, own)))
    });
    let published = published.map_err(|error| unread.insert(PUBLISHED.to_owned(), unread_of(&error))).ok();
    let newest = published.as_ref().and_then(|published| published.as_ref()).map(|(newest, _)| newest);
    let word = |status: Option<&Value>| status.and_then(Value::as_str).unwrap_or("").to_owned();
    let status = |answer: &Value| word(answer.get("status"));
    let mut owned = take_owned(&mut draft);
    let draft_status = word(owned.get("status"));
    if draft_status == "DELETING" {
        return Ok(None);
    }
    let mut whole = content_left(session, &mut draft, tags)?;
    if let Some(published) = &published {
        let tree = published.as_ref().map(|(_, own)| as_published(own.as_ref().map_or(&whole.tree, |own| &own.tree)));
        whole.tree[PUBLISHED] = tree.unwrap_or(Value::Null);
    }
    if let Some(members) = whole.tree.as_object_mut() {
        members.retain(|member, _| !unread.contains_key(member));
    }
    // Only one that was found by its pin has another name than its address.
    let mut taken_by = None;
    if let Some(name) = owned.get("name").filter(|name| **name != address.name) {
        whole.tree[NAME] = name.clone();
        if name.as_str().is_none_or(|name| address.name != twin(name, &ids.id)) {
            taken_by = holder(session, &address.name, Some(ids)).await;
        }
    }
    let reasons = owned.remove("statusReasons").unwrap_or_default();
    // Whether it is served is not known where the service says something else than this build knows.
    let newest_status = newest.map(&status);
    let words = [("the DRAFT", Some(&draft_status)), ("the newest version", newest_status.as_ref())];
    let odd = words.into_iter().filter_map(|(which, word)| Some((which, word.filter(|word| !is_known(word))?)));
    for (which, word) in odd {
        let error = odd_answer(
            session,
            SERVICE,
            GET,
            format!("the status of {which} is `{word}`, which this build does not know"),
        );
        unread.insert(STATUS.to_owned(), unread_of(&error));
        whole.tree.as_object_mut().and_then(|members| members.remove(STATUS));
    }
    // What is still changing is not settled, and neither kept for good nor lost.
    if draft_status == FAILED {
        whole.tree[STATUS] = json!(FAILED);
    }
    if newest.is_some_and(|newest| status(newest) == FAILED) {
        whole.tree[PUBLISHED][STATUS] = json!(FAILED);
    }
    let private_state = PrivateState {
        versions: numbers,
        failed: (draft_status == FAILED).then(|| serde_json::from_value(reasons).unwrap_or_default()),
        taken_by,
    };
    let beside = Beside { unsaid: unsaid(&draft, &whole.tree), older: Vec::new() };
    // What is not known may last: nothing is waited for that may never come.
    let lasts = |status: &str| matches!(status, READY | FAILED) || !is_known(status);
    Ok(Some(ObservedResource {
        address: address.clone(),
        tree: whole.tree,
        unknown_fields: whole.unknown_fields,
        external_id: ids.external_id(),
        private_state: serde_json::to_value(&private_state).unwrap_or(Value::Null),
        settled: lasts(&draft_status) && newest.is_none_or(|newest| lasts(&status(newest))),
        unread,
        beside: serde_json::to_value(&beside).unwrap_or(Value::Null),
    }))
}

/// Whether the content of a version is what a tree declares.
fn has_what_is_declared(session: &Session, answer: &Value, want: &Value) -> Result<bool, CallError> {
    let content = content_of(session, answer)?;
    let declared = published_of(want);
    Ok(tree::differences(&tree::restricted(&content, &declared), &declared, &[]).is_empty())
}

/// Which versions must not make room for another: those that are enforced, and those that are as declared.
async fn needed(session: &Session, ids: &Ids, private_state: &PrivateState, want: &Value) -> Result<Needed, CallError> {
    let reads = private_state.versions.iter().map(|number| async move {
        let answer = get(session, &ids.id, &number.to_string()).await?;
        Ok::<_, CallError>(has_what_is_declared(session, &answer, want)?.then_some(*number))
    });
    let (enforced, same) = futures::join!(enforced(session, ids), join_all(reads));
    let as_declared = same.into_iter().collect::<Result<Vec<_>, _>>()?.into_iter().flatten().collect();
    Ok(Needed { enforced: enforced?, as_declared, ..Needed::default() })
}

/// As [`read`], side by side with others, because the normal form takes longer than the call. A declared guardrail comes with its
/// older versions, and the gaps of those that could not be read.
async fn read_beside(
    session: &Session,
    scope: Scope,
    address: Address,
    ids: Ids,
    is_declared: bool,
) -> Result<Option<(ObservedResource, Vec<Gap>)>, CallError> {
    let own = session.clone();
    // In a box from the start, because what waits for a call is large and would be moved several times.
    let reads = Box::pin(async move {
        let Some(mut observed) = read(&own, &address, &ids).await? else { return Ok(None) };
        let private_state: PrivateState = serde_json::from_value(observed.private_state.clone()).unwrap_or_default();
        let Some((_, numbers @ [_, ..])) = private_state.versions.split_last().filter(|_| is_declared) else {
            return Ok(Some((observed, Vec::new())));
        };
        let (found, gaps) = older::read(&own, &scope, &address, &ids.id, numbers).await;
        let beside = Beside { older: found, ..Beside::of(&observed) };
        observed.beside = serde_json::to_value(beside).unwrap_or(Value::Null);
        Ok(Some((observed, gaps)))
    });
    session.spread(reads).await
}

/// Which guardrail a name leads to, for the file of pins; no declaration can ask for it.
#[async_trait]
impl LookupSource for Guardrail {
    fn source(&self) -> &'static str {
        "guardrail"
    }

    async fn look_up(&self, session: &Session, keys: &[String]) -> Vec<Result<LookedUp, CallError>> {
        let found = by_name(session, &Selection::Names(keys.iter().cloned().collect())).await;
        let led = |found: &Found, key: &String| {
            Ok(match found.get(key).map(|led| led.as_deref().map_err(CallError::clone)).transpose()? {
                None | Some([]) => LookedUp::Nothing,
                Some([ids]) => LookedUp::Is(ids.id.clone()),
                Some(several) => LookedUp::Several(several.iter().map(|ids| ids.id.clone()).collect()),
            })
        };
        keys.iter().map(|key| found.as_ref().map_err(CallError::clone).and_then(|found| led(found, key))).collect()
    }
}

/// Which version of a guardrail is the newest, for the file of pins.
#[derive(Debug)]
pub struct Versions;

impl Versions {
    async fn newest(session: &Session, Ids { id, .. }: &Ids) -> Result<LookedUp, CallError> {
        let rows = list(session, Some(id)).await?;
        let numbers = rows.iter().filter_map(|row| row.get("version")?.as_str()?.parse().ok());
        Ok(LookedUp::Is(older::called(id, numbers.max().unwrap_or(0))))
    }
}

#[async_trait]
impl LookupSource for Versions {
    fn source(&self) -> &'static str {
        VERSIONS
    }

    async fn look_up(&self, session: &Session, keys: &[String]) -> Vec<Result<LookedUp, CallError>> {
        let found = match by_name(session, &Selection::Names(keys.iter().cloned().collect())).await {
            Ok(found) => found,
            Err(error) => return keys.iter().map(|_| Err(error.clone())).collect(),
        };
        join_all(keys.iter().map(|key| async {
            match found.get(key).map(|led| led.as_deref().map_err(CallError::clone)).transpose()? {
                None | Some([]) => Ok(LookedUp::Nothing),
                Some([ids]) => Self::newest(session, ids).await,
                Some(several) => Ok(LookedUp::Several(several.iter().map(|ids| ids.id.clone()).collect())),
            }
        }))
        .await
    }
}

#[async_trait]
impl ResourceClient for Guardrail {
    fn kind(&self) -> &'static dyn Kind {
        &Guardrail
    }

    async fn observe(&self, session: &Session, scope: &Scope, selection: &Selection) -> Result<Reading, CallError> {
        self.observe_pinned(session, scope, selection, &BTreeMap::new()).await
    }

    async fn observe_pinned(
        &self,
        session: &Session,
        scope: &Scope,
        selection: &Selection,
        pinned: &PinnedNames,
    ) -> Result<Reading, CallError> {
        let found = by_name_or_pin(session, selection, pinned).await?;
        let reads = found.iter().map(|(name, led)| async move {
            let address = Address::new(scope, self.name(), name);
            match led.as_deref() {
                Err(error) => (name, Err(gap_of(error, scope, self.name(), Some(name)))),
                Ok([ids]) => {
                    let is_declared = selection.asks_for(name);
                    let outcome = read_beside(session, scope.clone(), address, ids.clone(), is_declared).await;
                    (name, outcome.map_err(|error| gap_of(&error, scope, self.name(), Some(name))))
                }
                Ok(several) => (name, Err(ambiguous(scope, self.name(), name, several))),
            }
        });
        let mut reading = Reading::default();
        for (name, outcome) in join_all(reads).await {
            match outcome {
                Ok(Some((observed, gaps))) => {
                    reading.resources.push(observed);
                    reading.gaps.extend(gaps);
                }
                Ok(None) => reading.gaps.push(Gap {
                    scope: scope.clone(),
                    kind: self.name().to_owned(),
                    name: Some(name.clone()),
                    code: codes::ODD_ANSWER.to_owned(),
                    reason: "it is listed, and not found when it is read".to_owned(),
                    remedy: "plan again: it is being created or deleted".to_owned(),
                    ..Gap::default()
                }),
                Err(gap) => reading.gaps.push(gap),
            }
        }
        Ok(reading)
    }

    /// Reads what is needed before a guardrail is created again, whose name another one may have, and before a version is
    /// deleted. Without it no version is deleted, and the rest goes on.
    async fn inspect(
        &self,
        session: &Session,
        address: &Address,
        want: &Value,
        live: Option<&ObservedResource>,
        pinned: &[String],
    ) -> Result<Option<Value>, CallError> {
        if live.is_none() {
            // What bears the name may be ours: the create is repeated with its token, and the service tells.
            let is_begun = pinned.iter().any(|id| id == ANY);
            let taken_by = if is_begun { None } else { holder(session, &address.name, None).await };
            return Ok(serde_json::to_value(Needed { taken_by, ..Needed::default() }).ok());
        }
        let private_state = live
            .and_then(|live| serde_json::from_value::<PrivateState>(live.private_state.clone()).ok())
            .unwrap_or_default();
        let (Some(ids), Some(want)) =
            (live.and_then(|live| Ids::of_external_id(&live.external_id)), want.get(PUBLISHED))
        else {
            return Ok(None);
        };
        if private_state.versions.len() < super::validation::MOST_VERSIONS {
            return Ok(None);
        }
        let needed = needed(session, &ids, &private_state, want).await.unwrap_or_else(|error| {
            let told = CallFacts { request_id: None, ..(*error).clone() };
            Needed { unsure: Some(told.to_string()), ..Needed::default() }
        });
        Ok(serde_json::to_value(needed).ok())
    }

    /// The newest version that is as declared and can be enforced: a weak one that somebody published after it is no reason to
    /// refer to that, nor to refer to none.
    async fn standing(
        &self,
        session: &Session,
        live: &ObservedResource,
        want: &Value,
        output: &str,
        is_as_wanted: bool,
    ) -> Result<Option<String>, CallError> {
        let private_state: PrivateState = serde_json::from_value(live.private_state.clone()).unwrap_or_default();
        let (Some(ids), Some(declared), "version") =
            (Ids::of_external_id(&live.external_id), want.get(PUBLISHED), output)
        else {
            return Ok(None);
        };
        let reasons = |content: &Value| content.get(REASONING).is_some_and(|policy| !policy.is_null());
        let may_reason = reasons(declared);
        let newest = live.tree.get(PUBLISHED).unwrap_or(&Value::Null);
        if is_as_wanted && (may_reason || !reasons(newest)) {
            return Ok(None);
        }
        for number in private_state.versions.iter().rev().skip(1) {
            let answer = match get(session, &ids.id, &number.to_string()).await {
                Err(error) if error.class == ErrorClass::NotFound => continue,
                outcome => outcome?,
            };
            let usable =
                answer.get("status").is_some_and(|status| *status == READY) && (may_reason || !reasons(&answer));
            if usable && has_what_is_declared(session, &answer, want)? {
                return Ok(Some(number.to_string()));
            }
        }
        Ok(None)
    }

    async fn still_used_by(&self, session: &Session, live: &ObservedResource) -> Result<Vec<String>, CallError> {
        let Some(ids) = Ids::of_external_id(&live.external_id) else { return Ok(Vec::new()) };
        let private_state: PrivateState = serde_json::from_value(live.private_state.clone()).unwrap_or_default();
        // Where the versions could not be read, nothing is known of the newest.
        let Some(newest) = private_state.versions.last() else { return Ok(Vec::new()) };
        let named = enforced(session, &ids).await?;
        let older = named.iter().filter(|version| *version != newest);
        let phrase =
            |version| format!("the enforced guardrail configuration of the account, which names version {version}");
        Ok(older.map(phrase).collect())
    }

    async fn read_one(
        &self,
        session: &Session,
        address: &Address,
        external_id: Option<&Value>,
    ) -> Result<Option<ObservedResource>, CallError> {
        if let Some(ids) = external_id.and_then(Ids::of_external_id) {
            return read(session, address, &ids).await;
        }
        match named(session, &address.name).await? {
            Some(ids) => read(session, address, &ids).await,
            None => Ok(None),
        }
    }

    async fn traces(&self, session: &Session, observed: &ObservedResource) -> Result<Traces, CallError> {
        let Some(ids) = Ids::of_external_id(&observed.external_id) else { return Ok(Traces::default()) };
        let mut rows = list(session, Some(&ids.id)).await?;
        let time = |row: &Value, member: &str| row.get(member)?.as_str()?.parse::<Timestamp>().ok();
        let changed_at = rows.iter().find(|row| row["version"] == DRAFT).and_then(|row| time(row, "updatedAt"));
        rows.retain(|row| row["version"] != DRAFT);
        rows.sort_by_key(|row| {
            std::cmp::Reverse(row["version"].as_str().and_then(|number| number.parse::<u32>().ok()))
        });
        let reads =
            rows.iter().take(MOST_TRACES).filter_map(|row| Some((row["version"].as_str()?, time(row, "createdAt")?)));
        let reads = reads.map(|(number, at)| {
            let id = &ids.id;
            async move {
                let answer = match get(session, id, number).await {
                    Err(error) if error.class == ErrorClass::NotFound => return Ok(None),
                    outcome => outcome?,
                };
                let mut tree = content(session, &answer, None)?.tree;
                let itself = json!({ PUBLISHED: published_of(&tree) });
                if let Some(members) = tree.as_object_mut() {
                    // A version is the DRAFT of its time but for these, which are its own, or the guardrail's.
                    ["tags", "description", PUBLISHED].iter().for_each(|own| {
                        members.remove(*own);
                    });
                }
                Ok(Some(Snapshot { id: number.to_owned(), at, tree, itself }))
            }
        });
        let snapshots = join_all(reads).await.into_iter().collect::<Result<Vec<_>, CallError>>()?;
        Ok(Traces { changed_at, snapshots: snapshots.into_iter().flatten().collect() })
    }

    async fn perform(
        &self,
        session: &Session,
        _: &Address,
        call: &Call,
        external_id: Option<&Value>,
        _: &WritePermit,
    ) -> Result<WriteResult, CallError> {
        let bedrock = session.client(Client::new);
        let mut body = call.request.clone();
        // What is in the path of the call is not in its body.
        let mut of_path = |member: &str| {
            let value = body.as_object_mut()?.remove(member)?;
            value.as_str().map(str::to_owned)
        };
        let id = of_path("guardrailIdentifier");
        let version = of_path("guardrailVersion");
        let answer: Answer = match (call.operation.as_str(), id, version) {
            ("CreateGuardrail", None, None) => {
                let create = bedrock.create_guardrail();
                let answer = call_with_body!(session, SERVICE, "CreateGuardrail", create, &body).await?;
                let external_id = json!({
                    "guardrailId": answer.body.get("guardrailId"),
                    "guardrailArn": answer.body.get("guardrailArn"),
                });
                if Ids::of_external_id(&external_id).is_none() {
                    let why = "the answer has no guardrailId and guardrailArn";
                    return Err(odd_answer(session, SERVICE, "CreateGuardrail", why));
                }
                return Ok(WriteResult { external_id, request_id: answer.request_id });
            }
            ("UpdateGuardrail", Some(id), None) => {
                let update = bedrock.update_guardrail().guardrail_identifier(id);
                call_with_body!(session, SERVICE, "UpdateGuardrail", update, &body).await?
            }
            ("CreateGuardrailVersion", Some(id), None) => {
                let publish = bedrock.create_guardrail_version().guardrail_identifier(id);
                call_with_body!(session, SERVICE, "CreateGuardrailVersion", publish, &body).await?
            }
            // Without a version it would be the whole guardrail.
            ("DeleteGuardrail", Some(id), Some(version)) => {
                let delete = bedrock.delete_guardrail().guardrail_identifier(id).guardrail_version(version);
                match call!(session, SERVICE, "DeleteGuardrail", delete).await {
                    // Our own answer was lost: the version is gone, as expected.
                    Err(error) if error.class == ErrorClass::NotFound => {
                        Answer { body: json!({}), request_id: error.request_id.clone() }
                    }
                    outcome => outcome?,
                }
            }
            ("TagResource", None, None) => {
                call_with_body!(session, SERVICE, "TagResource", bedrock.tag_resource(), &body).await?
            }
            _ => return Err(unknown_call(session, SERVICE, call)),
        };
        Ok(WriteResult { external_id: external_id.cloned().unwrap_or(Value::Null), request_id: answer.request_id })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn draft() -> Value {
        json!({
            "version": DRAFT,
            "description": "Of the draft.",
            "blockedInputMessaging": "No.",
            "contentPolicy": {
                "filters": [
                    {"type": "HATE", "inputStrength": "HIGH", "outputStrength": "LOW", "inputModalities": ["TEXT", "IMAGE"]},
                    {"type": "SEXUAL", "inputStrength": "LOW", "outputStrength": "LOW"},
                ],
            },
            "topicPolicy": {"topics": [{"name": "a", "type": "DENY", "definition": "d", "examples": ["x", "y"]}]},
        })
    }

    /// What says the same has the same normal form, and lists are in no order.
    #[test]
    fn a_version_says_the_same_in_another_order() {
        let mut version = draft();
        version["version"] = json!("1");
        version["description"] = json!("Of the version.");
        let reversed = |list: &mut Value| list.as_array_mut().into_iter().for_each(|list| list.reverse());
        reversed(&mut version["contentPolicy"]["filters"]);
        reversed(&mut version["contentPolicy"]["filters"][1]["inputModalities"]);
        reversed(&mut version["topicPolicy"]["topics"][0]["examples"]);
        assert!(says_the_same(&version, &draft()));
        let published = |answer: &Value| published_of(&Guardrail.normalise(answer, Origin::Live).tree);
        assert_eq!(published(&version), published(&draft()));
    }

    #[test]
    fn a_version_that_says_something_else_is_looked_at() {
        type Edit = fn(&mut Value);
        let edits: [Edit; 7] = [
            |version| version["contentPolicy"]["filters"][0]["inputStrength"] = json!("NONE"),
            |version| version["contentPolicy"]["filters"][0]["new"] = json!(true),
            |version| version["topicPolicy"]["topics"][0]["examples"] = json!(["x", "z"]),
            |version| version["blockedInputMessaging"] = json!("Yes."),
            |version| version["wordPolicy"] = json!({"words": []}),
            |version| version["topicPolicy"] = Value::Null,
            // Which of two with one key holds is for the normal form to say.
            |version| {
                let first = version["contentPolicy"]["filters"][0].clone();
                version["contentPolicy"]["filters"].as_array_mut().into_iter().for_each(|all| all.push(first.clone()));
            },
        ];
        for (number, edit) in edits.into_iter().enumerate() {
            let mut version = draft();
            edit(&mut version);
            assert!(!says_the_same(&version, &draft()), "{number}");
            assert!(!says_the_same(&draft(), &version), "{number}");
        }
    }
}
