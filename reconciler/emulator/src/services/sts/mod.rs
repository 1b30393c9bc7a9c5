//! AWS STS: who am I, and sessions in other accounts (aws/README.md, Sessions).
//!
//! A role of any account of the world can be assumed, unless the account denies it: of a role that IAM here has or had,
//! while it exists; of others, when the account's seed lists it. Trust policies are not evaluated.

use jiff::SignedDuration;
use serde_json::{Value, json};

use crate::arn::{self, Identity};
use crate::error::{self, ApiError};
use crate::history::lower_first;
use crate::input::Input;
use crate::instants::iso as instant;
use crate::principal::{Principal, stable_id};
use crate::protocol::{Answer, QUERY};
use crate::service::{Action, Endpoint, Events, Resources, Service, reads};
use crate::world::{RequestContext, Scope};

pub(crate) const SERVICE: Service = Service {
    name: "sts",
    endpoint: Endpoint::of("sts"),
    wire: &QUERY,
    refusals: &error::QUERY,
    operations: OPERATIONS,
    events: Events { response: shown_response, resources: shown_resources, ..Events::USUAL },
    ..Service::USUAL
};

/// Every operation.
const OPERATIONS: &[Action] =
    &[reads("GetCallerIdentity", identify), reads("AssumeRole", assume).recorded_as_read().about(target_account)];

/// It holds nothing in a place: sessions are the world's.
pub(crate) type State = ();

/// Credentials without their secret.
fn shown_response(_: &str, answer: &Value) -> Value {
    let mut shown = lower_first(answer);
    if let Some(credentials) = shown.get_mut("credentials").and_then(Value::as_object_mut) {
        credentials.remove("secretAccessKey");
    }
    shown
}

fn shown_resources(_: &Scope, input: &Input, _: Option<&Value>) -> Resources {
    let role = input.get("RoleArn").and_then(Value::as_str);
    role.map(|arn| ("AWS::IAM::Role", arn.to_owned())).into_iter().collect()
}

fn identify(context: &mut RequestContext<'_>, _: &Input) -> Answer {
    let caller = context.principal;
    Ok(json!({"Arn": caller.arn, "UserId": caller.unique_id(), "Account": caller.account}))
}

/// The account whose role is to be assumed.
fn target_account(input: &Input) -> Option<&str> {
    input.get("RoleArn").and_then(Value::as_str)?.split(':').nth(4)
}

fn assume(context: &mut RequestContext<'_>, input: &Input) -> Answer {
    let (caller, directory) = (context.principal, context.directory);
    let text = |member: &str| input.get(member).and_then(Value::as_str);
    let role_arn = text("RoleArn").unwrap_or_default();
    let session = text("RoleSessionName").unwrap_or_default();
    let session_is_valid = (2..=64).contains(&session.len())
        && session.chars().all(|c| c.is_ascii_alphanumeric() || "_+=,.@-".contains(c));
    if !session_is_valid {
        return Err(ApiError::new(
            "ValidationError",
            format!(
                "1 validation error detected: Value '{session}' at 'roleSessionName' failed to satisfy constraint: Member must satisfy regular expression pattern: [\\w+=,.@-]*"
            ),
        ));
    }
    let duration: i64 = text("DurationSeconds").map_or(Some(3600), |seconds| seconds.parse().ok()).unwrap_or_default();
    if !(900..=43_200).contains(&duration) {
        return Err(ApiError::new(
            "ValidationError",
            "1 validation error detected: Value at 'durationSeconds' failed to satisfy constraint: Member must have value between 900 and 43200",
        ));
    }
    if caller.role_session().is_some() && duration > 3600 {
        return Err(ApiError::new(
            "ValidationError",
            "The requested DurationSeconds exceeds the 1 hour session limit for roles assumed by role chaining",
        ));
    }
    let Some(Identity { partition, region: "", account, resource }) = arn::identity(role_arn) else {
        return Err(ApiError::new("ValidationError", format!("{role_arn} is invalid")));
    };
    let role = resource.strip_prefix("role/").and_then(|path| path.rsplit('/').next()).unwrap_or_default();
    let seed = directory.account(account);
    let allowed = seed.is_some_and(|seed| {
        !role.is_empty()
            && directory.write().use_role(account, role)
            && !seed.denied_roles.iter().any(|denied| denied == role)
    });
    if !allowed {
        let message =
            format!("User: {} is not authorized to perform: sts:AssumeRole on resource: {role_arn}", caller.arn);
        return Err(ApiError::new("AccessDenied", message).with_status(403));
    }
    let now = directory.now();
    let expires = now.checked_add(SignedDuration::from_secs(duration)).unwrap_or(now);
    let arn = format!("arn:{partition}:sts::{account}:assumed-role/{role}/{session}");
    let (nonce, secret) = directory.random();
    let access_key = format!("ASIA{}", stable_id(&format!("{arn}/{nonce}")));
    let source_identity = text("SourceIdentity").map(str::to_owned).or_else(|| caller.source_identity.clone());
    let principal = Principal {
        arn: arn.clone(),
        account: account.to_owned(),
        access_key: access_key.clone(),
        since: now,
        source_identity: source_identity.clone(),
    };
    let role_id = principal.unique_id();
    directory.open_session(principal, expires);
    let mut answer = json!({
        "Credentials": {
            "AccessKeyId": access_key,
            "SecretAccessKey": format!("{secret:032x}"),
            "SessionToken": format!("IQoJb3JpZ2luX2Vj{nonce:016x}"),
            "Expiration": instant(expires),
        },
        "AssumedRoleUser": {"AssumedRoleId": role_id, "Arn": arn},
        "PackedPolicySize": 0,
    });
    if let Some(source) = source_identity {
        answer["SourceIdentity"] = json!(source);
    }
    Ok(answer)
}
