//! Trails: home regions, shadows, selectors that replace one another, and reads that come late.

use reconciler_emulator::{AccountSeed, Emulator, Options};
use serde_json::{Value, json};

use crate::clients::{Client, Reply, TestResult};

const MANAGEMENT: &str = "111122223333";
const MEMBER: &str = "222233334444";
const ARN: &str = "arn:aws:cloudtrail:us-east-1:111122223333:trail/main-trail";

/// Two accounts, and nothing that lags.
fn world(options: Options) -> Client {
    let accounts = vec![AccountSeed::new(MANAGEMENT, "management"), AccountSeed::new(MEMBER, "prod")];
    Client::new(&Emulator::new(Options { accounts, ..options }))
}

fn prompt() -> Client {
    world(Options { trail_lag_reads: 0, ..Options::default() })
}

async fn call(client: &Client, operation: &str, body: Value) -> Result<Reply, reconciler_emulator::Dropped> {
    client.json("cloudtrail", operation, body).await
}

async fn code(client: &Client, operation: &str, body: Value) -> Result<String, reconciler_emulator::Dropped> {
    Ok(call(client, operation, body).await?.code.unwrap_or_default())
}

fn trail(more: &Value) -> Value {
    let mut body = json!({"Name": "main-trail", "S3BucketName": "trail-bucket"});
    if let (Some(body), Some(more)) = (body.as_object_mut(), more.as_object()) {
        body.extend(more.clone());
    }
    body
}

fn management_selector() -> Value {
    json!({"Name": "Management events selector", "FieldSelectors": [{"Field": "eventCategory", "Equals": ["Management"]}]})
}

fn data_selector(kind: &str) -> Value {
    json!({"Name": kind, "FieldSelectors": [
        {"Field": "eventCategory", "Equals": ["Data"]}, {"Field": "resources.type", "Equals": [kind]}]})
}

fn advanced(selectors: &[Value]) -> Value {
    json!({"TrailName": "main-trail", "AdvancedEventSelectors": selectors})
}

#[tokio::test]
async fn a_fresh_trail_logs_nothing_and_has_the_default_selector() -> TestResult {
    let client = prompt();
    let created = call(&client, "CreateTrail", trail(&json!({"EnableLogFileValidation": true}))).await?;
    assert_eq!(created.body["LogFileValidationEnabled"], true, "it has another name on read");
    assert!(created.body.get("EnableLogFileValidation").is_none());
    let name = json!({"Name": "main-trail"});
    assert_eq!(call(&client, "GetTrailStatus", name.clone()).await?.body["IsLogging"], false);
    let selectors = call(&client, "GetEventSelectors", json!({"TrailName": ARN})).await?;
    let default = json!({"ReadWriteType": "All", "IncludeManagementEvents": true, "DataResources": [], "ExcludeManagementEventSources": []});
    assert_eq!(selectors.body, json!({"TrailARN": ARN, "EventSelectors": [default]}));
    let read = call(&client, "GetTrail", name.clone()).await?;
    assert_eq!(read.body["Trail"]["HasCustomEventSelectors"], false);
    assert_eq!(read.body["Trail"]["HomeRegion"], "us-east-1");
    call(&client, "StartLogging", name.clone()).await?;
    let status = call(&client, "GetTrailStatus", name).await?.body;
    assert_eq!(status["IsLogging"], true);
    assert!(status.get("LatestDeliveryTime").is_some());
    Ok(())
}

#[tokio::test]
async fn an_update_keeps_what_it_leaves_out() -> TestResult {
    let client = prompt();
    call(&client, "CreateTrail", trail(&json!({"EnableLogFileValidation": true, "S3KeyPrefix": "audit"}))).await?;
    let updated = call(&client, "UpdateTrail", json!({"Name": ARN, "IsMultiRegionTrail": true})).await?;
    assert_eq!(updated.body["LogFileValidationEnabled"], true);
    assert_eq!(updated.text("/S3KeyPrefix"), "audit");
    let global = json!({"Name": ARN, "IncludeGlobalServiceEvents": false});
    assert_eq!(code(&client, "UpdateTrail", global).await?, "InvalidParameterCombinationException");
    Ok(())
}

