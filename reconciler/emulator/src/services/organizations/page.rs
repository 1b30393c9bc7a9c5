//! Pages: at most 20 rows, in an order that means nothing, and sometimes none although there is more.

use rand::Rng;
use serde_json::{Map, Value};

use super::{invalid, text};
use crate::error::ApiError;
use crate::world::RequestContext;

const MOST: usize = 20;

/// The keys of one page, and the token of the next one.
pub(super) struct Page {
    pub(super) keys: Vec<String>,
    next: Option<String>,
}

impl Page {
    /// The page of these keys that a request asks for.
    pub(super) fn of<'a>(
        context: &mut RequestContext<'_>,
        input: &Map<String, Value>,
        keys: impl Iterator<Item = &'a str>,
    ) -> Result<Self, ApiError> {
        let limit = match input.get("MaxResults").filter(|limit| !limit.is_null()).map(Value::as_u64) {
            None => MOST,
            Some(Some(0)) => return Err(invalid("MIN_VALUE_EXCEEDED", "MaxResults is at least 1.")),
            Some(limit) => match limit.and_then(|limit| usize::try_from(limit).ok()).filter(|limit| *limit <= MOST) {
                Some(limit) => limit,
                None => return Err(invalid("MAX_VALUE_EXCEEDED", "MaxResults is at most 20.")),
            },
        };
        // The token is the last key of the page before, so what comes and goes meanwhile moves nothing.
        let after = match text(input, "NextToken") {
            None => None,
            Some(token) => match token.split_once('.') {
                Some((_, "")) => None,
                Some((_, last)) => Some(position(last, context.rules.shuffle)),
                None => return Err(invalid("INVALID_NEXT_TOKEN", "The NextToken is invalid.")),
            },
        };
        let mut rest: Vec<(u64, &str)> = keys
            .map(|key| position(key, context.rules.shuffle))
            .filter(|position| after.is_none_or(|after| *position > after))
            .collect();
        rest.sort_unstable();
        let chance = context.rules.empty_page_probability;
        let empty = chance > 0.0 && context.rng.random_bool(chance);
        let take = if empty { 0 } else { limit.min(rest.len()) };
        let more = take < rest.len() || (empty && rest.is_empty() && after.is_none());
        let keys: Vec<String> = rest.iter().take(take).map(|(_, key)| (*key).to_owned()).collect();
        let last = keys.last().map(String::as_str).or(after.map(|(_, last)| last)).unwrap_or_default();
        // Two tokens in a row are never the same, as a client would take that for an endless loop.
        let next = more.then(|| format!("{:016x}.{last}", context.rng.random::<u64>()));
        Ok(Self { keys, next })
    }

    /// The answer with these rows.
    pub(super) fn answer(&self, member: &str, rows: Vec<Value>) -> Value {
        let mut answer = Map::from_iter([(member.to_owned(), Value::Array(rows))]);
        if let Some(next) = &self.next {
            answer.insert("NextToken".to_owned(), Value::from(next.as_str()));
        }
        Value::Object(answer)
    }
}

/// Where a key comes in a list: FNV-1a mixes well enough for an order that nobody should rely on.
fn position(key: &str, shuffled: bool) -> (u64, &str) {
    let mix = |hash: u64, byte: u8| (hash ^ u64::from(byte)).wrapping_mul(0x0100_0000_01b3);
    (if shuffled { key.bytes().fold(0xcbf2_9ce4_8422_2325, mix) } else { 0 }, key)
}
