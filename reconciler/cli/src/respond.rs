//! The documented initial response: freeze the evidence, restore, verify by two reads, find out what happened in between, and
//! write it down.
//!
//! Expected flow: [`respond`] opens an incident where there is something to restore, or takes up the one that an earlier run
//! left open for the same order; what `restore` and `drill` print is theirs.
//!
//! Guarantees: the images of before are on disk before anybody is asked; whatever happens afterwards, the incident file says
//! what is and what is not restored.

use std::cell::Cell;
use std::collections::{BTreeMap, BTreeSet};
use std::os::unix::fs::MetadataExt as _;
use std::path::PathBuf;

use futures::StreamExt as _;
use reconciler_engine::case::{Case, CaseError, Order};
use reconciler_engine::incident::{Found, Past};
use reconciler_engine::journal::{self, Journal};
use reconciler_engine::reconciler::Planned;
use reconciler_engine::rounds::Converged;
use reconciler_engine::state::StateFolder;
use reconciler_engine::{Reconciler, Target};
use reconciler_model::address::Address;
use reconciler_model::control;
use reconciler_model::desired::{Desired, Wanted};
use reconciler_model::incident::{Concerned, Ending, Incident, Operator};
use reconciler_model::plan::Plan;
use reconciler_model::warrant::Approval;

use crate::commands::apply;
use crate::exit::Exit;
use crate::failure::{Failure, chain};
use crate::interrupt;
use crate::screen::{BAD, DOUBT, FAINT, GOOD, Screen, paint};
use crate::setup::account_ids;

/// How many images of after are read side by side.
const SIDE_BY_SIDE: usize = 8;

/// What a response gave.
pub(crate) struct Response {
    /// How the restore went; or why it did not go on, after the incident file was written.
    pub(crate) converged: Result<Converged, Failure>,
    /// The incident, and the folder that it is in; `None` when there was nothing to restore.
    pub(crate) incident: Option<(Incident, PathBuf)>,
}

/// Who asks: the user that owns this process, as the system knows it.
pub(crate) fn user() -> String {
    let Ok(uid) = std::fs::metadata("/proc/self").map(|own| own.uid()) else {
        return std::env::var("USER").unwrap_or_else(|_| "not known".to_owned());
    };
    let users = std::fs::read_to_string("/etc/passwd").unwrap_or_default();
    let named = users.lines().find_map(|line| {
        let mut parts = line.split(':');
        let name = parts.next()?;
        (parts.nth(1)? == uid.to_string()).then(|| name.to_owned())
    });
    named.unwrap_or_else(|| format!("user {uid}"))
}

/// Carries the response out.
///
/// # Errors
/// Fails when nothing could be done at all, or when the journal or the evidence cannot be kept.
pub(crate) async fn respond(
    reconciler: &Reconciler<'_>,
    mut order: Order,
    target: Target<'_>,
    desired: &Desired,
    (state, journal): (&StateFolder, &mut Journal),
    screen: Screen,
    approve: impl FnOnce(&Plan) -> Result<Approval, Failure>,
) -> Result<Response, Failure> {
    order.operator = Operator { user: user(), caller: reconciler.sessions.identity().await.ok().map(|own| own.arn) };
    order.desired_digest = target.desired_digest.to_owned();
    let mut case: Option<Case> = None;
    let declined = Cell::new(false);
    let planned = |made: &Planned, journal: &mut Journal| {
        let now = (reconciler.clock)();
        if case.is_none() {
            case = Case::take_up(state, journal, &order, &made.plan, now)?;
            if let Some(case) = &case {
                let what = if case.again { "is taken up again" } else { "is opened" };
                screen.remark(format_args!(
                    "incident {} {what}; evidence in {}",
                    case.id,
                    case.folder.path().display()
                ));
            }
        }
        if let Some(case) = &mut case {
            case.freeze(made, journal, now)?;
        }
        Ok(())
    };
    let approve = |plan: &Plan| approve(plan).inspect_err(|_| declined.set(true));
    let mode = order.mode.clone();
    let converged =
        apply::converge(reconciler, &mode, target, desired, (&mut *journal, state), screen, planned, approve).await;
    let Some(case) = case else { return Ok(Response { converged, incident: None }) };
    // Without a journal nothing can be tied to it any more.
    let converged = match converged {
        Err(failure) if failure.code.as_deref().is_some_and(|code| code.starts_with("BRX31")) => return Err(failure),
        converged => converged,
    };
    let ending = match &converged {
        Err(_) if declined.get() => Ending::NotApproved,
        Ok(converged) if converged.after.is_some() && interrupt::requested().is_none() => Ending::Whole,
        _ => Ending::Interrupted,
    };
    let folder = case.folder.path().to_owned();
    let incident = write_down(reconciler, case, &converged, ending, target, desired, journal).await?;
    Ok(Response { converged, incident: Some((incident, folder)) })
}

