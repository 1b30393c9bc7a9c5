//! From what the SDK returns to a [`CallError`].
//!
//! Codes decide. The HTTP status is looked at only when there is no code that we know, which is
//! what a proxy or load balancer in between sends. Codes: the error shapes of the service models
//! of bedrock, bedrock-agent, logs, kms, cloudtrail, organizations, and the common errors of the
//! query protocols (ec2, iam, sts) and s3.

use std::error::Error;

use aws_credential_types::provider::error::CredentialsError;
use aws_smithy_runtime_api::client::orchestrator::HttpResponse;
use aws_smithy_runtime_api::client::result::SdkError;
use aws_smithy_types::error::metadata::ProvideErrorMetadata;
use reconciler_model::text;

use crate::call::Call;
use crate::error::{CallError, CallFacts, ErrorClass};

/// Longest message that is kept, in characters. S3 and SigV4 errors can be pages long.
const LONGEST_MESSAGE: usize = 1000;

/// The code of a call whose time ended.
pub(crate) const TIMEOUT: &str = "Timeout";

/// A call whose time ended after at least one of its attempts was throttled.
pub(crate) fn out_of_time(error: CallError) -> CallError {
    let message = format!("throttled until the time of the call was over: {}", error.message);
    CallFacts { class: ErrorClass::Throttled, message, ..(*error).clone() }.into()
}

/// Interprets a refusal of credentials that worked elsewhere in this process: the region is not enabled in the account. In
/// the own account and the home region, where STS has just accepted them, they have expired. No further call is made.
///
/// The codes of the JSON services and of EC2 are documented; that S3 says `InvalidToken` or `InvalidAccessKeyId` there is a
/// hypothesis.
pub(crate) fn region_or_credentials(error: CallError, taken_here: bool) -> CallError {
    const UNKNOWN_CREDENTIALS: &[&str] =
        &["UnrecognizedClient", "InvalidClientTokenId", "AuthFailure", "InvalidToken", "InvalidAccessKeyId"];
    let word = error.code.strip_suffix("Exception").unwrap_or(&error.code);
    if !UNKNOWN_CREDENTIALS.contains(&word) {
        return error;
    }
    let class = if taken_here { ErrorClass::NoCredentials } else { ErrorClass::WrongRegion };
    CallFacts { class, ..(*error).clone() }.into()
}

