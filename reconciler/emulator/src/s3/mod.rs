//! Amazon S3: the configuration of buckets (kinds/log_bucket/README.md, Sub-resources), and the account's public access block of
//! S3 Control.
//!
//! # Guarantees
//! - A bucket name is one in the whole world: of another account it is forbidden, of another region a redirection.
//! - Each sub-resource is replaced as a whole, and one that is not set is an error with a code of its own.
//!
//! # Caveats
//! - There are no objects, ACLs or requests without a signature; a bucket policy gives nobody access.
//! - A change is there at once; that lifecycle rules take minutes is not shown.

mod bucket_policy;
mod buckets;
pub(crate) mod s3control;
mod settings;
pub(crate) mod trail;
pub(crate) mod wire;

use std::collections::BTreeMap;

use serde_json::Value;

pub(crate) use bucket_policy::allow_bedrock_logs;
use buckets::Bucket;

use crate::error::ApiError;
use crate::input::{Input, text};
use crate::protocol::Answer;
use crate::world::{Turn, read};

/// Operation names, and whether each only reads.
pub(crate) const OPERATIONS: &[(&str, bool)] = &[
    ("CreateBucket", false),
    ("HeadBucket", true),
    ("DeleteBucket", false),
    ("ListBuckets", true),
    ("GetBucketLocation", true),
    ("GetPublicAccessBlock", true),
    ("PutPublicAccessBlock", false),
    ("DeletePublicAccessBlock", false),
    ("GetBucketEncryption", true),
    ("PutBucketEncryption", false),
    ("DeleteBucketEncryption", false),
    ("GetBucketPolicy", true),
    ("PutBucketPolicy", false),
    ("DeleteBucketPolicy", false),
    ("GetBucketPolicyStatus", true),
    ("GetBucketOwnershipControls", true),
    ("PutBucketOwnershipControls", false),
    ("GetBucketLifecycleConfiguration", true),
    ("PutBucketLifecycleConfiguration", false),
    ("DeleteBucketLifecycle", false),
    ("GetBucketVersioning", true),
    ("PutBucketVersioning", false),
    ("GetBucketTagging", true),
    ("PutBucketTagging", false),
    ("DeleteBucketTagging", false),
    ("GetObjectLockConfiguration", true),
];

/// What S3 holds in one account and region: buckets by name.
#[derive(Clone, Default)]
pub(crate) struct S3State {
    buckets: BTreeMap<String, Bucket>,
}

/// Answers one operation.
pub(crate) fn call(turn: &mut Turn<'_>, operation: &str, input: &Input) -> Option<Answer> {
    Some(match operation {
        "CreateBucket" => buckets::create(turn, input),
        "HeadBucket" => buckets::head(turn, input),
        "DeleteBucket" => buckets::delete(turn, input),
        "ListBuckets" => buckets::list(turn, input),
        "GetBucketLocation" => buckets::location(turn, input),
        "GetPublicAccessBlock" => settings::get_public_access(turn, input),
        "PutPublicAccessBlock" => settings::put_public_access(turn, input),
        "DeletePublicAccessBlock" => settings::delete_public_access(turn, input),
        "GetBucketEncryption" => settings::get_encryption(turn, input),
        "PutBucketEncryption" => settings::put_encryption(turn, input),
        "DeleteBucketEncryption" => settings::delete_encryption(turn, input),
        "GetBucketPolicy" => bucket_policy::get(turn, input),
        "PutBucketPolicy" => bucket_policy::put(turn, input),
        "DeleteBucketPolicy" => bucket_policy::delete(turn, input),
        "GetBucketPolicyStatus" => bucket_policy::status(turn, input),
        "GetBucketOwnershipControls" => settings::get_ownership(turn, input),
        "PutBucketOwnershipControls" => settings::put_ownership(turn, input),
        "GetBucketLifecycleConfiguration" => settings::get_lifecycle(turn, input),
        "PutBucketLifecycleConfiguration" => settings::put_lifecycle(turn, input),
        "DeleteBucketLifecycle" => settings::delete_lifecycle(turn, input),
        "GetBucketVersioning" => settings::get_versioning(turn, input),
        "PutBucketVersioning" => settings::put_versioning(turn, input),
        "GetBucketTagging" => settings::get_tagging(turn, input),
        "PutBucketTagging" => settings::put_tagging(turn, input),
        "DeleteBucketTagging" => settings::delete_tagging(turn, input),
        "GetObjectLockConfiguration" => settings::get_object_lock(turn, input),
        _ => return None,
    })
}

fn denied() -> ApiError {
    ApiError::new("AccessDenied", "Access Denied").with_status(403)
}

fn malformed() -> ApiError {
    ApiError::new(
        "MalformedXML",
        "The XML you provided was not well-formed or did not validate against our published schema",
    )
}

fn unset(code: &'static str, message: &str) -> ApiError {
    ApiError::new(code, message).with_status(404)
}

/// The bucket that a request names, when it is here and the caller's.
fn bucket<'a>(turn: &'a mut Turn<'_>, input: &Input) -> Result<&'a mut Bucket, ApiError> {
    let name = text(input, "Bucket").unwrap_or_default();
    let missing = || {
        ApiError::new("NoSuchBucket", "The specified bucket does not exist").with_status(404).with("BucketName", name)
    };
    let entry = read(turn.directory).buckets.get(name).cloned().ok_or_else(missing)?;
    if entry.region != turn.scope.region {
        let message = "The bucket you are attempting to access must be addressed using the specified endpoint. Please send all future requests to this endpoint.";
        return Err(ApiError::new("PermanentRedirect", message)
            .with_status(301)
            .with("Bucket", name)
            .with("Endpoint", format!("{name}.s3.{}.amazonaws.com", entry.region))
            .with("x-amz-bucket-region", entry.region));
    }
    let expected = text(input, "ExpectedBucketOwner");
    if entry.account != turn.scope.account || expected.is_some_and(|account| account != entry.account) {
        return Err(denied().with("x-amz-bucket-region", entry.region));
    }
    turn.cell.s3.buckets.get_mut(name).ok_or_else(missing)
}

/// A structure of the request.
fn structure<'a>(input: &'a Input, member: &str) -> Result<&'a Input, ApiError> {
    input.get(member).and_then(Value::as_object).ok_or_else(malformed)
}

/// A list of structures in a structure.
fn rules<'a>(input: &'a Input, member: &str) -> Result<&'a Vec<Value>, ApiError> {
    let rules = structure(input, member)?.get("Rules").and_then(Value::as_array);
    rules.filter(|rules| !rules.is_empty()).ok_or_else(malformed)
}
