//! Keys: what makes one unusable or opens it is put back; none is created, and no alias is moved, unless that is declared.

use proptest::prelude::*;
use proptest::sample::select;
use reconciler_emulator::{Effect, Emulator, Options};
use reconciler_kinds::KINDS;
use reconciler_model::codes;
use reconciler_model::direction::Direction;
use reconciler_model::drift::Change;
use reconciler_tests::declarations::{small, wrong_with};
use reconciler_tests::generate::{self, Generator};
use reconciler_tests::world::{World, field, notes, on, paths, refusals, times, told};
use serde_json::{Value, json};

const ALIAS: &str = "alias/bedrock-logs";

fn policy() -> Value {
    json!({"Version": "2012-10-17", "Statement": [
        {"Sid": "Admin", "Effect": "Allow", "Principal": {"AWS": "111122223333"}, "Action": "kms:*", "Resource": "*"},
        {"Sid": "Bedrock", "Effect": "Allow", "Principal": {"Service": "bedrock.amazonaws.com"},
         "Action": "kms:GenerateDataKey", "Resource": "*",
         "Condition": {"StringEquals": {"aws:SourceAccount": "111122223333"}}},
    ]})
}

fn spec() -> Value {
    json!({
        "description": "Model invocation logs", "enabled": true, "keyRotationEnabled": true, "rotationPeriodInDays": 365,
        "policy": policy(), "tags": [{"key": "owner", "value": "security"}],
    })
}

fn declared(spec: &Value) -> String {
    json!({"kind": "kms-key", "name": ALIAS, "spec": spec}).to_string()
}

fn with(mut spec: Value, member: &str, value: Value) -> Value {
    spec[member] = value;
    spec
}

async fn ask(world: &World, operation: &str, body: Value) -> Value {
    let target = format!("TrentService.{operation}");
    world.direct_client().ask("kms", http::Method::POST, "/", Some(&target), &body).await
}

async fn key_id(world: &World) -> String {
    let answer = ask(world, "DescribeKey", json!({ "KeyId": ALIAS })).await;
    answer["KeyMetadata"]["KeyId"].as_str().expect("an id").to_owned()
}

async fn keys(world: &World) -> usize {
    ask(world, "ListKeys", json!({})).await["Keys"].as_array().expect("keys").len()
}

fn writes(world: &World) -> Vec<String> {
    world.written().into_iter().filter(|one| one != "AssumeRole").collect()
}

/// A world with the key as it is declared.
async fn built(spec: &Value) -> World {
    let world = World::small("empty", &declared(&with(spec.clone(), "createWhenMissing", json!(true)))).await;
    // The scenario has an alias of this name.
    world.restore().await;
    world.plan_again_nothing().await;
    world.emulator.clear_calls();
    world
}

/// What is done to a key, one after the other: each shows, is put back by its own calls, and is believed after read-back.
#[tokio::test]
async fn every_attack_on_a_key_is_undone() {
    let world = built(&spec()).await;
    let key = key_id(&world).await;
    let open = json!({"Version": "2012-10-17", "Statement": [
        {"Sid": "Admin", "Effect": "Allow", "Principal": {"AWS": "*"}, "Action": "kms:*", "Resource": "*"}]});
    let lost = json!({"Version": "2012-10-17", "Statement": [policy()["Statement"][0]]});
    type Attack = (&'static str, Value, &'static [&'static str], Option<(&'static str, Direction)>);
    let attacks: [Attack; 8] = [
        ("DisableKey", json!({}), &["EnableKey"], Some(("enabled", Direction::Weakened))),
        ("DisableKeyRotation", json!({}), &["EnableKeyRotation"], Some(("keyRotationEnabled", Direction::Weakened))),
        (
            "EnableKeyRotation",
            json!({"RotationPeriodInDays": 2560}),
            &["EnableKeyRotation"],
            Some(("rotationPeriodInDays", Direction::Weakened)),
        ),
        (
            "PutKeyPolicy",
            json!({"PolicyName": "default", "Policy": open.to_string()}),
            &["PutKeyPolicy"],
            Some(("policy.Statement.Admin.Principal.AWS", Direction::Weakened)),
        ),
        // Who may do less delivers nothing: that is no protection, and is put back.
        (
            "PutKeyPolicy",
            json!({"PolicyName": "default", "Policy": lost.to_string()}),
            &["PutKeyPolicy"],
            Some(("policy.Statement.Bedrock", Direction::Unknown)),
        ),
        ("UpdateKeyDescription", json!({"Description": "mine"}), &["UpdateKeyDescription"], None),
        ("UntagResource", json!({"TagKeys": ["owner"]}), &["TagResource"], None),
        (
            "ScheduleKeyDeletion",
            json!({"PendingWindowInDays": 7}),
            &["CancelKeyDeletion", "EnableKey"],
            Some(("deletionDate", Direction::Weakened)),
        ),
    ];
    for (operation, mut body, calls, expected) in attacks {
        body["KeyId"] = json!(key);
        world.attack("kms", operation, body);
        world.emulator.clear_calls();
        let plan = world.restore().await;
        if let Some((path, direction)) = expected {
            assert_eq!(field(&plan, path).direction, direction, "{operation}: {}", told(&plan));
        }
        let made = writes(&world);
        assert!(calls.iter().all(|call| made.iter().any(|one| one == call)), "{operation}: {made:?}");
        world.plan_again_nothing().await;
    }
    let live = &ask(&world, "DescribeKey", json!({ "KeyId": ALIAS })).await["KeyMetadata"];
    assert_eq!((&live["KeyState"], live["KeyId"].as_str()), (&json!("Enabled"), Some(&*key)));
}

