//! Finds the live endpoint of a name: the VPC by tag or id, the endpoint by VPC and service. A doubt is reported.

use std::collections::BTreeSet;

use reconciler_model::codes;
use serde_json::Value;

use super::names;
use super::spec::STATE;

/// When an endpoint was made, in RFC 3339.
pub(super) const MADE_AT: &str = "creationTimestamp";

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

/// What is not certain of a name.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Doubt {
    /// The code, for `explain`.
    pub(super) code: &'static str,
    /// Why.
    pub(super) reason: String,
    /// What to do about it.
    pub(super) remedy: &'static str,
}

/// What a name means.
#[derive(Debug, PartialEq)]
pub(super) enum Found<'a> {
    /// This endpoint. A twin is only a doubt, because an attacker could create a twin to hide the endpoint.
    Is(&'a Value, Option<Doubt>),
    /// An endpoint that is not there, in none of the VPCs that may be meant.
    Absent {
        /// The VPC that it would be in; one of them where there is a doubt.
        vpc_id: &'a str,
        /// The full name of the service.
        service_name: String,
        /// Whether an earlier one is still being deleted.
        is_deleting: bool,
        /// Why it cannot be told where it would be.
        doubt: Option<Doubt>,
    },
    /// There is no place that the name could mean.
    Unclear(Doubt),
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

/// Whether an endpoint came to nothing. It leads nowhere, and stays listed until somebody deletes it.
fn is_dead(endpoint: &Value) -> bool {
    is_state(endpoint, &["failed", "rejected", "expired"])
}

/// Of several endpoints, the one that the service's names lead to, then the oldest, because a twin is newer.
fn seniority(endpoint: &Value) -> (bool, &str, &str) {
    (endpoint["privateDnsEnabled"] != true, age(endpoint), text(endpoint, "vpcEndpointId"))
}

/// The instant that an endpoint was made at, so that texts have the order of instants; the last of all where none is told.
fn age(endpoint: &Value) -> &str {
    Some(text(endpoint, MADE_AT)).filter(|made| !made.is_empty()).unwrap_or("~")
}

/// Whether the service is still at work on an endpoint, or waits for somebody to accept it.
pub(super) fn is_underway(endpoint: &Value) -> bool {
    is_state(endpoint, &["pending", "pendingAcceptance"])
}

impl Place {
    /// The VPCs that a key may mean, by id; the pinned one alone while it is there, whatever has its name today.
    fn vpcs(&self, key: &str, pinned: Option<&str>) -> Vec<&Vpc> {
        if let Some(vpc) = self.vpcs.iter().find(|vpc| Some(vpc.id.as_str()) == pinned) {
            return vec![vpc];
        }
        let is_meant = |vpc: &&Vpc| match names::is_vpc_id(key) {
            true => vpc.id == key,
            false => vpc.name.as_deref() == Some(key),
        };
        let mut meant: Vec<&Vpc> = self.vpcs.iter().filter(is_meant).collect();
        meant.sort_by(|one, two| one.id.cmp(&two.id));
        meant
    }

    /// The endpoint that `name` means.
    pub(super) fn find(&self, name: &str) -> Found<'_> {
        self.find_in(name, None)
    }

    /// The same, in the VPC that is pinned for it.
    pub(super) fn find_in(&self, name: &str, pinned: Option<&str>) -> Found<'_> {
        let Some((key, service)) = names::parts(name) else {
            return Found::Unclear(Doubt {
                code: codes::BAD_NAME,
                reason: format!("`{name}` is not VPC/SERVICE"),
                remedy: "correct the name",
            });
        };
        let vpcs = self.vpcs(key, pinned);
        let Some(first) = vpcs.first() else {
            return Found::Unclear(Doubt {
                code: codes::NO_VPC,
                reason: format!("there is no VPC `{key}`, neither by id nor by `Name` tag"),
                remedy: "create the VPC or put its `Name` tag back; narrow `where` where there is none",
            });
        };
        let ids: Vec<&str> = vpcs.iter().map(|vpc| vpc.id.as_str()).collect();
        let vpc_twins = (ids.len() > 1).then(|| Doubt {
            code: codes::AMBIGUOUS,
            reason: format!("{} VPCs have the `Name` tag `{key}`: {}", ids.len(), ids.join(", ")),
            remedy: "remove the tag from all but one of them, or name the VPC by its id",
        });
        let service_name = names::service_name(&self.region, service);
        let is_here = |endpoint: &&Value| {
            is_ours(endpoint) && ids.contains(&text(endpoint, "vpcId")) && text(endpoint, "serviceName") == service_name
        };
        let (leaving, there): (Vec<&Value>, Vec<&Value>) =
            self.endpoints.iter().filter(is_here).partition(|endpoint| is_leaving(endpoint));
        let (dead, mut live): (Vec<&Value>, Vec<&Value>) = there.into_iter().partition(|endpoint| is_dead(endpoint));
        // The VPC whose endpoint is the oldest: a twin is younger.
        let home = live.iter().min_by_key(|endpoint| (age(endpoint), text(endpoint, "vpcEndpointId")));
        let home = home.map(|endpoint| text(endpoint, "vpcId"));
        live.retain(|endpoint| Some(text(endpoint, "vpcId")) == home);
        live.sort_by_key(|endpoint| seniority(endpoint));
        match live.first().or_else(|| dead.iter().min_by_key(|endpoint| seniority(endpoint))) {
            None => {
                let is_deleting = leaving.iter().any(|endpoint| is_state(endpoint, &["deleting"]));
                Found::Absent { vpc_id: &first.id, service_name, is_deleting, doubt: vpc_twins }
            }
            Some(held) => {
                let (id, vpc_id) = (text(held, "vpcEndpointId"), text(held, "vpcId"));
                let twins = (live.len() > 1).then(|| {
                    let mut ids: Vec<&str> = live.iter().map(|endpoint| text(endpoint, "vpcEndpointId")).collect();
                    ids.sort_unstable();
                    Doubt {
                        code: codes::AMBIGUOUS,
                        reason: format!(
                            "{} endpoints of {vpc_id} lead to {service_name}: {}; only {id} is held",
                            ids.len(),
                            ids.join(", ")
                        ),
                        remedy: "remove all but one of them",
                    }
                });
                let elsewhere = vpc_twins
                    .map(|doubt| Doubt { reason: format!("{}; only {id} of {vpc_id} is held", doubt.reason), ..doubt });
                Found::Is(held, elsewhere.or(twins))
            }
        }
    }

    /// The names of all endpoints, for `export`: by `Name` tag where no other VPC has it, else by id.
    pub(super) fn names(&self) -> BTreeSet<String> {
        let there = self.endpoints.iter().filter(|endpoint| is_ours(endpoint) && !is_leaving(endpoint));
        there.map(|endpoint| self.name_of(endpoint)).collect()
    }

    /// The endpoints of Bedrock that lead somewhere, and that are none of those which are held, with their names.
    pub(super) fn others(&self, held: &BTreeSet<&str>) -> Vec<(String, &Value)> {
        let services: BTreeSet<String> =
            names::BEDROCK.iter().map(|service| names::service_name(&self.region, service)).collect();
        let is_other = |endpoint: &&Value| {
            is_ours(endpoint)
                && !is_leaving(endpoint)
                && !is_dead(endpoint)
                && services.contains(text(endpoint, "serviceName"))
                && !held.contains(text(endpoint, "vpcEndpointId"))
        };
        self.endpoints.iter().filter(is_other).map(|endpoint| (self.name_of(endpoint), endpoint)).collect()
    }

    /// The name of an endpoint.
    fn name_of(&self, endpoint: &Value) -> String {
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
        let service = names::service_part(&self.region, text(endpoint, "serviceName"));
        format!("{}/{service}", key(text(endpoint, "vpcId")))
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
        assert!(matches!(place.find(&format!("{ONE}/bedrock")), Found::Is(_, None)));
        assert!(matches!(place.find("ai/bedrock"), Found::Is(_, None)));
        assert_eq!(place.names().into_iter().collect::<Vec<_>>(), ["ai/bedrock"]);
    }

    fn made(mut endpoint: Value, at: &str, private_dns: bool) -> Value {
        endpoint[MADE_AT] = json!(at);
        endpoint["privateDnsEnabled"] = json!(private_dns);
        endpoint
    }

    fn held(found: &Found<'_>) -> (String, Option<String>) {
        let Found::Is(endpoint, doubt) = found else { panic!("{found:?}") };
        (text(endpoint, "vpcEndpointId").to_owned(), doubt.as_ref().map(|doubt| doubt.reason.clone()))
    }

    /// What is there in neither of two VPCs is absent, and where it would be cannot be told.
    #[test]
    fn an_endpoint_that_is_in_none_of_two_vpcs_is_absent() {
        let two = place(vec![vpc(TWO, Some("ai")), vpc(ONE, Some("ai"))], vec![]);
        let Found::Absent { doubt: Some(Doubt { code, reason, .. }), .. } = two.find("ai/bedrock") else { panic!() };
        assert_eq!(code, codes::AMBIGUOUS);
        assert!(reason.contains(ONE) && reason.contains(TWO), "{reason}");
    }

    /// A second VPC of the name hides nothing, whether it has endpoints or not, and it is told.
    #[test]
    fn a_vpc_that_takes_the_name_takes_nothing_away() {
        let first = made(endpoint("vpce-2", TWO, "bedrock", "available"), "2026-01-01T00:00:00Z", false);
        let twin = made(endpoint("vpce-1", ONE, "bedrock", "available"), "2026-02-01T00:00:00Z", true);
        let vpcs = || vec![vpc(ONE, Some("ai")), vpc(TWO, Some("ai"))];
        for endpoints in [vec![first.clone()], vec![first.clone(), twin.clone()], vec![twin, first]] {
            let place = place(vpcs(), endpoints);
            let (id, doubt) = held(&place.find("ai/bedrock"));
            assert_eq!(id, "vpce-2");
            assert!(doubt.is_some_and(|doubt| doubt.contains(ONE) && doubt.contains(TWO)));
        }
    }

    /// The one that the service's names lead to is held, then the oldest; the twin is told.
    #[test]
    fn of_two_endpoints_the_one_in_use_is_held() {
        let (old, new) = ("2026-01-01T00:00:00Z", "2026-02-01T00:00:00Z");
        for (one, two, expected) in [
            ((old, false), (new, true), "vpce-2"),
            ((old, false), (new, false), "vpce-1"),
            ((new, false), (old, false), "vpce-2"),
        ] {
            let twins = [("vpce-1", one), ("vpce-2", two)]
                .map(|(id, (at, dns))| made(endpoint(id, ONE, "bedrock", "available"), at, dns));
            let twins = place(vec![vpc(ONE, None)], twins.to_vec());
            let (id, doubt) = held(&twins.find("vpc-00000001/bedrock"));
            assert_eq!(id, expected);
            assert!(doubt.is_some_and(|doubt| doubt.contains("vpce-1") && doubt.contains("vpce-2")));
        }
    }

    /// A failed or rejected endpoint stays listed for days. It is no twin, and is reported only where there is no other
    /// endpoint.
    #[test]
    fn the_dead_do_not_count() {
        for state in ["failed", "Rejected", "expired", "deleted"] {
            let dead = made(endpoint("vpce-0", ONE, "bedrock", state), "2026-01-01T00:00:00Z", true);
            let live = endpoint("vpce-1", ONE, "bedrock", "available");
            let both = place(vec![vpc(ONE, None)], vec![dead.clone(), live]);
            assert_eq!(held(&both.find("vpc-00000001/bedrock")), ("vpce-1".to_owned(), None), "{state}");
            let alone = place(vec![vpc(ONE, None)], vec![dead.clone(), dead]);
            match alone.find("vpc-00000001/bedrock") {
                Found::Absent { .. } => assert_eq!(state, "deleted"),
                found => assert_eq!(held(&found), ("vpce-0".to_owned(), None), "{state}"),
            }
        }
    }

    /// A `Name` tag that looks like the id of another VPC does not take its place.
    #[test]
    fn an_id_is_an_id() {
        let place =
            place(vec![vpc(ONE, None), vpc(TWO, Some(ONE))], vec![endpoint("vpce-1", ONE, "bedrock", "available")]);
        assert!(matches!(place.find("vpc-00000001/bedrock"), Found::Is(_, None)));
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
