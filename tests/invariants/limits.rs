//! h29: what the service would reject is found before any call is made.

use reconciler_model::codes;
use reconciler_model::desired::load;
use reconciler_tests::declarations::{CONTROLS, small, wrong_with};
use serde_json::{Value, json};

fn guardrail(changes: Value) -> String {
    let mut spec = json!({"blockedInputMessaging": "No.", "blockedOutputsMessaging": "Withheld."});
    for (member, value) in changes.as_object().expect("members") {
        spec[member] = value.clone();
    }
    declared("guardrail", "payments", spec)
}

fn declared(kind: &str, name: &str, spec: Value) -> String {
    json!({"kind": kind, "name": name, "spec": spec}).to_string()
}

fn topic(changes: Value, standard: bool) -> String {
    let mut topic = json!({"name": "Advice", "definition": "Advice."});
    for (member, value) in changes.as_object().expect("members") {
        topic[member] = value.clone();
    }
    let profile = if standard { json!({"guardrailProfileId": "eu.guardrail.v1:0"}) } else { Value::Null };
    let tier = if standard { "STANDARD" } else { "CLASSIC" };
    guardrail(json!({"crossRegionDetails": profile, "topicPolicy": {"topics": [topic], "tier": {"tierName": tier}}}))
}

fn regex(changes: Value) -> String {
    let mut regex = json!({"name": "order", "pattern": "[0-9]+", "action": "BLOCK"});
    for (member, value) in changes.as_object().expect("members") {
        regex[member] = value.clone();
    }
    guardrail(json!({"sensitiveInformationPolicy": {"regexes": [regex]}}))
}

fn words(list: Vec<String>) -> String {
    let list: Vec<Value> = list.into_iter().map(|text| json!({ "text": text })).collect();
    guardrail(json!({"wordPolicy": {"words": list}}))
}

fn named(name: &str) -> String {
    guardrail(json!({})).replace("payments", name)
}

fn tags(count: usize, key: &str, value: &str) -> String {
    let tags: Vec<Value> = (0..count).map(|n| json!({"key": format!("{key}{n}"), "value": value})).collect();
    guardrail(json!({ "tags": tags }))
}

fn grounding(threshold: f64) -> String {
    guardrail(json!({"contextualGroundingPolicy": {"filters": [{"type": "GROUNDING", "threshold": threshold}]}}))
}

fn logging(spec: Value) -> String {
    declared("invocation-logging", "default", spec)
}

fn group(spec: Value) -> String {
    declared("log-group", "/aws/bedrock/logs", spec)
}

fn text(length: usize) -> String {
    "x".repeat(length)
}

