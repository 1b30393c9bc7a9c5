//! Accounts that the file does not list: what it says about them, and what AWS Organizations says.
//!
//! Expected flow: `organization.yaml` says `accounts: discover`; the desired state is loaded in form, with one account
//! standing in for all; the caller asks AWS for what [`Needs`] names, and loads again with the [`Directory`].
//!
//! # Guarantees
//! - An account is known by the name in Organizations. A character that means something in addresses and selectors becomes
//!   `-`, and spaces around the name are dropped. Two accounts whose names become one, or a name that means something else as a
//!   whole, is an error until `names` says what to call them.
//! - An account that is not active keeps its place: `all`, units and tags pass it by, and a selector that names it takes it,
//!   so that what is wanted there is a gap and not forgotten. Where it has the name of an active one, its id is added.
//! - The management account must be the one that the file says: another organization is an error.

use std::collections::{BTreeMap, BTreeSet};

use serde::Serialize;

use super::item::Item;
use super::organization::{self, Account, Organization, is_account_id, is_odd, read_name, wrong_with_name};
use super::selection::{self, selects};
use crate::codes;
use crate::diagnostic::{Diagnostic, Place};

/// What the file says about accounts that it does not list.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize)]
pub struct Discovery {
    /// Selectors of accounts that are left out: names, ids, units or `tag=value`.
    pub exclude: BTreeSet<String>,
    /// What to call accounts, by id, instead of their names in Organizations.
    pub names: BTreeMap<String, String>,
    /// Where the file says so.
    #[serde(skip)]
    pub at: Option<Place>,
    /// Where the file names the management account.
    #[serde(skip)]
    pub(super) management_at: Option<Place>,
}

impl Discovery {
    /// What has to be asked because of what is excluded.
    pub fn needs(&self) -> Needs {
        let mut needs = Needs::default();
        self.exclude.iter().for_each(|selector| needs.add(selector));
        needs
    }
}

/// One organizational unit.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Unit {
    /// The id: `ou-` and so on.
    pub id: String,
    /// The name, which is unique among the units of its parent.
    pub name: String,
}

/// What has to be asked besides the accounts, because selectors use it.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Needs {
    /// The organizational units.
    pub units: bool,
    /// The tags of the accounts: one call for each of them.
    pub tags: bool,
}

impl Needs {
    /// What a selector needs.
    pub(super) fn add(&mut self, selector: &str) {
        match selection::form_of(selector) {
            selection::Form::Tag => self.tags = true,
            selection::Form::Unit => self.units = true,
            selection::Form::Name => {}
        }
    }
}

/// The accounts of an organization, as AWS Organizations says. Names are those in Organizations.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Directory {
    /// The id of the management account.
    pub management: String,
    /// Every account, with what was asked for.
    pub accounts: Vec<Account>,
}

/// Reads `accounts: discover` or `accounts: {discover: {...}}`; `None` when it is something else.
pub(super) fn read(accounts: &Item<'_>, problems: &mut Vec<Diagnostic>) -> Option<Discovery> {
    let at = Some(accounts.place());
    if accounts.raw() == Some("discover") {
        return Some(Discovery { at, ..Discovery::default() });
    }
    accounts.members()?;
    accounts.only(&["discover"], |_| None, problems);
    let Some(discover) = accounts.required("discover", "`{}`, or what to exclude and how to name", problems) else {
        return Some(Discovery { at, ..Discovery::default() });
    };
    discover.only(&["exclude", "names"], |_| None, problems);
    let mut exclude = BTreeSet::new();
    if let Some(list) = discover.get("exclude") {
        match list.elements() {
            Some(items) => exclude.extend(items.iter().filter_map(|item| item.raw().map(str::to_owned))),
            None => {
                let detail = "`exclude` is not a list";
                problems.push(list.problem(codes::WRONG_SHAPE, detail, "list names, ids, units or tag=value"));
            }
        }
    }
    let names = discover.get("names").map(|names| read_names(&names, problems)).unwrap_or_default();
    Some(Discovery { exclude, names, at, management_at: None })
}

fn read_names(names: &Item<'_>, problems: &mut Vec<Diagnostic>) -> BTreeMap<String, String> {
    let Some(members) = names.members() else {
        let detail = "`names` is not a mapping";
        problems.push(names.problem(codes::WRONG_SHAPE, detail, "write {\"111122223333\": prod}"));
        return BTreeMap::new();
    };
    let mut found = BTreeMap::new();
    for (entry, item) in members {
        if !is_account_id(&entry.key) {
            let detail = format!("`{}` is not twelve digits", entry.key);
            let remedy = "write the twelve digits in quotes; zeros at the beginning count";
            problems.push(item.problem(codes::ACCOUNT_ID, detail, remedy));
        } else if let Some(name) = read_name(&item, problems) {
            found.insert(entry.key.clone(), name);
        }
    }
    found
}

