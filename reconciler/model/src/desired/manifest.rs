//! From the bytes of one file to its manifests: the values, and beside them where everything stands.
//!
//! Each manifest is cut out before it is parsed, so that a mistake in one does not hide those in the others, and so that
//! the two readers of a manifest (`saphyr-parser` for places, `serde_yaml` for values) cannot get out of step. Where the
//! two do not see the same structure, the manifest is refused: what readers disagree on must not be enforced. A manifest
//! with nothing in it that they could disagree on ([`plain_value`]) is read once.

use std::sync::Arc;

use serde_json::{Map, Number, Value};

use super::Source;
use super::located::{self, Node, Read, Shape};
use crate::codes;
use crate::diagnostic::{Diagnostic, Place};

/// The largest file that is read.
pub(super) const MAX_BYTES: usize = 4 << 20;

/// One manifest of one file.
#[derive(Debug)]
pub(super) struct Manifest {
    pub(super) file: Arc<str>,
    pub(super) node: Arc<Node>,
    pub(super) value: Value,
}

/// Reads the manifests of one file. Empty manifests are left out.
pub(super) fn read(source: &Source, problems: &mut Vec<Diagnostic>) -> Vec<Manifest> {
    let file = source.file.as_str();
    let start = || Some(Place { file: file.to_owned(), line: 1, column: 1 });
    let bytes = match &source.content {
        Ok(bytes) => bytes,
        Err(why) => {
            let remedy = "check that the file exists and may be read";
            problems.push(Diagnostic::new(codes::UNREADABLE, start(), why, remedy));
            return Vec::new();
        }
    };
    // Before anything looks at the content, so that the answer does not depend on what is in it.
    if bytes.len() > MAX_BYTES {
        let detail = format!("the file has more than {MAX_BYTES} bytes");
        problems.push(Diagnostic::new(
            codes::TOO_LARGE,
            start(),
            detail,
            "split the file, or take it out of the folder",
        ));
        return Vec::new();
    }
    let text = match std::str::from_utf8(bytes) {
        Ok(text) => text,
        Err(error) => {
            problems.push(not_utf8(file, bytes, error.valid_up_to()));
            return Vec::new();
        }
    };
    let text = text.strip_prefix('\u{feff}').unwrap_or(text);
    if let Some((at, odd)) = text.char_indices().find(|(_, c)| is_unprintable(*c)) {
        let (line, column) = place_after(&text[..at]);
        let place = Place { file: file.to_owned(), line, column };
        let detail = format!("the control character U+{:04X} is not allowed in YAML", u32::from(odd));
        let remedy = "remove it, or write it as an escape in double quotes";
        problems.push(Diagnostic::new(codes::SYNTAX, Some(place), detail, remedy));
        return Vec::new();
    }
    let name: Arc<str> = Arc::from(file);
    let mut manifests = Vec::new();
    for (first_line, text) in cut(text) {
        let Some(Read { node, is_plain }) = located::read(file, text, first_line, problems) else { continue };
        if node.is_empty() {
            continue;
        }
        let plain = if is_plain { plain_value(&node, 0) } else { None };
        if let Some(value) = plain.or_else(|| value_of(file, text, first_line, &node, problems)) {
            manifests.push(Manifest { file: Arc::clone(&name), node, value });
        }
    }
    manifests
}

fn not_utf8(file: &str, bytes: &[u8], valid_up_to: usize) -> Diagnostic {
    let before = String::from_utf8_lossy(bytes.get(..valid_up_to).unwrap_or_default());
    let (line, column) = place_after(before.trim_start_matches('\u{feff}'));
    let place = Place { file: file.to_owned(), line, column };
    let detail = match bytes {
        [0xff, 0xfe, ..] | [0xfe, 0xff, ..] => "the file is UTF-16 text; only UTF-8 is read".to_owned(),
        bytes => format!("byte 0x{:02x} is not UTF-8 text", bytes.get(valid_up_to).copied().unwrap_or_default()),
    };
    Diagnostic::new(codes::UNREADABLE, Some(place), detail, "save the file as UTF-8")
}

/// The line and column of what follows a text.
fn place_after(text: &str) -> (usize, usize) {
    match lines(text).enumerate().last() {
        None => (1, 1),
        Some((index, (_, true))) => (index + 2, 1),
        Some((index, (line, false))) => (index + 1, line.chars().count() + 1),
    }
}

