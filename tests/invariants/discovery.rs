//! The accounts of the organization: all of them, each in its place, or an error; and never faster than AWS allows.

use std::collections::BTreeMap;

use reconciler_aws::{Connection, ErrorClass, Retries, Sessions};
use reconciler_emulator::{AccountSeed, Effect, Emulator, Fault, Match, Options, OrganizationSeed};
use reconciler_kinds::sources::discovery::discover;
use reconciler_model::codes;
use reconciler_model::desired::{Account, Needs};
use reconciler_tests::declarations::source;
use reconciler_tests::world::{World, told};

const MANAGEMENT: &str = "111122223333";
const HOME: &str = "us-east-1";
const ALL: Needs = Needs { units: true, tags: true };

/// So many accounts in units three deep, every fifth of them suspended.
fn accounts(count: usize) -> Vec<AccountSeed> {
    let member = |number: usize| {
        let mut account = AccountSeed::new(format!("2{number:011}"), format!("member {number}"));
        account.ou = ["", "Workloads", "Workloads/Production", "Workloads/Production/Payments"][number % 4].to_owned();
        account.tags = BTreeMap::from([("number".to_owned(), number.to_string())]);
        account.state = (number % 5 == 4).then(|| "SUSPENDED".to_owned());
        account
    };
    let mut all = vec![AccountSeed::new(MANAGEMENT, "management")];
    all.extend((0..count).map(member));
    all
}

async fn sessions(emulator: &Emulator, rates: bool) -> Sessions {
    let retries = Retries { initial_backoff: std::time::Duration::from_millis(1), ..Retries::default() };
    let connection = Connection::in_process(emulator.http_client()).role("bedrock-reconciler").retries(retries);
    connection.known_rates(rates).open().await
}

fn operation(name: &str) -> Match {
    Match { operation: Some(name.to_owned()), ..Match::default() }
}

/// What the seeds say of an account, as the directory should.
fn expected(seed: &AccountSeed, found: &Account) -> Account {
    assert_eq!(found.units.iter().map(|unit| unit.name.as_str()).collect::<Vec<_>>().join("/"), seed.ou);
    Account {
        id: seed.id.clone(),
        name: seed.name.clone(),
        tags: seed.tags.clone(),
        units: found.units.clone(),
        state: seed.state.clone(),
    }
}

/// Pages are short, come in any order, and half of them are empty although there is more. The third world has neither
/// `State` nor `Paths`, as AWS was before 2026.
#[tokio::test]
async fn every_account_is_found_in_its_place_whatever_the_pages_are_like() {
    for (seed, older) in [(1, false), (2, false), (3, true)] {
        let seeds = accounts(45);
        let organization =
            OrganizationSeed { account_state: !older, account_paths: !older, ..OrganizationSeed::default() };
        let emulator = Emulator::new(Options {
            seed,
            empty_page_probability: 0.5,
            accounts: seeds.clone(),
            organization: Some(organization),
            ..Options::default()
        });
        let directory = discover(&sessions(&emulator, false).await, HOME, ALL).await.expect("the accounts");
        assert_eq!(directory.management, MANAGEMENT);
        let found: BTreeMap<&str, &Account> =
            directory.accounts.iter().map(|account| (account.id.as_str(), account)).collect();
        assert_eq!(found.len(), seeds.len(), "each account once");
        for seed in &seeds {
            let account = found[seed.id.as_str()];
            assert_eq!(*account, expected(seed, account));
        }
        let calls = emulator.calls();
        let parents = calls.iter().filter(|call| call.operation == "ListAccountsForParent").count();
        assert_eq!(parents > 0, older, "the units are listed only where the accounts do not name them");
    }
}

/// What no selector uses is not asked for.
#[tokio::test]
async fn units_and_tags_cost_calls_only_where_they_are_used() {
    let emulator = Emulator::new(Options { accounts: accounts(20), empty_page_probability: 0.0, ..Options::default() });
    discover(&sessions(&emulator, false).await, HOME, Needs::default()).await.expect("the accounts");
    let mut operations: Vec<String> = emulator.calls().into_iter().map(|call| call.operation).collect();
    operations.sort();
    assert_eq!(operations, ["DescribeOrganization", "GetCallerIdentity", "ListAccounts", "ListAccounts"]);
}

/// Half a directory is none: whatever call fails, there are no accounts, and never fewer of them.
#[tokio::test]
async fn a_call_that_fails_leaves_no_accounts_at_all() {
    for (name, nth) in [
        ("DescribeOrganization", 1),
        ("ListAccounts", 1),
        ("ListAccounts", 3),
        ("ListRoots", 1),
        ("ListOrganizationalUnitsForParent", 2),
        ("ListTagsForResource", 30),
    ] {
        let emulator = Emulator::new(Options { accounts: accounts(45), ..Options::default() });
        let fault = Fault { skip: nth - 1, ..Fault::once(operation(name), Effect::Deny) };
        emulator.inject(vec![fault]);
        let failed = discover(&sessions(&emulator, false).await, HOME, ALL).await.expect_err(name);
        assert_eq!((failed.class, failed.operation), (ErrorClass::Denied, name));
    }
}

