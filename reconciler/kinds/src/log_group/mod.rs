//! CloudWatch Logs log groups: retention, key, class and deletion protection.

mod client;
mod spec;
mod steps;
mod trail_events;

/// The kind `log-group`.
#[derive(Debug)]
pub struct LogGroup;
