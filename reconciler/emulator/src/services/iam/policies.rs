//! Managed policies and their versions.

use jiff::Timestamp;
use serde_json::{Value, json};

use super::documents::{self, encoded};
use super::managed::{self, AwsPolicy};
use super::{Tags, checked_tags, instant, limit_exceeded, name, no_such_entity, page, path, required, validation};
use crate::error::ApiError;
use crate::input::{Input, flag, tag_list, text};
use crate::lagged::Lagged;
use crate::principal::stable_id;
use crate::protocol::Answer;
use crate::world::RequestContext;

const DOCUMENT_QUOTA: usize = 6144;
const MOST_VERSIONS: usize = 5;

/// A managed policy of the account, or of AWS.
#[derive(Clone)]
pub(super) struct Policy {
    name: String,
    path: String,
    arn: String,
    description: Option<String>,
    /// Oldest first.
    versions: Vec<Version>,
    default: u32,
    next: u32,
    tags: Tags,
    created: Timestamp,
    updated: Timestamp,
}

#[derive(Clone)]
struct Version {
    number: u32,
    /// Verbatim.
    document: String,
    created: Timestamp,
}

impl Version {
    fn view(&self, default: u32) -> Value {
        json!({
            "VersionId": format!("v{}", self.number),
            "IsDefaultVersion": self.number == default,
            "CreateDate": instant(self.created),
        })
    }

    fn with_document(&self, default: u32) -> Value {
        let mut view = self.view(default);
        view["Document"] = encoded(&self.document);
        view
    }
}

impl Policy {
    fn of_aws(policy: AwsPolicy) -> Self {
        let long_ago = Timestamp::from_second(1_423_000_000).unwrap_or_default();
        Self {
            name: policy.name.to_owned(),
            path: policy.path.to_owned(),
            arn: policy.arn,
            description: None,
            versions: vec![Version { number: 1, document: policy.document, created: long_ago }],
            default: 1,
            next: 2,
            tags: Tags::new(),
            created: long_ago,
            updated: long_ago,
        }
    }

    fn is_of_aws(&self) -> bool {
        self.arn.contains(":iam::aws:")
    }

    /// What ListPolicies shows.
    fn summary(&self, context: &RequestContext<'_>) -> Value {
        let attached = context.state.iam.roles_now().filter(|role| role.attached.contains(&self.arn)).count();
        let bounding = context.state.iam.roles_now().filter(|role| role.boundary.as_ref() == Some(&self.arn)).count();
        json!({
            "PolicyName": self.name,
            "PolicyId": format!("ANPA{}", stable_id(&self.arn)),
            "Arn": self.arn,
            "Path": self.path,
            "DefaultVersionId": format!("v{}", self.default),
            "AttachmentCount": attached,
            "PermissionsBoundaryUsageCount": bounding,
            "IsAttachable": true,
            "CreateDate": instant(self.created),
            "UpdateDate": instant(self.updated),
        })
    }

    fn view(&self, context: &RequestContext<'_>) -> Value {
        let mut view = self.summary(context);
        if let Some(description) = &self.description {
            view["Description"] = json!(description);
        }
        view["Tags"] = tag_list(&self.tags);
        view
    }

    /// What GetAccountAuthorizationDetails shows.
    pub(super) fn detail(&self, context: &RequestContext<'_>) -> Value {
        let mut view = self.summary(context);
        let newest_first = self.versions.iter().rev();
        view["PolicyVersionList"] = newest_first.map(|version| version.with_document(self.default)).collect();
        view
    }

    fn version(&self, id: &str) -> Result<&Version, ApiError> {
        let number = id.strip_prefix('v').and_then(|number| number.parse().ok());
        let version = self.versions.iter().find(|version| Some(version.number) == number);
        version.ok_or_else(|| {
            no_such_entity(format!("Policy {} version {id} does not exist or is not attachable.", self.arn))
        })
    }
}

fn not_found(arn: &str) -> ApiError {
    no_such_entity(format!("Policy {arn} does not exist or is not attachable."))
}

