//! The JSON documents that commands print: their names, their formats, and their schemas.
//!
//! Guarantees: `major` changes when a reader of an older format would misunderstand, `minor` when something is added. A schema says
//! what is always there; readers skip what they do not know.

use clap::ValueEnum;
use reconciler_engine::journal;
use reconciler_model::direction::Direction;
use reconciler_model::incident::{self, Incident};
use reconciler_model::plan::{self, Plan};
use schemars::generate::SchemaSettings;
use schemars::{JsonSchema, Schema};
use serde::Serialize;
use serde_json::{Value, json};

use super::shapes::{
    Activation, Adoption, Audited, Begun, Code, Drilled, Examination, Explainable, Exported, Failed, Formatted,
    History, Listed, NamedControl, NamedExplanation, Pinned, Planned, Recorded, Standing, Validation, Version,
};

/// The name and version of a document.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, JsonSchema)]
pub(crate) struct Format {
    /// Which document it is: what `schema --of` takes.
    pub(crate) name: &'static str,
    /// Changes when a reader of the old format would misunderstand the new one.
    pub(crate) major: u32,
    /// Changes when something is added.
    pub(crate) minor: u32,
}

/// The first format of a document.
const fn format(name: &'static str) -> Format {
    Format { name, major: 1, minor: 0 }
}

/// The format of `activation`.
pub(crate) const ACTIVATION: Format = format("activation");
/// The format of `audit`.
pub(crate) const AUDIT: Format = format("audit");
/// The format of `code`.
pub(crate) const CODE: Format = format("code");
/// The format of `codes`.
pub(crate) const CODES: Format = format("codes");
/// The format of `explanation`.
pub(crate) const EXPLANATION: Format = format("explanation");
/// The format of `version`.
pub(crate) const VERSION: Format = format("version");
/// The format of `adoption`.
pub(crate) const ADOPTION: Format = format("adoption");
/// The format of `examination`.
pub(crate) const EXAMINATION: Format = format("examination");
/// The format of `formatting`.
pub(crate) const FORMATTING: Format = format("formatting");
/// The format of `init`.
pub(crate) const INIT: Format = format("init");
/// The format of `status`.
pub(crate) const STATUS: Format = format("status");
/// The format of `controls`. It was a list before, without a format.
pub(crate) const CONTROLS: Format = Format { name: "controls", major: 2, minor: 0 };
/// The format of `control`.
pub(crate) const CONTROL: Format = format("control");
/// The format of `drill`.
pub(crate) const DRILL: Format = format("drill");
/// The format of `export`.
pub(crate) const EXPORT: Format = format("export");
/// The format of `failure`.
pub(crate) const FAILURE: Format = format("failure");
/// The format of `history`.
pub(crate) const HISTORY: Format = format("history");
/// The format of `pins`.
pub(crate) const PINS: Format = format("pins");
/// The format of `validation`.
pub(crate) const VALIDATION: Format = format("validation");

/// A document with its name and version.
pub(crate) fn named(format: Format, mut document: Value) -> Value {
    if document.is_object() {
        document["format"] = json!(format);
    }
    document
}

/// A document that has a schema.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub(crate) enum Document {
    /// The declarations, in YAML: what is printed without --of.
    DesiredState,
    /// Of `plan`, of a saved plan, and of `enforce --once` and `restore` where nothing was to be done.
    Plan,
    /// Of `enforce --once`, `restore` and `apply`.
    Activation,
    /// Of the file incident.json.
    Incident,
    /// Of `history`.
    History,
    /// Of `history ID`.
    Records,
    /// Of `audit verify`.
    Audit,
    /// Of `export`.
    Export,
    /// Of `validate`.
    Validation,
    /// Of `pin`.
    Pins,
    /// Of `drill`.
    Drill,
    /// Of `controls show`.
    Control,
    /// Of `controls`.
    Controls,
    /// Of `explain CODE`.
    Code,
    /// Of `explain`.
    Codes,
    /// Of `explain KIND`.
    Explanation,
    /// Of `version`.
    Version,
    /// Of `fmt`.
    Formatting,
    /// Of `init`.
    Init,
    /// Of `adopt`.
    Adoption,
    /// Of `doctor`.
    Examination,
    /// Of `status`.
    Status,
    /// Of every command that cannot go on.
    Failure,
}

