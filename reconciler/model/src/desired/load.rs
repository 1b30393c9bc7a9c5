//! From files to the desired state, with everything that is wrong found in one run.
//!
//! Expected flow: read every file into manifests; read the organization; read the declarations; fan out; check every
//! distinct outcome against its kind.
//!
//! Caveat: what compares declarations with each other is left out when a part could not be read, because it would complain
//! about what is only missing for that reason.

use std::borrow::Cow;
use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use jiff::civil::Date;
use serde_json::Value;

use super::coverage;
use super::declaration::{Declaration, Wanted, WhenStronger};
use super::directory::{self, Directory, Needs};
use super::fan_out::{self, FanOut, Index};
use super::item::Item;
use super::manifest::{self, Manifest};
use super::organization::{self, ORGANIZATION_FILE, Organization};
use super::pins::{self, Adoption, PINS_FILE, Pins};
use super::selection::{self, Where};
use super::template::Part;
use super::waivers::{self, WAIVERS_FILE, Waiver};
use super::{layers, side_by_side, template, validate};
use crate::address::{Address, Scope, ScopeKind};
use crate::codes;
use crate::diagnostic::{Diagnostic, Place, did_you_mean};
use crate::digest;
use crate::drift::Drift;
use crate::inventory::Gap;
use crate::kind::Kind;
use crate::tree::Path;

pub(super) const KEYS: &[&str] = &["kind", "name", "where", "controls", "whenStronger", "spec"];

/// One file of the desired state.
#[derive(Debug, Clone)]
pub struct Source {
    /// The path that diagnostics show.
    pub file: String,
    /// Its bytes, or why they cannot be read.
    pub content: Result<Vec<u8>, String>,
    /// Which of several folders that are laid over each other it is in, from below.
    pub layer: usize,
}

impl Source {
    /// A file of the only folder.
    pub fn new(file: impl Into<String>, content: Result<Vec<u8>, String>) -> Self {
        Self { file: file.into(), content, layer: 0 }
    }
}

/// The desired state: valid, and ready to be fanned out.
#[derive(Debug)]
pub struct Desired {
    /// Where it applies.
    pub organization: Organization,
    /// The declarations, in the order of their places.
    pub declarations: Vec<Arc<Declaration>>,
    /// The digest of what is wanted where; independent of files, comments, order and spelling.
    pub digest: String,
    /// What the pointers of the declarations led to when somebody looked; empty without a file of pins.
    pub pins: Pins,
    /// Accounts that differ from their pins. Where accounts are discovered: renamed accounts, accounts that left a selector,
    /// and empty selectors.
    pub coverage: Vec<Drift>,
    /// That the accounts are those that are pinned, because Organizations was not read.
    pub unlisted: Option<Gap>,
    /// What is to be pinned of the accounts that were discovered, by key, in the organization's own place.
    pub to_pin: BTreeMap<String, String>,
    /// The differences that somebody answers for.
    waivers: Vec<Arc<Waiver>>,
    /// The scopes of each declaration.
    scopes: Vec<Vec<Scope>>,
    index: Index,
}

impl Desired {
    /// The organization.
    pub fn organization(&self) -> &Organization {
        &self.organization
    }

    /// The same on a day: waivers whose last day is over cover nothing any more.
    #[must_use]
    pub fn as_of(mut self, today: Date) -> Self {
        for waiver in &mut self.waivers {
            let mut one = Waiver::clone(waiver);
            one.is_expired = one.expires < today;
            *waiver = Arc::new(one);
        }
        self
    }

    /// The waivers, in the order in which they are written.
    pub fn waivers(&self) -> &[Arc<Waiver>] {
        &self.waivers
    }

    /// Every account and region, sorted.
    pub fn scopes(&self) -> Vec<Scope> {
        self.organization.scopes()
    }

    /// What has to be asked of Organizations before it is known where the declarations apply; `None` when it is known.
    pub fn needs_directory(&self) -> Option<Needs> {
        let discovery = self.organization.discover.as_ref().filter(|_| self.organization.is_to_be_discovered())?;
        let mut needs = discovery.needs();
        let selectors = self.declarations.iter().filter_map(|declaration| declaration.applies.accounts.as_ref());
        selectors.flatten().for_each(|selector| needs.add(selector));
        Some(needs)
    }

