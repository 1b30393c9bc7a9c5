//! restXml: buckets in the host or in the path, operations by method and sub-resource.

use std::borrow::Cow;

use bytes::Bytes;
use http::{HeaderName, HeaderValue, Method, Request, Response, StatusCode};
use serde_json::{Map, Value, json};

use crate::error::ApiError;
use crate::input::Input;
use crate::protocol::{Asked, form_pairs, path_as_name, percent_decode};
use crate::service::{Unreadable, Wire};
use crate::xml::{self, Dialect, List};

const NAMESPACE: &str = "http://s3.amazonaws.com/doc/2006-03-01/";
/// S3 has a header of its own for the id of a request.
const ID_HEADER: &str = "x-amz-request-id";
const CONTROL_NAMESPACE: &str = "http://awss3control.amazonaws.com/doc/2018-08-20/";

/// Method and sub-resource of an operation, and the member that is the body of its request.
const ROUTES: &[(&str, &str, &str, &str)] = &[
    ("PUT", "", "CreateBucket", "CreateBucketConfiguration"),
    ("HEAD", "", "HeadBucket", ""),
    ("DELETE", "", "DeleteBucket", ""),
    ("GET", "location", "GetBucketLocation", ""),
    ("GET", "publicAccessBlock", "GetPublicAccessBlock", ""),
    ("PUT", "publicAccessBlock", "PutPublicAccessBlock", "PublicAccessBlockConfiguration"),
    ("DELETE", "publicAccessBlock", "DeletePublicAccessBlock", ""),
    ("GET", "encryption", "GetBucketEncryption", ""),
    ("PUT", "encryption", "PutBucketEncryption", "ServerSideEncryptionConfiguration"),
    ("DELETE", "encryption", "DeleteBucketEncryption", ""),
    ("GET", "policy", "GetBucketPolicy", ""),
    ("PUT", "policy", "PutBucketPolicy", "Policy"),
    ("DELETE", "policy", "DeleteBucketPolicy", ""),
    ("GET", "policyStatus", "GetBucketPolicyStatus", ""),
    ("GET", "ownershipControls", "GetBucketOwnershipControls", ""),
    ("PUT", "ownershipControls", "PutBucketOwnershipControls", "OwnershipControls"),
    ("GET", "lifecycle", "GetBucketLifecycleConfiguration", ""),
    ("PUT", "lifecycle", "PutBucketLifecycleConfiguration", "LifecycleConfiguration"),
    ("DELETE", "lifecycle", "DeleteBucketLifecycle", ""),
    ("GET", "versioning", "GetBucketVersioning", ""),
    ("PUT", "versioning", "PutBucketVersioning", "VersioningConfiguration"),
    ("GET", "tagging", "GetBucketTagging", ""),
    ("PUT", "tagging", "PutBucketTagging", "Tagging"),
    ("DELETE", "tagging", "DeleteBucketTagging", ""),
    ("GET", "object-lock", "GetObjectLockConfiguration", ""),
];

/// Headers and query parameters that are members.
const HEADERS: &[(&str, &str)] = &[
    ("x-amz-account-id", "AccountId"),
    ("x-amz-bucket-object-lock-enabled", "ObjectLockEnabledForBucket"),
    ("x-amz-expected-bucket-owner", "ExpectedBucketOwner"),
    ("x-amz-object-ownership", "ObjectOwnership"),
    ("x-amz-transition-default-minimum-object-size", "TransitionDefaultMinimumObjectSize"),
];
const QUERY: &[(&str, &str)] = &[
    ("bucket-region", "BucketRegion"),
    ("continuation-token", "ContinuationToken"),
    ("max-buckets", "MaxBuckets"),
    ("prefix", "Prefix"),
];

pub(super) const WIRE: Wire = Wire {
    asked: |_, request| asked(request),
    response: |reply| {
        let mut response = match reply.answer {
            Ok(members) => success(false, reply.operation, members),
            // There is no body to a HEAD request.
            Err(error) if reply.operation == "HeadBucket" => xml::error_response(error, |_| Bytes::new()),
            Err(error) => xml::error_response(error, |mut members| {
                members["RequestId"] = json!(reply.request_id);
                xml::document(&xml::PLAIN, "Error", "", &members)
            }),
        };
        xml::finish(&mut response, ID_HEADER, reply.request_id);
        response
    },
};

