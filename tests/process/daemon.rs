//! The daemon: on a schedule, at a signal, one activation at a time, and stopped without half a step.

use std::time::Duration;

use reconciler_emulator::{Effect, Match, Options};
use rustix::process::{Pid, Signal, kill_process};
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
    let environment = TestEnvironment::on(&aws);
    // The variable names the stream that systemd made; the file's own numbers stand for it here.
    let mut daemon = environment.start_shell(
        "JOURNAL_STREAM=$(stat --format %d:%i -L /proc/self/fd/2) exec bedrock-reconciler enforce --schedule '0 0 0 1 1 *'",
    );
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
    let count =
        |name: &str| records["records"].as_array().expect("records").iter().filter(|one| one["record"] == name).count();
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

/// The variable is inherited by everything that a unit starts; the stream is not.
#[test]
fn another_stream_gets_no_priorities() {
    let aws = Aws::scenario("in-sync");
    let environment = TestEnvironment::on(&aws).variable("JOURNAL_STREAM", "8:1");
    let mut daemon = environment.start(&["enforce", "--schedule", NEVER]);
    daemon.wait_for_log(" INFO in sync", 1);
    daemon.signal(Signal::TERM);
    let output = daemon.wait().exits(0);
    assert!(!output.stderr.contains("<6>"), "{}", output.stderr);
}

/// Ends the process whose id is in a file, also where a test fails: the shell that started it does not.
struct Ended(std::path::PathBuf);

impl Drop for Ended {
    fn drop(&mut self) {
        let id = std::fs::read_to_string(&self.0).ok().and_then(|text| text.trim().parse().ok());
        if let Some(id) = id.and_then(Pid::from_raw) {
            let _ = kill_process(id, Signal::KILL);
        }
    }
}

/// A log that is full, closed, or that nobody reads: what is to be restored is restored, and the process stops when it is asked to.
#[test]
fn a_log_that_nobody_takes_stops_nothing() {
    for stream in ["2>/dev/full", "2>&-", "2>&1 | head -n 1 > first", "2>&1 | sleep 20"] {
        let aws = Aws::scenario("in-sync");
        let environment = TestEnvironment::on(&aws).variable("BEDROCK_RECONCILER_LOG", "trace");
        let daemon = "bedrock-reconciler enforce --schedule 'every 1s'";
        let line =
            format!("{{ sh -c 'echo $$ > pid; exec {}'; echo $? > code; }} {stream}", daemon.replace('\'', "'\\''"));
        let shell = environment.start_shell(&line);
        let _ended = Ended(environment.path("pid"));
        aws.wait_for(&format!("the first look with {stream}"), |calls| {
            calls.iter().any(|call| call.operation == "GetGuardrail")
        });
        aws.attack(ATTACK);
        aws.wait_for(&format!("the restore with {stream}"), |calls| {
            calls.iter().any(|call| call.operation == "PutRetentionPolicy")
        });
        let id = environment.read("pid").trim().parse().ok().and_then(Pid::from_raw).expect("a process id");
        kill_process(id, Signal::TERM).expect("signalled");
        let began = std::time::Instant::now();
        while !environment.path("code").exists() {
            assert!(began.elapsed() < Duration::from_secs(60), "{stream}: it did not stop");
            std::thread::sleep(Duration::from_millis(20));
        }
        assert_eq!(environment.read("code").trim(), "0", "{stream}");
        drop(shell);
        let _ = environment.run(&["plan"]).exits(0);
    }
}

#[test]
fn a_filter_of_the_log_that_is_none_is_an_error_and_no_silence() {
    for wrong in ["", " ", "bedrock=loud"] {
        let environment = TestEnvironment::new().variable("BEDROCK_RECONCILER_LOG", wrong);
        let _ = environment.run(&["enforce"]).exits(64).says(&["BEDROCK_RECONCILER_LOG is no filter of the log"]);
    }
}

#[test]
fn a_schedule_that_never_comes_is_an_error() {
    let environment = TestEnvironment::new();
    for wrong in ["0 0 30 2 *", "0 0 0 1 1 * 2020", "every 0s", "now and then"] {
        let _ = environment.run(&["enforce", "--schedule", wrong]).exits(64).says(&["is not a schedule", "every 45s"]);
    }
}

/// While nothing is being written there is no step to wait for.
#[test]
fn a_daemon_that_only_reads_stops_at_once() {
    let aws = Aws::scenario("in-sync");
    aws.always(Match { service: Some("bedrock".to_owned()), ..Match::default() }, Effect::Hang);
    let environment = TestEnvironment::on(&aws);
    let daemon = environment.start(&["enforce", "--schedule", NEVER]);
    aws.wait_for("a read", |calls| calls.iter().any(|call| call.service == "bedrock"));
    daemon.signal(Signal::TERM);
    // The calls take a minute to time out.
    let output = daemon.wait_at_most(Duration::from_secs(20)).exits(0);
    assert!(output.stderr.contains("nothing was being written"), "{}", output.stderr);
}

