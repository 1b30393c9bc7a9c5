//! VPC endpoints (kinds/vpc_endpoint/README.md, Defaults): defaults, states that settle late, private DNS, partial failures.

use reconciler_emulator::{Effect, Emulator, Fault, Match, Options, Script};
use serde_json::json;

use crate::clients::{Client, TestResult};
use crate::forms::Xml;

type Outcome<T> = Result<T, Box<dyn std::error::Error>>;

const RUNTIME: &str = "com.amazonaws.us-east-1.bedrock-runtime";

/// A VPC in which private DNS is possible, with subnets in two zones.
struct Network {
    client: Client,
    vpc: String,
    subnets: Vec<String>,
}

impl Network {
    async fn new() -> Outcome<Self> {
        let client = Client::calm();
        let vpc = client.form("ec2", "CreateVpc", &[("CidrBlock", "10.0.0.0/16")]).await?.first("vpcId");
        let on = [("VpcId", vpc.as_str()), ("EnableDnsHostnames.Value", "true")];
        assert_eq!(client.form("ec2", "ModifyVpcAttribute", &on).await?.first("return"), "true");
        let mut subnets = Vec::new();
        for (cidr, zone) in [("10.0.0.0/24", "us-east-1a"), ("10.0.1.0/24", "us-east-1b")] {
            let members = [("VpcId", vpc.as_str()), ("CidrBlock", cidr), ("AvailabilityZone", zone)];
            subnets.push(client.form("ec2", "CreateSubnet", &members).await?.first("subnetId"));
        }
        Ok(Self { client, vpc, subnets })
    }

    async fn create(&self, more: &[(&str, &str)]) -> Outcome<Xml> {
        let mut members = vec![("VpcId", self.vpc.as_str()), ("ServiceName", RUNTIME)];
        members.extend(more);
        self.client.form("ec2", "CreateVpcEndpoint", &members).await
    }

    async fn interface(&self) -> Outcome<String> {
        let made = self.create(&[("VpcEndpointType", "Interface"), ("SubnetId.1", &self.subnets[0])]).await?;
        assert_eq!(made.status, 200, "{made:?}");
        Ok(made.first("vpcEndpointId"))
    }

    async fn describe(&self, members: &[(&str, &str)]) -> Outcome<Xml> {
        self.client.form("ec2", "DescribeVpcEndpoints", members).await
    }

    async fn available(&self) -> Outcome<String> {
        let id = self.interface().await?;
        for _ in 0..3 {
            self.describe(&[]).await?;
        }
        Ok(id)
    }
}

#[tokio::test]
async fn an_endpoint_is_a_gateway_unless_the_request_says_interface() -> TestResult {
    let network = Network::new().await?;
    let made = network.create(&[]).await?;
    assert_eq!(made.error(), (400, "InvalidParameter".to_owned()));
    assert!(made.first("Message").contains("Endpoint type (Gateway) does not match"));
    let s3 = [("VpcId", network.vpc.as_str()), ("ServiceName", "com.amazonaws.us-east-1.s3")];
    let made = network.client.form("ec2", "CreateVpcEndpoint", &s3).await?;
    assert_eq!(made.first("vpcEndpointType"), "Gateway");
    let none = [("VpcId", network.vpc.as_str()), ("ServiceName", "com.amazonaws.us-east-1.none")];
    assert_eq!(network.client.form("ec2", "CreateVpcEndpoint", &none).await?.error().1, "InvalidServiceName");
    Ok(())
}

#[tokio::test]
async fn defaults_are_read_back_as_if_they_had_been_written() -> TestResult {
    let network = Network::new().await?;
    network.interface().await?;
    let read = network.describe(&[]).await?;
    assert_eq!(read.first("state"), "pending", "lower case, whatever the model says");
    assert_eq!(read.first("privateDnsEnabled"), "true");
    assert_eq!((read.first("ipAddressType"), read.first("dnsRecordIpType")), ("ipv4".to_owned(), "ipv4".to_owned()));
    assert_eq!(read.first("privateDnsPreference"), "VERIFIED_DOMAINS_ONLY");
    assert_eq!(read.first("serviceRegion"), "us-east-1");
    assert_eq!(read.first("groupName"), "default");
    let policy: serde_json::Value = serde_json::from_str(&read.first("policyDocument"))?;
    let allow_all = json!({"Statement": [{"Action": "*", "Effect": "Allow", "Principal": "*", "Resource": "*"}]});
    assert_eq!(policy, allow_all);
    Ok(())
}

