//! SimulatePrincipalPolicy: what a role or user may do (kinds/sources/permissions/README.md, Simulation).
//!
//! # Caveats
//! - A role that this account has may do what its policies say, as far as [`delivery`](crate::delivery) reads them. One that it
//!   has not, which can be assumed here all the same, and every user may do everything.
//! - Of both, what a fault denies for ever is denied: faults stand for permissions in a world in which policies decide nothing.
//! - Conditions are not looked at, so no value of a context is ever missing; the organization's policies are not looked at either.

use std::collections::BTreeSet;

use serde_json::{Value, json};

use super::{no_such_entity, page, required, validation};
use crate::delivery::Role as Delivery;
use crate::error::ApiError;
use crate::input::{Input, texts};
use crate::protocol::Answer;
use crate::world::RequestContext;

pub(super) fn principal(context: &mut RequestContext<'_>, input: &Input) -> Answer {
    let role = source(context, required(input, "PolicySourceArn")?)?;
    let actions = texts(input, "ActionNames");
    if actions.is_empty() {
        return Err(validation(
            "1 validation error detected: Value null at 'actionNames' failed to satisfy constraint: Member must not be null",
        ));
    }
    if let Some(wrong) = actions.iter().find(|action| action.split_once(':').is_none_or(|(_, name)| name.is_empty())) {
        return Err(ApiError::new("InvalidInput", format!("Invalid action name: {wrong}")));
    }
    let named = texts(input, "ResourceArns");
    let arns: BTreeSet<&str> =
        if named.is_empty() { BTreeSet::from(["*"]) } else { named.iter().map(String::as_str).collect() };
    let region = requested_region(input).unwrap_or_else(|| context.scope.region.clone());
    let results = actions.iter().map(|action| {
        let (service, operation) = action.split_once(':').unwrap_or_default();
        let decision = |arn: &str| match &role {
            _ if context.directory.is_denied(service, operation, &context.scope.account, &region) => "implicitDeny",
            Some(role) if !role.may(action, arn) => "implicitDeny",
            _ => "allowed",
        };
        let each: Vec<(&str, &str)> = arns.iter().map(|arn| (*arn, decision(arn))).collect();
        // Of all resources together the strictest decision is told, and each one's beside it where some were named.
        let whole = each.iter().map(|(_, decision)| *decision).find(|decision| *decision != "allowed");
        let mut result = json!({
            "EvalActionName": action,
            "EvalResourceName": each.first().map(|(arn, _)| arn),
            "EvalDecision": whole.unwrap_or("allowed"),
            "MatchedStatements": [],
            "MissingContextValues": [],
        });
        if !named.is_empty() {
            let each = each.iter().map(|(arn, decision)| {
                json!({"EvalResourceName": arn, "EvalResourceDecision": decision, "MatchedStatements": [], "MissingContextValues": []})
            });
            result["ResourceSpecificResults"] = each.collect();
        }
        result
    });
    page("EvaluationResults", results.collect(), input)
}

/// The role of this account that an ARN names; `None` when it is a user, or a role that nobody has made.
fn source(context: &RequestContext<'_>, arn: &str) -> Result<Option<Delivery>, ApiError> {
    let parts: Vec<&str> = arn.splitn(6, ':').collect();
    let [_, _, "iam", _, account, resource] = parts[..] else {
        return Err(validation(format!("Invalid Entity Arn: {arn} does not clearly define entity type and name.")));
    };
    if account != context.scope.account {
        return Err(no_such_entity(format!("{arn} is of another account.")));
    }
    match resource.split_once('/') {
        Some(("user", _)) => Ok(None),
        Some(("role", _)) => Ok(context.state.iam.roles_now().find(|role| role.arn == arn).map(|role| Delivery {
            trust: String::new(),
            inline: role.inline.values().cloned().collect(),
            has_attached: !role.attached.is_empty(),
        })),
        _ => Err(validation(format!("Invalid Entity Arn: {arn} does not clearly define entity type and name."))),
    }
}

fn requested_region(input: &Input) -> Option<String> {
    let entries = input.get("ContextEntries")?.as_array()?;
    let of = |entry: &&Value| entry["ContextKeyName"] == "aws:RequestedRegion";
    entries.iter().find(of)?.pointer("/ContextKeyValues/0")?.as_str().map(str::to_owned)
}
