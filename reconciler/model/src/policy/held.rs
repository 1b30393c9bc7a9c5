//! A document inside a spec: read, or as text where it cannot be.

use std::borrow::Cow;

use schemars::{JsonSchema, Schema, SchemaGenerator};
use serde::{Deserialize, Deserializer, Serialize, Serializer};
use serde_json::Value;

use super::document::Policy;
use super::read::Strict;

/// A policy document, or JSON text that cannot be read as one.
///
/// AWS holds documents that this build cannot read: with a member, a key or an operator twice, of which it is not known which
/// one holds. Such text differs from every declaration, and is replaced. In a declaration it is an error: see
/// [`documents::problems`](crate::documents::problems).
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Document {
    /// It was read.
    Policy(Policy),
    /// The text, as it is.
    Unreadable(String),
}

impl Serialize for Document {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        match self {
            Self::Policy(policy) => policy.serialize(serializer),
            Self::Unreadable(text) => text.serialize(serializer),
        }
    }
}

impl<'de> Deserialize<'de> for Document {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let Strict(value) = Strict::deserialize(deserializer)?;
        match (Policy::from_value(&value), value) {
            (Ok(policy), _) => Ok(Self::Policy(policy)),
            (Err(_), Value::String(text)) => Ok(Self::Unreadable(text)),
            (Err(error), _) => Err(serde::de::Error::custom(error.in_one_line())),
        }
    }
}

impl JsonSchema for Document {
    fn schema_name() -> Cow<'static, str> {
        Policy::schema_name()
    }

    fn json_schema(generator: &mut SchemaGenerator) -> Schema {
        Policy::json_schema(generator)
    }
}
