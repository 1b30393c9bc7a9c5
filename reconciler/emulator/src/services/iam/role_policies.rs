//! Policies of a role: inline, attached, and the boundary.

use serde_json::{Value, json};

use super::documents::{self, encoded};
use super::roles::{keep, own, seen};
use super::{limit_exceeded, name, no_such_entity, page, policies, required};
use crate::input::{Input, text};
use crate::protocol::Answer;
use crate::world::RequestContext;

const INLINE_QUOTA: usize = 10_240;
const MOST_ATTACHED: usize = 10;

pub(super) fn list_inline(context: &mut RequestContext<'_>, input: &Input) -> Answer {
    let role = seen(context, input)?;
    page("PolicyNames", role.inline.keys().map(|name| json!(name)).collect(), input)
}

pub(super) fn get_inline(context: &mut RequestContext<'_>, input: &Input) -> Answer {
    let role = seen(context, input)?;
    let name = name(input, "PolicyName", 128)?;
    let missing = || no_such_entity(format!("The role policy with name {name} cannot be found."));
    let document = role.inline.get(name).ok_or_else(missing)?;
    Ok(json!({"RoleName": role.name, "PolicyName": name, "PolicyDocument": encoded(document)}))
}

pub(super) fn put_inline(context: &mut RequestContext<'_>, input: &Input) -> Answer {
    let mut role = own(context, input)?;
    let name = name(input, "PolicyName", 128)?;
    let document = documents::identity(required(input, "PolicyDocument")?)?;
    role.inline.insert(name.to_owned(), document);
    if role.inline.values().map(|document| documents::size(document)).sum::<usize>() > INLINE_QUOTA {
        return Err(limit_exceeded(format!(
            "Maximum policy size of {INLINE_QUOTA} bytes exceeded for role {}",
            role.name
        )));
    }
    keep(context, role)
}

pub(super) fn delete_inline(context: &mut RequestContext<'_>, input: &Input) -> Answer {
    let mut role = own(context, input)?;
    let name = name(input, "PolicyName", 128)?;
    if role.inline.remove(name).is_none() {
        return Err(no_such_entity(format!("The role policy with name {name} cannot be found.")));
    }
    keep(context, role)
}

/// An attached policy as lists show it.
pub(super) fn attached_view(arn: &str) -> Value {
    json!({"PolicyName": arn.rsplit('/').next(), "PolicyArn": arn})
}

pub(super) fn list_attached(context: &mut RequestContext<'_>, input: &Input) -> Answer {
    let role = seen(context, input)?;
    let prefix = text(input, "PathPrefix").unwrap_or("/");
    let below = |arn: &&String| arn.split_once(":policy").is_some_and(|(_, path)| path.starts_with(prefix));
    page("AttachedPolicies", role.attached.iter().filter(below).map(|arn| attached_view(arn)).collect(), input)
}

/// What is attached already stays so.
pub(super) fn attach(context: &mut RequestContext<'_>, input: &Input) -> Answer {
    let mut role = own(context, input)?;
    let arn = required(input, "PolicyArn")?;
    policies::check_exists(context, arn)?;
    role.attached.insert(arn.to_owned());
    if role.attached.len() > MOST_ATTACHED {
        return Err(limit_exceeded(format!("Cannot exceed quota for PoliciesPerRole: {MOST_ATTACHED}")));
    }
    keep(context, role)
}

pub(super) fn detach(context: &mut RequestContext<'_>, input: &Input) -> Answer {
    let mut role = own(context, input)?;
    let arn = required(input, "PolicyArn")?;
    if !role.attached.remove(arn) {
        return Err(no_such_entity(format!("Policy {arn} was not found.")));
    }
    keep(context, role)
}

pub(super) fn put_boundary(context: &mut RequestContext<'_>, input: &Input) -> Answer {
    let mut role = own(context, input)?;
    let arn = required(input, "PermissionsBoundary")?;
    policies::check_exists(context, arn)?;
    role.boundary = Some(arn.to_owned());
    keep(context, role)
}

pub(super) fn delete_boundary(context: &mut RequestContext<'_>, input: &Input) -> Answer {
    let mut role = own(context, input)?;
    if role.boundary.take().is_none() {
        return Err(no_such_entity(format!("No permissions boundary was found on role {}.", role.name)));
    }
    keep(context, role)
}