fn of_aws(context: &RequestContext<'_>, arn: &str) -> Option<Policy> {
    managed::all(context.scope.partition).into_iter().find(|policy| policy.arn == arn).map(Policy::of_aws)
}

/// Whether a policy can be attached.
pub(super) fn check_exists(context: &RequestContext<'_>, arn: &str) -> Result<(), ApiError> {
    let own = context.state.iam.policies.get(arn).is_some_and(|policy| policy.now().is_some());
    if own || of_aws(context, arn).is_some() { Ok(()) } else { Err(not_found(arn)) }
}

/// The policy as this read sees it.
fn seen(context: &mut RequestContext<'_>, input: &Input) -> Result<Policy, ApiError> {
    let arn = required(input, "PolicyArn")?;
    let own = context.state.iam.policies.get_mut(arn).and_then(Lagged::read);
    own.or_else(|| of_aws(context, arn)).ok_or_else(|| not_found(arn))
}

/// The policy as it is, for a write.
fn current(context: &RequestContext<'_>, input: &Input) -> Result<Policy, ApiError> {
    let arn = required(input, "PolicyArn")?;
    let own = context.state.iam.policies.get(arn).and_then(|policy| policy.now().clone());
    own.ok_or_else(|| match of_aws(context, arn) {
        Some(_) => ApiError::new("AccessDenied", format!("{arn} is a policy of AWS.")).with_status(403),
        None => not_found(arn),
    })
}

fn keep(context: &mut RequestContext<'_>, mut policy: Policy) -> Answer {
    policy.updated = context.now;
    let reads = context.rules.iam_lag_reads;
    let kept = context.state.iam.policies.entry(policy.arn.clone()).or_insert_with(|| Lagged::new(None));
    kept.write(Some(policy), reads);
    Ok(Value::Null)
}

fn document(input: &Input) -> Result<String, ApiError> {
    let document = documents::identity(required(input, "PolicyDocument")?)?;
    if documents::size(&document) > DOCUMENT_QUOTA {
        return Err(limit_exceeded(format!("Cannot exceed quota for PolicySize: {DOCUMENT_QUOTA}")));
    }
    Ok(document)
}

pub(super) fn create(context: &mut RequestContext<'_>, input: &Input) -> Answer {
    let name = name(input, "PolicyName", 128)?;
    let path = path(input)?;
    let arn = format!("arn:{}:iam::{}:policy{path}{name}", context.scope.partition, context.scope.account);
    let exists = |policy: &Lagged<Option<Policy>>| policy.now().as_ref().is_some_and(|policy| policy.name == name);
    if context.state.iam.policies.values().any(exists) {
        let message = format!("A policy called {name} already exists. Duplicate names are not allowed.");
        return Err(ApiError::new("EntityAlreadyExists", message).with_status(409));
    }
    let policy = Policy {
        name: name.to_owned(),
        path,
        arn,
        description: text(input, "Description").map(str::to_owned),
        versions: vec![Version { number: 1, document: document(input)?, created: context.now }],
        default: 1,
        next: 2,
        tags: checked_tags(input, &Tags::new())?,
        created: context.now,
        updated: context.now,
    };
    let view = policy.view(context);
    keep(context, policy)?;
    Ok(json!({"Policy": view}))
}

pub(super) fn get(context: &mut RequestContext<'_>, input: &Input) -> Answer {
    let policy = seen(context, input)?;
    Ok(json!({"Policy": policy.view(context)}))
}

pub(super) fn get_version(context: &mut RequestContext<'_>, input: &Input) -> Answer {
    let policy = seen(context, input)?;
    let version = policy.version(required(input, "VersionId")?)?;
    Ok(json!({"PolicyVersion": version.with_document(policy.default)}))
}

/// Newest first.
pub(super) fn list_versions(context: &mut RequestContext<'_>, input: &Input) -> Answer {
    let policy = seen(context, input)?;
    page("Versions", policy.versions.iter().rev().map(|version| version.view(policy.default)).collect(), input)
}

