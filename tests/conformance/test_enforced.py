"""The enforced guardrail and the resource policy of a guardrail: boto3 makes drift and reads the restore back.

moto has no guardrails, so the emulator stands in for AWS. botocore's models judge every write request of the reconciler.
"""

import json

import pytest

import model
from ours import DRIFT, IN_SYNC, REFUSED, Reconciler
from world import MANAGEMENT

REGION = "eu-west-1"
ORGANIZATION = f"""
partition: aws
managementAccount: management
role: bedrock-reconciler
regions: [{REGION}]
accounts: [{{id: "{MANAGEMENT}", name: management}}]
"""
DECLARATIONS = """
kind: guardrail
name: baseline-org
spec:
  blockedInputMessaging: "No."
  blockedOutputsMessaging: "No."
  contentPolicy: {filters: [{type: HATE, inputStrength: HIGH, outputStrength: HIGH}]}
---
kind: enforced-guardrail
spec:
  guardrailArn: ${ref:guardrail/baseline-org.guardrailArn}
  guardrailVersion: ${ref:guardrail/baseline-org.version}
  selectiveContentGuarding: {system: COMPREHENSIVE, messages: COMPREHENSIVE}
  modelEnforcement: {includedModels: [ALL], excludedModels: []}
  callersMayApplyGuardrail: true
---
kind: guardrail-resource-policy
name: baseline-org
spec:
  resourcePolicy:
    Version: "2012-10-17"
    Statement:
      - Sid: Organization
        Effect: Allow
        Principal: "*"
        Action: [bedrock:ApplyGuardrail, bedrock:GetGuardrail]
        Resource: ${ref:guardrail/baseline-org.guardrailArn}
        Condition: {StringEquals: {aws:PrincipalOrgID: o-exampleorgid}}
"""


@pytest.fixture
def emulator(serve):
    return serve("bare")


@pytest.fixture
def run(emulator, tmp_path):
    desired = tmp_path / "desired"
    desired.mkdir()
    (desired / "organization.yaml").write_text(ORGANIZATION)
    (desired / "declarations.yaml").write_text(DECLARATIONS)
    run = Reconciler(tmp_path, emulator.url, desired=desired)
    done = run.enforce()
    assert done.exit == IN_SYNC, str(done)
    return run


@pytest.fixture
def bedrock(emulator):
    return emulator.client("bedrock", MANAGEMENT, REGION)


def config(bedrock):
    return bedrock.list_enforced_guardrails_configuration()["guardrailsConfig"][0]


def arn(bedrock):
    rows = bedrock.list_guardrails()["guardrails"]
    return next(row["arn"] for row in rows if row["name"] == "baseline-org")


def assert_as_declared(bedrock):
    seen, wanted = config(bedrock), arn(bedrock)
    assert seen["guardrailArn"] == wanted
    assert seen["selectiveContentGuarding"] == {"system": "COMPREHENSIVE", "messages": "COMPREHENSIVE"}
    assert seen["modelEnforcement"] == {"includedModels": ["ALL"], "excludedModels": []}
    versions = bedrock.list_guardrails(guardrailIdentifier=wanted)["guardrails"]
    newest = max(int(row["version"]) for row in versions if row["version"] != "DRAFT")
    assert seen["guardrailVersion"] == str(newest)
    filters = bedrock.get_guardrail(guardrailIdentifier=wanted, guardrailVersion=str(newest))["contentPolicy"]["filters"]
    assert [one["inputStrength"] for one in filters] == ["HIGH"]
    (statement,) = json.loads(bedrock.get_resource_policy(resourceArn=wanted)["resourcePolicy"])["Statement"]
    assert statement["Resource"] == wanted
    assert sorted(statement["Action"]) == ["bedrock:ApplyGuardrail", "bedrock:GetGuardrail"]


def look_at_tagged_text_only(bedrock):
    seen = config(bedrock)
    bedrock.put_enforced_guardrail_configuration(configId=seen["configId"], guardrailInferenceConfig={
        "guardrailIdentifier": seen["guardrailId"], "guardrailVersion": seen["guardrailVersion"],
        "selectiveContentGuarding": {"system": "SELECTIVE", "messages": "SELECTIVE"}})


def leave_a_model_out(bedrock):
    seen = config(bedrock)
    bedrock.put_enforced_guardrail_configuration(configId=seen["configId"], guardrailInferenceConfig={
        "guardrailIdentifier": seen["guardrailId"], "guardrailVersion": seen["guardrailVersion"],
        "modelEnforcement": {"includedModels": ["ALL"], "excludedModels": ["amazon.nova-lite-v1:0"]}})


def delete_the_configuration(bedrock):
    bedrock.delete_enforced_guardrail_configuration(configId=config(bedrock)["configId"])


def publish_a_weak_version(bedrock):
    guardrail = arn(bedrock)
    bedrock.update_guardrail(
        guardrailIdentifier=guardrail, name="baseline-org", blockedInputMessaging="No.", blockedOutputsMessaging="No.",
        contentPolicyConfig={"filtersConfig": [{"type": "HATE", "inputStrength": "LOW", "outputStrength": "LOW"}]})
    while bedrock.get_guardrail(guardrailIdentifier=guardrail)["status"] != "READY":
        pass
    bedrock.create_guardrail_version(guardrailIdentifier=guardrail)


def take_the_grant_away(bedrock):
    bedrock.delete_resource_policy(resourceArn=arn(bedrock))


@pytest.mark.parametrize(
    "make_drift",
    [look_at_tagged_text_only, leave_a_model_out, delete_the_configuration, publish_a_weak_version, take_the_grant_away],
    ids=lambda drift: drift.__name__)
def test_drift_is_restored(emulator, run, bedrock, make_drift):
    make_drift(bedrock)
    emulator.forget_calls()
    planned = run.plan()
    assert planned.exit == DRIFT, str(planned)
    done = run.enforce()
    assert done.exit == IN_SYNC, str(done)
    complaints = [
        f"{write['operation']}: {complaint}"
        for write in emulator.writes()
        for complaint in model.request_complaints(
            model.operation_model(write["service"], write["operation"]), write["body"])
    ]
    assert not complaints, "\n".join(complaints)
    assert_as_declared(bedrock)
    emulator.forget_calls()
    assert run.enforce().exit == IN_SYNC
    assert emulator.writes() == []


def test_a_guardrail_that_cannot_be_enforced_is_refused(emulator, run, bedrock):
    text = DECLARATIONS.replace("${ref:guardrail/baseline-org.version}", "'7'")
    (run.desired / "declarations.yaml").write_text(text)
    before = config(bedrock)
    emulator.forget_calls()
    done = run.enforce()
    assert done.exit == REFUSED, str(done)
    assert emulator.writes() == [] and config(bedrock) == before
