//! Writes that name what was just created.

use std::sync::atomic::{AtomicU32, Ordering};
use std::time::Duration;

use reconciler_aws::client::odd_answer;
use reconciler_aws::{CallError, Session, Timeouts, until_known};
use tokio::time::Instant;

use crate::wire::{Wire, reply};

async fn session() -> Session {
    let wire = Wire::new(|_| reply(200, "{}"));
    let timeouts = Timeouts { operation: Duration::from_secs(60), ..Timeouts::default() };
    wire.connection().timeouts(timeouts).open().await.session("111122223333", "us-east-1")
}

async fn tried(early: impl Fn(&CallError) -> bool + Send, failures: u32) -> (Result<u32, CallError>, u32, Duration) {
    let session = session().await;
    let count = AtomicU32::new(0);
    let began = Instant::now();
    let outcome = until_known(&session, early, || async {
        let call = count.fetch_add(1, Ordering::Relaxed);
        if call < failures { Err(odd_answer(&session, "iam", "CreateRole", "unknown principal")) } else { Ok(call) }
    })
    .await;
    (outcome, count.into_inner(), began.elapsed())
}

#[tokio::test(start_paused = true)]
async fn a_call_is_made_again_until_its_principal_is_known() {
    let (outcome, calls, took) = tried(|_| true, 3).await;
    assert_eq!((outcome.ok(), calls), (Some(3), 4));
    assert_eq!(took, Duration::from_millis(250 + 500 + 1000));
}

#[tokio::test(start_paused = true)]
async fn the_last_failure_is_given_when_the_time_is_up() {
    let (outcome, calls, took) = tried(|error| error.operation == "CreateRole", u32::MAX).await;
    assert!(outcome.is_err_and(|error| error.message == "unknown principal"));
    assert!(calls > 8 && took <= Duration::from_secs(60), "{calls} calls in {took:?}");
    assert!(took > Duration::from_secs(50), "{took:?}");
}

#[tokio::test(start_paused = true)]
async fn any_other_failure_is_given_at_once() {
    let (outcome, calls, took) = tried(|_| false, 1).await;
    assert!(outcome.is_err());
    assert_eq!((calls, took), (1, Duration::ZERO));
}
