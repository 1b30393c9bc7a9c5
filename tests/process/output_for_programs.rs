//! `--output json`: one JSON document on standard output, nothing else, in the shape of the contract.

use serde_json::Value;

use crate::harness::{Aws, TestEnvironment};

fn keys(value: &Value) -> Vec<&str> {
    let mut keys: Vec<&str> = value.as_object().expect("an object").keys().map(String::as_str).collect();
    keys.sort_unstable();
    keys
}

#[track_caller]
fn has(value: &Value, wanted: &[&str]) {
    for key in wanted {
        assert!(value.get(key).is_some(), "no `{key}` in {:?}", keys(value));
    }
}

#[test]
fn a_plan_has_the_shape_of_the_contract() {
    let aws = Aws::scenario("drifted");
    let environment = TestEnvironment::on(&aws);
    let plan = environment.run(&["--output", "json", "plan"]).exits(2).json();
    has(&plan, &["format", "plan_id", "desired_digest", "summary", "drift", "gaps", "findings", "steps"]);
    assert_eq!(plan["format"]["major"], 2);
    assert_eq!(keys(&plan["summary"]), ["addresses", "drifted", "gaps", "in_sync", "refused", "waiting"]);
    assert_eq!(plan["summary"]["drifted"], plan["drift"].as_array().map_or(0, Vec::len));
    assert!(plan["summary"]["drifted"].as_u64() >= Some(13), "{}", plan["summary"]);
    for drift in plan["drift"].as_array().expect("drift") {
        has(drift, &["address", "kind", "account", "region", "name", "change", "direction", "controls", "fields"]);
        assert!(["missing", "changed", "unexpected"].contains(&drift["change"].as_str().expect("a word")));
        for field in drift["fields"].as_array().expect("fields") {
            has(field, &["path", "live", "want", "direction", "declared_at"]);
            let direction = field["direction"].as_str().expect("a word");
            assert!(["weakened", "strengthened", "neutral", "unknown"].contains(&direction));
            assert!(field["declared_at"].as_str().is_some_and(|at| at.starts_with("desired-state/")), "{field}");
        }
    }
    for step in plan["steps"].as_array().expect("steps") {
        has(step, &["id", "address", "action", "call"]);
    }
    // What is printed is what is saved.
    let _ = environment.run(&["plan", "--out", "plan.json"]).exits(2);
    let saved: Value = serde_json::from_str(&environment.read("plan.json")).expect("JSON");
    assert_eq!(keys(&saved), keys(&plan));
    assert_eq!(saved["drift"], plan["drift"]);
}

#[test]
fn every_command_prints_one_document() {
    let aws = Aws::scenario("drifted");
    let environment = TestEnvironment::on(&aws);
    let json = |code: i32, arguments: &[&str]| {
        let mut all = vec!["--output", "json"];
        all.extend(arguments);
        environment.run(&all).exits(code).json()
    };
    assert_eq!(json(0, &["validate"])["addresses"], json(2, &["plan"])["summary"]["addresses"]);
    has(&json(0, &["export"]), &["declarations", "gaps"]);
    let plan = json(2, &["plan", "--out", "plan.json", "--address", "*/invocation-logging/*"]);
    let id = plan["plan_id"].as_str().expect("an id");
    let applied = json(0, &["apply", "plan.json", "--approve", id]);
    assert_eq!((&applied["plan"]["plan_id"], &applied["exit"]), (&plan["plan_id"], &0.into()));
    assert!(applied["steps"].as_array().expect("steps").iter().all(|step| step["verified"] == true));
    let restored = json(0, &["restore", "--yes", "aws-genai-04"]);
    assert_eq!(restored["after"]["summary"]["drifted"], 0);
    assert_eq!(json(0, &["enforce", "--once"])["after"]["summary"]["drifted"], 0);
    assert_eq!(json(0, &["enforce", "--once"])["summary"]["drifted"], 0, "nothing to do");
    assert_eq!(json(0, &["plan"])["summary"]["drifted"], 0);
    assert_eq!(json(0, &["controls"])["controls"].as_array().map(Vec::len), Some(10));
    assert!(json(0, &["explain"])["codes"].as_array().is_some_and(|codes| codes.len() > 40));
    has(&json(0, &["explain", "brx1001"]), &["code", "title", "explanation"]);
    let history = json(0, &["history"]);
    let run = history["runs"][0]["id"].as_str().expect("a run");
    assert!(json(0, &["history", run])["records"].as_array().is_some_and(|records| records.len() > 3));
    assert_eq!(json(0, &["audit", "verify"])["clean"], true);
    has(&json(0, &["schema"]), &["$schema"]);
    let drill = json(0, &["drill", "aws-genai-06"]);
    assert_eq!((&drill["passed"], &drill["network_clients"]), (&true.into(), &0.into()));
}
