//! XML: the answers of the query services and of S3, and the bodies that S3 is sent.
//!
//! A tree has the member names of the service's model. A dialect says which elements stand for them.

use std::borrow::Cow;

use bytes::Bytes;
use http::{HeaderName, HeaderValue, Response, StatusCode};
use quick_xml::Writer;
use quick_xml::escape::resolve_xml_entity;
use quick_xml::events::{BytesDecl, BytesText, Event};
use serde_json::{Map, Value, json};

use crate::error::ApiError;
use crate::protocol::{Answer, Wire};
use crate::{ec2, s3};

/// How a service writes lists and names.
pub(crate) struct Dialect {
    pub(crate) element: fn(&str) -> Cow<'_, str>,
    pub(crate) list: fn(&str) -> List,
}

/// How a list is written.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(crate) enum List {
    /// An element for the list, and one of this name for each item.
    Of(&'static str),
    /// Only elements of this name.
    Flat(&'static str),
}

const QUERY: Dialect = Dialect { element: |name| Cow::Borrowed(name), list: |_| List::Of("member") };

/// An element with a namespace, and what is in it.
pub(crate) fn document(dialect: &Dialect, root: &str, namespace: &str, content: &Value) -> Bytes {
    in_order(dialect, root, namespace, &[content])
}

/// The same with the members of several trees, one tree after the other: within one they are in alphabetical order.
fn in_order(dialect: &Dialect, root: &str, namespace: &str, content: &[&Value]) -> Bytes {
    let mut writer = Writer::new(Vec::new());
    // Writing to memory does not fail.
    let _ = writer.write_event(Event::Decl(BytesDecl::new("1.0", Some("UTF-8"), None)));
    let element = writer.create_element(root);
    let element = if namespace.is_empty() { element } else { element.with_attribute(("xmlns", namespace)) };
    let _ = element
        .write_inner_content(|inner| content.iter().try_for_each(|content| write_value(inner, dialect, content)));
    writer.into_inner().into()
}

fn write_value(writer: &mut Writer<Vec<u8>>, dialect: &Dialect, value: &Value) -> std::io::Result<()> {
    match value {
        Value::Object(members) => {
            for (name, value) in members {
                write_member(writer, dialect, name, value)?;
            }
            Ok(())
        }
        Value::String(text) => writer.write_event(Event::Text(BytesText::new(text))),
        Value::Null => Ok(()),
        other => writer.write_event(Event::Text(BytesText::new(&other.to_string()))),
    }
}

fn write_member(writer: &mut Writer<Vec<u8>>, dialect: &Dialect, name: &str, value: &Value) -> std::io::Result<()> {
    let element = (dialect.element)(name);
    match value {
        Value::Null => {}
        Value::Array(items) => match (dialect.list)(name) {
            List::Flat(item) => {
                for value in items {
                    writer.create_element(item).write_inner_content(|inner| write_value(inner, dialect, value))?;
                }
            }
            List::Of(item) => {
                writer.create_element(&*element).write_inner_content(|inner| {
                    for value in items {
                        inner.create_element(item).write_inner_content(|inner| write_value(inner, dialect, value))?;
                    }
                    Ok(())
                })?;
            }
        },
        value => {
            writer.create_element(&*element).write_inner_content(|inner| write_value(inner, dialect, value))?;
        }
    }
    Ok(())
}

/// Reads an XML document: the name of its root, and its content with element names as member names. An element with
/// text only is a text; what comes more than once is a list.
pub(crate) fn parse(body: &[u8]) -> Option<(String, Value)> {
    let mut reader = quick_xml::Reader::from_str(std::str::from_utf8(body).ok()?);
    let mut open: Vec<(String, Map<String, Value>, String)> = Vec::new();
    loop {
        let name = |name: quick_xml::name::QName<'_>| name.local_name().as_ref().to_owned();
        let closed = match reader.read_event().ok()? {
            Event::Start(start) => {
                open.push((name(start.name()), Map::new(), String::new()));
                continue;
            }
            Event::Empty(start) => (name(start.name()), Value::String(String::new())),
            Event::Text(text) => {
                if let Some((_, _, content)) = open.last_mut() {
                    content.push_str(&text);
                }
                continue;
            }
            Event::GeneralRef(reference) => {
                let resolved = match reference.resolve_char_ref().ok()? {
                    Some(character) => character.to_string(),
                    None => resolve_xml_entity(&reference)?.to_owned(),
                };
                open.last_mut()?.2.push_str(&resolved);
                continue;
            }
            Event::End(_) => {
                let (name, members, text) = open.pop()?;
                (name, if members.is_empty() { Value::String(text) } else { Value::Object(members) })
            }
            Event::Eof => return None,
            _ => continue,
        };
        let (name, value) = closed;
        let Some((_, parent, _)) = open.last_mut() else {
            return Some((name, value));
        };
        match parent.get_mut(&name) {
            None => {
                parent.insert(name, value);
            }
            Some(Value::Array(items)) => items.push(value),
            Some(first) => *first = json!([first.take(), value]),
        }
    }
}

const STS_NAMESPACE: &str = "https://sts.amazonaws.com/doc/2011-06-15/";
const IAM_NAMESPACE: &str = "https://iam.amazonaws.com/doc/2010-05-08/";
const EC2_NAMESPACE: &str = "http://ec2.amazonaws.com/doc/2016-11-15/";

/// The HTTP response of an answer in an XML protocol; None when the protocol is another.
pub(crate) fn response(wire: Wire, operation: &str, request_id: &str, answer: &Answer) -> Option<Response<Bytes>> {
    let mut response = match (wire, answer) {
        (Wire::RestJson | Wire::Json, _) => return None,
        (Wire::Query, Ok(members)) => Response::new(query_body(STS_NAMESPACE, operation, request_id, members)),
        (Wire::Iam, Ok(members)) => Response::new(query_body(IAM_NAMESPACE, operation, request_id, members)),
        (Wire::Ec2, Ok(members)) => {
            let mut content = members.clone();
            if content.is_null() {
                content = json!({"Return": true});
            }
            content["RequestId"] = json!(request_id);
            Response::new(document(&ec2::wire::DIALECT, &format!("{operation}Response"), EC2_NAMESPACE, &content))
        }
        (Wire::RestXml, Ok(members)) => s3::wire::response(false, operation, members),
        (Wire::S3Control, Ok(members)) => s3::wire::response(true, operation, members),
        (_, Err(error)) => error_response(wire, operation, request_id, error),
    };
    let headers = response.headers_mut();
    if let Ok(id) = HeaderValue::from_str(request_id) {
        // S3 has a header of its own.
        let name =
            if matches!(wire, Wire::RestXml | Wire::S3Control) { "x-amz-request-id" } else { "x-amzn-requestid" };
        headers.insert(name, id);
    }
    if !headers.contains_key(http::header::CONTENT_TYPE) {
        headers.insert(http::header::CONTENT_TYPE, HeaderValue::from_static("text/xml"));
    }
    Some(response)
}

fn query_body(namespace: &str, operation: &str, request_id: &str, members: &Value) -> Bytes {
    let mut result = Map::new();
    if !members.is_null() {
        result.insert(format!("{operation}Result"), members.clone());
    }
    // The SDK for Rust takes the result for the first element, as it is in AWS's answers.
    let about = json!({"ResponseMetadata": {"RequestId": request_id}});
    in_order(&QUERY, &format!("{operation}Response"), namespace, &[&Value::Object(result), &about])
}

fn error_response(wire: Wire, operation: &str, request_id: &str, error: &ApiError) -> Response<Bytes> {
    let mut members = json!({"Code": error.code, "Message": error.message});
    let mut headers = Vec::new();
    for (name, value) in &error.members {
        if name.starts_with("x-") {
            headers.push((*name, value));
        } else {
            members[*name] = json!(value);
        }
    }
    let body = match wire {
        // There is no body to a HEAD request.
        _ if operation == "HeadBucket" => Bytes::new(),
        Wire::Ec2 => document(&QUERY, "Response", "", &json!({"Errors": {"Error": members}, "RequestID": request_id})),
        Wire::RestXml => {
            members["RequestId"] = json!(request_id);
            document(&QUERY, "Error", "", &members)
        }
        _ => {
            members["Type"] = json!("Sender");
            let namespace = match wire {
                Wire::Query => STS_NAMESPACE,
                Wire::Iam => IAM_NAMESPACE,
                _ => "",
            };
            document(&QUERY, "ErrorResponse", namespace, &json!({"Error": members, "RequestId": request_id}))
        }
    };
    let mut response = Response::new(body);
    *response.status_mut() = StatusCode::from_u16(error.status).unwrap_or(StatusCode::INTERNAL_SERVER_ERROR);
    for (name, value) in headers {
        if let Ok(value) = HeaderValue::from_str(value) {
            response.headers_mut().insert(HeaderName::from_static(name), value);
        }
    }
    response
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_written_can_be_read() {
        let tree = json!({"Text": "a < b & \"c\"", "Rule": [{"Id": "1"}, {"Id": "2"}], "Flag": true});
        let dialect = Dialect { element: |name| Cow::Borrowed(name), list: |_| List::Flat("Rule") };
        let body = document(&dialect, "Root", "urn:x", &tree);
        let (root, read) = parse(&body).unwrap();
        assert_eq!(root, "Root");
        assert_eq!(read, json!({"Text": "a < b & \"c\"", "Rule": [{"Id": "1"}, {"Id": "2"}], "Flag": "true"}));
    }

    #[test]
    fn what_is_no_xml_is_refused() {
        assert!(parse(b"").is_none());
        assert!(parse(b"{}").is_none());
        assert!(parse(b"<a><b></a>").is_none());
    }
}
