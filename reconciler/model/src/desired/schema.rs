//! The JSON Schema of the files, for editors: it refuses what the loader refuses for its shape, as far as a schema can say it.
//!
//! What it does not say: that a name is repeated, that something exists, and how members depend on each other.
//!
//! Caveats: it is stricter where a text that looks right can only fail later. A look-up in the place of a switch or a number is
//! text once it is answered; and a policy document without `Statement`, or with statements by name, is read, but not written so.

use serde_json::{Map, Value, json};

use super::organization::partitions;
use super::{undeclared, waivers};
use crate::address::ScopeKind;
use crate::control;
use crate::kind::Kind;

/// A text that is one reference: it takes the type of what it refers to, so it may stand for a value of any type.
pub(super) const REFERENCE: &str = r"^\$\{ref:.+\}$";

/// The JSON Schema (draft 2020-12) of a manifest of the desired state: a declaration of one of the kinds, the
/// organization, or waivers.
pub fn schema(kinds: &[&dyn Kind]) -> Value {
    let mut definitions = Map::new();
    let mut manifests = vec![json!({"$ref": "#/$defs/organization"}), json!({"$ref": "#/$defs/waivers"})];
    definitions.insert("waivers".to_owned(), waivers::schema());
    definitions.insert("organization".to_owned(), organization());
    definitions.insert("where".to_owned(), selection(true));
    definitions.insert("whereAccounts".to_owned(), selection(false));
    for kind in kinds {
        let mut spec = kind.contract().schema().to_value();
        let prefix = kind.name();
        // The definitions of all kinds share one namespace in the end, so they are renamed.
        rename(&mut spec, prefix);
        strict(&mut spec);
        if let Some(members) = spec.as_object_mut() {
            members.remove("$schema");
            members.remove("title");
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

/// Members of a schema that hold schemas by name.
const BY_NAME: [&str; 3] = ["properties", "patternProperties", "$defs"];
/// Members that hold one schema.
const ONE: [&str; 4] = ["items", "additionalProperties", "propertyNames", "not"];
/// Members that hold a list of them.
const LISTED: [&str; 3] = ["anyOf", "oneOf", "allOf"];

/// Calls `visit` with every schema below a schema, names and values of members left out, and then with itself.
pub(super) fn each_schema(node: &mut Value, visit: &mut dyn FnMut(&mut Map<String, Value>)) {
    let Value::Object(members) = node else { return };
    for (name, member) in &mut *members {
        match member {
            Value::Object(named) if BY_NAME.contains(&name.as_str()) => {
                named.values_mut().for_each(|schema| each_schema(schema, visit));
            }
            Value::Array(listed) if LISTED.contains(&name.as_str()) => {
                listed.iter_mut().for_each(|schema| each_schema(schema, visit));
            }
            member if ONE.contains(&name.as_str()) => each_schema(member, visit),
            _ => {}
        }
    }
    // Last, because what it adds is no part of what is visited.
    visit(members);
}

/// Makes of what a typed spec says of its members what a declaration may say.
fn strict(spec: &mut Value) {
    each_schema(spec, &mut |members| {
        // Editors insert defaults, and `null` is no default: it says that the member must be absent.
        if members.get("default") == Some(&Value::Null) {
            members.remove("default");
        }
        if let Some(Value::String(text)) = members.get_mut("description") {
            *text = unwrapped(text);
        }
        if members.contains_key("properties") {
            members.entry("additionalProperties").or_insert(Value::Bool(false));
        }
        if members.remove("format") == Some(json!("uint32")) {
            members.entry("maximum").or_insert(u32::MAX.into());
        }
        let types: Vec<Value> = match members.get("type") {
            Some(Value::Array(types)) => types.clone(),
            Some(one) => vec![one.clone()],
            None => return,
        };
        // Where text may stand anyway, a reference is one.
        if types.iter().any(|one| one == "string") || types.iter().all(|one| one == "null") {
            return;
        }
        match members.remove("enum") {
            Some(values) => {
                members.remove("type");
                let reference = json!({"type": "string", "pattern": REFERENCE});
                members.insert("anyOf".to_owned(), json!([{"type": types, "enum": values}, reference]));
            }
            None => {
                members.insert("type".to_owned(), types.into_iter().chain([json!("string")]).collect());
                members.insert("pattern".to_owned(), REFERENCE.into());
            }
        }
    });
}

/// Text without the line breaks that only keep a comment narrow.
fn unwrapped(text: &str) -> String {
    let paragraphs = text.split("\n\n").map(|paragraph| paragraph.split('\n').collect::<Vec<_>>().join(" "));
    paragraphs.collect::<Vec<_>>().join("\n\n")
}

fn declaration(kind: &dyn Kind, spec: Value) -> Value {
    let contract = kind.contract();
    let mut name = match contract.singleton {
        Some(name) => json!({"const": name, "description": "A scope has one, which always has this name."}),
        None if contract.name_varies => json!({
            "type": "string", "minLength": 1,
            "description": "The resource's name; it may hold ${account.id}, ${account.name}, ${region} and ${partition}.",
        }),
        None => json!({
            "type": "string", "minLength": 1,
            "description": "The resource's name, by which it is found; the same in every account and region.",
        }),
    };
    if let (Some(members), false) = (name.as_object_mut(), contract.name_varies) {
        members.insert("not".to_owned(), json!({"type": "string", "pattern": r"\$\{"}));
    }
    let required: &[&str] = if contract.singleton.is_some() { &["kind", "spec"] } else { &["kind", "name", "spec"] };
    let applies = if contract.scope == ScopeKind::Region { "#/$defs/where" } else { "#/$defs/whereAccounts" };
    let controls: Vec<&str> = control::all().iter().map(|control| control.id.as_str()).collect();
    let mut spec = spec;
    if let Some(members) = spec.as_object_mut() {
        // An empty one manages nothing but that the resource is there.
        members.insert("type".to_owned(), json!(["object", "null"]));
        members.remove("pattern");
    }
    json!({
        "type": "object",
        "description": contract.about,
        "properties": {
            "kind": {"const": kind.name(), "description": contract.about},
            "name": name,
            "where": {"$ref": applies},
            "controls": {"type": ["array", "null"], "items": {"enum": controls}, "description": "The controls that it serves: they decide whom drift alerts, and what `--control` selects."},
            "whenStronger": {"enum": ["report", "undo", null], "default": "report", "description": "What to do with live values that are stronger than the declared ones: `report` keeps them, `undo` puts the declared ones back."},
            "spec": spec,
        },
        "required": required,
        "additionalProperties": false,
    })
}

/// `where`; `by_region` says whether it may list regions.
fn selection(by_region: bool) -> Value {
    let all_or_list = |about: &str| {
        json!({
            "anyOf": [
                {"const": "all"},
                {"type": "array", "minItems": 1, "items": {"type": ["string", "integer"], "pattern": "^[^!]"}},
                {"type": "null"},
            ],
            "description": about,
        })
    };
    let regions = match by_region {
        true => all_or_list("The regions: `all`, or some of organization.yaml."),
        false => {
            json!({"enum": ["all", null], "description": "The kind does not live in a region: only `all` may stand here."})
        }
    };
    json!({
        "type": ["object", "null"],
        "description": "The accounts and regions that the declaration is for; all of them where it is left out.",
        "properties": {
            "accounts": all_or_list("The accounts: `all`, or a list of names, ids, tag=value, or organizational units with everything below: Workloads/Production, or Workloads/ at the top."),
            "regions": regions,
        },
        "additionalProperties": false,
    })
}

/// Twelve digits, quoted or not. Unquoted ones that begin with zero are others to some readers.
fn account_id(about: &str) -> Value {
    json!({
        "type": ["string", "integer"],
        "pattern": "^[0-9]{12}$",
        "minimum": 100_000_000_000_u64,
        "maximum": 999_999_999_999_u64,
        "description": about,
    })
}

/// A name that addresses and selectors can hold.
fn account_name(about: &str) -> Value {
    json!({
        "type": "string",
        "pattern": r"^(?!all$|[0-9]{12}$|\s)[^/=${}!*?]+$",
        "description": about,
    })
}

fn organization() -> Value {
    json!({
        "type": "object",
        "description": "Where the desired state applies: partition, regions, accounts, and the role to assume in each account.",
        "properties": {
            "partition": {"enum": partitions().collect::<Vec<_>>(), "description": "The AWS partition; commercial regions are in `aws`."},
            "managementAccount": {"type": "string", "minLength": 1, "description": "The name of one of the accounts; its name or id where accounts are discovered. Listed accounts need it for the policies of an organization alone."},
            "role": {"type": "string", "minLength": 1, "description": "The role to assume in each account: a name or an ARN; it may hold ${account.id}, ${account.name} and ${partition}. A single account needs none: the caller's own credentials are used."},
            "externalId": {"type": ["string", "null"], "pattern": "^[A-Za-z0-9_+=,.@:/-]{2,1224}$", "description": "The external id that the trust policies of the roles ask for (sts:ExternalId)."},
            "regions": {"type": "array", "minItems": 1, "uniqueItems": true, "items": {"type": "string", "pattern": "^[a-z]+(-[a-z]+)+-[0-9]+$"}, "description": "The regions, such as eu-west-1."},
            "accounts": accounts(),
            "undeclared": undeclared(),
        },
        "required": ["partition", "regions", "accounts"],
        // A single account needs neither, and listed ones need be of no organization.
        "anyOf": [
            {"required": ["managementAccount", "role"]},
            {"required": ["role"], "properties": {"accounts": {"type": "array"}}},
            {"properties": {"accounts": {"type": "array", "maxItems": 1}}},
        ],
        "additionalProperties": false,
    })
}

fn undeclared() -> Value {
    let names = |item: Value, about: &str| json!({"type": ["array", "null"], "items": item, "description": about});
    let kinds: Vec<&str> = undeclared::kinds().into_iter().collect();
    json!({
        "type": ["array", "null"],
        "description": "What is told of resources that nobody declares, where it is not the default; the later rule decides.",
        "items": {
            "type": "object",
            "properties": {
                "kinds": names(json!({"enum": kinds}), "The kinds that the rule is for; all that are looked at where it is left out."),
                "where": {"$ref": "#/$defs/where"},
                "treat": {"enum": ["report", "ignore", null], "description": "`report` looks for them, whatever is declared; `ignore` does not."},
                "ownedElsewhere": names(json!({"type": "string", "minLength": 1}), "Names of what others own, with `*` and `?`."),
            },
            "anyOf": [{"required": ["treat"]}, {"required": ["ownedElsewhere"]}],
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
                "id": account_id("Twelve digits, in quotes."),
                "name": account_name("What declarations and addresses call the account."),
                "tags": {"type": ["object", "null"], "additionalProperties": {"type": ["string", "number", "boolean"]}, "description": "Tags for `where: {accounts: [tag=value]}`."},
            },
            "required": ["id", "name"],
            "additionalProperties": false,
        },
    });
    let discovery = json!({
        "type": "object",
        "description": "The accounts that AWS Organizations lists: `{}`, or what to leave out and how to name.",
        "properties": {
            "exclude": {
                "type": ["array", "null"],
                "items": {"type": ["string", "integer"]},
                "description": "Accounts to leave out: names, ids, units or tag=value.",
            },
            "names": {
                "type": ["object", "null"],
                "propertyNames": {"pattern": "^[0-9]{12}$"},
                "additionalProperties": account_name("The name."),
                "description": "What to call accounts, by id, instead of their names in AWS Organizations.",
            },
        },
        "additionalProperties": false,
    });
    json!({
        "description": "The accounts, or `discover`: those that AWS Organizations lists.",
        "anyOf": [
            listed,
            {"const": "discover"},
            {"type": "object", "properties": {"discover": discovery}, "required": ["discover"], "additionalProperties": false},
        ],
    })
}
