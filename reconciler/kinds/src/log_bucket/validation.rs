//! What S3 would reject in a declared bucket, or what would not hold (README.md, Limits).

use reconciler_model::codes;
use reconciler_model::diagnostic::Problem;
use reconciler_model::policy::Policy;
use reconciler_model::tree::Path;
use serde_json::{Map, Value, json};

use super::spec::{self, BUCKET_KEY, DEFAULT, ENCRYPTION, KEY, LIFECYCLE, ONLY, OWNERSHIP, POLICY, TAGS, VERSIONING};
use crate::shared::tags;

/// Bytes of a bucket policy.
const LARGEST_POLICY: usize = 20 * 1024;
const MOST_RULES: usize = 1000;
const LONGEST_RULE_ID: usize = 255;
const MOST_TAGS: usize = 50;
const LONGEST_TAG: (usize, usize) = (128, 256);

pub(super) fn check_name(name: &str) -> Option<String> {
    let allowed = |c: char| c.is_ascii_lowercase() || c.is_ascii_digit() || "-.".contains(c);
    let ends = |c: char| c.is_ascii_lowercase() || c.is_ascii_digit();
    let well_formed = (3..=63).contains(&name.len())
        && name.chars().all(allowed)
        && name.starts_with(ends)
        && name.ends_with(ends)
        && !name.contains("..");
    (!well_formed).then(|| {
        "a bucket's name has 3 to 63 small letters, digits, `-` and `.`, and begins and ends with a letter or digit"
            .to_owned()
    })
}

/// Takes down a problem: code, path, detail, remedy.
type Report<'a> = &'a mut dyn FnMut(&'static str, &[&str], String, &str);

pub(super) fn check(tree: &Value) -> Vec<Problem> {
    let mut problems = Vec::new();
    let mut problem = |code: &'static str, path: &[&str], detail: String, remedy: &str| {
        problems.push(Problem { code, path: Path::of(path.iter().copied()), detail, remedy: remedy.to_owned() });
    };
    check_single_rules(tree, &mut problem);
    if let Some(policy) = tree.get(POLICY).and_then(|policy| Policy::from_value(policy).ok()) {
        check_policy(&policy, &mut problem);
    }
    if let Some(rules) = tree.get(LIFECYCLE).and_then(|lifecycle| lifecycle.get("rules")).and_then(Value::as_object) {
        check_lifecycle(rules, &mut problem);
    }
    if tree.pointer("/versioningConfiguration/mfaDelete").is_some_and(|value| !value.is_null()) {
        let detail = "only the root user with a device can change it".to_owned();
        problem(codes::IMMUTABLE, &[VERSIONING, "mfaDelete"], detail, "leave it out");
    }
    check_tags(tree.get(TAGS).and_then(Value::as_object).unwrap_or(&Map::new()), &mut problem);
    problems
}

fn check_single_rules(tree: &Value, problem: Report<'_>) {
    for member in [ENCRYPTION, OWNERSHIP] {
        let rules = tree.get(member).and_then(|member| member.get("rules")).and_then(Value::as_object);
        if rules.is_some_and(Map::is_empty) {
            let detail = "one rule is needed; `null` for the whole says that there is none".to_owned();
            problem(codes::WRONG_SHAPE, &[member, "rules"], detail, "write the rule");
        }
    }
    let Some(rule) = tree.pointer(&format!("/{ENCRYPTION}/rules/{ONLY}")) else { return };
    if spec::is_dsse(rule) && rule.get(BUCKET_KEY) == Some(&json!(true)) {
        let detail = "`aws:kms:dsse` uses no key of the bucket".to_owned();
        let remedy = "write `bucketKeyEnabled: false`, or `sseAlgorithm: \"aws:kms\"`";
        problem(codes::CONTRADICTION, &[ENCRYPTION, "rules", ONLY, BUCKET_KEY], detail, remedy);
    }
    let Some(default) = rule.get(DEFAULT) else { return };
    let key = default.get(KEY).and_then(Value::as_str);
    let path = [ENCRYPTION, "rules", ONLY, DEFAULT, KEY];
    match key {
        Some(_) if default.get("sseAlgorithm") == Some(&json!("AES256")) => {
            let detail = "AES256 uses no key of KMS".to_owned();
            problem(codes::CONTRADICTION, &path, detail, "remove it, or write `aws:kms`");
        }
        // S3 does not look at what is written, and would resolve an alias in the account of whoever writes an object.
        Some(key) if !key.starts_with("arn:") || !key.contains(":key/") => {
            let detail = format!("`{key}` is not the ARN of a key");
            problem(codes::WRONG_SHAPE, &path, detail, "write its ARN, or `${kms:alias/NAME}`");
        }
        _ => {}
    }
}

