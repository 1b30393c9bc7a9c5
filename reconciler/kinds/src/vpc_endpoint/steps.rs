//! From the drift of an endpoint to calls (README.md, Writes): policy, network, DNS, tags, in this order.
//!
//! An endpoint is changed in place, created only when it is gone, and never deleted. The policy is written first and
//! alone, so that it is restored even where AWS refuses a change of the network.

use std::collections::BTreeSet;

use reconciler_model::codes;
use reconciler_model::inventory::ObservedResource;
use reconciler_model::kind::Situation;
use reconciler_model::open_enum::on_the_wire;
use reconciler_model::plan::{Call, ExpectedState, Proposal, ProposedStep};
use reconciler_model::policy::{Policy, Reason, Trusted, widening};
use reconciler_model::tree::Path;
use serde_json::{Map, Value, json};

use super::preflight::{Preflight, PrivateState};
use super::spec::{DNS_OPTIONS, EVERY_DOMAIN, GROUPS, IP_TYPE, POLICY, PRIVATE_DNS, STATE, SUBNETS, TAGS};
use crate::shared::operations::operations;
use crate::shared::tags::{self, KEY_AND_VALUE};

operations! {
    /// The write operations of EC2 that restore an endpoint.
    pub(super) enum Operation {
        CreateVpcEndpoint,
        ModifyVpcEndpoint,
        CreateTags,
    }
}

pub(super) fn propose(situation: &Situation<'_>) -> Proposal {
    match situation.live {
        None => create(situation),
        Some(live) => restore(situation, live),
    }
}

fn step(
    action: &'static str,
    summary: String,
    operation: Operation,
    request: Value,
    expected_state: Value,
) -> ProposedStep {
    ProposedStep {
        action,
        summary,
        call: Call::new("ec2", operation.name(), request),
        expected_state: ExpectedState { tree: expected_state, ..ExpectedState::default() },
        ..ProposedStep::default()
    }
}

fn texts(tree: &Value, member: &str) -> BTreeSet<String> {
    match tree.get(member) {
        Some(Value::Array(items)) => items.iter().filter_map(Value::as_str).map(str::to_owned).collect(),
        Some(Value::Object(members)) => members.keys().cloned().collect(),
        _ => BTreeSet::new(),
    }
}

fn policy_of(tree: &Value) -> Option<Policy> {
    Policy::from_value(tree.get(POLICY)?).ok()
}

fn word(value: &Value) -> Value {
    value.as_str().map_or(Value::Null, |text| json!(on_the_wire(text)))
}

/// DNS options of a request: those that `which` takes. Not all services take all of them, so defaults are not written out.
fn dns_options(options: &Value, which: impl Fn(&str, &Value) -> bool) -> Value {
    let mut request = Map::new();
    for (member, value) in options.as_object().into_iter().flatten().filter(|(member, value)| which(member, value)) {
        let (name, value) = match member.as_str() {
            "dnsRecordIpType" => ("DnsRecordIpType", word(value)),
            "privateDnsOnlyForInboundResolverEndpoint" => ("PrivateDnsOnlyForInboundResolverEndpoint", value.clone()),
            "privateDnsPreference" => ("PrivateDnsPreference", value.clone()),
            "privateDnsSpecifiedDomains" => ("PrivateDnsSpecifiedDomains", value.clone()),
            _ => continue,
        };
        request.insert(name.to_owned(), value);
    }
    Value::Object(request)
}

fn is_written_out(_: &str, value: &Value) -> bool {
    *value != json!(false) && *value != json!([EVERY_DOMAIN]) && *value != json!("VERIFIED_DOMAINS_ONLY")
}

fn preflight_of(situation: &Situation<'_>) -> Option<Preflight> {
    serde_json::from_value(situation.scope_context.clone()).ok()
}

