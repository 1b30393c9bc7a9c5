"""An account that somebody made by hand is adopted, and nothing in it changes.

moto stands in for AWS: boto3 makes a key, log groups, roles, buckets, a trail and invocation logging, and lists all of it before
and after `init`, `adopt`, `plan` and `enforce`. moto 5.2.5 has no guardrails, so those are made in the emulator, by boto3 too.
"""

import json
import time

import pytest

import world
from ours import GAPS, IN_SYNC, REFUSED, Reconciler
from test_moto import ACCOUNT, BUCKET, GROUP, REGION, WANTED_LOGGING, Moto
from test_moto_keys_and_buckets import BUCKET_POLICY, KEY_POLICY, ROOT_OF_VERSIONING
from test_moto_roles import TRUST, WRITE

TRAIL, ROLE = "by-hand", "bedrock-invocation-logging"


@pytest.fixture
def moto(tmp_path):
    with Moto.serving(tmp_path, ROOT_OF_VERSIONING) as moto:
        kms, logs, s3, iam = (moto.client(name) for name in ("kms", "logs", "s3", "iam"))
        key = kms.create_key(Description="logs", Policy=json.dumps(KEY_POLICY))["KeyMetadata"]["Arn"]
        kms.create_alias(AliasName="alias/logs", TargetKeyId=key)
        for group in (GROUP, "/app/web"):
            logs.create_log_group(logGroupName=group)
        logs.put_retention_policy(logGroupName=GROUP, retentionInDays=30)
        for bucket in (BUCKET, "trail-of-all", "photos"):
            s3.create_bucket(Bucket=bucket)
        s3.put_bucket_encryption(Bucket=BUCKET, ServerSideEncryptionConfiguration={"Rules": [
            {"ApplyServerSideEncryptionByDefault": {"SSEAlgorithm": "aws:kms", "KMSMasterKeyID": key}}]})
        s3.put_bucket_policy(Bucket="trail-of-all", Policy=json.dumps(BUCKET_POLICY).replace(
            json.dumps(BUCKET_POLICY["Statement"][0]["Resource"]), '["arn:aws:s3:::trail-of-all", "arn:aws:s3:::trail-of-all/*"]'))
        for role, trust in ((ROLE, TRUST), ("web", json.loads(json.dumps(TRUST).replace("bedrock.amazonaws", "ec2.amazonaws")))):
            iam.create_role(RoleName=role, AssumeRolePolicyDocument=json.dumps(trust), Tags=[{"Key": "team", "Value": "a"}])
            iam.put_role_policy(RoleName=role, PolicyName="write", PolicyDocument=json.dumps(WRITE))
        trail = moto.client("cloudtrail")
        trail.create_trail(Name=TRAIL, S3BucketName="trail-of-all", IsMultiRegionTrail=True)
        trail.start_logging(Name=TRAIL)
        moto.client("bedrock").put_model_invocation_logging_configuration(loggingConfig=WANTED_LOGGING)
        yield moto


@pytest.fixture
def run(moto, tmp_path):
    return Reconciler(tmp_path, moto.url, desired=tmp_path / "desired", account="testing", simulates=False)


def account(moto):
    """All that boto3 says of what is there."""
    kms, logs, s3, iam, trail = (moto.client(name) for name in ("kms", "logs", "s3", "iam", "cloudtrail"))
    keys = [row["KeyId"] for row in kms.list_keys()["Keys"]]
    roles = iam.list_roles()["Roles"]
    buckets = [row["Name"] for row in s3.list_buckets()["Buckets"]]
    return json.loads(json.dumps({
        "keys": [kms.describe_key(KeyId=key)["KeyMetadata"] for key in keys],
        "policies of keys": [kms.get_key_policy(KeyId=key, PolicyName="default")["Policy"] for key in keys],
        "aliases": kms.list_aliases()["Aliases"],
        "groups": logs.describe_log_groups()["logGroups"],
        "buckets": buckets,
        "versioning": [s3.get_bucket_versioning(Bucket=bucket).get("Status") for bucket in buckets],
        "encryption": s3.get_bucket_encryption(Bucket=BUCKET)["ServerSideEncryptionConfiguration"],
        "policy": s3.get_bucket_policy(Bucket="trail-of-all")["Policy"],
        "roles": roles,
        "inline": [iam.get_role_policy(RoleName=role["RoleName"], PolicyName="write")["PolicyDocument"] for role in roles],
        "trail": trail.get_trail(Name=TRAIL)["Trail"],
        "selectors": {name: rows for name, rows in trail.get_event_selectors(TrailName=TRAIL).items() if name != "ResponseMetadata"},
        "logs": trail.get_trail_status(Name=TRAIL)["IsLogging"],
        "logging": moto.client("bedrock").get_model_invocation_logging_configuration()["loggingConfig"],
    }, default=str))


