//! h04: UpdateGuardrail replaces the whole DRAFT, so what a restore does not mention must be sent along
//! (kinds/guardrail/README.md, Full replacement).

use reconciler_emulator::{Edit, Effect, Fault};
use reconciler_model::codes;
use reconciler_tests::direct_client::element;
use reconciler_tests::world::{World, notes, on, paths, refusals, told};
use serde_json::{Value, json};

/// Declares no more than one filter of the guardrail that `in-sync` has; everything else is somebody else's.
const ONE_POLICY: &str = r#"
kind: guardrail
name: baseline
spec:
  contentPolicy:
    filters:
      - {type: HATE, inputStrength: HIGH, outputStrength: HIGH, inputModalities: [TEXT, IMAGE], outputModalities: [TEXT, IMAGE]}
      - {type: INSULTS, inputStrength: HIGH, outputStrength: HIGH, inputModalities: [TEXT, IMAGE], outputModalities: [TEXT, IMAGE]}
      - {type: MISCONDUCT, inputStrength: HIGH, outputStrength: HIGH}
      - {type: PROMPT_ATTACK, inputStrength: HIGH, outputStrength: NONE}
      - {type: SEXUAL, inputStrength: HIGH, outputStrength: HIGH, inputModalities: [TEXT, IMAGE], outputModalities: [TEXT, IMAGE]}
      - {type: VIOLENCE, inputStrength: HIGH, outputStrength: HIGH, inputModalities: [TEXT, IMAGE], outputModalities: [TEXT, IMAGE]}
"#;

const HATE: &str = "/contentPolicyConfig/filtersConfig/type=HATE/inputStrength";

/// AWS gives the DRAFT a member that this build does not know.
async fn plant(world: &World, pointer: &str, value: &Value) {
    let field = Effect::UnknownField { pointer: pointer.to_owned(), value: value.clone() };
    world.inject(vec![Fault::once(on("GetGuardrail"), field)]);
    world.direct_client().guardrail("baseline", "DRAFT").await;
    world.emulator.clear_faults();
}

fn mentions(policies: &str) -> String {
    format!("{ONE_POLICY}{policies}")
}

/// What a full-replace write must not lose, without what the service changes by itself.
fn content(answer: &Value) -> Value {
    fn sorted(value: &Value) -> Value {
        match value {
            Value::Array(items) => {
                let mut items: Vec<Value> = items.iter().map(sorted).collect();
                items.sort_by_key(Value::to_string);
                Value::Array(items)
            }
            Value::Object(members) => members.iter().map(|(name, member)| (name.clone(), sorted(member))).collect(),
            scalar => scalar.clone(),
        }
    }
    let mut content = sorted(answer);
    for owned in ["updatedAt", "createdAt", "status", "version"] {
        content.as_object_mut().expect("an answer").remove(owned);
    }
    content
}

