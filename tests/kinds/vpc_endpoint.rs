//! Interface endpoints: what opens the private path to others or lets traffic leave by another one is put back, in place
//! (kinds/vpc_endpoint/README.md, Private DNS; h13, h14).

use bytes::Bytes;
use http::{Method, Request};
use proptest::prelude::*;
use proptest::sample::{select, subsequence};
use reconciler_emulator::{Effect, Fault, Options};
use reconciler_model::codes;
use reconciler_model::direction::Direction;
use reconciler_model::drift::Change;
use reconciler_model::permit::Approval;
use reconciler_model::plan::Plan;
use reconciler_tests::declarations::{small, wrong_with};
use reconciler_tests::generate::{self, Generator};
use reconciler_tests::world::{ACCOUNT, REGION, World, field, notes, on, paths, refusals, told};
use serde_json::{Value, json};

const POLICY: Approval = Approval::StandingPolicy { max_changes: 10 };
const NAME: &str = "ai/bedrock-runtime";
const PRINCIPAL: &str = "arn:aws:iam::444455556666:role/exfiltration";

/// A network that a declaration finds by its names, in which private DNS is possible.
fn network(world: &World) {
    let tags = |kind: &str, name: &str| json!([{"ResourceType": kind, "Tags": [{"Key": "Name", "Value": name}]}]);
    let vpc = json!({"CidrBlock": "10.0.0.0/16", "TagSpecifications": tags("vpc", "ai")});
    world.attack("ec2", "CreateVpc", vpc);
    let on = json!({"VpcId": "${vpc:ai}", "EnableDnsHostnames": {"Value": true}});
    world.attack("ec2", "ModifyVpcAttribute", on);
    for (number, name, zone) in [(0, "ai-a", "a"), (1, "ai-b", "b"), (2, "ai-c", "c"), (3, "ai-b2", "b")] {
        let subnet = json!({"VpcId": "${vpc:ai}", "CidrBlock": format!("10.0.{number}.0/24"),
            "AvailabilityZone": format!("{REGION}{zone}"), "TagSpecifications": tags("subnet", name)});
        world.attack("ec2", "CreateSubnet", subnet);
    }
    for name in ["endpoints", "others"] {
        let group = json!({"VpcId": "${vpc:ai}", "GroupName": name, "Description": name,
            "TagSpecifications": tags("security-group", name)});
        world.attack("ec2", "CreateSecurityGroup", group);
    }
}

fn policy(principals: &[&str]) -> Value {
    let everyone = principals.is_empty();
    let principal = if everyone { json!("*") } else { json!({ "AWS": principals }) };
    json!({"Version": "2012-10-17", "Statement": [{
        "Sid": "Own", "Effect": "Allow", "Principal": principal, "Action": ["bedrock:InvokeModel"], "Resource": "*",
    }]})
}

fn spec() -> Value {
    json!({
        "policyDocument": policy(&["arn:aws:iam::111122223333:role/app"]),
        "subnetIds": ["${subnet:ai-a}", "${subnet:ai-b}"],
        "groups": [{"groupId": "${security-group:endpoints}"}],
        "privateDnsEnabled": true,
        "tags": [{"key": "owner", "value": "security"}],
    })
}

fn declared(spec: &Value) -> String {
    json!({"kind": "vpc-endpoint", "name": NAME, "spec": spec}).to_string()
}

fn with(member: &str, value: Value) -> Value {
    let mut spec = spec();
    spec[member] = value;
    spec
}

/// A network, and the endpoint in it.
async fn built(spec: &Value) -> World {
    let world = World::small("empty", &declared(spec)).await;
    network(&world);
    world.restore().await;
    world.plan_again_nothing().await;
    world.emulator.clear_calls();
    world
}

fn modify(world: &World, mut body: Value) {
    body["VpcEndpointId"] = json!("${endpoint:ai/bedrock-runtime}");
    world.attack("ec2", "ModifyVpcEndpoint", body);
}

/// What DescribeVpcEndpoints answers, as it is on the wire.
async fn live(world: &World) -> String {
    ask(world, "Action=DescribeVpcEndpoints").await
}

