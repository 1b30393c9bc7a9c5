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
use crate::world::Turn;

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
pub(super) fn seen(turn: &mut Turn<'_>, input: &Input) -> Result<Role, ApiError> {
    let name = name(input, "RoleName", 64)?;
    let role = turn.cell.iam.roles.get_mut(name).and_then(Lagged::read);
    role.ok_or_else(|| role_not_found(name))
}

/// The role as it is, for a write.
pub(super) fn current(turn: &Turn<'_>, input: &Input) -> Result<Role, ApiError> {
    let name = name(input, "RoleName", 64)?;
    turn.cell.iam.roles.get(name).and_then(|role| role.now().clone()).ok_or_else(|| role_not_found(name))
}

/// The role as it is, for a write that a role of a service refuses.
pub(super) fn own(turn: &Turn<'_>, input: &Input) -> Result<Role, ApiError> {
    let role = current(turn, input)?;
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
pub(super) fn keep(turn: &mut Turn<'_>, role: Role) -> Answer {
    {
        let mut directory = turn.directory.write();
        let says = Delivery {
            trust: role.trust.shown(&directory),
            inline: role.inline.values().cloned().collect(),
            has_attached: !role.attached.is_empty(),
        };
        directory.describe_role(&turn.scope.account, &role.name, says);
    }
    let reads = turn.rules.iam_lag_reads;
    let kept = turn.cell.iam.roles.entry(role.name.clone()).or_insert_with(|| Lagged::new(None));
    kept.write(Some(role), reads);
    Ok(Value::Null)
}

pub(super) fn get(turn: &mut Turn<'_>, input: &Input) -> Answer {
    let role = seen(turn, input)?;
    Ok(json!({"Role": role.view(&turn.directory.read())}))
}

fn trust(turn: &Turn<'_>, document: &str) -> Result<Document, ApiError> {
    if documents::size(document) > TRUST_QUOTA {
        return Err(limit_exceeded(format!("Cannot exceed quota for ACLSizePerRole: {TRUST_QUOTA}")));
    }
    documents::trust(document, &mut turn.directory.write())
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

pub(super) fn create(turn: &mut Turn<'_>, input: &Input) -> Answer {
    let name = name(input, "RoleName", 64)?;
    let path = path(input)?;
    if path.starts_with(SERVICE_LINKED) {
        return Err(ApiError::new("InvalidInput", "Roles of services are made by CreateServiceLinkedRole."));
    }
    let document = required(input, "AssumeRolePolicyDocument")?;
    let boundary = text(input, "PermissionsBoundary").map(str::to_owned);
    if let Some(boundary) = &boundary {
        policies::check_exists(turn, boundary)?;
    }
    let role = Role {
        trust: trust(turn, document)?,
        description: description(input)?,
        max_session: max_session(input)?.unwrap_or(3600),
        boundary,
        tags: checked_tags(input, &Tags::new())?,
        ..blank(turn, name, &path)
    };
    add(turn, role)
}

/// A role that has a name only.
fn blank(turn: &Turn<'_>, name: &str, path: &str) -> Role {
    let account = &turn.scope.account;
    // The first of a name has the id that its sessions show.
    let id = match turn.cell.iam.incarnations.get(name) {
        None => stable_id(&format!("{account}/{name}")),
        Some(count) => stable_id(&format!("{account}/{name}/{count}")),
    };
    Role {
        name: name.to_owned(),
        path: path.to_owned(),
        arn: format!("arn:{}:iam::{account}:role{path}{name}", turn.scope.partition),
        id: format!("AROA{id}"),
        trust: Document::new(String::new(), Vec::new()),
        description: None,
        max_session: 3600,
        boundary: None,
        inline: BTreeMap::new(),
        attached: BTreeSet::new(),
        tags: Tags::new(),
        created: turn.now,
    }
}

fn add(turn: &mut Turn<'_>, role: Role) -> Answer {
    if turn.cell.iam.roles_now().any(|other| other.name.eq_ignore_ascii_case(&role.name)) {
        let message = format!("Role with name {} already exists.", role.name);
        return Err(ApiError::new("EntityAlreadyExists", message).with_status(409));
    }
    *turn.cell.iam.incarnations.entry(role.name.clone()).or_default() += 1;
    let refused = turn.rules.principal_lag_uses;
    let answer = {
        let mut directory = turn.directory.write();
        directory.add_role(&turn.scope.account, &role.name, &role.arn, &role.id, refused);
        json!({"Role": role.view(&directory)})
    };
    keep(turn, role)?;
    Ok(answer)
}

/// The role that a service makes for itself, such as `AWSServiceRoleForBedrock` of `bedrock.amazonaws.com`.
pub(super) fn create_service_linked(turn: &mut Turn<'_>, input: &Input) -> Answer {
    let service = required(input, "AWSServiceName")?;
    let label = service.split('.').next().unwrap_or_default();
    let (first, rest) = label.split_at(label.len().min(1));
    let name = format!("AWSServiceRoleFor{}{rest}", first.to_ascii_uppercase());
    let document = json!({"Version": "2012-10-17", "Statement": [
        {"Effect": "Allow", "Principal": {"Service": service}, "Action": "sts:AssumeRole"},
    ]});
    let role = Role {
        trust: trust(turn, &document.to_string())?,
        description: description(input)?,
        ..blank(turn, &name, &format!("{SERVICE_LINKED}{service}/"))
    };
    add(turn, role).map_err(|error| match &*error.code {
        "EntityAlreadyExists" => {
            let message =
                format!("Service role name {name} has been taken in this account, please try a different suffix.");
            ApiError::new("InvalidInput", message)
        }
        _ => error,
    })
}

/// What the request omits stays; that an omitted description stays too is a hypothesis (README.md, Hypotheses).
pub(super) fn update(turn: &mut Turn<'_>, input: &Input) -> Answer {
    let mut role = own(turn, input)?;
    role.description = description(input)?.or(role.description);
    role.max_session = max_session(input)?.unwrap_or(role.max_session);
    keep(turn, role)?;
    Ok(json!({}))
}

pub(super) fn update_trust(turn: &mut Turn<'_>, input: &Input) -> Answer {
    let mut role = own(turn, input)?;
    role.trust = trust(turn, required(input, "PolicyDocument")?)?;
    keep(turn, role)
}

pub(super) fn delete(turn: &mut Turn<'_>, input: &Input) -> Answer {
    let role = own(turn, input)?;
    let conflict = |message: &str| Err(ApiError::new("DeleteConflict", message).with_status(409));
    if !role.attached.is_empty() {
        return conflict("Cannot delete entity, must detach all policies first.");
    }
    if !role.inline.is_empty() {
        return conflict("Cannot delete entity, must delete policies first.");
    }
    turn.directory.write().remove_role(&turn.scope.account, &role.name);
    let reads = turn.rules.iam_lag_reads;
    if let Some(kept) = turn.cell.iam.roles.get_mut(&role.name) {
        kept.write(None, reads);
    }
    Ok(Value::Null)
}

/// Without boundaries, tags and last use, as the service omits them.
pub(super) fn list(turn: &mut Turn<'_>, input: &Input) -> Answer {
    let prefix = text(input, "PathPrefix").unwrap_or("/");
    let directory = turn.directory.read();
    let roles = turn.cell.iam.roles.values_mut().filter_map(Lagged::read);
    let rows = roles.filter(|role| role.path.starts_with(prefix)).map(|role| role.summary(&directory)).collect();
    page("Roles", rows, input)
}

pub(super) fn list_tags(turn: &mut Turn<'_>, input: &Input) -> Answer {
    tag_page(&seen(turn, input)?.tags, input)
}

pub(super) fn tag(turn: &mut Turn<'_>, input: &Input) -> Answer {
    let mut role = current(turn, input)?;
    role.tags = checked_tags(input, &role.tags)?;
    keep(turn, role)
}

pub(super) fn untag(turn: &mut Turn<'_>, input: &Input) -> Answer {
    let mut role = current(turn, input)?;
    role.tags = without_tags(input, role.tags);
    keep(turn, role)
}
