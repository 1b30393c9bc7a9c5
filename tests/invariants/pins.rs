//! Pins: what an alias, a tag or a name led to is what declarations are held to, whoever lets it lead elsewhere.

use std::collections::BTreeSet;

use reconciler_aws::client::LookedUp;
use reconciler_emulator::{Accounts, Edit, Effect, Fault, Match, Step};
use reconciler_model::address::Address;
use reconciler_model::codes;
use reconciler_model::control::AlertClass;
use reconciler_model::desired::{PINS_FILE, Pins};
use reconciler_model::direction::Direction;
use reconciler_model::drift::{Change, Drift};
use reconciler_model::permit::Approval;
use reconciler_model::plan::{Plan, Severity};
use reconciler_tests::declarations::{of_the_repository, small, source};
use reconciler_tests::world::{ACCOUNT, REGION, World, field, on, refusals, step, told};
use serde_json::{Value, json};

const PLACE: &str = "management/eu-west-1";

/// The desired state of the repository over a world that fulfils it, with the pins that this world has.
async fn pinned() -> World {
    let world = World::whole("in-sync").await;
    world.plan_again_nothing().await;
    world.emulator.clear_calls();
    world
}

/// The file that is shipped is what `pin` writes over the world that fulfils the declarations.
#[tokio::test]
async fn the_shipped_pins_are_those_of_the_world_in_sync() {
    let world = World::whole("in-sync").await;
    let mut pins = Pins::default();
    for pointer in world.follow_pointers().await {
        let Ok(LookedUp::Is(value)) = pointer.leads else { panic!("{pointer:?}") };
        let scope = &pointer.scope;
        pins.set(&scope.account, &scope.account_id, &scope.region, &pointer.key, value);
    }
    let shipped = of_the_repository().into_iter().find(|source| source.file == PINS_FILE).expect("pins");
    let shipped = String::from_utf8(shipped.content.expect("a file")).expect("a text");
    // All that is declared was there when it was written.
    for wanted in world.desired.wanted() {
        let Address { account, region, kind, name } = &wanted.address;
        pins.adopt(account, &wanted.account_id, region, format!("{kind}/{name}"));
    }
    assert_eq!(shipped, pins.to_text().expect("YAML"));
}

fn drifted(plan: &Plan) -> BTreeSet<String> {
    plan.drift.iter().map(|drift| drift.address.to_string()).collect()
}

fn writes(world: &World) -> Vec<String> {
    world.written().into_iter().filter(|one| one != "AssumeRole").collect()
}

async fn kms(world: &World, operation: &str, body: Value) -> Value {
    let target = format!("TrentService.{operation}");
    world.direct_client().ask("kms", http::Method::POST, "/", Some(&target), &body).await
}

async fn keys(world: &World) -> BTreeSet<String> {
    let answer = kms(world, "ListKeys", json!({})).await;
    answer["Keys"]
        .as_array()
        .expect("keys")
        .iter()
        .map(|key| key["KeyId"].as_str().expect("an id").to_owned())
        .collect()
}

/// The attacker's key has the same policy: only the pin tells that it is another one.
#[tokio::test]
async fn an_alias_that_points_elsewhere_is_pointed_back_and_nothing_follows_it() {
    let world = pinned().await;
    let alias = "alias/bedrock-logs";
    let policy = kms(&world, "GetKeyPolicy", json!({"KeyId": alias_target(&world, alias).await})).await;
    let before = keys(&world).await;
    world.attack("kms", "CreateKey", json!({"Policy": policy["Policy"]}));
    let other = keys(&world).await.difference(&before).next().expect("a key").clone();
    world.attack("kms", "UpdateAlias", json!({"AliasName": alias, "TargetKeyId": other}));
    world.emulator.clear_calls();

    let plan = world.plan().await.plan;
    let expected = [format!("{PLACE}/kms-key/{alias}"), format!("{PLACE}/pin/kms:{alias}")];
    assert_eq!(drifted(&plan), expected.into(), "{}", told(&plan));
    assert_eq!(field(&plan, "targetKeyId").direction, Direction::Weakened);
    let pin = plan.drift.iter().find(|drift| drift.kind == "pin").expect("a pin");
    assert_eq!(pin.alerts.first().map(|alert| alert.class), Some(AlertClass::Page), "{pin:?}");
    assert!(pin.declared_at.as_ref().is_some_and(|at| at.starts_with(PINS_FILE)), "{pin:?}");

    world.converge(Approval::Operator).await.expect("approved");
    assert_eq!(writes(&world), ["UpdateAlias"]);
    world.plan_again_nothing().await;

    world.attack("kms", "DeleteAlias", json!({ "AliasName": alias }));
    world.emulator.clear_calls();
    world.converge(Approval::Operator).await.expect("approved");
    assert_eq!(writes(&world), ["CreateAlias"]);
    world.plan_again_nothing().await;
}

