"""The emulator's manners, good and bad, as boto3 meets them. Expectations are those of the AWS documentation.

Every client here is strict: an answer that the service model does not allow fails the test by itself.
"""

import json
import time
from datetime import datetime, timedelta, timezone

import pytest
from botocore.exceptions import EndpointConnectionError, ConnectionClosedError, ParamValidationError, ReadTimeoutError

import world
from operations import ENFORCED, HATE, LOGGING, MESSAGES, Prepared, OPERATIONS, call
from world import GROUP, MANAGEMENT, PROD, REGION, STAGING, ModelViolation, error_of


def named(bedrock, name="baseline"):
    (row,) = [row for row in bedrock.list_guardrails()["guardrails"] if row["name"] == name]
    return row["id"]


def settled(bedrock, guardrail, version="DRAFT"):
    """Reads until READY was seen twice in a row."""
    ready = 0
    for _ in range(20):
        seen = bedrock.get_guardrail(guardrailIdentifier=guardrail, guardrailVersion=version)
        ready = ready + 1 if seen["status"] == "READY" else 0
        if ready == 2:
            return seen
    raise AssertionError(f"not READY: {seen['status']}")


# Errors: the code decides, and the HTTP status is that of the service.

ERRORS = [
    ("bedrock", "get_guardrail", {"guardrailIdentifier": "nothere"}, "ResourceNotFoundException", 404),
    ("bedrock", "get_guardrail", {"guardrailIdentifier": "$guardrail", "guardrailVersion": "9"}, "ResourceNotFoundException", 404),
    ("bedrock", "update_guardrail", {"guardrailIdentifier": "nothere", "name": "x", **MESSAGES}, "ResourceNotFoundException", 404),
    ("bedrock", "create_guardrail", {"name": "baseline", **MESSAGES}, "ConflictException", 400),
    ("bedrock", "create_guardrail", {"name": "x", **MESSAGES, "kmsKeyId": "alias/nothere"}, "ValidationException", 400),
    ("bedrock", "create_guardrail", {"name": "x", **MESSAGES, "contentPolicyConfig": {"filtersConfig": [{**HATE, "type": "PROMPT_ATTACK"}]}}, "ValidationException", 400),
    ("bedrock", "create_guardrail", {"name": "x", **MESSAGES, "contentPolicyConfig": {"filtersConfig": [{**HATE, "inputStrength": "MAXIMAL"}]}}, "ValidationException", 400),
    ("bedrock", "create_guardrail", {"name": "no spaces", **MESSAGES}, "ValidationException", 400),
    ("bedrock", "list_tags_for_resource", {"resourceARN": "arn:aws:bedrock:us-east-1:222233334444:guardrail/nothere"}, "ResourceNotFoundException", 404),
    ("bedrock", "put_model_invocation_logging_configuration", {"loggingConfig": {"cloudWatchConfig": {"logGroupName": "/not/there", "roleArn": f"arn:aws:iam::{PROD}:role/bedrock-invocation-logging"}}}, "ValidationException", 400),
    ("bedrock", "delete_enforced_guardrail_configuration", {"configId": "nothere"}, "ResourceNotFoundException", 404),
    ("logs", "create_log_group", {"logGroupName": GROUP}, "ResourceAlreadyExistsException", 400),
    ("logs", "put_retention_policy", {"logGroupName": GROUP, "retentionInDays": 8}, "InvalidParameterException", 400),
    ("logs", "put_retention_policy", {"logGroupName": "nothere", "retentionInDays": 7}, "ResourceNotFoundException", 400),
    ("logs", "associate_kms_key", {"logGroupName": GROUP, "kmsKeyId": f"arn:aws:kms:{REGION}:{PROD}:key/nothere"}, "InvalidParameterException", 400),
    ("logs", "describe_log_groups", {"logGroupNamePrefix": "/a", "logGroupNamePattern": "a"}, "InvalidParameterException", 400),
    ("logs", "delete_log_group", {"logGroupName": GROUP}, "ValidationException", 400),
    ("logs", "delete_account_policy", {"policyName": "nothere", "policyType": "RETENTION_POLICY"}, "ResourceNotFoundException", 400),
    ("kms", "describe_key", {"KeyId": "alias/nothere"}, "NotFoundException", 400),
    ("kms", "create_alias", {"AliasName": "alias/bedrock-logs", "TargetKeyId": "$key"}, "AlreadyExistsException", 400),
    ("kms", "put_key_policy", {"KeyId": "$key", "Policy": "no json"}, "MalformedPolicyDocumentException", 400),
    ("kms", "cancel_key_deletion", {"KeyId": "$key"}, "KMSInvalidStateException", 400),
    ("sts", "assume_role", {"RoleArn": f"arn:aws:iam::{PROD}:role/nothere", "RoleSessionName": "referee"}, "AccessDenied", 403),
    ("sts", "assume_role", {"RoleArn": f"arn:aws:iam::{PROD}:role/Developer", "RoleSessionName": "no spaces"}, "ValidationError", 400),
    ("cloudtrail", "lookup_events", {"StartTime": datetime(2026, 1, 2), "EndTime": datetime(2026, 1, 1)}, "InvalidTimeRangeException", 400),
    ("cloudtrail", "lookup_events", {"NextToken": "nothere"}, "InvalidNextTokenException", 400),
]


