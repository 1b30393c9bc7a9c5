//! What the caller may do: IAM's simulation of its policies.

mod client;
mod needed;

pub use needed::{NEEDED, Needed};

/// IAM's simulation.
#[derive(Debug)]
pub struct PolicySimulation;
