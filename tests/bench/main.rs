//! The benchmark: how long validate and a no-change plan take, how many calls a plan makes, how much memory both need.
//!
//! usage: `tests/bench/run [RUNS [mixes|organizations|curve]]`
//!
//! It prints figures and says which targets are met; it never fails on time. It fails when what it measures is not what it
//! claims to measure: a desired state that is not valid, or a plan that is not in sync.
//!
//! Expected flow: a mix is generated as a desired state and as the scenario that fulfils it; the emulator serves the
//! scenario from a process of its own on loopback; the release binary plans against it. The best of several runs counts,
//! because others use the machine too.

mod measure;
mod mixes;
mod organizations;
mod server;

use std::error::Error;
use std::io::Write as _;
use std::path::{Path, PathBuf};
use std::process::{Command, ExitCode};
use std::time::Duration;

use measure::{Run, millis};
use mixes::{Mix, SCOPES};
use server::Server;

type Outcome<T> = Result<T, Box<dyn Error>>;

/// How long every answer of the emulator takes.
const LATENCY: Duration = Duration::from_millis(20);

/// A plan takes at most this many times the ideal, and the allowance.
const MOST_TIMES_IDEAL: f64 = 1.5;
const ALLOWANCE: Duration = Duration::from_millis(50);

/// Validating 1,000 declarations takes tens of milliseconds.
const VALIDATE_AT_MOST: Duration = Duration::from_millis(100);

fn main() -> ExitCode {
    match bench() {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            let _ = writeln!(std::io::stderr(), "error: {error}");
            ExitCode::FAILURE
        }
    }
}

fn say(line: std::fmt::Arguments<'_>) -> Outcome<()> {
    Ok(writeln!(std::io::stdout().lock(), "{line}")?)
}

fn bench() -> Outcome<()> {
    let runs = match std::env::args().nth(1) {
        Some(runs) => runs.parse::<usize>().map_err(|_| format!("`{runs}` is not a number of runs"))?.max(1),
        None => 7,
    };
    let part = std::env::args().nth(2);
    let wanted = |name: &str| part.as_deref().is_none_or(|part| part == name);
    if part.is_some() && !["mixes", "organizations", "curve"].iter().any(|name| wanted(name)) {
        return Err("the parts are mixes, organizations and curve".into());
    }
    let binary = binary()?;
    let processors = std::thread::available_parallelism().map_or(0, usize::from);
    say(format_args!("best of {runs} runs (median in brackets), {processors} processors, {}", binary.display()))?;
    if wanted("mixes") {
        validate(&binary, runs)?;
        for mix in Mix::ALL {
            plan(&binary, *mix, runs)?;
        }
    }
    if wanted("organizations") {
        organizations::targets(&binary, runs)?;
    }
    if wanted("curve") {
        organizations::curve(&binary)?;
    }
    Ok(())
}

/// The binary that is measured: the one that `BEDROCK_RECONCILER` names, or the one beside this.
fn binary() -> Outcome<PathBuf> {
    if let Some(named) = std::env::var_os("BEDROCK_RECONCILER") {
        return Ok(named.into());
    }
    let beside = std::env::current_exe()?.with_file_name("bedrock-reconciler");
    if beside.is_file() {
        Ok(beside)
    } else {
        Err(format!("{} is missing: use tests/bench/run", beside.display()).into())
    }
}

fn validate(binary: &Path, runs: usize) -> Outcome<()> {
    let folder = tempfile::tempdir()?;
    let made = mixes::varied(folder.path())?;
    let command = || {
        let mut command = reconciler(binary, folder.path());
        command.arg("validate");
        command
    };
    let runs = repeat(runs, || {
        let run = measure::run(&mut command())?;
        run.must_exit_well("validate")?;
        Ok(run)
    })?;
    let best = best(&runs);
    let peak = measure::peak(&mut command())?;
    say(format_args!("\nvalidate {} declarations: {}", made, first_line(&runs)))?;
    say(format_args!("  wall                {}, CPU {} ms", spread(&runs), millis(least_cpu(&runs))))?;
    say(format_args!("  peak memory         {} MiB", peak >> 10))?;
    target("wall time", best <= VALIDATE_AT_MOST, format_args!("{} of {} ms", millis(best), millis(VALIDATE_AT_MOST)))
}

