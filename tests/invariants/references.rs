//! What only the live resource knows: `${ref:KIND/NAME.OUTPUT}`, and the rounds that it takes (kinds/README.md, Generated ids).
//!
//! Told with guardrails and a kind of this file, `pointer`, which lives in memory and points at something. A pointer that
//! is created gets a serial number, to which other pointers can point.

use std::collections::BTreeMap;
use std::sync::Mutex;

use async_trait::async_trait;
use reconciler_aws::client::{Reading, ResourceClient, Selection, WriteResult};
use reconciler_aws::{CallError, Session};
use reconciler_emulator::{Effect, Emulator, Fault, Options};
use reconciler_model::address::{Address, Scope};
use reconciler_model::codes;
use reconciler_model::desired::load;
use reconciler_model::diagnostic::Problem;
use reconciler_model::direction::Direction;
use reconciler_model::inventory::ObservedResource;
use reconciler_model::kind::{Contract, Kind, Normalised, Origin, Output, Situation};
use reconciler_model::permit::{Approval, Refusal, WritePermit};
use reconciler_model::plan::{Call, ExpectedState, Plan, Proposal, ProposedStep, Severity};
use reconciler_model::tree::Path;
use reconciler_tests::declarations::{CONTROLS, small};
use reconciler_tests::world::{World, notes, on, told};
use serde_json::{Value, json};

struct PointerKind;

impl Kind for PointerKind {
    fn contract(&self) -> &'static Contract {
        static CONTRACT: Contract = Contract {
            name: "pointer",
            about: "Points at something.",
            stage: 95,
            outputs: &[Output::new("serial")],
            ..Contract::DEFAULT
        };
        &CONTRACT
    }
    fn normalise(&self, spec: &Value, _: Origin) -> Normalised {
        Normalised { tree: json!({ "target": spec["target"] }), ..Normalised::default() }
    }
    fn check(&self, _: &Value) -> Vec<Problem> {
        Vec::new()
    }
    fn direction(&self, _: &Path, _: Option<&Value>, _: Option<&Value>) -> Direction {
        Direction::Weakened
    }
    fn steps(&self, situation: &Situation<'_>) -> Proposal {
        let action = if situation.live.is_some() { "update" } else { "create" };
        let step = ProposedStep {
            action,
            summary: format!("{action} {}", situation.name),
            call: Call::new("test", "Point", situation.target.clone()),
            expected_state: ExpectedState { tree: situation.target.clone(), ..ExpectedState::default() },
            ..ProposedStep::default()
        };
        Proposal { steps: if situation.differs.is_empty() { Vec::new() } else { vec![step] }, ..Proposal::default() }
    }
}

/// The pointers of one world: tree and serial by address.
#[derive(Default)]
struct Pointers(Mutex<BTreeMap<Address, (Value, u32)>>);

impl Pointers {
    fn target(&self, name: &str) -> String {
        let live = self.0.lock().expect("not poisoned");
        let (_, (tree, _)) = live.iter().find(|(address, _)| address.name == name).expect("a pointer");
        tree["target"].as_str().expect("text").to_owned()
    }

    /// Somebody else lets a pointer point elsewhere.
    fn point(&self, name: &str, target: &str) {
        let mut live = self.0.lock().expect("not poisoned");
        for (_, (tree, _)) in live.iter_mut().filter(|(address, _)| address.name == name) {
            tree["target"] = json!(target);
        }
    }

    fn seen(&self, address: &Address) -> Option<ObservedResource> {
        let live = self.0.lock().expect("not poisoned");
        let (tree, serial) = live.get(address)?;
        Some(ObservedResource {
            address: address.clone(),
            tree: tree.clone(),
            unknown_fields: BTreeMap::new(),
            external_id: json!({ "serial": format!("S-{serial}") }),
            private_state: Value::Null,
            settled: true,
            unread: Default::default(),
            beside: Value::Null,
        })
    }
}

