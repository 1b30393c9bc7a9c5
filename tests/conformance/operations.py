"""Every operation that the emulator serves: how boto3 calls it and how the AWS CLI does.

`$guardrail`, `$guardrail_arn`, `$key`, `$key_arn` and `$group_arn` stand for what `in-sync` has in the production
account; `after` are calls that have to come first, by boto3, with names for what is in their answers. A command line is without `aws` and the endpoint.
"""

import json
import shlex
from dataclasses import dataclass, field
from string import Template

import jmespath

from world import GROUP, MANAGEMENT, PROD, REGION, STAGING

POLICY = json.dumps({"Version": "2012-10-17", "Statement": []})
RETENTION = json.dumps({"retentionInDays": 400, "enforcementMode": "RETROACTIVE"})
HATE = {"type": "HATE", "inputStrength": "HIGH", "outputStrength": "HIGH"}
MESSAGES = {"blockedInputMessaging": "No.", "blockedOutputsMessaging": "No."}
LOGGING = {
    "s3Config": {"bucketName": "bedrock-logs", "keyPrefix": "invocations"},
    "textDataDeliveryEnabled": True,
    "imageDataDeliveryEnabled": True,
    "embeddingDataDeliveryEnabled": True,
    "videoDataDeliveryEnabled": True,
    "audioDataDeliveryEnabled": True,
}
ENFORCED = {"guardrailInferenceConfig": {
    "guardrailIdentifier": "$guardrail",
    "guardrailVersion": "1",
    "modelEnforcement": {"includedModels": ["ALL"], "excludedModels": []},
}}
APPLY = json.dumps({"Version": "2012-10-17", "Statement": [{
    "Effect": "Allow", "Principal": "*", "Action": ["bedrock:ApplyGuardrail", "bedrock:GetGuardrail"],
    "Resource": "$guardrail_arn", "Condition": {"StringEquals": {"aws:PrincipalOrgID": "o-exampleorgid"}}}]})
MAY_APPLY = ("bedrock", "PutResourcePolicy", {"resourceArn": "$guardrail_arn", "resourcePolicy": APPLY})
DELETION = ("kms", "ScheduleKeyDeletion", {"KeyId": "$key", "PendingWindowInDays": 7})
TRAIL = f"arn:aws:cloudtrail:{REGION}:{MANAGEMENT}:trail/org-bedrock-trail"
SELECTORS = [
    {"Name": "Management events selector", "FieldSelectors": [{"Field": "eventCategory", "Equals": ["Management"]}]},
    {"Name": "models", "FieldSelectors": [
        {"Field": "eventCategory", "Equals": ["Data"]}, {"Field": "resources.type", "Equals": ["AWS::Bedrock::Model"]}]},
]
INSIGHTS = ("cloudtrail", "PutInsightSelectors", {
    "TrailName": TRAIL, "InsightSelectors": [{"InsightType": "ApiCallRateInsight"}]})
SCP = json.dumps({"Version": "2012-10-17", "Statement": [{"Effect": "Deny", "Action": "bedrock:*", "Resource": "*"}]})
GUARDRAIL_POLICY = ("organizations", "CreatePolicy", {
    "Type": "BEDROCK_POLICY", "Name": "guardrail", "Description": "", "Content": json.dumps({"bedrock": {
        "guardrail_inference": {REGION: {"config_1": {"identifier": {"@@assign": "$guardrail_arn:1"}}}}}})})
DELEGATION = ("organizations", "PutResourcePolicy", {"Content": json.dumps({"Version": "2012-10-17", "Statement": [{
    "Effect": "Allow", "Principal": {"AWS": f"arn:aws:iam::{PROD}:root"}, "Action": "organizations:UpdatePolicy",
    "Resource": "*"}]})})
# Whose calls these are; those of every other service are of the production account.
ACCOUNTS = {"cloudtrail": MANAGEMENT, "organizations": MANAGEMENT}
ACCOUNT_POLICY = ("logs", "PutAccountPolicy", {
    "policyName": "floor", "policyType": "RETENTION_POLICY", "scope": "ALL", "policyDocument": RETENTION})
STREAM = ("logs", "CreateLogStream", {"logGroupName": GROUP, "logStreamName": "referee"})
QUERY = ("logs", "StartQuery", {
    "logGroupName": GROUP, "startTime": 0, "endTime": 1795000000, "limit": 10,
    "queryString": "stats count(*) as lines by @logStream | sort lines desc",
}, {"query": "queryId"})

VPC = ("ec2", "CreateVpc", {"CidrBlock": "10.0.0.0/16"}, {"vpc": "Vpc.VpcId"})
DNS = ("ec2", "ModifyVpcAttribute", {"VpcId": "$vpc", "EnableDnsHostnames": {"Value": True}})
SUBNET = ("ec2", "CreateSubnet", {"VpcId": "$vpc", "CidrBlock": "10.0.0.0/24"}, {"subnet": "Subnet.SubnetId"})
SECURITY_GROUP = (
    "ec2", "CreateSecurityGroup", {"GroupName": "endpoints", "Description": "endpoints", "VpcId": "$vpc"}, {"sg": "GroupId"})
HTTPS = {"IpProtocol": "tcp", "FromPort": 443, "ToPort": 443, "IpRanges": [{"CidrIp": "10.0.0.0/16"}]}
NETWORK = (VPC, DNS, SUBNET, SECURITY_GROUP)
ALLOW_HTTPS = ("ec2", "AuthorizeSecurityGroupIngress", {"GroupId": "$sg", "IpPermissions": [HTTPS]})
ENDPOINT = ("ec2", "CreateVpcEndpoint", {
    "VpcId": "$vpc", "ServiceName": f"com.amazonaws.{REGION}.bedrock-runtime", "VpcEndpointType": "Interface",
    "SubnetIds": ["$subnet"], "SecurityGroupIds": ["$sg"], "PrivateDnsEnabled": True, "PolicyDocument": POLICY,
    "ClientToken": "referee", "TagSpecifications": [{"ResourceType": "vpc-endpoint", "Tags": [{"Key": "a", "Value": "b"}]}],
}, {"endpoint": "VpcEndpoint.VpcEndpointId"})
# An endpoint can be modified when it is available, which some reads find out.
READ_ENDPOINT = ("ec2", "DescribeVpcEndpoints", {})
AVAILABLE = (*NETWORK, ENDPOINT, READ_ENDPOINT, READ_ENDPOINT, READ_ENDPOINT)

