//! Guardrails: the DRAFT, its published versions, and how late they settle (kinds/guardrail/README.md, DRAFT and READY).
//!
//! # Guarantees
//! - UpdateGuardrail replaces the whole DRAFT: what it omits is gone, the KMS key and the cross-region profile too.
//! - CreateGuardrailVersion publishes the DRAFT *as settled*: while an update is in progress that is the old one.
//! - A version never changes, and its number is never used again.
//!
//! # Caveats
//! - While an update is in progress, reads of the DRAFT already show its new content; no source says which.
//! - A version without a description of its own keeps that of the DRAFT.

use std::collections::{BTreeMap, HashMap};

use jiff::Timestamp;
use rand::Rng;
use rand::seq::SliceRandom;
use serde_json::{Map, Value, json};

use super::progress::Progress;
use super::{State, guardrail_shape, tags};
use crate::error::ApiError;
use crate::input::Input;
use crate::instants::iso as instant;
use crate::protocol::Answer;
use crate::services::RegionState;
use crate::shapes::Reader;
use crate::world::RequestContext;

/// Not adjustable (kinds/guardrail/README.md, Limits).
const MOST_GUARDRAILS: usize = 100;
const MOST_VERSIONS: usize = 20;

const POLICIES: [&str; 6] = [
    "topicPolicy",
    "contentPolicy",
    "wordPolicy",
    "sensitiveInformationPolicy",
    "contextualGroundingPolicy",
    "automatedReasoningPolicy",
];

/// One guardrail.
#[derive(Clone)]
pub(crate) struct Guardrail {
    id: String,
    pub(super) arn: String,
    /// The DRAFT, in its read shape.
    draft: Map<String, Value>,
    /// The DRAFT before the update that is in progress.
    old_draft: Option<Map<String, Value>>,
    progress: Progress,
    hidden_reads: u32,
    pub(super) versions: BTreeMap<u32, Version>,
    last_version: u32,
    version_tokens: HashMap<String, Value>,
    pub(super) tags: BTreeMap<String, String>,
    created_at: Timestamp,
    updated_at: Timestamp,
}

/// A published version.
#[derive(Clone)]
pub(super) struct Version {
    content: Map<String, Value>,
    progress: Progress,
    created_at: Timestamp,
}

impl Guardrail {
    pub(crate) fn id(&self) -> &str {
        &self.id
    }

    pub(crate) fn name(&self) -> &str {
        self.draft.get("name").and_then(Value::as_str).unwrap_or_default()
    }

    /// Ends every transition at once.
    pub(crate) fn settle(&mut self) {
        self.progress = Progress::Settled;
        self.old_draft = None;
        self.hidden_reads = 0;
        self.versions.values_mut().for_each(|version| version.progress = Progress::Settled);
    }

    fn read_status(&mut self) -> &'static str {
        let status = self.progress.read();
        if self.progress.is_settled() {
            self.old_draft = None;
        }
        status
    }

    fn view(
        &self,
        content: &Map<String, Value>,
        version: &str,
        status: &str,
        created: Timestamp,
        updated: Timestamp,
    ) -> Map<String, Value> {
        let mut view = content.clone();
        view.insert("guardrailId".to_owned(), self.id.as_str().into());
        view.insert("guardrailArn".to_owned(), self.arn.as_str().into());
        view.insert("version".to_owned(), version.into());
        // A status that a fault has planted stays until the next write.
        view.entry("status").or_insert_with(|| status.into());
        view.insert("createdAt".to_owned(), instant(created));
        view.insert("updatedAt".to_owned(), instant(updated));
        view.insert("statusReasons".to_owned(), Value::Array(Vec::new()));
        view.insert("failureRecommendations".to_owned(), Value::Array(Vec::new()));
        view
    }

    fn summary(
        &self,
        content: &Map<String, Value>,
        version: &str,
        status: &str,
        created: Timestamp,
        updated: Timestamp,
    ) -> Value {
        let mut summary = json!({
            "id": self.id, "arn": self.arn, "status": status, "version": version,
            "createdAt": instant(created), "updatedAt": instant(updated),
        });
        for member in ["name", "description", "crossRegionDetails"] {
            if let Some(value) = content.get(member) {
                summary[member] = value.clone();
            }
        }
        summary
    }
}

