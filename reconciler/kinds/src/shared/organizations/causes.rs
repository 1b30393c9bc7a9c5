//! Events that change an organization policy (README.md, Events): in the management account, in one region of the partition.

use reconciler_model::cause::{Cause, renamed};
use serde_json::json;

use super::spec::TARGETS;

const SOURCE: &str = "organizations.amazonaws.com";
const ID: &[&str] = &["/requestParameters/policyId"];
const MADE: &[&str] = &["/responseElements/policy/policySummary/id"];
const NAME: Option<&str> = Some("/requestParameters/name");
const TARGET: &[&str] = &["/requestParameters/targetId"];
const TAGGED: &[&str] = &["/requestParameters/resourceId"];

pub(crate) const CAUSES: &[Cause] = &[
    Cause::new(SOURCE, "CreatePolicy", MADE).creates(NAME).shows(|parameters| {
        let mut set = renamed(parameters, &[("content", "content"), ("description", "description")])?;
        set[TARGETS] = json!([]);
        Some(set)
    }),
    Cause::new(SOURCE, "UpdatePolicy", ID)
        .of(&["content", "description"])
        .shows(|parameters| renamed(parameters, &[("content", "content"), ("description", "description")])),
    Cause::new(SOURCE, "AttachPolicy", ID).of(&[TARGETS]).elements(TARGET).leaves(true),
    Cause::new(SOURCE, "DetachPolicy", ID).of(&[TARGETS]).elements(TARGET).leaves(false),
    // All attachments of the type are lost, whatever the policy.
    Cause::new(SOURCE, "DisablePolicyType", &[]).of(&[TARGETS]),
    // Whoever makes the organization's policies one type again attaches nothing by it; it is here as steps use it.
    Cause::new(SOURCE, "EnablePolicyType", &[]).of(&[TARGETS]).shows(|_| Some(json!({}))),
    Cause::new(SOURCE, "TagResource", TAGGED)
        .of(&["tags"])
        .elements(&["/requestParameters/tags"])
        .shows(|parameters| renamed(parameters, &[("tags", "tags")])),
    Cause::new(SOURCE, "UntagResource", TAGGED).of(&["tags"]).elements(&["/requestParameters/tagKeys"]).leaves(false),
    Cause::new(SOURCE, "DeletePolicy", ID).removes(),
];
