//! How to reach AWS: the options from which [`Sessions`] are opened.

use std::time::Duration;

use aws_config::BehaviorVersion;
use aws_config::environment::region::EnvironmentVariableRegionProvider;
use aws_config::meta::region::RegionProviderChain;
use aws_config::profile::region::ProfileFileRegionProvider;
use aws_config::stalled_stream_protection::StalledStreamProtectionConfig;
use aws_credential_types::Credentials;
use aws_credential_types::provider::SharedCredentialsProvider;
use aws_smithy_runtime_api::client::http::SharedHttpClient;
use aws_smithy_types::retry::RetryConfig;
use aws_smithy_types::timeout::TimeoutConfig;
use aws_types::SdkConfig;
use aws_types::app_name::AppName;
use aws_types::region::Region;

use crate::http_client;
use crate::limiter::Limits;
use crate::session::Sessions;

/// The management account of the embedded AWS. It is the access key id of the credentials that
/// [`Connection::in_process`] signs with, by which the embedded AWS knows its caller.
pub const EMBEDDED_ACCOUNT: &str = "111122223333";

/// How long to wait. Every attempt is bounded and so is the whole call with its retries.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Timeouts {
    /// For a connection. Default 3 s.
    pub connect: Duration,
    /// For the first byte of an answer. Default 30 s.
    pub read: Duration,
    /// For one attempt. Default 20 s.
    pub attempt: Duration,
    /// For a call with all its attempts and pauses. Default 60 s.
    pub operation: Duration,
}

impl Default for Timeouts {
    fn default() -> Self {
        Self {
            connect: Duration::from_secs(3),
            read: Duration::from_secs(30),
            attempt: Duration::from_secs(20),
            operation: Duration::from_secs(60),
        }
    }
}

/// The longest pause before a retry, in first pauses. The SDK's own is 20 s, whatever the first one is. Pauses have to outlast
/// a burst; that calls are fewer while throttles last is the work of the window of [`crate::limiter`], so that longer pauses
/// would only hold up the one call that was unlucky several times: half of all calls throttled, a plan of 1,000 resources took
/// a median of 12.8 s without this bound, and 1.2 s with it.
const LONGEST_BACKOFF: u32 = 4;

/// The SDK's standard retries: throttles and transient failures, exponential pauses with jitter.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Retries {
    /// Attempts in all, at least one. Default 8; the time of the whole call bounds them too.
    pub attempts: u32,
    /// Longest first pause. Default 1 s; tests set 1 ms.
    pub initial_backoff: Duration,
}

impl Default for Retries {
    fn default() -> Self {
        Self { attempts: 8, initial_backoff: Duration::from_secs(1) }
    }
}

/// Options. Build one with [`Connection::live`] or [`Connection::in_process`], then
/// [`Connection::open`].
#[derive(Debug, Clone)]
pub struct Connection {
    embedded: Option<SharedHttpClient>,
    pub(crate) role: Option<String>,
    pub(crate) session_name: String,
    pub(crate) source_identity: Option<String>,
    pub(crate) external_id: Option<String>,
    pub(crate) partition: String,
    home_region: Option<String>,
    timeouts: Timeouts,
    retries: Retries,
    pub(crate) limits: Limits,
    rates: Option<bool>,
}

impl Connection {
    /// AWS itself, or whatever `AWS_ENDPOINT_URL` names, with the SDK's default chain: environment,
    /// profile, SSO, process, web identity, container and instance role.
    ///
    /// Unlike the SDK's, the region chain does not ask the instance metadata: the region is only
    /// used for STS, and asking costs seconds anywhere but on EC2.
    pub fn live() -> Self {
        Self::new(None)
    }

    /// An AWS inside this process, below the SDK. No network client is built, and no file or
    /// environment variable is read.
    pub fn in_process(client: SharedHttpClient) -> Self {
        Self::new(Some(client))
    }

    fn new(embedded: Option<SharedHttpClient>) -> Self {
        Self {
            embedded,
            role: None,
            session_name: "bedrock-reconciler".to_owned(),
            source_identity: None,
            external_id: None,
            partition: "aws".to_owned(),
            home_region: None,
            timeouts: Timeouts::default(),
            retries: Retries::default(),
            limits: Limits::default(),
            rates: None,
        }
    }

