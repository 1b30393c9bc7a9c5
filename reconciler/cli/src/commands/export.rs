//! `export`: the live state as declarations.

use std::collections::{BTreeMap, BTreeSet};

use reconciler_kinds::EDGES;
use reconciler_model::address::ScopeKind;
use reconciler_model::digest;
use reconciler_model::inventory::Sighting;
use serde_json::{Value, json};

use crate::exit::Exit;
use crate::failure::Failure;
use crate::progress::Progress;
use crate::screen::Screen;
use crate::setup::{Setup, globs};

/// Where one spec was seen: account and region.
type Places = BTreeSet<(String, String)>;

pub(crate) async fn run(setup: &Setup, address: &[String]) -> Result<Exit, Failure> {
    let organization = setup.organization().await?;
    let globs = globs(address)?;
    let progress = Progress::new(setup.screen);
    let sessions = setup.connect(&organization).await;
    let reconciler = setup.reconciler(sessions, &progress);
    let inventory = reconciler.survey(&organization).await?;
    let seen = inventory
        .sightings
        .values()
        .filter(|sighting| globs.is_empty() || globs.iter().any(|glob| glob.is_match(sighting.address.to_string())));
    let declarations = declarations(seen);
    setup.screen.json(&json!({ "declarations": declarations, "gaps": inventory.gaps }))?;
    print(setup.screen, &declarations)?;
    for gap in &inventory.gaps {
        let name = gap.name.as_deref().map(|name| format!("/{name}")).unwrap_or_default();
        let fields = if gap.fields.is_empty() { String::new() } else { format!(" {}", gap.fields.join(", ")) };
        setup.screen.remark(format_args!(
            "# not read: {}/{}{name}{fields} [{}] failed to {}",
            gap.scope, gap.kind, gap.code, gap.reason
        ));
    }
    Ok(if inventory.gaps.is_empty() { Exit::Done } else { Exit::Gaps })
}

/// One declaration for each spec, with every place that has it: fewer texts to read, and the same meaning.
pub(crate) fn declarations<'a>(seen: impl Iterator<Item = &'a Sighting>) -> Vec<Value> {
    let mut specs: BTreeMap<(String, String, String), (Value, Places)> = BTreeMap::new();
    for sighting in seen {
        let address = &sighting.address;
        let Some(edge) = EDGES.iter().find(|edge| edge.kind().name() == address.kind) else { continue };
        let mut spec = literal(edge.kind().declare(&sighting.tree));
        // `null` would declare that it must be absent.
        if let Some(members) = spec.as_object_mut() {
            members.retain(|name, _| !sighting.unread.contains_key(name));
        }
        let key = (address.kind.clone(), address.name.clone(), digest::canonical(&spec));
        specs
            .entry(key)
            .or_insert_with(|| (spec, Places::new()))
            .1
            .insert((address.account.clone(), address.region.clone()));
    }
    let mut declarations = Vec::new();
    for ((kind, name, _), (spec, places)) in specs {
        let lives = EDGES.iter().find(|edge| edge.kind().name() == kind).map(|edge| edge.kind().scope());
        for (regions, accounts) in products(&places) {
            let mut declaration = json!({ "kind": kind, "name": name, "spec": spec });
            match lives {
                Some(ScopeKind::Organization) => {}
                Some(ScopeKind::Account) => declaration["where"] = json!({ "accounts": accounts }),
                Some(ScopeKind::Region) | None => {
                    declaration["where"] = json!({ "accounts": accounts, "regions": regions });
                }
            }
            declarations.push(declaration);
        }
    }
    declarations
}

/// The places as products of regions and accounts, which is what `where` can say.
fn products(places: &Places) -> BTreeMap<BTreeSet<String>, BTreeSet<String>> {
    let mut by_account: BTreeMap<&String, BTreeSet<String>> = BTreeMap::new();
    for (account, region) in places {
        by_account.entry(account).or_default().insert(region.clone());
    }
    let mut products: BTreeMap<BTreeSet<String>, BTreeSet<String>> = BTreeMap::new();
    for (account, regions) in by_account {
        products.entry(regions).or_default().insert(account.clone());
    }
    products
}

/// Live text is literal: what looks like a placeholder in it is none.
fn literal(spec: Value) -> Value {
    match spec {
        Value::String(text) => Value::String(text.replace("${", "$${")),
        Value::Array(items) => Value::Array(items.into_iter().map(literal).collect()),
        Value::Object(members) => {
            Value::Object(members.into_iter().map(|(name, value)| (name, literal(value))).collect())
        }
        other => other,
    }
}

fn print(screen: Screen, declarations: &[Value]) -> Result<(), Failure> {
    if screen.output == crate::args::Output::Json {
        return Ok(());
    }
    for (index, declaration) in declarations.iter().enumerate() {
        let text = yaml_serde::to_string(declaration)
            .map_err(|error| Failure::new(Exit::Failed, format!("failed to write YAML: {error}")))?;
        let separator = if index > 0 { "---\n" } else { "" };
        screen.print(format_args!("{separator}{text}"))?;
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn equal_specs_share_a_declaration_only_where_the_product_is_whole() {
        let place = |account: &str, region: &str| (account.to_owned(), region.to_owned());
        let places: Places =
            [place("a", "r1"), place("a", "r2"), place("b", "r1"), place("b", "r2"), place("c", "r1")].into();
        let products = products(&places);
        let set = |names: &[&str]| names.iter().map(|name| (*name).to_owned()).collect::<BTreeSet<_>>();
        assert_eq!(products[&set(&["r1", "r2"])], set(&["a", "b"]));
        assert_eq!(products[&set(&["r1"])], set(&["c"]));
    }
}
