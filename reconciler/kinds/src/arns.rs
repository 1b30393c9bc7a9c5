//! ARNs of resources, as policies of the caller name them.

use reconciler_model::inventory::Sighting;
use reconciler_model::kind::Place;

/// What an action knows as its resource that has none.
pub(crate) const EVERYTHING: &str = "*";

/// The ARN of a resource of a region.
pub(crate) fn arn(place: &Place<'_>, service: &str, resource: &str) -> String {
    let Place { partition, region, account_id } = place;
    format!("arn:{partition}:{service}:{region}:{account_id}:{resource}")
}

/// A member of the handle of a live resource.
pub(crate) fn known(live: Option<&Sighting>, member: &str) -> Option<String> {
    live?.handle.get(member)?.as_str().map(str::to_owned)
}

/// The same, or what stands for a resource that is not there yet.
pub(crate) fn known_or(live: Option<&Sighting>, member: &str, otherwise: impl FnOnce() -> String) -> String {
    known(live, member).unwrap_or_else(otherwise)
}
