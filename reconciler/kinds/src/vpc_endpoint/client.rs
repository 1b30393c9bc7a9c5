//! The resource client of interface endpoints: the only place of this kind that names the SDK.
//!
//! A place is read with one DescribeVpcs and one DescribeVpcEndpoints, side by side, however many endpoints are declared.
//! What a restore needs is read only where something differs: see `preflight`.

use std::collections::{BTreeMap, BTreeSet};
use std::time::Duration;

use async_trait::async_trait;
use aws_sdk_ec2::Client;
use aws_sdk_ec2::operation::RequestId;
use aws_sdk_ec2::types::{self, Filter, ResourceType, TagSpecification, VpcAttributeName, VpcEndpointType};
use futures::future::{join4, try_join};
use reconciler_aws::client::{
    Beside, PinnedNames, Reading, ResourceClient, Selection, WriteResult, gap_of, odd_answer, twin,
};
use reconciler_aws::{CallError, ErrorClass, Session, send};
use reconciler_model::address::{Address, Scope};
use reconciler_model::codes;
use reconciler_model::inventory::{Gap, ObservedResource};
use reconciler_model::kind::{Kind, Origin};
use reconciler_model::permit::WritePermit;
use reconciler_model::plan::Call;
use serde_json::{Value, json};

use super::preflight::{Offer, Preflight, PrivateState, VpcDns};
use super::resolve::{Doubt, Found, MADE_AT, Place, Vpc, is_leaving, is_underway, text};
use super::spec::{GROUPS, PRIVATE_DNS, STATE, SUBNETS};
use super::steps::Operation;
use super::{VpcEndpoint, names};
use crate::shared::operations::unknown_call;
use crate::shared::tags;

const SERVICE: &str = "ec2";
const DESCRIBE: &str = "DescribeVpcEndpoints";

/// Values that one filter takes.
const FILTER_VALUES: usize = 200;
/// Rows of a page (README.md, Reads).
const PAGE: i32 = 1000;

/// How long a create waits for an earlier endpoint to give the private DNS names back. A deletion takes a few minutes at
/// most; what takes longer is for the next activation.
const DELETION: Duration = Duration::from_secs(180);
/// The same where no earlier one is listed any more: the names may be held a little longer, or by something else.
const AFTERMATH: Duration = Duration::from_secs(10);
const FIRST_PAUSE: Duration = Duration::from_millis(50);
const LONGEST_PAUSE: Duration = Duration::from_secs(10);

fn filter(name: &str, values: &[String]) -> Filter {
    Filter::builder().name(name).set_values(Some(values.to_vec())).build()
}

async fn vpcs(session: &Session) -> Result<Vec<Vpc>, CallError> {
    let ec2 = session.client(Client::new);
    let (mut found, mut token) = (Vec::new(), None);
    loop {
        let builder = ec2.describe_vpcs().max_results(PAGE).set_next_token(token);
        let page = send!(session, SERVICE, "DescribeVpcs", builder).await?;
        found.extend(page.vpcs().iter().filter_map(|vpc| {
            let name = vpc.tags().iter().find(|tag| tag.key() == Some("Name")).and_then(types::Tag::value);
            Some(Vpc { id: vpc.vpc_id()?.to_owned(), name: name.map(str::to_owned) })
        }));
        match page.next_token().filter(|token| !token.is_empty()) {
            Some(next) => token = Some(next.to_owned()),
            None => return Ok(found),
        }
    }
}

/// The endpoints of these services; of all, where there are none or too many for one filter.
async fn endpoints(session: &Session, services: &[String]) -> Result<Vec<Value>, CallError> {
    let ec2 = session.client(Client::new);
    let filters = match services.len() {
        1..=FILTER_VALUES => Some(vec![filter("service-name", services)]),
        _ => None,
    };
    let (mut found, mut token) = (Vec::new(), None);
    loop {
        let builder = ec2.describe_vpc_endpoints().set_filters(filters.clone()).max_results(PAGE).set_next_token(token);
        let page = send!(session, SERVICE, DESCRIBE, builder).await?;
        found.extend(page.vpc_endpoints().iter().map(answered));
        match page.next_token().filter(|token| !token.is_empty()) {
            Some(next) => token = Some(next.to_owned()),
            None => return Ok(found),
        }
    }
}

