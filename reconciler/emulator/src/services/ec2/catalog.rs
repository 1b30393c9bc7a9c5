//! What AWS offers: regions, and the services that an endpoint can reach (kinds/vpc_endpoint/README.md, Services).
//!
//! The services are those that this project needs and a few well-known others.

use serde_json::{Value, json};

use super::listing::Listing;
use crate::error::ApiError;
use crate::input::{Input, flag};
use crate::principal::stable_id;
use crate::protocol::Answer;
use crate::world::{RequestContext, Scope, partition_of};

/// Names after `com.amazonaws.REGION.` of interface endpoint services with an endpoint policy.
const INTERFACE: &[&str] = &[
    "bedrock",
    "bedrock-agent",
    "bedrock-agent-runtime",
    "bedrock-mantle",
    "bedrock-runtime",
    "ec2",
    "kms",
    "logs",
    "s3",
    "sts",
];
const FIPS: &[&str] = &["bedrock-fips", "bedrock-runtime-fips"];
const FIPS_REGIONS: &[&str] =
    &["us-east-1", "us-east-2", "us-west-2", "ca-central-1", "us-gov-west-1", "us-gov-east-1"];
const GATEWAY: &[&str] = &["s3", "dynamodb"];

/// An endpoint service in one region.
pub(super) struct Service {
    pub(super) name: String,
    /// `Interface` or `Gateway`.
    pub(super) kind: &'static str,
    pub(super) private_dns_name: Option<String>,
}

/// The endpoint services of a region.
pub(super) fn services(scope: &Scope) -> Vec<Service> {
    let prefix = if scope.partition == "aws-cn" { "cn.com.amazonaws" } else { "com.amazonaws" };
    let region = &scope.region;
    let fips = if FIPS_REGIONS.contains(&region.as_str()) { FIPS } else { &[] };
    let interface = INTERFACE.iter().chain(fips).map(|service| Service {
        name: format!("{prefix}.{region}.{service}"),
        kind: "Interface",
        private_dns_name: Some(match *service {
            "bedrock-mantle" => format!("bedrock-mantle.{region}.api.aws"),
            service => format!("{service}.{region}.{}", suffix(scope)),
        }),
    });
    let gateway = GATEWAY.iter().map(|service| Service {
        name: format!("{prefix}.{region}.{service}"),
        kind: "Gateway",
        private_dns_name: None,
    });
    gateway.chain(interface).collect()
}

/// The DNS suffix of the partition.
pub(super) fn suffix(scope: &Scope) -> &'static str {
    if scope.partition == "aws-cn" { "amazonaws.com.cn" } else { "amazonaws.com" }
}

fn service_not_found(name: &str) -> ApiError {
    ApiError::new("InvalidServiceName", format!("The Vpc Endpoint Service '{name}' does not exist"))
}

const SERVICES: Listing = Listing {
    member: "ServiceDetails",
    id: "ServiceName",
    ids: "ServiceNames",
    not_found: service_not_found,
    filters: &[("service-name", "ServiceName"), ("service-type", "ServiceType/ServiceType"), ("owner", "Owner")],
};

impl Service {
    fn view(&self, scope: &Scope) -> Value {
        let region = &scope.region;
        let id = stable_id(&format!("{}{}", self.name, self.kind)).to_lowercase();
        let zones: Vec<String> = ["a", "b", "c"].iter().map(|letter| format!("{region}{letter}")).collect();
        let mut view = json!({
            "ServiceName": self.name,
            "ServiceId": format!("vpce-svc-0{id}"),
            "ServiceType": [{"ServiceType": self.kind}],
            "ServiceRegion": region,
            "AvailabilityZones": zones,
            "Owner": "amazon",
            "BaseEndpointDnsNames": [format!("{}.{region}.vpce.{}", self.name.rsplit('.').next().unwrap_or_default(), suffix(scope))],
            "VpcEndpointPolicySupported": true,
            "AcceptanceRequired": false,
            "ManagesVpcEndpoints": false,
            "SupportedIpAddressTypes": ["ipv4"],
            "Tags": [],
        });
        if let Some(name) = &self.private_dns_name {
            view["PrivateDnsName"] = json!(name);
            view["PrivateDnsNames"] = json!([{"PrivateDnsName": name}]);
            view["PrivateDnsNameVerificationState"] = json!("verified");
        }
        view
    }
}

pub(super) fn describe_services(context: &mut RequestContext<'_>, input: &Input) -> Answer {
    let rows = services(context.scope).iter().map(|service| service.view(context.scope)).collect();
    let mut answer = SERVICES.answer(context, input, rows)?;
    let mut names: Vec<Value> = answer["ServiceDetails"]
        .as_array()
        .into_iter()
        .flatten()
        .map(|service| service["ServiceName"].clone())
        .collect();
    names.dedup();
    answer["ServiceNames"] = json!(names);
    Ok(answer)
}

/// Regions, and whether an account has to opt in.
const REGIONS: &[(&str, bool)] = &[
    ("us-east-1", false),
    ("us-east-2", false),
    ("us-west-1", false),
    ("us-west-2", false),
    ("ap-northeast-1", false),
    ("ap-northeast-2", false),
    ("ap-northeast-3", false),
    ("ap-south-1", false),
    ("ap-southeast-1", false),
    ("ap-southeast-2", false),
    ("ca-central-1", false),
    ("eu-central-1", false),
    ("eu-north-1", false),
    ("eu-west-1", false),
    ("eu-west-2", false),
    ("eu-west-3", false),
    ("sa-east-1", false),
    ("af-south-1", true),
    ("ap-east-1", true),
    ("ap-south-2", true),
    ("ap-southeast-3", true),
    ("ap-southeast-4", true),
    ("ca-west-1", true),
    ("eu-central-2", true),
    ("eu-south-1", true),
    ("eu-south-2", true),
    ("il-central-1", true),
    ("me-central-1", true),
    ("me-south-1", true),
    ("mx-central-1", true),
    ("us-gov-east-1", false),
    ("us-gov-west-1", false),
    ("cn-north-1", false),
    ("cn-northwest-1", false),
];

fn region_not_found(name: &str) -> ApiError {
    ApiError::new("InvalidParameterValue", format!("Invalid region provided {name}"))
}

const REGION_LIST: Listing = Listing {
    member: "Regions",
    id: "RegionName",
    ids: "RegionNames",
    not_found: region_not_found,
    filters: &[("region-name", "RegionName"), ("opt-in-status", "OptInStatus"), ("endpoint", "Endpoint")],
};

/// Only regions that are enabled, unless all are asked for. An account of which nothing is said has opted in nowhere.
pub(super) fn describe_regions(context: &mut RequestContext<'_>, input: &Input) -> Answer {
    let all = flag(input, "AllRegions").unwrap_or(false);
    let enabled = &context.account.regions;
    let mut rows = Vec::new();
    for (region, opt_in) in REGIONS.iter().filter(|(region, _)| partition_of(region) == context.scope.partition) {
        let listed = enabled.iter().any(|name| name == region);
        let status = match (opt_in, listed) {
            (false, _) => "opt-in-not-required",
            (true, true) => "opted-in",
            (true, false) => "not-opted-in",
        };
        let here = if *opt_in { listed } else { enabled.is_empty() || listed };
        if here || all {
            let endpoint = format!("ec2.{region}.{}", suffix(context.scope));
            rows.push(json!({"RegionName": region, "Endpoint": endpoint, "OptInStatus": status}));
        }
    }
    REGION_LIST.answer(context, input, rows)
}
