//! A plan on the screen: the most urgent first, what decides never cut, one sign with one meaning, and what to do next.

use std::collections::{BTreeMap, BTreeSet};
use std::path::Path;

use reconciler_model::address::Address;
use reconciler_model::alert::Alert;
use reconciler_model::attribution::ResourceAttribution;
use reconciler_model::control::AlertClass;
use reconciler_model::direction::Direction;
use reconciler_model::drift::{Change, Drift};
use reconciler_model::plan::{Plan, Severity};
use reconciler_model::text::one_line;

use crate::exit::Exit;
use crate::formats::Declared;
use crate::screen::{BAD, DO, DOUBT, FAINT, GOOD, STRONG, line, of_direction, paint};
use crate::text::counted;
use crate::view::changes::{Depth, Line, Sign};
use crate::view::layout::{columns, padded, width, wrapped};
use crate::view::{Entry, Note, Reading, View, Word};

/// Lines and addresses from which on each entry takes as few lines as it can, unless everything is asked for: what is longer than
/// two screens is looked through, not read.
const MANY: (usize, usize) = (80, 48);
/// Steps of one operation from which on they are counted instead of named.
const MANY_STEPS: usize = 12;
/// The widest column of labels.
const WIDEST_LABEL: usize = 44;

/// How plans are shown.
#[derive(Debug, Clone)]
pub(crate) struct Look {
    /// How much is shown.
    pub(crate) depth: Depth,
    /// Columns of a line.
    pub(crate) width: usize,
    /// The ids of accounts by their names.
    pub(crate) account_ids: BTreeMap<String, String>,
    /// The folder of the desired state.
    pub(crate) folder: String,
    /// The partition of AWS.
    pub(crate) partition: String,
    /// What is held to a declaration, for formats that tell of what is as declared too.
    pub(crate) declared: Vec<Declared>,
}

impl Look {
    /// For the terminal, whole or folded.
    pub(crate) fn new(full: bool, account_ids: BTreeMap<String, String>, folder: &Path) -> Self {
        let depth = if full { Depth::Full } else { Depth::Folded };
        let folder = folder.to_string_lossy().trim_end_matches('/').to_owned();
        Self { depth, width: width(), account_ids, folder, partition: "aws".to_owned(), declared: Vec::new() }
    }

    pub(crate) fn reading<'a>(&'a self, attributions: &'a [ResourceAttribution]) -> Reading<'a> {
        Reading { depth: self.depth, account_ids: &self.account_ids, attributions, folder: &self.folder }
    }
}

/// The plan, without the last lines.
pub(crate) fn plan(plan: &Plan, look: &Look) -> String {
    plan_attributed(plan, &[], look)
}

/// The same with who caused each drift, as far as that was asked.
pub(crate) fn plan_attributed(plan: &Plan, attributions: &[ResourceAttribution], look: &Look) -> String {
    let view = View::of(plan, &look.reading(attributions));
    let addresses: usize = view.entries().map(|entry| entry.addresses.len()).sum();
    let text = drawn(&view, plan, &Painter { look, is_crowded: false });
    match look.depth == Depth::Folded && addresses >= MANY.1 && text.lines().count() > MANY.0 {
        true => drawn(&view, plan, &Painter { look, is_crowded: true }),
        false => text,
    }
}

fn drawn(view: &View, plan: &Plan, painter: &Painter<'_>) -> String {
    let mut text = counts(view, plan, painter.look.width);
    for section in &view.sections {
        text.push_str(&format!("{}\n", paint(STRONG, section.heading().to_uppercase())));
        for entry in &section.entries {
            painter.entry(&mut text, entry);
        }
        text.push('\n');
    }
    if !view.kept.is_empty() || !view.notes.is_empty() {
        text.push_str(&format!("{}\n", paint(STRONG, "NOTES")));
        for entry in &view.kept {
            painter.entry(&mut text, entry);
        }
        for one in &view.notes {
            painter.note_of_places(&mut text, one);
        }
        text.push('\n');
    }
    text
}

