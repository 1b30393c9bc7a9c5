//! `undeclared` of `organization.yaml`: what is told of resources that nobody declares.
//!
//! By default a kind is looked at where a declaration serves a control that has a floor for it. Each rule of the list changes that
//! for some kinds and places; of two that meet, the later one decides. Names of what others own are left out by all of them.

use std::collections::BTreeSet;

use serde::Serialize;

use super::item::Item;
use super::organization::Organization;
use super::selection::{self, Where};
use crate::address::Scope;
use crate::codes;
use crate::control;
use crate::diagnostic::{Diagnostic, did_you_mean};

const KEYS: &[&str] = &["kinds", "where", "treat", "ownedElsewhere"];
const WORDS: [&str; 2] = ["report", "ignore"];

/// What is done about resources that nobody declares.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "lowercase")]
pub enum Treat {
    /// They are held against the floors of every control that has one.
    Report,
    /// They are not looked for.
    Ignore,
}

/// One rule.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize)]
pub struct Rule {
    /// The kinds that it is for; none for all that are looked at.
    pub kinds: BTreeSet<String>,
    /// The places that it is for.
    pub applies: Where,
    /// What is done; nothing where it only leaves names out.
    pub treat: Option<Treat>,
    /// Names of what others own, with `*` and `?`.
    pub owned_elsewhere: Vec<String>,
}

/// What holds for one kind in one place.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Settings {
    /// What is done; nothing where the default holds.
    pub treat: Option<Treat>,
    /// Names of what others own.
    pub owned_elsewhere: Vec<String>,
}

impl Organization {
    /// What the rules say of a kind in a place.
    pub fn undeclared_in(&self, scope: &Scope, kind: &str) -> Settings {
        let mut settings = Settings::default();
        let Some(account) = self.account(&scope.account) else { return settings };
        for rule in &self.undeclared {
            let is_for = (rule.kinds.is_empty() || rule.kinds.contains(kind))
                && rule.applies.takes_account(account)
                && rule.applies.takes_region(&scope.region);
            if is_for {
                settings.treat = rule.treat.or(settings.treat);
                settings.owned_elsewhere.extend(rule.owned_elsewhere.iter().cloned());
            }
        }
        settings
    }
}

/// The kinds that some control has a floor for.
pub(super) fn kinds() -> BTreeSet<&'static str> {
    control::all().iter().flat_map(|control| control.floor.keys()).map(String::as_str).collect()
}

/// Reads the list of rules.
pub(super) fn read(item: &Item<'_>, organization: &Organization, problems: &mut Vec<Diagnostic>) -> Vec<Rule> {
    let Some(items) = item.elements() else {
        let remedy = "write `- {kinds: [guardrail], ownedElsewhere: [\"theirs-*\"]}` lines";
        problems.push(item.problem(codes::WRONG_SHAPE, "`undeclared` is not a list of rules", remedy));
        return Vec::new();
    };
    items.iter().map(|item| rule(item, organization, problems)).collect()
}

fn rule(item: &Item<'_>, organization: &Organization, problems: &mut Vec<Diagnostic>) -> Rule {
    item.only(KEYS, |_| None, problems);
    if item.members().is_none() {
        return Rule::default();
    }
    let known = kinds();
    let mut rule = Rule::default();
    if let Some(listed) = item.get("kinds") {
        for (item, text) in texts(&listed, "kinds", problems) {
            if !known.contains(text) {
                let remedy = match did_you_mean(text, known.iter().copied()) {
                    Some(near) => format!("did you mean `{near}`?"),
                    None => format!("write some of {}", known.iter().copied().collect::<Vec<_>>().join(", ")),
                };
                let detail = format!("`{text}` is no kind that is looked at beside its declarations");
                problems.push(item.problem(codes::UNKNOWN_KIND, detail, remedy));
            }
            rule.kinds.insert(text.to_owned());
        }
    }
    if let Some(applies) = item.get("where") {
        rule.applies = selection::read(&applies, Some(organization), problems);
    }
    if let Some(treat) = item.get("treat") {
        rule.treat = match treat.raw() {
            Some("report") => Some(Treat::Report),
            Some("ignore") => Some(Treat::Ignore),
            other => {
                let found = other.map_or("a list or mapping".to_owned(), |text| format!("`{text}`"));
                let remedy = match other.and_then(|text| did_you_mean(text, WORDS)) {
                    Some(near) => format!("did you mean `{near}`?"),
                    None => "`report` tells of what nobody declares, `ignore` does not look for it".to_owned(),
                };
                let detail = format!("{found} is not one of report, ignore");
                problems.push(treat.problem(codes::UNKNOWN_WORD, detail, remedy));
                None
            }
        };
    }
    if let Some(listed) = item.get("ownedElsewhere") {
        rule.owned_elsewhere =
            texts(&listed, "ownedElsewhere", problems).into_iter().map(|(_, text)| text.to_owned()).collect();
    }
    if item.get("treat").is_none() && item.get("ownedElsewhere").is_none() {
        let remedy = "write `treat: ignore`, `treat: report`, or a list `ownedElsewhere` of names";
        problems.push(item.problem(codes::WRONG_SHAPE, "the rule says nothing", remedy));
    }
    rule
}

/// The texts of a list.
fn texts<'a>(list: &Item<'a>, key: &str, problems: &mut Vec<Diagnostic>) -> Vec<(Item<'a>, &'a str)> {
    let Some(items) = list.elements() else {
        problems.push(list.problem(codes::WRONG_SHAPE, format!("`{key}` is not a list"), "write [NAME, NAME]"));
        return Vec::new();
    };
    items.into_iter().filter_map(|item| Some((item, item.text(&format!("one of `{key}`"), problems)?))).collect()
}
