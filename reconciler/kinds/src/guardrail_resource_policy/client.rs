//! The resource client of guardrails' resource policies: the only place of this kind that names the SDK, but for how
//! guardrails are found (`guardrails.rs`).
//!
//! ListGuardrails finds the guardrails by name or by what that is pinned to, and GetResourcePolicy reads the policy of each that is
//! asked for, side by side.

use async_trait::async_trait;
use aws_sdk_bedrock::Client;
use futures::future::join_all;
use reconciler_aws::client::{PinnedNames, Reading, ResourceClient, Selection, WriteResult, gap_of, odd_answer, twin};
use reconciler_aws::{CallError, ErrorClass, Session, call, call_with_body};
use reconciler_model::address::{Address, Scope};
use reconciler_model::inventory::ObservedResource;
use reconciler_model::kind::{Kind, Origin};
use reconciler_model::permit::WritePermit;
use reconciler_model::plan::Call;
use serde_json::{Value, json};

use super::GuardrailResourcePolicy;
use super::spec::POLICY;
use crate::shared::guardrails::{Ids, NAME, ambiguous, by_name_or_pin, named};
use crate::shared::normal::{unknown_fields_by_key, without};
use crate::shared::operations::unknown_call;

const SERVICE: &str = "bedrock";
const GET: &str = "GetResourcePolicy";

/// The policy of one guardrail that exists.
async fn read(session: &Session, address: &Address, ids: &Ids) -> Result<ObservedResource, CallError> {
    let arn = &ids.arn;
    let bedrock = session.client(Client::new);
    let answer = match call!(session, SERVICE, GET, bedrock.get_resource_policy().resource_arn(arn)).await {
        // A guardrail without a policy. No source says whether that is an error or an answer without the member.
        Err(error) if error.class == ErrorClass::NotFound => json!({}),
        outcome => outcome?.body,
    };
    let mut live = without(&answer, &["resourceArn"]);
    if let Some(members) = live.as_object_mut() {
        members.retain(|name, value| name != POLICY || (!value.is_null() && value != ""));
    }
    let normalised = GuardrailResourcePolicy.normalise(&live, Origin::Live);
    if let Some(problem) = normalised.problems.first() {
        return Err(odd_answer(session, SERVICE, GET, format!("{}: {}", problem.path, problem.detail)));
    }
    let mut tree = normalised.tree;
    // Only one that was found by its pin has another name than its address.
    if let Some(called) =
        ids.called.as_ref().filter(|called| **called != address.name && address.name != twin(called, &ids.id))
    {
        tree[NAME] = json!(called);
    }
    Ok(ObservedResource {
        address: address.clone(),
        tree,
        unknown_fields: unknown_fields_by_key(
            &live,
            normalised.unknown,
            GuardrailResourcePolicy.contract().list_keys(),
        ),
        external_id: json!({ "guardrailArn": arn, "called": ids.called }),
        private_state: Value::Null,
        settled: true,
        unread: Default::default(),
        beside: Value::Null,
    })
}

/// The external id, with the name that the guardrail had when it was found. A second read asks for the policy alone.
fn ids_of(external_id: &Value) -> Option<Ids> {
    let text = |member: &str| external_id.get(member)?.as_str().map(str::to_owned);
    let arn = text("guardrailArn")?;
    Some(Ids { id: arn.rsplit('/').next().unwrap_or(&arn).to_owned(), arn, called: text("called") })
}

#[async_trait]
impl ResourceClient for GuardrailResourcePolicy {
    fn kind(&self) -> &'static dyn Kind {
        &GuardrailResourcePolicy
    }

    async fn observe(&self, session: &Session, scope: &Scope, selection: &Selection) -> Result<Reading, CallError> {
        self.observe_pinned(session, scope, selection, &PinnedNames::new()).await
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
                Err(error) => Err(gap_of(error, scope, self.name(), Some(name))),
                Ok([ids]) => {
                    let outcome = read(session, &address, ids).await;
                    outcome.map_err(|error| gap_of(&error, scope, self.name(), Some(name)))
                }
                Ok(several) => Err(ambiguous(scope, self.name(), name, several)),
            }
        });
        let mut reading = Reading::default();
        for outcome in join_all(reads).await {
            match outcome {
                // A guardrail without a policy is nothing to export, and nothing that nobody declared.
                Ok(seen) if seen.tree[POLICY].is_null() && !selection.asks_for(&seen.address.name) => {}
                Ok(seen) => reading.resources.push(seen),
                Err(gap) => reading.gaps.push(gap),
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
        if let Some(ids) = external_id.and_then(ids_of) {
            return read(session, address, &ids).await.map(Some);
        }
        match named(session, &address.name).await? {
            Some(ids) => read(session, address, &ids).await.map(Some),
            None => Ok(None),
        }
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
        let external_id = external_id.cloned().unwrap_or(Value::Null);
        let request_id = match call.operation.as_str() {
            "PutResourcePolicy" => {
                let put = bedrock.put_resource_policy();
                call_with_body!(session, SERVICE, "PutResourcePolicy", put, &call.request).await?.request_id
            }
            "DeleteResourcePolicy" => {
                let resource = call.request.get("resourceArn").and_then(Value::as_str).unwrap_or_default();
                let delete = bedrock.delete_resource_policy().resource_arn(resource);
                match call!(session, SERVICE, "DeleteResourcePolicy", delete).await {
                    // Our own answer was lost: the policy is gone, as expected.
                    Err(error) if error.class == ErrorClass::NotFound => error.request_id.clone(),
                    outcome => outcome?.request_id,
                }
            }
            _ => return Err(unknown_call(session, SERVICE, call)),
        };
        Ok(WriteResult { external_id, request_id })
    }
}
