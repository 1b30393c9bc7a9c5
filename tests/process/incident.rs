//! `restore` writes an incident file: complete, honest where a restore does not succeed, resumed after a death at any record, and
//! found out when anybody touches it.

use std::fs;
use std::path::PathBuf;

use reconciler_emulator::{Effect, Fault, Match, Options, Script};
use reconciler_tests::direct_client::DirectClient;
use rustix::process::Signal;
use serde_json::Value;

use crate::harness::{Aws, CommandOutput, MANAGEMENT, TestEnvironment, block_on};

const PLACE: &str = "prod/us-east-1";

fn operation(name: &str) -> Match {
    Match { operation: Some(name.to_owned()), ..Match::default() }
}

/// One guardrail whose filter is lowered and published, and logging that is off; two principals.
const ATTACK: &str = "\
include: in-sync
steps:
  - &attack
    as: arn:aws:sts::${account}:assumed-role/Developer/mallory
    accounts: [prod]
    regions: [us-east-1]
    service: bedrock
    operation: UpdateGuardrail
    body: {guardrailIdentifier: 'guardrail:baseline'}
    edits: [{set: {/contentPolicyConfig/filtersConfig/type=HATE/inputStrength: NONE}}]
  - {<<: *attack, as: 'arn:aws:sts::${account}:assumed-role/Ops/trent', operation: DeleteModelInvocationLoggingConfiguration, edits: [], body: {}}
";

/// The world of the attack, with declarations for what is attacked only.
fn world(options: Options) -> (Aws, TestEnvironment) {
    let script = TestEnvironment::new();
    script.write("attack.yaml", ATTACK);
    let aws = Aws::with(&script.path("attack.yaml").display().to_string(), options);
    let environment = TestEnvironment::on(&aws);
    environment.edit("settings.yaml", "consistencySeconds: 5", "consistencySeconds: 0");
    (aws, environment)
}

/// What is restored in these tests: two addresses.
fn targets() -> [&'static str; 2] {
    ["prod/us-east-1/guardrail/baseline", "prod/us-east-1/invocation-logging/*"]
}

fn restore(environment: &TestEnvironment) -> CommandOutput {
    let [guardrail, logging] = targets();
    environment.run(&["--quiet", "--output", "json", "restore", "--yes", guardrail, logging])
}

/// The record and the folder of the incident that a command printed.
fn incident(output: &CommandOutput) -> (Value, PathBuf) {
    let told = output.json();
    let folder = told["incident_folder"].as_str().map(PathBuf::from).unwrap_or_default();
    (told["incident"].clone(), folder)
}

fn audit(environment: &TestEnvironment, code: i32) -> Value {
    environment.run(&["--output", "json", "audit", "verify"]).exits(code).json()
}

fn statuses(incident: &Value) -> Vec<(String, String)> {
    let text = |value: &Value| value.as_str().expect("text").to_owned();
    let addresses = incident["addresses"].as_array().expect("addresses");
    addresses.iter().map(|one| (text(&one["drift"]["kind"]), text(&one["status"]))).collect()
}

fn pairs(of: &[(&str, &str)]) -> Vec<(String, String)> {
    of.iter().map(|(kind, status)| ((*kind).to_owned(), (*status).to_owned())).collect()
}

/// A pointer that leads elsewhere is declared nowhere but in the pins, and no step of a restore is its.
#[test]
fn a_pointer_that_leads_elsewhere_is_told_as_what_it_is() {
    let aws = Aws::scenario("in-sync");
    aws.attack(
        "steps:\n  - {as: \"arn:aws:sts::${account}:assumed-role/Developer/mallory\", accounts: [prod], regions: [us-east-1], \
         service: ec2, operation: CreateTags, body: {Resources: [\"${vpc:bedrock}\"], Tags: [{Key: Name, Value: old}]}}\n",
    );
    let environment = TestEnvironment::on(&aws);
    let output = environment.run(&["--output", "json", "restore", "--yes", "aws-genai-03"]).exits(2);
    let (incident, folder) = incident(&output);
    assert_eq!(statuses(&incident), pairs(&[("pin", "not_restored")]), "{incident}");
    let report = fs::read_to_string(folder.join("incident.md")).expect("read");
    assert!(
        report.contains("pin/vpc:bedrock: **NOT restored** it still leads elsewhere than pins.lock says"),
        "{report}"
    );
    assert!(!report.contains("not declared any more"), "{report}");
    let again = environment.run(&["restore", "--yes", "aws-genai-03"]).exits(2);
    let _ = again.prints(&["NOT restored prod/us-east-1/pin/vpc:bedrock: it still leads elsewhere", "run `pin`"]);
}

