//! `enforce`: hold the desired state, once, or each time that [`crate::daemon`] says so.
//!
//! An activation takes no input: it loads the desired state, plans, restores under the standing policy, and plans again.
//! The next activation is the retry. Activations never overlap: a trigger during one is remembered once.

use reconciler_engine::event::Sink;
use reconciler_engine::rounds::Activation;
use reconciler_model::permit::{Approval, Mode};
use reconciler_model::plan::Plan;

use crate::approval;
use crate::args::Filter;
use crate::crash_point;
use crate::exit::Exit;
use crate::failure::Failure;
use crate::interrupt;
use crate::progress::Progress;
use crate::render;
use crate::report;
use crate::setup::{Setup, select};

pub(crate) async fn once(setup: &Setup, filter: &Filter) -> Result<Exit, Failure> {
    activate(setup, filter, &Progress::new(setup.screen)).await
}

/// One activation.
pub(crate) async fn activate(setup: &Setup, filter: &Filter, sink: &dyn Sink) -> Result<Exit, Failure> {
    let (desired, sessions) = setup.desired_and_sessions().await?;
    let selected = select(&desired, filter)?;
    setup.tell_of_missing_pins(&desired, &selected.wanted);
    let (state, _lock) = setup.state_to_write(&desired)?;
    let mut journal = crash_point::journal(&state, &setup.run)?;
    let reconciler = setup.reconciler(sessions.clone(), sink);
    let mut target = setup.target_to_write(&desired, &selected);
    target.undone_at_most = Some(setup.settings.undone_at_most);
    target.brakes = true;
    let look = setup.look(&desired, &selected.wanted);
    let policy = Approval::StandingPolicy { max_changes: setup.settings.max_changes };
    let approve = |plan: &Plan| {
        setup.screen.say(render::plan(plan, &look))?;
        approval::refuse_when_paused(&state)?;
        interrupt::writing();
        Ok(policy)
    };
    let activation = Activation {
        mode: Mode::Enforce,
        target,
        account_ids: &desired.organization().account_ids(),
        at_most: Some(setup.settings.max_changes),
        is_whole: filter.is_whole(),
        state: &state,
        stop: &interrupt::is_requested,
    };
    let converged = reconciler.converge(&activation, &mut journal, |_, _| Ok(()), approve).await?;
    report::ended(setup, &look, &converged, None)
}
