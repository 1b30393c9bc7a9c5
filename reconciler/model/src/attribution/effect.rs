//! What one event, or one thing that a service remembers, says of one field.

use serde_json::Value;

use super::{By, Effect, Subject, Touch, leaf, version_of};
use crate::attribution::history::Event;
use crate::attribution::trail_events::{Does, Shows, TrailEvent};
use crate::direction::Direction;
use crate::drift::{Change, FieldDrift};
use crate::kind::Origin;
use crate::tree::{self, Path};

/// What a field was after an event that is about its resource; `None` when the event did not touch it. Without a field: what the
/// event says of the resource being there.
pub(super) fn of(
    subject: &Subject<'_>,
    trail_event: &TrailEvent,
    event: &Event,
    field: Option<&FieldDrift>,
) -> Option<Effect> {
    let Some(field) = field else {
        let is_there = trail_event.does == Does::Creates;
        return Some(if is_there == (subject.drift.change == Change::Unexpected) {
            Effect::Live
        } else {
            Effect::Wanted
        });
    };
    if !touches_element(subject, trail_event, event, &field.path) {
        return None;
    }
    match trail_event.shows {
        Shows::Nothing => Some(Effect::Hidden),
        Shows::There(there) => Some(being_there(there, field)),
        Shows::Version(_) => {
            let made = version_of(trail_event, event);
            let snapshot = subject.traces.snapshots.iter().find(|snapshot| Some(snapshot.id.as_str()) == made);
            Some(snapshot.map_or(Effect::Hidden, |snapshot| exactly(subject, &snapshot.itself, field)))
        }
        Shows::Parts(parts) => {
            let Some(set) = parts(event.parameters()) else { return Some(Effect::Hidden) };
            let Some(head) = field.path.head() else { return Some(Effect::Hidden) };
            match set.get(head) {
                None if trail_event.does == Does::Creates => Some(Effect::Hidden),
                None => None,
                Some(value) => {
                    Some(normal(subject, head, value).map_or(Effect::Hidden, |tree| compared(subject, &tree, field)))
                }
            }
        }
    }
}

/// Whether an event that names elements names the one that the path leads into.
fn touches_element(subject: &Subject<'_>, trail_event: &TrailEvent, event: &Event, path: &Path) -> bool {
    let Some(element) = path.segments().get(1).filter(|_| !trail_event.elements.is_empty()) else { return true };
    let named = event.texts(trail_event.elements);
    let ids = (subject.kind.contract().element_ids)(element, subject.live, subject.scope_context);
    named.is_empty() || named.contains(element.as_str()) || ids.iter().any(|id| named.contains(id.as_str()))
}

/// One member in normal form; `None` when the record has it in a shape that cannot be read.
fn normal(subject: &Subject<'_>, head: &str, value: &Value) -> Option<Value> {
    let spec = Value::Object([(head.to_owned(), value.clone())].into_iter().collect());
    let normalised = subject.kind.normalise(&spec, Origin::Live);
    normalised.problems.is_empty().then_some(normalised.tree)
}

/// A value against the two that count. Texts may be other spellings of the same (an alias for an ARN), so that a text that
/// equals neither says nothing.
fn compared(subject: &Subject<'_>, tree: &Value, field: &FieldDrift) -> Effect {
    let value = leaf(tree, &field.path);
    if value == field.live {
        Effect::Live
    } else if value == field.want {
        Effect::Wanted
    } else if value.is_string() || value.is_array() || value.is_object() {
        Effect::Hidden
    } else {
        otherwise(subject, &value, field)
    }
}

/// What a value is that is neither live nor declared.
fn otherwise(subject: &Subject<'_>, value: &Value, field: &FieldDrift) -> Effect {
    let known = |value: &'_ Value| (!value.is_null()).then(|| value.clone());
    match subject.kind.direction(&field.path, known(value).as_ref(), known(&field.want).as_ref()) {
        Direction::Strengthened => Effect::Stronger,
        Direction::Weakened | Direction::Neutral | Direction::Unknown => Effect::Other,
    }
}

/// What it says of a field that an element is there, or is not.
fn being_there(there: bool, field: &FieldDrift) -> Effect {
    match (there, field.live.is_null(), field.want.is_null()) {
        (false, true, _) | (true, false, true) => Effect::Live,
        (false, false, true) | (true, true, false) => Effect::Wanted,
        (false, false, false) => Effect::Other,
        (true, ..) => Effect::Hidden,
    }
}

/// A value that is in normal form for sure.
fn exactly(subject: &Subject<'_>, tree: &Value, field: &FieldDrift) -> Effect {
    match compared(subject, tree, field) {
        Effect::Hidden => otherwise(subject, &leaf(tree, &field.path), field),
        effect => effect,
    }
}

/// What the service remembers of a field.
pub(super) fn seen<'a>(subject: &Subject<'_>, field: &FieldDrift) -> Vec<Touch<'a>> {
    let remembered = subject.traces.snapshots.iter().filter(|snapshot| {
        field.path.head().is_some_and(|head| tree::get(&snapshot.tree, &Path::of([head])).is_some())
    });
    remembered
        .map(|snapshot| Touch {
            at: snapshot.at,
            by: By::Seen,
            effect: exactly(subject, &snapshot.tree, field),
            begins: false,
        })
        .collect()
}
