//! The accounts of an organization, for a desired state that does not list them. No kind: nothing is managed here.

mod client;
mod reach;

pub use client::discover;
pub use reach::{Reach, Units};
