//! `validate`: the desired state alone.

use serde_json::json;

use crate::exit::Exit;
use crate::failure::Failure;
use crate::formats::documents;
use crate::screen::{GOOD, paint};
use crate::setup::Setup;
use crate::text::counted;

pub(crate) fn run(setup: &Setup) -> Result<Exit, Failure> {
    let desired = setup.desired()?;
    let addresses = desired.wanted().len();
    let declarations = desired.declarations.len();
    let form_only = desired.needs_directory().is_some();
    let told = json!({
        "accounts_to_be_discovered": form_only,
        "declarations": declarations,
        "addresses": addresses,
        "desired_digest": desired.digest,
        "diagnostics": [],
    });
    setup.screen.json(&documents::named(documents::VALIDATION, told))?;
    if form_only {
        setup.screen.say(format_args!(
            "{}: {}, for accounts that are discovered when AWS is read, in {}",
            paint(GOOD, "valid in form"),
            counted(declarations, "declaration"),
            counted(desired.organization().regions.len(), "region"),
        ))?;
        return Ok(Exit::Done);
    }
    setup.screen.say(format_args!(
        "{}: {}, {} in {} and {}",
        paint(GOOD, "valid"),
        counted(declarations, "declaration"),
        counted(addresses, "address"),
        counted(desired.organization().accounts.len(), "account"),
        counted(desired.organization().regions.len(), "region"),
    ))?;
    Ok(Exit::Done)
}
