//! Identity, roles, bounds and the live connection.

use std::io::{Read, Write as _};
use std::net::TcpListener;
use std::process::Command;
use std::time::Duration;

use aws_sdk_bedrock::Client as Bedrock;
use reconciler_aws::{CallError, Connection, ErrorClass, Limits, Retries, Session, call};

use crate::wire::{Wire, reply, sts};

const OWN: &str = "111122223333";
const OTHER: &str = "222233334444";

async fn list(session: &Session) -> Result<(), CallError> {
    let client = session.client(Bedrock::new);
    call!(session, "bedrock", "ListGuardrails", client.list_guardrails()).await?;
    Ok(())
}

#[tokio::test]
async fn a_hundred_calls_in_four_regions_assume_one_role() {
    let wire = Wire::new(|_| reply(200, "{}"));
    let sessions = wire.connection().session_name("run/7").open().await;
    let mut tasks = tokio::task::JoinSet::new();
    for i in 0..100 {
        let sessions = sessions.clone();
        tasks.spawn(async move {
            let region = ["eu-west-1", "eu-central-1", "us-east-1", "us-west-2"][i % 4];
            list(&sessions.session(OTHER, region)).await
        });
    }
    for result in tasks.join_all().await {
        result.unwrap();
    }
    assert_eq!(wire.count("Action=GetCallerIdentity"), 1);
    assert_eq!(wire.count("Action=AssumeRole"), 1);
    assert_eq!(sessions.calls(), 102);
    assert_eq!(sessions.calls_by_service()["sts"], 2);

    let seen = wire.seen();
    let assume = seen.iter().find(|r| r.text().contains("Action=AssumeRole")).unwrap();
    let text = assume.text();
    assert!(assume.uri.contains("sts.us-east-1."), "regional: {}", assume.uri);
    assert!(text.contains("RoleArn=arn%3Aaws%3Aiam%3A%3A222233334444%3Arole%2Freader"), "{text}");
    assert!(text.contains("RoleSessionName=run-7"), "{text}");
    assert!(!text.contains("SourceIdentity") && !text.contains("ExternalId"), "{text}");
    for request in seen.iter().filter(|r| !r.is_sts()) {
        assert!(request.header("authorization").unwrap().contains("Credential=ASIAROLE/"));
        assert_eq!(request.header("x-amz-security-token"), Some("role-token"));
        let agent = request.header("x-amz-user-agent").or(request.header("user-agent"));
        assert!(agent.unwrap().contains("app/bedrock-reconciler"), "{agent:?}");
    }
}

#[tokio::test]
async fn the_external_id_is_sent_to_sts_alone() {
    let wire = Wire::new(|_| reply(200, "{}"));
    let sessions = wire.connection().external_id(Some("ours/1".to_owned())).open().await;
    list(&sessions.session(OTHER, "eu-west-1")).await.unwrap();
    let seen = wire.seen();
    let with: Vec<_> = seen.iter().filter(|request| request.text().contains("ExternalId=ours%2F1")).collect();
    assert_eq!(with.len(), 1);
    assert!(with[0].text().contains("Action=AssumeRole"));
}

/// Clients are shared by all accounts of a region. Each request is signed for the account that was meant, on every attempt,
/// however many others are under way.
#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn a_shared_client_signs_for_the_account_of_the_call() {
    let failed = std::sync::Mutex::new(std::collections::BTreeSet::new());
    let wire = Wire::raw(move |request| {
        let text = request.text();
        if let Some((_, role)) = text.split_once("RoleArn=arn%3Aaws%3Aiam%3A%3A") {
            let own = format!("-of-{}</AccessKeyId>", &role[..12]);
            let answer = crate::wire::assumed("2099-01-01T00:00:00Z").replace("</AccessKeyId>", &own);
            return reply(200, answer).after(Duration::from_millis(3));
        }
        if let Some(answer) = sts(request) {
            return answer;
        }
        let token = request.header("authorization").unwrap().to_owned();
        let name = request.uri.clone() + &token[..60];
        match failed.lock().unwrap().insert(name) {
            true => reply(503, r#"{"message":"again"}"#).after(Duration::from_millis(2)),
            false => reply(200, "{}").after(Duration::from_millis(1)),
        }
    });
    let sessions = wire.open().await;
    let mut tasks = tokio::task::JoinSet::new();
    for number in 0..240_u64 {
        let sessions = sessions.clone();
        tasks.spawn(async move {
            let account = format!("3{:011}", number % 60);
            let session = sessions.session(&account, ["eu-west-1", "us-east-1"][(number / 120) as usize]);
            let client = session.client(Bedrock::new);
            // The request says which account is meant, so that the signature can be compared with it.
            let guardrail = client.get_guardrail().guardrail_identifier(&account);
            call!(session, "bedrock", "GetGuardrail", guardrail).await.map(drop)
        });
    }
    for result in tasks.join_all().await {
        result.unwrap();
    }
    let seen = wire.seen();
    let requests: Vec<_> = seen.iter().filter(|request| !request.is_sts()).collect();
    assert!(requests.len() > 240, "some were tried again");
    for request in requests {
        let meant = request.uri.rsplit_once("/guardrails/").unwrap().1;
        let signed = request.header("authorization").unwrap();
        assert!(signed.contains(&format!("Credential=ASIAROLE-of-{meant}/")), "{meant}: {signed}");
    }
    assert_eq!(wire.count("Action=AssumeRole"), 60);
}

