//! What the service would reject in a role, found before any call (README.md, Limits).

use reconciler_model::codes;
use reconciler_model::diagnostic::Problem;
use reconciler_model::policy::{Policy, Scope};
use reconciler_model::tree::Path;
use serde_json::Value;

use super::spec::{ATTACHED, BOUNDARY, DESCRIPTION, ELSEWHERE, INLINE, LONGEST, PATH, TRUST};
use crate::shared::tags;

/// Characters of a trust policy, white space not counted.
const MOST_TRUST: usize = 2048;
/// Characters of all inline policies of a role, white space not counted.
pub(super) const MOST_INLINE: usize = 10_240;
/// Policies that a role can have attached, unless the quota was raised.
pub(super) const USUAL_ATTACHED: usize = 10;
/// Policies that a role can have attached once the quota was raised.
const MOST_ATTACHED: usize = 20;
const MOST_TAGS: usize = 50;
const MOST_DESCRIPTION: usize = 1000;
const SESSION: std::ops::RangeInclusive<u64> = 3600..=43_200;

/// Paths of roles that AWS makes and that nobody else can change.
const OF_AWS: &[&str] = &["/aws-service-role/", "/aws-reserved/"];

/// Whether a role of this path belongs to AWS.
pub(super) fn is_of_aws(path: &str) -> bool {
    OF_AWS.iter().any(|prefix| path.starts_with(prefix))
}

/// Whether a policy of AWS is known to do nothing but deny.
pub(super) fn only_denies(arn: &str) -> bool {
    arn.ends_with(":iam::aws:policy/AWSDenyAll")
}

/// Characters that count for a quota.
pub(super) fn size(document: &Policy) -> usize {
    document.to_minified_json().chars().filter(|character| !character.is_whitespace()).count()
}

/// The document at a member of an object of the tree.
pub(super) fn document(holder: &Value, member: &str) -> Option<Policy> {
    Policy::from_value(holder.get(member).filter(|document| document.is_object())?).ok()
}

fn problem(code: &'static str, path: Path, detail: impl Into<String>, remedy: impl Into<String>) -> Problem {
    Problem { code, path, detail: detail.into(), remedy: remedy.into() }
}

fn is_name_character(character: char) -> bool {
    character.is_ascii_alphanumeric() || "_+=,.@-".contains(character)
}

pub(super) fn check_name(name: &str) -> Option<String> {
    (name.is_empty() || name.chars().count() > 64 || !name.chars().all(is_name_character))
        .then(|| "a role's name has 1 to 64 letters, digits and `_ + = , . @ -`".to_owned())
}

pub(super) fn check(tree: &Value) -> Vec<Problem> {
    let mut problems = Vec::new();
    check_settings(tree, &mut problems);
    check_trust(tree, &mut problems);
    check_inline(tree, &mut problems);
    check_attached(tree, &mut problems);
    check_tags(tree, &mut problems);
    problems
}

fn elements<'a>(tree: &'a Value, list: &str) -> impl Iterator<Item = (&'a String, &'a Value)> {
    tree.get(list).and_then(Value::as_object).into_iter().flatten()
}

fn check_settings(tree: &Value, problems: &mut Vec<Problem>) {
    if let Some(path) = tree.get(PATH).and_then(Value::as_str) {
        let place = Path::of(["path"]);
        let well_formed =
            path.starts_with('/') && path.ends_with('/') && path.chars().all(|c| ('!'..='~').contains(&c));
        if is_of_aws(path) {
            let detail = format!("roles below {path} are made by AWS, and nobody else can change them");
            problems.push(problem(codes::OF_AWS, place, detail, "declare a role of your own"));
        } else if !well_formed || path.len() > 512 {
            let remedy = "write `/`, or a path such as `/service-role/`";
            problems.push(problem(
                codes::LIMIT,
                place,
                "a path begins and ends with `/` and has at most 512 characters",
                remedy,
            ));
        }
    }
    if let Some(seconds) = tree.get(LONGEST).and_then(Value::as_u64).filter(|seconds| !SESSION.contains(seconds)) {
        let detail = format!("a session of {seconds} seconds is not possible");
        problems.push(problem(codes::LIMIT, Path::of([LONGEST]), detail, "write 3600 to 43200 seconds"));
    }
    let description = tree.get(DESCRIPTION).and_then(Value::as_str);
    if description.is_some_and(|description| description.chars().count() > MOST_DESCRIPTION) {
        let detail = format!("a description has at most {MOST_DESCRIPTION} characters");
        problems.push(problem(codes::LIMIT, Path::of(["description"]), detail, "shorten it"));
    }
    if let Some(arn) = tree.pointer("/permissionsBoundary/permissionsBoundaryArn").and_then(Value::as_str)
        && !is_policy_arn(arn)
    {
        let path = Path::of([BOUNDARY, "permissionsBoundaryArn"]);
        problems.push(problem(codes::WRONG_SHAPE, path, format!("`{arn}` is not the ARN of a policy"), ARN_FORM));
    }
}

const ARN_FORM: &str =
    "write it as arn:${partition}:iam::${account.id}:policy/NAME, or arn:${partition}:iam::aws:policy/NAME";

/// Whether it is the ARN of a policy, or something that is filled in later.
fn is_policy_arn(text: &str) -> bool {
    let mut parts = text.splitn(6, ':');
    let (arn, service, resource) = (parts.next(), parts.nth(1), parts.nth(2));
    text.contains("${")
        || (arn == Some("arn")
            && service == Some("iam")
            && resource.is_some_and(|resource| resource.starts_with("policy/")))
}

