//! Wire protocols: from an HTTP request to (service, operation, input) and from an answer to an HTTP response.
//!
//! bedrock speaks restJson1; logs, kms and cloudtrail speak awsJson1.1 with `X-Amz-Target`; sts and iam speak awsQuery
//! and ec2 its own variant, with XML answers; s3 and s3control speak restXml. Account, region and service come from the SigV4 credential scope.

use bytes::Bytes;
use http::{HeaderMap, Method, Request, Response, StatusCode};
use serde_json::{Map, Value};

use crate::error::ApiError;
use crate::{ec2, form, s3, xml};

/// How answers are written.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Wire {
    RestJson,
    Json,
    /// awsQuery: XML with an `ErrorResponse`.
    Query,
    /// awsQuery of IAM.
    Iam,
    /// EC2's own error envelope.
    Ec2,
    /// S3's bare `Error`.
    RestXml,
    /// S3 Control's `ErrorResponse`.
    S3Control,
}

impl Wire {
    /// The protocol of a request. Services that the emulator does not have get errors that their clients can parse.
    pub(crate) fn of(service: &str, headers: &HeaderMap) -> Self {
        let content_type =
            headers.get(http::header::CONTENT_TYPE).and_then(|value| value.to_str().ok()).unwrap_or_default();
        match service {
            "sts" => Self::Query,
            "iam" => Self::Iam,
            "logs" | "kms" | "cloudtrail" => Self::Json,
            "ec2" => Self::Ec2,
            "s3" => Self::RestXml,
            "s3control" => Self::S3Control,
            _ if headers.contains_key("x-amz-target") => Self::Json,
            _ if content_type.starts_with("application/x-www-form-urlencoded") => Self::Query,
            _ => Self::RestJson,
        }
    }
}

/// The credential scope of a signed request.
pub(crate) struct Credential {
    pub(crate) access_key: String,
    pub(crate) region: String,
    pub(crate) service: String,
}

/// What a request asks for. The input is one tree: path, query and body members under their model names.
pub(crate) struct Asked {
    pub(crate) operation: String,
    pub(crate) input: Map<String, Value>,
}

/// What an operation answers: the members, and the HTTP status of success.
pub(crate) type Answer = Result<Value, ApiError>;

/// Reads the credential scope: `Credential=KEY/DATE/REGION/SERVICE/aws4_request`.
pub(crate) fn credential(request: &Request<Bytes>) -> Option<Credential> {
    let value = request.headers().get(http::header::AUTHORIZATION)?.to_str().ok()?;
    let scope = value.split_once("Credential=")?.1.split([',', ' ']).next()?;
    let mut parts = scope.rsplit('/');
    if parts.next()? != "aws4_request" {
        return None;
    }
    // S3 Control signs as S3.
    let service = match parts.next()? {
        "s3" if request.uri().path().starts_with("/v20180820/") => "s3control".to_owned(),
        service => service.to_owned(),
    };
    let region = parts.next()?.to_owned();
    parts.next()?;
    let access_key = parts.next()?.to_owned();
    Some(Credential { access_key, region, service })
}

/// Reads what the request asks for, in the protocol of the service.
///
/// The error is the answer to a request that cannot be read; its operation is what the request named.
pub(crate) fn asked(service: &str, request: &Request<Bytes>) -> Result<Asked, (String, ApiError)> {
    let target = request.headers().get("x-amz-target").and_then(|value| value.to_str().ok());
    match (service, target) {
        ("bedrock", _) => rest_json(request),
        ("sts", _) => Ok(query(request.body())),
        ("iam", _) => {
            let Asked { operation, input } = query(request.body());
            Ok(Asked { operation, input: form::tree(input) })
        }
        ("ec2", _) => Ok(ec2::wire::asked(query(request.body()))),
        ("s3" | "s3control", _) => s3::wire::asked(service, request),
        (_, Some(target)) => {
            let operation = target.rsplit('.').next().unwrap_or(target).to_owned();
            match body_members(request.body()) {
                Ok(input) => Ok(Asked { operation, input }),
                Err(error) => Err((operation, error)),
            }
        }
        (_, None) => {
            let form = query(request.body());
            let operation = if form.operation.is_empty() { path_as_name(request) } else { form.operation };
            let error = ApiError::unknown_operation(service, &operation);
            Err((operation, error))
        }
    }
}

