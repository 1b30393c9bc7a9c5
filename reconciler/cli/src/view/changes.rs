//! The differences of one resource, in words: what will come, what will go, and what stays.
//!
//! Expected flow: [`of`] turns each field of a drift into lines with a sign, a label and a text, under the headings that they share;
//! [`whole`] does the same with a resource that is to be created.
//!
//! Guarantees: what is live and not declared is never cut, however long it is; what is declared is folded where it is long, and says
//! so. Nothing here is escaped: whoever prints it does that.

use std::time::Duration;

use reconciler_model::desired::Terms;
use reconciler_model::direction::Direction;
use reconciler_model::drift::{Change, Drift, FieldDrift};
use reconciler_model::policy::words;
use reconciler_model::tree::Path;
use serde_json::Value;
use similar::{ChangeTag, TextDiff};

/// What becomes of something. One sign, one meaning.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub(crate) enum Sign {
    /// It is created or added.
    Create,
    /// It is changed.
    Change,
    /// It is taken away.
    Remove,
    /// It stays as it is.
    Keep,
    /// Somebody answers for it until a day.
    Waived,
    /// It was not evaluated.
    Unseen,
    /// Nobody declared it; it is left to people.
    Undeclared,
    /// A heading, or what belongs to the line before.
    None,
}

impl Sign {
    /// What is printed.
    pub(crate) fn text(self) -> &'static str {
        match self {
            Self::Create => "+",
            Self::Change => "~",
            Self::Remove => "-",
            Self::Keep => "=",
            Self::Waived => "w",
            Self::Unseen => "!",
            Self::Undeclared => "?",
            Self::None => "",
        }
    }

    /// What it means, for the legend.
    pub(crate) fn meaning(self) -> &'static str {
        match self {
            Self::Create => "create",
            Self::Change => "change",
            Self::Remove => "remove",
            Self::Keep => "kept",
            Self::Waived => "waived",
            Self::Unseen => "not evaluated",
            Self::Undeclared => "undeclared",
            Self::None => "",
        }
    }
}

/// One line of a difference.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Line {
    /// How deep below the resource.
    pub(crate) depth: usize,
    /// What becomes of it.
    pub(crate) sign: Sign,
    /// Which member or statement.
    pub(crate) label: String,
    /// What is there, and what will be.
    pub(crate) text: String,
    /// What else is to be known, such as a direction of its own.
    pub(crate) remark: String,
    /// File and line of the declaration.
    pub(crate) at: String,
    /// Which way it points.
    pub(crate) direction: Direction,
}

/// How much is shown.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Depth {
    /// Long declared values are folded.
    Folded,
    /// Everything.
    Full,
}

/// Lines that one declared value may take before it is folded.
const FOLD_LINES: usize = 12;
/// Elements of a declared list that are shown before it is folded.
const FOLD_ELEMENTS: usize = 12;
/// Characters of a declared text that are shown before it is folded.
const FOLD_TEXT: usize = 240;
/// Texts that are longer are compared word by word.
const SHORT_TEXT: usize = 60;

/// The differences of one address that exists.
pub(crate) fn of(drift: &Drift, depth: Depth) -> Vec<Line> {
    let mut lines = Vec::new();
    let mut open: Vec<String> = Vec::new();
    let mut published = Vec::new();
    for field in &drift.fields {
        if repeats(drift, field) {
            published.push(field);
            continue;
        }
        let (heads, label) = placed(drift, field);
        let shared = heads.iter().zip(&open).take_while(|(one, two)| one == two).count();
        for (level, head) in heads.iter().enumerate().skip(shared) {
            lines.push(heading(level, head));
        }
        let first = lines.len();
        field_lines(&mut lines, drift, field, heads.len(), &label, depth);
        if let (Some(line), Some(at)) = (lines.get_mut(first), &field.declared_at) {
            line.at = without_column(at);
        }
        open = heads;
    }
    if let Some(field) = published.first() {
        let count = published.len();
        let fields = if count == 1 { "the same field".to_owned() } else { format!("the same {count} fields") };
        lines.push(Line {
            sign: Sign::Change,
            text: format!("{} in {fields}: callers use it", in_words(field.direction)),
            direction: field.direction,
            ..heading(0, "newest published version")
        });
    }
    lines
}