/// One request to EC2; unlike after an attack, what it starts takes its time.
async fn ask(world: &World, form: &str) -> String {
    let credential = format!("{ACCOUNT}/20260101/{REGION}/ec2/aws4_request");
    let request = Request::builder()
        .method(Method::POST)
        .uri(format!("https://ec2.{REGION}.amazonaws.com/"))
        .header("authorization", format!("AWS4-HMAC-SHA256 Credential={credential}, SignedHeaders=host, Signature=0"))
        .header("content-type", "application/x-www-form-urlencoded")
        .body(Bytes::from(format!("{form}&Version=2016-11-15")))
        .expect("a request");
    let answer = world.emulator.handle(request).await.expect("an answer");
    String::from_utf8(answer.into_body().to_vec()).expect("text")
}

fn between<'a>(xml: &'a str, name: &str) -> &'a str {
    let rest = xml.split_once(&format!("<{name}>")).expect("an element").1;
    rest.split_once(&format!("</{name}>")).expect("its end").0
}

fn writes(world: &World) -> Vec<String> {
    world.written().into_iter().filter(|one| one != "AssumeRole").collect()
}

fn only(plan: &Plan, path: &str) -> Direction {
    assert_eq!(paths(plan), [path], "{}", told(plan));
    field(plan, path).direction
}

/// An endpoint that is absent is created as an interface endpoint, with everything said, in one call.
#[tokio::test]
async fn an_absent_endpoint_is_created_with_everything_said() {
    let world = World::small("empty", &declared(&spec())).await;
    network(&world);
    world.emulator.clear_calls();
    let plan = world.restore().await;
    assert_eq!(plan.drift[0].change, Change::Missing);
    assert_eq!(writes(&world), ["CreateVpcEndpoint"]);
    let sent = world.body_of("CreateVpcEndpoint");
    let said = |member: &str| sent[member].as_str().map_or_else(|| sent[member].to_string(), str::to_owned);
    assert_eq!(said("VpcEndpointType"), "Interface", "{sent}");
    assert_eq!(said("PrivateDnsEnabled"), "true", "{sent}");
    assert!(sent["ClientToken"].is_string() && sent["TagSpecifications"].is_array(), "{sent}");
    world.plan_again_nothing().await;
    let live = live(&world).await;
    assert_eq!((between(&live, "state"), between(&live, "privateDnsEnabled")), ("available", "true"));
}

/// The policy is widened by one principal: the drift is at the leaf, it is weakened, and one call puts it back.
#[tokio::test]
async fn a_policy_that_was_widened_is_shown_at_the_leaf_and_restored() {
    let world = built(&spec()).await;
    let wide = policy(&["arn:aws:iam::111122223333:role/app", PRINCIPAL]);
    modify(&world, json!({ "PolicyDocument": wide.to_string() }));
    world.emulator.clear_calls();
    let plan = world.restore().await;
    assert_eq!(only(&plan, "policyDocument.Statement.Own.Principal.AWS"), Direction::Weakened);
    assert!(notes(&plan).contains(&codes::OUTSIDERS), "{}", told(&plan));
    assert_eq!(writes(&world), ["ModifyVpcEndpoint"]);
    let sent = world.body_of("ModifyVpcEndpoint");
    let members: Vec<&String> = sent.as_object().expect("an object").keys().collect();
    assert!(!members.iter().any(|name| ["AddSubnetIds", "PrivateDnsEnabled", "ResetPolicy"].contains(&name.as_str())));
    assert!(!live(&world).await.contains("exfiltration"));
    world.plan_again_nothing().await;
}

/// A policy that was replaced by another one comes back whole: what it lacks is not kept as if it protected something.
#[tokio::test]
async fn a_policy_that_was_replaced_comes_back_whole() {
    let world = built(&spec()).await;
    let other = json!({"Version": "2012-10-17", "Statement": [{
        "Sid": "Theirs", "Effect": "Allow", "Principal": {"AWS": PRINCIPAL}, "Action": "s3:*", "Resource": "*",
        "Condition": {"Bool": {"aws:SecureTransport": "true"}},
    }]});
    modify(&world, json!({ "PolicyDocument": other.to_string() }));
    let plan = world.restore().await;
    assert_eq!(plan.drift[0].direction, Direction::Weakened, "{}", told(&plan));
    world.plan_again_nothing().await;

    // A policy that only grants less is stronger, and kept.
    let less = json!({"Version": "2012-10-17", "Statement": [{
        "Sid": "Own", "Effect": "Deny", "Principal": "*", "Action": "*", "Resource": "*",
    }]});
    modify(&world, json!({ "PolicyDocument": less.to_string() }));
    let plan = world.plan_again_no_steps().await;
    assert_eq!(plan.drift[0].direction, Direction::Strengthened, "{}", told(&plan));
}