pub(crate) fn path_as_name(request: &Request<Bytes>) -> String {
    format!("{} {}", request.method(), request.uri().path())
}

fn body_members(body: &[u8]) -> Result<Map<String, Value>, ApiError> {
    if body.is_empty() {
        return Ok(Map::new());
    }
    serde_json::from_slice(body)
        .map_err(|error| ApiError::new("SerializationException", format!("failed to parse the request body: {error}")))
}

/// The restJson1 routes of bedrock (botocore model of bedrock).
fn rest_json(request: &Request<Bytes>) -> Result<Asked, (String, ApiError)> {
    let path = request.uri().path().trim_end_matches('/');
    let mut segments = path.split('/').skip(1);
    let first = segments.next().unwrap_or_default();
    let rest: Vec<&str> = segments.collect();
    let id = rest.join("/");
    let method = request.method();
    let (operation, label) = match (method, first, rest.len()) {
        (&Method::GET, "guardrails", 0) => ("ListGuardrails", None),
        (&Method::POST, "guardrails", 0) => ("CreateGuardrail", None),
        (&Method::GET, "guardrails", _) => ("GetGuardrail", Some("guardrailIdentifier")),
        (&Method::PUT, "guardrails", 1..) => ("UpdateGuardrail", Some("guardrailIdentifier")),
        (&Method::POST, "guardrails", _) => ("CreateGuardrailVersion", Some("guardrailIdentifier")),
        (&Method::DELETE, "guardrails", 1..) => ("DeleteGuardrail", Some("guardrailIdentifier")),
        (&Method::POST, "listTagsForResource", 0) => ("ListTagsForResource", None),
        (&Method::POST, "tagResource", 0) => ("TagResource", None),
        (&Method::POST, "untagResource", 0) => ("UntagResource", None),
        (&Method::GET, "logging", 1) => ("GetModelInvocationLoggingConfiguration", None),
        (&Method::PUT, "logging", 1) => ("PutModelInvocationLoggingConfiguration", None),
        (&Method::DELETE, "logging", 1) => ("DeleteModelInvocationLoggingConfiguration", None),
        (&Method::GET, "enforcedGuardrailsConfiguration", 0) => ("ListEnforcedGuardrailsConfiguration", None),
        (&Method::PUT, "enforcedGuardrailsConfiguration", 0) => ("PutEnforcedGuardrailConfiguration", None),
        (&Method::DELETE, "enforcedGuardrailsConfiguration", 1) => {
            ("DeleteEnforcedGuardrailConfiguration", Some("configId"))
        }
        (&Method::POST, "resource-policy", 0) => ("PutResourcePolicy", None),
        (&Method::GET, "resource-policy", 1..) => ("GetResourcePolicy", Some("resourceArn")),
        (&Method::DELETE, "resource-policy", 1..) => ("DeleteResourcePolicy", Some("resourceArn")),
        _ => ("", None),
    };
    if operation.is_empty() || (first == "logging" && id != "modelinvocations") {
        let name = path_as_name(request);
        let error = ApiError::unknown_operation("bedrock", &name);
        return Err((name, error));
    }
    let mut input = match body_members(request.body()) {
        Ok(input) => input,
        Err(error) => return Err((operation.to_owned(), error)),
    };
    for (name, value) in form_pairs(request.uri().query().unwrap_or_default()) {
        let value = match name.as_str() {
            "maxResults" => value.parse::<u64>().map_or(Value::String(value), Value::from),
            _ => Value::String(value),
        };
        input.insert(name, value);
    }
    if let Some(label) = label {
        input.insert(label.to_owned(), Value::String(percent_decode(&id, false)));
    }
    Ok(Asked { operation: operation.to_owned(), input })
}

