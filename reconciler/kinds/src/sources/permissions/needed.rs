//! The actions that a kind needs of the caller, for a look beforehand: the table of the README, which a test holds against this one.
//! What is needed only where a declaration asks for it is left out.

/// What one kind needs.
#[derive(Debug, Clone, Copy)]
pub struct Needed {
    /// The kind.
    pub kind: &'static str,
    /// The actions that read it.
    pub to_read: &'static [&'static str],
    /// The actions that restore it.
    pub to_restore: &'static [&'static str],
}

/// Every kind.
pub const NEEDED: &[Needed] = &[
    Needed {
        kind: "guardrail",
        to_read: &[
            "bedrock:ListGuardrails",
            "bedrock:GetGuardrail",
            "bedrock:ListTagsForResource",
            "bedrock:ListEnforcedGuardrailsConfiguration",
        ],
        to_restore: &[
            "bedrock:CreateGuardrail",
            "bedrock:UpdateGuardrail",
            "bedrock:CreateGuardrailVersion",
            "bedrock:DeleteGuardrail",
            "bedrock:TagResource",
        ],
    },
    Needed {
        kind: "enforced-guardrail",
        to_read: &["bedrock:ListEnforcedGuardrailsConfiguration", "bedrock:GetGuardrail"],
        to_restore: &["bedrock:PutEnforcedGuardrailConfiguration"],
    },
    Needed {
        kind: "guardrail-resource-policy",
        to_read: &["bedrock:ListGuardrails", "bedrock:GetResourcePolicy"],
        to_restore: &["bedrock:PutResourcePolicy", "bedrock:DeleteResourcePolicy"],
    },
    Needed {
        kind: "invocation-logging",
        to_read: &["bedrock:GetModelInvocationLoggingConfiguration"],
        to_restore: &["bedrock:PutModelInvocationLoggingConfiguration"],
    },
    Needed {
        kind: "log-group",
        to_read: &["logs:DescribeLogGroups"],
        to_restore: &[
            "logs:CreateLogGroup",
            "logs:PutRetentionPolicy",
            "logs:DeleteRetentionPolicy",
            "logs:AssociateKmsKey",
            "logs:DisassociateKmsKey",
            "logs:PutLogGroupDeletionProtection",
        ],
    },
    Needed {
        kind: "iam-role",
        to_read: &[
            "iam:GetRole",
            "iam:ListRolePolicies",
            "iam:GetRolePolicy",
            "iam:ListAttachedRolePolicies",
            "iam:GetPolicy",
            "iam:GetPolicyVersion",
            "iam:GetAccountAuthorizationDetails",
            "iam:ListRoles",
        ],
        to_restore: &[
            "iam:CreateRole",
            "iam:UpdateRole",
            "iam:UpdateAssumeRolePolicy",
            "iam:PutRolePolicy",
            "iam:DeleteRolePolicy",
            "iam:AttachRolePolicy",
            "iam:DetachRolePolicy",
            "iam:PutRolePermissionsBoundary",
            "iam:DeleteRolePermissionsBoundary",
            "iam:TagRole",
        ],
    },
    Needed {
        kind: "kms-key",
        to_read: &[
            "kms:ListAliases",
            "kms:ListKeys",
            "kms:DescribeKey",
            "kms:GetKeyPolicy",
            "kms:GetKeyRotationStatus",
            "kms:ListResourceTags",
        ],
        to_restore: &[
            "kms:CancelKeyDeletion",
            "kms:EnableKey",
            "kms:EnableKeyRotation",
            "kms:PutKeyPolicy",
            "kms:UpdateKeyDescription",
            "kms:TagResource",
        ],
    },
    Needed {
        kind: "log-bucket",
        to_read: &[
            "s3:ListAllMyBuckets",
            "s3:ListBucket",
            "s3:GetBucketPublicAccessBlock",
            "s3:GetEncryptionConfiguration",
            "s3:GetBucketPolicy",
            "s3:GetBucketOwnershipControls",
            "s3:GetLifecycleConfiguration",
            "s3:GetBucketVersioning",
            "s3:GetBucketTagging",
            "kms:DescribeKey",
        ],
        to_restore: &[
            "s3:PutBucketPublicAccessBlock",
            "s3:PutEncryptionConfiguration",
            "s3:PutBucketPolicy",
            "s3:DeleteBucketPolicy",
            "s3:PutBucketOwnershipControls",
            "s3:PutLifecycleConfiguration",
            "s3:PutBucketVersioning",
            "s3:PutBucketTagging",
        ],
    },
    Needed {
        kind: "trail",
        to_read: &[
            "cloudtrail:DescribeTrails",
            "cloudtrail:GetTrail",
            "cloudtrail:GetTrailStatus",
            "cloudtrail:GetEventSelectors",
            "cloudtrail:ListTags",
        ],
        to_restore: &[
            "cloudtrail:CreateTrail",
            "cloudtrail:UpdateTrail",
            "cloudtrail:PutEventSelectors",
            "cloudtrail:StartLogging",
            "cloudtrail:AddTags",
        ],
    },
    Needed {
        kind: "vpc-endpoint",
        to_read: &[
            "ec2:DescribeVpcEndpoints",
            "ec2:DescribeVpcs",
            "ec2:DescribeVpcAttribute",
            "ec2:DescribeSubnets",
            "ec2:DescribeSecurityGroups",
            "ec2:DescribeVpcEndpointServices",
        ],
        to_restore: &["ec2:CreateVpcEndpoint", "ec2:ModifyVpcEndpoint", "ec2:CreateTags"],
    },
    Needed {
        kind: "service-control-policy",
        to_read: &[
            "organizations:ListPolicies",
            "organizations:ListPoliciesForTarget",
            "organizations:DescribePolicy",
            "organizations:ListTargetsForPolicy",
            "organizations:ListTagsForResource",
            "organizations:ListRoots",
            "organizations:ListOrganizationalUnitsForParent",
        ],
        to_restore: &[
            "organizations:CreatePolicy",
            "organizations:UpdatePolicy",
            "organizations:AttachPolicy",
            "organizations:DetachPolicy",
            "organizations:EnablePolicyType",
            "organizations:TagResource",
        ],
    },
    Needed {
        kind: "bedrock-policy",
        to_read: &[
            "organizations:ListPolicies",
            "organizations:ListPoliciesForTarget",
            "organizations:DescribePolicy",
            "organizations:ListTargetsForPolicy",
            "organizations:ListTagsForResource",
            "organizations:ListRoots",
            "organizations:ListOrganizationalUnitsForParent",
            "organizations:ListAccountsForParent",
            "organizations:DescribeEffectivePolicy",
        ],
        to_restore: &[
            "organizations:CreatePolicy",
            "organizations:UpdatePolicy",
            "organizations:AttachPolicy",
            "organizations:DetachPolicy",
            "organizations:EnablePolicyType",
            "organizations:TagResource",
        ],
    },
];