fn is_unprintable(c: char) -> bool {
    matches!(c, '\u{fffe}' | '\u{ffff}') || c.is_control() && !matches!(c, '\t' | '\n' | '\r' | '\u{85}')
}

/// The lines of a text without their ends, and whether they have one. A lone carriage return ends a line, as in YAML.
fn lines(text: &str) -> impl Iterator<Item = (&str, bool)> {
    let mut rest = text;
    std::iter::from_fn(move || {
        if rest.is_empty() {
            return None;
        }
        let end = rest.find(['\n', '\r']);
        let line = &rest[..end.unwrap_or(rest.len())];
        let after = &rest[line.len()..];
        rest = after.strip_prefix("\r\n").or_else(|| after.get(1..)).unwrap_or_default();
        Some((line, end.is_some()))
    })
}

/// Cuts a text into its manifests, each with the number of its first line.
///
/// `---` and `...` at the beginning of a line end a manifest wherever they stand, also inside quotes and blocks. Pieces
/// of comments and directives alone are left out.
fn cut(text: &str) -> Vec<(usize, &str)> {
    let is_marker = |line: &str, marker: &str| {
        line.strip_prefix(marker).is_some_and(|rest| rest.is_empty() || rest.starts_with([' ', '\t']))
    };
    let mut pieces = Vec::new();
    let (mut start, mut first_line, mut has_content) = (0, 1, false);
    for (index, (line, _)) in lines(text).enumerate() {
        let at = line.as_ptr() as usize - text.as_ptr() as usize;
        let (begins, ends) = (is_marker(line, "---"), is_marker(line, "..."));
        if begins || ends {
            if has_content {
                pieces.push((first_line, &text[start..at]));
            }
            // What follows `...` on its line can only be a comment.
            let skipped = if ends { line.len() } else { 0 };
            (start, first_line, has_content) = (at + skipped, index + 1, begins);
        } else if !line.trim_start().is_empty() && !line.trim_start().starts_with('#') && !line.starts_with('%') {
            has_content = true;
        }
    }
    if has_content {
        pieces.push((first_line, &text[start..]));
    }
    pieces
}

fn value_of(file: &str, text: &str, first_line: usize, node: &Node, problems: &mut Vec<Diagnostic>) -> Option<Value> {
    let read: serde_yaml::Value = match serde_yaml::from_str(text) {
        Ok(read) => read,
        Err(error) => {
            let place = match error.location() {
                Some(at) => Place { file: file.to_owned(), line: at.line() + first_line - 1, column: at.column() },
                None => node.place(file),
            };
            let remedy =
                "check the indentation, brackets and quotes; write control characters as escapes in double quotes";
            let text = error.to_string();
            // The place in the text counts from the beginning of the manifest, not of the file.
            let detail = text.split_once(" at line ").map_or(text.as_str(), |(detail, _)| detail);
            problems.push(Diagnostic::new(codes::SYNTAX, Some(place), detail, remedy));
            return None;
        }
    };
    let before = problems.len();
    let value = convert(file, read, node, problems);
    (problems.len() == before).then_some(value)
}

fn convert(file: &str, value: serde_yaml::Value, node: &Node, problems: &mut Vec<Diagnostic>) -> Value {
    use serde_yaml::Value as Yaml;
    match (value, &node.shape) {
        (Yaml::Null, Shape::Scalar(_)) => Value::Null,
        (Yaml::Bool(value), Shape::Scalar(_)) => Value::Bool(value),
        (Yaml::String(text), Shape::Scalar(_)) => Value::String(text),
        (Yaml::Number(number), Shape::Scalar(_)) => match number_of(&number) {
            Some(number) => Value::Number(number),
            None => {
                let detail = format!("`{number}` is not a number that can be compared");
                problems.push(Diagnostic::new(
                    codes::WRONG_SHAPE,
                    Some(node.place(file)),
                    detail,
                    "write a finite number, or quote it if it is text",
                ));
                Value::Null
            }
        },
        (Yaml::Sequence(values), Shape::Sequence(items)) if values.len() == items.len() => Value::Array(
            values.into_iter().zip(items).map(|(value, item)| convert(file, value, item, problems)).collect(),
        ),
        (Yaml::Mapping(members), Shape::Mapping(entries)) if members.len() == entries.len() => {
            let mut map = Map::new();
            for ((key, value), entry) in members.into_iter().zip(entries) {
                let place = || Some(Place { file: file.to_owned(), line: entry.line, column: entry.column });
                match key {
                    Yaml::String(key) if key == entry.key => {
                        map.insert(key, convert(file, value, &entry.value, problems));
                    }
                    Yaml::String(_) => problems.push(disagree(place())),
                    _ => {
                        let detail = format!("the key `{}` is not text for every YAML reader", entry.key);
                        problems.push(Diagnostic::new(codes::WRONG_SHAPE, place(), detail, "quote the key"));
                    }
                }
            }
            Value::Object(map)
        }
        _ => {
            problems.push(disagree(Some(node.place(file))));
            Value::Null
        }
    }
}

