//! CloudWatch Logs log groups: retention, key, class and deletion protection.

mod causes;
mod edge;
mod spec;
mod steps;

/// The kind `log-group`.
#[derive(Debug)]
pub struct LogGroup;
