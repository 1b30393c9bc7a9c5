//! SARIF 2.1.0: one result for each address and alert, at the file and line of its declaration.
//!
//! Guarantees: rules are the signals of the controls, so that a rule keeps its name whatever drifts; a result has a fingerprint of its
//! address and rule, so that a viewer knows it again. What is waived has the terms of the waiver as its suppression.

use std::collections::BTreeMap;
use std::path::Path;

use percent_encoding::{AsciiSet, NON_ALPHANUMERIC, utf8_percent_encode};
use reconciler_model::alert::Alert;
use reconciler_model::codes;
use reconciler_model::control::{AlertClass, Severity};
use reconciler_model::digest;
use reconciler_model::direction::Direction;
use reconciler_model::text::{in_json, one_line};
use serde_json::{Value, json};
use serde_sarif::sarif::{
    ArtifactLocation, Invocation, Location, LogicalLocation, Message, MultiformatMessageString, Notification,
    PhysicalLocation, PropertyBag, Region, ReportingConfiguration, ReportingDescriptor, Result as Told, ResultLevel,
    Run, RunAutomationDetails, Sarif, Suppression, Tool, ToolComponent, Version,
};

use super::Found;
use super::subjects::{self, Standing, Subject};
use crate::exit::Exit;
use crate::failure::Failure;

/// Where the schema of the format is.
const SCHEMA: &str = "https://json.schemastore.org/sarif-2.1.0.json";
/// What is left as it is in the path of a file.
const PATH: &AsciiSet = &NON_ALPHANUMERIC.remove(b'/').remove(b'.').remove(b'-').remove(b'_').remove(b'~');

/// The log of a plan.
pub(crate) fn render(found: &Found<'_>) -> Result<String, Failure> {
    let plan = found.plan;
    let mut rules: BTreeMap<String, ReportingDescriptor> = BTreeMap::new();
    let mut results: Vec<(String, Told)> = Vec::new();
    for subject in subjects::of(found) {
        let is_told = subject.standing != Standing::Passed || !subject.alerts.is_empty();
        if !is_told {
            continue;
        }
        let each: Vec<Option<&Alert>> = match &*subject.alerts {
            [] => vec![None],
            alerts => alerts.iter().copied().map(Some).collect(),
        };
        for alert in each {
            let id = rule_id(&subject, alert);
            rules.entry(id.clone()).or_insert_with(|| rule(&id, &subject, alert));
            results.push((id.clone(), result(found, &subject, alert, &id)));
        }
    }
    let index: BTreeMap<&String, i64> = rules.keys().zip(0..).collect();
    let results: Vec<Told> =
        results.into_iter().map(|(id, told)| Told { rule_index: index.get(&id).copied(), ..told }).collect();
    let weakened = plan.drift.iter().filter(|drift| drift.direction == Direction::Weakened).count();
    let run = Run::builder()
        .tool(tool(&plan.tool_version, rules.into_values().collect()))
        .column_kind(json!("unicodeCodePoints"))
        .automation_details(RunAutomationDetails::builder().id("bedrock-reconciler/".to_owned()).build())
        .invocations(vec![invocation(true, found.exit, Vec::new())])
        .results(results)
        .properties(bag(&[
            ("planId", json!(plan.plan_id)),
            ("desiredDigest", json!(plan.desired_digest)),
            ("summary", json!(plan.summary)),
            ("weakened", json!(weakened)),
        ]))
        .build();
    written(run)
}

/// The log of a command that failed before anything was found.
pub(crate) fn failed(failure: &Failure) -> Result<String, Failure> {
    let mut notification = Notification::builder()
        .level(json!("error"))
        .message(message(&failure.text))
        .properties(bag(&[("hint", json!(failure.hint)), ("code", json!(failure.code))]))
        .build();
    notification.descriptor = None;
    let run = Run::builder()
        .tool(tool(env!("CARGO_PKG_VERSION"), Vec::new()))
        .invocations(vec![invocation(false, failure.exit, vec![notification])])
        .results(Vec::<Told>::new())
        .build();
    written(run)
}

