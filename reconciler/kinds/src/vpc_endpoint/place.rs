//! Which live endpoint a name means: VPCs by tag or id, endpoints by VPC and service. What is not certain is said to be so.

use std::collections::BTreeSet;

use reconciler_model::codes;
use serde_json::Value;

use super::names;
use super::spec::STATE;

/// A live VPC.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Vpc {
    pub(super) id: String,
    /// Its `Name` tag.
    pub(super) name: Option<String>,
}

/// The VPCs and endpoints of one account and region.
#[derive(Debug)]
pub(super) struct Place {
    pub(super) region: String,
    pub(super) vpcs: Vec<Vpc>,
    /// As DescribeVpcEndpoints answers them, with small first letters.
    pub(super) endpoints: Vec<Value>,
}

/// What a name means.
#[derive(Debug, PartialEq)]
pub(super) enum Found<'a> {
    /// This endpoint.
    Is(&'a Value),
    /// An endpoint that is not there.
    Absent {
        /// The VPC that it would be in.
        vpc_id: &'a str,
        /// The full name of the service.
        service_name: String,
        /// Whether an earlier one is still being deleted.
        is_deleting: bool,
    },
    /// It cannot be told.
    Unclear {
        /// The code, for `explain`.
        code: &'static str,
        /// Why.
        reason: String,
        /// What to do about it.
        remedy: &'static str,
    },
}

pub(super) fn text<'a>(endpoint: &'a Value, member: &str) -> &'a str {
    endpoint.get(member).and_then(Value::as_str).unwrap_or("")
}

/// Whether an endpoint is one that may be declared: of the interface type, and not one that an AWS service manages.
fn is_ours(endpoint: &Value) -> bool {
    text(endpoint, "vpcEndpointType").eq_ignore_ascii_case("Interface") && endpoint["requesterManaged"] != true
}

fn is_state(endpoint: &Value, states: &[&str]) -> bool {
    states.iter().any(|state| state.eq_ignore_ascii_case(text(endpoint, STATE)))
}

/// Whether an endpoint is gone, or will be: it can neither be used nor changed any more.
pub(super) fn is_leaving(endpoint: &Value) -> bool {
    is_state(endpoint, &["deleting", "deleted"])
}

/// Whether the service is still at work on an endpoint, or waits for somebody to accept it.
pub(super) fn is_underway(endpoint: &Value) -> bool {
    is_state(endpoint, &["pending", "pendingAcceptance"])
}

