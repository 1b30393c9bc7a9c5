//! How many calls are in flight.
//!
//! Two bounds: one for the process, and a window per account, region and service, which is the
//! granularity of AWS's own throttles. As in TCP, a window begins small, and while calls wait for
//! room it grows by one with every call that ends well, so that it doubles in the time of one call.
//! It halves when a call met a throttle, once for all the calls that were in flight together; from
//! then on it grows by one after [`GROW_AFTER`] calls that did not. Where a rate is known, a call
//! waits for its turn in [`crate::rates`] before it takes room.
//!
//! Calls that fetch credentials are not governed: a refresh may happen inside a governed call, which
//! would wait for itself.
//!
//! Each window has a retry allowance of its own. The SDK has one of 500 tokens per service and
//! region for the whole process, whatever the account: a storm in one account would leave nothing
//! for the others.

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use aws_smithy_runtime::client::retries::TokenBucket;
use tokio::sync::{Notify, OwnedSemaphorePermit, Semaphore};

use crate::rates::{Bucket, Buckets};

/// Calls without a throttle after which a window grows by one, once there was a throttle.
pub(crate) const GROW_AFTER: usize = 8;

/// Where a window begins. Quotas of reads are not published for most services: a first burst of
/// this many retries spends a quarter of the allowance that the SDK has for a service and region.
const BEGIN: usize = 24;

/// The least that throttles leave of a window: one call that pauses before it is repeated does not hold up all others.
const LEAST: usize = 2;

/// What retries may spend in one account, region and service. As in the SDK: 500, of which a retry after a throttle takes
/// 5, which a call that then succeeds gives back.
const RETRY_TOKENS: usize = 500;

/// What comes back in a second. The SDK gives nothing back with time, so that half an hour of throttles would leave a
/// daemon without retries for good.
const RETRY_TOKENS_PER_SECOND: f32 = 50.0;

/// Bounds on calls in flight. Both are at least one.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Limits {
    /// In the whole process. Default 192: two processors prepare about as many in 30 ms, and each takes tens of kilobytes.
    pub in_flight: usize,
    /// Per account, region and service, at most. Default 64. It begins with 24 at most.
    pub per_service: usize,
}

impl Default for Limits {
    fn default() -> Self {
        Self { in_flight: 192, per_service: 64 }
    }
}

/// The process-wide bound and the counters.
#[derive(Debug)]
pub(crate) struct Limiter {
    limits: Limits,
    /// Whether known rates are held to.
    rates: bool,
    all: Arc<Semaphore>,
    counts: Mutex<BTreeMap<&'static str, u64>>,
}

impl Limiter {
    pub(crate) fn new(limits: Limits, rates: bool) -> Self {
        Self { limits, rates, all: Arc::new(Semaphore::new(limits.in_flight.max(1))), counts: Mutex::default() }
    }

    /// A window for one account, region and service.
    pub(crate) fn window(&self) -> Arc<Window> {
        Arc::new(Window::new(self.limits.per_service))
    }

    pub(crate) fn count(&self, service: &'static str) {
        *lock(&self.counts).entry(service).or_default() += 1;
    }

    pub(crate) fn counts(&self) -> BTreeMap<&'static str, u64> {
        lock(&self.counts).clone()
    }

    /// Waits for the call's turn, then for room in the window, then in the process, so that calls
    /// which wait for a slow service do not take the room of others.
    pub(crate) async fn admit(&self, window: &Arc<Window>, service: &'static str, operation: &'static str) -> Permit {
        let bucket = if self.rates { window.buckets.of(service, operation) } else { None };
        if let Some(bucket) = &bucket {
            bucket.take().await;
        }
        let place = window.enter().await;
        // The semaphore is never closed, so there is no error to report.
        let all = Arc::clone(&self.all).acquire_owned().await.ok();
        Permit { place, bucket, _all: all }
    }
}

/// Room for one call. Dropping it without an outcome, as a cancelled call does, only frees it.
#[derive(Debug)]
pub(crate) struct Permit {
    place: Place,
    bucket: Option<Arc<Bucket>>,
    _all: Option<OwnedSemaphorePermit>,
}

impl Permit {
    /// Ends the call and tells the window how it went.
    pub(crate) fn finish(self, throttled: bool) {
        self.place.window.learn(throttled, self.place.epoch);
        if let Some(bucket) = &self.bucket {
            bucket.learn(throttled);
        }
    }

