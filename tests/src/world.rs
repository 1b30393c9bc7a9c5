//! The emulated AWS together with a desired state, and the real pipeline over both.

use std::collections::{BTreeMap, BTreeSet};
use std::time::Duration;

use jiff::Timestamp;
use reconciler_aws::client::{LookedUp, ResourceClient, Selection};
use reconciler_aws::{Connection, Retries, Sessions, Timeouts};
use reconciler_emulator::{Accounts, Call, Edit, Effect, Emulator, Fault, Match, Options, Script, Step, Times};
use reconciler_engine::apply::{Applied, Authority};
use reconciler_engine::event::{Silence, StepOutcome};
use reconciler_engine::head;
use reconciler_engine::journal::{Journal, Made, Record, records};
use reconciler_engine::observe::{Read, read_all, scope_of};
use reconciler_engine::pinning::Pointer;
use reconciler_engine::queries::{Places, Question};
use reconciler_engine::reconciler::{Memory, Pace, Planned, Reconciler, Target};
use reconciler_engine::rounds::{Activation, Broken, Converged};
use reconciler_engine::state::StateFolder;
use reconciler_kinds::sources::discovery;
use reconciler_model::address::{Scope, ScopeKind};
use reconciler_model::attribution::ResourceAttribution;
use reconciler_model::control::{self, Answered};
use reconciler_model::desired::{Adoption, Desired, Pin, Pointed, Source, Wanted, load, load_in};
use reconciler_model::drift::FieldDrift;
use reconciler_model::inventory::Inventory;
use reconciler_model::kind::Kind;
use reconciler_model::permit::{Approval, ApprovedPlan, Mode, Refusal};
use reconciler_model::plan::{Plan, Severity};
use reconciler_model::undeclared::Watch;
use reconciler_model::verdict::Verdict;
use serde_json::{Value, json};

use crate::declarations;
use crate::direct_client::DirectClient;

/// The account of small worlds.
pub const ACCOUNT: &str = "111122223333";
/// The region of small worlds.
pub const REGION: &str = "eu-west-1";

/// How fast the tests wait: the emulated AWS settles by being read, not by the clock.
pub const PACE: Pace = Pace {
    poll_first: Duration::from_millis(1),
    poll_longest: Duration::from_millis(8),
    settle: Duration::from_secs(2),
    consistency: Duration::from_millis(400),
    side_by_side: 4,
};

/// The emulated AWS with a desired state.
pub struct World {
    /// The emulated AWS.
    pub emulator: Emulator,
    /// The desired state.
    pub desired: Desired,
    /// What the desired state wants, by address.
    pub wanted: Vec<Wanted>,
    /// Where what nobody declared is looked for.
    pub watch: Watch,
    /// Whether versions that nothing is known to refer to may be deleted to make room.
    pub may_delete_versions: bool,
    /// Whether what never was there is told from what is missing.
    pub asks_past: bool,
    /// How fast it waits.
    pub pace: Pace,
    /// How often others may undo a restore before it counts as flapping, as `enforce` has it; `None` where that is not
    /// asked.
    pub undone_at_most: Option<usize>,
    /// The time.
    pub clock: fn() -> Timestamp,
    clients: Vec<&'static dyn ResourceClient>,
    sessions: Sessions,
    state: tempfile::TempDir,
}

impl World {
    /// A scenario with a small organization and these declarations.
    pub async fn small(scenario: &str, declarations: &str) -> Self {
        Self::open(scenario, Options::default(), &declarations::small(declarations)).await
    }

    /// A scenario with the desired state of the repository.
    pub async fn whole(scenario: &str) -> Self {
        Self::open(scenario, Options::default(), &declarations::of_the_repository()).await
    }

    /// A scenario with any desired state.
    pub async fn open(scenario: &str, options: Options, sources: &[Source]) -> Self {
        let emulator = Emulator::scenario(scenario, options).expect("a scenario");
        Self::over(emulator, sources).await
    }

    /// An emulated AWS that is there already, with any desired state.
    pub async fn over(emulator: Emulator, sources: &[Source]) -> Self {
        Self::with_clients(emulator, sources, reconciler_kinds::CLIENTS.to_vec()).await
    }

