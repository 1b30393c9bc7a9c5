"""Our own client, judged by botocore and by boto3.

The reconciler speaks to the emulator through AWS_ENDPOINT_URL, as to any endpoint. The write requests are taken from
the emulator's call log and held against botocore's input shapes; what they did is read back with boto3.
"""

import pytest

import model
from ours import CANONICAL, DRIFT, GAPS, IN_SYNC, INVALID, REFUSED, Reconciler
from world import GROUP, MANAGEMENT, PROD, STAGING

REGIONS = ("us-east-1", "eu-west-1")
ACCOUNTS = (MANAGEMENT, PROD, STAGING)

# Which writes a scenario needs; without them the judgement would be about nothing.
NEEDED = {
    "drifted": {
        "UpdateGuardrail", "CreateGuardrail", "CreateGuardrailVersion", "PutModelInvocationLoggingConfiguration",
        "PutRetentionPolicy", "PutLogGroupDeletionProtection", "AssociateKmsKey",
    },
    "bare": {
        "CreateGuardrail", "CreateGuardrailVersion", "PutModelInvocationLoggingConfiguration", "CreateLogGroup",
        "PutRetentionPolicy",
    },
}


@pytest.fixture
def reconcile(tmp_path):
    return lambda emulator, **more: Reconciler(tmp_path, emulator.url, **more)


def snapshot(emulator):
    """All that the desired state is about, read with boto3; lists in an order, and without instants and ids."""
    seen = {}
    for account in ACCOUNTS:
        for region in REGIONS:
            bedrock = emulator.client("bedrock", account, region)
            for row in bedrock.list_guardrails()["guardrails"]:
                guardrail = bedrock.get_guardrail(guardrailIdentifier=row["id"])
                for owned in ("guardrailId", "guardrailArn", "createdAt", "updatedAt", "status", "ResponseMetadata"):
                    guardrail.pop(owned, None)
                # Text is the documented default, and our client writes it out.
                for row_filter in guardrail.get("contentPolicy", {}).get("filters", []):
                    row_filter.setdefault("inputModalities", ["TEXT"])
                    row_filter.setdefault("outputModalities", ["TEXT"])
                tags = bedrock.list_tags_for_resource(resourceARN=row["arn"])["tags"]
                seen[account, region, "guardrail", row["name"]] = in_order({**guardrail, "tags": tags})
            logging = bedrock.get_model_invocation_logging_configuration().get("loggingConfig")
            seen[account, region, "logging"] = logging
            for group in emulator.client("logs", account, region).describe_log_groups()["logGroups"]:
                # When it was made, and what was logged since, cannot be restored.
                for lost in ("creationTime", "storedBytes"):
                    group.pop(lost)
                seen[account, region, "log-group", group["logGroupName"]] = group
    return seen


def in_order(value):
    if isinstance(value, dict):
        return {name: in_order(item) for name, item in value.items()}
    if isinstance(value, list):
        return sorted((in_order(item) for item in value), key=repr)
    return value


@pytest.mark.parametrize("scenario", NEEDED)
def test_every_write_of_ours_is_valid_by_botocore(serve, reconcile, scenario):
    """From drifted, and from nothing, to exactly what `in-sync` is: with valid requests only, and then nothing to do."""
    emulator, wanted = serve(scenario), snapshot(serve("in-sync"))
    run = reconcile(emulator)
    done = run.enforce("--max-changes", "100")
    assert done.exit == IN_SYNC, str(done)

    writes = emulator.writes()
    assert NEEDED[scenario] <= {write["operation"] for write in writes}
    complaints = [
        f"{write['operation']} in {write['account']}/{write['region']}: {complaint}"
        for write in writes
        for complaint in model.request_complaints(
            model.operation_model(write["service"], write["operation"]), write["body"])
    ]
    assert not complaints, "\n".join(complaints)
    assert {write["error_code"] for write in writes} == {None}

    assert snapshot(emulator) == wanted
    emulator.forget_calls()
    again = run.enforce()
    assert again.exit == IN_SYNC, str(again)
    assert emulator.writes() == []


def test_a_plan_writes_nothing(serve, reconcile):
    emulator = serve("drifted")
    before = snapshot(emulator)
    emulator.forget_calls()
    planned = reconcile(emulator).plan()
    assert planned.exit == DRIFT, str(planned)
    assert emulator.calls() and emulator.writes() == []
    assert snapshot(emulator) == before


def test_what_is_in_sync_is_called_so(emulator, reconcile):
    planned = reconcile(emulator).plan()
    assert planned.exit == IN_SYNC, str(planned)
    summary = planned.json["summary"]
    assert summary["addresses"] == summary["in_sync"] >= 20
    assert (summary["drifted"], summary["gaps"], summary["refused"]) == (0, 0, 0)
    assert planned.json["drift"] == [] and planned.json["steps"] == []


