//! From declarations to addresses: every declaration in every scope that it is for, with placeholders filled in.

use std::collections::BTreeMap;
use std::sync::Arc;

use serde_json::Value;

use super::coverage::{self, Pinned};
use super::declaration::{Declaration, Hole, LiveReference, Lookup};
use super::organization::{Account, Organization};
use super::template::{self, Part};
use crate::address::{Address, Scope, ScopeKind};
use crate::codes;
use crate::diagnostic::did_you_mean;
use crate::kind::{self, Kind, PinnedAs};
use crate::tree::{ListKeys, Path};

/// How much text the placeholders of one spec may bring in.
const MAX_TEXT: usize = 1 << 20;
/// How many references one spec may follow, and how far.
const MAX_REFERENCES: usize = 1_000;
const MAX_CHAIN: usize = 32;

/// Declarations by kind and name.
pub(super) type Index = BTreeMap<String, BTreeMap<String, Vec<usize>>>;

/// The declarations with the scopes that each of them is for.
pub(super) struct FanOut<'a, D> {
    pub(super) organization: &'a Organization,
    pub(super) declarations: &'a [D],
    pub(super) scopes: &'a [Vec<Scope>],
    pub(super) index: &'a Index,
    /// Whether one account stands in for those that are not discovered yet.
    pub(super) form_only: bool,
}

/// A spec with everything filled in but look-ups and outputs of other resources; the declaration's own where that changes nothing.
#[derive(Debug, Default)]
pub(super) struct Filled {
    pub(super) spec: Arc<Value>,
    pub(super) needs: Vec<Address>,
    pub(super) references: BTreeMap<Lookup, LiveReference>,
}

/// A placeholder that could not be filled in.
#[derive(Debug)]
pub(super) struct Unfilled {
    pub(super) path: Path,
    pub(super) code: &'static str,
    pub(super) detail: String,
    pub(super) remedy: String,
}

/// The scopes that a declaration of this kind is for, sorted. In form only, the account that stands in is always taken.
pub(super) fn scopes_for(
    kind: &dyn Kind,
    declaration: &Declaration,
    organization: &Organization,
    pinned: &Pinned<'_>,
    form_only: bool,
) -> Vec<Scope> {
    // Where accounts are discovered, a selector keeps its pinned accounts: one that leaves its unit is still held, and a closed
    // one is a gap.
    let was_taken = |account: &Account| {
        organization.discover.is_some()
            && coverage::selectors_of(declaration).any(|selector| pinned.covers(selector, &account.id))
    };
    let accounts = organization.accounts.iter().filter(|account| match kind.contract().scope {
        ScopeKind::Organization => organization.is_management(&account.name),
        ScopeKind::Account | ScopeKind::Region => {
            form_only || declaration.applies.takes_account(account) || was_taken(account)
        }
    });
    let home = [organization.home_region(kind.contract().scope).to_owned()];
    let regions: Vec<&String> = match kind.contract().scope {
        ScopeKind::Region => {
            organization.regions.iter().filter(|region| declaration.applies.takes_region(region)).collect()
        }
        ScopeKind::Account | ScopeKind::Organization => home.iter().collect(),
    };
    let mut scopes: Vec<Scope> = accounts
        .flat_map(|account| {
            regions.iter().map(|region| Scope {
                account: account.name.clone(),
                account_id: account.id.clone(),
                region: (*region).clone(),
            })
        })
        .collect();
    scopes.sort();
    scopes
}

impl<D: AsRef<Declaration>> FanOut<'_, D> {
    fn declaration(&self, index: usize) -> Option<&Declaration> {
        self.declarations.get(index).map(AsRef::as_ref)
    }

    /// The spec of a declaration in one scope.
    pub(super) fn fill(&self, index: usize, scope: &Scope) -> (Filled, Vec<Unfilled>) {
        let Some(declaration) = self.declaration(index) else { return Default::default() };
        let mut filled = Filled { spec: Arc::clone(&declaration.spec), ..Filled::default() };
        let mut unfilled = Vec::new();
        if declaration.holes.is_empty() {
            return (filled, unfilled);
        }
        let mut filling = Filling {
            world: self,
            home: scope,
            scope: scope.clone(),
            needs: &mut filled.needs,
            live: &mut filled.references,
            text: 0,
            references: 0,
        };
        for Hole { path, parts } in &declaration.holes {
            let mut chain = vec![(index, path.clone())];
            match filling.whole(parts, &mut chain) {
                Ok(value) if kind::at(&filled.spec, path) == Some(&value) => {}
                Ok(value) => {
                    if let Some(place) = at_mut(Arc::make_mut(&mut filled.spec), path) {
                        *place = value;
                    }
                }
                Err((code, detail, remedy)) => unfilled.push(Unfilled { path: path.clone(), code, detail, remedy }),
            }
        }
        let own = declaration.address_in(scope, &self.organization.partition);
        filled.needs.retain(|need| *need != own);
        filled.needs.sort();
        filled.needs.dedup();
        (filled, unfilled)
    }
}