pub(super) fn list(context: &mut RequestContext<'_>, input: &Map<String, Value>) -> Answer {
    let page_size = match input.get("maxResults") {
        None => 1000,
        Some(size) => match size.as_u64().and_then(|size| usize::try_from(size).ok()) {
            Some(size @ 1..=1000) => size,
            _ => {
                return Err(ApiError::validation(
                    "1 validation error detected: Value at 'maxResults' failed to satisfy constraint: Member must be between 1 and 1000, inclusive",
                ));
            }
        },
    };
    let from = match input.get("nextToken").and_then(Value::as_str) {
        None => 0,
        Some(token) => token
            .strip_prefix("page-")
            .and_then(|at| at.parse().ok())
            .ok_or_else(|| ApiError::validation("Invalid nextToken"))?,
    };
    let mut rows = Vec::new();
    match input.get("guardrailIdentifier").and_then(Value::as_str) {
        // One row per guardrail: its DRAFT.
        None => {
            for guardrail in context.state.bedrock.guardrails.values_mut() {
                if guardrail.hidden_reads > 0 {
                    guardrail.hidden_reads -= 1;
                    continue;
                }
                let status = guardrail.read_status();
                rows.push(guardrail.summary(
                    &guardrail.draft,
                    "DRAFT",
                    status,
                    guardrail.created_at,
                    guardrail.updated_at,
                ));
            }
        }
        // Every version of one guardrail, the DRAFT included.
        Some(identifier) => {
            let guardrail = find(&mut context.state.bedrock, identifier)?;
            let status = guardrail.read_status();
            rows.push(guardrail.summary(&guardrail.draft, "DRAFT", status, guardrail.created_at, guardrail.updated_at));
            let statuses: Vec<_> = guardrail.versions.values_mut().map(|version| version.progress.read()).collect();
            for ((number, version), status) in guardrail.versions.iter().zip(statuses) {
                rows.push(guardrail.summary(
                    &version.content,
                    &number.to_string(),
                    status,
                    version.created_at,
                    version.created_at,
                ));
            }
        }
    }
    let total = rows.len();
    let page: Vec<Value> = rows.into_iter().skip(from).take(page_size).collect();
    let mut answer = json!({"guardrails": page});
    if from + page_size < total {
        answer["nextToken"] = json!(format!("page-{}", from + page_size));
    }
    Ok(answer)
}

pub(super) fn get(context: &mut RequestContext<'_>, input: &Map<String, Value>) -> Answer {
    let shuffle = context.rules.shuffle;
    let guardrail = find(&mut context.state.bedrock, identifier(input)?)?;
    if guardrail.hidden_reads > 0 {
        guardrail.hidden_reads -= 1;
        return Err(not_found(&guardrail.id));
    }
    let version = input.get("guardrailVersion").and_then(Value::as_str).unwrap_or("DRAFT");
    let mut view = if version == "DRAFT" {
        let status = guardrail.read_status();
        guardrail.view(&guardrail.draft, "DRAFT", status, guardrail.created_at, guardrail.updated_at)
    } else {
        let number = version_number(version)?;
        let found = guardrail.versions.get_mut(&number).ok_or_else(|| version_not_found(&guardrail.id, version))?;
        let (status, created_at) = (found.progress.read(), found.created_at);
        match guardrail.versions.get(&number) {
            Some(found) => guardrail.view(&found.content, version, status, created_at, created_at),
            None => return Err(version_not_found(&guardrail.id, version)),
        }
    };
    if shuffle {
        for policy in POLICIES {
            if let Some(policy) = view.get_mut(policy) {
                shuffle_lists(policy, context.rng);
            }
        }
    }
    Ok(Value::Object(view))
}

pub(super) fn create(context: &mut RequestContext<'_>, input: &Map<String, Value>) -> Answer {
    let token = client_token(guardrail_shape::TOKEN_MEMBERS, input)?;
    if let Some(answer) = token.as_ref().and_then(|token| context.state.bedrock.create_tokens.get(token)) {
        return Ok(answer.clone());
    }
    let mut draft = guardrail_shape::content(context.scope, &context.state.bedrock.future_members, input)?;
    let tags = tags::read(input)?;
    resolve_key(context, &mut draft)?;
    let name = draft.get("name").and_then(Value::as_str).unwrap_or_default();
    if context.state.bedrock.id_of(name).is_some() {
        return Err(ApiError::new(
            "ConflictException",
            format!("Another guardrail in your account already has this name: {name}"),
        ));
    }
    if context.state.bedrock.guardrails.len() >= MOST_GUARDRAILS {
        return Err(ApiError::new(
            "ServiceQuotaExceededException",
            format!("Your account has reached the limit of {MOST_GUARDRAILS} guardrails."),
        ));
    }
    let id = context.short_id(12);
    let arn = context.scope.arn("bedrock", &format!("guardrail/{id}"));
    let answer = json!({"guardrailId": id, "guardrailArn": arn, "version": "DRAFT", "createdAt": instant(context.now)});
    let guardrail = Guardrail {
        id: id.clone(),
        arn,
        old_draft: Some(draft.clone()),
        draft,
        progress: Progress::begin("CREATING", context.rules, context.rng),
        hidden_reads: context.rules.guardrail_lag_reads,
        versions: BTreeMap::new(),
        last_version: 0,
        version_tokens: HashMap::new(),
        tags,
        created_at: context.now,
        updated_at: context.now,
    };
    context.state.bedrock.guardrails.insert(id, guardrail);
    if let Some(token) = token {
        context.state.bedrock.create_tokens.insert(token, answer.clone());
    }
    Ok(answer)
}

