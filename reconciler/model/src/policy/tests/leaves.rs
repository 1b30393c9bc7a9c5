//! Alignment, and the direction of each leaf.

use serde_json::{Value, json};

use super::policy;
use crate::direction::Direction;
use crate::policy::{Policy, align, directions, leaf_direction};
use crate::tree::Path;

pub(super) const BUNDLE: &str = r#"{"Version":"2012-10-17","Statement":[
 {"Sid":"RequireGuardrail","Effect":"Deny","Action":["bedrock:InvokeModel","bedrock:InvokeModelWithResponseStream"],"Resource":"*","Condition":{"ArnNotLike":{"bedrock:GuardrailIdentifier":["arn:aws:bedrock:*:111122223333:guardrail/gid","arn:aws:bedrock:*:111122223333:guardrail/gid:*"],"aws:PrincipalArn":["arn:aws:iam::*:role/bedrock-agent-*","arn:aws:iam::*:role/reconciler-*"]}}},
 {"Sid":"TagGuardrails","Effect":"Deny","Action":"bedrock:CreateGuardrail","Resource":"*","Condition":{"Null":{"aws:RequestTag/cost-center":"true"}}},
 {"Sid":"NoGlobalProfiles","Effect":"Deny","Action":"bedrock:*","Resource":"*","Condition":{"StringEquals":{"aws:RequestedRegion":"unspecified"},"ArnLike":{"bedrock:InferenceProfileArn":"arn:aws:bedrock:*:*:inference-profile/global.*"}}},
 {"Sid":"NoMantle","Effect":"Deny","Action":["bedrock-mantle:CreateInference","bedrock-mantle:CallWithBearerToken"],"Resource":"*"}]}"#;

const ENDPOINT: &str = r#"{"Version":"2012-10-17","Statement":[{"Sid":"OrgOnly","Effect":"Allow","Principal":"*","Action":["bedrock:InvokeModel","bedrock:InvokeModelWithResponseStream","bedrock:ApplyGuardrail"],"Resource":"*",
 "Condition":{"StringEquals":{"aws:PrincipalOrgID":"o-xxxxxxxxxx","aws:SourceVpc":"vpc-xxxx"}}}]}"#;

/// The leaves at which the documents differ, and their directions.
fn leaves(live: &Value, want: &Value) -> Vec<String> {
    let (live, want) = align(&policy(live.clone()).tree(), &policy(want.clone()).tree());
    directions(&live, &want).into_iter().map(|(path, direction)| format!("{path} {direction}")).collect()
}

/// The leaves once `edit` has changed the text.
fn edited(text: &str, edit: impl Fn(&mut Value)) -> Vec<String> {
    let want: Value = serde_json::from_str(text).expect("JSON");
    let mut live = want.clone();
    edit(&mut live);
    leaves(&live, &want)
}

#[test]
fn sabotage_of_the_endpoint_policy_is_seen_at_the_leaf() {
    let keys = "Statement.OrgOnly.Condition.StringEquals";
    let found = edited(ENDPOINT, |live| {
        live["Statement"][0]["Condition"]["StringEquals"] = json!({"aws:SourceVpc": "vpc-xxxx"});
    });
    assert_eq!(found, [format!("{keys}.aws:PrincipalOrgID weakened")]);
    let found = edited(ENDPOINT, |live| live["Statement"][0]["Condition"] = json!(null));
    assert_eq!(found, [format!("{keys} weakened")]);
    let found = edited(ENDPOINT, |live| {
        live["Statement"][0]["Condition"]["StringEquals"]["aws:PrincipalOrgID"] = json!(["o-xxxxxxxxxx", "o-evil"]);
        live["Statement"][0]["Action"] = json!("bedrock:InvokeModel");
    });
    assert_eq!(
        found,
        ["Statement.OrgOnly.Action strengthened".to_owned(), format!("{keys}.aws:PrincipalOrgID weakened")]
    );
    let found = edited(ENDPOINT, |live| live["Statement"][0]["Action"] = json!("*"));
    assert_eq!(found, ["Statement.OrgOnly.Action weakened"]);
    // The default policy instead of ours.
    let default = json!({"Statement": [{"Action": "*", "Effect": "Allow", "Principal": "*", "Resource": "*"}]});
    let found = leaves(&default, &serde_json::from_str(ENDPOINT).expect("JSON"));
    assert!(found.iter().any(|leaf| leaf.ends_with("weakened")), "{found:?}");
}

