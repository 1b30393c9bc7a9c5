//! Wire errors of each protocol, and what becomes of them.

use std::time::Duration;

use aws_sdk_bedrock::Client as Bedrock;
use aws_sdk_cloudwatchlogs::Client as Logs;
use aws_sdk_sts::Client as Sts;
use reconciler_aws::{CallError, ErrorClass as C, Retries, call, send};

use crate::wire::{Wire, reply};

const OWN: &str = "111122223333";

/// The same code and message in the three protocols.
async fn in_each_protocol(status: u16, code: &str, message: &str) -> [CallError; 3] {
    let (c, m) = (code.to_owned(), message.to_owned());
    let wire = Wire::raw(move |request| {
        if request.text().contains("GetCallerIdentity") {
            return crate::wire::sts(request).unwrap();
        }
        if request.is_sts() {
            return reply(
                status,
                format!(
                    "<ErrorResponse xmlns=\"https://sts.amazonaws.com/doc/2011-06-15/\"><Error>\
                     <Type>Sender</Type><Code>{c}</Code><Message>{m}</Message></Error>\
                     <RequestId>x</RequestId></ErrorResponse>"
                ),
            );
        }
        if request.uri.contains("logs.") {
            return reply(status, format!(r#"{{"__type":"com.amazon.logs#{c}","message":"{m}"}}"#));
        }
        reply(status, format!(r#"{{"message":"{m}"}}"#))
            .header("x-amzn-errortype", &format!("{c}:http://internal.amazon.com/"))
    });
    let once = Retries { attempts: 1, ..Retries::default() };
    let session = wire.connection().retries(once).open().await.session(OWN, "eu-west-1");
    let bedrock = session.client(Bedrock::new).list_guardrails();
    let logs = session.client(Logs::new).describe_log_groups();
    let sts = session.client(Sts::new).get_access_key_info().access_key_id("AKIAIOSFODNN7EXAMPLE");
    [
        call!(session, "bedrock", "ListGuardrails", bedrock).await.unwrap_err(),
        call!(session, "logs", "DescribeLogGroups", logs).await.unwrap_err(),
        send!(session, "sts", "GetAccessKeyInfo", sts).await.unwrap_err(),
    ]
}

#[tokio::test]
async fn codes_decide_in_every_protocol() {
    for (status, code, class) in [
        (400, "AccessDeniedException", C::Denied),
        (403, "AccessDenied", C::Denied),
        (403, "UnauthorizedOperation", C::Denied),
        (429, "ThrottlingException", C::Throttled),
        (400, "Throttling", C::Throttled),
        (400, "TooManyRequestsException", C::Throttled),
        (503, "RequestLimitExceeded", C::Throttled),
        (403, "ExpiredToken", C::ExpiredCredentials),
        (400, "ExpiredTokenException", C::ExpiredCredentials),
        (404, "UnknownOperationException", C::WrongRegion),
        (403, "InvalidSignatureException", C::NoCredentials),
        (400, "ResourceNotFoundException", C::NotFound),
        (404, "TrailNotFoundException", C::NotFound),
        (400, "NotFoundException", C::NotFound),
        (404, "NoSuchEntity", C::NotFound),
        (400, "ConflictException", C::Conflict),
        (409, "ConflictException", C::Conflict),
        (400, "OperationAbortedException", C::Conflict),
        (400, "ResourceAlreadyExistsException", C::Conflict),
        (400, "ServiceQuotaExceededException", C::Quota),
        (402, "ServiceQuotaExceededException", C::Quota),
        (400, "LimitExceededException", C::Quota),
        (400, "ValidationException", C::Invalid),
        (400, "InvalidParameterException", C::Invalid),
        (400, "MalformedPolicyDocumentException", C::Invalid),
        (500, "InternalServerException", C::Server),
        (503, "ServiceUnavailableException", C::Server),
        (500, "KMSInternalException", C::Server),
        (418, "TeapotException", C::Unknown),
        // A status alone proves nothing, unless there is nothing else.
        (404, "TeapotException", C::Unknown),
        (502, "TeapotException", C::Server),
    ] {
        for error in in_each_protocol(status, code, "words").await {
            let what = format!("{status} {code} of {}", error.service);
            assert_eq!((error.class, error.code.as_str()), (class, code), "{what}");
            assert_eq!(error.status, Some(status), "{what}");
            assert_eq!(error.message, "words", "{what}");
        }
    }
}

/// A service that does not know credentials that STS has just taken is in a region that is not enabled, which is said
/// without a further call. Global services are in no such region, and neither is the place where STS took them.
#[tokio::test]
async fn credentials_that_are_good_elsewhere_mean_a_region_that_is_not_enabled() {
    for code in ["UnrecognizedClientException", "InvalidClientTokenId", "AuthFailure"] {
        let [bedrock, logs, sts] = in_each_protocol(403, code, "words").await;
        for error in [bedrock, logs] {
            assert_eq!(error.class, C::WrongRegion, "{code}");
            assert!(error.hint().unwrap().contains("region eu-west-1 is not enabled in account 111122223333"));
        }
        assert_eq!(sts.class, C::NoCredentials, "{code}");
    }
    let wire =
        Wire::new(|_| reply(403, r#"{"message":"no"}"#).header("x-amzn-errortype", "UnrecognizedClientException"));
    let home = wire.open().await.session("111122223333", "us-east-1");
    let client = home.client(Bedrock::new);
    let error = call!(home, "bedrock", "ListGuardrails", client.list_guardrails()).await.unwrap_err();
    assert_eq!(error.class, C::NoCredentials, "they were good here a moment ago");
}

#[tokio::test]
async fn a_signature_error_names_the_region_and_leaks_nothing() {
    let text = "Credential should be scoped to a valid region. The Canonical String for this \
                request should have been 'x-amz-security-token:SECRET'";
    for error in in_each_protocol(403, "InvalidSignatureException", text).await {
        assert_eq!(error.class, C::WrongRegion);
        assert!(!error.to_string().contains("SECRET"), "{error}");
        assert!(error.hint().unwrap().contains("eu-west-1"));
    }
}

#[tokio::test]
async fn a_denial_says_what_is_missing_and_to_whom() {
    let [bedrock, logs, _] = in_each_protocol(403, "AccessDeniedException", "no").await;
    assert_eq!(
        bedrock.to_string(),
        "call bedrock:ListGuardrails in 111122223333/eu-west-1: AccessDeniedException: no \
         (request req-1)",
    );
    let hint = bedrock.hint().unwrap();
    assert!(hint.starts_with("allow bedrock:ListGuardrails to arn:aws:iam::111122223333:user/ops"), "{hint}");
    assert_eq!(logs.iam_action(), "logs:DescribeLogGroups");
    assert!(!bedrock.retryable());

    let named = "User: u is not authorized to perform: s3:ListBucket on resource: r";
    let [error, ..] = in_each_protocol(403, "AccessDenied", named).await;
    assert_eq!(error.iam_action(), "s3:ListBucket", "AWS's own word wins");
}

#[tokio::test]
async fn a_slow_answer_is_a_network_error() {
    let wire = Wire::new(|_| reply(200, "{}").after(Duration::from_secs(5)));
    let timeouts = reconciler_aws::Timeouts { attempt: Duration::from_millis(20), ..Default::default() };
    let session = wire.connection().timeouts(timeouts).open().await.session(OWN, "eu-west-1");
    // Warm, so that the short timeout does not hit STS.
    let client = session.client(Bedrock::new);
    let error = call!(session, "bedrock", "ListGuardrails", client.list_guardrails()).await;
    let error = error.unwrap_err();
    assert_eq!((error.class, error.code.as_str()), (C::Network, "Timeout"), "{error}");
    assert!(error.retryable());
}
