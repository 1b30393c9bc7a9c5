//! Buckets (kinds/log_bucket/README.md, Sub-resources): one name in the world, defaults, sub-resources that are replaced, codes
//! of what is not set.

use http::Method;
use reconciler_emulator::{AccountSeed, Emulator, Options, Script};
use serde_json::{Value, json};

use crate::clients::{Client, TestResult};

fn world() -> Client {
    let accounts = vec![AccountSeed::new("111122223333", "management"), AccountSeed::new("222233334444", "prod")];
    Client::new(&Emulator::new(Options { accounts, ..Options::default() }))
}

async fn with_bucket() -> Result<Client, Box<dyn std::error::Error>> {
    let client = world();
    assert_eq!(client.s3(Method::PUT, "/logs", "").await?.status, 200);
    Ok(client)
}

#[tokio::test]
async fn a_name_is_one_in_the_world() -> TestResult {
    let client = with_bucket().await?;
    assert_eq!(client.s3(Method::PUT, "/logs", "").await?.status, 200, "us-east-1 does not mind");
    let head = client.s3(Method::HEAD, "/logs", "").await?;
    assert_eq!((head.status, head.header("x-amz-bucket-region")), (200, Some("us-east-1")));
    assert!(head.header("x-amz-request-id").is_some() && head.header("x-amzn-requestid").is_none());
    assert_eq!(client.s3(Method::HEAD, "/none", "").await?.status, 404);
    let other = client.at("222233334444", "us-east-1");
    let foreign = other.s3(Method::HEAD, "/logs", "").await?;
    assert_eq!((foreign.status, foreign.text.as_str()), (403, ""));
    assert_eq!(other.s3(Method::PUT, "/logs", "").await?.error(), (409, "BucketAlreadyExists".to_owned()));
    assert_eq!(other.s3(Method::GET, "/logs?policy", "").await?.error(), (403, "AccessDenied".to_owned()));
    assert_eq!(client.s3(Method::GET, "/none?policy", "").await?.error(), (404, "NoSuchBucket".to_owned()));
    // A name that is given up can be taken by somebody else.
    assert_eq!(client.s3(Method::DELETE, "/logs", "").await?.status, 204);
    assert_eq!(other.s3(Method::PUT, "/logs", "").await?.status, 200);
    assert_eq!(client.s3(Method::HEAD, "/logs", "").await?.status, 403);
    Ok(())
}

#[tokio::test]
async fn a_bucket_is_in_one_region() -> TestResult {
    let client = world();
    let west = client.at("111122223333", "eu-west-1");
    assert_eq!(west.s3(Method::PUT, "/www", "").await?.error().1, "IllegalLocationConstraintException");
    let body = "<CreateBucketConfiguration xmlns=\"http://s3.amazonaws.com/doc/2006-03-01/\"><LocationConstraint>eu-west-1</LocationConstraint></CreateBucketConfiguration>";
    assert_eq!(client.s3(Method::PUT, "/west", body).await?.status, 200, "us-east-1 creates anywhere");
    assert_eq!(west.s3(Method::PUT, "/west", body).await?.error(), (409, "BucketAlreadyOwnedByYou".to_owned()));
    let moved = client.s3(Method::GET, "/west?encryption", "").await?;
    assert_eq!(
        (moved.error(), moved.header("x-amz-bucket-region")),
        ((301, "PermanentRedirect".to_owned()), Some("eu-west-1"))
    );
    assert_eq!(west.s3(Method::GET, "/west?encryption", "").await?.status, 200);
    assert_eq!(client.s3(Method::GET, "/west?location", "").await?.tree["LocationConstraint"], "eu-west-1");
    client.s3(Method::PUT, "/east", "").await?;
    assert_eq!(client.s3(Method::GET, "/east?location", "").await?.tree["LocationConstraint"], "");
    assert_eq!(west.s3(Method::GET, "/", "").await?.all("Name"), ["east", "west"]);
    Ok(())
}

