//! Errors as the services send them: a code, an HTTP status and a message.
//!
//! The code decides what a client does, the status does not: `ConflictException` is 400 in `bedrock`
//! (aws/README.md, Errors) and every awsJson1.1 error of logs, kms and cloudtrail is 400 unless it is a server fault.

use std::borrow::Cow;

/// An error answer, before a protocol gives it its shape.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct ApiError {
    pub(crate) code: Cow<'static, str>,
    pub(crate) status: u16,
    pub(crate) message: String,
    /// The `Reason` member that organizations adds to some errors.
    pub(crate) reason: Option<&'static str>,
    /// Further members of an XML error, and headers where the name starts with `x-`.
    pub(crate) members: Vec<(&'static str, String)>,
}

impl ApiError {
    /// An error with the status that awsJson1.1 services use.
    pub(crate) fn new(code: &'static str, message: impl Into<String>) -> Self {
        Self { code: Cow::Borrowed(code), status: 400, message: message.into(), reason: None, members: Vec::new() }
    }

    /// The same error with a `Reason`.
    pub(crate) fn with_reason(mut self, reason: &'static str) -> Self {
        self.reason = Some(reason);
        self
    }

    /// The same error with another HTTP status.
    pub(crate) fn with_status(mut self, status: u16) -> Self {
        self.status = status;
        self
    }

    /// The same error with one more member, or header.
    pub(crate) fn with(mut self, member: &'static str, value: impl Into<String>) -> Self {
        self.members.push((member, value.into()));
        self
    }

    /// `ValidationException`, 400.
    pub(crate) fn validation(message: impl Into<String>) -> Self {
        Self::new("ValidationException", message)
    }

    /// `InvalidParameterException`, 400: what `logs` says where others say `ValidationException`.
    pub(crate) fn invalid_parameter(message: impl Into<String>) -> Self {
        Self::new("InvalidParameterException", message)
    }

    /// `ResourceNotFoundException` of a restJson1 service, 404.
    pub(crate) fn not_found_404(message: impl Into<String>) -> Self {
        Self::new("ResourceNotFoundException", message).with_status(404)
    }
}

/// Code, HTTP status and message of a refusal.
type Refusal = (&'static str, u16, &'static str);

/// How a service refuses what has nothing to do with an operation.
pub(crate) struct Refusals {
    /// Code and status: an operation that the service, or this emulator, does not have.
    pub(crate) unknown_operation: (&'static str, u16),
    /// Too many requests.
    pub(crate) throttled: Refusal,
    /// Code and status: a denial.
    pub(crate) denied: (&'static str, u16),
    /// A session that has expired.
    pub(crate) expired: Refusal,
    /// Credentials that select no account, or an account in a region where it is not enabled.
    pub(crate) unrecognized_client: Refusal,
}

pub(crate) const EXPIRED: &str = "The security token included in the request is expired";
const INVALID: &str = "The security token included in the request is invalid.";

/// awsJson1.1.
pub(crate) const JSON: Refusals = Refusals {
    unknown_operation: ("UnknownOperationException", 400),
    throttled: ("ThrottlingException", 400, "Rate exceeded"),
    denied: ("AccessDeniedException", 400),
    expired: ("ExpiredTokenException", 400, EXPIRED),
    unrecognized_client: ("UnrecognizedClientException", 400, INVALID),
};

/// restJson1.
pub(crate) const REST_JSON: Refusals = Refusals {
    unknown_operation: ("UnknownOperationException", 404),
    throttled: ("ThrottlingException", 429, "Too many requests, please wait before trying again."),
    denied: ("AccessDeniedException", 403),
    expired: ("ExpiredTokenException", 403, EXPIRED),
    unrecognized_client: ("UnrecognizedClientException", 403, INVALID),
};

/// awsQuery.
pub(crate) const QUERY: Refusals = Refusals {
    unknown_operation: ("InvalidAction", 400),
    throttled: ("Throttling", 400, "Rate exceeded"),
    denied: ("AccessDenied", 403),
    expired: ("ExpiredToken", 403, EXPIRED),
    unrecognized_client: ("InvalidClientTokenId", 403, INVALID),
};

impl Refusals {
    pub(crate) fn unknown_operation(&self, service: &str, operation: &str) -> ApiError {
        let (code, status) = self.unknown_operation;
        ApiError::new(code, format!("The emulator has no operation {operation} in {service}")).with_status(status)
    }

    pub(crate) fn throttled(&self) -> ApiError {
        refusal(self.throttled)
    }

    pub(crate) fn denied(&self, service: &str, operation: &str, principal: &str) -> ApiError {
        let (code, status) = self.denied;
        let message = format!(
            "User: {principal} is not authorized to perform: {service}:{operation} because no identity-based policy allows the {service}:{operation} action"
        );
        ApiError::new(code, message).with_status(status)
    }

    pub(crate) fn expired(&self) -> ApiError {
        refusal(self.expired)
    }

    pub(crate) fn unrecognized_client(&self) -> ApiError {
        refusal(self.unrecognized_client)
    }
}

fn refusal((code, status, message): Refusal) -> ApiError {
    ApiError::new(code, message).with_status(status)
}
