//! What statements of policies are about, for kinds that judge what others put beside a declaration.

use std::collections::BTreeSet;

use reconciler_model::direction::Direction;
use reconciler_model::policy::{Caseless, Effect, Policy, Scope, Statement};
use reconciler_model::tree::Difference;
use serde_json::json;

fn folded(listed: &BTreeSet<Caseless>) -> Vec<String> {
    listed.iter().map(Caseless::folded).collect()
}

/// Whether a denial may take away something that another statement grants.
pub(crate) fn takes_from(denial: &Statement, grant: &Statement) -> bool {
    meet(denial, grant) && may_be_on_its_resources(denial, grant)
}

/// Whether two statements may be about one action. What one of them leaves out, it is surely not about.
fn meet(one: &Statement, two: &Statement) -> bool {
    let about = |only: &BTreeSet<Caseless>, but: &BTreeSet<Caseless>| {
        let but = folded(but);
        folded(only).iter().any(|one| !but.iter().any(|left_out| matches(left_out, one)))
    };
    match (&one.action, &two.action) {
        (Scope::Only(one), Scope::Only(two)) => {
            let two = folded(two);
            folded(one).iter().any(|one| two.iter().any(|two| intersect(one, two)))
        }
        (Scope::Only(only), Scope::AllBut(but)) | (Scope::AllBut(but), Scope::Only(only)) => about(only, but),
        _ => true,
    }
}

/// Whether a denial may be on a resource that a grant is on.
fn may_be_on_its_resources(denial: &Statement, grant: &Statement) -> bool {
    let Scope::Only(granted) = &grant.resource else { return true };
    match &denial.resource {
        Scope::Unsaid => true,
        Scope::Only(denied) => denied.iter().any(|denied| {
            let denied = any_value(denied);
            granted.iter().any(|granted| intersect(&as_arn(&any_value(granted)), &denied))
        }),
        // A variable matches nothing here, so that what it may leave out counts as denied.
        Scope::AllBut(left_out) => {
            granted.iter().any(|granted| !left_out.iter().any(|pattern| matches(pattern, granted)))
        }
    }
}

/// A pattern in which any text stands for each policy variable.
fn any_value(pattern: &str) -> String {
    let mut text = String::with_capacity(pattern.len());
    let mut rest = pattern;
    while let Some((before, after)) = rest.split_once("${") {
        text.push_str(before);
        text.push('*');
        rest = after.split_once('}').map_or("", |(_, after)| after);
    }
    text + rest
}

/// Any text without a colon, in a pattern.
const WITHIN: char = '\u{1}';
const WITHIN_BYTE: u8 = 1;

