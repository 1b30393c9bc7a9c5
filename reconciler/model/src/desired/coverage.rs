//! Which accounts are covered where accounts are discovered: who has each name, and which accounts each selector takes.
//!
//! Others may rename an account, move it out of its unit or remove its tag. With pins, an account keeps its pinned name, and a
//! selector keeps its pinned accounts. A difference from AWS Organizations is drift of that account. A newly covered account is
//! no drift and is held at once.

use std::collections::{BTreeMap, BTreeSet};

use serde_json::Value;

use super::declaration::Declaration;
use super::directory::{Directory, mapped};
use super::load::{Source, read_pins};
use super::organization::{Account, Organization};
use super::pins::{ACCOUNT_NAMED, COVERED, EXCLUDED, Pin, Pins, members_of, set_of};
use super::selection::{self, ALL, Form, form_of, selects};
use crate::address::{Scope, ScopeKind};
use crate::diagnostic::did_you_mean;
use crate::drift::Drift;
use crate::inventory::{Gap, Unread};
use crate::kind::Kind;
use crate::repointed;

/// What is pinned of accounts and selectors.
#[derive(Debug, Default)]
pub(super) struct Pinned<'a> {
    /// Names by the ids of accounts, with the pin.
    pub(super) names: BTreeMap<&'a str, (&'a str, &'a Pin)>,
    covered: BTreeMap<&'a str, &'a Pin>,
    excluded: BTreeMap<&'a str, &'a Pin>,
}

impl<'a> Pinned<'a> {
    pub(super) fn of(pins: &'a Pins) -> Self {
        let mut all = Self::default();
        for (key, pin) in pins.blocks().values().flat_map(|block| &block.pins) {
            match key.split_once(':') {
                Some((ACCOUNT_NAMED, name)) => {
                    all.names.insert(pin.value.as_str(), (name, pin));
                }
                Some((COVERED, selector)) => {
                    all.covered.insert(selector, pin);
                }
                Some((EXCLUDED, selector)) => {
                    all.excluded.insert(selector, pin);
                }
                _ => {}
            }
        }
        all
    }

    /// Whether a selector of `where` took the account when somebody looked.
    pub(super) fn covers(&self, selector: &str, id: &str) -> bool {
        self.covered.get(selector).is_some_and(|pin| members_of(&pin.value).contains(id))
    }

    /// Whether one of these selectors left the account out when somebody looked.
    pub(super) fn excludes(&self, id: &str, selectors: &BTreeSet<String>) -> bool {
        let pins = self.excluded.iter().filter(|(selector, _)| selectors.contains(**selector));
        pins.into_iter().any(|(_, pin)| members_of(&pin.value).contains(id))
    }

    /// Whether it is known whom this selector leaves out.
    pub(super) fn knows_excluded(&self, selector: &str) -> bool {
        self.excluded.contains_key(selector)
    }
}

/// The selectors of a declaration: `all`, or those that it lists.
pub(super) fn selectors_of(declaration: &Declaration) -> impl Iterator<Item = &str> {
    let listed = declaration.applies.accounts.iter().flatten().map(String::as_str);
    listed.chain(declaration.applies.accounts.is_none().then_some(ALL))
}

fn takes(selector: &str, account: &Account) -> bool {
    match selector {
        ALL => account.state.is_none(),
        _ => (account.state.is_none() || form_of(selector) == Form::Name) && selects(selector, account),
    }
}

/// That the accounts are those that were pinned, because Organizations was not read.
pub(super) fn unlisted(organization: &Organization, directory: &Directory) -> Option<Gap> {
    let Unread { code, reason, remedy, passing } = directory.unread.clone()?;
    let region = organization.home_region(ScopeKind::Organization).to_owned();
    let scope =
        Scope { account: organization.management().to_owned(), account_id: directory.management.clone(), region };
    let reason = format!("{reason}; the accounts are those that are pinned, and others are not looked at");
    let (kind, name) = (repointed::KIND.to_owned(), Some(repointed::ACCOUNTS.to_owned()));
    Some(Gap { scope, kind, name, code, reason, remedy, passing, ..Gap::default() })
}

