//! Wire protocols: from an HTTP request to (service, operation, input) and from an answer to an HTTP response.
//!
//! awsJson1.1, restJson1 and awsQuery are here; ec2Query and restXml are with the services that speak them. Account, region and
//! signing name come from the SigV4 credential scope.

use bytes::Bytes;
use http::{HeaderMap, Request, Response, StatusCode};
use serde_json::{Map, Value};

use crate::error::ApiError;
use crate::service::{Action, Reply, Service, Unreadable, Wire};
use crate::xml;

/// awsJson1.1.
pub(crate) const JSON: Wire =
    Wire { asked: json, response: |reply| json_response("application/x-amz-json-1.1", true, reply) };

/// restJson1, by the routes of the operations.
pub(crate) const REST_JSON: Wire =
    Wire { asked: rest_json, response: |reply| json_response("application/json", false, reply) };

/// awsQuery, with members in forms as they are.
pub(crate) const QUERY: Wire = Wire {
    asked: |_, request| Ok(query(request.body())),
    response: |reply| xml::query_response(xml::NAMESPACE, reply),
};

/// How a service answers that the emulator does not have: with errors that its clients can parse.
const UNKNOWN: [Wire; 3] = [
    JSON,
    Wire { asked: json, response: |reply| xml::query_response(xml::NAMESPACE, reply) },
    Wire { asked: json, response: |reply| json_response("application/json", false, reply) },
];

/// The protocol of a request to a service that the emulator does not have.
pub(crate) fn of_unknown(headers: &HeaderMap) -> &'static Wire {
    let content_type =
        headers.get(http::header::CONTENT_TYPE).and_then(|value| value.to_str().ok()).unwrap_or_default();
    let [json, query, rest_json] = &UNKNOWN;
    if headers.contains_key("x-amz-target") {
        json
    } else if content_type.starts_with("application/x-www-form-urlencoded") {
        query
    } else {
        rest_json
    }
}

/// The credential scope of a signed request.
pub(crate) struct Credential {
    pub(crate) access_key: String,
    pub(crate) region: String,
    pub(crate) signing_name: String,
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
    let signing_name = parts.next()?.to_owned();
    let region = parts.next()?.to_owned();
    parts.next()?;
    let access_key = parts.next()?.to_owned();
    Some(Credential { access_key, region, signing_name })
}

/// The operation is the last part of `X-Amz-Target`.
fn json(_: &Service, request: &Request<Bytes>) -> Result<Asked, Unreadable> {
    let Some(target) = request.headers().get("x-amz-target").and_then(|value| value.to_str().ok()) else {
        let form = query(request.body());
        let named = if form.operation.is_empty() { path_as_name(request) } else { form.operation };
        return Err(Unreadable::Unknown(named));
    };
    let operation = target.rsplit('.').next().unwrap_or(target).to_owned();
    match body_members(request.body()) {
        Ok(input) => Ok(Asked { operation, input }),
        Err(error) => Err(Unreadable::Malformed(operation, error)),
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

/// The operation by method and path, with the members of body, query and path.
fn rest_json(service: &Service, request: &Request<Bytes>) -> Result<Asked, Unreadable> {
    let path = request.uri().path().trim_end_matches('/');
    let route = |action: &'static Action| {
        let (_, template) = action.route.filter(|(method, _)| request.method() == method)?;
        Some((action.name, labels(template, path)?))
    };
    let Some((operation, labels)) = service.operations.iter().find_map(route) else {
        return Err(Unreadable::Unknown(path_as_name(request)));
    };
    let mut input = match body_members(request.body()) {
        Ok(input) => input,
        Err(error) => return Err(Unreadable::Malformed(operation.to_owned(), error)),
    };
    for (name, value) in form_pairs(request.uri().query().unwrap_or_default()) {
        let value = match name.as_str() {
            "maxResults" => value.parse::<u64>().map_or(Value::String(value), Value::from),
            _ => Value::String(value),
        };
        input.insert(name, value);
    }
    for (label, value) in labels {
        input.insert(label.to_owned(), Value::String(percent_decode(value, false)));
    }
    Ok(Asked { operation: operation.to_owned(), input })
}

/// The labels of a path; None when it is not of this form. `{label+}` is the last and takes all that is left; a slash at the end
/// means nothing.
fn labels<'a>(template: &'static str, path: &'a str) -> Option<Vec<(&'static str, &'a str)>> {
    let mut rest = Some(path);
    let mut labels = Vec::new();
    for segment in template.trim_end_matches('/').split('/') {
        let at = rest?;
        let (first, after) = at.split_once('/').map_or((at, None), |(first, after)| (first, Some(after)));
        match segment.strip_prefix('{').and_then(|label| label.strip_suffix('}')) {
            Some(label) => match label.strip_suffix('+') {
                Some(label) => {
                    labels.push((label, at));
                    return Some(labels);
                }
                None => labels.push((label, first)),
            },
            None if segment == first => {}
            None => return None,
        }
        rest = after;
    }
    rest.is_none().then_some(labels)
}

/// An awsQuery form; every member is text.
pub(crate) fn query(body: &[u8]) -> Asked {
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

/// The HTTP response of an answer in JSON; `typed` bodies name the code of an error too.
fn json_response(content_type: &'static str, typed: bool, reply: &Reply<'_>) -> Response<Bytes> {
    let (status, body) = match reply.answer {
        Ok(Value::Null) if typed => (reply.status, Bytes::new()),
        Ok(Value::Null) => (reply.status, Bytes::from_static(b"{}")),
        Ok(members) => (reply.status, serde_json::to_vec(members).unwrap_or_default().into()),
        Err(error) => (error.status, json_error(typed, error)),
    };
    let mut response = Response::new(body);
    *response.status_mut() = StatusCode::from_u16(status).unwrap_or(StatusCode::INTERNAL_SERVER_ERROR);
    let headers = response.headers_mut();
    headers.insert(http::header::CONTENT_TYPE, http::HeaderValue::from_static(content_type));
    if let Ok(id) = http::HeaderValue::from_str(reply.request_id) {
        headers.insert("x-amzn-requestid", id);
    }
    if let Err(error) = reply.answer
        && let Ok(code) = http::HeaderValue::from_str(&error.code)
    {
        headers.insert("x-amzn-errortype", code);
    }
    response
}

fn json_error(typed: bool, error: &ApiError) -> Bytes {
    let mut members = Map::new();
    if typed {
        members.insert("__type".to_owned(), Value::from(&*error.code));
    }
    members.insert("message".to_owned(), Value::from(error.message.as_str()));
    if let Some(reason) = error.reason {
        members.insert("Reason".to_owned(), Value::from(reason));
    }
    serde_json::to_vec(&members).unwrap_or_default().into()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_path_has_the_labels_of_its_template() {
        assert_eq!(labels("/a", "/a"), Some(vec![]));
        assert_eq!(labels("/a", "/a/b"), None);
        assert_eq!(labels("/a/{id}", "/a/b"), Some(vec![("id", "b")]));
        assert_eq!(labels("/a/{id}", "/a/b/c"), None);
        assert_eq!(labels("/a/{id}/", "/a/b"), Some(vec![("id", "b")]));
        assert_eq!(labels("/a/{id}/c", "/a/b/c"), Some(vec![("id", "b")]));
        assert_eq!(labels("/a/{id+}", "/a/b/c"), Some(vec![("id", "b/c")]));
        assert_eq!(labels("/a/{id+}", "/a"), None);
    }
}
