//! The pure and synchronous core of the reconciler.
//!
//! No tokio, no AWS SDK, no clock, no environment and no file system: everything here is a function of its arguments, so
//! that it can be tested exhaustively and reasoned about. The verbs that touch the world live in the `aws`, `kinds` and
//! `engine` crates.
//!
//! Expected flow: [`desired`] turns YAML text into declarations, [`kind`] normalises declarations and live answers into
//! the same tree, [`drift`] compares them, [`plan`] turns drift into resolved steps, [`permit`] guards what may write,
//! [`verdict`] compares the expected state of a step with a fresh read.

pub mod address;
pub mod alert;
pub mod attribution;
pub mod codes;
pub mod control;
pub mod desired;
pub mod diagnostic;
pub mod digest;
pub mod direction;
pub mod documents;
pub mod drift;
pub mod first_seen;
pub mod flapping;
pub mod incident;
pub mod inventory;
mod kept;
pub mod kind;
pub mod last_read;
pub mod open_enum;
pub mod permit;
pub mod plan;
pub mod policy;
pub mod repointed;
mod room;
mod schema;
pub mod text;
pub mod tree;
pub mod undeclared;
pub mod verdict;
