//! The normal form of the enforced configuration (README.md, Defaults), its limits and directions.

use reconciler_model::address::ScopeKind;
use reconciler_model::codes;
use reconciler_model::diagnostic::Problem;
use reconciler_model::direction::{self, Direction};
use reconciler_model::inventory::ObservedResource;
use reconciler_model::kind::{self, Contract, Kind, Normalised, Origin, Place, Situation};
use reconciler_model::open_enum::Word;
use reconciler_model::plan::{Call, Proposal};
use reconciler_model::tree::Path;
use reconciler_model::{member, typed_spec, vocabulary};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use serde_json::{Value, json};

use super::{EnforcedGuardrail, steps};
use crate::shared::arns;
use crate::shared::normal::as_answered;

vocabulary!(
    /// How much of a prompt the guardrail looks at, from the least.
    Guarding, "SELECTIVE", "COMPREHENSIVE"
);

/// The configuration as ListEnforcedGuardrailsConfiguration answers it, without what the service owns.
#[derive(Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
struct Spec {
    /// The guardrail by its id; the ARN beside it is enough.
    #[serde(default)]
    guardrail_id: Option<String>,
    /// The guardrail by its ARN. Usually `${ref:guardrail/NAME.guardrailArn}`.
    #[serde(default)]
    guardrail_arn: Option<String>,
    /// The number of a published version; the DRAFT cannot be enforced. Usually `${ref:guardrail/NAME.version}`.
    #[serde(default)]
    guardrail_version: Option<String>,
    /// How much of each prompt is looked at: everything unless it says otherwise.
    #[serde(default)]
    selective_content_guarding: Option<SelectiveContentGuarding>,
    /// Which models: all of them unless it says otherwise.
    #[serde(default)]
    model_enforcement: Option<ModelEnforcement>,
    /// Says that every caller of models in the account and region may use bedrock:ApplyGuardrail on the guardrail. Those who
    /// may not are denied every call, at once.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    callers_may_apply_guardrail: Option<bool>,
}

#[derive(Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
struct SelectiveContentGuarding {
    /// System prompts: `SELECTIVE` is what callers have tagged, `COMPREHENSIVE` is everything.
    #[serde(default = "comprehensive")]
    #[schemars(extend("x-direction" = {"ladder": ["SELECTIVE", "COMPREHENSIVE"]}))]
    system: Word<Guarding>,
    /// Messages: as for system prompts.
    #[serde(default = "comprehensive")]
    #[schemars(extend("x-direction" = {"ladder": ["SELECTIVE", "COMPREHENSIVE"]}))]
    messages: Word<Guarding>,
}

fn comprehensive() -> Word<Guarding> {
    Word::new("COMPREHENSIVE")
}

#[derive(Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
struct ModelEnforcement {
    /// Ids of models, or `ALL`.
    #[serde(default = "all_models")]
    included_models: Vec<String>,
    /// Ids of models that are left out: every one of them is not guarded.
    #[serde(default)]
    #[schemars(extend("x-direction" = "exceptions"))]
    excluded_models: Vec<String>,
}

fn all_models() -> Vec<String> {
    vec![ALL.to_owned()]
}

pub(super) const ID: &str = member!(Spec, guardrail_id);
pub(super) const ARN: &str = member!(Spec, guardrail_arn);
pub(super) const VERSION: &str = member!(Spec, guardrail_version);
pub(super) const GUARDING: &str = member!(Spec, selective_content_guarding);
pub(super) const MODELS: &str = member!(Spec, model_enforcement);
pub(super) const CALLERS: &str = member!(Spec, callers_may_apply_guardrail);
const ALL: &str = "ALL";

/// The deprecated member that said what `selectiveContentGuarding` says now.
///
/// That `HONOR`, which is to look at what callers have tagged, is `SELECTIVE` is a hypothesis (README.md, Hypotheses). It counts
/// only where the answer has no `selectiveContentGuarding`, and it errs to the side of drift.
const INPUT_TAGS: &str = "inputTags";

