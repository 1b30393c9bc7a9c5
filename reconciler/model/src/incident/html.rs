//! The incident as one page of HTML that needs nothing else: no script, no font, no picture from elsewhere.
//!
//! What is folded away stands beside its `details`, and not within: a style shows it on paper, in every browser.
//!
//! Guarantees: names and values come from whoever attacked; every one of them is escaped, and the policy of the page forbids
//! scripts and requests all the same.

use std::fmt::Write as _;

use super::asked::{Asked, Question};
use super::words::{
    OPEN_WORDS, actors, change, confirmed, count, direction, explained, exposed, left_and_done, left_in_words, longest,
    no_start, not_restored, sentence, time, title, value, who,
};
use super::{Affected, CheckItem, CheckState, Incident, Outcome, timeline};
use crate::attribution::Culprit;
use crate::direction::Direction;
use crate::text::one_line;
use crate::verdict::Ruling;

/// Rows of one question that the page shows; the record has them all.
const MOST_ROWS: usize = 30;
/// Commands of one step that the page shows; the record has them all.
const MOST_COMMANDS: usize = 12;
/// Characters of an id that is not broken.
const MOST_ID: usize = 48;
/// Characters of a digest that are shown; a file is named after the whole of it.
const MOST_DIGEST: usize = 16;

const STYLE: &str = include_str!("incident.css");

/// The page.
pub fn render(incident: &Incident) -> String {
    let mut text = String::new();
    let class = match incident.outcome {
        Outcome::Restored => "good",
        Outcome::NotEffective | Outcome::NotAllSeen => "doubt",
        _ => "bad",
    };
    // Writing to a String cannot fail.
    let _ = write!(
        text,
        "<!doctype html>\n<html lang=\"en\">\n<head>\n<meta charset=\"utf-8\">\n\
         <meta http-equiv=\"Content-Security-Policy\" content=\"default-src 'none'; style-src 'unsafe-inline'\">\n\
         <meta name=\"viewport\" content=\"width=device-width\">\n<meta name=\"color-scheme\" content=\"light dark\">\n\
         <meta name=\"referrer\" content=\"no-referrer\">\n<title>{heading} · {plain}</title>\n<style>\n{STYLE}</style>\n</head>\n<body>\n\
         <header class=\"{class}\"><p class=\"id\">{id} · {targets}</p><h1>{heading}</h1><p>{sentence}</p></header>\n<main>\n",
        heading = esc(incident.outcome.heading()),
        plain = esc(&incident.id),
        id = id(&incident.id),
        targets = breakable(&incident.targets.join(", ")),
        sentence = breakable(&sentence(incident)),
    );
    glance(&mut text, incident);
    open(&mut text, incident);
    section(&mut text, "Timeline", &timeline::render(incident));
    who_weakened(&mut text, incident);
    changed(&mut text, incident);
    for_people(&mut text, incident);
    done(&mut text, incident);
    asked(&mut text, incident);
    steps_done(&mut text, incident);
    compliance(&mut text, incident);
    evidence(&mut text, incident);
    unread(&mut text, incident);
    let _ = write!(
        text,
        "</main>\n<footer>Written {} by bedrock-reconciler {}. <code>bedrock-reconciler audit verify</code> proves that this file and \
         the evidence are as they were written.</footer>\n</body>\n</html>\n",
        whole(&time(&incident.written)),
        esc(&incident.tool_version)
    );
    text
}

/// Text that is nothing but text, in an element or between double quotes.
pub(super) fn esc(text: &str) -> String {
    let mut safe = String::with_capacity(text.len());
    one_line(text).chars().for_each(|c| push(&mut safe, c));
    safe
}

fn push(safe: &mut String, c: char) {
    match c {
        '&' => safe.push_str("&amp;"),
        '<' => safe.push_str("&lt;"),
        '>' => safe.push_str("&gt;"),
        '"' => safe.push_str("&quot;"),
        '\'' => safe.push_str("&#39;"),
        c => safe.push(c),
    }
}

