//! The resource policy of a guardrail: what an organization enforces, its accounts have to be able to apply
//! (kinds/guardrail_resource_policy/README.md, Who needs it).

use proptest::prelude::*;
use proptest::sample::{select, subsequence};
use reconciler_emulator::{Effect, Fault};
use reconciler_model::codes;
use reconciler_model::direction::Direction;
use reconciler_model::permit::Approval;
use reconciler_model::plan::Plan;
use reconciler_tests::declarations::wrong_with;
use reconciler_tests::generate::{self, Generator};
use reconciler_tests::world::{World, field, on, paths, refusals, told};
use serde_json::{Value, json};

const GUARDRAIL: &str = r#"
kind: guardrail
name: payments
spec: {blockedInputMessaging: "No.", blockedOutputsMessaging: "No.", wordPolicy: {words: [{text: falcon}]}}
"#;

const POLICY: &str = r#"
---
kind: guardrail-resource-policy
name: payments
spec:
  resourcePolicy:
    Version: "2012-10-17"
    Statement:
      - Sid: Organization
        Effect: Allow
        Principal: "*"
        Action: [bedrock:ApplyGuardrail, bedrock:GetGuardrail]
        Resource: ${ref:guardrail/payments.guardrailArn}
        Condition: {StringEquals: {aws:PrincipalOrgID: o-exampleorgid}}
"#;

const NONE: &str = "
---
kind: guardrail-resource-policy
name: payments
spec: {resourcePolicy: null}
";

fn declared() -> String {
    format!("{GUARDRAIL}{POLICY}")
}

async fn built() -> World {
    let world = World::small("empty", &declared()).await;
    world.converge(Approval::Operator).await.expect("approved");
    world.plan_again_nothing().await;
    world.emulator.clear_calls();
    world
}

async fn arn(world: &World) -> String {
    format!("arn:aws:bedrock:eu-west-1:111122223333:guardrail/{}", world.direct_client().id("payments").await)
}

async fn live(world: &World) -> Value {
    let path = format!("/resource-policy/{}", arn(world).await);
    let answer = world.direct_client().ask("bedrock", http::Method::GET, &path, None, &Value::Null).await;
    serde_json::from_str(answer["resourcePolicy"].as_str().expect("text")).expect("JSON")
}

async fn put(world: &World, change: impl FnOnce(&mut Value)) {
    let mut document = live(world).await;
    change(&mut document);
    let body = json!({"resourceArn": arn(world).await, "resourcePolicy": document.to_string()});
    world.attack("bedrock", "PutResourcePolicy", body);
}

fn steps(plan: &Plan) -> Vec<String> {
    plan.steps.iter().map(|step| format!("{} {}", step.action, step.address.kind)).collect()
}

/// The policy names the ARN of its guardrail, so it waits for it, and follows in the same run.
#[tokio::test]
async fn a_policy_follows_its_guardrail() {
    let world = World::small("empty", &declared()).await;
    let converged = world.converge(Approval::Operator).await.expect("approved, and named as waiting");
    let planned: Vec<Vec<String>> = converged.rounds.iter().map(|round| steps(round.approved.plan())).collect();
    assert_eq!(planned, [vec!["create guardrail", "publish guardrail"], vec!["update guardrail-resource-policy"]]);
    assert_eq!(live(&world).await["Statement"][0]["Resource"], json!(arn(&world).await));
    world.plan_again_nothing().await;

    // One that is made again has no policy, and another ARN.
    world.attack("bedrock", "DeleteGuardrail", json!({"guardrailIdentifier": "guardrail:payments"}));
    world.converge(Approval::Operator).await.expect("approved");
    assert_eq!(live(&world).await["Statement"][0]["Resource"], json!(arn(&world).await));
    world.plan_again_nothing().await;
}

/// A grant that was taken away is no protection: the accounts of the organization can no longer apply what it enforces. It is
/// not kept as something stronger, it is put back.
#[tokio::test]
async fn a_lost_grant_is_put_back() {
    let world = built().await;
    put(&world, |document| document["Statement"][0]["Action"] = json!("bedrock:GetGuardrail")).await;
    let plan = world.restore().await;
    assert_eq!(paths(&plan), ["resourcePolicy.Statement.Organization.Action"]);
    assert_eq!(field(&plan, "resourcePolicy.Statement.Organization.Action").direction, Direction::Unknown);
    world.plan_again_nothing().await;

    let resource = arn(&world).await;
    world.attack("bedrock", "DeleteResourcePolicy", json!({ "resourceArn": resource }));
    let plan = world.restore().await;
    assert_eq!(field(&plan, "resourcePolicy").direction, Direction::Unknown);
    world.plan_again_nothing().await;
}

