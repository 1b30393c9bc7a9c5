//! The normal form of an interface endpoint (README.md, Defaults), its limits and directions.

use std::collections::BTreeSet;
use std::sync::LazyLock;

use reconciler_model::address::ScopeKind;
use reconciler_model::codes;
use reconciler_model::diagnostic::Problem;
use reconciler_model::direction::{self, Direction};
use reconciler_model::inventory::ObservedResource;
use reconciler_model::kind::{self, Contract, Kind, Normalised, Origin, Output, PinnedAs, Place, Situation};
use reconciler_model::open_enum::{OTHER, Word};
use reconciler_model::plan::{Call, Proposal};
use reconciler_model::policy::{Document, Policy};
use reconciler_model::tree::{self, Path};
use reconciler_model::{member, typed_spec, vocabulary};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use serde_json::{Map, Value, json};

use super::{VpcEndpoint, names, shut, steps};
use crate::shared::arns;
use crate::shared::normal::as_answered;
use crate::shared::tags::{Tags, is_of_aws};
use crate::sources::lookups;

pub(super) const POLICY: &str = member!(Spec, policy_document);
pub(super) const SUBNETS: &str = member!(Spec, subnet_ids);
pub(super) const GROUPS: &str = member!(Spec, groups);
pub(super) const PRIVATE_DNS: &str = member!(Spec, private_dns_enabled);
pub(super) const IP_TYPE: &str = member!(Spec, ip_address_type);
pub(super) const DNS_OPTIONS: &str = member!(Spec, dns_options);
pub(super) const TAGS: &str = member!(Spec, tags);
/// The output that is the id of the endpoint.
const ID: &str = "vpcEndpointId";
/// Nobody declares the state: every declaration wants [`AVAILABLE`].
pub(super) const STATE: &str = "state";

pub(super) const AVAILABLE: &str = "available";

/// The states of the model, as they are on the wire (README.md, Reads).
const STATES: &[&str] =
    &[AVAILABLE, "pending", "pendingAcceptance", "deleting", "deleted", "rejected", "failed", "expired", "partial"];

/// Stands for all domains of a service in the DNS options.
pub(super) const EVERY_DOMAIN: &str = "*";

/// Characters of an endpoint policy, white space included (AWS PrivateLink quotas).
const POLICY_SIZE: usize = 20_480;

/// Tags of one resource.
const MOST_TAGS: usize = 50;

vocabulary!(
    /// The IP addresses of an endpoint.
    IpAddressType, "ipv4", "dualstack", "ipv6"
);
vocabulary!(
    /// The records that an endpoint's private DNS names have.
    DnsRecordIpType, "ipv4", "dualstack", "ipv6", "service-defined"
);

/// An interface endpoint as DescribeVpcEndpoints answers it, without what the service owns and what the name says.
#[derive(Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
struct Spec {
    /// The endpoint policy, complete: who may call what through the endpoint. `null` is what AWS has by default: everybody may call everything.
    #[serde(default)]
    policy_document: Option<Document>,
    /// The subnets, at most one for each availability zone, by id. Usually `${subnet:NAME}`.
    #[serde(default)]
    #[schemars(extend("x-default" = []))]
    subnet_ids: Option<BTreeSet<String>>,
    /// The security groups of the endpoint's network interfaces.
    #[serde(default)]
    #[schemars(extend("x-list-key" = "groupId", "x-default" = {}))]
    groups: Option<Vec<Group>>,
    /// Whether the service's usual names lead to the endpoint inside of the VPC, and not to the internet.
    #[serde(default)]
    #[schemars(extend("x-direction" = "switch", "x-default" = false))]
    private_dns_enabled: Option<bool>,
    /// The kind of IP addresses that the network interfaces have.
    #[serde(default)]
    #[schemars(extend("x-default" = "ipv4"))]
    ip_address_type: Option<Word<IpAddressType>>,
    /// The DNS options, complete.
    #[serde(default)]
    dns_options: Option<DnsOptions>,
    /// Tags; only those that are named are managed.
    #[serde(default)]
    tags: Option<Tags>,
}

#[derive(Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
struct Group {
    /// The id of the security group. Usually `${security-group:NAME}`.
    #[schemars(extend("pattern" = r"^sg-|\$\{"))]
    group_id: String,
}

#[derive(Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
struct DnsOptions {
    /// The kind of addresses that the private DNS names lead to.
    dns_record_ip_type: Word<DnsRecordIpType>,
    /// Whether private DNS is only for networks that ask through an inbound resolver endpoint, as those on premises do.
    #[serde(default)]
    private_dns_only_for_inbound_resolver_endpoint: bool,
    /// Which domains get private DNS, such as `VERIFIED_DOMAINS_ONLY`.
    #[serde(default = "verified_domains")]
    private_dns_preference: String,
    /// The domains, where the preference is to name them; `*` is all of them.
    #[serde(default = "every_domain")]
    private_dns_specified_domains: BTreeSet<String>,
}

/// What the service answers where nothing was written (README.md, Defaults).
fn verified_domains() -> String {
    "VERIFIED_DOMAINS_ONLY".to_owned()
}

