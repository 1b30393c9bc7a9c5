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
use crate::service::Reply;

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

/// Names as they are, and items in elements called `member`.
pub(crate) const PLAIN: Dialect = Dialect { element: |name| Cow::Borrowed(name), list: |_| List::Of("member") };

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

/// The namespace of STS, whose answers have no other form than awsQuery says.
pub(crate) const NAMESPACE: &str = "https://sts.amazonaws.com/doc/2011-06-15/";

/// The HTTP response of an answer in awsQuery.
pub(crate) fn query_response(namespace: &str, reply: &Reply<'_>) -> Response<Bytes> {
    let mut response = match reply.answer {
        Ok(members) => Response::new(query_body(namespace, reply, members)),
        Err(error) => error_response(error, |mut members| {
            members["Type"] = json!("Sender");
            let content = json!({"Error": members, "RequestId": reply.request_id});
            document(&PLAIN, "ErrorResponse", namespace, &content)
        }),
    };
    finish(&mut response, "x-amzn-requestid", reply.request_id);
    response
}

fn query_body(namespace: &str, reply: &Reply<'_>, members: &Value) -> Bytes {
    let mut result = Map::new();
    if !members.is_null() {
        result.insert(format!("{}Result", reply.operation), members.clone());
    }
    // The SDK for Rust takes the result for the first element, as it is in AWS's answers.
    let about = json!({"ResponseMetadata": {"RequestId": reply.request_id}});
    in_order(&PLAIN, &format!("{}Response", reply.operation), namespace, &[&Value::Object(result), &about])
}

/// What every XML response has: the id of its request, and a type.
pub(crate) fn finish(response: &mut Response<Bytes>, id_header: &'static str, request_id: &str) {
    let headers = response.headers_mut();
    if let Ok(id) = HeaderValue::from_str(request_id) {
        headers.insert(id_header, id);
    }
    if !headers.contains_key(http::header::CONTENT_TYPE) {
        headers.insert(http::header::CONTENT_TYPE, HeaderValue::from_static("text/xml"));
    }
}

/// The response of an error, with the body that the protocol makes of its members.
pub(crate) fn error_response(error: &ApiError, body: impl FnOnce(Value) -> Bytes) -> Response<Bytes> {
    let mut members = json!({"Code": error.code, "Message": error.message});
    let mut headers = Vec::new();
    for (name, value) in &error.members {
        if name.starts_with("x-") {
            headers.push((*name, value));
        } else {
            members[*name] = json!(value);
        }
    }
    let mut response = Response::new(body(members));
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
