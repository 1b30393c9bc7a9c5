//! What the edge of a kind is to the engine: reads that never guess, writes that need a warrant.

use std::collections::{BTreeMap, BTreeSet};
use std::time::Duration;

use async_trait::async_trait;
use jiff::Timestamp;
use reconciler_model::address::{Address, Scope};
use reconciler_model::blame::Traces;
use reconciler_model::codes;
use reconciler_model::history::Past;
use reconciler_model::inventory::{Gap, Sighting, Unread};
use reconciler_model::kind::Kind;
use reconciler_model::plan::Call;
use reconciler_model::undeclared;
use reconciler_model::warrant::Warrant;
use serde_json::{Map, Value};

use crate::classify::UNREADABLE;
use crate::{CallError, CallFacts, ErrorClass, Session};

/// Which resources of a kind to read.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Selection {
    /// Every one that exists, for `export`.
    All,
    /// Those with these names.
    Names(BTreeSet<String>),
    /// Those with these names, and with them every other one of which a control wants to know.
    Beside(Beside),
}

/// Names that are declared, and what is left out of what stands beside them.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Beside {
    /// The names that are asked for themselves.
    pub names: BTreeSet<String>,
    /// Names of others, with `*` and `?`, that are not read.
    pub left_out: Vec<String>,
}

impl Selection {
    /// Whether `name` is selected.
    pub fn has(&self, name: &str) -> bool {
        match self {
            Self::All => true,
            Self::Names(names) => names.contains(name),
            Self::Beside(beside) => self.asks_for(name) || !undeclared::is_left_out(&beside.left_out, name),
        }
    }

    /// Whether `name` is asked for itself.
    pub fn asks_for(&self, name: &str) -> bool {
        match self {
            Self::All => false,
            Self::Names(names) | Self::Beside(Beside { names, .. }) => names.contains(name),
        }
    }

    /// The names that are asked for themselves; none where all are.
    pub fn names(&self) -> Option<&BTreeSet<String>> {
        match self {
            Self::All => None,
            Self::Names(names) | Self::Beside(Beside { names, .. }) => Some(names),
        }
    }

    /// Whether what nobody declared is asked for too.
    pub fn is_beside(&self) -> bool {
        matches!(self, Self::Beside(_))
    }
}

/// Stands among the pins of a name: this tool may have made what bears it, because the answer to that call was lost. The call is
/// repeated with its token, and answers which resource that is; whatever else bears the name is somebody else's. As the pin of a
/// unit: it is followed wherever it leads.
pub const ANY: &str = "*";

/// What names of a selection led to when somebody looked, by name: the id that is pinned, and then those of its successors that
/// this tool made, the newest first. For a policy of the organization these are the names of its targets.
pub type PinnedNames = BTreeMap<String, Vec<String>>;

/// The name of a resource that nobody declared and whose own name leads to something else: a twin.
pub fn twin(name: &str, id: &str) -> String {
    format!("{name}#{id}")
}

/// The gap of what stands beside the declared resources, where only that could not be read.
pub fn gap_beside(error: &CallError, scope: &Scope, kind: &str) -> Gap {
    gap_of(error, scope, kind, Some(OTHERS))
}

/// Stands for the name of whatever nobody declared.
const OTHERS: &str = "*";

/// What reading a kind in one scope gave.
#[derive(Debug, Default)]
pub struct Reading {
    /// What was seen. A selected name that is in neither list is known to be absent.
    pub sightings: Vec<Sighting>,
    /// What could not be read.
    pub gaps: Vec<Gap>,
    /// What the kind's steps need to know of the scope even where a resource is absent; `null` when they need nothing.
    pub surroundings: Value,
}

/// What a write answered.
#[derive(Debug, Clone, PartialEq)]
pub struct Receipt {
    /// The ids to read the resource back with; those of a new resource after a create.
    pub handle: Value,
    /// AWS's id of the request, for CloudTrail.
    pub request_id: Option<String>,
}

/// The impure side of a kind. It makes no decisions: what to do is in the call.
#[async_trait]
pub trait Edge: Send + Sync {
    /// The pure side.
    fn kind(&self) -> &'static dyn Kind;

    /// Reads the selected resources of the scope: all pages, with everything that the normal form has.
    ///
    /// # Errors
    /// Fails when nothing of the kind could be read; a failure that concerns one resource is a gap of that one.
    /// Not found is no error.
    async fn observe(&self, session: &Session, scope: &Scope, selection: &Selection) -> Result<Reading, CallError>;

    /// As [`Edge::observe`], where the file of pins says which resource a selected name led to when somebody looked. A kind whose
    /// names others may give to something else finds it by the id.
    ///
    /// # Errors
    /// As [`Edge::observe`].
    async fn observe_pinned(
        &self,
        session: &Session,
        scope: &Scope,
        selection: &Selection,
        _pinned: &PinnedNames,
    ) -> Result<Reading, CallError> {
        self.observe(session, scope, selection).await
    }

    /// Reads one resource afresh, by `handle` where that is given; `None` when it is known to be absent.
    ///
    /// # Errors
    /// Fails when it could not be read.
    async fn sight(
        &self,
        session: &Session,
        address: &Address,
        handle: Option<&Value>,
    ) -> Result<Option<Sighting>, CallError>;

