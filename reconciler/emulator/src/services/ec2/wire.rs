//! ec2Query: how EC2 names members in forms and in XML.

use std::borrow::Cow;

use bytes::Bytes;
use http::Response;
use serde_json::{Map, Value, json};

use crate::form;
use crate::input::as_flag;
use crate::protocol::{self, Asked};
use crate::service::{Reply, Wire};
use crate::xml::{self, Dialect, List};

const NAMESPACE: &str = "http://ec2.amazonaws.com/doc/2016-11-15/";

/// Lists and members whose name in a form is not that of the model.
const FORM_LISTS: &[(&str, &str)] = &[
    ("AddRouteTableId", "AddRouteTableIds"),
    ("AddSecurityGroupId", "AddSecurityGroupIds"),
    ("AddSubnetId", "AddSubnetIds"),
    ("Filter", "Filters"),
    ("GroupId", "GroupIds"),
    ("GroupName", "GroupNames"),
    ("Groups", "UserIdGroupPairs"),
    ("PrivateDnsSpecifiedDomain", "PrivateDnsSpecifiedDomains"),
    ("RegionName", "RegionNames"),
    ("RemoveRouteTableId", "RemoveRouteTableIds"),
    ("RemoveSecurityGroupId", "RemoveSecurityGroupIds"),
    ("RemoveSubnetId", "RemoveSubnetIds"),
    ("ResourceId", "Resources"),
    ("RouteTableId", "RouteTableIds"),
    ("SecurityGroupId", "SecurityGroupIds"),
    ("SecurityGroupRuleId", "SecurityGroupRuleIds"),
    ("ServiceName", "ServiceNames"),
    ("ServiceRegion", "ServiceRegions"),
    ("SubnetConfiguration", "SubnetConfigurations"),
    ("SubnetId", "SubnetIds"),
    ("Tag", "Tags"),
    ("TagSpecification", "TagSpecifications"),
    ("Value", "Values"),
    ("VpcEndpointId", "VpcEndpointIds"),
    ("VpcId", "VpcIds"),
];

const FLAGS: &[&str] = &[
    "AllRegions",
    "AmazonProvidedIpv6CidrBlock",
    "DryRun",
    "PrivateDnsEnabled",
    "PrivateDnsOnlyForInboundResolverEndpoint",
    "ResetPolicy",
];

/// Members whose element is not their name with a small first letter.
const ELEMENTS: &[(&str, &str)] = &[
    ("AvailabilityZones", "availabilityZoneSet"),
    ("BaseEndpointDnsNames", "baseEndpointDnsNameSet"),
    ("DnsEntries", "dnsEntrySet"),
    ("Endpoint", "regionEndpoint"),
    ("Description", "groupDescription"),
    ("Groups", "groupSet"),
    ("NetworkInterfaceIds", "networkInterfaceIdSet"),
    ("PrivateDnsNames", "privateDnsNameSet"),
    ("PrivateDnsSpecifiedDomains", "privateDnsSpecifiedDomainSet"),
    ("Regions", "regionInfo"),
    ("RevokedSecurityGroupRules", "revokedSecurityGroupRuleSet"),
    ("RouteTableIds", "routeTableIdSet"),
    ("SecurityGroupRules", "securityGroupRuleSet"),
    ("SecurityGroups", "securityGroupInfo"),
    ("ServiceDetails", "serviceDetailSet"),
    ("ServiceNames", "serviceNameSet"),
    ("SubnetIds", "subnetIdSet"),
    ("Subnets", "subnetSet"),
    ("SupportedIpAddressTypes", "supportedIpAddressTypeSet"),
    ("Tags", "tagSet"),
    ("UserIdGroupPairs", "groups"),
    ("VpcEndpoints", "vpcEndpointSet"),
    ("Vpcs", "vpcSet"),
];

/// ec2Query, with its own envelope of errors.
pub(super) const WIRE: Wire = Wire { asked: |_, request| Ok(asked(protocol::query(request.body()))), response };

/// Answers: every list has an element of its own and `item` elements.
const DIALECT: Dialect = Dialect { element, list: |_| List::Of("item") };

fn response(reply: &Reply<'_>) -> Response<Bytes> {
    let mut response = match reply.answer {
        Ok(members) => {
            let mut content = members.clone();
            if content.is_null() {
                content = json!({"Return": true});
            }
            content["RequestId"] = json!(reply.request_id);
            Response::new(xml::document(&DIALECT, &format!("{}Response", reply.operation), NAMESPACE, &content))
        }
        Err(error) => xml::error_response(error, |members| {
            let content = json!({"Errors": {"Error": members}, "RequestID": reply.request_id});
            xml::document(&xml::PLAIN, "Response", "", &content)
        }),
    };
    xml::finish(&mut response, "x-amzn-requestid", reply.request_id);
    response
}

fn element(name: &str) -> Cow<'_, str> {
    if let Some((_, element)) = ELEMENTS.iter().find(|(member, _)| *member == name) {
        return Cow::Borrowed(element);
    }
    let (first, rest) = name.split_at(name.len().min(1));
    Cow::Owned(first.to_ascii_lowercase() + rest)
}

/// What a form asks for, under the names of the model.
fn asked(form: Asked) -> Asked {
    let Asked { operation, input } = form;
    let mut input = members(form::tree(input));
    // The one member with a name of its own.
    if let Some(description) = input.remove("GroupDescription") {
        input.insert("Description".to_owned(), description);
    }
    Asked { operation, input }
}

fn members(form: Map<String, Value>) -> Map<String, Value> {
    let renamed = |name: String, value: &Value| match FORM_LISTS.iter().find(|(wire, _)| *wire == name) {
        Some((_, model)) if value.is_array() => (*model).to_owned(),
        _ => name,
    };
    form.into_iter()
        .map(|(name, value)| {
            let value = match as_flag(&value) {
                Some(flag) if FLAGS.contains(&name.as_str()) => Value::Bool(flag),
                _ => inner(value),
            };
            (renamed(name, &value), value)
        })
        .collect()
}

fn inner(value: Value) -> Value {
    match value {
        Value::Object(object) => Value::Object(members(object)),
        Value::Array(items) => items.into_iter().map(inner).collect(),
        other => other,
    }
}
