//! From what touched one field, in order, to who made it what it is.
//!
//! # What is certain
//! - The culprit is the last actor who set the field to its live value.
//! - An event with a known value (its record shows it, or a version keeps it) is an anchor. An event right after an anchor
//!   with the live value cannot have set that value.
//! - A verified write of our own, an event that shows the declared value, and a version that holds it are instants at which the
//!   field was as declared. What is older has nothing to do with it.
//! - A value that protects more than the declared one exposes nobody: who set it is no culprit, and no exposure begins with it.
//!
//! # What is not
//! Of an event whose content CloudTrail hides it is known only that it *can* have changed the field. One of them since such an
//! instant is the culprit. Several of one actor are his. Several of different actors are candidates, and nobody is blamed.
//!
//! # Exposure
//! It begins for sure with the oldest touch after which the field cannot have been as declared at any time. Where events of
//! unknown content lie before that, the earliest of them is when it has *perhaps* begun. A write of our own begins none.

use std::collections::{BTreeMap, BTreeSet};

use jiff::{SignedDuration, Timestamp};

use crate::attribution::history::Event;
use crate::attribution::{Attribution, Culprit};

/// CloudTrail shows an event after 5 minutes on average; it says that it may take 15 (kinds/sources/history/README.md, Delay).
pub const DELIVERY: SignedDuration = SignedDuration::from_mins(15);

/// How much later than its event a resource may say that it was changed: changes of guardrails take a while.
const SETTLES: SignedDuration = SignedDuration::from_secs(60);

/// What the field was after a touch.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Effect {
    /// What it is now.
    Live,
    /// What is declared.
    Wanted,
    /// Something else than both, which protects more than what is declared.
    Stronger,
    /// Something else than both.
    Other,
    /// Not known.
    Hidden,
}

/// Whose touch it is.
#[derive(Debug, Clone, Copy)]
pub enum By<'a> {
    /// Somebody's.
    Foreign(&'a Event),
    /// Ours; and whether it left the resource as declared.
    Own(&'a Event, bool),
    /// Nobody's: it was seen what the field was.
    Seen,
}

/// One thing that is known of one field at one time.
#[derive(Debug, Clone, Copy)]
pub struct Touch<'a> {
    /// When.
    pub at: Timestamp,
    /// By whom.
    pub by: By<'a>,
    /// What the field was then.
    pub effect: Effect,
    /// Whether the resource began with it.
    pub begins: bool,
}

/// What else is known.
#[derive(Debug, Clone, Copy)]
pub struct Bounds {
    /// When the field was seen with its live value.
    pub now: Timestamp,
    /// From when on the history was asked.
    pub from: Timestamp,
    /// Where a page too many ended reading: what is older is not known.
    pub cut_at: Option<Timestamp>,
    /// When the service says that the resource was last changed.
    pub changed_at: Option<Timestamp>,
    /// The newest event that names the resource.
    pub newest_event: Option<Timestamp>,
    /// When a write of ours to the resource was last verified.
    pub verified_at: Option<Timestamp>,
}

/// When the field stopped being as declared.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Began {
    /// From then on it was not, for sure.
    pub certain: Option<Timestamp>,
    /// And perhaps from then on.
    pub perhaps: Option<Timestamp>,
}

impl<'a> Touch<'a> {
    fn event(&self) -> Option<&'a Event> {
        match self.by {
            By::Foreign(event) | By::Own(event, _) => Some(event),
            By::Seen => None,
        }
    }

    /// Whether the field was as declared after it.
    fn is_in_sync(&self) -> bool {
        matches!(self.by, By::Own(_, true)) || (self.effect == Effect::Wanted && !matches!(self.by, By::Own(_, false)))
    }

    /// Whether the field protected at least as much as declared after it.
    fn protects(&self) -> bool {
        self.is_in_sync() || self.effect == Effect::Stronger
    }

    /// Orders events of one second, the precision of the record: instants at which the field was as declared come first, then
    /// events by how much they show, then reads of the live value.
    fn order(&self) -> (i64, u8) {
        let rank = match (self.by, self.effect) {
            // Nothing names a resource before it is made.
            _ if self.begins => 0,
            _ if self.is_in_sync() => 1,
            (By::Seen, _) => 5,
            (_, Effect::Wanted | Effect::Stronger | Effect::Other) => 2,
            (_, Effect::Live) => 3,
            (_, Effect::Hidden) => 4,
        };
        (self.at.as_second(), rank)
    }
}

/// Who made the field what it is, and since when it is not as declared.
pub fn decide(mut touches: Vec<Touch<'_>>, bounds: &Bounds) -> (Attribution, Began) {
    let tied = tie(&mut touches);
    touches.sort_by_key(Touch::order);
    let began = began(&touches);
    let walked = walk(&touches, &tied);
    (conclude(&touches, &walked, bounds), began)
}

