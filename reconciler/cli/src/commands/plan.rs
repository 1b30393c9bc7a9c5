//! `plan`: the dry run.

use std::path::PathBuf;

use reconciler_engine::flapping::FlapHistory;
use reconciler_engine::journal;
use reconciler_engine::outcome::Outcome;
use reconciler_engine::reconciler::Memory;
use reconciler_model::plan::Plan;
use serde_json::json;

use crate::args::Filter;
use crate::exit::Exit;
use crate::failure::Failure;
use crate::files;
use crate::progress::Progress;
use crate::render;
use crate::report;
use crate::screen::Screen;
use crate::setup::{Setup, plan_json, select};

pub(crate) async fn run(
    setup: &Setup,
    filter: &Filter,
    out: Option<PathBuf>,
    attribution: bool,
) -> Result<Exit, Failure> {
    let (desired, sessions) = setup.desired_and_sessions().await?;
    let selected = select(&desired, filter)?;
    setup.tell_of_missing_pins(&desired, &selected.wanted);
    let journal = setup.journal_to_read();
    let head = journal.as_deref().map(journal::head).transpose()?.flatten();
    let flaps = journal.as_deref().map(journal::records).transpose()?.map(|records| FlapHistory::of(&records));
    let last_read = setup.last_read();
    let memory = Memory { head, flaps: flaps.as_ref(), journal: journal.as_deref(), last_read, ..Memory::default() };
    let progress = Progress::new(setup.screen);
    let reconciler = setup.reconciler(sessions.clone(), &progress);
    let mut target = setup.target(&desired, &selected);
    target.undone_at_most = Some(setup.settings.undone_at_most);
    let planned = reconciler.plan_at(target, memory).await?;
    let attributions = if attribution {
        let records = setup.journal_to_read().map(|path| journal::records(&path)).transpose()?.unwrap_or_default();
        let ids = desired.organization().account_ids();
        Some(reconciler.attribute(&planned.plan, &planned.inventory, &ids, &records, None).await)
    } else {
        None
    };
    let mut output = plan_json(&planned.plan);
    if let Some(attributions) = &attributions {
        // Beside the plan: it is no part of it or of its id.
        output["blame"] = json!(attributions);
    }
    let attributions = attributions.unwrap_or_default();
    let exit = Outcome::of_plan(&planned.plan).into();
    report::show_json(setup.screen, &planned.plan, &output, &attributions, sessions.calls(), exit)?;
    if let Some(out) = out {
        save(setup.screen, &planned.plan, out)?;
    }
    Ok(exit)
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
