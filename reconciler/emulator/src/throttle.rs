//! Request rates: one token bucket per account, region and operation.
//!
//! Only rates that AWS publishes are here (AWS.md 1.5 and 1.7.5); operations without one are never throttled.

use std::collections::HashMap;

use jiff::Timestamp;

/// Requests per second, per account and region.
const RATES: &[(&str, &str, f64)] = &[
    ("logs", "DescribeLogGroups", 10.0),
    ("logs", "CreateLogGroup", 10.0),
    ("logs", "AssociateKmsKey", 5.0),
    ("logs", "DisassociateKmsKey", 5.0),
    ("cloudtrail", "LookupEvents", 2.0),
];

/// The buckets of one place.
#[derive(Default)]
pub(crate) struct Buckets {
    fill: HashMap<&'static str, (f64, Timestamp)>,
}

impl Buckets {
    /// Takes one token; false when there is none.
    pub(crate) fn take(&mut self, service: &str, operation: &str, now: Timestamp) -> bool {
        let Some((_, name, rate)) = RATES.iter().find(|(s, o, _)| *s == service && *o == operation) else {
            return true;
        };
        let (tokens, last) = self.fill.entry(name).or_insert((*rate, now));
        let elapsed = now.duration_since(*last).as_secs_f64().max(0.0);
        *tokens = (*tokens + elapsed * rate).min(*rate);
        *last = now;
        if *tokens < 1.0 {
            return false;
        }
        *tokens -= 1.0;
        true
    }
}