async fn alias_target(world: &World, alias: &str) -> Value {
    kms(world, "DescribeKey", json!({ "KeyId": alias })).await["KeyMetadata"]["KeyId"].clone()
}

/// Nothing points a tag back: it pages in each plan, and no endpoint moves.
#[tokio::test]
async fn a_tag_that_another_subnet_has_moves_no_endpoint() {
    let world = pinned().await;
    let tags = |name: &str| json!([{"Key": "Name", "Value": name}]);
    let taken = json!({"VpcId": "${vpc:bedrock}", "CidrBlock": "10.0.99.0/24", "AvailabilityZone": "eu-west-1c",
        "TagSpecifications": [{"ResourceType": "subnet", "Tags": tags("taken")}]});
    world.attack("ec2", "CreateSubnet", taken);
    // Two have the name, then one other.
    for edit in [json!({"Resources": ["${subnet:taken}"], "Tags": tags("bedrock-a")}), Value::Null] {
        if edit.is_null() {
            let kept = &world.wanted.iter().find_map(|one| one.pins.iter().find(|(of, _)| of.key == "bedrock-a"));
            let kept = kept.map(|(_, pin)| pin.value.clone()).expect("a pin");
            world.attack("ec2", "CreateTags", json!({"Resources": [kept], "Tags": tags("no more")}));
        } else {
            world.attack("ec2", "CreateTags", edit);
        }
        for _ in 0..2 {
            let plan = world.plan().await.plan;
            assert_eq!(drifted(&plan), [format!("{PLACE}/pin/subnet:bedrock/bedrock-a")].into(), "{}", told(&plan));
            assert!(plan.steps.is_empty() && plan.gaps.is_empty() && plan.diagnostics.is_empty(), "{}", told(&plan));
            assert_eq!(plan.drift[0].alerts.first().map(|alert| alert.class), Some(AlertClass::Page));
        }
    }
}

/// Callers name the guardrail by its id: it is named back and restored, and no other one takes its place.
#[tokio::test]
async fn a_guardrail_that_was_renamed_is_named_back() {
    let world = pinned().await;
    let set = [
        ("/name".to_owned(), json!("baseline-old")),
        ("/contentPolicyConfig/filtersConfig/type=HATE/inputStrength".to_owned(), json!("NONE")),
    ];
    world.edit_guardrail("baseline", vec![Edit::Set(set.into())]);
    world.emulator.clear_calls();
    let plan = world.plan().await.plan;
    assert_eq!(drifted(&plan), [format!("{PLACE}/guardrail/baseline")].into(), "{}", told(&plan));
    let name = field(&plan, "name");
    assert_eq!(
        (&name.live, &name.want, name.direction),
        (&json!("baseline-old"), &json!("baseline"), Direction::Weakened)
    );
    world.converge(Approval::Operator).await.expect("approved");
    assert!(!writes(&world).iter().any(|one| one == "CreateGuardrail"), "{:?}", writes(&world));
    world.plan_again_nothing().await;
}

/// A guardrail that is named as another one, and blocks nothing but a word.
fn namesake() -> Value {
    json!({"name": "baseline", "blockedInputMessaging": "no", "blockedOutputsMessaging": "no",
        "wordPolicyConfig": {"wordsConfig": [{"text": "a"}]}})
}

