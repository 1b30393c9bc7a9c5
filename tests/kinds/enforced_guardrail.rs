//! The enforced guardrail: what is put back, what is refused before any write, and whom it may lock out
//! (kinds/enforced_guardrail/README.md, Whom it affects; h21).

use proptest::prelude::*;
use proptest::sample::{select, subsequence};
use reconciler_emulator::{Effect, Fault};
use reconciler_model::codes;
use reconciler_model::direction::Direction;
use reconciler_model::drift::Change;
use reconciler_model::permit::Approval;
use reconciler_model::plan::{Plan, Severity};
use reconciler_tests::declarations::wrong_with;
use reconciler_tests::generate::{self, Generator};
use reconciler_tests::world::{World, field, notes, on, paths, refusals, told};
use serde_json::{Value, json};

const GUARDRAIL: &str = r#"
kind: guardrail
name: payments
spec:
  blockedInputMessaging: "No."
  blockedOutputsMessaging: "Withheld."
  contentPolicy:
    filters:
      - {type: HATE, inputStrength: HIGH, outputStrength: HIGH}
"#;

const ENFORCED: &str = r#"
---
kind: enforced-guardrail
spec:
  guardrailArn: ${ref:guardrail/payments.guardrailArn}
  guardrailVersion: ${ref:guardrail/payments.version}
  selectiveContentGuarding: {system: COMPREHENSIVE, messages: COMPREHENSIVE}
  modelEnforcement: {includedModels: [ALL], excludedModels: []}
  callersMayApplyGuardrail: true
"#;

const POLICY: Approval = Approval::StandingPolicy { max_changes: 10 };
const LIST: &str = "/enforcedGuardrailsConfiguration";

/// A guardrail, and the same enforced.
async fn built() -> World {
    let world = World::small("empty", &format!("{GUARDRAIL}{ENFORCED}")).await;
    world.converge(POLICY).await.expect("within the policy");
    world.plan_again_nothing().await;
    world.emulator.clear_calls();
    world
}

/// The configuration as the service answers it; `null` when there is none.
async fn live(world: &World) -> Value {
    let answer = world.direct_client().ask("bedrock", http::Method::GET, LIST, None, &Value::Null).await;
    answer["guardrailsConfig"].as_array().expect("a list").first().cloned().unwrap_or_default()
}

/// Somebody else puts a configuration: `config` over what is there.
async fn put(world: &World, config: Value) {
    let now = live(world).await;
    let mut sent = json!({"guardrailIdentifier": now["guardrailId"], "guardrailVersion": now["guardrailVersion"]});
    sent.as_object_mut().expect("an object").extend(config.as_object().cloned().unwrap_or_default());
    let body = json!({"configId": now["configId"], "guardrailInferenceConfig": sent});
    world.attack("bedrock", "PutEnforcedGuardrailConfiguration", body);
}

async fn delete(world: &World) {
    let id = live(world).await["configId"].clone();
    world.attack("bedrock", "DeleteEnforcedGuardrailConfiguration", json!({ "configId": id }));
}

fn steps(plan: &Plan) -> Vec<String> {
    plan.steps.iter().map(|step| format!("{} {}", step.action, step.address.kind)).collect()
}

/// One run makes the guardrail, its version, and enforces that version. Nothing is enforced before there is something.
#[tokio::test]
async fn a_guardrail_is_created_and_then_enforced() {
    let world = World::small("empty", &format!("{GUARDRAIL}{ENFORCED}")).await;
    let converged = world.converge(Approval::Operator).await.expect("approved, and named as waiting");
    let planned: Vec<Vec<String>> = converged.rounds.iter().map(|round| steps(round.approved.plan())).collect();
    assert_eq!(planned, [vec!["create guardrail", "publish guardrail"], vec!["create enforced-guardrail"]]);
    let live = live(&world).await;
    assert_eq!(
        (&live["guardrailVersion"], &live["guardrailId"]),
        (&json!("1"), &json!(world.direct_client().id("payments").await))
    );
    world.plan_again_nothing().await;
}

