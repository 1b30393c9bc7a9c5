//! `adopt`: what exists, as declarations to review.
//!
//! Expected flow: read every kind; choose what the controls are about, and what that refers to; write it as declarations that
//! `validate` takes; follow the pointers of these into the file of pins; tell, control by control, what is not there, and
//! what is below a floor.
//!
//! Guarantees: nothing is written to AWS; no file is overwritten; nothing is written at all that `validate` would refuse.

mod report;

use std::collections::{BTreeMap, BTreeSet};
use std::path::PathBuf;

use reconciler_engine::outcome::Outcome;
use reconciler_kinds::{CLIENTS, KINDS};
use reconciler_model::address::Address;
use reconciler_model::desired::{ORGANIZATION_FILE, PINS_FILE, Source};
use reconciler_model::inventory::{Gap, Inventory, ObservedResource};
use reconciler_model::kind::{Adopted, Kind};
use serde_json::{Value, json};

use crate::args::{Output, Places};
use crate::commands::export::{LeftOut, declarations, may_be_in};
use crate::commands::init::{SCHEMA_FILE, schema_line, write_new};
use crate::commands::pin;
use crate::exit::Exit;
use crate::failure::Failure;
use crate::formats::documents;
use crate::next;
use crate::progress::Progress;
use crate::screen::{DOUBT, FAINT, GOOD, STRONG, paint};
use crate::setup::{Setup, check_places, globs};
use crate::text::counted;
use crate::yaml;
pub(crate) use report::Report;
use report::reports;

/// What the command line says.
pub(crate) struct Asked {
    pub(crate) dry_run: bool,
    /// Whether to take what no control is about.
    pub(crate) all: bool,
    pub(crate) address: Vec<String>,
    pub(crate) places: Places,
}

