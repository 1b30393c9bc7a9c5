//! CloudWatch Logs control plane: log groups and account-level retention policies (kinds/log_group/README.md, Writes).
//!
//! # Guarantees
//! - A new log group is not listed by the first DescribeLogGroups calls.
//! - An account-level retention policy decides: PutRetentionPolicy succeeds, is remembered, and changes nothing that
//!   a read shows, except that `retentionPolicyName` says why.
//!
//! # Caveats
//! - The key of a log group is accepted as a key ARN only, as its documentation says; that an alias is refused is
//!   not proven.
//! - An account-level retention policy is in force at once, not after 24 hours.

mod insights;

use std::collections::BTreeMap;

use jiff::Timestamp;
use serde_json::{Map, Value, json};

use crate::error::ApiError;
use crate::protocol::Answer;
use crate::service::{Action, Endpoint, Service, Settle, reads, writes};
use crate::world::{RequestContext, Scope};

use insights::LogEvents;

pub(crate) const SERVICE: Service =
    Service { name: "logs", endpoint: Endpoint::of("logs"), operations: OPERATIONS, ..Service::USUAL };

/// Every operation.
const OPERATIONS: &[Action] = &[
    reads("DescribeLogGroups", describe).rate(10.0, 10.0),
    writes("CreateLogGroup", create).rate(10.0, 10.0),
    writes("PutRetentionPolicy", put_retention),
    writes("DeleteRetentionPolicy", delete_retention),
    writes("AssociateKmsKey", associate_key).rate(5.0, 5.0),
    writes("DisassociateKmsKey", disassociate_key).rate(5.0, 5.0),
    writes("PutLogGroupDeletionProtection", put_deletion_protection),
    writes("DeleteLogGroup", delete),
    writes("PutAccountPolicy", put_account_policy),
    writes("DeleteAccountPolicy", delete_account_policy),
    reads("DescribeAccountPolicies", describe_account_policies),
    reads("ListTagsForResource", |context, input| tagged(context, input).map(|group| json!({"tags": group.tags}))),
    writes("TagResource", tag),
    writes("UntagResource", untag),
    writes("CreateLogStream", insights::create_stream),
    // A data event, which the event history does not have.
    reads("PutLogEvents", insights::put_events),
    reads("StartQuery", insights::start),
    reads("GetQueryResults", insights::results),
    reads("StopQuery", insights::stop),
];

const RETENTION_DAYS: [i64; 22] =
    [1, 3, 5, 7, 14, 30, 60, 90, 120, 150, 180, 365, 400, 545, 731, 1096, 1827, 2192, 2557, 2922, 3288, 3653];
const RETENTION_POLICY: &str = "RETENTION_POLICY";

/// What CloudWatch Logs holds in one account and region.
#[derive(Clone, Default)]
pub(crate) struct State {
    /// By name.
    groups: BTreeMap<String, LogGroup>,
    /// Retention policies in the order in which they were made.
    account_policies: Vec<AccountPolicy>,
    /// What the groups hold.
    pub(crate) written: LogEvents,
}

#[derive(Clone)]
struct LogGroup {
    class: String,
    retention_days: Option<i64>,
    kms_key_arn: Option<String>,
    deletion_protection: bool,
    tags: BTreeMap<String, String>,
    created_at: Timestamp,
    hidden_reads: u32,
}

#[derive(Clone)]
struct AccountPolicy {
    name: String,
    document: String,
    /// Days, or None for NEVER_EXPIRE.
    retention_days: Option<i64>,
    new_groups_only: bool,
    selection_criteria: Option<String>,
    created_at: Timestamp,
    updated_at: Timestamp,
}

impl AccountPolicy {
    fn applies_to(&self, name: &str, group: &LogGroup) -> bool {
        let selected = self
            .selection_criteria
            .as_ref()
            .is_none_or(|criteria| quoted(criteria).any(|prefix| name.starts_with(prefix)));
        selected && (!self.new_groups_only || group.created_at >= self.created_at)
    }

    fn view(&self, scope: &Scope) -> Value {
        let mut view = json!({
            "policyName": self.name,
            "policyDocument": self.document,
            "lastUpdatedTime": self.updated_at.as_millisecond(),
            "policyType": RETENTION_POLICY,
            "scope": "ALL",
            "accountId": scope.account,
        });
        if let Some(criteria) = &self.selection_criteria {
            view["selectionCriteria"] = json!(criteria);
        }
        view
    }
}

