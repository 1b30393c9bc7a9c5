//! Waiting until what was just created is known everywhere.

use std::time::Duration;

use tokio::time::{Instant, sleep};

use crate::connection::Timeouts;
use crate::error::CallError;
use crate::session::Session;

const FIRST_PAUSE: Duration = Duration::from_millis(250);
const LONGEST_PAUSE: Duration = Duration::from_secs(8);

/// Makes a call again while it fails because something that it names is not known everywhere yet, for as long as one call may
/// take: [`Timeouts::operation`].
///
/// Roles and other principals need up to a minute (README.md, Eventual consistency). `too_early` tells such a failure from one
/// that lasts. The pause doubles from a quarter of a second to eight seconds.
///
/// # Errors
///
/// The last failure when the time is up; any other failure at once.
pub async fn until_known<T, F>(
    session: &Session,
    too_early: impl Fn(&CallError) -> bool + Send,
    mut call: impl FnMut() -> F + Send,
) -> Result<T, CallError>
where
    F: Future<Output = Result<T, CallError>> + Send,
    T: Send,
{
    let longest =
        session.config().timeout_config().and_then(aws_smithy_types::timeout::TimeoutConfig::operation_timeout);
    let deadline = Instant::now() + longest.unwrap_or(Timeouts::default().operation);
    let mut pause = FIRST_PAUSE;
    loop {
        match call().await {
            Err(error) if too_early(&error) && Instant::now() + pause < deadline => {
                tracing::debug!(%error, ?pause, "too early, made again");
            }
            outcome => return outcome,
        }
        sleep(pause).await;
        pause = (pause * 2).min(LONGEST_PAUSE);
    }
}
