//! Directions of whole documents, on documents like the real ones.

use serde_json::{Value, json};

use super::policy;
use crate::direction::Direction::{self, Neutral, Strengthened, Unknown, Weakened};
use crate::policy::direction;

/// A statement of these members, in a document of its own.
fn one(members: Value) -> Value {
    json!({"Version": "2012-10-17", "Statement": [members]})
}

fn way(live: &Value, want: &Value) -> Direction {
    direction(&policy(live.clone()), &policy(want.clone()))
}

/// The direction is `there` one way, and `back` with live and want exchanged.
fn assert_ways(live: &Value, want: &Value, there: Direction, back: Direction) {
    assert_eq!(way(live, want), there, "live {live}\nwant {want}");
    assert_eq!(way(want, live), back, "exchanged: live {want}\nwant {live}");
}

fn allow(extra: Value) -> Value {
    with(json!({"Effect": "Allow", "Principal": "*", "Action": "bedrock:InvokeModel", "Resource": "*"}), extra)
}

fn deny(extra: Value) -> Value {
    with(json!({"Effect": "Deny", "Action": "bedrock:InvokeModel", "Resource": "*"}), extra)
}

fn with(mut statement: Value, extra: Value) -> Value {
    for (name, value) in extra.as_object().expect("members") {
        statement[name] = value.clone();
    }
    statement
}

#[test]
fn a_wider_allow_protects_less() {
    let plain = one(allow(json!({})));
    for wide in [
        json!({"Action": "bedrock:*"}),
        json!({"Action": ["bedrock:InvokeModel", "bedrock:CreateGuardrail"]}),
        json!({"Action": null, "NotAction": "iam:*"}),
    ] {
        assert_ways(&one(allow(wide)), &plain, Weakened, Strengthened);
    }
    for narrow in [
        json!({"Resource": "arn:aws:bedrock:*:*:guardrail/*"}),
        json!({"Principal": {"AWS": "111122223333"}}),
        json!({"Condition": {"StringEquals": {"aws:PrincipalOrgID": "o-1"}}}),
        json!({"Condition": {"Bool": {"aws:SecureTransport": "true"}}}),
        json!({"Condition": {"StringNotEquals": {"aws:PrincipalOrgID": "o-1"}}}),
        json!({"Condition": {"IpAddress": {"aws:SourceIp": "10.0.0.0/8"}}}),
        json!({"Condition": {"DateLessThan": {"aws:CurrentTime": "2026-01-01T00:00:00Z"}}}),
        json!({"Condition": {"ForAnyValue:StringLike": {"aws:PrincipalOrgPaths": "o-1/*"}}}),
        json!({"Condition": {"Null": {"aws:PrincipalOrgID": "false"}}}),
    ] {
        assert_ways(&plain, &one(allow(narrow.clone())), Weakened, Strengthened);
    }
}

#[test]
fn a_narrower_deny_protects_less() {
    let plain = one(deny(json!({})));
    for wide in [json!({"Action": "bedrock:*"}), json!({"Action": ["bedrock:InvokeModel", "bedrock:Converse"]})] {
        assert_ways(&plain, &one(deny(wide)), Weakened, Strengthened);
    }
    for narrow in [
        json!({"Condition": {"ArnNotLike": {"bedrock:GuardrailIdentifier": "arn:aws:bedrock:*:1:guardrail/g"}}}),
        json!({"Condition": {"Null": {"aws:RequestTag/cost-center": "true"}}}),
        json!({"Resource": "arn:aws:bedrock:*::foundation-model/*"}),
        json!({"Resource": null, "NotResource": "arn:aws:bedrock:*::foundation-model/x"}),
    ] {
        assert_ways(&one(deny(narrow)), &plain, Weakened, Strengthened);
    }
    let nothing = json!({"Version": "2012-10-17", "Statement": []});
    assert_ways(&nothing, &plain, Weakened, Strengthened);
}

