//! What is constant about a kind, as one table.

use schemars::Schema;
use serde_json::Value;

use super::{Fields, NO_FIELDS, PinnedAs};
use crate::address::{Scope, ScopeKind};
use crate::attribution::trail_events::TrailEvent;
use crate::control::QuerySource;
use crate::direction::Direction;
use crate::inventory::ObservedResource;
use crate::tree::{ListKeys, Path};

/// What is constant about a kind. A kind is this table, its typed spec, and the behaviour of [`Kind`](super::Kind).
#[derive(Clone, Copy)]
pub struct Contract {
    /// The name that declarations use.
    pub name: &'static str,
    /// One sentence on what the kind is, for the schema and the documentation.
    pub about: &'static str,
    /// The place that it lives in.
    pub scope: ScopeKind,
    /// The stage of the restore order (kinds/README.md, Order of restores): lower stages are restored first.
    pub stage: u8,
    /// For a kind of which a scope has exactly one: the name that it always has.
    pub singleton: Option<&'static str>,
    /// Whether names differ from scope to scope, so that a declaration's name may hold `${account.id}`, `${account.name}`,
    /// `${region}` and `${partition}`: the names of buckets are one namespace for the whole world.
    pub name_varies: bool,
    /// What is wrong with a name.
    pub check_name: fn(&str) -> Option<String>,
    /// The typed normal form of a spec: [`typed_spec!`](crate::typed_spec).
    pub spec: TypedSpec,
    /// Request-side names of members, with the GET-side name that a declaration uses.
    pub request_side_names: &'static [(&'static str, &'static str)],
    /// Top-level hints of a declaration on how to write. They are neither compared nor changed.
    pub hints: &'static [&'static str],
    /// The member by which an element says that others manage it: it is neither compared nor changed.
    pub elsewhere: Option<&'static str>,
    /// Whether the control depends on what the kind's policy documents grant, so that one which allows less does not protect
    /// more: a delivery role that may do less delivers nothing.
    pub documents_grant: bool,
    /// What only the live resource knows, and others may refer to.
    pub outputs: &'static [Output],
    /// Where the tree says which log group a resource has its records written to, by name or ARN, and which records these are.
    pub records: Option<(QuerySource, &'static str)>,
    /// The member of the tree that holds the content of the newest published version, for kinds that have versions
    /// ([`Versions`](super::Versions)).
    pub published: Option<&'static str>,
    /// Which events of CloudTrail can have changed a resource of this kind. The table must be complete: for an event that is
    /// missing, attribution names nobody or the wrong actor.
    pub trail_events: &'static [TrailEvent],
    /// What the history calls an element of a member, where that is not its key in the tree: the id of a unit, say.
    pub element_ids: fn(&str, Option<&ObservedResource>, &Value) -> Vec<String>,
    /// Where requests name the role that they hand to a service: the caller needs `iam:PassRole` on it.
    pub passes: &'static [&'static str],
    /// The actions that the caller needs to read it.
    pub to_read: &'static [&'static str],
    /// The actions that the caller needs to restore it, but for those that only some declarations need.
    pub to_restore: &'static [&'static str],
    /// How what is there is taken over.
    pub adopted: Adopted,
    /// The key of a look-up, where the name of the declaration narrows it: a subnet is looked for in the VPC of its endpoint.
    pub looked_up_as: fn(name: &str, source: &str, key: &str) -> String,
    /// How many settled reads in a row must show the expected state before a step is verified.
    pub settled_reads: u32,
    /// What of a resource is pinned beside the look-ups of its declaration, because others may let it lead elsewhere.
    pub pinned_as: Option<PinnedAs>,
    /// How a name is held to what it led to.
    pub identity: Option<Identity>,
    /// The kind whose names its own are: the policy of a guardrail has the name of the guardrail, and its pin.
    pub named_after: Option<&'static str>,
}

/// How what is there of a kind is taken over by somebody who has declared nothing yet.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Adopted {
    /// Whatever is there; that nothing is there is told.
    Always,
    /// The same, but a control may hold without it.
    WhereThere,
    /// Where something else that is taken names it, or where it has to do with Bedrock by itself
    /// ([`Kind::is_of_bedrock`](super::Kind::is_of_bedrock)): an account has many that no control is about.
    WhereNamed,
}

/// The typed normal form of a kind's spec, without its type.
#[derive(Clone, Copy)]
pub struct TypedSpec {
    /// The JSON Schema of a declaration's spec.
    pub schema: fn() -> Schema,
    /// What the schema says of its members, read once.
    pub fields: fn() -> &'static Fields,
}

/// The [`TypedSpec`] of a type; with a second argument, what it says of its members holds of those below that
/// member too.
#[macro_export]
macro_rules! typed_spec {
    ($spec:ty $(, $below:expr)?) => {
        $crate::kind::TypedSpec {
            schema: || schemars::schema_for!($spec),
            fields: || {
                static FIELDS: std::sync::LazyLock<$crate::kind::Fields> = std::sync::LazyLock::new(|| {
                    $crate::kind::Fields::of(&schemars::schema_for!($spec))$(.and_below($below))?
                });
                &FIELDS
            },
        }
    };
}

/// What only the live resource knows: ids, ARNs, numbers that the service gives. Others refer to it with
/// `${ref:KIND/NAME.OUTPUT}`; a declared field of the same name wins.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Output {
    /// Its name.
    pub name: &'static str,
    /// The top-level member that this output follows. While that member drifts, steps are about to change the output, and what
    /// refers to it waits: a weak version is the newest only until the restored one is published.
    pub follows: Option<&'static str>,
}

