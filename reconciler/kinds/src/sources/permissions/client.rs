//! SimulatePrincipalPolicy, and GetRole for the path of a role whose session calls.
//!
//! What the simulation cannot know is no reason to refuse a write (README.md, What does not count): policies of the organization
//! are left out of it, because their conditions are not evaluated; a denial for which it lacked the value of a condition does not
//! count, and neither does one that it puts down to the organization all the same.

use std::collections::BTreeSet;

use async_trait::async_trait;
use aws_sdk_iam::Client;
use aws_sdk_iam::types::{
    ContextEntry, ContextKeyTypeEnum, EvaluationResult, PolicyEvaluationDecisionType as Decision, PolicyIdentifier,
    PolicyIdentifierPolicyType as PolicyType,
};
use futures::future::try_join;
use reconciler_aws::client::{PermissionSource, Permissions, odd_answer};
use reconciler_aws::{CallError, Session, send};

use super::PolicySimulation;
use crate::shared::arns::EVERYTHING;

const SERVICE: &str = "iam";
const SIMULATE: &str = "SimulatePrincipalPolicy";

/// The ARN of the role or user behind a caller; `None` where there is nothing to simulate, such as for a root user.
async fn principal(session: &Session, caller: &str) -> Result<Option<String>, CallError> {
    let resource = caller.splitn(6, ':').nth(5).unwrap_or_default();
    match resource.split_once('/') {
        Some(("role" | "user", _)) => Ok(Some(caller.to_owned())),
        // The ARN of a session leaves out the path of its role.
        Some(("assumed-role", rest)) => {
            let name = rest.split('/').next().unwrap_or_default();
            let iam = session.client(Client::new);
            let answer = send!(session, SERVICE, "GetRole", iam.get_role().role_name(name)).await?;
            match answer.role {
                Some(role) => Ok(Some(role.arn)),
                None => Err(odd_answer(session, SERVICE, "GetRole", "the answer has no Role")),
            }
        }
        _ => Ok(None),
    }
}

/// Services with one endpoint for a partition see its region, not the one that is called for.
fn has_regions(action: &str) -> bool {
    !matches!(action.split(':').next(), Some("iam" | "organizations" | "sts"))
}

async fn simulate(
    session: &Session,
    principal: &str,
    actions: &BTreeSet<String>,
    arns: Option<Vec<String>>,
) -> Result<Vec<EvaluationResult>, CallError> {
    let iam = session.client(Client::new);
    let left_out = [PolicyType::Scp, PolicyType::Rcp].map(PolicyIdentifier::PolicyType);
    let region = actions.iter().all(|action| has_regions(action)).then(|| {
        ContextEntry::builder()
            .context_key_name("aws:RequestedRegion")
            .context_key_type(ContextKeyTypeEnum::String)
            .context_key_values(session.region())
            .build()
    });
    let (mut found, mut marker) = (Vec::new(), None);
    loop {
        let request = iam
            .simulate_principal_policy()
            .policy_source_arn(principal)
            .set_action_names(Some(actions.iter().cloned().collect()))
            .set_resource_arns(arns.clone())
            .set_policy_exclusion_list(Some(left_out.to_vec()))
            .set_context_entries(region.clone().map(|region| vec![region]))
            .set_marker(marker);
        let answer = send!(session, SERVICE, SIMULATE, request).await?;
        found.extend(answer.evaluation_results.unwrap_or_default());
        marker = answer.marker.filter(|_| answer.is_truncated);
        if marker.is_none() {
            return Ok(found);
        }
        if found.is_empty() {
            return Err(odd_answer(session, SERVICE, SIMULATE, "a page is empty, and there is another one"));
        }
    }
}

/// How IAM calls a denial that counts.
fn denial(decision: &Decision, missing: &[String]) -> Option<&'static str> {
    match decision {
        _ if !missing.is_empty() => None,
        Decision::ExplicitDeny => Some("explicitDeny"),
        Decision::ImplicitDeny => Some("implicitDeny"),
        _ => None,
    }
}

