//! What can be wrong with `organization.yaml`.

use insta::assert_snapshot;

use super::*;
use crate::address::ScopeKind;
use crate::desired::{Organization, Treat, load_organization};

fn organization_problems(text: &str) -> String {
    let sources = [
        source("x/organization.yaml", text),
        source("a.yaml", "kind: log\nwhere: {accounts: [nobody]}\nspec: {days: 1}\n"),
    ];
    load(&sources, KINDS, CONTROLS).map_or_else(|problems| listed(&problems), |_| "nothing".to_owned())
}

#[test]
fn the_organization_is_read_and_sorted() {
    let desired = desired("kind: log\nspec: {days: 1}\n");
    let organization = desired.organization();
    assert_eq!(organization.regions, ["eu-west-1", "us-east-1"]);
    let ids: Vec<&str> = organization.accounts.iter().map(|account| account.id.as_str()).collect();
    assert_eq!(ids, ["111122223333", "222233334444", "033344445555"], "ids are text, with or without quotes");
    assert_eq!(desired.scopes().len(), 6);
    assert_eq!(desired.scopes()[0].to_string(), "management/eu-west-1");
}

#[test]
fn the_role_may_be_a_name_or_an_arn_with_placeholders() {
    let mut organization = desired("kind: log\nspec: {days: 1}\n").organization;
    let prod = organization.account("prod").expect("prod").clone();
    assert_eq!(organization.role_arn(&prod).as_deref(), Some("arn:aws:iam::222233334444:role/reconciler"));
    organization.role = Some("arn:${partition}:iam::${account.id}:role/${account.name}-x".to_owned());
    assert_eq!(organization.role_arn(&prod).as_deref(), Some("arn:aws:iam::222233334444:role/prod-x"));
    assert_eq!(Organization::default().home_region(ScopeKind::Account), "us-east-1");
}

