//! The daemon: on a schedule, at a signal, one activation at a time, and stopped without half a step.

use std::time::Duration;

use reconciler_emulator::{Effect, Match, Options};
use rustix::process::Signal;
use serde_json::Value;

use crate::harness::{Aws, TestEnvironment};

/// Somebody shortens the retention of one log group.
const ATTACK: &str = "\
steps:
  - as: arn:aws:sts::${account}:assumed-role/Developer/mallory
    accounts: [prod]
    regions: [us-east-1]
    service: logs
    operation: PutRetentionPolicy
    body: {logGroupName: /aws/bedrock/model-invocations, retentionInDays: 7}
";

const NEVER: &str = "0 0 0 1 1 *";
const EVERY_SECOND: &str = "*/1 * * * * *";

#[test]
fn the_daemon_converges_drift_that_is_made_while_it_runs() {
    let aws = Aws::scenario("drifted");
    let environment = TestEnvironment::on(&aws);
    let mut daemon = environment.start(&["enforce", "--schedule", EVERY_SECOND]);
    daemon.wait_for_log("started", 1);
    daemon.wait_for_log(" INFO in sync", 1);
    let _ = environment.run(&["plan"]).exits(0);
    let before = aws.writes().len();
    aws.attack(ATTACK);
    aws.wait_for("the restore", |calls| {
        calls.iter().filter(|call| call.operation == "PutRetentionPolicy").count() == 2
    });
    let again = daemon.stderr().matches(" INFO in sync").count() + 1;
    daemon.wait_for_log(" INFO in sync", again);
    daemon.signal(Signal::TERM);
    let output = daemon.wait().exits(0).says(&["drift address=prod/us-east-1/log-group", "stopped"]);
    assert_eq!(aws.writes().len(), before + 1, "one drift, one write");
    assert_eq!(output.stdout, "", "the daemon speaks through its log alone");
    let _ = environment.run(&["plan"]).exits(0);
}

#[test]
fn what_pages_is_an_error_in_the_log_under_the_priority_that_journald_reads() {
    let aws = Aws::scenario("campaign");
    let environment = TestEnvironment::on(&aws).variable("JOURNAL_STREAM", "8:1");
    let mut daemon = environment.start(&["enforce", "--schedule", NEVER]);
    // What is kept because it is stronger is no drift that is open.
    daemon.wait_for_log(" INFO in sync", 1);
    daemon.signal(Signal::TERM);
    let output = daemon.wait().exits(0);
    for (priority, words) in [
        ("<3>", "ERROR drift address=prod/eu-west-1/invocation-logging/default"),
        ("<3>", "alert=\"page now\" control=\"aws-genai-05\" signal=\"S4\""),
        ("<4>", "WARN drift address=prod/us-east-1/log-group//aws/bedrock/model-invocations"),
        ("<6>", "INFO drift address=staging/us-east-1/log-group//aws/bedrock/model-invocations"),
        ("<6>", "INFO stopped"),
    ] {
        let told = output.stderr.lines().any(|line| line.starts_with(priority) && line.contains(words));
        assert!(told, "no {priority} {words} in:\n{}", output.stderr);
    }
}

#[test]
fn activations_never_overlap() {
    let slow = Options { latency: Duration::from_millis(60), ..Options::default() };
    let aws = Aws::with("drifted", slow);
    let environment = TestEnvironment::on(&aws);
    let mut daemon = environment.start(&["enforce", "--schedule", EVERY_SECOND]);
    daemon.wait_for_log(" INFO activation", 4);
    daemon.signal(Signal::TERM);
    let output = daemon.wait().exits(0);
    let mut under_way = false;
    for line in output.stderr.lines() {
        if line.contains(" INFO activation") {
            assert!(!under_way, "two activations at a time:\n{}", output.stderr);
            under_way = true;
        } else if line.contains(" INFO in sync") || line.contains(" WARN not in sync") || line.contains("ERROR") {
            under_way = false;
        }
    }
    assert!(!output.stderr.contains("BRX1106"), "{}", output.stderr);
}

#[test]
fn sighup_activates_at_once() {
    let aws = Aws::scenario("in-sync");
    let environment = TestEnvironment::on(&aws);
    let mut daemon = environment.start(&["enforce", "--schedule", NEVER]);
    daemon.wait_for_log(" INFO in sync", 1);
    aws.attack(ATTACK);
    daemon.signal(Signal::HUP);
    daemon.wait_for_log("SIGHUP", 1);
    daemon.wait_for_log(" INFO in sync", 2);
    let _ = environment.run(&["plan"]).exits(0);
    daemon.signal(Signal::TERM);
    let _ = daemon.wait().exits(0).says(&["stopped"]);
}

