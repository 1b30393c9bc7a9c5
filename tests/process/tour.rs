//! The pages of the documentation, command by command, as they stand there.
//!
//! In a block of `console` a command is a line that begins with `$ `; in one of `sh`, every line is one. A page is played from its top to
//! its end, in one folder, on an embedded AWS that is drifted. What a page says after a command is held:
//!
//! - `# exits 2`: that is the exit code; without it, it is 0;
//! - `# asks; answer y`: it is run at a terminal, and somebody answers;
//! - `# runs until it is stopped`, or another remark with this last word: it is stopped when it has said what it does.
//!
//! A block that cannot be played here begins with a line `# Needs ...: not run by the tests.`, or `run by the conformance tests.`, so that
//! readers see it too. All of them are listed here ([`NOT_RUN`]).

use std::collections::BTreeSet;
use std::fs;
use std::path::Path;
use std::time::{Duration, Instant};

use rustix::process::Signal;

use crate::harness::{Aws, Running, TestEnvironment, repository};

macro_rules! pages {
    ($($test:ident: $page:literal,)+) => {
        /// Every page with commands.
        const PAGES: &[&str] = &[$($page),+];

        $(#[test]
        fn $test() {
            play($page);
        })+
    };
}

pages! {
    the_readme: "README.md",
    contributing: "CONTRIBUTING.md",
    saved_plans: "plans/README.md",
    for_operators: "reconciler/docs/operator.md",
    for_reviewers: "reconciler/docs/reviewer.md",
    on_call: "reconciler/docs/on-call.md",
    the_daemon: "systemd/README.md",
}

/// Blocks that are not run: page, what they need, how many.
const NOT_RUN: &[(&str, &str, usize)] = &[
    ("README.md", "the AWS CLI", 1),
    ("README.md", "root", 1),
    ("plans/README.md", "jq and AWS Security Hub", 1),
    ("reconciler/docs/operator.md", "root", 4),
    ("reconciler/docs/on-call.md", "root", 1),
    ("systemd/README.md", "root", 1),
];

/// Commands that are run elsewhere, and where.
const ELSEWHERE: &[(&str, &str)] = &[
    ("cargo build", "has built what is tested here"),
    ("cargo build --profile demo -p bedrock-reconciler", "builds the same, quicker"),
    ("export PATH=$PWD/target/demo:$PATH", "what is tested here is on the path"),
    ("tests/run", "runs this test"),
    ("tests/run --fast", "a part of it"),
    ("tests/run --long", "builds a release, so it is run by hand"),
    (".ci/run", "runs this test"),
];

/// What a command has to print, where more than its end is held.
const PRINTS: &[(&str, &str)] = &[
    ("--aws embedded:aws-genai-06 plan", "2 drifted (2 weakened)"),
    ("plan --control aws-genai-03 --out plan.json", "vpc-endpoint"),
    ("apply plan.json", "verified by read-back"),
    ("restore", "incident inc-"),
    ("audit verify", "nothing was altered"),
    ("controls show aws-genai-04", "S2  page now"),
    ("demo", "planned again: in sync"),
    ("enforce --schedule", " INFO in sync"),
    ("doctor", "ok "),
];

/// How a command ends.
#[derive(Debug, PartialEq, Eq)]
enum Ends {
    /// By itself.
    Alone,
    /// After somebody agreed.
    Agreed,
    /// When it is asked to.
    Stopped,
}

#[derive(Debug)]
struct Command {
    line: String,
    ends: Ends,
    code: i32,
}

/// A block of commands.
#[derive(Debug)]
struct Block {
    /// What it needs that no test has.
    needs: Option<String>,
    commands: Vec<Command>,
}

fn command(line: &str) -> Command {
    let (line, remark) = line.split_once("  # ").unwrap_or((line, ""));
    let ends = match remark {
        remark if remark.contains("answer y") => Ends::Agreed,
        remark if remark.contains("stopped") => Ends::Stopped,
        _ => Ends::Alone,
    };
    let code = remark.split_once("exits ").map_or(0, |(_, rest)| {
        let digits: String = rest.chars().take_while(char::is_ascii_digit).collect();
        digits.parse().expect("a code")
    });
    Command { line: line.trim_end().to_owned(), ends, code }
}

