//! The normal form of a guardrail's resource policy and the direction of its differences.

use reconciler_model::address::ScopeKind;
use reconciler_model::cause::Cause;
use reconciler_model::diagnostic::Problem;
use reconciler_model::direction::Direction;
use reconciler_model::inventory::Sighting;
use reconciler_model::kind::{self, Kind, Normalised, Origin, PinnedAs, Place, Situation};
use reconciler_model::plan::{Call, Proposal};
use reconciler_model::policy::Document;
use reconciler_model::tree::{KeyOf, Path};
use schemars::{JsonSchema, Schema};
use serde::{Deserialize, Serialize};
use serde_json::Value;

use super::{GuardrailResourcePolicy, limits, steps};
use crate::shared::arns;
use crate::shared::guardrails::{NAME, hold_to_name, leave_out_own_name};
use crate::shared::normal::as_answered;

pub(super) const POLICY: &str = "resourcePolicy";

/// The policy as GetResourcePolicy answers it.
#[derive(Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
struct Spec {
    /// The document; `null` for none. Its resource is the guardrail: `${ref:guardrail/NAME.guardrailArn}`.
    #[serde(default)]
    resource_policy: Option<Document>,
}

fn key_of(path: &Path) -> Option<&'static str> {
    (path.parts() == [POLICY, "Statement"]).then_some("Sid")
}

impl Kind for GuardrailResourcePolicy {
    fn name(&self) -> &'static str {
        "guardrail-resource-policy"
    }

    fn about(&self) -> &'static str {
        "The resource policy of the guardrail of the same name: who may apply it beside its own account."
    }

    fn scope(&self) -> ScopeKind {
        ScopeKind::Region
    }

    fn stage(&self) -> u8 {
        85
    }

    fn key_of(&self) -> KeyOf {
        key_of
    }

    fn policies(&self) -> &'static [&'static [&'static str]] {
        &[&[POLICY]]
    }

    /// A grant that is lost protects nobody: what the organization enforces can no longer be applied. So a document that
    /// grants less is not kept as a stronger one.
    fn document_direction(&self, _: &Path, proved: Direction) -> Direction {
        match proved {
            Direction::Strengthened => Direction::Unknown,
            other => other,
        }
    }

    fn request_side_names(&self) -> &'static [(&'static str, &'static str)] {
        &[("policy", POLICY), ("resourceArn", "the name of the declaration, beside spec: that of the guardrail")]
    }

    fn schema(&self) -> Schema {
        schemars::schema_for!(Spec)
    }

    fn normalise(&self, spec: &Value, origin: Origin) -> Normalised {
        kind::normalise_as::<Spec>(&as_answered(spec, origin), origin, key_of)
    }

    fn check(&self, tree: &Value) -> Vec<Problem> {
        limits::check(tree)
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

    fn arns(&self, _call: &Call, _place: &Place<'_>, _name: &str, live: Option<&Sighting>) -> Vec<String> {
        arns::known(live, "guardrailArn").into_iter().collect()
    }

    fn pinned_as(&self) -> Option<PinnedAs> {
        Some(PinnedAs::Name("guardrail/"))
    }

    fn hold_to(&self, want: &mut Value, name: &str, _: &str) {
        hold_to_name(want, name);
    }

    fn leave_out(&self, managed: &mut Value, live: &Value, want: &Value) {
        leave_out_own_name(managed, live, want);
    }

    fn leads_elsewhere(&self, path: &Path) -> bool {
        path.head() == Some(NAME)
    }

    fn named_after(&self) -> Option<&'static str> {
        Some("guardrail")
    }

    fn causes(&self) -> &'static [Cause] {
        super::causes::CAUSES
    }

    fn steps(&self, situation: &Situation<'_>) -> Proposal {
        steps::propose(situation)
    }
}
