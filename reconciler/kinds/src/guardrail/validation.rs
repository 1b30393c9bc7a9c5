//! What the service would reject in a guardrail (README.md, Limits), found before any call.

use super::spec::TAGS;
use reconciler_model::codes;
use reconciler_model::diagnostic::Problem;
use reconciler_model::tree::{self, Path};
use serde_json::{Map, Value};

use crate::shared::arns;
use crate::shared::tags;

/// Published versions that a guardrail can have; the quota cannot be raised.
pub(super) const MOST_VERSIONS: usize = 20;
const MOST_TOPICS: usize = 30;
const MOST_EXAMPLES: usize = 5;
const MOST_WORDS: usize = 10_000;
const MOST_REGEXES: usize = 30;
const MOST_REASONING_POLICIES: usize = 2;
const MOST_TAGS: usize = 200;
/// Longest topic definition, in characters: by the model, and by the guide for the STANDARD tier.
const DEFINITION_CLASSIC: usize = 200;
const DEFINITION_STANDARD: usize = 1_000;

struct Checker<'a> {
    tree: &'a Value,
    problems: Vec<Problem>,
}

impl<'a> Checker<'a> {
    fn report(&mut self, code: &'static str, path: Path, detail: String, remedy: &str) {
        self.problems.push(Problem { code, path, detail, remedy: remedy.to_owned() });
    }

    fn length(&mut self, path: Path, least: usize, most: usize) {
        self.length_of(tree::get(self.tree, &path), || path, least, most);
    }

    /// As [`Checker::length`], of a value whose path is made where it is told.
    fn length_of(&mut self, value: Option<&Value>, path: impl FnOnce() -> Path, least: usize, most: usize) {
        let Some(text) = value.and_then(Value::as_str) else { return };
        let length = text.chars().count();
        if !(least..=most).contains(&length) {
            let remedy = if length > most { "shorten it" } else { "give a text, or leave the key out" };
            self.report(
                codes::LIMIT,
                path(),
                format!("{length} characters; the service takes {least} to {most}"),
                remedy,
            );
        }
    }

    fn elements(&self, section: &str, list: &str) -> Vec<(&'a str, &'a Value)> {
        let elements = self.tree.get(section).and_then(|policy| policy.get(list)).and_then(Value::as_object);
        elements.into_iter().flatten().map(|(key, element)| (key.as_str(), element)).collect()
    }

    fn count(&mut self, section: &str, list: &str, found: usize, most: usize) {
        if found > most {
            let detail = format!("{found} elements; the service takes at most {most}");
            self.report(codes::LIMIT, Path::of([section, list]), detail, "remove some");
        }
    }

    fn is_standard(&self, section: &str) -> bool {
        tree::get(self.tree, &Path::of([section, "tier", "tierName"])).is_some_and(|tier| tier == "STANDARD")
    }
}

pub(super) fn check(tree: &Value) -> Vec<Problem> {
    let mut checker = Checker { tree, problems: Vec::new() };
    checker.length(Path::of(["description"]), 1, 200);
    checker.length(Path::of(["blockedInputMessaging"]), 1, 500);
    checker.length(Path::of(["blockedOutputsMessaging"]), 1, 500);
    for required in ["blockedInputMessaging", "blockedOutputsMessaging"] {
        if tree.get(required).is_some_and(Value::is_null) {
            let detail = "the service requires it, so it cannot be declared absent".into();
            checker.report(codes::CONTRADICTION, Path::of([required]), detail, "write a text, or leave the key out");
        }
    }
    check_key(&mut checker);
    check_tiers(&mut checker);
    check_prompt_attack(&mut checker);
    check_topics(&mut checker);
    check_words(&mut checker);
    check_expressions(&mut checker);
    check_grounding(&mut checker);
    check_reasoning(&mut checker);
    check_tags(&mut checker);
    checker.problems
}

fn check_key(checker: &mut Checker<'_>) {
    let path = Path::of(["kmsKeyArn"]);
    let key = tree::get(checker.tree, &path).and_then(Value::as_str);
    if let Some(key) = key.filter(|key| !arns::may_be_of_a_key(key)) {
        let detail = format!("`{key}` is not the ARN of a key: Bedrock answers with it whatever was written");
        checker.report(codes::WRONG_SHAPE, path, detail, arns::HOW_TO_NAME_A_KEY);
    }
}

fn check_tiers(checker: &mut Checker<'_>) {
    let profile = tree::get(checker.tree, &Path::of(["crossRegionDetails", "guardrailProfileId"])).is_some();
    for section in ["contentPolicy", "topicPolicy", "contextualGroundingPolicy"] {
        if checker.is_standard(section) && !profile {
            checker.report(
                codes::TIER_NEEDS_PROFILE,
                Path::of([section, "tier", "tierName"]),
                "tier STANDARD needs crossRegionDetails".into(),
                "add `crossRegionDetails: {guardrailProfileId: eu.guardrail.v1:0}` with the profile of your geography, or use CLASSIC",
            );
        }
    }
}