/// A weak version between two good ones, and a DRAFT that is weak again.
const BETWEEN: &str = "\
steps:
  - &draft
    as: arn:aws:sts::${account}:assumed-role/Developer/mallory
    accounts: [prod]
    regions: [us-east-1]
    service: bedrock
    operation: UpdateGuardrail
    body: {guardrailIdentifier: 'guardrail:baseline'}
    edits: [{set: {/contentPolicyConfig/filtersConfig/type=HATE/inputStrength: NONE}}]
  - &publish {<<: *draft, operation: CreateGuardrailVersion, edits: []}
  - {<<: *draft, edits: [{set: {/contentPolicyConfig/filtersConfig/type=HATE/inputStrength: HIGH}}]}
  - *publish
  - *draft
";

/// What no step ends is told as what it is, and not as what somebody else changed after the restore.
#[test]
fn an_older_version_that_a_restore_leaves_behind_is_told_as_what_it_is() {
    let aws = Aws::scenario("in-sync");
    aws.attack(BETWEEN);
    let environment = TestEnvironment::on(&aws);
    let [guardrail, _] = targets();
    let output = environment.run(&["--output", "json", "restore", "--yes", guardrail]).exits(2);
    let (incident, folder) = incident(&output);
    assert_eq!(statuses(&incident), pairs(&[("guardrail", "not_restored")]), "{incident}");
    let report = fs::read_to_string(folder.join("incident.md")).expect("read");
    assert!(report.contains("version 2 protects less than declared"), "{report}");
    assert!(
        report.contains("what a step can restore is restored") && !report.contains("somebody else changed"),
        "{report}"
    );
    let verified = incident["steps"].as_array().expect("steps").iter().all(|step| step["verdict"] == "verified");
    assert!(verified, "{incident}");
}

#[test]
fn a_restore_leaves_a_complete_file_that_the_audit_vouches_for() {
    let (_aws, environment) = world(Options::default());
    let output = restore(&environment).exits(0);
    let (incident, folder) = incident(&output);
    assert_eq!(incident["outcome"], "restored");
    assert_eq!(statuses(&incident), pairs(&[("guardrail", "restored"), ("invocation-logging", "restored")]));
    for one in incident["addresses"].as_array().expect("addresses") {
        assert!(one["proofs"].as_array().is_some_and(|proofs| proofs.len() >= 2), "{one}");
        for image in ["before", "after"] {
            let digest = one[image].as_str().expect("a digest").strip_prefix("sha256:").expect("a digest");
            let text = fs::read_to_string(folder.join("evidence").join(format!("{digest}.json"))).expect("evidence");
            let image: Value = serde_json::from_str(&text).expect("JSON");
            assert_eq!(image["address"], one["drift"]["address"]);
        }
        assert!(one["blame"].as_array().is_some_and(|attribution| !attribution.is_empty()), "{one}");
    }
    for step in incident["steps"].as_array().expect("steps") {
        assert_eq!(step["verdict"], "verified");
        assert!(step["request_ids"].as_array().is_some_and(|ids| !ids.is_empty()), "{step}");
        assert!(step["calls"][0].as_str().is_some_and(|call| call.starts_with("bedrock:")), "{step}");
    }
    let items = incident["checklist"].as_array().expect("items");
    assert!(items.iter().any(|item| item["state"] == "done" && item["does"] == "restore"));
    assert!(items.iter().any(|item| item["state"] == "manual"));
    let written: Value =
        serde_json::from_str(&fs::read_to_string(folder.join("incident.json")).expect("read")).expect("JSON");
    assert_eq!(written, incident, "what is printed is what is written");
    for name in ["incident.md", "incident.html"] {
        let text = fs::read_to_string(folder.join(name)).expect("read");
        assert!(text.contains("Restored and verified") && text.contains("guardrail/baseline"), "{name}");
        assert!(!text.contains("AWS_SECRET") && !text.contains("aws_session_token"), "{name}");
    }
    let found = audit(&environment, 0);
    assert_eq!((&found["incidents"], &found["clean"]), (&1.into(), &true.into()));
    let history = environment.run(&["history"]).exits(0);
    assert!(history.stdout.contains("restored"), "{}", history.stdout);
    // In sync: no other incident.
    let again = restore(&environment).exits(0).json();
    assert_eq!(again["incident"], Value::Null);
    let _ = environment.run(&["plan"]).exits(0);
}

