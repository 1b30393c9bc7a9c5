"""boto3 meets what is peculiar to the XML services: encoded documents, redirections, states, partial failures."""

import json

import pytest
from botocore.exceptions import ClientError

from operations import BUCKET, IDENTITY, INLINE, MANAGED, ROLE, TRUST, call
from world import PROD, REGION, STAGING, error_of

WEST = "eu-west-1"


def test_botocore_decodes_the_documents_of_iam(emulator):
    iam = emulator.client("iam")
    for _, name, arguments in (ROLE, INLINE, MANAGED):
        call(iam, name, arguments)
    assert iam.get_role(RoleName="app")["Role"]["AssumeRolePolicyDocument"] == json.loads(TRUST)
    assert iam.get_role_policy(RoleName="app", PolicyName="invoke")["PolicyDocument"] == json.loads(IDENTITY)
    pages = iam.get_paginator("get_account_authorization_details").paginate(PaginationConfig={"PageSize": 1})
    (role,) = [role for page in pages for role in page["RoleDetailList"] if role["RoleName"] == "app"]
    assert role["RolePolicyList"] == [{"PolicyName": "invoke", "PolicyDocument": json.loads(IDENTITY)}]


def test_errors_of_iam_are_those_of_the_model(emulator):
    iam = emulator.client("iam")
    call(iam, ROLE[1], ROLE[2])
    with pytest.raises(iam.exceptions.EntityAlreadyExistsException):
        call(iam, ROLE[1], ROLE[2])
    with pytest.raises(iam.exceptions.NoSuchEntityException):
        iam.get_role(RoleName="none")
    with pytest.raises(iam.exceptions.MalformedPolicyDocumentException):
        iam.update_assume_role_policy(RoleName="app", PolicyDocument="{}")


def test_a_bucket_of_another_region_is_a_redirection_that_boto3_follows(emulator):
    emulator.client("s3", region=WEST).create_bucket(
        Bucket="west-of-referee", CreateBucketConfiguration={"LocationConstraint": WEST})
    emulator.forget_calls()
    east = emulator.client("s3")
    assert east.get_bucket_ownership_controls(Bucket="west-of-referee")["OwnershipControls"]["Rules"]
    assert [(seen["region"], seen["status"]) for seen in emulator.calls()] == [(REGION, 301), (WEST, 200)]
    assert east.get_bucket_location(Bucket="west-of-referee")["LocationConstraint"] == WEST


def test_a_foreign_bucket_is_forbidden_and_no_bucket_is_missing(emulator):
    call(emulator.client("s3"), BUCKET[1], BUCKET[2])
    other = emulator.client("s3", account=STAGING)
    assert error_of(other.head_bucket, Bucket="logs-of-referee") == ("403", 403)
    assert error_of(other.head_bucket, Bucket="none-of-referee") == ("404", 404)
    with pytest.raises(other.exceptions.BucketAlreadyExists):
        other.create_bucket(Bucket="logs-of-referee")
    mine = emulator.client("s3").get_public_access_block(Bucket="logs-of-referee", ExpectedBucketOwner=PROD)
    assert set(mine["PublicAccessBlockConfiguration"].values()) == {True}


def test_the_location_of_a_bucket_in_us_east_1_is_nothing(emulator):
    s3 = emulator.client("s3")
    call(s3, BUCKET[1], BUCKET[2])
    assert s3.get_bucket_location(Bucket="logs-of-referee")["LocationConstraint"] is None


def test_an_endpoint_that_cannot_be_deleted_is_in_a_success(emulator):
    ec2 = emulator.client("ec2")
    (failed,) = ec2.delete_vpc_endpoints(VpcEndpointIds=["vpce-00000000000000000"])["Unsuccessful"]
    assert failed["Error"]["Code"] == "InvalidVpcEndpointId.NotFound"
    with pytest.raises(ClientError, match="DryRunOperation"):
        ec2.create_vpc(CidrBlock="10.0.0.0/16", DryRun=True)


def test_bedrock_writes_into_the_policy_of_its_log_bucket(emulator):
    s3, bedrock = emulator.client("s3"), emulator.client("bedrock")
    logging = bedrock.get_model_invocation_logging_configuration()["loggingConfig"]
    bucket = logging["s3Config"]["bucketName"]
    s3.delete_bucket_policy(Bucket=bucket)
    assert error_of(s3.get_bucket_policy, Bucket=bucket) == ("NoSuchBucketPolicy", 404)
    bedrock.put_model_invocation_logging_configuration(loggingConfig=logging)
    (statement,) = json.loads(s3.get_bucket_policy(Bucket=bucket)["Policy"])["Statement"]
    assert statement["Sid"] == "AmazonBedrockLogsWrite"
    assert s3.get_bucket_policy_status(Bucket=bucket)["PolicyStatus"]["IsPublic"] is False