/// The class of an error code. `message` refines the few codes that mean two things.
pub(crate) fn class_of(code: &str, message: &str, status: Option<u16>) -> ErrorClass {
    use ErrorClass as C;
    // Query services send `Throttling`, JSON services `ThrottlingException`.
    let word = code.strip_suffix("Exception").unwrap_or(code);
    match word {
        "AccessDenied"
        | "UnauthorizedOperation"
        | "Unauthorized"
        | "NotAuthorized"
        | "OperationNotPermitted"
        | "NotOrganizationMasterAccount"
        | "NotOrganizationManagementAccount"
        | "CloudTrailAccessNotEnabled"
        | "AuthorizationError"
        | "OptInRequired"
        | "Forbidden"
        | "AllAccessDisabled" => C::Denied,

        "Throttling"
        | "Throttled"
        | "ThrottledRequest"
        | "RequestThrottled"
        | "TooManyRequests"
        | "RequestLimitExceeded"
        | "RequestThrottledLimit"
        | "BandwidthLimitExceeded"
        | "ProvisionedThroughputExceeded"
        | "PriorRequestNotComplete"
        | "SlowDown"
        | "EC2ThrottledException" => C::Throttled,

        "ExpiredToken" | "TokenRefreshRequired" | "InvalidIdentityToken" => C::ExpiredCredentials,

        "InvalidClientTokenId"
        | "MissingAuthenticationToken"
        | "IncompleteSignature"
        | "InvalidAccessKeyId"
        | "InvalidToken"
        | "RequestExpired"
        | "RequestTimeTooSkewed" => C::NoCredentials,

        "InvalidSignature" | "SignatureDoesNotMatch" => {
            if message.contains("should be scoped to") {
                C::WrongRegion
            } else {
                C::NoCredentials
            }
        }

        "UnrecognizedClient"
        | "UnknownOperation"
        | "UnknownEndpoint"
        | "InvalidEndpoint"
        | "RegionDisabled"
        | "AuthFailure"
        | "PermanentRedirect"
        | "InvalidRegion"
        | "AuthorizationHeaderMalformed"
        | "IllegalLocationConstraint" => C::WrongRegion,

        "ResourceNotFound" | "NotFound" | "NoSuchEntity" => C::NotFound,

        "Conflict"
        | "OperationAborted"
        | "ConcurrentModification"
        | "ResourceInUse"
        | "DeleteConflict"
        | "EntityTemporarilyUnmodifiable"
        | "ResourceConflict"
        | "KMSInvalidState"
        | "IncorrectState"
        | "PolicyTypeAlreadyEnabled"
        | "DuplicatePolicyAttachment"
        | "DuplicatePolicy"
        | "IdempotentParameterMismatch"
        | "IdempotencyException" => C::Conflict,

        "ServiceQuotaExceeded"
        | "LimitExceeded"
        | "MaximumNumberOfTrailsExceeded"
        | "PackedPolicyTooLarge"
        | "TooManyTags"
        | "TagsLimitExceeded" => C::Quota,

        "Validation"
        | "ValidationError"
        | "InvalidParameter"
        | "InvalidParameterValue"
        | "InvalidParameterCombination"
        | "InvalidInput"
        | "InvalidRequest"
        | "BadRequest"
        | "Serialization"
        | "ConstraintViolation"
        | "UnsupportedOperation"
        | "Disabled"
        | "MissingParameter"
        | "InsufficientEncryptionPolicy"
        | "InsufficientS3BucketPolicy"
        | "InsufficientSnsTopicPolicy"
        | "S3BucketDoesNotExist"
        | "KmsKeyDisabled"
        | "Kms"
        | "CloudTrailARNInvalid"
        | "NoManagementAccountSLRExists" => C::Invalid,

        "InternalServer"
        | "InternalServerError"
        | "InternalError"
        | "InternalFailure"
        | "Internal"
        | "ServiceUnavailable"
        | "Unavailable"
        | "KMSInternal"
        | "DependencyTimeout"
        | "ServiceFailure"
        | "Service"
        | "RequestTimeout" => C::Server,

        _ => by_shape(word, status),
    }
}

/// The conventions that AWS's code names follow, for codes that are not listed.
fn by_shape(word: &str, status: Option<u16>) -> ErrorClass {
    use ErrorClass as C;
    if word.contains("NotFound") || word.starts_with("NoSuch") {
        C::NotFound
    } else if word.contains("Throttl") {
        C::Throttled
    } else if word.contains("AccessDenied") {
        C::Denied
    } else if word.contains("AlreadyExists") || word.starts_with("Duplicate") {
        C::Conflict
    } else if word.contains("LimitExceeded") || word.contains("QuotaExceeded") {
        C::Quota
    } else if word.starts_with("Invalid") || word.starts_with("Malformed") {
        C::Invalid
    } else {
        match status {
            Some(429) => C::Throttled,
            Some(500..=599) => C::Server,
            _ => C::Unknown,
        }
    }
}

/// Whether a wire error says "slow down". Used on every attempt, before the SDK's own parsing.
pub(crate) fn says_throttled(status: u16, code_header: Option<&str>, body: &[u8]) -> bool {
    const MARKS: [&[u8]; 4] = [b"Throttl", b"TooManyRequests", b"RequestLimitExceeded", b"SlowDown"];
    let marked = |text: &[u8]| MARKS.iter().any(|mark| text.windows(mark.len()).any(|w| w == *mark));
    status == 429
        || (status >= 400
            && match code_header {
                Some(code) => marked(code.as_bytes()),
                None => marked(body.get(..512).unwrap_or(body)),
            })
}

/// AWS's request id. JSON and query services use the first header, s3 the second.
pub(crate) fn request_id(response: &HttpResponse) -> Option<String> {
    ["x-amzn-requestid", "x-amz-request-id"].iter().find_map(|name| response.headers().get(name)).map(str::to_owned)
}

