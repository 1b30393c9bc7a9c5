//! AWS fails: every failure says what to do, and what could not be read is unknown, never absent.

use reconciler_emulator::{Effect, Match};
use serde_json::Value;

use crate::harness::{Aws, TestEnvironment, block_on};
use reconciler_tests::direct_client::DirectClient;

const PROD: &str = "222233334444";
const STAGING: &str = "333344445555";

fn operation(name: &str) -> Match {
    Match { operation: Some(name.to_owned()), ..Match::default() }
}

fn operation_in(name: &str, account: &str) -> Match {
    Match { account: Some(account.to_owned()), ..operation(name) }
}

/// The plan of an environment, which has to have gaps with this code, and no drift.
#[track_caller]
fn only_gaps(environment: &TestEnvironment, code: &str) -> Value {
    let plan = environment.run(&["--output", "json", "plan"]).exits(3).json();
    assert_eq!(plan["drift"], Value::Array(Vec::new()), "a gap is not an absence");
    assert_eq!(plan["steps"], Value::Array(Vec::new()));
    let gaps = plan["gaps"].as_array().expect("gaps");
    assert!(!gaps.is_empty() && gaps.iter().all(|gap| gap["code"] == code), "{gaps:?}");
    plan
}

#[test]
fn without_credentials_the_hint_says_where_to_get_some() {
    let environment = TestEnvironment::new();
    for command in [&["plan"][..], &["enforce", "--once"], &["export"], &["restore", "--yes", "aws-genai-04"]] {
        let _ = environment.run(command).exits(1).says(&["error[BRX2003]", "aws sso login", "--aws embedded"]);
    }
}

#[test]
fn expired_credentials_are_told_apart_from_missing_ones() {
    let aws = Aws::scenario("in-sync");
    aws.always(Match::default(), Effect::Expired);
    let environment = TestEnvironment::on(&aws);
    let _ = environment.run(&["plan"]).exits(1).says(&["error[BRX2004]", "refresh the credentials", "aws sso login"]);
}

#[test]
fn credentials_that_expire_between_two_calls_leave_a_gap() {
    let aws = Aws::scenario("in-sync");
    aws.always(operation_in("ListGuardrails", PROD), Effect::Expired);
    let environment = TestEnvironment::on(&aws);
    let _ = only_gaps(&environment, "BRX2004");
    let _ = environment.run(&["plan"]).exits(3).prints(&["not evaluated [BRX2004]", "refresh the credentials"]);
}

#[test]
fn without_a_network_the_hint_names_what_to_check() {
    let environment = TestEnvironment::new().credentials().variable("AWS_ENDPOINT_URL", "http://127.0.0.1:1");
    let _ = environment.run(&["plan"]).exits(1).says(&["error[BRX2005]", "AWS_ENDPOINT_URL", "HTTPS_PROXY"]);
}

#[test]
fn a_region_that_is_not_enabled_is_a_gap_of_that_region() {
    let aws = Aws::scenario("in-sync");
    let region = Match { region: Some("eu-west-1".to_owned()), ..Match::default() };
    let message = "The security token included in the request is invalid.".to_owned();
    aws.always(region, Effect::Error { code: "UnrecognizedClientException".to_owned(), status: 400, message });
    let environment = TestEnvironment::on(&aws);
    let plan = only_gaps(&environment, "BRX2006");
    // With the policy of the organization: the guardrails of that region which it names are pinned.
    let other = environment.run(&["--output", "json", "plan", "--address", "*/us-east-1/*"]).exits(3).json();
    let complete = other["summary"]["addresses"].as_u64();
    assert_eq!(plan["summary"]["in_sync"].as_u64(), complete, "the other region is complete");
    let _ = environment.run(&["plan"]).exits(3).prints(&["enable the region or leave it out"]);
}

#[test]
fn a_denied_read_is_a_gap_that_nothing_is_written_for() {
    let aws = Aws::scenario("in-sync");
    aws.always(operation_in("GetGuardrail", PROD), Effect::Deny);
    let environment = TestEnvironment::on(&aws);
    let plan = only_gaps(&environment, "BRX2001");
    let known = plan["summary"]["addresses"].as_u64().map(|all| all - 6);
    let only =
        "only the guardrails of one account are unknown, and the enforced configurations that name a version of one";
    assert_eq!(plan["summary"]["in_sync"].as_u64(), known, "{only}");
    let _ = environment.run(&["plan"]).exits(3).prints(&["not evaluated [BRX2001]", "allow bedrock:GetGuardrail to"]);
    let _ = environment.run(&["enforce", "--once"]).exits(3);
    assert_eq!(aws.writes(), []);
}

