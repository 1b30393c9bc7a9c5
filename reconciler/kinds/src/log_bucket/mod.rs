//! S3 buckets that logs are delivered to: who may reach them, and how long they keep what they have.
//!
//! Purpose: Bedrock, CloudTrail and CloudWatch Logs deliver to a bucket only while its policy lets them, and what they delivered
//! is evidence only while nobody can read, change or expire it.
//!
//! Expected flow: seven reads side by side for each bucket; each sub-resource that differs is replaced by one call, in the order
//! that never opens the bucket: public access block, ownership, encryption, policy, lifecycle, versioning, tags.
//!
//! Guarantees: every call names the expected owner of the bucket; a bucket is never deleted, and not created unless the declaration
//! asks for it; elements that this build does not know are sent back with a replacing call, or the call is refused; statements
//! that AWS services add for this account, exactly as documented, are carried and are no drift.
//!
//! Assumptions: a bucket is declared where it is. S3 tells of no other way to a bucket that belongs to somebody else than that
//! access is denied, so such a bucket is a gap.
//!
//! Caveats: access control lists, object lock, replication and notifications are not looked at.

mod client;
mod services;
mod spec;
mod steps;
mod trail_events;
mod validation;
mod wire;

/// The kind `log-bucket`.
#[derive(Debug)]
pub struct LogBucket;
