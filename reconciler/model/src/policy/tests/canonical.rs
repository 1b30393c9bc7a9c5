//! The eleven rules of the canonical form, reading and writing.

use serde_json::{Value, json};

use super::policy;
use crate::direction::Direction;
use crate::kind::{self, Origin};
use crate::policy::{Policy, align, direction};
use crate::tree::{self, Path};

fn statement(extra: Value) -> Value {
    let mut statement = json!({"Effect": "Allow", "Principal": "*", "Action": "s3:GetObject", "Resource": "*"});
    for (name, value) in extra.as_object().expect("members") {
        statement[name] = value.clone();
    }
    json!({"Version": "2012-10-17", "Statement": [statement]})
}

/// Both are equal, and aligned trees of them do not differ but for names.
fn assert_same(one: &Value, two: &Value) {
    let (one, two) = (policy(one.clone()), policy(two.clone()));
    assert!(one.is_equal(&two), "{one:?}\n{two:?}");
    assert_eq!(direction(&one, &two), Direction::Neutral);
    let (live, want) = align(&one.tree(), &two.tree());
    assert_eq!(tree::differences(&live, &want, &[]), []);
}

fn assert_different(one: &Value, two: &Value) {
    let (one, two) = (policy(one.clone()), policy(two.clone()));
    assert!(!one.is_equal(&two), "{one:?}");
    assert_ne!(tree::differences(&one.tree(), &two.tree(), &[]), []);
}

#[test]
fn spellings_that_mean_the_same_are_equal() {
    let same = [
        (json!({"Action": "s3:GetObject"}), json!({"Action": ["s3:GetObject"]}), "one text and a list of it"),
        (json!({"Action": ["a:b", "a:c"]}), json!({"Action": ["a:c", "a:b", "a:c"]}), "order and repetition"),
        (json!({"Action": ["s3:GetObject"]}), json!({"Action": ["S3:getobject", "s3:GETObject"]}), "case of actions"),
        (json!({"Principal": "*"}), json!({"Principal": {"AWS": "*"}}), "everyone"),
        (json!({"Principal": "*"}), json!({"Principal": {"AWS": ["*"]}}), "everyone, in a list"),
        (
            json!({"Principal": {"AWS": "arn:aws:iam::111122223333:root"}}),
            json!({"Principal": {"AWS": ["111122223333"]}}),
            "an account and its root",
        ),
        (
            json!({"Principal": {"AWS": "arn:aws-us-gov:iam::111122223333:root"}}),
            json!({"Principal": {"AWS": 111_122_223_333_u64}}),
            "an account of another partition, read by YAML as a number",
        ),
        (
            json!({"Condition": {"StringEquals": {"aws:PrincipalOrgID": "o-1"}}}),
            json!({"Condition": {"stringequals": {"AWS:principalorgid": ["o-1"]}}}),
            "case of operators and keys",
        ),
        (
            json!({"Condition": {"Bool": {"aws:SecureTransport": true}, "NumericLessThan": {"k": 5}}}),
            json!({"Condition": {"Bool": {"aws:SecureTransport": "true"}, "NumericLessThan": {"k": ["5"]}}}),
            "booleans and numbers as text",
        ),
        (json!({"Sid": ""}), json!({}), "an empty name"),
        (json!({"Sid": "1"}), json!({"Sid": "2"}), "numbers as names"),
        (json!({"Condition": {}}), json!({"Condition": null}), "no condition"),
        (json!({"Condition": {"StringEquals": {}}}), json!({}), "an operator that tests nothing"),
    ];
    for (one, two, reason) in same {
        assert!(policy(statement(one.clone())) == policy(statement(two.clone())), "{reason}");
        assert_same(&statement(one), &statement(two));
    }
}

#[test]
fn a_statement_and_a_list_of_one_are_the_same() {
    let list = statement(json!({}));
    let one = json!({"Version": "2012-10-17", "Statement": list["Statement"][0]});
    assert_same(&one, &list);
    assert_same(&json!({"Statement": []}), &json!({"Statement": null}));
    assert_same(&json!({"Statement": {}}), &json!({}));
}

#[test]
fn the_version_matters_and_its_absence_is_the_first_version() {
    let of = |version: Value| json!({"Version": version, "Statement": statement(json!({}))["Statement"]});
    assert_different(&of(json!(null)), &of(json!("2012-10-17")));
    assert_same(&of(json!(null)), &of(json!("2008-10-17")));
}

