//! The documented initial response: freeze the evidence, restore, confirm by two reads, find out what happened in between, and
//! write it down.
//!
//! Expected flow: [`Reconciler::respond`] opens an incident where there is something to restore, or takes up the one that an
//! earlier run left open for the same order; what is printed of it is the caller's.
//!
//! Guarantees: the images of before are on disk before anybody is asked; whatever happens afterwards, the incident file says
//! what is and what is not restored.

use std::cell::Cell;
use std::collections::{BTreeMap, BTreeSet};
use std::fmt;
use std::path::PathBuf;
use std::time::Duration;

use futures::StreamExt as _;
use jiff::{SignedDuration, Timestamp};
use reconciler_model::address::{Address, Scope, ScopeKind};
use reconciler_model::attribution::{Exposure, ResourceAttribution};
use reconciler_model::control::{self, Control, ResponseStep};
use reconciler_model::desired::{Desired, Wanted, with_context};
use reconciler_model::incident::{Concerned, Ending, Incident};
use reconciler_model::inventory::Inventory;
use reconciler_model::permit::Approval;
use reconciler_model::plan::Plan;

use crate::case::{Case, CaseError, Order};
use crate::event::Event;
use crate::incident::{Found, Past};
use crate::journal::{self, Journal, Record};
use crate::queries::{Places, Question};
use crate::reconciler::{Planned, Reconciler, Target};
use crate::rounds::{Activation, Broken, Converged};

/// How many images of after are read side by side.
const SIDE_BY_SIDE: usize = 8;

/// What is asked about where it is not known when it began.
const A_DAY: SignedDuration = SignedDuration::from_hours(24);

/// How many resources that have records written to a log group are read to find it.
const MOST_LOG_GROUPS: usize = 64;

/// How often it is looked whether the run was asked to stop.
const LOOK: Duration = Duration::from_millis(100);

/// What a response gave.
pub struct Response<E> {
    /// How the restore went; or why it did not go on, after the incident file was written.
    pub converged: Result<Converged, Broken<E>>,
    /// The incident, and the folder that it is in; `None` when there was nothing to restore.
    pub incident: Option<(Incident, PathBuf)>,
}

/// What a response is about, and what everything of it is done with.
struct Responding<'a> {
    reconciler: &'a Reconciler<'a>,
    activation: &'a Activation<'a>,
    desired: &'a Desired,
}

impl Reconciler<'_> {
    /// Carries the response out: what `activation` says, for what `order` says. `approve` is asked for the first plan, if it has
    /// steps; the order is completed with who asks.
    ///
    /// # Errors
    /// Fails when nothing could be done at all, or when the journal or the evidence cannot be kept.
    pub async fn respond<E: fmt::Display>(
        &self,
        mut order: Order,
        activation: &Activation<'_>,
        desired: &Desired,
        journal: &mut Journal,
        approve: impl FnOnce(&Plan) -> Result<Approval, E>,
    ) -> Result<Response<E>, Broken<E>> {
        order.operator.caller = self.sessions.identity().await.ok().map(|own| own.arn);
        order.mode = activation.mode.clone();
        activation.target.desired_digest.clone_into(&mut order.desired_digest);
        let mut case: Option<Case> = None;
        let declined = Cell::new(false);
        let planned = |made: &Planned, journal: &mut Journal| {
            let now = (self.clock)();
            if case.is_none() {
                case = Case::take_up(activation.state, journal, &order, &made.plan, now)?;
                if let Some(Case { id, again, folder, .. }) = &case {
                    self.sink.take(&Event::IncidentOpened { id, again: *again, folder: folder.path() });
                }
            }
            if let Some(case) = &mut case {
                case.freeze(made, journal, now)?;
            }
            Ok(())
        };
        let approve = |plan: &Plan| approve(plan).inspect_err(|_| declined.set(true));
        let converged = self.converge(activation, journal, planned, approve).await;
        let Some(case) = case else { return Ok(Response { converged, incident: None }) };
        // Without a journal nothing can be tied to it any more.
        let converged = match converged {
            Err(broken) if broken.is_without_journal() => return Err(broken),
            converged => converged,
        };
        let ending = match &converged {
            Err(_) if declined.get() => Ending::NotApproved,
            Ok(converged) if converged.after.is_some() && !(activation.stop)() => Ending::Whole,
            _ => Ending::Interrupted,
        };
        let folder = case.folder.path().to_owned();
        let responding = Responding { reconciler: self, activation, desired };
        let incident = responding.write_down(case, &converged, ending, journal).await?;
        Ok(Response { converged, incident: Some((incident, folder)) })
    }
}