/// A name of Organizations as addresses can hold it.
fn mapped(name: &str) -> String {
    let name: String = name.trim().chars().map(|character| if is_odd(character) { '-' } else { character }).collect();
    name.trim().to_owned()
}

/// Puts the accounts of the directory into an organization whose accounts are discovered.
pub(super) fn fill(organization: &mut Organization, directory: &Directory, problems: &mut Vec<Diagnostic>) {
    let Some(discovery) = &organization.discover else { return };
    let mut problem = |at: &Option<Place>, detail: String, remedy: &str| {
        problems.push(Diagnostic::new(codes::ORGANIZATION, at.clone(), detail, remedy));
    };
    for id in discovery.names.keys().filter(|id| !directory.accounts.iter().any(|account| account.id == **id)) {
        problem(&discovery.at, format!("`names`: the organization has no account {id}"), "remove it, or correct it");
    }
    let mut accounts: Vec<Account> = Vec::new();
    for account in &directory.accounts {
        let name = discovery.names.get(&account.id).cloned().unwrap_or_else(|| mapped(&account.name));
        accounts.push(Account { name, ..account.clone() });
    }
    for selector in &discovery.exclude {
        if !accounts.iter().any(|account| selects(selector, account)) {
            let detail = format!("`exclude`: no account of the organization is `{selector}`");
            problem(
                &discovery.at,
                detail,
                "correct it, or remove it; what is not excluded is read, and may be written to",
            );
        }
    }
    accounts.retain(|account| !discovery.exclude.iter().any(|selector| selects(selector, account)));
    name_apart(&mut accounts);
    check_names(&accounts, discovery, &mut problem);
    let management = accounts.iter().find(|account| account.id == directory.management);
    let written = &organization.management_account;
    let at = discovery.management_at.as_ref().or(discovery.at.as_ref()).cloned();
    match management {
        Some(account) if *written == account.id || *written == account.name => {
            organization.management_account = account.name.clone();
        }
        Some(account) => problem(
            &at,
            format!("the management account is {} ({}), not `{written}`", account.name, account.id),
            "look whether the credentials are those of the organization that is meant; then write its management account",
        ),
        None => problem(
            &at,
            format!("the management account {} is excluded, or not listed", directory.management),
            "leave it in, and use `where` to say what does not apply to it",
        ),
    }
    accounts.sort_by(|one, two| one.name.cmp(&two.name));
    organization.accounts = accounts;
}

/// Adds the id to the name of an account that is not active where an active one has the name too.
fn name_apart(accounts: &mut [Account]) {
    let active: BTreeSet<String> =
        accounts.iter().filter(|account| account.state.is_none()).map(|account| account.name.clone()).collect();
    let mut others: BTreeMap<String, usize> = BTreeMap::new();
    for account in accounts.iter().filter(|account| account.state.is_some()) {
        *others.entry(account.name.clone()).or_default() += 1;
    }
    for account in accounts.iter_mut().filter(|account| account.state.is_some()) {
        let shared = active.contains(&account.name) || others.get(&account.name).is_some_and(|count| *count > 1);
        if shared || wrong_with_name(&account.name).is_some() {
            account.name = format!("{}-{}", account.name, account.id);
        }
    }
}

fn check_names(accounts: &[Account], discovery: &Discovery, problem: &mut impl FnMut(&Option<Place>, String, &str)) {
    const REMEDY: &str = "say what to call it: `accounts: {discover: {names: {\"ACCOUNT ID\": NAME}}}`";
    let mut seen: BTreeMap<&str, &Account> = BTreeMap::new();
    for account in accounts {
        if let Some(wrong) = wrong_with_name(&account.name) {
            problem(&discovery.at, format!("account {}: {wrong}", account.id), REMEDY);
        } else if let Some(other) = seen.insert(&account.name, account) {
            let detail = format!("the accounts {} and {} are both called `{}`", other.id, account.id, account.name);
            problem(&discovery.at, detail, REMEDY);
        }
    }
}

/// The organization with one account that stands in for those that are not known yet.
pub(super) fn with_stand_in(organization: &Organization) -> Organization {
    let scope = super::fan_out::stand_in();
    let account = Account { id: scope.account_id, name: scope.account, ..Account::default() };
    Organization { management_account: account.name.clone(), accounts: vec![account], ..organization.clone() }
}

/// The accounts that nothing is read from because they are not active, in words; for a remark.
pub fn not_active(organization: &Organization) -> Vec<String> {
    let inactive = |account: &organization::Account| {
        let state = account.state.as_ref()?;
        Some(format!("account {} ({}) is {state} in Organizations", account.name, account.id))
    };
    organization.accounts.iter().filter_map(inactive).collect()
}
