//! `doctor`: what every run rests on, checked beforehand.
//!
//! Expected flow: the desired state and the state folder are looked at; the caller is asked for; then STS is asked in every account
//! and region, and IAM's simulation about every kind that is declared, side by side.
//!
//! Guarantees: nothing is changed, but for a file that is made in the state folder and removed. What could not be asked is a warning,
//! and never `ok`.

use std::collections::{BTreeMap, BTreeSet};
use std::path::Path;

use reconciler_aws::{CallError, Sessions};
use reconciler_engine::outcome::Outcome;
use reconciler_engine::permissions::Question;
use reconciler_engine::reach::Reached;
use reconciler_engine::state::{self, StateFolder};
use reconciler_engine::{Reconciler, permissions::Doubts};
use reconciler_kinds::KINDS;
use reconciler_kinds::sources::discovery;
use reconciler_model::address::{Scope, ScopeKind};
use reconciler_model::desired::{self, Desired, Directory, Organization};
use reconciler_model::kind::Place;
use reconciler_model::plan::Call;
use schemars::JsonSchema;
use serde::Serialize;
use serde_json::json;

use crate::args::{Aws, Places};
use crate::exit::Exit;
use crate::failure::Failure;
use crate::formats::documents;
use crate::progress::Progress;
use crate::screen::{BAD, DO, DOUBT, GOOD, paint};
use crate::setup::{Setup, check_places};
use crate::text::counted;

/// From how many seconds a clock that is wrong is told. AWS refuses what is signed five minutes early or late.
const SKEW_WARNS: i64 = 30;
const SKEW_FAILS: i64 = 240;

/// How many names of one kind are asked about in one place.
const NAMES: usize = 8;

/// How a check ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, JsonSchema, Serialize)]
#[serde(rename_all = "lowercase")]
pub(crate) enum Grade {
    /// Nothing is to be done.
    Ok,
    /// Something will not work as expected.
    Warn,
    /// Runs will fail.
    Fail,
}

/// One line.
#[derive(Debug, JsonSchema, Serialize)]
pub(crate) struct Check {
    /// How it ended.
    grade: Grade,
    /// What was checked.
    about: &'static str,
    /// What was found.
    text: String,
    /// What to do.
    #[serde(skip_serializing_if = "Option::is_none")]
    remedy: Option<String>,
}

#[derive(Debug, Default)]
struct Checks(Vec<Check>);

impl Checks {
    fn ok(&mut self, about: &'static str, text: impl Into<String>) {
        self.0.push(Check { grade: Grade::Ok, about, text: text.into(), remedy: None });
    }

    fn warn(&mut self, about: &'static str, text: impl Into<String>, remedy: impl Into<String>) {
        self.0.push(Check { grade: Grade::Warn, about, text: text.into(), remedy: Some(remedy.into()) });
    }

    fn fail(&mut self, about: &'static str, text: impl Into<String>, remedy: impl Into<String>) {
        self.0.push(Check { grade: Grade::Fail, about, text: text.into(), remedy: Some(remedy.into()) });
    }

    fn failed(&mut self, about: &'static str, what: &str, error: CallError) {
        let Failure { text, hint, .. } = Failure::from(error);
        let remedy = hint.unwrap_or_else(|| "see `bedrock-reconciler explain`".to_owned());
        self.fail(about, format!("{what}{text}"), remedy);
    }
}