@pytest.mark.parametrize("service,method,arguments,code,status", ERRORS, ids=lambda value: value if isinstance(value, str) else "")
def test_error(emulator, service, method, arguments, code, status):
    arguments = Prepared(emulator, OPERATIONS[0]).fill(arguments)
    assert error_of(getattr(emulator.client(service), method), **arguments) == (code, status)


FAULTS = [
    ("Throttle", "bedrock", "ListGuardrails", "ThrottlingException", 429),
    ("Throttle", "logs", "DescribeLogGroups", "ThrottlingException", 400),
    ("Throttle", "sts", "GetCallerIdentity", "Throttling", 400),
    ("Deny", "bedrock", "ListGuardrails", "AccessDeniedException", 403),
    ("Deny", "kms", "ListAliases", "AccessDeniedException", 400),
    ("Deny", "sts", "GetCallerIdentity", "AccessDenied", 403),
    ("Expired", "bedrock", "ListGuardrails", "ExpiredTokenException", 403),
    ("Expired", "cloudtrail", "LookupEvents", "ExpiredTokenException", 400),
    ("Expired", "sts", "GetCallerIdentity", "ExpiredToken", 403),
    ({"Error": {"code": "InternalServerException", "status": 500}}, "bedrock", "ListGuardrails", "InternalServerException", 500),
]


@pytest.mark.parametrize("fault,service,operation,code,status", FAULTS)
def test_fault(emulator, fault, service, operation, code, status):
    """A fault is an error that botocore understands, once, and then the service is well again."""
    emulator.fault(fault, service=service, operation=operation)
    client = emulator.client(service)
    assert error_of(lambda: call(client, operation, {})) == (code, status)
    call(client, operation, {})


def test_botocore_retries_a_throttled_call(emulator):
    """With its own retries on, boto3 does not even notice two throttles."""
    emulator.fault("Throttle", times=2, operation="ListGuardrails")
    client = world.session().client(
        "bedrock", region_name=REGION, endpoint_url=emulator.url, aws_access_key_id=PROD, aws_secret_access_key="secret")
    assert len(client.list_guardrails()["guardrails"]) == 2
    assert [seen["status"] for seen in emulator.calls()] == [429, 429, 200]


@pytest.mark.parametrize("fault,processed", [("LostResponse", True), ("DropRequest", False)])
def test_a_dropped_connection_is_no_answer(emulator, fault, processed):
    bedrock = emulator.client("bedrock")
    emulator.fault(fault, operation="DeleteModelInvocationLoggingConfiguration")
    with pytest.raises((ConnectionClosedError, EndpointConnectionError, ReadTimeoutError)):
        bedrock.delete_model_invocation_logging_configuration()
    assert ("loggingConfig" not in bedrock.get_model_invocation_logging_configuration()) == processed