#[test]
fn account_ids_are_twelve_digits_of_text() {
    let with = |ids: &[&str]| {
        let accounts: String =
            ids.iter().enumerate().map(|(index, id)| format!("  - {{id: {id}, name: a{index}}}\n")).collect();
        organization_problems(&format!(
            "partition: aws\nmanagementAccount: a0\nrole: r\nregions: [us-east-1]\naccounts:\n{accounts}"
        ))
    };
    assert_snapshot!(with(&["111122223333", "033344445555", "\"1234\"", "1234567890123", "prod", "'111122223333'", "[1]", "0o17777777777"]), @r#"
    x/organization.yaml:7:10 BRX0301 `033344445555` begins with zero and is not quoted: other YAML readers take it for a number and drop the zero
        quote it: "033344445555"
    x/organization.yaml:8:10 BRX0301 `1234` has 4 digits, not twelve
        write the twelve digits in quotes; zeros at the beginning count
    x/organization.yaml:9:10 BRX0301 `1234567890123` has 13 digits, not twelve
        write the twelve digits in quotes; zeros at the beginning count
    x/organization.yaml:10:10 BRX0301 `prod` is not twelve digits
        write the twelve digits in quotes; zeros at the beginning count
    x/organization.yaml:11:10 BRX0302 the account id `111122223333` is also on line 6
        remove one of the two, or correct it
    x/organization.yaml:12:10 BRX0301 the account id is not text
        write the twelve digits in quotes
    x/organization.yaml:13:10 BRX0301 `0o17777777777` is not twelve digits
        write the twelve digits in quotes; zeros at the beginning count
    "#);
}

#[test]
fn everything_that_is_missing_is_named() {
    assert_snapshot!(organization_problems("partition: awss\nregion: [us-east-1]\nrole:\naccounts: []\n"), @r"
    x/organization.yaml:1:1 BRX0204 the key `regions` is missing
        add `regions:` with a list of regions, such as [us-east-1]
    x/organization.yaml:1:12 BRX0302 `awss` is not one of the partitions aws, aws-cn, aws-us-gov, aws-iso, aws-iso-b, aws-iso-e, aws-iso-f, aws-eusc
        did you mean `aws`?
    x/organization.yaml:2:1 BRX0201 `region` is not one of partition, managementAccount, role, externalId, regions, accounts, undeclared
        did you mean `regions`?
    x/organization.yaml:3:1 BRX0204 `role` has no value
        write the name or ARN of the role to assume after it
    x/organization.yaml:4:11 BRX0302 no account is listed
        list at least one account
    ");
    assert_snapshot!(organization_problems("partition: aws\nmanagementAccount: prd\nrole: x-${region}\nregions: [us-east-1, us-east-1, useast1, 7]\naccounts:\n  - {id: \"111122223333\", name: prod, tags: [x]}\n  - {id: \"222233334444\", name: prod}\n  - {id: \"333344445555\", name: a/b, tags: {x: [1]}}\n  - {id: \"444455556666\", nmae: c}\n  - text\n"), @r#"
    x/organization.yaml:2:20 BRX0302 no account is named `prd`
        did you mean `prod`?
    x/organization.yaml:3:7 BRX0401 the role is assumed before any region is read, so it can hold no region, reference or look-up
        use ${account.id}, ${account.name} and ${partition} only
    x/organization.yaml:4:22 BRX0302 `us-east-1` is listed twice
        remove one of the two
    x/organization.yaml:4:33 BRX0302 `useast1` is not the name of a region
        write it as AWS does, such as eu-west-1
    x/organization.yaml:4:42 BRX0204 the region is `7`, which is not text
        quote it: "7"
    x/organization.yaml:6:44 BRX0204 the tags are not a mapping
        write {env: prod}
    x/organization.yaml:7:32 BRX0302 the account name `prod` is also on line 6
        remove one of the two, or correct it
    x/organization.yaml:8:32 BRX0302 the account name "a/b" holds '/', which means something else in addresses and selectors
        choose another name for it here; it need not be the name in AWS Organizations
    x/organization.yaml:8:47 BRX0204 the tag `x` is not text
        write one text, in quotes when empty
    x/organization.yaml:9:5 BRX0204 the key `name` is missing
        add `name:` with the name that declarations use
    x/organization.yaml:9:26 BRX0201 `nmae` is not one of id, name, tags
        did you mean `name`?
    x/organization.yaml:10:5 BRX0204 a mapping with the keys id, name, tags is needed here
        write `key: value` lines
    "#);
    assert_snapshot!(organization_problems("- nothing of the kind\n"), @r"
    x/organization.yaml:1:1 BRX0204 a mapping with the keys partition, managementAccount, role, externalId, regions, accounts, undeclared is needed here
        write `key: value` lines
    ");
}

/// One account needs neither a role nor a management account; several need a role, and those that are discovered both.
#[test]
fn a_single_account_needs_no_role() {
    let account = |id: u8| format!("  - {{id: \"00000000000{id}\", name: a{id}}}\n");
    let with =
        |accounts: &str| organization_problems(&format!("partition: aws\nregions: [us-east-1]\naccounts:{accounts}"));
    assert_snapshot!(with(&format!("\n{}{}", account(1), account(2))), @r"
    x/organization.yaml:1:1 BRX0204 the key `role` is missing
        add `role:` with the name or ARN of the role to assume in each account
    ");
    assert_snapshot!(with(" discover\n"), @r"
    x/organization.yaml:1:1 BRX0204 the key `managementAccount` is missing
        add `managementAccount:` with the name of one of the accounts
    x/organization.yaml:1:1 BRX0204 the key `role` is missing
        add `role:` with the name or ARN of the role to assume in each account
    ");
    let text = format!("partition: aws\nregions: [us-east-1]\naccounts:\n{}", account(1));
    let own = load_organization(&[source("organization.yaml", &text)]).expect("valid");
    assert_eq!((own.role_arn(&own.accounts[0]), own.management(), own.is_management("")), (None, "", false));
    assert_eq!(own.scopes_of(ScopeKind::Organization), []);
}

/// The same kind, name and `where` replaces; what only meets is an error with both places; everything else is added.
#[test]
fn layers_replace_by_kind_name_and_where() {
    let below = |file: &str, text: &str| source(file, text);
    let above = |file: &str, text: &str| Source { layer: 1, ..source(file, text) };
    let organization = below("base/organization.yaml", ORGANIZATION);
    let group = |applies: &str, days: u32| format!("kind: bucket\nname: a\nwhere: {applies}\nspec: {{days: {days}}}\n");
    let days = |desired: &Desired| -> Vec<String> {
        desired.wanted().iter().map(|one| format!("{} {}", one.address, one.spec["days"])).collect()
    };
    let base = below("base/a.yaml", &group("{accounts: [prod, management]}", 1));
    let same = above("env/a.yaml", &group("{regions: all, accounts: [management, prod]}", 7));
    let laid = load(&[organization.clone(), base.clone(), same], KINDS, CONTROLS).expect("valid");
    assert!(!laid.wanted().is_empty() && days(&laid).iter().all(|one| one.ends_with(" 7")), "{:?}", days(&laid));
    let narrower = above("env/a.yaml", &group("{accounts: [prod]}", 7));
    let told = listed(&load(&[organization.clone(), base.clone(), narrower], KINDS, CONTROLS).expect_err("they meet"));
    assert!(told.contains("BRX0205") && told.contains("base/a.yaml:1:1") && told.contains("env/a.yaml"), "{told}");
    let own = above(
        "env/organization.yaml",
        "partition: aws\nregions: [us-east-1]\naccounts: [{id: \"222233334444\", name: prod}]\n",
    );
    let everywhere = below("base/b.yaml", "kind: bucket\nname: b\nspec: {days: 1}\n");
    let laid = load(&[organization.clone(), everywhere, own.clone()], KINDS, CONTROLS).expect("valid");
    assert_eq!(days(&laid), ["prod/us-east-1/bucket/b 1"]);
    assert_eq!(load_organization(&[organization, own]).expect("valid").accounts.len(), 1);
}

#[test]
fn there_is_exactly_one_organization() {
    let good = "kind: log\nspec: {days: 1}\n";
    let none = load(&[source("a.yaml", good)], KINDS, CONTROLS);
    assert_snapshot!(listed(&none.expect_err("none")), @r"
    - BRX0302 there is no `organization.yaml`, so it is not known where the declarations apply
        write one with `bedrock-reconciler init`: it has the keys partition, regions and accounts, and role where there are several accounts
    ");
    let two = load_files(&[("a.yaml", good), ("more/organization.yaml", ORGANIZATION)]);
    assert_snapshot!(listed(&two.expect_err("two")), @r"
    organization.yaml:1:1 BRX0302 the organization is described at more/organization.yaml:1:1 and again here
        keep one of the two
    ");
}

/// What is said of resources that nobody declares: by kind and place, the later rule decides.
#[test]
fn rules_for_what_nobody_declares_are_read() {
    let rules = "undeclared:\n  - {treat: report}\n  - {kinds: [guardrail], where: {accounts: [prod]}, treat: ignore, ownedElsewhere: [\"cdk-*\"]}\n";
    let text = format!("{ORGANIZATION}{rules}");
    let organization = load_organization(&[source("x/organization.yaml", &text)]).expect("an organization");
    let scope = organization.scopes().into_iter().find(|scope| scope.account == "prod").expect("a scope");
    let of = |kind: &str| organization.undeclared_in(&scope, kind);
    assert_eq!(of("guardrail").treat, Some(Treat::Ignore));
    assert_eq!(of("guardrail").owned_elsewhere, ["cdk-*"]);
    assert_eq!(of("iam-role").treat, Some(Treat::Report));
}

#[test]
fn rules_that_say_nothing_or_nonsense_are_told() {
    let rules = "undeclared:\n  - {kinds: [guardrial]}\n  - {treat: ignroe}\n  - {where: {accounts: [nobody]}, ownedElsewhere: all}\n";
    assert_snapshot!(organization_problems(&format!("{ORGANIZATION}{rules}")), @r"
    x/organization.yaml:10:5 BRX0204 the rule says nothing
        write `treat: ignore`, `treat: report`, or a list `ownedElsewhere` of names
    x/organization.yaml:10:14 BRX0206 `guardrial` is no kind that is looked at beside its declarations
        did you mean `guardrail`?
    x/organization.yaml:11:13 BRX0203 `ignroe` is not one of report, ignore
        did you mean `ignore`?
    x/organization.yaml:12:25 BRX0303 no account has the name or id `nobody`
        use the name or id of an account of organization.yaml, or tag=value
    x/organization.yaml:12:51 BRX0204 `ownedElsewhere` is not a list
        write [NAME, NAME]
    ");
    assert_snapshot!(organization_problems(&format!("{ORGANIZATION}undeclared: ignore\n")), @r#"
    x/organization.yaml:9:13 BRX0204 `undeclared` is not a list of rules
        write `- {kinds: [guardrail], ownedElsewhere: ["theirs-*"]}` lines
    "#);
}

/// A region of another partition can never be reached from this one.
#[test]
fn a_region_belongs_to_its_partition() {
    let with = |partition: &str, region: &str| {
        organization_problems(&format!(
            "partition: {partition}\nmanagementAccount: a\nrole: r\nregions: [{region}]\naccounts: [{{id: \"111122223333\", name: a}}]\n"
        ))
    };
    for (partition, region) in [
        ("aws", "eu-west-1"),
        ("aws-us-gov", "us-gov-west-1"),
        ("aws-cn", "cn-north-1"),
        ("aws-eusc", "eusc-de-east-1"),
    ] {
        assert!(!with(partition, region).contains("BRX0302"), "{partition} {region}");
    }
    for (partition, region) in [("aws", "us-gov-west-1"), ("aws-us-gov", "us-east-1"), ("aws-iso", "us-isob-east-1")] {
        let found = with(partition, region);
        assert!(found.contains(&format!("`{region}` is no region of the partition `{partition}`")), "{found}");
    }
}
