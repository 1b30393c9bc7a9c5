//! The laws: what holds for every desired state, every answer and every accident, and the register of false drift.
//!
//! A test whose name begins with `h` and two digits holds the row of that id in the register, which is `register.md`.
//! Everything runs in this process, over the emulated AWS, without a socket.

#![allow(clippy::expect_used, clippy::unwrap_used)]

mod attribution;
mod brakes;
mod carried;
mod controls;
mod convergence;
mod delivery;
mod dependencies;
mod discovery;
mod endpoints;
mod enforced;
mod exports;
mod generate;
mod honesty;
mod inventory;
mod kms_keys;
mod limits;
mod log_buckets;
mod logging;
mod lost;
mod normal_form;
mod organization_policies;
mod permissions;
mod pins;
mod reads;
mod references;
mod register;
mod resource_policy;
mod roles;
mod roles_elsewhere;
mod scale;
mod scopes;
mod sight;
mod stronger;
mod trails;
mod undeclared;
mod versions;