/// h04. AWS guardrails-edit, c7n bedrock.py, Conformity: a remediation that sent only what it meant to change wiped
/// word lists, PII masking and the KMS key. One filter is lowered on a guardrail with every policy, a key and a profile;
/// the captured body carries all of it, and afterwards the guardrail is exactly what it was before the attack.
#[tokio::test]
async fn h04_one_changed_filter_sends_every_other_policy() {
    let world = World::small("in-sync", ONE_POLICY).await;
    world.edit_guardrail(
        "baseline",
        vec![Edit::Set(
            [
                ("/crossRegionConfig".to_owned(), json!({"guardrailProfileIdentifier": "eu.guardrail.v1:0"})),
                (
                    "/topicPolicyConfig".to_owned(),
                    json!({"topicsConfig": [{"name": "Advice", "definition": "Advice.", "type": "DENY", "examples": ["Buy?"]}],
                           "tierConfig": {"tierName": "STANDARD"}}),
                ),
                ("/wordPolicyConfig/wordsConfig".to_owned(), json!([{"text": "falcon"}])),
                (
                    "/sensitiveInformationPolicyConfig/regexesConfig".to_owned(),
                    json!([{"name": "order", "pattern": "[0-9]+", "action": "BLOCK", "description": "Orders."}]),
                ),
            ]
            .into(),
        )],
    );
    world.publish("baseline");
    world.plan_again_nothing().await;
    let before = content(&world.direct_client().guardrail("baseline", "DRAFT").await);

    world.set_guardrail("baseline", HATE, json!("NONE"));
    let plan = world.restore().await;
    assert_eq!(paths(&plan), ["contentPolicy.filters.HATE.inputStrength"]);

    let body = world.body_of("UpdateGuardrail");
    for member in [
        "/name",
        "/description",
        "/blockedInputMessaging",
        "/blockedOutputsMessaging",
        "/kmsKeyId",
        "/crossRegionConfig/guardrailProfileIdentifier",
        "/contentPolicyConfig/filtersConfig/5",
        "/contentPolicyConfig/tierConfig",
        "/topicPolicyConfig/topicsConfig/0/examples/0",
        "/topicPolicyConfig/tierConfig",
        "/wordPolicyConfig/wordsConfig/0/text",
        "/wordPolicyConfig/managedWordListsConfig/0",
        "/sensitiveInformationPolicyConfig/piiEntitiesConfig/3",
        "/sensitiveInformationPolicyConfig/regexesConfig/0/description",
        "/contextualGroundingPolicyConfig/filtersConfig/1",
    ] {
        assert!(body.pointer(member).is_some(), "{member} is not sent: {body:#}");
    }
    assert_eq!(body["kmsKeyId"], before["kmsKeyArn"]);
    let after = world.direct_client().guardrail("baseline", "DRAFT").await;
    let meaning = |mut content: Value| {
        // What the restore writes out explicitly was the default before.
        for topic in
            content["topicPolicy"]["topics"].as_array_mut().into_iter().flatten().filter_map(Value::as_object_mut)
        {
            topic.retain(|member, _| matches!(member.as_str(), "name" | "definition" | "examples" | "type"));
        }
        for list in ["/wordPolicy/words", "/sensitiveInformationPolicy/regexes", "/contentPolicy/filters"] {
            for element in content.pointer_mut(list).and_then(Value::as_array_mut).into_iter().flatten() {
                element.as_object_mut().expect("an element").retain(|member, _| {
                    matches!(member.as_str(), "text" | "name" | "pattern" | "action" | "description" | "type")
                        || member.ends_with("Strength")
                });
            }
        }
        super::carried::content(&content)
    };
    assert_eq!(meaning(content(&after)), meaning(before));
    world.plan_again_nothing().await;
}

/// h04, the other half: removing a policy is possible, but only when the declaration says so. `null` and an empty list do;
/// leaving the policy out of the declaration does not.
#[tokio::test]
async fn h04_a_policy_is_removed_only_when_the_declaration_says_so() {
    for nothing in ["  wordPolicy: null\n", "  wordPolicy: {}\n", "  wordPolicy: {words: [], managedWordLists: []}\n"] {
        let world = World::small("in-sync", &mentions(nothing)).await;
        let plan = world.plan().await.plan;
        assert!(plan.steps.is_empty(), "an element that is too many is stronger, and kept: {}", told(&plan));
        let world =
            world.declaring(&mentions(nothing).replace("name: baseline", "name: baseline\nwhenStronger: undo")).await;
        world.restore().await;
        let live = world.direct_client().guardrail("baseline", "DRAFT").await;
        assert!(
            live.get("wordPolicy").is_none_or(|policy| policy["managedWordLists"].as_array().is_none_or(Vec::is_empty)),
            "{live:#}"
        );
        assert!(
            live["sensitiveInformationPolicy"]["piiEntities"].as_array().is_some_and(|found| found.len() == 4),
            "{live:#}"
        );
        world.plan_again_nothing().await;
    }
    let world = World::small("in-sync", ONE_POLICY).await;
    world.set_guardrail("baseline", HATE, json!("LOW"));
    world.restore().await;
    let live = world.direct_client().guardrail("baseline", "DRAFT").await;
    assert_eq!(element(&live["wordPolicy"]["managedWordLists"], "type", "PROFANITY")["type"], "PROFANITY");
    world.plan_again_nothing().await;
}

