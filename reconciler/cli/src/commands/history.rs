//! `history`: the runs that wrote and the incidents, or one of them, record by record.

use std::collections::BTreeMap;

use jiff::Timestamp;
use reconciler_engine::journal::{self, Entry, Record};
use reconciler_model::codes;
use reconciler_model::diagnostic::did_you_mean;
use serde::Serialize;
use serde_json::json;

use crate::exit::Exit;
use crate::failure::Failure;
use crate::screen::{FAINT, STRONG, paint};
use crate::setup::Setup;

/// One line of the table.
#[derive(Debug, Serialize)]
struct Row {
    /// `run` or `incident`.
    is: &'static str,
    id: String,
    at: Timestamp,
    mode: String,
    outcome: String,
    verified: usize,
    not_verified: usize,
    /// Whole seconds from the first record to the last; `None` where no end is on record.
    seconds: Option<i64>,
    /// The runs that an incident was worked on by, or the incident of a run.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    belongs: Vec<String>,
}

pub(crate) fn run(setup: &Setup, of: Option<&str>) -> Result<Exit, Failure> {
    let records = setup.journal_to_read().map(|path| journal::records(&path)).transpose()?.unwrap_or_default();
    match of {
        None => list(setup, &records),
        Some(id) => show(setup, &records, id),
    }
}

fn list(setup: &Setup, records: &[Record]) -> Result<Exit, Failure> {
    let rows = rows(records);
    let of = |is: &str| -> Vec<&Row> { rows.iter().filter(|row| row.is == is).collect() };
    setup.screen.json(&json!({ "runs": of("run"), "incidents": of("incident") }))?;
    if rows.is_empty() {
        setup.screen.say("no run has written anything")?;
        return Ok(Exit::Done);
    }
    let widest = rows.iter().map(|row| row.id.len()).max().unwrap_or(0);
    let head =
        format!("{:<20}  {:<widest$}  {:<8}  {:<13}  {:<8}  took", "when (UTC)", "id", "mode", "outcome", "verified");
    setup.screen.line(paint(STRONG, head))?;
    for row in &rows {
        let took = row.seconds.map_or_else(|| "no end on record".to_owned(), |seconds| format!("{seconds} s"));
        setup.screen.line(format_args!(
            "{}  {:<widest$}  {:<8}  {:<13}  {:<8}  {took}",
            row.at.strftime("%Y-%m-%dT%H:%M:%SZ"),
            row.id,
            row.mode,
            row.outcome,
            format!("{}/{}", row.verified, row.verified + row.not_verified),
        ))?;
    }
    Ok(Exit::Done)
}

/// One row for each incident, and for each activation of each run.
fn rows(records: &[Record]) -> Vec<Row> {
    let mut rows: Vec<Row> = Vec::new();
    let mut incidents: BTreeMap<&str, usize> = BTreeMap::new();
    let mut current: BTreeMap<&str, usize> = BTreeMap::new();
    let row = |is, id: &str, at, mode: &str, outcome: &str| Row {
        is,
        id: id.to_owned(),
        at,
        mode: mode.to_owned(),
        outcome: outcome.to_owned(),
        verified: 0,
        not_verified: 0,
        seconds: None,
        belongs: Vec::new(),
    };
    for Record { at, run, entry, .. } in records {
        match entry {
            Entry::RunStarted { mode, .. } => {
                current.insert(run, rows.len());
                rows.push(row("run", run, *at, &mode.to_string(), "no end"));
            }
            Entry::RunEnded { verified, not_verified } => {
                if let Some(row) = current.get(run.as_str()).and_then(|index| rows.get_mut(*index)) {
                    (row.verified, row.not_verified) = (*verified, *not_verified);
                    row.outcome = if *not_verified == 0 { "verified" } else { "not verified" }.to_owned();
                    row.seconds = Some(at.duration_since(row.at).as_secs());
                }
                let of_run = incidents.values().copied().filter(|index| rows[*index].belongs.contains(run));
                if let Some(row) = of_run.max().and_then(|index| rows.get_mut(index)) {
                    row.verified += verified;
                    row.not_verified += not_verified;
                }
            }
            Entry::IncidentOpened { incident, .. } => {
                let index = *incidents.entry(incident).or_insert_with(|| {
                    rows.push(row("incident", incident, *at, "restore", "open"));
                    rows.len() - 1
                });
                rows[index].belongs.push(run.clone());
            }
            Entry::IncidentSaved { incident, outcome, .. } => {
                if let Some(index) = incidents.get(incident.as_str()) {
                    rows[*index].outcome = format!("open: {}", outcome.word().replace('_', " "));
                }
            }
            Entry::IncidentClosed { incident, outcome, .. } => {
                if let Some(index) = incidents.get(incident.as_str()) {
                    rows[*index].outcome = outcome.word().replace('_', " ");
                    rows[*index].seconds = Some(at.duration_since(rows[*index].at).as_secs());
                }
            }
            Entry::Intent { .. }
            | Entry::WriteResult { .. }
            | Entry::Verdict { .. }
            | Entry::Evidence { .. }
            | Entry::Newer(_) => {}
        }
    }
    rows
}

