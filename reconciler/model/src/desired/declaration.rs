//! One declaration, and what became of it at one address.

use std::borrow::Cow;
use std::collections::{BTreeMap, BTreeSet};
use std::fmt;
use std::sync::Arc;

use serde::{Deserialize, Serialize};
use serde_json::{Map, Value};

use super::located::Node;
use super::pins::{Adoption, Pin};
use super::selection::Where;
use super::template::{self, Part};
use super::validate;
use super::waivers::Waiver;
use crate::address::{Address, Scope};
use crate::codes;
use crate::diagnostic::{Diagnostic, Place};
use crate::kind::{Contract, Kind};
use crate::tree::{self, Path};

/// What to do with a live value that is stronger than the declared one.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum WhenStronger {
    /// Report it and keep it.
    #[default]
    Report,
    /// Put the declared value back, although that weakens.
    Undo,
}

/// One declaration.
pub struct Declaration {
    /// The kind.
    pub kind: String,
    /// The name as it is written, placeholders included: each scope fills them in.
    pub name: String,
    /// Where it applies.
    pub applies: Where,
    /// The controls that it serves, sorted.
    pub controls: Vec<String>,
    /// What to do with live values that are stronger.
    pub when_stronger: WhenStronger,
    /// The spec as it is written, placeholders included.
    pub spec: Arc<Value>,
    /// Where it begins.
    pub at: Place,
    pub(super) node: Arc<Node>,
    /// The name taken apart; empty when it is the same in every scope.
    pub(super) name_parts: Vec<Part>,
    /// The texts of the spec that hold placeholders.
    pub(super) holes: Vec<Hole>,
    /// What is constant of its kind.
    pub(super) contract: &'static Contract,
    /// The normal form, for a spec that is the same in every scope and needs no look-up.
    pub(super) normal: Option<Value>,
}

/// A text with placeholders, and where in the spec it is.
#[derive(Debug)]
pub(super) struct Hole {
    pub(super) path: Path,
    pub(super) parts: Vec<Part>,
}

impl fmt::Debug for Declaration {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}/{} at {}", self.kind, self.name, self.at)
    }
}

impl Declaration {
    /// Where the field at `path` is declared, or the nearest thing above it.
    ///
    /// The path may be one of the normal form (elements by natural key) or of the source (elements by index). A path that
    /// begins with the member of what is published means the same without that segment: a version holds what its draft declares.
    pub fn place_of(&self, path: &Path) -> Option<Place> {
        let spec = self.node.entry("spec")?;
        let path = match path.head() {
            Some(head) if Some(head) == self.contract.published && spec.value.entry(head).is_none() => {
                Path::of(path.segments().iter().skip(1).cloned())
            }
            _ => path.clone(),
        };
        let (line, column) = match spec.value.find(&path, self.contract.list_keys()) {
            Some(found) => (found.line, found.column),
            None => (spec.line, spec.column),
        };
        Some(Place { file: self.at.file.clone(), line, column })
    }

    /// Where the text at `path` is, and within it the character that is `offset` characters in, when that can be told.
    pub(super) fn place_within(&self, path: &Path, offset: usize) -> Place {
        let found = self.node.entry("spec").and_then(|spec| spec.value.find(path, self.contract.list_keys()));
        match found {
            Some(found) => {
                let within = match &found.node.shape {
                    super::located::Shape::Scalar(scalar) => scalar.verbatim.map(|shift| shift + offset),
                    _ => None,
                };
                Place { file: self.at.file.clone(), line: found.line, column: found.column + within.unwrap_or(0) }
            }
            None => self.at.clone(),
        }
    }

    /// Where the last key of `path` is, or the nearest thing above it.
    pub(super) fn place_of_key(&self, path: &Path) -> Place {
        let key = self.node.entry("spec").and_then(|spec| spec.value.find_key(path, self.contract.list_keys()));
        match key {
            Some((line, column)) => Place { file: self.at.file.clone(), line, column },
            None => self.place_of(path).unwrap_or_else(|| self.at.clone()),
        }
    }

    /// The name in one scope.
    pub(super) fn name_in(&self, scope: &Scope, partition: &str) -> Cow<'_, str> {
        if self.name_parts.is_empty() {
            return Cow::Borrowed(&self.name);
        }
        Cow::Owned(template::pure(&self.name_parts, scope, partition))
    }

    /// The address in one scope.
    pub(super) fn address_in(&self, scope: &Scope, partition: &str) -> Address {
        Address::new(scope, &self.kind, &self.name_in(scope, partition))
    }

    /// Where the name is written.
    pub(super) fn place_of_name(&self) -> Place {
        self.node.entry("name").map_or_else(|| self.at.clone(), |entry| entry.value.place(&self.at.file))
    }

    /// Whether the spec may come out differently in different scopes.
    pub(super) fn depends_on_scope(&self) -> bool {
        self.holes.iter().any(|hole| template::depends_on_scope(&hole.parts))
    }
}

