//! Events that change a guardrail (README.md, Events). CloudTrail hides names and content; it shows ids and numbers of versions.

use reconciler_model::attribution::trail_events::{TrailEvent, When, renamed};

const SOURCE: &str = "bedrock.amazonaws.com";
const ID: &[&str] = &["/requestParameters/guardrailIdentifier"];
const MADE: &[&str] = &["/responseElements/guardrailId", "/responseElements/guardrailArn"];
const VERSION: &str = "/requestParameters/guardrailVersion";
const PUBLISHED: &[&str] = &[super::spec::PUBLISHED];

/// What UpdateGuardrail replaces: the DRAFT.
const DRAFT: &[&str] = &[
    "description",
    "blockedInputMessaging",
    "blockedOutputsMessaging",
    "kmsKeyArn",
    "crossRegionDetails",
    "contentPolicy",
    "topicPolicy",
    "wordPolicy",
    "sensitiveInformationPolicy",
    "contextualGroundingPolicy",
    "automatedReasoningPolicy",
];

pub(super) const TRAIL_EVENTS: &[TrailEvent] = &[
    TrailEvent::new(SOURCE, "CreateGuardrail", MADE)
        .creates(Some("/requestParameters/name"))
        .shows(|parameters| renamed(parameters, &[("tags", "tags")])),
    TrailEvent::new(SOURCE, "UpdateGuardrail", ID).of(DRAFT).ends(),
    TrailEvent::new(SOURCE, "CreateGuardrailVersion", ID).of(PUBLISHED).publishes("/responseElements/version"),
    TrailEvent::new(SOURCE, "DeleteGuardrail", ID).when(When::Lacks(VERSION)).removes(),
    TrailEvent::new(SOURCE, "DeleteGuardrail", ID).when(When::Has(VERSION)).of(PUBLISHED),
    TrailEvent::new(SOURCE, "TagResource", &["/requestParameters/resourceARN"])
        .of(&["tags"])
        .elements(&["/requestParameters/tags"])
        .shows(|parameters| renamed(parameters, &[("tags", "tags")])),
    TrailEvent::new(SOURCE, "UntagResource", &["/requestParameters/resourceARN"])
        .of(&["tags"])
        .elements(&["/requestParameters/tagKeys"])
        .leaves(false),
];