pub(super) fn update(context: &mut RequestContext<'_>, input: &Map<String, Value>) -> Answer {
    let id = find(&mut context.state.bedrock, identifier(input)?)?.id.clone();
    let mut draft = guardrail_shape::content(context.scope, &context.state.bedrock.future_members, input)?;
    resolve_key(context, &mut draft)?;
    let name = draft.get("name").and_then(Value::as_str).unwrap_or_default();
    if context.state.bedrock.id_of(name).is_some_and(|other| other != id) {
        return Err(ApiError::new(
            "ConflictException",
            format!("Another guardrail in your account already has this name: {name}"),
        ));
    }
    let progress = Progress::begin("UPDATING", context.rules, context.rng);
    let (now, refuse_busy) = (context.now, context.rules.conflict_while_busy);
    let guardrail = find(&mut context.state.bedrock, &id)?;
    if refuse_busy && !guardrail.progress.is_settled() {
        return Err(ApiError::new(
            "ConflictException",
            "The guardrail is being changed. Wait until its status is READY and try again.",
        ));
    }
    let replaced = std::mem::replace(&mut guardrail.draft, draft);
    // Two updates in a row: what is settled is still the content before the first.
    guardrail.old_draft.get_or_insert(replaced);
    guardrail.progress = progress;
    guardrail.updated_at = now;
    Ok(
        json!({"guardrailId": guardrail.id, "guardrailArn": guardrail.arn, "version": "DRAFT", "updatedAt": instant(now)}),
    )
}

pub(super) fn create_version(context: &mut RequestContext<'_>, input: &Map<String, Value>) -> Answer {
    let token = client_token(guardrail_shape::VERSION_MEMBERS, input)?;
    let progress = Progress::begin("VERSIONING", context.rules, context.rng);
    let now = context.now;
    let guardrail = find(&mut context.state.bedrock, identifier(input)?)?;
    if let Some(answer) = token.as_ref().and_then(|token| guardrail.version_tokens.get(token)) {
        return Ok(answer.clone());
    }
    if guardrail.versions.len() >= MOST_VERSIONS {
        return Err(ApiError::new(
            "ServiceQuotaExceededException",
            format!("The guardrail has reached the limit of {MOST_VERSIONS} versions."),
        ));
    }
    // The snapshot is of the settled DRAFT (hashicorp/terraform-provider-awscc#2372).
    let mut content = guardrail.old_draft.as_ref().unwrap_or(&guardrail.draft).clone();
    if let Some(description) = input.get("description").filter(|description| !description.is_null()) {
        content.insert("description".to_owned(), description.clone());
    }
    let number = guardrail.last_version + 1;
    guardrail.last_version = number;
    guardrail.versions.insert(number, Version { content, progress, created_at: now });
    if guardrail.progress.is_settled() {
        guardrail.progress = progress;
    }
    let answer = json!({"guardrailId": guardrail.id, "version": number.to_string()});
    if let Some(token) = token {
        guardrail.version_tokens.insert(token, answer.clone());
    }
    Ok(answer)
}

pub(super) fn delete(context: &mut RequestContext<'_>, input: &Map<String, Value>) -> Answer {
    let enforced = context.state.bedrock.enforced.as_ref().map(|enforced| enforced.names());
    let version = input.get("guardrailVersion").and_then(Value::as_str);
    let guardrail = find(&mut context.state.bedrock, identifier(input)?)?;
    let id = guardrail.id.clone();
    if let Some((enforced_id, enforced_version)) = enforced
        && enforced_id == id
        && version.is_none_or(|version| version == enforced_version)
    {
        let message =
            format!("Guardrail {id} is used by the account-enforced guardrail configuration and cannot be deleted.");
        return Err(ApiError::new("ResourceInUseException", message));
    }
    match version {
        None => {
            if let Some(gone) = context.state.bedrock.guardrails.remove(&id) {
                context.state.bedrock.resource_policies.remove(&gone.arn);
            }
        }
        Some(version) => {
            let number = version_number(version)?;
            guardrail.versions.remove(&number).ok_or_else(|| version_not_found(&id, version))?;
        }
    }
    Ok(Value::Null)
}