#[tokio::test]
async fn selectors_replace_one_another_whole() -> TestResult {
    let client = prompt();
    call(&client, "CreateTrail", trail(&json!({}))).await?;
    let data: Vec<Value> = ["AgentAlias", "KnowledgeBase", "Guardrail", "Model"]
        .map(|kind| data_selector(&format!("AWS::Bedrock::{kind}")))
        .into();
    let all: Vec<Value> = std::iter::once(management_selector()).chain(data.clone()).collect();
    let echoed = call(&client, "PutEventSelectors", advanced(&all)).await?;
    assert_eq!(echoed.body, json!({"TrailARN": ARN, "AdvancedEventSelectors": all}));

    let mut orders = std::collections::BTreeSet::new();
    for _ in 0..20 {
        let read = call(&client, "GetEventSelectors", json!({"TrailName": "main-trail"})).await?.body;
        assert_eq!(read["AdvancedEventSelectors"].as_array().map(Vec::len), Some(5));
        assert!(read.get("EventSelectors").is_none());
        orders.insert(read.to_string());
    }
    assert!(orders.len() > 1, "selectors and fields come in any order");

    // Without the management selector: no complaint, and no management events any more.
    assert_eq!(call(&client, "PutEventSelectors", advanced(&data)).await?.status, 200);
    let read = call(&client, "GetEventSelectors", json!({"TrailName": "main-trail"})).await?.body;
    assert!(!read.to_string().contains("Management"));
    let basic = json!({"TrailName": "main-trail", "EventSelectors": [{"ReadWriteType": "WriteOnly"}]});
    call(&client, "PutEventSelectors", basic).await?;
    let read = call(&client, "GetEventSelectors", json!({"TrailName": "main-trail"})).await?.body;
    assert!(read.get("AdvancedEventSelectors").is_none());
    assert_eq!(read["EventSelectors"][0]["ReadWriteType"], "WriteOnly");
    Ok(())
}

#[tokio::test]
async fn empty_lists_of_selectors() -> TestResult {
    let client = prompt();
    call(&client, "CreateTrail", trail(&json!({}))).await?;
    call(&client, "StartLogging", json!({"Name": "main-trail"})).await?;
    call(&client, "PutEventSelectors", advanced(&[])).await?;
    let read = call(&client, "GetEventSelectors", json!({"TrailName": "main-trail"})).await?.body;
    assert_eq!(read, json!({"TrailARN": ARN, "AdvancedEventSelectors": []}));
    assert_eq!(call(&client, "GetTrailStatus", json!({"Name": ARN})).await?.body["IsLogging"], true);
    call(&client, "PutEventSelectors", json!({"TrailName": "main-trail", "EventSelectors": []})).await?;
    let read = call(&client, "GetEventSelectors", json!({"TrailName": "main-trail"})).await?.body;
    assert_eq!(read["EventSelectors"][0]["IncludeManagementEvents"], true);
    Ok(())
}

#[tokio::test]
async fn selectors_that_are_refused() -> TestResult {
    let client =
        world(Options { rejected_data_types: vec!["AWS::Bedrock::FlowAlias".to_owned()], ..Options::default() });
    call(&client, "CreateTrail", trail(&json!({}))).await?;
    let many: Vec<String> = (0..499).map(|number| format!("arn:aws:s3:::bucket/{number}")).collect();
    let arns = |values: &[String]| {
        json!({"FieldSelectors": [
        {"Field": "eventCategory", "Equals": ["Data"]},
        {"Field": "resources.type", "Equals": ["AWS::S3::Object"]},
        {"Field": "resources.ARN", "StartsWith": values}]})
    };
    for (selector, accepted) in [
        (data_selector("AWS::Bedrock::Guardrail"), true),
        (data_selector("AWS::BedrockAgentCore::Runtime"), true),
        (data_selector("AWS::SQS::Queue"), true),
        (data_selector("AWS::Bedrock::Prompt"), false),
        (data_selector("AWS::Bedrock::FlowAlias"), false),
        (data_selector("AWS::Bedrock::InvokeModel"), false),
        (json!({"FieldSelectors": [{"Field": "eventCategory", "Equals": ["Data"]}]}), false),
        (json!({"FieldSelectors": [{"Field": "eventCategory", "Equals": ["Management", "Data"]}]}), false),
        (json!({"FieldSelectors": [{"Field": "eventCategory", "Equals": ["NetworkActivity"]}]}), false),
        (json!({"FieldSelectors": [{"Field": "eventCategory", "StartsWith": ["Man"]}]}), false),
        (json!({"FieldSelectors": []}), false),
        (arns(many.get(..498).unwrap_or_default()), true),
        (arns(&many), false),
    ] {
        let reply = call(&client, "PutEventSelectors", advanced(std::slice::from_ref(&selector))).await?;
        let wanted = (!accepted).then(|| "InvalidEventSelectorsException".to_owned());
        assert_eq!(reply.code, wanted, "{selector}: {reply:?}");
    }
    let prompt = call(&client, "PutEventSelectors", advanced(&[data_selector("AWS::Bedrock::Prompt")])).await?;
    assert_eq!(prompt.text("/message"), "resources.type field value is not valid");
    let both =
        json!({"TrailName": "main-trail", "EventSelectors": [{}], "AdvancedEventSelectors": [management_selector()]});
    assert_eq!(code(&client, "PutEventSelectors", both).await?, "InvalidEventSelectorsException");
    let six = json!({"TrailName": "main-trail", "EventSelectors": [{}, {}, {}, {}, {}, {}]});
    assert_eq!(code(&client, "PutEventSelectors", six).await?, "InvalidEventSelectorsException");
    Ok(())
}

