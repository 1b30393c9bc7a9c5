//! Async orchestration over resource clients: observe, plan, apply, verify, and the journal that survives a crash.
//!
//! Expected flow: [`Reconciler::plan`] observes and builds the plan; somebody approves it;
//! [`Reconciler::apply`] carries it out step by step, each believed only after read-back. [`Reconciler::converge`] does
//! all of it in rounds, until nothing is left to do.
//!
//! Guarantees: no kind is named here; nothing is written without a write permit; an intent is on disk before its write,
//! and the write result and the verdict after it; what could not be read is a gap.

pub mod apply;
pub mod attribution;
pub mod audit;
pub mod case;
pub mod event;
pub mod evidence;
mod first_seen;
pub mod flapping;
pub mod head;
pub mod incident;
pub mod journal;
pub mod mend;
pub mod observe;
pub mod outcome;
pub mod permissions;
pub mod pinning;
mod private;
pub mod queries;
pub mod reach;
pub mod reconciler;
pub mod response;
pub mod rounds;
pub mod saved;
pub mod state;

pub use reconciler::{Pace, Reconciler, Target};
