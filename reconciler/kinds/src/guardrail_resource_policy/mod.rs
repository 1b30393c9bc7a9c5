//! The resource policy of a guardrail: who beside its account may apply it (README.md, Who needs it).
//!
//! Purpose: what an organization enforces, its accounts have to be able to apply. Without the policy every model call of
//! theirs fails.
//!
//! Expected flow: the guardrail is found by its name, which is also the name of the declaration; its policy is read, and
//! replaced whole or deleted.
//!
//! Guarantees: nothing is written that lets everybody apply the guardrail, or that the service is documented to reject.
//!
//! Caveats: it is a kind of its own, and not a member of `guardrail`: a policy names the ARN of its guardrail, which is known
//! only when the guardrail exists; and it costs a call for each guardrail, which nobody makes who does not declare it.

mod client;
mod spec;
mod steps;
mod trail_events;
mod validation;

/// The kind `guardrail-resource-policy`.
#[derive(Debug)]
pub struct GuardrailResourcePolicy;