fn create(situation: &Situation<'_>) -> Proposal {
    let mut proposal = Proposal::default();
    let target = situation.target;
    let Some(preflight) = preflight_of(situation) else {
        let detail = format!("the endpoint {} does not exist, and its VPC is not known", situation.name);
        proposal.refusals.push((codes::NO_VPC, detail));
        return proposal;
    };
    if texts(target, SUBNETS).is_empty() {
        let detail = "the endpoint does not exist, and cannot be created because subnetIds is not declared";
        proposal.refusals.push((codes::CONTRADICTION, detail.into()));
    }
    proposal.refusals.extend(preflight.obstacles(target));
    proposal.notes.extend(preflight.unchecked.iter().map(|what| (codes::NOT_CHECKED, what.clone())));
    outsiders("declared", target, &Value::Null, &preflight.account, &mut proposal);
    if !proposal.refusals.is_empty() {
        return proposal;
    }
    let defaults = [
        (POLICY, "policyDocument is not declared: everybody may call everything through the new endpoint"),
        (GROUPS, "groups is not declared: the new endpoint has the default security group of the VPC"),
    ];
    let missing = defaults.iter().filter(|(member, _)| target.get(*member).is_none());
    proposal.notes.extend(missing.map(|(_, detail)| (codes::ENDPOINT_DEFAULTS, (*detail).to_owned())));
    if preflight.is_deleting {
        let detail = "the earlier endpoint is still being deleted, and holds the private DNS names until it is gone; the create \
                      waits for that";
        proposal.notes.push((codes::ENDPOINT_STATE, detail.into()));
    }
    let private_dns = target.get(PRIVATE_DNS).cloned().unwrap_or(json!(true));
    let mut request = json!({
        "VpcEndpointType": "Interface",
        "VpcId": preflight.vpc_id,
        "ServiceName": preflight.service_name,
        "SubnetIds": texts(target, SUBNETS),
        // Explicit, because sources disagree on what AWS does when it is left out.
        "PrivateDnsEnabled": private_dns,
    });
    let mut expected_state = target.clone();
    expected_state[PRIVATE_DNS] = private_dns;
    if let Some(policy) = policy_of(target) {
        request["PolicyDocument"] = json!(policy.to_minified_json());
        expected_state[POLICY] = policy.tree();
    }
    if target.get(GROUPS).is_some() {
        request["SecurityGroupIds"] = json!(texts(target, GROUPS));
    }
    if let Some(kind) = target.get(IP_TYPE) {
        request["IpAddressType"] = word(kind);
    }
    if let Some(options) = target.get(DNS_OPTIONS).filter(|options| !options.is_null()) {
        request["DnsOptions"] = dns_options(options, is_written_out);
    }
    let tags =
        tags::for_request(target.get(TAGS).and_then(Value::as_object).into_iter().flat_map(Map::values), KEY_AND_VALUE);
    if !tags.is_empty() {
        request["TagSpecifications"] = json!([{ "ResourceType": "vpc-endpoint", "Tags": tags }]);
    }
    let summary = format!("create the endpoint {} in {}", situation.name, preflight.vpc_id);
    let mut create = step("create", summary, Operation::CreateVpcEndpoint, request, expected_state);
    create.call = create.call.with_token("ClientToken");
    proposal.steps.push(create);
    let detail = "the endpoint gets a new id: what names the old one, such as conditions on aws:SourceVpce, has to follow; \
                  declarations that refer to it by ${ref:...} do";
    proposal.notes.push((codes::IMMUTABLE, detail.into()));
    proposal
}

