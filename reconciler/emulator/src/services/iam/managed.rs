//! Policies of AWS that exist in every account. Their documents are abridged.

use serde_json::json;

/// Path, name, actions and resource of each.
const POLICIES: &[(&str, &str, &[&str])] = &[
    ("/", "AdministratorAccess", &["*"]),
    ("/", "PowerUserAccess", &["bedrock:*", "ec2:*", "kms:*", "logs:*", "s3:*"]),
    (
        "/",
        "ReadOnlyAccess",
        &["bedrock:Get*", "bedrock:List*", "ec2:Describe*", "iam:Get*", "iam:List*", "s3:Get*", "s3:List*"],
    ),
    ("/", "SecurityAudit", &["bedrock:List*", "cloudtrail:Describe*", "ec2:Describe*", "iam:Get*", "iam:List*"]),
    ("/", "IAMFullAccess", &["iam:*", "organizations:Describe*", "organizations:List*"]),
    (
        "/",
        "AmazonBedrockFullAccess",
        &[
            "bedrock:*",
            "kms:DescribeKey",
            "iam:ListRoles",
            "ec2:DescribeVpcs",
            "ec2:DescribeSubnets",
            "ec2:DescribeSecurityGroups",
        ],
    ),
    ("/", "AmazonBedrockReadOnly", &["bedrock:Get*", "bedrock:List*"]),
    (
        "/",
        "AmazonBedrockLimitedAccess",
        &["bedrock:InvokeModel", "bedrock:InvokeModelWithResponseStream", "bedrock:CallWithBearerToken"],
    ),
    ("/job-function/", "ViewOnlyAccess", &["bedrock:List*", "ec2:Describe*", "s3:ListAllMyBuckets"]),
    (
        "/service-role/",
        "AWSLambdaBasicExecutionRole",
        &["logs:CreateLogGroup", "logs:CreateLogStream", "logs:PutLogEvents"],
    ),
];

/// A policy of AWS.
pub(super) struct AwsPolicy {
    pub(super) path: &'static str,
    pub(super) name: &'static str,
    pub(super) arn: String,
    pub(super) document: String,
}

/// All of them, with the ARNs of a partition.
pub(super) fn all(partition: &str) -> Vec<AwsPolicy> {
    let policy = |(path, name, actions): &(&'static str, &'static str, &[&str])| AwsPolicy {
        path,
        name,
        arn: format!("arn:{partition}:iam::aws:policy{path}{name}"),
        document: json!({"Version": "2012-10-17", "Statement": [
            {"Effect": "Allow", "Action": actions, "Resource": "*"},
        ]})
        .to_string(),
    };
    POLICIES.iter().map(policy).collect()
}
