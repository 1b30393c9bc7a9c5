//! Accounts that the file does not list: what it says about them, and what AWS Organizations says.
//!
//! Expected flow: `organization.yaml` says `accounts: discover`; the desired state is loaded in form, with one account
//! standing in for all; the caller asks AWS for what [`Needs`] names, and loads again with the [`Directory`].
//!
//! # Guarantees
//! - An account is known by the name that it is pinned with, else by that in Organizations. A character that means something in
//!   addresses and selectors becomes `-`, and spaces around the name are dropped. Where two have one name, or a name means
//!   something else as a whole, the id is added to it: any account may take any name, and that must not matter to the others.
//! - An account that is not active keeps its place: `all`, units and tags pass it by, and a selector that names it takes it,
//!   so that what is wanted there is a gap and not forgotten. Where it has the name of an active one, its id is added.
//! - The management account must be the one that the file says: another organization is an error.

use std::collections::{BTreeMap, BTreeSet};

use serde::Serialize;

use super::coverage::Pinned;
use super::item::Item;
use super::load::{Source, read_pins};
use super::organization::{self, Account, Organization, is_account_id, is_odd, read_name, wrong_with_name};
use super::selection::{self, Form, form_of, selects};
use crate::codes;
use crate::diagnostic::{Diagnostic, Place};
use crate::inventory::Unread;
use crate::kind::Kind;

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
    /// Why AWS Organizations was not read; `None` when it was. The accounts are those that are pinned then.
    pub unread: Option<Unread>,
}

