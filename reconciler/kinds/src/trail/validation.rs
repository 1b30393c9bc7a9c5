//! What the service would reject in a trail, and what would lose events, found before any call (README.md, Selectors).

use super::spec::TAGS;
use reconciler_model::codes;
use reconciler_model::diagnostic::{Problem, did_you_mean};
use reconciler_model::open_enum::{OTHER, on_the_wire};
use reconciler_model::tree::{self, Path};
use serde_json::{Map, Value, json};

use super::selectors::{self, ADVANCED, BASIC};
use crate::shared::arns;
use crate::shared::tags;

/// Values in all advanced selectors of a trail.
pub(super) const MOST_VALUES: usize = 500;
const MOST_BASIC: usize = 5;
const MOST_TAGS: usize = 50;

const CATEGORIES: &[&str] = &["Management", "Data", "NetworkActivity"];
const OPERATORS: &[&str] = &["equals", "startsWith", "endsWith", "notEquals", "notStartsWith", "notEndsWith"];

/// The names that a field selector may have, for the schema.
pub(super) fn schema_of_names() -> Value {
    json!([{"enum": FIELDS}, {"pattern": "^other:"}, {"pattern": r"\$\{"}])
}

/// The values of the fields that have few, for the schema.
pub(super) fn schema_of_fields() -> Value {
    let values = |field: &str, values: &[&str], operators: &[&str]| {
        let value = json!({"anyOf": [{"enum": values}, {"pattern": r"\$\{"}]});
        let members: Map<String, Value> =
            operators.iter().map(|operator| ((*operator).to_owned(), json!({ "items": value }))).collect();
        json!({
            "if": {"properties": {"field": {"const": field}}, "required": ["field"]},
            "then": {"properties": members},
        })
    };
    json!([values("eventCategory", CATEGORIES, &OPERATORS[..1]), values("readOnly", &["true", "false"], OPERATORS)])
}

/// Fields of advanced selectors (CloudTrail, AdvancedFieldSelector).
const FIELDS: &[&str] = &[
    "errorCode",
    "eventCategory",
    "eventName",
    "eventSource",
    "eventType",
    "readOnly",
    "resources.ARN",
    "resources.type",
    "sessionCredentialFromConsole",
    "userIdentity.arn",
    "vpcEndpointId",
];

/// Types of data events that PutEventSelectors was seen to accept (README.md, Data events).
const ACCEPTED: &[&str] = &[
    "AWS::Bedrock::AgentAlias",
    "AWS::Bedrock::AsyncInvoke",
    "AWS::Bedrock::FlowAlias",
    "AWS::Bedrock::Guardrail",
    "AWS::Bedrock::InlineAgent",
    "AWS::Bedrock::KnowledgeBase",
    "AWS::Bedrock::Model",
    "AWS::BedrockAgentCore::Gateway",
    "AWS::BedrockAgentCore::Runtime",
    "AWS::BedrockAgentCore::RuntimeEndpoint",
];

/// Types of data events that are documented; nobody has shown that PutEventSelectors accepts them.
const DOCUMENTED: &[&str] = &[
    "AWS::Bedrock::AutomatedReasoningPolicy",
    "AWS::Bedrock::AutomatedReasoningPolicyVersion",
    "AWS::Bedrock::Blueprint",
    "AWS::Bedrock::DataAutomationInvocation",
    "AWS::Bedrock::DataAutomationProfile",
    "AWS::Bedrock::DataAutomationProject",
    "AWS::Bedrock::FlowExecution",
    "AWS::Bedrock::PromptVersion",
    "AWS::Bedrock::Session",
    "AWS::Bedrock::Tool",
    "AWS::BedrockAgentCore::APIKeyCredentialProvider",
    "AWS::BedrockAgentCore::Browser",
    "AWS::BedrockAgentCore::BrowserCustom",
    "AWS::BedrockAgentCore::CodeInterpreter",
    "AWS::BedrockAgentCore::CodeInterpreterCustom",
    "AWS::BedrockAgentCore::Memory",
    "AWS::BedrockAgentCore::OAuth2CredentialProvider",
    "AWS::BedrockAgentCore::TokenVault",
    "AWS::BedrockAgentCore::WorkloadIdentity",
    "AWS::BedrockAgentCore::WorkloadIdentityDirectory",
    "AWS::BedrockMantle::CustomizedModel",
    "AWS::BedrockMantle::Project",
    "AWS::BedrockMantle::Reservation",
];

