//! Request rates: what AWS publishes, or what we keep to where it publishes nothing, and the buckets that hold to it.
//!
//! A bucket belongs to one account, region and operation, as AWS counts. It lends in advance: a call takes its token at
//! once and waits until the token has arrived, so that calls are let through in the order in which they came. A throttle
//! halves the rate of its bucket, because somebody else uses the same quota; calm brings it back.
//!
//! Caveat: attempts that the SDK repeats by itself take no token. They pause, and their throttle is learnt from.

use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use tokio::time::Instant;

use crate::limiter::GROW_AFTER;

/// The least share of its rate that throttles leave a bucket.
const LEAST_SHARE: f64 = 1.0 / 8.0;

/// How fast some operations of a service may be called, in one account and region.
#[derive(Debug, PartialEq)]
pub(crate) struct Rate {
    service: &'static str,
    /// The operations, each with a bucket of its own; none for all operations of the service, which share one.
    operations: &'static [&'static str],
    /// Calls in a second.
    per_second: f64,
    /// Calls at once, after a pause.
    burst: f64,
}

const fn rate(service: &'static str, operations: &'static [&'static str], per_second: f64, burst: f64) -> Rate {
    Rate { service, operations, per_second, burst }
}

/// The rates. The first row that names an operation counts. Those of organizations are of one account; all accounts of an
/// organization together have little more, and only one of them is asked (README.md, Rates).
const RATES: &[Rate] = &[
    // Published.
    rate("organizations", &["CreatePolicy", "DeletePolicy", "AttachPolicy", "DetachPolicy", "UpdatePolicy"], 2.0, 3.0),
    rate("organizations", &["DescribePolicy"], 2.0, 2.0),
    rate("organizations", &["ListPolicies", "ListPoliciesForTarget", "ListTargetsForPolicy"], 5.0, 8.0),
    rate("organizations", &["EnablePolicyType", "DisablePolicyType"], 1.0, 1.0),
    rate("organizations", &["ListRoots", "DescribeOrganization"], 1.0, 2.0),
    rate("organizations", &["ListAccounts"], 8.0, 12.0),
    rate("organizations", &["DescribeAccount"], 20.0, 30.0),
    rate(
        "organizations",
        &["ListParents", "ListAccountsForParent", "ListOrganizationalUnitsForParent", "ListDelegatedAdministrators"],
        5.0,
        8.0,
    ),
    rate("organizations", &["ListTagsForResource"], 10.0, 15.0),
    // Published; a burst is not, so there is none.
    rate("cloudtrail", &["LookupEvents"], 2.0, 2.0),
    // Published, without bursts.
    rate("logs", &["DescribeLogGroups", "CreateLogGroup", "StartQuery", "GetQueryResults"], 10.0, 10.0),
    rate("logs", &["AssociateKmsKey", "DisassociateKmsKey", "GetDataProtectionPolicy"], 5.0, 5.0),
    // Not published: one write a second is careful. The burst is ours, so that the few guardrails of an
    // incident are restored at once.
    rate(
        "bedrock",
        &[
            "CreateGuardrail",
            "UpdateGuardrail",
            "CreateGuardrailVersion",
            "DeleteGuardrail",
            "PutEnforcedGuardrailConfiguration",
        ],
        1.0,
        8.0,
    ),
    // Not published: five a second are careful, whatever they are. The burst is ours.
    rate("iam", &[], 5.0, 25.0),
];

/// The row for an operation, and the name of its bucket: that of the operation, or that of the service.
pub(crate) fn of(service: &str, operation: &'static str) -> Option<(&'static Rate, &'static str)> {
    let row = RATES
        .iter()
        .find(|row| row.service == service && (row.operations.is_empty() || row.operations.contains(&operation)))?;
    Some((row, if row.operations.is_empty() { row.service } else { operation }))
}

/// The calls of one account, region and operation, or service.
#[derive(Debug)]
pub(crate) struct Bucket {
    rate: &'static Rate,
    state: Mutex<Fill>,
}

#[derive(Debug)]
struct Fill {
    /// Tokens at `at`; below zero they are lent to calls that wait.
    tokens: f64,
    at: Instant,
    /// The part of the rate that is used.
    share: f64,
    /// Calls without a throttle since the last change of the share.
    calm: usize,
}

impl Bucket {
    pub(crate) fn new(rate: &'static Rate) -> Self {
        Self { rate, state: Mutex::new(Fill { tokens: rate.burst, at: Instant::now(), share: 1.0, calm: 0 }) }
    }

    /// Waits for a token. A wait that is given up gives its token back.
    pub(crate) async fn take(&self) {
        let lent = Lent { bucket: self, kept: false };
        let wait = {
            let mut fill = lock(&self.state);
            self.refill(&mut fill);
            fill.tokens -= 1.0;
            (fill.tokens < 0.0).then(|| Duration::from_secs_f64(-fill.tokens / (self.rate.per_second * fill.share)))
        };
        if let Some(wait) = wait {
            tokio::time::sleep(wait).await;
        }
        lent.keep();
    }

    /// Learns how a call went.
    pub(crate) fn learn(&self, throttled: bool) {
        let mut fill = lock(&self.state);
        self.refill(&mut fill);
        if throttled {
            fill.share = (fill.share / 2.0).max(LEAST_SHARE);
            fill.tokens = fill.tokens.min(0.0);
            fill.calm = 0;
        } else if fill.share < 1.0 {
            fill.calm += 1;
            if fill.calm >= GROW_AFTER {
                fill.calm = 0;
                fill.share = (fill.share + LEAST_SHARE).min(1.0);
            }
        }
    }

    fn refill(&self, fill: &mut Fill) {
        let now = Instant::now();
        let came = now.duration_since(fill.at).as_secs_f64() * self.rate.per_second * fill.share;
        fill.tokens = (fill.tokens + came).min(self.rate.burst);
        fill.at = now;
    }
}

/// A token that is given back unless it is kept.
struct Lent<'a> {
    bucket: &'a Bucket,
    kept: bool,
}

