//! Security groups and their ingress rules, in simple form.

use std::collections::BTreeSet;

use serde_json::{Value, json};

use super::listing::Listing;
use super::network::vpc_not_found;
use super::{Tags, missing_parameter, new_id, not_found, required, tags};
use crate::error::ApiError;
use crate::input::{Input, number, tag_list, text};
use crate::principal::stable_id;
use crate::protocol::Answer;
use crate::world::{RequestContext, Scope};

/// A security group.
#[derive(Clone)]
pub(super) struct Group {
    id: String,
    pub(super) vpc: String,
    pub(super) name: String,
    description: String,
    ingress: BTreeSet<Rule>,
    pub(super) tags: Tags,
}

/// One rule: a protocol, its ports and one source.
#[derive(Clone, PartialEq, Eq, PartialOrd, Ord)]
struct Rule {
    protocol: String,
    /// None: all ports.
    ports: Option<(i64, i64)>,
    source: Source,
}

#[derive(Clone, PartialEq, Eq, PartialOrd, Ord)]
enum Source {
    Ipv4(String),
    Ipv6(String),
    Group(String),
    PrefixList(String),
}

const GROUPS: Listing = Listing {
    member: "SecurityGroups",
    id: "GroupId",
    ids: "GroupIds",
    not_found: group_not_found,
    filters: &[
        ("group-id", "GroupId"),
        ("group-name", "GroupName"),
        ("vpc-id", "VpcId"),
        ("description", "Description"),
        ("owner-id", "OwnerId"),
    ],
};

pub(super) fn group_not_found(id: &str) -> ApiError {
    not_found("InvalidGroup.NotFound", "security group", id)
}

impl Rule {
    /// The rule as a member of its permission.
    fn source(&self, scope: &Scope) -> (&'static str, Value) {
        match &self.source {
            Source::Ipv4(cidr) => ("IpRanges", json!({"CidrIp": cidr})),
            Source::Ipv6(cidr) => ("Ipv6Ranges", json!({"CidrIpv6": cidr})),
            Source::Group(id) => ("UserIdGroupPairs", json!({"GroupId": id, "UserId": scope.account})),
            Source::PrefixList(id) => ("PrefixListIds", json!({"PrefixListId": id})),
        }
    }

    fn view(&self, scope: &Scope, group: &str) -> Value {
        let (from, to) = self.ports.unwrap_or((-1, -1));
        let named = format!("{group}{}{from}{to}{}", self.protocol, self.source(scope).1);
        let id = format!("sgr-0{}", stable_id(&named).to_lowercase());
        let mut view = json!({
            "SecurityGroupRuleId": id,
            "GroupId": group,
            "GroupOwnerId": scope.account,
            "IsEgress": false,
            "IpProtocol": self.protocol,
            "FromPort": from,
            "ToPort": to,
        });
        match &self.source {
            Source::Ipv4(cidr) => view["CidrIpv4"] = json!(cidr),
            Source::Ipv6(cidr) => view["CidrIpv6"] = json!(cidr),
            Source::Group(id) => view["ReferencedGroupInfo"] = json!({"GroupId": id, "UserId": scope.account}),
            Source::PrefixList(id) => view["PrefixListId"] = json!(id),
        }
        view
    }
}

impl Group {
    /// The group that every VPC has: its members may speak to one another.
    pub(super) fn default_of(id: &str, vpc: &str) -> Self {
        let own = Rule { protocol: "-1".to_owned(), ports: None, source: Source::Group(id.to_owned()) };
        Self {
            id: id.to_owned(),
            vpc: vpc.to_owned(),
            name: "default".to_owned(),
            description: "default VPC security group".to_owned(),
            ingress: BTreeSet::from([own]),
            tags: Tags::new(),
        }
    }

    fn view(&self, scope: &Scope) -> Value {
        let mut permissions: Vec<Value> = Vec::new();
        for rule in &self.ingress {
            let (member, source) = rule.source(scope);
            let mut permission = json!({
                "IpProtocol": rule.protocol, "IpRanges": [], "Ipv6Ranges": [], "PrefixListIds": [], "UserIdGroupPairs": [],
            });
            if let Some((from, to)) = rule.ports {
                permission["FromPort"] = json!(from);
                permission["ToPort"] = json!(to);
            }
            let same = |other: &&mut Value| {
                ["IpProtocol", "FromPort", "ToPort"].iter().all(|member| other.get(*member) == permission.get(*member))
            };
            let known = permissions.iter_mut().find(same).and_then(|known| known.get_mut(member));
            match known.and_then(Value::as_array_mut) {
                Some(sources) => sources.push(source),
                None => {
                    permission[member] = json!([source]);
                    permissions.push(permission);
                }
            }
        }
        json!({
            "GroupId": self.id,
            "GroupName": self.name,
            "Description": self.description,
            "VpcId": self.vpc,
            "OwnerId": scope.account,
            "SecurityGroupArn": scope.arn("ec2", &format!("security-group/{}", self.id)),
            "IpPermissions": permissions,
            "IpPermissionsEgress": [{
                "IpProtocol": "-1", "IpRanges": [{"CidrIp": "0.0.0.0/0"}], "Ipv6Ranges": [], "PrefixListIds": [],
                "UserIdGroupPairs": [],
            }],
            "Tags": tag_list(&self.tags),
        })
    }
}

