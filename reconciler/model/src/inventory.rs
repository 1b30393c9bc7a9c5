//! What was read, and what could not be.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};
use serde_json::Value;

use crate::address::{Address, Scope};
use crate::digest;

/// One live resource as it was read.
///
/// Caveat: the real world may have changed since; a step sights its resource again just before it writes.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Sighting {
    /// The resource.
    pub address: Address,
    /// The live tree in normal form, complete: `null` is absent.
    pub tree: Value,
    /// Members of the answer that the normal form does not know, by path; carried through full-replace writes.
    pub extras: BTreeMap<String, Value>,
    /// Ids that the service generated (for calls, never for identity).
    pub handle: Value,
    /// What else the kind needs to propose steps, such as the numbers of versions. For the kind alone.
    pub facts: Value,
    /// Whether the resource is in a state that lasts; `false` while the service is still changing it.
    pub settled: bool,
}

impl Sighting {
    /// The digest of everything that a planned step relies on. Equal digests mean that the step may go ahead.
    pub fn fingerprint(&self) -> String {
        digest::of(&(&self.tree, &self.extras, &self.handle, &self.facts))
    }
}

/// What could not be read, and why. Unknown is never absent.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
pub struct Gap {
    /// The account and region.
    pub scope: Scope,
    /// The kind.
    pub kind: String,
    /// The one name that is unknown; `None` when the whole kind is unknown in this scope.
    pub name: Option<String>,
    /// The code, for `explain`.
    pub code: String,
    /// Why, in one sentence, with the AWS error code where there is one.
    pub reason: String,
    /// What to do about it.
    pub remedy: String,
}

impl Gap {
    /// Whether the gap makes the state of `address` unknown.
    pub fn covers(&self, address: &Address) -> bool {
        address.is_in(&self.scope)
            && address.kind == self.kind
            && self.name.as_ref().is_none_or(|name| *name == address.name)
    }
}

/// Everything that was read in one observation, with its gaps.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
pub struct Inventory {
    /// The sightings, by address.
    pub sightings: BTreeMap<Address, Sighting>,
    /// The gaps, sorted and each once: see [`Inventory::keep_gap`].
    pub gaps: Vec<Gap>,
    /// What kinds need to know of a scope beside their resources, by account, region and kind; or of what one declaration
    /// refers to, by its address. For the kind alone.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub surroundings: BTreeMap<String, Value>,
}

/// What is known of one address.
#[derive(Debug, Clone, Copy)]
pub enum Known<'a> {
    /// It was seen.
    Present(&'a Sighting),
    /// It was looked for, and is not there.
    Absent,
    /// It could not be looked for.
    Unknown(&'a Gap),
}

impl Inventory {
    /// Keeps a gap, in its place.
    pub fn keep_gap(&mut self, gap: Gap) {
        if let Err(place) = self.gaps.binary_search(&gap) {
            self.gaps.insert(place, gap);
        }
    }

    /// The first gap that covers `address`. An organization may have thousands of them, one for each kind in each place.
    fn gap_of(&self, address: &Address) -> Option<&Gap> {
        fn place(gap: &Gap) -> (&str, &str, &str) {
            (&gap.scope.account, &gap.scope.region, &gap.kind)
        }
        let sought = (address.account.as_str(), address.region.as_str(), address.kind.as_str());
        let first = self.gaps.partition_point(|gap| place(gap) < sought);
        let mut here = self.gaps.iter().skip(first).take_while(|gap| place(gap) == sought);
        here.find(|gap| gap.covers(address))
    }

    /// Keeps what was read in `scope` beside the resources of `kind`.
    pub fn keep_surroundings(&mut self, scope: &Scope, kind: &str, found: Value) {
        if !found.is_null() {
            self.surroundings.insert(format!("{scope}/{kind}"), found);
        }
    }

    /// Keeps what was found out about what the declaration of `address` refers to.
    pub fn keep_surroundings_of(&mut self, address: &Address, found: Value) {
        self.surroundings.insert(address.to_string(), found);
    }

    /// What was read beside the resource at `address`, for it alone or for its whole scope; `null` when nothing was.
    pub fn surroundings_of(&self, address: &Address) -> &Value {
        let Address { account, region, kind, .. } = address;
        let own = self.surroundings.get(&address.to_string());
        own.or_else(|| self.surroundings.get(&format!("{account}/{region}/{kind}"))).unwrap_or(&Value::Null)
    }

    /// What is known of `address`; a gap beats absence, and a sighting beats a gap.
    pub fn of(&self, address: &Address) -> Known<'_> {
        if let Some(sighting) = self.sightings.get(address) {
            return Known::Present(sighting);
        }
        match self.gap_of(address) {
            Some(gap) => Known::Unknown(gap),
            None => Known::Absent,
        }
    }
}
