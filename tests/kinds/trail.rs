//! Trails: what takes evidence away is put back, what belongs to others stays, and nothing is converted in silence.

use std::collections::BTreeSet;

use proptest::prelude::*;
use proptest::sample::{select, subsequence};
use reconciler_emulator::{Effect, Options};
use reconciler_kinds::KINDS;
use reconciler_model::address::Address;
use reconciler_model::codes;
use reconciler_model::desired::Source;
use reconciler_model::direction::Direction;
use reconciler_model::drift::{self, Change};
use reconciler_model::inventory::ObservedResource;
use reconciler_model::kind::{Kind, Origin, Situation};
use reconciler_model::tree;
use reconciler_tests::declarations::{of_the_repository, small, wrong_with};
use reconciler_tests::direct_client::element;
use reconciler_tests::generate::{self, Generator};
use reconciler_tests::world::{ACCOUNT, REGION, World, field, notes, on, paths, refusals, times, told};
use serde_json::{Value, json};

const NAME: &str = "bedrock-trail";

fn selector(name: &str, fields: Value) -> Value {
    let fields =
        fields.as_object().expect("fields").iter().map(|(field, values)| json!({"field": field, "equals": values}));
    json!({"name": name, "fieldSelectors": fields.collect::<Vec<_>>()})
}

fn management() -> Value {
    selector("Management events selector", json!({"eventCategory": ["Management"]}))
}

fn data(kind: &str) -> Value {
    selector(&format!("bedrock {kind}"), json!({"eventCategory": ["Data"], "resources.type": [kind]}))
}

fn of_bedrock() -> Vec<Value> {
    vec![management(), data("AWS::Bedrock::AgentAlias"), data("AWS::Bedrock::KnowledgeBase")]
}

fn spec(selectors: &[Value]) -> Value {
    json!({
        "s3BucketName": "trail-bucket", "includeGlobalServiceEvents": true, "isMultiRegionTrail": true,
        "isOrganizationTrail": true, "logFileValidationEnabled": true, "isLogging": true,
        "advancedEventSelectors": selectors, "tags": [{"key": "owner", "value": "security"}],
    })
}

fn declared(spec: &Value) -> String {
    json!({"kind": "trail", "name": NAME, "spec": spec}).to_string()
}

/// Names as the API has them: the first letter is large.
fn on_the_wire(value: &Value) -> Value {
    match value {
        Value::Object(members) => {
            let rename = |name: &String| name[..1].to_uppercase() + &name[1..];
            members.iter().map(|(name, member)| (rename(name), on_the_wire(member))).collect()
        }
        Value::Array(items) => items.iter().map(on_the_wire).collect(),
        scalar => scalar.clone(),
    }
}

fn put(world: &World, selectors: &[Value]) {
    let body = json!({"TrailName": NAME, "AdvancedEventSelectors": on_the_wire(&json!(selectors))});
    world.attack("cloudtrail", "PutEventSelectors", body);
}

async fn ask(world: &World, operation: &str, body: Value) -> Value {
    let target = format!("CloudTrail_20131101.{operation}");
    world.direct_client().ask("cloudtrail", http::Method::POST, "/", Some(&target), &body).await
}

/// A list in which order means nothing, in one order.
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

