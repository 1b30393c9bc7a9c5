//! An AWS of one closure: request in, reply out, everything recorded.

use std::fmt;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use aws_smithy_runtime_api::client::http::{
    HttpClient, HttpConnector, HttpConnectorFuture, HttpConnectorSettings, SharedHttpConnector,
};
use aws_smithy_runtime_api::client::orchestrator::{HttpRequest, HttpResponse};
use aws_smithy_runtime_api::client::runtime_components::RuntimeComponents;
use aws_smithy_types::body::SdkBody;
use reconciler_aws::{Connection, Retries, Sessions, SharedHttpClient};

/// One request as it would have left the machine.
#[derive(Clone, Debug)]
pub(crate) struct Request {
    pub(crate) uri: String,
    pub(crate) headers: Vec<(String, String)>,
    pub(crate) body: Vec<u8>,
}

impl Request {
    pub(crate) fn header(&self, name: &str) -> Option<&str> {
        let mut values = self.headers.iter().filter(|(n, _)| n == name);
        let value = values.next().map(|(_, v)| v.as_str());
        assert!(values.next().is_none(), "header {name} is sent twice");
        value
    }

    pub(crate) fn text(&self) -> String {
        String::from_utf8(self.body.clone()).unwrap()
    }

    pub(crate) fn is_sts(&self) -> bool {
        self.uri.contains("//sts.")
    }
}

/// A reply: status, headers, body, and how long it takes.
#[derive(Clone, Debug)]
pub(crate) struct Reply {
    pub(crate) status: u16,
    pub(crate) headers: Vec<(&'static str, String)>,
    pub(crate) body: String,
    pub(crate) after: Duration,
}

pub(crate) fn reply(status: u16, body: impl Into<String>) -> Reply {
    Reply { status, headers: vec![("x-amzn-requestid", "req-1".to_owned())], body: body.into(), after: Duration::ZERO }
}

impl Reply {
    pub(crate) fn header(mut self, name: &'static str, value: &str) -> Self {
        self.headers.push((name, value.to_owned()));
        self
    }

    pub(crate) fn after(mut self, after: Duration) -> Self {
        self.after = after;
        self
    }
}

type Answer = Arc<dyn Fn(&Request) -> Reply + Send + Sync>;

/// The client. Clones record into the same list.
#[derive(Clone)]
pub(crate) struct Wire {
    answer: Answer,
    seen: Arc<Mutex<Vec<Request>>>,
    in_flight: Arc<AtomicUsize>,
    most: Arc<AtomicUsize>,
}

impl fmt::Debug for Wire {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Wire")
    }
}

impl Wire {
    /// STS behaves; everything else is answered by `answer`.
    pub(crate) fn new(answer: impl Fn(&Request) -> Reply + Send + Sync + 'static) -> Self {
        Self::raw(move |request| sts(request).unwrap_or_else(|| answer(request)))
    }

    pub(crate) fn raw(answer: impl Fn(&Request) -> Reply + Send + Sync + 'static) -> Self {
        Self { answer: Arc::new(answer), seen: Arc::default(), in_flight: Arc::default(), most: Arc::default() }
    }

    pub(crate) fn seen(&self) -> Vec<Request> {
        self.seen.lock().unwrap().clone()
    }

    pub(crate) fn count(&self, mark: &str) -> usize {
        let seen = self.seen();
        seen.iter().filter(|r| r.text().contains(mark)).count()
    }

    /// The highest number of requests that were under way at a time.
    pub(crate) fn most(&self) -> usize {
        self.most.load(Ordering::SeqCst)
    }

    pub(crate) fn connection(&self) -> Connection {
        Connection::in_process(SharedHttpClient::new(self.clone()))
            .role("reader")
            .retries(Retries { initial_backoff: Duration::from_millis(1), ..Retries::default() })
    }

    pub(crate) async fn open(&self) -> Sessions {
        self.connection().open().await
    }
}

impl HttpClient for Wire {
    fn http_connector(
        &self,
        _settings: &HttpConnectorSettings,
        _components: &RuntimeComponents,
    ) -> SharedHttpConnector {
        SharedHttpConnector::new(self.clone())
    }
}

impl HttpConnector for Wire {
    fn call(&self, request: HttpRequest) -> HttpConnectorFuture {
        let request = Request {
            uri: request.uri().to_owned(),
            headers: request.headers().iter().map(|(n, v)| (n.to_owned(), v.to_owned())).collect(),
            body: request.body().bytes().unwrap_or_default().to_vec(),
        };
        self.seen.lock().unwrap().push(request.clone());
        let reply = (self.answer)(&request);
        let Self { in_flight, most, .. } = self.clone();
        HttpConnectorFuture::new(async move {
            most.fetch_max(in_flight.fetch_add(1, Ordering::SeqCst) + 1, Ordering::SeqCst);
            tokio::time::sleep(reply.after).await;
            in_flight.fetch_sub(1, Ordering::SeqCst);
            let mut response = http::Response::builder().status(reply.status);
            for (name, value) in reply.headers {
                response = response.header(name, value);
            }
            let response = response.body(SdkBody::from(reply.body)).unwrap();
            Ok(HttpResponse::try_from(response).unwrap())
        })
    }
}

/// STS of an organization whose every role exists. AssumeRole takes a while, so that others queue.
pub(crate) fn sts(request: &Request) -> Option<Reply> {
    const NS: &str = "https://sts.amazonaws.com/doc/2011-06-15/";
    if !request.is_sts() {
        return None;
    }
    let body = request.text();
    Some(if body.contains("Action=GetCallerIdentity") {
        reply(
            200,
            format!(
                "<GetCallerIdentityResponse xmlns=\"{NS}\"><GetCallerIdentityResult>\
                 <Arn>arn:aws:iam::111122223333:user/ops</Arn><UserId>A</UserId>\
                 <Account>111122223333</Account></GetCallerIdentityResult>\
                 </GetCallerIdentityResponse>"
            ),
        )
    } else {
        reply(200, assumed("2099-01-01T00:00:00Z")).after(Duration::from_millis(30))
    })
}

pub(crate) fn assumed(expiration: &str) -> String {
    format!(
        "<AssumeRoleResponse xmlns=\"https://sts.amazonaws.com/doc/2011-06-15/\">\
         <AssumeRoleResult><Credentials><AccessKeyId>ASIAROLE</AccessKeyId>\
         <SecretAccessKey>role-secret</SecretAccessKey><SessionToken>role-token</SessionToken>\
         <Expiration>{expiration}</Expiration></Credentials></AssumeRoleResult>\
         </AssumeRoleResponse>"
    )
}
