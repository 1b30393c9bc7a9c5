//! Events that change the configuration of invocation logging of an account and region (README.md, Events).

use reconciler_model::attribution::trail_events::{TrailEvent, replaced};

const SOURCE: &str = "bedrock.amazonaws.com";

/// The request has the shape of the answer, and replaces all of it.
const MEMBERS: &[(&str, &str)] = &[
    ("cloudWatchConfig", "cloudWatchConfig"),
    ("s3Config", "s3Config"),
    ("textDataDeliveryEnabled", "textDataDeliveryEnabled"),
    ("imageDataDeliveryEnabled", "imageDataDeliveryEnabled"),
    ("embeddingDataDeliveryEnabled", "embeddingDataDeliveryEnabled"),
    ("videoDataDeliveryEnabled", "videoDataDeliveryEnabled"),
    ("audioDataDeliveryEnabled", "audioDataDeliveryEnabled"),
];

pub(super) const TRAIL_EVENTS: &[TrailEvent] = &[
    TrailEvent::new(SOURCE, "PutModelInvocationLoggingConfiguration", &[])
        .creates(None)
        .shows(|parameters| replaced(parameters.get("loggingConfig")?, MEMBERS)),
    TrailEvent::new(SOURCE, "DeleteModelInvocationLoggingConfiguration", &[]).removes(),
];