async fn live_selectors(world: &World) -> Value {
    sorted(&ask(world, "GetEventSelectors", json!({"TrailName": NAME})).await["AdvancedEventSelectors"])
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

/// A trail that is missing is created, then selects, then logs: CreateTrail starts nothing.
#[tokio::test]
async fn a_missing_trail_is_created_selects_and_logs() {
    let world = World::small("empty", &declared(&spec(&of_bedrock()))).await;
    let plan = world.restore().await;
    assert_eq!(plan.drift[0].change, Change::Missing);
    assert_eq!(writes(&world), ["CreateTrail", "PutEventSelectors", "StartLogging"]);
    assert_eq!(ask(&world, "GetTrailStatus", json!({"Name": NAME})).await["IsLogging"], true);
    let trail = &ask(&world, "GetTrail", json!({"Name": NAME})).await["Trail"];
    assert_eq!((&trail["LogFileValidationEnabled"], &trail["IsOrganizationTrail"]), (&json!(true), &json!(true)));
    assert_eq!(live_selectors(&world).await.as_array().map(Vec::len), Some(3));
    world.plan_again_nothing().await;

    // Deleted by somebody, it comes back whole.
    world.attack("cloudtrail", "DeleteTrail", json!({"Name": NAME}));
    world.restore().await;
    world.plan_again_nothing().await;
}

/// What an attacker does to a trail, one after the other: each is weakened, put back by one call, and believed after read-back.
#[tokio::test]
async fn every_attack_on_a_trail_is_undone() {
    let narrowed = selector(
        "bedrock AWS::Bedrock::AgentAlias",
        json!({"eventCategory": ["Data"], "resources.type": ["AWS::Bedrock::AgentAlias"], "readOnly": ["true"]}),
    );
    let replaced = [management(), narrowed, data("AWS::Bedrock::KnowledgeBase")];
    let selectors = |list: &[Value]| json!({"AdvancedEventSelectors": on_the_wire(&json!(list))});
    let attacks = [
        ("PutEventSelectors", selectors(&[]), "PutEventSelectors"),
        ("PutEventSelectors", selectors(&of_bedrock()[..2]), "PutEventSelectors"),
        ("PutEventSelectors", selectors(&of_bedrock()[1..]), "PutEventSelectors"),
        ("PutEventSelectors", selectors(&replaced), "PutEventSelectors"),
        ("PutEventSelectors", json!({"EventSelectors": []}), "PutEventSelectors"),
        ("StopLogging", json!({}), "StartLogging"),
        ("UpdateTrail", json!({"IsMultiRegionTrail": false, "IncludeGlobalServiceEvents": false}), "UpdateTrail"),
        ("UpdateTrail", json!({"EnableLogFileValidation": false}), "UpdateTrail"),
        ("UpdateTrail", json!({"IsOrganizationTrail": false}), "UpdateTrail"),
    ];
    let world = built(&spec(&of_bedrock())).await;
    let before = live_selectors(&world).await;
    for (operation, mut body, answer) in attacks {
        body[if operation == "PutEventSelectors" { "TrailName" } else { "Name" }] = json!(NAME);
        world.attack("cloudtrail", operation, body.clone());
        world.emulator.clear_calls();
        let plan = world.restore().await;
        assert_eq!(plan.drift[0].direction, Direction::Weakened, "{operation} {body}: {}", told(&plan));
        assert_eq!(writes(&world), [answer], "{operation} {body}");
        assert_eq!(live_selectors(&world).await, before);
        assert_eq!(ask(&world, "GetTrailStatus", json!({"Name": NAME})).await["IsLogging"], true);
        world.plan_again_nothing().await;
    }
}

/// All of it at once: settings, then selectors, then logging.
#[tokio::test]
async fn a_trail_is_put_back_in_one_chain() {
    let world = built(&spec(&of_bedrock())).await;
    put(&world, &[]);
    world.attack("cloudtrail", "StopLogging", json!({"Name": NAME}));
    world.attack(
        "cloudtrail",
        "UpdateTrail",
        json!({"Name": NAME, "IsMultiRegionTrail": false, "S3BucketName": "mine-now"}),
    );
    let plan = world.restore().await;
    assert_eq!(field(&plan, "s3BucketName").direction, Direction::Weakened);
    assert_eq!(writes(&world), ["UpdateTrail", "PutEventSelectors", "StartLogging"]);
    let sent = world.body_of("UpdateTrail");
    assert_eq!(sent, json!({"Name": NAME, "S3BucketName": "trail-bucket", "IsMultiRegionTrail": true}));
    world.plan_again_nothing().await;
}

/// h11. PutEventSelectors replaces every selector: those of others are sent along, and are afterwards exactly what they were.
#[tokio::test]
async fn h11_selectors_of_others_stay_as_they_are() {
    let others = [
        json!({"name": "buckets", "fieldSelectors": [
            {"field": "eventCategory", "equals": ["Data"]}, {"field": "resources.type", "equals": ["AWS::S3::Object"]},
            {"field": "resources.ARN", "startsWith": ["arn:aws:s3:::one/", "arn:aws:s3:::two/"]},
            {"field": "userIdentity.arn", "notStartsWith": ["arn:aws:sts::111122223333:assumed-role/ci/"]}]}),
        json!({"fieldSelectors": [
            {"field": "eventCategory", "equals": ["NetworkActivity"]}, {"field": "eventSource", "equals": ["kms.amazonaws.com"]}]}),
    ];
    let world = built(&spec(&[management()])).await;
    let all: Vec<Value> = others.iter().cloned().chain([management()]).collect();
    put(&world, &all);
    world.plan_again_nothing().await;
    let world = world.declaring(&declared(&spec(&of_bedrock()))).await;
    world.restore().await;
    let after = live_selectors(&world).await;
    for other in on_the_wire(&json!(others)).as_array().expect("others") {
        assert!(after.as_array().expect("selectors").contains(&sorted(other)), "{other} is not in {after}");
    }
    assert_eq!(after.as_array().map(Vec::len), Some(5));
    world.plan_again_nothing().await;
}

/// D1, h11. Basic selectors on a trail that is declared with advanced ones hide all that they do not record: the declared
/// ones are restored, the step says what was there, and what somebody recorded beside them is converted and kept.
#[tokio::test]
async fn d1_basic_selectors_give_way_to_the_declared_advanced_ones() {
    let nothing = json!([{"ReadWriteType": "ReadOnly", "IncludeManagementEvents": false,
        "DataResources": [{"Type": "AWS::S3::Object", "Values": ["arn:aws:s3:::nothing/"]}]}]);
    let documents = json!([{"ReadWriteType": "All", "IncludeManagementEvents": true,
        "DataResources": [{"Type": "AWS::S3::Object", "Values": ["arn:aws:s3:::documents/"]}]}]);
    for basic in [nothing, documents] {
        let world = built(&spec(&of_bedrock())).await;
        world.attack("cloudtrail", "PutEventSelectors", json!({"TrailName": NAME, "EventSelectors": basic}));
        world.emulator.clear_calls();
        let plan = world.restore().await;
        assert_eq!(plan.drift[0].direction, Direction::Weakened, "{}", told(&plan));
        let bucket = basic[0]["DataResources"][0]["Values"][0].as_str().expect("a bucket");
        assert!(
            plan.steps[0].summary.contains("replace the basic selectors") && plan.steps[0].summary.contains(bucket)
        );
        assert!(notes(&plan).contains(&codes::SELECTOR_FORM) && refusals(&plan).is_empty(), "{}", told(&plan));
        assert_eq!(writes(&world), ["PutEventSelectors"]);
        let after = live_selectors(&world).await;
        let kept = after.as_array().expect("selectors").iter().find(|one| one.to_string().contains(bucket));
        assert!(kept.is_some_and(|one| one.to_string().contains("StartsWith")), "{after}");
        assert_eq!(after.as_array().map(Vec::len), Some(4), "{after}");
        world.plan_again_nothing().await;
    }
}

/// An answer with neither list of selectors does not say that the trail selects nothing.
#[tokio::test]
async fn selectors_that_were_not_listed_are_a_gap() {
    let world = built(&spec(&of_bedrock())).await;
    let unlisted = Effect::UnknownField { pointer: "/AdvancedEventSelectors".to_owned(), value: Value::Null };
    world.inject(vec![times(1, on("GetEventSelectors"), unlisted)]);
    let plan = world.plan().await.plan;
    let told_as = plan.gaps.iter().map(|gap| gap.code.as_str()).collect::<BTreeSet<_>>();
    assert_eq!(told_as, BTreeSet::from([codes::ODD_ANSWER]), "{}", told(&plan));
    assert!(plan.drift.is_empty() && plan.steps.is_empty(), "{}", told(&plan));
    world.plan_again_nothing().await;
}

/// Beside a bucket that is put back, a trail of the organization would need a policy of that bucket which nobody declared; kept, it
/// would have the restore refused.
#[tokio::test]
async fn a_trail_that_became_the_organizations_is_put_back() {
    let mut alone = spec(&of_bedrock());
    alone["isOrganizationTrail"] = json!(false);
    let world = built(&alone).await;
    let body = json!({"Name": NAME, "S3BucketName": "mine-now", "IsOrganizationTrail": true});
    world.attack("cloudtrail", "UpdateTrail", body);
    world.emulator.clear_calls();
    let plan = world.restore().await;
    assert_eq!(field(&plan, "isOrganizationTrail").direction, Direction::Unknown, "{}", told(&plan));
    assert_eq!(world.body_of("UpdateTrail")["IsOrganizationTrail"], json!(false));
    world.plan_again_nothing().await;
}

/// D1. A selector that nobody declared cannot keep the declared ones out by filling the trail up to the limit.
#[tokio::test]
async fn d1_stuffing_a_trail_refuses_nothing() {
    let world = built(&spec(&of_bedrock())).await;
    let values: Vec<String> = (0..495).map(|number| format!("arn:aws:s3:::{number}/")).collect();
    let mut stuffed = data("AWS::S3::Object");
    stuffed["fieldSelectors"]
        .as_array_mut()
        .expect("fields")
        .push(json!({"field": "resources.ARN", "startsWith": values}));
    put(&world, &[management(), stuffed]);
    world.emulator.clear_calls();
    let plan = world.restore().await;
    assert!(notes(&plan).contains(&codes::SELECTOR_REPLACED) && refusals(&plan).is_empty(), "{}", told(&plan));
    assert_eq!(writes(&world), ["PutEventSelectors"]);
    assert_eq!(live_selectors(&world).await.as_array().map(Vec::len), Some(3));
    world.plan_again_nothing().await;
}

/// B8, h44. Whatever records at least what is declared is left as it is, in either form; what records more is stronger.
#[tokio::test]
async fn h44_selectors_that_record_more_are_kept() {
    let basic = |selectors: Value| json!({"TrailName": NAME, "EventSelectors": selectors});
    let advanced =
        |selectors: &[Value]| json!({"TrailName": NAME, "AdvancedEventSelectors": on_the_wire(&json!(selectors))});
    let all = json!([{"readWriteType": "All"}]);
    let writes_only = json!([{"readWriteType": "WriteOnly", "excludeManagementEventSources": ["kms.amazonaws.com"]}]);
    let s3 = json!([{"ReadWriteType": "All", "IncludeManagementEvents": true,
        "DataResources": [{"Type": "AWS::S3::Object", "Values": ["arn:aws:s3"]}]}]);
    let halves = json!([{"ReadWriteType": "ReadOnly"}, {"ReadWriteType": "WriteOnly"}]);
    let cases = [
        (all.clone(), basic(s3), Some(Direction::Strengthened)),
        (all.clone(), basic(halves), None),
        (all.clone(), advanced(&[management()]), None),
        (all, advanced(&of_bedrock()), Some(Direction::Strengthened)),
        (writes_only, basic(json!([{"ReadWriteType": "All"}])), Some(Direction::Strengthened)),
    ];
    for (want, live, direction) in cases {
        let mut spec = spec(&[]);
        spec["eventSelectors"] = want.clone();
        spec.as_object_mut().expect("members").remove("advancedEventSelectors");
        let world = built(&spec).await;
        world.attack("cloudtrail", "PutEventSelectors", live.clone());
        let plan = world.plan_again_no_steps().await;
        assert_eq!(plan.drift.first().map(|drift| drift.direction), direction, "{want} {live}: {}", told(&plan));
        assert!(refusals(&plan).is_empty(), "{}", told(&plan));
    }
}

/// E8, h11 the other way round: what declared basic selectors record is put back, and the advanced ones of others stay, in
/// the form that can say both.
#[tokio::test]
async fn h11_declared_basic_selectors_are_put_back_beside_advanced_ones() {
    let mut basic = spec(&[]);
    basic["eventSelectors"] = json!([]);
    let world = built(&basic).await;
    put(&world, &of_bedrock()[1..]);
    let plan = world.restore().await;
    assert_eq!(plan.drift[0].direction, Direction::Weakened, "{}", told(&plan));
    assert!(notes(&plan).contains(&codes::SELECTOR_FORM) && refusals(&plan).is_empty(), "{}", told(&plan));
    assert_eq!(live_selectors(&world).await.as_array().map(Vec::len), Some(3));
    let plan = world.plan_again_no_steps().await;
    assert_eq!(plan.drift[0].direction, Direction::Strengthened, "{}", told(&plan));
    // Nothing of value is lost with selectors that select nothing.
    put(&world, &[]);
    world.restore().await;
    world.plan_again_nothing().await;
    // What records more is replaced only where the declaration says so, and the plan says what was there.
    put(&world, &of_bedrock());
    let undo = json!({"kind": "trail", "name": NAME, "whenStronger": "undo", "spec": basic}).to_string();
    let world = world.declaring(&undo).await;
    let plan = world.restore().await;
    assert!(notes(&plan).contains(&codes::SELECTOR_FORM), "{}", told(&plan));
    world.plan_again_nothing().await;
}

/// h12. TF-aws #3697: no declared selector, and the default one reads back: no drift, in any way to declare nothing.
#[tokio::test]
async fn h12_the_default_selector_is_nothing_declared() {
    for nothing in [
        json!({}),
        json!({"advancedEventSelectors": []}),
        json!({"eventSelectors": []}),
        json!({"advancedEventSelectors": null}),
    ] {
        let mut spec = json!({"s3BucketName": "trail-bucket", "isLogging": true});
        spec.as_object_mut().expect("members").extend(nothing.as_object().cloned().expect("members"));
        let world = World::small("empty", &declared(&spec)).await;
        world.restore().await;
        world.plan_again_nothing().await;
        assert_eq!(writes(&world), ["CreateTrail", "StartLogging"], "{nothing}");
    }
}

/// h12. TF-aws PR#40629, PR#43065: fields that a tool did not know were refused or lost. They are accepted as they are.
#[tokio::test]
async fn h12_any_field_may_be_declared() {
    let mut selectors = of_bedrock();
    selectors[1]["fieldSelectors"].as_array_mut().expect("fields").extend([
        json!({"field": "userIdentity.arn", "notEquals": ["arn:aws:iam::111122223333:user/probe"]}),
        json!({"field": "sessionCredentialFromConsole", "equals": ["true"]}),
        json!({"field": "vpcEndpointId", "startsWith": ["vpce-"], "endsWith": ["0"]}),
    ]);
    let world = built(&spec(&selectors)).await;
    put(&world, &of_bedrock());
    // Without the fields more is recorded than declared: that is kept.
    let plan = world.plan_again_no_steps().await;
    assert_eq!(paths(&plan), ["advancedEventSelectors.Data/AWS::Bedrock::AgentAlias"]);
    assert_eq!(plan.drift[0].direction, Direction::Strengthened);
}

/// Another name selects the same: the difference is neutral. Prowler wants one exact name, so it is put back.
#[tokio::test]
async fn the_name_of_a_selector_is_cosmetic() {
    let world = built(&spec(&of_bedrock())).await;
    let mut renamed = of_bedrock();
    renamed[0]["name"] = json!("other");
    put(&world, &renamed);
    let plan = world.restore().await;
    assert_eq!(plan.drift[0].direction, Direction::Neutral, "{}", told(&plan));
    let names = live_selectors(&world).await;
    assert!(element(&names, "Name", "Management events selector").is_object(), "{names}");
    world.plan_again_nothing().await;
}

/// A trail is changed at home only. Declared where only its shadow is, it is a gap: no second trail is created.
#[tokio::test]
async fn the_shadow_of_a_trail_is_not_created_again() {
    let text = declared(&spec(&of_bedrock())).replace(NAME, "org-bedrock-trail");
    let world = World::small("in-sync", &text).await;
    let plan = world.plan_again_no_steps().await;
    assert_eq!(
        plan.gaps.iter().map(|gap| gap.code.as_str()).collect::<Vec<_>>(),
        [codes::HOME_ELSEWHERE],
        "{}",
        told(&plan)
    );
}

/// The organization trail of the scenarios, as it would be declared.
/// The organization trail of the scenarios is in sync as it stands; emptied, half restored and stopped, it comes back.
#[tokio::test]
async fn the_organization_trail_is_restored_in_one_run() {
    let of_trails = |file: &Source| file.file == "organization.yaml" || file.file.starts_with("trail/");
    let sources: Vec<_> = of_the_repository().into_iter().filter(of_trails).collect();
    World::open("in-sync", Options::default(), &sources).await.plan_again_nothing().await;
    let world = World::open("aws-genai-05", Options::default(), &sources).await;
    let plan = world.restore().await;
    assert_eq!(paths(&plan), ["advancedEventSelectors.Data/AWS::Bedrock::AgentAlias", "isLogging"]);
    assert_eq!(plan.drift[0].direction, Direction::Weakened);
    assert_eq!(writes(&world), ["PutEventSelectors", "StartLogging"]);
    world.plan_again_nothing().await;
}

/// Tags of others are left alone.
#[tokio::test]
async fn only_declared_tags_of_a_trail_are_put_back() {
    let world = built(&spec(&of_bedrock())).await;
    let arn = format!("arn:aws:cloudtrail:{REGION}:{ACCOUNT}:trail/{NAME}");
    let tags = json!([{"Key": "owner", "Value": "nobody"}, {"Key": "team", "Value": "search"}]);
    world.attack("cloudtrail", "AddTags", json!({"ResourceId": arn, "TagsList": tags}));
    let plan = world.restore().await;
    assert_eq!(paths(&plan), ["tags.owner.value"]);
    assert_eq!(world.body_of("AddTags")["TagsList"], json!([{"Key": "owner", "Value": "security"}]));
    world.plan_again_nothing().await;
}

/// What the service would reject, and what would lose the management events, is found while loading.
#[test]
fn limits_of_trails_are_diagnostics() {
    let with = |selectors: Value| json!({"s3BucketName": "trail-bucket", "advancedEventSelectors": selectors});
    let typed = |kind: &str| with(json!([management(), data(kind)]));
    let values = |count: usize| {
        let mut one = data("AWS::S3::Object");
        let values: Vec<String> = (0..count).map(|number| format!("arn:aws:s3:::{number}/")).collect();
        one["fieldSelectors"]
            .as_array_mut()
            .expect("fields")
            .push(json!({"field": "resources.ARN", "startsWith": values}));
        with(json!([management(), one]))
    };
    let field = |field: Value| {
        let mut one = data("AWS::S3::Object");
        one["fieldSelectors"].as_array_mut().expect("fields").push(field);
        with(json!([management(), one]))
    };
    let elsewhere = json!({"managementEventsElsewhere": true, "advancedEventSelectors": [data("AWS::Bedrock::Model")]});
    let cases = [
        (typed("AWS::Bedrock::AgentAlias"), None),
        (typed("AWS::Bedrock::Session"), None),
        (typed("other:AWS::Bedrock::NewThing"), None),
        (typed("AWS::S3::Object"), None),
        (typed("AWS::Bedrock::Prompt"), Some(codes::DATA_TYPE)),
        (typed("other:AWS::Bedrock::Prompt"), Some(codes::DATA_TYPE)),
        (typed("AWS::Bedrock::InvokeModel"), Some(codes::DATA_TYPE)),
        (typed("AWS::Bedrock::InvokeAgent"), Some(codes::DATA_TYPE)),
        (typed("AWS::Bedrock::AgentAlia"), Some(codes::DATA_TYPE)),
        (with(json!([data("AWS::Bedrock::Model")])), Some(codes::MANAGEMENT_EVENTS_LOST)),
        (elsewhere, None),
        (json!({"eventSelectors": null}), Some(codes::MANAGEMENT_EVENTS_LOST)),
        (json!({"eventSelectors": [{"includeManagementEvents": false}]}), Some(codes::MANAGEMENT_EVENTS_LOST)),
        (json!({"eventSelectors": [{}], "advancedEventSelectors": [management()]}), Some(codes::CONTRADICTION)),
        (values(497), None),
        (values(498), Some(codes::LIMIT)),
        (field(json!({"field": "readOnly"})), Some(codes::LIMIT)),
        (field(json!({"field": "resources.type", "equals": ["AWS::S3::Object"]})), Some(codes::REPEATED_ELEMENT)),
        (with(json!([management(), management()])), Some(codes::REPEATED_ELEMENT)),
        (with(json!([management(), selector("x", json!({"eventCategory": ["Dta"]}))])), Some(codes::UNKNOWN_WORD)),
        (with(json!([management(), selector("x", json!({"eventCategory": ["Data"]}))])), Some(codes::LIMIT)),
        (json!({"isMultiRegionTrail": true, "includeGlobalServiceEvents": false}), Some(codes::CONTRADICTION)),
        (json!({"kmsKeyId": "alias/trail"}), Some(codes::WRONG_SHAPE)),
        (
            json!({"cloudWatchLogsLogGroupArn": "arn:aws:logs:eu-west-1:111122223333:log-group:x"}),
            Some(codes::WRONG_SHAPE),
        ),
        (json!({"enableLogFileValidation": true}), Some(codes::REQUEST_SIDE_NAME)),
        (json!({"s3BucketName": null}), Some(codes::CONTRADICTION)),
    ];
    for (spec, code) in cases {
        let found: Vec<String> = wrong_with(&declared(&spec)).into_iter().map(|(code, _)| code).collect();
        assert_eq!(found, code.into_iter().map(str::to_owned).collect::<Vec<_>>(), "{spec}");
    }
}

fn selectors() -> impl Strategy<Value = Vec<Value>> {
    const KINDS: &[&str] =
        &["AWS::Bedrock::AgentAlias", "AWS::Bedrock::Model", "AWS::Bedrock::Guardrail", "AWS::S3::Object"];
    let further = || {
        subsequence(
            vec![
                json!({"field": "readOnly", "equals": ["true"]}),
                json!({"field": "eventName", "notEquals": ["GetObject", "InvokeAgent"]}),
                json!({"field": "resources.ARN", "startsWith": ["arn:aws:s3:::one/", "arn:aws:s3:::two/"], "endsWith": ["x"]}),
            ],
            0..=2,
        )
    };
    subsequence(KINDS.to_vec(), 0..=KINDS.len()).prop_flat_map(move |kinds| {
        let each: Vec<_> = kinds.into_iter().map(|kind| (Just(kind), further()).boxed()).collect();
        (each, select(vec!["one", "two", ""])).prop_map(|(each, name)| {
            let narrowed = each.into_iter().map(|(kind, further)| {
                let mut one = data(kind);
                one["name"] = json!(name);
                one["fieldSelectors"].as_array_mut().expect("fields").extend(further);
                one
            });
            std::iter::once(management()).chain(narrowed).collect()
        })
    })
}

/// Random trails.
pub(crate) const GENERATOR: Generator = Generator { kind: "trail", name: NAME, weight: 2, specs };

fn specs() -> BoxedStrategy<Value> {
    (selectors(), proptest::collection::vec(any::<bool>(), 6), select(vec!["", "audit"]))
        .prop_map(|(selectors, flags, prefix)| {
            json!({
                "s3BucketName": if flags[0] { "one-bucket" } else { "two-bucket" }, "s3KeyPrefix": prefix,
                "includeGlobalServiceEvents": flags[1] || flags[2], "isMultiRegionTrail": flags[1],
                "logFileValidationEnabled": flags[3], "recursiveLogging": flags[4], "isLogging": flags[5],
                "advancedEventSelectors": selectors, "tags": [],
            })
        })
        .boxed()
}

fn kind() -> &'static dyn Kind {
    *KINDS.iter().find(|kind| kind.name() == "trail").expect("the kind")
}

