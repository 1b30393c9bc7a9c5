//! The resource client of trails: the only place of this kind that names the SDK.
//!
//! A place is read with one DescribeTrails; each trail that is at home there with GetTrailStatus and GetEventSelectors, and
//! all of them with one ListTags. Only a declared trail that is not found is looked for among the shadows too.

use std::collections::BTreeMap;

use async_trait::async_trait;
use aws_sdk_cloudtrail::Client;
use futures::future::{join, join_all};
use reconciler_aws::client::{Parts, Reading, ResourceClient, Selection, WriteResult, gap_of, odd_answer};
use reconciler_aws::{Answer, CallError, Session, call_with_body};
use reconciler_model::address::{Address, Scope};
use reconciler_model::codes;
use reconciler_model::inventory::{Gap, ObservedResource};
use reconciler_model::kind::Kind;
use reconciler_model::permit::WritePermit;
use reconciler_model::plan::Call;
use reconciler_model::tree::Path;
use serde_json::{Map, Value, json};

use super::Trail;
use super::pascal::lowered;
use super::selectors::{self, ADVANCED, BASIC};
use super::steps::{Operation, PrivateState};
use crate::shared::normal::{Seen, seen, unknown_fields_by_key, without};
use crate::shared::operations::unknown_call;
use crate::shared::tags::{self, KEY_AND_VALUE};

const SERVICE: &str = "cloudtrail";
const DESCRIBE: &str = "DescribeTrails";
const STATUS: &str = "GetTrailStatus";
const SELECTORS: &str = "GetEventSelectors";
const TAGS: &str = "ListTags";

const LOGGING: &str = "isLogging";
const TAGS_OF: &str = "tags";

/// The two forms of selectors, and what the answer calls them.
const SELECTOR_LISTS: [(&str, &str); 2] = [(BASIC, "EventSelectors"), (ADVANCED, "AdvancedEventSelectors")];

/// Trails that one ListTags takes.
const ARNS_A_CALL: usize = 20;

/// Members of a trail's answer that are identity, or that the service owns.
const OWNED: &[&str] =
    &["name", "trailARN", "homeRegion", "hasCustomEventSelectors", "hasInsightSelectors", "snsTopicName"];

fn text<'a>(value: &'a Value, member: &str) -> &'a str {
    value.get(member).and_then(Value::as_str).unwrap_or("")
}

async fn describe(session: &Session, shadows: bool) -> Result<Vec<Value>, CallError> {
    let cloudtrail = session.client(Client::new);
    let request = json!({ "includeShadowTrails": shadows });
    let answer = call_with_body!(session, SERVICE, DESCRIBE, cloudtrail.describe_trails(), &request).await?;
    match answer.body.get("trailList") {
        Some(Value::Array(trails)) => Ok(trails.clone()),
        _ => Err(odd_answer(session, SERVICE, DESCRIBE, "the answer has no trailList")),
    }
}

/// Whether a trail belongs to this account and region.
fn is_at_home(session: &Session, trail: &Value) -> bool {
    let account = text(trail, "TrailARN").split(':').nth(4).unwrap_or("");
    text(trail, "HomeRegion") == session.region() && account == session.account()
}

/// The tags of trails, by ARN, without those of AWS.
async fn tags(session: &Session, arns: &[&str]) -> Result<BTreeMap<String, Value>, CallError> {
    let cloudtrail = session.client(Client::new);
    let mut found = BTreeMap::new();
    for arns in arns.chunks(ARNS_A_CALL) {
        let mut request = json!({ "ResourceIdList": arns });
        loop {
            let answer = call_with_body!(session, SERVICE, TAGS, cloudtrail.list_tags(), &request).await?;
            let Some(rows) = answer.body.get("ResourceTagList").and_then(Value::as_array) else {
                return Err(odd_answer(session, SERVICE, TAGS, "the answer has no ResourceTagList"));
            };
            for row in rows {
                let tags = row.get("TagsList").and_then(Value::as_array).into_iter().flatten();
                let own = tags::of_answer(tags, KEY_AND_VALUE);
                let all = found.entry(text(row, "ResourceId").to_owned()).or_insert_with(|| json!([]));
                all.as_array_mut().into_iter().for_each(|all| all.extend(own.iter().cloned()));
            }
            match answer.body.get("NextToken").filter(|token| token.is_string()) {
                Some(token) => request["NextToken"] = token.clone(),
                None => break,
            }
        }
    }
    Ok(found)
}

