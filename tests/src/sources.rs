//! The sources as text, for laws about what they name: without their tests, and function by function.
//!
//! Caveats: this reads lines as `rustfmt` leaves them, and does not parse Rust. What a law cannot make out is kept, so that a
//! mistake here is a false alarm rather than a law that looks at nothing.

use std::path::Path;

use crate::declarations::{files, repository};

/// A source without the modules that are compiled for tests alone. What follows such a module is kept, and each line keeps its
/// number.
pub fn without_tests(text: &str) -> String {
    let mut kept = String::new();
    let mut lines = text.lines().peekable();
    let blank = |kept: &mut String| kept.push('\n');
    while let Some(line) = lines.next() {
        let is_module = |line: &&str| {
            let line = line.trim_start();
            let line = line.split_once(") ").filter(|_| line.starts_with("pub(")).map_or(line, |(_, rest)| rest);
            line.trim_start_matches("pub ").starts_with("mod ")
        };
        if line.trim() != "#[cfg(test)]" || !lines.peek().is_some_and(is_module) {
            kept.push_str(line);
            blank(&mut kept);
            continue;
        }
        let indent = &line[..line.len() - line.trim_start().len()];
        let module = lines.next().unwrap_or_default();
        kept.push_str("\n\n");
        if module.trim_end().ends_with(';') {
            continue;
        }
        let end = format!("{indent}}}");
        for line in lines.by_ref() {
            blank(&mut kept);
            if line == end {
                break;
            }
        }
    }
    kept
}

/// The sources below a folder of the repository that are no tests, each with its path from there and its text without tests.
pub fn below(folder: &str) -> Vec<(String, String)> {
    let root = repository().join(folder);
    let is_test = |path: &Path| {
        path.components().any(|part| part.as_os_str() == "tests")
            || path.file_name().is_some_and(|name| name == "tests.rs")
    };
    let mut found = Vec::new();
    for path in files(&root, &["rs"]) {
        let place = path.strip_prefix(&root).expect("below");
        if !is_test(place) {
            let text = std::fs::read_to_string(&path).expect("a source file");
            found.push((place.to_string_lossy().replace('\\', "/"), without_tests(&text)));
        }
    }
    assert!(found.len() > 5, "{folder}");
    found
}

/// The functions and macros of a source, methods too: name and text, from the signature to the closing brace.
pub fn functions(text: &str) -> Vec<(String, String)> {
    let lines: Vec<&str> = text.lines().collect();
    let mut found = Vec::new();
    for (at, line) in lines.iter().enumerate() {
        let Some(name) = named(line) else { continue };
        let end = format!("{}}}", &line[..line.len() - line.trim_start().len()]);
        let rest = lines[at..].iter();
        let count = rest.take_while(|line| **line != end).count();
        let whole = match line.trim_end().ends_with('}') {
            true => &lines[at..=at],
            false => &lines[at..lines.len().min(at + count + 1)],
        };
        found.push((name.to_owned(), whole.join("\n")));
    }
    found
}

/// What a line begins to define.
fn named(line: &str) -> Option<&str> {
    let line = line.trim_start();
    let rest = match line.strip_prefix("macro_rules! ") {
        Some(rest) => rest,
        None => {
            let (before, rest) = line.split_once("fn ")?;
            let is_qualifier = |word: &str| {
                word.starts_with("pub") || ["async", "const", "unsafe"].contains(&word) || word.ends_with(')')
            };
            before.split_whitespace().all(is_qualifier).then_some(rest)?
        }
    };
    let end = rest.find(|character: char| !character.is_alphanumeric() && character != '_')?;
    Some(&rest[..end]).filter(|name| !name.is_empty())
}

/// The names that a text calls: functions, methods of its own, and macros. What a type or another value has is none of them.
pub fn called(text: &str) -> Vec<&str> {
    let is_of_name = |character: char| character.is_alphanumeric() || character == '_';
    let mut found = Vec::new();
    for (at, _) in text.match_indices(['(', '!']) {
        let before = &text[..at];
        let name = &before[before.rfind(|character| !is_of_name(character)).map_or(0, |end| end + 1)..];
        let receiver = &before[..before.len() - name.len()];
        let is_own = match receiver.strip_suffix("::") {
            Some(path) => {
                let last = path.rsplit(|character| !is_of_name(character)).next().unwrap_or_default();
                last == "Self" || last.chars().all(|character| !character.is_uppercase())
            }
            None => !receiver.ends_with('.') || receiver.ends_with("self."),
        };
        if !name.is_empty() && name != "pub" && is_own {
            found.push(name);
        }
    }
    found
}

#[cfg(test)]
mod tests {
    use super::*;

    // The space of the first line is escaped, so that nobody looks for the module.
    const SOURCE: &str = "\
#[cfg(test)]
mod\x20tests;

#[cfg(test)]
fn helper() {}

pub(crate) async fn kept(
    one: &str,
) -> String {
    self.one(two(three!(other.four(one))))
}

#[cfg(test)]
pub(crate) mod more {
    fn of_tests() {
        \"\"
    }
}

impl Kept {
    fn too(&self) -> u8 { 1 }
}
";

    #[test]
    fn only_modules_of_tests_are_cut_and_what_follows_is_kept() {
        let kept = without_tests(SOURCE);
        assert_eq!(kept.lines().count(), SOURCE.lines().count(), "{kept}");
        assert!(!kept.contains("mod ") && !kept.contains("of_tests"), "{kept}");
        for (number, line) in kept.lines().enumerate().filter(|(_, line)| !line.is_empty()) {
            assert_eq!(Some(line), SOURCE.lines().nth(number));
        }
        for word in ["fn helper()", "fn kept(", "fn too("] {
            assert!(kept.contains(word), "{word}: {kept}");
        }
    }

    #[test]
    fn functions_end_where_they_end_and_call_what_they_call() {
        let all = functions(&without_tests(SOURCE));
        assert_eq!(all.iter().map(|(name, _)| name.as_str()).collect::<Vec<_>>(), ["helper", "kept", "too"]);
        let kept = &all[1].1;
        assert!(kept.ends_with("one))))\n}"), "{kept}");
        assert_eq!(called(kept), ["kept", "one", "two", "three"]);
        assert_eq!(called("a(b!(c::d(E::f(Self::g(1)))))"), ["a", "b", "d", "g"]);
    }
}
