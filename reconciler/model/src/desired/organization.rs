//! `organization.yaml`: where the desired state applies, and the role to assume there.

use std::collections::{BTreeMap, HashMap};

use serde::Serialize;

use super::directory::{self, Discovery, Unit};
use super::item::Item;
use super::manifest::Manifest;
use super::template::{self, Part};
use super::undeclared::{self, Rule};
use crate::address::{Scope, ScopeKind};
use crate::codes;
use crate::diagnostic::{Diagnostic, did_you_mean};
use crate::text::hides;

/// The base name of the file.
pub const ORGANIZATION_FILE: &str = "organization.yaml";

/// A partition, and the regions that its global services live in (aws/README.md, Partitions).
struct Partition {
    name: &'static str,
    /// Of IAM and STS, which an account has once.
    account: &'static str,
    /// Of Organizations.
    organization: &'static str,
    /// What the names of its regions begin with; empty for those that no other partition has.
    prefix: &'static str,
}

const fn partition(
    name: &'static str,
    account: &'static str,
    organization: &'static str,
    prefix: &'static str,
) -> Partition {
    Partition { name, account, organization, prefix }
}

const PARTITIONS: &[Partition] = &[
    partition("aws", "us-east-1", "us-east-1", ""),
    partition("aws-cn", "cn-north-1", "cn-northwest-1", "cn-"),
    partition("aws-us-gov", "us-gov-west-1", "us-gov-west-1", "us-gov-"),
    // Not documented: one region each, as far as is known.
    partition("aws-iso", "us-iso-east-1", "us-iso-east-1", "us-iso-"),
    partition("aws-iso-b", "us-isob-east-1", "us-isob-east-1", "us-isob-"),
    partition("aws-iso-e", "eu-isoe-west-1", "eu-isoe-west-1", "eu-isoe-"),
    partition("aws-iso-f", "us-isof-south-1", "us-isof-south-1", "us-isof-"),
    partition("aws-eusc", "eusc-de-east-1", "eusc-de-east-1", "eusc-"),
];

const KEYS: &[&str] = &["partition", "managementAccount", "role", "externalId", "regions", "accounts", "undeclared"];
const ACCOUNT_KEYS: &[&str] = &["id", "name", "tags"];

/// The partition that a region belongs to, by its name.
pub fn partition_of(region: &str) -> &'static str {
    let named = PARTITIONS.iter().filter(|partition| !partition.prefix.is_empty());
    named.into_iter().find(|partition| region.starts_with(partition.prefix)).map_or("aws", |partition| partition.name)
}

/// The partition names, for the schema.
pub(super) fn partitions() -> impl Iterator<Item = &'static str> {
    PARTITIONS.iter().map(|partition| partition.name)
}

/// Where the desired state applies.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize)]
pub struct Organization {
    /// The partition, such as `aws`.
    pub partition: String,
    /// The name of the management account; one of `accounts`. Without one nothing of an organization as a whole is held.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub management_account: Option<String>,
    /// The role to assume: a name or an ARN, possibly with placeholders. See [`Organization::role_arn`]. Without one there is a single
    /// account, and the caller's own credentials are of it.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub role: Option<String>,
    /// The external id that the trust policies of the roles ask for.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub external_id: Option<String>,
    /// The regions, sorted.
    pub regions: Vec<String>,
    /// The accounts, sorted by name. None while they are still to be discovered.
    pub accounts: Vec<Account>,
    /// What the file says about accounts that it does not list.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub discover: Option<Discovery>,
    /// What is told of resources that nobody declares, where that is not the default.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub undeclared: Vec<Rule>,
}

/// One account.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize)]
pub struct Account {
    /// The twelve digits; text, because they may begin with zero.
    pub id: String,
    /// The name that declarations and addresses use.
    pub name: String,
    /// Tags for `where: {accounts: [tag=value]}`.
    pub tags: BTreeMap<String, String>,
    /// The organizational units that it is in, from the top; only of accounts that were discovered.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub units: Vec<Unit>,
    /// The state in Organizations where that is another than ACTIVE, such as SUSPENDED. Only a selector that names such an
    /// account takes it.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub state: Option<String>,
}

