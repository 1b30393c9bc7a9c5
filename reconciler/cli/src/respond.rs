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
use std::time::Duration;

use futures::StreamExt as _;
use jiff::{SignedDuration, Timestamp};
use reconciler_engine::case::{Case, CaseError, Order};
use reconciler_engine::incident::{Found, Past};
use reconciler_engine::journal::{self, Journal, Record};
use reconciler_engine::queries::{Places, Question};
use reconciler_engine::reconciler::Planned;
use reconciler_engine::rounds::Converged;
use reconciler_engine::state::StateFolder;
use reconciler_engine::{Reconciler, Target};
use reconciler_model::address::{Address, Scope, ScopeKind};
use reconciler_model::attribution::{Blame, Exposure};
use reconciler_model::control::{self, Control, ResponseStep};
use reconciler_model::desired::{Desired, Wanted, with_context};
use reconciler_model::incident::{Concerned, Ending, Incident, Operator};
use reconciler_model::inventory::Inventory;
use reconciler_model::plan::Plan;
use reconciler_model::warrant::Approval;

use crate::commands::apply;
use crate::exit::Exit;
use crate::failure::{Failure, chain};
use crate::interrupt;
use crate::screen::{BAD, DOUBT, FAINT, GOOD, Screen, line, paint};
use crate::setup::account_ids;

/// How many images of after are read side by side.
const SIDE_BY_SIDE: usize = 8;

/// What is asked about where it is not known when it began.
const A_DAY: SignedDuration = SignedDuration::from_hours(24);

/// How many resources that have records written to a log group are read to find it.
const MOST_LOG_GROUPS: usize = 64;

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
    let converged = apply::converge(
        reconciler,
        &mode,
        target,
        desired,
        (None, false),
        (&mut *journal, state),
        screen,
        planned,
        approve,
    )
    .await;
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
    case.looked_at(target.wanted.iter().filter(|one| !one.is_context).map(|one| &one.address).collect());
    let mut still_used_by = BTreeMap::new();
    let mut again = None;
    if let Some(after) = after {
        let restored = case.in_sync(after);
        let reading = restored.into_iter().map(|address| {
            let account_ids = &account_ids;
            async move {
                let seen = reconciler.sight(account_ids, &address).await;
                let users = match &seen {
                    Ok(Some(live)) => reconciler.still_used_by(account_ids, live).await,
                    _ => Ok(Vec::new()),
                };
                (seen, users, address)
            }
        });
        // All of them first: a read that waits for its turn among others must not wait for what is done with one of them.
        let read: Vec<_> = futures::stream::iter(reading).buffer_unordered(SIDE_BY_SIDE).collect().await;
        for (seen, users, address) in read {
            match users {
                Ok(users) => _ = still_used_by.insert(address.clone(), users),
                Err(error) => troubles.push(format!("{address}: what still uses something older: failed to {error}")),
            }
            match seen {
                Ok(seen) => case.keep_after(&address, seen, journal, now())?,
                Err(error) => troubles.push(format!("{address}: there is no image of after: failed to {error}")),
            }
        }
        again = shown_again(reconciler, &case, after, target, journal, &mut troubles).await?;
    }
    let records = journal::records(journal.path())?;
    let found =
        Found { after, again: again.as_ref(), still_used_by: &still_used_by, ending, troubles, records: &records };
    let affected = case.affected(&found);
    let mut more = Vec::new();
    let past = past(reconciler, &case, ending, desired, &records, &mut more).await;
    if !past.blame.is_empty() {
        case.keep("attribution", &past.blame, journal, now())?;
    }
    if !past.answers.is_empty() {
        case.keep("answers", &past.answers, journal, now())?;
    }
    let records = journal::records(journal.path())?;
    let troubles = found.troubles.iter().cloned().chain(more).collect();
    let incident = case.record(Found { records: &records, troubles, ..found }, affected, past);
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
    let wanted = with_context(wanted, || target.wanted.to_vec());
    match reconciler.plan(Target { wanted: &wanted, watch: None, ..target }, Some(journal)).await {
        Ok(planned) => Ok(Some(planned.plan)),
        Err(error) => {
            troubles.push(format!("the second read failed to {error}"));
            Ok(None)
        }
    }
}

/// Waits until the run is asked to stop.
async fn asked_to_stop() {
    while interrupt::requested().is_none() {
        tokio::time::sleep(Duration::from_millis(100)).await;
    }
}