async fn endpoint(session: &Session, id: &str) -> Result<Option<Value>, CallError> {
    let ec2 = session.client(Client::new);
    match send!(session, SERVICE, DESCRIBE, ec2.describe_vpc_endpoints().vpc_endpoint_ids(id)).await {
        Ok(page) => Ok(page.vpc_endpoints().iter().find(|one| one.vpc_endpoint_id() == Some(id)).map(answered)),
        Err(error) if error.class == ErrorClass::NotFound => Ok(None),
        Err(error) => Err(error),
    }
}

/// The members of the answer that this kind looks at, with small first letters.
fn answered(endpoint: &types::VpcEndpoint) -> Value {
    let groups = endpoint.groups().iter();
    let dns_options = endpoint.dns_options().map(|options| {
        json!({
            "dnsRecordIpType": options.dns_record_ip_type().map(types::DnsRecordIpType::as_str),
            "privateDnsOnlyForInboundResolverEndpoint": options.private_dns_only_for_inbound_resolver_endpoint(),
            "privateDnsPreference": options.private_dns_preference(),
            "privateDnsSpecifiedDomains": options.private_dns_specified_domains(),
        })
    });
    let own = endpoint.tags().iter().filter(|tag| !tags::is_of_aws(tag.key().unwrap_or_default()));
    let error = endpoint.last_error();
    let reason = error.and_then(|error| error.message().or(error.code())).or(endpoint.failure_reason());
    json!({
        "vpcEndpointId": endpoint.vpc_endpoint_id(),
        "vpcEndpointType": endpoint.vpc_endpoint_type().map(VpcEndpointType::as_str),
        "vpcId": endpoint.vpc_id(),
        "serviceName": endpoint.service_name(),
        "requesterManaged": endpoint.requester_managed(),
        MADE_AT: endpoint.creation_timestamp().map(ToString::to_string),
        "dnsNames": endpoint.dns_entries().iter().filter_map(types::DnsEntry::dns_name).collect::<Vec<_>>(),
        "reason": reason,
        STATE: endpoint.state().map(types::State::as_str),
        "policyDocument": endpoint.policy_document().filter(|text| !text.is_empty()),
        "subnetIds": endpoint.subnet_ids(),
        "groups": groups.map(|group| json!({ "groupId": group.group_id() })).collect::<Vec<_>>(),
        "privateDnsEnabled": endpoint.private_dns_enabled(),
        "ipAddressType": endpoint.ip_address_type().map(types::IpAddressType::as_str),
        "dnsOptions": dns_options,
        "tags": own.map(|tag| json!({ "key": tag.key(), "value": tag.value().unwrap_or("") })).collect::<Vec<_>>(),
    })
}

/// Why a read that no plan depends on failed, for a note.
fn told(session: &Session, error: &CallError) -> String {
    let scope = Scope {
        account: session.account().to_owned(),
        account_id: session.account().to_owned(),
        region: session.region().to_owned(),
    };
    format!("failed to {}", gap_of(error, &scope, "", None).reason)
}

/// A read that no plan depends on; what failed is put down.
type Tried<T> = Result<T, String>;

async fn vpc_dns(session: &Session, vpc_id: &str) -> Tried<VpcDns> {
    let ec2 = session.client(Client::new);
    let attribute = |name: VpcAttributeName| {
        let builder = ec2.describe_vpc_attribute().vpc_id(vpc_id).attribute(name);
        send!(session, SERVICE, "DescribeVpcAttribute", builder)
    };
    let both = try_join(attribute(VpcAttributeName::EnableDnsSupport), attribute(VpcAttributeName::EnableDnsHostnames));
    let (support, hostnames) = both.await.map_err(|error| told(session, &error))?;
    let is_on = |value: Option<&types::AttributeBooleanValue>| value.and_then(|value| value.value()).unwrap_or(false);
    Ok(VpcDns {
        enable_dns_support: is_on(support.enable_dns_support()),
        enable_dns_hostnames: is_on(hostnames.enable_dns_hostnames()),
    })
}