/// Everything about a trail whose settings are known already, and its tags where they could be read.
async fn read(
    session: &Session,
    address: Address,
    trail: &Value,
    tags: Result<Value, CallError>,
) -> Result<ObservedResource, CallError> {
    let cloudtrail = session.client(Client::new);
    let arn = text(trail, "TrailARN");
    let (by_name, by_trail_name) = (json!({ "Name": arn }), json!({ "TrailName": arn }));
    let (status, selectors) = join(
        call_with_body!(session, SERVICE, STATUS, cloudtrail.get_trail_status(), &by_name),
        call_with_body!(session, SERVICE, SELECTORS, cloudtrail.get_event_selectors(), &by_trail_name),
    )
    .await;
    let status = status.and_then(|answer| match answer.body.get("IsLogging") {
        Some(Value::Bool(_)) => Ok(answer.body),
        _ => Err(odd_answer(session, SERVICE, STATUS, "the answer has no IsLogging")),
    });
    // A trail has the one list or the other; an answer with neither does not say that it selects nothing.
    let selectors =
        selectors.and_then(|answer| match SELECTOR_LISTS.iter().any(|(_, wire)| answer.body[*wire].is_array()) {
            true => Ok(answer.body),
            false => Err(odd_answer(session, SERVICE, SELECTORS, "the answer has neither list of selectors")),
        });
    let mut parts = Parts::of(&without(&lowered(trail), OWNED));
    let status = parts.take(&[LOGGING], status).unwrap_or(Value::Null);
    if let Some(is_logging) = status.get("IsLogging") {
        parts.put(LOGGING, is_logging.clone());
    }
    if let Some(tags) = parts.take(&[TAGS_OF], tags) {
        parts.put(TAGS_OF, tags);
    }
    if let Some(selectors) = parts.take(&[BASIC, ADVANCED], selectors) {
        for (member, wire) in SELECTOR_LISTS {
            parts.put(member, selectors.get(wire).map_or(Value::Null, lowered));
        }
    }
    observed(session, address, arn, parts, &status)
}

fn observed(
    session: &Session,
    address: Address,
    arn: &str,
    parts: Parts,
    status: &Value,
) -> Result<ObservedResource, CallError> {
    let odd = |text: String| odd_answer(session, SERVICE, DESCRIBE, text);
    let Seen { live, mut tree, mut unknown, mut unread } =
        seen(&Trail, parts, &[LOGGING, TAGS_OF, BASIC, ADVANCED], odd)?;
    // The one form of selectors stands for the other, and one call writes both.
    if let Some(why) = unread.get(BASIC).or(unread.get(ADVANCED)).cloned() {
        for form in [BASIC, ADVANCED] {
            tree.as_object_mut().and_then(|members| members.remove(form));
            unread.insert(form.to_owned(), why.clone());
        }
        unknown.retain(|(path, _)| !matches!(path.head(), Some(BASIC | ADVANCED)));
    }
    let of_selectors = |(path, _): &mut (Path, Value)| path.head() == Some(ADVANCED);
    let own: Vec<(Path, Value)> = unknown.extract_if(.., of_selectors).collect();
    let mut unknown_fields = unknown_fields_by_key(&live, unknown, Trail.contract().list_keys());
    for (path, value) in own {
        let named = selectors::by_key(&live[ADVANCED], &path).unwrap_or(path);
        unknown_fields.insert(named.to_string(), value);
    }
    let delivery_error = Some(text(status, "LatestDeliveryError")).filter(|error| !error.is_empty()).map(str::to_owned);
    Ok(ObservedResource {
        address,
        tree,
        unknown_fields,
        external_id: json!({ "trailARN": arn }),
        private_state: serde_json::to_value(PrivateState { delivery_error }).unwrap_or(Value::Null),
        settled: true,
        unread,
        beside: Value::Null,
    })
}

/// The gap that keeps a trail which is at home elsewhere from being created a second time.
fn at_home_elsewhere(scope: &Scope, shadow: &Value) -> Gap {
    let (name, arn) = (text(shadow, "Name"), text(shadow, "TrailARN"));
    Gap {
        scope: scope.clone(),
        kind: Trail.name().to_owned(),
        name: Some(name.to_owned()),
        code: codes::HOME_ELSEWHERE.to_owned(),
        reason: format!("{name} is the shadow of {arn}, whose home region is {}", text(shadow, "HomeRegion")),
        remedy: "narrow `where` of the declaration to the home region, and to the account of the ARN".to_owned(),
        ..Gap::default()
    }
}

