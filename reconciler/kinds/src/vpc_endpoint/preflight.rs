//! What is known about the place of an endpoint beyond the endpoint itself.
//!
//! It is read only for an endpoint that differs, and only what the difference needs: network and service when the endpoint
//! is absent, subnets or groups when some are added, and the DNS attributes of the VPC when private DNS is enabled. A
//! failed read is no gap: the check is left out and reported.

use std::collections::{BTreeMap, BTreeSet};

use reconciler_model::codes;
use serde::{Deserialize, Serialize};
use serde_json::Value;

use super::spec::{GROUPS, POLICY, PRIVATE_DNS, SUBNETS, is_allow_all};

/// The two attributes of a VPC that private DNS needs (README.md, Private DNS).
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct VpcDns {
    pub(super) enable_dns_support: bool,
    pub(super) enable_dns_hostnames: bool,
}

/// What DescribeVpcEndpointServices says of a service.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct Offer {
    /// Whether the region has it as an interface endpoint service.
    pub(super) is_offered: bool,
    pub(super) availability_zones: BTreeSet<String>,
    pub(super) takes_policy: bool,
}

/// The private state of an observed endpoint.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct PrivateState {
    /// The twelve digits of the account that the endpoint is in.
    pub(super) account: String,
    pub(super) vpc_id: String,
    /// The name of the endpoint itself, for all its zones.
    pub(super) dns_name: Option<String>,
    /// Why the endpoint is not available, in the service's words.
    pub(super) reason: Option<String>,
}

/// The preflight of an endpoint that is absent or differs.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct Preflight {
    /// The twelve digits of the account.
    pub(super) account: String,
    pub(super) vpc_id: String,
    /// The full name of the service.
    pub(super) service_name: String,
    /// Whether an earlier endpoint of this place is still being deleted.
    pub(super) is_deleting: bool,
    /// Why it cannot be told in which VPC the endpoint would be.
    pub(super) doubt: Option<String>,
    pub(super) vpc_dns: Option<VpcDns>,
    /// The VPC's subnets by id, with their availability zones.
    pub(super) subnets: Option<BTreeMap<String, String>>,
    /// The ids of the VPC's security groups.
    pub(super) groups: Option<BTreeSet<String>>,
    pub(super) offer: Option<Offer>,
    /// Checks that could not be made, and why.
    pub(super) unchecked: Vec<String>,
}

impl Preflight {
    /// Why the endpoint `target` cannot be created here: code and sentence.
    pub(super) fn obstacles(&self, target: &Value) -> Vec<(&'static str, String)> {
        // Of which VPC the rest would be is not known.
        if let Some(doubt) = &self.doubt {
            return vec![(codes::AMBIGUOUS, doubt.clone())];
        }
        let mut found = Vec::new();
        if target.get(PRIVATE_DNS) != Some(&Value::Bool(false)) {
            found.extend(self.private_dns_lacks());
        }
        found.extend(self.misplaced_subnets(target));
        found.extend(self.misplaced_groups(target));
        let offer = self.offer.as_ref();
        if offer.is_some_and(|offer| !offer.is_offered) {
            let detail = format!("this region has no interface endpoint service {}", self.service_name);
            found.push((codes::ENDPOINT_SERVICE, detail));
        }
        let is_scoped = target.get(POLICY).is_some_and(|policy| !is_allow_all(policy));
        if is_scoped && offer.is_some_and(|offer| offer.is_offered && !offer.takes_policy) {
            let detail = format!("{} does not support endpoint policies", self.service_name);
            found.push((codes::ENDPOINT_SERVICE, detail));
        }
        found
    }

    /// What private DNS lacks in the VPC; `None` when nothing, or when that is not known.
    pub(super) fn private_dns_lacks(&self) -> Option<(&'static str, String)> {
        let VpcDns { enable_dns_support, enable_dns_hostnames } = self.vpc_dns?;
        let off: Vec<&str> = [("enableDnsSupport", enable_dns_support), ("enableDnsHostnames", enable_dns_hostnames)]
            .into_iter()
            .filter_map(|(name, on)| (!on).then_some(name))
            .collect();
        let (off, vpc) = ((!off.is_empty()).then(|| off.join(" and "))?, &self.vpc_id);
        let detail =
            format!("private DNS cannot be enabled: {off} of {vpc} is off; switch it on with ModifyVpcAttribute");
        Some((codes::PRIVATE_DNS_VPC, detail))
    }

    /// Subnets have to be in the VPC, and in different zones that the service has.
    pub(super) fn misplaced_subnets(&self, target: &Value) -> Vec<(&'static str, String)> {
        let mut found: Vec<String> = Vec::new();
        let Some(subnets) = &self.subnets else { return Vec::new() };
        let wanted = target.get(SUBNETS).and_then(Value::as_array).into_iter().flatten().filter_map(Value::as_str);
        let mut taken: BTreeMap<&str, &str> = BTreeMap::new();
        for id in wanted {
            let Some(zone) = subnets.get(id) else {
                found.push(format!("the subnet {id} is not in {}", self.vpc_id));
                continue;
            };
            if let Some(other) = taken.insert(zone, id) {
                found.push(format!(
                    "the subnets {other} and {id} are both in {zone}; an endpoint takes one for each zone"
                ));
            }
            let offered = self.offer.as_ref().filter(|offer| offer.is_offered && !offer.availability_zones.is_empty());
            if offered.is_some_and(|offer| !offer.availability_zones.contains(zone)) {
                found.push(format!("{} is not offered in {zone}, where the subnet {id} is", self.service_name));
            }
        }
        found.into_iter().map(|detail| (codes::ENDPOINT_PLACEMENT, detail)).collect()
    }

    /// Security groups have to be in the VPC.
    pub(super) fn misplaced_groups(&self, target: &Value) -> Vec<(&'static str, String)> {
        let Some(groups) = &self.groups else { return Vec::new() };
        let wanted = target.get(GROUPS).and_then(Value::as_object).into_iter().flatten().map(|(id, _)| id);
        let elsewhere = wanted.filter(|id| !groups.contains(*id));
        elsewhere
            .map(|id| (codes::ENDPOINT_PLACEMENT, format!("the security group {id} is not in {}", self.vpc_id)))
            .collect()
    }
}
