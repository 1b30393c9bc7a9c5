//! `export`: the live state as declarations.

use std::collections::{BTreeMap, BTreeSet};

use reconciler_engine::outcome::Outcome;
use reconciler_kinds::CLIENTS;
use reconciler_model::address::{Address, Scope, ScopeKind};
use reconciler_model::desired::{Exported, exported};
use reconciler_model::digest;
use reconciler_model::inventory::{Gap, ObservedResource};
use schemars::JsonSchema;
use serde::Serialize;
use serde_json::{Value, json};

use crate::args::Places as Asked;
use crate::exit::Exit;
use crate::failure::Failure;
use crate::formats::documents;
use crate::progress::Progress;
use crate::screen::Screen;
use crate::setup::{Setup, check_places, globs};
use crate::yaml;

/// Where one spec was seen: account and region.
type Places = BTreeSet<(String, String)>;

pub(crate) async fn run(setup: &Setup, address: &[String], asked: &Asked) -> Result<Exit, Failure> {
    let organization = setup.organization().await?;
    check_places(&organization, asked)?;
    let globs = globs(address)?;
    let is_asked = |address: &Address| {
        let address = address.to_string();
        globs.is_empty() || globs.iter().any(|glob| glob.is_match(&address))
    };
    let progress = Progress::new(setup.screen);
    let sessions = setup.connect(&organization).await;
    let reconciler = setup.reconciler(sessions, &progress);
    let places = |scope: &Scope, kind: &str| {
        if !asked.take(&scope.account, &scope.region, kind) {
            return false;
        }
        address.is_empty() || address.iter().any(|pattern| may_be_in(pattern, &scope.account, &scope.region, kind))
    };
    let mut inventory = reconciler.survey_where(&organization, places).await?;
    let is_of_what_is_asked =
        |gap: &Gap| gap.name.as_ref().is_none_or(|name| is_asked(&Address::new(&gap.scope, &gap.kind, name)));
    inventory.gaps.retain(is_of_what_is_asked);
    let seen = inventory.resources.values().filter(|observed| is_asked(&observed.address));
    let (declarations, left_out) = declarations(seen);
    let told = json!({ "declarations": declarations, "left_out": left_out, "gaps": inventory.gaps });
    setup.screen.json(&documents::named(documents::EXPORT, told))?;
    print(setup.screen, &declarations)?;
    for LeftOut { address, member, reason } in &left_out {
        let member = member.as_deref().map(|member| format!(" {member}")).unwrap_or_default();
        setup.screen.remark(format_args!("# left out: {address}{member}: {reason}"));
    }
    for gap in &inventory.gaps {
        let name = gap.name.as_deref().map(|name| format!("/{name}")).unwrap_or_default();
        let fields = if gap.fields.is_empty() { String::new() } else { format!(" {}", gap.fields.join(", ")) };
        setup.screen.remark(format_args!(
            "# not read: {}/{}{name}{fields} [{}] {}",
            gap.scope,
            gap.kind,
            gap.code,
            gap.why()
        ));
    }
    Ok(Outcome::of_reading(&inventory.gaps).into())
}

/// Whether an address of this place and kind may match a pattern. A `*` may stand for slashes too: what comes before the first one
/// is compared part by part, and a kind that is named is the only one.
pub(crate) fn may_be_in(pattern: &str, account: &str, region: &str, kind: &str) -> bool {
    let is_open = |part: &str| part.contains(['*', '?', '[', '{', '\\']);
    let parts: Vec<&str> = pattern.split('/').collect();
    let closed = parts.iter().zip([account, region, kind]).take_while(|(part, _)| !is_open(part));
    let mut named =
        parts.iter().skip(1).filter(|part| CLIENTS.iter().any(|client| client.kind().name() == **part)).peekable();
    closed.into_iter().all(|(part, own)| *part == own) && (named.peek().is_none() || named.any(|part| *part == kind))
}

/// A part of what is live that cannot be declared.
#[derive(Debug, Clone, PartialEq, JsonSchema, Serialize)]
pub(crate) struct LeftOut {
    /// The resource.
    pub(crate) address: Address,
    /// The top-level member; none for the whole resource.
    pub(crate) member: Option<String>,
    /// Why.
    pub(crate) reason: String,
}

/// One declaration for each spec, with every place that has it: fewer texts to read, and the same meaning. With them, what they
/// leave out.
pub(crate) fn declarations<'a>(seen: impl Iterator<Item = &'a ObservedResource>) -> (Vec<Value>, Vec<LeftOut>) {
    let mut specs: BTreeMap<(String, String, String), (Value, Places)> = BTreeMap::new();
    let mut all_left_out = Vec::new();
    for observed in seen {
        let address = &observed.address;
        let Some(client) = CLIENTS.iter().find(|client| client.kind().name() == address.kind) else { continue };
        let Exported { spec, left_out } = exported(client.kind(), observed);
        let part = |(member, reason)| LeftOut { address: address.clone(), member, reason };
        all_left_out.extend(left_out.into_iter().map(part));
        let Some(spec) = spec else { continue };
        let key = (address.kind.clone(), address.name.clone(), digest::canonical(&spec));
        specs
            .entry(key)
            .or_insert_with(|| (spec, Places::new()))
            .1
            .insert((address.account.clone(), address.region.clone()));
    }
    let mut declarations = Vec::new();
    for ((kind, name, _), (spec, places)) in specs {
        let lives =
            CLIENTS.iter().find(|client| client.kind().name() == kind).map(|client| client.kind().contract().scope);
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
    (declarations, all_left_out)
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

fn print(screen: Screen, declarations: &[Value]) -> Result<(), Failure> {
    if screen.output == crate::args::Output::Json {
        return Ok(());
    }
    for (index, declaration) in declarations.iter().enumerate() {
        let text = yaml::text(declaration)
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

    #[test]
    fn only_what_a_pattern_may_match_is_read() {
        let read = |pattern: &str| {
            let places = [
                ("prod", "eu-west-1", "guardrail"),
                ("prod", "us-east-1", "kms-key"),
                ("test", "eu-west-1", "kms-key"),
            ];
            places.map(|(account, region, kind)| may_be_in(pattern, account, region, kind))
        };
        assert_eq!(read("prod/*/guardrail/*"), [true, false, false]);
        assert_eq!(read("*/kms-key/alias/x"), [false, true, true]);
        assert_eq!(read("prod/eu-west-1/*"), [true, false, false]);
        assert_eq!(read("*payments*"), [true, true, true]);
        assert_eq!(read("test/*"), [false, false, true]);
        assert_eq!(read("prod/eu-west-1/guardrail/kms-key"), [true, false, false]);
    }
}
