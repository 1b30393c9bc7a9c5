//! Roles: what widens them is undone, what a control is granted is put back, and what belongs to others stays.

mod elsewhere;

use proptest::prelude::*;
use proptest::sample::{select, subsequence};
use reconciler_emulator::{Effect, Options};
use reconciler_engine::event::StepOutcome;
use reconciler_model::codes;
use reconciler_model::direction::Direction;
use reconciler_model::drift::Change;
use reconciler_tests::declarations::small;
use reconciler_tests::generate::{self, Generator};
use reconciler_tests::world::{World, field, notes, on, paths, refusals, times, told};
use serde_json::{Value, json};

const NAME: &str = "log-delivery";
const ADMINISTRATOR: &str = "arn:aws:iam::aws:policy/AdministratorAccess";
const AUDIT: &str = "arn:aws:iam::aws:policy/SecurityAudit";
const BOUNDARY: &str = "arn:aws:iam::aws:policy/PowerUserAccess";

/// A document with one statement.
fn document(statement: &Value) -> Value {
    json!({"Version": "2012-10-17", "Statement": [statement]})
}

/// Who delivers invocation logs (kinds/invocation_logging/README.md, Delivery role).
fn trust() -> Value {
    document(&json!({
        "Effect": "Allow", "Principal": {"Service": "bedrock.amazonaws.com"}, "Action": "sts:AssumeRole",
        "Condition": {
            "StringEquals": {"aws:SourceAccount": "111122223333"},
            "ArnLike": {"aws:SourceArn": "arn:aws:bedrock:*:111122223333:*"}},
    }))
}

fn write_logs() -> Value {
    document(&json!({
        "Effect": "Allow", "Action": ["logs:CreateLogStream", "logs:PutLogEvents"],
        "Resource": "arn:aws:logs:*:111122223333:log-group:/aws/bedrock/*:log-stream:aws/bedrock/modelinvocations",
    }))
}

fn allow_all() -> Value {
    document(&json!({"Effect": "Allow", "Action": "*", "Resource": "*"}))
}

/// The role that delivers invocation logs, with everything that a role has.
fn spec() -> Value {
    json!({
        "path": "/", "description": "Delivers invocation logs.", "maxSessionDuration": 3600,
        "assumeRolePolicyDocument": trust(),
        "permissionsBoundary": {"permissionsBoundaryArn": BOUNDARY},
        "rolePolicyList": [{"policyName": "write", "policyDocument": write_logs()}],
        "attachedManagedPolicies": [{"policyArn": AUDIT}],
        "tags": [{"key": "owner", "value": "security"}],
    })
}

fn declared(spec: &Value) -> String {
    json!({"kind": "iam-role", "name": NAME, "spec": spec}).to_string()
}

/// One call of somebody else on the role.
fn attack(world: &World, operation: &str, members: Value) {
    let mut body = json!({ "RoleName": NAME });
    body.as_object_mut().expect("members").extend(members.as_object().cloned().expect("members"));
    world.attack("iam", operation, body);
}

fn put(world: &World, policy: &str, document: &Value) {
    attack(world, "PutRolePolicy", json!({"PolicyName": policy, "PolicyDocument": document.to_string()}));
}

fn put_trust(world: &World, document: &Value) {
    attack(world, "UpdateAssumeRolePolicy", json!({ "PolicyDocument": document.to_string() }));
}

async fn built(spec: &Value) -> World {
    let world = World::small("empty", &declared(spec)).await;
    world.restore().await;
    world.plan_again_nothing().await;
    world.emulator.clear_calls();
    world
}

fn writes(world: &World) -> Vec<String> {
    world.written().into_iter().filter(|one| one != "AssumeRole").collect()
}

/// What IAM answers about the role, as XML.
async fn ask(world: &World, operation: &str) -> String {
    world.direct_client().form("iam", &[("Action", operation), ("RoleName", NAME)]).await
}