#[async_trait]
impl ResourceClient for Pointers {
    fn kind(&self) -> &'static dyn Kind {
        &PointerKind
    }

    async fn observe(&self, _: &Session, scope: &Scope, selection: &Selection) -> Result<Reading, CallError> {
        let here: Vec<Address> = self.0.lock().expect("not poisoned").keys().cloned().collect();
        let selected = here.iter().filter(|address| address.is_in(scope) && selection.has(&address.name));
        Ok(Reading { resources: selected.filter_map(|address| self.seen(address)).collect(), ..Reading::default() })
    }

    async fn read_one(
        &self,
        _: &Session,
        address: &Address,
        _: Option<&Value>,
    ) -> Result<Option<ObservedResource>, CallError> {
        Ok(self.seen(address))
    }

    async fn perform(
        &self,
        _: &Session,
        address: &Address,
        call: &Call,
        _: Option<&Value>,
        _: &WritePermit,
    ) -> Result<WriteResult, CallError> {
        let mut live = self.0.lock().expect("not poisoned");
        let next = 1 + live.values().map(|(_, serial)| *serial).max().unwrap_or(0);
        let pointer = live.entry(address.clone()).or_insert((Value::Null, next));
        // Some are made anew by every write.
        let serial = if call.request["target"] == "renewed" { next } else { pointer.1 };
        *pointer = (call.request.clone(), serial);
        Ok(WriteResult { external_id: Value::Null, request_id: None })
    }
}

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

/// `b` points at `a`, which points at the guardrail.
const CHAIN: &str = "
---
kind: pointer
name: a
spec: {target: 'at ${ref:guardrail/payments.guardrailArn}'}
---
kind: pointer
name: b
spec: {target: '${ref:pointer/a.serial}'}
";

const CREATED: [&str; 2] = ["create guardrail/payments", "publish guardrail/payments"];

const POLICY: Approval = Approval::StandingPolicy { max_changes: 20 };

async fn world(declarations: &str) -> (World, &'static Pointers) {
    let pointers: &'static Pointers = Box::leak(Box::default());
    let mut clients = reconciler_kinds::CLIENTS.to_vec();
    clients.push(pointers);
    let emulator = Emulator::scenario("empty", Options::default()).expect("a scenario");
    (World::with_clients(emulator, &small(&format!("{GUARDRAIL}{declarations}")), clients).await, pointers)
}

fn steps(plan: &Plan) -> Vec<String> {
    plan.steps.iter().map(|step| format!("{} {}/{}", step.action, step.address.kind, step.address.name)).collect()
}

async fn arn(world: &World) -> String {
    world.direct_client().guardrail("payments", "DRAFT").await["guardrailArn"].as_str().expect("an ARN").to_owned()
}

/// What refers to something that is not there, and is not there itself, is missing; it waits, and says for what.
#[tokio::test]
async fn what_refers_to_something_that_is_not_there_waits() {
    let (world, _) = world(CHAIN).await;
    let plan = world.plan().await.plan;
    assert_eq!(steps(&plan), CREATED, "{}", told(&plan));
    assert_eq!((plan.summary.drifted, plan.summary.waiting, plan.summary.gaps), (3, 2, 0), "{}", told(&plan));
    assert_eq!(notes(&plan), [codes::OTHER_VERSIONS, codes::WAITS, codes::WAITS], "{}", told(&plan));
    let waits = plan.findings.iter().find(|finding| finding.code == codes::WAITS).expect("a finding");
    assert_eq!(waits.detail, "waits for management/eu-west-1/guardrail/payments");
}