#[test]
fn the_daemon_outlives_bad_times() {
    let aws = Aws::scenario("in-sync");
    let environment = TestEnvironment::on(&aws);
    environment.write("settings.yaml", environment.read("settings.yaml") + "logJson: true\n");
    let mut daemon = environment.start(&["enforce", "--schedule", NEVER]);
    daemon.wait_for_log("\"in sync\"", 1);
    // A declaration is broken while it is edited: nothing is done until it is whole again.
    environment.edit("desired-state/guardrails/baseline.yaml", "kind: guardrail", "kind: gardrail");
    daemon.signal(Signal::HUP);
    daemon.wait_for_log("nothing was read or changed", 1);
    environment.edit("desired-state/guardrails/baseline.yaml", "kind: gardrail", "kind: guardrail");
    // AWS refuses everything for a while.
    aws.always(Match::default(), Effect::Expired);
    daemon.signal(Signal::HUP);
    daemon.wait_for_log("BRX2004", 1);
    aws.emulator.clear_faults();
    daemon.signal(Signal::HUP);
    daemon.wait_for_log("\"in sync\"", 2);
    daemon.signal(Signal::INT);
    let output = daemon.wait().exits(0);
    let logged = output.stderr.lines().filter(|line| line.starts_with('{'));
    for line in logged {
        let _: Value = serde_json::from_str(line).expect("a line of JSON");
    }
    assert_eq!(aws.writes(), []);
}

#[test]
fn one_run_writes_at_a_time() {
    let aws = Aws::scenario("drifted");
    aws.always(Match { operation: Some("UpdateGuardrail".to_owned()), ..Match::default() }, Effect::Hang);
    let environment = TestEnvironment::on(&aws);
    let first = environment.start(&["--quiet", "enforce", "--once"]);
    aws.wait_for("the first write", |calls| calls.iter().any(|call| call.operation == "UpdateGuardrail"));
    for command in [&["enforce", "--once"][..], &["restore", "--yes", "aws-genai-04"]] {
        let _ = environment.run(command).exits(4).says(&["error[BRX1106]", "wait for the other run", "--state"]);
    }
    // Reading goes on beside it.
    let _ = environment.run(&["--quiet", "plan"]).exits(2);
    first.kill();
    aws.emulator.clear_faults();
    let _ = environment.run(&["--quiet", "enforce", "--once"]).exits(0);
    let _ = environment.run(&["plan"]).exits(0);
}

#[test]
fn a_run_that_is_asked_to_stop_finishes_its_steps_and_begins_no_other() {
    let slow = Options { latency: Duration::from_millis(20), ..Options::default() };
    let aws = Aws::with("drifted", slow);
    let environment = TestEnvironment::on(&aws);
    let plan = environment.run(&["--output", "json", "plan"]).exits(2).json();
    let steps = plan["steps"].as_array().expect("steps").len();
    let running = environment.start(&["--quiet", "enforce", "--once"]);
    aws.wait_for("a write", |calls| calls.iter().any(|call| call.operation == "UpdateGuardrail"));
    running.signal(Signal::TERM);
    let _ = running.wait().exits(143);
    let history = environment.run(&["--output", "json", "history"]).exits(0).json();
    let run = history["runs"][0]["id"].as_str().expect("a run");
    let records = environment.run(&["--output", "json", "history", run]).exits(0).json();
    let count = |name: &str| records.as_array().expect("records").iter().filter(|one| one["record"] == name).count();
    assert_eq!(count("intent"), count("verdict"), "every write that was begun was read back");
    assert_eq!(count("run_ended"), 1);
    assert!(count("intent") < steps, "steps that had not begun were not begun");
    let _ = environment.run(&["--quiet", "enforce", "--once"]).exits(0);
    let _ = environment.run(&["plan"]).exits(0);
}

#[test]
fn an_interrupted_read_is_not_success() {
    let aws = Aws::scenario("in-sync");
    aws.always(Match { service: Some("bedrock".to_owned()), ..Match::default() }, Effect::Hang);
    let environment = TestEnvironment::on(&aws);
    let running = environment.start(&["plan"]);
    aws.wait_for("a read", |calls| calls.iter().any(|call| call.service == "bedrock"));
    running.signal(Signal::INT);
    let _ = running.wait().exits(130);
}
