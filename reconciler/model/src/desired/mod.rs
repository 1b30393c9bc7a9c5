//! The desired state: text in, declarations out, fanned out over accounts and regions.

use std::collections::BTreeSet;
use std::sync::Arc;

use serde::{Deserialize, Serialize};
use serde_json::Value;

use crate::address::Address;
use crate::diagnostic::Place;
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
#[derive(Debug)]
pub struct Declaration {
    /// The kind.
    pub kind: String,
    /// The name.
    pub name: String,
    /// The controls that it serves.
    pub controls: Vec<String>,
    /// What to do with live values that are stronger.
    pub when_stronger: WhenStronger,
    /// Where it begins.
    pub at: Place,
}

impl Declaration {
    /// Where the field at `path` of the normal form is declared, or the nearest thing above it.
    pub fn place_of(&self, _path: &Path, _key_of: tree::KeyOf) -> Option<Place> {
        Some(self.at.clone())
    }
}

/// A look-up that only AWS can answer: `${kms:alias/NAME}`.
#[derive(Debug, Clone, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct Lookup {
    /// What answers it, such as `kms`.
    pub source: String,
    /// What is looked for.
    pub key: String,
}

/// One declaration at one address.
#[derive(Debug, Clone)]
pub struct Wanted {
    /// The address.
    pub address: Address,
    /// The twelve digits of the account.
    pub account_id: String,
    /// The spec, with everything resolved but the look-ups.
    pub spec: Value,
    /// The look-ups that the spec still holds.
    pub lookups: BTreeSet<Lookup>,
    /// Addresses that the spec refers to; they are restored before this one.
    pub needs: Vec<Address>,
    /// The declaration.
    pub declaration: Arc<Declaration>,
}
