//! The process dies at every point, and the next run puts everything right without doing anything twice.
//!
//! A point is an API call, before it is processed or after it is processed and before its answer, or a record of the
//! journal that has just been put on disk. The emulated AWS survives in the test's process; the binary is killed.
//!
//! After each death a second `enforce --once` has to converge and a plan has to find nothing; no guardrail may be there
//! twice, no version may have been published twice, and nothing that was verified before the death may be written again.

use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::sync::Mutex;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::{Duration, Instant};

use reconciler_emulator::{Call, Effect, Fault, Match, Options, Times};
use reconciler_tests::direct_client::DirectClient;
use serde_json::Value;

use crate::harness::{Aws, TestEnvironment, block_on};

/// Worlds that are alive at one time.
const SIDE_BY_SIDE: usize = 4;

/// One drift of each kind in one place: a weak guardrail whose weak content is published, a guardrail that is gone, logging
/// that is off, and a log group that forgets.
const ATTACK: &str = "\
include: in-sync
steps:
  - &attack
    as: arn:aws:sts::${account}:assumed-role/Developer/mallory
    accounts: [prod]
    regions: [us-east-1]
    service: bedrock
    operation: UpdateGuardrail
    body: {guardrailIdentifier: 'guardrail:payments'}
    edits: [{set: {/contentPolicyConfig/filtersConfig/type=HATE/inputStrength: NONE}}]
  - {<<: *attack, operation: CreateGuardrailVersion, edits: []}
  - {<<: *attack, operation: DeleteEnforcedGuardrailConfiguration, edits: [], body: {configId: '${enforced}'}}
  - {<<: *attack, operation: DeleteGuardrail, edits: [], body: {guardrailIdentifier: 'guardrail:baseline'}}
  - {<<: *attack, operation: DeleteModelInvocationLoggingConfiguration, edits: [], body: {}}
  - {<<: *attack, service: logs, operation: PutRetentionPolicy, edits: [], body: {logGroupName: /aws/bedrock/model-invocations, retentionInDays: 7}}
";

/// Where the process dies.
#[derive(Debug, Clone, Copy, PartialEq)]
enum Point {
    BeforeCall(u32),
    AfterCall(u32),
    AfterRecord(u32),
}

/// What there is of one guardrail.
#[derive(Debug, PartialEq)]
struct Guardrails {
    alive: usize,
    versions: usize,
}

const ENFORCE: &[&str] = &["--quiet", "enforce", "--once"];
const RESTORE: &[&str] = &["--quiet", "restore", "--yes", "prod/us-east-1/*"];

/// One world: an AWS, an environment to run the binary in, and what is run.
struct World {
    aws: Aws,
    environment: TestEnvironment,
    command: &'static [&'static str],
}

impl World {
    /// The one place of [`ATTACK`], with declarations for that place only.
    fn small() -> Self {
        Self::settling(Options::default().settle_reads)
    }

    /// The same, where a guardrail is seen as changing by so many reads after each write.
    fn settling(settle_reads: u32) -> Self {
        let script = TestEnvironment::new();
        script.write("attack.yaml", ATTACK);
        let manners = Options { settle_reads, ..Options::default() };
        let aws = Aws::with(&script.path("attack.yaml").display().to_string(), manners);
        let environment = TestEnvironment::on(&aws);
        let everywhere = "where: {accounts: all, regions: all}";
        for (file, times) in [("guardrails/baseline.yaml", 1), ("logging/invocation-logging.yaml", 2)] {
            for _ in 0..times {
                let place = "where: {accounts: [prod], regions: [us-east-1]}";
                environment.edit(&format!("desired-state/{file}"), everywhere, place);
            }
        }
        let payments = environment.read("desired-state/guardrails/payments.yaml");
        let (first, _) = payments.split_once("\n---\n").expect("two documents");
        environment.write("desired-state/guardrails/payments.yaml", first);
        // What is not attacked is not declared here either: each death is followed by three runs.
        for folder in ["endpoints", "keys", "organization", "trail"] {
            std::fs::remove_dir_all(environment.path(&format!("desired-state/{folder}"))).expect("a folder");
        }
        for file in ["guardrails/enforced.yaml", "logging/delivery-role.yaml", "logging/log-bucket.yaml"] {
            std::fs::remove_file(environment.path(&format!("desired-state/{file}"))).expect("a file");
        }
        Self { aws, environment, command: ENFORCE }
    }