pub(crate) async fn run(setup: &Setup, asked: &Asked) -> Result<Exit, Failure> {
    let folder = &setup.global.desired;
    let folders = || setup.global.base.iter().chain([folder]);
    if !folders().any(|folder| folder.join(ORGANIZATION_FILE).exists()) {
        let text = format!("{} has no {ORGANIZATION_FILE}, so it is not known where to look", folder.display());
        return Err(Failure::new(Exit::Invalid, text).hint(format!("write one with `{} init`", setup.global.spelled())));
    }
    let globs = globs(&asked.address)?;
    let (organization, directory) = setup.organization_and_directory().await?;
    check_places(&organization, &asked.places)?;
    let sources = setup.sources();
    let declares = |source: &Source| !source.file.ends_with(ORGANIZATION_FILE) && !source.file.ends_with(PINS_FILE);
    let declared: BTreeSet<Address> = match sources.iter().any(declares) {
        true => setup.desired_and_sessions().await?.0.wanted().into_iter().map(|one| one.address).collect(),
        false => BTreeSet::new(),
    };
    let progress = Progress::new(setup.screen);
    let reconciler = setup.reconciler(setup.connect(&organization).await, &progress);
    let inventory = reconciler.survey_where(&organization, |_, _| true).await?;
    let is_named = |address: &Address| {
        let text = address.to_string();
        globs.is_empty() || globs.iter().any(|glob| glob.is_match(&text))
    };
    let is_asked =
        |address: &Address| asked.places.take(&address.account, &address.region, &address.kind) && is_named(address);
    let served = served(&inventory);
    let takes_all = asked.all || !asked.address.is_empty();
    let is_taken = |address: &Address| {
        is_asked(address) && !declared.contains(address) && (takes_all || served.contains_key(address))
    };
    let taken = inventory.resources.values().filter(|live| is_taken(&live.address));
    let (found, mut left_out) = declarations(taken);
    let mut documents: Vec<Document> = found.iter().map(|declaration| Document::of(declaration, &served)).collect();
    let loaded = loop {
        let written = written(setup, &documents)?;
        if written.is_empty() {
            break None;
        }
        let new = written.iter().map(|file| Source {
            file: file.path.display().to_string(),
            content: Ok(file.text.clone().into_bytes()),
            layer: setup.global.base.len(),
        });
        let all: Vec<Source> = sources.iter().cloned().chain(new).collect();
        match Setup::loaded(&all, directory.as_ref())? {
            Ok(loaded) => break Some((written, loaded)),
            // What may not be declared beside the others is left out, so that it keeps none of them from being taken.
            Err(problems) => {
                let before = documents.len();
                for problem in &problems {
                    let Some(at) = &problem.at else { continue };
                    let of_file = written.iter().find(|file| file.path.display().to_string() == at.file);
                    let Some(index) = of_file.and_then(|file| file.document_at(at.line)) else { continue };
                    if let Some(document) = documents.get_mut(index).filter(|document| !document.is_dropped) {
                        document.is_dropped = true;
                        let reason = problem.detail.clone();
                        left_out.extend(document.addresses(&inventory).into_iter().map(|address| LeftOut {
                            address,
                            member: None,
                            reason: reason.clone(),
                        }));
                    }
                }
                documents.retain(|document| !document.is_dropped);
                if documents.len() == before {
                    setup.screen.diagnostics(&problems, &all);
                    let failure = Failure::new(Exit::Invalid, "what exists cannot be declared; nothing was written");
                    return Err(failure.diagnostics(problems));
                }
            }
        }
    };
    let (written, loaded) = loaded.map_or((Vec::new(), None), |(written, loaded)| (written, Some(loaded)));
    let reports = reports(&organization, &inventory, &served, loaded.as_ref(), &asked.places)?;
    let of_scope = |gap: &&Gap| asked.places.take(&gap.scope.account, &gap.scope.region, &gap.kind);
    let gaps: Vec<&Gap> = inventory.gaps.iter().filter(of_scope).filter(|gap| may_hide(gap, &asked.address)).collect();
    let mut pinned = None;
    if !asked.dry_run && !written.is_empty() {
        for file in &written {
            write_new(&file.path, &file.text)?;
        }
        pinned = Some(pin::pin(setup, false).await?);
    }
    let untaken = untaken(&inventory, |address| is_asked(address) && !declared.contains(address) && !is_taken(address));
    let is_all_pinned = pinned.as_ref().is_none_or(|pinned| pinned.unread.is_empty());
    let exit = Exit::from(Outcome::of_adopting(&gaps, is_all_pinned));
    let told = json!({
        "dry_run": asked.dry_run,
        "files": written.iter().map(|file| json!({"path": file.path, "text": file.text})).collect::<Vec<_>>(),
        "declarations": documents.len(),
        "already_declared": inventory.resources.keys().filter(|address| declared.contains(address)).count(),
        "left_out": left_out,
        "not_taken": untaken,
        "controls": reports,
        "gaps": gaps,
        "pins": pinned.as_ref().map(|pinned| json!({"written": pinned.written, "pointers": pinned.count, "not_pinned": pinned.unread})),
        "exit": exit.code(),
    });
    setup.screen.json(&documents::named(documents::ADOPTION, told))?;
    if setup.screen.output == Output::Json {
        return Ok(exit);
    }
    if asked.dry_run {
        for file in &written {
            setup.screen.line(paint(STRONG, format_args!("# {}", file.path.display())))?;
            setup.screen.print(&file.text)?;
            setup.screen.say("")?;
        }
    } else {
        for file in &written {
            let count = counted(file.lines.len(), "declaration");
            setup.screen.line(format_args!(
                "{} {}  {}",
                paint(GOOD, "wrote"),
                file.path.display(),
                paint(FAINT, count)
            ))?;
        }
        if let Some(pinned) = &pinned {
            if pinned.written {
                let count = counted(pinned.count, "pointer");
                let path = folder.join(PINS_FILE);
                setup.screen.line(format_args!(
                    "{} {}  {}",
                    paint(GOOD, "wrote"),
                    path.display(),
                    paint(FAINT, count)
                ))?;
            }
            for one in &pinned.unread {
                setup.screen.line(format_args!("{} not pinned: {one}", paint(DOUBT, "?")))?;
            }
        }
    }
    for LeftOut { address, member, reason } in &left_out {
        let member = member.as_deref().map(|member| format!(" {member}")).unwrap_or_default();
        setup.screen.line(format_args!("{} left out: {address}{member}: {reason}", paint(DOUBT, "?")))?;
    }
    for gap in &gaps {
        let name = gap.name.as_deref().map(|name| format!("/{name}")).unwrap_or_default();
        setup.screen.line(format_args!(
            "{} not read: {}/{}{name} [{}] {}",
            paint(DOUBT, "?"),
            gap.scope,
            gap.kind,
            gap.code,
            gap.why()
        ))?;
    }
    for document in documents.iter().filter(|document| document.is_unpublished) {
        setup.screen.line(format_args!(
            "{} {}/{}: what callers can name by its newest version is not the draft, so that `publish: false` is written; without it \
             the draft is published",
            paint(DOUBT, "·"),
            document.kind,
            document.name
        ))?;
    }
    if !untaken.is_empty() {
        let kinds: Vec<String> = untaken.iter().map(|(kind, count)| counted(*count, kind)).collect();
        setup.screen.line(format_args!(
            "{} left alone, because no control is about them: {} (--all takes them, --address takes one)",
            paint(FAINT, "·"),
            kinds.join(", ")
        ))?;
    }
    setup.screen.say("")?;
    for report in &reports {
        report.say(setup)?;
    }
    let taken = match (documents.len(), asked.dry_run) {
        (0, _) => "nothing to take over".to_owned(),
        (count, true) => format!("{} would be written", counted(count, "declaration")),
        (count, false) => format!("{} written to {}", counted(count, "declaration"), folder.display()),
    };
    setup.screen.say("")?;
    let taken = paint(GOOD, taken);
    setup.screen.line(format_args!("result: {taken} · nothing was changed in AWS · exit {}", exit.code()))?;
    next::say(setup.screen, &next::after_adopt(&setup.global, !asked.dry_run))?;
    Ok(exit)
}