/// The same in an element, where lines may break after the separators of names, paths and ARNs, and never within a time.
pub(super) fn breakable(text: &str) -> String {
    let text = one_line(text);
    let mut safe = String::with_capacity(text.len() + 32);
    let mut rest = &*text;
    while let Some(c) = rest.chars().next() {
        if let Some(time) = time_at(rest) {
            let (day, clock) = time.split_at(DAY);
            let _ =
                write!(safe, "<span class=\"whole\">{day}</span> <span class=\"whole\">{}</span>", clock.trim_start());
            rest = &rest[time.len()..];
            continue;
        }
        push(&mut safe, c);
        rest = &rest[c.len_utf8()..];
        if matches!(c, '/' | ':' | '.' | ',' | '_' | '=') && rest.starts_with(|c: char| !c.is_whitespace()) {
            safe.push_str("<wbr>");
        }
    }
    safe
}

/// Bytes of the day of a time.
const DAY: usize = "0000-00-00".len();

/// A time as [`time`] writes it, where the text begins with one.
fn time_at(text: &str) -> Option<&str> {
    const LIKE: &str = "0000-00-00 00:00:00 UTC";
    let time = text.get(..LIKE.len())?;
    let is_like = |(c, like): (u8, u8)| if like == b'0' { c.is_ascii_digit() } else { c == like };
    time.bytes().zip(LIKE.bytes()).all(is_like).then_some(time)
}

/// Text of ours that lines never break.
pub(super) fn whole(text: &str) -> String {
    format!("<span class=\"whole\">{}</span>", esc(text))
}

/// An id that lines never break, where it looks like one.
fn id(text: &str) -> String {
    let is_id = text.len() <= MOST_ID && text.chars().all(|c| c.is_ascii_alphanumeric() || c == '-' || c == '_');
    if is_id { format!("<span class=\"id whole\">{text}</span>") } else { breakable(text) }
}

/// The beginning of a digest, and where it is a file.
fn file(path: &str) -> String {
    let (folder, name) = path.rsplit_once('/').map_or(("", path), |(folder, name)| (folder, name));
    let name = name.strip_suffix(".json").unwrap_or(name);
    match name.char_indices().nth(MOST_DIGEST) {
        Some((end, _)) => format!("{}/<wbr><span class=\"whole\">{}…</span>", breakable(folder), esc(&name[..end])),
        None => breakable(path),
    }
}

fn section(text: &mut String, title: &str, body: &str) {
    if !body.is_empty() {
        let _ = write!(text, "<section>\n<h2>{title}</h2>\n{body}</section>\n");
    }
}

/// A table, with the share of each column in hundredths; its cells are HTML already. On a phone each cell is a line.
fn table(head: &[(&str, u8)], rows: impl Iterator<Item = Vec<String>>) -> String {
    let mut body = String::new();
    for row in rows {
        let cells: String = row
            .iter()
            .zip(head)
            .map(|(cell, (name, _))| format!("<td data-name=\"{}\">{cell}</td>", esc(name)))
            .collect();
        let _ = writeln!(body, "<tr>{cells}</tr>");
    }
    if body.is_empty() {
        return String::new();
    }
    let head: String =
        head.iter().map(|(name, share)| format!("<th style=\"width:{share}%\">{}</th>", breakable(name))).collect();
    format!("<table>\n<thead><tr>{head}</tr></thead>\n<tbody>\n{body}</tbody>\n</table>\n")
}

/// What is folded away on the screen, and never on paper.
fn fold(summary: &str, body: &str) -> String {
    format!("<details class=\"fold\"><summary>{summary}</summary></details>\n<div class=\"folded\">{body}</div>\n")
}

fn badge(class: &str, words: &str) -> String {
    format!("<span class=\"badge {class}\">{}</span>", esc(words))
}

fn status(one: &Affected) -> String {
    let class = match one.status {
        super::Status::Restored => "good",
        super::Status::NotEffective | super::Status::Unknown => "doubt",
        _ => "bad",
    };
    badge(class, one.status.words())
}