/// The same of domains. No request can say that there are none: an empty list vanishes in the query protocol.
fn every_domain() -> BTreeSet<String> {
    [EVERY_DOMAIN.to_owned()].into()
}

/// The tree of the policy that an endpoint has when none was written (README.md, Defaults).
static ALLOW_ALL: LazyLock<Value> = LazyLock::new(|| {
    let statement = json!({"Effect": "Allow", "Principal": "*", "Action": "*", "Resource": "*"});
    Policy::from_value(&json!({ "Statement": [statement] })).map_or(Value::Null, |policy| policy.tree())
});

/// Whether a policy tree is that of [`ALLOW_ALL`].
pub(super) fn is_allow_all(tree: &Value) -> bool {
    *tree == *ALLOW_ALL
}

/// Makes of every spelling of the default policy the same tree: the versions of the language differ in variables only, and
/// it has none.
fn settle_policy(members: &mut Map<String, Value>) {
    let Some(policy) = members.get_mut(POLICY) else { return };
    let says_nothing_else = policy.as_object().is_some_and(|members| {
        members.keys().all(|name| ["Version", "Statement"].contains(&name.as_str()))
            && members.get("Statement") == ALLOW_ALL.get("Statement")
    });
    if policy.is_null() || says_nothing_else {
        *policy = ALLOW_ALL.clone();
    }
}

/// The state of an answer in one spelling; one that is left out is the settled one, as a resource client requires it.
fn state_of(answer: &mut Value) -> Value {
    let state = answer.as_object_mut().and_then(|members| members.remove(STATE));
    let Some(Value::String(text)) = state else { return json!(AVAILABLE) };
    match STATES.iter().find(|known| known.eq_ignore_ascii_case(&text)) {
        Some(known) => json!(known),
        None => json!(format!("{OTHER}{text}")),
    }
}

/// Brings an answer into the shape of [`Spec`]: names of groups are the groups' own, and the record type follows the IP
/// addresses where the answer leaves it out (README.md, Hypotheses: answers of old endpoints have no DNS options).
fn prepare(answer: &mut Value) {
    for group in answer.get_mut(GROUPS).and_then(Value::as_array_mut).into_iter().flatten() {
        group.as_object_mut().and_then(|group| group.remove("groupName"));
    }
    let ip_type = answer.get(IP_TYPE).cloned().unwrap_or_else(|| json!("ipv4"));
    if let Some(options) = answer.get_mut(DNS_OPTIONS).and_then(Value::as_object_mut) {
        options.entry("dnsRecordIpType").or_insert(ip_type);
    }
}

static CONTRACT: Contract = Contract {
    name: "vpc-endpoint",
    about: "A VPC interface endpoint, named VPC/SERVICE: policy, subnets, security groups, private DNS and tags.",
    scope: ScopeKind::Region,
    stage: 70,
    check_name: names::problem,
    spec: typed_spec!(Spec),
    request_side_names: &[
        ("securityGroupIds", GROUPS),
        ("tagSpecifications", TAGS),
        ("addSubnetIds", SUBNETS),
        ("removeSubnetIds", SUBNETS),
        ("addSecurityGroupIds", GROUPS),
        ("removeSecurityGroupIds", GROUPS),
    ],
    outputs: &[Output::new(ID), Output::new("vpcId"), Output::new("dnsName")],
    trail_events: super::trail_events::TRAIL_EVENTS,
    looked_up_as,
    pinned_as: Some(PinnedAs::Network),
    to_read: &[
        "ec2:DescribeVpcEndpoints",
        "ec2:DescribeVpcs",
        "ec2:DescribeVpcAttribute",
        "ec2:DescribeSubnets",
        "ec2:DescribeSecurityGroups",
        "ec2:DescribeVpcEndpointServices",
    ],
    to_restore: &["ec2:CreateVpcEndpoint", "ec2:ModifyVpcEndpoint", "ec2:CreateTags"],
    ..Contract::DEFAULT
};

fn looked_up_as(name: &str, source: &str, key: &str) -> String {
    let is_placed = ["subnet", "security-group"].contains(&source);
    match names::parts(name).filter(|_| is_placed) {
        Some((vpc, _)) => lookups::within(vpc, key),
        None => key.to_owned(),
    }
}

