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

    /// An operation that the service, or this emulator, does not have.
    pub(crate) fn unknown_operation(service: &str, operation: &str) -> Self {
        let message = format!("The emulator has no operation {operation} in {service}");
        match service {
            "sts" | "iam" | "ec2" => Self::new("InvalidAction", message),
            "s3" | "s3control" => Self::new("NotImplemented", message).with_status(501),
            "bedrock" => Self::new("UnknownOperationException", message).with_status(404),
            _ => Self::new("UnknownOperationException", message),
        }
    }

    /// Too many requests, in the words of the service.
    pub(crate) fn throttled(service: &str) -> Self {
        match service {
            "sts" | "iam" => Self::new("Throttling", "Rate exceeded"),
            "ec2" => Self::new("RequestLimitExceeded", "Request limit exceeded.").with_status(503),
            "s3" | "s3control" => Self::new("SlowDown", "Please reduce your request rate.").with_status(503),
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
            "sts" | "iam" | "s3" | "s3control" => Self::new("AccessDenied", message).with_status(403),
            "ec2" => Self::new("UnauthorizedOperation", message).with_status(403),
            "bedrock" => Self::new("AccessDeniedException", message).with_status(403),
            _ => Self::new("AccessDeniedException", message),
        }
    }

    /// An expired session, in the words of the service.
    pub(crate) fn expired(service: &str) -> Self {
        let message = "The security token included in the request is expired";
        match service {
            "sts" | "iam" => Self::new("ExpiredToken", message).with_status(403),
            "ec2" => Self::new("RequestExpired", message),
            "s3" | "s3control" => Self::new("ExpiredToken", "The provided token has expired."),
            "bedrock" => Self::new("ExpiredTokenException", message).with_status(403),
            _ => Self::new("ExpiredTokenException", message),
        }
    }

    /// Credentials that select no account, or an account in a region where it is not enabled.
    pub(crate) fn unrecognized_client(service: &str) -> Self {
        let message = "The security token included in the request is invalid.";
        match service {
            "sts" | "iam" => Self::new("InvalidClientTokenId", message).with_status(403),
            "ec2" => Self::new("AuthFailure", "AWS was not able to validate the provided access credentials")
                .with_status(401),
            "s3" | "s3control" => {
                Self::new("InvalidAccessKeyId", "The AWS Access Key Id you provided does not exist in our records.")
                    .with_status(403)
            }
            "bedrock" => Self::new("UnrecognizedClientException", message).with_status(403),
            _ => Self::new("UnrecognizedClientException", message),
        }
    }
}