    /// How many aliases, tags and names of these addresses are not pinned.
    pub fn unpinned(&self, wanted: &[Wanted]) -> usize {
        let mut missing = BTreeSet::new();
        for one in wanted {
            let (account, region) = (&one.address.account, &one.address.region);
            let keys = one.pointers().into_iter().map(|pointed| pointed.key);
            let keys = keys.filter(|key| self.pins.get(account, &one.account_id, region, key).is_none());
            missing.extend(keys.map(|key| (account, region, key)));
        }
        let pinned: BTreeSet<&str> =
            self.pins.blocks().values().flat_map(|block| block.pins.keys()).map(String::as_str).collect();
        missing.len() + self.to_pin.keys().filter(|key| !pinned.contains(key.as_str())).count()
    }

    /// Every declaration in every scope that it is for, by address; nothing while the accounts are still to be discovered.
    /// Look-ups are left in place.
    pub fn wanted(&self) -> Vec<Wanted> {
        let world = FanOut {
            organization: &self.organization,
            declarations: &self.declarations,
            scopes: &self.scopes,
            index: &self.index,
            form_only: false,
        };
        let mut wanted = Vec::with_capacity(self.scopes.iter().map(Vec::len).sum());
        for (index, (declaration, scopes)) in self.declarations.iter().zip(&self.scopes).enumerate() {
            let mut last: Option<(Arc<Value>, BTreeSet<super::Lookup>)> = None;
            for scope in scopes {
                // Loading has filled in every one of them before; a placeholder that fails now stays in the text.
                let (filled, _) = world.fill(index, scope);
                // Most specs are the same in every scope.
                let mut lookups = match &last {
                    Some((spec, lookups)) if Arc::ptr_eq(spec, &filled.spec) => lookups.clone(),
                    _ => {
                        let mut lookups = BTreeSet::new();
                        template::lookups_of(&filled.spec, &mut lookups);
                        last = Some((Arc::clone(&filled.spec), lookups.clone()));
                        lookups
                    }
                };
                lookups.retain(|lookup| !filled.references.contains_key(lookup));
                let address = declaration.address_in(scope, &self.organization.partition);
                let mut one = Wanted {
                    address,
                    account_id: scope.account_id.clone(),
                    spec: filled.spec,
                    lookups,
                    references: filled.references,
                    pins: BTreeMap::new(),
                    pin: None,
                    referred_pins: BTreeMap::new(),
                    pinned_versions: None,
                    adoption: Adoption::NotSaid,
                    answered: BTreeSet::new(),
                    needs: filled.needs,
                    declaration: Arc::clone(declaration),
                    waivers: Vec::new(),
                    is_context: false,
                };
                one.take_pins(|scope, key| {
                    self.pins.get(&scope.account, &scope.account_id, &scope.region, key).cloned()
                });
                one.adoption = self.pins.adoption(&one);
                one.waivers = self.waivers.iter().filter(|waiver| waiver.address == one.address).cloned().collect();
                wanted.push(one);
            }
        }
        // No two have the same address.
        wanted.sort_unstable_by(|one, two| one.address.cmp(&two.address));
        wanted
    }
}

/// Reads the organization alone, for what needs no declarations.
///
/// # Errors
/// Everything that is wrong with `organization.yaml`; declarations are not looked at.
pub fn load_organization(sources: &[Source]) -> Result<Organization, Vec<Diagnostic>> {
    let mut problems = Vec::new();
    let mut manifests: Vec<Manifest> = sources
        .iter()
        .filter(|source| base_name(&source.file) == ORGANIZATION_FILE)
        .flat_map(|source| manifest::read(source, &mut problems))
        .collect();
    layers::apply(&mut manifests, sources, &[]);
    let (organization, _) = organization::read(&manifests, &mut problems);
    if problems.is_empty() { Ok(organization) } else { Err(problems) }
}

/// Reads the files of pins among these.
///
/// # Errors
/// Everything that is wrong with them.
pub fn read_pins(sources: &[Source], kinds: &[&dyn Kind]) -> Result<Pins, Vec<Diagnostic>> {
    let mut problems = Vec::new();
    let files = sources.iter().filter(|source| base_name(&source.file) == PINS_FILE);
    let manifests: Vec<Manifest> = files.flat_map(|source| manifest::read(source, &mut problems)).collect();
    let pins = pins::read(&manifests, kinds, &mut problems);
    if problems.is_empty() { Ok(pins) } else { Err(problems) }
}