/// What is to be created, whole.
pub(crate) fn whole(declared: &Value, depth: Depth) -> Vec<Line> {
    let mut lines = Vec::new();
    let members = declared.as_object().into_iter().flatten().filter(|(_, value)| !is_nothing(value));
    for (name, value) in members {
        match is_copy(declared, value) {
            true => lines.push(Line { text: "the same content".to_owned(), ..heading(0, name) }),
            false => created(&mut lines, 0, Sign::None, name, value, depth),
        }
    }
    lines
}

/// Whether all that a value has is what its siblings have: the published version of a resource.
fn is_copy(declared: &Value, value: &Value) -> bool {
    let members = || value.as_object().into_iter().flatten();
    members().count() > 1 && members().all(|(name, inner)| declared.get(name) == Some(inner))
}

fn is_nothing(value: &Value) -> bool {
    match value {
        Value::Null => true,
        Value::Object(members) => members.is_empty(),
        Value::Array(items) => items.is_empty(),
        _ => false,
    }
}

fn heading(depth: usize, label: &str) -> Line {
    Line {
        depth,
        sign: Sign::None,
        label: label.to_owned(),
        text: String::new(),
        remark: String::new(),
        at: String::new(),
        direction: Direction::Neutral,
    }
}

/// `file:line` of `file:line:column`.
pub(crate) fn without_column(at: &str) -> String {
    at.rsplit_once(':').map_or(at, |(place, _)| place).to_owned()
}

/// What the published version of a guardrail is called in its tree.
const PUBLISHED: &str = "publishedVersion";

/// Whether a field says of the published version what another says of the resource itself.
fn repeats(drift: &Drift, field: &FieldDrift) -> bool {
    let Some((head, rest)) = field.path.segments().split_first() else { return false };
    let same =
        |other: &FieldDrift| other.path.segments() == rest && (&other.live, &other.want) == (&field.live, &field.want);
    head == PUBLISHED && !rest.is_empty() && drift.fields.iter().any(same)
}

/// The headings that a field stands under, and what it is called there.
fn placed(drift: &Drift, field: &FieldDrift) -> (Vec<String>, String) {
    let segments = field.path.segments();
    let named = |upto: usize| Path::of(segments[..upto].iter().cloned()).to_string();
    let statement = segments.iter().position(|one| one == "Statement").filter(|at| segments.len() > at + 1);
    if let Some(at) = statement {
        let document = if at == 0 { "policy".to_owned() } else { named(at) };
        if segments.len() == at + 2 {
            return (vec![document], String::new());
        }
        let path = Path::of(segments[..at + 2].iter().cloned());
        let name = drift.context.says.get(&path).cloned().unwrap_or_else(|| segments[at + 1].clone());
        let rest = &segments[at + 2..];
        let label = match rest {
            [condition, operator, key] if condition == "Condition" => format!("if {operator} {key}"),
            [condition, operator] if condition == "Condition" => format!("if {operator}"),
            [member, of] => format!("{member} {of}"),
            rest => rest.join(" "),
        };
        return (vec![document, name], label);
    }
    // A heading saves repetition where several fields lie below it.
    let length = segments.len();
    let head = length.checked_sub(2).filter(|upto| *upto > 0);
    let is_shared = |upto: usize| {
        let below = |other: &&FieldDrift| {
            let others = other.path.segments();
            others.len() > upto && others[..upto] == segments[..upto] && !repeats(drift, other)
        };
        drift.fields.iter().filter(below).count() > 1
    };
    match head.filter(|upto| is_shared(*upto)) {
        Some(upto) => (vec![named(upto)], Path::of(segments[upto..].iter().cloned()).to_string()),
        None => (Vec::new(), field.path.to_string()),
    }
}

