//! One call, from admission to outcome, and the macros that make it.
//!
//! Macros, because `customize()` is an inherent method of every generated request builder and no
//! trait covers it. All they hold is that one line; the rest is in [`InFlight`].

use std::error::Error;

use aws_smithy_runtime_api::client::orchestrator::HttpResponse;
use aws_smithy_runtime_api::client::result::SdkError;
use aws_smithy_types::error::metadata::ProvideErrorMetadata;
use serde_json::Value;

use crate::classify;
use crate::error::{CallError, ErrorClass};
use crate::json::{Answer, BodyTap, Verbatim};
use crate::limiter::Permit;
use crate::session::Session;

/// Sends a request of a JSON service and reads the verbatim answer.
///
/// `call!(session, "bedrock", "GetGuardrail", client.get_guardrail().guardrail_identifier(id))`
/// is a future of `Result<`[`Answer`]`, `[`CallError`]`>`. `session` is a [`Session`] or a
/// reference to one; the service is named by its IAM prefix and, with the operation, is what
/// errors and hints say. The session's concurrency bounds apply.
#[macro_export]
macro_rules! call {
    ($session:expr, $service:expr, $operation:expr, $builder:expr $(,)?) => {{
        let session: &$crate::Session = &$session;
        let builder = $builder;
        async move {
            let call = session.begin($service, $operation).await?;
            let sent = call.carry(builder.customize().interceptor(call.whole_tap()).send()).await;
            call.answer(sent)
        }
    }};
}

/// Like [`call!`], with the exact request body.
///
/// `call_with_body!(session, "bedrock", "UpdateGuardrail", client.update_guardrail()
/// .guardrail_identifier(id), &body)`. The builder needs only the members that are in the URL; the
/// body is a `&serde_json::Value` and is sent as it is, idempotency token included.
#[macro_export]
macro_rules! call_with_body {
    ($session:expr, $service:expr, $operation:expr, $builder:expr, $body:expr $(,)?) => {{
        let session: &$crate::Session = &$session;
        let builder = $builder;
        let body = $crate::ExactBody::new($body);
        async move {
            let call = session.begin($service, $operation).await?;
            let sent = call.carry(builder.customize().interceptor(body).interceptor(call.whole_tap()).send()).await;
            call.answer(sent)
        }
    }};
}

/// Like [`call!`] for services that speak XML: a future of the SDK's typed output.
#[macro_export]
macro_rules! send {
    ($session:expr, $service:expr, $operation:expr, $builder:expr $(,)?) => {{
        let session: &$crate::Session = &$session;
        let builder = $builder;
        async move {
            let call = session.begin($service, $operation).await?;
            let sent = call.carry(builder.customize().interceptor(call.tap()).send()).await;
            call.output(sent)
        }
    }};
}

/// Like [`send!`], with the body of the answer as it came: a future of [`Verbatim`].
///
/// `call_text!(session, "s3", "GetBucketEncryption", client.get_bucket_encryption().bucket(name))`; with one more argument,
/// the exact text of the request's body: checksum and signature are made from it.
#[macro_export]
macro_rules! call_text {
    ($session:expr, $service:expr, $operation:expr, $builder:expr $(,)?) => {{
        let session: &$crate::Session = &$session;
        let builder = $builder;
        async move {
            let call = session.begin($service, $operation).await?;
            let sent = call.carry(builder.customize().interceptor(call.tap()).send()).await;
            call.verbatim(sent)
        }
    }};
    ($session:expr, $service:expr, $operation:expr, $builder:expr, $body:expr $(,)?) => {{
        let session: &$crate::Session = &$session;
        let builder = $builder;
        let body = $crate::ExactBody::of_text($body);
        async move {
            let call = session.begin($service, $operation).await?;
            let sent = call.carry(builder.customize().interceptor(body).interceptor(call.tap()).send()).await;
            call.verbatim(sent)
        }
    }};
}

/// Whether a service has one endpoint for its partition, so that no region of it can be disabled.
fn is_global(service: &str) -> bool {
    matches!(service, "iam" | "organizations" | "sts")
}

/// What is known about a call before it is made.
#[derive(Debug, Clone)]
pub(crate) struct Call {
    pub(crate) service: &'static str,
    pub(crate) operation: &'static str,
    pub(crate) account: Option<String>,
    pub(crate) region: Option<String>,
    pub(crate) role: Option<String>,
    pub(crate) caller: Option<String>,
}

/// An admitted call. Made by [`Session::begin`] for the macros; dropping it gives its room back.
#[derive(Debug)]
pub struct InFlight {
    session: Session,
    service: &'static str,
    operation: &'static str,
    permit: Permit,
    tap: BodyTap,
}

