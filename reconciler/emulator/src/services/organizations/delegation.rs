//! The resource policy by which the management account lets members write policies (kinds/shared/organizations/README.md, Who may call).
//!
//! # Caveats
//! Whoever the policy names as a principal may do all that can be delegated: its actions are not evaluated.

use std::collections::BTreeSet;

use serde_json::{Map, Value, json};

use super::state::Organization;
use super::{constraint, invalid, required};
use crate::error::ApiError;
use crate::protocol::Answer;
use crate::world::Scope;

const MOST_CONTENT: usize = 40_000;

fn not_found() -> ApiError {
    ApiError::new(
        "ResourcePolicyNotFoundException",
        "We can't find a resource policy request with the parameter that you specified.",
    )
}

pub(super) fn describe(organization: &Organization, scope: &Scope) -> Answer {
    let content = match &organization.delegation {
        Some(content) => content.clone(),
        None if organization.delegates.is_empty() => return Err(not_found()),
        None => of_delegates(&organization.delegates, scope),
    };
    let id = format!("rp-{}", organization.tail());
    Ok(json!({"ResourcePolicy": {
        "ResourcePolicySummary": {"Id": id, "Arn": organization.arn(scope, "resourcepolicy", &id)},
        "Content": content,
    }}))
}

/// The policy of a world that begins with delegates.
fn of_delegates(delegates: &BTreeSet<String>, scope: &Scope) -> String {
    let principals: Vec<String> =
        delegates.iter().map(|account| format!("arn:{}:iam::{account}:root", scope.partition)).collect();
    let actions =
        ["Describe*", "List*", "CreatePolicy", "UpdatePolicy", "DeletePolicy", "AttachPolicy", "DetachPolicy"];
    let actions: Vec<String> = actions.iter().map(|action| format!("organizations:{action}")).collect();
    let statement = json!({
        "Sid": "DelegatePolicies", "Effect": "Allow", "Principal": {"AWS": principals}, "Action": actions, "Resource": "*"});
    json!({"Version": "2012-10-17", "Statement": [statement]}).to_string()
}

pub(super) fn put(organization: &mut Organization, scope: &Scope, input: &Map<String, Value>) -> Answer {
    let content = required(input, "Content")?;
    if content.chars().count() > MOST_CONTENT {
        return Err(constraint("POLICY_CONTENT_LIMIT_EXCEEDED", "A resource policy has at most 40000 characters."));
    }
    let malformed = || invalid("INVALID_RESOURCE_POLICY_JSON", "The resource policy is not valid JSON.");
    let document: Value = serde_json::from_str(content).map_err(|_| malformed())?;
    let statements = document["Statement"].as_array().ok_or_else(malformed)?;
    let mut delegates = BTreeSet::new();
    for principal in statements.iter().map(|statement| &statement["Principal"]["AWS"]) {
        let principals = principal.as_array().map_or_else(|| std::slice::from_ref(principal), Vec::as_slice);
        for account in principals.iter().filter_map(Value::as_str).map(|arn| arn.split(':').nth(4).unwrap_or(arn)) {
            if !organization.accounts.contains_key(account) {
                return Err(invalid("INVALID_PRINCIPAL", "You specified an invalid principal element in the policy."));
            }
            delegates.insert(account.to_owned());
        }
    }
    organization.delegates = delegates;
    organization.delegation = Some(content.to_owned());
    describe(organization, scope)
}

pub(super) fn delete(organization: &mut Organization) -> Answer {
    if organization.delegates.is_empty() && organization.delegation.is_none() {
        return Err(not_found());
    }
    organization.delegates.clear();
    organization.delegation = None;
    Ok(Value::Null)
}
