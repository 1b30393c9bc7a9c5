//! Markdown: a comment below a pull request, in the order of the screen.
//!
//! Guarantees: the text is shorter than a comment may be, however large the plan is, and says how much of it was left out. Whatever
//! comes from outside stands in code, where nothing of it is a link, an image, a mention, markup, or the end of a cell.

use std::collections::BTreeMap;

use reconciler_model::control::AlertClass;
use reconciler_model::direction::Direction;
use reconciler_model::text::one_line;

use super::subjects::written;
use super::{Found, at_most};
use crate::exit::Exit;
use crate::failure::Failure;
use crate::render::places;
use crate::text::counted;
use crate::view::changes::{Line, Sign};
use crate::view::{Entry, Note, View, Word};

/// The most characters that a comment may have, counted in bytes: there are never fewer of these.
const LONGEST: usize = 65_535;
/// What the table may take of it; the details and the calls share the rest.
const TABLE: usize = 30_000;
/// What the details may take of it.
const DETAILS: usize = 52_000;
/// What the calls may take of it.
const CALLS: usize = 60_000;
/// What the notes may take of it. The last lines have the rest.
const NOTES: usize = LONGEST - 1_535;
/// Rows that one entry has in the table.
const ROWS: usize = 6;
/// What the rows after its first may come to, and its details: nobody fills the comment with one resource.
const ROWS_LONGEST: usize = 3_000;
const ENTRY_LONGEST: usize = 6_000;
/// Characters of a cell.
const CELL: usize = 200;
/// Characters of a line of the details.
const DETAIL: usize = 1_000;

/// The comment of a plan.
pub(crate) fn render(found: &Found<'_>) -> String {
    let view = View::of(found.plan, &found.look.reading(found.attributions));
    let mut text = head(found, &view);
    let mut left_out: Vec<String> = Vec::new();
    table(&mut text, &view, &mut left_out);
    details(&mut text, &view, &mut left_out);
    calls(&mut text, found, &mut left_out);
    notes(&mut text, &view, &mut left_out);
    if !left_out.is_empty() {
        text.push_str(&format!(
            "\n**Left out, because a comment has an end:** {}. `bedrock-reconciler plan --full` prints all of it.\n",
            left_out.join(", ")
        ));
    }
    text.push_str(&foot(found));
    text
}

/// The comment of a command that failed before anything was found.
pub(crate) fn failed(failure: &Failure) -> String {
    let code = failure.code.as_ref().map(|code| format!(" {code}")).unwrap_or_default();
    let hint =
        failure.hint.as_ref().map(|hint| format!("\n\n{}", code_span(&at_most(hint, DETAIL)))).unwrap_or_default();
    format!(
        "### bedrock-reconciler: failed{code} · exit {}\n\n{}{hint}\n",
        failure.exit.code(),
        code_span(&at_most(&failure.text, DETAIL))
    )
}

fn head(found: &Found<'_>, view: &View) -> String {
    let plan = found.plan;
    let summary = plan.summary;
    let mut parts = Vec::new();
    if summary.drifted > 0 {
        parts.push(format!("{} of {} not as declared", summary.drifted, summary.addresses));
        let weakened = plan.drift.iter().filter(|drift| drift.direction == Direction::Weakened).count();
        parts.extend((weakened > 0).then(|| format!("{weakened} weaker")));
    }
    for section in &view.sections {
        let is_of_note = section.urgency.is_some_and(|(class, _)| class != AlertClass::Inform);
        parts.extend(is_of_note.then(|| format!("{} {}", section.count(), section.heading())));
    }
    let unseen =
        view.entries().filter(|entry| entry.sign == Sign::Unseen).map(|entry| entry.addresses.len()).sum::<usize>();
    parts.extend((unseen > 0).then(|| format!("{unseen} not evaluated")));
    if parts.is_empty() {
        parts.push(format!("all {} as declared", summary.addresses));
    }
    let id = short(&plan.plan_id);
    let after = if found.is_after { "after the restore: " } else { "" };
    format!("### bedrock-reconciler: {after}{} · {id}\n", parts.join(" · "))
}

/// `plan-4f1c8ab0` of the whole id: enough to find it again.
fn short(id: &str) -> String {
    if id.chars().count() > 13 { format!("{}…", id.chars().take(13).collect::<String>()) } else { id.to_owned() }
}

