//! What can be wrong with a file before anything is known about what it declares.

use insta::assert_snapshot;

use super::*;

const GOOD: &str = "kind: log\nspec: {days: 1}\n";

#[test]
fn a_tab_is_called_a_tab() {
    assert_snapshot!(problems("kind: log\nspec:\n\tdays: 1\n"), @r"
    a.yaml:3:1 BRX0105 the line is indented with a tab character; YAML indents with spaces only
        replace the tab with spaces
    ");
    assert_snapshot!(problems("kind: log\nspec:\n  days: 1\n \ttarget: x\n"), @r"
    a.yaml:4:2 BRX0105 the line is indented with a tab character; YAML indents with spaces only
        replace the tab with spaces
    ");
}

#[test]
fn a_key_given_twice_names_both_lines() {
    assert_snapshot!(problems("kind: log\nspec:\n  days: 1\n  target: x\n  days: 2\n"), @r"
    a.yaml:5:3 BRX0106 `days` is given on line 3 and again on line 5
        remove one of the two
    ");
}

#[test]
fn syntax_errors_in_one_document_do_not_hide_those_in_the_next() {
    assert_snapshot!(problems("kind: log\nspec: {days: [1\n---\nkind: log\nspec: }\n---\nkind: lag\nspec: {}\n"), @r"
    a.yaml:3:1 BRX0105 while parsing a flow sequence, expected ',' or ']'
        check the indentation, brackets and quotes here and on the line before; quote text that holds `: ` or ` #`, or begins with a special character
    a.yaml:5:7 BRX0105 misplaced bracket
        check the indentation, brackets and quotes here and on the line before; quote text that holds `: ` or ` #`, or begins with a special character
    a.yaml:7:7 BRX0206 `lag` is not a kind
        the kinds are filter-set, log, bucket
    ");
}

#[test]
fn a_placeholder_in_braces_needs_quotes() {
    assert_snapshot!(problems("kind: log\nspec: {target: ${region}}\n"), @r#"
    a.yaml:2:17 BRX0105 while parsing a flow mapping, did not find expected ',' or '}'
        quote text that holds a placeholder between brackets or braces: "${...}"
    "#);
}

#[test]
fn text_that_is_not_utf_8_is_placed() {
    let broken = load(
        &[
            source("organization.yaml", ORGANIZATION),
            source("b.yaml", b"kind: log\r\nspec: {target: \"\xc3\xa9\xff\"}\n"),
            source("c.yaml", b"\xff\xfek\0"),
        ],
        KINDS,
        CONTROLS,
    );
    assert_snapshot!(listed(&broken.expect_err("not UTF-8")), @r"
    b.yaml:2:18 BRX0102 byte 0xff is not UTF-8 text
        save the file as UTF-8
    c.yaml:1:1 BRX0102 the file is UTF-16 text; only UTF-8 is read
        save the file as UTF-8
    ");
}

#[test]
fn a_byte_order_mark_and_crlf_line_ends_change_nothing() {
    let text = "# été\nkind: filter-set\nname: a\nspec:\n  message: |\n    two\n    lines\n  words: [b, a]\n";
    let windows = format!("\u{feff}{}", text.replace('\n', "\r\n"));
    assert_eq!(desired(text).digest, desired(&windows).digest);
    let wrong = windows.replace("words: [b, a]", "wards: [b, a]");
    assert_snapshot!(problems(&wrong), @r"
    a.yaml:8:3 BRX0201 wards: a filter-set has no `wards` here
        did you mean `words`?
    ");
}

#[test]
fn columns_count_characters() {
    assert_snapshot!(problems("kind: filter-set\nname: a\nspec: {message: \"été 你好\", wards: []}\n"), @r"
    a.yaml:3:27 BRX0201 wards: a filter-set has no `wards` here
        did you mean `words`?
    ");
}

#[test]
fn empty_files_and_comments_declare_nothing() {
    assert_snapshot!(problems("# nothing here\n---\n# nor here\n...\n"), @r"
    - BRX0101 no declaration was found in 2 files
        add a YAML file with `kind`, `name` and `spec`, or name the folder that holds some
    ");
    assert!(load_files(&[("a.yaml", GOOD), ("empty.yaml", ""), ("comment.yaml", "%YAML 1.2\n---\n# later\n")]).is_ok());
    assert_snapshot!(listed(&load(&[], KINDS, CONTROLS).expect_err("nothing")), @r"
    - BRX0101 no declaration was found in 0 files
        add a YAML file with `kind`, `name` and `spec`, or name the folder that holds some
    - BRX0302 there is no `organization.yaml`, so it is not known where the declarations apply
        write one with `bedrock-reconciler init`: it has the keys partition, regions and accounts, and role where there are several accounts
    ");
}

#[test]
fn a_file_that_cannot_be_read_is_no_file_that_declares_nothing() {
    let unreadable = |file: &str| Source::new(file, Err("permission denied".to_owned()));
    let found = load(&[source("organization.yaml", ORGANIZATION), unreadable("b.yaml")], KINDS, CONTROLS);
    assert_snapshot!(listed(&found.expect_err("unreadable")), @r"
    b.yaml:1:1 BRX0102 permission denied
        check that the file exists and may be read
    ");
    let found = load(&[unreadable("organization.yaml"), source("a.yaml", GOOD)], KINDS, CONTROLS);
    assert_snapshot!(listed(&found.expect_err("unreadable")), @r"
    organization.yaml:1:1 BRX0102 permission denied
        check that the file exists and may be read
    ");
}

#[test]
fn a_file_that_is_too_large_is_refused_unread() {
    let found =
        load(&[source("organization.yaml", ORGANIZATION), source("b.yaml", vec![0xff; 50 << 20])], KINDS, CONTROLS);
    assert_snapshot!(listed(&found.expect_err("too large")), @r"
    b.yaml:1:1 BRX0103 the file has more than 4194304 bytes
        split the file, or take it out of the folder
    ");
}

#[test]
fn alias_bombs_are_counted_and_not_expanded() {
    let mut bomb = String::from("a0: &a0 [x, x, x, x, x, x, x, x, x, x]\n");
    for level in 1..40 {
        let alias = format!("*a{}, ", level - 1).repeat(10);
        bomb.push_str(&format!("a{level}: &a{level} [{alias}]\n"));
    }
    assert_snapshot!(problems(&bomb), @r"
    a.yaml:5:55 BRX0104 the aliases expand to more than 100000 nodes
        write the repeated part out, or check where the file comes from
    ");
    let text = format!("a: &a {}\nb: [{}]\n", "x".repeat(1 << 20), "*a, ".repeat(20));
    assert_snapshot!(problems(&text), @r"
    a.yaml:2:69 BRX0104 the aliases expand to more than 16 MiB of text
        write the repeated part out, or check where the file comes from
    ");
    assert_snapshot!(problems("a: &a [*a]\n"), @r"
    a.yaml:1:8 BRX0104 the alias refers to the value that it is a part of, which has no end
        write the repeated part out
    ");
    let mut tower = String::from("a0: &a0 [x]\n");
    for level in 1..200 {
        tower.push_str(&format!("a{level}: &a{level} [*a{}]\n", level - 1));
    }
    assert_snapshot!(problems(&tower), @r"
    a.yaml:127:14 BRX0104 nested more than 128 levels deep once the aliases are expanded
        write the repeated part out, or check where the file comes from
    ");
}

#[test]
fn a_modest_alias_is_fine_and_is_placed_where_it_is_written_out() {
    let text = "kind: filter-set\nname: a\nspec:\n  message: &m hello\n  keyArn: *m\n";
    assert_snapshot!(problems(text), @r"
    a.yaml:4:12 BRX0501 keyArn: not an ARN
        shorten it
    ");
    assert_eq!(problems(&text.replace("hello", "arn:x")), "nothing");
}

#[test]
fn nesting_has_an_end() {
    for (open, close) in [("[", "]"), ("{a: ", "}"), ("- ", "")] {
        let deep = |levels: usize| format!("kind: log\nspec:\n {}x{}\n", open.repeat(levels), close.repeat(levels));
        assert!(!problems(&deep(located_levels())).contains("BRX01"), "{open}");
        assert!(problems(&deep(located_levels() + 1)).starts_with("a.yaml:3:"), "{open}");
        assert!(problems(&deep(100_000)).contains("BRX01"), "{open}");
    }
}

/// How many levels fit below `spec`.
fn located_levels() -> usize {
    crate::desired::located::MAX_DEPTH - 1
}

#[test]
fn tags_merge_keys_and_odd_keys_are_refused() {
    assert_snapshot!(problems("kind: log\nspec:\n  days: !!int \"1\"\n  target: !secret x\n"), @r"
    a.yaml:3:9 BRX0105 the value has the tag `tag:yaml.org,2002:!int`; tags are not used in declarations
        remove the tag; quote the value if it is to be text
    a.yaml:4:11 BRX0105 the value has the tag `!secret`; tags are not used in declarations
        remove the tag; quote the value if it is to be text
    ");
    assert_snapshot!(problems("kind: log\nspec:\n  <<: {days: 1}\n"), @r"
    a.yaml:3:3 BRX0105 `<<` merges one mapping into another, which YAML 1.2 no longer has
        write the keys out, or use an alias for the whole value
    ");
    assert_snapshot!(problems("kind: log\nspec:\n  1: x\n  true: y\n"), @r"
    a.yaml:3:3 BRX0204 the key `1` is not text for every YAML reader
        quote the key
    a.yaml:4:3 BRX0204 the key `true` is not text for every YAML reader
        quote the key
    ");
    assert_snapshot!(problems("kind: log\nspec:\n  ? [a]\n  : x\n"), @r"
    a.yaml:3:5 BRX0105 a mapping or list stands where a key must be
        use text as key; quote text that begins with a bracket or brace
    ");
    assert_snapshot!(problems("kind: log\nspec: {days: .nan}\n"), @r"
    a.yaml:2:14 BRX0204 `.nan` is not a number that can be compared
        write a finite number, or quote it if it is text
    ");
}

#[test]
fn what_two_readers_do_not_read_alike_is_refused() {
    // A next-line character ends a line in YAML 1.1 and not in YAML 1.2.
    assert_snapshot!(problems("kind: log\nspec:\n  target: x # \u{85}  days: 1\n"), @r"
    a.yaml:3:3 BRX0105 two YAML readers read this differently
        write it more plainly: quote the text, one key on each line
    ");
    assert_snapshot!(problems("kind: log\nspec: {target: \"\u{7}\"}\n"), @r"
    a.yaml:2:17 BRX0105 the control character U+0007 is not allowed in YAML
        remove it, or write it as an escape in double quotes
    ");
}

#[test]
fn a_huge_scalar_is_read_in_good_time() {
    let text = format!("kind: log\nspec:\n  target: {}\n", "x".repeat(3 << 20));
    assert_eq!(problems(&text), "nothing");
}
