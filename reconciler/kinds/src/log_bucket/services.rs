//! Statements that AWS services add to a bucket's policy by themselves (README.md, Statements of services).
//!
//! Bedrock adds its statement when the logging configuration names the bucket; CloudWatch Logs does so when a delivery is set up.
//! Such a statement is no drift only when it is exactly what the service writes for this bucket, this account and this region:
//! one that lets another account deliver here has the same name and looks nearly the same.

use reconciler_model::policy::Policy;
use serde_json::{Value, json};

use super::spec::POLICY;

/// The member of a live tree that names the statements which services added; no declaration has it.
pub(super) const ADDED: &str = "addedByServices";

/// Where a bucket is.
#[derive(Debug, Clone, Copy)]
pub(super) struct Home<'a> {
    pub(super) bucket: &'a str,
    pub(super) partition: &'a str,
    pub(super) region: &'a str,
    pub(super) account: &'a str,
}

/// The keys of the statements of a policy's tree that services added.
pub(super) fn added(policy: &Value, home: Home<'_>) -> Vec<String> {
    let statements = policy.get("Statement").and_then(Value::as_object).into_iter().flatten();
    statements.filter(|(_, statement)| is_added(statement, home)).map(|(key, _)| key.clone()).collect()
}

/// The texts of a list, or the one text.
fn texts(value: Option<&Value>) -> Vec<&str> {
    match value {
        Some(Value::String(text)) => vec![text],
        Some(Value::Array(items)) => items.iter().filter_map(Value::as_str).collect(),
        _ => Vec::new(),
    }
}

/// The tests of a condition: operator, key (both in small letters), values.
fn tests(statement: &Value) -> Vec<(String, String, Vec<&str>)> {
    let operators = statement.get("Condition").and_then(Value::as_object).into_iter().flatten();
    let mut found: Vec<(String, String, Vec<&str>)> = operators
        .flat_map(|(operator, keys)| {
            let keys = keys.as_object().into_iter().flatten();
            keys.map(move |(key, values)| (operator.to_lowercase(), key.to_lowercase(), texts(Some(values))))
        })
        .collect();
    found.sort();
    found
}

fn is_added(statement: &Value, home: Home<'_>) -> bool {
    let sid = statement.get("Sid").and_then(Value::as_str).unwrap_or("");
    let log_delivery = |name: &str| sid.strip_prefix(name).is_some_and(|rest| rest.chars().all(|c| c.is_ascii_digit()));
    let Home { bucket, partition, region, account } = home;
    let arn = format!("arn:{partition}:s3:::{bucket}");
    // `arn:PARTITION:SERVICE:REGION:ACCOUNT:*` of this account, and of this region where that matters.
    let is_source = |text: &&str, service: &str, anywhere: bool| {
        let parts: Vec<&str> = text.splitn(6, ':').collect();
        matches!(parts[..], ["arn", p, s, r, a, "*"] if p == partition && s == service && a == account && (anywhere || r == region))
    };
    // `BUCKET/[PREFIX/]AWSLogs/ACCOUNT/END`, with a prefix that is written out.
    let is_folder = |text: &&str, end: &str| {
        let inside = text.strip_prefix(&arn).and_then(|rest| rest.strip_suffix(end));
        let prefix = inside.and_then(|rest| rest.strip_suffix(&format!("/AWSLogs/{account}/")));
        prefix.is_some_and(|prefix| (prefix.is_empty() || prefix.starts_with('/')) && !prefix.contains(['*', '?', '$']))
    };
    let resources = texts(statement.get("Resource"));
    let (service, source, actions, right_resources): (&str, &str, &[&str], bool) = match () {
        () if sid == "AmazonBedrockLogsWrite" => {
            let right = resources.iter().all(|one| is_folder(one, "BedrockModelInvocationLogs/*"));
            ("bedrock.amazonaws.com", "bedrock", &["s3:putobject"], right)
        }
        () if log_delivery("AWSLogDeliveryWrite") => {
            let right = resources.iter().all(|one| is_folder(one, "*"));
            ("delivery.logs.amazonaws.com", "logs", &["s3:putobject"], right)
        }
        () if log_delivery("AWSLogDeliveryAclCheck") => {
            let right = resources.iter().all(|one| *one == arn);
            ("delivery.logs.amazonaws.com", "logs", &["s3:getbucketacl", "s3:listbucket"], right)
        }
        () => return false,
    };
    let known = ["Sid", "Effect", "Principal", "Action", "Resource", "Condition"];
    let members = statement.as_object().is_some_and(|members| members.keys().all(|name| known.contains(&&**name)));
    let principal = statement.get("Principal").and_then(Value::as_object);
    let is_principal = principal.is_some_and(|types| types.len() == 1 && texts(types.get("Service")) == [service]);
    let done = texts(statement.get("Action"));
    let is_action = !done.is_empty() && done.iter().all(|action| actions.contains(&&*action.to_lowercase()));
    let (mut of_account, mut of_source) = (false, false);
    let is_confined = tests(statement).into_iter().all(|(operator, key, values)| match (&*operator, &*key) {
        ("stringequals", "aws:sourceaccount") => {
            of_account = values == [account];
            of_account
        }
        ("arnlike", "aws:sourcearn") => {
            of_source = !values.is_empty() && values.iter().all(|one| is_source(one, source, source == "logs"));
            of_source
        }
        ("stringequals", "s3:x-amz-acl") => source == "logs" && values == ["bucket-owner-full-control"],
        _ => false,
    });
    statement.get("Effect") == Some(&json!("Allow"))
        && members
        && is_principal
        && is_action
        && !resources.is_empty()
        && right_resources
        && is_confined
        && of_account
        && of_source
}

