//! Look-ups that declarations may contain.

use async_trait::async_trait;
use aws_sdk_kms::Client;
use reconciler_aws::edge::{LookupSource, odd_answer};
use reconciler_aws::{CallError, ErrorClass, Session, call_with_body};
use reconciler_model::desired::Lookup;
use serde_json::{Value, json};

/// Every source of look-ups.
pub const LOOKUPS: &[&dyn LookupSource] = &[&KmsKey];

/// `${kms:alias/NAME}`: the ARN of the key that the alias names, because services answer with the ARN whatever was
/// written (AWS.md 1.1.4, 1.5).
#[derive(Debug)]
pub struct KmsKey;

#[async_trait]
impl LookupSource for KmsKey {
    fn source(&self) -> &'static str {
        "kms"
    }

    async fn look_up(&self, session: &Session, lookup: &Lookup) -> Result<Option<String>, CallError> {
        let kms = session.client(Client::new);
        let request = json!({ "KeyId": lookup.key });
        let answer = match call_with_body!(session, "kms", "DescribeKey", kms.describe_key(), &request).await {
            Ok(answer) => answer,
            Err(error) if error.class == ErrorClass::NotFound => return Ok(None),
            Err(error) => return Err(error),
        };
        match answer.body.pointer("/KeyMetadata/Arn").and_then(Value::as_str) {
            Some(arn) => Ok(Some(arn.to_owned())),
            None => Err(odd_answer(session, "kms", "DescribeKey", "the answer has no KeyMetadata.Arn")),
        }
    }
}
