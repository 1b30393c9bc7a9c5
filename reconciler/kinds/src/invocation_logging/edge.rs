//! The edge of the logging configuration: the only place of this kind that names the SDK.

use async_trait::async_trait;
use aws_sdk_bedrock::Client;
use reconciler_aws::edge::{Edge, Reading, Receipt, Selection, odd_answer};
use reconciler_aws::{CallError, Session, call, call_with_body};
use reconciler_model::address::{Address, Scope};
use reconciler_model::inventory::Sighting;
use reconciler_model::kind::{Kind, Origin};
use reconciler_model::warrant::Warrant;
use serde_json::Value;

use super::InvocationLogging;
use crate::normal::extras_by_key;

const SERVICE: &str = "bedrock";
const GET: &str = "GetModelInvocationLoggingConfiguration";

#[async_trait]
impl Edge for InvocationLogging {
    fn kind(&self) -> &'static dyn Kind {
        &InvocationLogging
    }

    async fn observe(&self, session: &Session, scope: &Scope, selection: &Selection) -> Result<Reading, CallError> {
        let mut reading = Reading::default();
        for name in self.singleton().into_iter().filter(|name| selection.has(name)) {
            let address = Address::new(scope, self.name(), name);
            reading.sightings.extend(self.sight(session, &address, None).await?);
        }
        Ok(reading)
    }

    async fn sight(
        &self,
        session: &Session,
        address: &Address,
        _: Option<&Value>,
    ) -> Result<Option<Sighting>, CallError> {
        let bedrock = session.client(Client::new);
        let answer = call!(session, SERVICE, GET, bedrock.get_model_invocation_logging_configuration()).await?;
        // Logging that is off is answered with success, without the member (AWS.md 1.3).
        let Some(config) = answer.body.get("loggingConfig").filter(|config| !config.is_null()) else {
            return Ok(None);
        };
        let normalised = self.normalise(config, Origin::Live);
        if let Some(problem) = normalised.problems.first() {
            return Err(odd_answer(session, SERVICE, GET, format!("{}: {}", problem.path, problem.detail)));
        }
        Ok(Some(Sighting {
            address: address.clone(),
            tree: normalised.tree,
            extras: extras_by_key(config, normalised.unknown, self.key_of()),
            handle: Value::Null,
            facts: Value::Null,
            settled: true,
        }))
    }

    async fn perform(
        &self,
        session: &Session,
        _: &Address,
        op: &Value,
        _: Option<&Value>,
        _: &str,
        _: &Warrant,
    ) -> Result<Receipt, CallError> {
        let bedrock = session.client(Client::new);
        let put = bedrock.put_model_invocation_logging_configuration();
        let answer = call_with_body!(session, SERVICE, "PutModelInvocationLoggingConfiguration", put, op).await?;
        Ok(Receipt { handle: Value::Null, request_id: answer.request_id })
    }
}
