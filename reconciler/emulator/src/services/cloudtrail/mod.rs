//! CloudTrail trails: settings, event selectors, insights, logging, tags (kinds/trail/README.md, Settings).
//!
//! # Guarantees
//! - A trail is changed in its home region only; reads elsewhere see the shadows of multi-region and organization trails.
//! - A new trail logs nothing until StartLogging, and its selectors read back as the basic default.
//! - Reads right after a write can still see what was before it; each of settings, selectors and logging on its own.
//! - Selectors, their fields and their values come back in any order.
//!
//! # Caveats
//! - No event is ever delivered: GetTrailStatus tells times as if they were, LookupEvents does not depend on trails.
//! - The policies of the bucket, the topic and the key are not evaluated, and any bucket name is accepted.
//! - Only the management account has organization trails; there is no delegated administrator of CloudTrail.

mod lookup;
mod selectors;
mod settings;
mod tags;

use std::collections::BTreeMap;

use jiff::{SignedDuration, Timestamp};
use rand::seq::SliceRandom;
use serde_json::{Map, Value, json};

use self::selectors::Selectors;
use self::settings::Settings;
use crate::directory::Directory;
use crate::error::ApiError;
use crate::history::lower_first;
use crate::input::Input;
use crate::instants::epoch;
use crate::lagged::Lagged;
use crate::options::Rules;
use crate::principal::seconds;
use crate::protocol::Answer;
use crate::service::{Action, Endpoint, Events, Prepared, Service, Settle, reads, writes};
use crate::world::{RequestContext, Scope, lock};

pub(crate) const SERVICE: Service = Service {
    name: "cloudtrail",
    endpoint: Endpoint::of("cloudtrail"),
    operations: OPERATIONS,
    events: Events { response: shown_response, ..Events::USUAL },
    prepare: Some(prepare),
    watch: Some(deliver),
    ..Service::USUAL
};

/// Every operation.
const OPERATIONS: &[Action] = &[
    reads("LookupEvents", lookup::lookup).rate(2.0, 2.0),
    writes("CreateTrail", |context, input| seeing(context, |context, shadows| create(context, shadows, input))),
    writes("UpdateTrail", |context, input| seeing(context, |context, shadows| update(context, shadows, input))),
    writes("DeleteTrail", |context, input| seeing(context, |context, shadows| delete(context, shadows, input))),
    reads("DescribeTrails", |context, input| seeing(context, |context, shadows| describe(context, shadows, input))),
    reads("GetTrail", |context, input| seeing(context, |context, shadows| get(context, shadows, input))),
    reads("ListTrails", |context, _| seeing(context, |context, shadows| list(context, shadows))),
    reads("GetTrailStatus", |context, input| seeing(context, |context, shadows| status(context, shadows, input))),
    writes("StartLogging", |context, input| {
        seeing(context, |context, shadows| set_logging(context, shadows, input, true))
    }),
    writes("StopLogging", |context, input| {
        seeing(context, |context, shadows| set_logging(context, shadows, input, false))
    }),
    reads("GetEventSelectors", |context, input| {
        seeing(context, |context, shadows| get_selectors(context, shadows, input))
    }),
    writes("PutEventSelectors", |context, input| {
        seeing(context, |context, shadows| put_selectors(context, shadows, input))
    }),
    reads("GetInsightSelectors", |context, input| {
        seeing(context, |context, shadows| get_insights(context, shadows, input))
    }),
    writes("PutInsightSelectors", |context, input| {
        seeing(context, |context, shadows| put_insights(context, shadows, input))
    }),
    writes("AddTags", tags::add),
    writes("RemoveTags", tags::remove),
    reads("ListTags", |context, input| seeing(context, |context, shadows| tags::list(context, shadows, input))),
];

/// Trails of an account in one region: the quota cannot be raised.
const MOST_TRAILS: usize = 5;

/// The trails whose home is one account and region, by name.
#[derive(Clone, Default)]
pub(crate) struct State {
    trails: BTreeMap<String, Trail>,
    /// Trails of other places that have a shadow in this one, while a call is carried out.
    shadows: Vec<Trail>,
}

