//! How the reconciler speaks to AWS.
//!
//! **Purpose.** One place that knows about credentials, roles, regions, retries, concurrency and
//! errors, so that a resource kind only names a call and reads its answer. No resource SDK is
//! named here: a kind brings its own client and passes the request builder to a macro.
//!
//! **Expected flow.** [`Connection`] (live AWS, or an HTTP client inside the process) opens
//! [`Sessions`]; [`Sessions::session`] gives the [`Session`] of an account and a region;
//! [`call!`] sends a request of a JSON service and returns its verbatim [`Answer`];
//! [`call_with_body!`] also sends the exact body that a plan holds; [`send!`] is for services that
//! speak XML, whose typed output is all that there is.
//!
//! ```
//! use aws_sdk_bedrock::Client;
//! use reconciler_aws::{CallError, Connection, SharedHttpClient, call, call_with_body};
//!
//! async fn names(embedded: SharedHttpClient) -> Result<serde_json::Value, CallError> {
//!     let sessions = Connection::in_process(embedded)
//!         .role("OrganizationAccountAccessRole")
//!         .open()
//!         .await;
//!     let session = sessions.session("222233334444", "eu-west-1");
//!     let bedrock = session.client(Client::new);
//!
//!     let answer = call!(session, "bedrock", "ListGuardrails", bedrock.list_guardrails()).await?;
//!     // Members that the SDK has never heard of are still there.
//!     let guardrails = answer.body["guardrails"].clone();
//!
//!     let update = bedrock.update_guardrail().guardrail_identifier("gr-1");
//!     let body = serde_json::json!({"name": "payments"});
//!     call_with_body!(session, "bedrock", "UpdateGuardrail", update, &body).await?;
//!     Ok(guardrails)
//! }
//! ```
//!
//! **Guarantees.** The request body is byte for byte the one that was given, on every attempt,
//! covered by the signature. The answer holds every member that was sent. One role is assumed once
//! per account, however many callers wait for it. A [`CallError`] holds neither credentials nor
//! request bodies. A process that was opened with [`Connection::in_process`] builds no network
//! client: see [`network_clients`].
//!
//! **Caveats.** Calls to STS, which fetch credentials, have the SDK's own retry allowance: 500 tokens
//! for the process, five per retry. Every other call has that of its account, region and service.

mod call;
mod classify;
pub mod client;
mod clock;
mod connection;
mod credentials;
mod error;
mod http_client;
mod json;
mod limiter;
mod propagation;
mod rates;
mod session;
mod single_flight;

pub use aws_smithy_runtime_api::client::http::SharedHttpClient;
pub use call::InFlight;
pub use clock::SignedSkew;
pub use connection::{Connection, EMBEDDED_ACCOUNT, Retries, Timeouts};
pub use error::{CallError, CallFacts, ErrorClass};
pub use http_client::{calls_begun, network_clients};
pub use json::{Answer, BodyTap, ExactBody, Verbatim};
pub use limiter::Limits;
pub use propagation::until_known;
pub use session::{CallerIdentity, Session, Sessions};
