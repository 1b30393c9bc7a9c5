//! Plays a row and says whether it came as it must.

use std::collections::BTreeSet;

use reconciler_emulator::{Effect, Emulator, Fault, Options, Script};
use reconciler_engine::rounds::Converged;
use reconciler_model::drift::{Change, Drift};
use reconciler_model::permit::Approval;
use reconciler_model::plan::Plan;
use reconciler_tests::world::{World, told};
use serde_json::{Value, json};

use crate::row::{Class, Expect, Row, Wiped};
use crate::snapshot::{self, Snapshot, differences};

/// Plays one row over the scenario in which everything is as declared.
///
/// # Errors
/// What did not come as it must, in one line first.
pub(crate) async fn play(row: &Row) -> Result<(), String> {
    let emulator = Emulator::scenario("in-sync", Options::default()).map_err(|error| format!("set-up: {error}"))?;
    let mut world = World::over(emulator, &row.desired()).await;
    world.undone_at_most = Some(2);
    world.asks_past = true;
    attack(&world, row.before())?;
    if row.declares_otherwise() {
        enforce(&world).await?;
        let plan = world.plan().await.plan;
        if exit_of(&plan) != 0 {
            return Err(format!("set-up: not in sync: {}", told(&plan)));
        }
    }
    if row.pins {
        world.pin().await;
    }
    let before = snapshot::of(&world.emulator).await;
    attack(&world, row.steps())?;
    let attacked = snapshot::of(&world.emulator).await;
    if before == attacked && row.expect == Expect::Harmless {
        return Err("set-up: the calls change nothing that can be seen".to_owned());
    }
    row.wipes.iter().for_each(|wiped| match wiped {
        Wiped::Pins => world.lose_pins(),
        Wiped::Journal => world.lose_journal(),
    });
    world.emulator.inject(row.faults.clone());
    let first = world.plan().await.plan;
    let seen = Seen { row, before, attacked, first };
    match row.expect {
        Expect::Harmless => seen.harmless(&world).await,
        Expect::Restored => seen.restored(&world).await,
        Expect::Paged => seen.paged(&world).await,
    }
}

fn attack(world: &World, steps: Vec<reconciler_emulator::Step>) -> Result<(), String> {
    let script = Script { steps, ..Script::default() };
    world.emulator.run(&script).map_err(|error| format!("set-up: {error}"))
}

async fn enforce(world: &World) -> Result<Converged, String> {
    world.converge(Approval::StandingPolicy { max_changes: 200 }).await.map_err(|refusal| format!("refused: {refusal}"))
}

struct Seen<'a> {
    row: &'a Row,
    before: Snapshot,
    attacked: Snapshot,
    first: Plan,
}