/// Every other thing that somebody does to an endpoint, one after the other: each is put back in place by one call.
#[tokio::test]
async fn every_attack_on_an_endpoint_is_undone_in_place() {
    let world = built(&spec()).await;
    let id = between(&live(&world).await, "vpcEndpointId").to_owned();
    let attacks = [
        (json!({"ResetPolicy": true}), Direction::Weakened, 1),
        (json!({"PolicyDocument": policy(&[]).to_string()}), Direction::Weakened, 1),
        (json!({"RemoveSubnetIds": ["${subnet:ai-b}"]}), Direction::Weakened, 1),
        (json!({"AddSubnetIds": ["${subnet:ai-c}"]}), Direction::Unknown, 1),
        (json!({"AddSubnetIds": ["${subnet:ai-b2}"], "RemoveSubnetIds": ["${subnet:ai-b}"]}), Direction::Weakened, 2),
        (json!({"AddSecurityGroupIds": ["${security-group:others}"]}), Direction::Weakened, 1),
        (
            json!({"AddSecurityGroupIds": ["${security-group:others}"],
                "RemoveSecurityGroupIds": ["${security-group:endpoints}"]}),
            Direction::Weakened,
            1,
        ),
        (json!({"PrivateDnsEnabled": false}), Direction::Weakened, 1),
    ];
    for (body, direction, calls) in attacks {
        modify(&world, body.clone());
        world.emulator.clear_calls();
        let plan = world.restore().await;
        assert_eq!(plan.drift[0].direction, direction, "{body}: {}", told(&plan));
        assert_eq!(writes(&world), vec!["ModifyVpcEndpoint"; calls], "{body}");
        assert_eq!(between(&live(&world).await, "vpcEndpointId"), id, "{body}");
        world.plan_again_nothing().await;
    }
}

/// A tag of ours is put back, and those of others are left alone.
#[tokio::test]
async fn declared_tags_are_put_back_and_others_stay() {
    let world = built(&spec()).await;
    let tags = json!([{"Key": "owner", "Value": "mallory"}, {"Key": "team", "Value": "ai"}]);
    world.attack("ec2", "CreateTags", json!({"Resources": ["${endpoint:ai/bedrock-runtime}"], "Tags": tags}));
    let plan = world.restore().await;
    assert_eq!(only(&plan, "tags.owner.value"), Direction::Neutral);
    world.plan_again_nothing().await;
    assert!(live(&world).await.contains("<value>ai</value>"));
}

/// h13. TF-aws PR#22137, PR#28798, terraform #3519, #11479: the default policy in any spelling, the order of subnets and
/// groups, options that AWS fills in, and JSON text against an object are no drift.
#[tokio::test]
async fn h13_the_default_policy_in_any_spelling_is_no_drift() {
    let open = json!({"Effect": "Allow", "Principal": "*", "Action": "*", "Resource": "*"});
    let spellings = [
        Value::Null,
        json!({ "Statement": [open] }),
        json!({ "Version": "2008-10-17", "Statement": open }),
        json!(json!({ "Version": "2012-10-17", "Statement": [open] }).to_string()),
        json!({ "Statement": [{"Effect": "Allow", "Principal": {"AWS": ["*"]}, "Action": ["*"], "Resource": ["*"]}] }),
    ];
    for one in &spellings {
        let world = built(&with("policyDocument", one.clone())).await;
        for other in spellings.iter().filter(|other| !other.is_null()) {
            let text = other.as_str().map_or_else(|| other.to_string(), str::to_owned);
            modify(&world, json!({ "PolicyDocument": text }));
            world.plan_again_nothing().await;
        }
        modify(&world, json!({ "ResetPolicy": true }));
        world.plan_again_nothing().await;
    }
}

/// h13, the other half: the emulated AWS answers subnets and groups in a random order, and members that nobody wrote.
#[tokio::test]
async fn h13_order_and_what_the_service_fills_in_are_no_drift() {
    let mut declared = spec();
    declared["groups"] = json!([{"groupId": "${security-group:others}"}, {"groupId": "${security-group:endpoints}"}]);
    declared["ipAddressType"] = json!("ipv4");
    declared["dnsOptions"] = json!({"dnsRecordIpType": "ipv4"});
    let world = built(&declared).await;
    for _ in 0..8 {
        world.plan_again_nothing().await;
    }
}

