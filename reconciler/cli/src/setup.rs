//! What every command begins with: the desired state, the connection, the state folder.

use std::collections::BTreeSet;
use std::path::{Path, PathBuf};
use std::sync::OnceLock;
use std::time::Duration;

use globset::{GlobBuilder, GlobMatcher};
use jiff::Timestamp;
use jiff::tz::TimeZone;
use reconciler_aws::client::unread_of;
use reconciler_aws::{CallError, Connection, Retries, Sessions, Timeouts};
use reconciler_emulator::{Emulator, Options};
use reconciler_engine::event::Sink;
use reconciler_engine::journal::Made;
use reconciler_engine::state::{self, Bound, StateFolder, WriteLock};
use reconciler_engine::{Pace, Reconciler, Target};
use reconciler_kinds::sources::discovery;
use reconciler_kinds::sources::history::EventHistory;
use reconciler_kinds::sources::insights::LogsInsights;
use reconciler_kinds::sources::lookups::LOOKUPS;
use reconciler_kinds::sources::permissions::PolicySimulation;
use reconciler_kinds::{CLIENTS, KINDS};
use reconciler_model::address::{Address, ScopeKind};
use reconciler_model::desired::{
    self, Account, Desired, Directory, Needs, Organization, PINS_FILE, Pins, Source, Wanted, with_context,
};
use reconciler_model::diagnostic::{Diagnostic, did_you_mean};
use reconciler_model::digest;
use reconciler_model::drift::Drift;
use reconciler_model::inventory::Gap;
use reconciler_model::last_read::LastRead;
use reconciler_model::undeclared::Watch;

use crate::args::{Aws, DEFAULT_DESIRED, Filter, Global, Places};
use crate::controls;
use crate::exit::Exit;
use crate::failure::Failure;
use crate::files;
use crate::formats;
use crate::named;
use crate::render::Look;
use crate::screen::Screen;
use crate::settings::{self, Settings};
use crate::shipped;

/// What the arguments and settings say, before anything is read.
#[derive(Debug)]
pub(crate) struct Setup {
    pub(crate) global: Global,
    pub(crate) settings: Settings,
    pub(crate) screen: Screen,
    /// Names this run in the journal, and as the session name in CloudTrail.
    pub(crate) run: String,
    /// The AWS in the process, when there is one.
    emulator: Option<Emulator>,
    /// The state folder of an embedded run, which ends with it.
    _scratch: Option<tempfile::TempDir>,
    /// Where the state folder is; `None` when there is no place for one.
    state: Option<PathBuf>,
    /// What the journal says that this tool made.
    made: OnceLock<Made>,
    /// Whether the desired state is the one that is compiled in.
    is_shipped: bool,
}

impl Setup {
    pub(crate) fn new(global: Global) -> Result<Self, Failure> {
        let settings = settings::read(global.settings.as_deref())?;
        let screen = global.screen();
        let emulator = match &global.aws {
            Aws::Live => None,
            Aws::Embedded(scenario) => Some(open_emulator(scenario, Options::default())?),
        };
        let named = global.state.clone().or_else(|| settings.state.clone());
        let (state, scratch) = match (named, &emulator) {
            (Some(state), _) => (Some(state), None),
            // The embedded AWS is new in every process, so a journal that outlives it would speak of another world.
            (None, Some(_)) => {
                let scratch = tempfile::tempdir()
                    .map_err(|error| Failure::new(Exit::Failed, format!("failed to make a folder: {error}")))?;
                (Some(scratch.path().to_owned()), Some(scratch))
            }
            (None, None) => (default_state(), None),
        };
        let run = new_run();
        Ok(Self {
            global,
            settings,
            screen,
            run,
            emulator,
            _scratch: scratch,
            state,
            made: OnceLock::new(),
            is_shipped: false,
        })
    }

    /// Takes the desired state that is compiled in where no other is named and none is at hand. For a world that is known to fit it: that
    /// of the embedded AWS.
    pub(crate) fn or_shipped(self) -> Self {
        let Global { aws, desired, base, .. } = &self.global;
        let is_at_hand = base.is_empty() && desired == Path::new(DEFAULT_DESIRED) && !desired.exists();
        match aws {
            Aws::Embedded(_) if is_at_hand => self.shipped(),
            _ => self,
        }
    }

    /// Takes the desired state that is compiled in.
    pub(crate) fn shipped(self) -> Self {
        Self { is_shipped: true, ..self }
    }