/// Each way to weaken it, with its direction, is undone by one call with the id of the configuration that is there.
#[tokio::test]
async fn every_weakening_is_put_back() {
    let world = built().await;
    let before = live(&world).await;
    let weakened = [
        (json!({"selectiveContentGuarding": {"system": "SELECTIVE"}}), "selectiveContentGuarding.system"),
        (json!({"selectiveContentGuarding": {"messages": "SELECTIVE"}}), "selectiveContentGuarding.messages"),
        (
            json!({"modelEnforcement": {"includedModels": ["amazon.nova-lite-v1:0"], "excludedModels": []}}),
            "modelEnforcement.includedModels",
        ),
        (
            json!({"modelEnforcement": {"includedModels": ["ALL"], "excludedModels": ["amazon.nova-lite-v1:0"]}}),
            "modelEnforcement.excludedModels",
        ),
    ];
    for (config, path) in weakened {
        put(&world, config).await;
        world.emulator.clear_calls();
        let plan = world.restore().await;
        assert_eq!(paths(&plan), [path]);
        assert_eq!(field(&plan, path).direction, Direction::Weakened, "{path}");
        assert_eq!(world.body_of("PutEnforcedGuardrailConfiguration")["configId"], before["configId"]);
        for member in ["guardrailId", "guardrailVersion", "selectiveContentGuarding", "configId"] {
            assert_eq!(live(&world).await[member], before[member], "{path}: {member}");
        }
        world.plan_again_nothing().await;
    }
}

/// Somebody enforces another guardrail, or an older version. Which of the two protects more is not compared, so it is unknown,
/// and put back.
#[tokio::test]
async fn another_guardrail_is_put_back() {
    let world = built().await;
    let weak = json!({"name": "weak", "blockedInputMessaging": "No.", "blockedOutputsMessaging": "No.",
        "contentPolicyConfig": {"filtersConfig": [{"type": "HATE", "inputStrength": "LOW", "outputStrength": "LOW"}]}});
    world.attack("bedrock", "CreateGuardrail", weak);
    world.publish("weak");
    let id = world.direct_client().id("weak").await;
    put(&world, json!({ "guardrailIdentifier": id })).await;
    let plan = world.restore().await;
    assert_eq!(paths(&plan), ["guardrailArn"]);
    assert_eq!(field(&plan, "guardrailArn").direction, Direction::Unknown);
    assert_eq!(live(&world).await["guardrailId"], world.direct_client().id("payments").await);
    world.plan_again_nothing().await;
}

/// Somebody publishes a weak version. What is enforced is not moved to it: it waits until the restored version is there, and
/// is moved to that one, under one approval. At no moment did a write of ours enforce the weak one.
#[tokio::test]
async fn a_weak_version_is_never_enforced() {
    let world = built().await;
    world.set_guardrail("payments", "/contentPolicyConfig/filtersConfig/type=HATE/inputStrength", json!("NONE"));
    world.publish("payments");
    world.emulator.clear_calls();
    let plan = world.plan().await.plan;
    assert!(
        notes(&plan).contains(&codes::WAITS) && !steps(&plan).iter().any(|step| step.contains("enforced")),
        "{}",
        told(&plan)
    );
    world.converge(Approval::Operator).await.expect("approved, and named as waiting");
    let put = world.body_of("PutEnforcedGuardrailConfiguration");
    assert_eq!(put["guardrailInferenceConfig"]["guardrailVersion"], "3");
    assert_eq!(live(&world).await["guardrailVersion"], "3");
    world.plan_again_nothing().await;
}