    /// What retries of this call may spend.
    pub(crate) fn retry_tokens(&self) -> TokenBucket {
        self.place.window.retry_tokens.clone()
    }
}

/// An adaptive bound on the calls to one service of one account and region.
#[derive(Debug)]
pub(crate) struct Window {
    most: usize,
    state: Mutex<State>,
    room: Notify,
    buckets: Buckets,
    retry_tokens: TokenBucket,
}

#[derive(Debug)]
struct State {
    limit: usize,
    in_flight: usize,
    waiting: usize,
    /// How often the limit was halved.
    epoch: u64,
    /// Calls without a throttle since the last growth; `None` while there was no throttle at all.
    calm: Option<usize>,
}

impl Window {
    fn new(most: usize) -> Self {
        let most = most.max(1);
        let state = State { limit: most.min(BEGIN), in_flight: 0, waiting: 0, epoch: 0, calm: None };
        let retry_tokens = TokenBucket::builder().capacity(RETRY_TOKENS).refill_rate(RETRY_TOKENS_PER_SECOND).build();
        Self { most, state: Mutex::new(state), room: Notify::new(), buckets: Buckets::default(), retry_tokens }
    }

    #[cfg(test)]
    pub(crate) fn limit(&self) -> usize {
        lock(&self.state).limit
    }

    async fn enter(self: &Arc<Self>) -> Place {
        let mut waiting = None;
        loop {
            {
                let mut state = lock(&self.state);
                if state.in_flight < state.limit {
                    state.in_flight += 1;
                    // `Notify` keeps one release, not two: pass the news on while there is room.
                    if state.in_flight < state.limit {
                        self.room.notify_one();
                    }
                    return Place { window: Arc::clone(self), epoch: state.epoch };
                }
                waiting.get_or_insert_with(|| {
                    state.waiting += 1;
                    Waiting(self)
                });
            }
            // A release between the check and here is kept by `Notify` for the next who asks.
            self.room.notified().await;
        }
    }

    /// Learns how a call went that began in an epoch.
    fn learn(&self, throttled: bool, epoch: u64) {
        let mut state = lock(&self.state);
        if throttled {
            // One burst that was too much is one reason to halve, however many of its calls were throttled.
            if epoch == state.epoch {
                state.limit = (state.limit / 2).max(LEAST.min(self.most));
                state.epoch += 1;
            }
            state.calm = Some(0);
            return;
        }
        if state.limit >= self.most {
            return;
        }
        let grows = match &mut state.calm {
            Some(calm) => {
                *calm += 1;
                let enough = *calm >= GROW_AFTER;
                if enough {
                    *calm = 0;
                }
                enough
            }
            None => state.waiting > 0,
        };
        if grows {
            state.limit += 1;
            self.room.notify_one();
        }
    }
}

/// A call that waits for room.
struct Waiting<'a>(&'a Window);

impl Drop for Waiting<'_> {
    fn drop(&mut self) {
        lock(&self.0.state).waiting -= 1;
    }
}

#[derive(Debug)]
struct Place {
    window: Arc<Window>,
    epoch: u64,
}

impl Drop for Place {
    fn drop(&mut self) {
        lock(&self.window.state).in_flight -= 1;
        self.window.room.notify_one();
    }
}