/// The subnets of a VPC by id, with their zones.
async fn subnets(session: &Session, vpc_id: &str) -> Tried<BTreeMap<String, String>> {
    let ec2 = session.client(Client::new);
    let (mut found, mut token) = (BTreeMap::new(), None);
    loop {
        let builder = ec2.describe_subnets().filters(filter("vpc-id", &[vpc_id.to_owned()])).max_results(PAGE);
        let builder = builder.set_next_token(token);
        let page = send!(session, SERVICE, "DescribeSubnets", builder).await.map_err(|error| told(session, &error))?;
        found.extend(
            page.subnets()
                .iter()
                .filter_map(|subnet| Some((subnet.subnet_id()?.to_owned(), subnet.availability_zone()?.to_owned()))),
        );
        match page.next_token().filter(|token| !token.is_empty()) {
            Some(next) => token = Some(next.to_owned()),
            None => return Ok(found),
        }
    }
}

/// The ids of the security groups of a VPC.
async fn groups(session: &Session, vpc_id: &str) -> Tried<BTreeSet<String>> {
    let ec2 = session.client(Client::new);
    let (mut found, mut token) = (BTreeSet::new(), None);
    loop {
        let builder = ec2.describe_security_groups().filters(filter("vpc-id", &[vpc_id.to_owned()])).max_results(PAGE);
        let builder = builder.set_next_token(token);
        let page =
            send!(session, SERVICE, "DescribeSecurityGroups", builder).await.map_err(|error| told(session, &error))?;
        found.extend(page.security_groups().iter().filter_map(|group| group.group_id()).map(str::to_owned));
        match page.next_token().filter(|token| !token.is_empty()) {
            Some(next) => token = Some(next.to_owned()),
            None => return Ok(found),
        }
    }
}

/// What the region offers of a service. By a filter, because a service that is not there fails a call that names it.
async fn offer(session: &Session, service: &str) -> Tried<Offer> {
    let ec2 = session.client(Client::new);
    let (mut offer, mut token) = (Offer::default(), None);
    loop {
        let builder = ec2.describe_vpc_endpoint_services().filters(filter("service-name", &[service.to_owned()]));
        let builder = builder.set_next_token(token);
        let page = send!(session, SERVICE, "DescribeVpcEndpointServices", builder);
        let page = page.await.map_err(|error| told(session, &error))?;
        for detail in page.service_details().iter().filter(|detail| detail.service_name() == Some(service)) {
            let is_interface = |kind: &types::ServiceTypeDetail| {
                kind.service_type().is_some_and(|kind| kind.as_str().eq_ignore_ascii_case("Interface"))
            };
            if detail.service_type().iter().any(is_interface) {
                offer.is_offered = true;
                offer.takes_policy = detail.vpc_endpoint_policy_supported().unwrap_or(true);
                offer.availability_zones.extend(detail.availability_zones().iter().cloned());
            }
        }
        match page.next_token().filter(|token| !token.is_empty()) {
            Some(next) => token = Some(next.to_owned()),
            None => return Ok(offer),
        }
    }
}

async fn place(session: &Session, selection: &Selection) -> Result<Place, CallError> {
    let services: BTreeSet<String> = match selection {
        Selection::All => BTreeSet::new(),
        Selection::Names(names) | Selection::Beside(Beside { names, .. }) => {
            let parts = names.iter().filter_map(|name| names::parts(name));
            let declared = parts.map(|(_, service)| service);
            let beside = names::BEDROCK.iter().copied().filter(|_| selection.is_beside());
            declared.chain(beside).map(|service| names::service_name(session.region(), service)).collect()
        }
    };
    let services: Vec<String> = services.into_iter().collect();
    let (vpcs, endpoints) = try_join(vpcs(session), endpoints(session, &services)).await?;
    Ok(Place { region: session.region().to_owned(), vpcs, endpoints })
}

