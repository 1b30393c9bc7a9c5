//! Who we are, and who we become in another account.
//!
//! The only serial waits before a first call: the caller's identity, once per process, and one
//! AssumeRole per other account, whatever the number of its regions, clients and waiting calls.

use std::borrow::Cow;
use std::collections::HashMap;
use std::fmt;
use std::sync::{Arc, Mutex, OnceLock, PoisonError};
use std::time::{Duration, SystemTime};

use aws_credential_types::Credentials;
use aws_credential_types::provider::error::CredentialsError;
use aws_credential_types::provider::{
    ProvideCredentials, SharedCredentialsProvider, future::ProvideCredentials as Provided,
};
use aws_types::SdkConfig;

use crate::call::Call;
use crate::classify::{self, CallOutcome};
use crate::connection::Connection;
use crate::error::{CallError, ErrorClass};
use crate::limiter::Limiter;
use crate::session::CallerIdentity;
use crate::single_flight::{Fetched, REFRESH_BEFORE, SingleFlight};

/// How long credentials without an end, from a profile or the environment, are believed before
/// their source is asked again.
const UNDATED: Duration = Duration::from_secs(15 * 60);

/// How long an identity is believed: it cannot change while the process runs.
const ALWAYS: Duration = Duration::from_secs(10 * 365 * 24 * 3600);

/// What all accounts share.
pub(crate) struct Principal {
    pub(crate) connection: Connection,
    pub(crate) base: SdkConfig,
    pub(crate) limiter: Limiter,
    sts: aws_sdk_sts::Client,
    own: OwnCredentials,
    identity: SingleFlight<CallerIdentity>,
    known: OnceLock<CallerIdentity>,
    /// Names of accounts by id, for roles that hold them.
    names: Mutex<HashMap<String, String>>,
}

impl Principal {
    pub(crate) fn new(connection: Connection, base: SdkConfig) -> Self {
        let own = OwnCredentials(Arc::new(Own { source: base.credentials_provider(), flight: SingleFlight::new() }));
        let provider = SharedCredentialsProvider::new(own.clone());
        let base = base.into_builder().credentials_provider(provider).build();
        Self {
            sts: aws_sdk_sts::Client::new(&base),
            limiter: Limiter::new(connection.limits, connection.holds_to_rates(&base)),
            connection,
            base,
            own,
            identity: SingleFlight::new(),
            known: OnceLock::new(),
            names: Mutex::default(),
        }
    }

    pub(crate) fn home_region(&self) -> Option<String> {
        self.base.region().map(|region| region.as_ref().to_owned())
    }

    pub(crate) fn name_accounts(&self, names: impl IntoIterator<Item = (String, String)>) {
        self.names.lock().unwrap_or_else(PoisonError::into_inner).extend(names);
    }

    /// The ARN of the role to assume in an account.
    pub(crate) fn role_arn(&self, account: &str) -> Option<String> {
        let names = self.names.lock().unwrap_or_else(PoisonError::into_inner);
        self.connection.role_arn(account, names.get(account).map(String::as_str))
    }

    /// The identity, if it has been asked for.
    pub(crate) fn known(&self) -> Option<&CallerIdentity> {
        self.known.get()
    }

    pub(crate) async fn identity(&self) -> Result<CallerIdentity, CallError> {
        if let Some(known) = self.known() {
            return Ok(known.clone());
        }
        self.identity.get(|| self.ask_identity()).await
    }

    async fn ask_identity(&self) -> Result<Fetched<CallerIdentity>, CallError> {
        let call = self.describe_sts("GetCallerIdentity", None, None);
        self.limiter.count("sts");
        let output = self
            .sts
            .get_caller_identity()
            .send()
            .await
            .map_err(|error| classify::classify(&call, &error, self.custom_endpoint()))?;
        let (Some(account), Some(arn)) = (output.account, output.arn) else {
            return Err(incomplete(&call, "an account and an ARN"));
        };
        let identity = CallerIdentity { account, arn };
        let identity = self.known.get_or_init(|| identity).clone();
        Ok(Fetched { value: identity, until: SystemTime::now() + ALWAYS })
    }

    async fn assume_role(&self, account: &str, caller: &CallerIdentity) -> Result<Fetched<Credentials>, CallError> {
        let role = self.role_arn(account);
        let call = self.describe_sts("AssumeRole", Some(account), role.clone());
        let call = Call { caller: Some(caller.arn.clone()), ..call };
        let Some(role) = role else {
            return Err(call.error(CallOutcome {
                class: ErrorClass::Invalid,
                code: "NoRole".to_owned(),
                message: format!(
                    "no role to assume is configured there, and the credentials are of account {}",
                    caller.account
                ),
                status: None,
                request_id: None,
            }));
        };
        self.limiter.count("sts");
        let output = self
            .sts
            .assume_role()
            .role_arn(&role)
            .role_session_name(&self.connection.session_name)
            .set_source_identity(self.connection.source_identity.clone())
            .set_external_id(self.connection.external_id.clone())
            .send()
            .await
            .map_err(|error| classify::classify(&call, &error, self.custom_endpoint()))?;
        let Some(given) = output.credentials else {
            return Err(incomplete(&call, "credentials"));
        };
        let until =
            SystemTime::try_from(given.expiration).map_err(|_| incomplete(&call, "an expiration that is in range"))?;
        let value = Credentials::new(
            given.access_key_id,
            given.secret_access_key,
            Some(given.session_token),
            Some(until),
            "AssumeRole",
        );
        tracing::debug!(account, role, "role assumed");
        Ok(Fetched { value, until })
    }

