//! Log groups, keys, and what CloudTrail says about writes.

use std::time::Duration;

use reconciler_emulator::{Emulator, Options};
use serde_json::{Value, json};

use crate::clients::{Client, TestResult, small_guardrail};

fn groups(body: &Value) -> usize {
    body["logGroups"].as_array().map_or(0, Vec::len)
}

#[tokio::test]
async fn a_new_log_group_is_listed_late() -> TestResult {
    let client = Client::calm();
    client.json("logs", "CreateLogGroup", json!({"logGroupName": "/l"})).await?;
    let ask = json!({"logGroupNamePrefix": "/l"});
    let first = client.json("logs", "DescribeLogGroups", ask.clone()).await?;
    let second = client.json("logs", "DescribeLogGroups", ask).await?;
    assert_eq!((groups(&first.body), groups(&second.body)), (0, 1));
    assert_eq!(second.text("/logGroups/0/arn"), "arn:aws:logs:us-east-1:111122223333:log-group:/l:*");
    assert_eq!(second.text("/logGroups/0/logGroupArn"), "arn:aws:logs:us-east-1:111122223333:log-group:/l");
    Ok(())
}

#[tokio::test]
async fn an_account_policy_wins_over_the_retention_of_a_group() -> TestResult {
    let client = Client::calm();
    client.json("logs", "CreateLogGroup", json!({"logGroupName": "/l"})).await?;
    let policy = json!({
        "policyName": "ninety", "policyType": "RETENTION_POLICY",
        "policyDocument": "{\"retentionInDays\": 90, \"enforcementMode\": \"RETROACTIVE\"}",
    });
    assert_eq!(client.json("logs", "PutAccountPolicy", policy).await?.status, 200);
    let put = json!({"logGroupName": "/l", "retentionInDays": 365});
    assert_eq!(client.json("logs", "PutRetentionPolicy", put).await?.status, 200);
    client.json("logs", "DescribeLogGroups", json!({})).await?;
    let read = client.json("logs", "DescribeLogGroups", json!({})).await?;
    assert_eq!(read.body["logGroups"][0]["retentionInDays"], 90);
    assert_eq!(read.text("/logGroups/0/retentionPolicyName"), "ninety");
    Ok(())
}

#[tokio::test]
async fn a_log_group_takes_only_the_arn_of_an_enabled_key() -> TestResult {
    let client = Client::calm();
    client.json("logs", "CreateLogGroup", json!({"logGroupName": "/l"})).await?;
    let key = client.json("kms", "CreateKey", json!({})).await?;
    let (id, arn) = (key.text("/KeyMetadata/KeyId"), key.text("/KeyMetadata/Arn"));
    client.json("kms", "CreateAlias", json!({"AliasName": "alias/k", "TargetKeyId": id})).await?;
    let associate = |key: &str| client.json("logs", "AssociateKmsKey", json!({"logGroupName": "/l", "kmsKeyId": key}));
    assert_eq!(associate("alias/k").await?.code.as_deref(), Some("InvalidParameterException"));
    assert_eq!(associate(&arn).await?.status, 200);
    client.json("kms", "DisableKey", json!({"KeyId": id})).await?;
    assert_eq!(associate(&arn).await?.code.as_deref(), Some("InvalidParameterException"));
    Ok(())
}

/// Only the ARN without `:*` names a log group; the other one is what a careless client reads first.
#[tokio::test]
async fn the_arn_with_an_asterisk_names_nothing() -> TestResult {
    let client = Client::calm();
    let create = json!({"logGroupName": "/l", "tags": {"a": "b"}});
    client.json("logs", "CreateLogGroup", create).await?;
    let arn = "arn:aws:logs:us-east-1:111122223333:log-group:/l";
    let tags = |arn: String| client.json("logs", "ListTagsForResource", json!({"resourceArn": arn}));
    assert_eq!(tags(arn.to_owned()).await?.body, json!({"tags": {"a": "b"}}));
    assert_eq!(tags(format!("{arn}:*")).await?.code.as_deref(), Some("InvalidParameterException"));
    Ok(())
}

