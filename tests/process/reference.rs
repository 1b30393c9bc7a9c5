//! Reference: help, codes, controls, schema, completions, and the command line itself.

use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::path::Path;
use std::time::Duration;

use reconciler_emulator::Emulator;
use regex::Regex;
use rustix::process::Signal;

use crate::harness::{TestEnvironment, repository};

const COMMANDS: [&str; 23] = [
    "init",
    "adopt",
    "doctor",
    "status",
    "validate",
    "fmt",
    "plan",
    "pin",
    "apply",
    "enforce",
    "restore",
    "export",
    "demo",
    "drill",
    "emulator",
    "schema",
    "controls",
    "explain",
    "history",
    "audit",
    "version",
    "completions",
    "man",
];

/// The text of every source of the workspace, tests left out, except the list of the codes.
fn sources(folder: &Path, text: &mut String) {
    for entry in fs::read_dir(folder).expect("a folder") {
        let path = entry.expect("an entry").path();
        let name = path.file_name().expect("a name").to_string_lossy().into_owned();
        if path.is_dir() && name != "tests" {
            sources(&path, text);
        } else if name.ends_with(".rs") && name != "codes.rs" {
            text.push_str(&fs::read_to_string(&path).expect("read"));
        }
    }
}

#[test]
fn every_code_is_used_and_every_code_that_is_used_is_explained() {
    let mut text = String::new();
    sources(&repository().join("reconciler"), &mut text);
    let list = fs::read_to_string(repository().join("reconciler/model/src/codes.rs")).expect("read");
    let named = Regex::new("(?m)^    ([A-Z_]+) = \"(BRX[0-9]{4})\"").expect("a pattern");
    let listed: BTreeSet<(&str, &str)> =
        named.captures_iter(&list).map(|found| found.extract()).map(|(_, [name, id])| (name, id)).collect();
    assert!(listed.len() > 40);
    for (name, id) in &listed {
        let used = Regex::new(&format!(r"\b{name}\b")).expect("a pattern").is_match(&text);
        assert!(used, "{name} ({id}) is listed, and nothing prints it");
    }
    let ids: BTreeSet<&str> = listed.iter().map(|(_, id)| *id).collect();
    assert_eq!(ids.len(), listed.len(), "two codes have one id");
    for found in Regex::new("BRX[0-9]{4}").expect("a pattern").find_iter(&text) {
        assert!(ids.contains(found.as_str()), "{} is not listed", found.as_str());
    }
    let environment = TestEnvironment::new();
    let shown = environment.run(&["explain"]).exits(0);
    let codes: Vec<&str> = shown.stdout.lines().filter_map(|line| line.trim().split("  ").next()).collect();
    let codes: Vec<&str> = codes.into_iter().filter(|word| word.starts_with("BRX")).collect();
    assert_eq!(codes, ids.iter().copied().collect::<Vec<_>>(), "sorted, and each once");
    let _ = shown.prints(&["enforced-guardrail", "A VPC interface endpoint"]);
    for id in ids.iter().step_by(7) {
        let lower = id.to_lowercase();
        let _ = environment.run(&["explain", &lower]).exits(0).prints(&[id]);
    }
    let _ = environment.run(&["explain", "BRX1O01"]).exits(64).says(&["no code `BRX1O01`", "did you mean"]);
}

#[test]
fn help_has_the_table_of_exit_codes_and_every_command() {
    let environment = TestEnvironment::new();
    let help = environment.run(&["--help"]).exits(0);
    for code in ["0 ", "1 ", "2 ", "3 ", "4 ", "64 ", "65 ", "130 "] {
        assert!(help.stdout.lines().any(|line| line.trim_start().starts_with(code)), "no {code} in:\n{}", help.stdout);
    }
    let _ = help.prints(&COMMANDS);
    for command in COMMANDS {
        let _ = environment.run(&[command, "--help"]).exits(0).prints(&["--desired", "--aws", "--output"]);
    }
    let _ = environment.run(&["--version"]).exits(0).prints(&["bedrock-reconciler 0."]);
}