    /// A new id for what follows: each activation of the daemon is a run of its own.
    pub(crate) fn renew_run(&mut self) {
        self.run = new_run();
        // What the journal told of the last run is out of date.
        self.made = OnceLock::new();
    }

    /// How plans of this part of the desired state are shown.
    pub(crate) fn look(&self, desired: &Desired, wanted: &[Wanted]) -> Look {
        let organization = desired.organization();
        let look = Look::new(self.screen.full, organization.account_ids(), &self.global.desired);
        Look { partition: organization.partition.clone(), declared: formats::declared(wanted), ..look }
    }

    /// The files of the desired state, with those that it is laid over.
    pub(crate) fn sources(&self) -> Vec<Source> {
        if self.is_shipped {
            return shipped::sources();
        }
        files::layers(&self.global.base, &self.global.desired)
    }

    /// The desired state; what is wrong with it has been printed when this fails. Where the accounts are discovered it is
    /// checked in form only, and nothing is wanted.
    pub(crate) fn desired(&self) -> Result<Desired, Failure> {
        let sources = self.sources();
        self.load(&sources, None)
    }

    /// The desired state with its accounts, which are discovered where the file says so, and the connection.
    pub(crate) async fn desired_and_sessions(&self) -> Result<(Desired, Sessions), Failure> {
        self.loaded_and_sessions(&self.sources(), None).await
    }

    /// The same as if nothing were pinned, and what is: for a look at where everything leads today. A file of pins that cannot be
    /// read is no pins, and why.
    pub(crate) async fn unpinned_and_sessions(&self) -> Result<(Desired, Sessions, Result<Pins, String>), Failure> {
        let (pinned, others): (Vec<Source>, Vec<Source>) =
            self.sources().into_iter().partition(|source| source.file.ends_with(PINS_FILE));
        let pins = desired::read_pins(&pinned, KINDS)
            .map_err(|problems| problems.iter().map(|problem| problem.detail.as_str()).collect::<Vec<_>>().join("; "));
        let all: Vec<Source> = others.iter().chain(&pinned).cloned().collect();
        let (desired, sessions) = self.loaded_and_sessions(&others, Some(&all)).await?;
        Ok((desired, sessions, pins))
    }

    /// The desired state with its accounts. Where it is not valid for the accounts that Organizations lists today, the pinned
    /// accounts are loaded instead, so that one account does not block the others.
    async fn loaded_and_sessions(
        &self,
        sources: &[Source],
        pinned: Option<&[Source]>,
    ) -> Result<(Desired, Sessions), Failure> {
        let desired = self.load(sources, None)?;
        let sessions = self.connect(desired.organization()).await;
        is_of_the_account(&sessions, desired.organization()).await?;
        let Some(needs) = desired.needs_directory() else { return Ok((desired, sessions)) };
        let directory = self.discover_or_remember(sources, &sessions, desired.organization(), needs).await?;
        let pinned = pinned.filter(|all| all.len() > sources.len());
        let sources = match pinned {
            Some(pinned) if !is_valid(sources, &directory)? => pinned,
            _ => sources,
        };
        let desired = self.load(sources, Some(&directory))?;
        name_accounts(&sessions, desired.organization());
        self.tell_of_inactive(desired.organization());
        Ok((desired, sessions))
    }

    /// Says what is not pinned although declarations rest on it, and others may let it lead elsewhere.
    pub(crate) fn tell_of_missing_pins(&self, desired: &Desired, wanted: &[Wanted]) {
        let text = match (desired.unpinned(wanted), desired.pins.is_empty()) {
            (0, _) => return,
            (_, true) => {
                "nothing is pinned: aliases, tags and names are followed wherever they lead; `bedrock-reconciler \
                          pin` writes pins.lock beside the declarations"
                    .to_owned()
            }
            (count, false) => format!(
                "{count} aliases, tags, names or contents of policies are not in pins.lock, and are followed wherever they lead; run \
                 `bedrock-reconciler pin`, and review what it adds"
            ),
        };
        self.screen.remark(format_args!("note: {text}"));
        if self.screen.told_elsewhere {
            tracing::warn!("{text}");
        }
    }

    /// The accounts that Organizations lists, or the pinned ones where it does not answer, so that a denied listing does not stop
    /// the restores.
    async fn discover_or_remember(
        &self,
        sources: &[Source],
        sessions: &Sessions,
        organization: &Organization,
        needs: Needs,
    ) -> Result<Directory, Failure> {
        // Without an identity every call would fail.
        sessions.identity().await?;
        let home = organization.home_region(ScopeKind::Organization);
        match discovery::discover(sessions, home, needs).await {
            Ok(directory) => Ok(directory),
            Err(error) => {
                Directory::of_pins(sources, KINDS, organization, unread_of(&error)).ok_or_else(|| not_discovered(error))
            }
        }
    }

