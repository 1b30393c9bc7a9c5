//! What people type for a control, an address or the name of a resource, and what they may have meant.

use std::collections::BTreeSet;

use reconciler_model::desired::Wanted;
use reconciler_model::diagnostic::did_you_mean;

use crate::controls;
use crate::exit::Exit;
use crate::failure::Failure;
use crate::setup::globs;

/// How many addresses are listed at most.
const LISTED: usize = 12;

/// What somebody asked to restore.
#[derive(Debug, PartialEq, Eq)]
pub(crate) enum Meant {
    /// All that serves a control.
    Control(String),
    /// The addresses that a pattern matches.
    Addresses(String),
}

/// What `text` means: a control, a pattern of addresses, or the name of the only resource that is called so.
///
/// # Errors
/// Fails when it is none of them, or the name of several resources.
pub(crate) fn meant(text: &str, ids: &[String], wanted: &[Wanted]) -> Result<Meant, Failure> {
    if ids.iter().any(|id| id == text) {
        return Ok(Meant::Control(text.to_owned()));
    }
    // A name may have slashes, such as that of a log group.
    let named: Vec<String> =
        wanted.iter().filter(|one| one.address.name == text).map(|one| one.address.to_string()).collect();
    match named.as_slice() {
        [one] => return Ok(Meant::Addresses(globset::escape(one))),
        [] => {}
        several => {
            let mut hint = format!("name one of\n  {}", several[..several.len().min(LISTED)].join("\n  "));
            if several.len() > LISTED {
                hint.push_str(&format!("\n  and {} more", several.len() - LISTED));
            }
            hint.push_str(&format!("\nor all of them with '*/{}'", globset::escape(text)));
            let text = format!("{} resources are called `{text}`", several.len());
            return Err(Failure::new(Exit::Usage, text).hint(hint));
        }
    }
    if text.contains(['/', '*', '?', '[', '{']) {
        return Ok(Meant::Addresses(text.to_owned()));
    }
    if did_you_mean(text, ids.iter().map(String::as_str)).is_some() {
        return Err(controls::unknown(text, controls::all()?));
    }
    let names: BTreeSet<&str> = wanted.iter().map(|one| one.address.name.as_str()).collect();
    let hint = match did_you_mean(text, names.iter().copied()) {
        Some(near) => format!("did you mean `{near}`?"),
        None => {
            "name a control (`bedrock-reconciler controls`), an address as plans show it, or the name of a resource"
                .to_owned()
        }
    };
    Err(Failure::new(Exit::Usage, format!("`{text}` is no control, no address, and no name of a resource")).hint(hint))
}

/// That patterns select nothing, with the pattern that was probably meant.
pub(crate) fn nothing_selected(patterns: &[String], wanted: &[Wanted]) -> Failure {
    let failure = Failure::new(Exit::Usage, "nothing in the desired state is selected");
    match patterns.iter().find_map(|pattern| near(pattern, wanted)) {
        Some(near) => failure.hint(format!("did you mean `{near}`?")),
        None => failure.hint("addresses are ACCOUNT/REGION/KIND/NAME, with `*` for any text; quote them in the shell"),
    }
}

/// The nearest pattern that selects something: each part that no address has is replaced by the part that is most like it.
fn near(pattern: &str, wanted: &[Wanted]) -> Option<String> {
    let parts: Vec<&str> = pattern.splitn(4, '/').collect();
    let known: [BTreeSet<&str>; 4] = [
        wanted.iter().map(|one| one.address.account.as_str()).collect(),
        wanted.iter().map(|one| one.address.region.as_str()).collect(),
        wanted.iter().map(|one| one.address.kind.as_str()).collect(),
        wanted.iter().map(|one| one.address.name.as_str()).collect(),
    ];
    let corrected: Vec<String> = parts
        .iter()
        .zip(&known)
        .map(|(part, known)| match part.contains(['*', '?', '[', '{']) || known.contains(part) {
            true => (*part).to_owned(),
            false => did_you_mean(part, known.iter().copied()).unwrap_or(part).to_owned(),
        })
        .collect();
    let corrected = corrected.join("/");
    if corrected == pattern {
        return None;
    }
    let matcher = globs(std::slice::from_ref(&corrected)).ok()?.pop()?;
    wanted.iter().any(|one| matcher.is_match(one.address.to_string())).then_some(corrected)
}
