//! S3 Control: the public access block of an account, which is one for all regions
//! (kinds/log_bucket/README.md, Public access of an account).

use serde_json::{Value, json};

use super::{denied, settings, trail, wire};
use crate::error::ApiError;
use crate::input::{Input, text};
use crate::protocol::Answer;
use crate::service::{Action, Endpoint, Events, Home, Service, reads, writes};
use crate::world::RequestContext;

pub(crate) const SERVICE: Service = Service {
    name: "s3control",
    // It signs as S3.
    endpoint: Some(Endpoint { signing_name: "s3", paths: &["/v20180820/"] }),
    wire: &wire::CONTROL,
    refusals: &super::REFUSALS,
    operations: OPERATIONS,
    home: Home::Account(["us-east-1", "us-gov-west-1", "cn-north-1"]),
    events: Events {
        source: Some("s3"),
        name: trail::control_event_name,
        request: |_, input| trail::request_parameters(input),
        response: |_, _| Value::Null,
        ..Events::USUAL
    },
    check: Some(check_account),
    ..Service::USUAL
};

/// Every operation.
const OPERATIONS: &[Action] = &[
    reads("GetPublicAccessBlock", get),
    writes("PutPublicAccessBlock", put),
    writes("DeletePublicAccessBlock", delete),
];

/// It holds nothing in a place: the block of an account is in the registry.
pub(crate) type State = ();

fn check_account(context: &RequestContext<'_>, _: &Action, input: &Input) -> Result<(), ApiError> {
    match text(input, "AccountId").unwrap_or_default() {
        "" => Err(ApiError::new("InvalidRequest", "AccountId is required.")),
        account if account != context.scope.account => Err(denied()),
        _ => Ok(()),
    }
}

fn get(context: &mut RequestContext<'_>, _: &Input) -> Answer {
    let block = context.directory.read().public_access.get(&context.scope.account).cloned();
    let block = block.ok_or_else(settings::no_public_access_block)?;
    Ok(json!({"PublicAccessBlockConfiguration": block}))
}

fn put(context: &mut RequestContext<'_>, input: &Input) -> Answer {
    let block = settings::public_access(input)?;
    context.directory.write().public_access.insert(context.scope.account.clone(), block);
    Ok(Value::Null)
}

fn delete(context: &mut RequestContext<'_>, _: &Input) -> Answer {
    context.directory.write().public_access.remove(&context.scope.account);
    Ok(Value::Null)
}