/// The numbers and a table of controls by account, in the place of everything else.
pub(crate) fn summary(plan: &Plan, look: &Look) -> String {
    let view = View::of(plan, &Reading { depth: Depth::Folded, ..look.reading(&[]) });
    let mut text = counts(&view, plan, look.width);
    let mut cells: BTreeMap<(&str, &str), BTreeMap<&str, usize>> = BTreeMap::new();
    let mut accounts: BTreeSet<&str> = BTreeSet::new();
    let none = ["(no control)".to_owned()];
    for entry in view.entries() {
        for address in &entry.addresses {
            accounts.insert(&address.account);
            let controls = if entry.controls.is_empty() { &none[..] } else { &entry.controls };
            for control in controls {
                let word = entry.alert.as_ref().map_or("told", |alert| alert.class.word());
                *cells.entry((control.as_str(), &address.account)).or_default().entry(word).or_default() += 1;
            }
        }
    }
    let controls: BTreeSet<&str> = cells.keys().map(|(control, _)| *control).collect();
    let cell = |control: &str, account: &str| -> String {
        let counts = cells.get(&(control, account));
        let parts = counts.into_iter().flatten().map(|(word, count)| format!("{count} {word}"));
        let text = parts.collect::<Vec<_>>().join(", ");
        if text.is_empty() { "-".to_owned() } else { text }
    };
    let mut rows: Vec<Vec<String>> =
        vec![["control".to_owned()].into_iter().chain(accounts.iter().map(|one| (*one).to_owned())).collect()];
    rows.extend(controls.iter().map(|control| {
        let cells = accounts.iter().map(|account| cell(control, account));
        [(*control).to_owned()].into_iter().chain(cells).collect::<Vec<_>>()
    }));
    if rows.len() > 1 {
        text.push_str(&table(&rows));
    }
    text
}

/// Rows with columns of one width each.
pub(crate) fn table(rows: &[Vec<String>]) -> String {
    let count = rows.iter().map(Vec::len).max().unwrap_or(0);
    let widest = |column: usize| rows.iter().filter_map(|row| row.get(column)).map(|cell| columns(cell)).max();
    let widths: Vec<usize> = (0..count).map(|column| widest(column).unwrap_or(0)).collect();
    let row = |row: &Vec<String>| {
        let cells = row.iter().zip(&widths).map(|(cell, width)| padded(cell, *width));
        format!("{}\n", line(cells.collect::<Vec<_>>().join("  ").trim_end()))
    };
    rows.iter().map(row).collect()
}

/// How many addresses there are of each urgency, and what the signs mean.
fn counts(view: &View, plan: &Plan, width: usize) -> String {
    let mut parts: Vec<String> = Vec::new();
    for section in &view.sections {
        let style = match section.urgency.map(|(class, _)| class) {
            Some(AlertClass::Page) => BAD,
            Some(AlertClass::Ticket) => DOUBT,
            Some(AlertClass::Inform) | None => FAINT,
        };
        parts.push(paint(style, format_args!("{} {}", section.count(), section.heading())));
    }
    let notes = view.kept.iter().map(|entry| entry.addresses.len()).sum::<usize>() + view.notes.len();
    if notes > 0 {
        parts.push(paint(FAINT, counted(notes, "note")));
    }
    if parts.is_empty() {
        return String::new();
    }
    let summary = plan.summary;
    let weakened = plan.drift.iter().filter(|drift| drift.direction == Direction::Weakened).count();
    if summary.drifted > 0 {
        parts.push(format!("{} of {} not as declared, {weakened} weakened", summary.drifted, summary.addresses));
    }
    let mut text = packed(&parts, "    ", width);
    let signs = view.signs();
    let legend: Vec<String> = signs.iter().map(|sign| format!("{} {}", sign.text(), sign.meaning())).collect();
    if !legend.is_empty() {
        let legend: Vec<String> = legend.iter().map(|one| paint(FAINT, one)).collect();
        text.push_str(&packed(&legend, "   ", width));
    }
    text.push('\n');
    text
}