#[tokio::test]
async fn the_owner_is_checked_when_the_request_says_whose_it_is() -> TestResult {
    let client = with_bucket().await?;
    for (owner, status) in [("111122223333", 200), ("222233334444", 403)] {
        let headers = [("x-amz-expected-bucket-owner", owner)];
        assert_eq!(client.xml("s3", Method::GET, "/logs?encryption", &headers, "").await?.status, status);
    }
    let host = "https://logs.s3.us-east-1.amazonaws.com/?ownershipControls";
    assert_eq!(client.s3(Method::GET, host, "").await?.first("ObjectOwnership"), "BucketOwnerEnforced");
    Ok(())
}

#[tokio::test]
async fn what_was_never_set_has_a_code_of_its_own() -> TestResult {
    let client = with_bucket().await?;
    for (resource, code) in [
        ("policy", "NoSuchBucketPolicy"),
        ("policyStatus", "NoSuchBucketPolicy"),
        ("lifecycle", "NoSuchLifecycleConfiguration"),
        ("tagging", "NoSuchTagSet"),
        ("object-lock", "ObjectLockConfigurationNotFoundError"),
    ] {
        let read = client.s3(Method::GET, &format!("/logs?{resource}"), "").await?;
        assert_eq!(read.error(), (404, code.to_owned()));
    }
    let versioning = client.s3(Method::GET, "/logs?versioning", "").await?;
    assert_eq!((versioning.status, versioning.first("Status")), (200, String::new()));
    let block = client.s3(Method::GET, "/logs?publicAccessBlock", "").await?;
    assert_eq!(
        (block.first("BlockPublicAcls"), block.first("RestrictPublicBuckets")),
        ("true".to_owned(), "true".to_owned())
    );
    assert_eq!(client.s3(Method::DELETE, "/logs?publicAccessBlock", "").await?.status, 204);
    let block = client.s3(Method::GET, "/logs?publicAccessBlock", "").await?;
    assert_eq!(block.error(), (404, "NoSuchPublicAccessBlockConfiguration".to_owned()));
    let body =
        "<PublicAccessBlockConfiguration><BlockPublicAcls>true</BlockPublicAcls></PublicAccessBlockConfiguration>";
    client.s3(Method::PUT, "/logs?publicAccessBlock", body).await?;
    let block = client.s3(Method::GET, "/logs?publicAccessBlock", "").await?;
    assert_eq!(
        (block.first("BlockPublicAcls"), block.first("BlockPublicPolicy")),
        ("true".to_owned(), "false".to_owned())
    );
    Ok(())
}

#[tokio::test]
async fn encryption_is_replaced_and_what_was_blocked_with_it() -> TestResult {
    let client = with_bucket().await?;
    let read = client.s3(Method::GET, "/logs?encryption", "").await?;
    assert_eq!((read.first("SSEAlgorithm"), read.first("EncryptionType")), ("AES256".to_owned(), "SSE-C".to_owned()));
    let body = "<ServerSideEncryptionConfiguration><Rule><ApplyServerSideEncryptionByDefault><SSEAlgorithm>aws:kms</SSEAlgorithm><KMSMasterKeyID>alias/any</KMSMasterKeyID></ApplyServerSideEncryptionByDefault></Rule></ServerSideEncryptionConfiguration>";
    assert_eq!(client.s3(Method::PUT, "/logs?encryption", body).await?.status, 200);
    let read = client.s3(Method::GET, "/logs?encryption", "").await?;
    assert_eq!((read.first("KMSMasterKeyID"), read.first("EncryptionType")), ("alias/any".to_owned(), String::new()));
    assert_eq!(client.s3(Method::DELETE, "/logs?encryption", "").await?.status, 204);
    assert_eq!(client.s3(Method::GET, "/logs?encryption", "").await?.first("SSEAlgorithm"), "AES256");
    assert_eq!(client.s3(Method::PUT, "/logs?encryption", "no xml").await?.error(), (400, "MalformedXML".to_owned()));
    Ok(())
}