/// The quoted texts of a selection criterion such as `LogGroupNamePrefix IN ["a", "b"]`.
fn quoted(criteria: &str) -> impl Iterator<Item = &str> {
    criteria.split('"').skip(1).step_by(2)
}

impl Settle for State {
    fn settle(&mut self) {
        self.groups.values_mut().for_each(|group| group.hidden_reads = 0);
    }
}

impl State {
    pub(crate) fn exists(&self, name: &str) -> bool {
        self.groups.contains_key(name)
    }

    /// The policy that decides for a group: the longest retention, the oldest of equals.
    fn deciding_policy(&self, name: &str, group: &LogGroup) -> Option<&AccountPolicy> {
        let mut deciding: Option<&AccountPolicy> = None;
        for policy in self.account_policies.iter().filter(|policy| policy.applies_to(name, group)) {
            let days = |policy: &AccountPolicy| policy.retention_days.unwrap_or(i64::MAX);
            if deciding.is_none_or(|best| days(policy) > days(best)) {
                deciding = Some(policy);
            }
        }
        deciding
    }

    fn view(&self, scope: &Scope, name: &str, group: &LogGroup, now: Timestamp) -> Value {
        // Somebody logs a kilobyte an hour.
        let hours = (now.as_second() - group.created_at.as_second()).max(0) / 3600;
        let arn = group_arn(scope, name);
        let mut view = json!({
            "logGroupName": name,
            "creationTime": group.created_at.as_millisecond(),
            "metricFilterCount": 0,
            "arn": format!("{arn}:*"),
            "storedBytes": hours * 1024,
            "logGroupClass": group.class,
            "logGroupArn": arn,
            "deletionProtectionEnabled": group.deletion_protection,
        });
        let policy = self.deciding_policy(name, group);
        let retention = policy.map_or(group.retention_days, |policy| policy.retention_days);
        if let Some(days) = retention {
            view["retentionInDays"] = json!(days);
        }
        if let Some(policy) = policy {
            view["retentionPolicyName"] = json!(policy.name);
        }
        if let Some(key) = &group.kms_key_arn {
            view["kmsKeyId"] = json!(key);
        }
        view
    }
}

fn group_arn(scope: &Scope, name: &str) -> String {
    scope.arn("logs", &format!("log-group:{name}"))
}

fn text<'a>(input: &'a Map<String, Value>, member: &str) -> Option<&'a str> {
    input.get(member).and_then(Value::as_str)
}

fn required<'a>(input: &'a Map<String, Value>, member: &str) -> Result<&'a str, ApiError> {
    text(input, member).ok_or_else(|| {
        ApiError::invalid_parameter(format!("1 validation error detected: Value null at '{member}' failed to satisfy constraint: Member must not be null"))
    })
}

fn group_not_found() -> ApiError {
    ApiError::new("ResourceNotFoundException", "The specified log group does not exist.")
}

fn group<'a>(context: &'a mut RequestContext<'_>, name: &str) -> Result<&'a mut LogGroup, ApiError> {
    context.state.logs.groups.get_mut(name).ok_or_else(group_not_found)
}

/// The name in a log group identifier, which is a name or an ARN without `:*`: no pattern of the model allows the
/// asterisk that the `arn` of DescribeLogGroups ends with.
fn name_in(identifier: &str) -> Result<&str, ApiError> {
    if identifier.contains('*') {
        return Err(ApiError::invalid_parameter(format!(
            "1 validation error detected: Value '{identifier}' failed to satisfy constraint: Member must satisfy regular expression pattern: [\\w#+=/:,.@-]*"
        )));
    }
    Ok(identifier.split_once(":log-group:").map_or(identifier, |(_, name)| name))
}

