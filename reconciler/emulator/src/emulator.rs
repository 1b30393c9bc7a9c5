//! The public handle, and the path of a call: credentials, faults, operation, CloudTrail, call log.

use std::future::Future;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, RwLock};
use std::time::Duration;

use bytes::Bytes;
use http::{Request, Response};
use jiff::Timestamp;
use serde_json::{Map, Value};

use crate::calls::Call;
use crate::directory::Directory;
use crate::error::ApiError;
use crate::fault::{Effect, Fault, Faults, insert_at};
use crate::history::Seen;
use crate::options::{Options, RuleChanges, Rules};
use crate::principal::Principal;
use crate::protocol::{self, Answer, Asked};
use crate::received::{self, Received};
use crate::scenario::ScenarioError;
use crate::script::Script;
use crate::service::{Action, Prepared, ReadOnly, Reply, Service, Settle, Unreadable};
use crate::services::{self, SERVICES};
use crate::world::{Place, RequestContext, World, lock, read, uuid, write};
use crate::{client, scenario, server};

/// The connection was dropped on purpose: to a client this is a connector error, not an answer.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum Dropped {
    /// The request was not processed.
    #[error("the connection was dropped before the request was processed")]
    BeforeProcessing,
    /// The request was processed and its answer is lost.
    #[error("the connection was dropped after the request was processed")]
    AfterProcessing,
}

/// AWS in a box. Clones are handles to the same world.
#[derive(Clone)]
pub struct Emulator {
    inner: Arc<Inner>,
}

struct Inner {
    world: World,
    any_faults: AtomicBool,
    calls: Mutex<CallLog>,
}

#[derive(Default)]
struct CallLog {
    next: u64,
    calls: Vec<Call>,
}

impl std::fmt::Debug for Emulator {
    fn fmt(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        formatter.debug_struct("Emulator").field("accounts", &self.inner.world.accounts.len()).finish_non_exhaustive()
    }
}

/// One operation to carry out, from the wire or from a script.
pub(crate) struct Operation<'a> {
    pub(crate) caller: &'a Principal,
    pub(crate) service: &'a str,
    pub(crate) operation: &'a str,
    pub(crate) input: &'a Map<String, Value>,
    pub(crate) at: Timestamp,
    pub(crate) user_agent: &'a str,
    pub(crate) source_ip: &'a str,
}

/// How an operation is carried out.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Mode {
    Normal,
    /// Never throttled.
    Scripted,
    /// Answers from before the last write.
    Stale,
    /// Changes nothing.
    NoOp,
}

impl Emulator {
    /// An empty world.
    pub fn new(options: Options) -> Self {
        let inner = Inner { world: World::new(options), any_faults: AtomicBool::new(false), calls: Mutex::default() };
        Self { inner: Arc::new(inner) }
    }

    /// The world of a named scenario, or of a script file. Every transition in it has ended and the call log is empty.
    ///
    /// # Errors
    /// The scenario is unknown, its file cannot be read, or one of its calls does not do what the script says.
    pub fn scenario(name_or_path: &str, options: Options) -> Result<Self, ScenarioError> {
        scenario::build(name_or_path, options)
    }

