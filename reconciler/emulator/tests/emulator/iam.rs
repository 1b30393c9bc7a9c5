//! IAM (kinds/iam_role/README.md, Documents): documents, identities that outlive their names, quotas, late reads.

use reconciler_emulator::{AccountSeed, Emulator, Options, Script};
use serde_json::{Value, json};

use crate::clients::{Client, TestResult};
use crate::forms::Xml;

type Outcome<T> = Result<T, Box<dyn std::error::Error>>;

const ALLOW: &str = "{\n \"Version\": \"2012-10-17\", \"Statement\": [{\"Effect\": \"Allow\", \"Action\": [\"s3:GetObject\"], \"Resource\": \"*\"}]}";

fn trusting(principal: &Value) -> String {
    json!({"Version": "2012-10-17", "Statement": [
        {"Effect": "Allow", "Principal": principal, "Action": ["sts:AssumeRole"]},
    ]})
    .to_string()
}

fn service() -> String {
    trusting(&json!({"Service": ["bedrock.amazonaws.com"]}))
}

fn decoded(text: &str) -> String {
    let mut bytes = Vec::new();
    let mut rest = text.bytes();
    while let Some(byte) = rest.next() {
        let hex = |digit: Option<u8>| digit.map(char::from).and_then(|digit| digit.to_digit(16)).unwrap_or_default();
        let value = if byte == b'%' {
            u8::try_from(hex(rest.next()) * 16 + hex(rest.next())).unwrap_or_default()
        } else {
            byte
        };
        bytes.push(value);
    }
    String::from_utf8_lossy(&bytes).into_owned()
}

async fn create_role(client: &Client, name: &str, trust: &str) -> Outcome<Xml> {
    client.form("iam", "CreateRole", &[("RoleName", name), ("AssumeRolePolicyDocument", trust)]).await
}

async fn trust_of(client: &Client, name: &str) -> Outcome<Value> {
    let read = client.form("iam", "GetRole", &[("RoleName", name)]).await?;
    Ok(serde_json::from_str(&decoded(&read.first("AssumeRolePolicyDocument")))?)
}

#[tokio::test]
async fn documents_are_encoded_trust_is_rewritten_and_the_rest_is_verbatim() -> TestResult {
    let client = Client::calm();
    create_role(&client, "app", &service()).await?;
    let read = client.form("iam", "GetRole", &[("RoleName", "app")]).await?;
    assert!(read.first("AssumeRolePolicyDocument").starts_with("%7B%22"));
    let statement =
        json!({"Effect": "Allow", "Principal": {"Service": "bedrock.amazonaws.com"}, "Action": "sts:AssumeRole"});
    assert_eq!(trust_of(&client, "app").await?, json!({"Version": "2012-10-17", "Statement": [statement]}));
    let inline = [("RoleName", "app"), ("PolicyName", "p"), ("PolicyDocument", ALLOW)];
    client.form("iam", "PutRolePolicy", &inline).await?;
    let read = client.form("iam", "GetRolePolicy", &[("RoleName", "app"), ("PolicyName", "p")]).await?;
    assert_eq!(decoded(&read.first("PolicyDocument")), ALLOW);
    for bad in ["{", "{\"Statement\": []} x", "{\"Version\": \"2020-01-01\", \"Statement\": []}"] {
        let refused = client
            .form("iam", "PutRolePolicy", &[("RoleName", "app"), ("PolicyName", "p"), ("PolicyDocument", bad)])
            .await?;
        assert_eq!(refused.error(), (400, "MalformedPolicyDocument".to_owned()), "{bad}");
    }
    Ok(())
}

/// h16: a role that is made again is not the role that the policy trusts.
#[tokio::test]
async fn a_deleted_principal_reads_back_as_its_id_even_when_its_name_exists_again() -> TestResult {
    let client = Client::calm();
    let caller = create_role(&client, "caller", &service()).await?;
    let (arn, id) = (caller.first("Arn"), caller.first("RoleId"));
    assert!(id.starts_with("AROA"));
    create_role(&client, "app", &trusting(&json!({"AWS": arn}))).await?;
    let principal = |trust: Value| trust["Statement"][0]["Principal"]["AWS"].clone();
    assert_eq!(principal(trust_of(&client, "app").await?), json!(arn));
    client.form("iam", "DeleteRole", &[("RoleName", "caller")]).await?;
    assert_eq!(principal(trust_of(&client, "app").await?), json!(id));
    let again = create_role(&client, "caller", &service()).await?;
    assert_ne!(again.first("RoleId"), id);
    assert_eq!(principal(trust_of(&client, "app").await?), json!(id));
    let document = trusting(&json!({"AWS": arn}));
    client.form("iam", "UpdateAssumeRolePolicy", &[("RoleName", "app"), ("PolicyDocument", &document)]).await?;
    assert_eq!(principal(trust_of(&client, "app").await?), json!(arn));
    let document = trusting(&json!({"AWS": id}));
    let dangling =
        client.form("iam", "UpdateAssumeRolePolicy", &[("RoleName", "app"), ("PolicyDocument", &document)]).await?;
    assert_eq!(dangling.error(), (400, "MalformedPolicyDocument".to_owned()));
    Ok(())
}