fn check_policy(policy: &Policy, problem: Report<'_>) {
    let bytes = policy.to_minified_json().len();
    if bytes > LARGEST_POLICY {
        let detail = format!("{bytes} bytes without white space; a bucket policy has at most {LARGEST_POLICY}");
        problem(codes::LIMIT, &[POLICY], detail, "shorten it");
    }
    if policy.statements().is_empty() {
        let detail = "a policy has at least one statement".to_owned();
        problem(codes::WRONG_SHAPE, &[POLICY], detail, "write `null` where there must be no policy");
    }
    for dangling in policy.dangling_principals() {
        let detail = format!("`{}` is the id of a role or user that is gone", dangling.principal);
        let path = [POLICY, "Statement", &dangling.statement];
        problem(codes::DANGLING, &path, detail, "write the ARN of the role or user");
    }
}

fn check_lifecycle(rules: &Map<String, Value>, problem: Report<'_>) {
    if rules.len() > MOST_RULES {
        let detail = format!("{} rules; a bucket has at most {MOST_RULES}", rules.len());
        problem(codes::LIMIT, &[LIFECYCLE, "rules"], detail, "remove some");
    }
    for (id, rule) in rules {
        if id.is_empty() || id.chars().count() > LONGEST_RULE_ID {
            let detail = "the id of a rule has 1 to 255 characters".to_owned();
            problem(codes::LIMIT, &[LIFECYCLE, "rules", id, "id"], detail, "choose another id");
        }
        let does_something = [
            "expiration",
            "transitions",
            "noncurrentVersionExpiration",
            "noncurrentVersionTransitions",
            "abortIncompleteMultipartUpload",
        ];
        if does_something.iter().all(|member| rule.get(*member).is_none_or(Value::is_null)) {
            let detail = "the rule does nothing, which S3 rejects".to_owned();
            problem(codes::WRONG_SHAPE, &[LIFECYCLE, "rules", id], detail, "write what becomes of the objects");
        }
        check_times(id, rule, problem);
        check_order(id, rule, problem);
        check_filter(id, rule, problem);
        for path in [["expiration", "days"], ["noncurrentVersionExpiration", "noncurrentDays"]] {
            let days = rule.get(path[0]).and_then(|member| member.get(path[1])).and_then(Value::as_u64);
            if days == Some(0) {
                let place = [LIFECYCLE, "rules", id, path[0], path[1]];
                problem(codes::LIMIT, &place, "0 days are no time".to_owned(), "write 1 or more");
            }
        }
    }
}

/// Storage classes that objects move to after this many days at the earliest.
const EARLIEST: u64 = 30;
const INFREQUENT: [&str; 2] = ["STANDARD_IA", "ONEZONE_IA"];

