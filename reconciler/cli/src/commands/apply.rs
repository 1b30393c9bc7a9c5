//! `apply`: what a saved plan has in common with today's.

use std::collections::BTreeSet;
use std::io::Read as _;
use std::path::Path;

use reconciler_engine::apply::Applied;
use reconciler_engine::rounds::Activation;
use reconciler_engine::saved::{self, Unusable};
use reconciler_model::address::Address;
use reconciler_model::codes;
use reconciler_model::permit::{Approval, Mode};
use reconciler_model::plan::Plan;

use crate::approval;
use crate::crash_point;
use crate::exit::Exit;
use crate::failure::Failure;
use crate::files;
use crate::formats;
use crate::interrupt;
use crate::progress::Progress;
use crate::render;
use crate::report;
use crate::setup::{Selected, Setup};

pub(crate) async fn run(setup: &Setup, file: &Path, approve: Option<String>) -> Result<Exit, Failure> {
    let saved = read(file)?;
    let (desired, sessions) = setup.desired_and_sessions().await?;
    saved::check_desired(&saved, &desired.digest).map_err(|why| unusable(file, &why))?;
    approve.as_ref().map_or(Ok(()), |id| saved::check_id(&saved, id))?;
    approval::refuse_when_paused(&setup.state()?)?;
    let (state, lock) = setup.state_to_write(&desired)?;
    let mut lock = Some(lock);
    let mut journal = crash_point::journal(&state, &setup.run)?;
    // The file says what people looked at; what is done is what is planned now, as far as it is the same.
    let progress = Progress::new(setup.screen);
    let reconciler = setup.reconciler(sessions, &progress);
    let changed = saved::addresses(&saved);
    let mut wanted = desired.wanted();
    wanted.retain(|one| changed.contains(&one.address));
    let selected = Selected::new(&desired, wanted, None);
    let mut look = setup.look(&desired, &selected.wanted);
    let target = setup.target_to_write(&desired, &selected);
    let planned = reconciler.plan(target, Some(&journal)).await?;
    let agreed = reconciler.agree(&saved, &planned, &selected.wanted);
    let fates = agreed.fates.clone();
    // What is about to be done, and not what a file says.
    let shown = render::plan(&agreed.plan, &look);
    if !shown.is_empty() {
        setup.screen.say(format_args!("{}\n", shown.trim_end()))?;
    }
    let carried_out = agreed.plan.clone();
    for step in &saved.steps {
        if let Some(why) = report::fate_in_words(fates.get(&step.id)) {
            setup.screen.line(format_args!("step {} {}: {why}", step.id, step.address))?;
        }
    }
    let applied = if agreed.plan.steps.is_empty() {
        Applied::default()
    } else {
        let allowed = match approve {
            Some(id) => Approval::PlanId { id },
            None => {
                let asked = ("Change", "approve with --approve PLAN-ID");
                approval::ask_unlocked(&agreed.plan, asked, &state, &mut lock)?
            }
        };
        // Signals let the current step end first.
        interrupt::writing();
        let activation = Activation {
            mode: Mode::Apply,
            target,
            account_ids: &desired.organization().account_ids(),
            at_most: None,
            is_whole: false,
            state: &state,
            stop: &interrupt::is_requested,
        };
        reconciler.apply_agreed(agreed, &planned.inventory, allowed, &activation, &mut journal).await?
    };
    let after = match interrupt::requested() {
        Some(_) => None,
        // What the file found and could not restore is open too. A file without steps says nothing of today.
        None => {
            let found: BTreeSet<&Address> = saved.drift.iter().map(|drift| &drift.address).chain(&changed).collect();
            let mut wanted = desired.wanted();
            wanted.retain(|one| changed.is_empty() || found.contains(&one.address));
            let selected = Selected::new(&desired, wanted, None);
            look.declared = formats::declared(&selected.wanted);
            let target = setup.target(&desired, &selected);
            Some(reconciler.plan(target, Some(&journal)).await?.plan)
        }
    };
    report::saved(setup, &look, (&saved, &carried_out), (&fates, &applied), after.as_ref())
}

/// Reads a saved plan; refuses one that another version wrote or that somebody edited.
fn read(file: &Path) -> Result<Plan, Failure> {
    let unreadable = |error| Failure::new(Exit::Usage, format!("failed to read the plan {}: {error}", file.display()));
    // A plan of the largest organization has some megabytes.
    const MOST_BYTES: u64 = 256 * 1024 * 1024;
    let mut text = String::new();
    files::open_regular(file).and_then(|open| open.take(MOST_BYTES).read_to_string(&mut text)).map_err(unreadable)?;
    saved::read(&text).map_err(|why| unusable(file, &why))
}

fn unusable(file: &Path, why: &Unusable) -> Failure {
    let file = file.display();
    let unreadable = || Failure::new(Exit::Usage, format!("failed to read the plan {file}: {why}"));
    let refused = |text: String| Failure::new(Exit::Refused, text).code(codes::STALE_PLAN);
    match why {
        Unusable::NoPlan(_) => unreadable(),
        Unusable::OtherFormat(_) | Unusable::Newer(_) => unreadable().hint("plan again with this build"),
        Unusable::Edited => refused(format!("the plan {file} cannot be used: {why}"))
            .hint("plan again; change the desired state rather than the plan"),
        Unusable::Stale => refused(format!("the plan {file} {why}")).hint("plan again"),
    }
}
