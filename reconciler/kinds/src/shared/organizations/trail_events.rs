//! Events that change an organization policy (README.md, Events): in the management account, in one region of the partition.

use reconciler_model::attribution::trail_events::{TrailEvent, renamed};
use serde_json::json;

use super::spec::TARGETS;

const SOURCE: &str = "organizations.amazonaws.com";
const ID: &[&str] = &["/requestParameters/policyId"];
const MADE: &[&str] = &["/responseElements/policy/policySummary/id"];
const NAME: Option<&str> = Some("/requestParameters/name");
const TARGET: &[&str] = &["/requestParameters/targetId"];
const TAGGED: &[&str] = &["/requestParameters/resourceId"];

pub(crate) const TRAIL_EVENTS: &[TrailEvent] = &[
    TrailEvent::new(SOURCE, "CreatePolicy", MADE).creates(NAME).shows(|parameters| {
        let mut set = renamed(parameters, &[("content", "content"), ("description", "description")])?;
        set[TARGETS] = json!([]);
        Some(set)
    }),
    TrailEvent::new(SOURCE, "UpdatePolicy", ID)
        .ends()
        .of(&["content", "description"])
        .shows(|parameters| renamed(parameters, &[("content", "content"), ("description", "description")])),
    TrailEvent::new(SOURCE, "AttachPolicy", ID).of(&[TARGETS]).elements(TARGET).leaves(true),
    TrailEvent::new(SOURCE, "DetachPolicy", ID).of(&[TARGETS]).elements(TARGET).leaves(false),
    // All attachments of the type are lost, whatever the policy.
    TrailEvent::new(SOURCE, "DisablePolicyType", &[]).of(&[TARGETS]),
    // Enabling the policy type attaches nothing. The event is listed because steps use it.
    TrailEvent::new(SOURCE, "EnablePolicyType", &[]).of(&[TARGETS]).shows(|_| Some(json!({}))),
    TrailEvent::new(SOURCE, "TagResource", TAGGED)
        .of(&["tags"])
        .elements(&["/requestParameters/tags"])
        .shows(|parameters| renamed(parameters, &[("tags", "tags")])),
    TrailEvent::new(SOURCE, "UntagResource", TAGGED)
        .of(&["tags"])
        .elements(&["/requestParameters/tagKeys"])
        .leaves(false),
    TrailEvent::new(SOURCE, "DeletePolicy", ID).removes(),
];