impl Organization {
    /// Whether the accounts are still to be discovered, so that it is not known where declarations apply.
    pub fn is_to_be_discovered(&self) -> bool {
        self.discover.is_some() && self.accounts.is_empty()
    }

    /// Every active account and region, sorted.
    pub fn scopes(&self) -> Vec<Scope> {
        let mut scopes: Vec<Scope> = self
            .accounts
            .iter()
            .filter(|account| account.state.is_none())
            .flat_map(|account| {
                self.regions.iter().map(|region| Scope {
                    account: account.name.clone(),
                    account_id: account.id.clone(),
                    region: region.clone(),
                })
            })
            .collect();
        scopes.sort();
        scopes
    }

    /// Every place in which resources of this scope live, sorted: one region stands for an account, and one account for the
    /// organization.
    pub fn scopes_of(&self, kind: ScopeKind) -> Vec<Scope> {
        let owners = self.accounts.iter().filter(|account| match kind {
            ScopeKind::Organization => self.is_management(&account.name),
            ScopeKind::Account | ScopeKind::Region => account.state.is_none(),
        });
        let mut scopes: Vec<Scope> = match kind {
            ScopeKind::Region => return self.scopes(),
            ScopeKind::Account | ScopeKind::Organization => owners
                .map(|account| Scope {
                    account: account.name.clone(),
                    account_id: account.id.clone(),
                    region: self.home_region(kind).to_owned(),
                })
                .collect(),
        };
        scopes.sort();
        scopes
    }

    /// The ids of the accounts, by name.
    pub fn account_ids(&self) -> BTreeMap<String, String> {
        self.accounts.iter().map(|account| (account.name.clone(), account.id.clone())).collect()
    }

    /// The account with this name.
    pub fn account(&self, name: &str) -> Option<&Account> {
        self.accounts.iter().find(|account| account.name == name)
    }

    /// The name of the management account; empty where none is named.
    pub fn management(&self) -> &str {
        self.management_account.as_deref().unwrap_or_default()
    }

    /// Whether the account of this name is the management account.
    pub fn is_management(&self, name: &str) -> bool {
        self.management_account.as_deref() == Some(name)
    }

    /// The ARN of the role to assume in an account; `None` where the caller's own credentials are used.
    pub fn role_arn(&self, account: &Account) -> Option<String> {
        let written = self.role.as_ref()?;
        let role = template::parse(written).map_or_else(
            |_| written.clone(),
            |parts| {
                parts
                    .iter()
                    .map(|part| match part {
                        Part::Text(text) => text.replace("$${", "${"),
                        Part::AccountId => account.id.clone(),
                        Part::AccountName => account.name.clone(),
                        Part::Partition => self.partition.clone(),
                        Part::AccountIdOf(_) | Part::Region | Part::Ref(_) | Part::Lookup(..) => String::new(),
                    })
                    .collect()
            },
        );
        if role.starts_with("arn:") {
            return Some(role);
        }
        Some(format!("arn:{}:iam::{}:role/{role}", self.partition, account.id))
    }

    /// The region in which what does not live in a region is read and written: that of IAM for accounts, that of
    /// Organizations for the organization.
    pub fn home_region(&self, of: ScopeKind) -> &'static str {
        let partition = PARTITIONS.iter().find(|partition| partition.name == self.partition);
        partition.map_or("us-east-1", |partition| match of {
            ScopeKind::Organization => partition.organization,
            ScopeKind::Account | ScopeKind::Region => partition.account,
        })
    }
}

/// Reads the organization. Gives what could be read, so that the declarations can be checked too, and whether it is
/// complete.
pub(super) fn read(manifests: &[Manifest], problems: &mut Vec<Diagnostic>) -> (Organization, bool) {
    let before = problems.len();
    let mut organization = Organization::default();
    match manifests {
        [] => {
            let detail = "there is no `organization.yaml`, so it is not known where the declarations apply";
            let remedy = "write one with `bedrock-reconciler init`: it has the keys partition, regions and accounts, and role where there are several accounts";
            problems.push(Diagnostic::new(codes::ORGANIZATION, None, detail, remedy));
        }
        [first, more @ ..] => {
            for manifest in more {
                let (one, two) = (first.node.place(&first.file), manifest.node.place(&manifest.file));
                let detail = format!("the organization is described at {one} and again here");
                problems.push(Diagnostic::new(codes::ORGANIZATION, Some(two), detail, "keep one of the two"));
            }
            let item = Item { file: &first.file, node: &first.node, value: &first.value };
            organization = read_one(&item, problems);
        }
    }
    organization.regions.sort();
    organization.accounts.sort_by(|one, two| one.name.cmp(&two.name));
    (organization, problems.len() == before)
}

