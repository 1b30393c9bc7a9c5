//! What a policy of the account says, as pins hold it: the contents of boundaries and attached policies that are declared by
//! their ARN alone.

use async_trait::async_trait;
use futures::future::join_all;
use reconciler_aws::client::{LookedUp, LookupSource};
use reconciler_aws::{CallError, ErrorClass, Session};
use reconciler_model::desired::CONTENT;
use reconciler_model::digest;
use reconciler_model::policy::Policy;

use super::client;

/// The digest of what the default version of a policy says.
#[derive(Debug)]
pub struct Contents;

#[async_trait]
impl LookupSource for Contents {
    fn source(&self) -> &'static str {
        CONTENT
    }

    async fn look_up(&self, session: &Session, keys: &[String]) -> Vec<Result<LookedUp, CallError>> {
        join_all(keys.iter().map(|arn| one(session, arn))).await
    }
}

async fn one(session: &Session, arn: &str) -> Result<LookedUp, CallError> {
    match client::default_text(session, arn).await {
        // What is no policy to this build is held as it is written.
        Ok(text) => Ok(LookedUp::Is(match Policy::from_text(&text) {
            Ok(policy) => policy.digest(),
            Err(_) => digest::of_bytes(text.as_bytes()),
        })),
        Err(error) if error.class == ErrorClass::NotFound => Ok(LookedUp::Nothing),
        Err(error) => Err(error),
    }
}
