//! What a kind of resource is to the rest of the program.
//!
//! Expected flow: a typed normal form (`Spec`) is deserialised from both origins by [`normalise_as`], and serialised back
//! into the tree that is compared. A kind adds the directions of its fields, the limits of the service, and the steps
//! that turn live into desired.

use std::collections::BTreeSet;

use schemars::Schema;
use serde_json::Value;

use crate::address::{Scope, ScopeKind};
use crate::cause::Cause;
use crate::control::QuerySource;
use crate::diagnostic::Problem;
use crate::direction::Direction;
use crate::history::Event;
use crate::inventory::Sighting;
use crate::plan::{Call, Proposal};
use crate::tree::{self, Difference, Path};

mod normal_form;

pub use normal_form::{Normalised, Origin, at, normalise_as};

/// What a kind may look at when it proposes steps.
#[derive(Debug)]
pub struct Situation<'a> {
    /// The resource as it is; `None` when it is known to be absent.
    pub live: Option<&'a Sighting>,
    /// The tree to reach: what is declared, with live values kept where they are stronger and may not be weakened.
    pub target: &'a Value,
    /// The paths that differ between live and target.
    pub differs: &'a [Path],
    /// The name of the resource.
    pub name: &'a str,
    /// Whether versions that nothing is known to refer to may be deleted to make room.
    pub may_delete_versions: bool,
    /// What the edge read in the scope beside the resources of the kind, or what it found out about what the target refers
    /// to; `null` where it reads nothing else.
    pub surroundings: &'a Value,
}

impl Situation<'_> {
    /// Whether any difference lies below the top-level member `head`.
    pub fn differs_in(&self, head: &str) -> bool {
        self.differs.iter().any(|path| path.head() == Some(head))
    }
}

/// Where a resource lives, as ARNs say it.
#[derive(Debug, Clone, Copy)]
pub struct Place<'a> {
    /// `aws`, `aws-cn`, `aws-us-gov`.
    pub partition: &'a str,
    /// The region; that of a kind without one is left out of ARNs.
    pub region: &'a str,
    /// The twelve digits of the account.
    pub account_id: &'a str,
}

/// A kind of resource. Everything here is pure; the calls to AWS are made by the kind's edge.
pub trait Kind: Send + Sync {
    /// The name that declarations use.
    fn name(&self) -> &'static str;

    /// One sentence on what the kind is, for the schema and the documentation.
    fn about(&self) -> &'static str;

    /// The place that it lives in.
    fn scope(&self) -> ScopeKind;

    /// The stage of the restore order (kinds/README.md, Order of restores): lower stages are restored first.
    fn stage(&self) -> u8;

