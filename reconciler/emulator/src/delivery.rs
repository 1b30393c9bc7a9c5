//! Whether a service can deliver logs with a role, as the service finds out when it is told to
//! (kinds/invocation_logging/README.md, Delivery role).
//!
//! # Caveats
//! - This is the one place where policies are evaluated, and only as far as this question goes: statements that allow and deny
//!   by action and resource, and the two conditions of the documented trust policy. Other conditions hold.
//! - A role with an attached policy may deliver: managed policies are not looked into.

use serde_json::{Map, Value};

use crate::documents::statements;

/// What a role says of itself.
#[derive(Clone, Debug, Default)]
pub(crate) struct Role {
    pub(crate) trust: String,
    /// Inline policies.
    pub(crate) inline: Vec<String>,
    pub(crate) has_attached: bool,
}

impl Role {
    /// Whether `service` may take the role for a resource of its own, such as `arn:aws:bedrock:eu-west-1:111122223333:*`.
    pub(crate) fn trusts(&self, service: &str, account: &str, source: &str) -> bool {
        let Ok(trust) = serde_json::from_str::<Value>(&self.trust) else { return false };
        let fits = |statement: &&Map<String, Value>| {
            let services = statement.get("Principal").and_then(|principal| principal.get("Service"));
            texts(services).contains(&service)
                && texts(statement.get("Action")).iter().any(|action| covers(action, "sts:AssumeRole"))
                && condition(statement, "aws:SourceAccount", |wanted| wanted == account)
                && condition(statement, "aws:SourceArn", |wanted| covers(wanted, source) || covers(source, wanted))
        };
        let rows = statements(&trust).unwrap_or_default();
        let allowed = rows.iter().any(|row| row["Effect"] == "Allow" && fits(row));
        allowed && !rows.iter().any(|row| row["Effect"] == "Deny" && fits(row))
    }

    /// Whether its policies allow the action on the resource.
    pub(crate) fn may(&self, action: &str, resource: &str) -> bool {
        let documents: Vec<Value> = self.inline.iter().filter_map(|text| serde_json::from_str(text).ok()).collect();
        let rows: Vec<&Map<String, Value>> = documents.iter().filter_map(statements).flatten().collect();
        let fits = |row: &Map<String, Value>| {
            let named = |member: &str, value: &str| texts(row.get(member)).iter().any(|one| covers(one, value));
            named("Action", action) && named("Resource", resource)
        };
        let allowed = self.has_attached || rows.iter().any(|row| row["Effect"] == "Allow" && fits(row));
        allowed && !rows.iter().any(|row| row["Effect"] == "Deny" && fits(row))
    }
}

/// Whether every value that the statement demands of a key holds, or it demands none.
fn condition(statement: &Map<String, Value>, key: &str, holds: impl Fn(&str) -> bool) -> bool {
    let operators = statement.get("Condition").and_then(Value::as_object);
    let demanded = operators.into_iter().flat_map(Map::values).filter_map(Value::as_object).flatten();
    let mut demanded = demanded.filter(|(name, _)| name.eq_ignore_ascii_case(key));
    demanded.all(|(_, values)| texts(Some(values)).into_iter().any(&holds))
}

/// A text or a list of texts.
fn texts(value: Option<&Value>) -> Vec<&str> {
    match value {
        Some(Value::String(text)) => vec![text],
        Some(Value::Array(items)) => items.iter().filter_map(Value::as_str).collect(),
        _ => Vec::new(),
    }
}

/// `*` is any text and `?` any character; letter case does not count in actions, and in ARNs nothing here depends on it.
fn covers(pattern: &str, text: &str) -> bool {
    fn walk(pattern: &[u8], text: &[u8]) -> bool {
        match (pattern.split_first(), text.split_first()) {
            (None, None) => true,
            (Some((b'*', rest)), _) => (0..=text.len()).any(|at| walk(rest, text.get(at..).unwrap_or_default())),
            (Some((b'?', rest)), Some((_, text))) => walk(rest, text),
            (Some((expected, rest)), Some((actual, text))) => expected.eq_ignore_ascii_case(actual) && walk(rest, text),
            _ => false,
        }
    }
    walk(pattern.as_bytes(), text.as_bytes())
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    const GROUP: &str = "arn:aws:logs:eu-west-1:111122223333:log-group:/l:log-stream:aws/bedrock/modelinvocations";

    fn role(trust: &Value, policy: &Value) -> Role {
        let document = |statement: &Value| json!({"Version": "2012-10-17", "Statement": [statement]}).to_string();
        Role { trust: document(trust), inline: vec![document(policy)], has_attached: false }
    }

    #[test]
    fn the_documented_role_may_deliver_and_lesser_ones_may_not() {
        let trust = |account: &str, region: &str| {
            json!({"Effect": "Allow", "Principal": {"Service": "bedrock.amazonaws.com"}, "Action": "sts:AssumeRole",
                "Condition": {"StringEquals": {"aws:SourceAccount": account}, "ArnLike": {"aws:SourceArn": format!("arn:aws:bedrock:{region}:{account}:*")}}})
        };
        let policy = |action: Value, group: &str| json!({"Effect": "Allow", "Action": action, "Resource": GROUP.replace("/l", group)});
        let both = json!(["logs:CreateLogStream", "logs:PutLogEvents"]);
        let trusts = |role: &Role| {
            role.trusts("bedrock.amazonaws.com", "111122223333", "arn:aws:bedrock:eu-west-1:111122223333:*")
        };
        let good = role(&trust("111122223333", "*"), &policy(both.clone(), "/l"));
        assert!(trusts(&good) && good.may("logs:PutLogEvents", GROUP) && good.may("logs:CreateLogStream", GROUP));
        assert!(trusts(&role(&trust("111122223333", "eu-west-1"), &policy(both.clone(), "*"))));
        assert!(!trusts(&role(&trust("999999999999", "eu-west-1"), &policy(both.clone(), "/l"))));
        assert!(!trusts(&role(&trust("111122223333", "us-east-1"), &policy(both.clone(), "/l"))));
        let lambda =
            json!({"Effect": "Allow", "Principal": {"Service": "lambda.amazonaws.com"}, "Action": "sts:AssumeRole"});
        assert!(!trusts(&role(&lambda, &policy(both.clone(), "/l"))));
        assert!(!role(&lambda, &policy(json!("logs:CreateLogStream"), "/l")).may("logs:PutLogEvents", GROUP));
        assert!(!role(&lambda, &policy(both, "/other")).may("logs:PutLogEvents", GROUP));
    }
}
