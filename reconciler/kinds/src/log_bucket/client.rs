//! The resource client of buckets: the only place of this kind that names the SDK.
//!
//! A bucket is read with seven calls side by side. Each of them has a code of its own for "not set", and any of them may say that
//! there is no bucket. Only `export` lists the buckets of the account.
//!
//! Answers are read from their XML, and bodies are written as XML here, because the SDK's types drop elements that they do not
//! know.

use async_trait::async_trait;
use aws_sdk_s3::Client;
use aws_sdk_s3::config::Builder;
use aws_sdk_s3::types::TransitionDefaultMinimumObjectSize;
use futures::future::{join_all, join3, join4};
use reconciler_aws::client::{Parts, Reading, ResourceClient, Selection, WriteResult, gap_of, odd_answer};
use reconciler_aws::{CallError, ErrorClass, Session, call_text, call_with_body, send};
use reconciler_model::address::{Address, Scope};
use reconciler_model::codes;
use reconciler_model::inventory::{Gap, ObservedResource};
use reconciler_model::kind::Kind;
use reconciler_model::permit::WritePermit;
use reconciler_model::plan::Call;
use serde_json::{Value, json};

use super::LogBucket;
use super::services::{self, Home};
use super::spec::{ACCESS, ENCRYPTION, LIFECYCLE, OWNERSHIP, POLICY, VERSIONING};
use super::steps::{Operation, PrivateState};
use super::wire;
use crate::shared::arns::partition;
use crate::shared::normal::{Seen, seen, unknown_fields_by_key};
use crate::shared::operations::unknown_call;
use crate::shared::tags;

const SERVICE: &str = "s3";

/// Names an endpoint for S3 alone.
const S3_ENDPOINT: &str = "AWS_ENDPOINT_URL_S3";

/// The client: with an endpoint of one's own, such as that of a stand-in for S3, the name of the bucket is in the path.
fn client(session: &Session) -> Client {
    session.client(|config| {
        let own = std::env::var_os(S3_ENDPOINT).is_some_and(|endpoint| !endpoint.is_empty());
        let path_style = config.endpoint_url().is_some() || own;
        Client::from_conf(Builder::from(config).force_path_style(path_style).build())
    })
}

/// What one sub-resource is: `None` where it is not set.
type Part = Result<Option<Value>, CallError>;

/// Reads one sub-resource; `unset` is the code of the error that says that there is none.
macro_rules! part {
    ($session:expr, $name:expr, $operation:expr, $call:ident, $unset:expr) => {
        async {
            let request = client($session).$call().bucket($name).expected_bucket_owner($session.account());
            match call_text!($session, SERVICE, $operation, request).await {
                Ok(answer) => match wire::read(&answer.body) {
                    Some(tree) => Ok(Some(tree)),
                    None => Err(odd_answer($session, SERVICE, $operation, "the answer is not XML")),
                },
                Err(error) if error.code == $unset => Ok(None),
                Err(error) => Err(error),
            }
        }
    };
}

async fn policy(session: &Session, name: &str) -> Part {
    const OPERATION: &str = "GetBucketPolicy";
    let request = client(session).get_bucket_policy().bucket(name).expected_bucket_owner(session.account());
    match call_text!(session, SERVICE, OPERATION, request).await {
        Ok(answer) => Ok(Some(Value::String(answer.body))),
        Err(error) if error.code == "NoSuchBucketPolicy" => Ok(None),
        Err(error) => Err(error),
    }
}

/// The tags, as a list.
async fn tagging(session: &Session, name: &str) -> Part {
    const OPERATION: &str = "GetBucketTagging";
    let tagging = part!(session, name, OPERATION, get_bucket_tagging, "NoSuchTagSet").await?;
    // The tags of others would be lost with the next write, if an answer without the list were taken for none.
    let set = |mut tagging: Value| match tagging.get_mut("tagSet").map(Value::take) {
        Some(set @ Value::Array(_)) => Ok(set),
        _ => Err(odd_answer(session, SERVICE, OPERATION, "the answer has no TagSet")),
    };
    tagging.map(set).transpose()
}

