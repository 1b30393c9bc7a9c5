//! `pins.lock`: what aliases, tags and names led to when somebody looked, written beside the declarations.
//!
//! An alias, a `Name` tag and a guardrail's name are pointers that others may write. Ids stay out of declarations, because they
//! change when a resource is created again; they are pinned here, where git shows each change of them for review.
//!
//! # Guarantees
//! - The file is no declaration: it wants nothing, and a plan without it wants the same.
//! - What is written is a function of the pins alone: sorted, one block for each account and region.
//! - What cannot be read is refused like any mistake in a declaration. A pin that is silently ignored would be a pointer that is
//!   silently followed.

use std::collections::BTreeMap;

use serde::Serialize;

use super::document::Document;
use super::item::Item;
use super::organization::is_account_id;
use super::template::LOOKUP_SOURCES;
use super::{Lookup, Wanted};
use crate::codes;
use crate::diagnostic::{Diagnostic, Place, did_you_mean};
use crate::kind::Kind;

/// The name of the file.
pub const PINS_FILE: &str = "pins.lock";

/// The form of the file that this build reads and writes.
const VERSION: u64 = 1;
/// The member of a block that holds the id of the account behind its name.
const ACCOUNT: &str = "account";
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
    /// What each pointer leads to: `kms:alias/NAME`, `subnet:NAME`, `guardrail/NAME`.
    pub pins: BTreeMap<String, Pin>,
}

/// The pins, by account and region.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Pins {
    blocks: BTreeMap<String, Block>,
}

#[derive(Serialize)]
struct File<'a> {
    version: u64,
    pins: BTreeMap<&'a str, BTreeMap<&'a str, &'a str>>,
}

/// How a look-up is called in the file.
pub fn key_of_lookup(lookup: &Lookup) -> String {
    format!("{}:{}", lookup.source, lookup.key)
}

/// The keys of the pins that a wanted address rests on: its look-ups, and what its kind pins of the resource itself.
pub fn keys_of(wanted: &Wanted, kind: &dyn Kind) -> Vec<String> {
    let own = kind.pinned_as().map(|prefix| format!("{prefix}{}", wanted.address.name));
    wanted.lookups.iter().map(key_of_lookup).chain(own).collect()
}

impl Pins {
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
    /// one: see [`Pins::of_another`].
    pub fn get(&self, account: &str, account_id: &str, region: &str, key: &str) -> Option<&Pin> {
        let block = self.blocks.get(&format!("{account}/{region}"))?;
        block.pins.get(key).filter(|_| block.account_id == account_id)
    }

    /// The id of the account that had this name when it was pinned, where it is not the one that has it now.
    pub fn of_another(&self, account: &str, account_id: &str, region: &str) -> Option<&str> {
        let block = self.blocks.get(&format!("{account}/{region}"))?;
        (block.account_id != account_id).then_some(block.account_id.as_str())
    }

    /// The blocks, by `ACCOUNT/REGION`.
    pub fn blocks(&self) -> &BTreeMap<String, Block> {
        &self.blocks
    }

    /// The values alone, for a digest.
    pub(super) fn content(&self) -> BTreeMap<&str, BTreeMap<&str, &str>> {
        fn members(block: &Block) -> BTreeMap<&str, &str> {
            let pins = block.pins.iter().map(|(key, pin)| (key.as_str(), pin.value.as_str()));
            pins.chain([(ACCOUNT, block.account_id.as_str())]).collect()
        }
        self.blocks.iter().map(|(place, block)| (place.as_str(), members(block))).collect()
    }

    /// The text of the file.
    ///
    /// # Errors
    /// What the writer of YAML says.
    pub fn to_text(&self) -> Result<String, yaml_serde::Error> {
        let file = File { version: VERSION, pins: self.content() };
        Ok(format!("{HEADER}{}", yaml_serde::to_string(&file)?))
    }
}

/// Reads the documents of the file.
pub(super) fn read(documents: &[Document], problems: &mut Vec<Diagnostic>) -> Pins {
    let mut pins = Pins::default();
    for other in documents.iter().skip(1) {
        let item = Item { file: &other.file, node: &other.node, value: &other.value };
        let detail = format!("{PINS_FILE} is one document, and this is another one");
        problems.push(item.problem(codes::WRONG_SHAPE, detail, "remove it, or make the file anew with `pin`"));
    }
    let Some(document) = documents.first() else { return pins };
    let item = Item { file: &document.file, node: &document.node, value: &document.value };
    item.only(&["version", "pins"], |_| None, problems);
    if item.members().is_none() {
        return pins;
    }
    if let Some(version) = item.required("version", "`1`", problems)
        && version.value.as_u64() != Some(VERSION)
    {
        let detail = format!("this build reads version {VERSION} of {PINS_FILE}");
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
        if let Some(block) = read_block(&block, problems) {
            pins.blocks.insert(entry.key.clone(), block);
        }
    }
    pins
}

fn read_block(item: &Item<'_>, problems: &mut Vec<Diagnostic>) -> Option<Block> {
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
    for (entry, value) in members.into_iter().filter(|(entry, _)| entry.key != ACCOUNT) {
        if !is_pointer(&entry.key) {
            let place = Place { file: item.file.to_owned(), line: entry.line, column: entry.column };
            let detail = format!(
                "`{}` is not `{ACCOUNT}`, a look-up ({}), or `guardrail/NAME`",
                entry.key,
                LOOKUP_SOURCES.join(", ")
            );
            let word = entry.key.split([':', '/']).next().unwrap_or_default();
            let near = did_you_mean(word, LOOKUP_SOURCES.iter().copied().chain([ACCOUNT, "guardrail"]));
            let remedy = near.map_or_else(
                || "remove it, or make the file anew with `pin`".to_owned(),
                |near| format!("did you mean `{near}`?"),
            );
            problems.push(Diagnostic::new(codes::UNKNOWN_MEMBER, Some(place), detail, remedy));
        } else if let Some(text) = value.text("the pin", problems) {
            let place = Place { file: item.file.to_owned(), line: entry.line, column: entry.column };
            pins.insert(entry.key.clone(), Pin { value: text.to_owned(), at: Some(place) });
        }
    }
    Some(Block { account_id: account_id.to_owned(), pins })
}

/// Whether a key is that of a pin.
fn is_pointer(key: &str) -> bool {
    let lookup = key.split_once(':').is_some_and(|(source, key)| LOOKUP_SOURCES.contains(&source) && !key.is_empty());
    lookup || key.strip_prefix("guardrail/").is_some_and(|name| !name.is_empty())
}
