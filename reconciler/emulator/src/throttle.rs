//! Request rates: one token bucket per account, region and operation.
//!
//! Operations without a rate are never throttled. Where accounts share a rate, as in organizations, it is that of one account;
//! that all accounts together have little more is not enforced.

use std::collections::HashMap;

use jiff::Timestamp;

use crate::service::Action;

/// The buckets of one place, by service, operation and the account of the caller.
#[derive(Default)]
pub(crate) struct Buckets {
    fill: HashMap<(&'static str, &'static str, String), (f64, Timestamp)>,
}

impl Buckets {
    /// Takes one token; false when there is none.
    pub(crate) fn take(
        &mut self,
        service: &'static str,
        action: &'static Action,
        caller: &str,
        now: Timestamp,
    ) -> bool {
        let Some((rate, burst)) = action.rate else {
            return true;
        };
        let (tokens, last) = self.fill.entry((service, action.name, caller.to_owned())).or_insert((burst, now));
        let elapsed = now.duration_since(*last).as_secs_f64().max(0.0);
        *tokens = (*tokens + elapsed * rate).min(burst);
        *last = now;
        if *tokens < 1.0 {
            return false;
        }
        *tokens -= 1.0;
        true
    }
}
