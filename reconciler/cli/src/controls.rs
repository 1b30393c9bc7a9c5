//! The controls, embedded in the binary. Data only; see `reconciler/controls`.

use serde::{Deserialize, Serialize};

/// One security control.
#[derive(Debug, Clone, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct Control {
    /// The id that declarations name.
    pub(crate) id: String,
    /// What it is called.
    pub(crate) title: String,
    /// `critical`, `high` or `medium`.
    pub(crate) severity: String,
    /// What holds when it holds.
    pub(crate) about: String,
    /// The kinds that this build can restore for it.
    pub(crate) kinds: Vec<String>,
}

macro_rules! embedded {
    ($($id:literal),+ $(,)?) => {
        &[$(include_str!(concat!("../../controls/aws-genai-", $id, ".yaml"))),+]
    };
}

const TEXTS: &[&str] = embedded!("01", "02", "03", "04", "05", "06", "07", "08", "09", "10");

/// Every control, by id.
///
/// # Errors
/// Fails when an embedded file is not a control, which a test rules out.
pub(crate) fn all() -> Result<Vec<Control>, serde_yaml::Error> {
    TEXTS.iter().map(|text| serde_yaml::from_str(text)).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_embedded_control_is_one_and_names_known_kinds() {
        let controls = all().expect("controls");
        assert_eq!(controls.len(), 10);
        let kinds: Vec<&str> = reconciler_kinds::KINDS.iter().map(|kind| kind.name()).collect();
        for control in controls {
            assert!(control.kinds.iter().all(|kind| kinds.contains(&kind.as_str())), "{}", control.id);
        }
    }
}