/// The blocks of commands of a page.
fn blocks(text: &str) -> Vec<Block> {
    let mut found = Vec::new();
    let mut lines = text.lines();
    while let Some(line) = lines.next() {
        let Some(language) = line.strip_prefix("```") else { continue };
        let body: Vec<&str> = lines.by_ref().take_while(|line| *line != "```").collect();
        let needs = body
            .first()
            .and_then(|line| line.strip_prefix("# Needs ")?.split_once(": "))
            .filter(|(_, run)| ["not run by the tests.", "run by the conformance tests."].contains(run))
            .map(|(needs, _)| needs.to_owned());
        let commands = match language {
            "console" => body.iter().filter_map(|line| line.strip_prefix("$ ")).map(command).collect(),
            "sh" => body.iter().filter(|line| !line.starts_with('#')).map(|line| command(line)).collect(),
            _ => continue,
        };
        found.push(Block { needs, commands });
    }
    found
}

fn page(name: &str) -> String {
    fs::read_to_string(repository().join(name)).unwrap_or_else(|error| panic!("{name}: {error}"))
}

/// A page while it is played.
struct Story {
    environment: TestEnvironment,
    /// The address of the emulator that the page has started.
    serving: Option<String>,
    running: Vec<Running>,
}

fn play(name: &str) {
    let aws = Aws::scenario("drifted");
    let environment = TestEnvironment::on(&aws);
    let settings = environment.path("settings.yaml").display().to_string();
    let environment = environment.variable("BEDROCK_RECONCILER_SETTINGS", &settings);
    for folder in ["tests/broken", "systemd", "plans"] {
        environment.copy(folder, folder);
    }
    // What the package installs.
    for (from, to) in [
        ("desired-state", "etc/bedrock-reconciler/desired-state"),
        ("desired-state", "usr/share/doc/bedrock-reconciler/examples/desired-state"),
    ] {
        environment.copy(from, to);
    }
    fs::create_dir_all(environment.path("var/lib/bedrock-reconciler")).expect("a folder");
    let mut story = Story { environment, serving: None, running: Vec::new() };
    for block in blocks(&page(name)).iter().filter(|block| block.needs.is_none()) {
        for command in &block.commands {
            story.play(command);
        }
    }
}

impl Story {
    fn play(&mut self, command: &Command) {
        if ELSEWHERE.iter().any(|(line, _)| *line == command.line) {
            return;
        }
        let line = self.here(&command.line);
        if let Some(line) = line.strip_suffix(" &") {
            return self.serve(line);
        }
        let prints: Vec<&str> =
            PRINTS.iter().filter(|(part, _)| command.line.contains(part)).map(|(_, prints)| *prints).collect();
        // Where the last command was, with what it exported.
        let resumed = "test -f \"$TMPDIR/session\" && . \"$TMPDIR/session\"";
        let kept = "code=$?; { export -p; echo \"cd '$PWD'\"; } > \"$TMPDIR/session\"; exit $code";
        match command.ends {
            Ends::Alone => {
                let output = self.environment.shell(&format!("{resumed}; {line}\n{kept}"));
                assert_eq!(output.code(), command.code, "{}:\n{}\n{}", command.line, output.stdout, output.stderr);
                let _ = output.prints(&prints);
            }
            Ends::Agreed => {
                let mut terminal = self.environment.shell_at_terminal(&format!("{resumed}; exec {line}"));
                terminal.wait_for("[y/N]");
                terminal.types("y");
                let (code, shown) = terminal.wait();
                assert_eq!(code, command.code, "{}: {shown}", command.line);
                assert!(prints.iter().all(|text| shown.contains(text)), "{}: {shown}", command.line);
            }
            Ends::Stopped => {
                let mut running = self.environment.start_shell(&format!("{resumed}; exec {line}"));
                match prints.first() {
                    Some(told) => running.wait_for_log(told, 1),
                    None => std::thread::sleep(Duration::from_millis(500)),
                }
                running.signal(Signal::TERM);
                let code = running.wait().code();
                assert!(code == 0 || code == 143, "{}: {code}", command.line);
            }
        }
    }

    /// The command with the places of this test: its folders instead of those of the system, its ports, and its ids.
    fn here(&self, line: &str) -> String {
        let mut line = line.replace("cargo run --profile demo -p bedrock-reconciler -- ", "bedrock-reconciler ");
        for folder in ["/var/lib/bedrock-reconciler", "/etc/bedrock-reconciler", "/usr/share/doc/bedrock-reconciler"] {
            line = line.replace(folder, &self.environment.path(&folder[1..]).display().to_string());
        }
        if let Some(address) = &self.serving {
            line = line.replace("127.0.0.1:4566", address);
        }
        if line.contains("PLAN-ID") {
            let text = self.environment.read("plan.json");
            let (_, rest) = text.split_once("\"plan_id\": \"").expect("an id");
            line = line.replace("PLAN-ID", rest.split('"').next().expect("an id"));
        }
        if line.contains("INCIDENT-ID") {
            let incidents = fs::read_dir(self.environment.state().join("incidents")).expect("incidents");
            let id = incidents.map(|entry| entry.expect("an entry").file_name()).max().expect("an incident");
            line = line.replace("INCIDENT-ID", &id.to_string_lossy());
        }
        line
    }