#[test]
fn settings_are_read_anew_and_wrong_ones_change_nothing() {
    let aws = Aws::scenario("drifted");
    let environment = TestEnvironment::on(&aws);
    let good = environment.read("settings.yaml");
    environment.write("settings.yaml", format!("{good}maxChanges: 0\nschedule: '{NEVER}'\n"));
    let mut daemon = environment.start(&["enforce"]);
    daemon.wait_for_log(" WARN not in sync", 1);
    assert_eq!(aws.writes(), []);
    environment.write("settings.yaml", format!("{good}maxChanges: many\n"));
    daemon.signal(Signal::HUP);
    daemon.wait_for_log("the settings that were read before stay in force", 1);
    daemon.wait_for_log(" WARN not in sync", 2);
    assert_eq!(aws.writes(), []);
    environment.write("settings.yaml", format!("{good}schedule: '{NEVER}'\n"));
    daemon.signal(Signal::HUP);
    daemon.wait_for_log(" INFO in sync", 1);
    daemon.signal(Signal::TERM);
    let output = daemon.wait().exits(0);
    let runs: std::collections::BTreeSet<&str> =
        output.stderr.split(" run=").skip(1).filter_map(|rest| rest.split_whitespace().next()).collect();
    assert_eq!(runs.len(), 3, "each activation is a run of its own:\n{}", output.stderr);
    let _ = environment.run(&["plan"]).exits(0);
}

#[test]
fn sigusr1_activates_at_once() {
    let aws = Aws::scenario("in-sync");
    let environment = TestEnvironment::on(&aws);
    let mut daemon = environment.start(&["enforce", "--schedule", NEVER]);
    daemon.wait_for_log(" INFO in sync", 1);
    aws.attack(ATTACK);
    daemon.signal(Signal::USR1);
    daemon.wait_for_log("SIGUSR1", 1);
    daemon.wait_for_log(" INFO in sync", 2);
    daemon.signal(Signal::TERM);
    let _ = daemon.wait().exits(0);
    let _ = environment.run(&["plan"]).exits(0);
}

/// What was made in one AWS is not ours in another one.
#[test]
fn a_state_folder_is_of_one_aws() {
    let (one, other) = (Aws::scenario("drifted"), Aws::scenario("drifted"));
    let environment = TestEnvironment::on(&one);
    let _ = environment.run(&["--quiet", "enforce", "--once"]).exits(0);
    let _ = environment
        .run_with("AWS_ENDPOINT_URL", &other.url(), &["--quiet", "enforce", "--once"])
        .exits(4)
        .says(&["it is of account 111122223333 at http", "aws.json"]);
    assert_eq!(other.writes(), []);
    let _ = environment.run(&["plan"]).exits(0);
}

/// A disk that was full for a moment let one chain of steps write behind another one's half record, in a build that went on.
#[test]
fn a_journal_that_a_disk_damaged_is_mended_without_losing_a_record() {
    let aws = Aws::scenario("drifted");
    let environment = TestEnvironment::on(&aws);
    let _ = environment.run(&["--quiet", "enforce", "--once"]).exits(0);
    let journal = environment.state().join("journal.jsonl");
    let whole = std::fs::read_to_string(&journal).expect("read");
    std::fs::write(&journal, whole.replacen("{\"seq\":5,", "{\"seq\":5,\"prev\":\"sha{\"seq\":5,", 1))
        .expect("written");
    let _ = environment.run(&["--quiet", "enforce", "--once"]).exits(1).says(&["BRX3102", "audit mend"]);
    let _ = environment.run(&["audit", "verify"]).exits(1).prints(&["journal.jsonl:5", "damaged it", "audit mend"]);
    let _ = environment.run(&["audit", "mend"]).exits(0).prints(&["mended", "no record"]);
    assert_eq!(std::fs::read_to_string(&journal).expect("read"), whole);
    let _ = environment.run(&["audit", "verify"]).exits(0);
    let _ = environment.run(&["audit", "mend"]).exits(0).prints(&["there is nothing to mend"]);
    // What somebody changed is no damage.
    std::fs::write(&journal, whole.replacen("\"record\":\"intent\"", "\"record\":\"extent\"", 1)).expect("written");
    let _ = environment.run(&["audit", "mend"]).exits(1).says(&["did not mend", "--state"]);
}
