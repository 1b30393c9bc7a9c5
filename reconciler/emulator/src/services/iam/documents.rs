//! Policy documents of IAM: what is refused, how they are kept and how they are read.

use percent_encoding::{AsciiSet, NON_ALPHANUMERIC, utf8_percent_encode};
use serde_json::{Map, Value, json};

use crate::documents::{Document, principals, statements};
use crate::error::ApiError;
use crate::registry::Registry;

/// What RFC 3986 does not reserve.
const RESERVED: &AsciiSet = &NON_ALPHANUMERIC.remove(b'-').remove(b'.').remove(b'_').remove(b'~');

/// A document as answers have it.
pub(super) fn encoded(document: &str) -> Value {
    json!(utf8_percent_encode(document, RESERVED).to_string())
}

fn malformed(message: impl Into<String>) -> ApiError {
    ApiError::new("MalformedPolicyDocument", message)
}

fn parsed(text: &str) -> Result<Value, ApiError> {
    let policy: Value = serde_json::from_str(text).map_err(|_| malformed("This policy contains invalid Json"))?;
    let well_formed = statements(&policy).is_some_and(|statements| {
        statements.iter().all(|statement| {
            let effect = statement.get("Effect").is_some_and(|effect| effect == "Allow" || effect == "Deny");
            effect && (statement.contains_key("Action") || statement.contains_key("NotAction"))
        })
    });
    if well_formed { Ok(policy) } else { Err(malformed("Syntax errors in policy.")) }
}

/// An identity policy, kept verbatim.
pub(super) fn identity(text: &str) -> Result<String, ApiError> {
    let policy = parsed(text)?;
    for statement in statements(&policy).unwrap_or_default() {
        if statement.contains_key("Principal") || statement.contains_key("NotPrincipal") {
            return Err(malformed("Policy document should not specify a principal."));
        }
        if !statement.contains_key("Resource") && !statement.contains_key("NotResource") {
            return Err(malformed("Policy statement must contain resources."));
        }
    }
    Ok(text.to_owned())
}

/// Characters that count for a quota.
pub(super) fn size(text: &str) -> usize {
    text.chars().filter(|character| !character.is_whitespace()).count()
}

/// A trust policy, re-serialised as IAM does: one-item lists become scalars and scalars texts.
pub(super) fn trust(text: &str, registry: &mut Registry) -> Result<Document, ApiError> {
    let mut policy = parsed(text)?;
    for statement in statements(&policy).unwrap_or_default() {
        if !statement.contains_key("Principal") && !statement.contains_key("NotPrincipal") {
            return Err(malformed("AssumeRole policy must contain principals"));
        }
        if statement.contains_key("Resource") || statement.contains_key("NotResource") {
            return Err(malformed("Has prohibited field Resource"));
        }
    }
    let roles = principals(&mut policy, registry)
        .map_err(|principal| malformed(format!("Invalid principal in policy: \"AWS\":\"{principal}\"")))?;
    let mut kept = Map::new();
    for (name, value) in policy.as_object().into_iter().flatten() {
        let value = match value {
            Value::Array(statements) if name == "Statement" => statements.iter().map(reserialised).collect(),
            other => reserialised(other),
        };
        kept.insert(name.clone(), value);
    }
    Ok(Document::new(Value::Object(kept).to_string(), roles))
}

fn reserialised(value: &Value) -> Value {
    match value {
        Value::Object(members) => {
            Value::Object(members.iter().map(|(name, value)| (name.clone(), reserialised(value))).collect())
        }
        Value::Array(items) => match items.as_slice() {
            [item] => reserialised(item),
            items => items.iter().map(reserialised).collect(),
        },
        Value::Bool(flag) => json!(flag.to_string()),
        Value::Number(number) => json!(number.to_string()),
        other => other.clone(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_trust_policy_is_written_anew() {
        let given = r#"{ "Version": "2012-10-17", "Statement": [ { "Effect": "Allow", "Action": ["sts:AssumeRole"],
            "Principal": {"Service": ["bedrock.amazonaws.com"]}, "Condition": {"Bool": {"aws:SecureTransport": [true]}} } ] }"#;
        let document = trust(given, &mut Registry::default()).unwrap();
        let kept: Value = serde_json::from_str(&document.shown(&Registry::default())).unwrap();
        let statement = json!({"Effect": "Allow", "Action": "sts:AssumeRole",
            "Principal": {"Service": "bedrock.amazonaws.com"}, "Condition": {"Bool": {"aws:SecureTransport": "true"}}});
        assert_eq!(kept, json!({"Version": "2012-10-17", "Statement": [statement]}));
    }

    #[test]
    fn documents_are_encoded_as_rfc_3986_says() {
        assert_eq!(encoded("{\"a\": ~*}"), json!("%7B%22a%22%3A%20~%2A%7D"));
    }
}
