//! Events that change the resource policy of a guardrail (README.md, Events).

use reconciler_model::cause::{Cause, renamed};
use serde_json::json;

const SOURCE: &str = "bedrock.amazonaws.com";
const ARN: &[&str] = &["/requestParameters/resourceArn"];

pub(super) const CAUSES: &[Cause] = &[
    Cause::new(SOURCE, "PutResourcePolicy", ARN)
        .shows(|parameters| renamed(parameters, &[("resourcePolicy", "resourcePolicy")])),
    Cause::new(SOURCE, "DeleteResourcePolicy", ARN).shows(|_| Some(json!({"resourcePolicy": null}))),
];
