//! `pins.lock`: what aliases, tags and names led to when somebody looked, written beside the declarations.
//!
//! An alias, a `Name` tag and a guardrail's name are pointers that others may write. Ids stay out of declarations, because they
//! change when a resource is created again; they are pinned here, where git shows each change of them for review.
//!
//! # Guarantees
//! - The file is no declaration: a plan without it wants the same addresses, except that discovered accounts keep their
//!   pinned names and selectors their pinned accounts.
//! - What is written is a function of the pins alone: sorted, one block for each account and region.
//! - What cannot be read is refused like any mistake in a declaration. An ignored pin would let the pointer decide.

use std::collections::{BTreeMap, BTreeSet};

use serde::Serialize;
use serde_json::Value;

use super::item::Item;
use super::manifest::Manifest;
use super::organization::is_account_id;
use super::template::LOOKUP_SOURCES;
use super::{LiveReference, Lookup, Wanted};
use crate::address::{Address, Scope};
use crate::codes;
use crate::diagnostic::{Diagnostic, Place, did_you_mean};
use crate::kind::{Kind, PinnedAs};

/// The name of the file.
pub const PINS_FILE: &str = "pins.lock";

/// The form of the file that this build writes. It reads the former one too, which says nothing of adoption.
const VERSION: u64 = 2;
const VERSION_BEFORE: u64 = 1;
/// The member of a block that holds the id of the account behind its name.
const ACCOUNT: &str = "account";
/// The member of a block that lists what was there once.
const ADOPTED: &str = "adopted";
const HEADER: &str = "\
# What aliases, tags and names led to. Written by `bedrock-reconciler pin`, looked at by `pin --check` and by every plan.
# A change here is a change of what declarations mean: review it like one.
";

/// What one pointer leads to.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Pin {
    /// The id or ARN.
    pub value: String,
    /// Where the file says so.
    pub at: Option<Place>,
}

/// The pins of one account and region.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Block {
    /// The twelve digits behind the account's name.
    pub account_id: String,
    /// What each pointer leads to: `kms:alias/NAME`, `subnet:NAME`, or a name after what its kind pins names by.
    pub pins: BTreeMap<String, Pin>,
    /// What was there when somebody looked, as `KIND/NAME`: it is never new again.
    pub adopted: BTreeSet<String>,
}

/// What a file of pins says of an address having been there.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Adoption {
    /// It was there.
    Adopted,
    /// It was not, whenever somebody looked.
    Never,
    /// The file is of a form that does not say.
    NotSaid,
}

/// The pins, by account and region.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Pins {
    blocks: BTreeMap<String, Block>,
    /// Whether it was read of a form that does not say what was adopted.
    is_old: bool,
}

#[derive(Serialize)]
struct File<'a> {
    version: u64,
    pins: BTreeMap<&'a str, BTreeMap<&'a str, Value>>,
}

/// Where look-ups are asked that only pins have: the accounts that a target of an organization policy reaches.
pub const REACH: &str = "accounts";
/// Where look-ups are asked that only pins have: what the default version of a policy says, as a digest.
pub const CONTENT: &str = "policy";
/// The id of the unit, or of the root, that a target of an organization policy names.
pub const UNIT: &str = "unit";
/// The id of the account that has a name.
pub const ACCOUNT_NAMED: &str = "account";
/// The accounts that a selector of `where` takes.
pub const COVERED: &str = "where";
/// The accounts that are left out.
pub const EXCLUDED: &str = "exclude";
/// Members that a region answers, though not every region does.
pub const ANSWERS: &str = "answers";
/// The newest version that a resource had.
pub const VERSIONS: &str = "versions";
/// What pins have more of than look-ups that declarations may contain.
const OWN_SOURCES: &[&str] = &[REACH, CONTENT, UNIT, ACCOUNT_NAMED, COVERED, EXCLUDED, ANSWERS, VERSIONS];

/// Whether a pin of this source leads to a set, of accounts or members, rather than to one thing.
pub fn is_set(source: &str) -> bool {
    [REACH, COVERED, EXCLUDED, ANSWERS].contains(&source)
}

/// A set of accounts as the value of a pin.
pub fn set_of<'a>(ids: impl IntoIterator<Item = &'a str>) -> String {
    ids.into_iter().collect::<BTreeSet<_>>().into_iter().collect::<Vec<_>>().join(" ")
}

/// The accounts of such a value.
pub fn members_of(value: &str) -> BTreeSet<&str> {
    value.split_whitespace().collect()
}