#[tokio::test]
async fn private_dns_is_what_the_options_say_when_the_request_does_not() -> TestResult {
    let emulator = Emulator::new(Options { private_dns_default: false, ..Options::default() });
    let network = Network { client: Client::new(&emulator), ..Network::new().await? };
    let vpc = network.client.form("ec2", "CreateVpc", &[("CidrBlock", "10.0.0.0/16")]).await?.first("vpcId");
    let network = Network { vpc, ..network };
    let made = network.create(&[("VpcEndpointType", "Interface")]).await?;
    assert_eq!(made.first("privateDnsEnabled"), "false");
    Ok(())
}

#[tokio::test]
async fn a_new_endpoint_is_pending_for_some_reads() -> TestResult {
    let network = Network::new().await?;
    network.interface().await?;
    let mut states = Vec::new();
    for _ in 0..4 {
        states.push(network.describe(&[]).await?.first("state"));
    }
    assert_eq!(states, ["pending", "pending", "available", "available"]);
    Ok(())
}

/// The hazard of delete and create: the old endpoint holds the private DNS name until it is gone.
#[tokio::test]
async fn a_deleted_endpoint_is_seen_for_a_while_and_holds_its_name() -> TestResult {
    let network = Network::new().await?;
    let id = network.available().await?;
    let deleted = network.client.form("ec2", "DeleteVpcEndpoints", &[("VpcEndpointId.1", &id)]).await?;
    assert_eq!((deleted.status, deleted.all("resourceId").len()), (200, 0));
    let again = network.create(&[("VpcEndpointType", "Interface")]).await?;
    assert_eq!(again.error(), (400, "InvalidParameter".to_owned()));
    assert!(again.first("Message").starts_with(
        "private-dns-enabled cannot be set because there is already a conflicting DNS domain for bedrock-runtime."
    ));
    let mut states = Vec::new();
    for _ in 0..5 {
        states.push(network.describe(&[]).await?.first("state"));
    }
    assert_eq!(states, ["deleting", "deleting", "deleted", "deleted", ""]);
    assert_eq!(network.create(&[("VpcEndpointType", "Interface")]).await?.status, 200);
    Ok(())
}

#[tokio::test]
async fn a_deletion_that_fails_is_a_success() -> TestResult {
    let network = Network::new().await?;
    let id = network.available().await?;
    let ids = [("VpcEndpointId.1", "vpce-0000000000000000"), ("VpcEndpointId.2", id.as_str())];
    let deleted = network.client.form("ec2", "DeleteVpcEndpoints", &ids).await?;
    assert_eq!(deleted.status, 200);
    assert_eq!(deleted.all("resourceId"), ["vpce-0000000000000000"]);
    assert_eq!(deleted.first("code"), "InvalidVpcEndpointId.NotFound");
    assert_eq!(network.describe(&[]).await?.first("state"), "deleting");
    Ok(())
}

#[tokio::test]
async fn a_modification_changes_only_what_it_names_and_keeps_the_policy_as_it_is_written() -> TestResult {
    let network = Network::new().await?;
    let id = network.available().await?;
    let policy = "{ \"Version\":\"2012-10-17\",\n\"Statement\" : [] }";
    let modify = |more: Vec<(&'static str, String)>| {
        let (client, id) = (network.client.clone(), id.clone());
        async move {
            let mut members = vec![("VpcEndpointId", id.as_str())];
            members.extend(more.iter().map(|(name, value)| (*name, value.as_str())));
            client.form("ec2", "ModifyVpcEndpoint", &members).await
        }
    };
    modify(vec![("PolicyDocument", policy.to_owned())]).await?;
    let read = network.describe(&[]).await?;
    assert_eq!(read.first("policyDocument"), policy);
    assert_eq!(read.first("privateDnsEnabled"), "true");
    modify(vec![("AddSubnetId.1", network.subnets[1].clone()), ("PrivateDnsEnabled", "false".to_owned())]).await?;
    let read = network.describe(&[]).await?;
    assert_eq!(
        read.tree["DescribeVpcEndpointsResponse"]["vpcEndpointSet"]["item"]["subnetIdSet"]["item"]
            .as_array()
            .map(Vec::len),
        Some(2)
    );
    assert_eq!((read.first("policyDocument").as_str(), read.first("privateDnsEnabled").as_str()), (policy, "false"));
    modify(vec![("ResetPolicy", "true".to_owned())]).await?;
    assert!(network.describe(&[]).await?.first("policyDocument").contains("\"Principal\": \"*\""));
    let bad = modify(vec![("PolicyDocument", "{}".to_owned())]).await?;
    assert_eq!(bad.error(), (400, "InvalidPolicyDocument".to_owned()));
    let none = network.client.form("ec2", "ModifyVpcEndpoint", &[("VpcEndpointId", "vpce-1")]).await?;
    assert_eq!(none.error(), (400, "InvalidVpcEndpointId.NotFound".to_owned()));
    Ok(())
}

