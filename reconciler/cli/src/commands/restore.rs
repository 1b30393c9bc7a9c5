//! `restore`: put back one resource, or everything that serves a control.

use reconciler_model::plan::Plan;
use reconciler_model::warrant::Approval;

use super::apply;
use super::enforce::ended;
use crate::args::Filter;
use crate::crash_point;
use crate::exit::Exit;
use crate::failure::Failure;
use crate::progress::Progress;
use crate::render;
use crate::setup::{Setup, control_ids, select};

pub(crate) async fn run(setup: &Setup, targets: &[String], yes: bool) -> Result<Exit, Failure> {
    let (desired, sessions) = setup.desired_and_sessions().await?;
    let mut wanted = Vec::new();
    let controls = control_ids()?;
    for target in targets {
        let mut filter = Filter::default();
        // What cannot be an address is a control, so that a misspelt one is told as such.
        if controls.contains(target) || !target.contains(['/', '*', '?', '[', '{']) {
            filter.control.push(target.clone());
        } else {
            filter.address.push(target.clone());
        }
        for one in select(&desired, &filter)? {
            if !wanted.iter().any(|other: &reconciler_model::desired::Wanted| other.address == one.address) {
                wanted.push(one);
            }
        }
    }
    let state = setup.state()?;
    apply::refuse_when_paused(&state)?;
    let _lock = state.lock()?;
    let mut journal = crash_point::journal(&state, &setup.run)?;
    let progress = Progress::new(setup.screen);
    let reconciler = setup.reconciler(sessions.clone(), &progress);
    let mut target = setup.target(&desired, &wanted);
    // An operator who restores sees every deletion in the plan, and allows it with the plan.
    target.may_delete_versions = true;
    let approve = |plan: &Plan| {
        setup.screen.say(render::plan(plan).trim_end())?;
        if yes { Ok(Approval::Operator) } else { apply::ask(plan, "restore this", "approve with --yes") }
    };
    let converged =
        apply::converge(&reconciler, "restore", target, &desired, (&state, &mut journal), setup.screen, approve)
            .await?;
    ended(setup.screen, &converged, sessions.calls())
}
