//! What an organization holds, and how a world gets one.

use std::collections::{BTreeMap, BTreeSet};

use serde_json::{Value, json};

use crate::error::ApiError;
use crate::options::{AccountSeed, OrganizationSeed};
use crate::principal::stable_id;
use crate::world::Scope;

pub(super) const SCP: &str = "SERVICE_CONTROL_POLICY";
pub(super) const RCP: &str = "RESOURCE_CONTROL_POLICY";

/// Every type that the model knows.
pub(super) const TYPES: &[&str] = &[
    SCP,
    RCP,
    "TAG_POLICY",
    "BACKUP_POLICY",
    "AISERVICES_OPT_OUT_POLICY",
    "CHATBOT_POLICY",
    "DECLARATIVE_POLICY_EC2",
    "SECURITYHUB_POLICY",
    "SECURITYHUB_CSPM_POLICY",
    "INSPECTOR_POLICY",
    "UPGRADE_ROLLOUT_POLICY",
    "BEDROCK_POLICY",
    "S3_POLICY",
    "NETWORK_SECURITY_DIRECTOR_POLICY",
    "GUARDDUTY_POLICY",
];

/// An organization: one root, units, accounts, policies.
#[derive(Clone)]
pub(crate) struct Organization {
    pub(super) id: String,
    pub(super) root: String,
    /// By id.
    pub(super) units: BTreeMap<String, Unit>,
    /// By id.
    pub(super) accounts: BTreeMap<String, Account>,
    /// Ids of units and accounts by the id of what they are in.
    pub(super) children: BTreeMap<String, BTreeSet<String>>,
    /// By id.
    pub(super) policies: BTreeMap<String, Policy>,
    /// Ids of policies by target.
    pub(super) attached: BTreeMap<String, BTreeSet<String>>,
    pub(super) types: BTreeMap<&'static str, TypeStatus>,
    /// By id of an account, a unit, the root or a policy.
    pub(super) tags: BTreeMap<String, BTreeMap<String, String>>,
    /// Accounts that may write policies.
    pub(super) delegates: BTreeSet<String>,
    /// The resource policy that names them, once one was put.
    pub(super) delegation: Option<String>,
    pub(super) policies_per_target: usize,
    pub(super) policy_content_max: usize,
    pub(super) shows_status: bool,
    pub(super) shows_state: bool,
    pub(super) shows_paths: bool,
}

/// An organizational unit.
#[derive(Clone)]
pub(super) struct Unit {
    pub(super) name: String,
    pub(super) parent: String,
}

/// A member account, or the management account.
#[derive(Clone)]
pub(super) struct Account {
    pub(super) name: String,
    pub(super) state: String,
    pub(super) parent: String,
}

/// A policy of any type.
#[derive(Clone)]
pub(super) struct Policy {
    pub(super) kind: &'static str,
    pub(super) name: String,
    pub(super) description: String,
    /// As it was saved, to the last space.
    pub(super) content: String,
    pub(super) aws_managed: bool,
}

/// Where a policy type is on its way.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(super) enum TypeStatus {
    Enabled,
    Enabling { reads_left: u32 },
    Disabling { reads_left: u32 },
}

impl Organization {
    /// The organization in which a world begins.
    pub(crate) fn new(seed: &OrganizationSeed, management: &str, accounts: &BTreeMap<String, AccountSeed>) -> Self {
        let id = seed.id.clone().unwrap_or_else(|| format!("o-{}", lower_id(management, 10)));
        let root = format!("r-{}", lower_id(&id, 4));
        let delegates = accounts
            .values()
            .filter(|account| seed.delegates.iter().any(|name| *name == account.id || *name == account.name))
            .map(|account| account.id.clone())
            .collect();
        let mut organization = Self {
            id,
            root: root.clone(),
            units: BTreeMap::new(),
            accounts: BTreeMap::new(),
            children: BTreeMap::from([(root, BTreeSet::new())]),
            policies: BTreeMap::new(),
            attached: BTreeMap::new(),
            types: BTreeMap::new(),
            tags: BTreeMap::new(),
            delegates,
            delegation: None,
            policies_per_target: seed.policies_per_target,
            policy_content_max: seed.policy_content_max,
            shows_status: seed.account_status,
            shows_state: seed.account_state,
            shows_paths: seed.account_paths,
        };
        for path in &seed.units {
            organization.unit_at(path);
        }
        for account in accounts.values() {
            let parent = organization.unit_at(&account.ou);
            organization.children.entry(parent.clone()).or_default().insert(account.id.clone());
            let name = if account.name.is_empty() { account.id.clone() } else { account.name.clone() };
            let state = account.state.clone().unwrap_or_else(|| "ACTIVE".to_owned());
            organization.accounts.insert(account.id.clone(), Account { name, state, parent });
            if !account.tags.is_empty() {
                organization.tags.insert(account.id.clone(), account.tags.clone());
            }
        }
        let principal = ("Principal", json!("*"));
        organization.add_managed("p-FullAWSAccess", SCP, "Allows access to every operation", None);
        organization.add_managed("p-RCPFullAWSAccess", RCP, "Allows access to every resource", Some(principal));
        for kind in &seed.policy_types {
            if let Some(kind) = TYPES.iter().find(|known| **known == kind.as_str()) {
                organization.enable(kind, TypeStatus::Enabled);
            }
        }
        organization
    }

