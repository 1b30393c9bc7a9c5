//! Large worlds: plans that depend on nothing but the world, and every partition.

use rand::{Rng, SeedableRng};
use rand_chacha::ChaCha8Rng;
use reconciler_emulator::{AccountSeed, Accounts, Effect, Emulator, Fault, Match, Options, Step, Times};
use reconciler_model::plan::Plan;
use reconciler_tests::declarations::source;
use reconciler_tests::world::{World, step, told};
use serde_json::json;

const REGIONS: [&str; 3] = ["ap-southeast-2", "eu-west-1", "us-east-1"];

const GUARDRAIL: &str = "
kind: guardrail
name: baseline
spec:
  blockedInputMessaging: This request cannot be processed.
  blockedOutputsMessaging: This answer was withheld.
  contentPolicy:
    filters:
      - {type: HATE, inputStrength: HIGH, outputStrength: HIGH}
      - {type: PROMPT_ATTACK, inputStrength: HIGH, outputStrength: NONE}
";

fn organization(partition: &str, regions: &[&str], accounts: &[AccountSeed]) -> String {
    let accounts: String =
        accounts.iter().map(|account| format!("  - {{id: \"{}\", name: {}}}\n", account.id, account.name)).collect();
    format!(
        "partition: {partition}\nmanagementAccount: a00\nrole: bedrock-reconciler\nregions: [{}]\naccounts:\n{accounts}",
        regions.join(", ")
    )
}

fn log_groups(count: usize) -> String {
    let group = |number: usize| {
        let days = [90, 365, 731][number % 3];
        format!("kind: log-group\nname: /aws/bedrock/app-{number}\nspec: {{retentionInDays: {days}}}\n")
    };
    (0..count).map(group).collect::<Vec<_>>().join("---\n")
}

/// Accounts whose management account is the caller's.
fn accounts(count: usize) -> Vec<AccountSeed> {
    (0..count)
        .map(|number| {
            let id = if number == 0 { "111122223333".to_owned() } else { format!("5{number:011}") };
            AccountSeed::new(id, format!("a{number:02}"))
        })
        .collect()
}

/// A world of so many accounts in three regions that is in sync.
async fn in_sync(count: usize) -> World {
    let accounts = accounts(count);
    let organization = organization("aws", &REGIONS, &accounts);
    let emulator = Emulator::new(Options { accounts, ..Options::default() });
    let sources = [
        source("organization.yaml", &organization),
        source("groups.yaml", &log_groups(5)),
        source("guardrail.yaml", GUARDRAIL),
    ];
    let world = World::over(emulator, &sources).await;
    world.restore().await;
    world
}

/// Somebody weakens or deletes about one resource in three, as a seed has it.
fn attack(world: &World, seed: u64) {
    let mut rng = ChaCha8Rng::seed_from_u64(seed);
    for scope in world.scopes() {
        let place = |step: Step| Step {
            accounts: Accounts::Named(vec![scope.account_id.clone()]),
            regions: Some(vec![scope.region.clone()]),
            ..step
        };
        for number in 0..5 {
            let group = json!({ "logGroupName": format!("/aws/bedrock/app-{number}") });
            match rng.random_range(0..6) {
                0 => world.play(place(step("logs", "DeleteLogGroup", group, Vec::new()))),
                1 => world.play(place(step("logs", "DeleteRetentionPolicy", group, Vec::new()))),
                _ => {}
            }
        }
        if rng.random_bool(0.3) {
            let guardrail = json!({ "guardrailIdentifier": "guardrail:baseline" });
            world.play(place(step("bedrock", "DeleteGuardrail", guardrail, Vec::new())));
        }
    }
}

fn bytes(mut plan: Plan) -> String {
    plan.created_at.clear();
    serde_json::to_string_pretty(&plan).expect("JSON")
}

/// Two plans of the same world are equal byte for byte, but for the time: whatever the order of lists and of answers, and
/// whatever throttles have to be waited for. Otherwise a saved plan could not be compared with a later one.
#[tokio::test(start_paused = true)]
async fn two_plans_of_the_same_world_are_equal_byte_for_byte() {
    let world = in_sync(12).await;
    attack(&world, 7);
    let first = world.plan().await.plan;
    assert!(first.summary.addresses == 216 && first.summary.drifted > 40, "{}", told(&first));
    let first = bytes(first);
    for round in 0..4 {
        let mut rng = ChaCha8Rng::seed_from_u64(round);
        let late = |ms: u64| Fault {
            matching: Match::default(),
            skip: 0,
            times: Times::Forever,
            probability: Some(0.2),
            then: Effect::Latency { ms },
        };
        let mut faults: Vec<Fault> = (0..4).map(|_| late(rng.random_range(1..400))).collect();
        faults.push(Fault { probability: Some(0.1), then: Effect::Throttle, ..late(0) });
        world.emulator.clear_faults();
        world.inject(faults);
        let again = bytes(world.plan().await.plan);
        assert!(again == first, "round {round}: {}", first_difference(&first, &again));
    }
    world.emulator.clear_faults();
    world.restore().await;
    world.plan_again_nothing().await;
}

fn first_difference(one: &str, two: &str) -> String {
    let differs = one.lines().zip(two.lines()).enumerate().find(|(_, (one, two))| one != two);
    format!("{differs:?}, of {} and {} lines", one.lines().count(), two.lines().count())
}

/// h23. Every partition has its own ARNs, its own home regions and its own role ARNs; nothing of another partition is in
/// what is sent, planned or read. Bedrock does not exist in China, so there only the rest is declared.
#[tokio::test]
async fn h23_a_plan_works_in_every_partition() {
    for (partition, regions, home, bedrock) in [
        ("aws", ["eu-west-1", "us-east-1"], "us-east-1", true),
        ("aws-us-gov", ["us-gov-east-1", "us-gov-west-1"], "us-gov-west-1", true),
        ("aws-cn", ["cn-north-1", "cn-northwest-1"], "cn-northwest-1", false),
    ] {
        let accounts = accounts(3);
        let listed = organization(partition, &regions, &accounts);
        let (before, _) = listed.split_once("accounts:").expect("accounts");
        let emulator = Emulator::new(Options { accounts, ..Options::default() });
        let mut sources = vec![
            source("organization.yaml", &format!("{before}accounts: discover\n")),
            source("groups.yaml", &log_groups(2)),
        ];
        if bedrock {
            sources.push(source("guardrail.yaml", GUARDRAIL));
        }
        let world = World::over(emulator, &sources).await;
        let planned = world.plan().await.plan;
        assert_eq!(planned.summary.drifted, 3 * 2 * (2 + usize::from(bedrock)), "{}", told(&planned));
        world.restore().await;
        world.plan_again_nothing().await;

        let calls = world.emulator.calls();
        for call in &calls {
            let prefix = format!("arn:{partition}:");
            assert!(call.principal.starts_with(&prefix), "{partition}: {} by {}", call.operation, call.principal);
            let global = matches!(call.service.as_str(), "organizations");
            assert!(!global || call.region == home, "{partition}: {} in {}", call.operation, call.region);
        }
        assert!(calls.iter().any(|call| call.operation == "AssumeRole" && call.error_code.is_none()));
        let read = serde_json::to_string(&world.survey().await).expect("JSON");
        let everything = read + &bytes(planned) + &serde_json::to_string(&calls).expect("JSON");
        for other in ["arn:aws:", "arn:aws-us-gov:", "arn:aws-cn:"] {
            assert_eq!(everything.contains(other), other == format!("arn:{partition}:"), "{other} in {partition}");
        }
    }
}
