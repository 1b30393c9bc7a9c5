//! AWS IAM: roles and managed policies (kinds/iam_role/README.md, Documents).
//!
//! # Guarantees
//! - One state per account, whatever the region; it lives in the place of the region in which IAM is signed for.
//! - Documents are URL-encoded on read. Trust policies are re-serialised; identity policies are kept verbatim.
//! - A principal whose role was deleted reads back as its unique id, also when a role of that name exists again.
//!
//! # Caveats
//! - There are no users, groups or instance profiles; AWS managed policies are a short list with short documents.
//! - Nothing is evaluated, but for the delivery of logs and by SimulatePrincipalPolicy: a trust policy does not decide who can
//!   assume the role, nor a policy what a call may do.
//! - Of a policy's grammar only the outer shape is checked.

mod documents;
mod managed;
mod policies;
mod role_policies;
mod roles;
mod simulation;
mod snapshot;

use std::collections::BTreeMap;

use serde_json::{Value, json};

use crate::error::{self, ApiError};
use crate::history::lower_first;
use crate::input::{Input, number, tag_list, tags, text, texts};
use crate::lagged::Lagged;
use crate::protocol::{Answer, Asked, query};
use crate::service::{Action, Endpoint, Events, Home, Service, Settle, Wire, reads, writes};
use crate::{form, xml};

use policies::Policy;
use roles::Role;

pub(crate) const SERVICE: Service = Service {
    name: "iam",
    endpoint: Endpoint::of("iam"),
    wire: &WIRE,
    refusals: &error::QUERY,
    operations: OPERATIONS,
    home: Home::Account(["us-east-1", "us-gov-west-1", "cn-north-1"]),
    events: Events { response: |_, answer| lower_first(answer), ..Events::USUAL },
    ..Service::USUAL
};

/// awsQuery, with forms as trees.
const WIRE: Wire = Wire {
    asked: |_, request| {
        let Asked { operation, input } = query(request.body());
        Ok(Asked { operation, input: form::tree(input) })
    },
    response: |reply| xml::query_response("https://iam.amazonaws.com/doc/2010-05-08/", reply),
};

/// Every operation.
const OPERATIONS: &[Action] = &[
    reads("GetRole", roles::get),
    writes("CreateRole", roles::create),
    writes("CreateServiceLinkedRole", roles::create_service_linked),
    writes("UpdateRole", roles::update),
    writes("UpdateAssumeRolePolicy", roles::update_trust),
    writes("DeleteRole", roles::delete),
    reads("ListRoles", roles::list),
    reads("ListRolePolicies", role_policies::list_inline),
    reads("GetRolePolicy", role_policies::get_inline),
    writes("PutRolePolicy", role_policies::put_inline),
    writes("DeleteRolePolicy", role_policies::delete_inline),
    reads("ListAttachedRolePolicies", role_policies::list_attached),
    writes("AttachRolePolicy", role_policies::attach),
    writes("DetachRolePolicy", role_policies::detach),
    writes("PutRolePermissionsBoundary", role_policies::put_boundary),
    writes("DeleteRolePermissionsBoundary", role_policies::delete_boundary),
    reads("ListRoleTags", roles::list_tags),
    writes("TagRole", roles::tag),
    writes("UntagRole", roles::untag),
    writes("CreatePolicy", policies::create),
    reads("GetPolicy", policies::get),
    reads("GetPolicyVersion", policies::get_version),
    reads("ListPolicyVersions", policies::list_versions),
    writes("CreatePolicyVersion", policies::create_version),
    writes("SetDefaultPolicyVersion", policies::set_default),
    writes("DeletePolicyVersion", policies::delete_version),
    writes("DeletePolicy", policies::delete),
    reads("ListPolicies", policies::list),
    reads("GetAccountAuthorizationDetails", snapshot::details),
    reads("SimulatePrincipalPolicy", simulation::principal),
];

/// Tags of a role or policy.
type Tags = BTreeMap<String, String>;

/// What IAM holds in one account. What is deleted stays as nothing, for the reads that are late.
#[derive(Clone, Default)]
pub(crate) struct State {
    /// By name.
    roles: BTreeMap<String, Lagged<Option<Role>>>,
    /// By ARN.
    policies: BTreeMap<String, Lagged<Option<Policy>>>,
    /// How often a role of a name was made: each has an id of its own.
    incarnations: BTreeMap<String, u32>,
}

