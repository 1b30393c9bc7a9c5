//! VPC interface endpoints: policy, subnets, security groups and private DNS.
//!
//! An endpoint is identified by its place: the name `VPC/SERVICE` says in which VPC it is, by the `Name` tag or the id, and
//! which service it leads to. So one that was deleted and created again, with another id, is the same endpoint.

mod client;
mod names;
mod preflight;
mod resolve;
mod shut;
mod spec;
mod steps;
mod trail_events;

/// The kind `vpc-endpoint`.
#[derive(Debug)]
pub struct VpcEndpoint;
