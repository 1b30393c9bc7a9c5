//! The command line. The comments are the help pages.

use std::ffi::OsString;
use std::path::{Path, PathBuf};
use std::time::Duration;

use clap::{Args, Parser, Subcommand, ValueEnum};

use crate::exit;
use crate::formats::documents::Document;
use crate::screen::Screen;

/// Holds an AWS organization's Bedrock security posture to a canonical desired state.
///
/// Reads the live APIs, says exactly what drifted and in which security direction, and puts back what is declared, verified
/// by read-back.
#[derive(Debug, Parser)]
#[command(name = "bedrock-reconciler", version, after_help = exit::TABLE, max_term_width = 110)]
pub(crate) struct Arguments {
    #[command(flatten)]
    pub(crate) global: Global,
    #[command(subcommand)]
    pub(crate) command: Command,
}

/// The words of a command line in which --desired is there once: where it is repeated, all but the last are --base.
pub(crate) fn layered(words: impl IntoIterator<Item = OsString>) -> Vec<OsString> {
    const DESIRED: &str = "--desired";
    let mut words: Vec<OsString> = words.into_iter().collect();
    let end = words.iter().position(|word| word == "--").unwrap_or(words.len());
    let names = |word: &OsString| word == DESIRED || word.to_string_lossy().starts_with("--desired=");
    let found: Vec<usize> = (0..end).filter(|at| words.get(*at).is_some_and(names)).collect();
    for at in found.iter().rev().skip(1) {
        let Some(word) = words.get_mut(*at) else { continue };
        let rest = word.to_string_lossy().trim_start_matches(DESIRED).to_owned();
        *word = format!("--base{rest}").into();
    }
    words
}

/// Options of every command.
#[derive(Debug, Args)]
pub(crate) struct Global {
    /// The folder of the desired state: organization.yaml and the declarations, in any number of YAML files.
    ///
    /// May be repeated, the lowest first: each folder before the last one is as one of --base.
    #[arg(
        long,
        global = true,
        value_name = "DIR",
        default_value = DEFAULT_DESIRED,
        env = "BEDROCK_RECONCILER_DESIRED"
    )]
    pub(crate) desired: PathBuf,

    /// A folder that the desired state is laid over, for what several environments have in common. May be repeated, the lowest first.
    ///
    /// A declaration takes the place of one below it that has the same kind, name and `where`, and organization.yaml that of one below
    /// it; everything else is added.
    #[arg(long, global = true, value_name = "DIR", env = "BEDROCK_RECONCILER_BASE", value_delimiter = ':')]
    pub(crate) base: Vec<PathBuf>,

    /// Which AWS: `live`, or `embedded[:SCENARIO]` for an AWS in the process that needs no account and no network.
    #[arg(long, global = true, value_name = "AWS", default_value = "live", env = "BEDROCK_RECONCILER_AWS")]
    pub(crate) aws: Aws,

    /// What to print.
    #[arg(long, global = true, value_enum, default_value = "human")]
    pub(crate) output: Output,

    /// The state folder: journal, lock and pause. Default: the one of systemd, or ~/.local/state/bedrock-reconciler.
    #[arg(long, global = true, value_name = "DIR", env = "BEDROCK_RECONCILER_STATE")]
    pub(crate) state: Option<PathBuf>,

    /// A settings file (YAML); flags and environment win over it.
    #[arg(long, global = true, value_name = "FILE", env = "BEDROCK_RECONCILER_SETTINGS")]
    pub(crate) settings: Option<PathBuf>,

    /// Print results and errors only.
    #[arg(long, short, global = true)]
    pub(crate) quiet: bool,

    /// Show long values whole, and every place by itself.
    #[arg(long, global = true)]
    pub(crate) full: bool,

    /// End within this time, such as 30s or 5m. What was not read by then is not evaluated (exit 3); a write is never cut: what
    /// has not begun is not begun.
    #[arg(long, global = true, value_name = "DURATION", value_parser = duration)]
    pub(crate) timeout: Option<Duration>,

    /// Use no colours, as if standard output were no terminal. The environment variable NO_COLOR does the same.
    #[arg(long, global = true)]
    pub(crate) no_color: bool,
}

impl Global {
    /// What is printed where.
    pub(crate) fn screen(&self) -> Screen {
        Screen { output: self.output, quiet: self.quiet, told_elsewhere: false, full: self.full }
    }