type Failure = (&'static str, String, String);

/// Fills in one spec in one scope, within limits.
struct Filling<'a, D> {
    world: &'a FanOut<'a, D>,
    /// The scope of the spec.
    home: &'a Scope,
    /// The scope of the declaration that a reference has led to.
    scope: Scope,
    needs: &'a mut Vec<Address>,
    live: &'a mut BTreeMap<Lookup, LiveReference>,
    text: usize,
    references: usize,
}

impl<D: AsRef<Declaration>> Filling<'_, D> {
    /// The value of a text. A reference that is the whole text keeps the type of what it refers to.
    fn whole(&mut self, parts: &[Part], chain: &mut Vec<(usize, Path)>) -> Result<Value, Failure> {
        if let [Part::Ref(target)] = parts {
            return self.reference(target, chain);
        }
        let mut text = String::new();
        self.append(parts, chain, &mut text)?;
        Ok(Value::String(text))
    }

    fn append(&mut self, parts: &[Part], chain: &mut Vec<(usize, Path)>, text: &mut String) -> Result<(), Failure> {
        for part in parts {
            let before = text.len();
            match part {
                Part::Text(literal) => text.push_str(literal),
                Part::AccountId => text.push_str(&self.scope.account_id),
                Part::AccountIdOf(name) => text.push_str(&self.id_of(name)?),
                Part::AccountName => text.push_str(&self.scope.account),
                Part::Region => text.push_str(&self.scope.region),
                Part::Partition => text.push_str(&self.world.organization.partition),
                Part::Ref(target) => match self.reference(target, chain)? {
                    Value::String(value) => text.push_str(&value),
                    other => text.push_str(&other.to_string()),
                },
                Part::Lookup(source, key) => {
                    text.push_str("${");
                    text.push_str(source);
                    text.push(':');
                    self.append(key, chain, text)?;
                    text.push('}');
                }
            }
            self.text += text.len() - before;
            if self.text > MAX_TEXT {
                return Err(too_far());
            }
        }
        Ok(())
    }

    /// The id of the account of this name.
    fn id_of(&self, name: &str) -> Result<String, Failure> {
        let organization = self.world.organization;
        if let Some(account) = organization.account(name) {
            return Ok(account.id.clone());
        }
        if organization.is_to_be_discovered() {
            // The specs are checked in form only.
            return Ok(stand_in().account_id);
        }
        let known = organization.accounts.iter().map(|account| account.name.as_str());
        let remedy = match did_you_mean(name, known) {
            Some(near) => format!("did you mean `{near}`?"),
            None => "write the name of an account of organization.yaml".to_owned(),
        };
        Err((codes::UNRESOLVED_REFERENCE, format!("`${{account.id@{name}}}`: no account is named `{name}`"), remedy))
    }

    fn reference(&mut self, target: &str, chain: &mut Vec<(usize, Path)>) -> Result<Value, Failure> {
        self.references += 1;
        if self.references > MAX_REFERENCES || chain.len() > MAX_CHAIN {
            return Err(too_far());
        }
        let Target { index, field, scope } = self.target(target)?;
        let Some(declaration) = self.world.declaration(index) else { return Err(too_far()) };
        let address = declaration.address_in(&scope, &self.world.organization.partition);
        self.needs.push(address.clone());
        if field == "name" {
            return Ok(Value::String(address.name));
        }
        let Ok(path) = field.parse::<Path>();
        let failure = |detail: String, remedy: String| (codes::UNRESOLVED_REFERENCE, detail, remedy);
        let (path, value) = match follow(&declaration.spec, &path, declaration.contract.list_keys()) {
            Ok(found) => found,
            Err(_) if declaration.contract.output(field).is_some() => {
                let placeholder = self.placeholder(&address, &scope, field);
                let text = placeholder.to_string();
                let prefix = declaration.contract.pinned_as.and_then(PinnedAs::name_prefix);
                let pin_key = prefix.map(|prefix| format!("{prefix}{}", address.name));
                self.live.insert(placeholder, LiveReference { scope, address, output: field.to_owned(), pin_key });
                return Ok(Value::String(text));
            }
            Err((at, known)) => {
                let known = known.iter().map(String::as_str);
                let outputs = declaration.contract.outputs.iter().map(|output| output.name);
                let remedy = match did_you_mean(&at, known.clone().chain(outputs.clone())) {
                    Some(near) => format!("did you mean `{near}`?"),
                    None => what_to_refer_to(known.collect(), &outputs.collect::<Vec<_>>()),
                };
                let detail = format!(
                    "`${{ref:{target}}}`: the {} at {} does not declare `{at}`",
                    declaration.kind, declaration.at
                );
                return Err(failure(detail, remedy));
            }
        };
        if value.is_object() || value.is_array() || value.is_null() {
            let detail = format!(
                "`${{ref:{target}}}`: `{field}` of the {} at {} is not a single value",
                declaration.kind, declaration.at
            );
            return Err(failure(detail, "refer to a text, number or boolean".to_owned()));
        }
        let step = (index, path);
        if chain.contains(&step) {
            let detail = format!("`${{ref:{target}}}` leads back to itself");
            return Err(failure(detail, "write the value out in one of the declarations".to_owned()));
        }
        let Some(hole) = declaration.holes.iter().find(|hole| hole.path == step.1) else {
            self.text += value.as_str().map_or(8, str::len);
            return if self.text > MAX_TEXT { Err(too_far()) } else { Ok(value.clone()) };
        };
        chain.push(step);
        // Placeholders of the other declaration mean what they mean there.
        let here = std::mem::replace(&mut self.scope, scope);
        let outcome = self.whole(&hole.parts, chain);
        self.scope = here;
        chain.pop();
        outcome
    }

    /// What stands for an output until it is known. The same text wherever it means the same.
    fn placeholder(&self, address: &Address, scope: &Scope, output: &str) -> Lookup {
        let Address { kind, name, .. } = address;
        let key = match scope == self.home {
            true => format!("{kind}/{name}.{output}"),
            false => format!("{kind}/{name}@{scope}.{output}"),
        };
        Lookup { source: template::REFERENCE.to_owned(), key }
    }

    /// What `KIND/NAME.FIELD` or `KIND/NAME@ACCOUNT/REGION.FIELD` means here. The longest declared name wins.
    fn target<'t>(&self, target: &'t str) -> Result<Target<'t>, Failure> {
        let failure = |detail: String, remedy: String| Err((codes::UNRESOLVED_REFERENCE, detail, remedy));
        let (kind, rest) = target.split_once('/').unwrap_or((target, ""));
        let Some(names) = self.world.index.get(kind) else {
            let remedy = match did_you_mean(kind, self.world.index.keys().map(String::as_str)) {
                Some(near) => format!("did you mean `{near}`?"),
                None => "declare it, or write the value out".to_owned(),
            };
            return failure(format!("`${{ref:{target}}}`: no {kind} is declared"), remedy);
        };
        let split = |(at, _): (usize, &'t str)| (&rest[..at], &rest[at + 1..]);
        let here = rest.rmatch_indices('.').map(split).find(|(name, _)| names.contains_key(*name));
        let there = || {
            let (name, elsewhere) = rest.split_once('@').filter(|(name, _)| names.contains_key(*name))?;
            let (account, elsewhere) = elsewhere.split_once('/')?;
            let (region, field) = elsewhere.split_once('.')?;
            Some((name, field, (account, region)))
        };
        let found = here.map(|(name, field)| (name, field, None));
        let Some((name, field, place)) =
            found.or_else(|| there().map(|(name, field, place)| (name, field, Some(place))))
        else {
            let written = template::name_and_field(rest).map_or(rest, |(name, _)| name);
            let remedy = match did_you_mean(written, names.keys().map(String::as_str)) {
                Some(near) => format!("did you mean `{near}`?"),
                None => "declare it, or write the value out".to_owned(),
            };
            return failure(format!("`${{ref:{target}}}`: no {kind} named `{written}` is declared"), remedy);
        };
        let organization = self.world.organization;
        let meant = |index: usize| {
            let scopes = self.world.scopes.get(index)?;
            let lives = self.world.declaration(index)?.contract.scope;
            let (account, region) = match (place, lives) {
                // Which accounts there are is not known: the one that stands in for all of them is meant.
                (Some((_, region)), _) if self.world.form_only => (organization.management(), region),
                (Some(place), _) => place,
                (None, ScopeKind::Region) => (&*self.scope.account, &*self.scope.region),
                // There is one for all the regions, or for all the accounts.
                (None, ScopeKind::Account) => (&*self.scope.account, organization.home_region(lives)),
                (None, ScopeKind::Organization) => (organization.management(), organization.home_region(lives)),
            };
            let at = scopes.binary_search_by(|scope| (&*scope.account, &*scope.region).cmp(&(account, region))).ok()?;
            scopes.get(at)
        };
        match names[name].iter().find_map(|index| meant(*index).map(|scope| (*index, scope.clone()))) {
            Some((index, scope)) => Ok(Target { index, field, scope }),
            None => {
                let place =
                    place.map_or_else(|| self.scope.to_string(), |(account, region)| format!("{account}/{region}"));
                failure(
                    format!("`${{ref:{target}}}`: the {kind} `{name}` is declared, but not for {place}"),
                    "widen the `where` of the one, or narrow that of the other".to_owned(),
                )
            }
        }
    }
}