/// S3 Control: other paths, and errors in an envelope.
pub(super) const CONTROL: Wire = Wire {
    asked: |_, request| {
        let (operation, payload) = control_route(request).ok_or_else(|| Unreadable::Unknown(path_as_name(request)))?;
        members(request, None, operation, payload)
    },
    response: |reply| {
        let mut response = match reply.answer {
            Ok(members) => success(true, reply.operation, members),
            Err(error) => xml::error_response(error, |mut members| {
                members["Type"] = json!("Sender");
                let content = json!({"Error": members, "RequestId": reply.request_id});
                xml::document(&xml::PLAIN, "ErrorResponse", "", &content)
            }),
        };
        xml::finish(&mut response, ID_HEADER, reply.request_id);
        response
    },
};

/// Reads what a request asks for.
fn asked(request: &Request<Bytes>) -> Result<Asked, Unreadable> {
    let unknown = || Unreadable::Unknown(path_as_name(request));
    let (bucket, key) = address(request);
    let (operation, payload) = match &bucket {
        None if request.method() == Method::GET => ("ListBuckets", ""),
        None => return Err(unknown()),
        Some(_) => route(request).filter(|_| key.is_empty()).ok_or_else(unknown)?,
    };
    members(request, bucket, operation, payload)
}

/// The members of a request: of its address, its headers, its query and its body.
fn members(
    request: &Request<Bytes>,
    bucket: Option<String>,
    operation: &str,
    payload: &str,
) -> Result<Asked, Unreadable> {
    let mut input = Map::new();
    if let Some(bucket) = bucket {
        input.insert("Bucket".to_owned(), json!(bucket));
    }
    for (header, member) in HEADERS {
        if let Some(value) = request.headers().get(*header).and_then(|value| value.to_str().ok()) {
            input.insert((*member).to_owned(), json!(value));
        }
    }
    for (name, value) in query(request) {
        if let Some((_, member)) = QUERY.iter().find(|(parameter, _)| *parameter == name) {
            input.insert((*member).to_owned(), json!(value));
        }
    }
    match body(payload, request.body()) {
        Ok(Some(body)) => {
            input.insert(payload.to_owned(), body);
        }
        Ok(None) => {}
        Err(error) => return Err(Unreadable::Malformed(operation.to_owned(), error)),
    }
    Ok(Asked { operation: operation.to_owned(), input })
}

fn query(request: &Request<Bytes>) -> impl Iterator<Item = (String, String)> + '_ {
    form_pairs(request.uri().query().unwrap_or_default())
}

fn route(request: &Request<Bytes>) -> Option<(&'static str, &'static str)> {
    // `x-id` only repeats the operation.
    let resource = query(request).map(|(name, _)| name).find(|name| name != "x-id").unwrap_or_default();
    let route = ROUTES.iter().find(|(wanted, sub, ..)| request.method() == wanted && *sub == resource);
    route.map(|(.., operation, payload)| (*operation, *payload))
}

fn control_route(request: &Request<Bytes>) -> Option<(&'static str, &'static str)> {
    let known = request.uri().path() == "/v20180820/configuration/publicAccessBlock";
    match request.method().as_str() {
        "GET" if known => Some(("GetPublicAccessBlock", "")),
        "PUT" if known => Some(("PutPublicAccessBlock", "PublicAccessBlockConfiguration")),
        "DELETE" if known => Some(("DeletePublicAccessBlock", "")),
        _ => None,
    }
}

