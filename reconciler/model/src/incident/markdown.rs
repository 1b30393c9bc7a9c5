//! The incident as Markdown: for a ticket.
//!
//! Guarantees: names and values come from whoever attacked; none of them can make a heading, a link, markup of HTML or a cell
//! of a table. The text fits into a ticket whatever the incident is like: what does not fit is counted, and where all of it is
//! is said.

use std::fmt::Write as _;

use super::asked::Asked;
use super::words::{
    OPEN_WORDS, actors, change, confirmed, count, direction, explained, exposed, left_and_done, left_in_words, longest,
    no_start, not_restored, sentence, span, time, title, value, who,
};
use super::{Affected, CheckItem, CheckState, Incident};
use crate::attribution::Culprit;
use crate::text::one_line;

/// Bytes of the text: a ticket of GitHub takes 65,536 characters.
const MOST: usize = 64_000;
/// Bytes that a section may take, whatever else there is.
const FOR_EACH: usize = 4_500;
/// Bytes of one name, value or sentence.
const MOST_TEXT: usize = 400;
/// Bytes of one cell of a table.
const MOST_CELL: usize = 160;
/// Differences, events, commands or names of one thing that are listed.
const MOST_LISTED: usize = 12;

/// A part of the text: items that are there whole, or are left out and counted.
struct Section {
    title: String,
    /// What stands above the items: the head of a table.
    head: String,
    items: Vec<String>,
    /// What stands below them.
    foot: String,
    /// What one item is called, and what several are.
    called: (&'static str, &'static str),
}

impl Section {
    fn new(title: &str, called: (&'static str, &'static str)) -> Self {
        Self { title: title.to_owned(), head: String::new(), items: Vec::new(), foot: String::new(), called }
    }

    /// A table. The cells are escaped already.
    fn table(
        title: &str,
        head: &[&str],
        rows: impl Iterator<Item = Vec<String>>,
        called: (&'static str, &'static str),
    ) -> Self {
        let mut section = Self::new(title, called);
        section.head = format!("| {} |\n|{}\n", head.join(" | "), "---|".repeat(head.len()));
        section.items = rows.map(|row| format!("| {} |\n", row.join(" | "))).collect();
        section
    }

    fn size(&self) -> usize {
        self.items.iter().map(String::len).sum()
    }

    /// The section with as many items as there is room for.
    fn with(&self, room: usize) -> String {
        if self.items.is_empty() && self.foot.is_empty() {
            return String::new();
        }
        let mut text = format!("## {}\n\n{}", self.title, self.head);
        let mut left = room;
        let mut shown = 0;
        for item in &self.items {
            let Some(rest) = left.checked_sub(item.len()) else { break };
            left = rest;
            text.push_str(item);
            shown += 1;
        }
        let all = self.items.len();
        if shown < all {
            let (one, many) = self.called;
            let are = if all - shown == 1 { "is" } else { "are" };
            let _ = write!(
                text,
                "\n_{} of {} {are} left out here: incident.html and incident.json have the whole._\n",
                all - shown,
                count(all, one, many)
            );
        }
        if !self.foot.is_empty() {
            let _ = write!(text, "\n{}\n", self.foot);
        }
        text.push('\n');
        text
    }
}

/// The report.
pub fn render(incident: &Incident) -> String {
    let mut text = String::new();
    // Writing to a String cannot fail.
    let _ = writeln!(text, "# {}: {}\n", incident.outcome.heading(), md(&incident.id));
    let _ = writeln!(text, "{}\n", md(&sentence(incident)));
    glance(&mut text, incident);
    let end = written(incident);
    let sections = [
        open(incident),
        who_weakened(incident),
        changed(incident),
        for_people(incident),
        done(incident),
        asked(incident),
        steps_done(incident),
        unread(incident),
        gaps(incident),
        compliance(incident),
        evidence(incident),
    ];
    // Headings, heads of tables and notes are short, and have their room beside that of the items.
    let beside: usize = sections.iter().map(|one| one.title.len() + one.head.len() + one.foot.len() + 200).sum();
    let mut room = MOST.saturating_sub(text.len() + end.len() + beside);
    let mut rooms: Vec<usize> = sections.iter().map(|one| one.size().min(FOR_EACH)).collect();
    room = room.saturating_sub(rooms.iter().sum());
    for (has, section) in rooms.iter_mut().zip(&sections) {
        let more = (section.size() - *has).min(room);
        *has += more;
        room -= more;
    }
    for (section, room) in sections.iter().zip(rooms) {
        text.push_str(&section.with(room));
    }
    text.push_str(&end);
    text
}