    /// For a kind of which a scope has exactly one: the name that it always has.
    fn singleton(&self) -> Option<&'static str> {
        None
    }

    /// Whether names differ from scope to scope, so that a declaration's name may hold `${account.id}`, `${account.name}`,
    /// `${region}` and `${partition}`: the names of buckets are one namespace for the whole world.
    fn name_varies(&self) -> bool {
        false
    }

    /// The natural key of the list at `path`.
    fn key_of(&self) -> tree::KeyOf;

    /// Top-level members that are managed element by element: elements that a declaration does not name are left alone.
    fn merged(&self) -> &'static [&'static str] {
        &[]
    }

    /// Top-level members that are reported in one piece when live lacks them.
    fn whole(&self) -> &'static [&'static str] {
        &[]
    }

    /// The elements of a declared tree that it leaves to others: whether they are there and what they hold is neither compared
    /// nor changed.
    fn left_alone(&self, _want: &Value) -> Vec<Path> {
        Vec::new()
    }

    /// Where policy documents sit in the tree, member by member; [`ANY`](crate::documents::ANY) stands for any element.
    ///
    /// They are compared by what they say (see [`crate::documents`]). `key_of` gives `Sid` for the `Statement` of each.
    fn policies(&self) -> &'static [&'static [&'static str]] {
        &[]
    }

    /// The direction of a difference inside a policy document, from what is proved of the document alone.
    ///
    /// A kind answers otherwise where a control depends on what a document grants: a delivery role that may do less does
    /// not protect more, it delivers nothing.
    fn document_direction(&self, _path: &Path, proved: Direction) -> Direction {
        proved
    }

    /// Whether what is at `path` is one difference where one side lacks it: an element whose members mean nothing alone.
    fn is_whole(&self, path: &Path) -> bool {
        path.segments().len() == 1 && path.head().is_some_and(|head| self.whole().contains(&head))
    }

    /// Takes out of the managed part of a live tree what others own beside what is wanted: statements that a service adds
    /// to a policy by itself, settings within a member that are left alone unless they are mentioned. The steps carry it.
    fn leave_out(&self, _managed: &mut Value, _live: &Value, _want: &Value) {}

    /// Request-side names of members, with the GET-side name that a declaration uses.
    fn request_side_names(&self) -> &'static [(&'static str, &'static str)] {
        &[]
    }

    /// The JSON Schema of a declaration's spec.
    fn schema(&self) -> Schema;

    /// Brings a spec into normal form.
    fn normalise(&self, spec: &Value, origin: Origin) -> Normalised;

    /// The declaration's spec for a live tree: what `export` prints.
    fn declare(&self, live: &Value) -> Value {
        tree::listed(live, self.key_of())
    }

    /// Why a live resource may not be declared as it is; `None` where it may. What is about to go would be kept by its declaration.
    fn why_not_declared(&self, _live: &Sighting) -> Option<String> {
        None
    }

    /// What is wrong with the name.
    fn check_name(&self, _name: &str) -> Option<String> {
        None
    }

    /// What the service would reject in a declared tree: limits, tiers, contradictions. Called before any write.
    fn check(&self, tree: &Value) -> Vec<Problem>;

    /// What the service would, or may, reject in a tree that keeps stronger live values, with what is not declared as it is in
    /// live: what has a problem here that the declaration does not have is not kept. A kind adds to [`Kind::check`] the limits that it does not hold declarations to.
    fn check_target(&self, tree: &Value) -> Vec<Problem> {
        self.check(tree)
    }

    /// The direction of one difference.
    fn direction(&self, path: &Path, live: Option<&Value>, want: Option<&Value>) -> Direction;

    /// The direction of a difference in sight of the whole live resource; `found` is what is said of the difference alone.
    fn direction_of(&self, _live: &Sighting, _difference: &Difference, found: Direction) -> Direction {
        found
    }

    /// Differences that cannot be called drift, with the reason; they become findings.
    ///
    /// For what a service does not report: see each kind.
    fn unobservable(&self, _path: &Path, _live: Option<&Value>, _want: Option<&Value>) -> Option<&'static str> {
        None
    }

    /// Whether a live value at `path` that is stronger than the declared one has anything to protect.
    ///
    /// Where it has not, the declared value is put back like any other: a restore that was cut off between two calls leaves
    /// such values behind.
    fn protects(&self, _live: &Sighting, _path: &Path) -> bool {
        true
    }

    /// What only the live resource knows, and others may refer to with `${ref:KIND/NAME.OUTPUT}`: ids, ARNs, numbers that
    /// the service gives. A declared field of the same name wins.
    fn outputs(&self) -> &'static [&'static str] {
        &[]
    }

    /// One of the [`Kind::outputs`] of a live resource; `None` while it has none.
    fn output(&self, _sighting: &Sighting, _name: &str) -> Option<String> {
        None
    }

    /// The top-level member whose drift says that steps are about to change this output: a weak version is the newest one only
    /// until the restored one is published. What refers to the output waits until the member is as declared.
    fn output_follows(&self, _name: &str) -> Option<&'static str> {
        None
    }

    /// What it means that something refers to `value` instead of to what the output is today: another version, say. `want` is the
    /// tree that is declared for the resource. Neutral or strengthened is as good; `None` where that is not known.
    fn output_direction(&self, _live: &Sighting, _want: &Value, _output: &str, _value: &str) -> Option<Direction> {
        None
    }

    /// The log group that a resource has its records written to, and which records these are: its name, or its ARN.
    fn log_group_of(&self, _tree: &Value) -> Option<(QuerySource, String)> {
        None
    }

    /// Which events of CloudTrail can have changed a resource of this kind. All of them: of a drift that an event has caused
    /// which is not in the table, nobody or the wrong one is told.
    fn causes(&self) -> &'static [Cause] {
        &[]
    }

    /// Whether an event that makes a resource has made the one of this name.
    fn is_made_by(&self, name: &str, cause: &Cause, event: &Event, _surroundings: &Value) -> bool {
        cause.named_as.and_then(|pointer| event.at(pointer)).and_then(Value::as_str) == Some(name)
    }

    /// What the history calls an element of a member, where that is not its key in the tree: the id of a unit, say.
    fn element_ids(&self, _element: &str, _live: Option<&Sighting>, _surroundings: &Value) -> Vec<String> {
        Vec::new()
    }

    /// The ARNs by which policies of the caller may name what a call writes to; `*` where the action knows no resource.
    ///
    /// A call that is denied for each of them is refused beforehand. So all of them are needed, and none where that cannot be
    /// said: where the resource's own policy may allow what the caller's does not mention, such as that of a key.
    fn arns(&self, _call: &Call, _place: &Place<'_>, _name: &str, _live: Option<&Sighting>) -> Vec<String> {
        Vec::new()
    }

    /// The key by which a look-up in the declaration of `name` is asked for, where the name narrows what it may find: a subnet
    /// is looked for in the VPC of its endpoint.
    fn looked_up_as(&self, _name: &str, _source: &str, key: &str) -> String {
        key.to_owned()
    }

    /// The ARN of the role that a call hands to a service: the caller needs `iam:PassRole` on it.
    fn passes<'c>(&self, _call: &'c Call) -> Option<&'c str> {
        None
    }

    /// What has to be known of a live resource that is no drift, because there is nothing to restore: code and sentence. It is told
    /// in every plan, in sync or not, for as long as it is so.
    fn notes_beside(&self, _live: &Sighting, _want: &Value) -> Vec<(&'static str, String)> {
        Vec::new()
    }

    /// Which resource this is and what its newest version is, in one word: what is published next takes the place of that one.
    fn version_of(&self, _live: &Sighting) -> Option<String> {
        None
    }

    /// What beside the state of a resource protects less than `want`, can be changed by no step, and came after what `known` is of:
    /// a version that somebody published between two good ones, say. It is drift until people remove it.
    fn unknown_beside(
        &self,
        _live: &Sighting,
        _want: &Value,
        _known: KnownVersions<'_>,
    ) -> Vec<(Difference, Direction)> {
        Vec::new()
    }

    /// How many settled reads in a row must show a promise before it is believed.
    fn settled_reads(&self) -> u32 {
        1
    }

    /// What of a resource is pinned beside the look-ups of its declaration, because others may let it lead elsewhere.
    fn pinned_as(&self) -> Option<PinnedAs> {
        None
    }

    /// What a pin of the name holds of the resource that this handle is of; `None` where names are not pinned, or cannot be taken
    /// over by another resource.
    fn id_of(&self, _handle: &Value) -> Option<String> {
        None
    }

    /// The kind whose names its own are: the policy of a guardrail has the name of the guardrail, and its pin.
    fn named_after(&self) -> Option<&'static str> {
        None
    }

    /// An output as the pin of the name tells it, where the resource is not there: what refers to it is compared with what it
    /// referred to, for as long as there is nothing in its place.
    fn pinned_output(&self, _scope: &Scope, _pinned: &str, _output: &str) -> Option<String> {
        None
    }

    /// Adds to a declared tree what a pin says: that the name leads to what it led to.
    fn hold_to(&self, _want: &mut Value, _name: &str, _pinned: &str) {}

    /// Whether a difference at `path` says that the name leads to another resource than the pinned one, or the pinned one lost it.
    /// It alerts like a pin that leads elsewhere.
    fn leads_elsewhere(&self, _path: &Path) -> bool {
        false
    }

    /// The part of a live resource that nobody declared which is held against a floor: of a role's trust, what lets Bedrock in.
    fn held_to_floor(&self, live: &Value) -> Value {
        live.clone()
    }

    /// The floor of such a resource, where it counts for more than one part of it: for what is published too.
    fn floor_for(&self, floor: &Value, _live: &Value) -> Value {
        floor.clone()
    }

    /// The steps that turn live into the target, and what stands in their way.
    fn steps(&self, situation: &Situation<'_>) -> Proposal;
}

