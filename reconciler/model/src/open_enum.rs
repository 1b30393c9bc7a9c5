//! Words of a vocabulary that AWS may extend: the known ones, and `other:WORD` for one that is newer than this build.
//!
//! A typing mistake in a declaration must be an error, yet a value that AWS added last week must not be refused or lost.
//! Both hold when an unknown word has to be marked: `other:EXTREME`. Live answers are marked while they are read.

use std::borrow::Cow;
use std::fmt;
use std::marker::PhantomData;

use schemars::{JsonSchema, Schema, SchemaGenerator};
use serde::de::Visitor;
use serde::{Deserialize, Deserializer, Serialize, Serializer};

/// The mark of a word that the vocabulary does not have.
pub const OTHER: &str = "other:";

/// A vocabulary: the words that this build knows.
pub trait Vocabulary {
    /// The vocabulary's name, for the schema.
    const NAME: &'static str;
    /// The words, in the spelling of the AWS API.
    const KNOWN: &'static [&'static str];
}

/// A word of the vocabulary `V`, or an unknown one that is marked with [`OTHER`]. One that is known needs no text of its own.
pub struct Word<V>(Cow<'static, str>, PhantomData<fn() -> V>);

impl<V: Vocabulary> Word<V> {
    /// The word `text`; marked when the vocabulary does not have it.
    pub fn new(text: &str) -> Self {
        let word = match Self::known(text) {
            Some(word) => Cow::Borrowed(word),
            None if text.starts_with(OTHER) => Cow::Owned(text.to_owned()),
            None => Cow::Owned(format!("{OTHER}{text}")),
        };
        Self(word, PhantomData)
    }

    fn known(text: &str) -> Option<&'static str> {
        V::KNOWN.iter().copied().find(|word| *word == text)
    }

    /// The word as it stands in the tree, with its mark.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

/// The word as AWS spells it, without the mark.
pub fn on_the_wire(text: &str) -> &str {
    text.strip_prefix(OTHER).unwrap_or(text)
}

impl<V> Clone for Word<V> {
    fn clone(&self) -> Self {
        Self(self.0.clone(), PhantomData)
    }
}

impl<V> PartialEq for Word<V> {
    fn eq(&self, other: &Self) -> bool {
        self.0 == other.0
    }
}

impl<V> Eq for Word<V> {}

impl<V> PartialOrd for Word<V> {
    fn partial_cmp(&self, other: &Self) -> Option<std::cmp::Ordering> {
        Some(self.cmp(other))
    }
}

impl<V> Ord for Word<V> {
    fn cmp(&self, other: &Self) -> std::cmp::Ordering {
        self.0.cmp(&other.0)
    }
}

impl<V> fmt::Debug for Word<V> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

impl<V> Serialize for Word<V> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_str(&self.0)
    }
}

impl<'de, V: Vocabulary> Deserialize<'de> for Word<V> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        deserializer.deserialize_str(Reader::<V>(PhantomData))
    }
}

struct Reader<V>(PhantomData<fn() -> V>);

impl<V: Vocabulary> Visitor<'_> for Reader<V> {
    type Value = Word<V>;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a string")
    }

    fn visit_str<E: serde::de::Error>(self, text: &str) -> Result<Word<V>, E> {
        let marked = text.strip_prefix(OTHER);
        // A marked word that this build knows is that word: newer builds must not see drift in older declarations.
        let word = match (Word::<V>::known(marked.unwrap_or(text)), marked) {
            (Some(word), _) => Cow::Borrowed(word),
            (None, Some(_)) => Cow::Owned(text.to_owned()),
            (None, None) => return Err(E::custom(unknown_word(text, V::KNOWN))),
        };
        Ok(Word(word, PhantomData))
    }
}

const UNKNOWN: &str = "unknown word ";
const EXPECTED: &str = ", expected one of ";

fn unknown_word(word: &str, known: &[&str]) -> String {
    format!("{UNKNOWN}{}{EXPECTED}{}", serde_json::Value::from(word), known.join(", "))
}

/// Takes the error text of an unknown word apart: the word, and the words that are known.
pub(crate) fn parse_unknown_word(message: &str) -> Option<(String, Vec<String>)> {
    let (word, known) = message.strip_prefix(UNKNOWN)?.split_once(EXPECTED)?;
    Some((serde_json::from_str(word).ok()?, known.split(", ").map(str::to_owned).collect()))
}

impl<V: Vocabulary> JsonSchema for Word<V> {
    fn schema_name() -> Cow<'static, str> {
        V::NAME.into()
    }

    fn json_schema(_: &mut SchemaGenerator) -> Schema {
        schemars::json_schema!({
            "type": "string",
            // A placeholder is another text once it is filled in.
            "anyOf": [{ "enum": V::KNOWN }, { "pattern": "^other:" }, { "pattern": r"\$\{" }],
        })
    }
}

/// Declares a vocabulary and the word type of it: `vocabulary!(Strength, "NONE", "LOW")`.
#[macro_export]
macro_rules! vocabulary {
    ($(#[$doc:meta])* $name:ident, $($word:literal),+ $(,)?) => {
        $(#[$doc])*
        #[derive(Debug, Clone, Copy)]
        pub struct $name;

        impl $crate::open_enum::Vocabulary for $name {
            const NAME: &'static str = stringify!($name);
            const KNOWN: &'static [&'static str] = &[$($word),+];
        }
    };
}
