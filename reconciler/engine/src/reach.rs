//! Whether accounts and regions can be reached at all: one question to STS in each.

use futures::StreamExt as _;
use futures::stream;
use reconciler_aws::{CallError, CallerIdentity, SignedSkew};
use reconciler_model::address::Scope;

use crate::reconciler::Reconciler;

/// How many places are asked at a time.
const SIDE_BY_SIDE: usize = 32;

/// What came of the question in one place.
#[derive(Debug)]
pub struct Reached {
    /// The account and region.
    pub scope: Scope,
    /// Who we are there.
    pub who: Result<CallerIdentity, CallError>,
    /// How far the clock here is ahead, in seconds; `None` where no answer had a date.
    pub skew: Option<SignedSkew>,
}

impl Reconciler<'_> {
    /// Asks in every place, in the order of the places.
    pub async fn reach(&self, scopes: &[Scope]) -> Vec<Reached> {
        let asks = scopes.iter().map(|scope| async move {
            let session = self.sessions.session(&scope.account_id, &scope.region);
            let (who, skew) = session.ask().await;
            Reached { scope: scope.clone(), who, skew }
        });
        stream::iter(asks).buffered(SIDE_BY_SIDE).collect().await
    }
}