#[tokio::test]
async fn deletion_protection_protects() -> TestResult {
    let client = Client::calm();
    let create = json!({"logGroupName": "/l", "deletionProtectionEnabled": true});
    client.json("logs", "CreateLogGroup", create).await?;
    let delete = json!({"logGroupName": "/l"});
    assert_eq!(client.json("logs", "DeleteLogGroup", delete.clone()).await?.status, 400);
    let off = json!({"logGroupIdentifier": "/l", "deletionProtectionEnabled": false});
    client.json("logs", "PutLogGroupDeletionProtection", off).await?;
    assert_eq!(client.json("logs", "DeleteLogGroup", delete).await?.status, 200);
    Ok(())
}

/// A key that was rescued from deletion is not usable yet.
#[tokio::test]
async fn cancelling_a_deletion_leaves_the_key_disabled() -> TestResult {
    let client = Client::calm();
    let key = client.json("kms", "CreateKey", json!({})).await?.text("/KeyMetadata/KeyId");
    let named = json!({"KeyId": key});
    client.json("kms", "ScheduleKeyDeletion", named.clone()).await?;
    assert_eq!(client.json("kms", "EnableKey", named.clone()).await?.code.as_deref(), Some("KMSInvalidStateException"));
    client.json("kms", "CancelKeyDeletion", named.clone()).await?;
    let read = client.json("kms", "DescribeKey", named).await?;
    assert_eq!(read.text("/KeyMetadata/KeyState"), "Disabled");
    Ok(())
}

#[tokio::test]
async fn cloudtrail_names_the_caller_and_hides_the_content() -> TestResult {
    let client = Client::calm();
    let id = client.create(&small_guardrail("a")).await?;
    client.settled(&id).await?;
    client.update(&id, &small_guardrail("a")).await?;
    client.update("none", &small_guardrail("a")).await?;
    let ask = json!({"LookupAttributes": [{"AttributeKey": "EventName", "AttributeValue": "UpdateGuardrail"}]});
    let found = client.json("cloudtrail", "LookupEvents", ask).await?;
    let records: Vec<Value> = found.body["Events"]
        .as_array()
        .into_iter()
        .flatten()
        .filter_map(|event| serde_json::from_str(event["CloudTrailEvent"].as_str()?).ok())
        .collect();
    let [failed, done] = records.as_slice() else {
        return Err(format!("expected two events, newest first: {found:?}").into());
    };
    assert_eq!(failed["errorCode"], "ResourceNotFoundException");
    assert_eq!(done["requestParameters"], json!({"guardrailIdentifier": id, "name": "HIDDEN_DUE_TO_SECURITY_REASONS"}));
    assert_eq!(done["userIdentity"]["arn"], "arn:aws:iam::111122223333:user/operator");
    assert!(done.get("errorCode").is_none());
    Ok(())
}

#[tokio::test(start_paused = true)]
async fn events_can_arrive_late_and_lookups_are_limited() -> TestResult {
    let client = Client::new(&Emulator::new(Options {
        cloudtrail_delay: Duration::from_secs(300),
        throttles: true,
        ..Options::default()
    }));
    client.create(&small_guardrail("a")).await?;
    let lookup = || client.json("cloudtrail", "LookupEvents", json!({}));
    assert_eq!(lookup().await?.body["Events"], json!([]));
    tokio::time::sleep(Duration::from_secs(301)).await;
    assert_eq!(lookup().await?.body["Events"].as_array().map(Vec::len), Some(1));
    lookup().await?;
    assert_eq!(lookup().await?.code.as_deref(), Some("ThrottlingException"));
    Ok(())
}

#[tokio::test]
async fn event_pages_hold_every_event_once() -> TestResult {
    let client = Client::calm();
    for number in 0..120 {
        client.json("logs", "CreateLogGroup", json!({"logGroupName": format!("/l/{number}")})).await?;
    }
    let mut seen = std::collections::BTreeSet::new();
    let mut ask = json!({});
    loop {
        let page = client.json("cloudtrail", "LookupEvents", ask.clone()).await?;
        for event in page.body["Events"].as_array().into_iter().flatten() {
            assert!(seen.insert(event["EventId"].to_string()), "an event came twice");
        }
        match page.body.get("NextToken") {
            Some(token) => ask = json!({"NextToken": token}),
            None => break,
        }
    }
    assert_eq!(seen.len(), 120);
    Ok(())
}
