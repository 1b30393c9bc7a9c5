//! What every test binary shares: a world to act in, and an independent way to look at it.
//!
//! [`world`] opens the emulated AWS with a desired state and drives the real pipeline over it; [`direct_client`] reads
//! the emulated AWS with plain HTTP requests, without any code of the reconciler, so that a test never asks the
//! suspect.

// A helper that cannot go on fails the test that called it, with the line that did.
#![allow(clippy::expect_used, clippy::unwrap_used)]

pub mod declarations;
pub mod direct_client;
pub mod generate;
pub mod organization;
pub mod sources;
pub mod world;