    /// The same with other kinds than those of the build.
    pub async fn with_clients(
        emulator: Emulator,
        sources: &[Source],
        clients: Vec<&'static dyn ResourceClient>,
    ) -> Self {
        let kinds: Vec<&dyn Kind> = clients.iter().map(|client| client.kind() as &dyn Kind).collect();
        let mut desired = load(sources, &kinds, declarations::CONTROLS).expect("a valid desired state");
        let sessions = connected(&emulator, &desired, Timeouts::default()).await;
        if let Some(needs) = desired.needs_directory() {
            let home = desired.organization().home_region(ScopeKind::Organization);
            let directory = discovery::discover(&sessions, home, needs).await.expect("the accounts");
            desired =
                load_in(sources, &kinds, declarations::CONTROLS, Some(&directory)).expect("a valid desired state");
        }
        let wanted = desired.wanted();
        let watch = Watch::of(desired.organization(), &wanted, &kinds, control::all());
        // In memory where there is such a place: what is put on disk here is not to survive anything.
        let state = tempfile::tempdir_in("/dev/shm").or_else(|_| tempfile::tempdir()).expect("a state folder");
        Self {
            emulator,
            desired,
            wanted,
            watch,
            may_delete_versions: false,
            asks_past: false,
            pace: PACE,
            undone_at_most: None,
            clock: Timestamp::now,
            clients,
            sessions,
            state,
        }
    }

    /// The same world, in which no call may take longer than this with all its attempts.
    pub async fn waiting_at_most(mut self, operation: Duration) -> Self {
        self.sessions = connected(&self.emulator, &self.desired, Timeouts { operation, ..Timeouts::default() }).await;
        self
    }

    /// The same AWS with another desired state of the small organization.
    pub async fn declaring(&self, declarations: &str) -> Self {
        Self::over(self.emulator.clone(), &declarations::small(declarations)).await
    }

