//! What each control has after an adoption, and what is missing for it.

use std::collections::{BTreeMap, BTreeSet};

use reconciler_kinds::KINDS;
use reconciler_model::address::{Address, Scope, ScopeKind};
use reconciler_model::control::Control;
use reconciler_model::desired::{Desired, Organization, Rule, Treat};
use reconciler_model::inventory::Inventory;
use reconciler_model::kind::Adopted;
use reconciler_model::undeclared::{self, Unexpected, Watch};
use schemars::JsonSchema;
use serde::Serialize;
use serde_json::Value;

use super::kind_of;
use crate::args::Places;
use crate::controls;
use crate::failure::Failure;
use crate::screen::{DOUBT, FAINT, GOOD, STRONG, line, paint};
use crate::setup::Setup;
use crate::text::counted;

/// What there is of one control.
#[derive(Debug, JsonSchema, Serialize)]
pub(crate) struct Report {
    /// Its id.
    control: String,
    /// Its title.
    title: String,
    /// The resources that serve it.
    exists: Vec<Address>,
    /// What is not there: kind and places.
    missing: Vec<Missing>,
    /// What is below its floor.
    below: Vec<Below>,
    /// Why nothing can be said of what is missing.
    #[serde(skip_serializing_if = "Option::is_none")]
    not_known: Option<&'static str>,
    /// Whether a part of what it is about could not be read.
    unread: bool,
    /// Kinds that this build does not have.
    waits_for: Vec<String>,
}

/// A kind that serves a control and is not there.
#[derive(Debug, JsonSchema, Serialize)]
pub(crate) struct Missing {
    /// The kind.
    kind: String,
    /// The accounts and regions.
    places: Vec<String>,
    /// Whether these are all places.
    everywhere: bool,
}

/// A member that protects less than its control asks for.
#[derive(Debug, JsonSchema, Serialize)]
pub(crate) struct Below {
    /// The resource.
    address: Address,
    /// The member.
    path: String,
    /// What is there.
    live: Value,
    /// The least that the control asks for.
    floor: Value,
}

/// What is there and what is not, control by control.
pub(super) fn reports(
    organization: &Organization,
    inventory: &Inventory,
    served: &BTreeMap<Address, BTreeSet<String>>,
    loaded: Option<&Desired>,
    places: &Places,
) -> Result<Vec<Report>, Failure> {
    let controls = controls::all()?;
    // Every floor counts, whoever serves which control today.
    let everywhere = Rule { treat: Some(Treat::Report), ..Rule::default() };
    let strict = Organization { undeclared: vec![everywhere], ..organization.clone() };
    let wanted = loaded.map(Desired::wanted).unwrap_or_default();
    let watch = Watch::of(&strict, &wanted, KINDS, controls);
    let account_ids = organization.account_ids();
    let mut below: BTreeMap<String, Vec<Below>> = BTreeMap::new();
    for address in served.keys() {
        let (Some(live), Some(kind)) = (inventory.resources.get(address), kind_of(&address.kind)) else { continue };
        let scope = Scope {
            account: address.account.clone(),
            account_id: account_ids.get(&address.account).cloned().unwrap_or_default(),
            region: address.region.clone(),
        };
        let Some(watched) = watch.at(&scope, &address.kind) else { continue };
        for control in &watched.controls {
            let alone = undeclared::Watched { controls: vec![control.clone()], ..watched.clone() };
            if let Unexpected::Below(drift) = undeclared::judge(kind, live, &scope, &watch, &alone, controls) {
                let found = drift.fields.into_iter().map(|field| Below {
                    address: address.clone(),
                    path: field.path.to_string(),
                    live: field.live,
                    floor: field.want,
                });
                below.entry(control.clone()).or_default().extend(found);
            }
        }
    }
    let report = |control: &Control| {
        let of_it = |address: &&Address| served.get(*address).is_some_and(|controls| controls.contains(&control.id));
        let exists: Vec<Address> = served
            .keys()
            .filter(of_it)
            .filter(|address| places.take(&address.account, &address.region, &address.kind))
            .cloned()
            .collect();
        let adopted = |kind: &str| kind_of(kind).map(|kind| kind.contract().adopted);
        let is_own = |kind: &&String| adopted(kind) == Some(Adopted::Always);
        let kinds: Vec<&String> = control.kinds.iter().filter(is_own).collect();
        let of_organization =
            |kind: &&String| kind_of(kind).is_some_and(|kind| kind.contract().scope == ScopeKind::Organization);
        let not_known = if exists.is_empty()
            && control.kinds.iter().all(|kind| adopted(kind) == Some(Adopted::WhereNamed))
        {
            Some("which role is about it nothing in AWS says: add it to `controls` of one")
        } else if organization.management_account.is_none() && !kinds.is_empty() && kinds.iter().all(of_organization) {
            Some("organization.yaml names no management account, so that policies of an organization are not looked at")
        } else {
            None
        };
        // A trail of all regions records in the ones beside its own too.
        let is_of_all_regions = |address: &Address| {
            kind_of(&address.kind)
                .zip(inventory.resources.get(address))
                .is_some_and(|(kind, live)| kind.is_of_every_region(live))
        };
        let missing = kinds.into_iter().filter_map(|kind| {
            let scopes = organization.scopes_of(kind_of(kind)?.contract().scope);
            let scopes: Vec<&Scope> =
                scopes.iter().filter(|scope| places.take(&scope.account, &scope.region, kind)).collect();
            let is_there = |scope: &Scope| {
                exists.iter().any(|address| {
                    address.kind == *kind
                        && address.account == scope.account
                        && (address.region == scope.region || is_of_all_regions(address))
                })
            };
            let is_unread = |scope: &Scope| inventory.gaps.iter().any(|gap| gap.scope == *scope && gap.kind == *kind);
            let absent: Vec<&&Scope> = scopes.iter().filter(|scope| !is_there(scope) && !is_unread(scope)).collect();
            let everywhere = absent.len() == scopes.len();
            (!absent.is_empty()).then(|| Missing {
                kind: kind.clone(),
                places: absent.iter().map(ToString::to_string).collect(),
                everywhere,
            })
        });
        let missing = missing.collect();
        let mut below = below.remove(&control.id).unwrap_or_default();
        below.retain(|one| places.take(&one.address.account, &one.address.region, &one.address.kind));
        Report {
            control: control.id.clone(),
            title: control.title.clone(),
            exists,
            missing,
            below,
            not_known,
            unread: inventory.gaps.iter().any(|gap| {
                control.kinds.contains(&gap.kind) && places.take(&gap.scope.account, &gap.scope.region, &gap.kind)
            }),
            waits_for: control.waits_for.clone(),
        }
    };
    Ok(controls.iter().map(report).collect())
}