fn normal(spec: &Value, origin: Origin) -> Value {
    let normalised = kind().normalise(spec, origin);
    assert!(normalised.problems.is_empty() && normalised.unknown.is_empty(), "{normalised:?}");
    normalised.tree
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 96, failure_persistence: None, ..ProptestConfig::default() })]

    /// In any order of selectors, fields and values a trail is the same; what `export` prints is it too; and it has no steps.
    #[test]
    fn a_trail_in_any_order_is_the_same(spec in specs(), seed in any::<u64>()) {
        let (live, want) = (normal(&generate::shuffled(&spec, seed), Origin::Live), normal(&spec, Origin::Declared));
        let managed = drift::managed_part(kind(), &live, &want);
        prop_assert_eq!(tree::differences(&managed, &want, &[]), vec![]);
        let again = normal(&kind().declare(&live).expect("a spec"), Origin::Declared);
        prop_assert_eq!(tree::differences(&drift::managed_part(kind(), &live, &again), &again, &[]), vec![]);
        let address =
            Address { account: "management".into(), region: REGION.into(), kind: "trail".into(), name: NAME.into() };
        let observed = ObservedResource {
            address, tree: live, unknown_fields: Default::default(), external_id: Value::Null, private_state: Value::Null, settled: true,
            unread: Default::default(),
            beside: Value::Null,
        };
        let situation =
            Situation { live: Some(&observed), target: &want, differs: &[], name: NAME, region: REGION, may_delete_versions: false, scope_context: &Value::Null };
        let proposal = kind().steps(&situation);
        prop_assert!(proposal.steps.is_empty() && proposal.refusals.is_empty());
    }

    /// Swapping live and desired swaps weakened and strengthened.
    #[test]
    fn directions_of_trails_are_antisymmetric(one in specs(), two in specs()) {
        use Direction::*;
        let (one, two) = (normal(&one, Origin::Live), normal(&two, Origin::Live));
        for found in tree::differences(&one, &two, &[]) {
            let there = kind().direction(&found.path, found.left.as_ref(), found.right.as_ref());
            let back = kind().direction(&found.path, found.right.as_ref(), found.left.as_ref());
            // Each of two selectors may lack what the other records, and each of two buckets is not the other.
            let may_be_lost_both_ways = ["advancedEventSelectors", "s3BucketName"].map(Some).contains(&found.path.head());
            let is_lost_both_ways = may_be_lost_both_ways && found.left.is_some() && found.right.is_some();
            let fits = matches!((there, back), (Weakened, Strengthened) | (Strengthened, Weakened))
                || there == back && (there != Weakened || is_lost_both_ways);
            prop_assert!(fits, "{}: {:?} and {:?}", found.path, there, back);
        }
    }
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 24, failure_persistence: None, ..ProptestConfig::default() })]

    /// Random drift through the API is undone in one run, but for what is stronger and may stay.
    #[test]
    fn random_drift_of_a_trail_is_undone_in_one_run(seed in any::<u64>(), want in specs(), live in specs(), undo in any::<bool>()) {
        let story = async {
            let mode = if undo { "undo" } else { "report" };
            let text = generate::declaration("trail", NAME, &want, mode);
            let world = World::open("empty", Options { seed, ..Options::default() }, &small(&text)).await;
            world.restore().await;
            world.plan_again_nothing().await;
            put(&world, live["advancedEventSelectors"].as_array().expect("selectors"));
            let logging = if live["isLogging"] == true { "StartLogging" } else { "StopLogging" };
            world.attack("cloudtrail", logging, json!({"Name": NAME}));
            let update = json!({
                "Name": NAME, "S3BucketName": live["s3BucketName"], "S3KeyPrefix": live["s3KeyPrefix"],
                "IncludeGlobalServiceEvents": live["includeGlobalServiceEvents"],
                "IsMultiRegionTrail": live["isMultiRegionTrail"], "RecursiveLogging": live["recursiveLogging"],
                "EnableLogFileValidation": live["logFileValidationEnabled"],
            });
            world.attack("cloudtrail", "UpdateTrail", update);
            world.restore().await;
            let plan = world.plan_again_no_steps().await;
            assert!(refusals(&plan).is_empty(), "{}", told(&plan));
            for field in plan.drift.iter().flat_map(|drift| &drift.fields) {
                assert!(!undo && field.kept && field.direction == Direction::Strengthened, "{}", told(&plan));
            }
        };
        tokio::runtime::Builder::new_current_thread().enable_all().build().expect("a runtime").block_on(story);
    }
}
