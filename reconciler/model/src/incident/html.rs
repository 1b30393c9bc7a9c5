//! The incident as one page of HTML that needs nothing else: no script, no font, no picture from elsewhere.
//!
//! Guarantees: names and values come from whoever attacked; every one of them is escaped, and the policy of the page forbids
//! scripts and requests all the same.

use std::fmt::Write as _;

use super::words::{actors, candidate, change, exposed, left, longest, not_restored, sentence, time, value, who};
use super::{Affected, CheckItem, CheckState, Incident, Outcome, timeline};
use crate::control::Answered;
use crate::direction::Direction;
use crate::text::one_line;
use crate::verdict::Ruling;

/// Rows of one answer that the page shows; the record has them all.
const MOST_ROWS: usize = 20;

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
         <meta name=\"referrer\" content=\"no-referrer\">\n<title>{heading} · {id}</title>\n<style>\n{STYLE}</style>\n</head>\n<body>\n\
         <header class=\"{class}\"><p class=\"id\">{id} · {targets}</p><h1>{heading}</h1><p>{sentence}</p></header>\n<main>\n",
        heading = esc(incident.outcome.heading()),
        id = esc(&incident.id),
        targets = esc(&incident.targets.join(", ")),
        sentence = esc(&sentence(incident)),
    );
    glance(&mut text, incident);
    open(&mut text, incident);
    section(&mut text, "Timeline", &timeline::render(incident));
    for_people(&mut text, incident);
    who_and_how_long(&mut text, incident);
    changed(&mut text, incident);
    done(&mut text, incident);
    asked(&mut text, incident);
    checklist(&mut text, incident);
    compliance(&mut text, incident);
    evidence(&mut text, incident);
    unread(&mut text, incident);
    let _ = write!(
        text,
        "</main>\n<footer>Written {} by bedrock-reconciler {}. <code>bedrock-reconciler audit verify</code> proves that this file and \
         the evidence are as they were written.</footer>\n</body>\n</html>\n",
        esc(&time(&incident.written)),
        esc(&incident.tool_version)
    );
    text
}

/// Text that is nothing but text, in an element or between double quotes.
pub(super) fn esc(text: &str) -> String {
    let mut safe = String::with_capacity(text.len());
    for c in one_line(text).chars() {
        match c {
            '&' => safe.push_str("&amp;"),
            '<' => safe.push_str("&lt;"),
            '>' => safe.push_str("&gt;"),
            '"' => safe.push_str("&quot;"),
            '\'' => safe.push_str("&#39;"),
            c => safe.push(c),
        }
    }
    safe
}

fn section(text: &mut String, title: &str, body: &str) {
    if !body.is_empty() {
        let _ = write!(text, "<section>\n<h2>{title}</h2>\n{body}</section>\n");
    }
}