/// An older version of the right guardrail that protects less is enforced: that is told as what it is, whether the newest is good or
/// not, and however often it is done.
#[tokio::test]
async fn an_older_version_that_protects_less_is_not_enforced_for_long() {
    let world = built().await;
    let hate = "/contentPolicyConfig/filtersConfig/type=HATE/inputStrength";
    world.set_guardrail("payments", hate, json!("NONE"));
    world.publish("payments");
    world.converge(POLICY).await.expect("within the policy");
    assert_eq!(live(&world).await["guardrailVersion"], "3");
    for _ in 0..3 {
        put(&world, json!({"guardrailVersion": "2"})).await;
        let plan = world.plan().await.plan;
        let version = field(&plan, "guardrailVersion");
        assert_eq!(version.direction, Direction::Weakened, "{}", told(&plan));
        world.converge(Approval::Operator).await.expect("approved");
        assert_eq!(live(&world).await["guardrailVersion"], "3");
    }
    // The newest is weak too: what is enforced waits for the next one, and is drift all the same.
    world.set_guardrail("payments", hate, json!("LOW"));
    world.publish("payments");
    put(&world, json!({"guardrailVersion": "2"})).await;
    let plan = world.plan().await.plan;
    let drift = plan.drift.iter().find(|drift| drift.kind == "enforced-guardrail").expect("drift");
    assert_eq!((drift.direction, drift.fields[0].path.to_string().as_str()), (Direction::Weakened, "guardrailVersion"));
    world.converge(POLICY).await.expect("within the policy");
    world.plan_again_nothing().await;
}

/// A version that somebody else published, and that is as declared, is no worse than the one that is enforced.
#[tokio::test]
async fn an_equal_version_is_neutral() {
    let world = built().await;
    world.publish("payments");
    let plan = world.plan().await.plan;
    assert_eq!(field(&plan, "guardrailVersion").direction, Direction::Neutral, "{}", told(&plan));
    world.converge(POLICY).await.expect("within the policy");
    world.plan_again_nothing().await;
}

/// Whoever keeps a new version from being made does not keep an older one that is as declared from being enforced.
#[tokio::test]
async fn what_cannot_be_published_is_not_waited_for() {
    let world = built().await;
    world.set_guardrail("payments", "/contentPolicyConfig/filtersConfig/type=HATE/inputStrength", json!("NONE"));
    world.publish("payments");
    delete(&world).await;
    world.inject(vec![Fault::always(on("CreateGuardrailVersion"), Effect::Deny)]);
    world.converge(Approval::Operator).await.expect("approved, and named as waiting");
    assert_eq!(live(&world).await["guardrailVersion"], "1");
    world.emulator.clear_faults();
    world.converge(POLICY).await.expect("within the policy");
    world.converge(POLICY).await.expect("within the policy");
    world.plan_again_nothing().await;
}

/// Where the newest version is weak, no other can be made, and what is enforced was taken away or moved, an older one that is as
/// declared is enforced: it does not wait for the write that fails.
#[tokio::test]
async fn what_refers_does_not_wait_for_a_write_that_fails() {
    for denied in ["CreateGuardrailVersion", "UpdateGuardrail"] {
        let world = built().await;
        world.set_guardrail("payments", "/contentPolicyConfig/filtersConfig/type=HATE/inputStrength", json!("NONE"));
        world.publish("payments");
        put(&world, json!({"guardrailVersion": "2"})).await;
        world.inject(vec![Fault::always(on(denied), Effect::Deny)]);
        world.converge(Approval::Operator).await.expect("approved");
        world.converge(Approval::Operator).await.expect("approved");
        assert_eq!(live(&world).await["guardrailVersion"], "1", "{denied}");
    }
}

/// The version that is enforced is none of those that are deleted to make room for the restored one.
#[tokio::test]
async fn the_enforced_version_is_never_deleted_to_make_room() {
    let mut world = built().await;
    for _ in 0..18 {
        world.publish("payments");
    }
    world.set_guardrail("payments", "/contentPolicyConfig/filtersConfig/type=HATE/inputStrength", json!("NONE"));
    world.publish("payments");
    world.may_delete_versions = true;
    world.emulator.clear_calls();
    world.converge(POLICY).await.expect("within the policy");
    let deleted = world.writes().into_iter().filter(|call| call.operation == "DeleteGuardrail");
    let versions: Vec<Value> = deleted.map(|call| call.body.expect("a body")["guardrailVersion"].clone()).collect();
    assert_eq!(versions, ["20"]);
    assert_eq!(live(&world).await["guardrailVersion"], "21");
    world.plan_again_nothing().await;
}

