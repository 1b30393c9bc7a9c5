"""The strict reading of botocore's models notices what botocore itself lets through."""

import json

import pytest

import model

GET = ("bedrock", "GetGuardrail")
GOOD = {
    "name": "baseline", "guardrailId": "abc123", "guardrailArn": "arn:aws:bedrock:us-east-1:222233334444:guardrail/abc123",
    "version": "DRAFT", "status": "READY", "createdAt": "2026-01-01T00:00:00.000000Z", "updatedAt": "2026-01-01T00:00:00Z",
    "blockedInputMessaging": "No.", "blockedOutputsMessaging": "No.",
    "wordPolicy": {"words": [], "managedWordLists": [{"type": "PROFANITY"}]},
}


def judged(operation, answer, status=None):
    operation = model.operation_model(*operation)
    status = status or operation.http.get("responseCode", 200)
    return model.answer_complaints(operation, status, json.dumps(answer).encode())


def test_a_good_answer():
    assert judged(GET, GOOD) == []


@pytest.mark.parametrize("change,complaint", [
    ({"status": "FINE"}, "/status: 'FINE' is not in the enum"),
    ({"name": 7}, "/name: 7 is no string"),
    ({"name": "no spaces"}, "/name: 'no spaces' does not match"),
    ({"name": "x" * 51}, "/name: 51 is above the maximum 50"),
    ({"createdAt": 1767225600}, "/createdAt: 1767225600 is no ISO 8601 instant"),
    ({"shape": 1}, "/shape: the model has no such member"),
    ({"wordPolicy": {"managedWordLists": [{"type": "PROFANITY", "new": 1}]}}, "/wordPolicy/managedWordLists/0/new: the model has no such member"),
    ({"wordPolicy": []}, "/wordPolicy: [] is no structure"),
    ({"contentPolicy": {"filters": [{"type": "HATE", "inputStrength": "HIGH"}]}}, "/contentPolicy/filters/0/outputStrength: required and not there"),
    ({"contentPolicy": {"filters": [{"type": "HATE", "inputStrength": "HIGH", "outputStrength": "HIGH", "inputEnabled": "true"}]}}, "/contentPolicy/filters/0/inputEnabled: 'true' is no boolean"),
])
def test_a_bad_answer(change, complaint):
    (found,) = judged(GET, {**GOOD, **change})
    assert found.startswith(complaint)


def test_a_missing_member_and_a_wrong_status():
    missing = {name: item for name, item in GOOD.items() if name != "guardrailId"}
    assert judged(GET, missing) == ["/guardrailId: required and not there"]
    assert judged(GET, GOOD, status=202) == ["HTTP status 202: the model says 200"]


def test_milliseconds_where_seconds_belong():
    key = {"KeyMetadata": {"KeyId": "x", "CreationDate": 1767225600000}}
    (found,) = judged(("kms", "DescribeKey"), key)
    assert found.startswith("/KeyMetadata/CreationDate: 1767225600000 is no instant")


@pytest.mark.parametrize("operation,status,code,good", [
    (GET, 404, "ResourceNotFoundException", True),
    (GET, 400, "ResourceNotFoundException", False),
    (GET, 400, "ConflictException", False),  # Not of a read.
    (("bedrock", "CreateGuardrail"), 400, "ConflictException", True),
    (("bedrock", "CreateGuardrail"), 409, "ConflictException", False),
    (("bedrock", "CreateGuardrail"), 402, "ServiceQuotaExceededException", False),
    (("logs", "DescribeLogGroups"), 429, "ThrottlingException", False),
    (("sts", "AssumeRole"), 403, "AccessDenied", True),
])
def test_error_codes(operation, status, code, good):
    assert (model.error_code_complaints(model.operation_model(*operation), status, code) == []) == good


def test_requests():
    operation = model.operation_model("bedrock", "UpdateGuardrail")
    good = {"guardrailIdentifier": "abc", "name": "x", "blockedInputMessaging": "No.", "blockedOutputsMessaging": "No."}
    assert model.request_complaints(operation, good) == []
    assert model.request_complaints(operation, {**good, "description": ""})
    assert model.request_complaints(operation, {**good, "contentPolicy": {}})
    strength = {"type": "HATE", "inputStrength": "MAXIMAL", "outputStrength": "HIGH"}
    assert model.request_complaints(operation, {**good, "contentPolicyConfig": {"filtersConfig": [strength]}})
    del good["name"]
    assert model.request_complaints(operation, good)


def test_an_xml_answer_is_held_against_its_shape():
    operation = model.operation_model("ec2", "DescribeVpcs")
    body = "<DescribeVpcsResponse><requestId>1</requestId><vpcSet><item>{}</item></vpcSet></DescribeVpcsResponse>"
    complaints = lambda item: model.answer_complaints(operation, 200, body.format(item).encode())
    assert complaints("<vpcId>vpc-1</vpcId><isDefault>true</isDefault><state>available</state>") == []
    assert complaints("<VpcId>vpc-1</VpcId>") == ["/vpcSet/0/VpcId: the model has no such member"]
    assert len(complaints("<state>there</state>")) == 1
    policy = model.operation_model("s3", "GetBucketEncryption")
    assert model.answer_complaints(policy, 200, b"<ServerSideEncryptionConfiguration/>") == ["/Rules: required and not there"]
