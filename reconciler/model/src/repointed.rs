//! Pointers that lead elsewhere than their pins say: drift of its own.
//!
//! Expected flow: declarations are held to their pins ([`crate::desired::Pins`]), whatever an alias or a tag leads to today. A
//! pin that leads elsewhere is drift at an address of its own, `prod/eu-west-1/pin/kms:alias/NAME`, without steps. The kind that
//! owns a pointer points it back where it can. The rest is for people, until they refresh the pins.

use std::collections::BTreeSet;

use serde_json::Value;

use crate::address::{Address, Scope};
use crate::alert::{self, Alert};
use crate::codes;
use crate::control::Control;
use crate::desired::{CONTENT, Pin, Wanted, key_of_lookup, members_of};
use crate::direction::Direction;
use crate::drift::{Change, Drift, FieldDrift};
use crate::plan::{Finding, Severity};
use crate::tree::Path;

/// What stands in the place of a kind in the addresses of pins.
pub const KIND: &str = "pin";

/// The name of the gap where Organizations did not say which accounts there are.
pub const ACCOUNTS: &str = "accounts";

/// The drift of one pointer of a scope that leads to `live`: an id, several of them, or nothing (`null`). `users` are the
/// addresses that rest on it.
pub fn drift<'a>(scope: &Scope, key: &str, pin: &Pin, live: Value, users: impl Iterator<Item = &'a Wanted>) -> Drift {
    let controls = users.flat_map(|one| one.declaration.controls.iter().cloned()).collect();
    drift_of(scope, key, pin, live, controls)
}

/// The same of what serves these controls.
pub(crate) fn drift_of(scope: &Scope, key: &str, pin: &Pin, live: Value, controls: BTreeSet<String>) -> Drift {
    let declared_at = pin.at.as_ref().map(ToString::to_string);
    let what = if key.starts_with(CONTENT) { "content" } else { "leadsTo" };
    let field = FieldDrift {
        path: Path::of([what]),
        live,
        want: Value::String(pin.value.clone()),
        direction: Direction::Weakened,
        declared_at: declared_at.clone(),
        kept: false,
        stays: false,
        waived: None,
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
        context: crate::drift::Context::default(),
    }
}

/// The drifts of accounts that left a pinned set, each at its own address, so that a second one is reported too. An account
/// that joins is no drift.
pub fn lost<'a>(
    scope: &Scope,
    key: &str,
    pin: &Pin,
    live: &str,
    users: impl Iterator<Item = &'a Wanted> + Clone,
) -> Vec<Drift> {
    let live = members_of(live);
    let lost = members_of(&pin.value).into_iter().filter(|id| !live.contains(id));
    let one = |id: &str| {
        let key = format!("{key}/{id}");
        let mut one = drift(scope, &key, pin, Value::Null, users.clone());
        one.fields.iter_mut().for_each(|field| field.want = Value::String(id.to_owned()));
        one
    };
    lost.map(one).collect()
}

/// The alerts of a pin whose look-up failed: those of a pin that leads elsewhere.
pub fn unseen(controls: &[Control], wanted: &[Wanted], scope: &Scope, key: &str) -> Vec<Alert> {
    if key == ACCOUNTS {
        let served: BTreeSet<&String> = wanted.iter().flat_map(|one| &one.declaration.controls).collect();
        return alert::as_urgent_as_the_worst(
            controls,
            &served.into_iter().cloned().collect::<Vec<_>>(),
            alert::REPOINTED,
        );
    }
    let is_here = |one: &&Wanted| one.account_id == scope.account_id && one.address.region == scope.region;
    let rests_on_it = |one: &&Wanted| one.pins.keys().any(|lookup| key_of_lookup(one, lookup) == key);
    let users = wanted.iter().filter(is_here).filter(rests_on_it);
    let served: BTreeSet<&String> = users.flat_map(|one| &one.declaration.controls).collect();
    alert::as_urgent_as_the_worst(controls, &served.into_iter().cloned().collect::<Vec<_>>(), alert::REPOINTED)
}

/// The alerts of a pin whose resource this tool made again: one for each control, to those who keep the pins.
pub fn stale(controls: &[Control], served: &[String]) -> Vec<Alert> {
    alert::tickets(controls, served, alert::REPOINTED)
}

/// That what policies say is held by nothing: whoever may write them gives a role what they like.
pub fn unheld(wanted: &Wanted) -> Option<Finding> {
    let policies = wanted.unheld_contents();
    (!policies.is_empty()).then(|| Finding {
        address: wanted.address.clone(),
        severity: Severity::Note,
        code: codes::CONTENT_NOT_HELD.to_owned(),
        detail: format!(
            "what {} says is not held: run `bedrock-reconciler pin`, or declare policyDocument",
            policies.join(", ")
        ),
        alerts: Vec::new(),
    })
}

/// The alerts of a pin that leads elsewhere. Whoever follows the pointer builds on another resource, so each control alerts
/// as urgently as for its worst live state.
pub fn alerts(controls: &[Control], drift: &Drift) -> Vec<Alert> {
    alert::as_urgent_as_the_worst(controls, &drift.controls, alert::REPOINTED)
}