/// How far the older versions of a resource are known.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct KnownVersions<'a> {
    /// What the file of pins says of it; `None` where it says nothing, so that nothing is held to it.
    pub pinned: Option<&'a str>,
    /// Versions that this tool published another one after, as [`Kind::version_of`] calls them: whoever was told of what it
    /// restored was told of these.
    pub replaced: Option<&'a BTreeSet<String>>,
}

/// What the file of pins holds of a resource beside its look-ups ([`crate::desired::Pins`]).
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum PinnedAs {
    /// What its name leads to; this stands before the name in the file. The key behind an alias, the guardrail behind a name.
    Name(&'static str),
    /// As [`PinnedAs::Name`], and with it the newest version that it had: what comes later and protects less is drift.
    NameAndVersions(&'static str),
    /// The network that it is in: what its name has before the last `/`, unless that is an id. What is looked up in that network
    /// is pinned within it.
    Network,
    /// The unit that each element of this list of the spec names, and the accounts that are below it.
    Reach(&'static str),
    /// Members that not every region answers, and that this one does: their absence is drift from then on.
    Answers,
    /// The contents of policies that these members of the spec, an element or a list of them, name by this member of it and do
    /// not declare.
    Contents(&'static [(&'static str, &'static str)]),
}

impl PinnedAs {
    /// What stands before a name that is pinned.
    pub fn name_prefix(self) -> Option<&'static str> {
        match self {
            Self::Name(prefix) | Self::NameAndVersions(prefix) => Some(prefix),
            _ => None,
        }
    }
}