#[test]
fn values_of_a_condition_widen_or_narrow() {
    let tested = |operator: &str, values: Value| json!({"Condition": {operator: {"aws:SourceIp": values}}});
    for (operator, few, many) in [
        ("StringEquals", json!("a"), json!(["a", "b"])),
        ("StringLike", json!("ab*"), json!("a*")),
        ("IpAddress", json!("10.1.0.0/16"), json!("10.0.0.0/8")),
        ("ForAnyValue:StringEquals", json!("a"), json!(["a", "b"])),
        ("StringEqualsIfExists", json!("a"), json!(["a", "b"])),
    ] {
        let (few, many) = (tested(operator, few), tested(operator, many));
        assert_ways(&one(allow(many.clone())), &one(allow(few.clone())), Weakened, Strengthened);
        assert_ways(&one(deny(few)), &one(deny(many)), Weakened, Strengthened);
    }
    for (operator, few, many) in [
        ("StringNotEquals", json!("a"), json!(["a", "b"])),
        ("StringNotLike", json!("ab*"), json!("a*")),
        ("NotIpAddress", json!("10.1.0.0/16"), json!("0.0.0.0/0")),
        ("ArnNotLike", json!("arn:aws:iam::1:role/x"), json!("arn:aws:iam::*:role/*")),
    ] {
        let (few, many) = (tested(operator, few), tested(operator, many));
        assert_ways(&one(deny(many.clone())), &one(deny(few.clone())), Weakened, Strengthened);
        assert_ways(&one(allow(few)), &one(allow(many)), Weakened, Strengthened);
    }
}

#[test]
fn an_operator_that_an_absent_key_passes_is_weaker_in_an_allow() {
    let strict = one(allow(json!({"Condition": {"StringEquals": {"aws:PrincipalOrgID": "o-1"}}})));
    let loose = one(allow(json!({"Condition": {"StringEqualsIfExists": {"aws:PrincipalOrgID": "o-1"}}})));
    assert_ways(&loose, &strict, Weakened, Strengthened);
}

#[test]
fn another_operator_that_compares_less_is_narrower() {
    let tested = |operator: &str, key: &str, values: Value| json!({"Condition": {operator: {key: values}}});
    let org = "aws:PrincipalOrgID";
    for (narrow, wide) in [
        (
            tested("StringEquals", "aws:PrincipalTag/team", json!("ml-prod")),
            tested("StringLike", "aws:PrincipalTag/team", json!("ml-*")),
        ),
        (tested("StringEquals", org, json!("o-1")), tested("StringEqualsIgnoreCase", org, json!(["O-1", "o-2"]))),
        (
            tested("Bool", "aws:SecureTransport", json!(true)),
            tested("BoolIfExists", "aws:SecureTransport", json!(true)),
        ),
        (tested("StringEquals", org, json!("o-1")), tested("Null", org, json!(false))),
        (tested("StringEquals", org, json!("o-1")), tested("ForAllValues:StringEquals", org, json!("o-1"))),
    ] {
        assert_eq!(way(&one(allow(narrow.clone())), &one(allow(wide.clone()))), Strengthened, "{narrow} {wide}");
        assert_eq!(way(&one(deny(wide.clone())), &one(deny(narrow.clone()))), Strengthened, "{narrow} {wide}");
        let back = way(&one(allow(wide.clone())), &one(allow(narrow.clone())));
        assert!(matches!(back, Weakened | Unknown), "{back} {narrow} {wide}");
    }
    for (operator, other, key) in [
        ("ArnLike", "ArnEquals", "aws:PrincipalArn"),
        ("StringEquals", "ForAnyValue:StringEquals", org),
        ("StringNotEquals", "StringNotEqualsIfExists", org),
    ] {
        let of = |operator: &str| one(allow(tested(operator, key, json!("arn:aws:iam::1:role/x"))));
        assert_ways(&of(operator), &of(other), Neutral, Neutral);
    }
    // What a key with several values does without a quantifier is not known.
    let of = |operator: &str| one(allow(tested(operator, "aws:PrincipalOrgPaths", json!("o-1/r/"))));
    assert_eq!(way(&of("StringEquals"), &of("ForAnyValue:StringEquals")), Unknown);
    // The statement that lets nobody in is not one that only spells its condition otherwise.
    let literal = one(allow(tested("StringLike", org, json!("o-*"))));
    assert_eq!(way(&literal, &one(allow(tested("StringEquals", org, json!("o-*"))))), Weakened);
}

