//! Organizations: the tree, pages, policies, and what cannot be undone.

use std::collections::BTreeSet;
use std::time::{Duration, Instant};

use reconciler_emulator::{AccountSeed, Dropped, Effect, Emulator, Fault, Match, Options, OrganizationSeed};
use serde_json::{Value, json};

use crate::clients::{Client, Reply, TestResult};

const MANAGEMENT: &str = "111122223333";
const PROD: &str = "222233334444";
const STAGING: &str = "333344445555";
const SCP: &str = "SERVICE_CONTROL_POLICY";

fn account(id: &str, name: &str, ou: &str) -> AccountSeed {
    AccountSeed { ou: ou.to_owned(), ..AccountSeed::new(id, name) }
}

/// Three accounts in two units, without chance.
fn world(organization: OrganizationSeed, options: Options) -> Client {
    let accounts = vec![
        account(MANAGEMENT, "management", ""),
        account(PROD, "prod", "Workloads/Production"),
        account(STAGING, "staging", "Workloads/Staging"),
    ];
    let organization = Some(organization);
    Client::new(&Emulator::new(Options { accounts, organization, empty_page_probability: 0.0, ..options }))
}

fn calm() -> Client {
    world(OrganizationSeed::default(), Options { settle_reads: 0, ..Options::default() })
}

async fn call(client: &Client, operation: &str, body: Value) -> Result<Reply, Dropped> {
    client.json("organizations", operation, body).await
}

async fn code(client: &Client, operation: &str, body: Value) -> Result<String, Dropped> {
    Ok(call(client, operation, body).await?.code.unwrap_or_default())
}

async fn root(client: &Client) -> Result<String, Dropped> {
    Ok(call(client, "ListRoots", json!({})).await?.text("/Roots/0/Id"))
}

/// The id of the unit at a path.
async fn unit(client: &Client, path: &str) -> Result<String, Dropped> {
    let mut at = root(client).await?;
    for name in path.split('/') {
        let units = call(client, "ListOrganizationalUnitsForParent", json!({"ParentId": at})).await?.body;
        let found = units["OrganizationalUnits"].as_array().into_iter().flatten().find(|unit| unit["Name"] == name);
        at = found.and_then(|unit| unit["Id"].as_str()).unwrap_or_default().to_owned();
    }
    Ok(at)
}

fn scp(name: &str) -> Value {
    let content =
        json!({"Version": "2012-10-17", "Statement": [{"Effect": "Deny", "Action": "bedrock:*", "Resource": "*"}]});
    json!({"Type": SCP, "Name": name, "Description": "", "Content": content.to_string()})
}

async fn create(client: &Client, name: &str) -> Result<String, Dropped> {
    Ok(call(client, "CreatePolicy", scp(name)).await?.text("/Policy/PolicySummary/Id"))
}

fn pair(policy: &str, target: &str) -> Value {
    json!({"PolicyId": policy, "TargetId": target})
}

async fn attached(client: &Client, target: &str) -> Result<BTreeSet<String>, Dropped> {
    let list = call(client, "ListPoliciesForTarget", json!({"TargetId": target, "Filter": SCP})).await?.body;
    let policies = list["Policies"].as_array().into_iter().flatten();
    Ok(policies.filter_map(|policy| policy["Name"].as_str()).map(str::to_owned).collect())
}