    /// The accounts that Organizations lists. A call that fails ends the command: nobody can say what is not evaluated then.
    async fn discover(
        &self,
        sessions: &Sessions,
        organization: &Organization,
        needs: Needs,
    ) -> Result<Directory, Failure> {
        let home = organization.home_region(ScopeKind::Organization);
        discovery::discover(sessions, home, needs).await.map_err(not_discovered)
    }

    fn tell_of_inactive(&self, organization: &Organization) {
        for account in desired::not_active(organization) {
            self.screen.remark(format_args!("note: {account}: only what names it is looked for there"));
            if self.screen.told_elsewhere {
                tracing::warn!("{account}: only what names it is looked for there");
            }
        }
    }

    /// The desired state of these sources, or all that is wrong with it, which is not printed.
    pub(crate) fn loaded(
        sources: &[Source],
        directory: Option<&Directory>,
    ) -> Result<Result<Desired, Vec<Diagnostic>>, Failure> {
        let controls = control_ids()?;
        let controls: Vec<&str> = controls.iter().map(String::as_str).collect();
        Ok(desired::load_in(sources, KINDS, &controls, directory))
    }

    fn load(&self, sources: &[Source], directory: Option<&Directory>) -> Result<Desired, Failure> {
        let controls = control_ids()?;
        let controls: Vec<&str> = controls.iter().map(String::as_str).collect();
        let today = Timestamp::now().to_zoned(TimeZone::UTC).date();
        let loaded = desired::load_in(sources, KINDS, &controls, directory).map(|desired| desired.as_of(today));
        loaded.map_err(|found| {
            let count = found.len();
            let plural = if count == 1 { "" } else { "s" };
            self.screen.diagnostics(&found, sources);
            let text = format!(
                "{count} problem{plural} in the desired state {}; nothing was {}",
                self.global.desired.display(),
                if directory.is_some() { "changed" } else { "read or changed" }
            );
            let failure = Failure::new(Exit::Invalid, text).diagnostics(found);
            match self.global.desired.exists() {
                true => failure,
                false => failure.hint("name the folder with --desired DIR"),
            }
        })
    }

    /// The connection to AWS. No call is made yet.
    pub(crate) async fn connect(&self, organization: &Organization) -> Sessions {
        let connection = match &self.emulator {
            Some(emulator) => Connection::in_process(emulator.http_client())
                .retries(Retries { initial_backoff: Duration::from_millis(5), ..Retries::default() }),
            None => Connection::live()
                .retries(self.retries())
                .timeouts(Timeouts { operation: self.call_at_most(), ..Timeouts::default() }),
        };
        let sessions = connection
            .role_or_own(organization.role.clone())
            .external_id(organization.external_id.clone())
            .partition(organization.partition.clone())
            .session_name(&self.run)
            .open()
            .await;
        name_accounts(&sessions, organization);
        sessions
    }

    /// How long one call may take. A part of the time of the whole command, so that one which hangs is a gap and the rest is told.
    fn call_at_most(&self) -> Duration {
        let own = Duration::from_secs(self.settings.pace.call_seconds.max(1));
        self.global.timeout.map_or(own, |all| own.min(all / 3))
    }

    /// How often to try a call: AWS_MAX_ATTEMPTS means here what it means for every AWS tool.
    fn retries(&self) -> Retries {
        let attempts = std::env::var("AWS_MAX_ATTEMPTS").ok().and_then(|text| text.trim().parse().ok());
        Retries {
            attempts: attempts.unwrap_or(Retries::default().attempts),
            initial_backoff: Duration::from_millis(self.settings.pace.retry_first_ms),
        }
    }

    /// How long to wait for what: real services settle in seconds, the embedded one in reads.
    fn pace(&self) -> Pace {
        match self.emulator {
            None => self.settings.pace.into(),
            Some(_) => Self::embedded_pace(),
        }
    }

    /// The pace for an AWS in the process.
    pub(crate) fn embedded_pace() -> Pace {
        Pace {
            poll_first: Duration::from_millis(5),
            poll_longest: Duration::from_millis(50),
            settle: Duration::from_secs(10),
            consistency: Duration::from_secs(2),
            ..Pace::default()
        }
    }

