//! Scripted faults: which calls go wrong, how often and how.

use std::collections::HashMap;

use rand::Rng;
use serde::{Deserialize, Deserializer, Serialize, Serializer};
use serde_json::{Map, Value};

use crate::script::Step;

/// One scripted fault. Faults are tried in the order in which they were injected; the first that applies is used.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Fault {
    /// Which calls it is for.
    #[serde(default, rename = "on")]
    pub matching: Match,
    /// That many matching calls pass before the first fault.
    #[serde(default)]
    pub skip: u32,
    /// How often it happens.
    #[serde(default)]
    pub times: Times,
    /// Chance that it happens at a matching call, between 0 and 1; always, when absent.
    #[serde(default)]
    pub probability: Option<f64>,
    /// What happens.
    pub then: Effect,
}

impl Fault {
    /// A fault that happens once, at the first call that matches.
    pub fn once(matching: Match, then: Effect) -> Self {
        Self { matching, skip: 0, times: Times::Count(1), probability: None, then }
    }

    /// A fault that happens at every call that matches.
    pub fn always(matching: Match, then: Effect) -> Self {
        Self { matching, skip: 0, times: Times::Forever, probability: None, then }
    }
}

/// Which calls a fault is for; what is absent matches every call.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Match {
    /// Signing name of the service, such as `bedrock`.
    pub service: Option<String>,
    /// Operation, such as `UpdateGuardrail`.
    pub operation: Option<String>,
    /// Account of the caller; for AssumeRole, the account of the role.
    pub account: Option<String>,
    /// Region.
    pub region: Option<String>,
    /// Whether the operation only reads.
    pub read_only: Option<bool>,
}

/// How often a fault happens; written as a number or `forever`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Times {
    /// That often.
    Count(u32),
    /// At every match.
    Forever,
}

impl Default for Times {
    fn default() -> Self {
        Self::Count(1)
    }
}

impl Serialize for Times {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        match self {
            Self::Count(count) => serializer.serialize_u32(*count),
            Self::Forever => serializer.serialize_str("forever"),
        }
    }
}

impl<'de> Deserialize<'de> for Times {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let value = Value::deserialize(deserializer)?;
        let count = value.as_u64().and_then(|count| u32::try_from(count).ok()).map(Self::Count);
        let forever = (value == "forever").then_some(Self::Forever);
        count.or(forever).ok_or_else(|| serde::de::Error::custom("expected a number or `forever`"))
    }
}

/// What happens to a call.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub enum Effect {
    /// Refused with the throttling error of the service.
    Throttle,
    /// Refused with the access error of the service.
    Deny,
    /// Refused because the session has expired.
    Expired,
    /// Refused with this error.
    Error {
        /// Error code.
        code: String,
        /// HTTP status.
        status: u16,
        /// Message.
        #[serde(default)]
        message: String,
    },
    /// Answered late.
    Latency {
        /// Milliseconds.
        ms: u64,
    },
    /// Never answered.
    Hang,
    /// After each write, this many matching reads answer from before it; `times` does not count. Inject it before the
    /// write.
    Stale {
        /// Number of reads.
        reads: u32,
    },
    /// Processed, but the connection drops before the answer.
    LostResponse,
    /// Processed, but never answered.
    HoldAnswer,
    /// The connection drops before the request is processed.
    DropRequest,
    /// A member that no model knows, in the answer. Of GetGuardrail and GetModelInvocationLoggingConfiguration it is
    /// also stored: a full-replace write that does not send it back loses it. Keep `times` at 1, or it is planted again.
    UnknownField {
        /// Where, as a JSON pointer; `type=HATE` as a segment selects a list item by a member.
        pointer: String,
        /// The member's value.
        value: Value,
    },
    /// Answered as a success, but nothing is changed.
    NoOp,
    /// Processed after somebody else has made these calls, which meet no faults; `${count}` in their texts is how often he has.
    Meanwhile {
        /// The calls, in order.
        steps: Vec<Step>,
    },
    /// Processed, then the whole process aborts.
    Crash,
}

impl Effect {
    /// The effect the `count`-th time.
    fn counted(&self, count: u32) -> Self {
        let Self::Meanwhile { steps } = self else { return self.clone() };
        let text = serde_json::to_string(steps).unwrap_or_default().replace("${count}", &count.to_string());
        serde_json::from_str(&text).map_or_else(|_| self.clone(), |steps| Self::Meanwhile { steps })
    }
}

/// A fault, and how often it was used.
struct Active {
    fault: Fault,
    matched: u32,
    used: u32,
    /// Of stale reads: matching reads since the last write, by account and region.
    reads: HashMap<(String, String), u32>,
}

/// The faults that are in force.
#[derive(Default)]
pub(crate) struct Faults {
    active: Vec<Active>,
}

/// A call that may match a fault.
pub(crate) struct Candidate<'a> {
    pub(crate) service: &'a str,
    pub(crate) operation: &'a str,
    pub(crate) account: &'a str,
    pub(crate) region: &'a str,
    pub(crate) read_only: bool,
}

impl Match {
    fn covers(&self, call: &Candidate<'_>) -> bool {
        let Self { service, operation, account, region, read_only } = self;
        let same = |wanted: &Option<String>, actual: &str| wanted.as_deref().is_none_or(|wanted| wanted == actual);
        same(service, call.service)
            && same(operation, call.operation)
            && same(account, call.account)
            && same(region, call.region)
            && read_only.is_none_or(|wanted| wanted == call.read_only)
    }
}

