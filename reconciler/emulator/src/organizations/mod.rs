//! AWS Organizations: the tree of accounts, policies and what they are attached to (kinds/shared/organizations/README.md, Reads).
//!
//! # Guarantees
//! - It is one service whatever the region of a request: its state, its events and its request rates are those of the
//!   management account in the home region of the partition.
//! - Pages hold at most 20 rows, come in an order that means nothing, and can be empty although there is more.
//! - One service control policy always stays attached; disabling a policy type loses its attachments for good.
//! - Only the management account writes, and the delegates that the world names; members read little.
//!
//! # Caveats
//! - Every account of the world is a member, and there is one root. Accounts and units are not created or closed here.
//! - No policy is evaluated: a service control policy denies nothing in this box.
//! - Events of calls by members are in the trail of the management account too, and only there.

mod delegation;
mod effective;
mod page;
mod policies;
mod state;
mod tree;

use serde_json::{Map, Value};

use crate::error::ApiError;
use crate::protocol::Answer;
use crate::world::{Cell, Turn, World, partition_of};

pub(crate) use state::Organization;

/// Operation names, and whether each only reads.
pub(crate) const OPERATIONS: &[(&str, bool)] = &[
    ("DescribeOrganization", true),
    ("ListRoots", true),
    ("ListOrganizationalUnitsForParent", true),
    ("ListAccountsForParent", true),
    ("ListParents", true),
    ("ListChildren", true),
    ("ListAccounts", true),
    ("DescribeAccount", true),
    ("ListPolicies", true),
    ("DescribePolicy", true),
    ("CreatePolicy", false),
    ("UpdatePolicy", false),
    ("DeletePolicy", false),
    ("AttachPolicy", false),
    ("DetachPolicy", false),
    ("ListTargetsForPolicy", true),
    ("ListPoliciesForTarget", true),
    ("EnablePolicyType", false),
    ("DisablePolicyType", false),
    ("MoveAccount", false),
    ("UpdateOrganizationalUnit", false),
    ("TagResource", false),
    ("UntagResource", false),
    ("ListTagsForResource", true),
    ("DescribeEffectivePolicy", true),
    ("DescribeResourcePolicy", true),
    ("PutResourcePolicy", false),
    ("DeleteResourcePolicy", false),
];

/// Where a call of a service is carried out: organizations has one home, everything else is where it was asked.
pub(crate) fn place_of<'a>(world: &'a World, service: &str, account: &'a str, region: &'a str) -> (&'a str, &'a str) {
    if service != "organizations" {
        return (account, region);
    }
    let home = match partition_of(region) {
        "aws-us-gov" => "us-gov-west-1",
        "aws-cn" => "cn-northwest-1",
        _ => "us-east-1",
    };
    (&world.management, home)
}

/// The organization as it is now: as the world began, until something is written.
pub(crate) fn current<'a>(world: &'a World, cell: &'a Cell) -> &'a Organization {
    cell.organization.as_deref().unwrap_or(&world.organization)
}

/// Answers one operation.
pub(crate) fn call(world: &World, turn: &mut Turn<'_>, operation: &str, input: &Map<String, Value>) -> Option<Answer> {
    if !OPERATIONS.iter().any(|(name, _)| *name == operation) {
        return None;
    }
    let mut organization = turn.cell.organization.take().unwrap_or_else(|| Box::new(world.organization.clone()));
    let answer = authorise(&organization, turn, operation, input)
        .and_then(|()| answer(&mut organization, turn, operation, input));
    turn.cell.organization = Some(organization);
    Some(answer)
}

fn answer(organization: &mut Organization, turn: &mut Turn<'_>, operation: &str, input: &Map<String, Value>) -> Answer {
    match operation {
        "DescribeOrganization" => Ok(tree::describe(organization, turn.scope)),
        "ListRoots" => tree::roots(organization, turn, input),
        "ListOrganizationalUnitsForParent" => tree::units(organization, turn, input),
        "ListAccountsForParent" => tree::accounts_of(organization, turn, input),
        "ListParents" => tree::parents(organization, input),
        "ListChildren" => tree::children(organization, turn, input),
        "ListAccounts" => tree::accounts(organization, turn, input),
        "DescribeAccount" => tree::account(organization, turn.scope, input),
        "MoveAccount" => tree::move_account(organization, input),
        "UpdateOrganizationalUnit" => tree::rename(organization, turn.scope, input),
        "ListPolicies" => policies::list(organization, turn, input),
        "DescribePolicy" => policies::describe(organization, turn.scope, input),
        "CreatePolicy" => policies::create(organization, turn, input),
        "UpdatePolicy" => policies::update(organization, turn.scope, input),
        "DeletePolicy" => policies::delete(organization, input),
        "AttachPolicy" => policies::attach(organization, input),
        "DetachPolicy" => policies::detach(organization, input),
        "ListTargetsForPolicy" => policies::targets(organization, turn, input),
        "ListPoliciesForTarget" => policies::of_target(organization, turn, input),
        "EnablePolicyType" => policies::enable_type(organization, turn, input),
        "DisablePolicyType" => policies::disable_type(organization, turn, input),
        "TagResource" => tree::tag(organization, input),
        "UntagResource" => tree::untag(organization, input),
        "ListTagsForResource" => tree::tags(organization, input),
        "DescribeEffectivePolicy" => effective::describe(organization, turn, input),
        "PutResourcePolicy" => delegation::put(organization, turn.scope, input),
        "DeleteResourcePolicy" => delegation::delete(organization),
        _ => delegation::describe(organization, turn.scope),
    }
}

/// Who may ask what (kinds/shared/organizations/README.md, Who may call).
fn authorise(
    organization: &Organization,
    turn: &Turn<'_>,
    operation: &str,
    input: &Map<String, Value>,
) -> Result<(), ApiError> {
    let caller = &turn.principal.account;
    let reads = OPERATIONS.iter().any(|(name, reads)| *name == operation && *reads);
    let any_member = match operation {
        "DescribeOrganization" => true,
        "DescribeEffectivePolicy" => text(input, "TargetId").is_none_or(|target| target == caller),
        _ => false,
    };
    // Policy types, the tree and the delegation itself stay with the management account.
    let writes_policies = operation.ends_with("Policy") && !operation.ends_with("ResourcePolicy");
    let delegable = reads || writes_policies || matches!(operation, "TagResource" | "UntagResource");
    let allowed = *caller == turn.scope.account || any_member || (delegable && organization.delegates.contains(caller));
    if allowed {
        return Ok(());
    }
    Err(ApiError::new("AccessDeniedException", "You don't have permissions to access this resource."))
}

fn text<'a>(input: &'a Map<String, Value>, member: &str) -> Option<&'a str> {
    input.get(member).and_then(Value::as_str)
}

/// A member that a request must have.
fn required<'a>(input: &'a Map<String, Value>, member: &str) -> Result<&'a str, ApiError> {
    text(input, member)
        .filter(|text| !text.is_empty())
        .ok_or_else(|| invalid("INPUT_REQUIRED", format!("You must include a value for {member}.")))
}

fn invalid(reason: &'static str, message: impl Into<String>) -> ApiError {
    ApiError::new("InvalidInputException", message).with_reason(reason)
}

fn constraint(reason: &'static str, message: impl Into<String>) -> ApiError {
    ApiError::new("ConstraintViolationException", message).with_reason(reason)
}
