//! Events that change a guardrail (README.md, Events). CloudTrail hides names and content; it shows ids and numbers of versions.

use reconciler_model::cause::{Cause, When, renamed};

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

pub(super) const CAUSES: &[Cause] = &[
    Cause::new(SOURCE, "CreateGuardrail", MADE)
        .creates(Some("/requestParameters/name"))
        .shows(|parameters| renamed(parameters, &[("tags", "tags")])),
    Cause::new(SOURCE, "UpdateGuardrail", ID).of(DRAFT),
    Cause::new(SOURCE, "CreateGuardrailVersion", ID).of(PUBLISHED).publishes("/responseElements/version"),
    Cause::new(SOURCE, "DeleteGuardrail", ID).when(When::Lacks(VERSION)).removes(),
    Cause::new(SOURCE, "DeleteGuardrail", ID).when(When::Has(VERSION)).of(PUBLISHED),
    Cause::new(SOURCE, "TagResource", &["/requestParameters/resourceARN"])
        .of(&["tags"])
        .elements(&["/requestParameters/tags"])
        .shows(|parameters| renamed(parameters, &[("tags", "tags")])),
    Cause::new(SOURCE, "UntagResource", &["/requestParameters/resourceARN"])
        .of(&["tags"])
        .elements(&["/requestParameters/tagKeys"])
        .leaves(false),
];
