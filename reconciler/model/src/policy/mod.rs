//! The one type for JSON policy documents: service control, trust, VPC endpoint, bucket, key, resource and identity
//! policies.
//!
//! Expected flow: [`Policy`] reads a declaration (YAML in the IAM grammar) or a live answer (JSON text, percent-encoded
//! as IAM returns it, or a value) and holds its canonical form; its serialisation is the tree that is compared.
//! [`align()`] gives the statements of two trees common names, so that they differ at the leaf; [`directions`] says of each
//! leaf, and [`direction`] of two whole documents, which protects more; [`Policy::to_minified_json`] is what is written.
//! [`widening()`] notes endpoint statements that outsiders may use.
//!
//! # The canonical form
//!
//! 1. Text is stripped of a byte order mark, decoded when it is percent-encoded, and read with every repeated member name
//!    as an error: which of the two would hold is not ours to choose.
//! 2. One statement and a list of one are the same; so are one text and a list of one, in every list of the grammar.
//! 3. Lists are sets. Actions, condition operators and condition keys are compared without case, and keep their spelling.
//! 4. Condition values that are booleans or numbers become text, and of the spellings that mean the same to their operator
//!    one stays: `True`, `192.0.2.7/32`, `3600.0`, `2026-01-31`.
//! 5. The principals `"*"` and `{"AWS": "*"}` are the same.
//! 6. The principals `arn:aws:iam::111122223333:root` and `111122223333` are the same.
//! 7. Unique ids in principals are kept: see [`Policy::dangling_principals`].
//! 8. An empty or numeric `Sid` is dropped; any other is kept and is cosmetic: see [`Policy::is_equal`].
//! 9. Statements have a stable order, and equal ones are one.
//! 10. No `Version` and `2012-10-17` differ, as only the latter expands variables; no `Version` means `2008-10-17`.
//! 11. `Effect` is `Allow` or `Deny`, exactly.
//!
//! `null`, an empty `Condition` and an absent member are the same. Members that the grammar does not have are kept, and
//! listed by [`Policy::unknown`].
//!
//! # What a direction means
//!
//! A document answers a request with *deny*, *nothing* or *allow*, in this order: one that answers higher to some request
//! protects less. Because another document may allow what this one leaves open, a lost `Deny` weakens even where the
//! document itself allows nothing; so the same order serves documents that grant and documents that guard.
//!
//! `Neutral` and `Strengthened` are **proofs**: statement by statement containment, which no request can escape.
//! `Weakened` is a **witness**: one request to which live certainly answers higher. Where there is neither the direction is
//! `Unknown`, which is the safe answer: what is stronger may be left as it is, so that a wrong `Strengthened` would leave
//! an attack in place, while `Unknown` only costs a look.
//!
//! # Why not a library
//!
//! `iam-rs` 0.8 (MIT, alive) parses and evaluates: it answers one request at a time. It has no canonical form (its `Eq`
//! compares spellings), drops unknown members, has a closed list of operators, takes the last of repeated condition keys,
//! and knows nothing of containment, of which everything here is made. `aws-iam` 0.2 (MIT) has no canonical form either,
//! and its dependencies are years old. `cedar-policy` is another language. HashiCorp's `awspolicyequivalence` is Go, and
//! answers yes or no.

mod align;
mod condition;
mod contain;
mod document;
mod glob;
mod held;
mod leaf;
mod network;
mod read;
mod value;
mod widening;
mod witness;
pub mod words;

pub use align::{align, align_equal};
pub use contain::{direction, takes_nothing};
pub use document::{Caseless, Dangling, Effect, Policy, Principals, Scope, Statement};
pub(crate) use glob::matches;
pub use held::Document;
pub use leaf::{directions, is_flipped, leaf_direction};
pub use read::PolicyError;
pub use widening::{Reason, Trusted, Widening, widening};

#[cfg(test)]
mod tests;