fn table(text: &mut String, view: &View, left_out: &mut Vec<String>) {
    if view.entries().next().is_none() {
        return;
    }
    text.push_str("\n| | where | what | change | declared |\n|---|---|---|---|---|\n");
    let (mut entries_out, mut fields_out) = (0, 0);
    for entry in view.entries() {
        let (rows, mut rest) = rows(entry);
        let mut shown = String::new();
        for row in rows {
            match shown.is_empty() || shown.len() + row.len() <= ROWS_LONGEST {
                true => shown.push_str(&row),
                false => rest += 1,
            }
        }
        let rows = shown;
        // A later entry may be shorter, but what is left out is always the end.
        if entries_out > 0 || text.len() + rows.len() > TABLE {
            entries_out += entry.addresses.len();
            continue;
        }
        text.push_str(&rows);
        fields_out += rest;
    }
    if entries_out > 0 {
        left_out.push(format!("{} in the table", counted(entries_out, "resource")));
    }
    if fields_out > 0 {
        left_out.push(format!("{} in the table, which are below", counted(fields_out, "field")));
    }
}

/// The rows of an entry, and how many of its fields have none.
fn rows(entry: &Entry) -> (Vec<String>, usize) {
    let names: Vec<String> = entry.names().iter().take(3).map(|name| cell(name)).collect();
    let more = entry.names().len().saturating_sub(3);
    let more = if more > 0 { format!(" and {more} more") } else { String::new() };
    let place = format!("{} {} {}{more}", cell(&places(entry)), cell(&entry.kind), names.join(", "));
    let changes = flat(&entry.lines);
    let first = format!("| {} | {place} |", mark(entry));
    if changes.is_empty() {
        return (vec![format!("{first} {} | | {} |\n", cell(&entry.what), cell(&entry.at))], 0);
    }
    if entry.sign == Sign::Create {
        let note = format!("declared, and not there: {}", counted(changes.len(), "member"));
        return (vec![format!("{first} {} | {note} | {} |\n", cell(&entry.what), cell(&entry.at))], 0);
    }
    let row = |(index, (label, line)): (usize, &(String, &Line))| {
        let head = if index == 0 { first.clone() } else { "| | |".to_owned() };
        let sign = if line.sign == Sign::None { String::new() } else { format!("{} ", line.sign.text()) };
        let remark = if line.remark.is_empty() { String::new() } else { format!(" ({})", line.remark) };
        let label = if label.is_empty() { &entry.what } else { label };
        let at = if line.at.is_empty() { &entry.at } else { &line.at };
        format!("{head} {} | {} | {} |\n", cell(label), cell(&format!("{sign}{}{remark}", line.text)), cell(at))
    };
    (changes.iter().enumerate().take(ROWS).map(row).collect(), changes.len().saturating_sub(ROWS))
}

/// The lines that say something, each with the headings that it stands under. A line has the place of the heading above it.
fn flat(lines: &[Line]) -> Vec<(String, &Line)> {
    let mut open: BTreeMap<usize, &str> = BTreeMap::new();
    let mut told = Vec::new();
    for line in lines {
        open.retain(|depth, _| *depth < line.depth);
        if !line.label.is_empty() {
            open.insert(line.depth, &line.label);
        }
        if !line.text.is_empty() {
            told.push((open.values().copied().collect::<Vec<_>>().join(" › "), line));
        }
    }
    told
}

/// The sign of the urgency, and its words: nothing is a colour alone.
fn mark(entry: &Entry) -> String {
    let (sign, words) = match &entry.alert {
        Some(alert) => {
            let sign = match alert.class {
                AlertClass::Page => "🔴",
                AlertClass::Ticket => "🟠",
                AlertClass::Inform => "⚪",
            };
            (sign, alert.in_words())
        }
        None => ("⚪", String::new()),
    };
    let unseen = if entry.sign == Sign::Unseen { " not evaluated" } else { "" };
    format!("{sign} {words}{unseen}").trim_end().to_owned()
}

