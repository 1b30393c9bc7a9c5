//! Organizations of any size, and how a plan grows with them.
//!
//! Every account and region holds the same 25 resources: log groups, guardrails with their versions, invocation logging.

use std::fs;
use std::path::Path;
use std::process::Command;
use std::time::Duration;

use serde_json::{Value, json};

use crate::measure::{self, Run, millis};
use crate::mixes;
use crate::server::Server;
use crate::{Outcome, best, least_cpu, ratio, reconciler, repeat, say, spread, target};

const REGIONS: [&str; 4] = ["us-east-1", "us-west-2", "eu-west-1", "eu-central-1"];

/// Resources of one account and region, one of which is its invocation logging.
pub(crate) const A_SCOPE: usize = 25;
const GUARDRAILS: usize = 3;

/// The targets: 10,000 resources without latency, and 1,000 at 20 ms.
const LARGE: usize = 100;
const LARGE_AT_MOST: Duration = Duration::from_secs(5);
const LARGE_MEMORY: u64 = 80 << 10;
const SMALL: usize = 10;
const SMALL_AT_MOST: Duration = Duration::from_millis(1500);
const LATENCY: Duration = Duration::from_millis(20);

/// The numbers of accounts of the curve: 1,000 to 100,000 resources.
const CURVE: [usize; 5] = [10, 30, 100, 300, 1000];

/// A storm may take this many times the ideal, which is twice the plan without one: every call is made twice, on average.
const STORM_TIMES_IDEAL: f64 = 2.0;

/// An organization with so many accounts, its desired state and the AWS that fulfils it.
struct World {
    folder: tempfile::TempDir,
    accounts: usize,
}

impl World {
    /// At least the three accounts that every scenario has.
    fn new(accounts: usize) -> Outcome<Self> {
        let world = Self { folder: tempfile::tempdir()?, accounts };
        let made = mixes::made(A_SCOPE - GUARDRAILS - 1, 1, GUARDRAILS);
        let known = mixes::ACCOUNTS.iter().map(|(id, name)| json!({ "id": id, "name": name }));
        let more = (known.len()..accounts)
            .map(|number| json!({ "id": format!("4{number:011}"), "name": format!("account-{number:04}") }));
        let all: Vec<Value> = known.chain(more).collect();
        mixes::write_desired_of(world.folder.path(), &made.declarations, &all, &REGIONS)?;
        let script = json!({
            "description": "what the benchmark plans for",
            "accounts": all,
            "regions": REGIONS,
            "steps": mixes::keys().into_iter().chain(made.steps).collect::<Vec<Value>>(),
        });
        fs::write(world.folder.path().join("world.yaml"), script.to_string())?;
        Ok(world)
    }

    fn resources(&self) -> usize {
        self.accounts * REGIONS.len() * A_SCOPE
    }

    fn serve(&self, binary: &Path, latency: Duration) -> Outcome<Server> {
        Server::start(binary, &self.folder.path().join("world.yaml"), latency)
    }

    /// A plan of this world against a server.
    fn plan(&self, binary: &Path, server: &Server) -> Command {
        let mut command = reconciler(binary, self.folder.path());
        command.args(["--state", &self.folder.path().join("state").to_string_lossy(), "plan"]);
        command.envs(server.environment());
        command
    }

    /// So many plans, each of them in sync.
    fn plans(&self, binary: &Path, server: &Server, runs: usize) -> Outcome<Vec<Run>> {
        repeat(runs, || {
            let run = measure::run(&mut self.plan(binary, server))?;
            run.must_say("in sync")?;
            Ok(run)
        })
    }
}

