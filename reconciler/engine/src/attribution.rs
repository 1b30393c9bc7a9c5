//! Who caused the drift of a plan: the histories that it takes, and what our own journal says.
//!
//! Expected flow: the kinds name the events that can have changed what differs; the history of each name is read once in each
//! account and region, side by side; [`reconciler_model::attribution`] holds the events against each field.
//!
//! # Guarantees
//! - A history that could not be read is a reason, never "nobody".
//! - Events after the plan are left out, so the question may also be asked after the restore. It is better asked before it,
//!   while versions and times of change are still those of the drift.

use std::collections::{BTreeMap, BTreeSet};

use futures::StreamExt as _;
use futures::future::join;
use futures::stream;
use jiff::{SignedDuration, Timestamp};
use reconciler_aws::client::gap_of;
use reconciler_model::address::{Address, Scope};
use reconciler_model::attribution::history::Past;
use reconciler_model::attribution::{Attribution, Exposure, FieldAttribution, ResourceAttribution};
use reconciler_model::attribution::{Histories, Own, Subject, Traces, Window, trail_events_of};
use reconciler_model::drift::{Change, Drift};
use reconciler_model::inventory::Inventory;
use reconciler_model::plan::Plan;
use reconciler_model::tree::Path;
use reconciler_model::verdict::Ruling;

use crate::journal::{Entry, Record};
use crate::reconciler::Reconciler;

/// How far back CloudTrail's history goes (kinds/sources/history/README.md, Limits).
pub(crate) const HISTORY: SignedDuration = SignedDuration::from_hours(90 * 24);

/// Histories that are read side by side; the rate of each account and region is held by its session.
pub(crate) const SIDE_BY_SIDE: usize = 64;

/// What the journal says of our own writes.
#[derive(Debug, Clone, Default)]
pub struct OwnWrites {
    /// Requests of before the plan: what they wrote to, and whether that was verified.
    before: BTreeMap<String, (Address, bool)>,
    /// Requests of after the plan.
    after: BTreeSet<String>,
    /// When a write to an address was last verified, before the plan.
    verified_at: BTreeMap<Address, Timestamp>,
}

impl OwnWrites {
    /// Our own writes as they were known at `now`.
    pub fn at(now: Timestamp, records: &[Record]) -> Self {
        let mut own = Self::default();
        let mut intents: BTreeMap<u64, &Address> = BTreeMap::new();
        let mut requests: BTreeMap<u64, Vec<&String>> = BTreeMap::new();
        for record in records {
            match &record.entry {
                Entry::Intent { address, .. } => {
                    intents.insert(record.seq, address);
                }
                Entry::WriteResult { intent, request_id: Some(id), .. } if record.at > now => {
                    own.after.insert(id.clone());
                    requests.entry(*intent).or_default().push(id);
                }
                Entry::WriteResult { intent, request_id: Some(id), error, .. } => {
                    requests.entry(*intent).or_default().push(id);
                    if let (Some(address), None) = (intents.get(intent), error) {
                        own.before.insert(id.clone(), ((*address).clone(), false));
                    }
                }
                Entry::Verdict { intent, verdict, .. } if *verdict == Ruling::Verified && record.at <= now => {
                    if let Some(address) = intents.get(intent) {
                        own.verified_at.insert((*address).clone(), record.at);
                    }
                    for id in requests.get(intent).into_iter().flatten() {
                        if let Some((_, verified)) = own.before.get_mut(*id) {
                            *verified = true;
                        }
                    }
                }
                _ => {}
            }
        }
        own
    }

    fn of_account(&self, role: Option<String>) -> Own {
        Own { requests: self.before.clone(), role, verified_at: self.verified_at.clone() }
    }
}

