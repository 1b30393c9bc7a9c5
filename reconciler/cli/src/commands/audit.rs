//! `audit verify`: was anything in the journal or in the evidence altered, removed or added? `audit mend`: what a disk damaged.

use reconciler_engine::audit::{self, Audit, Finding};
use reconciler_engine::mend::{self, Mended};
use reconciler_engine::outcome::Outcome;
use reconciler_engine::state::{StateError, StateFolder};
use reconciler_model::codes;
use serde_json::{Value, json};

use crate::exit::Exit;
use crate::failure::Failure;
use crate::formats::documents;
use crate::screen::{BAD, DOUBT, FAINT, GOOD, paint};
use crate::setup::Setup;

pub(crate) fn verify(setup: &Setup, noted: Option<&str>) -> Result<Exit, Failure> {
    let Some(folder) = setup.state_to_read() else {
        let mut nothing = Audit::default();
        if let Some(noted) = noted {
            nothing.hold_to(noted);
        }
        setup.screen.json(&documents::named(documents::AUDIT, in_json(&nothing)))?;
        setup.screen.say("nothing was written here: there is no journal")?;
        return Ok(Outcome::of_audit(&nothing).into());
    };
    // The audit takes the lock, because a run that is writing looks like one that died. Without a lock nobody else can
    // write either.
    let _lock = match StateFolder::open(&folder)?.lock() {
        Ok(lock) => Some(lock),
        Err(error @ StateError::InUse { .. }) => return Err(error.into()),
        Err(_) => None,
    };
    let mut audit = audit::verify(&folder)
        .map_err(|error| Failure::new(Exit::Failed, format!("failed to read {}: {error}", folder.display())))?;
    if let Some(noted) = noted {
        audit.hold_to(noted);
    }
    setup.screen.json(&documents::named(documents::AUDIT, in_json(&audit)))?;
    for (word, style, found) in [("FOUND", BAD, &audit.findings), ("note", DOUBT, &audit.notes)] {
        for Finding { file, line, what, .. } in found {
            let line = line.map(|line| format!(":{line}")).unwrap_or_default();
            setup.screen.line(format_args!("{} {}{line}  {what}", paint(style, word), file.display()))?;
        }
    }
    let told = format!("{} records, {} incidents, {} files of evidence", audit.records, audit.incidents, audit.files);
    match audit.findings.len() {
        0 => setup.screen.say(format_args!("{}: {told}", paint(GOOD, "nothing was altered, removed or added")))?,
        count => setup.screen.say(format_args!(
            "{} [{}] · {told}",
            paint(BAD, format_args!("{count} found")),
            codes::ALTERED
        ))?,
    }
    if audit.findings.iter().any(|finding| finding.damage) {
        setup.screen.say("next: bedrock-reconciler audit mend, which repairs damage and loses no record")?;
    }
    if let Some(head) = &audit.head {
        let why = "keep it elsewhere: whoever may write here could have written all of it anew";
        setup.screen.say(format_args!("head {head}\n{}", paint(FAINT, why)))?;
    }
    Ok(Outcome::of_audit(&audit).into())
}

pub(crate) fn mend(setup: &Setup) -> Result<Exit, Failure> {
    let Some(folder) = setup.state_to_read() else {
        setup.screen.say("nothing was written here: there is no journal")?;
        return Ok(Exit::Done);
    };
    let state = StateFolder::open(&folder)?;
    let _lock = state.lock()?;
    let mended = mend::mend(&state.journal())
        .map_err(|error| Failure::new(Exit::Failed, format!("failed to mend {}: {error}", folder.display())))?;
    match mended {
        Mended::Whole => setup.screen.say("there is nothing to mend")?,
        Mended::Done { records, removed, kept } => setup.screen.say(format_args!(
            "{}: all {records} records are there, {removed} bytes were no record\nthe file as it was: {}",
            paint(GOOD, "mended"),
            kept.display()
        ))?,
        Mended::Not { line, reason } => {
            let text = format!("did not mend {}:{line}: {reason}", state.journal().display());
            return Err(Failure::new(Exit::Failed, text).code(codes::ALTERED).hint(
                "this is no damage of a disk; keep the folder as it is for those who look into it, and name another one with --state",
            ));
        }
    }
    Ok(Exit::Done)
}

fn in_json(audit: &Audit) -> Value {
    let mut output = json!(audit);
    output["clean"] = json!(audit.is_clean());
    output
}
