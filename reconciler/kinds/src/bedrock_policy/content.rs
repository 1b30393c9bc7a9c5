//! What a Bedrock policy says: a tree of regions and configurations whose values stand below operators such as `@@assign`.
//!
//! The tree is compared as it is; lists are sets. Members that this build does not know are kept and compared too, because
//! the syntax has changed before (`input_tags`) and a policy is always written whole.

use std::collections::BTreeSet;

use reconciler_model::codes;
use reconciler_model::diagnostic::Problem;
use reconciler_model::direction::{self, Direction};
use reconciler_model::tree::Path;
use serde_json::{Map, Value, json};

use crate::shared::organizations::spec::CONTENT;

pub(super) const BEDROCK: &str = "bedrock";
pub(super) const INFERENCE: &str = "guardrail_inference";
pub(super) const ASSIGN: &str = "@@assign";
pub(super) const APPEND: &str = "@@append";

/// The operators of management policies.
const OPERATORS: &[&str] = &[ASSIGN, APPEND, "@@remove", "@@operators_allowed_for_child_policies"];

/// The schema of names of members: what looks like an operator is one.
pub(super) fn names() -> Value {
    json!({"anyOf": [{"enum": OPERATORS}, {"not": {"type": "string", "pattern": "^@@"}}]})
}

/// A version of a guardrail, as the policy names it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Identifier<'a> {
    region: &'a str,
    pub(super) account: &'a str,
    version: &'a str,
}

impl<'a> Identifier<'a> {
    /// Reads `arn:PARTITION:bedrock:REGION:ACCOUNT:guardrail/ID:VERSION`.
    fn of(arn: &'a str) -> Option<Self> {
        let parts: Vec<&str> = arn.split(':').collect();
        let ["arn", partition, "bedrock", region, account, guardrail, rest @ ..] = &parts[..] else { return None };
        let id = guardrail.strip_prefix("guardrail/").filter(|id| !id.is_empty())?;
        let version = match *rest {
            [] => "",
            [version] => version,
            _ => return None,
        };
        let whole = partition.starts_with("aws") && !region.is_empty() && account.len() == 12 && !id.contains('/');
        whole.then_some(Self { region, account, version })
    }
}

/// A member of a tree that is a map.
fn map<'a>(tree: &'a Value, member: &str) -> Option<&'a Map<String, Value>> {
    tree.get(member)?.as_object()
}

/// Every configuration: region, name, and the text that names its guardrail where it has one.
fn configurations(content: &Value) -> Vec<(&str, &str, Option<&str>)> {
    let regions = content.get(BEDROCK).and_then(|bedrock| map(bedrock, INFERENCE));
    let mut found = Vec::new();
    for (region, all) in regions.into_iter().flatten() {
        for (name, one) in all.as_object().into_iter().flatten().filter(|(name, _)| !name.starts_with("@@")) {
            found.push((region.as_str(), name.as_str(), one.pointer("/identifier/@@assign").and_then(Value::as_str)));
        }
    }
    found
}

/// The identifiers that are whole ARNs.
pub(super) fn identifiers(content: &Value) -> Vec<Identifier<'_>> {
    configurations(content).into_iter().filter_map(|(_, _, arn)| Identifier::of(arn?)).collect()
}

/// What the service would reject, or what would make models unusable in every account below
/// (README.md, What makes models unusable).
pub(super) fn check(content: &Value) -> Vec<Problem> {
    let mut problems = Vec::new();
    let mut wrong = |path: Path, detail: String, remedy: &str| {
        problems.push(Problem { code: codes::CONTRADICTION, path, detail, remedy: remedy.to_owned() });
    };
    let top = Path::of([CONTENT]);
    if content.as_object().is_none_or(|members| members.len() != 1 || !members.contains_key(BEDROCK)) {
        let remedy = "write bedrock: {guardrail_inference: {REGION: {NAME: {identifier: {\"@@assign\": ARN}}}}}";
        wrong(top, "a Bedrock policy has the one member `bedrock`".to_owned(), remedy);
        return problems;
    }
    let place = |region: &str| Path::of([CONTENT, BEDROCK, INFERENCE, region]);
    let found = configurations(content);
    if found.is_empty() {
        let detail = "the policy names no guardrail, so it would enforce nothing".to_owned();
        wrong(Path::of([CONTENT, BEDROCK]), detail, "write a configuration below guardrail_inference and a region");
    }
    for (region, name, arn) in &found {
        let path = place(region).child(*name).child("identifier");
        let Some(arn) = arn else {
            let remedy = "write identifier: {\"@@assign\": ARN}";
            wrong(path, format!("the configuration {name} of {region} names no guardrail"), remedy);
            continue;
        };
        // A look-up that is not answered yet.
        if !arn.contains("${") {
            check_identifier(path.child(ASSIGN), region, arn, &mut wrong);
        }
    }
    let regions: BTreeSet<&str> = found.iter().map(|(region, _, _)| *region).collect();
    for region in regions {
        let arns: BTreeSet<&str> = found.iter().filter(|one| one.0 == region).filter_map(|one| one.2).collect();
        if arns.len() > 1 {
            let detail = format!("{region} names {} guardrails, and a region has one", arns.len());
            wrong(place(region), detail, "name the same one in every configuration of the region");
        }
    }
    check_operators(&mut vec![CONTENT.to_owned()], content, &mut wrong);
    problems
}

