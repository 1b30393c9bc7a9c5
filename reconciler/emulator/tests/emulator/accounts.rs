//! Which account a request belongs to.

use reconciler_emulator::{AccountSeed, Emulator, Options};
use serde_json::Value;

use crate::clients::{Client, TestResult, small_guardrail};

fn world() -> Client {
    let mut limited = AccountSeed::new("222233334444", "prod");
    limited.roles = vec!["reader".to_owned(), "locked".to_owned()];
    limited.denied_roles = vec!["locked".to_owned()];
    limited.regions = vec!["us-east-1".to_owned()];
    let accounts = vec![AccountSeed::new("111122223333", "management"), limited];
    Client::new(&Emulator::new(Options { accounts, ..Options::default() }))
}

fn element<'a>(body: &'a Value, name: &str) -> &'a str {
    let body = body.as_str().unwrap_or_default();
    let after = body.split_once(&format!("<{name}>")).map_or("", |(_, after)| after);
    after.split_once("</").map_or("", |(value, _)| value)
}

#[tokio::test]
async fn the_access_key_selects_the_account() -> TestResult {
    let client = world();
    let who = "Action=GetCallerIdentity&Version=2011-06-15";
    for (key, account) in [("222233334444", "222233334444"), ("AKIAANYTHING", "111122223333")] {
        let reply = client.at(key, "us-east-1").sts(who).await?;
        assert_eq!(element(&reply.body, "Account"), account);
    }
    let unknown = client.at("999999999999", "us-east-1").get("/guardrails").await?;
    assert_eq!((unknown.status, unknown.code.as_deref()), (403, Some("UnrecognizedClientException")));
    let disabled = client.at("222233334444", "eu-west-1").get("/guardrails").await?;
    assert_eq!(disabled.status, 403);
    Ok(())
}

#[tokio::test]
async fn a_session_acts_in_the_account_of_its_role() -> TestResult {
    let client = world();
    let assume = |role: &str| {
        let form = format!(
            "Action=AssumeRole&RoleArn=arn%3Aaws%3Aiam%3A%3A222233334444%3Arole%2F{role}&RoleSessionName=run-1"
        );
        let client = client.clone();
        async move { client.sts(&form).await }
    };
    let reply = assume("reader").await?;
    let key = element(&reply.body, "AccessKeyId").to_owned();
    let session = client.at(&key, "us-east-1");
    session.create(&small_guardrail("a")).await?;
    let own = client.at("222233334444", "us-east-1").get("/guardrails").await?;
    assert_eq!(own.body["guardrails"].as_array().map(Vec::len), Some(1));
    let calls = client.emulator.calls();
    let created = calls.iter().find(|call| call.operation == "CreateGuardrail");
    assert_eq!(
        created.map(|call| call.principal.as_str()),
        Some("arn:aws:sts::222233334444:assumed-role/reader/run-1")
    );
    for role in ["none", "locked"] {
        let refused = assume(role).await?;
        assert_eq!((refused.status, element(&refused.body, "Code")), (403, "AccessDenied"));
    }
    Ok(())
}

#[tokio::test]
async fn places_do_not_see_each_other() -> TestResult {
    let client = Client::calm();
    client.create(&small_guardrail("a")).await?;
    let other = client.at("111122223333", "eu-west-1").get("/guardrails").await?;
    assert_eq!(other.body["guardrails"].as_array().map(Vec::len), Some(0));
    Ok(())
}

#[tokio::test]
async fn an_unsigned_request_is_refused_and_logged() -> TestResult {
    let client = Client::calm();
    let request = http::Request::builder().uri("/guardrails").body(bytes::Bytes::new())?;
    let response = client.emulator.handle(request).await?;
    assert_eq!(response.status(), 403);
    assert_eq!(response.headers()["x-amzn-errortype"], "MissingAuthenticationTokenException");
    assert_eq!(client.emulator.calls().len(), 1);
    Ok(())
}

#[tokio::test]
async fn an_unknown_operation_is_refused_and_logged() -> TestResult {
    let client = Client::calm();
    let reply = client.json("kms", "Encrypt", serde_json::json!({})).await?;
    assert_eq!(reply.code.as_deref(), Some("UnknownOperationException"));
    let reply = client.get("/foundation-models").await?;
    assert_eq!((reply.status, reply.code.as_deref()), (404, Some("UnknownOperationException")));
    let logged: Vec<String> = client.emulator.calls().into_iter().map(|call| call.operation).collect();
    assert_eq!(logged, ["Encrypt", "GET /foundation-models"]);
    Ok(())
}