fn observed(session: &Session, address: Address, endpoint: &Value) -> Result<ObservedResource, CallError> {
    let odd = |why: String| odd_answer(session, SERVICE, DESCRIBE, why);
    let (id, vpc_id) = (text(endpoint, "vpcEndpointId"), text(endpoint, "vpcId"));
    if id.is_empty() || text(endpoint, STATE).is_empty() {
        return Err(odd(format!("the endpoint {} has no id or no state", address.name)));
    }
    let mut live = endpoint.clone();
    const OWNED: &[&str] = &[
        "vpcEndpointId",
        "vpcEndpointType",
        "vpcId",
        "serviceName",
        "requesterManaged",
        MADE_AT,
        "dnsNames",
        "reason",
    ];
    if let Some(members) = live.as_object_mut() {
        members.retain(|name, _| !OWNED.contains(&name.as_str()));
    }
    let normalised = VpcEndpoint.normalise(&live, Origin::Live);
    if let Some(problem) = normalised.problems.first() {
        return Err(odd(format!("{}: {}", problem.path, problem.detail)));
    }
    let names = endpoint["dnsNames"].as_array().into_iter().flatten().filter_map(Value::as_str);
    // Those of the zones are longer.
    let own = names.filter(|name| name.starts_with(id)).min_by_key(|name| (name.len(), *name)).map(str::to_owned);
    let reason = endpoint["reason"].as_str().map(str::to_owned);
    let private_state =
        PrivateState { account: session.account().to_owned(), vpc_id: vpc_id.to_owned(), dns_name: own, reason };
    Ok(ObservedResource {
        address,
        tree: normalised.tree,
        unknown_fields: BTreeMap::new(),
        external_id: json!({ "vpcEndpointId": id }),
        private_state: serde_json::to_value(private_state).unwrap_or(Value::Null),
        settled: !is_underway(endpoint),
        unread: Default::default(),
        beside: Value::Null,
    })
}

/// Which reads of the place a difference needs.
#[derive(Debug, Clone, Copy, Default)]
struct Needs {
    dns: bool,
    subnets: bool,
    groups: bool,
    offer: bool,
}

impl Needs {
    /// Those of creating an endpoint.
    fn all(want: &Value) -> Self {
        let dns = want.get(PRIVATE_DNS) != Some(&Value::Bool(false));
        Self { dns, subnets: true, groups: want.get(GROUPS).is_some(), offer: true }
    }

    /// Those of turning live into what is wanted: of what is added.
    fn of(want: &Value, live: &Value) -> Self {
        let has = |id: &Value| live[SUBNETS].as_array().is_some_and(|live| live.contains(id));
        let subnets = want.get(SUBNETS).and_then(Value::as_array);
        let groups = want.get(GROUPS).and_then(Value::as_object);
        Self {
            dns: want.get(PRIVATE_DNS) == Some(&Value::Bool(true)) && live[PRIVATE_DNS] != true,
            subnets: subnets.is_some_and(|wanted| !wanted.iter().all(has)),
            groups: groups.is_some_and(|wanted| wanted.keys().any(|id| live[GROUPS].get(id).is_none())),
            offer: false,
        }
    }

    fn any(self) -> bool {
        let Self { dns, subnets, groups, offer } = self;
        dns || subnets || groups || offer
    }
}

/// Reads what the preflight needs side by side.
async fn survey(session: &Session, needs: Needs, mut preflight: Preflight) -> Preflight {
    async fn when<T>(needed: bool, read: impl Future<Output = Tried<T>>) -> Option<Tried<T>> {
        if needed { Some(read.await) } else { None }
    }
    let (vpc_id, service) = (preflight.vpc_id.clone(), preflight.service_name.clone());
    let (dns, subnets, groups, offer) = join4(
        when(needs.dns, vpc_dns(session, &vpc_id)),
        when(needs.subnets, subnets(session, &vpc_id)),
        when(needs.groups, groups(session, &vpc_id)),
        when(needs.offer, offer(session, &service)),
    )
    .await;
    fn known<T>(tried: Option<Tried<T>>, unchecked: &mut Vec<String>) -> Option<T> {
        tried?.map_err(|why| unchecked.push(why)).ok()
    }
    preflight.vpc_dns = known(dns, &mut preflight.unchecked);
    preflight.subnets = known(subnets, &mut preflight.unchecked);
    preflight.groups = known(groups, &mut preflight.unchecked);
    preflight.offer = known(offer, &mut preflight.unchecked);
    preflight
}

/// The VPC and service that is meant, for names that mean one and the same.
fn meant<'a>(found: &'a Found<'_>, region: &str) -> Option<(&'a str, String)> {
    match found {
        Found::Is(endpoint, _) => {
            let service = text(endpoint, "serviceName");
            Some((text(endpoint, "vpcId"), names::service_name(region, service)))
        }
        Found::Absent { vpc_id, service_name, .. } => Some((vpc_id, service_name.clone())),
        Found::Unclear(_) => None,
    }
}

