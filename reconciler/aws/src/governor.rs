//! How many calls are in flight.
//!
//! Two bounds: one for the process, and a window per account, region and service, which is the
//! granularity of AWS's own throttles. As in TCP, a window begins small, and while calls wait for
//! room it grows by one with every call that ends well, so that it doubles in the time of one call.
//! It halves when a call met a throttle; from then on it grows by one after [`GROW_AFTER`] calls
//! that did not. Calls that fetch credentials are not governed: a refresh may happen inside a
//! governed call, which would wait for itself.

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use tokio::sync::{Notify, OwnedSemaphorePermit, Semaphore};

/// Calls without a throttle after which a window grows by one, once there was a throttle.
pub(crate) const GROW_AFTER: usize = 8;

/// Where a window begins. Quotas of reads are not published for most services: a first burst of
/// this many retries spends a quarter of the allowance that the SDK has for a service and region.
const BEGIN: usize = 24;

/// Bounds on calls in flight. Both are at least one.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Limits {
    /// In the whole process. Default 256: more than that, two processors cannot prepare in 50 ms.
    pub in_flight: usize,
    /// Per account, region and service, at most. Default 64. It begins with 24 at most.
    pub per_service: usize,
}

impl Default for Limits {
    fn default() -> Self {
        Self { in_flight: 256, per_service: 64 }
    }
}

/// The process-wide bound and the counters.
#[derive(Debug)]
pub(crate) struct Governor {
    limits: Limits,
    all: Arc<Semaphore>,
    counts: Mutex<BTreeMap<&'static str, u64>>,
}

impl Governor {
    pub(crate) fn new(limits: Limits) -> Self {
        Self { limits, all: Arc::new(Semaphore::new(limits.in_flight.max(1))), counts: Mutex::default() }
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

    /// Waits for room in the window first and in the process second, so that calls which wait for
    /// a slow service do not take the room of others.
    pub(crate) async fn admit(&self, window: &Arc<Window>) -> Permit {
        let place = window.enter().await;
        // The semaphore is never closed, so there is no error to report.
        let all = Arc::clone(&self.all).acquire_owned().await.ok();
        Permit { place, _all: all }
    }
}

/// Room for one call. Dropping it without an outcome, as a cancelled call does, only frees it.
#[derive(Debug)]
pub(crate) struct Permit {
    place: Place,
    _all: Option<OwnedSemaphorePermit>,
}

impl Permit {
    /// Ends the call and tells the window how it went.
    pub(crate) fn finish(self, throttled: bool) {
        self.place.window.learn(throttled);
    }
}

/// An adaptive bound on the calls to one service of one account and region.
#[derive(Debug)]
pub(crate) struct Window {
    most: usize,
    state: Mutex<State>,
    room: Notify,
}

#[derive(Debug)]
struct State {
    limit: usize,
    in_flight: usize,
    waiting: usize,
    /// Calls without a throttle since the last growth; `None` while there was no throttle at all.
    calm: Option<usize>,
}

impl Window {
    fn new(most: usize) -> Self {
        let most = most.max(1);
        let state = State { limit: most.min(BEGIN), in_flight: 0, waiting: 0, calm: None };
        Self { most, state: Mutex::new(state), room: Notify::new() }
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
                    return Place { window: Arc::clone(self) };
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

    fn learn(&self, throttled: bool) {
        let mut state = lock(&self.state);
        if throttled {
            state.limit = (state.limit / 2).max(1);
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
    async fn run(governor: &Arc<Governor>, window: &Arc<Window>, calls: usize) -> (u64, usize) {
        let (now, most) = (Arc::new(AtomicUsize::new(0)), Arc::new(AtomicUsize::new(0)));
        let start = tokio::time::Instant::now();
        let mut tasks = tokio::task::JoinSet::new();
        for _ in 0..calls {
            let (governor, window) = (Arc::clone(governor), Arc::clone(window));
            let (now, most) = (Arc::clone(&now), Arc::clone(&most));
            tasks.spawn(async move {
                let permit = governor.admit(&window).await;
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
    async fn a_window_bounds_its_service_and_the_governor_bounds_all() {
        let limits = Limits { in_flight: 5, per_service: 4 };
        let governor = Arc::new(Governor::new(limits));
        assert_eq!(run(&governor, &governor.window(), 12).await, (3, 4));
        let (one, two) = (governor.window(), governor.window());
        let both = tokio::join!(run(&governor, &one, 10), run(&governor, &two, 10));
        assert_eq!(both.0.0.max(both.1.0), 4, "20 calls, 5 at a time");
    }

    #[tokio::test(start_paused = true)]
    async fn a_window_grows_while_calls_wait_and_never_met_a_throttle() {
        let governor = Arc::new(Governor::new(Limits::default()));
        let window = governor.window();
        run(&governor, &window, BEGIN).await;
        assert_eq!(window.limit(), BEGIN, "nobody waited");
        assert_eq!(run(&governor, &window, 24 + 48 + 64).await, (3, 64));
        assert_eq!(window.limit(), 64, "never above the limit");
        governor.admit(&window).await.finish(true);
        run(&governor, &window, 64).await;
        assert!(window.limit() <= 32 + 64 / GROW_AFTER, "slowly after a throttle");
    }

    #[tokio::test(start_paused = true)]
    async fn throttles_halve_the_window_and_calm_restores_it() {
        let governor = Arc::new(Governor::new(Limits::default()));
        let window = governor.window();
        for expected in [12, 6, 3, 1, 1] {
            governor.admit(&window).await.finish(true);
            assert_eq!(window.limit(), expected);
        }
        assert_eq!(run(&governor, &window, 8).await, (8, 1));
        assert_eq!(window.limit(), 2);
        run(&governor, &window, GROW_AFTER * 80).await;
        assert_eq!(window.limit(), 64, "never above the limit");
    }

    #[tokio::test(start_paused = true)]
    async fn a_cancelled_wait_or_call_gives_its_room_back() {
        let governor = Arc::new(Governor::new(Limits { in_flight: 1, per_service: 1 }));
        let window = governor.window();
        let held = governor.admit(&window).await;
        let waiting = {
            let (governor, window) = (Arc::clone(&governor), Arc::clone(&window));
            tokio::spawn(async move { governor.admit(&window).await })
        };
        tokio::task::yield_now().await;
        waiting.abort();
        drop(held);
        assert_eq!(run(&governor, &window, 2).await, (2, 1));
    }
}
