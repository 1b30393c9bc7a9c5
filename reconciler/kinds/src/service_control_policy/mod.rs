//! Service control policies: what no account of the organization may do, whatever its own policies allow (AWS.md 1.9).

mod edge;
mod lockout;
mod spec;

pub(crate) use lockout::ALLOW_ALL;

/// The kind `service-control-policy`.
#[derive(Debug)]
pub struct ServiceControlPolicy;