/// Text that is nothing but text.
fn md(text: &str) -> String {
    cut(text, usize::MAX)
}

/// The same, and not longer than that; what is left out is marked.
fn cut(text: &str, most: usize) -> String {
    let text = one_line(text);
    let mut safe = String::with_capacity(text.len().min(most));
    for c in text.chars() {
        let before = safe.len();
        match c {
            '<' => safe.push_str("&lt;"),
            '>' => safe.push_str("&gt;"),
            '&' => safe.push_str("&amp;"),
            '\\' | '`' | '*' | '_' | '[' | ']' | '|' | '#' | '!' | '~' => {
                safe.push('\\');
                safe.push(c);
            }
            c => safe.push(c),
        }
        if safe.len() > most {
            safe.truncate(before);
            safe.push('…');
            break;
        }
    }
    safe
}

fn told(text: &str) -> String {
    cut(text, MOST_TEXT)
}

fn cell(text: &str) -> String {
    cut(text, MOST_CELL)
}

/// Some of many names.
fn some<T: ToString>(all: impl ExactSizeIterator<Item = T>) -> String {
    let more = all.len().saturating_sub(MOST_LISTED);
    let mut named: Vec<String> = all.take(MOST_LISTED).map(|one| cut(&one.to_string(), MOST_CELL)).collect();
    if more > 0 {
        named.push(format!("and {more} more in incident.json"));
    }
    named.join(", ")
}

fn glance(text: &mut String, incident: &Incident) {
    let (actors, unknown) = actors(incident);
    let resources = |number: usize| count(number, "resource", "resources");
    let mut by = some(actors.iter().map(|one| format!("{} ({})", one.principal, resources(one.addresses.len()))));
    if !unknown.is_empty() {
        let and = if by.is_empty() { "" } else { "; " };
        let _ = write!(by, "{and}not known for {}", resources(unknown.len()));
    }
    if by.is_empty() {
        by.push_str("nobody: nothing was weakened");
    }
    let exposure = longest(incident).map_or_else(
        || no_start(incident).to_owned(),
        |(one, long)| format!("{}: {}", told(&long), cell(&one.address().to_string())),
    );
    let operator = &incident.operator;
    let caller = operator.caller.as_ref().map(|caller| format!(" as {}", cell(caller))).unwrap_or_default();
    let mut rows = vec![
        ("restored and verified", format!("{} of {}", incident.restored(), incident.addresses.len())),
        ("longest exposure", exposure),
        ("weakened by", by),
        ("left to people", left_in_words(incident)),
        ("first seen", cell(&time(&incident.detected))),
        ("opened", cell(&time(&incident.opened))),
        ("closed", incident.closed.as_deref().map_or_else(|| "it is open".to_owned(), |at| cell(&time(at)))),
        ("asked for", some(incident.targets.iter())),
        ("restored by", format!("{}{caller}", cell(&operator.user))),
        (if incident.runs.len() == 1 { "run" } else { "runs" }, some(incident.runs.iter())),
    ];
    if !incident.accounts.is_empty() {
        rows.push(("in the accounts", some(incident.accounts.iter())));
    }
    text.push_str("|  |  |\n|---|---|\n");
    for (name, fact) in rows {
        let _ = writeln!(text, "| {name} | {fact} |");
    }
    text.push('\n');
    for trouble in incident.troubles.iter().take(MOST_LISTED) {
        let _ = writeln!(text, "**{}**\n", told(trouble));
    }
    let more = incident.troubles.len().saturating_sub(MOST_LISTED);
    if more > 0 {
        let _ = writeln!(text, "_{more} more of these are left out here: incident.json has the whole._\n");
    }
}