pub(crate) async fn run(setup: &Setup, accounts: &[String]) -> Result<Exit, Failure> {
    let program = setup.global.spelled();
    let mut checks = Checks::default();
    endpoint(setup, &mut checks);
    state_folder(setup, &mut checks);
    let sources = setup.sources();
    let written = desired::load_organization(&sources);
    let organization = written.as_ref().ok().cloned();
    let sessions = setup.connect(&organization.clone().unwrap_or_default()).await;
    let own = match sessions.identity().await {
        Ok(own) => {
            checks.ok("credentials", format!("{} in {}", own.arn, own.account));
            Some(own)
        }
        Err(error) => {
            checks.failed("credentials", "", error);
            None
        }
    };
    let mut directory: Option<Directory> = None;
    if let (Some(organization), true) = (&organization, own.is_some())
        && let Some(discovery) = &organization.discover
    {
        let mut needs = discovery.needs();
        // Selectors of declarations may be of units and tags.
        (needs.units, needs.tags) = (true, true);
        match discovery::discover(&sessions, organization.home_region(ScopeKind::Organization), needs).await {
            Ok(found) => directory = Some(found),
            Err(error) => checks.failed("accounts", "", error),
        }
    }
    let loaded = Setup::loaded(&sources, directory.as_ref())?;
    let loaded = match loaded {
        Ok(loaded) => {
            checks.ok(
                "desired",
                format!("{}, {}", setup.global.desired.display(), counted(loaded.declarations.len(), "declaration")),
            );
            Some(loaded)
        }
        Err(_) if !setup.global.desired.exists() => {
            let text = format!("{} is not there", setup.global.desired.display());
            checks.warn("desired", text, format!("{program} init"));
            None
        }
        Err(problems)
            if written.is_ok() && problems.iter().all(|one| one.code == reconciler_model::codes::NO_DECLARATIONS) =>
        {
            checks.warn("desired", "nothing is declared yet", format!("{program} adopt"));
            None
        }
        Err(problems) => {
            let first = problems.first().map(|problem| problem.detail.clone()).unwrap_or_default();
            checks.fail(
                "desired",
                format!("{}: {first}", counted(problems.len(), "problem")),
                format!("{program} validate"),
            );
            None
        }
    };
    let organization = loaded.as_ref().map(|loaded| loaded.organization().clone()).or(organization);
    if let Some(organization) = &organization {
        let asked = Places { account: accounts.to_vec(), ..Places::default() };
        check_places(organization, &asked)?;
        if own.is_some() && !organization.is_to_be_discovered() {
            let names = organization.accounts.iter().map(|account| (account.id.clone(), account.name.clone()));
            sessions.name_accounts(names);
            let progress = Progress::new(setup.screen);
            let reconciler = setup.reconciler(sessions.clone(), &progress);
            let mut scopes = organization.scopes();
            scopes.retain(|scope| asked.take(&scope.account, &scope.region, ""));
            let questions = questions(organization, loaded.as_ref(), &asked);
            let asking: Vec<Question> = questions.iter().map(|(_, _, question)| question.clone()).collect();
            let (reached, doubts) = tokio::join!(reconciler.reach(&scopes), asked_of(&reconciler, &asking));
            let unreachable = reach(&mut checks, &sessions, &reached);
            clock(&mut checks, &reached);
            permissions(&mut checks, &questions, doubts, &unreachable);
        }
    }
    if let Some(loaded) = &loaded {
        match (loaded.pins.is_empty(), loaded.unpinned(&loaded.wanted())) {
            (_, 0) => checks.ok("pins", "every pointer is pinned"),
            (true, count) => checks.warn(
                "pins",
                format!("nothing is pinned, and {} lead wherever others point them", counted(count, "pointer")),
                format!("{program} pin"),
            ),
            (false, count) => {
                checks.warn("pins", format!("{} not pinned", counted(count, "pointer")), format!("{program} pin"))
            }
        }
    }
    let worst = checks.0.iter().map(|check| check.grade).max().unwrap_or(Grade::Ok);
    let exit = Exit::from(Outcome::of_examining(worst == Grade::Fail));
    let told = json!({ "checks": checks.0, "worst": worst, "exit": exit.code() });
    setup.screen.json(&documents::named(documents::EXAMINATION, told))?;
    for Check { grade, about, text, remedy } in &checks.0 {
        let grade = match grade {
            Grade::Ok => paint(GOOD, "ok  "),
            Grade::Warn => paint(DOUBT, "warn"),
            Grade::Fail => paint(BAD, "FAIL"),
        };
        setup.screen.line(format_args!("{grade}  {about:<12}  {text}"))?;
        if let Some(remedy) = remedy {
            setup.screen.line(format_args!("                    {}  {remedy}", paint(DO, "next")))?;
        }
    }
    Ok(exit)
}

fn endpoint(setup: &Setup, checks: &mut Checks) {
    let named = std::env::var("AWS_ENDPOINT_URL").ok().filter(|url| !url.is_empty());
    match (&setup.global.aws, named) {
        (Aws::Embedded(scenario), _) => checks.ok("endpoint", format!("the AWS in this process, scenario {scenario}")),
        (Aws::Live, Some(url)) => checks.ok("endpoint", format!("{url}, as AWS_ENDPOINT_URL says: not AWS itself")),
        (Aws::Live, None) => checks.ok("endpoint", "AWS"),
    }
}

