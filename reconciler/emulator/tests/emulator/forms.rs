//! A client of the XML services, and answers as trees.

use bytes::Bytes;
use http::{Method, Request};
use serde_json::{Map, Value, json};

use crate::clients::{Client, Reply};

impl Client {
    /// A call of a query service; members as in a form, such as `Filter.1.Name`.
    pub(crate) async fn form(
        &self,
        service: &str,
        operation: &str,
        members: &[(&str, &str)],
    ) -> Result<Xml, Box<dyn std::error::Error>> {
        let mut body = format!("Action={operation}&Version=2016-11-15");
        for (name, value) in members {
            body.push_str(&format!("&{name}={}", encoded(value)));
        }
        self.xml(service, Method::POST, "/", &[], &body).await
    }

    /// A call of S3 in path style; the path has the query.
    pub(crate) async fn s3(&self, method: Method, path: &str, body: &str) -> Result<Xml, Box<dyn std::error::Error>> {
        self.xml("s3", method, path, &[], body).await
    }

    /// Any call that is answered in XML.
    pub(crate) async fn xml(
        &self,
        service: &str,
        method: Method,
        uri: &str,
        headers: &[(&str, &str)],
        body: &str,
    ) -> Result<Xml, Box<dyn std::error::Error>> {
        let mut request = Request::builder().method(method).uri(uri);
        for (name, value) in headers {
            request = request.header(*name, *value);
        }
        let scope = format!(
            "AWS4-HMAC-SHA256 Credential={}/20261120/{}/{service}/aws4_request, SignedHeaders=host, Signature=0",
            self.access_key, self.region
        );
        let request = request.header("authorization", scope).body(Bytes::from(body.to_owned()))?;
        let response = self.emulator.handle(request).await?;
        let (parts, body) = response.into_parts();
        let text = String::from_utf8(body.to_vec())?;
        let headers =
            parts.headers.iter().map(|(name, value)| (name.to_string(), value.to_str().unwrap_or_default().into()));
        Ok(Xml { status: parts.status.as_u16(), headers: headers.collect(), tree: tree(&text), text })
    }

    /// What CloudTrail has of an operation, newest first.
    pub(crate) async fn records(&self, operation: &str) -> Result<Vec<Value>, Box<dyn std::error::Error>> {
        let ask = json!({"LookupAttributes": [{"AttributeKey": "EventName", "AttributeValue": operation}]});
        let found: Reply = self.json("cloudtrail", "LookupEvents", ask).await?;
        let events = found.body["Events"].as_array().cloned().unwrap_or_default();
        Ok(events.iter().filter_map(|event| serde_json::from_str(event["CloudTrailEvent"].as_str()?).ok()).collect())
    }
}

/// An answer in XML. Every element is a member; repeated elements are a list.
#[derive(Debug)]
pub(crate) struct Xml {
    pub(crate) status: u16,
    pub(crate) headers: Vec<(String, String)>,
    pub(crate) tree: Value,
    pub(crate) text: String,
}

impl Xml {
    /// The first text of an element of that name, anywhere.
    pub(crate) fn first(&self, name: &str) -> String {
        self.all(name).into_iter().next().unwrap_or_default()
    }

    /// The texts of all elements of that name.
    pub(crate) fn all(&self, name: &str) -> Vec<String> {
        let mut found = Vec::new();
        collect(&self.tree, name, &mut found);
        found
    }

    /// Status and error code.
    pub(crate) fn error(&self) -> (u16, String) {
        (self.status, self.first("Code"))
    }

    pub(crate) fn header(&self, name: &str) -> Option<&str> {
        self.headers.iter().find(|(known, _)| known == name).map(|(_, value)| value.as_str())
    }
}

fn collect(tree: &Value, name: &str, found: &mut Vec<String>) {
    match tree {
        Value::Object(members) => {
            for (member, value) in members {
                if member == name {
                    let items = value.as_array().cloned().unwrap_or_else(|| vec![value.clone()]);
                    found.extend(items.iter().filter_map(Value::as_str).map(str::to_owned));
                }
                collect(value, name, found);
            }
        }
        Value::Array(items) => items.iter().for_each(|item| collect(item, name, found)),
        _ => {}
    }
}

pub(crate) fn encoded(text: &str) -> String {
    text.bytes()
        .map(|byte| if byte.is_ascii_alphanumeric() { char::from(byte).to_string() } else { format!("%{byte:02X}") })
        .collect()
}

/// A small reader for what the emulator writes: no attributes but namespaces, no comments.
fn tree(text: &str) -> Value {
    let mut rest = text;
    let mut open: Vec<(String, Map<String, Value>, String)> = vec![(String::new(), Map::new(), String::new())];
    while let Some((before, after)) = rest.split_once('<') {
        let (tag, after) = after.split_once('>').unwrap_or((after, ""));
        rest = after;
        if let Some((_, _, content)) = open.last_mut() {
            content.push_str(before);
        }
        if tag.starts_with('?') {
            continue;
        }
        let name = tag.trim_end_matches('/').split(' ').next().unwrap_or_default().trim_start_matches('/').to_owned();
        if !tag.starts_with('/') {
            open.push((name, Map::new(), String::new()));
        }
        if !tag.starts_with('/') && !tag.ends_with('/') {
            continue;
        }
        let Some((name, members, content)) = open.pop() else {
            break;
        };
        let value = if members.is_empty() { Value::String(unescaped(&content)) } else { Value::Object(members) };
        let Some((_, parent, _)) = open.last_mut() else {
            break;
        };
        match parent.get_mut(&name) {
            None => {
                parent.insert(name, value);
            }
            Some(Value::Array(items)) => items.push(value),
            Some(first) => *first = json!([first.take(), value]),
        }
    }
    open.pop().map_or(Value::Null, |(_, members, _)| Value::Object(members))
}

fn unescaped(text: &str) -> String {
    let text = text.replace("&lt;", "<").replace("&gt;", ">").replace("&quot;", "\"").replace("&apos;", "'");
    text.replace("&#10;", "\n").replace("&amp;", "&")
}