/// A key that is declared out of use was taken out of use on purpose: one that is enabled again is disabled, and not kept.
#[tokio::test]
async fn a_key_that_is_declared_disabled_does_not_stay_enabled() {
    let world = built(&with(spec(), "enabled", json!(false))).await;
    let key = key_id(&world).await;
    world.attack("kms", "EnableKey", json!({ "KeyId": key }));
    world.emulator.clear_calls();
    let plan = world.restore().await;
    assert_eq!(field(&plan, "enabled").direction, Direction::Unknown, "{}", told(&plan));
    assert_eq!(writes(&world), ["DisableKey"]);
    world.plan_again_nothing().await;
}

/// A scheduled deletion is told with its code, and the daemon's authority is enough to cancel it.
#[tokio::test]
async fn a_scheduled_deletion_is_cancelled_and_the_key_works_again() {
    let world = built(&with(spec(), "enabled", json!(true))).await;
    world.attack("kms", "ScheduleKeyDeletion", json!({"KeyId": key_id(&world).await, "PendingWindowInDays": 7}));
    let plan = world.restore().await;
    assert!(notes(&plan).contains(&codes::KEY_PENDING_DELETION), "{}", told(&plan));
    let live = &ask(&world, "DescribeKey", json!({ "KeyId": ALIAS })).await["KeyMetadata"];
    assert_eq!((&live["KeyState"], live.get("DeletionDate")), (&json!("Enabled"), None));
}

/// h19. A missing alias is reported and refused: a new key would not be the lost one. Nothing is written.
#[tokio::test]
async fn h19_no_key_is_created_unless_the_declaration_asks_for_it() {
    let world = World::small("empty", &declared(&spec())).await;
    world.attack("kms", "DeleteAlias", json!({ "AliasName": ALIAS }));
    world.emulator.clear_calls();
    let planned = world.plan().await;
    assert_eq!(planned.plan.drift[0].change, Change::Missing);
    assert_eq!(refusals(&planned.plan), [codes::NOT_CREATED]);
    assert!(planned.plan.steps.is_empty() && writes(&world).is_empty());
}

/// The alias was deleted, and the declaration knows the key: the alias is created again, and no key.
#[tokio::test]
async fn a_declared_target_gets_its_alias_back() {
    let world = built(&spec()).await;
    let (key, count) = (key_id(&world).await, keys(&world).await);
    let world = world.declaring(&declared(&with(spec(), "targetKeyId", json!(key)))).await;
    world.plan_again_nothing().await;
    world.attack("kms", "DeleteAlias", json!({ "AliasName": ALIAS }));
    world.restore().await;
    world.plan_again_nothing().await;
    assert_eq!((key_id(&world).await, keys(&world).await), (key.clone(), count));

    // Pointed to another key, it is pointed back.
    let other = ask(&world, "DescribeKey", json!({"KeyId": "alias/bedrock-guardrails"})).await;
    world.attack("kms", "UpdateAlias", json!({"AliasName": ALIAS, "TargetKeyId": other["KeyMetadata"]["KeyId"]}));
    world.emulator.clear_calls();
    let plan = world.restore().await;
    assert!(paths(&plan).contains(&"targetKeyId".to_owned()), "{}", told(&plan));
    assert_eq!(writes(&world), ["UpdateAlias"]);
    world.plan_again_nothing().await;
}

