//! What statements of policies are about, for kinds that judge what others put beside a declaration.

use std::collections::BTreeSet;

use reconciler_model::direction::Direction;
use reconciler_model::policy::{Caseless, Effect, Policy, Scope, Statement};
use serde_json::{Value, json};

fn folded(listed: &BTreeSet<Caseless>) -> Vec<String> {
    listed.iter().map(Caseless::folded).collect()
}

/// Whether two statements may be about one action. Where one of them says what it is not about, they may.
pub(crate) fn meet(one: &Statement, two: &Statement) -> bool {
    let (Scope::Only(one), Scope::Only(two)) = (&one.action, &two.action) else { return true };
    let two = folded(two);
    folded(one).iter().any(|one| two.iter().any(|two| intersect(one, two)))
}

/// Whether a statement may be about an action that a pattern of small letters matches.
pub(crate) fn may_be_about(statement: &Statement, pattern: &str) -> bool {
    match &statement.action {
        Scope::Unsaid => false,
        Scope::Only(listed) => folded(listed).iter().any(|one| intersect(one, pattern)),
        Scope::AllBut(listed) => !folded(listed).iter().any(|one| matches(one, pattern)),
    }
}

/// Whether a statement is surely about whatever a pattern of small letters matches.
pub(crate) fn is_about(statement: &Statement, pattern: &str) -> bool {
    match &statement.action {
        Scope::Unsaid => false,
        Scope::Only(listed) => folded(listed).iter().any(|one| matches(one, pattern)),
        Scope::AllBut(listed) => !folded(listed).iter().any(|one| intersect(one, pattern)),
    }
}

/// Whether a statement is surely about every resource that another one names.
pub(crate) fn is_about_its_resources(statement: &Statement, other: &Statement) -> bool {
    let Scope::Only(all) = &statement.resource else { return false };
    if all.contains("*") {
        return true;
    }
    let Scope::Only(named) = &other.resource else { return false };
    named.iter().all(|name| all.iter().any(|pattern| matches(pattern, name)))
}

/// The direction of a statement that a resource policy has beside the declared ones and that denies. Where it touches nothing of
/// what is `needed`, it protects; where it surely keeps those from it who need it, it weakens. `None` where it allows, or where
/// neither can be told.
pub(crate) fn of_denial(policy: &Value, name: &str, needed: &[&str]) -> Option<Direction> {
    let statement = policy.get("Statement")?.get(name)?;
    let alone = Policy::from_value(&json!({"Version": "2012-10-17", "Statement": { name: statement }})).ok()?;
    let [statement] = alone.statements() else { return None };
    if statement.effect == Effect::Allow {
        return None;
    }
    if !needed.iter().any(|action| may_be_about(statement, action)) {
        return Some(Direction::Strengthened);
    }
    (statement.condition.is_empty() && is_about_those_who_need(statement)).then_some(Direction::Weakened)
}

/// Whether a statement is about services, about the reconciler, or about whole accounts.
fn is_about_those_who_need(statement: &Statement) -> bool {
    match &statement.principal {
        Scope::Unsaid => false,
        Scope::AllBut(_) => true,
        Scope::Only(principals) => principals.iter().any(|(of, names)| {
            let is_one = |name: &String| {
                name == "*" || name.bytes().all(|byte| byte.is_ascii_digit()) || name.ends_with(OWN_ROLE)
            };
            of == "Service" || (of == "AWS" && names.iter().any(is_one))
        }),
    }
}

/// The end of the ARN of the reconciler's role as it is set up.
const OWN_ROLE: &str = ":role/bedrock-reconciler";

/// The patterns of the actions that statements allow, in small letters, with the statement of each.
pub(crate) fn allowed(policy: &Policy) -> impl Iterator<Item = (String, &Statement)> {
    let allows = policy.statements().iter().filter(|statement| statement.effect == Effect::Allow);
    allows.flat_map(|statement| {
        let listed = match &statement.action {
            Scope::Only(listed) => folded(listed),
            _ => Vec::new(),
        };
        listed.into_iter().map(move |pattern| (pattern, statement))
    })
}

/// Whether a pattern of `*` and `?` matches a whole text. Of a text that is itself a pattern, everything that it matches.
pub(crate) fn matches(pattern: &str, text: &str) -> bool {
    let (pattern, text) = (pattern.as_bytes(), text.as_bytes());
    let (mut at, mut upto) = (0, 0);
    let mut star: Option<(usize, usize)> = None;
    while upto < text.len() {
        match pattern.get(at) {
            Some(b'*') => {
                star = Some((at, upto));
                at += 1;
            }
            // A star of the text is any number of letters, and no one of them.
            Some(letter) if *letter == text[upto] || (*letter == b'?' && text[upto] != b'*') => {
                (at, upto) = (at + 1, upto + 1);
            }
            _ => {
                // Let the last star take one more letter.
                let Some((began, taken)) = star else { return false };
                star = Some((began, taken + 1));
                (at, upto) = (began + 1, taken + 1);
            }
        }
    }
    pattern[at..].iter().all(|letter| *letter == b'*')
}

/// Whether a text exists that two patterns of `*` and `?` match: row by row, so that no pattern takes long.
pub(crate) fn intersect(one: &str, two: &str) -> bool {
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

    #[test]
    fn a_denial_is_judged_by_whom_it_keeps_from_what() {
        let judged = |principal: &Value, action: &str, condition: &Value| {
            let statement = json!({"Sid": "S", "Effect": "Deny", "Principal": principal, "Action": action, "Resource": "*", "Condition": condition});
            let policy =
                Policy::from_value(&json!({"Version": "2012-10-17", "Statement": [statement]})).expect("a policy");
            of_denial(&policy.tree(), "S", &["kms:decrypt", "kms:get*"])
        };
        let (anybody, none) = (json!("*"), json!({}));
        assert_eq!(judged(&anybody, "kms:ScheduleKeyDeletion", &none), Some(Direction::Strengthened));
        for action in ["*", "kms:De*", "kms:GetKeyPolicy"] {
            assert_eq!(judged(&anybody, action, &none), Some(Direction::Weakened), "{action}");
        }
        let role = |name: &str| json!({ "AWS": format!("arn:aws:iam::111122223333:role/{name}") });
        assert_eq!(judged(&role("bedrock-reconciler"), "kms:Get*", &none), Some(Direction::Weakened));
        assert_eq!(judged(&role("somebody"), "kms:Get*", &none), None);
        assert_eq!(judged(&json!({"Service": "logs.amazonaws.com"}), "kms:Decrypt", &none), Some(Direction::Weakened));
        let insecure = json!({"Bool": {"aws:SecureTransport": "false"}});
        assert_eq!(judged(&anybody, "kms:Decrypt", &insecure), None);
    }

    #[test]
    fn patterns_match_whole_texts() {
        for (pattern, text, matched) in [
            ("*", "bedrock:getguardrail", true),
            ("bedrock:get*rail", "bedrock:getguardrail", true),
            ("bedrock:get", "bedrock:getguardrail", false),
            ("*guard*guard*", "bedrock:getguardrail", false),
            ("?edrock:getguardrail**", "bedrock:getguardrail", true),
            ("logs:*", "logs:put*", true),
            ("logs:put?", "logs:put*", false),
        ] {
            assert_eq!(matches(pattern, text), matched, "{pattern} {text}");
        }
    }
}
