//! Decides which stronger live values are kept, with all that would be written beside them.
//!
//! The direction of a difference is judged alone, but all values are written together. So the target is checked as a whole,
//! and a stronger value that fails the check is replaced by the declared one.
//!
//! # Guarantees
//!
//! - A document of the target is proved to protect at least as much as the declared one, and makes a policy.
//! - A target has no problem that the declaration does not have ([`Kind::check_target`]).
//! - In a document that protects less somewhere, nothing is kept that takes away what the declaration allows: a condition
//!   beside which everybody was let in would, together with the declared one, keep everybody out.

use std::collections::BTreeSet;

use serde_json::Value;

use crate::direction::Direction;
use crate::documents;
use crate::kind::Kind;
use crate::policy::{self, Effect, Policy};
use crate::tree::{self, Difference, Path};

/// One difference, and whether the live value is kept.
#[derive(Debug, Clone)]
pub(crate) struct Found {
    /// Where, and what each side has.
    pub(crate) difference: Difference,
    /// Whether live protects less or more.
    pub(crate) direction: Direction,
    /// Whether the live value is kept.
    pub(crate) keep: bool,
}

/// The tree to reach: `right`, with what is kept. What cannot be kept no longer is.
///
/// `right` is `want` with its documents in canonical form; `live` is the whole live tree.
pub(crate) fn settle(kind: &dyn Kind, live: &Value, want: &Value, right: Value, found: &mut [Found]) -> Value {
    if found.is_empty() {
        return right;
    }
    let right = &right;
    let documents: BTreeSet<Path> = found.iter().filter_map(|one| inside(kind, one)).collect();
    for document in &documents {
        settle_document(kind, right, document, found);
    }
    let target = target(right, found);
    if !found.iter().any(|one| one.keep) {
        return target;
    }
    let (whole, want) = (laid_over(live, &target), laid_over(live, want));
    let heads = failing(kind, &whole, &want);
    if heads.is_empty() {
        return target;
    }
    // The members that the service would refuse, in the draft and in the published version; all members where that is
    // not enough.
    drop_where(found, |one| one.difference.path.parts().iter().take(2).any(|part| heads.contains(*part)));
    let whole = laid_over(live, &self::target(right, found));
    if !failing(kind, &whole, &want).is_empty() {
        drop_where(found, |_| true);
    }
    self::target(right, found)
}

/// What a write leaves behind: members that are not declared are carried.
fn laid_over(live: &Value, target: &Value) -> Value {
    let mut whole = live.clone();
    if let (Some(whole), Some(target)) = (whole.as_object_mut(), target.as_object()) {
        whole.extend(target.iter().map(|(name, member)| (name.clone(), member.clone())));
    }
    whole
}

fn drop_where(found: &mut [Found], is_dropped: impl Fn(&Found) -> bool) {
    for one in found {
        one.keep = one.keep && !is_dropped(one);
    }
}

fn target(right: &Value, found: &[Found]) -> Value {
    let mut target = right.clone();
    for Found { difference: Difference { path, left, .. }, .. } in found.iter().filter(|one| one.keep) {
        tree::set(&mut target, path, left.clone());
    }
    target
}

/// The top-level members in which the target has problems that the declaration has not.
fn failing(kind: &dyn Kind, target: &Value, want: &Value) -> BTreeSet<String> {
    let known = kind.check_target(want);
    let is_new = |path: &Path, code: &str| !known.iter().any(|known| known.path == *path && known.code == code);
    let problems = kind.check_target(target).into_iter().filter(|problem| is_new(&problem.path, problem.code));
    problems.map(|problem| problem.path.head().unwrap_or_default().to_owned()).collect()
}

/// The document that the difference lies in; `None` where it is the document.
fn inside(kind: &dyn Kind, found: &Found) -> Option<Path> {
    documents::above(kind, &found.difference.path).filter(|document| *document != found.difference.path)
}

