//! The settings file: what the daemon may do. Flags win over environment, environment wins over the file.

use std::io::Read as _;
use std::path::{Path, PathBuf};
use std::time::Duration;

use reconciler_aws::Timeouts;
use reconciler_engine::Pace;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::exit::Exit;
use crate::failure::Failure;
use crate::files;

/// Bytes of the settings that are read at most.
const MOST_BYTES: u64 = 1024 * 1024;

/// The settings, with their defaults.
#[derive(Debug, Clone, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields, default)]
pub(crate) struct Settings {
    /// When the daemon activates: `every 45s`, or cron fields in UTC, five or six of them.
    pub(crate) schedule: String,
    /// The most resources that one activation may change, the most severe first.
    pub(crate) max_changes: usize,
    /// Whether guardrail versions that nothing is known to refer to may be deleted when the limit of 20 is reached.
    pub(crate) delete_unreferenced_versions: bool,
    /// How often the same fields may be changed back by others within an hour before they flap.
    pub(crate) undone_at_most: usize,
    /// Whether IAM is asked, before a resource is restored, if the caller may make the calls.
    pub(crate) permission_check: bool,
    /// The state folder.
    pub(crate) state: Option<PathBuf>,
    /// Whether logs are lines of JSON.
    pub(crate) log_json: bool,
    /// How long to wait for what.
    pub(crate) pace: PaceSettings,
}

/// The part `pace` of the settings: how long to wait for what. The defaults are for AWS; a test double answers sooner.
#[derive(Debug, Clone, Copy, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields, default)]
pub(crate) struct PaceSettings {
    /// Milliseconds between the first two read-backs of a restored resource; each pause is half as long again.
    pub(crate) poll_first_ms: u64,
    /// The longest pause between two read-backs, in milliseconds.
    pub(crate) poll_longest_ms: u64,
    /// How long a resource may take to settle, in seconds.
    pub(crate) settle_seconds: u64,
    /// How long read-back may show the past, in seconds: AWS is eventually consistent.
    pub(crate) consistency_seconds: u64,
    /// The longest first pause before a failed call is tried again, in milliseconds; each pause is twice as long.
    pub(crate) retry_first_ms: u64,
    /// How long one call may take with all its attempts and pauses, in seconds. A region whose endpoint never answers costs
    /// this much, once for each kind, and is then a gap.
    pub(crate) call_seconds: u64,
}

impl Default for PaceSettings {
    fn default() -> Self {
        Self {
            poll_first_ms: 500,
            poll_longest_ms: 10_000,
            settle_seconds: 300,
            consistency_seconds: 60,
            retry_first_ms: 1_000,
            call_seconds: Timeouts::default().operation.as_secs(),
        }
    }
}

impl From<PaceSettings> for Pace {
    fn from(settings: PaceSettings) -> Self {
        Self {
            poll_first: Duration::from_millis(settings.poll_first_ms),
            poll_longest: Duration::from_millis(settings.poll_longest_ms),
            settle: Duration::from_secs(settings.settle_seconds),
            consistency: Duration::from_secs(settings.consistency_seconds),
            ..Self::default()
        }
    }
}

impl Default for Settings {
    fn default() -> Self {
        Self {
            schedule: "every 45s".to_owned(),
            max_changes: 20,
            delete_unreferenced_versions: false,
            undone_at_most: 2,
            permission_check: true,
            state: None,
            log_json: false,
            pace: PaceSettings::default(),
        }
    }
}

/// The settings of the file, or the defaults when there is none.
pub(crate) fn read(file: Option<&Path>) -> Result<Settings, Failure> {
    let Some(file) = file else { return Ok(Settings::default()) };
    let mut text = String::new();
    let read = files::open_regular(file).and_then(|open| open.take(MOST_BYTES).read_to_string(&mut text));
    read.map_err(|error| {
        Failure::new(Exit::Usage, format!("failed to read the settings {}: {error}", file.display()))
    })?;
    if text.lines().all(|line| line.trim().is_empty() || line.trim_start().starts_with('#')) {
        return Ok(Settings::default());
    }
    serde_yaml::from_str(&text)
        .map_err(|error| Failure::new(Exit::Usage, format!("failed to read the settings {}: {error}", file.display())))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_example_shows_every_setting_with_its_default() {
        let example = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../systemd/settings.example.yaml");
        let shown: serde_json::Value = serde_yaml::from_str(&std::fs::read_to_string(&example).unwrap()).unwrap();
        let mut defaults = serde_json::to_value(Settings::default()).unwrap();
        // The unit says where the state folder is.
        defaults.as_object_mut().unwrap().remove("state");
        assert_eq!(shown, defaults);
        assert!(read(Some(&example)).is_ok());
    }
}