/// Classifies what the SDK returned for `call`. `custom_endpoint` says that the endpoint was given
/// by the user, so that a name which does not resolve is not blamed on the region.
pub(crate) fn classify<E>(call: &Call, error: &SdkError<E, HttpResponse>, custom_endpoint: bool) -> CallError
where
    E: Error + ProvideErrorMetadata + 'static,
{
    // A session's credentials come from a call of their own, whose error is the whole story.
    if let Some(inner) = find::<CallError>(error) {
        return inner.clone();
    }
    if let Some(credentials) = find::<CredentialsError>(error) {
        return from_credentials(call, credentials);
    }
    let (class, code, message) = match error {
        SdkError::ServiceError(service) => {
            let meta = service.err();
            let status = service.raw().status().as_u16();
            let code = meta.code().unwrap_or_default();
            let message = meta.message().unwrap_or_default();
            // A call that succeeded has no error of the service: the SDK could not read the answer.
            if service.raw().status().is_success() && code.is_empty() {
                return call.unreadable(
                    "the answer that the model of the service describes",
                    Some(status),
                    request_id(service.raw()),
                );
            }
            let class = class_of(code, message, Some(status));
            let code = match code {
                "" => format!("HTTP {status}"),
                code => safe(code),
            };
            (class, code, safe(message))
        }
        SdkError::TimeoutError(_) => (ErrorClass::Network, TIMEOUT.to_owned(), causes(error)),
        SdkError::DispatchFailure(_) => {
            let text = causes(error);
            if !custom_endpoint && no_such_host(&text) {
                (ErrorClass::WrongRegion, "NoSuchHost".to_owned(), text)
            } else {
                (ErrorClass::Network, "Unreachable".to_owned(), text)
            }
        }
        SdkError::ConstructionFailure(_) => (ErrorClass::Invalid, "NotSendable".to_owned(), causes(error)),
        // The connection broke while the answer was read, or the answer was not HTTP.
        SdkError::ResponseError(_) => {
            let message = format!("the answer broke off, or is none of HTTP: {}", causes(error));
            (ErrorClass::Network, "BrokenAnswer".to_owned(), message)
        }
        _ => (ErrorClass::Unknown, "Unknown".to_owned(), causes(error)),
    };
    let raw = error.raw_response();
    call.error(CallOutcome {
        class,
        code,
        message,
        status: raw.map(|r| r.status().as_u16()),
        request_id: raw.and_then(request_id),
    })
}

/// The part of the facts that an outcome decides; the [`Call`] knows the rest.
pub(crate) struct CallOutcome {
    pub(crate) class: ErrorClass,
    pub(crate) code: String,
    pub(crate) message: String,
    pub(crate) status: Option<u16>,
    pub(crate) request_id: Option<String>,
}

/// The code of an answer that was not understood.
pub(crate) const UNREADABLE: &str = "UnreadableAnswer";

impl Call {
    /// An answer of success that is not what was expected. Nothing of its content is told: it may be the page of a proxy.
    pub(crate) fn unreadable(&self, expected: &str, status: Option<u16>, request_id: Option<String>) -> CallError {
        let answered = status.map(|status| format!(" (HTTP {status})")).unwrap_or_default();
        self.error(CallOutcome {
            class: ErrorClass::Unknown,
            code: UNREADABLE.to_owned(),
            message: format!("the answer{answered} was not understood: expected {expected}"),
            status,
            request_id,
        })
    }

    pub(crate) fn error(&self, outcome: CallOutcome) -> CallError {
        let CallOutcome { class, code, message, status, request_id } = outcome;
        CallFacts {
            class,
            code,
            message,
            service: self.service,
            operation: self.operation,
            account: self.account.clone(),
            region: self.region.clone(),
            request_id,
            status,
            role: self.role.clone(),
            caller: self.caller.clone(),
        }
        .into()
    }
}

/// Classifies a failure to find credentials at all.
pub(crate) fn from_credentials(call: &Call, error: &CredentialsError) -> CallError {
    if let Some(inner) = find::<CallError>(error) {
        return inner.clone();
    }
    let text = causes(error);
    let (class, code) = if text.contains("expired") {
        (ErrorClass::ExpiredCredentials, "ExpiredCredentials")
    } else if matches!(error, CredentialsError::ProviderTimedOut(_)) {
        (ErrorClass::Network, "CredentialsTimeout")
    } else {
        (ErrorClass::NoCredentials, "NoCredentials")
    };
    call.error(CallOutcome { class, code: code.to_owned(), message: text, status: None, request_id: None })
}

