//! What is there, and nobody declared: resources beside the declared ones that may make a control mean nothing.
//!
//! Expected flow: a control names in its `floor` what a resource of a kind has to hold at least; where a declaration serves the
//! control, the kind is looked at whole ([`Watch`]), and each resource that no declaration names is held against the floor
//! ([`judge`]). What is below it is drift that is `unexpected`, and alerts as the control's `otherwise` says; everything else is
//! a note.
//!
//! Guarantees: no step belongs to any of it. Nothing that nobody declared is written to or deleted.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use serde::Serialize;
use serde_json::Value;

use crate::address::{Address, Scope, ScopeKind};
use crate::alert::{self, Alert};
use crate::codes;
use crate::control::{Control, Floors};
use crate::desired::{Organization, Treat, Wanted};
use crate::direction::Direction;
use crate::documents;
use crate::drift::{Change, Drift, FieldDrift};
use crate::inventory::ObservedResource;
use crate::kind::Kind;
use crate::plan::{Finding, Severity};
use crate::policy::{self, Policy, Trusted};
use crate::tree::{self, Difference, Path};

/// Stands in a floor for a policy document that lets in nobody from outside the organization's accounts.
pub const NO_OUTSIDERS: &str = "no-outsiders";

/// Where what nobody declared is looked for.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize)]
pub struct Watch {
    places: BTreeMap<(Scope, String), Watched>,
    /// The ids of the organization's accounts.
    accounts: Vec<String>,
    /// The ids of organizations that the declarations name: nothing else says which is ours.
    organizations: BTreeSet<String>,
    partition: String,
}

/// One kind in one place that is looked at whole.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize)]
pub struct Watched {
    /// The controls whose floors count here, sorted.
    pub controls: Vec<String>,
    /// The names that are declared here.
    pub declared: BTreeSet<String>,
    /// Names, with `*` and `?`, of what others own.
    pub owned_elsewhere: Vec<String>,
}

impl Watch {
    /// What is looked for beside all that is wanted. A kind is looked at where a declaration serves a control that has a floor
    /// for it, unless the organization's file says otherwise.
    pub fn of(organization: &Organization, wanted: &[Wanted], kinds: &[&dyn Kind], controls: &[Control]) -> Self {
        let mut served: BTreeMap<(&str, Option<&str>), BTreeSet<&str>> = BTreeMap::new();
        let mut declared: BTreeMap<(&str, &str, &str), BTreeSet<String>> = BTreeMap::new();
        for Wanted { address, declaration, .. } in wanted {
            for place in [Some(address.region.as_str()), None] {
                let all = served.entry((&address.account, place)).or_default();
                all.extend(declaration.controls.iter().map(String::as_str));
            }
            let Address { account, region, kind, name } = address;
            declared.entry((account, region, kind)).or_default().insert(name.clone());
        }
        let mut organizations = BTreeSet::new();
        // A spec that is the same in several scopes is shared by them.
        let mut seen = BTreeSet::new();
        for one in wanted.iter().filter(|one| seen.insert(Arc::as_ptr(&one.spec))) {
            organizations_in(&one.spec, &mut organizations);
        }
        let mut places = BTreeMap::new();
        for kind in kinds {
            let with_floor = || controls.iter().filter(|control| control.floor.contains_key(kind.name()));
            if with_floor().next().is_none() {
                continue;
            }
            for scope in organization.scopes_of(kind.contract().scope) {
                let region = (kind.contract().scope == ScopeKind::Region).then_some(scope.region.as_str());
                let here = served.get(&(scope.account.as_str(), region));
                let serves = |control: &&Control| here.is_some_and(|here| here.contains(control.id.as_str()));
                let settings = organization.undeclared_in(&scope, kind.name());
                let counts: Vec<String> = match settings.treat {
                    Some(Treat::Ignore) => continue,
                    Some(Treat::Report) => with_floor().map(|control| control.id.clone()).collect(),
                    None => with_floor().filter(serves).map(|control| control.id.clone()).collect(),
                };
                if counts.is_empty() {
                    continue;
                }
                let declared = declared.get(&(scope.account.as_str(), scope.region.as_str(), kind.name())).cloned();
                let watched = Watched {
                    controls: counts,
                    declared: declared.unwrap_or_default(),
                    owned_elsewhere: settings.owned_elsewhere,
                };
                places.insert((scope, kind.name().to_owned()), watched);
            }
        }
        Self {
            places,
            accounts: organization.accounts.iter().map(|account| account.id.clone()).collect(),
            organizations,
            partition: organization.partition.clone(),
        }
    }

    /// The same for some controls alone.
    #[must_use]
    pub fn for_controls(mut self, controls: &[String]) -> Self {
        for watched in self.places.values_mut() {
            watched.controls.retain(|control| controls.contains(control));
        }
        self.places.retain(|_, watched| !watched.controls.is_empty());
        self
    }