/// A request that no call of a session sends is not signed for anybody.
#[tokio::test]
async fn a_request_outside_of_a_call_has_no_credentials() {
    let wire = Wire::new(|_| reply(200, "{}"));
    let session = wire.open().await.session(OWN, "eu-west-1");
    list(&session).await.unwrap();
    assert!(session.client(Bedrock::new).list_guardrails().send().await.is_err());
    assert_eq!(wire.seen().iter().filter(|request| !request.is_sts()).count(), 1);
}

#[tokio::test]
async fn the_own_account_needs_no_role() {
    let wire = Wire::new(|_| reply(200, "{}"));
    let sessions = wire.open().await;
    list(&sessions.session(OWN, "eu-west-1")).await.unwrap();
    assert_eq!(wire.count("Action=AssumeRole"), 0);
    let identity = sessions.identity().await.unwrap();
    assert_eq!(identity.account, OWN);
    assert_eq!(wire.count("Action=GetCallerIdentity"), 1);
    assert_eq!(reconciler_aws::network_clients(), 0, "all tests of this binary are in process");
}

#[tokio::test]
async fn a_role_that_may_not_be_assumed_is_asked_for_once_and_named() {
    let wire = Wire::raw(|request| match request.text() {
        text if text.contains("Action=AssumeRole") => reply(
            403,
            "<ErrorResponse><Error><Type>Sender</Type><Code>AccessDenied</Code>\
             <Message>no</Message></Error></ErrorResponse>",
        ),
        _ => sts(request).unwrap_or_else(|| reply(200, "{}")),
    });
    let sessions = wire.open().await;
    for region in ["eu-west-1", "us-east-1", "eu-west-1"] {
        let error = list(&sessions.session(OTHER, region)).await.unwrap_err();
        assert_eq!((error.class, error.operation), (ErrorClass::Denied, "AssumeRole"));
        assert_eq!(error.account.as_deref(), Some(OTHER));
        let role = "arn:aws:iam::222233334444:role/reader";
        assert_eq!(error.role.as_deref(), Some(role));
        let hint = error.hint().unwrap();
        assert!(hint.contains(role) && hint.contains("user/ops"), "{hint}");
        assert!(hint.contains("sts:AssumeRole"), "{hint}");
    }
    assert_eq!(wire.count("Action=AssumeRole"), 1);
    list(&sessions.session(OWN, "eu-west-1")).await.unwrap();
}

#[tokio::test]
async fn without_a_role_another_account_is_out_of_reach() {
    let wire = Wire::new(|_| reply(200, "{}"));
    let client = reconciler_aws::SharedHttpClient::new(wire.clone());
    let sessions = Connection::in_process(client).open().await;
    let error = list(&sessions.session(OTHER, "eu-west-1")).await.unwrap_err();
    assert_eq!((error.class, error.code.as_str()), (ErrorClass::Invalid, "NoRole"));
}

/// In two regions four calls each at most, and five in all.
#[tokio::test]
async fn calls_in_flight_are_bounded() {
    let wire = Wire::new(|_| reply(200, "{}").after(Duration::from_millis(10)));
    let limits = Limits { in_flight: 5, per_service: 4 };
    let sessions = wire.connection().limits(limits).open().await;
    let mut tasks = tokio::task::JoinSet::new();
    for i in 0..24 {
        let session = sessions.session(OWN, ["eu-west-1", "us-east-1"][i % 2]);
        tasks.spawn(async move { list(&session).await });
    }
    for result in tasks.join_all().await {
        result.unwrap();
    }
    assert_eq!(wire.most(), 5);
}

