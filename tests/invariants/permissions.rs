//! h35: what the caller may not do is found before the first write, and never said of what nobody can know.

use std::collections::BTreeSet;
use std::time::Duration;

use reconciler_emulator::{Accounts, Effect, Fault, Match, Step};
use reconciler_model::address::Address;
use reconciler_model::codes;
use reconciler_model::permit::Approval;
use reconciler_model::plan::{Plan, Severity};
use reconciler_tests::world::{World, on, refusals, step, told};
use serde_json::{Value, json};

const GUARDRAIL: &str = r#"
kind: guardrail
name: one
spec:
  blockedInputMessaging: "No."
  blockedOutputsMessaging: "Withheld."
  contentPolicy:
    filters:
      - {type: HATE, inputStrength: HIGH, outputStrength: HIGH}
"#;

const PROD: &str = "222233334444";

fn refused(plan: &Plan) -> Vec<&Address> {
    let refused = plan.findings.iter().filter(|one| one.severity == Severity::Refused);
    refused.filter(|one| one.code == codes::MAY_NOT_WRITE).map(|one| &one.address).collect()
}

/// Writes that were tried, whatever came of them, by service.
fn tried(world: &World) -> Vec<String> {
    let tried = world.emulator.calls().into_iter().filter(|call| !call.read_only && call.service != "sts");
    tried.map(|call| format!("{}:{}", call.service, call.operation)).collect()
}

/// A guardrail that would be left half restored, because the new version may not be published, is left as it is.
#[tokio::test]
async fn h35_nothing_is_left_half_restored() {
    let world = World::small("empty", GUARDRAIL).await;
    world.restore().await;
    world.set_guardrail("one", "/contentPolicyConfig/filtersConfig/type=HATE/inputStrength", json!("NONE"));
    world.publish("one");
    world.inject(vec![Fault::always(on("CreateGuardrailVersion"), Effect::Deny)]);
    world.emulator.clear_calls();
    let converged = world.converge(Approval::Operator).await.expect("approved");
    let after = converged.after.expect("a plan");
    assert_eq!((converged.rounds.len(), refusals(&after)), (0, vec![codes::MAY_NOT_WRITE]), "{}", told(&after));
    let finding = after.findings.iter().find(|one| one.code == codes::MAY_NOT_WRITE).expect("a finding");
    for part in ["user/operator", "bedrock:CreateGuardrailVersion", ":guardrail/", "implicitDeny"] {
        assert!(finding.detail.contains(part), "{}", finding.detail);
    }
    assert_eq!((after.summary.refused, tried(&world)), (1, vec![]));
    world.emulator.clear_faults();
    world.converge(Approval::Operator).await.expect("approved");
    world.plan_again_nothing().await;
}

/// Of the declared kinds whose permissions are the caller's alone, everywhere: no write is even tried.
#[tokio::test]
async fn h35_the_declared_kinds_are_asked_about() {
    let mut kinds: BTreeSet<String> = BTreeSet::new();
    for scenario in ["drifted", "empty", "campaign"] {
        let world = World::whole(scenario).await;
        let plan = world.plan().await.plan;
        let services = ["bedrock", "logs", "cloudtrail", "ec2", "iam", "organizations"];
        let no_write = |service: &str| {
            let matching = Match { service: Some(service.to_owned()), read_only: Some(false), ..Match::default() };
            Fault::always(matching, Effect::Deny)
        };
        world.inject(services.map(no_write).into());
        world.emulator.clear_calls();
        let converged = world.converge(Approval::Operator).await.expect("approved");
        let tried = tried(&world);
        assert!(tried.iter().all(|one| one.starts_with("kms:") || one.starts_with("s3:")), "{scenario}: {tried:?}");
        let after = converged.after.expect("a plan");
        let own_policies = ["kms-key", "log-bucket"];
        let mut expected: Vec<&Address> = plan.steps.iter().map(|step| &step.address).collect();
        expected.retain(|address| !own_policies.contains(&address.kind.as_str()));
        expected.dedup();
        let mut refused = refused(&after);
        refused.sort();
        expected.sort();
        expected.dedup();
        kinds.extend(expected.iter().map(|address| address.kind.clone()));
        // What waited for a key is planned once the key is there.
        assert!(expected.iter().all(|address| refused.contains(address)), "{scenario}: {expected:#?}\n{refused:#?}");
    }
    // What follows a guardrail waits here; those kinds are told apart where their ARNs are made.
    let asked = "guardrail iam-role invocation-logging log-group service-control-policy trail vpc-endpoint";
    assert_eq!(kinds, asked.split(' ').map(str::to_owned).collect());
}

fn in_prod(operation: &str, body: Value) -> Step {
    let accounts = Accounts::Named(vec!["prod".to_owned()]);
    Step { accounts, ..step("iam", operation, body, Vec::new()) }
}

/// A world in which the role of the tool in prod has these permissions.
async fn with_role(statements: Value) -> World {
    let world = World::whole("drifted").await;
    let trust = json!({"Version": "2012-10-17", "Statement": [{"Effect": "Allow", "Action": "sts:AssumeRole",
        "Principal": {"AWS": "arn:aws:iam::111122223333:root"}}]});
    let policy = json!({"Version": "2012-10-17", "Statement": statements});
    let role = "bedrock-reconciler";
    world.play(in_prod("CreateRole", json!({"RoleName": role, "AssumeRolePolicyDocument": trust.to_string()})));
    let body = json!({"RoleName": role, "PolicyName": "own", "PolicyDocument": policy.to_string()});
    world.play(in_prod("PutRolePolicy", body));
    world
}

