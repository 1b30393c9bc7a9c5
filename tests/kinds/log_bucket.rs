//! Buckets of logs: what opens one or shortens what it keeps is put back, what AWS services and others put there stays, and no
//! bucket is created or touched that may be somebody else's.

use proptest::prelude::*;
use proptest::sample::{select, subsequence};
use reconciler_emulator::{Accounts, Effect};
use reconciler_model::codes;
use reconciler_model::direction::Direction;
use reconciler_model::drift::Change;
use reconciler_tests::declarations::wrong_with;
use reconciler_tests::generate::{self, Generator};
use reconciler_tests::world::{World, field, notes, on, paths, refusals, step, times, told};
use serde_json::{Value, json};

const BUCKET: &str = "bedrock-logs-111122223333-eu-west-1";
/// As it is declared: one declaration for every account and region.
const NAME: &str = "bedrock-logs-${account.id}-${region}";

/// Where the default encryption is.
const DEFAULT: &str = "serverSideEncryptionConfiguration.rules.0.applyServerSideEncryptionByDefault";

fn transport() -> Value {
    json!({"Sid": "Transport", "Effect": "Deny", "Principal": "*", "Action": "s3:*",
        "Resource": ["arn:aws:s3:::bedrock-logs-${account.id}-${region}", "arn:aws:s3:::bedrock-logs-${account.id}-${region}/*"],
        "Condition": {"Bool": {"aws:SecureTransport": "false"}}})
}

fn of_cloudtrail() -> Value {
    json!({"Sid": "AWSCloudTrailWrite20150319", "Effect": "Allow", "Principal": {"Service": "cloudtrail.amazonaws.com"},
        "Action": "s3:PutObject", "Resource": "arn:aws:s3:::bedrock-logs-${account.id}-${region}/AWSLogs/${account.id}/*",
        "Condition": {"StringEquals": {"s3:x-amz-acl": "bucket-owner-full-control"}}})
}

/// What Bedrock adds by itself.
fn of_bedrock(account: &str) -> Value {
    json!({"Sid": "AmazonBedrockLogsWrite", "Effect": "Allow", "Principal": {"Service": "bedrock.amazonaws.com"},
        "Action": "s3:PutObject",
        "Resource": format!("arn:aws:s3:::{BUCKET}/AWSLogs/{account}/BedrockModelInvocationLogs/*"),
        "Condition": {"StringEquals": {"aws:SourceAccount": account},
            "ArnLike": {"aws:SourceArn": format!("arn:aws:bedrock:eu-west-1:{account}:*")}}})
}

fn policy(statements: &[Value]) -> Value {
    json!({"Version": "2012-10-17", "Statement": statements})
}

/// A document as it is written in the small world.
fn written(document: &Value) -> String {
    document.to_string().replace("${account.id}", "111122223333").replace("${region}", "eu-west-1")
}

fn spec() -> Value {
    json!({
        "publicAccessBlockConfiguration":
            {"blockPublicAcls": true, "ignorePublicAcls": true, "blockPublicPolicy": true, "restrictPublicBuckets": true},
        "serverSideEncryptionConfiguration": {"rules": [{"applyServerSideEncryptionByDefault":
            {"sseAlgorithm": "aws:kms", "kmsMasterKeyID": "${kms:alias/bedrock-logs}"}, "bucketKeyEnabled": true}]},
        "ownershipControls": {"rules": [{"objectOwnership": "BucketOwnerEnforced"}]},
        "policy": policy(&[transport(), of_cloudtrail()]),
        "lifecycleConfiguration": {"rules": [
            {"id": "keep", "status": "Enabled", "expiration": {"days": 400}, "transitions": [{"days": 90, "storageClass": "GLACIER"}]},
            {"id": "parts", "status": "Enabled", "filter": {"prefix": "AWSLogs/"}, "abortIncompleteMultipartUpload": {"daysAfterInitiation": 7}}]},
        "versioningConfiguration": {"status": "Enabled"},
        "tags": [{"key": "owner", "value": "security"}],
    })
}

fn declared(spec: &Value) -> String {
    json!({"kind": "log-bucket", "name": NAME, "spec": spec}).to_string()
}

fn with(mut spec: Value, member: &str, value: Value) -> Value {
    spec[member] = value;
    spec
}

/// A world with the bucket as it is declared.
async fn built(spec: &Value) -> World {
    let world = World::small("empty", &declared(&with(spec.clone(), "createWhenMissing", json!(true)))).await;
    world.restore().await;
    world.plan_again_nothing().await;
    world.emulator.clear_calls();
    world
}

fn attack(world: &World, operation: &str, mut body: Value) {
    body["Bucket"] = json!(BUCKET);
    world.attack("s3", operation, body);
    world.emulator.clear_calls();
}

