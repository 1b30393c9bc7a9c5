//! The state of the emulated organization: accounts, sessions, and one place per account and region.
//!
//! # Guarantees
//! A place has its own lock and its own random source, so calls to different places neither wait for one
//! another nor change one another's answers. No request copies more than its own place, and that only while a
//! fault asks for it.

use std::collections::{BTreeMap, HashMap};
use std::sync::{Arc, Mutex, MutexGuard, OnceLock, PoisonError, RwLock, RwLockReadGuard, RwLockWriteGuard};

use jiff::{SignedDuration, Timestamp};
use rand::{Rng, SeedableRng};
use rand_chacha::ChaCha8Rng;
use sha2::{Digest, Sha256};
use tokio::time::Instant;

use crate::directory::Directory;
use crate::fault::Faults;
use crate::history::History;
use crate::options::{AccountSeed, Options, Rules};
use crate::principal::Principal;
use crate::registry::Registry;
use crate::services::{Organization, RegionState};
use crate::throttle::Buckets;

/// Locks, and goes on with the state of a thread that panicked: a test that failed must not hide behind a poisoned lock.
pub(crate) fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

/// Takes a read lock, as [`lock`] does.
pub(crate) fn read<T>(lock: &RwLock<T>) -> RwLockReadGuard<'_, T> {
    lock.read().unwrap_or_else(PoisonError::into_inner)
}

/// Takes a write lock, as [`lock`] does.
pub(crate) fn write<T>(lock: &RwLock<T>) -> RwLockWriteGuard<'_, T> {
    lock.write().unwrap_or_else(PoisonError::into_inner)
}

/// One account and region.
pub(crate) struct Place {
    pub(crate) scope: Scope,
    pub(crate) rng: ChaCha8Rng,
    pub(crate) state: RegionState,
    /// The state before the last write, kept only while a fault may ask for stale answers.
    pub(crate) before_last_write: Option<Box<RegionState>>,
    pub(crate) history: History,
    pub(crate) buckets: Buckets,
}

/// Names of a place.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Scope {
    pub(crate) partition: &'static str,
    pub(crate) account: String,
    pub(crate) region: String,
}

impl Scope {
    pub(crate) fn new(account: &str, region: &str) -> Self {
        Self { partition: partition_of(region), account: account.to_owned(), region: region.to_owned() }
    }

    /// An ARN in this place.
    pub(crate) fn arn(&self, service: &str, resource: &str) -> String {
        format!("arn:{}:{service}:{}:{}:{resource}", self.partition, self.region, self.account)
    }
}

/// The partition of a region (aws/README.md, Partitions).
pub(crate) fn partition_of(region: &str) -> &'static str {
    if region.starts_with("us-gov-") {
        "aws-us-gov"
    } else if region.starts_with("cn-") {
        "aws-cn"
    } else {
        "aws"
    }
}

/// One operation in progress: what it may read and change.
pub(crate) struct RequestContext<'a> {
    pub(crate) scope: &'a Scope,
    pub(crate) account: &'a AccountSeed,
    pub(crate) principal: &'a Principal,
    pub(crate) rules: &'a Rules,
    pub(crate) now: Timestamp,
    pub(crate) state: &'a mut RegionState,
    pub(crate) rng: &'a mut ChaCha8Rng,
    /// The events of this place.
    pub(crate) history: &'a History,
    pub(crate) directory: Directory<'a>,
}

impl RequestContext<'_> {
    /// A generated id of lower-case letters and digits.
    pub(crate) fn short_id(&mut self, length: usize) -> String {
        const ALPHABET: &[u8; 36] = b"abcdefghijklmnopqrstuvwxyz0123456789";
        (0..length).map(|_| char::from(ALPHABET[self.rng.random_range(0..ALPHABET.len())])).collect()
    }

    /// A generated UUID.
    pub(crate) fn uuid(&mut self) -> String {
        uuid(self.rng)
    }
}

/// A version 4 UUID from a seeded source.
pub(crate) fn uuid(rng: &mut impl Rng) -> String {
    let bits: u128 = rng.random();
    let bits = (bits & !(0xf << 76) & !(0x3 << 62)) | (0x4 << 76) | (0x2 << 62);
    format!(
        "{:08x}-{:04x}-{:04x}-{:04x}-{:012x}",
        bits >> 96,
        (bits >> 80) & 0xffff,
        (bits >> 64) & 0xffff,
        (bits >> 48) & 0xffff,
        bits & 0xffff_ffff_ffff
    )
}