/// Phrases side by side, each whole, in as many lines as they need.
fn packed(phrases: &[String], between: &str, width: usize) -> String {
    let mut lines: Vec<String> = Vec::new();
    for phrase in phrases {
        match lines.last_mut() {
            Some(last) if columns(last) + columns(between) + columns(phrase) <= width => {
                last.push_str(between);
                last.push_str(phrase);
            }
            _ => lines.push(format!("  {phrase}")),
        }
    }
    lines.iter().map(|line| format!("{line}\n")).collect()
}

/// The most urgent alert of a drift, such as `page now (aws-genai-02)`.
pub(crate) fn alert(alert: &Alert) -> String {
    let style = match alert.class {
        AlertClass::Page => BAD,
        AlertClass::Ticket => DOUBT,
        AlertClass::Inform => FAINT,
    };
    paint(style, format_args!("{} ({})", alert.in_words(), alert.control))
}

struct Painter<'a> {
    look: &'a Look,
    /// Whether there is so much that each entry takes as few lines as it can.
    is_crowded: bool,
}

fn style_of(sign: Sign, direction: Option<Direction>) -> anstyle::Style {
    match (sign, direction) {
        (Sign::Create | Sign::Undeclared, _) => BAD,
        (Sign::Unseen, _) | (_, None) => DOUBT,
        (_, Some(direction)) => of_direction(direction),
    }
}

impl Painter<'_> {
    fn entry(&self, text: &mut String, entry: &Entry) {
        let style = style_of(entry.sign, entry.direction);
        let names = entry.names().into_iter().map(|name| one_line(name).into_owned()).collect::<Vec<_>>();
        let several = if names.len() > 1 { format!(" ({} of them)", names.len()) } else { String::new() };
        let name = paint(STRONG, format_args!("{} {}", entry.kind, names.join(", ")));
        let left = format!("{} {}   {name}{several}", paint(style, entry.sign.text()), places(entry));
        let brief = self.is_crowded.then(|| brief(entry)).flatten();
        let right = match &brief {
            Some(brief) => format!("{brief}  {}", paint(style, &entry.what)),
            None => format!("{}  {}", paint(FAINT, entry.controls.join(" ")), paint(style, &entry.what)),
        };
        let (left, right) = (line(left), line(right));
        let room = self.look.width.saturating_sub(columns(&left) + columns(right.trim_start()));
        match room >= 2 {
            true => text.push_str(&format!("{left}{}{}\n", " ".repeat(room), right.trim_start())),
            false => {
                text.push_str(&wrapped(&left, "", "    ", self.look.width));
                text.push_str(&wrapped(right.trim_start(), "      ", "      ", self.look.width));
            }
        }
        if brief.is_none() {
            self.lines(text, entry);
        }
        if let Some(attribution) = &entry.attribution {
            text.push_str(&crate::attribution::lines(attribution));
        }
        if !self.is_crowded {
            self.steps(text, entry);
        }
        for one in &entry.notes {
            self.note(text, one, "    ");
        }
    }

    fn lines(&self, text: &mut String, entry: &Entry) {
        if entry.sign == Sign::Create {
            let at = if entry.at.is_empty() { String::new() } else { format!("  {}", paint(FAINT, &entry.at)) };
            text.push_str(&format!("    {}\n", line(format_args!("{}{at}", entry.absence()))));
        }
        let label_width = |one: &Line| columns(&one.label) + 2 * one.depth;
        let with_text = entry.lines.iter().filter(|one| !one.text.is_empty());
        let widest = with_text.map(label_width).filter(|width| *width <= WIDEST_LABEL).max().unwrap_or(0);
        for one in &entry.lines {
            let indent = " ".repeat(4 + 2 * one.depth);
            let sign = match one.sign {
                Sign::None => String::new(),
                sign => format!("{} ", paint(style_of(sign, Some(one.direction)), sign.text())),
            };
            let gap = if one.text.is_empty() || one.label.is_empty() { "" } else { "  " };
            let label = one_line(&one.label);
            let label = match one.text.is_empty() || one.label.is_empty() {
                true => label.into_owned(),
                false => padded(&label, widest.saturating_sub(2 * one.depth)),
            };
            let label = if one.text.is_empty() { label } else { label + gap };
            let told = paint(if one.text.is_empty() { FAINT } else { STRONG }, &one.text);
            let told = if one.text.is_empty() { String::new() } else { told };
            let remark = match one.remark.is_empty() {
                true => String::new(),
                false => format!("  {}", paint(of_direction(one.direction), &one.remark)),
            };
            let whole = line(format_args!("{sign}{label}{told}{remark}"));
            let hanging = format!("{indent}    ");
            let at = line(paint(FAINT, &one.at));
            let mut drawn = wrapped(&whole, &indent, &hanging, self.look.width);
            if !one.at.is_empty() {
                // A place is never broken: it is to be clicked on.
                let last = drawn.trim_end().rsplit('\n').next().map(columns).unwrap_or_default();
                let fits = last + 2 + columns(&at) <= self.look.width;
                drawn.truncate(drawn.trim_end().len());
                drawn.push_str(&if fits { format!("  {at}\n") } else { format!("\n{hanging}{at}\n") });
            }
            text.push_str(&drawn);
        }
    }

    fn steps(&self, text: &mut String, entry: &Entry) {
        if entry.steps.is_empty() {
            return;
        }
        let mut by_operation: Vec<(&str, Vec<&str>)> = Vec::new();
        for (id, operation) in &entry.steps {
            match by_operation.iter_mut().find(|(known, _)| known == operation) {
                Some((_, ids)) => ids.push(id),
                None => by_operation.push((operation, vec![id])),
            }
        }
        let told = by_operation.iter().map(|(operation, ids)| match ids.len() {
            MANY_STEPS.. => format!("{operation}, {} times", ids.len()),
            _ => format!("{} {operation}", ranges(ids)),
        });
        let told = line(format_args!("{}  {}", paint(DO, "then"), told.collect::<Vec<_>>().join(" · ")));
        text.push_str(&wrapped(&told, "    ", "          ", self.look.width));
    }

    fn note(&self, text: &mut String, note: &Note, indent: &str) {
        let word = match note.word {
            Word::Reason => String::new(),
            Word::Refused => paint(BAD, format_args!("refused [{}] ", note.code)),
            Word::Left => paint(BAD, format_args!("left [{}] ", note.code)),
            Word::Note => paint(DOUBT, format_args!("note [{}] ", note.code)),
            Word::Hint => paint(DO, "hint "),
        };
        let urgency = match &note.alert {
            Some(alert) if note.word == Word::Note => format!("  {}", self::alert(alert)),
            _ => String::new(),
        };
        let told = line(format_args!("{word}{}{urgency}", one_line(&note.detail)));
        text.push_str(&wrapped(&told, indent, &format!("{indent}    "), self.look.width));
    }

    /// A note with the addresses that it is of: one, or how many.
    fn note_of_places(&self, text: &mut String, note: &Note) {
        let of = match &note.addresses[..] {
            [one] => one.to_string(),
            [first, rest @ ..] => format!("{first} and {} more", rest.len()),
            [] => String::new(),
        };
        let shown = Note { detail: format!("{of}  {}", note.detail), ..note.clone() };
        self.note(text, &shown, "  ");
    }
}

