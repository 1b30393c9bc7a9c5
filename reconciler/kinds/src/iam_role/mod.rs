//! IAM roles: trust, inline and attached policies, boundary, longest session.
//!
//! Purpose: a delivery role decides whether logs arrive, and any role decides who may do what. An opened trust policy, one more
//! attached policy or a boundary that is gone is how an attacker stays.
//!
//! Expected flow: what takes privileges away comes first, then what may be refused; each step is one call, read back.
//!
//! Guarantees: a role is never deleted, and never replaced; what a declaration does not mention stays; inline policies that are
//! declared are put before undeclared ones are deleted; roles that belong to AWS are not touched.
//!
//! # What is weaker
//!
//! A role that may do more, or that more may assume, is weaker. A role that may do *less* is not stronger: whoever empties the
//! policy of a delivery role, or adds a denial to it, stops the logs. So nothing that a role lost, and no denial that it gained,
//! counts as stronger: the direction is unknown, and the declaration is put back. A denial of what the role is granted is weaker.
//! Three things are kept and reported as stronger: a shorter session, the revocation of sessions that the console of IAM writes,
//! and an inline policy that only denies, and denies nothing that the others grant.
//!
//! # Policies of others
//!
//! `rolePolicyList` and `attachedManagedPolicies` are complete where they are mentioned. A policy that somebody else manages is
//! listed with `ownedElsewhere: true`: whether it is there, and what it says, is then neither compared nor changed. Left out
//! altogether, the list is not managed.
//!
//! # Contents of other policies
//!
//! What the boundary and attached policies of the account say belongs to policies of their own, which this kind does not write.
//! Their default versions are read. One that keeps the role from what its own policies grant, or that grants everything, is a
//! difference below `overruled`, whatever is declared; with `policyDocument` beside the ARN, all of the content is held. Of one
//! that is declared by its ARN alone, a digest is pinned: whatever else it says by now is drift of the pin, which pages.
//!
//! Caveats: the SDK drops members of answers that it does not know. No call here replaces more than one document or value, so
//! none of them can get lost.

mod client;
mod contents;
mod denial;
mod overruled;
mod revocation;
mod spec;
mod steps;
mod trail_events;
mod trust;
mod validation;

pub use contents::Contents;

/// The kind `iam-role`.
#[derive(Debug)]
pub struct IamRole;