impl Settle for State {
    fn settle(&mut self) {
        self.trails.values_mut().for_each(Trail::settle);
    }
}

/// A trail.
#[derive(Clone)]
pub(crate) struct Trail {
    name: String,
    arn: String,
    home: Scope,
    settings: Lagged<Settings>,
    selectors: Lagged<Selectors>,
    logging: Lagged<Logging>,
    insights: Vec<Value>,
    tags: BTreeMap<String, String>,
    /// Reads that do not find it yet.
    hidden_reads: u32,
}

/// Whether a trail logs, and since when.
#[derive(Clone, Copy, Default)]
struct Logging {
    on: bool,
    started: Option<Timestamp>,
    stopped: Option<Timestamp>,
    /// When its selectors stopped selecting anything.
    silent_since: Option<Timestamp>,
}

impl Trail {
    fn settle(&mut self) {
        self.settings.settle();
        self.selectors.settle();
        self.logging.settle();
        self.hidden_reads = 0;
    }

    /// Whether a place other than its home has a shadow of it.
    fn has_shadow_in(&self, scope: &Scope) -> bool {
        let settings = self.settings.now();
        let region = settings.multi_region || self.home.region == scope.region;
        region && (self.home.account == scope.account || settings.of_organization)
    }

    /// Whether this read does not find it yet.
    fn hides(&mut self) -> bool {
        let hides = self.hidden_reads > 0;
        self.hidden_reads = self.hidden_reads.saturating_sub(1);
        hides
    }

    /// What DescribeTrails and GetTrail show.
    fn describe(&mut self) -> Value {
        let mut view = self.settings.read().view(&self.home, &self.name, &self.arn);
        view["HomeRegion"] = json!(self.home.region);
        view["HasCustomEventSelectors"] = json!(*self.selectors.now() != Selectors::default());
        view["HasInsightSelectors"] = json!(!self.insights.is_empty());
        view
    }

    fn status(&mut self, now: Timestamp) -> Value {
        let Logging { on, started, stopped, silent_since } = self.logging.read();
        let settings = self.settings.now();
        let text = |at: Option<Timestamp>| at.map(seconds).unwrap_or_default();
        // Logs arrive about five minutes late, digests about an hour.
        let late = |minutes: i64| started.map(|started| (now - SignedDuration::from_mins(minutes)).max(started));
        let last = |minutes: i64| {
            let end = if on { silent_since } else { stopped };
            let started = started.filter(|started| end.is_none_or(|end| end > *started))?;
            Some(end.or(late(minutes)).unwrap_or(started))
        };
        let delivered = last(5);
        let mut view = json!({
            "IsLogging": on,
            "LatestDeliveryAttemptTime": text(delivered),
            "LatestDeliveryAttemptSucceeded": text(delivered),
            "LatestNotificationAttemptTime": "",
            "LatestNotificationAttemptSucceeded": "",
            "TimeLoggingStarted": text(started),
            "TimeLoggingStopped": text(stopped),
        });
        let instants = [
            ("StartLoggingTime", started),
            ("StopLoggingTime", stopped),
            ("LatestDeliveryTime", delivered),
            ("LatestCloudWatchLogsDeliveryTime", delivered.filter(|_| settings.log_group.is_some())),
            ("LatestDigestDeliveryTime", last(60).filter(|_| settings.validates_files)),
        ];
        for (member, at) in instants {
            if let Some(at) = at {
                view[member] = epoch(at);
            }
        }
        view
    }
}

/// What CloudTrail shows of its own answers.
fn shown_response(_: &str, answer: &Value) -> Value {
    if answer.as_object().is_some_and(Map::is_empty) { Value::Null } else { lower_first(answer) }
}

/// Fetches the shadows for a call on trails.
fn prepare(directory: &Directory<'_>, operation: &str, account: &str, region: &str) -> Option<Prepared> {
    if operation == "LookupEvents" {
        return None;
    }
    let shadows = shadows(*directory, account, region);
    Some(Box::new(move |state| state.cloudtrail.shadows = shadows))
}