#[test]
fn sabotage_of_the_service_control_policy_is_seen_at_the_leaf() {
    let found = edited(BUNDLE, |live| {
        live["Statement"][0]["Condition"]["ArnNotLike"]["aws:PrincipalArn"] = json!("arn:aws:iam::*:role/*");
    });
    assert_eq!(found, ["Statement.RequireGuardrail.Condition.ArnNotLike.aws:PrincipalArn weakened"]);
    let found = edited(BUNDLE, |live| live["Statement"][0]["Action"] = json!("bedrock:InvokeModel"));
    assert_eq!(found, ["Statement.RequireGuardrail.Action weakened"]);
    let found = edited(BUNDLE, |live| live["Statement"][3]["Action"] = json!("bedrock-mantle:*"));
    assert_eq!(found, ["Statement.NoMantle.Action strengthened"]);
    let found = edited(BUNDLE, |live| live["Statement"][1]["Effect"] = json!("Allow"));
    assert_eq!(found, ["Statement.TagGuardrails.Effect weakened"]);
    let found = edited(BUNDLE, |live| {
        live["Statement"].as_array_mut().expect("a list").remove(3);
    });
    assert!(
        !found.is_empty()
            && found.iter().all(|leaf| leaf.starts_with("Statement.NoMantle") && leaf.ends_with("weakened"))
    );
    let found = edited(BUNDLE, |live| {
        let all = json!({"Sid": "All", "Effect": "Deny", "Action": "bedrock:*", "Resource": "*"});
        live["Statement"].as_array_mut().expect("a list").push(all);
    });
    assert!(
        !found.is_empty()
            && found.iter().all(|leaf| leaf.starts_with("Statement.All") && leaf.ends_with("strengthened"))
    );
}

#[test]
fn a_name_is_cosmetic() {
    let found = edited(BUNDLE, |live| live["Statement"][3]["Sid"] = json!("Renamed"));
    assert_eq!(found, ["Statement.NoMantle.Sid neutral"]);
    let found = edited(BUNDLE, |live| live["Statement"][3]["Sid"] = json!("4"));
    assert_eq!(found, ["Statement.NoMantle.Sid neutral"]);
    // Two names exchanged.
    let found = edited(BUNDLE, |live| {
        live["Statement"][1]["Sid"] = json!("NoMantle");
        live["Statement"][3]["Sid"] = json!("TagGuardrails");
    });
    assert_eq!(found, ["Statement.NoMantle.Sid neutral", "Statement.TagGuardrails.Sid neutral"]);
}

#[test]
fn a_name_that_a_service_put_there_is_no_difference() {
    let want = json!({"Statement": [{"Effect": "Deny", "Action": "a:b", "Resource": "*"}]});
    let live = json!({"Statement": [{"Sid": "Injected", "Effect": "Deny", "Action": "A:B", "Resource": ["*"]}]});
    assert_eq!(leaves(&live, &want), [] as [&str; 0]);
}

#[test]
fn statements_without_names_find_their_counterpart() {
    let statement = |action: Value, condition: Value| json!({"Effect": "Deny", "Action": action, "Resource": "*", "Condition": condition});
    let tagged = json!({"Null": {"aws:RequestTag/a": "true"}});
    let want = json!({"Statement": [
        statement(json!("a:b"), tagged.clone()), statement(json!("a:c"), tagged.clone()), statement(json!(["a:d", "a:e"]), json!({})),
    ]});
    let live = json!({"Statement": [
        statement(json!(["a:d", "a:e", "a:f"]), json!({})), statement(json!("a:c"), tagged), statement(json!("a:b"), json!({})),
    ]});
    let found = leaves(&live, &want);
    let ends = |end: &str| found.iter().filter(|leaf| leaf.ends_with(end)).count();
    assert_eq!(
        (found.len(), ends(".Action strengthened"), ends(".Condition.Null strengthened")),
        (2, 1, 1),
        "{found:?}"
    );
}

