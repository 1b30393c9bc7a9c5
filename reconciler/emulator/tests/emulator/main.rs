//! What the emulator promises: the bad manners of the services, the faults, the scenarios.
//!
//! Every test speaks HTTP requests, as an SDK would make them, to an emulator in process.

mod accounts;
mod buckets;
mod clients;
mod endpoints;
mod faults;
mod forms;
mod guardrails;
mod iam;
mod logs_and_trail;
mod organizations;
mod scenarios;
mod serving;
mod trails;