fn written(run: Run) -> Result<String, Failure> {
    let sarif =
        Sarif::builder().schema(SCHEMA.to_owned()).version(json!(Version::V2_1_0.to_string())).runs(vec![run]).build();
    let text = serde_json::to_string_pretty(&sarif)
        .map_err(|error| Failure::new(Exit::Failed, format!("failed to write SARIF: {error}")))?;
    Ok(format!("{}\n", in_json(&text)))
}

fn tool(version: &str, rules: Vec<ReportingDescriptor>) -> Tool {
    let driver = ToolComponent::builder()
        .name("bedrock-reconciler".to_owned())
        .version(version.to_owned())
        .semantic_version(version.to_owned())
        .rules(rules)
        .build();
    Tool::builder().driver(driver).build()
}

fn invocation(successful: bool, exit: Exit, notifications: Vec<Notification>) -> Invocation {
    let mut invocation =
        Invocation::builder().execution_successful(successful).exit_code(i64::from(exit.code())).build();
    if !notifications.is_empty() {
        invocation.tool_execution_notifications = Some(notifications);
    }
    invocation
}

fn rule_id(subject: &Subject<'_>, alert: Option<&Alert>) -> String {
    match (alert, subject.gaps.first()) {
        (Some(alert), _) => format!("{}/{}", alert.control, alert.signal),
        (None, Some(gap)) => format!("not-evaluated/{}", gap.code),
        (None, None) => "drift".to_owned(),
    }
}

fn rule(id: &str, subject: &Subject<'_>, alert: Option<&Alert>) -> ReportingDescriptor {
    let known = alert.and_then(|alert| subjects::control_of(&alert.control).map(|control| (control, alert)));
    let (short, full, help) = match (known, subject.gaps.first()) {
        (Some((control, alert)), _) => (
            control.title.clone(),
            subjects::about(control, &alert.signal),
            format!("{} `bedrock-reconciler controls show {}` prints the response.", control.about, control.id),
        ),
        (None, Some(gap)) => {
            let title = codes::find(&gap.code).map_or("something could not be read", |code| code.title);
            ("not evaluated".to_owned(), title.to_owned(), format!("`bedrock-reconciler explain {}`", gap.code))
        }
        (None, None) => (
            "not as declared".to_owned(),
            "A resource that serves no control is not as declared.".to_owned(),
            "`bedrock-reconciler plan` shows what would be done.".to_owned(),
        ),
    };
    // What code scanning sorts by: a number up to 10.
    let score = match alert.map(|alert| alert.severity) {
        Some(Severity::Critical) => "9.5",
        Some(Severity::High) => "8.0",
        Some(Severity::Medium) => "5.5",
        None => "3.0",
    };
    let tags: Vec<String> = ["security".to_owned()]
        .into_iter()
        .chain(known.iter().flat_map(|(control, _)| {
            control
                .compliance
                .iter()
                .flat_map(|(framework, all)| all.iter().map(move |one| format!("{framework}: {one}")))
        }))
        .collect();
    let mut properties = bag(&[("security-severity", json!(score))]);
    properties.tags = Some(tags);
    ReportingDescriptor::builder()
        .id(id.to_owned())
        .short_description(string(&short))
        .full_description(string(&full))
        .help(string(&help))
        .default_configuration(ReportingConfiguration::builder().level(json!(word(alert))).build())
        .properties(properties)
        .build()
}

fn word(alert: Option<&Alert>) -> &'static str {
    match alert.map(|alert| alert.class) {
        Some(AlertClass::Page) => "error",
        Some(AlertClass::Ticket) | None => "warning",
        Some(AlertClass::Inform) => "note",
    }
}