/// A live answer with the deprecated member in the words of the one that took its place.
fn without_input_tags(spec: &Value) -> Value {
    let mut spec = spec.clone();
    if let Some(members) = spec.as_object_mut()
        && members.remove(INPUT_TAGS) == Some(json!("HONOR"))
        && !members.contains_key(GUARDING)
    {
        members.insert(GUARDING.into(), json!({"system": "SELECTIVE", "messages": "SELECTIVE"}));
    }
    spec
}

/// Brings a tree into the one form that equal configurations share.
fn settle(tree: &mut Value) {
    let Some(members) = tree.as_object_mut() else { return };
    members.remove(CALLERS);
    // The documented defaults of both sections.
    if let Some(guarding) = members.get_mut(GUARDING).filter(|guarding| guarding.is_null()) {
        *guarding = json!({"messages": "COMPREHENSIVE", "system": "COMPREHENSIVE"});
    }
    if let Some(models) = members.get_mut(MODELS) {
        if models.is_null() {
            *models = json!({"excludedModels": []});
        }
        // No model named is every model, and every model beside some of them is every model.
        let included = models.get("includedModels").and_then(Value::as_array);
        if included.is_none_or(|included| included.is_empty() || included.contains(&json!(ALL))) {
            models["includedModels"] = json!([ALL]);
        }
    }
}

/// What is wrong with a declaration, before it is brought into normal form.
fn check_callers(spec: &Value) -> Option<Problem> {
    (spec.get(CALLERS) != Some(&Value::Bool(true))).then(|| Problem {
        code: codes::CALLERS,
        path: Path::root(),
        detail: "it does not say that the callers of models may apply the guardrail".into(),
        remedy: format!(
            "check them, for instance with `aws iam simulate-principal-policy --action-names bedrock:ApplyGuardrail`, and write \
             `{CALLERS}: true`"
        ),
    })
}

fn check_guardrail(tree: &Value) -> Vec<Problem> {
    let text = |member: &str| tree.get(member).and_then(Value::as_str).filter(|text| !text.contains("${"));
    let mut problems = Vec::new();
    let mut problem = |member: &str, code, detail: String, remedy: &str| {
        problems.push(Problem { code, path: Path::of([member]), detail, remedy: remedy.to_owned() });
    };
    for member in [ID, ARN, VERSION] {
        if tree.get(member).is_some_and(Value::is_null) {
            let detail = format!("{member} is null, and a configuration always has one");
            problem(member, codes::CONTRADICTION, detail, "remove the key; a configuration is never deleted");
        }
    }
    let is_there = |member: &str| tree.get(member).is_some_and(|value| !value.is_null());
    if is_there(ID) && is_there(ARN) {
        let detail = "both guardrailId and guardrailArn are declared".to_owned();
        problem(ID, codes::CONTRADICTION, detail, "keep guardrailArn");
    }
    if let Some(arn) = text(ARN)
        && !super::steps::Place::of(arn).is_some_and(|place| is_id(place.id))
    {
        let detail = format!("`{arn}` is not the ARN of a guardrail, without a version");
        let remedy = "write `${ref:guardrail/NAME.guardrailArn}`; the version is guardrailVersion";
        problem(ARN, codes::LIMIT, detail, remedy);
    }
    if let Some(id) = text(ID).filter(|id| !is_id(id)) {
        let detail = format!("`{id}` is not the id of a guardrail");
        problem(ID, codes::LIMIT, detail, "write `${ref:guardrail/NAME.guardrailId}`");
    }
    let is_number = |version: &str| {
        (1..=8).contains(&version.len())
            && !version.starts_with('0')
            && version.bytes().all(|byte| byte.is_ascii_digit())
    };
    if let Some(version) = text(VERSION).filter(|version| !is_number(version)) {
        let detail = format!("`{version}` is not the number of a published version; the DRAFT cannot be enforced");
        problem(VERSION, codes::LIMIT, detail, "write `${ref:guardrail/NAME.version}`");
    }
    for (list, may_be_all) in [("includedModels", true), ("excludedModels", false)] {
        let path = Path::of([MODELS, list]);
        let models = reconciler_model::tree::get(tree, &path).and_then(Value::as_array).into_iter().flatten();
        let fits = |model: &&str| model.contains("${") || is_model(model) || (may_be_all && *model == ALL);
        let wrong = models.filter_map(Value::as_str).filter(|model| !fits(model));
        problems.extend(wrong.map(|model| Problem {
            code: codes::LIMIT,
            path: path.clone(),
            detail: format!("`{model}` is not the id of a model"),
            remedy: "write ids such as `amazon.nova-lite-v1:0`; `ALL` only among the included ones".into(),
        }));
    }
    problems
}

