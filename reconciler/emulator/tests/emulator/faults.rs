//! Scripted faults, each by its effect.

use std::time::Duration;

use http::Method;
use reconciler_emulator::{Dropped, Effect, Fault, Match, Times};
use serde_json::{Value, json};

use crate::clients::{Client, TestResult, small_guardrail};

fn on(operation: &str) -> Match {
    Match { operation: Some(operation.to_owned()), ..Match::default() }
}

#[tokio::test]
async fn refusals_use_the_words_of_the_service() -> TestResult {
    let client = Client::calm();
    let broken = Effect::Error { code: "InternalServerException".to_owned(), status: 500, message: "boom".to_owned() };
    let cases = [
        (Effect::Throttle, 429, "ThrottlingException", 400, "ThrottlingException"),
        (Effect::Deny, 403, "AccessDeniedException", 400, "AccessDeniedException"),
        (Effect::Expired, 403, "ExpiredTokenException", 400, "ExpiredTokenException"),
        (broken, 500, "InternalServerException", 500, "InternalServerException"),
    ];
    for (effect, rest_status, rest_code, json_status, json_code) in cases {
        client.emulator.inject(vec![Fault { times: Times::Count(2), ..Fault::once(Match::default(), effect) }]);
        let rest = client.get("/guardrails").await?;
        assert_eq!((rest.status, rest.code.as_deref()), (rest_status, Some(rest_code)));
        let json = client.json("kms", "ListAliases", json!({})).await?;
        assert_eq!((json.status, json.code.as_deref()), (json_status, Some(json_code)));
        assert_eq!(json.text("/__type"), json_code);
        assert_eq!(client.get("/guardrails").await?.status, 200, "the fault is used up");
    }
    Ok(())
}

#[tokio::test]
async fn a_fault_waits_for_its_turn_and_its_target() -> TestResult {
    let client = Client::calm();
    let text = "[{on: {service: kms, read_only: true}, skip: 1, times: forever, then: Throttle}]";
    let faults: Vec<Fault> = serde_json::from_value(value_of(text)?)?;
    client.emulator.inject(faults);
    let mut seen = Vec::new();
    for _ in 0..4 {
        assert_eq!(client.json("kms", "CreateKey", json!({})).await?.status, 200);
        seen.push(client.json("kms", "ListAliases", json!({})).await?.status);
    }
    assert_eq!(seen, [200, 400, 400, 400]);
    client.emulator.clear_faults();
    assert_eq!(client.json("kms", "ListAliases", json!({})).await?.status, 200);
    Ok(())
}

fn value_of(text: &str) -> Result<Value, Box<dyn std::error::Error>> {
    Ok(serde_yaml::from_str(text)?)
}

#[tokio::test]
async fn a_lost_response_was_processed_and_a_dropped_request_was_not() -> TestResult {
    let client = Client::calm();
    for (effect, dropped, name, there) in [
        (Effect::LostResponse, Dropped::AfterProcessing, "lost", true),
        (Effect::DropRequest, Dropped::BeforeProcessing, "dropped", false),
    ] {
        client.emulator.inject(vec![Fault::once(on("CreateGuardrail"), effect)]);
        let ended = client.bedrock(Method::POST, "/guardrails", &small_guardrail(name)).await;
        assert_eq!(ended.err(), Some(dropped));
        let listed = client.get("/guardrails").await?.body.to_string();
        assert_eq!(listed.contains(name), there);
    }
    Ok(())
}

#[tokio::test(start_paused = true)]
async fn calls_can_be_slow_or_never_end() -> TestResult {
    let client = Client::calm();
    client.emulator.inject(vec![
        Fault::once(Match::default(), Effect::Latency { ms: 5000 }),
        Fault::once(Match::default(), Effect::Hang),
    ]);
    let start = tokio::time::Instant::now();
    client.get("/guardrails").await?;
    assert!(start.elapsed() >= Duration::from_secs(5));
    let hanging = tokio::time::timeout(Duration::from_secs(3600), client.get("/guardrails")).await;
    assert!(hanging.is_err());
    Ok(())
}