fn result(found: &Found<'_>, subject: &Subject<'_>, alert: Option<&Alert>, rule: &str) -> Told {
    let address = subject.address.to_string();
    let urgency = alert.map(|alert| format!(" ({})", alert.in_words())).unwrap_or_default();
    let mut text = format!("{}{urgency}", subject.title());
    for line in subject.details(found.look.depth) {
        text.push('\n');
        text.push_str(&line);
    }
    let logical = LogicalLocation::builder()
        .fully_qualified_name(one_line(&address).into_owned())
        .name(one_line(&subject.address.name).into_owned())
        .kind("resource".to_owned())
        .build();
    let mut location = Location::builder().logical_locations(vec![logical]).build();
    location.physical_location = subject.place().map(|(file, line, column)| {
        let region = Region::builder().start_line(number(line)).start_column(number(column)).build();
        PhysicalLocation::builder()
            .artifact_location(ArtifactLocation::builder().uri(uri(file)).build())
            .region(region)
            .build()
    });
    let level = match word(alert) {
        "error" => ResultLevel::Error,
        "note" => ResultLevel::Note,
        _ => ResultLevel::Warning,
    };
    let print = digest::of(&(&address, rule));
    let print = print.trim_start_matches("sha256:").to_owned();
    let mut properties = vec![
        ("address", json!(address)),
        ("standing", json!(subject.standing.word())),
        ("controls", json!(subject.controls)),
    ];
    if let Some(drift) = subject.drift {
        properties.push(("change", json!(drift.change)));
        properties.push(("direction", json!(drift.direction)));
        properties.push(("fields", json!(drift.fields)));
    }
    if let Some(alert) = alert {
        properties.push(("alert", json!(alert)));
    }
    if !subject.steps.is_empty() {
        let calls: Vec<String> = subject.steps.iter().map(|step| step.call.action()).collect();
        properties.push(("calls", json!(calls)));
    }
    let mut told = Told::builder()
        .rule_id(rule.to_owned())
        .level(level)
        .message(message(&text))
        .locations(vec![location])
        .partial_fingerprints(BTreeMap::from([("addressAndRule/v1".to_owned(), print)]))
        .properties(bag(&properties))
        .build();
    // A waiver is kept beside the code that the result is about, and reviewed like it.
    let waived = subject.drift.filter(|drift| drift.is_kept());
    let waived = waived.iter().flat_map(|drift| &drift.fields).filter_map(|field| field.waived.as_ref());
    let suppressions: Vec<Suppression> = waived
        .map(|terms| {
            let justification = one_line(&terms.in_words()).into_owned();
            Suppression::builder().kind(json!("external")).justification(justification).build()
        })
        .collect();
    if !suppressions.is_empty() {
        told.suppressions = Some(suppressions);
    }
    told
}

fn number(count: usize) -> i64 {
    i64::try_from(count).unwrap_or(i64::MAX)
}

/// The file as a URI: relative to where the command ran, as a checkout has it.
fn uri(file: &str) -> String {
    let encoded = utf8_percent_encode(file, PATH).to_string();
    if Path::new(file).is_absolute() { format!("file://{encoded}") } else { encoded }
}

/// A text in which no part of a viewer's markup is ours to give: brackets make links of a message.
fn message(text: &str) -> Message {
    let safe = text.replace('\\', "\\\\").replace('[', "\\[").replace(']', "\\]");
    // Braces hold the place of arguments, of which there are none.
    Message::builder().text(safe.replace('{', "{{").replace('}', "}}")).build()
}

fn string(text: &str) -> MultiformatMessageString {
    MultiformatMessageString::builder().text(text.to_owned()).build()
}

fn bag(members: &[(&str, Value)]) -> PropertyBag {
    let properties: BTreeMap<String, Value> =
        members.iter().map(|(name, value)| ((*name).to_owned(), value.clone())).collect();
    PropertyBag::builder().additional_properties(properties).build()
}
