//! Which roles Bedrock may assume, and by which statements of their trust.

use reconciler_model::policy::{Effect, Policy, Scope, Statement};
use serde_json::{Value, json};

use super::spec::TRUST;

/// What the names of Bedrock's service principals begin with.
const BEDROCK: &str = "bedrock";
const SERVICE: &str = "Service";

fn is_bedrock(service: &str) -> bool {
    service.get(..BEDROCK.len()).is_some_and(|head| head.eq_ignore_ascii_case(BEDROCK)) || service == "*"
}

/// The service principals of Bedrock that a statement allows.
fn allowed(statement: &Statement) -> Vec<&str> {
    match &statement.principal {
        Scope::Only(types) if statement.effect == Effect::Allow => {
            let services = types.get(SERVICE).into_iter().flatten();
            services.map(String::as_str).filter(|service| is_bedrock(service)).collect()
        }
        _ => Vec::new(),
    }
}

/// Whether a statement allows whoever is not named, or everybody: Bedrock is among them.
fn is_open(statement: &Statement) -> bool {
    statement.effect == Effect::Allow
        && match &statement.principal {
            Scope::Unsaid => false,
            Scope::AllBut(_) => true,
            Scope::Only(types) => types.values().flatten().any(|name| name == "*"),
        }
}

/// Whether a trust lets Bedrock assume its role. One that cannot be read may.
pub(super) fn lets_bedrock_in(document: &str) -> bool {
    match Policy::from_text(document) {
        Ok(policy) => policy.statements().iter().any(|one| is_open(one) || !allowed(one).is_empty()),
        Err(_) => document.to_ascii_lowercase().contains(BEDROCK),
    }
}

/// The tree with what its trust says of Bedrock alone: what others may do is no business of its controls.
pub(super) fn of_bedrock(live: &Value) -> Value {
    let mut tree = live.clone();
    let Some(document) = tree.get_mut(TRUST) else { return tree };
    let Ok(policy) = Policy::from_value(document) else { return tree };
    *document = policy.tree();
    // The statements of the tree are those of the policy, by name.
    let is_open = |statement: &Value| {
        let alone = json!({"Version": "2012-10-17", "Statement": { "it": statement }});
        Policy::from_value(&alone).is_ok_and(|alone| alone.statements().iter().any(is_open))
    };
    if let Some(statements) = document.get_mut("Statement").and_then(Value::as_object_mut) {
        statements.retain(|_, statement| {
            if statement["Effect"] != Effect::Allow.word() || is_open(statement) {
                return true;
            }
            let services = statement["Principal"][SERVICE].as_array().cloned().unwrap_or_default();
            let own: Value = services.into_iter().filter(|service| service.as_str().is_some_and(is_bedrock)).collect();
            let is_own = own.as_array().is_some_and(|own| !own.is_empty());
            statement["Principal"] = json!({ SERVICE: own });
            is_own
        });
    }
    tree
}

/// Whether the trust of a role lets Bedrock in.
pub(super) fn is_of_bedrock(live: &Value) -> bool {
    let tree = of_bedrock(live);
    let statements = tree.get(TRUST).and_then(|document| document.get("Statement")).and_then(Value::as_object);
    statements.is_some_and(|statements| !statements.is_empty())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn trust(principal: &Value) -> String {
        json!({"Version": "2012-10-17", "Statement": {"Effect": "Allow", "Principal": principal, "Action": "sts:AssumeRole"}})
            .to_string()
    }

    #[test]
    fn a_role_of_bedrock_is_known_by_its_trust() {
        for (principal, expected) in [
            (json!({"Service": "bedrock.amazonaws.com"}), true),
            (json!({"Service": ["lambda.amazonaws.com", "bedrock-agentcore.amazonaws.com"]}), true),
            (json!({"Service": "lambda.amazonaws.com"}), false),
            (json!({"AWS": "arn:aws:iam::111122223333:role/bedrock"}), false),
            (json!("*"), true),
            (json!({"AWS": "*"}), true),
        ] {
            assert_eq!(lets_bedrock_in(&trust(&principal)), expected, "{principal}");
        }
        assert!(lets_bedrock_in("{\"Statement\": bedrock"));
        let but_one = json!({"AWS": "arn:aws:iam::111122223333:root"});
        assert!(lets_bedrock_in(&trust(&but_one).replace("\"Principal\"", "\"NotPrincipal\"")));
    }

    #[test]
    fn what_others_may_do_is_left_out() {
        let document = json!({"Version": "2012-10-17", "Statement": [
            {"Sid": "A", "Effect": "Allow", "Principal": {"Service": ["bedrock.amazonaws.com", "lambda.amazonaws.com"]}, "Action": "sts:AssumeRole"},
            {"Sid": "B", "Effect": "Allow", "Principal": {"Service": "ec2.amazonaws.com"}, "Action": "sts:AssumeRole"},
            {"Sid": "C", "Effect": "Allow", "Principal": "*", "Action": "sts:AssumeRole"},
        ]});
        let live = json!({ TRUST: Policy::from_value(&document).expect("a policy").tree() });
        let seen = of_bedrock(&live);
        assert_eq!(seen[TRUST]["Statement"].as_object().expect("statements").len(), 2);
        assert_eq!(seen[TRUST]["Statement"]["A"]["Principal"], json!({"Service": ["bedrock.amazonaws.com"]}));
    }
}