/// `PROVIDER.MODEL`, up to two parts after colons, and twelve characters after a slash, as the service's model has it.
fn is_model(model: &str) -> bool {
    let word = |text: &str| {
        (1..=63).contains(&text.len())
            && text.bytes().all(|byte| byte.is_ascii_lowercase() || byte.is_ascii_digit() || byte == b'-')
    };
    let (model, custom) = model.split_once('/').map_or((model, None), |(model, custom)| (model, Some(custom)));
    let mut parts = model.split(':');
    let name = parts.next().and_then(|name| name.split_once('.'));
    let rest: Vec<&str> = parts.collect();
    name.is_some_and(|(provider, name)| word(provider) && word(name))
        && rest.len() <= 2
        && rest.into_iter().all(word)
        && custom.is_none_or(|custom| custom.len() == 12 && is_id(custom))
}

fn is_id(id: &str) -> bool {
    !id.is_empty() && id.bytes().all(|byte| byte.is_ascii_lowercase() || byte.is_ascii_digit())
}

/// The direction of a set of included models, of which `ALL` has every one.
fn of_included(live: Option<&Value>, want: Option<&Value>) -> Direction {
    let has_all =
        |models: Option<&Value>| models.and_then(Value::as_array).is_some_and(|models| models.contains(&json!(ALL)));
    match (has_all(live), has_all(want)) {
        (true, true) => Direction::Neutral,
        (true, false) => Direction::Strengthened,
        (false, true) => Direction::Weakened,
        (false, false) => direction::of_set(live, want),
    }
}

static CONTRACT: Contract = Contract {
    name: "enforced-guardrail",
    about: "The guardrail that an account enforces on every model call of a region; its name is always `default`.",
    scope: ScopeKind::Region,
    stage: 90,
    singleton: Some("default"),
    spec: typed_spec!(Spec),
    request_side_names: &[
        ("guardrailInferenceConfig", "the members of guardrailInferenceConfig, directly under spec"),
        ("guardrailIdentifier", ARN),
        (INPUT_TAGS, GUARDING),
    ],
    trail_events: super::trail_events::TRAIL_EVENTS,
    to_read: &["bedrock:ListEnforcedGuardrailsConfiguration", "bedrock:GetGuardrail"],
    to_restore: &["bedrock:PutEnforcedGuardrailConfiguration"],
    ..Contract::DEFAULT
};