#[test]
fn a_wrong_command_line_ends_with_64_and_the_nearest_right_one() {
    let environment = TestEnvironment::new();
    let _ = environment.run(&["plna"]).exits(64).says(&["'plan'"]);
    let _ = environment.run(&[]).exits(64).says(&["Usage:"]);
    let _ = environment.run(&["plan", "--ouput", "json"]).exits(64).says(&["--output"]);
    let _ = environment.run(&["--output", "yaml", "plan"]).exits(64).says(&["human", "json"]);
    let _ = environment.run(&["--aws", "mars", "plan"]).exits(64).says(&["embedded:SCENARIO"]);
    let _ = environment.run(&["--aws", "embedded:nope", "plan"]).exits(64).says(&["in-sync, drifted"]);
    let _ = environment.run(&["plan", "--control", "aws-genai-99"]).exits(64).says(&["did you mean `aws-genai-09`?"]);
    let _ = environment.run(&["plan", "--address", "[z-a]"]).exits(64).says(&["is not an address pattern"]);
    let _ = environment.run(&["restore"]).exits(64).says(&["CONTROL_OR_ADDRESS"]);
    let _ = environment.run(&["explain", "nonsense"]).exits(64).says(&["`bedrock-reconciler explain` lists them"]);
}

#[test]
fn every_control_is_listed() {
    let environment = TestEnvironment::new();
    let ids: Vec<String> = (1..=10).map(|number| format!("aws-genai-{number:02}")).collect();
    let ids: Vec<&str> = ids.iter().map(String::as_str).collect();
    let _ = environment.run(&["controls"]).exits(0).prints(&ids);
    let listed = environment.run(&["--output", "json", "controls", "list"]).exits(0).json();
    assert_eq!(listed["controls"].as_array().expect("a list").len(), 10);
}

#[test]
fn a_control_is_printed_as_a_runbook() {
    let environment = TestEnvironment::new();
    let runbook = environment.run(&["controls", "show", "AWS-genai-04"]).exits(0).prints(&[
        "bedrock-reconciler restore aws-genai-04",
        "S2  page now",
        "S1  page within 5 minutes",
        "V2  manual  by people",
        "Why: Bedrock keeps no records of its own",
        "PutModelInvocationLoggingConfiguration, DeleteModelInvocationLoggingConfiguration",
        "There is no compliance mapping for this control.",
    ]);
    let prose = runbook.stdout.lines().filter(|line| !line.contains("eventName in") && !line.contains("  | "));
    assert!(prose.into_iter().all(|line| line.chars().count() <= 110), "{}", runbook.stdout);
    let _ = environment
        .run(&["controls", "show", "aws-genai-02"])
        .exits(0)
        .prints(&["OWASP LLM Top 10:2025", "LLM01:2025"]);
    let waiting = environment.run(&["controls", "show", "aws-genai-07"]).exits(0);
    let _ = waiting.prints(&["by people: this build does not have agent, agent-alias", "undo: aws bedrock-agent"]);
    let json = environment.run(&["--output", "json", "controls", "show", "aws-genai-09"]).exits(0).json();
    assert_eq!(json["response"][5]["type"], "contain");
    assert_eq!(json["signals"][1]["within_minutes"], 10);
    let _ = environment
        .run(&["controls", "show", "aws-genai-4"])
        .exits(64)
        .says(&["no control", "did you mean `aws-genai-0"]);
}