async fn lifecycle(session: &Session, name: &str) -> Part {
    const OPERATION: &str = "GetBucketLifecycleConfiguration";
    let request =
        client(session).get_bucket_lifecycle_configuration().bucket(name).expected_bucket_owner(session.account());
    match call_text!(session, SERVICE, OPERATION, request).await {
        Ok(answer) => {
            let Some(mut tree) = wire::read(&answer.body) else {
                return Err(odd_answer(session, SERVICE, OPERATION, "the answer is not XML"));
            };
            // It is in a header.
            if let Some(size) = answer.output.transition_default_minimum_object_size() {
                tree["transitionDefaultMinimumObjectSize"] = json!(size.as_str());
            }
            Ok(Some(tree))
        }
        Err(error) if error.code == "NoSuchLifecycleConfiguration" => Ok(None),
        Err(error) => Err(error),
    }
}

/// Everything about a bucket; `None` when there is no bucket of this name.
async fn read(session: &Session, address: &Address) -> Result<Option<ObservedResource>, CallError> {
    let name = &address.name;
    let (access, encryption, ownership) = (
        part!(session, name, "GetPublicAccessBlock", get_public_access_block, "NoSuchPublicAccessBlockConfiguration"),
        part!(
            session,
            name,
            "GetBucketEncryption",
            get_bucket_encryption,
            "ServerSideEncryptionConfigurationNotFoundError"
        ),
        part!(
            session,
            name,
            "GetBucketOwnershipControls",
            get_bucket_ownership_controls,
            "OwnershipControlsNotFoundError"
        ),
    );
    let (versioning, tagging) =
        (part!(session, name, "GetBucketVersioning", get_bucket_versioning, ""), tagging(session, name));
    let first = join3(access, encryption, ownership);
    let second = join4(policy(session, name), lifecycle(session, name), versioning, tagging);
    let ((access, encryption, ownership), (policy, lifecycle, versioning, tagging)) =
        futures::future::join(first, second).await;
    let parts = [access, encryption, ownership, policy, lifecycle, versioning, tagging];
    if parts.iter().any(|part| part.as_ref().is_err_and(|error| error.code == "NoSuchBucket")) {
        return Ok(None);
    }
    // Whether there is a bucket of ours is told by any of them that succeeds; by none where it is another's, or elsewhere.
    let hides_all = |part: &&Part| part.as_ref().is_err_and(is_elsewhere);
    let failed = parts.iter().find(hides_all).or(parts.first().filter(|_| parts.iter().all(Result::is_err)));
    if let Some(Err(error)) = failed {
        return Err(error.clone());
    }
    let mut read = Parts::default();
    for (member, part) in MEMBERS.into_iter().zip(parts) {
        if let Some(part) = read.take(&[member], part) {
            read.put(member, part.unwrap_or(Value::Null));
        }
    }
    if let Some(mut encryption) = read.get(ENCRYPTION).cloned() {
        let canonical = canonical_key(session, &mut encryption).await;
        if read.take(&[ENCRYPTION], canonical).is_some() {
            read.put(ENCRYPTION, encryption);
        }
    }
    let mut system = Vec::new();
    if let Some(tagging) = read.get(TAGS) {
        let all = tagging.as_array().cloned().unwrap_or_default();
        let is_of_aws = |tag: &Value| tag["key"].as_str().is_some_and(tags::is_of_aws);
        let (of_aws, own): (Vec<Value>, Vec<Value>) = all.into_iter().partition(is_of_aws);
        system = of_aws;
        read.put(TAGS, own);
    }
    observed(session, address.clone(), read, &PrivateState { system_tags: system }).map(Some)
}

const TAGS: &str = "tags";

/// The members in the order in which they are asked for, each with a call of its own.
const MEMBERS: [&str; 7] = [ACCESS, ENCRYPTION, OWNERSHIP, POLICY, LIFECYCLE, VERSIONING, TAGS];

fn observed(
    session: &Session,
    address: Address,
    read: Parts,
    private_state: &PrivateState,
) -> Result<ObservedResource, CallError> {
    let odd = |text: String| odd_answer(session, SERVICE, "GetBucketPolicy", text);
    let Seen { live, mut tree, unknown, unread } = seen(&LogBucket, read, &MEMBERS, odd)?;
    let (region, account) = (session.region(), session.account());
    let home = Home { bucket: &address.name, partition: partition(region), region, account };
    let added = services::added(&tree[POLICY], home);
    if let Some(members) = tree.as_object_mut() {
        members.insert(services::ADDED.into(), json!(added));
    }
    let arn = format!("arn:{}:s3:::{}", home.partition, home.bucket);
    Ok(ObservedResource {
        address,
        tree,
        unknown_fields: unknown_fields_by_key(&live, unknown, LogBucket.contract().list_keys()),
        external_id: json!({ "arn": arn }),
        private_state: serde_json::to_value(private_state).unwrap_or(Value::Null),
        settled: true,
        unread,
        beside: Value::Null,
    })
}

