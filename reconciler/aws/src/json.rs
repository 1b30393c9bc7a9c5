//! Exact bodies out, verbatim bodies in.
//!
//! For JSON services the generated client is used for what it is good at: URL, `X-Amz-Target`,
//! endpoint, signature, retries and error parsing. Its typed (de)serialisers are by-passed,
//! because they throw away members that they do not know, and an unknown member is exactly what
//! a full-replace write must carry.

use std::pin::Pin;
use std::sync::{Arc, Mutex, PoisonError};
use std::task::{Context, Poll, ready};

use aws_smithy_runtime::client::retries::TokenBucket;
use aws_smithy_runtime_api::box_error::BoxError;
use aws_smithy_runtime_api::client::interceptors::Intercept;
use aws_smithy_runtime_api::client::interceptors::context::{
    AfterDeserializationInterceptorContextRef, BeforeDeserializationInterceptorContextMut,
    BeforeTransmitInterceptorContextMut, BeforeTransmitInterceptorContextRef,
};
use aws_smithy_runtime_api::client::runtime_components::RuntimeComponents;
use aws_smithy_types::body::SdkBody;
use aws_smithy_types::config_bag::{ConfigBag, Layer};
use bytes::{Bytes, BytesMut};
use http_body::{Body, Frame};
use serde_json::Value;

use crate::classify;

/// The answer of a JSON service.
#[derive(Debug, Clone, PartialEq)]
pub struct Answer {
    /// The body with every member that was sent, known to the SDK or not. An empty body is `{}`.
    pub body: Value,
    /// AWS's id of the request.
    pub request_id: Option<String>,
}

/// The answer of a service that speaks XML: what the SDK made of it, and the body as it came, with every element that was
/// sent.
#[derive(Debug, Clone)]
pub struct Verbatim<T> {
    /// What the SDK made of it; for what is in the headers.
    pub output: T,
    /// The body.
    pub body: String,
    /// AWS's id of the request.
    pub request_id: Option<String>,
}

/// Replaces the request body by the given one.
///
/// Works before the retry loop: the SDK saves the request there, so that every attempt has the
/// body, and both content-length and signature are made from it.
#[derive(Clone)]
pub struct ExactBody(Vec<u8>);

impl ExactBody {
    /// The body to send, serialised here and never again.
    pub fn new(body: &Value) -> Self {
        Self(body.to_string().into_bytes())
    }

    /// The text to send, for services that do not speak JSON.
    pub fn of_text(body: String) -> Self {
        Self(body.into_bytes())
    }
}

// The body may hold what must not be logged, and the SDK logs its interceptors.
impl std::fmt::Debug for ExactBody {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "ExactBody({} bytes)", self.0.len())
    }
}

impl Intercept for ExactBody {
    fn name(&self) -> &'static str {
        "ExactBody"
    }

    fn modify_before_retry_loop(
        &self,
        context: &mut BeforeTransmitInterceptorContextMut<'_>,
        _components: &RuntimeComponents,
        _cfg: &mut ConfigBag,
    ) -> Result<(), BoxError> {
        let request = context.request_mut();
        *request.body_mut() = SdkBody::from(self.0.clone());
        let headers = request.headers_mut();
        headers.insert("content-length", self.0.len().to_string());
        if headers.get("content-type").is_none() {
            headers.insert("content-type", "application/json");
        }
        Ok(())
    }
}

/// What one attempt brought back.
#[derive(Debug, Clone)]
pub(crate) struct Tapped {
    pub(crate) status: u16,
    pub(crate) body: Bytes,
    pub(crate) request_id: Option<String>,
}

#[derive(Debug, Default)]
struct Seen {
    last: Option<Tapped>,
    throttled: bool,
}

/// Keeps the verbatim body of the last attempt. Clones share what they saw; one per call.
///
/// The SDK reads a body into memory only while it deserialises it, so the bytes are there after
/// deserialisation, successful or not, and not before. Where nobody looks at the SDK's output, it gets an
/// empty object in the place of the body of a success: to read it twice is most of what an answer costs.
///
/// It also puts the retry allowance of the call's account in the place of the SDK's own, which has
/// one for all accounts.
#[derive(Debug, Clone)]
pub struct BodyTap {
    seen: Arc<Mutex<Seen>>,
    retry_tokens: TokenBucket,
    /// Whether only the body is looked at, and it is JSON.
    is_all: bool,
}

impl BodyTap {
    pub(crate) fn new(retry_tokens: TokenBucket) -> Self {
        Self { seen: Arc::default(), retry_tokens, is_all: false }
    }

