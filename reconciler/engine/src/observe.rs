//! Reading the live world: every kind in every scope side by side, with gaps instead of guesses.

use std::borrow::Cow;
use std::collections::{BTreeMap, BTreeSet};

use futures::StreamExt as _;
use futures::stream;
use reconciler_aws::client::{
    ANY, Beside, LookedUp, LookupSource, PinnedNames, Reading, ResourceClient, Selection, code_of, gap_of, unread_of,
};
use reconciler_aws::{CallError, Sessions};
use reconciler_model::address::{Address, Scope};
use reconciler_model::codes;
use reconciler_model::control;
use reconciler_model::desired::{
    LiveReference, Lookup, Pin, Pointed, REACH, Resolution, UNIT, Unanswered, Wanted, is_set, key_of_lookup,
};
use reconciler_model::diagnostic::{Diagnostic, Place};
use reconciler_model::direction::Direction;
use reconciler_model::drift::{self, Drift};
use reconciler_model::inventory::{Gap, Inventory, Known, ObservedResource, Unread};
use reconciler_model::kind::Kind;
use reconciler_model::plan::{self, Case, Referring};
use reconciler_model::repointed;
use reconciler_model::tree::Path;
use reconciler_model::undeclared::{self, Unexpected, Watch};
use serde_json::Value;

use crate::event::{Event, Sink};
use crate::journal::Made;

/// What was read for a set of wanted addresses.
#[derive(Debug, Default)]
pub struct Observation<'a> {
    /// The observed resources and gaps, without resources that are as declared and not referred to.
    pub inventory: Inventory,
    /// The resolved tree of each wanted address, without members that are only partly known. An address has none where
    /// nothing is known, or where it is as declared and nothing refers to it.
    pub trees: BTreeMap<Address, Result<Value, Vec<Diagnostic>>>,
    /// Addresses that refer to what is not there: what each of them waits for.
    pub waiting: BTreeMap<Address, BTreeSet<Address>>,
    /// Addresses that differ but could not be inspected before a restore: code and reason.
    pub not_inspected: BTreeMap<Address, (&'static str, String)>,
    /// Addresses that are as declared. They are compared as soon as they are read, and what was read is dropped: most of an
    /// organization is in sync, and a tree takes tens of kilobytes.
    pub as_declared: BTreeSet<&'a Address>,
    /// Pinned pointers that lead elsewhere. What rests on them is held to what is pinned all the same.
    pub repointed: Vec<Drift>,
    /// Addresses whose pinned resource is gone and has a successor that this tool made: why, for people.
    pub superseded: BTreeMap<Address, String>,
    /// What nobody declared. What is below no floor is dropped when it was told.
    pub unexpected: Vec<Unexpected>,
    /// Outputs that older states of resources give, by address and output: the newest one cannot be referred to.
    pub standing: BTreeMap<(Address, String), String>,
    /// Top-level members with a wrong reference, and the direction of each.
    pub referring: BTreeMap<(Address, Path), Referring>,
}

/// How many addresses are compared before other work has a turn.
const AT_ONCE: usize = 16;

/// One read: a kind in a scope.
pub struct Read<'a> {
    /// The account and region.
    pub scope: Scope,
    /// The kind's resource client.
    pub client: &'a dyn ResourceClient,
    /// Which resources.
    pub selection: Selection,
    /// What names of the selection are pinned to.
    pub pinned: PinnedNames,
}

impl<'a> Read<'a> {
    /// A read without pins.
    pub fn new(scope: Scope, client: &'a dyn ResourceClient, selection: Selection) -> Self {
        Self { scope, client, selection, pinned: PinnedNames::new() }
    }
}

/// How many reads and look-ups are under way at a time. Most make several calls; a read that waits for room takes memory all
/// the same, and an organization has thousands.
const SIDE_BY_SIDE: usize = 96;

/// Carries out reads side by side; the sessions bound how many calls are in flight.
pub async fn read_all(sessions: &Sessions, reads: Vec<Read<'_>>, sink: &dyn Sink) -> Inventory {
    let mut taken = Taken::begin(&reads, sink);
    let mut pending =
        stream::iter(reads.into_iter().map(|read| carry_out(sessions, read, sink))).buffer_unordered(SIDE_BY_SIDE);
    while let Some((read, mut outcome)) = pending.next().await {
        if let Ok(Reading { resources, gaps, .. }) = &mut outcome {
            gaps.extend(resources.iter().flat_map(|seen| seen.gaps(&read.scope)));
        }
        taken.take(&read, outcome);
    }
    drop(pending);
    taken.end()
}

