//! The contract of a kind's resource client: reads that never guess, and writes that need a permit.

use std::collections::{BTreeMap, BTreeSet};
use std::time::Duration;

use async_trait::async_trait;
use jiff::Timestamp;
use reconciler_model::address::{Address, Scope};
use reconciler_model::attribution::Traces;
use reconciler_model::attribution::history::Past;
use reconciler_model::codes;
use reconciler_model::inventory::{Gap, ObservedResource, Unread};
use reconciler_model::kind::Kind;
use reconciler_model::permit::WritePermit;
use reconciler_model::plan::Call;
use reconciler_model::undeclared;
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

/// Stands among the pins of a name where the answer to our create was lost. The create is repeated with its token, and its
/// answer tells which resource is ours. As the pin of a unit, it allows any unit.
pub const ANY: &str = "*";

/// The pinned ids by name: the pinned id, and then the successors that this tool made, the newest first. For a policy of the
/// organization these are the names of its targets.
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

/// The result of reading a kind in one scope.
#[derive(Debug, Default)]
pub struct Reading {
    /// The resources that were read. A selected name that is in neither list is known to be absent.
    pub resources: Vec<ObservedResource>,
    /// What could not be read.
    pub gaps: Vec<Gap>,
    /// The scope context that the kind's steps need even where a resource is absent; `null` when they need none.
    pub scope_context: Value,
}

/// The result of a write.
#[derive(Debug, Clone, PartialEq)]
pub struct WriteResult {
    /// The external id to read the resource back with; that of a new resource after a create.
    pub external_id: Value,
    /// AWS's id of the request, for CloudTrail.
    pub request_id: Option<String>,
}

/// The resource client of a kind: its calls to AWS. It decides nothing, because the call says what to do.
#[async_trait]
pub trait ResourceClient: Send + Sync {
    /// The pure side.
    fn kind(&self) -> &'static dyn Kind;

    /// Reads the selected resources of the scope: all pages, with everything that the normal form has.
    ///
    /// # Errors
    /// Fails when nothing of the kind could be read; a failure that concerns one resource is a gap of that one.
    /// Not found is no error.
    async fn observe(&self, session: &Session, scope: &Scope, selection: &Selection) -> Result<Reading, CallError>;

    /// As [`ResourceClient::observe`], with the pinned ids. A kind whose names can be given to another resource reads by the id.
    ///
    /// # Errors
    /// As [`ResourceClient::observe`].
    async fn observe_pinned(
        &self,
        session: &Session,
        scope: &Scope,
        selection: &Selection,
        _pinned: &PinnedNames,
    ) -> Result<Reading, CallError> {
        self.observe(session, scope, selection).await
    }

    /// Reads one resource afresh, by `external_id` where that is given; `None` when it is known to be absent.
    ///
    /// # Errors
    /// Fails when it could not be read.
    async fn read_one(
        &self,
        session: &Session,
        address: &Address,
        external_id: Option<&Value>,
    ) -> Result<Option<ObservedResource>, CallError>;

    /// Looks at what `want` refers to, where it differs from `live` and before steps are proposed: a guardrail that is to be
    /// enforced, say. The answer is what [`Situation::scope_context`](reconciler_model::kind::Situation::scope_context) has;
    /// `None` where there is nothing to look at. `pinned` is what the file of pins says of the name, and then the
    /// successors. Reads only.
    ///
    /// # Errors
    /// Fails when it could not be found out. Nothing is written to the address then.
    async fn inspect(
        &self,
        _session: &Session,
        _address: &Address,
        _want: &Value,
        _live: Option<&ObservedResource>,
        _pinned: &[String],
    ) -> Result<Option<Value>, CallError> {
        Ok(None)
    }

    /// The value of an output from an older good state, such as an earlier version, where the newest state must not be referred
    /// to. `is_as_wanted` says whether the member is, today. `None` where the newest is good, or none is. Reads only.
    ///
    /// # Errors
    /// Fails when it could not be found out.
    async fn standing(
        &self,
        _session: &Session,
        _live: &ObservedResource,
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
    async fn traces(&self, _session: &Session, _observed: &ObservedResource) -> Result<Traces, CallError> {
        Ok(Traces::default())
    }

    /// The callers for which a restore is not in effect, because they use an older version. One phrase each. Reads only,
    /// and only after a restore.
    ///
    /// # Errors
    /// Fails when it could not be read.
    async fn still_used_by(&self, _session: &Session, _live: &ObservedResource) -> Result<Vec<String>, CallError> {
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
        external_id: Option<&Value>,
        permit: &WritePermit,
    ) -> Result<WriteResult, CallError>;
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

/// Why a member of a resource is not known, after the call that reads it failed. The resource client puts it into
/// [`ObservedResource::unread`], and reads the rest.
pub fn unread_of(error: &CallError) -> Unread {
    let Gap { code, reason, remedy, passing, .. } = gap_of(error, &Scope::default(), "", None);
    Unread { code, reason, remedy, passing }
}

/// What was read of one resource, member by member. A failed read makes only its own members unread.
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

    /// Takes the answer of the call that reads these members. After a failure each of them is unread.
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
