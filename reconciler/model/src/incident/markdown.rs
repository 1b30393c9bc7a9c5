//! The incident as Markdown: for a ticket.
//!
//! Guarantees: names and values come from whoever attacked; none of them can make a heading, a link, markup of HTML or a cell
//! of a table.

use std::fmt::Write as _;

use super::words::{actors, candidate, change, exposed, left, longest, not_restored, sentence, span, time, value, who};
use super::{CheckItem, CheckState, Incident};
use crate::text::one_line;

/// The report.
pub fn render(incident: &Incident) -> String {
    let mut text = String::new();
    // Writing to a String cannot fail.
    let _ = writeln!(text, "# {}: {}\n", incident.outcome.heading(), md(&incident.id));
    let _ = writeln!(text, "{}\n", md(&sentence(incident)));
    glance(&mut text, incident);
    open(&mut text, incident);
    for_people(&mut text, incident);
    who_and_how_long(&mut text, incident);
    changed(&mut text, incident);
    done(&mut text, incident);
    asked(&mut text, incident);
    checklist(&mut text, incident);
    compliance(&mut text, incident);
    evidence(&mut text, incident);
    unread(&mut text, incident);
    text
}

/// Text that is nothing but text.
fn md(text: &str) -> String {
    let mut safe = String::with_capacity(text.len());
    for c in one_line(text).chars() {
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
    }
    safe
}

fn table(text: &mut String, head: &[&str], rows: impl Iterator<Item = Vec<String>>) {
    let _ = writeln!(text, "| {} |", head.join(" | "));
    let _ = writeln!(text, "|{}", "---|".repeat(head.len()));
    for row in rows {
        let _ = writeln!(text, "| {} |", row.iter().map(|cell| md(cell)).collect::<Vec<_>>().join(" | "));
    }
    text.push('\n');
}

fn glance(text: &mut String, incident: &Incident) {
    let (people, ours) = left(incident);
    let (actors, unknown) = actors(incident);
    let mut by: Vec<String> = actors.iter().map(|(who, count)| format!("{who} ({count} resources)")).collect();
    if unknown > 0 {
        by.push(format!("not known for {unknown} resources"));
    }
    let exposure = longest(incident).map_or_else(|| "not known".to_owned(), |(_, told)| told);
    let operator = &incident.operator;
    let caller = operator.caller.as_ref().map(|caller| format!(" as {caller}")).unwrap_or_default();
    let mut rows = vec![
        ("restored and verified", format!("{} of {}", incident.restored(), incident.addresses.len())),
        ("longest exposure", exposure),
        ("caused by", by.join("; ")),
        ("left to people", format!("{people} steps, and {ours} that were to be done and were not")),
        ("first seen", time(&incident.detected)),
        ("opened", time(&incident.opened)),
        ("closed", incident.closed.as_deref().map_or_else(|| "it is open".to_owned(), time)),
        ("asked for", incident.targets.join(", ")),
        ("by", format!("{}{caller}", operator.user)),
        ("runs", incident.runs.join(", ")),
    ];
    if !incident.accounts.is_empty() {
        rows.push(("in the accounts", incident.accounts.join(", ")));
    }
    table(text, &["", ""], rows.into_iter().map(|(name, told)| vec![name.to_owned(), told]));
    for trouble in &incident.troubles {
        let _ = writeln!(text, "**{}**\n", md(trouble));
    }
}

fn open(text: &mut String, incident: &Incident) {
    let mut open = not_restored(incident).peekable();
    if open.peek().is_none() {
        return;
    }
    text.push_str("## Not restored, or not in effect\n\n");
    for (one, why) in open {
        let _ = writeln!(text, "- {}: **{}** {}", md(&one.address().to_string()), one.status.words(), md(why));
        for user in &one.still_used_by {
            let _ = writeln!(text, "  - still used by {}", md(user));
        }
    }
    text.push('\n');
}

fn item(text: &mut String, item: &CheckItem) {
    let mark = if matches!(item.state, CheckState::Done | CheckState::NotNeeded) { 'x' } else { ' ' };
    let _ = writeln!(
        text,
        "- [{mark}] {} {} ({}, {}): {} — {}",
        md(&item.control),
        md(&item.step),
        item.does.word(),
        item.state.words(),
        md(&item.text),
        md(&item.how)
    );
    if let Some(undo) = &item.undo {
        let ends = item.expires.as_ref().map(|expires| format!("; it ends after {expires}")).unwrap_or_default();
        let _ = writeln!(text, "  - undo: {}{}", md(undo), md(&ends));
    }
}

fn for_people(text: &mut String, incident: &Incident) {
    text.push_str("## What is left to people\n\n");
    let left = |one: &&CheckItem| !matches!(one.state, CheckState::Done | CheckState::NotNeeded);
    incident.checklist.iter().filter(left).for_each(|one| item(text, one));
    text.push('\n');
}

fn who_and_how_long(text: &mut String, incident: &Incident) {
    text.push_str("## By whose hand, and for how long\n\n");
    for one in &incident.addresses {
        let _ = writeln!(text, "- {}: exposed {}", md(&one.address().to_string()), md(&exposed(one)));
        for (culprit, paths) in one.culprits() {
            let paths: Vec<String> = paths.iter().map(|path| path.to_string()).collect();
            let _ = writeln!(
                text,
                "  - {} {} by {} (event {}, {}): {}",
                md(&time(&culprit.at)),
                md(&culprit.event_name),
                md(&who(culprit)),
                md(&culprit.event_id),
                md(&culprit.region),
                md(&paths.join(", "))
            );
        }
        for unknown in one.unknown() {
            let _ = writeln!(text, "  - not known for {} differences: {}", unknown.paths.len(), md(unknown.reason));
            for culprit in unknown.candidates {
                let _ = writeln!(text, "    - {}", md(&candidate(culprit)));
            }
        }
    }
    text.push('\n');
}