/// What the models were asked, and what the calls are signed with, is in nothing that is kept or printed.
#[test]
fn no_prompt_and_no_credential_is_kept_or_printed() {
    let (aws, environment) = world(Options::default());
    let prompts = ["the secret recipe", "who is the heir"];
    // One before the logging is off, and one while nobody recorded it, in an account that logs elsewhere.
    for (prompt, account) in prompts.iter().zip(["prod", "staging"]) {
        aws.attack(&format!(
            "steps:\n  - {{as: 'arn:aws:sts::${{account}}:assumed-role/App/alice', accounts: [{account}], regions: [us-east-1], \
             at: -30m, service: bedrock-runtime, operation: InvokeModel, body: {{modelId: m, body: {{prompt: {prompt}}}}}}}\n"
        ));
    }
    let secret = "wJalrXUtnFEMIK7MDENGbPxRfiCYEXAMPLEKEY";
    let arguments =
        ["--output", "json", "restore", "--yes", "--since", "2h", "prod/us-east-1/*", "staging/us-east-1/*"];
    let output = environment.run_with("AWS_SECRET_ACCESS_KEY", secret, &arguments).exits(0);
    let (incident, _) = incident(&output);
    let answers = incident["answers"].as_array().expect("answers");
    let rows = answers.iter().map(|answer| answer["rows"].as_array().map_or(0, Vec::len)).sum::<usize>();
    assert!(rows > 0, "nothing was found, so nothing is shown: {incident}");
    let mut texts = vec![("output".to_owned(), format!("{}{}", output.stdout, output.stderr))];
    let mut folders = vec![environment.state()];
    while let Some(folder) = folders.pop() {
        for entry in fs::read_dir(folder).expect("a folder") {
            let path = entry.expect("an entry").path();
            match path.is_dir() {
                true => folders.push(path),
                false => {
                    let bytes = fs::read(&path).expect("a file");
                    texts.push((path.display().to_string(), String::from_utf8_lossy(&bytes).into_owned()));
                }
            }
        }
    }
    assert!(texts.len() > 8, "{}", texts.len());
    // Every session token of the emulated AWS begins so.
    let forbidden = [prompts[0], prompts[1], secret, "IQoJb3JpZ2luX2Vj", "X-Amz-Signature", "AWS4-HMAC"];
    for (name, text) in texts {
        for one in forbidden {
            assert!(!text.contains(one), "{name} has {one:?}");
        }
    }
    let _ = environment.run(&["plan"]).exits(0);
}

#[test]
fn only_its_owner_may_read_the_evidence() {
    use std::os::unix::fs::PermissionsExt as _;
    let (_aws, environment) = world(Options::default());
    let (_, folder) = incident(&restore(&environment).exits(0));
    let mode = |path: &PathBuf| fs::metadata(path).expect("there").permissions().mode() & 0o077;
    for file in ["incident.json", "incident.md", "incident.html", "evidence", ""] {
        assert_eq!(mode(&folder.join(file)), 0, "{file}");
    }
}

#[test]
fn whoever_touches_a_file_is_found_out() {
    let (_aws, environment) = world(Options::default());
    let (_, folder) = incident(&restore(&environment).exits(0));
    let head = audit(&environment, 0)["head"].as_str().expect("a head").to_owned();
    let _ = environment.run(&["audit", "verify", "--head", &head]).exits(0);
    let _ = environment.run(&["audit", "verify", "--head", "sha256:00"]).exits(1).prints(&["no record has the digest"]);
    let report = folder.join("incident.html");
    let text = fs::read_to_string(&report).expect("read");
    fs::write(&report, text.replacen("Developer", "Somebody", 1) + " ").expect("written");
    let _ = environment.run(&["audit", "verify"]).exits(1).prints(&["FOUND", "incident.html", "BRX3102"]);
    fs::write(&report, text).expect("written");
    audit(&environment, 0);
    let journal = environment.state().join("journal.jsonl");
    let lines = fs::read_to_string(&journal).expect("read");
    let shorter: Vec<&str> = lines.lines().collect();
    fs::write(&journal, shorter[..shorter.len() - 1].join("\n") + "\n").expect("written");
    let _ = environment.run(&["audit", "verify"]).exits(1).prints(&["journal.jsonl", "lines were removed"]);
    let _ = restore(&environment).exits(1).says(&["BRX3102", "audit verify"]);
}

