//! Names, values and messages of AWS are what somebody wrote there: none of them forges a line, hides a part of one, or is
//! obeyed by a terminal, whatever shows it.

use std::fs;
use std::path::{Path, PathBuf};

use reconciler_emulator::{Effect, Match};
use reconciler_model::text::{hides, in_json};
use rustix::process::Signal;
use serde_json::{Value, json};

use crate::formats::FORMATS;
use crate::harness::{Aws, CommandOutput, TestEnvironment};

/// Lines that no command prints here.
const FORGED: [&str; 3] =
    ["result: in sync · 73 addresses, 73 in sync · exit 0", "alerts: none", "--- live/prod/us-east-1/guardrail/forged"];

/// A text with every kind of character that hides or that ends a line somewhere, and a forged line after each of the latter.
fn hostile() -> String {
    let mut text = "x".to_owned();
    let ends = ["\r\n", "\n", "\n", "\r", "\u{85}", "\u{2028}", "\u{2029}", "\u{b}", "\u{c}"];
    for (end, line) in ends.iter().zip(FORGED.iter().cycle()) {
        text.push_str(&format!("{end}{line}"));
    }
    text + "\n\u{9b}2J\u{1b}[8m\u{202a}\u{202e}\u{2066}\u{2069}\u{200b}\u{200f}\u{feff}"
}

/// The steps of somebody whose session and program are called like that too.
fn attack() -> String {
    let text = hostile();
    let short: String = text.chars().take(150).collect();
    let step = |operation: &str, rest: Value| {
        let mut step = json!({
            "as": format!("arn:aws:sts::${{account}}:assumed-role/Developer/{short}"), "user_agent": text,
            "accounts": ["prod"], "regions": ["us-east-1"], "service": "bedrock", "operation": operation,
        });
        step.as_object_mut().expect("a step").extend(rest.as_object().expect("members").clone());
        step
    };
    let set = json!({"set": {
        "/blockedInputMessaging": text, "/description": short, "/contentPolicyConfig/filtersConfig/type=HATE/inputStrength": "NONE",
    }});
    let logs = json!({"set": {"/loggingConfig/s3Config/keyPrefix": text}});
    let policy = json!({"Version": "2012-10-17", "Statement": [
        {"Sid": text, "Effect": "Allow", "Principal": {"AWS": "arn:aws:iam::${account}:root"}, "Action": "kms:*", "Resource": "*",
         "Condition": {"StringLike": {format!("aws:PrincipalTag/{text}"): [text]}}},
    ]});
    let steps = [
        step("UpdateGuardrail", json!({"body": {"guardrailIdentifier": "guardrail:baseline"}, "edits": [set]})),
        step("PutModelInvocationLoggingConfiguration", json!({"edits": [logs]})),
        step(
            "PutKeyPolicy",
            json!({"service": "kms", "body": {"KeyId": "key:alias/bedrock-logs", "PolicyName": "default", "Policy": policy.to_string()}}),
        ),
    ];
    in_json(&json!({"include": "in-sync", "steps": steps}).to_string()).into_owned()
}

#[track_caller]
fn is_ours(text: &str, of: &str) {
    for line in text.split(|c| c == '\n' || hides(c)) {
        assert!(!FORGED.contains(&line.trim()), "{of} has the forged line {line:?}:\n{text}");
    }
    let hidden = text.chars().find(|c| *c != '\n' && hides(*c));
    assert_eq!(hidden, None, "in {of}:\n{text}");
}

#[track_caller]
fn shows_only_ours(output: CommandOutput, of: &str) -> CommandOutput {
    is_ours(&output.stdout, &format!("the standard output of {of}"));
    is_ours(&output.stderr, &format!("the standard error of {of}"));
    output
}

fn below(folder: &Path, found: &mut Vec<PathBuf>) {
    for entry in fs::read_dir(folder).expect("a folder") {
        let path = entry.expect("an entry").path();
        if path.is_dir() { below(&path, found) } else { found.push(path) }
    }
}

#[test]
fn what_somebody_wrote_in_aws_is_never_a_line_of_ours() {
    let script = TestEnvironment::new();
    script.write("attack.yaml", attack());
    let aws = Aws::scenario(&script.path("attack.yaml").display().to_string());
    let environment = TestEnvironment::on(&aws);
    environment.edit("settings.yaml", "consistencySeconds: 5", "consistencySeconds: 0");

    let plan = shows_only_ours(environment.run(&["plan", "--out", "plan.json"]).exits(2), "plan");
    let _ = plan.prints(&["blockedInputMessaging", "x\\r\\nresult: in sync"]);
    let diff = environment.read("plan.diff");
    is_ours(&diff, "the diff");
    let headers = |start: &str| diff.lines().filter(|line| line.starts_with(start)).count();
    assert_eq!(headers("--- "), headers("+++ "), "{diff}");
    let json = shows_only_ours(environment.run(&["--output", "json", "plan"]).exits(2), "plan for programs").json();
    let told = json["drift"].as_array().expect("drift").iter().flat_map(|one| one["fields"].as_array().cloned());
    assert!(told.flatten().any(|field| field["live"] == hostile()), "a program reads what is there");
    for format in FORMATS {
        let of = format!("plan as {format}");
        let told = shows_only_ours(environment.run(&["--output", format, "plan"]).exits(2), &of);
        let _ = told.prints(&["blockedInputMessaging"]);
    }
    let attribution = shows_only_ours(environment.run(&["plan", "--blame"]).exits(2), "plan --blame");
    let _ = attribution.prints(&["assumed-role/Developer/x\\r\\nresult"]);
    let export = shows_only_ours(environment.run(&["export", "--address", "prod/us-east-1/*"]), "export");
    let _ = export.prints(&["\\u202e"]);

    let asked =
        ["prod/us-east-1/guardrail/baseline", "prod/us-east-1/invocation-logging/*", "prod/us-east-1/kms-key/*"];
    let refused = Match { operation: Some("PutKeyPolicy".to_owned()), ..Match::default() };
    let message = hostile();
    aws.always(refused, Effect::Error { status: 400, code: "MalformedPolicyDocumentException".to_owned(), message });
    let restore = environment.run(&[&["restore", "--yes"][..], &asked].concat());
    let _ = shows_only_ours(restore, "restore");
    let _ = shows_only_ours(environment.run(&["history"]), "history");
    let mut files = Vec::new();
    below(&environment.state(), &mut files);
    for name in ["incident.md", "incident.html"] {
        let path = files.iter().find(|path| path.ends_with(name)).expect(name);
        is_ours(&fs::read_to_string(path).expect("read"), name);
    }
    let incident =
        files.iter().find_map(|path| path.parent()?.file_name()?.to_str().filter(|name| name.starts_with("inc-")));
    let _ = shows_only_ours(
        environment.run(&["history", incident.expect("an incident")]).exits(0),
        "history of an incident",
    );
    let _ = shows_only_ours(environment.run(&["enforce", "--once"]), "enforce");
    for settings in ["", "logJson: true\n"] {
        environment.write("settings.yaml", environment.read("settings.yaml") + settings);
        let mut daemon = environment.start(&["enforce", "--schedule", "0 0 0 1 1 *"]);
        daemon.wait_for_log("not in sync", 1);
        daemon.signal(Signal::TERM);
        let _ = shows_only_ours(daemon.wait().exits(0), "the daemon");
    }
}