#[tokio::test]
async fn private_dns_needs_the_attributes_of_the_vpc_and_subnets_different_zones() -> TestResult {
    let network = Network::new().await?;
    let off = [("VpcId", network.vpc.as_str()), ("EnableDnsSupport.Value", "false")];
    network.client.form("ec2", "ModifyVpcAttribute", &off).await?;
    let refused = network.create(&[("VpcEndpointType", "Interface")]).await?;
    assert!(refused.first("Message").contains("requires both enableDnsSupport and enableDnsHostnames"));
    let ask = [("VpcId", network.vpc.as_str()), ("Attribute", "enableDnsSupport")];
    assert_eq!(network.client.form("ec2", "DescribeVpcAttribute", &ask).await?.first("value"), "false");
    let both =
        [("VpcId", network.vpc.as_str()), ("EnableDnsSupport.Value", "true"), ("EnableDnsHostnames.Value", "true")];
    assert_eq!(network.client.form("ec2", "ModifyVpcAttribute", &both).await?.error().1, "InvalidParameterCombination");
    let third = [("VpcId", network.vpc.as_str()), ("CidrBlock", "10.0.2.0/24"), ("AvailabilityZone", "us-east-1a")];
    let third = network.client.form("ec2", "CreateSubnet", &third).await?.first("subnetId");
    let same_zone = [
        ("VpcEndpointType", "Interface"),
        ("PrivateDnsEnabled", "false"),
        ("SubnetId.1", network.subnets[0].as_str()),
        ("SubnetId.2", third.as_str()),
    ];
    assert_eq!(network.create(&same_zone).await?.error().1, "DuplicateSubnetsInSameZone");
    let none = [("VpcEndpointType", "Interface"), ("SubnetId.1", "subnet-1")];
    assert_eq!(network.create(&none).await?.error().1, "InvalidSubnetID.NotFound");
    Ok(())
}

#[tokio::test]
async fn a_client_token_makes_one_endpoint() -> TestResult {
    let network = Network::new().await?;
    let members = [("VpcEndpointType", "Interface"), ("ClientToken", "t-1"), ("PrivateDnsEnabled", "false")];
    let first = network.create(&members).await?;
    let second = network.create(&members).await?;
    assert_eq!(first.first("vpcEndpointId"), second.first("vpcEndpointId"));
    assert_eq!(second.first("clientToken"), "t-1");
    assert_eq!(network.describe(&[]).await?.all("vpcEndpointId").len(), 1);
    let other = network.create(&[("VpcEndpointType", "Interface"), ("ClientToken", "t-1")]).await?;
    assert_eq!(other.error().1, "IdempotentParameterMismatch");
    Ok(())
}

