//! Roles: identity, trust, tags.

use std::collections::{BTreeMap, BTreeSet};

use jiff::Timestamp;
use serde_json::{Value, json};

use super::documents::{self, encoded};
use super::{
    Tags, checked_tags, instant, limit_exceeded, name, no_such_entity, page, path, policies, required, tag_page,
    validation, without_tags,
};
use crate::delivery::Role as Delivery;
use crate::documents::Document;
use crate::error::ApiError;
use crate::input::{Input, number, tag_list, text};
use crate::lagged::Lagged;
use crate::principal::stable_id;
use crate::protocol::Answer;
use crate::registry::Registry;
use crate::world::RequestContext;

const TRUST_QUOTA: usize = 2048;
const SERVICE_LINKED: &str = "/aws-service-role/";

/// A role.
#[derive(Clone)]
pub(super) struct Role {
    pub(super) name: String,
    pub(super) path: String,
    pub(super) arn: String,
    pub(super) id: String,
    pub(super) trust: Document,
    description: Option<String>,
    max_session: i64,
    pub(super) boundary: Option<String>,
    /// Documents by policy name, verbatim.
    pub(super) inline: BTreeMap<String, String>,
    /// ARNs.
    pub(super) attached: BTreeSet<String>,
    pub(super) tags: Tags,
    pub(super) created: Timestamp,
}

impl Role {
    /// What ListRoles shows.
    fn summary(&self, directory: &Registry) -> Value {
        let mut view = json!({
            "Path": self.path,
            "RoleName": self.name,
            "RoleId": self.id,
            "Arn": self.arn,
            "CreateDate": instant(self.created),
            "AssumeRolePolicyDocument": encoded(&self.trust.shown(directory)),
            "MaxSessionDuration": self.max_session,
        });
        if let Some(description) = &self.description {
            view["Description"] = json!(description);
        }
        view
    }

    /// What GetRole shows.
    fn view(&self, directory: &Registry) -> Value {
        let mut view = self.summary(directory);
        view["RoleLastUsed"] = json!({});
        if let Some(boundary) = self.boundary_view() {
            view["PermissionsBoundary"] = boundary;
        }
        if !self.tags.is_empty() {
            view["Tags"] = tag_list(&self.tags);
        }
        view
    }

    pub(super) fn boundary_view(&self) -> Option<Value> {
        let boundary = self.boundary.as_ref()?;
        Some(json!({"PermissionsBoundaryType": "PermissionsBoundaryPolicy", "PermissionsBoundaryArn": boundary}))
    }
}

fn role_not_found(name: &str) -> ApiError {
    no_such_entity(format!("The role with name {name} cannot be found."))
}

/// The role as this read sees it.
pub(super) fn seen(context: &mut RequestContext<'_>, input: &Input) -> Result<Role, ApiError> {
    let name = name(input, "RoleName", 64)?;
    let role = context.state.iam.roles.get_mut(name).and_then(Lagged::read);
    role.ok_or_else(|| role_not_found(name))
}

/// The role as it is, for a write.
pub(super) fn current(context: &RequestContext<'_>, input: &Input) -> Result<Role, ApiError> {
    let name = name(input, "RoleName", 64)?;
    context.state.iam.roles.get(name).and_then(|role| role.now().clone()).ok_or_else(|| role_not_found(name))
}

/// The role as it is, for a write that a role of a service refuses.
pub(super) fn own(context: &RequestContext<'_>, input: &Input) -> Result<Role, ApiError> {
    let role = current(context, input)?;
    if role.path.starts_with(SERVICE_LINKED) {
        let message = format!(
            "Cannot perform the operation on the protected role '{}' - this role is only modifiable by AWS",
            role.name
        );
        return Err(ApiError::new("UnmodifiableEntity", message));
    }
    Ok(role)
}

