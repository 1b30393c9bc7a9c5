//! From the drift of the enforced configuration to the one call that replaces it whole.

use std::collections::BTreeMap;

use reconciler_model::codes;
use reconciler_model::inventory::ObservedResource;
use reconciler_model::kind::Situation;
use reconciler_model::open_enum::on_the_wire;
use reconciler_model::plan::{Call, ExpectedState, Proposal, ProposedStep};
use reconciler_model::tree::{self, Path};
use serde::{Deserialize, Serialize};
use serde_json::{Value, json};

use super::spec::{ARN, GUARDING, ID, MODELS, VERSION};
use crate::shared::normal::laid_over;

/// What the resource client found out about the guardrail that is to be enforced.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", tag = "found")]
pub(super) enum Found {
    /// It is in this account and region, and the version is ready.
    Enforceable,
    /// It cannot be enforced, for this reason.
    NotEnforceable { reason: String },
}

/// The parts of a guardrail's ARN.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Place<'a> {
    pub(super) region: &'a str,
    pub(super) account: &'a str,
    pub(super) id: &'a str,
}

impl<'a> Place<'a> {
    /// The parts of `arn`; `None` when it is not the ARN of a guardrail.
    pub(super) fn of(arn: &'a str) -> Option<Self> {
        let mut parts = arn.splitn(6, ':');
        let (Some("arn"), Some(_), Some("bedrock")) = (parts.next(), parts.next(), parts.next()) else { return None };
        let (region, account) = (parts.next()?, parts.next()?);
        let id = parts.next()?.strip_prefix("guardrail/")?;
        (!region.is_empty() && !account.is_empty()).then_some(Self { region, account, id })
    }
}

/// The guardrail and the version that a tree wants, or the live ones where it does not say; `None` where neither does.
pub(super) fn wanted<'a>(want: &'a Value, live: Option<&'a Value>) -> Option<(&'a str, &'a str)> {
    let text = |tree: &'a Value, member: &str| tree.get(member).and_then(Value::as_str);
    let name = |tree: &'a Value| text(tree, ARN).or_else(|| text(tree, ID));
    let guardrail = name(want).or_else(|| name(live?))?;
    let version = text(want, VERSION).or_else(|| text(live?, VERSION))?;
    Some((guardrail, version))
}

pub(super) fn propose(situation: &Situation<'_>) -> Proposal {
    let mut proposal = Proposal::default();
    let live = situation.live;
    if live.is_some() && situation.differs.is_empty() {
        return proposal;
    }
    let Some((guardrail, version)) = wanted(situation.target, live.map(|live| &live.tree)) else {
        let detail =
            "there is no configuration, and none can be created because the guardrail and its version are not declared";
        proposal.refusals.push((codes::CONTRADICTION, detail.into()));
        return proposal;
    };
    if let Some(reason) = not_enforceable(situation.scope_context) {
        proposal.refusals.push((codes::NOT_ENFORCEABLE, reason));
    }
    let whole = laid_over(live.map(|live| &live.tree), situation.target);
    let mut config = json!({ "guardrailIdentifier": guardrail, "guardrailVersion": version });
    let mut expected = json!({ VERSION: version });
    for member in [GUARDING, MODELS] {
        if let Some(section) = whole.get(member).filter(|section| !section.is_null()) {
            config[member] = wire_words(section);
            expected[member] = section.clone();
        }
    }
    for member in [ARN, ID] {
        if situation.target.get(member).is_some() || (live.is_some() && whole[member] == *guardrail) {
            expected[member] = whole[member].clone();
        }
    }
    let unknown_fields = carried(live, &mut config, &mut proposal);
    if !proposal.refusals.is_empty() {
        return proposal;
    }
    let mut request = json!({ "guardrailInferenceConfig": config });
    let summary = match live {
        Some(live) => {
            request["configId"] = live.external_id["configId"].clone();
            "put the enforced configuration back; the call replaces it whole, the rest is carried over"
        }
        None => {
            let detail = "from now on a model call of anybody who may not use bedrock:ApplyGuardrail on the guardrail is denied; \
                          the declaration says that all callers may, and nothing here has checked it";
            proposal.notes.push((codes::CALLERS, detail.into()));
            "enforce the guardrail on every model call"
        }
    };
    proposal.steps.push(ProposedStep {
        action: if live.is_some() { "update" } else { "create" },
        summary: summary.into(),
        call: Call::new("bedrock", "PutEnforcedGuardrailConfiguration", request),
        expected_state: ExpectedState { tree: expected, unknown_fields, ..ExpectedState::default() },
        ..ProposedStep::default()
    });
    proposal
}

/// Why the guardrail cannot be enforced. Where nobody has looked, it is not known that it can.
fn not_enforceable(found: &Value) -> Option<String> {
    match serde_json::from_value(found.clone()).ok() {
        Some(Found::Enforceable) => None,
        Some(Found::NotEnforceable { reason }) => Some(reason),
        None => Some("the guardrail was not looked at".to_owned()),
    }
}

/// Puts the unknown members into the request. The two sections have the same members in request and answer; where the request
/// would have one beside them is not known, so that one stands in the way.
fn carried(live: Option<&ObservedResource>, config: &mut Value, proposal: &mut Proposal) -> BTreeMap<String, Value> {
    let mut kept = BTreeMap::new();
    for (text, value) in live.into_iter().flat_map(|live| &live.unknown_fields) {
        let Ok(path) = text.parse::<Path>();
        match path.parts()[..] {
            [GUARDING | MODELS, _, ..] => {
                tree::set(config, &path, Some(value.clone()));
                proposal.notes.push((codes::EXTRA_CARRIED, format!("{path} is kept as it is")));
                kept.insert(text.clone(), value.clone());
            }
            _ => {
                let detail = format!(
                    "PutEnforcedGuardrailConfiguration replaces the whole configuration, and this build does not know how to \
                     send {path}"
                );
                proposal.refusals.push((codes::EXTRA_REFUSED, detail));
            }
        }
    }
    kept
}

/// Words without the mark of an unknown one.
fn wire_words(section: &Value) -> Value {
    match section {
        Value::Object(members) => {
            Value::Object(members.iter().map(|(name, member)| (name.clone(), wire_words(member))).collect())
        }
        Value::String(text) => json!(on_the_wire(text)),
        other => other.clone(),
    }
}