#[tokio::test]
async fn filters_and_pages_find_every_endpoint_once_in_any_order() -> TestResult {
    let network = Network::new().await?;
    for number in 0..12 {
        let token = format!("t-{number}");
        let name = format!("n-{number}");
        network
            .create(&[
                ("VpcEndpointType", "Interface"),
                ("PrivateDnsEnabled", "false"),
                ("ClientToken", &token),
                ("TagSpecification.1.ResourceType", "vpc-endpoint"),
                ("TagSpecification.1.Tag.1.Key", "Name"),
                ("TagSpecification.1.Tag.1.Value", &name),
            ])
            .await?;
    }
    let mut seen = Vec::new();
    let mut token = String::new();
    loop {
        let mut ask = vec![("MaxResults", "5")];
        if !token.is_empty() {
            ask.push(("NextToken", &token));
        }
        let page = network.describe(&ask).await?;
        seen.extend(page.all("vpcEndpointId"));
        token = page.first("nextToken");
        if token.is_empty() {
            break;
        }
    }
    let mut sorted = seen.clone();
    sorted.sort_unstable();
    sorted.dedup();
    assert_eq!((seen.len(), sorted.len()), (12, 12));
    assert_ne!(seen, sorted, "the order is random");
    let named = [
        ("Filter.1.Name", "tag:Name"),
        ("Filter.1.Value.1", "n-7"),
        ("Filter.2.Name", "service-name"),
        ("Filter.2.Value.1", "*bedrock-runtime"),
    ];
    assert_eq!(network.describe(&named).await?.all("vpcEndpointId").len(), 1);
    let none = [("Filter.1.Name", "vpc-endpoint-state"), ("Filter.1.Value.1", "deleted")];
    assert_eq!(network.describe(&none).await?.all("vpcEndpointId").len(), 0);
    let unknown = [("Filter.1.Name", "none"), ("Filter.1.Value.1", "a")];
    assert_eq!(network.describe(&unknown).await?.error(), (400, "InvalidParameterValue".to_owned()));
    Ok(())
}

#[tokio::test]
async fn cloudtrail_nests_the_requests_about_endpoints() -> TestResult {
    let network = Network::new().await?;
    let id = network.available().await?;
    network.client.form("ec2", "ModifyVpcEndpoint", &[("VpcEndpointId", &id), ("ResetPolicy", "true")]).await?;
    network
        .client
        .form("ec2", "DeleteVpcEndpoints", &[("VpcEndpointId.1", &id), ("VpcEndpointId.2", "vpce-1")])
        .await?;
    network.client.form("ec2", "DeleteVpcEndpoints", &[("VpcEndpointId.1", &id)]).await?;
    let created = network.client.records("CreateVpcEndpoint").await?;
    let request = &created[0]["requestParameters"]["CreateVpcEndpointRequest"];
    assert_eq!((&request["ServiceName"], &request["VpcId"]), (&json!(RUNTIME), &json!(network.vpc)));
    assert_eq!(request["SubnetId"], json!({"tag": 1, "content": network.subnets[0]}));
    let modified = network.client.records("ModifyVpcEndpoint").await?;
    assert_eq!(modified[0]["requestParameters"]["ModifyVpcEndpointRequest"]["VpcEndpointId"], json!(id));
    let deleted = network.client.records("DeleteVpcEndpoints").await?;
    let content =
        |record: &serde_json::Value| record["requestParameters"]["DeleteVpcEndpointsRequest"]["VpcEndpointId"].clone();
    assert_eq!(content(&deleted[0]), json!({"tag": 1, "content": id}));
    assert_eq!(content(&deleted[1])[1]["content"], json!("vpce-1"));
    Ok(())
}

#[tokio::test]
async fn rules_of_a_security_group_are_added_and_taken_away_one_by_one() -> TestResult {
    let network = Network::new().await?;
    let members = [("GroupName", "endpoints"), ("GroupDescription", "e"), ("VpcId", network.vpc.as_str())];
    let group = network.client.form("ec2", "CreateSecurityGroup", &members).await?.first("groupId");
    let rule = [
        ("GroupId", group.as_str()),
        ("IpPermissions.1.IpProtocol", "tcp"),
        ("IpPermissions.1.FromPort", "443"),
        ("IpPermissions.1.ToPort", "443"),
        ("IpPermissions.1.IpRanges.1.CidrIp", "10.0.0.0/16"),
    ];
    assert_eq!(network.client.form("ec2", "AuthorizeSecurityGroupIngress", &rule).await?.status, 200);
    let twice = network.client.form("ec2", "AuthorizeSecurityGroupIngress", &rule).await?;
    assert_eq!(twice.error().1, "InvalidPermission.Duplicate");
    let ask = [("GroupId.1", group.as_str())];
    let read = network.client.form("ec2", "DescribeSecurityGroups", &ask).await?;
    assert_eq!((read.first("fromPort"), read.first("groupDescription")), ("443".to_owned(), "e".to_owned()));
    assert_eq!(network.client.form("ec2", "RevokeSecurityGroupIngress", &rule).await?.status, 200);
    let gone = network.client.form("ec2", "RevokeSecurityGroupIngress", &rule).await?;
    assert_eq!(gone.error().1, "InvalidPermission.NotFound");
    let dry = [("GroupId", group.as_str()), ("DryRun", "true")];
    assert_eq!(
        network.client.form("ec2", "DeleteSecurityGroup", &dry).await?.error(),
        (412, "DryRunOperation".to_owned())
    );
    Ok(())
}

