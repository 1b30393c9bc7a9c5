//! What is sent is what the plan holds; what is read is what was sent back.

use std::sync::atomic::{AtomicUsize, Ordering};

use aws_sdk_bedrock::Client as Bedrock;
use aws_sdk_cloudwatchlogs::Client as Logs;
use reconciler_aws::{call, call_with_body, send};
use serde_json::json;

use crate::wire::{Wire, reply};

const OWN: &str = "111122223333";

#[tokio::test]
async fn unknown_members_are_kept() {
    let sent = r#"{"guardrails":[{"id":"g","brandNew":{"z":1,"a":0.10}}],"nextToken":"t"}"#;
    let wire = Wire::new(move |_| reply(200, sent));
    let session = wire.open().await.session(OWN, "eu-west-1");
    let client = session.client(Bedrock::new);
    let answer = call!(session, "bedrock", "ListGuardrails", client.list_guardrails()).await;
    let answer = answer.unwrap();
    assert_eq!(answer.body, serde_json::from_str::<serde_json::Value>(sent).unwrap());
    assert_eq!(answer.request_id.as_deref(), Some("req-1"));
}

/// The first two attempts are throttled; each of the three carries the body, its length and a
/// signature that a change of the body would change.
#[tokio::test]
async fn the_exact_body_goes_out_signed_on_every_attempt() {
    let attempts = AtomicUsize::new(0);
    let wire = Wire::new(move |_| match attempts.fetch_add(1, Ordering::SeqCst) {
        0 | 1 => reply(429, r#"{"message":"slow"}"#).header("x-amzn-errortype", "ThrottlingException"),
        _ => reply(202, "{}"),
    });
    let sessions = wire.open().await;
    let session = sessions.session(OWN, "eu-west-1");
    let client = session.client(Bedrock::new);
    let update = || client.update_guardrail().guardrail_identifier("g1").name("typed name");
    let body = json!({"name": "é", "futureMember": {"b": [1, 0.7, null], "a": "x"}});
    call_with_body!(session, "bedrock", "UpdateGuardrail", update(), &body).await.unwrap();

    let seen: Vec<_> = wire.seen().into_iter().filter(|r| !r.is_sts()).collect();
    assert_eq!(seen.len(), 3);
    for request in &seen {
        assert!(request.uri.ends_with("/guardrails/g1"), "{}", request.uri);
        assert_eq!(request.text(), body.to_string());
        assert_eq!(request.header("content-length").unwrap(), body.to_string().len().to_string());
        assert_eq!(request.header("content-type"), Some("application/json"));
        let signature = request.header("authorization").unwrap();
        assert!(signature.contains("Credential=111122223333/"), "{signature}");
        assert!(signature.contains("content-length;content-type;"), "{signature}");
    }
    assert_eq!(sessions.calls(), 2, "one call, however many attempts, and one to STS");
}

#[tokio::test]
async fn aws_json_keeps_its_target_and_content_type() {
    let wire = Wire::new(|_| reply(200, ""));
    let session = wire.open().await.session(OWN, "eu-west-1");
    let client = session.client(Logs::new);
    let body = json!({"logGroupName": "/bedrock", "retentionInDays": 400});
    let put = client.put_retention_policy();
    let answer = call_with_body!(session, "logs", "PutRetentionPolicy", put, &body).await;
    assert_eq!(answer.unwrap().body, json!({}), "an empty answer is an empty object");
    let request = wire.seen().pop().unwrap();
    assert_eq!(request.text(), body.to_string());
    assert_eq!(request.header("x-amz-target"), Some("Logs_20140328.PutRetentionPolicy"));
    assert_eq!(request.header("content-type"), Some("application/x-amz-json-1.1"));
}

/// The SDK expects text where the service now sends an object.
#[tokio::test]
async fn an_answer_the_sdk_cannot_read_is_still_the_answer() {
    let wire = Wire::new(|_| reply(200, r#"{"name":{"was":"text"},"guardrailId":7}"#));
    let session = wire.open().await.session(OWN, "eu-west-1");
    let client = session.client(Bedrock::new);
    let get = || client.get_guardrail().guardrail_identifier("g1");
    let answer = call!(session, "bedrock", "GetGuardrail", get()).await.unwrap();
    assert_eq!(answer.body, json!({"name": {"was": "text"}, "guardrailId": 7}));
    let typed = send!(session, "bedrock", "GetGuardrail", get()).await;
    let error = typed.unwrap_err();
    assert_eq!((error.code.as_str(), error.status), ("UnreadableAnswer", Some(200)));
    let told = "the answer (HTTP 200) was not understood: expected the answer that the model of the service describes";
    assert!(error.to_string().contains(told) && error.to_string().contains("bedrock:GetGuardrail"), "{error}");
    let calls = wire.seen().iter().filter(|r| !r.is_sts()).count();
    assert_eq!(calls, 2, "and is not asked for again");
}

#[tokio::test]
async fn an_answer_that_is_no_json_is_an_error_without_its_content() {
    let wire = Wire::new(|_| reply(200, "<html>proxy login, password=hunter2</html>"));
    let session = wire.open().await.session(OWN, "eu-west-1");
    let client = session.client(Bedrock::new);
    let error = call!(session, "bedrock", "ListGuardrails", client.list_guardrails()).await;
    let error = error.unwrap_err();
    assert_eq!((error.code.as_str(), error.status), ("UnreadableAnswer", Some(200)));
    assert!(error.to_string().contains("bedrock:ListGuardrails"), "{error}");
    assert!(error.message.starts_with("the answer (HTTP 200) was not understood: expected JSON"), "{error}");
    assert!(!error.to_string().contains("hunter2"));
    let get = client.get_guardrail().guardrail_identifier("g1");
    let typed = send!(session, "bedrock", "GetGuardrail", get).await.unwrap_err();
    assert_eq!((typed.code.as_str(), typed.status), ("UnreadableAnswer", Some(200)));
    assert!(typed.to_string().contains("was not understood") && !typed.to_string().contains("hunter2"), "{typed}");
}