    /// The small one, put right by hand.
    fn by_hand() -> Self {
        Self { command: RESTORE, ..Self::small() }
    }

    /// Every account and region, as the drill has it.
    fn whole() -> Self {
        let aws = Aws::scenario("drifted");
        let environment = TestEnvironment::on(&aws);
        Self { aws, environment, command: ENFORCE }
    }

    fn run(&self) {
        let _ = self.environment.run(self.command).exits(0);
    }

    /// Runs the binary until it dies at the point; false when it ended before, having done everything.
    fn die_at(&self, point: Point) -> bool {
        let (skip, then) = match point {
            Point::BeforeCall(call) => (call, Effect::Hang),
            Point::AfterCall(call) => (call, Effect::HoldAnswer),
            Point::AfterRecord(record) => {
                let number = record.to_string();
                let name = "BEDROCK_RECONCILER_ABORT_AFTER_RECORD";
                let output = self.environment.run_with(name, &number, self.command);
                assert!(output.code() == 134 || output.code() == 0, "{point:?}: {output:?}");
                return output.code() == 134;
            }
        };
        let fault = Fault { matching: Match::default(), skip, times: Times::Count(1), probability: None, then };
        self.aws.emulator.inject(vec![fault]);
        let mut running = self.environment.start(self.command);
        let deadline = Instant::now() + Duration::from_secs(60);
        let died = loop {
            let calls = self.aws.emulator.calls();
            if calls.iter().any(|call| matches!(call.error_code.as_deref(), Some("Hang" | "HoldAnswer"))) {
                running.kill();
                break true;
            }
            if running.ended().is_some() {
                let _ = running.wait().exits(0);
                break false;
            }
            assert!(Instant::now() < deadline, "{point:?} was not reached");
            std::thread::sleep(Duration::from_millis(2));
        };
        self.aws.emulator.clear_faults();
        died
    }

    fn journal(&self) -> Vec<Value> {
        let text = fs::read_to_string(self.environment.state().join("journal.jsonl")).unwrap_or_default();
        text.lines().map(|line| serde_json::from_str(line).expect("a record")).collect()
    }

    /// Every guardrail that was declared, by place and name, as the emulated AWS itself has it.
    fn guardrails(&self) -> BTreeMap<String, Guardrails> {
        let mut all = BTreeMap::new();
        for account in ["111122223333", "222233334444", "333344445555"] {
            for region in ["us-east-1", "eu-west-1"] {
                let direct_client = DirectClient::new(&self.aws.emulator, account, region);
                for name in ["baseline", "payments"] {
                    let alive = block_on(direct_client.ids(name)).len();
                    let versions = if alive == 1 { block_on(direct_client.versions(name)).len() } else { 0 };
                    all.insert(format!("{account}/{region}/{name}"), Guardrails { alive, versions });
                }
            }
        }
        all
    }
}

/// The steps that these records show as verified.
fn verified(records: &[Value]) -> BTreeSet<(String, String)> {
    let intents: BTreeMap<u64, (String, String)> = steps(records).collect();
    let verdicts = records.iter().filter(|record| record["record"] == "verdict" && record["verdict"] == "verified");
    verdicts.filter_map(|record| intents.get(&record["intent"].as_u64()?).cloned()).collect()
}

/// The intents among these records: number, address, and what is done: an endpoint may be updated twice.
fn steps(records: &[Value]) -> impl Iterator<Item = (u64, (String, String))> {
    records.iter().filter(|record| record["record"] == "intent").map(|record| {
        let text = |name: &str| record[name].to_string();
        (record["seq"].as_u64().expect("a number"), (text("address"), format!("{} {}", text("action"), text("op"))))
    })
}

/// An undisturbed run: how many calls and records it has, what it leaves, and how often it wrote what.
struct Undisturbed {
    calls: u32,
    records: u32,
    guardrails: BTreeMap<String, Guardrails>,
    writes: BTreeMap<String, usize>,
}

fn writes(aws: &Aws) -> BTreeMap<String, usize> {
    let mut writes = BTreeMap::new();
    for call in aws.writes().into_iter().filter(|call| (200..300).contains(&call.status)) {
        *writes.entry(call.operation).or_default() += 1;
    }
    writes
}

