//! `drill`: attack, detect, restore, verify, on the embedded AWS; with a score card.

use std::path::Path;
use std::time::{Duration, Instant};

use jiff::{SignedDuration, Timestamp};
use reconciler_aws::{Connection, Retries};
use reconciler_emulator::{Emulator, Options};
use reconciler_engine::apply::Applied;
use reconciler_engine::audit;
use reconciler_engine::case::Order;
use reconciler_engine::event::Silence;
use reconciler_engine::journal::Journal;
use reconciler_engine::outcome::{Drilled, Outcome};
use reconciler_engine::rounds::Activation;
use reconciler_engine::state::StateFolder;
use reconciler_model::alert::{self, Alert};
use reconciler_model::desired::Desired;
use reconciler_model::incident::{Incident, Operator};
use reconciler_model::permit::{Approval, Mode};
use reconciler_model::plan::Plan;
use serde_json::{Value, json};

use crate::args::Filter;
use crate::exit::Exit;
use crate::failure::Failure;
use crate::formats::documents;
use crate::interrupt;
use crate::screen::{BAD, GOOD, paint};
use crate::setup::{Setup, open_emulator, select, user};
use crate::text::counted;

/// The scenario in which nothing is to be found.
const PEACE: &str = "in-sync";
/// Scenarios that are no attack.
const PEACEFUL: &[&str] = &["empty", "bare", PEACE];

/// Operations that ask, although AWS counts them among the writes.
const QUERIES: &[&str] = &["StartQuery", "StopQuery"];

/// How one drill went.
struct Score {
    scenario: String,
    drifted: usize,
    fields: usize,
    /// The most urgent alert of all.
    alert: Option<Alert>,
    /// From the first call of the attack to the plan that shows it, by the clock of the embedded AWS.
    unseen: Option<SignedDuration>,
    /// From the first call of the attack to the last read that found everything restored, by the same clock.
    exposed: Option<SignedDuration>,
    /// How long observing and planning took.
    detect: Duration,
    /// How long it took from there to the last read.
    restore: Duration,
    reads: usize,
    writes: usize,
    verified: usize,
    steps: usize,
    /// What the incident file lacks to be complete, or what an audit of the journal and the evidence found.
    evidence: Vec<String>,
    outcome: Outcome,
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
    let widths = widths(&scenarios);
    setup.screen.say(row(&HEADER.map(str::to_owned), &widths, None))?;
    for scenario in &scenarios {
        let score = one(setup, &desired, scenario.clone()).await?;
        // One that was cut off says nothing of what is drilled.
        if interrupt::requested().is_some() {
            break;
        }
        // Row by row: all of them take minutes.
        setup.screen.say(row(&cells(&score), &widths, Some(score.outcome.is_done())))?;
        scores.push(score);
    }
    let network_clients = reconciler_aws::network_clients();
    let outcomes: Vec<Outcome> = scores.iter().map(|score| score.outcome).collect();
    let outcome = Outcome::of_drills(&outcomes, scenarios.len(), network_clients);
    let told = json!({
        "passed": outcome.is_done(),
        "network_clients": network_clients,
        "scenarios": scores.iter().map(as_json).collect::<Vec<_>>(),
    });
    setup.screen.json(&documents::named(documents::DRILL, told))?;
    setup.screen.say(match network_clients {
        0 => "ran offline".to_owned(),
        some => format!("NOT offline: {} in this process", counted(some, "network client")),
    })?;
    if interrupt::requested().is_some() {
        setup.screen.remark(format_args!("stopped: {} of {} scenarios were drilled", scores.len(), scenarios.len()));
    }
    Ok(Exit::of_run(outcome))
}

/// The heads of the score card's columns.
const HEADER: [&str; 12] = [
    "scenario",
    "alert",
    "drifted",
    "fields",
    "attacked",
    "detected in",
    "restored in",
    "reads",
    "writes",
    "verified",
    "evidence",
    "result",
];

/// How wide the columns are: rows are printed before the others are known, so each has room for what it usually holds.
fn widths(scenarios: &[String]) -> [usize; 12] {
    let mut widths = HEADER.map(str::len);
    let [scenario, alert, _, _, attacked, ..] = &mut widths;
    *scenario = scenarios.iter().map(String::len).max().unwrap_or(0).max(*scenario);
    *alert = "ticket within 15 minutes".len();
    *attacked = "180 min before".len();
    widths
}

fn row(cells: &[String; 12], widths: &[usize; 12], passed: Option<bool>) -> String {
    let [before @ .., result] = cells;
    let mut line: String = before.iter().zip(widths).map(|(cell, width)| format!("{cell:<width$}  ")).collect();
    line.push_str(&match passed {
        None => result.clone(),
        Some(true) => paint(GOOD, result),
        Some(false) => paint(BAD, result),
    });
    line
}

