//! What a world is made of and how badly it behaves.

use std::collections::BTreeMap;
use std::time::Duration;

use jiff::Timestamp;
use serde::{Deserialize, Serialize};

/// Settings of an emulator. Every default is the behaviour that the reference documents, pessimistically.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Options {
    /// Seed of every id, list order and probability.
    pub seed: u64,
    /// Reads of a guardrail, or of a version, that still see CREATING, UPDATING or VERSIONING after a write.
    pub settle_reads: u32,
    /// Chance that the first READY after a write is followed by one more busy read (kinds/guardrail/README.md, DRAFT and READY).
    pub flap_probability: f64,
    /// DescribeLogGroups calls that do not see a new log group yet.
    pub create_lag_reads: u32,
    /// GetGuardrail calls that answer 404 for a new guardrail (kinds/guardrail/README.md, DRAFT and READY).
    pub guardrail_lag_reads: u32,
    /// Reads of a trail that still see what was before a write, or do not find a new trail yet
    /// (aws/README.md, Eventual consistency).
    pub trail_lag_reads: u32,
    /// Types of data events that PutEventSelectors refuses, besides those that it always refuses
    /// (kinds/trail/README.md, Data events).
    pub rejected_data_types: Vec<String>,
    /// Chance that a page of organizations is empty although there is more (kinds/shared/organizations/README.md, Reads).
    pub empty_page_probability: f64,
    /// IAM reads that still see the state before a write.
    pub iam_lag_reads: u32,
    /// Uses of a new role, as a principal in a policy, for a service or for a session, that are refused.
    pub principal_lag_uses: u32,
    /// Whether an interface endpoint has private DNS when its creation does not say (README.md, Hypotheses).
    pub private_dns_default: bool,
    /// Whether lists come back in random order.
    pub shuffle: bool,
    /// Whether UpdateGuardrail is refused with ConflictException while the guardrail is busy (README.md, Hypotheses; off).
    pub conflict_while_busy: bool,
    /// How long every call takes.
    #[serde(rename = "latency_ms", with = "millis")]
    pub latency: Duration,
    /// How long an event takes to appear in LookupEvents.
    #[serde(rename = "cloudtrail_delay_ms", with = "millis")]
    pub cloudtrail_delay: Duration,
    /// Whether the documented request rates are enforced.
    pub throttles: bool,
    /// Instant at which the world's clock starts; it then runs with tokio's clock. Now, when absent.
    pub start: Option<Timestamp>,
    /// Accounts in addition to those of a scenario; the first of all is the management account.
    pub accounts: Vec<AccountSeed>,
    /// Regions over which scripts fan out, instead of those that the script names.
    pub regions: Vec<String>,
    /// The organization of the accounts; that of a scenario, or one with the defaults, when absent.
    pub organization: Option<OrganizationSeed>,
}

impl Default for Options {
    fn default() -> Self {
        Self {
            seed: 1,
            settle_reads: 2,
            flap_probability: 0.25,
            create_lag_reads: 1,
            guardrail_lag_reads: 0,
            trail_lag_reads: 1,
            rejected_data_types: Vec::new(),
            empty_page_probability: 0.2,
            iam_lag_reads: 0,
            principal_lag_uses: 0,
            private_dns_default: true,
            shuffle: true,
            conflict_while_busy: false,
            latency: Duration::ZERO,
            cloudtrail_delay: Duration::ZERO,
            throttles: false,
            start: None,
            accounts: Vec::new(),
            regions: Vec::new(),
            organization: None,
        }
    }
}

/// What the organization of a world is like. The accounts are in it by their own `ou`.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct OrganizationSeed {
    /// `o-` and ten characters or more; made from the management account, when absent.
    pub id: Option<String>,
    /// Paths of units, such as `Workloads/Production`, besides those that accounts are in.
    pub units: Vec<String>,
    /// Accounts, by id or name, that may write policies besides the management account.
    pub delegates: Vec<String>,
    /// Policy types that are enabled in the root.
    pub policy_types: Vec<String>,
    /// Service control policies, and resource control policies, that one target can have
    /// (kinds/service_control_policy/README.md, Limits).
    pub policies_per_target: usize,
    /// Characters of one such policy, spaces included (kinds/service_control_policy/README.md, Limits).
    pub policy_content_max: usize,
    /// Whether accounts still have `Status` besides `State` (kinds/sources/discovery/README.md, Accounts).
    pub account_status: bool,
    /// Whether accounts have `State`, which is newer than `Status`.
    pub account_state: bool,
    /// Whether accounts have `Paths`, which is as new.
    pub account_paths: bool,
}

impl Default for OrganizationSeed {
    fn default() -> Self {
        Self {
            id: None,
            units: Vec::new(),
            delegates: Vec::new(),
            policy_types: vec!["SERVICE_CONTROL_POLICY".to_owned()],
            policies_per_target: 5,
            policy_content_max: 5120,
            account_status: true,
            account_state: true,
            account_paths: true,
        }
    }
}

/// One account of a world.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct AccountSeed {
    /// Twelve digits.
    pub id: String,
    /// Name, which scripts may use instead of the id.
    #[serde(default)]
    pub name: String,
    /// Tags, which scripts may select by `key=value`.
    #[serde(default)]
    pub tags: BTreeMap<String, String>,
    /// Names of the roles that exist. Empty: every role exists.
    #[serde(default)]
    pub roles: Vec<String>,
    /// Roles that exist but cannot be assumed.
    #[serde(default)]
    pub denied_roles: Vec<String>,
    /// Regions that are enabled. Empty: every region is.
    #[serde(default)]
    pub regions: Vec<String>,
    /// Path of the organizational unit that it is in, such as `Workloads/Production`. Empty: the root.
    #[serde(default)]
    pub ou: String,
    /// State in the organization: ACTIVE, when absent.
    #[serde(default)]
    pub state: Option<String>,
}