/// The targets of large and of distant organizations.
pub(crate) fn targets(binary: &Path, runs: usize) -> Outcome<()> {
    let world = World::new(LARGE)?;
    say(format_args!("\nplan of {} resources in {LARGE} accounts x 4 regions, in sync, at 0 ms", world.resources()))?;
    let server = world.serve(binary, Duration::ZERO)?;
    let at_none = world.plans(binary, &server, runs)?;
    let peak = measure::peak(&mut world.plan(binary, &server))?;
    drop(server);
    let calls = at_none.first().and_then(Run::calls).unwrap_or_default();
    say(format_args!(
        "  wall                {}, CPU {} ms, {calls} calls",
        spread(&at_none),
        millis(least_cpu(&at_none))
    ))?;
    say(format_args!("  peak memory         {} MiB", peak >> 10))?;
    let wall = best(&at_none);
    target("wall time", wall <= LARGE_AT_MOST, format_args!("{} of {} ms", millis(wall), millis(LARGE_AT_MOST)))?;
    target("memory", peak <= LARGE_MEMORY, format_args!("{} of {} MiB", peak >> 10, LARGE_MEMORY >> 10))?;

    let world = World::new(SMALL)?;
    say(format_args!("\nplan of {} resources in {SMALL} accounts x 4 regions, in sync, at 20 ms", world.resources()))?;
    let server = world.serve(binary, LATENCY)?;
    let at_latency = world.plans(binary, &server, runs)?;
    say(format_args!("  wall                {}, CPU {} ms", spread(&at_latency), millis(least_cpu(&at_latency))))?;
    let wall = best(&at_latency);
    target("wall time", wall <= SMALL_AT_MOST, format_args!("{} of {} ms", millis(wall), millis(SMALL_AT_MOST)))?;
    storm(binary, &world, &server, runs)
}

/// Half of all calls are throttled. Nothing may be taken for absent, and nothing may be left out.
fn storm(binary: &Path, world: &World, server: &Server, runs: usize) -> Outcome<()> {
    say(format_args!("\nthe same in a storm: half of all calls are throttled, at 20 ms"))?;
    let settings = world.folder.path().join("settings.yaml");
    fs::write(&settings, "pace: {retryFirstMs: 20}\n")?;
    let plan = || {
        let mut command = world.plan(binary, server);
        command.env("AWS_MAX_ATTEMPTS", "20").env("BEDROCK_RECONCILER_SETTINGS", &settings);
        command
    };
    let calm = repeat(runs, || {
        let run = measure::run(&mut plan())?;
        run.must_say("in sync")?;
        Ok(run)
    })?;
    server.throttle_half()?;
    server.forget_calls()?;
    let stormy = repeat(runs, || {
        let run = measure::run(&mut plan())?;
        // Everything was read, and everything was found.
        run.must_say("in sync")?;
        Ok(run)
    })?;
    let calls = server.calls()?;
    server.no_faults()?;
    let throttled = calls.iter().filter(|call| call.status >= 400).count();
    let (storm, calm) = (best(&stormy), best(&calm));
    say(format_args!(
        "  wall                {}, {:.2} x without the storm; {} of {} calls were throttled",
        spread(&stormy),
        ratio(storm, calm),
        throttled,
        calls.len()
    ))?;
    let ideal = calm * 2;
    let allowed = ideal.mul_f64(STORM_TIMES_IDEAL);
    let figures = format_args!(
        "{} of {} ms ({STORM_TIMES_IDEAL} x ideal, every call made twice)",
        millis(storm),
        millis(allowed)
    )
    .to_string();
    target("wall time", storm <= allowed, format_args!("{figures}"))
}

/// Seconds, calls and memory from 1,000 to 100,000 resources.
pub(crate) fn curve(binary: &Path) -> Outcome<()> {
    say(format_args!("\nplans of organizations in sync, at 0 ms, one run each"))?;
    say(format_args!(
        "  {:>9}  {:>8}  {:>8}  {:>8}  {:>8}  {:>10}  {:>12}  {:>12}",
        "resources", "accounts", "wall ms", "CPU ms", "calls", "memory MiB", "us/resource", "KiB/resource"
    ))?;
    for accounts in CURVE {
        let world = World::new(accounts)?;
        let server = world.serve(binary, Duration::ZERO)?;
        let runs = world.plans(binary, &server, 1)?;
        let Some(run) = runs.first() else { continue };
        let peak = measure::peak(&mut world.plan(binary, &server))?;
        let resources = world.resources();
        say(format_args!(
            "  {resources:>9}  {accounts:>8}  {:>8}  {:>8}  {:>8}  {:>10}  {:>12.0}  {:>12.2}",
            millis(run.wall),
            millis(run.cpu),
            run.calls().unwrap_or_default(),
            peak >> 10,
            run.wall.as_secs_f64() * 1e6 / resources as f64,
            peak as f64 / resources as f64,
        ))?;
    }
    Ok(())
}
