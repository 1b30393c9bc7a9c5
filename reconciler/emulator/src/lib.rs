//! AWS in a box: an emulator of the AWS control planes that sits below the AWS SDK.
//!
//! # Purpose
//! Tests, drills and dry runs speak to [`Emulator`] through the real serialisers, signers, retries and error parsers of
//! an AWS SDK, either in process ([`Emulator::http_client`]) or over loopback HTTP ([`Emulator::serve`]), so that boto3
//! and the AWS CLI can check it too.
//!
//! # Guarantees
//! - It shares no code with the rest of the project, so it cannot agree with the project's mistakes.
//! - It has the bad manners of the real service: full-replace writes wipe what they omit, lists come back
//!   in any order, states settle late, a version can snapshot the old draft, a new log group is not listed yet.
//! - Every write is recorded as a CloudTrail management event of the caller that made it.
//! - One seed and one sequence of calls per account and region give one sequence of answers.
//!
//! # Caveats
//! - Signatures are not verified: the access key only selects the caller.
//! - There is no IAM evaluation: a denial is a scripted [`Fault`].
//! - A KMS key of another account is unknown to every service.

mod arn;
mod calls;
mod client;
mod delivery;
mod directory;
mod documents;
mod emulator;
mod error;
mod fault;
mod form;
mod history;
mod input;
mod instants;
mod lagged;
mod options;
mod principal;
mod protocol;
mod received;
mod registry;
mod scenario;
mod script;
mod server;
mod service;
mod services;
mod shapes;
mod throttle;
mod world;
mod xml;

pub use calls::Call;
pub use emulator::{Dropped, Emulator};
pub use fault::{Effect, Fault, Match, Times};
pub use options::{AccountSeed, Options, OrganizationSeed};
pub use scenario::ScenarioError;
pub use script::{Accounts, Edit, Script, Step};