fn faint(html: &str) -> String {
    format!("<span class=\"faint\">{html}</span>")
}

fn glance(text: &mut String, incident: &Incident) {
    let (actors, unknown) = actors(incident);
    let resources = |number: usize| faint(&count(number, "resource", "resources"));
    let of = |actor: &super::words::Actor<'_>| {
        format!("<span class=\"who\">{}</span> {}", breakable(actor.principal), resources(actor.addresses.len()))
    };
    let mut by: Vec<String> = actors.iter().map(of).collect();
    if !unknown.is_empty() {
        by.push(format!("not known {}", resources(unknown.len())));
    }
    if by.is_empty() {
        by.push("nobody: nothing was weakened".to_owned());
    }
    let exposure = longest(incident).map_or_else(
        || no_start(incident).to_owned(),
        |(one, told)| {
            format!("<strong>{}</strong><br>{}", breakable(&told), faint(&breakable(&one.address().to_string())))
        },
    );
    let operator = &incident.operator;
    let caller = operator.caller.as_ref().map(|caller| format!("<br>{}", faint(&breakable(caller))));
    let limited = if incident.accounts.is_empty() {
        String::new()
    } else {
        format!("<br>in {}", breakable(&incident.accounts.join(", ")))
    };
    let closed = incident.closed.as_deref().map_or_else(|| "it is open".to_owned(), |at| breakable(&time(at)));
    let facts = [
        ("Restored and verified", format!("<strong>{} of {}</strong>", incident.restored(), incident.addresses.len())),
        ("Longest exposure", exposure),
        ("Weakened by", by.join("<br>")),
        ("Left to people", format!("<strong>{}</strong>", left_in_words(incident))),
        ("First seen", breakable(&time(&incident.detected))),
        ("Closed", closed),
        ("Asked for", format!("{}{limited}", breakable(&incident.targets.join(", ")))),
        ("Restored by", format!("{}{}", breakable(&operator.user), caller.unwrap_or_default())),
    ];
    text.push_str("<dl class=\"glance\">\n");
    for (name, told) in facts {
        let _ = writeln!(text, "<div><dt>{name}</dt><dd>{told}</dd></div>");
    }
    text.push_str("</dl>\n");
    for trouble in &incident.troubles {
        let _ = writeln!(text, "<p class=\"trouble\">{}</p>", breakable(trouble));
    }
}

fn open(text: &mut String, incident: &Incident) {
    let mut body = String::new();
    for (one, why) in not_restored(incident) {
        let _ = write!(
            body,
            "<li><strong>{}</strong> {}<br>{}",
            breakable(&one.address().to_string()),
            status(one),
            breakable(why)
        );
        for user in &one.still_used_by {
            let _ = write!(body, "<br>still used by {}", breakable(user));
        }
        body.push_str("</li>\n");
    }
    if !body.is_empty() {
        section(text, "Not restored, or not in effect", &format!("<ul>\n{body}</ul>\n"));
    }
}

fn who_weakened(text: &mut String, incident: &Incident) {
    let (actors, unknown) = actors(incident);
    let known = actors.iter().map(|actor| {
        let means = actor.means();
        let means = if means.is_empty() { String::new() } else { format!("<br>{}", faint(&breakable(&means))) };
        let what: Vec<String> = actor.addresses.iter().map(|one| breakable(&one.to_string())).collect();
        vec![
            format!("<span class=\"who\">{}</span>{means}", breakable(actor.principal)),
            format!("<strong>{}</strong><br>{}", count(what.len(), "resource", "resources"), what.join("<br>")),
            breakable(&actor.when()),
        ]
    });
    let unknown = unknown.iter().map(|one| {
        let why: Vec<String> = one.unknown().iter().map(|unknown| breakable(unknown.reason)).collect();
        vec![
            format!("{}<br>{}", badge("doubt", "not known"), faint(&why.join("<br>"))),
            breakable(&one.address().to_string()),
            breakable(&exposed(one)),
        ]
    });
    let rows = known.chain(unknown);
    section(text, "Who weakened it", &table(&[("who", 38), ("what", 38), ("when", 24)], rows));
}

