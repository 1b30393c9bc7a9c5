//! Placeholders, references and look-ups.

use std::collections::BTreeMap;

use insta::assert_snapshot;

use super::*;
use crate::desired::{Lookup, Wanted};

fn wanted_at<'a>(wanted: &'a [Wanted], address: &str) -> &'a Wanted {
    wanted.iter().find(|wanted| wanted.address.to_string() == address).expect("the address is wanted")
}

fn kms(key: &str) -> Lookup {
    Lookup { source: "kms".to_owned(), key: key.to_owned() }
}

#[test]
fn placeholders_are_filled_in_for_each_scope() {
    let wanted =
        desired("kind: log\nspec:\n  target: \"${account.id}-${account.name}-${region}-${partition}-$${region} $5\"\n")
            .wanted();
    let tree = |address: &str| wanted_at(&wanted, address).resolve(&LogKind, &BTreeMap::new()).expect("valid");
    assert_eq!(tree("prod/eu-west-1/log/default")["target"], "222233334444-prod-eu-west-1-aws-${region} $5");
    assert_eq!(tree("staging/us-east-1/log/default")["target"], "033344445555-staging-us-east-1-aws-${region} $5");
}

/// The id of another account is the same wherever it is written; a name that nobody has is an error.
#[test]
fn the_id_of_an_account_is_found_by_its_name() {
    let wanted = desired("kind: log\nspec:\n  target: \"${account.id@prod}/${account.id@staging}\"\n").wanted();
    let tree = |address: &str| wanted_at(&wanted, address).resolve(&LogKind, &BTreeMap::new()).expect("valid");
    assert_eq!(tree("prod/eu-west-1/log/default")["target"], "222233334444/033344445555");
    assert_eq!(tree("staging/us-east-1/log/default")["target"], "222233334444/033344445555");
    let told = problems("kind: log\nspec: {target: \"${account.id@prd}\"}\n");
    assert!(told.contains("no account is named `prd`") && told.contains("did you mean `prod`?"), "{told}");
}