/// A table; its cells are HTML already.
fn table(head: &[&str], rows: impl Iterator<Item = Vec<String>>) -> String {
    let mut body = String::new();
    for row in rows {
        let cells: String = row.iter().map(|cell| format!("<td>{cell}</td>")).collect();
        let _ = writeln!(body, "<tr>{cells}</tr>");
    }
    if body.is_empty() {
        return String::new();
    }
    let head: String = head.iter().map(|cell| format!("<th>{cell}</th>")).collect();
    format!("<div class=\"wide\"><table>\n<thead><tr>{head}</tr></thead>\n<tbody>\n{body}</tbody>\n</table></div>\n")
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

fn glance(text: &mut String, incident: &Incident) {
    let (people, ours) = left(incident);
    let (actors, unknown) = actors(incident);
    let mut by: Vec<String> = actors
        .iter()
        .map(|(who, count)| format!("<span class=\"who\">{}</span> <span class=\"faint\">{count}×</span>", esc(who)))
        .collect();
    if unknown > 0 {
        by.push(format!("not known <span class=\"faint\">{unknown}×</span>"));
    }
    let exposure = longest(incident).map_or_else(
        || "not known".to_owned(),
        |(one, told)| {
            format!(
                "<strong>{}</strong><br><span class=\"faint\">{}</span>",
                esc(&told),
                esc(&one.address().to_string())
            )
        },
    );
    let mut todo = format!("<strong>{people}</strong> steps");
    if ours > 0 {
        let _ = write!(todo, ", and <strong>{ours}</strong> that were to be done and were not");
    }
    let operator = &incident.operator;
    let caller = operator.caller.as_ref().map(|caller| format!("<br><span class=\"faint\">{}</span>", esc(caller)));
    let limited = if incident.accounts.is_empty() {
        String::new()
    } else {
        format!("<br>in {}", esc(&incident.accounts.join(", ")))
    };
    let closed = incident.closed.as_deref().map_or_else(|| "it is open".to_owned(), |at| esc(&time(at)));
    let facts = [
        ("Restored and verified", format!("<strong>{} of {}</strong>", incident.restored(), incident.addresses.len())),
        ("Longest exposure", exposure),
        ("Caused by", by.join("<br>")),
        ("Left to people", todo),
        ("First seen", esc(&time(&incident.detected))),
        ("Closed", closed),
        ("Asked for", format!("{}{limited}", esc(&incident.targets.join(", ")))),
        ("By", format!("{}{}", esc(&operator.user), caller.unwrap_or_default())),
    ];
    text.push_str("<dl class=\"glance\">\n");
    for (name, told) in facts {
        let _ = writeln!(text, "<div><dt>{name}</dt><dd>{told}</dd></div>");
    }
    text.push_str("</dl>\n");
    for trouble in &incident.troubles {
        let _ = writeln!(text, "<p class=\"trouble\">{}</p>", esc(trouble));
    }
}

fn open(text: &mut String, incident: &Incident) {
    let mut body = String::new();
    for (one, why) in not_restored(incident) {
        let _ =
            write!(body, "<li><strong>{}</strong> {}<br>{}", esc(&one.address().to_string()), status(one), esc(why));
        for user in &one.still_used_by {
            let _ = write!(body, "<br>still used by {}", esc(user));
        }
        body.push_str("</li>\n");
    }
    if !body.is_empty() {
        section(text, "Not restored, or not in effect", &format!("<ul>\n{body}</ul>\n"));
    }
}

fn item(item: &CheckItem) -> String {
    let (class, mark) = match item.state {
        CheckState::Done => ("good", "✓"),
        CheckState::NotNeeded => ("good", "–"),
        CheckState::Manual => ("people", "☐"),
        CheckState::Partly => ("doubt", "☐"),
        CheckState::NotDone => ("bad", "☐"),
    };
    let undo = item.undo.as_ref().map(|undo| {
        let ends = item.expires.as_ref().map(|expires| format!("; ends after {}", esc(expires))).unwrap_or_default();
        format!("<br><span class=\"faint\">undo: {}{ends}</span>", esc(undo))
    });
    format!(
        "<li class=\"{class}\"><span class=\"mark\">{mark}</span><div><span class=\"faint\">{} {} · {}</span> {}<br>{}<br>\
         <span class=\"faint\">{}</span>{}</div></li>\n",
        esc(&item.control),
        esc(&item.step),
        item.does.word(),
        badge(class, item.state.words()),
        esc(&item.text),
        esc(&item.how),
        undo.unwrap_or_default()
    )
}

fn for_people(text: &mut String, incident: &Incident) {
    let left = |one: &&CheckItem| !matches!(one.state, CheckState::Done | CheckState::NotNeeded);
    let items: String = incident.checklist.iter().filter(left).map(item).collect();
    if !items.is_empty() {
        section(text, "What is left to people", &format!("<ul class=\"checks\">\n{items}</ul>\n"));
    }
}

fn who_and_how_long(text: &mut String, incident: &Incident) {
    let rows = incident.addresses.iter().map(|one| {
        let mut hands: Vec<String> = one
            .culprits()
            .into_iter()
            .map(|(culprit, paths)| {
                let paths: Vec<String> =
                    paths.iter().map(|path| path.to_string()).filter(|path| !path.is_empty()).collect();
                format!(
                    "<strong>{}</strong> {}<br>by {}<br><span class=\"faint\">event {} in {}; {}</span>",
                    esc(&culprit.event_name),
                    esc(&time(&culprit.at)),
                    esc(&who(culprit)),
                    esc(&culprit.event_id),
                    esc(&culprit.region),
                    if paths.is_empty() { "the whole resource".to_owned() } else { esc(&paths.join(", ")) }
                )
            })
            .collect();
        hands.extend(one.unknown().into_iter().map(|unknown| {
            let count = unknown.paths.len();
            let count = if count == 1 { String::new() } else { format!(" for {count} differences") };
            let perhaps: String = unknown
                .candidates
                .iter()
                .map(|culprit| format!("<br><span class=\"faint\">{}</span>", esc(&candidate(culprit))))
                .collect();
            format!("<strong>not known</strong>{count}: {}{perhaps}", esc(unknown.reason))
        }));
        vec![esc(&one.address().to_string()), esc(&exposed(one)), hands.join("<br>"), status(one)]
    });
    section(text, "By whose hand, and for how long", &table(&["where", "exposed", "by", "now"], rows));
}

fn changed(text: &mut String, incident: &Incident) {
    let mut body = String::new();
    for one in &incident.addresses {
        let alerts: String = one.drift.alerts.iter().take(1).map(|alert| badge("alert", &alert.in_words())).collect();
        let _ = writeln!(
            body,
            "<details open><summary><strong>{}</strong> {} {alerts} {}</summary>",
            esc(&one.address().to_string()),
            change(one.drift.change),
            status(one)
        );
        let rows = one.drift.fields.iter().map(|field| {
            let class = match field.direction {
                Direction::Weakened => "bad",
                Direction::Strengthened => "good",
                Direction::Unknown => "doubt",
                Direction::Neutral => "",
            };
            let kept = if field.kept { ", kept" } else { "" };
            vec![
                format!("<code>{}</code>", esc(&field.path.to_string())),
                format!("<del>{}</del>", esc(&value(&field.live))),
                format!("<ins>{}</ins>", esc(&value(&field.want))),
                badge(class, &format!("{}{kept}", field.direction)),
            ]
        });
        body.push_str(&table(&["where", "found", "declared", "direction"], rows));
        for proof in &one.proofs {
            let _ = writeln!(
                body,
                "<p class=\"faint\">shown as declared by {} at {}</p>",
                esc(&proof.by),
                esc(&time(&proof.at))
            );
        }
        body.push_str("</details>\n");
    }
    section(text, "What was changed", &body);
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
            let _ = write!(outcome, "<br>{}", esc(part));
        }
        vec![
            esc(&time(&step.begun)),
            esc(&step.address.to_string()),
            format!(
                "<strong>{}</strong> {}<br><span class=\"faint\">{}</span>",
                esc(&step.action),
                esc(&step.calls.join(", ")),
                esc(&step.summary)
            ),
            outcome,
            format!("<span class=\"faint\">{}<br>{}</span>", esc(&step.request_ids.join(", ")), esc(&step.run)),
        ]
    });
    let body = table(&["when", "where", "what", "read-back", "request, run"], rows);
    let body = if body.is_empty() { "<p>Nothing was written.</p>\n".to_owned() } else { body };
    section(text, "What was done", &body);
}

