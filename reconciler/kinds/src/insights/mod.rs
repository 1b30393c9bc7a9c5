//! CloudWatch Logs Insights: questions to a log group (AWS.md 1.7.5).

mod edge;

/// Logs Insights.
#[derive(Debug)]
pub struct LogsInsights;
