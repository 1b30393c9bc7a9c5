//! `history`: the runs that wrote and the incidents, or one of them, record by record.

use std::collections::BTreeMap;

use jiff::Timestamp;
use reconciler_engine::journal::{self, Entry, Line, Record};
use reconciler_model::codes;
use reconciler_model::diagnostic::did_you_mean;
use schemars::JsonSchema;
use serde::Serialize;
use serde_json::json;

use crate::exit::Exit;
use crate::failure::Failure;
use crate::formats::documents;
use crate::screen::{DOUBT, FAINT, STRONG, paint};
use crate::setup::Setup;

/// What the record is called that an activation begins with.
const RUN_STARTED: &str = "run_started";

/// What is not told of a run or an incident, because a newer build wrote it.
const NOT_KNOWN: &str = "not known";

/// One line of the table.
#[derive(Debug, JsonSchema, Serialize)]
pub(crate) struct Row {
    /// `run` or `incident`.
    is: &'static str,
    /// Its id.
    id: String,
    /// When it began, in UTC.
    at: Timestamp,
    /// What it was for.
    mode: String,
    /// How it ended.
    outcome: String,
    /// Steps that read-back verified.
    verified: usize,
    /// Steps that it did not.
    not_verified: usize,
    /// Whole seconds from the first record to the last; `None` where no end is on record.
    seconds: Option<i64>,
    /// The runs that an incident was worked on by, or the incident of a run.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    belongs: Vec<String>,
    /// Records of it that a newer build wrote.
    #[serde(skip_serializing_if = "is_none")]
    newer: usize,
    /// Whether the record that it begins with could be read.
    #[serde(skip)]
    is_begun: bool,
}

fn is_none(count: &usize) -> bool {
    *count == 0
}

impl Row {
    pub(crate) fn is_run(&self) -> bool {
        self.is == "run"
    }

    pub(crate) fn is_open_incident(&self) -> bool {
        self.is == "incident" && self.outcome.starts_with("open")
    }

    pub(crate) fn id(&self) -> &str {
        &self.id
    }

    pub(crate) fn at(&self) -> Timestamp {
        self.at
    }

    pub(crate) fn mode(&self) -> &str {
        &self.mode
    }

    pub(crate) fn outcome(&self) -> &str {
        &self.outcome
    }

    fn new(is: &'static str, id: &str, at: Timestamp) -> Self {
        Self {
            is,
            id: id.to_owned(),
            at,
            mode: NOT_KNOWN.to_owned(),
            outcome: NOT_KNOWN.to_owned(),
            verified: 0,
            not_verified: 0,
            seconds: None,
            belongs: Vec::new(),
            newer: 0,
            is_begun: false,
        }
    }
}

pub(crate) fn run(setup: &Setup, of: Option<&str>) -> Result<Exit, Failure> {
    let lines = setup.journal_to_read().map(|path| journal::lines(&path)).transpose()?.unwrap_or_default();
    match of {
        None => list(setup, &lines),
        Some(id) => show(setup, &lines, id),
    }
}

fn list(setup: &Setup, lines: &[Line]) -> Result<Exit, Failure> {
    let rows = rows(lines);
    let newer = lines.iter().filter(|line| line.record.is_newer()).count();
    let of = |is: &str| -> Vec<&Row> { rows.iter().filter(|row| row.is == is).collect() };
    let told = json!({ "runs": of("run"), "incidents": of("incident"), "newer_records": newer });
    setup.screen.json(&documents::named(documents::HISTORY, told))?;
    if rows.is_empty() {
        setup.screen.say("no run has written anything")?;
        return Ok(Exit::Done);
    }
    let widest = rows.iter().map(|row| row.id.len()).max().unwrap_or(0);
    let head =
        format!("{:<20}  {:<widest$}  {:<8}  {:<13}  {:<8}  took", "when (UTC)", "id", "mode", "outcome", "verified");
    setup.screen.line(paint(STRONG, head))?;
    for row in &rows {
        let took = match row.seconds {
            Some(seconds) => format!("{seconds} s"),
            None if row.newer > 0 => NOT_KNOWN.to_owned(),
            None => "no end on record".to_owned(),
        };
        setup.screen.line(format_args!(
            "{}  {:<widest$}  {:<8}  {:<13}  {:<8}  {took}",
            row.at.strftime("%Y-%m-%dT%H:%M:%SZ"),
            row.id,
            row.mode,
            row.outcome,
            format!("{}/{}", row.verified, row.verified + row.not_verified),
        ))?;
    }
    if newer > 0 {
        let told = format!(
            "a newer build wrote {newer} of {} records: only what this build can read of them is shown",
            lines.len()
        );
        setup.screen.line(paint(DOUBT, told))?;
    }
    Ok(Exit::Done)
}

/// The rows while they are made, with those that records still add to.
#[derive(Default)]
struct Rows {
    rows: Vec<Row>,
    incidents: BTreeMap<String, usize>,
    /// The newest activation of each run.
    current: BTreeMap<String, usize>,
}

impl Rows {
    /// The row of the activation that a record belongs to. It is there though the record that began it could not be read.
    fn run(&mut self, record: &Record) -> &mut Row {
        let Self { rows, current, .. } = self;
        let index = *current.entry(record.run.clone()).or_insert_with(|| {
            rows.push(Row::new("run", &record.run, record.at));
            rows.len() - 1
        });
        &mut rows[index]
    }

