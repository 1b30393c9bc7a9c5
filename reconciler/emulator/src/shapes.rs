//! Input shapes: validation, and the names that a member has on write and on read.
//!
//! Bedrock names many members differently in requests and answers (kinds/guardrail/README.md, Two sets of names); one table per
//! operation holds both names, so that the way in, the way out and the constraints cannot disagree.

use serde_json::{Map, Value};

/// What a value may look like.
pub(crate) enum Shape {
    /// Text with a length range and an alphabet.
    Text(usize, usize, fn(char) -> bool),
    /// One of a closed list.
    Choice(&'static [&'static str]),
    Flag,
    /// A number in a range.
    Number(f64, f64),
    /// A list with a length range.
    List(usize, usize, &'static Shape),
    Object(&'static [Member]),
}

/// A member of an object shape.
pub(crate) struct Member {
    pub(crate) write: &'static str,
    pub(crate) read: &'static str,
    pub(crate) required: bool,
    pub(crate) shape: &'static Shape,
}

/// A required member with one name.
pub(crate) const fn must(name: &'static str, shape: &'static Shape) -> Member {
    Member { write: name, read: name, required: true, shape }
}

/// An optional member with one name.
pub(crate) const fn may(name: &'static str, shape: &'static Shape) -> Member {
    Member { write: name, read: name, required: false, shape }
}

/// An optional member that is read under another name.
pub(crate) const fn may_as(write: &'static str, read: &'static str, shape: &'static Shape) -> Member {
    Member { write, read, required: false, shape }
}

/// A required member that is read under another name.
pub(crate) const fn must_as(write: &'static str, read: &'static str, shape: &'static Shape) -> Member {
    Member { write, read, required: true, shape }
}

pub(crate) fn any(_: char) -> bool {
    true
}

/// Collects what is wrong with a request.
pub(crate) struct Reader<'a> {
    /// Members from the future: not in any shape, but kept when a request sends them.
    pub(crate) future_members: &'a [String],
    pub(crate) problems: Vec<String>,
}

impl Reader<'_> {
    /// The value under its read names. Unknown members are dropped, as the service does, unless they are planted.
    pub(crate) fn accept(&mut self, shape: &Shape, value: &Value, at: &str) -> Value {
        match shape {
            Shape::Text(min, max, allowed) => match value.as_str() {
                Some(text) => {
                    let length = text.chars().count();
                    if length < *min {
                        self.problem(value, at, format!("Member must have length greater than or equal to {min}"));
                    } else if length > *max {
                        self.problem(value, at, format!("Member must have length less than or equal to {max}"));
                    } else if !text.chars().all(allowed) {
                        self.problem(value, at, "Member must satisfy regular expression pattern".to_owned());
                    }
                }
                None => self.problem(value, at, "Member must be a string".to_owned()),
            },
            Shape::Choice(choices) => {
                if !value.as_str().is_some_and(|text| choices.contains(&text)) {
                    self.problem(value, at, format!("Member must satisfy enum value set: [{}]", choices.join(", ")));
                }
            }
            Shape::Flag => {
                if !value.is_boolean() {
                    self.problem(value, at, "Member must be a boolean".to_owned());
                }
            }
            Shape::Number(min, max) => {
                if !value.as_f64().is_some_and(|number| (*min..=*max).contains(&number)) {
                    self.problem(value, at, format!("Member must be between {min} and {max}, inclusive"));
                }
            }
            Shape::List(min, max, of) => {
                let Some(items) = value.as_array() else {
                    self.problem(value, at, "Member must be a list".to_owned());
                    return Value::Null;
                };
                if items.len() < *min {
                    self.problem(value, at, format!("Member must have length greater than or equal to {min}"));
                } else if items.len() > *max {
                    self.problem(value, at, format!("Member must have length less than or equal to {max}"));
                }
                let member = |index: usize| format!("{at}.{}.member", index + 1);
                return items.iter().enumerate().map(|(index, item)| self.accept(of, item, &member(index))).collect();
            }
            Shape::Object(members) => {
                let Some(object) = value.as_object() else {
                    self.problem(value, at, "Member must be a structure".to_owned());
                    return Value::Null;
                };
                return Value::Object(self.accept_members(members, object, at));
            }
        }
        value.clone()
    }

    /// The members of an object under their read names.
    pub(crate) fn accept_members(
        &mut self,
        members: &[Member],
        object: &Map<String, Value>,
        at: &str,
    ) -> Map<String, Value> {
        let mut accepted = Map::new();
        let path = |name: &str| {
            if at.is_empty() { name.to_owned() } else { format!("{at}.{name}") }
        };
        for member in members {
            match object.get(member.write) {
                None | Some(Value::Null) => {
                    if member.required {
                        self.problem(&Value::Null, &path(member.write), "Member must not be null".to_owned());
                    }
                }
                Some(value) => {
                    let value = self.accept(member.shape, value, &path(member.write));
                    accepted.insert(member.read.to_owned(), value);
                }
            }
        }
        if !self.future_members.is_empty() {
            for (name, value) in object {
                let read_name = name.strip_suffix("Config").unwrap_or(name);
                let known = members.iter().any(|member| member.write == name);
                if !known && self.future_members.iter().any(|member| member == read_name || member == name) {
                    let kept = if self.future_members.contains(name) { name } else { read_name };
                    accepted.insert(kept.to_owned(), value.clone());
                }
            }
        }
        accepted
    }

    fn problem(&mut self, value: &Value, at: &str, what: String) {
        let shown = match value {
            Value::String(text) => {
                format!("Value '{}' at", text.chars().take(60).collect::<String>())
            }
            _ => "Value at".to_owned(),
        };
        self.problems.push(format!("{shown} '{at}' failed to satisfy constraint: {what}"));
    }

    /// The message that AWS answers with, when anything is wrong.
    pub(crate) fn verdict(self) -> Result<(), String> {
        match self.problems.len() {
            0 => Ok(()),
            1 => Err(format!("1 validation error detected: {}", self.problems.join("; "))),
            count => Err(format!("{count} validation errors detected: {}", self.problems.join("; "))),
        }
    }
}

/// The request that would write what an answer says: the reverse renaming, of known members only.
pub(crate) fn as_request(shape: &Shape, value: &Value) -> Value {
    match (shape, value) {
        (Shape::List(_, _, of), Value::Array(items)) => items.iter().map(|item| as_request(of, item)).collect(),
        (Shape::Object(members), Value::Object(object)) => {
            let mut request = Map::new();
            for member in *members {
                if let Some(value) = object.get(member.read) {
                    let empty = matches!(value, Value::Array(items) if items.is_empty());
                    if !empty {
                        request.insert(member.write.to_owned(), as_request(member.shape, value));
                    }
                }
            }
            Value::Object(request)
        }
        _ => value.clone(),
    }
}
