//! The event history of CloudTrail: management events of 90 days, with or without a trail (AWS.md 1.7.5).

mod edge;

/// The event history.
#[derive(Debug)]
pub struct EventHistory;

/// How far back the history goes.
pub const DAYS: i64 = 90;
