//! `plan`: the dry run.

use std::io::Write as _;
use std::path::PathBuf;

use reconciler_engine::contest::Contests;
use reconciler_engine::journal;
use reconciler_engine::reconciler::Memory;
use reconciler_model::attribution::Blame;
use reconciler_model::incident::Incident;
use reconciler_model::plan::Plan;
use serde_json::{Value, json};

use crate::args::Filter;
use crate::exit::Exit;
use crate::failure::Failure;
use crate::files;
use crate::progress::Progress;
use crate::render;
use crate::screen::Screen;
use crate::setup::{Setup, account_ids, plan_json, select};

pub(crate) async fn run(setup: &Setup, filter: &Filter, out: Option<PathBuf>, blame: bool) -> Result<Exit, Failure> {
    let (desired, sessions) = setup.desired_and_sessions().await?;
    let selected = select(&desired, filter)?;
    setup.tell_of_missing_pins(&desired, &selected.wanted);
    let journal = setup.journal_to_read();
    let head = journal.as_deref().map(journal::head).transpose()?.flatten();
    let contests = journal.as_deref().map(journal::records).transpose()?.map(|records| Contests::of(&records));
    let last_read = setup.last_read();
    let memory =
        Memory { head, contests: contests.as_ref(), journal: journal.as_deref(), last_read, ..Memory::default() };
    let progress = Progress::new(setup.screen);
    let reconciler = setup.reconciler(sessions.clone(), &progress);
    let mut target = setup.target(&desired, &selected);
    target.undone_at_most = Some(setup.settings.undone_at_most);
    let planned = reconciler.plan_at(target, memory).await?;
    let blames = if blame {
        let records = setup.journal_to_read().map(|path| journal::records(&path)).transpose()?.unwrap_or_default();
        let ids = account_ids(desired.organization());
        Some(reconciler.attribute(&planned.plan, &planned.inventory, &ids, &records, None).await)
    } else {
        None
    };
    let mut document = plan_json(&planned.plan);
    if let Some(blames) = &blames {
        // Beside the plan: it is no part of it or of its id.
        document["blame"] = json!(blames);
    }
    let blames = blames.unwrap_or_default();
    let exit = render::exit_of(&planned.plan);
    show_document(setup.screen, &planned.plan, &document, &blames, sessions.calls(), exit)?;
    if let Some(out) = out {
        save(setup.screen, &planned.plan, out)?;
    }
    Ok(exit)
}

/// Prints a plan with its result, which is `exit`.
pub(crate) fn show(
    screen: Screen,
    plan: &Plan,
    calls: u64,
    exit: Exit,
    incident: Option<&(Incident, PathBuf)>,
) -> Result<Exit, Failure> {
    let mut document = plan_json(plan);
    if let Some((incident, folder)) = incident {
        document["incident"] = json!(incident);
        document["incident_folder"] = json!(folder);
    }
    show_document(screen, plan, &document, &[], calls, exit)
}

/// Prints a plan with who caused its drift, or as the document that it is a part of.
fn show_document(
    screen: Screen,
    plan: &Plan,
    document: &Value,
    blames: &[Blame],
    calls: u64,
    exit: Exit,
) -> Result<Exit, Failure> {
    screen.json(document)?;
    let text = render::plan_blaming(plan, blames);
    if !text.is_empty() {
        screen.say(text.trim_end())?;
    }
    unresolved(plan);
    screen.line(render::result(plan, calls, exit))?;
    Ok(exit)
}

/// Prints the declarations that could not be resolved against live, on standard error.
pub(crate) fn unresolved(plan: &Plan) {
    for diagnostic in &plan.diagnostics {
        let text = reconciler_model::diagnostic::render(diagnostic, None);
        // A closed standard error is no reason to stop.
        let _ = writeln!(anstream::stderr().lock(), "{}\n", text.trim_end());
    }
}

fn save(screen: Screen, plan: &Plan, out: PathBuf) -> Result<(), Failure> {
    let path = if out.as_os_str().is_empty() { PathBuf::from(format!("plans/{}.json", plan.plan_id)) } else { out };
    let unwritable =
        |error| Failure::new(Exit::Failed, format!("failed to save the plan as {}: {error}", path.display()));
    let mut text = serde_json::to_string_pretty(plan).map_err(|error| unwritable(error.into()))?;
    text.push('\n');
    files::write_whole(&path, text.as_bytes()).map_err(unwritable)?;
    files::write_whole(&path.with_extension("diff"), render::diff(plan).as_bytes()).map_err(unwritable)?;
    screen.remark(format_args!("plan saved as {}", path.display()));
    Ok(())
}
