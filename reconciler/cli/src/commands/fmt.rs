//! `fmt`: the files of the desired state in one style, with their comments.
//!
//! Expected flow: each line is put in order by itself; what is within a text of several lines is left as it is. A file is written
//! only where both of its forms have the same meaning.
//!
//! Guarantees: no comment is lost, and nothing that is declared changes: a file whose order would change its meaning is left as it
//! is, with the reason. A file is written whole or not at all. To do it again changes nothing.

use std::path::{Path, PathBuf};

use reconciler_engine::outcome::Outcome;
use serde::Deserialize as _;
use serde_json::json;
use similar::TextDiff;

use crate::exit::Exit;
use crate::failure::Failure;
use crate::files;
use crate::formats::documents;
use crate::screen::{GOOD, paint};
use crate::setup::Setup;
use crate::text::counted;

/// Words that readers of YAML 1.1 take for truth values, and this program for texts.
const TRUTHS: &[&str] = &["y", "n", "yes", "no", "on", "off"];

pub(crate) fn run(setup: &Setup, check: bool, paths: &[PathBuf]) -> Result<Exit, Failure> {
    let own = [setup.global.desired.clone()];
    let paths = if paths.is_empty() { &own[..] } else { paths };
    let mut changed = Vec::new();
    let all = files_below(paths)?;
    for path in &all {
        let text = read(path)?;
        let ordered = in_order(&text).map_err(|why| {
            Failure::new(Exit::Invalid, format!("left {} as it is: {why}", path.display()))
                .hint("`bedrock-reconciler validate` says what is wrong with a file")
        })?;
        if ordered == text {
            continue;
        }
        if check {
            let name = path.display().to_string();
            let diff = TextDiff::from_lines(&text, &ordered);
            setup.screen.say(diff.unified_diff().context_radius(2).header(&name, &name))?;
        } else {
            files::write_whole(path, ordered.as_bytes())
                .map_err(|error| Failure::new(Exit::Failed, format!("failed to write {}: {error}", path.display())))?;
            setup.screen.line(format_args!("{} {}", paint(GOOD, "ordered"), path.display()))?;
        }
        changed.push(path.display().to_string());
    }
    let told = json!({ "files": all.len(), "changed": changed, "check": check });
    setup.screen.json(&documents::named(documents::FORMATTING, told))?;
    let what = if check { "not in order" } else { "put in order" };
    setup.screen.say(format_args!("{} of {} {what}", changed.len(), counted(all.len(), "file")))?;
    Ok(Outcome::of_formatting(check && !changed.is_empty()).into())
}

/// The YAML files that are named, and those below the folders that are.
fn files_below(paths: &[PathBuf]) -> Result<Vec<PathBuf>, Failure> {
    let mut found = Vec::new();
    for path in paths {
        if path.is_dir() {
            let sources = files::sources(path);
            let yaml = sources.into_iter().map(|source| PathBuf::from(source.file));
            found
                .extend(yaml.filter(|file| file.extension().is_some_and(|ending| ending == "yaml" || ending == "yml")));
        } else if path.exists() {
            found.push(path.clone());
        } else {
            let text = format!("there is no file {}", path.display());
            return Err(Failure::new(Exit::Usage, text).hint("name files or folders, or nothing for --desired"));
        }
    }
    Ok(found)
}

fn read(path: &Path) -> Result<String, Failure> {
    use std::io::Read as _;
    let mut text = String::new();
    files::open_regular(path)
        .and_then(|file| file.take(8 * 1024 * 1024).read_to_string(&mut text))
        .map_err(|error| Failure::new(Exit::Failed, format!("failed to read {}: {error}", path.display())))?;
    Ok(text)
}

/// The text in order, or why it is left.
fn in_order(text: &str) -> Result<String, String> {
    let meant = meaning(text)?;
    let ordered = ordered(text);
    if meaning(&ordered).as_ref() != Ok(&meant) {
        return Err("a text of several lines in it would change".to_owned());
    }
    Ok(ordered)
}

/// What the documents of a text say.
fn meaning(text: &str) -> Result<Vec<serde_yaml::Value>, String> {
    let documents = serde_yaml::Deserializer::from_str(text).map(serde_yaml::Value::deserialize);
    documents.collect::<Result<_, _>>().map_err(|error| error.to_string())
}