/// h04 for what AWS adds next year: an element of a live list has a member that this build does not know. It is reported,
/// sent back with the restore of another field, and still there afterwards.
#[tokio::test]
async fn h04_an_unknown_member_of_an_element_is_carried_through() {
    let world = World::small("in-sync", ONE_POLICY).await;
    let pointer = "/contentPolicy/filters/type=VIOLENCE/sensitivity";
    let value = json!({"level": 3});
    plant(&world, pointer, &value).await;
    world.plan_again_nothing().await;

    // The attacker's own write drops the member; AWS puts it back.
    world.set_guardrail("baseline", HATE, json!("NONE"));
    plant(&world, pointer, &value).await;
    let plan = world.restore().await;
    assert!(notes(&plan).contains(&codes::EXTRA_CARRIED), "{}", told(&plan));
    let sent = world.body_of("UpdateGuardrail");
    assert_eq!(element(&sent["contentPolicyConfig"]["filtersConfig"], "type", "VIOLENCE")["sensitivity"], value);
    let live = world.direct_client().guardrail("baseline", "DRAFT").await;
    assert_eq!(element(&live["contentPolicy"]["filters"], "type", "VIOLENCE")["sensitivity"], value);
    world.plan_again_nothing().await;
}

/// h04 where carrying is impossible: the request calls the policies by other names than the answer, so an unknown member
/// beside the lists cannot be sent back. The write is refused with BRX1002 that names it, and no call is made.
#[tokio::test]
async fn h04_an_unknown_member_elsewhere_refuses_the_write() {
    for (pointer, path) in [("/contentPolicy/mode", "contentPolicy.mode"), ("/auditPolicy", "auditPolicy")] {
        let world = World::small("in-sync", ONE_POLICY).await;
        plant(&world, pointer, &json!("STRICT")).await;
        world.plan_again_nothing().await;

        world.set_guardrail("baseline", HATE, json!("NONE"));
        plant(&world, pointer, &json!("STRICT")).await;
        let planned = world.plan().await;
        assert_eq!(refusals(&planned.plan), [codes::EXTRA_REFUSED], "{}", told(&planned.plan));
        let refusal = planned.plan.findings.iter().find(|one| one.code == codes::EXTRA_REFUSED).expect("a finding");
        assert!(refusal.detail.contains(path), "{}", refusal.detail);
        assert_eq!(planned.plan.summary.refused, 1);
        world.apply(&planned).await;
        assert!(world.written().iter().all(|operation| operation != "UpdateGuardrail"), "{:?}", world.written());
        let live = world.direct_client().guardrail("baseline", "DRAFT").await;
        assert_eq!(live.pointer(&pointer.replace("/type=", "/")), Some(&json!("STRICT")));
        assert_eq!(refusals(&world.plan_again_no_steps().await), [codes::EXTRA_REFUSED]);
    }
}

/// h04 for tags: a restore puts the declared ones back and leaves those of others alone (compare h19).
#[tokio::test]
async fn h04_tags_of_others_are_left_alone() {
    let declared = mentions("  tags: [{key: cost-center, value: ai-platform}]\n");
    let world = World::small("in-sync", &declared).await;
    world.plan_again_nothing().await;
    let arn = world.direct_client().guardrail("baseline", "DRAFT").await["guardrailArn"].clone();
    let tags = json!([{"key": "cost-center", "value": "none"}, {"key": "team", "value": "search"}]);
    world.attack("bedrock", "TagResource", json!({"resourceARN": arn, "tags": tags}));
    let plan = world.restore().await;
    assert_eq!(paths(&plan), ["tags.cost-center.value"]);
    assert_eq!(world.written().into_iter().filter(|one| one != "AssumeRole").collect::<Vec<_>>(), ["TagResource"]);
    let sent = world.body_of("TagResource");
    assert_eq!(sent["tags"], json!([{"key": "cost-center", "value": "ai-platform"}]));
    world.plan_again_nothing().await;
}

