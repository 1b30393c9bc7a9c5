//! How guardrails are found: by name, or by what a name is pinned to. Their policies are found with them.

use std::collections::BTreeMap;

use aws_sdk_bedrock::Client;
use reconciler_aws::edge::{ANY, PinnedNames, Selection, odd_answer, twin};
use reconciler_aws::{CallError, ErrorClass, Session, call};
use serde_json::{Value, json};

const SERVICE: &str = "bedrock";
pub(crate) const GET: &str = "GetGuardrail";
pub(crate) const LIST: &str = "ListGuardrails";
const PAGE: i32 = 1000;
pub(crate) const DRAFT: &str = "DRAFT";

/// The two names that one live guardrail has for calls.
#[derive(Debug, Clone)]
pub(crate) struct Ids {
    pub(crate) id: String,
    pub(crate) arn: String,
}

impl Ids {
    pub(crate) fn handle(&self) -> Value {
        json!({ "guardrailId": self.id, "guardrailArn": self.arn })
    }

    pub(crate) fn of_handle(handle: &Value) -> Option<Self> {
        let text = |member: &str| handle.get(member).and_then(Value::as_str).map(str::to_owned);
        Some(Self { id: text("guardrailId")?, arn: text("guardrailArn")? })
    }
}

/// The rows of every guardrail, or of every version of one.
pub(crate) async fn list(session: &Session, id: Option<&str>) -> Result<Vec<Value>, CallError> {
    let bedrock = session.client(Client::new);
    let mut rows = Vec::new();
    let mut next: Option<String> = None;
    loop {
        let page = bedrock.list_guardrails().max_results(PAGE).set_guardrail_identifier(id.map(str::to_owned));
        let answer = call!(session, SERVICE, LIST, page.set_next_token(next)).await?;
        match answer.body.get("guardrails") {
            Some(Value::Array(page)) => rows.extend(page.iter().cloned()),
            _ => return Err(odd_answer(session, SERVICE, LIST, "the answer has no guardrails")),
        }
        next = answer.body.get("nextToken").and_then(Value::as_str).map(str::to_owned);
        if next.is_none() {
            return Ok(rows);
        }
    }
}

/// One version of a guardrail.
pub(crate) async fn get(session: &Session, id: &str, version: &str) -> Result<Value, CallError> {
    let bedrock = session.client(Client::new);
    let request = bedrock.get_guardrail().guardrail_identifier(id).guardrail_version(version);
    Ok(call!(session, SERVICE, GET, request).await?.body)
}

/// The name and the ids in a row.
pub(crate) fn ids_of(row: &Value) -> Option<(String, Ids)> {
    let text = |member: &str| row.get(member).and_then(Value::as_str).map(str::to_owned);
    Some((text("name")?, Ids { id: text("id")?, arn: text("arn")? }))
}

/// The guardrails that names lead to, by name.
pub(crate) type Found = BTreeMap<String, Vec<Ids>>;

/// The selected guardrails by name. A name may have more than one: that AWS enforces unique names is a hypothesis
/// (README.md, Hypotheses).
pub(crate) async fn by_name(session: &Session, selection: &Selection) -> Result<Found, CallError> {
    by_name_or_pin(session, selection, &PinnedNames::new()).await
}

/// The same, where a name that is pinned leads to the guardrail of that id, whatever it is called today: callers name it by its
/// id, and go on using what was renamed. Once that id is gone, the name leads to the successor that this tool made, and to nothing
/// that somebody else did: whoever can delete a guardrail could put another in its place.
pub(crate) async fn by_name_or_pin(
    session: &Session,
    selection: &Selection,
    pinned: &PinnedNames,
) -> Result<Found, CallError> {
    let mut found = Found::new();
    let mut by_pin: BTreeMap<String, (usize, Ids)> = BTreeMap::new();
    for row in list(session, None).await? {
        let (name, ids) =
            ids_of(&row).ok_or_else(|| odd_answer(session, SERVICE, LIST, "a row lacks name, id or arn"))?;
        for (pinned, all) in pinned.iter().filter(|(name, _)| selection.has(name)) {
            let Some(rank) = all.iter().position(|id| *id == ids.id) else { continue };
            if by_pin.get(pinned).is_none_or(|(other, _)| rank < *other) {
                by_pin.insert(pinned.clone(), (rank, ids.clone()));
            }
        }
        if selection.has(&name) {
            let same = found.entry(name).or_default();
            if !same.iter().any(|other| other.id == ids.id) {
                same.push(ids);
            }
        }
    }
    // A list may lag. Only where the pinned one is not found by its id either is it gone, and has a successor.
    for (name, all) in pinned.iter().filter(|(name, _)| selection.has(name)) {
        let Some(id) = all.first().filter(|_| by_pin.get(name).is_none_or(|(rank, _)| *rank > 0)) else { continue };
        match get(session, id, DRAFT).await {
            Ok(answer) if answer.get("status").and_then(Value::as_str) == Some("DELETING") => {}
            Ok(answer) => {
                let ids =
                    Ids::of_handle(&answer).ok_or_else(|| odd_answer(session, SERVICE, GET, "no id or no ARN"))?;
                by_pin.insert(name.clone(), (0, ids));
            }
            Err(error) if error.class == ErrorClass::NotFound => {}
            Err(error) => return Err(error),
        }
    }
    // Nobody has two addresses: a guardrail that is pinned for one name is not found for another.
    for same in found.values_mut() {
        same.retain(|ids| !by_pin.values().any(|(_, other)| other.id == ids.id));
    }
    found.retain(|_, same| !same.is_empty());
    // What bears a pinned name may be what this tool made, where it cannot say so: see `ANY`.
    let is_any = |name: &str| pinned.get(name).is_some_and(|all| all.iter().any(|id| id == ANY));
    let is_other = |name: &str| pinned.contains_key(name) && (by_pin.contains_key(name) || !is_any(name));
    if selection.is_beside() {
        let is_twin = |name: &str, many: bool| is_other(name) || (many && !selection.asks_for(name));
        let twins: Vec<_> = found.extract_if(.., |name, same| is_twin(name, same.len() > 1)).collect();
        for (name, same) in twins {
            found.extend(same.into_iter().map(|ids| (twin(&name, &ids.id), vec![ids])));
        }
    }
    found.retain(|name, _| !is_other(name));
    found.extend(by_pin.into_iter().map(|(name, (_, ids))| (name, vec![ids])));
    Ok(found)
}

/// The ids of several, for people.
pub(crate) fn listed(several: &[Ids]) -> String {
    several.iter().map(|ids| ids.id.as_str()).collect::<Vec<_>>().join(", ")
}