/// Puts a member that no model knows into the stored DRAFT. `/contentPolicy/filters/type=HATE/x` selects by member.
pub(super) fn plant(state: &mut State, input: &Map<String, Value>, pointer: &str, value: &Value) -> bool {
    let guardrail = identifier(input).ok().and_then(|identifier| find(state, identifier).ok());
    guardrail.is_some_and(|guardrail| {
        let mut draft = Value::Object(std::mem::take(&mut guardrail.draft));
        let planted = crate::fault::insert_at(&mut draft, pointer, value);
        if let Value::Object(draft) = draft {
            guardrail.draft = draft;
        }
        planted
    })
}

/// A guardrail by id or ARN.
pub(super) fn find<'a>(state: &'a mut State, identifier: &str) -> Result<&'a mut Guardrail, ApiError> {
    let id = match identifier.strip_prefix("arn:") {
        Some(rest) => rest.rsplit("guardrail/").next().unwrap_or_default(),
        None => identifier,
    };
    let found =
        state.guardrails.get_mut(id).filter(|guardrail| !identifier.starts_with("arn:") || guardrail.arn == identifier);
    found.ok_or_else(|| not_found(identifier))
}

fn not_found(identifier: &str) -> ApiError {
    ApiError::not_found_404(format!("The guardrail {identifier} could not be found."))
}

fn version_not_found(id: &str, version: &str) -> ApiError {
    ApiError::not_found_404(format!("Version {version} of guardrail {id} could not be found."))
}

fn version_number(version: &str) -> Result<u32, ApiError> {
    let plain = !version.is_empty()
        && version.len() <= 8
        && !version.starts_with('0')
        && version.bytes().all(|byte| byte.is_ascii_digit());
    let number = if plain { version.parse().ok() } else { None };
    number.ok_or_else(|| {
        ApiError::validation(format!(
            "1 validation error detected: Value '{version}' at 'guardrailVersion' failed to satisfy constraint: Member must satisfy regular expression pattern: (([1-9][0-9]{{0,7}})|(DRAFT))"
        ))
    })
}

fn identifier(input: &Map<String, Value>) -> Result<&str, ApiError> {
    let identifier =
        input.get("guardrailIdentifier").and_then(Value::as_str).filter(|identifier| !identifier.is_empty());
    identifier.ok_or_else(|| ApiError::validation("1 validation error detected: Value at 'guardrailIdentifier' failed to satisfy constraint: Member must not be null"))
}

/// The DRAFT as a request that would write it again.
pub(super) fn live(state: &RegionState, input: &Input) -> Result<Value, String> {
    let id = input.get("guardrailIdentifier").and_then(Value::as_str).unwrap_or_default();
    let guardrail = state.bedrock.guardrails.get(id).ok_or_else(|| format!("there is no guardrail {id} to edit"))?;
    Ok(crate::shapes::as_request(&guardrail_shape::GUARDRAIL, &Value::Object(guardrail.draft.clone())))
}

fn client_token(members: &[crate::shapes::Member], input: &Map<String, Value>) -> Result<Option<String>, ApiError> {
    let mut reader = Reader { future_members: &[], problems: Vec::new() };
    let accepted = reader.accept_members(members, input, "");
    reader.verdict().map_err(ApiError::validation)?;
    Ok(accepted.get("clientRequestToken").and_then(Value::as_str).map(str::to_owned))
}

/// Replaces a key id, alias or ARN by the key ARN, which is what reads show.
fn resolve_key(context: &RequestContext<'_>, draft: &mut Map<String, Value>) -> Result<(), ApiError> {
    if let Some(key) = draft.get_mut("kmsKeyArn") {
        let given = key.as_str().unwrap_or_default();
        let Some(found) = context.directory.key(context.state, context.scope, given) else {
            return Err(ApiError::validation(format!("The KMS key {given} does not exist or is not accessible.")));
        };
        if !found.is_enabled {
            return Err(ApiError::validation(format!("The KMS key {} is not enabled.", found.arn)));
        }
        *key = found.arn.into();
    }
    Ok(())
}

/// Puts every list under a policy in random order (kinds/guardrail/README.md, Defaults).
fn shuffle_lists(value: &mut Value, rng: &mut impl Rng) {
    match value {
        Value::Array(items) => {
            items.shuffle(rng);
            items.iter_mut().for_each(|item| shuffle_lists(item, rng));
        }
        Value::Object(members) => members.values_mut().for_each(|member| shuffle_lists(member, rng)),
        _ => {}
    }
}
