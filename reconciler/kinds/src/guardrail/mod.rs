//! Bedrock guardrails: the DRAFT, and the published version that callers use (README.md, Versions).
//!
//! Purpose: a guardrail is restored when its DRAFT *and* its newest published version are as declared. Restoring the DRAFT
//! alone restores nothing for callers, because they name numbered versions, and those never change.
//!
//! Expected flow: UpdateGuardrail with the complete body, READY twice, read-back, CreateGuardrailVersion, read-back.
//!
//! Guarantees: policies that the declaration does not mention are sent as they are, because UpdateGuardrail removes what it
//! does not get; an unknown member is carried or the write is refused; a guardrail is never deleted.
//!
//! Caveats: callers that are pinned to an older version keep getting that version until they are moved.

mod client;
mod older;
mod request;
mod spec;
mod steps;
mod trail_events;
mod validation;

pub use client::Versions;

/// The kind `guardrail`.
#[derive(Debug)]
pub struct Guardrail;