fn field_lines(lines: &mut Vec<Line>, drift: &Drift, field: &FieldDrift, depth: usize, label: &str, shown: Depth) {
    let first = lines.len();
    let base = Line { direction: field.direction, ..heading(depth, label) };
    let FieldDrift { live, want, .. } = field;
    if drift.change == Change::Unexpected {
        match (documents(live), documents(want)) {
            (Some(live), Some(want)) => {
                lines.push(Line { sign: Sign::Undeclared, ..base.clone() });
                let below = |sign, text| Line { depth: depth + 1, sign, text, label: String::new(), ..base.clone() };
                lines.extend(live.iter().map(|(name, said)| below(Sign::Undeclared, of_statement(*name, said))));
                let floor = want.iter().map(|(name, said)| of_statement(*name, said)).collect::<Vec<_>>().join("; ");
                lines.push(below(Sign::None, format!("at most this is asked for: {floor}")));
            }
            _ => {
                let text = format!("{}, at least {} is asked for", in_one_line(live), in_one_line(want));
                lines.push(Line { sign: Sign::Undeclared, text, ..base });
            }
        }
    } else if field.kept || field.stays {
        let text = format!("{}, declared {}", in_one_line(live), in_one_line(want));
        let sign = if field.waived.is_some() { Sign::Waived } else { Sign::Keep };
        lines.push(Line { sign, text, ..base });
    } else {
        differing(lines, &base, live, want, shown);
    }
    let Some(line) = lines.get_mut(first) else { return };
    let own = match field.direction {
        _ if field.waived.is_some() => field.waived.as_ref().map(Terms::in_words).unwrap_or_default(),
        // The resource says it where there is nothing else.
        _ if field.kept && drift.is_kept() => String::new(),
        _ if field.kept => "strengthened, kept".to_owned(),
        direction if field.stays => format!("{}; no step can change it", in_words(direction)),
        Direction::Unknown => in_words(Direction::Unknown).to_owned(),
        direction if direction != drift.direction => in_words(direction).to_owned(),
        _ => String::new(),
    };
    line.remark = [&*line.remark, &*own].into_iter().filter(|part| !part.is_empty()).collect::<Vec<_>>().join(", ");
}

/// A direction as people read it.
pub(crate) fn in_words(direction: Direction) -> &'static str {
    match direction {
        Direction::Unknown => "direction unclear",
        other => other.word(),
    }
}

fn differing(lines: &mut Vec<Line>, base: &Line, live: &Value, want: &Value, shown: Depth) {
    match (live, want) {
        (Value::Null, want) => created(lines, base.depth, Sign::Create, &base.label, want, shown),
        (live, Value::Null) => removed(lines, base, live),
        (Value::Array(have), Value::Array(want)) if are_scalars(have) && are_scalars(want) => {
            let lost: Vec<String> = have.iter().filter(|one| !want.contains(one)).map(scalar).collect();
            let missing: Vec<String> = want.iter().filter(|one| !have.contains(one)).map(scalar).collect();
            let kept = have.iter().filter(|one| want.contains(one)).count();
            let rest = if kept == 0 { String::new() } else { format!("{kept} as declared") };
            lines.push(Line { sign: Sign::Change, remark: rest, ..base.clone() });
            let below = |sign, text| Line { depth: base.depth + 1, sign, text, label: String::new(), ..base.clone() };
            lines.extend((!missing.is_empty()).then(|| below(Sign::Create, elements(&missing, shown))));
            lines.extend((!lost.is_empty()).then(|| below(Sign::Remove, lost.join(", "))));
        }
        (Value::String(have), Value::String(want)) if have.chars().count().max(want.chars().count()) > SHORT_TEXT => {
            lines.push(Line { sign: Sign::Change, ..base.clone() });
            let (gone, come) = texts(have, want);
            let below = |sign, text| Line { depth: base.depth + 1, sign, text, label: String::new(), ..base.clone() };
            lines.push(below(Sign::Remove, gone));
            lines.push(below(Sign::Create, come));
        }
        (have, want) if is_scalar(have) && is_scalar(want) => {
            let text = format!("{} -> {}", scalar(have), scalar(want));
            lines.push(Line { sign: Sign::Change, text, ..base.clone() });
        }
        (have, want) => {
            removed(lines, base, have);
            created(lines, base.depth, Sign::Create, &base.label, want, shown);
        }
    }
}