#[test]
fn nobody_who_is_not_asked_has_agreed_and_the_evidence_is_there_all_the_same() {
    let (aws, environment) = world(Options::default());
    let [guardrail, logging] = targets();
    let output = environment.run(&["--output", "json", "restore", logging, guardrail]).exits(4);
    let declined = output.json()["incident"].clone();
    assert_eq!(declined["outcome"], "not_approved");
    assert!(declined["evidence"].as_array().is_some_and(|evidence| evidence.len() >= 3), "{declined}");
    assert_eq!(aws.writes(), []);
    audit(&environment, 0);
    // The same order takes it up again, with the same images of before.
    let (restored, _) = incident(&restore(&environment).exits(0));
    assert_eq!((&restored["id"], &restored["outcome"]), (&declined["id"], &"restored".into()));
    assert_eq!(restored["addresses"][0]["before"], declined["addresses"][0]["before"]);
    assert_eq!(restored["runs"].as_array().map(Vec::len), Some(2));
    audit(&environment, 0);
}

#[test]
fn a_restore_that_does_not_succeed_says_what_is_and_what_is_not_restored() {
    let full = Effect::Error {
        code: "ServiceQuotaExceededException".to_owned(),
        status: 400,
        message: "the limit is reached".to_owned(),
    };
    let stories: [(&str, Effect, i32, &str); 4] = [
        ("PutModelInvocationLoggingConfiguration", full, 1, "ServiceQuotaExceededException: the limit is reached"),
        ("PutModelInvocationLoggingConfiguration", Effect::Deny, 4, "may not call bedrock:PutModelInvocationLogging"),
        ("PutModelInvocationLoggingConfiguration", Effect::NoOp, 1, "answered success"),
        ("PutModelInvocationLoggingConfiguration", Effect::Throttle, 1, "Throttling"),
    ];
    for (name, effect, code, why) in stories {
        let (aws, environment) = world(Options::default());
        aws.always(operation(name), effect.clone());
        let output = restore(&environment).exits(code);
        let (incident, _) = incident(&output);
        assert_eq!(incident["outcome"], "partly_restored", "{effect:?}");
        let logging = if effect == Effect::Deny { "refused" } else { "not_restored" };
        assert_eq!(statuses(&incident), pairs(&[("guardrail", "restored"), ("invocation-logging", logging)]));
        let told = incident["addresses"][1]["why"].as_str().expect("a reason");
        assert!(told.contains(why), "{effect:?}: {told}");
        assert_eq!(incident["closed"], Value::Null);
        audit(&environment, 0);
        aws.emulator.clear_faults();
        let (again, _) = self::incident(&restore(&environment).exits(0));
        assert_eq!((&again["id"], &again["outcome"]), (&incident["id"], &"restored".into()));
        assert_eq!(again["addresses"].as_array().map(Vec::len), Some(2), "what the first run restored is in it too");
        audit(&environment, 0);
    }
}

