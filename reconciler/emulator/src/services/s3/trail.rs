//! What CloudTrail shows of S3: some events have other names than their operations (kinds/log_bucket/README.md, Events).

use serde_json::{Map, Value};

use crate::input::{Input, text};
use crate::service::Resources;

/// The name of an event.
pub(super) fn event_name(operation: &str) -> &str {
    match operation {
        "PutPublicAccessBlock" => "PutBucketPublicAccessBlock",
        "DeletePublicAccessBlock" => "DeleteBucketPublicAccessBlock",
        "PutBucketLifecycleConfiguration" => "PutBucketLifecycle",
        _ => operation,
    }
}

/// The name of an event of S3 Control.
pub(super) fn control_event_name(operation: &str) -> &str {
    match operation {
        "PutPublicAccessBlock" => "PutAccountPublicAccessBlock",
        "DeletePublicAccessBlock" => "DeleteAccountPublicAccessBlock",
        _ => operation,
    }
}

/// The bucket by its name, and what was written as it is on the wire; a policy as a structure.
pub(super) fn request_parameters(input: &Input) -> Value {
    let mut shown = Map::new();
    for (member, value) in input {
        match member.as_str() {
            "Bucket" => {
                shown.insert("bucketName".to_owned(), value.clone());
            }
            "AccountId" => {
                shown.insert("accountId".to_owned(), value.clone());
            }
            "Policy" => {
                let policy = value.as_str().and_then(|text| serde_json::from_str(text).ok());
                shown.insert("bucketPolicy".to_owned(), policy.unwrap_or_else(|| value.clone()));
            }
            "ExpectedBucketOwner" => {}
            other => {
                shown.insert(other.to_owned(), value.clone());
            }
        }
    }
    Value::Object(shown)
}

/// The bucket of an event.
pub(super) fn resources(partition: &str, input: &Input) -> Resources {
    let arn = |name: &str| ("AWS::S3::Bucket", format!("arn:{partition}:s3:::{name}"));
    text(input, "Bucket").map(arn).into_iter().collect()
}
