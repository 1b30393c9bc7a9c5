//! The first hour: `init`, `doctor`, `adopt`, `status`, a single account without a role, and a part of a plan.

use std::fs;
use std::time::{Duration, Instant};

use reconciler_emulator::{Effect, Match};
use serde_json::Value;

use crate::harness::{Aws, TestEnvironment};

/// An environment with nothing but a way to the caller's own account.
fn begin(aws: &Aws) -> TestEnvironment {
    let environment = TestEnvironment::on(aws);
    fs::remove_dir_all(environment.path("desired-state")).expect("removed");
    environment
}

#[test]
fn init_writes_what_the_credentials_tell_and_overwrites_nothing() {
    let aws = Aws::scenario("in-sync");
    let environment = begin(&aws);
    let _ = environment.run(&["init", "--region", "us-east-1", "--region", "eu-west-1"]).exits(0).prints(&[
        "wrote desired-state/organization.yaml",
        "wrote desired-state/schema.json",
        "main (111122223333)",
        "bedrock-reconciler adopt --dry-run",
    ]);
    let text = environment.read("desired-state/organization.yaml");
    assert!(text.starts_with("# yaml-language-server: $schema=schema.json\n"), "{text}");
    assert!(!text.contains("role") && !text.contains("managementAccount"), "a single account needs neither: {text}");
    let schema: Value = serde_json::from_str(&environment.read("desired-state/schema.json")).expect("JSON");
    assert!(schema["$defs"]["guardrail"].is_object());
    let _ = environment.run(&["init", "--region", "eu-west-1"]).exits(4).says(&["is not overwritten"]);
    assert_eq!(environment.read("desired-state/organization.yaml"), text);
    assert_eq!(aws.writes(), []);
}

#[test]
fn init_needs_no_credentials_where_the_account_is_named() {
    let environment = TestEnvironment::new();
    let _ = environment.run(&["init", "--dir", "one"]).exits(64).says(&["no credentials", "--account ID"]);
    let _ = environment.run(&["init", "--dir", "one", "--account", "12"]).exits(64).says(&["12", "not twelve"]);
    let _ = environment
        .run(&["init", "--dir", "one", "--account", "prod=222233334444", "--region", "mars"])
        .exits(64)
        .says(&["`mars` is not the name of a region"]);
    assert!(!environment.path("one").exists(), "nothing is written of what is wrong");
    let _ = environment
        .run(&["init", "--dir", "one", "--account", "prod=222233334444", "--region", "cn-north-1"])
        .exits(0)
        .prints(&["doctor"]);
    assert!(environment.read("one/organization.yaml").contains("partition: aws-cn"));
    let two = ["init", "--dir", "two", "--account", "prod=222233334444", "--account", "test=333344445555"];
    let _ = environment.run(&two).exits(0);
    assert!(environment.read("two/organization.yaml").contains("role: bedrock-reconciler"));
}

#[test]
fn init_finds_the_organization() {
    let aws = Aws::scenario("in-sync");
    let environment = begin(&aws);
    let _ = environment.run(&["init", "--organization", "--region", "us-east-1"]).exits(0);
    let text = environment.read("desired-state/organization.yaml");
    assert!(text.contains("accounts: discover") && text.contains("managementAccount: \"111122223333\""), "{text}");
    let _ = environment.run(&["adopt", "--kind", "log-group"]).exits(0);
    let _ = environment.run(&["plan"]).exits(0);
}

#[test]
fn init_asks_at_a_terminal() {
    let aws = Aws::scenario("in-sync");
    let environment = begin(&aws);
    let mut terminal = environment.at_terminal(&["init"]);
    for (question, answer) in [
        ("One account, or every account", "one"),
        ("Account id? (111122223333)", ""),
        ("What to call it? (main)", "sandbox"),
        ("Regions, with commas? (us-east-1)", "us-east-1, eu-west-1"),
    ] {
        terminal.wait_for(question);
        terminal.types(answer);
    }
    let (code, shown) = terminal.wait();
    assert_eq!(code, 0, "{shown}");
    let text = environment.read("desired-state/organization.yaml");
    assert!(text.contains("name: sandbox") && text.contains("- eu-west-1"), "{text}");
}