/// glibc, musl and macOS say that a name does not exist in these words. "Temporary failure in name
/// resolution" is another thing: there is no resolver, which is no fault of the region.
fn no_such_host(text: &str) -> bool {
    [
        "Name or service not known",
        "Name does not resolve",
        "nodename nor servname provided",
        "No address associated with hostname",
    ]
    .iter()
    .any(|words| text.contains(words))
}

fn find<'a, T: Error + 'static>(error: &'a (dyn Error + 'static)) -> Option<&'a T> {
    let mut next = Some(error);
    while let Some(error) = next {
        if let Some(found) = error.downcast_ref::<T>() {
            return Some(found);
        }
        next = error.source();
    }
    None
}

/// The chain below an SDK error in one line, each text once.
fn causes(error: &(dyn Error + 'static)) -> String {
    let mut texts: Vec<String> = Vec::new();
    let mut next = error.source();
    while let Some(cause) = next {
        let text = cause.to_string();
        if !texts.iter().any(|known| known.contains(&text)) {
            texts.push(text);
        }
        next = cause.source();
    }
    if texts.is_empty() {
        texts.push(error.to_string());
    }
    safe(&texts.join(": "))
}

/// Cuts what must not be kept: signature errors quote the canonical request, session token
/// included. One line, without what hides or what a terminal would obey: services quote names that
/// anybody may have chosen.
fn safe(message: &str) -> String {
    let message = message.split("The Canonical String").next().unwrap_or_default();
    let message = message.replace(text::hides, " ");
    let message = message.trim();
    match message.char_indices().nth(LONGEST_MESSAGE) {
        Some((end, _)) => format!("{}...", message.get(..end).unwrap_or_default()),
        None => message.to_owned(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn call() -> Call {
        Call {
            service: "bedrock",
            operation: "GetGuardrail",
            account: None,
            region: Some("mx-central-1".to_owned()),
            role: None,
            caller: None,
        }
    }

    #[test]
    fn a_message_is_one_line_that_no_terminal_obeys() {
        assert_eq!(safe(" no \u{1b}[31mgroup\n\u{9b}2J called\r\u{2028}\u{202e}x "), "no  [31mgroup  2J called   x");
        assert_eq!(
            safe("expired The Canonical String for this request should have been x-amz-security-token"),
            "expired"
        );
    }

    #[test]
    fn credentials_that_ended_are_told_from_none() {
        let class = |error| from_credentials(&call(), &error).class;
        let expired = CredentialsError::provider_error("the SSO token has expired");
        assert_eq!(class(expired), ErrorClass::ExpiredCredentials);
        let missing = CredentialsError::not_loaded("no providers in chain provided credentials");
        assert_eq!(class(missing), ErrorClass::NoCredentials);
    }

    /// A name that does not exist is a region without the service, unless the user gave the name;
    /// a resolver that does not answer is never the region's fault.
    #[test]
    fn names_that_do_not_resolve() {
        use aws_smithy_runtime_api::client::result::ConnectorError;
        type Error = SdkError<aws_smithy_types::error::metadata::ErrorMetadata, HttpResponse>;
        let class = |text: &str, custom| {
            let error = Error::dispatch_failure(ConnectorError::io(text.into()));
            classify(&call(), &error, custom).class
        };
        let unknown = "failed to lookup address information: Name or service not known";
        let no_resolver = "failed to lookup address information: Temporary failure in name resolution";
        assert_eq!(class(unknown, false), ErrorClass::WrongRegion);
        assert_eq!(class(unknown, true), ErrorClass::Network);
        assert_eq!(class(no_resolver, false), ErrorClass::Network);
    }

    #[test]
    fn throttles_are_seen_in_every_protocol() {
        assert!(says_throttled(429, None, b""));
        assert!(says_throttled(400, Some("ThrottlingException"), b""));
        assert!(says_throttled(400, None, br#"{"__type":"ThrottlingException"}"#));
        assert!(says_throttled(503, None, b"<Code>RequestLimitExceeded</Code>"));
        assert!(!says_throttled(200, None, b"Throttling"));
        assert!(!says_throttled(400, Some("ValidationException"), b"Throttling"));
    }
}