/// One pointer of a wanted address.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Pointed {
    /// What it is called in the file.
    pub key: String,
    /// How it is asked for, before the kind narrows it ([`Contract::looked_up_as`]).
    ///
    /// [`Contract::looked_up_as`]: crate::kind::Contract::looked_up_as
    pub lookup: Lookup,
    /// Whether it is where the name itself leads, so that the resource is found by it.
    is_name: bool,
    /// Whether other than its kind it has to be asked for when a plan is made.
    is_asked: bool,
}

impl Pointed {
    /// Whether it is followed when a plan is made; a name is not, the resource is found by it.
    pub fn is_followed(&self) -> bool {
        self.is_asked
    }
}

/// How a look-up of an address is called in the file: what is looked for in a network is called by it too.
pub fn key_of_lookup(wanted: &Wanted, lookup: &Lookup) -> String {
    match network_of(wanted) {
        Some(network) if ["subnet", "security-group"].contains(&lookup.source.as_str()) => {
            format!("{}:{network}/{}", lookup.source, lookup.key)
        }
        _ => format!("{}:{}", lookup.source, lookup.key),
    }
}

/// The name or id of the network that an address is in.
fn network_of(wanted: &Wanted) -> Option<&str> {
    let is_in_one = wanted.declaration.contract.pinned_as == Some(PinnedAs::Network);
    wanted.address.name.rsplit_once('/').map(|(network, _)| network).filter(|_| is_in_one)
}

/// Whether a network is named by its id, which nobody can let lead elsewhere.
fn is_id(network: &str) -> bool {
    network
        .strip_prefix("vpc-")
        .is_some_and(|rest| rest.len() >= 8 && rest.bytes().all(|byte| byte.is_ascii_hexdigit()))
}

/// The policies of an account that a member of a spec names without saying what they say. Those of AWS say what AWS says.
fn undeclared_contents<'a>(spec: &'a Value, member: &str, name: &'a str) -> impl Iterator<Item = &'a str> {
    let (list, one) = match spec.get(member) {
        Some(Value::Array(list)) => (&list[..], None),
        other => (&[][..], other),
    };
    let is_held = |element: &Value| element.get("policyDocument").is_some_and(|manifest| !manifest.is_null());
    let elements = list.iter().chain(one).filter(move |element| !is_held(element) && element["ownedElsewhere"] != true);
    let arns = elements.filter_map(move |element| element.get(name)?.as_str());
    arns.filter(|arn| arn.split(':').nth(4) != Some("aws"))
}

impl Wanted {
    /// The policies whose contents nothing holds: they are neither declared nor pinned.
    pub fn unheld_contents(&self) -> Vec<String> {
        let contents = self.pointers().into_iter().filter(|pointed| pointed.lookup.source == CONTENT);
        contents
            .map(|pointed| pointed.lookup)
            .filter(|lookup| !self.pins.contains_key(lookup))
            .map(|one| one.key)
            .collect()
    }

    /// What others may redirect: the look-ups of the declaration, and what its kind pins beside them.
    pub fn pointers(&self) -> Vec<Pointed> {
        let pointed = |key: String, source: &str, name: &str, is_name, is_asked| Pointed {
            key,
            lookup: Lookup { source: source.to_owned(), key: name.to_owned() },
            is_name,
            is_asked,
        };
        let of_lookup =
            |lookup: &Lookup| pointed(key_of_lookup(self, lookup), &lookup.source, &lookup.key, false, true);
        let mut all: Vec<Pointed> = self.lookups.iter().map(of_lookup).collect();
        let name = &self.address.name;
        match self.declaration.contract.pinned_as {
            None => {}
            Some(own @ (PinnedAs::Name(prefix) | PinnedAs::NameAndVersions(prefix))) => {
                all.push(pointed(format!("{prefix}{name}"), prefix.trim_end_matches([':', '/']), name, true, false));
                if own == PinnedAs::NameAndVersions(prefix) {
                    all.push(pointed(format!("{VERSIONS}:{name}"), VERSIONS, name, false, false));
                }
            }
            Some(PinnedAs::Network) => {
                if let Some(network) = network_of(self).filter(|network| !is_id(network)) {
                    all.push(pointed(format!("vpc:{network}"), "vpc", network, true, true));
                }
            }
            Some(PinnedAs::Answers) => {
                let kind = &self.address.kind;
                all.push(pointed(format!("{ANSWERS}:{kind}"), ANSWERS, kind, false, false));
            }
            Some(PinnedAs::Reach(member)) => {
                let elements = self.spec.get(member).and_then(Value::as_array).into_iter().flatten();
                for one in elements.filter_map(Value::as_str) {
                    all.push(pointed(format!("{REACH}:{one}"), REACH, one, false, true));
                    // Nobody can give the digits of an account to another one.
                    if !is_account_id(one) {
                        all.push(pointed(format!("{UNIT}:{one}"), UNIT, one, false, true));
                    }
                }
            }
            Some(PinnedAs::Contents(members)) => {
                let arns = members.iter().flat_map(|(member, name)| undeclared_contents(&self.spec, member, name));
                all.extend(arns.map(|arn| pointed(format!("{CONTENT}:{arn}"), CONTENT, arn, false, true)));
            }
        }
        all
    }