    /// The program with the options that lead to the same AWS and the same files, as one writes it in a shell.
    pub(crate) fn spelled(&self) -> String {
        let mut text = "bedrock-reconciler".to_owned();
        // What the environment says need not be said again.
        let is_said = |variable: &str, value: &str| std::env::var(variable).is_ok_and(|said| said == value);
        let mut option = |name: &str, value: &str| {
            let variable = format!("BEDROCK_RECONCILER_{}", name.trim_start_matches('-').to_uppercase());
            if !is_said(&variable, value) {
                text.push_str(&format!(" {name} {}", in_shell(value)));
            }
        };
        match &self.aws {
            Aws::Live => {}
            Aws::Embedded(scenario) => option("--aws", &format!("embedded:{scenario}")),
        }
        if self.desired != Path::new(DEFAULT_DESIRED) {
            option("--desired", &self.desired.to_string_lossy());
        }
        for (name, path) in [("--state", &self.state), ("--settings", &self.settings)] {
            if let Some(path) = path {
                option(name, &path.to_string_lossy());
            }
        }
        let bases: Vec<String> = self.base.iter().map(|base| base.to_string_lossy().into_owned()).collect();
        if !bases.is_empty() && !is_said("BEDROCK_RECONCILER_BASE", &bases.join(":")) {
            bases.iter().for_each(|base| text.push_str(&format!(" --base {}", in_shell(base))));
        }
        text
    }
}

/// A word of a shell command.
pub(crate) fn in_shell(word: &str) -> String {
    let is_plain = |c: char| c.is_ascii_alphanumeric() || "_-./:=@%+,".contains(c);
    if !word.is_empty() && word.chars().all(is_plain) {
        return word.to_owned();
    }
    format!("'{}'", word.replace('\'', "'\\''"))
}

/// A time such as `90s`, `5m` or `1h 30m`.
fn duration(text: &str) -> Result<Duration, String> {
    let spoken: Result<jiff::SignedDuration, _> = text.parse();
    let given = spoken.ok().and_then(|duration| Duration::try_from(duration).ok());
    given.filter(|duration| !duration.is_zero()).ok_or_else(|| "write a time such as 30s, 5m or 1h".to_owned())
}

/// The folder of the desired state where nothing else is said.
pub(crate) const DEFAULT_DESIRED: &str = "desired-state";

/// Which AWS to speak to.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Aws {
    /// The real one, or whatever AWS_ENDPOINT_URL names.
    Live,
    /// The one in the process, with a scenario.
    Embedded(String),
}

/// The scenario of `--aws embedded`, and of `demo`.
pub(crate) const DEFAULT_SCENARIO: &str = "drifted";

impl std::str::FromStr for Aws {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        match text.split_once(':') {
            None if text == "live" => Ok(Self::Live),
            None if text == "embedded" => Ok(Self::Embedded(DEFAULT_SCENARIO.to_owned())),
            Some(("embedded", scenario)) if !scenario.is_empty() => Ok(Self::Embedded(scenario.to_owned())),
            _ => Err("write `live`, `embedded` or `embedded:SCENARIO`".to_owned()),
        }
    }
}

/// What to print.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub(crate) enum Output {
    /// For people.
    Human,
    /// For programs: one JSON document on standard output.
    Json,
    /// A plan as a comment below a pull request.
    Markdown,
    /// A plan as SARIF 2.1.0, at the lines of the declarations: for code scanning.
    Sarif,
    /// A plan as JUnit XML, one test case for each address.
    Junit,
    /// A plan as CSV, one row for each field that differs.
    Csv,
    /// A plan as OCSF compliance findings.
    Ocsf,
    /// A plan as findings that AWS Security Hub imports.
    Asff,
}

impl Output {
    /// Whether it is made of a plan, so that only commands with a plan have it.
    pub(crate) fn is_of_plans(self) -> bool {
        !matches!(self, Self::Human | Self::Json)
    }

    /// The word of the command line.
    pub(crate) fn word(self) -> String {
        self.to_possible_value().map(|value| value.get_name().to_owned()).unwrap_or_default()
    }

    /// What a word of the command line asks for.
    pub(crate) fn of_word(word: &str) -> Option<Self> {
        Self::from_str(word, false).ok()
    }
}

/// From which drift on a plan fails.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub(crate) enum FailOn {
    /// Whatever is not as declared, but for what is stronger and kept.
    Any,
    /// What protects less than declared, or may.
    Weakened,
    /// What pages somebody.
    Page,
}

