//! Every resource kind: one folder each, and one line in the registry below.
//!
//! A folder holds the normal form (`spec.rs`), the steps from drift to calls (`steps.rs`) and the resource client (`client.rs`),
//! which is the only place that names an AWS SDK crate. One kind never imports another: what they share is in `shared`, and what is
//! asked of AWS and is no kind in `sources`.

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

use reconciler_aws::client::ResourceClient;
use reconciler_model::kind::Kind;

/// The registry: a kind is known to the program by its line here, and by nothing else.
macro_rules! registry {
    ($($kind:expr,)*) => {
        /// Every kind, with its resource client. The order is that of the restore stages.
        pub const CLIENTS: &[&dyn ResourceClient] = &[$(&$kind),*];

        /// Every kind, without its resource client: all that `validate` needs.
        pub const KINDS: &[&dyn Kind] = &[$(&$kind),*];
    };
}

registry! {
    kms_key::KmsKey,
    iam_role::IamRole,
    log_group::LogGroup,
    log_bucket::LogBucket,
    invocation_logging::InvocationLogging,
    trail::Trail,
    vpc_endpoint::VpcEndpoint,
    guardrail::Guardrail,
    guardrail_resource_policy::GuardrailResourcePolicy,
    enforced_guardrail::EnforcedGuardrail,
    bedrock_policy::BedrockPolicy,
    service_control_policy::ServiceControlPolicy,
}

#[cfg(test)]
mod tests {
    use super::*;

    /// What a spec says of its members can be read, and whatever differs in a tag protects nobody.
    #[test]
    fn what_specs_say_of_their_members_is_read() {
        for kind in KINDS {
            let (contract, fields) = (kind.contract(), kind.contract().fields());
            assert_eq!(fields.malformed(), [""; 0], "{}", contract.name);
            let has_tags = fields.granular().any(|member| member == "tags");
            let tag = reconciler_model::tree::Path::of(["tags", "owner", "value"]);
            let direction = contract.direction(&tag, None, None);
            assert_eq!(has_tags, direction == reconciler_model::direction::Direction::Neutral, "{}", contract.name);
            let known = serde_json::to_string(contract.schema().as_value()).expect("a schema");
            let named = contract.hints.iter().copied().chain(contract.elsewhere);
            for member in named {
                assert!(known.contains(&format!("\"{member}\":")), "{} has no {member}", contract.name);
            }
        }
    }

    #[test]
    fn the_order_is_that_of_the_stages_and_no_name_is_there_twice() {
        let stages: Vec<u8> = KINDS.iter().map(|kind| kind.contract().stage).collect();
        assert!(stages.is_sorted(), "{stages:?}");
        let names: std::collections::BTreeSet<&str> = CLIENTS.iter().map(|client| client.kind().name()).collect();
        assert_eq!(names.len(), KINDS.len());
    }
}