/// The name is given once: the content does not wait for it, nor what needs the content. The name pages until the twin is gone.
#[tokio::test]
async fn a_twin_does_not_keep_a_renamed_guardrail_from_being_restored() {
    let world = pinned().await;
    world.set_guardrail("baseline", "/contentPolicyConfig/filtersConfig/type=HATE/inputStrength", json!("NONE"));
    world.publish("baseline");
    world.set_guardrail("baseline", "/name", json!("baseline-old"));
    world.attack("bedrock", "CreateGuardrail", namesake());
    let address = format!("{PLACE}/guardrail/baseline");
    for is_restored in [false, true, true] {
        let plan = world.plan().await.plan;
        let drift = plan.drift.iter().find(|drift| drift.address.to_string() == address);
        let drift = drift.unwrap_or_else(|| panic!("{}", told(&plan)));
        assert_eq!(drift.alerts.first().map(|alert| alert.class), Some(AlertClass::Page), "{drift:?}");
        assert_eq!(field(&plan, "name").direction, Direction::Weakened);
        assert_eq!(drift.fields.len() == 1, is_restored, "{}", told(&plan));
        assert_eq!(plan.steps.is_empty(), is_restored, "{}", told(&plan));
        let taken: Vec<_> = plan.findings.iter().filter(|one| one.code == codes::NAME_TAKEN).collect();
        let [taken] = &taken[..] else { panic!("{}", told(&plan)) };
        assert_eq!((taken.severity, taken.address.to_string()), (Severity::Refused, address.clone()));
        let rows = guardrails(&world).await;
        assert!(rows.iter().any(|(id, name)| name == "baseline" && taken.detail.contains(id)), "{taken:?} {rows:?}");
        let converged = world.converge(Approval::Operator).await.expect("approved");
        assert!(converged.rounds.iter().all(|round| round.applied.not_verified() == 0), "{}", told(&plan));
    }
    world.attack("bedrock", "DeleteGuardrail", json!({"guardrailIdentifier": "guardrail:baseline"}));
    world.converge(Approval::Operator).await.expect("approved");
    world.plan_again_nothing().await;
}

/// Who can make the restore of a guardrail fail keeps no policy from being attached: not where its content is as declared, nor
/// where it is not and nobody is harmed by it. The content waits only for what has to be made.
#[tokio::test]
async fn attaching_a_policy_waits_for_no_other_resource() {
    let attack = |service: &str, account: &str, operation: &str, body: Value| Step {
        accounts: Accounts::Named(vec![account.to_owned()]),
        regions: Some(vec!["us-east-1".to_owned()]),
        ..step(service, operation, body, Vec::new())
    };
    let scp =
        json!({"Version": "2012-10-17", "Statement": [{"Effect": "Deny", "Action": "gamelift:*", "Resource": "*"}]});
    for content in [None, Some(scp.to_string())] {
        let world = pinned().await;
        let policy = "${policy:bedrock-guardrails}";
        if let Some(content) = &content {
            let weak = json!({"guardrailIdentifier": "guardrail:payments", "name": "payments", "blockedInputMessaging": "x",
                "blockedOutputsMessaging": "y", "wordPolicyConfig": {"wordsConfig": [{"text": "z"}]}});
            world.play(attack("bedrock", "prod", "UpdateGuardrail", weak));
            let body = json!({"PolicyId": policy, "Content": content});
            world.play(attack("organizations", "management", "UpdatePolicy", body));
        } else {
            let gone = json!({"guardrailIdentifier": "guardrail:payments"});
            world.play(attack("bedrock", "prod", "DeleteGuardrail", gone));
        }
        let body = json!({"PolicyId": policy, "TargetId": "${ou:Workloads}"});
        world.play(attack("organizations", "management", "DetachPolicy", body));
        let error = |operation| {
            let (code, message) = ("ConflictException".to_owned(), "taken".to_owned());
            Fault::always(on(operation), Effect::Error { code, status: 409, message })
        };
        world.inject(vec![error("CreateGuardrail"), error("UpdateGuardrail")]);
        let plan = world.plan().await.plan;
        let of_policy: Vec<_> =
            plan.steps.iter().filter(|step| step.address.kind == "service-control-policy").collect();
        assert_eq!((of_policy[0].action.as_str(), of_policy[0].needs.len()), ("attach", 0), "{}", told(&plan));
        // What is there already is not waited for, and neither does the content need that the policy is attached.
        assert!(of_policy.iter().all(|step| step.needs.is_empty()), "{of_policy:?}");
        world.emulator.clear_calls();
        world.converge(Approval::Operator).await.expect("approved");
        let written = writes(&world);
        assert!(written.contains(&"AttachPolicy".to_owned()), "{written:?}");
        assert_eq!(written.contains(&"UpdatePolicy".to_owned()), content.is_some(), "{written:?}");
        world.emulator.clear_faults();
        world.converge(Approval::Operator).await.expect("approved");
        let plan = world.plan().await.plan;
        assert!(plan.drift.is_empty() && plan.steps.is_empty(), "{}", told(&plan));
    }
}