    /// Looks at what `want` refers to, where it differs from `live` and before steps are proposed: a guardrail that is to be
    /// enforced, say. The answer is what
    /// [`Situation::surroundings`](reconciler_model::kind::Situation::surroundings) has; `None` where
    /// there is nothing to look at. `pinned` is what the file of pins says of the name, and then the successors. Reads only.
    ///
    /// # Errors
    /// Fails when it could not be found out. Nothing is written to the address then.
    async fn inspect(
        &self,
        _session: &Session,
        _address: &Address,
        _want: &Value,
        _live: Option<&Sighting>,
        _pinned: &[String],
    ) -> Result<Option<Value>, CallError> {
        Ok(None)
    }

    /// What an output is that follows a member, where the newest state of the resource cannot be referred to: what an older one
    /// gives that is as wanted, such as an earlier version. `is_as_wanted` says whether the member is, today. `None` where the
    /// newest is good, or none is. Reads only.
    ///
    /// # Errors
    /// Fails when it could not be found out.
    async fn standing(
        &self,
        _session: &Session,
        _live: &Sighting,
        _want: &Value,
        _output: &str,
        _is_as_wanted: bool,
    ) -> Result<Option<String>, CallError> {
        Ok(None)
    }

    /// What the service itself keeps of the past of a resource: when it was last changed, and versions of it. Reads only, and
    /// only of what differs; it costs calls that an observation does not need.
    ///
    /// # Errors
    /// Fails when it could not be read.
    async fn traces(&self, _session: &Session, _sighting: &Sighting) -> Result<Traces, CallError> {
        Ok(Traces::default())
    }

    /// What is known to use something older than what a restored resource has now, so that the restore is not in effect for
    /// it: an older version, say. One phrase each. Reads only, and only after a restore.
    ///
    /// # Errors
    /// Fails when it could not be read.
    async fn still_used_by(&self, _session: &Session, _live: &Sighting) -> Result<Vec<String>, CallError> {
        Ok(Vec::new())
    }

    /// Makes one call, in which everything is filled in. Repeating it with the same token has no further effect.
    ///
    /// # Errors
    /// Fails when the service refused, or when it is not known whether the write took effect.
    async fn perform(
        &self,
        session: &Session,
        address: &Address,
        call: &Call,
        handle: Option<&Value>,
        warrant: &Warrant,
    ) -> Result<Receipt, CallError>;
}

/// Reads the event history of CloudTrail.
#[async_trait]
pub trait HistorySource: Send + Sync {
    /// The events of one name in one account and region between two instants, as far as there is room.
    ///
    /// # Errors
    /// Fails when the history could not be read. That is never the same as "nobody".
    async fn past(
        &self,
        session: &Session,
        event_name: &str,
        from: Timestamp,
        until: Timestamp,
    ) -> Result<Past, CallError>;
}

/// What IAM says of writes before they are made.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Permissions {
    /// The ARN of the role or user that was asked about.
    pub principal: String,
    /// Actions with the ARN that they are surely denied for, and how IAM calls that.
    pub denied: BTreeMap<(String, String), String>,
}

/// Asks IAM what the caller may do.
#[async_trait]
pub trait PermissionSource: Send + Sync {
    /// Which of the actions the caller may surely not do on which of the ARNs, in the session's account and region.
    ///
    /// Only what a policy of the caller's own decides counts. `caller` is the ARN of a role, of a role's session or of a user.
    ///
    /// # Errors
    /// Fails when that could not be asked. It is then not known, and no reason to refuse anything.
    async fn permissions(
        &self,
        session: &Session,
        caller: &str,
        actions: &BTreeSet<String>,
        arns: &BTreeSet<String>,
    ) -> Result<Permissions, CallError>;
}

/// What a query of logs is asked for.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct LogQuery {
    /// The log group, by its name.
    pub log_group: String,
    /// The text.
    pub text: String,
    /// The beginning of the time.
    pub from: Timestamp,
    /// Its end.
    pub until: Timestamp,
    /// The most rows.
    pub most_rows: usize,
    /// How long it may take.
    pub patience: Duration,
}

/// What a query of logs found.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct LogRows {
    /// Fields and their values.
    pub rows: Vec<BTreeMap<String, String>>,
    /// Records that matched, where the service says so.
    pub matched: Option<u64>,
    /// Bytes that were scanned, where the service says so.
    pub bytes_scanned: Option<u64>,
    /// Why the rows are not all: it was stopped, or it failed.
    pub ended_early: Option<String>,
}

/// Asks logs questions.
#[async_trait]
pub trait LogSource: Send + Sync {
    /// Carries out one query. One that takes too long is stopped.
    ///
    /// # Errors
    /// Fails when it was refused, or when it could not be followed.
    async fn ask(&self, session: &Session, query: &LogQuery) -> Result<LogRows, CallError>;
}

/// What a look-up found.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum LookedUp {
    /// This.
    Is(String),
    /// Nothing: it is known that there is none.
    Nothing,
    /// These, of which it cannot be told which one is meant.
    Several(Vec<String>),
}

