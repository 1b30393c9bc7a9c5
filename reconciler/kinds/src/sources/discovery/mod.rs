//! The accounts of an organization, for a desired state that does not list them. No kind: nothing is managed here.

mod edge;
mod reach;

pub use edge::discover;
pub use reach::{Reach, Units};
