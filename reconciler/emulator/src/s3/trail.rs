//! What CloudTrail shows of S3: some events have other names than their operations (kinds/log_bucket/README.md, Events).

use serde_json::{Map, Value};

use crate::input::{Input, text};

/// The name of an event.
pub(crate) fn event_name<'a>(service: &str, operation: &'a str) -> &'a str {
    match (service, operation) {
        ("s3", "PutPublicAccessBlock") => "PutBucketPublicAccessBlock",
        ("s3", "DeletePublicAccessBlock") => "DeleteBucketPublicAccessBlock",
        ("s3", "PutBucketLifecycleConfiguration") => "PutBucketLifecycle",
        ("s3control", "PutPublicAccessBlock") => "PutAccountPublicAccessBlock",
        ("s3control", "DeletePublicAccessBlock") => "DeleteAccountPublicAccessBlock",
        _ => operation,
    }
}

/// The bucket by its name, and what was written as it is on the wire; a policy as a structure.
pub(crate) fn request_parameters(input: &Input) -> Value {
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
pub(crate) fn resources(partition: &str, input: &Input) -> Vec<(&'static str, String)> {
    let arn = |name: &str| ("AWS::S3::Bucket", format!("arn:{partition}:s3:::{name}"));
    text(input, "Bucket").map(arn).into_iter().collect()
}