#[test]
fn what_is_adopted_is_in_sync() {
    let aws = Aws::scenario("in-sync");
    aws.attack(
        "steps:\n  - {as: 'arn:aws:sts::${account}:assumed-role/Developer/ann', accounts: [management], regions: [us-east-1], \
         service: bedrock, operation: UpdateGuardrail, body: {guardrailIdentifier: '${guardrail:baseline}'}, \
         edits: [{set: {/contentPolicyConfig/filtersConfig/type=HATE/inputStrength: NONE}}]}\n",
    );
    let attacked = aws.writes().len();
    let environment = begin(&aws);
    let _ = environment.run(&["init", "--region", "us-east-1", "--region", "eu-west-1"]).exits(0);
    let dry = environment.run(&["adopt", "--dry-run"]).exits(0).prints(&["kind: guardrail", "would be written"]);
    assert!(!environment.path("desired-state/guardrail.yaml").exists() && dry.stdout.contains("controls:"));
    let _ = environment.run(&["validate"]).exits(65);
    let told = environment.run(&["adopt"]).exits(0).prints(&[
        "wrote desired-state/guardrail.yaml",
        "wrote desired-state/pins.lock",
        "aws-genai-02",
        "below its floor: main/us-east-1/guardrail/baseline contentPolicy.filters.HATE.inputStrength is NONE, at least LOW",
        "?    aws-genai-09",
        "not looked at",
        "guardrail/baseline: what callers can name by its newest version is not the draft",
        "nothing was changed in AWS",
        "bedrock-reconciler plan",
    ]);
    assert!(!told.stdout.contains("no trail in"), "one of all regions is enough: {}", told.stdout);
    let text = environment.read("desired-state/guardrail.yaml");
    assert!(
        text.starts_with("# yaml-language-server: $schema=schema.json\n") && text.contains("aws-genai-06"),
        "{text}"
    );
    let _ = environment.run(&["plan"]).exits(0);
    let _ = environment.run(&["pin", "--check"]).exits(0);
    // What is declared is passed by, and nothing is overwritten.
    let again = environment.run(&["--output", "json", "import"]).exits(0).json();
    assert_eq!((&again["declarations"], &again["files"]), (&0.into(), &Value::Array(Vec::new())), "{again}");
    assert!(again["already_declared"].as_u64().is_some_and(|count| count > 3), "{again}");
    assert_eq!(environment.read("desired-state/guardrail.yaml"), text);
    let _ = environment.run(&["enforce", "--once"]).exits(0);
    assert_eq!(aws.writes().len(), attacked);
}

#[test]
fn what_was_adopted_later_goes_to_a_file_of_its_own() {
    let aws = Aws::scenario("in-sync");
    let environment = begin(&aws);
    let _ = environment.run(&["adopt"]).exits(65).says(&["organization.yaml", "init"]);
    let _ = environment.run(&["init", "--region", "us-east-1"]).exits(0);
    let _ = environment.run(&["adopt", "--kind", "guardrail", "--address", "*/baseline"]).exits(0);
    let first = environment.read("desired-state/guardrail.yaml");
    let _ = environment.run(&["adopt"]).exits(0).prints(&["wrote desired-state/log-group.yaml"]);
    assert_eq!(environment.read("desired-state/guardrail.yaml"), first);
    let _ = environment.run(&["plan"]).exits(0);
    let _ = environment.run(&["adopt", "--kind", "guardrial"]).exits(64).says(&["did you mean `guardrail`?"]);
}

#[test]
fn a_single_account_needs_no_role_and_holds_no_organization() {
    let aws = Aws::scenario("in-sync");
    let environment = begin(&aws);
    let organization =
        |id: &str| format!("partition: aws\nregions: [us-east-1]\naccounts: [{{id: \"{id}\", name: main}}]\n");
    environment.write("desired-state/organization.yaml", organization("111122223333"));
    environment.write(
        "desired-state/group.yaml",
        "kind: log-group\nname: /aws/bedrock/model-invocations\nspec: {retentionInDays: 365}\n",
    );
    let _ = environment.run(&["plan"]).exits(0);
    environment.write(
        "desired-state/scp.yaml",
        "kind: service-control-policy\nname: x\nspec: {content: {Version: \"2012-10-17\", Statement: []}, targets: []}\n",
    );
    let _ = environment.run(&["validate"]).exits(65).says(&["BRX0302", "belongs to an organization as a whole"]);
    fs::remove_file(environment.path("desired-state/scp.yaml")).expect("removed");
    environment.write("desired-state/organization.yaml", organization("222233334444"));
    let other = environment.run(&["plan"]).exits(1);
    let _ =
        other.says(&["the credentials are of account 111122223333", "222233334444 (main) and no role", "AWS_PROFILE"]);
    let two = "  - {id: \"333344445555\", name: other}\n";
    let listed = "partition: aws\nregions: [us-east-1]\naccounts:\n  - {id: \"111122223333\", name: main}\n";
    environment.write("desired-state/organization.yaml", format!("{listed}{two}"));
    let _ = environment.run(&["validate"]).exits(65).says(&["the key `role` is missing"]);
    assert_eq!(aws.writes(), []);
}