fn restore(situation: &Situation<'_>, live: &ObservedResource) -> Proposal {
    let mut proposal = Proposal::default();
    let private_state: PrivateState = serde_json::from_value(live.private_state.clone()).unwrap_or_default();
    let target = situation.target;
    if target.get(POLICY).is_some() {
        outsiders("live", &live.tree, target, &private_state.account, &mut proposal);
        outsiders("declared", target, &Value::Null, &private_state.account, &mut proposal);
    }
    if situation.differs_in(STATE) {
        not_available(&live.tree[STATE], private_state.reason.as_deref(), &mut proposal);
        return proposal;
    }
    let id = live.external_id["vpcEndpointId"].clone();
    let preflight = preflight_of(situation).unwrap_or_default();
    proposal.notes.extend(preflight.unchecked.iter().map(|what| (codes::NOT_CHECKED, what.clone())));
    if situation.differs_in(POLICY) {
        match policy_of(target) {
            Some(policy) => {
                let request = json!({ "VpcEndpointId": id, "PolicyDocument": policy.to_minified_json() });
                let expected_state = json!({ POLICY: policy.tree() });
                proposal.steps.push(modify("put the declared policy back", request, expected_state));
            }
            None => proposal.refusals.push((codes::CONTRADICTION, "what should be written is no policy".into())),
        }
    }
    restore_groups(situation, live, &preflight, &mut proposal);
    restore_subnets(situation, live, &preflight, &mut proposal);
    restore_names(situation, &preflight, &id, &mut proposal);
    if situation.differs_in(TAGS) {
        let wanted = target.get(TAGS).and_then(Value::as_object).into_iter().flatten();
        let changed: Map<String, Value> = wanted
            .filter(|(key, tag)| live.tree[TAGS].get(key.as_str()) != Some(*tag))
            .map(|(key, tag)| (key.clone(), tag.clone()))
            .collect();
        let request = json!({ "Resources": [id], "Tags": tags::for_request(changed.values(), KEY_AND_VALUE) });
        let summary = "put the declared tags back; other tags are left alone".to_owned();
        proposal.steps.push(step("tag", summary, Operation::CreateTags, request, json!({ TAGS: changed })));
    }
    proposal
}

/// An endpoint that is not available cannot be changed, and is not in sync whatever its settings are.
fn not_available(state: &Value, reason: Option<&str>, proposal: &mut Proposal) {
    let state = state.as_str().map_or("", on_the_wire);
    let because = reason.map(|reason| format!(": {reason}")).unwrap_or_default();
    match state {
        "pending" => {
            let detail = "the endpoint is still being made; it is compared and changed once it is available";
            proposal.notes.push((codes::ENDPOINT_STATE, detail.into()));
        }
        "pendingAcceptance" => {
            let detail = "the endpoint waits for the owner of the service to accept it".to_owned();
            proposal.refusals.push((codes::ENDPOINT_STATE, detail));
        }
        state => {
            let detail = format!(
                "the endpoint is {state}{because}; it cannot be repaired in place: delete it, and the next run creates it again"
            );
            proposal.refusals.push((codes::ENDPOINT_STATE, detail));
        }
    }
}

fn modify(summary: &str, request: Value, expected_state: Value) -> ProposedStep {
    step("update", summary.into(), Operation::ModifyVpcEndpoint, request, expected_state)
}

/// What has to be added to live, and what removed from it.
fn changed(situation: &Situation<'_>, live: &ObservedResource, member: &str) -> (BTreeSet<String>, BTreeSet<String>) {
    let (is, want) = (texts(&live.tree, member), texts(situation.target, member));
    (want.difference(&is).cloned().collect(), is.difference(&want).cloned().collect())
}

fn restore_groups(situation: &Situation<'_>, live: &ObservedResource, preflight: &Preflight, proposal: &mut Proposal) {
    if !situation.differs_in(GROUPS) {
        return;
    }
    let obstacles = preflight.misplaced_groups(situation.target);
    if !obstacles.is_empty() {
        proposal.refusals.extend(obstacles);
        return;
    }
    let (add, remove) = changed(situation, live, GROUPS);
    let mut request = json!({ "VpcEndpointId": live.external_id["vpcEndpointId"] });
    for (name, ids) in [("AddSecurityGroupIds", add), ("RemoveSecurityGroupIds", remove)] {
        if !ids.is_empty() {
            request[name] = json!(ids);
        }
    }
    let expected_state = json!({ GROUPS: situation.target[GROUPS] });
    proposal.steps.push(modify("put the declared security groups back", request, expected_state));
}