/// The caller is in a member account that may not list accounts: the management account is asked, through its role.
#[tokio::test]
async fn a_member_asks_the_management_account() {
    let mut accounts = vec![AccountSeed::new("999988887777", "payer"), AccountSeed::new(MANAGEMENT, "tooling")];
    let world = |accounts: &[AccountSeed], delegates: &[&str]| {
        let organization = OrganizationSeed {
            delegates: delegates.iter().map(|name| (*name).to_owned()).collect(),
            ..OrganizationSeed::default()
        };
        Emulator::new(Options { accounts: accounts.to_vec(), organization: Some(organization), ..Options::default() })
    };
    let assumed = |emulator: &Emulator| emulator.calls().iter().filter(|call| call.operation == "AssumeRole").count();
    let emulator = world(&accounts, &[]);
    let directory = discover(&sessions(&emulator, false).await, HOME, Needs::default()).await.expect("the accounts");
    assert_eq!((directory.management.as_str(), directory.accounts.len(), assumed(&emulator)), ("999988887777", 2, 1));

    let emulator = world(&accounts, &["tooling"]);
    discover(&sessions(&emulator, false).await, HOME, Needs::default()).await.expect("the accounts");
    assert_eq!(assumed(&emulator), 0, "a delegated administrator needs no role");

    accounts[0].denied_roles = vec!["bedrock-reconciler".to_owned()];
    let emulator = world(&accounts, &[]);
    let failed = discover(&sessions(&emulator, false).await, HOME, Needs::default()).await.expect_err("no accounts");
    assert_eq!((failed.class, failed.operation), (ErrorClass::Denied, "AssumeRole"));
}

/// The emulated AWS enforces the documented rates. Who knows them is never throttled, and takes no longer than they demand.
#[tokio::test(start_paused = true)]
async fn known_rates_are_held_to_before_aws_enforces_them() {
    for rates in [true, false] {
        let options =
            Options { throttles: true, empty_page_probability: 0.0, accounts: accounts(300), ..Options::default() };
        let emulator = Emulator::new(options);
        let sessions = sessions(&emulator, rates).await;
        let start = tokio::time::Instant::now();
        let found = discover(&sessions, HOME, ALL).await;
        let throttled = emulator.calls().iter().filter(|call| call.error_code.is_some()).count();
        match rates {
            true => {
                assert_eq!(found.expect("the accounts").accounts.len(), 301);
                assert_eq!(throttled, 0);
                // 301 lists of tags at 10 a second, of which 15 go at once.
                let seconds = start.elapsed().as_secs_f64();
                assert!((28.0..32.0).contains(&seconds), "{seconds} s");
            }
            false => assert!(throttled > 0, "what this is compared with"),
        }
    }
}

const ORGANIZATION: &str = r#"
partition: aws
managementAccount: management
role: bedrock-reconciler
regions: [eu-west-1, us-east-1]
accounts: {discover: {exclude: [Sandbox/]}}
"#;

fn log_group(name: &str, accounts: &str) -> String {
    format!("kind: log-group\nname: {name}\nwhere: {{accounts: {accounts}}}\nspec: {{retentionInDays: 365}}\n")
}

/// h23. A discovered organization is reconciled where its accounts are active; a suspended account that is named is a gap,
/// with its reason, and one that is not named is passed by.
#[tokio::test]
async fn h23_a_suspended_account_is_never_taken_for_an_empty_one() {
    let account = |id: &str, name: &str, ou: &str, state: Option<&str>| {
        let mut seed = AccountSeed::new(id, name);
        seed.ou = ou.to_owned();
        seed.state = state.map(str::to_owned);
        // Nobody becomes anybody in an account that is suspended.
        seed.denied_roles = state.map(|_| "bedrock-reconciler".to_owned()).into_iter().collect();
        seed
    };
    let accounts = vec![
        account(MANAGEMENT, "management", "", None),
        account("222233334444", "prod", "Workloads/Production", None),
        account("333344445555", "play", "Sandbox", None),
        account("444455556666", "legacy", "Workloads", Some("SUSPENDED")),
    ];
    let emulator = Emulator::new(Options { accounts, ..Options::default() });
    let declarations =
        [log_group("/all", "all"), log_group("/unit", "[Workloads/]"), log_group("/named", "[legacy, prod]")];
    let sources = [source("organization.yaml", ORGANIZATION), source("a.yaml", &declarations.join("---\n"))];
    let world = World::over(emulator, &sources).await;
    let plan = world.plan().await.plan;
    // Two regions: /all in two accounts, /unit in one, /named in two.
    assert_eq!((plan.summary.addresses, plan.summary.drifted), (10, 8), "{}", told(&plan));
    let gaps: Vec<(String, &str)> = plan.gaps.iter().map(|gap| (gap.scope.to_string(), gap.code.as_str())).collect();
    let denied = |scope: &str| (scope.to_owned(), codes::DENIED);
    assert_eq!(gaps, [denied("legacy/eu-west-1"), denied("legacy/us-east-1")]);
    world.restore().await;
    let plan = world.plan_again_no_steps().await;
    assert_eq!((plan.summary.in_sync, plan.summary.gaps), (8, 2), "{}", told(&plan));
}