fn describe(context: &mut RequestContext<'_>, input: &Map<String, Value>) -> Answer {
    let (prefix, pattern) = (text(input, "logGroupNamePrefix"), text(input, "logGroupNamePattern"));
    let identifiers = input.get("logGroupIdentifiers").and_then(Value::as_array);
    let identifiers: Option<Vec<&str>> =
        identifiers.map(|list| list.iter().filter_map(Value::as_str).map(name_in).collect()).transpose()?;
    if prefix.is_some() && pattern.is_some() {
        return Err(ApiError::invalid_parameter(
            "LogGroup name prefix and LogGroup name pattern are mutually exclusive parameters.",
        ));
    }
    if identifiers.is_some() && (prefix.is_some() || pattern.is_some() || input.contains_key("logGroupClass")) {
        return Err(ApiError::invalid_parameter("LogGroupIdentifiers cannot be combined with other filters."));
    }
    let limit = match input.get("limit").map(Value::as_u64) {
        None => 50,
        Some(Some(limit @ 1..=50)) => usize::try_from(limit).unwrap_or(50),
        Some(_) => {
            return Err(ApiError::invalid_parameter(
                "1 validation error detected: Value at 'limit' failed to satisfy constraint: Member must be between 1 and 50",
            ));
        }
    };
    let class = text(input, "logGroupClass");
    let after = text(input, "nextToken").unwrap_or_default();
    let wanted = |name: &str, group: &LogGroup| {
        name > after
            && prefix.is_none_or(|prefix| name.starts_with(prefix))
            && pattern.is_none_or(|pattern| name.contains(pattern))
            && class.is_none_or(|class| class == group.class)
            && identifiers.as_ref().is_none_or(|names| names.contains(&name))
    };
    let mut names = Vec::new();
    for (name, group) in &mut context.state.logs.groups {
        if !wanted(name, group) {
            continue;
        }
        if group.hidden_reads > 0 {
            group.hidden_reads -= 1;
            continue;
        }
        names.push(name.clone());
    }
    let more = names.len() > limit;
    names.truncate(limit);
    let mut rows = Vec::with_capacity(names.len());
    for name in &names {
        if let Some(group) = context.state.logs.groups.get(name) {
            let view = context.state.logs.view(context.scope, name, group, context.now);
            rows.push(match pattern {
                // With a pattern only three members come back.
                Some(_) => json!({"logGroupName": view["logGroupName"], "creationTime": view["creationTime"], "arn": view["arn"]}),
                None => view,
            });
        }
    }
    let mut answer = json!({"logGroups": rows});
    if more && let Some(last) = names.last() {
        answer["nextToken"] = json!(last);
    }
    Ok(answer)
}

fn create(context: &mut RequestContext<'_>, input: &Map<String, Value>) -> Answer {
    let name = required(input, "logGroupName")?.to_owned();
    let allowed = |c: char| c.is_ascii_alphanumeric() || "._-/#".contains(c);
    if name.is_empty() || name.len() > 512 || !name.chars().all(allowed) || name.starts_with("aws/") {
        return Err(ApiError::invalid_parameter(format!(
            "1 validation error detected: Value '{name}' at 'logGroupName' failed to satisfy constraint: Member must satisfy regular expression pattern: [\\.\\-_/#A-Za-z0-9]+"
        )));
    }
    let class = text(input, "logGroupClass").unwrap_or("STANDARD");
    if !["STANDARD", "INFREQUENT_ACCESS", "DELIVERY", "ESSENTIALS"].contains(&class) {
        return Err(ApiError::invalid_parameter(format!(
            "Value '{class}' at 'logGroupClass' failed to satisfy constraint"
        )));
    }
    if context.state.logs.exists(&name) {
        return Err(ApiError::new("ResourceAlreadyExistsException", "The specified log group already exists"));
    }
    let kms_key_arn = match text(input, "kmsKeyId") {
        Some(key) => Some(usable_key(context, key)?),
        None => None,
    };
    let group = LogGroup {
        class: class.to_owned(),
        retention_days: (class == "DELIVERY").then_some(1),
        kms_key_arn,
        deletion_protection: input.get("deletionProtectionEnabled").and_then(Value::as_bool).unwrap_or(false),
        tags: tag_map(input),
        created_at: context.now,
        hidden_reads: context.rules.create_lag_reads,
    };
    context.state.logs.groups.insert(name, group);
    Ok(Value::Null)
}

/// The ARN of a key that exists here and is enabled.
fn usable_key(context: &RequestContext<'_>, given: &str) -> Result<String, ApiError> {
    let is_key_arn = given.starts_with("arn:") && given.contains(":key/");
    let key = context.directory.key(context.state, context.scope, given).filter(|key| is_key_arn && key.is_enabled);
    match key {
        Some(key) => Ok(key.arn),
        None => Err(ApiError::invalid_parameter(format!(
            "The specified KMS key does not exist or is not allowed to be used with Arn '{given}'"
        ))),
    }
}

