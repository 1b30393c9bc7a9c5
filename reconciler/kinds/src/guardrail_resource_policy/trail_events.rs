//! Events that change the resource policy of a guardrail (README.md, Events).

use reconciler_model::attribution::trail_events::{TrailEvent, renamed};
use serde_json::json;

const SOURCE: &str = "bedrock.amazonaws.com";
const ARN: &[&str] = &["/requestParameters/resourceArn"];

pub(super) const TRAIL_EVENTS: &[TrailEvent] = &[
    TrailEvent::new(SOURCE, "PutResourcePolicy", ARN)
        .shows(|parameters| renamed(parameters, &[("resourcePolicy", "resourcePolicy")])),
    TrailEvent::new(SOURCE, "DeleteResourcePolicy", ARN).ends().shows(|_| Some(json!({"resourcePolicy": null}))),
];