/// No key that is longer is taken for plain: some readers have bounds.
const PLAIN_KEY: usize = 100;
/// Nothing that is deeper is taken for plain.
const PLAIN_DEPTH: usize = 50;

/// The value of a node of a plain manifest, which is what `serde_yaml` reads it as; `None` where that takes more than a few rules
/// to tell.
fn plain_value(node: &Node, depth: usize) -> Option<Value> {
    if depth > PLAIN_DEPTH {
        return None;
    }
    match &node.shape {
        Shape::Scalar(scalar) if scalar.plain => plain_scalar(&scalar.text),
        Shape::Scalar(scalar) => Some(Value::String(scalar.text.clone())),
        // What is not in line is where readers differ in what they forgive.
        Shape::Sequence(items) => {
            let in_line = items.windows(2).all(|pair| matches!(pair, [one, other] if one.column == other.column));
            let values = items.iter().map(|item| plain_value(item, depth + 1));
            if in_line { values.collect::<Option<_>>().map(Value::Array) } else { None }
        }
        Shape::Mapping(entries) => {
            let mut map = Map::new();
            for entry in entries {
                let is_text =
                    entry.key.starts_with(|first: char| first.is_ascii_alphabetic()) && is_plain_text(&entry.key);
                if !is_text || entry.key.len() > PLAIN_KEY || entry.column != node.column {
                    return None;
                }
                map.insert(entry.key.clone(), plain_value(&entry.value, depth + 1)?);
            }
            Some(Value::Object(map))
        }
    }
}

/// A scalar without quotes.
fn plain_scalar(text: &str) -> Option<Value> {
    let is_number =
        |digits: &str| (1..=15).contains(&digits.len()) && digits.bytes().all(|digit| digit.is_ascii_digit());
    let is_whole = |digits: &str| is_number(digits) && (digits == "0" || !digits.starts_with('0'));
    match text {
        "" | "null" => Some(Value::Null),
        "true" => Some(Value::Bool(true)),
        "false" => Some(Value::Bool(false)),
        text if is_whole(text) => Some(Value::Number(text.parse::<u64>().ok()?.into())),
        text if text.split_once('.').is_some_and(|(whole, part)| is_whole(whole) && is_number(part)) => {
            Some(Value::Number(Number::from_f64(text.parse().ok()?)?))
        }
        text if is_plain_text(text) => Some(Value::String(text.to_owned())),
        _ => None,
    }
}

/// Whether a scalar without quotes is text for every reader: it begins with a letter, or as a path or placeholder does, and is no
/// word that stands for a number, a truth value or nothing.
fn is_plain_text(text: &str) -> bool {
    const WORDS: &[&str] = &["null", "true", "false", "yes", "no", "on", "off", "y", "n", "inf", "infinity", "nan"];
    text.starts_with(|first: char| first.is_ascii_alphabetic() || matches!(first, '$' | '/'))
        && !WORDS.iter().any(|word| text.eq_ignore_ascii_case(word))
}

fn disagree(at: Option<Place>) -> Diagnostic {
    let detail = "two YAML readers read this differently";
    Diagnostic::new(codes::SYNTAX, at, detail, "write it more plainly: quote the text, one key on each line")
}

fn number_of(number: &serde_yaml::Number) -> Option<Number> {
    number
        .as_u64()
        .map(Number::from)
        .or_else(|| number.as_i64().map(Number::from))
        .or_else(|| number.as_f64().and_then(Number::from_f64))
}

#[cfg(test)]
mod tests {
    use std::path::{Path, PathBuf};

    use super::*;