/// Domains that nobody wrote are all of them, and no request can say that there are none: an empty list vanishes in the
/// query protocol. What was narrowed is put back, and does not differ for ever.
#[tokio::test]
async fn domains_that_nobody_wrote_are_all() {
    for declared in
        [json!({"dnsRecordIpType": "ipv4"}), json!({"dnsRecordIpType": "ipv4", "privateDnsSpecifiedDomains": []})]
    {
        let world = built(&with("dnsOptions", declared)).await;
        assert!(live(&world).await.contains("<privateDnsSpecifiedDomainSet><item>*</item>"));
        modify(&world, json!({"DnsOptions": {"PrivateDnsSpecifiedDomains": ["example.com"]}}));
        let plan = world.restore().await;
        assert_eq!(paths(&plan), ["dnsOptions.privateDnsSpecifiedDomains"], "{}", told(&plan));
        world.plan_again_nothing().await;
    }
}

/// h14. TF-aws PR#37715, PR#46800, #46776, #44824: private DNS is switched on again in place; the endpoint is neither
/// deleted nor created again. Left out of a declaration, it is on in a new endpoint.
#[tokio::test]
async fn h14_private_dns_is_restored_in_place() {
    let mut silent = spec();
    silent.as_object_mut().expect("members").remove("privateDnsEnabled");
    let world = built(&silent).await;
    assert_eq!(between(&live(&world).await, "privateDnsEnabled"), "true");

    let world = world.declaring(&declared(&spec())).await;
    modify(&world, json!({ "PrivateDnsEnabled": false }));
    world.emulator.clear_calls();
    let plan = world.restore().await;
    assert_eq!(only(&plan, "privateDnsEnabled"), Direction::Weakened);
    assert_eq!(writes(&world), ["ModifyVpcEndpoint"]);
    world.plan_again_nothing().await;
}

/// h14. What private DNS needs of the VPC is looked at before the write, and only where private DNS is to be enabled.
#[tokio::test]
async fn h14_a_vpc_that_does_not_allow_private_dns_is_told() {
    let world = built(&spec()).await;
    world.plan_again_nothing().await;
    let asked =
        |world: &World| world.emulator.calls().iter().filter(|call| call.operation == "DescribeVpcAttribute").count();
    assert_eq!(asked(&world), 0);
    modify(&world, json!({ "PrivateDnsEnabled": false }));
    world.attack("ec2", "ModifyVpcAttribute", json!({"VpcId": "${vpc:ai}", "EnableDnsHostnames": {"Value": false}}));
    world.emulator.clear_calls();
    let plan = world.plan_again_no_steps().await;
    assert_eq!(refusals(&plan), [codes::PRIVATE_DNS_VPC], "{}", told(&plan));
    assert_eq!(asked(&world), 2);
    world.attack("ec2", "ModifyVpcAttribute", json!({"VpcId": "${vpc:ai}", "EnableDnsHostnames": {"Value": true}}));
    world.restore().await;
    world.plan_again_nothing().await;
}

/// A deleted endpoint is created again with another id, and what refers to it follows in the same activation, even though
/// the old one holds the private DNS name for a while.
#[tokio::test]
async fn what_refers_to_a_deleted_endpoint_follows_in_one_run() {
    let guardrail = r#"
---
kind: guardrail
name: payments
spec:
  blockedInputMessaging: "No."
  blockedOutputsMessaging: "Withheld."
  topicPolicy:
    topics:
      - {name: Path, type: DENY, definition: "Not by ${ref:vpc-endpoint/ai/bedrock-runtime.vpcEndpointId}."}
"#;
    let slow = Options { settle_reads: 6, ..Options::default() };
    let world = World::open("empty", slow, &small(&format!("{}{guardrail}", declared(&spec())))).await;
    network(&world);
    world.converge(POLICY).await.expect("within the policy");
    world.plan_again_nothing().await;
    let old = between(&live(&world).await, "vpcEndpointId").to_owned();
    ask(&world, &format!("Action=DeleteVpcEndpoints&VpcEndpointId.1={old}")).await;
    let plan = world.plan().await.plan;
    assert_eq!((plan.summary.drifted, plan.summary.waiting), (1, 1), "{}", told(&plan));
    assert!(notes(&plan).contains(&codes::ENDPOINT_STATE), "{}", told(&plan));
    world.converge(POLICY).await.expect("within the policy");
    world.plan_again_nothing().await;
    let answer = live(&world).await;
    let new = answer.split("<vpcEndpointId>").map(|item| item.split('<').next().unwrap_or_default());
    let new: Vec<&str> = new.filter(|id| id.starts_with("vpce-") && *id != old).collect();
    assert_eq!(new.len(), 1, "{answer}");
    let draft = world.direct_client().guardrail("payments", "DRAFT").await;
    assert_eq!(draft["topicPolicy"]["topics"][0]["definition"], format!("Not by {}.", new[0]));
}

