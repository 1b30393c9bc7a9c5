//! Reading the live world: every kind in every scope side by side, with gaps instead of guesses.

use std::collections::{BTreeMap, BTreeSet};

use futures::StreamExt as _;
use futures::future::join;
use futures::stream::{self, FuturesUnordered};
use reconciler_aws::edge::{Edge, LookedUp, LookupSource, Selection, gap_of};
use reconciler_aws::{CallError, Sessions};
use reconciler_model::address::{Address, Scope};
use reconciler_model::desired::{LiveReference, Lookup, Wanted};
use reconciler_model::diagnostic::Diagnostic;
use reconciler_model::drift;
use reconciler_model::inventory::{Gap, Inventory, Known};
use serde_json::Value;

use crate::event::{Event, Sink};

/// What was read for a set of wanted addresses.
#[derive(Debug, Default)]
pub struct Observation {
    /// The sightings and gaps.
    pub inventory: Inventory,
    /// The resolved tree of each wanted address, or what is wrong with it; none when a look-up is a gap.
    pub trees: BTreeMap<Address, Result<Value, Vec<Diagnostic>>>,
    /// Addresses that refer to what is not there: what each of them waits for.
    pub waiting: BTreeMap<Address, BTreeSet<Address>>,
}

/// How many addresses are resolved before other work has a turn.
const AT_ONCE: usize = 16;

/// One read: a kind in a scope.
pub struct Read<'a> {
    /// The account and region.
    pub scope: Scope,
    /// The kind's edge.
    pub edge: &'a dyn Edge,
    /// Which resources.
    pub selection: Selection,
}

/// How many reads and look-ups are under way at a time. More than there may be calls in flight; a read that waits for
/// room takes memory all the same, and an organization has thousands.
const SIDE_BY_SIDE: usize = 512;

/// Carries out reads side by side; the sessions bound how many calls are in flight.
pub async fn read_all(sessions: &Sessions, reads: Vec<Read<'_>>, sink: &dyn Sink) -> Inventory {
    let mut left: BTreeMap<String, usize> = BTreeMap::new();
    for read in &reads {
        *left.entry(read.scope.account_id.clone()).or_default() += 1;
    }
    sink.take(&Event::ObservationStarted { reads: reads.len(), accounts: left.len() });
    let reading = reads.into_iter().map(|read| async move {
        let session = sessions.session(&read.scope.account_id, &read.scope.region);
        let outcome = read.edge.observe(&session, &read.scope, &read.selection).await;
        (read, outcome)
    });
    let mut pending = stream::iter(reading).buffer_unordered(SIDE_BY_SIDE);
    let mut inventory = Inventory::default();
    while let Some((read, outcome)) = pending.next().await {
        let kind = read.edge.kind().name();
        let gaps = match outcome {
            Ok(reading) => {
                sink.take(&Event::Observed { scope: &read.scope, kind, seen: reading.sightings.len() });
                inventory.keep_surroundings(&read.scope, kind, reading.surroundings);
                inventory.sightings.extend(reading.sightings.into_iter().map(|seen| (seen.address.clone(), seen)));
                reading.gaps
            }
            Err(error) => vec![gap_of(&error, &read.scope, kind, None)],
        };
        for gap in gaps {
            sink.take(&Event::GapFound(&gap));
            inventory.gaps.push(gap);
        }
        let account = left.get_mut(&read.scope.account_id);
        let left = account.map_or(0, |left| {
            *left = left.saturating_sub(1);
            *left
        });
        sink.take(&Event::ReadEnded { scope: &read.scope, kind, account_done: left == 0 });
    }
    sink.take(&Event::ObservationEnded);
    inventory.gaps.sort();
    inventory
}

