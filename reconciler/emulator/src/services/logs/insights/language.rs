//! A small part of the query language of Logs Insights: fields, display, filter, stats, sort and limit.
//!
//! Expected flow: [`parse`] turns the text into commands, or says where it cannot; everything that this part does not have is
//! malformed, so that no query seems to work here that was never read.

use regex::Regex;

/// One command of the pipe.
#[derive(Clone, Debug)]
pub(super) enum Command {
    /// `fields` and `display`: what a row shows.
    Show(Vec<Field>),
    Filter(Test),
    Stats(Vec<Aggregate>, Vec<Group>),
    Sort(Vec<(String, bool)>),
    Limit(usize),
}

/// The path of a field; the name as it was written is its column.
#[derive(Clone, Debug)]
pub(super) struct Field {
    pub(super) written: String,
    pub(super) path: Vec<String>,
}

#[derive(Clone, Debug)]
pub(super) struct Aggregate {
    pub(super) column: String,
    pub(super) function: String,
    /// `None` is every row.
    pub(super) of: Option<Field>,
}

#[derive(Clone, Debug)]
pub(super) enum Group {
    By(Field),
    /// `bin(5m)`: the column, and seconds.
    Bin(String, i64),
}

#[derive(Clone, Debug)]
pub(super) enum Test {
    And(Box<Test>, Box<Test>),
    Or(Box<Test>, Box<Test>),
    Not(Box<Test>),
    Present(Field),
    Compared(Field, Comparison, String),
    In(Field, Vec<String>),
    Like(Field, Regex),
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Comparison {
    Equal,
    Unequal,
    Less,
    LessOrEqual,
    More,
    MoreOrEqual,
}

#[derive(Clone, Debug, PartialEq)]
enum Token {
    Word(Vec<String>, String),
    Text(String),
    Pattern(String),
    Sign(&'static str),
}

const SIGNS: &[&str] = &["!=", "<=", ">=", "=~", "|", "(", ")", "[", "]", ",", "=", "<", ">", "*"];

/// Reads a query.
///
/// # Errors
/// What cannot be read.
pub(super) fn parse(text: &str) -> Result<Vec<Command>, String> {
    let mut reader = Reader { tokens: tokens(text)?, next: 0 };
    let mut commands = Vec::new();
    while reader.peek().is_some() {
        commands.push(reader.command()?);
        if reader.peek().is_some() {
            reader.must_be("|")?;
        }
    }
    if commands.is_empty() { Err("the query is empty".to_owned()) } else { Ok(commands) }
}

fn tokens(text: &str) -> Result<Vec<Token>, String> {
    let mut found = Vec::new();
    let mut rest = text.trim_start();
    while let Some(first) = rest.chars().next() {
        if first == '#' {
            rest = rest.split_once('\n').map_or("", |(_, after)| after);
        } else if matches!(first, '"' | '\'') {
            let (inside, after) = quoted(&rest[1..], first)?;
            found.push(Token::Text(inside));
            rest = after;
        } else if first == '/' {
            let (inside, after) = quoted(&rest[1..], '/')?;
            found.push(Token::Pattern(inside));
            rest = after;
        } else if let Some(sign) = SIGNS.iter().find(|sign| rest.starts_with(**sign)) {
            found.push(Token::Sign(sign));
            rest = &rest[sign.len()..];
        } else {
            let (word, after) = word(rest)?;
            found.push(word);
            rest = after;
        }
        rest = rest.trim_start();
    }
    Ok(found)
}

/// The text up to a closing mark; a backslash before the mark takes it in.
fn quoted(rest: &str, mark: char) -> Result<(String, &str), String> {
    let mut inside = String::new();
    let mut letters = rest.char_indices();
    while let Some((at, letter)) = letters.next() {
        match letter {
            '\\' => match letters.next() {
                Some((_, next)) if next == mark => inside.push(next),
                Some((_, next)) => inside.extend(['\\', next]),
                None => break,
            },
            letter if letter == mark => return Ok((inside, &rest[at + letter.len_utf8()..])),
            letter => inside.push(letter),
        }
    }
    Err(format!("no closing {mark}"))
}

/// A name, a path of names with back-ticks around those with other characters, or a number.
fn word(rest: &str) -> Result<(Token, &str), String> {
    let mut path = vec![String::new()];
    let mut end = 0;
    let mut letters = rest.char_indices();
    while let Some((at, letter)) = letters.next() {
        match letter {
            '`' => {
                let Some(close) = rest[at + 1..].find('`') else { return Err("no closing `".to_owned()) };
                if let Some(last) = path.last_mut() {
                    last.push_str(&rest[at + 1..at + 1 + close]);
                }
                letters = rest[..].char_indices();
                letters.by_ref().take_while(|(index, _)| *index < at + 1 + close).for_each(drop);
                end = at + close + 2;
            }
            '.' => {
                path.push(String::new());
                end = at + 1;
            }
            letter if letter.is_alphanumeric() || matches!(letter, '_' | '@' | '-') => {
                if let Some(last) = path.last_mut() {
                    last.push(letter);
                }
                end = at + letter.len_utf8();
            }
            _ => break,
        }
    }
    if end == 0 {
        return Err(format!("unexpected {}", &rest[..rest.chars().next().map_or(0, char::len_utf8)]));
    }
    Ok((Token::Word(path, rest[..end].to_owned()), &rest[end..]))
}

struct Reader {
    tokens: Vec<Token>,
    next: usize,
}

impl Reader {
    fn peek(&self) -> Option<&Token> {
        self.tokens.get(self.next)
    }