fn changed(text: &mut String, incident: &Incident) {
    text.push_str("## What was changed\n\n");
    for one in &incident.addresses {
        let _ = writeln!(
            text,
            "### {} ({}, {})\n",
            md(&one.address().to_string()),
            change(one.drift.change),
            one.status.words()
        );
        for alert in &one.drift.alerts {
            let _ = writeln!(text, "- {}: {} ({})", md(&alert.control), md(&alert.in_words()), md(&alert.signal));
        }
        text.push('\n');
        if !one.drift.fields.is_empty() {
            let rows = one.drift.fields.iter().map(|field| {
                let kept = if field.kept { ", kept" } else { "" };
                let path = field.path.to_string();
                vec![path, value(&field.live), value(&field.want), format!("{}{kept}", field.direction)]
            });
            table(text, &["where", "found", "declared", "direction"], rows);
        }
        for proof in &one.proofs {
            let _ = writeln!(text, "- shown as declared by {} at {}", md(&proof.by), md(&time(&proof.at)));
        }
        text.push('\n');
    }
}

fn done(text: &mut String, incident: &Incident) {
    text.push_str("## What was done\n\n");
    let rows = incident.steps.iter().map(|step| {
        let ended = step.verdict.as_ref().map_or_else(|| "not known: the run died".to_owned(), ToString::to_string);
        let message = step.message.as_ref().map(|message| format!(": {message}")).unwrap_or_default();
        let error = step.error.as_ref().map(|error| format!(" ({error}{message})")).unwrap_or_default();
        vec![
            time(&step.begun),
            step.address.to_string(),
            format!("{} {}", step.action, step.calls.join(", ")),
            format!("{ended}{error}"),
            step.request_ids.join(", "),
        ]
    });
    table(text, &["when", "where", "what", "read-back", "request"], rows);
}

fn asked(text: &mut String, incident: &Incident) {
    if incident.answers.is_empty() {
        return;
    }
    text.push_str("## What was asked about the time in between\n\n");
    for answer in &incident.answers {
        let told = match &answer.unanswered {
            Some(why) => format!("no answer: {why}"),
            None => format!("{} rows{}", answer.row_count, if answer.truncated { ", not all of them" } else { "" }),
        };
        let _ = writeln!(
            text,
            "- {} {} {} in {}/{}, {} to {}: {}",
            md(&answer.control),
            md(&answer.step),
            md(&answer.query.about),
            md(&answer.account),
            md(&answer.region),
            md(&time(&answer.from)),
            md(&time(&answer.until)),
            md(&told)
        );
    }
    text.push('\n');
}

fn checklist(text: &mut String, incident: &Incident) {
    text.push_str("## Every step of the responses\n\n");
    incident.checklist.iter().for_each(|one| item(text, one));
    text.push('\n');
}

fn compliance(text: &mut String, incident: &Incident) {
    let rows = incident.controls.iter().flat_map(|control| {
        control
            .compliance
            .iter()
            .map(|(framework, references)| vec![control.id.clone(), framework.clone(), references.join(", ")])
    });
    text.push_str("## Compliance\n\n");
    table(text, &["control", "framework", "references"], rows);
}

fn evidence(text: &mut String, incident: &Incident) {
    text.push_str("## Evidence\n\nEvery file is in the hash chain of the journal; `bedrock-reconciler audit verify` checks it.\n\n");
    let rows = incident.evidence.iter().map(|item| {
        let of = item.address.as_ref().map(ToString::to_string).unwrap_or_default();
        vec![item.what.clone(), of, time(&item.at), item.sha256.clone()]
    });
    table(text, &["what", "where", "when", "digest"], rows);
}

fn unread(text: &mut String, incident: &Incident) {
    if !incident.gaps.is_empty() {
        text.push_str("## What could not be read\n\n");
        for gap in &incident.gaps {
            let name = gap.name.as_deref().map(|name| format!("/{name}")).unwrap_or_default();
            let _ = writeln!(text, "- {}", md(&format!("{}/{}{name}: {}", gap.scope, gap.kind, gap.why())));
        }
        text.push('\n');
    }
    if !incident.findings.is_empty() {
        text.push_str("## What should be known\n\n");
        for finding in &incident.findings {
            let _ = writeln!(text, "- {}", md(&format!("{} [{}] {}", finding.address, finding.code, finding.detail)));
        }
        text.push('\n');
    }
    let since =
        incident.since.as_deref().map(|since| format!(" Only what happened after {} was looked at.", time(since)));
    let longest = incident.addresses.iter().filter_map(|one| one.exposure()?.seconds).max().map(span);
    let _ = writeln!(
        text,
        "Written {} by bedrock-reconciler {}.{}{}",
        md(&time(&incident.written)),
        md(&incident.tool_version),
        md(&since.unwrap_or_default()),
        longest.map(|longest| format!(" Longest exposure: {longest}.")).unwrap_or_default()
    );
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
        let place = |part: &str| text.find(part).unwrap_or_else(|| panic!("no `{part}` in:\n{text}"));
        let parts = ["# Partly restored", "longest exposure", "## Not restored", "## What is left", "## By whose hand"];
        assert!(parts.windows(2).all(|two| place(two[0]) < place(two[1])), "{text}");
    }
}