pub(super) fn describe(context: &mut RequestContext<'_>, input: &Input) -> Answer {
    let rows = context.state.ec2.groups.values().map(|group| group.view(context.scope)).collect();
    GROUPS.answer(context, input, rows)
}

pub(super) fn create(context: &mut RequestContext<'_>, input: &Input) -> Answer {
    let name = required(input, "GroupName")?.to_owned();
    let description = required(input, "Description")?.to_owned();
    let vpc = required(input, "VpcId")?.to_owned();
    if !context.state.ec2.vpcs.contains_key(&vpc) {
        return Err(vpc_not_found(&vpc));
    }
    if context.state.ec2.groups.values().any(|group| group.vpc == vpc && group.name == name) {
        let message = format!("The security group '{name}' already exists for VPC '{vpc}'");
        return Err(ApiError::new("InvalidGroup.Duplicate", message));
    }
    let tags = tags::specified(input, "security-group")?;
    let id = new_id(context, "sg");
    let answer = json!({
        "GroupId": id,
        "SecurityGroupArn": context.scope.arn("ec2", &format!("security-group/{id}")),
        "Tags": tag_list(&tags),
    });
    let group = Group { id: id.clone(), vpc, name, description, ingress: BTreeSet::new(), tags };
    context.state.ec2.groups.insert(id, group);
    Ok(answer)
}

pub(super) fn delete(context: &mut RequestContext<'_>, input: &Input) -> Answer {
    let id = required(input, "GroupId")?;
    let ec2 = &mut context.state.ec2;
    let group = ec2.groups.get(id).ok_or_else(|| group_not_found(id))?;
    if group.name == "default" {
        let message = format!("the specified group: \"{id}\" name: \"default\" cannot be deleted by a user");
        return Err(ApiError::new("CannotDelete", message));
    }
    if ec2.endpoints.values().any(|endpoint| endpoint.uses_group(id)) {
        return Err(ApiError::new("DependencyViolation", format!("resource {id} has a dependent object")));
    }
    ec2.groups.remove(id);
    Ok(json!({"Return": true, "GroupId": id}))
}

/// The group and the rules that a request names.
fn named<'a>(context: &'a mut RequestContext<'_>, input: &Input) -> Result<(&'a mut Group, BTreeSet<Rule>), ApiError> {
    let id = required(input, "GroupId")?;
    let mut rules = BTreeSet::new();
    match input.get("IpPermissions").and_then(Value::as_array) {
        Some(permissions) => {
            for permission in permissions.iter().filter_map(Value::as_object) {
                let before = rules.len();
                for (member, name, source) in [
                    ("IpRanges", "CidrIp", Source::Ipv4 as fn(String) -> Source),
                    ("Ipv6Ranges", "CidrIpv6", Source::Ipv6),
                    ("UserIdGroupPairs", "GroupId", Source::Group),
                    ("PrefixListIds", "PrefixListId", Source::PrefixList),
                ] {
                    let sources = permission.get(member).and_then(Value::as_array);
                    for given in sources.into_iter().flatten().filter_map(|source| source.get(name)?.as_str()) {
                        rules.insert(rule(permission, source(given.to_owned()))?);
                    }
                }
                if rules.len() == before {
                    return Err(missing_parameter("ipRanges"));
                }
            }
        }
        None => {
            let cidr = required(input, "CidrIp")?.to_owned();
            rules.insert(rule(input, Source::Ipv4(cidr))?);
        }
    }
    let group = context.state.ec2.groups.get_mut(id).ok_or_else(|| group_not_found(id))?;
    Ok((group, rules))
}

fn rule(permission: &Input, source: Source) -> Result<Rule, ApiError> {
    let protocol = match text(permission, "IpProtocol").ok_or_else(|| missing_parameter("ipProtocol"))? {
        "6" => "tcp",
        "17" => "udp",
        other => other,
    };
    let ports = match (protocol, number(permission, "FromPort"), number(permission, "ToPort")) {
        ("-1", _, _) => None,
        (_, Some(from), Some(to)) => Some((from, to)),
        _ => {
            return Err(ApiError::new(
                "InvalidParameterValue",
                "Invalid value 'Must specify both from and to ports with TCP/UDP.' for portRange.",
            ));
        }
    };
    Ok(Rule { protocol: protocol.to_owned(), ports, source })
}

pub(super) fn authorize(context: &mut RequestContext<'_>, input: &Input) -> Answer {
    let scope = context.scope;
    let (group, rules) = named(context, input)?;
    if rules.iter().any(|rule| group.ingress.contains(rule)) {
        let message = "the specified rule already exists";
        return Err(ApiError::new("InvalidPermission.Duplicate", message));
    }
    let views: Vec<Value> = rules.iter().map(|rule| rule.view(scope, &group.id)).collect();
    group.ingress.extend(rules);
    Ok(json!({"Return": true, "SecurityGroupRules": views}))
}

pub(super) fn revoke(context: &mut RequestContext<'_>, input: &Input) -> Answer {
    let (group, rules) = named(context, input)?;
    if rules.iter().any(|rule| !group.ingress.contains(rule)) {
        let message = "The specified rule does not exist in this security group.";
        return Err(ApiError::new("InvalidPermission.NotFound", message));
    }
    group.ingress.retain(|rule| !rules.contains(rule));
    Ok(json!({"Return": true}))
}