/// Whether a gap is about an address that was asked for.
fn may_hide(gap: &Gap, patterns: &[String]) -> bool {
    let may = |pattern: &String| may_be_in(pattern, &gap.scope.account, &gap.scope.region, &gap.kind);
    patterns.is_empty() || patterns.iter().any(may)
}

/// How many of each kind are left where they are.
fn untaken(inventory: &Inventory, is_left: impl Fn(&Address) -> bool) -> BTreeMap<String, usize> {
    let mut counts = BTreeMap::new();
    for address in inventory.resources.keys().filter(|address| is_left(address)) {
        *counts.entry(address.kind.clone()).or_default() += 1;
    }
    counts
}

/// One declaration that is about to be written.
struct Document {
    kind: String,
    name: String,
    accounts: Vec<String>,
    regions: Vec<String>,
    text: String,
    /// Whether what callers get is not declared.
    is_unpublished: bool,
    is_dropped: bool,
}

impl Document {
    fn of(declaration: &Value, served: &BTreeMap<Address, BTreeSet<String>>) -> Self {
        let text = |key: &str| declaration[key].as_str().unwrap_or_default().to_owned();
        let list = |key: &str| -> Vec<String> {
            let items = declaration["where"][key].as_array().into_iter().flatten();
            items.filter_map(|item| item.as_str().map(str::to_owned)).collect()
        };
        let mut document = Self {
            kind: text("kind"),
            name: text("name"),
            accounts: list("accounts"),
            regions: list("regions"),
            text: String::new(),
            is_unpublished: declaration["spec"]["publish"] == false,
            is_dropped: false,
        };
        let of_it = served.iter().filter(|(address, _)| document.is_of(address)).flat_map(|(_, controls)| controls);
        let controls: BTreeSet<&String> = of_it.collect();
        // One member at a time, in the order in which people read them.
        for (key, value) in [
            ("kind", &declaration["kind"]),
            ("name", &declaration["name"]),
            ("where", &declaration["where"]),
            ("controls", &json!(controls)),
            ("spec", &declaration["spec"]),
        ] {
            let is_empty = value.is_null() || value.as_array().is_some_and(Vec::is_empty);
            if !is_empty {
                document.text.push_str(&yaml::text(&json!({ key: value })).unwrap_or_default());
            }
        }
        document
    }