/// The schema of a document; `None` of the desired state, which has one of its own.
pub(crate) fn schema(of: Document) -> Option<Value> {
    let plan_format = Format { name: "plan", major: plan::FORMAT.major, minor: plan::FORMAT.minor };
    let incident_format = Format { name: "incident", major: incident::FORMAT.major, minor: incident::FORMAT.minor };
    let (format, schema) = match of {
        Document::DesiredState => return None,
        Document::Plan => (plan_format, schema_of::<Planned>()),
        Document::Activation => (ACTIVATION, schema_of::<Activation>()),
        Document::Incident => (incident_format, schema_of::<Incident>()),
        Document::History => (HISTORY, schema_of::<History>()),
        Document::Records => (records(), schema_of::<Recorded>()),
        Document::Audit => (AUDIT, schema_of::<Audited>()),
        Document::Export => (EXPORT, schema_of::<Exported>()),
        Document::Validation => (VALIDATION, schema_of::<Validation>()),
        Document::Pins => (PINS, schema_of::<Pinned>()),
        Document::Drill => (DRILL, schema_of::<Drilled>()),
        Document::Control => (CONTROL, schema_of::<NamedControl>()),
        Document::Controls => (CONTROLS, schema_of::<Listed>()),
        Document::Code => (CODE, schema_of::<Code>()),
        Document::Codes => (CODES, schema_of::<Explainable>()),
        Document::Explanation => (EXPLANATION, schema_of::<NamedExplanation>()),
        Document::Version => (VERSION, schema_of::<Version>()),
        Document::Formatting => (FORMATTING, schema_of::<Formatted>()),
        Document::Init => (INIT, schema_of::<Begun>()),
        Document::Adoption => (ADOPTION, schema_of::<Adoption>()),
        Document::Examination => (EXAMINATION, schema_of::<Examination>()),
        Document::Status => (STATUS, schema_of::<Standing>()),
        Document::Failure => (FAILURE, schema_of::<Failed>()),
    };
    let mut schema = schema.to_value();
    let Format { name, major, minor } = format;
    schema["$id"] = json!(format!("urn:bedrock-reconciler:{name}:{major}.{minor}"));
    schema["title"] = json!(format!("bedrock-reconciler {name} {major}.{minor}"));
    Some(schema)
}

/// The format of `records`: the second one of an object, with the format of the journal as what is added to it.
pub(crate) fn records() -> Format {
    Format { name: "records", major: 2, minor: journal::FORMAT }
}

fn schema_of<T: JsonSchema>() -> Schema {
    SchemaSettings::draft2020_12().for_serialize().into_generator().into_root_schema_for::<T>()
}

/// How many addresses of a plan protect less than declared.
pub(crate) fn weakened(plan: &Plan) -> usize {
    plan.drift.iter().filter(|drift| drift.direction == Direction::Weakened).count()
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeMap;

    use super::*;

    #[test]
    fn every_document_has_a_schema_with_its_name_and_version() {
        let mut ids: BTreeMap<String, Document> = BTreeMap::new();
        for document in Document::value_variants().iter().filter(|one| **one != Document::DesiredState) {
            let schema = schema(*document).expect("a schema");
            let word = document.to_possible_value().expect("a word").get_name().to_owned();
            let id = schema["$id"].as_str().expect("an id").to_owned();
            assert!(id.starts_with(&format!("urn:bedrock-reconciler:{word}:")), "{id} of {word}");
            assert_eq!(ids.insert(id, *document), None);
        }
    }
}
