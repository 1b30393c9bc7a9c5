//! Roles and the world around them: principals that come and go, accounts, partitions, many roles.

use std::time::Duration;

use reconciler_emulator::{AccountSeed, Effect, Emulator, Fault, Options};
use reconciler_model::codes;
use reconciler_tests::declarations::{small, source, wrong_with};
use reconciler_tests::world::{ACCOUNT, World, notes, on, told};
use serde_json::{Value, json};

use super::{ADMINISTRATOR, NAME, allow_all, ask, attack, built, declared, document, put, spec, trust, write_logs};

fn principal(name: &str) -> String {
    format!("arn:aws:iam::{ACCOUNT}:role/{name}")
}

/// A role that trusts another role of the account.
fn trusting(name: &str) -> Value {
    let statement = json!({"Effect": "Allow", "Principal": {"AWS": principal(name)}, "Action": "sts:AssumeRole"});
    json!({ "assumeRolePolicyDocument": document(&statement) })
}

fn role(name: &str, spec: &Value) -> String {
    json!({"kind": "iam-role", "name": name, "spec": spec}).to_string()
}

fn make(world: &World, name: &str) {
    let body = json!({"RoleName": name, "AssumeRolePolicyDocument": trust().to_string()});
    world.attack("iam", "CreateRole", body);
}

/// h16. cdkd PR#1527: a principal that was deleted reads back as its id, also when the name exists again. That is drift, named;
/// the declared policy is refused while nobody has the name, run after run in the same way, and is written once somebody has.
#[tokio::test]
async fn h16_a_dangling_principal_is_named_and_the_restore_does_not_loop() {
    let world = World::small("empty", &declared(&trusting("audit"))).await;
    make(&world, "audit");
    world.restore().await;
    world.plan_again_nothing().await;
    world.attack("iam", "DeleteRole", json!({"RoleName": "audit"}));

    let waiting =
        world.declaring(&declared(&trusting("audit"))).await.waiting_at_most(Duration::from_millis(600)).await;
    for _ in 0..2 {
        let planned = waiting.plan().await;
        assert!(notes(&planned.plan).contains(&codes::DANGLING), "{}", told(&planned.plan));
        let applied = waiting.apply(&planned).await;
        assert_eq!((applied.verified(), applied.not_verified()), (0, 1));
        let failed = format!("{:?}", applied.steps);
        assert!(failed.contains("MalformedPolicyDocument"), "{failed}");
    }

    // Somebody of that name is there again: it is still drift, because the policy means the one who is gone.
    make(&world, "audit");
    let plan = world.restore().await;
    assert!(notes(&plan).contains(&codes::DANGLING), "{}", told(&plan));
    world.plan_again_nothing().await;
    assert!(ask(&world, "GetRole").await.contains("role%2Faudit"));
}

/// h16: the id of a principal is not declared.
#[test]
fn h16_ids_of_principals_cannot_be_declared() {
    let statement =
        json!({"Effect": "Allow", "Principal": {"AWS": "AROAEXAMPLEEXAMPLEEX"}, "Action": "sts:AssumeRole"});
    let found = wrong_with(&declared(&json!({ "assumeRolePolicyDocument": document(&statement) })));
    assert_eq!(found.iter().map(|(code, _)| code.as_str()).collect::<Vec<_>>(), [codes::DANGLING], "{found:?}");
}

/// h32. TF-aws PR#12436: a policy that names a principal which was just created is refused for a while. The write is made
/// again until the principal is known, for as long as one call may take.
#[tokio::test]
async fn h32_a_new_principal_is_waited_for() {
    let both = format!(
        "{}\n---\n{}",
        role("audit", &json!({ "assumeRolePolicyDocument": trust() })),
        declared(&trusting("audit"))
    );
    let options = Options { principal_lag_uses: 2, ..Options::default() };
    let world = World::open("empty", options, &small(&both)).await;
    world.restore().await;
    world.plan_again_nothing().await;
}

/// h32, the other half: a principal that never comes is an honest failure, and nothing is half made.
#[tokio::test]
async fn h32_a_principal_that_never_comes_is_an_honest_failure() {
    let world =
        World::small("empty", &declared(&trusting("nobody"))).await.waiting_at_most(Duration::from_secs(1)).await;
    let planned = world.plan().await;
    let applied = world.apply(&planned).await;
    assert_eq!((applied.verified(), applied.not_verified()), (0, 1));
    let failed = format!("{:?}", applied.steps);
    assert!(failed.contains("Invalid principal"), "{failed}");
    let tries = world.written().iter().filter(|one| *one == "CreateRole").count();
    assert!((2..6).contains(&tries), "{tries} tries in a second");
}

/// A document that is wrong for another reason is not tried again.
#[tokio::test]
async fn another_refusal_is_given_at_once() {
    let world = built(&spec()).await;
    put(&world, "write", &allow_all());
    let refusal = Effect::Error {
        code: "MalformedPolicyDocument".into(),
        status: 400,
        message: "Syntax errors in policy.".into(),
    };
    world.inject(vec![Fault::once(on("PutRolePolicy"), refusal)]);
    let planned = world.plan().await;
    world.emulator.clear_calls();
    let applied = world.apply(&planned).await;
    assert_eq!(applied.verified(), 0);
    assert_eq!(world.written().iter().filter(|one| *one == "PutRolePolicy").count(), 1);
}