/// h29. aistudio #731, TF-aws #44343 #44386: limits were found by the service half-way through a restore. Each is a
/// diagnostic of the loader: the longest value that the service takes is accepted, the next one is not. Loading is a
/// function of text, so no call can have been made.
#[test]
fn h29_each_limit_is_a_diagnostic() {
    let topics = |count: usize| {
        let topics: Vec<Value> = (0..count).map(|n| json!({"name": format!("T{n}"), "definition": "D."})).collect();
        guardrail(json!({"topicPolicy": {"topics": topics}}))
    };
    let regexes = |count: usize| {
        let list: Vec<Value> =
            (0..count).map(|n| json!({"name": format!("R{n}"), "pattern": "x", "action": "BLOCK"})).collect();
        guardrail(json!({"sensitiveInformationPolicy": {"regexes": list}}))
    };
    let reasoning = |count: usize| {
        let list: Vec<String> = (0..count)
            .map(|n| format!("arn:aws:bedrock:eu-west-1:111122223333:automated-reasoning-policy/abcdefabcde{n}:1"))
            .collect();
        guardrail(json!({"automatedReasoningPolicy": {"policies": list}}))
    };
    let examples = |count: usize, length: usize| {
        let list: Vec<String> = (0..count).map(|n| format!("{n}{}", text(length - 1))).collect();
        topic(json!({ "examples": list }), false)
    };
    let many_words = |count: usize| words((0..count).map(|n| format!("w{n}")).collect());
    let prompt_attack = |output: &str| {
        let filter = json!({"type": "PROMPT_ATTACK", "inputStrength": "HIGH", "outputStrength": output});
        guardrail(json!({"contentPolicy": {"filters": [filter]}}))
    };
    let bucket = |name: &str, prefix: &str| logging(json!({"s3Config": {"bucketName": name, "keyPrefix": prefix}}));
    let log_group_name = |name: &str| {
        let group = json!({"logGroupName": name, "roleArn": "arn:aws:iam::111122223333:role/x"});
        logging(json!({ "cloudWatchConfig": group }))
    };
    let limit = codes::LIMIT;
    let cases: Vec<(&str, String, String, &str)> = vec![
        (
            "definition, CLASSIC",
            topic(json!({"definition": text(200)}), false),
            topic(json!({"definition": text(201)}), false),
            limit,
        ),
        (
            "definition, STANDARD",
            topic(json!({"definition": text(1000)}), true),
            topic(json!({"definition": text(1001)}), true),
            limit,
        ),
        ("definition, empty", topic(json!({"definition": "x"}), false), topic(json!({"definition": ""}), false), limit),
        ("topic name", topic(json!({"name": text(100)}), false), topic(json!({"name": text(101)}), false), limit),
        (
            "topic name, letters",
            topic(json!({"name": "A b-c_d!?."}), false),
            topic(json!({"name": "A/b"}), false),
            limit,
        ),
        ("topics", topics(30), topics(31), limit),
        ("examples", examples(5, 10), examples(6, 10), limit),
        ("example", examples(1, 100), examples(1, 101), limit),
        ("word", words(vec![text(100)]), words(vec![text(101)]), limit),
        ("words", many_words(10_000), many_words(10_001), limit),
        ("expression", regex(json!({"pattern": text(500)})), regex(json!({"pattern": text(501)})), limit),
        ("expression's name", regex(json!({"name": text(100)})), regex(json!({"name": text(101)})), limit),
        (
            "expression's description",
            regex(json!({"description": text(1000)})),
            regex(json!({"description": text(1001)})),
            limit,
        ),
        ("expressions", regexes(30), regexes(31), limit),
        (
            "description",
            guardrail(json!({"description": text(200)})),
            guardrail(json!({"description": text(201)})),
            limit,
        ),
        ("description, empty", guardrail(json!({"description": "x"})), guardrail(json!({"description": ""})), limit),
        (
            "input message",
            guardrail(json!({"blockedInputMessaging": text(500)})),
            guardrail(json!({"blockedInputMessaging": text(501)})),
            limit,
        ),
        (
            "output message",
            guardrail(json!({"blockedOutputsMessaging": text(500)})),
            guardrail(json!({"blockedOutputsMessaging": text(501)})),
            limit,
        ),
        ("threshold", grounding(0.99), grounding(1.0), limit),
        ("threshold, negative", grounding(0.0), grounding(-0.1), limit),
        ("tags", tags(200, "k", "v"), tags(201, "k", "v"), limit),
        ("tag key", tags(1, &text(127), "v"), tags(1, &text(128), "v"), limit),
        ("tag value", tags(1, "k", &text(256)), tags(1, "k", &text(257)), limit),
        ("tag of AWS", tags(1, "aws", "v"), tags(1, "aws:", "v"), codes::CONTRADICTION),
        ("reasoning policies", reasoning(2), reasoning(3), limit),
        ("guardrail name", named(&text(50)), named(&text(51)), codes::BAD_NAME),
        ("guardrail name, letters", named("a-B_9"), named("a.b"), codes::BAD_NAME),
        ("PROMPT_ATTACK output", prompt_attack("NONE"), prompt_attack("LOW"), codes::CONTRADICTION),
        (
            "STANDARD without a profile",
            topic(json!({}), true),
            topic(json!({}), true).replace(r#"{"guardrailProfileId":"eu.guardrail.v1:0"}"#, "null"),
            codes::TIER_NEEDS_PROFILE,
        ),
        ("retention", group(json!({"retentionInDays": 365})), group(json!({"retentionInDays": 364})), limit),
        ("bucket, long", bucket(&text(63), ""), bucket(&text(64), ""), limit),
        ("bucket, short", bucket("abc", ""), bucket("ab", ""), limit),
        ("prefix", bucket("abc", &text(1024)), bucket("abc", &text(1025)), limit),
        ("log group", log_group_name(&text(512)), log_group_name(&text(513)), limit),
        (
            "log group name",
            group(json!({})).replace("/aws/bedrock/logs", &text(512)),
            group(json!({})).replace("/aws/bedrock/logs", &text(513)),
            codes::BAD_NAME,
        ),
    ];
    for (what, accepted, rejected, code) in cases {
        assert_eq!(wrong_with(&accepted), [], "{what}: the limit itself is accepted");
        let found = wrong_with(&rejected);
        assert_eq!(found.iter().map(|one| one.0.as_str()).collect::<Vec<_>>(), [code], "{what}: {found:?}");
    }
}

/// h29. Limits are counted in characters as the service counts them, not in bytes.
#[test]
fn h29_limits_count_characters() {
    assert_eq!(wrong_with(&guardrail(json!({"description": "é".repeat(200)}))), []);
    assert_eq!(wrong_with(&guardrail(json!({"description": "é".repeat(201)}))).len(), 1);
}

/// h29. What the service requires cannot be declared away: `null` for a required message would be rejected on every write.
#[test]
fn h29_a_required_member_cannot_be_declared_absent() {
    for member in ["blockedInputMessaging", "blockedOutputsMessaging"] {
        let found = wrong_with(&guardrail(json!({ member: null })));
        assert_eq!(found.iter().map(|one| one.0.as_str()).collect::<Vec<_>>(), [codes::CONTRADICTION], "{found:?}");
    }
}

/// h29. Every problem is found in one run.
#[test]
fn h29_all_limits_are_found_at_once() {
    let found = wrong_with(&guardrail(json!({
        "description": text(201),
        "blockedInputMessaging": text(501),
        "topicPolicy": {"topics": [{"name": "A/b", "definition": text(201)}]},
    })));
    assert_eq!(found.len(), 4, "{found:?}");
}

/// What no service could take, or what could never hold, is told where it stands with what to write instead.
#[test]
fn what_means_nothing_is_told() {
    let bucket = |spec: Value| declared("log-bucket", "logs-of-us", spec);
    let rule = |rule: Value| {
        let mut whole = json!({"id": "r", "status": "Enabled"});
        for (member, value) in rule.as_object().expect("members") {
            whole[member] = value.clone();
        }
        bucket(json!({"lifecycleConfiguration": {"rules": [whole]}}))
    };
    let moved = |days: u64, class: &str| rule(json!({"transitions": [{"days": days, "storageClass": class}]}));
    let policy = |condition: Value| {
        let statement =
            json!({"Effect": "Deny", "Principal": "*", "Action": "s3:*", "Resource": "*", "Condition": condition});
        bucket(json!({"policy": {"Version": "2012-10-17", "Statement": [statement]}}))
    };
    let trail = |fields: Value| {
        let management = json!({"name": "m", "fieldSelectors": [{"field": "eventCategory", "equals": ["Management"]}]});
        let mut own = vec![
            json!({"field": "eventCategory", "equals": ["Data"]}),
            json!({"field": "resources.type", "equals": ["AWS::S3::Object"]}),
        ];
        own.push(fields);
        declared(
            "trail",
            "events",
            json!({"advancedEventSelectors": [management, {"name": "d", "fieldSelectors": own}]}),
        )
    };
    let role = |tags: Value| declared("iam-role", "r", json!({ "tags": tags }));
    let tag = |key: &str| json!([{"key": key, "value": "v"}]);
    let arn = "arn:aws:iam::111122223333:role/logs";
    let cloud_watch = |role: &str| logging(json!({"cloudWatchConfig": {"logGroupName": "g", "roleArn": role}}));
    for (good, bad, said) in [
        (
            rule(json!({"expiration": {"days": 30}})),
            rule(json!({"expiration": {"days": 30, "date": "2027-01-01T00:00:00Z"}})),
            "one of them only",
        ),
        (
            rule(json!({"expiration": {"date": "2027-01-01"}})),
            rule(json!({"expiration": {"date": "tomorrow"}})),
            "`tomorrow` is not midnight",
        ),
        (
            rule(json!({"expiration": {"date": "2027-01-01T00:00:00.000Z"}})),
            rule(json!({"expiration": {"date": "2027-01-01T10:00:00Z"}})),
            "is not midnight",
        ),
        (moved(30, "STANDARD_IA"), moved(10, "STANDARD_IA"), "after 30 days at the earliest"),
        (moved(0, "GLACIER"), rule(json!({"transitions": [{"storageClass": "GLACIER"}]})), "days or a date"),
        (
            rule(json!({"expiration": {"days": 90}, "transitions": [{"days": 30, "storageClass": "GLACIER"}]})),
            rule(
                json!({"expiration": {"days": 90}, "transitions": [{"date": "2027-01-01", "storageClass": "GLACIER"}]}),
            ),
            "S3 rejects a mixture",
        ),
        (
            rule(
                json!({"expiration": {"days": 1}, "filter": {"and": {"prefix": "a", "tags": [{"key": "k", "value": "v"}]}}}),
            ),
            rule(json!({"expiration": {"days": 1}, "filter": {"prefix": "a", "tag": {"key": "k", "value": "v"}}})),
            "below `and`",
        ),
        (
            policy(json!({"Bool": {"aws:SecureTransport": false}})),
            policy(json!({"Bool": {"aws:SecureTransport": "no"}})),
            "`no` is not `true` or `false`",
        ),
        (
            policy(json!({"NotIpAddress": {"aws:SourceIp": "192.0.2.0/24"}})),
            policy(json!({"NotIpAddress": {"aws:SourceIp": "192.0.2.0/33"}})),
            "`192.0.2.0/33` is not",
        ),
        (
            policy(json!({"NotIpAddress": {"aws:SourceIp": "192.0.2.0/8"}})),
            policy(json!({"NotIpAddress": {"aws:SourceIp": "192.0.2.0/08"}})),
            "`192.0.2.0/08` is not",
        ),
        (
            policy(json!({"ArnNotLike": {"aws:PrincipalArn": ["arn:aws:iam::*:role/a", "*"]}})),
            policy(json!({"ArnNotLike": {"aws:PrincipalArn": "a-role"}})),
            "`a-role` is not an ARN",
        ),
        (
            policy(json!({"ArnLike": {"aws:PrincipalArn": "arn:aws-cn:iam::*:role/a"}})),
            policy(json!({"ArnLike": {"aws:PrincipalArn": "arn:aws:role"}})),
            "`arn:aws:role` is not an ARN",
        ),
        (
            policy(json!({"BinaryEquals": {"aws:x": "QmluYXJ5"}})),
            policy(json!({"BinaryEquals": {"aws:x": "***"}})),
            "`***` is not base64",
        ),
        (
            rule(json!({"expiration": {"days": 61}, "transitions": [{"days": 60, "storageClass": "GLACIER"}]})),
            rule(json!({"expiration": {"days": 40}, "transitions": [{"days": 60, "storageClass": "GLACIER"}]})),
            "gone by then",
        ),
        (
            trail(json!({"field": "other:futureField", "equals": ["x"]})),
            trail(json!({"field": "foo", "equals": ["x"]})),
            "`foo` is not a field of events",
        ),
        (
            trail(json!({"field": "readOnly", "equals": ["false"]})),
            trail(json!({"field": "readOnly", "notEquals": ["true"]})),
            "compared with equals",
        ),
        (cloud_watch(arn), cloud_watch("arn:aws-cn:iam::111122223333:role/logs"), "of the partition aws-cn"),
        (
            trail(json!({"field": "readOnly", "equals": ["true"]})),
            trail(json!({"field": "readOnly", "equals": ["yes"]})),
            "`yes` is not one of true, false",
        ),
        (
            role(tag("Name")),
            role(json!([{"key": "Name", "value": "a"}, {"key": "name", "value": "b"}])),
            "keep one of them",
        ),
        (role(tag("owner")), role(tag("AWS:owner")), "`aws:`"),
        (bucket(json!({"tags": tag("owner")})), bucket(json!({"tags": tag("AWS:owner")})), "those of AWS"),
        (
            declared("kms-key", "alias/a", json!({"tags": tag("owner")})),
            declared("kms-key", "alias/a", json!({"tags": tag("AWS:owner")})),
            "those of AWS",
        ),
        (guardrail(json!({"tags": tag("owner")})), guardrail(json!({"tags": tag("AWS:owner")})), "belong to AWS"),
        (cloud_watch(arn), cloud_watch("logs"), "`logs` is not the ARN of a role"),
        (
            logging(json!({"s3Config": {"bucketName": "logs-of-us"}})),
            logging(json!({"s3Config": {"bucketName": "s3://logs-of-us"}})),
            "without `s3://`",
        ),
        (
            group(json!({"kmsKeyId": "${kms:alias/logs}"})),
            group(json!({"kmsKeyId": "alias/logs"})),
            "is not the ARN of a key",
        ),
        (
            guardrail(json!({"kmsKeyArn": "${kms:alias/logs}"})),
            guardrail(json!({"kmsKeyArn": "alias/logs"})),
            "is not the ARN of a key",
        ),
    ] {
        assert_eq!(wrong_with(&good), [], "{good}");
        let found = load(&small(&bad), reconciler_kinds::KINDS, CONTROLS).err().unwrap_or_default();
        let texts: Vec<String> =
            found.iter().map(|problem| format!("{}; {}", problem.detail, problem.remedy)).collect();
        assert!(texts.iter().any(|text| text.contains(said)), "{bad}: {texts:?}");
        assert!(found.iter().all(|problem| problem.at.is_some() && !problem.remedy.is_empty()), "{bad}");
    }
}