    /// Takes what is pinned of its pointers, and of the names that it refers to.
    pub fn take_pins(&mut self, pinned: impl Fn(&Scope, &str) -> Option<Pin>) {
        for LiveReference { scope, address, pin_key, .. } in self.references.values() {
            if let Some(pin) = pin_key.as_ref().and_then(|key| pinned(scope, key)) {
                self.referred_pins.insert(address.clone(), pin);
            }
        }
        let own = Scope {
            account: self.address.account.clone(),
            account_id: self.account_id.clone(),
            region: self.address.region.clone(),
        };
        for Pointed { key, lookup, is_name, is_asked } in self.pointers() {
            let Some(pin) = pinned(&own, &key) else { continue };
            if is_name {
                self.pin = Some(pin.clone());
            }
            if lookup.source == ANSWERS {
                self.answered = members_of(&pin.value).into_iter().map(str::to_owned).collect();
            }
            if lookup.source == VERSIONS {
                self.pinned_versions = Some(pin.value.clone());
            }
            if is_asked {
                self.pins.insert(lookup, pin);
            }
        }
    }
}

impl Pins {
    /// The pins of a file that could not be read: nothing is known of what was there.
    pub fn of_unknown_past() -> Self {
        Self { is_old: true, ..Self::default() }
    }

    /// Whether the file does not say what was adopted.
    pub fn is_silent_on_adoption(&self) -> bool {
        self.is_old
    }

    /// Whether nothing is pinned.
    pub fn is_empty(&self) -> bool {
        self.blocks.is_empty()
    }

    /// Pins a pointer of a scope, or pins it anew.
    pub fn set(&mut self, account: &str, account_id: &str, region: &str, key: &str, value: String) {
        let block = self.blocks.entry(format!("{account}/{region}")).or_default();
        account_id.clone_into(&mut block.account_id);
        block.pins.insert(key.to_owned(), Pin { value, at: None });
    }

    /// What a pointer of a scope is pinned to. The pins of a name that belongs to another account by now are not those of this
    /// one, which is told as drift.
    pub fn get(&self, account: &str, account_id: &str, region: &str, key: &str) -> Option<&Pin> {
        let block = self.blocks.get(&format!("{account}/{region}"))?;
        block.pins.get(key).filter(|_| block.account_id == account_id)
    }

    /// Notes that an address was there. It is kept for good: only people take it out.
    pub fn adopt(&mut self, account: &str, account_id: &str, region: &str, resource: String) {
        let block = self.blocks.entry(format!("{account}/{region}")).or_default();
        account_id.clone_into(&mut block.account_id);
        block.adopted.insert(resource);
    }

    /// Whether the file says that an address was there, under the name of its account or under another one.
    pub fn adoption(&self, wanted: &Wanted) -> Adoption {
        if self.is_old {
            return Adoption::NotSaid;
        }
        let Address { account, region, kind, name } = &wanted.address;
        let resource = format!("{kind}/{name}");
        let is_of_it = |(place, block): (&String, &Block)| {
            let (of_account, of_region) = place.rsplit_once('/').unwrap_or_default();
            of_region == region
                && (of_account == account || block.account_id == wanted.account_id)
                && block.adopted.contains(&resource)
        };
        if self.blocks.iter().any(is_of_it) { Adoption::Adopted } else { Adoption::Never }
    }

    /// The blocks, by `ACCOUNT/REGION`.
    pub fn blocks(&self) -> &BTreeMap<String, Block> {
        &self.blocks
    }

    /// The values alone, for a digest. A set of accounts is a list, so that git shows one that is gone as one line.
    ///
    /// What was adopted is left out: it changes nothing of what is wanted, and so makes no saved plan stale.
    pub(super) fn content(&self) -> BTreeMap<&str, BTreeMap<&str, Value>> {
        fn value(key: &str, pin: &Pin) -> Value {
            match is_set(source_of(key)) {
                true => members_of(&pin.value).into_iter().collect(),
                false => Value::String(pin.value.clone()),
            }
        }
        fn members(block: &Block) -> BTreeMap<&str, Value> {
            let pins = block.pins.iter().map(|(key, pin)| (key.as_str(), value(key, pin)));
            pins.chain([(ACCOUNT, Value::String(block.account_id.clone()))]).collect()
        }
        self.blocks.iter().map(|(place, block)| (place.as_str(), members(block))).collect()
    }

