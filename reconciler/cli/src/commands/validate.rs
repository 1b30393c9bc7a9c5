//! `validate`: the desired state alone.

use serde_json::json;

use crate::exit::Exit;
use crate::failure::Failure;
use crate::screen::{GOOD, paint};
use crate::setup::Setup;

pub(crate) fn run(setup: &Setup) -> Result<Exit, Failure> {
    let desired = setup.desired()?;
    let addresses = desired.wanted().len();
    let declarations = desired.declarations.len();
    setup.screen.json(&json!({
        "declarations": declarations,
        "addresses": addresses,
        "desired_digest": desired.digest,
        "diagnostics": [],
    }))?;
    setup.screen.say(format_args!(
        "{}: {declarations} declarations, {addresses} addresses in {} accounts and {} regions",
        paint(GOOD, "valid"),
        desired.organization().accounts.len(),
        desired.organization().regions.len(),
    ))?;
    Ok(Exit::Done)
}