fn asked(text: &mut String, incident: &Incident) {
    let mut body = String::new();
    for answer in &incident.answers {
        let told = match &answer.unanswered {
            Some(why) => format!("{} {}", badge("doubt", "no answer"), esc(why)),
            None => format!("{} rows{}", answer.row_count, if answer.truncated { ", not all of them" } else { "" }),
        };
        let group = answer.log_group.as_ref().map(|group| format!(" · {}", esc(group))).unwrap_or_default();
        let scanned = answer.bytes_scanned.map(|bytes| format!(" · {bytes} bytes scanned")).unwrap_or_default();
        let _ = write!(
            body,
            "<details><summary><strong>{}</strong> {}/{} · {told}</summary>\n<p class=\"faint\">{} {} · {} to {}{group}{scanned}</p>\n<pre>{}</pre>\n{}</details>\n",
            esc(&answer.query.about),
            esc(&answer.account),
            esc(&answer.region),
            esc(&answer.control),
            esc(&answer.step),
            esc(&time(&answer.from)),
            esc(&time(&answer.until)),
            answer.query.text.lines().map(esc).collect::<Vec<_>>().join("\n"),
            rows_of(answer)
        );
    }
    section(text, "What was asked about the time in between", &body);
}

fn rows_of(answer: &Answered) -> String {
    let mut names: Vec<&String> = answer.rows.iter().flat_map(|row| row.keys()).collect();
    names.sort();
    names.dedup();
    let head: Vec<String> = names.iter().map(|name| esc(name)).collect();
    let head: Vec<&str> = head.iter().map(String::as_str).collect();
    let rows = answer.rows.iter().take(MOST_ROWS);
    let shown =
        table(&head, rows.map(|row| names.iter().map(|name| esc(row.get(*name).map_or("", String::as_str))).collect()));
    match answer.rows.len().saturating_sub(MOST_ROWS) {
        0 => shown,
        more => format!("{shown}<p class=\"faint\">{more} more rows are in incident.json</p>\n"),
    }
}