/// When a rule acts: by age or at an instant, and not by both.
fn check_times(id: &str, rule: &Value, problem: Report<'_>) {
    let has = |one: &Value, member: &str| one.get(member).is_some_and(|value| !value.is_null());
    let expiration = rule.get("expiration").filter(|expiration| !expiration.is_null());
    if let Some(expiration) = expiration {
        let said =
            ["days", "date", "expiredObjectDeleteMarker"].iter().filter(|member| has(expiration, member)).count();
        if said != 1 {
            let detail = "an expiration has days, a date or expiredObjectDeleteMarker, and one of them only".to_owned();
            problem(codes::CONTRADICTION, &[LIFECYCLE, "rules", id, "expiration"], detail, "keep one of them");
        }
    }
    let transitions = rule.get("transitions").and_then(Value::as_array).map(Vec::as_slice).unwrap_or_default();
    for (index, transition) in transitions.iter().enumerate() {
        let index = index.to_string();
        let path = [LIFECYCLE, "rules", id, "transitions", &index];
        if has(transition, "days") == has(transition, "date") {
            let detail = "a transition has days or a date, and one of them only".to_owned();
            problem(codes::CONTRADICTION, &path, detail, "keep one of them");
        }
        let class = transition.get("storageClass").and_then(Value::as_str).unwrap_or("");
        let days = transition.get("days").and_then(Value::as_u64);
        if days.is_some_and(|days| days < EARLIEST) && INFREQUENT.contains(&class) {
            let detail = format!("objects move to {class} after {EARLIEST} days at the earliest");
            problem(codes::LIMIT, &[&path[..], &["days"]].concat(), detail, "write 30 or more");
        }
    }
    let timed = || expiration.into_iter().chain(transitions);
    if timed().any(|one| has(one, "days")) && timed().any(|one| has(one, "date")) {
        let detail = "one rule goes by days or by dates; S3 rejects a mixture".to_owned();
        problem(codes::CONTRADICTION, &[LIFECYCLE, "rules", id], detail, "make two rules of it");
    }
    for date in timed().filter_map(|one| one.get("date").and_then(Value::as_str)) {
        if !spec::is_midnight(date) {
            let detail = format!("`{date}` is not midnight of a day in UTC");
            problem(codes::WRONG_SHAPE, &[LIFECYCLE, "rules", id], detail, "write it as 2027-01-31T00:00:00Z");
        }
    }
}

/// Objects move before they expire: S3 rejects a rule that has it the other way round.
fn check_order(id: &str, rule: &Value, problem: Report<'_>) {
    for (end, moves, days) in [
        ("expiration", "transitions", "days"),
        ("noncurrentVersionExpiration", "noncurrentVersionTransitions", "noncurrentDays"),
    ] {
        let Some(last) = rule.get(end).and_then(|end| end.get(days)).and_then(Value::as_u64) else { continue };
        let moves_at = rule.get(moves).and_then(Value::as_array).into_iter().flatten().enumerate();
        let late =
            moves_at.filter_map(|(index, one)| Some((index, one.get(days)?.as_u64().filter(|day| *day >= last)?)));
        for (index, day) in late {
            let detail = format!("objects expire after {last} days, and move after {day}: they are gone by then");
            let path = [LIFECYCLE, "rules", id, moves, &index.to_string(), days];
            problem(codes::CONTRADICTION, &path, detail, "let them expire later, or move earlier");
        }
    }
    let date = |one: &Value| one.get("date").and_then(Value::as_str).map(str::to_owned);
    let Some(last) = rule.get("expiration").and_then(date) else { return };
    let moves = rule.get("transitions").and_then(Value::as_array).into_iter().flatten();
    for day in moves.filter_map(date).filter(|day| *day >= last) {
        let detail = format!("objects expire at {last}, and move at {day}: they are gone by then");
        problem(codes::CONTRADICTION, &[LIFECYCLE, "rules", id], detail, "let them expire later, or move earlier");
    }
}

/// A filter has one condition, or `and` with all of them.
fn check_filter(id: &str, rule: &Value, problem: Report<'_>) {
    let filter = rule.get("filter").and_then(Value::as_object);
    let said: Vec<&str> = filter.into_iter().flatten().map(|(name, _)| name.as_str()).collect();
    if said.len() > 1 {
        let detail = format!("a filter has one condition, and here are {}", said.join(", "));
        let remedy = "write them below `and`, with `tags` as a list";
        problem(codes::CONTRADICTION, &[LIFECYCLE, "rules", id, "filter"], detail, remedy);
    }
}

fn check_tags(tags: &Map<String, Value>, problem: Report<'_>) {
    if tags.len() > MOST_TAGS {
        let detail = format!("{} tags; a bucket has at most {MOST_TAGS}", tags.len());
        problem(codes::LIMIT, &["tags"], detail, "remove some");
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
