//! Model invocation logging: the one configuration of an account and region.

mod causes;
mod diagnosis;
mod edge;
mod spec;
mod steps;

pub use edge::Answered;

/// The kind `invocation-logging`.
#[derive(Debug)]
pub struct InvocationLogging;
