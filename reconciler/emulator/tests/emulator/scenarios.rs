//! Scenarios: `in-sync` is what the declarations want, and each other one is what it says.

use std::collections::BTreeMap;
use std::path::PathBuf;
use std::time::Instant;

use reconciler_emulator::{AccountSeed, Emulator, Options, Script};
use serde::Deserialize;
use serde_json::{Map, Value, json};

use crate::clients::{Client, TestResult};

const ACCOUNTS: [&str; 3] = ["111122223333", "222233334444", "333344445555"];
const REGIONS: [&str; 2] = ["us-east-1", "eu-west-1"];

/// Lists become sorted, so that order means nothing.
fn canonical(value: &Value) -> Value {
    match value {
        Value::Array(items) => {
            let mut items: Vec<Value> = items.iter().map(canonical).collect();
            items.sort_by_key(Value::to_string);
            Value::Array(items)
        }
        Value::Object(members) => {
            let full = members.iter().filter(|(_, value)| **value != json!([]));
            Value::Object(full.map(|(name, value)| (name.clone(), canonical(value))).collect())
        }
        other => other.clone(),
    }
}

async fn guardrail(client: &Client, name: &str) -> Result<Option<Value>, Box<dyn std::error::Error>> {
    let list = client.get("/guardrails").await?;
    let row = list.body["guardrails"].as_array().into_iter().flatten().find(|row| row["name"] == name).cloned();
    let Some(row) = row else {
        return Ok(None);
    };
    let id = row["id"].as_str().unwrap_or_default();
    Ok(Some(client.get(&format!("/guardrails/{id}")).await?.body))
}

/// What the declarations of a kind want in one place, by name.
fn declared(kind: &str, account: &str, region: &str) -> Result<BTreeMap<String, Value>, Box<dyn std::error::Error>> {
    let root = PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("../../desired-state");
    let mut wanted = BTreeMap::new();
    for file in ["guardrails/baseline.yaml", "guardrails/payments.yaml", "logging/invocation-logging.yaml"] {
        let text = std::fs::read_to_string(root.join(file))?;
        for document in serde_yaml::Deserializer::from_str(&text) {
            let declaration = Value::deserialize(document)?;
            let regions = &declaration["where"]["regions"];
            let accounts = &declaration["where"]["accounts"];
            let here = (regions == "all" || regions.as_array().is_some_and(|list| list.contains(&json!(region))))
                && (accounts == "all" || account == "222233334444");
            if declaration["kind"] == kind && here {
                let name = declaration["name"].as_str().unwrap_or_default().to_owned();
                let spec = declaration["spec"].to_string();
                let spec =
                    spec.replace("${account.id}", account).replace("${region}", region).replace("${partition}", "aws");
                let spec = spec
                    .replace("${ref:log-group//aws/bedrock/model-invocations.name}", "/aws/bedrock/model-invocations");
                wanted.insert(name, serde_json::from_str(&spec)?);
            }
        }
    }
    Ok(wanted)
}

#[tokio::test]
async fn in_sync_is_what_the_declarations_want() -> TestResult {
    let emulator = Emulator::scenario("in-sync", Options::default())?;
    assert!(emulator.calls().is_empty());
    let client = Client::new(&emulator);
    for (account, region) in ACCOUNTS.iter().flat_map(|account| REGIONS.map(|region| (*account, region))) {
        let client = client.at(account, region);
        let alias = |name: &str| client.json("kms", "DescribeKey", json!({"KeyId": name}));
        let guardrail_key = alias("alias/bedrock-guardrails").await?.text("/KeyMetadata/Arn");
        let log_key = alias("alias/bedrock-logs").await?.text("/KeyMetadata/Arn");

        let wanted = declared("guardrail", account, region)?;
        assert_eq!(wanted.len(), if account == "222233334444" { 2 } else { 1 });
        for (name, mut want) in wanted {
            let live = guardrail(&client, &name).await?.ok_or("the guardrail is missing")?;
            let id = live["guardrailId"].as_str().unwrap_or_default();
            let version = client.get(&format!("/guardrails/{id}?guardrailVersion=1")).await?;
            assert_eq!(live["status"], "READY");
            let arn = json!({"resourceARN": live["guardrailArn"]});
            let tags = client.bedrock(http::Method::POST, "/listTagsForResource", &arn).await?;
            assert_eq!(canonical(&tags.body["tags"]), canonical(&want["tags"]));
            let want = want.as_object_mut().ok_or("a spec is an object")?;
            want.remove("tags");
            want.insert("kmsKeyArn".to_owned(), json!(guardrail_key));
            if let Some(details) = want.get_mut("crossRegionDetails") {
                let id = details["guardrailProfileId"].as_str().unwrap_or_default().to_owned();
                details["guardrailProfileArn"] =
                    json!(format!("arn:aws:bedrock:{region}:{account}:guardrail-profile/{id}"));
            }
            for content in [&live, &version.body] {
                let members = content.as_object().cloned().unwrap_or_default();
                let server_owned = [
                    "guardrailId",
                    "guardrailArn",
                    "version",
                    "status",
                    "createdAt",
                    "updatedAt",
                    "name",
                    "statusReasons",
                    "failureRecommendations",
                ];
                let content: Map<String, Value> =
                    members.into_iter().filter(|(name, _)| !server_owned.contains(&name.as_str())).collect();
                assert_eq!(canonical(&Value::Object(content)), canonical(&Value::Object(want.clone())));
            }
        }

        let logging = declared("invocation-logging", account, region)?;
        let live = client.get("/logging/modelinvocations").await?;
        assert_eq!(logging.get("default"), live.body.get("loggingConfig"));

        let group = declared("log-group", account, region)?;
        let live = client.json("logs", "DescribeLogGroups", json!({})).await?.body["logGroups"][0].clone();
        assert_eq!(live["kmsKeyId"], json!(log_key));
        let want = group.get("/aws/bedrock/model-invocations").ok_or("no log group is declared")?;
        for member in ["retentionInDays", "logGroupClass", "deletionProtectionEnabled"] {
            assert_eq!(live[member], want[member], "{member}");
        }
    }
    Ok(())
}

