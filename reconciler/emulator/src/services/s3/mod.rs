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
mod trail;
mod wire;

use std::collections::BTreeMap;

use serde_json::Value;

use buckets::Bucket;

use crate::error::{ApiError, Refusals};
use crate::input::{Input, text};
use crate::registry::Registry;
use crate::service::{Action, Endpoint, Events, Home, Service, Settle, reads, writes};
use crate::world::{RequestContext, Scope};

pub(crate) const SERVICE: Service = Service {
    name: "s3",
    endpoint: Endpoint::of("s3"),
    wire: &wire::WIRE,
    refusals: &REFUSALS,
    operations: OPERATIONS,
    home: Home::Request(buckets::home_region),
    events: Events {
        name: trail::event_name,
        request: |_, input| trail::request_parameters(input),
        response: |_, _| Value::Null,
        resources: |scope, input, _| trail::resources(scope.partition, input),
        ..Events::USUAL
    },
    ..Service::USUAL
};

const REFUSALS: Refusals = Refusals {
    unknown_operation: ("NotImplemented", 501),
    throttled: ("SlowDown", 503, "Please reduce your request rate."),
    denied: ("AccessDenied", 403),
    expired: ("ExpiredToken", 400, "The provided token has expired."),
    unrecognized_client: (
        "InvalidAccessKeyId",
        403,
        "The AWS Access Key Id you provided does not exist in our records.",
    ),
};

/// Every operation.
const OPERATIONS: &[Action] = &[
    writes("CreateBucket", buckets::create),
    reads("HeadBucket", buckets::head),
    writes("DeleteBucket", buckets::delete),
    reads("ListBuckets", buckets::list),
    reads("GetBucketLocation", buckets::location),
    reads("GetPublicAccessBlock", settings::get_public_access),
    writes("PutPublicAccessBlock", settings::put_public_access),
    writes("DeletePublicAccessBlock", settings::delete_public_access),
    reads("GetBucketEncryption", settings::get_encryption),
    writes("PutBucketEncryption", settings::put_encryption),
    writes("DeleteBucketEncryption", settings::delete_encryption),
    reads("GetBucketPolicy", bucket_policy::get),
    writes("PutBucketPolicy", bucket_policy::put),
    writes("DeleteBucketPolicy", bucket_policy::delete),
    reads("GetBucketPolicyStatus", bucket_policy::status),
    reads("GetBucketOwnershipControls", settings::get_ownership),
    writes("PutBucketOwnershipControls", settings::put_ownership),
    reads("GetBucketLifecycleConfiguration", settings::get_lifecycle),
    writes("PutBucketLifecycleConfiguration", settings::put_lifecycle),
    writes("DeleteBucketLifecycle", settings::delete_lifecycle),
    reads("GetBucketVersioning", settings::get_versioning),
    writes("PutBucketVersioning", settings::put_versioning),
    reads("GetBucketTagging", settings::get_tagging),
    writes("PutBucketTagging", settings::put_tagging),
    writes("DeleteBucketTagging", settings::delete_tagging),
    reads("GetObjectLockConfiguration", settings::get_object_lock),
];

/// What S3 holds in one account and region: buckets by name.
#[derive(Clone, Default)]
pub(crate) struct State {
    buckets: BTreeMap<String, Bucket>,
}

impl Settle for State {}

impl State {
    /// What Bedrock does to the policy of a bucket that it is to log to, where the bucket is here.
    pub(crate) fn allow_bedrock_logs(&mut self, scope: &Scope, registry: &Registry, name: &str, prefix: &str) {
        if let Some(bucket) = self.buckets.get_mut(name) {
            bucket_policy::allow_bedrock_logs(bucket, scope, registry, name, prefix);
        }
    }
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
fn bucket<'a>(context: &'a mut RequestContext<'_>, input: &Input) -> Result<&'a mut Bucket, ApiError> {
    let name = text(input, "Bucket").unwrap_or_default();
    let missing = || {
        ApiError::new("NoSuchBucket", "The specified bucket does not exist").with_status(404).with("BucketName", name)
    };
    let entry = context.directory.read().buckets.get(name).cloned().ok_or_else(missing)?;
    if entry.region != context.scope.region {
        let message = "The bucket you are attempting to access must be addressed using the specified endpoint. Please send all future requests to this endpoint.";
        return Err(ApiError::new("PermanentRedirect", message)
            .with_status(301)
            .with("Bucket", name)
            .with("Endpoint", format!("{name}.s3.{}.amazonaws.com", entry.region))
            .with("x-amz-bucket-region", entry.region));
    }
    let expected = text(input, "ExpectedBucketOwner");
    if entry.account != context.scope.account || expected.is_some_and(|account| account != entry.account) {
        return Err(denied().with("x-amz-bucket-region", entry.region));
    }
    context.state.s3.buckets.get_mut(name).ok_or_else(missing)
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