/// A second VPC of the name, and a second endpoint of the service, are told by name; neither hides what is held.
#[tokio::test]
async fn a_twin_is_told_and_hides_nothing() {
    let told_of =
        |plan: &Plan| plan.gaps.iter().map(|gap| (gap.code.clone(), gap.reason.clone())).next().expect("a gap");
    let wide = policy(&["arn:aws:iam::111122223333:role/app", PRINCIPAL]);
    for is_vpc in [false, true] {
        let world = built(&spec()).await;
        modify(&world, json!({ "PolicyDocument": wide.to_string() }));
        if is_vpc {
            let tags = json!([{"ResourceType": "vpc", "Tags": [{"Key": "Name", "Value": "ai"}]}]);
            world.attack("ec2", "CreateVpc", json!({"CidrBlock": "10.1.0.0/16", "TagSpecifications": tags}));
        } else {
            let twin = json!({"VpcId": "${vpc:ai}", "ServiceName": "com.amazonaws.eu-west-1.bedrock-runtime",
                "VpcEndpointType": "Interface", "SubnetIds": ["${subnet:ai-a}"], "PrivateDnsEnabled": false});
            world.attack("ec2", "CreateVpcEndpoint", twin);
        }
        world.emulator.clear_calls();
        let plan = world.restore().await;
        assert_eq!(only(&plan, "policyDocument.Statement.Own.Principal.AWS"), Direction::Weakened);
        assert_eq!(writes(&world), ["ModifyVpcEndpoint"]);
        assert!(!live(&world).await.contains("exfiltration"));
        let plan = world.plan_again_no_steps().await;
        let (code, reason) = told_of(&plan);
        let both = if is_vpc { reason.matches("vpc-").count() } else { reason.matches("vpce-").count() };
        assert_eq!((code.as_str(), both), (codes::AMBIGUOUS, 3), "{reason}");
    }
}

/// An endpoint that is in neither of two VPCs of the name is missing, and is not made anywhere.
#[tokio::test]
async fn what_is_in_neither_of_two_vpcs_is_missing() {
    let world = World::small("empty", &declared(&spec())).await;
    network(&world);
    let tags = json!([{"ResourceType": "vpc", "Tags": [{"Key": "Name", "Value": "ai"}]}]);
    world.attack("ec2", "CreateVpc", json!({"CidrBlock": "10.1.0.0/16", "TagSpecifications": tags}));
    let plan = world.plan_again_no_steps().await;
    assert_eq!((plan.drift[0].change, refusals(&plan)), (Change::Missing, vec![codes::AMBIGUOUS]), "{}", told(&plan));
}

/// Subnets and groups are looked up in the VPC of their endpoint: a twin in another VPC takes nothing away.
#[tokio::test]
async fn a_twin_in_another_vpc_is_not_found_by_a_look_up() {
    let world = built(&spec()).await;
    let tags = |kind: &str, name: &str| json!([{"ResourceType": kind, "Tags": [{"Key": "Name", "Value": name}]}]);
    world.attack("ec2", "CreateVpc", json!({"CidrBlock": "10.1.0.0/16", "TagSpecifications": tags("vpc", "other")}));
    let subnet = json!({"VpcId": "${vpc:other}", "CidrBlock": "10.1.0.0/24", "AvailabilityZone": format!("{REGION}a"),
        "TagSpecifications": tags("subnet", "ai-a")});
    world.attack("ec2", "CreateSubnet", subnet);
    let group = json!({"VpcId": "${vpc:other}", "GroupName": "twin", "Description": "twin",
        "TagSpecifications": tags("security-group", "endpoints")});
    world.attack("ec2", "CreateSecurityGroup", group);
    world.plan_again_nothing().await;
    modify(&world, json!({"PrivateDnsEnabled": false}));
    world.restore().await;
    world.plan_again_nothing().await;
}

