//! What a live resource is as a declaration: only what `validate` takes.
//!
//! What is live need not be what may be declared: a policy that names a role which is gone, a setting that only the service can
//! choose. Such a member is left out, and told; the rest can be declared, and a plan of it is empty.

use serde_json::Value;

use crate::diagnostic::Problem;
use crate::documents;
use crate::inventory::ObservedResource;
use crate::kind::{Kind, Origin};

/// A live resource as a declaration.
#[derive(Debug, Clone, PartialEq)]
pub struct Exported {
    /// The spec; none where nothing of the resource may be declared.
    pub spec: Option<Value>,
    /// What is left out of it, and why: the top-level member; none for the resource as a whole.
    pub left_out: Vec<(Option<String>, String)>,
}

/// The spec of a live resource, without what could not be read and what may not be declared.
pub fn exported(kind: &dyn Kind, live: &ObservedResource) -> Exported {
    let nothing = |why: String| Exported { spec: None, left_out: vec![(None, why)] };
    if let Some(why) = (kind.contract().check_name)(&live.address.name) {
        return nothing(format!("`{}`: {why}", live.address.name));
    }
    // Live text is literal: what looks like a placeholder in it is none. It is written so, and checked as it is.
    let mut spec = match kind.declare(&live.tree) {
        Ok(spec) => spec,
        Err(why) => return nothing(why),
    };
    if let Some(members) = spec.as_object_mut() {
        // `null` would declare that it must be absent.
        members.retain(|name, _| !live.unread.contains_key(name));
    }
    let mut left_out = Vec::new();
    loop {
        let problems = problems(kind, &spec);
        if problems.is_empty() {
            return Exported { spec: Some(literal(spec)), left_out };
        }
        let before = left_out.len();
        for Problem { path, detail, .. } in problems {
            let head = path.head().unwrap_or_default();
            let removed = spec.as_object_mut().and_then(|members| members.remove(head));
            if removed.is_some() {
                let place = if path.segments().len() > 1 { format!("{path}: ") } else { String::new() };
                left_out.push((Some(head.to_owned()), format!("{place}{detail}")));
            } else if left_out.len() == before && !left_out.iter().any(|(member, _)| member.as_deref() == Some(head)) {
                return nothing(detail);
            }
        }
        if left_out.len() == before {
            return nothing("it cannot be declared".to_owned());
        }
    }
}

/// What `validate` would say of a spec.
fn problems(kind: &dyn Kind, spec: &Value) -> Vec<Problem> {
    let normalised = kind.normalise(spec, Origin::Declared);
    if !normalised.problems.is_empty() {
        return normalised.problems;
    }
    let unknown = normalised.unknown.iter().map(|(path, _)| Problem {
        code: crate::codes::UNKNOWN_MEMBER,
        path: path.clone(),
        detail: "this build does not know it".to_owned(),
        remedy: String::new(),
    });
    let mut problems: Vec<Problem> = unknown.collect();
    problems.extend(kind.check(&normalised.tree));
    problems.extend(documents::problems(kind, &normalised.tree));
    problems
}

/// Live text with its dollar signs written so that nothing is filled in.
fn literal(spec: Value) -> Value {
    match spec {
        Value::String(text) => Value::String(text.replace("${", "$${")),
        Value::Array(items) => Value::Array(items.into_iter().map(literal).collect()),
        Value::Object(members) => {
            Value::Object(members.into_iter().map(|(name, value)| (name, literal(value))).collect())
        }
        other => other,
    }
}
