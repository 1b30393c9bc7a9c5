//! S3 Control: the public access block of an account, which is one for all regions
//! (kinds/log_bucket/README.md, Public access of an account).

use serde_json::{Value, json};

use super::{denied, settings};
use crate::error::ApiError;
use crate::input::{Input, text};
use crate::protocol::Answer;
use crate::world::{Turn, read, write};

/// Operation names, and whether each only reads.
pub(crate) const OPERATIONS: &[(&str, bool)] =
    &[("GetPublicAccessBlock", true), ("PutPublicAccessBlock", false), ("DeletePublicAccessBlock", false)];

/// Answers one operation.
pub(crate) fn call(turn: &mut Turn<'_>, operation: &str, input: &Input) -> Option<Answer> {
    if !OPERATIONS.iter().any(|(name, _)| *name == operation) {
        return None;
    }
    let account = text(input, "AccountId").unwrap_or_default();
    if account.is_empty() {
        return Some(Err(ApiError::new("InvalidRequest", "AccountId is required.")));
    }
    if account != turn.scope.account {
        return Some(Err(denied()));
    }
    Some(match operation {
        "GetPublicAccessBlock" => {
            let block = read(turn.directory).public_access.get(account).cloned();
            let block = block.ok_or_else(settings::no_public_access_block);
            block.map(|block| json!({"PublicAccessBlockConfiguration": block}))
        }
        "PutPublicAccessBlock" => settings::public_access(input).map(|block| {
            write(turn.directory).public_access.insert(account.to_owned(), block);
            Value::Null
        }),
        _ => {
            write(turn.directory).public_access.remove(account);
            Ok(Value::Null)
        }
    })
}