impl Directory {
    /// The accounts as somebody saw them when he pinned them, for a run that Organizations does not answer: names, and whom
    /// selectors take, are pinned too. `None` where no accounts are pinned, or none of them is the management account.
    pub fn of_pins(
        sources: &[Source],
        kinds: &[&dyn Kind],
        organization: &Organization,
        unread: Unread,
    ) -> Option<Self> {
        let pins = read_pins(sources, kinds).ok()?;
        let pinned = Pinned::of(&pins);
        let account = |(id, (name, _)): (&&str, &(&str, _))| {
            let name = organization
                .discover
                .as_ref()
                .and_then(|discovery| discovery.names.get(*id))
                .map_or(*name, String::as_str);
            Account { id: (*id).to_owned(), name: name.to_owned(), ..Account::default() }
        };
        let accounts: Vec<Account> = pinned.names.iter().map(account).collect();
        let written = organization.management();
        let management = accounts.iter().find(|account| [&*account.id, &*account.name].contains(&written))?.id.clone();
        Some(Self { management, accounts, unread: Some(unread) })
    }
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
pub(super) fn mapped(name: &str) -> String {
    let name: String = name.trim().chars().map(|character| if is_odd(character) { '-' } else { character }).collect();
    name.trim().to_owned()
}

/// Puts the accounts of the directory into an organization whose accounts are discovered.
pub(super) fn fill(
    organization: &mut Organization,
    directory: &Directory,
    pinned: &Pinned<'_>,
    problems: &mut Vec<Diagnostic>,
) {
    let Some(discovery) = &organization.discover else { return };
    let mut problem = |at: &Option<Place>, detail: String, remedy: &str| {
        problems.push(Diagnostic::new(codes::ORGANIZATION, at.clone(), detail, remedy));
    };
    let is_known = |id: &str| directory.accounts.iter().any(|one| one.id == id) || pinned.names.contains_key(id);
    // What is not listed today cannot be said to be wrong.
    let is_listed = directory.unread.is_none();
    for id in discovery.names.keys().filter(|id| is_listed && !is_known(id)) {
        problem(&discovery.at, format!("`names`: the organization has no account {id}"), "remove it, or correct it");
    }
    let named = directory.accounts.iter().map(|account| {
        let (name, claim) = match (discovery.names.get(&account.id), pinned.names.get(account.id.as_str())) {
            (Some(name), _) => (name.clone(), Claim::Given),
            (None, Some((name, _))) => ((*name).to_owned(), Claim::Given),
            (None, None) if account.state.is_none() => (mapped(&account.name), Claim::Active),
            (None, None) => (mapped(&account.name), Claim::None),
        };
        (Account { name, ..account.clone() }, claim)
    });
    let mut accounts: Vec<(Account, Claim)> = named.collect();
    // An account that has left keeps its name in declarations. Its addresses are gaps and are reported.
    for (id, (name, _)) in &pinned.names {
        if !directory.accounts.iter().any(|account| account.id == **id) {
            let (id, name) = ((*id).to_owned(), discovery.names.get(*id).map_or(*name, String::as_str).to_owned());
            accounts.push((Account { id, name, state: Some(GONE.to_owned()), ..Account::default() }, Claim::Given));
        }
    }
    for selector in &discovery.exclude {
        // Whom it leaves out is known, or nobody can say whom it means.
        if is_listed
            && !pinned.knows_excluded(selector)
            && !accounts.iter().any(|(account, _)| selects(selector, account))
        {
            let detail = format!("`exclude`: no account of the organization is `{selector}`");
            problem(
                &discovery.at,
                detail,
                "correct it, or remove it; what is not excluded is read, and may be written to",
            );
        }
    }
    // The accounts that a selector leaves out are pinned too: a tag, a unit or a name cannot take a pinned account out.
    let is_excluded = |account: &Account| {
        let fits = |selector: &&String| selects(selector, account);
        discovery.exclude.iter().filter(fits).any(|selector| {
            let is_settled = pinned.names.contains_key(account.id.as_str()) || form_of(selector) == Form::Name;
            !(is_settled && pinned.knows_excluded(selector))
        })
    };
    accounts.retain(|(account, _)| !pinned.excludes(&account.id, &discovery.exclude) && !is_excluded(account));
    if let Some((one, other)) = same_name(&accounts) {
        let detail = format!("the accounts {} and {} are both to be called `{}`", other.id, one.id, one.name);
        problem(&discovery.at, detail, "give one of them another name in `names`, or make the pins anew with `pin`");
    }
    let mut accounts = named_apart(accounts, pinned);
    let management = accounts.iter().find(|account| account.id == directory.management);
    let written = organization.management();
    let at = discovery.management_at.as_ref().or(discovery.at.as_ref()).cloned();
    match management {
        Some(account) if *written == account.id || *written == account.name => {
            organization.management_account = Some(account.name.clone());
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

/// The state of an account that Organizations does not list any more, although it is pinned.
const GONE: &str = "GONE";

/// By what right an account has its name.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
enum Claim {
    /// It is not active.
    None,
    /// It is its name in Organizations, which the account itself may change.
    Active,
    /// The file or the pins say so.
    Given,
}

/// Two accounts that the file and the pins give one name.
fn same_name(accounts: &[(Account, Claim)]) -> Option<(&Account, &Account)> {
    let mut seen: BTreeMap<&str, &Account> = BTreeMap::new();
    let given = accounts.iter().filter(|(_, claim)| *claim == Claim::Given);
    given.map(|(account, _)| account).find_map(|account| Some((account, seen.insert(&account.name, account)?)))
}

/// Adds the id to names that addresses cannot hold, and to those that another account has with more right. Any account can
/// take any name, so a name must not affect the other accounts.
fn named_apart(accounts: Vec<(Account, Claim)>, pinned: &Pinned<'_>) -> Vec<Account> {
    let mut bearers: BTreeMap<String, Vec<Claim>> = BTreeMap::new();
    // A pinned name stays with its account, also where that has left.
    for (id, (name, _)) in &pinned.names {
        if !accounts.iter().any(|(account, _)| account.id == **id) {
            bearers.entry((*name).to_owned()).or_default().push(Claim::Given);
        }
    }
    for (account, claim) in &accounts {
        bearers.entry(account.name.clone()).or_default().push(*claim);
    }
    // A name that ends like the id of another account could be that of one whose id is added.
    let is_like_another = |account: &Account| {
        let end = account.name.rsplit_once('-').map(|(_, end)| end);
        end.is_some_and(|end| is_account_id(end) && end != account.id)
    };
    let apart = |(mut account, claim): (Account, Claim)| {
        let others = bearers.get(&account.name).map(Vec::as_slice).unwrap_or_default();
        let is_alone = others.iter().filter(|other| **other >= claim).count() <= 1;
        let is_wrong = wrong_with_name(&account.name).is_some() || is_like_another(&account);
        if claim != Claim::Given && (!is_alone || is_wrong) {
            account.name = format!("{}-{}", account.name, account.id);
        }
        (account, claim)
    };
    let apart: Vec<(Account, Claim)> = accounts.into_iter().map(apart).collect();
    let given: BTreeSet<String> =
        apart.iter().filter(|(_, claim)| *claim == Claim::Given).map(|(account, _)| account.name.clone()).collect();
    let again = |(mut account, claim): (Account, Claim)| {
        // What is given may look like anything.
        while claim != Claim::Given && given.contains(&account.name) {
            account.name = format!("{}-{}", account.name, account.id);
        }
        account
    };
    apart.into_iter().map(again).collect()
}

/// The organization with one account that stands in for those that are not known yet.
pub(super) fn with_stand_in(organization: &Organization) -> Organization {
    let scope = super::fan_out::stand_in();
    let account = Account { id: scope.account_id, name: scope.account, ..Account::default() };
    Organization { management_account: Some(account.name.clone()), accounts: vec![account], ..organization.clone() }
}

/// The accounts that nothing is read from because they are not active, in words; for a remark.
pub fn not_active(organization: &Organization) -> Vec<String> {
    let inactive = |account: &organization::Account| {
        let state = account.state.as_ref()?;
        Some(format!("account {} ({}) is {state} in Organizations", account.name, account.id))
    };
    organization.accounts.iter().filter_map(inactive).collect()
}
