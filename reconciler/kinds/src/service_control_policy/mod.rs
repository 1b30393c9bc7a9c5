//! Service control policies: what no account of the organization may do, whatever its own policies allow
//! (README.md, What it does).

mod client;
mod lockout;
mod spec;

pub(crate) use lockout::ALLOW_ALL;

/// The kind `service-control-policy`.
#[derive(Debug)]
pub struct ServiceControlPolicy;
