//! Reading: text or value into a tree without repeated members, and the grammar's small forms.

use std::fmt;

use percent_encoding::percent_decode_str;
use serde::de::{Deserialize, Deserializer, Error as _, MapAccess, SeqAccess, Visitor};
use serde_json::{Map, Number, Value};

use crate::tree::Path;

/// Why a document could not be read.
#[derive(Debug, thiserror::Error)]
pub enum PolicyError {
    /// The text is not percent-encoded UTF-8.
    #[error("the policy text is not UTF-8 once its percent-encoding is undone")]
    Encoding(#[source] std::str::Utf8Error),
    /// The text is not JSON, or repeats a member.
    #[error("the policy text cannot be read as JSON")]
    Json(#[source] serde_json::Error),
    /// The value does not follow the grammar of policies.
    #[error("{}{what}", place(at))]
    Shape {
        /// Where in the document.
        at: Path,
        /// What is wrong there.
        what: String,
    },
}

impl PolicyError {
    /// The message with that of its source: a deserialiser keeps one message only.
    pub fn in_one_line(&self) -> String {
        let source = std::error::Error::source(self).map(|source| format!(": {source}")).unwrap_or_default();
        format!("{self}{source}")
    }
}

fn place(at: &Path) -> String {
    if at.segments().is_empty() { String::new() } else { format!("{at}: ") }
}

pub(super) fn shape(at: &Path, what: impl Into<String>) -> PolicyError {
    PolicyError::Shape { at: at.clone(), what: what.into() }
}

/// Reads policy text: with or without a byte order mark, plain or percent-encoded.
pub(super) fn text(text: &str) -> Result<Value, PolicyError> {
    let bare = |text: &str| text.trim_start_matches('\u{feff}').trim().to_owned();
    let mut text = bare(text);
    // Only a document that is encoded as a whole begins so; a percent sign inside a plain one is text.
    if text.starts_with('%') {
        text = bare(&percent_decode_str(&text).decode_utf8().map_err(PolicyError::Encoding)?);
    }
    serde_json::from_str(&text).map(|Strict(value)| value).map_err(PolicyError::Json)
}

/// A value in which no object repeats a member; `serde_json::Value` would silently keep the last.
pub(super) struct Strict(pub(super) Value);

impl<'de> Deserialize<'de> for Strict {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        deserializer.deserialize_any(StrictVisitor).map(Strict)
    }
}

struct StrictVisitor;

impl<'de> Visitor<'de> for StrictVisitor {
    type Value = Value;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a policy document, or its JSON text")
    }

    fn visit_bool<E>(self, value: bool) -> Result<Value, E> {
        Ok(Value::Bool(value))
    }

    fn visit_i64<E>(self, value: i64) -> Result<Value, E> {
        Ok(Value::from(value))
    }

    fn visit_u64<E>(self, value: u64) -> Result<Value, E> {
        Ok(Value::from(value))
    }

    fn visit_f64<E: serde::de::Error>(self, value: f64) -> Result<Value, E> {
        Number::from_f64(value).map(Value::Number).ok_or_else(|| E::custom("a policy holds finite numbers only"))
    }

    fn visit_str<E>(self, value: &str) -> Result<Value, E> {
        Ok(Value::from(value))
    }

    fn visit_string<E>(self, value: String) -> Result<Value, E> {
        Ok(Value::String(value))
    }

    fn visit_unit<E>(self) -> Result<Value, E> {
        Ok(Value::Null)
    }

    fn visit_none<E>(self) -> Result<Value, E> {
        Ok(Value::Null)
    }

    fn visit_some<D: Deserializer<'de>>(self, deserializer: D) -> Result<Value, D::Error> {
        deserializer.deserialize_any(self)
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut items: A) -> Result<Value, A::Error> {
        let mut list = Vec::new();
        while let Some(Strict(item)) = items.next_element()? {
            list.push(item);
        }
        Ok(Value::Array(list))
    }

    fn visit_map<A: MapAccess<'de>>(self, mut members: A) -> Result<Value, A::Error> {
        let mut map = Map::new();
        while let Some(name) = members.next_key::<String>()? {
            if map.contains_key(&name) {
                return Err(A::Error::custom(format_args!("the member {name:?} appears more than once")));
            }
            let Strict(value) = members.next_value()?;
            map.insert(name, value);
        }
        Ok(Value::Object(map))
    }
}

/// Which scalars besides text a list takes.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(super) enum Scalars {
    /// None.
    Text,
    /// Whole numbers, as YAML reads account ids.
    Numbers,
    /// Booleans and numbers, as condition values may be written.
    All,
}

/// One text or a list of texts, sorted.
pub(super) fn texts(at: &Path, value: &Value, scalars: Scalars) -> Result<Vec<String>, PolicyError> {
    let one = |at: &Path, value: &Value| match value {
        Value::String(text) => Ok(text.clone()),
        Value::Number(number) if scalars == Scalars::All || (scalars == Scalars::Numbers && number.is_u64()) => {
            Ok(number.to_string())
        }
        Value::Bool(value) if scalars == Scalars::All => Ok(value.to_string()),
        other => Err(shape(at, format!("expected text, found {}", kind_of(other)))),
    };
    let mut found = match value {
        Value::Array(items) => items
            .iter()
            .enumerate()
            .map(|(index, item)| one(&at.child(index.to_string()), item))
            .collect::<Result<Vec<_>, _>>()?,
        scalar => vec![one(at, scalar)?],
    };
    found.sort();
    found.dedup();
    Ok(found)
}

/// What a value is, for messages.
pub(super) fn kind_of(value: &Value) -> &'static str {
    match value {
        Value::Null => "nothing",
        Value::Bool(_) => "a boolean",
        Value::Number(_) => "a number",
        Value::String(_) => "text",
        Value::Array(_) => "a list",
        Value::Object(_) => "an object",
    }
}