fn open(incident: &Incident) -> Section {
    let mut section = Section::new("Not restored, or not in effect", ("resource", "resources"));
    section.items = not_restored(incident)
        .map(|(one, why)| {
            let mut text =
                format!("- {}: **{}** {}\n", told(&one.address().to_string()), one.status.words(), told(why));
            if !one.still_used_by.is_empty() {
                let _ = writeln!(text, "  - still used by {}", some(one.still_used_by.iter()));
            }
            text
        })
        .collect();
    section
}

fn who_weakened(incident: &Incident) -> Section {
    let (actors, unknown) = actors(incident);
    let known = actors.iter().map(|actor| {
        let means = actor.means();
        let means = if means.is_empty() { String::new() } else { format!(", {means}") };
        vec![
            format!("{}{}", cell(actor.principal), cell(&means)),
            format!("{}: {}", count(actor.addresses.len(), "resource", "resources"), some(actor.addresses.iter())),
            cell(&actor.when()),
        ]
    });
    let unknown = unknown.iter().map(|one| {
        let why: Vec<&str> = one.unknown().iter().map(|unknown| unknown.reason).collect();
        vec![format!("not known: {}", told(&why.join("; "))), cell(&one.address().to_string()), cell(&exposed(one))]
    });
    Section::table("Who weakened it", &["who", "what", "when"], known.chain(unknown), ("line", "lines"))
}

fn event(culprit: &Culprit) -> String {
    format!(
        "{} {} by {} (event {} in {})",
        cell(&time(&culprit.at)),
        cell(&culprit.event_name),
        told(&who(culprit)),
        cell(&culprit.event_id),
        cell(&culprit.region)
    )
}

fn changed(incident: &Incident) -> Section {
    let mut section = Section::new("What was changed", ("resource", "resources"));
    section.items = incident.addresses.iter().map(changed_one).collect();
    section
}

fn changed_one(one: &Affected) -> String {
    let mut text = String::new();
    let left_out = |text: &mut String, all: usize, many: &str| {
        let more = all.saturating_sub(MOST_LISTED);
        if more > 0 {
            let _ = writeln!(text, "- {more} more {many} in incident.json");
        }
    };
    let _ = writeln!(
        text,
        "### {} ({}, {})\n\n- exposed: {}",
        told(&one.address().to_string()),
        change(one.drift.change),
        one.status.words(),
        told(&exposed(one))
    );
    for alert in one.drift.alerts.iter().take(MOST_LISTED) {
        let _ = writeln!(
            text,
            "- {}: {} (signal {} of its runbook)",
            cell(&alert.control),
            cell(&alert.in_words()),
            cell(&alert.signal)
        );
    }
    let culprits = one.culprits();
    for (culprit, paths) in culprits.iter().take(MOST_LISTED) {
        let of = match paths.len() == one.drift.fields.len() || one.drift.fields.is_empty() {
            true => String::new(),
            false => format!(": {}", some(paths.iter())),
        };
        let _ = writeln!(text, "- {}{of}", event(culprit));
    }
    left_out(&mut text, culprits.len(), "events");
    for unknown in one.unknown().iter().take(MOST_LISTED) {
        let of = count(unknown.paths.len(), "difference", "differences");
        let _ = writeln!(text, "- not known by whom for {of}: {}", told(unknown.reason));
        for culprit in unknown.candidates.iter().take(MOST_LISTED) {
            let _ = writeln!(text, "  - perhaps {}", event(culprit));
        }
    }
    let confirmed = confirmed(one);
    if !confirmed.is_empty() {
        let _ = writeln!(text, "- {}", told(&confirmed));
    }
    left_out(&mut text, one.drift.fields.len(), "differences");
    if !one.drift.fields.is_empty() {
        text.push_str("\n| where | found | declared | direction |\n|---|---|---|---|\n");
    }
    for field in one.drift.fields.iter().take(MOST_LISTED) {
        let (found, declared) = (cell(&value(&field.live)), cell(&value(&field.want)));
        let _ = writeln!(text, "| {} | {found} | {declared} | {} |", cell(&field.path.to_string()), direction(field));
    }
    text.push('\n');
    text
}