/// Which part of the desired state.
#[derive(Debug, Clone, Default, Args)]
pub(crate) struct Filter {
    /// Only what serves this control, such as aws-genai-04. May be repeated.
    #[arg(long, value_name = "ID")]
    pub(crate) control: Vec<String>,

    /// Only these addresses: ACCOUNT/REGION/KIND/NAME, with `*` and `?`. May be repeated.
    #[arg(long, value_name = "GLOB")]
    pub(crate) address: Vec<String>,

    #[command(flatten)]
    pub(crate) places: Places,
}

impl Filter {
    /// The options that mean the same, as one writes them in a shell, each after a space.
    pub(crate) fn spelled(&self) -> String {
        let Places { account, region, kind } = &self.places;
        let options = [
            ("--control", &self.control),
            ("--address", &self.address),
            ("--account", account),
            ("--region", region),
            ("--kind", kind),
        ];
        let each = |(name, values): (&str, &Vec<String>)| -> String {
            values.iter().map(|value| format!(" {name} {}", in_shell(value))).collect()
        };
        options.into_iter().map(each).collect()
    }

    /// Whether everything is meant.
    pub(crate) fn is_whole(&self) -> bool {
        self.control.is_empty() && self.address.is_empty() && self.places.is_everywhere()
    }
}

/// Which accounts, regions and kinds.
#[derive(Debug, Clone, Default, Args)]
pub(crate) struct Places {
    /// Only in this account, by its name. May be repeated.
    #[arg(long, value_name = "NAME")]
    pub(crate) account: Vec<String>,

    /// Only in this region; what an account or an organization has once is in its home region. May be repeated.
    #[arg(long, value_name = "REGION")]
    pub(crate) region: Vec<String>,

    /// Only this kind, such as guardrail. May be repeated.
    #[arg(long, value_name = "KIND")]
    pub(crate) kind: Vec<String>,
}

impl Places {
    /// Whether no place and no kind is named.
    pub(crate) fn is_everywhere(&self) -> bool {
        self.account.is_empty() && self.region.is_empty() && self.kind.is_empty()
    }

    /// Whether this account, region and kind is meant.
    pub(crate) fn take(&self, account: &str, region: &str, kind: &str) -> bool {
        let takes = |names: &[String], name: &str| names.is_empty() || names.iter().any(|known| known == name);
        takes(&self.account, account) && takes(&self.region, region) && takes(&self.kind, kind)
    }
}

