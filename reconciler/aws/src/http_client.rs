//! The network client: one for the process, or none.

use std::fmt;
use std::sync::atomic::{AtomicU64, AtomicUsize, Ordering};
use std::sync::{Mutex, OnceLock, PoisonError};
use std::time::Duration;

use aws_smithy_http_client::proxy::ProxyConfig;
use aws_smithy_http_client::tls::{self, rustls_provider::CryptoMode};
use aws_smithy_http_client::{Connector, ConnectorBuilder};
use aws_smithy_runtime_api::client::http::{
    HttpClient, HttpConnector, HttpConnectorFuture, HttpConnectorSettings, SharedHttpClient, SharedHttpConnector,
};
use aws_smithy_runtime_api::client::orchestrator::HttpRequest;
use aws_smithy_runtime_api::client::runtime_components::RuntimeComponents;

static BEGUN: AtomicU64 = AtomicU64::new(0);

/// How many requests this process has sent over the network: that it grows is a sign of life.
pub fn calls_begun() -> u64 {
    BEGUN.load(Ordering::Relaxed)
}

static BUILT: AtomicUsize = AtomicUsize::new(0);

/// How many network clients this process has built. Zero in a drill: nothing in a process that
/// only opened [`crate::Connection::in_process`] can reach a network through this crate.
pub fn network_clients() -> usize {
    BUILT.load(Ordering::SeqCst)
}

/// A client with one connection pool, rustls, the system's certificates and the proxy settings of
/// the environment. Speaks plain HTTP too, where `AWS_ENDPOINT_URL` says so.
pub(crate) fn network() -> SharedHttpClient {
    BUILT.fetch_add(1, Ordering::SeqCst);
    SharedHttpClient::new(Network::default())
}

/// Builds a connector at the first request that needs it. The SDK's client builds one, certificate store
/// included, for every service client that is made, only to throw it away; with hundreds of
/// sessions that is seconds.
#[derive(Debug, Default)]
struct Network(Mutex<Vec<(Times, SharedHttpConnector)>>);

/// How long a connector waits for a connection and for an answer.
type Times = (Option<Duration>, Option<Duration>);

impl HttpClient for Network {
    fn http_connector(&self, settings: &HttpConnectorSettings, components: &RuntimeComponents) -> SharedHttpConnector {
        let times = (settings.connect_timeout(), settings.read_timeout());
        let mut built = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some((_, connector)) = built.iter().find(|(others, _)| *others == times) {
            return connector.clone();
        }
        let mut builder = Connector::builder();
        builder.set_connector_settings(Some(settings.clone()));
        builder.set_sleep_impl(components.sleep_impl());
        let connector = SharedHttpConnector::new(ByScheme { builder, plain: OnceLock::new(), tls: OnceLock::new() });
        built.push((times, connector.clone()));
        connector
    }
}

/// One connector for plain HTTP and one for everything else, because the other begins with reading the system's certificates.
struct ByScheme {
    builder: ConnectorBuilder,
    plain: OnceLock<Connector>,
    tls: OnceLock<Connector>,
}

impl fmt::Debug for ByScheme {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("ByScheme")
    }
}

impl HttpConnector for ByScheme {
    fn call(&self, request: HttpRequest) -> HttpConnectorFuture {
        BEGUN.fetch_add(1, Ordering::Relaxed);
        let is_plain = request.uri().starts_with("http://") && !is_proxied();
        let connector = if is_plain {
            self.plain.get_or_init(|| self.builder.clone().build_http())
        } else {
            self.tls.get_or_init(|| {
                let builder = self.builder.clone().proxy_config(ProxyConfig::from_env());
                builder.tls_provider(tls::Provider::Rustls(CryptoMode::AwsLc)).build()
            })
        };
        connector.call(request)
    }
}

/// Whether the environment names a proxy for plain HTTP, which may itself be one that speaks TLS.
fn is_proxied() -> bool {
    static PROXIED: OnceLock<bool> = OnceLock::new();
    let names = ["HTTP_PROXY", "http_proxy", "ALL_PROXY", "all_proxy"];
    *PROXIED.get_or_init(|| names.iter().any(|name| std::env::var_os(name).is_some_and(|value| !value.is_empty())))
}