fn event(culprit: &Culprit) -> String {
    format!(
        "<strong>{}</strong> {} by {}<br>{}",
        breakable(&culprit.event_name),
        breakable(&time(&culprit.at)),
        breakable(&who(culprit)),
        faint(&format!("event {} in {}", id(&culprit.event_id), breakable(&culprit.region)))
    )
}

fn changed(text: &mut String, incident: &Incident) {
    let body: String = incident.addresses.iter().map(changed_one).collect();
    section(text, "What was changed", &body);
}

fn changed_one(one: &Affected) -> String {
    let mut body = String::new();
    let alerts: String = one.drift.alerts.iter().take(1).map(|alert| badge("alert", &alert.in_words())).collect();
    let _ = writeln!(
        body,
        "<div class=\"block\">\n<h3>{} {alerts} {}</h3>\n<p>{}; exposed: {}</p>",
        breakable(&one.address().to_string()),
        status(one),
        change(one.drift.change),
        breakable(&exposed(one))
    );
    for (culprit, paths) in one.culprits() {
        let paths: Vec<String> = paths.iter().map(|path| path.to_string()).filter(|path| !path.is_empty()).collect();
        let what = match (paths.is_empty(), paths.len() == one.drift.fields.len()) {
            (true, _) => "; the whole resource".to_owned(),
            (_, true) => String::new(),
            _ => format!("; {}", breakable(&paths.join(", "))),
        };
        let _ = writeln!(body, "<p class=\"by\">{}{}</p>", event(culprit), faint(&what));
    }
    for unknown in one.unknown() {
        let paths = match unknown.paths.len() {
            number if number == one.drift.fields.len() || number == 1 => String::new(),
            number => format!(" for {}", count(number, "difference", "differences")),
        };
        let _ = writeln!(
            body,
            "<p class=\"by\">{}{paths}: {}</p>",
            badge("doubt", "not known by whom"),
            breakable(unknown.reason)
        );
        for culprit in unknown.candidates {
            let _ = writeln!(body, "<p class=\"by\">perhaps {}</p>", event(culprit));
        }
    }
    let rows = one.drift.fields.iter().map(|field| {
        let class = match field.direction {
            Direction::Weakened => "bad",
            Direction::Strengthened => "good",
            Direction::Unknown => "doubt",
            Direction::Neutral => "",
        };
        vec![
            format!("<code>{}</code>", breakable(&field.path.to_string())),
            format!("<del>{}</del>", breakable(&value(&field.live))),
            format!("<ins>{}</ins>", breakable(&value(&field.want))),
            badge(class, &direction(field)),
        ]
    });
    body.push_str(&table(&[("where", 27), ("found", 28), ("declared", 29), ("direction", 16)], rows));
    let confirmed = confirmed(one);
    if !confirmed.is_empty() {
        let _ = writeln!(body, "<p class=\"faint\">{}</p>", proofs(&confirmed));
    }
    body.push_str("</div>\n");
    body
}

/// Text with the ids of plans in it, which lines do not break.
fn proofs(text: &str) -> String {
    let words: Vec<String> = text
        .split(' ')
        .map(|word| {
            let (name, comma) = word.strip_suffix(',').map_or((word, ""), |name| (name, ","));
            if name.starts_with("plan-") { format!("{}{comma}", id(name)) } else { word.to_owned() }
        })
        .collect();
    // Words that are no ids are made safe together, so that times are seen.
    let mut safe = String::new();
    let mut plain: Vec<&str> = Vec::new();
    for (word, told) in text.split(' ').zip(&words) {
        if word == told {
            plain.push(word);
            continue;
        }
        let _ = write!(safe, "{} {told} ", breakable(&plain.join(" ")));
        plain.clear();
    }
    safe.push_str(&breakable(&plain.join(" ")));
    safe
}

