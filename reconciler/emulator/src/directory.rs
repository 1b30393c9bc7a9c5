//! The directory: the one way from a service to others, to other places, and to what is one in the world.
//!
//! # Guarantees
//! - A service names no other one: what it may know of others is a method here, and the fields of a [`RegionState`] are
//!   each one service's own. A test holds that.
//! - Inside of a call the place of the call is locked, so [`Directory::place`] is for what happens before and after.

use std::sync::{Arc, Mutex, RwLock, RwLockReadGuard, RwLockWriteGuard};

use jiff::Timestamp;
use rand::Rng;

use crate::fault::Candidate;
use crate::options::AccountSeed;
use crate::principal::Principal;
use crate::registry::Registry;
use crate::services::{self, Organization, RegionState};
use crate::world::{Place, Scope, Session, World, lock, read, write};

/// What a call can know and do beyond the state of its own service.
#[derive(Clone, Copy)]
pub(crate) struct Directory<'a> {
    world: &'a World,
    registry: &'a RwLock<Registry>,
}

/// A KMS key, as the services know it that use it.
pub(crate) struct Key {
    pub(crate) arn: String,
    pub(crate) is_enabled: bool,
}

impl<'a> Directory<'a> {
    pub(crate) fn new(world: &'a World) -> Self {
        Self { world, registry: &world.registry }
    }

    /// The same world with another registry, for a call that is to change nothing.
    pub(crate) fn over(self, registry: &'a RwLock<Registry>) -> Self {
        Self { registry, ..self }
    }

    /// Names that are one in the world. Nothing else is locked while it is held.
    pub(crate) fn read(self) -> RwLockReadGuard<'a, Registry> {
        read(self.registry)
    }

    /// The same, to change them.
    pub(crate) fn write(self) -> RwLockWriteGuard<'a, Registry> {
        write(self.registry)
    }

    /// An account of the world.
    pub(crate) fn account(self, id: &str) -> Option<&'a AccountSeed> {
        self.world.accounts.get(id)
    }

    /// The account that manages the organization.
    pub(crate) fn management(self) -> &'a str {
        &self.world.management
    }

    /// The organization, as it was when the world began.
    pub(crate) fn first_organization(self) -> &'a Organization {
        &self.world.organization
    }

    /// The world's clock, which a script does not set.
    pub(crate) fn now(self) -> Timestamp {
        self.world.now()
    }

    /// A number and a secret for a new session.
    pub(crate) fn random(self) -> (u64, u128) {
        let mut rng = lock(&self.world.rng);
        (rng.random(), rng.random())
    }

    /// From now on the access key of a principal selects it.
    pub(crate) fn open_session(self, principal: Principal, expires: Timestamp) {
        write(&self.world.sessions).insert(principal.access_key.clone(), Session { principal, expires });
    }

    /// Whether a fault denies every such call: what a permission is in a world in which policies decide nothing.
    pub(crate) fn is_denied(self, service: &str, operation: &str, account: &str, region: &str) -> bool {
        let read_only = services::find(service).reads(operation);
        lock(&self.world.faults).deny(&Candidate { service, operation, account, region, read_only })
    }

    /// A place, which no caller has locked.
    pub(crate) fn place(self, account: &str, region: &str) -> Arc<Mutex<Place>> {
        self.world.place(account, region)
    }

    /// A key of KMS in the same place, by id, ARN or alias.
    pub(crate) fn key(self, state: &RegionState, scope: &Scope, given: &str) -> Option<Key> {
        state.kms.find(scope, given).map(|key| Key { arn: key.arn.clone(), is_enabled: key.is_enabled() })
    }

    /// Whether CloudWatch Logs has a log group in the same place.
    pub(crate) fn has_log_group(self, state: &RegionState, name: &str) -> bool {
        state.logs.exists(name)
    }

    /// Writes a line to a log group that is there, as services do that deliver to it.
    pub(crate) fn log(self, state: &mut RegionState, group: &str, stream: &str, at: Timestamp, message: String) {
        state.logs.written.deliver(group, stream, at, message);
    }

    /// Lets Bedrock write to a bucket in the same place, where there is one of that name.
    pub(crate) fn allow_bedrock_logs(self, state: &mut RegionState, scope: &Scope, bucket: &str, prefix: &str) {
        state.s3.allow_bedrock_logs(scope, &self.read(), bucket, prefix);
    }
}