    /// The engine over `sessions`.
    pub(crate) fn reconciler<'a>(&self, sessions: Sessions, sink: &'a dyn Sink) -> Reconciler<'a> {
        self.reconciler_at(sessions, sink, self.pace())
    }

    /// The engine over `sessions`, at a pace.
    pub(crate) fn reconciler_at<'a>(&self, sessions: Sessions, sink: &'a dyn Sink, pace: Pace) -> Reconciler<'a> {
        Reconciler {
            clients: CLIENTS,
            lookups: LOOKUPS,
            history: &EventHistory,
            logs: &LogsInsights,
            permissions: &PolicySimulation,
            sessions,
            sink,
            pace,
            clock: Timestamp::now,
        }
    }

    /// The state folder, made when it is missing.
    pub(crate) fn state(&self) -> Result<StateFolder, Failure> {
        let nowhere = || Failure::new(Exit::Usage, "no place for the state folder").hint("name one with --state DIR");
        Ok(StateFolder::open(self.state.clone().ok_or_else(nowhere)?)?)
    }

    /// The state folder with the right to write, for a run over this desired state.
    ///
    /// It is tied to the AWS of its first run: what was made in one organization is not ours in another one.
    pub(crate) fn state_to_write(&self, desired: &Desired) -> Result<(StateFolder, WriteLock), Failure> {
        let state = self.state()?;
        let lock = state.lock()?;
        let organization = desired.organization();
        let management = organization.management_account.as_ref();
        let accounts = &organization.accounts;
        let account = accounts.iter().find(|account| Some(&account.name) == management).or_else(|| accounts.first());
        let account = account.map(|account| account.id.clone()).unwrap_or_default();
        let endpoint = match &self.global.aws {
            Aws::Embedded(_) => "embedded".to_owned(),
            Aws::Live => {
                std::env::var("AWS_ENDPOINT_URL").ok().filter(|url| !url.is_empty()).unwrap_or_else(|| "aws".to_owned())
            }
        };
        let ids: Vec<&str> = accounts.iter().map(|account| account.id.as_str()).collect();
        state.bind(Bound { account, endpoint }, &ids)?;
        Ok((state, lock))
    }

    /// Where the state folder is or would be.
    pub(crate) fn state_path(&self) -> Option<&Path> {
        self.state.as_deref()
    }

    /// The state folder, for commands that only read it; `None` when it is not there.
    pub(crate) fn state_to_read(&self) -> Option<PathBuf> {
        self.state.clone().filter(|state| state.is_dir())
    }

    /// Where the journal is, for commands that only read it: a folder that is not there is not made.
    pub(crate) fn journal_to_read(&self) -> Option<PathBuf> {
        self.state_to_read().map(|state| StateFolder::journal_in(&state))
    }

    /// The resources that this tool made, by the journal; nothing where the journal cannot be read. A run that writes
    /// reports that.
    fn made(&self) -> &Made {
        self.made.get_or_init(|| self.journal_to_read().map(|path| Made::at(&path)).unwrap_or_default())
    }

    /// When everything was read the last time, as far as the state folder tells.
    pub(crate) fn last_read(&self) -> Option<LastRead> {
        state::last_read(&self.state_to_read()?)
    }

    /// Where the desired state applies. Without a desired state it is the caller's own account, in its own region.
    pub(crate) async fn organization(&self) -> Result<Organization, Failure> {
        Ok(self.organization_and_directory().await?.0)
    }

    /// The same, with what AWS Organizations lists, where the file says so.
    pub(crate) async fn organization_and_directory(&self) -> Result<(Organization, Option<Directory>), Failure> {
        let sources = self.sources();
        if self.global.desired.exists() {
            let wrong = |found: Vec<Diagnostic>| {
                self.screen.diagnostics(&found, &sources);
                Failure::new(Exit::Invalid, "the organization file is not valid; nothing was read").diagnostics(found)
            };
            let organization = desired::load_organization(&sources).map_err(wrong)?;
            let sessions = self.connect(&organization).await;
            is_of_the_account(&sessions, &organization).await?;
            let Some(discovery) = &organization.discover else { return Ok((organization, None)) };
            let directory = self.discover(&sessions, &organization, discovery.needs()).await?;
            let organization = desired::discovered(organization, &directory).map_err(wrong)?;
            self.tell_of_inactive(&organization);
            return Ok((organization, Some(directory)));
        }
        let sessions = self.connect(&Organization::default()).await;
        let own = sessions.identity().await?;
        let region = sessions.home_region().unwrap_or_else(|| "us-east-1".to_owned());
        let partition = own.arn.split(':').nth(1).unwrap_or("aws").to_owned();
        self.screen.remarks(format_args!(
            "{} is not there, so the caller's own account is read, in {region}; `bedrock-reconciler init` writes a file that says \
             where to look",
            self.global.desired.display(),
        ));
        let organization = Organization {
            partition,
            management_account: Some("main".to_owned()),
            role: None,
            external_id: None,
            regions: vec![region],
            accounts: vec![Account { id: own.account, name: "main".to_owned(), ..Account::default() }],
            discover: None,
            undeclared: Vec::new(),
        };
        Ok((organization, None))
    }

    /// What to restore.
    pub(crate) fn target_to_write<'a>(&'a self, desired: &'a Desired, selected: &'a Selected) -> Target<'a> {
        Target { asks_permission: self.settings.permission_check, ..self.target(desired, selected) }
    }

    /// What to plan for.
    pub(crate) fn target<'a>(&'a self, desired: &'a Desired, selected: &'a Selected) -> Target<'a> {
        Target {
            wanted: &selected.wanted,
            coverage: &selected.coverage,
            unlisted: selected.unlisted.as_ref(),
            made: self.made(),
            desired_digest: &desired.digest,
            may_delete_versions: self.settings.delete_unreferenced_versions,
            undone_at_most: None,
            brakes: false,
            asks_permission: false,
            asks_past: true,
            watch: selected.watch.as_ref(),
        }
    }
}

