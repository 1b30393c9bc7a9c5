"""moto as a second AWS: a server that knows nothing of our emulator.

moto 5.2.5 implements GetModelInvocationLoggingConfiguration, its Put and Delete, CreateLogGroup, DescribeLogGroups,
PutRetentionPolicy, DeleteRetentionPolicy, CreateKey, CreateAlias, DescribeKey and sts, so the desired state here has an
`invocation-logging` and a `log-group`. Left out, each with moto's error as `test_what_moto_does_not_implement` sees it:

- guardrails: `The list_guardrails action has not been implemented`, and so on for every guardrail operation
- `The associate_kms_key action has not been implemented`: a log group's key is declared, and never drifts
- `The put_log_group_deletion_protection action has not been implemented`, and no read shows the member
- `The describe_account_policies action has not been implemented`
- `The list_enforced_guardrails_configuration action has not been implemented`
- `The lookup_events action has not been implemented`

And moto differs from AWS where our client has to cope: DescribeLogGroups ignores `logGroupIdentifiers`, logging that is
off is `loggingConfig: {}`, and logGroupClass is not shown.
"""

import re
import subprocess
import sys
import time
from contextlib import contextmanager

import pytest
from botocore.config import Config
from botocore.exceptions import ClientError

import world
from operations import call
from ours import DRIFT, IN_SYNC, Reconciler

ACCOUNT, REGION, GROUP, BUCKET = "123456789012", "us-east-1", "/aws/bedrock/model-invocations", "bedrock-logs"

ORGANIZATION = f"""
partition: aws
managementAccount: only
role: bedrock-reconciler
regions: [{REGION}]
accounts:
  - {{id: "{ACCOUNT}", name: only}}
"""

DECLARATIONS = f"""
kind: log-group
name: {GROUP}
where: {{accounts: all, regions: all}}
whenStronger: undo  # A group without retention keeps its events for ever, which is more than 365 days.
spec:
  retentionInDays: 365
  kmsKeyId: ${{kms:alias/bedrock-logs}}
---
kind: invocation-logging
name: default
where: {{accounts: all, regions: all}}
spec:
  cloudWatchConfig:
    logGroupName: ${{ref:log-group/{GROUP}.name}}
    roleArn: arn:${{partition}}:iam::${{account.id}}:role/bedrock-invocation-logging
  s3Config: {{bucketName: {BUCKET}, keyPrefix: invocations}}
  textDataDeliveryEnabled: true
  imageDataDeliveryEnabled: true
  embeddingDataDeliveryEnabled: true
  videoDataDeliveryEnabled: true
  audioDataDeliveryEnabled: true
"""

WANTED_LOGGING = {
    "cloudWatchConfig": {"logGroupName": GROUP, "roleArn": f"arn:aws:iam::{ACCOUNT}:role/bedrock-invocation-logging"},
    "s3Config": {"bucketName": BUCKET, "keyPrefix": "invocations"},
    **{f"{kind}DataDeliveryEnabled": True for kind in ("text", "image", "embedding", "video", "audio")},
}


class Moto:
    """A moto server and boto3 clients of it."""

    def __init__(self, log):
        self.log = log

    @classmethod
    @contextmanager
    def serving(cls, home, correction=""):
        """Serves until the block ends. `correction` is Python that is run before, where moto is wrong about AWS."""
        # Its output goes to a file: a pipe that nobody reads would stop it.
        log = home / "moto.log"
        with log.open("w") as output:
            child = subprocess.Popen(
                [sys.executable, "-u", "-c", f"{correction}\nfrom moto.server import main\nmain()", "-H", "127.0.0.1", "-p", "0"],
                env={"PATH": "/usr/bin:/bin", "HOME": str(home), "PYTHONDONTWRITEBYTECODE": "1"},
                stdout=output,
                stderr=subprocess.STDOUT,
                cwd=home,
            )
            try:
                moto = cls(log)
                moto.url = moto.wait_for(r"http://127\.0\.0\.1:\d+")
                yield moto
            finally:
                child.kill()
                child.wait()

    def wait_for(self, pattern):
        """What its output says, once it says so."""
        deadline = time.monotonic() + world.PATIENCE
        while not (found := re.search(pattern, self.log.read_text())):
            assert time.monotonic() < deadline, f"{pattern} is not in {self.log.read_text()[-2000:]}"
            time.sleep(0.05)
        return found[0]

    def client(self, service):
        return world.session().client(
            service,
            region_name=REGION,
            endpoint_url=self.url,
            aws_access_key_id="testing",
            aws_secret_access_key="secret",
            config=Config(retries={"total_max_attempts": 1}),
        )


@pytest.fixture
def moto(tmp_path):
    """With a key behind an alias, two log groups and a bucket; the second group is there to be left alone."""
    with Moto.serving(tmp_path) as moto:
        kms, logs = moto.client("kms"), moto.client("logs")
        moto.key = kms.create_key(Description="logs")["KeyMetadata"]["Arn"]
        kms.create_alias(AliasName="alias/bedrock-logs", TargetKeyId=moto.key)
        logs.create_log_group(logGroupName=GROUP, kmsKeyId=moto.key)
        logs.create_log_group(logGroupName=GROUP + "-of-others")
        moto.client("s3").create_bucket(Bucket=BUCKET)
        yield moto


