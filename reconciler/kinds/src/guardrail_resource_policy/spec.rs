//! The normal form of a guardrail's resource policy and the direction of its differences.

use reconciler_model::address::ScopeKind;
use reconciler_model::diagnostic::Problem;
use reconciler_model::direction::Direction;
use reconciler_model::inventory::ObservedResource;
use reconciler_model::kind::{self, Adopted, Contract, Identity, Kind, Normalised, Origin, PinnedAs, Place, Situation};
use reconciler_model::plan::{Call, Proposal};
use reconciler_model::policy::Document;
use reconciler_model::tree::Path;
use reconciler_model::{member, typed_spec};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use serde_json::Value;

use super::{GuardrailResourcePolicy, steps, validation};
use crate::shared::arns;
use crate::shared::guardrails::{NAME, hold_to_name, leave_out_own_name};
use crate::shared::normal::as_answered;

pub(super) const POLICY: &str = member!(Spec, resource_policy);

/// The policy as GetResourcePolicy answers it.
#[derive(Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
struct Spec {
    /// The document; `null` for none. Its resource is the guardrail: `${ref:guardrail/NAME.guardrailArn}`.
    #[serde(default)]
    resource_policy: Option<Document>,
}

static CONTRACT: Contract = Contract {
    name: "guardrail-resource-policy",
    about: "The resource policy of the guardrail of the same name: who may apply it beside its own account.",
    scope: ScopeKind::Region,
    stage: 85,
    spec: typed_spec!(Spec),
    request_side_names: &[
        ("policy", POLICY),
        ("resourceArn", "the name of the declaration, beside spec: that of the guardrail"),
    ],
    // A grant that is lost protects nobody: what the organization enforces can no longer be applied. So a document that
    // grants less is not kept as a stronger one.
    documents_grant: true,
    trail_events: super::trail_events::TRAIL_EVENTS,
    pinned_as: Some(PinnedAs::Name("guardrail/")),
    identity: Some(Identity::new(NAME, |want, name, _| hold_to_name(want, name))),
    named_after: Some("guardrail"),
    to_read: &["bedrock:ListGuardrails", "bedrock:GetResourcePolicy"],
    to_restore: &["bedrock:PutResourcePolicy", "bedrock:DeleteResourcePolicy"],
    adopted: Adopted::WhereThere,
    ..Contract::DEFAULT
};

impl Kind for GuardrailResourcePolicy {
    fn contract(&self) -> &'static Contract {
        &CONTRACT
    }

    fn normalise(&self, spec: &Value, origin: Origin) -> Normalised {
        kind::normalise_as::<Spec>(&as_answered(spec, origin), origin, CONTRACT.fields())
    }

    fn check(&self, tree: &Value) -> Vec<Problem> {
        validation::check(tree)
    }

    fn direction(&self, path: &Path, live: Option<&Value>, want: Option<&Value>) -> Direction {
        match (path.parts().as_slice(), live, want) {
            // Others were let in.
            ([POLICY], Some(_), None) => Direction::Weakened,
            // Another one can take its name, while callers go on naming this one by its id.
            ([NAME], ..) => Direction::Weakened,
            // What the organization enforces cannot be applied: model calls of its accounts fail.
            _ => Direction::Unknown,
        }
    }

    fn arns(&self, _call: &Call, _place: &Place<'_>, _name: &str, live: Option<&ObservedResource>) -> Vec<String> {
        arns::known(live, "guardrailArn").into_iter().collect()
    }

    fn leave_out(&self, managed: &mut Value, live: &Value, want: &Value) {
        leave_out_own_name(managed, live, want);
    }

    fn steps(&self, situation: &Situation<'_>) -> Proposal {
        steps::propose(situation)
    }
}