fn ordered(text: &str) -> String {
    let mut lines: Vec<String> = Vec::new();
    // How deep the line is that began a text of several lines; what is deeper belongs to it.
    let mut block: Option<usize> = None;
    for line in text.trim_start_matches('\u{feff}').lines() {
        let line = line.strip_suffix('\r').unwrap_or(line);
        let depth = line.len() - line.trim_start_matches(' ').len();
        if let Some(of) = block {
            if line.trim().is_empty() || depth > of {
                lines.push(line.to_owned());
                continue;
            }
            block = None;
        }
        let line = one_line(line);
        if line.is_empty() && lines.last().is_none_or(String::is_empty) {
            continue;
        }
        if begins_a_block(&line) {
            block = Some(depth);
        }
        lines.push(line);
    }
    while lines.last().is_some_and(|line| line.trim().is_empty()) {
        lines.pop();
    }
    lines.iter().map(|line| format!("{line}\n")).collect()
}

/// One line that is no part of a longer text.
fn one_line(line: &str) -> String {
    let line = line.trim_end();
    let depth = line.len() - line.trim_start_matches(' ').len();
    let (indent, rest) = line.split_at(depth);
    if let Some(comment) = rest.strip_prefix('#') {
        let is_apart = comment.is_empty() || comment.starts_with([' ', '#', '!']);
        return if is_apart { line.to_owned() } else { format!("{indent}# {comment}") };
    }
    let Some((key, value)) = key_and_value(rest) else { return line.to_owned() };
    let value = match TRUTHS.contains(&value.to_ascii_lowercase().as_str()) {
        true => format!("\"{value}\""),
        false => value.to_owned(),
    };
    format!("{indent}{key}: {value}")
}

/// A plain key and what follows it on the line; dashes of a list belong to the key.
fn key_and_value(text: &str) -> Option<(&str, &str)> {
    let (key, value) = text.split_once(": ")?;
    let name = key.trim_start_matches("- ");
    let is_plain = !name.is_empty()
        && name.chars().all(|character| character.is_ascii_alphanumeric() || "_-./".contains(character));
    let value = value.trim_start();
    (is_plain && !value.is_empty() && !value.starts_with('#')).then_some((key, value))
}

/// Whether a text of several lines follows.
fn begins_a_block(line: &str) -> bool {
    let line = line.split(" #").next().unwrap_or(line).trim_end();
    let Some((before, last)) = line.rsplit_once(' ') else { return false };
    let is_indicator =
        last.starts_with(['|', '>']) && last.chars().skip(1).all(|character| "+-123456789".contains(character));
    is_indicator && (before.ends_with(':') || before.trim_start().ends_with('-'))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_file_is_put_in_order_with_its_comments_and_its_meaning() {
        let text = "\n\n#yaml-language-server: x\r\nkind:   guardrail  \n\n\n# why\nname: a # here\nspec:\n  on: yes\n  text: |\n    one  \n\n\n    two\n\n\nlast: 'x'\n\n";
        let ordered = in_order(text).expect("in order");
        let expected = "# yaml-language-server: x\nkind: guardrail\n\n# why\nname: a # here\nspec:\n  on: \"yes\"\n  text: |\n    one  \n\n\n    two\n\n\nlast: 'x'\n";
        assert_eq!(ordered, expected);
        assert_eq!(in_order(&ordered).as_deref(), Ok(expected), "to do it again changes nothing");
    }

    #[test]
    fn what_would_change_is_left_with_the_reason() {
        assert!(in_order("a: \"one  \n\n\n  two\"\nb: 1\n").is_err());
        assert!(in_order("a: [1\n").is_err(), "it is no YAML");
    }

    proptest::proptest! {
        /// Whatever lines there are: the meaning stays, every comment stays, and to do it again changes nothing.
        #[test]
        fn any_file_keeps_its_meaning_and_its_comments(
            lines in proptest::collection::vec("( {0,4}(- )?[a-c]{1,2}: {1,3}(yes|1|'x  y'|\\[a, b\\]|\\|)?( +#[a-z]{0,3})?|#[a-z ]{0,5}| {0,3}|---)", 0..12)
        ) {
            let text = lines.join("\n");
            if let Ok(ordered) = in_order(&text) {
                proptest::prop_assert_eq!(meaning(&ordered), meaning(&text));
                let comments = |text: &str| text.matches('#').count();
                proptest::prop_assert_eq!(comments(&ordered), comments(&text));
                let again = in_order(&ordered);
                proptest::prop_assert_eq!(again.as_deref(), Ok(ordered.as_str()));
            }
        }
    }
}
