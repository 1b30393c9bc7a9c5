//! CloudTrail trails: settings, logging, and the selectors of events.
//!
//! Purpose: what is invoked, retrieved and changed is recorded only while a trail logs and selects it. A trail whose selectors
//! were emptied still says that it logs.
//!
//! Expected flow: UpdateTrail with what differs, PutEventSelectors with every selector, StartLogging, each read back.
//!
//! Guarantees: selectors are compared by what they record, in whichever of the two forms; selectors that the declaration does
//! not name are sent as they are, because PutEventSelectors replaces all, and those of the other form are converted where they
//! record more; a restore of what is lost is never refused for their sake, and says what it replaced; a declaration that would
//! lose the management events is refused unless it says that another trail records them; a trail is never deleted.
//!
//! Assumptions: a trail is seen in its home region only, so it is declared with `where: {regions: [HOME]}`; an organization
//! trail belongs to the management account.
//!
//! Caveats: events of the time without a selector were never recorded, and cannot be restored.

mod client;
mod coverage;
mod pascal;
mod selectors;
mod spec;
mod steps;
mod trail_events;
mod validation;

/// The kind `trail`.
#[derive(Debug)]
pub struct Trail;