def weaken_a_filter(emulator):
    """Everything else of the guardrail is sent back as it was read."""
    bedrock = emulator.client("bedrock", PROD)
    guardrail = next(row["id"] for row in bedrock.list_guardrails()["guardrails"] if row["name"] == "baseline")
    read = bedrock.get_guardrail(guardrailIdentifier=guardrail)
    filters = read["contentPolicy"]["filters"]
    next(row for row in filters if row["type"] == "HATE")["inputStrength"] = "LOW"
    bedrock.update_guardrail(
        guardrailIdentifier=guardrail,
        name=read["name"],
        description=read["description"],
        blockedInputMessaging=read["blockedInputMessaging"],
        blockedOutputsMessaging=read["blockedOutputsMessaging"],
        kmsKeyId=read["kmsKeyArn"],
        contentPolicyConfig={"filtersConfig": filters, "tierConfig": read["contentPolicy"]["tier"]},
        wordPolicyConfig={"managedWordListsConfig": read["wordPolicy"]["managedWordLists"]},
        sensitiveInformationPolicyConfig={"piiEntitiesConfig": read["sensitiveInformationPolicy"]["piiEntities"]},
        contextualGroundingPolicyConfig={"filtersConfig": read["contextualGroundingPolicy"]["filters"]},
    )
    return "prod/us-east-1/guardrail/baseline"


def wipe_a_guardrail(emulator):
    """The console's classic: an update with the required members only."""
    bedrock = emulator.client("bedrock", STAGING, "eu-west-1")
    (row,) = bedrock.list_guardrails()["guardrails"]
    bedrock.update_guardrail(
        guardrailIdentifier=row["id"], name="baseline", blockedInputMessaging="No.", blockedOutputsMessaging="No.",
        wordPolicyConfig={"managedWordListsConfig": [{"type": "PROFANITY"}]})
    return "staging/eu-west-1/guardrail/baseline"


def delete_a_guardrail(emulator):
    bedrock = emulator.client("bedrock", MANAGEMENT)
    (row,) = bedrock.list_guardrails()["guardrails"]
    bedrock.delete_guardrail(guardrailIdentifier=row["id"])
    return "management/us-east-1/guardrail/baseline"


def turn_logging_off(emulator):
    emulator.client("bedrock", STAGING).delete_model_invocation_logging_configuration()
    return "staging/us-east-1/invocation-logging/default"


def drop_a_destination(emulator):
    bedrock = emulator.client("bedrock", PROD)
    config = bedrock.get_model_invocation_logging_configuration()["loggingConfig"]
    del config["cloudWatchConfig"]
    bedrock.put_model_invocation_logging_configuration(loggingConfig=config)
    return "prod/us-east-1/invocation-logging/default"


def shorten_retention(emulator):
    emulator.client("logs", PROD, "eu-west-1").put_retention_policy(logGroupName=GROUP, retentionInDays=1)
    return f"prod/eu-west-1/log-group/{GROUP}"


def take_the_key_away(emulator):
    emulator.client("logs", STAGING, "eu-west-1").disassociate_kms_key(logGroupName=GROUP)
    return f"staging/eu-west-1/log-group/{GROUP}"


def delete_a_log_group(emulator):
    logs = emulator.client("logs", MANAGEMENT, "eu-west-1")
    logs.put_log_group_deletion_protection(logGroupIdentifier=GROUP, deletionProtectionEnabled=False)
    logs.delete_log_group(logGroupName=GROUP)
    return f"management/eu-west-1/log-group/{GROUP}"


DRIFTS = [
    weaken_a_filter, wipe_a_guardrail, delete_a_guardrail, turn_logging_off, drop_a_destination, shorten_retention,
    take_the_key_away, delete_a_log_group,
]


@pytest.mark.parametrize("make_drift", DRIFTS, ids=lambda drift: drift.__name__)
def test_boto3_makes_drift_and_reads_the_restore_back(emulator, reconcile, make_drift):
    """One address drifts by the hand of another client; that one and no other is restored, to the last member."""
    before = snapshot(emulator)
    address = make_drift(emulator)
    assert snapshot(emulator) != before
    run = reconcile(emulator)

    planned = run.plan()
    assert planned.exit == DRIFT, str(planned)
    assert [drift["address"] for drift in planned.json["drift"]] == [address]

    done = run.enforce()
    assert done.exit == IN_SYNC, str(done)
    assert snapshot(emulator) == before
    assert run.plan().exit == IN_SYNC


def test_a_read_that_is_denied_is_a_gap_and_nothing_is_written(emulator, reconcile):
    emulator.fault("Deny", times="forever", operation="DescribeLogGroups", account=PROD)
    planned = reconcile(emulator).plan()
    assert planned.exit == GAPS, str(planned)
    assert planned.json["gaps"] and planned.json["steps"] == []
    assert emulator.writes() == []


def test_no_more_than_the_cap_is_changed(serve, reconcile):
    emulator = serve("bare")
    done = reconcile(emulator).enforce("--max-changes", "3")
    assert done.exit == REFUSED, str(done)
    # The most severe go first: three guardrails, each with its version.
    assert 0 < len(emulator.writes()) <= 6


def test_an_invalid_declaration_stops_before_the_first_call(emulator, reconcile, tmp_path):
    desired = tmp_path / "desired"
    desired.mkdir()
    (desired / "organization.yaml").write_text((CANONICAL / "organization.yaml").read_text())
    (desired / "bad.yaml").write_text("kind: log-group\nname: x\nwhere: {accounts: all, regions: all}\nspec: {retention: 7}\n")
    done = reconcile(emulator, desired=desired).plan()
    assert done.exit == INVALID, str(done)
    assert emulator.calls() == []
