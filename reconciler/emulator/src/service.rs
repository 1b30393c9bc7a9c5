//! What the emulator has to know of a service. Each service says it once, in its own folder; the table of
//! [`services`](crate::services) has them all.

use bytes::Bytes;
use http::{Request, Response};
use jiff::Timestamp;
use serde_json::Value;

use crate::directory::Directory;
use crate::emulator::Operation;
use crate::error::{self, ApiError, Refusals};
use crate::history::lower_first;
use crate::input::Input;
use crate::protocol::{Answer, Asked};
use crate::services::RegionState;
use crate::world::{Place, RequestContext, Scope, partition_of};

/// One service of AWS.
pub(crate) struct Service {
    /// Its name in scripts, faults, the call log and the actions of IAM.
    pub(crate) name: &'static str,
    /// Where requests reach it; only scripts do, when it is absent.
    pub(crate) endpoint: Option<Endpoint>,
    pub(crate) wire: &'static Wire,
    pub(crate) refusals: &'static Refusals,
    /// Every operation that it has.
    pub(crate) operations: &'static [Action],
    pub(crate) home: Home,
    pub(crate) events: Events,
    /// What scripts can ask it for the id of.
    pub(crate) names: &'static [Name],
    pub(crate) check: Option<Check>,
    pub(crate) prepare: Option<Prepare>,
    pub(crate) follow_up: Option<FollowUp>,
    pub(crate) watch: Option<Watch>,
    pub(crate) plant: Option<Plant>,
}

