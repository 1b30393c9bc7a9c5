//! What a role is really allowed, beside what its own policies say: the contents of its boundary and of attached policies
//! belong to policies of their own, which others can give another content without touching the role.
//!
//! Judged is what needs no declaration of those contents: a boundary or an attached policy that keeps the role from what it is
//! granted, and an attached policy that grants everything. A declaration with `policyDocument` holds all of the content.

use reconciler_model::policy::{Effect, Policy, Scope};
use serde_json::{Map, Value, json};

use super::spec::{ATTACHED, BOUNDARY, ELSEWHERE, INLINE};
use crate::shared::normal::OVERRULED;
use crate::shared::statements::{allowed, is_about, is_about_its_resources, may_be_about};

/// What a policy that allows everything allows among the rest: whoever has these can give himself any other.
const EVERYTHING: &[&str] = &["iam:putrolepolicy", "kms:decrypt", "s3:getobject", "bedrock:invokemodel"];

/// The content of a boundary, or of an attached policy, where it was read.
fn document(holder: &Value) -> Option<Policy> {
    Policy::from_value(holder.get("policyDocument")?).ok()
}

/// What stands against the role's own policies, by the ARN of the policy that does.
pub(super) fn of(tree: &Value) -> Map<String, Value> {
    let elements = |list: &str| tree.get(list).and_then(Value::as_object).into_iter().flatten();
    let attached: Vec<(&String, Policy)> =
        elements(ATTACHED).filter_map(|(arn, element)| Some((arn, document(element)?))).collect();
    let inline: Vec<Policy> = elements(INLINE).filter_map(|(_, element)| document(element)).collect();
    // The grants that are blocked, and the attached policies that grant some of them. Attached policies may have grown;
    // inline policies are held themselves.
    let kept = |other: &Policy, is_boundary: bool| {
        let mut actions = kept_from(&inline, other, is_boundary);
        let mut granted_by = Vec::new();
        for (arn, policy) in &attached {
            let kept = kept_from(std::slice::from_ref(policy), other, is_boundary);
            if !kept.is_empty() {
                granted_by.push(*arn);
                actions.extend(kept);
            }
        }
        actions.sort();
        actions.dedup();
        match (actions.is_empty(), granted_by.is_empty()) {
            (true, _) => None,
            (false, true) => Some(json!({ "keepsFrom": actions })),
            (false, false) => Some(json!({ "keepsFrom": actions, "grantedBy": granted_by })),
        }
    };
    let mut found = Map::new();
    for (arn, policy) in &attached {
        if grants_everything(policy) {
            found.insert((*arn).clone(), json!({ "allows": "*" }));
        } else if let Some(kept) = kept(policy, false) {
            found.insert((*arn).clone(), kept);
        }
    }
    let boundary = tree.get(BOUNDARY).unwrap_or(&Value::Null);
    if let (Some(arn), Some(policy)) = (boundary["permissionsBoundaryArn"].as_str(), document(boundary))
        && let Some(kept) = kept(&policy, true)
    {
        found.insert(arn.to_owned(), kept);
    }
    found
}

/// Whether one statement allows everything, on everything, always.
fn grants_everything(policy: &Policy) -> bool {
    policy.statements().iter().any(|statement| {
        statement.effect == Effect::Allow
            && statement.condition.is_empty()
            && matches!(&statement.resource, Scope::Only(all) if all.contains("*"))
            && EVERYTHING.iter().all(|action| is_about(statement, action))
    })
}

/// The granted actions that another policy blocks: it denies them without a condition or, as a boundary, does not allow them.
fn kept_from(own: &[Policy], other: &Policy, is_boundary: bool) -> Vec<String> {
    let mut kept: Vec<String> = own
        .iter()
        .flat_map(allowed)
        .filter(|(action, granted)| {
            let mut statements = other.statements().iter();
            let denies = statements.clone().any(|statement| {
                statement.effect == Effect::Deny
                    && statement.condition.is_empty()
                    && is_about(statement, action)
                    && is_about_its_resources(statement, granted)
            });
            let allows =
                statements.any(|statement| statement.effect == Effect::Allow && may_be_about(statement, action));
            denies || (is_boundary && !allows)
        })
        .map(|(action, _)| action)
        .collect();
    kept.sort();
    kept.dedup();
    kept
}

