//! Stopping: a run that only reads stops at once; one that writes finishes the step it is in.

use std::sync::atomic::{AtomicBool, AtomicU8, Ordering};
use std::time::Duration;

use tokio::signal::unix::{Signal, SignalKind, signal};

use crate::exit::Exit;
use crate::failure::Failure;

const RUNNING: u8 = 0;
const WRITING: u8 = 1;
const INTERRUPTED: u8 = 2;
const TERMINATED: u8 = 3;

static STATE: AtomicU8 = AtomicU8::new(RUNNING);

/// Whether the run was asked to stop, and how.
pub(crate) fn requested() -> Option<Exit> {
    match STATE.load(Ordering::SeqCst) {
        INTERRUPTED => Some(Exit::Interrupted),
        TERMINATED => Some(Exit::Terminated),
        _ => None,
    }
}

/// Whether it was, or its time is over: what has not begun is not begun.
pub(crate) fn is_requested() -> bool {
    requested().is_some() || OVER.load(Ordering::SeqCst)
}

/// Whether the time that the command was given is over.
static OVER: AtomicBool = AtomicBool::new(false);

/// A command that may take so long. One that only reads ends then; one that writes begins nothing new, and says itself what is
/// left.
pub(crate) async fn within(
    patience: Duration,
    command: impl Future<Output = Result<Exit, Failure>>,
) -> Result<Exit, Failure> {
    let mut command = std::pin::pin!(command);
    if let Ok(ended) = tokio::time::timeout(patience, &mut command).await {
        return ended;
    }
    OVER.store(true, Ordering::SeqCst);
    if STATE.load(Ordering::SeqCst) != RUNNING {
        return command.await;
    }
    Err(Failure::new(Exit::Gaps, format!("not evaluated: the time of {} s is over", patience.as_secs_f64())).hint(
        "nothing was changed; give it more time with --timeout, or look at a part with --account, --region or --kind",
    ))
}

/// From now on a signal lets the current step end first.
pub(crate) fn writing() {
    let _ = STATE.compare_exchange(RUNNING, WRITING, Ordering::SeqCst, Ordering::SeqCst);
}

/// Watches for signals in the background. A second one ends the process at once.
pub(crate) fn watch() {
    let (Ok(interrupt), Ok(terminate)) = (signal(SignalKind::interrupt()), signal(SignalKind::terminate())) else {
        return;
    };
    tokio::spawn(wait(interrupt, terminate));
}

async fn wait(mut interrupt: Signal, mut terminate: Signal) {
    loop {
        let (exit, state) = tokio::select! {
            _ = interrupt.recv() => (Exit::Interrupted, INTERRUPTED),
            _ = terminate.recv() => (Exit::Terminated, TERMINATED),
        };
        if STATE.swap(state, Ordering::SeqCst) != WRITING {
            std::process::exit(i32::from(exit.code()));
        }
    }
}
