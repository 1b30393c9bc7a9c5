//! The normal form of a role (README.md, Documents), and the directions of its fields.

use reconciler_model::address::ScopeKind;
use reconciler_model::diagnostic::Problem;
use reconciler_model::direction::{self, Direction};
use reconciler_model::inventory::ObservedResource;
use reconciler_model::kind::{self, Adopted, Contract, Kind, Normalised, Origin, Output, PinnedAs, Place, Situation};
use reconciler_model::plan::{Call, Proposal};
use reconciler_model::policy::{self, Document, Policy};
use reconciler_model::tree::{self, Difference, Path};
use reconciler_model::{member, typed_spec};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use serde_json::{Value, json};

use super::{IamRole, denial, overruled, revocation, steps, trust, validation};
use crate::shared::arns;
use crate::shared::normal::{OVERRULED, as_answered, overruled_of, set_overruled, without};
use crate::shared::tags::Tags;

pub(super) const TRUST: &str = member!(Spec, assume_role_policy_document);
pub(super) const INLINE: &str = member!(Spec, role_policy_list);
pub(super) const ATTACHED: &str = member!(Spec, attached_managed_policies);
pub(super) const BOUNDARY: &str = member!(Spec, permissions_boundary);
pub(super) const LONGEST: &str = member!(Spec, max_session_duration);
/// The ARN of a policy, for the schema.
const POLICY_PATTERN: &str = r"^arn:[^:]*:iam::[^:]*:policy/|\$\{";
/// Marks an element that others manage.
pub(super) const ELSEWHERE: &str = "ownedElsewhere";

/// The longest session of a role that says none, in seconds.
const DEFAULT_SESSION: u32 = 3600;

/// A role as GetRole and GetAccountAuthorizationDetails answer it, without what the service owns.
#[derive(Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
struct Spec {
    /// The path of the role, which begins and ends with `/`; it cannot be changed in place.
    #[serde(default)]
    #[schemars(extend("x-default" = "/"))]
    path: Option<String>,
    /// What the role is for, for people: at most 1000 characters. The service does not tell an empty one from none.
    #[serde(default)]
    #[schemars(extend("x-direction" = "neutral"))]
    description: Option<String>,
    /// The longest session in seconds, 3600 to 43200. The longer, the longer a stolen one is of use.
    #[serde(default)]
    #[schemars(extend("x-direction" = "less", "x-default" = DEFAULT_SESSION, "minimum" = 3600, "maximum" = 43200))]
    max_session_duration: Option<u32>,
    /// The trust policy, complete: who may assume the role. A role always has one.
    #[serde(default)]
    assume_role_policy_document: Option<Document>,
    /// The permissions boundary: what the role may do at most, whatever its policies grant; `null` for none.
    #[serde(default)]
    permissions_boundary: Option<Boundary>,
    /// Inline policies, complete: one that is not listed is removed.
    #[serde(default)]
    #[schemars(extend("x-list-key" = "policyName", "x-default" = {}))]
    role_policy_list: Option<Vec<InlinePolicy>>,
    /// Attached managed policies, complete: one that is not listed is detached.
    #[serde(default)]
    #[schemars(extend("x-list-key" = "policyArn", "x-default" = {}))]
    attached_managed_policies: Option<Vec<AttachedPolicy>>,
    /// Tags; only those that are named are managed.
    #[serde(default)]
    tags: Option<Tags>,
}

#[derive(Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
struct Boundary {
    /// The ARN of the managed policy that is the boundary.
    #[schemars(extend("pattern" = POLICY_PATTERN))]
    permissions_boundary_arn: String,
    /// What the default version of that policy says; it is held to, and not written. Left out, it is held to what is pinned of it,
    /// and judged by what it keeps the role from.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    policy_document: Option<Document>,
}

#[derive(Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
struct InlinePolicy {
    /// The policy's name, by which drift finds it.
    #[schemars(extend("x-direction" = "neutral"))]
    policy_name: String,
    /// What the policy says, complete; left out where `ownedElsewhere` is `true`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    policy_document: Option<Document>,
    /// Whether others manage the policy: it may be there or not, and is neither compared nor changed.
    #[serde(default, skip_serializing_if = "is_false")]
    owned_elsewhere: bool,
}