/// What is typed for a resource at three in the morning: its name, or an address that is nearly right.
#[test]
fn what_was_probably_meant_is_said_or_taken() {
    let environment = TestEnvironment::new();
    let restore = |of: &str| environment.run(&["--aws", "embedded:drifted", "restore", "--yes", of]);
    let _ = restore("paymets").exits(64).says(&["`paymets` is no control, no address", "did you mean `payments`?"]);
    let _ = restore("payments").exits(64).says(&[
        "resources are called `payments`",
        "prod/us-east-1/guardrail/payments",
        "'*/payments'",
    ]);
    let _ = restore("prd/*").exits(64).says(&["did you mean `prod/*`?"]);
    let _ = restore("prod/us-east-1/gardrail/paymets")
        .exits(64)
        .says(&["did you mean `prod/us-east-1/guardrail/payments`?"]);
    let _ = restore("aws-genai-4").exits(64).says(&["no control `aws-genai-4`"]);
    let _ = restore("zzzzzzzz").exits(64).says(&["bedrock-reconciler controls"]);
    let _ = environment
        .run(&["--aws", "embedded:drifted", "plan", "--address", "prod/us-est-1/*"])
        .exits(64)
        .says(&["did you mean `prod/us-east-1/*`?"]);
    // The only resource of this name is meant.
    let _ = restore("org-bedrock-trail").exits(0);
}

/// What is shipped is in order; what is not is shown, put in order, and means the same.
#[test]
fn files_are_put_in_order() {
    let environment = TestEnvironment::new();
    let _ = environment.run(&["fmt", "--check"]).exits(0).prints(&["0 of"]);
    environment.edit("desired-state/guardrails/payments.yaml", "kind: guardrail", "#why\nkind:   guardrail  ");
    let before = environment.run(&["--output", "json", "validate"]).exits(0).json();
    let _ = environment.run(&["fmt", "--check"]).exits(2).prints(&["-kind:   guardrail", "+# why", "1 of"]);
    let _ = environment.run(&["fmt"]).exits(0).prints(&["ordered desired-state/guardrails/payments.yaml"]);
    let _ = environment.run(&["fmt", "--check", "desired-state/guardrails"]).exits(0);
    assert_eq!(environment.run(&["--output", "json", "validate"]).exits(0).json(), before);
    environment.write("desired-state/half.yaml", "a: [1\n");
    let _ = environment.run(&["fmt"]).exits(65).says(&["left desired-state/half.yaml as it is"]);
    let _ = environment.run(&["fmt", "nowhere"]).exits(64).says(&["there is no file nowhere"]);
}

/// A base and an environment over it, with either option.
#[test]
fn desired_states_are_laid_over_each_other() {
    let environment = TestEnvironment::new();
    environment.write(
        "over/kept-longer.yaml",
        "kind: log-group\nname: /app/only-here\nwhere: {accounts: [prod], regions: [us-east-1]}\nspec: {retentionInDays: 731}\n",
    );
    let count = |of: &[&str]| environment.run(&[of, &["validate"]].concat()).exits(0).stdout;
    let layered = count(&["--desired", "desired-state", "--desired", "over"]);
    assert_eq!(layered, count(&["--base", "desired-state", "--desired=over"]));
    assert_ne!(layered, count(&["--desired", "desired-state"]));
}

#[test]
fn the_schema_knows_every_kind_that_is_declared() {
    let environment = TestEnvironment::new();
    let schema = environment.run(&["schema"]).exits(0).json().to_string();
    for word in ["guardrail", "invocation-logging", "log-group", "blockedInputMessaging", "retentionInDays"] {
        assert!(schema.contains(&format!("\"{word}\"")), "{word}");
    }
}