    fn reconciler(&self) -> Reconciler<'_> {
        Reconciler {
            clients: &self.clients,
            lookups: reconciler_kinds::sources::lookups::LOOKUPS,
            history: &reconciler_kinds::sources::history::EventHistory,
            logs: &reconciler_kinds::sources::insights::LogsInsights,
            permissions: &reconciler_kinds::sources::permissions::PolicySimulation,
            sessions: self.sessions.clone(),
            sink: &Silence,
            pace: self.pace,
            clock: self.clock,
        }
    }

    /// The state folder.
    pub fn folder(&self) -> StateFolder {
        StateFolder::open(self.state.path()).expect("a state folder")
    }

    /// The journal of this world.
    pub fn journal(&self) -> Journal {
        Journal::open(&self.folder().journal(), "run").expect("a journal")
    }

    /// What the journal says that was made.
    fn made(&self) -> Made {
        Made::at(&self.folder().journal())
    }

    fn target<'a>(&'a self, made: &'a Made) -> Target<'a> {
        Target {
            wanted: &self.wanted,
            coverage: &self.desired.coverage,
            unlisted: self.desired.unlisted.as_ref(),
            made,
            desired_digest: &self.desired.digest,
            may_delete_versions: self.may_delete_versions,
            undone_at_most: None,
            brakes: false,
            asks_permission: false,
            asks_past: self.asks_past,
            watch: Some(&self.watch),
        }
    }

    /// Plans for the whole desired state.
    pub async fn plan(&self) -> Planned {
        let made = self.made();
        self.reconciler().plan(self.target(&made), None).await.expect("a plan")
    }

    /// Plans as `plan` does where there is a state folder: with what is known of former runs.
    pub async fn plan_remembering(&self) -> Planned {
        let made = self.made();
        let target = Target { undone_at_most: self.undone_at_most, ..self.target(&made) };
        let journal = self.journal();
        let memory = Memory { last_read: self.folder().last_read(), ..Memory::of(&journal) };
        self.reconciler().plan_at(target, memory).await.expect("a plan")
    }

    /// The same world after somebody emptied the file of pins, with what was adopted.
    pub fn lose_pins(&mut self) {
        for one in &mut self.wanted {
            one.adoption = Adoption::Never;
            (one.pin, one.pinned_versions) = (None, None);
            one.pins.clear();
            one.referred_pins.clear();
            one.answered.clear();
        }
    }

    /// The same world after somebody removed the journal and its head.
    pub fn lose_journal(&self) {
        let journal = self.folder().journal();
        let _ = std::fs::remove_file(head::path_of(&journal));
        let _ = std::fs::remove_file(journal);
    }

    /// The records of the journal.
    pub fn records(&self) -> Vec<Record> {
        records(&self.folder().journal()).expect("a journal")
    }

    /// Where the pointers of the desired state lead, as `pin` asks.
    pub async fn follow_pointers(&self) -> Vec<Pointer> {
        self.reconciler().follow_pointers(&self.wanted).await.expect("the pointers")
    }

    /// Which of the wanted addresses are there, or may be.
    pub async fn there(&self) -> std::collections::BTreeSet<reconciler_model::address::Address> {
        self.reconciler().there(&self.wanted).await
    }

    /// Pins what has no pin, to what it leads to now.
    pub async fn pin(&mut self) {
        for Pointer { scope, key, leads } in self.follow_pointers().await {
            let Ok(LookedUp::Is(value)) = leads else { panic!("{scope}/{key}: {leads:?}") };
            for one in self.wanted.iter_mut().filter(|one| scope_of(one) == scope) {
                let here = one.pointers().into_iter().filter(|pointed| pointed.key == key);
                for Pointed { lookup, .. } in here.filter(Pointed::is_followed) {
                    one.pins.entry(lookup).or_insert(Pin { value: value.clone(), at: None });
                }
            }
        }
    }

    /// The same world, in which the pointer of this name in the file of pins led to `value`, wherever it is.
    #[must_use]
    pub fn pinning(mut self, key: &str, value: &str) -> Self {
        let pin = || Some(Pin { value: value.to_owned(), at: None });
        self.wanted.iter_mut().for_each(|one| one.take_pins(|_, other| (other == key).then(pin).flatten()));
        self
    }

    /// Reads everything in every scope, as `export` does.
    pub async fn survey(&self) -> Inventory {
        self.reconciler().survey(self.desired.organization()).await.expect("a survey")
    }

    /// Reads what is wanted of one kind, as a plan does, and keeps all of it.
    pub async fn read_what_is_wanted(&self, kind: &str) -> Inventory {
        let client = *self.clients.iter().find(|client| client.kind().name() == kind).expect("a kind");
        let mut names: BTreeMap<Scope, BTreeSet<String>> = BTreeMap::new();
        for one in self.wanted.iter().filter(|one| one.address.kind == kind) {
            names.entry(scope_of(one)).or_default().insert(one.address.name.clone());
        }
        let reads = names.into_iter().map(|(scope, names)| Read::new(scope, client, Selection::Names(names)));
        read_all(&self.sessions, reads.collect(), &Silence).await
    }

    /// Every account and region.
    pub fn scopes(&self) -> Vec<Scope> {
        self.desired.scopes()
    }

    /// Applies a plan that an operator approved.
    pub async fn apply(&self, planned: &Planned) -> Applied {
        let approved = ApprovedPlan::new(planned.plan.clone(), Approval::Operator).expect("approved");
        let account_ids: BTreeMap<String, String> =
            self.scopes().into_iter().map(|scope| (scope.account, scope.account_id)).collect();
        let folder = self.folder();
        let authority = Authority {
            mode: &Mode::Apply,
            approved: &approved,
            account_ids: &account_ids,
            inventory: Some(&planned.inventory),
            is_part: false,
            state: &folder,
            stop: &|| false,
        };
        self.reconciler().apply(&authority, &mut self.journal()).await.expect("a journal")
    }

    /// Who caused the drift of a plan.
    pub async fn attribute(&self, planned: &Planned) -> Vec<ResourceAttribution> {
        self.attribute_since(planned, None).await
    }

    /// The same for what happened since an instant.
    pub async fn attribute_since(&self, planned: &Planned, since: Option<Timestamp>) -> Vec<ResourceAttribution> {
        let journal = records(&self.folder().journal()).expect("a journal");
        let ids = self.account_ids();
        self.reconciler().attribute(&planned.plan, &planned.inventory, &ids, &journal, since).await
    }

    /// The ids of the accounts, by name.
    pub fn account_ids(&self) -> BTreeMap<String, String> {
        self.scopes().into_iter().map(|scope| (scope.account, scope.account_id)).collect()
    }

    /// Asks questions of histories and logs, for a time.
    pub async fn ask(
        &self,
        planned: &Planned,
        questions: &[Question<'_>],
        window: (Timestamp, Timestamp),
    ) -> Vec<Answered> {
        let reconciler = self.reconciler();
        // A plan keeps only what differs.
        let seen = self.survey().await;
        let places = Places::of(&reconciler, &planned.plan, &seen, &self.account_ids());
        reconciler.ask(questions, &self.scopes(), window, &places).await
    }

    /// Converges in rounds under an approval.
    ///
    /// # Errors
    /// The approval does not cover the first plan.
    pub async fn converge(&self, approval: Approval) -> Result<Converged, Refusal> {
        let account_ids: BTreeMap<String, String> =
            self.scopes().into_iter().map(|scope| (scope.account, scope.account_id)).collect();
        let folder = self.folder();
        let made = self.made();
        let target = Target {
            undone_at_most: self.undone_at_most,
            brakes: self.undone_at_most.is_some(),
            asks_permission: true,
            ..self.target(&made)
        };
        let at_most = match approval {
            Approval::StandingPolicy { max_changes } => Some(max_changes),
            _ => None,
        };
        let activation = Activation {
            mode: Mode::Enforce,
            target,
            account_ids: &account_ids,
            at_most,
            is_whole: true,
            state: &folder,
            stop: &|| false,
        };
        let approve = |_: &Plan| Ok::<_, ()>(approval);
        match self.reconciler().converge(&activation, &mut self.journal(), |_, _| Ok(()), approve).await {
            Ok(converged) => Ok(converged),
            Err(Broken::Refused(refusal)) => Err(refusal),
            Err(broken) => panic!("{broken:?}"),
        }
    }

    /// Plans, applies, and expects every step to be verified. Gives the plan.
    pub async fn restore(&self) -> Plan {
        let planned = self.plan().await;
        let applied = self.apply(&planned).await;
        assert_eq!(applied.not_verified(), 0, "{:#?}", applied.steps);
        planned.plan
    }

    /// Plan again: nothing.
    pub async fn plan_again_nothing(&self) {
        let plan = self.plan().await.plan;
        assert!(plan.drift.is_empty() && plan.steps.is_empty(), "{}", told(&plan));
        assert_eq!(plan.summary.in_sync, plan.summary.addresses, "{}", told(&plan));
        assert_eq!((plan.summary.drifted, plan.summary.gaps, plan.summary.refused), (0, 0, 0), "{}", told(&plan));
        assert!(plan.gaps.is_empty() && plan.diagnostics.is_empty(), "{}", told(&plan));
    }

    /// Plan again: nothing to do, though what was kept is still reported.
    pub async fn plan_again_no_steps(&self) -> Plan {
        let plan = self.plan().await.plan;
        assert!(plan.steps.is_empty(), "{}", told(&plan));
        plan
    }

    /// The writes that reached AWS, in order.
    pub fn writes(&self) -> Vec<Call> {
        self.emulator.calls().into_iter().filter(|call| !call.read_only).collect()
    }

    /// The operations of the writes that reached AWS, in order.
    pub fn written(&self) -> Vec<String> {
        self.writes().into_iter().map(|call| call.operation).collect()
    }

    /// The body of the one write of this operation.
    pub fn body_of(&self, operation: &str) -> Value {
        let mut calls: Vec<Call> = self.writes().into_iter().filter(|call| call.operation == operation).collect();
        assert_eq!(calls.len(), 1, "calls of {operation}");
        calls.remove(0).body.expect("a body")
    }

    /// Scripted faults.
    pub fn inject(&self, faults: Vec<Fault>) {
        self.emulator.inject(faults);
    }

    /// A direct client of the emulated AWS in the place of small worlds.
    pub fn direct_client(&self) -> DirectClient {
        DirectClient::new(&self.emulator, ACCOUNT, REGION)
    }

    /// Somebody else makes one call in the place of small worlds.
    pub fn attack(&self, service: &str, operation: &str, body: Value) {
        self.play(step(service, operation, body, Vec::new()));
    }

    /// Somebody else changes members of a guardrail's DRAFT, by pointer into the request.
    pub fn edit_guardrail(&self, name: &str, edits: Vec<Edit>) {
        let body = json!({ "guardrailIdentifier": format!("guardrail:{name}") });
        self.play(step("bedrock", "UpdateGuardrail", body, edits));
    }

    /// Somebody else sets one member of a guardrail's DRAFT.
    pub fn set_guardrail(&self, name: &str, pointer: &str, value: Value) {
        self.edit_guardrail(name, vec![Edit::Set([(pointer.to_owned(), value)].into())]);
    }

    /// Somebody else publishes the DRAFT of a guardrail.
    pub fn publish(&self, name: &str) {
        self.attack("bedrock", "CreateGuardrailVersion", json!({ "guardrailIdentifier": format!("guardrail:{name}") }));
    }

    /// Somebody else changes members of the logging configuration, by pointer into the request.
    pub fn edit_logging(&self, edits: Vec<Edit>) {
        self.play(step("bedrock", "PutModelInvocationLoggingConfiguration", Value::Null, edits));
    }

    /// Plays one call of somebody else.
    pub fn play(&self, step: Step) {
        let script = Script { steps: vec![step], ..Script::default() };
        self.emulator.run(&script).expect("the call does what it says");
    }
}

