//! restXml.
use crate::error::ApiError;
use crate::protocol::{Asked, path_as_name};
use bytes::Bytes;
use http::{Request, Response};
use serde_json::Value;

/// Nothing yet.
pub(crate) fn asked(service: &str, request: &Request<Bytes>) -> Result<Asked, (String, ApiError)> {
    let name = path_as_name(request);
    let error = ApiError::unknown_operation(service, &name);
    Err((name, error))
}

/// Nothing yet.
pub(crate) fn response(_operation: &str, _members: &Value) -> Response<Bytes> {
    Response::new(Bytes::new())
}
