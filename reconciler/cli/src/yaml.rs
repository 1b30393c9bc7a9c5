//! YAML that every reader takes for the same: readers of YAML 1.1 take `yes` for a truth and `2012-10-17` for a day.

use reconciler_model::text;
use serde_json::{Map, Value};

/// Stands for a text until the rest is written; letters and digits, so that no writer quotes it.
const MARK: &str = "brxQuoted";

/// The text of a value, with texts in quotes that YAML 1.1 takes for something else, or in which something hides.
///
/// # Errors
/// Fails when it cannot be written.
pub(crate) fn text(value: &Value) -> Result<String, serde_yaml::Error> {
    let mut quoted = Vec::new();
    // Whoever has the mark in his texts gets a longer one.
    let plain = value.to_string();
    let mut stand_in = MARK.to_owned();
    while plain.contains(&stand_in) {
        stand_in.push('Q');
    }
    let mut text = serde_yaml::to_string(&marked(value, &stand_in, &mut quoted))?;
    for (number, own) in quoted.iter().enumerate().rev() {
        text = text.replace(&mark(&stand_in, number), &in_quotes(own));
    }
    Ok(text)
}

/// A text in double quotes, which mean the same in YAML as in JSON, but for characters that JSON has to write as two.
fn in_quotes(text: &str) -> String {
    let quoted = Value::from(text).to_string();
    let far = |c: char| c > '\u{ffff}' && text::hides(c);
    let plain = |part: &str| text::in_json(part).into_owned();
    let mut shown = String::with_capacity(quoted.len());
    let mut rest = &*quoted;
    while let Some((at, c)) = rest.char_indices().find(|(_, c)| far(*c)) {
        shown.push_str(&plain(&rest[..at]));
        shown.push_str(&format!("\\U{:08x}", u32::from(c)));
        rest = &rest[at + c.len_utf8()..];
    }
    shown + &plain(rest)
}

fn mark(stand_in: &str, number: usize) -> String {
    format!("{stand_in}{number}x")
}

fn marked(value: &Value, stand_in: &str, quoted: &mut Vec<String>) -> Value {
    let take = |text: &str, quoted: &mut Vec<String>| {
        quoted.push(text.to_owned());
        mark(stand_in, quoted.len() - 1)
    };
    match value {
        Value::String(text) if is_ambiguous(text) => Value::String(take(text, quoted)),
        Value::Array(items) => items.iter().map(|item| marked(item, stand_in, quoted)).collect(),
        Value::Object(members) => {
            let member = |(name, member): (&String, &Value)| {
                let name = if is_ambiguous(name) { take(name, quoted) } else { name.clone() };
                (name, marked(member, stand_in, quoted))
            };
            Value::Object(members.iter().map(member).collect::<Map<_, _>>())
        }
        other => other.clone(),
    }
}

/// Words that one reader or another takes for a truth, for nothing, for a key that merges, or for a number.
const WORDS: [&str; 14] = ["y", "yes", "n", "no", "on", "off", "true", "false", "null", "~", "=", "<<", ".inf", ".nan"];

/// What a plain text cannot begin with, or what means something at its beginning to one reader or another.
const FIRST: &str = "-?:,[]{}#&*!|>'\"%@`=~<";