    /// The same, for a call whose typed output nobody looks at.
    pub(crate) fn of_the_body_alone(self) -> Self {
        Self { is_all: true, ..self }
    }

    fn seen(&self) -> std::sync::MutexGuard<'_, Seen> {
        self.seen.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// The last attempt's response, if one arrived as a whole.
    pub(crate) fn take(&self) -> Option<Tapped> {
        self.seen().last.take()
    }

    /// Whether any attempt was throttled, those included that a retry made good.
    pub(crate) fn throttled(&self) -> bool {
        self.seen().throttled
    }
}

impl Intercept for BodyTap {
    fn name(&self) -> &'static str {
        "BodyTap"
    }

    fn modify_before_retry_loop(
        &self,
        _context: &mut BeforeTransmitInterceptorContextMut<'_>,
        _components: &RuntimeComponents,
        cfg: &mut ConfigBag,
    ) -> Result<(), BoxError> {
        // The client's interceptors come first: theirs is in a layer below this one.
        let mut layer = Layer::new("retry allowance of the account");
        layer.store_put(self.retry_tokens.clone());
        cfg.push_layer(layer);
        Ok(())
    }

    fn read_before_attempt(
        &self,
        _context: &BeforeTransmitInterceptorContextRef<'_>,
        _components: &RuntimeComponents,
        _cfg: &mut ConfigBag,
    ) -> Result<(), BoxError> {
        self.seen().last = None;
        Ok(())
    }

    fn modify_before_deserialization(
        &self,
        context: &mut BeforeDeserializationInterceptorContextMut<'_>,
        _components: &RuntimeComponents,
        _cfg: &mut ConfigBag,
    ) -> Result<(), BoxError> {
        let response = context.response_mut();
        let status = response.status();
        if self.is_all && status.is_success() {
            let (status, request_id) = (status.as_u16(), classify::request_id(response));
            let body = std::mem::replace(response.body_mut(), SdkBody::taken());
            let kept = Tapped { status, body: Bytes::new(), request_id };
            let diverted = Diverted { body, kept: Some(kept), more: BytesMut::new(), seen: Arc::clone(&self.seen) };
            *response.body_mut() = SdkBody::from_body_1_x(diverted);
        }
        Ok(())
    }

    fn read_after_deserialization(
        &self,
        context: &AfterDeserializationInterceptorContextRef<'_>,
        _components: &RuntimeComponents,
        _cfg: &mut ConfigBag,
    ) -> Result<(), BoxError> {
        let response = context.response();
        let Some(body) = response.body().bytes() else {
            return Ok(());
        };
        let status = response.status().as_u16();
        if self.is_all && response.status().is_success() {
            return Ok(());
        }
        let code = response.headers().get("x-amzn-errortype");
        let mut seen = self.seen();
        seen.throttled |= classify::says_throttled(status, code, body);
        let body = Bytes::copy_from_slice(body);
        seen.last = Some(Tapped { status, body, request_id: classify::request_id(response) });
        Ok(())
    }
}

/// The body of a success on its way to the SDK: it is kept, and an empty object arrives. What breaks off is no answer, and the
/// error is passed on.
struct Diverted {
    body: SdkBody,
    /// `None` once the end was seen.
    kept: Option<Tapped>,
    /// The rest of a body that came in several pieces, with the first of them.
    more: BytesMut,
    seen: Arc<Mutex<Seen>>,
}

impl Body for Diverted {
    type Data = Bytes;
    type Error = <SdkBody as Body>::Error;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Self::Data>, Self::Error>>> {
        loop {
            if self.kept.is_none() {
                return Poll::Ready(None);
            }
            let frame = match ready!(Pin::new(&mut self.body).poll_frame(context)) {
                Some(Ok(frame)) => frame,
                Some(Err(error)) => return Poll::Ready(Some(Err(error))),
                None => {
                    let more = std::mem::take(&mut self.more);
                    if let Some(mut kept) = self.kept.take() {
                        if !more.is_empty() {
                            kept.body = more.freeze();
                        }
                        self.seen.lock().unwrap_or_else(PoisonError::into_inner).last = Some(kept);
                    }
                    return Poll::Ready(Some(Ok(Frame::data(Bytes::from_static(b"{}")))));
                }
            };
            // What is no data are trailers, which nobody looks at.
            let Ok(data) = frame.into_data() else { continue };
            let this = &mut *self;
            match &mut this.kept {
                Some(kept) if kept.body.is_empty() => kept.body = data,
                Some(kept) => {
                    if this.more.is_empty() {
                        this.more.extend_from_slice(&kept.body);
                    }
                    this.more.extend_from_slice(&data);
                }
                None => {}
            }
        }
    }
}
