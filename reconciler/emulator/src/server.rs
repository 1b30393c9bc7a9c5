//! The emulator on a loopback socket: HTTP/1.1 with keep-alive, and the admin endpoints under `/_emulator/`.
//!
//! Admin endpoints need no credentials, which is why nothing but loopback is served.

use std::future::Future;
use std::io;

use bytes::Bytes;
use http::{Method, Request, Response, StatusCode};
use http_body_util::{BodyExt, Full};
use hyper::body::Incoming;
use hyper::service::service_fn;
use hyper_util::rt::TokioIo;
use serde_json::{Value, json};
use tokio::net::TcpListener;
use tokio::task::JoinSet;

use crate::options::RuleChanges;
use crate::script::Script;
use crate::{Emulator, Fault};

const ADMIN: &str = "/_emulator/";

/// Accepts connections until `shutdown` is ready, then drops those that are open.
pub(crate) async fn serve(
    emulator: Emulator,
    listener: TcpListener,
    shutdown: impl Future<Output = ()>,
) -> io::Result<()> {
    let address = listener.local_addr()?;
    if !address.ip().is_loopback() {
        let message = format!("refused to serve {address}: the emulator is for loopback only");
        return Err(io::Error::new(io::ErrorKind::InvalidInput, message));
    }
    let mut connections = JoinSet::new();
    tokio::pin!(shutdown);
    loop {
        tokio::select! {
            () = &mut shutdown => return Ok(()),
            Some(_) = connections.join_next(), if !connections.is_empty() => {}
            accepted = listener.accept() => {
                let (stream, _) = accepted?;
                stream.set_nodelay(true)?;
                let emulator = emulator.clone();
                connections.spawn(async move {
                    let service = service_fn(move |request| answer(emulator.clone(), request));
                    // A connection that ends badly is the client's business, or a fault that drops it on purpose.
                    let _ = hyper::server::conn::http1::Builder::new().serve_connection(TokioIo::new(stream), service).await;
                });
            }
        }
    }
}

/// One request. An error closes the connection without an answer.
async fn answer(emulator: Emulator, request: Request<Incoming>) -> io::Result<Response<Full<Bytes>>> {
    let (parts, body) = request.into_parts();
    let body = body.collect().await.map_err(io::Error::other)?.to_bytes();
    let request = Request::from_parts(parts, body);
    if request.uri().path().starts_with(ADMIN) {
        return Ok(admin(&emulator, &request));
    }
    match emulator.handle(request).await {
        Ok(response) => Ok(response.map(Full::new)),
        Err(dropped) => Err(io::Error::other(dropped)),
    }
}

fn admin(emulator: &Emulator, request: &Request<Bytes>) -> Response<Full<Bytes>> {
    let endpoint = request.uri().path().strip_prefix(ADMIN).unwrap_or_default();
    let done = || Ok(json!({"ok": true}));
    let outcome: Result<Value, String> = match (request.method(), endpoint) {
        (&Method::GET, "health") => Ok(json!({"status": "ok", "now": emulator.now().to_string()})),
        (&Method::GET, "calls") => serde_json::to_value(emulator.calls()).map_err(|error| error.to_string()),
        (&Method::DELETE, "calls") => {
            emulator.clear_calls();
            done()
        }
        (&Method::POST, "faults") => faults(request.body()).and_then(|faults| {
            emulator.inject(faults);
            done()
        }),
        (&Method::DELETE, "faults") => {
            emulator.clear_faults();
            done()
        }
        (&Method::POST, "script") => {
            let played =
                Script::parse(&String::from_utf8_lossy(request.body())).and_then(|script| emulator.run(&script));
            played.map_err(|error| chain(&error)).and_then(|()| done())
        }
        (&Method::POST, "options") => match serde_json::from_slice::<RuleChanges>(request.body()) {
            Ok(changes) => {
                emulator.change_rules(changes);
                done()
            }
            Err(error) => Err(error.to_string()),
        },
        _ => {
            return json_response(
                StatusCode::NOT_FOUND,
                &json!({"error": format!("no endpoint {} {ADMIN}{endpoint}", request.method())}),
            );
        }
    };
    match outcome {
        Ok(value) => json_response(StatusCode::OK, &value),
        Err(error) => json_response(StatusCode::BAD_REQUEST, &json!({"error": error})),
    }
}

/// One fault or a list of them, as JSON or YAML.
fn faults(body: &[u8]) -> Result<Vec<Fault>, String> {
    let value: Value = serde_yaml::from_slice(body).map_err(|error| error.to_string())?;
    let list = if value.is_array() { value } else { json!([value]) };
    serde_json::from_value(list).map_err(|error| error.to_string())
}

/// An error with its causes on one line.
fn chain(error: &dyn std::error::Error) -> String {
    let mut text = error.to_string();
    let mut cause = error.source();
    while let Some(error) = cause {
        text.push_str(": ");
        text.push_str(&error.to_string());
        cause = error.source();
    }
    text
}

fn json_response(status: StatusCode, value: &Value) -> Response<Full<Bytes>> {
    let mut response = Response::new(Full::new(Bytes::from(value.to_string())));
    *response.status_mut() = status;
    response.headers_mut().insert(http::header::CONTENT_TYPE, http::HeaderValue::from_static("application/json"));
    response
}
