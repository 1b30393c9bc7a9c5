//! LookupEvents: what the event history shows (kinds/sources/history/README.md, What a record shows).

use jiff::{Timestamp, civil::DateTime, tz::TimeZone};
use serde_json::{Value, json};

use crate::error::ApiError;
use crate::history::Event;
use crate::input::Input;
use crate::instants::epoch;
use crate::protocol::Answer;
use crate::world::RequestContext;

const PAGE: u64 = 50;

/// Answers LookupEvents.
pub(super) fn lookup(context: &mut RequestContext<'_>, input: &Input) -> Answer {
    let (history, now) = (context.history, context.now);
    let attribute = lookup_attribute(input)?;
    let from = time(input, "StartTime")?;
    let until = time(input, "EndTime")?;
    if let (Some(from), Some(until)) = (from, until)
        && from > until
    {
        return Err(ApiError::new("InvalidTimeRangeException", "The start time must be before the end time."));
    }
    let limit = match input.get("MaxResults").map(Value::as_u64) {
        None => PAGE,
        Some(Some(limit @ 1..=PAGE)) => limit,
        Some(_) => {
            return Err(ApiError::new("InvalidMaxResultsException", "MaxResults must be between 1 and 50."));
        }
    };
    let limit = usize::try_from(limit).unwrap_or(50);
    // The token is the last event of the page before, so events that arrive meanwhile move nothing.
    let after = input.get("NextToken").and_then(Value::as_str);
    if let Some(id) = after
        && !history.events.iter().any(|event| event.id == id)
    {
        return Err(ApiError::new("InvalidNextTokenException", "The next token is invalid."));
    }
    let newest_first = history.events.iter().rev();
    let mut rest = newest_first
        .skip_while(|event| after.is_some_and(|id| event.id != id))
        .skip(usize::from(after.is_some()))
        .filter(|event| event.delivered <= now)
        .filter(|event| from.is_none_or(|from| event.at >= from) && until.is_none_or(|until| event.at <= until))
        .filter(|event| attribute.is_none_or(|(key, value)| has(event, key, value)));
    let page: Vec<&Event> = rest.by_ref().take(limit).collect();
    let more = rest.next().is_some();
    let mut answer = json!({"Events": page.iter().map(|event| view(event)).collect::<Vec<_>>()});
    if more && let Some(last) = page.last() {
        answer["NextToken"] = json!(last.id);
    }
    Ok(answer)
}

fn has(event: &Event, key: &str, value: &str) -> bool {
    match key {
        "EventId" => event.id == value,
        "EventName" => event.name == value,
        "ReadOnly" => event.read_only == value,
        "Username" => event.user_name == value,
        "EventSource" => event.source == value,
        "AccessKeyId" => event.access_key == value,
        "ResourceType" => event.resources.iter().any(|(kind, _)| *kind == value),
        "ResourceName" => event.resources.iter().any(|(_, name)| name == value),
        _ => false,
    }
}

fn view(event: &Event) -> Value {
    let resources: Vec<Value> =
        event.resources.iter().map(|(kind, name)| json!({"ResourceType": kind, "ResourceName": name})).collect();
    json!({
        "EventId": event.id,
        "EventName": event.name,
        "ReadOnly": event.read_only,
        "AccessKeyId": event.access_key,
        "EventTime": epoch(event.at),
        "EventSource": event.source,
        "Username": event.user_name,
        "Resources": resources,
        "CloudTrailEvent": event.record,
    })
}

fn lookup_attribute(input: &Input) -> Result<Option<(&str, &str)>, ApiError> {
    let invalid =
        || ApiError::new("InvalidLookupAttributesException", "Exactly one valid lookup attribute can be given.");
    let attributes = input.get("LookupAttributes").and_then(Value::as_array).map(Vec::as_slice).unwrap_or_default();
    let [attribute] = attributes else {
        return if attributes.is_empty() { Ok(None) } else { Err(invalid()) };
    };
    let key = attribute["AttributeKey"].as_str().ok_or_else(invalid)?;
    let value = attribute["AttributeValue"].as_str().ok_or_else(invalid)?;
    let keys =
        ["EventId", "EventName", "ReadOnly", "Username", "ResourceType", "ResourceName", "EventSource", "AccessKeyId"];
    if keys.contains(&key) { Ok(Some((key, value))) } else { Err(invalid()) }
}

/// An instant of the request: epoch seconds, or ISO text from clients that send that.
fn time(input: &Input, member: &str) -> Result<Option<Timestamp>, ApiError> {
    let invalid = || ApiError::new("InvalidTimeRangeException", format!("{member} is not an instant."));
    match input.get(member) {
        None | Some(Value::Null) => Ok(None),
        Some(Value::String(text)) => {
            let zoned = text.parse::<Timestamp>().ok();
            let civil = || text.parse::<DateTime>().ok()?.to_zoned(TimeZone::UTC).ok().map(|zoned| zoned.timestamp());
            zoned.or_else(civil).map(Some).ok_or_else(invalid)
        }
        Some(number) => {
            let seconds = number.as_f64().ok_or_else(invalid)?;
            #[expect(clippy::cast_possible_truncation, reason = "an instant in milliseconds, rounded on purpose")]
            let millis = (seconds * 1000.0).round() as i64;
            Timestamp::from_millisecond(millis).map(Some).map_err(|_| invalid())
        }
    }
}