fn put_policy(world: &World, statements: &[Value]) {
    attack(world, "PutBucketPolicy", json!({"Policy": written(&policy(statements))}));
}

fn writes(world: &World) -> Vec<String> {
    world.written().into_iter().filter(|one| one != "AssumeRole").collect()
}

/// A missing bucket is reported and refused, because its name may be somebody else's by now; with `createWhenMissing` it is created,
/// closed first, and then given everything that is declared.
#[tokio::test]
async fn h19_no_bucket_is_created_unless_the_declaration_asks_for_it() {
    let world = World::small("empty", &declared(&spec())).await;
    let planned = world.plan().await;
    assert_eq!(planned.plan.drift[0].change, Change::Missing);
    assert_eq!(planned.plan.drift[0].address.name, BUCKET);
    assert_eq!(refusals(&planned.plan), [codes::NOT_CREATED]);
    assert!(planned.plan.steps.is_empty() && writes(&world).is_empty());

    let world = world.declaring(&declared(&with(spec(), "createWhenMissing", json!(true)))).await;
    world.emulator.clear_calls();
    let plan = world.restore().await;
    let planned_creation = plan.steps.iter().find(|step| step.action == "create").expect("a creation");
    assert_eq!(
        writes(&world),
        [
            "CreateBucket",
            "PutPublicAccessBlock",
            "PutBucketOwnershipControls",
            "PutBucketEncryption",
            "PutBucketPolicy",
            "PutBucketLifecycleConfiguration",
            "PutBucketVersioning",
            "PutBucketTagging"
        ]
    );
    world.plan_again_nothing().await;
    // Its region is in the plan, as it is sent.
    let (planned, sent) = (&planned_creation.call.request, world.body_of("CreateBucket"));
    assert_eq!(planned, &sent);
    assert_eq!(sent["CreateBucketConfiguration"]["LocationConstraint"], "eu-west-1");
    // Created once, the permission to create changes nothing.
    let world = world.declaring(&declared(&spec())).await;
    world.plan_again_nothing().await;
}

/// What is done to a bucket, one after the other: each shows with its direction, and is put back by one call.
#[tokio::test]
async fn every_attack_on_a_bucket_is_undone() {
    use Direction::{Neutral, Unknown, Weakened};
    let world = built(&spec()).await;
    let block = json!({"BlockPublicAcls": true, "IgnorePublicAcls": true, "BlockPublicPolicy": true, "RestrictPublicBuckets": false});
    let rule = |days: u32| {
        json!({"Rules": [{"ID": "keep", "Status": "Enabled", "Filter": {}, "Expiration": {"Days": days},
            "Transitions": [{"Days": 90, "StorageClass": "GLACIER"}]},
            {"ID": "parts", "Status": "Enabled", "Filter": {"Prefix": "AWSLogs/"}, "AbortIncompleteMultipartUpload": {"DaysAfterInitiation": 7}}]})
    };
    let mut purge = rule(400);
    purge["Rules"].as_array_mut().expect("rules").push(json!(
        {"ID": "purge", "Status": "Enabled", "Filter": {}, "NoncurrentVersionExpiration": {"NoncurrentDays": 1}}));
    let aes = json!({"Rules": [{"ApplyServerSideEncryptionByDefault": {"SSEAlgorithm": "AES256"}, "BucketKeyEnabled": true}]});
    let default = DEFAULT.to_owned();
    let attacks = [
        (
            "PutPublicAccessBlock",
            json!({ "PublicAccessBlockConfiguration": block }),
            "publicAccessBlockConfiguration.restrictPublicBuckets".to_owned(),
            Weakened,
        ),
        ("DeletePublicAccessBlock", json!({}), "publicAccessBlockConfiguration".to_owned(), Weakened),
        ("PutBucketEncryption", json!({ "ServerSideEncryptionConfiguration": aes }), default.clone(), Weakened),
        ("DeleteBucketEncryption", json!({}), default, Weakened),
        (
            "PutBucketOwnershipControls",
            json!({"OwnershipControls": {"Rules": [{"ObjectOwnership": "ObjectWriter"}]}}),
            "ownershipControls.rules.0.objectOwnership".to_owned(),
            Weakened,
        ),
        (
            "PutBucketLifecycleConfiguration",
            json!({"LifecycleConfiguration": rule(1)}),
            "lifecycleConfiguration.rules.keep.expiration.days".to_owned(),
            Weakened,
        ),
        (
            "PutBucketLifecycleConfiguration",
            json!({ "LifecycleConfiguration": purge }),
            "lifecycleConfiguration.rules.purge".to_owned(),
            Weakened,
        ),
        (
            "PutBucketVersioning",
            json!({"VersioningConfiguration": {"Status": "Suspended"}}),
            "versioningConfiguration.status".to_owned(),
            Weakened,
        ),
        ("DeleteBucketPolicy", json!({}), "policy".to_owned(), Weakened),
        (
            "PutBucketPolicy",
            json!({"Policy": written(&policy(&[of_cloudtrail()]))}),
            "policy.Statement.Transport".to_owned(),
            Weakened,
        ),
        // Without its statement CloudTrail delivers nothing: that is no protection, and is put back.
        (
            "PutBucketPolicy",
            json!({"Policy": written(&policy(&[transport()]))}),
            "policy.Statement.AWSCloudTrailWrite20150319".to_owned(),
            Unknown,
        ),
        ("PutBucketTagging", json!({"Tagging": {"TagSet": []}}), "tags.owner".to_owned(), Neutral),
    ];
    for (operation, body, path, direction) in attacks {
        attack(&world, operation, body);
        let plan = world.restore().await;
        assert_eq!(field(&plan, &path).direction, direction, "{operation}: {}", told(&plan));
        assert_eq!(writes(&world).len(), 1, "{operation}: {:?}", writes(&world));
        world.plan_again_nothing().await;
    }
}

