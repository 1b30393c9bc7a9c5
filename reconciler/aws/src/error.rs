//! What went wrong with a call, and what a person can do about it.
//!
//! A library error carries facts; the terminal decides about wording around it, exit code and
//! colour. Nothing in here holds credentials or request bodies.

use std::fmt;
use std::ops::Deref;

/// What kind of failure a call met. Decided by the error code, never by the HTTP status alone:
/// the same code has different statuses in different services.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum ErrorClass {
    /// The named resource does not exist. The only class that proves absence.
    NotFound,
    /// The caller may not do this.
    Denied,
    /// The service asked for fewer calls; the SDK's own retries are used up.
    Throttled,
    /// The credentials were good and no longer are.
    ExpiredCredentials,
    /// No usable credentials: none were found, or AWS does not know them.
    NoCredentials,
    /// The service could not be reached, or did not answer in time.
    Network,
    /// The region is not enabled for the account, or the service does not exist there.
    WrongRegion,
    /// The resource is busy, exists already, or was changed by somebody else.
    Conflict,
    /// A limit of the account would be exceeded.
    Quota,
    /// The request is wrong and would be wrong again.
    Invalid,
    /// The service failed.
    Server,
    /// Nothing was sent: what was to be asked or written was found wrong before. Nothing can have changed.
    Unsent,
    /// None of the above is known to be true.
    Unknown,
}

impl fmt::Display for ErrorClass {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::NotFound => "not found",
            Self::Denied => "denied",
            Self::Throttled => "throttled",
            Self::ExpiredCredentials => "expired credentials",
            Self::NoCredentials => "no credentials",
            Self::Network => "network",
            Self::WrongRegion => "wrong region",
            Self::Conflict => "conflict",
            Self::Quota => "quota",
            Self::Invalid => "invalid",
            Self::Server => "server",
            Self::Unsent => "not sent",
            Self::Unknown => "unknown",
        })
    }
}

/// The facts about a failed call. Reached through [`CallError`], which dereferences to this.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct CallFacts {
    /// The kind of failure.
    pub class: ErrorClass,
    /// The error code as AWS sent it, or a word of ours when there was no answer.
    pub code: String,
    /// The message as AWS sent it, shortened; or the text of the causes when there was no answer.
    pub message: String,
    /// The service, as it was named in the call: `bedrock`, `logs`, `sts`.
    pub service: &'static str,
    /// The API operation: `GetGuardrail`.
    pub operation: &'static str,
    /// The account that was addressed, when known.
    pub account: Option<String>,
    /// The region that was addressed, when known.
    pub region: Option<String>,
    /// AWS's id of the request, for a support case and for CloudTrail.
    pub request_id: Option<String>,
    /// The HTTP status, when there was an answer. Not to be branched upon.
    pub status: Option<u16>,
    /// The ARN of the role that the call was made with, or that could not be assumed.
    pub role: Option<String>,
    /// The ARN that assumes the role, when known.
    pub caller: Option<String>,
}

/// A failed call. Cheap to clone and to return: the facts are boxed.
///
/// `Display` completes "failed to ...". There is no source: the causes below a network failure
/// are in the message.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{0}")]
pub struct CallError(Box<CallFacts>);

impl Deref for CallError {
    type Target = CallFacts;
    fn deref(&self) -> &CallFacts {
        &self.0
    }
}

impl From<CallFacts> for CallError {
    fn from(facts: CallFacts) -> Self {
        Self(Box::new(facts))
    }
}

impl fmt::Display for CallFacts {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "call {}:{}", self.iam_prefix(), self.operation)?;
        match (&self.account, &self.region) {
            (Some(account), Some(region)) => write!(f, " in {account}/{region}")?,
            (Some(place), None) | (None, Some(place)) => write!(f, " in {place}")?,
            (None, None) => {}
        }
        write!(f, ": {}", self.code)?;
        if !self.message.is_empty() {
            write!(f, ": {}", self.message)?;
        }
        if let Some(id) = &self.request_id {
            write!(f, " (request {id})")?;
        }
        Ok(())
    }
}

impl CallFacts {
    /// Whether the same call may succeed later without anybody doing anything.
    ///
    /// The SDK has already retried throttles and transient failures; this is for a caller with
    /// more time. "Already exists" is a conflict that does not go away.
    pub fn retryable(&self) -> bool {
        match self.class {
            ErrorClass::Throttled | ErrorClass::Network | ErrorClass::Server => true,
            ErrorClass::Conflict => !self.code.contains("AlreadyExists") && !self.code.starts_with("Duplicate"),
            _ => false,
        }
    }

