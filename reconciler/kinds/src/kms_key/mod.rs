//! Customer managed KMS keys, by their alias (README.md, Names of keys).
//!
//! Purpose: what guardrails, logs and trails hold is as safe as the policy of the key that it is encrypted under; and it is lost
//! with the key.
//!
//! Expected flow: a declared alias is described; its key's policy, rotation and tags are read side by side; what differs is put
//! back by one call for each part. A scheduled deletion is cancelled, and the key enabled again.
//!
//! Guarantees: no key is created, and no alias pointed to another key, unless the declaration asks for it; nothing is ever
//! disabled or deleted that the declaration does not call disabled; tags that are not declared stay.
//!
//! Caveats: the alias decides which key is meant. That somebody has pointed it to another key shows only by what differs there,
//! or by `targetKeyId` where that is declared. Grants are not looked at. CreateKey has no token against repetition: a key that
//! is created is tagged with its alias, and a key with this tag and no other is taken before another one is created.

mod client;
mod spec;
mod steps;
mod trail_events;
mod validation;

/// The kind `kms-key`.
#[derive(Debug)]
pub struct KmsKey;

/// The tag of a key that this program created: the alias that it was created for.
const OWN_TAG: &str = "bedrock-reconciler:alias";