/// What is there and must not be: never cut.
fn removed(lines: &mut Vec<Line>, base: &Line, live: &Value) {
    let line = |text: String| Line { sign: Sign::Remove, text, remark: "not declared".to_owned(), ..base.clone() };
    if let Some(said) = words::statement(live) {
        let remark = match words::is_open_to_everybody(live) {
            true => "not declared: opens it to everybody",
            false => "not declared",
        };
        let text = of_statement(live.get("Sid").and_then(Value::as_str), &said);
        lines.push(Line { remark: remark.to_owned(), ..line(text) });
        return;
    }
    if let Some(statements) = documents(live) {
        lines.push(line(String::new()));
        for (name, said) in statements {
            lines.push(Line {
                depth: base.depth + 1,
                label: String::new(),
                remark: String::new(),
                ..line(of_statement(name, &said))
            });
        }
        return;
    }
    match live {
        Value::Object(members) if !is_short(live) => {
            lines.push(line(String::new()));
            for (name, value) in members.iter().filter(|(_, value)| !is_nothing(value)) {
                nested(lines, base.depth + 1, Sign::Remove, name, value, Depth::Full);
            }
        }
        other => lines.push(line(in_one_line(other))),
    }
}

/// What is declared and not there.
fn created(lines: &mut Vec<Line>, depth: usize, sign: Sign, label: &str, want: &Value, shown: Depth) {
    let first = lines.len();
    nested(lines, depth, sign, label, want, shown);
    let taken = lines.len() - first;
    if shown == Depth::Folded && sign != Sign::Remove && taken > FOLD_LINES + 1 {
        lines.truncate(first + FOLD_LINES);
        let rest = taken - FOLD_LINES;
        lines.push(Line { text: format!("… {rest} more lines, --full shows them"), ..heading(depth + 1, "") });
    }
}

fn nested(lines: &mut Vec<Line>, depth: usize, sign: Sign, label: &str, want: &Value, shown: Depth) {
    let line = |text: String| Line { sign, text, ..heading(depth, label) };
    if let Some(said) = words::statement(want) {
        lines.push(line(of_statement(want.get("Sid").and_then(Value::as_str), &said)));
        return;
    }
    if let Some(statements) = documents(want) {
        lines.push(line(String::new()));
        let below = if sign == Sign::None { Sign::Create } else { sign };
        for (name, said) in statements {
            lines.push(Line { sign: below, text: of_statement(name, &said), ..heading(depth + 1, "") });
        }
        return;
    }
    match want {
        Value::Object(members) if !is_short(want) => {
            lines.push(line(String::new()));
            let inner = if sign == Sign::Remove { Sign::Remove } else { Sign::None };
            for (name, value) in
                members.iter().filter(|(name, value)| !is_nothing(value) && !is_key(label, name, value))
            {
                nested(lines, depth + 1, inner, name, value, shown);
            }
        }
        Value::Array(items) if are_scalars(items) => {
            lines.push(line(elements(&items.iter().map(scalar).collect::<Vec<_>>(), shown)));
        }
        Value::String(text) if shown == Depth::Folded && sign != Sign::Remove => lines.push(line(folded(text))),
        other => lines.push(line(of_element(label, other))),
    }
}

/// Whether a member of an element says what the element is called, which the label says already.
fn is_key(label: &str, name: &str, value: &Value) -> bool {
    let last = label.parse::<Path>().ok().and_then(|path| path.segments().last().cloned());
    matches!(name, "type" | "name" | "key" | "id" | "groupId" | "text" | "policyName")
        && value.as_str().is_some_and(|text| last.as_deref() == Some(text) || text == label)
}

/// An element on one line, without what its label says.
fn of_element(label: &str, value: &Value) -> String {
    let Value::Object(members) = value else { return in_one_line(value) };
    let rest: serde_json::Map<String, Value> = (members.iter())
        .filter(|(name, value)| !is_key(label, name, value))
        .map(|(name, value)| (name.clone(), value.clone()))
        .collect();
    in_one_line(&Value::Object(rest))
}

fn folded(text: &str) -> String {
    let count = text.chars().count();
    if count <= FOLD_TEXT {
        return quoted(text);
    }
    let head: String = text.chars().take(FOLD_TEXT - 40).collect();
    format!("{}… ({count} characters, --full shows them)", quoted(&head).trim_end_matches('"'))
}

/// The elements of a declared list.
fn elements(items: &[String], shown: Depth) -> String {
    match shown {
        Depth::Folded if items.len() > FOLD_ELEMENTS + 1 => {
            let (first, rest) = items.split_at(FOLD_ELEMENTS);
            format!("{} and {} more, --full shows them", first.join(", "), rest.len())
        }
        _ => items.join(", "),
    }
}

