//! Stopping: a run that only reads stops at once; one that writes finishes the step it is in.

use std::sync::atomic::{AtomicU8, Ordering};

use tokio::signal::unix::{Signal, SignalKind, signal};

use crate::exit::Exit;

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

/// Whether it was: what has not begun is not begun.
pub(crate) fn is_requested() -> bool {
    requested().is_some()
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