impl Kind for EnforcedGuardrail {
    fn contract(&self) -> &'static Contract {
        &CONTRACT
    }

    fn normalise(&self, spec: &Value, origin: Origin) -> Normalised {
        let mut spec = as_answered(spec, origin).into_owned();
        if origin == Origin::Live {
            spec = without_input_tags(&spec);
        }
        let mut normalised = kind::normalise_as::<Spec>(&spec, origin, CONTRACT.fields());
        if origin == Origin::Declared && normalised.problems.is_empty() {
            normalised.problems.extend(check_callers(&spec));
        }
        settle(&mut normalised.tree);
        normalised
    }

    fn declare(&self, live: &Value) -> Result<Value, String> {
        let mut spec = live.clone();
        if let Some(members) = spec.as_object_mut() {
            if members.get(ARN).is_some_and(Value::is_string) {
                members.remove(ID);
            }
            members.retain(|_, member| !member.is_null());
            // It is in force: who may not apply the guardrail is denied already.
            members.insert(CALLERS.into(), json!(true));
        }
        Ok(spec)
    }

    fn check(&self, tree: &Value) -> Vec<Problem> {
        check_guardrail(tree)
    }

    fn direction(&self, path: &Path, live: Option<&Value>, want: Option<&Value>) -> Direction {
        match path.parts()[..] {
            [MODELS, "includedModels"] => of_included(live, want),
            // Of another guardrail, or another of its versions: which of the two protects more is not compared here.
            _ => CONTRACT.direction(path, live, want),
        }
    }

    /// Which resource the action knows is not documented (README.md, Permissions), so a policy that names guardrails counts as
    /// well.
    fn arns(&self, call: &Call, place: &Place<'_>, _name: &str, _live: Option<&ObservedResource>) -> Vec<String> {
        let named = call.request.pointer("/guardrailInferenceConfig/guardrailIdentifier").and_then(Value::as_str);
        let named = named.filter(|named| named.starts_with("arn:")).map(str::to_owned);
        let guardrails = arns::arn(place, "bedrock", "guardrail/*");
        [arns::EVERYTHING.to_owned(), guardrails].into_iter().chain(named).collect()
    }

    fn steps(&self, situation: &Situation<'_>) -> Proposal {
        steps::propose(situation)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn direction(path: &[&str], live: Value, want: Value) -> Direction {
        EnforcedGuardrail.direction(&Path::of(path.iter().copied()), Some(&live), Some(&want))
    }

    #[test]
    fn fewer_models_are_weaker_and_fewer_exclusions_are_stronger() {
        let (included, excluded) = (&["modelEnforcement", "includedModels"], &["modelEnforcement", "excludedModels"]);
        assert_eq!(direction(included, json!(["a"]), json!(["ALL"])), Direction::Weakened);
        assert_eq!(direction(included, json!(["ALL"]), json!(["a"])), Direction::Strengthened);
        assert_eq!(direction(included, json!(["a"]), json!(["a", "b"])), Direction::Weakened);
        assert_eq!(direction(included, json!(["a", "b"]), json!(["a"])), Direction::Strengthened);
        assert_eq!(direction(excluded, json!(["a"]), json!([])), Direction::Weakened);
        assert_eq!(direction(excluded, json!([]), json!(["a"])), Direction::Strengthened);
        assert_eq!(direction(excluded, json!(["b"]), json!(["a"])), Direction::Weakened);
    }

    #[test]
    fn only_a_number_is_a_version_and_only_a_plain_arn_is_a_guardrail() {
        let codes = |spec: Value| EnforcedGuardrail.check(&spec).len();
        let arn = "arn:aws:bedrock:eu-west-1:111122223333:guardrail/abc123";
        assert_eq!(codes(json!({"guardrailArn": arn, "guardrailVersion": "12345678"})), 0);
        assert_eq!(
            codes(
                json!({"guardrailArn": "${ref:guardrail/a.guardrailArn}", "guardrailVersion": "${ref:guardrail/a.version}"})
            ),
            0
        );
        for version in ["DRAFT", "0", "01", "123456789", "", "1.0"] {
            assert_eq!(codes(json!({ "guardrailVersion": version })), 1, "{version}");
        }
        for wrong in [
            format!("{arn}:1"),
            format!("{arn}/1"),
            "abc123".to_owned(),
            arn.replace("guardrail/", "guardrail-profile/"),
        ] {
            assert_eq!(codes(json!({ "guardrailArn": wrong })), 1, "{wrong}");
        }
        assert_eq!(codes(json!({"guardrailArn": arn, "guardrailId": "abc123"})), 1);
        assert_eq!(codes(json!({"guardrailArn": null})), 1);
        let models = |included: &str, excluded: &str| {
            codes(json!({"modelEnforcement": {"includedModels": [included], "excludedModels": [excluded]}}))
        };
        assert_eq!(models("ALL", "anthropic.claude-v9"), 0);
        assert_eq!(models("amazon.nova-lite-v1:0:300k/abcdefghijkl", "meta.llama9-v1:0"), 0);
        assert_eq!(models("nova", "ALL"), 2);
        assert_eq!(models("arn:aws:bedrock:eu-west-1::foundation-model/amazon.nova-lite-v1:0", "a.b:c:d:e"), 2);
    }
}