#[tokio::test]
async fn a_policy_is_verbatim_until_its_principal_is_deleted() -> TestResult {
    let client = with_bucket().await?;
    let trust = json!({"Version": "2012-10-17", "Statement": []}).to_string();
    let role =
        client.form("iam", "CreateRole", &[("RoleName", "reader"), ("AssumeRolePolicyDocument", &trust)]).await?;
    let policy = format!(
        "{{ \"Version\": \"2012-10-17\",  \"Statement\": {{\"Effect\": \"Allow\", \"Principal\": {{\"AWS\": \"{}\"}}, \"Action\": \"s3:GetObject\", \"Resource\": \"arn:aws:s3:::logs/*\"}} }}",
        role.first("Arn")
    );
    assert_eq!(client.s3(Method::PUT, "/logs?policy", &policy).await?.status, 200);
    assert_eq!(client.s3(Method::GET, "/logs?policy", "").await?.text, policy);
    assert_eq!(client.s3(Method::GET, "/logs?policyStatus", "").await?.first("IsPublic"), "false");
    client.form("iam", "DeleteRole", &[("RoleName", "reader")]).await?;
    let read = client.s3(Method::GET, "/logs?policy", "").await?;
    assert_eq!(read.text, policy.replace(&role.first("Arn"), &role.first("RoleId")));
    let foreign = policy.replace("s3:::logs", "s3:::other");
    for bad in ["no json", &policy, &foreign] {
        let refused = client.s3(Method::PUT, "/logs?policy", bad).await?;
        assert_eq!(refused.error(), (400, "MalformedPolicy".to_owned()), "{bad}");
    }
    assert_eq!(client.s3(Method::DELETE, "/logs?policy", "").await?.status, 204);
    Ok(())
}

#[tokio::test]
async fn a_public_policy_is_refused_by_the_bucket_or_by_the_account() -> TestResult {
    let client = with_bucket().await?;
    let policy = json!({"Version": "2012-10-17", "Statement": [
        {"Effect": "Allow", "Principal": "*", "Action": "s3:GetObject", "Resource": "arn:aws:s3:::logs/*"},
    ]})
    .to_string();
    let put = || client.s3(Method::PUT, "/logs?policy", &policy);
    assert_eq!(put().await?.error(), (403, "AccessDenied".to_owned()));
    client.s3(Method::DELETE, "/logs?publicAccessBlock", "").await?;
    let account = |method: Method, body: &'static str, id: &'static str| {
        let client = client.at("111122223333", "eu-west-1");
        async move {
            let uri = "/v20180820/configuration/publicAccessBlock";
            client.xml("s3", method, uri, &[("x-amz-account-id", id)], body).await
        }
    };
    let none = account(Method::GET, "", "111122223333").await?;
    assert_eq!(none.error(), (404, "NoSuchPublicAccessBlockConfiguration".to_owned()));
    let body =
        "<PublicAccessBlockConfiguration><BlockPublicPolicy>true</BlockPublicPolicy></PublicAccessBlockConfiguration>";
    assert_eq!(account(Method::PUT, body, "222233334444").await?.error().0, 403);
    assert_eq!(account(Method::PUT, body, "111122223333").await?.status, 200);
    assert_eq!(put().await?.error().0, 403);
    account(Method::DELETE, "", "111122223333").await?;
    assert_eq!(put().await?.status, 200);
    assert_eq!(client.s3(Method::GET, "/logs?policyStatus", "").await?.first("IsPublic"), "true");
    let records = client.records("PutAccountPublicAccessBlock").await?;
    assert_eq!((records.len(), &records[0]["eventSource"]), (2, &json!("s3.amazonaws.com")));
    Ok(())
}

#[tokio::test]
async fn lifecycle_rules_are_replaced_together_and_get_ids() -> TestResult {
    let client = with_bucket().await?;
    let rule = |id: &str| {
        format!(
            "<Rule>{id}<Filter><And><Prefix>a</Prefix><Tag><Key>k</Key><Value>v</Value></Tag></And></Filter><Status>Enabled</Status><Expiration><Days>400</Days></Expiration><Transition><Days>30</Days><StorageClass>GLACIER</StorageClass></Transition></Rule>"
        )
    };
    let put = |rules: String| {
        let client = client.clone();
        async move {
            let body = format!("<LifecycleConfiguration>{rules}</LifecycleConfiguration>");
            client.s3(Method::PUT, "/logs?lifecycle", &body).await
        }
    };
    assert_eq!(put(rule("") + &rule("<ID>two</ID>")).await?.status, 200);
    let read = client.s3(Method::GET, "/logs?lifecycle", "").await?;
    let ids = read.all("ID");
    assert_eq!((ids.len(), ids[0].len(), ids[1].as_str()), (2, 48, "two"));
    assert_eq!((read.first("Key"), read.first("StorageClass")), ("k".to_owned(), "GLACIER".to_owned()));
    assert_eq!(read.header("x-amz-transition-default-minimum-object-size"), Some("all_storage_classes_128K"));
    put(rule("<ID>three</ID>")).await?;
    assert_eq!(client.s3(Method::GET, "/logs?lifecycle", "").await?.all("ID"), ["three"]);
    assert_eq!(put(rule("<ID>a</ID>") + &rule("<ID>a</ID>")).await?.error().1, "InvalidArgument");
    assert_eq!(put("<Rule><Status>Enabled</Status></Rule>".to_owned()).await?.error().1, "MalformedXML");
    Ok(())
}