fn read_one(item: &Item<'_>, problems: &mut Vec<Diagnostic>) -> Organization {
    item.only(KEYS, |_| None, problems);
    if item.members().is_none() {
        return Organization::default();
    }
    let mut organization = Organization::default();
    if let Some(partition) = item.required("partition", "the partition, such as `aws`", problems)
        && let Some(text) = partition.text("the partition", problems)
    {
        organization.partition = text.to_owned();
        if !partitions().any(|known| known == text) {
            let known = partitions().collect::<Vec<_>>().join(", ");
            let remedy = match did_you_mean(text, partitions()) {
                Some(near) => format!("did you mean `{near}`?"),
                None => "commercial regions are in `aws`".to_owned(),
            };
            problems.push(partition.problem(
                codes::ORGANIZATION,
                format!("`{text}` is not one of the partitions {known}"),
                remedy,
            ));
        }
    }
    // What is written has to have a value.
    let is_written = |key: &str| item.node.entry(key).is_some();
    if is_written("role")
        && let Some(role) = item.required("role", "the name or ARN of the role to assume", problems)
        && let Some(text) = role.text("the role", problems)
    {
        organization.role = Some(text.to_owned());
        check_role(&role, text, problems);
    }
    if let Some(id) = item.get("externalId")
        && let Some(text) = id.text("the external id", problems)
    {
        // STS takes these (AssumeRole, ExternalId).
        let is_taken = |letter: char| letter.is_ascii_alphanumeric() || "_+=,.@:/-".contains(letter);
        if (2..=1224).contains(&text.len()) && text.chars().all(is_taken) {
            organization.external_id = Some(text.to_owned());
        } else {
            let detail = "an external id has 2 to 1224 letters, digits and `_+=,.@:/-`";
            problems.push(id.problem(
                codes::ORGANIZATION,
                detail,
                "write it as the trust policies of the roles have it",
            ));
        }
    }
    if let Some(regions) = item.required("regions", "a list of regions, such as [us-east-1]", problems) {
        organization.regions = read_regions(&regions, &organization.partition, problems);
    }
    if let Some(accounts) = item.required("accounts", "a list of {id, name, tags}, or `discover`", problems) {
        organization.discover = directory::read(&accounts, problems);
        if organization.discover.is_none() {
            organization.accounts = read_accounts(&accounts, problems);
        }
        // Of a single account the caller's own credentials are used. Listed accounts need be of no organization.
        let listed = accounts.elements().map(|listed| listed.len());
        if listed.is_none_or(|count| count > 1) && !is_written("role") {
            item.required("role", "the name or ARN of the role to assume in each account", problems);
        }
        if listed.is_none() && !is_written("managementAccount") {
            item.required("managementAccount", "the name of one of the accounts", problems);
        }
    }
    if is_written("managementAccount")
        && let Some(management) = item.required("managementAccount", "the name of one of the accounts", problems)
        && let Some(name) = management.text("the management account", problems)
    {
        organization.management_account = Some(name.to_owned());
        if let Some(discovery) = &mut organization.discover {
            discovery.management_at = Some(management.place());
        } else if organization.account(name).is_none() && !organization.accounts.is_empty() {
            let names = organization.accounts.iter().map(|account| account.name.as_str());
            let remedy = match did_you_mean(name, names) {
                Some(near) => format!("did you mean `{near}`?"),
                None => "write the name of one of the accounts, or add it to them".to_owned(),
            };
            problems.push(management.problem(codes::ORGANIZATION, format!("no account is named `{name}`"), remedy));
        }
    }
    if let Some(rules) = item.get("undeclared") {
        organization.undeclared = undeclared::read(&rules, &organization, problems);
    }
    organization
}