/// Without its VPC an endpoint is not absent but unknown: nothing is created elsewhere.
#[tokio::test]
async fn a_vpc_that_lost_its_name_is_a_gap() {
    let world = built(&spec()).await;
    let tags = json!([{"Key": "Name", "Value": "elsewhere"}]);
    world.attack("ec2", "CreateTags", json!({"Resources": ["${vpc:ai}"], "Tags": tags}));
    let plan = world.plan_again_no_steps().await;
    assert_eq!(plan.gaps[0].code, codes::NO_VPC, "{}", told(&plan));
}

/// Subnets of one zone, and what the VPC or the region does not have, are refused before any write.
#[tokio::test]
async fn what_cannot_be_created_is_refused_with_the_reason() {
    let cases = [
        (with("subnetIds", json!(["${subnet:ai-b}", "${subnet:ai-b2}"])), NAME, codes::ENDPOINT_PLACEMENT),
        (with("subnetIds", json!(["subnet-0123456789abcdef0"])), NAME, codes::ENDPOINT_PLACEMENT),
        (with("groups", json!([{"groupId": "sg-0123456789abcdef0"}])), NAME, codes::ENDPOINT_PLACEMENT),
        (spec(), "ai/bedrock-fips", codes::ENDPOINT_SERVICE),
        (json!({"privateDnsEnabled": true}), NAME, codes::CONTRADICTION),
    ];
    for (spec, name, code) in cases {
        let text = declared(&spec).replace(NAME, name);
        let world = World::small("empty", &text).await;
        network(&world);
        world.emulator.clear_calls();
        let plan = world.plan_again_no_steps().await;
        assert_eq!(refusals(&plan), [code], "{spec}: {}", told(&plan));
        assert!(writes(&world).is_empty());
    }
}

/// A read that only looks for obstacles may be denied: the create is planned all the same, and that is told.
#[tokio::test]
async fn an_obstacle_that_cannot_be_looked_for_is_told() {
    let world = World::small("empty", &declared(&spec())).await;
    network(&world);
    world.inject(vec![Fault::once(on("DescribeVpcEndpointServices"), Effect::Deny)]);
    let plan = world.restore().await;
    assert!(notes(&plan).contains(&codes::NOT_CHECKED), "{}", told(&plan));
    world.plan_again_nothing().await;
}

/// A lost answer to the create is found by name: no second endpoint.
#[tokio::test]
async fn a_lost_answer_to_the_create_makes_no_twin() {
    let world = World::small("empty", &declared(&spec())).await;
    network(&world);
    world.inject(vec![Fault::once(on("CreateVpcEndpoint"), Effect::LostResponse)]);
    world.converge(POLICY).await.expect("within the policy");
    world.plan_again_nothing().await;
    assert_eq!(live(&world).await.matches("<vpcEndpointId>").count(), 1);
}

/// A place is read with few calls, however many endpoints are declared in it, and look-ups of a place come together.
#[tokio::test]
async fn a_place_is_read_with_few_calls() {
    let services = ["bedrock", "bedrock-runtime", "bedrock-agent", "bedrock-agent-runtime", "bedrock-mantle"];
    let each = services.map(|service| declared(&spec()).replace("bedrock-runtime", service));
    let world = World::small("empty", &each.join("\n---\n")).await;
    network(&world);
    world.restore().await;
    world.emulator.clear_calls();
    world.plan_again_nothing().await;
    let calls = world.emulator.calls();
    let mut operations: Vec<&str> =
        calls.iter().filter(|call| call.service == "ec2").map(|call| &*call.operation).collect();
    operations.sort_unstable();
    // Groups are looked up by tag and by name.
    let few =
        ["DescribeSecurityGroups", "DescribeSecurityGroups", "DescribeSubnets", "DescribeVpcEndpoints", "DescribeVpcs"];
    assert_eq!(operations, few);
}

