//! Every resource kind: one folder each, and one line in [`EDGES`].
//!
//! A folder holds the normal form (`spec.rs`), the steps from drift to calls (`steps.rs`) and the edge (`edge.rs`), which is
//! the only place that names an AWS SDK crate. One kind never imports another: what they share is in `shared`, and what is asked of
//! AWS and is no kind in `sources`.

pub mod bedrock_policy;
#[cfg(test)]
mod cases;
pub mod enforced_guardrail;
pub mod guardrail;
pub mod guardrail_resource_policy;
pub mod iam_role;
pub mod invocation_logging;
pub mod kms_key;
pub mod log_bucket;
pub mod log_group;
pub mod service_control_policy;
mod shared;
pub mod sources;
pub mod trail;
pub mod vpc_endpoint;

use reconciler_aws::edge::Edge;
use reconciler_model::kind::Kind;

/// Every kind, with its edge. The order is that of the restore stages.
pub const EDGES: &[&dyn Edge] = &[
    &kms_key::KmsKey,
    &iam_role::IamRole,
    &log_group::LogGroup,
    &log_bucket::LogBucket,
    &invocation_logging::InvocationLogging,
    &trail::Trail,
    &vpc_endpoint::VpcEndpoint,
    &guardrail::Guardrail,
    &guardrail_resource_policy::GuardrailResourcePolicy,
    &enforced_guardrail::EnforcedGuardrail,
    &bedrock_policy::BedrockPolicy,
    &service_control_policy::ServiceControlPolicy,
];

/// Every kind, without its edge: all that `validate` needs.
pub const KINDS: &[&dyn Kind] = &[
    &kms_key::KmsKey,
    &iam_role::IamRole,
    &log_group::LogGroup,
    &log_bucket::LogBucket,
    &invocation_logging::InvocationLogging,
    &trail::Trail,
    &vpc_endpoint::VpcEndpoint,
    &guardrail::Guardrail,
    &guardrail_resource_policy::GuardrailResourcePolicy,
    &enforced_guardrail::EnforcedGuardrail,
    &bedrock_policy::BedrockPolicy,
    &service_control_policy::ServiceControlPolicy,
];
