//! Policies, what they are attached to, and policy types.

use serde_json::{Map, Value, json};

use super::page::Page;
use super::state::{Organization, Policy, RCP, SCP, TYPES, TypeStatus};
use super::tree::{given_tags, root};
use super::{constraint, invalid, required, text};
use crate::error::ApiError;
use crate::protocol::Answer;
use crate::world::{RequestContext, Scope};

/// Policies of one type on one target, for types whose quota is not an option.
const MOST_DECLARATIVE: usize = 10;
/// Characters of a policy, for types whose limit is not an option.
const MOST_CONTENT: usize = 10_000;

pub(super) fn known_type(given: &str) -> Result<&'static str, ApiError> {
    TYPES
        .iter()
        .find(|known| **known == given)
        .copied()
        .ok_or_else(|| invalid("INVALID_ENUM_POLICY_TYPE", format!("You specified an invalid policy type: {given}.")))
}

fn not_found() -> ApiError {
    ApiError::new("PolicyNotFoundException", "We can't find a policy with the PolicyId that you specified.")
}

fn policy<'o, 'i>(
    organization: &'o Organization,
    input: &'i Map<String, Value>,
) -> Result<(&'i str, &'o Policy), ApiError> {
    let id = required(input, "PolicyId")?;
    organization.policies.get(id).map(|policy| (id, policy)).ok_or_else(not_found)
}

/// A policy that is the organization's own: those of AWS cannot be changed.
fn own_policy<'o, 'i>(
    organization: &'o Organization,
    input: &'i Map<String, Value>,
) -> Result<(&'i str, &'o Policy), ApiError> {
    let found = policy(organization, input)?;
    if found.1.aws_managed {
        return Err(invalid(
            "IMMUTABLE_POLICY",
            "You specified a policy that is managed by AWS and can't be modified.",
        ));
    }
    Ok(found)
}

fn summary(organization: &Organization, scope: &Scope, id: &str, policy: &Policy) -> Value {
    let kind = policy.kind.to_ascii_lowercase();
    let arn = if policy.aws_managed {
        format!("arn:{}:organizations::aws:policy/{kind}/{id}", scope.partition)
    } else {
        organization.arn(scope, "policy", &format!("{kind}/{id}"))
    };
    json!({
        "Id": id,
        "Arn": arn,
        "Name": policy.name,
        "Description": policy.description,
        "Type": policy.kind,
        "AwsManaged": policy.aws_managed,
    })
}

fn view(organization: &Organization, scope: &Scope, id: &str, policy: &Policy) -> Value {
    json!({"Policy": {"PolicySummary": summary(organization, scope, id, policy), "Content": policy.content}})
}

fn summaries(organization: &Organization, scope: &Scope, page: &Page) -> Value {
    let policies = page.keys.iter().filter_map(|id| Some((id, organization.policies.get(id)?)));
    page.answer("Policies", policies.map(|(id, policy)| summary(organization, scope, id, policy)).collect())
}

pub(super) fn list(
    organization: &Organization,
    context: &mut RequestContext<'_>,
    input: &Map<String, Value>,
) -> Answer {
    let kind = known_type(required(input, "Filter")?)?;
    let ids = organization.policies.iter().filter(|(_, policy)| policy.kind == kind);
    let page = Page::of(context, input, ids.map(|(id, _)| id.as_str()))?;
    Ok(summaries(organization, context.scope, &page))
}

pub(super) fn of_target(
    organization: &Organization,
    context: &mut RequestContext<'_>,
    input: &Map<String, Value>,
) -> Answer {
    let kind = known_type(required(input, "Filter")?)?;
    let target = required(input, "TargetId")?;
    organization.target(target)?;
    let page = Page::of(context, input, organization.attached_of_type(target, kind))?;
    Ok(summaries(organization, context.scope, &page))
}

pub(super) fn targets(
    organization: &Organization,
    context: &mut RequestContext<'_>,
    input: &Map<String, Value>,
) -> Answer {
    let (id, _) = policy(organization, input)?;
    let targets = organization.attached.iter().filter(|(_, policies)| policies.contains(id));
    let page = Page::of(context, input, targets.map(|(target, _)| target.as_str()))?;
    let mut rows = Vec::with_capacity(page.keys.len());
    for target in &page.keys {
        let (kind, name) = organization.target(target)?;
        let in_arn = match kind {
            "ACCOUNT" => "account",
            "ROOT" => "root",
            _ => "ou",
        };
        let arn = organization.arn(context.scope, in_arn, target);
        rows.push(json!({"TargetId": target, "Arn": arn, "Name": name, "Type": kind}));
    }
    Ok(page.answer("Targets", rows))
}

pub(super) fn describe(organization: &Organization, scope: &Scope, input: &Map<String, Value>) -> Answer {
    let (id, policy) = policy(organization, input)?;
    Ok(view(organization, scope, id, policy))
}

