//! The normal form of a Bedrock policy, its limits and directions (README.md, Content).

use std::borrow::Cow;

use reconciler_model::address::ScopeKind;
use reconciler_model::codes;
use reconciler_model::diagnostic::Problem;
use reconciler_model::digest;
use reconciler_model::direction::Direction;
use reconciler_model::inventory::ObservedResource;
use reconciler_model::kind::{Adopted, Contract, Kind, Normalised, Origin, Output, PinnedAs, Place, Situation};
use reconciler_model::plan::{Call, Proposal};
use reconciler_model::tree::{Difference, Path};
use reconciler_model::typed_spec;
use schemars::{JsonSchema, Schema, SchemaGenerator, json_schema};
use serde::de::Error as _;
use serde::{Deserialize, Deserializer, Serialize};
use serde_json::{Value, json};

use super::{BedrockPolicy, content, effective};
use crate::shared::normal::{OVERRULED, overruled_of, set_overruled, without};
use crate::shared::organizations::spec::{self, CONTENT, Spec, TARGETS};
use crate::shared::organizations::steps::OrganizationContext;
use crate::shared::organizations::{self, Longest, PolicyType, steps};

/// Bedrock policies, for the calls. That they may have 10000 characters, as other management policies, is a hypothesis
/// (README.md, Hypotheses).
pub(super) static TYPE: PolicyType = PolicyType {
    // Another guardrail would be enforced meanwhile.
    attaches_first: |_| false,
    holds_on: None,
    overruled: Some(effective::differences),
    crowded_from: 10,
    wire: "BEDROCK_POLICY",
    kind: &BedrockPolicy,
    text_of: |content| content.is_object().then(|| digest::canonical(content)),
    is_content: |text| serde_json::from_str::<Value>(text).is_ok_and(|content| content.is_object()),
    longest: Longest { surely: 10_000, at_most: 10_000 },
};

/// The content: a tree, written as such or as JSON text.
#[derive(Debug, PartialEq, Eq, Serialize)]
struct Content(Value);

impl<'de> Deserialize<'de> for Content {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let value = match Value::deserialize(deserializer)? {
            Value::String(text) => serde_json::from_str(&text).map_err(D::Error::custom)?,
            value => value,
        };
        match value.is_object() {
            true => Ok(Self(value)),
            false => Err(D::Error::custom("expected the tree of a Bedrock policy, or its JSON text")),
        }
    }
}

impl JsonSchema for Content {
    fn schema_name() -> Cow<'static, str> {
        "BedrockPolicy".into()
    }

    fn json_schema(_: &mut SchemaGenerator) -> Schema {
        // Members that this build does not know are kept and compared, so only what it knows is held to a shape.
        let names = content::names();
        let configuration = json!({
            "type": "object",
            "description": "One configuration, by a name of your choice. Its values stand below operators.",
            "propertyNames": names,
            "properties": {
                "identifier": {
                    "type": "object",
                    "description": "The guardrail and the number of one of its published versions, as an ARN.",
                    "propertyNames": names,
                    "properties": {"@@assign": {"type": "string", "description": "The ARN of the guardrail, a colon, and the number of the version."}},
                    "required": ["@@assign"],
                },
            },
            "required": ["identifier"],
        });
        let region = json!({
            "type": "object",
            "description": "Configurations by name; all of a region name the same guardrail.",
            "propertyNames": names,
            "patternProperties": {"^@@": true},
            "additionalProperties": configuration,
        });
        json_schema!({
            "description": "A Bedrock policy with the operators of management policies, or its JSON text.",
            "anyOf": [
                {
                    "type": "object",
                    "properties": {"bedrock": {
                        "type": "object",
                        "description": "What the policy says about Amazon Bedrock.",
                        "propertyNames": names,
                        "properties": {"guardrail_inference": {
                            "type": "object",
                            "description": "The guardrail that is enforced on model calls, by region.",
                            "propertyNames": names,
                            "patternProperties": {"^@@": true},
                            "additionalProperties": region,
                        }},
                        "required": ["guardrail_inference"],
                    }},
                    "required": ["bedrock"],
                    "additionalProperties": false,
                },
                {"type": "string", "pattern": r"^\s*\{|^\$\{"},
            ],
        })
    }
}

/// Refuses guardrails that the organization could not use: they have to be those of the management account
/// (README.md, What makes models unusable).
fn refuse_foreign_guardrails(situation: &Situation<'_>, proposal: &mut Proposal) {
    let management = OrganizationContext::of(situation).management_account;
    let content = situation.target.get(CONTENT).unwrap_or(&Value::Null);
    let foreign: Vec<&str> =
        content::identifiers(content).iter().map(|one| one.account).filter(|account| *account != management).collect();
    if let (Some(account), false) = (foreign.first(), management.is_empty()) {
        let detail = format!(
            "the guardrail is one of {account}, and only one of the management account {management} may be enforced: models would \
             become unusable in every target"
        );
        proposal.refusals.push((codes::CONTRADICTION, detail));
        proposal.steps.clear();
    }
}