/// The statements that services added beside those of `want`, by key: neither of a name that `want` has, nor saying the same.
pub(super) fn beside(live: &Value, want: &Value) -> Vec<(String, Value)> {
    let wanted = want.get(POLICY).and_then(|policy| policy.get("Statement")).and_then(Value::as_object);
    let alone = |statement: &Value| Policy::from_value(&json!({"Statement": [statement]})).ok();
    let is_wanted = |key: &str, statement: &Value| {
        wanted.into_iter().flatten().any(|(other, declared)| {
            other == key || alone(declared).zip(alone(statement)).is_some_and(|(one, two)| one.is_equal(&two))
        })
    };
    let keys = texts(live.get(ADDED));
    let statement = |key: &str| live.get(POLICY)?.get("Statement")?.get(key).cloned();
    let found = keys.into_iter().filter_map(|key| Some((key.to_owned(), statement(key)?)));
    found.filter(|(key, statement)| !is_wanted(key, statement)).collect()
}

/// Takes the statements that services added out of the managed part of a live tree.
pub(super) fn leave_out(managed: &mut Value, live: &Value, want: &Value) {
    let beside = beside(live, want);
    let Some(statements) = managed.pointer_mut("/policy/Statement").and_then(Value::as_object_mut) else { return };
    statements.retain(|key, _| !beside.iter().any(|(other, _)| other == key));
    // A policy of nothing but these is one that nobody wrote.
    if statements.is_empty() && !beside.is_empty() && want.get(POLICY).is_some_and(Value::is_null) {
        managed[POLICY] = Value::Null;
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const HOME: Home<'_> = Home { bucket: "logs-1", partition: "aws", region: "eu-west-1", account: "111122223333" };

    fn of_bedrock() -> Value {
        json!({
            "Sid": "AmazonBedrockLogsWrite", "Effect": "Allow", "Principal": {"Service": "bedrock.amazonaws.com"},
            "Action": "s3:PutObject", "Resource": "arn:aws:s3:::logs-1/in/AWSLogs/111122223333/BedrockModelInvocationLogs/*",
            "Condition": {
                "StringEquals": {"aws:SourceAccount": "111122223333"},
                "ArnLike": {"aws:SourceArn": "arn:aws:bedrock:eu-west-1:111122223333:*"},
            },
        })
    }

    fn of_logs() -> Value {
        json!({
            "Sid": "AWSLogDeliveryAclCheck20150319", "Effect": "Allow",
            "Principal": {"Service": "delivery.logs.amazonaws.com"},
            "Action": "s3:GetBucketAcl", "Resource": "arn:aws:s3:::logs-1",
            "Condition": {
                "StringEquals": {"aws:SourceAccount": ["111122223333"]},
                "ArnLike": {"aws:SourceArn": ["arn:aws:logs:us-east-1:111122223333:*"]},
            },
        })
    }

    fn is_known(statement: &Value) -> bool {
        let policy = Policy::from_value(&json!({"Version": "2012-10-17", "Statement": [statement]})).expect("a policy");
        !added(&policy.tree(), HOME).is_empty()
    }

    #[test]
    fn what_services_write_is_known() {
        assert!(is_known(&of_bedrock()));
        assert!(is_known(&of_logs()));
    }

    /// The name alone says nothing: each of these lets somebody else in, or more happen.
    #[test]
    fn what_looks_nearly_the_same_is_not() {
        let changes = [
            ("/Condition/StringEquals/aws:SourceAccount", json!("666666666666")),
            ("/Condition/ArnLike/aws:SourceArn", json!("arn:aws:bedrock:eu-west-1:666666666666:*")),
            ("/Condition/ArnLike/aws:SourceArn", json!("*")),
            ("/Condition/ArnLike", json!({})),
            ("/Condition/StringEquals", json!({})),
            ("/Condition", json!({})),
            ("/Principal", json!({"Service": ["bedrock.amazonaws.com", "ec2.amazonaws.com"]})),
            ("/Principal", json!("*")),
            ("/Action", json!(["s3:PutObject", "s3:GetObject"])),
            ("/Resource", json!("arn:aws:s3:::logs-1/*")),
            ("/Resource", json!("arn:aws:s3:::logs-1/*/AWSLogs/111122223333/BedrockModelInvocationLogs/*")),
            ("/Resource", json!("arn:aws:s3:::logs-1/AWSLogs/666666666666/BedrockModelInvocationLogs/*")),
            ("/Resource", json!("arn:aws:s3:::logs-12/AWSLogs/111122223333/BedrockModelInvocationLogs/*")),
            ("/Sid", json!("AmazonBedrockLogsWrite2")),
        ];
        for (place, value) in changes {
            let mut statement = of_bedrock();
            *statement.pointer_mut(place).expect(place) = value.clone();
            assert!(!is_known(&statement), "{place} {value}");
        }
    }
}
