//! The normal form of a service control policy, its limits and directions (README.md, Grammar).

use reconciler_model::address::ScopeKind;
use reconciler_model::codes;
use reconciler_model::diagnostic::Problem;
use reconciler_model::direction::Direction;
use reconciler_model::inventory::ObservedResource;
use reconciler_model::kind::{Contract, Kind, Normalised, Origin, Output, PinnedAs, Place, Situation};
use reconciler_model::plan::{Call, Proposal};
use reconciler_model::policy::{Policy, Scope};
use reconciler_model::tree::{Difference, Path};
use reconciler_model::typed_spec;
use serde_json::Value;

use super::{ServiceControlPolicy, lockout};
use crate::shared::organizations::spec::{self, CONTENT, Spec, TARGETS};
use crate::shared::organizations::{self, Longest, PolicyType, steps};

/// Service control policies, for the calls. 10240 characters are taken since 2026-05, and 5120 before (README.md, Limits): an
/// organization with the older quota would reject longer ones.
pub(super) static TYPE: PolicyType = PolicyType {
    attaches_first: lockout::harms_nobody,
    holds_on: Some(lockout::holds_on),
    // What they deny adds up, and what they allow has to be allowed at each level.
    overruled: None,
    crowded_from: 5,
    wire: "SERVICE_CONTROL_POLICY",
    kind: &ServiceControlPolicy,
    text_of: |content| Policy::from_value(content).ok().map(|policy| policy.to_minified_json()),
    is_content: |text| Policy::from_text(text).is_ok(),
    longest: Longest { surely: 5_120, at_most: 10_240 },
};

/// What the grammar of service control policies lacks.
fn check_grammar(policy: &Policy) -> Vec<Problem> {
    let mut problems = Vec::new();
    let mut wrong = |detail: String, remedy: &str| {
        let path = Path::of([CONTENT, "Statement"]);
        problems.push(Problem { code: codes::CONTRADICTION, path, detail, remedy: remedy.to_owned() });
    };
    if policy.statements().is_empty() {
        wrong("a service control policy has at least one statement".to_owned(), "write one, or remove the declaration");
    }
    for (index, statement) in policy.statements().iter().enumerate() {
        let name = statement.sid.clone().unwrap_or_else(|| format!("number {}", index + 1));
        if statement.principal != Scope::Unsaid {
            let remedy = "remove it; test aws:PrincipalArn in a condition instead";
            wrong(format!("the statement {name} names a principal, which a service control policy cannot"), remedy);
        }
        if statement.action == Scope::Unsaid {
            wrong(format!("the statement {name} has neither Action nor NotAction"), "say what it is about");
        }
    }
    problems
}

static CONTRACT: Contract = Contract {
    name: "service-control-policy",
    about: "A service control policy of AWS Organizations: what it says, and what it is attached to.",
    scope: ScopeKind::Organization,
    stage: 100,
    check_name: spec::check_name,
    spec: typed_spec!(Spec<Policy>),
    request_side_names: spec::REQUEST_SIDE,
    outputs: &[Output::new("policyId")],
    trail_events: organizations::trail_events::TRAIL_EVENTS,
    element_ids: organizations::element_ids,
    // A unit protects whom it has: accounts are moved out of it, and units are renamed.
    pinned_as: Some(PinnedAs::Reach(TARGETS)),
    to_read: spec::TO_READ,
    to_restore: spec::TO_RESTORE,
    ..Contract::DEFAULT
};

impl Kind for ServiceControlPolicy {
    fn contract(&self) -> &'static Contract {
        &CONTRACT
    }

    fn normalise(&self, source: &Value, origin: Origin) -> Normalised {
        spec::normalise::<Policy>(source, origin, CONTRACT.fields())
    }

    fn declare(&self, live: &Value) -> Result<Value, String> {
        spec::declare(live, CONTRACT.list_keys())
    }

    fn check(&self, tree: &Value) -> Vec<Problem> {
        let mut problems = spec::check(&TYPE, tree);
        let content = tree.get(CONTENT).filter(|content| !content.is_null());
        if let Some(policy) = content.and_then(|content| Policy::from_value(content).ok()) {
            problems.extend(check_grammar(&policy));
        }
        problems
    }

    fn check_target(&self, tree: &Value) -> Vec<Problem> {
        [self.check(tree), spec::check_room(&TYPE, tree)].concat()
    }

    fn direction(&self, path: &Path, live: Option<&Value>, want: Option<&Value>) -> Direction {
        spec::direction(&CONTRACT, path, live, want)
    }

    /// Attached to one more target, only what denies protects more; a Deny that keeps this tool out protects nothing.
    fn direction_of(
        &self,
        live: &ObservedResource,
        Difference { path, .. }: &Difference,
        found: Direction,
    ) -> Direction {
        if found != Direction::Strengthened {
            return found;
        }
        let content = live.tree.get(CONTENT).unwrap_or(&Value::Null);
        match path.parts()[..] {
            [TARGETS, ..] => lockout::attached_direction(content),
            [CONTENT, "Statement", name, ..] if lockout::blinds(content, name) => Direction::Weakened,
            _ => found,
        }
    }

    fn arns(&self, call: &Call, _place: &Place<'_>, _name: &str, live: Option<&ObservedResource>) -> Vec<String> {
        organizations::arns(call, live)
    }

    fn is_of_bedrock(&self, live: &ObservedResource) -> bool {
        live.tree.to_string().contains("bedrock")
    }

    fn steps(&self, situation: &Situation<'_>) -> Proposal {
        let mut proposal = steps::propose(&TYPE, situation);
        lockout::note(situation, &mut proposal);
        proposal
    }
}
