//! VPCs and subnets.

use serde_json::{Value, json};

use super::listing::Listing;
use super::security_groups::Group;
use super::{Tags, missing_parameter, new_id, not_found, required, tags};
use crate::error::ApiError;
use crate::input::{Input, as_flag, tag_list, text};
use crate::protocol::Answer;
use crate::world::{RequestContext, Scope};

/// A VPC.
#[derive(Clone)]
pub(super) struct Vpc {
    id: String,
    cidr: String,
    pub(super) dns_support: bool,
    pub(super) dns_hostnames: bool,
    usage_metrics: bool,
    pub(super) tags: Tags,
}

/// A subnet.
#[derive(Clone)]
pub(super) struct Subnet {
    id: String,
    pub(super) vpc: String,
    cidr: String,
    pub(super) zone: String,
    pub(super) tags: Tags,
}

const VPCS: Listing = Listing {
    member: "Vpcs",
    id: "VpcId",
    ids: "VpcIds",
    not_found: vpc_not_found,
    filters: &[
        ("vpc-id", "VpcId"),
        ("cidr", "CidrBlock"),
        ("state", "State"),
        ("is-default", "IsDefault"),
        ("owner-id", "OwnerId"),
    ],
};

const SUBNETS: Listing = Listing {
    member: "Subnets",
    id: "SubnetId",
    ids: "SubnetIds",
    not_found: subnet_not_found,
    filters: &[
        ("subnet-id", "SubnetId"),
        ("vpc-id", "VpcId"),
        ("availability-zone", "AvailabilityZone"),
        ("availability-zone-id", "AvailabilityZoneId"),
        ("cidr-block", "CidrBlock"),
        ("state", "State"),
        ("owner-id", "OwnerId"),
    ],
};

pub(super) fn vpc_not_found(id: &str) -> ApiError {
    not_found("InvalidVpcID.NotFound", "vpc ID", id)
}

pub(super) fn subnet_not_found(id: &str) -> ApiError {
    not_found("InvalidSubnetID.NotFound", "subnet ID", id)
}

impl Vpc {
    fn view(&self, scope: &Scope) -> Value {
        json!({
            "VpcId": self.id,
            "CidrBlock": self.cidr,
            "CidrBlockAssociationSet": [{
                "AssociationId": self.id.replacen("vpc-", "vpc-cidr-assoc-", 1),
                "CidrBlock": self.cidr,
                "CidrBlockState": {"State": "associated"},
            }],
            "DhcpOptionsId": "default",
            "InstanceTenancy": "default",
            "IsDefault": false,
            "OwnerId": scope.account,
            "State": "available",
            "Tags": tag_list(&self.tags),
        })
    }
}

impl Subnet {
    fn view(&self, scope: &Scope) -> Value {
        json!({
            "SubnetId": self.id,
            "SubnetArn": scope.arn("ec2", &format!("subnet/{}", self.id)),
            "VpcId": self.vpc,
            "CidrBlock": self.cidr,
            "AvailabilityZone": self.zone,
            "AvailabilityZoneId": zone_id(&self.zone),
            "AvailableIpAddressCount": 251,
            "AssignIpv6AddressOnCreation": false,
            "DefaultForAz": false,
            "Ipv6Native": false,
            "MapPublicIpOnLaunch": false,
            "OwnerId": scope.account,
            "State": "available",
            "Tags": tag_list(&self.tags),
        })
    }
}

/// `use1-az1` of `us-east-1a`.
fn zone_id(zone: &str) -> String {
    let (region, letter) = zone.split_at(zone.len().saturating_sub(1));
    let number = letter.bytes().next().map_or(1, |letter| letter.saturating_sub(b'a') + 1);
    let parts: Vec<&str> = region.split('-').collect();
    match parts.as_slice() {
        [geography, direction, number_of] => {
            let direction: String = match *direction {
                "northeast" => "ne".to_owned(),
                "southeast" => "se".to_owned(),
                "northwest" => "nw".to_owned(),
                "southwest" => "sw".to_owned(),
                other => other.chars().take(1).collect(),
            };
            format!("{geography}{direction}{number_of}-az{number}")
        }
        _ => format!("{region}-az{number}"),
    }
}

pub(super) fn create_vpc(context: &mut RequestContext<'_>, input: &Input) -> Answer {
    let cidr = required(input, "CidrBlock")?.to_owned();
    let tags = tags::specified(input, "vpc")?;
    let id = new_id(context, "vpc");
    let vpc = Vpc { id: id.clone(), cidr, dns_support: true, dns_hostnames: false, usage_metrics: false, tags };
    let mut view = vpc.view(context.scope);
    view["State"] = json!("pending");
    let group_id = new_id(context, "sg");
    context.state.ec2.groups.insert(group_id.clone(), Group::default_of(&group_id, &id));
    context.state.ec2.vpcs.insert(id, vpc);
    Ok(json!({"Vpc": view}))
}

