//! Events of AWS CloudTrail, as far as they tell who did what: read leniently, and without what is not needed.

use std::collections::BTreeSet;

use jiff::Timestamp;
use serde_json::{Value, json};

use crate::attribution::Culprit;

/// One event of the history.
///
/// The parameters are held only while causes are looked for; what is kept of an event is its [`Culprit`], which has neither
/// parameters nor keys.
#[derive(Debug, Clone, PartialEq)]
pub struct Event {
    /// Who, when, from where.
    pub culprit: Culprit,
    /// When: whole seconds.
    pub at: Timestamp,
    /// The id of the request, as its caller got it too.
    pub request_id: Option<String>,
    /// The ARN of the role whose session it was.
    pub role: Option<String>,
    /// Whether the call failed, so that it changed nothing.
    pub failed: bool,
    /// What is shown of request and answer, under the names of the record.
    shown: Value,
}

impl Event {
    /// Reads a record, the text in `CloudTrailEvent`. `None` when it lacks its time, name or source, or is no record at all.
    pub fn read(record: &str) -> Option<Self> {
        let mut record: Value = serde_json::from_str(record).ok()?;
        let text = |pointer: &str| record.pointer(pointer).and_then(Value::as_str).map(str::to_owned);
        let at: Timestamp = text("/eventTime")?.parse().ok()?;
        let principal =
            ["/userIdentity/arn", "/userIdentity/principalId", "/userIdentity/invokedBy", "/userIdentity/type"]
                .iter()
                .find_map(|pointer| text(pointer));
        let principal = principal.unwrap_or_else(|| "somebody whom CloudTrail does not name".to_owned());
        let session = principal.contains(":assumed-role/").then(|| principal.rsplit('/').next()).flatten();
        let culprit = Culprit {
            at: at.strftime("%Y-%m-%dT%H:%M:%SZ").to_string(),
            event_id: text("/eventID").unwrap_or_default(),
            event_name: text("/eventName")?,
            event_source: text("/eventSource")?,
            region: text("/awsRegion").unwrap_or_default(),
            session: session.map(str::to_owned),
            source_address: text("/sourceIPAddress"),
            user_agent: text("/userAgent"),
            principal,
        };
        let request_id = text("/requestID");
        let role = text("/userIdentity/sessionContext/sessionIssuer/arn");
        let failed = record.get("errorCode").is_some_and(|code| !code.is_null());
        let shown = json!({
            "requestParameters": record.get_mut("requestParameters").map_or(Value::Null, Value::take),
            "responseElements": record.get_mut("responseElements").map_or(Value::Null, Value::take),
        });
        Some(Self { culprit, at, request_id, role, failed, shown })
    }

    /// What is shown at a pointer; `None` for nothing, and for `null`.
    pub fn at(&self, pointer: &str) -> Option<&Value> {
        self.shown.pointer(pointer).filter(|value| !value.is_null())
    }

    /// The parameters of the request; `null` when none are shown.
    pub fn parameters(&self) -> &Value {
        &self.shown["requestParameters"]
    }

    /// Every text at or below these pointers.
    pub fn texts(&self, pointers: &[&str]) -> BTreeSet<&str> {
        fn below<'a>(value: &'a Value, found: &mut BTreeSet<&'a str>) {
            match value {
                Value::String(text) => {
                    found.insert(text);
                }
                Value::Array(items) => items.iter().for_each(|item| below(item, found)),
                Value::Object(members) => members.values().for_each(|member| below(member, found)),
                _ => {}
            }
        }
        let mut found = BTreeSet::new();
        pointers.iter().filter_map(|pointer| self.at(pointer)).for_each(|value| below(value, &mut found));
        found
    }
}

/// What the history of one name of event, in one account and region, has.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct Past {
    /// The events, in any order.
    pub events: Vec<Event>,
    /// Where reading stopped before the beginning of the time that was asked for: nothing is known of what is older.
    pub cut_at: Option<Timestamp>,
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_record_is_read_without_keys() {
        let record = r#"{"eventTime":"2026-11-20T10:00:00Z","eventName":"StopLogging","eventSource":"cloudtrail.amazonaws.com",
            "userIdentity":{"arn":"arn:aws:sts::111122223333:assumed-role/Dev/alice","accessKeyId":"ASIAEXAMPLE",
            "sessionContext":{"sessionIssuer":{"arn":"arn:aws:iam::111122223333:role/Dev"}}},
            "requestParameters":{"name":"trail"},"responseElements":null,"requestID":"r-1","eventID":"e-1","errorCode":null}"#;
        let event = Event::read(record).expect("an event");
        assert_eq!(event.culprit.session.as_deref(), Some("alice"));
        assert_eq!(event.role.as_deref(), Some("arn:aws:iam::111122223333:role/Dev"));
        assert!(!event.failed && event.at("/responseElements").is_none());
        assert_eq!(event.texts(&["/requestParameters"]), ["trail"].into());
        assert!(!format!("{event:?}").contains("ASIAEXAMPLE"));
    }

    #[test]
    fn what_is_no_record_is_left_out() {
        for text in ["", "[]", "null", "{}", r#"{"eventTime":"yesterday","eventName":"x","eventSource":"y"}"#] {
            assert_eq!(Event::read(text), None, "{text}");
        }
        let least = r#"{"eventTime":"2026-11-20T10:00:00Z","eventName":"x","eventSource":"y","userIdentity":7}"#;
        assert!(Event::read(least).is_some());
    }
}
