//! Reading, making, changing and deleting VPC endpoints.

use serde_json::{Value, json};

use super::endpoints::{DEFAULT_POLICY, Endpoint, State, endpoint_not_found};
use super::listing::{Listing, shuffled};
use super::network::{subnet_not_found, vpc_not_found};
use super::security_groups::group_not_found;
use super::{catalog, invalid_parameter, missing_parameter, new_id, required, tags};
use crate::error::ApiError;
use crate::input::{Input, flag, text, texts};
use crate::protocol::Answer;
use crate::world::RequestContext;

const ENDPOINTS: Listing = Listing {
    member: "VpcEndpoints",
    id: "VpcEndpointId",
    ids: "VpcEndpointIds",
    not_found: endpoint_not_found,
    filters: &[
        ("service-name", "ServiceName"),
        ("service-region", "ServiceRegion"),
        ("ip-address-type", "IpAddressType"),
        ("vpc-id", "VpcId"),
        ("vpc-endpoint-id", "VpcEndpointId"),
        ("vpc-endpoint-state", "State"),
        ("vpc-endpoint-type", "VpcEndpointType"),
    ],
};

pub(super) fn describe(context: &mut RequestContext<'_>, input: &Input) -> Answer {
    let mut endpoints = std::mem::take(&mut context.state.ec2.endpoints);
    endpoints.values_mut().for_each(Endpoint::look);
    endpoints.retain(|_, endpoint| endpoint.is_listed());
    let mut rows: Vec<Value> = Vec::new();
    for endpoint in endpoints.values() {
        let mut shown = endpoint.clone();
        shown.subnets = shuffled(context, shown.subnets);
        shown.groups = shuffled(context, shown.groups);
        rows.push(shown.view(context.scope, &context.state.ec2));
    }
    context.state.ec2.endpoints = endpoints;
    ENDPOINTS.answer(context, input, rows)
}

pub(super) fn create(context: &mut RequestContext<'_>, input: &Input) -> Answer {
    let token = text(input, "ClientToken").map(str::to_owned);
    if let Some((request, answer)) = token.as_ref().and_then(|token| context.state.ec2.tokens.get(token)) {
        if request != input {
            let message = "The client token that was given was used with other parameters.";
            return Err(ApiError::new("IdempotentParameterMismatch", message));
        }
        return Ok(answer.clone());
    }
    let vpc = required(input, "VpcId")?.to_owned();
    let service = required(input, "ServiceName")?.to_owned();
    if !context.state.ec2.vpcs.contains_key(&vpc) {
        return Err(vpc_not_found(&vpc));
    }
    let kind = match text(input, "VpcEndpointType").unwrap_or("Gateway") {
        "Gateway" => "Gateway",
        "Interface" => "Interface",
        other => return Err(invalid_parameter(format!("The endpoint type {other} is not available."))),
    };
    let offered: Vec<&'static str> = catalog::services(context.scope)
        .into_iter()
        .filter(|offer| offer.name == service)
        .map(|offer| offer.kind)
        .collect();
    if offered.is_empty() {
        let message = format!("The Vpc Endpoint Service '{service}' does not exist");
        return Err(ApiError::new("InvalidServiceName", message));
    }
    if !offered.contains(&kind) {
        let message =
            format!("Endpoint type ({kind}) does not match available service types ([{}]).", offered.join(", "));
        return Err(invalid_parameter(message));
    }
    let interface = kind == "Interface";
    if !interface && ["SubnetIds", "SecurityGroupIds"].iter().any(|member| input.contains_key(*member)) {
        return Err(invalid_parameter("Subnets and security groups are not supported for Gateway endpoints."));
    }
    let mut endpoint = Endpoint {
        id: String::new(),
        policy: policy(input)?.unwrap_or_else(|| DEFAULT_POLICY.to_owned()),
        subnets: texts(input, "SubnetIds"),
        groups: texts(input, "SecurityGroupIds"),
        route_tables: texts(input, "RouteTableIds"),
        private_dns: interface && flag(input, "PrivateDnsEnabled").unwrap_or(context.rules.private_dns_default),
        ip_address_type: text(input, "IpAddressType").unwrap_or("ipv4").to_owned(),
        dns_options: input.get("DnsOptions").cloned().unwrap_or_default(),
        tags: tags::specified(input, "vpc-endpoint")?,
        created: context.now,
        state: if interface { State::Pending { reads: context.rules.settle_reads } } else { State::Available },
        vpc,
        service,
        kind,
    };
    if interface && endpoint.groups.is_empty() {
        let default =
            context.state.ec2.groups.iter().find(|(_, group)| group.vpc == endpoint.vpc && group.name == "default");
        endpoint.groups.extend(default.map(|(id, _)| id.clone()));
    }
    check(context, &endpoint)?;
    if endpoint.private_dns {
        check_private_dns(context, &endpoint)?;
    }
    endpoint.id = new_id(context, "vpce");
    let mut view = endpoint.view(context.scope, &context.state.ec2);
    if interface {
        // The names are not there yet.
        view["DnsEntries"] = json!([]);
    }
    let mut answer = json!({"VpcEndpoint": view});
    if let Some(token) = token {
        answer["ClientToken"] = json!(token);
        context.state.ec2.tokens.insert(token, (input.clone(), answer.clone()));
    }
    context.state.ec2.endpoints.insert(endpoint.id.clone(), endpoint);
    Ok(answer)
}