/// Without a declared target the alias decides: another key behind it shows by what differs there, and is not what is changed back.
#[tokio::test]
async fn what_is_behind_a_moved_alias_is_held_to_the_declaration() {
    let world = built(&spec()).await;
    let other = ask(&world, "DescribeKey", json!({"KeyId": "alias/bedrock-guardrails"})).await;
    world.attack("kms", "UpdateAlias", json!({"AliasName": ALIAS, "TargetKeyId": other["KeyMetadata"]["KeyId"]}));
    let plan = world.restore().await;
    assert!(!plan.drift.is_empty() && !paths(&plan).contains(&"targetKeyId".to_owned()), "{}", told(&plan));
    world.plan_again_nothing().await;
}

/// A key that may be created is created once, with its alias, however often an answer is lost.
#[tokio::test]
async fn a_key_is_created_once_though_answers_are_lost() {
    for operation in ["CreateKey", "CreateAlias", "EnableKeyRotation"] {
        let world = World::small("empty", &declared(&with(spec(), "createWhenMissing", json!(true)))).await;
        world.attack("kms", "DeleteAlias", json!({ "AliasName": ALIAS }));
        let count = keys(&world).await;
        world.inject(vec![times(1, on(operation), Effect::LostResponse)]);
        let planned = world.plan().await;
        world.apply(&planned).await;
        let planned = world.plan().await;
        assert_eq!(world.apply(&planned).await.not_verified(), 0, "{operation}: {}", told(&planned.plan));
        world.plan_again_nothing().await;
        assert_eq!(keys(&world).await, count + 1, "{operation}");
        let tags = ask(&world, "ListResourceTags", json!({"KeyId": key_id(&world).await})).await;
        assert!(tags.to_string().contains("bedrock-reconciler:alias"), "{tags}");
    }
}

/// What may not be read is a gap of that key, and never a reason to create one.
#[tokio::test]
async fn a_denied_read_is_a_gap() {
    for operation in ["DescribeKey", "GetKeyPolicy", "GetKeyRotationStatus", "ListResourceTags"] {
        let world = World::small("empty", &declared(&with(spec(), "createWhenMissing", json!(true)))).await;
        world.inject(vec![times(100, on(operation), Effect::Deny)]);
        let plan = world.plan().await.plan;
        let is_made = plan.steps.iter().any(|step| step.action == "create");
        assert!(plan.gaps.len() == 1 && !is_made, "{operation}: {}", told(&plan));
        assert_eq!(
            (plan.gaps[0].code.as_str(), plan.gaps[0].fields.is_empty()),
            (codes::DENIED, operation == "DescribeKey")
        );
    }
}

/// Whether a key that was created before for this alias is there cannot be told where no key shows its tags: no second one is
/// created.
#[tokio::test]
async fn where_the_tags_of_no_key_may_be_read_none_is_created() {
    let world = World::small("empty", &declared(&with(spec(), "createWhenMissing", json!(true)))).await;
    world.attack("kms", "DeleteAlias", json!({ "AliasName": ALIAS }));
    let count = keys(&world).await;
    assert!(count > 0);
    world.inject(vec![times(100, on("ListResourceTags"), Effect::Deny)]);
    let planned = world.plan().await;
    let applied = world.apply(&planned).await;
    assert_eq!((applied.verified(), keys(&world).await), (0, count));
    assert!(!writes(&world).contains(&"CreateKey".to_owned()));
}

/// h15. The root of the account or its id, one text or a list of one, another case: the same policy.
#[tokio::test]
async fn h15_a_key_policy_in_another_spelling_is_no_drift() {
    let world = built(&spec()).await;
    let spelled = json!({"Statement": [
        {"Effect": "Allow", "Principal": {"AWS": ["arn:aws:iam::111122223333:root"]}, "Action": ["KMS:*"], "Resource": ["*"], "Sid": "Admin"},
        {"Resource": ["*"], "Effect": "Allow", "Action": ["kms:generatedatakey"], "Principal": {"Service": ["bedrock.amazonaws.com"]},
         "Condition": {"stringequals": {"AWS:SourceAccount": ["111122223333"]}}, "Sid": "Bedrock"},
    ], "Version": "2012-10-17"});
    let body = json!({"KeyId": ALIAS, "PolicyName": "default", "Policy": spelled.to_string()});
    let body = with(body, "KeyId", json!(key_id(&world).await));
    world.attack("kms", "PutKeyPolicy", body);
    world.plan_again_nothing().await;
}