/// Names that guides give and the service rejects, with what to write.
const REJECTED: &[(&str, &str, &str)] = &[
    (
        "AWS::Bedrock::Prompt",
        "PutEventSelectors rejects it, although a guide names it",
        "write `AWS::Bedrock::PromptVersion`, which records the rendering of managed prompts",
    ),
    (
        "AWS::Bedrock::InvokeModel",
        "there is no such type: InvokeModel and Converse are management events",
        "remove the selector; one with `eventCategory` `Management` records them",
    ),
    (
        "AWS::Bedrock::InvokeAgent",
        "there is no such type: InvokeAgent is a data event of agent aliases",
        "write `AWS::Bedrock::AgentAlias`",
    ),
];

/// Types of Bedrock that are documented only, in a tree.
pub(super) fn unproven(advanced: &Value) -> Vec<&'static str> {
    let text = advanced.to_string();
    DOCUMENTED.iter().copied().filter(|kind| text.contains(&format!("\"{kind}\""))).collect()
}

/// Whether basic selectors take management events.
pub(super) fn basic_take_management_events(basic: &Value) -> bool {
    let takes = |selector: &Value| selector.get("includeManagementEvents") != Some(&Value::Bool(false));
    basic.as_array().is_some_and(|selectors| selectors.is_empty() || selectors.iter().any(takes))
}

/// Takes the mark off fields and types that this build does not know: the service knows them by their plain names.
pub(super) fn take_marks_off(tree: &mut Value) {
    for selector in tree.get_mut(ADVANCED).and_then(Value::as_array_mut).into_iter().flatten() {
        for field in selector.get_mut("fieldSelectors").and_then(Value::as_array_mut).into_iter().flatten() {
            if let Some(name) = field.get("field").and_then(Value::as_str).filter(|name| name.starts_with(OTHER)) {
                field["field"] = on_the_wire(name).into();
            }
            if field.get("field").is_none_or(|name| name != "resources.type") {
                continue;
            }
            for value in field.get_mut("equals").and_then(Value::as_array_mut).into_iter().flatten() {
                *value = on_the_wire(value.as_str().unwrap_or("")).into();
            }
        }
    }
}

struct Checker {
    problems: Vec<Problem>,
}

impl Checker {
    fn report(&mut self, code: &'static str, path: Path, detail: impl Into<String>, remedy: impl Into<String>) {
        self.problems.push(Problem { code, path, detail: detail.into(), remedy: remedy.into() });
    }
}

/// What is wrong with the selectors of a declaration, at their places in it.
pub(super) fn check_selectors(spec: &Value, elsewhere: bool) -> Vec<Problem> {
    let mut checker = Checker { problems: Vec::new() };
    let list = |member: &str| spec.get(member).and_then(Value::as_array).map(Vec::as_slice).unwrap_or_default();
    let (basic, advanced) = (list(BASIC), list(ADVANCED));
    if !basic.is_empty() && !advanced.is_empty() {
        checker.report(
            codes::CONTRADICTION,
            Path::of([BASIC]),
            "a trail has basic or advanced selectors, and each replaces the other",
            "write advanced selectors, which can say all that basic ones say",
        );
    }
    if spec.get(BASIC).is_some_and(Value::is_null) && advanced.is_empty() {
        checker.report(
            codes::MANAGEMENT_EVENTS_LOST,
            Path::of([BASIC]),
            "without basic and without advanced selectors the trail records nothing",
            "write advancedEventSelectors, or leave eventSelectors out",
        );
    }
    if basic.len() > MOST_BASIC {
        let detail = format!("{} basic selectors; the service takes at most {MOST_BASIC}", basic.len());
        checker.report(codes::LIMIT, Path::of([BASIC]), detail, "remove some, or write advanced ones");
    }
    if !elsewhere && spec.get(BASIC).is_some_and(|basic| basic.is_array() && !basic_take_management_events(basic)) {
        management_events_lost(&mut checker, BASIC, "write `includeManagementEvents: true` in one of them");
    }
    let mut takes_management_events = advanced.is_empty();
    let mut seen = Vec::new();
    for (index, selector) in advanced.iter().enumerate() {
        let path = Path::of([ADVANCED]).child(index.to_string());
        let category = check_selector(&mut checker, &path, selector);
        takes_management_events |= category == Some("Management");
        let own = selectors::keyed(&Value::Array(vec![without_name(selector)]));
        if seen.contains(&own) {
            checker.report(codes::REPEATED_ELEMENT, path, "another selector selects the same", "remove one of the two");
        }
        seen.push(own);
    }
    if !elsewhere && !takes_management_events {
        management_events_lost(
            &mut checker,
            ADVANCED,
            "add `{name: Management events selector, fieldSelectors: [{field: eventCategory, equals: [Management]}]}`",
        );
    }
    checker.problems
}