/// Trails of other places that have a shadow in this one.
fn shadows(directory: Directory<'_>, account: &str, region: &str) -> Vec<Trail> {
    let here = Scope::new(account, region);
    let of_others = |home: &&(String, String)| {
        (home.0 == account || home.0 == directory.management()) && **home != (account.to_owned(), region.to_owned())
    };
    let homes: Vec<(String, String)> = directory.read().trail_homes.iter().filter(of_others).cloned().collect();
    let mut shadows = Vec::new();
    for (account, region) in homes {
        let place = directory.place(&account, &region);
        let place = lock(&place);
        let trails = place.state.cloudtrail.trails.values().filter(|trail| trail.has_shadow_in(&here));
        shadows.extend(trails.cloned().map(|mut trail| {
            trail.settle();
            trail
        }));
    }
    shadows
}

/// The type of resource whose data events a guardrail's evaluations are.
const GUARDRAIL_EVENTS: &str = "AWS::Bedrock::Guardrail";

/// Writes an event to the log groups of the trails that log here and select it, and with it the data event of the guardrail
/// that the call applied.
fn deliver(directory: &Directory<'_>, scope: &Scope, event: &str, input: &Input, at: Timestamp) {
    let homes: Vec<(String, String)> = directory.read().trail_homes.iter().cloned().collect();
    let applied = input.get("guardrailIdentifier").filter(|_| input.contains_key("modelId"));
    for (account, region) in homes {
        let mut groups = Vec::new();
        {
            let place = directory.place(&account, &region);
            let place = lock(&place);
            let logging = place.state.cloudtrail.trails.values().filter(|trail| trail.logging.now().on);
            for trail in logging.filter(|trail| trail.has_shadow_in(scope)) {
                let Some(group) = &trail.settings.now().log_group else { continue };
                let selectors = trail.selectors.now();
                groups.push((group.clone(), selectors.select(None), selectors.select(Some(GUARDRAIL_EVENTS))));
            }
        }
        for (group, management, guardrails) in groups {
            // arn:PARTITION:logs:REGION:ACCOUNT:log-group:NAME:*
            let parts: Vec<&str> = group.splitn(7, ':').collect();
            let [_, _, _, region, account, _, name] = parts[..] else { continue };
            let name = name.trim_end_matches(":*");
            let place = directory.place(account, region);
            let mut place = lock(&place);
            if !directory.has_log_group(&place.state, name) {
                continue;
            }
            let stream = format!("{}_CloudTrail_{}", scope.account, scope.region);
            if management {
                directory.log(&mut place.state, name, &stream, at, event.to_owned());
            }
            if let (Some(guardrail), true) = (applied, guardrails) {
                directory.log(&mut place.state, name, &stream, at, guardrail_event(event, guardrail));
            }
        }
    }
}

/// ApplyGuardrail, as the evaluation within a call is recorded: with the id of the call's request.
fn guardrail_event(event: &str, guardrail: &Value) -> String {
    let mut record: Value = serde_json::from_str(event).unwrap_or_default();
    record["eventName"] = json!("ApplyGuardrail");
    record["eventCategory"] = json!("Data");
    record["managementEvent"] = json!(false);
    record["requestParameters"] = json!({"guardrailIdentifier": guardrail});
    record.to_string()
}

