//! `drill`: attack, detect, restore, verify, on the embedded AWS; with a score card.

use std::time::{Duration, Instant};

use reconciler_aws::{Connection, Retries};
use reconciler_emulator::{Emulator, Options};
use reconciler_engine::apply::Applied;
use reconciler_engine::event::Silence;
use reconciler_engine::journal::Journal;
use reconciler_engine::state::StateFolder;
use reconciler_model::desired::Desired;
use reconciler_model::plan::Plan;
use reconciler_model::warrant::Approval;
use serde_json::{Value, json};

use super::apply;
use crate::exit::Exit;
use crate::failure::Failure;
use crate::render;
use crate::screen::{BAD, GOOD, Screen, paint};
use crate::setup::{Setup, open_emulator};

/// The scenario in which nothing is to be found.
const PEACE: &str = "in-sync";
/// Scenarios that are no attack.
const PEACEFUL: &[&str] = &["empty", "bare", PEACE];

struct Score {
    scenario: String,
    drifted: usize,
    fields: usize,
    detect: Duration,
    restore: Duration,
    reads: usize,
    writes: usize,
    verified: usize,
    steps: usize,
    passed: bool,
}

pub(crate) async fn run(setup: &Setup, scenario: Option<String>) -> Result<Exit, Failure> {
    let desired = setup.desired()?;
    if desired.needs_directory().is_some() {
        let text =
            "a drill needs the accounts in organization.yaml: those that are discovered are not in the embedded AWS";
        return Err(
            Failure::new(Exit::Usage, text).hint("use --desired with a folder whose organization.yaml lists them")
        );
    }
    let scenarios: Vec<String> = match scenario {
        Some(one) => vec![one],
        None => Emulator::scenario_names()
            .iter()
            .map(|(name, _)| (*name).to_owned())
            .filter(|name| !PEACEFUL.contains(&name.as_str()))
            .collect(),
    };
    let mut scores = Vec::new();
    for scenario in scenarios {
        scores.push(one(setup, &desired, scenario).await?);
    }
    let passed = scores.iter().all(|score| score.passed);
    let network_clients = reconciler_aws::network_clients();
    setup.screen.json(&json!({
        "passed": passed,
        "network_clients": network_clients,
        "scenarios": scores.iter().map(as_json).collect::<Vec<_>>(),
    }))?;
    let table =
        ["scenario", "drifted", "fields", "detected in", "restored in", "reads", "writes", "verified", "result"];
    setup.screen.say(row(table.map(str::to_owned)))?;
    for score in &scores {
        let result = if score.passed { paint(GOOD, "restored") } else { paint(BAD, "FAILED") };
        setup.screen.say(row([
            score.scenario.clone(),
            score.drifted.to_string(),
            score.fields.to_string(),
            format!("{} ms", score.detect.as_millis()),
            format!("{} ms", score.restore.as_millis()),
            score.reads.to_string(),
            score.writes.to_string(),
            format!("{}/{}", score.verified, score.steps),
            result,
        ]))?;
    }
    setup.screen.say(format_args!("network clients in this process: {network_clients}"))?;
    Ok(if passed && network_clients == 0 { Exit::Done } else { Exit::Failed })
}

fn row(cells: [String; 9]) -> String {
    let widths = [16, 9, 8, 13, 13, 7, 8, 10, 0];
    cells.iter().zip(widths).map(|(cell, width)| format!("{cell:<width$}")).collect::<String>().trim_end().to_owned()
}

fn as_json(score: &Score) -> Value {
    json!({
        "scenario": score.scenario,
        "drifted": score.drifted,
        "fields": score.fields,
        "detect_ms": score.detect.as_millis() as u64,
        "restore_ms": score.restore.as_millis() as u64,
        "reads": score.reads,
        "writes": score.writes,
        "steps": score.steps,
        "verified": score.verified,
        "passed": score.passed,
    })
}

async fn one(setup: &Setup, desired: &Desired, scenario: String) -> Result<Score, Failure> {
    let emulator = open_emulator(&scenario, Options::default())?;
    let organization = desired.organization();
    let sessions = Connection::in_process(emulator.http_client())
        .retries(Retries { initial_backoff: Duration::from_millis(5), ..Retries::default() })
        .role(organization.role.clone())
        .partition(organization.partition.clone())
        .session_name(&setup.run)
        .open()
        .await;
    let folder = tempfile::tempdir()?;
    let state = StateFolder::open(folder.path())?;
    let mut journal = Journal::open(&state.journal(), &setup.run)?;
    let reconciler = setup.reconciler_at(sessions, &Silence, Setup::embedded_pace());
    let wanted = desired.wanted();
    let target = setup.target(desired, &wanted);
    let began = Instant::now();
    let (mut detect, mut drifted, mut fields) = (Duration::ZERO, 0, 0);
    let approve = |plan: &Plan| {
        detect = began.elapsed();
        drifted = plan.drift.len();
        fields = plan.drift.iter().map(|drift| drift.fields.len()).sum();
        Ok(Approval::Operator)
    };
    let unseen = Screen { quiet: true, told_elsewhere: true, ..setup.screen };
    let converged =
        apply::converge(&reconciler, "drill", target, desired, (&mut journal, &state), unseen, |_, _| Ok(()), approve)
            .await?;
    if converged.rounds.is_empty() {
        detect = began.elapsed();
    }
    let restore = began.elapsed().saturating_sub(detect);
    let rounds = converged.rounds.iter().map(|round| &round.applied);
    let calls = emulator.calls();
    let reads = calls.iter().filter(|call| call.read_only).count();
    Ok(Score {
        drifted,
        fields,
        detect,
        restore,
        reads,
        writes: calls.len() - reads,
        verified: rounds.clone().map(Applied::verified).sum(),
        steps: rounds.clone().map(|applied| applied.steps.len()).sum(),
        passed: (drifted > 0 || scenario == PEACE)
            && rounds.clone().all(|applied| apply::exit_of(applied) == Exit::Done)
            && converged.after.as_ref().is_some_and(|after| render::exit_of(after) == Exit::Done),
        scenario,
    })
}
