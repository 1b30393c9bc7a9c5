//! What a kind of resource is to the rest of the program.
//!
//! Expected flow: a typed normal form (`Spec`) is deserialised from both origins by [`normalise_as`], and serialised back
//! into the tree that is compared. What is constant of a kind is a table ([`Contract`]), and what is constant of a member is said
//! at that member of the spec ([`Fields`]). A kind adds the limits of the service, and the steps that turn live into desired.

use std::collections::BTreeSet;

use serde_json::Value;

use crate::diagnostic::Problem;
use crate::direction::Direction;
use crate::inventory::ObservedResource;
use crate::plan::{Call, Proposal};
use crate::tree::{self, Difference, Path};

mod contract;
mod fields;
pub mod members;
mod normal_form;

pub use contract::{Adopted, Contract, Identity, Output, TypedSpec};
pub use fields::{Fields, NO_FIELDS};
pub use normal_form::{Normalised, Origin, at, normalise_as};

/// What a kind may look at when it proposes steps.
#[derive(Debug)]
pub struct Situation<'a> {
    /// The resource as it is; `None` when it is known to be absent.
    pub live: Option<&'a ObservedResource>,
    /// The tree to reach: what is declared, with live values kept where they are stronger and may not be weakened.
    pub target: &'a Value,
    /// The paths that differ between live and target.
    pub differs: &'a [Path],
    /// The name of the resource.
    pub name: &'a str,
    /// The region that it is in, or is to be made in.
    pub region: &'a str,
    /// Whether versions that nothing is known to refer to may be deleted to make room.
    pub may_delete_versions: bool,
    /// The scope context that the client read beside the resources of the kind, or what it read of the targets of
    /// references; `null` where there is none.
    pub scope_context: &'a Value,
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

/// A kind of resource: a table of what is constant, and this behaviour. Everything here is pure; the calls to AWS are made by the
/// kind's resource client.
pub trait Kind: Send + Sync {
    /// What is constant about the kind.
    fn contract(&self) -> &'static Contract;

    /// The name that declarations use.
    fn name(&self) -> &'static str {
        self.contract().name
    }

    /// Brings a spec into normal form.
    fn normalise(&self, spec: &Value, origin: Origin) -> Normalised;

    /// The declaration's spec for a live tree: what `export` prints.
    ///
    /// # Errors
    /// Says why the resource must not be declared as it is: a declaration would keep a resource that is about to be
    /// deleted.
    fn declare(&self, live: &Value) -> Result<Value, String> {
        Ok(tree::listed(live, self.contract().list_keys()))
    }

    /// What the service would reject in a declared tree: limits, tiers, contradictions. Called before any write.
    fn check(&self, tree: &Value) -> Vec<Problem>;

    /// What the service would, or may, reject in a tree that keeps stronger and undeclared live values. A kept value with a problem that
    /// the declaration does not have is not kept. A kind adds to [`Kind::check`] the limits that it does not hold declarations to.
    fn check_target(&self, tree: &Value) -> Vec<Problem> {
        self.check(tree)
    }

    /// Removes from the managed part of a live tree what others own: statements that a service adds to a policy by
    /// itself, and settings that are managed only if they are mentioned. The steps carry them.
    fn leave_out(&self, _managed: &mut Value, _live: &Value, _want: &Value) {}

    /// The direction of one difference. Most are said at the member of the spec ([`Fields`]); a kind answers for the others.
    fn direction(&self, path: &Path, live: Option<&Value>, want: Option<&Value>) -> Direction {
        self.contract().direction(path, live, want)
    }

    /// The direction of a difference, given the whole live resource; `found` is the direction of the difference alone.
    fn direction_of(&self, _live: &ObservedResource, _difference: &Difference, found: Direction) -> Direction {
        found
    }

    /// Whether a live value at `path` that is stronger than the declared one has anything to protect.
    ///
    /// Where it has nothing, the declared value is put back. A restore that was cut off between two calls leaves such
    /// values behind.
    fn protects(&self, _live: &ObservedResource, _path: &Path) -> bool {
        true
    }

    /// One of the [outputs](Contract::outputs) of a live resource; `None` while it has none. Most are members of the
    /// external id.
    fn output(&self, observed: &ObservedResource, name: &str) -> Option<String> {
        observed.external_id.get(name)?.as_str().map(str::to_owned)
    }

    /// The ARNs by which policies of the caller may name what a call writes to; `*` where the action knows no resource.
    ///
    /// A call that is denied for each of them is refused before it is sent. So the list must be complete. It is empty where
    /// the resource's own policy may allow the call, as that of a key may.
    fn arns(&self, _call: &Call, _place: &Place<'_>, _name: &str, _live: Option<&ObservedResource>) -> Vec<String> {
        Vec::new()
    }

    /// Notes on a live resource that are no drift, because nothing can be restored: code and sentence. Every plan has them, in sync
    /// or not.
    fn notes_beside(&self, _live: &ObservedResource, _want: &Value) -> Vec<(&'static str, String)> {
        Vec::new()
    }

    /// The part of a live resource that nobody declared which is held against a floor: of a role's trust, what lets Bedrock in.
    fn held_to_floor(&self, live: &Value) -> Value {
        live.clone()
    }

    /// Whether a live resource has to do with Bedrock by itself, whatever names it.
    fn is_of_bedrock(&self, _live: &ObservedResource) -> bool {
        self.contract().adopted != Adopted::WhereNamed
    }

    /// Whether one in any region of an account does for all its regions.
    fn is_of_every_region(&self, _live: &ObservedResource) -> bool {
        false
    }

    /// What is published of a resource beside its present state, for a kind that has versions.
    fn versions(&self) -> Option<&dyn Versions> {
        None
    }

    /// The steps that turn live into the target, and what stands in their way.
    fn steps(&self, situation: &Situation<'_>) -> Proposal;
}

/// Versions of a resource, which never change and which callers name: those of guardrails, prompts, flows and agents.
pub trait Versions: Send + Sync {
    /// The resource and its newest version, in one word. The next published version replaces that one.
    fn newest(&self, live: &ObservedResource) -> Option<String>;

    /// Differences beside the state of a resource that protect less than `want`, that no step can change, and that are newer than
    /// `known`: a version that somebody published between two good ones, for example. They are drift until people remove them.
    fn unknown(&self, live: &ObservedResource, want: &Value, known: KnownVersions<'_>) -> Vec<(Difference, Direction)>;

    /// The direction of a reference to `value` instead of to the present output, such as another version. `want` is the tree that
    /// is declared for the resource. Neutral or strengthened is as good; `None` where that is not known.
    fn direction(&self, live: &ObservedResource, want: &Value, output: &str, value: &str) -> Option<Direction>;
}

/// How far the older versions of a resource are known.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct KnownVersions<'a> {
    /// What the file of pins says of it; `None` where it says nothing, so that nothing is held to it.
    pub pinned: Option<&'a str>,
    /// Versions that this tool replaced, as [`Versions::newest`] calls them. They were reported with the restore.
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
