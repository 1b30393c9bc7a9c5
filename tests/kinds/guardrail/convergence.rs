//! Whatever somebody did to a guardrail, one run undoes what may be undone, and the next has nothing to do.

use proptest::prelude::*;
use reconciler_emulator::Options;
use reconciler_model::direction::Direction;
use reconciler_tests::declarations::small;
use reconciler_tests::generate;
use reconciler_tests::world::{World, told};
use serde_json::Value;

use super::{request, specs};

fn quickly<T>(story: impl Future<Output = T>) -> T {
    tokio::runtime::Builder::new_current_thread().enable_all().build().expect("a runtime").block_on(story)
}

async fn attacked(seed: u64, declared: &Value, live: &Value, when_stronger: &str) -> World {
    let text = generate::declaration("guardrail", "payments", declared, when_stronger);
    let world = World::open("empty", Options { seed, ..Options::default() }, &small(&text)).await;
    world.restore().await;
    world.plan_again_nothing().await;
    world.attack("bedrock", "UpdateGuardrail", request("payments", live));
    if seed.is_multiple_of(2) {
        world.publish("payments");
    }
    world
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 40, failure_persistence: None, ..ProptestConfig::default() })]

    /// Random drift through the API, undone whatever its direction: what is declared is reached in one run.
    #[test]
    fn random_drift_is_undone_in_one_run(seed in any::<u64>(), want in specs(), live in specs()) {
        quickly(async {
            let world = attacked(seed, &want, &live, "undo").await;
            world.restore().await;
            world.plan_again_nothing().await;
        });
    }

    /// The same, with what is stronger kept: afterwards nothing is left but what was kept, and none of it is weaker.
    #[test]
    fn random_drift_is_undone_but_for_what_is_stronger(
        seed in any::<u64>(), want in specs(), live in specs()
    ) {
        quickly(async {
            let world = attacked(seed, &want, &live, "report").await;
            world.restore().await;
            let plan = world.plan_again_no_steps().await;
            for field in plan.drift.iter().flat_map(|drift| &drift.fields) {
                assert!(field.kept && field.direction == Direction::Strengthened, "{}", told(&plan));
            }
        });
    }
}