/// What differs in an entry, if that is a word or two.
fn brief(entry: &Entry) -> Option<String> {
    let lines: Vec<&Line> = entry.lines.iter().filter(|line| !line.text.is_empty()).collect();
    let told: Vec<String> = lines.iter().map(|line| format!("{} {}", line.label, line.text)).collect();
    let told = told.join(", ");
    (lines.len() == entry.lines.len() && entry.notes.is_empty() && columns(&told) <= 60).then_some(told)
}

/// Where an entry is.
pub(crate) fn places(entry: &Entry) -> String {
    let places = entry.in_places();
    let count: usize = places.values().map(BTreeSet::len).sum();
    if count == 1 {
        return places.iter().map(|(account, regions)| format!("{account} {}", listed(regions))).collect();
    }
    let of = if entry.places > 0 { format!(" of {}", entry.places.max(count)) } else { String::new() };
    let all = entry.places == count;
    let head = format!("in {count}{of} places");
    if all && count > 4 {
        return head;
    }
    let told: Vec<String> = places.iter().map(|(account, regions)| format!("{account} {}", listed(regions))).collect();
    format!("{head} ({})", told.join("; "))
}

fn listed(regions: &BTreeSet<&str>) -> String {
    regions.iter().copied().collect::<Vec<_>>().join(", ")
}