/// A look-up that finds several is a gap of the member that it stands in, and names them.
#[tokio::test]
async fn a_look_up_that_finds_several_names_them() {
    let world = built(&spec()).await;
    let tags = json!([{"Key": "Name", "Value": "ai-a"}]);
    world.attack("ec2", "CreateTags", json!({"Resources": ["${subnet:ai-c}"], "Tags": tags}));
    let plan = world.plan_again_no_steps().await;
    let found = plan.gaps.iter().find(|one| one.code == codes::UNRESOLVED_LOOKUP).expect("a gap");
    assert_eq!(found.fields, ["subnetIds"]);
    assert_eq!(found.reason.matches("subnet-0").count(), 2, "{}", found.reason);
}

/// What the service would reject, and what the request calls otherwise, is told before any call.
#[test]
fn limits_and_names_are_checked() {
    let long = "x".repeat(21_000);
    let cases = [
        (with("policyDocument", json!({"Statement": [{"Sid": long, "Effect": "Allow", "Action": "*"}]})), codes::LIMIT),
        (with("groups", json!([])), codes::LIMIT),
        (with("subnetIds", json!(["private-a"])), codes::WRONG_SHAPE),
        (with("dnsOptions", Value::Null), codes::CONTRADICTION),
        (with("securityGroupIds", json!(["sg-1"])), codes::REQUEST_SIDE_NAME),
        (with("state", json!("available")), codes::UNKNOWN_MEMBER),
        (with("ipAddressType", json!("ipv5")), codes::UNKNOWN_WORD),
    ];
    for (spec, code) in cases {
        let problems = wrong_with(&declared(&spec));
        assert!(problems.iter().any(|(found, _)| found == code), "{code}: {problems:?}");
    }
    let problems = wrong_with(&declared(&spec()).replace(NAME, "bedrock-runtime"));
    assert!(problems.iter().any(|(found, _)| found == codes::BAD_NAME), "{problems:?}");
}

/// Random specs: see [`specs`].
pub(crate) const GENERATOR: Generator = Generator { kind: "vpc-endpoint", name: "ai/bedrock", weight: 1, specs };

/// The spec of an interface endpoint.
fn specs() -> BoxedStrategy<Value> {
    let principal =
        select(vec![json!("*"), json!({"AWS": "111122223333"}), json!({"AWS": ["111122223333", "444455556666"]})]);
    let actions = subsequence(vec!["bedrock:InvokeModel", "bedrock:Converse*", "bedrock:ApplyGuardrail"], 1..=3);
    let condition = generate::maybe(select(vec![
        json!({"StringEquals": {"aws:PrincipalOrgID": "o-example"}}),
        json!({"StringEquals": {"aws:PrincipalOrgID": ["o-example"], "aws:SourceVpc": "vpc-1"}}),
    ]));
    let statement = (select(&["Own", "Other", ""][..]), principal, actions, condition).prop_map(
        |(sid, principal, actions, condition)| {
            generate::object(
                json!({"Sid": sid, "Effect": "Allow", "Principal": principal, "Action": actions, "Resource": "*",
                "Condition": condition}),
            )
        },
    );
    let policy = prop_oneof![
        3 => statement.prop_map(|statement| json!({"Version": "2012-10-17", "Statement": [statement]})),
        1 => Just(json!({"Statement": [{"Effect": "Allow", "Principal": "*", "Action": "*", "Resource": "*"}]})),
    ];
    let subnets = subsequence(vec!["subnet-1", "subnet-2", "subnet-3"], 0..=3);
    let groups = generate::elements("groupId", &["sg-1", "sg-2"], || Just(json!({})));
    let kinds = || select(&["ipv4", "dualstack"][..]);
    let dns_options = generate::maybe((kinds(), any::<bool>()).prop_map(
        |(kind, inbound)| json!({"dnsRecordIpType": kind, "privateDnsOnlyForInboundResolverEndpoint": inbound}),
    ));
    (
        policy,
        subnets,
        groups,
        proptest::option::of(any::<bool>()),
        proptest::option::of(kinds()),
        dns_options,
        generate::tags(),
    )
        .prop_map(|(policy, subnets, groups, private_dns, kind, dns_options, tags)| {
            let groups = if groups == json!([]) { json!([{"groupId": "sg-1"}]) } else { groups };
            generate::object(json!({
                "policyDocument": policy,
                "subnetIds": subnets,
                "groups": groups,
                "privateDnsEnabled": private_dns,
                "ipAddressType": kind,
                "dnsOptions": dns_options,
                "tags": tags,
            }))
        })
        .boxed()
}