/// Checks the text of a policy; spaces count.
fn check_content(organization: &Organization, kind: &str, content: &str) -> Result<(), ApiError> {
    let most = if [SCP, RCP].contains(&kind) { organization.policy_content_max } else { MOST_CONTENT };
    if content.chars().count() > most {
        let message = format!("You have exceeded the maximum policy size of {most} characters.");
        return Err(constraint("POLICY_CONTENT_LIMIT_EXCEEDED", message));
    }
    let malformed = || {
        let message = "The provided policy document does not meet the requirements of the specified policy type.";
        ApiError::new("MalformedPolicyDocumentException", message)
    };
    let document: Value = serde_json::from_str(content).map_err(|_| malformed())?;
    let members = document.as_object().filter(|members| !members.is_empty()).ok_or_else(malformed)?;
    let well_formed = match kind {
        SCP | RCP => {
            let statements = match members.get("Statement") {
                Some(Value::Array(statements)) => statements.as_slice(),
                Some(statement @ Value::Object(_)) => std::slice::from_ref(statement),
                _ => &[],
            };
            let has = |statement: &Value, names: [&str; 2]| names.iter().any(|name| statement.get(*name).is_some());
            !statements.is_empty()
                && statements.iter().all(|statement| {
                    has(statement, ["Effect", "Effect"])
                        && has(statement, ["Action", "NotAction"])
                        && has(statement, ["Principal", "Principal"]) == (kind == RCP)
                })
        }
        "BEDROCK_POLICY" => members.len() == 1 && members.contains_key("bedrock"),
        _ => true,
    };
    if well_formed { Ok(()) } else { Err(malformed()) }
}

fn refuse_taken_name(
    organization: &Organization,
    kind: &str,
    name: &str,
    except: Option<&str>,
) -> Result<(), ApiError> {
    let taken = organization
        .policies
        .iter()
        .any(|(id, policy)| policy.kind == kind && policy.name == name && Some(id.as_str()) != except);
    if taken {
        return Err(ApiError::new("DuplicatePolicyException", "A policy with the same name already exists."));
    }
    Ok(())
}

fn check_texts(name: &str, description: &str) -> Result<(), ApiError> {
    if name.is_empty() {
        return Err(invalid("MIN_LENGTH_EXCEEDED", "The name of a policy has at least one character."));
    }
    if name.chars().count() > 128 || description.chars().count() > 512 {
        return Err(invalid("MAX_LENGTH_EXCEEDED", "A name has at most 128 characters, a description 512."));
    }
    Ok(())
}

pub(super) fn create(
    organization: &mut Organization,
    context: &mut RequestContext<'_>,
    input: &Map<String, Value>,
) -> Answer {
    let kind = known_type(required(input, "Type")?)?;
    let (name, content) = (required(input, "Name")?, required(input, "Content")?);
    let missing = || invalid("INPUT_REQUIRED", "You must include a value for Description, which may be empty.");
    let description = text(input, "Description").ok_or_else(missing)?;
    let tags = given_tags(input)?;
    check_texts(name, description)?;
    check_content(organization, kind, content)?;
    refuse_taken_name(organization, kind, name, None)?;
    let policy = Policy {
        kind,
        name: name.to_owned(),
        description: description.to_owned(),
        content: content.to_owned(),
        aws_managed: false,
    };
    let id = format!("p-{}", context.short_id(10));
    let answer = view(organization, context.scope, &id, &policy);
    organization.policies.insert(id.clone(), policy);
    organization.tags.insert(id, tags);
    Ok(answer)
}

/// What a request leaves out stays.
pub(super) fn update(organization: &mut Organization, scope: &Scope, input: &Map<String, Value>) -> Answer {
    let (id, now) = own_policy(organization, input)?;
    let mut changed = now.clone();
    if let Some(name) = text(input, "Name") {
        refuse_taken_name(organization, changed.kind, name, Some(id))?;
        name.clone_into(&mut changed.name);
    }
    if let Some(description) = text(input, "Description") {
        description.clone_into(&mut changed.description);
    }
    check_texts(&changed.name, &changed.description)?;
    if let Some(content) = text(input, "Content") {
        check_content(organization, changed.kind, content)?;
        content.clone_into(&mut changed.content);
    }
    let answer = view(organization, scope, id, &changed);
    organization.policies.insert(id.to_owned(), changed);
    Ok(answer)
}

pub(super) fn delete(organization: &mut Organization, input: &Map<String, Value>) -> Answer {
    let (id, _) = own_policy(organization, input)?;
    if organization.attached.values().any(|policies| policies.contains(id)) {
        let message = "The policy is attached to one or more entities. You must detach it from all of them first.";
        return Err(ApiError::new("PolicyInUseException", message));
    }
    organization.policies.remove(id);
    organization.tags.remove(id);
    Ok(Value::Null)
}