pub(super) fn create_version(context: &mut RequestContext<'_>, input: &Input) -> Answer {
    let mut policy = current(context, input)?;
    if policy.versions.len() >= MOST_VERSIONS {
        return Err(limit_exceeded(format!(
            "A managed policy can have up to {MOST_VERSIONS} versions. Before you create a new version, you must delete an existing version."
        )));
    }
    let version = Version { number: policy.next, document: document(input)?, created: context.now };
    policy.next += 1;
    if flag(input, "SetAsDefault") == Some(true) {
        policy.default = version.number;
    }
    let view = version.view(policy.default);
    policy.versions.push(version);
    keep(context, policy)?;
    Ok(json!({"PolicyVersion": view}))
}

pub(super) fn set_default(context: &mut RequestContext<'_>, input: &Input) -> Answer {
    let mut policy = current(context, input)?;
    policy.default = policy.version(required(input, "VersionId")?)?.number;
    keep(context, policy)
}

pub(super) fn delete_version(context: &mut RequestContext<'_>, input: &Input) -> Answer {
    let mut policy = current(context, input)?;
    let number = policy.version(required(input, "VersionId")?)?.number;
    if number == policy.default {
        let message = "Cannot delete the default version of a policy.";
        return Err(ApiError::new("DeleteConflict", message).with_status(409));
    }
    policy.versions.retain(|version| version.number != number);
    keep(context, policy)
}

pub(super) fn delete(context: &mut RequestContext<'_>, input: &Input) -> Answer {
    let policy = current(context, input)?;
    let conflict = |message: &str| Err(ApiError::new("DeleteConflict", message).with_status(409));
    let used = |role: &super::Role| role.attached.contains(&policy.arn) || role.boundary.as_ref() == Some(&policy.arn);
    if context.state.iam.roles_now().any(used) {
        return conflict("Cannot delete a policy attached to entities.");
    }
    if policy.versions.len() > 1 {
        return conflict(
            "This policy has more than one version. Before you delete a policy, you must delete the policy's versions. The default version is deleted with the policy.",
        );
    }
    let reads = context.rules.iam_lag_reads;
    if let Some(kept) = context.state.iam.policies.get_mut(&policy.arn) {
        kept.write(None, reads);
    }
    Ok(Value::Null)
}

/// Policies as this read sees them: those of the account, then those of AWS.
pub(super) fn seen_all(context: &mut RequestContext<'_>) -> (Vec<Policy>, Vec<Policy>) {
    let own = context.state.iam.policies.values_mut().filter_map(Lagged::read).collect();
    (own, managed::all(context.scope.partition).into_iter().map(Policy::of_aws).collect())
}

/// Without descriptions and tags, as the service omits them.
pub(super) fn list(context: &mut RequestContext<'_>, input: &Input) -> Answer {
    let scope = text(input, "Scope").unwrap_or("All");
    if !["All", "AWS", "Local"].contains(&scope) {
        return Err(validation(
            "1 validation error detected: Value at 'scope' failed to satisfy constraint: Member must satisfy enum value set: [All, AWS, Local]",
        ));
    }
    let prefix = text(input, "PathPrefix").unwrap_or("/");
    let only_attached = flag(input, "OnlyAttached") == Some(true);
    let usage = text(input, "PolicyUsageFilter");
    let (own, of_aws) = seen_all(context);
    let rows = own
        .into_iter()
        .chain(of_aws)
        .filter(|policy| scope == "All" || (scope == "AWS") == policy.is_of_aws())
        .filter(|policy| policy.path.starts_with(prefix))
        .map(|policy| policy.summary(context))
        .filter(|row| !only_attached || row["AttachmentCount"] != 0)
        .filter(|row| match usage {
            Some("PermissionsBoundary") => row["PermissionsBoundaryUsageCount"] != 0,
            Some("PermissionsPolicy") => row["AttachmentCount"] != 0,
            _ => true,
        })
        .collect();
    page("Policies", rows, input)
}