#[derive(Debug, Subcommand)]
pub(crate) enum Command {
    /// Begin: write organization.yaml and the schema for editors, for an account or an organization.
    ///
    /// Asks at a terminal for what the options do not say. With credentials at hand, it finds out which account they are of. No file
    /// is overwritten, and nothing is changed in AWS.
    #[command(
        after_help = "Examples:\n  bedrock-reconciler init\n  bedrock-reconciler init --account prod=111122223333 --region us-east-1 --region eu-west-1\n  bedrock-reconciler init --organization --role bedrock-reconciler --region us-east-1"
    )]
    Init {
        /// An account: ID, or NAME=ID. May be repeated; several need a role to assume in each. Default: that of the credentials.
        #[arg(long, value_name = "NAME=ID", conflicts_with = "organization")]
        account: Vec<String>,
        /// A region to look at. May be repeated. Default: that of the environment or the profile.
        #[arg(long, value_name = "REGION")]
        region: Vec<String>,
        /// Every account that AWS Organizations lists.
        #[arg(long)]
        organization: bool,
        /// The role to assume in each account. Default for several accounts: bedrock-reconciler. A single one needs none.
        #[arg(long, value_name = "ROLE")]
        role: Option<String>,
        /// The folder to write to. Default: that of --desired.
        #[arg(long, value_name = "DIR")]
        dir: Option<PathBuf>,
    },

    /// Take over what exists: write declarations of the live resources, as they are, and pins. Nothing is changed in AWS.
    ///
    /// Takes what Bedrock's controls are about, and what that refers to: keys, log groups, buckets and roles. Then it says, control by
    /// control, what exists, what does not, and what is below the floor that the control has. What is declared already is passed by,
    /// and no file is overwritten. A plan is in sync afterwards.
    #[command(
        visible_alias = "import",
        after_help = "Examples:\n  bedrock-reconciler adopt --dry-run\n  bedrock-reconciler adopt && bedrock-reconciler plan\n  bedrock-reconciler adopt --kind guardrail --address 'prod/*'"
    )]
    Adopt {
        /// Print the declarations, and write nothing.
        #[arg(long)]
        dry_run: bool,
        /// Take every resource of every kind that this build knows, whether a control is about it or not.
        #[arg(long)]
        all: bool,
        /// Take these addresses, whether a control is about them or not: ACCOUNT/REGION/KIND/NAME, with `*` and `?`. May be repeated.
        #[arg(long, value_name = "GLOB")]
        address: Vec<String>,
        #[command(flatten)]
        places: Places,
    },

    /// Check what every run rests on: credentials, roles, regions, permissions, clock, state folder and pins.
    ///
    /// Each line is `ok`, `warn` or `FAIL`, with what to do about it. Nothing is changed. Exits 2 when something fails.
    #[command(
        after_help = "Examples:\n  bedrock-reconciler doctor\n  bedrock-reconciler --output json doctor --account prod"
    )]
    Doctor {
        /// Only this account, by its name. May be repeated.
        #[arg(long, value_name = "NAME")]
        account: Vec<String>,
    },

    /// Say how things stand according to the state folder: last runs, open incidents, brakes. No call to AWS is made.
    #[command(
        after_help = "Examples:\n  bedrock-reconciler status\n  bedrock-reconciler --state /var/lib/bedrock-reconciler --output json status"
    )]
    Status,

    /// Check the desired state. No call to AWS is made.
    #[command(after_help = "Example:\n  bedrock-reconciler validate --desired desired-state")]
    Validate,

    /// Put the files of the desired state in order: spaces, blank lines, comments, quotes. Nothing that is declared changes, and no
    /// comment is lost.
    ///
    /// A file whose meaning would change, because it has a text over several lines in quotes, is left as it is, with the reason.
    #[command(after_help = "Examples:\n  bedrock-reconciler fmt\n  bedrock-reconciler fmt --check")]
    Fmt {
        /// Write nothing: show what would change, and exit with 2 where something would.
        #[arg(long)]
        check: bool,
        /// Files or folders; the desired state where none is named.
        #[arg(value_name = "PATH")]
        paths: Vec<PathBuf>,
    },

    /// Show what drifted and what would be done. Nothing is changed.
    #[command(
        after_help = "Examples:\n  bedrock-reconciler --aws embedded plan\n  bedrock-reconciler plan --control aws-genai-04 --out\n  bedrock-reconciler plan --account prod --region us-east-1 --kind guardrail\n  bedrock-reconciler --output json plan --address 'prod/*/guardrail/*'"
    )]
    Plan {
        #[command(flatten)]
        filter: Filter,
        /// Save the plan for `apply`; without FILE, as plans/PLAN-ID.json, and in a folder by that name. A readable diff is
        /// written beside it.
        #[arg(long, value_name = "FILE", num_args = 0..=1, default_missing_value = "plans/")]
        out: Option<PathBuf>,
        /// Say who caused each drift and since when, from CloudTrail's event history of 90 days. Two calls a second in each account
        /// and region.
        #[arg(long)]
        blame: bool,
        /// Print the numbers and a table of controls by account only.
        #[arg(long)]
        summary: bool,
        /// What makes the exit code 2. What could not be evaluated and may hide it makes it 3.
        #[arg(long, value_enum, value_name = "WHAT", default_value = "any")]
        fail_on: FailOn,
    },

    /// Write what aliases, tags and names lead to into `pins.lock`, beside the declarations. Nothing is changed in AWS.
    ///
    /// Every plan holds what rests on such a pointer to its pin, and tells where the pointer leads elsewhere. Review the file like
    /// a declaration.
    #[command(
        after_help = "Examples:\n  bedrock-reconciler pin && git diff desired-state/pins.lock\n  bedrock-reconciler pin --check"
    )]
    Pin {
        /// Write nothing: exit 0 when all pointers lead where they are pinned, 2 when one does not, 3 when one could not be read.
        #[arg(long)]
        check: bool,
    },

    /// Carry out a saved plan, verified by read-back.
    ///
    /// The file says what was looked at and allowed. Its resources are planned again, and the steps are carried out that are the
    /// same today; what would be done otherwise is left out and named.
    #[command(after_help = "Example:\n  bedrock-reconciler apply plans/plan-ID.json --approve plan-ID")]
    Apply {
        /// The file that `plan --out` wrote.
        plan: PathBuf,
        /// Approve the plan with this id; without it, you are asked.
        #[arg(long, value_name = "PLAN-ID")]
        approve: Option<String>,
        /// Do not ask IAM beforehand whether the role may make the calls: where its simulation is known to be wrong.
        #[arg(long)]
        skip_permission_check: bool,
    },

    /// Hold the desired state: plan and restore on a schedule, under the standing policy of the settings.
    #[command(
        after_help = "Examples:\n  bedrock-reconciler --aws embedded enforce --once\n  bedrock-reconciler enforce --schedule 'every 45s'"
    )]
    Enforce {
        /// One activation, then exit.
        #[arg(long)]
        once: bool,
        /// When to activate: `every 45s`, or five fields as in a crontab, or six with the seconds first, in UTC.
        #[arg(long, value_name = "SCHEDULE", env = "BEDROCK_RECONCILER_SCHEDULE")]
        schedule: Option<String>,
        /// The most resources that one activation may change.
        #[arg(long, value_name = "N", env = "BEDROCK_RECONCILER_MAX_CHANGES")]
        max_changes: Option<usize>,
        /// Do not ask IAM beforehand whether the role may make the calls: where its simulation is known to be wrong.
        #[arg(long)]
        skip_permission_check: bool,
        #[command(flatten)]
        filter: Filter,
    },

    /// Carry out the documented initial response for one resource, or for everything that serves a control.
    ///
    /// Evidence first, then the plan, then your word; each restore is confirmed by two separate reads. Where there was something to
    /// restore, the state folder has an incident file afterwards: what happened, by whose hand, for how long, what was done, and
    /// what is left to people. An incident that is not over is taken up again by the same command.
    #[command(
        after_help = "Examples:\n  bedrock-reconciler restore prod/eu-west-1/guardrail/payments\n  bedrock-reconciler restore aws-genai-04 --yes --since 2h\n  bedrock-reconciler restore aws-genai-02 aws-genai-06 --account prod"
    )]
    Restore {
        /// Addresses (with `*` and `?`) or control ids.
        #[arg(required = true, value_name = "CONTROL_OR_ADDRESS")]
        targets: Vec<String>,
        /// Only in this account, by its name. May be repeated.
        #[arg(long, value_name = "NAME")]
        account: Vec<String>,
        /// Look at what happened after this: a time such as 2026-11-20T01:00:00Z, or how long ago, such as 2h. Default: 90 days.
        #[arg(long, value_name = "TIME")]
        since: Option<String>,
        /// Do not ask.
        #[arg(long, short)]
        yes: bool,
        /// Delete a version of a guardrail that is full, where it is not as declared and not enforced, to make room.
        #[arg(long)]
        delete_versions: bool,
        /// Do not ask IAM beforehand whether the role may make the calls: where its simulation is known to be wrong.
        #[arg(long)]
        skip_permission_check: bool,
    },

    /// Print the live state as declarations.
    #[command(after_help = "Example:\n  bedrock-reconciler export > desired-state/live.yaml")]
    Export {
        /// Only these addresses: ACCOUNT/REGION/KIND/NAME, with `*` and `?`. May be repeated.
        #[arg(long, value_name = "GLOB")]
        address: Vec<String>,
        #[command(flatten)]
        places: Places,
    },

    /// See it work: restore a drifted organization on the embedded AWS. Needs no account, no network and no files.
    ///
    /// Shows the drift of three accounts and two regions, restores it, reads everything back, and plans again. The desired state is the
    /// one that the program brings with it; settings and the state folder are not looked at.
    Demo,

    /// Rehearse on the embedded AWS: attack, detect, restore, verify. Prints a score card.
    Drill {
        /// The scenario; without it, all of them.
        scenario: Option<String>,
    },

    /// Serve the embedded AWS on loopback, for any AWS client.
    #[command(
        after_help = "Example:\n  bedrock-reconciler emulator --listen 127.0.0.1:4566 --scenario drifted\n  AWS_ENDPOINT_URL=http://127.0.0.1:4566 AWS_ACCESS_KEY_ID=111122223333 AWS_SECRET_ACCESS_KEY=any bedrock-reconciler plan"
    )]
    Emulator {
        /// Where to listen; loopback only. Port 0 takes a free one.
        #[arg(long, value_name = "ADDR", default_value = "127.0.0.1:4566")]
        listen: std::net::SocketAddr,
        /// The scenario, or a file with one.
        #[arg(long, default_value = "in-sync")]
        scenario: String,
        /// A file with scripted faults (YAML or JSON).
        #[arg(long, value_name = "FILE")]
        faults: Option<PathBuf>,
        /// How long every answer takes, in milliseconds.
        #[arg(long, value_name = "MS", default_value_t = 0)]
        latency: u64,
        /// The seed of every id, list order and chance.
        #[arg(long, default_value_t = 1)]
        seed: u64,
    },

    /// Print the JSON Schema of the desired state, for editors, or of a JSON document that a command prints.
    #[command(after_help = "Examples:\n  bedrock-reconciler schema\n  bedrock-reconciler schema --of plan")]
    Schema {
        /// Of which document.
        #[arg(long, value_enum, value_name = "DOCUMENT", default_value = "desired-state")]
        of: Document,
    },

    /// List the controls, or print one as a runbook.
    #[command(after_help = "Examples:\n  bedrock-reconciler controls\n  bedrock-reconciler controls show aws-genai-04")]
    Controls {
        #[command(subcommand)]
        what: Option<Controls>,
    },

    /// Explain a code such as BRX0203, or a member of a declaration such as guardrail.contentPolicy.
    #[command(
        after_help = "Examples:\n  bedrock-reconciler explain BRX0203\n  bedrock-reconciler explain guardrail\n  bedrock-reconciler explain guardrail.contentPolicy.filters.inputStrength"
    )]
    Explain {
        /// A code, a kind, or a kind and the way to one of its members, joined by dots; without it, all codes and kinds are listed.
        #[arg(value_name = "CODE_OR_MEMBER")]
        of: Option<String>,
    },

    /// List the runs and incidents, or show one of them, record by record.
    #[command(
        after_help = "Examples:\n  bedrock-reconciler history\n  bedrock-reconciler history inc-20261120T031500Z-1f0a2b3c"
    )]
    History {
        /// The id of a run or of an incident; without it, all of them are listed.
        #[arg(value_name = "RUN_OR_INCIDENT")]
        of: Option<String>,
    },

    /// Prove what was done: the journal and the evidence.
    Audit {
        #[command(subcommand)]
        what: Audit,
    },

    /// Print the version of the program, and of the formats of plans and journals that it writes.
    Version,

    /// Print a completion script.
    Completions {
        /// The shell.
        shell: clap_complete::Shell,
    },

    /// Print the manual page, or write that of every command.
    #[command(after_help = "Examples:\n  bedrock-reconciler man | man -l -\n  bedrock-reconciler man --dir pages")]
    Man {
        /// Write one page for each command into this folder.
        #[arg(long, value_name = "DIR")]
        dir: Option<PathBuf>,
    },

    /// Write the reference of the documentation, which is made from the program.
    #[command(hide = true)]
    Reference {
        /// The folder.
        dir: PathBuf,
    },
}

