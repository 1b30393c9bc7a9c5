//! Events that change a bucket (README.md, Events). Some have another name than their operation.

use reconciler_model::attribution::trail_events::{TrailEvent, renamed};
use serde_json::json;

const SOURCE: &str = "s3.amazonaws.com";
const NAME: &[&str] = &["/requestParameters/bucketName"];

macro_rules! gone {
    ($event:literal, $member:literal) => {
        TrailEvent::new(SOURCE, $event, NAME).of(&[$member]).shows(|_| Some(json!({$member: null})))
    };
}

pub(super) const TRAIL_EVENTS: &[TrailEvent] = &[
    TrailEvent::new(SOURCE, "CreateBucket", NAME).creates(Some("/requestParameters/bucketName")),
    TrailEvent::new(SOURCE, "DeleteBucket", NAME).removes(),
    TrailEvent::new(SOURCE, "PutBucketPublicAccessBlock", NAME)
        .of(&["publicAccessBlockConfiguration"])
        .shows(access_block),
    gone!("DeleteBucketPublicAccessBlock", "publicAccessBlockConfiguration"),
    TrailEvent::new(SOURCE, "PutBucketOwnershipControls", NAME)
        .of(&["ownershipControls"])
        .shows(|parameters| configuration(parameters, "OwnershipControls")),
    gone!("DeleteBucketOwnershipControls", "ownershipControls"),
    TrailEvent::new(SOURCE, "PutBucketEncryption", NAME)
        .of(&["serverSideEncryptionConfiguration"])
        .shows(|parameters| configuration(parameters, "ServerSideEncryptionConfiguration")),
    // S3 goes on with its own default.
    TrailEvent::new(SOURCE, "DeleteBucketEncryption", NAME).of(&["serverSideEncryptionConfiguration"]),
    TrailEvent::new(SOURCE, "PutBucketPolicy", NAME)
        .of(&["policy"])
        .shows(|parameters| renamed(parameters, &[("policy", "bucketPolicy")])),
    gone!("DeleteBucketPolicy", "policy"),
    TrailEvent::new(SOURCE, "PutBucketLifecycle", NAME)
        .of(&["lifecycleConfiguration"])
        .shows(|parameters| configuration(parameters, "LifecycleConfiguration")),
    gone!("DeleteBucketLifecycle", "lifecycleConfiguration"),
    TrailEvent::new(SOURCE, "PutBucketVersioning", NAME)
        .of(&["versioningConfiguration"])
        .shows(|parameters| configuration(parameters, "VersioningConfiguration")),
    TrailEvent::new(SOURCE, "PutBucketTagging", NAME).of(&["tags"]),
    TrailEvent::new(SOURCE, "DeleteBucketTagging", NAME).of(&["tags"]),
];

/// The four settings; the record has them beside the namespace of the XML.
fn access_block(parameters: &serde_json::Value) -> Option<serde_json::Value> {
    let given = parameters.get("PublicAccessBlockConfiguration")?.as_object()?;
    let names = ["BlockPublicAcls", "IgnorePublicAcls", "BlockPublicPolicy", "RestrictPublicBuckets"];
    let set = names.iter().map(|name| {
        let lowered = name[..1].to_ascii_lowercase() + &name[1..];
        (lowered, json!(given.get(*name).is_some_and(|value| *value == true || *value == "true")))
    });
    Some(json!({"publicAccessBlockConfiguration": set.collect::<serde_json::Map<_, _>>()}))
}

/// A configuration under the names of the answer: as its XML, with small first letters. Where the record writes it in another
/// way, it cannot be read, and nothing is compared.
fn configuration(parameters: &serde_json::Value, member: &str) -> Option<serde_json::Value> {
    let given = parameters.get(member).filter(|given| given.is_object())?;
    Some(crate::shared::normal::lowered(&json!({member: given})))
}