/// Reads what is wanted, and resolves its look-ups, side by side.
pub async fn observe(
    sessions: &Sessions,
    edges: &[&dyn Edge],
    sources: &[&dyn LookupSource],
    wanted: &[Wanted],
    sink: &dyn Sink,
) -> Observation {
    let mut names: BTreeMap<(Scope, &str), BTreeSet<String>> = BTreeMap::new();
    let mut lookups: BTreeSet<(Scope, Lookup)> = BTreeSet::new();
    for one in wanted {
        let scope = scope_of(one);
        lookups.extend(one.lookups.iter().map(|lookup| (scope.clone(), lookup.clone())));
        names.entry((scope, &one.address.kind)).or_default().insert(one.address.name.clone());
        // What is referred to is read even where it was not asked for.
        for LiveReference { scope, address, .. } in one.references.values() {
            names.entry((scope.clone(), &address.kind)).or_default().insert(address.name.clone());
        }
    }
    let reads = names
        .into_iter()
        .filter_map(|((scope, kind), names)| {
            let edge = edges.iter().find(|edge| edge.kind().name() == kind)?;
            Some(Read { scope, edge: *edge, selection: Selection::Names(names) })
        })
        .collect();
    let reading = read_all(sessions, reads, sink);
    let resolving = async {
        let answers = look_up(sessions, sources, lookups).await;
        let resolved = resolve(edges, wanted, &answers, sink).await;
        (answers, resolved)
    };
    let (mut inventory, (answers, (mut trees, mut gaps))) = join(reading, resolving).await;
    let mut waiting = BTreeMap::new();
    for one in wanted.iter().filter(|one| !one.references.is_empty()) {
        let Some(edge) = edges.iter().find(|edge| edge.kind().name() == one.address.kind) else { continue };
        // A look-up that failed is a gap already.
        let Ok(mut found) = found_for(one, &answers) else { continue };
        match refer(edges, &inventory, one, &mut found) {
            Ok(others) if others.is_empty() => {
                trees.insert(one.address.clone(), one.resolve(edge.kind(), &found));
            }
            Ok(others) => {
                waiting.insert(one.address.clone(), others);
            }
            Err(gap) => {
                sink.take(&Event::GapFound(&gap));
                gaps.push(*gap);
            }
        }
    }
    gaps.extend(inspect(sessions, edges, wanted, &mut inventory, &mut trees, sink).await);
    inventory.gaps.append(&mut gaps);
    inventory.gaps.sort();
    drop_implied(&mut inventory.gaps);
    Observation { inventory, trees, waiting }
}

/// Has each edge look at what a tree refers to, where it differs from live. Gives the gaps of those that could not be looked
/// at, and takes their trees away: nothing is planned for them.
async fn inspect(
    sessions: &Sessions,
    edges: &[&dyn Edge],
    wanted: &[Wanted],
    inventory: &mut Inventory,
    trees: &mut Trees,
    sink: &dyn Sink,
) -> Vec<Gap> {
    let looks = FuturesUnordered::new();
    for one in wanted {
        let Some(edge) = edges.iter().find(|edge| edge.kind().name() == one.address.kind) else { continue };
        let Some(Ok(want)) = trees.get(&one.address) else { continue };
        let live = match inventory.of(&one.address) {
            Known::Present(sighting) => Some(sighting),
            Known::Absent => None,
            Known::Unknown(_) => continue,
        };
        if live.is_some_and(|live| drift::managed_part(edge.kind(), &live.tree, want) == *want) {
            continue;
        }
        let session = sessions.session(&one.account_id, &one.address.region);
        looks.push(async move { (one, edge.inspect(&session, &one.address, want, live).await) });
    }
    let looked: Vec<_> = looks.collect().await;
    let mut gaps = Vec::new();
    for (one, outcome) in looked {
        match outcome {
            Ok(Some(found)) => inventory.keep_surroundings_of(&one.address, found),
            Ok(None) => {}
            Err(error) => {
                let gap = gap_of(&error, &scope_of(one), &one.address.kind, Some(&one.address.name));
                sink.take(&Event::GapFound(&gap));
                gaps.push(gap);
                trees.remove(&one.address);
            }
        }
    }
    gaps
}

type Trees = BTreeMap<Address, Result<Value, Vec<Diagnostic>>>;
type Found = BTreeMap<Lookup, Result<String, String>>;

/// The tree of each wanted address whose look-ups were answered and that refers to nothing live, and the gaps of those whose
/// look-ups failed. Most of it takes place while reads are waited for.
async fn resolve(edges: &[&dyn Edge], wanted: &[Wanted], answers: &Answers, sink: &dyn Sink) -> (Trees, Vec<Gap>) {
    let mut trees = Trees::new();
    let mut gaps = Vec::new();
    for (count, one) in wanted.iter().enumerate() {
        if count % AT_ONCE == 0 {
            tokio::task::yield_now().await;
        }
        let Some(edge) = edges.iter().find(|edge| edge.kind().name() == one.address.kind) else { continue };
        match found_for(one, answers) {
            Err(error) => {
                let gap = gap_of(error, &scope_of(one), &one.address.kind, Some(&one.address.name));
                sink.take(&Event::GapFound(&gap));
                gaps.push(gap);
            }
            Ok(found) if one.references.is_empty() => {
                trees.insert(one.address.clone(), one.resolve(edge.kind(), &found));
            }
            // What it refers to has to be read first.
            Ok(_) => {}
        }
    }
    (trees, gaps)
}

