//! Guardrails: full replace, late settling, versions, order, constraints.

use http::Method;
use reconciler_emulator::{Emulator, Options};
use serde_json::{Value, json};

use crate::clients::{Client, TestResult, small_guardrail};

#[tokio::test]
async fn an_update_wipes_what_it_omits() -> TestResult {
    let client = Client::calm();
    let key = client.json("kms", "CreateKey", json!({})).await?;
    let mut body = small_guardrail("a");
    body["kmsKeyId"] = key.body["KeyMetadata"]["KeyId"].clone();
    body["crossRegionConfig"] = json!({"guardrailProfileIdentifier": "us.guardrail.v1:0"});
    body["description"] = json!("text");
    let id = client.create(&body).await?;
    let before = client.settled(&id).await?;
    assert_eq!(before["kmsKeyArn"], key.body["KeyMetadata"]["Arn"]);
    assert_eq!(
        before["crossRegionDetails"]["guardrailProfileArn"],
        "arn:aws:bedrock:us-east-1:111122223333:guardrail-profile/us.guardrail.v1:0"
    );

    let small = json!({"name": "a", "blockedInputMessaging": "in", "blockedOutputsMessaging": "out"});
    assert_eq!(client.update(&id, &small).await?.status, 202);
    let after = client.settled(&id).await?;
    for gone in ["kmsKeyArn", "crossRegionDetails", "description", "contentPolicy", "wordPolicy"] {
        assert!(after.get(gone).is_none(), "{gone} is still there: {after}");
    }
    Ok(())
}

#[tokio::test]
async fn reads_show_defaults_as_the_service_does() -> TestResult {
    let client = Client::calm();
    let id = client.create(&small_guardrail("a")).await?;
    let read = client.settled(&id).await?;
    assert_eq!(read["contentPolicy"]["tier"]["tierName"], "CLASSIC");
    assert_eq!(read["wordPolicy"]["managedWordLists"], json!([]));
    assert!(read["contentPolicy"]["filters"][0].get("inputAction").is_none());
    assert!(read.get("topicPolicy").is_none());
    Ok(())
}

/// A version is published from what is settled, so one that is asked for too early holds the old draft.
#[tokio::test]
async fn a_version_asked_for_too_early_holds_the_old_draft() -> TestResult {
    let client = Client::calm();
    let id = client.create(&small_guardrail("a")).await?;
    client.settled(&id).await?;
    let mut weak = small_guardrail("a");
    weak["blockedInputMessaging"] = json!("changed");
    client.update(&id, &weak).await?;
    let path = format!("/guardrails/{id}");
    let early = client.bedrock(Method::POST, &path, &json!({})).await?;
    assert_eq!(early.text("/version"), "1");
    let version = client.get(&format!("{path}?guardrailVersion=1")).await?;
    assert_eq!(version.text("/blockedInputMessaging"), "in");

    client.settled(&id).await?;
    client.bedrock(Method::POST, &path, &json!({})).await?;
    let version = client.get(&format!("{path}?guardrailVersion=2")).await?;
    assert_eq!(version.text("/blockedInputMessaging"), "changed");
    Ok(())
}

#[tokio::test]
async fn ready_can_come_and_go_once_more() -> TestResult {
    let emulator = Emulator::new(Options { flap_probability: 1.0, settle_reads: 1, ..Options::default() });
    let client = Client::new(&emulator);
    let id = client.create(&small_guardrail("a")).await?;
    let mut seen = Vec::new();
    for _ in 0..5 {
        seen.push(client.get(&format!("/guardrails/{id}")).await?.text("/status"));
    }
    assert_eq!(seen, ["CREATING", "READY", "CREATING", "READY", "READY"]);
    Ok(())
}

#[tokio::test]
async fn lists_come_back_in_any_order() -> TestResult {
    let client = Client::calm();
    let id = client.create(&small_guardrail("a")).await?;
    let mut orders = std::collections::BTreeSet::new();
    for _ in 0..20 {
        let read = client.settled(&id).await?;
        orders.insert(read["contentPolicy"]["filters"].to_string());
    }
    assert!(orders.len() > 3, "{} orders in 20 reads", orders.len());
    Ok(())
}

#[tokio::test]
async fn a_token_makes_one_guardrail_and_one_version() -> TestResult {
    let client = Client::calm();
    let mut body = small_guardrail("a");
    body["clientRequestToken"] = json!("token-1");
    let id = client.create(&body).await?;
    assert_eq!(client.create(&body).await?, id);
    let path = format!("/guardrails/{id}");
    let token = json!({"clientRequestToken": "v"});
    let first = client.bedrock(Method::POST, &path, &token).await?;
    let second = client.bedrock(Method::POST, &path, &token).await?;
    assert_eq!((first.text("/version"), second.text("/version")), ("1".into(), "1".into()));
    // The token outlives what it made.
    client.bedrock(Method::DELETE, &path, &Value::Null).await?;
    assert_eq!(client.create(&body).await?, id);
    assert_eq!(client.get(&path).await?.status, 404);
    Ok(())
}

#[tokio::test]
async fn versions_are_limited_and_their_numbers_only_grow() -> TestResult {
    let client = Client::calm();
    let id = client.create(&small_guardrail("a")).await?;
    let path = format!("/guardrails/{id}");
    for _ in 0..20 {
        client.bedrock(Method::POST, &path, &json!({})).await?;
    }
    let refused = client.bedrock(Method::POST, &path, &json!({})).await?;
    assert_eq!((refused.status, refused.code.as_deref()), (400, Some("ServiceQuotaExceededException")));
    let oldest = format!("{path}?guardrailVersion=20");
    assert_eq!(client.bedrock(Method::DELETE, &oldest, &Value::Null).await?.status, 202);
    let next = client.bedrock(Method::POST, &path, &json!({})).await?;
    assert_eq!(next.text("/version"), "21");
    let all = client.get(&format!("/guardrails?guardrailIdentifier={id}")).await?;
    assert_eq!(all.body["guardrails"].as_array().map(Vec::len), Some(21));
    Ok(())
}

