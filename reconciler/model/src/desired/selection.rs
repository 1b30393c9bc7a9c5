//! `where`: the accounts and regions that a declaration is for.
//!
//! An account is selected by its name, its id, a tag (`tag=value`), or an organizational unit with everything below it: by
//! the path of names from the top (`Workloads/Production`; `Workloads/` for a unit at the top) or by its id (`ou-...`), which
//! is how a unit is meant whose name holds a slash. Units and tags of Organizations are known where accounts are discovered.

use std::collections::BTreeSet;

use serde::Serialize;

use super::directory::Unit;
use super::item::Item;
use super::organization::{Account, Organization};
use crate::codes;
use crate::diagnostic::{Diagnostic, did_you_mean};

/// Every account that is active.
pub(super) const ALL: &str = "all";

/// Which accounts and regions a declaration is for, as written.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize)]
pub struct Where {
    /// Account selectors: names, ids, units or `tag=value`; `None` for all.
    pub accounts: Option<BTreeSet<String>>,
    /// Region names; `None` for all.
    pub regions: Option<BTreeSet<String>>,
}

impl Where {
    /// Whether an account is selected.
    pub fn takes_account(&self, account: &Account) -> bool {
        match &self.accounts {
            None => account.state.is_none(),
            // What is not active is taken where it is named, so that what is wanted there is not forgotten.
            Some(selectors) => selectors.iter().any(|selector| {
                (account.state.is_none() || form_of(selector) == Form::Name) && selects(selector, account)
            }),
        }
    }

    /// Whether a region is selected.
    pub fn takes_region(&self, region: &str) -> bool {
        self.regions.as_ref().is_none_or(|regions| regions.contains(region))
    }
}

/// What a selector goes by.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Form {
    /// A name or an id.
    Name,
    /// `tag=value`.
    Tag,
    /// The path or the id of an organizational unit.
    Unit,
}

pub(super) fn form_of(selector: &str) -> Form {
    if selector.contains('=') {
        Form::Tag
    } else if selector.contains('/') || selector.starts_with("ou-") {
        Form::Unit
    } else {
        Form::Name
    }
}

/// Whether a selector names an account, its tag or one of its units.
pub(super) fn selects(selector: &str, account: &Account) -> bool {
    match form_of(selector) {
        Form::Name => selector == account.name || selector == account.id,
        Form::Tag => {
            let (tag, value) = selector.split_once('=').unwrap_or((selector, ""));
            account.tags.get(tag).is_some_and(|own| own == value)
        }
        Form::Unit if selector.starts_with("ou-") && !selector.contains('/') => {
            account.units.iter().any(|unit| unit.id == selector)
        }
        Form::Unit => {
            let path: Vec<&str> = selector.trim_matches('/').split('/').collect();
            path.len() <= account.units.len() && path.iter().zip(&account.units).all(|(name, unit)| *name == unit.name)
        }
    }
}

/// Why a unit cannot be selected; `None` when an account is in it.
fn check_unit(selector: &Item<'_>, text: &str, organization: &Organization) -> Option<Diagnostic> {
    if organization.discover.is_none() {
        return Some(selector.problem(
            codes::NO_SUCH_TARGET,
            format!("`{text}`: organizational units are known only where accounts are discovered"),
            "use account names, ids or tag=value, or write `accounts: discover` in organization.yaml",
        ));
    }
    if text.split('/').all(str::is_empty) {
        let detail = format!("`{text}` is no path of an organizational unit");
        return Some(selector.problem(codes::NO_SUCH_TARGET, detail, "write `all` for every account"));
    }
    // AWS decides which accounts a unit has. An empty unit is reported in the plan, for its own addresses only.
    None
}

/// Every name and path by which an account of the organization can be selected.
pub(super) fn known(organization: &Organization) -> BTreeSet<String> {
    let units =
        |account: &Account| (1..=account.units.len()).map(|depth| path_of(&account.units[..depth])).collect::<Vec<_>>();
    organization.accounts.iter().flat_map(|account| units(account).into_iter().chain([account.name.clone()])).collect()
}