/// Somebody lets another organization in: weakened, and taken back.
#[tokio::test]
async fn a_stranger_is_put_out() {
    let world = built().await;
    put(&world, |document| {
        document["Statement"][0]["Condition"]["StringEquals"]["aws:PrincipalOrgID"] =
            json!(["o-exampleorgid", "o-stranger123"]);
    })
    .await;
    let plan = world.restore().await;
    assert_eq!(plan.drift[0].direction, Direction::Weakened, "{}", told(&plan));
    world.plan_again_nothing().await;

    // Where there must be none, any is one too many, and it is deleted.
    let world = world.declaring(&format!("{GUARDRAIL}{NONE}")).await;
    let plan = world.restore().await;
    assert_eq!(steps(&plan), ["delete guardrail-resource-policy"]);
    assert_eq!(field(&plan, "resourcePolicy").direction, Direction::Weakened);
    world.plan_again_nothing().await;
}

/// The same in other words is no drift: order, letter case, one element and a list of one.
#[tokio::test]
async fn h15_resource_policy_in_other_words_is_no_drift() {
    let world = built().await;
    put(&world, |document| {
        let statement = &mut document["Statement"][0];
        statement["Principal"] = json!({"AWS": ["*"]});
        statement["Action"] = json!(["bedrock:getguardrail", "bedrock:APPLYGuardrail"]);
        statement["Resource"] = json!([statement["Resource"]]);
        statement["Condition"] = json!({"StringEquals": {"AWS:PrincipalOrgId": ["o-exampleorgid"]}});
    })
    .await;
    world.plan_again_nothing().await;
}

/// What the service rejects, and what would let everybody in, is an error of the declaration.
#[tokio::test]
async fn a_policy_for_everybody_is_an_error() {
    for (from, to) in [
        ("        Condition: {StringEquals: {aws:PrincipalOrgID: o-exampleorgid}}\n", ""),
        ("[bedrock:ApplyGuardrail, bedrock:GetGuardrail]", "bedrock:*"),
        ("${ref:guardrail/payments.guardrailArn}", "'*'"),
        ("Effect: Allow", "Effect: Deny"),
        ("StringEquals", "StringNotEquals"),
    ] {
        assert!(POLICY.contains(from));
        let wrong = wrong_with(&format!("{GUARDRAIL}{}", POLICY.replace(from, to)));
        assert_eq!(
            wrong.iter().map(|(code, _)| code.as_str()).collect::<Vec<_>>(),
            [codes::LIMIT],
            "{from}: {wrong:?}"
        );
    }
    assert_eq!(wrong_with(&declared()), []);
}

/// A member that the grammar of this build does not have would be lost in a write that replaces the document: refused by name.
#[tokio::test]
async fn an_unknown_member_stands_in_the_way() {
    let world = built().await;
    put(&world, |document| {
        document["Statement"][0]["Until"] = json!("2027-01-01");
        document["Statement"][0]["Action"] = json!("bedrock:GetGuardrail");
    })
    .await;
    world.emulator.clear_calls();
    let planned = world.plan().await;
    assert_eq!(refusals(&planned.plan), [codes::EXTRA_REFUSED], "{}", told(&planned.plan));
    world.apply(&planned).await;
    assert!(world.written().iter().all(|one| one == "AssumeRole"), "{:?}", world.written());
}

/// Who does not declare a policy does not pay for reading it, and needs no permission to.
#[tokio::test]
async fn nobody_reads_what_nobody_declares() {
    let world = built().await.declaring(GUARDRAIL).await;
    world.emulator.clear_calls();
    world.inject(vec![Fault::always(on("GetResourcePolicy"), Effect::Deny)]);
    world.plan_again_nothing().await;
    assert!(world.emulator.calls().iter().all(|call| call.operation != "GetResourcePolicy"));
}