/// A role that may read and not write is found before the first write, and what it may restore is restored.
#[test]
fn h35_a_role_that_may_not_write_is_found_beforehand() {
    let (aws, environment) = world(Options::default());
    let name = "PutModelInvocationLoggingConfiguration";
    let tried = || aws.emulator.calls().iter().filter(|call| call.operation == name).count();
    aws.always(operation(name), Effect::Deny);
    let output = restore(&environment).exits(4);
    assert_eq!(tried(), 0, "{output:?}");
    let (refused, _) = incident(&output);
    assert_eq!(statuses(&refused), pairs(&[("guardrail", "restored"), ("invocation-logging", "refused")]));
    let why = refused["addresses"][1]["why"].as_str().expect("a reason");
    for part in
        ["role/bedrock-reconciler", "may not call", "bedrock:PutModelInvocationLoggingConfiguration", "implicitDeny"]
    {
        assert!(why.contains(part), "{why}");
    }
    // Whoever knows better may go on, and then finds out at the write.
    let [guardrail, logging] = targets();
    let arguments = ["--output", "json", "restore", "--yes", "--skip-permission-check", guardrail, logging];
    let (failed, _) = incident(&environment.run(&arguments).exits(1));
    assert_eq!(tried(), 1);
    let why = failed["addresses"][1]["why"].as_str().expect("a reason");
    assert!(why.contains("AccessDenied"), "{why}");
    // Where nobody may ask, that is told, and stands in nobody's way.
    aws.emulator.clear_faults();
    aws.always(operation("SimulatePrincipalPolicy"), Effect::Deny);
    let output = environment.run(&["--output", "json", "restore", "--yes", guardrail, logging]).exits(0);
    let told = output.stderr.clone();
    assert!(told.contains("BRX1068") && told.contains("iam:SimulatePrincipalPolicy"), "{told}");
    let (restored, _) = incident(&output);
    assert_eq!((&restored["id"], &restored["outcome"]), (&refused["id"], &"restored".into()));
    audit(&environment, 0);
}

/// The caller's own account is called by the session of a role, whose ARN does not say the path of the role.
#[test]
fn h35_the_role_behind_a_session_is_asked_about() {
    let (aws, environment) = world(Options::default());
    let step = |service: &str, operation: &str, body: &str| {
        format!(
            "  - {{as: 'arn:aws:iam::${{account}}:user/admin', accounts: [management], regions: [us-east-1], service: {service}, \
             operation: {operation}, body: {body}}}\n"
        )
    };
    let trust = r#"'{"Version":"2012-10-17","Statement":[{"Effect":"Allow","Principal":{"AWS":"arn:aws:iam::111122223333:root"},"Action":"sts:AssumeRole"}]}'"#;
    let reads = r#"'{"Version":"2012-10-17","Statement":[{"Effect":"Allow","Action":["*:Get*","*:List*","*:Describe*"],"Resource":"*"}]}'"#;
    aws.attack(&format!(
        "steps:\n{}{}{}",
        step("iam", "CreateRole", &format!("{{RoleName: night, Path: /team/, AssumeRolePolicyDocument: {trust}}}")),
        step("iam", "PutRolePolicy", &format!("{{RoleName: night, PolicyName: reads, PolicyDocument: {reads}}}")),
        step("bedrock", "DeleteModelInvocationLoggingConfiguration", "{}"),
    ));
    let role = "arn:aws:iam::111122223333:role/team/night";
    let members = [("Action", "AssumeRole"), ("RoleArn", role), ("RoleSessionName", "call")];
    let answer = block_on(DirectClient::new(&aws.emulator, MANAGEMENT, "us-east-1").form("sts", &members));
    let member = |name: &str| {
        let (_, rest) = answer.split_once(&format!("<{name}>")).expect("a member");
        rest.split('<').next().expect("a value").to_owned()
    };
    let environment = environment
        .variable("AWS_ACCESS_KEY_ID", &member("AccessKeyId"))
        .variable("AWS_SECRET_ACCESS_KEY", &member("SecretAccessKey"))
        .variable("AWS_SESSION_TOKEN", &member("SessionToken"));
    let target = "management/us-east-1/invocation-logging/*";
    let output = environment.run(&["--output", "json", "restore", "--yes", target]).exits(4);
    let (refused, _) = incident(&output);
    let why = refused["addresses"][0]["why"].as_str().expect("a reason");
    assert!(why.contains(&format!("{role} may not call bedrock:PutModelInvocationLogging")), "{why}");
    assert!(!output.stderr.contains("BRX1068"), "{}", output.stderr);
    assert_eq!(aws.writes(), []);
}