fn management_events_lost(checker: &mut Checker, member: &str, remedy: &str) {
    checker.report(
        codes::MANAGEMENT_EVENTS_LOST,
        Path::of([member]),
        "no selector takes management events, and InvokeModel, Converse and every change of the configuration are such",
        format!("{remedy}; or, where another trail records them, write `managementEventsElsewhere: true`"),
    );
}

fn without_name(selector: &Value) -> Value {
    let mut selector = selector.clone();
    if let Some(members) = selector.as_object_mut() {
        members.remove("name");
    }
    selector
}

/// What is wrong with one advanced selector; gives its category.
fn check_selector<'a>(checker: &mut Checker, path: &Path, selector: &'a Value) -> Option<&'a str> {
    let length = selector.get("name").and_then(Value::as_str).map_or(0, |name| name.chars().count());
    if length > 1000 {
        let detail = format!("a name of {length} characters; the service takes at most 1000");
        checker.report(codes::LIMIT, path.child("name"), detail, "shorten it");
    }
    let at = path.child("fieldSelectors");
    let fields = selector.get("fieldSelectors").and_then(Value::as_array).map(Vec::as_slice).unwrap_or_default();
    let name_of = |field: &'a Value| field.get("field").and_then(Value::as_str).unwrap_or("");
    let mut names = Vec::new();
    for (index, field) in fields.iter().enumerate() {
        let (name, at) = (name_of(field), at.child(index.to_string()));
        if names.contains(&name) {
            let detail = format!("the field `{name}` is there more than once in one selector");
            checker.report(
                codes::REPEATED_ELEMENT,
                at.clone(),
                detail,
                "write all operators of a field into one element",
            );
        }
        names.push(name);
        let has_values =
            |operator: &&str| field.get(*operator).and_then(Value::as_array).is_some_and(|values| !values.is_empty());
        if !OPERATORS.iter().any(has_values) {
            let detail = format!("the field `{name}` has no value");
            checker.report(codes::LIMIT, at.clone(), detail, format!("give one of {}", OPERATORS.join(", ")));
        }
        if !FIELDS.contains(&name) && !name.starts_with(OTHER) {
            let remedy = match did_you_mean(name, FIELDS.iter().copied()) {
                Some(near) => format!("did you mean `{near}`?"),
                None => format!("if AWS added the field after this build, write `{OTHER}{name}`"),
            };
            checker.report(
                codes::UNKNOWN_WORD,
                at.child("field"),
                format!("`{name}` is not a field of events"),
                remedy,
            );
        }
        if name == "readOnly" {
            check_switch(checker, &at, field);
        }
        if name == "resources.type" {
            check_types(checker, &at, field);
        }
    }
    let only_equals = |name: &str| {
        let field = fields.iter().find(|field| name_of(field) == name)?;
        let others = OPERATORS.iter().skip(1).any(|operator| field.get(*operator).is_some());
        field.get("equals").and_then(Value::as_array).filter(|values| !others && !values.is_empty())
    };
    let category = match only_equals("eventCategory").map(Vec::as_slice) {
        Some([category]) => category.as_str().unwrap_or(""),
        _ => {
            let detail = "eventCategory has to equal exactly one value";
            let remedy = "add `{field: eventCategory, equals: [Data]}` with Management, Data or NetworkActivity";
            checker.report(codes::LIMIT, at, detail, remedy);
            return None;
        }
    };
    let needed = match category {
        "Data" => Some("resources.type"),
        "NetworkActivity" => Some("eventSource"),
        "Management" => None,
        other => {
            let remedy = match did_you_mean(other, CATEGORIES.iter().copied()) {
                Some(near) => format!("did you mean `{near}`?"),
                None => "choose one of them".to_owned(),
            };
            let detail = format!("`{other}` is not one of {}", CATEGORIES.join(", "));
            checker.report(codes::UNKNOWN_WORD, at, detail, remedy);
            return None;
        }
    };
    if let Some(needed) = needed.filter(|needed| only_equals(needed).is_none()) {
        let detail = format!("a selector of {category} events names its {needed} with `equals`, and with nothing else");
        checker.report(codes::LIMIT, at, detail, format!("add `{{field: {needed}, equals: [..]}}`"));
    }
    Some(category)
}

