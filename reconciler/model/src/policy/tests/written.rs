//! What would be written over a live document, against brute force: it answers no request higher than the declared one.
//!
//! The judge is that of [`super::oracle`], and shares no code with what it judges. `PROPTEST_CASES` asks for more pairs than
//! the 12,000 of a usual run.

use proptest::collection::vec;
use proptest::prelude::*;
use proptest::sample::{select, subsequence};
use serde_json::{Value, json};

use super::oracle::{Parts, document, judges, pair, parts};
use super::{oracle, policy};
use crate::kept;

fn cases(usual: u32) -> ProptestConfig {
    let asked = ProptestConfig::default();
    ProptestConfig { cases: asked.cases.max(usual), failure_persistence: None, ..asked }
}

/// The statements with names of their own, so that each has its counterpart.
fn named(mut statements: Vec<Parts>) -> Vec<Parts> {
    for (index, statement) in statements.iter_mut().enumerate() {
        statement.sid = json!(format!("S{index}"));
    }
    statements
}

fn some_resources() -> impl Strategy<Value = Value> {
    let listed = ["arn:aws:s::1:x", "arn:aws:s::1:xy", "arn:aws:s::1:x*", "arn:aws:s::2:xz", "arn:aws:s:::xz"];
    subsequence(listed.to_vec(), 1..=3).prop_map(|listed| json!(listed))
}

fn some_condition() -> impl Strategy<Value = Value> {
    select(vec![
        json!({}),
        json!({}),
        json!({"StringNotEquals": {"k": "a"}}),
        json!({"StringEquals": {"k": ["a", "ab"]}}),
        json!({"Bool": {"aws:SecureTransport": "false"}}),
        json!({"NotIpAddress": {"aws:SourceIp": "10.0.0.0/8"}}),
    ])
}

/// Denials of overlapping resources beside a grant: each may be lost where the others deny the same, and only there.
fn overlapping() -> impl Strategy<Value = (Value, Value)> {
    let side = || {
        let denials = vec((some_resources(), some_condition()), 3);
        (denials, select(vec!["s:*", "*", "s:a"])).prop_map(|(denials, granted)| {
            let denials = denials.into_iter().enumerate().map(|(index, (resources, condition))| {
                json!({"Sid": format!("S{index}"), "Effect": "Deny", "Principal": "*", "Action": "s:a",
                       "Resource": resources, "Condition": condition})
            });
            let grant =
                json!({"Sid": "Grant", "Effect": "Allow", "Principal": "*", "Action": granted, "Resource": "*"});
            let statements: Vec<Value> = denials.chain([grant]).collect();
            json!({"Version": "2012-10-17", "Statement": statements})
        })
    };
    (side(), side())
}

/// The statement, protecting more as a rule.
fn strengthened(statement: &Parts, how: u8, other: &Parts) -> Parts {
    let mut stronger = statement.clone();
    match (statement.effect, how % 4) {
        ("Deny", 0) => stronger.condition = json!({}),
        ("Deny", 1) => stronger.action = ("Action".to_owned(), json!("*")),
        ("Deny", 2) => stronger.resource = Some(("Resource".to_owned(), json!("*"))),
        ("Allow", 0) => stronger.condition = other.condition.clone(),
        ("Allow", 1) => stronger.effect = "Deny",
        ("Allow", 2) => stronger.action = ("Action".to_owned(), json!("s:a")),
        _ => {}
    }
    stronger
}

/// One statement that protects less, beside several that protect more.
fn beside() -> impl Strategy<Value = (Value, Value)> {
    (vec(parts(), 2..5), vec((any::<u8>(), parts()), 4), any::<u8>()).prop_map(|(want, changes, weak)| {
        let want = named(want);
        let weak = usize::from(weak) % want.len();
        let changed = want.iter().zip(&changes).enumerate().map(|(index, (statement, (how, other)))| {
            if index != weak {
                return strengthened(statement, *how, other);
            }
            let mut weaker = statement.clone();
            match statement.effect {
                "Deny" if how % 2 == 0 => weaker.condition = other.condition.clone(),
                "Deny" => weaker.action = other.action.clone(),
                _ if how % 2 == 0 => weaker.condition = json!({}),
                _ => weaker.resource = Some(("Resource".to_owned(), json!("*"))),
            }
            weaker
        });
        (document(&changed.collect::<Vec<_>>()), document(&want))
    })
}

/// Members that became their opposites.
fn flipped() -> impl Strategy<Value = (Value, Value)> {
    let flip = |(name, value): &(String, Value)| match name.strip_prefix("Not") {
        Some(positive) => (positive.to_owned(), value.clone()),
        None => (format!("Not{name}"), value.clone()),
    };
    (vec(parts(), 1..4), vec((any::<u8>(), parts()), 3), any::<bool>()).prop_map(move |(want, changes, open)| {
        let want = named(want);
        let mut live = want.clone();
        for (statement, (how, other)) in live.iter_mut().zip(&changes) {
            match how % 4 {
                0 => statement.action = flip(&other.action),
                1 => statement.action = flip(&statement.action),
                2 => statement.resource = other.resource.as_ref().map(flip),
                _ => statement.principal = statement.principal.as_ref().map(flip),
            }
        }
        if let (true, Some((_, more))) = (open, changes.first()) {
            live.push(Parts { sid: json!("More"), ..more.clone() });
        }
        (document(&live), document(&want))
    })
}

/// A document that protects less, filled with statements that nobody declared.
fn stuffed() -> impl Strategy<Value = (Value, Value)> {
    (pair(), vec(parts(), 1..5)).prop_map(|((mut live, want), junk)| {
        let junk = junk.iter().enumerate().map(|(index, one)| {
            Parts {
                sid: json!(format!("Junk{index}")),
                effect: if index % 3 == 2 { "Allow" } else { "Deny" },
                ..one.clone()
            }
            .value()
        });
        if let Some(statements) = live["Statement"].as_array_mut() {
            statements.extend(junk);
        }
        (live, want)
    })
}

fn assert_not_weaker(live: &Value, want: &Value) -> Result<(), TestCaseError> {
    let tree = |document: &Value| json!({ "policy": policy(document.clone()).tree() });
    let (target, _) = kept::tests::written(&tree(live), &tree(want));
    let written = oracle::written(&target["policy"]);
    if target["policy"] == tree(want)["policy"] {
        return Ok(());
    }
    for judge in judges() {
        prop_assert!(!judge.higher(&written, want), "live {live}\nwant {want}\nwritten {written}");
    }
    Ok(())
}

proptest! {
    #![proptest_config(cases(3_000))]

    #[test]
    fn overlapping_denials_are_written_whole((live, want) in overlapping()) {
        assert_not_weaker(&live, &want)?;
    }

    #[test]
    fn a_loosened_statement_beside_stronger_ones_opens_nothing((live, want) in beside()) {
        assert_not_weaker(&live, &want)?;
    }

    #[test]
    fn opposites_open_nothing((live, want) in flipped()) {
        assert_not_weaker(&live, &want)?;
    }

    #[test]
    fn stuffing_opens_nothing((live, want) in stuffed()) {
        assert_not_weaker(&live, &want)?;
    }
}
