//! The crate against the real SDK, above an HTTP client of the test's own.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::print_stdout)]

mod bodies;
mod errors;
mod propagation;
mod sessions;
mod speed;
mod throttles;
mod wire;
