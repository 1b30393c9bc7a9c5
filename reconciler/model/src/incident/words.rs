//! What both reports say in the same words.

use jiff::Timestamp;
use serde_json::Value;

use super::{Affected, CheckItem, CheckState, Incident, Outcome, Status};
use crate::address::Address;
use crate::attribution::Culprit;
use crate::direction::Direction;
use crate::drift::{Change, FieldDrift};

/// Characters of one value that a report shows; the evidence has it whole.
const MOST_SHOWN: usize = 200;

/// What is said of the commands of steps.
pub(super) const OPEN_WORDS: &str =
    "What a command leaves open stands in capitals, such as N for the number of a version: fill it in.";

/// Source addresses and programs of one actor that are shown.
const MOST_MEANS: usize = 4;

/// A time as it is shown: whole seconds, UTC. What is not a time is shown as it is.
pub(super) fn time(text: &str) -> String {
    match text.parse::<Timestamp>() {
        Ok(at) => at.strftime("%Y-%m-%d %H:%M:%S UTC").to_string(),
        Err(_) => text.to_owned(),
    }
}

/// So many of something.
pub(super) fn count(number: usize, one: &str, many: &str) -> String {
    format!("{number} {}", if number == 1 { one } else { many })
}

/// So many seconds as people say it.
pub(super) fn span(seconds: u64) -> String {
    let (days, hours, minutes) = (seconds / 86_400, seconds / 3_600 % 24, seconds / 60 % 60);
    let two = |more: u64, of: &str, less: u64, unit: &str| match less {
        0 => format!("{more} {of}"),
        _ => format!("{more} {of} {less} {unit}"),
    };
    match (days, hours, minutes) {
        (0, 0, 0) => format!("{seconds} s"),
        (0, 0, _) => two(minutes, "min", seconds % 60, "s"),
        (0, ..) => two(hours, "h", minutes, "min"),
        _ => two(days, "d", hours, "h"),
    }
}

/// A value as `plan` shows it, a little longer.
pub(super) fn value(value: &Value) -> String {
    let text = match value {
        Value::Null => "(absent)".to_owned(),
        Value::String(text) => text.clone(),
        other => other.to_string(),
    };
    match text.char_indices().nth(MOST_SHOWN) {
        Some((end, _)) => format!("{}… (the evidence has all of it)", &text[..end]),
        None => text,
    }
}

/// Who did it, in one line.
pub(super) fn who(culprit: &Culprit) -> String {
    let session = culprit.session.as_ref().map(|session| format!(", session {session}")).unwrap_or_default();
    let from = culprit.source_address.as_ref().map(|from| format!(", from {from}")).unwrap_or_default();
    let agent = culprit.user_agent.as_ref().map(|agent| format!(", {agent}")).unwrap_or_default();
    format!("{}{session}{from}{agent}", culprit.principal)
}

/// How long it was exposed, as far as that is known.
pub(super) fn exposed(one: &Affected) -> String {
    if one.weakenings().next().is_none() {
        return "not weakened".to_owned();
    }
    let perhaps = one.perhaps_since().map(|since| format!("perhaps since {}", time(since)));
    let Some(exposure) = one.exposure() else {
        return format!("not known since when{}", perhaps.map(|perhaps| format!(", {perhaps}")).unwrap_or_default());
    };
    let since = exposure.since.as_deref().map(time).unwrap_or_default();
    let perhaps = perhaps.map(|perhaps| format!("; {perhaps}")).unwrap_or_default();
    let (at_least, some) = match one.has_unknown_start() {
        true => ("at least ", "; of some differences the beginning is not known"),
        false => ("", ""),
    };
    match (&exposure.until, exposure.seconds) {
        (Some(_), Some(seconds)) => format!("{at_least}{} (since {since}{perhaps}{some})", span(seconds)),
        _ => format!("since {since}, and still{perhaps}{some}"),
    }
}

/// How an address differed as a whole.
pub(super) fn change(change: Change) -> &'static str {
    match change {
        Change::Missing => "it was not there",
        Change::New => "it never was there",
        Change::Changed => "it was changed",
        Change::Unexpected => "it was there, and must not be",
    }
}

/// How a difference points.
pub(super) fn direction(field: &FieldDrift) -> String {
    let word = match field.direction {
        Direction::Unknown => "direction unclear",
        known => known.word(),
    };
    format!("{word}{}", if field.kept { ", kept" } else { "" })
}