    /// What a person can do about it, as one or two sentences. `None` when the error says it all.
    pub fn hint(&self) -> Option<String> {
        let region = self.region.as_deref().unwrap_or("this region");
        match self.class {
            ErrorClass::NoCredentials => Some(
                "give credentials in one of the usual ways: set AWS_PROFILE, run `aws sso login`, \
                 set AWS_ACCESS_KEY_ID and AWS_SECRET_ACCESS_KEY, or run where an instance or task \
                 role is attached. If they are set, check the key and the clock of this machine."
                    .to_owned(),
            ),
            ErrorClass::ExpiredCredentials => Some(
                "refresh the credentials: run `aws sso login`, or renew the session token in the \
                 environment, then run again."
                    .to_owned(),
            ),
            ErrorClass::Denied => Some(self.hint_denied()),
            ErrorClass::Network => Some(format!(
                "check that this machine reaches the {} endpoint of {region}: name resolution, \
                 HTTPS_PROXY and NO_PROXY, a VPC endpoint, and AWS_ENDPOINT_URL if it is set.",
                self.iam_prefix(),
            )),
            ErrorClass::WrongRegion => Some(self.hint_region(region)),
            ErrorClass::Throttled => Some(
                "run again later, or lower the number of concurrent calls; somebody else may be \
                 using the same quota."
                    .to_owned(),
            ),
            ErrorClass::Quota => Some(format!(
                "remove what is no longer used, or ask for a higher {} quota in Service Quotas.",
                self.iam_prefix(),
            )),
            ErrorClass::Conflict if self.retryable() => {
                Some("the resource is being changed; run again when it has settled.".to_owned())
            }
            ErrorClass::Invalid if self.code == "NoRole" => Some(
                "name the role to assume in the organization's declaration, or use credentials of \
                 that account."
                    .to_owned(),
            ),
            ErrorClass::Server => Some("run again later; AWS reports its own failure.".to_owned()),
            ErrorClass::NotFound
            | ErrorClass::Conflict
            | ErrorClass::Invalid
            | ErrorClass::Unsent
            | ErrorClass::Unknown => None,
        }
    }

    /// The IAM action that this call needs, as `prefix:Operation`.
    ///
    /// AWS's own message wins where it names the action, because some operations (most of S3's)
    /// are authorised under another name.
    pub fn iam_action(&self) -> String {
        const NAMED: &str = "not authorized to perform: ";
        let named = self.message.split_once(NAMED).and_then(|(_, rest)| {
            let word = rest.split_whitespace().next()?.trim_end_matches(['.', ',']);
            word.contains(':').then(|| word.to_owned())
        });
        named.unwrap_or_else(|| format!("{}:{}", self.iam_prefix(), self.operation))
    }

    fn hint_region(&self, region: &str) -> String {
        let account = self.account.as_ref().map_or_else(|| "the account".to_owned(), |a| format!("account {a}"));
        let service = self.iam_prefix();
        match self.code.strip_suffix("Exception").unwrap_or(&self.code) {
            "NoSuchHost" | "UnknownEndpoint" | "InvalidEndpoint" | "UnknownOperation" => format!(
                "{service} does not exist in region {region}: leave the region out of the desired \
                 state, or of the `where` of the declarations.",
            ),
            "UnrecognizedClient"
            | "InvalidClientTokenId"
            | "AuthFailure"
            | "InvalidToken"
            | "InvalidAccessKeyId"
            | "RegionDisabled" => format!(
                "region {region} is not enabled in {account}: enable the region or leave it out of \
                 the desired state. If it is enabled, the session token comes from the global endpoint \
                 of STS, which regions that have to be enabled do not take.",
            ),
            _ => format!(
                "either region {region} is not enabled in {account}, or {service} does not exist \
                 there: enable the region or leave it out of the desired state.",
            ),
        }
    }

    fn hint_denied(&self) -> String {
        let action = self.iam_action();
        match (&self.role, &self.caller) {
            (Some(role), caller) if self.operation == "AssumeRole" => {
                let caller = caller.as_deref().unwrap_or("the caller");
                format!(
                    "let the trust policy of {role} name {caller}, and allow {action} on it to \
                     {caller}; the role must exist in account {}.",
                    self.account.as_deref().unwrap_or("it names"),
                )
            }
            (Some(principal), _) | (None, Some(principal)) => format!(
                "allow {action} to {principal}; if its policies do, look for an SCP, a permission \
                 boundary or a resource policy that denies it.",
            ),
            (None, None) => format!(
                "allow {action} to the caller; if its policies do, look for an SCP, a permission \
                 boundary or a resource policy that denies it.",
            ),
        }
    }

    /// The IAM service prefix. Endpoint and SDK names differ from it for a few services.
    fn iam_prefix(&self) -> &'static str {
        match self.service {
            "bedrock-agent" | "bedrockagent" => "bedrock",
            "cloudwatchlogs" => "logs",
            "s3control" => "s3",
            other => other,
        }
    }
}