/// The number of a step, and where it is explained.
fn step_of(item: &CheckItem) -> String {
    faint(&format!("step {} of its runbook, {}", esc(&item.step), item.does.word()))
}

fn commands(item: &CheckItem) -> String {
    let mut text = String::new();
    for command in item.commands.iter().take(MOST_COMMANDS) {
        if let Some(address) = &command.address {
            let _ = write!(text, "<p class=\"for\">{}</p>", breakable(&address.to_string()));
        }
        let _ = writeln!(text, "<pre>{}</pre>", esc(&command.text));
    }
    let more = item.commands.len().saturating_sub(MOST_COMMANDS);
    if more > 0 {
        let _ = writeln!(
            text,
            "<p class=\"faint\">{} in incident.json</p>",
            count(more, "more command is", "more commands are")
        );
    }
    text
}

fn item(item: &CheckItem, incident: &Incident) -> String {
    let class = match item.state {
        CheckState::Partly => "doubt",
        CheckState::NotDone => "bad",
        _ => "people",
    };
    let state = if item.state == CheckState::Manual { String::new() } else { badge(class, item.state.words()) };
    let undo = item.undo.as_ref().map(|undo| {
        let ends = item.expires.as_ref().map(|expires| format!("; ends after {}", esc(expires))).unwrap_or_default();
        format!("<p class=\"for\">undo{ends}:</p><pre>{}</pre>", esc(undo))
    });
    let about = match item.state {
        CheckState::Manual => String::new(),
        _ => resources(&item.resources),
    };
    format!(
        "<li class=\"{class}\"><span class=\"mark\">☐</span><div>{} {state}<br>{}<br>{}{about}{}{}</div></li>\n",
        breakable(&explained(&item.text, item, &incident.checklist)),
        faint(&breakable(&explained(&item.how, item, &incident.checklist))),
        step_of(item),
        commands(item),
        undo.unwrap_or_default()
    )
}

fn resources(addresses: &[crate::address::Address]) -> String {
    let named: Vec<String> = addresses.iter().map(|one| breakable(&one.to_string())).collect();
    match named.len() {
        0 => String::new(),
        number => format!("<p class=\"for\">{}: {}</p>", count(number, "resource", "resources"), named.join(", ")),
    }
}

/// The controls of these steps, in their order.
fn controls_of<'a>(items: &[&'a CheckItem]) -> Vec<&'a str> {
    let mut controls: Vec<&str> = items.iter().map(|item| item.control.as_str()).collect();
    controls.dedup();
    controls
}

fn for_people(text: &mut String, incident: &Incident) {
    let (left, _) = left_and_done(incident);
    let mut body = String::new();
    for control in controls_of(&left) {
        let items: Vec<&&CheckItem> = left.iter().filter(|item| item.control == control).collect();
        let mut about: Vec<_> = items.iter().flat_map(|item| item.resources.iter().cloned()).collect();
        about.sort();
        about.dedup();
        let _ = write!(
            body,
            "<h3>{} {}</h3>\n{}<p class=\"faint\">the runbook: <code>bedrock-reconciler controls show {}</code></p>\n<ul class=\"checks\">\n{}</ul>\n",
            breakable(control),
            breakable(title(control, incident)),
            resources(&about),
            esc(control),
            items.iter().map(|one| item(one, incident)).collect::<String>()
        );
    }
    if incident.checklist.iter().any(|item| !item.commands.is_empty()) {
        body.insert_str(0, &format!("<p class=\"faint\">{OPEN_WORDS}</p>\n"));
    }
    section(text, "What is left to people", &body);
}