/// What AWS adds to the top of GetGuardrail and only answers refuses every restore, until an operator names it: then it is left
/// out of what is written, and the restore goes ahead.
#[tokio::test]
async fn a_member_that_is_only_read_can_be_named_and_left_out() {
    let world = World::small("in-sync", &mentions("  ignoreUnknown: [lastEvaluatedBy]\n")).await;
    world.plan_again_nothing().await;
    world.set_guardrail("baseline", HATE, json!("NONE"));
    plant(&world, "/lastEvaluatedBy", &json!("somebody")).await;
    let plan = world.restore().await;
    assert!(refusals(&plan).is_empty(), "{}", told(&plan));
    assert!(world.body_of("UpdateGuardrail").get("lastEvaluatedBy").is_none());
    let live = world.direct_client().guardrail("baseline", "DRAFT").await;
    assert_eq!(element(&live["contentPolicy"]["filters"], "type", "HATE")["inputStrength"], "HIGH");
    world.plan_again_nothing().await;
}

/// A restore of one text sends what was answered of the rest, and none of our defaults for what was not.
#[tokio::test]
async fn h04_what_nobody_mentions_is_sent_as_it_was_answered() {
    let world =
        World::small("in-sync", "\nkind: guardrail\nname: baseline\nspec:\n  blockedInputMessaging: \"No.\"\n").await;
    let plan = world.restore().await;
    assert_eq!(paths(&plan), ["blockedInputMessaging", "publishedVersion.blockedInputMessaging"]);
    let live = world.direct_client().guardrail("baseline", "DRAFT").await;
    let body = world.body_of("UpdateGuardrail");
    for (section, list, config, request) in [
        ("contentPolicy", "filters", "contentPolicyConfig", "filtersConfig"),
        ("wordPolicy", "managedWordLists", "wordPolicyConfig", "managedWordListsConfig"),
        ("sensitiveInformationPolicy", "piiEntities", "sensitiveInformationPolicyConfig", "piiEntitiesConfig"),
    ] {
        for sent in body[config][request].as_array().expect("a list") {
            let kind = sent["type"].as_str().expect("a type");
            let answered = element(&live[section][list], "type", kind);
            let names = |one: &Value| one.as_object().expect("an element").keys().cloned().collect::<Vec<_>>();
            assert_eq!(names(sent), names(answered), "{section}.{kind}");
        }
    }
    world.plan_again_nothing().await;
}

/// Two elements of one name hide nothing: the filter beside them is drift, and all of it is put back.
#[tokio::test]
async fn one_name_twice_is_a_difference_and_no_gap() {
    let declared = mentions(
        "  sensitiveInformationPolicy:\n    regexes:\n      - {name: order, pattern: \"[0-9]+\", action: BLOCK}\n",
    );
    let world = World::small("in-sync", &declared).await;
    world.restore().await;
    world.set_guardrail("baseline", HATE, json!("NONE"));
    let twin = json!({"name": "order", "pattern": "x", "action": "NONE"});
    plant(&world, "/sensitiveInformationPolicy/regexes/-", &twin).await;
    let plan = world.restore().await;
    assert!(plan.gaps.is_empty(), "{:?}", plan.gaps);
    assert!(paths(&plan).contains(&"contentPolicy.filters.HATE.inputStrength".to_owned()), "{}", told(&plan));
    let live = world.direct_client().guardrail("baseline", "DRAFT").await;
    let patterns = live["sensitiveInformationPolicy"]["regexes"].as_array().expect("a list");
    assert_eq!(patterns.iter().map(|one| &one["pattern"]).collect::<Vec<_>>(), ["[0-9]+"]);
    world.plan_again_no_steps().await;
}
