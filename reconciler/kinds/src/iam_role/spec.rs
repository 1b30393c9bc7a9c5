//! The normal form of a role (README.md, Documents), and the directions of its fields.

use reconciler_model::address::ScopeKind;
use reconciler_model::cause::Cause;
use reconciler_model::diagnostic::Problem;
use reconciler_model::direction::{self, Direction};
use reconciler_model::documents::ANY;
use reconciler_model::inventory::Sighting;
use reconciler_model::kind::{self, Kind, Normalised, Origin, PinnedAs, Place, Situation};
use reconciler_model::plan::{Call, Proposal};
use reconciler_model::policy::{self, Document, Policy};
use reconciler_model::tree::{self, Difference, KeyOf, Path};
use schemars::{JsonSchema, Schema};
use serde::{Deserialize, Serialize};
use serde_json::{Value, json};

use super::{IamRole, denial, limits, overruled, revocation, steps, trust};
use crate::shared::arns;
use crate::shared::normal::{OVERRULED, as_answered, overruled_of, set_overruled, without};
use crate::shared::tags::Tag;

pub(super) const TRUST: &str = "assumeRolePolicyDocument";
pub(super) const INLINE: &str = "rolePolicyList";
pub(super) const ATTACHED: &str = "attachedManagedPolicies";
pub(super) const BOUNDARY: &str = "permissionsBoundary";
pub(super) const LONGEST: &str = "maxSessionDuration";
/// Marks an element that others manage.
pub(super) const ELSEWHERE: &str = "ownedElsewhere";

/// The longest session of a role that says none, in seconds.
const DEFAULT_SESSION: u32 = 3600;

/// A role as GetRole and GetAccountAuthorizationDetails answer it, without what the service owns.
#[derive(Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
struct Spec {
    /// The path; it cannot be changed in place.
    #[serde(default)]
    path: Option<String>,
    /// For people; the service does not tell an empty one from none.
    #[serde(default)]
    description: Option<String>,
    /// The longest session in seconds, 3600 to 43200.
    #[serde(default)]
    max_session_duration: Option<u32>,
    /// Who may assume the role.
    #[serde(default)]
    assume_role_policy_document: Option<Document>,
    /// The boundary of what the role may be allowed; `null` for none.
    #[serde(default)]
    permissions_boundary: Option<Boundary>,
    /// Inline policies, complete.
    #[serde(default)]
    role_policy_list: Option<Vec<InlinePolicy>>,
    /// Attached policies, complete.
    #[serde(default)]
    attached_managed_policies: Option<Vec<AttachedPolicy>>,
    /// Tags; only those that are named are managed.
    #[serde(default)]
    tags: Option<Vec<Tag>>,
}

#[derive(Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
struct Boundary {
    /// The ARN of the policy that is the boundary.
    permissions_boundary_arn: String,
    /// What the default version of that policy says; it is held to, and not written. Left out, it is held to what is pinned of it,
    /// and judged by what it keeps the role from.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    policy_document: Option<Document>,
}

#[derive(Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
struct InlinePolicy {
    /// The policy's name.
    policy_name: String,
    /// What it says; left out where `ownedElsewhere` is `true`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    policy_document: Option<Document>,
    /// Whether others manage the policy: it may be there or not, and is neither compared nor changed.
    #[serde(default, skip_serializing_if = "is_false")]
    owned_elsewhere: bool,
}

#[derive(Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
struct AttachedPolicy {
    /// The policy's ARN.
    policy_arn: String,
    /// What the default version of that policy says; it is held to, and not written. Left out, it is held to what is pinned of it,
    /// and judged by whether it grants everything, and by what it keeps the role from. Not read of policies of AWS.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    policy_document: Option<Document>,
    /// Whether others manage the attachment: it may be there or not, and is neither compared nor changed.
    #[serde(default, skip_serializing_if = "is_false")]
    owned_elsewhere: bool,
}

