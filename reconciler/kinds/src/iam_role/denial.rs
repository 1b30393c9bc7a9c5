//! Denials that others add to a role: whether they touch what the role is granted.
//!
//! Responders put a role out of work with an inline `Deny`. Where it denies what the role has to do, such as to deliver logs,
//! it stops the control; where it denies other things alone, it takes nothing away that anybody declared.

use std::collections::BTreeSet;

use reconciler_model::direction::Direction;
use reconciler_model::policy::{Caseless, Effect, Policy, Scope, Statement};
use serde_json::Value;

use super::limits;
use super::spec::{ATTACHED, INLINE};

/// The direction of an inline policy that nobody declares, in sight of what else the live role is granted; `None` where that
/// is not known, or where the policy grants something itself.
pub(super) fn direction(live: &Value, name: &str) -> Option<Direction> {
    let inline = live.get(INLINE)?.as_object()?;
    let document = |element: &Value| Policy::from_value(element.get("policyDocument")?).ok();
    let denial = document(inline.get(name)?)?;
    if denial.statements().iter().any(|statement| statement.effect == Effect::Allow) {
        return None;
    }
    // What attached policies grant is not read.
    if live.get(ATTACHED)?.as_object()?.keys().any(|arn| !limits::only_denies(arn)) {
        return None;
    }
    let others: Option<Vec<Policy>> =
        inline.iter().filter(|(other, _)| *other != name).map(|(_, element)| document(element)).collect();
    let others = others?;
    let all = others.iter().flat_map(Policy::statements);
    let granted: Vec<&Statement> = all.filter(|statement| statement.effect == Effect::Allow).collect();
    if granted.is_empty() {
        return None;
    }
    let touches = denial.statements().iter().any(|denied| granted.iter().any(|granted| meet(denied, granted)));
    Some(if touches { Direction::Weakened } else { Direction::Strengthened })
}

/// Whether two statements may be about one action. Where one of them says what it is not about, they may.
fn meet(one: &Statement, two: &Statement) -> bool {
    let (Scope::Only(one), Scope::Only(two)) = (&one.action, &two.action) else { return true };
    let folded = |listed: &BTreeSet<Caseless>| listed.iter().map(Caseless::folded).collect::<Vec<_>>();
    let two = folded(two);
    folded(one).iter().any(|one| two.iter().any(|two| intersect(one, two)))
}

/// Whether a text exists that two patterns of `*` and `?` match: row by row, so that no pattern takes long.
fn intersect(one: &str, two: &str) -> bool {
    let (one, two) = (one.as_bytes(), two.as_bytes());
    let mut row: Vec<bool> = Vec::new();
    for at in 0..=one.len() {
        let mut next = vec![false; two.len() + 1];
        for beside in 0..=two.len() {
            let above = |row: &Vec<bool>, place: usize| row.get(place).copied().unwrap_or(false);
            let last = (at.checked_sub(1).map(|at| one[at]), beside.checked_sub(1).map(|beside| two[beside]));
            next[beside] = match last {
                (None, None) => true,
                // A star takes one more letter of the other, or none.
                (Some(b'*'), _) if above(&row, beside) => true,
                (_, Some(b'*')) if next[beside - 1] => true,
                (Some(b'*'), Some(_)) => next[beside - 1],
                (Some(_), Some(b'*')) => above(&row, beside),
                (Some(a), Some(b)) => (a == b || a == b'?' || b == b'?') && above(&row, beside - 1),
                _ => false,
            };
        }
        row = next;
    }
    row.last().copied().unwrap_or(false)
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn patterns_meet_where_one_text_fits_both() {
        for (one, two, expected) in [
            ("*", "logs:putlogevents", true),
            ("logs:*", "*:putlogevents", true),
            ("logs:put*", "logs:get*", false),
            ("logs:putlogevent?", "logs:putlogevents", true),
            ("s3:*", "logs:*", false),
            ("", "**", true),
            ("", "?", false),
            ("a*b", "a", false),
        ] {
            assert_eq!(intersect(one, two), expected, "{one} {two}");
            assert_eq!(intersect(two, one), expected, "{two} {one}");
        }
        let long = "*a".repeat(2_000);
        assert!(intersect(&long, &long));
    }

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