fn cells(score: &Score) -> [String; 12] {
    [
        score.scenario.clone(),
        score.alert.as_ref().map_or_else(|| "none".to_owned(), Alert::in_words),
        score.drifted.to_string(),
        score.fields.to_string(),
        score.unseen.map_or_else(|| "never".to_owned(), |span| format!("{} min before", span.as_mins())),
        format!("{} ms", score.detect.as_millis()),
        format!("{} ms", score.restore.as_millis()),
        score.reads.to_string(),
        score.writes.to_string(),
        format!("{}/{}", score.verified, score.steps),
        match score.evidence.len() {
            0 => "complete".to_owned(),
            lacks => format!("{lacks} missing"),
        },
        if score.outcome.is_done() { "restored" } else { "FAILED" }.to_owned(),
    ]
}

fn as_json(score: &Score) -> Value {
    let Score { scenario, drifted, fields, alert, unseen, exposed, .. } = score;
    json!({
        "scenario": scenario,
        "drifted": drifted,
        "fields": fields,
        "alert": alert,
        "unseen_seconds": unseen.map(|span| span.as_secs()),
        "exposed_seconds": exposed.map(|span| span.as_secs()),
        "detect_ms": score.detect.as_millis() as u64,
        "restore_ms": score.restore.as_millis() as u64,
        "reads": score.reads,
        "writes": score.writes,
        "steps": score.steps,
        "verified": score.verified,
        "evidence_complete": score.evidence.is_empty(),
        "evidence_lacks": score.evidence,
        "passed": score.outcome.is_done(),
    })
}

/// What keeps the evidence from being complete, one sentence each.
fn evidence(incident: Option<&Incident>, state: &Path, expected: bool) -> Result<Vec<String>, Failure> {
    let mut lacks = incident.map(Incident::lacks).unwrap_or_default();
    if incident.is_none() && expected {
        lacks.push("no incident was opened".to_owned());
    }
    let audit = audit::verify(state)?;
    lacks.extend(audit.findings.into_iter().map(|found| format!("{}: {}", found.file.display(), found.what)));
    Ok(lacks)
}

async fn one(setup: &Setup, desired: &Desired, scenario: String) -> Result<Score, Failure> {
    let emulator = open_emulator(&scenario, Options::default())?;
    let organization = desired.organization();
    let sessions = Connection::in_process(emulator.http_client())
        .retries(Retries { initial_backoff: Duration::from_millis(5), ..Retries::default() })
        .role_or_own(organization.role.clone())
        .external_id(organization.external_id.clone())
        .partition(organization.partition.clone())
        .session_name(&setup.run)
        .open()
        .await;
    let folder = tempfile::tempdir()?;
    let state = StateFolder::open(folder.path())?;
    let mut journal = Journal::open(&state.journal(), &setup.run)?;
    let reconciler = setup.reconciler_at(sessions, &Silence, Setup::embedded_pace());
    let selected = select(desired, &Filter::default())?;
    let target = setup.target_to_write(desired, &selected);
    let began = Instant::now();
    let (mut detect, mut drifted, mut fields) = (Duration::ZERO, 0, 0);
    let (mut alert, mut detected) = (None, emulator.now());
    let approve = |plan: &Plan| {
        detect = began.elapsed();
        detected = emulator.now();
        alert = alert::first(&plan.drift).cloned();
        drifted = plan.drift.len();
        fields = plan.drift.iter().map(|drift| drift.fields.len()).sum();
        interrupt::writing();
        Ok(Approval::Operator)
    };
    let operator = Operator { user: user(), ..Operator::default() };
    let order = Order { targets: vec![scenario.clone()], operator, ..Order::default() };
    let activation = Activation {
        mode: Mode::Drill,
        target,
        account_ids: &organization.account_ids(),
        at_most: None,
        is_whole: false,
        state: &state,
        stop: &interrupt::is_requested,
    };
    let response = reconciler.respond::<Failure>(order, &activation, desired, &mut journal, approve).await?;
    let converged = response.converged?;
    let evidence = evidence(response.incident.as_ref().map(|(incident, _)| incident), state.path(), drifted > 0)?;
    if converged.rounds.is_empty() {
        detect = began.elapsed();
    }
    let restore = began.elapsed().saturating_sub(detect);
    let since =
        |moment: Timestamp| emulator.scenario_began().filter(|_| drifted > 0).map(|first| moment.duration_since(first));
    let (unseen, exposed) = (since(detected), since(emulator.now()));
    let rounds = converged.rounds.iter().map(|round| &round.applied);
    let calls = emulator.calls();
    let reads = calls.iter().filter(|call| call.read_only || QUERIES.contains(&call.operation.as_str())).count();
    Ok(Score {
        drifted,
        fields,
        alert,
        unseen,
        exposed,
        detect,
        restore,
        reads,
        writes: calls.len() - reads,
        verified: rounds.clone().map(Applied::verified).sum(),
        steps: rounds.clone().map(|applied| applied.steps.len()).sum(),
        outcome: Outcome::of_drill(Drilled {
            converged: &converged,
            drifted,
            is_attacked: scenario != PEACE,
            is_evidence_complete: evidence.is_empty(),
        }),
        evidence,
        scenario,
    })
}
