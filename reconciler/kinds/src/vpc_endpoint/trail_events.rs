//! Events that change an interface endpoint (README.md, Events): nested under the name of the request, with capitals.
//!
//! Hypothesis (README.md, Hypotheses): ModifyVpcEndpoint is recorded like the other two.

use reconciler_model::attribution::history::Event;
use reconciler_model::attribution::trail_events::{TrailEvent, renamed};
use serde_json::{Value, json};

use super::preflight::Preflight;

const SOURCE: &str = "ec2.amazonaws.com";
const MADE: &[&str] = &["/responseElements/CreateVpcEndpointResponse/vpcEndpoint/vpcEndpointId"];
const CHANGED: &[&str] = &["/requestParameters/ModifyVpcEndpointRequest/VpcEndpointId"];
const DELETED: &[&str] = &["/requestParameters/DeleteVpcEndpointsRequest/VpcEndpointId"];
const TAGGED: &[&str] = &["/requestParameters/resourcesSet"];

/// What a request sets in one piece; subnets and groups are added and removed, which says nothing of the others.
const WHOLE: &[(&str, &str)] = &[("policyDocument", "PolicyDocument"), ("privateDnsEnabled", "PrivateDnsEnabled")];

/// The items of a list: `{tag, content}` for one, an array of these for more.
fn contents(list: &Value) -> Vec<Value> {
    let items = list.as_array().map_or(std::slice::from_ref(list), Vec::as_slice);
    items.iter().filter_map(|item| item.get("content")).cloned().collect()
}

fn modified(parameters: &Value) -> Option<Value> {
    renamed(parameters.get("ModifyVpcEndpointRequest")?, WHOLE)
}

pub(super) const TRAIL_EVENTS: &[TrailEvent] = &[
    TrailEvent::new(SOURCE, "CreateVpcEndpoint", MADE)
        .creates(Some("/requestParameters/CreateVpcEndpointRequest/ServiceName"))
        .makes(made)
        .shows(|parameters| {
            let given = parameters.get("CreateVpcEndpointRequest")?;
            let mut set = renamed(given, WHOLE)?;
            set["subnetIds"] = given.get("SubnetId").map(contents).unwrap_or_default().into();
            let groups = given.get("SecurityGroupId").map(contents).unwrap_or_default();
            set["groups"] = groups.into_iter().map(|id| json!({"groupId": id})).collect();
            Some(set)
        }),
    TrailEvent::new(SOURCE, "ModifyVpcEndpoint", CHANGED).of(&["policyDocument", "privateDnsEnabled"]).shows(modified),
    TrailEvent::new(SOURCE, "ModifyVpcEndpoint", CHANGED).of(&["subnetIds", "groups", "ipAddressType", "dnsOptions"]),
    TrailEvent::new(SOURCE, "DeleteVpcEndpoints", DELETED).removes(),
    TrailEvent::new(SOURCE, "CreateTags", TAGGED).of(&["tags"]).elements(&["/requestParameters/tagSet"]),
    TrailEvent::new(SOURCE, "DeleteTags", TAGGED).of(&["tags"]).elements(&["/requestParameters/tagSet"]),
];

/// Whether a request made an endpoint for this service in this VPC.
fn made(event: &Event, scope_context: &Value) -> bool {
    let Ok(preflight) = serde_json::from_value::<Preflight>(scope_context.clone()) else { return false };
    let shown = |member: &str| {
        event.at(&format!("/requestParameters/CreateVpcEndpointRequest/{member}")).and_then(Value::as_str)
    };
    shown("VpcId") == Some(preflight.vpc_id.as_str()) && shown("ServiceName") == Some(preflight.service_name.as_str())
}
