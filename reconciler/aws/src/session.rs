//! An account and a region to call, and the clients for it.

use std::any::{Any, TypeId};
use std::collections::{BTreeMap, HashMap};
use std::fmt;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use aws_credential_types::provider::SharedCredentialsProvider;
use aws_types::SdkConfig;
use aws_types::region::Region;
use tokio::task::JoinSet;
use tracing::Instrument as _;

use crate::call::{Call, InFlight};
use crate::clock::{DateTap, SignedSkew};
use crate::connection::Connection;
use crate::credentials::{AccountCredentials, OfTheCall, Principal};
use crate::error::CallError;
use crate::limiter::Window;

/// Who the caller is, as STS says.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct CallerIdentity {
    /// The twelve digits of the caller's own account.
    pub account: String,
    /// The ARN of the user or of the assumed role's session.
    pub arn: String,
}

/// All sessions of a process. Cheap to clone; clones share everything.
#[derive(Clone)]
pub struct Sessions(Arc<Shared>);

struct Shared {
    principal: Arc<Principal>,
    accounts: Mutex<HashMap<String, AccountCredentials>>,
    /// By name.
    regions: Mutex<HashMap<String, Arc<Regional>>>,
    sessions: Mutex<HashMap<(String, String), Session>>,
}

impl fmt::Debug for Sessions {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Sessions").field("identity", &self.0.principal.known()).finish_non_exhaustive()
    }
}

impl Sessions {
    pub(crate) fn new(connection: Connection, base: SdkConfig) -> Self {
        Self(Arc::new(Shared {
            principal: Arc::new(Principal::new(connection, base)),
            accounts: Mutex::default(),
            regions: Mutex::default(),
            sessions: Mutex::default(),
        }))
    }

    /// Who we are. Asked once; every later or concurrent call has the same answer. A failure is
    /// remembered for half a minute.
    ///
    /// # Errors
    ///
    /// Classes `NoCredentials`, `ExpiredCredentials` and `Network` above all.
    pub async fn identity(&self) -> Result<CallerIdentity, CallError> {
        self.0.principal.identity().await
    }

    /// Says what accounts are called, by id, before sessions are used: a role may hold
    /// `${account.name}`.
    pub fn name_accounts(&self, names: impl IntoIterator<Item = (String, String)>) {
        self.0.principal.name_accounts(names);
    }

    /// The session of an account and a region, the same one every time. Makes no call: wrong
    /// credentials are found at its first call.
    pub fn session(&self, account: &str, region: &str) -> Session {
        let key = (account.to_owned(), region.to_owned());
        let mut sessions = lock(&self.0.sessions);
        sessions.entry(key).or_insert_with(|| self.make(account, region)).clone()
    }

    fn make(&self, account: &str, region: &str) -> Session {
        let principal = &self.0.principal;
        let credentials = lock(&self.0.accounts)
            .entry(account.to_owned())
            .or_insert_with(|| AccountCredentials::new(account, Arc::clone(principal)))
            .clone();
        let regional = lock(&self.0.regions)
            .entry(region.to_owned())
            .or_insert_with(|| Arc::new(Regional::new(&principal.base, region)))
            .clone();
        Session(Arc::new(Inner {
            account: account.to_owned(),
            region: region.to_owned(),
            regional,
            credentials,
            principal: Arc::clone(principal),
            windows: Mutex::default(),
        }))
    }

    /// The ARN of the role that is used in an account; `None` where the caller's own credentials are.
    pub fn role_in(&self, account: &str) -> Option<String> {
        let own = self.0.principal.known().is_some_and(|own| own.account == account);
        if own { None } else { self.0.principal.role_arn(account) }
    }

    /// The region whose STS is asked.
    pub fn home_region(&self) -> Option<String> {
        self.0.principal.home_region()
    }

    /// Calls made so far, each counted once whatever its retries, those to STS included.
    pub fn calls(&self) -> u64 {
        self.calls_by_service().values().sum()
    }

    /// The same by service.
    pub fn calls_by_service(&self) -> BTreeMap<&'static str, u64> {
        self.0.principal.limiter.counts()
    }
}

/// What all accounts have in common in a region: the configuration and the clients. A client takes 30 KiB, of which an
/// organization would have thousands; so it is not made for an account, and takes the credentials of the call that it sends,
/// see [`OfTheCall`].
struct Regional {
    config: SdkConfig,
    clients: Mutex<HashMap<TypeId, Box<dyn Any + Send + Sync>>>,
}

impl Regional {
    fn new(base: &SdkConfig, region: &str) -> Self {
        let config = base
            .to_builder()
            .region(Region::new(region.to_owned()))
            .credentials_provider(SharedCredentialsProvider::new(OfTheCall))
            .build();
        Self { config, clients: Mutex::default() }
    }
}

/// One account and region. Cheap to clone; clones share bounds.
#[derive(Clone)]
pub struct Session(Arc<Inner>);

struct Inner {
    account: String,
    region: String,
    regional: Arc<Regional>,
    credentials: AccountCredentials,
    principal: Arc<Principal>,
    windows: Mutex<BTreeMap<&'static str, Arc<Window>>>,
}

impl fmt::Debug for Session {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Session({}/{})", self.0.account, self.0.region)
    }
}

impl Session {
    /// The twelve digits of the account.
    pub fn account(&self) -> &str {
        &self.0.account
    }

