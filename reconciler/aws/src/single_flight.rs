//! A value that many wait for and one fetches.
//!
//! Used for the caller's identity and for credentials. A failure is remembered for a while too:
//! otherwise each of several hundred waiting calls would repeat it, one after another.

use std::future::Future;
use std::time::{Duration, SystemTime};

use tokio::sync::Mutex;
use tokio::time::Instant;

use crate::error::CallError;

/// How long before its end a value is fetched anew.
pub(crate) const REFRESH_BEFORE: Duration = Duration::from_secs(5 * 60);

/// How long a failure is the answer to everyone who asks.
pub(crate) const FAILURE_HELD: Duration = Duration::from_secs(30);

/// A fetched value and the wall-clock time at which it ceases to be good.
#[derive(Clone)]
pub(crate) struct Fetched<T> {
    pub(crate) value: T,
    pub(crate) until: SystemTime,
}

enum Slot<T> {
    Empty,
    /// With when it was fetched, and the time before which a refresh that failed is not tried again.
    Held(Fetched<T>, Instant, Option<Instant>),
    Failed(CallError, Instant),
}

/// See the module. Dropping a waiting `get` is harmless: the next one in the queue fetches.
pub(crate) struct SingleFlight<T> {
    slot: Mutex<Slot<T>>,
}

impl<T: Clone> SingleFlight<T> {
    pub(crate) fn new() -> Self {
        Self { slot: Mutex::new(Slot::Empty) }
    }

    /// The held value, or what `fetch` brings. A value that is near its end and cannot be fetched
    /// anew is used until it ends.
    pub(crate) async fn get<F>(&self, fetch: impl FnOnce() -> F) -> Result<T, CallError>
    where
        F: Future<Output = Result<Fetched<T>, CallError>>,
    {
        let mut slot = self.slot.lock().await;
        let now = SystemTime::now();
        let old = match &*slot {
            Slot::Held(held, ..) if now + REFRESH_BEFORE < held.until => {
                return Ok(held.value.clone());
            }
            Slot::Held(held, _, resting) if now < held.until => {
                if resting.is_some_and(|until| Instant::now() < until) {
                    return Ok(held.value.clone());
                }
                Some(held.clone())
            }
            Slot::Failed(error, at) if at.elapsed() < FAILURE_HELD => return Err(error.clone()),
            Slot::Held(..) | Slot::Failed(..) | Slot::Empty => None,
        };
        match (fetch().await, old) {
            (Ok(fetched), _) => {
                let value = fetched.value.clone();
                *slot = Slot::Held(fetched, Instant::now(), None);
                Ok(value)
            }
            (Err(error), Some(old)) => {
                tracing::warn!(%error, "not refreshed; the old value is used until it ends");
                let value = old.value.clone();
                let now = Instant::now();
                *slot = Slot::Held(old, now, Some(now + FAILURE_HELD));
                Ok(value)
            }
            (Err(error), None) => {
                *slot = Slot::Failed(error.clone(), Instant::now());
                Err(error)
            }
        }
    }
}

impl<T> SingleFlight<T> {
    /// Drops a held value that is older than a moment, so that the next to ask fetches: of many calls that were sent with a
    /// value that is no longer good, the first one drops it, and the others leave its successor alone.
    pub(crate) fn drop_held(&self) {
        // Whoever has the slot is fetching.
        if let Ok(mut slot) = self.slot.try_lock()
            && matches!(&*slot, Slot::Held(_, at, _) if at.elapsed() >= FAILURE_HELD)
        {
            *slot = Slot::Empty;
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::error::{CallFacts, ErrorClass};

    fn until(seconds: u64) -> Fetched<u32> {
        Fetched { value: 1, until: SystemTime::now() + Duration::from_secs(seconds) }
    }

    fn failure() -> CallError {
        CallFacts {
            class: ErrorClass::Network,
            code: String::new(),
            message: String::new(),
            service: "sts",
            operation: "AssumeRole",
            account: None,
            region: None,
            request_id: None,
            status: None,
            role: None,
            caller: None,
        }
        .into()
    }

    #[tokio::test(start_paused = true)]
    async fn a_failure_is_held_for_a_while_and_then_tried_again() {
        let flight = SingleFlight::new();
        let failed = flight.get(|| async { Err::<Fetched<u32>, _>(failure()) }).await;
        assert!(failed.is_err());
        assert!(flight.get(|| async { Ok(until(3600)) }).await.is_err());
        tokio::time::advance(FAILURE_HELD).await;
        assert_eq!(flight.get(|| async { Ok(until(3600)) }).await, Ok(1));
    }

    #[tokio::test(start_paused = true)]
    async fn a_value_that_is_no_longer_good_is_dropped_once() {
        let flight = SingleFlight::new();
        let newer = || async { Ok(Fetched { value: 2, ..until(3600) }) };
        assert_eq!(flight.get(|| async { Ok(until(3600)) }).await, Ok(1));
        flight.drop_held();
        assert_eq!(flight.get(newer).await, Ok(1), "it is as new as can be");
        tokio::time::advance(FAILURE_HELD).await;
        flight.drop_held();
        assert_eq!(flight.get(newer).await, Ok(2));
        flight.drop_held();
        assert_eq!(flight.get(|| async { Ok(until(3600)) }).await, Ok(2), "the others were sent with the old one");
    }

    #[tokio::test(start_paused = true)]
    async fn a_value_near_its_end_is_refreshed_or_used_up() {
        let flight = SingleFlight::new();
        assert_eq!(flight.get(|| async { Ok(until(60)) }).await, Ok(1));
        assert_eq!(flight.get(|| async { Err(failure()) }).await, Ok(1), "used up");
        let newer = || async { Ok(Fetched { value: 2, ..until(3600) }) };
        assert_eq!(flight.get(newer).await, Ok(1), "not asked again at once");
        tokio::time::advance(FAILURE_HELD).await;
        assert_eq!(flight.get(newer).await, Ok(2));
        assert_eq!(flight.get(|| async { Err(failure()) }).await, Ok(2), "not asked");
    }
}