/// The same with the accounts that were discovered.
///
/// # Errors
/// Names that addresses cannot hold or that two accounts share, and another organization than the file says.
pub fn discovered(mut organization: Organization, directory: &Directory) -> Result<Organization, Vec<Diagnostic>> {
    let mut problems = Vec::new();
    directory::fill(&mut organization, directory, &coverage::Pinned::default(), &mut problems);
    if problems.is_empty() { Ok(organization) } else { Err(problems) }
}

/// Loads the desired state. Where the accounts are discovered it is checked in form only: one account stands in for those
/// that selectors and references name, and nothing is wanted anywhere. See [`Desired::needs_directory`].
///
/// # Errors
/// Everything that is wrong with it, by file, line and column.
pub fn load(sources: &[Source], kinds: &[&dyn Kind], controls: &[&str]) -> Result<Desired, Vec<Diagnostic>> {
    load_in(sources, kinds, controls, None)
}

/// Loads the desired state for the accounts that were discovered. They change nothing where the file lists accounts.
///
/// # Errors
/// Everything that is wrong with it, by file, line and column.
pub fn load_in(
    sources: &[Source],
    kinds: &[&dyn Kind],
    controls: &[&str],
    directory: Option<&Directory>,
) -> Result<Desired, Vec<Diagnostic>> {
    let problems = match load_once(sources, kinds, controls, directory) {
        Err(problems) => problems,
        loaded => return loaded,
    };
    // An account without a pin must not keep the others from being held, whatever its name, tags or unit are.
    let old = directory.and_then(|directory| coverage::without_newcomers(sources, kinds, directory));
    let Some((old, newcomers)) = old else { return Err(problems) };
    let Ok(mut desired) = load_once(sources, kinds, controls, Some(&old)) else { return Err(problems) };
    let why = problems.first().map(|problem| problem.detail.as_str()).unwrap_or_default();
    desired.coverage.extend(
        newcomers.iter().map(|account| coverage::left_out(&desired.organization, &desired.declarations, account, why)),
    );
    desired.coverage.sort_by(|one, two| one.address.cmp(&two.address));
    Ok(desired)
}