/// A chain of three is created in one activation, each link with the real id of the one before it.
#[tokio::test]
async fn a_chain_is_created_in_one_activation() {
    let (world, pointers) = world(CHAIN).await;
    let converged = world.converge(POLICY).await.expect("within the policy");
    let planned: Vec<Vec<String>> = converged.rounds.iter().map(|round| steps(round.approved.plan())).collect();
    assert_eq!(planned, [CREATED.to_vec(), vec!["create pointer/a"], vec!["create pointer/b"]]);
    assert!(converged.rounds.iter().all(|round| round.applied.not_verified() == 0));
    assert!(converged.after.expect("a last plan").drift.is_empty());
    assert_eq!(pointers.target("a"), format!("at {}", arn(&world).await));
    assert_eq!(pointers.target("b"), "S-1");
    world.plan_again_nothing().await;
}

/// Somebody deletes a guardrail; the one that is created again has a new id, and what refers to it follows.
#[tokio::test]
async fn what_refers_to_a_guardrail_that_was_deleted_follows_the_new_one() {
    let (world, pointers) = world(CHAIN).await;
    world.converge(POLICY).await.expect("within the policy");
    let before = pointers.target("a");
    world.attack("bedrock", "DeleteGuardrail", json!({"guardrailIdentifier": "guardrail:payments"}));
    let plan = world.plan().await.plan;
    assert_eq!(steps(&plan), CREATED);
    assert_eq!((plan.summary.waiting, plan.summary.in_sync), (1, 1), "b points at a, which is there: {}", told(&plan));

    let converged = world.converge(Approval::Operator).await.expect("approved");
    let planned: Vec<Vec<String>> = converged.rounds.iter().map(|round| steps(round.approved.plan())).collect();
    assert_eq!(planned, [CREATED.to_vec(), vec!["update pointer/a"]]);
    assert_eq!(pointers.target("a"), format!("at {}", arn(&world).await));
    assert_ne!(pointers.target("a"), before);
    world.plan_again_nothing().await;
}

/// h23. What refers to something that could not be read is unknown itself: it is not rendered from a guess.
#[tokio::test]
async fn what_refers_to_something_unknown_is_unknown() {
    let (world, _) = world(CHAIN).await;
    world.converge(POLICY).await.expect("within the policy");
    world.inject(vec![Fault::always(on("ListGuardrails"), Effect::Deny)]);
    let plan = world.plan().await.plan;
    assert!(plan.steps.is_empty() && plan.drift.is_empty(), "{}", told(&plan));
    assert_eq!((plan.summary.gaps, plan.summary.waiting, plan.summary.in_sync), (2, 0, 1), "{}", told(&plan));
    assert!(plan.gaps.iter().any(|gap| gap.kind == "pointer" && gap.code == codes::DENIED), "{}", told(&plan));
}

/// The cap of the standing policy is over the whole activation, not over each of its rounds.
#[tokio::test]
async fn the_cap_is_over_all_rounds() {
    let (world, pointers) = world(CHAIN).await;
    let converged = world.converge(Approval::StandingPolicy { max_changes: 2 }).await.expect("the first is within");
    assert_eq!(converged.rounds.len(), 2);
    assert_eq!(converged.refused, None);
    let after = converged.after.expect("what is left");
    let left: Vec<_> = after.findings.iter().filter(|one| one.severity == Severity::Left).collect();
    assert_eq!((left.len(), left[0].address.name.as_str(), left[0].code.as_str()), (1, "b", codes::BLAST_RADIUS));
    assert!(steps(&after).is_empty(), "{}", told(&after));
    assert!(!pointers.0.lock().expect("not poisoned").keys().any(|address| address.name == "b"));
}

/// A person's approval reaches what he saw: what the plan named as waiting, and nothing else. The standing policy goes on.
#[tokio::test]
async fn an_approval_does_not_reach_what_was_not_seen() {
    let following = "---\nkind: pointer\nname: a\nspec: {target: renewed}\n---\nkind: pointer\nname: b\nspec: {target: '${ref:pointer/a.serial}'}\n";
    let (world, pointers) = world(following).await;
    world.converge(Approval::Operator).await.expect("approved, and named as waiting");
    assert_eq!(pointers.target("b"), "S-1");
    // When `a` is put back it gets another serial, which moves `b`; the plan could not say so.
    pointers.point("a", "elsewhere");
    let converged = world.converge(Approval::Operator).await.expect("approved");
    let touched = "management/eu-west-1/pointer/b".parse().expect("an address");
    assert_eq!(converged.refused, Some(Refusal::NotSeen { round: 2, addresses: vec![touched] }));
    assert_eq!(pointers.target("b"), "S-1");
    world.converge(POLICY).await.expect("within the policy");
    assert_ne!(pointers.target("b"), "S-1");
    world.plan_again_nothing().await;
}

