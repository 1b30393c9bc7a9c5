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
pub(crate) mod trail;
pub(crate) mod wire;

use std::collections::{BTreeMap, HashMap};

use rand::Rng;
use serde_json::Value;

use crate::error::ApiError;
use crate::input::{Input, flag};
use crate::protocol::Answer;
use crate::world::Turn;

/// Operation names, and whether each only reads.
pub(crate) const OPERATIONS: &[(&str, bool)] = &[
    ("DescribeVpcEndpoints", true),
    ("CreateVpcEndpoint", false),
    ("ModifyVpcEndpoint", false),
    ("DeleteVpcEndpoints", false),
    ("DescribeVpcs", true),
    ("CreateVpc", false),
    ("DeleteVpc", false),
    ("DescribeVpcAttribute", true),
    ("ModifyVpcAttribute", false),
    ("DescribeSubnets", true),
    ("CreateSubnet", false),
    ("DeleteSubnet", false),
    ("DescribeSecurityGroups", true),
    ("CreateSecurityGroup", false),
    ("DeleteSecurityGroup", false),
    ("AuthorizeSecurityGroupIngress", false),
    ("RevokeSecurityGroupIngress", false),
    ("DescribeVpcEndpointServices", true),
    ("DescribeRegions", true),
    ("CreateTags", false),
    ("DeleteTags", false),
    ("DescribeTags", true),
];

/// Tags of a resource.
type Tags = BTreeMap<String, String>;

/// What EC2 holds in one account and region; each by id.
#[derive(Clone, Default)]
pub(crate) struct Ec2State {
    vpcs: BTreeMap<String, network::Vpc>,
    subnets: BTreeMap<String, network::Subnet>,
    groups: BTreeMap<String, security_groups::Group>,
    endpoints: BTreeMap<String, endpoints::Endpoint>,
    /// Requests of CreateVpcEndpoint by client token, with what they answered.
    tokens: HashMap<String, (Input, Value)>,
}

impl Ec2State {
    /// The id of the VPC, subnet or security group with this `Name` tag.
    pub(crate) fn id_named(&self, kind: &str, name: &str) -> Option<&str> {
        fn named<'a, T>(all: &'a BTreeMap<String, T>, name: &str, tags: impl Fn(&T) -> &Tags) -> Option<&'a str> {
            all.iter().find(|(_, one)| tags(one).get("Name").is_some_and(|tag| tag == name)).map(|(id, _)| id.as_str())
        }
        match kind {
            "vpc" => named(&self.vpcs, name, |vpc| &vpc.tags),
            "subnet" => named(&self.subnets, name, |subnet| &subnet.tags),
            "security-group" => named(&self.groups, name, |group| &group.tags),
            _ => None,
        }
    }

    /// The id of the endpoint in a VPC, by its `Name` tag, for the last part of a service's name: `VPC/SERVICE`.
    pub(crate) fn endpoint_id(&self, name: &str) -> Option<&str> {
        let (vpc, service) = name.split_once('/')?;
        let vpc = self.id_named("vpc", vpc)?;
        let own = |endpoint: &&endpoints::Endpoint| {
            endpoint.vpc == vpc && !endpoint.is_deleted() && endpoint.service.rsplit('.').next() == Some(service)
        };
        self.endpoints.values().find(own).map(|endpoint| endpoint.id.as_str())
    }

    /// Ends every transition at once.
    pub(crate) fn settle(&mut self) {
        self.endpoints.values_mut().for_each(endpoints::Endpoint::settle);
        self.endpoints.retain(|_, endpoint| !endpoint.is_deleted());
    }
}

/// Answers one operation.
pub(crate) fn call(turn: &mut Turn<'_>, operation: &str, input: &Input) -> Option<Answer> {
    if OPERATIONS.iter().any(|(name, _)| *name == operation) && flag(input, "DryRun") == Some(true) {
        let message = "Request would have succeeded, but DryRun flag is set.";
        return Some(Err(ApiError::new("DryRunOperation", message).with_status(412)));
    }
    Some(match operation {
        "DescribeVpcEndpoints" => endpoint_requests::describe(turn, input),
        "CreateVpcEndpoint" => endpoint_requests::create(turn, input),
        "ModifyVpcEndpoint" => endpoint_requests::modify(turn, input),
        "DeleteVpcEndpoints" => endpoint_requests::delete(turn, input),
        "DescribeVpcs" => network::describe_vpcs(turn, input),
        "CreateVpc" => network::create_vpc(turn, input),
        "DeleteVpc" => network::delete_vpc(turn, input),
        "DescribeVpcAttribute" => network::describe_attribute(turn, input),
        "ModifyVpcAttribute" => network::modify_attribute(turn, input),
        "DescribeSubnets" => network::describe_subnets(turn, input),
        "CreateSubnet" => network::create_subnet(turn, input),
        "DeleteSubnet" => network::delete_subnet(turn, input),
        "DescribeSecurityGroups" => security_groups::describe(turn, input),
        "CreateSecurityGroup" => security_groups::create(turn, input),
        "DeleteSecurityGroup" => security_groups::delete(turn, input),
        "AuthorizeSecurityGroupIngress" => security_groups::authorize(turn, input),
        "RevokeSecurityGroupIngress" => security_groups::revoke(turn, input),
        "DescribeVpcEndpointServices" => catalog::describe_services(turn, input),
        "DescribeRegions" => catalog::describe_regions(turn, input),
        "CreateTags" => tags::create(turn, input),
        "DeleteTags" => tags::delete(turn, input),
        "DescribeTags" => tags::describe(turn, input),
        _ => return None,
    })
}

/// A new id such as `vpc-0123456789abcdef0`.
fn new_id(turn: &mut Turn<'_>, prefix: &str) -> String {
    let bits: u64 = turn.rng.random();
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