fn item(item: &CheckItem, incident: &Incident) -> String {
    let state = if item.state == CheckState::Manual { "" } else { item.state.words() };
    let state = if state.is_empty() { String::new() } else { format!(" **{state}**:") };
    let all = &incident.checklist;
    let mut text = format!(
        "- [ ]{state} {} {} — step {} of {}\n",
        told(&explained(&item.text, item, all)),
        told(&explained(&item.how, item, all)),
        cell(&item.step),
        cell(&item.control),
    );
    if item.state != CheckState::Manual && !item.resources.is_empty() {
        let _ = writeln!(text, "  - {}", some(item.resources.iter()));
    }
    for command in item.commands.iter().take(MOST_LISTED) {
        let of =
            command.address.as_ref().map(|address| format!("{}: ", cell(&address.to_string()))).unwrap_or_default();
        // A command that is cut is none.
        let typed = md(&command.text);
        match typed.len() <= 3 * MOST_TEXT {
            true => _ = writeln!(text, "  - {of}<code>{typed}</code>"),
            false => _ = writeln!(text, "  - {of}the command is in incident.json"),
        }
    }
    let more = item.commands.len().saturating_sub(MOST_LISTED);
    if more > 0 {
        let _ = writeln!(text, "  - {} in incident.json", count(more, "more command is", "more commands are"));
    }
    if let Some(undo) = &item.undo {
        let ends =
            item.expires.as_ref().map(|expires| format!("; it ends after {}", cell(expires))).unwrap_or_default();
        let _ = writeln!(text, "  - undo: {}{ends}", told(undo));
    }
    text
}

fn for_people(incident: &Incident) -> Section {
    let mut section = Section::new("What is left to people", ("step", "steps"));
    let (left, _) = left_and_done(incident);
    let mut before = "";
    for one in left {
        let mut text = String::new();
        if one.control != before {
            before = &one.control;
            let mut about: Vec<_> = incident
                .checklist
                .iter()
                .filter(|item| item.control == before)
                .flat_map(|item| &item.resources)
                .collect();
            about.sort();
            about.dedup();
            let concerned = count(about.len(), "resource", "resources");
            let _ = writeln!(
                text,
                "\n### {} {}\n\n{concerned}: {}. `controls show` prints its runbook.\n",
                cell(before),
                cell(title(before, incident)),
                some(about.iter())
            );
        }
        text.push_str(&item(one, incident));
        section.items.push(text);
    }
    if incident.checklist.iter().any(|item| !item.commands.is_empty()) {
        section.foot = OPEN_WORDS.to_owned();
    }
    section
}

fn done(incident: &Incident) -> Section {
    let rows = incident.steps.iter().map(|step| {
        let ended = step.verdict.as_ref().map_or_else(|| "not known: the run died".to_owned(), ToString::to_string);
        let message = step.message.as_ref().map(|message| format!(": {message}")).unwrap_or_default();
        let error = step.error.as_ref().map(|error| format!(" ({error}{message})")).unwrap_or_default();
        vec![
            cell(&time(&step.begun)),
            cell(&step.address.to_string()),
            cell(&format!("{} {}", step.action, step.calls.join(", "))),
            told(&format!("{ended}{error}")),
            some(step.request_ids.iter()),
        ]
    });
    Section::table("What was done", &["when", "where", "what", "read-back", "request"], rows, ("write", "writes"))
}