/// What is to be pinned of the accounts that were discovered, by key.
pub(super) fn to_pin(
    organization: &Organization,
    declarations: &[Declaration],
    directory: &Directory,
) -> BTreeMap<String, String> {
    let named = |account: &Account| Account { name: mapped(&account.name), ..account.clone() };
    let all: Vec<Account> = directory.accounts.iter().map(named).collect();
    let mut pins = BTreeMap::new();
    for account in organization.accounts.iter().filter(|account| account.state.is_none()) {
        pins.insert(format!("{ACCOUNT_NAMED}:{}", account.name), account.id.clone());
    }
    let set = |selector: &str, accounts: &[Account]| {
        set_of(accounts.iter().filter(|one| takes(selector, one)).map(|one| one.id.as_str()))
    };
    for selector in declarations.iter().flat_map(selectors_of) {
        pins.insert(format!("{COVERED}:{selector}"), set(selector, &organization.accounts));
    }
    for selector in organization.discover.iter().flat_map(|discovery| &discovery.exclude) {
        pins.insert(format!("{EXCLUDED}:{selector}"), set(selector, &all));
    }
    pins
}

/// What Organizations says otherwise than the pins do, and selectors that take nobody.
pub(super) fn drift(
    organization: &Organization,
    declarations: &[Declaration],
    pinned: &Pinned<'_>,
    directory: &Directory,
) -> Vec<Drift> {
    let region = organization.home_region(ScopeKind::Organization);
    let scope = |account: &str, id: &str| Scope {
        account: account.to_owned(),
        account_id: id.to_owned(),
        region: region.to_owned(),
    };
    let live: BTreeMap<&str, &Account> = directory.accounts.iter().map(|one| (one.id.as_str(), one)).collect();
    let of = |keep: &dyn Fn(&Declaration) -> bool| -> BTreeSet<String> {
        declarations.iter().filter(|one| keep(one)).flat_map(|one| one.controls.iter().cloned()).collect()
    };
    let mut found = Vec::new();
    for (id, (name, pin)) in &pinned.names {
        let bearer = directory.accounts.iter().find(|one| one.state.is_none() && mapped(&one.name) == **name);
        let is_there = live.get(id).is_some_and(|one| one.state.is_none());
        if is_there
            && bearer.is_none_or(|bearer| bearer.id == **id)
            && live.get(id).is_some_and(|one| mapped(&one.name) == **name)
        {
            continue;
        }
        let given = organization.discover.as_ref().is_some_and(|discovery| discovery.names.contains_key(*id));
        if is_there && given {
            continue;
        }
        let leads = bearer.map_or(Value::Null, |bearer| Value::String(bearer.id.clone()));
        let key = format!("{ACCOUNT_NAMED}:{name}");
        let taking = |one: &Declaration| selectors_of(one).any(|selector| pinned.covers(selector, id));
        found.push(repointed::drift_of(&scope(name, id), &key, pin, leads, of(&taking)));
    }
    // Units and tags are as they are today; names are as they are pinned.
    for (selector, pin) in &pinned.covered {
        let users = of(&|one| selectors_of(one).any(|own| own == *selector));
        if declarations.iter().all(|one| selectors_of(one).all(|own| own != *selector)) {
            continue;
        }
        for id in members_of(&pin.value) {
            // One that is gone, or closed, is told by its name.
            let Some(account) = organization.accounts.iter().find(|one| one.id == id && one.state.is_none()) else {
                continue;
            };
            if !takes(selector, account) {
                let mut one = repointed::drift_of(
                    &scope(&account.name, id),
                    &format!("{COVERED}:{selector}"),
                    pin,
                    Value::Null,
                    users.clone(),
                );
                one.fields.iter_mut().for_each(|field| field.want = Value::String(id.to_owned()));
                found.push(one);
            }
        }
    }
    let known = selection::known(organization);
    let mut said = BTreeSet::new();
    for selector in declarations.iter().flat_map(selectors_of) {
        let is_known = pinned.covered.get(selector).is_some_and(|pin| !pin.value.is_empty());
        if is_known || organization.accounts.iter().any(|one| takes(selector, one)) || !said.insert(selector) {
            continue;
        }
        let meant = did_you_mean(selector, known.iter().map(String::as_str))
            .map(|near| format!("; did you mean `{near}`?"))
            .unwrap_or_default();
        let pin = Pin { value: format!("one account or more{meant}"), at: None };
        let users = of(&|one| selectors_of(one).any(|own| own == selector));
        let home = scope(organization.management(), &directory.management);
        found.push(repointed::drift_of(&home, &format!("{COVERED}:{selector}"), &pin, Value::Null, users));
    }
    for (selector, pin) in &pinned.excluded {
        let is_used = organization.discover.as_ref().is_some_and(|discovery| discovery.exclude.contains(*selector));
        for id in members_of(&pin.value).into_iter().filter(|_| is_used) {
            let Some(account) = live.get(id).filter(|one| one.state.is_none()) else { continue };
            let named = Account { name: mapped(&account.name), ..(*account).clone() };
            if !selects(selector, &named) {
                let users = of(&|_| true);
                let mut one = repointed::drift_of(
                    &scope(&named.name, id),
                    &format!("{EXCLUDED}:{selector}"),
                    pin,
                    Value::Null,
                    users,
                );
                one.fields.iter_mut().for_each(|field| field.want = Value::String(id.to_owned()));
                found.push(one);
            }
        }
    }
    // A pinned account that a selector would leave out today is held all the same.
    for selector in organization.discover.iter().flat_map(|discovery| &discovery.exclude) {
        let Some(pin) = pinned.excluded.get(selector.as_str()) else { continue };
        for account in organization.accounts.iter().filter(|account| selects(selector, account)) {
            let all = of(&|_| true);
            let leads = Value::String(account.id.clone());
            let key = format!("{EXCLUDED}:{selector}");
            let mut one = repointed::drift_of(&scope(&account.name, &account.id), &key, pin, leads, all);
            one.fields.iter_mut().for_each(|field| field.want = Value::Null);
            found.push(one);
        }
    }
    found.sort_by(|one, two| one.address.cmp(&two.address));
    found
}

