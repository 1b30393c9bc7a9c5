//! The event history: a management event of every write (kinds/sources/history/README.md, What a record shows).
//!
//! # Caveats
//! - Only writes and AssumeRole are recorded; LookupEvents by `ReadOnly` = true finds nothing else.
//! - Events of bedrock and logs name no resources, as none were seen in a public record of one.

use jiff::Timestamp;
use serde_json::{Map, Value, json};

use crate::principal::{Principal, seconds};
use crate::protocol::Answer;
use crate::service::{ReadOnly, Resources, Service};
use crate::world::Scope;

/// The events of one account and region, oldest first.
#[derive(Default)]
pub(crate) struct History {
    pub(crate) events: Vec<Event>,
}

/// One event, and by what LookupEvents finds it.
pub(crate) struct Event {
    pub(crate) id: String,
    pub(crate) at: Timestamp,
    /// When LookupEvents first shows it.
    pub(crate) delivered: Timestamp,
    pub(crate) name: String,
    pub(crate) source: String,
    pub(crate) read_only: &'static str,
    pub(crate) user_name: String,
    pub(crate) access_key: String,
    pub(crate) resources: Resources,
    pub(crate) record: String,
}

/// A call, as CloudTrail sees it.
pub(crate) struct Seen<'a> {
    pub(crate) scope: &'a Scope,
    pub(crate) caller: &'a Principal,
    pub(crate) service: &'static Service,
    /// What the call named it.
    pub(crate) service_name: &'a str,
    pub(crate) operation: &'a str,
    pub(crate) read_only: ReadOnly,
    pub(crate) input: &'a Map<String, Value>,
    pub(crate) answer: &'a Answer,
    pub(crate) at: Timestamp,
    pub(crate) delivered: Timestamp,
    pub(crate) request_id: &'a str,
    pub(crate) event_id: String,
    pub(crate) user_agent: &'a str,
    pub(crate) source_ip: &'a str,
}

impl History {
    /// Records one call; gives the record.
    pub(crate) fn record(&mut self, seen: Seen<'_>) -> String {
        let Seen {
            scope,
            caller,
            service,
            service_name,
            operation,
            read_only,
            input,
            answer,
            at,
            delivered,
            request_id,
            event_id,
            user_agent,
            source_ip,
        } = seen;
        let events = &service.events;
        let source = format!("{}.amazonaws.com", events.source.unwrap_or(service_name));
        let name = (events.name)(operation);
        let shown = answer.as_ref().ok();
        let resources = (events.resources)(scope, input, shown);
        let response = shown.map_or(Value::Null, |answer| (events.response)(operation, answer));
        let mut record = json!({
            "eventVersion": "1.11",
            "userIdentity": caller.user_identity(),
            "eventTime": seconds(at),
            "eventSource": source,
            "eventName": name,
            "awsRegion": scope.region,
            "sourceIPAddress": source_ip,
            "userAgent": user_agent,
            "requestParameters": (events.request)(operation, input),
            "responseElements": response,
            "requestID": request_id,
            "eventID": event_id,
            "readOnly": read_only,
            "eventType": "AwsApiCall",
            "managementEvent": true,
            "recipientAccountId": scope.account,
            "eventCategory": "Management",
        });
        if let Err(error) = answer {
            let code = if error.code == "AccessDeniedException" { "AccessDenied" } else { &*error.code };
            record["errorCode"] = json!(code);
            record["errorMessage"] = json!(error.message);
        }
        if !resources.is_empty() {
            let rows: Vec<Value> = resources
                .iter()
                .map(|(kind, name)| json!({"accountId": scope.account, "type": kind, "ARN": name}))
                .collect();
            record["resources"] = json!(rows);
        }
        let event = Event {
            id: event_id,
            at,
            delivered,
            name: name.to_owned(),
            source,
            read_only: if read_only { "true" } else { "false" },
            user_name: caller.user_name().to_owned(),
            access_key: caller.access_key.clone(),
            resources,
            record: record.to_string(),
        };
        let record = event.record.clone();
        let place = self.events.partition_point(|other| other.at <= at);
        self.events.insert(place, event);
        record
    }
}

/// Members with a small first letter, as CloudTrail writes them of most services.
pub(crate) fn lower_first(value: &Value) -> Value {
    match value {
        Value::Object(members) => {
            let lower = |name: &str| {
                let mut characters = name.chars();
                characters
                    .next()
                    .map(|first| first.to_ascii_lowercase().to_string() + characters.as_str())
                    .unwrap_or_default()
            };
            Value::Object(members.iter().map(|(name, value)| (lower(name), lower_first(value))).collect())
        }
        Value::Array(items) => items.iter().map(lower_first).collect(),
        other => other.clone(),
    }
}
