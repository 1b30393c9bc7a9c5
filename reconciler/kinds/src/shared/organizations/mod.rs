//! What every type of organization policy shares: the spec, the steps and the calls.
//!
//! A policy is known by its type and name. What it is attached to is written as people know it: `Root`, the path of a unit
//! such as `Workloads/Production`, or the twelve digits of an account. A path is a name that others may give to another unit: it
//! means the unit that it is pinned to ([`targets::Names`]). Without pins, ids are looked up in the tree of units, once for each
//! reading.
//!
//! # Guarantees
//! - Policies of AWS, such as `FullAWSAccess`, are neither read as declared ones, nor changed, nor detached.
//! - A policy is attached wherever it belongs before it is detached anywhere, and is never detached where it is the last of its
//!   type, or the last that allows: the plan refuses that.
//! - A policy that only denies, and does not keep this tool out, is attached before its text is put right: whatever keeps the
//!   text from being written does not keep the policy off.
//! - A policy type is enabled where a declared attachment needs it, and never disabled: that loses every attachment.
//!
//! # Caveats
//! - The path of a unit that is renamed between the plan and its execution in the same run is not noticed.
//! - How many policies a target may have is for the service to check: the attachment fails, and what does not need it is restored
//!   all the same. What may be in the way is named before.

pub(crate) mod client;
pub(crate) mod spec;
pub(crate) mod steps;
pub(crate) mod targets;
pub(crate) mod trail_events;
pub(crate) mod tree;

use reconciler_model::inventory::ObservedResource;
use reconciler_model::kind::Kind;
use reconciler_model::plan::Call;
use serde_json::{Map, Value};

use crate::shared::arns;

/// Says why a policy with this live content must not be detached while these other policies remain.
type HoldsOn = fn(&Value, &[String]) -> Option<String>;

/// Says what is effective where it is not what the content says, by path.
type Overruled = fn(&Value, &Value) -> Map<String, Value>;

/// One type of policy.
pub(crate) struct PolicyType {
    /// What the service calls it.
    pub(crate) wire: &'static str,
    /// The kind of its declarations.
    pub(crate) kind: &'static dyn Kind,
    /// The text that is written for a tree of content; `None` when the tree is no content of this type.
    pub(crate) text_of: fn(&Value) -> Option<String>,
    /// Whether a live text is content of this type.
    pub(crate) is_content: fn(&str) -> bool,
    /// Whether live content is attached where it belongs before it is put right: it harms nobody as it is.
    pub(crate) attaches_first: fn(&Value) -> bool,
    /// Why a policy with this live content must not be detached while these other policies remain; `None` for a type that a
    /// target does not need.
    pub(crate) holds_on: Option<HoldsOn>,
    /// From how many policies on a target on the service may take no further one.
    pub(crate) crowded_from: usize,
    /// The effective policy of an account that differs from the live content, for a type whose policies overrule each other.
    pub(crate) overruled: Option<Overruled>,
    /// Characters that the service takes everywhere, and those that it takes in some organizations.
    pub(crate) longest: Longest,
}

/// How long a policy may be, in characters; white space counts, so policies are written without it.
pub(crate) struct Longest {
    /// Up to here it is accepted everywhere.
    pub(crate) surely: usize,
    /// Up to here it is accepted where the newer quota holds.
    pub(crate) at_most: usize,
}

/// The ids that the history has for a target of a policy.
pub(crate) fn element_ids(element: &str, live: Option<&ObservedResource>, scope_context: &Value) -> Vec<String> {
    let known = live.and_then(|live| live.external_id.get(spec::TARGETS)?.get(element));
    let of = |member: &str| scope_context.get(member).and_then(|units| units.get(element));
    let pinned = of("pinned").filter(|id| **id != targets::ANY);
    let root = scope_context.get("root").filter(|_| element == targets::ROOT);
    [known, pinned.or(of("units")), root].into_iter().flatten().filter_map(Value::as_str).map(str::to_owned).collect()
}

/// What policies of the caller name the policy by. A type is enabled in the root, whose ARN is not looked for.
pub(crate) fn arns(call: &Call, live: Option<&ObservedResource>) -> Vec<String> {
    match call.operation.as_str() {
        "EnablePolicyType" => Vec::new(),
        "CreatePolicy" => vec![arns::EVERYTHING.to_owned()],
        _ => arns::known(live, "arn").into_iter().collect(),
    }
}
