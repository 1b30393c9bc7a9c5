//! Events that change a log group (README.md, Events).

use reconciler_model::attribution::trail_events::{TrailEvent, renamed, replaced};
use serde_json::json;

const SOURCE: &str = "logs.amazonaws.com";
const NAME: &[&str] = &["/requestParameters/logGroupName"];
const KEYED: &[&str] = &["/requestParameters/logGroupName", "/requestParameters/resourceIdentifier"];
const IDENTIFIER: &[&str] = &["/requestParameters/logGroupIdentifier"];
const RETENTION: (&str, &str) = ("retentionInDays", "retentionInDays");
const KEY: (&str, &str) = ("kmsKeyId", "kmsKeyId");
const PROTECTION: (&str, &str) = ("deletionProtectionEnabled", "deletionProtectionEnabled");

pub(super) const TRAIL_EVENTS: &[TrailEvent] = &[
    TrailEvent::new(SOURCE, "CreateLogGroup", NAME).creates(Some("/requestParameters/logGroupName")).shows(
        |parameters| {
            let mut set = replaced(parameters, &[KEY, ("logGroupClass", "logGroupClass"), PROTECTION])?;
            // It is set afterwards.
            set["retentionInDays"] = json!(null);
            Some(set)
        },
    ),
    TrailEvent::new(SOURCE, "PutRetentionPolicy", NAME)
        .of(&[RETENTION.0])
        .shows(|parameters| renamed(parameters, &[RETENTION])),
    TrailEvent::new(SOURCE, "DeleteRetentionPolicy", NAME)
        .of(&[RETENTION.0])
        .shows(|_| Some(json!({"retentionInDays": null}))),
    TrailEvent::new(SOURCE, "AssociateKmsKey", KEYED).of(&[KEY.0]).shows(|parameters| renamed(parameters, &[KEY])),
    TrailEvent::new(SOURCE, "DisassociateKmsKey", KEYED).of(&[KEY.0]).shows(|_| Some(json!({"kmsKeyId": null}))),
    TrailEvent::new(SOURCE, "PutLogGroupDeletionProtection", IDENTIFIER)
        .of(&[PROTECTION.0])
        .shows(|parameters| renamed(parameters, &[PROTECTION])),
    // A policy of the account decides over the retention of many groups, which its record does not name.
    TrailEvent::new(SOURCE, "PutAccountPolicy", &[]).of(&[RETENTION.0]),
    TrailEvent::new(SOURCE, "DeleteAccountPolicy", &[]).of(&[RETENTION.0]),
    TrailEvent::new(SOURCE, "DeleteLogGroup", NAME).removes(),
];