def test_an_unknown_member_is_noticed_by_the_strict_reading_only(emulator):
    """The judge is not asleep: a planted member fails a strict client, and a plain one drops it."""
    emulator.fault({"UnknownField": {"pointer": "/contentPolicy/shape", "value": "new"}}, operation="GetGuardrail")
    guardrail = named(emulator.client("bedrock"))
    with pytest.raises(ModelViolation, match="/contentPolicy/shape: the model has no such member"):
        emulator.client("bedrock").get_guardrail(guardrailIdentifier=guardrail)
    plain = emulator.client("bedrock", strict=False).get_guardrail(guardrailIdentifier=guardrail)
    assert "shape" not in plain["contentPolicy"]


def test_botocore_refuses_a_request_before_it_is_sent(emulator):
    with pytest.raises(ParamValidationError):
        emulator.client("bedrock").create_guardrail(name="x")
    assert emulator.calls() == []


def test_credentials_of_no_account_are_refused(emulator):
    code = error_of(emulator.client("bedrock", account="999988887777").list_guardrails)
    assert code == ("UnrecognizedClientException", 403)


# Guardrails.

def test_an_update_wipes_what_it_omits(emulator):
    bedrock = emulator.client("bedrock")
    guardrail = named(bedrock)
    before = settled(bedrock, guardrail)
    kept = {"name", "contentPolicy", "blockedInputMessaging", "blockedOutputsMessaging"}
    wiped = {"description", "wordPolicy", "sensitiveInformationPolicy", "contextualGroundingPolicy", "kmsKeyArn"}
    assert kept | wiped <= set(before)
    bedrock.update_guardrail(
        guardrailIdentifier=guardrail, name="baseline", **MESSAGES, contentPolicyConfig={"filtersConfig": [HATE]})
    after = settled(bedrock, guardrail)
    assert not wiped & set(after)
    assert [row["type"] for row in after["contentPolicy"]["filters"]] == ["HATE"]
    assert after["contentPolicy"]["tier"] == {"tierName": "CLASSIC"}
    tags = bedrock.list_tags_for_resource(resourceARN=after["guardrailArn"])["tags"]
    assert {tag["key"] for tag in tags} == {"cost-center", "managed-by"}


def test_a_guardrail_is_busy_after_a_write(emulator):
    bedrock = emulator.client("bedrock")
    made = bedrock.create_guardrail(name="new", **MESSAGES, contentPolicyConfig={"filtersConfig": [HATE]})
    assert bedrock.get_guardrail(guardrailIdentifier=made["guardrailId"])["status"] == "CREATING"
    settled(bedrock, made["guardrailId"])
    bedrock.update_guardrail(
        guardrailIdentifier=made["guardrailId"], name="new", **MESSAGES, contentPolicyConfig={"filtersConfig": [HATE]})
    assert bedrock.get_guardrail(guardrailIdentifier=made["guardrailArn"])["status"] == "UPDATING"


def test_a_version_that_is_made_too_early_has_the_old_draft(emulator):
    """What terraform-provider-awscc #2372 ran into: wait for READY before a version is made."""
    bedrock = emulator.client("bedrock")
    guardrail = named(bedrock)
    changed = {"guardrailIdentifier": guardrail, "name": "baseline", **MESSAGES, "contentPolicyConfig": {"filtersConfig": [HATE]}}
    bedrock.update_guardrail(**changed)
    early = bedrock.create_guardrail_version(guardrailIdentifier=guardrail)["version"]
    settled(bedrock, guardrail)
    late = bedrock.create_guardrail_version(guardrailIdentifier=guardrail)["version"]
    filters = lambda version: len(settled(bedrock, guardrail, version)["contentPolicy"]["filters"])
    assert (filters(early), filters(late)) == (6, 1)
    versions = bedrock.list_guardrails(guardrailIdentifier=guardrail)["guardrails"]
    assert {row["version"] for row in versions} == {"DRAFT", "1", early, late}


def test_a_client_request_token_makes_a_create_idempotent(emulator):
    bedrock = emulator.client("bedrock")
    asked = {"name": "new", **MESSAGES, "contentPolicyConfig": {"filtersConfig": [HATE]}, "clientRequestToken": "again"}
    first, second = bedrock.create_guardrail(**asked), bedrock.create_guardrail(**asked)
    assert first["guardrailId"] == second["guardrailId"]
    version = {"guardrailIdentifier": first["guardrailId"], "clientRequestToken": "again"}
    assert bedrock.create_guardrail_version(**version)["version"] == bedrock.create_guardrail_version(**version)["version"]