/// A field that this emulator knows nothing about is kept, as the service keeps those that a client does not know.
#[tokio::test]
async fn fields_of_selectors_are_kept() -> TestResult {
    let client = world(Options { trail_lag_reads: 0, shuffle: false, ..Options::default() });
    call(&client, "CreateTrail", trail(&json!({}))).await?;
    let selector = json!({"Name": "by role", "FieldSelectors": [
        {"Field": "eventCategory", "Equals": ["Data"]},
        {"Field": "resources.type", "Equals": ["AWS::Bedrock::Model"]},
        {"Field": "userIdentity.arn", "NotStartsWith": ["arn:aws:sts::111122223333:assumed-role/audit"]}]});
    call(&client, "PutEventSelectors", advanced(std::slice::from_ref(&selector))).await?;
    let read = call(&client, "GetEventSelectors", json!({"TrailName": "main-trail"})).await?.body;
    assert_eq!(read["AdvancedEventSelectors"], json!([selector]));
    Ok(())
}

#[tokio::test]
async fn a_trail_is_changed_at_home_only() -> TestResult {
    let client = prompt();
    call(&client, "CreateTrail", trail(&json!({"IsMultiRegionTrail": true}))).await?;
    let abroad = client.at(MANAGEMENT, "eu-west-1");
    let listed = call(&abroad, "DescribeTrails", json!({})).await?.body;
    assert_eq!(listed["trailList"][0]["HomeRegion"], "us-east-1");
    let own = call(&abroad, "DescribeTrails", json!({"includeShadowTrails": false})).await?.body;
    assert_eq!(own["trailList"], json!([]));
    assert_eq!(code(&abroad, "GetTrailStatus", json!({"Name": "main-trail"})).await?, "TrailNotFoundException");
    assert_eq!(call(&abroad, "GetTrailStatus", json!({"Name": ARN})).await?.status, 200);
    for named in ["main-trail", ARN] {
        assert_eq!(code(&abroad, "StopLogging", json!({"Name": named})).await?, "InvalidHomeRegionException");
        let put = json!({"TrailName": named, "AdvancedEventSelectors": [management_selector()]});
        assert_eq!(code(&abroad, "PutEventSelectors", put).await?, "InvalidHomeRegionException");
    }
    // Once it is of one region, nobody else sees it.
    call(&client, "UpdateTrail", json!({"Name": "main-trail", "IsMultiRegionTrail": false})).await?;
    assert_eq!(call(&abroad, "DescribeTrails", json!({})).await?.body["trailList"], json!([]));
    Ok(())
}

#[tokio::test]
async fn an_organization_trail_belongs_to_the_management_account() -> TestResult {
    let client = prompt();
    let member = client.at(MEMBER, "eu-west-1");
    let of_organization = json!({"IsOrganizationTrail": true, "IsMultiRegionTrail": true});
    assert_eq!(code(&member, "CreateTrail", trail(&of_organization)).await?, "NotOrganizationMasterAccountException");
    call(&client, "CreateTrail", trail(&of_organization)).await?;
    let seen = call(&member, "DescribeTrails", json!({})).await?;
    assert_eq!(seen.text("/trailList/0/TrailARN"), ARN);
    assert_eq!(call(&member, "GetEventSelectors", json!({"TrailName": ARN})).await?.status, 200);
    assert_eq!(code(&member, "GetTrail", json!({"Name": "main-trail"})).await?, "TrailNotFoundException");
    for operation in ["StopLogging", "DeleteTrail"] {
        let refused = code(&member, operation, json!({"Name": ARN})).await?;
        assert_eq!(refused, "NotOrganizationMasterAccountException");
    }
    Ok(())
}