/// One role refers to another by what only the live one knows, in the same run.
#[tokio::test]
async fn outputs_of_a_role_can_be_referred_to() {
    let statement =
        json!({"Effect": "Allow", "Principal": {"AWS": "${ref:iam-role/audit.arn}"}, "Action": "sts:AssumeRole"});
    let refers = declared(&json!({ "assumeRolePolicyDocument": document(&statement) }));
    let both = format!("{}\n---\n{refers}", role("audit", &json!({ "assumeRolePolicyDocument": trust() })));
    let world = World::small("empty", &both).await;
    world.restore().await;
    world.restore().await;
    world.plan_again_nothing().await;
    assert!(ask(&world, "GetRole").await.contains("role%2Faudit"));
}

/// What may not be read is a gap of the one role, never the absence of a policy.
#[tokio::test]
async fn a_part_that_may_not_be_read_is_a_gap_of_the_role() {
    for operation in ["GetRole", "ListRolePolicies", "GetRolePolicy", "ListAttachedRolePolicies"] {
        let world = built(&spec()).await;
        world.inject(vec![Fault::always(on(operation), Effect::Deny)]);
        let plan = world.plan_again_no_steps().await;
        let gaps: Vec<_> = plan.gaps.iter().map(|gap| (gap.name.as_deref(), gap.code.as_str())).collect();
        assert_eq!(gaps, [(Some(NAME), codes::DENIED)], "{operation}: {}", told(&plan));
        assert!(plan.drift.is_empty(), "{operation}: {}", told(&plan));
    }
}

/// Accounts have one IAM, whatever their regions: one address each, in the home region of the partition, with its own ARNs.
#[tokio::test]
async fn roles_live_in_the_home_region_of_every_partition() {
    for (partition, home, regions) in [
        ("aws", "us-east-1", "[ap-south-1, eu-west-1]"),
        ("aws-us-gov", "us-gov-west-1", "[us-gov-east-1, us-gov-west-1]"),
        ("aws-cn", "cn-north-1", "[cn-north-1, cn-northwest-1]"),
    ] {
        let organization = format!(
            "partition: {partition}\nmanagementAccount: management\nrole: bedrock-reconciler\nregions: {regions}\n\
             accounts:\n  - {{id: \"111122223333\", name: management}}\n  - {{id: \"222233334444\", name: prod}}\n"
        );
        let mut own = spec();
        own["permissionsBoundary"]["permissionsBoundaryArn"] =
            json!("arn:${partition}:iam::aws:policy/PowerUserAccess");
        own["attachedManagedPolicies"][0]["policyArn"] = json!("arn:${partition}:iam::aws:policy/SecurityAudit");
        let accounts = vec![AccountSeed::new("111122223333", "management"), AccountSeed::new("222233334444", "prod")];
        let emulator = Emulator::new(Options { accounts, ..Options::default() });
        let sources = [source("organization.yaml", &organization), source("a.yaml", &declared(&own))];
        let world = World::over(emulator, &sources).await;
        let plan = world.restore().await;
        let addresses: Vec<String> = plan.drift.iter().map(|drift| drift.address.to_string()).collect();
        let expected = ["management", "prod"].map(|account| format!("{account}/{home}/iam-role/{NAME}"));
        assert_eq!(addresses, expected, "{}", told(&plan));
        world.plan_again_nothing().await;
        let calls = world.emulator.calls();
        let of_iam: Vec<_> = calls.iter().filter(|call| call.service == "iam").collect();
        assert!(!of_iam.is_empty() && of_iam.iter().all(|call| call.region == home), "{partition}");
        let survey = world.survey().await;
        let roles: Vec<String> = survey.resources.values().map(|seen| seen.address.to_string()).collect();
        assert_eq!(roles, expected, "{partition}");
        let arn = survey.resources.values().next().and_then(|seen| seen.external_id["arn"].as_str());
        assert_eq!(arn, Some(format!("arn:{partition}:iam::111122223333:role/{NAME}").as_str()));
    }
}

/// Many roles come from the lists of all roles in a few calls, and are what they are when each is read by itself.
#[tokio::test]
async fn many_roles_are_read_from_lists() {
    let names: Vec<String> = (0..20).map(|number| format!("role-{number}")).collect();
    let all = names.iter().map(|name| role(name, &spec())).collect::<Vec<_>>().join("\n---\n");
    let world = World::small("empty", &all).await;
    world.restore().await;
    world.emulator.clear_calls();
    world.plan_again_nothing().await;
    let reads = world.emulator.calls().iter().filter(|call| call.service == "iam").count();
    // And what the one boundary of all of them says, with two calls.
    assert_eq!(reads, 4, "of twenty roles");
    let few =
        world.declaring(&names[..3].iter().map(|name| role(name, &spec())).collect::<Vec<_>>().join("\n---\n")).await;
    let (one, mut two) = (few.read_what_is_wanted("iam-role").await, world.read_what_is_wanted("iam-role").await);
    for observed in two.resources.values_mut() {
        // How it was read decides how it is looked at again, and is no part of what it is.
        assert_eq!(
            observed.external_id.as_object_mut().and_then(|external_id| external_id.remove("listed")),
            Some(json!(true))
        );
    }
    for (address, observed) in &one.resources {
        assert_eq!(Some(observed), two.resources.get(address));
    }
    assert_eq!(one.resources.len(), 3);
}