    fn is_of(&self, address: &Address) -> bool {
        let takes = |names: &[String], name: &String| names.is_empty() || names.contains(name);
        address.kind == self.kind
            && address.name == self.name
            && takes(&self.accounts, &address.account)
            && takes(&self.regions, &address.region)
    }

    fn addresses(&self, inventory: &Inventory) -> Vec<Address> {
        inventory.resources.keys().filter(|address| self.is_of(address)).cloned().collect()
    }
}

/// One file that is about to be written.
struct NewFile {
    path: PathBuf,
    text: String,
    /// The first line of each declaration, and which one it is.
    lines: Vec<(usize, usize)>,
}

impl NewFile {
    /// Which declaration a line belongs to.
    fn document_at(&self, line: usize) -> Option<usize> {
        self.lines.iter().rev().find(|(first, _)| *first <= line).map(|(_, index)| *index)
    }
}

/// The files, one for each kind, under names that nothing has yet.
fn written(setup: &Setup, documents: &[Document]) -> Result<Vec<NewFile>, Failure> {
    let folder = &setup.global.desired;
    let head = if folder.join(SCHEMA_FILE).exists() { schema_line() } else { String::new() };
    let mut files: Vec<NewFile> = Vec::new();
    for kind in KINDS.iter().map(|kind| kind.name()) {
        let of_kind: Vec<usize> = documents
            .iter()
            .enumerate()
            .filter(|(_, document)| document.kind == kind)
            .map(|(index, _)| index)
            .collect();
        if of_kind.is_empty() {
            continue;
        }
        let mut paths = std::iter::once(folder.join(format!("{kind}.yaml")))
            .chain((2..1_000).map(|number| folder.join(format!("{kind}-{number}.yaml"))));
        let Some(path) = paths.find(|path| std::fs::symlink_metadata(path).is_err()) else {
            return Err(Failure::new(Exit::Refused, format!("{} has too many files of {kind}", folder.display())));
        };
        let mut text = format!("{head}# What was there when it was adopted, as it was. Review it like any change.\n");
        let mut lines = Vec::new();
        for (at, index) in of_kind.into_iter().enumerate() {
            let Some(document) = documents.get(index) else { continue };
            if at > 0 {
                text.push_str("---\n");
            }
            lines.push((text.lines().count() + 1, index));
            text.push_str(&document.text);
        }
        files.push(NewFile { path, text, lines });
    }
    Ok(files)
}