fn check_role(role: &Item<'_>, text: &str, problems: &mut Vec<Diagnostic>) {
    match template::parse(text) {
        Err(faults) => {
            problems.extend(faults.into_iter().map(|fault| role.problem(template::FAULT, fault.detail, fault.remedy)));
        }
        Ok(parts) => {
            let allowed =
                |part: &Part| matches!(part, Part::Text(_) | Part::AccountId | Part::AccountName | Part::Partition);
            if !parts.iter().all(allowed) {
                let detail =
                    "the role is assumed before any region is read, so it can hold no region, reference or look-up";
                problems.push(role.problem(
                    template::FAULT,
                    detail,
                    "use ${account.id}, ${account.name} and ${partition} only",
                ));
            }
        }
    }
}

fn read_regions(regions: &Item<'_>, partition: &str, problems: &mut Vec<Diagnostic>) -> Vec<String> {
    let Some(items) = regions.elements() else {
        problems.push(regions.problem(codes::WRONG_SHAPE, "the regions are not a list", "write [us-east-1]"));
        return Vec::new();
    };
    if items.is_empty() {
        problems.push(regions.problem(codes::ORGANIZATION, "no region is listed", "list at least one region"));
    }
    let mut found: Vec<String> = Vec::new();
    for item in items {
        let Some(text) = item.text("the region", problems) else { continue };
        if !is_region(text) {
            let detail = format!("`{text}` is not the name of a region");
            problems.push(item.problem(codes::ORGANIZATION, detail, "write it as AWS does, such as eu-west-1"));
        } else if partitions().any(|known| known == partition) && partition_of(text) != partition {
            let own = partition_of(text);
            let detail = format!("`{text}` is no region of the partition `{partition}`, but of `{own}`");
            let remedy = "remove it, or correct the partition: no call crosses from one to another";
            problems.push(item.problem(codes::ORGANIZATION, detail, remedy));
        } else if found.iter().any(|region| region == text) {
            problems.push(item.problem(
                codes::ORGANIZATION,
                format!("`{text}` is listed twice"),
                "remove one of the two",
            ));
        } else {
            found.push(text.to_owned());
        }
    }
    found
}

/// Whether the text has the form of a region's name: words and a number, joined by hyphens.
fn is_region(text: &str) -> bool {
    let parts: Vec<&str> = text.split('-').collect();
    let [words @ .., number] = &parts[..] else { return false };
    let word = |part: &&str| !part.is_empty() && part.chars().all(|c| c.is_ascii_lowercase());
    words.len() >= 2 && words.iter().all(word) && !number.is_empty() && number.chars().all(|c| c.is_ascii_digit())
}

fn read_accounts(accounts: &Item<'_>, problems: &mut Vec<Diagnostic>) -> Vec<Account> {
    let Some(items) = accounts.elements() else {
        problems.push(accounts.problem(
            codes::WRONG_SHAPE,
            "the accounts are neither a list nor `discover`",
            "write `- {id: \"111122223333\", name: prod}` lines, or `discover`",
        ));
        return Vec::new();
    };
    if items.is_empty() {
        problems.push(accounts.problem(codes::ORGANIZATION, "no account is listed", "list at least one account"));
    }
    let mut found = Vec::new();
    let (mut ids, mut names) = (HashMap::new(), HashMap::new());
    for item in items {
        item.only(ACCOUNT_KEYS, |_| None, problems);
        if item.members().is_none() {
            continue;
        }
        let id = item.required("id", "the twelve digits, in quotes", problems);
        let name = item.required("name", "the name that declarations use", problems);
        let id_text = id.and_then(|id| read_id(&id, problems));
        let name_text = name.and_then(|name| read_name(&name, problems));
        let mut repeated = false;
        let mut once = |what: &str, item: Option<Item<'_>>, text: Option<&str>, seen: &mut HashMap<String, usize>| {
            let (Some(item), Some(text)) = (item, text) else { return };
            if let Some(line) = seen.insert(text.to_owned(), item.node.line) {
                let detail = format!("the account {what} `{text}` is also on line {line}");
                problems.push(item.problem(codes::ORGANIZATION, detail, "remove one of the two, or correct it"));
                repeated = true;
            }
        };
        once("id", id, id_text.as_deref(), &mut ids);
        once("name", name, name_text.as_deref(), &mut names);
        let tags = item.get("tags").map(|tags| read_tags(&tags, problems)).unwrap_or_default();
        if let (Some(id), Some(name), false) = (id_text, name_text, repeated) {
            found.push(Account { id, name, tags, ..Account::default() });
        }
    }
    found
}

