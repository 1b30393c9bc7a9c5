//! Log events, and Logs Insights over them: CreateLogStream, PutLogEvents, StartQuery, GetQueryResults, StopQuery
//! (kinds/sources/insights/README.md, Queries).
//!
//! # Guarantees
//! - Times of a query are whole seconds, both ends belong to it, and a query sees what was there when it was started.
//! - A query is first answered as `Running` with nothing, then as `Complete`.
//!
//! # Caveats
//! - The language is a small part of the real one; what it does not have is a MalformedQueryException here.
//! - JSON members are read as they are; the limit of discovered fields is not looked at.

mod evaluate;
mod language;

use std::collections::{BTreeMap, BTreeSet};

use jiff::Timestamp;
use serde_json::{Map, Value, json};

use crate::error::ApiError;
use crate::protocol::Answer;
use crate::world::RequestContext;

/// The most rows of a query that names no limit.
const USUAL_LIMIT: usize = 10_000;
const MOST_ROWS: u64 = 100_000;

/// What was written to log groups, and the queries over it.
#[derive(Clone, Default)]
pub(crate) struct LogEvents {
    events: BTreeMap<String, Vec<LogEvent>>,
    streams: BTreeSet<(String, String)>,
    queries: BTreeMap<String, Query>,
}

/// One line of a log.
#[derive(Clone, Debug)]
pub(crate) struct LogEvent {
    at: Timestamp,
    stream: String,
    message: String,
}

#[derive(Clone)]
struct Query {
    rows: Vec<Vec<(String, String)>>,
    matched: usize,
    scanned: usize,
    bytes: usize,
    /// Answers so far.
    reads: u32,
    stopped: bool,
}

impl LogEvents {
    /// Writes a line, as services do that deliver to a log group.
    pub(crate) fn deliver(&mut self, group: &str, stream: &str, at: Timestamp, message: String) {
        self.streams.insert((group.to_owned(), stream.to_owned()));
        self.events.entry(group.to_owned()).or_default().push(LogEvent { at, stream: stream.to_owned(), message });
    }

    /// A log group was deleted, and everything in it.
    pub(crate) fn forget(&mut self, group: &str) {
        self.events.remove(group);
        self.streams.retain(|(of, _)| of != group);
    }
}

fn text<'a>(input: &'a Map<String, Value>, member: &str) -> Option<&'a str> {
    input.get(member).and_then(Value::as_str)
}

fn required<'a>(input: &'a Map<String, Value>, member: &str) -> Result<&'a str, ApiError> {
    let null = || {
        ApiError::invalid_parameter(format!(
            "1 validation error detected: Value null at '{member}' failed to satisfy constraint: Member must not be null"
        ))
    };
    text(input, member).ok_or_else(null)
}

fn no_group() -> ApiError {
    ApiError::new("ResourceNotFoundException", "The specified log group does not exist.")
}

pub(crate) fn create_stream(context: &mut RequestContext<'_>, input: &Map<String, Value>) -> Answer {
    let (group, stream) = (required(input, "logGroupName")?, required(input, "logStreamName")?);
    if !context.state.logs.exists(group) {
        return Err(no_group());
    }
    if !context.state.logs.written.streams.insert((group.to_owned(), stream.to_owned())) {
        return Err(ApiError::new("ResourceAlreadyExistsException", "The specified log stream already exists"));
    }
    Ok(Value::Null)
}

pub(crate) fn put_events(context: &mut RequestContext<'_>, input: &Map<String, Value>) -> Answer {
    let (group, stream) = (required(input, "logGroupName")?, required(input, "logStreamName")?);
    if !context.state.logs.exists(group) {
        return Err(no_group());
    }
    if !context.state.logs.written.streams.contains(&(group.to_owned(), stream.to_owned())) {
        return Err(ApiError::new("ResourceNotFoundException", "The specified log stream does not exist."));
    }
    for event in input.get("logEvents").and_then(Value::as_array).into_iter().flatten() {
        let at = event["timestamp"].as_i64().and_then(|millis| Timestamp::from_millisecond(millis).ok());
        let (Some(at), Some(message)) = (at, event["message"].as_str()) else {
            return Err(ApiError::invalid_parameter("Log event must have a timestamp and a message."));
        };
        context.state.logs.written.deliver(group, stream, at, message.to_owned());
    }
    Ok(json!({"nextSequenceToken": "0"}))
}

