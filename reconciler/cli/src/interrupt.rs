//! Stopping: a run that only reads stops at once; one that writes finishes the step it is in.

use std::sync::atomic::{AtomicBool, AtomicU8, Ordering};
use std::time::Duration;

use tokio::signal::unix::{Signal, SignalKind, signal};
use tokio::sync::Notify;

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

/// Whether the run may have written.
static WRITES: AtomicBool = AtomicBool::new(false);

static ASKED: Notify = Notify::const_new();

/// From now on a signal is what [`wait`] waits for, and a second one ends the process.
pub(crate) fn deferred() {
    let _ = STATE.compare_exchange(RUNNING, WRITING, Ordering::SeqCst, Ordering::SeqCst);
}

/// Waits until the run is asked to stop.
pub(crate) async fn wait() {
    loop {
        let asked = ASKED.notified();
        if requested().is_some() {
            return;
        }
        asked.await;
    }
}

/// From now on nothing is written until [`writing`] says so.
pub(crate) fn reading() {
    WRITES.store(false, Ordering::SeqCst);
}

/// Whether something may have been written since [`reading`].
pub(crate) fn is_writing() -> bool {
    WRITES.load(Ordering::SeqCst)
}

/// From now on a signal lets the current step end first.
pub(crate) fn writing() {
    WRITES.store(true, Ordering::SeqCst);
    let _ = STATE.compare_exchange(RUNNING, WRITING, Ordering::SeqCst, Ordering::SeqCst);
}

/// Watches for signals in the background. A second one ends the process at once.
///
/// A terminal that goes away asks a command to stop as well; it asks a daemon to read its settings anew, which is not watched here.
pub(crate) fn watch(is_daemon: bool) {
    let kinds = [
        (SignalKind::interrupt(), INTERRUPTED),
        (SignalKind::terminate(), TERMINATED),
        (SignalKind::hangup(), TERMINATED),
    ];
    for (kind, state) in kinds {
        if is_daemon && kind == SignalKind::hangup() {
            continue;
        }
        if let Ok(signals) = signal(kind) {
            tokio::spawn(wait_for(signals, state));
        }
    }
}

async fn wait_for(mut signals: Signal, state: u8) {
    while signals.recv().await.is_some() {
        if STATE.swap(state, Ordering::SeqCst) != WRITING {
            let exit = if state == INTERRUPTED { Exit::Interrupted } else { Exit::Terminated };
            std::process::exit(i32::from(exit.code()));
        }
        ASKED.notify_waiters();
    }
}