/// What expires later is stronger, and is kept unless the declaration undoes it. A rule that is gone is put back: what it was to
/// delete would stay for ever.
#[tokio::test]
async fn h27_what_is_kept_longer_is_not_shortened_and_a_lost_rule_comes_back() {
    let world = built(&spec()).await;
    attack(&world, "DeleteBucketLifecycle", json!({}));
    let plan = world.restore().await;
    assert_eq!(field(&plan, "lifecycleConfiguration").direction, Direction::Unknown, "{}", told(&plan));
    assert_eq!(writes(&world), ["PutBucketLifecycleConfiguration"]);
    world.plan_again_nothing().await;

    let rules = json!([
        {"ID": "keep", "Status": "Enabled", "Filter": {}, "Expiration": {"Days": 800}, "Transitions": [{"Days": 90, "StorageClass": "GLACIER"}]},
        {"ID": "parts", "Status": "Enabled", "Filter": {"Prefix": "AWSLogs/"}, "AbortIncompleteMultipartUpload": {"DaysAfterInitiation": 7}}]);
    attack(&world, "PutBucketLifecycleConfiguration", json!({"LifecycleConfiguration": {"Rules": rules}}));
    let plan = world.plan_again_no_steps().await;
    let longer = field(&plan, "lifecycleConfiguration.rules.keep.expiration.days");
    assert_eq!((longer.direction, longer.kept), (Direction::Strengthened, true), "{}", told(&plan));
    let text = json!({"kind": "log-bucket", "name": NAME, "whenStronger": "undo", "spec": spec()}).to_string();
    let world = world.declaring(&text).await;
    world.restore().await;
    world.plan_again_nothing().await;
}

fn encrypted(algorithm: &str, key: Option<&str>) -> Value {
    let default = generate::object(json!({"SSEAlgorithm": algorithm, "KMSMasterKeyID": key}));
    json!({"ServerSideEncryptionConfiguration": {"Rules": [{ "ApplyServerSideEncryptionByDefault": default }]}})
}

const THEIRS: &str = "arn:aws:kms:eu-west-1:666666666666:key/00000000-0000-0000-0000-000000000000";

/// A stronger algorithm is worth nothing under somebody else's key, so neither is kept without the other: what is written is what is
/// declared, or it is what is live.
#[tokio::test]
async fn algorithm_and_key_are_kept_or_put_back_together() {
    let world = built(&spec()).await;
    attack(&world, "PutBucketEncryption", encrypted("aws:kms:dsse", Some(THEIRS)));
    let plan = world.restore().await;
    assert_eq!(field(&plan, DEFAULT).direction, Direction::Weakened, "{}", told(&plan));
    let sent = world.body_of("PutBucketEncryption").to_string();
    assert!(sent.contains("\"aws:kms\"") && !sent.contains("666666666666"), "{sent}");
    world.plan_again_nothing().await;

    let own = json!({"serverSideEncryptionConfiguration":
        {"rules": [{"applyServerSideEncryptionByDefault": {"sseAlgorithm": "AES256"}, "bucketKeyEnabled": false}]}});
    let world = world.declaring(&declared(&own)).await;
    world.restore().await;
    world.plan_again_nothing().await;
    world.emulator.clear_calls();
    attack(&world, "PutBucketEncryption", encrypted("aws:kms", Some(THEIRS)));
    let plan = world.restore().await;
    assert_eq!(field(&plan, DEFAULT).direction, Direction::Weakened, "{}", told(&plan));
    assert!(!world.body_of("PutBucketEncryption").to_string().contains("aws:kms"));
    world.plan_again_nothing().await;
    // It may keep logs from being delivered, so it is not kept.
    attack(&world, "PutBucketEncryption", encrypted("aws:kms", None));
    let plan = world.restore().await;
    assert_eq!(field(&plan, DEFAULT).direction, Direction::Unknown, "{}", told(&plan));
    world.plan_again_nothing().await;
}