/// What a reference means in one scope.
struct Target<'t> {
    index: usize,
    field: &'t str,
    scope: Scope,
}

fn what_to_refer_to(declared: Vec<&str>, outputs: &[&str]) -> String {
    let declared = match declared.is_empty() {
        true => "a field that its spec declares".to_owned(),
        false => format!("a field that its spec declares ({})", declared.join(", ")),
    };
    match outputs.is_empty() {
        true => format!("refer to `name`, or to {declared}"),
        false => format!("refer to `name`, to {declared}, or to what the live one has ({})", outputs.join(", ")),
    }
}

fn too_far() -> Failure {
    let detail = "the placeholders expand too far".to_owned();
    (codes::UNRESOLVED_REFERENCE, detail, "write the value out".to_owned())
}

/// The value at a dotted path, elements by natural key or index, and the path with indexes. An error names what is not
/// there, and what is.
fn follow<'a>(spec: &'a Value, path: &Path, keys: &ListKeys) -> Result<(Path, &'a Value), (String, Vec<String>)> {
    let mut node = spec;
    let (mut way, mut indexed) = (Path::root(), Path::root());
    for segment in path.segments() {
        let (step, next) = match node {
            Value::Array(items) => {
                let by_key = keys.key_of(&way).and_then(|key| {
                    items.iter().position(|item| item.get(key).and_then(Value::as_str) == Some(segment))
                });
                let index = by_key.or_else(|| segment.parse().ok());
                (index.map(|index| index.to_string()), index.and_then(|index| items.get(index)))
            }
            node => (Some(segment.clone()), node.get(segment)),
        };
        let (Some(step), Some(next)) = (step, next) else {
            let known = node.as_object().map(|members| members.keys().cloned().collect()).unwrap_or_default();
            return Err((segment.clone(), known));
        };
        (way, indexed, node) = (way.child(segment), indexed.child(step), next);
    }
    Ok((indexed, node))
}