#[tokio::test]
async fn stale_reads_answer_from_before_the_write() -> TestResult {
    let client = Client::calm();
    let id = client.create(&small_guardrail("a")).await?;
    client.settled(&id).await?;
    client.emulator.inject(vec![Fault::always(on("GetGuardrail"), Effect::Stale { reads: 2 })]);
    let mut changed = small_guardrail("a");
    changed["blockedInputMessaging"] = json!("new");
    client.update(&id, &changed).await?;
    let mut seen = Vec::new();
    for _ in 0..3 {
        seen.push(client.get(&format!("/guardrails/{id}")).await?.text("/blockedInputMessaging"));
    }
    assert_eq!(seen, ["in", "in", "new"]);
    Ok(())
}

#[tokio::test]
async fn a_no_op_says_success_and_changes_nothing() -> TestResult {
    let client = Client::calm();
    let id = client.create(&small_guardrail("a")).await?;
    let before = client.settled(&id).await?;
    client.emulator.inject(vec![Fault::once(on("UpdateGuardrail"), Effect::NoOp)]);
    let mut changed = small_guardrail("a");
    changed["blockedInputMessaging"] = json!("new");
    assert_eq!(client.update(&id, &changed).await?.status, 202);
    let after = client.settled(&id).await?;
    for member in ["blockedInputMessaging", "updatedAt", "status"] {
        assert_eq!(after[member], before[member]);
    }
    Ok(())
}

/// A member of a later model: it is there to stay, until a full replace does not carry it.
#[tokio::test]
async fn an_unknown_member_is_lost_unless_it_is_sent_back() -> TestResult {
    let client = Client::calm();
    let id = client.create(&small_guardrail("a")).await?;
    client.settled(&id).await?;
    let fields = [("/contentPolicy/filters/type=HATE/novelty", json!(7)), ("/futurePolicy", json!({"level": "HIGH"}))];
    for (pointer, value) in fields {
        let effect = Effect::UnknownField { pointer: pointer.to_owned(), value };
        client.emulator.inject(vec![Fault::once(on("GetGuardrail"), effect)]);
        client.settled(&id).await?;
    }
    let novelty = |read: &Value| {
        let filters = read["contentPolicy"]["filters"].as_array().cloned().unwrap_or_default();
        filters.iter().find(|filter| filter["type"] == "HATE").map(|filter| filter["novelty"].clone())
    };
    let read = client.settled(&id).await?;
    assert_eq!((novelty(&read), &read["futurePolicy"]["level"]), (Some(json!(7)), &json!("HIGH")));

    let mut carried = small_guardrail("a");
    carried["contentPolicyConfig"]["filtersConfig"][0]["novelty"] = json!(7);
    carried["futurePolicyConfig"] = json!({"level": "HIGH"});
    client.update(&id, &carried).await?;
    let read = client.settled(&id).await?;
    assert_eq!((novelty(&read), &read["futurePolicy"]["level"]), (Some(json!(7)), &json!("HIGH")));

    client.update(&id, &small_guardrail("a")).await?;
    let read = client.settled(&id).await?;
    assert_eq!((novelty(&read), read.get("futurePolicy")), (Some(Value::Null), None));
    Ok(())
}

/// The process that `a_crash_ends_the_process_after_the_call` starts.
#[tokio::test]
#[ignore = "aborts its process"]
async fn child_that_crashes() -> TestResult {
    let client = Client::calm();
    client.emulator.inject(vec![Fault::once(on("ListGuardrails"), Effect::Crash)]);
    client.get("/guardrails").await?;
    Ok(())
}

#[test]
fn a_crash_ends_the_process_after_the_call() -> TestResult {
    let child = std::process::Command::new(std::env::current_exe()?)
        .args(["--exact", "faults::child_that_crashes", "--ignored"])
        .output()?;
    assert_eq!(child.status.code(), None, "it ends by a signal, not by an exit code");
    Ok(())
}