fn done(text: &mut String, incident: &Incident) {
    let rows = incident.steps.iter().map(|step| {
        let (class, verdict) = match &step.verdict {
            Some(Ruling::Verified) => ("good", "verified by read-back".to_owned()),
            Some(other) => ("bad", other.to_string()),
            None => ("doubt", "not known: the run died".to_owned()),
        };
        let mut outcome = badge(class, &verdict);
        for part in step.error.iter().chain(&step.message).chain(&step.differs) {
            let _ = write!(outcome, "<br>{}", breakable(part));
        }
        let requests: Vec<String> = step.request_ids.iter().map(|request| id(request)).collect();
        vec![
            breakable(&time(&step.begun)),
            breakable(&step.address.to_string()),
            format!(
                "<strong>{}</strong> {}<br>{}<br>{}",
                breakable(&step.action),
                breakable(&step.calls.join(", ")),
                faint(&breakable(&step.summary)),
                faint(&format!("{} {}", if requests.len() == 1 { "request" } else { "requests" }, requests.join(" ")))
            ),
            outcome,
        ]
    });
    let body = table(&[("when", 15), ("where", 24), ("what", 42), ("read-back", 19)], rows);
    let runs: Vec<String> = incident.runs.iter().map(|run| id(run)).collect();
    let body = match body.is_empty() {
        true => "<p>Nothing was written.</p>\n".to_owned(),
        false => format!(
            "<p class=\"faint\">by {} {}</p>\n{body}",
            if runs.len() == 1 { "run" } else { "runs" },
            runs.join(", ")
        ),
    };
    section(text, "What was done", &body);
}

fn asked(text: &mut String, incident: &Incident) {
    if incident.answers.is_empty() {
        return;
    }
    let asked = Asked::of(incident);
    let mut body = format!("<p>{}</p>\n", asked.in_words());
    asked.found.iter().for_each(|question| found(&mut body, question));
    let unanswered = asked.unanswered.iter().flat_map(|question| {
        question.answers.iter().map(|answer| {
            let place = format!("{}/{}", answer.account, answer.region);
            let why = answer.unanswered.as_deref().unwrap_or_default();
            vec![
                breakable(question.about()),
                breakable(&place),
                format!("{} {}", badge("doubt", "no answer"), breakable(why)),
            ]
        })
    });
    body.push_str(&table(&[("asked", 40), ("where", 20), ("why there is no answer", 40)], unanswered));
    let nothing = asked.nothing.iter().map(|question| {
        vec![breakable(question.about()), breakable(&question.asked_for()), breakable(&question.places())]
    });
    let nothing = table(&[("asked", 44), ("for", 22), ("where", 34)], nothing);
    if !nothing.is_empty() {
        body.push_str(&fold("Which queries found nothing", &nothing));
    }
    section(text, "What was asked about the time in between", &body);
}

fn found(text: &mut String, question: &Question<'_>) {
    let Some(first) = question.answers.first() else { return };
    let groups: Vec<String> =
        question.answers.iter().filter_map(|answer| answer.log_group.as_deref()).map(breakable).collect();
    let groups = if groups.is_empty() { String::new() } else { format!("; log groups: {}", groups.join(", ")) };
    let bytes: u64 = question.answers.iter().filter_map(|answer| answer.bytes_scanned).sum();
    let bytes = if bytes > 0 { format!("; {bytes} bytes scanned") } else { String::new() };
    let _ = writeln!(
        text,
        "<div class=\"block\">\n<h3>{} <span class=\"badge\">{}</span></h3>\n<p class=\"faint\">for {}; {} to {}{groups}{bytes}</p>\n{}{}</div>",
        breakable(question.about()),
        question.rows(),
        breakable(&question.asked_for()),
        breakable(&time(&first.from)),
        breakable(&time(&first.until)),
        rows_of(question),
        fold("The query", &format!("<pre>{}</pre>", question.text().lines().map(esc).collect::<Vec<_>>().join("\n")))
    );
}

