//! Looks at the emulated AWS from outside: plain HTTP requests, no SDK, no reconciler.

use bytes::Bytes;
use http::{Method, Request};
use reconciler_emulator::Emulator;
use serde_json::Value;

/// One place of the emulated AWS to look at.
#[derive(Debug, Clone)]
pub struct DirectClient {
    emulator: Emulator,
    account: String,
    region: String,
}

impl DirectClient {
    /// A direct client in an account and a region.
    pub fn new(emulator: &Emulator, account: &str, region: &str) -> Self {
        Self { emulator: emulator.clone(), account: account.to_owned(), region: region.to_owned() }
    }

    /// The answer to one request.
    pub async fn ask(&self, service: &str, method: Method, path: &str, target: Option<&str>, body: &Value) -> Value {
        let credential = format!("{}/20260101/{}/{service}/aws4_request", self.account, self.region);
        let mut request = Request::builder()
            .method(method)
            .uri(format!("https://{service}.{}.amazonaws.com{path}", self.region))
            .header(
                "authorization",
                format!("AWS4-HMAC-SHA256 Credential={credential}, SignedHeaders=host, Signature=0"),
            )
            .header("content-type", "application/x-amz-json-1.1");
        if let Some(target) = target {
            request = request.header("x-amz-target", target);
        }
        let body = if body.is_null() { Bytes::new() } else { Bytes::from(body.to_string()) };
        let request = request.body(body).expect("a request");
        let response = self.emulator.handle(request).await.expect("an answer");
        let status = response.status();
        let body = response.into_body();
        assert!(status.is_success(), "{path}: {status} {}", String::from_utf8_lossy(&body));
        if body.is_empty() { Value::Null } else { serde_json::from_slice(&body).expect("JSON") }
    }

    /// The XML answer to one call of a service that takes forms: IAM, EC2, STS.
    pub async fn form(&self, service: &str, members: &[(&str, &str)]) -> String {
        let credential = format!("{}/20260101/{}/{service}/aws4_request", self.account, self.region);
        let encoded = |text: &str| -> String { text.bytes().map(|byte| format!("%{byte:02X}")).collect() };
        let body: Vec<String> = members.iter().map(|(name, value)| format!("{name}={}", encoded(value))).collect();
        let request = Request::builder()
            .method(Method::POST)
            .uri(format!("https://{service}.amazonaws.com/"))
            .header(
                "authorization",
                format!("AWS4-HMAC-SHA256 Credential={credential}, SignedHeaders=host, Signature=0"),
            )
            .header("content-type", "application/x-www-form-urlencoded")
            .body(Bytes::from(body.join("&")))
            .expect("a request");
        let response = self.emulator.handle(request).await.expect("an answer");
        let status = response.status();
        let body = String::from_utf8_lossy(&response.into_body()).into_owned();
        assert!(status.is_success(), "{members:?}: {status} {body}");
        body
    }

    async fn get(&self, path: &str) -> Value {
        self.ask("bedrock", Method::GET, path, None, &Value::Null).await
    }

    /// The ids of every guardrail with this name.
    pub async fn ids(&self, name: &str) -> Vec<String> {
        let answer = self.get("/guardrails").await;
        let rows = answer["guardrails"].as_array().expect("rows").clone();
        let own = rows.iter().filter(|row| row["name"] == name);
        own.map(|row| row["id"].as_str().expect("an id").to_owned()).collect()
    }

    /// The id of the one guardrail with this name.
    pub async fn id(&self, name: &str) -> String {
        let ids = self.ids(name).await;
        assert_eq!(ids.len(), 1, "guardrails named {name}: {ids:?}");
        ids.into_iter().next().expect("one")
    }

    /// The DRAFT of a guardrail, or one of its versions, as GetGuardrail answers it.
    pub async fn guardrail(&self, name: &str, version: &str) -> Value {
        let id = self.id(name).await;
        self.get(&format!("/guardrails/{id}?guardrailVersion={version}")).await
    }

    /// The numbers of the published versions, ascending.
    pub async fn versions(&self, name: &str) -> Vec<u32> {
        let id = self.id(name).await;
        let answer = self.get(&format!("/guardrails?guardrailIdentifier={id}")).await;
        let rows = answer["guardrails"].as_array().expect("rows").clone();
        let mut numbers: Vec<u32> = rows.iter().filter_map(|row| row["version"].as_str()?.parse().ok()).collect();
        numbers.sort_unstable();
        numbers
    }

    /// The newest published version, as GetGuardrail answers it.
    pub async fn newest(&self, name: &str) -> Value {
        let newest = *self.versions(name).await.last().expect("a version");
        self.guardrail(name, &newest.to_string()).await
    }

    /// The logging configuration; `null` when logging is off.
    pub async fn logging(&self) -> Value {
        self.get("/logging/modelinvocations").await["loggingConfig"].clone()
    }

    /// A log group; `null` when there is none.
    pub async fn log_group(&self, name: &str) -> Value {
        let body = serde_json::json!({ "logGroupNamePrefix": name });
        let answer = self.ask("logs", Method::POST, "/", Some("Logs_20140328.DescribeLogGroups"), &body).await;
        let groups = answer["logGroups"].as_array().expect("groups").clone();
        groups.into_iter().find(|group| group["logGroupName"] == name).unwrap_or_default()
    }
}

/// The element of a list whose member has this value.
pub fn element<'a>(list: &'a Value, member: &str, value: &str) -> &'a Value {
    let found = list.as_array().into_iter().flatten().find(|element| element[member] == value);
    found.unwrap_or(&Value::Null)
}
