"""moto as a second AWS for keys and log buckets: boto3 makes the drift and reads the restore back.

moto 5.2.5 implements the operations that the kinds `kms-key` and `log-bucket` need. It differs from AWS where a test must know
it: a new bucket has neither a public access block, nor ownership controls, nor a default encryption; and the answer to
GetBucketVersioning has another root element than in the model, which no SDK but botocore takes: that is corrected here.
"""

import json

import pytest

from ours import DRIFT, IN_SYNC, Reconciler
from test_moto import ACCOUNT, ORGANIZATION, REGION, Moto

ALIAS, BUCKET = "alias/bedrock-logs", f"bedrock-logs-{ACCOUNT}-{REGION}"

ROOT_OF_VERSIONING = """
from moto.s3.responses import S3Response
answered = S3Response.get_bucket_versioning
def corrected(self):
    status, headers, body = answered(self)
    body = body.decode() if isinstance(body, bytes) else body
    return status, headers, body.replace("GetBucketVersioningResponse", "VersioningConfiguration")
S3Response.get_bucket_versioning = corrected
"""

KEY_POLICY = {"Version": "2012-10-17", "Statement": [
    {"Sid": "Admin", "Effect": "Allow", "Principal": {"AWS": f"arn:aws:iam::{ACCOUNT}:root"}, "Action": "kms:*", "Resource": "*"},
]}
BUCKET_POLICY = {"Version": "2012-10-17", "Statement": [
    {"Sid": "Transport", "Effect": "Deny", "Principal": "*", "Action": "s3:*",
     "Resource": [f"arn:aws:s3:::{BUCKET}", f"arn:aws:s3:::{BUCKET}/*"],
     "Condition": {"Bool": {"aws:SecureTransport": "false"}}},
]}
OF_BEDROCK = {
    "Sid": "AmazonBedrockLogsWrite", "Effect": "Allow", "Principal": {"Service": "bedrock.amazonaws.com"}, "Action": "s3:PutObject",
    "Resource": f"arn:aws:s3:::{BUCKET}/AWSLogs/{ACCOUNT}/BedrockModelInvocationLogs/*",
    "Condition": {"StringEquals": {"aws:SourceAccount": ACCOUNT}, "ArnLike": {"aws:SourceArn": f"arn:aws:bedrock:{REGION}:{ACCOUNT}:*"}}}

DECLARATIONS = f"""
kind: kms-key
name: {ALIAS}
spec:
  description: Model invocation logs
  enabled: true
  keyRotationEnabled: true
  policy: {json.dumps(KEY_POLICY)}
  tags: [{{key: owner, value: security}}]
  createWhenMissing: true
---
kind: log-bucket
name: bedrock-logs-${{account.id}}-${{region}}
spec:
  publicAccessBlockConfiguration: {{blockPublicAcls: true, ignorePublicAcls: true, blockPublicPolicy: true, restrictPublicBuckets: true}}
  serverSideEncryptionConfiguration:
    rules:
      - applyServerSideEncryptionByDefault: {{sseAlgorithm: "aws:kms", kmsMasterKeyID: "${{ref:kms-key/{ALIAS}.arn}}"}}
        bucketKeyEnabled: true
  ownershipControls: {{rules: [{{objectOwnership: BucketOwnerEnforced}}]}}
  policy: {json.dumps(BUCKET_POLICY)}
  lifecycleConfiguration:
    rules:
      - {{id: keep, status: Enabled, expiration: {{days: 400}}, transitions: [{{days: 90, storageClass: GLACIER}}]}}
  versioningConfiguration: {{status: Enabled}}
  tags: [{{key: owner, value: security}}]
  createWhenMissing: true
"""


@pytest.fixture
def moto(tmp_path):
    with Moto.serving(tmp_path, ROOT_OF_VERSIONING) as moto:
        yield moto


@pytest.fixture
def run(moto, tmp_path):
    desired = tmp_path / "desired"
    desired.mkdir()
    (desired / "organization.yaml").write_text(ORGANIZATION)
    (desired / "keys-and-buckets.yaml").write_text(DECLARATIONS)
    return Reconciler(tmp_path, moto.url, desired=desired, account="testing", simulates=False)