/// Each service has its own words, and its own envelope, for the same refusal.
#[tokio::test]
async fn a_fault_is_told_in_the_words_of_the_service() -> TestResult {
    for (effect, expected) in [
        (Effect::Throttle, [(503, "RequestLimitExceeded"), (400, "Throttling"), (503, "SlowDown")]),
        (Effect::Deny, [(403, "UnauthorizedOperation"), (403, "AccessDenied"), (403, "AccessDenied")]),
        (Effect::Expired, [(400, "RequestExpired"), (403, "ExpiredToken"), (400, "ExpiredToken")]),
    ] {
        let client = Client::calm();
        client.emulator.inject(vec![Fault::always(Match::default(), effect)]);
        let answers = [
            client.form("ec2", "DescribeVpcs", &[]).await?,
            client.form("iam", "ListRoles", &[]).await?,
            client.s3(http::Method::GET, "/", "").await?,
        ];
        assert_eq!(answers.map(|answer| answer.error()), expected.map(|(status, code)| (status, code.to_owned())));
    }
    Ok(())
}

#[tokio::test]
async fn a_stale_read_sees_the_network_before_the_write() -> TestResult {
    let network = Network::new().await?;
    let reads = Match { service: Some("ec2".to_owned()), read_only: Some(true), ..Match::default() };
    network.client.emulator.inject(vec![Fault::always(reads, Effect::Stale { reads: 1 })]);
    network.client.form("ec2", "CreateVpc", &[("CidrBlock", "10.1.0.0/16")]).await?;
    let list = || network.client.form("ec2", "DescribeVpcs", &[]);
    assert_eq!(list().await?.all("vpcId").len(), 1);
    assert_eq!(list().await?.all("vpcId").len(), 2);
    Ok(())
}

#[tokio::test]
async fn a_script_makes_a_network_and_nothing_in_it_is_in_transition() -> TestResult {
    let emulator = Emulator::scenario("empty", Options::default())?;
    emulator.run(&Script::parse(
        "regions: [us-east-1]
steps:
  - &step
    as: arn:aws:sts::${account}:assumed-role/Deployer/terraform
    accounts: [prod]
    service: ec2
    operation: CreateVpc
    body: {CidrBlock: 10.0.0.0/16, TagSpecifications: [{ResourceType: vpc, Tags: [{Key: Name, Value: ai}]}]}
    save: {vpc: /Vpc/VpcId}
  - {<<: *step, save: {}, operation: ModifyVpcAttribute, body: {VpcId: '${vpc}', EnableDnsHostnames: {Value: true}}}
  - {<<: *step, save: {subnet: /Subnet/SubnetId}, operation: CreateSubnet, body: {VpcId: '${vpc}', CidrBlock: 10.0.0.0/24}}
  - <<: *step
    operation: CreateVpcEndpoint
    save: {endpoint: /VpcEndpoint/VpcEndpointId}
    body: {VpcId: '${vpc}', ServiceName: 'com.amazonaws.${region}.bedrock', VpcEndpointType: Interface, SubnetIds: ['${subnet}'], PrivateDnsEnabled: true}
  - {<<: *step, save: {}, operation: ModifyVpcEndpoint, body: {VpcEndpointId: '${endpoint}', PrivateDnsEnabled: false}}
",
    )?)?;
    let client = Client::new(&emulator).at("222233334444", "us-east-1");
    let read = client.form("ec2", "DescribeVpcEndpoints", &[]).await?;
    assert_eq!((read.first("state"), read.first("privateDnsEnabled")), ("available".to_owned(), "false".to_owned()));
    let tagged = [("Filter.1.Name", "tag:Name"), ("Filter.1.Value.1", "ai")];
    assert_eq!(client.form("ec2", "DescribeVpcs", &tagged).await?.all("vpcId").len(), 1);
    Ok(())
}