/// What looking back from now found.
struct Walked<'t, 'a> {
    /// Who can have changed the field to what it is, newest first.
    possible: Vec<&'t Touch<'a>>,
    /// Who left it otherwise than declared before that, newest first.
    earlier: Vec<&'t Touch<'a>>,
    /// Where looking back ended: something that shows that the field was not yet what it is now.
    end: Option<&'t Touch<'a>>,
}

/// Hides the values of events that differ within one second, because their order is unknown. Gives the seconds.
fn tie(touches: &mut [Touch<'_>]) -> BTreeSet<i64> {
    let mut effects: BTreeMap<i64, Vec<Effect>> = BTreeMap::new();
    for touch in touches.iter().filter(|touch| touch.event().is_some() && !touch.begins) {
        effects.entry(touch.at.as_second()).or_default().push(touch.effect);
    }
    let differ = |effects: &Vec<Effect>| {
        effects.len() > 1 && (effects[0] == Effect::Hidden || effects.iter().any(|effect| *effect != effects[0]))
    };
    let tied: BTreeSet<i64> = effects.into_iter().filter(|(_, all)| differ(all)).map(|(second, _)| second).collect();
    for touch in touches.iter_mut().filter(|touch| tied.contains(&touch.at.as_second()) && !touch.begins) {
        if matches!(touch.by, By::Foreign(_)) {
            touch.effect = Effect::Hidden;
        }
    }
    tied
}

fn walk<'t, 'a>(touches: &'t [Touch<'a>], tied: &BTreeSet<i64>) -> Walked<'t, 'a> {
    let mut walked = Walked { possible: Vec::new(), earlier: Vec::new(), end: None };
    let mut back = touches.iter().rev();
    let mut next_is_event = false;
    for touch in back.by_ref() {
        if touch.is_in_sync() || matches!(touch.effect, Effect::Stronger | Effect::Other) {
            walked.end = Some(touch);
            break;
        }
        if touch.effect == Effect::Live && next_is_event {
            // It was like this already: the first event afterwards cannot have changed it to this.
            walked.possible.pop();
        }
        next_is_event = touch.event().is_some() && !tied.contains(&touch.at.as_second());
        // Of what an event is known to have set, it does not matter with what the resource began.
        let is_moot = touch.begins
            && touch.effect == Effect::Hidden
            && walked.possible.iter().any(|later| later.effect == Effect::Live);
        if touch.event().is_some() && !is_moot {
            walked.possible.push(touch);
        }
        if touch.begins {
            walked.end = Some(touch);
            break;
        }
    }
    if let Some(end) = walked.end.filter(|end| !end.protects() && !end.begins) {
        walked.earlier.extend(std::iter::once(end).filter(|end| end.event().is_some()));
        let older = back.take_while(|touch| !touch.protects());
        walked.earlier.extend(older.filter(|touch| touch.event().is_some()));
    }
    walked
}

