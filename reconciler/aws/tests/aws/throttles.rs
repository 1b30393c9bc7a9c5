//! Storms: what throttles in one account cost the others, and what a call that runs out of time says.

use std::time::Duration;

use aws_sdk_bedrock::Client as Bedrock;
use reconciler_aws::{ErrorClass, Retries, Session, Timeouts, call};

use crate::wire::{Wire, reply};

const OWN: &str = "111122223333";
const OTHER: &str = "222233334444";

async fn list(session: &Session) -> Result<(), reconciler_aws::CallError> {
    let client = session.client(Bedrock::new);
    call!(session, "bedrock", "ListGuardrails", client.list_guardrails()).await?;
    Ok(())
}

fn throttled() -> crate::wire::Reply {
    reply(429, r#"{"message":"Too many"}"#).header("x-amzn-errortype", "ThrottlingException")
}

/// The SDK has 500 retry tokens per service and region for the whole process. Here a storm in one account uses up those
/// of that account alone: the first call elsewhere still has all of its attempts.
#[tokio::test(start_paused = true)]
async fn a_storm_in_one_account_leaves_the_retries_of_the_others() {
    let wire = Wire::new(|_| throttled());
    let sessions = wire.connection().retries(Retries { attempts: 4, ..quick() }).open().await;
    let stormy = sessions.session(OWN, "eu-west-1");
    let attempts = || wire.seen().iter().filter(|request| !request.is_sts()).count();
    let mut last = 0;
    // Each takes 15 tokens, and none of them succeeds.
    for _ in 0..200 {
        let before = attempts();
        assert_eq!(list(&stormy).await.expect_err("a throttle").class, ErrorClass::Throttled);
        last = attempts() - before;
    }
    assert!(last < 4, "the allowance of the stormy account is used up");
    let before = attempts();
    let _ = list(&sessions.session(OTHER, "eu-west-1")).await;
    assert_eq!(attempts() - before, 4, "another account in the same region");
    let before = attempts();
    let _ = list(&sessions.session(OWN, "us-east-1")).await;
    assert_eq!(attempts() - before, 4, "another region of the same account");
}

/// A call that is throttled until its time is over says so. "Timeout" alone would send somebody to look at the network.
#[tokio::test(start_paused = true)]
async fn a_call_that_runs_out_of_time_between_throttles_is_throttled() {
    let wire = Wire::new(|_| throttled());
    let timeouts = Timeouts { operation: Duration::from_secs(5), ..Timeouts::default() };
    let retries = Retries { attempts: 60, initial_backoff: Duration::from_secs(1) };
    let sessions = wire.connection().retries(retries).timeouts(timeouts).open().await;
    let error = list(&sessions.session(OWN, "eu-west-1")).await.expect_err("no time");
    assert_eq!((error.class, error.code.as_str()), (ErrorClass::Throttled, "Timeout"));
    assert!(error.message.starts_with("throttled until the time of the call was over"), "{error}");

    let wire = Wire::new(|_| reply(200, "{}").after(Duration::from_secs(3600)));
    let sessions = wire.connection().timeouts(timeouts).open().await;
    let error = list(&sessions.session(OWN, "eu-west-1")).await.expect_err("no time");
    assert_eq!(error.class, ErrorClass::Network, "without a throttle it is the network");
}

fn quick() -> Retries {
    Retries { initial_backoff: Duration::from_millis(1), ..Retries::default() }
}
