//! What was read, and what could not be.

use std::collections::BTreeMap;

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use serde_json::Value;

use crate::address::{Address, Scope};
use crate::alert::Alert;
use crate::digest;

/// One live resource as it was read.
///
/// Caveat: the live resource may have changed since. A step reads it again just before it writes.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct ObservedResource {
    /// The resource.
    pub address: Address,
    /// The live tree in normal form, complete: `null` is absent.
    pub tree: Value,
    /// Members of the answer that the normal form does not know, by path. Writes that replace the resource carry them.
    #[serde(rename = "extras")]
    pub unknown_fields: BTreeMap<String, Value>,
    /// Ids that the service gave the resource: for calls, and never for identity.
    #[serde(rename = "handle")]
    pub external_id: Value,
    /// Private state that the kind needs to propose steps, such as the numbers of versions.
    #[serde(rename = "facts")]
    pub private_state: Value,
    /// Whether the resource is in a state that lasts; `false` while the service is still changing it.
    pub settled: bool,
    /// Top-level members that could not be read. The tree has no value for them, and that says nothing: they are neither
    /// compared nor changed, and each is a gap. The rest of the resource is known.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub unread: BTreeMap<String, Unread>,
    /// What is known beside its state, such as older versions. For the kind alone; no step is stale because it differs, so that it
    /// is no part of the fingerprint, and a read that only looks at the state may leave it out.
    #[serde(default, skip_serializing_if = "Value::is_null")]
    pub beside: Value,
}

/// Why one member of a resource could not be read.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Unread {
    /// The code, for `explain`.
    pub code: String,
    /// Why, in one sentence, with the AWS error code where there is one.
    pub reason: String,
    /// What to do about it.
    pub remedy: String,
    /// Whether it may pass by itself: a throttle, a time-out, a fault of the service.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub passing: bool,
}

impl ObservedResource {
    /// The digest of everything that a planned step relies on. Equal digests mean that the step may go ahead.
    pub fn fingerprint(&self) -> String {
        digest::of(&(&self.tree, &self.unknown_fields, &self.external_id, &self.private_state))
    }

    /// The gaps of the members that could not be read: one for each cause.
    pub fn gaps(&self, scope: &Scope) -> Vec<Gap> {
        let mut gaps: Vec<Gap> = Vec::new();
        for (member, Unread { code, reason, remedy, passing }) in &self.unread {
            if let Some(same) = gaps.iter_mut().find(|gap| gap.code == *code && gap.reason == *reason) {
                same.fields.push(member.clone());
                continue;
            }
            gaps.push(Gap {
                scope: scope.clone(),
                kind: self.address.kind.clone(),
                name: Some(self.address.name.clone()),
                code: code.clone(),
                reason: reason.clone(),
                remedy: remedy.clone(),
                fields: vec![member.clone()],
                passing: *passing,
                alerts: Vec::new(),
            });
        }
        gaps
    }
}

/// What could not be read, and why. Unknown is never absent.
#[derive(Debug, Clone, Default, PartialEq, Eq, PartialOrd, Ord, JsonSchema, Serialize, Deserialize)]
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
    /// The top-level members of the one name that are unknown; empty when all of it is.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub fields: Vec<String>,
    /// Whether it may pass by itself: a throttle, a time-out, a fault of the service.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub passing: bool,
    /// Who has to know that this is not seen, and how soon: the most urgent first. Empty where it serves no control.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub alerts: Vec<Alert>,
}

/// What the reason of a gap begins with where it says what could not be done; any other is a sentence.
const DEEDS: &[&str] = &["call ", "make sense ", "read ", "resolve "];

impl Gap {
    /// The reason as a clause that stands alone.
    pub fn why(&self) -> String {
        let is_deed = DEEDS.iter().any(|deed| self.reason.starts_with(deed));
        if is_deed { format!("failed to {}", self.reason) } else { self.reason.clone() }
    }

    /// Whether the gap makes the state of `address` unknown, or that of some of its members.
    pub fn covers(&self, address: &Address) -> bool {
        address.is_in(&self.scope)
            && address.kind == self.kind
            && self.name.as_ref().is_none_or(|name| *name == address.name)
    }

    /// Whether nothing at all is known of `address`.
    pub fn hides(&self, address: &Address) -> bool {
        self.fields.is_empty() && self.covers(address)
    }
}

/// Everything that was read in one observation, with its gaps.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
pub struct Inventory {
    /// The observed resources, by address.
    #[serde(rename = "sightings")]
    pub resources: BTreeMap<Address, ObservedResource>,
    /// The gaps, sorted and each once: see [`Inventory::keep_gap`].
    pub gaps: Vec<Gap>,
    /// The scope context of each kind, by account, region and kind, and what was read for one address, by the address.
    /// For the kind alone.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    #[serde(rename = "surroundings")]
    pub scope_context: BTreeMap<String, Value>,
}

/// What is known of one address.
#[derive(Debug, Clone, Copy)]
pub enum Known<'a> {
    /// It was seen.
    Present(&'a ObservedResource),
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

    /// The gaps of the place and kind of `address`. An organization may have thousands of them, one for each kind in each place.
    fn gaps_beside<'a, 'b>(&'a self, address: &'b Address) -> impl Iterator<Item = &'a Gap> + use<'a, 'b> {
        fn place(gap: &Gap) -> (&str, &str, &str) {
            (&gap.scope.account, &gap.scope.region, &gap.kind)
        }
        let sought = (address.account.as_str(), address.region.as_str(), address.kind.as_str());
        let first = self.gaps.partition_point(|gap| place(gap) < sought);
        self.gaps.iter().skip(first).take_while(move |gap| place(gap) == sought)
    }

    /// Whether a gap covers a part of `address`.
    pub fn is_unseen_in_part(&self, address: &Address) -> bool {
        self.gaps_beside(address).any(|gap| gap.covers(address))
    }

    /// Keeps what was read in `scope` beside the resources of `kind`.
    pub fn keep_scope_context(&mut self, scope: &Scope, kind: &str, found: Value) {
        if !found.is_null() {
            self.scope_context.insert(format!("{scope}/{kind}"), found);
        }
    }

    /// Keeps what was found out about what the declaration of `address` refers to.
    pub fn keep_scope_context_of(&mut self, address: &Address, found: Value) {
        self.scope_context.insert(address.to_string(), found);
    }

    /// What was read beside the resource at `address`, for it alone or for its whole scope; `null` when nothing was.
    pub fn scope_context_of(&self, address: &Address) -> &Value {
        if self.scope_context.is_empty() {
            return &Value::Null;
        }
        let Address { account, region, kind, .. } = address;
        let own = self.scope_context.get(&address.to_string());
        own.or_else(|| self.scope_context.get(&format!("{account}/{region}/{kind}"))).unwrap_or(&Value::Null)
    }

    /// What is known of `address`; a resource beats a gap, and a gap beats absence.
    pub fn of(&self, address: &Address) -> Known<'_> {
        if let Some(observed) = self.resources.get(address) {
            return Known::Present(observed);
        }
        let mut gaps = self.gaps_beside(address);
        match gaps.find(|gap| gap.hides(address)) {
            Some(gap) => Known::Unknown(gap),
            None => Known::Absent,
        }
    }
}