fn load_once(
    sources: &[Source],
    kinds: &[&dyn Kind],
    controls: &[&str],
    directory: Option<&Directory>,
) -> Result<Desired, Vec<Diagnostic>> {
    let mut problems = Vec::new();
    let mut manifests = Vec::new();
    let read = side_by_side::map(sources, |_, source| {
        let mut problems = Vec::new();
        (manifest::read(source, &mut problems), problems)
    });
    for (mut some, mut wrong) in read {
        manifests.append(&mut some);
        problems.append(&mut wrong);
    }
    manifests.sort_by(|one, two| (&one.file, one.node.line).cmp(&(&two.file, two.node.line)));
    layers::apply(&mut manifests, sources, kinds);
    let (pinned, manifests): (Vec<Manifest>, Vec<Manifest>) =
        manifests.into_iter().partition(|manifest| base_name(&manifest.file) == PINS_FILE);
    let pins = pins::read(&pinned, kinds, &mut problems);
    let (waived, manifests): (Vec<Manifest>, Vec<Manifest>) =
        manifests.into_iter().partition(|manifest| base_name(&manifest.file) == WAIVERS_FILE);
    let waivers = waivers::read(&waived, &mut problems);
    let pinned = coverage::Pinned::of(&pins);
    let read_in_full = problems.is_empty();
    let (organization_files, declared): (Vec<Manifest>, Vec<Manifest>) =
        manifests.into_iter().partition(|manifest| base_name(&manifest.file) == ORGANIZATION_FILE);
    let mut organization_problems = Vec::new();
    let (mut organization, mut organization_is_whole) =
        organization::read(&organization_files, &mut organization_problems);
    if let (Some(directory), true) = (directory, organization_is_whole) {
        directory::fill(&mut organization, directory, &pinned, &mut organization_problems);
        organization_is_whole = organization_problems.is_empty();
    }
    // A file that could not be read has been reported; that it describes nothing is no news.
    let organization_was_read = !organization_files.is_empty()
        || !sources.iter().any(|source| base_name(&source.file) == ORGANIZATION_FILE)
        || read_in_full;
    if organization_was_read {
        problems.append(&mut organization_problems);
    }
    if declared.is_empty() && read_in_full {
        let detail = format!("no declaration was found in {} files", sources.len());
        let remedy = "add a YAML file with `kind`, `name` and `spec`, or name the folder that holds some";
        problems.push(Diagnostic::new(codes::NO_DECLARATIONS, None, detail, remedy));
    }
    let form_only = organization.is_to_be_discovered();
    let stand_in = form_only.then(|| directory::with_stand_in(&organization));
    let mut loader = Loader {
        kinds,
        controls,
        organization: &organization,
        world: stand_in.as_ref().unwrap_or(&organization),
        pinned: &pinned,
        form_only,
        organization_is_whole,
        declarations: Vec::new(),
        kind_of: Vec::new(),
        problems,
        whole: read_in_full && organization_is_whole,
    };
    for manifest in declared {
        if loader.declaration(manifest).is_none() {
            loader.whole = false;
        }
    }
    let (scopes, index) = loader.fan_out();
    let outcomes = loader.check(&scopes, &index);
    let (whole, Loader { declarations, mut problems, .. }) = (loader.whole, loader);
    waivers::check_members(&waivers, kinds, &mut problems);
    // Where accounts are discovered, one that left must not keep the others from being held; its waivers cover nothing then.
    if whole && organization.discover.is_none() {
        let each =
            || declarations.iter().zip(&scopes).flat_map(|(one, scopes)| scopes.iter().map(move |scope| (one, scope)));
        let address = |(one, scope): (&Declaration, &Scope)| one.address_in(scope, &organization.partition);
        let is_declared =
            |sought: &Address| each().any(|(one, scope)| one.kind == sought.kind && address((one, scope)) == *sought);
        waivers::check(&waivers, is_declared, || each().map(|one| address(one).to_string()).collect(), &mut problems);
    }
    if !problems.is_empty() {
        problems.sort_by(|one, two| (&one.at, &one.code, &one.detail).cmp(&(&two.at, &two.code, &two.detail)));
        problems.dedup();
        return Err(problems);
    }
    // A plan that was made for other pins is stale.
    let digest = if pins.is_empty() {
        digest::of(&(&organization, &outcomes))
    } else {
        digest::of(&(&organization, &outcomes, &pins.content()))
    };
    let said = |waiver: &Waiver| {
        (waiver.address.to_string(), waiver.path.to_string(), waiver.tolerate.clone(), waiver.terms.clone())
    };
    let digest =
        if waivers.is_empty() { digest } else { digest::of(&(digest, waivers.iter().map(said).collect::<Vec<_>>())) };
    let directory = directory.filter(|_| organization.discover.is_some());
    let unlisted = directory.and_then(|directory| coverage::unlisted(&organization, directory));
    let (coverage, to_pin) = match directory {
        Some(_) if unlisted.is_some() => (Vec::new(), BTreeMap::new()),
        Some(directory) => (
            coverage::drift(&organization, &declarations, &pinned, directory),
            coverage::to_pin(&organization, &declarations, directory),
        ),
        None => (coverage::of_others(&organization, &declarations, &pins), BTreeMap::new()),
    };
    let declarations: Vec<Arc<Declaration>> = declarations.into_iter().map(Arc::new).collect();
    // Nothing is wanted of an account that only stands in for others.
    let scopes = if form_only { vec![Vec::new(); declarations.len()] } else { scopes };
    let waivers = waivers.into_iter().map(Arc::new).collect();
    Ok(Desired { organization, declarations, digest, pins, coverage, unlisted, to_pin, waivers, scopes, index })
}

pub(super) fn base_name(file: &str) -> &str {
    file.rsplit(['/', '\\']).next().unwrap_or(file)
}

struct Loader<'a> {
    kinds: &'a [&'a dyn Kind],
    controls: &'a [&'a str],
    organization: &'a Organization,
    /// The organization in which declarations are fanned out: with a stand-in where the accounts are not known.
    world: &'a Organization,
    /// Whom selectors took when somebody looked.
    pinned: &'a coverage::Pinned<'a>,
    form_only: bool,
    organization_is_whole: bool,
    declarations: Vec<Declaration>,
    kind_of: Vec<&'a dyn Kind>,
    problems: Vec<Diagnostic>,
    /// Everything was read that one declaration may say about another.
    whole: bool,
}