fn plan(binary: &Path, mix: Mix, runs: usize) -> Outcome<()> {
    let folder = tempfile::tempdir()?;
    let scenario = mix.write(folder.path())?;
    let resources = mix.resources();
    say(format_args!("\nplan of {resources} resources in 3 accounts x 2 regions, in sync: {}", mix.about()))?;
    let server = Server::start(binary, &scenario, LATENCY)?;
    let command = || {
        let mut command = reconciler(binary, folder.path());
        command.args(["--state", &folder.path().join("state").to_string_lossy(), "plan"]);
        command
    };
    let over_loopback = || {
        let mut command = command();
        command.envs(server.environment());
        command
    };
    let measured = || {
        let run = measure::run(&mut over_loopback())?;
        run.must_say("in sync")?;
        Ok(run)
    };

    // What is measured must be what it is said to be: look at the calls once, before the clock runs.
    server.forget_calls()?;
    let first = measured()?;
    let calls = server.calls()?;
    // That a guardrail has no resource policy is an answer.
    let is_answer = |status: u64, operation: &str| status == 200 || (status == 404 && operation == "GetResourcePolicy");
    let failed: Vec<_> = calls.iter().filter(|call| !is_answer(call.status, &call.operation)).collect();
    if let Some(call) = failed.first() {
        return Err(format!("{} calls failed; {} ended with {}", failed.len(), call.operation, call.status).into());
    }
    let counted = first.calls().ok_or("the result line has no number of calls")?;
    if counted != calls.len() {
        return Err(format!("the result line counts {counted} calls, the emulator {}", calls.len()).into());
    }
    let answer = server.answer_time()?;
    let at_latency = repeat(runs, measured)?;
    let peak = measure::peak(&mut over_loopback())?;
    server.set_latency(Duration::ZERO)?;
    let at_none = repeat(runs, || {
        let before = server.cpu();
        let mut run = measured()?;
        run.of_others = server.cpu().saturating_sub(before);
        Ok(run)
    })?;
    let embedded = repeat(runs, || {
        let mut command = command();
        command.args(["--aws", &format!("embedded:{}", scenario.display())]);
        let run = measure::run(&mut command)?;
        run.must_say("in sync")?;
        Ok(run)
    })?;

    let chain = mix.chain();
    let ideal = LATENCY * u32::try_from(chain.len())?;
    let allowed = ideal.mul_f64(MOST_TIMES_IDEAL) + ALLOWANCE;
    let wall = best(&at_latency);
    say(format_args!("  longest chain       {} calls: {}", chain.len(), chain.join(" > ")))?;
    say(format_args!("  ideal               {} ms ({} calls x {} ms)", millis(ideal), chain.len(), millis(LATENCY)))?;
    say(format_args!("  one answer takes    {:.1} ms, measured over loopback", answer.as_secs_f64() * 1e3))?;
    say(format_args!("  wall at 20 ms       {}, {:.2} x ideal", spread(&at_latency), ratio(wall, ideal)))?;
    say(format_args!(
        "  wall at 0 ms        {}, CPU {} ms: {} us a call, and {} us in the emulator",
        spread(&at_none),
        millis(least_cpu(&at_none)),
        micros_a_call(&at_none, calls.len(), |run| run.cpu),
        micros_a_call(&at_none, calls.len(), |run| run.of_others),
    ))?;
    say(format_args!("  wall embedded       {}, building the world included", spread(&embedded)))?;
    say(format_args!("  peak memory         {} MiB", peak >> 10))?;
    let operations = server::by_operation(&calls);
    say(format_args!("  calls               {}", calls.len()))?;
    for (kind, count, used) in mix.kinds() {
        let of_kind: usize = used.iter().filter_map(|name| operations.get(*name)).sum();
        let each: Vec<String> =
            used.iter().filter_map(|name| Some(format!("{name} {}", operations.get(*name)?))).collect();
        say(format_args!(
            "    {kind:<18}  {:.2} calls a resource: {}",
            of_kind as f64 / count as f64,
            each.join(", ")
        ))?;
    }
    let known: Vec<&str> = mix.kinds().iter().flat_map(|(_, _, used)| used.iter().copied()).collect();
    let others: Vec<String> = operations
        .iter()
        .filter(|(name, _)| !known.contains(name))
        .map(|(name, count)| format!("{name} {count}"))
        .collect();
    say(format_args!("    {:<18}  {}", "once for all", others.join(", ")))?;

    let reads = operations.get("GetGuardrail").copied().unwrap_or_default()
        + operations.get("GetModelInvocationLoggingConfiguration").copied().unwrap_or_default();
    let readable = mix.read_one_by_one();
    target(
        "wall time",
        wall <= allowed,
        format_args!(
            "{} of {} ms ({MOST_TIMES_IDEAL} x ideal + {} ms)",
            millis(wall),
            millis(allowed),
            millis(ALLOWANCE)
        ),
    )?;
    target(
        "reads",
        reads <= readable,
        format_args!("{reads} of {readable}: one for each resource that no list describes, a version being one"),
    )
}

/// The binary over a desired state, with nothing of the caller's environment.
fn reconciler(binary: &Path, folder: &Path) -> Command {
    let mut command = Command::new(binary);
    command.env_clear().env("HOME", folder).arg("--desired").arg(folder.join("desired"));
    command
}

fn repeat(runs: usize, mut run: impl FnMut() -> Outcome<Run>) -> Outcome<Vec<Run>> {
    let mut found: Vec<Run> = (0..runs).map(|_| run()).collect::<Outcome<_>>()?;
    found.sort_by_key(|run| run.wall);
    Ok(found)
}

fn best(runs: &[Run]) -> Duration {
    runs.first().map(|run| run.wall).unwrap_or_default()
}

fn first_line(runs: &[Run]) -> &str {
    runs.first().and_then(|run| run.stdout.lines().next()).unwrap_or_default()
}

fn spread(runs: &[Run]) -> String {
    let median = runs.get(runs.len() / 2).map(|run| run.wall).unwrap_or_default();
    format!("{} ms ({} ms)", millis(best(runs)), millis(median))
}

fn least_cpu(runs: &[Run]) -> Duration {
    runs.iter().map(|run| run.cpu).min().unwrap_or_default()
}

fn ratio(wall: Duration, ideal: Duration) -> f64 {
    wall.as_secs_f64() / ideal.as_secs_f64()
}

fn micros_a_call(runs: &[Run], calls: usize, of: impl Fn(&Run) -> Duration) -> u128 {
    let least = runs.iter().map(of).min().unwrap_or_default();
    least.as_micros() / calls.max(1) as u128
}

fn target(name: &str, met: bool, figures: std::fmt::Arguments<'_>) -> Outcome<()> {
    say(format_args!("  target {name:<12} {}: {figures}", if met { "met" } else { "NOT MET" }))
}

// The scopes of the organization are written down once, where the mixes are generated.
const _: () = assert!(SCOPES == 6);
