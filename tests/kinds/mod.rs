//! Stories of the kinds: one file for each, named as the kind is, with the generator of its random specs.
//!
//! The invariants in the folder beside take every kind from [`GENERATORS`]; a test holds this list against the
//! registry.

mod bedrock_policy;
mod enforced_guardrail;
pub(crate) mod guardrail;
mod guardrail_resource_policy;
mod iam_role;
mod invocation_logging;
mod kms_key;
mod log_bucket;
mod log_group;
mod service_control_policy;
mod trail;
mod vpc_endpoint;

use reconciler_tests::generate::Generator;

/// The generator of every kind.
pub(crate) const GENERATORS: &[Generator] = &[
    bedrock_policy::GENERATOR,
    enforced_guardrail::GENERATOR,
    guardrail::GENERATOR,
    guardrail_resource_policy::GENERATOR,
    iam_role::GENERATOR,
    invocation_logging::GENERATOR,
    kms_key::GENERATOR,
    log_bucket::GENERATOR,
    log_group::GENERATOR,
    service_control_policy::GENERATOR,
    trail::GENERATOR,
    vpc_endpoint::GENERATOR,
];