    fn take(&mut self) -> Option<Token> {
        let token = self.tokens.get(self.next).cloned();
        self.next += 1;
        token
    }

    fn is(&self, sign: &str) -> bool {
        matches!(self.peek(), Some(Token::Sign(found)) if *found == sign)
    }

    fn is_word(&self, word: &str) -> bool {
        matches!(self.peek(), Some(Token::Word(_, found)) if found.eq_ignore_ascii_case(word))
    }

    fn takes(&mut self, sign: &str) -> bool {
        let is = self.is(sign);
        self.next += usize::from(is);
        is
    }

    fn takes_word(&mut self, word: &str) -> bool {
        let is = self.is_word(word);
        self.next += usize::from(is);
        is
    }

    fn must_be(&mut self, sign: &str) -> Result<(), String> {
        if self.takes(sign) { Ok(()) } else { Err(format!("expected {sign}, found {:?}", self.peek())) }
    }

    fn field(&mut self) -> Result<Field, String> {
        match self.take() {
            Some(Token::Word(path, written)) => Ok(Field { written, path }),
            other => Err(format!("expected a field, found {other:?}")),
        }
    }

    fn command(&mut self) -> Result<Command, String> {
        let Field { written, .. } = self.field()?;
        match written.to_ascii_lowercase().as_str() {
            "fields" | "display" => Ok(Command::Show(self.list(Self::field)?)),
            "filter" => Ok(Command::Filter(self.either()?)),
            "stats" => {
                let aggregates = self.list(Self::aggregate)?;
                let groups = if self.takes_word("by") { self.list(Self::group)? } else { Vec::new() };
                Ok(Command::Stats(aggregates, groups))
            }
            "sort" => Ok(Command::Sort(self.list(Self::order)?)),
            "limit" => {
                let count = self.field()?;
                count.written.parse().map(Command::Limit).map_err(|_| format!("{} is no count", count.written))
            }
            other => Err(format!("unexpected command {other}")),
        }
    }

    fn list<T>(&mut self, mut item: impl FnMut(&mut Self) -> Result<T, String>) -> Result<Vec<T>, String> {
        let mut items = vec![item(self)?];
        while self.takes(",") {
            items.push(item(self)?);
        }
        Ok(items)
    }

    fn aggregate(&mut self) -> Result<Aggregate, String> {
        let function = self.field()?.written.to_ascii_lowercase();
        if !["count", "count_distinct", "sum", "min", "max", "avg"].contains(&function.as_str()) {
            return Err(format!("unexpected function {function}"));
        }
        self.must_be("(")?;
        let of = if self.takes("*") { None } else { Some(self.field()?) };
        self.must_be(")")?;
        let inside = of.as_ref().map_or("*", |field| &field.written);
        let column = if self.takes_word("as") { self.field()?.written } else { format!("{function}({inside})") };
        Ok(Aggregate { column, function, of })
    }

