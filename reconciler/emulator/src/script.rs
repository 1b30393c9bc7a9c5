//! Scripts: API calls as data.
//!
//! A script is a list of calls that real principals make, each fanned out over accounts and regions and played through
//! the same operation code as a signed request. That is how scenarios are built and how attacks are staged, and why
//! CloudTrail knows who did it.
//!
//! Texts in a call may hold `${account}`, `${account.name}`, `${region}`, `${partition}`, `${geography}` (`us`, `eu`,
//! `apac`, ..), a name that an earlier step saved, `${guardrail:NAME}` (the id) and `${key:ALIAS}` (the key ARN); the last
//! two also as a whole text without the braces. A name that ends with `@ACCOUNT/REGION`, as in
//! `${guardrail:NAME@ACCOUNT/REGION}`, is that of one elsewhere.
//! `${organization}`, `${policy:NAME}` and `${ou:PATH}` (`/` is the root) are ids of the organization; `${vpc:NAME}`,
//! `${subnet:NAME}` and `${security-group:NAME}` those of what has this `Name` tag, and `${endpoint:VPC/SERVICE}` that of
//! the endpoint for a service in the VPC of that name; `${enforced}` is the id of the enforced configuration.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};
use serde_json::Value;

use crate::fault::Fault;
use crate::options::{AccountSeed, OrganizationSeed};
use crate::scenario::ScenarioError;

/// A list of API calls, and the world that they need.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Script {
    /// What it is for.
    pub description: String,
    /// A scenario, or a path, that is played first.
    pub include: Option<String>,
    /// Accounts that it needs.
    pub accounts: Vec<AccountSeed>,
    /// The organization of those accounts.
    pub organization: Option<OrganizationSeed>,
    /// Regions over which a step is fanned out that names none.
    pub regions: Vec<String>,
    /// The calls, in order.
    pub steps: Vec<Step>,
    /// Faults that are injected after the last call.
    pub faults: Vec<Fault>,
}

/// One call, in every account and region that it names.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Step {
    /// ARN of the caller.
    #[serde(rename = "as")]
    pub principal: String,
    /// Accounts in which it is made: all, when absent.
    #[serde(default)]
    pub accounts: Accounts,
    /// Regions in which it is made: those of the script, when absent. A call of a service that is global to an account,
    /// such as `iam`, is one call in each of them all the same, so it names one region.
    #[serde(default)]
    pub regions: Option<Vec<String>>,
    /// When, relative to the start of the world or of the script, such as `-2h`; now, when absent.
    #[serde(default)]
    pub at: Option<String>,
    /// Signing name of the service.
    pub service: String,
    /// Operation name.
    pub operation: String,
    /// Input members under their model names. With `edits`, only what names the resource.
    #[serde(default)]
    pub body: Value,
    /// Changes to the live object; the call then sends all of it, changed. For UpdateGuardrail and
    /// PutModelInvocationLoggingConfiguration.
    #[serde(default)]
    pub edits: Vec<Edit>,
    /// Names for members of the answer, by JSON pointer, for later steps in the same account and region.
    #[serde(default)]
    pub save: BTreeMap<String, String>,
    /// The error code that the call is expected to end with.
    #[serde(default)]
    pub error: Option<String>,
    /// User agent in CloudTrail.
    #[serde(default)]
    pub user_agent: Option<String>,
    /// Source address in CloudTrail.
    #[serde(default)]
    pub source_ip: Option<String>,
}

/// One change to a request that was made from the live object. Pointers use the member names of the request.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase", deny_unknown_fields)]
pub enum Edit {
    /// Sets members by pointer; a list item is named by `member=value`, and `-` appends.
    Set(BTreeMap<String, Value>),
    /// Removes what these pointers name.
    Remove(Vec<String>),
}

/// Which accounts: `all`, or ids, names and `tag=value` selectors.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub enum Accounts {
    /// Every account of the world.
    #[default]
    All,
    /// Those that any of these selects.
    Named(Vec<String>),
}

impl Serialize for Accounts {
    fn serialize<S: serde::Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        match self {
            Self::All => serializer.serialize_str("all"),
            Self::Named(names) => names.serialize(serializer),
        }
    }
}

impl<'de> Deserialize<'de> for Accounts {
    fn deserialize<D: serde::Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let value = Value::deserialize(deserializer)?;
        if value == "all" {
            return Ok(Self::All);
        }
        let names: Option<Vec<String>> =
            value.as_array().and_then(|list| list.iter().map(|name| name.as_str().map(str::to_owned)).collect());
        names.map(Self::Named).ok_or_else(|| serde::de::Error::custom("expected `all` or a list of accounts"))
    }
}

impl Accounts {
    pub(crate) fn include(&self, account: &AccountSeed) -> bool {
        let Self::Named(names) = self else {
            return true;
        };
        names.iter().any(|name| match name.split_once('=') {
            Some((key, value)) => account.tags.get(key).is_some_and(|tag| tag == value),
            None => *name == account.id || *name == account.name,
        })
    }
}

impl Script {
    /// Reads a script from YAML or JSON.
    ///
    /// # Errors
    /// The text is not YAML, or not a script.
    pub fn parse(text: &str) -> Result<Self, ScenarioError> {
        let mut tree: serde_yaml::Value = serde_yaml::from_str(text).map_err(ScenarioError::Yaml)?;
        tree.apply_merge().map_err(ScenarioError::Yaml)?;
        // By way of JSON, so that enums are written the same in both formats.
        let tree = serde_json::to_value(tree).map_err(ScenarioError::Script)?;
        serde_json::from_value(tree).map_err(ScenarioError::Script)
    }
}
