//! The emulator as the HTTP client of an AWS SDK.
//!
//! Everything above the connector is the real one: serialisers, signing, retries, error parsing. The read timeout of
//! the connector settings is honoured, so that a hanging call ends as it would on a socket.

use aws_smithy_runtime_api::client::http::{
    HttpConnector, HttpConnectorFuture, HttpConnectorSettings, SharedHttpClient, SharedHttpConnector, http_client_fn,
};
use aws_smithy_runtime_api::client::orchestrator::{HttpRequest, HttpResponse};
use aws_smithy_runtime_api::client::result::ConnectorError;
use aws_smithy_types::body::SdkBody;
use bytes::Bytes;
use http_body_util::BodyExt;

use crate::Emulator;

#[derive(Debug)]
struct Connector {
    emulator: Emulator,
    settings: HttpConnectorSettings,
}

pub(crate) fn http_client(emulator: Emulator) -> SharedHttpClient {
    http_client_fn(move |settings, _components| {
        SharedHttpConnector::new(Connector { emulator: emulator.clone(), settings: settings.clone() })
    })
}

impl HttpConnector for Connector {
    fn call(&self, request: HttpRequest) -> HttpConnectorFuture {
        let emulator = self.emulator.clone();
        let timeout = self.settings.read_timeout();
        HttpConnectorFuture::new(async move {
            let answer = answer(emulator, request);
            match timeout {
                None => answer.await,
                Some(timeout) => match tokio::time::timeout(timeout, answer).await {
                    Ok(answer) => answer,
                    Err(elapsed) => Err(ConnectorError::timeout(elapsed.into())),
                },
            }
        })
    }
}

async fn answer(emulator: Emulator, request: HttpRequest) -> Result<HttpResponse, ConnectorError> {
    let request = request.try_into_http1x().map_err(|error| ConnectorError::user(error.into()))?;
    let (parts, body) = request.into_parts();
    let body = match body.bytes() {
        Some(bytes) => Bytes::copy_from_slice(bytes),
        None => body.collect().await.map_err(ConnectorError::user)?.to_bytes(),
    };
    let response = emulator
        .handle(http::Request::from_parts(parts, body))
        .await
        .map_err(|dropped| ConnectorError::io(dropped.into()))?;
    HttpResponse::try_from(response.map(SdkBody::from)).map_err(|error| ConnectorError::user(error.into()))
}
