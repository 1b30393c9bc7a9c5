//! From the drift of a log group to calls.

use reconciler_model::codes;
use reconciler_model::kind::Situation;
use reconciler_model::plan::{Call, ExpectedState, Proposal, ProposedStep};
use serde_json::{Value, json};

use super::spec::{CLASS, DELIVERY, DELIVERY_DAYS, KEY, PROTECTION, RETENTION};
use crate::shared::normal::without_nulls;
use crate::shared::operations::operations;

operations! {
    /// The write operations of CloudWatch Logs that restore a log group.
    pub(super) enum Operation {
        CreateLogGroup,
        PutRetentionPolicy,
        DeleteRetentionPolicy,
        AssociateKmsKey,
        DisassociateKmsKey,
        PutLogGroupDeletionProtection,
    }
}

pub(super) fn propose(situation: &Situation<'_>) -> Proposal {
    let name = situation.name;
    let want = |member: &str| situation.target.get(member).filter(|value| !value.is_null()).cloned();
    let mut proposal = Proposal::default();
    let mut step =
        |action: &'static str, summary: String, operation: Operation, request: Value, expected_state: Value| {
            proposal.steps.push(ProposedStep {
                action,
                summary,
                call: Call::new("logs", operation.name(), request),
                expected_state: ExpectedState { tree: expected_state, ..ExpectedState::default() },
                ..ProposedStep::default()
            });
        };
    let retention_step = |step: &mut dyn FnMut(&'static str, String, Operation, Value, Value)| {
        let days = want(RETENTION);
        let (operation, request) = match &days {
            Some(days) => (Operation::PutRetentionPolicy, json!({"logGroupName": name, "retentionInDays": days})),
            None => (Operation::DeleteRetentionPolicy, json!({"logGroupName": name})),
        };
        let summary =
            days.as_ref().map_or_else(|| "keep events for ever".into(), |days| format!("keep events for {days} days"));
        step("update", summary, operation, request, json!({"retentionInDays": days}));
    };
    let Some(live) = situation.live else {
        let request = without_nulls(json!({
            "logGroupName": name,
            "kmsKeyId": want(KEY),
            "logGroupClass": want(CLASS),
            "deletionProtectionEnabled": want(PROTECTION),
        }));
        let mut expected_state = situation.target.clone();
        if let Some(members) = expected_state.as_object_mut() {
            members.remove(RETENTION);
        }
        step("create", format!("create log group {name}"), Operation::CreateLogGroup, request, expected_state);
        // A new group keeps events for ever, so only a finite retention needs a call; that of a delivery group is fixed.
        if want(RETENTION).is_some() && want(CLASS).is_none_or(|class| class != DELIVERY) {
            retention_step(&mut step);
        }
        let detail = "the events of the deleted log group cannot be restored; its tags, and its metric and subscription filters, \
                      are not declared and not known, so alarms on them stay silent until somebody makes them again";
        proposal.notes.push((codes::IMMUTABLE, detail.into()));
        return proposal;
    };
    if situation.differs_in(KEY) {
        let (operation, request, summary) = match want(KEY) {
            Some(key) => {
                let request = json!({"logGroupName": name, "kmsKeyId": key});
                (Operation::AssociateKmsKey, request, "encrypt new events with the declared key")
            }
            None => (Operation::DisassociateKmsKey, json!({"logGroupName": name}), "stop using a key of your own"),
        };
        step("update", summary.into(), operation, request, json!({"kmsKeyId": want(KEY)}));
    }
    if situation.differs_in(PROTECTION) {
        let on = want(PROTECTION).unwrap_or(Value::Bool(false));
        let request = json!({"logGroupIdentifier": name, "deletionProtectionEnabled": on});
        let expected_state = json!({"deletionProtectionEnabled": on});
        let summary = format!("set deletion protection to {on}");
        step("update", summary, Operation::PutLogGroupDeletionProtection, request, expected_state);
    }
    let account_policy = live.private_state.get("retentionPolicyName").and_then(Value::as_str);
    let fixed = live.tree.get(CLASS).is_some_and(|class| class == DELIVERY);
    if situation.differs_in(RETENTION) && account_policy.is_none() && !fixed {
        retention_step(&mut step);
    }
    if situation.differs_in(RETENTION) && fixed {
        let detail =
            format!("a log group of the class {DELIVERY} keeps events for {DELIVERY_DAYS} days, and nothing else");
        proposal.refusals.push((codes::IMMUTABLE, detail));
    }
    if let Some(policy) = account_policy.filter(|_| situation.differs_in(RETENTION)) {
        let detail = format!(
            "retentionInDays is set by the account-level policy `{policy}`; PutRetentionPolicy would change nothing"
        );
        proposal.refusals.push((codes::ACCOUNT_POLICY, detail));
    }
    if situation.differs_in(CLASS) {
        let detail = "logGroupClass cannot be changed in place; deleting the group would lose its events".into();
        proposal.refusals.push((codes::IMMUTABLE, detail));
    }
    proposal
}