/// The groups of a query, by exactly one of the three ways to name them.
fn groups(input: &Map<String, Value>) -> Result<Vec<String>, ApiError> {
    let list = |member: &str| {
        let names = input.get(member)?.as_array()?;
        Some(names.iter().filter_map(Value::as_str).map(str::to_owned).collect::<Vec<_>>())
    };
    let ways = [
        text(input, "logGroupName").map(|name| vec![name.to_owned()]),
        list("logGroupNames"),
        list("logGroupIdentifiers"),
    ];
    let mut ways = ways.into_iter().flatten();
    match (ways.next(), ways.next()) {
        (Some(names), None) if (1..=50).contains(&names.len()) => Ok(names
            .iter()
            .map(|name| name.split_once(":log-group:").map_or(name.as_str(), |(_, name)| name).to_owned())
            .collect()),
        _ => Err(ApiError::invalid_parameter(
            "Exactly one of logGroupName, logGroupNames and logGroupIdentifiers must be given, with 1 to 50 log groups.",
        )),
    }
}

fn second(input: &Map<String, Value>, member: &str) -> Result<i64, ApiError> {
    let seconds = input.get(member).and_then(Value::as_i64);
    seconds.filter(|seconds| *seconds >= 0).ok_or_else(|| {
        ApiError::invalid_parameter(format!("{member} must be a number of seconds since 1970-01-01T00:00:00Z."))
    })
}

pub(crate) fn start(context: &mut RequestContext<'_>, input: &Map<String, Value>) -> Answer {
    let groups = groups(input)?;
    let query = required(input, "queryString")?;
    let (from, until) = (second(input, "startTime")?, second(input, "endTime")?);
    if from > until {
        return Err(ApiError::invalid_parameter("End time should not be less than start time."));
    }
    let limit = match input.get("limit").map(Value::as_u64) {
        None => USUAL_LIMIT,
        Some(Some(limit @ 1..=MOST_ROWS)) => usize::try_from(limit).unwrap_or(USUAL_LIMIT),
        Some(_) => return Err(ApiError::invalid_parameter("limit must be between 1 and 100000.")),
    };
    let commands = language::parse(query).map_err(|reason| ApiError::new("MalformedQueryException", reason))?;
    if groups.iter().any(|group| !context.state.logs.exists(group)) {
        return Err(no_group());
    }
    let written = &context.state.logs.written;
    let in_time: Vec<&LogEvent> = groups
        .iter()
        .filter_map(|group| written.events.get(group))
        .flatten()
        .filter(|event| (from..=until).contains(&event.at.as_second()))
        .collect();
    let (rows, matched) = evaluate::rows(&commands, &in_time, limit);
    let bytes = in_time.iter().map(|event| event.message.len()).sum();
    let answer = Query { rows, matched, scanned: in_time.len(), bytes, reads: 0, stopped: false };
    let id = context.uuid();
    context.state.logs.written.queries.insert(id.clone(), answer);
    Ok(json!({"queryId": id}))
}

fn query<'a>(context: &'a mut RequestContext<'_>, input: &Map<String, Value>) -> Result<&'a mut Query, ApiError> {
    let id = required(input, "queryId")?;
    let unknown = || ApiError::new("ResourceNotFoundException", "The specified query does not exist.");
    context.state.logs.written.queries.get_mut(id).ok_or_else(unknown)
}

pub(crate) fn results(context: &mut RequestContext<'_>, input: &Map<String, Value>) -> Answer {
    let query = query(context, input)?;
    query.reads += 1;
    let status = match (query.stopped, query.reads) {
        (true, _) => "Cancelled",
        (false, 1) => "Running",
        _ => "Complete",
    };
    let shown: &[_] = if status == "Complete" { &query.rows } else { &[] };
    let row = |row: &Vec<(String, String)>| -> Value {
        row.iter().map(|(field, value)| json!({"field": field, "value": value})).collect()
    };
    Ok(json!({
        "queryLanguage": "CWLI",
        "results": shown.iter().map(row).collect::<Vec<_>>(),
        "statistics": {
            "recordsMatched": number(query.matched),
            "recordsScanned": number(query.scanned),
            "bytesScanned": number(query.bytes),
        },
        "status": status,
    }))
}

/// Statistics are floating-point numbers.
fn number(count: usize) -> f64 {
    f64::from(u32::try_from(count).unwrap_or(u32::MAX))
}

pub(crate) fn stop(context: &mut RequestContext<'_>, input: &Map<String, Value>) -> Answer {
    let query = query(context, input)?;
    if query.stopped || query.reads > 1 {
        return Err(ApiError::invalid_parameter("The specified query is not running."));
    }
    query.stopped = true;
    Ok(json!({"success": true}))
}
