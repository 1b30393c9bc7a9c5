//! A newer build was taken back: what it left in the state folder is told as far as it is known, and work goes on.

use std::fs;

use reconciler_model::digest;
use serde_json::{Value, json};

use crate::harness::TestEnvironment;

/// A journal of these records, each with its place in the chain, and its head. One format more than this build writes.
fn leave(environment: &TestEnvironment, records: &[Value]) {
    fs::create_dir_all(environment.state()).expect("a folder");
    let (mut text, mut before, mut prev) = (String::new(), String::new(), String::new());
    for (index, record) in records.iter().enumerate() {
        let mut line = record.clone();
        line["seq"] = json!(index + 1);
        line["prev"] = json!(prev);
        line["at"] = json!(format!("2026-11-20T03:15:{index:02}Z"));
        let line = line.to_string();
        before = std::mem::replace(&mut prev, digest::of_bytes(line.as_bytes()));
        text += &line;
        text.push('\n');
    }
    fs::write(environment.state().join("journal.jsonl"), text).expect("written");
    let head = json!({
        "seq": records.len(), "digest": prev, "prev": before, "writing": false, "format": 2, "frozen": ["prod/eu-west-1"],
    });
    fs::write(environment.state().join("journal.head"), format!("{head}{}\n", " ".repeat(300))).expect("written");
}

#[test]
fn runs_of_which_a_newer_build_wrote_records_are_listed() {
    let environment = TestEnvironment::new();
    leave(
        &environment,
        &[
            json!({"run": "run-frozen", "format": 2, "record": "freeze_started"}),
            json!({"run": "run-new", "format": 2, "record": "run_started", "mode": "thaw", "plan": {"id": "p"}}),
            json!({"run": "run-new", "format": 2, "record": "run_ended", "verified": 3, "not_verified": 0, "thawed": [1]}),
            json!({"run": "run-case", "format": 2, "record": "incident_opened", "incident": "inc-new", "severity": 1}),
            json!({"run": "run-old", "format": 1, "record": "run_ended", "verified": 1, "not_verified": 1}),
        ],
    );
    let history = environment.run(&["history"]).exits(0);
    let told = ["run-frozen", "run-new", "inc-new", "thaw", "3/3", "a newer build wrote 4 of 5 records", "run-old"];
    let _ = history.prints(&told);
    let rows = environment.run(&["--output", "json", "history"]).exits(0).json();
    let ids = |of: &str| rows[of].as_array().expect("rows").iter().map(|row| row["id"].clone()).collect::<Vec<_>>();
    assert_eq!(
        (ids("runs"), ids("incidents")),
        (vec![json!("run-frozen"), json!("run-new"), json!("run-old")], vec![json!("inc-new")])
    );
    assert_eq!(rows["newer_records"], 4);
    assert_eq!((&rows["runs"][0]["outcome"], &rows["runs"][1]["outcome"]), (&json!("not known"), &json!("verified")));
    // What this build does not know of a record is there for programs.
    let records = environment.run(&["--output", "json", "history", "run-new"]).exits(0).json()["records"].clone();
    assert_eq!(
        (&records[0]["plan"]["id"], &records[1]["thawed"], &records[1]["verified"]),
        (&json!("p"), &json!([1]), &json!(3))
    );
    let incident = environment.run(&["--output", "json", "history", "inc-new"]).exits(0).json()["records"].clone();
    assert_eq!(incident[0]["severity"], 1);
    let _ =
        environment.run(&["history", "run-new"]).exits(0).prints(&["`run_started`", "as far as this build can read"]);
}

#[test]
fn a_newer_build_can_be_taken_back() {
    let environment = TestEnvironment::new();
    leave(&environment, &[json!({"run": "run-new", "format": 2, "record": "freeze_started"})]);
    let audit = environment.run(&["--output", "json", "audit", "verify"]).exits(0).json();
    assert_eq!((&audit["clean"], &audit["records"]), (&json!(true), &json!(1)));
    let notes = audit["notes"].as_array().expect("notes");
    assert!(notes.iter().any(|note| note["file"] == "journal.head"), "{audit:#}");
    let state = environment.state().display().to_string();
    let _ = environment.run(&["--aws", "embedded", "--state", &state, "enforce", "--once"]).exits(0);
    let audit = environment.run(&["--output", "json", "audit", "verify"]).exits(0).json();
    assert!(audit["records"].as_u64().expect("records") > 10, "{audit:#}");
    assert_eq!(audit["notes"].as_array().map(Vec::len), Some(1), "the head is of this build again");
}
