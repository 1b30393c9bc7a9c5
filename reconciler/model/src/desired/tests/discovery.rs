//! Accounts that the file does not list: in form without AWS, and in the organization that AWS tells of.

use insta::assert_snapshot;

use super::*;
use crate::desired::{Account, Directory, Needs, Unit, load_in, not_active};
use crate::drift::Drift;

const DISCOVER: &str = "\
partition: aws
managementAccount: \"111122223333\"
role: reconciler
regions: [us-east-1, eu-west-1]
accounts: discover
";

fn account(id: &str, name: &str, units: &[&str]) -> Account {
    let unit = |name: &&str| Unit { id: format!("ou-r-{}", name.to_lowercase()), name: (*name).to_owned() };
    let units = units.iter().map(unit).collect();
    Account { id: id.to_owned(), name: name.to_owned(), units, ..Account::default() }
}

fn directory() -> Directory {
    let mut old = account("444455556666", "prod", &["Suspended"]);
    old.state = Some("SUSPENDED".to_owned());
    let mut prod = account("222233334444", "prod", &["Workloads", "Production"]);
    prod.tags.insert("env".to_owned(), "prod".to_owned());
    let test = account("333344445555", " Team A/B: tests! ", &["Workloads", "Test"]);
    Directory {
        management: "111122223333".to_owned(),
        accounts: vec![account("111122223333", "Main", &[]), prod, test, old],
        unread: None,
    }
}

fn sources(organization: &str, declarations: &str) -> Vec<Source> {
    vec![source("organization.yaml", organization), source("a.yaml", declarations)]
}

/// The addresses, or what is wrong, in the organization of the directory.
fn told(organization: &str, declarations: &str) -> String {
    match load_in(&sources(organization, declarations), KINDS, CONTROLS, Some(&directory())) {
        Ok(desired) => desired.wanted().iter().map(|wanted| wanted.address.to_string()).collect::<Vec<_>>().join("\n"),
        Err(problems) => listed(&problems),
    }
}

fn log(accounts: &str) -> String {
    format!("kind: log\nwhere: {{accounts: {accounts}, regions: [us-east-1]}}\nspec: {{days: 1}}\n")
}