/// What refers to the newest version of a guardrail means one that is as declared. While the newest one is weak
/// it waits, so that nothing is moved to the weak version; the plan says so, and an approval reaches it.
#[tokio::test]
async fn what_refers_to_a_version_waits_while_the_newest_is_weak() {
    let following = "---\nkind: pointer\nname: v\nspec: {target: '${ref:guardrail/payments.version}'}\n";
    let (world, pointers) = world(following).await;
    world.converge(Approval::Operator).await.expect("approved, and named as waiting");
    assert_eq!(pointers.target("v"), "1");
    world.set_guardrail("payments", "/contentPolicyConfig/filtersConfig/type=HATE/inputStrength", json!("NONE"));
    world.publish("payments");
    let plan = world.plan().await.plan;
    assert_eq!((plan.summary.waiting, notes(&plan).contains(&codes::WAITS)), (1, true), "{}", told(&plan));
    let converged = world.converge(Approval::Operator).await.expect("approved");
    let planned: Vec<Vec<String>> = converged.rounds.iter().map(|round| steps(round.approved.plan())).collect();
    assert_eq!(planned, [vec!["update guardrail/payments", "publish guardrail/payments"], vec!["update pointer/v"]]);
    assert_eq!(pointers.target("v"), "3");
    world.plan_again_nothing().await;
}

/// An activation ends when nothing more can be verified, and when its rounds are over.
#[tokio::test]
async fn an_activation_without_success_ends() {
    let (world, _) = world(CHAIN).await;
    let (code, message) = ("ServiceQuotaExceededException".to_owned(), "the limit is reached".to_owned());
    world.inject(vec![Fault::always(on("CreateGuardrail"), Effect::Error { code, status: 400, message })]);
    let converged = world.converge(POLICY).await.expect("within the policy");
    assert_eq!(converged.rounds.len(), 1);
    assert_eq!(converged.after.expect("what is left").summary.waiting, 2);
}

/// Of one stage, what is needed goes first, in one round.
#[tokio::test]
async fn within_a_stage_what_is_needed_goes_first() {
    let text = "
---
kind: pointer
name: a
spec: {target: '${ref:pointer/z.target}'}
---
kind: pointer
name: z
spec: {target: 'the end'}
";
    let (world, pointers) = world(text).await;
    let plan = world.restore().await;
    assert_eq!(steps(&plan)[2..], ["create pointer/z", "create pointer/a"]);
    assert_eq!(plan.steps[3].needs, ["3"]);
    assert_eq!(pointers.target("a"), "the end");
    world.plan_again_nothing().await;
}

/// A field that neither the declaration nor the live resource has is an error that lists both.
#[tokio::test]
async fn a_field_that_nobody_has_is_an_error() {
    let mut kinds: Vec<&dyn Kind> = reconciler_kinds::KINDS.to_vec();
    kinds.push(&PointerKind);
    let text =
        format!("{GUARDRAIL}---\nkind: pointer\nname: a\nspec: {{target: '${{ref:guardrail/payments.owner}}'}}\n");
    let problems = load(&small(&text), &kinds, CONTROLS).expect_err("no such field");
    assert_eq!(problems[0].code, codes::UNRESOLVED_REFERENCE);
    assert_eq!(
        problems[0].remedy,
        "refer to `name`, to a field that its spec declares (blockedInputMessaging, blockedOutputsMessaging, \
         contentPolicy), or to what the live one has (guardrailId, guardrailArn, version)"
    );
}
