//! Text from outside, as it may be shown: on one line, and with nothing in it that hides, or that a terminal obeys.
//!
//! Expected flow: names, values, messages and errors of AWS are whatever somebody wrote there. Whoever prints one, logs it or
//! writes it to a report shows it as [`one_line`] does; what is data for programs keeps its meaning ([`in_json`]).
//!
//! Guarantees: a text that is shown never begins a line of ours, and what is seen is what is there, in its order.

use std::borrow::Cow;
use std::fmt::Write as _;

/// An error and its causes, each said once.
pub fn chain(error: &dyn std::error::Error) -> String {
    let mut text = error.to_string();
    let mut cause = error.source();
    while let Some(error) = cause {
        text.push_str(": ");
        text.push_str(&error.to_string());
        cause = error.source();
    }
    text
}

/// Characters that are not seen, that end a line somewhere, or that change the order in which others are seen.
pub fn hides(c: char) -> bool {
    c.is_control()
        || matches!(
            c,
            '\u{ad}'
                | '\u{61c}'
                | '\u{180e}'
                | '\u{200b}'..='\u{200f}'
                | '\u{2028}'..='\u{202e}'
                | '\u{2060}'..='\u{206f}'
                | '\u{feff}'
                | '\u{fff9}'..='\u{fffb}'
                | '\u{e0000}'..='\u{e007f}'
        )
}

/// A text on one line: `\n`, `\r` and `\t` for these, `\u{…}` for everything else that [`hides`].
pub fn one_line(text: &str) -> Cow<'_, str> {
    escaped(text, hides)
}

/// The same for text that has lines of our own.
pub fn lines(text: &str) -> Cow<'_, str> {
    escaped(text, |c| c != '\n' && hides(c))
}

fn escaped(text: &str, is_odd: impl Fn(char) -> bool) -> Cow<'_, str> {
    if !text.contains(&is_odd) {
        return Cow::Borrowed(text);
    }
    let mut shown = String::with_capacity(text.len() + 16);
    for c in text.chars() {
        match c {
            c if !is_odd(c) => shown.push(c),
            '\n' => shown.push_str("\\n"),
            '\r' => shown.push_str("\\r"),
            '\t' => shown.push_str("\\t"),
            c => shown.extend(c.escape_unicode()),
        }
    }
    Cow::Owned(shown)
}

/// A text of JSON that means the same, and in which nothing [`hides`]: writers of JSON escape only what comes before the space.
/// What hides can only stand within a string there, but for the line breaks between members.
pub fn in_json(text: &str) -> Cow<'_, str> {
    if !text.contains(|c| c != '\n' && hides(c)) {
        return Cow::Borrowed(text);
    }
    let mut shown = String::with_capacity(text.len() + 16);
    let mut units = [0; 2];
    for c in text.chars() {
        if c == '\n' || !hides(c) {
            shown.push(c);
            continue;
        }
        for unit in c.encode_utf16(&mut units) {
            // Writing to a String cannot fail.
            let _ = write!(shown, "\\u{unit:04x}");
        }
    }
    Cow::Owned(shown)
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;
    use serde_json::Value;

    use super::*;

    /// Texts in which what hides is frequent.
    fn hostile() -> impl Strategy<Value = String> {
        let odd = prop_oneof![
            Just('\n'),
            Just('\r'),
            Just('\t'),
            Just('\u{1b}'),
            proptest::char::range('\u{7f}', '\u{a0}'),
            proptest::char::range('\u{2000}', '\u{2070}'),
            Just('\u{feff}'),
            proptest::char::range('\u{e0000}', '\u{e0080}'),
            any::<char>(),
            proptest::char::range(' ', '~'),
        ];
        proptest::collection::vec(odd, 0..40).prop_map(|all| all.into_iter().collect())
    }

    #[test]
    fn what_hides_is_shown() {
        assert_eq!(one_line("x\r\nresult: in sync\n"), "x\\r\\nresult: in sync\\n");
        let shown = one_line("\u{85}\u{9b}2J\u{2028}\u{2029}\u{202e}\u{2066}\u{200b}\u{feff}\u{1b}[2J");
        let expected = "\\u{85}\\u{9b}2J\\u{2028}\\u{2029}\\u{202e}\\u{2066}\\u{200b}\\u{feff}\\u{1b}[2J";
        assert_eq!(shown, expected);
        for plain in ["", "é 中 `x` \\d+ €", "naïve — “quoted”", "👍🏽"] {
            assert!(matches!(one_line(plain), Cow::Borrowed(same) if same == plain), "{plain}");
        }
        assert_eq!(lines("a\n\u{202e}b\r\n"), "a\n\\u{202e}b\\r\n");
    }

    proptest! {
        #[test]
        fn nothing_that_is_shown_hides(text in hostile()) {
            prop_assert!(!one_line(&text).contains(hides));
            prop_assert_eq!(one_line(&text).lines().count(), usize::from(!text.is_empty()));
            let shown = one_line(&text);
            prop_assert_eq!(one_line(&shown), &*shown, "once is enough");
            prop_assert_eq!(lines(&text).matches('\n').count(), text.matches('\n').count());
            prop_assert!(!lines(&text).replace('\n', "").contains(hides));
        }

        #[test]
        fn json_means_the_same(text in hostile()) {
            let value = serde_json::json!({&text: [text]});
            let written = format!("{value:#}");
            let shown = in_json(&written);
            prop_assert!(!shown.replace('\n', "").contains(hides));
            prop_assert_eq!(serde_json::from_str::<Value>(&shown).expect("JSON"), value);
        }
    }
}