/// The policy of a request: any JSON that looks like one, kept as it is written.
fn policy(input: &Input) -> Result<Option<String>, ApiError> {
    let Some(policy) = text(input, "PolicyDocument") else {
        return Ok(None);
    };
    let parsed: Option<Value> = serde_json::from_str(policy).ok();
    match parsed.filter(|policy| policy.get("Statement").is_some()) {
        Some(_) => Ok(Some(policy.to_owned())),
        None => Err(ApiError::new("InvalidPolicyDocument", "The policy document is not valid.")),
    }
}

/// Whether what an endpoint names is there and fits.
fn check(context: &RequestContext<'_>, endpoint: &Endpoint) -> Result<(), ApiError> {
    let ec2 = &context.state.ec2;
    let mut zones = Vec::new();
    for id in &endpoint.subnets {
        let subnet = ec2.subnets.get(id).ok_or_else(|| subnet_not_found(id))?;
        if subnet.vpc != endpoint.vpc {
            return Err(invalid_parameter(format!("Subnet {id} is not in the VPC {}.", endpoint.vpc)));
        }
        if zones.contains(&subnet.zone.as_str()) {
            let message = format!(
                "Found another VPC endpoint subnet in the availability zone of {id}. VPC endpoint subnets should be in different availability zones supported by the VPC endpoint service."
            );
            return Err(ApiError::new("DuplicateSubnetsInSameZone", message));
        }
        zones.push(&subnet.zone);
    }
    for id in &endpoint.groups {
        let group = ec2.groups.get(id).ok_or_else(|| group_not_found(id))?;
        if group.vpc != endpoint.vpc {
            return Err(invalid_parameter(format!("Security group {id} is not in the VPC {}.", endpoint.vpc)));
        }
    }
    Ok(())
}

/// Whether private DNS can be switched on: the VPC allows it, and no other endpoint has the name, not even one that
/// is being deleted (kinds/vpc_endpoint/README.md, Private DNS).
fn check_private_dns(context: &RequestContext<'_>, endpoint: &Endpoint) -> Result<(), ApiError> {
    let ec2 = &context.state.ec2;
    if !ec2.vpcs.get(&endpoint.vpc).is_some_and(|vpc| vpc.dns_support && vpc.dns_hostnames) {
        return Err(invalid_parameter(format!(
            "Enabling private DNS requires both enableDnsSupport and enableDnsHostnames VPC attributes set to true for {}",
            endpoint.vpc
        )));
    }
    let taken = |other: &Endpoint| other.id != endpoint.id && other.holds_dns(&endpoint.vpc, &endpoint.service);
    if ec2.endpoints.values().any(taken) {
        let name = catalog::services(context.scope)
            .into_iter()
            .find(|service| service.name == endpoint.service && service.kind == endpoint.kind)
            .and_then(|service| service.private_dns_name);
        return Err(invalid_parameter(format!(
            "private-dns-enabled cannot be set because there is already a conflicting DNS domain for {} in the VPC {}",
            name.unwrap_or_default(),
            endpoint.vpc
        )));
    }
    Ok(())
}