/// The log group that the logging writes to is deleted as well, and not part of the order: nothing is put into a void, and what
/// could be restored is. When it is there again, the same order ends well.
#[test]
fn a_dependency_that_is_gone_is_told() {
    let (aws, environment) = world(Options::default());
    let step = |operation: &str, more: &str| {
        format!(
            "  - {{as: 'arn:aws:sts::${{account}}:assumed-role/Developer/mallory', accounts: [prod], regions: [us-east-1], \
             service: logs, operation: {operation}, body: {{{more}}}}}\n"
        )
    };
    let group = "/aws/bedrock/model-invocations";
    aws.attack(&format!(
        "steps:\n{}{}",
        step(
            "PutLogGroupDeletionProtection",
            &format!("logGroupIdentifier: {group}, deletionProtectionEnabled: false")
        ),
        step("DeleteLogGroup", &format!("logGroupName: {group}"))
    ));
    let output = restore(&environment);
    assert_ne!(output.code(), 0, "{output:?}");
    let (partly, _) = incident(&output);
    assert_eq!(partly["outcome"], "partly_restored", "{partly}");
    assert_eq!(statuses(&partly), pairs(&[("guardrail", "restored"), ("invocation-logging", "not_restored")]));
    let why = partly["addresses"][1]["why"].as_str().expect("a reason");
    assert!(why.contains("ValidationException") && why.contains("log group"), "{why}");
    audit(&environment, 0);
    aws.attack(&format!("steps:\n{}", step("CreateLogGroup", &format!("logGroupName: {group}"))));
    let (restored, _) = incident(&restore(&environment).exits(0));
    assert_eq!((&restored["id"], &restored["outcome"]), (&partly["id"], &"restored".into()));
}

/// The weak content was published, and the account enforces a version: a restored guardrail is not yet a guardrail that callers
/// get. When the enforced configuration is restored as well, it is.
#[test]
fn a_restore_that_callers_do_not_get_is_not_effective() {
    let (aws, environment) = world(Options::default());
    aws.attack(
        "steps:\n  - {as: 'arn:aws:sts::${account}:assumed-role/Developer/mallory', accounts: [prod], regions: [us-east-1], \
         service: bedrock, operation: CreateGuardrailVersion, body: {guardrailIdentifier: 'guardrail:baseline'}}\n",
    );
    let [guardrail, _] = targets();
    let output = environment.run(&["--quiet", "--output", "json", "restore", "--yes", guardrail]).exits(2);
    let (first, _) = incident(&output);
    assert_eq!(first["outcome"], "not_effective");
    let users = first["addresses"][0]["still_used_by"][0].as_str().expect("a user");
    assert!(users.contains("enforced guardrail configuration"), "{users}");
    let _ = environment.run(&["--quiet", "restore", "--yes", "prod/us-east-1/*guardrail/*"]).exits(0);
    let _ = environment.run(&["plan", "--address", "prod/us-east-1/*guardrail/*"]).exits(0);
}

/// What a restore is called does not depend on whether a version is published where nobody can name an older one.
#[test]
fn a_guardrail_that_is_made_anew_is_restored_with_a_version_or_without() {
    for publishes in [true, false] {
        let aws = Aws::scenario("guardrail-deleted");
        let environment = TestEnvironment::on(&aws);
        if !publishes {
            let spec = "spec:\n  description: Protection for the payments assistant.";
            let edited = spec.replace("spec:", "spec:\n  publish: false");
            // The declarations of both regions.
            for _ in 0..2 {
                environment.edit("desired-state/guardrails/payments.yaml", spec, &edited);
            }
        }
        let output = environment
            .run(&["--quiet", "--output", "json", "restore", "--yes", "prod/eu-west-1/guardrail/payments"])
            .exits(0);
        let (restored, _) = incident(&output);
        assert_eq!(restored["outcome"], "restored", "publishes: {publishes}");
        let told = restored["findings"].to_string();
        assert!(told.contains("a created guardrail has a new id"), "{told}");
    }
}

#[test]
fn a_read_that_fails_afterwards_is_not_taken_for_a_restore() {
    let (aws, environment) = world(Options::default());
    let [guardrail, _] = targets();
    let fault = Fault {
        matching: operation("ListGuardrails"),
        skip: 2,
        times: reconciler_emulator::Times::Forever,
        probability: None,
        then: Effect::Deny,
    };
    aws.emulator.inject(vec![fault]);
    let output = environment.run(&["--quiet", "--output", "json", "restore", "--yes", guardrail]);
    assert_ne!(output.code(), 0, "{output:?}");
    let (incident, _) = incident(&output);
    assert_ne!(incident["outcome"], "restored", "{incident}");
}