fn undisturbed(world: &World) -> Undisturbed {
    world.run();
    let calls = u32::try_from(world.aws.emulator.calls().len()).expect("few calls");
    let records = u32::try_from(world.journal().len()).expect("few records");
    Undisturbed { calls, records, guardrails: world.guardrails(), writes: writes(&world.aws) }
}

/// Dies at the point and recovers; what is wrong after that. `None` when the point was not reached.
fn survive(world: &World, point: Point, undisturbed: &Undisturbed) -> Option<()> {
    let died = world.die_at(point);
    let before = world.journal();
    let again = world.environment.run(world.command);
    assert_eq!(again.code(), 0, "{point:?}: {again:?}");
    let plan = world.environment.run(&["--output", "json", "plan"]);
    assert_eq!(plan.code(), 0, "{point:?}: {plan:?}");
    assert_eq!(plan.json()["summary"]["drifted"], 0, "{point:?}");
    assert_eq!(world.guardrails(), undisturbed.guardrails, "{point:?}");
    let after = &world.journal()[before.len()..];
    let done: BTreeSet<_> = verified(&before);
    for (_, step) in steps(after) {
        assert!(!done.contains(&step), "{point:?}: {step:?} was verified before the death, and was done again");
    }
    // What was under way when the process died may be sent again, with its token; nothing may be sent a third time.
    for (operation, times) in writes(&world.aws) {
        let most = undisturbed.writes.get(&operation).copied().unwrap_or(0);
        let most = if died { most * 2 } else { most };
        assert!(times <= most, "{point:?}: {operation} was made {times} times");
    }
    died.then_some(())
}

/// Survives every point, a few worlds at a time, each of which is checked then. Returns how many were reached.
fn survive_all(
    points: &[Point],
    undisturbed: &Undisturbed,
    world: fn() -> World,
    check: impl Fn(&World, Point) + Sync,
) -> usize {
    let next = AtomicUsize::new(0);
    let reached = AtomicUsize::new(0);
    let failed = Mutex::new(None);
    std::thread::scope(|scope| {
        for _ in 0..SIDE_BY_SIDE {
            scope.spawn(|| {
                while let Some(point) = points.get(next.fetch_add(1, Ordering::SeqCst)) {
                    let check = std::panic::AssertUnwindSafe(&check);
                    let outcome = std::panic::catch_unwind(|| {
                        let world = world();
                        let died = survive(&world, *point, undisturbed);
                        check(&world, *point);
                        died
                    });
                    match outcome {
                        Ok(died) => _ = reached.fetch_add(usize::from(died.is_some()), Ordering::SeqCst),
                        Err(panic) => {
                            next.store(points.len(), Ordering::SeqCst);
                            failed.lock().expect("a lock").get_or_insert(panic);
                        }
                    }
                }
            });
        }
    });
    if let Some(panic) = failed.into_inner().expect("a lock") {
        std::panic::resume_unwind(panic);
    }
    reached.into_inner()
}

fn calls(undisturbed: &Undisturbed, step: usize) -> Vec<Point> {
    let calls = (0..undisturbed.calls).step_by(step);
    calls.flat_map(|call| [Point::BeforeCall(call), Point::AfterCall(call)]).collect()
}

fn records(undisturbed: &Undisturbed, step: usize) -> Vec<Point> {
    (1..=undisturbed.records).step_by(step).map(Point::AfterRecord).collect()
}

#[test]
fn a_kill_at_any_call_is_survived() {
    let undisturbed = undisturbed(&World::small());
    let points = calls(&undisturbed, 1);
    let reached = survive_all(&points, &undisturbed, World::small, |_, _| ());
    // Two runs differ by a few reads, because how long a guardrail settles is left to chance.
    assert!(reached * 10 >= points.len() * 9, "only {reached} of {} points were reached", points.len());
}

#[test]
fn an_abort_after_any_record_is_survived() {
    let undisturbed = undisturbed(&World::small());
    let points = records(&undisturbed, 1);
    assert_eq!(points.len(), 1 + 6 * 3 + 1, "a run, six steps with intent, receipt and verdict, and its end");
    assert_eq!(survive_all(&points, &undisturbed, World::small, |_, _| ()), points.len());
}

