//! What can be wrong with declarations, and where things are in them.

use insta::assert_snapshot;
use serde_json::json;

use super::*;
use crate::desired::{WhenStronger, schema};

const EVERYTHING: &str = "\
# The filters.
kind: filter-set
name: payments
where: {accounts: [env=prod, \"033344445555\", management], regions: [eu-west-1]}
controls: [aws-genai-04, aws-genai-02]
whenStronger: undo
spec:
  message: hello
  contentPolicy:
    filters:
      - {type: INSULTS, strength: LOW}
      - type: HATE
        strength: HIGH
";

#[test]
fn a_declaration_is_read_and_fanned_out() {
    let desired = desired(EVERYTHING);
    let declaration = &desired.declarations[0];
    assert_eq!(declaration.controls, ["aws-genai-02", "aws-genai-04"]);
    assert_eq!(declaration.when_stronger, WhenStronger::Undo);
    assert_eq!(declaration.at.to_string(), "a.yaml:2:1");
    let wanted = desired.wanted();
    let addresses: Vec<String> = wanted.iter().map(|wanted| wanted.address.to_string()).collect();
    assert_eq!(
        addresses,
        [
            "management/eu-west-1/filter-set/payments",
            "prod/eu-west-1/filter-set/payments",
            "staging/eu-west-1/filter-set/payments"
        ]
    );
    assert_eq!(wanted[1].account_id, "222233334444");
    let tree = wanted[0].resolve(&FilterSetKind, &Default::default()).expect("valid");
    assert_eq!(
        tree,
        json!({
            "message": "hello",
            "contentPolicy": {"filters": {
                "HATE": {"type": "HATE", "strength": "HIGH"},
                "INSULTS": {"type": "INSULTS", "strength": "LOW"},
            }},
        })
    );
}

#[test]
fn fields_are_found_by_key_and_by_index() {
    let desired = desired(EVERYTHING);
    let place = |path: &str| {
        let Ok(path) = path.parse::<Path>();
        desired.declarations[0].place_of(&path).map(|place| format!("{}:{}", place.line, place.column))
    };
    for (path, expected) in [
        ("message", "8:12"),
        ("contentPolicy", "9:3"),
        ("contentPolicy.filters", "10:5"),
        ("contentPolicy.filters.HATE", "12:9"),
        ("contentPolicy.filters.HATE.strength", "13:19"),
        ("contentPolicy.filters.1.strength", "13:19"),
        ("contentPolicy.filters.INSULTS.strength", "11:35"),
        ("contentPolicy.filters.INSULTS.absent", "11:9"),
        ("contentPolicy.filters.PROMPT_ATTACK.strength", "10:5"),
        ("contentPolicy.filters.7", "10:5"),
        ("publishedVersion.contentPolicy.filters.HATE.strength", "13:19"),
        ("publishedVersion", "7:1"),
        ("absent", "7:1"),
        ("", "7:1"),
    ] {
        assert_eq!(place(path).as_deref(), Some(expected), "{path}");
    }
}

#[test]
fn many_errors_are_found_in_one_run_and_sorted() {
    let one =
        "kind: filter-sett\nname: x\nspec: {}\n---\nname: y\nspec: {}\n---\nkind: filter-set\nnmae: z\nsepc: {}\n";
    let two = "kind: filter-set\nname: two words\ncontrols: [aws-genai-2, 7]\nwhenStronger: undone\nspec:\n  message: [1]\n  retention: lots\n  wrds: [a]\n  contentPolicyConfig:\n    filtersConfig: []\n  contentPolicy:\n    filters:\n      - {type: HAET, strength: HIGH, inputStrenght: LOW}\n      - {type: HATE, strength: HIHG}\n";
    let found = load_files(&[("b.yaml", two), ("a.yaml", one)]).expect_err("many errors");
    assert_snapshot!(listed(&found), @r#"
    a.yaml:1:7 BRX0206 `filter-sett` is not a kind
        did you mean `filter-set`?
    a.yaml:5:1 BRX0204 the key `kind` is missing
        add `kind:` with a kind of resource
    a.yaml:8:1 BRX0204 the key `name` is missing
        add `name:` with the name of the resource
    a.yaml:8:1 BRX0204 the key `spec` is missing
        add `spec:` with what the resource must be like; `{}` when only its existence matters
    a.yaml:9:1 BRX0201 `nmae` is not one of kind, name, where, controls, whenStronger, spec
        did you mean `name`?
    a.yaml:10:1 BRX0201 `sepc` is not one of kind, name, where, controls, whenStronger, spec
        did you mean `spec`?
    b.yaml:2:7 BRX0209 `two words`: spaces are not allowed
        choose a name that the service allows
    b.yaml:3:12 BRX0208 `aws-genai-2` is not a control
        did you mean `aws-genai-02`?
    b.yaml:3:25 BRX0204 the control is `7`, which is not text
        quote it: "7"
    b.yaml:4:15 BRX0203 `undone` is not one of report, undo
        did you mean `undo`?
    b.yaml:6:3 BRX0204 message: invalid type: sequence, expected a string
        see `bedrock-reconciler schema` for the keys and types of each kind
    b.yaml:7:14 BRX0204 retention: invalid type: string "lots", expected u32
        see `bedrock-reconciler schema` for the keys and types of each kind
    b.yaml:8:3 BRX0201 wrds: a filter-set has no `wrds` here
        did you mean `words`?
    b.yaml:9:3 BRX0202 contentPolicyConfig: `contentPolicyConfig` is what the request calls it
        write `contentPolicy`
    b.yaml:13:16 BRX0203 contentPolicy.filters.0.type: `HAET` is not one of HATE, INSULTS, PROMPT_ATTACK
        did you mean `HATE`? If AWS added the value after this build, write `other:HAET`
    b.yaml:13:38 BRX0201 contentPolicy.filters.0.inputStrenght: a filter-set has no `inputStrenght` here
        remove it; the keys here are strength, type
    b.yaml:14:32 BRX0203 contentPolicy.filters.1.strength: `HIHG` is not one of NONE, LOW, HIGH
        did you mean `HIGH`? If AWS added the value after this build, write `other:HIHG`
    "#);
}

#[test]
fn what_the_service_would_refuse_is_placed_at_the_field() {
    let text = "kind: filter-set\nname: a\nspec:\n  message: this message is much longer than the limit\n  contentPolicy:\n    filters:\n      - {type: HATE, strength: HIGH}\n      - {type: PROMPT_ATTACK, strength: NONE}\n";
    assert_snapshot!(problems(text), @r"
    a.yaml:4:12 BRX0501 message: longer than 30 bytes
        shorten it
    a.yaml:8:41 BRX0501 contentPolicy.filters.PROMPT_ATTACK.strength: must not be NONE
        shorten it
    ");
    let twice = "kind: filter-set\nname: a\nspec:\n  contentPolicy:\n    filters:\n      - {type: HATE, strength: HIGH}\n      - {type: HATE, strength: NONE}\n";
    assert_snapshot!(problems(twice), @r"
    a.yaml:6:9 BRX0207 contentPolicy.filters.HATE: `HATE` appears more than once in contentPolicy.filters
        remove one of the two
    ");
}

#[test]
fn a_key_of_the_spec_beside_it_is_sent_below_it() {
    assert_snapshot!(problems("kind: filter-set\nname: a\nmessage: hello\nspec:\n"), @r"
    a.yaml:3:1 BRX0201 `message` is not one of kind, name, where, controls, whenStronger, spec
        move `message` below `spec:`
    ");
    assert_snapshot!(problems("- kind: filter-set\n"), @r"
    a.yaml:1:1 BRX0204 a mapping with the keys kind, name, where, controls, whenStronger, spec is needed here
        write `key: value` lines
    ");
    assert_snapshot!(problems("kind: [filter-set]\nname: 7\nspec: text\n"), @r#"
    a.yaml:1:7 BRX0204 the kind is a list
        write one text
    a.yaml:2:7 BRX0204 the name is `7`, which is not text
        quote it: "7"
    a.yaml:3:7 BRX0204 `spec` is not a mapping
        write `key: value` lines below it
    "#);
}

#[test]
fn the_only_one_of_its_kind_needs_no_name() {
    let desired = desired("kind: log\nspec: {days: 1}\n");
    assert_eq!(desired.declarations[0].name, "default");
    assert_eq!(problems("kind: log\nname: default\nspec: {days: 1}\n"), "nothing");
    assert_snapshot!(problems("kind: log\nname: other\nspec: {days: 1}\n"), @r"
    a.yaml:2:7 BRX0209 a scope has exactly one, which is always named `default`, not `other`
        write `default`, or leave the name out
    ");
}

#[test]
fn two_declarations_of_one_address_are_reported_once() {
    let file = |regions: &str| format!("kind: filter-set\nname: a\nwhere: {{regions: {regions}}}\nspec: {{}}\n");
    let found =
        load_files(&[("a.yaml", &file("[us-east-1]")), ("b.yaml", &file("[eu-west-1]")), ("c.yaml", &file("all"))]);
    assert_snapshot!(listed(&found.expect_err("declared twice")), @r"
    c.yaml:1:1 BRX0205 filter-set/a is declared at a.yaml:1:1 and again here, both for management/us-east-1 and 2 more
        remove one of the two, or narrow its `where`
    c.yaml:1:1 BRX0205 filter-set/a is declared at b.yaml:1:1 and again here, both for management/eu-west-1 and 2 more
        remove one of the two, or narrow its `where`
    ");
}

#[test]
fn a_where_that_takes_nothing_is_an_error() {
    let with = |selection: &str| problems(&format!("kind: log\nwhere: {selection}\nspec: {{days: 1}}\n"));
    assert_snapshot!(with("{accounts: [prodd], regions: [eu-west-2]}"), @r"
    a.yaml:2:20 BRX0303 no account has the name or id `prodd`
        did you mean `prod`?
    a.yaml:2:38 BRX0303 `eu-west-2` is not a region of organization.yaml
        did you mean `eu-west-1`?
    ");
    assert_snapshot!(with("{accounts: [env=prd]}"), @r"
    a.yaml:2:19 BRX0303 no account is selected
        the tags of the accounts are env=prod, env=shared, env=staging
    ");
    assert_snapshot!(with("{accounts: [\"!prod\", root/prod, ou-ab12-34567890]}"), @r"
    a.yaml:2:20 BRX0303 `!prod`: accounts cannot be excluded
        list the accounts that are meant, or give them a tag
    a.yaml:2:29 BRX0303 `root/prod`: organizational units are known only where accounts are discovered
        use account names, ids or tag=value, or write `accounts: discover` in organization.yaml
    a.yaml:2:40 BRX0303 `ou-ab12-34567890`: organizational units are known only where accounts are discovered
        use account names, ids or tag=value, or write `accounts: discover` in organization.yaml
    ");
    assert_snapshot!(with("{accounts: prod, region: all}"), @r"
    a.yaml:2:19 BRX0204 `accounts` is neither `all` nor a list
        write [prod]
    a.yaml:2:25 BRX0201 `region` is not one of accounts, regions
        did you mean `regions`?
    ");
    assert_snapshot!(with("{accounts: [], regions: {}}"), @r"
    a.yaml:2:19 BRX0303 `accounts` is an empty list
        write `all`, or list what is meant
    a.yaml:2:32 BRX0204 `regions` is neither `all` nor a list
        write `all`, or a list
    ");
    assert_snapshot!(with("everywhere"), @r"
    a.yaml:2:8 BRX0204 a mapping with the keys accounts, regions is needed here
        write `key: value` lines
    ");
    assert_eq!(with("{accounts: [222233334444], regions: [all]}"), "nothing");
    assert_eq!(with("{accounts: [033344445555]}"), "nothing");
}

#[test]
fn the_schema_takes_what_the_loader_takes() {
    let schema = schema(KINDS);
    assert_eq!(schema["$schema"], "https://json-schema.org/draft/2020-12/schema");
    let text = schema.to_string();
    for target in text.split("\"$ref\":\"#/$defs/").skip(1) {
        let name = target.split('"').next().unwrap_or_default();
        assert!(schema["$defs"].get(name).is_some(), "{name} is referred to and not defined");
    }
    assert_eq!(schema["$defs"]["filter-set"]["properties"]["kind"]["const"], "filter-set");
    assert_eq!(schema["$defs"]["log"]["required"], json!(["kind", "spec"]));
}