async fn connected(emulator: &Emulator, desired: &Desired, timeouts: Timeouts) -> Sessions {
    let retries = Retries { initial_backoff: Duration::from_millis(1), ..Retries::default() };
    let organization = desired.organization();
    Connection::in_process(emulator.http_client())
        .role_or_own(organization.role.clone())
        .partition(organization.partition.clone())
        .retries(retries)
        .timeouts(timeouts)
        .open()
        .await
}

/// One call of somebody else, in the place of small worlds.
pub fn step(service: &str, operation: &str, body: Value, edits: Vec<Edit>) -> Step {
    Step {
        principal: "arn:${partition}:sts::${account}:assumed-role/Developer/mallory".to_owned(),
        accounts: Accounts::Named(vec![ACCOUNT.to_owned()]),
        regions: Some(vec![REGION.to_owned()]),
        at: None,
        service: service.to_owned(),
        operation: operation.to_owned(),
        body,
        edits,
        save: BTreeMap::new(),
        error: None,
        user_agent: None,
        source_ip: None,
    }
}

/// A plan in a few lines, for the message of a failed assertion.
pub fn told(plan: &Plan) -> String {
    let mut text = format!("{:?}\n", plan.summary);
    for drift in &plan.drift {
        text += &format!("{} {:?} {}\n", drift.address, drift.change, drift.direction);
        for FieldDrift { path, live, want, direction, kept, .. } in &drift.fields {
            text += &format!("  {path}: live {live} want {want} {direction} kept {kept}\n");
        }
    }
    for step in &plan.steps {
        text += &format!("step {} {} {}\n", step.id, step.action, step.address);
    }
    text + &format!("{:#?}\n{:#?}\n{:#?}", plan.findings, plan.gaps, plan.diagnostics)
}