#[expect(clippy::trivially_copy_pass_by_ref, reason = "serde passes references")]
fn is_false(flag: &bool) -> bool {
    !flag
}

pub(super) fn key_of(path: &Path) -> Option<&'static str> {
    match path.parts()[..] {
        ["tags"] => Some("key"),
        [INLINE] => Some("policyName"),
        [ATTACHED] => Some("policyArn"),
        [TRUST, "Statement"]
        | [INLINE | ATTACHED, _, "policyDocument", "Statement"]
        | [BOUNDARY, "policyDocument", "Statement"] => Some("Sid"),
        _ => None,
    }
}

/// Writes every default out, in the one way that equal roles share.
fn settle(tree: &mut Value) {
    let Some(members) = tree.as_object_mut() else { return };
    let defaults = [
        ("path", json!("/")),
        (LONGEST, json!(DEFAULT_SESSION)),
        (INLINE, json!({})),
        (ATTACHED, json!({})),
        ("tags", json!({})),
    ];
    for (member, default) in defaults {
        if let Some(value) = members.get_mut(member).filter(|value| value.is_null()) {
            *value = default;
        }
    }
    if let Some(description) = members.get_mut("description").filter(|description| *description == "") {
        *description = Value::Null;
    }
}

/// The inline policy of an element of the tree.
fn document(element: &Value) -> Option<Policy> {
    Policy::from_value(element.get("policyDocument")?).ok()
}

/// The direction of an inline policy that one side lacks: what it grants or denies, against nothing.
fn of_inline(live: Option<&Value>, want: Option<&Value>) -> Direction {
    let Ok(nothing) = Policy::from_value(&json!({"Version": "2012-10-17", "Statement": []})) else {
        return Direction::Unknown;
    };
    let side = |element: Option<&Value>| element.map_or_else(|| Some(nothing.clone()), document);
    match (side(live), side(want)) {
        (Some(live), Some(want)) => depended_on(policy::direction(&live, &want)),
        _ => Direction::Unknown,
    }
}

/// A control depends on what its role is granted, so that less is not stronger: see the [module](super).
fn depended_on(proved: Direction) -> Direction {
    match proved {
        Direction::Strengthened => Direction::Unknown,
        other => other,
    }
}