/// A role that is missing is created whole, and comes back whole when somebody deletes it.
#[tokio::test]
async fn a_missing_role_is_created_whole() {
    let world = World::small("empty", &declared(&spec())).await;
    let plan = world.restore().await;
    assert_eq!(plan.drift[0].change, Change::Missing);
    assert_eq!(plan.drift[0].address.to_string(), "management/us-east-1/iam-role/log-delivery");
    assert_eq!(writes(&world), ["CreateRole", "PutRolePolicy", "AttachRolePolicy"]);
    let role = ask(&world, "GetRole").await;
    for expected in ["<Description>Delivers invocation logs.", "<MaxSessionDuration>3600", BOUNDARY, "<Key>owner</Key>"]
    {
        assert!(role.contains(expected), "{expected} is not in {role}");
    }
    world.plan_again_nothing().await;
    attack(&world, "DeleteRolePolicy", json!({"PolicyName": "write"}));
    attack(&world, "DetachRolePolicy", json!({"PolicyArn": AUDIT}));
    attack(&world, "DeleteRole", json!({}));
    world.restore().await;
    world.plan_again_nothing().await;
}

/// What an attacker does to a role, one after the other: each is weakened, put back by one call, and believed after read-back.
#[tokio::test]
async fn every_attack_on_a_role_is_undone() {
    let mut open = trust();
    open["Statement"][0]["Principal"] = json!("*");
    let mut two = trust();
    two["Statement"]
        .as_array_mut()
        .expect("statements")
        .push(json!({"Effect": "Allow", "Principal": {"AWS": "444455556666"}, "Action": "sts:AssumeRole"}));
    let mut wide = write_logs();
    wide["Statement"][0]["Resource"] = json!("*");
    let trusting = |document: &Value| json!({ "PolicyDocument": document.to_string() });
    let inline = |name: &str, document: &Value| json!({"PolicyName": name, "PolicyDocument": document.to_string()});
    let attacks = [
        ("UpdateAssumeRolePolicy", trusting(&open), "UpdateAssumeRolePolicy"),
        ("UpdateAssumeRolePolicy", trusting(&two), "UpdateAssumeRolePolicy"),
        ("PutRolePolicy", inline("write", &wide), "PutRolePolicy"),
        ("PutRolePolicy", inline("write", &allow_all()), "PutRolePolicy"),
        ("PutRolePolicy", inline("more", &allow_all()), "DeleteRolePolicy"),
        ("AttachRolePolicy", json!({ "PolicyArn": ADMINISTRATOR }), "DetachRolePolicy"),
        ("DeleteRolePermissionsBoundary", json!({}), "PutRolePermissionsBoundary"),
        ("UpdateRole", json!({"MaxSessionDuration": 43_200}), "UpdateRole"),
    ];
    let world = built(&spec()).await;
    for (operation, members, answer) in attacks {
        attack(&world, operation, members.clone());
        world.emulator.clear_calls();
        let plan = world.restore().await;
        assert_eq!(plan.drift[0].direction, Direction::Weakened, "{operation} {members}: {}", told(&plan));
        assert_eq!(writes(&world), [answer], "{operation} {members}");
        world.plan_again_nothing().await;
    }
    // UpdateRole sends the description along: that an omitted one stays is not documented.
    attack(&world, "UpdateRole", json!({"MaxSessionDuration": 7200}));
    world.emulator.clear_calls();
    world.restore().await;
    let sent = world.body_of("UpdateRole");
    assert_eq!(sent["Description"], "Delivers invocation logs.", "{sent}");
}

