//! Who caused a drift, as people read it.

use std::collections::BTreeMap;

use reconciler_model::attribution::{Attribution, Blame, Culprit, FieldBlame};

use crate::screen::{BAD, DOUBT, FAINT, paint};

/// One line for each culprit of an address with the fields that are his doing, and one for each reason not to know.
pub(crate) fn lines(blame: &Blame) -> String {
    let mut by: Vec<(String, Vec<&FieldBlame>)> = Vec::new();
    for field in &blame.fields {
        let text = told(&field.by);
        match by.iter_mut().find(|(known, _)| *known == text) {
            Some((_, fields)) => fields.push(field),
            None => by.push((text, vec![field])),
        }
    }
    let all = by.len() == 1;
    by.into_iter()
        .map(|(text, fields)| {
            let paths: Vec<String> = fields.iter().map(|field| field.path.to_string()).collect();
            let of = if all { String::new() } else { paint(FAINT, format_args!("  {}", paths.join(", "))) };
            format!("      {text}{of}\n{}", since(&fields))
        })
        .collect()
}

/// From when on; several fields of one culprit may have several beginnings.
fn since(fields: &[&FieldBlame]) -> String {
    let mut begun: BTreeMap<(&str, &str), usize> = BTreeMap::new();
    for field in fields {
        let Some(since) = &field.exposure.since else { continue };
        *begun.entry((since, field.exposure.perhaps_since.as_deref().unwrap_or(""))).or_default() += 1;
    }
    let line = |((since, perhaps), _): ((&str, &str), usize)| {
        let perhaps = if perhaps.is_empty() { String::new() } else { format!(", perhaps since {perhaps}") };
        format!("         not as declared since {since}{perhaps}\n")
    };
    begun.into_iter().map(line).collect()
}

fn told(by: &Attribution) -> String {
    match by {
        Attribution::Known { event, earlier } => {
            let before = match earlier.len() {
                0 => String::new(),
                count => format!(", after {count} earlier"),
            };
            format!("{} {}{before}", paint(BAD, "by"), culprit(event))
        }
        Attribution::Unknown { reason, candidates } => {
            let others: String = candidates.iter().map(|one| format!("\n         perhaps {}", culprit(one))).collect();
            format!("{} {}{others}", paint(DOUBT, "by unknown:"), plain(reason))
        }
    }
}

fn culprit(event: &Culprit) -> String {
    let from = event.source_address.as_deref().map(|from| format!("  from {}", plain(from))).unwrap_or_default();
    let with = event.user_agent.as_deref().map(|with| format!("  with {}", plain(with))).unwrap_or_default();
    let rest = paint(FAINT, format_args!("{from}{with}  event {}", plain(&event.event_id)));
    format!("{}  {} at {}{rest}", plain(&event.principal), plain(&event.event_name), event.at)
}

/// What an attacker may have chosen, without what a terminal would obey.
fn plain(text: &str) -> String {
    text.chars().map(|letter| if letter.is_control() { '?' } else { letter }).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn nothing_that_a_caller_chose_commands_the_terminal() {
        assert_eq!(plain("aws\u{1b}[2Jcli\n"), "aws?[2Jcli?");
    }
}