def test_an_alias_is_read_back_as_the_key_arn(emulator):
    bedrock, kms = emulator.client("bedrock"), emulator.client("kms")
    key = kms.describe_key(KeyId="alias/bedrock-guardrails")["KeyMetadata"]
    assert key["KeyManager"] == "CUSTOMER"
    for given in (key["KeyId"], key["Arn"], "alias/bedrock-guardrails", f"arn:aws:kms:{REGION}:{PROD}:alias/bedrock-guardrails"):
        bedrock.update_guardrail(
            guardrailIdentifier=named(bedrock), name="baseline", **MESSAGES, kmsKeyId=given,
            contentPolicyConfig={"filtersConfig": [HATE]})
        assert settled(bedrock, named(bedrock))["kmsKeyArn"] == key["Arn"]


def test_lists_come_back_in_any_order(emulator):
    bedrock = emulator.client("bedrock")
    order = lambda: tuple(
        row["type"] for row in bedrock.get_guardrail(guardrailIdentifier=named(bedrock))["contentPolicy"]["filters"])
    orders = {order() for _ in range(20)}
    assert len(orders) > 1
    assert len({frozenset(seen) for seen in orders}) == 1


def test_guardrails_are_listed_by_pages(emulator):
    bedrock = emulator.client("bedrock")
    for number in range(5):
        bedrock.create_guardrail(name=f"extra-{number}", **MESSAGES, contentPolicyConfig={"filtersConfig": [HATE]})
    pages = list(bedrock.get_paginator("list_guardrails").paginate(PaginationConfig={"PageSize": 3}))
    assert [len(page["guardrails"]) for page in pages] == [3, 3, 1]
    assert len({row["id"] for page in pages for row in page["guardrails"]}) == 7


def test_quotas(emulator):
    """20 versions per guardrail and 100 guardrails; neither can be raised, and the error is 400 in bedrock."""
    bedrock = emulator.client("bedrock", account=STAGING)
    guardrail = named(bedrock)
    for _ in range(19):
        bedrock.create_guardrail_version(guardrailIdentifier=guardrail)
    full = ("ServiceQuotaExceededException", 400)
    assert error_of(bedrock.create_guardrail_version, guardrailIdentifier=guardrail) == full
    asked = {**MESSAGES, "contentPolicyConfig": {"filtersConfig": [HATE]}}
    for number in range(99):
        bedrock.create_guardrail(name=f"extra-{number}", **asked)
    assert error_of(bedrock.create_guardrail, name="one-too-many", **asked) == full


def test_an_enforced_guardrail_cannot_be_deleted(emulator):
    bedrock = emulator.client("bedrock")
    # There is one for an account and region, and the world has it already.
    for row in bedrock.list_enforced_guardrails_configuration()["guardrailsConfig"]:
        bedrock.delete_enforced_guardrail_configuration(configId=row["configId"])
    guardrail = named(bedrock)
    config = {"guardrailInferenceConfig": {**ENFORCED["guardrailInferenceConfig"], "guardrailIdentifier": guardrail}}
    made = bedrock.put_enforced_guardrail_configuration(**config)
    assert error_of(bedrock.delete_guardrail, guardrailIdentifier=guardrail) == ("ResourceInUseException", 400)
    assert error_of(bedrock.put_enforced_guardrail_configuration, **config) == ("ConflictException", 400)
    bedrock.put_enforced_guardrail_configuration(configId=made["configId"], **config)
    (row,) = bedrock.get_paginator("list_enforced_guardrails_configuration").paginate().build_full_result()["guardrailsConfig"]
    assert row["selectiveContentGuarding"] == {"system": "COMPREHENSIVE", "messages": "COMPREHENSIVE"}
    bedrock.delete_enforced_guardrail_configuration(configId=made["configId"])
    bedrock.delete_guardrail(guardrailIdentifier=guardrail)
    assert error_of(bedrock.get_guardrail, guardrailIdentifier=guardrail) == ("ResourceNotFoundException", 404)


# Invocation logging.