/// One sentence below the heading.
pub(super) fn sentence(incident: &Incident) -> String {
    let (restored, all) = (incident.restored(), incident.addresses.len());
    let unread = match incident.gaps.len() {
        0 => String::new(),
        1 => " One read failed, and what it covers is not known.".to_owned(),
        gaps => format!(" {gaps} reads failed, and what they cover is not known."),
    };
    let told = match (all, restored) {
        (1, 0) => {
            format!("The one resource that was not as declared is {}.", incident.addresses[0].status.words())
        }
        (1, _) => "The one resource that was not as declared is back, confirmed by two separate reads.".to_owned(),
        (_, 0) => format!("None of {all} resources that were not as declared is back."),
        (_, 1) => format!("1 of {all} resources that were not as declared is back, confirmed by two separate reads."),
        _ => format!(
            "{restored} of {all} resources that were not as declared are back, confirmed by two separate reads."
        ),
    };
    let without_effect = match incident.outcome {
        Outcome::NotEffective => " Not everybody who uses them gets what was restored.",
        _ => "",
    };
    format!("{told}{without_effect}{unread}")
}

/// What is left to people: how many steps, and how many of them this build should have done.
pub(super) fn left(incident: &Incident) -> (usize, usize) {
    let count = |state: CheckState| incident.checklist.iter().filter(|item| item.state == state).count();
    (count(CheckState::Manual), count(CheckState::NotDone) + count(CheckState::Partly))
}

/// The same in words.
pub(super) fn left_in_words(incident: &Incident) -> String {
    let (people, ours) = left(incident);
    let missed = if ours > 0 { format!(", and {ours} that were to be done and were not") } else { String::new() };
    format!("{}{missed}", count(people, "step", "steps"))
}

/// The longest exposure: of which address, and how long. Where the beginning of others is not known, it may have been longer.
pub(super) fn longest(incident: &Incident) -> Option<(&Affected, String)> {
    let known = incident.addresses.iter().filter(|one| one.exposure().is_some());
    let longest = known.min_by(|one, two| {
        let since = |one: &Affected| one.exposure().and_then(|exposure| exposure.since.clone());
        since(one).cmp(&since(two))
    })?;
    let told = exposed(longest);
    let others = incident.addresses.iter().filter(|one| one.address() != longest.address() && one.has_unknown_start());
    let at_least = match longest.exposure() {
        Some(exposure) if exposure.seconds.is_some() && !longest.has_unknown_start() => "at least ",
        _ => "",
    };
    let told = match others.count() {
        0 => told,
        1 => format!("{at_least}{told}; one of unknown start"),
        more => format!("{at_least}{told}; {more} of unknown start"),
    };
    Some((longest, told))
}

/// What is said where no exposure has a known beginning.
pub(super) fn no_start(incident: &Incident) -> &'static str {
    match incident.addresses.iter().any(|one| one.weakenings().next().is_some()) {
        true => "not known since when",
        false => "nothing was weakened",
    }
}

/// Somebody who weakened something.
#[derive(Debug)]
pub(super) struct Actor<'a> {
    pub(super) principal: &'a str,
    /// What was weakened, each once.
    pub(super) addresses: Vec<&'a Address>,
    /// The events, each once, oldest first.
    pub(super) events: Vec<&'a Culprit>,
}

/// Everybody who is known to have weakened something, each once, whoever weakened most first; and the weakened addresses of which
/// that is not known, at least of a part.
pub(super) fn actors(incident: &Incident) -> (Vec<Actor<'_>>, Vec<&Affected>) {
    let mut actors: Vec<Actor<'_>> = Vec::new();
    for one in &incident.addresses {
        for (culprit, _) in one.culprits() {
            let known = actors.iter().position(|actor| actor.principal == culprit.principal);
            let at = known.unwrap_or_else(|| {
                let principal = culprit.principal.as_str();
                actors.push(Actor { principal, addresses: Vec::new(), events: Vec::new() });
                actors.len() - 1
            });
            let Some(actor) = actors.get_mut(at) else { continue };
            if actor.addresses.last() != Some(&one.address()) {
                actor.addresses.push(one.address());
            }
            if !actor.events.iter().any(|event| event.event_id == culprit.event_id) {
                actor.events.push(culprit);
            }
        }
    }
    for actor in &mut actors {
        actor.events.sort_by(|one, two| one.at.cmp(&two.at));
    }
    actors.sort_by(|one, two| {
        two.addresses.len().cmp(&one.addresses.len()).then_with(|| one.principal.cmp(two.principal))
    });
    (actors, incident.addresses.iter().filter(|one| !one.unknown().is_empty()).collect())
}

