//! `schema`, `controls`, `explain` and `completions`: reference.

use clap::CommandFactory as _;
use reconciler_kinds::KINDS;
use reconciler_model::codes;
use reconciler_model::desired;
use reconciler_model::diagnostic::did_you_mean;
use serde_json::json;

use crate::args::Arguments;
use crate::controls;
use crate::exit::Exit;
use crate::failure::Failure;
use crate::screen::{STRONG, Screen, paint};

pub(crate) fn schema(screen: Screen) -> Result<Exit, Failure> {
    screen.print(format_args!("{:#}\n", desired::schema(KINDS)))?;
    Ok(Exit::Done)
}

pub(crate) fn controls(screen: Screen) -> Result<Exit, Failure> {
    let all = controls::all()?;
    screen.json(&json!(all))?;
    for control in all {
        screen.say(controls::line(control))?;
    }
    Ok(Exit::Done)
}

pub(crate) fn control(screen: Screen, id: &str) -> Result<Exit, Failure> {
    let control = controls::find(id)?;
    screen.json(&json!(control))?;
    screen.say(controls::runbook(control).trim_end())?;
    Ok(Exit::Done)
}

pub(crate) fn explain(screen: Screen, code: Option<&str>) -> Result<Exit, Failure> {
    let Some(code) = code else {
        let list: Vec<_> = codes::CODES.iter().map(|code| json!({"code": code.id, "title": code.title})).collect();
        screen.json(&json!(list))?;
        for code in codes::CODES {
            screen.say(format_args!("{}  {}", code.id, code.title))?;
        }
        return Ok(Exit::Done);
    };
    let Some(found) = codes::find(code) else {
        let near = did_you_mean(code, codes::CODES.iter().map(|code| code.id));
        let failure = Failure::new(Exit::Usage, format!("no code `{code}`"));
        return Err(match near {
            Some(near) => failure.hint(format!("did you mean `{near}`? `explain` without a code lists them")),
            None => failure.hint("`bedrock-reconciler explain` lists them"),
        });
    };
    screen.json(&json!({"code": found.id, "title": found.title, "explanation": found.explanation}))?;
    screen.say(format_args!("{}: {}\n\n{}", paint(STRONG, found.id), found.title, found.explanation))?;
    Ok(Exit::Done)
}

pub(crate) fn completions(screen: Screen, shell: clap_complete::Shell) -> Result<Exit, Failure> {
    let mut script = Vec::new();
    clap_complete::generate(shell, &mut Arguments::command(), "bedrock-reconciler", &mut script);
    screen.print(String::from_utf8_lossy(&script))?;
    Ok(Exit::Done)
}