/// Whoever deletes the configuration takes the guardrail off every call. It is made again, with a new id.
#[tokio::test]
async fn a_deleted_configuration_is_made_again() {
    let world = built().await;
    let before = live(&world).await;
    delete(&world).await;
    let plan = world.restore().await;
    assert_eq!((plan.drift[0].change, plan.drift[0].direction), (Change::Missing, Direction::Weakened));
    assert!(notes(&plan).contains(&codes::CALLERS), "{}", told(&plan));
    let after = live(&world).await;
    assert_ne!(after["configId"], before["configId"]);
    assert_eq!(after["guardrailArn"], before["guardrailArn"]);
    world.plan_again_nothing().await;
}

/// h21. zed PR#50084: callers without bedrock:ApplyGuardrail lose every model call at once. Who may is not looked up, so a
/// declaration that does not say that it was looked up is an error, and nothing is planned.
#[tokio::test]
async fn h21_enforced_callers_have_to_be_vouched_for() {
    for said in ["", "  callersMayApplyGuardrail: false\n"] {
        let text = ENFORCED.replace("  callersMayApplyGuardrail: true\n", said);
        let wrong = wrong_with(&format!("{GUARDRAIL}{text}"));
        assert_eq!(wrong.iter().map(|(code, _)| code.as_str()).collect::<Vec<_>>(), [codes::CALLERS], "{wrong:?}");
    }
    assert_eq!(wrong_with(&format!("{GUARDRAIL}{ENFORCED}")), []);
}

/// h21. The DRAFT can be changed by anybody who may update the guardrail, so it cannot be enforced; nor can what is no version.
#[tokio::test]
async fn h21_enforced_draft_is_an_error() {
    for version in ["DRAFT", "'0'", "v1", "null", "1.5"] {
        let text = ENFORCED.replace("${ref:guardrail/payments.version}", version);
        let wrong = wrong_with(&format!("{GUARDRAIL}{text}"));
        assert_eq!(wrong.len(), 1, "{version}: {wrong:?}");
    }
}

/// The plan for a guardrail that cannot be enforced: one refusal, and no write.
async fn refused(world: &World, guardrail: &str, version: &str) -> String {
    let text = ENFORCED
        .replace("${ref:guardrail/payments.guardrailArn}", guardrail)
        .replace("${ref:guardrail/payments.version}", &format!("'{version}'"));
    let other = world.declaring(&format!("{GUARDRAIL}{text}")).await;
    other.emulator.clear_calls();
    let planned = other.plan().await;
    assert_eq!(refusals(&planned.plan), [codes::NOT_ENFORCEABLE], "{}", told(&planned.plan));
    assert_eq!((planned.plan.summary.drifted, planned.plan.summary.refused), (1, 1));
    other.apply(&planned).await;
    assert!(other.written().iter().all(|one| one == "AssumeRole"), "{:?}", other.written());
    planned.plan.findings.iter().find(|one| one.code == codes::NOT_ENFORCEABLE).expect("a finding").detail.clone()
}

/// h21. TF-aws #48674: a guardrail of another account or region, one that is not there, a version that is not there. Each is
/// refused at plan time, whether there is a configuration already or none.
#[tokio::test]
async fn h21_enforced_guardrail_that_is_elsewhere_or_nowhere_is_refused() {
    let world = built().await;
    for there_is_one in [true, false] {
        let arn = |region: &str, account: &str, id: &str| format!("arn:aws:bedrock:{region}:{account}:guardrail/{id}");
        let id = world.direct_client().id("payments").await;
        let here = arn("eu-west-1", "111122223333", &id);
        assert!(refused(&world, &arn("us-east-1", "111122223333", &id), "1").await.contains("region us-east-1"));
        assert!(refused(&world, &arn("eu-west-1", "999999999999", &id), "1").await.contains("account 999999999999"));
        assert!(
            refused(&world, &arn("eu-west-1", "111122223333", "nothere12345"), "1").await.contains("cannot be read")
        );
        assert!(refused(&world, &here, "7").await.contains("version 7"));
        if there_is_one {
            delete(&world).await;
        }
    }
}

