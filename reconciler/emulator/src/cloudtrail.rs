//! CloudTrail events: management events of every write, and LookupEvents (kinds/sources/history/README.md, What a record shows).
//!
//! # Caveats
//! - Only writes and AssumeRole are recorded; LookupEvents by `ReadOnly` = true finds nothing else.
//! - Events of bedrock and logs name no resources, as none were seen in a public record of one.

use jiff::{Timestamp, civil::DateTime, tz::TimeZone};
use serde_json::{Map, Value, json};

use crate::ec2;
use crate::error::ApiError;
use crate::invocations;
use crate::kms::epoch;
use crate::principal::{Principal, seconds};
use crate::protocol::Answer;
use crate::s3;
use crate::world::Scope;

/// Operation names, and whether each only reads.
pub(crate) const OPERATIONS: &[(&str, bool)] = &[
    ("LookupEvents", true),
    ("CreateTrail", false),
    ("UpdateTrail", false),
    ("DeleteTrail", false),
    ("DescribeTrails", true),
    ("GetTrail", true),
    ("ListTrails", true),
    ("GetTrailStatus", true),
    ("StartLogging", false),
    ("StopLogging", false),
    ("GetEventSelectors", true),
    ("PutEventSelectors", false),
    ("GetInsightSelectors", true),
    ("PutInsightSelectors", false),
    ("AddTags", false),
    ("RemoveTags", false),
    ("ListTags", true),
];

const HIDDEN: &str = "HIDDEN_DUE_TO_SECURITY_REASONS";
const PAGE: u64 = 50;

/// The events of one account and region, oldest first.
#[derive(Default)]
pub(crate) struct Trail {
    events: Vec<Event>,
}

struct Event {
    id: String,
    at: Timestamp,
    /// When LookupEvents first shows it.
    delivered: Timestamp,
    name: String,
    source: String,
    read_only: &'static str,
    user_name: String,
    access_key: String,
    resources: Vec<(&'static str, String)>,
    record: String,
}

/// A call, as CloudTrail sees it.
pub(crate) struct Seen<'a> {
    pub(crate) scope: &'a Scope,
    pub(crate) caller: &'a Principal,
    pub(crate) service: &'a str,
    pub(crate) operation: &'a str,
    pub(crate) read_only: bool,
    pub(crate) input: &'a Map<String, Value>,
    pub(crate) answer: &'a Answer,
    pub(crate) at: Timestamp,
    pub(crate) delivered: Timestamp,
    pub(crate) request_id: &'a str,
    pub(crate) event_id: String,
    pub(crate) user_agent: &'a str,
    pub(crate) source_ip: &'a str,
}

