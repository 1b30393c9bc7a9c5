//! The difference between live and desired, field by field, with its direction.

use std::borrow::Cow;
use std::collections::BTreeMap;
use std::sync::Arc;

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use serde_json::{Map, Value};

use crate::address::Address;
use crate::alert::Alert;
use crate::desired::{Terms, Waiver, Wanted, WhenStronger};
use crate::diagnostic::Place;
use crate::direction::Direction;
use crate::documents;
use crate::inventory::ObservedResource;
use crate::kept::{self, Found};
use crate::kind::Kind;
use crate::tree::{self, Difference, Path};

/// How an address differs as a whole.
#[derive(Debug, Clone, Copy, PartialEq, Eq, JsonSchema, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Change {
    /// It is declared, and known to be absent.
    Missing,
    /// It is declared and absent, and nobody ever saw it: see [`crate::first_seen`].
    New,
    /// It is there, and differs.
    Changed,
    /// It is there, and must not be.
    Unexpected,
}

/// One field that differs. A part of the JSON contract.
#[derive(Debug, Clone, PartialEq, JsonSchema, Serialize, Deserialize)]
pub struct FieldDrift {
    /// Where in the resource.
    pub path: Path,
    /// The live value; `null` when absent.
    pub live: Value,
    /// The desired value; `null` when it must be absent.
    pub want: Value,
    /// Whether live protects less or more.
    pub direction: Direction,
    /// `file:line:column` of the declaration of this field, or of the nearest thing above it.
    pub declared_at: Option<String>,
    /// Whether the live value is kept although it differs: it is stronger, or waived.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub kept: bool,
    /// Whether no step can change it, because it stands beside the state: an older version. People end it.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub stays: bool,
    /// The waiver that covers it, so that the live value is kept.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub waived: Option<Terms>,
}

/// One address that differs. A part of the JSON contract.
#[derive(Debug, Clone, PartialEq, JsonSchema, Serialize, Deserialize)]
pub struct Drift {
    /// The address.
    pub address: Address,
    /// Its kind.
    pub kind: String,
    /// The account's name.
    pub account: String,
    /// The region.
    pub region: String,
    /// The resource's name.
    pub name: String,
    /// How it differs as a whole.
    pub change: Change,
    /// The direction of the whole.
    pub direction: Direction,
    /// The controls that the declaration serves.
    pub controls: Vec<String>,
    /// The fields that differ; empty when the resource is missing.
    pub fields: Vec<FieldDrift>,
    /// `file:line:column` of the declaration.
    pub declared_at: Option<String>,
    /// Who has to know, and how soon: the most urgent first. Empty where it serves no control.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub alerts: Vec<Alert>,
    /// What people need to read it.
    #[serde(default, skip_serializing_if = "Context::is_empty")]
    pub context: Context,
}

/// What people need beside the differences to read them. Nothing is decided by it. A part of the JSON contract.
#[derive(Debug, Clone, Default, PartialEq, JsonSchema, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Context {
    /// What is declared of a missing resource, whole; `null` of any other.
    #[serde(skip_serializing_if = "Value::is_null")]
    pub declared: Value,
    /// How many addresses its declaration makes, as far as the plan looked at them.
    #[serde(skip_serializing_if = "is_zero")]
    pub places: usize,
    /// What statements say that have no name of their own, by their path.
    #[serde(skip_serializing_if = "BTreeMap::is_empty")]
    pub says: BTreeMap<Path, String>,
}

impl Context {
    fn is_empty(&self) -> bool {
        *self == Self::default()
    }
}

#[expect(clippy::trivially_copy_pass_by_ref, reason = "serde passes references")]
fn is_zero(count: &usize) -> bool {
    *count == 0
}

impl Drift {
    /// The same without what is waived.
    #[must_use]
    pub fn without_waived(&self) -> Self {
        let fields = self.fields.iter().filter(|field| field.waived.is_none()).cloned().collect();
        Self { fields, ..self.clone() }
    }

    /// Whether something of it is waived.
    pub fn is_waived_in_part(&self) -> bool {
        self.fields.iter().any(|field| field.waived.is_some())
    }

    /// Whether the difference at a path took protection away, or may have; of a path that is no field of it, whether the
    /// whole has.
    pub fn weakens(&self, path: &Path) -> bool {
        let field = self.fields.iter().find(|field| field.path == *path);
        let direction = field.map_or(self.direction, |field| field.direction);
        matches!(direction, Direction::Weakened | Direction::Unknown)
    }