/// With the declared key, twice is stronger. It is kept where the bucket needs no key of its own for that, which S3 does not have
/// for it; where one is declared, the whole is put back.
#[tokio::test]
async fn encrypting_twice_is_kept_unless_the_bucket_is_to_have_a_key() {
    let world = built(&spec()).await;
    let live = world.survey().await.resources;
    let default = live[&world.wanted[0].address].tree.pointer("/serverSideEncryptionConfiguration/rules/0");
    let key = default.expect("a rule")["applyServerSideEncryptionByDefault"]["kmsMasterKeyID"].clone();
    let twice = encrypted("aws:kms:dsse", key.as_str());
    attack(&world, "PutBucketEncryption", twice.clone());
    let plan = world.restore().await;
    let found = field(&plan, DEFAULT);
    assert_eq!((found.direction, found.kept), (Direction::Strengthened, false), "{}", told(&plan));
    world.plan_again_nothing().await;

    let rules = |algorithm: &str| {
        let default = json!({"sseAlgorithm": algorithm, "kmsMasterKeyID": "${kms:alias/bedrock-logs}"});
        json!({"rules": [{ "applyServerSideEncryptionByDefault": default }]})
    };
    let of = |algorithm: &str| json!({ "serverSideEncryptionConfiguration": rules(algorithm) });
    let world = world.declaring(&declared(&of("aws:kms"))).await;
    world.plan_again_nothing().await;
    attack(&world, "PutBucketEncryption", twice);
    let plan = world.plan_again_no_steps().await;
    assert!(field(&plan, DEFAULT).kept, "{}", told(&plan));

    // The key of the bucket, which nobody declared, is not carried into an algorithm that has none.
    attack(&world, "PutBucketEncryption", {
        let mut once = encrypted("aws:kms", key.as_str());
        once["ServerSideEncryptionConfiguration"]["Rules"][0]["BucketKeyEnabled"] = json!(true);
        once
    });
    let world = world.declaring(&declared(&of("aws:kms:dsse"))).await;
    world.restore().await;
    world.plan_again_nothing().await;
}

/// An answer about tags without a list of tags does not say that there are none: the next write would lose those of others.
#[tokio::test]
async fn tags_that_were_not_listed_are_a_gap() {
    let world = built(&spec()).await;
    let unlisted = Effect::UnknownField { pointer: "/TagSet".to_owned(), value: Value::Null };
    world.inject(vec![times(1, on("GetBucketTagging"), unlisted)]);
    let plan = world.plan().await.plan;
    assert_eq!((plan.summary.gaps, plan.gaps[0].code.as_str()), (1, codes::ODD_ANSWER), "{}", told(&plan));
    assert!(plan.drift.is_empty() && plan.steps.is_empty(), "{}", told(&plan));
    world.plan_again_nothing().await;
}

/// Bedrock's own statement is no drift, and is carried through the write that puts ours back. One that lets another account in, under
/// the same name, is drift and is removed.
#[tokio::test]
async fn what_bedrock_adds_is_carried_and_a_look_alike_is_not() {
    let world = built(&spec()).await;
    put_policy(&world, &[transport(), of_cloudtrail(), of_bedrock("111122223333")]);
    world.plan_again_nothing().await;

    put_policy(&world, &[of_cloudtrail(), of_bedrock("111122223333")]);
    let plan = world.restore().await;
    assert_eq!(paths(&plan), ["policy.Statement.Transport"], "{}", told(&plan));
    let sent = world.body_of("PutBucketPolicy").to_string();
    assert!(sent.contains("AmazonBedrockLogsWrite") && sent.contains("AWSCloudTrailWrite20150319"), "{sent}");
    world.plan_again_nothing().await;

    put_policy(&world, &[transport(), of_cloudtrail(), of_bedrock("666666666666")]);
    let plan = world.restore().await;
    let extra = field(&plan, "policy.Statement.AmazonBedrockLogsWrite");
    assert_eq!(extra.direction, Direction::Weakened, "{}", told(&plan));
    assert!(!world.body_of("PutBucketPolicy").to_string().contains("666666666666"));
    world.plan_again_nothing().await;

    // Where the declaration has the statement itself, it is held like any other.
    let own = with(spec(), "policy", policy(&[transport(), of_cloudtrail(), of_bedrock("111122223333")]));
    let world = world.declaring(&declared(&own)).await;
    world.restore().await;
    world.plan_again_nothing().await;
}

