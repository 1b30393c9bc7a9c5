//! A resource that we restore and that somebody else changes back.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::address::Address;
use crate::alert::Alert;
use crate::attribution::Attribution;
use crate::control::AlertClass;
use crate::digest;
use crate::direction::Direction;
use crate::drift::{Drift, FieldDrift};
use crate::tree::Path;

/// One field as it was restored: what is counted when others change it back.
///
/// An undeclared member has no declared value, and may have another name each time. It counts as a change of its parent.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, JsonSchema, Serialize, Deserialize)]
pub struct RestoredField {
    /// Where in the resource; empty where it was missing as a whole.
    pub path: String,
    /// The digest of what it was restored to: another declaration is another restore.
    pub to: String,
}

/// The fields that a restore is about: those that protect less, or may, if there are any. Changes beside them never delay
/// their restore.
pub fn fields_of(drift: &Drift) -> Vec<RestoredField> {
    if drift.fields.is_empty() {
        return vec![RestoredField { path: String::new(), to: digest::of(&drift.change) }];
    }
    let is_grave = |field: &FieldDrift| matches!(field.direction, Direction::Weakened | Direction::Unknown);
    let restored = || drift.fields.iter().filter(|field| !field.kept && !field.stays);
    let any = restored().any(is_grave);
    let counted = restored().filter(|field| !any || is_grave(field));
    let mut fields: Vec<RestoredField> = counted
        .map(|field| {
            let segments = field.path.segments();
            let path = match segments.split_last() {
                Some((_, above)) if field.want.is_null() && !above.is_empty() => Path::of(above.iter().cloned()),
                _ => field.path.clone(),
            };
            RestoredField { path: path.to_string(), to: digest::of(&field.want) }
        })
        .collect();
    fields.sort();
    fields.dedup();
    fields
}

/// A resource that others go on changing back. A part of the JSON contract.
#[derive(Debug, Clone, PartialEq, JsonSchema, Serialize, Deserialize)]
pub struct Flapping {
    /// The address.
    pub address: Address,
    /// The fields that were changed back, sorted; empty where the resource was deleted.
    pub fields: Vec<String>,
    /// How often each of them was restored within an hour.
    pub times: usize,
    /// When the last restore was verified, in UTC.
    pub restored_at: String,
    /// When it is restored again, in UTC, should it not be as declared; `None` where it waits for somebody to look.
    pub again_at: Option<String>,
    /// Who changes it back, where it is asked for and known.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub by: Option<Attribution>,
    /// Who has to know, also while it is as declared for the moment.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub alerts: Vec<Alert>,
}

impl Flapping {
    /// Whether somebody is on call for it.
    pub fn pages(&self) -> bool {
        self.alerts.iter().any(|alert| alert.class == AlertClass::Page)
    }

    /// What is going on, in one sentence.
    pub fn in_words(&self) -> String {
        let what = match self.fields.as_slice() {
            [] => "it".to_owned(),
            [one] => one.clone(),
            [one, rest @ ..] => format!("{one} and {} more", rest.len()),
        };
        let by = match &self.by {
            Some(Attribution::Known { event, .. }) => {
                format!("by {} ({} at {})", event.principal, event.event_name, event.at)
            }
            Some(Attribution::Unknown { candidates, reason }) => {
                let mut who: Vec<&str> = candidates.iter().map(|one| one.principal.as_str()).collect();
                who.sort_unstable();
                who.dedup();
                match who.as_slice() {
                    [] => format!("by whom is not known: {reason}"),
                    who => format!("perhaps by {}", who.join(" or ")),
                }
            }
            None => "by others".to_owned(),
        };
        let next = match &self.again_at {
            Some(at) => format!("it is restored again from {at} on"),
            None => "it is left alone until somebody looks".to_owned(),
        };
        format!("{what} was restored {} times within an hour, and changed back each time {by}; {next}", self.times)
    }
}
