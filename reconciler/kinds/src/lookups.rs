//! Look-ups that declarations may contain.

use std::collections::{BTreeMap, BTreeSet};

use async_trait::async_trait;
use aws_sdk_ec2::types::{Filter, Tag};
use aws_sdk_kms::Client;
use futures::future::{join_all, try_join};
use reconciler_aws::edge::{LookedUp, LookupSource, odd_answer};
use reconciler_aws::{CallError, ErrorClass, Session, call_with_body, send};
use serde_json::{Value, json};

/// Every source of look-ups.
pub const LOOKUPS: &[&dyn LookupSource] = &[&KmsKey, &Vpc, &Subnet, &SecurityGroup];

/// `${kms:alias/NAME}`: the ARN of the key that the alias names, because services answer with the ARN whatever was
/// written (AWS.md 1.1.4, 1.5).
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
/// Rows of a page (AWS.md 1.8).
const PAGE: i32 = 1000;

/// Ids by name. What a service answers beyond what was asked for does no harm.
type Ids = BTreeMap<String, BTreeSet<String>>;

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
        let mut ids = Ids::new();
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
        Ok::<Ids, CallError>(ids)
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
    async fn ids(session: &Session, names: &[String]) -> Result<Ids, CallError> {
        use aws_sdk_ec2::types::Subnet as Row;
        let put = |ids: &mut Ids, row: &Row| insert(ids, name_tag(row.tags()), row.subnet_id());
        described!(session, "DescribeSubnets", describe_subnets, subnets, "tag:Name", names, put)
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
    async fn ids(session: &Session, names: &[String]) -> Result<Ids, CallError> {
        use aws_sdk_ec2::types::SecurityGroup as Row;
        let by_tag = async {
            let put = |ids: &mut Ids, row: &Row| insert(ids, name_tag(row.tags()), row.group_id());
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
            let put = |ids: &mut Ids, row: &Row| insert(ids, row.group_name(), row.group_id());
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
        let (mut found, by_name) = try_join(by_tag, by_name).await?;
        for (name, ids) in by_name {
            found.entry(name).or_default().extend(ids);
        }
        Ok(found)
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
