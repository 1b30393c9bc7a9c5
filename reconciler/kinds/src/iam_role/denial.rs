//! Denials that others add to a role: whether they touch what the role is granted.
//!
//! Responders put a role out of work with an inline `Deny`. Where it denies what the role has to do, such as to deliver logs,
//! it stops the control; where it denies other things alone, it takes nothing away that anybody declared.

use reconciler_model::direction::Direction;
use reconciler_model::policy::{Effect, Policy, Statement};
use serde_json::Value;

use super::limits;
use super::spec::{ATTACHED, INLINE};
use crate::statements::meet;

/// The direction of an inline policy that nobody declares, in sight of what else the live role is granted; `None` where that
/// is not known, or where the policy grants something itself.
pub(super) fn direction(live: &Value, name: &str) -> Option<Direction> {
    let inline = live.get(INLINE)?.as_object()?;
    let document = |element: &Value| Policy::from_value(element.get("policyDocument")?).ok();
    let denial = document(inline.get(name)?)?;
    if denial.statements().iter().any(|statement| statement.effect == Effect::Allow) {
        return None;
    }
    // Of policies of AWS, what they grant is not read.
    let attached = live.get(ATTACHED)?.as_object()?.iter().filter(|(arn, _)| !limits::only_denies(arn));
    let others = inline.iter().filter(|(other, _)| *other != name).chain(attached);
    let others: Vec<Policy> = others.map(|(_, element)| document(element)).collect::<Option<_>>()?;
    let all = others.iter().flat_map(Policy::statements);
    let granted: Vec<&Statement> = all.filter(|statement| statement.effect == Effect::Allow).collect();
    if granted.is_empty() {
        return None;
    }
    let touches = denial.statements().iter().any(|denied| granted.iter().any(|granted| meet(denied, granted)));
    Some(if touches { Direction::Weakened } else { Direction::Strengthened })
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn role(denial: &Value, attached: &Value) -> Value {
        let policy = |statement: &Value| {
            let document = json!({"Version": "2012-10-17", "Statement": [statement]});
            json!({"policyDocument": Policy::from_value(&document).expect("a policy").tree()})
        };
        let grant = json!({"Effect": "Allow", "Action": ["logs:PutLogEvents"], "Resource": "*"});
        json!({ INLINE: {"write": policy(&grant), "Quarantine": policy(denial)}, ATTACHED: attached })
    }

    /// A denial of what the role delivers with stops the delivery; one of other things protects; a policy that grants, or
    /// a role of which not all grants are known, is not told.
    #[test]
    fn a_denial_is_judged_by_what_it_takes_away() {
        let denies = |action: &str| json!({"Effect": "Deny", "Action": action, "Resource": "*"});
        let judged = |denial: &Value| direction(&role(denial, &json!({})), "Quarantine");
        assert_eq!(judged(&denies("*")), Some(Direction::Weakened));
        assert_eq!(judged(&denies("logs:Put*")), Some(Direction::Weakened));
        assert_eq!(
            judged(&json!({"Effect": "Deny", "NotAction": "iam:*", "Resource": "*"})),
            Some(Direction::Weakened)
        );
        assert_eq!(judged(&denies("iam:*")), Some(Direction::Strengthened));
        assert_eq!(judged(&json!({"Effect": "Allow", "Action": "iam:*", "Resource": "*"})), None);
        let attached = json!({"arn:aws:iam::111122223333:policy/usual": {}});
        assert_eq!(direction(&role(&denies("iam:*"), &attached), "Quarantine"), None);
    }
}