impl Seen<'_> {
    /// Nobody is woken, and it stays.
    async fn harmless(&self, world: &World) -> Result<(), String> {
        self.is_calm(&self.first, "the first plan")?;
        let converged = enforce(world).await?;
        let failed = converged.rounds.iter().map(|round| round.applied.not_verified()).sum::<usize>();
        if failed > 0 {
            return Err(format!("enforce failed {failed} steps: {}", told(&self.first)));
        }
        let after = snapshot::of(&world.emulator).await;
        let undone = differences(&self.attacked, &after);
        if !undone.is_empty() {
            return Err(format!("enforce wrote {undone:?}: {}", told(&self.first)));
        }
        self.is_calm(&world.plan().await.plan, "the plan after enforce")
    }

    /// It is as it was, and a plan finds nothing.
    async fn restored(&self, world: &World) -> Result<(), String> {
        self.is_told(&self.first, "the first plan")?;
        enforce(world).await?;
        // Events tell who did something, and what was there once; how it is now is read elsewhere.
        let is_of_events = |fault: &Fault| fault.matching.operation.as_deref() == Some("LookupEvents");
        let blinds = |fault: &Fault| !matches!(fault.then, Effect::UnknownField { .. }) && !is_of_events(fault);
        if self.row.faults.iter().any(blinds) {
            let blind = world.plan().await.plan;
            if matches!(exit_of(&blind), 0 | 65) {
                return Err(format!("the plan exits {} while it cannot see: {}", exit_of(&blind), told(&blind)));
            }
            world.emulator.clear_faults();
        }
        let mut plan = world.plan().await.plan;
        // What the attack added and nobody takes away goes on being told.
        plan.drift.retain(|one| one.change != Change::Unexpected || !self.adds(&one.name));
        // What is kept because it is stronger is told for as long as it is there.
        let is_kept = |drift: &Drift| !drift.fields.is_empty() && drift.fields.iter().all(|field| field.kept);
        let is_well = exit_of(&plan) == 0 || (exit_of(&plan) == 2 && plan.drift.iter().all(is_kept));
        if !is_well || !plan.steps.is_empty() {
            return Err(format!("plan again exits {}: {}", exit_of(&plan), told(&plan)));
        }
        let after = snapshot::of(&world.emulator).await;
        let left = self.without_what_stays(differences(&self.before, &after));
        match left.first() {
            None => Ok(()),
            Some(key) => Err(format!(
                "not as it was: {left:?}\nbefore {}\nafter  {}",
                self.before.get(key).unwrap_or(&Value::Null),
                after.get(key).unwrap_or(&Value::Null)
            )),
        }
    }

    /// Every plan says so until somebody acts.
    async fn paged(&self, world: &World) -> Result<(), String> {
        self.is_told(&self.first, "the first plan")?;
        let first = alerts(&self.first, self.row.told);
        for when in ["the plan after enforce", "the plan after enforcing twice"] {
            enforce(world).await?;
            attack(world, self.row.again())?;
            let plan = world.plan().await.plan;
            self.is_told(&plan, when)?;
            if first.is_disjoint(&alerts(&plan, self.row.told)) {
                return Err(format!("{when} tells something else than {first:?}: {}", told(&plan)));
            }
        }
        world.emulator.clear_faults();
        let after = snapshot::of(&world.emulator).await;
        let differs = differences(&self.before, &after);
        let lost = differs.iter().find(|key| self.row.restores.iter().any(|part| key.contains(part.as_str())));
        if let Some(lost) = lost {
            return Err(format!("{lost} is not as it was"));
        }
        let attacked = differences(&self.before, &self.attacked);
        let moved: BTreeSet<String> = differs.difference(&attacked).cloned().collect();
        let moved = self.without_what_stays(moved);
        if moved.is_empty() { Ok(()) } else { Err(format!("something else changed: {moved:?}")) }
    }

    fn is_told(&self, plan: &Plan, which: &str) -> Result<(), String> {
        let (exit, class) = (exit_of(plan), class_of(plan));
        if matches!(exit, 0 | 65) || class < self.row.told {
            return Err(format!("{which} exits {exit} with {class:?}, not {:?}: {}", self.row.told, told(plan)));
        }
        Ok(())
    }

    fn is_calm(&self, plan: &Plan, which: &str) -> Result<(), String> {
        let (exit, class) = (exit_of(plan), class_of(plan));
        let is_woken = class == Class::Page || (self.row.calm && (exit != 0 || class != Class::None));
        if matches!(exit, 1 | 65) || is_woken {
            return Err(format!("{which} exits {exit} with {class:?}: {}", told(plan)));
        }
        Ok(())
    }

    /// Whether the attack is known to add something of this name.
    fn adds(&self, name: &str) -> bool {
        self.row.leaves.iter().any(|part| part.split(' ').any(|word| word == name))
    }

    fn without_what_stays(&self, keys: BTreeSet<String>) -> Vec<String> {
        keys.into_iter().filter(|key| !self.row.leaves.iter().any(|part| key.contains(part.as_str()))).collect()
    }
}

/// The exit code of `plan`, as the program gives it.
fn exit_of(plan: &Plan) -> u8 {
    let unknown = !plan.gaps.is_empty() || plan.summary.gaps > 0 || plan.summary.waiting > 0;
    match (plan.diagnostics.is_empty(), plan.drift.is_empty()) {
        (false, _) => 65,
        (true, false) => 2,
        (true, true) if unknown => 3,
        (true, true) => 0,
    }
}

/// The most urgent of all that a plan tells, of drift and of gaps.
fn class_of(plan: &Plan) -> Class {
    [Class::Page, Class::Ticket, Class::Inform]
        .into_iter()
        .find(|class| !alerts(plan, *class).is_empty())
        .unwrap_or(Class::None)
}

/// Who is told of what: place, control and signal.
fn alerts(plan: &Plan, class: Class) -> BTreeSet<String> {
    let word = match class {
        Class::Page => "page",
        Class::Ticket => "ticket",
        Class::Inform => "inform",
        Class::None => return BTreeSet::new(),
    };
    // As JSON, which is the contract: whatever comes to have alerts is looked at.
    let plan = json!(plan);
    let mut found = BTreeSet::new();
    for list in ["drift", "gaps", "contested", "findings"] {
        for one in plan[list].as_array().into_iter().flatten() {
            let place = if one["address"].is_null() { one["scope"].to_string() } else { one["address"].to_string() };
            for alert in one["alerts"].as_array().into_iter().flatten().filter(|alert| alert["class"] == word) {
                found.insert(format!("{place} {} {}", alert["control"], alert["signal"]));
            }
        }
    }
    found
}