impl<'a> Loader<'a> {
    /// Reads the keys around the spec; `None` when the declaration, or where it applies, remains unknown.
    fn declaration(&mut self, manifest: Manifest) -> Option<()> {
        let Manifest { file, node, mut value } = manifest;
        let item = Item { file: &file, node: &node, value: &value };
        let problems = &mut self.problems;
        let kind = item.get("kind").and_then(|kind| kind.raw()).and_then(|name| find(self.kinds, name));
        let elsewhere = |key: &str| {
            let known = validate::known_members(kind?.contract().schema().as_value(), &Path::root());
            known.iter().any(|member| member == key).then(|| format!("move `{key}` below `spec:`"))
        };
        item.only(KEYS, elsewhere, problems);
        item.members()?;
        let kind_name = item.required("kind", "a kind of resource", problems);
        if let (Some(kind_item), None) = (kind_name, kind)
            && let Some(name) = kind_item.text("the kind", problems)
        {
            let known = || self.kinds.iter().map(|kind| kind.name());
            let remedy = match did_you_mean(name, known()) {
                Some(near) => format!("did you mean `{near}`?"),
                None => format!("the kinds are {}", known().collect::<Vec<_>>().join(", ")),
            };
            problems.push(kind_item.problem(codes::UNKNOWN_KIND, format!("`{name}` is not a kind"), remedy));
        }
        let name = read_name(&item, kind, problems);
        if let (Some(item), Some(kind), true) = (kind_name, kind, self.organization_is_whole)
            && kind.contract().scope == ScopeKind::Organization
            && self.organization.management_account.is_none()
        {
            let detail = format!(
                "a {} belongs to an organization as a whole, and organization.yaml names no management account to read and write it in",
                kind.name()
            );
            let remedy = "add `managementAccount:` with the name of that account, or remove the declaration";
            problems.push(item.problem(codes::ORGANIZATION, detail, remedy));
        }
        let organization = self.organization_is_whole.then_some(self.organization);
        let before_where = problems.len();
        let applies = item.get("where").map(|item| selection::read(&item, organization, problems)).unwrap_or_default();
        let where_is_right = problems.len() == before_where;
        let controls =
            item.get("controls").map(|item| read_controls(&item, self.controls, problems)).unwrap_or_default();
        let when_stronger = item.get("whenStronger").map(|item| read_when(&item, problems)).unwrap_or_default();
        let spec = match item.node.entry("spec") {
            // An empty one manages nothing but that the resource is there.
            Some(entry) if entry.value.is_empty() => None,
            _ => {
                item.required("spec", "what the resource must be like; `{}` when only its existence matters", problems)
            }
        };
        if let Some(spec) = spec
            && spec.members().is_none()
        {
            problems.push(spec.problem(
                codes::WRONG_SHAPE,
                "`spec` is not a mapping",
                "write `key: value` lines below it",
            ));
            return None;
        }
        let (kind, (name, name_parts)) = (kind?, name?);
        if let (Some(item), true) = (item.get("where"), where_is_right) {
            check_where(&item, kind, &applies, organization, problems);
        }
        let at = item.place();
        let spec = value.get_mut("spec").map(Value::take).filter(Value::is_object);
        let mut declaration = Declaration {
            kind: kind.name().to_owned(),
            name,
            applies,
            controls,
            when_stronger,
            spec: Arc::new(spec.unwrap_or_else(|| Value::Object(serde_json::Map::new()))),
            at,
            node,
            name_parts,
            holes: Vec::new(),
            contract: kind.contract(),
            normal: None,
        };
        let mut faults = Vec::new();
        declaration.holes = fan_out::holes(&declaration.spec, &mut |path, found| faults.push((path.clone(), found)));
        for (path, fault) in
            faults.into_iter().flat_map(|(path, found)| found.into_iter().map(move |one| (path.clone(), one)))
        {
            let place = declaration.place_within(&path, fault.offset);
            self.problems.push(Diagnostic::new(template::FAULT, Some(place), fault.detail, fault.remedy));
        }
        self.declarations.push(declaration);
        self.kind_of.push(kind);
        where_is_right.then_some(())
    }