TRUST = json.dumps({"Version": "2012-10-17", "Statement": [
    {"Effect": "Allow", "Principal": {"Service": "bedrock.amazonaws.com"}, "Action": "sts:AssumeRole"}]})
IDENTITY = json.dumps({"Version": "2012-10-17", "Statement": [
    {"Effect": "Allow", "Action": "bedrock:InvokeModel", "Resource": "*"}]})
ROLE = ("iam", "CreateRole", {
    "RoleName": "app", "Path": "/ai/", "AssumeRolePolicyDocument": TRUST, "Description": "One.", "MaxSessionDuration": 7200,
    "Tags": [{"Key": "a", "Value": "b"}]})
INLINE = ("iam", "PutRolePolicy", {"RoleName": "app", "PolicyName": "invoke", "PolicyDocument": IDENTITY})
MANAGED = ("iam", "CreatePolicy", {
    "PolicyName": "invoke", "PolicyDocument": IDENTITY, "Description": "One.", "Tags": [{"Key": "a", "Value": "b"}]})
MANAGED_ARN = f"arn:aws:iam::{PROD}:policy/invoke"
ADMINISTRATOR = "arn:aws:iam::aws:policy/AdministratorAccess"
ATTACHED = ("iam", "AttachRolePolicy", {"RoleName": "app", "PolicyArn": MANAGED_ARN})
BOUNDARY = ("iam", "PutRolePermissionsBoundary", {"RoleName": "app", "PermissionsBoundary": MANAGED_ARN})
SECOND_VERSION = ("iam", "CreatePolicyVersion", {"PolicyArn": MANAGED_ARN, "PolicyDocument": IDENTITY})

BUCKET = ("s3", "CreateBucket", {"Bucket": "logs-of-referee"})
BLOCK = {"BlockPublicAcls": True, "IgnorePublicAcls": True, "BlockPublicPolicy": False, "RestrictPublicBuckets": True}
BUCKET_POLICY = json.dumps({"Version": "2012-10-17", "Statement": [
    {"Effect": "Allow", "Principal": {"Service": "bedrock.amazonaws.com"}, "Action": "s3:PutObject",
     "Resource": "arn:aws:s3:::logs-of-referee/*"}]})
HAS_POLICY = ("s3", "PutBucketPolicy", {"Bucket": "logs-of-referee", "Policy": BUCKET_POLICY})
LIFECYCLE = ("s3", "PutBucketLifecycleConfiguration", {"Bucket": "logs-of-referee", "LifecycleConfiguration": {"Rules": [
    {"Status": "Enabled", "Filter": {"And": {"Prefix": "a", "Tags": [{"Key": "a", "Value": "b"}]}}, "Expiration": {"Days": 400},
     "Transitions": [{"Days": 30, "StorageClass": "GLACIER"}], "NoncurrentVersionExpiration": {"NoncurrentDays": 30}},
    {"ID": "parts", "Status": "Enabled", "Filter": {}, "AbortIncompleteMultipartUpload": {"DaysAfterInitiation": 7}}]}})
VERSIONING = ("s3", "PutBucketVersioning", {"Bucket": "logs-of-referee", "VersioningConfiguration": {"Status": "Enabled"}})
TAGGING = ("s3", "PutBucketTagging", {"Bucket": "logs-of-referee", "Tagging": {"TagSet": [{"Key": "a", "Value": "b"}]}})
ENCRYPTION = {"Rules": [{"ApplyServerSideEncryptionByDefault": {"SSEAlgorithm": "aws:kms", "KMSMasterKeyID": "$key_arn"},
                         "BucketKeyEnabled": True, "BlockedEncryptionTypes": {"EncryptionType": ["SSE-C"]}}]}
LOCKED = ("s3", "CreateBucket", {"Bucket": "locked-of-referee", "ObjectLockEnabledForBucket": True})
ACCOUNT_BLOCK = ("s3control", "PutPublicAccessBlock", {"AccountId": PROD, "PublicAccessBlockConfiguration": BLOCK})


@dataclass(frozen=True)
class Operation:
    service: str
    name: str
    arguments: dict
    command: str
    after: tuple = field(default=())

    def __str__(self):
        return f"{self.service}-{self.name}"

    @property
    def account(self):
        return ACCOUNTS.get(self.service, PROD)


def _ops(service, *rows):
    return [Operation(service, *row) for row in rows]


