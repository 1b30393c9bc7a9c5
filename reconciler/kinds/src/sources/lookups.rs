//! Look-ups that declarations may contain, and what else is pinned.

use std::collections::{BTreeMap, BTreeSet};

use async_trait::async_trait;
use aws_sdk_ec2::types::{Filter, Tag};
use aws_sdk_kms::Client;
use futures::future::{join_all, try_join};
use reconciler_aws::client::{LookedUp, LookupSource, odd_answer};
use reconciler_aws::{CallError, ErrorClass, Session, call_with_body, send};
use serde_json::{Value, json};

/// Every source of look-ups.
pub const LOOKUPS: &[&dyn LookupSource] = &[
    &KmsKey,
    &Vpc,
    &Subnet,
    &SecurityGroup,
    &crate::guardrail::Guardrail,
    &crate::guardrail::Versions,
    &crate::sources::discovery::Reach,
    &crate::invocation_logging::Answered,
    &crate::iam_role::Contents,
    &crate::sources::discovery::Units,
];

/// `${kms:alias/NAME}`: the ARN of the key that the alias names, because services answer with the ARN whatever was
/// written (kinds/kms_key/README.md, Names of keys).
#[derive(Debug)]
pub struct KmsKey;

impl KmsKey {
    async fn one(session: &Session, key: &str) -> Result<LookedUp, CallError> {
        let kms = session.client(Client::new);
        let request = json!({ "KeyId": key });
        let answer = match call_with_body!(session, "kms", "DescribeKey", kms.describe_key(), &request).await {
            Ok(answer) => answer,
            Err(error) if error.class == ErrorClass::NotFound => return Ok(LookedUp::Nothing),
            Err(error) => return Err(error),
        };
        match answer.body.pointer("/KeyMetadata/Arn").and_then(Value::as_str) {
            Some(arn) => Ok(LookedUp::Is(arn.to_owned())),
            None => Err(odd_answer(session, "kms", "DescribeKey", "the answer has no KeyMetadata.Arn")),
        }
    }
}

#[async_trait]
impl LookupSource for KmsKey {
    fn source(&self) -> &'static str {
        "kms"
    }

    async fn look_up(&self, session: &Session, keys: &[String]) -> Vec<Result<LookedUp, CallError>> {
        join_all(keys.iter().map(|key| Self::one(session, key))).await
    }
}

/// Values that one filter takes.
const FILTER_VALUES: usize = 200;
/// Rows of a page (kinds/vpc_endpoint/README.md, Reads).
const PAGE: i32 = 1000;

/// Ids by name. What a service answers beyond what was asked for does no harm.
type Ids = BTreeMap<String, BTreeSet<String>>;

/// Stands between a VPC and a name within it in the key of a look-up. No tag may hold it.
const WITHIN: char = '\u{1f}';

/// The key of a look-up by name within a VPC, which is known by its `Name` tag or its id.
pub(crate) fn within(vpc: &str, name: &str) -> String {
    format!("{vpc}{WITHIN}{name}")
}

/// The VPC of a key, if it has one, and the name.
fn parts(key: &str) -> (Option<&str>, &str) {
    key.split_once(WITHIN).map_or((None, key), |(vpc, name)| (Some(vpc), name))
}

/// What a network has of a name: ids with their VPCs.
type Rows = BTreeMap<String, BTreeMap<String, String>>;

fn put(rows: &mut Rows, name: Option<&str>, id: Option<&str>, vpc: Option<&str>) {
    if let (Some(name), Some(id)) = (name, id) {
        rows.entry(name.to_owned()).or_default().insert(id.to_owned(), vpc.unwrap_or_default().to_owned());
    }
}

fn plain_names(keys: &[String]) -> Vec<String> {
    let names: BTreeSet<&str> = keys.iter().map(|key| parts(key).1).collect();
    names.into_iter().map(str::to_owned).collect()
}

/// The ids by key: those of a key with a VPC are in that VPC, where there are several. One in another VPC is for the service
/// or the kind to refuse, with a better reason than that there is none.
fn placed(keys: &[String], rows: &Rows, vpcs: &Ids) -> Ids {
    let ids = |key: &String| {
        let (vpc, name) = parts(key);
        let all = rows.get(name)?;
        let is_here = |there: &str| match vpc {
            Some(vpc) if all.len() > 1 => there == vpc || vpcs.get(vpc).is_some_and(|ids| ids.contains(there)),
            _ => true,
        };
        let here: BTreeSet<String> = all.iter().filter(|(_, there)| is_here(there)).map(|(id, _)| id.clone()).collect();
        (!here.is_empty()).then(|| (key.clone(), here))
    };
    keys.iter().filter_map(ids).collect()
}