#[test]
fn a_member_of_a_declaration_is_explained() {
    let environment = TestEnvironment::new();
    let _ = environment
        .run(&["explain", "guardrail"])
        .exits(0)
        .prints(&["contentPolicy", "lives in an account and region"]);
    let _ = environment
        .run(&["explain", "guardrail.contentPolicy.filters.PROMPT_ATTACK.inputStrength"])
        .exits(0)
        .prints(&[
            "guardrail.contentPolicy.filters.inputStrength  text, required",
            "NONE, LOW, MEDIUM, HIGH; `other:VALUE`",
            "the later of NONE, LOW, MEDIUM, HIGH",
        ]);
    let _ = environment
        .run(&["explain", "log-group.kmsKeyId"])
        .exits(0)
        .prints(&["or null", "`null` is the key that AWS owns"]);
    let _ = environment
        .run(&["explain", "guardrail.inputStrenght"])
        .exits(64)
        .says(&["did you mean `guardrail.contentPolicy.filters.inputStrength`?"]);
    let _ = environment.run(&["explain", "guardrial"]).exits(64).says(&["did you mean `guardrail`?"]);
    let json = environment.run(&["--output", "json", "explain", "iam-role.maxSessionDuration"]).exits(0).json();
    assert_eq!((&json["aws_default"], &json["minimum"]), (&3600.into(), &3600.into()));
}

#[test]
fn the_version_names_the_formats() {
    let environment = TestEnvironment::new();
    let _ = environment.run(&["version"]).exits(0).prints(&["bedrock-reconciler 0.", "plan format", "journal format"]);
    let json = environment.run(&["--output", "json", "version"]).exits(0).json();
    assert!(json["plan_format"]["major"].as_u64() >= Some(2) && json["journal_format"].is_u64(), "{json}");
}

#[test]
fn completions_are_scripts_that_their_shell_can_read() {
    let environment = TestEnvironment::new();
    for shell in ["bash", "zsh", "fish"] {
        let script = environment.run(&["completions", shell]).exits(0).prints(&["bedrock-reconciler", "enforce"]);
        assert!(script.stdout.len() > 1000);
    }
    let _ = environment.shell("bedrock-reconciler completions bash > script && bash -n script").exits(0);
    let _ = environment.run(&["completions", "cmd"]).exits(64).says(&["bash", "fish", "zsh"]);
}

/// `SNAPSHOTS=overwrite cargo test --workspace --test process the_reference` writes the pages anew.
#[test]
fn the_reference_is_what_the_program_says() {
    let environment = TestEnvironment::new();
    let _ = environment.run(&["reference", "pages"]).exits(0);
    let committed = repository().join("reconciler/docs/reference");
    if std::env::var("SNAPSHOTS").is_ok_and(|word| word == "overwrite") {
        fs::create_dir_all(&committed).expect("a folder");
        for file in fs::read_dir(environment.path("pages")).expect("pages").map(|entry| entry.expect("an entry")) {
            fs::copy(file.path(), committed.join(file.file_name())).expect("copied");
        }
    }
    let pages = |folder: &Path| -> BTreeMap<String, String> {
        let files = fs::read_dir(folder).into_iter().flatten().map(|entry| entry.expect("an entry"));
        files
            .map(|file| {
                (file.file_name().to_string_lossy().into_owned(), fs::read_to_string(file.path()).expect("read"))
            })
            .collect()
    };
    let (now, then) = (pages(&environment.path("pages")), pages(&committed));
    let stale: Vec<&String> = now.keys().chain(then.keys()).filter(|name| now.get(*name) != then.get(*name)).collect();
    let how = "SNAPSHOTS=overwrite cargo test --workspace --test process the_reference";
    assert!(stale.is_empty(), "reconciler/docs/reference is stale ({stale:?}); write it anew with\n  {how}");
}

