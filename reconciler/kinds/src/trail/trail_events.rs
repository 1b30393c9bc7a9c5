//! Events that change a trail (README.md, Events): in its home region.

use reconciler_model::attribution::trail_events::{TrailEvent, renamed};
use serde_json::{Value, json};

const SOURCE: &str = "cloudtrail.amazonaws.com";
const NAME: &[&str] = &["/requestParameters/name"];
const OF_SELECTORS: &[&str] = &["/requestParameters/trailName"];
const TAGGED: &[&str] = &["/requestParameters/resourceId"];

/// Settings, under the names of the request; the record writes them with small first letters.
const SETTINGS: &[(&str, &str)] = &[
    ("s3BucketName", "s3BucketName"),
    ("s3KeyPrefix", "s3KeyPrefix"),
    ("snsTopicARN", "snsTopicName"),
    ("includeGlobalServiceEvents", "includeGlobalServiceEvents"),
    ("isMultiRegionTrail", "isMultiRegionTrail"),
    ("isOrganizationTrail", "isOrganizationTrail"),
    ("logFileValidationEnabled", "enableLogFileValidation"),
    ("cloudWatchLogsLogGroupArn", "cloudWatchLogsLogGroupArn"),
    ("cloudWatchLogsRoleArn", "cloudWatchLogsRoleArn"),
    ("kmsKeyId", "kmsKeyId"),
    ("recursiveLogging", "recursiveLogging"),
];
const MEMBERS: &[&str] = &[
    "s3BucketName",
    "s3KeyPrefix",
    "snsTopicARN",
    "includeGlobalServiceEvents",
    "isMultiRegionTrail",
    "isOrganizationTrail",
    "logFileValidationEnabled",
    "cloudWatchLogsLogGroupArn",
    "cloudWatchLogsRoleArn",
    "kmsKeyId",
    "recursiveLogging",
];

fn selectors(parameters: &Value) -> Option<Value> {
    let names = [("eventSelectors", "eventSelectors"), ("advancedEventSelectors", "advancedEventSelectors")];
    let mut set = renamed(parameters, &names)?;
    // The two kinds of selectors overwrite each other.
    for (one, other) in [("eventSelectors", "advancedEventSelectors"), ("advancedEventSelectors", "eventSelectors")] {
        if set.get(one).is_some() && set.get(other).is_none() {
            set[other] = json!(null);
        }
    }
    Some(set)
}

pub(super) const TRAIL_EVENTS: &[TrailEvent] = &[
    TrailEvent::new(SOURCE, "CreateTrail", NAME).creates(Some("/requestParameters/name")).shows(|parameters| {
        let mut set = renamed(parameters, SETTINGS)?;
        // CreateTrail does not start it.
        set["isLogging"] = json!(false);
        if let Some(tags) = parameters.get("tagsList") {
            set["tags"] = tags.clone();
        }
        Some(set)
    }),
    TrailEvent::new(SOURCE, "UpdateTrail", NAME).of(MEMBERS).shows(|parameters| renamed(parameters, SETTINGS)),
    TrailEvent::new(SOURCE, "PutEventSelectors", OF_SELECTORS)
        .of(&["eventSelectors", "advancedEventSelectors"])
        .shows(selectors),
    TrailEvent::new(SOURCE, "StartLogging", NAME).of(&["isLogging"]).shows(|_| Some(json!({"isLogging": true}))),
    TrailEvent::new(SOURCE, "StopLogging", NAME).of(&["isLogging"]).shows(|_| Some(json!({"isLogging": false}))),
    TrailEvent::new(SOURCE, "AddTags", TAGGED)
        .of(&["tags"])
        .elements(&["/requestParameters/tagsList"])
        .shows(|parameters| renamed(parameters, &[("tags", "tagsList")])),
    // The request names the key, and may name the value too.
    TrailEvent::new(SOURCE, "RemoveTags", TAGGED)
        .of(&["tags"])
        .elements(&["/requestParameters/tagsList"])
        .leaves(false),
    TrailEvent::new(SOURCE, "DeleteTrail", NAME).removes(),
];