/// KMS points no alias to a key that waits for its deletion, and the plan would not see it behind another one.
#[tokio::test]
async fn a_key_that_waits_for_its_deletion_is_saved_behind_another_alias() {
    let alias = "alias/bedrock-logs";
    for moved in [true, false] {
        let world = pinned().await;
        let key = alias_target(&world, alias).await;
        world.attack("kms", "ScheduleKeyDeletion", json!({"KeyId": key, "PendingWindowInDays": 7}));
        if moved {
            let other = alias_target(&world, "alias/bedrock-guardrails").await;
            world.attack("kms", "UpdateAlias", json!({"AliasName": alias, "TargetKeyId": other}));
        } else {
            world.attack("kms", "DeleteAlias", json!({ "AliasName": alias }));
        }
        let metadata = &kms(&world, "DescribeKey", json!({ "KeyId": key })).await["KeyMetadata"];
        let seconds = metadata["DeletionDate"].as_f64().expect("a date") as i64;
        let date = jiff::Timestamp::from_second(seconds).expect("a time").to_string();
        let address = format!("{PLACE}/kms-key/{alias}");
        let plan = world.plan().await.plan;
        let note = plan.findings.iter().find(|one| one.code == codes::KEY_PENDING_DELETION);
        assert!(note.is_some_and(|note| note.detail.contains(&date)), "{}", told(&plan));
        assert!(plan.drift.iter().any(|drift| drift.address.to_string() == address), "{}", told(&plan));
        let first = reconciler_model::alert::first(&plan.drift).map(|alert| alert.class);
        assert_eq!(first, Some(AlertClass::Page), "{}", told(&plan));
        world.emulator.clear_calls();
        let converged = world.converge(Approval::Operator).await.expect("approved");
        assert!(converged.rounds.iter().all(|round| round.applied.not_verified() == 0), "{}", told(&plan));
        let put = if moved { "UpdateAlias" } else { "CreateAlias" };
        assert_eq!(writes(&world), ["CancelKeyDeletion", "EnableKey", put]);
        world.plan_again_nothing().await;
        assert_eq!(alias_target(&world, alias).await, key);
    }
}

/// No call brings a key back: none is made, and why is told until it is decided what the alias shall lead to.
#[tokio::test]
async fn a_pinned_key_that_is_gone_is_refused_with_the_reason() {
    let alias = "alias/bedrock-logs";
    for moved in [true, false] {
        let mut world = pinned().await;
        let address = format!("{PLACE}/kms-key/{alias}");
        for one in world.wanted.iter_mut().filter(|one| one.address.to_string() == address) {
            one.pin.as_mut().expect("a pin").value = "00000000-0000-0000-0000-000000000000".to_owned();
        }
        if !moved {
            world.attack("kms", "DeleteAlias", json!({ "AliasName": alias }));
        }
        world.emulator.clear_calls();
        for _ in 0..2 {
            world.converge(Approval::Operator).await.expect("approved");
            assert!(writes(&world).is_empty(), "{:?}", writes(&world));
            let plan = world.plan().await.plan;
            assert!(refusals(&plan).contains(&codes::PINNED_GONE) && plan.steps.is_empty(), "{}", told(&plan));
            assert!(plan.drift.iter().any(|drift| drift.address.to_string() == address), "{}", told(&plan));
            let first = reconciler_model::alert::first(&plan.drift).map(|alert| alert.class);
            assert_eq!(first, Some(AlertClass::Page), "{}", told(&plan));
        }
    }
}