fn refuse_while_changing(organization: &Organization, kind: &str) -> Result<(), ApiError> {
    match organization.types.get(kind) {
        Some(TypeStatus::Enabled) => Ok(()),
        Some(_) => Err(ApiError::new(
            "PolicyChangesInProgressException",
            "Changes to the effective policy are in progress, and its contents can't be returned. Try again later.",
        )),
        None => Err(not_enabled()),
    }
}

fn not_enabled() -> ApiError {
    let message = "The specified policy type isn't currently enabled in this root.";
    ApiError::new("PolicyTypeNotEnabledException", message)
}

pub(super) fn attach(organization: &mut Organization, input: &Map<String, Value>) -> Answer {
    let (id, policy) = policy(organization, input)?;
    let target = required(input, "TargetId")?;
    organization.target(target)?;
    refuse_while_changing(organization, policy.kind)?;
    if organization.attached.get(target).is_some_and(|policies| policies.contains(id)) {
        let message = "The selected policy is already attached to the specified target.";
        return Err(ApiError::new("DuplicatePolicyAttachmentException", message));
    }
    let most = if [SCP, RCP].contains(&policy.kind) { organization.policies_per_target } else { MOST_DECLARATIVE };
    if organization.attached_of_type(target, policy.kind).count() >= most {
        let message = "You have exceeded the number of policies of this type on one target.";
        return Err(constraint("MAX_POLICY_TYPE_ATTACHMENT_LIMIT_EXCEEDED", message));
    }
    organization.attached.entry(target.to_owned()).or_default().insert(id.to_owned());
    Ok(Value::Null)
}

pub(super) fn detach(organization: &mut Organization, input: &Map<String, Value>) -> Answer {
    let (id, policy) = policy(organization, input)?;
    let target = required(input, "TargetId")?;
    organization.target(target)?;
    if !organization.attached.get(target).is_some_and(|policies| policies.contains(id)) {
        let message = "The policy isn't attached to the specified target in the specified root.";
        return Err(ApiError::new("PolicyNotAttachedException", message));
    }
    refuse_while_changing(organization, policy.kind).or_else(|error| {
        // DetachPolicy has no error for a type that is not enabled; nothing is attached then.
        if error.code == "PolicyTypeNotEnabledException" { Ok(()) } else { Err(error) }
    })?;
    if id == "p-RCPFullAWSAccess" {
        return Err(invalid("NON_DETACHABLE_POLICY", "You can't detach this AWS managed policy."));
    }
    if policy.kind == SCP && organization.attached_of_type(target, SCP).count() <= 1 {
        let message = "You cannot remove the last policy of this type from a target.";
        return Err(constraint("MIN_POLICY_TYPE_ATTACHMENT_LIMIT_EXCEEDED", message));
    }
    if let Some(policies) = organization.attached.get_mut(target) {
        policies.remove(id);
    }
    Ok(Value::Null)
}

/// The policy type of a request about the root.
fn type_of_root(organization: &Organization, input: &Map<String, Value>) -> Result<&'static str, ApiError> {
    if required(input, "RootId")? != organization.root {
        return Err(ApiError::new("RootNotFoundException", "You specified a root that doesn't exist."));
    }
    known_type(required(input, "PolicyType")?)
}

pub(super) fn enable_type(
    organization: &mut Organization,
    context: &RequestContext<'_>,
    input: &Map<String, Value>,
) -> Answer {
    let kind = type_of_root(organization, input)?;
    if organization.types.contains_key(kind) {
        refuse_while_changing(organization, kind)?;
        let message = "The specified policy type is already enabled.";
        return Err(ApiError::new("PolicyTypeAlreadyEnabledException", message));
    }
    let status = match context.rules.settle_reads {
        0 => TypeStatus::Enabled,
        reads_left => TypeStatus::Enabling { reads_left },
    };
    organization.enable(kind, status);
    Ok(json!({"Root": root(organization, context.scope)}))
}

/// Every attachment of the type is lost at once, and for good.
pub(super) fn disable_type(
    organization: &mut Organization,
    context: &RequestContext<'_>,
    input: &Map<String, Value>,
) -> Answer {
    let kind = type_of_root(organization, input)?;
    refuse_while_changing(organization, kind)?;
    let of_type: Vec<String> =
        organization.policies.iter().filter(|(_, policy)| policy.kind == kind).map(|(id, _)| id.clone()).collect();
    for policies in organization.attached.values_mut() {
        policies.retain(|id| !of_type.contains(id));
    }
    match context.rules.settle_reads {
        0 => organization.types.remove(kind),
        reads_left => organization.types.insert(kind, TypeStatus::Disabling { reads_left }),
    };
    Ok(json!({"Root": root(organization, context.scope)}))
}
