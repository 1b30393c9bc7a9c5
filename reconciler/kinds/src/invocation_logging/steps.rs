//! From the drift of the logging configuration to the one call that replaces it whole.

use reconciler_model::codes;
use reconciler_model::kind::Situation;
use reconciler_model::plan::{Call, ExpectedState, Proposal, ProposedStep};
use reconciler_model::tree::{self, Path};
use serde_json::{Value, json};

use crate::shared::normal::{IGNORED, is_ignored, laid_over, without_nulls};

pub(super) fn propose(situation: &Situation<'_>) -> Proposal {
    let mut proposal = Proposal::default();
    if situation.live.is_some() && situation.differs.is_empty() {
        return proposal;
    }
    let live = situation.live;
    let mut whole = laid_over(live.map(|live| &live.tree), situation.target);
    tree::set(&mut whole, &Path::of([IGNORED]), None);
    let mut config = without_nulls(whole.clone());
    drop_empty_prefixes(&mut config);
    // The service answers and takes the same shape, so members that this build does not know are carried as they are.
    let mut unknown_fields = live.map(|live| live.unknown_fields.clone()).unwrap_or_default();
    unknown_fields.retain(|path, _| {
        let Ok(path) = path.parse::<Path>();
        !is_ignored(situation.target, &path)
    });
    for (path, value) in &unknown_fields {
        let Ok(path) = path.parse::<Path>();
        tree::set(&mut config, &path, Some(value.clone()));
        proposal.notes.push((codes::EXTRA_CARRIED, format!("{path} is kept as it is")));
    }
    let request = json!({ "loggingConfig": config });
    let (action, summary) = match live {
        Some(_) => {
            ("update", "put the logging configuration back; the call replaces it whole, the rest is carried over")
        }
        None => ("create", "put the logging configuration back; records of the time without it do not exist"),
    };
    proposal.steps.push(ProposedStep {
        action,
        summary: summary.into(),
        call: Call::new("bedrock", "PutModelInvocationLoggingConfiguration", request),
        expected_state: ExpectedState { tree: whole, unknown_fields, ..ExpectedState::default() },
        ..ProposedStep::default()
    });
    proposal
}

/// An empty prefix and none are the same to the service, and it may reject the empty one.
fn drop_empty_prefixes(config: &mut Value) {
    for section in [&["s3Config"][..], &["cloudWatchConfig", "largeDataDeliveryS3Config"]] {
        let path = Path::of([section, &["keyPrefix"]].concat());
        if tree::get(config, &path).is_some_and(|prefix| prefix == "") {
            tree::set(config, &path, None);
        }
    }
}
