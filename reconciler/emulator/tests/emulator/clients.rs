//! A client that writes requests as an SDK does, without signing them.

use bytes::Bytes;
use http::{Method, Request};
use reconciler_emulator::{Dropped, Emulator, Options};
use serde_json::{Value, json};

pub(crate) type TestResult = Result<(), Box<dyn std::error::Error>>;

/// An answer, whatever the protocol.
#[derive(Debug, PartialEq)]
pub(crate) struct Reply {
    pub(crate) status: u16,
    pub(crate) code: Option<String>,
    pub(crate) body: Value,
}

impl Reply {
    pub(crate) fn text(&self, pointer: &str) -> String {
        self.body.pointer(pointer).and_then(Value::as_str).unwrap_or_default().to_owned()
    }
}

#[derive(Clone)]
pub(crate) struct Client {
    pub(crate) emulator: Emulator,
    pub(crate) access_key: String,
    pub(crate) region: String,
}

/// The whole answer is one guardrail that has little in it.
pub(crate) fn small_guardrail(name: &str) -> Value {
    json!({
        "name": name,
        "blockedInputMessaging": "in",
        "blockedOutputsMessaging": "out",
        "contentPolicyConfig": {"filtersConfig": [
            {"type": "HATE", "inputStrength": "HIGH", "outputStrength": "HIGH"},
            {"type": "VIOLENCE", "inputStrength": "HIGH", "outputStrength": "HIGH"},
            {"type": "SEXUAL", "inputStrength": "HIGH", "outputStrength": "HIGH"},
            {"type": "INSULTS", "inputStrength": "HIGH", "outputStrength": "HIGH"},
        ]},
        "wordPolicyConfig": {"wordsConfig": [{"text": "nightingale"}]},
    })
}

impl Client {
    pub(crate) fn new(emulator: &Emulator) -> Self {
        Self { emulator: emulator.clone(), access_key: "111122223333".to_owned(), region: "us-east-1".to_owned() }
    }

    /// An emulator without chance, in which nothing flaps.
    pub(crate) fn calm() -> Self {
        Self::new(&Emulator::new(Options { flap_probability: 0.0, ..Options::default() }))
    }

    pub(crate) fn at(&self, access_key: &str, region: &str) -> Self {
        Self { emulator: self.emulator.clone(), access_key: access_key.to_owned(), region: region.to_owned() }
    }

    async fn send(&self, service: &str, request: http::request::Builder, body: String) -> Result<Reply, Dropped> {
        let scope = format!(
            "AWS4-HMAC-SHA256 Credential={}/20261120/{}/{service}/aws4_request, SignedHeaders=host, Signature=0",
            self.access_key, self.region
        );
        let request = request.header("authorization", scope).body(Bytes::from(body)).unwrap_or_default();
        let response = self.emulator.handle(request).await?;
        let (parts, body) = response.into_parts();
        assert!(parts.headers.contains_key("x-amzn-requestid"), "every answer names its request");
        let header = parts.headers.get("x-amzn-errortype").and_then(|code| code.to_str().ok()).map(str::to_owned);
        let body = serde_json::from_slice(&body)
            .unwrap_or_else(|_| Value::String(String::from_utf8_lossy(&body).into_owned()));
        Ok(Reply { status: parts.status.as_u16(), code: header, body })
    }

    pub(crate) async fn bedrock(&self, method: Method, path: &str, body: &Value) -> Result<Reply, Dropped> {
        let body = if body.is_null() { String::new() } else { body.to_string() };
        self.send("bedrock", Request::builder().method(method).uri(path), body).await
    }

    pub(crate) async fn get(&self, path: &str) -> Result<Reply, Dropped> {
        self.bedrock(Method::GET, path, &Value::Null).await
    }

    /// An awsJson1.1 call.
    pub(crate) async fn json(&self, service: &str, operation: &str, body: Value) -> Result<Reply, Dropped> {
        let request = Request::builder()
            .method(Method::POST)
            .uri("/")
            .header("x-amz-target", format!("Any_20140328.{operation}"))
            .header("content-type", "application/x-amz-json-1.1");
        self.send(service, request, body.to_string()).await
    }

    pub(crate) async fn sts(&self, form: &str) -> Result<Reply, Dropped> {
        let request = Request::builder()
            .method(Method::POST)
            .uri("/")
            .header("content-type", "application/x-www-form-urlencoded");
        self.send("sts", request, form.to_owned()).await
    }

    /// Creates a guardrail; its id.
    pub(crate) async fn create(&self, body: &Value) -> Result<String, Dropped> {
        let reply = self.bedrock(Method::POST, "/guardrails", body).await?;
        assert_eq!(reply.status, 202, "{reply:?}");
        Ok(reply.text("/guardrailId"))
    }

    /// Reads a guardrail until it is READY twice.
    pub(crate) async fn settled(&self, id: &str) -> Result<Value, Dropped> {
        let mut ready = 0;
        for _ in 0..20 {
            let reply = self.get(&format!("/guardrails/{id}")).await?;
            ready = if reply.text("/status") == "READY" { ready + 1 } else { 0 };
            if ready == 2 {
                return Ok(reply.body);
            }
        }
        Ok(Value::Null)
    }

    pub(crate) async fn update(&self, id: &str, body: &Value) -> Result<Reply, Dropped> {
        self.bedrock(Method::PUT, &format!("/guardrails/{id}"), body).await
    }
}