#[tokio::test]
async fn the_tree_is_what_the_accounts_say() -> TestResult {
    let client = calm();
    let production = unit(&client, "Workloads/Production").await?;
    let accounts = call(&client, "ListAccountsForParent", json!({"ParentId": production})).await?.body;
    assert_eq!(accounts["Accounts"][0]["Id"], PROD);
    assert_eq!(accounts["Accounts"][0]["State"], "ACTIVE");
    assert_eq!(accounts["Accounts"][0]["Status"], "ACTIVE");
    let parents = call(&client, "ListParents", json!({"ChildId": PROD})).await?.body;
    assert_eq!(parents["Parents"], json!([{"Id": production, "Type": "ORGANIZATIONAL_UNIT"}]));
    let children = json!({"ParentId": root(&client).await?, "ChildType": "ACCOUNT"});
    assert_eq!(call(&client, "ListChildren", children).await?.body["Children"][0]["Id"], MANAGEMENT);
    let organization = call(&client, "DescribeOrganization", json!({})).await?.body["Organization"].clone();
    let path = format!("{}/{}/", organization["Id"].as_str().unwrap_or_default(), root(&client).await?);
    let described = call(&client, "DescribeAccount", json!({"AccountId": PROD})).await?;
    assert!(described.text("/Account/Paths/0").starts_with(&path));
    assert!(described.text("/Account/Paths/0").ends_with(&format!("/{production}/{PROD}/")));
    assert_eq!(
        code(&client, "DescribeAccount", json!({"AccountId": "999999999999"})).await?,
        "AccountNotFoundException"
    );
    Ok(())
}

#[tokio::test]
async fn a_unit_that_is_renamed_keeps_its_id_and_what_is_in_it() -> TestResult {
    let client = calm();
    let (production, staging) =
        (unit(&client, "Workloads/Production").await?, unit(&client, "Workloads/Staging").await?);
    let named = |id: &str, name: &str| json!({"OrganizationalUnitId": id, "Name": name});
    let rename = "UpdateOrganizationalUnit";
    assert_eq!(code(&client, rename, named("ou-none-12345678", "A")).await?, "OrganizationalUnitNotFoundException");
    assert_eq!(code(&client, rename, named(&production, "Staging")).await?, "DuplicateOrganizationalUnitException");
    for (id, name) in [(&production, "Old"), (&staging, "Production"), (&production, "Staging")] {
        let answer = call(&client, rename, named(id, name)).await?.body;
        assert_eq!(answer["OrganizationalUnit"]["Name"], name);
    }
    assert_eq!(unit(&client, "Workloads/Staging").await?, production);
    let accounts = call(&client, "ListChildren", json!({"ParentId": production, "ChildType": "ACCOUNT"})).await?.body;
    assert_eq!(accounts["Children"], json!([{"Id": PROD, "Type": "ACCOUNT"}]));
    Ok(())
}

#[tokio::test]
async fn an_account_that_moves_leaves_what_its_unit_inherits() -> TestResult {
    let client = calm();
    let (production, root) = (unit(&client, "Workloads/Production").await?, root(&client).await?);
    let go = |from: &str, to: &str| json!({"AccountId": PROD, "SourceParentId": from, "DestinationParentId": to});
    assert_eq!(code(&client, "MoveAccount", go(&root, &production)).await?, "SourceParentNotFoundException");
    assert_eq!(
        code(&client, "MoveAccount", go(&production, "ou-none-12345678")).await?,
        "DestinationParentNotFoundException"
    );
    assert_eq!(code(&client, "MoveAccount", go(&production, &production)).await?, "DuplicateAccountException");
    assert_eq!(call(&client, "MoveAccount", go(&production, &root)).await?.status, 200);
    let parents = call(&client, "ListParents", json!({"ChildId": PROD})).await?.body;
    assert_eq!(parents["Parents"], json!([{"Id": root, "Type": "ROOT"}]));
    Ok(())
}

#[tokio::test]
async fn the_region_of_a_request_means_nothing() -> TestResult {
    let client = calm();
    let abroad = client.at(MANAGEMENT, "eu-west-1");
    let policy = create(&abroad, "guard").await?;
    assert_eq!(call(&client, "DescribePolicy", json!({"PolicyId": policy})).await?.status, 200);
    let ask = json!({"LookupAttributes": [{"AttributeKey": "EventName", "AttributeValue": "CreatePolicy"}]});
    let home = client.json("cloudtrail", "LookupEvents", ask.clone()).await?;
    let record: Value = serde_json::from_str(&home.text("/Events/0/CloudTrailEvent"))?;
    assert_eq!(record["awsRegion"], "us-east-1");
    assert_eq!(record["eventSource"], "organizations.amazonaws.com");
    assert_eq!(record["requestParameters"]["name"], "guard");
    assert_eq!(record["responseElements"]["policy"]["policySummary"]["id"], policy);
    assert_eq!(abroad.json("cloudtrail", "LookupEvents", ask).await?.body["Events"], json!([]));
    Ok(())
}