@pytest.fixture
def run(moto, tmp_path):
    desired = tmp_path / "desired"
    desired.mkdir()
    (desired / "organization.yaml").write_text(ORGANIZATION)
    (desired / "logging.yaml").write_text(DECLARATIONS)
    return Reconciler(tmp_path, moto.url, desired=desired, account="testing", simulates=False)


def groups(moto):
    return {row["logGroupName"]: row for row in moto.client("logs").describe_log_groups()["logGroups"]}


def logging(moto):
    return moto.client("bedrock").get_model_invocation_logging_configuration()["loggingConfig"]


def assert_as_declared(moto, run):
    row = groups(moto)[GROUP]
    assert (row["retentionInDays"], row["kmsKeyId"]) == (365, moto.key)
    assert logging(moto) == WANTED_LOGGING
    assert "retentionInDays" not in groups(moto)[GROUP + "-of-others"]
    planned = run.plan()
    assert planned.exit == IN_SYNC, str(planned)
    assert planned.json["summary"]["in_sync"] == 2


def test_a_fresh_account_is_brought_to_the_declaration(moto, run):
    """Retention is missing and logging is off."""
    planned = run.plan()
    assert planned.exit == DRIFT, str(planned)
    assert len(planned.json["drift"]) == 2
    done = run.enforce()
    assert done.exit == IN_SYNC, str(done)
    assert_as_declared(moto, run)


def shorten_retention(moto):
    moto.client("logs").put_retention_policy(logGroupName=GROUP, retentionInDays=7)


def delete_the_group(moto):
    moto.client("logs").delete_log_group(logGroupName=GROUP)


def turn_logging_off(moto):
    moto.client("bedrock").delete_model_invocation_logging_configuration()


def stop_text(moto):
    moto.client("bedrock").put_model_invocation_logging_configuration(
        loggingConfig={**WANTED_LOGGING, "textDataDeliveryEnabled": False})


def drop_a_destination(moto):
    only = {name: item for name, item in WANTED_LOGGING.items() if name != "cloudWatchConfig"}
    moto.client("bedrock").put_model_invocation_logging_configuration(loggingConfig=only)


@pytest.mark.parametrize(
    "make_drift", [shorten_retention, delete_the_group, turn_logging_off, stop_text, drop_a_destination],
    ids=lambda drift: drift.__name__)
def test_drift_is_restored(moto, run, make_drift):
    assert run.enforce().exit == IN_SYNC
    make_drift(moto)
    planned = run.plan()
    assert planned.exit == DRIFT, str(planned)
    done = run.enforce()
    assert done.exit == IN_SYNC, str(done)
    assert_as_declared(moto, run)


NOT_IMPLEMENTED = [
    ("bedrock", "ListGuardrails", {}),
    ("bedrock", "GetGuardrail", {"guardrailIdentifier": "abc"}),
    ("bedrock", "ListEnforcedGuardrailsConfiguration", {}),
    ("logs", "AssociateKmsKey", {"logGroupName": GROUP, "kmsKeyId": f"arn:aws:kms:{REGION}:{ACCOUNT}:key/x"}),
    ("logs", "DisassociateKmsKey", {"logGroupName": GROUP}),
    ("logs", "PutLogGroupDeletionProtection", {"logGroupIdentifier": GROUP, "deletionProtectionEnabled": True}),
    ("logs", "DescribeAccountPolicies", {"policyType": "RETENTION_POLICY"}),
    ("cloudtrail", "LookupEvents", {}),
]


@pytest.mark.parametrize("service,operation,arguments", NOT_IMPLEMENTED, ids=lambda value: value if isinstance(value, str) else "")
def test_what_moto_does_not_implement(moto, service, operation, arguments):
    """Once this fails, moto has learnt it, and the desired state above can have it."""
    client = moto.client(service)
    with pytest.raises(ClientError) as refusal:
        call(client, operation, arguments)
    assert refusal.value.response["ResponseMetadata"]["HTTPStatusCode"] == 500
    method = next(method for method, name in client.meta.method_to_api_mapping.items() if name == operation)
    # moto answers first and writes the traceback afterwards.
    moto.wait_for(f"NotImplementedError: The {method} action has not been implemented")


def test_who_cannot_be_asked_about_permissions_is_restored_all_the_same(moto, run):
    """moto answers SimulatePrincipalPolicy with 500: that is told, and stands in nobody's way."""
    run.unasked = []
    shorten_retention(moto)
    done = run.enforce()
    assert done.exit == IN_SYNC, str(done)
    assert "BRX1068" in done.stderr and "could not check the role's permissions" in done.stderr, str(done)
    assert_as_declared(moto, run)


def test_moto_ignores_the_identifiers_of_log_groups(moto):
    """So our client's own filter by name is what keeps the other group out of its sight."""
    rows = moto.client("logs").describe_log_groups(logGroupIdentifiers=[GROUP])["logGroups"]
    assert len(rows) == 2
