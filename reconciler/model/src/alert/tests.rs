//! Each signal with a drift that shows it, and one beside it that does not.

use serde_json::{Value, json};

use super::*;
use crate::address::Address;
use crate::control;

/// What differs in a field.
type Field = (&'static str, Value, Value, Direction);

fn drift(kind: &str, controls: &[&str], change: Change, fields: &[Field]) -> Drift {
    let fields: Vec<FieldDrift> = fields
        .iter()
        .map(|(path, live, want, direction)| FieldDrift {
            path: path.parse().expect("a path"),
            live: live.clone(),
            want: want.clone(),
            direction: *direction,
            declared_at: None,
            kept: false,
            stays: false,
            waived: None,
        })
        .collect();
    let whole = match change {
        Change::Missing => Direction::Weakened,
        _ => Direction::of_all(fields.iter().map(|field| field.direction)),
    };
    Drift {
        address: Address {
            account: "prod".to_owned(),
            region: "eu-west-1".to_owned(),
            kind: kind.to_owned(),
            name: "one".to_owned(),
        },
        kind: kind.to_owned(),
        account: "prod".to_owned(),
        region: "eu-west-1".to_owned(),
        name: "one".to_owned(),
        change,
        direction: whole,
        controls: controls.iter().map(|id| (*id).to_owned()).collect(),
        fields,
        declared_at: None,
        alerts: Vec::new(),
        context: crate::drift::Context::default(),
    }
}

/// The alerts as `CONTROL SIGNAL URGENCY`.
fn told(kind: &str, controls: &[&str], change: Change, fields: &[Field]) -> Vec<String> {
    of(control::load().expect("controls"), &drift(kind, controls, change, fields))
        .iter()
        .map(|alert| {
            let number = alert.control.trim_start_matches("aws-genai-");
            format!("{number} {} {}", alert.signal, alert.in_words())
        })
        .collect()
}

const BOTH: &[&str] = &["aws-genai-02", "aws-genai-06"];
const WEAKENED: Direction = Direction::Weakened;

fn guardrail(path: &'static str, live: Value) -> Vec<String> {
    told("guardrail", BOTH, Change::Changed, &[(path, live, json!("HIGH"), WEAKENED)])
}

#[test]
fn a_filter_that_does_nothing_pages_at_once() {
    let page = ["02 S1 page now"];
    assert_eq!(guardrail("contentPolicy.filters.HATE.inputStrength", json!("NONE")), page);
    assert_eq!(guardrail("contentPolicy.filters.HATE.outputAction", json!("NONE")), page);
    assert_eq!(guardrail("contentPolicy.filters.HATE.outputEnabled", json!(false)), page);
    assert_eq!(guardrail("contentPolicy.filters.SEXUAL", json!(null)), page);
    assert_eq!(guardrail("publishedVersion.contentPolicy.filters.INSULTS.outputStrength", json!("NONE")), page);
}

#[test]
fn a_filter_that_does_less_opens_a_ticket() {
    assert_eq!(guardrail("contentPolicy.filters.HATE.inputStrength", json!("LOW")), ["02 S4 ticket within 15 minutes"]);
    let modalities = guardrail("contentPolicy.filters.HATE.inputModalities", json!(["TEXT"]));
    assert_eq!(modalities, ["06 otherwise ticket within 15 minutes", "02 otherwise ticket within 15 minutes"]);
}

#[test]
fn a_weaker_prompt_attack_filter_opens_a_ticket_and_one_that_is_off_pages() {
    let weaker = guardrail("contentPolicy.filters.PROMPT_ATTACK.inputStrength", json!("LOW"));
    assert_eq!(weaker, ["06 S2 ticket within 15 minutes", "02 S4 ticket within 15 minutes"]);
    for (path, live) in [
        ("contentPolicy.filters.PROMPT_ATTACK.inputStrength", json!("NONE")),
        ("contentPolicy.filters.PROMPT_ATTACK.inputAction", json!("NONE")),
        ("contentPolicy.filters.PROMPT_ATTACK.inputEnabled", json!(false)),
        ("contentPolicy.filters.PROMPT_ATTACK", json!(null)),
        ("contentPolicy", json!(null)),
    ] {
        let off = guardrail(path, live);
        assert_eq!(off, ["06 S4 page now", "02 S1 page now", "06 S2 ticket within 15 minutes"], "{path}");
    }
}

#[test]
fn personal_data_that_passes_opens_a_ticket() {
    let passes = guardrail("sensitiveInformationPolicy.piiEntities.EMAIL.outputEnabled", json!(false));
    assert_eq!(passes, ["02 S5 ticket within 15 minutes"]);
}

#[test]
fn what_is_gone_pages_at_once() {
    assert_eq!(told("guardrail", BOTH, Change::Missing, &[]), ["06 S1 page now", "02 S6 page now"]);
    assert_eq!(told("enforced-guardrail", BOTH, Change::Missing, &[]), ["06 S5 page now", "02 S6 page now"]);
    assert_eq!(guardrail("publishedVersion", json!(null)), ["06 S4 page now", "02 S2 page now"]);
    assert_eq!(told("vpc-endpoint", &["aws-genai-03"], Change::Missing, &[]), ["03 S1 page now"]);
    assert_eq!(told("invocation-logging", &["aws-genai-04"], Change::Missing, &[]), ["04 S2 page now"]);
    assert_eq!(told("log-group", &["aws-genai-04"], Change::Missing, &[]), ["04 S4 page within 5 minutes"]);
    assert_eq!(told("trail", &["aws-genai-05"], Change::Missing, &[]), ["05 S4 page now"]);
    assert_eq!(told("service-control-policy", &["aws-genai-09"], Change::Missing, &[]), ["09 S4 page now"]);
    assert_eq!(
        told("service-control-policy", &["aws-genai-10"], Change::Missing, &[]),
        ["10 S4 page within 15 minutes"]
    );
}

#[test]
fn endpoints_page_when_they_are_out_of_the_dns_and_open_a_ticket_when_they_are_widened() {
    let endpoint =
        |path, live| told("vpc-endpoint", &["aws-genai-03"], Change::Changed, &[(path, live, json!(true), WEAKENED)]);
    assert_eq!(endpoint("privateDnsEnabled", json!(false)), ["03 S4 page now"]);
    let widened = "policyDocument.Statement.OrganizationOnly.Condition";
    assert_eq!(endpoint(widened, json!(null)), ["03 S2 ticket within 15 minutes"]);
    assert_eq!(endpoint("policyDocument", json!(null)), ["03 S2 ticket within 15 minutes"]);
    assert_eq!(endpoint("groups", json!([])), ["03 otherwise ticket within 15 minutes"]);
}

#[test]
fn a_flag_that_is_false_or_absent_and_a_log_group_that_is_null_page_within_five_minutes() {
    let logging = |path, live| {
        told("invocation-logging", &["aws-genai-04"], Change::Changed, &[(path, live, json!(true), WEAKENED)])
    };
    for (path, live) in [
        ("textDataDeliveryEnabled", json!(false)),
        ("embeddingDataDeliveryEnabled", json!(null)),
        ("audioDataDeliveryEnabled", json!(false)),
        ("cloudWatchConfig", json!(null)),
    ] {
        assert_eq!(logging(path, live), ["04 S1 page within 5 minutes"], "{path}");
    }
    // Prompts and answers are delivered to a place that nobody declared.
    for (path, live) in
        [("cloudWatchConfig.logGroupName", "other"), ("s3Config.bucketName", "other"), ("s3Config", "other")]
    {
        assert_eq!(logging(path, json!(live)), ["04 S4 page within 5 minutes"], "{path}");
    }
}

#[test]
fn selectors_page_at_once_when_reduced_and_within_five_minutes_when_emptied() {
    let trail = |path, live| told("trail", &["aws-genai-05"], Change::Changed, &[(path, live, json!([]), WEAKENED)]);
    let one = "advancedEventSelectors.Data/AWS::Bedrock::AgentAlias";
    assert_eq!(trail(one, json!(null)), ["05 S1 page now"]);
    assert_eq!(trail("advancedEventSelectors", json!(null)), ["05 S2 page within 5 minutes"]);
    // An emptied list shows as each of the declared selectors missing, that for management events among them.
    let missing = |kind: &'static str| (kind, json!(null), json!([]), WEAKENED);
    let fields = [missing(one), missing("advancedEventSelectors.Management")];
    let emptied = told("trail", &["aws-genai-05"], Change::Changed, &fields);
    assert_eq!(emptied, ["05 S1 page now", "05 S2 page within 5 minutes"]);
    assert_eq!(trail("isLogging", json!(false)), ["05 S4 page now"]);
    assert_eq!(trail("logFileValidationEnabled", json!(false)), ["05 otherwise ticket within 15 minutes"]);
}

#[test]
fn a_weakened_policy_pages_at_once_and_a_detached_one_within_ten_minutes() {
    let kinds = ["service-control-policy", "bedrock-policy"];
    for kind in kinds {
        let policy =
            |path, live| told(kind, &["aws-genai-09"], Change::Changed, &[(path, live, json!(true), WEAKENED)]);
        assert_eq!(policy("content.Statement.RequireGuardrail", json!(null)), ["09 S1 page now"]);
        assert_eq!(policy("targets.Workloads", json!(null)), ["09 S2 page within 10 minutes"]);
    }
    let both = told(
        "service-control-policy",
        &["aws-genai-09"],
        Change::Changed,
        &[
            ("targets.Workloads", json!(null), json!(true), WEAKENED),
            ("content.Statement.RequireGuardrail", json!(null), json!({}), Direction::Unknown),
        ],
    );
    assert_eq!(both, ["09 S1 page now", "09 S2 page within 10 minutes"], "the most urgent comes first");
}

#[test]
fn what_protects_more_or_makes_no_difference_wakes_nobody() {
    for direction in [Direction::Strengthened, Direction::Neutral] {
        let field = ("contentPolicy.filters.HATE.inputStrength", json!("HIGH"), json!("MEDIUM"), direction);
        assert_eq!(told("guardrail", BOTH, Change::Changed, &[field]), ["06 harmless inform", "02 harmless inform"]);
    }
}

#[test]
fn a_signal_for_one_field_does_not_hide_another_field_that_no_signal_is_about() {
    let fields = [
        ("contentPolicy.filters.HATE.inputStrength", json!("NONE"), json!("HIGH"), WEAKENED),
        ("kmsKeyArn", json!(null), json!("arn"), WEAKENED),
    ];
    let told = told("guardrail", BOTH, Change::Changed, &fields);
    let otherwise = ["06 otherwise ticket within 15 minutes", "02 otherwise ticket within 15 minutes"];
    assert_eq!(told[0], "02 S1 page now");
    assert_eq!(told[1..], otherwise);
}

#[test]
fn a_declaration_that_serves_no_control_has_no_alerts() {
    assert!(told("guardrail", &[], Change::Missing, &[]).is_empty());
}

#[test]
fn a_pattern_fits_segments_and_all_below_and_nothing_shorter() {
    let fits = |pattern: &str, path: &str| path_fits(&pattern.parse().expect("a path"), &path.parse().expect("a path"));
    assert!(fits("a.*.c", "a.\"b.x\".c"));
    assert!(!fits("a.*", "a.b.c"));
    assert!(!fits("a.*", "a"));
    assert!(fits("a.**", "a"));
    assert!(fits("a.**", "a.b.c"));
    assert!(fits("a.*.**", "a.b"));
    assert!(!fits("a.*.**", "a"));
    assert!(!fits("a.b", "a"));
}
