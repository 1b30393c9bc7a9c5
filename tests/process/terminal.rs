//! What only a terminal shows: colour, the question before a plan is applied, and its answers.

use crate::harness::{Aws, TestEnvironment};

const ESCAPE: char = '\u{1b}';

#[test]
fn colour_is_for_terminals() {
    let aws = Aws::scenario("aws-genai-06");
    let environment = TestEnvironment::on(&aws);
    let piped = environment.run(&["plan"]).exits(2);
    assert!(!piped.stdout.contains(ESCAPE) && !piped.stderr.contains(ESCAPE), "{piped:?}");
    let (code, shown) = environment.at_terminal(&["plan"]).wait();
    assert_eq!(code, 2);
    assert!(shown.contains("\u{1b}[1m\u{1b}[31mweakened"), "{shown}");
    // The progress line is gone when the plan is there.
    assert!(shown.contains("reading") && !shown.lines().last().expect("a line").contains("reading"), "{shown}");
    let plain = TestEnvironment::on(&aws).variable("NO_COLOR", "1");
    let (_, shown) = plain.at_terminal(&["--quiet", "plan"]).wait();
    assert!(!shown.contains(ESCAPE), "{shown}");
    let invalid = environment.run(&["--desired", "nowhere", "validate"]).exits(65);
    assert!(!invalid.stderr.contains(ESCAPE), "{invalid:?}");
}

#[test]
fn a_plan_is_applied_when_somebody_agrees() {
    let aws = Aws::scenario("aws-genai-06");
    let environment = TestEnvironment::on(&aws);
    let _ = environment.run(&["plan", "--out", "plan.json"]).exits(2);
    for answer in ["no", "yess", ""] {
        let mut terminal = environment.at_terminal(&["apply", "plan.json"]);
        terminal.wait_for("[y/N]");
        terminal.types(answer);
        let (code, shown) = terminal.wait();
        assert_eq!(code, 4, "{shown}");
        assert!(shown.contains("nothing was changed"), "{shown}");
    }
    assert_eq!(aws.writes(), []);
    let mut terminal = environment.at_terminal(&["apply", "plan.json"]);
    terminal.wait_for("Change 2 resources with 2 calls?");
    terminal.wait_for("[y/N]");
    terminal.types("y");
    let (code, shown) = terminal.wait();
    assert_eq!(code, 0, "{shown}");
    assert!(shown.contains("2 of 2 steps verified by read-back"), "{shown}");
    let _ = environment.run(&["plan"]).exits(0);
}

#[test]
fn a_restore_is_asked_for_too() {
    let aws = Aws::scenario("aws-genai-06");
    let environment = TestEnvironment::on(&aws);
    let mut terminal = environment.at_terminal(&["restore", "aws-genai-06"]);
    terminal.wait_for("Restore 2 resources with 2 calls?");
    terminal.types("y");
    let (code, shown) = terminal.wait();
    assert_eq!(code, 0, "{shown}");
    let _ = environment.run(&["plan"]).exits(0);
}

#[test]
fn quiet_leaves_results_and_errors() {
    let aws = Aws::scenario("aws-genai-06");
    let environment = TestEnvironment::on(&aws);
    let told = environment.run(&["plan", "--out", "plan.json"]).exits(2);
    assert_eq!(told.stderr, "plan saved as plan.json\n");
    let quiet = environment.run(&["plan", "--out", "plan.json", "--quiet"]).exits(2);
    assert_eq!(quiet.stderr, "");
    let _ = quiet.prints(&["result: 2 drifted"]);
    let done = environment.run(&["enforce", "--once", "-q"]).exits(0);
    assert_eq!(done.stderr, "");
    let _ = environment.run(&["-q", "--desired", "nowhere", "plan"]).exits(65).says(&["error[BRX0102]"]);
}

#[test]
fn a_reader_that_has_seen_enough_is_no_error() {
    let aws = Aws::scenario("drifted");
    let environment = TestEnvironment::on(&aws);
    for command in ["plan", "export", "--output json plan", "schema", "explain", "completions bash", "--help"] {
        let output = environment.shell(&format!("bedrock-reconciler {command} | true"));
        assert!(!output.stderr.contains("panicked") && !output.stderr.contains("error"), "{command}: {output:?}");
    }
}
