//! Wide endpoint statements.

use serde_json::{Value, json};

use super::policy;
use crate::policy::{Reason, Trusted, widening};

fn reasons(principal: Value, condition: Value) -> Vec<Reason> {
    reasons_in(principal, condition, &[])
}

fn reasons_in(principal: Value, condition: Value, organizations: &[&str]) -> Vec<Reason> {
    let document = json!({"Statement": [
        {"Sid": "A", "Effect": "Allow", "Principal": principal, "Action": "*", "Resource": "*", "Condition": condition},
        {"Sid": "D", "Effect": "Deny", "Principal": "*", "Action": "*", "Resource": "*"},
    ]});
    widening(&policy(document), &Trusted { accounts: &["111122223333"], organizations })
        .into_iter()
        .map(|one| one.reason)
        .collect()
}

#[test]
fn everyone_and_foreign_accounts_need_a_tie() {
    let foreign =
        |principal: &str| Reason::Foreign { principal: principal.to_owned(), account: "999988887777".to_owned() };
    assert_eq!(reasons(json!("*"), json!({})), [Reason::Everyone]);
    assert_eq!(reasons(json!(null), json!({})), [Reason::Everyone]);
    assert_eq!(reasons(json!({"AWS": ["111122223333"]}), json!({})), []);
    let role = "arn:aws:iam::999988887777:role/x";
    assert_eq!(
        reasons(json!({"AWS": ["111122223333", "999988887777", role]}), json!({})),
        [foreign("999988887777"), foreign(role)]
    );
    assert_eq!(reasons(json!({"Service": "bedrock.amazonaws.com"}), json!({})), []);
    for key in ["aws:PrincipalOrgID", "aws:principalaccount", "aws:SourceVpc", "aws:SourceVpce", "aws:ResourceOrgID"] {
        assert_eq!(reasons(json!("*"), json!({"StringEquals": {key: "x"}})), [], "{key}");
    }
    assert_eq!(reasons(json!("*"), json!({"ForAnyValue:StringLike": {"aws:PrincipalOrgPaths": "o-1/*"}})), []);
}

#[test]
fn a_condition_that_passes_without_the_key_or_with_any_value_ties_nothing() {
    for condition in [
        json!({"StringEqualsIfExists": {"aws:PrincipalOrgID": "o-1"}}),
        json!({"StringNotEquals": {"aws:PrincipalOrgID": "o-1"}}),
        json!({"ForAllValues:StringEquals": {"aws:PrincipalOrgID": "o-1"}}),
        json!({"StringLike": {"aws:PrincipalOrgID": ["o-1", "*"]}}),
        json!({"Null": {"aws:PrincipalOrgID": "false"}}),
        json!({"Bool": {"aws:SecureTransport": "true"}}),
    ] {
        assert_eq!(reasons(json!("*"), condition.clone()), [Reason::Everyone], "{condition}");
    }
    let document = json!({"Statement": {"Sid": "A", "Effect": "Allow", "Principal": "*", "Action": "*", "Resource": "*",
        "Condition": {"StringEqualsIfExists": {"aws:PrincipalOrgID": "o-1"}}}});
    assert_eq!(
        widening(&policy(document), &Trusted::default())[0].to_string(),
        "the statement A allows every principal, without a condition on the organisation, the account or the VPC that \
         an absent key or any value would fail (StringEqualsIfExists aws:PrincipalOrgID)"
    );
}

#[test]
fn a_condition_that_ties_a_statement_to_somebody_else_ties_nothing() {
    let ours = ["o-ours123456"];
    for (key, value, elsewhere) in [
        ("aws:PrincipalOrgID", "o-ours123456", "o-theirs1234"),
        ("aws:ResourceOrgID", "o-ours123456", "o-theirs1234"),
        ("aws:PrincipalOrgPaths", "o-ours123456/r-1/ou-1/*", "o-theirs1234/r-1/*"),
        ("aws:PrincipalAccount", "111122223333", "999988887777"),
        ("aws:PrincipalArn", "arn:aws:iam::111122223333:role/*", "arn:aws:iam::999988887777:role/*"),
    ] {
        let tied = |values: Value| json!({"StringLike": {key: values}});
        assert_eq!(reasons_in(json!("*"), tied(json!(value)), &ours), [], "{key}");
        assert_eq!(reasons_in(json!("*"), tied(json!(elsewhere)), &ours), [Reason::Everyone], "{key}");
        assert_eq!(reasons_in(json!("*"), tied(json!([value, elsewhere])), &ours), [Reason::Everyone], "{key}");
        let through = json!({"StringLike": {key: elsewhere, "aws:SourceVpc": "vpc-1"}});
        assert_eq!(reasons_in(json!("*"), through, &ours), [Reason::Everyone], "{key}");
        assert_eq!(reasons_in(json!("*"), tied(json!(elsewhere)), &[]), [], "{key}: nobody knows whose it is");
    }
}