/// The answers to the look-ups of one address; an error when one could not be made.
fn found_for<'a>(one: &Wanted, answers: &'a Answers) -> Result<Found, &'a CallError> {
    let scope = scope_of(one);
    let mut found = Found::new();
    for lookup in &one.lookups {
        let answer = match answers.get(&(scope.clone(), lookup.clone())) {
            Some(Ok(LookedUp::Is(value))) => Ok(value.clone()),
            Some(Err(error)) => return Err(error),
            Some(Ok(LookedUp::Several(all))) => {
                Err(format!("${{{}:{}}} finds several in {scope}: {}", lookup.source, lookup.key, all.join(", ")))
            }
            Some(Ok(LookedUp::Nothing)) | None => {
                Err(format!("${{{}:{}}} finds nothing in {scope}", lookup.source, lookup.key))
            }
        };
        found.insert(lookup.clone(), answer);
    }
    Ok(found)
}

/// Answers the references of one address from what was seen. Gives what they wait for, or the gap that the gap of another
/// resource makes of this one.
fn refer(
    edges: &[&dyn Edge],
    inventory: &Inventory,
    one: &Wanted,
    found: &mut Found,
) -> Result<BTreeSet<Address>, Box<Gap>> {
    let mut waits_for = BTreeSet::new();
    for (placeholder, LiveReference { address, output, .. }) in &one.references {
        let kind = edges.iter().map(|edge| edge.kind()).find(|kind| kind.name() == address.kind);
        let answer = match inventory.of(address) {
            Known::Present(sighting) => kind.and_then(|kind| kind.output(sighting, output)),
            Known::Absent => None,
            Known::Unknown(gap) => {
                return Err(Box::new(Gap {
                    scope: scope_of(one),
                    kind: one.address.kind.clone(),
                    name: Some(one.address.name.clone()),
                    code: gap.code.clone(),
                    reason: format!("read {address}, which it refers to: {}", gap.reason),
                    remedy: gap.remedy.clone(),
                }));
            }
        };
        match answer {
            Some(value) => {
                found.insert(placeholder.clone(), Ok(value));
            }
            // It is there, and has none yet: nothing is published, say.
            None => {
                waits_for.insert(address.clone());
            }
        }
    }
    Ok(waits_for)
}

/// A gap of one name says nothing new where the whole kind is unknown.
fn drop_implied(gaps: &mut Vec<Gap>) {
    let whole: BTreeSet<(Scope, String)> =
        gaps.iter().filter(|gap| gap.name.is_none()).map(|gap| (gap.scope.clone(), gap.kind.clone())).collect();
    gaps.retain(|gap| gap.name.is_none() || !whole.contains(&(gap.scope.clone(), gap.kind.clone())));
    gaps.dedup();
}

type Answers = BTreeMap<(Scope, Lookup), Result<LookedUp, CallError>>;

async fn look_up(sessions: &Sessions, sources: &[&dyn LookupSource], lookups: BTreeSet<(Scope, Lookup)>) -> Answers {
    let mut keys: BTreeMap<(Scope, String), Vec<String>> = BTreeMap::new();
    for (scope, Lookup { source, key }) in lookups {
        keys.entry((scope, source)).or_default().push(key);
    }
    let asking = keys.into_iter().filter_map(|((scope, name), keys)| {
        let source = sources.iter().find(|source| source.source() == name)?;
        Some(async move {
            let session = sessions.session(&scope.account_id, &scope.region);
            let answers = source.look_up(&session, &keys).await;
            (scope, name, keys, answers)
        })
    });
    let mut pending = stream::iter(asking).buffer_unordered(SIDE_BY_SIDE);
    let mut found = Answers::new();
    while let Some((scope, source, keys, answers)) = pending.next().await {
        for (key, answer) in keys.into_iter().zip(answers) {
            found.insert((scope.clone(), Lookup { source: source.clone(), key }), answer);
        }
    }
    found
}

/// The scope of a wanted address.
pub fn scope_of(wanted: &Wanted) -> Scope {
    Scope {
        account: wanted.address.account.clone(),
        account_id: wanted.account_id.clone(),
        region: wanted.address.region.clone(),
    }
}