/// Takes what is denied. `only` is the ARN that was asked about, where it was the only one: what is said of all resources
/// together is said of it.
fn take(found: &mut Permissions, results: &[EvaluationResult], only: Option<&str>) {
    for result in results {
        if result.organizations_decision_detail().is_some_and(|detail| !detail.allowed_by_organizations()) {
            continue;
        }
        let action = result.eval_action_name();
        let mut deny = |arn: &str, decision: &Decision, missing: &[String]| {
            if let Some(word) = denial(decision, missing) {
                found.denied.insert((action.to_owned(), arn.to_owned()), word.to_owned());
            }
        };
        let each = result.resource_specific_results();
        if let Some(arn) = only.filter(|_| each.is_empty()) {
            deny(arn, result.eval_decision(), result.missing_context_values());
        }
        for one in each {
            deny(one.eval_resource_name(), one.eval_resource_decision(), one.missing_context_values());
        }
    }
}

#[async_trait]
impl PermissionSource for PolicySimulation {
    async fn permissions(
        &self,
        session: &Session,
        caller: &str,
        actions: &BTreeSet<String>,
        arns: &BTreeSet<String>,
    ) -> Result<Permissions, CallError> {
        let Some(principal) = principal(session, caller).await? else { return Ok(Permissions::default()) };
        let named: Vec<String> = arns.iter().filter(|arn| *arn != EVERYTHING).cloned().collect();
        let only = named.first().filter(|_| named.len() == 1).cloned();
        let of_named = async {
            if named.is_empty() { Ok(Vec::new()) } else { simulate(session, &principal, actions, Some(named)).await }
        };
        let of_everything = async {
            if arns.contains(EVERYTHING) { simulate(session, &principal, actions, None).await } else { Ok(Vec::new()) }
        };
        let (of_named, of_everything) = try_join(of_named, of_everything).await?;
        let mut found = Permissions { principal: principal.clone(), ..Permissions::default() };
        take(&mut found, &of_named, only.as_deref());
        take(&mut found, &of_everything, Some(EVERYTHING));
        Ok(found)
    }
}

#[cfg(test)]
mod tests {
    use aws_sdk_iam::types::{OrganizationsDecisionDetail, ResourceSpecificResult};

    use super::*;

    const ARN: &str = "arn:aws:bedrock:eu-west-1:111122223333:guardrail/a";

    fn result() -> aws_sdk_iam::types::builders::EvaluationResultBuilder {
        EvaluationResult::builder().eval_action_name("bedrock:UpdateGuardrail").eval_decision(Decision::ImplicitDeny)
    }

    fn of(arn: &str, decision: Decision) -> aws_sdk_iam::types::builders::ResourceSpecificResultBuilder {
        ResourceSpecificResult::builder().eval_resource_name(arn).eval_resource_decision(decision)
    }

    fn denied_of(
        only: Option<&str>,
        result: aws_sdk_iam::types::builders::EvaluationResultBuilder,
    ) -> Vec<(String, String)> {
        let mut found = Permissions::default();
        take(&mut found, &[result.build().expect("a result")], only);
        found.denied.into_iter().map(|((_, arn), word)| (arn, word)).collect()
    }

    fn denied(result: aws_sdk_iam::types::builders::EvaluationResultBuilder) -> Vec<(String, String)> {
        denied_of(Some(ARN), result)
    }

    #[test]
    fn each_resource_has_a_decision_of_its_own() {
        let other = ARN.replace("/a", "/b");
        let [here, there] = [of(ARN, Decision::Allowed), of(&other, Decision::ExplicitDeny)];
        let result = result()
            .resource_specific_results(here.build().expect("one"))
            .resource_specific_results(there.build().expect("one"));
        assert_eq!(denied(result), [(other, "explicitDeny".to_owned())]);
        assert_eq!(denied(self::result()), [(ARN.to_owned(), "implicitDeny".to_owned())]);
        assert_eq!(
            denied_of(None, self::result().eval_resource_name(ARN)),
            [],
            "it may be said because of another one"
        );
    }

    #[test]
    fn what_the_simulation_could_not_know_is_no_denial() {
        let missing = of(ARN, Decision::ImplicitDeny).missing_context_values("aws:MultiFactorAuthPresent");
        assert_eq!(denied(result().resource_specific_results(missing.build().expect("one"))), []);
        assert_eq!(denied(result().missing_context_values("aws:SourceVpc")), []);
        let organization = OrganizationsDecisionDetail::builder().allowed_by_organizations(false).build();
        assert_eq!(denied(result().organizations_decision_detail(organization)), []);
    }
}