async fn guardrails(world: &World) -> Vec<(String, String)> {
    let answer = world.direct_client().ask("bedrock", http::Method::GET, "/guardrails", None, &Value::Null).await;
    let text = |row: &Value, member: &str| row[member].as_str().expect("a text").to_owned();
    answer["guardrails"].as_array().expect("rows").iter().map(|row| (text(row, "id"), text(row, "name"))).collect()
}

/// What this tool made in the place of what is gone is followed in the same run, by whatever refers to it; that the pin is stale is
/// a ticket, and everything is in sync.
#[tokio::test]
async fn a_successor_that_this_tool_made_is_followed_and_the_stale_pin_is_a_ticket() {
    let world = pinned().await;
    world.attack("bedrock", "DeleteGuardrail", json!({"guardrailIdentifier": "guardrail:baseline"}));
    world.plan().await;
    assert!(
        world
            .plan()
            .await
            .plan
            .drift
            .iter()
            .any(|drift| drift.address.to_string() == format!("{PLACE}/guardrail/baseline"))
    );
    world.converge(Approval::Operator).await.expect("approved");
    for _ in 0..2 {
        let plan = world.plan().await.plan;
        assert!(plan.drift.is_empty() && plan.gaps.is_empty() && plan.steps.is_empty(), "{}", told(&plan));
        let stale: Vec<_> = plan.findings.iter().filter(|finding| finding.code == codes::STALE_PIN).collect();
        let [stale] = &stale[..] else { panic!("{}", told(&plan)) };
        assert_eq!(stale.address.to_string(), format!("{PLACE}/guardrail/baseline"));
        assert_eq!(stale.alerts.first().map(|alert| alert.class), Some(AlertClass::Ticket), "{stale:?}");
    }
}

/// Whoever can delete a guardrail can put another in its place. It is not taken for the lost one: nothing refers to it, and the
/// page stays.
#[tokio::test]
async fn a_successor_that_somebody_else_made_is_never_followed() {
    let world = pinned().await;
    world.attack("bedrock", "DeleteGuardrail", json!({"guardrailIdentifier": "guardrail:baseline"}));
    world.attack("bedrock", "CreateGuardrail", namesake());
    for _ in 0..2 {
        let plan = world.plan().await.plan;
        let drift = plan.drift.iter().find(|drift| drift.address.to_string() == format!("{PLACE}/guardrail/baseline"));
        let drift = drift.unwrap_or_else(|| panic!("{}", told(&plan)));
        assert_eq!(drift.change, Change::Missing);
        assert_eq!(drift.alerts.first().map(|alert| alert.class), Some(AlertClass::Page));
        world.emulator.clear_calls();
        world.converge(Approval::Operator).await.expect("approved");
        assert!(writes(&world).is_empty(), "{:?}", writes(&world));
        let plan = world.plan().await.plan;
        assert!(refusals(&plan).contains(&codes::NAME_TAKEN), "{}", told(&plan));
    }
}