impl Report {
    /// Prints it for people.
    pub(super) fn say(&self, setup: &Setup) -> Result<(), Failure> {
        let screen = setup.screen;
        let is_open = self.not_known.is_some() || self.unread;
        let exists = match (self.exists.len(), is_open) {
            (0, true) => "not known".to_owned(),
            (0, false) => "nothing of it exists".to_owned(),
            (count, true) => format!("{}, and not all of it could be read", counted(count, "resource")),
            (count, false) => counted(count, "resource"),
        };
        let is_whole = self.missing.is_empty() && self.below.is_empty() && !is_open;
        let mark = match (self.exists.is_empty(), is_whole) {
            (false, true) => paint(GOOD, "ok  "),
            (false, false) => paint(DOUBT, "part"),
            (true, _) if is_open => paint(DOUBT, "?   "),
            (true, _) => paint(DOUBT, "none"),
        };
        screen.line(format_args!(
            "{mark} {} {}  {}",
            paint(STRONG, &self.control),
            self.title,
            paint(FAINT, exists)
        ))?;
        if let Some(why) = self.not_known {
            screen.line(format_args!("       {why}"))?;
        }
        for Missing { kind, places, everywhere } in &self.missing {
            let places = match (*everywhere, places.len()) {
                (true, count) if count > 1 => format!("all {count} places"),
                (_, count) if count > 3 => {
                    format!("{count} places, such as {}", places.first().map_or("", String::as_str))
                }
                _ => places.join(", "),
            };
            screen.line(format_args!("       no {kind} in {places}"))?;
        }
        let shown = if screen.full { self.below.len() } else { 6 };
        for Below { address, path, live, floor } in self.below.iter().take(shown) {
            let live = if live.is_null() { "(absent)".to_owned() } else { short(live) };
            let floor = if floor.is_null() { "(absent)".to_owned() } else { short(floor) };
            screen.line(format_args!("       below its floor: {address} {path} is {live}, at least {floor}"))?;
        }
        if self.below.len() > shown {
            screen.line(format_args!("       and {} more (--full shows them)", self.below.len() - shown))?;
        }
        Ok(())
    }
}

fn short(value: &Value) -> String {
    let text = value.as_str().map_or_else(|| value.to_string(), str::to_owned);
    let text = line(text);
    match text.char_indices().nth(60) {
        Some((at, _)) => format!("{}…", &text[..at]),
        None => text,
    }
}