pub(super) fn delete_vpc(context: &mut RequestContext<'_>, input: &Input) -> Answer {
    let id = required(input, "VpcId")?;
    let ec2 = &mut context.state.ec2;
    if !ec2.vpcs.contains_key(id) {
        return Err(vpc_not_found(id));
    }
    let used = ec2.subnets.values().any(|subnet| subnet.vpc == id)
        || ec2.groups.values().any(|group| group.vpc == id && group.name != "default")
        || ec2.endpoints.values().any(|endpoint| endpoint.vpc == id && !endpoint.is_deleted());
    if used {
        let message = format!("The vpc '{id}' has dependencies and cannot be deleted.");
        return Err(ApiError::new("DependencyViolation", message));
    }
    ec2.vpcs.remove(id);
    ec2.groups.retain(|_, group| group.vpc != id);
    Ok(Value::Null)
}

pub(super) fn describe_vpcs(context: &mut RequestContext<'_>, input: &Input) -> Answer {
    let rows = context.state.ec2.vpcs.values().map(|vpc| vpc.view(context.scope)).collect();
    VPCS.answer(context, input, rows)
}

fn vpc<'a>(context: &'a mut RequestContext<'_>, input: &Input) -> Result<&'a mut Vpc, ApiError> {
    let id = required(input, "VpcId")?;
    context.state.ec2.vpcs.get_mut(id).ok_or_else(|| vpc_not_found(id))
}

/// One attribute per call.
pub(super) fn describe_attribute(context: &mut RequestContext<'_>, input: &Input) -> Answer {
    let attribute = required(input, "Attribute")?;
    let vpc = vpc(context, input)?;
    let (member, value) = match attribute {
        "enableDnsSupport" => ("EnableDnsSupport", vpc.dns_support),
        "enableDnsHostnames" => ("EnableDnsHostnames", vpc.dns_hostnames),
        "enableNetworkAddressUsageMetrics" => ("EnableNetworkAddressUsageMetrics", vpc.usage_metrics),
        other => {
            let message = format!("Value ({other}) for parameter attribute is invalid. Unknown attribute.");
            return Err(ApiError::new("InvalidParameterValue", message));
        }
    };
    Ok(json!({"VpcId": vpc.id, member: {"Value": value}}))
}

/// One attribute per call.
pub(super) fn modify_attribute(context: &mut RequestContext<'_>, input: &Input) -> Answer {
    let value = |member: &str| input.get(member).and_then(|value| as_flag(value.get("Value")?));
    let given = [value("EnableDnsSupport"), value("EnableDnsHostnames"), value("EnableNetworkAddressUsageMetrics")];
    let vpc = vpc(context, input)?;
    match given {
        [Some(value), None, None] => vpc.dns_support = value,
        [None, Some(value), None] => vpc.dns_hostnames = value,
        [None, None, Some(value)] => vpc.usage_metrics = value,
        [None, None, None] => return Err(missing_parameter("attribute")),
        _ => {
            return Err(ApiError::new("InvalidParameterCombination", "Fields for multiple attribute types specified"));
        }
    }
    Ok(Value::Null)
}

pub(super) fn create_subnet(context: &mut RequestContext<'_>, input: &Input) -> Answer {
    let vpc = required(input, "VpcId")?.to_owned();
    let cidr = required(input, "CidrBlock")?.to_owned();
    let region = &context.scope.region;
    let zone = text(input, "AvailabilityZone").map_or_else(|| format!("{region}a"), str::to_owned);
    if !context.state.ec2.vpcs.contains_key(&vpc) {
        return Err(vpc_not_found(&vpc));
    }
    if zone.strip_prefix(region.as_str()).is_none_or(|letter| !["a", "b", "c", "d", "e", "f"].contains(&letter)) {
        let message = format!("Value ({zone}) for parameter availabilityZone is invalid.");
        return Err(ApiError::new("InvalidParameterValue", message));
    }
    if context.state.ec2.subnets.values().any(|subnet| subnet.vpc == vpc && subnet.cidr == cidr) {
        let message = format!("The CIDR '{cidr}' conflicts with another subnet");
        return Err(ApiError::new("InvalidSubnet.Conflict", message));
    }
    let tags = tags::specified(input, "subnet")?;
    let id = new_id(context, "subnet");
    let subnet = Subnet { id: id.clone(), vpc, cidr, zone, tags };
    let view = subnet.view(context.scope);
    context.state.ec2.subnets.insert(id, subnet);
    Ok(json!({"Subnet": view}))
}

pub(super) fn delete_subnet(context: &mut RequestContext<'_>, input: &Input) -> Answer {
    let id = required(input, "SubnetId")?;
    let used = context.state.ec2.endpoints.values().any(|endpoint| endpoint.uses_subnet(id));
    if used && context.state.ec2.subnets.contains_key(id) {
        let message = format!("The subnet '{id}' has dependencies and cannot be deleted.");
        return Err(ApiError::new("DependencyViolation", message));
    }
    context.state.ec2.subnets.remove(id).map(|_| Value::Null).ok_or_else(|| subnet_not_found(id))
}

pub(super) fn describe_subnets(context: &mut RequestContext<'_>, input: &Input) -> Answer {
    let rows = context.state.ec2.subnets.values().map(|subnet| subnet.view(context.scope)).collect();
    SUBNETS.answer(context, input, rows)
}