#[tokio::test]
async fn what_the_service_refuses_is_refused() -> TestResult {
    let client = Client::calm();
    client.create(&small_guardrail("taken")).await?;
    let with = |pointer: &str, value: Value| {
        let mut body = small_guardrail("new");
        if let Some(place) = body.pointer_mut(pointer) {
            *place = value;
        } else {
            body[pointer.trim_start_matches('/')] = value;
        }
        body
    };
    let filter = |kind: &str, output: &str| json!({"filtersConfig": [{"type": kind, "inputStrength": "HIGH", "outputStrength": output}]});
    let mut standard = filter("HATE", "HIGH");
    standard["tierConfig"] = json!({"tierName": "STANDARD"});
    let cases = [
        (with("/name", json!("taken")), "ConflictException"),
        (with("/name", json!("no spaces allowed")), "ValidationException"),
        (with("/description", json!("")), "ValidationException"),
        (with("/blockedInputMessaging", json!("x".repeat(501))), "ValidationException"),
        (with("/contentPolicyConfig", filter("PROMPT_ATTACK", "HIGH")), "ValidationException"),
        (with("/contentPolicyConfig", filter("RUDENESS", "HIGH")), "ValidationException"),
        (with("/contentPolicyConfig", standard), "ValidationException"),
        (with("/contentPolicyConfig", json!({"filtersConfig": []})), "ValidationException"),
        (with("/kmsKeyId", json!("alias/none")), "ValidationException"),
        (with("/crossRegionConfig", json!({"guardrailProfileIdentifier": "eu.guardrail.v1:0"})), "ValidationException"),
    ];
    for (body, code) in cases {
        let reply = client.bedrock(Method::POST, "/guardrails", &body).await?;
        assert_eq!((reply.status, reply.code.as_deref()), (400, Some(code)), "{body}");
        assert!(!reply.text("/message").is_empty());
    }
    Ok(())
}

#[tokio::test]
async fn members_under_their_read_names_are_ignored() -> TestResult {
    let client = Client::calm();
    let mut body = small_guardrail("a");
    body["topicPolicy"] = json!({"topics": []});
    let id = client.create(&body).await?;
    assert!(client.settled(&id).await?.get("topicPolicy").is_none());
    Ok(())
}

#[tokio::test]
async fn an_enforced_guardrail_cannot_be_deleted() -> TestResult {
    let client = Client::calm();
    let id = client.create(&small_guardrail("a")).await?;
    let path = format!("/guardrails/{id}");
    client.bedrock(Method::POST, &path, &json!({})).await?;
    let config = json!({"guardrailInferenceConfig": {"guardrailIdentifier": id, "guardrailVersion": "1"}});
    let put = client.bedrock(Method::PUT, "/enforcedGuardrailsConfiguration", &config).await?;
    assert_eq!(put.status, 200, "{put:?}");
    for path in [path.clone(), format!("{path}?guardrailVersion=1")] {
        let refused = client.bedrock(Method::DELETE, &path, &Value::Null).await?;
        assert_eq!((refused.status, refused.code.as_deref()), (400, Some("ResourceInUseException")));
    }
    Ok(())
}

#[tokio::test]
async fn pages_hold_every_guardrail_once() -> TestResult {
    let client = Client::calm();
    for number in 0..7 {
        client.create(&small_guardrail(&format!("g{number}"))).await?;
    }
    let mut names = Vec::new();
    let mut next = String::new();
    loop {
        let page = client.get(&format!("/guardrails?maxResults=3{next}")).await?;
        for row in page.body["guardrails"].as_array().into_iter().flatten() {
            names.push(row["name"].as_str().unwrap_or_default().to_owned());
        }
        match page.body.get("nextToken").and_then(Value::as_str) {
            Some(token) => next = format!("&nextToken={token}"),
            None => break,
        }
    }
    names.sort();
    assert_eq!(names, ["g0", "g1", "g2", "g3", "g4", "g5", "g6"]);
    Ok(())
}

#[tokio::test]
async fn disabled_logging_is_a_200_without_a_member() -> TestResult {
    let client = Client::calm();
    let path = "/logging/modelinvocations";
    let read = client.get(path).await?;
    assert_eq!((read.status, read.body), (200, json!({})));
    let config = |group: &str, role: &str| json!({"loggingConfig": {"cloudWatchConfig": {"logGroupName": group, "roleArn": role}, "textDataDeliveryEnabled": true}});
    let role = "arn:aws:iam::111122223333:role/any";
    let refused = client.bedrock(Method::PUT, path, &config("/none", role)).await?;
    assert_eq!(
        refused.text("/message"),
        format!("Failed to validate permissions for log group: /none, with role: {role}")
    );
    client.json("logs", "CreateLogGroup", json!({"logGroupName": "/l"})).await?;
    assert_eq!(client.bedrock(Method::PUT, path, &config("/l", role)).await?.status, 200);
    let foreign = "arn:aws:iam::222233334444:role/any";
    assert_eq!(client.bedrock(Method::PUT, path, &config("/l", foreign)).await?.status, 400);
    let s3 = json!({"loggingConfig": {"s3Config": {"bucketName": "bucket"}}});
    client.bedrock(Method::PUT, path, &s3).await?;
    assert_eq!(client.get(path).await?.body, s3, "a put replaces everything");
    Ok(())
}