/// What the controls are about, by address, with the controls that each resource serves.
fn served(inventory: &Inventory) -> BTreeMap<Address, BTreeSet<String>> {
    let mut served: BTreeMap<Address, BTreeSet<String>> = BTreeMap::new();
    let controls = reconciler_model::control::all();
    let of_kind = |kind: &str| -> BTreeSet<String> {
        let of_it = controls.iter().filter(|control| control.kinds.iter().any(|known| known == kind));
        of_it.map(|control| control.id.clone()).collect()
    };
    for (address, live) in &inventory.resources {
        let Some(kind) = kind_of(&address.kind) else { continue };
        if !kind.is_of_bedrock(live) {
            continue;
        }
        // What is named serves what names it.
        let own = match kind.contract().adopted {
            Adopted::WhereNamed => BTreeSet::new(),
            Adopted::Always | Adopted::WhereThere => of_kind(kind.name()),
        };
        served.insert(address.clone(), own);
    }
    // What is referred to serves what refers to it: first log groups, buckets and roles, then their keys.
    for _ in 0..2 {
        let mut named: BTreeMap<(&str, &str), BTreeSet<String>> = BTreeMap::new();
        for (address, controls) in &served {
            let mut words = BTreeSet::new();
            inventory.resources.get(address).into_iter().for_each(|live| words_of(&live.tree, &mut words));
            for key in words.into_iter().flat_map(keys_of) {
                // The names of buckets are one namespace for all accounts.
                for place in [address.account.as_str(), ANYWHERE] {
                    named.entry((place, key)).or_default().extend(controls.iter().cloned());
                }
            }
        }
        let mut found: Vec<(Address, BTreeSet<String>)> = Vec::new();
        for (address, target) in &inventory.resources {
            let Some(contract) = kind_of(&address.kind).map(Kind::contract) else { continue };
            if contract.adopted != Adopted::WhereNamed {
                continue;
            }
            let place = if contract.name_varies { ANYWHERE } else { &address.account };
            let by: Vec<&BTreeSet<String>> =
                ids_of(target).into_iter().filter_map(|id| named.get(&(place, id))).collect();
            if by.is_empty() {
                continue;
            }
            let takes = |id: &&String| {
                reconciler_model::control::find(id).is_some_and(|control| control.kinds.contains(&address.kind))
            };
            found.push((address.clone(), by.into_iter().flatten().filter(takes).cloned().collect()));
        }
        for (address, controls) in found {
            served.entry(address).or_default().extend(controls);
        }
    }
    served
}

fn kind_of(name: &str) -> Option<&'static dyn Kind> {
    CLIENTS.iter().find(|client| client.kind().name() == name).map(|client| client.kind() as &dyn Kind)
}

/// Every text of a tree, but for policies: they name what may be reached, not what is used.
fn words_of<'a>(tree: &'a Value, words: &mut BTreeSet<&'a str>) {
    match tree {
        Value::String(text) => {
            words.insert(text);
        }
        Value::Array(items) => items.iter().for_each(|item| words_of(item, words)),
        Value::Object(members) if members.contains_key("Statement") => {}
        Value::Object(members) => members.values().for_each(|member| words_of(member, words)),
        _ => {}
    }
}

/// Stands for every account.
const ANYWHERE: &str = "";

/// By what a text may name a resource: as a whole, or an ARN by what it ends with.
fn keys_of(word: &str) -> Vec<&str> {
    let word = word.trim_end_matches(":*");
    let ends = word.match_indices([':', '/']).filter(|_| word.starts_with("arn:"));
    std::iter::once(word).chain(ends.map(|(at, _)| &word[at + 1..])).collect()
}

/// The name of a resource, and its ids.
fn ids_of(target: &ObservedResource) -> BTreeSet<&str> {
    let mut ids = BTreeSet::new();
    words_of(&target.external_id, &mut ids);
    ids.insert(&target.address.name);
    ids.retain(|id| id.len() > 2);
    ids
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_resource_is_named_by_name_id_or_arn() {
        let target = ObservedResource {
            address: Address {
                account: "a".into(),
                region: "r".into(),
                kind: "log-group".into(),
                name: "/aws/bedrock/model-invocations".into(),
            },
            tree: json!({}),
            unknown_fields: BTreeMap::new(),
            external_id: json!({"arn": "arn:aws:logs:r:1:log-group:/aws/bedrock/model-invocations"}),
            private_state: Value::Null,
            settled: true,
            unread: BTreeMap::new(),
            beside: Value::Null,
        };
        let named = |word: &str| keys_of(word).into_iter().any(|key| ids_of(&target).contains(key));
        assert!(named("/aws/bedrock/model-invocations"));
        assert!(named("arn:aws:logs:r:1:log-group:/aws/bedrock/model-invocations:*"));
        assert!(!named("/aws/bedrock/model-invocations-2") && !named("arn:aws:logs:r:1:log-group:x/aws/bedrock"));
    }
}
