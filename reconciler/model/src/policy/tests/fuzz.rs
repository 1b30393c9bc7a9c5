//! Laws that hold for any value and any text.

use proptest::collection::vec;
use proptest::prelude::*;
use proptest::sample::select;
use serde_json::{Map, Value};

use crate::policy::{Policy, Trusted, align, direction, directions, widening};

/// Names and texts of the grammar, so that the values are nearly documents.
fn word() -> impl Strategy<Value = String> {
    let known = [
        "Version",
        "2012-10-17",
        "2008-10-17",
        "Id",
        "Statement",
        "Sid",
        "A",
        "7",
        "",
        "Effect",
        "Allow",
        "Deny",
        "Principal",
        "NotPrincipal",
        "AWS",
        "Service",
        "*",
        "111122223333",
        "arn:aws:iam::111122223333:root",
        "AROAEXAMPLEID1234567",
        "Action",
        "NotAction",
        "s3:Get*",
        "S3:get?",
        "Resource",
        "NotResource",
        "arn:aws:s3:::b/*",
        "arn:aws:s3:::${aws:username}",
        "Condition",
        "StringEquals",
        "stringlike",
        "ForAnyValue:ArnLike",
        "IpAddress",
        "10.0.0.0/8",
        "::/0",
        "Null",
        "true",
        "aws:PrincipalOrgID",
        "aws:principalarn",
        "Allow+12345678",
        "é\u{1}\"",
    ];
    prop_oneof![20 => select(known.map(str::to_owned).to_vec()), 1 => any::<String>()]
}

fn anything() -> impl Strategy<Value = Value> {
    let scalar = prop_oneof![
        1 => Just(Value::Null),
        1 => any::<bool>().prop_map(Value::from),
        1 => any::<i64>().prop_map(Value::from),
        // Quarters, because `serde_json` may read other fractions one bit off.
        1 => any::<i32>().prop_map(|quarters| Value::from(f64::from(quarters) / 4.0)),
        8 => word().prop_map(Value::from),
    ];
    scalar.prop_recursive(5, 40, 5, |inner| {
        prop_oneof![
            vec(inner.clone(), 0..4).prop_map(Value::Array),
            vec((word(), inner), 0..5).prop_map(|members| Value::Object(members.into_iter().collect())),
        ]
    })
}

/// A statement in which single members are replaced by anything.
fn statement() -> impl Strategy<Value = Value> {
    let texts = || vec(word(), 0..3).prop_map(Value::from);
    let tests = vec((word(), texts()), 0..3).prop_map(|members| Value::Object(members.into_iter().collect()));
    let conditions = vec((word(), tests), 0..3).prop_map(|members| Value::Object(members.into_iter().collect()));
    let types = vec((word(), texts()), 0..3).prop_map(|members| Value::Object(members.into_iter().collect()));
    let noise = proptest::option::weighted(0.2, (word(), anything()));
    (any::<(bool, bool)>(), word(), texts(), texts(), types, conditions, noise).prop_map(
        |((deny, not), sid, action, resource, principal, condition, noise)| {
            let name = |positive: &str| if not { format!("Not{positive}") } else { positive.to_owned() };
            let mut members = Map::from_iter([
                ("Sid".to_owned(), Value::from(sid)),
                ("Effect".to_owned(), Value::from(if deny { "Deny" } else { "Allow" })),
                (name("Action"), action),
                (name("Resource"), resource),
                (name("Principal"), principal),
                ("Condition".to_owned(), condition),
            ]);
            members.extend(noise);
            Value::Object(members)
        },
    )
}

fn nearly_a_document() -> impl Strategy<Value = Value> {
    let list = vec(statement(), 0..4).prop_map(Value::Array);
    let noise = proptest::option::weighted(0.2, (word(), anything()));
    (word(), list, noise).prop_map(|(version, statements, noise)| {
        let mut members =
            Map::from_iter([("Version".to_owned(), Value::from(version)), ("Statement".to_owned(), statements)]);
        members.extend(noise);
        Value::Object(members)
    })
}

fn any_value() -> impl Strategy<Value = Value> {
    prop_oneof![1 => anything(), 3 => nearly_a_document()]
}

/// JSON text of the value with every list and every object turned around by `turn`, and escapes where they are allowed.
fn turned(value: &Value, turn: usize) -> String {
    fn around(mut texts: Vec<String>, turn: usize) -> String {
        let places = texts.len().max(1);
        texts.rotate_left(turn % places);
        if turn % 2 == 1 {
            texts.reverse();
        }
        texts.join(" , ")
    }
    match value {
        Value::Array(items) => format!("[ {} ]", around(items.iter().map(|item| turned(item, turn)).collect(), turn)),
        Value::Object(members) => {
            let member =
                |(name, value): (&String, &Value)| format!("{} : {}", Value::from(name.as_str()), turned(value, turn));
            format!("{{{}}}", around(members.iter().map(member).collect(), turn))
        }
        scalar => scalar.to_string(),
    }
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 1_500, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn nothing_panics_and_the_canonical_form_is_a_fixed_point(one in any_value(), two in any_value()) {
        let (Ok(one), two) = (Policy::from_value(&one), Policy::from_value(&two)) else { return Ok(()) };
        let tree = one.tree();
        let again = Policy::from_value(&tree).expect("a tree is a document");
        prop_assert_eq!(&again, &one);
        prop_assert_eq!(again.tree(), tree.clone());
        let read = Policy::from_text(&one.to_minified_json()).expect("what is written is a document");
        prop_assert_eq!(&read, &one);
        prop_assert_eq!(read.to_minified_json(), one.to_minified_json());
        let _ = (one.dangling_principals(), one.unknown(), widening(&one, &Trusted { accounts: &["111122223333"], organizations: &[] }));
        if let Ok(two) = two {
            let (live, want) = align(&tree, &two.tree());
            let _ = (direction(&one, &two), directions(&live, &want));
            prop_assert!(Policy::from_value(&live).is_ok_and(|live| live.is_equal(&one)));
        }
    }

    #[test]
    fn order_does_not_matter(one in nearly_a_document(), turn in 0..6_usize) {
        let Ok(read) = Policy::from_value(&one) else { return Ok(()) };
        // Lists inside unknown members are not ours to sort.
        if !read.unknown().is_empty() {
            return Ok(());
        }
        let other = Policy::from_text(&turned(&one, turn)).expect("the same document");
        prop_assert_eq!(other.tree(), read.tree());
        prop_assert_eq!(other.to_minified_json(), read.to_minified_json());
    }

    #[test]
    fn no_text_panics(text in any::<String>(), encoded in "%[0-9A-F%{}\":]{0,20}") {
        let _ = (Policy::from_text(&text), Policy::from_text(&encoded), serde_yaml::from_str::<Policy>(&text));
    }
}