impl AccountSeed {
    /// An account in which every role exists and every region is enabled.
    pub fn new(id: impl Into<String>, name: impl Into<String>) -> Self {
        Self { id: id.into(), name: name.into(), ..Self::default() }
    }

    /// Whether the account has a role of that name (the path is ignored).
    pub(crate) fn has_role(&self, name: &str) -> bool {
        self.roles.is_empty() || self.roles.iter().any(|role| role == name)
    }
}

/// The part of [`Options`] that can be changed while the emulator runs.
#[derive(Clone, Debug)]
pub(crate) struct Rules {
    pub(crate) settle_reads: u32,
    pub(crate) flap_probability: f64,
    pub(crate) create_lag_reads: u32,
    pub(crate) guardrail_lag_reads: u32,
    pub(crate) trail_lag_reads: u32,
    pub(crate) rejected_data_types: Vec<String>,
    pub(crate) empty_page_probability: f64,
    pub(crate) iam_lag_reads: u32,
    pub(crate) principal_lag_uses: u32,
    pub(crate) private_dns_default: bool,
    pub(crate) shuffle: bool,
    pub(crate) conflict_while_busy: bool,
    pub(crate) latency: Duration,
    pub(crate) cloudtrail_delay: Duration,
    pub(crate) throttles: bool,
}

impl From<&Options> for Rules {
    fn from(options: &Options) -> Self {
        Self {
            settle_reads: options.settle_reads,
            flap_probability: options.flap_probability.clamp(0.0, 1.0),
            create_lag_reads: options.create_lag_reads,
            guardrail_lag_reads: options.guardrail_lag_reads,
            trail_lag_reads: options.trail_lag_reads,
            rejected_data_types: options.rejected_data_types.clone(),
            empty_page_probability: options.empty_page_probability.clamp(0.0, 0.9),
            iam_lag_reads: options.iam_lag_reads,
            principal_lag_uses: options.principal_lag_uses,
            private_dns_default: options.private_dns_default,
            shuffle: options.shuffle,
            conflict_while_busy: options.conflict_while_busy,
            latency: options.latency,
            cloudtrail_delay: options.cloudtrail_delay,
            throttles: options.throttles,
        }
    }
}

/// Changes to the rules, as the admin endpoint takes them: what is absent stays as it is.
#[derive(Clone, Debug, Default, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub(crate) struct RuleChanges {
    settle_reads: Option<u32>,
    flap_probability: Option<f64>,
    create_lag_reads: Option<u32>,
    guardrail_lag_reads: Option<u32>,
    trail_lag_reads: Option<u32>,
    rejected_data_types: Option<Vec<String>>,
    empty_page_probability: Option<f64>,
    iam_lag_reads: Option<u32>,
    principal_lag_uses: Option<u32>,
    private_dns_default: Option<bool>,
    shuffle: Option<bool>,
    conflict_while_busy: Option<bool>,
    latency_ms: Option<u64>,
    cloudtrail_delay_ms: Option<u64>,
    throttles: Option<bool>,
}

impl RuleChanges {
    /// The rules after the changes.
    pub(crate) fn apply(self, mut rules: Rules) -> Rules {
        let Self {
            settle_reads,
            flap_probability,
            create_lag_reads,
            guardrail_lag_reads,
            trail_lag_reads,
            rejected_data_types,
            empty_page_probability,
            iam_lag_reads,
            principal_lag_uses,
            private_dns_default,
            shuffle,
            conflict_while_busy,
            latency_ms,
            cloudtrail_delay_ms,
            throttles,
        } = self;
        rules.settle_reads = settle_reads.unwrap_or(rules.settle_reads);
        rules.flap_probability = flap_probability.unwrap_or(rules.flap_probability).clamp(0.0, 1.0);
        rules.create_lag_reads = create_lag_reads.unwrap_or(rules.create_lag_reads);
        rules.guardrail_lag_reads = guardrail_lag_reads.unwrap_or(rules.guardrail_lag_reads);
        rules.trail_lag_reads = trail_lag_reads.unwrap_or(rules.trail_lag_reads);
        rules.rejected_data_types = rejected_data_types.unwrap_or(rules.rejected_data_types);
        rules.empty_page_probability = empty_page_probability.unwrap_or(rules.empty_page_probability).clamp(0.0, 0.9);
        rules.iam_lag_reads = iam_lag_reads.unwrap_or(rules.iam_lag_reads);
        rules.principal_lag_uses = principal_lag_uses.unwrap_or(rules.principal_lag_uses);
        rules.private_dns_default = private_dns_default.unwrap_or(rules.private_dns_default);
        rules.shuffle = shuffle.unwrap_or(rules.shuffle);
        rules.conflict_while_busy = conflict_while_busy.unwrap_or(rules.conflict_while_busy);
        rules.latency = latency_ms.map_or(rules.latency, Duration::from_millis);
        rules.cloudtrail_delay = cloudtrail_delay_ms.map_or(rules.cloudtrail_delay, Duration::from_millis);
        rules.throttles = throttles.unwrap_or(rules.throttles);
        rules
    }
}

/// Durations as whole milliseconds.
mod millis {
    use std::time::Duration;

    use serde::{Deserialize, Deserializer, Serializer};

    pub(super) fn serialize<S: Serializer>(value: &Duration, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_u64(u64::try_from(value.as_millis()).unwrap_or(u64::MAX))
    }

    pub(super) fn deserialize<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Duration, D::Error> {
        u64::deserialize(deserializer).map(Duration::from_millis)
    }
}