fn asked(incident: &Incident) -> Section {
    let asked = Asked::of(incident);
    let mut section = Section::new("What was asked about the time in between", ("query", "queries"));
    for question in &asked.found {
        let place = |answer: &&crate::control::Answered| {
            format!("{}/{}: {}", answer.account, answer.region, count(answer.row_count, "row", "rows"))
        };
        section.items.push(format!(
            "- {} ({}): {}, {}\n",
            told(question.about()),
            told(&question.asked_for()),
            question.rows(),
            some(question.answers.iter().map(place)),
        ));
    }
    for question in &asked.unanswered {
        let why = question.answers.first().and_then(|answer| answer.unanswered.as_deref()).unwrap_or_default();
        let (about, places) = (told(question.about()), told(&question.places()));
        section.items.push(format!("- {about}: no answer in {places}: {}\n", told(why)));
    }
    if !incident.answers.is_empty() {
        section.foot = format!("{} incident.html has the queries, and the rows.", asked.in_words());
    }
    section
}

fn steps_done(incident: &Incident) -> Section {
    let (_, done) = left_and_done(incident);
    let mut section = Section::new("Steps of the responses that are done", ("step", "steps"));
    let all = &incident.checklist;
    section.items = done
        .iter()
        .map(|one| {
            format!(
                "- [x] {} {}: {} ({})\n",
                cell(&one.control),
                one.state.words(),
                told(&explained(&one.text, one, all)),
                told(&one.how)
            )
        })
        .collect();
    section
}

fn compliance(incident: &Incident) -> Section {
    let rows = incident.controls.iter().flat_map(|control| {
        let none = control
            .compliance
            .is_empty()
            .then(|| vec![cell(&control.id), "no compliance mapping".to_owned(), String::new()]);
        let mapped = control
            .compliance
            .iter()
            .map(|(framework, references)| vec![cell(&control.id), cell(framework), cell(&references.join(", "))]);
        mapped.chain(none)
    });
    Section::table("Compliance", &["control", "framework", "references"], rows, ("line", "lines"))
}

fn evidence(incident: &Incident) -> Section {
    let rows = incident.evidence.iter().map(|item| {
        let of = item.address.as_ref().map(ToString::to_string).unwrap_or_default();
        vec![cell(&item.what), cell(&of), cell(&time(&item.at)), cell(&item.sha256)]
    });
    let mut section = Section::table("Evidence", &["what", "where", "when", "digest"], rows, ("file", "files"));
    section.foot =
        "Every file is in the hash chain of the journal; `bedrock-reconciler audit verify` checks it.".to_owned();
    section
}

fn gaps(incident: &Incident) -> Section {
    let mut section = Section::new("What could not be read", ("read", "reads"));
    let gap = |gap: &crate::inventory::Gap| {
        let name = gap.name.as_deref().map(|name| format!("/{name}")).unwrap_or_default();
        format!("- {}\n", told(&format!("{}/{}{name}: {}", gap.scope, gap.kind, gap.why())))
    };
    section.items = incident.gaps.iter().map(gap).collect();
    section
}

fn unread(incident: &Incident) -> Section {
    let mut section = Section::new("What should be known", ("note", "notes"));
    let finding = |one: &crate::plan::Finding| {
        format!("- {}\n", cut(&format!("{} [{}] {}", one.address, one.code, one.detail), 2 * MOST_TEXT))
    };
    section.items = incident.findings.iter().map(finding).collect();
    section
}