#[tokio::test]
async fn one_seed_makes_one_world() -> TestResult {
    let start = Some("2026-11-20T08:00:00Z".parse()?);
    let build = |seed| Emulator::scenario("drifted", Options { seed, start, ..Options::default() });
    let mut answers = Vec::new();
    for seed in [1, 1, 2] {
        let client = Client::new(&build(seed)?).at("222233334444", "us-east-1");
        let read = guardrail(&client, "baseline").await?.unwrap_or_default();
        answers.push(read.to_string());
    }
    assert_eq!(answers.first(), answers.get(1));
    assert_ne!(answers.first(), answers.get(2));
    Ok(())
}

fn filter<'a>(guardrail: &'a Value, kind: &str) -> Option<&'a Value> {
    guardrail["contentPolicy"]["filters"].as_array()?.iter().find(|filter| filter["type"] == kind)
}

#[tokio::test]
async fn drifted_is_weak_where_it_says_and_cloudtrail_knows_by_whom() -> TestResult {
    let client = Client::new(&Emulator::scenario("drifted", Options::default())?);
    let [management, prod, staging] = ACCOUNTS;
    let at = |account: &str, region: &str| client.at(account, region);

    let east = at(prod, "us-east-1");
    let baseline = guardrail(&east, "baseline").await?.ok_or("no baseline")?;
    assert_eq!(filter(&baseline, "HATE").map(|filter| &filter["inputStrength"]), Some(&json!("NONE")));
    let id = baseline["guardrailId"].as_str().unwrap_or_default();
    let published = east.get(&format!("/guardrails/{id}?guardrailVersion=2")).await?.body;
    assert_eq!(filter(&published, "HATE").map(|filter| &filter["inputStrength"]), Some(&json!("NONE")));
    assert!(baseline.get("kmsKeyArn").is_some(), "an edit carries everything else");
    let payments = guardrail(&east, "payments").await?.ok_or("no payments")?;
    assert_eq!(filter(&payments, "INSULTS").map(|filter| &filter["inputStrength"]), Some(&json!("HIGH")));
    assert!(payments.get("topicPolicy").is_none());

    let west = at(prod, "eu-west-1");
    let baseline = guardrail(&west, "baseline").await?.ok_or("no baseline")?;
    assert_eq!(filter(&baseline, "PROMPT_ATTACK").map(|filter| &filter["inputStrength"]), Some(&json!("LOW")));
    assert!(guardrail(&west, "payments").await?.ok_or("no payments")?.get("kmsKeyArn").is_none());
    assert_eq!(west.get("/logging/modelinvocations").await?.body, json!({}));
    assert!(guardrail(&at(staging, "eu-west-1"), "baseline").await?.is_none());
    let logging = at(management, "eu-west-1").get("/logging/modelinvocations").await?.body;
    assert!(logging["loggingConfig"].get("imageDataDeliveryEnabled").is_none());
    let group = east.json("logs", "DescribeLogGroups", json!({})).await?;
    assert_eq!(group.body["logGroups"][0]["retentionInDays"], 7);

    let who = json!({"LookupAttributes": [{"AttributeKey": "Username", "AttributeValue": "mallory"}]});
    let events = east.json("cloudtrail", "LookupEvents", who).await?;
    let names: Vec<&str> = events.body["Events"]
        .as_array()
        .into_iter()
        .flatten()
        .filter_map(|event| event["EventName"].as_str())
        .collect();
    assert_eq!(
        names,
        [
            "ModifyVpcEndpoint",
            "PutRolePolicy",
            "UpdateAssumeRolePolicy",
            "PutBucketPolicy",
            "PutBucketPublicAccessBlock",
            "PutLogGroupDeletionProtection",
            "PutRetentionPolicy",
            "UpdateGuardrail",
            "PutEnforcedGuardrailConfiguration",
            "CreateGuardrailVersion",
            "UpdateGuardrail",
            "AssumeRole",
        ]
    );
    let record: Value = serde_json::from_str(&events.text("/Events/0/CloudTrailEvent"))?;
    assert_eq!(record["userIdentity"]["arn"], "arn:aws:sts::222233334444:assumed-role/Developer/mallory");
    Ok(())
}