#[tokio::test]
async fn a_member_reads_little_and_writes_nothing() -> TestResult {
    let delegates = vec!["staging".to_owned()];
    let client = world(OrganizationSeed { delegates, ..OrganizationSeed::default() }, Options::default());
    let (member, delegate) = (client.at(PROD, "us-east-1"), client.at(STAGING, "us-east-1"));
    assert_eq!(call(&member, "DescribeOrganization", json!({})).await?.status, 200);
    for (operation, body) in [
        ("ListRoots", json!({})),
        ("ListAccounts", json!({})),
        ("CreatePolicy", scp("a")),
        ("DescribeEffectivePolicy", json!({"PolicyType": "BEDROCK_POLICY", "TargetId": STAGING})),
    ] {
        assert_eq!(code(&member, operation, body).await?, "AccessDeniedException", "{operation}");
    }
    let policy = create(&delegate, "guard").await?;
    assert_eq!(call(&delegate, "AttachPolicy", pair(&policy, PROD)).await?.status, 200);
    let disable = json!({"RootId": root(&delegate).await?, "PolicyType": SCP});
    assert_eq!(code(&delegate, "DisablePolicyType", disable).await?, "AccessDeniedException");
    let delegation = call(&client, "DescribeResourcePolicy", json!({})).await?;
    assert!(delegation.text("/ResourcePolicy/Content").contains(STAGING));
    assert_eq!(code(&calm(), "DescribeResourcePolicy", json!({})).await?, "ResourcePolicyNotFoundException");
    Ok(())
}

#[tokio::test]
async fn a_policy_is_patched_and_its_text_is_kept_to_the_letter() -> TestResult {
    let client = calm();
    let policy = create(&client, "guard").await?;
    let content = "{ \"Version\": \"2012-10-17\",\n  \"Statement\": {\"Effect\": \"Deny\", \"Action\": \"s3:*\", \"Resource\": \"*\"} }";
    call(&client, "UpdatePolicy", json!({"PolicyId": policy, "Content": content})).await?;
    let read = call(&client, "DescribePolicy", json!({"PolicyId": policy})).await?;
    assert_eq!(read.text("/Policy/Content"), content);
    assert_eq!(read.text("/Policy/PolicySummary/Name"), "guard");
    Ok(())
}

#[tokio::test]
async fn policies_that_are_refused() -> TestResult {
    let client = calm();
    let policy = create(&client, "guard").await?;
    let other = create(&client, "other").await?;
    assert_eq!(code(&client, "CreatePolicy", scp("guard")).await?, "DuplicatePolicyException");
    assert_eq!(
        code(&client, "UpdatePolicy", json!({"PolicyId": other, "Name": "guard"})).await?,
        "DuplicatePolicyException"
    );
    let with = |content: &str| json!({"Type": SCP, "Name": "c", "Description": "", "Content": content});
    let principal = r#"{"Statement": [{"Effect": "Deny", "Principal": "*", "Action": "*", "Resource": "*"}]}"#;
    for content in ["{", "[]", "{}", "{\"Statement\": []}", principal] {
        assert_eq!(
            code(&client, "CreatePolicy", with(content)).await?,
            "MalformedPolicyDocumentException",
            "{content}"
        );
    }
    let padded = |length: usize| {
        let text = scp("a")["Content"].as_str().unwrap_or_default().to_owned();
        let spaces = " ".repeat(length - text.len());
        text + &spaces
    };
    let reply = call(&client, "CreatePolicy", with(&padded(5121))).await?;
    assert_eq!(reply.code.as_deref(), Some("ConstraintViolationException"));
    assert_eq!(reply.text("/Reason"), "POLICY_CONTENT_LIMIT_EXCEEDED");
    assert_eq!(call(&client, "CreatePolicy", with(&padded(5120))).await?.status, 200);
    let larger =
        world(OrganizationSeed { policy_content_max: 10_240, ..OrganizationSeed::default() }, Options::default());
    assert_eq!(call(&larger, "CreatePolicy", with(&padded(10_240))).await?.status, 200);
    let managed = call(&client, "UpdatePolicy", json!({"PolicyId": "p-FullAWSAccess", "Description": "mine"})).await?;
    assert_eq!(
        (managed.code.as_deref(), managed.text("/Reason")),
        (Some("InvalidInputException"), "IMMUTABLE_POLICY".to_owned())
    );
    let unknown = json!({"PolicyId": "p-unknown000"});
    assert_eq!(code(&client, "DescribePolicy", unknown.clone()).await?, "PolicyNotFoundException");
    assert_eq!(code(&client, "DeletePolicy", unknown).await?, "PolicyNotFoundException");
    call(&client, "AttachPolicy", pair(&policy, PROD)).await?;
    assert_eq!(code(&client, "DeletePolicy", json!({"PolicyId": policy})).await?, "PolicyInUseException");
    assert_eq!(call(&client, "DeletePolicy", json!({"PolicyId": other})).await?.status, 200);
    Ok(())
}