/// Runs an ignored test of this binary in a process of its own, with nothing but this environment.
fn child(name: &str, environment: &[(&str, &str)]) {
    let output = Command::new(std::env::current_exe().unwrap())
        .args(["--ignored", "--exact", name])
        .env_clear()
        .envs([("HOME", "/nonexistent"), ("AWS_EC2_METADATA_DISABLED", "true")])
        .envs(environment.iter().copied())
        .output()
        .unwrap();
    let text = String::from_utf8_lossy(&output.stdout);
    assert!(output.status.success() && text.contains("1 passed"), "{text}");
}

const KEY: [(&str, &str); 2] = [("AWS_ACCESS_KEY_ID", "AKIA"), ("AWS_SECRET_ACCESS_KEY", "s")];

fn live() -> Connection {
    Connection::live().role("reader").retries(Retries { attempts: 2, initial_backoff: Duration::from_millis(1) })
}

#[test]
fn no_credentials_say_where_to_get_them() {
    child("sessions::live_without_credentials", &[]);
}

#[tokio::test]
#[ignore = "needs an environment of its own"]
async fn live_without_credentials() {
    let sessions = live().open().await;
    assert_eq!(sessions.home_region().as_deref(), Some("us-east-1"));
    let error = list(&sessions.session(OWN, "eu-west-1")).await.unwrap_err();
    assert_eq!(error.class, ErrorClass::NoCredentials, "{error}");
    let hint = error.hint().unwrap();
    assert!(hint.contains("AWS_PROFILE") && hint.contains("aws sso login"), "{hint}");
    assert_eq!(sessions.identity().await.unwrap_err(), error, "and the same again");
}

#[test]
fn a_refused_connection_is_a_network_error() {
    let closed = TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap();
    let url = format!("http://{closed}");
    child("sessions::live_refused", &[KEY[0], KEY[1], ("AWS_ENDPOINT_URL", &url)]);
}

#[tokio::test]
#[ignore = "needs an environment of its own"]
async fn live_refused() {
    let error = list(&live().open().await.session(OWN, "eu-west-1")).await.unwrap_err();
    assert_eq!((error.class, error.operation), (ErrorClass::Network, "GetCallerIdentity"));
    assert!(error.message.contains("refused"), "{error}");
    assert!(error.hint().unwrap().contains("AWS_ENDPOINT_URL"));
}

#[test]
fn a_plain_endpoint_on_loopback_works() {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let url = format!("http://{}", listener.local_addr().unwrap());
    std::thread::spawn(move || {
        let (mut stream, _) = listener.accept().unwrap();
        let mut request = Vec::new();
        let mut chunk = [0; 4096];
        while !request.windows(17).any(|w| w == b"GetCallerIdentity") {
            let n = stream.read(&mut chunk).unwrap();
            request.extend_from_slice(&chunk[..n]);
        }
        let body = "<GetCallerIdentityResponse xmlns=\"https://sts.amazonaws.com/doc/2011-06-15/\">\
                    <GetCallerIdentityResult><Arn>arn:aws:iam::111122223333:root</Arn>\
                    <Account>111122223333</Account></GetCallerIdentityResult>\
                    </GetCallerIdentityResponse>";
        let length = body.len();
        let head = format!("HTTP/1.1 200 OK\r\ncontent-length: {length}\r\n\r\n{body}");
        stream.write_all(head.as_bytes()).unwrap();
    });
    let environment = [KEY[0], KEY[1], ("AWS_ENDPOINT_URL", &url), ("AWS_REGION", "eu-west-3")];
    child("sessions::live_on_loopback", &environment);
}

#[tokio::test]
#[ignore = "needs an environment of its own"]
async fn live_on_loopback() {
    let sessions = live().open().await;
    assert_eq!(sessions.home_region().as_deref(), Some("eu-west-3"));
    assert_eq!(sessions.identity().await.unwrap().account, OWN);
    assert_eq!(reconciler_aws::network_clients(), 1);
}

/// Identity and role together take longer than an attempt may, and are still asked for once.
#[tokio::test]
async fn a_slow_role_is_not_asked_for_again_and_again() {
    let wire = Wire::raw(|request| match sts(request) {
        Some(role) if request.text().contains("Action=AssumeRole") => role,
        Some(identity) => identity.after(Duration::from_millis(60)),
        None => reply(200, "{}"),
    });
    let timeouts = reconciler_aws::Timeouts { attempt: Duration::from_millis(80), ..Default::default() };
    let sessions = wire.connection().timeouts(timeouts).open().await;
    list(&sessions.session(OTHER, "eu-west-1")).await.unwrap();
    assert_eq!(wire.count("Action=GetCallerIdentity"), 1);
    assert_eq!(wire.count("Action=AssumeRole"), 1);
}
