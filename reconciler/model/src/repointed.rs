//! Pointers that lead elsewhere than their pins say: drift of its own.
//!
//! Expected flow: declarations are held to what is pinned ([`crate::desired::Pins`]), whatever an alias or a tag leads to today;
//! that it leads elsewhere is told beside it, at an address of its own: `prod/eu-west-1/pin/kms:alias/NAME`. No step belongs to
//! it. What can be pointed back is pointed back by the kind that owns it; the rest is for people, until they refresh the pins.

use std::collections::BTreeSet;

use serde_json::Value;

use crate::address::{Address, Scope};
use crate::alert::{self, Alert};
use crate::control::Control;
use crate::desired::{Pin, Wanted};
use crate::direction::Direction;
use crate::drift::{Change, Drift, FieldDrift};
use crate::tree::Path;

/// What stands in the place of a kind in the addresses of pins.
pub const KIND: &str = "pin";

/// The drift of one pointer of a scope that leads to `live`: an id, several of them, or nothing (`null`). `users` are the
/// addresses that rest on it.
pub fn drift<'a>(scope: &Scope, key: &str, pin: &Pin, live: Value, users: impl Iterator<Item = &'a Wanted>) -> Drift {
    let controls: BTreeSet<String> = users.flat_map(|one| one.declaration.controls.iter().cloned()).collect();
    let declared_at = pin.at.as_ref().map(ToString::to_string);
    let field = FieldDrift {
        path: Path::of(["leadsTo"]),
        live,
        want: Value::String(pin.value.clone()),
        direction: Direction::Weakened,
        declared_at: declared_at.clone(),
        kept: false,
    };
    Drift {
        address: Address::new(scope, KIND, key),
        kind: KIND.to_owned(),
        account: scope.account.clone(),
        region: scope.region.clone(),
        name: key.to_owned(),
        change: Change::Changed,
        direction: Direction::Weakened,
        controls: controls.into_iter().collect(),
        fields: vec![field],
        declared_at,
        alerts: Vec::new(),
    }
}

/// Who has to know of it. What rests on the pointer would be rebuilt on something else by whoever follows it, so each control
/// is told as urgently as of the worst that its live state can show.
pub fn alerts(controls: &[Control], drift: &Drift) -> Vec<Alert> {
    alert::as_urgent_as_the_worst(controls, &drift.controls, alert::REPOINTED)
}