/// A trust policy that lost its source condition lets every account use the delivery of this one: the lost condition is shown
/// at its leaf, as weakened, and put back.
#[tokio::test]
async fn a_lost_source_condition_is_weakened_at_its_leaf_and_restored() {
    let world = built(&spec()).await;
    for (operator, key) in [("StringEquals", "aws:SourceAccount"), ("ArnLike", "aws:SourceArn")] {
        let mut lost = trust();
        let conditions = lost["Statement"][0]["Condition"].as_object_mut().expect("conditions");
        conditions.remove(operator);
        put_trust(&world, &lost);
        let plan = world.restore().await;
        let [path] = &paths(&plan)[..] else { panic!("{}", told(&plan)) };
        assert!(path.starts_with("assumeRolePolicyDocument.Statement."), "{path}");
        assert!(path.ends_with(&format!("Condition.{operator}")), "{path}");
        let field = field(&plan, path);
        assert_eq!((field.direction, field.kept), (Direction::Weakened, false));
        assert!(field.want.get(key).is_some() && field.live.is_null(), "{field:?}");
        world.plan_again_nothing().await;
    }
}

/// Whoever takes grants from a delivery role, or adds denials to it, stops the logs. That is not stronger: it is put back.
#[tokio::test]
async fn a_role_that_may_do_less_is_not_stronger() {
    let world = built(&spec()).await;
    let denial = document(&json!({"Effect": "Deny", "Action": "*", "Resource": "*"}));
    let mut narrow = write_logs();
    narrow["Statement"][0]["Action"] = json!("logs:CreateLogStream");
    let mut nobody = trust();
    nobody["Statement"][0]["Effect"] = json!("Deny");
    let attacks: [(&str, Value, &str); 7] = [
        ("PutRolePolicy", json!({"PolicyName": "no", "PolicyDocument": denial.to_string()}), "DeleteRolePolicy"),
        ("PutRolePolicy", json!({"PolicyName": "write", "PolicyDocument": denial.to_string()}), "PutRolePolicy"),
        ("PutRolePolicy", json!({"PolicyName": "write", "PolicyDocument": narrow.to_string()}), "PutRolePolicy"),
        ("DeleteRolePolicy", json!({"PolicyName": "write"}), "PutRolePolicy"),
        ("DetachRolePolicy", json!({ "PolicyArn": AUDIT }), "AttachRolePolicy"),
        ("UpdateAssumeRolePolicy", json!({ "PolicyDocument": nobody.to_string() }), "UpdateAssumeRolePolicy"),
        ("PutRolePermissionsBoundary", json!({"PermissionsBoundary": AUDIT}), "PutRolePermissionsBoundary"),
    ];
    for (operation, members, answer) in attacks {
        attack(&world, operation, members.clone());
        world.emulator.clear_calls();
        let plan = world.restore().await;
        assert_ne!(plan.drift[0].direction, Direction::Strengthened, "{operation} {members}: {}", told(&plan));
        assert!(plan.drift[0].fields.iter().all(|field| !field.kept), "{}", told(&plan));
        assert_eq!(writes(&world), [answer], "{operation} {members}");
        world.plan_again_nothing().await;
    }
}

/// Responders deny the role what it delivers with: weakened, and removed. What they deny beside that is kept.
#[tokio::test]
async fn a_denial_is_judged_by_what_the_role_needs() {
    let mut silent = spec();
    silent["attachedManagedPolicies"] = json!([]);
    let world = built(&silent).await;
    let denies = |action: &str| document(&json!({"Effect": "Deny", "Action": action, "Resource": "*"}));
    put(&world, "Beside", &denies("iam:*"));
    let plan = world.plan_again_no_steps().await;
    let beside = field(&plan, "rolePolicyList.Beside");
    assert!(beside.kept && beside.direction == Direction::Strengthened, "{}", told(&plan));
    put(&world, "Quarantine", &denies("*"));
    world.emulator.clear_calls();
    let plan = world.restore().await;
    assert_eq!(field(&plan, "rolePolicyList.Quarantine").direction, Direction::Weakened, "{}", told(&plan));
    assert_eq!(writes(&world), ["DeleteRolePolicy"]);
    world.plan_again_no_steps().await;
}

