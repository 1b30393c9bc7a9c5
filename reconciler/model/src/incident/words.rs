//! What both reports say in the same words.

use jiff::Timestamp;
use serde_json::Value;

use super::{Affected, CheckState, Incident, Outcome, Status};
use crate::attribution::Culprit;
use crate::drift::Change;

/// Characters of one value that a report shows; the evidence has it whole.
const MOST_SHOWN: usize = 200;

/// A time as it is shown: whole seconds, UTC. What is not a time is shown as it is.
pub(super) fn time(text: &str) -> String {
    match text.parse::<Timestamp>() {
        Ok(at) => at.strftime("%Y-%m-%d %H:%M:%S UTC").to_string(),
        Err(_) => text.to_owned(),
    }
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

/// An event that may have caused it, in one line.
pub(super) fn candidate(culprit: &Culprit) -> String {
    format!("perhaps {} {} by {} (event {})", time(&culprit.at), culprit.event_name, who(culprit), culprit.event_id)
}

/// How long it was exposed, as far as that is known.
pub(super) fn exposed(one: &Affected) -> String {
    let perhaps = one.perhaps_since().map(|since| format!("perhaps since {}", time(since)));
    let Some(exposure) = one.exposure() else {
        return format!("not known since when{}", perhaps.map(|perhaps| format!(", {perhaps}")).unwrap_or_default());
    };
    let since = exposure.since.as_deref().map(time).unwrap_or_default();
    let perhaps = perhaps.map(|perhaps| format!("; {perhaps}")).unwrap_or_default();
    match (&exposure.until, exposure.seconds) {
        (Some(_), Some(seconds)) => format!("{} (since {since}{perhaps})", span(seconds)),
        _ => format!("since {since}, and still{perhaps}"),
    }
}

/// How an address differed as a whole.
pub(super) fn change(change: Change) -> &'static str {
    match change {
        Change::Missing => "it was not there",
        Change::Changed => "it was changed",
        Change::Unexpected => "it was there, and must not be",
    }
}

/// One sentence below the heading.
pub(super) fn sentence(incident: &Incident) -> String {
    let (restored, all) = (incident.restored(), incident.addresses.len());
    let gaps = incident.gaps.len();
    let unread = match gaps {
        0 => String::new(),
        1 => " One read failed, and what it covers is not known.".to_owned(),
        _ => format!(" {gaps} reads failed, and what they cover is not known."),
    };
    let counted = match all {
        1 => "The one resource that was not as declared".to_owned(),
        _ => format!("{restored} of {all} resources that were not as declared"),
    };
    match incident.outcome {
        Outcome::Restored | Outcome::NotEffective if all == 1 => {
            format!("{counted} is back, shown by two reads of two instants.{unread}")
        }
        _ if all == 1 => format!("{counted} is {}.{unread}", incident.addresses[0].status.words()),
        _ => format!("{counted} are back, shown by two reads of two instants.{unread}"),
    }
}

/// What is left to people: how many steps, and how many of them this build should have done.
pub(super) fn left(incident: &Incident) -> (usize, usize) {
    let count = |state: CheckState| incident.checklist.iter().filter(|item| item.state == state).count();
    (count(CheckState::Manual), count(CheckState::NotDone) + count(CheckState::Partly))
}

/// The longest exposure: of which address, and how long.
pub(super) fn longest(incident: &Incident) -> Option<(&Affected, String)> {
    let known = incident.addresses.iter().filter(|one| one.exposure().is_some());
    let longest = known.min_by(|one, two| {
        let since = |one: &Affected| one.exposure().and_then(|exposure| exposure.since.clone());
        since(one).cmp(&since(two))
    })?;
    Some((longest, exposed(longest)))
}

/// Everybody who is known to have caused something, each once, with the number of addresses; and of how many it is not known.
pub(super) fn actors(incident: &Incident) -> (Vec<(String, usize)>, usize) {
    let mut actors: Vec<(String, usize)> = Vec::new();
    let mut unknown = 0;
    for one in &incident.addresses {
        let mut principals: Vec<&str> =
            one.culprits().into_iter().map(|(culprit, _)| culprit.principal.as_str()).collect();
        principals.sort_unstable();
        principals.dedup();
        for principal in &principals {
            match actors.iter_mut().find(|(known, _)| known == principal) {
                Some((_, count)) => *count += 1,
                None => actors.push(((*principal).to_owned(), 1)),
            }
        }
        unknown += usize::from(principals.is_empty() || !one.unknown().is_empty());
    }
    actors.sort_by(|one, two| two.1.cmp(&one.1).then_with(|| one.0.cmp(&two.0)));
    (actors, unknown)
}

/// The addresses that are not restored, with the reason.
pub(super) fn not_restored(incident: &Incident) -> impl Iterator<Item = (&Affected, &str)> {
    let open = incident.addresses.iter().filter(|one| one.status != Status::Restored);
    open.map(|one| (one, one.why.as_deref().unwrap_or("")))
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
    fn a_long_value_is_cut_between_characters() {
        let text = value(&Value::from("é".repeat(300)));
        assert!(text.starts_with(&"é".repeat(MOST_SHOWN)) && text.ends_with("has all of it)"));
    }
}
