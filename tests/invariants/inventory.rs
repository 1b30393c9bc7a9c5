//! The inventory of an incident: what the histories and logs of the time of an exposure say, bounded and without prompts.

use jiff::{SignedDuration, Timestamp};
use reconciler_emulator::{Effect, Fault, Times};
use reconciler_engine::queries::Question;
use reconciler_model::control::{self, Answered, Query, QuerySource};
use reconciler_tests::world::{World, on, step};
use serde_json::{Value, json};

const LOGGED: &str = r#"
kind: invocation-logging
name: default
spec:
  cloudWatchConfig: {logGroupName: /aws/bedrock/model-invocations, roleArn: "arn:aws:iam::111122223333:role/bedrock-invocation-logging"}
  textDataDeliveryEnabled: true
"#;

fn query(source: QuerySource, text: &str) -> Query {
    Query { name: "one".into(), about: "What happened.".into(), source, text: text.into() }
}

fn invoke(world: &World, actor: &str, model: &str, guarded: bool, at: &str) {
    let mut body = json!({"modelId": model, "body": {"prompt": "the secret recipe"}});
    if guarded {
        body["guardrailIdentifier"] = json!("gr");
    }
    let mut step = step("bedrock-runtime", "InvokeModel", body, Vec::new());
    step.principal = format!("arn:${{partition}}:sts::${{account}}:assumed-role/App/{actor}");
    step.at = Some(at.to_owned());
    world.play(step);
}

async fn logged() -> World {
    let world = World::small("in-sync", LOGGED).await;
    for (actor, model, guarded, at) in [
        ("alice", "anthropic.claude", true, "-50m"),
        ("alice", "anthropic.claude", true, "-40m"),
        ("bob", "amazon.titan", false, "-30m"),
        ("early", "amazon.titan", false, "-5h"),
    ] {
        invoke(&world, actor, model, guarded, at);
    }
    world
}

async fn asked(world: &World, query: &Query) -> Vec<Answered> {
    let planned = world.plan().await;
    let question = Question { control: "aws-genai-04", step: "F1", query };
    let now = Timestamp::now();
    world.ask(&planned, &[question], (now - SignedDuration::from_hours(1), now)).await
}

fn rows(answers: &[Answered]) -> Value {
    json!(answers.iter().flat_map(|answer| &answer.rows).collect::<Vec<_>>())
}

#[tokio::test]
async fn invocations_are_counted_by_principal_and_model() {
    let world = logged().await;
    let text = "filter schemaType = \"ModelInvocationLog\" | stats count(*) as calls by identity.arn, modelId | sort calls desc";
    let answers = asked(&world, &query(QuerySource::InvocationLogs, text)).await;
    let [answer] = &answers[..] else { panic!("{answers:#?}") };
    assert_eq!((answer.unanswered.as_deref(), answer.row_count, answer.truncated), (None, 2, false));
    assert_eq!(answer.log_group.as_deref(), Some("/aws/bedrock/model-invocations"));
    assert!(answer.bytes_scanned.is_some_and(|bytes| bytes > 0));
    assert_eq!(answer.query.text, text);
    assert_eq!(
        rows(&answers),
        json!([
            {"identity.arn": "arn:aws:sts::111122223333:assumed-role/App/alice", "modelId": "anthropic.claude", "calls": "2"},
            {"identity.arn": "arn:aws:sts::111122223333:assumed-role/App/bob", "modelId": "amazon.titan", "calls": "1"},
        ])
    );
}

#[tokio::test]
async fn the_history_tells_of_invocations_too() {
    let world = logged().await;
    let answers = asked(&world, &query(QuerySource::EventHistory, "InvokeModel, Converse")).await;
    let counts: Vec<&str> = answers.iter().flat_map(|one| &one.rows).map(|row| row["count"].as_str()).collect();
    assert_eq!(counts, ["1", "2"], "{answers:#?}");
    assert!(rows(&answers)[1]["principal"].as_str().is_some_and(|principal| principal.ends_with("/alice")));
}

#[tokio::test]
async fn no_prompt_is_kept_whatever_a_query_asks_for() {
    let world = logged().await;
    let text = "fields @timestamp, requestId, @message, input.inputBodyJson.prompt, identity.arn";
    let answers = asked(&world, &query(QuerySource::InvocationLogs, text)).await;
    assert_eq!(answers[0].row_count, 3);
    assert_eq!(answers[0].left_out, ["@message", "input.inputBodyJson.prompt"]);
    let text = serde_json::to_string(&answers).expect("JSON");
    assert!(!text.contains("secret recipe") && text.contains("identity.arn"), "{text}");
}

#[tokio::test]
async fn what_cannot_be_asked_has_a_reason() {
    let world = logged().await;
    let reason = |answers: Vec<Answered>| answers[0].unanswered.clone().expect("a reason");
    // No trail writes to a log group here.
    let of_trail = query(QuerySource::TrailLogs, "fields @timestamp");
    assert!(reason(asked(&world, &of_trail).await).contains("no log group is known"));
    let malformed = query(QuerySource::InvocationLogs, "parse @message /x/");
    assert!(reason(asked(&world, &malformed).await).contains("MalformedQueryException"));
    let good = query(QuerySource::InvocationLogs, "fields @timestamp");
    world.inject(vec![Fault { times: Times::Forever, ..Fault::once(on("StartQuery"), Effect::Deny) }]);
    assert!(reason(asked(&world, &good).await).contains("AccessDenied"));
    world.emulator.clear_faults();
    world.inject(vec![Fault { times: Times::Forever, ..Fault::once(on("LookupEvents"), Effect::Deny) }]);
    let history = query(QuerySource::EventHistory, "InvokeModel");
    assert!(reason(asked(&world, &history).await).contains("AccessDenied"));
    world.emulator.clear_faults();
    let open = json!({"logGroupIdentifier": "/aws/bedrock/model-invocations", "deletionProtectionEnabled": false});
    world.attack("logs", "PutLogGroupDeletionProtection", open);
    world.attack("logs", "DeleteLogGroup", json!({"logGroupName": "/aws/bedrock/model-invocations"}));
    assert!(reason(asked(&world, &good).await).contains("ResourceNotFoundException"));
}

/// Every query of every control is understood, on the whole organization.
#[tokio::test]
async fn every_query_of_the_controls_is_asked() {
    let world = World::whole("in-sync").await;
    let controls = control::all();
    let questions = Question::of(controls);
    assert!(questions.len() > 10);
    let planned = world.plan().await;
    let now = Timestamp::now();
    let answers = world.ask(&planned, &questions, (now - SignedDuration::from_hours(1), now)).await;
    let mut answered = 0;
    for answer in &answers {
        let what = format!("{} {} {}", answer.control, answer.step, answer.query.name);
        let why = answer.unanswered.as_deref().unwrap_or("");
        assert!(why.is_empty() || why.contains("no log group is known"), "{what}: {why}");
        answered += usize::from(why.is_empty());
    }
    assert!(answered * 2 > answers.len(), "{answered} of {}", answers.len());
}
