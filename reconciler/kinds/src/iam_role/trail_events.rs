//! Events that change an IAM role (README.md, Events): in one region of the partition.

use reconciler_model::attribution::trail_events::{TrailEvent, renamed};
use serde_json::{Value, json};

const SOURCE: &str = "iam.amazonaws.com";
const NAME: &[&str] = &["/requestParameters/roleName"];
const INLINE: &[&str] = &["rolePolicyList"];
const ATTACHED: &[&str] = &["attachedManagedPolicies"];
const BOUNDARY: &[&str] = &["permissionsBoundary"];

fn inline(parameters: &Value) -> Option<Value> {
    let policy = renamed(parameters, &[("policyName", "policyName"), ("policyDocument", "policyDocument")])?;
    policy.get("policyDocument")?;
    Some(json!({"rolePolicyList": [policy]}))
}

pub(super) const TRAIL_EVENTS: &[TrailEvent] = &[
    TrailEvent::new(SOURCE, "CreateRole", NAME).creates(Some("/requestParameters/roleName")).shows(|parameters| {
        let names = [
            ("path", "path"),
            ("description", "description"),
            ("maxSessionDuration", "maxSessionDuration"),
            ("assumeRolePolicyDocument", "assumeRolePolicyDocument"),
        ];
        let mut set = renamed(parameters, &names)?;
        set["rolePolicyList"] = json!([]);
        set["attachedManagedPolicies"] = json!([]);
        Some(set)
    }),
    TrailEvent::new(SOURCE, "UpdateRole", NAME).of(&["description", "maxSessionDuration"]).shows(|parameters| {
        renamed(parameters, &[("description", "description"), ("maxSessionDuration", "maxSessionDuration")])
    }),
    TrailEvent::new(SOURCE, "UpdateRoleDescription", NAME)
        .of(&["description"])
        .shows(|parameters| renamed(parameters, &[("description", "description")])),
    TrailEvent::new(SOURCE, "UpdateAssumeRolePolicy", NAME)
        .of(&["assumeRolePolicyDocument"])
        .shows(|parameters| renamed(parameters, &[("assumeRolePolicyDocument", "policyDocument")])),
    TrailEvent::new(SOURCE, "PutRolePolicy", NAME)
        .of(INLINE)
        .elements(&["/requestParameters/policyName"])
        .shows(inline),
    TrailEvent::new(SOURCE, "DeleteRolePolicy", NAME)
        .of(INLINE)
        .elements(&["/requestParameters/policyName"])
        .leaves(false),
    TrailEvent::new(SOURCE, "AttachRolePolicy", NAME)
        .of(ATTACHED)
        .elements(&["/requestParameters/policyArn"])
        .leaves(true),
    TrailEvent::new(SOURCE, "DetachRolePolicy", NAME)
        .of(ATTACHED)
        .elements(&["/requestParameters/policyArn"])
        .leaves(false),
    TrailEvent::new(SOURCE, "PutRolePermissionsBoundary", NAME).of(BOUNDARY),
    TrailEvent::new(SOURCE, "DeleteRolePermissionsBoundary", NAME)
        .of(BOUNDARY)
        .shows(|_| Some(json!({"permissionsBoundary": null}))),
    TrailEvent::new(SOURCE, "TagRole", NAME)
        .of(&["tags"])
        .elements(&["/requestParameters/tags"])
        .shows(|parameters| renamed(parameters, &[("tags", "tags")])),
    TrailEvent::new(SOURCE, "UntagRole", NAME).of(&["tags"]).elements(&["/requestParameters/tagKeys"]).leaves(false),
    TrailEvent::new(SOURCE, "DeleteRole", NAME).removes(),
];