/// h15. One statement or a list of one, another case, another order of everything: the same policy.
#[tokio::test]
async fn h15_a_bucket_policy_in_another_spelling_is_no_drift() {
    let world = built(&with(spec(), "policy", policy(&[transport()]))).await;
    let spelled = json!({"Statement": {"Sid": "Transport", "Condition": {"bool": {"AWS:securetransport": [false]}}, "Effect": "Deny",
        "Principal": {"AWS": ["*"]}, "Action": ["S3:*"],
        "Resource": ["arn:aws:s3:::bedrock-logs-${account.id}-${region}/*", "arn:aws:s3:::bedrock-logs-${account.id}-${region}"]},
        "Version": "2012-10-17"});
    attack(&world, "PutBucketPolicy", json!({"Policy": written(&spelled)}));
    world.plan_again_nothing().await;
}

/// h16. A role of the policy is deleted: AWS shows its unique id, which is drift under its own name. The write is refused as
/// long as the role is missing, and nothing loops; with a role of that name, it is put back.
#[tokio::test]
async fn h16_a_dangling_principal_is_named_and_its_restore_does_not_loop() {
    let reader = json!({"Sid": "Reader", "Effect": "Allow", "Principal": {"AWS": "arn:aws:iam::${account.id}:role/log-reader"},
        "Action": "s3:GetObject", "Resource": "arn:aws:s3:::bedrock-logs-${account.id}-${region}/*"});
    let trust = json!({"Version": "2012-10-17", "Statement": [{"Effect": "Allow", "Principal": {"Service": "ec2.amazonaws.com"},
        "Action": "sts:AssumeRole"}]});
    let create = json!({"RoleName": "log-reader", "AssumeRolePolicyDocument": trust.to_string()});
    let spec = with(with(spec(), "policy", policy(&[transport(), reader])), "createWhenMissing", json!(true));
    let world = World::small("empty", &declared(&spec)).await;
    world.attack("iam", "CreateRole", create.clone());
    world.restore().await;
    world.plan_again_nothing().await;

    world.attack("iam", "DeleteRole", json!({"RoleName": "log-reader"}));
    let planned = world.plan().await;
    assert!(notes(&planned.plan).contains(&codes::DANGLING), "{}", told(&planned.plan));
    assert_eq!(paths(&planned.plan), ["policy.Statement.Reader.Principal.AWS"], "{}", told(&planned.plan));
    world.emulator.clear_calls();
    assert_eq!(world.apply(&planned).await.not_verified(), 1);
    assert_eq!(writes(&world), ["PutBucketPolicy"], "tried once");

    world.attack("iam", "CreateRole", create);
    world.restore().await;
    world.plan_again_nothing().await;
}

/// h19. Tags of others, and those of AWS, are sent along with the declared ones.
#[tokio::test]
async fn h19_tags_of_others_stay() {
    let world = built(&spec()).await;
    let tag = |key: &str, value: &str| json!({"Key": key, "Value": value});
    attack(&world, "PutBucketTagging", json!({"Tagging": {"TagSet": [tag("owner", "me"), tag("cost-center", "7")]}}));
    let plan = world.restore().await;
    assert_eq!(paths(&plan), ["tags.owner.value"], "{}", told(&plan));
    let sent = &world.body_of("PutBucketTagging");
    assert!(sent.to_string().contains("cost-center") && sent.to_string().contains("security"), "{sent}");
    world.plan_again_nothing().await;
}

/// h19. A bucket of the name that belongs to another account is a gap: it is neither created nor written to.
#[tokio::test]
async fn h19_a_bucket_of_another_account_is_a_gap() {
    let world = World::small("empty", &declared(&with(spec(), "createWhenMissing", json!(true)))).await;
    let body = json!({"Bucket": BUCKET, "CreateBucketConfiguration": {"LocationConstraint": "eu-west-1"}});
    let mut foreign = step("s3", "CreateBucket", body, Vec::new());
    foreign.accounts = Accounts::Named(vec!["222233334444".to_owned()]);
    world.play(foreign);
    world.emulator.clear_calls();
    let plan = world.plan().await.plan;
    assert_eq!((plan.summary.gaps, plan.gaps[0].code.as_str()), (1, codes::DENIED), "{}", told(&plan));
    assert!(plan.gaps[0].remedy.contains("another account"), "{}", plan.gaps[0].remedy);
    assert!(plan.steps.is_empty() && writes(&world).is_empty());
}

