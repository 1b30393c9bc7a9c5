//! Whether a service control policy may keep the reconciler from its work, or covers nothing at all.

use std::collections::BTreeMap;

use reconciler_model::codes;
use reconciler_model::direction::Direction;
use reconciler_model::kind::Situation;
use reconciler_model::plan::Proposal;
use reconciler_model::policy::{Effect, Policy, Statement};
use reconciler_model::tree;
use serde_json::{Value, json};

use crate::shared::organizations::spec::{CONTENT, TARGETS};
use crate::shared::organizations::steps::OrganizationContext;
use crate::shared::statements::{is_about, matches};

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

/// Condition keys that tell who calls. A negative test of the role itself is taken as the exemption that it nearly always is.
const ROLE: &[&str] = &["aws:principalarn", "aws:principalaccount"];
/// The name of the reconciler's role as it is set up.
const OWN_ROLE: &str = "bedrock-reconciler";
/// What FullAWSAccess says.
pub(crate) const ALLOW_ALL: &str =
    r#"{"Version":"2012-10-17","Statement":[{"Effect":"Allow","Action":"*","Resource":"*"}]}"#;
const CALLER: &[&str] = &["aws:principal", "aws:userid", "aws:username", "aws:via", "aws:calledvia", "aws:multifactor"];