#[async_trait]
impl ResourceClient for Trail {
    fn kind(&self) -> &'static dyn Kind {
        &Trail
    }

    async fn observe(&self, session: &Session, scope: &Scope, selection: &Selection) -> Result<Reading, CallError> {
        let selected = |trail: &&Value| is_at_home(session, trail) && selection.has(text(trail, "Name"));
        let all = describe(session, false).await?;
        let trails: Vec<&Value> = all.iter().filter(selected).collect();
        let mut reading = Reading::default();
        if let Selection::Names(names) = selection
            && names.iter().any(|name| !trails.iter().any(|trail| text(trail, "Name") == name))
        {
            let shadows = describe(session, true).await?;
            let is_missing = |trail: &&Value| {
                let name = text(trail, "Name");
                !is_at_home(session, trail)
                    && names.contains(name)
                    && !trails.iter().any(|one| text(one, "Name") == name)
            };
            reading.gaps.extend(shadows.iter().filter(is_missing).map(|shadow| at_home_elsewhere(scope, shadow)));
        }
        let arns: Vec<&str> = trails.iter().map(|trail| text(trail, "TrailARN")).collect();
        let tags = tags(session, &arns).await;
        let reads = trails.iter().map(|trail| {
            let tags = &tags;
            async move {
                let (name, arn) = (text(trail, "Name"), text(trail, "TrailARN"));
                let own = tags.as_ref().map(|tags| tags.get(arn).cloned().unwrap_or_else(|| json!([])));
                let own = own.map_err(CallError::clone);
                let outcome = read(session, Address::new(scope, self.name(), name), trail, own).await;
                outcome.map_err(|error| gap_of(&error, scope, self.name(), Some(name)))
            }
        });
        for outcome in join_all(reads).await {
            match outcome {
                Ok(observed) => reading.resources.push(observed),
                Err(gap) => reading.gaps.push(gap),
            }
        }
        Ok(reading)
    }

    async fn read_one(
        &self,
        session: &Session,
        address: &Address,
        external_id: Option<&Value>,
    ) -> Result<Option<ObservedResource>, CallError> {
        // Reads with the same call as the observation, because a denial of another call must not block the restore.
        let arn = external_id.map(|external_id| text(external_id, "trailARN")).filter(|arn| !arn.is_empty());
        let is_it = |trail: &Value| match arn {
            Some(arn) => text(trail, "TrailARN") == arn,
            None => is_at_home(session, trail) && text(trail, "Name") == address.name,
        };
        let Some(trail) = describe(session, false).await?.into_iter().find(is_it) else { return Ok(None) };
        let arn = text(&trail, "TrailARN");
        let tags = tags(session, &[arn]).await;
        let own = tags.map(|mut tags| tags.remove(arn).unwrap_or_else(|| json!([])));
        read(session, address.clone(), &trail, own).await.map(Some)
    }

    async fn perform(
        &self,
        session: &Session,
        _: &Address,
        call: &Call,
        external_id: Option<&Value>,
        _: &WritePermit,
    ) -> Result<WriteResult, CallError> {
        let Some(operation) = Operation::named(&call.operation) else {
            return Err(unknown_call(session, SERVICE, call));
        };
        let cloudtrail = session.client(Client::new);
        let (name, body) = (operation.name(), &call.request);
        let outcome = match operation {
            Operation::CreateTrail => {
                match call_with_body!(session, SERVICE, name, cloudtrail.create_trail(), body).await {
                    // Our own answer was lost, or somebody else created it. Read-back tells whether it is as declared.
                    Err(error) if error.code == "TrailAlreadyExistsException" => {
                        Ok(Answer { body: Value::Object(Map::new()), request_id: error.request_id.clone() })
                    }
                    outcome => outcome,
                }
            }
            Operation::UpdateTrail => call_with_body!(session, SERVICE, name, cloudtrail.update_trail(), body).await,
            Operation::PutEventSelectors => {
                call_with_body!(session, SERVICE, name, cloudtrail.put_event_selectors(), body).await
            }
            Operation::StartLogging => call_with_body!(session, SERVICE, name, cloudtrail.start_logging(), body).await,
            Operation::StopLogging => call_with_body!(session, SERVICE, name, cloudtrail.stop_logging(), body).await,
            Operation::AddTags => call_with_body!(session, SERVICE, name, cloudtrail.add_tags(), body).await,
        };
        let answer = outcome?;
        let external_id = match answer.body.get("TrailARN").filter(|arn| arn.is_string()) {
            Some(arn) => json!({ "trailARN": arn }),
            None => external_id.cloned().unwrap_or(Value::Null),
        };
        Ok(WriteResult { external_id, request_id: answer.request_id })
    }
}