/// The VPCs that have to be known to tell the rows of these keys apart, by `Name` tag.
async fn vpcs_of(session: &Session, keys: &[String], rows: &Rows) -> Result<Ids, CallError> {
    let unclear =
        keys.iter().map(|key| parts(key)).filter(|(_, name)| rows.get(*name).is_some_and(|ids| ids.len() > 1));
    let names: BTreeSet<&str> = unclear.filter_map(|(vpc, _)| vpc).collect();
    match names.is_empty() {
        true => Ok(Ids::new()),
        false => Vpc::ids(session, &names.into_iter().map(str::to_owned).collect::<Vec<_>>()).await,
    }
}

/// A filter by exactly these values: `*`, `?` and `\` are no patterns.
fn exactly(name: &str, values: &[String]) -> Filter {
    let escaped = values.iter().map(|value| {
        value.chars().fold(String::new(), |mut text, letter| {
            if matches!(letter, '*' | '?' | '\\') {
                text.push('\\');
            }
            text.push(letter);
            text
        })
    });
    Filter::builder().name(name).set_values(Some(escaped.collect())).build()
}

fn name_tag(tags: &[Tag]) -> Option<&str> {
    tags.iter().find(|tag| tag.key() == Some("Name")).and_then(Tag::value)
}

fn insert(ids: &mut Ids, name: Option<&str>, id: Option<&str>) {
    if let (Some(name), Some(id)) = (name, id) {
        ids.entry(name.to_owned()).or_default().insert(id.to_owned());
    }
}

/// The answers by key; one that could not be asked for is an error of every key.
fn answers(keys: &[String], found: &Result<Ids, CallError>) -> Vec<Result<LookedUp, CallError>> {
    let of = |ids: &Ids, key: &String| match ids.get(key).map(|ids| ids.iter().cloned().collect::<Vec<_>>()) {
        None => LookedUp::Nothing,
        Some(ids) => match <[String; 1]>::try_from(ids) {
            Ok([id]) => LookedUp::Is(id),
            Err(ids) => LookedUp::Several(ids),
        },
    };
    keys.iter().map(|key| found.as_ref().map(|ids| of(ids, key)).map_err(CallError::clone)).collect()
}

/// Reads every page of a Describe operation with a filter, for each part of the values that fits into one.
macro_rules! described {
    ($session:expr, $operation:literal, $describe:ident, $rows:ident, $filter:expr, $keys:expr, $put:expr) => {{
        let ec2 = $session.client(aws_sdk_ec2::Client::new);
        let mut ids = BTreeMap::new();
        for keys in $keys.chunks(FILTER_VALUES) {
            let mut token = None;
            loop {
                let builder = ec2.$describe().filters(exactly($filter, keys)).max_results(PAGE).set_next_token(token);
                let page = send!($session, "ec2", $operation, builder).await?;
                page.$rows().iter().for_each(|row| $put(&mut ids, row));
                match page.next_token().filter(|token| !token.is_empty()) {
                    Some(next) => token = Some(next.to_owned()),
                    None => break,
                }
            }
        }
        Ok::<_, CallError>(ids)
    }};
}

/// `${vpc:NAME}`: the id of the VPC whose `Name` tag is that.
#[derive(Debug)]
pub struct Vpc;

impl Vpc {
    async fn ids(session: &Session, names: &[String]) -> Result<Ids, CallError> {
        use aws_sdk_ec2::types::Vpc as Row;
        let put = |ids: &mut Ids, row: &Row| insert(ids, name_tag(row.tags()), row.vpc_id());
        described!(session, "DescribeVpcs", describe_vpcs, vpcs, "tag:Name", names, put)
    }
}

#[async_trait]
impl LookupSource for Vpc {
    fn source(&self) -> &'static str {
        "vpc"
    }

    async fn look_up(&self, session: &Session, keys: &[String]) -> Vec<Result<LookedUp, CallError>> {
        answers(keys, &Self::ids(session, keys).await)
    }
}

/// `${subnet:NAME}`: the id of the subnet whose `Name` tag is that.
#[derive(Debug)]
pub struct Subnet;

impl Subnet {
    async fn ids(session: &Session, keys: &[String]) -> Result<Ids, CallError> {
        use aws_sdk_ec2::types::Subnet as Row;
        let names = plain_names(keys);
        let put = |rows: &mut Rows, row: &Row| put(rows, name_tag(row.tags()), row.subnet_id(), row.vpc_id());
        let rows = described!(session, "DescribeSubnets", describe_subnets, subnets, "tag:Name", names, put)?;
        Ok(placed(keys, &rows, &vpcs_of(session, keys, &rows).await?))
    }
}

