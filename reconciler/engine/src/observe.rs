//! Reading the live world: every kind in every scope side by side, with gaps instead of guesses.

use std::collections::{BTreeMap, BTreeSet};

use futures::StreamExt as _;
use futures::stream;
use reconciler_aws::edge::{Edge, LookedUp, LookupSource, Reading, Selection, gap_of};
use reconciler_aws::{CallError, Sessions};
use reconciler_model::address::{Address, Scope};
use reconciler_model::desired::{LiveReference, Lookup, Wanted};
use reconciler_model::diagnostic::Diagnostic;
use reconciler_model::drift;
use reconciler_model::inventory::{Gap, Inventory, Known, Sighting};
use reconciler_model::plan::{self, Case};
use serde_json::Value;

use crate::event::{Event, Sink};

/// What was read for a set of wanted addresses.
#[derive(Debug, Default)]
pub struct Observation<'a> {
    /// The sightings and gaps; without the sightings of what is as declared and not referred to.
    pub inventory: Inventory,
    /// The resolved tree of each wanted address, or what is wrong with it; none when a look-up is a gap, nor for what is as
    /// declared and not referred to.
    pub trees: BTreeMap<Address, Result<Value, Vec<Diagnostic>>>,
    /// Addresses that refer to what is not there: what each of them waits for.
    pub waiting: BTreeMap<Address, BTreeSet<Address>>,
    /// Addresses that are as declared. They are compared as soon as they are read, and what was read is dropped: most of an
    /// organization is in sync, and a tree takes tens of kilobytes.
    pub as_declared: BTreeSet<&'a Address>,
}

/// How many addresses are compared before other work has a turn.
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

/// How many reads and look-ups are under way at a time. Most make several calls; a read that waits for room takes memory all
/// the same, and an organization has thousands.
const SIDE_BY_SIDE: usize = 96;

/// Carries out reads side by side; the sessions bound how many calls are in flight.
pub async fn read_all(sessions: &Sessions, reads: Vec<Read<'_>>, sink: &dyn Sink) -> Inventory {
    let mut taken = Taken::begin(&reads, sink);
    let mut pending =
        stream::iter(reads.into_iter().map(|read| carry_out(sessions, read))).buffer_unordered(SIDE_BY_SIDE);
    while let Some((read, outcome)) = pending.next().await {
        taken.take(&read, outcome);
    }
    drop(pending);
    taken.end()
}

async fn carry_out<'a>(sessions: &Sessions, read: Read<'a>) -> (Read<'a>, Result<Reading, CallError>) {
    let session = sessions.session(&read.scope.account_id, &read.scope.region);
    let outcome = read.edge.observe(&session, &read.scope, &read.selection).await;
    (read, outcome)
}

/// What reads gave so far, told as it comes.
struct Taken<'a> {
    inventory: Inventory,
    /// Reads that are not over, by account.
    left: BTreeMap<String, usize>,
    sink: &'a dyn Sink,
}

impl<'a> Taken<'a> {
    fn begin(reads: &[Read<'_>], sink: &'a dyn Sink) -> Self {
        let mut left: BTreeMap<String, usize> = BTreeMap::new();
        for read in reads {
            *left.entry(read.scope.account_id.clone()).or_default() += 1;
        }
        sink.take(&Event::ObservationStarted { reads: reads.len(), accounts: left.len() });
        Self { inventory: Inventory::default(), left, sink }
    }

    /// Takes one; gives whether the kind could be read.
    fn take(&mut self, read: &Read<'_>, outcome: Result<Reading, CallError>) -> bool {
        let kind = read.edge.kind().name();
        let is_read = outcome.is_ok();
        let gaps = match outcome {
            Ok(reading) => {
                self.sink.take(&Event::Observed { scope: &read.scope, kind, seen: reading.sightings.len() });
                self.inventory.keep_surroundings(&read.scope, kind, reading.surroundings);
                self.inventory.sightings.extend(reading.sightings.into_iter().map(|seen| (seen.address.clone(), seen)));
                reading.gaps
            }
            Err(error) => vec![gap_of(&error, &read.scope, kind, None)],
        };
        for gap in gaps {
            self.found(gap);
        }
        let left = self.left.get_mut(&read.scope.account_id).map_or(0, |left| {
            *left = left.saturating_sub(1);
            *left
        });
        self.sink.take(&Event::ReadEnded { scope: &read.scope, kind, account_done: left == 0 });
        is_read
    }

    fn found(&mut self, gap: Gap) {
        self.sink.take(&Event::GapFound(&gap));
        self.inventory.keep_gap(gap);
    }

    fn end(self) -> Inventory {
        self.sink.take(&Event::ObservationEnded);
        self.inventory
    }
}

/// What an observation is made for.
#[derive(Clone, Copy)]
pub struct Sought<'a> {
    /// The edges of every kind.
    pub edges: &'a [&'a dyn Edge],
    /// What answers look-ups.
    pub sources: &'a [&'a dyn LookupSource],
    /// What is wanted.
    pub wanted: &'a [Wanted],
    /// Whether versions that nothing is known to refer to may be deleted to make room.
    pub may_delete_versions: bool,
}