/// Where it is not known whether a guardrail was made, the call is repeated with its token, and the service tells: what somebody
/// else put under the name meanwhile is not taken for ours.
#[tokio::test]
async fn what_somebody_else_made_is_not_followed_while_a_create_is_in_doubt() {
    for is_ours in [false, true] {
        let world = pinned().await;
        world.attack("bedrock", "DeleteGuardrail", json!({"guardrailIdentifier": "guardrail:baseline"}));
        // It is made, or never reaches the service; no answer comes, and no read shows it.
        let then = if is_ours { Effect::LostResponse } else { Effect::DropRequest };
        let mut faults = vec![Fault::always(on("CreateGuardrail"), then)];
        if is_ours {
            faults.push(Fault::always(on("GetGuardrail"), Effect::Deny));
        }
        let planned = world.plan().await;
        world.inject(faults);
        world.apply(&planned).await;
        world.emulator.clear_faults();
        if !is_ours {
            world.attack("bedrock", "CreateGuardrail", namesake());
        }
        // A list may lag by a read.
        guardrails(&world).await;
        let before: Vec<(String, String)> = guardrails(&world).await;
        let [(id, _)] = &before.iter().filter(|(_, name)| name == "baseline").collect::<Vec<_>>()[..] else {
            panic!("{before:?}")
        };
        let plan = world.plan().await.plan;
        let address = format!("{PLACE}/guardrail/baseline");
        assert!(plan.drift.iter().any(|one| one.address.to_string() == address && one.change == Change::Missing));
        world.emulator.clear_calls();
        world.converge(Approval::Operator).await.expect("approved");
        let plan = world.plan().await.plan;
        let is_open = plan.drift.iter().any(|one| one.address.to_string() == address);
        assert_eq!(is_open, !is_ours, "{}", told(&plan));
        if !is_ours {
            let touched =
                writes(&world).into_iter().any(|one| one == "UpdateGuardrail" || one == "CreateGuardrailVersion");
            assert!(!touched, "{id} is somebody else's: {:?}", writes(&world));
            assert!(refusals(&plan).contains(&codes::NAME_TAKEN), "{}", told(&plan));
        }
        assert_eq!(guardrails(&world).await.len(), before.len());
    }
}

/// A pinned guardrail that cannot be read hides what its name leads to, and no other one.
#[tokio::test]
async fn a_stale_pin_that_cannot_be_followed_hides_no_other_guardrail() {
    let world = pinned().await;
    let of = |name: &str| json!({"guardrailIdentifier": format!("guardrail:{name}")});
    world.play(elsewhere(PROD, "bedrock", "DeleteGuardrail", of("payments"), Vec::new()));
    world.converge(Approval::Operator).await.expect("approved");
    let weak = ("/contentPolicyConfig/filtersConfig/type=HATE/inputStrength".to_owned(), json!("NONE"));
    world.play(elsewhere(PROD, "bedrock", "UpdateGuardrail", of("baseline"), vec![Edit::Set([weak].into())]));
    world.plan().await;
    // The first read of the region is that of what the pin says.
    let first = Match { account: Some(PROD.to_owned()), region: Some("us-east-1".to_owned()), ..on("GetGuardrail") };
    world.inject(vec![Fault::once(first, Effect::Deny)]);
    let plan = world.plan().await.plan;
    assert_eq!(drifted(&plan), ["prod/us-east-1/guardrail/baseline".to_owned()].into(), "{}", told(&plan));
    let hidden: Vec<_> =
        plan.gaps.iter().filter(|gap| gap.kind == "guardrail").map(|gap| gap.name.as_deref()).collect();
    assert_eq!(hidden, [Some("payments")], "{}", told(&plan));
}

/// The network of endpoints is the pinned one, whatever has its name, or whether it has one.
#[tokio::test]
async fn a_network_that_takes_a_name_or_loses_it_moves_no_endpoint() {
    let name = |name: &str| json!([{"Key": "Name", "Value": name}]);
    for other in [true, false] {
        let world = pinned().await;
        let set = json!({"VpcEndpointId": "${endpoint:bedrock/bedrock}", "PrivateDnsEnabled": false});
        world.attack("ec2", "ModifyVpcEndpoint", set);
        world.attack("ec2", "CreateTags", json!({"Resources": ["${vpc:bedrock}"], "Tags": name("old")}));
        if other {
            let tags = json!([{"ResourceType": "vpc", "Tags": name("bedrock")}]);
            world.attack("ec2", "CreateVpc", json!({"CidrBlock": "10.9.0.0/16", "TagSpecifications": tags}));
        }
        world.emulator.clear_calls();
        let expected: BTreeSet<String> =
            [format!("{PLACE}/pin/vpc:bedrock"), format!("{PLACE}/vpc-endpoint/bedrock/bedrock")].into();
        world.plan().await;
        let plan = world.plan().await.plan;
        assert_eq!(drifted(&plan), expected, "{}", told(&plan));
        world.converge(Approval::Operator).await.expect("approved");
        assert_eq!(writes(&world), ["ModifyVpcEndpoint"]);
        let plan = world.plan().await.plan;
        assert_eq!(drifted(&plan), [format!("{PLACE}/pin/vpc:bedrock")].into(), "{}", told(&plan));
    }
}