/// An awsQuery form; every member is text.
fn query(body: &[u8]) -> Asked {
    let text = String::from_utf8_lossy(body);
    let mut operation = String::new();
    let mut input = Map::new();
    for (name, value) in form_pairs(&text) {
        match name.as_str() {
            "Action" => operation = value,
            "Version" => {}
            _ => {
                input.insert(name, Value::String(value));
            }
        }
    }
    Asked { operation, input }
}

pub(crate) fn form_pairs(text: &str) -> impl Iterator<Item = (String, String)> + '_ {
    text.split('&').filter(|pair| !pair.is_empty()).map(|pair| {
        let (name, value) = pair.split_once('=').unwrap_or((pair, ""));
        (percent_decode(name, true), percent_decode(value, true))
    })
}

pub(crate) fn percent_decode(text: &str, plus_is_space: bool) -> String {
    if !text.contains(['%', '+']) {
        return text.to_owned();
    }
    let bytes = text.as_bytes();
    let mut decoded = Vec::with_capacity(bytes.len());
    let mut at = 0;
    while let Some(&byte) = bytes.get(at) {
        let escape = (byte == b'%').then(|| bytes.get(at + 1..at + 3)).flatten();
        let escape =
            escape.and_then(|hex| std::str::from_utf8(hex).ok()).and_then(|hex| u8::from_str_radix(hex, 16).ok());
        match escape {
            Some(value) => {
                decoded.push(value);
                at += 3;
            }
            None => {
                decoded.push(if byte == b'+' && plus_is_space { b' ' } else { byte });
                at += 1;
            }
        }
    }
    String::from_utf8_lossy(&decoded).into_owned()
}

/// The HTTP response of an answer.
pub(crate) fn response(wire: Wire, operation: &str, request_id: &str, answer: &Answer) -> Response<Bytes> {
    if let Some(response) = xml::response(wire, operation, request_id, answer) {
        return response;
    }
    let (status, body) = match answer {
        Ok(members) => (success_status(wire, operation), success_body(wire, members)),
        Err(error) => (error.status, json_error(wire, error)),
    };
    let mut response = Response::new(body);
    *response.status_mut() = StatusCode::from_u16(status).unwrap_or(StatusCode::INTERNAL_SERVER_ERROR);
    let content_type = if wire == Wire::RestJson { "application/json" } else { "application/x-amz-json-1.1" };
    let headers = response.headers_mut();
    headers.insert(http::header::CONTENT_TYPE, http::HeaderValue::from_static(content_type));
    if let Ok(id) = http::HeaderValue::from_str(request_id) {
        headers.insert("x-amzn-requestid", id);
    }
    if let Err(error) = answer
        && let Ok(code) = http::HeaderValue::from_str(&error.code)
    {
        headers.insert("x-amzn-errortype", code);
    }
    response
}

/// 202 or 201 where the model says so, else 200.
fn success_status(wire: Wire, operation: &str) -> u16 {
    match (wire, operation) {
        (Wire::RestJson, "CreateGuardrail" | "UpdateGuardrail" | "CreateGuardrailVersion" | "DeleteGuardrail") => 202,
        (Wire::RestJson, "PutResourcePolicy") => 201,
        _ => 200,
    }
}

fn success_body(wire: Wire, members: &Value) -> Bytes {
    match (wire, members) {
        (Wire::RestJson, Value::Null) => Bytes::from_static(b"{}"),
        (_, Value::Null) => Bytes::new(),
        (_, members) => serde_json::to_vec(members).unwrap_or_default().into(),
    }
}

fn json_error(wire: Wire, error: &ApiError) -> Bytes {
    let mut members = Map::new();
    if wire == Wire::Json {
        members.insert("__type".to_owned(), Value::from(&*error.code));
    }
    members.insert("message".to_owned(), Value::from(error.message.as_str()));
    if let Some(reason) = error.reason {
        members.insert("Reason".to_owned(), Value::from(reason));
    }
    serde_json::to_vec(&members).unwrap_or_default().into()
}