    /// The region.
    pub fn region(&self) -> &str {
        &self.0.region
    }

    /// What a client is built from: region, HTTP client, retries and timeouts. The credentials are
    /// those of the call, which one of the macros makes: without one a request is not signed.
    pub fn config(&self) -> &SdkConfig {
        &self.0.regional.config
    }

    /// The client of a type, built at the first use: `session.client(aws_sdk_bedrock::Client::new)`.
    /// There is one per type and region, so `build` must always build the same.
    pub fn client<T>(&self, build: impl FnOnce(&SdkConfig) -> T) -> T
    where
        T: Clone + Send + Sync + 'static,
    {
        let mut clients = lock(&self.0.regional.clients);
        let held = clients.get(&TypeId::of::<T>());
        if let Some(client) = held.and_then(|client| client.downcast_ref::<T>()) {
            return client.clone();
        }
        let client = build(&self.0.regional.config);
        clients.insert(TypeId::of::<T>(), Box::new(client.clone()));
        client
    }

    /// Waits for credentials, then for room, and counts the call. For the macros:
    /// [`crate::call!`], [`crate::call_with_body!`], [`crate::send!`].
    ///
    /// Credentials come first, because a call that waited for them inside the SDK would be under
    /// the timeout of its attempt, and would start them anew whenever that ends.
    ///
    /// # Errors
    ///
    /// Those of fetching the credentials; they name `AssumeRole` or `GetCallerIdentity` as the
    /// operation.
    pub async fn begin(&self, service: &'static str, operation: &'static str) -> Result<InFlight, CallError> {
        self.0.credentials.get().await?;
        let limiter = &self.0.principal.limiter;
        let permit = limiter.admit(&self.window(service), service, operation).await;
        limiter.count(service);
        Ok(InFlight::new(self.clone(), service, operation, permit))
    }

    /// AWS does not take the credentials of this session any more.
    pub(crate) fn credentials_expired(&self) {
        self.0.credentials.expired();
    }

    /// Waits for a request of this session, with the credentials of its account.
    pub(crate) async fn send<F>(&self, sending: F) -> F::Output
    where
        F: Future + Send + 'static,
        F::Output: Send + 'static,
    {
        self.spread(self.0.credentials.clone().within(sending)).await
    }

    /// Waits for `work` on the runtime's threads, so that what one task waits for uses all
    /// processors. Dropping the future ends the work.
    ///
    /// With an AWS inside the process the work stays where it is: calls then arrive in the order in
    /// which they were made, and a rehearsal can be repeated.
    pub async fn spread<F>(&self, work: F) -> F::Output
    where
        F: Future + Send + 'static,
        F::Output: Send + 'static,
    {
        if self.0.principal.connection.is_in_process() {
            return work.await;
        }
        // The set ends the task when this is dropped.
        let mut task = JoinSet::new();
        task.spawn(work.in_current_span());
        match task.join_next().await {
            Some(Ok(outcome)) => outcome,
            Some(Err(failed)) => match failed.try_into_panic() {
                Ok(panic) => std::panic::resume_unwind(panic),
                // The runtime is shutting down, and nobody will ask.
                Err(_) => std::future::pending().await,
            },
            None => std::future::pending().await,
        }
    }

    /// Asks STS of this region who the credentials of this account are, and by how much the clock here is ahead of the answer's.
    /// The clock is told of an error too: AWS refuses what is signed at another time.
    pub async fn ask(&self) -> (Result<CallerIdentity, CallError>, Option<SignedSkew>) {
        const OPERATION: &str = "GetCallerIdentity";
        let sts = self.client(aws_sdk_sts::Client::new);
        let call = match self.begin("sts", OPERATION).await {
            Ok(call) => call,
            Err(error) => return (Err(error), None),
        };
        let clock = DateTap::default();
        let asking = sts.get_caller_identity().customize().interceptor(call.tap()).interceptor(clock.clone());
        let sent = call.carry(asking.send()).await;
        let identity = call.output(sent).and_then(|output| match (output.account, output.arn) {
            (Some(account), Some(arn)) => Ok(CallerIdentity { account, arn }),
            _ => Err(self.describe("sts", OPERATION).unreadable("an account and an ARN", None, None)),
        });
        (identity, clock.skew())
    }

    pub(crate) fn window(&self, service: &'static str) -> Arc<Window> {
        let mut windows = lock(&self.0.windows);
        let window = windows.entry(service).or_insert_with(|| self.0.principal.limiter.window());
        Arc::clone(window)
    }

    /// Whether STS has taken the credentials of this very account in this very region.
    pub(crate) fn is_home(&self) -> bool {
        let principal = &self.0.principal;
        principal.known().is_some_and(|identity| identity.account == self.0.account)
            && principal.home_region().as_deref() == Some(&self.0.region)
    }

    /// The facts of a call, for its error.
    pub(crate) fn describe(&self, service: &'static str, operation: &'static str) -> Call {
        let principal = &self.0.principal;
        let known = principal.known();
        let own = known.is_some_and(|identity| identity.account == self.0.account);
        let role = (known.is_some() && !own).then(|| principal.role_arn(&self.0.account)).flatten();
        Call {
            service,
            operation,
            account: Some(self.0.account.clone()),
            region: Some(self.0.region.clone()),
            role,
            caller: known.map(|identity| identity.arn.clone()),
        }
    }
}

/// Maps of finished values: a panic elsewhere while a lock is held does not spoil them.
fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}