/// Carries out a call that sees the shadows of trails elsewhere.
fn seeing(
    context: &mut RequestContext<'_>,
    call: impl FnOnce(&mut RequestContext<'_>, &mut [Trail]) -> Answer,
) -> Answer {
    let mut shadows = std::mem::take(&mut context.state.cloudtrail.shadows);
    call(context, &mut shadows)
}

fn status(context: &mut RequestContext<'_>, shadows: &mut [Trail], input: &Input) -> Answer {
    let now = context.now;
    found(context, shadows, input, "Name").map(|trail| trail.status(now))
}

/// A trail as requests name it.
enum Named<'a> {
    Here(&'a str),
    Arn { region: &'a str, account: &'a str, name: &'a str },
}

fn named<'a>(context: &RequestContext<'_>, given: &'a str) -> Result<Named<'a>, ApiError> {
    if !given.starts_with("arn:") {
        return if is_trail_name(given) { Ok(Named::Here(given)) } else { Err(invalid_name(given)) };
    }
    let parts: Vec<&str> = given.splitn(6, ':').collect();
    let [_, partition, "cloudtrail", region, account, resource] = parts.as_slice() else {
        return Err(invalid_arn(given));
    };
    let name = resource.strip_prefix("trail/").filter(|name| is_trail_name(name)).ok_or_else(|| invalid_arn(given))?;
    if *partition != context.scope.partition {
        return Err(invalid_arn(given));
    }
    if *region == context.scope.region && *account == context.scope.account {
        return Ok(Named::Here(name));
    }
    Ok(Named::Arn { region, account, name })
}

fn is_trail_name(name: &str) -> bool {
    let bytes = name.as_bytes();
    let separator = |byte: &u8| b"._-".contains(byte);
    let edges = [bytes.first(), bytes.last()].iter().all(|byte| byte.is_some_and(u8::is_ascii_alphanumeric));
    (3..=128).contains(&bytes.len())
        && edges
        && bytes.iter().all(|byte| byte.is_ascii_alphanumeric() || separator(byte))
        && !bytes.iter().zip(bytes.iter().skip(1)).any(|(one, next)| separator(one) && separator(next))
        && name.parse::<std::net::Ipv4Addr>().is_err()
}

fn invalid_name(given: &str) -> ApiError {
    let message = format!("Trail name is not valid, or has fewer than 3 or more than 128 characters: {given}");
    ApiError::new("InvalidTrailNameException", message)
}

fn invalid_arn(given: &str) -> ApiError {
    ApiError::new("CloudTrailARNInvalidException", format!("{given} is not the ARN of a trail."))
}

fn unknown_trail(context: &RequestContext<'_>, given: &str) -> ApiError {
    let message = format!("Unknown trail: {given} for the user: {}", context.scope.account);
    ApiError::new("TrailNotFoundException", message)
}

fn text<'a>(input: &'a Map<String, Value>, member: &str) -> &'a str {
    input.get(member).and_then(Value::as_str).unwrap_or_default()
}

/// The trail that a read names: one of this place by name or ARN, a shadow by ARN only.
fn found<'a>(
    context: &'a mut RequestContext<'_>,
    shadows: &'a mut [Trail],
    input: &Map<String, Value>,
    member: &str,
) -> Result<&'a mut Trail, ApiError> {
    let given = text(input, member);
    let unknown = unknown_trail(context, given);
    match named(context, given)? {
        Named::Here(name) => {
            let trail = context.state.cloudtrail.trails.get_mut(name);
            trail.and_then(|trail| if trail.hides() { None } else { Some(trail) }).ok_or(unknown)
        }
        Named::Arn { .. } => shadows.iter_mut().find(|trail| trail.arn == given).ok_or(unknown),
    }
}

/// The trail that a write names, which must be at home here.
fn own<'a>(
    context: &'a mut RequestContext<'_>,
    shadows: &[Trail],
    input: &Map<String, Value>,
    member: &str,
) -> Result<&'a mut Trail, ApiError> {
    let given = text(input, member);
    let away = |home: &str| {
        let message = format!("The trail {given} can only be changed in its home region {home}.");
        ApiError::new("InvalidHomeRegionException", message)
    };
    let unknown = unknown_trail(context, given);
    match named(context, given)? {
        Named::Here(name) => {
            let here = &context.scope.account;
            let shadow = shadows.iter().find(|trail| trail.name == name && trail.home.account == *here);
            let unknown = shadow.map_or(unknown, |trail| away(&trail.home.region));
            context.state.cloudtrail.trails.get_mut(name).ok_or(unknown)
        }
        Named::Arn { region, account, .. } if account == context.scope.account => Err(away(region)),
        Named::Arn { name, account, .. } => {
            let shadow = shadows.iter().any(|trail| trail.name == name && trail.home.account == account);
            Err(if shadow { not_management() } else { unknown })
        }
    }
}

fn not_management() -> ApiError {
    ApiError::new(
        "NotOrganizationMasterAccountException",
        "Only the management account of the organization can change an organization trail.",
    )
}