/// Somebody who answers to an incident revokes the sessions of the role in the console: that is stronger, and kept. Dated into
/// the time to come it revokes nothing, it keeps the role from working, and is undone.
#[tokio::test]
async fn revoked_sessions_stay_revoked() {
    let revoked = |instant: &str| {
        document(&json!({"Effect": "Deny", "Action": ["*"], "Resource": ["*"],
            "Condition": {"DateLessThan": {"aws:TokenIssueTime": instant}}}))
    };
    let world = built(&spec()).await;
    put(&world, "AWSRevokeOlderSessions", &revoked("2026-05-01T10:00:00.000Z"));
    let plan = world.plan_again_no_steps().await;
    let kept = field(&plan, "rolePolicyList.AWSRevokeOlderSessions");
    assert!(kept.kept && kept.direction == Direction::Strengthened, "{}", told(&plan));
    // It stays through the restore of what is beside it.
    put(&world, "more", &allow_all());
    world.emulator.clear_calls();
    world.restore().await;
    assert_eq!(writes(&world), ["DeleteRolePolicy"]);
    assert!(ask(&world, "ListRolePolicies").await.contains("AWSRevokeOlderSessions"));
    for never in ["2999-01-01T00:00:00Z", "not a date"] {
        put(&world, "AWSRevokeOlderSessions", &revoked(never));
        world.restore().await;
        world.plan_again_nothing().await;
    }
}

/// h15. TF-aws #45975, #20781: one policy in many spellings, and the re-serialised trust policy of IAM, are no drift.
#[tokio::test]
async fn h15_other_spellings_of_a_policy_are_no_drift() {
    let mut own = spec();
    own["assumeRolePolicyDocument"] = document(&json!({
        "Effect": "Allow", "Principal": {"AWS": ["arn:aws:iam::222233334444:root", "333344445555"], "Service": "bedrock.amazonaws.com"},
        "Action": ["sts:TagSession", "sts:AssumeRole"], "Condition": {"Bool": {"aws:MultiFactorAuthPresent": true}},
    }));
    let world = built(&own).await;
    put_trust(
        &world,
        &json!({"Version": "2012-10-17", "Statement": {
        "Sid": "1", "Effect": "Allow", "Principal": {"Service": ["bedrock.amazonaws.com"], "AWS": ["333344445555", "222233334444"]},
        "Action": ["STS:assumerole", "sts:TagSession"], "Condition": {"bool": {"AWS:MultiFactorAuthPresent": ["true"]}}}}),
    );
    let document = write_logs();
    let text = serde_json::to_string_pretty(&document).expect("JSON").replace("logs:Put", "Logs:put");
    attack(&world, "PutRolePolicy", json!({"PolicyName": "write", "PolicyDocument": text}));
    world.plan_again_nothing().await;
}

/// h17. cfn #2489, #1686: an extra policy on a role was never drift. It is, with its direction, and it is taken off.
#[tokio::test]
async fn h17_an_extra_policy_is_drift_and_is_taken_off() {
    let world = built(&spec()).await;
    put(&world, "more", &allow_all());
    attack(&world, "AttachRolePolicy", json!({ "PolicyArn": ADMINISTRATOR }));
    let plan = world.restore().await;
    let attached = format!("attachedManagedPolicies.{ADMINISTRATOR}");
    assert_eq!(paths(&plan), [attached.as_str(), "rolePolicyList.more"]);
    assert!(plan.drift[0].fields.iter().all(|field| field.direction == Direction::Weakened), "{}", told(&plan));
    // What no document can keep from working comes first.
    assert_eq!(writes(&world)[..2], ["DetachRolePolicy", "DeleteRolePolicy"]);
    world.plan_again_nothing().await;

    // With the lists left out, nothing of it is managed.
    let mut some = spec();
    some.as_object_mut()
        .expect("members")
        .retain(|name, _| name != "rolePolicyList" && name != "attachedManagedPolicies");
    let world = built(&some).await;
    put(&world, "more", &allow_all());
    attack(&world, "AttachRolePolicy", json!({ "PolicyArn": ADMINISTRATOR }));
    world.plan_again_nothing().await;
}

