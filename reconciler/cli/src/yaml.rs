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

/// Whether a reader of YAML 1.1 takes a plain text for a truth, a day, or a number, or something in it is not seen.
fn is_ambiguous(text: &str) -> bool {
    const WORDS: [&str; 12] = ["y", "yes", "n", "no", "on", "off", "true", "false", "null", "~", "=", "<<"];
    let is_word = WORDS.iter().any(|word| word.eq_ignore_ascii_case(text));
    // Days, hours and minutes, and every form of number.
    let is_numeric = text.starts_with(|c: char| c.is_ascii_digit() || "+-.".contains(c))
        && text.contains(|c: char| c.is_ascii_digit())
        && text.chars().all(|c| c.is_ascii_alphanumeric() || "+-.:_ ".contains(c));
    is_word || is_numeric || text.contains(|c| c != '\n' && text::hides(c))
}

#[cfg(test)]
mod tests {
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