    /// Starts an emulator, on a port that is free.
    fn serve(&mut self, line: &str) {
        let line = line.replace("127.0.0.1:4566", "127.0.0.1:0");
        let running = self.environment.start_shell(&format!("exec {line}"));
        let deadline = Instant::now() + Duration::from_secs(30);
        let address = loop {
            let told = running.stdout();
            if let Some(address) = told.lines().find_map(|line| line.strip_prefix("listening on http://")) {
                break address.to_owned();
            }
            assert!(Instant::now() < deadline, "does not listen: {line}");
            std::thread::sleep(Duration::from_millis(10));
        };
        self.serving = Some(address);
        self.running.push(running);
    }
}

/// Every page of the repository, by its path. The tests' own pages are for those who run them.
fn all_pages(folder: &Path, found: &mut Vec<String>) {
    for entry in fs::read_dir(folder).expect("a folder") {
        let path = entry.expect("an entry").path();
        let below = path.strip_prefix(repository()).expect("below").display().to_string();
        let is_hidden = below.split('/').any(|part| part.starts_with('.'));
        if path.is_dir() && !is_hidden && below != "target" && below != "tests" {
            all_pages(&path, found);
        } else if below.ends_with(".md") {
            found.push(below);
        }
    }
}

#[test]
fn every_page_with_commands_is_played() {
    let mut found = Vec::new();
    all_pages(&repository(), &mut found);
    let with_commands: BTreeSet<String> = found.into_iter().filter(|name| !blocks(&page(name)).is_empty()).collect();
    let played: BTreeSet<String> = PAGES.iter().map(|name| (*name).to_owned()).collect();
    let missing: Vec<&String> = with_commands.difference(&played).collect();
    assert!(missing.is_empty(), "list them in `pages!`: {missing:?}");
}

#[test]
fn what_is_not_run_is_listed() {
    let mut found: Vec<(&str, String, usize)> = Vec::new();
    for name in PAGES {
        for needs in blocks(&page(name)).into_iter().filter_map(|block| block.needs) {
            match found.iter_mut().find(|(page, known, _)| page == name && *known == needs) {
                Some((_, _, count)) => *count += 1,
                None => found.push((name, needs, 1)),
            }
        }
    }
    let mut found: Vec<(&str, &str, usize)> =
        found.iter().map(|(page, needs, count)| (*page, needs.as_str(), *count)).collect();
    let mut listed = NOT_RUN.to_vec();
    found.sort_unstable();
    listed.sort_unstable();
    assert_eq!(found, listed, "a block that no test plays is listed in `NOT_RUN`, with what it needs");
    let lines: Vec<String> = PAGES
        .iter()
        .flat_map(|name| blocks(&page(name)))
        .flat_map(|block| block.commands)
        .map(|command| command.line)
        .collect();
    for (line, _) in ELSEWHERE {
        assert!(lines.iter().any(|known| known == line), "`{line}` is on no page");
    }
}

/// A link from one page to another, or to a heading, leads somewhere.
#[test]
fn every_link_between_pages_leads_somewhere() {
    let mut names = Vec::new();
    all_pages(&repository(), &mut names);
    let link = regex::Regex::new(r"\]\(([^)#\s]*)(?:#([^)\s]*))?\)").expect("a pattern");
    for name in names {
        let text = page(&name);
        for found in link.captures_iter(&text) {
            let target = found.get(1).map_or("", |found| found.as_str());
            if target.contains("://") || target.starts_with("mailto:") {
                continue;
            }
            let from = repository().join(&name);
            let path = if target.is_empty() { from.clone() } else { from.parent().expect("a folder").join(target) };
            assert!(path.exists(), "{name}: {target} is not there");
            let Some(heading) = found.get(2).map(|found| found.as_str()) else { continue };
            let text = fs::read_to_string(&path).expect("a page");
            let is_there = text.lines().any(|line| line.starts_with('#') && anchor(line) == heading);
            assert!(is_there, "{name}: {target} has no heading #{heading}");
        }
    }
}

/// What the web pages of a repository call a heading.
fn anchor(line: &str) -> String {
    let text = line.trim_start_matches('#').trim().to_lowercase();
    let kept = text.chars().filter(|letter| letter.is_alphanumeric() || " -_".contains(*letter));
    kept.map(|letter| if letter == ' ' { '-' } else { letter }).collect()
}