def test_logging_that_is_off_is_an_answer_without_configuration(emulator):
    bedrock = emulator.client("bedrock")
    assert "loggingConfig" in bedrock.get_model_invocation_logging_configuration()
    bedrock.delete_model_invocation_logging_configuration()
    answer = bedrock.get_model_invocation_logging_configuration()
    assert set(answer) == {"ResponseMetadata"}
    assert answer["ResponseMetadata"]["HTTPStatusCode"] == 200


def test_a_logging_put_replaces_everything_and_an_omitted_flag_is_absent(emulator):
    bedrock = emulator.client("bedrock")
    bedrock.put_model_invocation_logging_configuration(loggingConfig=LOGGING)
    only = {"s3Config": LOGGING["s3Config"], "textDataDeliveryEnabled": False}
    bedrock.put_model_invocation_logging_configuration(loggingConfig=only)
    assert bedrock.get_model_invocation_logging_configuration()["loggingConfig"] == only


# Log groups.

def group_of(logs, name=GROUP):
    (row,) = logs.describe_log_groups(logGroupIdentifiers=[name])["logGroups"]
    return row


def test_retention_and_key_of_a_log_group(emulator):
    logs = emulator.client("logs")
    before = group_of(logs)
    assert (before["retentionInDays"], before["arn"]) == (365, before["logGroupArn"] + ":*")
    logs.delete_retention_policy(logGroupName=GROUP)
    logs.disassociate_kms_key(logGroupName=GROUP)
    bare = group_of(logs)
    assert not {"retentionInDays", "kmsKeyId"} & set(bare)
    logs.put_retention_policy(logGroupName=GROUP, retentionInDays=731)
    logs.associate_kms_key(logGroupName=GROUP, kmsKeyId=before["kmsKeyId"])
    assert group_of(logs) == {**before, "retentionInDays": 731}


def test_an_account_policy_decides_on_retention(emulator):
    """PutRetentionPolicy succeeds and changes nothing that a read shows."""
    logs = emulator.client("logs")
    document = json.dumps({"retentionInDays": 400, "enforcementMode": "RETROACTIVE"})
    logs.put_account_policy(policyName="floor", policyType="RETENTION_POLICY", policyDocument=document)
    logs.put_retention_policy(logGroupName=GROUP, retentionInDays=731)
    row = group_of(logs)
    assert (row["retentionInDays"], row["retentionPolicyName"]) == (400, "floor")
    logs.delete_account_policy(policyName="floor", policyType="RETENTION_POLICY")
    assert group_of(logs)["retentionInDays"] == 731


def test_deletion_protection(emulator):
    logs = emulator.client("logs")
    assert error_of(logs.delete_log_group, logGroupName=GROUP) == ("ValidationException", 400)
    logs.put_log_group_deletion_protection(logGroupIdentifier=GROUP, deletionProtectionEnabled=False)
    logs.delete_log_group(logGroupName=GROUP)
    assert logs.describe_log_groups(logGroupNamePrefix=GROUP)["logGroups"] == []


def test_a_new_log_group_is_listed_late(emulator):
    logs = emulator.client("logs")
    logs.create_log_group(logGroupName="late", tags={"a": "b"})
    seen = [len(logs.describe_log_groups(logGroupNamePrefix="late")["logGroups"]) for _ in range(3)]
    assert seen == [0, 1, 1]


def test_log_groups_are_listed_by_pages(emulator):
    emulator.options(create_lag_reads=0)
    logs = emulator.client("logs")
    for number in range(59):
        logs.create_log_group(logGroupName=f"many/{number:02}")
    pages = list(logs.get_paginator("describe_log_groups").paginate())
    assert [len(page["logGroups"]) for page in pages] == [50, 10]


# Keys.

def test_a_key_that_was_to_be_deleted_is_disabled_afterwards(emulator):
    kms = emulator.client("kms")
    key = kms.describe_key(KeyId="alias/bedrock-logs")["KeyMetadata"]["KeyId"]
    state = lambda: kms.describe_key(KeyId=key)["KeyMetadata"]["KeyState"]
    kms.schedule_key_deletion(KeyId=key, PendingWindowInDays=7)
    assert state() == "PendingDeletion"
    kms.cancel_key_deletion(KeyId=key)
    assert state() == "Disabled"
    assert error_of(kms.enable_key_rotation, KeyId=key) == ("DisabledException", 400)
    kms.enable_key(KeyId=key)
    assert kms.get_key_rotation_status(KeyId=key)["KeyRotationEnabled"] is True


