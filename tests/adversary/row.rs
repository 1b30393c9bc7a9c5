//! The rows: attacks and harmless changes as data.
//!
//! A row is calls of somebody else, faults that stay for as long as he likes, and what must come of it. Bodies may hold
//! `{$json: DOCUMENT}` (its text), `{$of: NAME, set: {POINTER: VALUE}, remove: [POINTER]}` (a document of `documents.yaml`,
//! changed, as its text) and `{$repeat: N, of: VALUE}` inside a list, with `${n}` counted from 1.

use std::collections::BTreeMap;
use std::sync::LazyLock;

use reconciler_emulator::{Accounts, Edit, Fault, Step};
use reconciler_model::desired::Source;
use reconciler_tests::declarations::{of_the_repository, repository, source};
use serde::Deserialize;
use serde_json::{Map, Value, json};

/// What must come of a row.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "lowercase")]
pub(crate) enum Expect {
    /// It is as it was, and a plan finds nothing.
    Restored,
    /// Every plan says so until somebody acts.
    Paged,
    /// Nobody is woken, and it stays.
    Harmless,
}

/// How people have to be told of an attack at least.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Deserialize)]
#[serde(rename_all = "lowercase")]
pub(crate) enum Class {
    /// Nobody.
    None,
    /// Who wants to know.
    Inform,
    /// Whoever works.
    #[default]
    Ticket,
    /// Whoever is on call.
    Page,
}

/// One attack, or one harmless change.
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct Row {
    /// Its name; the letter is its section.
    pub(crate) id: String,
    /// What somebody does.
    pub(crate) about: String,
    /// What must come of it.
    pub(crate) expect: Expect,
    /// How people have to be told at least, when it is an attack.
    #[serde(default)]
    pub(crate) told: Class,
    /// Whether a harmless change is told to nobody at all, and no plan exits with anything but 0.
    #[serde(default)]
    pub(crate) calm: bool,
    /// Why it is known to fail; absent where it must hold.
    #[serde(default)]
    pub(crate) open: Option<String>,
    /// Parts of the names of what the attack adds and nobody takes away.
    #[serde(default)]
    pub(crate) leaves: Vec<String>,
    /// Parts of the names of what is as it was, although the whole is only paged.
    #[serde(default)]
    pub(crate) restores: Vec<String>,
    /// Declarations beside those that are shipped.
    #[serde(default)]
    pub(crate) declares: Option<String>,
    /// Texts of the shipped declarations that are replaced.
    #[serde(default)]
    pub(crate) replaces: Vec<Replaced>,
    /// Whether everything that the declarations rest on is pinned, as `pin` does, before anything is attacked.
    #[serde(default)]
    pub(crate) pins: bool,
    /// Calls that the declarations need.
    #[serde(default)]
    before: Vec<Attack>,
    /// The calls, in order.
    #[serde(default)]
    steps: Vec<Attack>,
    /// What the attacker destroys of what knows the past.
    #[serde(default)]
    pub(crate) wipes: Vec<Wiped>,
    /// What goes wrong from then on.
    #[serde(default)]
    pub(crate) faults: Vec<Fault>,
    /// Calls that are made again after each activation, for as long as it is looked at.
    #[serde(default)]
    again: Vec<Attack>,
}

/// A witness of the past.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "lowercase")]
pub(crate) enum Wiped {
    /// The file of pins, with what was adopted.
    Pins,
    /// The journal, with its head.
    Journal,
}

/// A text of the shipped declarations, and what stands there instead.
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct Replaced {
    file: String,
    text: String,
    with: String,
}

#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct Attack {
    /// Service and operation.
    call: String,
    /// Account and region; production in us-east-1, or the home of the organization for what is there only.
    #[serde(default, rename = "in")]
    place: Option<String>,
    #[serde(default)]
    body: Value,
    #[serde(default)]
    edits: Vec<Edit>,
    #[serde(default)]
    save: BTreeMap<String, String>,
    #[serde(default)]
    times: Option<usize>,
}

impl Row {
    /// What has to be there before anything is declared.
    pub(crate) fn before(&self) -> Vec<Step> {
        self.before.iter().flat_map(Attack::steps).collect()
    }

    /// The calls as the embedded AWS plays them.
    pub(crate) fn steps(&self) -> Vec<Step> {
        self.steps.iter().flat_map(Attack::steps).collect()
    }

    /// The calls that are made again.
    pub(crate) fn again(&self) -> Vec<Step> {
        self.again.iter().flat_map(Attack::steps).collect()
    }

    /// Whether it is played over something else than what is shipped.
    pub(crate) fn declares_otherwise(&self) -> bool {
        self.declares.is_some() || !self.replaces.is_empty()
    }

    /// The desired state that it is played over.
    pub(crate) fn desired(&self) -> Vec<Source> {
        let mut sources = of_the_repository();
        for Replaced { file, text, with } in &self.replaces {
            let found = sources.iter_mut().find(|source| source.file == *file);
            let found = found.unwrap_or_else(|| panic!("{}: nothing is named {file}", self.id));
            let content = found.content.as_ref().expect("a file that was read");
            let content = String::from_utf8(content.clone()).expect("a text");
            assert!(content.contains(text.as_str()), "{}: {file} has no `{text}`", self.id);
            *found = source(file, &content.replace(text.as_str(), with));
        }
        if let Some(text) = &self.declares {
            sources.push(source("adversary.yaml", text));
        }
        sources
    }
}

