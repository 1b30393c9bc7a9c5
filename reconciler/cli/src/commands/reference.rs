//! `schema`, `controls`, `version` and `completions`: reference.

use clap::CommandFactory as _;
use reconciler_engine::journal;
use reconciler_kinds::KINDS;
use reconciler_model::desired;
use reconciler_model::plan;
use serde_json::json;

use crate::args::Arguments;
use crate::controls;
use crate::exit::Exit;
use crate::failure::Failure;
use crate::formats::documents::{self, Document};
use crate::screen::Screen;

pub(crate) fn schema(screen: Screen, of: Document) -> Result<Exit, Failure> {
    match documents::schema(of) {
        Some(schema) => screen.print(format_args!("{schema:#}\n"))?,
        None => screen.print(format_args!("{:#}\n", desired::schema(KINDS)))?,
    }
    Ok(Exit::Done)
}

pub(crate) fn controls(screen: Screen) -> Result<Exit, Failure> {
    let all = controls::all()?;
    screen.json(&documents::named(documents::CONTROLS, json!({ "controls": all })))?;
    for control in all {
        screen.say(controls::line(control))?;
    }
    Ok(Exit::Done)
}

pub(crate) fn control(screen: Screen, id: &str) -> Result<Exit, Failure> {
    let control = controls::find(id)?;
    screen.json(&documents::named(documents::CONTROL, json!(control)))?;
    screen.say(controls::runbook(control).trim_end())?;
    Ok(Exit::Done)
}

pub(crate) fn version(screen: Screen) -> Result<Exit, Failure> {
    let (version, plan, journal) = (env!("CARGO_PKG_VERSION"), plan::FORMAT, journal::FORMAT);
    let told = json!({"version": version, "plan_format": plan, "journal_format": journal});
    screen.json(&documents::named(documents::VERSION, told))?;
    screen.say(format_args!(
        "bedrock-reconciler {version}\nplan format        {}.{} (reads {}.x)\njournal format     {journal}",
        plan.major, plan.minor, plan.major
    ))?;
    Ok(Exit::Done)
}

pub(crate) fn completions(screen: Screen, shell: clap_complete::Shell) -> Result<Exit, Failure> {
    let mut script = Vec::new();
    clap_complete::generate(shell, &mut Arguments::command(), "bedrock-reconciler", &mut script);
    screen.print(String::from_utf8_lossy(&script))?;
    Ok(Exit::Done)
}