/// What cannot be followed says nothing of where it leads: the pin alone is a gap, and what rests on it is held to the pin.
#[tokio::test]
async fn a_pin_that_cannot_be_looked_at_hides_nothing() {
    let world = pinned().await;
    let set = json!({"VpcEndpointId": "${endpoint:bedrock/bedrock}", "PrivateDnsEnabled": false});
    world.attack("ec2", "ModifyVpcEndpoint", set);
    world.inject(vec![denied("DescribeSubnets"), denied("ListAccounts")]);
    world.plan().await;
    let plan = world.plan().await.plan;
    assert_eq!(drifted(&plan), [format!("{PLACE}/vpc-endpoint/bedrock/bedrock")].into(), "{}", told(&plan));
    assert!(plan.gaps.iter().all(|gap| gap.kind == "pin" && !gap.alerts.is_empty()), "{}", told(&plan));
    let names: BTreeSet<&str> = plan.gaps.iter().filter_map(|gap| gap.name.as_deref()).collect();
    assert!(names.contains("subnet:bedrock/bedrock-a") && names.contains("accounts:Workloads"), "{names:?}");
    world.converge(Approval::Operator).await.expect("approved");
    world.emulator.clear_faults();
    world.plan_again_nothing().await;
}

fn denied(operation: &str) -> Fault {
    Fault::always(Match { operation: Some(operation.to_owned()), ..Match::default() }, Effect::Deny)
}

/// A call of somebody in production, or in the home of the organization.
fn elsewhere(account: &str, service: &str, operation: &str, body: Value, edits: Vec<Edit>) -> Step {
    let accounts = Accounts::Named(vec![account.to_owned()]);
    Step { accounts, regions: Some(vec!["us-east-1".to_owned()]), ..step(service, operation, body, edits) }
}

const PROD: &str = "222233334444";

fn twin(name: &str) -> Step {
    let body = json!({"name": name, "blockedInputMessaging": "no", "blockedOutputsMessaging": "no",
        "wordPolicyConfig": {"wordsConfig": [{"text": "a"}]}});
    elsewhere(PROD, "bedrock", "CreateGuardrail", body, Vec::new())
}

/// What is referred to is the pinned one also where only what refers to it is asked for: a narrowed restore must not write the id of
/// whatever has the name today.
#[tokio::test]
async fn a_reference_is_held_to_the_pin_of_what_it_names() {
    let mut world = pinned().await;
    let rename = vec![Edit::Set([("/name".to_owned(), json!("payments-old"))].into())];
    let body = json!({"guardrailIdentifier": "guardrail:payments"});
    world.play(elsewhere(PROD, "bedrock", "UpdateGuardrail", body, rename));
    world.play(twin("payments"));
    world.emulator.clear_calls();
    world.wanted.retain(|one| one.address.kind == "service-control-policy");
    for _ in 0..2 {
        let plan = world.plan().await.plan;
        let is_policy = |drift: &Drift| drift.kind == "service-control-policy";
        assert!(!plan.drift.iter().any(is_policy) && plan.steps.is_empty(), "{}", told(&plan));
        world.converge(Approval::Operator).await.expect("approved");
        assert_eq!(writes(&world), Vec::<String>::new());
    }
}

