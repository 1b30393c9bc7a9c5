//! The invariants: what holds for every desired state, every answer and every accident, and the register of false drift. The
//! stories of each kind are in the folder `kinds` beside, and belong to this binary so that the invariants draw from their
//! generators.
//!
//! A test whose name begins with `h` and two digits holds the row of that id in the register, which is `register.md`.
//! Everything runs in this process, over the emulated AWS, without a socket.

#![allow(clippy::expect_used, clippy::unwrap_used)]

mod attribution;
mod brakes;
mod controls;
mod dependencies;
mod discovery;
mod exports;
mod first_seen;
mod forgotten;
mod generators;
mod honesty;
mod inventory;
#[path = "../kinds/mod.rs"]
mod kinds;
mod limits;
mod lost;
mod needed;
mod normal_form;
mod permissions;
mod pins;
mod reads;
mod references;
mod register;
mod scale;
mod schema;
mod scopes;
mod sent;
mod sight;
mod stronger;
mod undeclared;