async fn carry_out<'a>(sessions: &Sessions, read: Read<'a>, sink: &dyn Sink) -> (Read<'a>, Result<Reading, CallError>) {
    sink.take(&Event::ReadStarted { scope: &read.scope, kind: read.client.kind().name() });
    let session = sessions.session(&read.scope.account_id, &read.scope.region);
    let outcome = read.client.observe_pinned(&session, &read.scope, &read.selection, &read.pinned).await;
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
        let kind = read.client.kind().name();
        let is_read = outcome.is_ok();
        let gaps = match outcome {
            Ok(reading) => {
                self.sink.take(&Event::Observed { scope: &read.scope, kind, seen: reading.resources.len() });
                self.inventory.keep_scope_context(&read.scope, kind, reading.scope_context);
                self.inventory.resources.extend(reading.resources.into_iter().map(|seen| (seen.address.clone(), seen)));
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
    /// The resource clients of every kind.
    pub clients: &'a [&'a dyn ResourceClient],
    /// What answers look-ups.
    pub sources: &'a [&'a dyn LookupSource],
    /// What is wanted.
    pub wanted: &'a [Wanted],
    /// Whether versions that nothing is known to refer to may be deleted to make room.
    pub may_delete_versions: bool,
    /// What this tool made.
    pub made: &'a Made,
    /// Where what nobody declared is looked for.
    pub watch: Option<&'a Watch>,
}

impl<'a> Sought<'a> {
    /// The id that a name is pinned to, and then those of its successors that this tool made, the newest first.
    fn with_successors(&self, address: &Address, pin: &Pin) -> Vec<String> {
        let bearer = self.client(&address.kind).and_then(|client| client.kind().contract().named_after);
        let bearer = bearer.map(|kind| Address { kind: kind.to_owned(), ..address.clone() });
        let ours = self.made.ids.get(bearer.as_ref().unwrap_or(address)).into_iter().flatten().rev();
        [&pin.value].into_iter().chain(ours).cloned().collect()
    }

    fn client(&self, kind: &str) -> Option<&'a dyn ResourceClient> {
        self.clients.iter().find(|client| client.kind().name() == kind).copied()
    }
}

