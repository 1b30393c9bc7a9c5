//! Hostile and mistaken input: every mistake is answered with its code, its place, and what to do, and ends with 65.

use std::fmt::Write as _;
use std::fs;
use std::os::unix::fs::symlink;

use crate::harness::{Aws, CommandOutput, TestEnvironment};

const ORGANIZATION: &str = "\
partition: aws
managementAccount: management
role: bedrock-reconciler
regions: [us-east-1]
accounts:
  - {id: \"111122223333\", name: management}
";

/// A guardrail with one more line; the extra line is line 7, and begins at column 3.
const GUARDRAIL: &str = "\
kind: guardrail
name: baseline
where: {accounts: all, regions: all}
spec:
  blockedInputMessaging: in
  blockedOutputsMessaging: out
";

/// An environment whose desired state is the small organization with these files.
fn folder(files: &[(&str, &str)]) -> TestEnvironment {
    let environment = TestEnvironment::new();
    fs::remove_dir_all(environment.path("desired-state")).expect("removed");
    environment.write("desired-state/organization.yaml", ORGANIZATION);
    for (name, text) in files {
        environment.write(&format!("desired-state/{name}"), text);
    }
    environment
}

fn validate(files: &[(&str, &str)]) -> CommandOutput {
    folder(files).run(&["validate"])
}

/// One mistake in a guardrail, in the line after [`GUARDRAIL`].
#[track_caller]
fn mistake(line: &str, code: &str, column: usize, remedy: &str) {
    let text = format!("{GUARDRAIL}  {line}\n");
    let place = format!("desired-state/g.yaml:7:{column}");
    let _ = validate(&[("g.yaml", &text)]).exits(65).says(&[code, &place, remedy, "1 problem in the desired state"]);
}

#[test]
fn a_tab_is_not_indentation() {
    let _ = validate(&[("g.yaml", "kind: guardrail\n\tname: x\n")]).exits(65).says(&[
        "error[BRX0105]",
        "desired-state/g.yaml:2:1",
        "replace the tab with spaces",
    ]);
}

#[test]
fn a_key_given_twice_is_an_error_and_not_the_last_one_wins() {
    mistake("blockedInputMessaging: again", "error[BRX0106]", 3, "remove one of the two");
}

#[test]
fn an_unknown_key_is_an_error_with_the_nearest_one() {
    mistake("blockedInputMesaging: x", "error[BRX0201]", 3, "did you mean `blockedInputMessaging`?");
}

#[test]
fn a_request_side_name_is_told_the_right_one() {
    mistake("contentPolicyConfig: {filters: []}", "error[BRX0202]", 3, "write `contentPolicy`");
    mistake("contentPolicy: {filtersConfig: []}", "error[BRX0202]", 19, "write `filters`");
}

#[test]
fn a_wrong_word_is_told_the_nearest_one_and_the_escape() {
    mistake(
        "contentPolicy: {filters: [{type: HATE, inputStrength: HGIH, outputStrength: HIGH}]}",
        "error[BRX0203]",
        57,
        "did you mean `HIGH`? If AWS added the value after this build, write `other:HGIH`",
    );
    let line = "  contentPolicy: {filters: [{type: HATE, inputStrength: other:EXTREME, outputStrength: HIGH}]}\n";
    let _ = validate(&[("g.yaml", &format!("{GUARDRAIL}{line}"))]).exits(0);
}

#[test]
fn an_unquoted_account_id_that_begins_with_zero_is_not_a_number() {
    let environment = folder(&[("g.yaml", GUARDRAIL)]);
    environment.edit("desired-state/organization.yaml", "\"111122223333\"", "011122223333");
    let _ = environment.run(&["validate"]).exits(65).says(&[
        "error[BRX0301]",
        "desired-state/organization.yaml:6:10",
        "quote it: \"011122223333\"",
    ]);
}

#[test]
fn one_address_has_one_declaration() {
    let _ = validate(&[("a.yaml", GUARDRAIL), ("b.yaml", GUARDRAIL)]).exits(65).says(&[
        "error[BRX0205]",
        "desired-state/b.yaml:1:1",
        "declared at desired-state/a.yaml:1:1",
        "narrow its `where`",
    ]);
}

#[test]
fn a_reference_to_nothing_is_an_error() {
    mistake("description: ${ref:guardrail/nope.name}", "error[BRX0402]", 16, "declare it, or write the value out");
}

#[test]
fn a_look_up_that_finds_nothing_is_a_gap_of_its_member_alone() {
    let aws = Aws::scenario("in-sync");
    let environment = TestEnvironment::on(&aws);
    environment.edit("desired-state/guardrails/baseline.yaml", "kms:alias/bedrock-guardrails", "kms:alias/nope");
    let _ = environment.run(&["validate"]).exits(0);
    let text = environment.read("desired-state/guardrails/baseline.yaml");
    let line = text.lines().position(|line| line.contains("alias/nope")).expect("the line") + 1;
    let _ = environment.run(&["plan"]).exits(3).prints(&[
        "TICKET WITHIN 15 MINUTES",
        "! in 6 places (management eu-west-1, us-east-1; prod eu-west-1,",
        "not evaluated [BRX0403]",
        "kmsKeyArn: ",
        &format!("(desired-state/guardrails/baseline.yaml:{line}:14)"),
        "it finds nothing in ${account.name}/${region}",
        "create what it names in this account and region, or correct the look-up",
    ]);
    let output = environment.run(&["--output", "json", "plan"]).exits(3);
    let summary = &output.json()["summary"];
    assert_eq!(summary["in_sync"].as_u64(), summary["addresses"].as_u64().map(|all| all - 6), "{}", output.stdout);
    let _ = environment.run(&["enforce", "--once"]).exits(3);
    assert_eq!(aws.writes(), []);
}

#[test]
fn a_value_over_a_limit_is_found_before_any_call() {
    let line = format!("topicPolicy: {{topics: [{{name: T, type: DENY, definition: {}}}]}}", "x".repeat(201));
    mistake(&line, "error[BRX0501]", 60, "shorten it, or use the tier STANDARD");
    let line = "contentPolicy: {tier: {tierName: STANDARD}, filters: [{type: HATE, inputStrength: HIGH, outputStrength: HIGH}]}";
    mistake(line, "error[BRX0502]", 36, "add `crossRegionDetails");
}

#[test]
fn a_folder_without_declarations_is_a_mistake_and_not_an_empty_wish() {
    let environment = TestEnvironment::new();
    fs::create_dir(environment.path("empty")).expect("a folder");
    let hint = "add a YAML file with `kind`, `name` and `spec`";
    let _ = environment.run(&["--desired", "empty", "validate"]).exits(65).says(&["error[BRX0101]", hint]);
    let _ = environment.run(&["--desired", "missing", "validate"]).exits(65).says(&[
        "error[BRX0102]",
        "missing:1:1",
        "name the folder with --desired DIR",
    ]);
}

#[test]
fn a_file_that_cannot_be_read_is_not_a_declaration_that_was_removed() {
    let environment = folder(&[("g.yaml", GUARDRAIL), ("binary.yaml", "")]);
    symlink("/nowhere/at/all.yaml", environment.path("desired-state/link.yaml")).expect("a link");
    environment.write("desired-state/binary.yaml", [0xff, 0xfe, 0x00, 0x80]);
    let _ = environment.run(&["validate"]).exits(65).says(&[
        "error[BRX0102]",
        "desired-state/link.yaml:1:1",
        "desired-state/binary.yaml:1:1",
        "check that the file exists and may be read",
    ]);
}

#[test]
fn fifty_megabytes_are_answered_without_reading_them() {
    let text = "aaaa: bbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbb\n".repeat(1 << 20);
    let _ = validate(&[("g.yaml", GUARDRAIL), ("big.yaml", &text)]).exits(65).says(&[
        "error[BRX0103]",
        "desired-state/big.yaml:1:1",
        "more than 4194304 bytes",
        "split the file",
    ]);
}

#[test]
fn an_alias_bomb_is_not_expanded() {
    let mut text = "a: &a [x, x, x, x, x, x, x, x, x, x]\n".to_owned();
    for (name, of) in "bcdefghi".chars().zip("abcdefgh".chars()) {
        let _ = writeln!(text, "{name}: &{name} [{}]", vec![format!("*{of}"); 10].join(", "));
    }
    let _ = validate(&[("bomb.yaml", &text)]).exits(65).says(&[
        "error[BRX0104]",
        "desired-state/bomb.yaml:5:",
        "write the repeated part out",
    ]);
}

#[test]
fn every_mistake_is_reported_in_one_run() {
    let unknown = format!("{GUARDRAIL}  blockedInputMesaging: x\n");
    let files = [
        ("a.yaml", GUARDRAIL),
        ("b.yaml", GUARDRAIL),
        ("tab.yaml", "kind: guardrail\n\tname: x\n"),
        ("unknown.yaml", &unknown),
        ("kind.yaml", "kind: gardrail\nname: x\nwhere: {accounts: all, regions: all}\nspec: {}\n"),
        (
            "control.yaml",
            "kind: log-group\nname: /x\nwhere: {accounts: all, regions: all}\ncontrols: [aws-genai-99]\nspec: {retentionInDays: 365}\n",
        ),
    ];
    let codes = ["BRX0105", "BRX0201", "BRX0205", "BRX0206", "BRX0208"];
    let environment = folder(&files);
    let _ = environment.run(&["validate"]).exits(65).says(&codes).says(&["did you mean `guardrail`?"]);
    // The same for programs: one document, every diagnostic with its place and remedy.
    let found = environment.run(&["--output", "json", "plan"]).exits(65).json();
    let found = found["diagnostics"].as_array().expect("diagnostics");
    for code in codes {
        let one = found.iter().find(|one| one["code"] == code).expect(code);
        assert!(one["at"]["line"].as_u64().is_some() && one["at"]["column"].as_u64().is_some(), "{one}");
        assert!(one["remedy"].as_str().is_some_and(|remedy| !remedy.is_empty()), "{one}");
    }
}

#[test]
fn a_mistake_in_the_settings_is_a_mistake_of_the_command_line() {
    let environment = TestEnvironment::new();
    for (text, says) in [
        ("maxchanges: 3\n", "unknown field `maxchanges`, expected one of `schedule`, `maxChanges`"),
        ("maxChanges: many\n", "maxChanges: invalid type"),
        ("pace: {pollFirst: 3}\n", "unknown field `pollFirst`, expected one of `pollFirstMs`"),
        ("maxChanges: [\n", "failed to read the settings wrong.yaml"),
    ] {
        environment.write("wrong.yaml", text);
        let _ = environment.run(&["--settings", "wrong.yaml", "validate"]).exits(64).says(&[says]);
    }
    let _ = environment.run(&["--settings", "nothing.yaml", "validate"]).exits(64).says(&["nothing.yaml"]);
    environment.write("comments.yaml", "# maxChanges: 3\n\n");
    let _ = environment.run(&["--settings", "comments.yaml", "validate"]).exits(0);
    let output = environment.run(&["enforce", "--schedule", "every day"]).exits(64);
    assert_eq!(output.stderr.lines().count(), 2, "an error and a hint:\n{}", output.stderr);
    let _ = output.says(&["`every day` is not a schedule", "five fields as in a crontab"]);
}

/// A waiver that can never cover anything was meant for something else: it is told, with what was probably meant.
#[test]
fn a_waiver_of_what_is_not_there_or_of_what_cannot_be_is_told() {
    let waiver = |path: &str, tolerate: &str| {
        format!(
            "waivers:\n  - address: prod/us-east-1/log-group//aws/bedrock/model-invocations\n    path: {path}\n    tolerate: {tolerate}\n    \
             owner: o\n    reason: r\n    ticket: t\n    expires: 2999-12-31\n"
        )
    };
    let environment = TestEnvironment::new();
    for (path, tolerate, told) in [
        ("retentonInDays", "30", "did you mean `log-group.retentionInDays`?"),
        ("'retentionInDays '", "30", "waives nothing"),
        ("'*'", "30", "waives nothing"),
        ("where", "30", "waives nothing"),
        ("spec.retentionInDays", "30", "waives nothing"),
        ("retentionInDays", "'30'", "of log-group is whole number"),
        ("retentionInDays", "true", "of log-group is whole number"),
        ("retentionInDays", "3e1", "of log-group is whole number"),
    ] {
        environment.write("desired-state/waivers.yaml", waiver(path, tolerate));
        let _ = environment.run(&["validate"]).exits(65).says(&["BRX0304", "desired-state/waivers.yaml:2", told]);
    }
    for tolerate in ["30", "null"] {
        environment.write("desired-state/waivers.yaml", waiver("retentionInDays", tolerate));
        let _ = environment.run(&["validate"]).exits(0);
    }
}