    /// Names of the scenarios that are built in, each with a one-line description.
    pub fn scenario_names() -> &'static [(&'static str, &'static str)] {
        scenario::NAMES
    }

    /// Answers one signed request.
    ///
    /// # Errors
    /// A fault drops the connection. A fault that hangs never returns.
    pub async fn handle(&self, request: Request<Bytes>) -> Result<Response<Bytes>, Dropped> {
        let latency = self.inner.world.rules().latency;
        if !latency.is_zero() {
            tokio::time::sleep(latency).await;
        }
        let received = match self.receive(&request) {
            Ok(received) => received,
            Err(response) => return Ok(*response),
        };
        let effect = self.strike(&received);
        match &effect {
            Some(Effect::Latency { ms }) => tokio::time::sleep(Duration::from_millis(*ms)).await,
            Some(Effect::Hang) => {
                self.log(&received, 0, Some("Hang".to_owned()));
                std::future::pending::<()>().await;
            }
            Some(Effect::DropRequest) => {
                self.log(&received, 0, Some("DropRequest".to_owned()));
                return Err(Dropped::BeforeProcessing);
            }
            Some(Effect::Meanwhile { steps }) => {
                // What it does is the scenario's to say; a call that fails changes nothing.
                let _ = self.run(&Script { steps: steps.clone(), ..Script::default() });
            }
            _ => {}
        }
        let held = effect == Some(Effect::HoldAnswer);
        let answer = self.process(&received, effect);
        if held {
            std::future::pending::<()>().await;
        }
        answer
    }

    /// An HTTP client to plug below the SDK: in process, without a socket.
    pub fn http_client(&self) -> aws_smithy_runtime_api::client::http::SharedHttpClient {
        client::http_client(self.clone())
    }

    /// Serves HTTP/1.1 on a loopback socket until `shutdown` is ready.
    ///
    /// # Errors
    /// The listener is not on loopback, or accepting fails.
    pub async fn serve(
        self,
        listener: tokio::net::TcpListener,
        shutdown: impl Future<Output = ()>,
    ) -> std::io::Result<()> {
        server::serve(self, listener, shutdown).await
    }

    /// The call log, in order.
    pub fn calls(&self) -> Vec<Call> {
        lock(&self.inner.calls).calls.clone()
    }

    /// Empties the call log.
    pub fn clear_calls(&self) {
        lock(&self.inner.calls).calls.clear();
    }

    /// Adds scripted faults after those that are there.
    pub fn inject(&self, faults: Vec<Fault>) {
        let mut active = self.faults();
        active.add(faults);
        self.inner.any_faults.store(!active.is_empty(), Ordering::Release);
    }

    /// Removes every fault.
    pub fn clear_faults(&self) {
        self.faults().clear();
        self.inner.any_faults.store(false, Ordering::Release);
    }

    /// Plays more scripted API calls now, such as an attack. They meet no faults and are not in the call log;
    /// CloudTrail has them. Transitions in the places that the script touches end.
    ///
    /// # Errors
    /// A call of the script does not do what the script says.
    pub fn run(&self, script: &Script) -> Result<(), ScenarioError> {
        scenario::play(self, script, self.inner.world.now())
    }

    /// When the first call of the scenario itself was made, after the scenario that it includes; `None` where it includes none.
    pub fn scenario_began(&self) -> Option<Timestamp> {
        self.world().began()
    }

    /// The world's clock.
    pub fn now(&self) -> Timestamp {
        self.inner.world.now()
    }

    pub(crate) fn world(&self) -> &World {
        &self.inner.world
    }

    pub(crate) fn change_rules(&self, changes: RuleChanges) {
        let mut rules = write(&self.inner.world.rules);
        *rules = Arc::new(changes.apply((**rules).clone()));
    }

    /// Ends every transition in every place.
    pub(crate) fn settle(&self) {
        for place in self.inner.world.places() {
            lock(&place).state.settle();
        }
        write(&self.inner.world.registry).settle();
    }

    /// Carries out one call of a script: no faults, no call log, everything settled afterwards.
    pub(crate) fn play(&self, account: &str, region: &str, asked: &Operation<'_>) -> Answer {
        let (answer, _) = self.carry_out(account, region, asked, Mode::Scripted, None);
        let home = &services::find(asked.service).home;
        let called = (asked.operation, asked.input);
        let (account, region) = home.place(&self.inner.world.management, called, (account, region));
        lock(&self.inner.world.place(account, region)).state.settle();
        write(&self.inner.world.registry).settle();
        answer
    }

    fn faults(&self) -> MutexGuard<'_, Faults> {
        lock(&self.inner.world.faults)
    }

    /// Reads who asks for what. The error is a response that is already logged.
    fn receive(&self, request: &Request<Bytes>) -> Result<Received, Box<Response<Bytes>>> {
        let Some(credential) = protocol::credential(request) else {
            let error =
                ApiError::new("MissingAuthenticationTokenException", "Missing Authentication Token").with_status(403);
            return Err(self.refuse(Received::anonymous(request), error));
        };
        let addressed = services::addressed(&credential.signing_name, request);
        let name = addressed.map_or(credential.signing_name.as_str(), |service| service.name);
        let service = services::find(name);
        let wire = addressed.map_or_else(|| protocol::of_unknown(request.headers()), |service| service.wire);
        let caller = received::caller(&self.inner.world, service, &credential);
        let user_agent =
            request.headers().get(http::header::USER_AGENT).and_then(|value| value.to_str().ok()).unwrap_or_default();
        let received = |asked: Asked| Received {
            access_key: credential.access_key.clone(),
            region: credential.region.clone(),
            action: service.action(&asked.operation),
            wire,
            service: name.to_owned(),
            operation: asked.operation,
            input: asked.input,
            user_agent: user_agent.to_owned(),
            caller: caller.as_ref().ok().cloned(),
        };
        let received = match (wire.asked)(service, request) {
            Ok(asked) => received(asked),
            Err(unreadable) => {
                let (operation, error) = match unreadable {
                    Unreadable::Malformed(operation, error) => (operation, error),
                    Unreadable::Unknown(operation) => {
                        let error = service.refusals.unknown_operation(name, &operation);
                        (operation, error)
                    }
                };
                return Err(self.refuse(received(Asked { operation, input: Map::new() }), error));
            }
        };
        match caller {
            Ok(_) => Ok(received),
            Err(error) => Err(self.refuse(received, error)),
        }
    }

    /// Logs a call and makes the response that refuses it.
    fn refuse(&self, received: Received, error: ApiError) -> Box<Response<Bytes>> {
        let request_id = uuid(&mut *lock(&self.inner.world.rng));
        self.log(&received, error.status, Some(error.code.clone().into_owned()));
        Box::new(response(&received, &request_id, &Err(error)))
    }

    fn strike(&self, received: &Received) -> Option<Effect> {
        if !self.inner.any_faults.load(Ordering::Acquire) {
            return None;
        }
        let effect = self.faults().strike(&received.candidate(), &mut *lock(&self.inner.world.rng));
        let own = received.caller.as_ref().map(|caller| caller.account.as_str()).unwrap_or_default();
        let home = &services::find(&received.service).home;
        let called = (received.operation.as_str(), &received.input);
        let place = home.place(&self.inner.world.management, called, (own, &received.region));
        effect.or_else(|| self.faults().is_stale(&received.candidate(), place).then_some(Effect::Stale { reads: 0 }))
    }

    /// Carries out a call that was received, with what a fault does to it.
    fn process(&self, received: &Received, effect: Option<Effect>) -> Result<Response<Bytes>, Dropped> {
        let Some(caller) = &received.caller else {
            return Err(Dropped::BeforeProcessing);
        };
        let (service, operation) = (received.service.as_str(), received.operation.as_str());
        let asked = Operation {
            caller,
            service,
            operation,
            input: &received.input,
            at: self.inner.world.now(),
            user_agent: &received.user_agent,
            source_ip: "127.0.0.1",
        };
        let refusals = services::find(service).refusals;
        let refusal = match &effect {
            Some(Effect::Throttle) => Some(refusals.throttled()),
            Some(Effect::Deny) => Some(refusals.denied(service, operation, &caller.arn)),
            Some(Effect::Expired) => Some(refusals.expired()),
            Some(Effect::Error { code, status, message }) => Some(ApiError {
                code: code.clone().into(),
                status: *status,
                message: message.clone(),
                reason: None,
                members: Vec::new(),
            }),
            _ => None,
        };
        let mode = match &effect {
            Some(Effect::Stale { .. }) => Mode::Stale,
            Some(Effect::NoOp) => Mode::NoOp,
            _ => Mode::Normal,
        };
        let planted = match &effect {
            Some(Effect::UnknownField { pointer, value }) => self.plant(received, caller, pointer, value),
            _ => false,
        };
        let (mut answer, request_id) = self.carry_out(&caller.account, &received.region, &asked, mode, refusal);
        if let (Some(Effect::UnknownField { pointer, value }), Ok(answer)) = (&effect, &mut answer)
            && !planted
        {
            insert_at(answer, pointer, value);
        }
        let response = response(received, &request_id, &answer);
        let code = match &effect {
            Some(Effect::HoldAnswer) => Some("HoldAnswer".to_owned()),
            _ => answer.as_ref().err().map(|error| error.code.clone().into_owned()),
        };
        self.log(received, response.status().as_u16(), code);
        match effect {
            Some(Effect::LostResponse) => Err(Dropped::AfterProcessing),
            Some(Effect::Crash) => std::process::abort(),
            _ => Ok(response),
        }
    }

    /// Puts an unknown member where the operation will read it; false when it can only be put into the answer.
    fn plant(&self, received: &Received, caller: &Principal, pointer: &str, value: &Value) -> bool {
        let Some(plant) = services::find(&received.service).plant else {
            return false;
        };
        let place = self.inner.world.place(&caller.account, &received.region);
        plant(&mut lock(&place).state, &received.operation, &received.input, pointer, value)
    }

    /// The one path of every operation: throttle, do, record.
    fn carry_out(
        &self,
        account: &str,
        region: &str,
        asked: &Operation<'_>,
        mode: Mode,
        refusal: Option<ApiError>,
    ) -> (Answer, String) {
        let world = &self.inner.world;
        let directory = Directory::new(world);
        let service = services::find(asked.service);
        let action = service.action(asked.operation);
        let called = (asked.operation, asked.input);
        let (account, region) = service.home.place(&world.management, called, (account, region));
        let rules = world.rules();
        let prepared = service.prepare.and_then(|prepare| prepare(&directory, asked.operation, account, region));
        let place = world.place(account, region);
        let mut place = lock(&place);
        let request_id = uuid(&mut place.rng);
        let mut has_room = |action: &'static Action| {
            !rules.throttles
                || mode == Mode::Scripted
                || place.buckets.take(service.name, action, &asked.caller.account, asked.at)
        };
        let answer = match refusal {
            Some(error) => Err(error),
            None if action.is_some_and(|action| !has_room(action)) => Err(service.refusals.throttled()),
            None => {
                if !action.is_some_and(|action| action.reads) && self.inner.any_faults.load(Ordering::Acquire) {
                    let mut faults = self.faults();
                    if faults.wants_history(account, region) {
                        place.before_last_write = Some(Box::new(place.state.clone()));
                        faults.written(account, region);
                    }
                }
                self.dispatch(&mut place, (service, action), asked, &rules, mode, prepared)
            }
        };
        // The history has what nobody knows as a write.
        if let Some(read_only) = action.map_or(Some(false), |action| action.recorded) {
            let delivered = delivery(asked.at, world.now(), rules.cloudtrail_delay);
            let seen = |place: &mut Place| record(place, service, read_only, asked, &answer, &request_id, delivered);
            let event = seen(&mut place);
            if let Some(follow_up) = service.follow_up.filter(|_| answer.is_ok()) {
                follow_up(&directory, &mut place, asked, &request_id);
            }
            let scope = place.scope.clone();
            drop(place);
            for watch in SERVICES.iter().filter_map(|service| service.watch) {
                watch(&directory, &scope, &event, asked.input, asked.at);
            }
            // It is an event of the account too that it is about.
            let about = action.and_then(|action| action.about).and_then(|about| about(asked.input));
            if let Some(other) = about.filter(|other| *other != account && world.accounts.contains_key(*other)) {
                seen(&mut lock(&world.place(other, region)));
            }
        }
        (answer, request_id)
    }

    fn dispatch(
        &self,
        place: &mut Place,
        (service, action): (&'static Service, Option<&'static Action>),
        asked: &Operation<'_>,
        rules: &Rules,
        mode: Mode,
        prepared: Option<Prepared>,
    ) -> Answer {
        let world = &self.inner.world;
        let Operation { caller, service: name, operation, input, at, .. } = *asked;
        let Place { scope, rng, state, before_last_write, history, .. } = place;
        let Some(account) = world.accounts.get(&scope.account) else {
            return Err(service.refusals.unrecognized_client());
        };
        let Some(action) = action else {
            return Err(service.refusals.unknown_operation(name, operation));
        };
        let mut scratch;
        let scratch_registry;
        let directory = match mode {
            Mode::NoOp => {
                scratch_registry = RwLock::new(read(&world.registry).clone());
                Directory::new(world).over(&scratch_registry)
            }
            _ => Directory::new(world),
        };
        let state = match (mode, before_last_write) {
            (Mode::Stale, Some(before)) => before,
            (Mode::NoOp, _) => {
                scratch = state.clone();
                &mut scratch
            }
            _ => state,
        };
        if let Some(prepared) = prepared {
            prepared(state);
        }
        let mut context =
            RequestContext { scope, account, principal: caller, rules, now: at, state, rng, history, directory };
        if let Some(check) = service.check {
            check(&context, action, input)?;
        }
        (action.answer)(&mut context, input)
    }

    fn log(&self, received: &Received, status: u16, error_code: Option<String>) {
        let principal = received.caller.as_ref();
        let mut log = lock(&self.inner.calls);
        let seq = log.next;
        log.next += 1;
        log.calls.push(Call {
            seq,
            account: principal.map(|principal| principal.account.clone()).unwrap_or_default(),
            region: received.region.clone(),
            service: received.service.clone(),
            operation: received.operation.clone(),
            read_only: received.read_only(),
            status,
            error_code,
            principal: principal.map(|principal| principal.arn.clone()).unwrap_or_default(),
            body: (!received.read_only()).then(|| Value::Object(received.input.clone())),
            access_key: received.access_key.clone(),
        });
    }
}