/// What is found out about the time in between. Queries are asked when the restore is over, and nobody waits for them who asked
/// the run to stop.
async fn past(
    reconciler: &Reconciler<'_>,
    case: &Case,
    ending: Ending,
    desired: &Desired,
    records: &[Record],
    troubles: &mut Vec<String>,
) -> Past {
    let account_ids = account_ids(desired.organization());
    let mut ids = case.control_ids();
    ids.extend(case.order.targets.iter().cloned());
    let controls: Vec<(Concerned, Vec<ResponseStep>)> =
        ids.iter().filter_map(|id| control::find(id)).map(|one| (concerned(one), one.response.clone())).collect();
    let mut past = Past { controls, ..Past::default() };
    let Some(first) = case.as_first_seen().filter(|_| interrupt::requested().is_none()) else { return past };
    let attributed = reconciler.attribute(&first.plan, &first.inventory, &account_ids, records, case.order.since);
    past.blame = tokio::select! { blame = attributed => blame, () = asked_to_stop() => return past };
    if ending != Ending::Whole {
        return past;
    }
    let served = case.control_ids();
    let questions: Vec<Question<'_>> = past
        .controls
        .iter()
        .filter(|(control, _)| served.contains(&control.id))
        .flat_map(|(control, response)| {
            let steps = response.iter().filter(|step| step.is_automated());
            let asked = steps.flat_map(|step| step.queries.iter().map(move |query| (step, query)));
            asked.map(|(step, query)| Question { control: &control.id, step: &step.id, query })
        })
        .collect();
    if questions.is_empty() {
        return past;
    }
    let scopes = scopes(case, desired);
    let inventory = with_log_groups(reconciler, &first, &scopes, desired, &account_ids, troubles).await;
    let places = Places::of(reconciler, &first.plan, &inventory, &account_ids);
    let window = window(case, &past.blame, (reconciler.clock)());
    let answers = tokio::select! {
        answers = reconciler.ask(&questions, &scopes, window, &places) => answers,
        () = asked_to_stop() => Vec::new(),
    };
    past.answers = answers;
    past
}

fn concerned(control: &Control) -> Concerned {
    Concerned {
        id: control.id.clone(),
        title: control.title.clone(),
        severity: control.severity,
        compliance: control.compliance.clone(),
    }
}

/// The accounts and regions of the addresses.
fn scopes(case: &Case, desired: &Desired) -> Vec<Scope> {
    let ids = account_ids(desired.organization());
    let scopes: BTreeSet<Scope> = case
        .drift
        .keys()
        .filter_map(|address| {
            let account_id = ids.get(&address.account)?.clone();
            Some(Scope { account: address.account.clone(), account_id, region: address.region.clone() })
        })
        .collect();
    scopes.into_iter().collect()
}

/// From the beginning of the longest exposure that is known, or a day before the drift was seen, until now.
fn window(case: &Case, blame: &[Blame], now: Timestamp) -> (Timestamp, Timestamp) {
    let since = blame.iter().flat_map(|blame| &blame.fields).filter_map(|field| {
        let Exposure { since, perhaps_since, .. } = &field.exposure;
        perhaps_since.as_ref().or(since.as_ref())?.parse::<Timestamp>().ok()
    });
    let detected = case.detected.as_deref().and_then(|at| at.parse().ok()).unwrap_or(case.opened);
    let known = since.min().or(case.order.since);
    (known.unwrap_or_else(|| detected.saturating_sub(A_DAY).unwrap_or(detected)), now)
}

/// What was read before, and what is declared in these accounts to have records written to a log group, as it is now: those that
/// were as declared are in no image.
async fn with_log_groups(
    reconciler: &Reconciler<'_>,
    first: &Planned,
    scopes: &[Scope],
    desired: &Desired,
    account_ids: &BTreeMap<String, String>,
    troubles: &mut Vec<String>,
) -> Inventory {
    let mut inventory = first.inventory.clone();
    let management = &desired.organization().management_account;
    let writes_logs = |one: &Wanted| {
        let edge = reconciler.edge(&one.address.kind);
        edge.is_some_and(|edge| {
            let near = |scope: &Scope| match edge.kind().scope() {
                ScopeKind::Region => one.address.is_in(scope),
                ScopeKind::Account | ScopeKind::Organization => one.address.account == scope.account,
            };
            edge.kind().log_group_of(&one.spec).is_some()
                && (scopes.iter().any(near) || one.address.account == *management)
        })
    };
    let wanted = desired.wanted();
    let mut all = wanted.iter().filter(|one| writes_logs(one));
    let reading = all.by_ref().take(MOST_LOG_GROUPS).map(|one| async move {
        let seen = reconciler.sight(account_ids, &one.address).await;
        (&one.address, seen)
    });
    // All of them first: a read that waits for its turn among others must not wait for what is done with one of them.
    let read: Vec<_> = futures::stream::iter(reading).buffer_unordered(SIDE_BY_SIDE).collect().await;
    for (address, seen) in read {
        match seen {
            Ok(Some(seen)) => _ = inventory.sightings.insert(address.clone(), seen),
            Ok(None) => {}
            Err(error) => {
                troubles.push(format!("{address}: where it has records written is not known: failed to {error}"))
            }
        }
    }
    let more = all.count();
    if more > 0 {
        troubles.push(format!("{more} more resources have records written to log groups, which were not asked"));
    }
    inventory
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
    lines.iter().map(line).collect::<Vec<_>>().join("\n")
}

/// How the incident ends the command.
pub(crate) fn exit_of(incident: &Incident) -> Exit {
    use reconciler_model::incident::Outcome;
    match incident.outcome {
        Outcome::Restored => Exit::Done,
        Outcome::NotAllSeen => Exit::Gaps,
        Outcome::NotApproved => Exit::Refused,
        Outcome::NotEffective | Outcome::PartlyRestored | Outcome::NotRestored | Outcome::Interrupted => {
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