/// Reads what is wanted, and resolves its look-ups, side by side.
pub async fn observe<'a>(sessions: &Sessions, sought: Sought<'a>, sink: &dyn Sink) -> Observation<'a> {
    let mut observing = read_and_compare(sessions, sought, sink).await;
    observing.stand(sessions).await;
    observing.refer();
    inspect(sessions, sought, &mut observing).await;
    let repointed = observing.repointed();
    let Observing { taken, trees, waiting, not_inspected, as_declared, superseded, unexpected, standing, .. } =
        observing;
    let referring = observing.referring;
    let mut inventory = taken.end();
    drop_implied(&mut inventory.gaps);
    Observation {
        inventory,
        trees,
        waiting,
        not_inspected,
        as_declared,
        repointed,
        superseded,
        unexpected,
        standing,
        referring,
    }
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
    let mut pinned: BTreeMap<(Scope, &str), PinnedNames> = BTreeMap::new();
    for one in sought.wanted {
        let scope = scope_of(one);
        if let Some(client) = sought.client(&one.address.kind) {
            // A pinned pointer is followed although nothing rests on where it leads.
            for lookup in one.lookups.iter().chain(one.pins.keys()) {
                let Lookup { key, .. } = asked(client.kind(), one, lookup);
                lookups.entry((scope.clone(), &lookup.source)).or_default().insert(key);
            }
        }
        names.entry((scope.clone(), &one.address.kind)).or_default().insert(one.address.name.clone());
        for Pointed { lookup, .. } in one.pointers().iter().filter(|pointer| pointer.lookup.source == UNIT) {
            let id = one.pins.get(lookup).map_or(ANY, |pin| &pin.value).to_owned();
            pinned.entry((scope.clone(), &one.address.kind)).or_default().insert(lookup.key.clone(), vec![id]);
        }
        let mut hold = |scope: &Scope, address: &'a Address, pin: &Pin| {
            let pins = pinned.entry((scope.clone(), &address.kind)).or_default();
            pins.insert(address.name.clone(), sought.with_successors(address, pin));
        };
        if let Some(pin) = &one.pin {
            hold(&scope, &one.address, pin);
        }
        index.entry((scope, &one.address.kind)).or_default().push(one);
        // What is referred to is read even where it was not asked for.
        for LiveReference { scope, address, .. } in one.references.values() {
            names.entry((scope.clone(), &address.kind)).or_default().insert(address.name.clone());
            referred_to.insert(address);
            // Also where it is not asked for itself: it is the pinned one that is meant.
            if let Some(pin) = one.referred_pins.get(address) {
                hold(scope, address, pin);
            }
        }
    }
    for (scope, kind, _) in sought.watch.iter().flat_map(|watch| watch.places()) {
        names.entry((scope.clone(), kind)).or_default();
    }
    let reads: Vec<Read<'_>> = names
        .into_iter()
        .filter_map(|((scope, kind), names)| {
            let pinned = pinned.remove(&(scope.clone(), kind)).unwrap_or_default();
            let selection = match sought.watch.and_then(|watch| watch.at(&scope, kind)) {
                Some(watched) => Selection::Beside(Beside { names, left_out: watched.owned_elsewhere.clone() }),
                None => Selection::Names(names),
            };
            Some(Read { scope, client: sought.client(kind)?, selection, pinned })
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
        not_inspected: BTreeMap::new(),
        as_declared: BTreeSet::new(),
        superseded: BTreeMap::new(),
        unexpected: Vec::new(),
        standing: BTreeMap::new(),
        referring: BTreeMap::new(),
    };
    let mut pending =
        stream::iter(jobs.into_iter().map(|job| job.carry_out(sessions, sink))).buffer_unordered(SIDE_BY_SIDE);
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

    async fn carry_out(self, sessions: &Sessions, sink: &dyn Sink) -> Ended<'a> {
        match self {
            Self::LookUp { scope, source, keys } => {
                let session = sessions.session(&scope.account_id, &scope.region);
                let answers = source.look_up(&session, &keys).await;
                Ended::LookedUp { scope, source: source.source(), answers: keys.into_iter().zip(answers).collect() }
            }
            Self::Read(read) => {
                let (read, outcome) = carry_out(sessions, read, sink).await;
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
    not_inspected: BTreeMap<Address, (&'static str, String)>,
    as_declared: BTreeSet<&'a Address>,
    superseded: BTreeMap<Address, String>,
    unexpected: Vec<Unexpected>,
    standing: BTreeMap<(Address, String), String>,
    referring: BTreeMap<(Address, Path), Referring>,
}

impl<'a> Observing<'a, '_> {
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
        let kind = read.client.kind().name();
        self.judge_undeclared(&read.scope, read.client.kind());
        match self.unanswered.get(&read.scope) {
            Some(1..) => self.held.entry(read.scope).or_default().push(kind),
            _ => self.compare(&read.scope, kind).await,
        }
    }

    /// Holds what nobody declared against the floors, and keeps no more of it than what is below one.
    fn judge_undeclared(&mut self, scope: &Scope, kind: &dyn Kind) {
        let Some(watch) = self.sought.watch else { return };
        let Some(watched) = watch.at(scope, kind.name()) else { return };
        let resources = &self.taken.inventory.resources;
        let first = Address::new(scope, kind.name(), "");
        let here = resources.range(&first..).map(|(address, _)| address);
        let here = here.take_while(|address| address.is_in(scope) && address.kind == kind.name());
        let undeclared: Vec<Address> =
            here.filter(|address| !watched.is_accounted_for(&address.name)).cloned().collect();
        let looked_at = undeclared::members_of(kind.name(), control::all(), &watched.controls);
        for address in undeclared {
            let Some(live) = self.taken.inventory.resources.remove(&address) else { continue };
            for mut gap in live.gaps(scope) {
                gap.fields.retain(|field| looked_at.contains(field.as_str()));
                if !gap.fields.is_empty() {
                    self.taken.found(gap);
                }
            }
            let judged = undeclared::judge(kind, &live, scope, watch, watched, control::all());
            // What is referred to is needed, and the other is shown.
            if matches!(judged, Unexpected::Below(_)) || self.referred_to.contains(&address) {
                self.taken.inventory.resources.insert(address, live);
            }
            self.unexpected.push(judged);
        }
    }

    /// Resolves the wanted addresses of a kind in a place that has been read, except references to live resources. Drops
    /// what is as declared.
    async fn compare(&mut self, scope: &Scope, kind: &'static str) {
        let all = self.index.get(&(scope.clone(), kind)).cloned().unwrap_or_default();
        let Some(client) = self.sought.client(kind) else { return };
        for (count, one) in all.into_iter().enumerate() {
            if count % AT_ONCE == AT_ONCE - 1 {
                tokio::task::yield_now().await;
            }
            // What it refers to has to be read first.
            if !one.references.is_empty() {
                continue;
            }
            let answers = found_for(client.kind(), one, &self.answers);
            let Some(want) = self.resolve(one, client.kind(), &answers) else { continue };
            let inventory = &self.taken.inventory;
            let is_kept = self.referred_to.contains(&one.address) || self.superseded.contains_key(&one.address);
            let seen = inventory.resources.get(&one.address).filter(|_| !is_kept);
            if let Some(live) = seen
                && !inventory.is_unseen_in_part(&one.address)
                && plan::is_as_declared(&Case {
                    kind: client.kind(),
                    wanted: one,
                    want: &want,
                    live: Some(live),
                    scope_context: inventory.scope_context_of(&one.address),
                    may_delete_versions: self.sought.may_delete_versions,
                    replaced: self.sought.made.replaced.get(&one.address),
                })
            {
                self.taken.inventory.resources.remove(&one.address);
                self.as_declared.insert(&one.address);
            } else {
                self.trees.insert(one.address.clone(), Ok(want));
            }
        }
    }

    /// The wanted tree, as far as it is known. Members that are not known, wanted or live, become gaps.
    fn resolve(&mut self, one: &'a Wanted, kind: &dyn Kind, answers: &Answered) -> Option<Value> {
        let scope = scope_of(one);
        let name = Some(one.address.name.clone());
        let gap = |unread: Unread, fields| {
            let Unread { code, reason, remedy, passing } = unread;
            let (scope, kind, name) = (scope.clone(), one.address.kind.clone(), name.clone());
            Gap { scope, kind, name, code, reason, remedy, fields, passing, alerts: Vec::new() }
        };
        let Resolution { tree, unanswered } = match one.resolve_known(kind, &answers.found) {
            Ok(resolution) => resolution,
            // The declarations were checked when they were loaded, so a problem here comes from an answer of AWS.
            Err(problems) => {
                let all = problems.iter().map(|problem| problem.detail.as_str()).collect::<Vec<_>>().join("; ");
                let remedy = problems.first().map(|problem| problem.remedy.clone()).unwrap_or_default();
                let code = codes::UNRESOLVED_LOOKUP.to_owned();
                let reason = format!("make sense of what its look-ups found: {all}");
                self.taken.found(gap(Unread { code, reason, remedy, passing: false }, Vec::new()));
                return None;
            }
        };
        let mut causes: BTreeMap<Lookup, (String, Option<Place>, BTreeSet<String>)> = BTreeMap::new();
        for Unanswered { member, lookup, why, at } in unanswered {
            causes.entry(lookup).or_insert((why, at, BTreeSet::new())).2.insert(member);
        }
        // What it waits for is told as such.
        causes.retain(|lookup, _| !answers.waits_for.contains_key(lookup));
        for (lookup, (why, at, members)) in causes {
            let unread = answers.failed.get(&lookup).cloned().unwrap_or_else(|| Unread {
                code: codes::UNRESOLVED_LOOKUP.to_owned(),
                reason: format!("resolve {lookup}{}: {why}", at.map(|at| format!(" ({at})")).unwrap_or_default()),
                remedy: "create what it names in this account and region, or correct the look-up".to_owned(),
                passing: false,
            });
            self.taken.found(gap(unread, members.into_iter().collect()));
        }
        let seen = self.taken.inventory.resources.get(&one.address);
        if let (Some(pin), Some(id)) = (&one.pin, seen.and_then(|seen| kind.contract().id_of(&seen.external_id)))
            && pin.value != id
        {
            let at = pin.at.as_ref().map(|at| format!(" ({at})")).unwrap_or_default();
            let why = format!("{} is gone, and {id} was made in its place: the pin{at} is stale", pin.value);
            self.superseded.insert(one.address.clone(), why);
        }
        let gaps = seen.map(|seen| seen.gaps(&scope)).unwrap_or_default();
        for mut gap in gaps {
            gap.fields.retain(|field| tree.get(field).is_some());
            if !gap.fields.is_empty() {
                self.taken.found(gap);
            }
        }
        Some(tree)
    }

    /// The pins that lead elsewhere. A failed look-up is a gap of the pin alone, because the addresses that use the pin are
    /// held to the pinned value.
    fn repointed(&mut self) -> Vec<Drift> {
        // By what is asked: each kind may have it looked up otherwise, within the VPC of an endpoint, say.
        type User<'a> = (&'a Wanted, &'a Lookup, &'a Pin);
        let mut users: BTreeMap<(Scope, Lookup), Vec<User<'_>>> = BTreeMap::new();
        for one in self.sought.wanted.iter().filter(|one| !one.is_context) {
            let Some(client) = self.sought.client(&one.address.kind) else { continue };
            for (lookup, pin) in &one.pins {
                let asked = asked(client.kind(), one, lookup);
                users.entry((scope_of(one), asked)).or_default().push((one, lookup, pin));
            }
        }
        let mut found = Vec::new();
        for ((scope, asked), users) in users {
            let Some((first, lookup, pin)) = users.first().copied() else { continue };
            let key = key_of_lookup(first, lookup);
            let users = users.iter().map(|(one, ..)| *one);
            let live = match self.answers.get(&(scope.clone(), asked)) {
                Some(Ok(LookedUp::Is(value))) if is_set(&lookup.source) => {
                    found.extend(repointed::lost(&scope, &key, pin, value, users));
                    continue;
                }
                Some(Ok(LookedUp::Is(value))) if *value == pin.value => continue,
                Some(Ok(LookedUp::Is(value))) => Value::String(value.clone()),
                Some(Ok(LookedUp::Several(all))) => all.iter().cloned().collect(),
                Some(Ok(LookedUp::Nothing)) => Value::Null,
                Some(Err(error)) => {
                    let gap = gap_of(error, &scope, repointed::KIND, Some(&key));
                    self.taken.found(gap);
                    continue;
                }
                None => continue,
            };
            found.push(repointed::drift(&scope, &key, pin, live, users));
        }
        found
    }

    /// Finds older states to refer to where the newest is not as declared. Where that cannot be found out, what refers waits.
    async fn stand(&mut self, sessions: &Sessions) {
        let wanted: BTreeMap<&Address, &Wanted> = self.sought.wanted.iter().map(|one| (&one.address, one)).collect();
        let references: BTreeSet<(&Address, &str)> = self
            .sought
            .wanted
            .iter()
            .flat_map(|one| one.references.values())
            .map(|reference| (&reference.address, reference.output.as_str()))
            .collect();
        for (address, output) in references {
            let (Some(client), Some(other)) = (self.sought.client(&address.kind), wanted.get(address)) else {
                continue;
            };
            let Some(member) = client.kind().contract().output_follows(output) else { continue };
            let (Known::Present(live), Some(Ok(want))) = (self.taken.inventory.of(address), self.trees.get(address))
            else {
                continue;
            };
            let differs = drift::compare(client.kind(), other, want, Some(live)).differs;
            let is_as_wanted = !differs.iter().any(|path| path.head() == Some(member));
            let session = sessions.session(&other.account_id, &address.region);
            if let Ok(Some(value)) = client.standing(&session, live, want, output, is_as_wanted).await {
                self.standing.insert((address.clone(), output.to_owned()), value);
            }
        }
    }

    /// The direction of the difference: the present target of the reference may protect as much as the wanted one, or less.
    fn judge_what_is_referred_to(&mut self, one: &Wanted, kind: &dyn Kind, answers: &Answered) {
        let Some(live) = self.taken.inventory.resources.get(&one.address) else { return };
        for (placeholder, LiveReference { address, output, .. }) in &one.references {
            let client = self
                .sought
                .client(&address.kind)
                .filter(|client| client.kind().contract().output_follows(output).is_some());
            let Some(client) = client else { continue };
            let (Known::Present(other), Some(Ok(want))) = (self.taken.inventory.of(address), self.trees.get(address))
            else {
                continue;
            };
            for place in one.places_of(kind, placeholder, &answers.found) {
                let value = place.answer_in(&live.tree);
                let direction =
                    match value.and_then(|value| client.kind().versions()?.direction(other, want, output, value)) {
                        Some(Direction::Neutral | Direction::Strengthened) => Direction::Neutral,
                        Some(Direction::Weakened) => Direction::Weakened,
                        Some(Direction::Unknown) | None => continue,
                    };
                let better = self.standing.get(&(address.clone(), output.clone())).cloned();
                self.referring.insert((one.address.clone(), place.path), Referring { direction, better });
            }
        }
    }

    /// Answers what refers to live resources, now that everything has been read.
    fn refer(&mut self) {
        for one in self.sought.wanted.iter().filter(|one| !one.references.is_empty()) {
            let Some(client) = self.sought.client(&one.address.kind) else { continue };
            // The gap of the whole kind is one already.
            if matches!(self.taken.inventory.of(&one.address), Known::Unknown(_)) {
                continue;
            }
            let mut answers = found_for(client.kind(), one, &self.answers);
            refer(self.sought, &self.taken.inventory, &self.standing, one, &mut answers);
            self.judge_what_is_referred_to(one, client.kind(), &answers);
            if let Some(tree) = self.resolve(one, client.kind(), &answers) {
                self.trees.insert(one.address.clone(), Ok(tree));
            }
            if !answers.waits_for.is_empty() {
                self.waiting.insert(one.address.clone(), answers.waits_for.into_values().collect());
            }
        }
    }
}