    fn group(&mut self) -> Result<Group, String> {
        let field = self.field()?;
        if field.written != "bin" || !self.takes("(") {
            return Ok(Group::By(field));
        }
        let span = self.field()?.written;
        self.must_be(")")?;
        let unit = match span.chars().last() {
            Some('s') => 1,
            Some('m') => 60,
            Some('h') => 3600,
            Some('d') => 86_400,
            _ => return Err(format!("{span} is no period")),
        };
        let count: i64 = span[..span.len() - 1].parse().map_err(|_| format!("{span} is no period"))?;
        Ok(Group::Bin(format!("bin({span})"), count.max(1) * unit))
    }

    fn order(&mut self) -> Result<(String, bool), String> {
        let mut name = self.field()?.written;
        if self.takes("(") {
            let inside = if self.takes("*") { "*".to_owned() } else { self.field()?.written };
            self.must_be(")")?;
            name = format!("{name}({inside})");
        }
        let descending = self.takes_word("desc");
        if !descending {
            self.takes_word("asc");
        }
        Ok((name, descending))
    }

    fn either(&mut self) -> Result<Test, String> {
        let mut test = self.both()?;
        while self.takes_word("or") {
            test = Test::Or(Box::new(test), Box::new(self.both()?));
        }
        Ok(test)
    }

    fn both(&mut self) -> Result<Test, String> {
        let mut test = self.one()?;
        while self.takes_word("and") {
            test = Test::And(Box::new(test), Box::new(self.one()?));
        }
        Ok(test)
    }

    fn one(&mut self) -> Result<Test, String> {
        if self.takes_word("not") {
            return Ok(Test::Not(Box::new(self.one()?)));
        }
        if self.takes("(") {
            let test = self.either()?;
            self.must_be(")")?;
            return Ok(test);
        }
        let field = self.field()?;
        if field.written.eq_ignore_ascii_case("ispresent") && self.takes("(") {
            let of = self.field()?;
            self.must_be(")")?;
            return Ok(Test::Present(of));
        }
        if self.takes_word("not") {
            return Ok(Test::Not(Box::new(self.compared(field)?)));
        }
        self.compared(field)
    }

    fn compared(&mut self, field: Field) -> Result<Test, String> {
        if self.takes_word("in") {
            self.must_be("[")?;
            let values = self.list(Self::value)?;
            self.must_be("]")?;
            return Ok(Test::In(field, values));
        }
        if self.takes_word("like") || self.takes("=~") {
            let pattern = match self.take() {
                Some(Token::Pattern(pattern)) => pattern,
                Some(Token::Text(text)) => regex::escape(&text),
                other => return Err(format!("expected a pattern, found {other:?}")),
            };
            return Regex::new(&pattern).map(|pattern| Test::Like(field, pattern)).map_err(|error| error.to_string());
        }
        let comparison = match self.take() {
            Some(Token::Sign("=")) => Comparison::Equal,
            Some(Token::Sign("!=")) => Comparison::Unequal,
            Some(Token::Sign("<")) => Comparison::Less,
            Some(Token::Sign("<=")) => Comparison::LessOrEqual,
            Some(Token::Sign(">")) => Comparison::More,
            Some(Token::Sign(">=")) => Comparison::MoreOrEqual,
            other => return Err(format!("expected a comparison, found {other:?}")),
        };
        Ok(Test::Compared(field, comparison, self.value()?))
    }

    fn value(&mut self) -> Result<String, String> {
        match self.take() {
            Some(Token::Text(text) | Token::Word(_, text)) => Ok(text),
            other => Err(format!("expected a value, found {other:?}")),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_not_understood_is_malformed() {
        for text in [
            "",
            "parse @message /x/",
            "filter a = ",
            "stats percentile(a, 9)",
            "fields a | dedup b",
            "filter a like /(/",
        ] {
            assert!(parse(text).is_err(), "{text}");
        }
    }

    #[test]
    fn names_may_have_any_character_between_back_ticks() {
        let commands =
            parse("filter ispresent(output.`amazon-bedrock-guardrailAction`.x) # why\n| limit 3").map_err(drop);
        let Ok([Command::Filter(Test::Present(field)), Command::Limit(3)]) = commands.as_deref() else {
            panic!("{commands:?}")
        };
        assert_eq!(field.path, ["output", "amazon-bedrock-guardrailAction", "x"]);
    }
}