/// Bucket and key, from a host such as `BUCKET.s3.REGION.amazonaws.com` or from the path.
fn address(request: &Request<Bytes>) -> (Option<String>, String) {
    let header = || request.headers().get(http::header::HOST).and_then(|host| host.to_str().ok());
    let host = request.uri().host().or_else(header).unwrap_or_default();
    let host = host.split(':').next().unwrap_or_default();
    let path = percent_decode(request.uri().path().trim_start_matches('/'), false);
    let in_host = if host.contains(".amazonaws.com") {
        host.rfind(".s3.").or_else(|| host.rfind(".s3-")).and_then(|end| host.get(..end))
    } else {
        host.strip_suffix(".localhost")
    };
    if let Some(bucket) = in_host {
        return (Some(bucket.to_owned()), path);
    }
    match path.split_once('/') {
        Some((bucket, key)) => (Some(bucket.to_owned()), key.to_owned()),
        None if path.is_empty() => (None, path),
        None => (Some(path), String::new()),
    }
}

fn body(payload: &str, body: &[u8]) -> Result<Option<Value>, ApiError> {
    match payload {
        "" => Ok(None),
        "Policy" => Ok(Some(json!(String::from_utf8_lossy(body)))),
        "CreateBucketConfiguration" if body.is_empty() => Ok(None),
        _ => xml::parse(body).map(|(_, tree)| Some(structure(tree))).ok_or_else(super::malformed),
    }
}

const FLAT_LISTS: &[(&str, &str)] = &[
    ("EncryptionType", "EncryptionType"),
    ("NoncurrentVersionTransition", "NoncurrentVersionTransitions"),
    ("Rule", "Rules"),
    ("Transition", "Transitions"),
];
const FLAGS: &[&str] = &[
    "BlockPublicAcls",
    "IgnorePublicAcls",
    "BlockPublicPolicy",
    "RestrictPublicBuckets",
    "BucketKeyEnabled",
    "ExpiredObjectDeleteMarker",
];
const NUMBERS: &[&str] = &[
    "Days",
    "DaysAfterInitiation",
    "NewerNoncurrentVersions",
    "NoncurrentDays",
    "ObjectSizeGreaterThan",
    "ObjectSizeLessThan",
];

/// An element's content under the names and types of the model.
fn structure(tree: Value) -> Value {
    let Value::Object(elements) = tree else {
        // An element with nothing in it.
        return json!({});
    };
    let mut members = Input::new();
    for (name, value) in elements {
        let (member, value) = match name.as_str() {
            "MfaDelete" => ("MFADelete".to_owned(), value),
            "TagSet" | "Tags" => (name, items(value.get("Tag").cloned().unwrap_or(json!([])))),
            "And" => {
                let mut and = structure(value);
                if let Some(tags) = and.as_object_mut().and_then(|members| members.remove("Tag")) {
                    and["Tags"] = items(tags);
                }
                (name, and)
            }
            flat if FLAT_LISTS.iter().any(|(element, _)| *element == flat) => {
                let member = FLAT_LISTS.iter().find(|(element, _)| *element == flat).map_or(flat, |(_, member)| member);
                (member.to_owned(), items(value))
            }
            flag if FLAGS.contains(&flag) => {
                let flag = crate::input::as_flag(&value).map_or(value, Value::Bool);
                (name, flag)
            }
            number if NUMBERS.contains(&number) => {
                let number = value.as_str().and_then(|text| text.parse::<i64>().ok());
                (name, number.map_or(value, Value::from))
            }
            "Filter" | "Expiration" => (name, structure(value)),
            _ if value.is_object() => (name, structure(value)),
            _ => (name, value),
        };
        members.insert(member, value);
    }
    Value::Object(members)
}

fn items(value: Value) -> Value {
    let items = match value {
        Value::Array(items) => items,
        item => vec![item],
    };
    items.into_iter().map(|item| if item.is_object() { structure(item) } else { item }).collect()
}

const DIALECT: Dialect = Dialect {
    element: |name| Cow::Borrowed(if name == "MFADelete" { "MfaDelete" } else { name }),
    list: |name| match name {
        "Rules" => List::Flat("Rule"),
        "Transitions" => List::Flat("Transition"),
        "NoncurrentVersionTransitions" => List::Flat("NoncurrentVersionTransition"),
        "EncryptionType" => List::Flat("EncryptionType"),
        "Tags" => List::Flat("Tag"),
        "Buckets" => List::Of("Bucket"),
        _ => List::Of("Tag"),
    },
};

