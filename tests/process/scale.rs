//! Organizations through the binary: accounts that are discovered, and scopes that cannot be read.

use std::collections::BTreeMap;

use reconciler_emulator::{Effect, Match};
use serde_json::Value;

use crate::harness::{Aws, TestEnvironment};

const LISTED: &str = "accounts:
  - {id: \"111122223333\", name: management, tags: {env: shared}}
  - {id: \"222233334444\", name: prod, tags: {env: prod}}
  - {id: \"333344445555\", name: staging, tags: {env: staging}}
";

fn operation(name: &str) -> Match {
    Match { operation: Some(name.to_owned()), ..Match::default() }
}

fn region(name: &str) -> Match {
    Match { region: Some(name.to_owned()), ..Match::default() }
}

/// The desired state of the repository, with accounts that are discovered.
fn discovering(aws: &Aws) -> TestEnvironment {
    let environment = TestEnvironment::on(aws);
    environment.edit("desired-state/organization.yaml", LISTED, "accounts: discover\n");
    environment
}

/// The same world, whether its accounts are listed or discovered. Drift in it is restored, and a plan is applied.
#[test]
fn discovered_accounts_are_planned_restored_and_exported_as_listed_ones() {
    let aws = Aws::scenario("drifted");
    let (listed, environment) = (TestEnvironment::on(&aws), discovering(&aws));
    let _ = environment.run(&["validate"]).exits(0).prints(&["valid in form", "accounts that are discovered"]);
    let plan = |environment: &TestEnvironment| environment.run(&["--output", "json", "plan"]).exits(2).json();
    let (one, two) = (plan(&listed), plan(&environment));
    assert_eq!((&one["summary"], &one["drift"]), (&two["summary"], &two["drift"]));
    let _ = environment.run(&["--quiet", "plan", "--out", "plan.json"]).exits(2);
    let id = two["plan_id"].as_str().expect("an id");
    let _ = environment.run(&["--quiet", "apply", "plan.json", "--approve", id]).code();
    let _ = environment.run(&["--quiet", "enforce", "--once"]).code();
    let _ = environment.run(&["plan"]).exits(0).prints(&["in sync"]);
    let exported = |environment: &TestEnvironment| environment.run(&["--output", "json", "export"]).exits(0).json();
    assert_eq!(exported(&listed), exported(&environment));
}

/// Without the list of accounts nothing is said about any of them: not "in sync", not "missing".
#[test]
fn a_discovery_that_fails_is_a_failure_and_never_an_empty_organization() {
    let aws = Aws::scenario("in-sync");
    let environment = discovering(&aws);
    aws.always(operation("ListAccounts"), Effect::Deny);
    for command in [&["plan"][..], &["enforce", "--once"], &["export"], &["restore", "--yes", "aws-genai-04"]] {
        let _ = environment.run(command).exits(1).says(&[
            "error[BRX2001]",
            "ListAccounts",
            "the accounts are not known",
            "organizations:ListAccounts",
        ]);
    }
    aws.emulator.clear_faults();
    environment.edit("desired-state/organization.yaml", "managementAccount: management", "managementAccount: prod");
    let _ = environment.run(&["plan"]).exits(65).says(&["BRX0302", "the management account is management"]);
    assert_eq!(aws.writes(), []);
}

/// With pins, the accounts that were there are held all the same, and that nobody lists them is paged.
#[test]
fn a_discovery_that_fails_keeps_no_pinned_account_from_being_held() {
    for (name, then) in [
        ("ListAccounts", Effect::Deny),
        ("DescribeOrganization", Effect::Deny),
        ("ListAccounts", Effect::Error { code: "ServiceException".to_owned(), status: 500, message: String::new() }),
    ] {
        let aws = Aws::scenario("in-sync");
        let environment = discovering(&aws);
        let _ = environment.run(&["pin"]).exits(0);
        let _ = environment.run(&["plan"]).exits(0);
        aws.attack(
            "steps:\n  - {as: 'arn:aws:sts::${account}:assumed-role/Developer/mallory', accounts: [prod], regions: [us-east-1], \
             service: bedrock, operation: DeleteModelInvocationLoggingConfiguration, body: {}}\n",
        );
        aws.always(operation(name), then);
        let plan = environment.run(&["--output", "json", "plan"]).exits(2).json();
        assert_eq!(plan["summary"]["drifted"], 1, "{name}: {plan}");
        let gaps = plan["gaps"].as_array().expect("gaps");
        let gap = gaps.iter().find(|gap| gap["name"] == "accounts").unwrap_or_else(|| panic!("{name}: {gaps:?}"));
        assert_eq!((&gap["kind"], &gap["alerts"][0]["class"]), (&"pin".into(), &"page".into()), "{name}: {gap}");
        let reason = gap["reason"].as_str().expect("a reason");
        assert!(reason.contains(name) && reason.contains("the accounts are those that are pinned"), "{reason}");
        let _ = environment.run(&["--quiet", "enforce", "--once"]).exits(3);
        let _ = environment.run(&["plan"]).exits(3);
        // What is pinned is not made of a part.
        let _ = environment.run(&["pin"]).exits(1).says(&["the accounts are not known"]);
        aws.emulator.clear_faults();
        let _ = environment.run(&["plan"]).exits(0);
    }
}

/// One account that denies the role, one region that is not enabled, one region that never answers: the others are
/// complete, those are gaps with their reasons, and the command says that it has not seen everything.
#[test]
fn what_cannot_be_read_is_a_gap_with_its_reason_and_the_rest_is_complete() {
    let aws = Aws::scenario("in-sync");
    let environment = TestEnvironment::on(&aws);
    let whole = environment.run(&["--output", "json", "plan"]).exits(0).json();
    let regions = "regions: [us-east-1, eu-west-1]";
    environment.edit(
        "desired-state/organization.yaml",
        regions,
        "regions: [us-east-1, eu-west-1, me-central-1, ap-south-1]",
    );
    environment.edit("settings.yaml", "retryFirstMs: 5", "retryFirstMs: 5, callSeconds: 2");
    let staging = Match { account: Some("333344445555".to_owned()), ..operation("AssumeRole") };
    aws.always(staging, Effect::Deny);
    let message = "The security token included in the request is invalid.".to_owned();
    let unknown = Effect::Error { code: "UnrecognizedClientException".to_owned(), status: 400, message };
    aws.always(region("me-central-1"), unknown);
    aws.always(region("ap-south-1"), Effect::Hang);

    let output = environment.run(&["--output", "json", "plan"]).exits(3);
    let plan = output.json();
    assert_eq!(plan["drift"], Value::Array(Vec::new()), "what was not read is not missing");
    let mut reasons: BTreeMap<(&str, &str), (&str, &str)> = BTreeMap::new();
    for gap in plan["gaps"].as_array().expect("gaps") {
        let text = |value: &'_ Value| value.as_str().expect("text").to_owned();
        assert!(!text(&gap["reason"]).is_empty() && !text(&gap["remedy"]).is_empty(), "{gap}");
        let scope = (gap["scope"]["account"].as_str().expect("text"), gap["scope"]["region"].as_str().expect("text"));
        let why = (gap["code"].as_str().expect("text"), gap["remedy"].as_str().expect("text"));
        reasons.insert(scope, why);
    }
    for ((account, region), (code, remedy)) in &reasons {
        let (expected, says) = match (*account, *region) {
            ("staging", _) => ("BRX2001", "trust policy"),
            (_, "me-central-1") => ("BRX2006", "region me-central-1 is not enabled in account"),
            (_, "ap-south-1") => ("BRX2005", "check that this machine reaches"),
            other => panic!("{other:?} can be read: {code} {remedy}"),
        };
        assert!(*code == expected && remedy.contains(says), "{account}/{region}: {code} {remedy}");
    }
    assert!(reasons.contains_key(&("prod", "me-central-1")) && reasons.contains_key(&("management", "ap-south-1")));
    let in_sync = whole["summary"]["in_sync"].as_u64().expect("a number");
    assert!(plan["summary"]["in_sync"].as_u64().expect("a number") >= in_sync / 2, "{}", plan["summary"]);
    let _ = environment.run(&["plan"]).exits(3).prints(&["not evaluated [BRX2006]", "not evaluated [BRX2001]"]);
    assert_eq!(aws.writes(), []);
}
