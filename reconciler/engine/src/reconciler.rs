//! The pipeline: one, with different sources, sinks and authority for each command.

use std::collections::{BTreeMap, BTreeSet};
use std::path::Path;
use std::time::Duration;

use jiff::{SignedDuration, Timestamp};
use reconciler_aws::client::{HistorySource, LogSource, LookupSource, PermissionSource, ResourceClient, Selection};
use reconciler_aws::{CallError, Sessions};
use reconciler_model::address::{Address, Scope};
use reconciler_model::attribution::{Attribution, FieldAttribution};
use reconciler_model::codes;
use reconciler_model::control;
use reconciler_model::desired::{Organization, Wanted};
use reconciler_model::digest;
use reconciler_model::drift::Drift;
use reconciler_model::flapping::Flapping;
use reconciler_model::inventory::{Gap, Inventory};
use reconciler_model::kind::Kind;
use reconciler_model::last_read::LastRead;
use reconciler_model::plan::{self, Inputs, Plan, Step};
use reconciler_model::undeclared::Watch;

use crate::event::{Event, Sink};
use crate::first_seen::FirstSeen;
use crate::flapping::FlapHistory;
use crate::journal::{self, Journal, Made};
use crate::observe::{self, Read, Sought};

/// How long to wait for what.
#[derive(Debug, Clone, Copy)]
pub struct Pace {
    /// The first pause between two read-backs; each one is half as long again, up to `poll_longest`.
    pub poll_first: Duration,
    /// The longest pause between two read-backs.
    pub poll_longest: Duration,
    /// How long a resource may take to settle.
    pub settle: Duration,
    /// How long read-back may show the past: AWS is eventually consistent (aws/README.md, Eventual consistency).
    pub consistency: Duration,
    /// How many addresses are changed side by side.
    pub side_by_side: usize,
}

impl Default for Pace {
    fn default() -> Self {
        Self {
            poll_first: Duration::from_millis(500),
            poll_longest: Duration::from_secs(10),
            settle: Duration::from_secs(300),
            consistency: Duration::from_secs(60),
            side_by_side: 8,
        }
    }
}

/// How long the event history is asked for the actor of a flapping resource. The restore does not wait for it.
const NAMING: Duration = Duration::from_secs(30);

/// What a plan is made for.
#[derive(Debug, Clone, Copy)]
pub struct Target<'a> {
    /// What is wanted: the whole desired state, or the part that was asked for.
    pub wanted: &'a [Wanted],
    /// Accounts that are covered no more as they were, of the desired state.
    pub coverage: &'a [Drift],
    /// That the accounts are those that are pinned, because Organizations was not read.
    pub unlisted: Option<&'a Gap>,
    /// The digest of the desired state.
    pub desired_digest: &'a str,
    /// What this tool made, as far as the journal told when it was read last.
    pub made: &'a Made,
    /// Whether versions that nothing is known to refer to may be deleted to make room.
    pub may_delete_versions: bool,
    /// How often others may change a restored field back within an hour before it counts as flapping; `None` where that is
    /// not asked.
    pub undone_at_most: Option<usize>,
    /// Whether flapping restores wait, and failed ones that use something up. An operator decides for himself.
    pub brakes: bool,
    /// Whether IAM is asked if the caller may make the writes of the plan: for a plan that is about to be carried out.
    pub asks_permission: bool,
    /// Whether what is absent and was never there is told from what is missing; else all of it is missing.
    pub asks_past: bool,
    /// Where what nobody declared is looked for; nowhere, where only some addresses were asked for.
    pub watch: Option<&'a Watch>,
}

/// What is known from former runs.
#[derive(Debug, Clone, Default)]
pub struct Memory<'a> {
    /// The digest of the last record of the journal.
    pub head: Option<String>,
    /// What others changed back; `None` without a journal.
    pub flaps: Option<&'a FlapHistory>,
    /// What this tool made, according to it.
    pub made: Option<Made>,
    /// Where the journal is, for who changed it back.
    pub journal: Option<&'a Path>,
    /// When everything was read the last time, where that is kept.
    pub last_read: Option<LastRead>,
}

impl<'a> Memory<'a> {
    /// What a journal that is open for writing knows.
    pub fn of(journal: &'a Journal) -> Self {
        let head = journal.head().map(str::to_owned);
        let (flaps, made) = (Some(journal.flaps()), Some(journal.made()));
        Self { head, flaps, made, journal: Some(journal.path()), last_read: None }
    }
}

