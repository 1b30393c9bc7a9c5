//! What every process test shares: an environment of its own, an AWS of its own, and outputs that must be looked at.

mod aws;
mod environment;
mod output;
mod running;
mod terminal;

pub(crate) use aws::{Aws, MANAGEMENT, block_on};
pub(crate) use environment::{TestEnvironment, repository};
pub(crate) use output::CommandOutput;
pub(crate) use running::Running;
pub(crate) use terminal::Terminal;