/// Members of an answer that are headers.
const ANSWER_HEADERS: &[(&str, &str, &str)] = &[
    ("CreateBucket", "Location", "location"),
    ("CreateBucket", "BucketArn", "x-amz-bucket-arn"),
    ("HeadBucket", "BucketRegion", "x-amz-bucket-region"),
    ("HeadBucket", "BucketArn", "x-amz-bucket-arn"),
    ("HeadBucket", "AccessPointAlias", "x-amz-access-point-alias"),
    (
        "GetBucketLifecycleConfiguration",
        "TransitionDefaultMinimumObjectSize",
        "x-amz-transition-default-minimum-object-size",
    ),
    (
        "PutBucketLifecycleConfiguration",
        "TransitionDefaultMinimumObjectSize",
        "x-amz-transition-default-minimum-object-size",
    ),
];

/// The response of a success.
fn success(control: bool, operation: &str, members: &Value) -> Response<Bytes> {
    let mut members = members.clone();
    let mut headers = Vec::new();
    for (_, member, header) in ANSWER_HEADERS.iter().filter(|(of, ..)| *of == operation) {
        if let Some(value) = members.as_object_mut().and_then(|members| members.remove(*member)) {
            headers.push((*header, value.as_str().map_or_else(|| value.to_string(), str::to_owned)));
        }
    }
    let namespace = if control { CONTROL_NAMESPACE } else { NAMESPACE };
    let root = |name: &str, content: &Value| xml::document(&DIALECT, name, namespace, content);
    let body = match operation {
        "GetBucketPolicy" => Bytes::from(members["Policy"].as_str().unwrap_or_default().to_owned()),
        "GetBucketLocation" => root("LocationConstraint", &members["LocationConstraint"]),
        "ListBuckets" => root("ListAllMyBucketsResult", &members),
        "GetBucketLifecycleConfiguration" => root("LifecycleConfiguration", &members),
        "GetBucketVersioning" => root("VersioningConfiguration", &members),
        "GetBucketTagging" => root("Tagging", &members),
        // The one member is the body.
        _ if operation.starts_with("Get") => match members.as_object().and_then(|members| members.iter().next()) {
            Some((name, content)) => root(name, content),
            None => Bytes::new(),
        },
        _ => Bytes::new(),
    };
    let mut response = Response::new(body);
    // The model of S3 Control knows no 204.
    if !control && operation.starts_with("Delete") {
        *response.status_mut() = StatusCode::NO_CONTENT;
    }
    if operation == "GetBucketPolicy" {
        response.headers_mut().insert(http::header::CONTENT_TYPE, HeaderValue::from_static("application/json"));
    }
    for (name, value) in headers {
        if let Ok(value) = HeaderValue::from_str(&value) {
            response.headers_mut().insert(HeaderName::from_static(name), value);
        }
    }
    response
}

#[cfg(test)]
mod tests {
    use super::*;

    fn bucket(uri: &str, host: Option<&str>) -> Option<String> {
        let mut request = Request::builder().uri(uri);
        if let Some(host) = host {
            request = request.header("host", host);
        }
        address(&request.body(Bytes::new()).unwrap()).0
    }

    #[test]
    fn a_bucket_is_in_the_host_or_in_the_path() {
        assert_eq!(bucket("https://a.b.s3.eu-west-1.amazonaws.com/?policy", None).as_deref(), Some("a.b"));
        assert_eq!(bucket("https://a.s3.amazonaws.com/", None).as_deref(), Some("a"));
        assert_eq!(bucket("/?policy", Some("a.s3.us-east-1.amazonaws.com")).as_deref(), Some("a"));
        assert_eq!(bucket("https://s3.eu-west-1.amazonaws.com/a?policy", None).as_deref(), Some("a"));
        assert_eq!(bucket("/a", Some("127.0.0.1:4599")).as_deref(), Some("a"));
        assert_eq!(bucket("/?x-id=ListBuckets", Some("127.0.0.1:4599")), None);
    }
}
