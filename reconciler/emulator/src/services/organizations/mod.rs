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

use crate::directory::Directory;
use crate::error::{self, ApiError, Refusals};
use crate::history::lower_first;
use crate::input::Input;
use crate::protocol::Answer;
use crate::service::{Action, Endpoint, Events, Form, Home, Name, Service, Settle, reads, writes};
use crate::services::Cell;
use crate::world::Turn;

pub(crate) use state::Organization;

pub(crate) const SERVICE: Service = Service {
    name: "organizations",
    endpoint: Endpoint::of("organizations"),
    refusals: &REFUSALS,
    operations: OPERATIONS,
    home: Home::Management(["us-east-1", "us-gov-west-1", "cn-northwest-1"]),
    events: Events { response: |_, answer| lower_first(answer), ..Events::USUAL },
    names: &[
        Name {
            label: "organization",
            form: Form::One,
            find: |directory, place, _| Some(current(*directory, &place.cell).id.clone()),
        },
        Name {
            label: "policy",
            form: Form::Named,
            find: |directory, place, name| current(*directory, &place.cell).policy_id(name).map(str::to_owned),
        },
        Name {
            label: "ou",
            form: Form::Named,
            find: |directory, place, path| current(*directory, &place.cell).unit_id(path).map(str::to_owned),
        },
    ],
    check: Some(authorise),
    ..Service::USUAL
};

const REFUSALS: Refusals = Refusals {
    throttled: (
        "TooManyRequestsException",
        400,
        "AWS Organizations can't complete your request because another request is already in progress. Try again later.",
    ),
    ..error::JSON
};

/// Every operation.
const OPERATIONS: &[Action] = &[
    reads("DescribeOrganization", |turn, _| within(turn, |it, turn| Ok(tree::describe(it, turn.scope)))).rate(1.0, 2.0),
    reads("ListRoots", |turn, input| within(turn, |it, turn| tree::roots(it, turn, input))).rate(1.0, 2.0),
    reads("ListOrganizationalUnitsForParent", |turn, input| within(turn, |it, turn| tree::units(it, turn, input)))
        .rate(5.0, 8.0),
    reads("ListAccountsForParent", |turn, input| within(turn, |it, turn| tree::accounts_of(it, turn, input)))
        .rate(5.0, 8.0),
    reads("ListParents", |turn, input| within(turn, |it, _| tree::parents(it, input))).rate(5.0, 8.0),
    reads("ListChildren", |turn, input| within(turn, |it, turn| tree::children(it, turn, input))),
    reads("ListAccounts", |turn, input| within(turn, |it, turn| tree::accounts(it, turn, input))).rate(8.0, 12.0),
    reads("DescribeAccount", |turn, input| within(turn, |it, turn| tree::account(it, turn.scope, input)))
        .rate(20.0, 30.0),
    reads("ListPolicies", |turn, input| within(turn, |it, turn| policies::list(it, turn, input))).rate(5.0, 8.0),
    reads("DescribePolicy", |turn, input| within(turn, |it, turn| policies::describe(it, turn.scope, input)))
        .rate(2.0, 2.0),
    writes("CreatePolicy", |turn, input| within(turn, |it, turn| policies::create(it, turn, input))).rate(2.0, 3.0),
    writes("UpdatePolicy", |turn, input| within(turn, |it, turn| policies::update(it, turn.scope, input)))
        .rate(2.0, 3.0),
    writes("DeletePolicy", |turn, input| within(turn, |it, _| policies::delete(it, input))).rate(2.0, 3.0),
    writes("AttachPolicy", |turn, input| within(turn, |it, _| policies::attach(it, input))).rate(2.0, 3.0),
    writes("DetachPolicy", |turn, input| within(turn, |it, _| policies::detach(it, input))).rate(2.0, 3.0),
    reads("ListTargetsForPolicy", |turn, input| within(turn, |it, turn| policies::targets(it, turn, input)))
        .rate(5.0, 8.0),
    reads("ListPoliciesForTarget", |turn, input| within(turn, |it, turn| policies::of_target(it, turn, input)))
        .rate(5.0, 8.0),
    writes("EnablePolicyType", |turn, input| within(turn, |it, turn| policies::enable_type(it, turn, input)))
        .rate(1.0, 1.0),
    writes("DisablePolicyType", |turn, input| within(turn, |it, turn| policies::disable_type(it, turn, input)))
        .rate(1.0, 1.0),
    writes("MoveAccount", |turn, input| within(turn, |it, _| tree::move_account(it, input))),
    writes("UpdateOrganizationalUnit", |turn, input| within(turn, |it, turn| tree::rename(it, turn.scope, input))),
    writes("TagResource", |turn, input| within(turn, |it, _| tree::tag(it, input))),
    writes("UntagResource", |turn, input| within(turn, |it, _| tree::untag(it, input))),
    reads("ListTagsForResource", |turn, input| within(turn, |it, _| tree::tags(it, input))).rate(10.0, 15.0),
    reads("DescribeEffectivePolicy", |turn, input| within(turn, |it, turn| effective::describe(it, turn, input))),
    reads("DescribeResourcePolicy", |turn, _| within(turn, |it, turn| delegation::describe(it, turn.scope))),
    writes("PutResourcePolicy", |turn, input| within(turn, |it, turn| delegation::put(it, turn.scope, input))),
    writes("DeleteResourcePolicy", |turn, _| within(turn, |it, _| delegation::delete(it))),
];

/// The organization, only where calls are carried out, and only after the first one.
pub(crate) type State = Option<Box<Organization>>;

impl Settle for State {
    fn settle(&mut self) {
        if let Some(organization) = self {
            organization.settle();
        }
    }
}

/// The organization as it is now: as the world began, until something is called.
fn current<'a>(directory: Directory<'a>, cell: &'a Cell) -> &'a Organization {
    cell.organizations.as_deref().unwrap_or_else(|| directory.first_organization())
}

/// Carries out a call on the organization.
fn within(turn: &mut Turn<'_>, call: impl FnOnce(&mut Organization, &mut Turn<'_>) -> Answer) -> Answer {
    let mut organization =
        turn.cell.organizations.take().unwrap_or_else(|| Box::new(turn.directory.first_organization().clone()));
    let answer = call(&mut organization, turn);
    turn.cell.organizations = Some(organization);
    answer
}

/// Who may ask what (kinds/shared/organizations/README.md, Who may call).
fn authorise(turn: &Turn<'_>, action: &Action, input: &Input) -> Result<(), ApiError> {
    let organization = current(turn.directory, turn.cell);
    let caller = &turn.principal.account;
    let Action { name: operation, reads, .. } = *action;
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