/// The data stay consistent between any two statements above, so a panic elsewhere while a lock
/// is held does not spoil them.
fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::sync::atomic::{AtomicUsize, Ordering};
    use std::time::Duration;

    /// Runs `calls` of one second each and returns the seconds and the highest concurrency.
    async fn run(limiter: &Arc<Limiter>, window: &Arc<Window>, calls: usize) -> (u64, usize) {
        let (now, most) = (Arc::new(AtomicUsize::new(0)), Arc::new(AtomicUsize::new(0)));
        let start = tokio::time::Instant::now();
        let mut tasks = tokio::task::JoinSet::new();
        for _ in 0..calls {
            let (limiter, window) = (Arc::clone(limiter), Arc::clone(window));
            let (now, most) = (Arc::clone(&now), Arc::clone(&most));
            tasks.spawn(async move {
                let permit = limiter.admit(&window, "any", "Any").await;
                most.fetch_max(now.fetch_add(1, Ordering::SeqCst) + 1, Ordering::SeqCst);
                tokio::time::sleep(Duration::from_secs(1)).await;
                now.fetch_sub(1, Ordering::SeqCst);
                permit.finish(false);
            });
        }
        tasks.join_all().await;
        (start.elapsed().as_secs(), most.load(Ordering::SeqCst))
    }

    #[tokio::test(start_paused = true)]
    async fn a_window_bounds_its_service_and_the_limiter_bounds_all() {
        let limits = Limits { in_flight: 5, per_service: 4 };
        let limiter = Arc::new(Limiter::new(limits, true));
        assert_eq!(run(&limiter, &limiter.window(), 12).await, (3, 4));
        let (one, two) = (limiter.window(), limiter.window());
        let both = tokio::join!(run(&limiter, &one, 10), run(&limiter, &two, 10));
        assert_eq!(both.0.0.max(both.1.0), 4, "20 calls, 5 at a time");
    }

    #[tokio::test(start_paused = true)]
    async fn a_window_grows_while_calls_wait_and_never_met_a_throttle() {
        let limiter = Arc::new(Limiter::new(Limits::default(), true));
        let window = limiter.window();
        run(&limiter, &window, BEGIN).await;
        assert_eq!(window.limit(), BEGIN, "nobody waited");
        assert_eq!(run(&limiter, &window, 24 + 48 + 64).await, (3, 64));
        assert_eq!(window.limit(), 64, "never above the limit");
        limiter.admit(&window, "any", "Any").await.finish(true);
        run(&limiter, &window, 64).await;
        assert!(window.limit() <= 32 + 64 / GROW_AFTER, "slowly after a throttle");
    }

    #[tokio::test(start_paused = true)]
    async fn throttles_halve_the_window_and_calm_restores_it() {
        let limiter = Arc::new(Limiter::new(Limits::default(), true));
        let window = limiter.window();
        for expected in [12, 6, 3, 2, 2] {
            limiter.admit(&window, "any", "Any").await.finish(true);
            assert_eq!(window.limit(), expected);
        }
        assert_eq!(run(&limiter, &window, 8).await, (4, 2));
        assert_eq!(window.limit(), 3);
        run(&limiter, &window, GROW_AFTER * 80).await;
        assert_eq!(window.limit(), 64, "never above the limit");
    }

    /// Twenty-four calls that are throttled together are one reason to halve.
    #[tokio::test(start_paused = true)]
    async fn a_burst_of_throttles_halves_once() {
        let limiter = Arc::new(Limiter::new(Limits::default(), true));
        let window = limiter.window();
        let mut burst = Vec::new();
        for _ in 0..BEGIN {
            burst.push(limiter.admit(&window, "any", "Any").await);
        }
        burst.into_iter().for_each(|permit| permit.finish(true));
        assert_eq!(window.limit(), BEGIN / 2);
        limiter.admit(&window, "any", "Any").await.finish(true);
        assert_eq!(window.limit(), BEGIN / 4, "a later call that is throttled too is another");
    }

    /// A rate holds before room is taken: the calls that wait for their turn leave the room to other operations.
    #[tokio::test(start_paused = true)]
    async fn a_known_rate_is_held_to_unless_it_is_not_to_be() {
        for (rates, expected) in [(true, 4), (false, 0)] {
            let limiter = Limiter::new(Limits { in_flight: 1, per_service: 1 }, rates);
            let window = limiter.window();
            let start = tokio::time::Instant::now();
            for _ in 0..10 {
                limiter.admit(&window, "cloudtrail", "LookupEvents").await.finish(false);
            }
            assert_eq!(start.elapsed().as_secs(), expected);
            limiter.admit(&window, "cloudtrail", "DescribeTrails").await.finish(false);
            assert_eq!(start.elapsed().as_secs(), expected, "no rate is known of the other operation");
        }
    }

    #[tokio::test(start_paused = true)]
    async fn a_cancelled_wait_or_call_gives_its_room_back() {
        let limiter = Arc::new(Limiter::new(Limits { in_flight: 1, per_service: 1 }, true));
        let window = limiter.window();
        let held = limiter.admit(&window, "any", "Any").await;
        let waiting = {
            let (limiter, window) = (Arc::clone(&limiter), Arc::clone(&window));
            tokio::spawn(async move { limiter.admit(&window, "any", "Any").await })
        };
        tokio::task::yield_now().await;
        waiting.abort();
        drop(held);
        assert_eq!(run(&limiter, &window, 2).await, (2, 1));
    }
}
