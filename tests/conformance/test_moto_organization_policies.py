"""moto as a second AWS for organization policies: boto3 makes the drift and reads the restore back.

moto 5.2.5 implements the operations that the kind `service-control-policy` needs. It does not know the type BEDROCK_POLICY, and
it differs from AWS: to disable a policy type takes no attachment away, the last policy of a target can be detached, and to
detach what is not attached is no error. So none of these is tried here.
"""

import json

import pytest
from botocore.exceptions import ClientError

from ours import DRIFT, IN_SYNC, Reconciler
from test_moto import ORGANIZATION, Moto

SCP, NAME = "SERVICE_CONTROL_POLICY", "bedrock-guardrails"

CONTENT = {"Version": "2012-10-17", "Statement": [
    {"Sid": "RequireGuardrail", "Effect": "Deny", "Action": ["bedrock:InvokeModel", "bedrock:InvokeModelWithResponseStream"],
     "Resource": "*", "Condition": {"ArnNotLike": {"aws:PrincipalArn": ["arn:aws:iam::*:role/agent", "arn:aws:iam::*:role/ops"]}}},
    {"Sid": "TagGuardrails", "Effect": "Deny", "Action": "bedrock:CreateGuardrail", "Resource": "*",
     "Condition": {"Null": {"aws:RequestTag/cost-center": "true"}}}]}

DECLARATION = {"kind": "service-control-policy", "name": NAME, "spec": {
    "description": "Only behind the guardrail.", "content": CONTENT,
    "targets": ["Workloads", "Workloads/Production"], "tags": [{"key": "owner", "value": "security"}]}}


@pytest.fixture
def organization(tmp_path):
    with Moto.serving(tmp_path) as moto:
        client = moto.client("organizations")
        client.endpoint = moto.url
        client.create_organization(FeatureSet="ALL")
        client.root = client.list_roots()["Roots"][0]["Id"]
        client.workloads = unit(client, client.root, "Workloads")
        client.production = unit(client, client.workloads, "Production")
        unit(client, client.root, "Sandbox")
        enable(client)
        yield client


def unit(client, parent, name):
    return client.create_organizational_unit(ParentId=parent, Name=name)["OrganizationalUnit"]["Id"]


def enable(client):
    try:
        client.enable_policy_type(RootId=client.root, PolicyType=SCP)
    except ClientError as error:
        assert error.response["Error"]["Code"] == "PolicyTypeAlreadyEnabledException"


@pytest.fixture
def run(organization, tmp_path):
    desired = tmp_path / "desired"
    desired.mkdir()
    (desired / "organization.yaml").write_text(ORGANIZATION)
    (desired / "policy.yaml").write_text(json.dumps(DECLARATION))
    return Reconciler(tmp_path, organization.endpoint, desired=desired, account="testing", simulates=False)


def policy_id(organization):
    (one,) = [one["Id"] for one in organization.list_policies(Filter=SCP)["Policies"] if one["Name"] == NAME]
    return one


def statements(document):
    """The statements by name, every list in one order."""
    def same(value):
        if isinstance(value, dict):
            return {name: same(member) for name, member in value.items()}
        return sorted(value) if isinstance(value, list) and len(value) > 1 else value[0] if isinstance(value, list) else value
    return {one["Sid"]: same(one) for one in document["Statement"]}


def assert_as_declared(organization, run):
    policy = organization.describe_policy(PolicyId=policy_id(organization))["Policy"]
    assert statements(json.loads(policy["Content"])) == statements(CONTENT)
    assert policy["PolicySummary"]["Description"] == DECLARATION["spec"]["description"]
    targets = organization.list_targets_for_policy(PolicyId=policy["PolicySummary"]["Id"])["Targets"]
    assert {target["TargetId"] for target in targets} == {organization.workloads, organization.production}
    tags = organization.list_tags_for_resource(ResourceId=policy["PolicySummary"]["Id"])["Tags"]
    assert {"Key": "owner", "Value": "security"} in tags
    planned = run.plan()
    assert planned.exit == IN_SYNC, str(planned)


def test_a_missing_policy_is_created_and_attached(organization, run):
    assert run.plan().exit == DRIFT
    done = run.enforce()
    assert done.exit == IN_SYNC, str(done)
    assert_as_declared(organization, run)


def write(organization, content):
    organization.update_policy(PolicyId=policy_id(organization), Content=json.dumps(content))


def lose_a_statement(organization):
    write(organization, {**CONTENT, "Statement": CONTENT["Statement"][1:]})


def exempt_everybody(organization):
    everybody = {"ArnNotLike": {"aws:PrincipalArn": "*"}}
    write(organization, {**CONTENT, "Statement": [{**CONTENT["Statement"][0], "Condition": everybody}, CONTENT["Statement"][1]]})


def detach_from_a_unit(organization):
    organization.detach_policy(PolicyId=policy_id(organization), TargetId=organization.workloads)


def change_description_and_tags(organization):
    organization.update_policy(PolicyId=policy_id(organization), Description="nothing")
    organization.tag_resource(ResourceId=policy_id(organization), Tags=[{"Key": "owner", "Value": "mallory"}])


def delete_the_policy(organization):
    for target in [organization.workloads, organization.production]:
        organization.detach_policy(PolicyId=policy_id(organization), TargetId=target)
    organization.delete_policy(PolicyId=policy_id(organization))


@pytest.mark.parametrize(
    "make_drift",
    [lose_a_statement, exempt_everybody, detach_from_a_unit, change_description_and_tags, delete_the_policy],
    ids=lambda drift: drift.__name__)
def test_drift_is_restored(organization, run, make_drift):
    assert run.enforce().exit == IN_SYNC
    make_drift(organization)
    planned = run.plan()
    assert planned.exit == DRIFT, str(planned)
    done = run.enforce()
    assert done.exit == IN_SYNC, str(done)
    assert_as_declared(organization, run)


def test_another_spelling_is_no_drift(organization, run):
    assert run.enforce().exit == IN_SYNC
    other = {**CONTENT, "Statement": [{**one, "Resource": ["*"]} for one in reversed(CONTENT["Statement"])]}
    organization.update_policy(PolicyId=policy_id(organization), Content=json.dumps(other, indent=2))
    planned = run.plan()
    assert planned.exit == IN_SYNC, str(planned)
