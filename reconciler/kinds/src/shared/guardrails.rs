//! How guardrails are found: by name, or by what a name is pinned to. Their policies are found with them.

use std::collections::BTreeMap;

use aws_sdk_bedrock::Client;
use reconciler_aws::client::{ANY, PinnedNames, Selection, odd_answer, twin};
use reconciler_aws::{CallError, ErrorClass, Session, call};
use reconciler_model::address::Scope;
use reconciler_model::codes;
use reconciler_model::inventory::Gap;
use serde_json::{Value, json};

const SERVICE: &str = "bedrock";
pub(crate) const GET: &str = "GetGuardrail";
const LIST: &str = "ListGuardrails";
const PAGE: i32 = 1000;
pub(crate) const DRAFT: &str = "DRAFT";

/// The two names that one live guardrail has for calls.
#[derive(Debug, Clone)]
pub(crate) struct Ids {
    pub(crate) id: String,
    pub(crate) arn: String,
    /// What it is called today, where that was read.
    pub(crate) called: Option<String>,
}

impl Ids {
    pub(crate) fn external_id(&self) -> Value {
        json!({ "guardrailId": self.id, "guardrailArn": self.arn })
    }

    pub(crate) fn of_external_id(external_id: &Value) -> Option<Self> {
        let text = |member: &str| external_id.get(member).and_then(Value::as_str).map(str::to_owned);
        Some(Self { id: text("guardrailId")?, arn: text("guardrailArn")?, called: text("name") })
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
    Some((text("name")?, Ids { id: text("id")?, arn: text("arn")?, called: text("name") }))
}

/// The guardrails that names lead to, by name; or why that is not known of one of them.
pub(crate) type Found = BTreeMap<String, Result<Vec<Ids>, CallError>>;

/// The selected guardrails by name. A name may have more than one: that AWS enforces unique names is a hypothesis
/// (kinds/guardrail/README.md, Hypotheses).
pub(crate) async fn by_name(session: &Session, selection: &Selection) -> Result<Found, CallError> {
    by_name_or_pin(session, selection, &PinnedNames::new()).await
}

/// The same, where a name that is pinned leads to the guardrail of that id, whatever it is called today: callers name it by its
/// id, and go on using what was renamed. Once that id is gone, the name leads only to the successor that this tool made, because
/// somebody who can delete a guardrail could create another one of its name.
pub(crate) async fn by_name_or_pin(
    session: &Session,
    selection: &Selection,
    pinned: &PinnedNames,
) -> Result<Found, CallError> {
    let mut found: BTreeMap<String, Vec<Ids>> = BTreeMap::new();
    let mut by_pin: BTreeMap<String, (usize, Ids)> = BTreeMap::new();
    let mut unread: BTreeMap<&String, CallError> = BTreeMap::new();
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
    // A list may lag. A pinned guardrail is gone only if a read by its id fails too; then its successor counts, by the same
    // rule.
    for (name, all) in pinned.iter().filter(|(name, _)| selection.has(name)) {
        let listed = by_pin.get(name).map_or(all.len(), |(rank, _)| *rank);
        for (rank, id) in all.iter().enumerate().take(listed).filter(|(_, id)| *id != ANY) {
            match get(session, id, DRAFT).await {
                Ok(answer) if answer.get("status").and_then(Value::as_str) == Some("DELETING") => continue,
                Ok(answer) => match Ids::of_external_id(&answer) {
                    Some(ids) => _ = by_pin.insert(name.clone(), (rank, ids)),
                    None => _ = unread.insert(name, odd_answer(session, SERVICE, GET, "no id or no ARN")),
                },
                Err(error) if error.class == ErrorClass::NotFound => continue,
                // It hides what this name leads to, and nothing else.
                Err(error) => _ = unread.insert(name, error),
            }
            break;
        }
    }
    let mut led = Found::new();
    for (name, mut same) in found {
        // Nobody has two addresses: a guardrail that is pinned for one name is not found for another.
        same.retain(|ids| !by_pin.values().any(|(_, other)| other.id == ids.id));
        let is_twin = pinned.contains_key(&name) || (same.len() > 1 && !selection.asks_for(&name));
        if selection.is_beside() && is_twin {
            led.extend(same.into_iter().map(|ids| (twin(&name, &ids.id), Ok(vec![ids]))));
        } else if !same.is_empty() && !pinned.contains_key(&name) {
            led.insert(name, Ok(same));
        }
    }
    led.extend(by_pin.into_iter().map(|(name, (_, ids))| (name, Ok(vec![ids]))));
    // Whether the pinned one is gone is not known, and so it is not known whether its successor counts.
    led.extend(unread.into_iter().map(|(name, error)| (name.clone(), Err(error))));
    Ok(led)
}

/// The member that says what a pinned guardrail is called, and has to be called.
pub(crate) const NAME: &str = "name";

/// What is declared of a pinned guardrail, or of its policy, holds its name too.
pub(crate) fn hold_to_name(want: &mut Value, name: &str) {
    if let Some(members) = want.as_object_mut() {
        members.insert(NAME.into(), json!(name));
    }
}

/// A live tree has a name only where it is another one than that of the address.
pub(crate) fn leave_out_own_name(managed: &mut Value, live: &Value, want: &Value) {
    if let (Some(name), None, Some(members)) = (want.get(NAME), live.get(NAME), managed.as_object_mut()) {
        members.insert(NAME.into(), name.clone());
    }
}

/// The guardrail of this name, where only one has it.
pub(crate) async fn named(session: &Session, name: &str) -> Result<Option<Ids>, CallError> {
    let led = by_name(session, &Selection::Names([name.to_owned()].into())).await?.remove(name).transpose()?;
    let mut led = led.unwrap_or_default();
    match led.len() {
        0 | 1 => Ok(led.pop()),
        several => Err(odd_answer(session, SERVICE, LIST, format!("{several} guardrails are named {name}"))),
    }
}

/// The gap of a name that several guardrails have.
pub(crate) fn ambiguous(scope: &Scope, kind: &str, name: &str, several: &[Ids]) -> Gap {
    let ids: Vec<&str> = several.iter().map(|ids| ids.id.as_str()).collect();
    Gap {
        scope: scope.clone(),
        kind: kind.to_owned(),
        name: Some(name.to_owned()),
        code: codes::AMBIGUOUS.to_owned(),
        reason: format!("{} guardrails are named {name}: {}", several.len(), ids.join(", ")),
        remedy: "rename or remove all but one of them".to_owned(),
        ..Gap::default()
    }
}