impl Faults {
    pub(crate) fn add(&mut self, faults: Vec<Fault>) {
        self.active.extend(faults.into_iter().map(|fault| Active {
            fault,
            matched: 0,
            used: 0,
            reads: HashMap::new(),
        }));
    }

    pub(crate) fn clear(&mut self) {
        self.active.clear();
    }

    pub(crate) fn is_empty(&self) -> bool {
        self.active.is_empty()
    }

    /// The effect on this call, if any. A fault of stale reads is not counted here but by the reads themselves.
    pub(crate) fn strike(&mut self, call: &Candidate<'_>, rng: &mut impl Rng) -> Option<Effect> {
        for active in &mut self.active {
            if matches!(active.fault.then, Effect::Stale { .. }) || !active.fault.matching.covers(call) {
                continue;
            }
            active.matched = active.matched.saturating_add(1);
            let spent = matches!(active.fault.times, Times::Count(count) if active.used >= count);
            if active.matched <= active.fault.skip || spent {
                continue;
            }
            let happens = active.fault.probability.is_none_or(|chance| rng.random_bool(chance.clamp(0.0, 1.0)));
            if happens {
                active.used = active.used.saturating_add(1);
                return Some(active.fault.then.counted(active.used));
            }
        }
        None
    }

    /// Whether every such call is denied from now on: what a permission is in a world in which policies decide nothing.
    pub(crate) fn deny(&self, call: &Candidate<'_>) -> bool {
        self.active.iter().any(|active| {
            let Fault { matching, skip, times, probability, then } = &active.fault;
            let always = *times == Times::Forever && *skip == 0 && probability.is_none();
            always && *then == Effect::Deny && matching.covers(call)
        })
    }

    /// Whether a write has to keep the state before it for stale reads to come.
    pub(crate) fn wants_history(&self, account: &str, region: &str) -> bool {
        let same = |wanted: &Option<String>, actual: &str| wanted.as_deref().is_none_or(|wanted| wanted == actual);
        self.active.iter().any(|active| {
            let matching = &active.fault.matching;
            matches!(active.fault.then, Effect::Stale { .. })
                && same(&matching.account, account)
                && same(&matching.region, region)
        })
    }

    /// Starts the count of stale reads again after a write.
    pub(crate) fn written(&mut self, account: &str, region: &str) {
        let same = |wanted: &Option<String>, actual: &str| wanted.as_deref().is_none_or(|wanted| wanted == actual);
        for active in &mut self.active {
            let matching = &active.fault.matching;
            if matches!(active.fault.then, Effect::Stale { .. })
                && same(&matching.account, account)
                && same(&matching.region, region)
            {
                active.reads.insert((account.to_owned(), region.to_owned()), 0);
            }
        }
    }

    /// Whether this read, which is answered in a place, answers from before the last write there.
    pub(crate) fn is_stale(&mut self, call: &Candidate<'_>, place: (&str, &str)) -> bool {
        for active in &mut self.active {
            let Effect::Stale { reads } = active.fault.then else {
                continue;
            };
            if !active.fault.matching.covers(call) {
                continue;
            }
            let place = (place.0.to_owned(), place.1.to_owned());
            let Some(seen) = active.reads.get_mut(&place) else {
                continue;
            };
            *seen = seen.saturating_add(1);
            if *seen > active.fault.skip && *seen - active.fault.skip <= reads {
                return true;
            }
        }
        false
    }
}

/// Inserts a value at a pointer; false when its parent does not exist.
pub(crate) fn insert_at(tree: &mut Value, pointer: &str, value: &Value) -> bool {
    let Some((parent, member)) = pointer.rsplit_once('/') else {
        return false;
    };
    match descend(tree, parent) {
        Some(Value::Object(members)) => {
            members.insert(member.to_owned(), value.clone());
            true
        }
        Some(Value::Array(items)) if member == "-" => {
            items.push(value.clone());
            true
        }
        _ => false,
    }
}

/// Removes what a pointer names; false when it is not there.
pub(crate) fn remove_at(tree: &mut Value, pointer: &str) -> bool {
    let Some((parent, member)) = pointer.rsplit_once('/') else {
        return false;
    };
    match descend(tree, parent) {
        Some(Value::Object(members)) => members.remove(member).is_some(),
        Some(Value::Array(items)) => match position(items, member) {
            Some(at) => {
                items.remove(at);
                true
            }
            None => false,
        },
        _ => false,
    }
}

fn descend<'a>(tree: &'a mut Value, pointer: &str) -> Option<&'a mut Value> {
    let mut at = tree;
    for segment in pointer.split('/').skip(1) {
        at = match at {
            Value::Object(members) => Map::get_mut(members, segment)?,
            Value::Array(items) => {
                let index = position(items, segment)?;
                items.get_mut(index)?
            }
            _ => return None,
        };
    }
    Some(at)
}

/// A list item by index or by `member=value`.
fn position(items: &[Value], segment: &str) -> Option<usize> {
    match segment.split_once('=') {
        Some((member, value)) => items.iter().position(|item| item.get(member).and_then(Value::as_str) == Some(value)),
        None => segment.parse().ok().filter(|index| *index < items.len()),
    }
}