/// Changes only what the request names.
pub(super) fn modify(context: &mut RequestContext<'_>, input: &Input) -> Answer {
    let id = required(input, "VpcEndpointId")?;
    let current = context.state.ec2.endpoints.get(id).filter(|endpoint| !endpoint.is_deleted());
    let mut endpoint = current.cloned().ok_or_else(|| endpoint_not_found(id))?;
    if matches!(endpoint.state, State::Deleting { .. } | State::Pending { .. }) {
        return Err(ApiError::new(
            "IncorrectState",
            format!("The Vpc Endpoint '{id}' is not in a state to be modified"),
        ));
    }
    match (policy(input)?, flag(input, "ResetPolicy")) {
        (Some(_), Some(true)) => {
            let message = "PolicyDocument and ResetPolicy cannot be specified together.";
            return Err(ApiError::new("InvalidParameterCombination", message));
        }
        (Some(policy), _) => endpoint.policy = policy,
        (None, Some(true)) => DEFAULT_POLICY.clone_into(&mut endpoint.policy),
        (None, _) => {}
    }
    let interface_only =
        ["AddSubnetIds", "RemoveSubnetIds", "AddSecurityGroupIds", "RemoveSecurityGroupIds", "PrivateDnsEnabled"];
    if endpoint.kind != "Interface" && interface_only.iter().any(|member| input.contains_key(*member)) {
        return Err(invalid_parameter("The parameter is not supported for Gateway endpoints."));
    }
    change(&mut endpoint.subnets, input, "AddSubnetIds", "RemoveSubnetIds");
    change(&mut endpoint.groups, input, "AddSecurityGroupIds", "RemoveSecurityGroupIds");
    change(&mut endpoint.route_tables, input, "AddRouteTableIds", "RemoveRouteTableIds");
    if endpoint.kind == "Interface" && endpoint.groups.is_empty() {
        return Err(invalid_parameter("At least one security group must remain associated with the endpoint."));
    }
    if let Some(kind) = text(input, "IpAddressType") {
        kind.clone_into(&mut endpoint.ip_address_type);
    }
    if let Some(options) = input.get("DnsOptions").and_then(Value::as_object) {
        if endpoint.dns_options.is_null() {
            endpoint.dns_options = json!({});
        }
        for (member, value) in options {
            endpoint.dns_options[member] = value.clone();
        }
    }
    check(context, &endpoint)?;
    if let Some(private_dns) = flag(input, "PrivateDnsEnabled") {
        if private_dns {
            check_private_dns(context, &endpoint)?;
        }
        endpoint.private_dns = private_dns;
    }
    context.state.ec2.endpoints.insert(endpoint.id.clone(), endpoint);
    Ok(json!({"Return": true}))
}

fn change(list: &mut Vec<String>, input: &Input, add: &str, remove: &str) {
    let removed = texts(input, remove);
    list.retain(|id| !removed.contains(id));
    for id in texts(input, add) {
        if !list.contains(&id) {
            list.push(id);
        }
    }
}

/// Always a success: what could not be deleted is in `Unsuccessful`.
pub(super) fn delete(context: &mut RequestContext<'_>, input: &Input) -> Answer {
    let ids = texts(input, "VpcEndpointIds");
    if ids.is_empty() {
        return Err(missing_parameter("VpcEndpointId"));
    }
    let reads = context.rules.settle_reads;
    let mut unsuccessful = Vec::new();
    for id in ids {
        match context.state.ec2.endpoints.get_mut(&id).filter(|endpoint| !endpoint.is_deleted()) {
            Some(endpoint) if matches!(endpoint.state, State::Deleting { .. }) => {}
            Some(endpoint) => endpoint.state = State::Deleting { reads },
            None => {
                let error = endpoint_not_found(&id);
                unsuccessful.push(json!({"ResourceId": id, "Error": {"Code": error.code, "Message": error.message}}));
            }
        }
    }
    Ok(json!({"Unsuccessful": unsuccessful}))
}