fn gap(scope: &Scope, name: &str, code: &str, reason: String, remedy: &str) -> Gap {
    Gap {
        scope: scope.clone(),
        kind: VpcEndpoint.name().to_owned(),
        name: Some(name.to_owned()),
        code: code.to_owned(),
        reason,
        remedy: remedy.to_owned(),
        ..Gap::default()
    }
}

#[async_trait]
impl ResourceClient for VpcEndpoint {
    fn kind(&self) -> &'static dyn Kind {
        &VpcEndpoint
    }

    async fn observe(&self, session: &Session, scope: &Scope, selection: &Selection) -> Result<Reading, CallError> {
        self.observe_pinned(session, scope, selection, &BTreeMap::new()).await
    }

    async fn observe_pinned(
        &self,
        session: &Session,
        scope: &Scope,
        selection: &Selection,
        pinned: &PinnedNames,
    ) -> Result<Reading, CallError> {
        let place = place(session, selection).await?;
        let names = match selection {
            Selection::Names(names) | Selection::Beside(Beside { names, .. }) => names.clone(),
            Selection::All => place.names(),
        };
        let found: Vec<(&String, Found<'_>)> = names
            .iter()
            .map(|name| (name, place.find_in(name, pinned.get(name).and_then(|pins| pins.first()).map(String::as_str))))
            .collect();
        let mut reading = Reading::default();
        let mut by_meaning: BTreeMap<_, Vec<&str>> = BTreeMap::new();
        for (name, found) in &found {
            if let Some(meaning) = meant(found, session.region()) {
                by_meaning.entry(meaning).or_default().push(name);
            }
        }
        for (name, found) in &found {
            let same = meant(found, session.region()).and_then(|meaning| by_meaning.get(&meaning));
            match (same, found) {
                (Some(same), _) if same.len() > 1 => {
                    let reason = format!("{} name the same endpoint", same.join(" and "));
                    let remedy = "remove all but one of the declarations";
                    reading.gaps.push(gap(scope, name, codes::SAME_RESOURCE, reason, remedy));
                }
                (_, Found::Unclear(Doubt { code, reason, remedy })) => {
                    reading.gaps.push(gap(scope, name, code, reason.clone(), remedy));
                }
                (_, Found::Is(endpoint, doubt)) => {
                    // Beside the resource: that one is compared and restored, and the twin is reported.
                    if let Some(Doubt { code, reason, remedy }) = doubt {
                        reading.gaps.push(gap(scope, name, code, reason.clone(), remedy));
                    }
                    match observed(session, Address::new(scope, self.name(), name.as_str()), endpoint) {
                        Ok(observed) => reading.resources.push(observed),
                        Err(error) => reading.gaps.push(gap_of(&error, scope, self.name(), Some(name))),
                    }
                }
                (_, Found::Absent { .. }) => {}
            }
        }
        if selection.is_beside() {
            let held: BTreeSet<&str> = found
                .iter()
                .filter_map(|(_, found)| match found {
                    Found::Is(endpoint, _) => Some(text(endpoint, "vpcEndpointId")),
                    Found::Absent { .. } | Found::Unclear(_) => None,
                })
                .collect();
            for (name, endpoint) in place.others(&held) {
                let id = text(endpoint, "vpcEndpointId");
                let is_taken = names.contains(&name) || reading.resources.iter().any(|seen| seen.address.name == name);
                if !selection.asks_for(&name) && !selection.has(&name) {
                    continue;
                }
                let name = if is_taken { twin(&name, id) } else { name };
                match observed(session, Address::new(scope, self.name(), &name), endpoint) {
                    Ok(observed) => reading.resources.push(observed),
                    Err(error) => reading.gaps.push(gap_of(&error, scope, self.name(), Some(&name))),
                }
            }
        }
        Ok(reading)
    }

    async fn read_one(
        &self,
        session: &Session,
        address: &Address,
        external_id: Option<&Value>,
    ) -> Result<Option<ObservedResource>, CallError> {
        let id = external_id.map(|external_id| text(external_id, "vpcEndpointId")).filter(|id| !id.is_empty());
        let seen = match id {
            Some(id) => endpoint(session, id).await?.filter(|endpoint| !is_leaving(endpoint)),
            None => {
                let place = place(session, &Selection::Names([address.name.clone()].into())).await?;
                match place.find(&address.name) {
                    Found::Is(endpoint, _) => Some(endpoint.clone()),
                    Found::Absent { .. } => None,
                    Found::Unclear(Doubt { reason, .. }) => return Err(odd_answer(session, SERVICE, DESCRIBE, reason)),
                }
            }
        };
        seen.map(|endpoint| observed(session, address.clone(), &endpoint)).transpose()
    }

    async fn inspect(
        &self,
        session: &Session,
        address: &Address,
        want: &Value,
        live: Option<&ObservedResource>,
        pinned: &[String],
    ) -> Result<Option<Value>, CallError> {
        let account = session.account().to_owned();
        let (needs, preflight) = match live {
            Some(live) => {
                let vpc_id = text(&live.private_state, "vpcId").to_owned();
                (Needs::of(want, &live.tree), Preflight { account, vpc_id, ..Preflight::default() })
            }
            None => {
                let place = place(session, &Selection::Names([address.name.clone()].into())).await?;
                let reason = match place.find_in(&address.name, pinned.first().map(String::as_str)) {
                    Found::Absent { vpc_id, service_name, is_deleting, doubt } => {
                        let vpc_id = vpc_id.to_owned();
                        let doubt = doubt.map(|doubt| doubt.reason);
                        let preflight =
                            Preflight { account, vpc_id, service_name, is_deleting, doubt, ..Preflight::default() };
                        let preflight = survey(session, Needs::all(want), preflight).await;
                        return Ok(serde_json::to_value(preflight).ok());
                    }
                    Found::Is(..) => "the endpoint is there now, and was not a moment ago".to_owned(),
                    Found::Unclear(Doubt { reason, .. }) => reason,
                };
                return Err(odd_answer(session, SERVICE, DESCRIBE, reason));
            }
        };
        if !needs.any() {
            return Ok(None);
        }
        Ok(serde_json::to_value(survey(session, needs, preflight).await).ok())
    }

    async fn perform(
        &self,
        session: &Session,
        _: &Address,
        call: &Call,
        external_id: Option<&Value>,
        _: &WritePermit,
    ) -> Result<WriteResult, CallError> {
        let Some(operation) = Operation::named(&call.operation) else {
            return Err(unknown_call(session, SERVICE, call));
        };
        let (ec2, request) = (session.client(Client::new), &call.request);
        let kept = external_id.cloned().unwrap_or(Value::Null);
        match operation {
            Operation::CreateVpcEndpoint => create(session, request).await,
            Operation::ModifyVpcEndpoint => {
                let answer = send!(session, SERVICE, operation.name(), modification(&ec2, request)).await?;
                Ok(WriteResult { external_id: kept, request_id: answer.request_id().map(str::to_owned) })
            }
            Operation::CreateTags => {
                let builder = ec2.create_tags().set_resources(listed(request, "Resources"));
                let builder = builder.set_tags(Some(tags(&request["Tags"])));
                let answer = send!(session, SERVICE, operation.name(), builder).await?;
                Ok(WriteResult { external_id: kept, request_id: answer.request_id().map(str::to_owned) })
            }
        }
    }
}