#[test]
fn two_denies_that_are_the_same_cannot_both_be_lost() {
    let of = |sid: &str, resource: &str| json!({"Sid": sid, "Effect": "Deny", "Action": "a:b", "Resource": resource});
    let want = json!({"Statement": [of("A", "*"), of("B", "*")]});
    let live = json!({"Statement": [of("A", "arn:aws:s3:::x"), of("B", "arn:aws:s3:::y")]});
    // Either alone would be neutral; together they open everything else.
    assert_eq!(leaves(&live, &want), ["Statement.A.Resource weakened", "Statement.B.Resource weakened"]);
    let half = json!({"Statement": [of("A", "*"), of("B", "arn:aws:s3:::y")]});
    assert_eq!(leaves(&half, &want), ["Statement.B.Resource neutral"]);
}

#[test]
fn opposites_go_together() {
    let of = |member: &str, value: &str| json!({"Statement": [{"Sid": "A", "Effect": "Deny", member: value, "Resource": "*"}]});
    assert_eq!(
        leaves(&of("NotAction", "b:*"), &of("Action", "a:*")),
        ["Statement.A.Action strengthened", "Statement.A.NotAction strengthened"]
    );
    assert_eq!(
        leaves(&of("Action", "a:*"), &of("NotAction", "b:*")),
        ["Statement.A.Action weakened", "Statement.A.NotAction weakened"]
    );
}

#[test]
fn one_leaf_can_be_asked_for() {
    let want = Policy::from_text(ENDPOINT).expect("a policy").tree();
    let mut live = want.clone();
    live["Statement"]["OrgOnly"]["Principal"] = json!({"AWS": ["*"], "Service": ["x.amazonaws.com"]});
    let path = Path::of(["Statement", "OrgOnly", "Principal", "Service"]);
    assert_eq!(leaf_direction(&path, &live, &want), Direction::Unknown, "whether everyone includes services");
    assert_eq!(leaf_direction(&Path::of(["Version"]), &live, &want), Direction::Neutral);
}

#[test]
fn what_is_no_document_is_unknown_and_untouched() {
    let (live, want) = (json!({"Statement": 5}), json!({"Statement": {}}));
    assert_eq!(align(&live, &want), (live.clone(), want.clone()));
    assert_eq!(directions(&live, &want), [(Path::of(["Statement"]), Direction::Unknown)]);
}

/// Not a measurement: what would take minutes must not get in unseen.
#[test]
fn a_large_document_full_of_what_cannot_be_decided_does_not_take_for_ever() {
    let of = |variable: &str| {
        let statement = |index: usize| {
            let key = |name: &str| format!("aws:RequestTag/{name}{index}");
            json!({
                "Sid": format!("S{index}"), "Effect": if index < 20 { "Allow" } else { "Deny" },
                "Action": (0..20).map(|action| format!("s{action}:*Do{index}?")).collect::<Vec<_>>(),
                "Resource": [format!("arn:aws:s3:::b{index}/${{aws:{variable}}}/*"), format!("arn:aws:s3:::c{index}*/x?y")],
                "Condition": {"StringLike": {key("a"): ["a*", "b*c"], key("b"): "x"}, "DateLessThan": {key("c"): variable}},
            })
        };
        json!({"Version": "2012-10-17", "Statement": (0..40).map(statement).collect::<Vec<_>>()})
    };
    let found = leaves(&of("one"), &of("two"));
    assert_eq!(found.len(), 80);
    assert!(found.iter().all(|leaf| leaf.ends_with("unknown")), "{found:?}");
}