fn check_prompt_attack(checker: &mut Checker<'_>) {
    let path = Path::of(["contentPolicy", "filters", "PROMPT_ATTACK", "outputStrength"]);
    if tree::get(checker.tree, &path).is_some_and(|strength| strength != "NONE") {
        let detail =
            "PROMPT_ATTACK looks at prompts only; the service rejects an output strength other than NONE".into();
        checker.report(codes::CONTRADICTION, path, detail, "write `outputStrength: NONE`");
    }
}

fn check_topics(checker: &mut Checker<'_>) {
    let topics = checker.elements("topicPolicy", "topics");
    checker.count("topicPolicy", "topics", topics.len(), MOST_TOPICS);
    let standard = checker.is_standard("topicPolicy");
    for (name, topic) in topics {
        let path = Path::of(["topicPolicy", "topics"]).child(name);
        let allowed = |c: char| c.is_ascii_alphanumeric() || "-_ !?.".contains(c);
        if name.chars().count() > 100 || name.is_empty() || !name.chars().all(allowed) {
            let detail = "a topic's name has 1 to 100 letters, digits, spaces and `- _ ! ? .`".into();
            checker.report(codes::LIMIT, path.child("name"), detail, "rename the topic");
        }
        let length = topic.get("definition").and_then(Value::as_str).map_or(0, |text| text.chars().count());
        let (tier, most) = if standard { ("STANDARD", DEFINITION_STANDARD) } else { ("CLASSIC", DEFINITION_CLASSIC) };
        if !(1..=most).contains(&length) {
            let remedy = if !standard && length <= DEFINITION_STANDARD {
                "shorten it, or use the tier STANDARD, which takes 1000"
            } else {
                "shorten it"
            };
            let detail = format!("a definition of {length} characters; the tier {tier} takes 1 to {most}");
            checker.report(codes::LIMIT, path.child("definition"), detail, remedy);
        }
        let examples = topic.get("examples").and_then(Value::as_array).map(Vec::as_slice).unwrap_or_default();
        if examples.len() > MOST_EXAMPLES {
            let detail = format!("{} examples; the service takes at most {MOST_EXAMPLES}", examples.len());
            checker.report(codes::LIMIT, path.child("examples"), detail, "remove some");
        }
        for example in examples.iter().filter_map(Value::as_str) {
            let length = example.chars().count();
            if !(1..=100).contains(&length) {
                let detail = format!("an example of {length} characters; the service takes 1 to 100");
                checker.report(codes::LIMIT, path.child("examples"), detail, "shorten it");
            }
        }
    }
}

fn check_words(checker: &mut Checker<'_>) {
    let words = checker.elements("wordPolicy", "words");
    checker.count("wordPolicy", "words", words.len(), MOST_WORDS);
    for (text, word) in words {
        checker.length_of(word.get("text"), || Path::of(["wordPolicy", "words"]).child(text).child("text"), 1, 100);
    }
}

fn check_expressions(checker: &mut Checker<'_>) {
    let regexes = checker.elements("sensitiveInformationPolicy", "regexes");
    checker.count("sensitiveInformationPolicy", "regexes", regexes.len(), MOST_REGEXES);
    for (name, _) in regexes {
        let path = Path::of(["sensitiveInformationPolicy", "regexes"]).child(name);
        checker.length(path.child("name"), 1, 100);
        checker.length(path.child("description"), 1, 1000);
        checker.length(path.child("pattern"), 1, 500);
    }
}

fn check_grounding(checker: &mut Checker<'_>) {
    for (name, filter) in checker.elements("contextualGroundingPolicy", "filters") {
        let threshold = filter.get("threshold").and_then(Value::as_f64).unwrap_or(0.0);
        if !(0.0..=0.99).contains(&threshold) {
            let path = Path::of(["contextualGroundingPolicy", "filters"]).child(name).child("threshold");
            checker.report(
                codes::LIMIT,
                path,
                format!("{threshold} is not from 0 to 0.99"),
                "choose a value from 0 to 0.99",
            );
        }
    }
}

fn check_reasoning(checker: &mut Checker<'_>) {
    let path = Path::of(["automatedReasoningPolicy", "policies"]);
    let policies = tree::get(checker.tree, &path).and_then(Value::as_array).map_or(0, Vec::len);
    checker.count("automatedReasoningPolicy", "policies", policies, MOST_REASONING_POLICIES);
}

fn check_tags(checker: &mut Checker<'_>) {
    let tags: Vec<String> =
        checker.tree.get(TAGS).and_then(Value::as_object).into_iter().flat_map(Map::keys).cloned().collect();
    if tags.len() > MOST_TAGS {
        let detail = format!("{} tags; the service takes at most {MOST_TAGS}", tags.len());
        checker.report(codes::LIMIT, Path::of(["tags"]), detail, "remove some");
    }
    for key in tags {
        let path = Path::of(["tags"]).child(&key);
        if tags::is_of_aws(&key) {
            let detail = "tags whose key begins with `aws:` belong to AWS and cannot be written".into();
            checker.report(codes::CONTRADICTION, path.child("key"), detail, "remove the tag");
        }
        checker.length(path.child("key"), 1, 128);
        checker.length(path.child("value"), 0, 256);
    }
}