/// h23. A policy that may not be read is unknown, and nothing is written over it.
#[tokio::test]
async fn h23_resource_policy_that_may_not_be_read_is_a_gap() {
    let world = built().await;
    world.inject(vec![Fault::always(on("GetResourcePolicy"), Effect::Deny)]);
    let plan = world.plan().await.plan;
    assert_eq!((plan.summary.gaps, plan.steps.len()), (1, 0), "{}", told(&plan));
}

/// The answers to both writes are lost; read-back tells that they took effect.
#[tokio::test]
async fn lost_answers_are_no_failures() {
    let world = built().await;
    put(&world, |document| document["Statement"][0]["Action"] = json!("bedrock:GetGuardrail")).await;
    world.inject(vec![Fault::once(on("PutResourcePolicy"), Effect::LostResponse)]);
    world.restore().await;
    let world = world.declaring(&format!("{GUARDRAIL}{NONE}")).await;
    world.inject(vec![Fault::once(on("DeleteResourcePolicy"), Effect::LostResponse)]);
    world.restore().await;
    world.plan_again_nothing().await;
}

/// Two guardrails of one name: which one is meant cannot be told, so the policy of neither is touched.
#[tokio::test]
async fn a_policy_of_two_guardrails_of_one_name_is_a_gap() {
    let world = built().await;
    let row = json!({"id": "twin12345678", "arn": "arn:aws:bedrock:eu-west-1:111122223333:guardrail/twin12345678", "name": "payments",
        "status": "READY", "version": "DRAFT"});
    let twin = Effect::UnknownField { pointer: "/guardrails/-".to_owned(), value: row };
    world.inject(vec![Fault::always(on("ListGuardrails"), twin)]);
    let plan = world.plan().await.plan;
    assert!(
        plan.gaps.iter().any(|gap| gap.kind == "guardrail-resource-policy" && gap.code == codes::AMBIGUOUS),
        "{}",
        told(&plan)
    );
    assert!(plan.steps.is_empty());
}

/// The world in sync, in which everything is held to the guardrail that has the name now.
async fn pinned(declared: &str) -> (World, String) {
    let world = World::small("empty", declared).await;
    world.converge(Approval::Operator).await.expect("approved");
    let id = world.direct_client().id("payments").await;
    (world.pinning("guardrail/payments", &id), id)
}

async fn policy_of(world: &World, id: &str) -> Value {
    let path = format!("/resource-policy/arn:aws:bedrock:eu-west-1:111122223333:guardrail/{id}");
    world.direct_client().ask("bedrock", http::Method::GET, &path, None, &Value::Null).await["resourcePolicy"].clone()
}

/// Who renames a guardrail and gives its name to another one has the policy of neither taken for that of the other.
#[tokio::test]
async fn a_policy_is_that_of_the_pinned_guardrail_whatever_has_its_name() {
    let (world, id) = pinned(&format!("{GUARDRAIL}{NONE}")).await;
    world.plan_again_nothing().await;
    let arn = arn(&world).await;
    let open = json!({"Version": "2012-10-17", "Statement": [{"Sid": "All", "Effect": "Allow", "Principal": "*",
        "Action": "bedrock:ApplyGuardrail", "Resource": arn,
        "Condition": {"StringEquals": {"aws:PrincipalOrgID": "o-somebodyel"}}}]});
    let put = |arn: &str| {
        let text = open.to_string().replace(&id, arn.rsplit('/').next().expect("an id"));
        world.attack("bedrock", "PutResourcePolicy", json!({"resourceArn": arn, "resourcePolicy": text}));
    };
    put(&arn);
    world.set_guardrail("payments", "/name", json!("old"));
    let twin = json!({"name": "payments", "blockedInputMessaging": "no", "blockedOutputsMessaging": "no",
        "wordPolicyConfig": {"wordsConfig": [{"text": "a"}]}});
    world.attack("bedrock", "CreateGuardrail", twin);
    let other = world.direct_client().id("payments").await;
    assert_ne!(other, id);
    put(&arn.replace(&id, &other));
    let plan = world.plan().await.plan;
    let of_policy = |plan: &Plan| {
        let mut fields =
            plan.drift.iter().filter(|one| one.kind == "guardrail-resource-policy" && one.name == "payments");
        fields.next().map(|one| one.fields.iter().map(|field| field.path.to_string()).collect::<Vec<_>>())
    };
    assert_eq!(of_policy(&plan), Some(vec!["name".to_owned(), "resourcePolicy".to_owned()]), "{}", told(&plan));
    world.converge(Approval::Operator).await.expect("approved");
    let calls = world.emulator.calls();
    let deletes: Vec<_> = calls.iter().filter(|call| call.operation == "DeleteResourcePolicy").collect();
    assert_eq!(deletes.len(), 1);
    let plan = world.plan().await.plan;
    assert_eq!(of_policy(&plan), Some(vec!["name".to_owned()]), "the other one has the name: {}", told(&plan));
    assert!(policy_of(&world, &other).await.is_string(), "nobody declared that one");
}

