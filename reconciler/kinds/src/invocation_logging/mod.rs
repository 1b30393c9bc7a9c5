//! Model invocation logging: the one configuration of an account and region.

mod client;
mod diagnosis;
mod spec;
mod steps;
mod trail_events;

pub use client::Answered;

/// The kind `invocation-logging`.
#[derive(Debug)]
pub struct InvocationLogging;
