//! LookupEvents: 50 events a page, newest first, by the name of the event (README.md, Limits).

use async_trait::async_trait;
use aws_sdk_cloudtrail::Client;
use jiff::Timestamp;
use reconciler_aws::client::{HistorySource, odd_answer};
use reconciler_aws::{CallError, Session, call_with_body};
use reconciler_model::attribution::history::{Event, Past};
use serde_json::{Value, json};

use super::EventHistory;

const SERVICE: &str = "cloudtrail";
const LOOK_UP: &str = "LookupEvents";

/// Pages of one name in one account and region: 1,000 events, and 10 seconds at two calls a second, which is as long as somebody
/// waits who is called at night. What is older is reported as not read.
const MOST_PAGES: usize = 20;

#[async_trait]
impl HistorySource for EventHistory {
    async fn past(
        &self,
        session: &Session,
        event_name: &str,
        from: Timestamp,
        until: Timestamp,
    ) -> Result<Past, CallError> {
        let trail = session.client(Client::new);
        let mut request = json!({
            "LookupAttributes": [{"AttributeKey": "EventName", "AttributeValue": event_name}],
            "StartTime": from.as_second(),
            // Whole seconds, and the last one too.
            "EndTime": until.as_second().saturating_add(1),
            "MaxResults": 50,
        });
        let mut past = Past::default();
        for _ in 0..MOST_PAGES {
            let answer = call_with_body!(session, SERVICE, LOOK_UP, trail.lookup_events(), &request).await?;
            let Some(Value::Array(page)) = answer.body.get("Events") else {
                return Err(odd_answer(session, SERVICE, LOOK_UP, "the answer has no Events"));
            };
            let record = |row: &Value| row.get("CloudTrailEvent").and_then(Value::as_str).and_then(Event::read);
            for row in page {
                let event = record(row);
                past.events.push(
                    event.ok_or_else(|| {
                        odd_answer(session, SERVICE, LOOK_UP, "an event has no record that can be read")
                    })?,
                );
            }
            match answer.body.get("NextToken").filter(|token| token.is_string()) {
                Some(token) => request["NextToken"] = token.clone(),
                None => return Ok(past),
            }
        }
        past.cut_at = Some(past.events.iter().map(|event| event.at).min().unwrap_or(until));
        Ok(past)
    }
}