impl Output {
    /// An output that stays as it is.
    pub const fn new(name: &'static str) -> Self {
        Self { name, follows: None }
    }

    /// An output that steps change with this member.
    pub const fn following(name: &'static str, member: &'static str) -> Self {
        Self { name, follows: Some(member) }
    }
}

/// How a name is held to its pin, where others may give the name to another resource.
#[derive(Clone, Copy)]
pub struct Identity {
    /// The member of the tree that differs from the pin when the name leads to another resource. Its drift alerts like a pin
    /// that leads elsewhere.
    pub member: &'static str,
    /// Adds to a declared tree what a pin says: name and pin.
    pub hold: fn(&mut Value, name: &str, pinned: &str),
    /// The member of an external id that a pin of the name holds; `None` where names are not pinned, or cannot be taken
    /// over.
    pub id: Option<&'static str>,
    /// An output of a missing resource, by the pin of its name: scope, pin, output. References are compared with it until another
    /// resource takes the place.
    pub output: fn(&Scope, &str, &str) -> Option<String>,
}

impl Identity {
    /// A name that a pin holds by this member; it has no id of its own, and gives no outputs.
    pub const fn new(member: &'static str, hold: fn(&mut Value, &str, &str)) -> Self {
        Self { member, hold, id: None, output: |_, _, _| None }
    }
}

impl Contract {
    /// A table in which everything has the value that it has for most kinds.
    pub const DEFAULT: Self = Self {
        name: "",
        about: "",
        scope: ScopeKind::Region,
        stage: 0,
        singleton: None,
        name_varies: false,
        check_name: |_| None,
        spec: TypedSpec { schema: Schema::default, fields: || &NO_FIELDS },
        request_side_names: &[],
        hints: &[],
        elsewhere: None,
        documents_grant: false,
        outputs: &[],
        records: None,
        published: None,
        trail_events: &[],
        element_ids: |_, _, _| Vec::new(),
        passes: &[],
        to_read: &[],
        to_restore: &[],
        adopted: Adopted::Always,
        looked_up_as: |_, _, key| key.to_owned(),
        settled_reads: 1,
        pinned_as: None,
        identity: None,
        named_after: None,
    };

    /// The JSON Schema of a declaration's spec.
    pub fn schema(&self) -> Schema {
        (self.spec.schema)()
    }

    /// What the spec says of its members.
    pub fn fields(&self) -> &'static Fields {
        (self.spec.fields)()
    }

    /// The natural keys of the lists of the tree.
    pub fn list_keys(&self) -> &'static ListKeys {
        self.fields().list_keys()
    }

    /// The direction of one difference, as the spec says it of the member.
    pub fn direction(&self, path: &Path, live: Option<&Value>, want: Option<&Value>) -> Direction {
        self.fields().direction(path, live, want)
    }

    /// The output of this name.
    pub fn output(&self, name: &str) -> Option<&'static Output> {
        self.outputs.iter().find(|output| output.name == name)
    }

    /// The member that the output follows, if it follows one.
    pub fn output_follows(&self, name: &str) -> Option<&'static str> {
        self.output(name)?.follows
    }

    /// The elements and members of a declared tree that others manage. They are neither compared nor changed.
    pub fn ignored(&self, want: &Value) -> Vec<Path> {
        let hints = self.hints.iter().filter(|hint| want.get(**hint).is_some()).map(|hint| Path::of([*hint]));
        let mut ignored: Vec<Path> = hints.collect();
        if let Some(mark) = self.elsewhere {
            for (list, elements) in want.as_object().into_iter().flatten() {
                let marked = elements.as_object().into_iter().flatten().filter(|(_, element)| element[mark] == true);
                ignored.extend(marked.map(|(name, _)| Path::of([list, name])));
            }
        }
        ignored
    }

    /// Why a difference cannot be called drift: the service does not report the member everywhere.
    pub fn unobservable(&self, path: &Path, live: Option<&Value>, want: Option<&Value>) -> Option<&'static str> {
        (live.is_none() && want.is_some() && self.fields().is_unreported(path)).then_some(
            "the answer does not have this flag: it was left out when the configuration was written, or the region does not report \
             it; so it cannot be confirmed, and the next write sends it",
        )
    }

    /// The log group that a resource has its records written to, and which records these are: its name, or its ARN.
    pub fn log_group_of(&self, tree: &Value) -> Option<(QuerySource, String)> {
        let (source, place) = self.records?;
        Some((source, tree.pointer(place)?.as_str()?.to_owned()))
    }

    /// The ARN of the role that a request hands to a service.
    pub fn passed_role<'r>(&self, request: &'r Value) -> Option<&'r str> {
        let roles = self.passes.iter().filter_map(|place| request.pointer(place)?.as_str());
        roles.into_iter().find(|role| !role.is_empty())
    }

    /// What a pin of the name holds of the resource that this external id is of.
    pub fn id_of(&self, external_id: &Value) -> Option<String> {
        external_id.get(self.identity?.id?)?.as_str().map(str::to_owned)
    }

    /// Whether a difference at `path` says that the name leads to another resource than the pinned one.
    pub fn leads_elsewhere(&self, path: &Path) -> bool {
        self.identity.is_some_and(|identity| path.head() == Some(identity.member))
    }

    /// The floor of a resource that nobody declared, for what is published of it too: callers may name either.
    pub fn floor_for(&self, floor: &Value, live: &Value) -> Value {
        let mut both = floor.clone();
        if let Some(published) = self.published.filter(|published| !live[*published].is_null()) {
            both[published] = floor.clone();
        }
        both
    }
}
