//! What all Describe operations do alike: ids, filters, order and pages.

use rand::Rng;
use serde_json::{Value, json};
use sha2::{Digest, Sha256};

use super::invalid_parameter;
use crate::error::ApiError;
use crate::input::{Input, number, text, texts};
use crate::world::RequestContext;

/// A kind of resource that is described.
pub(super) struct Listing {
    /// Member of the answer.
    pub(super) member: &'static str,
    /// Member that names a row.
    pub(super) id: &'static str,
    /// Member of the request that lists ids.
    pub(super) ids: &'static str,
    /// What the service says of an id that is not there.
    pub(super) not_found: fn(&str) -> ApiError,
    /// Filters, and where in a row their value is.
    pub(super) filters: &'static [(&'static str, &'static str)],
}

impl Listing {
    /// The answer to a Describe operation.
    pub(super) fn answer(
        &self,
        context: &mut RequestContext<'_>,
        input: &Input,
        mut rows: Vec<Value>,
    ) -> Result<Value, ApiError> {
        let wanted = texts(input, self.ids);
        for id in &wanted {
            if !rows.iter().any(|row| row[self.id] == json!(id)) {
                return Err((self.not_found)(id));
            }
        }
        rows.retain(|row| wanted.is_empty() || wanted.iter().any(|id| row[self.id] == json!(id)));
        let filters = self.filters(input)?;
        rows.retain(|row| filters.iter().all(|filter| filter.admits(row)));
        let (rows, token) = page(context, input, rows, self.id)?;
        let mut answer = json!({self.member: rows});
        if let Some(token) = token {
            answer["NextToken"] = json!(token);
        }
        Ok(answer)
    }

    fn filters(&self, input: &Input) -> Result<Vec<Filter>, ApiError> {
        let given = input.get("Filters").and_then(Value::as_array).map(Vec::as_slice).unwrap_or_default();
        let filter = |given: &Value| {
            let name = given["Name"].as_str().unwrap_or_default();
            let values = given["Values"].as_array().map(Vec::as_slice).unwrap_or_default();
            let values: Vec<String> = values.iter().filter_map(Value::as_str).map(str::to_owned).collect();
            let place = match self.filters.iter().find(|(known, _)| *known == name) {
                Some((_, place)) => Place::Member(place),
                None if name == "tag-key" => Place::TagKey,
                None => match name.strip_prefix("tag:") {
                    Some(key) => Place::Tag(key.to_owned()),
                    None => {
                        let message = format!("The filter '{name}' is invalid");
                        return Err(ApiError::new("InvalidParameterValue", message));
                    }
                },
            };
            Ok(Filter { place, values })
        };
        given.iter().map(filter).collect()
    }
}

struct Filter {
    place: Place,
    /// Any of these, with `*` and `?`.
    values: Vec<String>,
}

enum Place {
    Member(&'static str),
    Tag(String),
    TagKey,
}

impl Filter {
    fn admits(&self, row: &Value) -> bool {
        let tags = row["Tags"].as_array().map(Vec::as_slice).unwrap_or_default();
        match &self.place {
            Place::Member(place) => {
                let mut found = Vec::new();
                values_at(row, place, &mut found);
                found.iter().any(|value| self.allows(value))
            }
            Place::Tag(key) => tags
                .iter()
                .filter(|tag| tag["Key"] == json!(key))
                .any(|tag| self.allows(tag["Value"].as_str().unwrap_or_default())),
            Place::TagKey => tags.iter().any(|tag| self.allows(tag["Key"].as_str().unwrap_or_default())),
        }
    }

    fn allows(&self, value: &str) -> bool {
        self.values.iter().any(|pattern| matches(pattern.as_bytes(), value.as_bytes()))
    }
}

/// Texts at a pointer; lists on the way fan out.
fn values_at(value: &Value, place: &str, found: &mut Vec<String>) {
    match value {
        Value::Array(items) => items.iter().for_each(|item| values_at(item, place, found)),
        Value::Object(members) => {
            let (first, rest) = place.split_once('/').unwrap_or((place, ""));
            if let Some(value) = members.get(first) {
                values_at(value, rest, found);
            }
        }
        Value::String(text) => found.push(text.clone()),
        Value::Null => {}
        other => found.push(other.to_string()),
    }
}

/// `*` is any text and `?` any character.
fn matches(pattern: &[u8], text: &[u8]) -> bool {
    match (pattern.split_first(), text.split_first()) {
        (None, None) => true,
        (Some((b'*', rest)), _) => (0..=text.len()).any(|at| matches(rest, text.get(at..).unwrap_or_default())),
        (Some((b'?', rest)), Some((_, text))) => matches(rest, text),
        (Some((expected, rest)), Some((actual, text))) => expected == actual && matches(rest, text),
        _ => false,
    }
}

/// One page, in an order that the first page chose and the token carries.
fn page(
    context: &mut RequestContext<'_>,
    input: &Input,
    mut rows: Vec<Value>,
    id: &str,
) -> Result<(Vec<Value>, Option<String>), ApiError> {
    let limit = match number(input, "MaxResults") {
        None => 1000,
        Some(limit @ 5..=1000) => usize::try_from(limit).unwrap_or(1000),
        Some(other) => {
            let message =
                format!("Value ( {other} ) for parameter maxResults is invalid. Expecting a value between 5 and 1000.");
            return Err(ApiError::new("InvalidParameterValue", message));
        }
    };
    let (salt, start): (u32, usize) = match text(input, "NextToken") {
        Some(token) => {
            let parts = token.split_once('-');
            let read = parts.and_then(|(salt, start)| Some((salt.parse().ok()?, start.parse().ok()?)));
            read.ok_or_else(|| invalid_parameter("The specified NextToken is invalid"))?
        }
        None if context.rules.shuffle => (context.rng.random(), 0),
        None => (0, 0),
    };
    if salt != 0 {
        rows.sort_by_cached_key(|row| order(salt, row[id].as_str().unwrap_or_default()));
    }
    let end = start.saturating_add(limit);
    let token = (rows.len() > end).then(|| format!("{salt}-{end}"));
    let page = rows.into_iter().skip(start).take(limit).collect();
    Ok((page, token))
}

/// Shuffles a list inside of a row.
pub(super) fn shuffled(context: &mut RequestContext<'_>, mut ids: Vec<String>) -> Vec<String> {
    if context.rules.shuffle {
        let salt = context.rng.random();
        ids.sort_by_cached_key(|id| order(salt, id));
    }
    ids
}

fn order(salt: u32, id: &str) -> Vec<u8> {
    let mut hash = Sha256::new();
    hash.update(salt.to_le_bytes());
    hash.update(id.as_bytes());
    hash.finalize().to_vec()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn patterns_have_stars_and_question_marks() {
        let matches = |pattern: &str, text: &str| matches(pattern.as_bytes(), text.as_bytes());
        assert!(matches("com.amazonaws.*.bedrock*", "com.amazonaws.us-east-1.bedrock-runtime"));
        assert!(matches("vpc-?", "vpc-1"));
        assert!(!matches("vpc-?", "vpc-12"));
        assert!(!matches("bedrock", "bedrock-runtime"));
    }
}