#[tokio::test]
async fn the_last_policy_stays_and_a_sixth_does_not_fit() -> TestResult {
    let client = calm();
    assert_eq!(attached(&client, PROD).await?, BTreeSet::from(["FullAWSAccess".to_owned()]));
    let last = call(&client, "DetachPolicy", pair("p-FullAWSAccess", PROD)).await?;
    assert_eq!(last.code.as_deref(), Some("ConstraintViolationException"));
    assert_eq!(last.text("/Reason"), "MIN_POLICY_TYPE_ATTACHMENT_LIMIT_EXCEEDED");
    let mut policies = Vec::new();
    for number in 0..5 {
        policies.push(create(&client, &format!("guard-{number}")).await?);
    }
    for (number, policy) in policies.iter().enumerate() {
        let reply = call(&client, "AttachPolicy", pair(policy, PROD)).await?;
        let reason = if number < 4 { "" } else { "MAX_POLICY_TYPE_ATTACHMENT_LIMIT_EXCEEDED" };
        assert_eq!(reply.text("/Reason"), reason);
    }
    let first = policies.first().ok_or("no policy")?;
    assert_eq!(code(&client, "AttachPolicy", pair(first, PROD)).await?, "DuplicatePolicyAttachmentException");
    assert_eq!(code(&client, "AttachPolicy", pair(first, "444455556666")).await?, "TargetNotFoundException");
    assert_eq!(code(&client, "DetachPolicy", pair(first, STAGING)).await?, "PolicyNotAttachedException");
    // FullAWSAccess can go, as long as another one stays.
    assert_eq!(call(&client, "DetachPolicy", pair("p-FullAWSAccess", PROD)).await?.status, 200);
    let targets = call(&client, "ListTargetsForPolicy", json!({"PolicyId": first})).await?.body;
    assert_eq!(targets["Targets"][0]["TargetId"], PROD);
    assert_eq!(targets["Targets"][0]["Type"], "ACCOUNT");
    let roomy = world(OrganizationSeed { policies_per_target: 10, ..OrganizationSeed::default() }, Options::default());
    for number in 0..9 {
        let policy = create(&roomy, &format!("guard-{number}")).await?;
        assert_eq!(call(&roomy, "AttachPolicy", pair(&policy, PROD)).await?.status, 200);
    }
    Ok(())
}