def test_aliases_are_listed_by_pages(emulator):
    kms = emulator.client("kms")
    pages = list(kms.get_paginator("list_aliases").paginate(PaginationConfig={"PageSize": 1}))
    assert [page["Truncated"] for page in pages] == [True, False]


# Accounts.

def test_a_role_in_another_account(emulator):
    """The session acts in the account of the role, and not in that of the caller."""
    sts = emulator.client("sts", account=MANAGEMENT)
    assert sts.get_caller_identity()["Account"] == MANAGEMENT
    answer = sts.assume_role(
        RoleArn=f"arn:aws:iam::{STAGING}:role/bedrock-reconciler", RoleSessionName="referee", SourceIdentity="someone")
    keys = answer["Credentials"]
    session = {"account": keys["AccessKeyId"], "secret": keys["SecretAccessKey"], "session_token": keys["SessionToken"]}
    me = emulator.client("sts", **session).get_caller_identity()
    assert (me["Account"], me["Arn"]) == (STAGING, f"arn:aws:sts::{STAGING}:assumed-role/bedrock-reconciler/referee")
    emulator.client("bedrock", **session).delete_model_invocation_logging_configuration()
    logging = lambda account: emulator.client("bedrock", account).get_model_invocation_logging_configuration()
    assert "loggingConfig" not in logging(STAGING)
    assert "loggingConfig" in logging(PROD)
    hour = datetime.now(timezone.utc) + timedelta(hours=1)
    assert abs((keys["Expiration"] - hour).total_seconds()) < 120


# CloudTrail.

def test_lookup_finds_who_did_it(serve):
    """Each attribute finds the developer's removal of logging, and the record in it says the same."""
    emulator = serve("drifted")
    trail = emulator.client("cloudtrail", region="eu-west-1")
    look = lambda key, value: trail.lookup_events(LookupAttributes=[{"AttributeKey": key, "AttributeValue": value}])["Events"]
    (event,) = look("EventName", "DeleteModelInvocationLoggingConfiguration")
    assert event["Username"] == "mallory"
    for key in ("EventId", "Username", "EventSource", "AccessKeyId", "ReadOnly"):
        member = event["Username" if key == "Username" else key]
        assert event["EventId"] in {found["EventId"] for found in look(key, member)}, key
    record = json.loads(event["CloudTrailEvent"])
    assert record["eventID"] == event["EventId"]
    assert record["recipientAccountId"] == PROD
    assert record["userIdentity"]["arn"] == f"arn:aws:sts::{PROD}:assumed-role/Developer/mallory"
    assert look("ResourceType", "AWS::KMS::Key")
    assert look("EventName", "Nothing") == []
    window = trail.lookup_events(StartTime=event["EventTime"] + timedelta(seconds=1))["Events"]
    assert event["EventId"] not in {found["EventId"] for found in window}


def test_events_come_newest_first_and_by_pages(emulator):
    bedrock, trail = emulator.client("bedrock"), emulator.client("cloudtrail")
    for _ in range(60):
        bedrock.put_model_invocation_logging_configuration(loggingConfig=LOGGING)
    pages = list(trail.get_paginator("lookup_events").paginate())
    assert [len(page["Events"]) for page in pages][0] == 50
    events = [event for page in pages for event in page["Events"]]
    assert len({event["EventId"] for event in events}) == len(events) > 60
    times = [event["EventTime"] for event in events]
    assert times == sorted(times, reverse=True)


def test_documented_rates_are_enforced_when_asked(emulator):
    """LookupEvents: two per second, per account and region."""
    emulator.options(throttles=True)
    trail = emulator.client("cloudtrail")
    began, throttled = time.monotonic(), 0
    for _ in range(5):
        try:
            trail.lookup_events()
        except trail.exceptions.ClientError as error:
            assert error.response["Error"]["Code"] == "ThrottlingException"
            throttled += 1
    assert throttled or time.monotonic() - began > 1