impl Trail {
    /// Records one call; gives the record.
    pub(crate) fn record(&mut self, seen: Seen<'_>) -> String {
        let Seen {
            scope,
            caller,
            service,
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
        // S3 Control is a part of S3.
        let source = match service {
            "s3control" => "s3",
            invocations::SERVICE => "bedrock",
            service => service,
        };
        let source = format!("{source}.amazonaws.com");
        let resources = resources(service, scope, input, answer);
        let mut record = json!({
            "eventVersion": "1.11",
            "userIdentity": caller.user_identity(),
            "eventTime": seconds(at),
            "eventSource": source,
            "eventName": s3::trail::event_name(service, operation),
            "awsRegion": scope.region,
            "sourceIPAddress": source_ip,
            "userAgent": user_agent,
            "requestParameters": request_parameters(service, operation, input),
            "responseElements": response_elements(service, operation, answer),
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
            name: s3::trail::event_name(service, operation).to_owned(),
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

    /// LookupEvents.
    pub(crate) fn lookup(&self, input: &Map<String, Value>, now: Timestamp) -> Answer {
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
            && !self.events.iter().any(|event| event.id == id)
        {
            return Err(ApiError::new("InvalidNextTokenException", "The next token is invalid."));
        }
        let newest_first = self.events.iter().rev();
        let mut rest = newest_first
            .skip_while(|event| after.is_some_and(|id| event.id != id))
            .skip(usize::from(after.is_some()))
            .filter(|event| event.delivered <= now)
            .filter(|event| from.is_none_or(|from| event.at >= from) && until.is_none_or(|until| event.at <= until))
            .filter(|event| attribute.is_none_or(|(key, value)| event.has(key, value)));
        let page: Vec<&Event> = rest.by_ref().take(limit).collect();
        let more = rest.next().is_some();
        let mut answer = json!({"Events": page.iter().map(|event| event.view()).collect::<Vec<_>>()});
        if more && let Some(last) = page.last() {
            answer["NextToken"] = json!(last.id);
        }
        Ok(answer)
    }
}

impl Event {
    fn has(&self, key: &str, value: &str) -> bool {
        match key {
            "EventId" => self.id == value,
            "EventName" => self.name == value,
            "ReadOnly" => self.read_only == value,
            "Username" => self.user_name == value,
            "EventSource" => self.source == value,
            "AccessKeyId" => self.access_key == value,
            "ResourceType" => self.resources.iter().any(|(kind, _)| *kind == value),
            "ResourceName" => self.resources.iter().any(|(_, name)| name == value),
            _ => false,
        }
    }

    fn view(&self) -> Value {
        let resources: Vec<Value> =
            self.resources.iter().map(|(kind, name)| json!({"ResourceType": kind, "ResourceName": name})).collect();
        json!({
            "EventId": self.id,
            "EventName": self.name,
            "ReadOnly": self.read_only,
            "AccessKeyId": self.access_key,
            "EventTime": epoch(self.at),
            "EventSource": self.source,
            "Username": self.user_name,
            "Resources": resources,
            "CloudTrailEvent": self.record,
        })
    }
}

fn lookup_attribute(input: &Map<String, Value>) -> Result<Option<(&str, &str)>, ApiError> {
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
fn time(input: &Map<String, Value>, member: &str) -> Result<Option<Timestamp>, ApiError> {
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

/// What CloudTrail shows of a request: guardrail content is hidden (kinds/guardrail/README.md, Events).
fn request_parameters(service: &str, operation: &str, input: &Map<String, Value>) -> Value {
    let hidden = |visible: &[&str]| {
        let mut shown: Map<String, Value> =
            visible.iter().filter_map(|name| Some(((*name).to_owned(), input.get(*name)?.clone()))).collect();
        shown.insert("name".to_owned(), HIDDEN.into());
        Value::Object(shown)
    };
    match (service, operation) {
        ("bedrock", "UpdateGuardrail") => hidden(&["guardrailIdentifier"]),
        ("bedrock", "CreateGuardrail") => hidden(&["clientRequestToken", "tags"]),
        ("bedrock", _) => Value::Object(input.clone()),
        (invocations::SERVICE, _) => json!({"modelId": input.get("modelId")}),
        ("ec2", _) => ec2::trail::request_parameters(operation, input),
        ("s3" | "s3control", _) => s3::trail::request_parameters(input),
        _ => lower_first(&Value::Object(input.clone())),
    }
}

fn response_elements(service: &str, operation: &str, answer: &Answer) -> Value {
    match (service, operation, answer) {
        ("s3" | "s3control" | invocations::SERVICE, ..) => Value::Null,
        ("ec2", _, Ok(answer)) => ec2::trail::response_elements(operation, answer),
        (_, _, Err(_) | Ok(Value::Null)) => Value::Null,
        ("sts", "AssumeRole", Ok(answer)) => {
            let mut shown = lower_first(answer);
            if let Some(credentials) = shown.get_mut("credentials").and_then(Value::as_object_mut) {
                credentials.remove("secretAccessKey");
            }
            shown
        }
        ("iam", _, Ok(answer)) => lower_first(answer),
        ("kms", _, Ok(answer)) => answer.get("KeyMetadata").map_or_else(|| lower_first(answer), lower_first),
        ("cloudtrail", _, Ok(answer)) if answer.as_object().is_some_and(Map::is_empty) => Value::Null,
        ("cloudtrail" | "organizations", _, Ok(answer)) => lower_first(answer),
        (_, _, Ok(answer)) => answer.clone(),
    }
}

/// CloudTrail writes members with a small first letter, whatever the service does.
fn lower_first(value: &Value) -> Value {
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

/// The resources of an event; a resource is looked up by its name here, as LookupEvents shows it.
fn resources(service: &str, scope: &Scope, input: &Map<String, Value>, answer: &Answer) -> Vec<(&'static str, String)> {
    match service {
        "kms" => {
            let created =
                answer.as_ref().ok().and_then(|answer| answer.pointer("/KeyMetadata/Arn")).and_then(Value::as_str);
            let named = ["KeyId", "TargetKeyId"].iter().find_map(|member| input.get(*member)).and_then(Value::as_str);
            let named = named.map(|key| {
                if key.starts_with("arn:") { key.to_owned() } else { scope.arn("kms", &format!("key/{key}")) }
            });
            created.map(str::to_owned).or(named).map(|arn| ("AWS::KMS::Key", arn)).into_iter().collect()
        }
        "s3" => s3::trail::resources(scope.partition, input),
        "ec2" => ec2::trail::resources(input, answer.as_ref().ok()),
        "sts" => input
            .get("RoleArn")
            .and_then(Value::as_str)
            .map(|arn| ("AWS::IAM::Role", arn.to_owned()))
            .into_iter()
            .collect(),
        _ => Vec::new(),
    }
}