/// A guardrail that only its policy is declared of is named by people, and told until it is named back.
#[tokio::test]
async fn a_pinned_guardrail_that_only_its_policy_is_declared_of_may_not_be_renamed() {
    let (world, id) = pinned(&declared()).await;
    let world = world.declaring(NONE.trim_start_matches("\n---")).await.pinning("guardrail/payments", &id);
    world.attack("bedrock", "DeleteResourcePolicy", json!({"resourceArn": arn(&world).await}));
    world.plan_again_nothing().await;
    world.set_guardrail("payments", "/name", json!("old"));
    let plan = world.plan().await.plan;
    assert_eq!((field(&plan, "name").direction, plan.steps.len()), (Direction::Weakened, 0), "{}", told(&plan));
    world.set_guardrail("old", "/name", json!("payments"));
    world.plan_again_nothing().await;
}

/// What this tool made in the place of the pinned one has the policy from then on.
#[tokio::test]
async fn a_policy_follows_the_guardrail_that_this_tool_made_in_the_place_of_the_pinned_one() {
    let (world, id) = pinned(&declared()).await;
    world.attack("bedrock", "DeleteGuardrail", json!({"guardrailIdentifier": "guardrail:payments"}));
    world.converge(Approval::Operator).await.expect("approved");
    let new = world.direct_client().id("payments").await;
    assert_ne!(new, id);
    assert!(policy_of(&world, &new).await.is_string());
    let plan = world.plan().await.plan;
    assert!(plan.drift.is_empty() && plan.steps.is_empty() && plan.gaps.is_empty(), "{}", told(&plan));
}

/// Random specs: see [`specs`].
pub(crate) const GENERATOR: Generator =
    Generator { kind: "guardrail-resource-policy", name: "payments", weight: 1, specs };

/// The spec of the resource policy of a guardrail.
fn specs() -> BoxedStrategy<Value> {
    let statement = |sid: &'static str| {
        let action = subsequence(vec!["bedrock:ApplyGuardrail", "bedrock:GetGuardrail"], 1..=2);
        let who = select(&["organization", "unit", "account"][..]);
        (proptest::option::of(Just(sid)), action, who).prop_map(|(sid, action, who)| {
            let (principal, condition) = match who {
                "organization" => (json!("*"), json!({"StringEquals": {"aws:PrincipalOrgID": "o-abcdefghij"}})),
                "unit" => {
                    let paths = json!(["o-abcdefghij/r-ab12/ou-ab12-11111111/*"]);
                    (json!("*"), json!({"ForAnyValue:StringLike": {"aws:PrincipalOrgPaths": paths}}))
                }
                _ => (json!({"AWS": "arn:aws:iam::111122223333:root"}), Value::Null),
            };
            generate::object(json!({
                "Sid": sid, "Effect": "Allow", "Principal": principal, "Action": action, "Condition": condition,
                "Resource": "arn:aws:bedrock:eu-west-1:111122223333:guardrail/a1b2c3",
            }))
        })
    };
    let statements = prop_oneof![
        statement("One").prop_map(|one| json!([one])),
        (statement("One"), statement("Two")).prop_map(|(one, two)| json!([one, two])),
    ];
    prop_oneof![
        4 => statements.prop_map(|statements| {
            json!({"resourcePolicy": {"Version": "2012-10-17", "Statement": statements}})
        }),
        1 => Just(json!({"resourcePolicy": null})),
    ]
    .boxed()
}
