//! The edge of service control policies: the calls are those of every organization policy.

use async_trait::async_trait;
use reconciler_aws::edge::{Edge, PinnedNames, Reading, Receipt, Selection};
use reconciler_aws::{CallError, Session};
use reconciler_model::address::{Address, Scope};
use reconciler_model::inventory::Sighting;
use reconciler_model::kind::Kind;
use reconciler_model::plan::Call;
use reconciler_model::warrant::Warrant;
use serde_json::Value;

use super::ServiceControlPolicy;
use super::spec::TYPE;
use crate::shared::organizations::edge;

#[async_trait]
impl Edge for ServiceControlPolicy {
    fn kind(&self) -> &'static dyn Kind {
        &ServiceControlPolicy
    }

    async fn observe(&self, session: &Session, scope: &Scope, selection: &Selection) -> Result<Reading, CallError> {
        edge::observe(&TYPE, session, scope, selection, &PinnedNames::new()).await
    }

    /// The pins are those of targets.
    async fn observe_pinned(
        &self,
        session: &Session,
        scope: &Scope,
        selection: &Selection,
        pinned: &PinnedNames,
    ) -> Result<Reading, CallError> {
        edge::observe(&TYPE, session, scope, selection, pinned).await
    }

    async fn sight(
        &self,
        session: &Session,
        address: &Address,
        handle: Option<&Value>,
    ) -> Result<Option<Sighting>, CallError> {
        edge::sight(&TYPE, session, address, handle).await
    }

    async fn inspect(
        &self,
        session: &Session,
        _: &Address,
        want: &Value,
        live: Option<&Sighting>,
        _: &[String],
    ) -> Result<Option<Value>, CallError> {
        Ok(Box::pin(edge::inspect(&TYPE, session, want, live)).await)
    }

    async fn perform(
        &self,
        session: &Session,
        _: &Address,
        call: &Call,
        handle: Option<&Value>,
        _: &Warrant,
    ) -> Result<Receipt, CallError> {
        edge::perform(session, call, handle).await
    }
}
