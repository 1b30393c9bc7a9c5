//! Which absent addresses were never there: the witnesses are the pins, the journal and the event history.
//!
//! Expected flow: a plan is made in which everything absent is missing; of that, what neither pins nor journal know is looked for in
//! the histories of the events that delete; the plan is made again with what is new.
//!
//! Guarantees: nothing is asked for addresses that are there, or that a nearer witness knows. Each history is read once in each
//! account and region, whatever the number of addresses, and within a time; what was not read by then makes nothing new.

use std::collections::{BTreeMap, BTreeSet};
use std::time::Duration;

use futures::StreamExt as _;
use futures::stream;
use jiff::Timestamp;
use reconciler_model::address::Address;
use reconciler_model::attribution::Histories;
use reconciler_model::attribution::history::Past;
use reconciler_model::desired::Wanted;
use reconciler_model::drift::Change;
use reconciler_model::first_seen::{self, Witness};
use reconciler_model::plan::Plan;

use crate::attribution::{HISTORY, SIDE_BY_SIDE, reason};
use crate::journal::Made;
use crate::reconciler::Reconciler;

/// How long one history may take. A plan is not held up by a CloudTrail that does not answer.
const PATIENCE: Duration = Duration::from_secs(30);

/// What is known of the past of what is absent.
#[derive(Debug, Default)]
pub(crate) struct FirstSeen {
    /// What nobody ever saw.
    pub(crate) new: BTreeSet<Address>,
    /// What is taken for missing because a witness could not be heard, and why.
    pub(crate) unheard: BTreeMap<Address, String>,
}

type Stream = (String, String, &'static str);

impl Reconciler<'_> {
    /// Hears the witnesses for everything that is absent in a plan. Reads only.
    pub(crate) async fn first_seen(&self, plan: &Plan, wanted: &[Wanted], made: &Made, now: Timestamp) -> FirstSeen {
        let absent: BTreeSet<&Address> =
            plan.drift.iter().filter(|drift| drift.change == Change::Missing).map(|drift| &drift.address).collect();
        let mut found = FirstSeen::default();
        let mut asked: Vec<(&Wanted, Witness, Witness)> = Vec::new();
        for one in wanted.iter().filter(|one| absent.contains(&one.address)) {
            let (pins, journal) = (first_seen::of_pins(one), made.witness(&one.address));
            match &journal {
                _ if pins == Witness::Knows => {}
                Witness::Knows => {}
                Witness::Unheard(why) => {
                    found.unheard.insert(one.address.clone(), why.clone());
                }
                Witness::Silent => asked.push((one, pins, journal)),
            }
        }
        let mut streams: BTreeSet<Stream> = BTreeSet::new();
        for (one, ..) in &asked {
            let Some(client) = self.client(&one.address.kind) else { continue };
            let events = first_seen::trail_events_of(client.kind());
            streams.extend(events.map(|event| (one.account_id.clone(), one.address.region.clone(), event.event)));
        }
        let from = now.saturating_sub(HISTORY).unwrap_or(Timestamp::MIN);
        let reads = streams.into_iter().map(|stream| async move {
            let (account, region, event) = &stream;
            let session = self.sessions.session(account, region);
            let past = tokio::time::timeout(PATIENCE, self.history.past(&session, event, from, now)).await;
            let past: Result<Past, String> = match past {
                Ok(past) => past.map_err(|error| reason(&error, account, region)),
                Err(_) => Err(format!("CloudTrail did not answer within {} s", PATIENCE.as_secs())),
            };
            (stream, past)
        });
        let pasts: BTreeMap<Stream, Result<Past, String>> =
            stream::iter(reads).buffer_unordered(SIDE_BY_SIDE).collect().await;
        for (one, pins, journal) in asked {
            let Some(client) = self.client(&one.address.kind) else { continue };
            let mut histories = Histories::new();
            for event in first_seen::trail_events_of(client.kind()) {
                let stream = (one.account_id.clone(), one.address.region.clone(), event.event);
                if let Some(past) = pasts.get(&stream) {
                    histories.insert((event.source, event.event), past.as_ref().map_err(String::as_str));
                }
            }
            let events = first_seen::of_events(client.kind(), &one.address.name, &histories);
            if first_seen::is_new([&pins, &journal, &events]) {
                found.new.insert(one.address.clone());
            } else if let Witness::Unheard(why) = events {
                found.unheard.insert(one.address.clone(), why);
            }
        }
        found
    }
}
