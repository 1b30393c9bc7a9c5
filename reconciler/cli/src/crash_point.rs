//! Where the process tests let the process die: right after a record of the journal is on disk.
//!
//! Only debug builds have this. There, `BEDROCK_RECONCILER_ABORT_AFTER_RECORD=N` aborts the process when record N has been
//! written: no destructor runs, no buffer is flushed, and no answer is waited for.

use reconciler_engine::journal::{Journal, JournalError};
use reconciler_engine::state::StateFolder;

/// Opens the journal of a state folder for the run `run`.
pub(crate) fn journal(state: &StateFolder, run: &str) -> Result<Journal, JournalError> {
    #[cfg_attr(not(debug_assertions), expect(unused_mut, reason = "only debug builds have the crash point"))]
    let mut journal = Journal::open(&state.journal(), run)?;
    #[cfg(debug_assertions)]
    if let Some(last) = last_record() {
        journal.on_record(move |record| {
            if record.seq == last {
                std::process::abort();
            }
        });
    }
    Ok(journal)
}

#[cfg(debug_assertions)]
fn last_record() -> Option<u64> {
    std::env::var("BEDROCK_RECONCILER_ABORT_AFTER_RECORD").ok()?.parse().ok()
}
