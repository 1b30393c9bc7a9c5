//! `where`: the accounts and regions that a declaration is for.

use std::collections::BTreeSet;

use super::item::Item;
use super::organization::{Account, Organization};
use crate::codes;
use crate::diagnostic::{Diagnostic, did_you_mean};

/// Which accounts and regions a declaration is for, as written.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Where {
    /// Account selectors: names, ids or `tag=value`; `None` for all.
    pub accounts: Option<BTreeSet<String>>,
    /// Region names; `None` for all.
    pub regions: Option<BTreeSet<String>>,
}

impl Where {
    /// Whether an account is selected.
    pub fn takes_account(&self, account: &Account) -> bool {
        self.accounts.as_ref().is_none_or(|selectors| selectors.iter().any(|selector| selects(selector, account)))
    }

    /// Whether a region is selected.
    pub fn takes_region(&self, region: &str) -> bool {
        self.regions.as_ref().is_none_or(|regions| regions.contains(region))
    }
}

fn selects(selector: &str, account: &Account) -> bool {
    match selector.split_once('=') {
        Some((tag, value)) => account.tags.get(tag).is_some_and(|own| own == value),
        None => selector == account.name || selector == account.id,
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
            if text.contains('/') || text.starts_with("ou-") || text.starts_with("r-") {
                return Some(selector.problem(
                    codes::NO_SUCH_TARGET,
                    format!("`{text}`: organizational units are not known to this build"),
                    "use account names, ids or tag=value",
                ));
            }
            let organization = organization?;
            if text.contains('=') || organization.accounts.iter().any(|account| selects(text, account)) {
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