/// The directory without the accounts that are not pinned, and those; `None` where there are no pins of accounts, or no others.
pub(super) fn without_newcomers(
    sources: &[Source],
    kinds: &[&dyn Kind],
    directory: &Directory,
) -> Option<(Directory, Vec<Account>)> {
    let pins = read_pins(sources, kinds).ok()?;
    let pinned = Pinned::of(&pins);
    let is_old = |account: &&Account| {
        pinned.names.contains_key(account.id.as_str())
            || pinned.excluded.values().any(|pin| members_of(&pin.value).contains(account.id.as_str()))
    };
    let (old, new): (Vec<&Account>, Vec<&Account>) = directory.accounts.iter().partition(is_old);
    let accounts = old.into_iter().cloned().collect();
    let is_of_use = !pinned.names.is_empty() && !new.is_empty();
    let old = Directory { accounts, management: directory.management.clone(), unread: directory.unread.clone() };
    is_of_use.then(|| (old, new.into_iter().cloned().collect()))
}

/// The drift of an account that nobody has pinned, and with which the declarations are not valid.
pub(super) fn left_out(
    organization: &Organization,
    declarations: &[impl AsRef<Declaration>],
    account: &Account,
    why: &str,
) -> Drift {
    let region = organization.home_region(ScopeKind::Organization).to_owned();
    let scope =
        Scope { account: format!("{}-{}", mapped(&account.name), account.id), account_id: account.id.clone(), region };
    let pin = Pin { value: format!("an account with which the declarations are valid, but: {why}"), at: None };
    let key = format!("{ACCOUNT_NAMED}:{}", mapped(&account.name));
    repointed::drift_of(&scope, &key, &pin, Value::String(account.id.clone()), served(declarations))
}

/// Pins of accounts that have another id by now: nothing is held to them, and that is no secret.
pub(super) fn of_others(organization: &Organization, declarations: &[Declaration], pins: &Pins) -> Vec<Drift> {
    let served = served(declarations);
    let blocks = pins.blocks().iter().filter_map(|(place, block)| {
        let (account, region) = place.rsplit_once('/')?;
        let account = organization.account(account).filter(|account| account.id != block.account_id)?;
        let scope = Scope { account: account.name.clone(), account_id: account.id.clone(), region: region.to_owned() };
        let pin = Pin { value: block.account_id.clone(), at: block.pins.values().find_map(|pin| pin.at.clone()) };
        Some(repointed::drift_of(&scope, ACCOUNT_NAMED, &pin, Value::String(account.id.clone()), served.clone()))
    });
    blocks.collect()
}

/// Every control that is declared.
fn served(declarations: &[impl AsRef<Declaration>]) -> BTreeSet<String> {
    declarations.iter().flat_map(|one| one.as_ref().controls.iter().cloned()).collect()
}
