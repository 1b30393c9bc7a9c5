//! CloudWatch Logs Insights: questions to a log group.

mod client;

/// Logs Insights.
#[derive(Debug)]
pub struct LogsInsights;