/// S3 answers the key as it was written: an ARN, an id, or an alias. All of them become the ARN.
///
/// # Errors
/// Fails when an alias could not be looked up: whether it is the declared key is not known then.
async fn canonical_key(session: &Session, encryption: &mut Value) -> Result<(), CallError> {
    let place = "/rules/0/applyServerSideEncryptionByDefault/kmsMasterKeyID";
    let Some(Value::String(key)) = encryption.pointer_mut(place) else { return Ok(()) };
    if key.contains(":key/") {
        return Ok(());
    }
    if !key.contains("alias/") {
        let (region, account) = (session.region(), session.account());
        *key = format!("arn:{}:kms:{region}:{account}:key/{key}", partition(region));
        return Ok(());
    }
    let kms = session.client(aws_sdk_kms::Client::new);
    let request = json!({ "KeyId": *key });
    match call_with_body!(session, "kms", "DescribeKey", kms.describe_key(), &request).await {
        Ok(answer) => match answer.body.pointer("/KeyMetadata/Arn").and_then(Value::as_str) {
            Some(arn) => arn.clone_into(key),
            None => return Err(odd_answer(session, "kms", "DescribeKey", "the answer has no KeyMetadata.Arn")),
        },
        // An alias that names no key is not the declared key, and stays as it is written.
        Err(error) if error.class == ErrorClass::NotFound => {}
        Err(error) => return Err(error),
    }
    Ok(())
}

/// Whether the answer says that the bucket is in another region: a redirection, or a signature for the wrong one.
fn is_elsewhere(error: &CallError) -> bool {
    error.status.is_some_and(|status| (300..400).contains(&status)) || error.code == "AuthorizationHeaderMalformed"
}

/// The gap of one bucket.
fn gap(error: &CallError, scope: &Scope, name: &str) -> Gap {
    let mut gap = gap_of(error, scope, LogBucket.name(), Some(name));
    match error.class {
        ErrorClass::WrongRegion | ErrorClass::Unknown if is_elsewhere(error) => {
            codes::BUCKET_ELSEWHERE.clone_into(&mut gap.code);
            "narrow `where` to the region of the bucket, or put ${region} into the name".clone_into(&mut gap.remedy);
        }
        ErrorClass::Denied => {
            gap.remedy =
                format!("the bucket may belong to another account than {}; if not, {}", scope.account_id, gap.remedy);
        }
        _ => {}
    }
    gap
}

async fn list(session: &Session) -> Result<Vec<String>, CallError> {
    let s3 = client(session);
    let mut names = Vec::new();
    let mut token = None;
    loop {
        let request = s3.list_buckets().bucket_region(session.region()).set_continuation_token(token);
        let page = send!(session, SERVICE, "ListBuckets", request).await?;
        // A server that does not know the filter answers the buckets of every region.
        let here = |region: Option<&str>| region.is_none_or(|region| region == session.region());
        let rows = page.buckets().iter().filter(|bucket| here(bucket.bucket_region()));
        names.extend(rows.filter_map(|bucket| bucket.name().map(str::to_owned)));
        match page.continuation_token().filter(|token| !token.is_empty()) {
            Some(next) => token = Some(next.to_owned()),
            None => return Ok(names),
        }
    }
}