fn rows_of(question: &Question<'_>) -> String {
    let all = || question.answers.iter().flat_map(|answer| answer.rows.iter().map(move |row| (answer, row)));
    let mut names: Vec<&str> = all().flat_map(|(_, row)| row.keys().map(String::as_str)).collect();
    names.sort_unstable();
    names.dedup();
    // Columns are as wide as what they hold needs, within bounds.
    let needs = |name: &str| {
        let cells = all().map(|(_, row)| row.get(name).map_or(0, |cell| cell.chars().count()));
        cells.chain([name.chars().count()]).max().unwrap_or(0).clamp(7, 34)
    };
    let place = 14;
    let sum = place + names.iter().map(|name| needs(name)).sum::<usize>();
    let share = |need: usize| u8::try_from(100 * need / sum).unwrap_or(1);
    let mut head = vec![("where", share(place))];
    head.extend(names.iter().map(|name| (*name, share(needs(name)))));
    let rows = all().take(MOST_ROWS).map(|(answer, row)| {
        let place = breakable(&format!("{}/{}", answer.account, answer.region));
        let cells = names.iter().map(|name| {
            let text = row.get(*name).map_or("", String::as_str);
            if text.parse::<jiff::Timestamp>().is_ok() { breakable(&time(text)) } else { breakable(text) }
        });
        std::iter::once(place).chain(cells).collect()
    });
    let shown = table(&head, rows);
    match all().count().saturating_sub(MOST_ROWS) {
        0 => shown,
        more => {
            format!("{shown}<p class=\"faint\">{} in incident.json</p>\n", count(more, "more row is", "more rows are"))
        }
    }
}

fn steps_done(text: &mut String, incident: &Incident) {
    let (_, done) = left_and_done(incident);
    let mut body = String::new();
    for control in controls_of(&done) {
        let items: Vec<&&CheckItem> = done.iter().filter(|item| item.control == control).collect();
        let rows = items.iter().map(|item| {
            vec![
                format!("{}<br>{}", breakable(&explained(&item.text, item, &incident.checklist)), step_of(item)),
                format!("{} {}", badge("good", item.state.words()), breakable(&item.how)),
            ]
        });
        let severity = incident.controls.iter().find(|one| one.id == control).map(|one| badge("", one.severity.word()));
        body.push_str(&fold(
            &format!(
                "<strong>{}</strong> {} {} {}",
                breakable(control),
                breakable(title(control, incident)),
                severity.unwrap_or_default(),
                count(items.len(), "step", "steps")
            ),
            &table(&[("step", 60), ("how it stands", 40)], rows),
        ));
    }
    section(text, "Steps of the responses that are done", &body);
}

fn compliance(text: &mut String, incident: &Incident) {
    let rows = incident.controls.iter().flat_map(|control| {
        let mapped = control.compliance.iter().map(|(framework, references)| {
            vec![breakable(&control.id), breakable(framework), breakable(&references.join(", "))]
        });
        let none = control
            .compliance
            .is_empty()
            .then(|| vec![breakable(&control.id), "no compliance mapping".to_owned(), String::new()]);
        mapped.chain(none)
    });
    section(text, "Compliance", &table(&[("control", 20), ("framework", 35), ("references", 45)], rows));
}

fn evidence(text: &mut String, incident: &Incident) {
    let rows = incident.evidence.iter().map(|item| {
        let of = item.address.as_ref().map(ToString::to_string).unwrap_or_default();
        vec![
            breakable(&item.what),
            breakable(&of),
            breakable(&time(&item.at)),
            format!("<code>{}</code>", file(&item.path)),
            item.record.to_string(),
        ]
    });
    let table = table(&[("what", 12), ("where", 34), ("when", 18), ("file", 26), ("record", 10)], rows);
    let body = match table.is_empty() {
        true => table,
        false => format!(
            "<p class=\"faint\">A file is named after its digest; incident.json has each one whole.</p>\n{table}"
        ),
    };
    section(text, "Evidence", &body);
}

