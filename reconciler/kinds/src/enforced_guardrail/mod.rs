//! The guardrail that an account enforces on every model call of a region.
//!
//! Purpose: the one configuration of an account and region names a guardrail, one of its published versions, and what of
//! each call it looks at. Callers cannot leave it out.
//!
//! Expected flow: where something differs, the guardrail that is wanted is read first; then one
//! PutEnforcedGuardrailConfiguration with the id of the configuration that is there.
//!
//! Guarantees: nothing is written that names a guardrail of another account or region, one that does not exist, a version
//! that is not published and ready, or a guardrail with an automated reasoning policy, which fails when it is enforced. A
//! configuration is never deleted.
//!
//! Caveats: callers that may not use bedrock:ApplyGuardrail on the guardrail are denied every model call from the moment on
//! that a configuration exists. Who they are is not looked up: a declaration has to say that they may.

mod client;
mod spec;
mod steps;
mod trail_events;

/// The kind `enforced-guardrail`.
#[derive(Debug)]
pub struct EnforcedGuardrail;
