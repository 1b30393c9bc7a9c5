//! What the caller may do: IAM's simulation of its policies (AWS.md 1.10).

mod edge;

/// IAM's simulation.
#[derive(Debug)]
pub struct PolicySimulation;