    /// The same in some places, and for some kinds, alone.
    #[must_use]
    pub fn in_places(mut self, is_meant: impl Fn(&Scope, &str) -> bool) -> Self {
        self.places.retain(|(scope, kind), _| is_meant(scope, kind));
        self
    }

    /// Every kind and place that is looked at.
    pub fn places(&self) -> impl Iterator<Item = (&Scope, &str, &Watched)> {
        self.places.iter().map(|((scope, kind), watched)| (scope, kind.as_str(), watched))
    }

    /// How a kind is looked at in a place.
    pub fn at(&self, scope: &Scope, kind: &str) -> Option<&Watched> {
        self.places.get(&(scope.clone(), kind.to_owned()))
    }
}

impl Watched {
    /// Whether a name is declared, or is another's.
    pub fn is_accounted_for(&self, name: &str) -> bool {
        self.declared.contains(name) || is_left_out(&self.owned_elsewhere, name)
    }
}

/// Whether one of the patterns, with `*` and `?`, takes a name.
pub fn is_left_out(patterns: &[String], name: &str) -> bool {
    patterns.iter().any(|pattern| policy::matches(pattern, name))
}

/// What is to be told of a resource that nobody declared.
#[derive(Debug, Clone, PartialEq)]
pub enum Unexpected {
    /// It is below a floor.
    Below(Box<Drift>),
    /// It is there, and below no floor.
    Above(Finding),
}

/// Holds a live resource that nobody declared against the floors that count for it.
pub fn judge(
    kind: &dyn Kind,
    live: &ObservedResource,
    scope: &Scope,
    watch: &Watch,
    watched: &Watched,
    controls: &[Control],
) -> Unexpected {
    let tree = kind.held_to_floor(&live.tree);
    let mut fields: Vec<FieldDrift> = Vec::new();
    let mut below: Vec<String> = Vec::new();
    for control in controls.iter().filter(|control| watched.controls.contains(&control.id)) {
        let asks_nothing = |floor: &&Value| floor.as_object().is_some_and(serde_json::Map::is_empty);
        let Some(floor) = control.floor.get(kind.name()).filter(|floor| !asks_nothing(floor)) else { continue };
        let floor = kind.contract().floor_for(&filled(floor, scope, &watch.partition), &tree);
        let mut found = Vec::new();
        lower(&Held { kind, live, tree: &tree, watch }, &Path::root(), &floor, &mut found);
        if found.is_empty() {
            continue;
        }
        below.push(control.id.clone());
        for field in found {
            if !fields.iter().any(|known| known.path == field.path) {
                fields.push(field);
            }
        }
    }
    if below.is_empty() {
        return Unexpected::Above(Finding {
            address: live.address.clone(),
            severity: Severity::Note,
            code: codes::UNDECLARED.to_owned(),
            detail: format!("nobody declares it; it is not below the floor of {}", watched.controls.join(", ")),
            alerts: Vec::new(),
        });
    }
    fields.sort_by(|one, two| one.path.cmp(&two.path));
    let mut drift = Box::new(Drift {
        address: live.address.clone(),
        kind: live.address.kind.clone(),
        account: live.address.account.clone(),
        region: live.address.region.clone(),
        name: live.address.name.clone(),
        change: Change::Unexpected,
        direction: Direction::of_all(fields.iter().map(|field| field.direction)),
        controls: below,
        fields,
        declared_at: None,
        alerts: Vec::new(),
        context: crate::drift::Context::default(),
    });
    drift.alerts = alert::of_unexpected(controls, &drift.controls, |one| one.fits(&drift), alert::UNEXPECTED);
    Unexpected::Below(drift)
}

/// The alerts of undeclared resources that could not be read: those of a resource below the floors of these controls. `fields`
/// are the members that were not read; none means that it is not known what there is.
pub fn unseen(controls: &[Control], counts: &[String], kind: &str, fields: &[String]) -> Vec<Alert> {
    alert::of_unexpected(controls, counts, |one| one.could_fit(kind, fields), alert::UNEXPECTED)
}

/// The top-level members that the floors of a kind look at.
pub fn members_of<'a>(kind: &str, controls: &'a [Control], counts: &[String]) -> BTreeSet<&'a str> {
    let floors = controls.iter().filter(|control| counts.contains(&control.id)).map(|control| &control.floor);
    let members = floors.filter_map(|floors: &Floors| floors.get(kind)?.as_object());
    members.flat_map(|members| members.keys()).map(String::as_str).collect()
}

struct Held<'a> {
    kind: &'a dyn Kind,
    live: &'a ObservedResource,
    /// What is held against the floor.
    tree: &'a Value,
    watch: &'a Watch,
}

