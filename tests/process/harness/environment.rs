//! An environment of its own for each test: nothing of the machine, of the user or of another test is in it.

use std::fs::{self, File};
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

use tempfile::TempDir;

use super::{Aws, CommandOutput, Running, Terminal};

/// The settings of every test that names no others: the emulated AWS settles by being read, not by the clock.
const SETTINGS: &str = "\
pace: {pollFirstMs: 2, pollLongestMs: 20, settleSeconds: 20, consistencySeconds: 5, retryFirstMs: 5}
";

/// The root of the repository.
pub(crate) fn repository() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../..").canonicalize().expect("the repository")
}

/// A home, a working folder with a copy of the desired state, and a state folder.
pub(crate) struct TestEnvironment {
    root: TempDir,
    variables: Vec<(String, String)>,
}

impl TestEnvironment {
    /// Without any AWS: no endpoint and no credentials.
    pub(crate) fn new() -> Self {
        let root = TempDir::new().expect("a folder");
        for folder in ["home", "tmp", "work"] {
            fs::create_dir(root.path().join(folder)).expect("a folder");
        }
        let environment = Self { root, variables: Vec::new() };
        copy(&repository().join("desired-state"), &environment.path("desired-state"));
        environment.write("settings.yaml", SETTINGS);
        environment
            .variable("BEDROCK_RECONCILER_SETTINGS", "settings.yaml")
            .variable("AWS_EC2_METADATA_DISABLED", "true")
            .variable("AWS_MAX_ATTEMPTS", "3")
    }

    /// With credentials and the endpoint of an emulated AWS.
    pub(crate) fn on(aws: &Aws) -> Self {
        Self::new().credentials().variable("AWS_ENDPOINT_URL", &aws.url())
    }

    /// Gives the child an environment variable.
    pub(crate) fn variable(mut self, name: &str, value: &str) -> Self {
        self.variables.retain(|(known, _)| known != name);
        self.variables.push((name.to_owned(), value.to_owned()));
        self
    }

    /// Gives the child the credentials of the management account.
    pub(crate) fn credentials(self) -> Self {
        self.variable("AWS_ACCESS_KEY_ID", super::aws::MANAGEMENT)
            .variable("AWS_SECRET_ACCESS_KEY", "any")
            .variable("AWS_REGION", "us-east-1")
    }

    /// A path below the working folder.
    pub(crate) fn path(&self, name: &str) -> PathBuf {
        self.root.path().join("work").join(name)
    }

    /// The home folder.
    pub(crate) fn home(&self) -> PathBuf {
        self.root.path().join("home")
    }

    /// The state folder.
    pub(crate) fn state(&self) -> PathBuf {
        self.home().join(".local/state/bedrock-reconciler")
    }

    /// Writes a file below the working folder.
    pub(crate) fn write(&self, name: &str, text: impl AsRef<[u8]>) {
        let path = self.path(name);
        fs::create_dir_all(path.parent().expect("a folder")).expect("a folder");
        fs::write(path, text).expect("written");
    }

    /// Copies a folder of the repository to below the working folder.
    pub(crate) fn copy(&self, from: &str, to: &str) {
        copy(&repository().join(from), &self.path(to));
    }

    /// Reads a file below the working folder.
    pub(crate) fn read(&self, name: &str) -> String {
        fs::read_to_string(self.path(name)).expect("read")
    }

    /// Changes a file below the working folder.
    pub(crate) fn edit(&self, name: &str, from: &str, to: &str) {
        let text = self.read(name);
        assert!(text.contains(from), "{name} has no `{from}`");
        self.write(name, text.replacen(from, to, 1));
    }

    /// Runs the binary until it ends.
    pub(crate) fn run(&self, arguments: &[&str]) -> CommandOutput {
        self.start(arguments).wait()
    }

    /// Runs the binary with one more environment variable.
    pub(crate) fn run_with(&self, name: &str, value: &str, arguments: &[&str]) -> CommandOutput {
        let mut command = self.command(env!("CARGO_BIN_EXE_bedrock-reconciler"));
        command.args(arguments).env(name, value);
        self.spawn(command).wait()
    }

    /// Runs a line of a shell, in which the binary is on the path.
    pub(crate) fn shell(&self, line: &str) -> CommandOutput {
        self.start_shell(line).wait()
    }

    /// Starts a line of a shell.
    pub(crate) fn start_shell(&self, line: &str) -> Running {
        let mut command = self.command("/bin/sh");
        command.args(["-c", line]);
        self.spawn(command)
    }

    /// Starts a line of a shell at a terminal of its own.
    pub(crate) fn shell_at_terminal(&self, line: &str) -> Terminal {
        let mut command = self.command("/bin/sh");
        command.args(["-c", line]).env("TERM", "xterm-256color");
        Terminal::start(command)
    }

    /// Starts the binary.
    pub(crate) fn start(&self, arguments: &[&str]) -> Running {
        let mut command = self.command(env!("CARGO_BIN_EXE_bedrock-reconciler"));
        command.args(arguments);
        self.spawn(command)
    }

    /// Starts the binary at a terminal of its own.
    pub(crate) fn at_terminal(&self, arguments: &[&str]) -> Terminal {
        let mut command = self.command(env!("CARGO_BIN_EXE_bedrock-reconciler"));
        command.args(arguments).env("TERM", "xterm-256color");
        Terminal::start(command)
    }

    fn command(&self, program: &str) -> Command {
        let binary = Path::new(env!("CARGO_BIN_EXE_bedrock-reconciler")).parent().expect("a folder");
        let mut command = Command::new(program);
        command
            .env_clear()
            .env("HOME", self.home())
            .env("TMPDIR", self.root.path().join("tmp"))
            .env("PATH", format!("{}:/usr/bin:/bin", binary.display()))
            .env("LC_ALL", "C.UTF-8")
            .envs(self.variables.iter().map(|(name, value)| (name, value)))
            .current_dir(self.path(""))
            .stdin(Stdio::null());
        command
    }

    fn spawn(&self, mut command: Command) -> Running {
        // Files rather than pipes: nobody has to read while the child writes.
        let streams = TempDir::new_in(self.root.path()).expect("a folder");
        let stream = |name: &str| File::create(streams.path().join(name)).expect("a file");
        command.stdout(stream("stdout")).stderr(stream("stderr"));
        Running::new(command.spawn().expect("a process"), streams)
    }
}

fn copy(from: &Path, to: &Path) {
    fs::create_dir_all(to).expect("a folder");
    for entry in fs::read_dir(from).expect("a folder") {
        let entry = entry.expect("an entry");
        let target = to.join(entry.file_name());
        if entry.path().is_dir() {
            copy(&entry.path(), &target);
        } else {
            fs::copy(entry.path(), target).expect("copied");
        }
    }
}