impl Kind for VpcEndpoint {
    fn contract(&self) -> &'static Contract {
        &CONTRACT
    }

    fn normalise(&self, spec: &Value, origin: Origin) -> Normalised {
        let mut source = as_answered(spec, origin).into_owned();
        let state = match origin {
            Origin::Live => state_of(&mut source),
            Origin::Declared => json!(AVAILABLE),
        };
        if origin == Origin::Live {
            prepare(&mut source);
        }
        let domains = source.get_mut(DNS_OPTIONS).and_then(|options| options.get_mut("privateDnsSpecifiedDomains"));
        if let Some(domains) = domains.filter(|domains| domains.is_null() || **domains == json!([])) {
            *domains = json!([EVERY_DOMAIN]);
        }
        let mut normalised = kind::normalise_as::<Spec>(&source, origin, CONTRACT.fields());
        let Value::Object(members) = &mut normalised.tree else { return normalised };
        settle_policy(members);
        members.insert(STATE.to_owned(), state);
        normalised
    }

    fn declare(&self, live: &Value) -> Result<Value, String> {
        let mut declared = tree::listed(live, CONTRACT.list_keys());
        if let Value::Object(members) = &mut declared {
            members.remove(STATE);
            // An endpoint needs a group, and always has DNS options: what an answer leaves out cannot be declared.
            members.retain(|name, value| match name.as_str() {
                GROUPS => value.as_array().is_none_or(|groups| !groups.is_empty()),
                DNS_OPTIONS => !value.is_null(),
                _ => true,
            });
        }
        Ok(declared)
    }

    fn check(&self, tree: &Value) -> Vec<Problem> {
        let mut problems = Vec::new();
        let mut problem = |code, path: Path, detail: String, remedy: &str| {
            problems.push(Problem { code, path, detail, remedy: remedy.to_owned() });
        };
        let policy = tree.get(POLICY).and_then(|policy| Policy::from_value(policy).ok());
        if let Some(size) = policy.map(|policy| policy.minified_len()).filter(|size| *size > POLICY_SIZE) {
            let detail = format!("the policy has {size} characters; an endpoint takes {POLICY_SIZE}");
            problem(codes::LIMIT, Path::of([POLICY]), detail, "shorten it: the quota cannot be raised");
        }
        if tree.get(GROUPS).and_then(Value::as_object).is_some_and(Map::is_empty) {
            let remedy = "name at least one security group, or leave `groups` out";
            problem(codes::LIMIT, Path::of([GROUPS]), "an interface endpoint has a security group".into(), remedy);
        }
        if tree.get(DNS_OPTIONS).is_some_and(Value::is_null) {
            let remedy = "leave `dnsOptions` out to leave them as they are";
            problem(codes::CONTRADICTION, Path::of([DNS_OPTIONS]), "an endpoint always has DNS options".into(), remedy);
        }
        let subnets = tree.get(SUBNETS).and_then(Value::as_array).into_iter().flatten().filter_map(Value::as_str);
        let groups = tree.get(GROUPS).and_then(Value::as_object).into_iter().flat_map(Map::keys).map(String::as_str);
        let ids = subnets.map(|id| (SUBNETS, "subnet-", "${subnet:NAME}", id));
        for (member, prefix, look_up, id) in ids.chain(groups.map(|id| (GROUPS, "sg-", "${security-group:NAME}", id))) {
            if !id.starts_with(prefix) && !id.contains("${") {
                let remedy = format!("write the id, which begins with `{prefix}`, or look it up with {look_up}");
                problem(codes::WRONG_SHAPE, Path::of([member]), format!("`{id}` is not an id"), &remedy);
            }
        }
        let tags = tree.get(TAGS).and_then(Value::as_object);
        if tags.is_some_and(|tags| tags.len() > MOST_TAGS) {
            let detail = format!("an endpoint has at most {MOST_TAGS} tags");
            problem(codes::LIMIT, Path::of([TAGS]), detail, "declare fewer");
        }
        for key in tags.into_iter().flat_map(Map::keys).filter(|key| is_of_aws(key)) {
            let detail = format!("the tag key `{key}` is reserved for AWS");
            problem(codes::LIMIT, Path::of([TAGS, key.as_str()]), detail, "choose another key");
        }
        problems
    }

    fn direction(&self, path: &Path, live: Option<&Value>, want: Option<&Value>) -> Direction {
        match path.parts()[..] {
            // One more group lets more clients in. One less shuts some out, which no control asks for.
            [GROUPS, _] if want.is_none() => Direction::Weakened,
            // A lost subnet is a zone without an endpoint; one more is a place that nobody declared.
            [SUBNETS] => match direction::of_set(live, want) {
                Direction::Strengthened => Direction::Unknown,
                direction => direction,
            },
            [STATE] if live.is_some_and(|live| live == "pending" || live == "pendingAcceptance") => Direction::Unknown,
            [STATE] => Direction::Weakened,
            _ => CONTRACT.direction(path, live, want),
        }
    }

    fn output(&self, observed: &ObservedResource, name: &str) -> Option<String> {
        let place = if name == ID { &observed.external_id } else { &observed.private_state };
        place.get(name)?.as_str().map(str::to_owned)
    }

    fn arns(&self, _call: &Call, place: &Place<'_>, _name: &str, live: Option<&ObservedResource>) -> Vec<String> {
        let id = arns::known(live, "vpcEndpointId").unwrap_or_else(|| "*".to_owned());
        vec![arns::arn(place, "ec2", &format!("vpc-endpoint/{id}"))]
    }

    fn notes_beside(&self, live: &ObservedResource, want: &Value) -> Vec<(&'static str, String)> {
        shut::notes(live, want)
    }

    fn steps(&self, situation: &Situation<'_>) -> Proposal {
        steps::propose(situation)
    }
}