fn check_identifier(path: Path, region: &str, arn: &str, wrong: &mut impl FnMut(Path, String, &str)) {
    const REMEDY: &str = "write ${ref:guardrail/NAME@ACCOUNT/REGION.guardrailArn}:${ref:guardrail/NAME@ACCOUNT/REGION.version}, with \
                          the management account and the region of the key";
    let Some(identifier) = Identifier::of(arn) else {
        return wrong(path, format!("`{arn}` is not the ARN of a guardrail with a version"), REMEDY);
    };
    let version = identifier.version;
    if version.is_empty() || !version.bytes().all(|byte| byte.is_ascii_digit()) {
        let found = if version.is_empty() { "none" } else { version };
        let detail = format!("the guardrail has to be named with the number of a published version; found {found}");
        wrong(path.clone(), detail, REMEDY);
    }
    if identifier.region != region {
        wrong(
            path,
            format!("the guardrail is in {}, and the configuration is for {region}", identifier.region),
            REMEDY,
        );
    }
}

fn check_operators(path: &mut Vec<String>, node: &Value, wrong: &mut impl FnMut(Path, String, &str)) {
    for (name, member) in node.as_object().into_iter().flatten() {
        path.push(name.clone());
        if name.starts_with("@@") && !OPERATORS.contains(&name.as_str()) {
            let detail = format!("`{name}` is not an operator of management policies");
            wrong(Path::of(path.iter().cloned()), detail, "write @@assign, @@append or @@remove");
        }
        check_operators(path, member, wrong);
        path.pop();
    }
}

/// The direction of a difference inside the content. What is only there in live may name any guardrail, so it is not called
/// stronger: a wrong one makes models unusable.
pub(super) fn direction(inside: &[&str], live: Option<&Value>, want: Option<&Value>) -> Direction {
    let [BEDROCK, INFERENCE, rest @ ..] = inside else { return lost_or_unknown(live, want) };
    match rest {
        [] | [_] | [_, _] | [_, _, "identifier", ..] => lost_or_unknown(live, want),
        [_, _, "selective_content_guarding", _, ASSIGN] => {
            direction::on_ladder(&["selective", "comprehensive"], live, want)
        }
        [_, _, "model_enforcement", "included_models", ASSIGN] => of_models(live, want),
        [_, _, "model_enforcement", "excluded_models", ASSIGN] => of_models(want, live),
        [_, _, "input_tags", ASSIGN] => direction::on_ladder(&["honor", "ignore"], live, want),
        _ => Direction::Unknown,
    }
}

fn lost_or_unknown(live: Option<&Value>, want: Option<&Value>) -> Direction {
    if live.is_none() && want.is_some() { Direction::Weakened } else { Direction::Unknown }
}