fn settle_document(kind: &dyn Kind, right: &Value, document: &Path, found: &mut [Found]) {
    let is_inside = |one: &Found| inside(kind, one).as_ref() == Some(document);
    let wanted = tree::get(right, document).and_then(|wanted| Policy::from_value(wanted).ok());
    let Some(wanted) = wanted else { return drop_where(found, is_inside) };
    let loosened =
        found.iter().any(|one| is_inside(one) && matches!(one.direction, Direction::Weakened | Direction::Unknown));
    if loosened {
        let grants = wanted.statements().iter().any(|statement| statement.effect == Effect::Allow);
        // What such a document lacks was replaced rather than taken away.
        drop_where(found, |one| {
            is_inside(one) && (one.difference.left.is_none() || (grants && !takes_nothing(one, &wanted)))
        });
    }
    if is_proved(right, document, &wanted, found) {
        return;
    }
    drop_where(found, |one| is_inside(one) && added_denial(one).is_none());
    if !is_proved(right, document, &wanted, found) {
        drop_where(found, is_inside);
    }
}

fn is_proved(right: &Value, document: &Path, wanted: &Policy, found: &[Found]) -> bool {
    let target = target(right, found);
    let written = tree::get(&target, document).and_then(|written| Policy::from_value(written).ok());
    written.is_some_and(|written| {
        matches!(policy::direction(&written, wanted), Direction::Neutral | Direction::Strengthened)
    })
}

/// The statement, where the difference is one that is not declared and denies.
fn added_denial(found: &Found) -> Option<Policy> {
    let Difference { left: Some(left), right: None, .. } = &found.difference else { return None };
    let alone = Policy::from_value(&serde_json::json!({ "Statement": [left] })).ok()?;
    (alone.statements().iter().all(|statement| statement.effect == Effect::Deny)).then_some(alone)
}

/// Whether the difference is a denial of nothing that the document allows.
fn takes_nothing(found: &Found, wanted: &Policy) -> bool {
    added_denial(found).is_some_and(|denial| policy::takes_nothing(&denial, wanted))
}

#[cfg(test)]
pub(crate) mod tests {
    use serde_json::{Map, json};

    use super::*;
    use crate::documents::tests::Holder;

    /// What would be written over `live`, and the paths that are kept in it.
    pub(crate) fn written(live: &Value, want: &Value) -> (Value, Vec<String>) {
        let compared = documents::compare(&Holder, live.clone(), want);
        let directions = compared.directions(&Holder);
        let differences = compared.differences.iter().cloned().zip(directions);
        let mut found: Vec<Found> = differences
            .map(|(difference, direction)| Found { difference, direction, keep: direction == Direction::Strengthened })
            .collect();
        let target = settle(&Holder, live, want, compared.right, &mut found);
        let kept = found.iter().filter(|one| one.keep).map(|one| one.difference.path.to_string()).collect();
        (target, kept)
    }

    fn documents(live: &Value, want: &Value) -> (Value, Vec<String>) {
        let tree = |statements: &Value| {
            let document = json!({"Version": "2012-10-17", "Statement": statements});
            json!({ "policy": Policy::from_value(&document).expect("a policy").tree() })
        };
        let (target, kept) = written(&tree(live), &tree(want));
        (json!({ "target": target, "want": tree(want) }), kept)
    }

    fn assert_put_back(live: &Value, want: &Value) {
        let (trees, kept) = documents(live, want);
        assert_eq!((&trees["target"], kept), (&trees["want"], Vec::new()), "{live}");
    }

    fn open() -> Value {
        json!({"Sid": "Open", "Effect": "Allow", "Principal": "*", "Action": "*", "Resource": "*"})
    }

    fn organization_only() -> Value {
        json!({"Sid": "OrganizationOnly", "Effect": "Allow", "Principal": "*", "Action": "bedrock:*", "Resource": "*",
               "Condition": {"StringEquals": {"aws:PrincipalOrgID": "o-exampleorg1"}}})
    }

    #[test]
    fn half_of_a_flip_is_never_kept() {
        let mut flipped = organization_only();
        flipped.as_object_mut().expect("a statement").remove("Resource");
        flipped["NotResource"] = json!("arn:aws:bedrock:us-east-1::foundation-model/none");
        assert_put_back(&json!([flipped, open()]), &json!([organization_only()]));
        // Alone it is narrower, and kept whole.
        let (trees, kept) = documents(&json!([flipped]), &json!([organization_only()]));
        assert_eq!(kept, ["policy.Statement.OrganizationOnly"]);
        assert!(trees["target"]["policy"]["Statement"]["OrganizationOnly"].get("Resource").is_none());
    }