fn check_trust(tree: &Value, problems: &mut Vec<Problem>) {
    let Some(trust) = tree.get(TRUST) else { return };
    let place = Path::of([TRUST]);
    let Some(policy) = document(tree, TRUST) else {
        if trust.is_null() {
            let remedy = "write the policy, or leave the member out";
            problems.push(problem(codes::CONTRADICTION, place, "a role cannot be without a trust policy", remedy));
        }
        return;
    };
    let characters = size(&policy);
    if characters > MOST_TRUST {
        let detail = format!("the trust policy has {characters} characters; the usual quota is {MOST_TRUST}");
        problems.push(problem(codes::LIMIT, place.clone(), detail, "shorten it, for instance with fewer statements"));
    }
    for statement in policy.statements() {
        if statement.principal == Scope::Unsaid {
            let remedy = "say who may assume the role: Principal";
            problems.push(problem(
                codes::LIMIT,
                place.clone(),
                "a statement of a trust policy needs Principal",
                remedy,
            ));
        }
        if statement.resource != Scope::Unsaid {
            let detail = "a statement of a trust policy has no Resource: it is the role itself";
            problems.push(problem(codes::LIMIT, place.clone(), detail, "remove Resource"));
        }
    }
    for dangling in policy.dangling_principals() {
        let path = place.child("Statement").child(&dangling.statement);
        let detail =
            format!("{} is the unique id of a user or role, which IAM shows once that is deleted", dangling.principal);
        problems.push(problem(codes::DANGLING, path, detail, "name the user or role by its ARN, or remove it"));
    }
}

fn check_inline(tree: &Value, problems: &mut Vec<Problem>) {
    let mut characters = 0;
    for (name, element) in elements(tree, INLINE) {
        let place = Path::of([INLINE, name.as_str()]);
        if name.is_empty() || name.chars().count() > 128 || !name.chars().all(is_name_character) {
            let detail = format!("`{name}` is not a name of an inline policy");
            problems.push(problem(
                codes::BAD_NAME,
                place.clone(),
                detail,
                "use 1 to 128 letters, digits and `_ + = , . @ -`",
            ));
        }
        let owned_elsewhere = element[ELSEWHERE] == true;
        let Some(policy) = document(element, "policyDocument") else {
            if !owned_elsewhere {
                let remedy = "write policyDocument, or `ownedElsewhere: true` where others manage the policy";
                problems.push(problem(codes::WRONG_SHAPE, place, format!("`{name}` has no policyDocument"), remedy));
            }
            continue;
        };
        if owned_elsewhere {
            let detail = format!("`{name}` is managed by others, so what it says is not compared");
            problems.push(problem(codes::CONTRADICTION, place, detail, "remove policyDocument, or ownedElsewhere"));
            continue;
        }
        characters += size(&policy);
        for statement in policy.statements() {
            if statement.principal != Scope::Unsaid {
                let detail = "a policy of a role has no Principal: it is the role itself";
                problems.push(problem(codes::LIMIT, place.clone(), detail, "remove Principal"));
            }
            if statement.resource == Scope::Unsaid {
                let remedy = "say on what: Resource";
                problems.push(problem(
                    codes::LIMIT,
                    place.clone(),
                    "a statement of a role's policy needs Resource",
                    remedy,
                ));
            }
        }
    }
    if characters > MOST_INLINE {
        let detail =
            format!("the inline policies have {characters} characters together; the service takes {MOST_INLINE}");
        problems.push(problem(
            codes::LIMIT,
            Path::of([INLINE]),
            detail,
            "move some into a managed policy, and attach that",
        ));
    }
}

fn check_attached(tree: &Value, problems: &mut Vec<Problem>) {
    for (arn, _) in elements(tree, ATTACHED).filter(|(arn, _)| !is_policy_arn(arn)) {
        let path = Path::of([ATTACHED, arn.as_str()]);
        problems.push(problem(codes::WRONG_SHAPE, path, format!("`{arn}` is not the ARN of a policy"), ARN_FORM));
    }
    let count = elements(tree, ATTACHED).count();
    if count > MOST_ATTACHED {
        let detail = format!("{count} policies are attached; the quota can be raised to {MOST_ATTACHED} at most");
        problems.push(problem(codes::LIMIT, Path::of([ATTACHED]), detail, "put several into one policy"));
    }
}

fn check_tags(tree: &Value, problems: &mut Vec<Problem>) {
    let count = elements(tree, "tags").count();
    if count > MOST_TAGS {
        let detail = format!("{count} tags; a role has at most {MOST_TAGS}");
        problems.push(problem(codes::LIMIT, Path::of(["tags"]), detail, "remove some"));
    }
    let folded: Vec<String> = elements(tree, "tags").map(|(key, _)| key.to_lowercase()).collect();
    for (key, tag) in elements(tree, "tags") {
        if folded.iter().filter(|other| **other == key.to_lowercase()).count() > 1 {
            let detail = format!("`{key}` and another key are one: IAM does not tell small letters from capital ones");
            problems.push(problem(codes::LIMIT, Path::of(["tags", key.as_str()]), detail, "keep one of them"));
        }
        let value = tag.get("value").and_then(Value::as_str).unwrap_or("");
        let is_reserved = tags::is_of_aws(key);
        if is_reserved || key.is_empty() || key.chars().count() > 128 || value.chars().count() > 256 {
            let detail =
                "a tag's key has 1 to 128 characters and does not begin with `aws:`; its value has at most 256";
            problems.push(problem(
                codes::LIMIT,
                Path::of(["tags", key.as_str()]),
                detail,
                "shorten it, or leave it out",
            ));
        }
    }
}