OPERATIONS = [
    *_ops(
        "bedrock",
        ("ListGuardrails", {}, "bedrock list-guardrails"),
        ("GetGuardrail", {"guardrailIdentifier": "$guardrail"}, "bedrock get-guardrail --guardrail-identifier $guardrail"),
        ("CreateGuardrail",
         {"name": "new", **MESSAGES, "contentPolicyConfig": {"filtersConfig": [HATE]}, "kmsKeyId": "alias/bedrock-guardrails",
          "clientRequestToken": "one", "tags": [{"key": "cost-center", "value": "42"}]},
         "bedrock create-guardrail --name new --blocked-input-messaging No. --blocked-outputs-messaging No."
         " --content-policy-config filtersConfig=[{type=HATE,inputStrength=HIGH,outputStrength=HIGH}]"),
        ("UpdateGuardrail",
         {"guardrailIdentifier": "$guardrail", "name": "baseline", **MESSAGES, "contentPolicyConfig": {"filtersConfig": [HATE]}},
         "bedrock update-guardrail --guardrail-identifier $guardrail_arn --name baseline --blocked-input-messaging No."
         " --blocked-outputs-messaging No. --word-policy-config managedWordListsConfig=[{type=PROFANITY}]"),
        ("CreateGuardrailVersion", {"guardrailIdentifier": "$guardrail", "description": "Two."},
         "bedrock create-guardrail-version --guardrail-identifier $guardrail --description Two."),
        # The world has an enforced configuration, which refers to the guardrail.
        ("DeleteGuardrail", {"guardrailIdentifier": "$guardrail"},
         "bedrock delete-guardrail --guardrail-identifier $guardrail",
         (("bedrock", "DeleteEnforcedGuardrailConfiguration", {"configId": "$config"}),)),
        ("ListTagsForResource", {"resourceARN": "$guardrail_arn"},
         "bedrock list-tags-for-resource --resource-arn $guardrail_arn"),
        ("TagResource", {"resourceARN": "$guardrail_arn", "tags": [{"key": "a", "value": "b"}]},
         "bedrock tag-resource --resource-arn $guardrail_arn --tags key=a,value=b"),
        ("UntagResource", {"resourceARN": "$guardrail_arn", "tagKeys": ["cost-center"]},
         "bedrock untag-resource --resource-arn $guardrail_arn --tag-keys cost-center"),
        ("GetModelInvocationLoggingConfiguration", {}, "bedrock get-model-invocation-logging-configuration"),
        ("PutModelInvocationLoggingConfiguration", {"loggingConfig": LOGGING},
         f"bedrock put-model-invocation-logging-configuration --logging-config '{json.dumps(LOGGING)}'"),
        ("DeleteModelInvocationLoggingConfiguration", {}, "bedrock delete-model-invocation-logging-configuration"),
        ("ListEnforcedGuardrailsConfiguration", {}, "bedrock list-enforced-guardrails-configuration"),
        ("PutEnforcedGuardrailConfiguration", ENFORCED,
         "bedrock put-enforced-guardrail-configuration --guardrail-inference-config"
         " 'guardrailIdentifier=$guardrail,guardrailVersion=1'",
         (("bedrock", "DeleteEnforcedGuardrailConfiguration", {"configId": "$config"}),)),
        ("DeleteEnforcedGuardrailConfiguration", {"configId": "$config"},
         "bedrock delete-enforced-guardrail-configuration --config-id $config"),
        ("PutResourcePolicy", MAY_APPLY[2],
         f"bedrock put-resource-policy --resource-arn $guardrail_arn --resource-policy '{APPLY}'"),
        ("GetResourcePolicy", {"resourceArn": "$guardrail_arn"},
         "bedrock get-resource-policy --resource-arn $guardrail_arn", (MAY_APPLY,)),
        ("DeleteResourcePolicy", {"resourceArn": "$guardrail_arn"},
         "bedrock delete-resource-policy --resource-arn $guardrail_arn", (MAY_APPLY,)),
    ),
    *_ops(
        "logs",
        ("DescribeLogGroups", {"logGroupIdentifiers": [GROUP]}, f"logs describe-log-groups --log-group-identifiers {GROUP}"),
        ("CreateLogGroup",
         {"logGroupName": "new", "kmsKeyId": "$key_arn", "logGroupClass": "STANDARD", "deletionProtectionEnabled": True,
          "tags": {"a": "b"}},
         "logs create-log-group --log-group-name new --kms-key-id $key_arn --deletion-protection-enabled --tags a=b"),
        ("PutRetentionPolicy", {"logGroupName": GROUP, "retentionInDays": 400},
         f"logs put-retention-policy --log-group-name {GROUP} --retention-in-days 400"),
        ("DeleteRetentionPolicy", {"logGroupName": GROUP}, f"logs delete-retention-policy --log-group-name {GROUP}"),
        ("AssociateKmsKey", {"logGroupName": GROUP, "kmsKeyId": "$key_arn"},
         "logs associate-kms-key --resource-identifier $group_arn --kms-key-id $key_arn"),
        ("DisassociateKmsKey", {"logGroupName": GROUP}, f"logs disassociate-kms-key --log-group-name {GROUP}"),
        ("PutLogGroupDeletionProtection", {"logGroupIdentifier": GROUP, "deletionProtectionEnabled": False},
         "logs put-log-group-deletion-protection --log-group-identifier $group_arn --no-deletion-protection-enabled"),
        ("DeleteLogGroup", {"logGroupName": GROUP}, f"logs delete-log-group --log-group-name {GROUP}",
         (("logs", "PutLogGroupDeletionProtection", {"logGroupIdentifier": GROUP, "deletionProtectionEnabled": False}),)),
        ("PutAccountPolicy", ACCOUNT_POLICY[2],
         "logs put-account-policy --policy-name floor --policy-type RETENTION_POLICY --scope ALL"
         f" --policy-document '{RETENTION}'"),
        ("DeleteAccountPolicy", {"policyName": "floor", "policyType": "RETENTION_POLICY"},
         "logs delete-account-policy --policy-name floor --policy-type RETENTION_POLICY", (ACCOUNT_POLICY,)),
        ("DescribeAccountPolicies", {"policyType": "RETENTION_POLICY"},
         "logs describe-account-policies --policy-type RETENTION_POLICY", (ACCOUNT_POLICY,)),
        ("ListTagsForResource", {"resourceArn": "$group_arn"}, "logs list-tags-for-resource --resource-arn $group_arn"),
        ("TagResource", {"resourceArn": "$group_arn", "tags": {"a": "b"}},
         "logs tag-resource --resource-arn $group_arn --tags a=b"),
        ("UntagResource", {"resourceArn": "$group_arn", "tagKeys": ["a"]},
         "logs untag-resource --resource-arn $group_arn --tag-keys a"),
        ("CreateLogStream", STREAM[2], f"logs create-log-stream --log-group-name {GROUP} --log-stream-name referee"),
        ("PutLogEvents",
         {"logGroupName": GROUP, "logStreamName": "referee", "logEvents": [{"timestamp": 1795000000000, "message": "{}"}]},
         f"logs put-log-events --log-group-name {GROUP} --log-stream-name referee --log-events timestamp=1795000000000,message=x",
         (STREAM,)),
        ("StartQuery", QUERY[2],
         f"logs start-query --log-group-name {GROUP} --start-time 0 --end-time 1795000000 --query-string 'fields @timestamp'"),
        ("GetQueryResults", {"queryId": "$query"}, "logs get-query-results --query-id $query", (QUERY,)),
        ("StopQuery", {"queryId": "$query"}, "logs stop-query --query-id $query", (QUERY,)),
    ),
    *_ops(
        "kms",
        ("DescribeKey", {"KeyId": "alias/bedrock-guardrails"}, "kms describe-key --key-id alias/bedrock-guardrails"),
        ("ListAliases", {}, "kms list-aliases --key-id $key"),
        ("ListKeys", {}, "kms list-keys"),
        ("ListResourceTags", {"KeyId": "$key"}, "kms list-resource-tags --key-id $key"),
        ("UpdateKeyDescription", {"KeyId": "$key", "Description": "other"},
         "kms update-key-description --key-id $key --description other"),
        ("TagResource", {"KeyId": "$key", "Tags": [{"TagKey": "a", "TagValue": "b"}]},
         "kms tag-resource --key-id $key --tags TagKey=a,TagValue=b"),
        ("UntagResource", {"KeyId": "$key", "TagKeys": ["a"]}, "kms untag-resource --key-id $key --tag-keys a"),
        ("CreateKey", {"Description": "new", "Policy": POLICY, "Tags": [{"TagKey": "a", "TagValue": "b"}]},
         "kms create-key --description new"),
        ("CreateAlias", {"AliasName": "alias/new", "TargetKeyId": "$key"},
         "kms create-alias --alias-name alias/new --target-key-id $key"),
        ("UpdateAlias", {"AliasName": "alias/bedrock-guardrails", "TargetKeyId": "$key_arn"},
         "kms update-alias --alias-name alias/bedrock-guardrails --target-key-id $key_arn"),
        ("DeleteAlias", {"AliasName": "alias/bedrock-guardrails"}, "kms delete-alias --alias-name alias/bedrock-guardrails"),
        ("DisableKey", {"KeyId": "$key"}, "kms disable-key --key-id $key"),
        ("EnableKey", {"KeyId": "$key"}, "kms enable-key --key-id $key", (("kms", "DisableKey", {"KeyId": "$key"}),)),
        ("ScheduleKeyDeletion", DELETION[2], "kms schedule-key-deletion --key-id $key --pending-window-in-days 7"),
        ("CancelKeyDeletion", {"KeyId": "$key"}, "kms cancel-key-deletion --key-id $key", (DELETION,)),
        ("GetKeyRotationStatus", {"KeyId": "$key"}, "kms get-key-rotation-status --key-id $key"),
        ("EnableKeyRotation", {"KeyId": "$key", "RotationPeriodInDays": 90},
         "kms enable-key-rotation --key-id $key --rotation-period-in-days 90"),
        ("DisableKeyRotation", {"KeyId": "$key"}, "kms disable-key-rotation --key-id $key"),
        ("GetKeyPolicy", {"KeyId": "$key", "PolicyName": "default"}, "kms get-key-policy --key-id $key"),
        ("PutKeyPolicy", {"KeyId": "$key", "PolicyName": "default", "Policy": POLICY},
         f"kms put-key-policy --key-id $key --policy '{POLICY}'"),
    ),
    *_ops(
        "sts",
        ("GetCallerIdentity", {}, "sts get-caller-identity"),
        ("AssumeRole",
         {"RoleArn": f"arn:aws:iam::{PROD}:role/bedrock-reconciler", "RoleSessionName": "referee", "SourceIdentity": "referee",
          "DurationSeconds": 900},
         f"sts assume-role --role-arn arn:aws:iam::{PROD}:role/bedrock-reconciler --role-session-name referee"),
    ),
    *_ops(
        "cloudtrail",
        ("LookupEvents", {"MaxResults": 50}, "cloudtrail lookup-events --max-items 1"),
        ("CreateTrail",
         {"Name": "new", "S3BucketName": "trail-bucket", "S3KeyPrefix": "audit", "SnsTopicName": "topic",
          "IsMultiRegionTrail": True, "EnableLogFileValidation": True, "KmsKeyId": "alias/bedrock-trail",
          "TagsList": [{"Key": "a", "Value": "b"}]},
         "cloudtrail create-trail --name new --s3-bucket-name trail-bucket --is-multi-region-trail"),
        ("UpdateTrail", {"Name": "org-bedrock-trail", "S3KeyPrefix": "audit"},
         f"cloudtrail update-trail --name {TRAIL} --no-enable-log-file-validation"),
        ("DeleteTrail", {"Name": TRAIL}, "cloudtrail delete-trail --name org-bedrock-trail"),
        ("DescribeTrails", {"includeShadowTrails": False}, "cloudtrail describe-trails"),
        ("GetTrail", {"Name": TRAIL}, "cloudtrail get-trail --name org-bedrock-trail"),
        ("ListTrails", {}, "cloudtrail list-trails"),
        ("GetTrailStatus", {"Name": TRAIL}, "cloudtrail get-trail-status --name org-bedrock-trail"),
        ("StartLogging", {"Name": TRAIL}, "cloudtrail start-logging --name org-bedrock-trail"),
        ("StopLogging", {"Name": TRAIL}, "cloudtrail stop-logging --name org-bedrock-trail"),
        ("GetEventSelectors", {"TrailName": TRAIL}, "cloudtrail get-event-selectors --trail-name org-bedrock-trail"),
        ("PutEventSelectors", {"TrailName": TRAIL, "AdvancedEventSelectors": SELECTORS},
         "cloudtrail put-event-selectors --trail-name org-bedrock-trail --event-selectors"
         " ReadWriteType=WriteOnly,IncludeManagementEvents=true"),
        ("GetInsightSelectors", {"TrailName": TRAIL},
         "cloudtrail get-insight-selectors --trail-name org-bedrock-trail", (INSIGHTS,)),
        ("PutInsightSelectors", INSIGHTS[2],
         "cloudtrail put-insight-selectors --trail-name org-bedrock-trail --insight-selectors"
         " InsightType=ApiErrorRateInsight"),
        ("AddTags", {"ResourceId": TRAIL, "TagsList": [{"Key": "a", "Value": "b"}]},
         f"cloudtrail add-tags --resource-id {TRAIL} --tags-list Key=a,Value=b"),
        ("RemoveTags", {"ResourceId": TRAIL, "TagsList": [{"Key": "managed-by"}]},
         f"cloudtrail remove-tags --resource-id {TRAIL} --tags-list Key=managed-by"),
        ("ListTags", {"ResourceIdList": [TRAIL]}, f"cloudtrail list-tags --resource-id-list {TRAIL}"),
    ),
    *_ops(
        "organizations",
        ("DescribeOrganization", {}, "organizations describe-organization"),
        ("ListRoots", {}, "organizations list-roots"),
        ("ListOrganizationalUnitsForParent", {"ParentId": "$root", "MaxResults": 20},
         "organizations list-organizational-units-for-parent --parent-id $root"),
        ("ListAccountsForParent", {"ParentId": "$root"}, "organizations list-accounts-for-parent --parent-id $root"),
        ("ListParents", {"ChildId": PROD}, f"organizations list-parents --child-id {PROD}"),
        ("ListChildren", {"ParentId": "$root", "ChildType": "ORGANIZATIONAL_UNIT"},
         "organizations list-children --parent-id $root --child-type ACCOUNT"),
        ("ListAccounts", {"MaxResults": 20}, "organizations list-accounts"),
        ("DescribeAccount", {"AccountId": PROD}, f"organizations describe-account --account-id {PROD}"),
        ("ListPolicies", {"Filter": "SERVICE_CONTROL_POLICY"},
         "organizations list-policies --filter SERVICE_CONTROL_POLICY"),
        ("DescribePolicy", {"PolicyId": "$policy"}, "organizations describe-policy --policy-id p-FullAWSAccess"),
        ("CreatePolicy",
         {"Type": "SERVICE_CONTROL_POLICY", "Name": "new", "Description": "", "Content": SCP,
          "Tags": [{"Key": "a", "Value": "b"}]},
         f"organizations create-policy --type SERVICE_CONTROL_POLICY --name new --description new --content '{SCP}'"),
        ("UpdatePolicy", {"PolicyId": "$policy", "Content": SCP},
         "organizations update-policy --policy-id $policy --description new"),
        ("DeletePolicy", {"PolicyId": "$created"}, "organizations delete-policy --policy-id $created", (GUARDRAIL_POLICY,)),
        ("AttachPolicy", {"PolicyId": "$policy", "TargetId": PROD},
         "organizations attach-policy --policy-id $policy --target-id $root"),
        ("DetachPolicy", {"PolicyId": "$policy", "TargetId": "$unit"},
         "organizations detach-policy --policy-id $policy --target-id $unit"),
        ("ListTargetsForPolicy", {"PolicyId": "p-FullAWSAccess"},
         "organizations list-targets-for-policy --policy-id $policy"),
        ("ListPoliciesForTarget", {"TargetId": "$unit", "Filter": "SERVICE_CONTROL_POLICY"},
         f"organizations list-policies-for-target --target-id {PROD} --filter SERVICE_CONTROL_POLICY"),
        ("EnablePolicyType", {"RootId": "$root", "PolicyType": "TAG_POLICY"},
         "organizations enable-policy-type --root-id $root --policy-type RESOURCE_CONTROL_POLICY"),
        ("DisablePolicyType", {"RootId": "$root", "PolicyType": "SERVICE_CONTROL_POLICY"},
         "organizations disable-policy-type --root-id $root --policy-type BEDROCK_POLICY"),
        ("MoveAccount", {"AccountId": MANAGEMENT, "SourceParentId": "$root", "DestinationParentId": "$unit"},
         f"organizations move-account --account-id {MANAGEMENT} --source-parent-id $root --destination-parent-id $unit"),
        ("UpdateOrganizationalUnit", {"OrganizationalUnitId": "$unit", "Name": "Renamed"},
         "organizations update-organizational-unit --organizational-unit-id $unit --name Renamed-again"),
        ("TagResource", {"ResourceId": "$policy", "Tags": [{"Key": "a", "Value": "b"}]},
         f"organizations tag-resource --resource-id {PROD} --tags Key=a,Value=b"),
        ("UntagResource", {"ResourceId": "$policy", "TagKeys": ["managed-by"]},
         f"organizations untag-resource --resource-id {PROD} --tag-keys env"),
        ("ListTagsForResource", {"ResourceId": "$policy"},
         f"organizations list-tags-for-resource --resource-id {PROD}"),
        ("DescribeEffectivePolicy", {"PolicyType": "BEDROCK_POLICY", "TargetId": PROD},
         f"organizations describe-effective-policy --policy-type BEDROCK_POLICY --target-id {STAGING}",
         (GUARDRAIL_POLICY, ("organizations", "AttachPolicy", {"PolicyId": "$created", "TargetId": "$root"}))),
        ("DescribeResourcePolicy", {}, "organizations describe-resource-policy", (DELEGATION,)),
        ("PutResourcePolicy", DELEGATION[2],
         f"organizations put-resource-policy --content '{DELEGATION[2]['Content']}'"),
        ("DeleteResourcePolicy", {}, "organizations delete-resource-policy", (DELEGATION,)),
    ),
    *_ops(
        "ec2",
        ("DescribeVpcEndpoints",
         {"Filters": [{"Name": "service-name", "Values": ["*.bedrock-runtime"]}, {"Name": "tag:a", "Values": ["b"]}], "MaxResults": 5},
         "ec2 describe-vpc-endpoints --vpc-endpoint-ids $endpoint --filters Name=vpc-id,Values=$vpc", (*NETWORK, ENDPOINT)),
        ("CreateVpcEndpoint", ENDPOINT[2],
         f"ec2 create-vpc-endpoint --vpc-id $vpc --vpc-endpoint-type Interface --service-name com.amazonaws.{REGION}.bedrock"
         " --subnet-ids $subnet --security-group-ids $sg --private-dns-enabled", NETWORK),
        ("ModifyVpcEndpoint",
         {"VpcEndpointId": "$endpoint", "PolicyDocument": POLICY, "RemoveSubnetIds": ["$subnet"], "PrivateDnsEnabled": False},
         "ec2 modify-vpc-endpoint --vpc-endpoint-id $endpoint --reset-policy --no-private-dns-enabled", AVAILABLE),
        ("DeleteVpcEndpoints", {"VpcEndpointIds": ["$endpoint", "vpce-00000000000000000"]},
         "ec2 delete-vpc-endpoints --vpc-endpoint-ids $endpoint vpce-00000000000000000", (*NETWORK, ENDPOINT)),
        ("DescribeVpcs", {"VpcIds": ["$vpc"]}, "ec2 describe-vpcs --filters Name=vpc-id,Values=$vpc", (VPC,)),
        ("CreateVpc", VPC[2], "ec2 create-vpc --cidr-block 10.0.0.0/16 --tag-specifications"
         " 'ResourceType=vpc,Tags=[{Key=a,Value=b}]'"),
        ("DeleteVpc", {"VpcId": "$vpc"}, "ec2 delete-vpc --vpc-id $vpc", (VPC,)),
        ("DescribeVpcAttribute", {"VpcId": "$vpc", "Attribute": "enableDnsSupport"},
         "ec2 describe-vpc-attribute --vpc-id $vpc --attribute enableDnsHostnames", (VPC,)),
        ("ModifyVpcAttribute", DNS[2], "ec2 modify-vpc-attribute --vpc-id $vpc --no-enable-dns-support", (VPC,)),
        ("DescribeSubnets", {"SubnetIds": ["$subnet"]}, "ec2 describe-subnets --filters Name=vpc-id,Values=$vpc", (VPC, SUBNET)),
        ("CreateSubnet", SUBNET[2],
         f"ec2 create-subnet --vpc-id $vpc --cidr-block 10.0.1.0/24 --availability-zone {REGION}b", (VPC,)),
        ("DeleteSubnet", {"SubnetId": "$subnet"}, "ec2 delete-subnet --subnet-id $subnet", (VPC, SUBNET)),
        ("DescribeSecurityGroups", {"GroupIds": ["$sg"]}, "ec2 describe-security-groups --filters Name=vpc-id,Values=$vpc",
         (*NETWORK, ALLOW_HTTPS)),
        ("CreateSecurityGroup", SECURITY_GROUP[2],
         "ec2 create-security-group --group-name endpoints --description endpoints --vpc-id $vpc", (VPC,)),
        ("DeleteSecurityGroup", {"GroupId": "$sg"}, "ec2 delete-security-group --group-id $sg", NETWORK),
        ("AuthorizeSecurityGroupIngress", ALLOW_HTTPS[2],
         "ec2 authorize-security-group-ingress --group-id $sg --protocol tcp --port 443 --cidr 10.0.0.0/16", NETWORK),
        ("RevokeSecurityGroupIngress", {"GroupId": "$sg", "IpPermissions": [HTTPS]},
         "ec2 revoke-security-group-ingress --group-id $sg --protocol tcp --port 443 --cidr 10.0.0.0/16",
         (*NETWORK, ALLOW_HTTPS)),
        ("DescribeVpcEndpointServices", {"ServiceNames": [f"com.amazonaws.{REGION}.bedrock-runtime"]},
         "ec2 describe-vpc-endpoint-services --filters Name=service-type,Values=Interface"),
        ("DescribeRegions", {"RegionNames": [REGION]}, "ec2 describe-regions --all-regions"),
        ("CreateTags", {"Resources": ["$vpc"], "Tags": [{"Key": "a", "Value": "b"}]},
         "ec2 create-tags --resources $vpc --tags Key=a,Value=b", (VPC,)),
        ("DeleteTags", {"Resources": ["$endpoint"], "Tags": [{"Key": "a"}]},
         "ec2 delete-tags --resources $endpoint --tags Key=a", (*NETWORK, ENDPOINT)),
        ("DescribeTags", {"Filters": [{"Name": "key", "Values": ["a"]}]}, "ec2 describe-tags", (*NETWORK, ENDPOINT)),
    ),
    *_ops(
        "iam",
        ("GetRole", {"RoleName": "app"}, "iam get-role --role-name app", (ROLE, MANAGED, BOUNDARY)),
        ("CreateRole", ROLE[2], f"iam create-role --role-name app --assume-role-policy-document '{TRUST}'"),
        ("CreateServiceLinkedRole", {"AWSServiceName": "bedrock.amazonaws.com"},
         "iam create-service-linked-role --aws-service-name bedrock.amazonaws.com"),
        ("UpdateRole", {"RoleName": "app", "Description": "Two.", "MaxSessionDuration": 3600},
         "iam update-role --role-name app --max-session-duration 3600", (ROLE,)),
        ("UpdateAssumeRolePolicy", {"RoleName": "app", "PolicyDocument": TRUST},
         f"iam update-assume-role-policy --role-name app --policy-document '{TRUST}'", (ROLE,)),
        ("DeleteRole", {"RoleName": "app"}, "iam delete-role --role-name app", (ROLE,)),
        ("ListRoles", {"PathPrefix": "/ai/", "MaxItems": 1}, "iam list-roles", (ROLE,)),
        ("ListRolePolicies", {"RoleName": "app"}, "iam list-role-policies --role-name app", (ROLE, INLINE)),
        ("GetRolePolicy", {"RoleName": "app", "PolicyName": "invoke"},
         "iam get-role-policy --role-name app --policy-name invoke", (ROLE, INLINE)),
        ("PutRolePolicy", INLINE[2],
         f"iam put-role-policy --role-name app --policy-name invoke --policy-document '{IDENTITY}'", (ROLE,)),
        ("DeleteRolePolicy", {"RoleName": "app", "PolicyName": "invoke"},
         "iam delete-role-policy --role-name app --policy-name invoke", (ROLE, INLINE)),
        ("ListAttachedRolePolicies", {"RoleName": "app"}, "iam list-attached-role-policies --role-name app",
         (ROLE, MANAGED, ATTACHED)),
        ("AttachRolePolicy", {"RoleName": "app", "PolicyArn": ADMINISTRATOR},
         f"iam attach-role-policy --role-name app --policy-arn {ADMINISTRATOR}", (ROLE,)),
        ("DetachRolePolicy", ATTACHED[2], f"iam detach-role-policy --role-name app --policy-arn {MANAGED_ARN}",
         (ROLE, MANAGED, ATTACHED)),
        ("PutRolePermissionsBoundary", BOUNDARY[2],
         f"iam put-role-permissions-boundary --role-name app --permissions-boundary {MANAGED_ARN}", (ROLE, MANAGED)),
        ("DeleteRolePermissionsBoundary", {"RoleName": "app"}, "iam delete-role-permissions-boundary --role-name app",
         (ROLE, MANAGED, BOUNDARY)),
        ("ListRoleTags", {"RoleName": "app"}, "iam list-role-tags --role-name app", (ROLE,)),
        ("TagRole", {"RoleName": "app", "Tags": [{"Key": "c", "Value": "d"}]}, "iam tag-role --role-name app --tags Key=c,Value=d",
         (ROLE,)),
        ("UntagRole", {"RoleName": "app", "TagKeys": ["a"]}, "iam untag-role --role-name app --tag-keys a", (ROLE,)),
        ("CreatePolicy", MANAGED[2], f"iam create-policy --policy-name invoke --policy-document '{IDENTITY}'"),
        ("GetPolicy", {"PolicyArn": MANAGED_ARN}, f"iam get-policy --policy-arn {ADMINISTRATOR}", (MANAGED,)),
        ("GetPolicyVersion", {"PolicyArn": MANAGED_ARN, "VersionId": "v1"},
         f"iam get-policy-version --policy-arn {ADMINISTRATOR} --version-id v1", (MANAGED,)),
        ("ListPolicyVersions", {"PolicyArn": MANAGED_ARN}, f"iam list-policy-versions --policy-arn {MANAGED_ARN}", (MANAGED,)),
        ("CreatePolicyVersion", {**SECOND_VERSION[2], "SetAsDefault": True},
         f"iam create-policy-version --policy-arn {MANAGED_ARN} --policy-document '{IDENTITY}' --set-as-default", (MANAGED,)),
        ("SetDefaultPolicyVersion", {"PolicyArn": MANAGED_ARN, "VersionId": "v2"},
         f"iam set-default-policy-version --policy-arn {MANAGED_ARN} --version-id v2", (MANAGED, SECOND_VERSION)),
        ("DeletePolicyVersion", {"PolicyArn": MANAGED_ARN, "VersionId": "v2"},
         f"iam delete-policy-version --policy-arn {MANAGED_ARN} --version-id v2", (MANAGED, SECOND_VERSION)),
        ("DeletePolicy", {"PolicyArn": MANAGED_ARN}, f"iam delete-policy --policy-arn {MANAGED_ARN}", (MANAGED,)),
        ("ListPolicies", {"Scope": "Local"}, "iam list-policies --scope AWS", (MANAGED,)),
        ("GetAccountAuthorizationDetails", {"Filter": ["Role", "LocalManagedPolicy"], "MaxItems": 1000},
         "iam get-account-authorization-details", (ROLE, INLINE, MANAGED, ATTACHED, BOUNDARY)),
        ("SimulatePrincipalPolicy",
         {"PolicySourceArn": f"arn:aws:iam::{PROD}:role/app", "ActionNames": ["bedrock:InvokeModel", "bedrock:UpdateGuardrail"],
          "ResourceArns": [f"arn:aws:bedrock:eu-west-1:{PROD}:guardrail/a"], "PolicyExclusionList": [{"PolicyType": "scp"}],
          "ContextEntries": [{"ContextKeyName": "aws:RequestedRegion", "ContextKeyType": "string",
                              "ContextKeyValues": ["eu-west-1"]}]},
         f"iam simulate-principal-policy --policy-source-arn arn:aws:iam::{PROD}:role/app --action-names bedrock:InvokeModel",
         (ROLE, INLINE)),
    ),
    *_ops(
        "s3",
        ("CreateBucket",
         {"Bucket": "new-of-referee", "CreateBucketConfiguration": {"LocationConstraint": "eu-west-1"},
          "ObjectOwnership": "BucketOwnerEnforced"},
         "s3api create-bucket --bucket new-of-referee"),
        ("HeadBucket", {"Bucket": "logs-of-referee", "ExpectedBucketOwner": PROD}, "s3api head-bucket --bucket logs-of-referee",
         (BUCKET,)),
        ("DeleteBucket", {"Bucket": "logs-of-referee"}, "s3api delete-bucket --bucket logs-of-referee", (BUCKET,)),
        ("ListBuckets", {"Prefix": "logs"}, "s3api list-buckets", (BUCKET,)),
        ("GetBucketLocation", {"Bucket": "logs-of-referee"}, "s3api get-bucket-location --bucket logs-of-referee", (BUCKET,)),
        ("GetPublicAccessBlock", {"Bucket": "logs-of-referee"}, "s3api get-public-access-block --bucket logs-of-referee",
         (BUCKET,)),
        ("PutPublicAccessBlock", {"Bucket": "logs-of-referee", "PublicAccessBlockConfiguration": BLOCK},
         "s3api put-public-access-block --bucket logs-of-referee --public-access-block-configuration BlockPublicAcls=true",
         (BUCKET,)),
        ("DeletePublicAccessBlock", {"Bucket": "logs-of-referee"},
         "s3api delete-public-access-block --bucket logs-of-referee", (BUCKET,)),
        ("GetBucketEncryption", {"Bucket": "logs-of-referee"}, "s3api get-bucket-encryption --bucket logs-of-referee", (BUCKET,)),
        ("PutBucketEncryption", {"Bucket": "logs-of-referee", "ServerSideEncryptionConfiguration": ENCRYPTION},
         "s3api put-bucket-encryption --bucket logs-of-referee --server-side-encryption-configuration"
         """ '{"Rules": [{"ApplyServerSideEncryptionByDefault": {"SSEAlgorithm": "AES256"}}]}'""", (BUCKET,)),
        ("DeleteBucketEncryption", {"Bucket": "logs-of-referee"}, "s3api delete-bucket-encryption --bucket logs-of-referee",
         (BUCKET,)),
        ("GetBucketPolicy", {"Bucket": "logs-of-referee"}, "s3api get-bucket-policy --bucket logs-of-referee",
         (BUCKET, HAS_POLICY)),
        ("PutBucketPolicy", HAS_POLICY[2], f"s3api put-bucket-policy --bucket logs-of-referee --policy '{BUCKET_POLICY}'",
         (BUCKET,)),
        ("DeleteBucketPolicy", {"Bucket": "logs-of-referee"}, "s3api delete-bucket-policy --bucket logs-of-referee",
         (BUCKET, HAS_POLICY)),
        ("GetBucketPolicyStatus", {"Bucket": "logs-of-referee"}, "s3api get-bucket-policy-status --bucket logs-of-referee",
         (BUCKET, HAS_POLICY)),
        ("GetBucketOwnershipControls", {"Bucket": "logs-of-referee"},
         "s3api get-bucket-ownership-controls --bucket logs-of-referee", (BUCKET,)),
        ("PutBucketOwnershipControls",
         {"Bucket": "logs-of-referee", "OwnershipControls": {"Rules": [{"ObjectOwnership": "BucketOwnerPreferred"}]}},
         "s3api put-bucket-ownership-controls --bucket logs-of-referee --ownership-controls"
         " 'Rules=[{ObjectOwnership=BucketOwnerEnforced}]'", (BUCKET,)),
        ("GetBucketLifecycleConfiguration", {"Bucket": "logs-of-referee"},
         "s3api get-bucket-lifecycle-configuration --bucket logs-of-referee", (BUCKET, LIFECYCLE)),
        ("PutBucketLifecycleConfiguration", LIFECYCLE[2],
         "s3api put-bucket-lifecycle-configuration --bucket logs-of-referee --lifecycle-configuration"
         """ '{"Rules": [{"Status": "Enabled", "Filter": {"Prefix": ""}, "Expiration": {"Days": 400}}]}'""", (BUCKET,)),
        ("DeleteBucketLifecycle", {"Bucket": "logs-of-referee"}, "s3api delete-bucket-lifecycle --bucket logs-of-referee",
         (BUCKET, LIFECYCLE)),
        ("GetBucketVersioning", {"Bucket": "logs-of-referee"}, "s3api get-bucket-versioning --bucket logs-of-referee",
         (BUCKET, VERSIONING)),
        ("PutBucketVersioning", VERSIONING[2],
         "s3api put-bucket-versioning --bucket logs-of-referee --versioning-configuration Status=Suspended", (BUCKET,)),
        ("GetBucketTagging", {"Bucket": "logs-of-referee"}, "s3api get-bucket-tagging --bucket logs-of-referee",
         (BUCKET, TAGGING)),
        ("PutBucketTagging", TAGGING[2],
         "s3api put-bucket-tagging --bucket logs-of-referee --tagging 'TagSet=[{Key=a,Value=b}]'", (BUCKET,)),
        ("DeleteBucketTagging", {"Bucket": "logs-of-referee"}, "s3api delete-bucket-tagging --bucket logs-of-referee",
         (BUCKET, TAGGING)),
        ("GetObjectLockConfiguration", {"Bucket": "locked-of-referee"},
         "s3api get-object-lock-configuration --bucket locked-of-referee", (LOCKED,)),
    ),
    *_ops(
        "s3control",
        ("GetPublicAccessBlock", {"AccountId": PROD}, f"s3control get-public-access-block --account-id {PROD}", (ACCOUNT_BLOCK,)),
        ("PutPublicAccessBlock", ACCOUNT_BLOCK[2],
         f"s3control put-public-access-block --account-id {PROD} --public-access-block-configuration BlockPublicAcls=true"),
        ("DeletePublicAccessBlock", {"AccountId": PROD}, f"s3control delete-public-access-block --account-id {PROD}",
         (ACCOUNT_BLOCK,)),
    ),
]