/// A look-up that only AWS can answer: `${kms:alias/NAME}`.
#[derive(Debug, Clone, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize)]
pub struct Lookup {
    /// What answers it, such as `kms`.
    pub source: String,
    /// What is looked for.
    pub key: String,
}

impl fmt::Display for Lookup {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "${{{}:{}}}", self.source, self.key)
    }
}

/// An output of another declared resource, which only the live one knows: `${ref:KIND/NAME.OUTPUT}`.
#[derive(Debug, Clone, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize)]
pub struct LiveReference {
    /// Where the other resource is.
    pub scope: Scope,
    /// The other resource.
    pub address: Address,
    /// One of the outputs of its kind.
    pub output: String,
    /// What its name is called in the file of pins, where it is pinned.
    #[serde(skip)]
    pub pin_key: Option<String>,
}

/// One declaration at one address.
#[derive(Debug, Clone)]
pub struct Wanted {
    /// The address.
    pub address: Address,
    /// The twelve digits of the account.
    pub account_id: String,
    /// The spec, with everything filled in but the look-ups and the outputs of other resources; `$${` still stands for
    /// `${`. Read it with [`Wanted::resolve`], which finishes them. Shared by every scope in which it is the same.
    pub spec: Arc<Value>,
    /// The look-ups that the spec still holds.
    pub lookups: BTreeSet<Lookup>,
    /// The outputs of other resources that the spec still holds, by the placeholder that stands for each.
    pub references: BTreeMap<Lookup, LiveReference>,
    /// What the look-ups led to when somebody looked, where that is pinned.
    pub pins: BTreeMap<Lookup, Pin>,
    /// What the name itself led to, where that is pinned.
    pub pin: Option<Pin>,
    /// What the names of live resources that it refers to led to, where that is pinned.
    pub referred_pins: BTreeMap<Address, Pin>,
    /// Members that this region is known to answer, though not every region does.
    pub answered: BTreeSet<String>,
    /// The newest version that it had, and of which resource, where that is pinned.
    pub pinned_versions: Option<String>,
    /// Whether the file of pins says that it was there.
    pub adoption: Adoption,
    /// Addresses that the spec refers to, directly or through others; they are restored before this one.
    pub needs: Vec<Address>,
    /// The declaration.
    pub declaration: Arc<Declaration>,
    /// The differences of this address that somebody answers for.
    pub waivers: Vec<Arc<Waiver>>,
    /// Whether it was not asked for and is read only because an address that was asked for refers to it. It is neither reported nor
    /// changed.
    pub is_context: bool,
}

/// The addresses that were asked for, with all that they refer to; `all` is the whole set.
pub fn with_context(mut asked: Vec<Wanted>, all: impl FnOnce() -> Vec<Wanted>) -> Vec<Wanted> {
    let mut known: BTreeSet<Address> = asked.iter().map(|one| one.address.clone()).collect();
    let refers_elsewhere = |one: &Wanted| one.references.values().any(|one| !known.contains(&one.address));
    if !asked.iter().any(refers_elsewhere) {
        return asked;
    }
    let all = all();
    let index: BTreeMap<&Address, &Wanted> = all.iter().map(|one| (&one.address, one)).collect();
    let mut next = 0;
    while let Some(one) = asked.get(next) {
        let missing: Vec<Address> = one
            .references
            .values()
            .map(|one| &one.address)
            .filter(|address| !known.contains(*address))
            .cloned()
            .collect();
        for address in missing {
            asked.extend(index.get(&address).map(|one| Wanted { is_context: true, ..(*one).clone() }));
            known.insert(address);
        }
        next += 1;
    }
    asked
}

impl Wanted {
    /// The normal form of what is wanted, with look-ups and references answered. A failed answer says what was looked for and where.
    ///
    /// # Errors
    /// Everything that is wrong with the spec now that the answers are known, at its place in the declaration.
    pub fn resolve(
        &self,
        kind: &dyn Kind,
        answers: &BTreeMap<Lookup, Result<String, String>>,
    ) -> Result<Value, Vec<Diagnostic>> {
        let Resolution { tree, unanswered } = self.resolve_known(kind, answers)?;
        if unanswered.is_empty() {
            return Ok(tree);
        }
        let diagnostics = unanswered.into_iter().map(|Unanswered { lookup, why, at, .. }| {
            let detail = format!("`{lookup}` at {}: {why}", self.address);
            let remedy = "create what it names in this account and region, or correct the look-up";
            Diagnostic::new(codes::UNRESOLVED_LOOKUP, at, detail, remedy)
        });
        Err(diagnostics.collect())
    }