/// Keeps a changed role.
pub(super) fn keep(context: &mut RequestContext<'_>, role: Role) -> Answer {
    {
        let mut directory = context.directory.write();
        let says = Delivery {
            trust: role.trust.shown(&directory),
            inline: role.inline.values().cloned().collect(),
            has_attached: !role.attached.is_empty(),
        };
        directory.describe_role(&context.scope.account, &role.name, says);
    }
    let reads = context.rules.iam_lag_reads;
    let kept = context.state.iam.roles.entry(role.name.clone()).or_insert_with(|| Lagged::new(None));
    kept.write(Some(role), reads);
    Ok(Value::Null)
}

pub(super) fn get(context: &mut RequestContext<'_>, input: &Input) -> Answer {
    let role = seen(context, input)?;
    Ok(json!({"Role": role.view(&context.directory.read())}))
}

fn trust(context: &RequestContext<'_>, document: &str) -> Result<Document, ApiError> {
    if documents::size(document) > TRUST_QUOTA {
        return Err(limit_exceeded(format!("Cannot exceed quota for ACLSizePerRole: {TRUST_QUOTA}")));
    }
    documents::trust(document, &mut context.directory.write())
}

fn max_session(input: &Input) -> Result<Option<i64>, ApiError> {
    match number(input, "MaxSessionDuration") {
        Some(seconds) if !(3600..=43_200).contains(&seconds) => Err(validation(
            "1 validation error detected: Value at 'maxSessionDuration' failed to satisfy constraint: Member must have value between 3600 and 43200",
        )),
        seconds => Ok(seconds),
    }
}

fn description(input: &Input) -> Result<Option<String>, ApiError> {
    match text(input, "Description") {
        Some(text) if text.chars().count() > 1000 => Err(validation(
            "1 validation error detected: Value at 'description' failed to satisfy constraint: Member must have length less than or equal to 1000",
        )),
        text => Ok(text.map(str::to_owned)),
    }
}

pub(super) fn create(context: &mut RequestContext<'_>, input: &Input) -> Answer {
    let name = name(input, "RoleName", 64)?;
    let path = path(input)?;
    if path.starts_with(SERVICE_LINKED) {
        return Err(ApiError::new("InvalidInput", "Roles of services are made by CreateServiceLinkedRole."));
    }
    let document = required(input, "AssumeRolePolicyDocument")?;
    let boundary = text(input, "PermissionsBoundary").map(str::to_owned);
    if let Some(boundary) = &boundary {
        policies::check_exists(context, boundary)?;
    }
    let role = Role {
        trust: trust(context, document)?,
        description: description(input)?,
        max_session: max_session(input)?.unwrap_or(3600),
        boundary,
        tags: checked_tags(input, &Tags::new())?,
        ..blank(context, name, &path)
    };
    add(context, role)
}

/// A role that has a name only.
fn blank(context: &RequestContext<'_>, name: &str, path: &str) -> Role {
    let account = &context.scope.account;
    // The first of a name has the id that its sessions show.
    let id = match context.state.iam.incarnations.get(name) {
        None => stable_id(&format!("{account}/{name}")),
        Some(count) => stable_id(&format!("{account}/{name}/{count}")),
    };
    Role {
        name: name.to_owned(),
        path: path.to_owned(),
        arn: format!("arn:{}:iam::{account}:role{path}{name}", context.scope.partition),
        id: format!("AROA{id}"),
        trust: Document::new(String::new(), Vec::new()),
        description: None,
        max_session: 3600,
        boundary: None,
        inline: BTreeMap::new(),
        attached: BTreeSet::new(),
        tags: Tags::new(),
        created: context.now,
    }
}

fn add(context: &mut RequestContext<'_>, role: Role) -> Answer {
    if context.state.iam.roles_now().any(|other| other.name.eq_ignore_ascii_case(&role.name)) {
        let message = format!("Role with name {} already exists.", role.name);
        return Err(ApiError::new("EntityAlreadyExists", message).with_status(409));
    }
    *context.state.iam.incarnations.entry(role.name.clone()).or_default() += 1;
    let refused = context.rules.principal_lag_uses;
    let answer = {
        let mut directory = context.directory.write();
        directory.add_role(&context.scope.account, &role.name, &role.arn, &role.id, refused);
        json!({"Role": role.view(&directory)})
    };
    keep(context, role)?;
    Ok(answer)
}

