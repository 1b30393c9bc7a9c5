//! What PutResourcePolicy takes of a document: only the patterns that the guide of guardrails shows
//! (README.md, Documented patterns).

use reconciler_model::codes;
use reconciler_model::diagnostic::Problem;
use reconciler_model::policy::{Effect, Policy, Principals, Scope, Statement};
use reconciler_model::tree::Path;
use serde_json::Value;

use super::spec::POLICY;

/// Characters of a document (README.md, Limits).
const MOST_CHARACTERS: usize = 20_480;
const ACTIONS: &[&str] = &["bedrock:ApplyGuardrail", "bedrock:GetGuardrail"];
/// Conditions of which one has to stand beside the principal `*`.
const ORGANIZATION: &[&str] = &["aws:PrincipalOrgID", "aws:PrincipalOrgPaths"];

/// What the service would reject in a declared tree, and what would let everybody in.
pub(super) fn check(tree: &Value) -> Vec<Problem> {
    let Some(policy) = tree.get(POLICY).and_then(|document| Policy::from_value(document).ok()) else {
        return Vec::new();
    };
    let mut problems = Vec::new();
    let mut problem = |place: &[String], detail: String, remedy: &str| {
        let path = Path::of([POLICY.to_owned()].into_iter().chain(place.iter().cloned()));
        problems.push(Problem { code: codes::LIMIT, path, detail, remedy: remedy.to_owned() });
    };
    let length = policy.minified_len();
    if length > MOST_CHARACTERS && !policy.to_minified_json().contains("${") {
        problem(&[], format!("{length} characters; the service takes {MOST_CHARACTERS}"), "shorten it");
    }
    if policy.to_minified_json().chars().any(|character| character > '\u{ff}') {
        problem(&[], "it has characters that the service does not take".into(), "use those of Latin-1");
    }
    if policy.statements().is_empty() {
        problem(&[], "it has no statement".into(), "write `resourcePolicy: null` for no policy");
    }
    for statement in policy.statements() {
        let place: Vec<String> = statement.sid.iter().flat_map(|sid| ["Statement".to_owned(), sid.clone()]).collect();
        for (detail, remedy) in check_statement(statement) {
            problem(&place, detail, remedy);
        }
    }
    problems
}

fn check_statement(statement: &Statement) -> Vec<(String, &'static str)> {
    let mut wrong = Vec::new();
    if statement.effect == Effect::Deny {
        wrong.push(("Deny is not supported here".to_owned(), "allow only what is wanted"));
    }
    let fits = |action: &str| ACTIONS.iter().any(|one| one.eq_ignore_ascii_case(action));
    match &statement.action {
        Scope::Only(actions) if actions.iter().all(|action| fits(action.as_str())) => {}
        _ => wrong.push((format!("only the actions {} are supported", ACTIONS.join(" and ")), "write them out")),
    }
    match &statement.resource {
        Scope::Only(resources) if resources.len() == 1 && resources.iter().all(|one| !one.contains('*')) => {}
        _ => {
            let remedy = "write `Resource: ${ref:guardrail/NAME.guardrailArn}`";
            wrong.push(("the resource has to be the guardrail, by its ARN".to_owned(), remedy));
        }
    }
    if !principal_fits(statement) {
        let detail =
            "the principal has to be the account of the guardrail, or `*` on the condition of the organization"
                .to_owned();
        let remedy = "write `Principal: {AWS: \"${account.id}\"}`; or `Principal: \"*\"` and the condition aws:PrincipalOrgID \
                      or aws:PrincipalOrgPaths";
        wrong.push((detail, remedy));
    }
    wrong
}

fn principal_fits(statement: &Statement) -> bool {
    let Scope::Only(principals) = &statement.principal else { return false };
    is_account(principals) || (is_everybody(principals) && is_within_organization(statement))
}

fn aws(principals: &Principals) -> Option<&std::collections::BTreeSet<String>> {
    principals.get("AWS").filter(|_| principals.len() == 1)
}