/// A session that AssumeRole opened.
#[derive(Clone)]
pub(crate) struct Session {
    pub(crate) principal: Principal,
    pub(crate) expires: Timestamp,
}

/// By account and region.
type Places = HashMap<(String, String), Arc<Mutex<Place>>>;

/// Everything that the emulator knows.
pub(crate) struct World {
    pub(crate) options: Options,
    pub(crate) management: String,
    pub(crate) accounts: BTreeMap<String, AccountSeed>,
    /// As it was when the world began.
    pub(crate) organization: Organization,
    pub(crate) rules: RwLock<Arc<Rules>>,
    pub(crate) sessions: RwLock<HashMap<String, Session>>,
    pub(crate) rng: Mutex<ChaCha8Rng>,
    pub(crate) registry: RwLock<Registry>,
    pub(crate) faults: Mutex<Faults>,
    places: RwLock<Places>,
    started: (Timestamp, Instant),
    /// When the first call of the scenario itself was made.
    began: OnceLock<Timestamp>,
}

impl World {
    pub(crate) fn new(mut options: Options) -> Self {
        if options.accounts.is_empty() {
            options.accounts.push(AccountSeed::new("111122223333", "management"));
        }
        let management = options.accounts.first().map(|account| account.id.clone()).unwrap_or_default();
        let accounts: BTreeMap<String, AccountSeed> =
            options.accounts.iter().map(|account| (account.id.clone(), account.clone())).collect();
        let seed = options.organization.clone().unwrap_or_default();
        let start = options.start.unwrap_or_else(Timestamp::now);
        Self {
            rules: RwLock::new(Arc::new(Rules::from(&options))),
            rng: Mutex::new(seeded(options.seed, "world", "")),
            organization: Organization::new(&seed, &management, &accounts),
            registry: RwLock::new(Registry::new(accounts.clone())),
            faults: Mutex::default(),
            management,
            accounts,
            sessions: RwLock::default(),
            places: RwLock::default(),
            started: (start, Instant::now()),
            began: OnceLock::new(),
            options,
        }
    }

    /// The world's clock.
    pub(crate) fn now(&self) -> Timestamp {
        let (start, instant) = self.started;
        let elapsed = SignedDuration::try_from(instant.elapsed()).unwrap_or(SignedDuration::ZERO);
        start.checked_add(elapsed).unwrap_or(start)
    }

    /// The instant at which the world's clock started.
    pub(crate) fn start(&self) -> Timestamp {
        self.started.0
    }

    /// When the scenario itself began, after what it includes.
    pub(crate) fn began(&self) -> Option<Timestamp> {
        self.began.get().copied()
    }

    pub(crate) fn keep_beginning(&self, first: Option<Timestamp>) {
        if let Some(first) = first {
            // A world is of one scenario.
            let _ = self.began.set(first);
        }
    }

    pub(crate) fn rules(&self) -> Arc<Rules> {
        Arc::clone(&read(&self.rules))
    }

    /// The place of an account and region, which is made when it is first asked for.
    pub(crate) fn place(&self, account: &str, region: &str) -> Arc<Mutex<Place>> {
        let key = (account.to_owned(), region.to_owned());
        if let Some(place) = read(&self.places).get(&key) {
            return Arc::clone(place);
        }
        let place = || {
            Arc::new(Mutex::new(Place {
                scope: Scope::new(account, region),
                rng: seeded(self.options.seed, account, region),
                state: RegionState::default(),
                before_last_write: None,
                history: History::default(),
                buckets: Buckets::default(),
            }))
        };
        Arc::clone(write(&self.places).entry(key).or_insert_with(place))
    }

    /// Every place that was ever asked for.
    pub(crate) fn places(&self) -> Vec<Arc<Mutex<Place>>> {
        read(&self.places).values().cloned().collect()
    }
}

/// A random source that depends on the seed and on a name only.
fn seeded(seed: u64, first: &str, second: &str) -> ChaCha8Rng {
    let mut hash = Sha256::new();
    hash.update(seed.to_le_bytes());
    hash.update(first.as_bytes());
    hash.update([0]);
    hash.update(second.as_bytes());
    let digest = hash.finalize();
    let mut bytes = [0_u8; 32];
    bytes.copy_from_slice(&digest);
    ChaCha8Rng::from_seed(bytes)
}
