//! Errors as the services send them: a code, an HTTP status and a message.
//!
//! The code decides what a client does, the status does not: `ConflictException` is 400 in `bedrock`
//! (AWS.md 0.7, 1.1.1) and every awsJson1.1 error of logs, kms and cloudtrail is 400 unless it is a server fault.

use std::borrow::Cow;

/// An error answer, before a protocol gives it its shape.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct ApiError {
    pub(crate) code: Cow<'static, str>,
    pub(crate) status: u16,
    pub(crate) message: String,
    /// The `Reason` member that organizations adds to some errors.
    pub(crate) reason: Option<&'static str>,
}

impl ApiError {
    /// An error with the status that awsJson1.1 services use.
    pub(crate) fn new(code: &'static str, message: impl Into<String>) -> Self {
        Self { code: Cow::Borrowed(code), status: 400, message: message.into(), reason: None }
    }

    /// The same error with another HTTP status.
    pub(crate) fn with_status(mut self, status: u16) -> Self {
        self.status = status;
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

    /// An operation that the service, or this emulator, does not have.
    pub(crate) fn unknown_operation(service: &str, operation: &str) -> Self {
        let message = format!("The emulator has no operation {operation} in {service}");
        match service {
            "sts" => Self::new("InvalidAction", message),
            "bedrock" => Self::new("UnknownOperationException", message).with_status(404),
            _ => Self::new("UnknownOperationException", message),
        }
    }

    /// Too many requests, in the words of the service.
    pub(crate) fn throttled(service: &str) -> Self {
        match service {
            "sts" => Self::new("Throttling", "Rate exceeded"),
            "bedrock" => {
                Self::new("ThrottlingException", "Too many requests, please wait before trying again.").with_status(429)
            }
            "organizations" => Self::new(
                "TooManyRequestsException",
                "AWS Organizations can't complete your request because another request is already in progress. Try again later.",
            ),
            _ => Self::new("ThrottlingException", "Rate exceeded"),
        }
    }

    /// A denial, in the words of the service.
    pub(crate) fn denied(service: &str, operation: &str, principal: &str) -> Self {
        let message = format!(
            "User: {principal} is not authorized to perform: {service}:{operation} because no identity-based policy allows the {service}:{operation} action"
        );
        match service {
            "sts" => Self::new("AccessDenied", message).with_status(403),
            "bedrock" => Self::new("AccessDeniedException", message).with_status(403),
            _ => Self::new("AccessDeniedException", message),
        }
    }

    /// An expired session, in the words of the service.
    pub(crate) fn expired(service: &str) -> Self {
        let message = "The security token included in the request is expired";
        match service {
            "sts" => Self::new("ExpiredToken", message).with_status(403),
            "bedrock" => Self::new("ExpiredTokenException", message).with_status(403),
            _ => Self::new("ExpiredTokenException", message),
        }
    }

    /// Credentials that select no account, or an account in a region where it is not enabled.
    pub(crate) fn unrecognized_client(service: &str) -> Self {
        let message = "The security token included in the request is invalid.";
        match service {
            "sts" => Self::new("InvalidClientTokenId", message).with_status(403),
            "bedrock" => Self::new("UnrecognizedClientException", message).with_status(403),
            _ => Self::new("UnrecognizedClientException", message),
        }
    }
}
