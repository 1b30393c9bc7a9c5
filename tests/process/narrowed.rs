//! Commands that are asked for a part: what it refers to is judged as it is in the whole.

use serde_json::Value;

use crate::harness::{Aws, TestEnvironment};

const ENFORCED: &str = "prod/us-east-1/enforced-guardrail/default";

/// A weak version of the guardrail that is enforced in prod, which keeps to the good one.
const WEAK: &str = "
include: in-sync
steps:
  - as: arn:aws:sts::${account}:assumed-role/Developer/mallory
    accounts: [prod]
    regions: [us-east-1]
    service: bedrock
    operation: UpdateGuardrail
    body: {guardrailIdentifier: \"${guardrail:baseline}\"}
    edits: [{set: {/contentPolicyConfig/filtersConfig/type=HATE/inputStrength: NONE}}]
  - as: arn:aws:sts::${account}:assumed-role/Developer/mallory
    accounts: [prod]
    regions: [us-east-1]
    service: bedrock
    operation: CreateGuardrailVersion
    body: {guardrailIdentifier: \"${guardrail:baseline}\"}
";

fn enforced(aws: &Aws) -> Vec<Value> {
    let puts = aws.writes().into_iter().filter(|call| call.operation == "PutEnforcedGuardrailConfiguration");
    puts.filter_map(|call| call.body).collect()
}

/// Whoever asks for the enforced configuration alone does not move it to a weak version, and is not told that all is well.
#[test]
fn what_refers_to_a_weak_version_does_not_follow_it() {
    let script = TestEnvironment::new();
    script.write("weak.yaml", WEAK);
    for command in [
        &["--quiet", "enforce", "--once", "--address", ENFORCED][..],
        &["--quiet", "restore", "--yes", ENFORCED],
        &["--quiet", "plan", "--address", ENFORCED, "--out", "plan.json"],
    ] {
        let aws = Aws::scenario(&script.path("weak.yaml").display().to_string());
        let environment = TestEnvironment::on(&aws);
        let _ = environment.run(command);
        assert_eq!(enforced(&aws), Vec::<Value>::new(), "{command:?}");
        // The whole puts the guardrail right, and what is enforced follows.
        let _ = environment.run(&["--quiet", "enforce", "--once"]).exits(0);
        let _ = environment.run(&["plan"]).exits(0);
    }
}

/// A member that is left out while somebody pins stays pinned: its absence goes on being drift.
#[test]
fn what_is_left_out_is_not_unpinned_by_that() {
    let aws = Aws::scenario("in-sync");
    let environment = TestEnvironment::on(&aws);
    aws.attack(
        "steps:\n  - {as: 'arn:aws:sts::${account}:assumed-role/Developer/mallory', accounts: [prod], regions: [us-east-1], \
         service: bedrock, operation: DeleteModelInvocationLoggingConfiguration, body: {}}\n",
    );
    let _ = environment.run(&["pin"]).exits(3).prints(&["answers:invocation-logging", "its pin is kept"]);
    let _ = environment.run(&["pin", "--check"]).exits(2);
    let _ = environment.run(&["--quiet", "enforce", "--once"]).exits(0);
    let _ = environment.run(&["pin", "--check"]).exits(0);
}