/// Asks each resource client to inspect what a differing tree refers to. An address that could not be inspected is
/// shown and not written to: a write without a preflight may do harm.
async fn inspect(sessions: &Sessions, sought: Sought<'_>, observing: &mut Observing<'_, '_>) {
    let Observing { taken, trees, not_inspected, .. } = observing;
    let differs = sought.wanted.iter().filter(|one| !one.is_context).filter_map(|one| {
        let client = sought.client(&one.address.kind)?;
        let Some(Ok(want)) = trees.get(&one.address) else { return None };
        let live = match taken.inventory.of(&one.address) {
            Known::Present(observed) => Some(observed),
            // Nothing is made of it before all of it is known.
            Known::Absent if taken.inventory.is_unseen_in_part(&one.address) => return None,
            Known::Absent => None,
            Known::Unknown(_) => return None,
        };
        let want = live.map_or(Cow::Borrowed(want), |live| drift::knowable(want, live));
        let is_managed = |live: &ObservedResource| drift::managed_part(client.kind(), &live.tree, &want) == *want;
        (!live.is_some_and(is_managed)).then_some((one, client, want, live))
    });
    let looks = differs.map(|(one, client, want, live)| async move {
        let session = sessions.session(&one.account_id, &one.address.region);
        let pinned = one.pin.as_ref().map(|pin| sought.with_successors(&one.address, pin)).unwrap_or_default();
        (one, client.inspect(&session, &one.address, &want, live, &pinned).await)
    });
    let looked: Vec<_> = stream::iter(looks).buffer_unordered(SIDE_BY_SIDE).collect().await;
    for (one, outcome) in looked {
        match outcome {
            Ok(Some(found)) => taken.inventory.keep_scope_context_of(&one.address, found),
            Ok(None) => {}
            Err(error) => {
                let gap = gap_of(&error, &scope_of(one), &one.address.kind, Some(&one.address.name));
                let why = format!("what the restore depends on could not be looked at: failed to {}", gap.reason);
                not_inspected.insert(one.address.clone(), (code_of(&error), why));
            }
        }
    }
}

