//! Resource policies of guardrails and guardrail profiles (kinds/guardrail_resource_policy/README.md, Operations).
//!
//! # Guarantees
//! - A document is kept verbatim, and a put replaces it whole.
//! - Only the documented patterns are taken: the own account, or everybody on the condition of the organization.
//!
//! # Caveats
//! - That a resource without a policy is answered with ResourceNotFoundException is a guess; no source says it.
//! - Nothing is evaluated.

use serde_json::{Map, Value, json};

use crate::documents::statements;
use crate::error::ApiError;
use crate::protocol::Answer;
use crate::world::RequestContext;

const MOST_CHARACTERS: usize = 20_480;

fn arn<'a>(context: &RequestContext<'_>, input: &'a Map<String, Value>) -> Result<&'a str, ApiError> {
    let arn = input.get("resourceArn").and_then(Value::as_str).unwrap_or_default();
    let profile = context.scope.arn("bedrock", "guardrail-profile/");
    let exists =
        context.state.bedrock.guardrails.values().any(|guardrail| guardrail.arn == arn) || arn.starts_with(&profile);
    if exists { Ok(arn) } else { Err(ApiError::not_found_404(format!("The resource {arn} could not be found."))) }
}

pub(super) fn get(context: &mut RequestContext<'_>, input: &Map<String, Value>) -> Answer {
    let arn = arn(context, input)?;
    match context.state.bedrock.resource_policies.get(arn) {
        Some(policy) => Ok(json!({"resourcePolicy": policy})),
        None => Err(ApiError::not_found_404(format!("No resource policy found for {arn}."))),
    }
}

pub(super) fn put(context: &mut RequestContext<'_>, input: &Map<String, Value>) -> Answer {
    let arn = arn(context, input)?.to_owned();
    let policy = input.get("resourcePolicy").and_then(Value::as_str).unwrap_or_default();
    if policy.is_empty() || policy.chars().count() > MOST_CHARACTERS {
        return Err(ApiError::validation(
            "1 validation error detected: Value at 'resourcePolicy' failed to satisfy constraint: Member must have length between 1 and 20480, inclusive",
        ));
    }
    check(context, &arn, policy).map_err(|what| ApiError::validation(format!("Invalid resource policy: {what}")))?;
    context.state.bedrock.resource_policies.insert(arn.clone(), policy.to_owned());
    Ok(json!({"resourceArn": arn}))
}

pub(super) fn delete(context: &mut RequestContext<'_>, input: &Map<String, Value>) -> Answer {
    let arn = arn(context, input)?;
    match context.state.bedrock.resource_policies.remove(arn) {
        Some(_) => Ok(Value::Null),
        None => Err(ApiError::not_found_404(format!("No resource policy found for {arn}."))),
    }
}

fn check(context: &RequestContext<'_>, arn: &str, policy: &str) -> Result<(), String> {
    let policy: Value = serde_json::from_str(policy).map_err(|_| "it is not JSON".to_owned())?;
    let actions: &[&str] = match arn.contains(":guardrail/") {
        true => &["bedrock:ApplyGuardrail", "bedrock:GetGuardrail"],
        false => &["bedrock:ApplyGuardrail"],
    };
    let account = &context.scope.account;
    let root = format!("arn:{}:iam::{account}:root", context.scope.partition);
    for statement in statements(&policy).ok_or("it has no statements")? {
        if statement.get("Effect") != Some(&json!("Allow")) {
            return Err("only Allow is supported".into());
        }
        let given = texts(statement.get("Action"));
        if given.is_empty() || !given.iter().all(|action| actions.iter().any(|one| one.eq_ignore_ascii_case(action))) {
            return Err(format!("only the actions {} are supported", actions.join(", ")));
        }
        if texts(statement.get("Resource")) != [arn] {
            return Err(format!("the resource must be {arn}"));
        }
        let principal = statement.get("Principal").ok_or("it has no principal")?;
        let principals = texts(principal.get("AWS").or(Some(principal)));
        let own = !principals.is_empty() && principals.iter().all(|one| one == account || *one == root);
        let operators = statement.get("Condition").and_then(Value::as_object).into_iter().flat_map(Map::values);
        let in_organization = operators
            .filter_map(Value::as_object)
            .flat_map(Map::keys)
            .any(|key| ["aws:PrincipalOrgID", "aws:PrincipalOrgPaths"].iter().any(|one| one.eq_ignore_ascii_case(key)));
        let everybody_in_organization = principals == ["*"] && in_organization;
        if !own && !everybody_in_organization {
            return Err("the principal must be the account, or * on the condition of the organization".into());
        }
    }
    Ok(())
}

/// A text or a list of texts.
fn texts(value: Option<&Value>) -> Vec<&str> {
    match value {
        Some(Value::String(text)) => vec![text],
        Some(Value::Array(items)) => items.iter().filter_map(Value::as_str).collect(),
        _ => Vec::new(),
    }
}
