"""moto as a second AWS for trails: boto3 makes the drift and reads the restore back.

moto 5.2.5 implements the operations that the kind `trail` needs. It differs from AWS where a test must know it: empty lists
of selectors are ignored, so a trail cannot be emptied; RecursiveLogging is not known; GetEventSelectors answers both lists,
empty for a fresh trail; basic selectors do not remove advanced ones.
"""

import pytest

from ours import DRIFT, IN_SYNC, Reconciler
from test_moto import ORGANIZATION, Moto

BUCKET, TRAIL = "trail-bucket", "bedrock-trail"
TYPES = ["AWS::Bedrock::AgentAlias", "AWS::Bedrock::Guardrail", "AWS::Bedrock::KnowledgeBase"]

DECLARATION = f"""
kind: trail
name: {TRAIL}
spec:
  s3BucketName: {BUCKET}
  s3KeyPrefix: null
  includeGlobalServiceEvents: true
  isMultiRegionTrail: true
  logFileValidationEnabled: true
  isLogging: true
  advancedEventSelectors:
    - {{name: Management events selector, fieldSelectors: [{{field: eventCategory, equals: [Management]}}]}}
""" + "".join(f"""
    - name: {kind}
      fieldSelectors: [{{field: eventCategory, equals: [Data]}}, {{field: resources.type, equals: ["{kind}"]}}]
""" for kind in TYPES) + """
  tags: [{key: owner, value: security}]
"""

MANAGEMENT = {"Name": "Management events selector", "FieldSelectors": [{"Field": "eventCategory", "Equals": ["Management"]}]}


def data(kind, *further):
    fields = [{"Field": "eventCategory", "Equals": ["Data"]}, {"Field": "resources.type", "Equals": [kind]}]
    return {"Name": kind, "FieldSelectors": [*fields, *further]}


OF_OTHERS = data("AWS::S3::Object", {"Field": "resources.ARN", "StartsWith": ["arn:aws:s3:::documents/"]})


@pytest.fixture
def cloudtrail(tmp_path):
    with Moto.serving(tmp_path) as moto:
        moto.client("s3").create_bucket(Bucket=BUCKET)
        client = moto.client("cloudtrail")
        client.endpoint = moto.url
        yield client


@pytest.fixture
def run(cloudtrail, tmp_path):
    desired = tmp_path / "desired"
    desired.mkdir()
    (desired / "organization.yaml").write_text(ORGANIZATION)
    (desired / "trail.yaml").write_text(DECLARATION)
    return Reconciler(tmp_path, cloudtrail.endpoint, desired=desired, account="testing", simulates=False)


def selectors(cloudtrail):
    """The selectors by name, each with its fields in one order."""
    answer = cloudtrail.get_event_selectors(TrailName=TRAIL)["AdvancedEventSelectors"]
    return {one["Name"]: sorted(one["FieldSelectors"], key=lambda field: field["Field"]) for one in answer}


def assert_as_declared(cloudtrail, run):
    trail = cloudtrail.get_trail(Name=TRAIL)["Trail"]
    assert (trail["S3BucketName"], trail["IsMultiRegionTrail"], trail["LogFileValidationEnabled"]) == (BUCKET, True, True)
    assert cloudtrail.get_trail_status(Name=TRAIL)["IsLogging"] is True
    found = selectors(cloudtrail)
    for wanted in [MANAGEMENT, *map(data, TYPES)]:
        assert found[wanted["Name"]] == sorted(wanted["FieldSelectors"], key=lambda field: field["Field"])
    (row,) = cloudtrail.list_tags(ResourceIdList=[trail["TrailARN"]])["ResourceTagList"]
    assert {"Key": "owner", "Value": "security"} in row["TagsList"]
    planned = run.plan()
    assert planned.exit == IN_SYNC, str(planned)


def test_a_missing_trail_is_created(cloudtrail, run):
    assert run.plan().exit == DRIFT
    done = run.enforce()
    assert done.exit == IN_SYNC, str(done)
    assert_as_declared(cloudtrail, run)


def put(cloudtrail, *selectors):
    cloudtrail.put_event_selectors(TrailName=TRAIL, AdvancedEventSelectors=list(selectors))


def remove_a_selector(cloudtrail):
    put(cloudtrail, MANAGEMENT, *map(data, TYPES[1:]))


def remove_the_management_events(cloudtrail):
    put(cloudtrail, *map(data, TYPES))


def narrow_a_selector(cloudtrail):
    put(cloudtrail, MANAGEMENT, data(TYPES[0], {"Field": "readOnly", "Equals": ["true"]}), *map(data, TYPES[1:]))


def stop_logging(cloudtrail):
    cloudtrail.stop_logging(Name=TRAIL)


def record_one_region(cloudtrail):
    cloudtrail.update_trail(Name=TRAIL, IsMultiRegionTrail=False)


def stop_validation(cloudtrail):
    cloudtrail.update_trail(Name=TRAIL, EnableLogFileValidation=False, S3KeyPrefix="elsewhere")


def delete_the_trail(cloudtrail):
    cloudtrail.delete_trail(Name=TRAIL)


@pytest.mark.parametrize(
    "make_drift",
    [remove_a_selector, remove_the_management_events, narrow_a_selector, stop_logging, record_one_region, stop_validation,
     delete_the_trail],
    ids=lambda drift: drift.__name__)
def test_drift_is_restored(cloudtrail, run, make_drift):
    assert run.enforce().exit == IN_SYNC
    make_drift(cloudtrail)
    planned = run.plan()
    assert planned.exit == DRIFT, str(planned)
    done = run.enforce()
    assert done.exit == IN_SYNC, str(done)
    assert_as_declared(cloudtrail, run)


def test_selectors_of_others_stay(cloudtrail, run):
    assert run.enforce().exit == IN_SYNC
    put(cloudtrail, MANAGEMENT, OF_OTHERS)
    done = run.enforce()
    assert done.exit == IN_SYNC, str(done)
    fields = selectors(cloudtrail)[OF_OTHERS["Name"]]
    assert fields == sorted(OF_OTHERS["FieldSelectors"], key=lambda field: field["Field"])
    assert_as_declared(cloudtrail, run)