#[async_trait]
impl ResourceClient for LogBucket {
    fn kind(&self) -> &'static dyn Kind {
        &LogBucket
    }

    async fn observe(&self, session: &Session, scope: &Scope, selection: &Selection) -> Result<Reading, CallError> {
        let names: Vec<String> = match selection {
            Selection::All => list(session).await?,
            named => named.names().into_iter().flatten().cloned().collect(),
        };
        let reads = names.iter().map(|name| async move {
            let address = Address::new(scope, self.name(), name);
            read(session, &address).await.map_err(|error| gap(&error, scope, name))
        });
        let mut reading = Reading::default();
        for outcome in join_all(reads).await {
            match outcome {
                Ok(observed) => reading.resources.extend(observed),
                Err(gap) => reading.gaps.push(gap),
            }
        }
        Ok(reading)
    }

    async fn read_one(
        &self,
        session: &Session,
        address: &Address,
        _: Option<&Value>,
    ) -> Result<Option<ObservedResource>, CallError> {
        read(session, address).await
    }

    async fn perform(
        &self,
        session: &Session,
        _: &Address,
        call: &Call,
        _: Option<&Value>,
        _: &WritePermit,
    ) -> Result<WriteResult, CallError> {
        let Some(operation) = Operation::named(&call.operation) else {
            return Err(unknown_call(session, SERVICE, call));
        };
        Ok(WriteResult { external_id: Value::Null, request_id: write(session, operation, &call.request).await? })
    }
}

/// Creates a bucket, with a body where the request names the region. It has no owner yet.
async fn create(session: &Session, name: &str, body: Option<String>) -> Result<Option<String>, CallError> {
    const OPERATION: &str = "CreateBucket";
    let request = client(session).create_bucket().bucket(name);
    let outcome = match body {
        Some(body) => call_text!(session, SERVICE, OPERATION, request, body).await,
        None => call_text!(session, SERVICE, OPERATION, request).await,
    };
    match outcome {
        Ok(answer) => Ok(answer.request_id),
        // Our own lost answer: read-back tells whether it is as declared.
        Err(error) if error.code == "BucketAlreadyOwnedByYou" => Ok(error.request_id.clone()),
        Err(error) => Err(error),
    }
}

/// A call without a body of its own.
macro_rules! plain {
    ($session:expr, $name:expr, $operation:expr, $request:expr) => {{
        let request = $request.bucket($name).expected_bucket_owner($session.account());
        Ok(call_text!($session, SERVICE, $operation, request).await?.request_id)
    }};
}

/// A call with exactly this body.
macro_rules! exact {
    ($session:expr, $name:expr, $operation:expr, $request:expr, $body:expr) => {{
        let request = $request.bucket($name).expected_bucket_owner($session.account());
        Ok(call_text!($session, SERVICE, $operation, request, $body).await?.request_id)
    }};
}

async fn write(session: &Session, to_write: Operation, request: &Value) -> Result<Option<String>, CallError> {
    let (s3, operation) = (client(session), to_write.name());
    let document = || {
        let (member, root) = to_write.payload()?;
        Some(wire::write(root, request.get(member)?))
    };
    let body = || document().unwrap_or_default();
    let text = |member: &str| request.get(member).and_then(Value::as_str).unwrap_or_default();
    let name = text("Bucket");
    match to_write {
        Operation::CreateBucket => create(session, name, document()).await,
        Operation::PutPublicAccessBlock => exact!(session, name, operation, s3.put_public_access_block(), body()),
        Operation::DeletePublicAccessBlock => plain!(session, name, operation, s3.delete_public_access_block()),
        Operation::PutBucketOwnershipControls => {
            exact!(session, name, operation, s3.put_bucket_ownership_controls(), body())
        }
        Operation::DeleteBucketOwnershipControls => {
            plain!(session, name, operation, s3.delete_bucket_ownership_controls())
        }
        Operation::PutBucketEncryption => exact!(session, name, operation, s3.put_bucket_encryption(), body()),
        Operation::DeleteBucketEncryption => plain!(session, name, operation, s3.delete_bucket_encryption()),
        Operation::PutBucketPolicy => {
            plain!(session, name, operation, s3.put_bucket_policy().policy(text("Policy")))
        }
        Operation::DeleteBucketPolicy => plain!(session, name, operation, s3.delete_bucket_policy()),
        Operation::PutBucketLifecycleConfiguration => {
            let size = Some(text("TransitionDefaultMinimumObjectSize")).filter(|size| !size.is_empty());
            let size = size.map(TransitionDefaultMinimumObjectSize::from);
            let request = s3.put_bucket_lifecycle_configuration().set_transition_default_minimum_object_size(size);
            exact!(session, name, operation, request, body())
        }
        Operation::DeleteBucketLifecycle => plain!(session, name, operation, s3.delete_bucket_lifecycle()),
        Operation::PutBucketVersioning => exact!(session, name, operation, s3.put_bucket_versioning(), body()),
        Operation::PutBucketTagging => exact!(session, name, operation, s3.put_bucket_tagging(), body()),
    }
}