    /// Whether all that differs is kept, because it is stronger than declared or waived, so that nothing is to be done.
    pub fn is_kept(&self) -> bool {
        self.change == Change::Changed && !self.fields.is_empty() && self.fields.iter().all(|field| field.kept)
    }
}

/// What comparing one address gave.
#[derive(Debug, Clone, PartialEq)]
pub struct Comparison<'a> {
    /// The drift; `None` when in sync.
    pub drift: Option<Drift>,
    /// The tree to reach: desired, with what is stronger in live kept.
    pub target: Cow<'a, Value>,
    /// The paths at which live and target differ.
    pub differs: Vec<Path>,
    /// Differences that the kind says cannot be observed here: path and reason.
    pub unobservable: Vec<(Path, &'static str)>,
}

impl Comparison<'_> {
    /// The same, with a target of its own.
    pub fn into_owned(self) -> Comparison<'static> {
        Comparison { target: Cow::Owned(self.target.into_owned()), ..self }
    }
}

/// The drift of what is wanted, of which nobody was told yet.
pub fn of(wanted: &Wanted, change: Change, direction: Direction, fields: Vec<FieldDrift>) -> Drift {
    Drift {
        address: wanted.address.clone(),
        kind: wanted.address.kind.clone(),
        account: wanted.address.account.clone(),
        region: wanted.address.region.clone(),
        name: wanted.address.name.clone(),
        change,
        direction,
        controls: wanted.declaration.controls.clone(),
        fields,
        declared_at: Some(wanted.declaration.at.to_string()),
        alerts: Vec::new(),
        context: Context::default(),
    }
}

/// Adds what stands beside the state, protects less, and can be changed by no step.
pub(crate) fn add_beside(comparison: &mut Comparison<'_>, wanted: &Wanted, beside: Vec<(Difference, Direction)>) {
    if beside.is_empty() {
        return;
    }
    let drift = comparison.drift.get_or_insert_with(|| of(wanted, Change::Changed, Direction::Neutral, Vec::new()));
    drift.fields.extend(beside.into_iter().map(|(Difference { path, left, right }, direction)| FieldDrift {
        live: left.unwrap_or_default(),
        want: right.unwrap_or_default(),
        direction,
        declared_at: wanted.declaration.place_of(&path).map(|place| place.to_string()),
        path,
        kept: false,
        stays: true,
        waived: None,
    }));
    drift.direction = of_unwaived(&drift.fields);
}

/// Compares what is wanted with what was seen; `live` is `None` only when the address is known to be absent.
pub fn compare<'a>(
    kind: &dyn Kind,
    wanted: &Wanted,
    want: &'a Value,
    live: Option<&ObservedResource>,
) -> Comparison<'a> {
    let drift = |change, direction, fields| of(wanted, change, direction, fields);
    let Some(live) = live else {
        return Comparison {
            drift: Some(Drift {
                context: Context { declared: want.clone(), ..Context::default() },
                ..drift(Change::Missing, Direction::Weakened, Vec::new())
            }),
            target: Cow::Borrowed(want),
            differs: vec![Path::root()],
            unobservable: Vec::new(),
        };
    };
    let want = knowable(want, live);
    // Most resources are as declared, and nothing of them has to be copied to see that.
    if has_all_of(kind, &live.tree, &want) {
        return Comparison { drift: None, target: want, differs: Vec::new(), unobservable: Vec::new() };
    }
    let want = &*want;
    let managed = managed_part(kind, &live.tree, want);
    let compared = documents::compare(kind, managed, want);
    let mut directions = compared.directions(kind);
    for (difference, direction) in compared.differences.iter().zip(&mut directions) {
        *direction = kind.direction_of(live, difference, *direction);
    }
    let may_keep = wanted.declaration.when_stronger == WhenStronger::Report;
    let mut unobservable = Vec::new();
    let mut found = Vec::new();
    for (difference, direction) in compared.differences.iter().zip(directions) {
        let Difference { path, left, right } = difference;
        let is_answered = path.head().is_some_and(|member| wanted.answered.contains(member));
        if let Some(reason) = kind.contract().unobservable(path, left.as_ref(), right.as_ref()).filter(|_| !is_answered)
        {
            unobservable.push((path.clone(), reason));
            continue;
        }
        let keep = direction == Direction::Strengthened && may_keep && kind.protects(live, path);
        found.push(Found { difference: difference.clone(), direction, keep });
    }
    let says = documents::unnamed(kind, &compared);
    let mut target = kept::settle(kind, &live.tree, want, compared.right, &mut found);
    // What somebody answers for is neither proved nor put back.
    let terms: Vec<Option<Terms>> = found.iter().map(|one| waived(kind, wanted, live, one)).collect();
    for (one, _) in found.iter().zip(&terms).filter(|(_, terms)| terms.is_some()) {
        tree::set(&mut target, &one.difference.path, one.difference.left.clone());
    }
    let fields: Vec<FieldDrift> = found
        .into_iter()
        .zip(terms)
        .map(|(Found { difference: Difference { path, left, right }, direction, keep }, waived)| FieldDrift {
            declared_at: wanted.declaration.place_of(&path).map(|place: Place| place.to_string()),
            live: left.unwrap_or(Value::Null),
            want: right.unwrap_or(Value::Null),
            path,
            direction,
            kept: keep || waived.is_some(),
            stays: false,
            waived,
        })
        .collect();
    let differs = fields.iter().filter(|field| !field.kept).map(|field| field.path.clone()).collect();
    let direction = of_unwaived(&fields);
    Comparison {
        target: Cow::Owned(target),
        drift: (!fields.is_empty()).then(|| Drift {
            context: Context { says, ..Context::default() },
            ..drift(Change::Changed, direction, fields)
        }),
        differs,
        unobservable,
    }
}