#[test]
fn what_means_something_else_differs() {
    assert_different(&statement(json!({})), &statement(json!({"Resource": "arn:aws:s3:::b"})));
    assert_different(&statement(json!({})), &statement(json!({"Action": null, "NotAction": "s3:GetObject"})));
    assert_different(
        &statement(json!({"Resource": "arn:aws:s3:::B"})),
        &statement(json!({"Resource": "arn:aws:s3:::b"})),
    );
    assert_different(&statement(json!({})), &statement(json!({"Principal": {"Service": "*"}})));
}

#[test]
fn the_default_policy_of_an_endpoint_is_one_in_all_its_spellings() {
    let texts = [
        r#"{"Statement":[{"Action":"*","Effect":"Allow","Principal":"*","Resource":"*"}]}"#,
        "{\n \"Version\": \"2008-10-17\",\n \"Statement\": [{\"Action\": \"*\", \"Effect\": \"Allow\", \"Principal\": \"*\", \"Resource\": \"*\"}]}",
        r#"{"Statement":{"Effect":"Allow","Principal":{"AWS":["*"]},"Action":["*"],"Resource":["*"]}}"#,
    ];
    let read = texts.map(|text| Policy::from_text(text).expect("a policy"));
    assert_eq!(read[0], read[1]);
    assert_eq!(read[0], read[2]);
    assert_eq!(
        read[0].to_minified_json(),
        r#"{"Statement":[{"Effect":"Allow","Principal":"*","Action":"*","Resource":"*"}]}"#
    );
}

#[test]
fn text_may_be_percent_encoded_and_begin_with_a_byte_order_mark() {
    let text = r#"{"Version":"2012-10-17","Statement":[{"Effect":"Allow","Action":"s3:*","Resource":"arn:aws:s3:::100%25/é+x"}]}"#;
    let encoded: String = text.bytes().map(|byte| format!("%{byte:02X}")).collect();
    let plain = Policy::from_text(text).expect("a policy");
    assert_eq!(Policy::from_text(&encoded).expect("encoded"), plain);
    assert_eq!(Policy::from_text(&format!("\u{feff} {text}\n")).expect("with a mark"), plain);
    assert_eq!(Policy::from_text(&format!("%EF%BB%BF{encoded}")).expect("an encoded mark"), plain);
    // A percent sign in plain text is text, and so is a plus sign in encoded text.
    assert!(plain.to_minified_json().contains("100%25/é+x"));
    assert_eq!(serde_json::from_value::<Policy>(json!(encoded)).expect("text in a value"), plain);
}

#[test]
fn repeated_members_are_an_error_wherever_they_are_and_however_they_are_read() {
    let texts = [
        r#"{"Statement":[],"Statement":[]}"#,
        r#"{"Statement":[{"Effect":"Deny","Effect":"Allow","Action":"*","Resource":"*"}]}"#,
        r#"{"Statement":[{"Effect":"Deny","Action":"*","Condition":{"Bool":{"k":"true","k":"false"}}}]}"#,
        r#"{"Statement":[],"Unknown":{"a":1,"a":2}}"#,
    ];
    for text in texts {
        let error = Policy::from_text(text).expect_err(text);
        assert!(std::error::Error::source(&error).is_some_and(|source| source.to_string().contains("more than once")));
        assert!(serde_json::from_str::<Policy>(text).is_err(), "{text}");
        assert!(serde_yaml::from_str::<Policy>(text).is_err(), "{text}");
        assert!(
            serde_json::from_value::<Policy>(json!(text))
                .is_err_and(|error| error.to_string().contains("more than once"))
        );
    }
    let folded = json!({"StringEquals": {"aws:PrincipalOrgID": "o-1", "aws:principalorgid": "o-2"}});
    assert!(Policy::from_value(&statement(json!({"Condition": folded}))).is_err());
    let folded = json!({"Bool": {"a": true}, "bool": {"b": true}});
    assert!(Policy::from_value(&statement(json!({"Condition": folded}))).is_err());
}

#[test]
fn what_is_not_the_grammar_is_refused_with_its_place() {
    let cases = [
        (json!({"Effect": "allow"}), "Statement.0.Effect: expected `Allow` or `Deny`, in this spelling"),
        (json!({"Effect": null}), "Statement.0: a statement needs `Effect`"),
        (json!({"Action": null}), "Statement.0: a statement needs `Action` or `NotAction`"),
        (
            json!({"NotAction": "x"}),
            "Statement.0.NotAction: a statement may not have both this member and its opposite",
        ),
        (json!({"Resource": 5}), "Statement.0.Resource: expected text, found a number"),
        (json!({"Action": [null]}), "Statement.0.Action.0: expected text, found nothing"),
        (
            json!({"Principal": "111122223333"}),
            "Statement.0.Principal: \"111122223333\" needs its type: write `AWS: \"111122223333\"`",
        ),
        (json!({"Condition": {"Bool": {"k": null}}}), "Statement.0.Condition.Bool.k: expected text, found nothing"),
    ];
    for (extra, message) in cases {
        let error = Policy::from_value(&statement(extra)).expect_err(message);
        assert_eq!(error.to_string(), message);
    }
    assert!(Policy::from_value(&json!([])).is_err());
    assert!(Policy::from_text("\"{}\"").is_err(), "text in text");
}

