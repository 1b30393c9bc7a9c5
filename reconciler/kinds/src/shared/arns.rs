//! ARNs of resources, as policies of the caller name them.

use reconciler_model::direction::Direction;
use reconciler_model::inventory::ObservedResource;
use reconciler_model::kind::Place;
use serde_json::Value;

/// What an action knows as its resource that has none.
pub(crate) const EVERYTHING: &str = "*";

/// What to write where a service always answers with the ARN of a key. Any other spelling would never converge.
pub(crate) const HOW_TO_NAME_A_KEY: &str = "write `${kms:alias/NAME}`, or the ARN of the key";

/// Whether a declared text may be the ARN of a key: it is one, or a look-up gives it.
pub(crate) fn may_be_of_a_key(text: &str) -> bool {
    text.contains("${") || (text.starts_with("arn:") && text.contains(":key/"))
}

/// The same as a regular expression, for the schema.
pub(crate) const KEY_PATTERN: &str = r"^arn:.*:key/|\$\{";
/// As [`may_be_a_bucket`].
pub(crate) const BUCKET_PATTERN: &str = r"^[^/:]*$|\$\{";
/// As [`may_be_a_role`].
pub(crate) const ROLE_PATTERN: &str = r"^arn:[^:]*:iam::[^:]*:role/|\$\{";
/// An ARN of whatever.
pub(crate) const ARN_PATTERN: &str = r"^arn:|^\$\{";

/// Whether a text may be the name of a bucket: neither its URI nor its ARN.
pub(crate) fn may_be_a_bucket(text: &str) -> bool {
    text.contains("${") || !text.contains(['/', ':'])
}

/// What is wrong with a text that is none.
pub(crate) fn no_bucket(text: &str) -> String {
    format!("`{text}` is not the name of a bucket")
}

/// What to write then.
pub(crate) const HOW_TO_NAME_A_BUCKET: &str = "write the name alone, without `s3://` and without a path";

/// Whether a text may be the ARN of a role.
pub(crate) fn may_be_a_role(text: &str) -> bool {
    let parts: Vec<&str> = text.splitn(6, ':').collect();
    text.contains("${") || matches!(parts[..], ["arn", _, "iam", "", _, role] if role.starts_with("role/"))
}

/// The ARN of a resource of a region.
pub(crate) fn arn(place: &Place<'_>, service: &str, resource: &str) -> String {
    let Place { partition, region, account_id } = place;
    format!("arn:{partition}:{service}:{region}:{account_id}:{resource}")
}

/// A member of the external id of a live resource.
pub(crate) fn known(live: Option<&ObservedResource>, member: &str) -> Option<String> {
    live?.external_id.get(member)?.as_str().map(str::to_owned)
}

/// The same, or what stands for a resource that is not there yet.
pub(crate) fn known_or(live: Option<&ObservedResource>, member: &str, otherwise: impl FnOnce() -> String) -> String {
    known(live, member).unwrap_or_else(otherwise)
}

/// The partition of a region (aws/README.md, Partitions).
pub(crate) fn partition(region: &str) -> &'static str {
    const PARTITIONS: &[(&str, &str)] = &[
        ("cn-", "aws-cn"),
        ("us-gov-", "aws-us-gov"),
        ("us-isob-", "aws-iso-b"),
        ("us-isof-", "aws-iso-f"),
        ("eu-isoe-", "aws-iso-e"),
        ("us-iso-", "aws-iso"),
        ("eusc-", "aws-eusc"),
    ];
    PARTITIONS.iter().find(|(prefix, _)| region.starts_with(prefix)).map_or("aws", |(_, partition)| partition)
}

/// The direction of an encryption key. The owner of another key than the declared one can take the data away, and so can the owner
/// of an undeclared key.
pub(crate) fn key_direction(want: Option<&Value>) -> Direction {
    match want {
        Some(_) => Direction::Weakened,
        None => Direction::Unknown,
    }
}

#[cfg(test)]
mod tests {
    use reconciler_model::address::Address;
    use reconciler_model::kind::Kind;
    use reconciler_model::plan::Call;
    use serde_json::{Value, json};

    use super::*;
    use crate::bedrock_policy::BedrockPolicy;
    use crate::enforced_guardrail::EnforcedGuardrail;
    use crate::guardrail_resource_policy::GuardrailResourcePolicy;

    const GUARDRAIL: &str = "arn:aws:bedrock:eu-west-1:111122223333:guardrail/a";

    fn arns(kind: &dyn Kind, operation: &str, request: Value, external_id: Option<Value>) -> Vec<String> {
        let place = Place { partition: "aws", region: "eu-west-1", account_id: "111122223333" };
        let call = Call::new("", operation, request);
        let part = String::new;
        let address = Address { account: part(), region: part(), kind: part(), name: part() };
        let live = external_id.map(|external_id| ObservedResource {
            address,
            tree: Value::Null,
            unknown_fields: std::collections::BTreeMap::new(),
            external_id,
            private_state: Value::Null,
            settled: true,
            unread: Default::default(),
            beside: Value::Null,
        });
        kind.arns(&call, &place, "a", live.as_ref())
    }

    /// What follows others, or is rarely declared.
    #[test]
    fn each_resource_has_the_names_that_policies_know_it_by() {
        let external_id = || Some(json!({ "guardrailArn": GUARDRAIL }));
        let kind = &GuardrailResourcePolicy;
        assert_eq!(arns(kind, "PutResourcePolicy", Value::Null, external_id()), [GUARDRAIL]);
        assert_eq!(arns(kind, "PutResourcePolicy", Value::Null, None), [""; 0]);
        let request = json!({ "guardrailInferenceConfig": { "guardrailIdentifier": GUARDRAIL } });
        let all = "arn:aws:bedrock:eu-west-1:111122223333:guardrail/*";
        let asked = arns(&EnforcedGuardrail, "PutEnforcedGuardrailConfiguration", request, None);
        assert_eq!(asked, [EVERYTHING, all, GUARDRAIL]);
        let policy = "arn:aws:organizations::111122223333:policy/o-a/bedrock_policy/p-1";
        let asked = |operation, external_id| arns(&BedrockPolicy, operation, Value::Null, external_id);
        assert_eq!(asked("UpdatePolicy", Some(json!({ "arn": policy }))), [policy]);
        assert_eq!(asked("CreatePolicy", None), [EVERYTHING]);
        assert_eq!(asked("EnablePolicyType", Some(json!({ "arn": policy }))), [""; 0]);
    }
}