impl Attack {
    fn steps(&self) -> Vec<Step> {
        let (service, operation) = self.call.split_once(' ').expect("service and operation");
        let home = if matches!(service, "organizations" | "cloudtrail") { "management" } else { "prod" };
        let place = self.place.clone().unwrap_or_else(|| format!("{home}/us-east-1"));
        let (account, region) = place.split_once('/').expect("account and region");
        let account = if account == "all" { Accounts::All } else { Accounts::Named(vec![account.to_owned()]) };
        (1..=self.times.unwrap_or(1))
            .map(|number| {
                let value = |value: &Value| made(counted(value, number));
                let edits = self.edits.iter().map(|edit| match edit {
                    Edit::Set(members) => {
                        Edit::Set(members.iter().map(|(at, member)| (at.clone(), value(member))).collect())
                    }
                    Edit::Remove(pointers) => Edit::Remove(pointers.clone()),
                });
                Step {
                    principal: "arn:${partition}:sts::${account}:assumed-role/Developer/mallory".to_owned(),
                    accounts: account.clone(),
                    regions: Some(if region == "all" {
                        vec!["us-east-1".to_owned(), "eu-west-1".to_owned()]
                    } else {
                        vec![region.to_owned()]
                    }),
                    at: None,
                    service: service.to_owned(),
                    operation: operation.to_owned(),
                    body: value(&self.body),
                    edits: edits.collect(),
                    save: self.save.clone(),
                    error: None,
                    user_agent: None,
                    source_ip: None,
                }
            })
            .collect()
    }
}

/// `${n}` as a number.
fn counted(value: &Value, number: usize) -> Value {
    match value {
        Value::String(text) => json!(text.replace("${n}", &number.to_string())),
        // What a list repeats counts for itself.
        Value::Object(members) if members.contains_key("$repeat") => value.clone(),
        Value::Object(members) => {
            Value::Object(members.iter().map(|(name, value)| (name.clone(), counted(value, number))).collect())
        }
        Value::Array(items) => Value::Array(items.iter().map(|item| counted(item, number)).collect()),
        other => other.clone(),
    }
}

/// A body with its documents written out.
fn made(value: Value) -> Value {
    match value {
        Value::Object(mut members) => {
            if let Some(document) = members.remove("$json") {
                return json!(made(document).to_string());
            }
            if let Some(name) = members.remove("$of") {
                let mut document = DOCUMENTS[name.as_str().unwrap_or_default()].clone();
                assert!(!document.is_null(), "there is no document {name}");
                for (pointer, value) in members.get("set").and_then(Value::as_object).into_iter().flatten() {
                    put(&mut document, pointer, made(value.clone()));
                }
                for pointer in members.get("remove").and_then(Value::as_array).into_iter().flatten() {
                    take(&mut document, pointer.as_str().unwrap_or_default());
                }
                return if members.contains_key("tree") { document } else { json!(document.to_string()) };
            }
            Value::Object(members.into_iter().map(|(name, value)| (name, made(value))).collect())
        }
        Value::Array(items) => Value::Array(items.into_iter().flat_map(repeated).map(made).collect()),
        other => other,
    }
}

fn repeated(item: Value) -> Vec<Value> {
    match item.get("$repeat").and_then(Value::as_u64).and_then(|times| usize::try_from(times).ok()) {
        Some(times) => (1..=times).map(|number| counted(&item["of"], number)).collect(),
        None => vec![item],
    }
}

fn put(document: &mut Value, pointer: &str, value: Value) {
    let (parent, last) = pointer.rsplit_once('/').expect("a pointer");
    match document.pointer_mut(parent) {
        Some(Value::Object(members)) => drop(members.insert(last.to_owned(), value)),
        Some(Value::Array(items)) if last == "-" => items.push(value),
        Some(Value::Array(items)) => items[last.parse::<usize>().expect("an index")] = value,
        _ => panic!("the document has no {parent}"),
    }
}

fn take(document: &mut Value, pointer: &str) {
    let (parent, last) = pointer.rsplit_once('/').expect("a pointer");
    match document.pointer_mut(parent) {
        Some(Value::Object(members)) => assert!(members.remove(last).is_some(), "the document has no {pointer}"),
        Some(Value::Array(items)) => drop(items.remove(last.parse().expect("an index"))),
        _ => panic!("the document has no {parent}"),
    }
}

/// What is shipped, as AWS holds it: what a row changes.
static DOCUMENTS: LazyLock<Value> = LazyLock::new(|| tree(include_str!("documents.yaml")));

fn tree(text: &str) -> Value {
    let mut tree: serde_yaml::Value = serde_yaml::from_str(text).expect("YAML");
    tree.apply_merge().expect("anchors");
    serde_json::to_value(tree).expect("a tree")
}

/// Every row, in the order of the files.
pub(crate) fn all() -> Vec<Row> {
    let folder = repository().join("tests/adversary/rows");
    let files = ["hidden", "kept", "pointers", "refused", "invented", "unexpected", "brakes", "contents", "harmless"];
    let files =
        files.map(|name| std::fs::read_to_string(folder.join(name).with_extension("yaml")).expect("a file of rows"));
    files.into_iter().flat_map(|text| tree(&text).as_array().cloned().unwrap_or_default()).map(parsed).collect()
}

fn parsed(row: Value) -> Row {
    let id = row["id"].clone();
    // Members that only anchors are for.
    let row: Map<String, Value> = match row {
        Value::Object(members) => members.into_iter().filter(|(name, _)| !name.starts_with("x-")).collect(),
        _ => panic!("a row is an object"),
    };
    serde_json::from_value(Value::Object(row)).unwrap_or_else(|error| panic!("{id}: {error}"))
}