/// Many roles are restored while the calls that look at one of them are denied: they are observed without these.
#[tokio::test]
async fn many_roles_are_restored_while_none_may_be_looked_at_alone() {
    let names: Vec<String> = (0..20).map(|number| format!("role-{number}")).collect();
    let all = names.iter().map(|name| role(name, &spec())).collect::<Vec<_>>().join("\n---\n");
    for operation in ["GetRole", "ListRolePolicies", "GetRolePolicy", "ListAttachedRolePolicies"] {
        let world = World::small("empty", &all).await;
        world.restore().await;
        world.attack("iam", "AttachRolePolicy", json!({"RoleName": "role-7", "PolicyArn": ADMINISTRATOR}));
        world.inject(vec![Fault::always(on(operation), Effect::Deny)]);
        let plan = world.restore().await;
        assert_eq!(plan.drift.len(), 1, "{operation}: {}", told(&plan));
        world.plan_again_nothing().await;
    }
}

/// Export tells of every role but those of AWS, and what it prints may be declared.
#[tokio::test]
async fn roles_of_aws_are_not_exported() {
    let world = built(&spec()).await;
    world.attack("iam", "CreateServiceLinkedRole", json!({"AWSServiceName": "bedrock.amazonaws.com"}));
    attack(&world, "AttachRolePolicy", json!({ "PolicyArn": ADMINISTRATOR }));
    let survey = world.survey().await;
    let names: Vec<&str> =
        survey.resources.keys().filter(|one| one.kind == "iam-role").map(|one| one.name.as_str()).collect();
    assert_eq!(names, [NAME]);
}

/// What IAM would reject is said before any call.
#[test]
fn limits_of_roles_are_checked_before_any_call() {
    let with = |member: &str, value: Value| {
        let mut spec = spec();
        spec[member] = value;
        spec
    };
    let long = json!({"policyName": "long", "policyDocument": document(&json!({
        "Effect": "Allow", "Action": (0..900).map(|number| format!("s3:Get{number}")).collect::<Vec<_>>(), "Resource": "*"}))});
    let of = |statement: Value| document(&statement);
    let many: Vec<Value> = (0..51).map(|number| json!({"key": format!("k{number}"), "value": ""})).collect();
    let cases = [
        (spec(), None),
        (with("maxSessionDuration", json!(600)), Some(codes::LIMIT)),
        (with("path", json!("role")), Some(codes::LIMIT)),
        (with("path", json!("/aws-service-role/x/")), Some(codes::OF_AWS)),
        (with("assumeRolePolicyDocument", Value::Null), Some(codes::CONTRADICTION)),
        (
            with("assumeRolePolicyDocument", of(json!({"Effect": "Allow", "Action": "sts:AssumeRole"}))),
            Some(codes::LIMIT),
        ),
        (
            with(
                "assumeRolePolicyDocument",
                of(json!({
            "Effect": "Allow", "Principal": "*", "Action": "sts:AssumeRole", "Condition": {"StringEquals": {"aws:SourceAccount":
                (0..200).map(|number| format!("{number:012}")).collect::<Vec<_>>()}}})),
            ),
            Some(codes::LIMIT),
        ),
        (with("rolePolicyList", json!([long])), Some(codes::LIMIT)),
        (with("rolePolicyList", json!([{"policyName": "none"}])), Some(codes::WRONG_SHAPE)),
        (
            with(
                "rolePolicyList",
                json!([{"policyName": "both", "ownedElsewhere": true, "policyDocument": write_logs()}]),
            ),
            Some(codes::CONTRADICTION),
        ),
        (with("rolePolicyList", json!([{"policyName": "p", "policyDocument": trust()}])), Some(codes::LIMIT)),
        (with("attachedManagedPolicies", json!([{"policyArn": "ReadOnlyAccess"}])), Some(codes::WRONG_SHAPE)),
        (
            with("permissionsBoundary", json!({"permissionsBoundaryArn": "arn:aws:iam::aws:role/x"})),
            Some(codes::WRONG_SHAPE),
        ),
        (with("tags", json!(many)), Some(codes::LIMIT)),
        (with("tags", json!([{"key": "aws:x", "value": ""}])), Some(codes::LIMIT)),
        (with("managedPolicyArns", json!([])), Some(codes::REQUEST_SIDE_NAME)),
    ];
    for (spec, code) in cases {
        let mut found: Vec<String> = wrong_with(&declared(&spec)).into_iter().map(|(code, _)| code).collect();
        found.dedup();
        assert_eq!(found, code.into_iter().map(str::to_owned).collect::<Vec<_>>(), "{spec}");
    }
}
