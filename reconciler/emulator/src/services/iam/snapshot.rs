//! The whole account in one list: GetAccountAuthorizationDetails.

use serde_json::{Value, json};

use super::documents::encoded;
use super::role_policies::attached_view;
use super::roles::Role;
use super::{instant, page, policies};
use crate::input::{Input, tag_list, texts};
use crate::lagged::Lagged;
use crate::protocol::Answer;
use crate::registry::Registry;
use crate::world::RequestContext;

/// A role without its longest session and its description, as the service omits them.
fn role_detail(role: &Role, directory: &Registry) -> Value {
    let inline =
        role.inline.iter().map(|(name, document)| json!({"PolicyName": name, "PolicyDocument": encoded(document)}));
    let mut view = json!({
        "Path": role.path,
        "RoleName": role.name,
        "RoleId": role.id,
        "Arn": role.arn,
        "CreateDate": instant(role.created),
        "AssumeRolePolicyDocument": encoded(&role.trust.shown(directory)),
        "InstanceProfileList": [],
        "RolePolicyList": inline.collect::<Vec<_>>(),
        "AttachedManagedPolicies": role.attached.iter().map(|arn| attached_view(arn)).collect::<Vec<_>>(),
        "Tags": tag_list(&role.tags),
        "RoleLastUsed": {},
    });
    if let Some(boundary) = role.boundary_view() {
        view["PermissionsBoundary"] = boundary;
    }
    view
}

/// One page over all kinds of rows: roles, then policies.
pub(super) fn details(context: &mut RequestContext<'_>, input: &Input) -> Answer {
    let filter = texts(input, "Filter");
    let wants = |kind: &str| filter.is_empty() || filter.iter().any(|wanted| wanted == kind);
    let mut rows = Vec::new();
    if wants("Role") {
        let directory = context.directory.read();
        let roles = context.state.iam.roles.values_mut().filter_map(Lagged::read);
        rows.extend(roles.map(|role| role_detail(&role, &directory)));
    }
    let (own, of_aws) = policies::seen_all(context);
    for (kind, policies) in [("LocalManagedPolicy", own), ("AWSManagedPolicy", of_aws)] {
        if wants(kind) {
            rows.extend(policies.iter().map(|policy| policy.detail(context)));
        }
    }
    let mut answer = page("Rows", rows, input)?;
    let rows = answer.as_object_mut().and_then(|members| members.remove("Rows"));
    let rows = rows.as_ref().and_then(Value::as_array).cloned().unwrap_or_default();
    let (roles, policies): (Vec<Value>, Vec<Value>) = rows.into_iter().partition(|row| row.get("RoleId").is_some());
    answer["RoleDetailList"] = json!(roles);
    answer["Policies"] = json!(policies);
    answer["UserDetailList"] = json!([]);
    answer["GroupDetailList"] = json!([]);
    Ok(answer)
}
