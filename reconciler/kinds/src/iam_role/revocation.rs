//! The inline policy by which the console of IAM revokes the sessions of a role.
//!
//! It denies everything to sessions that began before an instant. Somebody who answers to an incident writes it; a reconciler
//! that took it away would give stolen sessions back. It has one name and one shape:
//! `{"Effect": "Deny", "Action": "*", "Resource": "*", "Condition": {"DateLessThan": {"aws:TokenIssueTime": INSTANT}}}`.

use std::collections::BTreeSet;

use reconciler_model::policy::{Effect, Policy, Statement};
use serde_json::{Value, json};

/// The name that the console gives it.
pub(super) const NAME: &str = "AWSRevokeOlderSessions";

/// Whether an inline policy, as an element of the tree, is such a revocation and nothing else.
pub(super) fn is_one(name: &str, element: &Value) -> bool {
    name == NAME && instant(element).is_some()
}

/// The instant before which sessions are revoked, in the spelling that all of its own share.
pub(super) fn instant(element: &Value) -> Option<&str> {
    let statements = element.get("policyDocument")?.get("Statement")?.as_object()?;
    let mut statements = statements.values();
    let (Some(statement), None) = (statements.next(), statements.next()) else { return None };
    let instants = statement.pointer("/Condition/DateLessThan/aws:TokenIssueTime")?.as_array()?;
    let [Value::String(instant)] = instants.as_slice() else { return None };
    let mut expected = json!({
        "Effect": "Deny", "Action": ["*"], "Resource": ["*"],
        "Condition": {"DateLessThan": {"aws:TokenIssueTime": [instant]}},
    });
    if let Some(sid) = statement.get("Sid") {
        expected["Sid"] = sid.clone();
    }
    (*statement == expected).then_some(instant)
}

/// Whether a statement denies nothing but to sessions that began before an instant, whatever its policy is called.
pub(super) fn revokes(statement: &Statement) -> bool {
    statement.effect == Effect::Deny && instants_of(statement).is_some()
}

/// The instants before which the inline policies of a role deny something to its sessions.
pub(super) fn instants(inline: &Value) -> Vec<String> {
    let elements = inline.as_object().into_iter().flat_map(|all| all.values());
    let policies = elements.filter_map(|element| Policy::from_value(element.get("policyDocument")?).ok());
    let all = policies.flat_map(|policy| {
        policy.statements().iter().filter_map(instants_of).flatten().cloned().collect::<Vec<String>>()
    });
    all.collect()
}

fn instants_of(statement: &Statement) -> Option<&BTreeSet<String>> {
    let mut tests =
        statement.condition.iter().flat_map(|(operator, tests)| tests.iter().map(move |test| (operator, test)));
    let (Some((operator, (key, instants))), None) = (tests.next(), tests.next()) else { return None };
    let is_before = ["datelessthan", "datelessthanequals"].contains(&operator.folded().as_str());
    (is_before && key.folded() == "aws:tokenissuetime").then_some(instants)
}

#[cfg(test)]
mod tests {
    use reconciler_model::kind::{Kind, Origin};

    use super::*;
    use crate::iam_role::IamRole;

    fn element(document: &Value) -> Value {
        let spec = json!({"rolePolicyList": [{"policyName": NAME, "policyDocument": document}]});
        IamRole.normalise(&spec, Origin::Live).tree[super::super::spec::INLINE][NAME].clone()
    }

    fn document(effect: &str, operator: &str, instant: &str) -> Value {
        json!({"Version": "2012-10-17", "Statement": [{
            "Effect": effect, "Action": ["*"], "Resource": ["*"], "Condition": {operator: {"aws:TokenIssueTime": instant}}}]})
    }

    #[test]
    fn only_the_shape_of_the_console_revokes() {
        let then = "2026-05-01T10:00:00.000Z";
        let own = element(&document("Deny", "DateLessThan", then));
        assert_eq!(instant(&own), Some("2026-05-01T10:00:00Z"));
        assert!(is_one(NAME, &own) && !is_one("other", &own));
        assert!(!is_one(NAME, &element(&document("Allow", "DateLessThan", then))));
        assert!(!is_one(NAME, &element(&document("Deny", "DateGreaterThan", then))));
        let mut two = document("Deny", "DateLessThan", then);
        let more = json!({"Effect": "Allow", "Action": "*", "Resource": "*"});
        two["Statement"].as_array_mut().expect("statements").push(more);
        assert!(!is_one(NAME, &element(&two)));
    }
}
