//! The process tests: the binary as a user has it, in an environment of its own, against an emulated AWS on loopback.
//!
//! Stories of several commands are transcripts in `tests/scenarios`; what a transcript cannot say is here. A test here is a
//! hundred times slower than one of the libraries': it tests that a thing is wired, not every case of it.

#![allow(clippy::expect_used, clippy::unwrap_used)]

mod adopt;
mod aws_failures;
mod bad_input;
mod crash;
mod daemon;
mod formats;
mod harness;
mod hostile_text;
mod incident;
mod narrowed;
mod newer_build;
mod output_for_programs;
mod reading;
mod reference;
mod scale;
mod scenarios;
mod serving;
mod terminal;
mod tour;
mod transcript;
