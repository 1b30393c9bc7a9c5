//! The resource client of the enforced configuration: the only place of this kind that names the SDK.

use async_trait::async_trait;
use aws_sdk_bedrock::Client;
use reconciler_aws::client::{Reading, ResourceClient, Selection, WriteResult, odd_answer};
use reconciler_aws::{CallError, ErrorClass, Session, call, call_with_body};
use reconciler_model::address::{Address, Scope};
use reconciler_model::attribution::Traces;
use reconciler_model::inventory::ObservedResource;
use reconciler_model::kind::{Kind, Origin};
use reconciler_model::permit::WritePermit;
use reconciler_model::plan::Call;
use serde_json::{Value, json};

use super::EnforcedGuardrail;
use super::steps::{Found, Place, wanted};
use crate::shared::normal::{unknown_fields_by_key, without};

const SERVICE: &str = "bedrock";
const LIST: &str = "ListEnforcedGuardrailsConfiguration";
const PUT: &str = "PutEnforcedGuardrailConfiguration";

/// Members of the answer that are identity, or that the service owns.
const OWNED: &[&str] = &["configId", "owner", "createdAt", "createdBy", "updatedAt", "updatedBy"];

/// The account's own configurations: all pages.
async fn list(session: &Session) -> Result<Vec<Value>, CallError> {
    let bedrock = session.client(Client::new);
    let mut own = Vec::new();
    let mut next: Option<String> = None;
    loop {
        let page = bedrock.list_enforced_guardrails_configuration().set_next_token(next);
        let answer = call!(session, SERVICE, LIST, page).await?;
        match answer.body.get("guardrailsConfig") {
            Some(Value::Array(rows)) => own.extend(rows.iter().filter(|row| is_of_account(row)).cloned()),
            _ => return Err(odd_answer(session, SERVICE, LIST, "the answer has no guardrailsConfig")),
        }
        next = answer.body.get("nextToken").and_then(Value::as_str).map(str::to_owned);
        if next.is_none() {
            return Ok(own);
        }
    }
}

/// What the organization enforces is not this configuration.
fn is_of_account(row: &Value) -> bool {
    row.get("owner").is_none_or(|owner| owner.is_null() || owner == "ACCOUNT")
}

/// What GetGuardrail says of the guardrail that is to be enforced.
async fn look_at(session: &Session, guardrail: &str, version: &str) -> Result<Found, CallError> {
    let not = |reason: String| Ok(Found::NotEnforceable { reason });
    if let Some(place) = Place::of(guardrail)
        && (place.account != session.account() || place.region != session.region())
    {
        let (account, region) = (place.account, place.region);
        return not(format!(
            "guardrail {guardrail} is of account {account} and region {region}; only one of the same account \
                            and region can be enforced"
        ));
    }
    let bedrock = session.client(Client::new);
    let request = bedrock.get_guardrail().guardrail_identifier(guardrail).guardrail_version(version);
    let answer = match call!(session, SERVICE, "GetGuardrail", request).await {
        Err(error) if matches!(error.class, ErrorClass::NotFound | ErrorClass::Invalid) => {
            return not(format!("version {version} of guardrail {guardrail} cannot be read: {}", error.message));
        }
        outcome => outcome?.body,
    };
    if answer.get("automatedReasoningPolicy").is_some_and(|policy| !policy.is_null()) {
        return not(format!(
            "version {version} of guardrail {guardrail} has an automated reasoning policy, and calls fail when such a one is \
             enforced"
        ));
    }
    match answer.get("status").and_then(Value::as_str) {
        Some("READY") => Ok(Found::Enforceable),
        status => not(format!(
            "version {version} of guardrail {guardrail} is {}, not READY",
            status.unwrap_or("in a state that is not told")
        )),
    }
}

#[async_trait]
impl ResourceClient for EnforcedGuardrail {
    fn kind(&self) -> &'static dyn Kind {
        &EnforcedGuardrail
    }

    async fn observe(&self, session: &Session, scope: &Scope, selection: &Selection) -> Result<Reading, CallError> {
        let mut reading = Reading::default();
        for name in self.contract().singleton.into_iter().filter(|name| selection.has(name)) {
            let address = Address::new(scope, self.name(), name);
            reading.resources.extend(self.read_one(session, &address, None).await?);
        }
        Ok(reading)
    }

    async fn read_one(
        &self,
        session: &Session,
        address: &Address,
        _: Option<&Value>,
    ) -> Result<Option<ObservedResource>, CallError> {
        let own = list(session).await?;
        let config = match own.as_slice() {
            [] => return Ok(None),
            [one] => one,
            several => {
                // The model says that there is at most one.
                let text = format!("{} configurations of one account and region", several.len());
                return Err(odd_answer(session, SERVICE, LIST, text));
            }
        };
        let Some(id) = config.get("configId").and_then(Value::as_str) else {
            return Err(odd_answer(session, SERVICE, LIST, "the configuration has no configId"));
        };
        let live = without(config, OWNED);
        let normalised = self.normalise(&live, Origin::Live);
        if let Some(problem) = normalised.problems.first() {
            return Err(odd_answer(session, SERVICE, LIST, format!("{}: {}", problem.path, problem.detail)));
        }
        Ok(Some(ObservedResource {
            address: address.clone(),
            tree: normalised.tree,
            unknown_fields: unknown_fields_by_key(&live, normalised.unknown, self.contract().list_keys()),
            external_id: json!({ "configId": id }),
            private_state: Value::Null,
            settled: true,
            unread: Default::default(),
            beside: Value::Null,
        }))
    }

    async fn traces(&self, session: &Session, _: &ObservedResource) -> Result<Traces, CallError> {
        let rows = list(session).await?;
        let changed =
            rows.iter().find(|row| is_of_account(row)).and_then(|row| row.get("updatedAt")?.as_str()?.parse().ok());
        Ok(Traces { changed_at: changed, snapshots: Vec::new() })
    }

    async fn inspect(
        &self,
        session: &Session,
        _: &Address,
        want: &Value,
        live: Option<&ObservedResource>,
        _: &[String],
    ) -> Result<Option<Value>, CallError> {
        let Some((guardrail, version)) = wanted(want, live.map(|live| &live.tree)) else { return Ok(None) };
        let found = look_at(session, guardrail, version).await?;
        Ok(serde_json::to_value(found).ok())
    }

    async fn perform(
        &self,
        session: &Session,
        address: &Address,
        call: &Call,
        _: Option<&Value>,
        _: &WritePermit,
    ) -> Result<WriteResult, CallError> {
        let bedrock = session.client(Client::new);
        let put = bedrock.put_enforced_guardrail_configuration();
        match call_with_body!(session, SERVICE, PUT, put, &call.request).await {
            Ok(answer) => {
                let external_id = json!({ "configId": answer.body.get("configId") });
                Ok(WriteResult { external_id, request_id: answer.request_id })
            }
            // Our own answer was lost, or somebody else created it. Read-back tells whether it is as declared.
            Err(error) if error.class == ErrorClass::Conflict && call.request.get("configId").is_none() => {
                match self.read_one(session, address, None).await? {
                    Some(seen) => {
                        Ok(WriteResult { external_id: seen.external_id, request_id: error.request_id.clone() })
                    }
                    None => Err(error),
                }
            }
            Err(error) => Err(error),
        }
    }
}