/// A bucket of the name in another region is a gap that says so.
#[tokio::test]
async fn a_bucket_in_another_region_is_a_gap() {
    let world = World::small("empty", &declared(&with(spec(), "createWhenMissing", json!(true)))).await;
    let mut elsewhere = step("s3", "CreateBucket", json!({ "Bucket": BUCKET }), Vec::new());
    elsewhere.regions = Some(vec!["us-east-1".to_owned()]);
    world.play(elsewhere);
    let plan = world.plan().await.plan;
    assert_eq!((plan.summary.gaps, plan.gaps[0].code.as_str()), (1, codes::BUCKET_ELSEWHERE), "{}", told(&plan));
    assert!(plan.steps.is_empty());
}

/// What may not be read is a gap of the bucket, whichever part it is.
#[tokio::test]
async fn a_denied_read_of_any_part_is_a_gap() {
    let reads = [
        "GetPublicAccessBlock",
        "GetBucketEncryption",
        "GetBucketOwnershipControls",
        "GetBucketPolicy",
        "GetBucketLifecycleConfiguration",
        "GetBucketVersioning",
        "GetBucketTagging",
    ];
    let world = built(&spec()).await;
    for operation in reads {
        world.inject(vec![times(1, on(operation), Effect::Deny)]);
        let plan = world.plan().await.plan;
        assert_eq!((plan.summary.gaps, plan.gaps[0].code.as_str()), (1, codes::DENIED), "{operation}: {}", told(&plan));
        assert!(plan.drift.is_empty() && plan.steps.is_empty(), "{operation}");
    }
    world.plan_again_nothing().await;
}

/// An element that this build does not know is shown, and survives a write that replaces everything around it.
#[tokio::test]
async fn unknown_elements_survive_replacing_writes() {
    let world = built(&spec()).await;
    let rules = json!([
        {"ID": "keep", "Status": "Enabled", "Filter": {}, "Expiration": {"Days": 1, "Novel": "7"}, "Newer": "9",
         "Transitions": [{"Days": 90, "StorageClass": "GLACIER"}]},
        {"ID": "parts", "Status": "Enabled", "Filter": {"Prefix": "AWSLogs/"}, "AbortIncompleteMultipartUpload": {"DaysAfterInitiation": 7}}]);
    attack(&world, "PutBucketLifecycleConfiguration", json!({"LifecycleConfiguration": {"Rules": rules}}));
    let plan = world.restore().await;
    assert!(notes(&plan).contains(&codes::EXTRA_CARRIED), "{}", told(&plan));
    let sent = world.body_of("PutBucketLifecycleConfiguration").to_string();
    assert!(sent.contains("Novel") && sent.contains("Newer") && sent.contains("400"), "{sent}");
    world.plan_again_nothing().await;
    let plan = world.plan().await.plan;
    let told = plan.findings.iter().filter(|finding| finding.code == codes::EXTRA_CARRIED).count();
    assert_eq!(told, 2, "{:?}", plan.findings);
}

/// Where it cannot be told which element an unknown one belongs to, nothing is written.
#[tokio::test]
async fn an_unknown_element_without_a_place_refuses_the_write() {
    let world = built(&spec()).await;
    let rules = json!([{"ID": "keep", "Status": "Enabled", "Filter": {}, "Expiration": {"Days": 1},
        "Transitions": [{"Days": 90, "StorageClass": "GLACIER", "Novel": "7"}]}]);
    attack(&world, "PutBucketLifecycleConfiguration", json!({"LifecycleConfiguration": {"Rules": rules}}));
    let plan = world.plan().await.plan;
    assert_eq!(refusals(&plan), [codes::EXTRA_REFUSED], "{}", told(&plan));
    assert!(plan.steps.is_empty());
}

/// Blocked encryption types that the declaration does not mention are carried; so is what it says of them where it does.
#[tokio::test]
async fn blocked_encryption_types_are_kept() {
    let world = built(&spec()).await;
    let aes = json!({"Rules": [{"ApplyServerSideEncryptionByDefault": {"SSEAlgorithm": "AES256"},
        "BlockedEncryptionTypes": {"EncryptionType": ["SSE-C"]}}]});
    attack(&world, "PutBucketEncryption", json!({ "ServerSideEncryptionConfiguration": aes }));
    world.restore().await;
    let sent = world.body_of("PutBucketEncryption").to_string();
    assert!(sent.contains("SSE-C"), "{sent}");
    world.plan_again_nothing().await;
}

/// Every answer is lost once after the write took effect: the bucket ends as it is declared all the same.
#[tokio::test]
async fn lost_answers_change_nothing_twice() {
    let operations =
        ["CreateBucket", "PutPublicAccessBlock", "PutBucketEncryption", "PutBucketPolicy", "PutBucketTagging"];
    for operation in operations {
        let world = World::small("empty", &declared(&with(spec(), "createWhenMissing", json!(true)))).await;
        world.inject(vec![times(1, on(operation), Effect::LostResponse)]);
        world.restore().await;
        world.plan_again_nothing().await;
    }
}