#[derive(Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
struct AttachedPolicy {
    /// The ARN of the managed policy.
    #[schemars(extend("pattern" = POLICY_PATTERN))]
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

/// Brings a tree into the one form that equal roles share.
fn settle(tree: &mut Value) {
    let Some(members) = tree.as_object_mut() else { return };
    if let Some(description) = members.get_mut(DESCRIPTION).filter(|description| *description == "") {
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
    proved.not_simply_stronger()
}

pub(super) const PATH: &str = member!(Spec, path);
pub(super) const DESCRIPTION: &str = member!(Spec, description);
pub(super) const TAGS: &str = member!(Spec, tags);

static CONTRACT: Contract = Contract {
    name: "iam-role",
    about: "An IAM role: trust policy, inline and attached policies, permissions boundary and longest session.",
    scope: ScopeKind::Account,
    stage: 20,
    check_name: validation::check_name,
    spec: typed_spec!(Spec),
    request_side_names: &[
        ("assumeRolePolicy", TRUST),
        ("trustPolicy", TRUST),
        ("inlinePolicies", INLINE),
        ("policies", INLINE),
        ("managedPolicyArns", ATTACHED),
        ("attachedPolicies", ATTACHED),
        ("roleName", "the name of the declaration, beside spec"),
    ],
    elsewhere: Some(ELSEWHERE),
    // A control depends on what its role is granted, so that less is not stronger: see the module.
    documents_grant: true,
    outputs: &[Output::new("arn"), Output::new("roleId")],
    trail_events: super::trail_events::TRAIL_EVENTS,
    pinned_as: Some(PinnedAs::Contents(&[(ATTACHED, "policyArn"), (BOUNDARY, "permissionsBoundaryArn")])),
    to_read: &[
        "iam:GetRole",
        "iam:ListRolePolicies",
        "iam:GetRolePolicy",
        "iam:ListAttachedRolePolicies",
        "iam:GetPolicy",
        "iam:GetPolicyVersion",
        "iam:GetAccountAuthorizationDetails",
        "iam:ListRoles",
    ],
    to_restore: &[
        "iam:CreateRole",
        "iam:UpdateRole",
        "iam:UpdateAssumeRolePolicy",
        "iam:PutRolePolicy",
        "iam:DeleteRolePolicy",
        "iam:AttachRolePolicy",
        "iam:DetachRolePolicy",
        "iam:PutRolePermissionsBoundary",
        "iam:DeleteRolePermissionsBoundary",
        "iam:TagRole",
    ],
    adopted: Adopted::WhereNamed,
    ..Contract::DEFAULT
};

impl Kind for IamRole {
    fn contract(&self) -> &'static Contract {
        &CONTRACT
    }

    fn leave_out(&self, managed: &mut Value, _: &Value, want: &Value) {
        overruled::leave_out(managed, want);
    }

    fn normalise(&self, spec: &Value, origin: Origin) -> Normalised {
        let known = without(&as_answered(spec, origin), overruled_of(origin));
        let mut normalised = kind::normalise_as::<Spec>(&known, origin, CONTRACT.fields());
        settle(&mut normalised.tree);
        set_overruled(&mut normalised.tree, spec, origin);
        normalised
    }

    fn declare(&self, live: &Value) -> Result<Value, String> {
        let mut spec = without(live, &[OVERRULED]);
        if let Some(members) = spec.as_object_mut()
            && members.get(TAGS).is_some_and(|tags| tags.is_null() || *tags == json!({}))
        {
            members.remove(TAGS);
        }
        Ok(tree::listed(&spec, CONTRACT.list_keys()))
    }

    fn check(&self, tree: &Value) -> Vec<Problem> {
        validation::check(tree)
    }

    fn direction(&self, path: &Path, live: Option<&Value>, want: Option<&Value>) -> Direction {
        match path.parts()[..] {
            [OVERRULED, ..] => Direction::Weakened,
            [BOUNDARY] => depended_on(direction::of_presence(live, want)),
            [INLINE, name] => match live {
                Some(live) if want.is_none() && revocation::is_one(name, live) => Direction::Strengthened,
                live => of_inline(live, want),
            },
            [ATTACHED, arn] => match (live, want) {
                (Some(_), None) if !validation::only_denies(arn) => Direction::Weakened,
                _ => Direction::Unknown,
            },
            _ => CONTRACT.direction(path, live, want),
        }
    }

    fn direction_of(&self, live: &ObservedResource, difference: &Difference, found: Direction) -> Direction {
        match difference.path.parts()[..] {
            [INLINE, ..] if found == Direction::Unknown => {
                denial::direction(&live.tree, live.private_state["revokesToCome"] == false, difference).unwrap_or(found)
            }
            _ => found,
        }
    }

    fn protects(&self, live: &ObservedResource, path: &Path) -> bool {
        // A revocation of sessions that are yet to come does not revoke, it keeps the role from working.
        path.head() != Some(INLINE) || live.private_state["revokesToCome"] != true
    }

    /// The path of a role that is not there yet is known to its creation alone.
    fn arns(&self, call: &Call, place: &Place<'_>, name: &str, live: Option<&ObservedResource>) -> Vec<String> {
        let path = call.request.get("Path").and_then(Value::as_str);
        let made = path.or((call.operation == "CreateRole").then_some("/"));
        let made = made.map(|path| format!("arn:{}:iam::{}:role{path}{name}", place.partition, place.account_id));
        arns::known(live, "arn").or(made).into_iter().collect()
    }

    fn held_to_floor(&self, live: &Value) -> Value {
        trust::of_bedrock(live)
    }

    fn is_of_bedrock(&self, live: &ObservedResource) -> bool {
        trust::is_of_bedrock(&live.tree)
    }

    fn steps(&self, situation: &Situation<'_>) -> Proposal {
        steps::propose(situation)
    }
}