    /// The scopes of each declaration. Reports every two that meet at an address.
    fn fan_out(&mut self) -> (Vec<Vec<Scope>>, Index) {
        let mut index = Index::new();
        let mut scopes: Vec<Vec<Scope>> = Vec::new();
        let mut taken: BTreeMap<(&str, Cow<'_, str>, &Scope), usize> = BTreeMap::new();
        for (declaration, kind) in self.declarations.iter().zip(&self.kind_of) {
            scopes.push(fan_out::scopes_for(*kind, declaration, self.world, self.pinned, self.form_only));
        }
        for (at, (declaration, scopes)) in self.declarations.iter().zip(&scopes).enumerate() {
            let names = index.entry(declaration.kind.clone()).or_default();
            names.entry(declaration.name.clone()).or_default().push(at);
            let mut others: BTreeMap<usize, (usize, &Scope)> = BTreeMap::new();
            for scope in scopes {
                let name = declaration.name_in(scope, &self.organization.partition);
                let first = *taken.entry((&declaration.kind, name, scope)).or_insert(at);
                if first != at && self.surely_meet(first, at) {
                    others.entry(first).or_insert((0, scope)).0 += 1;
                }
            }
            for (other, (count, scope)) in others {
                let Some(other) = self.declarations.get(other) else { continue };
                let more = if count > 1 { format!(" and {} more", count - 1) } else { String::new() };
                let detail = format!(
                    "{}/{} is declared at {} and again here, both for {scope}{more}",
                    declaration.kind, declaration.name, other.at
                );
                let remedy = "remove one of the two, or narrow its `where`";
                self.problems.push(Diagnostic::new(
                    codes::REPEATED_ADDRESS,
                    Some(declaration.at.clone()),
                    detail,
                    remedy,
                ));
            }
        }
        (scopes, index)
    }

    /// Whether two declarations that meet in an account meet in a real one.
    fn surely_meet(&self, one: usize, two: usize) -> bool {
        let accounts =
            |at: usize| self.declarations.get(at).and_then(|declaration| declaration.applies.accounts.as_ref());
        let (one, two) = (accounts(one), accounts(two));
        !self.form_only || one.is_none() || two.is_none() || one == two
    }

    /// Checks each distinct outcome of each declaration; gives what the digest is made of.
    fn check(&mut self, scopes: &[Vec<Scope>], index: &Index) -> Vec<Outcome> {
        let world = FanOut {
            organization: self.world,
            declarations: &self.declarations,
            scopes,
            index,
            form_only: self.form_only,
        };
        let (whole, kind_of) = (self.whole, &self.kind_of);
        let checked = side_by_side::map(&self.declarations, |at, declaration| {
            let mut checked = Checked::default();
            if let Some(kind) = kind_of.get(at) {
                checked.all(*kind, declaration, at, &world, whole);
            }
            checked
        });
        let mut outcomes = Vec::new();
        for (declaration, mut checked) in self.declarations.iter_mut().zip(checked) {
            declaration.normal = checked.normal;
            outcomes.append(&mut checked.outcomes);
            self.problems.append(&mut checked.problems);
        }
        outcomes.sort();
        outcomes
    }
}

/// What checking one declaration gave.
#[derive(Default)]
struct Checked {
    outcomes: Vec<Outcome>,
    /// The normal form, if it is the same in every scope and needs no look-up.
    normal: Option<Value>,
    problems: Vec<Diagnostic>,
}

impl Checked {
    /// Checks a declaration in all of its scopes.
    fn all(
        &mut self,
        kind: &dyn Kind,
        declaration: &Declaration,
        at: usize,
        world: &FanOut<'_, Declaration>,
        whole: bool,
    ) {
        let stand_in = [fan_out::stand_in()];
        let own = world.scopes.get(at).map(Vec::as_slice).filter(|own| !own.is_empty());
        let everywhere_alike = !declaration.depends_on_scope();
        let mut seen: Vec<(Arc<Value>, Option<Seen>)> = Vec::new();
        let mut reported: BTreeSet<(String, Option<Place>)> = BTreeSet::new();
        for scope in own.unwrap_or(&stand_in) {
            self.name(kind, declaration, &declaration.name_in(scope, &world.organization.partition), &mut reported);
            if everywhere_alike && !seen.is_empty() {
                if let Some((_, Some((tree, lookups)))) = seen.first() {
                    self.outcomes.push(Outcome::new(scope, declaration, world, tree, lookups));
                }
                continue;
            }
            let mut found = Vec::new();
            let (filled, unfilled) = world.fill(at, scope);
            for unfilled in unfilled.into_iter().filter(|_| whole) {
                let place = declaration.place_within(&unfilled.path, 0);
                found.push(Diagnostic::new(unfilled.code, Some(place), unfilled.detail, unfilled.remedy));
            }
            let known = seen.iter().find(|(spec, _)| *spec == filled.spec).map(|(_, tree)| tree.clone());
            let tree = match known {
                Some(tree) => tree,
                None => {
                    let mut lookups = BTreeSet::new();
                    template::lookups_of(&filled.spec, &mut lookups);
                    let mut finished = Cow::Borrowed(&*filled.spec);
                    if template::has_escapes(&filled.spec) {
                        template::finish(finished.to_mut(), None, &mut Vec::new());
                    }
                    let unsettled =
                        |path: &Path| fan_out::is_unsettled(&filled.spec, path, declaration.contract.list_keys());
                    let tree = validate::spec(kind, declaration, &finished, unsettled, &mut found);
                    let partition = &world.organization.partition;
                    found.extend(validate::other_partitions(kind, declaration, &finished, partition));
                    let outcome = tree.as_ref().map(|tree| (digest::of_tree(tree), lookups.clone()));
                    if everywhere_alike && lookups.is_empty() {
                        self.normal = tree;
                    }
                    seen.push((filled.spec, outcome.clone()));
                    outcome
                }
            };
            if let Some((tree, lookups)) = &tree {
                self.outcomes.push(Outcome::new(scope, declaration, world, tree, lookups));
            }
            // What is wrong in one scope is mostly wrong in the others, in words that differ by an account id.
            found.retain(|problem| !reported.contains(&(problem.code.clone(), problem.at.clone())));
            reported.extend(found.iter().map(|problem| (problem.code.clone(), problem.at.clone())));
            self.problems.append(&mut found);
        }
    }
}

impl Checked {
    /// Checks a name that differs from scope to scope; others were checked as they were read.
    fn name(
        &mut self,
        kind: &dyn Kind,
        declaration: &Declaration,
        name: &str,
        reported: &mut BTreeSet<(String, Option<Place>)>,
    ) {
        if declaration.name_parts.is_empty() {
            return;
        }
        let Some(detail) = (kind.contract().check_name)(name) else { return };
        let place = Some(declaration.place_of_name());
        if reported.insert((codes::BAD_NAME.to_owned(), place.clone())) {
            let detail = format!("`{name}`: {detail}");
            self.problems.push(Diagnostic::new(codes::BAD_NAME, place, detail, NAME_REMEDY));
        }
    }
}

const NAME_REMEDY: &str = "choose a name that the service allows";

/// The digest of a tree, and the look-ups that it waits for.
type Seen = (String, BTreeSet<super::Lookup>);

/// What is wanted at one address, for the digest.
#[derive(serde::Serialize, PartialEq, Eq, PartialOrd, Ord)]
struct Outcome {
    address: String,
    account_id: String,
    controls: Vec<String>,
    undo: bool,
    tree: String,
    lookups: Vec<super::Lookup>,
}

impl Outcome {
    fn new(
        scope: &Scope,
        declaration: &Declaration,
        world: &FanOut<'_, Declaration>,
        tree: &str,
        lookups: &BTreeSet<super::Lookup>,
    ) -> Self {
        Self {
            address: declaration.address_in(scope, &world.organization.partition).to_string(),
            account_id: scope.account_id.clone(),
            controls: declaration.controls.clone(),
            undo: declaration.when_stronger == WhenStronger::Undo,
            tree: tree.to_owned(),
            lookups: lookups.iter().cloned().collect(),
        }
    }
}

fn find<'a>(kinds: &[&'a dyn Kind], name: &str) -> Option<&'a dyn Kind> {
    kinds.iter().find(|kind| kind.name() == name).copied()
}

