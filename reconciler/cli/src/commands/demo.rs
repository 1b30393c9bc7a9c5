//! `demo`: the main job on the embedded AWS, in any folder.

use crate::args::{Aws, DEFAULT_DESIRED, DEFAULT_SCENARIO, Filter, Global};
use crate::commands::enforce;
use crate::exit::Exit;
use crate::failure::Failure;
use crate::next;
use crate::setup::Setup;

/// Restores the drifted organization of the embedded AWS. Nothing of the machine takes part: a state folder or settings that the
/// environment names are those of something real.
pub(crate) async fn run(global: Global) -> Result<Exit, Failure> {
    let global = Global {
        aws: Aws::Embedded(DEFAULT_SCENARIO.to_owned()),
        desired: DEFAULT_DESIRED.into(),
        base: Vec::new(),
        state: None,
        settings: None,
        ..global
    };
    let setup = Setup::new(global)?.shipped();
    let exit = enforce::once(&setup, &Filter::default()).await?;
    if exit.is_done() {
        next::say(setup.screen, &next::after_demo())?;
    }
    Ok(exit)
}