#[tokio::test]
async fn names_and_numbers_of_trails_are_limited() -> TestResult {
    let client = prompt();
    for name in ["ab", "-abc", "abc-", "a--b", "a._b", "192.168.5.4", "a b", &"a".repeat(129)] {
        let refused = code(&client, "CreateTrail", json!({"Name": name, "S3BucketName": "trail-bucket"})).await?;
        assert_eq!(refused, "InvalidTrailNameException", "{name}");
    }
    for number in 0..5 {
        let body = json!({"Name": format!("trail-{number}"), "S3BucketName": "trail-bucket"});
        assert_eq!(call(&client, "CreateTrail", body).await?.status, 200);
    }
    assert_eq!(code(&client, "CreateTrail", trail(&json!({}))).await?, "MaximumNumberOfTrailsExceededException");
    let again = json!({"Name": "trail-1", "S3BucketName": "trail-bucket"});
    assert_eq!(code(&client, "CreateTrail", again).await?, "TrailAlreadyExistsException");
    Ok(())
}

#[tokio::test]
async fn keys_become_arns_and_log_groups_need_their_asterisk() -> TestResult {
    let client = prompt();
    let key = call_key(&client).await?;
    let created = call(&client, "CreateTrail", trail(&json!({"KmsKeyId": "alias/trail"}))).await?;
    assert_eq!(created.text("/KmsKeyId"), key);
    let update = |member: &str, value: &str| call_update(&client, json!({"Name": "main-trail", member: value}));
    assert_eq!(update("KmsKeyId", "alias/none").await?, "KmsKeyNotFoundException");
    client.json("kms", "DisableKey", json!({"KeyId": key})).await?;
    assert_eq!(update("KmsKeyId", "alias/trail").await?, "KmsKeyDisabledException");
    assert_eq!(update("KmsKeyId", "").await?, "");
    assert!(call(&client, "GetTrail", json!({"Name": ARN})).await?.body["Trail"].get("KmsKeyId").is_none());

    client.json("logs", "CreateLogGroup", json!({"logGroupName": "/trail"})).await?;
    let group = "arn:aws:logs:us-east-1:111122223333:log-group:/trail";
    let role = "arn:aws:iam::111122223333:role/delivery";
    for (group, role, wanted) in [
        (Some(group.to_owned()), Some(role), "InvalidCloudWatchLogsLogGroupArnException"),
        (Some(format!("{group}:*")), None, "InvalidCloudWatchLogsRoleArnException"),
        (None, Some(role), "InvalidCloudWatchLogsLogGroupArnException"),
        (Some(format!("{group}-2:*")), Some(role), "InvalidCloudWatchLogsLogGroupArnException"),
        (Some(format!("{group}:*")), Some("delivery"), "InvalidCloudWatchLogsRoleArnException"),
        (Some(format!("{group}:*")), Some(role), ""),
        (Some(String::new()), Some(""), ""),
    ] {
        let mut body = json!({"Name": "main-trail"});
        if let Some(group) = &group {
            body["CloudWatchLogsLogGroupArn"] = json!(group);
        }
        if let Some(role) = role {
            body["CloudWatchLogsRoleArn"] = json!(role);
        }
        assert_eq!(call_update(&client, body).await?, wanted, "{group:?} {role:?}");
    }
    Ok(())
}

async fn call_update(client: &Client, body: Value) -> Result<String, reconciler_emulator::Dropped> {
    code(client, "UpdateTrail", body).await
}

/// A key behind alias/trail; its ARN.
async fn call_key(client: &Client) -> Result<String, reconciler_emulator::Dropped> {
    let key = client.json("kms", "CreateKey", json!({})).await?;
    let alias = json!({"AliasName": "alias/trail", "TargetKeyId": key.text("/KeyMetadata/KeyId")});
    client.json("kms", "CreateAlias", alias).await?;
    Ok(key.text("/KeyMetadata/Arn"))
}