impl<'a> Sought<'a> {
    fn edge(&self, kind: &str) -> Option<&'a dyn Edge> {
        self.edges.iter().find(|edge| edge.kind().name() == kind).copied()
    }
}

/// Reads what is wanted, and resolves its look-ups, side by side.
pub async fn observe<'a>(sessions: &Sessions, sought: Sought<'a>, sink: &dyn Sink) -> Observation<'a> {
    let mut observing = read_and_compare(sessions, sought, sink).await;
    observing.refer();
    inspect(sessions, sought, &mut observing).await;
    let Observing { taken, trees, waiting, as_declared, .. } = observing;
    let mut inventory = taken.end();
    drop_implied(&mut inventory.gaps);
    Observation { inventory, trees, waiting, as_declared }
}

/// One thing to ask AWS.
enum Job<'a> {
    LookUp { scope: Scope, source: &'a dyn LookupSource, keys: Vec<String> },
    Read(Read<'a>),
}

/// What became of it.
enum Ended<'a> {
    LookedUp { scope: Scope, source: &'static str, answers: Vec<(String, Result<LookedUp, CallError>)> },
    Read(Read<'a>, Result<Reading, CallError>),
}

/// Makes the look-ups and reads. What has been read is compared as soon as the look-ups of its place are answered.
async fn read_and_compare<'a, 's>(sessions: &Sessions, sought: Sought<'a>, sink: &'s dyn Sink) -> Observing<'a, 's> {
    let mut names: BTreeMap<(Scope, &str), BTreeSet<String>> = BTreeMap::new();
    let mut lookups: BTreeMap<(Scope, &str), BTreeSet<String>> = BTreeMap::new();
    let mut index: BTreeMap<(Scope, &str), Vec<&Wanted>> = BTreeMap::new();
    let mut referred_to: BTreeSet<&Address> = BTreeSet::new();
    for one in sought.wanted {
        let scope = scope_of(one);
        for Lookup { source, key } in &one.lookups {
            lookups.entry((scope.clone(), source)).or_default().insert(key.clone());
        }
        names.entry((scope.clone(), &one.address.kind)).or_default().insert(one.address.name.clone());
        index.entry((scope, &one.address.kind)).or_default().push(one);
        // What is referred to is read even where it was not asked for.
        for LiveReference { scope, address, .. } in one.references.values() {
            names.entry((scope.clone(), &address.kind)).or_default().insert(address.name.clone());
            referred_to.insert(address);
        }
    }
    let reads: Vec<Read<'_>> = names
        .into_iter()
        .filter_map(|((scope, kind), names)| {
            Some(Read { scope, edge: sought.edge(kind)?, selection: Selection::Names(names) })
        })
        .collect();
    let taken = Taken::begin(&reads, sink);
    let mut unanswered: BTreeMap<Scope, usize> = BTreeMap::new();
    let mut jobs: Vec<Job<'_>> = reads.into_iter().map(Job::Read).collect();
    for ((scope, name), keys) in lookups {
        let Some(source) = sought.sources.iter().find(|source| source.source() == name) else { continue };
        *unanswered.entry(scope.clone()).or_default() += 1;
        jobs.push(Job::LookUp { scope, source: *source, keys: keys.into_iter().collect() });
    }
    // Place by place, and its look-ups first: what a place waits for is then there when it has been read.
    jobs.sort_by(|one, two| one.turn().cmp(&two.turn()));
    let mut observing = Observing {
        sought,
        taken,
        index,
        referred_to,
        unanswered,
        held: BTreeMap::new(),
        answers: Answers::new(),
        trees: Trees::new(),
        waiting: BTreeMap::new(),
        as_declared: BTreeSet::new(),
    };
    let mut pending = stream::iter(jobs.into_iter().map(|job| job.carry_out(sessions))).buffer_unordered(SIDE_BY_SIDE);
    while let Some(ended) = pending.next().await {
        match ended {
            Ended::LookedUp { scope, source, answers } => observing.looked_up(scope, source, answers).await,
            Ended::Read(read, outcome) => observing.has_read(read, outcome).await,
        }
    }
    observing
}

impl<'a> Job<'a> {
    fn turn(&self) -> (&Scope, bool) {
        match self {
            Self::LookUp { scope, .. } => (scope, false),
            Self::Read(read) => (&read.scope, true),
        }
    }

    async fn carry_out(self, sessions: &Sessions) -> Ended<'a> {
        match self {
            Self::LookUp { scope, source, keys } => {
                let session = sessions.session(&scope.account_id, &scope.region);
                let answers = source.look_up(&session, &keys).await;
                Ended::LookedUp { scope, source: source.source(), answers: keys.into_iter().zip(answers).collect() }
            }
            Self::Read(read) => {
                let (read, outcome) = carry_out(sessions, read).await;
                Ended::Read(read, outcome)
            }
        }
    }
}

type Trees = BTreeMap<Address, Result<Value, Vec<Diagnostic>>>;
type Found = BTreeMap<Lookup, Result<String, String>>;
type Answers = BTreeMap<(Scope, Lookup), Result<LookedUp, CallError>>;

/// An observation under way.
struct Observing<'a, 's> {
    sought: Sought<'a>,
    taken: Taken<'s>,
    /// What is wanted, by place and kind.
    index: BTreeMap<(Scope, &'a str), Vec<&'a Wanted>>,
    referred_to: BTreeSet<&'a Address>,
    /// How many look-ups of a place are not over.
    unanswered: BTreeMap<Scope, usize>,
    /// Kinds that were read in a place whose look-ups are not over.
    held: BTreeMap<Scope, Vec<&'static str>>,
    answers: Answers,
    trees: Trees,
    waiting: BTreeMap<Address, BTreeSet<Address>>,
    as_declared: BTreeSet<&'a Address>,
}

impl Observing<'_, '_> {
    async fn looked_up(
        &mut self,
        scope: Scope,
        source: &'static str,
        answers: Vec<(String, Result<LookedUp, CallError>)>,
    ) {
        for (key, answer) in answers {
            self.answers.insert((scope.clone(), Lookup { source: source.to_owned(), key }), answer);
        }
        let unanswered = self.unanswered.get_mut(&scope).map_or(0, |unanswered| {
            *unanswered = unanswered.saturating_sub(1);
            *unanswered
        });
        if unanswered == 0 {
            for kind in self.held.remove(&scope).unwrap_or_default() {
                self.compare(&scope, kind).await;
            }
        }
    }

    async fn has_read(&mut self, read: Read<'_>, outcome: Result<Reading, CallError>) {
        // Nothing is planned for a kind that could not be read.
        if !self.taken.take(&read, outcome) {
            return;
        }
        let kind = read.edge.kind().name();
        match self.unanswered.get(&read.scope) {
            Some(1..) => self.held.entry(read.scope).or_default().push(kind),
            _ => self.compare(&read.scope, kind).await,
        }
    }

    /// Resolves what is wanted of a kind in a place where it has been read, but for what refers to live resources, and drops
    /// what is as declared.
    async fn compare(&mut self, scope: &Scope, kind: &'static str) {
        let all = self.index.get(&(scope.clone(), kind)).cloned().unwrap_or_default();
        let Some(edge) = self.sought.edge(kind) else { return };
        for (count, one) in all.into_iter().enumerate() {
            if count % AT_ONCE == AT_ONCE - 1 {
                tokio::task::yield_now().await;
            }
            let found = match found_for(one, &self.answers) {
                Ok(found) => found,
                Err(error) => {
                    let gap = gap_of(error, scope, kind, Some(&one.address.name));
                    self.taken.found(gap);
                    continue;
                }
            };
            // What it refers to has to be read first.
            if !one.references.is_empty() {
                continue;
            }
            let tree = one.resolve(edge.kind(), &found);
            let inventory = &self.taken.inventory;
            let seen = inventory.sightings.get(&one.address).filter(|_| !self.referred_to.contains(&one.address));
            if let (Ok(want), Some(live)) = (&tree, seen)
                && plan::is_as_declared(&Case {
                    kind: edge.kind(),
                    wanted: one,
                    want,
                    live: Some(live),
                    surroundings: inventory.surroundings_of(&one.address),
                    may_delete_versions: self.sought.may_delete_versions,
                })
            {
                self.taken.inventory.sightings.remove(&one.address);
                self.as_declared.insert(&one.address);
            } else {
                self.trees.insert(one.address.clone(), tree);
            }
        }
    }

    /// Answers what refers to live resources, now that everything has been read.
    fn refer(&mut self) {
        for one in self.sought.wanted.iter().filter(|one| !one.references.is_empty()) {
            let Some(edge) = self.sought.edge(&one.address.kind) else { continue };
            // A look-up that failed is a gap already.
            let Ok(mut found) = found_for(one, &self.answers) else { continue };
            match refer(self.sought.edges, &self.taken.inventory, one, &mut found) {
                Ok(others) if others.is_empty() => {
                    self.trees.insert(one.address.clone(), one.resolve(edge.kind(), &found));
                }
                Ok(others) => drop(self.waiting.insert(one.address.clone(), others)),
                Err(gap) => self.taken.found(*gap),
            }
        }
    }
}

/// Has each edge look at what a tree refers to, where it differs from live. What could not be looked at is a gap, and has no
/// tree: nothing is planned for it.
async fn inspect(sessions: &Sessions, sought: Sought<'_>, observing: &mut Observing<'_, '_>) {
    let Observing { taken, trees, .. } = observing;
    let differs = sought.wanted.iter().filter_map(|one| {
        let edge = sought.edge(&one.address.kind)?;
        let Some(Ok(want)) = trees.get(&one.address) else { return None };
        let live = match taken.inventory.of(&one.address) {
            Known::Present(sighting) => Some(sighting),
            Known::Absent => None,
            Known::Unknown(_) => return None,
        };
        let is_managed = |live: &Sighting| drift::managed_part(edge.kind(), &live.tree, want) == *want;
        (!live.is_some_and(is_managed)).then_some((one, edge, want, live))
    });
    let looks = differs.map(|(one, edge, want, live)| async move {
        let session = sessions.session(&one.account_id, &one.address.region);
        (one, edge.inspect(&session, &one.address, want, live).await)
    });
    let looked: Vec<_> = stream::iter(looks).buffer_unordered(SIDE_BY_SIDE).collect().await;
    for (one, outcome) in looked {
        match outcome {
            Ok(Some(found)) => taken.inventory.keep_surroundings_of(&one.address, found),
            Ok(None) => {}
            Err(error) => {
                taken.found(gap_of(&error, &scope_of(one), &one.address.kind, Some(&one.address.name)));
                trees.remove(&one.address);
            }
        }
    }
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
}

/// The scope of a wanted address.
pub fn scope_of(wanted: &Wanted) -> Scope {
    Scope {
        account: wanted.address.account.clone(),
        account_id: wanted.account_id.clone(),
        region: wanted.address.region.clone(),
    }
}
