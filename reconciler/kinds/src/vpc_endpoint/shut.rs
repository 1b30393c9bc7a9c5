//! A policy that lets hardly anybody through. It protects more than declared and is kept, but it is reported: perhaps nobody can
//! use the endpoint any more, this tool included.

use std::collections::BTreeSet;

use reconciler_model::codes;
use reconciler_model::inventory::ObservedResource;
use reconciler_model::policy::{Effect, Policy, Scope, Statement};
use serde_json::Value;

use super::spec::POLICY;
use crate::shared::statements::{is_about, is_about_its_resources};

/// What is to be known of the policy of a live endpoint, beside what a declaration says.
pub(super) fn notes(live: &ObservedResource, want: &Value) -> Vec<(&'static str, String)> {
    let read = |tree: &Value| Policy::from_value(tree.get(POLICY)?).ok();
    let (Some(live), Some(want)) = (read(&live.tree), read(want)) else { return Vec::new() };
    if lets_nobody_in(&live) {
        let detail = "its policy denies everybody what it allows: nobody can use the endpoint, this tool neither where it goes \
                      through it. It is kept, because a denial protects; take it out where it is not meant";
        return vec![(codes::SHUT, detail.to_owned())];
    }
    let declared: BTreeSet<(String, String)> =
        want.statements().iter().filter(|one| allows(one)).flat_map(tests).collect();
    let live = live.statements().iter().filter(|one| allows(one));
    let added: BTreeSet<String> = live
        .flat_map(tests)
        .filter(|test| !declared.contains(test))
        .map(|(operator, key)| format!("{operator} {key}"))
        .collect();
    if added.is_empty() {
        return Vec::new();
    }
    let added = added.into_iter().collect::<Vec<_>>().join(", ");
    let detail = format!(
        "its policy allows under conditions that nobody declared ({added}): where callers do not meet them, nobody can use the \
         endpoint, this tool neither where it goes through it. They are kept, because they protect; take them out where they are \
         not meant"
    );
    vec![(codes::SHUT, detail)]
}

fn allows(statement: &Statement) -> bool {
    statement.effect == Effect::Allow
}

/// The operators and keys of the conditions of a statement.
fn tests(statement: &Statement) -> Vec<(String, String)> {
    let of =
        |operator: &str, keys: Vec<String>| keys.into_iter().map(|key| (operator.to_owned(), key)).collect::<Vec<_>>();
    let all = statement.condition.iter();
    all.flat_map(|(operator, tests)| of(&operator.folded(), tests.keys().map(|key| key.folded()).collect())).collect()
}

/// Whether nothing is allowed, or everything that is allowed is denied to everybody without a condition.
fn lets_nobody_in(policy: &Policy) -> bool {
    let denials: Vec<&Statement> =
        policy.statements().iter().filter(|one| !allows(one) && is_for_everybody(one)).collect();
    let is_denied = |action: &str, granted: &Statement| {
        denials.iter().any(|denial| is_about(denial, action) && is_about_its_resources(denial, granted))
    };
    policy.statements().iter().filter(|one| allows(one)).all(|granted| match &granted.action {
        Scope::Only(actions) => actions.iter().all(|action| is_denied(&action.folded(), granted)),
        _ => is_denied("*", granted),
    })
}

fn is_for_everybody(statement: &Statement) -> bool {
    let is_everybody =
        matches!(&statement.principal, Scope::Only(of) if of.get("AWS").is_some_and(|names| names.contains("*")));
    statement.condition.is_empty() && is_everybody
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn policy(statements: &Value) -> Policy {
        Policy::from_value(&json!({"Version": "2012-10-17", "Statement": statements})).expect("a policy")
    }

    #[test]
    fn who_denies_everybody_lets_nobody_in() {
        let allow = json!({"Effect": "Allow", "Principal": "*", "Action": "bedrock:*", "Resource": "*", "Condition": {"StringEquals": {"aws:PrincipalOrgID": "o-a"}}});
        let deny = |action: &str, principal: &Value, condition: &Value| json!({"Effect": "Deny", "Principal": principal, "Action": action, "Resource": "*", "Condition": condition});
        let (all, none) = (json!("*"), json!({}));
        for (denial, expected) in [
            (deny("*", &all, &none), true),
            (deny("bedrock:*", &json!({"AWS": "*"}), &none), true),
            (deny("bedrock:Get*", &all, &none), false),
            (deny("*", &json!({"AWS": "111122223333"}), &none), false),
            (deny("*", &all, &json!({"StringNotEquals": {"aws:PrincipalOrgID": "o-a"}})), false),
        ] {
            assert_eq!(lets_nobody_in(&policy(&json!([allow, denial]))), expected, "{denial}");
        }
        assert!(lets_nobody_in(&policy(&json!([deny("*", &all, &none)]))));
    }
}