/// Remembers that shadows can come from here.
fn remember_home(context: &RequestContext<'_>) {
    context.directory.write().trail_homes.insert((context.scope.account.clone(), context.scope.region.clone()));
}

fn create(context: &mut RequestContext<'_>, shadows: &[Trail], input: &Map<String, Value>) -> Answer {
    let name = text(input, "Name").to_owned();
    if !is_trail_name(&name) {
        return Err(invalid_name(&name));
    }
    let tags = tags::given(input)?;
    let settings = Settings::initial().changed(context, input)?;
    if settings.of_organization && context.scope.account != context.directory.management() {
        return Err(not_management());
    }
    if context.state.cloudtrail.trails.contains_key(&name) {
        let message = format!("Trail {name} already exists for customer: {}", context.scope.account);
        return Err(ApiError::new("TrailAlreadyExistsException", message));
    }
    let replicas = shadows.iter().filter(|trail| trail.home.account == context.scope.account).count();
    if context.state.cloudtrail.trails.len() + replicas >= MOST_TRAILS {
        let message =
            format!("User: {} already has {MOST_TRAILS} trails in {}.", context.scope.account, context.scope.region);
        return Err(ApiError::new("MaximumNumberOfTrailsExceededException", message));
    }
    let arn = context.scope.arn("cloudtrail", &format!("trail/{name}"));
    let answer = settings.view(context.scope, &name, &arn);
    let trail = Trail {
        name: name.clone(),
        arn,
        home: context.scope.clone(),
        settings: Lagged::new(settings),
        selectors: Lagged::new(Selectors::default()),
        logging: Lagged::new(Logging::default()),
        insights: Vec::new(),
        tags,
        hidden_reads: context.rules.trail_lag_reads,
    };
    context.state.cloudtrail.trails.insert(name, trail);
    remember_home(context);
    Ok(answer)
}

fn update(context: &mut RequestContext<'_>, shadows: &[Trail], input: &Map<String, Value>) -> Answer {
    let trail = own(context, shadows, input, "Name")?;
    let (name, arn, now) = (trail.name.clone(), trail.arn.clone(), trail.settings.now().clone());
    let settings = now.changed(context, input)?;
    if settings.of_organization && context.scope.account != context.directory.management() {
        return Err(not_management());
    }
    let answer = settings.view(context.scope, &name, &arn);
    let rules = context.rules;
    own(context, shadows, input, "Name")?.settings.write(settings, rules.trail_lag_reads);
    remember_home(context);
    Ok(answer)
}

fn delete(context: &mut RequestContext<'_>, shadows: &[Trail], input: &Map<String, Value>) -> Answer {
    let name = own(context, shadows, input, "Name")?.name.clone();
    context.state.cloudtrail.trails.remove(&name);
    Ok(json!({}))
}

fn describe(context: &mut RequestContext<'_>, shadows: &mut [Trail], input: &Map<String, Value>) -> Answer {
    let wants_shadows = input.get("includeShadowTrails").and_then(Value::as_bool).unwrap_or(true);
    let given = input.get("trailNameList").and_then(Value::as_array).map(Vec::as_slice).unwrap_or_default();
    let given: Vec<&str> = given.iter().filter_map(Value::as_str).collect();
    for name in &given {
        named(context, name)?;
    }
    let asked = |trail: &Trail, by_name: bool| {
        given.is_empty() || given.iter().any(|given| *given == trail.arn || (by_name && *given == trail.name))
    };
    let own = context.state.cloudtrail.trails.values_mut().filter(|trail| asked(trail, true));
    let mut views: Vec<Value> =
        own.filter_map(|trail| if trail.hides() { None } else { Some(trail.describe()) }).collect();
    let shadows = shadows.iter_mut().filter(|trail| wants_shadows && asked(trail, false));
    views.extend(shadows.map(Trail::describe));
    if context.rules.shuffle {
        views.shuffle(context.rng);
    }
    Ok(json!({"trailList": views}))
}

fn get(context: &mut RequestContext<'_>, shadows: &mut [Trail], input: &Map<String, Value>) -> Answer {
    Ok(json!({"Trail": found(context, shadows, input, "Name")?.describe()}))
}

