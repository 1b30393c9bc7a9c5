//! What KMS would reject in a declared key (README.md, Limits).

use reconciler_model::codes;
use reconciler_model::diagnostic::Problem;
use reconciler_model::policy::Policy;
use reconciler_model::tree::Path;
use serde_json::{Map, Value};

use super::spec::{CREATE, PERIOD, POLICY, ROTATION, TAGS};
use crate::shared::tags;

const LONGEST_ALIAS: usize = 256;
const LONGEST_DESCRIPTION: usize = 8192;
/// Bytes of a key policy.
const LARGEST_POLICY: usize = 32 * 1024;
/// Days between two rotations.
const PERIODS: std::ops::RangeInclusive<u64> = 90..=2560;
const MOST_TAGS: usize = 50;
const LONGEST_TAG: (usize, usize) = (128, 256);

pub(super) fn check_name(name: &str) -> Option<String> {
    let Some(rest) = name.strip_prefix("alias/") else {
        return Some("a key is declared by its alias, which begins with `alias/`".to_owned());
    };
    if rest.starts_with("aws/") {
        return Some("aliases that begin with `alias/aws/` are those of keys that AWS manages".to_owned());
    }
    let allowed = |c: char| c.is_ascii_alphanumeric() || "/_-".contains(c);
    (rest.is_empty() || name.len() > LONGEST_ALIAS || !rest.chars().all(allowed))
        .then(|| "an alias has letters, digits and `/ _ -`, at most 256 characters in all".to_owned())
}

pub(super) fn check(tree: &Value) -> Vec<Problem> {
    let mut problems = Vec::new();
    let mut problem = |code: &'static str, path: &[&str], detail: String, remedy: &str| {
        problems.push(Problem { code, path: Path::of(path.iter().copied()), detail, remedy: remedy.to_owned() });
    };
    let text = |member: &str| tree.get(member).and_then(Value::as_str);
    if let Some(length) = text("description").map(|text| text.chars().count()).filter(|it| *it > LONGEST_DESCRIPTION) {
        let detail = format!("{length} characters; a description has at most {LONGEST_DESCRIPTION}");
        problem(codes::LIMIT, &["description"], detail, "shorten it");
    }
    let period = tree.get(PERIOD).and_then(Value::as_u64);
    if let Some(days) = period.filter(|days| !PERIODS.contains(days)) {
        let detail = format!("KMS does not rotate every {days} days");
        problem(codes::LIMIT, &["rotationPeriodInDays"], detail, "write 90 to 2560");
    }
    let rotates = tree.get(ROTATION).and_then(Value::as_bool);
    if let (Some(_), Some(false)) = (period, rotates) {
        let detail = "a key without rotation has no period".to_owned();
        problem(codes::CONTRADICTION, &["rotationPeriodInDays"], detail, "remove it, or enable the rotation");
    }
    if rotates == Some(true) && text("keySpec").is_some_and(|spec| spec != "SYMMETRIC_DEFAULT") {
        let detail = "KMS rotates symmetric keys for encryption only".to_owned();
        problem(codes::CONTRADICTION, &["keyRotationEnabled"], detail, "remove it");
    }
    if text("targetKeyId").is_some_and(|id| id.starts_with("alias/")) {
        let detail = "an alias cannot name another alias".to_owned();
        problem(codes::WRONG_SHAPE, &["targetKeyId"], detail, "write the id or the ARN of the key");
    }
    if tree.get(CREATE).is_some() && text("targetKeyId").is_some() {
        let detail = "a new key cannot have an id that is known before".to_owned();
        problem(codes::CONTRADICTION, &[CREATE], detail, "remove one of the two");
    }
    match tree.get(POLICY) {
        Some(Value::Null) => {
            let detail = "a key always has a policy".to_owned();
            problem(codes::CONTRADICTION, &["policy"], detail, "write it out, or leave the key out");
        }
        Some(policy) => check_policy(policy, &mut problem),
        None => {}
    }
    let tags = tree.get(TAGS).and_then(Value::as_object);
    check_tags(tags.unwrap_or(&Map::new()), &mut problem);
    problems
}

/// Takes down a problem: code, path, detail, remedy.
type Report<'a> = &'a mut dyn FnMut(&'static str, &[&str], String, &str);

fn check_policy(document: &Value, problem: Report<'_>) {
    let Ok(policy) = Policy::from_value(document) else { return };
    let bytes = policy.to_minified_json().len();
    if bytes > LARGEST_POLICY {
        let detail = format!("{bytes} bytes without white space; a key policy has at most {LARGEST_POLICY}");
        problem(codes::LIMIT, &["policy"], detail, "shorten it");
    }
    for dangling in policy.dangling_principals() {
        let detail = format!("`{}` is the id of a role or user that is gone", dangling.principal);
        let path = ["policy", "Statement", &dangling.statement];
        problem(codes::DANGLING, &path, detail, "write the ARN of the role or user");
    }
}

fn check_tags(tags: &Map<String, Value>, problem: Report<'_>) {
    if tags.len() > MOST_TAGS {
        problem(codes::LIMIT, &["tags"], format!("{} tags; a key has at most {MOST_TAGS}", tags.len()), "remove some");
    }
    for (key, tag) in tags {
        let value = tag.get("value").and_then(Value::as_str).unwrap_or("");
        if key.is_empty() || key.chars().count() > LONGEST_TAG.0 || value.chars().count() > LONGEST_TAG.1 {
            let detail = "a tag's key has 1 to 128 characters, its value at most 256".to_owned();
            problem(codes::LIMIT, &["tags", key], detail, "shorten it");
        }
        if tags::is_of_aws(key) {
            let detail = "keys that begin with `aws:` are those of AWS".to_owned();
            problem(codes::LIMIT, &["tags", key], detail, "choose another key");
        }
    }
}
