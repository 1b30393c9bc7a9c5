//! What a command ends with when it cannot go on: the exit code, the error, and the hint.

use std::fmt;

use reconciler_aws::CallError;
use reconciler_aws::client::code_of;
use reconciler_engine::evidence::EvidenceError;
use reconciler_engine::journal::JournalError;
use reconciler_engine::rounds::Broken;
use reconciler_engine::state::StateError;
use reconciler_model::codes;
use reconciler_model::diagnostic::Diagnostic;
use reconciler_model::permit::Refusal;
pub(crate) use reconciler_model::text::chain;

use crate::exit::Exit;

/// A command that cannot go on.
#[derive(Debug)]
pub(crate) struct Failure {
    pub(crate) exit: Exit,
    /// The code for `explain`, where there is one.
    pub(crate) code: Option<String>,
    /// What happened: completes "error: failed to", or a sentence of its own.
    pub(crate) text: String,
    pub(crate) hint: Option<String>,
    /// What is wrong with the desired state, where that is the reason.
    pub(crate) diagnostics: Vec<Diagnostic>,
}

impl Failure {
    pub(crate) fn new(exit: Exit, text: impl Into<String>) -> Self {
        Self { exit, code: None, text: text.into(), hint: None, diagnostics: Vec::new() }
    }

    pub(crate) fn code(mut self, code: &str) -> Self {
        self.code = Some(code.to_owned());
        self
    }

    pub(crate) fn diagnostics(mut self, found: Vec<Diagnostic>) -> Self {
        self.diagnostics = found;
        self
    }

    pub(crate) fn hint(mut self, hint: impl Into<String>) -> Self {
        self.hint = Some(hint.into());
        self
    }
}

impl fmt::Display for Failure {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.text)
    }
}

impl From<CallError> for Failure {
    fn from(error: CallError) -> Self {
        if error.code == "NoCredentials" {
            return Self::new(Exit::Failed, "no AWS credentials found").code(code_of(&error)).hint(
                "log in and name the profile (`aws sso login`, AWS_PROFILE), or set AWS_ACCESS_KEY_ID and AWS_SECRET_ACCESS_KEY, or run \
                 where an instance or task role is attached. To try the tool without an AWS account: --aws embedded.",
            );
        }
        let failure = Self::new(Exit::Failed, format!("failed to {error}")).code(code_of(&error));
        match error.hint() {
            Some(hint) => failure.hint(format!("{hint} To try the tool without an AWS account: --aws embedded.")),
            None => failure,
        }
    }
}

impl From<JournalError> for Failure {
    fn from(error: JournalError) -> Self {
        let text = format!("failed to {}", chain(&error));
        match error {
            JournalError::Io(..) | JournalError::Stopped(_) | JournalError::Taken(_) => Self::new(Exit::Failed, text)
                .code(codes::JOURNAL)
                .hint("nothing more was written to AWS; check the state folder (--state) and its disk"),
            JournalError::Damaged { .. } | JournalError::Broken { .. } | JournalError::Head { .. } => {
                Self::new(Exit::Failed, text)
                    .code(codes::ALTERED)
                    .hint(
                        "nothing was written to AWS; `bedrock-reconciler audit verify` names every place, and `audit mend` repairs \
                         what a disk damaged",
                    )
            }
        }
    }
}

impl From<EvidenceError> for Failure {
    fn from(error: EvidenceError) -> Self {
        Self::new(Exit::Failed, format!("failed to {}", chain(&error)))
            .code(codes::EVIDENCE)
            .hint("nothing more was written to AWS; check the state folder (--state) and its disk")
    }
}

impl From<Broken<Self>> for Failure {
    fn from(broken: Broken<Self>) -> Self {
        match broken {
            Broken::Call(error) => error.into(),
            Broken::Journal(error) => error.into(),
            Broken::Evidence(error) => error.into(),
            Broken::Refused(refusal) => refusal.into(),
            Broken::Caller(failure) => failure,
        }
    }
}

impl From<StateError> for Failure {
    fn from(error: StateError) -> Self {
        let text = format!("failed to {}", chain(&error));
        match &error {
            StateError::InUse { .. } => Self::new(Exit::Refused, text)
                .code(codes::STATE_IN_USE)
                .hint("wait for the other run, or name another folder with --state"),
            StateError::OtherOwner { owner, .. } => {
                let hint = format!("run it as that user: sudo -u {owner} bedrock-reconciler ..., or name another folder with --state");
                Self::new(Exit::Refused, text).hint(hint)
            }
            StateError::OtherAws { folder, .. } => Self::new(Exit::Refused, text).hint(format!(
                "name another folder with --state: what was done in one organization says nothing of another one; where it is the \
                 same under another address, remove {}",
                folder.join("aws.json").display()
            )),
            StateError::Io(..) => {
                Self::new(Exit::Failed, text).hint("name a folder that can be written to with --state")
            }
        }
    }
}

impl From<Refusal> for Failure {
    fn from(refusal: Refusal) -> Self {
        let failure = Self::new(Exit::Refused, format!("refused: {refusal}"));
        match refusal {
            Refusal::BlastRadius { .. } => failure
                .code(codes::BLAST_RADIUS)
                .hint("review with `plan --out`, then `apply PLAN --approve PLAN-ID`, or raise --max-changes"),
            Refusal::NotSeen { .. } => {
                failure.code(codes::NOT_SEEN).hint("look at what is still open, and run the command again")
            }
            Refusal::OtherPlan { .. } => failure.hint("look at the plan again, and approve it by its own id"),
        }
    }
}

impl From<std::io::Error> for Failure {
    fn from(error: std::io::Error) -> Self {
        Self::new(Exit::Failed, format!("failed to write the output: {error}"))
    }
}
