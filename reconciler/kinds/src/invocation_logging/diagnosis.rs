//! Why the service could not deliver with the declared role: what the role and the log group lack (README.md, Delivery role).
//!
//! The service's own words name the group and the role, and nothing else. Nothing is decided here; it is for people.

use reconciler_model::direction::Direction;
use reconciler_model::policy::{self, Effect, Policy, Scope};
use serde_json::json;

const SERVICE: &str = "bedrock.amazonaws.com";
const ACTIONS: &[&str] = &["logs:CreateLogStream", "logs:PutLogEvents"];

/// What was read; each part is an error's text where it could not be.
#[derive(Debug)]
pub(super) struct Seen {
    /// Whether the log group is there.
    pub(super) group: Result<bool, String>,
    /// The role's trust policy; none when there is no such role.
    pub(super) trust: Result<Option<Policy>, String>,
    /// The role's own policies.
    pub(super) inline: Result<Vec<Policy>, String>,
    /// Whether the role has attached policies, into which is not looked.
    pub(super) attached: Result<bool, String>,
}

/// The ARN of the log stream that Bedrock writes to.
pub(super) fn stream(partition: &str, region: &str, account: &str, group: &str) -> String {
    format!("arn:{partition}:logs:{region}:{account}:log-group:{group}:log-stream:aws/bedrock/modelinvocations")
}

/// One sentence on what is missing, and what to write.
pub(super) fn sentence(role: &str, group: &str, stream: &str, seen: &Seen) -> String {
    let mut missing = Vec::new();
    match &seen.group {
        Ok(true) => {}
        Ok(false) => missing.push(format!("there is no log group {group} in this account and region")),
        Err(why) => missing.push(format!("whether there is a log group {group} is not known: {why}")),
    }
    match &seen.trust {
        Ok(None) => missing.push(format!("there is no role {role}")),
        Ok(Some(trust)) if !trusts(trust) => {
            missing
                .push(format!("the trust policy of {role} has no statement that allows sts:AssumeRole to {SERVICE}"));
        }
        Ok(Some(_)) => missing.extend(what_policies_lack(role, stream, seen)),
        Err(why) => missing.push(format!("the role cannot be looked at: {why}")),
    }
    if missing.is_empty() {
        return "nothing is seen to be missing: a condition of the trust policy, a boundary or a policy of the organization may \
                deny it, or the role is too new"
            .to_owned();
    }
    missing.join("; ")
}

fn what_policies_lack(role: &str, stream: &str, seen: &Seen) -> Option<String> {
    let inline = match (&seen.inline, &seen.attached) {
        (Err(why), _) | (_, Err(why)) => return Some(format!("the policies of {role} cannot be looked at: {why}")),
        (Ok(_), Ok(true)) => return None,
        (Ok(inline), Ok(false)) => inline,
    };
    let lacks: Vec<&str> =
        ACTIONS.iter().filter(|action| !inline.iter().any(|policy| allows(policy, action, stream))).copied().collect();
    (!lacks.is_empty())
        .then(|| format!("no policy of {role} has a statement that allows {} on {stream}", lacks.join(" and ")))
}

fn trusts(trust: &Policy) -> bool {
    trust.statements().iter().any(|statement| {
        let service = matches!(&statement.principal, Scope::Only(principals)
            if principals.get("Service").is_some_and(|services| services.contains(SERVICE)));
        let assumes = matches!(&statement.action, Scope::Only(actions)
            if actions.iter().any(|action| matches!(action.folded().as_str(), "sts:assumerole" | "sts:*" | "*")));
        statement.effect == Effect::Allow && service && assumes
    })
}

/// Whether the policy is proved to allow the action on the resource: the wanted grant lies within it.
fn allows(policy: &Policy, action: &str, resource: &str) -> bool {
    let grant =
        json!({"Version": "2012-10-17", "Statement": {"Effect": "Allow", "Action": action, "Resource": resource}});
    let grant = Policy::from_value(&grant);
    grant.is_ok_and(|grant| matches!(policy::direction(&grant, policy), Direction::Strengthened | Direction::Neutral))
}

#[cfg(test)]
mod tests {
    use serde_json::Value;

    use super::*;

    const STREAM: &str = "arn:aws:logs:eu-west-1:111122223333:log-group:/l:log-stream:aws/bedrock/modelinvocations";

    fn document(statement: &Value) -> Policy {
        Policy::from_value(&json!({"Version": "2012-10-17", "Statement": [statement]})).expect("a policy")
    }

    fn seen(trusted: &str, policy: &Value) -> Seen {
        let trust = json!({"Effect": "Allow", "Principal": {"Service": trusted}, "Action": "sts:AssumeRole",
            "Condition": {"StringEquals": {"aws:SourceAccount": "111122223333"}}});
        Seen {
            group: Ok(true),
            trust: Ok(Some(document(&trust))),
            inline: Ok(vec![document(policy)]),
            attached: Ok(false),
        }
    }

    #[test]
    fn what_is_missing_is_named() {
        let said = |seen: &Seen| sentence("delivery", "/l", STREAM, seen);
        let grant = |action: Value, resource: &str| json!({"Effect": "Allow", "Action": action, "Resource": resource});
        let both = json!(["logs:CreateLogStream", "logs:PutLogEvents"]);
        let good = seen(SERVICE, &grant(both.clone(), &STREAM.replace("eu-west-1", "*")));
        assert!(said(&good).starts_with("nothing is seen"), "{}", said(&good));
        assert!(said(&seen(SERVICE, &grant(json!("logs:*"), "*"))).starts_with("nothing is seen"));
        let other = seen("lambda.amazonaws.com", &grant(both.clone(), "*"));
        assert!(said(&other).contains("sts:AssumeRole to bedrock.amazonaws.com"), "{}", said(&other));
        let half = seen(SERVICE, &grant(json!("logs:CreateLogStream"), STREAM));
        assert!(said(&half).contains("allows logs:PutLogEvents on arn:aws:logs"), "{}", said(&half));
        let elsewhere = seen(SERVICE, &grant(both, "arn:aws:logs:*:*:log-group:/other:*"));
        assert!(said(&elsewhere).contains("logs:CreateLogStream and logs:PutLogEvents"), "{}", said(&elsewhere));
        let gone = Seen { group: Ok(false), trust: Ok(None), ..good };
        assert_eq!(said(&gone), "there is no log group /l in this account and region; there is no role delivery");
    }
}