/// Collects where live is lower than the floor at `path` and below. What cannot be told is lower: a floor is what is proved.
fn lower(held: &Held<'_>, path: &Path, floor: &Value, found: &mut Vec<FieldDrift>) {
    let live = tree::get(held.tree, path).filter(|live| !live.is_null());
    let mut lower_at = |path: &Path, live: Option<&Value>, want: Option<&Value>, direction: Direction| {
        if matches!(direction, Direction::Weakened | Direction::Unknown) {
            found.push(FieldDrift {
                path: path.clone(),
                live: live.cloned().unwrap_or(Value::Null),
                want: want.cloned().unwrap_or(Value::Null),
                direction,
                declared_at: None,
                kept: false,
                stays: false,
                waived: None,
            });
        }
    };
    if documents::above(held.kind, path).is_some() {
        match floor.as_str() {
            Some(NO_OUTSIDERS) => {
                for (path, statement) in outsiders(held, path, live) {
                    lower_at(&path, Some(&statement), None, Direction::Weakened);
                }
            }
            // A document that is not there grants nothing.
            _ if live.is_none() => {}
            _ => lower_at(path, live, Some(floor), against(live, floor)),
        }
        return;
    }
    match floor.as_object() {
        Some(members) if !members.is_empty() => {
            for (name, member) in members {
                lower(held, &path.child(name), member, found);
            }
        }
        // Nothing may be in it.
        Some(_) => {
            for (name, member) in live.and_then(Value::as_object).into_iter().flatten() {
                let path = path.child(name);
                let direction = held.kind.direction(&path, Some(member), None);
                let difference = Difference { path: path.clone(), left: Some(member.clone()), right: None };
                lower_at(&path, Some(member), None, held.kind.direction_of(held.live, &difference, direction));
            }
        }
        None if live == Some(floor) => {}
        None => lower_at(path, live, Some(floor), held.kind.direction(path, live, Some(floor))),
    }
}

/// The direction of a live document against that of a floor.
fn against(live: Option<&Value>, floor: &Value) -> Direction {
    let read = |document: &Value| Policy::from_value(document).ok();
    match (live.and_then(read), read(floor)) {
        (Some(live), Some(floor)) => policy::direction(&live, &floor),
        _ => Direction::Unknown,
    }
}

/// The statements of a document that let others in than the organization's accounts; all of it where it cannot be read, or
/// where there is none, which lets everybody in.
fn outsiders(held: &Held<'_>, path: &Path, live: Option<&Value>) -> Vec<(Path, Value)> {
    let Some(document) = live else { return Vec::new() };
    let Ok(policy) = Policy::from_value(document) else { return vec![(path.clone(), document.clone())] };
    let accounts: Vec<&str> = held.watch.accounts.iter().map(String::as_str).collect();
    let organizations: Vec<&str> = held.watch.organizations.iter().map(String::as_str).collect();
    let trusted = Trusted { accounts: &accounts, organizations: &organizations };
    let wide: BTreeSet<String> = policy::widening(&policy, &trusted).into_iter().map(|wide| wide.statement).collect();
    let at = |statement: String| path.child("Statement").child(statement);
    let tree = policy.tree();
    let said = |statement: &String| tree["Statement"].get(statement).cloned().unwrap_or(Value::Null);
    wide.into_iter().map(|statement| (at(statement.clone()), said(&statement))).collect()
}

/// The ids of organizations in the strings of a tree: `o-` and ten letters and digits or more.
fn organizations_in(tree: &Value, found: &mut BTreeSet<String>) {
    fn in_text(text: &str, found: &mut BTreeSet<String>) {
        let id = text.split('/').next().unwrap_or_default();
        let is_id = id.strip_prefix("o-").is_some_and(|rest| {
            (10..=32).contains(&rest.len()) && rest.chars().all(|c| c.is_ascii_lowercase() || c.is_ascii_digit())
        });
        found.extend(is_id.then(|| id.to_owned()));
    }
    match tree {
        Value::String(text) => in_text(text, found),
        Value::Array(items) => items.iter().for_each(|item| organizations_in(item, found)),
        // Conditions name them as members in the normal form.
        Value::Object(members) => members.iter().for_each(|(name, member)| {
            in_text(name, found);
            organizations_in(member, found);
        }),
        Value::Null | Value::Bool(_) | Value::Number(_) => {}
    }
}

/// A floor with its placeholders filled in.
fn filled(floor: &Value, scope: &Scope, partition: &str) -> Value {
    match floor {
        Value::String(text) => text
            .replace("${account.id}", &scope.account_id)
            .replace("${region}", &scope.region)
            .replace("${partition}", partition)
            .into(),
        Value::Array(items) => items.iter().map(|item| filled(item, scope, partition)).collect(),
        Value::Object(members) => {
            members.iter().map(|(name, member)| (name.clone(), filled(member, scope, partition))).collect()
        }
        other => other.clone(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_are_left_out_by_patterns() {
        let patterns = vec!["cdk-*".to_owned(), "theirs".to_owned()];
        assert!(is_left_out(&patterns, "cdk-agent") && is_left_out(&patterns, "theirs"));
        assert!(!is_left_out(&patterns, "theirs-too") && !is_left_out(&[], "x"));
    }
}