fn began(touches: &[Touch<'_>]) -> Began {
    let mut began = Began::default();
    let mut sure = true;
    let mut unsure = 0;
    // Whether the oldest thing that is sure was only seen, and did not change the field itself.
    let mut was_seen = false;
    for touch in touches.iter().rev() {
        if touch.protects() {
            if unsure == 1 && was_seen {
                // Between an instant at which it was as declared and one at which it was seen not to be is this one event.
                began.certain = began.perhaps;
            }
            break;
        }
        let is_hidden = touch.effect == Effect::Hidden;
        if matches!(touch.by, By::Own(..)) {
            // What it left is not known, and it meant to put back what is declared.
            sure = false;
            unsure += 1;
            continue;
        }
        if sure && (!is_hidden || began.certain.is_none()) {
            began.certain = Some(touch.at);
            was_seen = touch.event().is_none();
        }
        sure = sure && !is_hidden;
        unsure += usize::from(!sure);
        began.perhaps = Some(touch.at);
        if touch.begins {
            break;
        }
    }
    began.perhaps = began.perhaps.filter(|perhaps| Some(*perhaps) != began.certain);
    began
}

/// The events of others, oldest first; the touches are newest first.
fn culprits(touches: &[&Touch<'_>]) -> Vec<Culprit> {
    let foreign = |touch: &&Touch<'_>| match touch.by {
        By::Foreign(event) => Some(event.culprit.clone()),
        By::Own(..) | By::Seen => None,
    };
    touches.iter().rev().filter_map(foreign).collect()
}

fn conclude(touches: &[Touch<'_>], walked: &Walked<'_, '_>, bounds: &Bounds) -> Attribution {
    let possible = &walked.possible;
    let unknown = |reason: String| Attribution::Unknown { reason, candidates: culprits(possible) };
    if let Some(cut) = bounds.cut_at.filter(|cut| walked.end.is_none_or(|end| end.at < *cut)) {
        return unknown(format!(
            "there are more events than are read: of what was before {} not everything is known; bound the time with --since",
            seconds(cut)
        ));
    }
    let Some(newest) = possible.first().copied() else { return unknown(nothing(touches, walked, bounds)) };
    let Some(event) = newest.event() else { return unknown(nothing(touches, walked, bounds)) };
    if let Some(verified) = bounds.verified_at.filter(|verified| verified.as_second() > newest.at.as_second()) {
        return unknown(format!(
            "a write of this program was verified at {}, and no later event that can have changed it is shown; {}",
            seconds(verified),
            ask_again(bounds)
        ));
    }
    let hidden = possible.iter().any(|touch| touch.effect == Effect::Hidden);
    if walked.end.is_none() && hidden {
        return unknown(format!(
            "CloudTrail does not show what these events set, and nothing shows that it was as declared before them; its \
             history was read from {} on",
            seconds(bounds.from)
        ));
    }
    let shown_until = bounds.newest_event.unwrap_or(newest.at).max(newest.at);
    let late = bounds.changed_at.filter(|changed| changed.duration_since(shown_until) > SETTLES);
    if let Some(changed) = late.filter(|_| touches.last().is_some_and(|last| last.effect == Effect::Hidden)) {
        return unknown(format!(
            "it was changed at {}, and that event is not shown yet; {}",
            seconds(changed),
            ask_again(bounds)
        ));
    }
    if possible.iter().any(|touch| matches!(touch.by, By::Own(..))) {
        return unknown(
            "a write of this program whose outcome is not known is among what can have changed it".to_owned(),
        );
    }
    let actors: BTreeSet<&str> =
        possible.iter().filter_map(|touch| Some(touch.event()?.culprit.principal.as_str())).collect();
    if actors.len() > 1 {
        let actors: Vec<&str> = actors.into_iter().collect();
        return unknown(format!("CloudTrail does not show which of these actors set it: {}", actors.join(", ")));
    }
    if let Some(other) = beside(touches, newest, event) {
        return Attribution::Unknown {
            reason: format!(
                "{} and {} changed it within the same second, and CloudTrail does not show in which order",
                event.culprit.principal, other.culprit.principal
            ),
            candidates: vec![other.culprit.clone(), event.culprit.clone()],
        };
    }
    let mut earlier = culprits(&walked.earlier);
    earlier.extend(culprits(&possible[1..]));
    Attribution::Known { event: event.culprit.clone(), earlier }
}

/// Another actor's event in the same second.
fn beside<'a>(touches: &[Touch<'a>], newest: &Touch<'a>, event: &Event) -> Option<&'a Event> {
    touches
        .iter()
        .filter(|touch| touch.at.as_second() == newest.at.as_second())
        .filter_map(|touch| match touch.by {
            By::Foreign(other) | By::Own(other, _) => Some(other),
            By::Seen => None,
        })
        .find(|other| other.culprit.principal != event.culprit.principal)
}

/// Why there is no event that can have caused it.
fn nothing(touches: &[Touch<'_>], walked: &Walked<'_, '_>, bounds: &Bounds) -> String {
    let again = ask_again(bounds);
    let Some(end) = walked.end else {
        let of_these = if touches.is_empty() { "" } else { "; it was seen like this before" };
        return format!(
            "no event that CloudTrail shows from {} on can have changed it{of_these}; {again}",
            seconds(bounds.from)
        );
    };
    let at = seconds(end.at);
    match (end.by, end.effect) {
        (By::Own(..), _) => {
            format!("no event after the verified write of this program at {at} can have changed it; {again}")
        }
        (By::Foreign(event), Effect::Wanted) => format!(
            "no event after {} at {at}, which left it as declared, can have changed it; {again}",
            event.culprit.event_name
        ),
        (By::Foreign(event), _) => format!(
            "the last event that sets it, {} at {at}, shows another value than the live one; {again}",
            event.culprit.event_name
        ),
        (By::Seen, _) => format!("it was otherwise at {at}, and no later event can have changed it; {again}"),
    }
}

fn ask_again(bounds: &Bounds) -> String {
    let later = bounds.now.saturating_add(DELIVERY).unwrap_or(bounds.now);
    format!("CloudTrail shows events after up to 15 minutes: ask again after {}", seconds(later))
}

/// An instant as CloudTrail writes it: UTC, whole seconds.
pub fn seconds(at: Timestamp) -> String {
    at.strftime("%Y-%m-%dT%H:%M:%SZ").to_string()
}