impl Command {
    /// Whether it runs until it is asked to stop, and takes a hang-up for a reload.
    pub(crate) fn is_daemon(&self) -> bool {
        matches!(self, Self::Enforce { once: false, .. })
    }
}

#[derive(Debug, Subcommand)]
pub(crate) enum Audit {
    /// Check that nothing in the journal or the evidence was altered, removed or added. Exits 1 when something was.
    ///
    /// Whoever may write to the state folder could write all of it anew. Keep the head that this prints somewhere else, and
    /// give it to a later audit.
    #[command(
        after_help = "Examples:\n  bedrock-reconciler audit verify\n  bedrock-reconciler audit verify --head sha256:0123.."
    )]
    Verify {
        /// A head that was noted earlier, which has to be in the chain.
        #[arg(long, value_name = "DIGEST")]
        head: Option<String>,
    },
    /// Mend a journal that a disk damaged, such as one that was full for a moment. No record is lost.
    ///
    /// What is no record is taken out, and the file as it was is kept beside the journal. A journal in which a record was changed,
    /// removed or added is not touched: keep the folder for those who look into it, and go on with another one (--state).
    #[command(after_help = "Example:\n  bedrock-reconciler audit verify; bedrock-reconciler audit mend")]
    Mend,
}

/// What to print of the controls.
#[derive(Debug, Subcommand)]
pub(crate) enum Controls {
    /// List them: what each protects, what restores it, and what it waits for.
    List,
    /// Print one as a runbook: how it shows, how fast to tell, the response step by step, the queries, compliance.
    #[command(after_help = "Example:\n  bedrock-reconciler controls show aws-genai-04 | less -R")]
    Show {
        /// The control, such as aws-genai-04.
        #[arg(value_name = "ID")]
        id: String,
    },
}