fn details(text: &mut String, view: &View, left_out: &mut Vec<String>) {
    let mut body = String::new();
    let (mut out, mut lines_out) = (0, 0);
    let room = DETAILS.saturating_sub(text.len());
    for entry in view.entries() {
        let (one, cut) = detail(entry);
        if out > 0 || body.len() + one.len() > room {
            out += entry.addresses.len();
            continue;
        }
        body.push_str(&one);
        lines_out += cut;
    }
    if !body.is_empty() {
        text.push_str(&format!("\n<details><summary>Details</summary>\n\n{body}\n</details>\n"));
    }
    if out > 0 {
        left_out.push(format!("the details of {}", counted(out, "resource")));
    }
    if lines_out > 0 {
        left_out.push(format!("{} of the details", counted(lines_out, "line")));
    }
}

/// The details of an entry, and how many of its lines they leave out.
fn detail(entry: &Entry) -> (String, usize) {
    let mut lines: Vec<String> =
        vec![format!("{} {} {}: {}", entry.sign.text(), places(entry), entry.kind, entry.what)];
    let addresses = entry.addresses.iter().take(20).map(|address| format!("  {address}"));
    lines.extend(addresses);
    if entry.addresses.len() > 20 {
        lines.push(format!("  and {} more", entry.addresses.len() - 20));
    }
    if !entry.controls.is_empty() {
        lines.push(format!("  controls {}", entry.controls.join(" ")));
    }
    lines.extend(entry.lines.iter().map(|line| format!("    {}", written(line))));
    for note in &entry.notes {
        lines.push(format!("  {}", in_words(note)));
    }
    if let Some(attribution) = &entry.attribution {
        let told = anstream::adapter::strip_str(&crate::attribution::lines(attribution)).to_string();
        lines.extend(told.lines().map(|line| format!("  {}", line.trim())));
    }
    let mut steps: BTreeMap<&str, usize> = BTreeMap::new();
    for (_, operation) in &entry.steps {
        *steps.entry(operation).or_default() += 1;
    }
    if !steps.is_empty() {
        let told: Vec<String> = steps.iter().map(|(operation, count)| format!("{count} {operation}")).collect();
        lines.push(format!("  then {}", told.join(", ")));
    }
    let mut lines: Vec<String> = lines.iter().map(|line| at_most(&one_line(line), DETAIL)).collect();
    let mut size = 0;
    let fits = |line: &&String| {
        size += line.len() + 1;
        size <= ENTRY_LONGEST
    };
    let kept = lines.iter().take_while(fits).count();
    let cut = lines.len() - kept;
    lines.truncate(kept);
    if cut > 0 {
        lines.push(format!("… {}", counted(cut, "more line")));
    }
    (block(&lines), cut)
}

fn in_words(note: &Note) -> String {
    let word = match note.word {
        Word::Reason => "",
        Word::Refused => "refused ",
        Word::Left => "left ",
        Word::Note => "note ",
        Word::Hint => "do ",
    };
    let code = if note.code.is_empty() { String::new() } else { format!("[{}] ", note.code) };
    format!("{word}{code}{}", note.detail)
}

fn calls(text: &mut String, found: &Found<'_>, left_out: &mut Vec<String>) {
    let steps = &found.plan.steps;
    if steps.is_empty() {
        return;
    }
    let room = CALLS.saturating_sub(text.len());
    let mut lines: Vec<String> = Vec::new();
    let mut size = 0;
    for step in steps {
        let line = at_most(&one_line(&format!("{:>3}  {}  {}", step.id, step.call.action(), step.address)), DETAIL);
        size += line.len() + 1;
        if size > room {
            break;
        }
        lines.push(line);
    }
    let out = steps.len() - lines.len();
    text.push_str(&format!("\n<details><summary>Calls ({})</summary>\n\n", steps.len()));
    text.push_str(&block(&lines));
    text.push_str("\n</details>\n");
    if out > 0 {
        left_out.push(counted(out, "call"));
    }
}