/// The name, and its parts where it differs from scope to scope.
fn read_name(item: &Item<'_>, kind: Option<&dyn Kind>, problems: &mut Vec<Diagnostic>) -> Option<(String, Vec<Part>)> {
    let singleton = kind.and_then(|kind| kind.contract().singleton);
    if item.node.entry("name").is_none() && (kind.is_none() || singleton.is_some()) {
        // Whether an unknown kind needs a name cannot be told.
        return singleton.map(|name| (name.to_owned(), Vec::new()));
    }
    let name = item.required("name", "the name of the resource", problems)?;
    let text = name.text("the name", problems)?;
    if let Some(always) = singleton
        && text != always
    {
        let detail = format!("a scope has exactly one, which is always named `{always}`, not `{text}`");
        problems.push(name.problem(codes::BAD_NAME, detail, format!("write `{always}`, or leave the name out")));
        return None;
    }
    if text.contains("${") {
        return read_template(&name, text, kind, problems).map(|parts| (text.to_owned(), parts));
    }
    if let Some(detail) = kind.and_then(|kind| (kind.contract().check_name)(text)) {
        problems.push(name.problem(codes::BAD_NAME, format!("`{text}`: {detail}"), NAME_REMEDY));
    }
    Some((text.to_owned(), Vec::new()))
}