/// Answers look-ups of one source, such as `${kms:alias/NAME}`.
#[async_trait]
pub trait LookupSource: Send + Sync {
    /// The source's name in placeholders.
    fn source(&self) -> &'static str;

    /// What each key finds in one account and region, in their order; an error where that could not be found out.
    ///
    /// All keys of a place come together, so that a source which can ask for many at once needs few calls.
    async fn look_up(&self, session: &Session, keys: &[String]) -> Vec<Result<LookedUp, CallError>>;
}

/// The gap that a failed read leaves.
pub fn gap_of(error: &CallError, scope: &Scope, kind: &str, name: Option<&str>) -> Gap {
    Gap {
        scope: scope.clone(),
        kind: kind.to_owned(),
        name: name.map(str::to_owned),
        code: code_of(error).to_owned(),
        // Without the request id, which differs from run to run; the journal and the logs have it.
        reason: CallFacts { request_id: None, ..(**error).clone() }.to_string(),
        remedy: error.hint().unwrap_or_else(|| "see `bedrock-reconciler explain` for the code".to_owned()),
        passing: is_passing(error),
        ..Gap::default()
    }
}

/// Why a member of a resource is not known, after the call that reads it failed. The edge puts it into
/// [`Sighting::unread`], and reads the rest.
pub fn unread_of(error: &CallError) -> Unread {
    let Gap { code, reason, remedy, passing, .. } = gap_of(error, &Scope::default(), "", None);
    Unread { code, reason, remedy, passing }
}

/// What was read of one resource, member by member. A read that failed takes its own members out of sight, and no others.
#[derive(Debug, Default)]
pub struct Parts {
    live: Map<String, Value>,
    unread: BTreeMap<String, Unread>,
}

impl Parts {
    /// The members of an answer, such as that of the call which tells whether there is such a resource.
    pub fn of(answer: &Value) -> Self {
        Self { live: answer.as_object().cloned().unwrap_or_default(), unread: BTreeMap::new() }
    }

    /// Puts a member that was read.
    pub fn put(&mut self, member: &str, value: impl Into<Value>) {
        self.live.insert(member.to_owned(), value.into());
    }

    /// What the call answered that reads these members. Where it failed, each of them is unread, whatever was read of it before.
    pub fn take<T>(&mut self, members: &[&str], outcome: Result<T, CallError>) -> Option<T> {
        outcome.map_err(|error| self.miss(members, &error)).ok()
    }

    /// Says that these members could not be read.
    pub fn miss(&mut self, members: &[&str], error: &CallError) {
        for member in members {
            self.live.remove(*member);
            self.unread.insert((*member).to_owned(), unread_of(error));
        }
    }

    /// The members that were read.
    pub fn live(&self) -> Value {
        Value::Object(self.live.clone())
    }

    /// A member, if it was read.
    pub fn get(&self, member: &str) -> Option<&Value> {
        self.live.get(member)
    }

    /// The members that could not be read, and why.
    pub fn into_unread(self) -> BTreeMap<String, Unread> {
        self.unread
    }
}

/// Whether the same call may succeed a little later although nobody changed anything.
fn is_passing(error: &CallError) -> bool {
    matches!(error.class, ErrorClass::Throttled | ErrorClass::Network | ErrorClass::Server)
        || error.status.is_some_and(|status| status >= 500)
}

/// The code that `explain` knows for a failed call.
pub fn code_of(error: &CallError) -> &'static str {
    match error.class {
        ErrorClass::Denied => codes::DENIED,
        ErrorClass::Throttled => codes::THROTTLED,
        ErrorClass::ExpiredCredentials => codes::EXPIRED_CREDENTIALS,
        ErrorClass::NoCredentials => codes::NO_CREDENTIALS,
        ErrorClass::Network => codes::NETWORK,
        ErrorClass::WrongRegion => codes::WRONG_REGION,
        ErrorClass::Unsent => codes::NOT_SENT,
        ErrorClass::Unknown if [ODD_ANSWER, UNREADABLE].contains(&&*error.code) => codes::ODD_ANSWER,
        _ => codes::AWS_ERROR,
    }
}

const ODD_ANSWER: &str = "OddAnswer";

/// The error of a call that was not made, because what it would send was found wrong before.
pub fn not_sent(
    session: &Session,
    service: &'static str,
    operation: &'static str,
    why: impl Into<String>,
) -> CallError {
    let error = odd_answer(session, service, operation, why);
    CallError::from(CallFacts { class: ErrorClass::Unsent, code: "NotSent".to_owned(), ..(*error).clone() })
}

/// An answer that lacks what it must have. It is not guessed at.
pub fn odd_answer(
    session: &Session,
    service: &'static str,
    operation: &'static str,
    message: impl Into<String>,
) -> CallError {
    CallError::from(CallFacts {
        class: ErrorClass::Unknown,
        code: ODD_ANSWER.to_owned(),
        message: message.into(),
        service,
        operation,
        account: Some(session.account().to_owned()),
        region: Some(session.region().to_owned()),
        request_id: None,
        status: None,
        role: None,
        caller: None,
    })
}