impl Settle for State {
    fn settle(&mut self) {
        self.roles.values_mut().for_each(Lagged::settle);
        self.policies.values_mut().for_each(Lagged::settle);
    }
}

impl State {
    fn roles_now(&self) -> impl Iterator<Item = &Role> {
        self.roles.values().filter_map(|role| role.now().as_ref())
    }
}

fn no_such_entity(message: impl Into<String>) -> ApiError {
    ApiError::new("NoSuchEntity", message).with_status(404)
}

fn limit_exceeded(message: impl Into<String>) -> ApiError {
    ApiError::new("LimitExceeded", message).with_status(409)
}

fn validation(message: impl Into<String>) -> ApiError {
    ApiError::new("ValidationError", message)
}

fn required<'a>(input: &'a Input, member: &str) -> Result<&'a str, ApiError> {
    text(input, member).filter(|text| !text.is_empty()).ok_or_else(|| {
        let (first, rest) = member.split_at(1);
        let member = first.to_ascii_lowercase() + rest;
        validation(format!("1 validation error detected: Value null at '{member}' failed to satisfy constraint: Member must not be null"))
    })
}

/// A name of the request, with the alphabet of IAM.
fn name<'a>(input: &'a Input, member: &str, longest: usize) -> Result<&'a str, ApiError> {
    let name = required(input, member)?;
    let allowed = |c: char| c.is_ascii_alphanumeric() || "_+=,.@-".contains(c);
    if name.len() > longest || !name.chars().all(allowed) {
        return Err(validation(format!(
            "The specified value for {member} is invalid. It must contain only alphanumeric characters and/or the following: +=,.@_-"
        )));
    }
    Ok(name)
}

fn path(input: &Input) -> Result<String, ApiError> {
    let path = text(input, "Path").unwrap_or("/");
    if path.starts_with('/') && path.ends_with('/') && path.len() <= 512 {
        Ok(path.to_owned())
    } else {
        Err(validation(
            "The specified value for path is invalid. It must begin and end with / and contain only alphanumeric characters and/or / characters.",
        ))
    }
}

fn checked_tags(input: &Input, old: &Tags) -> Result<Tags, ApiError> {
    let new = tags(input, "Tags").ok_or_else(|| validation("A tag has no key"))?;
    if new.keys().any(|key| key.to_ascii_lowercase().starts_with("aws:")) {
        return Err(ApiError::new("InvalidInput", "Tag keys starting with aws: are reserved for system use"));
    }
    let mut all = old.clone();
    all.extend(new);
    if all.len() > 50 {
        return Err(limit_exceeded("The number of tags has reached the maximum limit."));
    }
    Ok(all)
}

fn without_tags(input: &Input, mut old: Tags) -> Tags {
    let keys = texts(input, "TagKeys");
    old.retain(|key, _| !keys.contains(key));
    old
}

/// One page of rows, as every list of IAM has them.
fn page(member: &str, rows: Vec<Value>, input: &Input) -> Answer {
    let limit = match number(input, "MaxItems") {
        None => 100,
        Some(limit @ 1..=1000) => usize::try_from(limit).unwrap_or(100),
        Some(_) => {
            return Err(validation(
                "1 validation error detected: Value at 'maxItems' failed to satisfy constraint: Member must have value between 1 and 1000",
            ));
        }
    };
    let start: usize = match text(input, "Marker") {
        None => 0,
        Some(marker) => marker.parse().map_err(|_| ApiError::new("InvalidInput", "Invalid Marker."))?,
    };
    let end = start.saturating_add(limit);
    let truncated = rows.len() > end;
    let rows: Vec<Value> = rows.into_iter().skip(start).take(limit).collect();
    let mut answer = json!({member: rows, "IsTruncated": truncated});
    if truncated {
        answer["Marker"] = json!(end.to_string());
    }
    Ok(answer)
}

fn tag_page(tags: &Tags, input: &Input) -> Answer {
    let rows = tag_list(tags).as_array().cloned().unwrap_or_default();
    page("Tags", rows, input)
}

fn instant(at: jiff::Timestamp) -> Value {
    json!(crate::principal::seconds(at))
}