    /// The text of the file.
    ///
    /// # Errors
    /// What the writer of YAML says.
    pub fn to_text(&self) -> Result<String, serde_yaml::Error> {
        let mut pins = self.content();
        for (place, block) in self.blocks.iter().filter(|(_, block)| !block.adopted.is_empty()) {
            let adopted = block.adopted.iter().map(String::as_str).collect();
            pins.entry(place).or_default().insert(ADOPTED, adopted);
        }
        let file = File { version: VERSION, pins };
        Ok(format!("{HEADER}{}", serde_yaml::to_string(&file)?))
    }
}

/// What a key may begin with.
struct Beginnings {
    /// What stands before `:` and a key.
    sources: Vec<&'static str>,
    /// What kinds have before a name, and is none of the former.
    of_names: Vec<&'static str>,
}

impl Beginnings {
    fn of(kinds: &[&dyn Kind]) -> Self {
        let sources: Vec<&str> = LOOKUP_SOURCES.iter().chain(OWN_SOURCES).copied().collect();
        let prefixes = kinds.iter().filter_map(|kind| kind.contract().pinned_as?.name_prefix());
        let own = prefixes.filter(|prefix| prefix.strip_suffix(':').is_none_or(|source| !sources.contains(&source)));
        let of_names = own.collect::<BTreeSet<_>>().into_iter().collect();
        Self { sources, of_names }
    }

    /// Whether a key is that of a pin.
    fn begin(&self, key: &str) -> bool {
        let asked = key.split_once(':').is_some_and(|(source, key)| self.sources.contains(&source) && !key.is_empty());
        asked || self.of_names.iter().any(|prefix| key.strip_prefix(prefix).is_some_and(|name| !name.is_empty()))
    }

    fn in_words(&self) -> String {
        let mut words = format!("`{ACCOUNT}`, one of {} with `:` and a key", self.sources.join(", "));
        for prefix in &self.of_names {
            words.push_str(&format!(", or `{prefix}NAME`"));
        }
        words
    }

    fn near(&self, key: &str) -> Option<&str> {
        let of_names = self.of_names.iter().map(|prefix| source_of(prefix));
        did_you_mean(source_of(key), self.sources.iter().copied().chain([ACCOUNT]).chain(of_names))
    }
}

/// Reads the manifests of the file. The kinds say by what names are pinned.
pub(super) fn read(manifests: &[Manifest], kinds: &[&dyn Kind], problems: &mut Vec<Diagnostic>) -> Pins {
    let beginnings = Beginnings::of(kinds);
    let mut pins = Pins::default();
    for other in manifests.iter().skip(1) {
        let item = Item { file: &other.file, node: &other.node, value: &other.value };
        let detail = format!("{PINS_FILE} is one document, and this is another one");
        problems.push(item.problem(codes::WRONG_SHAPE, detail, "remove it, or make the file anew with `pin`"));
    }
    let Some(manifest) = manifests.first() else { return pins };
    let item = Item { file: &manifest.file, node: &manifest.node, value: &manifest.value };
    item.only(&["version", "pins"], |_| None, problems);
    if item.members().is_none() {
        return pins;
    }
    if let Some(version) = item.required("version", "`2`", problems) {
        pins.is_old = version.value.as_u64() == Some(VERSION_BEFORE);
    }
    if let Some(version) = item.get("version")
        && ![Some(VERSION), Some(VERSION_BEFORE)].contains(&version.value.as_u64())
    {
        let detail = format!("this build reads versions {VERSION_BEFORE} and {VERSION} of {PINS_FILE}");
        problems.push(version.problem(codes::WRONG_SHAPE, detail, "make the file anew with `pin`"));
    }
    let Some(blocks) = item.required("pins", "one block for each account and region", problems) else { return pins };
    let Some(members) = blocks.members() else {
        problems.push(blocks.problem(codes::WRONG_SHAPE, "`pins` is not a mapping", "make the file anew with `pin`"));
        return pins;
    };
    for (entry, block) in members {
        if entry.key.rsplit_once('/').is_none_or(|(account, region)| account.is_empty() || region.is_empty()) {
            let detail = format!("`{}` is not ACCOUNT/REGION", entry.key);
            problems.push(block.problem(codes::WRONG_SHAPE, detail, "make the file anew with `pin`"));
            continue;
        }
        if let Some(block) = read_block(&block, &beginnings, problems) {
            pins.blocks.insert(entry.key.clone(), block);
        }
    }
    pins
}