/// The codes of what stands in the way.
pub fn refusals(plan: &Plan) -> Vec<&str> {
    plan.findings.iter().filter(|one| one.severity == Severity::Refused).map(|one| one.code.as_str()).collect()
}

/// The codes of what should be known.
pub fn notes(plan: &Plan) -> Vec<&str> {
    plan.findings.iter().filter(|one| one.severity == Severity::Note).map(|one| one.code.as_str()).collect()
}

/// The paths that differ, over all addresses.
pub fn paths(plan: &Plan) -> Vec<String> {
    plan.drift.iter().flat_map(|drift| &drift.fields).map(|field| field.path.to_string()).collect()
}

/// The field at a path.
pub fn field<'a>(plan: &'a Plan, path: &str) -> &'a FieldDrift {
    let mut fields = plan.drift.iter().flat_map(|drift| &drift.fields);
    fields.find(|field| field.path.to_string() == path).unwrap_or_else(|| panic!("no drift at {path}: {}", told(plan)))
}

/// Whether read-back showed something else than was expected.
pub fn is_mismatch(outcome: &StepOutcome) -> bool {
    matches!(outcome, StepOutcome::Read(Verdict::Mismatch { .. }))
}

/// Calls of one operation.
pub fn on(operation: &str) -> Match {
    Match { operation: Some(operation.to_owned()), ..Match::default() }
}

/// A fault that happens that often.
pub fn times(count: u32, matching: Match, then: Effect) -> Fault {
    Fault { times: Times::Count(count), ..Fault::once(matching, then) }
}