#[test]
fn what_is_different_in_both_ways_is_weakened_because_something_is_open_that_should_not_be() {
    let (one_action, other) = (one(allow(json!({"Action": "a:b"}))), one(allow(json!({"Action": "a:c"}))));
    assert_ways(&one_action, &other, Weakened, Weakened);
}

#[test]
fn statements_may_be_split_and_merged() {
    let both = one(deny(json!({"Action": ["a:b", "a:c"]})));
    let split =
        json!({"Version": "2012-10-17", "Statement": [deny(json!({"Action": "a:b"})), deny(json!({"Action": "a:c"}))]});
    assert_ways(&split, &both, Neutral, Neutral);
    let dead = json!({"Version": "2012-10-17", "Statement": [deny(json!({})), {"Effect": "Allow", "Action": "bedrock:InvokeModel", "Resource": "*"}]});
    assert_ways(&dead, &one(deny(json!({}))), Neutral, Neutral);
}

#[test]
fn a_deny_outside_the_way_of_an_allow_keeps_it_from_being_wider() {
    let want = json!({"Version": "2012-10-17", "Statement": [allow(json!({"Action": "s3:*"})), deny(json!({"Principal": "*", "Action": "s3:Delete*"}))]});
    let live = json!({"Version": "2012-10-17", "Statement": [allow(json!({"Action": ["s3:*", "s3:DeleteBucket"]})), deny(json!({"Principal": "*", "Action": "s3:Delete*"}))]});
    assert_ways(&live, &want, Neutral, Neutral);
}

#[test]
fn versions_matter_where_variables_are() {
    let of = |version: Value, resource: &str| json!({"Version": version, "Statement": [allow(json!({"Resource": resource}))]});
    let (old, new) = (json!(null), json!("2012-10-17"));
    let variable = "arn:aws:s3:::b/${aws:username}/*";
    assert_ways(&of(old.clone(), "*"), &of(new.clone(), "*"), Neutral, Neutral);
    assert_ways(&of(old, variable), &of(new.clone(), variable), Unknown, Unknown);
    assert_ways(&of(new.clone(), variable), &of(new.clone(), variable), Neutral, Neutral);
    assert_ways(&of(new.clone(), "*"), &of(new, variable), Unknown, Strengthened);
    assert_ways(&json!({"Version": "2030-01-01", "Statement": []}), &json!({"Statement": []}), Unknown, Unknown);
}

#[test]
fn an_account_and_its_role_cannot_be_compared() {
    let of = |principal: &str| one(allow(json!({"Principal": {"AWS": principal}})));
    let (account, role) = (of("111122223333"), of("arn:aws:iam::111122223333:role/x"));
    // The root user of the account is certainly new; that the role is no longer named is not certain to protect.
    assert_ways(&account, &role, Weakened, Unknown);
    assert_ways(&of("999988887777"), &role, Weakened, Weakened);
    assert_ways(&of("arn:aws:iam::111122223333:role/y"), &role, Weakened, Weakened);
    let by_key = one(allow(json!({"Condition": {"StringEquals": {"aws:PrincipalAccount": "111122223333"}}})));
    assert_ways(&by_key, &account, Unknown, Unknown);
}

#[test]
fn unknown_members_and_operators_make_it_unknown() {
    let plain = one(allow(json!({})));
    let extra = one(allow(json!({"Until": "2030"})));
    assert_ways(&extra, &plain, Unknown, Unknown);
    assert_eq!(way(&extra, &extra), Neutral);
    let of = |value: &str| one(allow(json!({"Condition": {"StringSoundsLike": {"k": value}}})));
    assert_ways(&of("a"), &of("b"), Unknown, Unknown);
    // More tests are never wider, whatever they test.
    assert_eq!(way(&of("a"), &plain), Strengthened);
    let dates = |value: &str| one(allow(json!({"Condition": {"DateLessThan": {"k": value}}})));
    assert_ways(&dates("2026-01-01T00:00:00Z"), &dates("2027-01-01T00:00:00Z"), Unknown, Unknown);
}