/// h18. cdkd #323, ACK #1761, upjet-aws #1633: policies that a sibling declares were removed. What is listed as owned elsewhere
/// may be there or not, and say what it likes.
#[tokio::test]
async fn h18_policies_of_others_are_neither_drift_nor_removed() {
    let mut shared = spec();
    shared["rolePolicyList"]
        .as_array_mut()
        .expect("a list")
        .push(json!({"policyName": "theirs", "ownedElsewhere": true}));
    shared["attachedManagedPolicies"]
        .as_array_mut()
        .expect("a list")
        .push(json!({"policyArn": ADMINISTRATOR, "ownedElsewhere": true}));
    let world = built(&shared).await;
    put(&world, "theirs", &allow_all());
    attack(&world, "AttachRolePolicy", json!({ "PolicyArn": ADMINISTRATOR }));
    world.plan_again_nothing().await;
    // They stay through the restore of what is beside them.
    put(&world, "more", &allow_all());
    put(&world, "write", &allow_all());
    attack(&world, "DetachRolePolicy", json!({ "PolicyArn": AUDIT }));
    world.emulator.clear_calls();
    world.restore().await;
    assert_eq!(writes(&world), ["PutRolePolicy", "DeleteRolePolicy", "AttachRolePolicy"]);
    assert!(ask(&world, "ListRolePolicies").await.contains("theirs"));
    assert!(ask(&world, "ListAttachedRolePolicies").await.contains(ADMINISTRATOR));
    world.plan_again_nothing().await;
}

/// h18, the other half: a failed update never deletes an inline policy that is there.
#[tokio::test]
async fn h18_a_failed_put_deletes_nothing() {
    let world = built(&spec()).await;
    put(&world, "write", &allow_all());
    put(&world, "more", &allow_all());
    world.inject(vec![times(1, on("PutRolePolicy"), Effect::Deny)]);
    let planned = world.plan().await;
    let applied = world.apply(&planned).await;
    assert_eq!((applied.verified(), applied.not_verified()), (0, 2), "{:#?}", applied.steps);
    let left = ask(&world, "ListRolePolicies").await;
    assert!(left.contains("write") && left.contains("more"), "{left}");
    world.restore().await;
    world.plan_again_nothing().await;
}

/// A role that an attacker has filled up has no room for what is declared: undeclared policies go first, and that is told.
#[tokio::test]
async fn a_full_role_is_emptied_first() {
    let world = built(&spec()).await;
    let actions: Vec<String> = (0..560).map(|number| format!("s3:GetObject{number}")).collect();
    attack(&world, "DeleteRolePolicy", json!({"PolicyName": "write"}));
    put(&world, "fill", &document(&json!({"Effect": "Allow", "Action": actions, "Resource": "*"})));
    world.emulator.clear_calls();
    let plan = world.restore().await;
    assert!(notes(&plan).contains(&codes::LIMIT), "{}", told(&plan));
    assert_eq!(writes(&world), ["DeleteRolePolicy", "PutRolePolicy"]);
    world.plan_again_nothing().await;
}