/// `null` says that there must be none: the policy and the rules go, and what Bedrock added stays.
#[tokio::test]
async fn what_must_be_absent_is_removed() {
    let world = built(&spec()).await;
    put_policy(&world, &[transport(), of_cloudtrail(), of_bedrock("111122223333")]);
    let text = json!({"kind": "log-bucket", "name": NAME, "whenStronger": "undo",
        "spec": {"policy": null, "lifecycleConfiguration": null}})
    .to_string();
    let world = world.declaring(&text).await;
    world.emulator.clear_calls();
    world.restore().await;
    assert_eq!(writes(&world), ["PutBucketPolicy", "DeleteBucketLifecycle"]);
    world.plan_again_nothing().await;
}

#[test]
fn limits_of_buckets_are_known_before_any_call() {
    let named = |name: &str, spec: Value| {
        let text = json!({"kind": "log-bucket", "name": name, "spec": spec}).to_string();
        wrong_with(&text).into_iter().map(|(code, _)| code).collect::<Vec<_>>()
    };
    let wrong = |spec: Value| named("logs-1", spec);
    assert_eq!(named("Logs", json!({})), [codes::BAD_NAME]);
    assert_eq!(named(&format!("{}-${{account.id}}", "x".repeat(60)), json!({})), [codes::BAD_NAME]);
    let encryption = |default: Value| json!({"serverSideEncryptionConfiguration": {"rules": [{ "applyServerSideEncryptionByDefault": default }]}});
    assert_eq!(
        wrong(encryption(json!({"sseAlgorithm": "aws:kms", "kmsMasterKeyID": "alias/x"}))),
        [codes::WRONG_SHAPE]
    );
    let key = "arn:aws:kms:eu-west-1:111122223333:key/1";
    assert_eq!(wrong(encryption(json!({"sseAlgorithm": "AES256", "kmsMasterKeyID": key}))), [codes::CONTRADICTION]);
    let mut twice = encryption(json!({"sseAlgorithm": "aws:kms:dsse", "kmsMasterKeyID": key}));
    assert_eq!(wrong(twice.clone()), [""; 0]);
    twice["serverSideEncryptionConfiguration"]["rules"][0]["bucketKeyEnabled"] = json!(true);
    assert_eq!(wrong(twice), [codes::CONTRADICTION]);
    assert_eq!(
        wrong(json!({"lifecycleConfiguration": {"rules": [{"id": "a", "status": "Enabled"}]}})),
        [codes::WRONG_SHAPE]
    );
    assert_eq!(wrong(json!({"policy": {"Version": "2012-10-17", "Statement": []}})), [codes::WRONG_SHAPE]);
    assert_eq!(wrong(json!({"tagSet": []})), [codes::REQUEST_SIDE_NAME]);
}

/// A key that somebody wrote as an alias is the declared one where the alias leads to it. Where the alias cannot be looked up,
/// that is not known: a gap, and no write.
#[tokio::test]
async fn an_alias_that_cannot_be_looked_up_is_no_drift() {
    let world = built(&spec()).await;
    let seen = world.survey().await.resources;
    let bucket = seen.get(&world.wanted[0].address).expect("the bucket");
    let rules = &bucket.tree["serverSideEncryptionConfiguration"]["rules"];
    let arn = rules.pointer("/0/applyServerSideEncryptionByDefault/kmsMasterKeyID").expect("a key").clone();
    let encrypted = |key: Value| {
        json!({"rules": [{"applyServerSideEncryptionByDefault": {"sseAlgorithm": "aws:kms", "kmsMasterKeyID": key},
            "bucketKeyEnabled": true}]})
    };
    let world = world.declaring(&declared(&with(spec(), "serverSideEncryptionConfiguration", encrypted(arn)))).await;
    let by_alias = json!({"Rules": [{"ApplyServerSideEncryptionByDefault":
        {"SSEAlgorithm": "aws:kms", "KMSMasterKeyID": "alias/bedrock-logs"}, "BucketKeyEnabled": true}]});
    attack(&world, "PutBucketEncryption", json!({ "ServerSideEncryptionConfiguration": by_alias }));
    world.plan_again_nothing().await;

    world.inject(vec![times(10, on("DescribeKey"), Effect::Deny)]);
    let plan = world.plan().await.plan;
    assert_eq!((plan.summary.gaps, plan.gaps[0].code.as_str()), (1, codes::DENIED), "{}", told(&plan));
    assert!(plan.drift.is_empty() && plan.steps.is_empty(), "{}", told(&plan));
}

/// Random specs: see [`specs`].
pub(crate) const GENERATOR: Generator = Generator { kind: "log-bucket", name: "payments", weight: 2, specs };