/// The direction of a whole resource: what is waived does not count.
pub(crate) fn of_unwaived(fields: &[FieldDrift]) -> Direction {
    Direction::of_all(fields.iter().filter(|field| field.waived.is_none()).map(|field| field.direction))
}

/// The terms of the waiver that covers a difference.
fn waived(
    kind: &dyn Kind,
    wanted: &Wanted,
    live: &ObservedResource,
    Found { difference, keep, .. }: &Found,
) -> Option<Terms> {
    let holds = |waiver: &&Arc<Waiver>| {
        !waiver.is_expired
            && waiver.is_at(kind, &difference.path)
            && waiver.covers(kind, live, difference.left.as_ref())
    };
    wanted.waivers.iter().find(holds).filter(|_| !keep).map(|waiver| waiver.terms.clone())
}

/// Whether every member of a wanted tree is there, and the same; of granular members, every element that is named.
fn has_all_of(kind: &dyn Kind, live: &Value, want: &Value) -> bool {
    let all = |live: &Value, members: &Map<String, Value>, same: &dyn Fn(&str, &Value, &Value) -> bool| {
        members.iter().all(|(name, member)| same(name, live.get(name).unwrap_or(&Value::Null), member))
    };
    let equal = |_: &str, live: &Value, want: &Value| live == want;
    let has = |name: &str, live: &Value, want: &Value| {
        let is_granular = || kind.contract().fields().granular().any(|member| member == name);
        match (live, want) {
            (live, want) if live == want => true,
            // An object that is there, empty or not, is no `null`, whatever is in it.
            (Value::Object(_), Value::Object(named)) if is_granular() => all(live, named, &equal),
            _ => false,
        }
    };
    want.as_object().is_some_and(|members| all(live, members, &has))
}

/// What is wanted, without the members of the live resource that could not be read: like members that are not declared, they
/// are neither compared nor changed. The gap that each of them is says so.
pub fn knowable<'a>(want: &'a Value, live: &ObservedResource) -> Cow<'a, Value> {
    if live.unread.is_empty() {
        return Cow::Borrowed(want);
    }
    let mut want = want.clone();
    if let Some(members) = want.as_object_mut() {
        members.retain(|name, _| !live.unread.contains_key(name));
    }
    Cow::Owned(want)
}

/// The part of a live tree that `want` manages: its top-level members, and of granular members only the named elements. What
/// it leaves to others is as it wants it.
pub fn managed_part(kind: &dyn Kind, live: &Value, want: &Value) -> Value {
    let mut managed = tree::restricted(live, want);
    for member in kind.contract().fields().granular() {
        if let (Some(live), Some(want)) = (managed.get_mut(member).and_then(Value::as_object_mut), want.get(member)) {
            live.retain(|name, _| want.get(name).is_some());
        }
    }
    for path in kind.contract().ignored(want) {
        tree::set(&mut managed, &path, tree::get(want, &path).cloned());
    }
    kind.leave_out(&mut managed, live, want);
    managed
}
