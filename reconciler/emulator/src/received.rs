//! A request as it came in: what it asks for, and the identity behind its access key.

use bytes::Bytes;
use http::Request;
use serde_json::{Map, Value};

use crate::error::ApiError;
use crate::fault::Candidate;
use crate::options::AccountSeed;
use crate::principal::Principal;
use crate::protocol::{self, Wire};
use crate::world::{World, partition_of, read};
use crate::{bedrock, cloudtrail, ec2, iam, kms, logs, organizations, s3, sts};

/// A request as it came in.
pub(crate) struct Received {
    pub(crate) wire: Wire,
    pub(crate) access_key: String,
    pub(crate) region: String,
    pub(crate) service: String,
    pub(crate) operation: String,
    pub(crate) read_only: bool,
    pub(crate) input: Map<String, Value>,
    pub(crate) user_agent: String,
    pub(crate) caller: Option<Principal>,
}

impl Received {
    pub(crate) fn anonymous(request: &Request<Bytes>) -> Self {
        Self {
            wire: Wire::of("", request.headers()),
            access_key: String::new(),
            region: String::new(),
            service: String::new(),
            operation: format!("{} {}", request.method(), request.uri().path()),
            read_only: false,
            input: Map::new(),
            user_agent: String::new(),
            caller: None,
        }
    }

    pub(crate) fn candidate(&self) -> Candidate<'_> {
        let own = self.caller.as_ref().map(|caller| caller.account.as_str()).unwrap_or_default();
        let target = if self.operation == "AssumeRole" { sts::target_account(&self.input) } else { None };
        Candidate {
            service: &self.service,
            operation: &self.operation,
            account: target.unwrap_or(own),
            region: &self.region,
            read_only: self.read_only,
        }
    }
}

/// The identity behind an access key.
pub(crate) fn caller(world: &World, credential: &protocol::Credential) -> Result<Principal, ApiError> {
    let key = credential.access_key.as_str();
    let session = read(&world.sessions).get(key).cloned();
    let principal = match session {
        Some(session) if session.expires <= world.now() => {
            return Err(ApiError::expired(&credential.service));
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
    let anywhere = |seed: &AccountSeed| seed.regions.is_empty() || credential.service == "organizations";
    let enabled = seed.is_some_and(|seed| anywhere(seed) || seed.regions.contains(&credential.region));
    if enabled { Ok(principal) } else { Err(ApiError::unrecognized_client(&credential.service)) }
}

/// Whether an operation only reads; one that is unknown counts as a write.
pub(crate) fn operation_reads(service: &str, operation: &str) -> bool {
    let operations = match service {
        "bedrock" => bedrock::OPERATIONS,
        "logs" => logs::OPERATIONS,
        "kms" => kms::OPERATIONS,
        "sts" => sts::OPERATIONS,
        "ec2" => ec2::OPERATIONS,
        "iam" => iam::OPERATIONS,
        "s3" => s3::OPERATIONS,
        "s3control" => s3::s3control::OPERATIONS,
        "cloudtrail" => cloudtrail::OPERATIONS,
        "organizations" => organizations::OPERATIONS,
        _ => return false,
    };
    operations.iter().any(|(name, reads)| *name == operation && *reads)
}
