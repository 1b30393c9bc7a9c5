//! Who changed what, and for how long a resource was weaker than desired.
//!
//! Expected flow: for every drift the engine asks the event history for the events that can have caused it and puts what it
//! found here. Where the cause cannot be found, the answer is unknown, with the reason.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::address::Address;
use crate::tree::Path;

/// One event of AWS CloudTrail, without its request: what it says of who did it. A part of the JSON contract.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, JsonSchema, Serialize, Deserialize)]
pub struct Culprit {
    /// When, in UTC, as CloudTrail tells it (whole seconds).
    pub at: String,
    /// CloudTrail's id of the event.
    pub event_id: String,
    /// The operation, such as `UpdateGuardrail`.
    pub event_name: String,
    /// The service, such as `bedrock.amazonaws.com`.
    pub event_source: String,
    /// The region whose history holds the event.
    pub region: String,
    /// The ARN of who called; what CloudTrail calls him where there is none, such as a service.
    pub principal: String,
    /// The session name, when a role was assumed.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub session: Option<String>,
    /// The address that the call came from, or the service that made it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub source_address: Option<String>,
    /// What the caller says he is.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub user_agent: Option<String>,
}

/// What is known about who caused a drift. A part of the JSON contract.
#[derive(Debug, Clone, PartialEq, Eq, JsonSchema, Serialize, Deserialize)]
#[serde(rename_all = "lowercase", tag = "is")]
#[allow(clippy::large_enum_variant, reason = "there are few, and most are known")]
pub enum Attribution {
    /// This event caused it.
    Known {
        /// The event.
        event: Culprit,
        /// Events before it that left the field not as declared, or that can have, since it was last known to be as declared:
        /// oldest first.
        #[serde(default, skip_serializing_if = "Vec::is_empty")]
        earlier: Vec<Culprit>,
    },
    /// It cannot be determined.
    Unknown {
        /// Why, in one sentence.
        reason: String,
        /// The events of which one may have caused it, oldest first; none where no event is known that can have.
        #[serde(default, skip_serializing_if = "Vec::is_empty")]
        candidates: Vec<Culprit>,
    },
}

/// The time between the culprit's event and the verified restore. A part of the JSON contract.
#[derive(Debug, Clone, PartialEq, Eq, JsonSchema, Serialize, Deserialize)]
pub struct Exposure {
    /// From when on the field was not as declared for sure, in UTC; `None` when that is not known.
    pub since: Option<String>,
    /// The earliest time at which it may have begun, where that is before `since`: an event of which CloudTrail does not show
    /// what it set.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub perhaps_since: Option<String>,
    /// When the restore was verified, in UTC; `None` while it is not.
    pub until: Option<String>,
    /// Whole seconds between the two; `None` when one is not known.
    pub seconds: Option<u64>,
}

/// Who caused one difference, and how long it lasted.
#[derive(Debug, Clone, PartialEq, Eq, JsonSchema, Serialize, Deserialize)]
pub struct FieldAttribution {
    /// The field; the root for a resource that is missing or unexpected as a whole.
    pub path: Path,
    /// Who caused it.
    pub by: Attribution,
    /// For how long.
    pub exposure: Exposure,
}

/// Who caused the drift of one address.
#[derive(Debug, Clone, PartialEq, Eq, JsonSchema, Serialize, Deserialize)]
pub struct ResourceAttribution {
    /// The address.
    pub address: Address,
    /// Its differences, in the order of the drift.
    pub fields: Vec<FieldAttribution>,
}