    /// The role to assume in every account but the caller's own: a name, with its path if it has
    /// one, or an ARN. `${account.id}`, `${account.name}` and `${partition}` are replaced in both; see
    /// [`Sessions::name_accounts`].
    #[must_use]
    pub fn role(self, role: impl Into<String>) -> Self {
        self.role_or_own(Some(role.into()))
    }

    /// The same where there may be none: only the caller's own account can be called then.
    #[must_use]
    pub fn role_or_own(mut self, role: Option<String>) -> Self {
        self.role = role;
        self
    }

    /// The run's id, used as RoleSessionName, by which CloudTrail tells our writes from others'.
    /// Characters that STS refuses become `-`.
    #[must_use]
    pub fn session_name(mut self, name: &str) -> Self {
        self.session_name = session_name(name);
        self
    }

    /// Also sets SourceIdentity. Off by default: it needs `sts:SetSourceIdentity` in the trust
    /// policy of every role.
    #[must_use]
    pub fn source_identity(mut self, name: &str) -> Self {
        self.source_identity = Some(session_name(name));
        self
    }

    /// The external id that the trust policies of the roles ask for. No secret, but nobody else's business either.
    #[must_use]
    pub fn external_id(mut self, id: Option<String>) -> Self {
        self.external_id = id;
        self
    }

    /// The partition, for role ARNs and the default home region. Default `aws`.
    #[must_use]
    pub fn partition(mut self, partition: impl Into<String>) -> Self {
        self.partition = partition.into();
        self
    }

    /// The region whose STS is asked. Default: `AWS_REGION`, `AWS_DEFAULT_REGION`, the profile's,
    /// else the partition's first.
    #[must_use]
    pub fn home_region(mut self, region: impl Into<String>) -> Self {
        self.home_region = Some(region.into());
        self
    }

    /// How long to wait.
    #[must_use]
    pub fn timeouts(mut self, timeouts: Timeouts) -> Self {
        self.timeouts = timeouts;
        self
    }

    /// How often to try.
    #[must_use]
    pub fn retries(mut self, retries: Retries) -> Self {
        self.retries = retries;
        self
    }

    /// How many calls at a time.
    #[must_use]
    pub fn limits(mut self, limits: Limits) -> Self {
        self.limits = limits;
        self
    }

    /// Whether known request rates are held to before AWS enforces them. Default: with AWS itself.
    /// The embedded AWS and what `AWS_ENDPOINT_URL` names are not slowed down: they enforce no
    /// rates, or answer with throttles, which are learnt from. Endpoints of single services
    /// (`AWS_ENDPOINT_URL_LOGS`) are taken for AWS.
    #[must_use]
    pub fn known_rates(mut self, held_to: bool) -> Self {
        self.rates = Some(held_to);
        self
    }

    /// Whether rates are held to with this configuration.
    pub(crate) fn holds_to_rates(&self, base: &SdkConfig) -> bool {
        self.rates.unwrap_or(self.embedded.is_none() && base.endpoint_url().is_none())
    }

    /// Reads the environment and the profile, if live, and makes no call. Missing or wrong
    /// credentials are found at the first call.
    pub async fn open(self) -> Sessions {
        let config = match &self.embedded {
            Some(client) => self.embedded_config(client.clone()),
            None => self.live_config().await,
        };
        let base = config
            .into_builder()
            .timeout_config(
                TimeoutConfig::builder()
                    .connect_timeout(self.timeouts.connect)
                    .read_timeout(self.timeouts.read)
                    .operation_attempt_timeout(self.timeouts.attempt)
                    .operation_timeout(self.timeouts.operation)
                    .build(),
            )
            .retry_config(
                RetryConfig::standard()
                    .with_max_attempts(self.retries.attempts.max(1))
                    .with_initial_backoff(self.retries.initial_backoff)
                    .with_max_backoff(self.retries.initial_backoff * LONGEST_BACKOFF),
            )
            // Answers are small and read at once, and every attempt has its timeout.
            .stalled_stream_protection(StalledStreamProtectionConfig::disabled())
            // Our providers keep what they fetch, failures included. The SDK's cache would keep
            // it a second time, and would forget failures.
            .identity_cache(aws_config::identity::IdentityCache::no_cache())
            .build();
        Sessions::new(self, base)
    }