/// h19. ACK #2102, #2671: a role of the same name that somebody else made is corrected in place where it is declared, and is
/// otherwise left as it is: never deleted, never replaced, its other tags and its settings kept.
#[tokio::test]
async fn h19_a_role_that_others_made_is_corrected_in_place() {
    let some = json!({"assumeRolePolicyDocument": trust(), "tags": [{"key": "owner", "value": "security"}]});
    let world = World::small("empty", &declared(&some)).await;
    let theirs = document(&json!({"Effect": "Allow", "Principal": "*", "Action": "sts:AssumeRole"}));
    attack(
        &world,
        "CreateRole",
        json!({
        "AssumeRolePolicyDocument": theirs.to_string(), "Path": "/theirs/", "Description": "Theirs.", "MaxSessionDuration": 7200,
        "Tags": [{"Key": "cost-center", "Value": "7"}]}),
    );
    put(&world, "theirs", &allow_all());
    let before = ask(&world, "GetRole").await;
    world.emulator.clear_calls();
    world.restore().await;
    assert_eq!(writes(&world), ["UpdateAssumeRolePolicy", "TagRole"]);
    let after = ask(&world, "GetRole").await;
    let id = |text: &str| text.split("<RoleId>").nth(1).and_then(|rest| rest.split('<').next()).map(str::to_owned);
    assert_eq!(id(&before), id(&after));
    for expected in ["/theirs/", "<Description>Theirs.", "<MaxSessionDuration>7200", "cost-center"] {
        assert!(after.contains(expected), "{expected} is not in {after}");
    }
    assert!(ask(&world, "ListRolePolicies").await.contains("theirs"));
    world.plan_again_nothing().await;

    // The path cannot be changed in place: said, and not done.
    let mut other = some.clone();
    other["path"] = json!("/");
    let world = world.declaring(&declared(&other)).await;
    let plan = world.plan_again_no_steps().await;
    assert_eq!(refusals(&plan), [codes::IMMUTABLE], "{}", told(&plan));
}

/// Roles that AWS makes for its services are refused before any call.
#[tokio::test]
async fn a_role_of_a_service_is_not_touched() {
    let text =
        json!({"kind": "iam-role", "name": "AWSServiceRoleForBedrock", "spec": {"assumeRolePolicyDocument": trust()}});
    let world = World::small("empty", &text.to_string()).await;
    world.attack("iam", "CreateServiceLinkedRole", json!({"AWSServiceName": "bedrock.amazonaws.com"}));
    let plan = world.plan_again_no_steps().await;
    assert_eq!(refusals(&plan), [codes::OF_AWS], "{}", told(&plan));
}

/// Answers that are lost, once and for good: found by read-back, and nothing is made twice.
#[tokio::test]
async fn lost_answers_are_found_by_read_back() {
    let operations = ["CreateRole", "PutRolePolicy", "AttachRolePolicy"];
    for (operation, count) in operations.iter().flat_map(|operation| [(operation, 1), (operation, 5)]) {
        let world = World::small("empty", &declared(&spec())).await;
        world.inject(vec![times(count, on(operation), Effect::LostResponse)]);
        world.restore().await;
        world.plan_again_nothing().await;
    }
    let world = built(&spec()).await;
    for operation in ["DeleteRolePolicy", "DetachRolePolicy"] {
        put(&world, "more", &allow_all());
        attack(&world, "AttachRolePolicy", json!({ "PolicyArn": ADMINISTRATOR }));
        world.inject(vec![times(1, on(operation), Effect::LostResponse)]);
        world.restore().await;
        world.plan_again_nothing().await;
    }
}

/// Success that changed nothing is not believed.
#[tokio::test]
async fn a_write_without_effect_is_a_mismatch() {
    let world = built(&spec()).await;
    put_trust(&world, &document(&json!({"Effect": "Allow", "Principal": "*", "Action": "sts:AssumeRole"})));
    world.inject(vec![times(1, on("UpdateAssumeRolePolicy"), Effect::NoOp)]);
    let planned = world.plan().await;
    let applied = world.apply(&planned).await;
    assert!(applied.steps.values().all(|outcome| matches!(outcome, StepOutcome::Read(_))), "{:#?}", applied.steps);
    assert_eq!(applied.verified(), 0);
    world.restore().await;
    world.plan_again_nothing().await;
}

