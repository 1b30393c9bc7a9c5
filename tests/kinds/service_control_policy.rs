//! Service control policies: weakened text, lost attachments and disabled types are put back, and nobody is locked out on the way.

use proptest::prelude::*;
use proptest::sample::{select, subsequence};
use reconciler_emulator::{Effect, Emulator, Fault, Options};
use reconciler_kinds::KINDS;
use reconciler_model::codes;
use reconciler_model::direction::Direction;
use reconciler_model::drift::Change;
use reconciler_model::permit::Approval;
use reconciler_tests::declarations::{small, source, wrong_with};
use reconciler_tests::generate::{self, Generator};
use reconciler_tests::organization;
use reconciler_tests::world::{World, field, notes, on, paths, refusals, times, told};
use serde_json::{Value, json};

const NAME: &str = "bedrock-guardrails";
const SCP: &str = "SERVICE_CONTROL_POLICY";

const OWN: &[&str] = &[
    "CreatePolicy",
    "UpdatePolicy",
    "DeletePolicy",
    "EnablePolicyType",
    "DisablePolicyType",
    "AttachPolicy",
    "DetachPolicy",
    "TagResource",
];

fn content() -> Value {
    json!({"Version": "2012-10-17", "Statement": [
        {"Sid": "RequireGuardrail", "Effect": "Deny",
         "Action": ["bedrock:InvokeModel", "bedrock:InvokeModelWithResponseStream"], "Resource": "*",
         "Condition": {"ArnNotLike": {
             "bedrock:GuardrailIdentifier": "arn:aws:bedrock:*:111122223333:guardrail/abc123def456*",
             "aws:PrincipalArn": "arn:aws:iam::*:role/bedrock-agent-*"}}},
        {"Sid": "TagGuardrails", "Effect": "Deny", "Action": "bedrock:CreateGuardrail", "Resource": "*",
         "Condition": {"Null": {"aws:RequestTag/cost-center": "true"}}},
    ]})
}

fn declared_with(content: &Value, targets: &Value, further: &Value) -> String {
    let mut declaration = json!({"kind": "service-control-policy", "name": NAME, "spec": {
        "description": "Only behind the guardrail.", "content": content, "targets": targets,
        "tags": [{"key": "owner", "value": "security"}]}});
    declaration.as_object_mut().expect("members").extend(further.as_object().cloned().expect("members"));
    declaration.to_string()
}

fn declared(targets: &Value) -> String {
    declared_with(&content(), targets, &json!({}))
}

/// The writes to the organization, in order.
fn writes(world: &World) -> Vec<String> {
    world.written().into_iter().filter(|operation| OWN.contains(&operation.as_str())).collect()
}

fn attack(world: &World, operation: &str, body: Value) {
    world.attack("organizations", operation, body);
}

fn policy() -> String {
    format!("${{policy:{NAME}}}")
}

fn pair(unit: &str) -> Value {
    json!({"PolicyId": policy(), "TargetId": format!("${{ou:{unit}}}")})
}

fn rewrite(world: &World, content: &Value) {
    attack(world, "UpdatePolicy", json!({"PolicyId": policy(), "Content": content.to_string()}));
}

async fn built(targets: &Value) -> World {
    let world = World::small("empty", &declared(targets)).await;
    world.restore().await;
    world.plan_again_nothing().await;
    world.emulator.clear_calls();
    world
}

async fn live(world: &World) -> Value {
    organization::policy(world, SCP, NAME).await
}

/// The names of what the policy is attached to.
async fn attached(world: &World) -> Vec<String> {
    let id = live(world).await["PolicySummary"]["Id"].clone();
    let rows = organization::rows(world, "ListTargetsForPolicy", json!({"PolicyId": id}), "Targets").await;
    let mut names: Vec<String> = rows.iter().map(|row| row["Name"].as_str().expect("a name").to_owned()).collect();
    names.sort();
    names
}

