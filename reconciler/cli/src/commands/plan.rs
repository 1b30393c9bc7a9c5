//! `plan`: the dry run.

use std::collections::BTreeSet;
use std::path::PathBuf;
use std::time::Instant;

use reconciler_engine::flapping::FlapHistory;
use reconciler_engine::journal;
use reconciler_engine::outcome::{Outcome, Threshold};
use reconciler_engine::reconciler::Memory;
use reconciler_model::attribution::ResourceAttribution;
use reconciler_model::desired::Wanted;
use reconciler_model::plan::Plan;
use serde_json::json;

use crate::args::{FailOn, Filter};
use crate::diff;
use crate::exit::Exit;
use crate::failure::Failure;
use crate::files;
use crate::formats::{self, Found};
use crate::next;
use crate::progress::Progress;
use crate::render;
use crate::report;
use crate::screen::{FAINT, Screen, paint};
use crate::setup::{Setup, plan_json, select};
use crate::text::counted;

/// What the command line says beside the filter.
pub(crate) struct Asked {
    /// Where to save the plan.
    pub(crate) out: Option<PathBuf>,
    /// Whether to say who caused the drift.
    pub(crate) attribution: bool,
    /// Whether to print the numbers only.
    pub(crate) summary: bool,
    /// What makes the exit code 2.
    pub(crate) fail_on: FailOn,
}

pub(crate) async fn run(setup: &Setup, filter: &Filter, asked: Asked) -> Result<Exit, Failure> {
    let begun = Instant::now();
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
    let attributions = if asked.attribution {
        let records = setup.journal_to_read().map(|path| journal::records(&path)).transpose()?.unwrap_or_default();
        let ids = desired.organization().account_ids();
        let all = reconciler.attribute(&planned.plan, &planned.inventory, &ids, &records, None).await;
        Some(of_what_weakens(&planned.plan, all))
    } else {
        None
    };
    let plan = &planned.plan;
    let mut output = plan_json(plan);
    if let Some(attributions) = &attributions {
        // Beside the plan: it is no part of it or of its id.
        output["blame"] = json!(attributions);
    }
    let attributions = attributions.unwrap_or_default();
    let threshold = match asked.fail_on {
        FailOn::Any => Threshold::Any,
        FailOn::Weakened => Threshold::Weakened,
        FailOn::Page => Threshold::Page,
    };
    let exit = Outcome::of_plan_from(plan, threshold).into();
    setup.screen.json(&output)?;
    let look = setup.look(&desired, &selected.wanted);
    let found = Found { plan, attributions: &attributions, look: &look, is_after: false, exit };
    formats::print(setup.screen, &found)?;
    setup.screen.line(paint(FAINT, head_of(&selected.wanted, begun, sessions.calls())))?;
    let shown = match asked.summary {
        true => render::summary(plan, &look),
        false => render::plan_attributed(plan, &attributions, &look),
    };
    if !shown.is_empty() {
        setup.screen.say(format_args!("\n{}\n", shown.trim_end()))?;
    }
    let saved = asked.out.map(|out| save(setup.screen, plan, out)).transpose()?;
    let next = next::after_plan(&setup.global, filter, plan, saved.as_deref());
    report::end_of_plan(setup.screen, plan, &look, exit, &next)
}

/// What was looked at.
fn head_of(wanted: &[Wanted], begun: Instant, calls: u64) -> String {
    let mine = || wanted.iter().filter(|one| !one.is_context).map(|one| &one.address);
    let accounts: BTreeSet<&str> = mine().map(|address| address.account.as_str()).collect();
    let regions: BTreeSet<&str> = mine().map(|address| address.region.as_str()).collect();
    format!(
        "{} · {} · {} read in {:.1} s with {}",
        counted(accounts.len(), "account"),
        counted(regions.len(), "region"),
        counted(mine().count(), "address"),
        begun.elapsed().as_secs_f64(),
        counted(usize::try_from(calls).unwrap_or(usize::MAX), "call"),
    )
}

/// Saves a plan and a readable diff beside it; where.
fn save(screen: Screen, plan: &Plan, out: PathBuf) -> Result<PathBuf, Failure> {
    let is_folder = out.as_os_str().as_encoded_bytes().ends_with(b"/") || out.is_dir();
    let path = if is_folder { out.join(format!("{}.json", plan.plan_id)) } else { out };
    let unwritable =
        |error| Failure::new(Exit::Failed, format!("failed to save the plan as {}: {error}", path.display()));
    let mut text = serde_json::to_string_pretty(plan).map_err(|error| unwritable(error.into()))?;
    text.push('\n');
    files::write_whole(&path, text.as_bytes()).map_err(unwritable)?;
    files::write_whole(&path.with_extension("diff"), diff::of(plan).as_bytes()).map_err(unwritable)?;
    screen.remark(format_args!("plan saved as {}", path.display()));
    Ok(path)
}

/// Who made something weaker. Who strengthened it is no culprit.
fn of_what_weakens(plan: &Plan, mut all: Vec<ResourceAttribution>) -> Vec<ResourceAttribution> {
    for one in &mut all {
        if let Some(drift) = plan.drift.iter().find(|drift| drift.address == one.address) {
            one.fields.retain(|field| drift.weakens(&field.path));
        }
    }
    all.retain(|one| !one.fields.is_empty());
    all
}