    #[test]
    fn denials_that_only_together_deny_what_is_declared_are_put_back() {
        let deny = |sid: &str, numbers: [&str; 2], condition: Value| {
            let resources = numbers.map(|number| format!("arn:aws:s3:::b1/{number}"));
            json!({"Sid": sid, "Effect": "Deny", "Principal": "*", "Action": "s3:GetObject", "Resource": resources,
                   "Condition": condition})
        };
        let allow = |action: &str| json!({"Sid": "S4", "Effect": "Allow", "Principal": "*", "Action": action, "Resource": "arn:aws:s3:::b1/*"});
        let elsewhere = json!({"StringNotEquals": {"aws:SourceVpce": "vpce-1"}});
        let want = json!([
            deny("S1", ["x", "6"], json!({})),
            deny("S2", ["x", "5"], json!({})),
            deny("S3", ["x", "9"], elsewhere),
            allow("s3:*"),
        ]);
        let live = json!([
            deny("S1", ["6", "7"], json!({})),
            deny("S2", ["5", "8"], json!({})),
            deny("S3", ["x", "9"], json!({})),
            allow("*"),
        ]);
        assert_put_back(&live, &want);
    }

    #[test]
    fn nobody_has_to_meet_the_condition_of_who_replaced_it() {
        let mut theirs = organization_only();
        theirs["Condition"] = json!({"StringEquals": {"aws:PrincipalAccount": "666666666666"}});
        assert_put_back(&json!([theirs]), &json!([organization_only()]));
        let only_them = json!({"Sid": "Theirs", "Effect": "Deny", "Principal": "*", "Action": "*", "Resource": "*",
                               "Condition": {"StringNotEquals": {"aws:PrincipalAccount": "666666666666"}}});
        assert_put_back(&json!([open(), only_them]), &json!([organization_only()]));
    }

    #[test]
    fn a_denial_that_takes_nothing_away_stays_beside_a_statement_that_is_put_back() {
        let denial =
            json!({"Sid": "NoDelete", "Effect": "Deny", "Principal": "*", "Action": "s3:Delete*", "Resource": "*"});
        let (_, kept) = documents(&json!([open(), denial]), &json!([organization_only()]));
        assert_eq!(kept, ["policy.Statement.NoDelete"]);
        // A document that only denies grants nothing that could be taken away.
        let deny = |sid: &str, action: &str| json!({"Sid": sid, "Effect": "Deny", "Action": action, "Resource": "*"});
        let live = json!([deny("One", "a:b"), deny("Two", "c:*")]);
        let (_, kept) = documents(&live, &json!([deny("One", "a:*"), deny("Two", "c:d")]));
        assert_eq!(kept, ["policy.Statement.Two.Action"]);
    }

    #[test]
    fn what_does_not_fit_is_not_kept_and_what_fits_is() {
        let words = |names: std::ops::Range<u32>| -> Map<String, Value> {
            names.map(|name| (format!("w{name:02}"), json!({"action": "BLOCK"}))).collect()
        };
        let want = json!({"words": words(0..8), "filters": {"A": {"strength": "HIGH"}}});
        let live =
            |junk| json!({"words": words(1..junk), "filters": {"A": {"strength": "HIGH"}, "B": {"strength": "HIGH"}}});
        // Seven of eight and three more are eleven.
        let (target, kept) = written(&live(11), &want);
        assert_eq!((&target["words"], kept), (&want["words"], vec!["filters.B".to_owned()]));
        let (target, kept) = written(&live(10), &want);
        assert_eq!((target["words"].as_object().map(Map::len), kept.len()), (Some(10), 3));
        // What nobody declared is carried whatever is kept, so that its problems are nobody's.
        let (_, kept) = written(&live(11), &json!({"filters": {"A": {"strength": "HIGH"}}, "other": 1}));
        assert!(kept.contains(&"filters.B".to_owned()), "{kept:?}");
    }
}
