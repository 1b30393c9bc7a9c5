//! What the caller may do: IAM's simulation of its policies.

mod client;

/// IAM's simulation.
#[derive(Debug)]
pub struct PolicySimulation;
