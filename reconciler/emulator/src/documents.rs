//! Policy documents as every service has them: statements, and the principals that they name.

use serde_json::{Map, Value, json};

use crate::registry::{Known, Registry};

/// A policy that names principals, and the roles that it named when it was written.
#[derive(Clone)]
pub(crate) struct Document {
    text: String,
    /// ARN and id.
    roles: Vec<(String, String)>,
}

impl Document {
    pub(crate) fn new(text: String, roles: Vec<(String, String)>) -> Self {
        Self { text, roles }
    }

    /// The roles that it named when it was written.
    pub(crate) fn into_roles(self) -> Vec<(String, String)> {
        self.roles
    }

    /// The text as it reads now: a role that is no more has its id in place of its ARN.
    pub(crate) fn shown(&self, registry: &Registry) -> String {
        let mut text = self.text.clone();
        for (arn, id) in &self.roles {
            if registry.arn_of(id) != Some(arn) {
                text = text.replace(&format!("\"{arn}\""), &format!("\"{id}\""));
            }
        }
        text
    }
}

/// The statements of a policy; None when it is none.
pub(crate) fn statements(policy: &Value) -> Option<Vec<&Map<String, Value>>> {
    let version = policy.get("Version").is_none_or(|version| version == "2012-10-17" || version == "2008-10-17");
    match policy.get("Statement").filter(|_| version)? {
        Value::Object(statement) => Some(vec![statement]),
        Value::Array(statements) => statements.iter().map(Value::as_object).collect(),
        _ => None,
    }
}

/// Resolves the AWS principals of a resource policy: the roles that it names, or the first principal that cannot be
/// named. An id of a role that exists becomes its ARN.
pub(crate) fn principals(policy: &mut Value, registry: &mut Registry) -> Result<Vec<(String, String)>, String> {
    let mut roles = Vec::new();
    let statements = match policy.get_mut("Statement") {
        Some(Value::Array(statements)) => statements.iter_mut().collect(),
        Some(statement) => vec![statement],
        None => Vec::new(),
    };
    for statement in statements {
        for member in ["Principal", "NotPrincipal"] {
            let Some(given) = statement.get_mut(member).and_then(|principal| principal.get_mut("AWS")) else {
                continue;
            };
            let items = match given {
                Value::Array(items) => items.iter_mut().collect(),
                item => vec![item],
            };
            for item in items {
                let Some(principal) = item.as_str().map(str::to_owned) else {
                    continue;
                };
                match registry.use_principal(&principal) {
                    Known::Taken => {}
                    Known::Unknown => return Err(principal),
                    Known::Role(id) => {
                        let arn = registry.arn_of(&id).unwrap_or(&principal).to_owned();
                        *item = json!(arn);
                        roles.push((arn, id));
                    }
                }
            }
        }
    }
    Ok(roles)
}