/// The ARNs that a pattern is of: partition, service, region and account have no colon in them.
fn as_arn(pattern: &str) -> String {
    let parts: Vec<&str> = pattern.splitn(6, ':').collect();
    match parts[..] {
        [partition, service, region, account, kind, rest] => {
            let front = [partition, service, region, account, kind].join(":");
            format!("{}:{rest}", front.replace('*', &WITHIN.to_string()))
        }
        _ => pattern.to_owned(),
    }
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
/// what is `needed`, or nobody who needs it, it protects; where it surely keeps those from it who need it, it weakens. `None`
/// where it allows, stands in the place of a declared one, or where neither can be told.
pub(crate) fn of_denial(difference: &Difference, needed: &[&str]) -> Option<Direction> {
    let Difference { left: Some(statement), right: None, .. } = difference else { return None };
    let alone = Policy::from_value(&json!({"Version": "2012-10-17", "Statement": [statement]})).ok()?;
    let [statement] = alone.statements() else { return None };
    if statement.effect == Effect::Allow {
        return None;
    }
    if passes_those_who_need(statement) || !needed.iter().any(|action| may_be_about(statement, action)) {
        return Some(Direction::Strengthened);
    }
    (statement.condition.is_empty() && is_about_those_who_need(statement)).then_some(Direction::Weakened)
}

/// Whether one of the conditions, all of which have to hold, never holds for AWS services, nor for callers with an SDK: transport
/// without TLS or with an old one, and grants that no service makes (`kms:GrantIsForAWSResource` is true where one does). A
/// condition on a key that a request does not have does not hold either.
fn passes_those_who_need(statement: &Statement) -> bool {
    let all = |values: &BTreeSet<String>, holds: &dyn Fn(&str) -> bool| {
        !values.is_empty() && values.iter().all(|value| holds(value))
    };
    let is_false = |value: &str| value.eq_ignore_ascii_case("false");
    let is_old = |value: &str| value.parse::<f64>().is_ok_and(|version| version <= 1.2);
    statement.condition.iter().any(|(operator, tests)| {
        tests.iter().any(|(key, values)| match (operator.folded().as_str(), key.folded().as_str()) {
            ("bool", "aws:securetransport" | "kms:grantisforawsresource") => all(values, &is_false),
            ("numericlessthan", "s3:tlsversion") => all(values, &is_old),
            _ => false,
        })
    })
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
                (Some(b'*' | WITHIN_BYTE), _) if above(&row, beside) => true,
                (_, Some(b'*')) if next[beside - 1] => true,
                (Some(WITHIN_BYTE), Some(b':')) => false,
                (Some(b'*' | WITHIN_BYTE), Some(_)) => next[beside - 1],
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
    use reconciler_model::tree::Path;
    use serde_json::Value;

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

    fn statement(statement: &Value) -> Statement {
        let document = json!({"Version": "2012-10-17", "Statement": [statement]});
        Policy::from_value(&document).expect("a policy").statements()[0].clone()
    }

    #[test]
    fn a_denial_takes_from_a_grant_what_both_are_about() {
        let granted = "arn:aws:logs:*:111122223333:log-group:/own:log-stream:s";
        let grant = statement(
            &json!({"Effect": "Allow", "Action": ["logs:CreateLogStream", "logs:PutLogEvents"], "Resource": granted}),
        );
        for (action, resource, takes) in [
            (json!({"Action": "logs:*"}), json!({"Resource": "*"}), true),
            (json!({"Action": "logs:Get*"}), json!({"Resource": "*"}), false),
            (json!({"NotAction": "logs:CreateLogStream"}), json!({"Resource": "*"}), true),
            (json!({"NotAction": ["logs:CreateLogStream", "logs:put*"]}), json!({"Resource": "*"}), false),
            (json!({"NotAction": "logs:*"}), json!({"Resource": "*"}), false),
            (json!({"NotAction": "iam:*"}), json!({"Resource": "*"}), true),
            (json!({"Action": "logs:*"}), json!({"Resource": "arn:aws:logs:*:*:log-group:/other:*"}), false),
            (json!({"Action": "logs:*"}), json!({"Resource": "arn:aws:logs:eu-west-1:*"}), true),
            (json!({"Action": "logs:*"}), json!({"Resource": "arn:aws:logs:*:log-group:/own:*"}), true),
            (
                json!({"Action": "logs:*"}),
                json!({"Resource": "arn:aws:logs:*:*:log-group:${aws:PrincipalTag/group}:*"}),
                true,
            ),
            (
                json!({"Action": "logs:*"}),
                json!({"NotResource": "arn:aws:logs:*:111122223333:log-group:/own:*"}),
                false,
            ),
            (
                json!({"Action": "logs:*"}),
                json!({"NotResource": "arn:aws:logs:eu-west-1:111122223333:log-group:/own:*"}),
                true,
            ),
            (json!({"Action": "logs:*"}), json!({"NotResource": "arn:aws:logs:*:*:log-group:/other:*"}), true),
        ] {
            let mut denial = json!({"Effect": "Deny"});
            for (name, member) in action.as_object().into_iter().chain(resource.as_object()).flatten() {
                denial[name] = member.clone();
            }
            assert_eq!(takes_from(&statement(&denial), &grant), takes, "{denial}");
        }
    }

    #[test]
    fn a_denial_is_judged_by_whom_it_keeps_from_what() {
        let judged = |principal: &Value, action: &str, condition: &Value| {
            let statement = json!({"Sid": "S", "Effect": "Deny", "Principal": principal, "Action": action, "Resource": "*", "Condition": condition});
            let left = Some(statement);
            of_denial(&Difference { path: Path::root(), left, right: None }, &["kms:decrypt", "kms:get*"])
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
        for (condition, expected) in [
            (json!({"Bool": {"aws:SecureTransport": "false"}}), Some(Direction::Strengthened)),
            (json!({"bool": {"AWS:securetransport": false}}), Some(Direction::Strengthened)),
            (json!({"Bool": {"aws:SecureTransport": ["false", "true"]}}), None),
            (json!({"BoolIfExists": {"aws:SecureTransport": "false"}}), None),
            (json!({"NumericLessThan": {"s3:TlsVersion": "1.2"}}), Some(Direction::Strengthened)),
            (json!({"NumericLessThan": {"s3:TlsVersion": "1.3"}}), None),
            (json!({"Bool": {"kms:GrantIsForAWSResource": "false"}}), Some(Direction::Strengthened)),
            (json!({"Bool": {"kms:GrantIsForAWSResource": "true"}}), None),
            (json!({"StringEquals": {"aws:PrincipalOrgID": "o-exampleorg1"}}), None),
        ] {
            assert_eq!(judged(&anybody, "kms:Decrypt", &condition), expected, "{condition}");
        }
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