fn read_block(item: &Item<'_>, beginnings: &Beginnings, problems: &mut Vec<Diagnostic>) -> Option<Block> {
    let Some(members) = item.members() else {
        problems.push(item.problem(codes::WRONG_SHAPE, "a block is a mapping", "make the file anew with `pin`"));
        return None;
    };
    let account = item.required(ACCOUNT, "the twelve digits of the account", problems)?;
    let account_id = account.text("the account", problems)?;
    if !is_account_id(account_id) {
        let detail = format!("`{account_id}` is not twelve digits");
        problems.push(account.problem(codes::ACCOUNT_ID, detail, "write the twelve digits in quotes"));
        return None;
    }
    let mut pins = BTreeMap::new();
    let mut adopted = BTreeSet::new();
    for (entry, value) in members.into_iter().filter(|(entry, _)| entry.key != ACCOUNT) {
        if entry.key == ADOPTED {
            adopted = read_adopted(&value, problems);
        } else if !beginnings.begin(&entry.key) {
            let place = Place { file: item.file.to_owned(), line: entry.line, column: entry.column };
            let detail = format!("`{}` is not {}", entry.key, beginnings.in_words());
            let remedy = beginnings.near(&entry.key).map_or_else(
                || "remove it, or make the file anew with `pin`".to_owned(),
                |near| format!("did you mean `{near}`?"),
            );
            problems.push(Diagnostic::new(codes::UNKNOWN_MEMBER, Some(place), detail, remedy));
        } else if let Some(text) = read_value(source_of(&entry.key), &value, problems) {
            let place = Place { file: item.file.to_owned(), line: entry.line, column: entry.column };
            pins.insert(entry.key.clone(), Pin { value: text, at: Some(place) });
        }
    }
    Some(Block { account_id: account_id.to_owned(), pins, adopted })
}

/// What was there once.
fn read_adopted(value: &Item<'_>, problems: &mut Vec<Diagnostic>) -> BTreeSet<String> {
    let Some(items) = value.elements() else {
        let detail = "what was adopted is a list of KIND/NAME";
        problems.push(value.problem(codes::WRONG_SHAPE, detail, "make the file anew with `pin`"));
        return BTreeSet::new();
    };
    let mut adopted = BTreeSet::new();
    for item in &items {
        match item.text("what was adopted", problems) {
            Some(text) if text.split_once('/').is_some_and(|(kind, name)| !kind.is_empty() && !name.is_empty()) => {
                adopted.insert(text.to_owned());
            }
            Some(other) => {
                let detail = format!("`{other}` is not KIND/NAME");
                problems.push(item.problem(codes::WRONG_SHAPE, detail, "make the file anew with `pin`"));
            }
            None => {}
        }
    }
    adopted
}

/// One value, or a list of accounts or members.
fn read_value(source: &str, value: &Item<'_>, problems: &mut Vec<Diagnostic>) -> Option<String> {
    if !is_set(source) {
        let text = value.text("the pin", problems)?;
        let is_version = |text: &str| {
            text.rsplit_once(':').is_some_and(|(id, number)| !id.is_empty() && number.parse::<u32>().is_ok())
        };
        if source == VERSIONS && !is_version(text) {
            let detail = format!("`{text}` is not the id of a resource, `:`, and the number of its newest version");
            problems.push(value.problem(codes::WRONG_SHAPE, detail, "make the file anew with `pin`"));
            return None;
        }
        return Some(text.to_owned());
    }
    let Some(items) = value.elements() else {
        let detail = "a set is a list: of accounts, by their twelve digits, or of members";
        problems.push(value.problem(codes::WRONG_SHAPE, detail, "make the file anew with `pin`"));
        return None;
    };
    let mut ids = BTreeSet::new();
    for item in &items {
        match item.text("the account", problems) {
            Some(id) if source == ANSWERS || is_account_id(id) => {
                ids.insert(id);
            }
            Some(other) => {
                let detail = format!("`{other}` is not twelve digits");
                problems.push(item.problem(codes::ACCOUNT_ID, detail, "write the twelve digits in quotes"));
            }
            None => {}
        }
    }
    Some(set_of(ids))
}

/// What a key begins with.
fn source_of(key: &str) -> &str {
    key.split([':', '/']).next().unwrap_or_default()
}