fn is_account(principals: &Principals) -> bool {
    let account = |one: &String| {
        one.contains("${")
            || (one.len() == 12 && one.bytes().all(|byte| byte.is_ascii_digit()))
            || one.ends_with(":root")
    };
    aws(principals).is_some_and(|names| !names.is_empty() && names.iter().all(account))
}

fn is_everybody(principals: &Principals) -> bool {
    aws(principals).is_some_and(|names| names.iter().eq(["*"]))
}

/// Whether a condition holds for principals of named organizations only. An operator that also holds where the key is absent,
/// or a value that fits every organization, does not.
fn is_within_organization(statement: &Statement) -> bool {
    statement.condition.iter().any(|(operator, keys)| {
        let operator = operator.folded();
        let operator = operator.strip_prefix("foranyvalue:").unwrap_or(&operator);
        matches!(operator, "stringequals" | "stringlike" | "stringequalsignorecase")
            && keys.iter().any(|(key, values)| {
                ORGANIZATION.iter().any(|one| one.eq_ignore_ascii_case(key.as_str()))
                    && !values.is_empty()
                    && values.iter().all(|value| value.starts_with("o-") || value.starts_with("${"))
                    && values.iter().all(|value| !value.starts_with("o-*"))
            })
    })
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn wrong(statement: Value) -> usize {
        check(&json!({ POLICY: {"Version": "2012-10-17", "Statement": [statement]} })).len()
    }

    fn grant(changes: Value) -> Value {
        let mut statement = json!({
            "Sid": "Organization", "Effect": "Allow", "Principal": "*", "Action": ["bedrock:ApplyGuardrail", "bedrock:GetGuardrail"],
            "Resource": "arn:aws:bedrock:eu-west-1:111122223333:guardrail/abc",
            "Condition": {"StringEquals": {"aws:PrincipalOrgID": "o-abcdefghij"}},
        });
        statement.as_object_mut().expect("an object").extend(changes.as_object().cloned().expect("changes"));
        statement
    }

    #[test]
    fn the_documented_patterns_are_taken() {
        assert_eq!(wrong(grant(json!({}))), 0);
        let paths =
            json!({"ForAnyValue:StringLike": {"aws:PrincipalOrgPaths": ["o-abcdefghij/r-ab12/ou-ab12-11111111/*"]}});
        assert_eq!(wrong(grant(json!({ "Condition": paths }))), 0);
        assert_eq!(wrong(grant(json!({"Principal": {"AWS": "111122223333"}, "Condition": {}}))), 0);
        assert_eq!(wrong(grant(json!({"Principal": {"AWS": "arn:aws:iam::111122223333:root"}, "Condition": {}}))), 0);
        assert_eq!(wrong(grant(json!({"Action": "bedrock:applyguardrail"}))), 0);
    }

    #[test]
    fn what_lets_everybody_in_is_not() {
        for condition in [
            json!({}),
            json!({"StringEquals": {"aws:PrincipalAccount": "111122223333"}}),
            json!({"StringEqualsIfExists": {"aws:PrincipalOrgID": "o-abcdefghij"}}),
            json!({"StringNotEquals": {"aws:PrincipalOrgID": "o-abcdefghij"}}),
            json!({"StringLike": {"aws:PrincipalOrgID": "*"}}),
            json!({"StringLike": {"aws:PrincipalOrgID": "o-*"}}),
            json!({"ForAllValues:StringLike": {"aws:PrincipalOrgPaths": "o-abcdefghij/*"}}),
        ] {
            assert_eq!(wrong(grant(json!({ "Condition": condition }))), 1, "{condition}");
        }
    }

    #[test]
    fn what_the_service_rejects_is_not() {
        for change in [
            json!({"Effect": "Deny"}),
            json!({"Action": "bedrock:*"}),
            json!({"Action": ["bedrock:ApplyGuardrail", "bedrock:DeleteGuardrail"]}),
            json!({"Resource": "*"}),
            json!({"Resource": ["arn:one", "arn:two"]}),
            json!({"Principal": {"AWS": "arn:aws:iam::111122223333:role/app"}}),
            json!({"Principal": {"Service": "bedrock.amazonaws.com"}}),
        ] {
            assert_eq!(wrong(grant(change.clone())), 1, "{change}");
        }
    }
}