/// A unit as a selector names it.
fn path_of(units: &[Unit]) -> String {
    let names: Vec<&str> = units.iter().map(|unit| unit.name.as_str()).collect();
    match names.as_slice() {
        [top] => format!("{top}/"),
        names => names.join("/"),
    }
}

/// Reads `where`. With an incomplete organization, nothing is looked for in it.
pub(super) fn read(item: &Item<'_>, organization: Option<&Organization>, problems: &mut Vec<Diagnostic>) -> Where {
    item.only(&["accounts", "regions"], |_| None, problems);
    if item.members().is_none() {
        return Where::default();
    }
    let accounts = item.get("accounts").and_then(|accounts| {
        read_selectors(&accounts, "accounts", problems, |selector, text| {
            if text.starts_with('!') {
                return Some(selector.problem(
                    codes::NO_SUCH_TARGET,
                    format!("`{text}`: accounts cannot be excluded"),
                    "list the accounts that are meant, or give them a tag",
                ));
            }
            let organization = organization?;
            if form_of(text) == Form::Unit {
                return check_unit(selector, text, organization);
            }
            if text.contains('=')
                || organization.discover.is_some()
                || organization.accounts.iter().any(|account| selects(text, account))
            {
                return None;
            }
            let names = organization.accounts.iter().map(|account| account.name.as_str());
            let remedy = match did_you_mean(text, names) {
                Some(near) => format!("did you mean `{near}`?"),
                None => "use the name or id of an account of organization.yaml, or tag=value".to_owned(),
            };
            Some(selector.problem(codes::NO_SUCH_TARGET, format!("no account has the name or id `{text}`"), remedy))
        })
    });
    let regions = item.get("regions").and_then(|regions| {
        read_selectors(&regions, "regions", problems, |selector, text| {
            let organization = organization?;
            if organization.regions.iter().any(|region| region == text) {
                return None;
            }
            let remedy = match did_you_mean(text, organization.regions.iter().map(String::as_str)) {
                Some(near) => format!("did you mean `{near}`?"),
                None => "use a region of organization.yaml, or add it there".to_owned(),
            };
            Some(selector.problem(
                codes::NO_SUCH_TARGET,
                format!("`{text}` is not a region of organization.yaml"),
                remedy,
            ))
        })
    });
    Where { accounts, regions }
}

fn read_selectors(
    item: &Item<'_>,
    key: &str,
    problems: &mut Vec<Diagnostic>,
    mut refuse: impl FnMut(&Item<'_>, &str) -> Option<Diagnostic>,
) -> Option<BTreeSet<String>> {
    if item.raw() == Some("all") {
        return None;
    }
    let Some(items) = item.elements() else {
        let remedy = match item.raw() {
            Some(text) => format!("write [{text}]"),
            None => "write `all`, or a list".to_owned(),
        };
        problems.push(item.problem(codes::WRONG_SHAPE, format!("`{key}` is neither `all` nor a list"), remedy));
        return None;
    };
    if items.is_empty() {
        problems.push(item.problem(
            codes::NO_SUCH_TARGET,
            format!("`{key}` is an empty list"),
            "write `all`, or list what is meant",
        ));
        return None;
    }
    if items.iter().any(|item| item.raw() == Some("all")) {
        return None;
    }
    let mut found = BTreeSet::new();
    for item in items {
        // As written: an id may stand without quotes.
        match item.raw() {
            Some(text) => match refuse(&item, text) {
                Some(problem) => problems.push(problem),
                None => {
                    found.insert(text.to_owned());
                }
            },
            None => {
                problems.push(item.problem(codes::WRONG_SHAPE, format!("one of `{key}` is not text"), "write a name"))
            }
        }
    }
    Some(found)
}
