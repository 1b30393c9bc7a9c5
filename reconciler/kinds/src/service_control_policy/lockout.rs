//! Whether a service control policy may keep the reconciler from its work, or covers nothing at all.

use std::collections::BTreeMap;

use reconciler_model::codes;
use reconciler_model::kind::Situation;
use reconciler_model::plan::Proposal;
use reconciler_model::policy::{Effect, Policy, Scope, Statement};
use reconciler_model::tree;

use crate::organizations::spec::{CONTENT, TARGETS};
use crate::organizations::steps::Surroundings;

/// Actions that the reconciler needs in the accounts that it looks after: one of each service for reading, and those that
/// restore. Not complete; it is to find the statements that deny whole services.
const NEEDED: &[&str] = &[
    "bedrock:GetGuardrail",
    "bedrock:ListGuardrails",
    "bedrock:CreateGuardrail",
    "bedrock:UpdateGuardrail",
    "bedrock:CreateGuardrailVersion",
    "bedrock:PutEnforcedGuardrailConfiguration",
    "bedrock:PutModelInvocationLoggingConfiguration",
    "cloudtrail:PutEventSelectors",
    "cloudtrail:StartLogging",
    "cloudtrail:UpdateTrail",
    "ec2:CreateVpcEndpoint",
    "ec2:ModifyVpcEndpoint",
    "iam:GetRole",
    "iam:PutRolePolicy",
    "kms:PutKeyPolicy",
    "logs:CreateLogGroup",
    "logs:PutRetentionPolicy",
    "s3:PutBucketPolicy",
    "sts:AssumeRole",
];

/// Condition keys that tell who calls. A test of the role itself is taken as the exemption that it nearly always is.
const ROLE: &[&str] = &["aws:principalarn", "aws:principalaccount"];
const CALLER: &[&str] = &["aws:principal", "aws:userid", "aws:username", "aws:via", "aws:calledvia", "aws:multifactor"];

/// Adds what should be known about the declared policy.
pub(super) fn note(situation: &Situation<'_>, proposal: &mut Proposal) {
    let target = situation.target;
    let targets: Vec<&str> = tree::get(target, &tree::Path::of([TARGETS]))
        .and_then(|targets| targets.as_object())
        .into_iter()
        .flat_map(|targets| targets.keys().map(String::as_str))
        .collect();
    let management = Surroundings::of(situation).management_account;
    if targets.contains(&management.as_str()) {
        let detail = format!("{management} is the management account, which no service control policy affects");
        proposal.notes.push((codes::NOT_COVERED, detail));
    }
    if targets.iter().all(|target| *target == management) {
        return;
    }
    let Some(policy) = target.get(CONTENT).and_then(|content| Policy::from_value(content).ok()) else { return };
    for (index, statement) in policy.statements().iter().enumerate() {
        let Some(certain) = denies_the_caller(statement) else { continue };
        let Some(action) = NEEDED.iter().find(|action| covers(statement, action)) else { continue };
        let name = statement.sid.clone().unwrap_or_else(|| format!("number {}", index + 1));
        let detail = format!(
            "the statement {name} {} {action}, which the reconciler needs in the accounts below {}; exempt its role with \
             ArnNotLike aws:PrincipalArn",
            if certain { "denies" } else { "may deny" },
            targets.join(", ")
        );
        proposal.notes.push((codes::LOCK_OUT, detail));
    }
}

/// Whether a statement denies whoever calls: surely, perhaps (it asks who calls, and not by role), or `None` where it exempts
/// roles or asks for other things.
fn denies_the_caller(statement: &Statement) -> Option<bool> {
    if statement.effect != Effect::Deny {
        return None;
    }
    let tests: BTreeMap<String, ()> =
        statement.condition.values().flat_map(|tests| tests.keys()).map(|key| (key.folded(), ())).collect();
    let any = |words: &[&str]| tests.keys().any(|key| words.iter().any(|word| key.starts_with(word)));
    match tests.is_empty() {
        true => Some(true),
        false => (!any(ROLE) && any(CALLER)).then_some(false),
    }
}

fn covers(statement: &Statement, action: &str) -> bool {
    let action = action.to_ascii_lowercase();
    let any = |listed: &std::collections::BTreeSet<reconciler_model::policy::Caseless>| {
        listed.iter().any(|pattern| matches(&pattern.folded(), &action))
    };
    match &statement.action {
        Scope::Unsaid => false,
        Scope::Only(listed) => any(listed),
        Scope::AllBut(listed) => !any(listed),
    }
}

/// Whether a pattern of `*` and `?` matches a whole text.
fn matches(pattern: &str, text: &str) -> bool {
    let (pattern, text) = (pattern.as_bytes(), text.as_bytes());
    let (mut at, mut upto) = (0, 0);
    let mut star: Option<(usize, usize)> = None;
    while upto < text.len() {
        match pattern.get(at) {
            Some(b'*') => {
                star = Some((at, upto));
                at += 1;
            }
            Some(letter) if *letter == b'?' || *letter == text[upto] => {
                (at, upto) = (at + 1, upto + 1);
            }
            _ => {
                // Let the last star take one more letter.
                let Some((began, taken)) = star else { return false };
                star = Some((began, taken + 1));
                (at, upto) = (began + 1, taken + 1);
            }
        }
    }
    pattern[at..].iter().all(|letter| *letter == b'*')
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn judged(statement: serde_json::Value) -> (Option<bool>, bool) {
        let policy = Policy::from_value(&json!({"Version": "2012-10-17", "Statement": [statement]})).expect("a policy");
        let statement = &policy.statements()[0];
        (denies_the_caller(statement), NEEDED.iter().any(|action| covers(statement, action)))
    }

    /// The statements that the documentation gives for Bedrock do not lock anybody out; a bare denial does.
    #[test]
    fn only_statements_that_lock_out_are_told() {
        let with = |action: &str, condition: serde_json::Value| json!({"Effect": "Deny", "Action": action, "Resource": "*", "Condition": condition});
        assert_eq!(judged(with("bedrock:*", json!({}))), (Some(true), true));
        assert_eq!(judged(with("bedrock:Update*", json!({}))), (Some(true), true));
        assert_eq!(judged(with("bedrock-mantle:CreateInference", json!({}))), (Some(true), false));
        assert_eq!(
            judged(with("bedrock:*", json!({"StringNotLike": {"aws:PrincipalTag/team": "security"}}))),
            (Some(false), true)
        );
        let exempt = json!({"ArnNotLike": {"aws:PrincipalArn": "arn:aws:iam::*:role/bedrock-reconciler"}});
        assert_eq!(judged(with("bedrock:*", exempt)), (None, true));
        assert_eq!(
            judged(with("bedrock:CreateGuardrail", json!({"Null": {"aws:RequestTag/cost-center": "true"}}))).0,
            None
        );
        assert_eq!(judged(json!({"Effect": "Deny", "NotAction": "iam:*", "Resource": "*"})), (Some(true), true));
        assert_eq!(judged(json!({"Effect": "Allow", "Action": "*", "Resource": "*"})).0, None);
    }

    #[test]
    fn patterns_match_whole_texts() {
        for (pattern, text, matched) in [
            ("*", "bedrock:getguardrail", true),
            ("bedrock:get*rail", "bedrock:getguardrail", true),
            ("bedrock:get", "bedrock:getguardrail", false),
            ("*guard*guard*", "bedrock:getguardrail", false),
            ("?edrock:getguardrail**", "bedrock:getguardrail", true),
        ] {
            assert_eq!(matches(pattern, text), matched, "{pattern} {text}");
        }
    }
}