#[test]
fn unknown_placeholders_are_placed_to_the_character() {
    let text = "kind: filter-set\nname: a\nspec:\n  message: \"é ${regoin}\"\n  keyArn: x ${ami:main} ${ref:nothing} ${open\n  words:\n    - |\n      ${kms:}\n    - ${aws:PrincipalTag/team}\n";
    assert_snapshot!(problems(text), @r"
    a.yaml:4:15 BRX0401 `${regoin}` is no placeholder
        did you mean `${region}`? Write `$${` for a literal `${`
    a.yaml:5:13 BRX0401 nothing answers look-ups of `ami`
        look-ups are ${kms:KEY}, ${vpc:NAME}, ${subnet:NAME} and ${security-group:NAME}, references are ${ref:KIND/NAME.FIELD}; write `$${` for a literal `${`, as IAM variables need
    a.yaml:5:25 BRX0401 `${ref:nothing}` is not a reference
        write ${ref:KIND/NAME.FIELD}, with the kind, the name and a field of what is referred to
    a.yaml:5:40 BRX0401 `${` begins a placeholder that is not closed
        add the `}`; write `$${` for a literal `${`
    a.yaml:8:7 BRX0401 `${kms:}` does not say what to look for
        write ${kms:KEY}
    a.yaml:9:7 BRX0401 nothing answers look-ups of `aws`
        look-ups are ${kms:KEY}, ${vpc:NAME}, ${subnet:NAME} and ${security-group:NAME}, references are ${ref:KIND/NAME.FIELD}; write `$${` for a literal `${`, as IAM variables need
    ");
    assert_snapshot!(problems("kind: filter-set\nname: a-${region}\nspec: {}\n"), @r"
    a.yaml:2:7 BRX0209 placeholders are not filled in in names of this kind: a name is the same in every scope
        write the name out
    ");
}

/// The address has the name that the scope makes of it, and a reference says the name as it is declared.
#[test]
fn a_name_may_differ_from_scope_to_scope_and_is_referred_to_as_it_is_declared() {
    let text = "kind: bucket\nname: logs-${account.id}\nwhere: {regions: [eu-west-1]}\nspec: {days: 7}\n---\nkind: log\nwhere: {regions: [eu-west-1]}\nspec:\n  target: \"${ref:bucket/logs-${account.id}.name} ${ref:bucket/logs-${account.id}.arn}\"\n  days: ${ref:bucket/logs-${account.id}@prod/eu-west-1.days}\n";
    let wanted = desired(text).wanted();
    let log = wanted_at(&wanted, "staging/eu-west-1/log/default");
    assert_eq!(log.spec["target"], "logs-033344445555 ${ref:bucket/logs-033344445555.arn}");
    assert_eq!(log.spec["days"], 7);
    let reference = log.references.values().next().expect("one reference");
    assert_eq!(reference.address.to_string(), "staging/eu-west-1/bucket/logs-033344445555");
    assert_eq!(
        log.needs.iter().map(ToString::to_string).collect::<Vec<_>>(),
        ["prod/eu-west-1/bucket/logs-222233334444", "staging/eu-west-1/bucket/logs-033344445555"]
    );
    wanted_at(&wanted, "prod/eu-west-1/bucket/logs-222233334444");
}

#[test]
fn what_is_wrong_with_a_name_that_differs_is_told_where_it_is_written() {
    let named = |name: &str| problems(&format!("kind: bucket\nname: {name}\nspec: {{}}\n"));
    assert_snapshot!(named("l-${account.id}-${region}-long"), @r"
    a.yaml:2:7 BRX0209 `l-111122223333-eu-west-1-long`: more than 24 characters
        choose a name that the service allows
    ");
    assert_snapshot!(named("a-${regoin}"), @r"
    a.yaml:2:7 BRX0401 `${regoin}` is no placeholder
        did you mean `${region}`? Write `$${` for a literal `${`
    ");
    assert_snapshot!(named("a-${kms:alias/x}"), @r"
    a.yaml:2:7 BRX0209 a name is known before anything is read, so it cannot hold references and look-ups
        only ${account.id}, ${account.name}, ${region} and ${partition} may stand in a name
    ");
    let twice = "kind: bucket\nname: a-${account.name}\nspec: {}\n---\nkind: bucket\nname: a-prod\nspec: {}\n";
    assert_snapshot!(problems(twice), @r"
    a.yaml:5:1 BRX0205 bucket/a-prod is declared at a.yaml:1:1 and again here, both for prod/eu-west-1 and 1 more
        remove one of the two, or narrow its `where`
    ");
    let other = "kind: bucket\nname: a-${account.name}\nspec: {}\n---\nkind: log\nspec: {target: '${ref:bucket/b-${account.name}.arn}'}\n";
    assert_snapshot!(problems(other), @r"
    a.yaml:6:17 BRX0402 `${ref:bucket/b-${account.name}.arn}`: no bucket named `b-${account.name}` is declared
        did you mean `a-${account.name}`?
    ");
}

const REFERENCES: &str = "\
kind: filter-set
name: /aws/a.b
spec:
  message: m-${ref:filter-set//aws/a.retention}-${region}
  retention: 7
  keyArn: ${kms:alias/${account.name}}
  contentPolicy:
    filters: [{type: HATE, strength: HIGH}]
---
kind: filter-set
name: /aws/a
spec: {retention: 30}
---
kind: log
spec:
  target: ${ref:filter-set//aws/a.b.message} ${ref:filter-set//aws/a.b.contentPolicy.filters.HATE.strength} ${ref:filter-set//aws/a.name}
  days: ${ref:filter-set//aws/a.retention}
---
kind: filter-set
name: reader
where: {accounts: [prod]}
spec:
  keyArn: ${ref:filter-set//aws/a.b.keyArn}
";

#[test]
fn references_are_followed_through_names_with_slashes_and_dots() {
    let wanted = desired(REFERENCES).wanted();
    let log = wanted_at(&wanted, "prod/eu-west-1/log/default");
    let tree = log.resolve(&LogKind, &BTreeMap::new()).expect("valid");
    assert_eq!(tree["target"], "m-30-eu-west-1 HIGH /aws/a");
    assert_eq!(tree["days"], 30, "a reference that is the whole text keeps its type");
    let needs: Vec<String> = log.needs.iter().map(ToString::to_string).collect();
    assert_eq!(needs, ["prod/eu-west-1/filter-set//aws/a", "prod/eu-west-1/filter-set//aws/a.b"]);
}

#[test]
fn look_ups_stay_until_they_are_answered() {
    let wanted = desired(REFERENCES).wanted();
    let reader = wanted_at(&wanted, "prod/eu-west-1/filter-set/reader");
    assert_eq!(reader.spec["keyArn"], "${kms:alias/prod}");
    assert_eq!(reader.lookups, BTreeSet::from([kms("alias/prod")]));
    let answers = BTreeMap::from([(kms("alias/prod"), Ok("arn:aws:kms:key".to_owned()))]);
    assert_eq!(reader.resolve(&FilterSetKind, &answers).expect("answered")["keyArn"], "arn:aws:kms:key");

    let answers = BTreeMap::from([(kms("alias/prod"), Err("no alias alias/prod in prod/eu-west-1".to_owned()))]);
    assert_snapshot!(listed(&reader.resolve(&FilterSetKind, &answers).expect_err("no alias")), @r"
    a.yaml:23:11 BRX0403 `${kms:alias/prod}` at prod/eu-west-1/filter-set/reader: no alias alias/prod in prod/eu-west-1
        create what it names in this account and region, or correct the look-up
    ");
    assert_snapshot!(listed(&reader.resolve(&FilterSetKind, &BTreeMap::new()).expect_err("no answer")), @r"
    a.yaml:23:11 BRX0403 `${kms:alias/prod}` at prod/eu-west-1/filter-set/reader: it was not looked up
        create what it names in this account and region, or correct the look-up
    ");
    // What the kind thinks of the value can only be known now.
    let answers = BTreeMap::from([(kms("alias/prod"), Ok("1234".to_owned()))]);
    assert_snapshot!(listed(&reader.resolve(&FilterSetKind, &answers).expect_err("not an ARN")), @r"
    a.yaml:23:11 BRX0501 keyArn: not an ARN
        shorten it
    ");
}

#[test]
fn references_to_nothing_say_what_there_is() {
    let with = |target: &str| {
        problems(&format!("{REFERENCES}---\nkind: filter-set\nname: z\nspec: {{message: \"${{ref:{target}}}\"}}\n"))
    };
    assert_snapshot!(with("filterset//aws/a.name"), @r"
    a.yaml:27:18 BRX0402 `${ref:filterset//aws/a.name}`: no filterset is declared
        did you mean `filter-set`?
    ");
    assert_snapshot!(with("filter-set//aws/c.name"), @r"
    a.yaml:27:18 BRX0402 `${ref:filter-set//aws/c.name}`: no filter-set named `/aws/c` is declared
        did you mean `/aws/a`?
    ");
    assert_snapshot!(with("filter-set//aws/a.retentoin"), @r"
    a.yaml:27:18 BRX0402 `${ref:filter-set//aws/a.retentoin}`: the filter-set at a.yaml:10:1 does not declare `retentoin`
        did you mean `retention`?
    ");
    assert_snapshot!(with("filter-set//aws/a.b.contentPolicy"), @r"
    a.yaml:27:18 BRX0402 `${ref:filter-set//aws/a.b.contentPolicy}`: `contentPolicy` of the filter-set at a.yaml:1:1 is not a single value
        refer to a text, number or boolean
    ");
    assert_snapshot!(with("filter-set/reader.name"), @r"
    a.yaml:27:18 BRX0402 `${ref:filter-set/reader.name}`: the filter-set `reader` is declared, but not for management/eu-west-1
        widen the `where` of the one, or narrow that of the other
    ");
}

#[test]
fn references_that_go_in_circles_are_found() {
    let text = "kind: filter-set\nname: a\nspec:\n  message: ${ref:filter-set/b.message}\n---\nkind: filter-set\nname: b\nspec:\n  message: <${ref:filter-set/a.message}>\n";
    assert_snapshot!(problems(text), @r"
    a.yaml:4:12 BRX0402 `${ref:filter-set/a.message}` leads back to itself
        write the value out in one of the declarations
    a.yaml:9:12 BRX0402 `${ref:filter-set/b.message}` leads back to itself
        write the value out in one of the declarations
    ");
    let itself = "kind: filter-set\nname: a\nspec: {message: \"${ref:filter-set/a.message}\"}\n";
    assert_snapshot!(problems(itself), @r"
    a.yaml:3:18 BRX0402 `${ref:filter-set/a.message}` leads back to itself
        write the value out in one of the declarations
    ");
}

#[test]
fn references_that_double_each_time_come_to_an_end() {
    let mut text = String::from("kind: filter-set\nname: n0\nspec: {message: \"\"}\n");
    for level in 1..30 {
        let twice = format!("${{ref:filter-set/n{}.message}}", level - 1).repeat(2);
        text.push_str(&format!("---\nkind: filter-set\nname: n{level}\nspec: {{message: \"{twice}\"}}\n"));
    }
    assert!(problems(&text).contains("expand too far"));
}

#[test]
fn a_problem_in_every_scope_is_reported_once() {
    let text = "kind: filter-set\nname: a\nspec:\n  message: much-too-long-for-everybody-${account.id}-${region}\n";
    assert_snapshot!(problems(text), @r"
    a.yaml:4:12 BRX0501 message: longer than 30 bytes
        shorten it
    ");
}

#[test]
fn a_literal_and_a_look_up_have_different_digests() {
    let with = |text: &str| desired(&format!("kind: log\nspec: {{target: \"{text}\"}}\n")).digest;
    assert_ne!(with("${kms:alias/a}"), with("$${kms:alias/a}"));
}

/// What only the live resource knows stays in the text, with the address that can tell; through other declarations too, and
/// from another account and region where the reference says so.
#[test]
fn outputs_stay_until_they_are_known() {
    let text = "
kind: filter-set
name: a
spec: {message: here}
---
kind: filter-set
name: b
spec: {keyArn: \"${ref:filter-set/a.setArn}\", message: \"${account.name}\"}
---
kind: log
where: {accounts: [prod], regions: [eu-west-1]}
spec: {target: \"<${ref:filter-set/b.keyArn}|${ref:filter-set/b@staging/us-east-1.keyArn}|${ref:filter-set/b@staging/us-east-1.message}>\"}
";
    let wanted = desired(text).wanted();
    let log = wanted_at(&wanted, "prod/eu-west-1/log/default");
    let other = "${ref:filter-set/a@staging/us-east-1.setArn}";
    assert_eq!(log.spec["target"], format!("<${{ref:filter-set/a.setArn}}|{other}|staging>"));
    let meant: Vec<String> = log.references.values().map(|one| format!("{} {}", one.address, one.output)).collect();
    assert_eq!(meant, ["prod/eu-west-1/filter-set/a setArn", "staging/us-east-1/filter-set/a setArn"]);
    assert!(log.lookups.is_empty());
    let needs: Vec<String> = log.needs.iter().map(ToString::to_string).collect();
    assert_eq!(
        needs.join(" "),
        "prod/eu-west-1/filter-set/a prod/eu-west-1/filter-set/b staging/us-east-1/filter-set/a staging/us-east-1/filter-set/b"
    );
    let answers = log.references.keys().enumerate().map(|(at, key)| (key.clone(), Ok(format!("arn:{at}")))).collect();
    assert_eq!(log.resolve(&LogKind, &answers).expect("answered")["target"], "<arn:0|arn:1|staging>");
    // A rule about the value waits for the value.
    let b = wanted_at(&wanted, "prod/eu-west-1/filter-set/b");
    let answers = b.references.keys().map(|key| (key.clone(), Ok("12".to_owned()))).collect();
    assert!(b.resolve(&FilterSetKind, &answers).is_err());
}

#[test]
fn a_reference_to_where_nothing_is_declared_is_an_error() {
    let text = "kind: filter-set\nname: a\nwhere: {accounts: [prod]}\nspec: {message: x}\n---\nkind: log\nwhere: {accounts: [prod]}\nspec: {target: \"${ref:filter-set/a@staging/eu-west-1.setArn}\"}\n";
    assert_snapshot!(problems(text), @r"
    a.yaml:8:17 BRX0402 `${ref:filter-set/a@staging/eu-west-1.setArn}`: the filter-set `a` is declared, but not for staging/eu-west-1
        widen the `where` of the one, or narrow that of the other
    ");
}