impl Responding<'_> {
    /// Verifies, asks, and writes the incident file.
    async fn write_down<E: fmt::Display>(
        &self,
        mut case: Case,
        converged: &Result<Converged, Broken<E>>,
        ending: Ending,
        journal: &mut Journal,
    ) -> Result<Incident, CaseError> {
        let reconciler = self.reconciler;
        let account_ids = self.activation.account_ids;
        let now = || (reconciler.clock)();
        let mut troubles = Vec::new();
        match converged {
            Err(broken) if ending != Ending::NotApproved => {
                troubles.push(format!("the restore did not go on: {broken}"))
            }
            Ok(Converged { refused: Some(refusal), .. }) => {
                troubles.push(format!("a later round was refused: {refusal}"))
            }
            _ => {}
        }
        let after = converged.as_ref().ok().and_then(|converged| converged.after.as_ref());
        case.looked_at(
            self.activation.target.wanted.iter().filter(|one| !one.is_context).map(|one| &one.address).collect(),
        );
        let mut still_used_by = BTreeMap::new();
        let mut again = None;
        if let Some(after) = after {
            let restored = case.in_sync(after);
            let reading = restored.into_iter().map(|address| async move {
                let seen = reconciler.read_one(account_ids, &address).await;
                let users = match &seen {
                    Ok(Some(live)) => reconciler.still_used_by(account_ids, live).await,
                    _ => Ok(Vec::new()),
                };
                (seen, users, address)
            });
            // All reads come first: a queued read must not wait until another one is processed.
            let read: Vec<_> = futures::stream::iter(reading).buffer_unordered(SIDE_BY_SIDE).collect().await;
            for (seen, users, address) in read {
                match users {
                    Ok(users) => _ = still_used_by.insert(address.clone(), users),
                    Err(error) => {
                        troubles.push(format!("{address}: what still uses something older: failed to {error}"))
                    }
                }
                match seen {
                    Ok(seen) => case.keep_after(&address, seen, journal, now())?,
                    Err(error) => troubles.push(format!("{address}: there is no image of after: failed to {error}")),
                }
            }
            again = self.shown_again(&case, after, journal, &mut troubles).await?;
        }
        let records = journal::records(journal.path())?;
        let found =
            Found { after, again: again.as_ref(), still_used_by: &still_used_by, ending, troubles, records: &records };
        let affected = case.affected(&found);
        let mut more = Vec::new();
        let past = self.past(&case, ending, &records, &mut more).await;
        if !past.attribution.is_empty() {
            case.keep("attribution", &past.attribution, journal, now())?;
        }
        if !past.answers.is_empty() {
            case.keep("answers", &past.answers, journal, now())?;
        }
        let records = journal::records(journal.path())?;
        let troubles = found.troubles.iter().cloned().chain(more).collect();
        let incident = case.record(Found { records: &records, troubles, ..found }, affected, past);
        case.finish(incident, journal, now())
    }

    /// A second plan confirms what only the last plan has shown: an earlier run or somebody else put it back.
    async fn shown_again(
        &self,
        case: &Case,
        after: &Plan,
        journal: &Journal,
        troubles: &mut Vec<String>,
    ) -> Result<Option<Plan>, CaseError> {
        let target = self.activation.target;
        let open: BTreeSet<Address> = case.to_be_shown_again(after, &journal::records(journal.path())?);
        if open.is_empty() {
            return Ok(None);
        }
        let wanted: Vec<Wanted> = target.wanted.iter().filter(|one| open.contains(&one.address)).cloned().collect();
        let wanted = with_context(wanted, || target.wanted.to_vec());
        match self.reconciler.plan(Target { wanted: &wanted, watch: None, ..target }, Some(journal)).await {
            Ok(planned) => Ok(Some(planned.plan)),
            Err(error) => {
                troubles.push(format!("the second read failed to {error}"));
                Ok(None)
            }
        }
    }

    /// Waits until the run is asked to stop.
    async fn asked_to_stop(&self) {
        while !(self.activation.stop)() {
            tokio::time::sleep(LOOK).await;
        }
    }

    /// What is found out about the time in between. Queries are asked when the restore is over, and nobody waits for them who asked
    /// the run to stop.
    async fn past(&self, case: &Case, ending: Ending, records: &[Record], troubles: &mut Vec<String>) -> Past {
        let reconciler = self.reconciler;
        let account_ids = self.activation.account_ids;
        let mut ids = case.control_ids();
        ids.extend(case.order.targets.iter().cloned());
        let controls: Vec<(Concerned, Vec<ResponseStep>)> =
            ids.iter().filter_map(|id| control::find(id)).map(|one| (concerned(one), one.response.clone())).collect();
        let mut past = Past { controls, ..Past::default() };
        let Some(first) = case.as_first_seen().filter(|_| !(self.activation.stop)()) else { return past };
        let attributed = reconciler.attribute(&first.plan, &first.inventory, account_ids, records, case.order.since);
        past.attribution =
            tokio::select! { attribution = attributed => attribution, () = self.asked_to_stop() => return past };
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
        let scopes = self.scopes(case);
        let inventory = self.with_log_groups(&first, &scopes, troubles).await;
        let places = Places::of(reconciler, &first.plan, &inventory, account_ids);
        let window = window(case, &past.attribution, (reconciler.clock)());
        let answers = tokio::select! {
            answers = reconciler.ask(&questions, &scopes, window, &places) => answers,
            () = self.asked_to_stop() => Vec::new(),
        };
        past.answers = answers;
        past
    }

    /// The accounts and regions of the addresses.
    fn scopes(&self, case: &Case) -> Vec<Scope> {
        let ids = self.activation.account_ids;
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

    /// The images of before, and the present state of the resources that write records to a log group. A resource that was as
    /// declared has no image.
    async fn with_log_groups(&self, first: &Planned, scopes: &[Scope], troubles: &mut Vec<String>) -> Inventory {
        let Self { reconciler, activation, desired } = self;
        let mut inventory = first.inventory.clone();
        let management = desired.organization().management();
        let writes_logs = |one: &Wanted| {
            let client = reconciler.client(&one.address.kind);
            client.is_some_and(|client| {
                let near = |scope: &Scope| match client.kind().contract().scope {
                    ScopeKind::Region => one.address.is_in(scope),
                    ScopeKind::Account | ScopeKind::Organization => one.address.account == scope.account,
                };
                client.kind().contract().log_group_of(&one.spec).is_some()
                    && (scopes.iter().any(near) || one.address.account == *management)
            })
        };
        let wanted = desired.wanted();
        let mut all = wanted.iter().filter(|one| writes_logs(one));
        let reading = all.by_ref().take(MOST_LOG_GROUPS).map(|one| async move {
            let seen = reconciler.read_one(activation.account_ids, &one.address).await;
            (&one.address, seen)
        });
        // All reads come first: a queued read must not wait until another one is processed.
        let read: Vec<_> = futures::stream::iter(reading).buffer_unordered(SIDE_BY_SIDE).collect().await;
        for (address, seen) in read {
            match seen {
                Ok(Some(seen)) => _ = inventory.resources.insert(address.clone(), seen),
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
}

fn concerned(control: &Control) -> Concerned {
    Concerned {
        id: control.id.clone(),
        title: control.title.clone(),
        severity: control.severity,
        compliance: control.compliance.clone(),
    }
}

/// From the beginning of the longest exposure that is known, or a day before the drift was seen, until now.
fn window(case: &Case, attribution: &[ResourceAttribution], now: Timestamp) -> (Timestamp, Timestamp) {
    let weakenings = attribution.iter().flat_map(|one| {
        let drift = case.drift.get(&one.address);
        one.fields.iter().filter(move |field| drift.is_none_or(|drift| drift.weakens(&field.path)))
    });
    let since = weakenings.filter_map(|field| {
        let Exposure { since, perhaps_since, .. } = &field.exposure;
        perhaps_since.as_ref().or(since.as_ref())?.parse::<Timestamp>().ok()
    });
    let detected = case.detected.as_deref().and_then(|at| at.parse().ok()).unwrap_or(case.opened);
    let known = since.min().or(case.order.since);
    (known.unwrap_or_else(|| detected.saturating_sub(A_DAY).unwrap_or(detected)), now)
}