/// h32: a principal that was just made is unknown to others for a while.
#[tokio::test]
async fn a_new_principal_is_refused_for_some_uses() -> TestResult {
    let client = Client::new(&Emulator::new(Options { principal_lag_uses: 2, ..Options::default() }));
    let arn = create_role(&client, "caller", &service()).await?.first("Arn");
    let mut codes = Vec::new();
    for _ in 0..3 {
        codes.push(create_role(&client, "app", &trusting(&json!({"AWS": [arn, "222233334444"]}))).await?.error().1);
    }
    assert_eq!(codes, ["MalformedPolicyDocument", "MalformedPolicyDocument", ""]);
    Ok(())
}

#[tokio::test]
async fn the_policy_of_a_key_names_principals_that_exist() -> TestResult {
    let client = Client::new(&Emulator::new(Options { principal_lag_uses: 1, ..Options::default() }));
    let key = client.json("kms", "CreateKey", json!({})).await?.text("/KeyMetadata/KeyId");
    let arn = create_role(&client, "user", &service()).await?.first("Arn");
    let policy = json!({"Version": "2012-10-17", "Statement": [
        {"Effect": "Allow", "Principal": {"AWS": arn}, "Action": "kms:*", "Resource": "*"},
    ]});
    let put = json!({"KeyId": key, "PolicyName": "default", "Policy": policy.to_string()});
    let early = client.json("kms", "PutKeyPolicy", put.clone()).await?;
    assert_eq!(early.code.as_deref(), Some("MalformedPolicyDocumentException"));
    assert_eq!(client.json("kms", "PutKeyPolicy", put).await?.status, 200);
    Ok(())
}

#[tokio::test]
async fn reads_can_be_late() -> TestResult {
    let client = Client::new(&Emulator::new(Options { iam_lag_reads: 1, ..Options::default() }));
    create_role(&client, "app", &service()).await?;
    let read = || client.form("iam", "GetRole", &[("RoleName", "app")]);
    assert_eq!(read().await?.error(), (404, "NoSuchEntity".to_owned()));
    assert_eq!(read().await?.status, 200);
    client.form("iam", "UpdateRole", &[("RoleName", "app"), ("Description", "new")]).await?;
    assert_eq!(read().await?.first("Description"), "");
    assert_eq!(read().await?.first("Description"), "new");
    client.form("iam", "DeleteRole", &[("RoleName", "app")]).await?;
    assert_eq!(read().await?.status, 200);
    assert_eq!(read().await?.status, 404);
    Ok(())
}

#[tokio::test]
async fn a_role_is_deleted_when_nothing_hangs_on_it() -> TestResult {
    let client = Client::calm();
    create_role(&client, "app", &service()).await?;
    assert_eq!(create_role(&client, "APP", &service()).await?.error(), (409, "EntityAlreadyExists".to_owned()));
    let attach = [("RoleName", "app"), ("PolicyArn", "arn:aws:iam::aws:policy/AmazonBedrockFullAccess")];
    assert_eq!(client.form("iam", "AttachRolePolicy", &attach).await?.status, 200);
    assert_eq!(client.form("iam", "AttachRolePolicy", &attach).await?.status, 200, "it is attached already");
    let delete = || client.form("iam", "DeleteRole", &[("RoleName", "app")]);
    assert_eq!(delete().await?.error(), (409, "DeleteConflict".to_owned()));
    client.form("iam", "DetachRolePolicy", &attach).await?;
    assert_eq!(client.form("iam", "DetachRolePolicy", &attach).await?.error(), (404, "NoSuchEntity".to_owned()));
    client.form("iam", "PutRolePolicy", &[("RoleName", "app"), ("PolicyName", "p"), ("PolicyDocument", ALLOW)]).await?;
    assert_eq!(delete().await?.error().0, 409);
    client.form("iam", "DeleteRolePolicy", &[("RoleName", "app"), ("PolicyName", "p")]).await?;
    assert_eq!(delete().await?.status, 200);
    let none = [("RoleName", "app"), ("PolicyArn", "arn:aws:iam::aws:policy/None")];
    create_role(&client, "app", &service()).await?;
    assert_eq!(client.form("iam", "AttachRolePolicy", &none).await?.error(), (404, "NoSuchEntity".to_owned()));
    Ok(())
}

