//! What is asked of AWS and is no kind: nothing of it is declared or restored.

pub mod discovery;
pub mod history;
pub mod insights;
pub mod lookups;
pub mod permissions;
