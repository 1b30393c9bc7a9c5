//! The normal form of an organization policy (README.md, Limits), whatever its content.

use reconciler_model::codes;
use reconciler_model::diagnostic::Problem;
use reconciler_model::direction::{self, Direction};
use reconciler_model::kind::{self, Contract, Fields, Normalised, Origin};
use reconciler_model::member;
use reconciler_model::tree::{ListKeys, Path};
use schemars::JsonSchema;
use serde::de::DeserializeOwned;
use serde::{Deserialize, Serialize};
use serde_json::{Value, json};

use super::PolicyType;
use super::targets::Targets;
use crate::shared::normal::as_answered;
use crate::shared::tags::{Tags, is_of_aws};

/// The member that holds what the policy says.
pub(crate) const CONTENT: &str = member!(Spec<()>, content);
/// The member that holds what the policy is attached to.
pub(crate) const TARGETS: &str = member!(Spec<()>, targets);
pub(crate) const DESCRIPTION: &str = member!(Spec<()>, description);
pub(crate) const TAGS: &str = member!(Spec<()>, tags);

const LONGEST_NAME: usize = 128;
const LONGEST_DESCRIPTION: usize = 512;
const MOST_TAGS: usize = 50;
const LONGEST_KEY: usize = 128;
const LONGEST_VALUE: usize = 256;

/// A policy as DescribePolicy, ListTargetsForPolicy and ListTagsForResource answer it, without what the service owns.
#[derive(Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
#[schemars(rename = "Spec")]
pub(crate) struct Spec<C> {
    /// What the policy is for, for people: at most 512 characters.
    #[schemars(extend("x-direction" = "neutral", "x-default" = ""))]
    description: Option<String>,
    /// What the policy says, complete.
    content: Option<C>,
    /// What the policy is attached to, complete: `Root`, paths of units such as `Workloads/Production`, account ids.
    #[schemars(extend("x-default" = {}))]
    targets: Option<Targets>,
    /// Tags; only those that are named are managed.
    tags: Option<Tags>,
}

/// Request-side names, and those of the answer.
pub(crate) const REQUEST_SIDE: &[(&str, &str)] = &[
    ("policyDocument", CONTENT),
    ("targetIds", TARGETS),
    ("targetId", TARGETS),
    ("name", "the name of the declaration, beside spec"),
    ("type", "the kind of the declaration"),
];

/// What the caller needs to read a policy.
pub(crate) const TO_READ: &[&str] = &[
    "organizations:ListPolicies",
    "organizations:ListPoliciesForTarget",
    "organizations:DescribePolicy",
    "organizations:ListTargetsForPolicy",
    "organizations:ListTagsForResource",
    "organizations:ListRoots",
    "organizations:ListOrganizationalUnitsForParent",
];

/// What the caller needs to restore one.
pub(crate) const TO_RESTORE: &[&str] = &[
    "organizations:CreatePolicy",
    "organizations:UpdatePolicy",
    "organizations:AttachPolicy",
    "organizations:DetachPolicy",
    "organizations:EnablePolicyType",
    "organizations:TagResource",
];

/// Brings a spec into normal form.
pub(crate) fn normalise<C: DeserializeOwned + Serialize>(spec: &Value, origin: Origin, fields: &Fields) -> Normalised {
    kind::normalise_as::<Spec<C>>(&as_answered(spec, origin), origin, fields)
}

/// The spec of a declaration for a live tree.
pub(crate) fn declare(live: &Value, keys: &ListKeys) -> Result<Value, String> {
    let mut spec = reconciler_model::tree::listed(live, keys);
    if let Some(targets) = spec.get_mut(TARGETS) {
        *targets = targets.as_object().map(|targets| targets.keys().cloned().collect()).unwrap_or_default();
    }
    if let Some(members) = spec.as_object_mut() {
        members.retain(|name, member| name != TAGS || *member != json!([]));
    }
    Ok(spec)
}

/// What is wrong with the name of a policy.
pub(crate) fn check_name(name: &str) -> Option<String> {
    let length = name.chars().count();
    if name.is_empty() || length > LONGEST_NAME {
        return Some(format!("the name of a policy has 1 to {LONGEST_NAME} characters"));
    }
    ["FullAWSAccess", "RCPFullAWSAccess"]
        .contains(&name)
        .then(|| "this policy belongs to AWS, and can be neither created nor changed".to_owned())
}

/// What the service would reject in a declared tree, whatever its type.
pub(crate) fn check(of: &PolicyType, tree: &Value) -> Vec<Problem> {
    let mut problems = Vec::new();
    let mut limit = |path: Path, detail: String, remedy: &str| {
        problems.push(Problem { code: codes::LIMIT, path, detail, remedy: remedy.to_owned() });
    };
    let length = |value: &Value| value.as_str().map_or(0, |text| text.chars().count());
    if length(&tree[DESCRIPTION]) > LONGEST_DESCRIPTION {
        let detail = format!("a description has at most {LONGEST_DESCRIPTION} characters");
        limit(Path::of([DESCRIPTION]), detail, "shorten it");
    }
    let written = tree.get(CONTENT).and_then(|content| (of.text_of)(content)).map_or(0, |text| text.chars().count());
    if written > of.longest.at_most {
        let detail =
            format!("the policy has {written} characters without white space; at most {} fit", of.longest.at_most);
        limit(Path::of([CONTENT]), detail, "shorten it, or make two policies of it");
    }
    let tags = tree.get(TAGS).and_then(Value::as_object);
    if tags.is_some_and(|tags| tags.len() > MOST_TAGS) {
        limit(Path::of([TAGS]), format!("a policy has at most {MOST_TAGS} tags"), "remove some");
    }
    for (key, tag) in tags.into_iter().flatten() {
        let keyed = (1..=LONGEST_KEY).contains(&key.chars().count()) && !is_of_aws(key);
        if !keyed || length(&tag["value"]) > LONGEST_VALUE {
            let detail = format!(
                "the key of a tag has 1 to {LONGEST_KEY} characters and does not begin with `aws:`; a value has at most {LONGEST_VALUE}"
            );
            limit(Path::of([TAGS, key]), detail, "write a shorter tag");
        }
    }
    problems
}

/// What organizations with the older quota would reject: room that only a declaration may ask for.
pub(crate) fn check_room(of: &PolicyType, tree: &Value) -> Vec<Problem> {
    let text = tree.get(CONTENT).and_then(|content| (of.text_of)(content));
    let written = text.map_or(0, |text| text.chars().count());
    let surely = of.longest.surely;
    let detail = format!("the policy has {written} characters without white space; {surely} surely fit");
    let remedy = "keep less of what is not declared".to_owned();
    let problem = Problem { code: codes::LIMIT, path: Path::of([CONTENT]), detail, remedy };
    (written > surely).then_some(problem).into_iter().collect()
}

/// The direction of a difference outside the content. A lost target is unprotected.
pub(crate) fn direction(of: &Contract, path: &Path, live: Option<&Value>, want: Option<&Value>) -> Direction {
    match path.head() {
        Some(TARGETS) => direction::of_presence(live, want),
        _ => of.direction(path, live, want),
    }
}
