//! CloudWatch Logs Insights: questions to a log group.

mod edge;

/// Logs Insights.
#[derive(Debug)]
pub struct LogsInsights;
