//! A VPC endpoint: its life, and how it is read.

use serde_json::{Value, json};

use super::catalog::suffix;
use super::{State as Ec2State, Tags, instant, not_found};
use crate::error::ApiError;
use crate::input::tag_list;
use crate::principal::stable_id;
use crate::world::Scope;

/// What AWS keeps when no policy is given, and after ResetPolicy.
pub(super) const DEFAULT_POLICY: &str = "{\n  \"Statement\": [\n    {\n      \"Action\": \"*\", \n      \"Effect\": \"Allow\", \n      \"Principal\": \"*\", \n      \"Resource\": \"*\"\n    }\n  ]\n}";

/// Reads that still list an endpoint after the first that sees it as deleted.
const DELETED_READS: u32 = 1;

pub(super) fn endpoint_not_found(id: &str) -> ApiError {
    not_found("InvalidVpcEndpointId.NotFound", "Vpc Endpoint Id", id)
}

/// A VPC endpoint.
#[derive(Clone)]
pub(super) struct Endpoint {
    pub(super) id: String,
    pub(super) vpc: String,
    pub(super) service: String,
    pub(super) kind: &'static str,
    pub(super) state: State,
    /// Verbatim.
    pub(super) policy: String,
    pub(super) subnets: Vec<String>,
    pub(super) groups: Vec<String>,
    pub(super) route_tables: Vec<String>,
    pub(super) private_dns: bool,
    pub(super) ip_address_type: String,
    /// Members that a request gave, over the defaults.
    pub(super) dns_options: Value,
    pub(super) tags: Tags,
    pub(super) created: jiff::Timestamp,
}

/// The states of an endpoint, with the reads that still see them.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(super) enum State {
    Pending {
        reads: u32,
    },
    Available,
    Deleting {
        reads: u32,
    },
    /// Still listed.
    Deleted {
        reads: u32,
    },
    Gone,
}

impl State {
    /// In lower camel case, as on the wire.
    fn name(self) -> &'static str {
        match self {
            Self::Pending { .. } => "pending",
            Self::Available => "available",
            Self::Deleting { .. } => "deleting",
            Self::Deleted { .. } | Self::Gone => "deleted",
        }
    }
}

impl Endpoint {
    /// A read: a state whose reads are used up ends before it is seen.
    pub(super) fn look(&mut self) {
        self.state = match self.state {
            State::Pending { reads: 0 } | State::Available => State::Available,
            State::Pending { reads } => State::Pending { reads: reads - 1 },
            State::Deleting { reads: 0 } => State::Deleted { reads: DELETED_READS },
            State::Deleting { reads } => State::Deleting { reads: reads - 1 },
            State::Deleted { reads: 0 } | State::Gone => State::Gone,
            State::Deleted { reads } => State::Deleted { reads: reads - 1 },
        };
    }

    pub(super) fn settle(&mut self) {
        self.state = match self.state {
            State::Pending { .. } | State::Available => State::Available,
            State::Deleting { .. } | State::Deleted { .. } | State::Gone => State::Gone,
        };
    }

    /// Whether it is there no more, although it may still be listed.
    pub(super) fn is_deleted(&self) -> bool {
        matches!(self.state, State::Deleted { .. } | State::Gone)
    }

    pub(super) fn is_listed(&self) -> bool {
        self.state != State::Gone
    }

    pub(super) fn uses_subnet(&self, id: &str) -> bool {
        !self.is_deleted() && self.subnets.iter().any(|subnet| subnet == id)
    }

    pub(super) fn uses_group(&self, id: &str) -> bool {
        !self.is_deleted() && self.groups.iter().any(|group| group == id)
    }

    /// Whether its private DNS name is taken.
    pub(super) fn holds_dns(&self, vpc: &str, service: &str) -> bool {
        self.private_dns && !self.is_deleted() && self.vpc == vpc && self.service == service
    }

    pub(super) fn view(&self, scope: &Scope, ec2: &Ec2State) -> Value {
        let mut view = json!({
            "VpcEndpointId": self.id,
            "VpcEndpointType": self.kind,
            "VpcId": self.vpc,
            "ServiceName": self.service,
            "ServiceRegion": scope.region,
            "State": self.state.name(),
            "PolicyDocument": self.policy,
            "RouteTableIds": self.route_tables,
            "SubnetIds": self.subnets,
            "Groups": [],
            "NetworkInterfaceIds": [],
            "DnsEntries": [],
            "PrivateDnsEnabled": self.private_dns,
            "RequesterManaged": false,
            "CreationTimestamp": instant(self.created),
            "OwnerId": scope.account,
            "Tags": tag_list(&self.tags),
        });
        if self.kind == "Gateway" {
            return view;
        }
        let groups = self.groups.iter().map(|id| {
            let name = ec2.groups.get(id).map(|group| group.name.as_str()).unwrap_or_default();
            json!({"GroupId": id, "GroupName": name})
        });
        view["Groups"] = groups.collect();
        view["IpAddressType"] = json!(self.ip_address_type);
        let mut dns = json!({
            "DnsRecordIpType": self.ip_address_type,
            "PrivateDnsOnlyForInboundResolverEndpoint": false,
            "PrivateDnsPreference": "VERIFIED_DOMAINS_ONLY",
            "PrivateDnsSpecifiedDomains": ["*"],
        });
        for (member, value) in self.dns_options.as_object().into_iter().flatten() {
            dns[member] = value.clone();
        }
        view["DnsOptions"] = dns;
        if self.is_deleted() {
            return view;
        }
        let interface = |subnet: &String| format!("eni-0{}", stable_id(&format!("{}{subnet}", self.id)).to_lowercase());
        view["NetworkInterfaceIds"] = self.subnets.iter().map(interface).collect();
        let service = self.service.rsplit('.').next().unwrap_or_default();
        let label = stable_id(&self.id).to_lowercase();
        let label = label.get(..8).unwrap_or_default();
        let regional = format!("{}-{label}.{service}.{}.vpce.{}", self.id, scope.region, suffix(scope));
        let zone = format!("Z{}", stable_id(&self.service).get(..13).unwrap_or_default());
        let mut entries = vec![json!({"DnsName": regional, "HostedZoneId": zone})];
        for subnet in self.subnets.iter().filter_map(|id| ec2.subnets.get(id)) {
            let zonal =
                format!("{}-{label}-{}.{service}.{}.vpce.{}", self.id, subnet.zone, scope.region, suffix(scope));
            entries.push(json!({"DnsName": zonal, "HostedZoneId": zone}));
        }
        if self.private_dns {
            let name = super::catalog::services(scope)
                .into_iter()
                .find(|service| service.name == self.service && service.kind == self.kind)
                .and_then(|service| service.private_dns_name);
            let private = format!("ZONEIDPENDING{}", stable_id(&self.vpc));
            entries.extend(name.map(|name| json!({"DnsName": name, "HostedZoneId": private})));
        }
        view["DnsEntries"] = json!(entries);
        view
    }
}