    /// The row of a new activation, or the one that earlier records of it made.
    fn begun(&mut self, record: &Record) -> &mut Row {
        if self.current.get(&record.run).is_some_and(|index| self.rows[*index].is_begun) {
            self.current.remove(&record.run);
        }
        let row = self.run(record);
        row.is_begun = true;
        row
    }

    fn incident(&mut self, incident: &str, record: &Record) -> &mut Row {
        let Self { rows, incidents, .. } = self;
        let index = *incidents.entry(incident.to_owned()).or_insert_with(|| {
            let mut row = Row::new("incident", incident, record.at);
            row.mode = "restore".to_owned();
            rows.push(row);
            rows.len() - 1
        });
        let row = &mut rows[index];
        if !row.belongs.contains(&record.run) {
            row.belongs.push(record.run.clone());
        }
        row
    }

    fn note(&mut self, record: &Record) {
        let Record { at, run, entry, .. } = record;
        match entry {
            Entry::RunStarted { mode, .. } => {
                let row = self.begun(record);
                row.mode = mode.to_string();
                row.outcome = "no end".to_owned();
            }
            Entry::RunEnded { verified, not_verified } => {
                let row = self.run(record);
                (row.verified, row.not_verified) = (*verified, *not_verified);
                row.outcome = if *not_verified == 0 { "verified" } else { "not verified" }.to_owned();
                row.seconds = Some(at.duration_since(row.at).as_secs());
                let of_run = self.incidents.values().copied().filter(|index| self.rows[*index].belongs.contains(run));
                if let Some(row) = of_run.max().and_then(|index| self.rows.get_mut(index)) {
                    row.verified += verified;
                    row.not_verified += not_verified;
                }
            }
            Entry::IncidentOpened { incident, .. } => {
                let row = self.incident(incident, record);
                if !std::mem::replace(&mut row.is_begun, true) {
                    row.outcome = "open".to_owned();
                }
            }
            Entry::IncidentSaved { incident, outcome, .. } => {
                self.incident(incident, record).outcome = format!("open: {}", outcome.word().replace('_', " "));
            }
            Entry::IncidentClosed { incident, outcome, .. } => {
                let row = self.incident(incident, record);
                row.outcome = outcome.word().replace('_', " ");
                row.seconds = Some(at.duration_since(row.at).as_secs());
            }
            Entry::Evidence { incident, .. } => _ = self.incident(incident, record),
            Entry::Intent { .. } | Entry::WriteResult { .. } | Entry::Verdict { .. } => _ = self.run(record),
            Entry::Newer(_) => {
                let row = match (record.unread("incident"), record.unread("record")) {
                    (Some(incident), _) => self.incident(incident, record),
                    (None, Some(RUN_STARTED)) => self.begun(record),
                    (None, _) => self.run(record),
                };
                if row.is == "run"
                    && let Some(mode) = record.unread("mode")
                {
                    row.mode = mode.to_owned();
                }
            }
        }
        if record.is_newer() {
            let incident = of_incident(record).map(str::to_owned);
            match incident {
                Some(incident) => self.incident(&incident, record).newer += 1,
                None => self.run(record).newer += 1,
            }
        }
    }
}

/// One row for each incident, and for each activation of each run.
pub(crate) fn rows(lines: &[Line]) -> Vec<Row> {
    let mut rows = Rows::default();
    lines.iter().for_each(|line| rows.note(&line.record));
    rows.rows
}

fn show(setup: &Setup, lines: &[Line], id: &str) -> Result<Exit, Failure> {
    let runs: Vec<&str> = lines
        .iter()
        .filter(|line| of_incident(&line.record) == Some(id))
        .map(|line| line.record.run.as_str())
        .collect();
    let belongs = |Line { record, .. }: &&Line| {
        record.run == id || (runs.contains(&record.run.as_str()) && of_incident(record).is_none_or(|of| of == id))
    };
    let shown: Vec<&Line> = lines.iter().filter(belongs).collect();
    if shown.is_empty() {
        let known: Vec<String> = rows(lines).into_iter().map(|row| row.id).collect();
        let hint = match did_you_mean(id, known.iter().map(String::as_str)) {
            Some(near) => format!("did you mean `{near}`?"),
            None => "`bedrock-reconciler history` lists them".to_owned(),
        };
        return Err(Failure::new(Exit::Usage, format!("no run and no incident `{id}`"))
            .code(codes::UNKNOWN_RUN)
            .hint(hint));
    }
    // As they were written, with what this build does not know.
    let written: Vec<_> = shown.iter().map(|line| &line.written).collect();
    setup.screen.json(&documents::named(documents::records(), json!({ "records": written })))?;
    for Line { record, .. } in shown {
        let by = match (&record.entry, record.is_newer()) {
            (Entry::Newer(_), _) | (_, false) => String::new(),
            (_, true) => paint(DOUBT, format_args!("  as far as this build can read format {}", record.format)),
        };
        setup.screen.line(format_args!("{}  {}{by}", paint(FAINT, record.at), in_words(record).trim_end()))?;
    }
    Ok(Exit::Done)
}

/// The incident that a record is about.
fn of_incident(record: &Record) -> Option<&str> {
    match &record.entry {
        Entry::IncidentOpened { incident, .. }
        | Entry::Evidence { incident, .. }
        | Entry::IncidentSaved { incident, .. }
        | Entry::IncidentClosed { incident, .. } => Some(incident),
        Entry::Newer(_) => record.unread("incident"),
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
            let name = record.unread("record").map(|name| format!("`{name}`, ")).unwrap_or_default();
            format!("  {name}a record of a newer build (format {}), which this one cannot read", record.format)
        }
    }
}
