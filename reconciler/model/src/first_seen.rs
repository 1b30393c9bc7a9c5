//! Whether an absent address was ever there: what is *new* is created without a page, what is *missing* pages.
//!
//! Expected flow: [`of_pins`] and [`of_events`] hear one witness each, the engine hears the journal, and [`is_new`] decides.
//!
//! Guarantees: an address is new only where every witness was heard and none knows it. One that knows it is enough, and so is one
//! that could not be heard: whoever silences a witness makes nothing new by that.

use std::collections::BTreeSet;

use crate::attribution::history::Event;
use crate::attribution::trail_events::{Does, TrailEvent};
use crate::attribution::{Histories, concerns};
use crate::desired::{Adoption, Wanted};
use crate::kind::Kind;

/// What one witness says of an address.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Witness {
    /// It was heard, and does not know it.
    Silent,
    /// It knows it, or cannot tell it from what it knows.
    Knows,
    /// It could not be heard, and why.
    Unheard(String),
}

/// Whether nobody ever saw it.
pub fn is_new<'a>(witnesses: impl IntoIterator<Item = &'a Witness>) -> bool {
    let mut heard = witnesses.into_iter().peekable();
    heard.peek().is_some() && heard.all(|one| *one == Witness::Silent)
}

/// What the pins say: that it was adopted, or what it led to.
pub fn of_pins(wanted: &Wanted) -> Witness {
    let is_pinned = wanted.pin.is_some() || wanted.pinned_versions.is_some() || !wanted.answered.is_empty();
    match wanted.adoption {
        Adoption::Never if !is_pinned => Witness::Silent,
        // A file that says nothing of adoption does not say that there was none.
        Adoption::Never | Adoption::NotSaid | Adoption::Adopted => Witness::Knows,
    }
}

/// The events that can have taken a resource of a kind, or its name, away.
pub fn trail_events_of(kind: &dyn Kind) -> impl Iterator<Item = &'static TrailEvent> {
    kind.contract().trail_events.iter().filter(|one| one.does == Does::Removes || one.ends)
}

/// What the history of these events says.
pub fn of_events(kind: &dyn Kind, name: &str, histories: &Histories<'_>) -> Witness {
    let mut asked = trail_events_of(kind).peekable();
    if asked.peek().is_none() {
        return Witness::Unheard(format!("this build does not know which events delete a {}", kind.name()));
    }
    let is_by_id = kind.contract().trail_events.iter().any(|one| one.gives_an_id() || one.makes.is_some());
    let mut unheard = None;
    for trail_event in asked {
        let past = match histories.get(&(trail_event.source, trail_event.event)) {
            Some(Ok(past)) => past,
            Some(Err(reason)) => {
                unheard = Some(format!("the history of {} could not be read: {reason}", trail_event.event));
                continue;
            }
            None => {
                unheard = Some(format!("the history of {} was not read", trail_event.event));
                continue;
            }
        };
        let may_be_it = |event: &&Event| {
            !event.failed && concerns(trail_event, event) && may_mean(trail_event, event, name, is_by_id)
        };
        if past.events.iter().any(|event| may_be_it(&event)) {
            return Witness::Knows;
        }
        if past.cut_at.is_some() {
            unheard = Some(format!("there are too many events {} to read all of them", trail_event.event));
        }
    }
    unheard.map_or(Witness::Silent, Witness::Unheard)
}

/// Whether a record may be about what has this name. Of an id nobody can tell whose it was.
fn may_mean(trail_event: &TrailEvent, event: &Event, name: &str, is_by_id: bool) -> bool {
    let named: BTreeSet<&str> = event.texts(trail_event.named);
    let ends_with_it = |given: &&str| {
        let given = given.strip_suffix(":*").unwrap_or(given);
        given.strip_suffix(name).is_some_and(|before| before.is_empty() || before.ends_with([':', '/']))
    };
    is_by_id || trail_event.ends || named.is_empty() || named.iter().any(ends_with_it)
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Each witness alone is enough to make something missing, by knowing it and by not being heard.
    #[test]
    fn something_is_new_only_where_every_witness_is_silent() {
        let silent = Witness::Silent;
        assert!(is_new([&silent, &silent, &silent]) && !is_new([]));
        for other in [Witness::Knows, Witness::Unheard("damaged".into())] {
            for place in 0..3 {
                let heard: Vec<&Witness> = (0..3).map(|at| if at == place { &other } else { &silent }).collect();
                assert!(!is_new(heard), "{other:?} at {place}");
            }
        }
    }
}