/// Whether the text is an account id.
pub(super) fn is_account_id(text: &str) -> bool {
    text.len() == 12 && text.bytes().all(|byte| byte.is_ascii_digit())
}

/// The id as it is written, whatever a YAML reader takes it for.
fn read_id(id: &Item<'_>, problems: &mut Vec<Diagnostic>) -> Option<String> {
    let Some(text) = id.raw() else {
        problems.push(id.problem(codes::ACCOUNT_ID, "the account id is not text", "write the twelve digits in quotes"));
        return None;
    };
    let plain = matches!(&id.node.shape, super::located::Shape::Scalar(scalar) if scalar.plain);
    if !is_account_id(text) {
        let detail = match text.bytes().all(|byte| byte.is_ascii_digit()) {
            true => format!("`{text}` has {} digits, not twelve", text.len()),
            false => format!("`{text}` is not twelve digits"),
        };
        let remedy = "write the twelve digits in quotes; zeros at the beginning count";
        problems.push(id.problem(codes::ACCOUNT_ID, detail, remedy));
        return None;
    }
    if plain && text.starts_with('0') {
        let detail = format!(
            "`{text}` begins with zero and is not quoted: other YAML readers take it for a number and drop the zero"
        );
        problems.push(id.problem(codes::ACCOUNT_ID, detail, format!("quote it: \"{text}\"")));
        return None;
    }
    Some(text.to_owned())
}

/// Whether a character of a name would be taken for something else in addresses and selectors, or would not be seen there.
pub(super) fn is_odd(character: char) -> bool {
    hides(character) || matches!(character, '/' | '=' | '$' | '{' | '}' | '!' | '*' | '?')
}

/// Why addresses and selectors cannot hold a name.
pub(super) fn wrong_with_name(text: &str) -> Option<String> {
    match text.chars().find(|character| is_odd(*character)) {
        Some(odd) => Some(format!(
            "the account name {text:?} holds {odd:?}, which means something else in addresses and selectors"
        )),
        None if text.is_empty() => Some("the account name is empty".to_owned()),
        None if text == "all" => Some("`all` means every account".to_owned()),
        None if is_account_id(text) => Some(format!("the account name `{text}` looks like an account id")),
        None if text.trim() != text => Some(format!("the account name {text:?} begins or ends with a space")),
        None => None,
    }
}

/// A name that addresses and selectors can hold without being taken for something else.
pub(super) fn read_name(name: &Item<'_>, problems: &mut Vec<Diagnostic>) -> Option<String> {
    let text = name.text("the account name", problems)?;
    let Some(detail) = wrong_with_name(text) else { return Some(text.to_owned()) };
    problems.push(name.problem(
        codes::ORGANIZATION,
        detail,
        "choose another name for it here; it need not be the name in AWS Organizations",
    ));
    None
}

fn read_tags(tags: &Item<'_>, problems: &mut Vec<Diagnostic>) -> BTreeMap<String, String> {
    let Some(members) = tags.members() else {
        problems.push(tags.problem(codes::WRONG_SHAPE, "the tags are not a mapping", "write {env: prod}"));
        return BTreeMap::new();
    };
    let mut found = BTreeMap::new();
    for (entry, item) in members {
        match item.raw() {
            // As written: `true` and `1` are text here.
            Some(text) => {
                found.insert(entry.key.clone(), text.to_owned());
            }
            None => problems.push(item.problem(
                codes::WRONG_SHAPE,
                format!("the tag `{}` is not text", entry.key),
                "write one text, in quotes when empty",
            )),
        }
    }
    found
}
