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
use crate::services::RegionState;
use crate::world::RequestContext;

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
            find: |directory, place, _| Some(current(*directory, &place.state).id.clone()),
        },
        Name {
            label: "policy",
            form: Form::Named,
            find: |directory, place, name| current(*directory, &place.state).policy_id(name).map(str::to_owned),
        },
        Name {
            label: "ou",
            form: Form::Named,
            find: |directory, place, path| current(*directory, &place.state).unit_id(path).map(str::to_owned),
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
    reads("DescribeOrganization", |context, _| within(context, |it, context| Ok(tree::describe(it, context.scope))))
        .rate(1.0, 2.0),
    reads("ListRoots", |context, input| within(context, |it, context| tree::roots(it, context, input))).rate(1.0, 2.0),
    reads("ListOrganizationalUnitsForParent", |context, input| {
        within(context, |it, context| tree::units(it, context, input))
    })
    .rate(5.0, 8.0),
    reads("ListAccountsForParent", |context, input| {
        within(context, |it, context| tree::accounts_of(it, context, input))
    })
    .rate(5.0, 8.0),
    reads("ListParents", |context, input| within(context, |it, _| tree::parents(it, input))).rate(5.0, 8.0),
    reads("ListChildren", |context, input| within(context, |it, context| tree::children(it, context, input))),
    reads("ListAccounts", |context, input| within(context, |it, context| tree::accounts(it, context, input)))
        .rate(8.0, 12.0),
    reads("DescribeAccount", |context, input| within(context, |it, context| tree::account(it, context.scope, input)))
        .rate(20.0, 30.0),
    reads("ListPolicies", |context, input| within(context, |it, context| policies::list(it, context, input)))
        .rate(5.0, 8.0),
    reads("DescribePolicy", |context, input| {
        within(context, |it, context| policies::describe(it, context.scope, input))
    })
    .rate(2.0, 2.0),
    writes("CreatePolicy", |context, input| within(context, |it, context| policies::create(it, context, input)))
        .rate(2.0, 3.0),
    writes("UpdatePolicy", |context, input| within(context, |it, context| policies::update(it, context.scope, input)))
        .rate(2.0, 3.0),
    writes("DeletePolicy", |context, input| within(context, |it, _| policies::delete(it, input))).rate(2.0, 3.0),
    writes("AttachPolicy", |context, input| within(context, |it, _| policies::attach(it, input))).rate(2.0, 3.0),
    writes("DetachPolicy", |context, input| within(context, |it, _| policies::detach(it, input))).rate(2.0, 3.0),
    reads("ListTargetsForPolicy", |context, input| {
        within(context, |it, context| policies::targets(it, context, input))
    })
    .rate(5.0, 8.0),
    reads("ListPoliciesForTarget", |context, input| {
        within(context, |it, context| policies::of_target(it, context, input))
    })
    .rate(5.0, 8.0),
    writes("EnablePolicyType", |context, input| {
        within(context, |it, context| policies::enable_type(it, context, input))
    })
    .rate(1.0, 1.0),
    writes("DisablePolicyType", |context, input| {
        within(context, |it, context| policies::disable_type(it, context, input))
    })
    .rate(1.0, 1.0),
    writes("MoveAccount", |context, input| within(context, |it, _| tree::move_account(it, input))),
    writes("UpdateOrganizationalUnit", |context, input| {
        within(context, |it, context| tree::rename(it, context.scope, input))
    }),
    writes("TagResource", |context, input| within(context, |it, _| tree::tag(it, input))),
    writes("UntagResource", |context, input| within(context, |it, _| tree::untag(it, input))),
    reads("ListTagsForResource", |context, input| within(context, |it, _| tree::tags(it, input))).rate(10.0, 15.0),
    reads("DescribeEffectivePolicy", |context, input| {
        within(context, |it, context| effective::describe(it, context, input))
    }),
    reads("DescribeResourcePolicy", |context, _| {
        within(context, |it, context| delegation::describe(it, context.scope))
    }),
    writes("PutResourcePolicy", |context, input| {
        within(context, |it, context| delegation::put(it, context.scope, input))
    }),
    writes("DeleteResourcePolicy", |context, _| within(context, |it, _| delegation::delete(it))),
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
fn current<'a>(directory: Directory<'a>, state: &'a RegionState) -> &'a Organization {
    state.organizations.as_deref().unwrap_or_else(|| directory.first_organization())
}

/// Carries out a call on the organization.
fn within(
    context: &mut RequestContext<'_>,
    call: impl FnOnce(&mut Organization, &mut RequestContext<'_>) -> Answer,
) -> Answer {
    let mut organization =
        context.state.organizations.take().unwrap_or_else(|| Box::new(context.directory.first_organization().clone()));
    let answer = call(&mut organization, context);
    context.state.organizations = Some(organization);
    answer
}

/// Who may ask what (kinds/shared/organizations/README.md, Who may call).
fn authorise(context: &RequestContext<'_>, action: &Action, input: &Input) -> Result<(), ApiError> {
    let organization = current(context.directory, context.state);
    let caller = &context.principal.account;
    let Action { name: operation, reads, .. } = *action;
    let any_member = match operation {
        "DescribeOrganization" => true,
        "DescribeEffectivePolicy" => text(input, "TargetId").is_none_or(|target| target == caller),
        _ => false,
    };
    // Policy types, the tree and the delegation itself stay with the management account.
    let writes_policies = operation.ends_with("Policy") && !operation.ends_with("ResourcePolicy");
    let delegable = reads || writes_policies || matches!(operation, "TagResource" | "UntagResource");
    let allowed =
        *caller == context.scope.account || any_member || (delegable && organization.delegates.contains(caller));
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