/// Creates an endpoint. While an earlier one is being deleted, AWS refuses private DNS for the new one; that is waited for.
async fn create(session: &Session, request: &Value) -> Result<WriteResult, CallError> {
    let ec2 = session.client(Client::new);
    let began = tokio::time::Instant::now();
    let mut pause = FIRST_PAUSE;
    loop {
        let builder = creation(&ec2, request);
        let error = match send!(session, SERVICE, "CreateVpcEndpoint", builder).await {
            Ok(answer) => {
                let id = answer.vpc_endpoint().and_then(types::VpcEndpoint::vpc_endpoint_id).ok_or_else(|| {
                    odd_answer(session, SERVICE, "CreateVpcEndpoint", "the answer has no VpcEndpointId")
                })?;
                let request_id = answer.request_id().map(str::to_owned);
                return Ok(WriteResult { external_id: json!({ "vpcEndpointId": id }), request_id });
            }
            Err(error) => error,
        };
        let holds_names = error.code == "InvalidParameter" && error.message.contains("conflicting DNS domain");
        if !holds_names {
            return Err(error);
        }
        let (vpc_id, service) = (text(request, "VpcId"), text(request, "ServiceName"));
        let all = endpoints(session, &[service.to_owned()]).await?;
        let rivals: Vec<&Value> = all.iter().filter(|one| text(one, "vpcId") == vpc_id).collect();
        let is_still_listed = rivals.iter().any(|rival| is_leaving(rival));
        let longest = if is_still_listed { DELETION } else { AFTERMATH };
        let is_held_for_good = rivals.iter().any(|rival| !is_leaving(rival) && rival["privateDnsEnabled"] == true);
        if is_held_for_good || began.elapsed() >= longest {
            return Err(error);
        }
        tokio::time::sleep(pause).await;
        pause = (pause * 2).min(LONGEST_PAUSE);
    }
}