impl InFlight {
    pub(crate) fn new(session: Session, service: &'static str, operation: &'static str, permit: Permit) -> Self {
        let tap = BodyTap::new(permit.retry_tokens());
        Self { session, service, operation, permit, tap }
    }

    /// The interceptor to send the request with.
    pub fn tap(&self) -> BodyTap {
        self.tap.clone()
    }

    /// The interceptor to send a request with of which [`InFlight::answer`] is asked for the answer.
    pub fn whole_tap(&self) -> BodyTap {
        self.tap.clone().of_the_body_alone()
    }

    /// Waits for the SDK, which needs a quarter of a millisecond of processor time for a call: see
    /// [`Session::spread`].
    pub async fn carry<F>(&self, sending: F) -> F::Output
    where
        F: Future + Send + 'static,
        F::Output: Send + 'static,
    {
        self.session.send(sending).await
    }

    /// The verbatim answer.
    ///
    /// A successful status is a successful call, even where the SDK's deserialiser has failed on
    /// the body: only a body that is no JSON at all is an error then.
    ///
    /// # Errors
    ///
    /// The classified error of the call, or code `UnreadableAnswer`.
    pub fn answer<T, E>(self, sent: Result<T, SdkError<E, HttpResponse>>) -> Result<Answer, CallError>
    where
        E: Error + ProvideErrorMetadata + 'static,
    {
        let tapped = self.tap.take();
        let error = match (sent, tapped) {
            (sent, Some(tapped)) if (200..300).contains(&tapped.status) => {
                // A timeout of the whole operation after the last byte is still an answer.
                drop(sent);
                let body = if tapped.body.iter().all(u8::is_ascii_whitespace) {
                    Ok(Value::Object(serde_json::Map::new()))
                } else {
                    // To look at the whole once is less work than at each of its texts.
                    match std::str::from_utf8(&tapped.body) {
                        Ok(text) => serde_json::from_str(text),
                        Err(_) => serde_json::from_slice(&tapped.body),
                    }
                };
                match body {
                    Ok(body) => {
                        let request_id = tapped.request_id;
                        self.finish(None);
                        return Ok(Answer { body, request_id });
                    }
                    Err(error) => {
                        // serde_json's text gives the position and no content.
                        let expected = format!("JSON, and it is none ({error})");
                        self.call().unreadable(&expected, Some(tapped.status), tapped.request_id)
                    }
                }
            }
            (Err(error), _) => self.classify(&error),
            (Ok(_), _) => self.call().unreadable("a body in memory", None, None),
        };
        self.finish(Some(&error));
        Err(error)
    }

    /// The typed output.
    ///
    /// # Errors
    ///
    /// The classified error of the call.
    pub fn output<T, E>(self, sent: Result<T, SdkError<E, HttpResponse>>) -> Result<T, CallError>
    where
        E: Error + ProvideErrorMetadata + 'static,
    {
        let result = sent.map_err(|error| self.classify(&error));
        self.finish(result.as_ref().err());
        result
    }

    /// The output, and the body that it was read from. Text that is not UTF-8 is marked where it is not.
    ///
    /// # Errors
    ///
    /// The classified error of the call.
    pub fn verbatim<T, E>(self, sent: Result<T, SdkError<E, HttpResponse>>) -> Result<Verbatim<T>, CallError>
    where
        E: Error + ProvideErrorMetadata + 'static,
    {
        let tapped = self.tap.take();
        let output = self.output(sent)?;
        let (body, request_id) = tapped.map(|tapped| (tapped.body, tapped.request_id)).unwrap_or_default();
        Ok(Verbatim { output, body: String::from_utf8_lossy(&body).into_owned(), request_id })
    }

    fn call(&self) -> Call {
        self.session.describe(self.service, self.operation)
    }

    fn classify<E>(&self, error: &SdkError<E, HttpResponse>) -> CallError
    where
        E: Error + ProvideErrorMetadata + 'static,
    {
        let custom = self.session.config().endpoint_url().is_some();
        let classified = classify::classify(&self.call(), error, custom);
        // The time ended in a pause between two attempts: it is the throttles that took it.
        match classified.code == classify::TIMEOUT && self.tap.throttled() {
            true => classify::out_of_time(classified),
            // A call is made only after its credentials were fetched, for which STS had to know us.
            false => classify::region_or_credentials(classified, is_global(self.service) || self.session.is_home()),
        }
    }

    fn finish(self, error: Option<&CallError>) {
        if error.is_some_and(|error| error.class == ErrorClass::ExpiredCredentials) {
            self.session.credentials_expired();
        }
        // A throttle that fetching credentials met says nothing about this service.
        let throttled = self.tap.throttled()
            || error.is_some_and(|e| e.class == ErrorClass::Throttled && e.service == self.service);
        self.permit.finish(throttled);
    }
}