fn show(setup: &Setup, records: &[Record], id: &str) -> Result<Exit, Failure> {
    let runs: Vec<&str> = records
        .iter()
        .filter(|record| of_incident(&record.entry) == Some(id))
        .map(|record| record.run.as_str())
        .collect();
    let belongs = |record: &&Record| {
        record.run == id
            || (runs.contains(&record.run.as_str()) && of_incident(&record.entry).is_none_or(|of| of == id))
    };
    let shown: Vec<&Record> = records.iter().filter(belongs).collect();
    if shown.is_empty() {
        let known: Vec<String> = rows(records).into_iter().map(|row| row.id).collect();
        let hint = match did_you_mean(id, known.iter().map(String::as_str)) {
            Some(near) => format!("did you mean `{near}`?"),
            None => "`bedrock-reconciler history` lists them".to_owned(),
        };
        return Err(Failure::new(Exit::Usage, format!("no run and no incident `{id}`"))
            .code(codes::UNKNOWN_RUN)
            .hint(hint));
    }
    setup.screen.json(&json!(shown))?;
    for record in shown {
        setup.screen.line(format_args!("{}  {}", paint(FAINT, record.at), in_words(record).trim_end()))?;
    }
    Ok(Exit::Done)
}

/// The incident that an entry is about.
fn of_incident(entry: &Entry) -> Option<&str> {
    match entry {
        Entry::IncidentOpened { incident, .. }
        | Entry::Evidence { incident, .. }
        | Entry::IncidentSaved { incident, .. }
        | Entry::IncidentClosed { incident, .. } => Some(incident),
        _ => None,
    }
}

fn in_words(record: &Record) -> String {
    match &record.entry {
        Entry::RunStarted { mode, plan_id, .. } => paint(STRONG, format_args!("{mode} {plan_id}  run {}", record.run)),
        Entry::Intent { step, address, action, .. } => format!("  step {step} {action}  {address}"),
        Entry::WriteResult { error: None, request_id, .. } => {
            format!("    answered  {}", paint(FAINT, request_id.as_deref().unwrap_or("")))
        }
        Entry::WriteResult { error: Some(error), message, .. } => {
            let message = message.as_ref().map(|message| format!(": {message}")).unwrap_or_default();
            format!("    failed with {error}{message}")
        }
        Entry::Verdict { verdict, differs, .. } => format!("    {verdict} {}", differs.join(", ")),
        Entry::RunEnded { verified, not_verified } => format!("  {verified} verified, {not_verified} not"),
        Entry::IncidentOpened { incident, targets, again, by, .. } => {
            let what = if *again { "taken up again" } else { "opened" };
            paint(STRONG, format_args!("incident {incident} {what} by {by} for {}", targets.join(", ")))
        }
        Entry::Evidence { what, address, sha256, .. } => {
            let address = address.as_ref().map(|address| format!("  {address}")).unwrap_or_default();
            format!("  evidence {what}{address}  {}", paint(FAINT, sha256))
        }
        Entry::IncidentSaved { incident, outcome, .. } => {
            format!("incident {incident} stays open: {}", outcome.word().replace('_', " "))
        }
        Entry::IncidentClosed { incident, outcome, .. } => {
            paint(STRONG, format_args!("incident {incident} closed: {}", outcome.word().replace('_', " ")))
        }
        Entry::Newer(_) => {
            format!("  a record of a newer build (format {}), which this one cannot read", record.format)
        }
    }
}