def test_an_account_made_by_hand_is_adopted(moto, run):
    before = account(moto)
    begun = run("init", "--region", REGION)
    assert begun.exit == IN_SYNC, str(begun)
    adopted = run("adopt")
    # moto has no guardrails and no enforcement: what cannot be read is a gap, and keeps nothing else from being taken.
    assert adopted.exit == GAPS, str(adopted)
    files = {path.stem for path in run.desired.glob("*.yaml")}
    assert files >= {"organization", "invocation-logging", "log-group", "log-bucket", "iam-role", "kms-key", "trail"}, str(adopted)
    text = "".join(path.read_text() for path in run.desired.glob("*.yaml"))
    assert GROUP in text and ROLE in text and "alias/logs" in text, text
    # What could not be read is not said to be missing.
    assert "aws-genai-02 Content filters and sensitive information  1 resource, and not all" in adopted.stdout or \
        "?    aws-genai-02" in adopted.stdout, str(adopted)
    # Nothing refers to these, so no control is about them.
    assert all(other not in text for other in ("/app/web", "photos", "name: web")), text
    assert "pins.lock" in {path.name for path in run.desired.iterdir()}
    assert run.plan().json["summary"]["drifted"] == 0, str(run.plan())
    planned = run("plan")
    assert planned.exit == IN_SYNC, str(planned)
    held = run.enforce()
    assert held.exit == IN_SYNC, str(held)
    assert run("plan").exit == IN_SYNC
    assert account(moto) == before
    # Adopted once, it is passed by; and no file is overwritten.
    kept = {path: path.read_bytes() for path in run.desired.iterdir()}
    assert run("init", "--region", REGION).exit == REFUSED
    again = run("--output", "json", "adopt")
    assert again.json["files"] == [], str(again)
    assert {path: path.read_bytes() for path in run.desired.iterdir()} == kept


def test_what_changes_after_the_adoption_is_put_back(moto, run):
    assert run("init", "--region", REGION).exit == IN_SYNC
    run("adopt")
    moto.client("logs").put_retention_policy(logGroupName=GROUP, retentionInDays=1)
    moto.client("logs").put_retention_policy(logGroupName="/app/web", retentionInDays=1)
    held = run.enforce()
    assert held.exit == IN_SYNC, str(held)
    rows = {row["logGroupName"]: row["retentionInDays"] for row in moto.client("logs").describe_log_groups()["logGroups"]}
    assert rows == {GROUP: 30, "/app/web": 1}


def settled(bedrock, guardrail):
    """What GetGuardrail says once nothing is under way."""
    deadline = time.monotonic() + world.PATIENCE
    while (answer := bedrock.get_guardrail(guardrailIdentifier=guardrail))["status"] != "READY":
        assert time.monotonic() < deadline, answer
    return {name: member for name, member in answer.items() if name != "ResponseMetadata"}


def test_guardrails_made_by_hand_are_adopted(serve, tmp_path):
    emulator = serve("in-sync")
    bedrock = emulator.client("bedrock", account=world.STAGING)
    made = bedrock.create_guardrail(
        name="by-hand", blockedInputMessaging="no", blockedOutputsMessaging="no",
        contentPolicyConfig={"filtersConfig": [{"type": "HATE", "inputStrength": "LOW", "outputStrength": "NONE"}]},
        tags=[{"key": "team", "value": "a"}])
    bedrock.create_guardrail_version(guardrailIdentifier=made["guardrailId"])
    run = Reconciler(tmp_path, emulator.url, desired=tmp_path / "desired", account=world.STAGING)
    before = settled(bedrock, made["guardrailId"])
    assert run("init", "--region", REGION).exit == IN_SYNC
    emulator.forget_calls()
    adopted = run("--output", "json", "adopt")
    assert adopted.exit == IN_SYNC, str(adopted)
    assert emulator.writes() == []
    # What is below the floor of a control is said, and adopted as it is.
    (filters,) = [control for control in adopted.json["controls"] if control["control"] == "aws-genai-02"]
    paths = {one["path"] for one in filters["below"] if one["address"].endswith("/guardrail/by-hand")}
    assert "contentPolicy.filters.HATE.outputStrength" in paths, filters
    planned = run("plan")
    assert planned.exit == IN_SYNC, str(planned)
    assert run.enforce().exit == IN_SYNC
    assert emulator.writes() == []
    assert settled(bedrock, made["guardrailId"]) == before
