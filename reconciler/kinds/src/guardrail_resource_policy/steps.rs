//! From the drift of a guardrail's resource policy to the one call that replaces or deletes it.

use reconciler_model::codes;
use reconciler_model::kind::Situation;
use reconciler_model::plan::{Call, ExpectedState, Proposal, ProposedStep};
use reconciler_model::policy::Policy;
use serde_json::{Value, json};

use super::spec::POLICY;
use crate::shared::guardrails::NAME;

pub(super) fn propose(situation: &Situation<'_>) -> Proposal {
    let mut proposal = Proposal::default();
    let wanted = situation.target.get(POLICY).filter(|policy| !policy.is_null());
    let Some(live) = situation.live else {
        if wanted.is_some() {
            let detail = format!("waits for the guardrail {}, which is not there", situation.name);
            proposal.notes.push((codes::WAITS, detail));
        }
        return proposal;
    };
    if let Some(today) = live.tree.get(NAME).filter(|_| situation.differs_in(NAME)) {
        let detail = format!(
            "the pinned guardrail is called {today} today: it is named back where it is declared itself, and by people elsewhere; \
             its policy is held meanwhile"
        );
        proposal.notes.push((codes::NAME_TAKEN, detail));
    }
    if !situation.differs_in(POLICY) {
        return proposal;
    }
    let arn = live.external_id.get("guardrailArn").and_then(Value::as_str).unwrap_or_default();
    let unknown = live.tree.get(POLICY).and_then(|document| Policy::from_value(document).ok());
    let unknown = unknown.map(|policy| policy.unknown()).unwrap_or_default();
    if wanted.is_some() && !unknown.is_empty() {
        for (path, _) in unknown {
            let detail =
                format!("PutResourcePolicy replaces the whole document, and this build does not know {POLICY}.{path}");
            proposal.refusals.push((codes::EXTRA_REFUSED, detail));
        }
        return proposal;
    }
    let (action, summary, operation, request) = match wanted {
        Some(document) => {
            let text = match Policy::from_value(document) {
                Ok(policy) => policy.to_minified_json(),
                Err(error) => {
                    proposal.refusals.push((codes::WRONG_SHAPE, error.to_string()));
                    return proposal;
                }
            };
            let request = json!({ "resourceArn": arn, POLICY: text });
            let summary = "put the resource policy of the guardrail back; the call replaces it whole";
            ("update", summary, "PutResourcePolicy", request)
        }
        None => {
            let summary = "delete the resource policy of the guardrail, which must have none";
            ("delete", summary, "DeleteResourcePolicy", json!({ "resourceArn": arn }))
        }
    };
    proposal.steps.push(ProposedStep {
        action,
        summary: summary.into(),
        call: Call::new("bedrock", operation, request),
        expected_state: ExpectedState { tree: json!({ POLICY: wanted }), ..ExpectedState::default() },
        ..ProposedStep::default()
    });
    proposal
}
