//! The settings of a trail: what CreateTrail and UpdateTrail take, and what reads show.

use serde_json::{Map, Value, json};

use crate::error::ApiError;
use crate::world::{RequestContext, Scope};

/// What a trail is set to.
#[derive(Clone, Default)]
pub(super) struct Settings {
    bucket: String,
    prefix: Option<String>,
    topic: Option<String>,
    global_events: bool,
    pub(super) multi_region: bool,
    pub(super) validates_files: bool,
    pub(super) log_group: Option<String>,
    log_role: Option<String>,
    key: Option<String>,
    pub(super) of_organization: bool,
    recursive: bool,
}

impl Settings {
    /// What CreateTrail starts from.
    pub(super) fn initial() -> Self {
        Self { global_events: true, recursive: true, ..Self::default() }
    }

    /// The settings after a request: what it leaves out stays, an empty text removes.
    pub(super) fn changed(
        mut self,
        context: &RequestContext<'_>,
        input: &Map<String, Value>,
    ) -> Result<Self, ApiError> {
        let text = |member: &str| input.get(member).and_then(Value::as_str);
        let flag = |member: &str, now: bool| input.get(member).and_then(Value::as_bool).unwrap_or(now);
        let optional = |given: &str| (!given.is_empty()).then(|| given.to_owned());
        if let Some(bucket) = text("S3BucketName") {
            bucket.clone_into(&mut self.bucket);
        }
        if !is_bucket_name(&self.bucket) {
            return Err(ApiError::new("InvalidS3BucketNameException", "S3BucketName is not a valid bucket name."));
        }
        if let Some(prefix) = text("S3KeyPrefix") {
            if prefix.len() > 200 {
                return Err(ApiError::new("InvalidS3PrefixException", "S3KeyPrefix has at most 200 characters."));
            }
            self.prefix = optional(prefix);
        }
        if let Some(topic) = text("SnsTopicName") {
            if topic.len() > 256 {
                return Err(ApiError::new("InvalidSnsTopicNameException", "SnsTopicName has at most 256 characters."));
            }
            self.topic = optional(topic);
        }
        self.global_events = flag("IncludeGlobalServiceEvents", self.global_events);
        self.multi_region = flag("IsMultiRegionTrail", self.multi_region);
        self.validates_files = flag("EnableLogFileValidation", self.validates_files);
        self.of_organization = flag("IsOrganizationTrail", self.of_organization);
        self.recursive = flag("RecursiveLogging", self.recursive);
        if self.multi_region && !self.global_events {
            return Err(ApiError::new(
                "InvalidParameterCombinationException",
                "Multi-Region trail must include global service events.",
            ));
        }
        if let Some(group) = text("CloudWatchLogsLogGroupArn") {
            self.log_group = optional(group);
        }
        if let Some(role) = text("CloudWatchLogsRoleArn") {
            self.log_role = optional(role);
        }
        if text("CloudWatchLogsLogGroupArn").or(text("CloudWatchLogsRoleArn")).is_some() {
            self.check_log_delivery(context)?;
        }
        if let Some(key) = text("KmsKeyId") {
            self.key = if key.is_empty() { None } else { Some(key_arn(context, key)?) };
        }
        Ok(self)
    }

    fn check_log_delivery(&self, context: &RequestContext<'_>) -> Result<(), ApiError> {
        let group_error = |message: &str| Err(ApiError::new("InvalidCloudWatchLogsLogGroupArnException", message));
        let role_error = |message: &str| Err(ApiError::new("InvalidCloudWatchLogsRoleArnException", message));
        let (group, role) = match (&self.log_group, &self.log_role) {
            (None, None) => return Ok(()),
            (Some(_), None) => return role_error("You must specify a role ARN as well as a log group."),
            (None, Some(_)) => return group_error("You must specify a log group as well as a role ARN."),
            (Some(group), Some(role)) => (group, role),
        };
        let name =
            group.strip_prefix(&context.scope.arn("logs", "log-group:")).and_then(|rest| rest.strip_suffix(":*"));
        let Some(name) = name.filter(|name| !name.is_empty()) else {
            return group_error("CloudTrail cannot validate the specified log group ARN.");
        };
        if !context.directory.has_log_group(context.state, name) {
            return group_error("The specified log group was not found.");
        }
        let roles = format!("arn:{}:iam::{}:role/", context.scope.partition, context.scope.account);
        let role = role.strip_prefix(&roles).and_then(|path| path.rsplit('/').next()).unwrap_or_default();
        if role.is_empty() || !context.account.has_role(role) {
            return role_error("Access denied. Check the permissions for your role.");
        }
        Ok(())
    }

    /// The members that every answer about a trail has.
    pub(super) fn view(&self, home: &Scope, name: &str, arn: &str) -> Value {
        let mut view = json!({
            "Name": name,
            "S3BucketName": self.bucket,
            "IncludeGlobalServiceEvents": self.global_events,
            "IsMultiRegionTrail": self.multi_region,
            "TrailARN": arn,
            "LogFileValidationEnabled": self.validates_files,
            "IsOrganizationTrail": self.of_organization,
            "RecursiveLogging": self.recursive,
        });
        let topic_arn = self
            .topic
            .as_ref()
            .map(|topic| if topic.starts_with("arn:") { topic.clone() } else { home.arn("sns", topic) });
        let optional = [
            ("S3KeyPrefix", &self.prefix),
            ("SnsTopicName", &self.topic),
            ("SnsTopicARN", &topic_arn),
            ("CloudWatchLogsLogGroupArn", &self.log_group),
            ("CloudWatchLogsRoleArn", &self.log_role),
            ("KmsKeyId", &self.key),
        ];
        for (member, value) in optional {
            if let Some(value) = value {
                view[member] = json!(value);
            }
        }
        view
    }
}

fn is_bucket_name(name: &str) -> bool {
    let allowed = |c: char| c.is_ascii_lowercase() || c.is_ascii_digit() || "-.".contains(c);
    (3..=63).contains(&name.len()) && name.chars().all(allowed) && !name.starts_with(['-', '.'])
}

/// The ARN of the key that an id, an alias or an ARN names.
fn key_arn(context: &RequestContext<'_>, given: &str) -> Result<String, ApiError> {
    let key = context.directory.key(context.state, context.scope, given).ok_or_else(|| {
        ApiError::new("KmsKeyNotFoundException", format!("The KMS key {given} does not exist in this region."))
    })?;
    if !key.is_enabled {
        return Err(ApiError::new("KmsKeyDisabledException", format!("The KMS key {} is disabled.", key.arn)));
    }
    Ok(key.arn)
}