fn of_statement(name: Option<&str>, said: &str) -> String {
    name.map_or_else(|| said.to_owned(), |name| format!("{name}: {said}"))
}

/// The statements of a document.
fn documents(value: &Value) -> Option<Vec<(Option<&str>, String)>> {
    words::document(value)
}

fn is_scalar(value: &Value) -> bool {
    !value.is_object() && !value.is_array()
}

fn are_scalars(items: &[Value]) -> bool {
    items.iter().all(is_scalar)
}

/// Characters of an object that are shown on one line rather than member by member.
const SHORT_OBJECT: usize = 200;

/// Whether an object is as easily read on one line: little of it, and no policy.
fn is_short(value: &Value) -> bool {
    fn has_policy(value: &Value) -> bool {
        documents(value).is_some() || value.as_object().is_some_and(|members| members.values().any(has_policy))
    }
    fn has_depth(value: &Value) -> bool {
        value
            .as_object()
            .is_some_and(|members| members.values().any(|inner| inner.as_object().is_some_and(|inner| inner.len() > 1)))
    }
    !has_policy(value) && !has_depth(value) && in_one_line(value).chars().count() <= SHORT_OBJECT
}

/// A value on one line, whole.
fn in_one_line(value: &Value) -> String {
    fn within(value: &Value) -> String {
        match value {
            Value::Object(members) if members.len() > 1 => format!("({})", in_one_line(value)),
            Value::Array(items) if items.len() > 1 => format!("[{}]", in_one_line(value)),
            _ => in_one_line(value),
        }
    }
    match value {
        Value::Object(members) if !members.is_empty() => {
            let parts = members.iter().filter(|(_, value)| !value.is_null());
            parts.map(|(name, value)| format!("{name} {}", within(value))).collect::<Vec<_>>().join(", ")
        }
        Value::Array(items) if !items.is_empty() => items.iter().map(within).collect::<Vec<_>>().join(", "),
        other => scalar(other),
    }
}

/// A value as people write it.
fn scalar(value: &Value) -> String {
    match value {
        Value::Null => "(absent)".to_owned(),
        Value::String(text) => quoted(text),
        Value::Object(_) | Value::Array(_) => value.to_string(),
        other => other.to_string(),
    }
}

/// A text, between quotes where it would not be told from what stands around it.
fn quoted(text: &str) -> String {
    let is_plain = !text.is_empty() && !text.contains(|c: char| c.is_whitespace() || matches!(c, ',' | '"'));
    if is_plain { text.to_owned() } else { Value::from(text).to_string() }
}

/// After this long two texts are told apart less finely: they can be what somebody made to be slow.
const MOST_TIME: Duration = Duration::from_millis(200);
/// Words of what is the same that are shown on each side of a difference.
const NEAR: usize = 3;

/// Two texts, each with what the other does not have, and with a little of what is the same around it.
fn texts(live: &str, want: &str) -> (String, String) {
    let diff = TextDiff::configure().timeout(MOST_TIME).diff_words(live, want);
    let changes: Vec<(ChangeTag, &str)> =
        diff.iter_all_changes().map(|change| (change.tag(), change.value())).collect();
    let side = |other: ChangeTag| {
        let mine: Vec<(bool, &str)> = (changes.iter().filter(|(tag, _)| *tag != other))
            .map(|(tag, text)| (*tag != ChangeTag::Equal, *text))
            .collect();
        let is_near = |index: usize| {
            let reach = 2 * NEAR;
            let (from, to) = (index.saturating_sub(reach), (index + reach + 1).min(mine.len()));
            mine[from..to].iter().any(|(differs, _)| *differs)
        };
        let mut text = String::new();
        let mut skipped = false;
        for (index, (_, word)) in mine.iter().enumerate() {
            match is_near(index) {
                true => {
                    text.push_str(if skipped { "… " } else { "" });
                    text.push_str(word);
                    skipped = false;
                }
                false => skipped = true,
            }
        }
        text.push_str(if skipped { " …" } else { "" });
        Value::from(text).to_string()
    };
    (side(ChangeTag::Insert), side(ChangeTag::Delete))
}