/// The role that a service makes for itself, such as `AWSServiceRoleForBedrock` of `bedrock.amazonaws.com`.
pub(super) fn create_service_linked(context: &mut RequestContext<'_>, input: &Input) -> Answer {
    let service = required(input, "AWSServiceName")?;
    let label = service.split('.').next().unwrap_or_default();
    let (first, rest) = label.split_at(label.len().min(1));
    let name = format!("AWSServiceRoleFor{}{rest}", first.to_ascii_uppercase());
    let document = json!({"Version": "2012-10-17", "Statement": [
        {"Effect": "Allow", "Principal": {"Service": service}, "Action": "sts:AssumeRole"},
    ]});
    let role = Role {
        trust: trust(context, &document.to_string())?,
        description: description(input)?,
        ..blank(context, &name, &format!("{SERVICE_LINKED}{service}/"))
    };
    add(context, role).map_err(|error| match &*error.code {
        "EntityAlreadyExists" => {
            let message =
                format!("Service role name {name} has been taken in this account, please try a different suffix.");
            ApiError::new("InvalidInput", message)
        }
        _ => error,
    })
}

/// What the request omits stays; that an omitted description stays too is a hypothesis (README.md, Hypotheses).
pub(super) fn update(context: &mut RequestContext<'_>, input: &Input) -> Answer {
    let mut role = own(context, input)?;
    role.description = description(input)?.or(role.description);
    role.max_session = max_session(input)?.unwrap_or(role.max_session);
    keep(context, role)?;
    Ok(json!({}))
}

pub(super) fn update_trust(context: &mut RequestContext<'_>, input: &Input) -> Answer {
    let mut role = own(context, input)?;
    role.trust = trust(context, required(input, "PolicyDocument")?)?;
    keep(context, role)
}

pub(super) fn delete(context: &mut RequestContext<'_>, input: &Input) -> Answer {
    let role = own(context, input)?;
    let conflict = |message: &str| Err(ApiError::new("DeleteConflict", message).with_status(409));
    if !role.attached.is_empty() {
        return conflict("Cannot delete entity, must detach all policies first.");
    }
    if !role.inline.is_empty() {
        return conflict("Cannot delete entity, must delete policies first.");
    }
    context.directory.write().remove_role(&context.scope.account, &role.name);
    let reads = context.rules.iam_lag_reads;
    if let Some(kept) = context.state.iam.roles.get_mut(&role.name) {
        kept.write(None, reads);
    }
    Ok(Value::Null)
}

/// Without boundaries, tags and last use, as the service omits them.
pub(super) fn list(context: &mut RequestContext<'_>, input: &Input) -> Answer {
    let prefix = text(input, "PathPrefix").unwrap_or("/");
    let directory = context.directory.read();
    let roles = context.state.iam.roles.values_mut().filter_map(Lagged::read);
    let rows = roles.filter(|role| role.path.starts_with(prefix)).map(|role| role.summary(&directory)).collect();
    page("Roles", rows, input)
}

pub(super) fn list_tags(context: &mut RequestContext<'_>, input: &Input) -> Answer {
    tag_page(&seen(context, input)?.tags, input)
}

pub(super) fn tag(context: &mut RequestContext<'_>, input: &Input) -> Answer {
    let mut role = current(context, input)?;
    role.tags = checked_tags(input, &role.tags)?;
    keep(context, role)
}

pub(super) fn untag(context: &mut RequestContext<'_>, input: &Input) -> Answer {
    let mut role = current(context, input)?;
    role.tags = without_tags(input, role.tags);
    keep(context, role)
}
