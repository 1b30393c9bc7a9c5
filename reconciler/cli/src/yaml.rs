//! YAML that every reader takes for the same: readers of YAML 1.1 take `yes` for a truth and `2012-10-17` for a day.

use serde_json::{Map, Value};

/// Stands for a text until the rest is written; letters and digits, so that no writer quotes it.
const MARK: &str = "brxQuoted";

/// The text of a value, with texts in quotes that YAML 1.1 takes for something else.
///
/// # Errors
/// Fails when it cannot be written.
pub(crate) fn text(value: &Value) -> Result<String, yaml_serde::Error> {
    let mut quoted = Vec::new();
    let plain = yaml_serde::to_string(value)?;
    // Whoever has the mark in his texts gets them as they are written anyhow.
    if plain.contains(MARK) {
        return Ok(plain);
    }
    let mut text = yaml_serde::to_string(&marked(value, &mut quoted))?;
    for (number, own) in quoted.iter().enumerate().rev() {
        text = text.replace(&mark(number), &Value::from(own.as_str()).to_string());
    }
    Ok(text)
}

fn mark(number: usize) -> String {
    format!("{MARK}{number}x")
}

fn marked(value: &Value, quoted: &mut Vec<String>) -> Value {
    let take = |text: &str, quoted: &mut Vec<String>| {
        quoted.push(text.to_owned());
        mark(quoted.len() - 1)
    };
    match value {
        Value::String(text) if is_ambiguous(text) => Value::String(take(text, quoted)),
        Value::Array(items) => items.iter().map(|item| marked(item, quoted)).collect(),
        Value::Object(members) => {
            let member = |(name, member): (&String, &Value)| {
                let name = if is_ambiguous(name) { take(name, quoted) } else { name.clone() };
                (name, marked(member, quoted))
            };
            Value::Object(members.iter().map(member).collect::<Map<_, _>>())
        }
        other => other.clone(),
    }
}

/// Whether a reader of YAML 1.1 takes a plain text for a truth, a day, or a number.
fn is_ambiguous(text: &str) -> bool {
    const WORDS: [&str; 12] = ["y", "yes", "n", "no", "on", "off", "true", "false", "null", "~", "=", "<<"];
    let is_word = WORDS.iter().any(|word| word.eq_ignore_ascii_case(text));
    // Days, hours and minutes, and every form of number.
    let is_numeric = text.starts_with(|c: char| c.is_ascii_digit() || "+-.".contains(c))
        && text.contains(|c: char| c.is_ascii_digit())
        && text.chars().all(|c| c.is_ascii_alphanumeric() || "+-.:_ ".contains(c));
    is_word || is_numeric
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
        let read: Value = yaml_serde::from_str(&text(&value).expect("YAML")).expect("YAML");
        assert_eq!(read, value);
    }
}