#[test]
fn missing_credentials_are_told_in_words() {
    let environment = TestEnvironment::new();
    let told = environment.run(&["plan"]).exits(1);
    let told = told.says(&["no AWS credentials found", "AWS_PROFILE", "AWS_ACCESS_KEY_ID", "task role"]);
    assert!(!told.stderr.contains("NoCredentials"), "{}", told.stderr);
}

#[test]
fn doctor_checks_what_a_run_rests_on() {
    let aws = Aws::scenario("in-sync");
    let environment = TestEnvironment::on(&aws);
    let _ = environment.run(&["doctor"]).exits(0).prints(&[
        "ok    credentials",
        "3 of 3 accounts reached",
        "6 of 6 places answer",
        "ok    permissions",
        "ok    clock",
        "ok    pins",
        "ok    state",
    ]);
    assert_eq!(aws.writes(), []);
    assert!(!environment.state().exists(), "looking makes no folder");
    fs::create_dir_all(environment.state()).expect("a folder");
    fs::write(environment.state().join("paused"), "deploying").expect("written");
    fs::remove_file(environment.path("desired-state/pins.lock")).expect("removed");
    let _ =
        environment.run(&["doctor", "--account", "prod"]).exits(0).prints(&["warn  brakes", "deploying", "warn  pins"]);
    let _ = environment.run(&["doctor", "--account", "prd"]).exits(64).says(&["did you mean `prod`?"]);
}

#[test]
fn doctor_fails_with_a_remedy() {
    let nobody = TestEnvironment::new();
    let told = nobody.run(&["--output", "json", "doctor"]).exits(2).json();
    let checks = told["checks"].as_array().expect("checks");
    let failed = |about: &str| {
        checks.iter().any(|check| check["about"] == about && check["grade"] == "fail" && check["remedy"].is_string())
    };
    assert!(failed("credentials") && told["worst"] == "fail", "{told}");
    let aws = Aws::scenario("in-sync");
    let environment = TestEnvironment::on(&aws);
    aws.always(
        Match { service: Some("sts".into()), operation: Some("AssumeRole".into()), ..Match::default() },
        Effect::Deny,
    );
    let _ =
        environment.run(&["doctor"]).exits(2).prints(&["FAIL  roles", "prod: arn:aws:iam::222233334444:role/", "next"]);
    environment.write("desired-state/wrong.yaml", "kind: guardrial\nname: x\nspec: {}\n");
    let _ = environment.run(&["doctor"]).exits(2).prints(&["FAIL  desired", "validate"]);
}

#[test]
fn status_is_told_by_the_state_folder_alone() {
    let aws = Aws::scenario("aws-genai-06");
    let environment = TestEnvironment::on(&aws);
    let _ = environment.run(&["status"]).exits(0).prints(&["there is no state folder yet"]);
    let _ = environment.run(&["--quiet", "enforce", "--once"]).exits(0);
    let calls = aws.emulator.calls().len();
    let _ = environment.run(&["status"]).exits(0).prints(&[
        "nobody holds the state folder",
        "everything was read",
        "not paused",
        "enforce verified",
    ]);
    fs::write(environment.state().join("paused"), "deploying").expect("written");
    let told = environment.run(&["--output", "json", "status"]).exits(0).json();
    assert_eq!(told["paused"], "deploying");
    assert_eq!(told["last_runs"][0]["mode"], "enforce");
    assert_eq!(told["last_complete_look"]["unread"], 0);
    assert_eq!(aws.emulator.calls().len(), calls, "no call is made");
}