/// What reads show in every place, without ids, times and order: enough to see which places a scenario touched.
async fn picture(client: &Client) -> Result<BTreeMap<String, Value>, Box<dyn std::error::Error>> {
    let mut seen = BTreeMap::new();
    for (account, region) in ACCOUNTS.iter().flat_map(|account| REGIONS.map(|region| (*account, region))) {
        let client = client.at(account, region);
        for name in ["baseline", "payments"] {
            let mut read = guardrail(&client, name).await?.unwrap_or_default();
            if let Some(members) = read.as_object_mut() {
                members.remove("updatedAt");
            }
            seen.insert(format!("{account}/{region}/{name}"), canonical(&read));
        }
        let logging = client.get("/logging/modelinvocations").await?.body;
        seen.insert(format!("{account}/{region}/logging"), logging);
        let groups = client.json("logs", "DescribeLogGroups", json!({})).await?.body;
        seen.insert(format!("{account}/{region}/log-group"), groups);
    }
    Ok(seen)
}

#[tokio::test]
async fn a_scenario_of_a_control_breaks_that_control_only() -> TestResult {
    let options = || -> Result<Options, Box<dyn std::error::Error>> {
        Ok(Options { start: Some("2026-11-20T08:00:00Z".parse()?), ..Options::default() })
    };
    let in_sync = picture(&Client::new(&Emulator::scenario("in-sync", options()?)?)).await?;
    for (scenario, broken) in [
        ("aws-genai-02", vec!["baseline"]),
        ("aws-genai-04", vec!["log-group", "logging"]),
        ("aws-genai-06", vec!["baseline"]),
    ] {
        let attacked = picture(&Client::new(&Emulator::scenario(scenario, options()?)?)).await?;
        let changed = attacked.iter().filter(|(place, picture)| in_sync.get(*place) != Some(*picture));
        let mut what: Vec<&str> = changed.filter_map(|(place, _)| place.rsplit('/').next()).collect();
        what.sort_unstable();
        what.dedup();
        assert_eq!(what, broken, "{scenario}");
    }
    Ok(())
}

#[tokio::test]
async fn every_scenario_can_be_built() -> TestResult {
    for (name, description) in Emulator::scenario_names() {
        Emulator::scenario(name, Options::default())?;
        assert!(!description.is_empty());
    }
    let unknown = Emulator::scenario("none", Options::default()).map(|_| ()).map_err(|error| error.to_string());
    assert!(unknown.err().is_some_and(|text| text.contains("in-sync")));
    Ok(())
}

#[tokio::test]
async fn a_script_that_does_not_do_what_it_says_is_an_error() -> TestResult {
    let emulator = Emulator::scenario("in-sync", Options::default())?;
    let step = |rest: &str| {
        format!(
            "steps: [{{as: 'arn:aws:iam::1:user/m', accounts: [staging], regions: [us-east-1], service: bedrock, operation: DeleteGuardrail, {rest}}}]"
        )
    };
    let missing = Script::parse(&step("body: {guardrailIdentifier: none}"))?;
    assert!(emulator.run(&missing).is_err());
    let expected = Script::parse(&step("body: {guardrailIdentifier: none}, error: ResourceNotFoundException"))?;
    emulator.run(&expected)?;
    assert!(emulator.calls().is_empty(), "a script is not in the call log");
    Ok(())
}

/// Not a benchmark: it only fails when reads become a hundred times slower than they are meant to be.
#[tokio::test]
async fn big_worlds_are_built_and_read_quickly() -> TestResult {
    let accounts = (0..100).map(|number| AccountSeed::new(format!("9{number:011}"), format!("a{number}"))).collect();
    let start = Instant::now();
    let emulator = Emulator::scenario("in-sync", Options { accounts, ..Options::default() })?;
    let built = start.elapsed();
    let client = Client::new(&emulator).at("900000000042", "eu-west-1");
    let id = guardrail(&client, "baseline").await?.unwrap_or_default()["guardrailId"]
        .as_str()
        .unwrap_or_default()
        .to_owned();
    let start = Instant::now();
    for _ in 0..1000 {
        client.get(&format!("/guardrails/{id}")).await?;
    }
    let read = start.elapsed() / 1000;
    assert!(built.as_secs() < 60, "built in {built:?}");
    assert!(read.as_micros() < 5000, "one read takes {read:?}");
    Ok(())
}
