//! What a statement says, in one line of words.
//!
//! Expected flow: whoever shows a difference to people names a statement without a name by what it says, and shows a statement that
//! comes or goes whole.
//!
//! Guarantees: nothing that the statement holds is left out, whatever its length.

use serde_json::{Map, Value};

/// What a statement of a document's tree says, such as `Allow * kms:Decrypt on *`; `None` if this is no statement.
///
/// A text from outside is in it as it is: whoever shows it escapes it.
pub fn statement(tree: &Value) -> Option<String> {
    let members = tree.as_object()?;
    let effect = members.get("Effect")?.as_str()?;
    let actions = scope(members, "Action", "NotAction", "every action")?;
    let mut text = effect.to_owned();
    if let Some(who) = scope(members, "Principal", "NotPrincipal", "everybody") {
        text.push_str(&format!(" {who}"));
    }
    text.push_str(&format!(" {actions}"));
    if let Some(resources) = scope(members, "Resource", "NotResource", "every resource") {
        text.push_str(&format!(" on {resources}"));
    }
    if let Some(conditions) = members.get("Condition").and_then(Value::as_object) {
        let tests = conditions.iter().flat_map(|(operator, keys)| {
            let keys = keys.as_object().into_iter().flatten();
            keys.map(move |(key, values)| format!("{operator} {key} {}", listed(values, " or ")))
        });
        let tests: Vec<String> = tests.collect();
        text.push_str(&format!(" if {}", tests.join(" and ")));
    }
    const KNOWN: [&str; 9] =
        ["Sid", "Effect", "Principal", "NotPrincipal", "Action", "NotAction", "Resource", "NotResource", "Condition"];
    for (name, value) in members.iter().filter(|(name, _)| !KNOWN.contains(&name.as_str())) {
        text.push_str(&format!(" with {name} {value}"));
    }
    Some(text)
}

/// Whether a statement allows something to everybody, without any condition.
pub fn is_open_to_everybody(tree: &Value) -> bool {
    let everybody = |principals: &Value| {
        principals.get("AWS").and_then(Value::as_array).is_some_and(|ids| ids.iter().any(|id| id == "*"))
    };
    tree["Effect"] == "Allow"
        && (tree.get("Principal").is_some_and(everybody) || tree.get("NotPrincipal").is_some())
        && tree.get("Condition").is_none()
}

/// The statements of a document's tree: the name of each that has one, and what it says.
pub fn document(tree: &Value) -> Option<Vec<(Option<&str>, String)>> {
    let statements = tree.get("Statement")?.as_object()?;
    statements.values().map(|one| Some((one.get("Sid").and_then(Value::as_str), statement(one)?))).collect()
}

/// What one member or its opposite lists; `None` if there is neither.
fn scope(members: &Map<String, Value>, positive: &str, negative: &str, all: &str) -> Option<String> {
    let positive = members.get(positive).map(|value| listed(value, ", "));
    positive.or_else(|| members.get(negative).map(|value| format!("{all} but {}", listed(value, ", "))))
}

/// Texts, a list of them, or principals by their types. The type of a principal is said unless it is `AWS` or `Service`, which its
/// spelling tells.
fn listed(value: &Value, between: &str) -> String {
    match value {
        Value::String(text) => text.clone(),
        Value::Array(items) => items.iter().map(|item| listed(item, between)).collect::<Vec<_>>().join(between),
        Value::Object(types) => {
            let of_type = |(name, ids): (&String, &Value)| match name.as_str() {
                "AWS" | "Service" => listed(ids, between),
                other => format!("{other} {}", listed(ids, between)),
            };
            types.iter().map(of_type).collect::<Vec<_>>().join(between)
        }
        other => other.to_string(),
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;
    use crate::policy::Policy;

    #[test]
    fn a_statement_is_said_whole() {
        let document = Policy::from_value(&json!({"Statement": [
            {"Effect": "Allow", "Principal": "*", "Action": "kms:Decrypt", "Resource": "*"},
            {"Sid": "Named", "Effect": "Deny", "NotPrincipal": {"AWS": "111122223333", "Federated": "idp"}, "NotAction": ["s3:GetObject", "s3:ListBucket"],
             "NotResource": "arn:aws:s3:::logs/*", "Condition": {"Bool": {"aws:SecureTransport": false}, "StringEquals": {"aws:PrincipalOrgID": ["o-1", "o-2"]}}},
        ]}))
        .expect("a policy")
        .tree();
        let said = super::document(&document).expect("statements");
        let said: Vec<(Option<&str>, &str)> = said.iter().map(|(name, text)| (*name, text.as_str())).collect();
        assert_eq!(
            said,
            [
                (None, "Allow * kms:Decrypt on *"),
                (
                    Some("Named"),
                    "Deny everybody but 111122223333, Federated idp every action but s3:GetObject, s3:ListBucket on every resource \
                     but arn:aws:s3:::logs/* if Bool aws:SecureTransport false and StringEquals aws:PrincipalOrgID o-1 or o-2"
                )
            ]
        );
        let open: Vec<bool> =
            document["Statement"].as_object().expect("map").values().map(is_open_to_everybody).collect();
        assert_eq!(open, [true, false]);
        assert_eq!(statement(&json!({"Effect": "Allow"})), None);
        assert_eq!(statement(&json!("text")), None);
    }
}