/// What became of the placeholders of one address.
#[derive(Default)]
struct Answered {
    /// The answers, or why there is none.
    found: Found,
    /// Those whose call failed, or whose resource could not be read.
    failed: BTreeMap<Lookup, Unread>,
    /// Those that an absent resource will answer.
    waits_for: BTreeMap<Lookup, Address>,
}

/// A look-up of one address as it is asked for. Whom a unit has is asked of the pinned one.
fn asked(kind: &dyn Kind, one: &Wanted, Lookup { source, key }: &Lookup) -> Lookup {
    let unit = || one.pins.get(&Lookup { source: UNIT.to_owned(), key: key.clone() });
    if let Some(pin) = (source == REACH).then(unit).flatten() {
        return Lookup { source: source.clone(), key: pin.value.clone() };
    }
    Lookup { source: source.clone(), key: (kind.contract().looked_up_as)(&one.address.name, source, key) }
}

/// The answers to the look-ups of one address.
fn found_for(kind: &dyn Kind, one: &Wanted, answers: &Answers) -> Answered {
    let scope = scope_of(one);
    let mut answered = Answered::default();
    for lookup in &one.lookups {
        // Whatever it leads to today, and even where it cannot be asked.
        if let Some(pin) = one.pins.get(lookup) {
            answered.found.insert(lookup.clone(), Ok(pin.value.clone()));
            continue;
        }
        let answer = match answers.get(&(scope.clone(), asked(kind, one, lookup))) {
            Some(Ok(LookedUp::Is(value))) => Ok(value.clone()),
            Some(Err(error)) => {
                answered.failed.insert(lookup.clone(), unread_of(error));
                Err("it could not be looked up".to_owned())
            }
            Some(Ok(LookedUp::Several(all))) => Err(format!("it finds several in {scope}: {}", all.join(", "))),
            Some(Ok(LookedUp::Nothing)) | None => Err(format!("it finds nothing in {scope}")),
        };
        answered.found.insert(lookup.clone(), answer);
    }
    answered
}

