"""moto as a second AWS for interface endpoints: boto3 makes the drift and reads the restore back.

moto 5.2.5 implements what the kind `vpc-endpoint` reads, and ModifyVpcEndpoint for policies, subnets and groups. It differs
from AWS where a test must know it: DescribeVpcEndpointServices fails with a filter (so that what it says stays unknown, which is
no obstacle), private DNS cannot be modified, a deleted endpoint stays listed as `deleted`, and policies
are kept as they were written.
"""

import json

import pytest

from ours import DRIFT, IN_SYNC, Reconciler
from test_moto import ACCOUNT, ORGANIZATION, REGION, Moto

SERVICE = f"com.amazonaws.{REGION}.bedrock-runtime"
OWN = f"arn:aws:iam::{ACCOUNT}:role/app"


def policy(*principals):
    return {"Version": "2012-10-17", "Statement": [{
        "Sid": "Own", "Effect": "Allow", "Principal": {"AWS": list(principals)}, "Action": "bedrock:InvokeModel",
        "Resource": "*", "Condition": {"StringEquals": {"aws:PrincipalAccount": ACCOUNT}}}]}


DECLARATION = {"kind": "vpc-endpoint", "name": "ai/bedrock-runtime", "spec": {
    "policyDocument": policy(OWN),
    "subnetIds": ["${subnet:ai-a}", "${subnet:ai-b}"],
    "groups": [{"groupId": "${security-group:endpoints}"}],
    "privateDnsEnabled": True,
    "tags": [{"key": "owner", "value": "security"}]}}


class Network:
    """A network, and what boto3 sees and changes of the endpoint in it."""

    def __init__(self, ec2, url):
        self.ec2, self.url = ec2, url
        self.vpc = ec2.create_vpc(CidrBlock="10.0.0.0/16")["Vpc"]["VpcId"]
        ec2.modify_vpc_attribute(VpcId=self.vpc, EnableDnsHostnames={"Value": True})
        self.name(self.vpc, "ai")
        self.subnets = {}
        for number, zone in enumerate("abc"):
            subnet = ec2.create_subnet(
                VpcId=self.vpc, CidrBlock=f"10.0.{number}.0/24", AvailabilityZone=f"{REGION}{zone}")["Subnet"]["SubnetId"]
            self.subnets[zone] = self.name(subnet, f"ai-{zone}")
        self.groups = {
            name: self.name(ec2.create_security_group(GroupName=name, Description=name, VpcId=self.vpc)["GroupId"], name)
            for name in ("endpoints", "others")}

    def name(self, resource, name):
        self.ec2.create_tags(Resources=[resource], Tags=[{"Key": "Name", "Value": name}])
        return resource

    def endpoint(self):
        """The one endpoint of the service that is not deleted."""
        found = self.ec2.describe_vpc_endpoints(Filters=[{"Name": "service-name", "Values": [SERVICE]}])["VpcEndpoints"]
        [endpoint] = [one for one in found if one["State"].lower() not in ("deleted", "deleting")]
        return endpoint

    def modify(self, **change):
        self.ec2.modify_vpc_endpoint(VpcEndpointId=self.endpoint()["VpcEndpointId"], **change)


@pytest.fixture
def network(tmp_path):
    with Moto.serving(tmp_path) as moto:
        yield Network(moto.client("ec2"), moto.url)


@pytest.fixture
def run(network, tmp_path):
    desired = tmp_path / "desired"
    desired.mkdir()
    (desired / "organization.yaml").write_text(ORGANIZATION)
    (desired / "endpoint.yaml").write_text(json.dumps(DECLARATION))
    # One attempt: what moto cannot answer it answers with an internal error, which would be asked again and again.
    return Reconciler(tmp_path, network.url, desired=desired, account="testing", attempts=1, simulates=False)


def assert_as_declared(network, run):
    endpoint = network.endpoint()
    statement = json.loads(endpoint["PolicyDocument"])["Statement"]
    [statement] = statement if isinstance(statement, list) else [statement]
    principals = statement["Principal"]["AWS"]
    assert ([principals] if isinstance(principals, str) else principals) == [OWN]
    assert set(endpoint["SubnetIds"]) == {network.subnets["a"], network.subnets["b"]}
    assert {group["GroupId"] for group in endpoint["Groups"]} == {network.groups["endpoints"]}
    assert (endpoint["VpcId"], endpoint["VpcEndpointType"], endpoint["PrivateDnsEnabled"]) == (network.vpc, "Interface", True)
    assert {"Key": "owner", "Value": "security"} in endpoint["Tags"]
    planned = run.plan()
    assert planned.exit == IN_SYNC, str(planned)


def restored(network, run):
    planned = run.plan()
    assert planned.exit == DRIFT, str(planned)
    done = run.enforce()
    assert done.exit == IN_SYNC, str(done)
    assert_as_declared(network, run)
    return planned


def test_a_missing_endpoint_is_created(network, run):
    restored(network, run)


def test_a_deleted_endpoint_is_created_again(network, run):
    restored(network, run)
    lost = network.endpoint()["VpcEndpointId"]
    network.ec2.delete_vpc_endpoints(VpcEndpointIds=[lost])
    restored(network, run)
    assert network.endpoint()["VpcEndpointId"] != lost


def open_to_another(network):
    network.modify(PolicyDocument=json.dumps(policy(OWN, "arn:aws:iam::444455556666:role/exfiltration")))


def open_to_everybody(network):
    anything = {"Effect": "Allow", "Principal": "*", "Action": "*", "Resource": "*"}
    network.modify(PolicyDocument=json.dumps({"Statement": [anything]}))


def lose_a_subnet(network):
    network.modify(RemoveSubnetIds=[network.subnets["b"]])


def gain_a_subnet(network):
    network.modify(AddSubnetIds=[network.subnets["c"]])


def gain_a_group(network):
    network.modify(AddSecurityGroupIds=[network.groups["others"]])


@pytest.mark.parametrize("attack", [open_to_another, open_to_everybody, lose_a_subnet, gain_a_subnet, gain_a_group])
def test_an_attack_is_put_back_in_place(network, run, attack):
    restored(network, run)
    endpoint = network.endpoint()["VpcEndpointId"]
    attack(network)
    restored(network, run)
    assert network.endpoint()["VpcEndpointId"] == endpoint