#[tokio::test]
async fn disabling_a_type_loses_every_attachment_for_good() -> TestResult {
    let client = world(OrganizationSeed::default(), Options { settle_reads: 2, ..Options::default() });
    let policy = create(&client, "guard").await?;
    call(&client, "AttachPolicy", pair(&policy, PROD)).await?;
    let scps = json!({"RootId": root(&client).await?, "PolicyType": SCP});
    assert_eq!(code(&client, "EnablePolicyType", scps.clone()).await?, "PolicyTypeAlreadyEnabledException");
    let disabled = call(&client, "DisablePolicyType", scps.clone()).await?;
    assert_eq!(disabled.text("/Root/PolicyTypes/0/Status"), "PENDING_DISABLE");
    assert_eq!(attached(&client, PROD).await?, BTreeSet::new());
    let types = || async {
        Ok::<_, Dropped>(call(&client, "ListRoots", json!({})).await?.body["Roots"][0]["PolicyTypes"].clone())
    };
    for _ in 0..2 {
        assert_eq!(types().await?[0]["Status"], "PENDING_DISABLE");
    }
    assert_eq!(types().await?, json!([]));
    assert_eq!(code(&client, "AttachPolicy", pair(&policy, PROD)).await?, "PolicyTypeNotEnabledException");
    call(&client, "EnablePolicyType", scps).await?;
    assert_eq!(code(&client, "AttachPolicy", pair(&policy, PROD)).await?, "PolicyChangesInProgressException");
    for status in ["PENDING_ENABLE", "PENDING_ENABLE", "ENABLED"] {
        assert_eq!(types().await?[0]["Status"], status);
    }
    assert_eq!(attached(&client, PROD).await?, BTreeSet::from(["FullAWSAccess".to_owned()]));
    assert_eq!(call(&client, "AttachPolicy", pair(&policy, PROD)).await?.status, 200);
    Ok(())
}

#[tokio::test]
async fn effective_policies_are_merged_from_the_root_down() -> TestResult {
    let types = vec![SCP.to_owned(), "BEDROCK_POLICY".to_owned()];
    let client = world(OrganizationSeed { policy_types: types, ..OrganizationSeed::default() }, Options::default());
    let policy = |name: &str, version: u32| {
        let arn = format!("arn:aws:bedrock:us-east-1:{MANAGEMENT}:guardrail/abc:{version}");
        let content = json!({"bedrock": {"guardrail_inference": {"us-east-1": {"config_1": {
            "identifier": {"@@assign": arn},
            "model_enforcement": {"included_models": {"@@append": [name]}}}}}}});
        json!({"Type": "BEDROCK_POLICY", "Name": name, "Description": "", "Content": content.to_string()})
    };
    for (name, version, target) in [("all", 1, root(&client).await?), ("prod", 2, PROD.to_owned())] {
        let id = call(&client, "CreatePolicy", policy(name, version)).await?.text("/Policy/PolicySummary/Id");
        assert_eq!(call(&client, "AttachPolicy", pair(&id, &target)).await?.status, 200);
    }
    let ask = json!({"PolicyType": "BEDROCK_POLICY"});
    for (account, version, models) in [(PROD, 2, json!(["all", "prod"])), (STAGING, 1, json!(["all"]))] {
        let read = call(&client.at(account, "eu-west-1"), "DescribeEffectivePolicy", ask.clone()).await?;
        let content: Value = serde_json::from_str(&read.text("/EffectivePolicy/PolicyContent"))?;
        let config = &content["bedrock"]["guardrail_inference"]["us-east-1"]["config_1"];
        assert_eq!(config["identifier"], format!("arn:aws:bedrock:us-east-1:{MANAGEMENT}:guardrail/abc:{version}"));
        assert_eq!(config["model_enforcement"]["included_models"], models);
        assert_eq!(read.text("/EffectivePolicy/TargetId"), account);
    }
    let none = json!({"PolicyType": "TAG_POLICY"});
    assert_eq!(code(&client, "DescribeEffectivePolicy", none).await?, "EffectivePolicyNotFoundException");
    let scps = json!({"PolicyType": SCP});
    assert_eq!(code(&client, "DescribeEffectivePolicy", scps).await?, "InvalidInputException");
    Ok(())
}

#[tokio::test]
async fn tags_are_of_anything_in_the_organization() -> TestResult {
    let client = calm();
    let policy = create(&client, "guard").await?;
    for id in [policy.as_str(), PROD, &root(&client).await?] {
        call(
            &client,
            "TagResource",
            json!({"ResourceId": id, "Tags": [{"Key": "a", "Value": "b"}, {"Key": "c", "Value": ""}]}),
        )
        .await?;
        call(&client, "UntagResource", json!({"ResourceId": id, "TagKeys": ["a"]})).await?;
        let tags = call(&client, "ListTagsForResource", json!({"ResourceId": id})).await?.body;
        assert_eq!(tags["Tags"], json!([{"Key": "c", "Value": ""}]));
    }
    assert_eq!(
        code(&client, "ListTagsForResource", json!({"ResourceId": "p-none000000"})).await?,
        "TargetNotFoundException"
    );
    Ok(())
}