#[test]
fn what_could_be_read_is_restored_beside_a_gap() {
    let aws = Aws::scenario("drifted");
    aws.always(operation_in("GetGuardrail", PROD), Effect::Deny);
    let environment = TestEnvironment::on(&aws);
    let _ = environment.run(&["--quiet", "enforce", "--once"]).exits(4);
    let written: Vec<_> = aws.writes().into_iter().filter(|call| call.account == PROD).collect();
    assert!(
        written.iter().all(|call| !call.operation.contains("GuardrailVersion") && call.operation != "UpdateGuardrail")
    );
    aws.emulator.clear_faults();
    let plan = environment.run(&["--output", "json", "plan"]).exits(2).json();
    for drift in plan["drift"].as_array().expect("drift") {
        let kind = drift["kind"].as_str().expect("a kind");
        assert!(["guardrail", "enforced-guardrail", "service-control-policy"].contains(&kind), "{drift}");
    }
    let _ = environment.run(&["--quiet", "enforce", "--once"]).exits(0);
    let _ = environment.run(&["plan"]).exits(0);
}

#[test]
fn a_role_that_may_not_be_assumed_costs_one_account() {
    let aws = Aws::scenario("drifted");
    aws.always(operation_in("AssumeRole", STAGING), Effect::Deny);
    let environment = TestEnvironment::on(&aws);
    let plan = environment.run(&["--output", "json", "plan"]).exits(2).json();
    for gap in plan["gaps"].as_array().expect("gaps") {
        assert_eq!((&gap["scope"]["account"], &gap["code"]), (&"staging".into(), &"BRX2001".into()), "{gap}");
    }
    assert!(plan["drift"].as_array().expect("drift").iter().all(|drift| drift["account"] != "staging"));
    let _ = environment.run(&["--quiet", "enforce", "--once"]).exits(3).prints(&["sts:AssumeRole", "trust policy"]);
    aws.emulator.clear_faults();
    let _ = environment.run(&["--quiet", "enforce", "--once"]).exits(0);
    let _ = environment.run(&["plan"]).exits(0);
}

#[test]
fn a_throttle_storm_finds_no_absence() {
    let aws = Aws::scenario("in-sync");
    aws.sometimes(Match::default(), 0.5, Effect::Throttle);
    let environment = TestEnvironment::on(&aws).variable("AWS_MAX_ATTEMPTS", "12");
    let output = environment.run(&["--output", "json", "plan"]);
    assert!(output.code() == 0 || output.code() == 3, "{output:?}");
    assert_eq!(output.json()["drift"], Value::Array(Vec::new()));
}

#[test]
fn a_throttle_storm_creates_nothing_twice() {
    let aws = Aws::scenario("drifted");
    aws.sometimes(Match::default(), 0.5, Effect::Throttle);
    let environment = TestEnvironment::on(&aws).variable("AWS_MAX_ATTEMPTS", "12");
    let output = environment.run(&["--quiet", "enforce", "--once"]);
    assert!([0, 1, 2, 3].contains(&output.code()), "{output:?}");
    assert!(aws.successes("CreateGuardrail") <= 1);
    aws.emulator.clear_faults();
    let _ = environment.run(&["--quiet", "enforce", "--once"]).exits(0);
    let _ = environment.run(&["plan"]).exits(0);
    assert_eq!(aws.successes("CreateGuardrail"), 1);
    let staging = DirectClient::new(&aws.emulator, STAGING, "eu-west-1");
    assert_eq!(block_on(staging.ids("baseline")).len(), 1);
}

#[test]
fn a_write_that_answers_success_and_changes_nothing_is_not_believed() {
    let aws = Aws::scenario("aws-genai-06");
    aws.always(operation("UpdateGuardrail"), Effect::NoOp);
    let environment = TestEnvironment::on(&aws);
    environment.edit("settings.yaml", "consistencySeconds: 5", "consistencySeconds: 0");
    let _ = environment.run(&["enforce", "--once"]).exits(1).says(&["NOT restored", "PROMPT_ATTACK"]);
    aws.emulator.clear_faults();
    let _ = environment.run(&["--quiet", "enforce", "--once"]).exits(0);
    let _ = environment.run(&["plan"]).exits(0);
}

#[test]
fn commands_that_read_never_write_whatever_aws_does() {
    let faults: [&[(Match, f64, Effect)]; 4] = [
        &[],
        &[(Match::default(), 0.5, Effect::Throttle)],
        &[(operation("GetGuardrail"), 0.5, Effect::Deny), (operation("DescribeLogGroups"), 1.0, Effect::LostResponse)],
        &[(operation("ListGuardrails"), 1.0, Effect::Expired), (operation("AssumeRole"), 0.3, Effect::DropRequest)],
    ];
    for faults in faults {
        let aws = Aws::scenario("drifted");
        for (matching, probability, effect) in faults {
            aws.sometimes(matching.clone(), *probability, effect.clone());
        }
        let environment = TestEnvironment::on(&aws);
        let _ = environment.run(&["validate"]).exits(0);
        for command in [&["plan"][..], &["plan", "--out", "plan.json"], &["export"], &["history"], &["controls"]] {
            let _ = environment.run(command).code();
        }
        assert!(!aws.emulator.calls().is_empty());
        assert_eq!(aws.writes(), [], "under {faults:?}");
        assert!(!environment.state().exists(), "a command that reads makes no state folder");
    }
}