def assert_as_declared(moto, run):
    kms, s3 = moto.client("kms"), moto.client("s3")
    key = kms.describe_key(KeyId=ALIAS)["KeyMetadata"]
    assert (key["KeyState"], key["Description"]) == ("Enabled", "Model invocation logs")
    assert kms.get_key_rotation_status(KeyId=key["KeyId"])["KeyRotationEnabled"] is True
    assert json.loads(kms.get_key_policy(KeyId=key["KeyId"], PolicyName="default")["Policy"])["Statement"][0]["Sid"] == "Admin"
    assert {"TagKey": "owner", "TagValue": "security"} in kms.list_resource_tags(KeyId=key["KeyId"])["Tags"]
    block = s3.get_public_access_block(Bucket=BUCKET)["PublicAccessBlockConfiguration"]
    assert all(block.values()) and len(block) == 4
    (rule,) = s3.get_bucket_encryption(Bucket=BUCKET)["ServerSideEncryptionConfiguration"]["Rules"]
    assert rule["ApplyServerSideEncryptionByDefault"] == {"SSEAlgorithm": "aws:kms", "KMSMasterKeyID": key["Arn"]}
    (rule,) = s3.get_bucket_ownership_controls(Bucket=BUCKET)["OwnershipControls"]["Rules"]
    assert rule == {"ObjectOwnership": "BucketOwnerEnforced"}
    statements = json.loads(s3.get_bucket_policy(Bucket=BUCKET)["Policy"])["Statement"]
    assert "Transport" in [statement["Sid"] for statement in statements]
    (rule,) = s3.get_bucket_lifecycle_configuration(Bucket=BUCKET)["Rules"]
    assert (rule["ID"], rule["Expiration"]["Days"], rule["Transitions"]) == ("keep", 400, [{"Days": 90, "StorageClass": "GLACIER"}])
    assert s3.get_bucket_versioning(Bucket=BUCKET)["Status"] == "Enabled"
    assert {"Key": "owner", "Value": "security"} in s3.get_bucket_tagging(Bucket=BUCKET)["TagSet"]
    planned = run.plan()
    assert planned.exit == IN_SYNC, str(planned)


def test_what_may_be_created_is_created_in_order(moto, run):
    """The key first, for the bucket refers to it; a second run finds nothing to do, and no second key."""
    assert run.plan().exit == DRIFT
    done = run.enforce()
    assert done.exit == IN_SYNC, str(done)
    assert_as_declared(moto, run)
    assert len(moto.client("kms").list_keys()["Keys"]) == 1


def of_kms(operation, **arguments):
    def drift(moto):
        kms = moto.client("kms")
        getattr(kms, operation)(KeyId=kms.describe_key(KeyId=ALIAS)["KeyMetadata"]["KeyId"], **arguments)
    return pytest.param(drift, id=operation)


def of_s3(operation, name=None, **arguments):
    return pytest.param(lambda moto: getattr(moto.client("s3"), operation)(Bucket=BUCKET, **arguments), id=name or operation)


@pytest.mark.parametrize("make_drift", [
    of_kms("disable_key"),
    of_kms("disable_key_rotation"),
    of_kms("schedule_key_deletion", PendingWindowInDays=7),
    of_kms("update_key_description", Description="mine"),
    of_kms("put_key_policy", PolicyName="default", Policy=json.dumps({"Version": "2012-10-17", "Statement": [
        {"Sid": "Admin", "Effect": "Allow", "Principal": {"AWS": "*"}, "Action": "kms:*", "Resource": "*"}]})),
    of_s3("delete_public_access_block"),
    of_s3("delete_bucket_encryption"),
    of_s3("put_bucket_encryption", ServerSideEncryptionConfiguration={
        "Rules": [{"ApplyServerSideEncryptionByDefault": {"SSEAlgorithm": "AES256"}}]}),
    of_s3("put_bucket_ownership_controls", OwnershipControls={"Rules": [{"ObjectOwnership": "ObjectWriter"}]}),
    of_s3("delete_bucket_policy"),
    of_s3("put_bucket_lifecycle_configuration", LifecycleConfiguration={
        "Rules": [{"ID": "keep", "Status": "Enabled", "Filter": {"Prefix": ""}, "Expiration": {"Days": 1}}]}),
    of_s3("put_bucket_versioning", VersioningConfiguration={"Status": "Suspended"}),
    of_s3("delete_bucket_tagging"),
])
def test_drift_is_restored(moto, run, make_drift):
    done = run.enforce()
    assert done.exit == IN_SYNC, str(done)
    make_drift(moto)
    planned = run.plan()
    assert planned.exit == DRIFT, str(planned)
    done = run.enforce()
    assert done.exit == IN_SYNC, str(done)
    assert_as_declared(moto, run)


def test_what_bedrock_and_others_add_stays(moto, run):
    done = run.enforce()
    assert done.exit == IN_SYNC, str(done)
    s3 = moto.client("s3")
    s3.put_bucket_policy(Bucket=BUCKET, Policy=json.dumps({**BUCKET_POLICY, "Statement": [OF_BEDROCK, *BUCKET_POLICY["Statement"]]}))
    assert run.plan().exit == IN_SYNC, "what Bedrock adds is no drift"
    s3.put_bucket_policy(Bucket=BUCKET, Policy=json.dumps({**BUCKET_POLICY, "Statement": [OF_BEDROCK]}))
    s3.put_bucket_tagging(Bucket=BUCKET, Tagging={"TagSet": [{"Key": "cost-center", "Value": "7"}]})
    done = run.enforce()
    assert done.exit == IN_SYNC, str(done)
    statements = json.loads(s3.get_bucket_policy(Bucket=BUCKET)["Policy"])["Statement"]
    assert OF_BEDROCK["Sid"] in [statement["Sid"] for statement in statements]
    assert {"Key": "cost-center", "Value": "7"} in s3.get_bucket_tagging(Bucket=BUCKET)["TagSet"]
    assert_as_declared(moto, run)