type Stream = (String, String, &'static str);

impl Reconciler<'_> {
    /// Tells who caused each drift of `plan` and since when, in the order of the drift. Reads only.
    ///
    /// `account_ids` are the accounts' ids by name, `journal` every record that there is; `since` bounds how far back the history
    /// is read, which is 90 days at most. Of AWS it takes one stream of LookupEvents for each name of event, account and region,
    /// at two calls a second.
    pub async fn attribute(
        &self,
        plan: &Plan,
        inventory: &Inventory,
        account_ids: &BTreeMap<String, String>,
        journal: &[Record],
        since: Option<Timestamp>,
    ) -> Vec<ResourceAttribution> {
        let now: Timestamp = plan.created_at.parse().unwrap_or_else(|_| (self.clock)());
        let oldest = now.saturating_sub(HISTORY).unwrap_or(Timestamp::MIN);
        let window = Window { from: since.map_or(oldest, |since| since.max(oldest).min(now)), now };
        let own = OwnWrites::at(now, journal);
        let (pasts, traces) =
            join(self.pasts(plan, account_ids, &own, window), self.all_traces(plan, inventory, account_ids, now)).await;
        let attribution = |drift: &Drift| {
            let client = self.client(&drift.kind);
            let (Some(client), Some(account)) = (client, account_ids.get(&drift.account)) else {
                return nobody_asked(drift, "the account or the kind is not known here");
            };
            let traces = match traces.get(&drift.address) {
                Some(Err(reason)) => return nobody_asked(drift, &format!("its versions could not be read: {reason}")),
                Some(Ok(traces)) => traces,
                None => &Traces::default(),
            };
            let mut histories = Histories::new();
            for trail_event in trail_events_of(client.kind(), drift) {
                if let Some(past) = pasts.get(&(account.clone(), drift.region.clone(), trail_event.event)) {
                    histories.insert((trail_event.source, trail_event.event), past.as_ref().map_err(String::as_str));
                }
            }
            let subject = Subject {
                kind: client.kind(),
                drift,
                live: inventory.resources.get(&drift.address),
                scope_context: inventory.scope_context_of(&drift.address),
                traces,
                own: &own.of_account(self.sessions.role_in(account)),
            };
            subject.attribution(&histories, window)
        };
        plan.drift.iter().map(attribution).collect()
    }

    async fn pasts(
        &self,
        plan: &Plan,
        account_ids: &BTreeMap<String, String>,
        own: &OwnWrites,
        window: Window,
    ) -> BTreeMap<Stream, Result<Past, String>> {
        let mut streams: BTreeSet<Stream> = BTreeSet::new();
        for drift in &plan.drift {
            let (Some(client), Some(account)) = (self.client(&drift.kind), account_ids.get(&drift.account)) else {
                continue;
            };
            let trail_events = trail_events_of(client.kind(), drift);
            streams.extend(
                trail_events.iter().map(|trail_event| (account.clone(), drift.region.clone(), trail_event.event)),
            );
        }
        let reads = streams.into_iter().map(|stream| async move {
            let (account, region, event) = &stream;
            let session = self.sessions.session(account, region);
            let past = self.history.past(&session, event, window.from, window.now).await;
            let past = past.map_err(|error| reason(&error, account, region));
            (stream, past)
        });
        let mut pasts: BTreeMap<_, _> = stream::iter(reads).buffer_unordered(SIDE_BY_SIDE).collect().await;
        for past in pasts.values_mut().filter_map(|past: &mut Result<Past, String>| past.as_mut().ok()) {
            past.events.retain(|event| {
                event.at.as_second() <= window.now.as_second()
                    && !event.request_id.as_ref().is_some_and(|id| own.after.contains(id))
            });
        }
        pasts
    }

    /// What the services keep of the past of what differs.
    async fn all_traces(
        &self,
        plan: &Plan,
        inventory: &Inventory,
        account_ids: &BTreeMap<String, String>,
        now: Timestamp,
    ) -> BTreeMap<Address, Result<Traces, String>> {
        let reads = plan.drift.iter().filter(|drift| drift.change == Change::Changed).filter_map(|drift| {
            let client = self.client(&drift.kind)?;
            let account = account_ids.get(&drift.account)?;
            let observed = inventory.resources.get(&drift.address)?;
            let session = self.sessions.session(account, &drift.region);
            Some(async move {
                let traces = client.traces(&session, observed).await;
                let traces = traces.map_err(|error| reason(&error, account, &drift.region));
                (drift.address.clone(), traces.map(|traces| of_before(traces, now)))
            })
        });
        stream::iter(reads.collect::<Vec<_>>()).buffer_unordered(SIDE_BY_SIDE).collect().await
    }
}

/// What is older than the plan. A change after it tells nothing of the one before.
fn of_before(mut traces: Traces, now: Timestamp) -> Traces {
    traces.snapshots.retain(|snapshot| snapshot.at <= now);
    traces.changed_at = traces.changed_at.filter(|changed| *changed <= now);
    traces
}

/// Why a call failed, without what differs from run to run.
pub(crate) fn reason(error: &reconciler_aws::CallError, account: &str, region: &str) -> String {
    let scope = Scope { account: account.to_owned(), account_id: account.to_owned(), region: region.to_owned() };
    let gap = gap_of(error, &scope, "", None);
    format!("failed to {} [{}]", gap.reason, gap.code)
}

/// Unknown for every field, for one reason.
fn nobody_asked(drift: &Drift, reason: &str) -> ResourceAttribution {
    let field = |path: Path| FieldAttribution {
        path,
        by: Attribution::Unknown { reason: reason.to_owned(), candidates: Vec::new() },
        exposure: Exposure { since: None, perhaps_since: None, until: None, seconds: None },
    };
    let fields = match drift.change {
        Change::Changed => drift.fields.iter().map(|one| field(one.path.clone())).collect(),
        Change::Missing | Change::New | Change::Unexpected => vec![field(Path::root())],
    };
    ResourceAttribution { address: drift.address.clone(), fields }
}