    fn embedded_config(&self, client: SharedHttpClient) -> SdkConfig {
        let credentials = Credentials::new(EMBEDDED_ACCOUNT, "emulator", None, None, "embedded");
        let mut builder = SdkConfig::builder()
            .behavior_version(BehaviorVersion::latest())
            .http_client(client)
            .credentials_provider(SharedCredentialsProvider::new(credentials))
            .region(Region::new(self.region_or_default()));
        builder.set_app_name(app_name());
        builder.build()
    }

    async fn live_config(&self) -> SdkConfig {
        let region = RegionProviderChain::first_try(self.home_region.clone().map(Region::new))
            .or_else(EnvironmentVariableRegionProvider::new())
            .or_else(ProfileFileRegionProvider::new())
            .or_else(Region::new(self.region_or_default()));
        let mut loader =
            aws_config::defaults(BehaviorVersion::latest()).http_client(http_client::network()).region(region);
        if let Some(name) = app_name() {
            loader = loader.app_name(name);
        }
        loader.load().await
    }

    fn region_or_default(&self) -> String {
        if let Some(region) = &self.home_region {
            return region.clone();
        }
        match self.partition.as_str() {
            "aws-us-gov" => "us-gov-west-1",
            "aws-cn" => "cn-north-1",
            "aws-eusc" => "eusc-de-east-1",
            _ => "us-east-1",
        }
        .to_owned()
    }

    /// Whether no network is used.
    pub(crate) fn is_in_process(&self) -> bool {
        self.embedded.is_some()
    }

    /// The ARN of the role to assume in an account, which may have a name; `None` when none is
    /// configured, or when it depends on a name that is not known.
    pub(crate) fn role_arn(&self, account: &str, name: Option<&str>) -> Option<String> {
        let role = self.role.as_deref()?;
        let mut role = role.replace("${account.id}", account).replace("${partition}", &self.partition);
        if role.contains("${account.name}") {
            role = role.replace("${account.name}", name?);
        }
        Some(if role.starts_with("arn:") {
            role
        } else {
            format!("arn:{}:iam::{account}:role/{}", self.partition, role.trim_start_matches('/'))
        })
    }
}

/// Shown in the user agent, and so in CloudTrail. `None` cannot happen with this name.
fn app_name() -> Option<AppName> {
    AppName::new("bedrock-reconciler").ok()
}

/// STS takes 2 to 64 of `[\w+=,.@-]`.
fn session_name(name: &str) -> String {
    let mut name: String = name
        .chars()
        .take(64)
        .map(|c| match c {
            'a'..='z' | 'A'..='Z' | '0'..='9' | '_' | '+' | '=' | ',' | '.' | '@' | '-' => c,
            _ => '-',
        })
        .collect();
    while name.len() < 2 {
        name.push('-');
    }
    name
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_role_is_a_name_or_an_arn_template() {
        let connection = |role: &str| Connection::live().partition("aws-us-gov").role(role);
        assert_eq!(
            connection("ops/reader").role_arn("222233334444", None).as_deref(),
            Some("arn:aws-us-gov:iam::222233334444:role/ops/reader"),
        );
        assert_eq!(
            connection("reader-${account.name}").role_arn("222233334444", Some("prod")).as_deref(),
            Some("arn:aws-us-gov:iam::222233334444:role/reader-prod"),
        );
        assert_eq!(connection("reader-${account.name}").role_arn("222233334444", None), None);
        assert_eq!(
            connection("arn:${partition}:iam::${account.id}:role/x-${account.id}")
                .role_arn("222233334444", None)
                .as_deref(),
            Some("arn:aws-us-gov:iam::222233334444:role/x-222233334444"),
        );
        assert_eq!(Connection::live().role_arn("222233334444", None), None);
    }

    #[test]
    fn session_names_are_what_sts_takes() {
        assert_eq!(session_name("run 2026/11"), "run-2026-11");
        assert_eq!(session_name(""), "--");
        assert_eq!(session_name(&"é".repeat(80)), "-".repeat(64));
    }
}