/// Compares two sets of models of which more protect more; `ALL` is every one. Where one side has none, the configuration
/// may be another one altogether.
fn of_models(live: Option<&Value>, want: Option<&Value>) -> Direction {
    let (Some(live), Some(want)) = (live, want) else { return Direction::Unknown };
    let set =
        |value: &Value| -> BTreeSet<String> { value.as_array().into_iter().flatten().map(Value::to_string).collect() };
    let (live, want) = (set(live), set(want));
    let covers =
        |outer: &BTreeSet<String>, inner: &BTreeSet<String>| outer.contains("\"ALL\"") || inner.is_subset(outer);
    match (covers(&live, &want), covers(&want, &live)) {
        (true, true) => Direction::Neutral,
        (true, false) => Direction::Strengthened,
        (false, _) => Direction::Weakened,
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn content(region: &str, arn: &str) -> Value {
        json!({"bedrock": {"guardrail_inference": {region: {"config_1": {
            "identifier": {"@@assign": arn},
            "selective_content_guarding": {"system": {"@@assign": "comprehensive"}},
            "model_enforcement": {"included_models": {"@@assign": ["ALL"]}, "excluded_models": {"@@assign": []}}}}}}})
    }

    const ARN: &str = "arn:aws:bedrock:us-east-1:111122223333:guardrail/abc123def456:7";

    /// h21. DRAFT, no version, another region, no guardrail, two guardrails: each would break every caller or enforce nothing.
    #[test]
    fn h21_what_would_break_callers_is_refused() {
        assert_eq!(check(&content("us-east-1", ARN)), []);
        assert_eq!(
            check(&content("us-gov-west-1", "arn:aws-us-gov:bedrock:us-gov-west-1:111122223333:guardrail/a:1")),
            []
        );
        let told = |content: &Value| -> Vec<String> { check(content).into_iter().map(|one| one.detail).collect() };
        for (wrong, word) in [
            (content("us-east-1", &ARN.replace(":7", ":DRAFT")), "DRAFT"),
            (content("us-east-1", &ARN.replace(":7", "")), "found none"),
            (content("eu-west-1", ARN), "is in us-east-1"),
            (content("us-east-1", "abc123def456"), "not the ARN"),
            (json!({"bedrock": {"guardrail_inference": {}}}), "names no guardrail"),
            (json!({"bedrock": {"guardrail_inference": {"us-east-1": {"a": {}}}}}), "names no guardrail"),
            (json!({"statements": []}), "one member"),
        ] {
            let found = told(&wrong);
            assert!(found.len() == 1 && found[0].contains(word), "{word}: {found:?}");
        }
        let mut two = content("us-east-1", ARN);
        two["bedrock"]["guardrail_inference"]["us-east-1"]["config_2"] =
            json!({"identifier": {"@@assign": ARN.replace("abc123", "fff123")}});
        assert!(told(&two)[0].contains("names 2 guardrails"));
        let mut odd = content("us-east-1", ARN);
        odd["bedrock"]["guardrail_inference"]["us-east-1"]["config_1"]["identifier"]["@@asign"] = json!("x");
        assert!(told(&odd)[0].contains("@@asign"));
    }

    #[test]
    fn fewer_models_or_less_guarding_is_weaker() {
        let way = |path: &[&str], live: Value, want: Value| {
            let inside: Vec<&str> = [BEDROCK, INFERENCE, "us-east-1", "config_1"].iter().chain(path).copied().collect();
            direction(&inside, Some(&live), Some(&want))
        };
        let included = ["model_enforcement", "included_models", ASSIGN];
        let excluded = ["model_enforcement", "excluded_models", ASSIGN];
        let guarding = ["selective_content_guarding", "system", ASSIGN];
        assert_eq!(way(&included, json!(["a"]), json!(["ALL"])), Direction::Weakened);
        assert_eq!(way(&included, json!(["ALL"]), json!(["a"])), Direction::Strengthened);
        assert_eq!(way(&excluded, json!(["a"]), json!([])), Direction::Weakened);
        assert_eq!(way(&excluded, json!([]), json!(["a"])), Direction::Strengthened);
        assert_eq!(way(&guarding, json!("selective"), json!("comprehensive")), Direction::Weakened);
        assert_eq!(way(&["identifier", ASSIGN], json!("x"), json!("y")), Direction::Unknown);
        // Part of a configuration that is not declared: kept without the rest it would break the policy.
        let other = [BEDROCK, INFERENCE, "eu-west-1", "config_1", "model_enforcement", "included_models", ASSIGN];
        assert_eq!(direction(&other, Some(&json!(["ALL"])), None), Direction::Unknown);
        assert_eq!(direction(&[BEDROCK, INFERENCE, "us-east-1"], None, Some(&json!({}))), Direction::Weakened);
        assert_eq!(direction(&[BEDROCK, INFERENCE, "us-east-1"], Some(&json!({})), None), Direction::Unknown);
    }
}
