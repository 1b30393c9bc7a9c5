//! The network client: one for the process, or none.

use std::sync::atomic::{AtomicUsize, Ordering};

use aws_smithy_http_client::proxy::ProxyConfig;
use aws_smithy_http_client::tls::{self, rustls_provider::CryptoMode};
use aws_smithy_http_client::{Builder, Connector};
use aws_smithy_runtime_api::client::http::{HttpClient, HttpConnectorSettings, SharedHttpClient, SharedHttpConnector};
use aws_smithy_runtime_api::client::runtime_components::RuntimeComponents;

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
    let inner = Builder::new().build_with_connector_fn(|settings, components| {
        let mut connector = Connector::builder().tls_provider(tls::Provider::Rustls(CryptoMode::AwsLc));
        connector.set_connector_settings(settings.cloned());
        connector.set_sleep_impl(components.and_then(RuntimeComponents::sleep_impl));
        connector.set_proxy_config(Some(ProxyConfig::from_env()));
        connector.build()
    });
    SharedHttpClient::new(Lazy(inner))
}

/// Builds its connector at the first request. The SDK's client builds one, certificate store
/// included, for every service client that is made, only to throw it away; with hundreds of
/// sessions that is seconds.
#[derive(Debug)]
struct Lazy(SharedHttpClient);

impl HttpClient for Lazy {
    fn http_connector(&self, settings: &HttpConnectorSettings, components: &RuntimeComponents) -> SharedHttpConnector {
        self.0.http_connector(settings, components)
    }
}