/// h21. Calls fail when a guardrail with an automated reasoning policy is enforced: refused.
#[tokio::test]
async fn h21_enforced_guardrail_with_automated_reasoning_is_refused() {
    let world = built().await;
    let body = json!({"name": "reasons", "blockedInputMessaging": "No.", "blockedOutputsMessaging": "No.",
        "crossRegionConfig": {"guardrailProfileIdentifier": "eu.guardrail.v1:0"},
        "automatedReasoningPolicyConfig": {"policies": ["arn:aws:bedrock:eu-west-1:111122223333:automated-reasoning-policy/abcdefghijkl"]}});
    world.attack("bedrock", "CreateGuardrail", body);
    world.publish("reasons");
    let arn = format!("arn:aws:bedrock:eu-west-1:111122223333:guardrail/{}", world.direct_client().id("reasons").await);
    assert!(refused(&world, &arn, "1").await.contains("automated reasoning"));
}

/// h21, h23. Where the guardrail cannot be looked at, what differs is shown all the same, and nothing is written.
#[tokio::test]
async fn h21_enforced_guardrail_that_cannot_be_looked_at_is_not_written_to() {
    let world = built().await;
    let id = world.direct_client().id("payments").await;
    let text = ENFORCED.replace(
        "${ref:guardrail/payments.guardrailArn}",
        &format!("arn:aws:bedrock:eu-west-1:111122223333:guardrail/{id}"),
    );
    let text = text.replace("${ref:guardrail/payments.version}", "'1'");
    let world = world.declaring(text.trim_start_matches("\n---")).await;
    delete(&world).await;
    world.emulator.clear_calls();
    world.inject(vec![Fault::always(on("GetGuardrail"), Effect::Deny)]);
    let plan = world.plan().await.plan;
    assert_eq!((plan.summary.refused, plan.steps.len(), plan.drift.len()), (1, 0, 1), "{}", told(&plan));
    assert!(plan.findings.iter().any(|one| one.severity == Severity::Refused && one.code == codes::DENIED));
    assert!(world.written().iter().all(|one| one == "AssumeRole"));
}

/// A plan that finds nothing makes one call: the guardrail is looked at only where something is to be written.
#[tokio::test]
async fn in_sync_costs_one_call() {
    let world = built().await;
    world.emulator.clear_calls();
    let plan = world.plan().await.plan;
    assert!(plan.steps.is_empty());
    let calls: Vec<String> = world.emulator.calls().into_iter().map(|call| call.operation).collect();
    assert_eq!(calls.iter().filter(|one| one.contains("Enforced")).count(), 1, "{calls:?}");
    assert_eq!(calls.iter().filter(|one| *one == "GetGuardrail").count(), 2, "the guardrail's own: {calls:?}");
}

/// What this build does not know survives where the request has a place for it; where it has none, the write is refused.
#[tokio::test]
async fn unknown_members_are_carried_or_stand_in_the_way() {
    let world = built().await;
    let plant = |pointer: &str, value: Value| {
        let field = Effect::UnknownField { pointer: pointer.to_owned(), value };
        world.inject(vec![Fault::once(on("ListEnforcedGuardrailsConfiguration"), field)]);
    };
    plant("/guardrailsConfig/0/selectiveContentGuarding/tools", json!("SELECTIVE"));
    live(&world).await;
    world.plan_again_nothing().await;
    put(&world, json!({"selectiveContentGuarding": {"system": "SELECTIVE", "tools": "SELECTIVE"}})).await;
    let plan = world.restore().await;
    assert!(notes(&plan).contains(&codes::EXTRA_CARRIED), "{}", told(&plan));
    assert_eq!(live(&world).await["selectiveContentGuarding"]["tools"], "SELECTIVE");
    world.plan_again_nothing().await;

    put(&world, json!({"selectiveContentGuarding": {"system": "SELECTIVE", "tools": "SELECTIVE"}})).await;
    plant("/guardrailsConfig/0/traceMode", json!("ON"));
    live(&world).await;
    world.emulator.clear_calls();
    let planned = world.plan().await;
    assert_eq!(refusals(&planned.plan), [codes::EXTRA_REFUSED], "{}", told(&planned.plan));
    world.apply(&planned).await;
    assert!(world.written().iter().all(|one| one == "AssumeRole"), "{:?}", world.written());
}