fn list(context: &mut RequestContext<'_>, shadows: &[Trail]) -> Answer {
    let own = context
        .state
        .cloudtrail
        .trails
        .values_mut()
        .filter_map(|trail| if trail.hides() { None } else { Some(&*trail) });
    let mut rows: Vec<Value> = own
        .chain(shadows)
        .map(|trail| json!({"TrailARN": trail.arn, "Name": trail.name, "HomeRegion": trail.home.region}))
        .collect();
    if context.rules.shuffle {
        rows.shuffle(context.rng);
    }
    Ok(json!({"Trails": rows}))
}

fn set_logging(context: &mut RequestContext<'_>, shadows: &[Trail], input: &Map<String, Value>, on: bool) -> Answer {
    let (now, rules) = (context.now, context.rules);
    let trail = own(context, shadows, input, "Name")?;
    let mut logging = *trail.logging.now();
    if on != logging.on {
        logging.on = on;
        *(if on { &mut logging.started } else { &mut logging.stopped }) = Some(now);
        trail.logging.write(logging, rules.trail_lag_reads);
    }
    Ok(json!({}))
}

fn get_selectors(context: &mut RequestContext<'_>, shadows: &mut [Trail], input: &Map<String, Value>) -> Answer {
    let trail = found(context, shadows, input, "TrailName")?;
    let (mut selectors, arn) = (trail.selectors.read(), trail.arn.clone());
    if context.rules.shuffle {
        selectors.shuffle(context.rng);
    }
    Ok(selectors.view(&arn))
}

fn put_selectors(context: &mut RequestContext<'_>, shadows: &[Trail], input: &Map<String, Value>) -> Answer {
    let (now, rules): (_, &Rules) = (context.now, context.rules);
    let trail = own(context, shadows, input, "TrailName")?;
    let selectors = Selectors::accept(input, rules)?;
    let mut logging = *trail.logging.now();
    let silent_since = (!selectors.select_anything()).then(|| logging.silent_since.unwrap_or(now));
    if silent_since != logging.silent_since {
        logging.silent_since = silent_since;
        trail.logging.write(logging, rules.trail_lag_reads);
    }
    let answer = selectors.view(&trail.arn);
    trail.selectors.write(selectors, rules.trail_lag_reads);
    Ok(answer)
}

fn get_insights(context: &mut RequestContext<'_>, shadows: &mut [Trail], input: &Map<String, Value>) -> Answer {
    no_event_data_store(input)?;
    let trail = found(context, shadows, input, "TrailName")?;
    if trail.insights.is_empty() {
        let message = format!("Insights is not enabled on trail {}.", trail.arn);
        return Err(ApiError::new("InsightNotEnabledException", message));
    }
    Ok(json!({"TrailARN": trail.arn, "InsightSelectors": trail.insights}))
}

fn put_insights(context: &mut RequestContext<'_>, shadows: &[Trail], input: &Map<String, Value>) -> Answer {
    no_event_data_store(input)?;
    let invalid = |message: &str| ApiError::new("InvalidInsightSelectorsException", message);
    let trail = own(context, shadows, input, "TrailName")?;
    let selectors = input.get("InsightSelectors").and_then(Value::as_array);
    let selectors = selectors.ok_or_else(|| invalid("InsightSelectors must be a list."))?;
    let known = |selector: &Value| {
        ["ApiCallRateInsight", "ApiErrorRateInsight"].iter().any(|kind| selector["InsightType"] == *kind)
    };
    if !selectors.iter().all(known) {
        return Err(invalid("InsightType is neither ApiCallRateInsight nor ApiErrorRateInsight."));
    }
    trail.insights.clone_from(selectors);
    Ok(json!({"TrailARN": trail.arn, "InsightSelectors": trail.insights}))
}

fn no_event_data_store(input: &Map<String, Value>) -> Result<(), ApiError> {
    match input.get("EventDataStore") {
        None | Some(Value::Null) => Ok(()),
        Some(_) => Err(ApiError::new("UnsupportedOperationException", "The emulator has no event data stores.")),
    }
}