#[test]
fn names_are_those_of_organizations_in_characters_that_addresses_can_hold() {
    assert_snapshot!(told(DISCOVER, &log("all")), @r"
    Main/us-east-1/log/default
    Team A-B: tests-/us-east-1/log/default
    prod/us-east-1/log/default
    ");
}

#[test]
fn accounts_are_selected_by_name_id_unit_and_tag() {
    let selected = |accounts: &str| told(DISCOVER, &log(accounts));
    assert_eq!(selected("[Workloads/]"), "Team A-B: tests-/us-east-1/log/default\nprod/us-east-1/log/default");
    assert_eq!(selected("[/Workloads/Production]"), "prod/us-east-1/log/default");
    assert_eq!(selected("[ou-r-test]"), "Team A-B: tests-/us-east-1/log/default");
    assert_eq!(selected("[env=prod, \"111122223333\"]"), "Main/us-east-1/log/default\nprod/us-east-1/log/default");
    assert_snapshot!(selected("[/, \"!prod\", env=test]"), @r"
    a.yaml:2:20 BRX0303 `/` is no path of an organizational unit
        write `all` for every account
    a.yaml:2:23 BRX0303 `!prod`: accounts cannot be excluded
        list the accounts that are meant, or give them a tag
    ");
}

/// Whom a selector takes is for AWS to say, which others may write to: that it takes nobody is told in the plan, of what it
/// concerns alone.
#[test]
fn a_selector_that_takes_nobody_leaves_the_others_alone() {
    let other = "kind: filter-set\nname: g\nwhere: {accounts: all, regions: [us-east-1]}\nspec: {}\n";
    let declarations = format!("{}---\n{other}", log("[Workloads/Prodution, Nobody, env=test]"));
    let desired = load_in(&sources(DISCOVER, &declarations), KINDS, CONTROLS, Some(&directory())).expect("valid");
    assert_eq!(desired.wanted().len(), 3);
    let told = |drift: &Drift| format!("{} {}", drift.address, drift.fields[0].want);
    assert_snapshot!(desired.coverage.iter().map(told).collect::<Vec<_>>().join("\n"), @r#"
    Main/us-east-1/pin/where:Nobody "one account or more"
    Main/us-east-1/pin/where:Workloads/Prodution "one account or more; did you mean `Workloads/Production`?"
    Main/us-east-1/pin/where:env=test "one account or more"
    "#);
}

/// `all` passes a suspended account by, and its unit too; its own name or id does not, so that what is wanted there is a
/// gap when it is read.
#[test]
fn an_account_that_is_not_active_is_taken_only_where_it_is_named() {
    assert_eq!(told(DISCOVER, &log("[\"444455556666\"]")), "prod-444455556666/us-east-1/log/default");
    assert_eq!(told(DISCOVER, &log("[Suspended/]")), "");
    let desired =
        load_in(&sources(DISCOVER, &log("all")), KINDS, CONTROLS, Some(&directory())).expect("a desired state");
    assert_eq!(
        not_active(desired.organization()),
        ["account prod-444455556666 (444455556666) is SUSPENDED in Organizations"]
    );
    assert_eq!(desired.scopes().len(), 6, "three accounts are surveyed");
}

#[test]
fn what_is_excluded_is_left_out_and_names_can_be_given() {
    let with =
        |discover: &str| told(&DISCOVER.replace("discover\n", &format!("{{discover: {discover}}}\n")), &log("all"));
    assert_eq!(
        with("{exclude: [Workloads/Test, \"444455556666\"], names: {\"222233334444\": production}}"),
        "Main/us-east-1/log/default\nproduction/us-east-1/log/default"
    );
    assert_snapshot!(with("{exclude: [Main, sandbox], names: {\"222233334444\": Main, \"999988887777\": x, \"12\": y}}"), @r"
    organization.yaml:5:104 BRX0301 `12` is not twelve digits
        write the twelve digits in quotes; zeros at the beginning count
    ");
    assert_snapshot!(with("{exclude: [Main, sandbox], names: {\"999988887777\": x}}"), @r"
    organization.yaml:2:20 BRX0302 the management account 111122223333 is excluded, or not listed
        leave it in, and use `where` to say what does not apply to it
    organization.yaml:5:11 BRX0302 `exclude`: no account of the organization is `sandbox`
        correct it, or remove it; what is not excluded is read, and may be written to
    organization.yaml:5:11 BRX0302 `names`: the organization has no account 999988887777
        remove it, or correct it
    ");
    // A name that is given is kept; one that an account took itself gives way.
    assert_snapshot!(with("{names: {\"222233334444\": Main}}"), @r"
    Main/us-east-1/log/default
    Main-111122223333/us-east-1/log/default
    Team A-B: tests-/us-east-1/log/default
    ");
    assert_snapshot!(with("{names: {\"222233334444\": Main, \"333344445555\": Main}}"), @r"
    organization.yaml:5:11 BRX0302 the accounts 222233334444 and 333344445555 are both to be called `Main`
        give one of them another name in `names`, or make the pins anew with `pin`
    ");
    assert_snapshot!(with("{exlude: [x]}"), @r"
    organization.yaml:5:23 BRX0201 `exlude` is not one of exclude, names
        did you mean `exclude`?
    ");
}

/// The credentials of another organization are noticed before anything is read there.
#[test]
fn another_organization_than_the_file_says_is_an_error() {
    assert_snapshot!(told(&DISCOVER.replace("111122223333", "999988887777"), &log("all")), @r"
    organization.yaml:2:20 BRX0302 the management account is Main (111122223333), not `999988887777`
        look whether the credentials are those of the organization that is meant; then write its management account
    ");
    assert_eq!(told(&DISCOVER.replace("\"111122223333\"", "Main"), &log("[Main]")), "Main/us-east-1/log/default");
}

/// Without AWS everything is checked but which accounts there are.
#[test]
fn what_is_discovered_is_checked_in_form() {
    let form = |declarations: &str| load(&sources(DISCOVER, declarations), KINDS, CONTROLS);
    let desired = form(&log("[Anything, Workloads/Production]")).expect("valid in form");
    assert_eq!((desired.wanted().len(), desired.scopes().len()), (0, 0), "nothing is wanted of a stand-in");
    assert_eq!(desired.needs_directory(), Some(Needs { units: true, tags: false }));
    let all = form(&log("all")).expect("valid in form");
    assert_eq!(all.needs_directory(), Some(Needs::default()));
    let listed_accounts = load_files(&[("a.yaml", &log("[prod]"))]).expect("valid");
    assert_eq!(listed_accounts.needs_directory(), None);
    let told =
        |declarations: &str| form(declarations).map_or_else(|problems| listed(&problems), |_| "nothing".to_owned());
    assert_snapshot!(told("kind: log\nwhere: {accounts: ['!x'], regions: [eu-west-9]}\nspec: {days: many}\n"), @r#"
    a.yaml:2:20 BRX0303 `!x`: accounts cannot be excluded
        list the accounts that are meant, or give them a tag
    a.yaml:2:37 BRX0303 `eu-west-9` is not a region of organization.yaml
        did you mean `eu-west-1`?
    a.yaml:3:14 BRX0204 days: invalid type: string "many", expected u32
        see `bedrock-reconciler schema` for the keys and types of each kind
    "#);
    let references = "\
kind: filter-set\nname: a\nwhere: {accounts: [x]}\nspec: {message: \"${ref:filter-set/c.name}\"}\n---
kind: filter-set\nname: b\nwhere: {accounts: [y]}\nspec: {message: \"${ref:filter-set/d@prod/us-east-1.name}\"}\n---
kind: filter-set\nname: d\nwhere: {accounts: [y]}\nspec: {message: 31 characters are more than 30 ...}\n";
    assert_snapshot!(told(references), @r"
    a.yaml:4:18 BRX0402 `${ref:filter-set/c.name}`: no filter-set named `c` is declared
        declare it, or write the value out
    a.yaml:14:17 BRX0501 message: longer than 30 bytes
        shorten it
    ");
}

/// Two declarations of one name for accounts that are named differently may never meet; two for `all` do.
#[test]
fn what_is_declared_twice_for_certain_is_an_error_in_form() {
    let twice = |one: &str, two: &str| {
        load(&sources(DISCOVER, &format!("{}---\n{}", log(one), log(two))), KINDS, CONTROLS).map(drop)
    };
    assert!(twice("[a]", "[b]").is_ok());
    assert!(twice("[a]", "all").is_err());
    assert!(twice("[a]", "[a]").is_err());
    let both = format!("{}---\n{}", log("[prod]"), log("[Workloads/]"));
    assert!(told(DISCOVER, &both).contains("BRX0205"), "in the real organization they meet");
}

/// A member takes the name of another, `all`, or twelve digits: each is called by its id too, and everything is evaluated.
#[test]
fn a_name_that_a_member_takes_does_not_matter_to_the_others() {
    let named = |test: &str| {
        let mut directory = directory();
        test.clone_into(&mut directory.accounts[2].name);
        let desired = load_in(&sources(DISCOVER, &log("all")), KINDS, CONTROLS, Some(&directory)).expect("valid");
        desired.wanted().iter().map(|one| one.address.account.clone()).collect::<Vec<_>>().join(", ")
    };
    assert_eq!(named("prod"), "Main, prod-222233334444, prod-333344445555");
    assert_eq!(named("all"), "Main, all-333344445555, prod");
    assert_eq!(named("222233334444"), "222233334444-333344445555, Main, prod");
    assert_eq!(named(""), "-333344445555, Main, prod");
}

/// With pins an account keeps its name and a selector whom it took; that it is otherwise is told of that account.
#[test]
fn what_is_pinned_of_accounts_is_held() {
    let declarations = log("[Workloads/Production, prod]").replace("spec", "controls: [aws-genai-02]\nspec");
    let load = |directory: &Directory, pins: Option<&str>| {
        let mut sources = sources(DISCOVER, &declarations);
        sources.extend(pins.map(|pins| source("pins.lock", pins)));
        load_in(&sources, KINDS, CONTROLS, Some(directory)).expect("valid")
    };
    let desired = load(&directory(), None);
    let mut pins = crate::desired::Pins::default();
    for (key, value) in &desired.to_pin {
        pins.set("Main", "111122223333", "us-east-1", key, value.clone());
    }
    let text = pins.to_text().expect("YAML");
    assert_snapshot!(text, @r"
    # What aliases, tags and names led to. Written by `bedrock-reconciler pin`, looked at by `pin --check` and by every plan.
    # A change here is a change of what declarations mean: review it like one.
    version: 2
    pins:
      Main/us-east-1:
        account: '111122223333'
        account:Main: '111122223333'
        'account:Team A-B: tests-': '333344445555'
        account:prod: '222233334444'
        where:Workloads/Production:
        - '222233334444'
        where:prod:
        - '222233334444'
    ");
    let after = |change: &dyn Fn(&mut Vec<Account>)| {
        let mut directory = directory();
        change(&mut directory.accounts);
        let desired = load(&directory, Some(&text));
        let wanted: Vec<String> =
            desired.wanted().iter().map(|one| format!("{} {}", one.address, one.account_id)).collect();
        let told = desired.coverage.iter().map(|one| {
            let field = &one.fields[0];
            format!("\n  {}: {} instead of {} {:?}", one.address, field.live, field.want, one.controls)
        });
        wanted.join(", ") + &told.collect::<String>()
    };
    let same = "prod/us-east-1/log/default 222233334444";
    assert_eq!(after(&|_| {}), same);
    // It leaves its unit; it is renamed; another takes its name; it leaves the organization; two swap their names.
    assert_snapshot!(after(&|all| all[1].units.clear()), @r#"
    prod/us-east-1/log/default 222233334444
      prod/us-east-1/pin/where:Workloads/Production: null instead of "222233334444" ["aws-genai-02"]
    "#);
    assert_snapshot!(after(&|all| all[1].name = "sandbox".to_owned()), @r#"
    prod/us-east-1/log/default 222233334444
      prod/us-east-1/pin/account:prod: null instead of "222233334444" ["aws-genai-02"]
    "#);
    assert_snapshot!(after(&|all| all[2].name = "prod".to_owned()), @r#"
    prod/us-east-1/log/default 222233334444
      Team A-B: tests-/us-east-1/pin/account:Team A-B: tests-: null instead of "333344445555" []
    "#);
    assert_snapshot!(after(&|all| { all.remove(1); }), @r#"
    prod/us-east-1/log/default 222233334444
      prod/us-east-1/pin/account:prod: null instead of "222233334444" ["aws-genai-02"]
    "#);
    assert_snapshot!(after(&|all| {
        all[1].name = "Team A-B: tests-".to_owned();
        all[2].name = "prod".to_owned();
    }), @r#"
    prod/us-east-1/log/default 222233334444
      Team A-B: tests-/us-east-1/pin/account:Team A-B: tests-: "222233334444" instead of "333344445555" []
      prod/us-east-1/pin/account:prod: "333344445555" instead of "222233334444" ["aws-genai-02"]
    "#);
    // What grows is not drift.
    assert_eq!(
        after(&|all| all[2].units = all[1].units.clone()),
        format!("Team A-B: tests-/us-east-1/log/default 333344445555, {same}")
    );
}

/// An account cannot be taken out of sight: neither by a tag or a unit under which a selector leaves others out, nor by the name of
/// one that is left out.
#[test]
fn what_is_left_out_is_pinned_too() {
    let organization = DISCOVER
        .replace("discover\n", "{discover: {exclude: [sandbox=true, \" Team A/B: tests! \", Team A-B: tests-]}}\n");
    let organization =
        organization.replace("\" Team A/B: tests! \", ", "").replace("Team A-B: tests-", "\"Team A-B: tests-\"");
    let load = |directory: &Directory, pins: Option<&str>| {
        let mut sources = sources(&organization, &log("all").replace("spec", "controls: [aws-genai-02]\nspec"));
        sources.extend(pins.map(|pins| source("pins.lock", pins)));
        load_in(&sources, KINDS, CONTROLS, Some(directory))
    };
    let mut all = directory();
    all.accounts.push(account("555566667777", "lab", &[]));
    all.accounts[4].tags.insert("sandbox".to_owned(), "true".to_owned());
    let desired = load(&all, None).unwrap_or_else(|problems| panic!("{}", listed(&problems)));
    let mut pins = crate::desired::Pins::default();
    for (key, value) in &desired.to_pin {
        pins.set("Main", "111122223333", "us-east-1", key, value.clone());
    }
    let text = pins.to_text().expect("YAML");
    let after = |change: &dyn Fn(&mut Vec<Account>)| {
        let mut all = all.clone();
        change(&mut all.accounts);
        let desired = load(&all, Some(&text)).unwrap_or_else(|problems| panic!("{}", listed(&problems)));
        let wanted: Vec<String> = desired.wanted().iter().map(|one| one.address.account.clone()).collect();
        let told: String = desired.coverage.iter().map(|one| format!("; {}", one.address)).collect();
        wanted.join(", ") + &told
    };
    assert_eq!(after(&|_| {}), "Main, prod");
    let tag = |one: &mut Account| one.tags.insert("sandbox".to_owned(), "true".to_owned());
    assert_eq!(after(&|all| drop(tag(&mut all[1]))), "Main, prod; prod/us-east-1/pin/exclude:sandbox=true");
    // One that came since is left out by its tag as anybody was, and is not by its name.
    let newcomer = |name: &str| account("666677778888", name, &[]);
    assert_eq!(
        after(&|all| {
            all.push(newcomer("new"));
            drop(tag(all.last_mut().expect("one")))
        }),
        "Main, prod"
    );
    assert_eq!(
        after(&|all| all.push(newcomer("Team A-B: tests-"))),
        "Main, Team A-B: tests-, prod; Team A-B: tests-/us-east-1/pin/exclude:Team A-B: tests-"
    );
}

/// However names are chosen, no two accounts have the same address.
#[test]
fn no_two_accounts_have_one_name() {
    let names = |names: [&str; 3]| {
        let mut all = directory();
        for (account, name) in all.accounts.iter_mut().zip(names) {
            name.clone_into(&mut account.name);
        }
        let desired = load_in(&sources(DISCOVER, &log("all")), KINDS, CONTROLS, Some(&all)).expect("valid");
        desired
            .wanted()
            .iter()
            .map(|one| format!("{}={}", one.address.account, &one.account_id[..3]))
            .collect::<Vec<_>>()
            .join(", ")
    };
    assert_snapshot!(names(["zed", "zed", "zed-222233334444"]), @r"
    zed-111122223333=111, zed-222233334444=222, zed-222233334444-333344445555=333
    ");
    assert_snapshot!(names(["zed", "zed-111122223333", "zed-111122223333"]), @r"
    zed=111, zed-111122223333-222233334444=222, zed-111122223333-333344445555=333
    ");
    assert_snapshot!(names(["a-222233334444", "a", "a"]), @r"
    a-222233334444=222, a-222233334444-111122223333=111, a-333344445555=333
    ");
}