/// Answers the references of one address from what was seen.
fn refer(
    sought: Sought<'_>,
    inventory: &Inventory,
    standing: &BTreeMap<(Address, String), String>,
    one: &Wanted,
    answered: &mut Answered,
) {
    for (placeholder, LiveReference { scope, address, output, .. }) in &one.references {
        let kind = sought.client(&address.kind).map(ResourceClient::kind);
        let pinned = || {
            one.referred_pins
                .get(address)
                .and_then(|pin| (kind?.contract().identity?.output)(scope, &pin.value, output))
        };
        // An attacker who blocks the read of a resource must not hide what refers to it. Where this tool made a successor of a
        // pinned resource, only a read tells which of them is meant.
        let unread = || pinned().filter(|_| !sought.made.ids.contains_key(address));
        let answer = match inventory.of(address) {
            Known::Present(observed) => {
                let standing = standing.get(&(address.clone(), output.clone())).cloned();
                let answer = standing.or_else(|| kind.and_then(|kind| kind.output(observed, output)));
                let answer = answer.or_else(|| unread().filter(|_| !observed.unread.is_empty()));
                // What it comes from was not read, which is not to say that there is none.
                let member = kind.and_then(|kind| kind.contract().output_follows(output));
                if let (None, Some(unread)) = (&answer, member.and_then(|member| observed.unread.get(member))) {
                    let reason = format!("read {address}, which it refers to: {}", unread.reason);
                    answered.failed.insert(placeholder.clone(), Unread { reason, ..unread.clone() });
                    answered.found.insert(placeholder.clone(), Err(format!("{address} could not be read")));
                    continue;
                }
                answer
            }
            Known::Absent => None,
            Known::Unknown(gap) => {
                if let Some(value) = unread() {
                    answered.found.insert(placeholder.clone(), Ok(value));
                    continue;
                }
                let unread = Unread {
                    code: gap.code.clone(),
                    reason: format!("read {address}, which it refers to: {}", gap.reason),
                    remedy: gap.remedy.clone(),
                    passing: gap.passing,
                };
                answered.failed.insert(placeholder.clone(), unread);
                answered.found.insert(placeholder.clone(), Err(format!("{address} could not be read")));
                continue;
            }
        };
        // It may be there, and have none yet: nothing is published, say.
        if answer.is_none() {
            answered.waits_for.insert(placeholder.clone(), address.clone());
        }
        // An attacker who blocks the creation of a resource must not hide what refers to it. The reference is compared with
        // its former value.
        let is_absent = matches!(inventory.of(address), Known::Absent);
        let answer = answer.or_else(|| pinned().filter(|_| is_absent));
        answered.found.insert(placeholder.clone(), answer.ok_or_else(|| format!("{address} is not there yet")));
    }
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