/// Adds what should be known about the declared policy.
pub(super) fn note(situation: &Situation<'_>, proposal: &mut Proposal) {
    let target = situation.target;
    let targets: Vec<&str> = tree::get(target, &tree::Path::of([TARGETS]))
        .and_then(|targets| targets.as_object())
        .into_iter()
        .flat_map(|targets| targets.keys().map(String::as_str))
        .collect();
    let management = OrganizationContext::of(situation).management_account;
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

/// What it means that a policy of this content is attached where it is not declared. What is allowed by one more policy of a
/// target is allowed there.
pub(super) fn attached_direction(content: &Value) -> Direction {
    let Ok(policy) = Policy::from_value(content) else { return Direction::Unknown };
    match policy.statements().iter().all(|statement| statement.effect == Effect::Deny) {
        true => Direction::Strengthened,
        false => Direction::Weakened,
    }
}

/// Whether the statement of this name keeps the reconciler from its work.
pub(super) fn blinds(content: &Value, name: &str) -> bool {
    let Some(statement) = content.get("Statement").and_then(|statements| statements.get(name)) else { return false };
    let alone = json!({"Version": "2012-10-17", "Statement": { name: statement }});
    let Ok(policy) = Policy::from_value(&alone) else { return false };
    policy.statements().iter().any(|statement| {
        denies_the_caller(statement) == Some(true) && NEEDED.iter().any(|action| covers(statement, action))
    })
}

/// Whether live content may be attached before it is put right: it only denies, and not what the reconciler needs.
pub(super) fn harms_nobody(content: &Value) -> bool {
    let Ok(policy) = Policy::from_value(content) else { return false };
    policy.statements().iter().all(|statement| {
        statement.effect == Effect::Deny
            && (denies_the_caller(statement).is_none() || !NEEDED.iter().any(|action| covers(statement, action)))
    })
}

/// Why a policy of this content cannot be taken off a target where these others remain. Where no policy allows, nothing is
/// allowed, not even to undo it.
pub(super) fn holds_on(content: &Value, remaining: &[String]) -> Option<String> {
    if remaining.is_empty() {
        return Some(
            "it is the last one of its type there; attach another one first, such as FullAWSAccess".to_owned(),
        );
    }
    if attached_direction(content) == Direction::Strengthened {
        return None;
    }
    let remaining: Vec<Policy> = remaining.iter().filter_map(|text| Policy::from_text(text).ok()).collect();
    let allows = |action: &str| {
        let mut statements = remaining.iter().flat_map(|policy| policy.statements());
        statements.any(|statement| {
            statement.effect == Effect::Allow && statement.condition.is_empty() && covers(statement, action)
        })
    };
    let lost = NEEDED.iter().find(|action| !allows(action))?;
    Some(format!(
        "what remains there does not allow {lost} without a condition, which the reconciler needs; attach a policy that does \
         first, such as FullAWSAccess"
    ))
}

/// Whether a statement denies whoever calls: surely, perhaps (it asks who calls, and not by role), or `None` where it exempts
/// roles or asks for other things.
fn denies_the_caller(statement: &Statement) -> Option<bool> {
    if statement.effect != Effect::Deny {
        return None;
    }
    let tests: BTreeMap<String, ()> =
        statement.condition.values().flat_map(|tests| tests.keys()).map(|key| (key.folded(), ())).collect();
    if names_own_role(statement) {
        return Some(true);
    }
    let any = |words: &[&str]| tests.keys().any(|key| words.iter().any(|word| key.starts_with(word)));
    match tests.is_empty() {
        true => Some(true),
        false => (!any(ROLE) && any(CALLER)).then_some(false),
    }
}

/// Whether a statement is about the role of the reconciler: each of its tests asks for the role, and one pattern is its ARN.
fn names_own_role(statement: &Statement) -> bool {
    let is_positive = |operator: &str| {
        ["arnlike", "arnequals", "stringlike", "stringequals"].iter().any(|word| operator.starts_with(word))
    };
    let matches_role = |pattern: &str| {
        let pattern = pattern.to_ascii_lowercase();
        // The account is not known here: its part of the pattern may be anything.
        let name = pattern.split_once(":role/").map(|(_, name)| matches(name, OWN_ROLE));
        name.unwrap_or_else(|| matches(&pattern, &format!("arn:aws:iam::000000000000:role/{OWN_ROLE}")))
    };
    !statement.condition.is_empty()
        && statement.condition.iter().all(|(operator, tests)| {
            is_positive(&operator.folded())
                && tests.iter().all(|(key, values)| {
                    key.folded() == "aws:principalarn" && values.iter().any(|value| matches_role(value))
                })
        })
}

fn covers(statement: &Statement, action: &str) -> bool {
    is_about(statement, &action.to_ascii_lowercase())
}

#[cfg(test)]
mod tests {
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
        for (key, pattern, certain) in [
            ("aws:PrincipalArn", "arn:aws:iam::*:role/bedrock-reconciler", Some(true)),
            ("aws:PrincipalARN", "arn:aws:iam::*:*", Some(true)),
            ("aws:PrincipalArn", "arn:aws:iam::*:role/somebody-else", None),
        ] {
            let own = judged(with("bedrock:*", json!({"ArnLike": { key: pattern }})));
            assert_eq!(own, (certain, true), "{pattern}");
        }
        assert_eq!(
            judged(with("bedrock:CreateGuardrail", json!({"Null": {"aws:RequestTag/cost-center": "true"}}))).0,
            None
        );
        assert_eq!(judged(json!({"Effect": "Deny", "NotAction": "iam:*", "Resource": "*"})), (Some(true), true));
        assert_eq!(judged(json!({"Effect": "Allow", "Action": "*", "Resource": "*"})).0, None);
    }

    fn content(statements: &Value) -> Value {
        let policy = Policy::from_value(&json!({"Version": "2012-10-17", "Statement": statements})).expect("a policy");
        policy.tree()
    }

    /// One more attachment protects more only where nothing is allowed by it.
    #[test]
    fn what_allows_does_not_protect() {
        let deny = json!({"Sid": "No", "Effect": "Deny", "Action": "bedrock:InvokeModel", "Resource": "*"});
        let allow = json!({"Sid": "Yes", "Effect": "Allow", "Action": "*", "Resource": "*"});
        assert_eq!(attached_direction(&content(&json!([deny]))), Direction::Strengthened);
        assert_eq!(attached_direction(&content(&json!([deny, allow]))), Direction::Weakened);
        assert_eq!(attached_direction(&json!("no policy")), Direction::Unknown);
    }

    /// What only denies is taken off wherever another one remains; what allows, only where what remains allows too.
    #[test]
    fn what_remains_has_to_allow() {
        let deny = r#"{"Version":"2012-10-17","Statement":[{"Effect":"Deny","Action":"*","Resource":"*"}]}"#;
        let (denies, allows) = (deny.to_owned(), ALLOW_ALL.to_owned());
        let narrow = ALLOW_ALL.replace(r#""Action":"*""#, r#""Action":"bedrock:*""#);
        let own = |text: &str| Policy::from_text(text).expect("a policy").tree();
        assert!(holds_on(&own(deny), &[]).is_some_and(|why| why.contains("the last one of its type")));
        assert_eq!(holds_on(&own(deny), std::slice::from_ref(&denies)), None);
        assert_eq!(holds_on(&own(ALLOW_ALL), &[denies.clone(), allows]), None);
        for others in [[denies.clone()], [narrow]] {
            assert!(holds_on(&own(ALLOW_ALL), &others).is_some_and(|why| why.contains("does not allow")), "{others:?}");
        }
    }

    /// A Deny that keeps the reconciler out is told apart from others, and is not attached before it is put right.
    #[test]
    fn what_blinds_is_no_protection() {
        let text = content(&json!([
            {"Sid": "Blind", "Effect": "Deny", "Action": "bedrock:Get*", "Resource": "*",
             "Condition": {"ArnLike": {"aws:PrincipalArn": "arn:aws:iam::*:role/bedrock-reconciler"}}},
            {"Sid": "Guard", "Effect": "Deny", "Action": "bedrock-mantle:*", "Resource": "*"},
        ]));
        assert!(blinds(&text, "Blind") && !blinds(&text, "Guard"));
        assert!(!harms_nobody(&text));
        assert!(harms_nobody(&content(&json!([{"Effect": "Deny", "Action": "bedrock-mantle:*", "Resource": "*"}]))));
    }
}