    fn add_managed(&mut self, id: &str, kind: &'static str, description: &str, more: Option<(&str, Value)>) {
        let mut statement = json!({"Effect": "Allow", "Action": "*", "Resource": "*"});
        if let Some((member, value)) = more {
            statement[member] = value;
        }
        let content = json!({"Version": "2012-10-17", "Statement": [statement]});
        let policy = Policy {
            kind,
            name: id.trim_start_matches("p-").to_owned(),
            description: description.to_owned(),
            content: serde_json::to_string_pretty(&content).unwrap_or_default(),
            aws_managed: true,
        };
        self.policies.insert(id.to_owned(), policy);
    }

    /// Turns a type on. Everything gets the policy that allows all of it, where the type has one.
    pub(super) fn enable(&mut self, kind: &'static str, status: TypeStatus) {
        self.types.insert(kind, status);
        let everything = match kind {
            SCP => "p-FullAWSAccess",
            RCP => "p-RCPFullAWSAccess",
            _ => return,
        };
        let targets: Vec<String> =
            std::iter::once(&self.root).chain(self.units.keys()).chain(self.accounts.keys()).cloned().collect();
        for target in targets {
            self.attached.entry(target).or_default().insert(everything.to_owned());
        }
    }

    /// The unit at a path such as `Workloads/Production`, which is made where it is missing; the root for no path.
    fn unit_at(&mut self, path: &str) -> String {
        let mut parent = self.root.clone();
        let mut at = String::new();
        for name in path.split('/').filter(|name| !name.is_empty()) {
            at.push('/');
            at.push_str(name);
            let id = format!("ou-{}-{}", self.tail(), lower_id(&format!("{}{at}", self.id), 8));
            if !self.units.contains_key(&id) {
                self.units.insert(id.clone(), Unit { name: name.to_owned(), parent: parent.clone() });
                self.children.entry(parent).or_default().insert(id.clone());
                self.children.entry(id.clone()).or_default();
            }
            parent = id;
        }
        parent
    }

    /// The id of the unit at a path, or of the root for `/`.
    pub(super) fn unit_id(&self, path: &str) -> Option<&str> {
        let mut at = self.root.as_str();
        for name in path.split('/').filter(|name| !name.is_empty()) {
            let found = self.units.iter().find(|(_, unit)| unit.parent == at && unit.name == name);
            at = found.map(|(id, _)| id.as_str())?;
        }
        Some(at)
    }

    /// The id of the policy of that name.
    pub(super) fn policy_id(&self, name: &str) -> Option<&str> {
        self.policies.iter().find(|(_, policy)| policy.name == name).map(|(id, _)| id.as_str())
    }

    /// Ends every transition.
    pub(super) fn settle(&mut self) {
        self.types.retain(|_, status| !matches!(status, TypeStatus::Disabling { .. }));
        self.types.values_mut().for_each(|status| *status = TypeStatus::Enabled);
    }

    /// The part of the root's id that the ids of units repeat.
    pub(super) fn tail(&self) -> &str {
        self.root.trim_start_matches("r-")
    }

    /// The ARN of something in this organization.
    pub(super) fn arn(&self, scope: &Scope, kind: &str, id: &str) -> String {
        format!("arn:{}:organizations::{}:{kind}/{}/{id}", scope.partition, scope.account, self.id)
    }

    /// Kind and name of a policy target.
    pub(super) fn target(&self, id: &str) -> Result<(&'static str, &str), ApiError> {
        let account = self.accounts.get(id).map(|account| ("ACCOUNT", account.name.as_str()));
        let unit = || self.units.get(id).map(|unit| ("ORGANIZATIONAL_UNIT", unit.name.as_str()));
        let root = || (id == self.root).then_some(("ROOT", "Root"));
        account
            .or_else(unit)
            .or_else(root)
            .ok_or_else(|| ApiError::new("TargetNotFoundException", "You specified a target that doesn't exist."))
    }

    /// What an account or a unit is in; None for the root and for what is not there.
    pub(super) fn parent_of(&self, id: &str) -> Option<&str> {
        let account = self.accounts.get(id).map(|account| &account.parent);
        account.or_else(|| self.units.get(id).map(|unit| &unit.parent)).map(String::as_str)
    }

    /// From the root down to a target.
    pub(super) fn lineage<'a>(&'a self, target: &'a str) -> Vec<&'a str> {
        let mut line = vec![target];
        let mut at = target;
        while let Some(parent) = self.parent_of(at) {
            line.push(parent);
            at = parent;
        }
        line.reverse();
        line
    }

    /// The path of an entity, as accounts and units show it.
    pub(super) fn path(&self, id: &str) -> String {
        format!("{}/{}/", self.id, self.lineage(id).join("/"))
    }

    /// Policies of one type on a target.
    pub(super) fn attached_of_type<'a>(&'a self, target: &str, kind: &'a str) -> impl Iterator<Item = &'a str> {
        let ids = self.attached.get(target).into_iter().flatten();
        ids.filter(move |id| self.policies.get(*id).is_some_and(|policy| policy.kind == kind)).map(String::as_str)
    }
}

/// Lower-case letters and digits that depend on nothing but the text.
fn lower_id(text: &str, length: usize) -> String {
    stable_id(text).chars().take(length).collect::<String>().to_ascii_lowercase()
}
