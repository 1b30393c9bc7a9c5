//! Who caused a drift, as people read it.

use std::collections::BTreeMap;

use reconciler_model::attribution::{Attribution, Culprit, FieldAttribution, ResourceAttribution};
use reconciler_model::text::one_line;

use crate::screen::{BAD, DOUBT, FAINT, line, paint};

/// One line for each culprit of an address with the fields that are his doing, and one for each reason not to know.
pub(crate) fn lines(attribution: &ResourceAttribution) -> String {
    let mut by: Vec<(String, Vec<&FieldAttribution>)> = Vec::new();
    for field in &attribution.fields {
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
            let (first, others) = text.split_once('\n').map_or((&*text, ""), |(first, others)| (first, others));
            let others: String = others.lines().map(|one| format!("{}\n", line(one))).collect();
            format!("{}\n{others}{}", line(format_args!("      {first}{of}")), since(&fields))
        })
        .collect()
}

/// From when on; several fields of one culprit may have several beginnings.
fn since(fields: &[&FieldAttribution]) -> String {
    let mut begun: BTreeMap<(&str, &str), usize> = BTreeMap::new();
    for field in fields {
        let Some(since) = &field.exposure.since else { continue };
        *begun.entry((since, field.exposure.perhaps_since.as_deref().unwrap_or(""))).or_default() += 1;
    }
    let told = |((since, perhaps), _): ((&str, &str), usize)| {
        let perhaps = if perhaps.is_empty() { String::new() } else { format!(", perhaps since {perhaps}") };
        format!("{}\n", line(format_args!("         not as declared since {since}{perhaps}")))
    };
    begun.into_iter().map(told).collect()
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
            format!("{} {}{others}", paint(DOUBT, "by unknown:"), one_line(reason))
        }
    }
}

fn culprit(event: &Culprit) -> String {
    let from = event.source_address.as_deref().map(|from| format!("  from {}", one_line(from))).unwrap_or_default();
    let with = event.user_agent.as_deref().map(|with| format!("  with {}", one_line(with))).unwrap_or_default();
    let rest = paint(FAINT, format_args!("{from}{with}  event {}", one_line(&event.event_id)));
    format!("{}  {} at {}{rest}", one_line(&event.principal), one_line(&event.event_name), one_line(&event.at))
}