/// Whether a reader of YAML 1.1 may take a plain text for something else, or something in it is not seen.
fn is_ambiguous(text: &str) -> bool {
    let unsigned = text.strip_prefix(['+', '-']).unwrap_or(text);
    let is_word = WORDS.iter().any(|word| word.eq_ignore_ascii_case(unsigned));
    // Days, hours and minutes, and every form of number.
    let is_numeric = unsigned.starts_with(|c: char| c.is_ascii_digit() || c == '.' || c == '_')
        && (unsigned.contains(|c: char| c.is_ascii_digit()) || unsigned.chars().all(|c| matches!(c, '.' | '_')))
        && unsigned.chars().all(|c| c.is_ascii_alphanumeric() || "+-.:_, \t".contains(c));
    let is_one_line = !text.contains('\n');
    let is_special = text.starts_with(|c: char| FIRST.contains(c) || c.is_whitespace())
        || text.ends_with(|c: char| c == ':' || c.is_whitespace())
        || text.contains(": ")
        || text.contains(" #")
        || text.starts_with("...");
    // Lines of a block keep their spaces and special characters; what such a block begins or ends with does not always.
    let is_odd_block = !is_one_line
        && (text.starts_with(char::is_whitespace) || text.trim_end_matches('\n').ends_with(char::is_whitespace));
    let is_empty = text.is_empty();
    is_empty
        || is_word
        || is_numeric
        || (is_one_line && is_special)
        || is_odd_block
        || text.contains(|c| c != '\n' && text::hides(c))
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;
    use serde_json::json;

    use super::*;

    #[test]
    fn what_older_readers_misread_is_quoted() {
        for (value, expected) in [
            ("yes", "\"yes\""),
            ("Off", "\"Off\""),
            ("2012-10-17", "\"2012-10-17\""),
            ("12:30:45", "\"12:30:45\""),
            ("1_000", "\"1_000\""),
            ("012", "\"012\""),
            ("1:30", "\"1:30\""),
            ("0x1f", "\"0x1f\""),
            ("-.INF", "\"-.INF\""),
            (".NaN", "\".NaN\""),
            ("1e3", "\"1e3\""),
            ("=", "\"=\""),
            ("~", "\"~\""),
            ("N", "\"N\""),
            ("@at", "\"@at\""),
            ("- dash", "\"- dash\""),
            ("trailing:", "\"trailing:\""),
            ("trailing ", "\"trailing \""),
            ("a # b", "\"a # b\""),
            ("...", "\"...\""),
            (".", "\".\""),
            ("", "\"\""),
            ("plain text", "plain text"),
            ("arn:aws:iam::111122223333:root", "arn:aws:iam::111122223333:root"),
        ] {
            assert_eq!(text(&json!({"text": value})).expect("YAML"), format!("text: {expected}\n"));
        }
        assert_eq!(text(&json!({"no": ["x"]})).expect("YAML"), "\"no\":\n- x\n");
    }

    #[test]
    fn what_is_written_is_read_back() {
        let value =
            json!({"a": ["on", "2026-01-01", "1e3", "two\nlines: yes", "", "x"], "n": {"y": 1, "b": true, "c": null}});
        let read: Value = serde_yaml::from_str(&text(&value).expect("YAML")).expect("YAML");
        assert_eq!(read, value);
    }

    /// What older readers make of a plain scalar, by the regular expressions of the types of YAML 1.1 (and of PyYAML): anything but
    /// text.
    fn is_misread(plain: &str) -> bool {
        let types = [
            r"(?i)^(y|yes|n|no|true|false|on|off)$",
            r"^(~|null|Null|NULL|)$",
            r"^[-+]?0b[01_]+$|^[-+]?0[0-7_]+$|^[-+]?(0|[1-9][0-9_]*)$|^[-+]?0x[0-9a-fA-F_]+$|^[-+]?[1-9][0-9_]*(:[0-5]?[0-9])+$|^0o[0-7]+$",
            r"^[-+]?([0-9][0-9_]*)?\.[0-9_]*([eE][-+]?[0-9]+)?$|^[-+]?[0-9][0-9_]*([eE][-+]?[0-9]+)$",
            r"^[-+]?[0-9][0-9_]*(:[0-5]?[0-9])+\.[0-9_]*$|^[-+]?\.(?i:inf|nan)$",
            r"^[0-9]{4}-[0-9]{2}-[0-9]{2}$|^[0-9]{4}-[0-9]{1,2}-[0-9]{1,2}([Tt]|[ \t]+)[0-9]{1,2}:[0-9]{2}:[0-9]{2}(\.[0-9]*)?([ \t]*(Z|[-+][0-9]{1,2}(:?[0-9]{2})?))?$",
            r"^(<<|=)$",
            r##"^[-?:,\[\]{}#&*!|>'"%@`]|:$|: | #|^\s|\s$"##,
        ];
        types.iter().any(|one| regex::Regex::new(one).expect("a pattern").is_match(plain))
    }

    proptest! {
        #![proptest_config(ProptestConfig { cases: 400, failure_persistence: None, ..ProptestConfig::default() })]

        /// Whatever the text is: it is read back, and where it stands without quotes no reader takes it for anything else.
        #[test]
        fn every_text_is_read_back_and_misread_by_nobody(
            parts in prop::collection::vec(
                prop_oneof![
                    Just("yes"), Just("No"), Just("1"), Just("0"), Just("0x"), Just("1f"), Just("_"), Just("."), Just("-"), Just("+"),
                    Just(":"), Just(" "), Just("#"), Just("~"), Just("="), Just("e"), Just("2026-01-02"), Just("12"), Just("inf"),
                    Just("T"), Just("\n"), Just("\t"), Just("'"), Just("\""), Just("@"), Just("a"), Just("é"), Just("[") , Just("!"), Just("|"),
                ],
                0..6,
            )
        ) {
            let own = parts.concat();
            let written = text(&json!({ "text": [own], own.clone(): 1 })).expect("YAML");
            let read: Value = serde_yaml::from_str(&written).expect("YAML");
            prop_assert_eq!(read, json!({ "text": [own], own.clone(): 1 }), "{}", written);
            let plain = |line: &str| !line.starts_with(['"', '\'', '|', '>']);
            let element = written.lines().find_map(|line| line.strip_prefix("- ")).unwrap_or_default();
            prop_assert!(!plain(element) || (element == own && !is_misread(element)), "{}", written);
        }
    }

    #[test]
    fn nothing_hides_in_it() {
        let hostile = "brxQuoted0x \u{85}\u{9b}2J\u{2028}\u{202e}\u{200b}\u{feff}\u{e0041}\u{1b}\t\r\nkind: trail\n";
        let value = json!({"a": hostile, hostile: ["\u{202e}", "plain\ntext"]});
        let written = text(&value).expect("YAML");
        assert!(!written.replace('\n', "").contains(reconciler_model::text::hides), "{written}");
        let read: Value = serde_yaml::from_str(&written).expect("YAML");
        assert_eq!(read, value);
    }
}