    /// As [`Wanted::resolve`], for as much as is known: a top-level member with a placeholder that has no answer is left out,
    /// so that it is not managed this time, and the others are. One failed look-up hides nothing but what depends on it.
    ///
    /// # Errors
    /// Everything that is wrong with what is left of the spec.
    pub fn resolve_known(
        &self,
        kind: &dyn Kind,
        answers: &BTreeMap<Lookup, Result<String, String>>,
    ) -> Result<Resolution, Vec<Diagnostic>> {
        if let (true, true, Some(normal)) =
            (self.lookups.is_empty(), self.references.is_empty(), &self.declaration.normal)
        {
            return Ok(Resolution { tree: self.held(kind, normal.clone()), unanswered: Vec::new() });
        }
        let mut spec = Value::clone(&self.spec);
        let mut missing = Vec::new();
        template::finish(&mut spec, Some(answers), &mut missing);
        let unanswered: Vec<Unanswered> = missing
            .into_iter()
            .map(|(path, lookup, why)| Unanswered {
                at: self.declaration.place_of(&path),
                member: path.head().unwrap_or_default().to_owned(),
                lookup,
                why,
            })
            .collect();
        if let Some(members) = spec.as_object_mut() {
            members.retain(|name, _| unanswered.iter().all(|one| one.member != *name));
        }
        let mut problems = Vec::new();
        match validate::spec(kind, &self.declaration, &spec, |_| false, &mut problems) {
            Some(mut tree) if problems.is_empty() => {
                // A kind that has a default for what is left out would want that.
                if let Some(members) = tree.as_object_mut() {
                    members.retain(|name, _| unanswered.iter().all(|one| one.member != *name));
                }
                Ok(Resolution { tree: self.held(kind, tree), unanswered })
            }
            // The rest means nothing without the members that are left out.
            _ if !unanswered.is_empty() => Ok(self.nothing_known(unanswered)),
            _ => Err(problems),
        }
    }

    /// What is known where no member can be told without those that have no answer.
    fn nothing_known(&self, unanswered: Vec<Unanswered>) -> Resolution {
        let members: Vec<&String> = self.spec.as_object().into_iter().flat_map(|members| members.keys()).collect();
        let of_each = |one: Unanswered| {
            members
                .iter()
                .map(move |member| Unanswered { member: (*member).clone(), ..one.clone() })
                .collect::<Vec<_>>()
        };
        Resolution { tree: Value::Object(Map::new()), unanswered: unanswered.into_iter().flat_map(of_each).collect() }
    }

    /// The top-level members of the spec that hold `placeholder`.
    pub fn members_with(&self, placeholder: &Lookup) -> BTreeSet<String> {
        let members = self.spec.as_object().into_iter().flatten();
        members.filter(|(_, member)| template::holds(member, placeholder)).map(|(name, _)| name.clone()).collect()
    }

    /// Where in the tree the answer to `placeholder` stands, and what of the text is around it.
    pub fn places_of(
        &self,
        kind: &dyn Kind,
        placeholder: &Lookup,
        answers: &BTreeMap<Lookup, Result<String, String>>,
    ) -> Vec<PlaceOfAnswer> {
        let mut marked = answers.clone();
        marked.insert(placeholder.clone(), Ok(MARK.to_owned()));
        let Ok(Resolution { tree, .. }) = self.resolve_known(kind, &marked) else { return Vec::new() };
        let mut places = Vec::new();
        tree::each_leaf(&tree, &mut |path, leaf| {
            let text = leaf.as_str().unwrap_or_default();
            if let Some((before, after)) = text.split_once(MARK) {
                places.push(PlaceOfAnswer { path: path.clone(), before: before.to_owned(), after: after.to_owned() });
            }
        });
        places
    }

    /// The tree with what the pin of the name says.
    fn held(&self, kind: &dyn Kind, mut tree: Value) -> Value {
        if let (Some(pin), Some(identity)) = (&self.pin, kind.contract().identity) {
            (identity.hold)(&mut tree, &self.address.name, &pin.value);
        }
        tree
    }
}

/// Stands for an answer while its place in the tree is searched: an improbable number, because versions are numbers.
const MARK: &str = "98765431";

/// Where an answer stands in a tree.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct PlaceOfAnswer {
    /// The text that it is in.
    pub path: Path,
    before: String,
    after: String,
}

impl PlaceOfAnswer {
    /// What stands at that place in another tree, if what is around it is the same there.
    pub fn answer_in<'t>(&self, tree: &'t Value) -> Option<&'t str> {
        tree::get(tree, &self.path)?.as_str()?.strip_prefix(&self.before)?.strip_suffix(&self.after)
    }
}

/// What is wanted at one address, as far as its placeholders have answers.
#[derive(Debug, Clone, PartialEq)]
pub struct Resolution {
    /// The normal form, without the members that are left out.
    pub tree: Value,
    /// Why members are left out.
    pub unanswered: Vec<Unanswered>,
}

/// A placeholder that has no answer.
#[derive(Debug, Clone, PartialEq)]
pub struct Unanswered {
    /// The top-level member that it stands in.
    pub member: String,
    /// The placeholder.
    pub lookup: Lookup,
    /// Why there is no answer.
    pub why: String,
    /// Where it is written.
    pub at: Option<Place>,
}
