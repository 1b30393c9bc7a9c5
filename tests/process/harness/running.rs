//! A child process, ended by its own handle.

use std::fs;
use std::process::{Child, ExitStatus};
use std::time::{Duration, Instant};

use rustix::process::{Pid, Signal, kill_process};
use tempfile::TempDir;

use super::CommandOutput;

/// The longest that any child may take. Reaching it is a failure, not a measurement.
const PATIENCE: Duration = Duration::from_secs(120);

/// A child process that has been started.
pub(crate) struct Running {
    child: Child,
    streams: TempDir,
}

impl Running {
    pub(crate) fn new(child: Child, streams: TempDir) -> Self {
        Self { child, streams }
    }

    /// Standard output so far.
    pub(crate) fn stdout(&self) -> String {
        fs::read_to_string(self.streams.path().join("stdout")).expect("read")
    }

    /// Standard error so far.
    pub(crate) fn stderr(&self) -> String {
        fs::read_to_string(self.streams.path().join("stderr")).expect("read")
    }

    /// Whether it has ended, and how.
    pub(crate) fn ended(&mut self) -> Option<ExitStatus> {
        self.child.try_wait().expect("waited")
    }

    /// Sends a signal.
    pub(crate) fn signal(&self, signal: Signal) {
        let id = i32::try_from(self.child.id()).ok().and_then(Pid::from_raw).expect("a process id");
        kill_process(id, signal).expect("signalled");
    }

    /// Kills it at once, as a power failure would, and waits until it is gone.
    pub(crate) fn kill(mut self) {
        self.child.kill().expect("killed");
        self.child.wait().expect("waited");
    }

    /// Waits until standard error has `text`, which may have to be there `times` times.
    pub(crate) fn wait_for_log(&mut self, text: &str, times: usize) {
        let deadline = Instant::now() + PATIENCE;
        while self.stderr().matches(text).count() < times {
            let ended = self.ended();
            assert!(ended.is_none(), "ended with {ended:?} before it said `{text}`:\n{}", self.stderr());
            assert!(Instant::now() < deadline, "did not say `{text}` {times} times:\n{}", self.stderr());
            std::thread::sleep(Duration::from_millis(10));
        }
    }

    /// Waits until it ends.
    pub(crate) fn wait(self) -> CommandOutput {
        self.wait_at_most(PATIENCE)
    }

    /// Waits until it ends, which may take longer than others: it does the work of many.
    pub(crate) fn wait_at_most(mut self, patience: Duration) -> CommandOutput {
        let deadline = Instant::now() + patience;
        let mut pause = Duration::from_millis(2);
        loop {
            if let Some(status) = self.ended() {
                return CommandOutput::new(status, self.stdout(), self.stderr());
            }
            assert!(Instant::now() < deadline, "still running after {patience:?}:\n{}", self.stderr());
            std::thread::sleep(pause);
            pause = (pause * 2).min(Duration::from_millis(20));
        }
    }
}

impl Drop for Running {
    fn drop(&mut self) {
        // An end that was waited for is no error.
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}