/// A policy that is missing is created and attached, wherever its declaration says; deleted, it comes back.
#[tokio::test]
async fn a_missing_policy_is_created_and_attached() {
    let world = World::small("empty", &declared(&json!(["/", "Workloads/Production", "333344445555"]))).await;
    let plan = world.restore().await;
    assert_eq!(plan.drift[0].change, Change::Missing);
    assert_eq!(plan.drift[0].address.to_string(), format!("management/us-east-1/service-control-policy/{NAME}"));
    assert_eq!(writes(&world), ["CreatePolicy", "AttachPolicy", "AttachPolicy", "AttachPolicy"]);
    assert_eq!(attached(&world).await, ["Production", "Root", "staging"]);
    let text = live(&world).await["Content"].as_str().expect("text").to_owned();
    assert!(!text.contains([' ', '\n']), "white space counts: {text}");
    world.plan_again_nothing().await;

    for unit in ["/", "Workloads/Production"] {
        attack(&world, "DetachPolicy", pair(unit));
    }
    attack(&world, "DetachPolicy", json!({"PolicyId": policy(), "TargetId": "333344445555"}));
    attack(&world, "DeletePolicy", json!({"PolicyId": policy()}));
    world.restore().await;
    assert_eq!(attached(&world).await, ["Production", "Root", "staging"]);
    world.plan_again_nothing().await;
}

/// Control 09, first signal: each way to weaken the text is shown at its leaf, and undone by one call.
#[tokio::test]
async fn a_weakened_text_is_shown_at_the_leaf_and_put_back() {
    let world = built(&json!(["Workloads"])).await;
    type Edit = fn(&mut Value);
    let edits: [(Edit, &str); 5] = [
        (
            |text| text["Statement"][0]["Condition"]["ArnNotLike"]["aws:PrincipalArn"] = json!("*"),
            "content.Statement.RequireGuardrail.Condition.ArnNotLike.aws:PrincipalArn",
        ),
        (
            |text| text["Statement"][0]["Condition"]["Bool"] = json!({"aws:ViaAWSService": "false"}),
            "content.Statement.RequireGuardrail.Condition.Bool",
        ),
        (
            |text| text["Statement"][0]["Action"] = json!("bedrock:InvokeModel"),
            "content.Statement.RequireGuardrail.Action",
        ),
        (|text| drop(text["Statement"].as_array_mut().expect("a list").remove(1)), "content.Statement.TagGuardrails"),
        (|text| text["Statement"][1]["Effect"] = json!("Allow"), "content.Statement.TagGuardrails.Effect"),
    ];
    for (edit, path) in edits {
        let mut text = content();
        edit(&mut text);
        rewrite(&world, &text);
        world.emulator.clear_calls();
        let plan = world.restore().await;
        assert_eq!(paths(&plan), [path]);
        assert_eq!(field(&plan, path).direction, Direction::Weakened, "{}", told(&plan));
        assert_eq!(writes(&world), ["UpdatePolicy"]);
        world.plan_again_nothing().await;
    }
}