fn quickly<T>(story: impl Future<Output = T>) -> T {
    tokio::runtime::Builder::new_current_thread().enable_all().build().expect("a runtime").block_on(story)
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 40, failure_persistence: None, ..ProptestConfig::default() })]

    /// Random drift of a role, with reads that are late, is undone in one run.
    #[test]
    fn random_drift_of_a_role_is_undone(live in specs(), want in specs(), late in 0..3_u32) {
        quickly(async {
            let declare = |spec: &Value| generate::declaration("iam-role", NAME, spec, "undo");
            let options = Options { iam_lag_reads: late, ..Options::default() };
            let world = World::open("empty", options, &small(&declare(&live))).await;
            world.restore().await;
            let world = world.declaring(&declare(&want)).await;
            world.restore().await;
            world.plan_again_nothing().await;
        });
    }
}

/// Random specs: see [`specs`].
pub(crate) const GENERATOR: Generator = Generator { kind: "iam-role", name: "payments", weight: 2, specs };

/// The spec of a role.
fn specs() -> BoxedStrategy<Value> {
    let trusted = select(vec![
        json!({"Service": "bedrock.amazonaws.com"}),
        json!({"Service": ["bedrock.amazonaws.com", "cloudtrail.amazonaws.com"]}),
        json!({"AWS": "222233334444"}),
    ]);
    let condition = generate::maybe(select(vec![
        json!({"StringEquals": {"aws:SourceAccount": "111122223333"}}),
        json!({"StringEquals": {"aws:SourceAccount": "111122223333"}, "ArnLike": {"aws:SourceArn": ["arn:aws:bedrock:*:111122223333:*"]}}),
    ]));
    let trust = (trusted, condition, any::<bool>()).prop_map(|(principal, condition, named)| {
        let statement = generate::object(json!({
            "Sid": named.then_some("Trust"), "Effect": "Allow", "Principal": principal, "Action": "sts:AssumeRole",
            "Condition": condition,
        }));
        json!({"Version": "2012-10-17", "Statement": [statement]})
    });
    let actions: &'static [&'static str] = &["logs:CreateLogStream", "logs:PutLogEvents", "logs:*"];
    let inline = generate::elements("policyName", &["write", "read", "no"], move || {
        let resource = select(&["*", "arn:aws:logs:eu-west-1:111122223333:*"][..]);
        (subsequence(actions.to_vec(), 1..=3), resource, any::<bool>()).prop_map(|(actions, resource, denies)| {
            let effect = if denies { "Deny" } else { "Allow" };
            let statement = json!({"Effect": effect, "Action": actions, "Resource": resource});
            json!({"policyDocument": {"Version": "2012-10-17", "Statement": [statement]}})
        })
    });
    let attached = generate::elements(
        "policyArn",
        &["arn:aws:iam::aws:policy/AdministratorAccess", "arn:aws:iam::aws:policy/SecurityAudit"],
        || Just(json!({})),
    );
    let boundary = generate::maybe(Just(json!({"permissionsBoundaryArn": "arn:aws:iam::aws:policy/PowerUserAccess"})));
    let longest = generate::maybe(select(&[3600, 7200, 43_200][..]).prop_map(|seconds| json!(seconds)));
    let description = generate::maybe(select(&["Delivers.", "Reads."][..]).prop_map(Value::from));
    (
        trust,
        generate::maybe(inline),
        generate::maybe(attached),
        boundary,
        longest,
        description,
        any::<bool>(),
        generate::tags(),
    )
        .prop_map(|(trust, inline, attached, boundary, longest, description, bound, tags)| {
            let mut spec = generate::object(json!({
                "path": "/", "description": description, "maxSessionDuration": longest,
                "assumeRolePolicyDocument": trust, "permissionsBoundary": boundary, "rolePolicyList": inline,
                "attachedManagedPolicies": attached, "tags": tags,
            }));
            // A boundary that is left out is not managed; one that is `null` must be absent.
            if bound && boundary.is_null() {
                spec["permissionsBoundary"] = Value::Null;
            }
            spec
        })
        .boxed()
}