fn put_retention(context: &mut RequestContext<'_>, input: &Map<String, Value>) -> Answer {
    let days = input.get("retentionInDays").and_then(Value::as_i64).unwrap_or_default();
    if !RETENTION_DAYS.contains(&days) {
        return Err(ApiError::invalid_parameter(format!(
            "1 validation error detected: Value '{days}' at 'retentionInDays' failed to satisfy constraint: Member must satisfy enum value set: {RETENTION_DAYS:?}"
        )));
    }
    let group = group(context, required(input, "logGroupName")?)?;
    if group.class == "DELIVERY" {
        return Err(ApiError::invalid_parameter(
            "The retention of a log group of the DELIVERY class cannot be changed.",
        ));
    }
    group.retention_days = Some(days);
    Ok(Value::Null)
}

fn delete_retention(context: &mut RequestContext<'_>, input: &Map<String, Value>) -> Answer {
    group(context, required(input, "logGroupName")?)?.retention_days = None;
    Ok(Value::Null)
}

/// The log group of a key operation, which takes `logGroupName` or a `resourceIdentifier`.
fn keyed_group(input: &Map<String, Value>) -> Result<&str, ApiError> {
    match (text(input, "logGroupName"), text(input, "resourceIdentifier")) {
        (Some(name), None) => Ok(name),
        (None, Some(identifier)) if identifier.contains(":log-group:") => {
            name_in(identifier.strip_suffix(":*").unwrap_or(identifier))
        }
        _ => Err(ApiError::invalid_parameter("Specify either logGroupName or resourceIdentifier.")),
    }
}

fn associate_key(context: &mut RequestContext<'_>, input: &Map<String, Value>) -> Answer {
    let name = keyed_group(input)?;
    group(context, name)?;
    let key = usable_key(context, required(input, "kmsKeyId")?)?;
    group(context, name)?.kms_key_arn = Some(key);
    Ok(Value::Null)
}

fn disassociate_key(context: &mut RequestContext<'_>, input: &Map<String, Value>) -> Answer {
    group(context, keyed_group(input)?)?.kms_key_arn = None;
    Ok(Value::Null)
}

fn put_deletion_protection(context: &mut RequestContext<'_>, input: &Map<String, Value>) -> Answer {
    let Some(enabled) = input.get("deletionProtectionEnabled").and_then(Value::as_bool) else {
        return Err(ApiError::invalid_parameter(
            "Value null at 'deletionProtectionEnabled' failed to satisfy constraint: Member must not be null",
        ));
    };
    group(context, name_in(required(input, "logGroupIdentifier")?)?)?.deletion_protection = enabled;
    Ok(Value::Null)
}

fn delete(context: &mut RequestContext<'_>, input: &Map<String, Value>) -> Answer {
    let name = required(input, "logGroupName")?;
    if group(context, name)?.deletion_protection {
        return Err(ApiError::validation(format!(
            "Log group {name} has deletion protection enabled and cannot be deleted."
        )));
    }
    context.state.logs.groups.remove(name);
    context.state.logs.written.forget(name);
    Ok(Value::Null)
}

fn put_account_policy(context: &mut RequestContext<'_>, input: &Map<String, Value>) -> Answer {
    refuse_other_policy_types(input)?;
    refuse_dry_run(input)?;
    let name = required(input, "policyName")?.to_owned();
    let document = required(input, "policyDocument")?.to_owned();
    let malformed = || {
        ApiError::invalid_parameter(
            "The policy document of a retention policy needs retentionInDays and enforcementMode.",
        )
    };
    let parsed: Value = serde_json::from_str(&document).map_err(|_| malformed())?;
    let retention_days = match &parsed["retentionInDays"] {
        Value::String(never) if never == "NEVER_EXPIRE" => None,
        days => Some(days.as_i64().filter(|days| *days >= 30 && RETENTION_DAYS.contains(days)).ok_or_else(malformed)?),
    };
    let new_groups_only = match parsed["enforcementMode"].as_str() {
        Some("NEW_ONLY") => true,
        Some("RETROACTIVE") => false,
        _ => return Err(malformed()),
    };
    let selection_criteria = text(input, "selectionCriteria").map(str::to_owned);
    let now = context.now;
    let policies = &mut context.state.logs.account_policies;
    let old = policies.iter().position(|policy| policy.name == name);
    let created_at = old.and_then(|at| policies.get(at)).map_or(now, |policy| policy.created_at);
    let policy = AccountPolicy {
        name,
        document,
        retention_days,
        new_groups_only,
        selection_criteria,
        created_at,
        updated_at: now,
    };
    let view = policy.view(context.scope);
    match old.and_then(|at| policies.get_mut(at)) {
        Some(old) => *old = policy,
        None => policies.push(policy),
    }
    Ok(json!({"accountPolicy": view}))
}

