//! Small words that several screens share.

/// `1 address`, `2 addresses`.
pub(crate) fn counted(number: usize, word: &str) -> String {
    let ending = match number {
        1 => "",
        _ if word.ends_with(['s', 'x']) || word.ends_with("ch") => "es",
        _ => "s",
    };
    format!("{number} {word}{ending}")
}