/// The value at a path of member names and list indexes.
pub(super) fn at_mut<'a>(source: &'a mut Value, path: &Path) -> Option<&'a mut Value> {
    path.segments().iter().try_fold(source, |node, segment| match node {
        Value::Array(items) => items.get_mut(segment.parse::<usize>().ok()?),
        node => node.get_mut(segment),
    })
}

/// Every text of a spec that holds placeholders, taken apart; faults go to `fault`.
pub(super) fn holes(spec: &Value, fault: &mut dyn FnMut(&Path, Vec<template::Fault>)) -> Vec<Hole> {
    fn walk(
        path: &mut Vec<String>,
        node: &Value,
        found: &mut Vec<Hole>,
        fault: &mut dyn FnMut(&Path, Vec<template::Fault>),
    ) {
        match node {
            Value::String(text) if text.contains("${") => {
                let path = Path::of(path.iter().cloned());
                match template::parse(text) {
                    Ok(parts) if parts.iter().all(|part| matches!(part, Part::Text(_))) => {}
                    Ok(parts) => found.push(Hole { path, parts }),
                    Err(faults) => fault(&path, faults),
                }
            }
            Value::Array(items) => {
                for (index, item) in items.iter().enumerate() {
                    path.push(index.to_string());
                    walk(path, item, found, fault);
                    path.pop();
                }
            }
            Value::Object(members) => {
                for (name, member) in members {
                    path.push(name.clone());
                    walk(path, member, found, fault);
                    path.pop();
                }
            }
            _ => {}
        }
    }
    let mut found = Vec::new();
    walk(&mut Vec::new(), spec, &mut found, fault);
    found
}

/// Whether the text at a path waits for a look-up, or holds a placeholder that is wrong.
pub(super) fn is_unsettled(spec: &Value, path: &Path, keys: &ListKeys) -> bool {
    follow(spec, path, keys).is_ok_and(|(_, value)| value.as_str().is_some_and(|text| !template::is_settled(text)))
}

impl AsRef<Declaration> for Declaration {
    fn as_ref(&self) -> &Declaration {
        self
    }
}

/// The organization of a run whose real one cannot be read, so that specs can be checked all the same.
pub(super) fn stand_in() -> Scope {
    Scope { account: "account".to_owned(), account_id: "111122223333".to_owned(), region: "us-east-1".to_owned() }
}