impl Place {
    fn vpc(&self, key: &str) -> Result<&Vpc, Found<'static>> {
        let is_meant = |vpc: &&Vpc| match names::is_vpc_id(key) {
            true => vpc.id == key,
            false => vpc.name.as_deref() == Some(key),
        };
        let mut meant: Vec<&Vpc> = self.vpcs.iter().filter(is_meant).collect();
        match (meant.pop(), meant.is_empty()) {
            (Some(vpc), true) => Ok(vpc),
            (Some(vpc), false) => {
                meant.push(vpc);
                let mut ids: Vec<&str> = meant.iter().map(|vpc| vpc.id.as_str()).collect();
                ids.sort_unstable();
                Err(Found::Unclear {
                    code: codes::AMBIGUOUS,
                    reason: format!("{} VPCs have the `Name` tag `{key}`: {}", ids.len(), ids.join(", ")),
                    remedy: "remove the tag from all but one of them, or name the VPC by its id",
                })
            }
            (None, _) => Err(Found::Unclear {
                code: codes::NO_VPC,
                reason: format!("there is no VPC `{key}`, neither by id nor by `Name` tag"),
                remedy: "create the VPC or put its `Name` tag back; narrow `where` where there is none",
            }),
        }
    }

    /// The endpoint that `name` means.
    pub(super) fn find(&self, name: &str) -> Found<'_> {
        let Some((key, service)) = names::parts(name) else {
            return Found::Unclear {
                code: codes::BAD_NAME,
                reason: format!("`{name}` is not VPC/SERVICE"),
                remedy: "correct the name",
            };
        };
        let vpc = match self.vpc(key) {
            Ok(vpc) => vpc,
            Err(unclear) => return unclear,
        };
        let service_name = names::service_name(&self.region, service);
        let is_here = |endpoint: &&Value| {
            is_ours(endpoint) && text(endpoint, "vpcId") == vpc.id && text(endpoint, "serviceName") == service_name
        };
        let (leaving, here): (Vec<&Value>, Vec<&Value>) =
            self.endpoints.iter().filter(is_here).partition(|endpoint| is_leaving(endpoint));
        match here[..] {
            [] => {
                let is_deleting = leaving.iter().any(|endpoint| is_state(endpoint, &["deleting"]));
                Found::Absent { vpc_id: &vpc.id, service_name, is_deleting }
            }
            [endpoint] => Found::Is(endpoint),
            _ => {
                let mut ids: Vec<&str> = here.iter().map(|endpoint| text(endpoint, "vpcEndpointId")).collect();
                ids.sort_unstable();
                Found::Unclear {
                    code: codes::AMBIGUOUS,
                    reason: format!("{} endpoints of {} lead to {service_name}: {}", ids.len(), vpc.id, ids.join(", ")),
                    remedy: "remove all but one of them",
                }
            }
        }
    }

    /// The names of all endpoints, for `export`: by `Name` tag where no other VPC has it, else by id.
    pub(super) fn names(&self) -> BTreeSet<String> {
        let has_name = |vpc: &Vpc, name: &str| vpc.name.as_deref() == Some(name);
        let key = |id: &str| {
            let name = self.vpcs.iter().find(|vpc| vpc.id == id).and_then(|vpc| vpc.name.as_deref());
            let is_plain = |name: &&str| {
                !name.is_empty()
                    && !name.contains("${")
                    && !names::is_vpc_id(name)
                    && self.vpcs.iter().filter(|vpc| has_name(vpc, name)).count() == 1
            };
            name.filter(is_plain).unwrap_or(id).to_owned()
        };
        let there = self.endpoints.iter().filter(|endpoint| is_ours(endpoint) && !is_leaving(endpoint));
        there
            .map(|endpoint| {
                let service = names::service_part(&self.region, text(endpoint, "serviceName"));
                format!("{}/{service}", key(text(endpoint, "vpcId")))
            })
            .collect()
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn vpc(id: &str, name: Option<&str>) -> Vpc {
        Vpc { id: id.to_owned(), name: name.map(str::to_owned) }
    }

    fn endpoint(id: &str, vpc: &str, service: &str, state: &str) -> Value {
        json!({"vpcEndpointId": id, "vpcEndpointType": "Interface", "vpcId": vpc, "state": state,
            "serviceName": format!("com.amazonaws.eu-west-1.{service}")})
    }

    fn place(vpcs: Vec<Vpc>, endpoints: Vec<Value>) -> Place {
        Place { region: "eu-west-1".into(), vpcs, endpoints }
    }

    const ONE: &str = "vpc-00000001";
    const TWO: &str = "vpc-00000002";

    #[test]
    fn states_are_compared_without_case_and_what_leaves_is_not_there() {
        for state in ["Deleting", "deleted", "DELETED"] {
            let place = place(vec![vpc(ONE, Some("ai"))], vec![endpoint("vpce-1", ONE, "bedrock", state)]);
            let Found::Absent { vpc_id, is_deleting, .. } = place.find("ai/bedrock") else { panic!("{state}") };
            assert_eq!((vpc_id, is_deleting), (ONE, state == "Deleting"));
            assert!(place.names().is_empty());
        }
        let place = place(vec![vpc(ONE, Some("ai"))], vec![endpoint("vpce-1", ONE, "bedrock", "Available")]);
        assert!(matches!(place.find(&format!("{ONE}/bedrock")), Found::Is(_)));
        assert!(matches!(place.find("ai/bedrock"), Found::Is(_)));
        assert_eq!(place.names().into_iter().collect::<Vec<_>>(), ["ai/bedrock"]);
    }

    #[test]
    fn two_of_a_name_are_told_apart_by_nothing() {
        let two = place(vec![vpc(ONE, Some("ai")), vpc(TWO, Some("ai"))], vec![]);
        let Found::Unclear { code, reason, .. } = two.find("ai/bedrock") else { panic!() };
        assert_eq!(code, codes::AMBIGUOUS);
        assert!(reason.contains(ONE) && reason.contains(TWO), "{reason}");
        let twins = ["vpce-1", "vpce-2"].map(|id| endpoint(id, ONE, "bedrock", "available"));
        let twins = place(vec![vpc(ONE, None)], twins.to_vec());
        let Found::Unclear { code, reason, .. } = twins.find("vpc-00000001/bedrock") else { panic!() };
        assert_eq!(code, codes::AMBIGUOUS);
        assert!(reason.contains("vpce-1") && reason.contains("vpce-2"), "{reason}");
    }

    /// A `Name` tag that looks like the id of another VPC does not take its place.
    #[test]
    fn an_id_is_an_id() {
        let place =
            place(vec![vpc(ONE, None), vpc(TWO, Some(ONE))], vec![endpoint("vpce-1", ONE, "bedrock", "available")]);
        assert!(matches!(place.find("vpc-00000001/bedrock"), Found::Is(_)));
        assert_eq!(place.names().into_iter().collect::<Vec<_>>(), ["vpc-00000001/bedrock"]);
    }

    #[test]
    fn gateways_and_what_services_manage_are_of_others() {
        let mut gateway = endpoint("vpce-1", ONE, "s3", "available");
        gateway["vpcEndpointType"] = json!("Gateway");
        let mut managed = endpoint("vpce-2", ONE, "s3", "available");
        managed["requesterManaged"] = json!(true);
        let place = place(vec![vpc(ONE, None)], vec![gateway, managed]);
        assert!(matches!(place.find("vpc-00000001/s3"), Found::Absent { .. }));
        assert!(place.names().is_empty());
    }
}