/// A restore goes on after the last write, with images of after, attribution and queries: wherever it dies, the same command
/// ends in one incident, in which everything is restored, and which the audit vouches for.
#[test]
fn a_kill_at_any_call_of_a_restore_is_survived() {
    let undisturbed = undisturbed(&World::by_hand());
    // Each call once, in turns before it is processed and after.
    let turns =
        |(number, call): (u32, u32)| if number % 2 == 0 { Point::BeforeCall(call) } else { Point::AfterCall(call) };
    let points: Vec<Point> = (0..).zip(0..undisturbed.calls).map(turns).collect();
    let check = |world: &World, point: Point| {
        let audit = world.environment.run(&["--output", "json", "audit", "verify"]);
        assert_eq!((audit.code(), &audit.json()["incidents"]), (0, &1.into()), "{point:?}: {audit:?}");
        let folders = fs::read_dir(world.environment.state().join("incidents")).expect("a folder");
        for folder in folders {
            let file = folder.expect("a folder").path().join("incident.json");
            let incident: Value = serde_json::from_slice(&fs::read(file).expect("a file")).expect("JSON");
            assert_eq!(incident["outcome"], "restored", "{point:?}: {incident}");
        }
    };
    let reached = survive_all(&points, &undisturbed, World::by_hand, check);
    assert!(reached * 10 >= points.len() * 9, "only {reached} of {} points were reached", points.len());
}

/// Dies after the first call of an operation on these addresses is processed, and before its answer.
fn die_after(world: &World, operation: &str, address: &str) {
    let matching = Match { operation: Some(operation.to_owned()), ..Match::default() };
    world.aws.emulator.inject(vec![Fault::once(matching, Effect::HoldAnswer)]);
    let running = world.environment.start(&["--quiet", "enforce", "--once", "--address", address]);
    let held = |call: &Call| call.error_code.as_deref() == Some("HoldAnswer");
    world.aws.wait_for("the write", |calls| calls.iter().any(held));
    running.kill();
}

/// A version that is published while the update before it is under way has the content before the update.
#[test]
fn a_guardrail_that_is_still_changing_is_waited_for() {
    let undisturbed = undisturbed(&World::small());
    let world = World::settling(12);
    die_after(&world, "UpdateGuardrail", "*");
    world.run();
    let _ = world.environment.run(&["plan"]).exits(0);
    assert_eq!(world.guardrails(), undisturbed.guardrails);
}

/// After a death the next run may read from before the write that the process did not live to see answered. It then repeats
/// it: only the token tells the service that it is the same.
#[test]
fn a_write_that_cannot_be_seen_yet_is_repeated_with_its_token() {
    let undisturbed = undisturbed(&World::small());
    for (operation, name) in [("CreateGuardrail", "baseline"), ("CreateGuardrailVersion", "payments")] {
        let world = World::small();
        let address = format!("*/guardrail/{name}");
        let lists = Match { operation: Some("ListGuardrails".to_owned()), ..Match::default() };
        world.aws.always(lists, Effect::Stale { reads: 30 });
        die_after(&world, operation, &address);
        // What comes into sight between plan and write is left alone, and what is not in sight yet is not in sync.
        let again = world.environment.run(&["--quiet", "enforce", "--once", "--address", &address]);
        assert!([0, 2, 4].contains(&again.code()), "{again:?}");
        world.aws.emulator.clear_faults();
        world.run();
        let _ = world.environment.run(&["plan"]).exits(0);
        assert_eq!(world.guardrails(), undisturbed.guardrails, "{operation}");
        let sent = world.aws.writes().into_iter().filter(|call| call.operation == operation);
        let tokens: Vec<String> = sent.filter_map(|call| Some(call.body?["clientRequestToken"].to_string())).collect();
        let different: BTreeSet<&String> = tokens.iter().collect();
        assert_eq!(different.len(), undisturbed.writes[operation], "{operation}: a repetition had another token");
        assert!(tokens.len() > different.len(), "{operation} was not repeated, so nothing was tested: {tokens:?}");
    }
}

#[test]
fn a_death_in_the_whole_organization_is_survived() {
    let undisturbed = undisturbed(&World::whole());
    let mut points = calls(&undisturbed, 29);
    points.extend(records(&undisturbed, 7));
    let reached = survive_all(&points, &undisturbed, World::whole, |_, _| ());
    assert!(reached * 10 >= points.len() * 8, "only {reached} of {} points were reached", points.len());
}