/// The last line.
fn written(incident: &Incident) -> String {
    let since = incident.since.as_deref();
    let since = since.map(|since| format!(" Only what happened after {} was looked at.", time(since)));
    let longest = incident.addresses.iter().filter_map(|one| one.exposure()?.seconds).max().map(span);
    format!(
        "Written {} by bedrock-reconciler {}.{}{}\n",
        cell(&time(&incident.written)),
        cell(&incident.tool_version),
        told(&since.unwrap_or_default()),
        longest.map(|longest| format!(" Longest exposure of a known beginning: {longest}.")).unwrap_or_default()
    )
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::incident::tests::{HOSTILE, sample};
    use crate::text::hides;

    #[test]
    fn nothing_that_was_found_is_markup() {
        let text = render(&sample());
        assert!(!text.contains("<script") && !text.contains("![") && !text.contains("\n# pwned"), "{text}");
        assert!(text.contains("&lt;script&gt;"), "{text}");
        for line in text.lines().filter(|line| line.starts_with("| ")) {
            let cells = line.replace("\\|", "").matches('|').count();
            assert!((3..=7).contains(&cells), "{line}");
        }
        assert!(!md(HOSTILE).contains(hides) && md(HOSTILE).contains("\\\\u{202e}gpj"), "{}", md(HOSTILE));
    }

    #[test]
    fn what_matters_comes_first() {
        let text = render(&sample());
        assert!(!text.contains("left out here"), "{text}");
        let place = |part: &str| text.find(part).unwrap_or_else(|| panic!("no `{part}` in:\n{text}"));
        let parts = [
            "# Partly restored",
            "longest exposure",
            "## Not restored",
            "## Who weakened it",
            "## What was changed",
            "## What is left",
        ];
        assert!(parts.windows(2).all(|two| place(two[0]) < place(two[1])), "{text}");
    }

    #[test]
    fn each_step_is_there_once() {
        let mut incident = sample();
        for (number, item) in incident.checklist.iter_mut().enumerate() {
            item.text = format!("step number {number}");
        }
        let text = render(&incident);
        for number in 0..incident.checklist.len() {
            assert_eq!(text.matches(&format!("step number {number}")).count(), 1, "{text}");
        }
    }

    /// GitHub takes no more than 65,536 characters for a text of an issue.
    #[test]
    fn an_incident_of_any_size_fits_into_a_ticket_and_says_what_is_left_out() {
        let mut incident = sample();
        let [first, second] = [incident.addresses[0].clone(), incident.addresses[1].clone()];
        let step = incident.checklist[2].clone();
        let most = |incident: &mut Incident, number: usize| {
            incident.addresses = std::iter::repeat_n([first.clone(), second.clone()], number).flatten().collect();
            for one in &mut incident.addresses {
                one.drift.fields = std::iter::repeat_n(one.drift.fields[0].clone(), number).collect();
            }
            for list in [&mut incident.targets, &mut incident.accounts, &mut incident.runs, &mut incident.troubles] {
                *list = std::iter::repeat_n(HOSTILE.repeat(20), number).collect();
            }
            incident.operator.user = HOSTILE.repeat(number);
            incident.steps = std::iter::repeat_n(incident.steps[0].clone(), number).collect();
            incident.answers = std::iter::repeat_n(incident.answers[0].clone(), number).collect();
            incident.checklist = std::iter::repeat_n(step.clone(), number).collect();
            incident.evidence = std::iter::repeat_n(incident.evidence[0].clone(), number).collect();
        };
        for number in [1, 8, 40, 300] {
            most(&mut incident, number);
            let text = render(&incident);
            assert!(text.len() < 65_536, "{number}: {}", text.len());
            assert!(text.contains("## Evidence") && text.contains("## What is left"), "{number}");
            assert!(text.contains("left out here") || number == 1, "{number}: {}", text.len());
        }
        let text = render(&incident);
        let steps =
            text.split("## What is left to people").nth(1).and_then(|rest| rest.split("\n## ").next()).expect("it");
        let shown = steps.matches("- [ ]").count();
        assert!(shown < 300 && steps.contains(&format!("{} of 300 steps are left out here", 300 - shown)), "{steps}");
    }

    #[test]
    fn what_is_cut_is_cut_between_escapes() {
        assert_eq!(cut("a|b", 3), "a\\|…");
        assert_eq!(cut("<<<", 8), "&lt;&lt;…");
        assert_eq!(cut("short", 5), "short");
    }
}
