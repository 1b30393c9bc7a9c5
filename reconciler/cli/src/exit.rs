//! The exit codes: a contract with scripts, CI and systemd. All of them are here.

use std::process::ExitCode;

use reconciler_engine::outcome::Outcome;

use crate::interrupt;

/// How a command ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Exit {
    /// In sync, or done and verified.
    Done,
    /// Something failed.
    Failed,
    /// Drift was found, or the world has not converged.
    Drift,
    /// Not everything could be evaluated; nothing worse is known.
    Gaps,
    /// Refused: too many changes, would wipe, stale plan, paused, not approved.
    Refused,
    /// The command line is wrong.
    Usage,
    /// The desired state is invalid.
    Invalid,
    /// Interrupted from the keyboard.
    Interrupted,
    /// Asked to terminate.
    Terminated,
}

impl Exit {
    /// All of them, by code.
    pub(crate) const ALL: [Self; 9] = [
        Self::Done,
        Self::Failed,
        Self::Drift,
        Self::Gaps,
        Self::Refused,
        Self::Usage,
        Self::Invalid,
        Self::Interrupted,
        Self::Terminated,
    ];

    /// What it means, for the reference.
    pub(crate) fn meaning(self) -> &'static str {
        match self {
            Self::Done => {
                "In sync, or done and verified by read-back. What is stronger and kept, or waived, is a note."
            }
            Self::Failed => "Something failed: a call, the state folder, an audit.",
            Self::Drift => "Drift was found (see `plan --fail-on`), or something is left open after a write.",
            Self::Gaps => "Not fully evaluated: something could not be read. Nothing worse is known.",
            Self::Refused => {
                "Refused: over the cap of changes, would wipe, the role may not write, stale plan, paused, not approved."
            }
            Self::Usage => "The command line or the settings are wrong.",
            Self::Invalid => "The desired state is invalid.",
            Self::Interrupted => "Interrupted from the keyboard. The step that was under way has ended.",
            Self::Terminated => "Asked to terminate. The step that was under way has ended.",
        }
    }

    /// What whoever meets it does, for the reference.
    pub(crate) fn what_to_do(self) -> &'static str {
        match self {
            Self::Done => "Nothing.",
            Self::Failed => "Read the message and its hint; `doctor` finds most reasons.",
            Self::Drift => "Read the plan, then `restore`, or change the declaration.",
            Self::Gaps => "Read the gaps: each names the reason and the remedy. Do not take it for in sync.",
            Self::Refused => "Read the code of the refusal; `explain CODE` says what lifts it.",
            Self::Usage => "Read the hint; `--help` has examples.",
            Self::Invalid => "Run `validate`: it points at the line. Nothing was changed.",
            Self::Interrupted | Self::Terminated => "Run the same command again: it goes on where it was.",
        }
    }

    pub(crate) fn code(self) -> u8 {
        match self {
            Self::Done => 0,
            Self::Failed => 1,
            Self::Drift => 2,
            Self::Gaps => 3,
            Self::Refused => 4,
            Self::Usage => 64,
            Self::Invalid => 65,
            Self::Interrupted => 130,
            Self::Terminated => 143,
        }
    }
}

impl Exit {
    /// Whether there is nothing to tell whoever goes by the code.
    pub(crate) fn is_done(self) -> bool {
        self == Self::Done
    }

    /// How a run that came to this ends the command: whoever asked it to stop is told that.
    pub(crate) fn of_run(outcome: Outcome) -> Self {
        interrupt::requested().unwrap_or(outcome.into())
    }
}

impl From<Outcome> for Exit {
    fn from(outcome: Outcome) -> Self {
        match outcome {
            Outcome::Done => Self::Done,
            Outcome::Gaps => Self::Gaps,
            Outcome::Drift => Self::Drift,
            Outcome::Refused => Self::Refused,
            Outcome::Failed => Self::Failed,
            Outcome::Invalid => Self::Invalid,
        }
    }
}

impl From<Exit> for ExitCode {
    fn from(exit: Exit) -> Self {
        Self::from(exit.code())
    }
}

/// The table that `--help` prints.
pub(crate) const TABLE: &str = "\
Exit codes:
  0    in sync, or done and verified by read-back
  1    failed
  2    drift found, or not converged
  3    not fully evaluated (something could not be read), nothing worse
  4    refused (too many changes, would wipe, stale plan, paused, not approved)
  64   the command line is wrong
  65   the desired state is invalid
  130  interrupted from the keyboard; 143 asked to terminate";

/// All of them, by code.
pub(crate) fn every() -> &'static [Exit] {
    &Exit::ALL
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_table_lists_every_code() {
        for exit in Exit::ALL {
            assert!(TABLE.contains(&exit.code().to_string()), "{exit:?}");
        }
    }
}