fn unread(text: &mut String, incident: &Incident) {
    let mut body = String::new();
    for gap in &incident.gaps {
        let name = gap.name.as_deref().map(|name| format!("/{name}")).unwrap_or_default();
        let told = format!("{}/{}{name}: {}", gap.scope, gap.kind, gap.why());
        let _ = writeln!(body, "<li>{} {}</li>", badge("doubt", "not read"), breakable(&told));
    }
    for finding in &incident.findings {
        let told = format!("{} [{}] {}", finding.address, finding.code, finding.detail);
        let _ = writeln!(body, "<li>{}</li>", breakable(&told));
    }
    if !body.is_empty() {
        section(text, "What should be known", &format!("<ul>\n{body}</ul>\n"));
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::incident::tests::{HOSTILE, sample};

    #[test]
    fn nothing_that_was_found_is_markup() {
        let page = render(&sample());
        for forbidden in
            ["<script", "<img", "<a ", "<link", "onerror=\"", "\" onmouseover", "url(", "@import", "src=\""]
        {
            assert!(!page.contains(forbidden), "{forbidden} in {page}");
        }
        assert!(page.contains("&lt;script&gt;"));
        for c in ['<', '>', '"', '\'', '\n', '\u{202e}'] {
            assert!(!esc(HOSTILE).contains(c), "{c:?}");
        }
    }

    #[test]
    fn elements_are_closed_in_order() {
        let page = render(&sample());
        let mut open = Vec::new();
        for tag in page.split('<').skip(1) {
            let tag = tag.split('>').next().expect("a tag");
            let name = tag.trim_start_matches('/').split([' ', '\n', '/']).next().expect("a name");
            if tag.starts_with('!') || tag.ends_with('/') || ["meta", "br", "wbr"].contains(&name) {
                continue;
            }
            match tag.starts_with('/') {
                true => assert_eq!(open.pop(), Some(name), "{tag}"),
                false => open.push(name),
            }
        }
        assert_eq!(open, Vec::<&str>::new());
    }

    /// Where a heading or a word is in the page.
    fn place(page: &str, part: &str) -> usize {
        page.find(part).unwrap_or_else(|| panic!("no `{part}` in:\n{page}"))
    }

    #[test]
    fn who_and_what_come_before_what_is_to_be_done() {
        let page = render(&sample());
        let parts = ["<h2>Not restored", "<h2>Who weakened it", "<h2>What was changed", "<h2>What is left to people"];
        assert!(parts.windows(2).all(|two| place(&page, two[0]) < place(&page, two[1])), "{page}");
    }

    #[test]
    fn only_queries_that_found_something_are_shown_and_the_others_are_counted() {
        let mut incident = sample();
        let mut empty = incident.answers[0].clone();
        empty.query.text = "nobody called".to_owned();
        (empty.row_count, empty.rows) = (0, Vec::new());
        incident.answers.push(empty);
        let page = render(&incident);
        assert!(page.contains("2 queries were asked: 1 found something, 1 found nothing."), "{page}");
        assert!(!page.contains("0 rows") && !page.contains("nobody called"), "{page}");
    }

    #[test]
    fn what_is_folded_stands_beside_its_fold() {
        let page = render(&sample());
        assert!(!page.contains("<details open"), "{page}");
        let folds = page.matches("</details>").count();
        assert!(folds > 0 && folds == page.matches("</details>\n<div class=\"folded\">").count(), "{page}");
    }

    #[test]
    fn names_break_at_their_separators_and_times_and_ids_do_not() {
        let arn = breakable("arn:aws:iam::1:role/Dev");
        assert_eq!(arn, "arn:<wbr>aws:<wbr>iam:<wbr>:<wbr>1:<wbr>role/<wbr>Dev");
        assert_eq!(breakable("a<b>/c"), "a&lt;b&gt;/<wbr>c");
        assert_eq!(
            breakable("since 2026-11-20 03:15:00 UTC."),
            "since <span class=\"whole\">2026-11-20</span> <span class=\"whole\">03:15:00 UTC</span>."
        );
        assert_eq!(whole("<7"), "<span class=\"whole\">&lt;7</span>");
        assert_eq!(id(&"x".repeat(500)).matches("whole").count(), 0);
    }
}
