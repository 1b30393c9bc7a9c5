//! The published JSON Schema: it is closed, no editor inserts `null` by it, and every member is explained.

use reconciler_kinds::KINDS;
use reconciler_model::desired;
use serde_json::Value;

/// Calls `visit` with each schema, and the way to it.
fn each<'a>(node: &'a Value, way: &str, visit: &mut dyn FnMut(&str, &'a Value)) {
    let Value::Object(members) = node else { return };
    visit(way, node);
    for (name, member) in members {
        let way = format!("{way}/{name}");
        match (name.as_str(), member) {
            ("properties" | "patternProperties" | "$defs", Value::Object(named)) => {
                named.iter().for_each(|(name, schema)| each(schema, &format!("{way}/{name}"), visit));
            }
            ("anyOf" | "oneOf" | "allOf", Value::Array(listed)) => {
                listed.iter().enumerate().for_each(|(index, schema)| each(schema, &format!("{way}/{index}"), visit));
            }
            ("items" | "additionalProperties" | "propertyNames" | "not" | "if" | "then", schema) => {
                each(schema, &way, visit)
            }
            _ => {}
        }
    }
}

/// Whether `null` is the default, or an object may have members that nobody named.
fn of_type(node: &Value, name: &str) -> bool {
    match node.get("type") {
        Some(Value::Array(types)) => types.iter().any(|one| one == name),
        Some(one) => one == name,
        None => false,
    }
}

/// Objects whose members have names of the user's or of AWS: tags, names of accounts, condition keys, and what Bedrock policies
/// say beside what this build knows.
const OPEN: [&str; 8] = [
    "/$defs/organization/properties/accounts/anyOf/0/items/properties/tags",
    "/$defs/organization/properties/accounts/anyOf/2/properties/discover/properties/names",
    ".Statement/properties/Condition/patternProperties/",
    "/$defs/bedrock-policy.BedrockPolicy/anyOf/0/properties/bedrock",
    "/$defs/bedrock-policy.BedrockPolicy/anyOf/0/properties/bedrock/properties/guardrail_inference",
    "/$defs/bedrock-policy.BedrockPolicy/anyOf/0/properties/bedrock/properties/guardrail_inference/additionalProperties",
    "/additionalProperties/additionalProperties",
    "/additionalProperties/additionalProperties/properties/identifier",
];

#[test]
fn every_object_of_the_schema_is_closed_and_nothing_is_null_by_default() {
    let schema = desired::schema(KINDS);
    let (mut open, mut objects) = (Vec::new(), 0);
    each(&schema, "", &mut |way, node| {
        assert_ne!(node.get("default"), Some(&Value::Null), "{way}");
        // What only narrows another schema closes nothing.
        let narrows = way.contains("/then") || way.contains("/if") || way.starts_with("/$defs/organization/anyOf/");
        if of_type(node, "object") || (node.get("properties").is_some() && !narrows) {
            objects += 1;
            if node.get("additionalProperties") != Some(&Value::Bool(false)) {
                open.push(way.to_owned());
            }
        }
    });
    assert!(objects > 80, "{objects}");
    let is_listed = |way: &String| {
        OPEN.iter().any(|listed| way.ends_with(listed) || (listed.ends_with('/') && way.contains(listed)))
    };
    let unlisted: Vec<&String> = open.iter().filter(|way| !is_listed(way)).collect();
    assert!(unlisted.is_empty(), "{unlisted:#?}");
}

#[test]
fn whatever_the_type_one_reference_may_stand_for_it() {
    let schema = desired::schema(KINDS);
    let mut told = 0;
    each(&schema, "", &mut |way, node| {
        let is_of_a_kind = KINDS.iter().any(|kind| {
            way.starts_with(&format!("/$defs/{}.", kind.name()))
                || way.starts_with(&format!("/$defs/{}/properties/spec/", kind.name()))
        });
        let takes_more =
            ["boolean", "integer", "number", "array", "object"].into_iter().any(|name| of_type(node, name));
        if is_of_a_kind && takes_more && node.get("enum").is_none() {
            assert!(of_type(node, "string"), "{way}: {node}");
            told += 1;
        }
    });
    assert!(told > 100, "{told}");
}

/// The paths of all members of a kind.
fn paths(path: &str, depth: usize, found: &mut Vec<String>) {
    let explained = desired::explain(KINDS, path).unwrap_or_else(|unknown| panic!("{path}: {unknown:?}"));
    assert_eq!(explained.path, path);
    assert!(!explained.r#type.is_empty(), "{path} has no type");
    assert!(!explained.description.is_empty(), "{path} has no description");
    found.push(path.to_owned());
    for member in explained.members.iter().filter(|_| depth < 9) {
        // All operators of conditions are alike.
        if !path.ends_with("Condition") || member.name == "Bool" {
            paths(&format!("{path}.{}", member.name), depth + 1, found);
        }
    }
}

#[test]
fn every_member_of_every_kind_is_explained() {
    let mut found = Vec::new();
    for name in KINDS.iter().map(|kind| kind.name()).chain(["organization"]) {
        paths(name, 0, &mut found);
    }
    assert!(found.len() > 250, "{}", found.len());
}

#[test]
fn an_explanation_says_what_protects_more_and_what_is_nearest() {
    let explain = |path: &str| desired::explain(KINDS, path);
    let strength = explain("guardrail.contentPolicy.filters.inputStrength").expect("a member");
    assert_eq!(strength.values, ["NONE", "LOW", "MEDIUM", "HIGH"]);
    assert!(strength.required && strength.other_values && !strength.nullable);
    assert_eq!(strength.protects.as_deref(), Some("the later of NONE, LOW, MEDIUM, HIGH"));
    // As a plan writes the path.
    for path in [
        "guardrail.contentPolicy.filters.PROMPT_ATTACK.inputStrength",
        "guardrail.spec.contentPolicy.filters.0.inputStrength",
    ] {
        assert_eq!(explain(path).expect("a member"), strength);
    }
    let topic = explain("guardrail.topicPolicy.topics.\"Investment advice\".definition").expect("a member");
    assert_eq!(topic.path, "guardrail.topicPolicy.topics.definition");
    let days = explain("log-group.retentionInDays").expect("a member");
    assert_eq!((days.r#type.as_str(), days.nullable), ("whole number", true));
    assert_eq!(days.protects.as_deref(), Some("the greater number, and `null` is the strongest"));
    let session = explain("iam-role.maxSessionDuration").expect("a member");
    assert_eq!((session.aws_default, session.protects.as_deref()), (Some(3600.into()), Some("the smaller number")));
    for (wrong, near) in [
        ("guardrial", "`guardrail`"),
        ("guardrail.contentPolicy.filters.inputStrenght", "`guardrail.contentPolicy.filters.inputStrength`"),
        ("guardrail.inputStrenght", "`guardrail.contentPolicy.filters.inputStrength`"),
        ("log-group.whre", "`log-group.where`"),
        ("log-group.retentionDays", "`log-group.retentionInDays`"),
    ] {
        let unknown = explain(wrong).expect_err("no member");
        assert!(unknown.remedy.contains(near), "{wrong}: {}", unknown.remedy);
    }
}