/// Whether the desired state is valid in the organization of a directory.
fn is_valid(sources: &[Source], directory: &Directory) -> Result<bool, Failure> {
    let controls = control_ids()?;
    let controls: Vec<&str> = controls.iter().map(String::as_str).collect();
    Ok(desired::load_in(sources, KINDS, &controls, Some(directory)).is_ok())
}

/// Fails where no role is named and the caller's own credentials are of another account.
async fn is_of_the_account(sessions: &Sessions, organization: &Organization) -> Result<(), Failure> {
    if organization.role.is_some() {
        return Ok(());
    }
    let own = sessions.identity().await?;
    match organization.accounts.iter().find(|account| account.id != own.account) {
        None => Ok(()),
        Some(Account { id, name, .. }) => Err(Failure::new(
            Exit::Failed,
            format!("the credentials are of account {}, and organization.yaml lists {id} ({name}) and no role", own.account),
        )
        .hint("use credentials of that account, for instance with AWS_PROFILE, or add `role:` with a role that may be assumed there")),
    }
}

/// An id that no other run has: the time, and a part that is by chance.
fn new_run() -> String {
    let now = Timestamp::now();
    let unique = digest::of(&(now.as_nanosecond().to_string(), std::process::id()));
    let unique: String = unique.chars().skip("sha256:".len()).take(8).collect();
    format!("bedrock-reconciler-{}-{unique}", now.strftime("%Y%m%dT%H%M%SZ"))
}

fn not_discovered(error: CallError) -> Failure {
    let failure = Failure::from(error);
    let text = format!("{}; the accounts are not known, so nothing was read or changed", failure.text);
    Failure { text, ..failure }
}

fn name_accounts(sessions: &Sessions, organization: &Organization) {
    sessions.name_accounts(organization.accounts.iter().map(|account| (account.id.clone(), account.name.clone())));
}

/// An emulator with a scenario.
pub(crate) fn open_emulator(scenario: &str, options: Options) -> Result<Emulator, Failure> {
    Emulator::scenario(scenario, options)
        .map_err(|error| Failure::new(Exit::Usage, crate::failure::chain(&error)).hint("or name the path of a script"))
}

/// Who asks: the user that owns this process, as the system knows it.
pub(crate) fn user() -> String {
    let own = nix::unistd::Uid::current();
    let named = nix::unistd::User::from_uid(own).ok().flatten();
    named.map_or_else(|| format!("user {own}"), |user| user.name)
}

/// The ids of every control.
pub(crate) fn control_ids() -> Result<Vec<String>, Failure> {
    Ok(controls::all()?.iter().map(|control| control.id.clone()).collect())
}

fn default_state() -> Option<PathBuf> {
    let variable = |name: &str| std::env::var_os(name).filter(|value| !value.is_empty()).map(PathBuf::from);
    variable("STATE_DIRECTORY")
        .or_else(|| variable("XDG_STATE_HOME").map(|home| home.join("bedrock-reconciler")))
        .or_else(|| variable("HOME").map(|home| home.join(".local/state/bedrock-reconciler")))
}

