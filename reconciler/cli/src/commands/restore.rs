//! `restore`: the documented initial response for one resource, or for everything that serves a control.

use jiff::{Timestamp, Zoned};
use reconciler_engine::case::Order;
use reconciler_engine::rounds::Activation;
use reconciler_model::codes;
use reconciler_model::desired::{Desired, Wanted};
use reconciler_model::diagnostic::did_you_mean;
use reconciler_model::incident::Operator;
use reconciler_model::permit::{Approval, Mode};
use reconciler_model::plan::Plan;
use serde_json::json;

use crate::approval;
use crate::args::Filter;
use crate::crash_point;
use crate::exit::Exit;
use crate::failure::Failure;
use crate::formats::{documents, failures};
use crate::interrupt;
use crate::named::{self, Meant};
use crate::progress::Progress;
use crate::render;
use crate::report;
use crate::setup::{Selected, Setup, control_ids, select, user};

/// What the command line says.
pub(crate) struct Asked {
    pub(crate) targets: Vec<String>,
    pub(crate) accounts: Vec<String>,
    pub(crate) since: Option<String>,
    pub(crate) yes: bool,
    pub(crate) delete_versions: bool,
}

pub(crate) async fn run(setup: &Setup, asked: Asked) -> Result<Exit, Failure> {
    let since = asked.since.as_deref().map(since).transpose()?;
    let (desired, sessions) = setup.desired_and_sessions().await?;
    let selected = selected(&desired, &asked)?;
    setup.tell_of_missing_pins(&desired, &selected.wanted);
    approval::refuse_when_paused(&setup.state()?)?;
    let (state, lock) = setup.state_to_write(&desired)?;
    let mut lock = Some(lock);
    let mut journal = crash_point::journal(&state, &setup.run)?;
    let progress = Progress::new(setup.screen);
    let reconciler = setup.reconciler(sessions.clone(), &progress);
    let mut target = setup.target_to_write(&desired, &selected);
    // What is deleted cannot be made again with its number, so it has to be asked for.
    target.may_delete_versions |= asked.delete_versions;
    let look = setup.look(&desired, &selected.wanted);
    let approve = |plan: &Plan| {
        setup.screen.say(render::plan(plan, &look))?;
        let allowed = match asked.yes {
            true => Approval::Operator,
            false => approval::ask_unlocked(plan, ("Restore", "approve with --yes"), &state, &mut lock)?,
        };
        interrupt::writing();
        Ok(allowed)
    };
    let activation = Activation {
        mode: Mode::Restore,
        target,
        account_ids: &desired.organization().account_ids(),
        at_most: None,
        is_whole: false,
        state: &state,
        stop: &interrupt::is_requested,
    };
    let order = Order {
        targets: asked.targets,
        accounts: asked.accounts,
        since,
        operator: Operator { user: user(), ..Operator::default() },
        ..Order::default()
    };
    let response = reconciler.respond(order, &activation, &desired, &mut journal, approve).await?;
    match response.converged.map_err(Failure::from) {
        Ok(converged) => report::ended(setup, &look, &converged, response.incident.as_ref()),
        Err(failure) => {
            if let Some((incident, folder)) = &response.incident {
                let error = failures::error(&failure);
                let told = json!({ "incident": incident, "exit": failure.exit.code(), "error": error });
                setup.screen.json(&documents::named(documents::ACTIVATION, told))?;
                setup.screen.say(report::summary(incident, folder))?;
            }
            Err(failure)
        }
    }
}

/// The part of the desired state that is asked for, in the accounts that are asked for.
fn selected(desired: &Desired, asked: &Asked) -> Result<Selected, Failure> {
    let mut wanted: Vec<Wanted> = Vec::new();
    let controls = control_ids()?;
    let all = desired.wanted();
    for target in &asked.targets {
        let mut filter = Filter::default();
        match named::meant(target, &controls, &all)? {
            Meant::Control(id) => filter.control.push(id),
            Meant::Addresses(pattern) => filter.address.push(pattern),
        }
        for one in select(desired, &filter)?.wanted.into_iter().filter(|one| !one.is_context) {
            if !wanted.iter().any(|other| other.address == one.address) {
                wanted.push(one);
            }
        }
    }
    let known: Vec<&str> = desired.organization().accounts.iter().map(|account| account.name.as_str()).collect();
    for account in &asked.accounts {
        if !known.contains(&account.as_str()) {
            let hint = match did_you_mean(account, known.iter().copied()) {
                Some(near) => format!("did you mean `{near}`?"),
                None => format!("organization.yaml has {}", known.join(", ")),
            };
            return Err(Failure::new(Exit::Usage, format!("no account `{account}`"))
                .code(codes::ORGANIZATION)
                .hint(hint));
        }
    }
    wanted.retain(|one| asked.accounts.is_empty() || asked.accounts.contains(&one.address.account));
    if wanted.is_empty() {
        return Err(Failure::new(Exit::Usage, "nothing in the desired state is selected")
            .hint("nothing of it is in these accounts; `plan` without a filter shows where it applies"));
    }
    // Beside what is put back the controls that were asked for as a whole are looked at.
    let whole: Vec<String> = asked.targets.iter().filter(|target| controls.contains(target)).cloned().collect();
    let is_whole = whole.len() == asked.targets.len() && asked.accounts.is_empty();
    let watch = match is_whole {
        true => select(desired, &Filter { control: whole, ..Filter::default() })?.watch,
        false => None,
    };
    Ok(Selected::new(desired, wanted, watch))
}

/// A time, or how long ago: `2026-11-20T01:00:00Z`, `2h`, `3 days`.
fn since(text: &str) -> Result<Timestamp, Failure> {
    let wrong = |why: &str| {
        Failure::new(Exit::Usage, format!("`{text}` is not a time{why}"))
            .hint("write 2h, 3d or an RFC 3339 time, such as 2026-11-20T01:00:00Z")
    };
    if let Ok(at) = text.parse::<Timestamp>() {
        return Ok(at);
    }
    let span: jiff::Span = text.parse().map_err(|_| wrong(""))?;
    let now = Zoned::now();
    let at = now.checked_sub(span).map_err(|_| wrong(": it is too long ago"))?.timestamp();
    if at > now.timestamp() { Err(wrong(": it is in the future")) } else { Ok(at) }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_beginning_is_a_time_or_a_span() {
        assert_eq!(since("2026-11-20T01:00:00Z").expect("a time").to_string(), "2026-11-20T01:00:00Z");
        for (text, hours) in [("2h", 2), ("90m", 1), ("3d", 71), ("PT5H", 5), ("1 week", 167)] {
            let began = since(text).expect("a span");
            let ago = Timestamp::now().duration_since(began).as_hours();
            assert!((hours..=hours + 2).contains(&ago), "{text}: {ago}");
        }
        for text in ["", "yesterday", "2", "-2h"] {
            assert_eq!(since(text).expect_err(text).exit, Exit::Usage);
        }
    }
}