/// The engine over one organization. It holds no state between runs.
pub struct Reconciler<'a> {
    /// The resource clients of every kind.
    pub clients: &'a [&'a dyn ResourceClient],
    /// What answers look-ups.
    pub lookups: &'a [&'a dyn LookupSource],
    /// What reads the event history.
    pub history: &'a dyn HistorySource,
    /// What asks logs.
    pub logs: &'a dyn LogSource,
    /// What asks whether the caller may write.
    pub permissions: &'a dyn PermissionSource,
    /// The connection to AWS.
    pub sessions: Sessions,
    /// Where events go.
    pub sink: &'a dyn Sink,
    /// How long to wait for what.
    pub pace: Pace,
    /// The time.
    pub clock: fn() -> Timestamp,
}

/// A plan, with what it was made from.
#[derive(Debug)]
pub struct Planned {
    /// The plan.
    pub plan: Plan,
    /// What was read, but for what is as declared and not referred to.
    pub inventory: Inventory,
}

/// The digest that names a step in the journal: its call and its expected state.
pub fn op_digest(step: &Step) -> String {
    digest::of(&(&step.action, &step.call, &step.expected_state))
}

impl Reconciler<'_> {
    /// The pure sides of the kinds.
    pub fn kinds(&self) -> Vec<&'static dyn Kind> {
        self.clients.iter().map(|client| client.kind()).collect()
    }

    /// The resource client of a kind.
    pub fn client(&self, kind: &str) -> Option<&dyn ResourceClient> {
        self.clients.iter().find(|client| client.kind().name() == kind).copied()
    }

    /// Observes what is wanted and builds the plan. Reads only.
    ///
    /// # Errors
    /// Fails when AWS cannot be reached at all: no credentials, or no network. Anything less is a gap in the plan.
    pub async fn plan(&self, target: Target<'_>, journal: Option<&Journal>) -> Result<Planned, CallError> {
        self.plan_at(target, journal.map(Memory::of).unwrap_or_default()).await
    }

    /// As [`Reconciler::plan`], with what is known of the journal: for a dry run, which does not open it.
    ///
    /// # Errors
    /// As [`Reconciler::plan`].
    pub async fn plan_at(&self, target: Target<'_>, memory: Memory<'_>) -> Result<Planned, CallError> {
        let planned = self.plan_silently(target, memory).await?;
        self.sink.take(&Event::Planned(&planned.plan));
        Ok(planned)
    }

    /// As [`Reconciler::plan_at`], for a caller that has something to add to the plan before anybody is told of it.
    pub(crate) async fn plan_silently(&self, target: Target<'_>, memory: Memory<'_>) -> Result<Planned, CallError> {
        // Without an identity every read would fail for the same reason: say it once.
        self.sessions.identity().await?;
        // A journal that is open knows better than what was read of it before.
        let made = memory.made.as_ref().unwrap_or(target.made);
        let sought = Sought {
            clients: self.clients,
            sources: self.lookups,
            wanted: target.wanted,
            may_delete_versions: target.may_delete_versions,
            made,
            watch: target.watch,
        };
        let mut observation = observe::observe(&self.sessions, sought, self.sink).await;
        observation.repointed.extend(target.coverage.iter().cloned());
        target.unlisted.into_iter().for_each(|gap| observation.inventory.keep_gap(gap.clone()));
        let kinds = self.kinds();
        let kinds: Vec<&dyn Kind> = kinds.into_iter().map(|kind| kind as &dyn Kind).collect();
        let mut blocked = observation.not_inspected.clone();
        let now = (self.clock)();
        let in_vain = memory.flaps.filter(|_| target.brakes).map(|all| all.spent(now)).unwrap_or_default();
        let nobody = BTreeSet::new();
        let failed = memory.flaps.map_or(&nobody, FlapHistory::failed);
        let mut first_seen = FirstSeen::default();
        let build =
            |first_seen: &FirstSeen, blocked: &BTreeMap<Address, (&'static str, String)>, flapping: &[Flapping]| {
                plan::build(&Inputs {
                    wanted: target.wanted,
                    trees: &observation.trees,
                    waiting: &observation.waiting,
                    as_declared: &observation.as_declared,
                    repointed: &observation.repointed,
                    superseded: &observation.superseded,
                    unexpected: &observation.unexpected,
                    watch: target.watch,
                    standing: &observation.standing,
                    referring: &observation.referring,
                    replaced: &made.replaced,
                    failed,
                    last_read: memory.last_read.as_ref(),
                    new: &first_seen.new,
                    unheard: &first_seen.unheard,
                    inventory: &observation.inventory,
                    kinds: &kinds,
                    controls: control::all(),
                    may_delete_versions: target.may_delete_versions,
                    blocked,
                    in_vain: &in_vain,
                    flapping,
                    desired_digest: target.desired_digest,
                    journal_head: memory.head.clone(),
                    now: now.to_string(),
                    tool_version: env!("CARGO_PKG_VERSION"),
                })
            };
        let mut plan = build(&first_seen, &blocked, &[]);
        if target.asks_past {
            first_seen = self.first_seen(&plan, target.wanted, made, now).await;
            if !first_seen.new.is_empty() || !first_seen.unheard.is_empty() {
                plan = build(&first_seen, &blocked, &[]);
            }
        }
        let mut flapping = Vec::new();
        if let (Some(most), Some(flaps)) = (target.undone_at_most, memory.flaps) {
            let against = plan.drift.iter().filter_map(|drift| flaps.against(drift, most, now)).collect();
            flapping = self.named(against, &plan, &observation.inventory, target.wanted, memory.journal).await;
            let is_held = |one: &&Flapping| {
                let again = one.again_at.as_ref().and_then(|at| at.parse::<Timestamp>().ok());
                target.brakes && again.is_none_or(|again| now < again)
            };
            let held = flapping.iter().filter(is_held);
            blocked.extend(held.map(|one| (one.address.clone(), (codes::FLAPPING, one.in_words()))));
            let mut open = flaps.open(most, now);
            open.retain(|open| {
                target.wanted.iter().any(|wanted| !wanted.is_context && wanted.address == open.address)
                    && !flapping.iter().any(|one| one.address == open.address)
            });
            flapping.append(&mut open);
            flapping.sort_by(|one, two| one.address.cmp(&two.address));
        }
        if !blocked.is_empty() || !flapping.is_empty() {
            plan = build(&first_seen, &blocked, &flapping);
        }
        // Where one thing may not be restored, what refers to it may be planned otherwise.
        let mut asked: BTreeSet<Address> = BTreeSet::new();
        loop {
            let is_new = |step: &&Step| target.asks_permission && !asked.contains(&step.address);
            let new: Vec<Step> = plan.steps.iter().filter(is_new).cloned().collect();
            if new.is_empty() {
                break;
            }
            asked.extend(new.iter().map(|step| step.address.clone()));
            let denied = self.not_allowed(&new, &observation.inventory, target.wanted).await?;
            if denied.is_empty() {
                break;
            }
            blocked.extend(denied);
            plan = build(&first_seen, &blocked, &flapping);
        }
        Ok(Planned { plan, inventory: observation.inventory })
    }

    /// The flapping resources with their actors, as far as the event history answers in time.
    async fn named(
        &self,
        mut flapping: Vec<Flapping>,
        plan: &Plan,
        inventory: &Inventory,
        wanted: &[Wanted],
        journal: Option<&Path>,
    ) -> Vec<Flapping> {
        if flapping.is_empty() {
            return flapping;
        }
        let is_meant = |drift: &&Drift| flapping.iter().any(|one| one.address == drift.address);
        let asked = Plan { drift: plan.drift.iter().filter(is_meant).cloned().collect(), ..plan.clone() };
        let ids: BTreeMap<String, String> =
            wanted.iter().map(|one| (one.address.account.clone(), one.account_id.clone())).collect();
        let records = journal.and_then(|path| journal::records(path).ok()).unwrap_or_default();
        let since = (self.clock)().saturating_sub(SignedDuration::from_hours(2)).ok();
        let attribution = self.attribute(&asked, inventory, &ids, &records, since);
        let attribution = tokio::time::timeout(NAMING, attribution).await.unwrap_or_default();
        for one in &mut flapping {
            let fields = attribution
                .iter()
                .filter(|attribution| attribution.address == one.address)
                .flat_map(|attribution| &attribution.fields);
            let known = |field: &&FieldAttribution| matches!(field.by, Attribution::Known { .. });
            let fields: Vec<&FieldAttribution> = fields.collect();
            one.by = fields.iter().copied().find(known).or(fields.first().copied()).map(|field| field.by.clone());
        }
        flapping
    }

    /// Reads every resource of every kind, each wherever it lives.
    ///
    /// # Errors
    /// As [`Reconciler::plan`].
    pub async fn survey(&self, organization: &Organization) -> Result<Inventory, CallError> {
        self.survey_where(organization, |_, _| true).await
    }

    /// The same for some places and kinds alone.
    ///
    /// # Errors
    /// As [`Reconciler::plan`].
    pub async fn survey_where(
        &self,
        organization: &Organization,
        is_asked: impl Fn(&Scope, &str) -> bool,
    ) -> Result<Inventory, CallError> {
        self.sessions.identity().await?;
        let is_asked = &is_asked;
        let reads = self.clients.iter().flat_map(|client| {
            let scopes = organization.scopes_of(client.kind().contract().scope).into_iter();
            let asked = scopes.filter(|scope| is_asked(scope, client.kind().name()));
            asked.map(|scope| Read::new(scope, *client, Selection::All))
        });
        Ok(observe::read_all(&self.sessions, reads.collect(), self.sink).await)
    }
}