fn listed(request: &Value, member: &str) -> Option<Vec<String>> {
    let items = request.get(member)?.as_array()?;
    Some(items.iter().filter_map(Value::as_str).map(str::to_owned).collect())
}

fn string(request: &Value, member: &str) -> Option<String> {
    request.get(member).and_then(Value::as_str).map(str::to_owned)
}

fn flag(request: &Value, member: &str) -> Option<bool> {
    request.get(member).and_then(Value::as_bool)
}

fn tags(list: &Value) -> Vec<types::Tag> {
    let tag = |tag: &Value| types::Tag::builder().set_key(string(tag, "Key")).set_value(string(tag, "Value")).build();
    list.as_array().into_iter().flatten().map(tag).collect()
}

fn dns_options(request: &Value) -> Option<types::DnsOptionsSpecification> {
    let options = request.get("DnsOptions")?;
    let builder = types::DnsOptionsSpecification::builder()
        .set_dns_record_ip_type(string(options, "DnsRecordIpType").map(|word| word.as_str().into()))
        .set_private_dns_only_for_inbound_resolver_endpoint(flag(options, "PrivateDnsOnlyForInboundResolverEndpoint"))
        .set_private_dns_preference(string(options, "PrivateDnsPreference"))
        .set_private_dns_specified_domains(listed(options, "PrivateDnsSpecifiedDomains"));
    Some(builder.build())
}

type Creation = aws_sdk_ec2::operation::create_vpc_endpoint::builders::CreateVpcEndpointFluentBuilder;
type Modification = aws_sdk_ec2::operation::modify_vpc_endpoint::builders::ModifyVpcEndpointFluentBuilder;

fn creation(ec2: &Client, request: &Value) -> Creation {
    let specifications = request.get("TagSpecifications").and_then(Value::as_array).map(|list| {
        let each = list.iter().map(|one| {
            let kind = string(one, "ResourceType").map(|word| ResourceType::from(word.as_str()));
            TagSpecification::builder().set_resource_type(kind).set_tags(Some(tags(&one["Tags"]))).build()
        });
        each.collect()
    });
    ec2.create_vpc_endpoint()
        .set_vpc_endpoint_type(string(request, "VpcEndpointType").map(|word| word.as_str().into()))
        .set_vpc_id(string(request, "VpcId"))
        .set_service_name(string(request, "ServiceName"))
        .set_policy_document(string(request, "PolicyDocument"))
        .set_subnet_ids(listed(request, "SubnetIds"))
        .set_security_group_ids(listed(request, "SecurityGroupIds"))
        .set_private_dns_enabled(flag(request, "PrivateDnsEnabled"))
        .set_ip_address_type(string(request, "IpAddressType").map(|word| word.as_str().into()))
        .set_dns_options(dns_options(request))
        .set_tag_specifications(specifications)
        .set_client_token(string(request, "ClientToken"))
}

fn modification(ec2: &Client, request: &Value) -> Modification {
    ec2.modify_vpc_endpoint()
        .set_vpc_endpoint_id(string(request, "VpcEndpointId"))
        .set_policy_document(string(request, "PolicyDocument"))
        .set_add_subnet_ids(listed(request, "AddSubnetIds"))
        .set_remove_subnet_ids(listed(request, "RemoveSubnetIds"))
        .set_add_security_group_ids(listed(request, "AddSecurityGroupIds"))
        .set_remove_security_group_ids(listed(request, "RemoveSecurityGroupIds"))
        .set_private_dns_enabled(flag(request, "PrivateDnsEnabled"))
        .set_ip_address_type(string(request, "IpAddressType").map(|word| word.as_str().into()))
        .set_dns_options(dns_options(request))
}