#[async_trait]
impl LookupSource for Subnet {
    fn source(&self) -> &'static str {
        "subnet"
    }

    async fn look_up(&self, session: &Session, keys: &[String]) -> Vec<Result<LookedUp, CallError>> {
        answers(keys, &Self::ids(session, keys).await)
    }
}

/// `${security-group:NAME}`: the id of the security group whose `Name` tag or group name is that.
#[derive(Debug)]
pub struct SecurityGroup;

impl SecurityGroup {
    async fn ids(session: &Session, keys: &[String]) -> Result<Ids, CallError> {
        use aws_sdk_ec2::types::SecurityGroup as Row;
        let names = plain_names(keys);
        let by_tag = async {
            let put = |rows: &mut Rows, row: &Row| put(rows, name_tag(row.tags()), row.group_id(), row.vpc_id());
            described!(
                session,
                "DescribeSecurityGroups",
                describe_security_groups,
                security_groups,
                "tag:Name",
                names,
                put
            )
        };
        let by_name = async {
            let put = |rows: &mut Rows, row: &Row| put(rows, row.group_name(), row.group_id(), row.vpc_id());
            described!(
                session,
                "DescribeSecurityGroups",
                describe_security_groups,
                security_groups,
                "group-name",
                names,
                put
            )
        };
        let (mut rows, by_name) = try_join(by_tag, by_name).await?;
        for (name, ids) in by_name {
            rows.entry(name).or_default().extend(ids);
        }
        Ok(placed(keys, &rows, &vpcs_of(session, keys, &rows).await?))
    }
}

#[async_trait]
impl LookupSource for SecurityGroup {
    fn source(&self) -> &'static str {
        "security-group"
    }

    async fn look_up(&self, session: &Session, keys: &[String]) -> Vec<Result<LookedUp, CallError>> {
        answers(keys, &Self::ids(session, keys).await)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_value_of_a_filter_is_no_pattern() {
        let filter = exactly("tag:Name", &["plain".to_owned(), "a*b?c\\d".to_owned()]);
        assert_eq!(filter.values(), ["plain", "a\\*b\\?c\\\\d"]);
    }

    /// A twin in another VPC does not matter to a key that says its VPC; one in the same VPC does, and so does either to a key
    /// that says none.
    #[test]
    fn a_twin_counts_within_its_vpc_only() {
        let mut rows = Rows::new();
        for (name, id, vpc) in [
            ("a", "subnet-1", "vpc-1"),
            ("a", "subnet-2", "vpc-2"),
            ("b", "subnet-3", "vpc-1"),
            ("b", "subnet-4", "vpc-1"),
        ] {
            put(&mut rows, Some(name), Some(id), Some(vpc));
        }
        let vpcs = Ids::from([("ai".to_owned(), BTreeSet::from(["vpc-1".to_owned()]))]);
        let keys = [within("ai", "a"), within("vpc-2", "a"), within("ai", "b"), "a".to_owned(), within("ai", "c")];
        let ids = placed(&keys, &rows, &vpcs);
        let found = |key: &String| ids.get(key).map(|ids| ids.iter().map(String::as_str).collect::<Vec<_>>());
        assert_eq!(found(&keys[0]), Some(vec!["subnet-1"]));
        assert_eq!(found(&keys[1]), Some(vec!["subnet-2"]));
        assert_eq!(found(&keys[2]), Some(vec!["subnet-3", "subnet-4"]));
        assert_eq!(found(&keys[3]), Some(vec!["subnet-1", "subnet-2"]));
        assert_eq!(found(&keys[4]), None);
    }

    #[test]
    fn several_are_none_of_them() {
        let keys = ["one", "two", "none"].map(str::to_owned);
        let ids = Ids::from([
            ("one".to_owned(), BTreeSet::from(["subnet-1".to_owned()])),
            ("two".to_owned(), BTreeSet::from(["subnet-2".to_owned(), "subnet-3".to_owned()])),
        ]);
        let found: Vec<LookedUp> = answers(&keys, &Ok(ids)).into_iter().map(|one| one.expect("an answer")).collect();
        let several = LookedUp::Several(vec!["subnet-2".to_owned(), "subnet-3".to_owned()]);
        assert_eq!(found, [LookedUp::Is("subnet-1".to_owned()), several, LookedUp::Nothing]);
    }
}