#[tokio::test]
async fn reads_after_a_write_are_late() -> TestResult {
    let client = world(Options { trail_lag_reads: 2, ..Options::default() });
    call(&client, "CreateTrail", trail(&json!({}))).await?;
    let name = json!({"Name": "main-trail"});
    assert_eq!(code(&client, "GetTrail", name.clone()).await?, "TrailNotFoundException");
    assert_eq!(call(&client, "DescribeTrails", json!({})).await?.body["trailList"], json!([]));
    assert_eq!(call(&client, "GetTrail", name.clone()).await?.status, 200);
    // A write never meets the past.
    call(&client, "PutEventSelectors", advanced(&[management_selector()])).await?;
    call(&client, "StartLogging", name.clone()).await?;
    for late in [true, true, false] {
        let read = call(&client, "GetEventSelectors", json!({"TrailName": "main-trail"})).await?.body;
        assert_eq!(read.get("EventSelectors").is_some(), late);
        assert_eq!(call(&client, "GetTrailStatus", name.clone()).await?.body["IsLogging"], !late);
    }
    Ok(())
}

#[tokio::test]
async fn insights_are_absent_until_they_are_asked_for() -> TestResult {
    let client = prompt();
    call(&client, "CreateTrail", trail(&json!({}))).await?;
    let named = json!({"TrailName": "main-trail"});
    assert_eq!(code(&client, "GetInsightSelectors", named.clone()).await?, "InsightNotEnabledException");
    let put = |selectors: Value| {
        call(&client, "PutInsightSelectors", json!({"TrailName": ARN, "InsightSelectors": selectors}))
    };
    assert_eq!(put(json!([{"InsightType": "Other"}])).await?.code.as_deref(), Some("InvalidInsightSelectorsException"));
    put(json!([{"InsightType": "ApiErrorRateInsight"}])).await?;
    let read = call(&client, "GetInsightSelectors", named.clone()).await?;
    assert_eq!(read.text("/InsightSelectors/0/InsightType"), "ApiErrorRateInsight");
    put(json!([])).await?;
    assert_eq!(code(&client, "GetInsightSelectors", named).await?, "InsightNotEnabledException");
    Ok(())
}

#[tokio::test]
async fn tags_of_trails_are_named_by_arn() -> TestResult {
    let client = prompt();
    call(&client, "CreateTrail", trail(&json!({"TagsList": [{"Key": "a", "Value": "b"}]}))).await?;
    call(&client, "AddTags", json!({"ResourceId": ARN, "TagsList": [{"Key": "c", "Value": "d"}]})).await?;
    call(&client, "RemoveTags", json!({"ResourceId": ARN, "TagsList": [{"Key": "a"}]})).await?;
    let read = call(&client, "ListTags", json!({"ResourceIdList": [ARN]})).await?;
    assert_eq!(read.body["ResourceTagList"], json!([{"ResourceId": ARN, "TagsList": [{"Key": "c", "Value": "d"}]}]));
    let by_name = json!({"ResourceIdList": ["main-trail"]});
    assert_eq!(code(&client, "ListTags", by_name).await?, "CloudTrailARNInvalidException");
    Ok(())
}

#[tokio::test]
async fn cloudtrail_records_what_is_done_to_trails() -> TestResult {
    let client = prompt();
    call(&client, "CreateTrail", trail(&json!({}))).await?;
    call(&client, "PutEventSelectors", advanced(&[management_selector()])).await?;
    call(&client, "StopLogging", json!({"Name": "main-trail"})).await?;
    let events = call(&client, "LookupEvents", json!({})).await?;
    let record = |position: usize| -> Result<Value, serde_json::Error> {
        serde_json::from_str(&events.text(&format!("/Events/{position}/CloudTrailEvent")))
    };
    assert_eq!(record(0)?["requestParameters"], json!({"name": "main-trail"}));
    assert_eq!(record(0)?["responseElements"], Value::Null);
    let selectors = &record(1)?["requestParameters"]["advancedEventSelectors"];
    assert_eq!(selectors[0]["fieldSelectors"][0], json!({"field": "eventCategory", "equals": ["Management"]}));
    assert_eq!(record(2)?["responseElements"]["trailARN"], ARN);
    Ok(())
}
