//! Where a resource is: account, region, kind and name.
//!
//! An address is made of names that people choose, never of ids that a service generates: ids change when a resource is
//! created again, names do not.

use std::fmt;
use std::str::FromStr;

use schemars::{JsonSchema, Schema, SchemaGenerator};
use serde::{Deserialize, Deserializer, Serialize, Serializer};

/// The place that one resource kind lives in.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum ScopeKind {
    /// Once per organization, in its management account.
    Organization,
    /// Once per account, whatever the region.
    Account,
    /// Once per account and region.
    Region,
}

impl ScopeKind {
    /// The place, in words.
    pub fn in_words(self) -> &'static str {
        match self {
            Self::Organization => "the organization, in its management account",
            Self::Account => "an account, whatever the region",
            Self::Region => "an account and region",
        }
    }
}

/// One account and region to read from, with the ids that AWS wants beside the name that people use.
#[derive(Debug, Clone, Default, PartialEq, Eq, Hash, PartialOrd, Ord, JsonSchema, Serialize, Deserialize)]
pub struct Scope {
    /// The account's name in `organization.yaml`.
    pub account: String,
    /// The twelve digits; text, because they may begin with zero.
    pub account_id: String,
    /// The region's name.
    pub region: String,
}

impl fmt::Display for Scope {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}/{}", self.account, self.region)
    }
}

/// The address of one resource: `prod/eu-west-1/guardrail/payments`.
///
/// The name is the last part and may itself contain slashes, as the names of log groups do.
#[derive(Debug, Clone, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct Address {
    /// The account's name.
    pub account: String,
    /// The region's name.
    pub region: String,
    /// The kind's name.
    pub kind: String,
    /// The resource's name.
    pub name: String,
}

impl Address {
    /// The address of `name` of `kind` in `scope`.
    pub fn new(scope: &Scope, kind: &str, name: &str) -> Self {
        Self {
            account: scope.account.clone(),
            region: scope.region.clone(),
            kind: kind.to_owned(),
            name: name.to_owned(),
        }
    }

    /// Whether the address lies in `scope`.
    pub fn is_in(&self, scope: &Scope) -> bool {
        self.account == scope.account && self.region == scope.region
    }
}

impl fmt::Display for Address {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}/{}/{}/{}", self.account, self.region, self.kind, self.name)
    }
}

/// The text is not an address.
#[derive(Debug, thiserror::Error)]
#[error("`{0}` is not an address: write ACCOUNT/REGION/KIND/NAME, such as prod/eu-west-1/guardrail/payments")]
pub struct NotAnAddress(String);

impl FromStr for Address {
    type Err = NotAnAddress;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        let mut parts = text.splitn(4, '/').map(str::to_owned);
        match (parts.next(), parts.next(), parts.next(), parts.next()) {
            (Some(account), Some(region), Some(kind), Some(name))
                if ![&account, &region, &kind, &name].iter().any(|part| part.is_empty()) =>
            {
                Ok(Self { account, region, kind, name })
            }
            _ => Err(NotAnAddress(text.to_owned())),
        }
    }
}

impl JsonSchema for Address {
    fn schema_name() -> std::borrow::Cow<'static, str> {
        "Address".into()
    }

    fn json_schema(_: &mut SchemaGenerator) -> Schema {
        schemars::json_schema!({
            "type": "string",
            "pattern": "^[^/]+/[^/]+/[^/]+/",
            "description": "The address of one resource: ACCOUNT/REGION/KIND/NAME. The name may contain slashes.",
        })
    }
}

impl Serialize for Address {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(self)
    }
}

impl<'de> Deserialize<'de> for Address {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        String::deserialize(deserializer)?.parse().map_err(serde::de::Error::custom)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_name_may_contain_slashes() {
        let text = "prod/eu-west-1/log-group//aws/bedrock/model-invocations";
        let address: Address = text.parse().expect("an address");
        assert_eq!(address.name, "/aws/bedrock/model-invocations");
        assert_eq!(address.to_string(), text);
    }

    #[test]
    fn every_part_is_needed() {
        for text in ["", "prod", "prod/eu-west-1/guardrail", "prod//guardrail/x", "prod/eu-west-1/guardrail/"] {
            assert!(text.parse::<Address>().is_err(), "{text}");
        }
    }
}
