"""boto3 meets the organization and its trail: empty pages, reasons, home regions, what a member may see."""

import pytest
from botocore.exceptions import ClientError

import world
from operations import TRAIL, organization_names
from world import error_of


@pytest.fixture
def organizations(emulator):
    return emulator.client("organizations", account=world.MANAGEMENT)


def test_a_paginator_gets_past_pages_that_are_empty(emulator, organizations):
    emulator.options(empty_page_probability=0.9)
    pages = list(organizations.get_paginator("list_accounts").paginate(PaginationConfig={"PageSize": 1}))
    assert any(not page["Accounts"] for page in pages[:-1])
    accounts = [account["Id"] for page in pages for account in page["Accounts"]]
    assert sorted(accounts) == [world.MANAGEMENT, world.PROD, world.STAGING]


def test_a_refusal_says_its_reason(organizations):
    with pytest.raises(ClientError) as refused:
        organizations.detach_policy(PolicyId="p-FullAWSAccess", TargetId=world.PROD)
    assert refused.value.response["Error"]["Code"] == "ConstraintViolationException"
    assert refused.value.response["Reason"] == "MIN_POLICY_TYPE_ATTACHMENT_LIMIT_EXCEEDED"


def test_a_policy_that_is_detached_can_be_attached_again(organizations):
    names = organization_names(organizations)
    arguments = {"PolicyId": names["policy"], "TargetId": names["unit"]}
    organizations.detach_policy(**arguments)
    assert error_of(organizations.detach_policy, **arguments) == ("PolicyNotAttachedException", 400)
    organizations.attach_policy(**arguments)
    assert error_of(organizations.attach_policy, **arguments) == ("DuplicatePolicyAttachmentException", 400)


def test_throttling_is_in_the_words_of_the_service(emulator, organizations):
    emulator.fault("Throttle", service="organizations")
    assert error_of(organizations.describe_organization) == ("TooManyRequestsException", 400)


def test_a_member_sees_the_trail_and_cannot_change_it(emulator):
    member = emulator.client("cloudtrail", account=world.PROD, region="eu-west-1")
    (trail,) = member.describe_trails()["trailList"]
    assert (trail["TrailARN"], trail["HomeRegion"], trail["IsOrganizationTrail"]) == (TRAIL, world.REGION, True)
    assert member.get_trail_status(Name=TRAIL)["IsLogging"] is True
    assert error_of(member.stop_logging, Name=TRAIL) == ("NotOrganizationMasterAccountException", 400)
    abroad = emulator.client("cloudtrail", account=world.MANAGEMENT, region="eu-west-1")
    assert error_of(abroad.stop_logging, Name=TRAIL) == ("InvalidHomeRegionException", 400)


def test_a_selector_of_a_type_that_does_not_exist_is_refused(emulator):
    trails = emulator.client("cloudtrail", account=world.MANAGEMENT)
    selector = {"FieldSelectors": [
        {"Field": "eventCategory", "Equals": ["Data"]}, {"Field": "resources.type", "Equals": ["AWS::Bedrock::Prompt"]}]}
    refused = error_of(trails.put_event_selectors, TrailName=TRAIL, AdvancedEventSelectors=[selector])
    assert refused == ("InvalidEventSelectorsException", 400)


@pytest.mark.parametrize("scenario, source", [("aws-genai-05", "cloudtrail"), ("aws-genai-09", "organizations")])
def test_the_attacks_on_the_organization_name_the_attacker(serve, scenario, source):
    events = serve(scenario).client("cloudtrail", account=world.MANAGEMENT)
    attribute = {"AttributeKey": "EventSource", "AttributeValue": f"{source}.amazonaws.com"}
    newest = events.lookup_events(LookupAttributes=[attribute])["Events"][0]
    assert newest["Username"] == "mallory"
