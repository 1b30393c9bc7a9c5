//! What only reads, writes nothing; and what it reads, it tells the same way every time.

use reconciler_emulator::Emulator;
use reconciler_model::address::ScopeKind;
use reconciler_model::desired::{Exported, exported};
use reconciler_model::permit::Approval;
use reconciler_tests::declarations::{ORGANIZATION, of_the_repository, source};
use reconciler_tests::world::World;
use serde_json::json;

fn scenarios() -> impl Iterator<Item = &'static str> {
    Emulator::scenario_names().iter().map(|(name, _)| *name)
}

/// No write call is reachable from a plan or an export, in any scenario: the call log of AWS has reads only. Assuming a
/// role is how the reader gets in.
#[tokio::test]
async fn plans_and_exports_only_read() {
    for scenario in scenarios() {
        let world = World::whole(scenario).await;
        world.plan().await;
        world.survey().await;
        let writes: Vec<String> = world.written().into_iter().filter(|one| one != "AssumeRole").collect();
        assert_eq!(writes, Vec::<String>::new(), "{scenario}");
        assert!(world.emulator.calls().len() > 20, "{scenario}: the log has the reads");
    }
}

/// Two plans of one world are equal byte for byte, but for the time at which they were made: lists come in another order,
/// answers at another time, and none of it shows.
#[tokio::test]
async fn two_plans_of_one_world_are_equal() {
    // Among these is every kind, in every state that a plan tells of.
    for scenario in ["empty", "bare", "in-sync", "drifted", "campaign", "version-deleted"] {
        let world = World::whole(scenario).await;
        let mut texts = Vec::new();
        for _ in 0..3 {
            let mut plan = world.plan().await.plan;
            assert!(plan.id_is_right());
            plan.created_at = String::new();
            texts.push(serde_json::to_string_pretty(&plan).expect("JSON"));
        }
        assert_eq!(texts[0], texts[1], "{scenario}");
        assert_eq!(texts[0], texts[2], "{scenario}");
        // A plan that went through a file is the same plan.
        let read: reconciler_model::plan::Plan = serde_json::from_str(&texts[0]).expect("a plan");
        assert!(read.id_is_right(), "{scenario}");
    }
}

/// What `export` prints is a desired state in which everything is in sync, in every scenario.
#[tokio::test]
async fn an_export_is_a_desired_state_that_is_in_sync() {
    for scenario in scenarios().filter(|name| !["empty", "bare"].contains(name)) {
        let world = World::whole(scenario).await;
        let inventory = world.survey().await;
        assert!(inventory.gaps.is_empty(), "{:?}", inventory.gaps);
        let mut files: Vec<_> =
            of_the_repository().into_iter().filter(|file| file.file == "organization.yaml").collect();
        for (index, (address, observed)) in inventory.resources.iter().enumerate() {
            let kind = reconciler_kinds::KINDS.iter().find(|kind| kind.name() == address.kind).expect("a kind");
            let place = match kind.contract().scope {
                ScopeKind::Organization => json!({}),
                ScopeKind::Account => json!({"accounts": [address.account]}),
                ScopeKind::Region => json!({"accounts": [address.account], "regions": [address.region]}),
            };
            let Exported { spec, left_out } = exported(*kind, observed);
            assert_eq!(left_out, [], "{address}");
            let declaration =
                json!({ "kind": address.kind, "name": address.name, "where": place, "spec": spec.expect("a spec") });
            let text = serde_yaml::to_string(&declaration).expect("YAML");
            files.push(source(&format!("exported/{index}.yaml"), &text));
        }
        let exported = World::over(world.emulator.clone(), &files).await;
        assert_eq!(exported.wanted.len(), inventory.resources.len(), "{scenario}");
        exported.plan_again_nothing().await;
    }
}

/// Every scenario is restored to the desired state of the repository in one run, and then there is nothing left to do.
/// In the empty one there are things missing that are never made out of nothing.
#[tokio::test]
async fn every_scenario_is_restored_in_one_run() {
    for scenario in scenarios().filter(|name| *name != "empty") {
        let world = World::whole(scenario).await;
        let converged = world.converge(Approval::Operator).await.expect("approved");
        assert!(converged.rounds.iter().all(|round| round.applied.not_verified() == 0), "{scenario}");
        assert_eq!(converged.rounds.is_empty(), scenario == "in-sync", "{scenario}");
        if scenario == "campaign" {
            // What an innocent change made stronger is reported, and kept.
            let after = world.plan_again_no_steps().await;
            assert!(after.drift.iter().flat_map(|drift| &drift.fields).all(|field| field.kept));
            assert!(after.gaps.is_empty() && after.summary.waiting == 0);
        } else {
            world.plan_again_nothing().await;
        }
    }
}

/// The small organization that stories use is one account and one region of the world that scenarios build.
#[tokio::test]
async fn the_small_organization_is_part_of_every_scenario() {
    assert!(
        ORGANIZATION.contains(reconciler_tests::world::ACCOUNT)
            && ORGANIZATION.contains(reconciler_tests::world::REGION)
    );
    let world = World::small("in-sync", "kind: guardrail\nname: baseline\nspec: {}\n").await;
    world.plan_again_nothing().await;
}