#[test]
fn statements_are_keyed_by_their_name_or_their_content() {
    let tree = policy(json!({"Version": "2012-10-17", "Id": "x", "Statement": [
        {"Sid": "OrgOnly", "Effect": "Allow", "Principal": "*", "Action": "bedrock:InvokeModel", "Resource": "*",
         "Condition": {"StringEquals": {"aws:PrincipalOrgID": "o-1"}}},
        {"Sid": "7", "Effect": "Deny", "Principal": "*", "Action": "*", "Resource": "*"},
    ]}))
    .tree();
    let path: Path = "Statement.OrgOnly.Condition.StringEquals.\"aws:PrincipalOrgID\"".parse().expect("a path");
    assert_eq!(tree::get(&tree, &path), Some(&json!(["o-1"])));
    let keys: Vec<&String> = tree["Statement"].as_object().expect("a map").keys().collect();
    assert_eq!(keys.len(), 2);
    assert!(keys[0].starts_with("Deny+"), "{keys:?}");
    assert_eq!(serde_json::to_value(policy(tree.clone())).expect("a tree"), tree);
}

#[test]
fn a_name_that_two_statements_have_names_neither() {
    let of = |action: &str| json!({"Sid": "A", "Effect": "Deny", "Action": action, "Resource": "*"});
    let tree = policy(json!({"Statement": [of("a:b"), of("a:c"), of("a:c")]})).tree();
    let keys: Vec<&String> = tree["Statement"].as_object().expect("a map").keys().collect();
    assert_eq!(keys.len(), 2, "{keys:?}");
    assert!(keys.iter().all(|key| key.starts_with("Deny+")));
}

#[test]
fn a_statement_may_be_called_like_a_member() {
    let named = policy(json!({"Statement": [{"Sid": "Effect", "Effect": "Deny", "Action": "*", "Resource": "*"}]}));
    assert_eq!(policy(named.tree()), named);
}

#[test]
fn unknown_members_are_kept_and_reported() {
    let read = policy(json!({"Statment": [1], "Statement": [
        {"Sid": "A", "Effect": "Deny", "Action": "*", "Resource": "*", "Until": {"b": 1, "a": null}},
    ]}));
    let unknown: Vec<String> = read.unknown().iter().map(|(path, value)| format!("{path} {value}")).collect();
    assert_eq!(unknown, ["Statment [1]", "Statement.A.Until {\"a\":null,\"b\":1}"]);
    assert_eq!(
        read.to_minified_json(),
        r#"{"Statement":[{"Sid":"A","Effect":"Deny","Action":"*","Resource":"*","Until":{"a":null,"b":1}}],"Statment":[1]}"#
    );
}

#[test]
fn unique_ids_are_found_in_principals_only() {
    let read = policy(json!({"Statement": [
        {"Sid": "A", "Effect": "Allow", "Principal": {"AWS": ["AROAEXAMPLEID1234567", "111122223333"]}, "Action": "sts:AssumeRole",
         "Condition": {"StringLike": {"aws:userId": "AIDAEXAMPLEID1234567:*"}}},
        {"Sid": "B", "Effect": "Deny", "NotPrincipal": {"AWS": "AIDAEXAMPLEID1234567"}, "Action": "*", "Resource": "*"},
        {"Sid": "C", "Effect": "Deny", "Principal": {"Service": "AROAEXAMPLEID1234567"}, "Action": "*", "Resource": "*"},
    ]}));
    let found: std::collections::BTreeSet<(String, String)> =
        read.dangling_principals().into_iter().map(|one| (one.statement, one.principal)).collect();
    let expected = [("A", "AROAEXAMPLEID1234567"), ("B", "AIDAEXAMPLEID1234567")];
    assert_eq!(found, expected.map(|(key, id)| (key.to_owned(), id.to_owned())).into());
    let role = policy(
        json!({"Statement": [{"Effect": "Allow", "Principal": {"AWS": "arn:aws:iam::111122223333:role/x"}, "Action": "sts:AssumeRole"}]}),
    );
    let gone = policy(
        json!({"Statement": [{"Effect": "Allow", "Principal": {"AWS": "AROAEXAMPLEID1234567"}, "Action": "sts:AssumeRole"}]}),
    );
    assert!(!role.is_equal(&gone));
    assert_eq!(direction(&gone, &role), Direction::Unknown, "the id may still be that role, or nobody");
}

