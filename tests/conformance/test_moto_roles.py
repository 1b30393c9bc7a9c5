"""moto as a second AWS for roles: boto3 makes the drift and reads the restore back.

moto 5.2.5 implements every operation that the kind `iam-role` needs. It differs from AWS where a test must know it: a trust
policy is kept as it was written, principals are not looked up, and a deleted principal does not become its id.
"""

import json

import pytest

from ours import DRIFT, IN_SYNC, Reconciler
from test_moto import ACCOUNT, ORGANIZATION, Moto

ROLE = "bedrock-invocation-logging"
OWN, EXTRA = f"arn:aws:iam::{ACCOUNT}:policy/usual", f"arn:aws:iam::{ACCOUNT}:policy/extra"
BOUNDARY = f"arn:aws:iam::{ACCOUNT}:policy/boundary"
ALLOW_ALL = {"Version": "2012-10-17", "Statement": [{"Effect": "Allow", "Action": "*", "Resource": "*"}]}
DENY_ALL = {"Version": "2012-10-17", "Statement": [{"Effect": "Deny", "Action": "*", "Resource": "*"}]}

TRUST = {"Version": "2012-10-17", "Statement": [{
    "Effect": "Allow", "Principal": {"Service": "bedrock.amazonaws.com"}, "Action": "sts:AssumeRole",
    "Condition": {
        "StringEquals": {"aws:SourceAccount": ACCOUNT},
        "ArnLike": {"aws:SourceArn": f"arn:aws:bedrock:*:{ACCOUNT}:*"}}}]}
WRITE = {"Version": "2012-10-17", "Statement": [{
    "Effect": "Allow", "Action": ["logs:CreateLogStream", "logs:PutLogEvents"],
    "Resource": f"arn:aws:logs:*:{ACCOUNT}:log-group:/aws/bedrock/*:log-stream:aws/bedrock/modelinvocations"}]}

DECLARATION = {"kind": "iam-role", "name": ROLE, "spec": {
    "path": "/", "description": "Delivers invocation logs.", "maxSessionDuration": 3600,
    "assumeRolePolicyDocument": TRUST,
    "permissionsBoundary": {"permissionsBoundaryArn": BOUNDARY},
    "rolePolicyList": [
        {"policyName": "write", "policyDocument": WRITE},
        {"policyName": "of-the-platform", "ownedElsewhere": True}],
    "attachedManagedPolicies": [{"policyArn": OWN}],
    "tags": [{"key": "owner", "value": "security"}]}}


@pytest.fixture
def iam(tmp_path):
    with Moto.serving(tmp_path) as moto:
        client = moto.client("iam")
        for arn in (OWN, EXTRA, BOUNDARY):
            client.create_policy(PolicyName=arn.rsplit("/")[-1], PolicyDocument=json.dumps(WRITE))
        client.endpoint = moto.url
        yield client


@pytest.fixture
def run(iam, tmp_path):
    desired = tmp_path / "desired"
    desired.mkdir()
    (desired / "organization.yaml").write_text(ORGANIZATION)
    (desired / "role.yaml").write_text(json.dumps(DECLARATION))
    return Reconciler(tmp_path, iam.endpoint, desired=desired, account="testing", simulates=False)


def single(value):
    """Lists of one as their element, at every level: what IAM does not tell apart."""
    if isinstance(value, list):
        items = sorted(map(single, value), key=json.dumps)
        return items[0] if len(items) == 1 else items
    return {name: single(member) for name, member in value.items()} if isinstance(value, dict) else value


def assert_as_declared(iam, run):
    role = iam.get_role(RoleName=ROLE)["Role"]
    assert single(role["AssumeRolePolicyDocument"]) == single(TRUST)
    assert (role["MaxSessionDuration"], role["Description"]) == (3600, "Delivers invocation logs.")
    assert role["PermissionsBoundary"]["PermissionsBoundaryArn"] == BOUNDARY
    assert {"Key": "owner", "Value": "security"} in role["Tags"]
    names = iam.list_role_policies(RoleName=ROLE)["PolicyNames"]
    assert "write" in names and set(names) <= {"write", "of-the-platform"}
    assert single(iam.get_role_policy(RoleName=ROLE, PolicyName="write")["PolicyDocument"]) == single(WRITE)
    attached = iam.list_attached_role_policies(RoleName=ROLE)["AttachedPolicies"]
    assert [policy["PolicyArn"] for policy in attached] == [OWN]
    planned = run.plan()
    assert planned.exit == IN_SYNC, str(planned)


