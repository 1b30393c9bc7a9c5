//! Events that change the enforced configuration of an account and region.
//!
//! Hypothesis (README.md, Hypotheses): the record shows the request as it was sent. Where it does not, nothing is compared.

use reconciler_model::attribution::trail_events::{TrailEvent, replaced};

const SOURCE: &str = "bedrock.amazonaws.com";

pub(super) const TRAIL_EVENTS: &[TrailEvent] = &[
    // There is one configuration, so that an event which makes it is one that changes it.
    TrailEvent::new(SOURCE, "PutEnforcedGuardrailConfiguration", &[]).creates(None).shows(|parameters| {
        let given = parameters.get("guardrailInferenceConfig")?;
        let mut set = replaced(
            given,
            &[
                ("guardrailVersion", "guardrailVersion"),
                ("selectiveContentGuarding", "selectiveContentGuarding"),
                ("modelEnforcement", "modelEnforcement"),
            ],
        )?;
        let named = given.get("guardrailIdentifier")?;
        let is_arn = named.as_str().is_some_and(|text| text.starts_with("arn:"));
        set[if is_arn { "guardrailArn" } else { "guardrailId" }] = named.clone();
        Some(set)
    }),
    TrailEvent::new(SOURCE, "DeleteEnforcedGuardrailConfiguration", &[]).removes(),
];