/// Control 09, second signal: detached is weakened, and attached again by one call. Everything at once is put back too.
#[tokio::test]
async fn a_detached_policy_is_attached_again() {
    let world = built(&json!(["Workloads", "Workloads/Production"])).await;
    attack(&world, "DetachPolicy", pair("Workloads"));
    world.emulator.clear_calls();
    let plan = world.restore().await;
    assert_eq!(paths(&plan), ["targets.Workloads"]);
    assert_eq!(plan.drift[0].direction, Direction::Weakened);
    assert_eq!(writes(&world), ["AttachPolicy"]);
    world.plan_again_nothing().await;

    attack(&world, "DetachPolicy", pair("Workloads/Production"));
    attack(
        &world,
        "UpdatePolicy",
        json!({"PolicyId": policy(), "Description": "", "Content":
        r#"{"Version":"2012-10-17","Statement":[{"Effect":"Allow","Action":"*","Resource":"*"}]}"#}),
    );
    attack(
        &world,
        "TagResource",
        json!({"ResourceId": policy(), "Tags": [{"Key": "owner", "Value": "mallory"}, {"Key": "x", "Value": "y"}]}),
    );
    world.emulator.clear_calls();
    world.restore().await;
    assert_eq!(writes(&world), ["UpdatePolicy", "AttachPolicy", "TagResource"]);
    assert_eq!(attached(&world).await, ["Production", "Workloads"]);
    world.plan_again_nothing().await;
}

/// Control 09: the policy type disabled takes every attachment away. It is enabled, waited for, and what is declared is attached.
#[tokio::test]
async fn a_disabled_policy_type_is_enabled_and_attachments_come_back() {
    let world = built(&json!(["/", "Workloads"])).await;
    attack(&world, "DisablePolicyType", json!({"RootId": "${ou:/}", "PolicyType": SCP}));
    world.emulator.clear_calls();
    // The type is on its way out at first: what was planned for that is planned again.
    world.converge(Approval::Operator).await.expect("approved");
    let converged = world.converge(Approval::Operator).await.expect("approved");
    assert!(converged.after.expect("a last plan").drift.is_empty());
    assert_eq!(writes(&world), ["EnablePolicyType", "AttachPolicy", "AttachPolicy"]);
    assert_eq!(attached(&world).await, ["Root", "Workloads"]);
    world.plan_again_nothing().await;
}

/// A type that was never enabled is enabled only where something is to be attached, and the plan says what that means.
#[tokio::test]
async fn a_policy_type_is_enabled_only_where_it_is_needed() {
    let empty = "---\nkind: service-control-policy\nname: spare\nspec: {description: '', targets: [], content: {Version: '2012-10-17', Statement: [{Effect: Deny, Action: 'aws-portal:*', Resource: '*'}]}}\n";
    let emulator = || {
        let mut accounts = vec![reconciler_emulator::AccountSeed::new("111122223333", "management")];
        accounts[0].roles = vec!["bedrock-reconciler".to_owned()];
        let organization = reconciler_emulator::OrganizationSeed { policy_types: Vec::new(), ..Default::default() };
        let regions = vec!["us-east-1".to_owned(), "eu-west-1".to_owned()];
        Emulator::new(Options { accounts, regions, organization: Some(organization), ..Options::default() })
    };
    let world = World::over(emulator(), &small(empty)).await;
    world.restore().await;
    assert_eq!(writes(&world), ["CreatePolicy"]);
    world.plan_again_nothing().await;

    let world = World::over(emulator(), &small(&declared(&json!(["Root"])))).await;
    let plan = world.restore().await;
    assert!(notes(&plan).contains(&codes::POLICY_TYPE_OFF), "{}", told(&plan));
    assert_eq!(writes(&world), ["CreatePolicy", "EnablePolicyType", "AttachPolicy"]);
    world.plan_again_nothing().await;
}

/// h20. LZA #699, #705: the declaration moved to another unit, and the policy stayed where it was. It is attached to the new
/// unit first; the old attachment is stronger than declared, so it is told, and removed where the declaration allows that.
#[tokio::test]
async fn h20_a_moved_policy_is_attached_before_it_is_detached() {
    let world = built(&json!(["Workloads/Staging"])).await;
    let moved = json!(["Workloads/Production"]);
    let kept = world.declaring(&declared(&moved)).await;
    kept.restore().await;
    let plan = kept.plan_again_no_steps().await;
    assert_eq!(paths(&plan), ["targets.Workloads/Staging"]);
    assert_eq!(plan.drift[0].direction, Direction::Strengthened);
    assert_eq!(attached(&world).await, ["Production", "Staging"]);

    attack(&world, "DetachPolicy", pair("Workloads/Production"));
    world.emulator.clear_calls();
    let undone = world.declaring(&declared_with(&content(), &moved, &json!({"whenStronger": "undo"}))).await;
    undone.restore().await;
    assert_eq!(writes(&undone), ["AttachPolicy", "DetachPolicy"]);
    assert_eq!(attached(&world).await, ["Production"]);
    undone.plan_again_nothing().await;
}

/// h20. TF-aws #26352: the last policy of a unit is never taken off, though somebody has removed FullAWSAccess before.
#[tokio::test]
async fn h20_the_last_policy_is_never_detached() {
    let world = built(&json!(["Workloads"])).await;
    attack(&world, "DetachPolicy", json!({"PolicyId": "p-FullAWSAccess", "TargetId": "${ou:Workloads}"}));
    world.emulator.clear_calls();
    let world = world.declaring(&declared_with(&content(), &json!([]), &json!({"whenStronger": "undo"}))).await;
    let plan = world.plan_again_no_steps().await;
    assert!(refusals(&plan).contains(&codes::LOCK_OUT), "{}", told(&plan));
    assert!(told(&plan).contains("the last one of its type"), "{}", told(&plan));
    assert_eq!(writes(&world), Vec::<String>::new());
    assert_eq!(attached(&world).await, ["Workloads"]);
}

/// What allows is not stronger where it is attached once more, and is taken off; not where what remains only denies, because
/// nothing would be allowed there.
#[tokio::test]
async fn an_allowing_policy_is_not_kept_and_never_the_last_that_allows() {
    let allow = json!({"Version": "2012-10-17", "Statement": [
        {"Sid": "Allow", "Effect": "Allow", "Action": "*", "Resource": "*"}]});
    let world = World::small("empty", &declared_with(&allow, &json!(["Root"]), &json!({}))).await;
    world.restore().await;
    attack(&world, "AttachPolicy", pair("Workloads"));
    let off = json!({"PolicyId": "p-FullAWSAccess", "TargetId": "${ou:Workloads}"});
    attack(&world, "DetachPolicy", off.clone());
    let plan = world.plan_again_no_steps().await;
    assert_eq!(
        (plan.drift[0].direction, refusals(&plan)),
        (Direction::Weakened, vec![codes::LOCK_OUT]),
        "{}",
        told(&plan)
    );
    attack(&world, "AttachPolicy", off);
    world.restore().await;
    assert_eq!(attached(&world).await, ["Root"]);
    world.plan_again_nothing().await;
}

/// A detached policy is attached first, and though its text cannot be put right.
#[tokio::test]
async fn attaching_does_not_wait_for_the_text() {
    let world = built(&json!(["Workloads"])).await;
    let mut weaker = content();
    weaker["Statement"][0]["Action"] = json!(["bedrock:InvokeModel"]);
    attack(&world, "DetachPolicy", pair("Workloads"));
    rewrite(&world, &weaker);
    world.inject(vec![times(9, on("UpdatePolicy"), Effect::Deny)]);
    world.emulator.clear_calls();
    let planned = world.plan().await;
    world.apply(&planned).await;
    assert_eq!(writes(&world)[0], "AttachPolicy");
    assert_eq!(attached(&world).await, ["Workloads"]);
}

/// h20. TF-aws #21580: what AWS owns is not ours to declare, and is never written to.
#[tokio::test]
async fn h20_policies_of_aws_are_left_alone() {
    let told = wrong_with(&declared(&json!(["Root"])).replace(NAME, "FullAWSAccess"));
    assert_eq!(told.iter().map(|(code, _)| code.as_str()).collect::<Vec<_>>(), [codes::BAD_NAME], "{told:?}");
    let world = built(&json!(["Workloads"])).await;
    let exported: Vec<String> = world.survey().await.resources.keys().map(|address| address.name.clone()).collect();
    assert!(
        exported.contains(&NAME.to_owned()) && !exported.iter().any(|name| name.contains("FullAWS")),
        "{exported:?}"
    );
}

/// h20. Documents are written without white space, and their length is data: what no organization takes is refused before any
/// call; what only the newer quota takes is told.
#[tokio::test]
async fn h20_the_length_is_checked_before_any_call() {
    let long = |roles: usize| {
        let mut text = content();
        let all: Vec<String> = (0..roles).map(|number| format!("arn:aws:iam::*:role/service-{number:04}")).collect();
        text["Statement"][0]["Condition"]["ArnNotLike"]["aws:PrincipalArn"] = json!(all);
        declared_with(&text, &json!(["Workloads"]), &json!({}))
    };
    let told_codes: Vec<String> = wrong_with(&long(400)).into_iter().map(|(code, _)| code).collect();
    assert_eq!(told_codes, [codes::LIMIT]);
    let world = World::small("empty", &long(200)).await;
    let plan = world.plan().await.plan;
    assert!(notes(&plan).contains(&codes::LIMIT) && refusals(&plan).is_empty(), "{}", told(&plan));
    // Pretty-printed it would be too long for the older quota.
    let world = World::small("empty", &long(100)).await;
    world.restore().await;
    world.plan_again_nothing().await;
}

/// h15. TF-aws #20665, AFT #36: another spelling of the same policy is no drift, however it came about.
#[tokio::test]
async fn h15_another_spelling_of_a_policy_is_no_drift() {
    let world = built(&json!(["Workloads"])).await;
    let mut other = content();
    other["Statement"].as_array_mut().expect("statements").reverse();
    other["Statement"][0]["Action"] = json!(["bedrock:createguardrail"]);
    other["Statement"][0]["Condition"] = json!({"null": {"aws:requesttag/cost-center": [true]}});
    other["Statement"][1]["Resource"] = json!(["*"]);
    let pretty = serde_json::to_string_pretty(&other).expect("JSON");
    attack(&world, "UpdatePolicy", json!({"PolicyId": policy(), "Content": pretty}));
    world.plan_again_nothing().await;
}

/// A document that protects more is kept and told; where live is weaker as well, only that is put back.
#[tokio::test]
async fn a_stronger_statement_is_kept_while_a_weaker_one_is_put_back() {
    let world = built(&json!(["Workloads"])).await;
    let mut text = content();
    text["Statement"].as_array_mut().expect("statements").push(
        json!({"Sid": "NoMantle", "Effect": "Deny", "Action": "bedrock-mantle:CreateInference", "Resource": "*"}),
    );
    text["Statement"][0]["Action"] = json!("bedrock:InvokeModel");
    rewrite(&world, &text);
    world.restore().await;
    let plan = world.plan_again_no_steps().await;
    assert_eq!(paths(&plan), ["content.Statement.NoMantle"]);
    assert!(field(&plan, "content.Statement.NoMantle").kept);
}

/// Targets that the organization does not have are refused by name, and the rest is done.
#[tokio::test]
async fn a_target_that_is_not_there_is_refused_by_name() {
    let world = World::small("empty", &declared(&json!(["Workloads", "Workloads/Producton"]))).await;
    let plan = world.plan().await.plan;
    assert_eq!(refusals(&plan), [codes::TARGET_MISSING], "{}", told(&plan));
    let told_of = plan.findings.iter().find(|one| one.code == codes::TARGET_MISSING).expect("a finding");
    assert!(told_of.detail.contains("no unit Workloads/Producton"), "{}", told_of.detail);
    let told = wrong_with(&declared(&json!(["ou-ab12-abcdefgh"])));
    assert!(told[0].1.contains("an id that AWS generated"), "{told:?}");
}

/// Before anybody is locked out: a statement that denies what the reconciler needs is told, an exempted role is not; nor is
/// the management account covered by anything.
#[tokio::test]
async fn a_policy_that_would_lock_the_reconciler_out_is_told() {
    let with = |condition: Value, targets: Value| {
        let text = json!({"Version": "2012-10-17", "Statement": [
            {"Sid": "Stop", "Effect": "Deny", "Action": "bedrock:*", "Resource": "*", "Condition": condition}]});
        declared_with(&text, &targets, &json!({}))
    };
    let exempt = json!({"ArnNotLike": {"aws:PrincipalArn": "arn:aws:iam::*:role/bedrock-reconciler"}});
    for (declaration, code) in [
        (with(json!({}), json!(["Workloads"])), vec![codes::LOCK_OUT]),
        (with(exempt, json!(["Workloads"])), vec![]),
        (with(json!({}), json!(["111122223333"])), vec![codes::NOT_COVERED]),
    ] {
        let world = World::small("empty", &declaration).await;
        assert_eq!(notes(&world.plan().await.plan), code);
    }
}

/// Outside the management account nothing is known: a gap that says where to look, and no write.
#[tokio::test]
async fn what_cannot_be_read_is_a_gap_with_a_remedy() {
    let denied = |code: &str| Effect::Error { code: code.to_owned(), status: 400, message: String::new() };
    for (operation, code, expected) in [
        ("ListPolicies", "AccessDeniedException", codes::DENIED),
        ("ListPolicies", "AWSOrganizationsNotInUseException", codes::ORGANIZATION_ACCESS),
    ] {
        let world = built(&json!(["Workloads"])).await;
        attack(&world, "DetachPolicy", pair("Workloads"));
        world.inject(vec![Fault::always(on(operation), denied(code))]);
        let plan = world.plan_again_no_steps().await;
        assert_eq!((plan.summary.gaps, plan.gaps.len()), (1, 1), "{}", told(&plan));
        assert_eq!(plan.gaps[0].code, expected, "{}", told(&plan));
        assert!(plan.gaps[0].remedy.contains("management account"), "{}", plan.gaps[0].remedy);
    }
}

/// What somebody fills one target with keeps neither the text nor the other targets from being restored, and is named.
#[tokio::test]
async fn a_target_that_is_full_keeps_nothing_else_from_being_restored() {
    let world = built(&json!(["Workloads/Production", "Workloads/Staging"])).await;
    for unit in ["Workloads/Production", "Workloads/Staging"] {
        attack(&world, "DetachPolicy", pair(unit));
    }
    let allows =
        json!({"Version": "2012-10-17", "Statement": [{"Effect": "Deny", "Action": "games:*", "Resource": "*"}]});
    for number in 1..=4 {
        let name = format!("junk-{number}");
        let request = json!({"Type": SCP, "Name": name, "Description": "", "Content": allows.to_string()});
        attack(&world, "CreatePolicy", request);
        let full = json!({"PolicyId": format!("${{policy:{name}}}"), "TargetId": "${ou:Workloads/Production}"});
        attack(&world, "AttachPolicy", full);
    }
    rewrite(&world, &json!({"Version": "2012-10-17", "Statement": [content()["Statement"][1]]}));
    let plan = world.plan().await.plan;
    let crowded: Vec<&str> =
        plan.findings.iter().filter(|one| one.code == codes::CROWDED).map(|one| one.detail.as_str()).collect();
    assert!(matches!(crowded[..], [one] if one.contains("Production") && one.contains("junk-4")), "{}", told(&plan));
    world.emulator.clear_calls();
    world.converge(Approval::Operator).await.expect("approved");
    assert_eq!(attached(&world).await, ["Staging"]);
    let plan = world.plan().await.plan;
    assert_eq!(paths(&plan), ["targets.Workloads/Production"], "{}", told(&plan));
    attack(&world, "DetachPolicy", json!({"PolicyId": "${policy:junk-1}", "TargetId": "${ou:Workloads/Production}"}));
    world.restore().await;
    world.plan_again_nothing().await;
}

/// The list tells that there is a policy, so that what it says is all that is not known of one that may not be read.
#[tokio::test]
async fn a_text_that_cannot_be_read_hides_no_attachment() {
    let world = built(&json!(["Workloads"])).await;
    attack(&world, "DetachPolicy", pair("Workloads"));
    world.inject(vec![Fault::always(on("DescribePolicy"), Effect::Deny)]);
    for _ in 0..2 {
        let plan = world.plan().await.plan;
        assert_eq!(paths(&plan), ["targets.Workloads"], "{}", told(&plan));
        let [gap] = &plan.gaps[..] else { panic!("{}", told(&plan)) };
        assert_eq!((gap.code.as_str(), &gap.fields[..]), (codes::DENIED, &["content".to_owned()][..]));
    }
    world.converge(Approval::Operator).await.expect("approved");
    assert_eq!(writes(&world), ["AttachPolicy"]);
    world.emulator.clear_faults();
    world.plan_again_nothing().await;
}

/// Other changes of the organization that are under way are waited for; what is done already counts as done; an answer that is
/// lost is found by reading back.
#[tokio::test]
async fn accidents_on_the_way_make_nothing_twice() {
    let busy = |code: &str| Effect::Error { code: code.to_owned(), status: 400, message: String::new() };
    for operation in ["CreatePolicy", "AttachPolicy", "UpdatePolicy"] {
        for effect in [
            busy("ConcurrentModificationException"),
            busy("PolicyChangesInProgressException"),
            Effect::LostResponse,
            Effect::Throttle,
        ] {
            let world = World::small("empty", &declared(&json!(["Workloads"]))).await;
            if operation == "UpdatePolicy" {
                world.restore().await;
                rewrite(
                    &world,
                    &json!({"Version": "2012-10-17", "Statement": [{"Effect": "Allow", "Action": "*", "Resource": "*"}]}),
                );
            }
            world.inject(vec![times(1, on(operation), effect)]);
            world.restore().await;
            assert_eq!(attached(&world).await, ["Workloads"]);
            let same = organization::rows(&world, "ListPolicies", json!({"Filter": SCP}), "Policies").await;
            assert_eq!(same.iter().filter(|one| one["Name"] == NAME).count(), 1);
            world.plan_again_nothing().await;
        }
    }
}

/// h36, h22. A success that changed nothing is not believed.
#[tokio::test]
async fn h36_an_attachment_that_did_nothing_is_not_believed() {
    let world = built(&json!(["Workloads"])).await;
    attack(&world, "DetachPolicy", pair("Workloads"));
    world.inject(vec![times(1, on("AttachPolicy"), Effect::NoOp)]);
    let planned = world.plan().await;
    let applied = world.apply(&planned).await;
    assert_eq!((applied.verified(), applied.not_verified()), (0, 1), "{:#?}", applied.steps);
}

/// What is exported may be declared, and is in sync.
#[tokio::test]
async fn what_is_exported_is_in_sync() {
    let world = built(&json!(["/", "Workloads/Production", "333344445555"])).await;
    let inventory = world.survey().await;
    let own = inventory.resources.values().find(|seen| seen.address.name == NAME).expect("the policy");
    let kind = KINDS.iter().find(|kind| kind.name() == "service-control-policy").expect("a kind");
    let spec = kind.declare(&own.tree).expect("a spec");
    assert_eq!(spec["targets"], json!(["333344445555", "Root", "Workloads/Production"]));
    assert!(spec["content"]["Statement"].is_array(), "{spec}");
    let text = json!({"kind": "service-control-policy", "name": NAME, "spec": spec}).to_string();
    world.declaring(&text).await.plan_again_nothing().await;
}

/// The organization is spoken to where each partition has it, whatever regions are looked after.
#[tokio::test]
async fn organizations_are_at_home_in_every_partition() {
    for (partition, region, home) in [
        ("aws", "eu-west-1", "us-east-1"),
        ("aws-us-gov", "us-gov-east-1", "us-gov-west-1"),
        ("aws-cn", "cn-north-1", "cn-northwest-1"),
    ] {
        let account = reconciler_emulator::AccountSeed::new("111122223333", "management");
        let emulator = Emulator::new(Options { accounts: vec![account], ..Options::default() });
        let organization = format!(
            "partition: {partition}\nmanagementAccount: management\nrole: bedrock-reconciler\nregions: [{region}]\n\
             accounts:\n  - {{id: \"111122223333\", name: management}}\n"
        );
        let sources = [source("organization.yaml", &organization), source("a.yaml", &declared(&json!(["Root"])))];
        let world = World::over(emulator, &sources).await;
        world.restore().await;
        world.plan_again_nothing().await;
        let calls = world.emulator.calls();
        let regions: std::collections::BTreeSet<&str> =
            calls.iter().filter(|call| call.service == "organizations").map(|call| call.region.as_str()).collect();
        assert_eq!(regions.into_iter().collect::<Vec<_>>(), [home]);
    }
}

/// Random specs: see [`specs`].
pub(crate) const GENERATOR: Generator =
    Generator { kind: "service-control-policy", name: "payments", weight: 1, specs };

/// The spec of a service control policy.
fn specs() -> BoxedStrategy<Value> {
    let statement = |sid: &'static str| {
        let action = subsequence(vec!["bedrock:InvokeModel", "bedrock:CreateGuardrail", "bedrock-mantle:*"], 1..=3);
        let roles = subsequence(vec!["arn:aws:iam::*:role/agent", "arn:aws:iam::*:role/ops"], 0..=2);
        (proptest::option::of(Just(sid)), action, roles, any::<bool>()).prop_map(|(sid, action, roles, tagged)| {
            let exempt = (!roles.is_empty()).then(|| json!({ "aws:PrincipalArn": roles }));
            let tagged = tagged.then(|| json!({"aws:RequestTag/team": "true"}));
            let condition = generate::object(json!({ "ArnNotLike": exempt, "Null": tagged }));
            generate::object(
                json!({"Sid": sid, "Effect": "Deny", "Action": action, "Resource": "*", "Condition": condition}),
            )
        })
    };
    let statements = prop_oneof![
        statement("One").prop_map(|one| json!(one)),
        (statement("One"), statement("Two")).prop_map(|(one, two)| json!([one, two])),
    ];
    (statements, select(&["", "Only behind the guardrail."][..]), generate::targets(), generate::tags())
        .prop_map(|(statements, description, targets, tags)| {
            json!({
                "description": description,
                "content": {"Version": "2012-10-17", "Statement": statements},
                "targets": targets,
                "tags": tags,
            })
        })
        .boxed()
}