def test_a_missing_role_is_created(iam, run):
    assert run.plan().exit == DRIFT
    done = run.enforce()
    assert done.exit == IN_SYNC, str(done)
    assert_as_declared(iam, run)


def open_the_trust(iam):
    trust = json.loads(json.dumps(TRUST))
    del trust["Statement"][0]["Condition"]["StringEquals"]
    iam.update_assume_role_policy(RoleName=ROLE, PolicyDocument=json.dumps(trust))


def trust_everybody(iam):
    trust = {"Version": "2012-10-17", "Statement": [{"Effect": "Allow", "Principal": "*", "Action": "sts:AssumeRole"}]}
    iam.update_assume_role_policy(RoleName=ROLE, PolicyDocument=json.dumps(trust))


def widen_the_policy(iam):
    iam.put_role_policy(RoleName=ROLE, PolicyName="write", PolicyDocument=json.dumps(ALLOW_ALL))


def add_a_policy(iam):
    iam.put_role_policy(RoleName=ROLE, PolicyName="more", PolicyDocument=json.dumps(ALLOW_ALL))


def add_a_denial(iam):
    iam.put_role_policy(RoleName=ROLE, PolicyName="no", PolicyDocument=json.dumps(DENY_ALL))


def delete_the_policy(iam):
    iam.delete_role_policy(RoleName=ROLE, PolicyName="write")


def attach_another(iam):
    iam.attach_role_policy(RoleName=ROLE, PolicyArn=EXTRA)
    iam.detach_role_policy(RoleName=ROLE, PolicyArn=OWN)


def remove_the_boundary(iam):
    iam.delete_role_permissions_boundary(RoleName=ROLE)


def lengthen_sessions(iam):
    iam.update_role(RoleName=ROLE, MaxSessionDuration=43200, Description="Mine.")


def take_the_tag(iam):
    iam.untag_role(RoleName=ROLE, TagKeys=["owner"])


def delete_the_role(iam):
    iam.delete_role_policy(RoleName=ROLE, PolicyName="write")
    iam.detach_role_policy(RoleName=ROLE, PolicyArn=OWN)
    iam.delete_role(RoleName=ROLE)


@pytest.mark.parametrize(
    "make_drift",
    [open_the_trust, trust_everybody, widen_the_policy, add_a_policy, add_a_denial, delete_the_policy, attach_another,
     remove_the_boundary, lengthen_sessions, take_the_tag, delete_the_role],
    ids=lambda drift: drift.__name__)
def test_drift_is_restored(iam, run, make_drift):
    assert run.enforce().exit == IN_SYNC
    make_drift(iam)
    planned = run.plan()
    assert planned.exit == DRIFT, str(planned)
    done = run.enforce()
    assert done.exit == IN_SYNC, str(done)
    assert_as_declared(iam, run)


def test_what_others_own_stays(iam, run):
    assert run.enforce().exit == IN_SYNC
    iam.put_role_policy(RoleName=ROLE, PolicyName="of-the-platform", PolicyDocument=json.dumps(ALLOW_ALL))
    iam.tag_role(RoleName=ROLE, Tags=[{"Key": "cost-center", "Value": "7"}])
    assert run.plan().exit == IN_SYNC
    add_a_policy(iam)
    done = run.enforce()
    assert done.exit == IN_SYNC, str(done)
    assert "of-the-platform" in iam.list_role_policies(RoleName=ROLE)["PolicyNames"]
    assert {"Key": "cost-center", "Value": "7"} in iam.get_role(RoleName=ROLE)["Role"]["Tags"]
    assert_as_declared(iam, run)