/// The service writes into a policy that is somebody else's.
#[tokio::test]
async fn bedrock_adds_its_statement_to_the_policy_of_a_bucket_that_it_logs_to() -> TestResult {
    let client = with_bucket().await?;
    let own = json!({"Sid": "Own", "Effect": "Deny", "Principal": "*", "Action": "s3:*", "Resource": "arn:aws:s3:::logs/*",
        "Condition": {"Bool": {"aws:SecureTransport": "false"}}});
    let policy = json!({"Version": "2012-10-17", "Statement": [own]}).to_string();
    client.s3(Method::PUT, "/logs?policy", &policy).await?;
    let put = |prefix: &str| json!({"loggingConfig": {"s3Config": {"bucketName": "logs", "keyPrefix": prefix}}});
    for prefix in ["a", "a", ""] {
        let done = client.bedrock(Method::PUT, "/logging/modelinvocations", &put(prefix)).await?;
        assert_eq!(done.status, 200);
    }
    let read: Value = serde_json::from_str(&client.s3(Method::GET, "/logs?policy", "").await?.text)?;
    assert_eq!(read["Statement"].as_array().map(Vec::len), Some(2));
    assert_eq!(read["Statement"][0], own);
    let added = &read["Statement"][1];
    assert_eq!(
        (&added["Sid"], &added["Principal"]["Service"]),
        (&json!("AmazonBedrockLogsWrite"), &json!("bedrock.amazonaws.com"))
    );
    let resources = json!([
        "arn:aws:s3:::logs/a/AWSLogs/111122223333/BedrockModelInvocationLogs/*",
        "arn:aws:s3:::logs/AWSLogs/111122223333/BedrockModelInvocationLogs/*",
    ]);
    assert_eq!(added["Resource"], resources);
    Ok(())
}

#[tokio::test]
async fn scripts_make_buckets_and_cloudtrail_has_its_own_names_for_it() -> TestResult {
    let emulator = Emulator::scenario("empty", Options::default())?;
    emulator.run(&Script::parse(
        "steps:
  - &step
    as: arn:aws:sts::${account}:assumed-role/Deployer/terraform
    accounts: [prod]
    regions: [eu-west-1]
    service: s3
    operation: CreateBucket
    body: {Bucket: 'logs-${account}-${region}', CreateBucketConfiguration: {LocationConstraint: '${region}'}}
  - <<: *step
    operation: PutPublicAccessBlock
    body: {Bucket: 'logs-${account}-${region}', PublicAccessBlockConfiguration: {BlockPublicAcls: true, IgnorePublicAcls: true, BlockPublicPolicy: true, RestrictPublicBuckets: true}}
  - <<: *step
    operation: PutBucketLifecycleConfiguration
    body: {Bucket: 'logs-${account}-${region}', LifecycleConfiguration: {Rules: [{ID: a, Status: Enabled, Filter: {Prefix: ''}, Expiration: {Days: 400}}]}}
",
    )?)?;
    let client = Client::new(&emulator).at("222233334444", "eu-west-1");
    let read = client.s3(Method::GET, "/logs-222233334444-eu-west-1?lifecycle", "").await?;
    assert_eq!(read.first("Days"), "400");
    for name in ["PutBucketPublicAccessBlock", "PutBucketLifecycle", "CreateBucket"] {
        let records = client.records(name).await?;
        assert_eq!(records[0]["requestParameters"]["bucketName"], "logs-222233334444-eu-west-1", "{name}");
    }
    Ok(())
}
