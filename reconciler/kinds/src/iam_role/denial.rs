//! Denials that others add to a role: whether they touch what the role is granted.
//!
//! Responders stop a role with an inline `Deny`. A denial of its own work, such as the delivery of logs, stops the control. A
//! denial of other actions takes nothing from the declaration.

use reconciler_model::direction::Direction;
use reconciler_model::policy::{Effect, Policy, Statement};
use reconciler_model::tree::Difference;
use serde_json::{Value, json};

use super::spec::{ATTACHED, INLINE};
use super::{revocation, validation};
use crate::shared::statements::takes_from;

/// The direction of an undeclared inline policy or statement, given the grants of the live role; `None` where the grants are
/// unknown, or where it grants something itself. `may_be_over` says that every revocation of sessions lies in the past, where it
/// does not affect a service that begins a new session for each delivery.
pub(super) fn direction(live: &Value, may_be_over: bool, difference: &Difference) -> Option<Direction> {
    let Difference { path, left: Some(added), right: None } = difference else { return None };
    let (name, denial) = match path.parts()[..] {
        [INLINE, name] => (name, document(added)?),
        [INLINE, name, "policyDocument", "Statement", _] => {
            (name, Policy::from_value(&json!({"Version": "2012-10-17", "Statement": [added]})).ok()?)
        }
        _ => return None,
    };
    if denial.statements().iter().any(|statement| statement.effect == Effect::Allow) {
        return None;
    }
    let inline = live.get(INLINE)?.as_object()?;
    // One of which the extent is not known may be of the whole.
    document(inline.get(name)?)?;
    // Of policies of AWS, what they grant is not read.
    let attached = live.get(ATTACHED)?.as_object()?.iter().filter(|(arn, _)| !validation::only_denies(arn));
    let all: Vec<Policy> =
        inline.iter().chain(attached).map(|(_, element)| document(element)).collect::<Option<_>>()?;
    let all = all.iter().flat_map(Policy::statements);
    let granted: Vec<&Statement> = all.filter(|statement| statement.effect == Effect::Allow).collect();
    if granted.is_empty() {
        return None;
    }
    let denied = denial.statements().iter().filter(|denied| !(may_be_over && revocation::revokes(denied)));
    let touches = denied.clone().any(|denied| granted.iter().any(|granted| takes_from(denied, granted)));
    Some(if touches { Direction::Weakened } else { Direction::Strengthened })
}

fn document(element: &Value) -> Option<Policy> {
    Policy::from_value(element.get("policyDocument")?).ok()
}

#[cfg(test)]
mod tests {
    use reconciler_model::tree::Path;

    use super::*;

    fn policy(statement: &Value) -> Value {
        let document = json!({"Version": "2012-10-17", "Statement": [statement]});
        json!({"policyDocument": Policy::from_value(&document).expect("a policy").tree()})
    }

    fn judged(denial: &Value, attached: &Value, may_be_over: bool) -> Option<Direction> {
        let grant = json!({"Effect": "Allow", "Action": ["logs:PutLogEvents"], "Resource": "*"});
        let quarantine = policy(denial);
        let tree = json!({ INLINE: {"write": policy(&grant), "Quarantine": quarantine.clone()}, ATTACHED: attached });
        let whole = Difference { path: Path::of([INLINE, "Quarantine"]), left: Some(quarantine), right: None };
        let path = Path::of([INLINE, "write", "policyDocument", "Statement", "Deny+1"]);
        let within = Difference { path, left: Some(denial.clone()), right: None };
        let found = direction(&tree, may_be_over, &whole);
        assert_eq!(found, direction(&tree, may_be_over, &within), "{denial}");
        found
    }

    /// A denial of what the role delivers with stops the delivery; one of other things protects; a policy that grants, or
    /// a role of which not all grants are known, is not told.
    #[test]
    fn a_denial_is_judged_by_what_it_takes_away() {
        let denies = |action: &str| json!({"Effect": "Deny", "Action": action, "Resource": "*"});
        let alone = |denial: &Value| judged(denial, &json!({}), true);
        assert_eq!(alone(&denies("*")), Some(Direction::Weakened));
        assert_eq!(alone(&denies("logs:Put*")), Some(Direction::Weakened));
        for (left_out, expected) in [("iam:*", Direction::Weakened), ("logs:*", Direction::Strengthened)] {
            let denial = json!({"Effect": "Deny", "NotAction": left_out, "Resource": "*"});
            assert_eq!(alone(&denial), Some(expected), "{left_out}");
        }
        assert_eq!(alone(&denies("iam:*")), Some(Direction::Strengthened));
        assert_eq!(alone(&json!({"Effect": "Allow", "Action": "iam:*", "Resource": "*"})), None);
        let attached = json!({"arn:aws:iam::111122223333:policy/usual": {}});
        assert_eq!(judged(&denies("iam:*"), &attached, true), None);
    }

    /// Whatever it is called: the past is over, and what is to come is kept from its work.
    #[test]
    fn a_revocation_of_past_sessions_takes_nothing_from_a_service() {
        let revokes = |operator: &str| json!({"Effect": "Deny", "Action": "*", "Resource": "*", "Condition": {operator: {"aws:TokenIssueTime": "2026-01-01T00:00:00Z"}}});
        assert_eq!(judged(&revokes("DateLessThan"), &json!({}), true), Some(Direction::Strengthened));
        assert_eq!(judged(&revokes("DateLessThan"), &json!({}), false), Some(Direction::Weakened));
        assert_eq!(judged(&revokes("DateGreaterThan"), &json!({}), true), Some(Direction::Weakened));
        assert_eq!(judged(&revokes("DateLessThanIfExists"), &json!({}), true), Some(Direction::Weakened));
    }
}