/// Subnets in one call, or in two where some go and others come: two of one zone would be refused, even if one of them is to
/// go (README.md, Hypotheses), so those that go do so first. The last one never goes first.
fn restore_subnets(situation: &Situation<'_>, live: &ObservedResource, preflight: &Preflight, proposal: &mut Proposal) {
    if !situation.differs_in(SUBNETS) {
        return;
    }
    let obstacles = preflight.misplaced_subnets(situation.target);
    if !obstacles.is_empty() {
        proposal.refusals.extend(obstacles);
        return;
    }
    let id = &live.external_id["vpcEndpointId"];
    let (add, remove) = changed(situation, live, SUBNETS);
    let is = texts(&live.tree, SUBNETS);
    let kept: BTreeSet<&String> = is.difference(&remove).collect();
    let expected_state = json!({ SUBNETS: situation.target[SUBNETS] });
    let back = json!({ "VpcEndpointId": id, "AddSubnetIds": add });
    let away = json!({ "VpcEndpointId": id, "RemoveSubnetIds": remove });
    let (put_back, take_away) = ("put the declared subnets back", "take the subnets away that are not declared");
    match (add.is_empty(), remove.is_empty()) {
        (false, true) => proposal.steps.push(modify(put_back, back, expected_state)),
        (true, _) => proposal.steps.push(modify(take_away, away, expected_state)),
        (false, false) if kept.is_empty() => {
            let request = json!({ "VpcEndpointId": id, "AddSubnetIds": add, "RemoveSubnetIds": remove });
            proposal.steps.push(modify("replace the subnets by the declared ones", request, expected_state));
        }
        (false, false) => {
            proposal.steps.push(modify(take_away, away, json!({ SUBNETS: kept })));
            proposal.steps.push(modify(put_back, back, expected_state));
        }
    }
}

/// Private DNS, DNS options and the type of addresses: in one call, because they depend on each other.
fn restore_names(situation: &Situation<'_>, preflight: &Preflight, id: &Value, proposal: &mut Proposal) {
    let target = situation.target;
    let (mut request, mut expected_state) = (json!({ "VpcEndpointId": id }), json!({}));
    if situation.differs_in(IP_TYPE) {
        request["IpAddressType"] = word(&target[IP_TYPE]);
        expected_state[IP_TYPE] = target[IP_TYPE].clone();
    }
    if situation.differs_in(DNS_OPTIONS) {
        let is_all = situation.differs.contains(&Path::of([DNS_OPTIONS]));
        let differs = |member: &str, value: &Value| match is_all {
            true => is_written_out(member, value),
            false => situation.differs.iter().any(|path| path.parts().starts_with(&[DNS_OPTIONS, member])),
        };
        request["DnsOptions"] = dns_options(&target[DNS_OPTIONS], differs);
        expected_state[DNS_OPTIONS] = target[DNS_OPTIONS].clone();
    }
    if situation.differs_in(PRIVATE_DNS) {
        match preflight.private_dns_lacks().filter(|_| target[PRIVATE_DNS] == json!(true)) {
            Some(refusal) => proposal.refusals.push(refusal),
            None => {
                request["PrivateDnsEnabled"] = target[PRIVATE_DNS].clone();
                expected_state[PRIVATE_DNS] = target[PRIVATE_DNS].clone();
            }
        }
    }
    if expected_state != json!({}) {
        proposal.steps.push(modify("put the declared DNS settings back", request, expected_state));
    }
}

/// Notes the statements of a policy that principals of elsewhere may use, but for those that `known` has as well. An
/// account that a declaration names is not foreign to it.
fn outsiders(whose: &str, tree: &Value, known: &Value, account: &str, proposal: &mut Proposal) {
    let Some(policy) = policy_of(tree) else { return };
    let known = policy_of(known);
    let trusted = Trusted { accounts: &[account], organizations: &[] };
    let known = known.as_ref().map(|policy| widening(policy, &trusted)).unwrap_or_default();
    for wide in widening(&policy, &trusted) {
        let is_named = whose == "declared" && matches!(wide.reason, Reason::Foreign { .. });
        if !is_named && !known.contains(&wide) {
            proposal.notes.push((codes::OUTSIDERS, format!("{whose} policyDocument: {wide}")));
        }
    }
}
