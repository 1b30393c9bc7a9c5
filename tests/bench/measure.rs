//! One process, from its start to its end: wall time, processor time, peak memory.

use std::io::{Read as _, Seek as _};
use std::process::{Command, Stdio};
use std::time::{Duration, Instant};

use crate::Outcome;

/// A process that has ended.
#[derive(Debug)]
pub(crate) struct Run {
    pub(crate) wall: Duration,
    /// User and system time; in steps of 10 ms on most kernels.
    pub(crate) cpu: Duration,
    /// What another process used meanwhile.
    pub(crate) of_others: Duration,
    pub(crate) stdout: String,
    stderr: String,
    code: Option<i32>,
}

impl Run {
    /// Fails when the process did not exit with 0.
    pub(crate) fn must_exit_well(&self, what: &str) -> Outcome<()> {
        match self.code {
            Some(0) => Ok(()),
            code => Err(format!("{what} ended with {code:?}:\n{}{}", self.stdout, self.stderr).into()),
        }
    }

    /// Fails when the plan is not what its result line must say.
    pub(crate) fn must_say(&self, verdict: &str) -> Outcome<()> {
        self.must_exit_well("plan")?;
        match self.result() {
            Some(line) if line.starts_with(&format!("result: {verdict} ")) => Ok(()),
            _ => Err(format!("the plan is not {verdict}:\n{}", self.stdout).into()),
        }
    }

    fn result(&self) -> Option<&str> {
        self.stdout.lines().rfind(|line| line.starts_with("result: "))
    }

    /// How many calls were made, as it says.
    pub(crate) fn calls(&self) -> Option<usize> {
        let (before, _) = self.stdout.split_once(" calls")?;
        before.rsplit(' ').next()?.parse().ok()
    }
}

/// Runs a process to its end.
pub(crate) fn run(command: &mut Command) -> Outcome<Run> {
    let mut errors = tempfile::tempfile()?;
    let start = Instant::now();
    let mut child = command.stdin(Stdio::null()).stdout(Stdio::piped()).stderr(errors.try_clone()?).spawn()?;
    let mut stdout = String::new();
    if let Some(pipe) = &mut child.stdout {
        pipe.read_to_string(&mut stdout)?;
    }
    // The processor time is complete when the process has ended, and readable until it is waited for.
    let mut cpu = Duration::ZERO;
    while let Some((state, used)) = cpu_of(child.id()) {
        cpu = used;
        if state == 'Z' {
            break;
        }
        std::thread::sleep(Duration::from_micros(100));
    }
    let wall = start.elapsed();
    let code = child.wait()?.code();
    let mut stderr = String::new();
    errors.rewind()?;
    errors.read_to_string(&mut stderr)?;
    Ok(Run { wall, cpu, of_others: Duration::ZERO, stdout, stderr, code })
}

/// The peak of the resident memory of a process, in KiB. In a run of its own, because watching takes time.
pub(crate) fn peak(command: &mut Command) -> Outcome<u64> {
    let mut child = command.stdin(Stdio::null()).stdout(Stdio::null()).stderr(Stdio::null()).spawn()?;
    let mut peak = 0;
    loop {
        // The kernel keeps the peak, so that only what comes after the last look is missed.
        let status = std::fs::read_to_string(format!("/proc/{}/status", child.id())).unwrap_or_default();
        let line = status.lines().find_map(|line| line.strip_prefix("VmHWM:"));
        let Some(kib) = line.and_then(|line| line.trim().strip_suffix(" kB")) else { break };
        peak = kib.trim().parse().unwrap_or(peak);
        std::thread::sleep(Duration::from_micros(500));
    }
    child.wait()?;
    Ok(peak)
}

/// The state of a process and the processor time that it has used.
pub(crate) fn cpu_of(process: u32) -> Option<(char, Duration)> {
    let stat = std::fs::read_to_string(format!("/proc/{process}/stat")).ok()?;
    // The second field is the name between parentheses, which may hold anything.
    let (_, fields) = stat.rsplit_once(") ")?;
    let fields: Vec<&str> = fields.split(' ').collect();
    let ticks = |field: usize| fields.get(field)?.parse::<u64>().ok();
    // Linux counts these in hundredths of a second on every architecture.
    let used = Duration::from_millis((ticks(11)? + ticks(12)?) * 10);
    Some((fields.first()?.chars().next()?, used))
}

/// Whole milliseconds.
pub(crate) fn millis(time: Duration) -> u128 {
    (time.as_micros() + 500) / 1000
}