/// A part of the desired state, and what is looked for beside it.
#[derive(Debug)]
pub(crate) struct Selected {
    pub(crate) wanted: Vec<Wanted>,
    pub(crate) watch: Option<Watch>,
    /// Accounts that are others than the pins say, as far as they concern what is wanted.
    coverage: Vec<Drift>,
    /// That the accounts are those that are pinned, because Organizations was not read.
    unlisted: Option<Gap>,
}

impl Selected {
    pub(crate) fn new(desired: &Desired, wanted: Vec<Wanted>, watch: Option<Watch>) -> Self {
        let served: BTreeSet<&String> = wanted.iter().flat_map(|one| &one.declaration.controls).collect();
        let concerns =
            |drift: &&Drift| drift.controls.is_empty() || drift.controls.iter().any(|id| served.contains(id));
        let coverage = desired.coverage.iter().filter(concerns).cloned().collect();
        let wanted = with_context(wanted, || desired.wanted());
        Self { wanted, watch, coverage, unlisted: desired.unlisted.clone() }
    }
}

/// The part of the desired state that a filter selects; an error when it selects nothing.
pub(crate) fn select(desired: &Desired, filter: &Filter) -> Result<Selected, Failure> {
    let controls = controls::all()?;
    for id in &filter.control {
        if !controls.iter().any(|control| control.id == *id) {
            return Err(controls::unknown(id, controls));
        }
    }
    check_places(desired.organization(), &filter.places)?;
    let globs = globs(&filter.address)?;
    let mut wanted = desired.wanted();
    // Whoever asks for addresses asks for these alone.
    let watch = globs.is_empty().then(|| {
        let watch = Watch::of(desired.organization(), &wanted, KINDS, controls);
        let watch = if filter.control.is_empty() { watch } else { watch.for_controls(&filter.control) };
        watch.in_places(|scope, kind| filter.places.take(&scope.account, &scope.region, kind))
    });
    wanted.retain(|one| {
        let by_control =
            filter.control.is_empty() || one.declaration.controls.iter().any(|id| filter.control.contains(id));
        let Address { account, region, kind, .. } = &one.address;
        let by_place = filter.places.take(account, region, kind);
        by_control && by_place && (globs.is_empty() || globs.iter().any(|glob| glob.is_match(one.address.to_string())))
    });
    if wanted.is_empty() && !filter.is_whole() {
        return Err(named::nothing_selected(&filter.address, &desired.wanted()));
    }
    Ok(Selected::new(desired, wanted, watch))
}

/// Fails for accounts, regions and kinds that there are not.
pub(crate) fn check_places(organization: &Organization, places: &Places) -> Result<(), Failure> {
    let homes = [ScopeKind::Organization, ScopeKind::Account].map(|of| organization.home_region(of));
    let accounts: Vec<&str> = organization.accounts.iter().map(|account| account.name.as_str()).collect();
    let mut regions: Vec<&str> = organization.regions.iter().map(String::as_str).chain(homes).collect();
    regions.sort_unstable();
    regions.dedup();
    let kinds: Vec<&str> = KINDS.iter().map(|kind| kind.name()).collect();
    for (what, asked, known) in
        [("account", &places.account, accounts), ("region", &places.region, regions), ("kind", &places.kind, kinds)]
    {
        for name in asked {
            if known.contains(&name.as_str()) {
                continue;
            }
            let hint = match did_you_mean(name, known.iter().copied()) {
                Some(near) => format!("did you mean `{near}`?"),
                None => format!("there are {}", known.join(", ")),
            };
            return Err(Failure::new(Exit::Usage, format!("no {what} `{name}`")).hint(hint));
        }
    }
    Ok(())
}

/// Matchers for address globs. `*` also matches slashes, because names may contain them.
pub(crate) fn globs(patterns: &[String]) -> Result<Vec<GlobMatcher>, Failure> {
    patterns
        .iter()
        .map(|pattern| {
            let glob = GlobBuilder::new(pattern).literal_separator(false).build();
            glob.map(|glob| glob.compile_matcher())
                .map_err(|error| Failure::new(Exit::Usage, format!("`{pattern}` is not an address pattern: {error}")))
        })
        .collect()
}

/// The JSON of a plan, as the contract has it.
pub(crate) fn plan_json(plan: &reconciler_model::plan::Plan) -> serde_json::Value {
    serde_json::to_value(plan).unwrap_or_default()
}