fn checklist(text: &mut String, incident: &Incident) {
    let mut body = String::new();
    for control in &incident.controls {
        let of = incident.checklist.iter().filter(|item| item.control == control.id);
        let items: String = of.map(item).collect();
        let _ = write!(
            body,
            "<details><summary><strong>{}</strong> {} {}</summary>\n<ul class=\"checks\">\n{items}</ul>\n</details>\n",
            esc(&control.id),
            esc(&control.title),
            badge("", control.severity.word())
        );
    }
    section(text, "Every step of the responses", &body);
}

fn compliance(text: &mut String, incident: &Incident) {
    let rows = incident.controls.iter().flat_map(|control| {
        control
            .compliance
            .iter()
            .map(|(framework, references)| vec![esc(&control.id), esc(framework), esc(&references.join(", "))])
    });
    section(text, "Compliance", &table(&["control", "framework", "references"], rows));
}

fn evidence(text: &mut String, incident: &Incident) {
    let rows = incident.evidence.iter().map(|item| {
        let of = item.address.as_ref().map(ToString::to_string).unwrap_or_default();
        vec![
            esc(&item.what),
            esc(&of),
            esc(&time(&item.at)),
            format!("<code>{}</code>", esc(&item.path)),
            item.record.to_string(),
        ]
    });
    section(text, "Evidence", &table(&["what", "where", "when", "file", "record"], rows));
}

fn unread(text: &mut String, incident: &Incident) {
    let mut body = String::new();
    for gap in &incident.gaps {
        let name = gap.name.as_deref().map(|name| format!("/{name}")).unwrap_or_default();
        let told = format!("{}/{}{name}: {}", gap.scope, gap.kind, gap.why());
        let _ = writeln!(body, "<li>{} {}</li>", badge("doubt", "not read"), esc(&told));
    }
    for finding in &incident.findings {
        let told = format!("{} [{}] {}", finding.address, finding.code, finding.detail);
        let _ = writeln!(body, "<li>{}</li>", esc(&told));
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
            if tag.starts_with('!') || tag.ends_with('/') || ["meta", "br"].contains(&name) {
                continue;
            }
            match tag.starts_with('/') {
                true => assert_eq!(open.pop(), Some(name), "{tag}"),
                false => open.push(name),
            }
        }
        assert_eq!(open, Vec::<&str>::new());
    }
}