fn delete_account_policy(context: &mut RequestContext<'_>, input: &Map<String, Value>) -> Answer {
    refuse_other_policy_types(input)?;
    refuse_dry_run(input)?;
    let name = required(input, "policyName")?;
    let policies = &mut context.state.logs.account_policies;
    match policies.iter().position(|policy| policy.name == name) {
        Some(at) => {
            policies.remove(at);
            // The output is a structure, although only a dry run has members in it.
            Ok(json!({}))
        }
        None => Err(ApiError::new("ResourceNotFoundException", "The specified account policy does not exist.")),
    }
}

fn describe_account_policies(context: &mut RequestContext<'_>, input: &Map<String, Value>) -> Answer {
    required(input, "policyType")?;
    let wanted = text(input, "policyName");
    let is_retention = text(input, "policyType") == Some(RETENTION_POLICY);
    let policies = context
        .state
        .logs
        .account_policies
        .iter()
        .filter(|policy| is_retention && wanted.is_none_or(|name| name == policy.name));
    let rows: Vec<Value> = policies.map(|policy| policy.view(context.scope)).collect();
    if wanted.is_some() && rows.is_empty() {
        return Err(ApiError::new("ResourceNotFoundException", "The specified account policy does not exist."));
    }
    Ok(json!({"accountPolicies": rows}))
}

fn refuse_other_policy_types(input: &Map<String, Value>) -> Result<(), ApiError> {
    match required(input, "policyType")? {
        RETENTION_POLICY => Ok(()),
        other => Err(ApiError::invalid_parameter(format!("The emulator has no account policies of type {other}"))),
    }
}

/// A dry run answers with an estimate of its impact, which the emulator does not make.
fn refuse_dry_run(input: &Map<String, Value>) -> Result<(), ApiError> {
    match input.get("dryRun").and_then(Value::as_bool) {
        Some(true) => Err(ApiError::invalid_parameter("The emulator has no dry run of account policies")),
        _ => Ok(()),
    }
}

fn tag_map(input: &Map<String, Value>) -> BTreeMap<String, String> {
    let tags = input.get("tags").and_then(Value::as_object);
    tags.into_iter()
        .flatten()
        .filter_map(|(key, value)| value.as_str().map(|value| (key.clone(), value.to_owned())))
        .collect()
}

fn tagged<'a>(context: &'a mut RequestContext<'_>, input: &Map<String, Value>) -> Result<&'a mut LogGroup, ApiError> {
    let arn = required(input, "resourceArn")?;
    let name = name_in(arn)?;
    if arn != group_arn(context.scope, name) {
        return Err(ApiError::new("ResourceNotFoundException", "The specified resource does not exist."));
    }
    group(context, name)
}

fn tag(context: &mut RequestContext<'_>, input: &Map<String, Value>) -> Answer {
    let tags = tag_map(input);
    let group = tagged(context, input)?;
    let mut all = group.tags.clone();
    all.extend(tags);
    if all.len() > 50 {
        return Err(ApiError::new("TooManyTagsException", "A resource can have no more than 50 tags."));
    }
    group.tags = all;
    Ok(Value::Null)
}

fn untag(context: &mut RequestContext<'_>, input: &Map<String, Value>) -> Answer {
    let keys: Vec<Value> = input.get("tagKeys").and_then(Value::as_array).cloned().unwrap_or_default();
    tagged(context, input)?.tags.retain(|key, _| !keys.iter().any(|untag| untag.as_str() == Some(key)));
    Ok(Value::Null)
}
