//! The JSON Schema of the files, for editors.

use serde_json::{Map, Value, json};

use super::organization::partitions;
use crate::kind::Kind;

/// The JSON Schema (draft 2020-12) of a manifest of the desired state: a declaration of one of the kinds, or the
/// organization.
pub fn schema(kinds: &[&dyn Kind]) -> Value {
    let mut definitions = Map::new();
    let mut manifests = vec![json!({"$ref": "#/$defs/organization"})];
    definitions.insert("organization".to_owned(), organization());
    definitions.insert("where".to_owned(), selection());
    for kind in kinds {
        let mut spec = kind.contract().schema().to_value();
        let prefix = kind.name();
        // The definitions of all kinds share one namespace in the end, so they are renamed.
        rename(&mut spec, prefix);
        if let Some(members) = spec.as_object_mut() {
            members.remove("$schema");
            if let Some(Value::Object(own)) = members.remove("$defs") {
                definitions.extend(own.into_iter().map(|(name, schema)| (format!("{prefix}.{name}"), schema)));
            }
        }
        definitions.insert(prefix.to_owned(), declaration(*kind, spec));
        manifests.push(json!({"$ref": format!("#/$defs/{prefix}")}));
    }
    json!({
        "$schema": "https://json-schema.org/draft/2020-12/schema",
        "title": "Desired state of bedrock-reconciler",
        "oneOf": manifests,
        "$defs": definitions,
    })
}

fn rename(schema: &mut Value, prefix: &str) {
    match schema {
        Value::Object(members) => {
            for (name, member) in members {
                match member {
                    Value::String(target) if name == "$ref" => {
                        if let Some(own) = target.strip_prefix("#/$defs/") {
                            *target = format!("#/$defs/{prefix}.{own}");
                        }
                    }
                    member => rename(member, prefix),
                }
            }
        }
        Value::Array(items) => items.iter_mut().for_each(|item| rename(item, prefix)),
        _ => {}
    }
}

fn declaration(kind: &dyn Kind, spec: Value) -> Value {
    let name = match kind.contract().singleton {
        Some(name) => json!({"const": name}),
        None => json!({"type": "string", "minLength": 1}),
    };
    let required: &[&str] =
        if kind.contract().singleton.is_some() { &["kind", "spec"] } else { &["kind", "name", "spec"] };
    json!({
        "type": "object",
        "description": kind.contract().about,
        "properties": {
            "kind": {"const": kind.name()},
            "name": name,
            "where": {"$ref": "#/$defs/where"},
            "controls": {"type": "array", "items": {"type": "string"}, "description": "The controls that it serves."},
            "whenStronger": {"enum": ["report", "undo"], "default": "report", "description": "What to do with live values that are stronger than the declared ones."},
            "spec": spec,
        },
        "required": required,
        "additionalProperties": false,
    })
}

fn selection() -> Value {
    let all_or_list = |about: &str| {
        json!({
            "oneOf": [{"const": "all"}, {"type": "array", "minItems": 1, "items": {"type": ["string", "integer"]}}],
            "description": about,
        })
    };
    json!({
        "type": "object",
        "properties": {
            "accounts": all_or_list("Account names, ids, tag=value, or organizational units with everything below: Workloads/Production, or Workloads/ at the top."),
            "regions": all_or_list("Regions of organization.yaml."),
        },
        "additionalProperties": false,
    })
}

fn organization() -> Value {
    json!({
        "type": "object",
        "description": "Where the desired state applies: partition, regions, accounts, and the role to assume in each account.",
        "properties": {
            "partition": {"enum": partitions().collect::<Vec<_>>()},
            "managementAccount": {"type": "string", "description": "The name of one of the accounts; its name or id where accounts are discovered."},
            "role": {"type": "string", "description": "A role name or ARN; may hold ${account.id}, ${account.name} and ${partition}."},
            "externalId": {"type": "string", "minLength": 2, "maxLength": 1224, "description": "The external id that the trust policies of the roles ask for (sts:ExternalId)."},
            "regions": {"type": "array", "minItems": 1, "uniqueItems": true, "items": {"type": "string", "pattern": "^[a-z]+(-[a-z]+)+-[0-9]+$"}},
            "accounts": accounts(),
            "undeclared": undeclared(),
        },
        "required": ["partition", "managementAccount", "role", "regions", "accounts"],
        "additionalProperties": false,
    })
}

fn undeclared() -> Value {
    let names =
        |about: &str| json!({"type": "array", "items": {"type": "string", "minLength": 1}, "description": about});
    json!({
        "type": "array",
        "description": "What is told of resources that nobody declares, where it is not the default; the later rule decides.",
        "items": {
            "type": "object",
            "properties": {
                "kinds": names("The kinds that the rule is for; all that are looked at where it is left out."),
                "where": {"$ref": "#/$defs/where"},
                "treat": {"enum": ["report", "ignore"]},
                "ownedElsewhere": names("Names of what others own, with `*` and `?`."),
            },
            "additionalProperties": false,
        },
    })
}

fn accounts() -> Value {
    let listed = json!({
        "type": "array",
        "minItems": 1,
        "items": {
            "type": "object",
            "properties": {
                "id": {"type": ["string", "integer"], "pattern": "^[0-9]{12}$", "description": "Twelve digits, in quotes."},
                "name": {"type": "string", "minLength": 1},
                "tags": {"type": "object", "additionalProperties": {"type": ["string", "number", "boolean"]}},
            },
            "required": ["id", "name"],
            "additionalProperties": false,
        },
    });
    let discovery = json!({
        "type": ["object", "null"],
        "properties": {
            "exclude": {
                "type": "array",
                "items": {"type": ["string", "integer"]},
                "description": "Accounts to leave out: names, ids, units or tag=value.",
            },
            "names": {
                "type": "object",
                "propertyNames": {"pattern": "^[0-9]{12}$"},
                "additionalProperties": {"type": "string", "minLength": 1},
                "description": "What to call accounts, by id, instead of their names in AWS Organizations.",
            },
        },
        "additionalProperties": false,
    });
    json!({
        "description": "The accounts, or `discover`: those that AWS Organizations lists.",
        "oneOf": [
            listed,
            {"const": "discover"},
            {"type": "object", "properties": {"discover": discovery}, "required": ["discover"], "additionalProperties": false},
        ],
    })
}
