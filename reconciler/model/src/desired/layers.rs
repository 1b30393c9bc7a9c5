//! Folders that are laid over each other: what all environments have in common, and what one of them has otherwise.
//!
//! The rule: a declaration takes the place of one of an earlier layer that has the same kind, name and `where`, as a whole; an
//! `organization.yaml` takes the place of an earlier one. Everything else is added. Two declarations that meet at an address and
//! have not the same `where` are an error, in layers as in one folder, because it would not be seen which of them holds.

use std::collections::BTreeMap;

use serde_json::{Value, json};

use super::load::{Source, base_name};
use super::manifest::Manifest;
use super::organization::ORGANIZATION_FILE;
use crate::digest;
use crate::kind::Kind;

/// Removes what a later layer replaces.
pub(super) fn apply(manifests: &mut Vec<Manifest>, sources: &[Source], kinds: &[&dyn Kind]) {
    let layers: BTreeMap<&str, usize> = sources.iter().map(|source| (source.file.as_str(), source.layer)).collect();
    if layers.values().all(|layer| *layer == 0) {
        return;
    }
    let layer = |manifest: &Manifest| layers.get(&*manifest.file).copied().unwrap_or_default();
    let mut last: BTreeMap<String, usize> = BTreeMap::new();
    for manifest in manifests.iter() {
        if let Some(what) = what(manifest, kinds) {
            let held = last.entry(what).or_default();
            *held = layer(manifest).max(*held);
        }
    }
    manifests.retain(|manifest| {
        what(manifest, kinds).and_then(|what| last.get(&what)).is_none_or(|last| layer(manifest) == *last)
    });
}

/// What a manifest describes; `None` where that cannot be read, which is told elsewhere.
fn what(manifest: &Manifest, kinds: &[&dyn Kind]) -> Option<String> {
    if base_name(&manifest.file) == ORGANIZATION_FILE {
        return Some(ORGANIZATION_FILE.to_owned());
    }
    let kind = manifest.value.get("kind")?.as_str()?;
    let only = || kinds.iter().find(|known| known.name() == kind)?.contract().singleton;
    let name = manifest.value.get("name").and_then(Value::as_str).or_else(only)?;
    // To leave a part out means all of it, and no list has an order.
    let part = |key: &str| match manifest.value.get("where").and_then(|applies| applies.get(key)) {
        Some(Value::Array(items)) => {
            let mut items: Vec<String> = items.iter().map(text).collect();
            items.sort();
            json!(items)
        }
        Some(Value::String(all)) if all == "all" => Value::Null,
        other => other.cloned().unwrap_or(Value::Null),
    };
    Some(digest::canonical(&json!([kind, name, part("accounts"), part("regions")])))
}

/// An id may be written with quotes or without.
fn text(item: &Value) -> String {
    item.as_str().map_or_else(|| item.to_string(), str::to_owned)
}
