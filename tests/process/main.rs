//! The process tests: the binary as a user has it, in an environment of its own, against an emulated AWS on loopback.
//!
//! Stories of several commands are transcripts in `tests/scenarios`; what a transcript cannot say is here. A test here is a
//! hundred times slower than one of the libraries': it tests that a thing is wired, not every case of it.

#![allow(clippy::expect_used, clippy::unwrap_used)]

mod crash;
mod harness;
mod inventory;
mod scenarios;
mod transcript;
