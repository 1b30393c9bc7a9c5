//! The desired state: text in, declarations out, fanned out over accounts and regions.
//!
//! Expected flow: the caller reads the files and passes them to [`load()`], which gives either the [`Desired`] state or
//! everything that is wrong with it; [`Desired::wanted`] fans it out; [`Wanted::resolve`] turns one of them into the
//! normal form once its look-ups are answered. [`schema()`] describes the files to editors, and [`explain()`]
//! one member of them to people.
//!
//! Guarantees: nothing is read but the arguments; no input makes it panic, recurse without bound, or expand aliases
//! without bound; the digest does not depend on files, comments, order or spelling.

mod coverage;
mod declaration;
mod directory;
mod explain;
mod exported;
mod fan_out;
mod item;
mod layers;
mod load;
mod located;
mod manifest;
mod organization;
mod pins;
mod schema;
mod selection;
mod side_by_side;
mod template;
mod undeclared;
mod validate;
mod waivers;

#[cfg(test)]
mod tests;

pub use declaration::{
    Declaration, LiveReference, Lookup, PlaceOfAnswer, Resolution, Unanswered, Wanted, WhenStronger, with_context,
};
pub use directory::{Directory, Discovery, Needs, Unit, not_active};
pub use explain::{Explained, Member, Unknown, explain};
pub use exported::{Exported, exported};
pub use load::{Desired, Source, discovered, load, load_in, load_organization, read_pins};
pub use organization::{Account, ORGANIZATION_FILE, Organization, partition_of};
pub use pins::{
    ACCOUNT_NAMED, ANSWERS, Adoption, Block, CONTENT, COVERED, EXCLUDED, PINS_FILE, Pin, Pins, Pointed, REACH, UNIT,
    VERSIONS, is_set, key_of_lookup, members_of, set_of,
};
pub use schema::schema;
pub use selection::Where;
pub use undeclared::{Rule, Settings, Treat};
pub use waivers::{Terms, WAIVERS_FILE, Waiver};