    /// What is read once, and what `serde_yaml` makes of the same text; `None` where it is not read once.
    fn both(text: &str) -> Option<(Value, Option<Value>)> {
        let Read { node, is_plain } = located::read("file.yaml", text, 1, &mut Vec::new())?;
        let plain = if is_plain { plain_value(&node, 0) } else { None };
        Some((plain?, value_of("file.yaml", text, 1, &node, &mut Vec::new())))
    }

    fn yaml_in(folder: &Path, found: &mut Vec<PathBuf>) {
        for entry in std::fs::read_dir(folder).into_iter().flatten().flatten() {
            let path = entry.path();
            if path.is_dir() {
                yaml_in(&path, found);
            } else if path.extension().is_some_and(|extension| extension == "yaml") {
                found.push(path);
            }
        }
    }

    #[test]
    fn what_is_read_once_is_what_serde_yaml_reads() {
        let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("../..");
        let mut files = Vec::new();
        ["desired-state", "reconciler/kinds", "reconciler/controls", "reconciler/emulator"]
            .iter()
            .for_each(|folder| yaml_in(&root.join(folder), &mut files));
        let mut plain = 0;
        for file in &files {
            let text = std::fs::read_to_string(file).unwrap_or_default();
            for (_, manifest) in cut(&text) {
                if let Some((once, twice)) = both(manifest) {
                    assert_eq!(Some(once), twice, "{}", file.display());
                    plain += 1;
                }
            }
        }
        assert!(plain > 0, "only {plain} manifests of {} files are plain", files.len());
    }

    /// Every scalar as a value, as an element and as a key.
    #[test]
    fn scalars_are_read_once_as_serde_yaml_reads_them() {
        let plain = [
            "null",
            "true",
            "false",
            "0",
            "7",
            "10",
            "0.75",
            "0.0",
            "1.50",
            "text",
            "a b",
            "a:b",
            "a#b",
            "nullable",
            "Yes it is",
            "${kms:alias/a}",
            "/path",
            "'0'",
            "'it'",
            "\"2012-10-17\"",
            "'# no comment'",
            "text # comment",
            "BLOCK",
            "infinite",
            "arn:aws:iam::aws:policy/A",
        ];
        let other = [
            "~",
            "Null",
            "NULL",
            "True",
            "TRUE",
            "yes",
            "No",
            "on",
            "OFF",
            "y",
            "N",
            "00",
            "007",
            "0x1f",
            "0o17",
            "0b1",
            "-1",
            "+1",
            "1e3",
            "1.",
            ".5",
            "-0.5",
            ".inf",
            "-.inf",
            ".nan",
            "inf",
            "NaN",
            "1_000",
            "2012-10-17",
            "12:30:45",
            "123456789012345678901234567890",
            "1.0e400",
            "'it''s'",
            "\"a\\tb\"",
            "[a]",
            "{a: b}",
            "*a",
            "&a b",
            "!!str 1",
            "| \n  text",
            "'two\n  lines'",
            "two\n  lines",
            "é",
            "@a",
            "%a",
            "`a`",
            "<<",
            "=",
            "--",
            "_",
            ".",
            "...a",
        ];
        for (scalar, is_read_once) in plain.iter().map(|one| (one, true)).chain(other.iter().map(|one| (one, false))) {
            for text in
                [format!("a: {scalar}"), format!("a:\n- {scalar}\n- b"), format!("a:\n  b: {scalar}\n  c: d\ne: f")]
            {
                match both(&text) {
                    Some((once, twice)) => {
                        assert!(is_read_once, "{text}");
                        assert_eq!(Some(once), twice, "{text}");
                    }
                    None => assert!(!is_read_once, "{text}"),
                }
            }
            if let Some((once, twice)) = both(&format!("{scalar}: a")) {
                assert_eq!(Some(once), twice, "{scalar}");
            }
        }
    }

    #[test]
    fn what_is_out_of_line_is_read_twice() {
        let texts = [
            "a:\n   b: 1\n  c: 2",
            "a:\n - b\n  - c",
            "- a\n -  b",
            "a:\n  -   b: 1\n      c: 2\n  - d: 1",
            "a:\n- -\n- b",
            "? a\n: b",
            "a:\tb",
        ];
        for text in texts {
            if let Some((once, twice)) = both(text) {
                assert_eq!(Some(once), twice, "{text}");
            }
        }
    }
}