/// Permissions that are as narrow as IAM takes them are enough, in whatever way they name the resources.
#[tokio::test]
async fn h35_narrow_permissions_are_permissions() {
    let world = with_role(json!([
        {"Effect": "Allow", "Action": ["bedrock:PutModelInvocationLoggingConfiguration", "bedrock:PutEnforcedGuardrailConfiguration"],
            "Resource": "*"},
        {"Effect": "Allow", "Action": "bedrock:*Guardrail*", "Resource": format!("arn:aws:bedrock:*:{PROD}:guardrail/*")},
        {"Effect": "Allow", "Action": "logs:*", "Resource": format!("arn:aws:logs:*:{PROD}:log-group:/aws/bedrock/*:*")},
        {"Effect": "Allow", "Action": "ec2:*", "Resource": format!("arn:aws:ec2:*:{PROD}:vpc-endpoint/*")},
        {"Effect": "Allow", "Action": "iam:*Role*", "Resource": format!("arn:aws:iam::{PROD}:role/bedrock-*")},
    ]))
    .await;
    let prod: Vec<Address> = world.plan().await.plan.steps.into_iter().map(|step| step.address).collect();
    assert!(prod.iter().filter(|address| address.account == "prod").count() > 3);
    let converged = world.converge(Approval::Operator).await.expect("approved");
    for round in &converged.rounds {
        assert_eq!(refused(round.approved.plan()), Vec::<&Address>::new());
    }
    world.plan_again_nothing().await;
}

/// A role that may only read changes nothing in its account, and the other accounts are restored.
#[tokio::test]
async fn h35_a_role_that_may_only_read_changes_nothing() {
    let world =
        with_role(json!([{"Effect": "Allow", "Action": ["*:Get*", "*:List*", "*:Describe*"], "Resource": "*"}])).await;
    world.emulator.clear_calls();
    let converged = world.converge(Approval::Operator).await.expect("approved");
    let after = converged.after.expect("a plan");
    assert!(
        !refused(&after).is_empty() && refused(&after).iter().all(|address| address.account == "prod"),
        "{}",
        told(&after)
    );
    let own_policies = ["kms-key", "log-bucket"];
    let others = |address: &&Address| address.account != "prod" || own_policies.contains(&address.kind.as_str());
    let left: Vec<&Address> = after.drift.iter().map(|drift| &drift.address).filter(others).collect();
    assert_eq!(left, Vec::<&Address>::new(), "{}", told(&after));
    let prod = world.emulator.calls().into_iter().filter(|call| call.account == PROD && !call.read_only);
    let tried: Vec<String> =
        prod.map(|call| call.service).filter(|service| !["kms", "s3", "sts"].contains(&service.as_str())).collect();
    assert_eq!(tried, Vec::<String>::new());
}

/// A role that has to be handed to the service, and may not be, is found as well.
#[tokio::test]
async fn h35_a_role_that_may_not_be_passed_is_found() {
    let world = World::whole("drifted").await;
    let name = "org-bedrock-trail";
    let body = json!({"Name": name, "CloudWatchLogsLogGroupArn": "", "CloudWatchLogsRoleArn": ""});
    world.play(Step {
        regions: Some(vec!["us-east-1".to_owned()]),
        ..step("cloudtrail", "UpdateTrail", body, Vec::new())
    });
    world.inject(vec![Fault::always(on("PassRole"), Effect::Deny)]);
    let converged = world.converge(Approval::Operator).await.expect("approved");
    let after = converged.after.expect("a plan");
    let found: BTreeSet<&str> = refused(&after).into_iter().map(|address| address.kind.as_str()).collect();
    assert_eq!(found, BTreeSet::from(["invocation-logging", "trail"]), "{}", told(&after));
    let mut denied = after.findings.iter().filter(|one| one.code == codes::MAY_NOT_WRITE);
    assert!(denied.all(|one| one.detail.contains("iam:PassRole on arn:aws:iam::")), "{}", told(&after));
    world.emulator.clear_faults();
    world.converge(Approval::Operator).await.expect("approved");
    world.plan_again_nothing().await;
}

/// Where IAM never answers, a restore waits for it for a while only.
#[tokio::test(start_paused = true)]
async fn h35_nobody_waits_for_iam() {
    let world = World::whole("drifted").await;
    world.inject(vec![Fault::always(on("SimulatePrincipalPolicy"), Effect::Hang)]);
    let began = tokio::time::Instant::now();
    world.converge(Approval::Operator).await.expect("approved");
    // Two plans have steps; without a bound each of them would wait for every attempt of the call.
    assert!(began.elapsed() < Duration::from_secs(30), "{:?}", began.elapsed());
    world.plan_again_nothing().await;
}

/// Who may not ask goes on; a fault that passes is no lack of a permission.
#[tokio::test]
async fn h35_what_cannot_be_asked_stands_in_nobodys_way() {
    for operation in ["SimulatePrincipalPolicy", "PutModelInvocationLoggingConfiguration"] {
        let world = World::whole("drifted").await;
        let times = match operation {
            "SimulatePrincipalPolicy" => Fault::always(on(operation), Effect::Deny),
            _ => Fault { skip: 100, ..Fault::always(on(operation), Effect::Deny) },
        };
        world.inject(vec![times]);
        let converged = world.converge(Approval::Operator).await.expect("approved");
        assert_eq!(refused(&converged.after.expect("a plan")), Vec::<&Address>::new());
        world.plan_again_nothing().await;
    }
}