#[test]
fn a_restore_that_is_interrupted_is_taken_up_again() {
    let slow = Options { latency: std::time::Duration::from_millis(15), ..Options::default() };
    let (aws, environment) = world(slow);
    let [guardrail, logging] = targets();
    let running = environment.start(&["--quiet", "--output", "json", "restore", "--yes", guardrail, logging]);
    aws.wait_for("a write", |calls| calls.iter().any(|call| call.operation.starts_with("PutModelInvocation")));
    running.signal(Signal::INT);
    let output = running.wait().exits(130);
    let (interrupted, _) = incident(&output);
    assert_eq!(interrupted["outcome"], "interrupted", "{interrupted}");
    audit(&environment, 0);
    let (restored, _) = incident(&restore(&environment).exits(0));
    assert_eq!((&restored["id"], &restored["outcome"]), (&interrupted["id"], &"restored".into()));
    assert!(restored["addresses"].as_array().is_some_and(|all| all.len() == 2));
}

#[test]
fn a_death_after_any_record_is_taken_up_again_and_ends_the_same() {
    let undisturbed = {
        let (_aws, environment) = world(Options::default());
        let (incident, _) = incident(&restore(&environment).exits(0));
        (statuses(&incident), audit(&environment, 0)["records"].as_u64().expect("records"))
    };
    let (expected, records) = undisturbed;
    let [guardrail, logging] = targets();
    let arguments = ["--quiet", "--output", "json", "restore", "--yes", guardrail, logging];
    for record in 1..=records {
        let (aws, environment) = world(Options::default());
        let name = "BEDROCK_RECONCILER_ABORT_AFTER_RECORD";
        let died = environment.run_with(name, &record.to_string(), &arguments);
        assert_eq!(died.code(), 134, "record {record}: {died:?}");
        audit(&environment, 0);
        let output = restore(&environment).exits(0);
        let (incident, _) = incident(&output);
        if record < records {
            assert_eq!(incident["outcome"], "restored", "record {record}: {incident}");
            assert_eq!(statuses(&incident), expected, "record {record}");
            for one in incident["addresses"].as_array().expect("addresses") {
                assert!(one["proofs"].as_array().is_some_and(|proofs| proofs.len() >= 2), "record {record}: {one}");
                assert!(one["before"].is_string() && one["after"].is_string(), "record {record}: {one}");
            }
        } else {
            assert_eq!(incident, Value::Null, "it was closed already");
        }
        assert_eq!(audit(&environment, 0)["incidents"], 1, "record {record}: one incident, whatever happened");
        assert!(aws.successes("CreateGuardrailVersion") <= 1, "record {record}");
        let _ = environment.run(&["plan", "--address", &format!("{PLACE}/guardrail/*")]).exits(0);
    }
}

/// Between read-back and the plan that is made afresh, somebody undoes the restore.
#[test]
fn another_who_undoes_it_is_not_taken_for_success() {
    let [_, logging] = targets();
    let arguments = ["--quiet", "--output", "json", "restore", "--yes", logging];
    let name = "GetModelInvocationLoggingConfiguration";
    // Before the events are asked for, the last two reads of an undisturbed restore are that plan's and the image of after.
    let reads = {
        let (aws, environment) = world(Options::default());
        let _ = environment.run(&arguments).exits(0);
        let calls = aws.emulator.calls();
        let before = calls.iter().take_while(|call| call.operation != "LookupEvents");
        before.filter(|call| call.operation == name).count()
    };
    let (aws, environment) = world(Options::default());
    let skip = u32::try_from(reads - 2).expect("few reads");
    let script = "steps:\n  - {as: 'arn:aws:sts::${account}:assumed-role/Developer/mallory', accounts: [prod], regions: [us-east-1], \
                  service: bedrock, operation: DeleteModelInvocationLoggingConfiguration, body: {}}\n";
    let steps = Script::parse(script).expect("a script").steps;
    aws.emulator.inject(vec![Fault { skip, ..Fault::once(operation(name), Effect::Meanwhile { steps }) }]);
    let output = environment.run(&arguments);
    assert_ne!(output.code(), 0, "{output:?}");
    let (undone, _) = incident(&output);
    assert_eq!(undone["outcome"], "not_restored");
    let why = undone["addresses"][0]["why"].as_str().expect("a reason");
    assert!(why.contains("somebody else changed it"), "{why}");
    audit(&environment, 0);
    let (restored, _) = incident(&environment.run(&arguments).exits(0));
    assert_eq!((&restored["id"], &restored["outcome"]), (&undone["id"], &"restored".into()));
}