/// The answer to a request, in its protocol.
fn response(received: &Received, request_id: &str, answer: &Answer) -> Response<Bytes> {
    let status = received.action.map_or(200, |action| action.status);
    (received.wire.response)(&Reply { operation: &received.operation, status, request_id, answer })
}

/// When an event is delivered: events of the past, which scripts make, are there at once.
fn delivery(at: Timestamp, now: Timestamp, delay: Duration) -> Timestamp {
    let delay = jiff::SignedDuration::try_from(delay).unwrap_or_default();
    let delivered = at.checked_add(delay).unwrap_or(at);
    if at < now - jiff::SignedDuration::from_secs(1) { at } else { delivered }
}

fn record(
    place: &mut Place,
    service: &'static Service,
    read_only: ReadOnly,
    asked: &Operation<'_>,
    answer: &Answer,
    request_id: &str,
    delivered: Timestamp,
) -> String {
    let event_id = uuid(&mut place.rng);
    let Operation { caller, service: service_name, operation, input, at, user_agent, source_ip } = *asked;
    place.history.record(Seen {
        scope: &place.scope,
        caller,
        service,
        service_name,
        operation,
        read_only,
        input,
        answer,
        at,
        delivered,
        request_id,
        event_id,
        user_agent,
        source_ip,
    })
}