/// A thousand accounts, pages that are empty in the middle, and every account exactly once.
#[tokio::test]
async fn many_accounts_are_cheap_and_pages_can_be_empty() -> TestResult {
    let accounts =
        (0..1000).map(|number| account(&format!("9{number:011}"), &format!("a{number}"), &format!("U{}", number % 30)));
    let started = Instant::now();
    let accounts = accounts.collect();
    let client = Client::new(&Emulator::new(Options { accounts, empty_page_probability: 0.3, ..Options::default() }))
        .at("900000000000", "us-east-1");
    let mut seen = Vec::new();
    let mut tokens = BTreeSet::new();
    let (mut empty, mut ask) = (0, json!({}));
    loop {
        let page = call(&client, "ListAccounts", ask.clone()).await?.body;
        let rows = page["Accounts"].as_array().ok_or("no accounts")?;
        assert!(rows.len() <= 20);
        empty += u32::from(rows.is_empty());
        seen.extend(rows.iter().filter_map(|row| row["Id"].as_str()).map(str::to_owned));
        let Some(token) = page["NextToken"].as_str() else { break };
        assert!(tokens.insert(token.to_owned()), "a token came twice");
        ask = json!({"NextToken": token});
    }
    assert!(empty > 0);
    assert!(!seen.is_sorted(), "the order means nothing");
    assert_eq!(seen.len(), 1000);
    assert_eq!(seen.iter().collect::<BTreeSet<_>>().len(), 1000);
    assert!(started.elapsed() < Duration::from_secs(10), "{:?}", started.elapsed());
    for limit in [0, 21] {
        assert_eq!(code(&client, "ListAccounts", json!({"MaxResults": limit})).await?, "InvalidInputException");
    }
    assert_eq!(code(&client, "ListAccounts", json!({"NextToken": "none"})).await?, "InvalidInputException");
    Ok(())
}

#[tokio::test(start_paused = true)]
async fn the_published_rates_are_kept() -> TestResult {
    let client = world(OrganizationSeed::default(), Options { throttles: true, ..Options::default() });
    for wanted in ["", "", "TooManyRequestsException"] {
        assert_eq!(code(&client, "DescribePolicy", json!({"PolicyId": "p-FullAWSAccess"})).await?, wanted);
    }
    for wanted in ["", "", "", "TooManyRequestsException"] {
        let name = format!("guard-{}", client.emulator.calls().len());
        assert_eq!(code(&client, "CreatePolicy", scp(&name)).await?, wanted);
    }
    // The rates are those of one account.
    let member = client.at(PROD, "us-east-1");
    for wanted in ["", "", "TooManyRequestsException"] {
        assert_eq!(code(&member, "DescribeOrganization", json!({})).await?, wanted);
    }
    assert_eq!(code(&client, "DescribeOrganization", json!({})).await?, "");
    Ok(())
}

/// Stale reads and writes that do nothing work here as they do everywhere.
#[tokio::test]
async fn faults_reach_the_organization_from_any_region() -> TestResult {
    let client = calm().at(MANAGEMENT, "eu-west-1");
    let organizations = || Match { service: Some("organizations".to_owned()), ..Match::default() };
    client.emulator.inject(vec![Fault::always(organizations(), Effect::Stale { reads: 1 })]);
    let policy = create(&client, "guard").await?;
    let ask = json!({"PolicyId": policy});
    assert_eq!(code(&client, "DescribePolicy", ask.clone()).await?, "PolicyNotFoundException");
    assert_eq!(call(&client, "DescribePolicy", ask.clone()).await?.status, 200);
    client.emulator.clear_faults();
    client.emulator.inject(vec![Fault::once(organizations(), Effect::NoOp)]);
    assert_eq!(call(&client, "DeletePolicy", ask.clone()).await?.status, 200);
    assert_eq!(call(&client, "DescribePolicy", ask).await?.status, 200);
    Ok(())
}