/// What the sources read from the environment is on the page of it.
#[test]
fn every_environment_variable_is_in_the_reference() {
    let mut text = String::new();
    sources(&repository().join("reconciler"), &mut text);
    let page = fs::read_to_string(repository().join("reconciler/docs/reference/environment.md")).expect("the page");
    let read = Regex::new(r#"(?:var|var_os|try_from_env|variable)\("([A-Z_]+)"\)"#).expect("a pattern");
    let names: BTreeSet<&str> =
        read.captures_iter(&text).map(|found| found.extract()).map(|(_, [name])| name).collect();
    assert!(names.len() > 5, "{names:?}");
    for name in names {
        assert!(page.contains(&format!("`{name}`")), "{name} is not in reconciler/cli/src/environment.rs");
    }
}

/// In a folder without any file, whatever the environment says of the real installation.
#[test]
fn the_demo_works_from_any_folder_and_leaves_nothing() {
    let environment = TestEnvironment::new()
        .variable("BEDROCK_RECONCILER_STATE", "/nowhere/state")
        .variable("BEDROCK_RECONCILER_SETTINGS", "/nowhere/settings.yaml")
        .variable("BEDROCK_RECONCILER_DESIRED", "/nowhere/desired");
    fs::create_dir(environment.path("empty")).expect("a folder");
    let shown = environment.shell("cd empty && bedrock-reconciler demo").exits(0);
    let _ = shown.prints(&[
        "guardrails/payments.yaml:21",
        "planned again: in sync",
        "next  bedrock-reconciler --aws embedded plan",
    ]);
    assert_eq!(fs::read_dir(environment.path("empty")).expect("a folder").count(), 0);
    // What it says to do next works there too.
    let environment = TestEnvironment::new();
    fs::create_dir(environment.path("empty")).expect("a folder");
    let there = |command: &str| environment.shell(&format!("cd empty && env -u BEDROCK_RECONCILER_SETTINGS {command}"));
    let _ = there("bedrock-reconciler --aws embedded plan").exits(2).prints(&["guardrails/payments.yaml:21"]);
    let _ = there("bedrock-reconciler drill guardrail-deleted").exits(0).prints(&["  restored"]);
    // A desired state that is named and is not there is no reason to take another one.
    let _ = there("bedrock-reconciler --aws embedded --desired nowhere plan").exits(65);
    let _ = there("bedrock-reconciler validate").exits(65);
}

#[test]
fn there_is_a_manual_page_for_every_command() {
    let environment = TestEnvironment::new();
    let _ = environment.run(&["man"]).exits(0).prints(&[".TH bedrock-reconciler 1", "Exit codes"]);
    let _ = environment.run(&["man", "--dir", "pages"]).exits(0);
    for command in COMMANDS {
        assert!(environment.path(&format!("pages/bedrock-reconciler-{command}.1")).is_file(), "{command}");
    }
    assert!(!environment.path("pages/bedrock-reconciler-reference.1").exists(), "what is hidden has none");
}

#[test]
fn the_drill_restores_every_scenario_without_a_network_or_credentials() {
    let environment = TestEnvironment::new();
    // Two dozen incidents, one after the other, each of them fsynced.
    let output = environment.start(&["drill"]).wait_at_most(Duration::from_secs(600)).exits(0);
    let restored = output.stdout.lines().filter(|line| line.ends_with("  restored")).count();
    let attacks = Emulator::scenario_names().len() - 3;
    assert_eq!(restored, attacks, "{}", output.stdout);
    assert!(!output.stdout.contains("missing"), "evidence is complete:\n{}", output.stdout);
    let _ = output.prints(&["scenario", "detected in", "restored in", "ran offline"]);
    assert!(!environment.state().exists(), "a drill leaves nothing behind");
    let _ = environment.run(&["--aws", "embedded", "plan"]).exits(2);
    let _ = environment.run(&["--aws", "embedded", "enforce", "--once"]).exits(0);
    let _ = environment.run(&["--aws", "embedded:in-sync", "plan"]).exits(0);
}

/// One that is cut off says nothing of what is drilled, and the rest is not said to have failed.
#[test]
fn a_drill_that_is_stopped_calls_nothing_failed() {
    let environment = TestEnvironment::new();
    let running = environment.start(&["drill"]);
    std::thread::sleep(Duration::from_secs(4));
    running.signal(Signal::INT);
    let output = running.wait().exits(130);
    assert!(!output.stdout.contains("FAILED"), "{}", output.stdout);
}
