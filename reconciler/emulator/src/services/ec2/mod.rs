//! Amazon EC2, as far as VPC endpoints need it: endpoints, VPCs, subnets, security groups, tags.
//!
//! # Guarantees
//! - States settle late and are in lower camel case on the wire, whatever the model says.
//! - A deleted endpoint stays visible for a while, and its private DNS name stays taken until it is deleted.
//! - Lists come back in any order, but one order for all the pages of a list.
//!
//! # Caveats
//! - There are no route tables, network interfaces or network ACLs of their own, and no egress rules but the default.
//! - Nothing exists at first: VPCs, subnets and groups come from calls or scripts.

mod catalog;
mod endpoint_requests;
mod endpoints;
mod listing;
mod network;
mod security_groups;
mod tags;
mod trail;
mod wire;

use std::collections::{BTreeMap, HashMap};

use rand::Rng;
use serde_json::Value;

use crate::error::{self, ApiError, Refusals};
use crate::input::{Input, flag};
use crate::service::{Action, Endpoint, Events, Form, Name, Service, Settle, reads, writes};
use crate::world::RequestContext;

pub(crate) const SERVICE: Service = Service {
    name: "ec2",
    endpoint: Endpoint::of("ec2"),
    wire: &wire::WIRE,
    refusals: &REFUSALS,
    operations: OPERATIONS,
    events: Events {
        request: trail::request_parameters,
        response: trail::response_elements,
        resources: |_, input, answer| trail::resources(input, answer),
        ..Events::USUAL
    },
    names: &[
        Name {
            label: "vpc",
            form: Form::Named,
            find: |_, place, name| id_named(&place.state.ec2.vpcs, name, |vpc| &vpc.tags),
        },
        Name {
            label: "subnet",
            form: Form::Named,
            find: |_, place, name| id_named(&place.state.ec2.subnets, name, |subnet| &subnet.tags),
        },
        Name {
            label: "security-group",
            form: Form::Named,
            find: |_, place, name| id_named(&place.state.ec2.groups, name, |group| &group.tags),
        },
        Name {
            label: "endpoint",
            form: Form::Named,
            find: |_, place, name| place.state.ec2.endpoint_id(name).map(str::to_owned),
        },
    ],
    check: Some(refuse_dry_run),
    ..Service::USUAL
};

const REFUSALS: Refusals = Refusals {
    unknown_operation: ("InvalidAction", 400),
    throttled: ("RequestLimitExceeded", 503, "Request limit exceeded."),
    denied: ("UnauthorizedOperation", 403),
    expired: ("RequestExpired", 400, error::EXPIRED),
    unrecognized_client: ("AuthFailure", 401, "AWS was not able to validate the provided access credentials"),
};

/// Every operation.
const OPERATIONS: &[Action] = &[
    reads("DescribeVpcEndpoints", endpoint_requests::describe),
    writes("CreateVpcEndpoint", endpoint_requests::create),
    writes("ModifyVpcEndpoint", endpoint_requests::modify),
    writes("DeleteVpcEndpoints", endpoint_requests::delete),
    reads("DescribeVpcs", network::describe_vpcs),
    writes("CreateVpc", network::create_vpc),
    writes("DeleteVpc", network::delete_vpc),
    reads("DescribeVpcAttribute", network::describe_attribute),
    writes("ModifyVpcAttribute", network::modify_attribute),
    reads("DescribeSubnets", network::describe_subnets),
    writes("CreateSubnet", network::create_subnet),
    writes("DeleteSubnet", network::delete_subnet),
    reads("DescribeSecurityGroups", security_groups::describe),
    writes("CreateSecurityGroup", security_groups::create),
    writes("DeleteSecurityGroup", security_groups::delete),
    writes("AuthorizeSecurityGroupIngress", security_groups::authorize),
    writes("RevokeSecurityGroupIngress", security_groups::revoke),
    reads("DescribeVpcEndpointServices", catalog::describe_services),
    reads("DescribeRegions", catalog::describe_regions),
    writes("CreateTags", tags::create),
    writes("DeleteTags", tags::delete),
    reads("DescribeTags", tags::describe),
];

/// Tags of a resource.
type Tags = BTreeMap<String, String>;

/// What EC2 holds in one account and region; each by id.
#[derive(Clone, Default)]
pub(crate) struct State {
    vpcs: BTreeMap<String, network::Vpc>,
    subnets: BTreeMap<String, network::Subnet>,
    groups: BTreeMap<String, security_groups::Group>,
    endpoints: BTreeMap<String, endpoints::Endpoint>,
    /// Requests of CreateVpcEndpoint by client token, with what they answered.
    tokens: HashMap<String, (Input, Value)>,
}

impl Settle for State {
    fn settle(&mut self) {
        self.endpoints.values_mut().for_each(endpoints::Endpoint::settle);
        self.endpoints.retain(|_, endpoint| !endpoint.is_deleted());
    }
}

impl State {
    /// The id of the endpoint in a VPC, by its `Name` tag, for the last part of a service's name: `VPC/SERVICE`.
    fn endpoint_id(&self, name: &str) -> Option<&str> {
        let (vpc, service) = name.split_once('/')?;
        let vpc = id_named(&self.vpcs, vpc, |vpc| &vpc.tags)?;
        let own = |endpoint: &&endpoints::Endpoint| {
            endpoint.vpc == vpc && !endpoint.is_deleted() && endpoint.service.rsplit('.').next() == Some(service)
        };
        self.endpoints.values().find(own).map(|endpoint| endpoint.id.as_str())
    }
}

/// The id of what has this `Name` tag.
fn id_named<T>(all: &BTreeMap<String, T>, name: &str, tags: impl Fn(&T) -> &Tags) -> Option<String> {
    all.iter().find(|(_, one)| tags(one).get("Name").is_some_and(|tag| tag == name)).map(|(id, _)| id.clone())
}

/// A dry run of any operation succeeds with an error.
fn refuse_dry_run(_: &RequestContext<'_>, _: &Action, input: &Input) -> Result<(), ApiError> {
    if flag(input, "DryRun") == Some(true) {
        let message = "Request would have succeeded, but DryRun flag is set.";
        return Err(ApiError::new("DryRunOperation", message).with_status(412));
    }
    Ok(())
}

/// A new id such as `vpc-0123456789abcdef0`.
fn new_id(context: &mut RequestContext<'_>, prefix: &str) -> String {
    let bits: u64 = context.rng.random();
    format!("{prefix}-0{bits:016x}")
}

/// An instant as EC2 writes it.
fn instant(at: jiff::Timestamp) -> Value {
    Value::String(at.strftime("%Y-%m-%dT%H:%M:%S.%3fZ").to_string())
}

fn missing_parameter(name: &str) -> ApiError {
    ApiError::new("MissingParameter", format!("The request must contain the parameter {name}"))
}

fn invalid_parameter(message: impl Into<String>) -> ApiError {
    ApiError::new("InvalidParameter", message)
}

fn not_found(code: &'static str, what: &str, id: &str) -> ApiError {
    ApiError::new(code, format!("The {what} '{id}' does not exist"))
}

/// A required text.
fn required<'a>(input: &'a Input, member: &str) -> Result<&'a str, ApiError> {
    crate::input::text(input, member).filter(|text| !text.is_empty()).ok_or_else(|| missing_parameter(member))
}