fn notes(text: &mut String, view: &View, left_out: &mut Vec<String>) {
    let room = NOTES.saturating_sub(text.len());
    let mut lines: Vec<String> = Vec::new();
    let (mut size, mut out) = (0, 0);
    for note in &view.notes {
        let places = counted(note.addresses.len(), "resource");
        let line = at_most(&one_line(&format!("{} ({places})", in_words(note))), DETAIL);
        size += line.len() + 1;
        if out > 0 || size > room {
            out += 1;
            continue;
        }
        lines.push(line);
    }
    if !lines.is_empty() {
        text.push_str(&format!("\n<details><summary>Notes ({})</summary>\n\n", view.notes.len()));
        text.push_str(&block(&lines));
        text.push_str("\n</details>\n");
    }
    if out > 0 {
        left_out.push(counted(out, "note"));
    }
}

fn foot(found: &Found<'_>) -> String {
    let plan = found.plan;
    let calls = match plan.steps.len() {
        0 => "no call".to_owned(),
        count => counted(count, "call"),
    };
    let exit = match found.exit {
        Exit::Done => String::new(),
        exit => format!(" · exit {}", exit.code()),
    };
    format!("\n{} · {calls}{exit}\n", code_span(&plan.plan_id))
}

/// A cell of a table with a text from outside.
fn cell(text: &str) -> String {
    if text.is_empty() {
        return String::new();
    }
    // A pipe ends a cell in code too, unless it is escaped, and there the escape is not shown.
    code_span(&at_most(text, CELL)).replace('|', "\\|")
}

/// A text from outside, as code: longer marks around it than it has in it.
fn code_span(text: &str) -> String {
    let shown = one_line(text);
    if shown.trim().is_empty() {
        return String::new();
    }
    let marks = "`".repeat(longest_run(&shown) + 1);
    // One space at each end is taken away where both have one, so that a mark of the text stays apart from ours.
    let is_apart = shown.starts_with(['`', ' ']) || shown.ends_with(['`', ' ']);
    let gap = if is_apart { " " } else { "" };
    format!("{marks}{gap}{shown}{gap}{marks}")
}

/// Lines from outside, as a block of code.
fn block(lines: &[String]) -> String {
    let lines: Vec<String> = lines.iter().map(|line| at_most(&one_line(line), DETAIL)).collect();
    let longest = lines.iter().map(|line| longest_run(line)).max().unwrap_or(0);
    let fence = "`".repeat(longest.max(2) + 1);
    format!("{fence}text\n{}\n{fence}\n", lines.join("\n"))
}

fn longest_run(text: &str) -> usize {
    let mut longest = 0;
    let mut run = 0;
    for c in text.chars() {
        run = if c == '`' { run + 1 } else { 0 };
        longest = longest.max(run);
    }
    longest
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_comes_from_outside_stands_in_longer_marks_than_it_has() {
        assert_eq!(code_span("HIGH"), "`HIGH`");
        assert_eq!(code_span("a`b"), "``a`b``");
        assert_eq!(code_span("```\n# x"), "```` ```\\n# x ````");
        assert_eq!(cell("a|b\\|c"), "`a\\|b\\\\|c`");
        assert!(block(&["````".to_owned()]).starts_with("`````text\n"));
        assert_eq!(code_span(""), "");
    }

    #[test]
    fn one_resource_does_not_fill_a_comment() {
        let line = |text: String| Line {
            depth: 0,
            sign: Sign::Remove,
            label: "policy".to_owned(),
            text,
            remark: String::new(),
            at: String::new(),
            direction: Direction::Weakened,
        };
        let entry = Entry {
            sign: Sign::Change,
            what: "weakened".to_owned(),
            direction: Some(Direction::Weakened),
            kind: "guardrail".to_owned(),
            addresses: vec!["a/b/c/d".parse().expect("an address")],
            places: 1,
            controls: Vec::new(),
            alert: None,
            lines: (0..500).map(|_| line("\u{1f600}|`".repeat(5_000))).collect(),
            notes: Vec::new(),
            steps: Vec::new(),
            at: String::new(),
            attribution: None,
        };
        let (rows, rest) = rows(&entry);
        assert_eq!((rows.len(), rest), (ROWS, 500 - ROWS));
        assert!(rows.iter().all(|row| row.len() < 3 * ROWS_LONGEST && row.lines().count() == 1), "{}", rows[0].len());
        let (details, cut) = detail(&entry);
        assert!(details.len() < 3 * ENTRY_LONGEST && cut > 480, "{} bytes, {cut} left out", details.len());
        assert!(details.contains(&format!("… {cut} more lines")));
    }
}