/// Whether the journal could be written, and whether somebody has it.
fn state_folder(setup: &Setup, checks: &mut Checks) {
    const ABOUT: &str = "state";
    let Some(path) = setup.state_path() else {
        return checks.fail(ABOUT, "there is no place for the state folder", "name one with --state DIR");
    };
    let is_there = path.is_dir();
    let Some(nearest) = path.ancestors().find(|folder| folder.is_dir()).map(Path::to_owned) else {
        return checks.fail(ABOUT, format!("{} cannot be made", path.display()), "name another with --state DIR");
    };
    if let Err(error) = tempfile::tempfile_in(&nearest) {
        let text = format!("{} cannot be written to: {error}", nearest.display());
        return checks.fail(ABOUT, text, "give it to the user that runs this, or name another with --state DIR");
    }
    if !is_there {
        return checks.ok(ABOUT, format!("{} is made by the first run that writes", path.display()));
    }
    let owner = std::fs::metadata(path).map(|data| std::os::unix::fs::MetadataExt::uid(&data)).ok();
    let own = nix::unistd::Uid::effective().as_raw();
    if owner.is_some_and(|owner| owner != own) {
        let text = format!("{} belongs to user {}, and this is user {own}", path.display(), owner.unwrap_or_default());
        checks.warn(ABOUT, text, "run as that user: a journal that two users write is refused by one of them");
    } else {
        checks.ok(ABOUT, format!("{} can be written to", path.display()));
    }
    if let Some(holder) = state::holder(path) {
        checks.warn("lock", format!("{holder} holds the state folder"), "other runs that write wait for it to end");
    }
    if let Some(reason) = StateFolder::open(path).ok().and_then(|state| state.paused()) {
        checks.warn(
            "brakes",
            format!("paused: {reason}"),
            format!("remove {} to resume", path.join("paused").display()),
        );
    }
}

/// Accounts and regions; gives the accounts that cannot be reached at all.
fn reach(checks: &mut Checks, sessions: &Sessions, reached: &[Reached]) -> BTreeSet<String> {
    let mut by_account: BTreeMap<&str, Vec<&Reached>> = BTreeMap::new();
    reached.iter().for_each(|one| by_account.entry(&one.scope.account).or_default().push(one));
    let (mut entered, mut regions, mut unreachable) = (0, 0, BTreeSet::new());
    for (account, all) in &by_account {
        let good = all.iter().filter(|one| one.who.is_ok()).count();
        entered += usize::from(good > 0);
        regions += good;
        let first = all.iter().find_map(|one| one.who.as_ref().err().map(|error| (one, error)));
        let Some((one, error)) = first else { continue };
        if good == 0 {
            unreachable.insert((*account).to_owned());
            let role = sessions.role_in(&one.scope.account_id).map(|role| format!("{role}: ")).unwrap_or_default();
            checks.failed("roles", &format!("{account}: {role}"), error.clone());
            continue;
        }
        for one in all {
            if let Err(error) = &one.who {
                checks.failed("regions", &format!("{}: ", one.scope), error.clone());
            }
        }
    }
    if entered == by_account.len() {
        checks.ok("roles", format!("{entered} of {} reached", counted(by_account.len(), "account")));
    }
    if regions == reached.len() {
        checks.ok("regions", format!("{regions} of {} answer", counted(reached.len(), "place")));
    }
    unreachable
}

fn clock(checks: &mut Checks, reached: &[Reached]) {
    const ABOUT: &str = "clock";
    // The answer was on its way for some time, so that the least difference is the nearest to the truth.
    let Some(skew) = reached.iter().filter_map(|one| one.skew).min_by_key(|skew| skew.abs()) else {
        return checks.warn(ABOUT, "no answer has a date", "compare the clock of this machine with another one");
    };
    let way = if skew < 0 { "behind" } else { "ahead of" };
    let text = format!("{} s {way} AWS", skew.abs());
    let remedy = "set the clock of this machine, for instance with chrony: AWS refuses what is signed five minutes early or late";
    match skew.abs() {
        skew if skew >= SKEW_FAILS => checks.fail(ABOUT, text, remedy),
        skew if skew >= SKEW_WARNS => checks.warn(ABOUT, text, remedy),
        0..=1 => checks.ok(ABOUT, "as AWS has it"),
        _ => checks.ok(ABOUT, text),
    }
}