/// Whoever keeps a guardrail from being made again does not hide what refers to it: that is compared with what it referred to, told
/// and put back.
#[tokio::test]
async fn what_refers_to_something_lost_is_held_meanwhile() {
    for jammed in [false, true] {
        let world = pinned().await;
        world.play(elsewhere(
            PROD,
            "bedrock",
            "DeleteGuardrail",
            json!({"guardrailIdentifier": "guardrail:payments"}),
            Vec::new(),
        ));
        if jammed {
            world.play(twin("payments"));
        }
        let content = json!({"Version": "2012-10-17", "Statement": [{"Effect": "Deny", "Action": "gamelift:*", "Resource": "*"}]});
        let body = json!({"PolicyId": "${policy:bedrock-guardrails}", "Content": content.to_string()});
        world.play(elsewhere("111122223333", "organizations", "UpdatePolicy", body, Vec::new()));
        world.plan().await;
        let policy = "management/us-east-1/service-control-policy/bedrock-guardrails";
        let plan = world.plan().await.plan;
        let drift = plan.drift.iter().find(|drift| drift.address.to_string() == policy);
        let drift = drift.unwrap_or_else(|| panic!("{}", told(&plan)));
        assert_eq!(drift.alerts.first().map(|alert| alert.class), Some(AlertClass::Page), "{}", told(&plan));
        world.converge(Approval::Operator).await.expect("approved");
        let plan = world.plan().await.plan;
        assert!(!plan.drift.iter().any(|drift| drift.address.to_string() == policy), "{jammed}: {}", told(&plan));
        let missing = plan.drift.iter().any(|drift| drift.change == Change::Missing);
        assert_eq!(missing, jammed, "{}", told(&plan));
    }
}

/// A list may lag behind: the pinned guardrail that it leaves out is asked for by its id before it is taken for gone, and no second one
/// is made.
#[tokio::test]
async fn a_pinned_guardrail_that_a_list_leaves_out_is_not_gone() {
    let declared = "kind: guardrail\nname: ours\nspec: {publish: false, blockedInputMessaging: \"no\"}\n";
    let world = World::small("empty", declared).await;
    let lags = Match { operation: Some("ListGuardrails".to_owned()), ..Match::default() };
    world.inject(vec![Fault::always(lags, Effect::Stale { reads: 3 })]);
    let body = json!({"name": "ours", "blockedInputMessaging": "no", "blockedOutputsMessaging": "no",
        "wordPolicyConfig": {"wordsConfig": [{"text": "a"}]}});
    let made = world.direct_client().ask("bedrock", http::Method::POST, "/guardrails", None, &body).await;
    let mut pins = Pins::default();
    pins.set("management", ACCOUNT, REGION, "guardrail/ours", made["guardrailId"].as_str().expect("an id").to_owned());
    let mut sources = small(declared);
    let unpinned = World::over(world.emulator.clone(), &sources).await.plan().await.plan;
    assert_eq!(unpinned.drift.first().map(|drift| drift.change), Some(Change::Missing), "{}", told(&unpinned));
    sources.push(source(PINS_FILE, &pins.to_text().expect("YAML")));
    let world = World::over(world.emulator.clone(), &sources).await;
    let plan = world.plan().await.plan;
    assert!(!plan.drift.iter().any(|drift| drift.change == Change::Missing), "{}", told(&plan));
}

/// The same of what this tool made in the place of the pinned one: it is neither gone nor somebody else's.
#[tokio::test]
async fn a_successor_that_a_list_leaves_out_is_not_gone() {
    let declared = "kind: guardrail\nname: ours\nspec: {publish: false, blockedInputMessaging: \"no\", \
                    blockedOutputsMessaging: \"no\", wordPolicy: {words: [{text: a}]}}\n";
    let world = World::small("empty", declared).await;
    let lags = Match { operation: Some("ListGuardrails".to_owned()), ..Match::default() };
    let planned = world.plan().await;
    world.inject(vec![Fault::always(lags, Effect::Stale { reads: 9 })]);
    assert_eq!(world.apply(&planned).await.not_verified(), 0);
    let unpinned = world.plan().await.plan;
    assert_eq!(unpinned.drift.first().map(|drift| drift.change), Some(Change::Missing), "{}", told(&unpinned));
    let world = world.pinning("guardrail/ours", "gone00000000");
    let plan = world.plan().await.plan;
    assert!(plan.drift.is_empty() && plan.steps.is_empty(), "{}", told(&plan));
}