/// What cannot be changed is refused by name; the rest of the declaration is restored all the same.
#[tokio::test]
async fn what_cannot_be_changed_is_refused() {
    let world = built(&spec()).await;
    world.attack("kms", "DisableKey", json!({"KeyId": key_id(&world).await}));
    let world = world.declaring(&declared(&with(spec(), "multiRegion", json!(true)))).await;
    let plan = world.restore().await;
    assert_eq!(refusals(&plan), [codes::IMMUTABLE]);
    assert_eq!(ask(&world, "DescribeKey", json!({ "KeyId": ALIAS })).await["KeyMetadata"]["Enabled"], true);
}

#[test]
fn limits_of_keys_are_known_before_any_call() {
    let wrong = |name: &str, spec: Value| {
        wrong_with(&json!({"kind": "kms-key", "name": name, "spec": spec}).to_string())
            .into_iter()
            .map(|(code, _)| code)
            .collect::<Vec<_>>()
    };
    assert_eq!(wrong("bedrock-logs", json!({})), [codes::BAD_NAME]);
    assert_eq!(wrong("alias/aws/s3", json!({})), [codes::BAD_NAME]);
    assert_eq!(wrong(ALIAS, json!({"rotationPeriodInDays": 89})), [codes::LIMIT]);
    assert_eq!(wrong(ALIAS, json!({"keyRotationEnabled": false, "rotationPeriodInDays": 90})), [codes::CONTRADICTION]);
    assert_eq!(wrong(ALIAS, json!({ "policy": null })), [codes::CONTRADICTION]);
    let dangling = json!({"Version": "2012-10-17", "Statement": [
        {"Effect": "Allow", "Principal": {"AWS": "AROAEXAMPLEEXAMPLE123"}, "Action": "kms:*", "Resource": "*"}]});
    assert_eq!(wrong(ALIAS, json!({ "policy": dangling })), [codes::DANGLING]);
    assert_eq!(wrong(ALIAS, json!({"tagKey": "x"})), [codes::REQUEST_SIDE_NAME]);
    assert_eq!(wrong(ALIAS, json!({"targetKeyId": "1", "createWhenMissing": true})), [codes::CONTRADICTION]);
}

/// The ARN and the id are what others may refer to.
#[tokio::test]
async fn outputs_of_a_key_are_known() {
    let emulator = Emulator::scenario("empty", Options::default()).expect("a scenario");
    let text = format!(
        "{}\n---\nkind: log-group\nname: /aws/x\nspec: {{kmsKeyId: \"${{ref:kms-key/{ALIAS}.arn}}\"}}\n",
        declared(&spec())
    );
    let world = World::over(emulator, &small(&text)).await;
    world.restore().await;
    world.plan_again_nothing().await;
    assert!(KINDS.iter().any(|kind| kind.name() == "kms-key"
        && kind.contract().outputs.iter().map(|output| output.name).eq(["arn", "keyId"])));
}

/// Random specs: see [`specs`].
pub(crate) const GENERATOR: Generator = Generator { kind: "kms-key", name: "alias/payments", weight: 1, specs };

/// The spec of a key.
fn specs() -> BoxedStrategy<Value> {
    let statements = vec![
        json!({"Sid": "Admin", "Effect": "Allow", "Principal": {"AWS": "111122223333"}, "Action": "kms:*", "Resource": "*"}),
        json!({"Sid": "Logs", "Effect": "Allow", "Principal": {"Service": "bedrock.amazonaws.com"},
            "Action": ["kms:GenerateDataKey", "kms:Decrypt"], "Resource": "*",
            "Condition": {"StringEquals": {"aws:SourceAccount": "111122223333"}}}),
        json!({"Sid": "Nobody", "Effect": "Deny", "Principal": "*", "Action": "kms:ScheduleKeyDeletion", "Resource": "*"}),
    ];
    let description = generate::maybe(select(&["Logs at rest", "Other", ""][..]).prop_map(Value::from));
    let rotation = prop_oneof![
        Just(json!({"keyRotationEnabled": false})),
        select(&[90, 365, 2560][..]).prop_map(|days| json!({"keyRotationEnabled": true, "rotationPeriodInDays": days})),
        Just(json!({})),
    ];
    (
        description,
        proptest::option::of(any::<bool>()),
        rotation,
        generate::maybe(generate::policy(statements)),
        any::<bool>(),
        generate::maybe(generate::tags()),
    )
        .prop_map(|(description, enabled, rotation, policy, usage, tags)| {
            let own = json!({
                "description": description, "enabled": enabled, "policy": policy, "tags": tags,
                "keyUsage": usage.then_some("ENCRYPT_DECRYPT"),
            });
            generate::merged(own, rotation)
        })
        .boxed()
}