#[tokio::test]
async fn a_policy_has_five_versions_at_most() -> TestResult {
    let client = Client::calm();
    let made = client.form("iam", "CreatePolicy", &[("PolicyName", "p"), ("PolicyDocument", ALLOW)]).await?;
    let arn = made.first("Arn");
    let members = [("PolicyArn", arn.as_str()), ("PolicyDocument", ALLOW)];
    let version = || client.form("iam", "CreatePolicyVersion", &members);
    for number in 2..=5 {
        assert_eq!(version().await?.first("VersionId"), format!("v{number}"));
    }
    assert_eq!(version().await?.error(), (409, "LimitExceeded".to_owned()));
    let named = |id: &'static str| [("PolicyArn", arn.clone()), ("VersionId", id.to_owned())];
    let call = |operation: &'static str, id: &'static str| {
        let members = named(id);
        let client = client.clone();
        async move {
            let members: Vec<(&str, &str)> = members.iter().map(|(name, value)| (*name, value.as_str())).collect();
            client.form("iam", operation, &members).await
        }
    };
    assert_eq!(call("DeletePolicyVersion", "v1").await?.error().1, "DeleteConflict", "it is the default");
    call("SetDefaultPolicyVersion", "v3").await?;
    assert_eq!(call("DeletePolicyVersion", "v1").await?.status, 200);
    assert_eq!(version().await?.first("VersionId"), "v6", "numbers are not used again");
    let read = client.form("iam", "GetPolicy", &[("PolicyArn", &arn)]).await?;
    assert_eq!((read.first("DefaultVersionId"), read.first("AttachmentCount")), ("v3".to_owned(), "0".to_owned()));
    assert_eq!(client.form("iam", "DeletePolicy", &[("PolicyArn", &arn)]).await?.error().1, "DeleteConflict");
    Ok(())
}

#[tokio::test]
async fn lists_omit_what_the_service_omits() -> TestResult {
    let client = Client::calm();
    let boundary = "arn:aws:iam::aws:policy/PowerUserAccess";
    let document = service();
    let members = [
        ("RoleName", "app"),
        ("AssumeRolePolicyDocument", document.as_str()),
        ("PermissionsBoundary", boundary),
        ("Tags.member.1.Key", "a"),
        ("Tags.member.1.Value", "b"),
        ("MaxSessionDuration", "7200"),
        ("Description", "d"),
    ];
    client.form("iam", "CreateRole", &members).await?;
    let read = client.form("iam", "GetRole", &[("RoleName", "app")]).await?;
    assert_eq!((read.first("PermissionsBoundaryArn").as_str(), read.first("Value").as_str()), (boundary, "b"));
    let list = client.form("iam", "ListRoles", &[]).await?;
    assert!(!list.text.contains("PermissionsBoundary") && !list.text.contains("<Tags>"));
    assert!(list.text.contains("<MaxSessionDuration>7200"));
    let details = client.form("iam", "GetAccountAuthorizationDetails", &[("Filter.member.1", "Role")]).await?;
    assert!(details.text.contains(boundary) && !details.text.contains("MaxSessionDuration"));
    assert!(!details.text.contains("<Description>"));
    // Every row comes once, whatever its kind.
    let mut rows = 0;
    let mut marker = String::new();
    loop {
        let mut ask = vec![("MaxItems", "3")];
        if !marker.is_empty() {
            ask.push(("Marker", &marker));
        }
        let page = client.form("iam", "GetAccountAuthorizationDetails", &ask).await?;
        rows += page.all("RoleId").len() + page.all("PolicyId").len();
        if page.first("IsTruncated") != "true" {
            break;
        }
        marker = page.first("Marker");
    }
    assert_eq!(rows, 11);
    Ok(())
}