/// What the controls of the organization look at: the trail's selectors and logging, the policy and its targets.
async fn picture(
    client: &Client,
) -> Result<(BTreeSet<String>, bool, Value, BTreeSet<String>), Box<dyn std::error::Error>> {
    let trail = json!({"TrailName": "org-bedrock-trail"});
    let selectors = client.json("cloudtrail", "GetEventSelectors", trail).await?.body;
    let selectors = selectors["AdvancedEventSelectors"].as_array().into_iter().flatten();
    let selectors = selectors.filter_map(|selector| selector["Name"].as_str()).map(str::to_owned).collect();
    let status = client.json("cloudtrail", "GetTrailStatus", json!({"Name": "org-bedrock-trail"})).await?;
    let policies = call(client, "ListPolicies", json!({"Filter": SCP})).await?.body;
    let policies = policies["Policies"].as_array().into_iter().flatten();
    let policy = policies.filter(|policy| policy["AwsManaged"] == false).find_map(|policy| policy["Id"].as_str());
    let policy = json!({"PolicyId": policy});
    let content = call(client, "DescribePolicy", policy.clone()).await?.text("/Policy/Content");
    let targets = call(client, "ListTargetsForPolicy", policy).await?.body;
    let targets = targets["Targets"].as_array().into_iter().flatten();
    let targets = targets.filter_map(|target| target["Name"].as_str()).map(str::to_owned).collect();
    Ok((selectors, status.body["IsLogging"] == true, serde_json::from_str(&content)?, targets))
}

fn statements(policy: &Value) -> Vec<&str> {
    policy["Statement"].as_array().into_iter().flatten().filter_map(|statement| statement["Sid"].as_str()).collect()
}

#[tokio::test]
async fn the_scenarios_of_the_organization_break_what_they_say() -> TestResult {
    let build = |name: &str| {
        let options = Options { empty_page_probability: 0.0, ..Options::default() };
        Emulator::scenario(name, options).map(|emulator| Client::new(&emulator))
    };
    let client = build("in-sync")?;
    let (selectors, logging, policy, targets) = picture(&client).await?;
    assert_eq!((selectors.len(), logging), (7, true));
    assert_eq!(statements(&policy), ["RequireGuardrail", "TagGuardrails", "NoGlobalProfiles", "NoMantle"]);
    assert_eq!(targets, BTreeSet::from(["Workloads".to_owned()]));
    assert!(unit(&client, "Workloads/Staging").await?.starts_with("ou-"));
    let trail = client.json("cloudtrail", "GetTrail", json!({"Name": "org-bedrock-trail"})).await?;
    let key = client.json("kms", "DescribeKey", json!({"KeyId": "alias/bedrock-trail"})).await?;
    assert_eq!(trail.text("/Trail/KmsKeyId"), key.text("/KeyMetadata/Arn"));

    let attacked = build("aws-genai-05")?;
    let (left, logs, same, _) = picture(&attacked).await?;
    assert_eq!(selectors.difference(&left).collect::<Vec<_>>(), ["bedrock AWS::Bedrock::AgentAlias"]);
    assert!(!logs);
    assert_eq!(statements(&same), statements(&policy));
    let who = json!({"LookupAttributes": [{"AttributeKey": "Username", "AttributeValue": "mallory"}]});
    let events = attacked.json("cloudtrail", "LookupEvents", who).await?;
    let emptied: Value = serde_json::from_str(&events.text("/Events/2/CloudTrailEvent"))?;
    assert_eq!(emptied["requestParameters"]["advancedEventSelectors"], json!([]));

    let (same, logs, weak, targets) = picture(&build("aws-genai-09")?).await?;
    assert_eq!((same, logs), (selectors, true));
    assert_eq!(statements(&weak), ["TagGuardrails", "NoGlobalProfiles", "NoMantle"]);
    assert!(targets.is_empty());
    Ok(())
}