impl Lent<'_> {
    fn keep(mut self) {
        self.kept = true;
    }
}

impl Drop for Lent<'_> {
    fn drop(&mut self) {
        if !self.kept {
            lock(&self.bucket.state).tokens += 1.0;
        }
    }
}

/// The buckets of one account, region and service.
#[derive(Debug, Default)]
pub(crate) struct Buckets(Mutex<Vec<(&'static str, Arc<Bucket>)>>);

impl Buckets {
    /// The bucket of an operation; none where no rate is known.
    pub(crate) fn of(&self, service: &str, operation: &'static str) -> Option<Arc<Bucket>> {
        let (rate, name) = of(service, operation)?;
        let mut buckets = lock(&self.0);
        if let Some((_, bucket)) = buckets.iter().find(|(known, _)| *known == name) {
            return Some(Arc::clone(bucket));
        }
        let bucket = Arc::new(Bucket::new(rate));
        buckets.push((name, Arc::clone(&bucket)));
        Some(bucket)
    }
}

/// The data stay consistent between any two statements above, so a panic elsewhere while a lock is held does not spoil
/// them.
fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn bucket(service: &str, operation: &'static str) -> Arc<Bucket> {
        Buckets::default().of(service, operation).expect("a rate")
    }

    /// The seconds after which each of so many calls may go, all asked at once.
    async fn times(bucket: &Arc<Bucket>, calls: usize) -> Vec<f64> {
        let start = Instant::now();
        let mut tasks = tokio::task::JoinSet::new();
        for _ in 0..calls {
            let bucket = Arc::clone(bucket);
            tasks.spawn(async move {
                bucket.take().await;
                start.elapsed().as_secs_f64()
            });
        }
        let mut times = tasks.join_all().await;
        times.sort_by(f64::total_cmp);
        times.iter().map(|time| (time * 10.0).round() / 10.0).collect()
    }

    #[test]
    fn every_row_names_a_rate_once() {
        let mut seen = std::collections::BTreeSet::new();
        for row in RATES {
            assert!(row.per_second > 0.0 && row.burst >= 1.0, "{row:?}");
            for operation in row.operations {
                assert!(seen.insert((row.service, *operation)), "{} {operation} twice", row.service);
            }
        }
        assert_eq!(of("bedrock", "GetGuardrail"), None, "reads of guardrails have no published rate");
        assert_eq!(of("iam", "GetRole").map(|(_, name)| name), Some("iam"), "all operations share one");
        assert_eq!(of("logs", "CreateLogGroup").map(|(_, name)| name), Some("CreateLogGroup"));
    }

    #[tokio::test(start_paused = true)]
    async fn a_burst_goes_at_once_and_the_rest_at_the_rate() {
        let bucket = bucket("organizations", "ListPolicies");
        let mut expected = vec![0.0; 8];
        expected.extend([0.2, 0.4, 0.6, 0.8]);
        assert_eq!(times(&bucket, 12).await, expected);
        tokio::time::advance(Duration::from_secs(60)).await;
        assert_eq!(times(&bucket, 9).await.last(), Some(&0.2), "a pause fills it up to the burst and no further");
    }

    #[tokio::test(start_paused = true)]
    async fn a_throttle_halves_the_rate_and_calm_brings_it_back() {
        let bucket = bucket("cloudtrail", "LookupEvents");
        bucket.learn(true);
        assert_eq!(times(&bucket, 2).await, [1.0, 2.0], "one a second instead of two, and no burst");
        for _ in 0..10 {
            bucket.learn(true);
        }
        assert_eq!(times(&bucket, 1).await, [4.0], "an eighth is the least");
        for _ in 0..7 * GROW_AFTER {
            bucket.learn(false);
        }
        assert_eq!(times(&bucket, 1).await, [0.5]);
    }

    #[tokio::test(start_paused = true)]
    async fn a_wait_that_is_given_up_gives_its_token_back() {
        let bucket = bucket("cloudtrail", "LookupEvents");
        times(&bucket, 2).await;
        for _ in 0..100 {
            assert!(tokio::time::timeout(Duration::from_millis(1), bucket.take()).await.is_err());
        }
        assert_eq!(times(&bucket, 1).await, [0.4], "the half second began a hundred milliseconds ago");
    }
}
