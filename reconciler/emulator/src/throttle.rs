//! Request rates: one token bucket per account, region and operation.
//!
//! Only rates that AWS publishes are here (aws/README.md, Rates); operations without one are never throttled. Of
//! organizations they are those of one account; that all accounts together have little more is not enforced.

use std::collections::HashMap;

use jiff::Timestamp;

/// Requests per second, and how many at once, per account and region.
const RATES: &[(&str, &str, f64, f64)] = &[
    ("logs", "DescribeLogGroups", 10.0, 10.0),
    ("logs", "CreateLogGroup", 10.0, 10.0),
    ("logs", "AssociateKmsKey", 5.0, 5.0),
    ("logs", "DisassociateKmsKey", 5.0, 5.0),
    ("cloudtrail", "LookupEvents", 2.0, 2.0),
    ("organizations", "CreatePolicy", 2.0, 3.0),
    ("organizations", "DeletePolicy", 2.0, 3.0),
    ("organizations", "AttachPolicy", 2.0, 3.0),
    ("organizations", "DetachPolicy", 2.0, 3.0),
    ("organizations", "UpdatePolicy", 2.0, 3.0),
    ("organizations", "DescribePolicy", 2.0, 2.0),
    ("organizations", "ListPolicies", 5.0, 8.0),
    ("organizations", "ListPoliciesForTarget", 5.0, 8.0),
    ("organizations", "ListTargetsForPolicy", 5.0, 8.0),
    ("organizations", "EnablePolicyType", 1.0, 1.0),
    ("organizations", "DisablePolicyType", 1.0, 1.0),
    ("organizations", "ListRoots", 1.0, 2.0),
    ("organizations", "ListAccounts", 8.0, 12.0),
    ("organizations", "DescribeAccount", 20.0, 30.0),
    ("organizations", "ListParents", 5.0, 8.0),
    ("organizations", "ListAccountsForParent", 5.0, 8.0),
    ("organizations", "ListOrganizationalUnitsForParent", 5.0, 8.0),
    ("organizations", "ListTagsForResource", 10.0, 15.0),
    ("organizations", "DescribeOrganization", 1.0, 2.0),
];

/// The buckets of one place, by operation and by the account of the caller.
#[derive(Default)]
pub(crate) struct Buckets {
    fill: HashMap<(&'static str, String), (f64, Timestamp)>,
}

impl Buckets {
    /// Takes one token; false when there is none.
    pub(crate) fn take(&mut self, service: &str, operation: &str, caller: &str, now: Timestamp) -> bool {
        let Some((_, name, rate, burst)) = RATES.iter().find(|(s, o, ..)| *s == service && *o == operation) else {
            return true;
        };
        let (tokens, last) = self.fill.entry((name, caller.to_owned())).or_insert((*burst, now));
        let elapsed = now.duration_since(*last).as_secs_f64().max(0.0);
        *tokens = (*tokens + elapsed * rate).min(*burst);
        *last = now;
        if *tokens < 1.0 {
            return false;
        }
        *tokens -= 1.0;
        true
    }
}
