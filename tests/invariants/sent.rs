//! What a plan shows is what is sent: each call that reaches AWS is the call of a step, member for member.

use std::collections::BTreeSet;

use reconciler_emulator::Options;
use reconciler_engine::event::StepOutcome;
use reconciler_model::plan::Step;
use reconciler_tests::declarations::{of_the_repository, source};
use reconciler_tests::world::World;
use serde_json::{Value, json};

/// The call that logs in, which no plan shows.
const NO_STEP: &str = "AssumeRole";

/// A request as it can be compared: the protocols of EC2 and IAM have texts alone, and every call of S3 names its owner.
fn comparable(request: &Value, left_out: &BTreeSet<&str>) -> Value {
    match request {
        Value::Object(members) => members
            .iter()
            .filter(|(name, _)| !left_out.contains(name.as_str()) && *name != "ExpectedBucketOwner")
            .map(|(name, value)| (name.clone(), comparable(value, &BTreeSet::new())))
            .collect(),
        Value::Array(items) => items.iter().map(|item| comparable(item, &BTreeSet::new())).collect(),
        Value::String(_) | Value::Null => request.clone(),
        scalar => json!(scalar.to_string()),
    }
}

/// Restores a world in rounds, and holds each round's calls against its steps. Gives the actions that were sent.
async fn sent_as_planned(world: &World) -> BTreeSet<String> {
    let ids = world.account_ids();
    let mut sent = BTreeSet::new();
    for _ in 0..5 {
        let planned = world.plan().await;
        if planned.plan.steps.is_empty() {
            break;
        }
        world.emulator.clear_calls();
        let applied = world.apply(&planned).await;
        let calls: Vec<_> = world.writes().into_iter().filter(|call| call.operation != NO_STEP).collect();
        let is_of = |call: &reconciler_emulator::Call, step: &Step| {
            let filled: BTreeSet<&str> = step.call.filled.keys().map(String::as_str).collect();
            let body = comparable(call.body.as_ref().unwrap_or(&Value::Null), &filled);
            call.operation == step.call.operation
                && ids.get(&step.address.account) == Some(&call.account)
                && body == comparable(&step.call.request, &filled)
        };
        for call in &calls {
            let is_planned = planned.plan.steps.iter().any(|step| is_of(call, step));
            let alike = planned.plan.steps.iter().filter(|step| step.call.operation == call.operation);
            let alike: Vec<String> = alike.map(|step| step.call.request.to_string()).collect();
            assert!(is_planned, "{} {}\nsteps: {alike:#?}", call.operation, call.body.clone().unwrap_or_default());
        }
        for step in &planned.plan.steps {
            if !matches!(applied.steps.get(&step.id), None | Some(StepOutcome::NotTried { .. })) {
                assert!(calls.iter().any(|call| is_of(call, step)), "{} was not sent: {:?}", step.id, step.call);
                sent.insert(step.call.action());
            }
        }
    }
    sent
}

/// Every step of the drifted scenario.
#[tokio::test]
async fn what_restores_drift_is_sent_as_it_is_planned() {
    let sent = sent_as_planned(&World::whole("drifted").await).await;
    assert!(sent.len() > 12, "{sent:?}");
}

/// What the shipped desired state makes where nothing is, with the buckets that a declaration may create.
#[tokio::test]
async fn what_makes_everything_is_sent_as_it_is_planned() {
    let sources: Vec<_> = of_the_repository()
        .into_iter()
        .map(|one| {
            let content = one.content.as_ref().expect("a file that was read");
            let text = String::from_utf8(content.clone()).expect("a text");
            let made = "  publicAccessBlockConfiguration:\n";
            source(&one.file, &text.replace(made, &format!("  createWhenMissing: true\n{made}")))
        })
        .collect();
    let sent = sent_as_planned(&World::open("empty", Options::default(), &sources).await).await;
    for action in ["s3:CreateBucket", "logs:CreateLogGroup", "bedrock:CreateGuardrail", "cloudtrail:CreateTrail"] {
        assert!(sent.contains(action), "{action}: {sent:?}");
    }
}
