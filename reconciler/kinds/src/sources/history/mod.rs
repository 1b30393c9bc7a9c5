//! The event history of CloudTrail: management events of 90 days, with or without a trail (README.md, Limits).

mod client;

/// The event history.
#[derive(Debug)]
pub struct EventHistory;

/// How far back the history goes.
pub const DAYS: i64 = 90;