impl Kind for IamRole {
    fn name(&self) -> &'static str {
        "iam-role"
    }

    fn about(&self) -> &'static str {
        "An IAM role: trust policy, inline and attached policies, permissions boundary and longest session."
    }

    fn scope(&self) -> ScopeKind {
        ScopeKind::Account
    }

    fn stage(&self) -> u8 {
        20
    }

    fn key_of(&self) -> KeyOf {
        key_of
    }

    fn merged(&self) -> &'static [&'static str] {
        &["tags"]
    }

    fn policies(&self) -> &'static [&'static [&'static str]] {
        &[&[TRUST], &[INLINE, ANY, "policyDocument"], &[ATTACHED, ANY, "policyDocument"], &[BOUNDARY, "policyDocument"]]
    }

    fn left_alone(&self, want: &Value) -> Vec<Path> {
        let lists = [INLINE, ATTACHED].into_iter();
        let of = |list| {
            let elements = want.get(list).and_then(Value::as_object).into_iter().flatten();
            let marked = elements.filter(|(_, element)| element[ELSEWHERE] == true);
            marked.map(move |(name, _)| Path::of([list, name.as_str()]))
        };
        lists.flat_map(of).collect()
    }

    fn leave_out(&self, managed: &mut Value, _: &Value, want: &Value) {
        overruled::leave_out(managed, want);
    }

    fn document_direction(&self, _: &Path, proved: Direction) -> Direction {
        depended_on(proved)
    }

    fn request_side_names(&self) -> &'static [(&'static str, &'static str)] {
        &[
            ("assumeRolePolicy", TRUST),
            ("trustPolicy", TRUST),
            ("inlinePolicies", INLINE),
            ("policies", INLINE),
            ("managedPolicyArns", ATTACHED),
            ("attachedPolicies", ATTACHED),
            ("roleName", "the name of the declaration, beside spec"),
        ]
    }

    fn schema(&self) -> Schema {
        schemars::schema_for!(Spec)
    }

    fn normalise(&self, spec: &Value, origin: Origin) -> Normalised {
        let known = without(&as_answered(spec, origin), overruled_of(origin));
        let mut normalised = kind::normalise_as::<Spec>(&known, origin, key_of);
        settle(&mut normalised.tree);
        set_overruled(&mut normalised.tree, spec, origin);
        normalised
    }

    fn declare(&self, live: &Value) -> Value {
        let mut spec = without(live, &[OVERRULED]);
        if let Some(members) = spec.as_object_mut()
            && members.get("tags").is_some_and(|tags| tags.is_null() || *tags == json!({}))
        {
            members.remove("tags");
        }
        tree::listed(&spec, key_of)
    }

    fn check_name(&self, name: &str) -> Option<String> {
        limits::check_name(name)
    }

    fn check(&self, tree: &Value) -> Vec<Problem> {
        limits::check(tree)
    }

    fn direction(&self, path: &Path, live: Option<&Value>, want: Option<&Value>) -> Direction {
        match path.parts()[..] {
            // The longer a session, the longer a stolen one is of use.
            [LONGEST] => direction::of_number(want, live),
            [OVERRULED, ..] => Direction::Weakened,
            [BOUNDARY] => depended_on(direction::of_presence(live, want)),
            [INLINE, name] => match live {
                Some(live) if want.is_none() && revocation::is_one(name, live) => Direction::Strengthened,
                live => of_inline(live, want),
            },
            [ATTACHED, arn] => match (live, want) {
                (Some(_), None) if !limits::only_denies(arn) => Direction::Weakened,
                _ => Direction::Unknown,
            },
            ["tags", ..] | ["description"] | [INLINE, _, "policyName"] => Direction::Neutral,
            _ => Direction::Unknown,
        }
    }

    fn direction_of(&self, live: &Sighting, difference: &Difference, found: Direction) -> Direction {
        match difference.path.parts()[..] {
            [INLINE, ..] if found == Direction::Unknown => {
                denial::direction(&live.tree, live.facts["revokesToCome"] == false, difference).unwrap_or(found)
            }
            _ => found,
        }
    }

    fn protects(&self, live: &Sighting, path: &Path) -> bool {
        // A revocation of sessions that are yet to come does not revoke, it keeps the role from working.
        path.head() != Some(INLINE) || live.facts["revokesToCome"] != true
    }

    fn outputs(&self) -> &'static [&'static str] {
        &["arn", "roleId"]
    }

    fn output(&self, sighting: &Sighting, name: &str) -> Option<String> {
        sighting.handle.get(name)?.as_str().map(str::to_owned)
    }

    /// The path of a role that is not there yet is known to its creation alone.
    fn arns(&self, call: &Call, place: &Place<'_>, name: &str, live: Option<&Sighting>) -> Vec<String> {
        let path = call.request.get("Path").and_then(Value::as_str);
        let made = path.or((call.operation == "CreateRole").then_some("/"));
        let made = made.map(|path| format!("arn:{}:iam::{}:role{path}{name}", place.partition, place.account_id));
        arns::known(live, "arn").or(made).into_iter().collect()
    }

    fn causes(&self) -> &'static [Cause] {
        super::causes::CAUSES
    }

    fn pinned_as(&self) -> Option<PinnedAs> {
        Some(PinnedAs::Contents(&[(ATTACHED, "policyArn"), (BOUNDARY, "permissionsBoundaryArn")]))
    }

    fn held_to_floor(&self, live: &Value) -> Value {
        trust::of_bedrock(live)
    }

    fn steps(&self, situation: &Situation<'_>) -> Proposal {
        steps::propose(situation)
    }
}