/// The deprecated member says in other words what `selectiveContentGuarding` says, and is neither drift nor in the way.
#[tokio::test]
async fn the_deprecated_input_tags_do_not_stand_in_the_way() {
    let world = built().await;
    let field = Effect::UnknownField { pointer: "/guardrailsConfig/0/inputTags".to_owned(), value: json!("HONOR") };
    world.inject(vec![Fault::once(on("ListEnforcedGuardrailsConfiguration"), field)]);
    live(&world).await;
    world.plan_again_nothing().await;
    put(&world, json!({"selectiveContentGuarding": {"system": "SELECTIVE"}})).await;
    world.restore().await;
    world.plan_again_nothing().await;
}

/// The answer to the create is lost, and the SDK's own repetition meets a conflict: read-back tells that it is there.
#[tokio::test]
async fn a_lost_answer_is_not_a_failure() {
    let world = built().await;
    delete(&world).await;
    world.inject(vec![Fault::once(on("PutEnforcedGuardrailConfiguration"), Effect::LostResponse)]);
    world.restore().await;
    world.plan_again_nothing().await;
}

/// h36 for this kind: success that changed nothing is not believed.
#[tokio::test]
async fn h36_success_that_changed_nothing_is_a_mismatch() {
    let world = built().await;
    put(&world, json!({"selectiveContentGuarding": {"system": "SELECTIVE"}})).await;
    world.inject(vec![Fault::always(on("PutEnforcedGuardrailConfiguration"), Effect::NoOp)]);
    let planned = world.plan().await;
    let applied = world.apply(&planned).await;
    assert!(applied.steps.values().all(reconciler_tests::world::is_mismatch), "{:#?}", applied.steps);
}

/// A configuration is never deleted: there is no way to declare it.
#[tokio::test]
async fn what_is_not_declared_is_left_as_it_is() {
    let world = built().await.declaring(GUARDRAIL).await;
    world.plan_again_nothing().await;
    assert!(!live(&world).await.is_null());
    // Members that are not mentioned keep their live values, through a call that replaces everything.
    put(&world, json!({"modelEnforcement": {"includedModels": ["a.b-v1:0"], "excludedModels": []}})).await;
    let only = "kind: enforced-guardrail\nspec: {callersMayApplyGuardrail: true, selectiveContentGuarding: {}}\n";
    let world = world.declaring(only).await;
    put(&world, json!({"selectiveContentGuarding": {"messages": "SELECTIVE"}, "modelEnforcement": {"includedModels": ["a.b-v1:0"], "excludedModels": []}})).await;
    world.restore().await;
    assert_eq!(live(&world).await["modelEnforcement"]["includedModels"], json!(["a.b-v1:0"]));
    world.plan_again_nothing().await;
}

/// Random specs: see [`specs`].
pub(crate) const GENERATOR: Generator = Generator { kind: "enforced-guardrail", name: "default", weight: 1, specs };

/// The spec of an enforced configuration. A live one always names its guardrail and version.
fn specs() -> BoxedStrategy<Value> {
    let arn = select(&["a1b2c3", "d4e5f6"][..]);
    let guarding = || proptest::option::of(select(&["SELECTIVE", "COMPREHENSIVE"][..]));
    let guarding = (guarding(), guarding())
        .prop_map(|(system, messages)| generate::object(json!({"system": system, "messages": messages})));
    let models = || subsequence(vec!["amazon.nova-lite-v1:0", "anthropic.claude-v9", "meta.llama9-v1:0"], 0..=3);
    let included = prop_oneof![1 => Just(json!(["ALL"])), 2 => models().prop_map(|models| json!(models))];
    let models = (included, models())
        .prop_map(|(included, excluded)| json!({"includedModels": included, "excludedModels": excluded}));
    (arn, select(&["1", "2", "17"][..]), generate::maybe(guarding), generate::maybe(models))
        .prop_map(|(id, version, guarding, models)| {
            generate::object(json!({
                "guardrailArn": format!("arn:aws:bedrock:eu-west-1:111122223333:guardrail/{id}"),
                "guardrailVersion": version,
                "selectiveContentGuarding": guarding,
                "modelEnforcement": models,
                "callersMayApplyGuardrail": true,
            }))
        })
        .boxed()
}
