//! What is one in the world and no state of a place: names of buckets, the public access blocks and the roles of accounts,
//! and where trails are at home. Services reach it through the [`Directory`](crate::directory::Directory).
//!
//! # Guarantees
//! - Its lock is the innermost: nothing else is locked while it is held.
//! - A role that IAM here has, or had, is judged by IAM; of others the seed of the account decides.

use std::collections::{BTreeMap, BTreeSet};

use jiff::Timestamp;

use crate::arn::{self, Identity};
use crate::delivery::Role as Delivery;
use crate::options::AccountSeed;

/// The registry of a world.
#[derive(Clone, Default)]
pub(crate) struct Registry {
    accounts: BTreeMap<String, AccountSeed>,
    /// By name.
    pub(crate) buckets: BTreeMap<String, BucketEntry>,
    /// Public access blocks of accounts.
    pub(crate) public_access: BTreeMap<String, serde_json::Value>,
    /// Accounts and regions that are home to a trail: where the shadows of trails come from.
    pub(crate) trail_homes: BTreeSet<(String, String)>,
    /// By account and role name.
    roles: BTreeMap<(String, String), RoleEntry>,
}

/// Whose a bucket name is.
#[derive(Clone)]
pub(crate) struct BucketEntry {
    pub(crate) account: String,
    pub(crate) region: String,
    pub(crate) created: Timestamp,
}

#[derive(Clone)]
struct RoleEntry {
    arn: String,
    id: String,
    exists: bool,
    /// Uses as a principal, or for a session, that are still refused.
    refused_uses: u32,
    says: Delivery,
}

/// What a principal of a policy is.
pub(crate) enum Known {
    /// A role of IAM here, by its unique id.
    Role(String),
    /// Something that is not looked into.
    Taken,
    /// Nothing, or not yet.
    Unknown,
}

impl Registry {
    pub(crate) fn new(accounts: BTreeMap<String, AccountSeed>) -> Self {
        Self { accounts, ..Self::default() }
    }

    pub(crate) fn add_role(&mut self, account: &str, name: &str, arn: &str, id: &str, refused_uses: u32) {
        let entry =
            RoleEntry { arn: arn.to_owned(), id: id.to_owned(), exists: true, refused_uses, says: Delivery::default() };
        self.roles.insert((account.to_owned(), name.to_owned()), entry);
    }

    /// Keeps what a role of IAM says of itself.
    pub(crate) fn describe_role(&mut self, account: &str, name: &str, says: Delivery) {
        if let Some(entry) = self.roles.get_mut(&(account.to_owned(), name.to_owned())) {
            entry.says = says;
        }
    }

    /// What a role of IAM says of itself; of roles that only the seed of the account knows, nothing is known.
    pub(crate) fn role(&self, account: &str, name: &str) -> Option<&Delivery> {
        self.roles.get(&(account.to_owned(), name.to_owned())).map(|entry| &entry.says)
    }

    pub(crate) fn remove_role(&mut self, account: &str, name: &str) {
        if let Some(entry) = self.roles.get_mut(&(account.to_owned(), name.to_owned())) {
            entry.exists = false;
        }
    }

    /// Ends every delay.
    pub(crate) fn settle(&mut self) {
        self.roles.values_mut().for_each(|role| role.refused_uses = 0);
    }

    /// Whether a service or a session can take a role now.
    pub(crate) fn use_role(&mut self, account: &str, name: &str) -> bool {
        match self.roles.get_mut(&(account.to_owned(), name.to_owned())) {
            Some(role) => role.exists && use_up(&mut role.refused_uses),
            None => self.accounts.get(account).is_some_and(|seed| seed.has_role(name)),
        }
    }

    /// Whether an `AWS` principal of a policy can be named in it now.
    pub(crate) fn use_principal(&mut self, principal: &str) -> Known {
        if let Some(role) = self.roles.values_mut().find(|role| role.exists && role.id == principal) {
            return Known::Role(role.id.clone());
        }
        if principal.starts_with("AROA") || principal.starts_with("AIDA") {
            return Known::Unknown;
        }
        let Some(Identity { account, resource, .. }) = arn::identity(principal) else {
            let account = principal.len() == 12 && principal.bytes().all(|byte| byte.is_ascii_digit());
            return if principal == "*" || account || principal.starts_with("arn:") {
                Known::Taken
            } else {
                Known::Unknown
            };
        };
        let Some(name) = resource.strip_prefix("role/").and_then(|path| path.rsplit('/').next()) else {
            return Known::Taken;
        };
        match self.roles.get_mut(&(account.to_owned(), name.to_owned())) {
            Some(role) if role.exists && role.arn == principal => {
                if use_up(&mut role.refused_uses) {
                    Known::Role(role.id.clone())
                } else {
                    Known::Unknown
                }
            }
            Some(_) => Known::Unknown,
            None => match self.accounts.get(account) {
                Some(seed) if !seed.has_role(name) => Known::Unknown,
                _ => Known::Taken,
            },
        }
    }

    /// The ARN of the role that has this id; None when it was deleted.
    pub(crate) fn arn_of(&self, id: &str) -> Option<&str> {
        self.roles.values().find(|role| role.exists && role.id == id).map(|role| role.arn.as_str())
    }
}

/// Whether no refusals are left; takes one if there are.
fn use_up(refused: &mut u32) -> bool {
    let free = *refused == 0;
    *refused = refused.saturating_sub(1);
    free
}