/// What only a caller can find out (README.md, What makes models unusable).
fn say_what_is_not_checked(proposal: &mut Proposal) {
    let writes = |action: &str| matches!(action, "create" | "update" | "attach");
    if proposal.steps.iter().any(|step| writes(step.action)) {
        let detail = "not checked: that the guardrail's resource policy lets the organization apply it, and that the version is \
                      there; a wrong one makes models unusable in every target. Look at DescribeEffectivePolicy in a member \
                      account, and call a model there";
        proposal.notes.push((codes::ENFORCED_UNSEEN, detail.to_owned()));
    }
}

static CONTRACT: Contract = Contract {
    name: "bedrock-policy",
    about: "A Bedrock policy of AWS Organizations: the guardrails that every model call of its targets goes through.",
    scope: ScopeKind::Organization,
    stage: 100,
    check_name: spec::check_name,
    spec: typed_spec!(Spec<Content>),
    request_side_names: spec::REQUEST_SIDE,
    outputs: &[Output::new("policyId")],
    trail_events: organizations::trail_events::TRAIL_EVENTS,
    element_ids: organizations::element_ids,
    // A unit protects whom it has: accounts are moved out of it, and units are renamed.
    pinned_as: Some(PinnedAs::Reach(TARGETS)),
    to_read: &[
        "organizations:ListPolicies",
        "organizations:ListPoliciesForTarget",
        "organizations:DescribePolicy",
        "organizations:ListTargetsForPolicy",
        "organizations:ListTagsForResource",
        "organizations:ListRoots",
        "organizations:ListOrganizationalUnitsForParent",
        "organizations:ListAccountsForParent",
        "organizations:DescribeEffectivePolicy",
    ],
    to_restore: spec::TO_RESTORE,
    adopted: Adopted::WhereThere,
    ..Contract::DEFAULT
};

impl Kind for BedrockPolicy {
    fn contract(&self) -> &'static Contract {
        &CONTRACT
    }

    fn normalise(&self, source: &Value, origin: Origin) -> Normalised {
        let mut normalised =
            spec::normalise::<Content>(&without(source, overruled_of(origin)), origin, CONTRACT.fields());
        set_overruled(&mut normalised.tree, source, origin);
        normalised
    }

    fn declare(&self, live: &Value) -> Result<Value, String> {
        spec::declare(&without(live, &[OVERRULED]), CONTRACT.list_keys())
    }

    fn check(&self, tree: &Value) -> Vec<Problem> {
        let mut problems = spec::check(&TYPE, tree);
        problems.extend(tree.get(CONTENT).filter(|content| !content.is_null()).into_iter().flat_map(content::check));
        problems
    }

    fn direction(&self, path: &Path, live: Option<&Value>, want: Option<&Value>) -> Direction {
        match path.parts()[..] {
            [CONTENT, ref inside @ ..] => content::direction(inside, live, want),
            [OVERRULED, ..] => Direction::Weakened,
            _ => spec::direction(&CONTRACT, path, live, want),
        }
    }

    /// The policy of a unit overrules those above it: one more attachment may take a better one away.
    fn direction_of(
        &self,
        _live: &ObservedResource,
        Difference { path, .. }: &Difference,
        found: Direction,
    ) -> Direction {
        match path.head() {
            Some(TARGETS) if found == Direction::Strengthened => Direction::Unknown,
            _ => found,
        }
    }

    fn arns(&self, call: &Call, _place: &Place<'_>, _name: &str, live: Option<&ObservedResource>) -> Vec<String> {
        organizations::arns(call, live)
    }

    fn steps(&self, situation: &Situation<'_>) -> Proposal {
        let mut proposal = steps::propose(&TYPE, situation);
        if !situation.differs.is_empty() {
            refuse_foreign_guardrails(situation, &mut proposal);
        }
        say_what_is_not_checked(&mut proposal);
        if situation.differs_in(OVERRULED) {
            let accounts = situation.live.and_then(|live| live.tree[OVERRULED].as_object());
            let accounts: Vec<&str> = accounts.into_iter().flatten().map(|(account, _)| account.as_str()).collect();
            let detail = format!(
                "in {} something else is effective than this policy says: a policy that is attached below its targets, or beside it, \
                 overrules it; detach that one, or declare it",
                accounts.join(", ")
            );
            proposal.refusals.push((codes::OVERRULED, detail));
        }
        proposal
    }
}