/// `readOnly` is compared as text, with one operator alone, and never equals anything but these two.
fn check_switch(checker: &mut Checker, path: &Path, field: &Value) {
    let values = OPERATORS.iter().filter_map(|operator| Some((operator, field.get(*operator)?.as_array()?)));
    for (operator, values) in values {
        if *operator != "equals" && !values.is_empty() {
            let detail = format!("`readOnly` is compared with equals, and not with {operator}");
            let remedy = "write `equals: [\"true\"]` or `equals: [\"false\"]`";
            checker.report(codes::LIMIT, path.child(*operator), detail, remedy);
        }
        for (index, value) in values.iter().enumerate().filter(|(_, value)| **value != "true" && **value != "false") {
            let detail = format!("`{}` is not one of true, false", value.as_str().unwrap_or_default());
            let remedy = "write \"true\" for what only reads, \"false\" for what writes";
            checker.report(codes::UNKNOWN_WORD, path.child(*operator).child(index.to_string()), detail, remedy);
        }
    }
}

/// Refuses types that the service would reject, with the one that was meant.
fn check_types(checker: &mut Checker, path: &Path, field: &Value) {
    let values = field.get("equals").and_then(Value::as_array).into_iter().flatten();
    for (index, kind) in values.enumerate().filter_map(|(index, value)| Some((index, value.as_str()?))) {
        let path = path.child("equals").child(index.to_string());
        let plain = on_the_wire(kind);
        if let Some((_, why, remedy)) = REJECTED.iter().find(|(rejected, ..)| *rejected == plain) {
            checker.report(codes::DATA_TYPE, path, format!("`{plain}`: {why}"), *remedy);
            continue;
        }
        let of_bedrock = plain.starts_with("AWS::Bedrock");
        let known = || ACCEPTED.iter().chain(DOCUMENTED).copied();
        if !of_bedrock || kind.starts_with(OTHER) || known().any(|one| one == plain) {
            continue;
        }
        let remedy = match did_you_mean(plain, known()) {
            Some(near) => format!("did you mean `{near}`?"),
            None => format!("if AWS added the type after this build, write `{OTHER}{plain}`"),
        };
        checker.report(codes::DATA_TYPE, path, format!("`{plain}` is not a type of data events of Bedrock"), remedy);
    }
}

pub(super) fn check_name(name: &str) -> Option<String> {
    let separator = |c: char| "._-".contains(c);
    let mut edges = [name.chars().next(), name.chars().last()].into_iter();
    let two_in_a_row = name.chars().zip(name.chars().skip(1)).any(|(one, next)| separator(one) && separator(next));
    let fits = (3..=128).contains(&name.len())
        && name.chars().all(|c| c.is_ascii_alphanumeric() || separator(c))
        && edges.all(|edge| edge.is_some_and(|c| c.is_ascii_alphanumeric()))
        && !two_in_a_row
        && name.parse::<std::net::Ipv4Addr>().is_err();
    (!fits).then(|| {
        "a trail's name has 3 to 128 letters, digits and single `. _ -` between them, and is not an IP address"
            .to_owned()
    })
}

