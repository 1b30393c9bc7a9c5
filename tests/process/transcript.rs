//! Script in, transcript out: a scenario is a Markdown file that tells a story, and is checked against what happens.
//!
//! Its first line names the AWS that the story plays on: `<!-- aws: drifted -->`. Then, among the prose:
//!
//! - ```` ```console ````: lines that begin with `$ ` are run by a shell; the lines after them are the exit code if it is
//!   not zero (`? 2`), standard output, and standard error, each line of it after `stderr: `;
//! - ```` ```yaml attack ````: API calls that somebody else makes now;
//! - ```` ```yaml file NAME ````: a file that is written;
//! - ```` ```writes ````: the calls since the last such block that changed something, by operation.
//!
//! Each is played at a terminal of 80 columns, which the file shows, and of 120, which the file of the same name in
//! `120-columns` shows. Every scenario ends with a plan that finds nothing.

use std::collections::BTreeMap;
use std::fmt::Write as _;
use std::fs;
use std::path::Path;

use regex::Regex;
use snapbox::{Assert, Data, Redactions};

use crate::harness::{Aws, TestEnvironment, repository};

/// Plays the scenario and compares what happened with what it says.
pub(crate) fn check(name: &str) {
    let folder = repository().join("tests/scenarios");
    let text = fs::read_to_string(folder.join(name)).expect("read");
    play(name, &text, 80, &folder.join(name));
    play(name, &text, 120, &folder.join("120-columns").join(name));
}

fn play(name: &str, text: &str, columns: usize, path: &Path) {
    let scenario = text
        .lines()
        .next()
        .and_then(|line| line.strip_prefix("<!-- aws: "))
        .and_then(|line| line.strip_suffix(" -->"))
        .expect("a first line `<!-- aws: SCENARIO -->`");
    let aws = Aws::scenario(scenario);
    let environment = TestEnvironment::on(&aws).variable("COLUMNS", &columns.to_string());
    let mut story = Story { environment, aws, told: String::new(), writes: 0, last: None };
    let mut lines = text.lines();
    while let Some(line) = lines.next() {
        let _ = writeln!(story.told, "{line}");
        if let Some(language) = line.strip_prefix("```") {
            let body: Vec<&str> = lines.by_ref().take_while(|line| *line != "```").collect();
            story.block(language, &body);
            story.told.push_str("```\n");
        }
    }
    let (command, code) = story.last.clone().expect("a command");
    let told = story.told.clone();
    Assert::new()
        .action_env("SNAPSHOTS")
        .normalize_paths(false)
        .redact_with(redactions(&story.environment))
        .eq(told, Data::read_from(path, None));
    assert!(command.contains(" plan") && code == 0, "{name} has to end with a plan that finds nothing");
}

struct Story {
    environment: TestEnvironment,
    aws: Aws,
    told: String,
    /// Writes that were told already.
    writes: usize,
    last: Option<(String, i32)>,
}

impl Story {
    fn block(&mut self, language: &str, body: &[&str]) {
        let keep = |told: &mut String| body.iter().for_each(|line| _ = writeln!(told, "{line}"));
        match language {
            "console" => body.iter().filter_map(|line| line.strip_prefix("$ ")).for_each(|line| self.command(line)),
            "writes" => self.tell_writes(),
            "yaml attack" => {
                self.aws.attack(&body.join("\n"));
                keep(&mut self.told);
            }
            other => {
                if let Some(name) = other.strip_prefix("yaml file ") {
                    self.environment.write(name, body.join("\n") + "\n");
                }
                keep(&mut self.told);
            }
        }
    }

    fn command(&mut self, line: &str) {
        let output = self.environment.shell(line);
        let _ = writeln!(self.told, "$ {line}");
        if output.code() != 0 {
            let _ = writeln!(self.told, "? {}", output.code());
        }
        for line in output.stdout.lines() {
            let _ = writeln!(self.told, "{line}");
        }
        for line in output.stderr.lines() {
            let _ = writeln!(self.told, "{}", format!("stderr: {line}").trim_end());
        }
        self.last = Some((line.to_owned(), output.code()));
    }

    fn tell_writes(&mut self) {
        let writes = self.aws.writes();
        let mut told: BTreeMap<String, usize> = BTreeMap::new();
        for call in &writes[self.writes..] {
            let outcome = call.error_code.as_deref().map(|code| format!(" {code}")).unwrap_or_default();
            *told.entry(format!("{}:{}{outcome}", call.service, call.operation)).or_default() += 1;
        }
        self.writes = writes.len();
        if told.is_empty() {
            self.told.push_str("none\n");
        }
        for (operation, times) in told {
            let _ = writeln!(self.told, "{operation} x {times}");
        }
    }
}

/// What differs from run to run.
fn redactions(environment: &TestEnvironment) -> Redactions {
    let mut redactions = Redactions::new();
    redactions.insert("[HOME]", environment.home().display().to_string()).expect("a name");
    for (name, pattern) in [
        ("[PLAN]", r"plan-(?<redacted>[0-9a-f]{40})"),
        ("[DIGEST]", r"sha256:(?<redacted>[0-9a-f]{64})"),
        ("[RUN]", r"bedrock-reconciler-(?<redacted>[0-9]{8}T[0-9]{6}Z-[0-9a-f]{8})"),
        ("[INCIDENT]", r"inc-(?<redacted>[0-9]{8}T[0-9]{6}Z-[0-9a-f]{8})"),
        ("[TIME]", r"(?<redacted>\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d(\.\d+)?Z)"),
        ("[CALLS]", r"(?<redacted>\d+) calls"),
        ("[SECONDS]", r"read in (?<redacted>\d+\.\d) s"),
        ("[KEY]", r"key/(?<redacted>[0-9a-f-]+)"),
        ("[GUARDRAIL]", r"and (?<redacted>[0-9a-z]{12}) was made in its place"),
        ("[UUID]", r"(?<redacted>[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12})"),
    ] {
        redactions.insert(name, Regex::new(pattern).expect("a pattern")).expect("a name");
    }
    redactions
}
