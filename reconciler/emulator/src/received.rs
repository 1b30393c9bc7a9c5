//! A request as it came in: what it asks for, and the identity behind its access key.

use bytes::Bytes;
use http::Request;
use serde_json::{Map, Value};

use crate::error::ApiError;
use crate::fault::Candidate;
use crate::options::AccountSeed;
use crate::principal::Principal;
use crate::protocol::{self, Credential};
use crate::service::{Action, Home, Service, Wire};
use crate::world::{World, partition_of, read};

/// A request as it came in.
pub(crate) struct Received {
    pub(crate) wire: &'static Wire,
    pub(crate) access_key: String,
    pub(crate) region: String,
    pub(crate) service: String,
    pub(crate) operation: String,
    /// The operation, where the service has it.
    pub(crate) action: Option<&'static Action>,
    pub(crate) input: Map<String, Value>,
    pub(crate) user_agent: String,
    pub(crate) caller: Option<Principal>,
}

impl Received {
    pub(crate) fn anonymous(request: &Request<Bytes>) -> Self {
        Self {
            wire: protocol::of_unknown(request.headers()),
            access_key: String::new(),
            region: String::new(),
            service: String::new(),
            operation: format!("{} {}", request.method(), request.uri().path()),
            action: None,
            input: Map::new(),
            user_agent: String::new(),
            caller: None,
        }
    }

    /// Whether the operation only reads; one that is unknown counts as a write.
    pub(crate) fn read_only(&self) -> bool {
        self.action.is_some_and(|action| action.reads)
    }

    pub(crate) fn candidate(&self) -> Candidate<'_> {
        let own = self.caller.as_ref().map(|caller| caller.account.as_str()).unwrap_or_default();
        let target = self.action.and_then(|action| action.about).and_then(|about| about(&self.input));
        Candidate {
            service: &self.service,
            operation: &self.operation,
            account: target.unwrap_or(own),
            region: &self.region,
            read_only: self.read_only(),
        }
    }
}

/// The identity behind an access key.
pub(crate) fn caller(world: &World, service: &Service, credential: &Credential) -> Result<Principal, ApiError> {
    let key = credential.access_key.as_str();
    let session = read(&world.sessions).get(key).cloned();
    let principal = match session {
        Some(session) if session.expires <= world.now() => {
            return Err(service.refusals.expired());
        }
        Some(session) => session.principal,
        None => {
            let digits = key.len() == 12 && key.bytes().all(|byte| byte.is_ascii_digit());
            let account = if digits { key } else { world.management.as_str() };
            Principal::user(partition_of(&credential.region), account, key, world.start())
        }
    };
    let seed = world.accounts.get(&principal.account);
    // A global service is signed for a region that the account need not have.
    let anywhere = |seed: &AccountSeed| seed.regions.is_empty() || matches!(service.home, Home::Management(_));
    let enabled = seed.is_some_and(|seed| anywhere(seed) || seed.regions.contains(&credential.region));
    if enabled { Ok(principal) } else { Err(service.refusals.unrecognized_client()) }
}
