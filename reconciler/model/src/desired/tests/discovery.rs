//! Accounts that the file does not list: in form without AWS, and in the organization that AWS tells of.

use insta::assert_snapshot;

use super::*;
use crate::desired::{Account, Directory, Needs, Unit, load_in, not_active};

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
    assert_snapshot!(selected("[Workloads/Prodution]"), @r"
    a.yaml:2:20 BRX0303 no account is in the organizational unit `Workloads/Prodution`
        did you mean `Workloads/Production`?
    ");
    assert_snapshot!(selected("[Nobody, /, \"!prod\", env=test]"), @r"
    a.yaml:2:20 BRX0303 no account has the name or id `Nobody`
        use the name or id of an account of the organization, a unit, or tag=value
    a.yaml:2:28 BRX0303 `/` is no path of an organizational unit
        write `all` for every account
    a.yaml:2:31 BRX0303 `!prod`: accounts cannot be excluded
        list the accounts that are meant, or give them a tag
    ");
}

/// `all` passes a suspended account by, and its unit too; its own name or id does not, so that what is wanted there is a
/// gap when it is read.
#[test]
fn an_account_that_is_not_active_is_taken_only_where_it_is_named() {
    assert_eq!(told(DISCOVER, &log("[\"444455556666\"]")), "prod-444455556666/us-east-1/log/default");
    assert!(told(DISCOVER, &log("[Suspended/]")).contains("no account is selected"));
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
    assert_snapshot!(with("{names: {\"222233334444\": Main}}"), @r#"
    organization.yaml:5:11 BRX0302 the accounts 111122223333 and 222233334444 are both called `Main`
        say what to call it: `accounts: {discover: {names: {"ACCOUNT ID": NAME}}}`
    "#);
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