/// What is asked: the kind, whether it is about reading, and the question.
type Asking = (&'static str, bool, Question);

/// One question for each kind that is declared in an account, to read and to restore, in the first region that has it.
fn questions(organization: &Organization, loaded: Option<&Desired>, asked: &Places) -> Vec<Asking> {
    let mut places: BTreeMap<(String, &'static str), (Scope, BTreeSet<String>)> = BTreeMap::new();
    for one in loaded.map(Desired::wanted).unwrap_or_default() {
        let address = &one.address;
        let Some(kind) = KINDS.iter().find(|kind| kind.name() == address.kind) else { continue };
        if !asked.take(&address.account, &address.region, "") {
            continue;
        }
        let scope = Scope {
            account: address.account.clone(),
            account_id: one.account_id.clone(),
            region: address.region.clone(),
        };
        let (scope, names) =
            places.entry((address.account.clone(), kind.name())).or_insert_with(|| (scope, BTreeSet::new()));
        if scope.region == address.region && names.len() < NAMES {
            names.insert(address.name.clone());
        }
    }
    let mut questions = Vec::new();
    for ((_, name), (scope, names)) in places {
        let Some(kind) = KINDS.iter().find(|kind| kind.name() == name) else { continue };
        let needed = kind.contract();
        let place = Place { partition: &organization.partition, region: &scope.region, account_id: &scope.account_id };
        for (is_read, actions) in [(true, needed.to_read), (false, needed.to_restore)] {
            let arns = actions.iter().flat_map(|action| {
                let (service, operation) = action.split_once(':').unwrap_or(("", *action));
                let call = Call::new(service, operation, json!({}));
                names.iter().flat_map(|name| kind.arns(&call, &place, name, None)).collect::<Vec<_>>()
            });
            let question = Question {
                scope: scope.clone(),
                actions: actions.iter().map(|action| (*action).to_owned()).collect(),
                arns: arns.filter(|arn| arn != "*").collect(),
            };
            questions.push((needed.name, is_read, question));
        }
    }
    questions
}

type Answers = Result<Vec<Result<Doubts, String>>, CallError>;

async fn asked_of(reconciler: &Reconciler<'_>, questions: &[Question]) -> Answers {
    reconciler.doubts(questions).await
}

fn permissions(checks: &mut Checks, questions: &[Asking], answers: Answers, unreachable: &BTreeSet<String>) {
    const ABOUT: &str = "permissions";
    let answers = match answers {
        Ok(answers) => answers,
        Err(error) => return checks.failed(ABOUT, "", error),
    };
    let mut not_asked: BTreeMap<&str, String> = BTreeMap::new();
    let (mut denied, mut unsure) = (BTreeMap::new(), BTreeMap::new());
    let mut asked = BTreeSet::new();
    for ((kind, is_read, question), answer) in questions.iter().zip(answers) {
        let account = question.scope.account.as_str();
        if unreachable.contains(account) {
            continue;
        }
        asked.insert(account);
        match answer {
            Err(why) => _ = not_asked.entry(account).or_insert(why),
            Ok(doubts) => {
                let actions = doubts.denied.into_keys();
                let place = (account, *kind, *is_read, doubts.principal);
                let all: Vec<String> = actions.collect();
                if !all.is_empty() {
                    denied.insert(place.clone(), all);
                }
                if !doubts.unsure.is_empty() {
                    unsure.insert(place, doubts.unsure.into_iter().collect::<Vec<_>>());
                }
            }
        }
    }
    let what = |is_read: bool| if is_read { "read" } else { "restore" };
    for ((account, kind, is_read, principal), actions) in &denied {
        checks.fail(
            ABOUT,
            format!("{account}: {principal} may not {} {kind}: {} not allowed", what(*is_read), actions.join(", ")),
            "allow them in the policy of that role (README, Permissions), or leave the kind out of the declarations",
        );
    }
    for ((account, kind, is_read, principal), actions) in &unsure {
        checks.warn(
            ABOUT,
            format!(
                "{account}: {principal} may perhaps not {} {kind}: {} not allowed on everything",
                what(*is_read),
                actions.join(", ")
            ),
            "make sure that the policies name the resources: which they are is not known before they are read",
        );
    }
    for (account, why) in &not_asked {
        checks.warn(
            ABOUT,
            format!("{account}: IAM's simulation could not be asked: {why}"),
            "allow iam:SimulatePrincipalPolicy on the role itself; runs go on without it",
        );
    }
    if denied.is_empty() && unsure.is_empty() && not_asked.is_empty() && !asked.is_empty() {
        checks.ok(ABOUT, format!("to read and to restore what is declared, in {}", counted(asked.len(), "account")));
    }
}