#[test]
fn what_is_written_is_minified_and_stable() {
    let yaml = r#"
Version: "2012-10-17"
Statement:
  - Effect: Deny
    Sid: RequireGuardrail
    Resource: "*"
    Action: [bedrock:InvokeModelWithResponseStream, bedrock:InvokeModel]
    Condition:
      ArnNotLike: {"bedrock:GuardrailIdentifier": ["arn:aws:bedrock:*:111122223333:guardrail/gid:*", "arn:aws:bedrock:*:111122223333:guardrail/gid"]}
      Bool: {"aws:ViaAWSService": false}
  - Sid: Tag
    Effect: Allow
    Principal: {AWS: [arn:aws:iam::111122223333:root], Service: [bedrock.amazonaws.com]}
    NotAction: iam:*
    Resource: [é]
"#;
    let read: Policy = serde_yaml::from_str(yaml).expect("a declaration");
    let written = concat!(
        r#"{"Version":"2012-10-17","Statement":["#,
        r#"{"Sid":"RequireGuardrail","Effect":"Deny","Action":["bedrock:InvokeModel","bedrock:InvokeModelWithResponseStream"],"#,
        r#""Resource":"*","Condition":{"ArnNotLike":{"bedrock:GuardrailIdentifier":["arn:aws:bedrock:*:111122223333:guardrail/gid","#,
        r#""arn:aws:bedrock:*:111122223333:guardrail/gid:*"]},"Bool":{"aws:ViaAWSService":"false"}}},"#,
        r#"{"Sid":"Tag","Effect":"Allow","Principal":{"AWS":"111122223333","Service":"bedrock.amazonaws.com"},"NotAction":"iam:*","Resource":"é"}]}"#,
    );
    assert_eq!(read.to_minified_json(), written);
    assert_eq!(read.minified_len(), written.chars().count());
    assert!(read.minified_len() < written.len(), "characters are counted, not bytes");
    assert_eq!(Policy::from_text(written).expect("what was written"), read);
}

#[test]
fn the_service_control_bundle_fits_its_quota() {
    let read = Policy::from_text(super::leaves::BUNDLE).expect("the bundle");
    assert_eq!(read.statements().len(), 4);
    assert!((900..1_200).contains(&read.minified_len()), "{}", read.minified_len());
}

#[test]
fn the_schema_names_the_grammar() {
    let schema = schemars::schema_for!(Policy);
    let text = schema.as_value().to_string();
    for member in ["Version", "Statement", "NotPrincipal", "Condition"] {
        assert!(text.contains(&format!("\"{member}\":")), "{member}");
    }
}

/// A policy as a member of a kind's normal form: read from both origins, compared, and declared again.
#[test]
fn a_kind_holds_a_policy_as_a_member() {
    #[derive(serde::Serialize, serde::Deserialize, schemars::JsonSchema)]
    struct Spec {
        policy: Option<Policy>,
    }
    let fields = kind::Fields::of(&schemars::schema_for!(Spec));
    let text = super::leaves::BUNDLE;
    let grammar: Value = serde_json::from_str(text).expect("JSON");
    let declared = kind::normalise_as::<Spec>(&json!({"policy": grammar}), Origin::Declared, &fields);
    let live = kind::normalise_as::<Spec>(&json!({"policy": text}), Origin::Live, &fields);
    assert_eq!((&declared.problems[..], &live.problems[..]), (&[][..], &[][..]));
    assert_eq!(live.tree, declared.tree);
    assert!(live.tree["policy"]["Statement"]["NoMantle"].is_object());
    let exported = tree::listed(&live.tree, fields.list_keys());
    assert!(exported["policy"]["Statement"].is_array());
    assert_eq!(policy(exported["policy"].clone()), Policy::from_text(text).expect("a policy"));
    let wrong = kind::normalise_as::<Spec>(&json!({"policy": {"Statement": {"Effect": 1}}}), Origin::Declared, &fields);
    assert_eq!(wrong.problems[0].path, Path::of(["policy"]));
    assert!(wrong.problems[0].detail.starts_with("Statement.Effect: expected"), "{}", wrong.problems[0].detail);
}