/// The spec of a log bucket.
fn specs() -> BoxedStrategy<Value> {
    let statements = vec![
        json!({"Sid": "Transport", "Effect": "Deny", "Principal": "*", "Action": "s3:*", "Resource": "arn:aws:s3:::payments/*",
            "Condition": {"Bool": {"aws:SecureTransport": "false"}}}),
        json!({"Sid": "AmazonBedrockLogsWrite", "Effect": "Allow", "Principal": {"Service": "bedrock.amazonaws.com"},
            "Action": "s3:PutObject", "Resource": "arn:aws:s3:::payments/AWSLogs/111122223333/BedrockModelInvocationLogs/*"}),
        json!({"Sid": "Readers", "Effect": "Allow", "Principal": {"AWS": ["111122223333", "222233334444"]},
            "Action": ["s3:GetObject", "s3:ListBucket"], "Resource": ["arn:aws:s3:::payments", "arn:aws:s3:::payments/*"]}),
    ];
    let access = any::<[bool; 4]>().prop_map(|[one, two, three, four]| {
        json!({"blockPublicAcls": one, "ignorePublicAcls": two, "blockPublicPolicy": three, "restrictPublicBuckets": four})
    });
    let key = "arn:aws:kms:eu-west-1:111122223333:key/1";
    let default = prop_oneof![
        Just(json!({"sseAlgorithm": "AES256"})),
        Just(json!({"sseAlgorithm": "aws:kms", "kmsMasterKeyID": key})),
        Just(json!({"sseAlgorithm": "aws:kms:dsse"})),
    ];
    let blocked = prop_oneof![Just(json!(["SSE-C"])), Just(json!([]))];
    let encryption = (default, proptest::option::of(any::<bool>()), generate::maybe(blocked)).prop_map(|(default, bucket_key, blocked)| {
        // Encrypting twice knows no key of the bucket.
        let bucket_key = bucket_key.map(|bucket_key| bucket_key && default["sseAlgorithm"] != "aws:kms:dsse");
        let blocked = if blocked.is_null() { Value::Null } else { json!({ "encryptionType": blocked }) };
        let rule = generate::object(json!({
            "applyServerSideEncryptionByDefault": default, "bucketKeyEnabled": bucket_key, "blockedEncryptionTypes": blocked,
        }));
        json!({ "rules": [rule] })
    });
    let ownership = select(&["ObjectWriter", "BucketOwnerPreferred", "BucketOwnerEnforced"][..])
        .prop_map(|ownership| json!({"rules": [{ "objectOwnership": ownership }]}));
    let versioning = select(&["Enabled", "Suspended"][..]).prop_map(|status| json!({ "status": status }));
    let parts = (
        generate::maybe(access),
        generate::maybe(encryption),
        generate::maybe(ownership),
        generate::maybe(generate::policy(statements)),
    );
    (parts, generate::maybe(lifecycle()), generate::maybe(versioning), generate::maybe(generate::tags()))
        .prop_map(|((access, encryption, ownership, policy), lifecycle, versioning, tags)| {
            generate::object(json!({
                "publicAccessBlockConfiguration": access, "serverSideEncryptionConfiguration": encryption,
                "ownershipControls": ownership, "policy": policy, "lifecycleConfiguration": lifecycle,
                "versioningConfiguration": versioning, "tags": tags,
            }))
        })
        .boxed()
}

fn lifecycle() -> BoxedStrategy<Value> {
    let filter = || {
        generate::maybe(prop_oneof![
            Just(json!({})),
            Just(json!({"prefix": "logs/"})),
            Just(json!({"and": {"prefix": "x/", "tags": [{"key": "a", "value": "1"}, {"key": "b", "value": "2"}]}})),
        ])
    };
    let days = || select(&[1, 400, 3650][..]);
    let transitions = generate::maybe(
        subsequence(
            vec![json!({"days": 30, "storageClass": "STANDARD_IA"}), json!({"days": 90, "storageClass": "GLACIER"})],
            1..=2,
        )
        .prop_map(Value::from),
    );
    generate::elements("id", &["audit", "old", "a b"], move || {
        let status = select(&["Enabled", "Disabled"][..]);
        (status, filter(), days(), proptest::option::of(days()), transitions.clone()).prop_map(
            |(status, filter, days, noncurrent, transitions)| {
                // Objects move before they expire.
                let transitions = if days > 90 { transitions } else { Value::Null };
                generate::object(json!({
                    "status": status, "filter": filter, "expiration": {"days": days}, "transitions": transitions,
                    "noncurrentVersionExpiration": noncurrent.map(|days| json!({ "noncurrentDays": days })),
                }))
            },
        )
    })
    .prop_map(|rules| json!({ "rules": rules }))
    .boxed()
}
