//! How wide lines are, and where they break.

use std::io::IsTerminal as _;

use textwrap::core::{Word, display_width};
use textwrap::{Options, WordSeparator, WordSplitter, wrap};

/// The width where standard output is no terminal and `COLUMNS` says nothing.
const UNKNOWN: usize = 100;
/// Lines are neither narrower nor wider than this.
const BOUNDS: (usize, usize) = (80, 200);

/// The width of lines: what `COLUMNS` says, or that of the terminal.
pub(crate) fn width() -> usize {
    let said = std::env::var("COLUMNS").ok().and_then(|text| text.trim().parse().ok());
    let seen = || match std::io::stdout().is_terminal() {
        true => terminal_size::terminal_size().map(|(width, _)| usize::from(width.0)),
        false => None,
    };
    said.or_else(seen).unwrap_or(UNKNOWN).clamp(BOUNDS.0, BOUNDS.1)
}

/// A text in lines of at most `width`: the first begins with `first`, the others with `rest`.
pub(crate) fn wrapped(text: &str, first: &str, rest: &str, width: usize) -> String {
    let options = Options::new(width)
        .initial_indent(first)
        .subsequent_indent(rest)
        .word_separator(WordSeparator::Custom(words))
        .word_splitter(WordSplitter::NoHyphenation);
    let mut all = String::new();
    for line in wrap(text, options) {
        all.push_str(line.trim_end());
        all.push('\n');
    }
    all
}

/// How wide a text is, without its colours.
pub(crate) fn columns(text: &str) -> usize {
    display_width(text)
}

/// A text with spaces up to `width`.
pub(crate) fn padded(text: &str, width: usize) -> String {
    format!("{text}{}", " ".repeat(width.saturating_sub(columns(text))))
}

/// From how many characters on a word is broken at its separators.
const LONG: usize = 24;

/// Words at spaces; long ones, such as ARNs, at their separators too.
fn words(line: &str) -> Box<dyn Iterator<Item = Word<'_>> + '_> {
    Box::new(WordSeparator::AsciiSpace.find_words(line).flat_map(|word| {
        let parts = pieces(word.word);
        let last = parts.len() - 1;
        parts.into_iter().enumerate().map(move |(index, part)| {
            let mut part = Word::from(part);
            part.whitespace = if index == last { word.whitespace } else { "" };
            part
        })
    }))
}

/// A long word in pieces that end with a separator; never a piece of a few characters. At least one piece.
fn pieces(word: &str) -> Vec<&str> {
    let mut pieces = Vec::new();
    let mut start = 0;
    if columns(word) > LONG {
        for (at, separator) in word.char_indices().filter(|(_, c)| matches!(c, '/' | ':' | ',')) {
            let end = at + separator.len_utf8();
            if end - start > 4 && word.len() - end > 3 {
                pieces.push(&word[start..end]);
                start = end;
            }
        }
    }
    pieces.push(&word[start..]);
    pieces
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn lines_hang_and_arns_break_at_their_separators() {
        let text = "Readers: Allow arn:aws:iam::999988887777:role/team/readers/of/everything s3:GetObject on arn:aws:s3:::logs/*";
        let shown = wrapped(text, "  - ", "      ", 50);
        assert!(shown.lines().all(|line| line.len() <= 50), "{shown}");
        assert!(shown.lines().skip(1).all(|line| line.starts_with("      ") && !line[6..].starts_with(' ')), "{shown}");
        let joined: String = shown.lines().map(str::trim).collect::<Vec<_>>().join("");
        assert_eq!(joined.replace(' ', ""), format!("-{text}").replace(' ', ""), "nothing is lost:\n{shown}");
        assert!(shown.contains("role/\n") || shown.contains("team/\n") || shown.contains("readers/\n"), "{shown}");
    }

    #[test]
    fn colours_take_no_room() {
        let painted = "\u{1b}[31mweakened\u{1b}[0m";
        assert_eq!(columns(painted), 8);
        assert_eq!(columns(&padded(painted, 10)), 10);
    }
}