#[tokio::test]
async fn a_role_of_a_service_is_not_changed_and_quotas_are_kept() -> TestResult {
    let client = Client::calm();
    let made = client.form("iam", "CreateServiceLinkedRole", &[("AWSServiceName", "bedrock.amazonaws.com")]).await?;
    let name = made.first("RoleName");
    assert_eq!(name, "AWSServiceRoleForBedrock");
    let policy = [("RoleName", name.as_str()), ("PolicyName", "p"), ("PolicyDocument", ALLOW)];
    let refused = client.form("iam", "PutRolePolicy", &policy).await?;
    assert_eq!(refused.error(), (400, "UnmodifiableEntity".to_owned()));
    create_role(&client, "app", &service()).await?;
    let actions: Vec<String> = (0..700).map(|number| format!("s3:GetObject{number}")).collect();
    let large =
        json!({"Version": "2012-10-17", "Statement": [{"Effect": "Allow", "Action": actions, "Resource": "*"}]})
            .to_string();
    let policy = [("RoleName", "app"), ("PolicyName", "p"), ("PolicyDocument", large.as_str())];
    assert_eq!(client.form("iam", "PutRolePolicy", &policy).await?.error(), (409, "LimitExceeded".to_owned()));
    let managed = [("PolicyName", "p"), ("PolicyDocument", large.as_str())];
    assert_eq!(client.form("iam", "CreatePolicy", &managed).await?.error(), (409, "LimitExceeded".to_owned()));
    Ok(())
}

#[tokio::test]
async fn iam_is_one_per_account_and_its_events_are_in_its_region() -> TestResult {
    let client = Client::calm();
    create_role(&client.at("111122223333", "eu-west-1"), "app", &service()).await?;
    let elsewhere = client.at("111122223333", "ap-south-1");
    assert_eq!(elsewhere.form("iam", "GetRole", &[("RoleName", "app")]).await?.status, 200);
    let records = client.records("CreateRole").await?;
    assert_eq!(records[0]["requestParameters"]["roleName"], "app");
    assert_eq!(records[0]["requestParameters"]["assumeRolePolicyDocument"], json!(service()));
    assert_eq!(records[0]["responseElements"]["role"]["roleName"], "app");
    assert_eq!(elsewhere.records("CreateRole").await?.len(), 0);
    Ok(())
}

#[tokio::test]
async fn a_role_of_iam_can_be_assumed_until_it_is_deleted() -> TestResult {
    let mut account = AccountSeed::new("111122223333", "management");
    account.roles = vec!["seeded".to_owned()];
    let client = Client::new(&Emulator::new(Options { accounts: vec![account], ..Options::default() }));
    let assume = |role: &str| {
        let form = format!("Action=AssumeRole&RoleArn=arn:aws:iam::111122223333:role/{role}&RoleSessionName=run-1");
        let client = client.clone();
        async move { client.sts(&form).await }
    };
    assert_eq!(assume("app").await?.status, 403);
    create_role(&client, "app", &service()).await?;
    assert_eq!(assume("app").await?.status, 200);
    assert_eq!(assume("seeded").await?.status, 200);
    client.form("iam", "DeleteRole", &[("RoleName", "app")]).await?;
    assert_eq!(assume("app").await?.status, 403);
    Ok(())
}

#[tokio::test]
async fn a_script_makes_roles_and_bedrock_sees_them() -> TestResult {
    let emulator = Emulator::scenario("in-sync", Options::default())?;
    emulator.run(&Script::parse(
        "regions: [us-east-1]
steps:
  - &step
    as: arn:aws:sts::${account}:assumed-role/Developer/mallory
    accounts: [prod]
    regions: [us-east-1]
    service: iam
    operation: CreateRole
    body: {RoleName: other, AssumeRolePolicyDocument: '{\"Version\": \"2012-10-17\", \"Statement\": [{\"Effect\": \"Allow\", \"Principal\": {\"Service\": \"bedrock.amazonaws.com\"}, \"Action\": \"sts:AssumeRole\"}]}', Tags: [{Key: a, Value: b}]}
  - <<: *step
    operation: PutRolePolicy
    body: {RoleName: other, PolicyName: write, PolicyDocument: '{\"Version\": \"2012-10-17\", \"Statement\": [{\"Effect\": \"Allow\", \"Action\": [\"logs:CreateLogStream\", \"logs:PutLogEvents\"], \"Resource\": \"*\"}]}'}
  - <<: *step
    service: bedrock
    operation: PutModelInvocationLoggingConfiguration
    body: {loggingConfig: {cloudWatchConfig: {logGroupName: /aws/bedrock/model-invocations, roleArn: 'arn:aws:iam::${account}:role/other'}}}
  - {<<: *step, operation: DeleteRolePolicy, body: {RoleName: other, PolicyName: write}}
  - {<<: *step, operation: DeleteRole, body: {RoleName: other}}
  - <<: *step
    service: bedrock
    operation: PutModelInvocationLoggingConfiguration
    body: {loggingConfig: {cloudWatchConfig: {logGroupName: /aws/bedrock/model-invocations, roleArn: 'arn:aws:iam::${account}:role/other'}}}
    error: ValidationException
",
    )?)?;
    Ok(())
}