#[test]
fn a_part_of_a_plan_is_asked_for_by_place_and_kind() {
    let aws = Aws::scenario("drifted");
    let environment = TestEnvironment::on(&aws);
    let arguments = ["--output", "json", "plan", "--account", "prod", "--region", "us-east-1", "--kind", "guardrail"];
    let plan = environment.run(&arguments).exits(2).json();
    let drift = plan["drift"].as_array().expect("drift");
    let is_asked = |one: &Value| one["account"] == "prod" && one["region"] == "us-east-1" && one["kind"] == "guardrail";
    assert!(!drift.is_empty() && drift.iter().all(is_asked), "{plan}");
    for (flag, wrong, near) in
        [("--account", "prd", "prod"), ("--region", "us-east-2", "us-east-1"), ("--kind", "guardrails", "guardrail")]
    {
        let near = format!("did you mean `{near}`?");
        let _ = environment.run(&["plan", flag, wrong]).exits(64).says(&[&near]);
        let _ = environment.run(&["enforce", "--once", flag, wrong]).exits(64).says(&[&near]);
    }
    let _ =
        environment.run(&["export", "--account", "prod", "--kind", "log-group"]).exits(0).prints(&["kind: log-group"]);
    let _ = environment.run(&["--quiet", "enforce", "--once", "--account", "prod", "--kind", "guardrail"]).exits(0);
    let touched = aws.writes();
    assert!(
        !touched.is_empty() && touched.iter().all(|call| call.service == "bedrock" && call.account == "222233334444")
    );
}

#[test]
fn a_command_ends_in_its_time() {
    let aws = Aws::scenario("in-sync");
    aws.always(Match { operation: Some("ListGuardrails".into()), ..Match::default() }, Effect::Hang);
    let environment = TestEnvironment::on(&aws);
    let begun = Instant::now();
    // What hangs is a gap, and the rest is told.
    let plan = environment.run(&["--output", "json", "plan", "--timeout", "6s", "--account", "prod"]).exits(3);
    assert!(begun.elapsed() < Duration::from_secs(20), "{:?}", begun.elapsed());
    assert!(plan.stdout.contains("\"gaps\"") || plan.stderr.contains("not evaluated"), "{plan:?}");
    let _ = environment.run(&["plan", "--timeout", "soon"]).exits(64).says(&["30s, 5m"]);
    let _ = environment.run(&["enforce", "--timeout", "5s"]).exits(64).says(&["--once"]);
    assert_eq!(aws.writes(), []);
}

/// What an environment says otherwise takes the place of what is below it; the rest is as it is there.
#[test]
fn an_environment_is_laid_over_a_base() {
    let aws = Aws::scenario("in-sync");
    let environment = TestEnvironment::on(&aws);
    let (first, rest) = environment
        .read("desired-state/logging/invocation-logging.yaml")
        .split_once("\n---\n")
        .map(|(first, rest)| (first.to_owned(), rest.to_owned()))
        .expect("two declarations");
    assert!(first.contains("retentionInDays: 365") && !rest.contains("retentionInDays"));
    environment.write("env/group.yaml", first.replace("retentionInDays: 365", "retentionInDays: 400"));
    let laid = ["--base", "desired-state", "--desired", "env"];
    let with = |rest: &[&'static str]| [&laid[..], rest].concat();
    let valid = environment.run(&with(&["--output", "json", "validate"])).exits(0).json();
    let alone = environment.run(&["--output", "json", "validate"]).exits(0).json();
    assert_eq!((&valid["declarations"], &valid["addresses"]), (&alone["declarations"], &alone["addresses"]));
    let plan = environment.run(&with(&["--output", "json", "plan"])).exits(2).json();
    let drift = plan["drift"].as_array().expect("drift");
    assert!(!drift.is_empty() && drift.iter().all(|one| one["kind"] == "log-group"), "{plan}");
    let told = environment.run(&with(&["plan"])).exits(2);
    assert!(told.stdout.contains("--desired env --base desired-state"), "the next command has it too: {}", told.stdout);
    environment.write("env/group.yaml", first.replace("accounts: all", "accounts: [prod]"));
    let _ =
        environment.run(&with(&["validate"])).exits(65).says(&["BRX0205", "desired-state/logging", "env/group.yaml"]);
}