/// The parts of a name that differs from scope to scope. What it comes to is checked in each scope.
fn read_template(
    name: &Item<'_>,
    text: &str,
    kind: Option<&dyn Kind>,
    problems: &mut Vec<Diagnostic>,
) -> Option<Vec<Part>> {
    if !kind?.contract().name_varies {
        let detail = "placeholders are not filled in in names of this kind: a name is the same in every scope";
        problems.push(name.problem(codes::BAD_NAME, detail, "write the name out"));
        return None;
    }
    match template::parse(text) {
        Ok(parts) if template::are_pure(&parts) => Some(parts),
        Ok(_) => {
            let detail = "a name is known before anything is read, so it cannot hold references and look-ups";
            let remedy = "only ${account.id}, ${account.name}, ${region} and ${partition} may stand in a name";
            problems.push(name.problem(codes::BAD_NAME, detail, remedy));
            None
        }
        Err(faults) => {
            problems.extend(faults.into_iter().map(|fault| name.problem(template::FAULT, fault.detail, fault.remedy)));
            None
        }
    }
}

fn read_controls(item: &Item<'_>, known: &[&str], problems: &mut Vec<Diagnostic>) -> Vec<String> {
    let Some(items) = item.elements() else {
        problems.push(item.problem(codes::WRONG_SHAPE, "`controls` is not a list", "write [aws-genai-02]"));
        return Vec::new();
    };
    let mut found = BTreeSet::new();
    for item in items {
        let Some(text) = item.text("the control", problems) else { continue };
        if !known.contains(&text) {
            let remedy = match did_you_mean(text, known.iter().copied()) {
                Some(near) => format!("did you mean `{near}`?"),
                None => "`bedrock-reconciler controls` lists them".to_owned(),
            };
            problems.push(item.problem(codes::UNKNOWN_CONTROL, format!("`{text}` is not a control"), remedy));
        }
        found.insert(text.to_owned());
    }
    found.into_iter().collect()
}

fn read_when(item: &Item<'_>, problems: &mut Vec<Diagnostic>) -> WhenStronger {
    match item.raw() {
        Some("report") => WhenStronger::Report,
        Some("undo") => WhenStronger::Undo,
        other => {
            let found = other.map_or("a list or mapping".to_owned(), |text| format!("`{text}`"));
            let remedy = match other.and_then(|text| did_you_mean(text, ["report", "undo"])) {
                Some(near) => format!("did you mean `{near}`?"),
                None => "`report` keeps live values that are stronger, `undo` puts the declared ones back".to_owned(),
            };
            problems.push(item.problem(codes::UNKNOWN_WORD, format!("{found} is not one of report, undo"), remedy));
            WhenStronger::Report
        }
    }
}

/// Whether a `where` without mistakes takes anything at all.
fn check_where(
    item: &Item<'_>,
    kind: &dyn Kind,
    applies: &Where,
    organization: Option<&Organization>,
    problems: &mut Vec<Diagnostic>,
) {
    if let (Some(regions), Some(_), true) =
        (item.get("regions"), &applies.regions, kind.contract().scope != ScopeKind::Region)
    {
        let detail = format!("a {} does not live in a region, so `regions` means nothing here", kind.name());
        problems.push(regions.problem(codes::NO_SUCH_TARGET, detail, "remove the key"));
    }
    // Where accounts are discovered, that nobody is selected is told in the plan.
    let Some(organization) = organization.filter(|organization| organization.discover.is_none()) else { return };
    if !organization.accounts.iter().any(|account| applies.takes_account(account)) {
        let place = item.get("accounts").map_or_else(|| item.place(), |accounts| accounts.place());
        let tags: BTreeSet<String> = organization
            .accounts
            .iter()
            .flat_map(|account| account.tags.iter().map(|(tag, value)| format!("{tag}={value}")))
            .collect();
        let tags = tags.into_iter().take(8).collect::<Vec<_>>().join(", ");
        let remedy = if tags.is_empty() {
            "no account has tags".to_owned()
        } else {
            format!("the tags of the accounts are {tags}")
        };
        problems.push(Diagnostic::new(codes::NO_SUCH_TARGET, Some(place), "no account is selected", remedy));
    }
}
