//! `restore`: put back one resource, or everything that serves a control.

use reconciler_model::warrant::{Approval, ApprovedPlan};

use super::apply;
use super::plan::show;
use crate::args::Filter;
use crate::crash_point;
use crate::exit::Exit;
use crate::failure::Failure;
use crate::interrupt;
use crate::progress::Progress;
use crate::render;
use crate::setup::{Setup, control_ids, select};

pub(crate) async fn run(setup: &Setup, targets: &[String], yes: bool) -> Result<Exit, Failure> {
    let desired = setup.desired()?;
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
    let sessions = setup.connect(desired.organization()).await;
    let reconciler = setup.reconciler(sessions.clone(), &progress);
    let mut target = setup.target(&desired, &wanted);
    // An operator who restores sees every deletion in the plan, and allows it with the plan.
    target.may_delete_versions = true;
    let planned = reconciler.plan(target, Some(&journal)).await?;
    if planned.plan.steps.is_empty() {
        let exit = render::exit_of_restoring(&planned.plan);
        return show(setup.screen, &planned.plan, sessions.calls(), exit);
    }
    setup.screen.say(render::plan(&planned.plan).trim_end())?;
    let approval =
        if yes { Approval::Operator } else { apply::ask(&planned.plan, "restore this", "approve with --yes")? };
    let approved = ApprovedPlan::new(planned.plan, approval)?;
    let applied =
        apply::carry_out(&reconciler, "restore", &approved, &desired, Some(&planned.inventory), &state, &mut journal)
            .await?;
    if let Some(exit) = interrupt::requested() {
        return Ok(exit);
    }
    let after = reconciler.plan(target, Some(&journal)).await?;
    apply::report(setup.screen, approved.plan(), &applied, Some(&after.plan))
}
