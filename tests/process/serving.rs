//! The binary's own `emulator` command, as another process.

use std::time::{Duration, Instant};

use crate::harness::{Running, TestEnvironment};

/// Starts the emulator on a free port; the endpoint.
fn serve(environment: &TestEnvironment, arguments: &[&str]) -> (Running, String) {
    let mut all = vec!["emulator", "--listen", "127.0.0.1:0"];
    all.extend(arguments);
    let mut running = environment.start(&all);
    let deadline = Instant::now() + Duration::from_secs(30);
    loop {
        let said = running.stdout();
        if let Some((url, _)) = said.strip_prefix("listening on ").and_then(|rest| rest.split_once('\n')) {
            return (running, url.to_owned());
        }
        assert!(running.ended().is_none() && Instant::now() < deadline, "{}", running.stderr());
        std::thread::sleep(Duration::from_millis(5));
    }
}

#[test]
fn two_processes_hold_one_desired_state() {
    let environment = TestEnvironment::new();
    let (server, url) = serve(&environment, &["--scenario", "drifted"]);
    let client = TestEnvironment::new().credentials().variable("AWS_ENDPOINT_URL", &url);
    let _ = client.run(&["plan"]).exits(2).prints(&[" drifted ("]);
    let _ = client.run(&["enforce", "--once"]).exits(0);
    let _ = client.run(&["plan"]).exits(0);
    let again = client.run(&["export"]).exits(0).stdout;
    assert!(again.contains("kind: guardrail"));
    server.kill();
    let _ = client.run(&["plan"]).exits(1).says(&["error[BRX2005]"]);
}

#[test]
fn faults_come_from_a_file() {
    let environment = TestEnvironment::new();
    environment.write("faults.yaml", "- {on: {operation: GetGuardrail}, times: forever, then: Deny}\n");
    // An effect with members is written the same in both formats.
    let latency = "- {on: {operation: ListGuardrails}, times: 1, then: {Latency: {ms: 1}}}\n";
    environment.write("faults.yaml", environment.read("faults.yaml") + latency);
    let latency = r#"[{"on": {"operation": "ListGuardrails"}, "times": 1, "then": {"Latency": {"ms": 1}}}]"#;
    environment.write("faults.json", latency);
    let (_server, url) = serve(&environment, &["--scenario", "in-sync", "--faults", "faults.yaml"]);
    let client = TestEnvironment::new().credentials().variable("AWS_ENDPOINT_URL", &url);
    let _ = client.run(&["plan"]).exits(3).prints(&["BRX2001"]);
    let (_server, url) = serve(&environment, &["--scenario", "in-sync", "--faults", "faults.json"]);
    let client = TestEnvironment::new().credentials().variable("AWS_ENDPOINT_URL", &url);
    let _ = client.run(&["plan"]).exits(0);
}

#[test]
fn a_world_without_signatures_is_for_loopback_only() {
    let environment = TestEnvironment::new();
    let _ = environment.run(&["emulator", "--listen", "0.0.0.0:0"]).exits(64).says(&["not a loopback address"]);
    environment.write("faults.yaml", "- {then: Explode}\n");
    let _ = environment
        .run(&["emulator", "--listen", "127.0.0.1:0", "--faults", "faults.yaml"])
        .exits(64)
        .says(&["faults.yaml"]);
    let _ =
        environment.run(&["emulator", "--scenario", "nope", "--listen", "127.0.0.1:0"]).exits(64).says(&["drifted"]);
}