impl Actor<'_> {
    /// From when to when.
    pub(super) fn when(&self) -> String {
        let events = count(self.events.len(), "event", "events");
        match (self.events.first(), self.events.last()) {
            (Some(first), Some(last)) if first.at != last.at => {
                format!("{events}, {} to {}", time(&first.at), time(&last.at))
            }
            (Some(first), _) => format!("{events}, {}", time(&first.at)),
            _ => events,
        }
    }

    /// From which addresses, and with which programs: each once.
    pub(super) fn means(&self) -> String {
        let each = |of: fn(&Culprit) -> Option<&String>| {
            let mut all: Vec<&str> = self.events.iter().filter_map(|event| of(event)).map(String::as_str).collect();
            all.sort_unstable();
            all.dedup();
            let more = all.len().saturating_sub(MOST_MEANS);
            all.truncate(MOST_MEANS);
            let more = if more > 0 { format!(", and {more} more") } else { String::new() };
            format!("{}{more}", all.join(", "))
        };
        let from = each(|event| event.source_address.as_ref());
        let with = each(|event| event.user_agent.as_ref());
        match (from.is_empty(), with.is_empty()) {
            (true, true) => String::new(),
            (false, true) => format!("from {from}"),
            (true, false) => format!("with {with}"),
            (false, false) => format!("from {from}, with {with}"),
        }
    }
}

/// What is known of the reads that confirm a restore, in one line; empty where none does.
pub(super) fn confirmed(one: &Affected) -> String {
    let reads: Vec<String> = one.proofs.iter().map(|proof| format!("{} at {}", proof.by, time(&proof.at))).collect();
    match reads.len() {
        0 => String::new(),
        1 => format!("confirmed by one read: {}", reads.join(" and ")),
        2 => format!("confirmed by two separate reads: {}", reads.join(" and ")),
        more => format!("confirmed by {more} separate reads: {}", reads.join(" and ")),
    }
}

/// The addresses that are not restored, with the reason.
pub(super) fn not_restored(incident: &Incident) -> impl Iterator<Item = (&Affected, &str)> {
    let open = incident.addresses.iter().filter(|one| one.status != Status::Restored);
    open.map(|one| (one, one.why.as_deref().unwrap_or("")))
}

/// The steps that are left to people, and those that are done.
pub(super) fn left_and_done(incident: &Incident) -> (Vec<&CheckItem>, Vec<&CheckItem>) {
    incident.checklist.iter().partition(|item| !matches!(item.state, CheckState::Done | CheckState::NotNeeded))
}

/// A text of a control, with what its codes of steps stand for.
pub(super) fn explained(text: &str, item: &CheckItem, all: &[CheckItem]) -> String {
    let mut told = String::with_capacity(text.len());
    let mut rest = text;
    let is_part = |c: char| c.is_ascii_alphanumeric();
    while let Some(start) = rest.find(is_part) {
        let end = rest[start..].find(|c| !is_part(c)).map_or(rest.len(), |length| start + length);
        let word = &rest[start..end];
        told.push_str(&rest[..end]);
        rest = &rest[end..];
        let meant = all.iter().find(|one| one.control == item.control && one.step == word && one.step != item.step);
        if let Some(meant) = meant {
            let first = meant.text.split([',', '.', ';']).next().unwrap_or(&meant.text);
            told.push_str(&format!(" (“{first}”)"));
        }
    }
    told.push_str(rest);
    told
}

/// What a control is called.
pub(super) fn title<'a>(control: &str, incident: &'a Incident) -> &'a str {
    incident.controls.iter().find(|one| one.id == control).map_or("", |one| &one.title)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn spans_are_short() {
        for (seconds, told) in
            [(0, "0 s"), (59, "59 s"), (61, "1 min 1 s"), (3_660, "1 h 1 min"), (90_000, "1 d 1 h"), (3_600, "1 h")]
        {
            assert_eq!(span(seconds), told);
        }
    }

    #[test]
    fn times_are_whole_seconds_and_what_is_none_is_shown() {
        assert_eq!(time("2026-11-20T03:15:00.25Z"), "2026-11-20 03:15:00 UTC");
        assert_eq!(time("<never>"), "<never>");
    }

    #[test]
    fn codes_of_steps_are_explained_and_other_words_are_not() {
        let incident = crate::incident::tests::sample();
        let mut items = incident.checklist.clone();
        items[0].text = "Put it back. All of it.".to_owned();
        let told = explained("See R1, not R10 or V1; M1 is this one.", &items[2], &items[..1]);
        assert_eq!(told, "See R1 (“Put it back”), not R10 or V1; M1 is this one.");
    }

    #[test]
    fn numbers_have_their_plural() {
        assert_eq!(
            (count(1, "address", "addresses"), count(2, "address", "addresses")),
            ("1 address".into(), "2 addresses".into())
        );
    }

    #[test]
    fn a_long_value_is_cut_between_characters() {
        let text = value(&Value::from("é".repeat(300)));
        assert!(text.starts_with(&"é".repeat(MOST_SHOWN)) && text.ends_with("has all of it)"));
    }
}