    fn custom_endpoint(&self) -> bool {
        self.base.endpoint_url().is_some()
    }

    fn describe_sts(&self, operation: &'static str, account: Option<&str>, role: Option<String>) -> Call {
        Call {
            service: "sts",
            operation,
            account: account.map(str::to_owned),
            region: self.home_region(),
            role,
            caller: None,
        }
    }
}

fn incomplete(call: &Call, expected: &str) -> CallError {
    call.unreadable(expected, None, None)
}

/// The caller's own credentials, as the default chain finds them.
#[derive(Clone)]
struct OwnCredentials(Arc<Own>);

struct Own {
    source: Option<SharedCredentialsProvider>,
    flight: SingleFlight<Credentials>,
}

impl OwnCredentials {
    async fn get(&self) -> Result<Credentials, CallError> {
        self.0.flight.get(|| self.0.load()).await
    }
}

impl Own {
    async fn load(&self) -> Result<Fetched<Credentials>, CallError> {
        let missing = CredentialsError::not_loaded_no_source();
        let loaded = match &self.source {
            Some(source) => source.provide_credentials().await,
            None => Err(missing),
        };
        match loaded {
            Ok(value) => {
                let undated = || SystemTime::now() + UNDATED + REFRESH_BEFORE;
                let until = value.expiry().unwrap_or_else(undated);
                Ok(Fetched { value, until })
            }
            Err(error) => {
                let call = Call {
                    service: "credentials",
                    operation: "Load",
                    account: None,
                    region: None,
                    role: None,
                    caller: None,
                };
                Err(classify::from_credentials(&call, &error))
            }
        }
    }
}

impl fmt::Debug for OwnCredentials {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("OwnCredentials")
    }
}

impl ProvideCredentials for OwnCredentials {
    fn provide_credentials<'a>(&'a self) -> Provided<'a>
    where
        Self: 'a,
    {
        Provided::new(async { self.get().await.map_err(CredentialsError::provider_error) })
    }
}

/// The credentials to use in one account: our own, or those of the role there.
#[derive(Clone)]
pub(crate) struct AccountCredentials(Arc<Account>);

struct Account {
    account: String,
    principal: Arc<Principal>,
    role: SingleFlight<Credentials>,
}

impl AccountCredentials {
    pub(crate) fn new(account: &str, principal: Arc<Principal>) -> Self {
        Self(Arc::new(Account { account: account.to_owned(), principal, role: SingleFlight::new() }))
    }

    /// The credentials, fetched if they are not held.
    pub(crate) async fn get(&self) -> Result<Credentials, CallError> {
        let Account { account, principal, role } = &*self.0;
        let caller = match principal.known() {
            Some(known) => Cow::Borrowed(known),
            None => Cow::Owned(principal.identity().await?),
        };
        if caller.account == *account {
            principal.own.get().await
        } else {
            role.get(|| principal.assume_role(account, &caller)).await
        }
    }
}

impl AccountCredentials {
    /// Drops the cached credentials after AWS refused them: a revoked session ends early. Those of the role and our own go
    /// together.
    pub(crate) fn expired(&self) {
        let Account { principal, role, .. } = &*self.0;
        role.drop_held();
        principal.own.0.flight.drop_held();
    }
}

impl fmt::Debug for AccountCredentials {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "AccountCredentials({})", self.0.account)
    }
}

tokio::task_local! {
    /// The credentials of the call that is being sent.
    static CALLER: AccountCredentials;
}

impl AccountCredentials {
    /// The work, in which [`OfTheCall`] means these credentials.
    pub(crate) fn within<F: Future>(self, work: F) -> impl Future<Output = F::Output> {
        CALLER.scope(self, work)
    }
}

/// The credentials of the account whose call is being sent, for clients that all accounts share. The SDK asks for them
/// in the task that sends the request, once for each attempt, and keeps none: its identity cache is off. Outside of a call
/// there are none, so that nothing is ever signed for an account that was not meant.
#[derive(Debug)]
pub(crate) struct OfTheCall;

impl ProvideCredentials for OfTheCall {
    fn provide_credentials<'a>(&'a self) -> Provided<'a>
    where
        Self: 'a,
    {
        Provided::new(async {
            let caller = CALLER.try_with(AccountCredentials::clone);
            let caller = caller.map_err(|_| CredentialsError::not_loaded("the request is of no session"))?;
            caller.get().await.map_err(CredentialsError::provider_error)
        })
    }
}