/// Refuses a call before its operation looks at it.
pub(crate) type Check = fn(&RequestContext<'_>, &Action, &Input) -> Result<(), ApiError>;

/// Fetches what a call needs from other places: by the operation, and by account and region of its own place. No place is
/// locked.
pub(crate) type Prepare = fn(&Directory<'_>, &str, &str, &str) -> Option<Prepared>;

/// Puts into the state of a place what was fetched.
pub(crate) type Prepared = Box<dyn FnOnce(&mut RegionState)>;

/// What else a recorded call does that has succeeded, with the id of its request.
pub(crate) type FollowUp = fn(&Directory<'_>, &mut Place, &Operation<'_>, &str);

/// What a service does with every event of the event history, whichever service it is of: the place, the record, and the
/// request. No place is locked.
pub(crate) type Watch = fn(&Directory<'_>, &Scope, &str, &Input, Timestamp);

/// Stores a member that no model knows where an operation will read it, by a pointer into its answer; false when the
/// operation has no such place.
pub(crate) type Plant = fn(&mut RegionState, &str, &Input, &str, &Value) -> bool;

/// The live object as a request, for scripts that edit it.
pub(crate) type Live = fn(&RegionState, &Input) -> Result<Value, String>;

impl Service {
    /// A service with nothing but the usual manners of awsJson1.1, for the rest of a service to start from.
    pub(crate) const USUAL: Self = Self {
        name: "",
        endpoint: None,
        wire: &crate::protocol::JSON,
        refusals: &error::JSON,
        operations: &[],
        home: Home::Region,
        events: Events::USUAL,
        names: &[],
        check: None,
        prepare: None,
        follow_up: None,
        watch: None,
        plant: None,
    };

    /// The operation of that name.
    pub(crate) fn action(&self, operation: &str) -> Option<&'static Action> {
        self.operations.iter().find(|action| action.name == operation)
    }

    /// Whether an operation only reads; one that is unknown counts as a write.
    pub(crate) fn reads(&self, operation: &str) -> bool {
        self.action(operation).is_some_and(|action| action.reads)
    }
}

/// How requests name a service.
#[derive(Clone, Copy)]
pub(crate) struct Endpoint {
    /// Its name in the credential scope.
    pub(crate) signing_name: &'static str,
    /// What paths begin with, where services share a signing name: the longest that fits decides.
    pub(crate) paths: &'static [&'static str],
}

impl Endpoint {
    /// A service that shares its signing name with none, or has what the others do not.
    pub(crate) const fn of(signing_name: &'static str) -> Option<Self> {
        Some(Self { signing_name, paths: &[""] })
    }
}

/// How requests are read and answers written.
pub(crate) struct Wire {
    pub(crate) asked: fn(&Service, &Request<Bytes>) -> Result<Asked, Unreadable>,
    pub(crate) response: fn(&Reply<'_>) -> Response<Bytes>,
}

/// A request that asks for nothing; with what it named.
pub(crate) enum Unreadable {
    /// No operation that the service has.
    Unknown(String),
    /// An operation, in a way that cannot be read.
    Malformed(String, ApiError),
}

/// An answer, before it has a form.
pub(crate) struct Reply<'a> {
    pub(crate) operation: &'a str,
    /// HTTP status of a success.
    pub(crate) status: u16,
    pub(crate) request_id: &'a str,
    pub(crate) answer: &'a Answer,
}

/// Answers one call.
pub(crate) type Handler = fn(&mut RequestContext<'_>, &Input) -> Answer;

/// One operation of a service.
pub(crate) struct Action {
    pub(crate) name: &'static str,
    /// Whether it changes nothing.
    pub(crate) reads: bool,
    /// Whether the event history has it, and what its event says of reading.
    pub(crate) recorded: Option<ReadOnly>,
    pub(crate) answer: Handler,
    /// Requests per second, and how many at once, where AWS publishes a rate (aws/README.md, Rates).
    pub(crate) rate: Option<(f64, f64)>,
    /// Method and path of restJson1; `{member}` is a label, and `{member+}` one that may hold slashes.
    pub(crate) route: Option<(&'static str, &'static str)>,
    /// HTTP status of a success.
    pub(crate) status: u16,
    pub(crate) live: Option<Live>,
    /// The other account that a call is about: its event history has the call too, and faults go by it.
    pub(crate) about: Option<fn(&Input) -> Option<&str>>,
}

/// The `readOnly` of an event.
pub(crate) type ReadOnly = bool;

/// An operation that only reads.
pub(crate) const fn reads(name: &'static str, answer: Handler) -> Action {
    Action { reads: true, recorded: None, ..writes(name, answer) }
}

/// An operation that changes something.
pub(crate) const fn writes(name: &'static str, answer: Handler) -> Action {
    Action {
        name,
        reads: false,
        recorded: Some(false),
        answer,
        rate: None,
        route: None,
        status: 200,
        live: None,
        about: None,
    }
}

impl Action {
    /// Recorded as one that only reads.
    pub(crate) const fn recorded_as_read(self) -> Self {
        Self { recorded: Some(true), ..self }
    }

    /// Throttled.
    pub(crate) const fn rate(self, per_second: f64, burst: f64) -> Self {
        Self { rate: Some((per_second, burst)), ..self }
    }

    /// Found at a path of restJson1.
    pub(crate) const fn at(self, method: &'static str, path: &'static str) -> Self {
        Self { route: Some((method, path)), ..self }
    }

    /// Successful with another status than 200.
    pub(crate) const fn status(self, status: u16) -> Self {
        Self { status, ..self }
    }

    /// Open to the edits of scripts.
    pub(crate) const fn editable(self, live: Live) -> Self {
        Self { live: Some(live), ..self }
    }

    /// About another account than the caller's.
    pub(crate) const fn about(self, account: fn(&Input) -> Option<&str>) -> Self {
        Self { about: Some(account), ..self }
    }
}

/// Where calls are carried out (aws/README.md, Partitions).
pub(crate) enum Home {
    /// In the region of the request.
    Region,
    /// In one region of the account, which AWS, GovCloud and China each have.
    Account([&'static str; 3]),
    /// In one region of the management account.
    Management([&'static str; 3]),
    /// In the region that the request says: by operation, input and the region of the request.
    Request(for<'a> fn(&str, &'a Input, &'a str) -> &'a str),
}

impl Home {
    /// Account and region of the place that carries out a call.
    pub(crate) fn place<'a>(
        &self,
        management: &'a str,
        (operation, input): (&str, &'a Input),
        (account, region): (&'a str, &'a str),
    ) -> (&'a str, &'a str) {
        let of_partition = |[aws, us_gov, china]: &[&'static str; 3]| match partition_of(region) {
            "aws-us-gov" => *us_gov,
            "aws-cn" => *china,
            _ => *aws,
        };
        match self {
            Self::Region => (account, region),
            Self::Account(regions) => (account, of_partition(regions)),
            Self::Management(regions) => (management, of_partition(regions)),
            Self::Request(named) => (account, named(operation, input, region)),
        }
    }
}

/// Resources of an event: the type and the name of each.
pub(crate) type Resources = Vec<(&'static str, String)>;

/// What CloudTrail shows of a call.
pub(crate) struct Events {
    /// The event source, without its domain, where it is not the service's name.
    pub(crate) source: Option<&'static str>,
    /// The name of an operation's event.
    pub(crate) name: fn(&str) -> &str,
    pub(crate) request: fn(&str, &Input) -> Value,
    /// What is shown of a success.
    pub(crate) response: fn(&str, &Value) -> Value,
    pub(crate) resources: fn(&Scope, &Input, Option<&Value>) -> Resources,
}

impl Events {
    /// The request with small first letters, the answer as it is, and no resources.
    pub(crate) const USUAL: Self = Self {
        source: None,
        name: |operation| operation,
        request: |_, input| lower_first(&Value::Object(input.clone())),
        response: |_, answer| answer.clone(),
        resources: |_, _, _| Vec::new(),
    };
}

/// A name that scripts can use in place of an id.
pub(crate) struct Name {
    pub(crate) label: &'static str,
    pub(crate) form: Form,
    /// Looks in the place that is home to the service.
    pub(crate) find: fn(&Directory<'_>, &Place, &str) -> Option<String>,
}

/// How scripts write a name.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(crate) enum Form {
    /// `${LABEL}`: there is one of it.
    One,
    /// `${LABEL:NAME}`.
    Named,
    /// The same, and as a whole text also `LABEL:NAME`.
    NamedOrBare,
}

/// What a service holds in one account and region.
pub(crate) trait Settle {
    /// Ends every transition at once.
    fn settle(&mut self) {}
}

/// A service that holds nothing.
impl Settle for () {}
