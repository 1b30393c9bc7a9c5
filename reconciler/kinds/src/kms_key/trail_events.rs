//! Events that change a KMS key or its alias (README.md, Events).

use reconciler_model::attribution::trail_events::{TrailEvent, renamed};
use serde_json::{Value, json};

const SOURCE: &str = "kms.amazonaws.com";
const KEY: &[&str] = &["/requestParameters/keyId"];
const ALIAS: &[&str] = &["/requestParameters/aliasName"];
const TAGGED: &[&str] = &["/requestParameters/keyId"];
/// Days between two rotations where EnableKeyRotation names none, as KMS documents.
const USUAL_PERIOD: u32 = 365;
const ROTATION: &[&str] = &["keyRotationEnabled", "rotationPeriodInDays"];

/// Tags, under the names that other services have for their parts.
fn tags(parameters: &Value) -> Option<Value> {
    let tag = |tag: &Value| Some(json!({"key": tag.get("tagKey")?, "value": tag.get("tagValue")?}));
    let tags: Option<Vec<Value>> = parameters.get("tags")?.as_array()?.iter().map(tag).collect();
    Some(json!({"tags": tags?}))
}

pub(super) const TRAIL_EVENTS: &[TrailEvent] = &[
    TrailEvent::new(SOURCE, "CreateKey", &["/responseElements/keyId", "/responseElements/arn"]).creates(None).shows(
        |parameters| {
            let mut set = renamed(parameters, &[("description", "description"), ("policy", "policy")])?;
            set["enabled"] = json!(true);
            set["keyRotationEnabled"] = json!(false);
            set["rotationPeriodInDays"] = json!(null);
            Some(set)
        },
    ),
    // The alias is what a key is known by: whoever points it elsewhere exchanges the key.
    TrailEvent::new(SOURCE, "CreateAlias", ALIAS)
        .of(&["targetKeyId"])
        .shows(|parameters| renamed(parameters, &[("targetKeyId", "targetKeyId")])),
    TrailEvent::new(SOURCE, "UpdateAlias", ALIAS),
    TrailEvent::new(SOURCE, "DeleteAlias", ALIAS).removes(),
    TrailEvent::new(SOURCE, "EnableKey", KEY).of(&["enabled"]).shows(|_| Some(json!({"enabled": true}))),
    TrailEvent::new(SOURCE, "DisableKey", KEY).of(&["enabled"]).shows(|_| Some(json!({"enabled": false}))),
    TrailEvent::new(SOURCE, "ScheduleKeyDeletion", KEY).ends(),
    TrailEvent::new(SOURCE, "CancelKeyDeletion", KEY),
    TrailEvent::new(SOURCE, "PutKeyPolicy", KEY)
        .of(&["policy"])
        .shows(|parameters| renamed(parameters, &[("policy", "policy")])),
    TrailEvent::new(SOURCE, "EnableKeyRotation", KEY).of(ROTATION).shows(|parameters| {
        let mut set = renamed(parameters, &[("rotationPeriodInDays", "rotationPeriodInDays")])?;
        set["keyRotationEnabled"] = json!(true);
        if set.get("rotationPeriodInDays").is_none() {
            set["rotationPeriodInDays"] = json!(USUAL_PERIOD);
        }
        Some(set)
    }),
    TrailEvent::new(SOURCE, "DisableKeyRotation", KEY)
        .of(ROTATION)
        .shows(|_| Some(json!({"keyRotationEnabled": false, "rotationPeriodInDays": null}))),
    TrailEvent::new(SOURCE, "UpdateKeyDescription", KEY)
        .of(&["description"])
        .shows(|parameters| renamed(parameters, &[("description", "description")])),
    TrailEvent::new(SOURCE, "TagResource", TAGGED).of(&["tags"]).elements(&["/requestParameters/tags"]).shows(tags),
    TrailEvent::new(SOURCE, "UntagResource", TAGGED)
        .of(&["tags"])
        .elements(&["/requestParameters/tagKeys"])
        .leaves(false),
];