/// What is wrong with the settings and the number of values in a tree.
pub(super) fn check(tree: &Value) -> Vec<Problem> {
    let mut checker = Checker { problems: Vec::new() };
    let text = |member: &str| tree::get(tree, &Path::of([member])).and_then(Value::as_str).map(str::to_owned);
    for (member, least, most) in [("s3BucketName", 3, 63), ("s3KeyPrefix", 0, 200), ("snsTopicARN", 1, 256)] {
        let Some(length) = text(member).map(|text| text.chars().count()) else { continue };
        if !(least..=most).contains(&length) {
            let detail = format!("{length} characters; the service takes {least} to {most}");
            checker.report(codes::LIMIT, Path::of([member]), detail, "shorten or complete it");
        }
    }
    if let Some(name) = text("s3BucketName").filter(|name| !arns::may_be_a_bucket(name)) {
        checker.report(
            codes::WRONG_SHAPE,
            Path::of(["s3BucketName"]),
            arns::no_bucket(&name),
            arns::HOW_TO_NAME_A_BUCKET,
        );
    }
    for (member, why) in [
        ("s3BucketName", "a trail always delivers to a bucket, so it cannot be declared absent"),
        ("isLogging", "a trail logs or does not, so it cannot be declared absent"),
    ] {
        if tree.get(member).is_some_and(Value::is_null) {
            checker.report(codes::CONTRADICTION, Path::of([member]), why, "write a value, or leave the key out");
        }
    }
    for (member, remedy) in [
        (
            "kmsKeyId",
            "write `${kms:alias/NAME}`, or the ARN of the key: the service answers with the ARN whatever was written",
        ),
        ("snsTopicARN", "write `arn:${partition}:sns:${region}:${account.id}:NAME`"),
        ("cloudWatchLogsLogGroupArn", "write `arn:${partition}:logs:${region}:${account.id}:log-group:NAME:*`"),
        ("cloudWatchLogsRoleArn", "write `arn:${partition}:iam::${account.id}:role/NAME`"),
    ] {
        let not_one = |text: &String| {
            !text.starts_with("arn:") || (member == "cloudWatchLogsLogGroupArn" && !text.ends_with(":*"))
        };
        if let Some(text) = text(member).filter(not_one) {
            let ends = if member == "cloudWatchLogsLogGroupArn" { " that ends with `:*`" } else { "" };
            checker.report(codes::WRONG_SHAPE, Path::of([member]), format!("`{text}` is not an ARN{ends}"), remedy);
        }
    }
    let flag = |member: &str| tree.get(member).and_then(Value::as_bool);
    if flag("isMultiRegionTrail") == Some(true) && flag("includeGlobalServiceEvents") == Some(false) {
        let detail = "a trail of all regions includes the events of global services; the service rejects anything else";
        let remedy = "write `includeGlobalServiceEvents: true`, or leave it out";
        checker.report(codes::CONTRADICTION, Path::of(["includeGlobalServiceEvents"]), detail, remedy);
    }
    let delivery =
        ["cloudWatchLogsLogGroupArn", "cloudWatchLogsRoleArn"].map(|member| tree.get(member).map(Value::is_null));
    if let [Some(no_group), Some(no_role)] = delivery
        && no_group != no_role
    {
        let detail = "delivery to a log group needs both the group and the role";
        checker.report(codes::CONTRADICTION, Path::of(["cloudWatchLogsRoleArn"]), detail, "write both, or neither");
    }
    let values = tree.get(ADVANCED).map_or(0, selectors::values);
    if values > MOST_VALUES {
        let detail = format!("{values} values in all selectors; the service takes at most {MOST_VALUES}");
        checker.report(codes::LIMIT, Path::of([ADVANCED]), detail, "use `startsWith`, or another trail");
    }
    check_tags(&mut checker, tree);
    checker.problems
}

fn check_tags(checker: &mut Checker, tree: &Value) {
    let Some(tags) = tree.get(TAGS).and_then(Value::as_object) else { return };
    if tags.len() > MOST_TAGS {
        let detail = format!("{} tags; the service takes at most {MOST_TAGS}", tags.len());
        checker.report(codes::LIMIT, Path::of(["tags"]), detail, "remove some");
    }
    for (key, tag) in tags {
        let path = Path::of(["tags"]).child(key);
        if tags::is_of_aws(key) {
            let detail = "tags whose key begins with `aws:` belong to AWS and cannot be written";
            checker.report(codes::CONTRADICTION, path.child("key"), detail, "remove the tag");
        }
        let value = tag.get("value").and_then(Value::as_str).unwrap_or("");
        for (member, text, least, most) in [("key", key.as_str(), 1, 128), ("value", value, 0, 256)] {
            let length = text.chars().count();
            if !(least..=most).contains(&length) {
                let detail = format!("{length} characters; the service takes {least} to {most}");
                checker.report(codes::LIMIT, path.child(member), detail, "shorten or complete it");
            }
        }
    }
}