/// Numbers of steps: `1, 5-7`.
fn ranges(ids: &[&str]) -> String {
    let mut numbers: Vec<u64> = ids.iter().filter_map(|id| id.parse().ok()).collect();
    if numbers.len() != ids.len() {
        return ids.join(", ");
    }
    numbers.sort_unstable();
    let mut spans: Vec<(u64, u64)> = Vec::new();
    for number in numbers {
        match spans.last_mut() {
            Some((_, last)) if *last + 1 == number => *last = number,
            _ => spans.push((number, number)),
        }
    }
    let told = spans.iter().map(|(first, last)| match last - first {
        0 => first.to_string(),
        1 => format!("{first}, {last}"),
        _ => format!("{first}-{last}"),
    });
    told.collect::<Vec<_>>().join(", ")
}

/// What would be done, in one line.
pub(crate) fn work(plan: &Plan) -> Option<String> {
    if plan.steps.is_empty() {
        return None;
    }
    let has_steps = |address: &Address| plan.steps.iter().any(|step| step.address == *address);
    let count =
        |change: Change| plan.drift.iter().filter(|drift| drift.change == change && has_steps(&drift.address)).count();
    let (create, remove) = (count(Change::Missing) + count(Change::New), count(Change::Unexpected));
    let change = plan.addresses_changed() - create - remove;
    let calls = counted(plan.steps.len(), "call");
    let id = paint(FAINT, &plan.plan_id);
    Some(format!("Plan: {create} to create, {change} to change, {remove} to remove · {calls}\n      {id}"))
}

/// The last line: how many addresses are in which state.
pub(crate) fn result(plan: &Plan, exit: Exit) -> String {
    let summary = plan.summary;
    let weakened = plan.drift.iter().filter(|drift| drift.direction == Direction::Weakened).count();
    let mut parts = vec![counted(summary.addresses, "address"), format!("{} in sync", summary.in_sync)];
    if summary.drifted > 0 {
        parts.push(paint(BAD, format_args!("{} drifted ({weakened} weakened)", summary.drifted)));
    }
    if summary.gaps > 0 || !plan.gaps.is_empty() {
        parts.push(paint(DOUBT, format_args!("{} not evaluated", summary.gaps)));
    }
    if summary.waiting > 0 {
        parts.push(paint(DOUBT, format_args!("{} waiting", summary.waiting)));
    }
    if summary.refused > 0 {
        parts.push(paint(BAD, format_args!("{} refused", summary.refused)));
    }
    let waived = plan.drift.iter().filter(|drift| drift.is_waived_in_part()).count();
    if waived > 0 {
        parts.push(paint(DOUBT, format_args!("{waived} waived")));
    }
    if !plan.flapping.is_empty() {
        parts.push(paint(BAD, format_args!("{} contested", plan.flapping.len())));
    }
    let left: BTreeSet<&Address> = plan
        .findings
        .iter()
        .filter(|finding| finding.severity == Severity::Left)
        .map(|finding| &finding.address)
        .collect();
    if !left.is_empty() {
        parts.push(paint(BAD, format_args!("{} left for the next run", left.len())));
    }
    let verdict = match exit {
        Exit::Done if plan.drift.is_empty() => paint(GOOD, "in sync"),
        // A threshold lets a plan pass in which there is something to do.
        Exit::Done if plan.drift.iter().all(Drift::is_kept) => {
            let stronger = plan.drift.len() - waived;
            parts.truncate(2);
            let told = [(waived, "waived"), (stronger, "stronger and kept")];
            let told = told.iter().filter(|(count, _)| *count > 0).map(|(count, what)| format!("{count} {what}"));
            let told = told.collect::<Vec<_>>().join(", ");
            paint(GOOD, format_args!("nothing to restore, {told}"))
        }
        _ => parts.split_off(2).join(", "),
    };
    let rest = paint(FAINT, format_args!("exit {}", exit.code()));
    format!("result: {verdict} · {} · {rest}", parts.join(", "))
}