/// Verifies, asks, and writes the incident file.
async fn write_down(
    reconciler: &Reconciler<'_>,
    mut case: Case,
    converged: &Result<Converged, Failure>,
    ending: Ending,
    target: Target<'_>,
    desired: &Desired,
    journal: &mut Journal,
) -> Result<Incident, Failure> {
    let now = || (reconciler.clock)();
    let account_ids = account_ids(desired.organization());
    let mut troubles = Vec::new();
    match converged {
        Err(failure) if ending != Ending::NotApproved => troubles.push(format!("the restore did not go on: {failure}")),
        Ok(Converged { refused: Some(refusal), .. }) => troubles.push(format!("a later round was refused: {refusal}")),
        _ => {}
    }
    let after = converged.as_ref().ok().and_then(|converged| converged.after.as_ref());
    case.looked_at(target.wanted.iter().map(|wanted| &wanted.address).collect());
    let mut still_used_by = BTreeMap::new();
    let mut again = None;
    if let Some(after) = after {
        let restored = case.in_sync(after);
        let reading = restored.into_iter().map(|address| {
            let account_ids = &account_ids;
            async move { (reconciler.sight(account_ids, &address).await, address) }
        });
        let mut reading = futures::stream::iter(reading).buffer_unordered(SIDE_BY_SIDE);
        while let Some((seen, address)) = reading.next().await {
            match seen {
                Ok(seen) => {
                    let kind = reconciler.edge(&address.kind).map(|edge| edge.kind());
                    let users = kind.zip(seen.as_ref()).map(|(kind, seen)| kind.still_used_by(seen));
                    still_used_by.insert(address.clone(), users.unwrap_or_default());
                    case.keep_after(&address, seen, journal, now())?;
                }
                Err(error) => troubles.push(format!("{address}: there is no image of after: failed to {error}")),
            }
        }
        again = shown_again(reconciler, &case, after, target, journal, &mut troubles).await?;
    }
    let records = journal::records(journal.path())?;
    let found =
        Found { after, again: again.as_ref(), still_used_by: &still_used_by, ending, troubles, records: &records };
    let affected = case.affected(&found);
    let past = past(&case).await;
    if !past.blame.is_empty() {
        case.keep("attribution", &past.blame, journal, now())?;
    }
    if !past.answers.is_empty() {
        case.keep("answers", &past.answers, journal, now())?;
    }
    let records = journal::records(journal.path())?;
    let incident = case.record(Found { records: &records, ..found }, affected, past);
    Ok(case.finish(incident, journal, now())?)
}

/// A second plan for what only the last plan has shown: an earlier run, or somebody else, put it back.
async fn shown_again(
    reconciler: &Reconciler<'_>,
    case: &Case,
    after: &Plan,
    target: Target<'_>,
    journal: &Journal,
    troubles: &mut Vec<String>,
) -> Result<Option<Plan>, Failure> {
    let open: BTreeSet<Address> = case.to_be_shown_again(after, &journal::records(journal.path())?);
    if open.is_empty() {
        return Ok(None);
    }
    let wanted: Vec<Wanted> = target.wanted.iter().filter(|one| open.contains(&one.address)).cloned().collect();
    match reconciler.plan(Target { wanted: &wanted, ..target }, Some(journal)).await {
        Ok(planned) => Ok(Some(planned.plan)),
        Err(error) => {
            troubles.push(format!("the second read failed to {error}"));
            Ok(None)
        }
    }
}

/// What is found out about the time in between.
async fn past(case: &Case) -> Past {
    let mut ids = case.control_ids();
    ids.extend(case.order.targets.iter().cloned());
    let concerned = ids.iter().filter_map(|id| control::find(id)).map(|control| {
        let concerned = Concerned {
            id: control.id.clone(),
            title: control.title.clone(),
            severity: control.severity,
            compliance: control.compliance.clone(),
        };
        (concerned, control.response.clone())
    });
    Past { blame: Vec::new(), answers: Vec::new(), controls: concerned.collect() }
}

/// The incident for people, below what was done.
pub(crate) fn summary(incident: &Incident, folder: &std::path::Path) -> String {
    use reconciler_model::incident::Outcome;
    let style = match incident.outcome {
        Outcome::Restored => GOOD,
        Outcome::NotEffective | Outcome::NotAllSeen => DOUBT,
        _ => BAD,
    };
    let mut lines = vec![format!("incident {}: {}", incident.id, paint(style, incident.outcome.heading()))];
    if incident.outcome != Outcome::NotApproved {
        lines.extend(incident.facts().into_iter().map(|(name, told)| format!("  {name:<16}{told}")));
        for one in incident.addresses.iter().filter(|one| one.why.is_some()) {
            let why = one.why.as_deref().unwrap_or_default();
            lines.push(format!("  {} {}: {why}", paint(style, one.status.words()), one.address()));
        }
        lines.extend(incident.troubles.iter().map(|trouble| format!("  {} {trouble}", paint(BAD, "trouble"))));
    }
    lines.push(format!("  {:<16}{}", "file", paint(FAINT, folder.join("incident.html").display())));
    lines.join("\n")
}

/// How the incident ends the command.
pub(crate) fn exit_of(incident: &Incident) -> Exit {
    use reconciler_model::incident::Outcome;
    match incident.outcome {
        Outcome::Restored | Outcome::NotEffective => Exit::Done,
        Outcome::NotAllSeen => Exit::Gaps,
        Outcome::NotApproved => Exit::Refused,
        Outcome::PartlyRestored | Outcome::NotRestored | Outcome::Interrupted => {
            interrupt::requested().unwrap_or(Exit::Drift)
        }
    }
}

impl From<CaseError> for Failure {
    fn from(error: CaseError) -> Self {
        match error {
            CaseError::Journal(error) => error.into(),
            CaseError::Evidence(error) => Self::new(Exit::Failed, format!("failed to {}", chain(&error)))
                .code(reconciler_model::codes::EVIDENCE)
                .hint("nothing more was written to AWS; check the state folder (--state) and its disk"),
        }
    }
}