/// Takes out of the comparison what a declaration says itself, or leaves to others; and contents that it does not hold.
pub(super) fn leave_out(managed: &mut Value, want: &Value) {
    let mut settled: Vec<String> = Vec::new();
    let mut align = |managed: Option<&mut Value>, want: Option<&Value>, arn: &str| {
        let (Some(managed), Some(want)) = (managed.and_then(Value::as_object_mut), want) else { return };
        match want.get("policyDocument") {
            None => drop(managed.remove("policyDocument")),
            Some(wanted) => {
                // One that could not be read is a gap, and no difference.
                managed.entry("policyDocument").or_insert_with(|| wanted.clone());
                settled.push(arn.to_owned());
            }
        }
        if want[ELSEWHERE] == true {
            settled.push(arn.to_owned());
        }
    };
    let attached = managed.get_mut(ATTACHED).and_then(Value::as_object_mut).into_iter().flatten();
    for (arn, element) in attached {
        match want.get(ATTACHED).and_then(|all| all.get(arn)) {
            Some(wanted) => align(Some(element), Some(wanted), arn),
            // What is not declared is shown by its name.
            None => drop(element.as_object_mut().and_then(|element| element.remove("policyDocument"))),
        }
    }
    if let Some(wanted) = want.get(BOUNDARY).filter(|wanted| wanted.is_object()) {
        let arn = wanted["permissionsBoundaryArn"].as_str().unwrap_or_default().to_owned();
        align(managed.get_mut(BOUNDARY), Some(wanted), &arn);
    } else if let Some(boundary) = managed.get_mut(BOUNDARY).and_then(Value::as_object_mut) {
        boundary.remove("policyDocument");
    }
    if let Some(overruled) = managed.get_mut(OVERRULED).and_then(Value::as_object_mut) {
        overruled.retain(|arn, _| !settled.contains(arn));
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn policy(statements: &Value) -> Value {
        let document = json!({"Version": "2012-10-17", "Statement": statements});
        json!({ "policyDocument": Policy::from_value(&document).expect("a policy").tree() })
    }

    fn judged(boundary: &Value, attached: &Value) -> Map<String, Value> {
        let grant = json!([{"Effect": "Allow", "Action": ["logs:PutLogEvents", "logs:Create*"], "Resource": "arn:aws:logs:*:*:*"}]);
        let mut boundary = policy(boundary);
        boundary["permissionsBoundaryArn"] = json!("bound");
        of(&json!({ INLINE: {"write": policy(&grant)}, ATTACHED: {"att": policy(attached)}, BOUNDARY: boundary }))
    }

    #[test]
    fn what_keeps_a_role_from_its_work_is_told_and_what_leaves_it_some_is_not() {
        let some = json!([{"Effect": "Allow", "Action": "logs:*", "Resource": "*"}]);
        let none = json!([{"Effect": "Deny", "Action": "*", "Resource": "*"}]);
        let apart = json!([{"Effect": "Allow", "Action": "ec2:*", "Resource": "*"}]);
        let harmless = json!([{"Effect": "Deny", "Action": "iam:*", "Resource": "*"}]);
        let both = json!(["logs:create*", "logs:putlogevents"]);
        assert_eq!(judged(&some, &harmless), Map::new());
        assert_eq!(judged(&none, &harmless)["bound"]["keepsFrom"], both);
        assert_eq!(judged(&apart, &harmless)["bound"]["keepsFrom"], both);
        assert_eq!(judged(&some, &none)["att"]["keepsFrom"], both);
        let one = json!([{"Effect": "Deny", "Action": "logs:Put*", "Resource": "arn:aws:logs:*"}]);
        assert_eq!(judged(&some, &one)["att"]["keepsFrom"], json!(["logs:putlogevents"]));
        let elsewhere = json!([{"Effect": "Deny", "Action": "logs:Put*", "Resource": "arn:aws:logs:eu-west-1:*"}]);
        assert_eq!(judged(&some, &elsewhere), Map::new());
    }

    /// Of what an attached policy grants it cannot be said which of the two was changed.
    #[test]
    fn who_grants_what_is_kept_from_a_role_is_told() {
        let some = json!([{"Effect": "Allow", "Action": "logs:*", "Resource": "*"}]);
        let more = json!([{"Effect": "Allow", "Action": "s3:*", "Resource": "*"}]);
        assert_eq!(judged(&some, &more)["bound"], json!({"keepsFrom": ["s3:*"], "grantedBy": ["att"]}));
        assert_eq!(judged(&some, &some), Map::new());
    }

    #[test]
    fn what_grants_everything_is_told() {
        let some = json!([{"Effect": "Allow", "Action": "*", "Resource": "*"}]);
        assert_eq!(judged(&some, &some)["att"], json!({"allows": "*"}));
        let all_but = json!([{"Effect": "Allow", "NotAction": "ec2:*", "Resource": "*"}]);
        assert_eq!(judged(&some, &all_but)["att"], json!({"allows": "*"}));
        let within = json!([{"Effect": "Allow", "Action": "*", "Resource": "arn:aws:s3:::mine/*"}]);
        assert_eq!(judged(&some, &within), Map::new());
    }
}