class Prepared:
    """An emulator in which the calls before an operation are made, and the names that its arguments use."""

    def __init__(self, emulator, operation):
        bedrock = emulator.client("bedrock")
        row = next(row for row in bedrock.list_guardrails()["guardrails"] if row["name"] == "baseline")
        (enforced,) = bedrock.list_enforced_guardrails_configuration()["guardrailsConfig"]
        key = emulator.client("kms").describe_key(KeyId="alias/bedrock-guardrails")["KeyMetadata"]
        self.names = {
            "guardrail": row["id"],
            "guardrail_arn": row["arn"],
            "config": enforced["configId"],
            "key": key["KeyId"],
            "key_arn": key["Arn"],
            "group_arn": f"arn:aws:logs:{REGION}:{PROD}:log-group:{GROUP}",
        }
        if operation.service == "organizations":
            self.names |= organization_names(emulator.client("organizations", account=operation.account))
        for service, name, arguments, *saved in operation.after:
            answer = call(emulator.client(service, account=operation.account), name, self.fill(arguments))
            for known, path in saved[0].items() if saved else ():
                self.names[known] = jmespath.search(path, answer)
            if "Policy" in answer and "PolicySummary" in answer["Policy"]:
                self.names["created"] = answer["Policy"]["PolicySummary"]["Id"]
        self.arguments = self.fill(operation.arguments)
        self.command = [self.fill(word) for word in shlex.split(operation.command)]

    def fill(self, value):
        if isinstance(value, str):
            return Template(value).safe_substitute(self.names)
        if isinstance(value, dict):
            return {name: self.fill(item) for name, item in value.items()}
        if isinstance(value, (list, tuple)):
            return [self.fill(item) for item in value]
        return value


def organization_names(client):
    """`$root`, `$unit` (where the policy is attached) and `$policy`. Pages can be empty before the last one."""
    rows = lambda name, member, **arguments: [
        row for page in client.get_paginator(name).paginate(**arguments) for row in page[member]
    ]
    (root,) = rows("list_roots", "Roots")
    (unit,) = rows("list_organizational_units_for_parent", "OrganizationalUnits", ParentId=root["Id"])
    policies = rows("list_policies", "Policies", Filter="SERVICE_CONTROL_POLICY")
    (policy,) = [row for row in policies if not row["AwsManaged"]]
    return {"root": root["Id"], "unit": unit["Id"], "policy": policy["Id"]}


def call(client, operation, arguments):
    """The operation by its model name."""
    method = next(method for method, name in client.meta.method_to_api_mapping.items() if name == operation)
    return getattr(client, method)(**arguments)
