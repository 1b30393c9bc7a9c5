//! The resource client of keys: the only place of this kind that names the SDK.
//!
//! A declared alias costs DescribeKey, then GetKeyPolicy, GetKeyRotationStatus and ListResourceTags side by side. Only `export`
//! lists the aliases, and only the creation of a key looks through all keys.

use async_trait::async_trait;
use aws_sdk_kms::Client;
use aws_sdk_kms::config::Builder;
use aws_sdk_kms::config::retry::RetryConfig;
use futures::future::{join_all, join3};
use reconciler_aws::client::{Beside, Parts, Reading, ResourceClient, Selection, WriteResult, gap_of, odd_answer};
use reconciler_aws::{Answer, CallError, ErrorClass, Session, call_with_body};
use reconciler_model::address::{Address, Scope};
use reconciler_model::inventory::ObservedResource;
use reconciler_model::kind::Kind;
use reconciler_model::permit::WritePermit;
use reconciler_model::plan::Call;
use serde_json::{Value, json};

use super::spec::DELETION;
use super::spec::TAG_NAMES;
use super::steps::{Astray, Operation, PrivateState};
use super::{KmsKey, OWN_TAG};
use crate::shared::normal::{Seen, seen, unknown_fields_by_key};
use crate::shared::operations::unknown_call;
use crate::shared::tags;

const SERVICE: &str = "kms";
const DESCRIBE: &str = "DescribeKey";
const POLICY: &str = "GetKeyPolicy";
const ROTATION: &str = "GetKeyRotationStatus";
const TAGS: &str = "ListResourceTags";

/// The member of the normal form that says which key the alias leads to.
const TARGET: &str = "targetKeyId";

/// Members of a key's metadata that the normal form has, with its names for them.
const KNOWN: &[(&str, &str)] = &[
    ("Description", "description"),
    ("Enabled", "enabled"),
    ("MultiRegion", "multiRegion"),
    ("KeySpec", "keySpec"),
    ("KeyUsage", "keyUsage"),
    ("KeyId", TARGET),
    ("DeletionDate", DELETION),
];

/// Members that are identity, or that the service owns.
const OWNED: &[&str] = &[
    "AWSAccountId",
    "Arn",
    "CreationDate",
    "ValidTo",
    "Origin",
    "CustomKeyStoreId",
    "CloudHsmClusterId",
    "ExpirationModel",
    "KeyManager",
    "KeyState",
    "CustomerMasterKeySpec",
    "EncryptionAlgorithms",
    "SigningAlgorithms",
    "KeyAgreementAlgorithms",
    "MacAlgorithms",
    "MultiRegionConfiguration",
    "PendingDeletionWindowInDays",
    "XksKeyConfiguration",
    "CurrentKeyMaterialId",
];

/// The member of an external id that says that the key is not the one which the alias leads to: it is read by its id.
const ASTRAY: &str = "astray";

fn text<'a>(value: &'a Value, member: &str) -> &'a str {
    value.get(member).and_then(Value::as_str).unwrap_or("")
}

/// The metadata of the key that an alias, id or ARN names; `None` when there is none.
async fn describe(session: &Session, key: &str) -> Result<Option<Value>, CallError> {
    let kms = session.client(Client::new);
    let request = json!({ "KeyId": key });
    match call_with_body!(session, SERVICE, DESCRIBE, kms.describe_key(), &request).await {
        Ok(answer) => match answer.body.get("KeyMetadata").filter(|key| !text(key, "KeyId").is_empty()) {
            Some(key) => Ok(Some(key.clone())),
            None => Err(odd_answer(session, SERVICE, DESCRIBE, "the answer has no KeyMetadata with a KeyId")),
        },
        Err(error) if error.class == ErrorClass::NotFound => Ok(None),
        Err(error) => Err(error),
    }
}

/// Every page of a list.
macro_rules! pages {
    ($session:expr, $operation:expr, $call:ident, $member:expr, $request:expr) => {{
        let kms = $session.client(Client::new);
        let mut request = $request;
        let mut found: Vec<Value> = Vec::new();
        loop {
            let answer = call_with_body!($session, SERVICE, $operation, kms.$call(), &request).await?;
            match answer.body.get($member) {
                Some(Value::Array(page)) => found.extend(page.iter().cloned()),
                _ => {
                    let message = format!("the answer has no {}", $member);
                    return Err(odd_answer($session, SERVICE, $operation, message));
                }
            }
            match answer.body.get("NextMarker").filter(|marker| marker.is_string()) {
                Some(marker) if answer.body.get("Truncated") == Some(&json!(true)) => {
                    request["Marker"] = marker.clone()
                }
                _ => break found,
            }
        }
    }};
}

async fn tags(session: &Session, key: &str) -> Result<Vec<Value>, CallError> {
    Ok(pages!(session, TAGS, list_resource_tags, "Tags", json!({ "KeyId": key })))
}

async fn aliases(session: &Session) -> Result<Vec<Value>, CallError> {
    Ok(pages!(session, "ListAliases", list_aliases, "Aliases", json!({ "Limit": 100 })))
}

/// The rotation of a key; `None` when keys of this kind are not rotated.
async fn rotation(session: &Session, key: &str) -> Result<Option<Value>, CallError> {
    let kms = session.client(Client::new);
    let request = json!({ "KeyId": key });
    match call_with_body!(session, SERVICE, ROTATION, kms.get_key_rotation_status(), &request).await {
        Ok(answer) if answer.body.get("KeyRotationEnabled").is_some_and(Value::is_boolean) => Ok(Some(answer.body)),
        Ok(_) => Err(odd_answer(session, SERVICE, ROTATION, "the answer has no KeyRotationEnabled")),
        Err(error) if error.code == "UnsupportedOperationException" => Ok(None),
        // A key that waits for its deletion is not rotated.
        Err(error) if error.code == "KMSInvalidStateException" => Ok(Some(json!({"KeyRotationEnabled": false}))),
        Err(error) => Err(error),
    }
}

/// Everything about a key whose metadata is known already.
async fn read(
    session: &Session,
    address: Address,
    metadata: &Value,
    has_alias: bool,
) -> Result<ObservedResource, CallError> {
    let kms = session.client(Client::new);
    let key = text(metadata, "KeyId");
    let request = json!({ "KeyId": key, "PolicyName": "default" });
    let policy = call_with_body!(session, SERVICE, POLICY, kms.get_key_policy(), &request);
    let (policy, rotation, tags) = join3(policy, rotation(session, key), tags(session, key)).await;
    let policy = policy.and_then(|answer| match answer.body.get("Policy") {
        Some(policy @ Value::String(_)) => Ok(policy.clone()),
        _ => Err(odd_answer(session, SERVICE, POLICY, "the answer has no Policy")),
    });
    let mut parts = Parts::default();
    for (name, value) in metadata.as_object().into_iter().flatten() {
        match KNOWN.iter().find(|(wire, _)| wire == name) {
            Some((_, member)) => parts.put(member, value.clone()),
            None if OWNED.contains(&name.as_str()) => {}
            None => parts.put(name, value.clone()),
        }
    }
    if let Some(policy) = parts.take(&["policy"], policy) {
        parts.put("policy", policy);
    }
    let rotation = parts.take(&["keyRotationEnabled", "rotationPeriodInDays"], rotation);
    if let Some(Some(rotation)) = &rotation {
        parts.put("keyRotationEnabled", rotation["KeyRotationEnabled"].clone());
        parts.put("rotationPeriodInDays", rotation["RotationPeriodInDays"].clone());
    }
    if let Some(tags) = parts.take(&["tags"], tags) {
        parts.put("tags", tags::of_answer(&tags, TAG_NAMES));
    }
    let private_state = PrivateState {
        key_state: text(metadata, "KeyState").to_owned(),
        key_manager: text(metadata, "KeyManager").to_owned(),
        rotates: rotation.is_none_or(|rotation| rotation.is_some()),
        has_alias,
    };
    observed(session, address, metadata, parts, &private_state)
}

fn observed(
    session: &Session,
    address: Address,
    metadata: &Value,
    parts: Parts,
    private_state: &PrivateState,
) -> Result<ObservedResource, CallError> {
    let odd = |text: String| odd_answer(session, SERVICE, DESCRIBE, text);
    let Seen { live, tree, unknown, unread } = seen(&KmsKey, parts, &["policy", "tags"], odd)?;
    Ok(ObservedResource {
        address,
        tree,
        unknown_fields: unknown_fields_by_key(&live, unknown, KmsKey.contract().list_keys()),
        external_id: json!({ "keyId": metadata["KeyId"], "arn": metadata["Arn"] }),
        settled: !["Creating", "Updating"].contains(&private_state.key_state.as_str()),
        unread,
        beside: Value::Null,
        private_state: serde_json::to_value(private_state).unwrap_or(Value::Null),
    })
}

/// The key that was created for an alias but does not have it; `None` when there is none.
///
/// # Errors
/// Fails when there is more than one, and when no tags may be read, because ours may be among those keys.
async fn created_before(session: &Session, alias: &str) -> Result<Option<String>, CallError> {
    let keys = pages!(session, "ListKeys", list_keys, "Keys", json!({ "Limit": 1000 }));
    let mut found = Vec::new();
    let (mut closed, mut last_denial) = (0, None);
    for chunk in keys.chunks(10) {
        let reads = chunk.iter().map(|key| async move {
            let id = text(key, "KeyId");
            match tags(session, id).await {
                // It was deleted meanwhile.
                Err(error) if error.class == ErrorClass::NotFound => Ok((id, Ok(Vec::new()))),
                // Keys of others may be closed to us; ours carries its tag where we can read it.
                Err(error) if error.class == ErrorClass::Denied => Ok((id, Err(error))),
                outcome => outcome.map(|tags| (id, Ok(tags))),
            }
        });
        for outcome in join_all(reads).await {
            let (id, tags) = outcome?;
            let tags = tags.unwrap_or_else(|denial| {
                closed += 1;
                last_denial = Some(denial);
                Vec::new()
            });
            if tags.iter().any(|tag| text(tag, "TagKey") == OWN_TAG && text(tag, "TagValue") == alias) {
                found.push(id.to_owned());
            }
        }
    }
    if let Some(denial) = last_denial.filter(|_| closed == keys.len()) {
        return Err(denial);
    }
    match found.as_slice() {
        [] => Ok(None),
        [one] => Ok(Some(one.clone())),
        several => {
            let message = format!("{} keys are tagged as created for {alias}: {}", several.len(), several.join(", "));
            Err(odd_answer(session, SERVICE, "ListKeys", message))
        }
    }
}

#[async_trait]
impl ResourceClient for KmsKey {
    fn kind(&self) -> &'static dyn Kind {
        &KmsKey
    }

    async fn observe(&self, session: &Session, scope: &Scope, selection: &Selection) -> Result<Reading, CallError> {
        let names: Vec<String> = match selection {
            Selection::Names(names) | Selection::Beside(Beside { names, .. }) => names.iter().cloned().collect(),
            Selection::All => {
                let rows = aliases(session).await?;
                // Those of AWS, and those that name no key, are nobody's to declare.
                let own = rows.iter().filter(|row| !text(row, "AliasName").starts_with("alias/aws/"));
                own.filter(|row| !text(row, "TargetKeyId").is_empty())
                    .map(|row| text(row, "AliasName").to_owned())
                    .collect()
            }
        };
        let reads = names.iter().map(|name| async move {
            let address = Address::new(scope, self.name(), name);
            self.read_one(session, &address, None).await.map_err(|error| gap_of(&error, scope, self.name(), Some(name)))
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
        external_id: Option<&Value>,
    ) -> Result<Option<ObservedResource>, CallError> {
        let is_astray = external_id.is_some_and(|external_id| external_id.get(ASTRAY).is_some());
        if !is_astray && let Some(metadata) = describe(session, &address.name).await? {
            return read(session, address.clone(), &metadata, true).await.map(Some);
        }
        // A key that was just created has no alias yet.
        let Some(key) = external_id.map(|external_id| text(external_id, "keyId")).filter(|key| !key.is_empty()) else {
            return Ok(None);
        };
        match describe(session, key).await? {
            Some(metadata) => read(session, address.clone(), &metadata, false).await.map(Some),
            None => Ok(None),
        }
    }

    /// The key that the alias should lead to, where it leads elsewhere or nowhere, because its deletion would go unseen. A
    /// failed read does not block the restore of the alias.
    async fn inspect(
        &self,
        session: &Session,
        _: &Address,
        want: &Value,
        live: Option<&ObservedResource>,
        _: &[String],
    ) -> Result<Option<Value>, CallError> {
        let target = want.get(TARGET).filter(|target| live.is_none_or(|live| live.tree.get(TARGET) != Some(target)));
        let Some(target) = target.and_then(Value::as_str) else { return Ok(None) };
        let astray = match describe(session, target).await {
            Ok(Some(key)) => Astray {
                is_gone: false,
                key_state: text(&key, "KeyState").to_owned(),
                deletion_date: key.get("DeletionDate").cloned().unwrap_or_default(),
            },
            Ok(None) => Astray { is_gone: true, ..Astray::default() },
            Err(_) => return Ok(None),
        };
        Ok(serde_json::to_value(astray).ok())
    }

    async fn perform(
        &self,
        session: &Session,
        address: &Address,
        call: &Call,
        external_id: Option<&Value>,
        _: &WritePermit,
    ) -> Result<WriteResult, CallError> {
        let Some(operation) = Operation::named(&call.operation) else {
            return Err(unknown_call(session, SERVICE, call));
        };
        let request = &call.request;
        let own = external_id.and_then(|external_id| external_id.get("keyId"));
        let is_astray = request.get("KeyId").is_some_and(|key| Some(key) != own)
            || external_id.is_some_and(|external_id| external_id.get(ASTRAY).is_some());
        if operation == Operation::CreateKey
            && let Some(key) = created_before(session, &address.name).await?
        {
            return Ok(WriteResult { external_id: json!({ "keyId": key }), request_id: None });
        }
        let answer = send(session, operation, request).await?;
        let external_id = match answer.body.pointer("/KeyMetadata/KeyId") {
            Some(key) => json!({ "keyId": key }),
            // The next read is that of the key which was written to, until the alias leads there.
            None if is_astray && request.get("KeyId").is_some() => json!({ "keyId": request["KeyId"], ASTRAY: true }),
            None if is_astray => json!({ "keyId": request["TargetKeyId"] }),
            None => external_id.cloned().unwrap_or(Value::Null),
        };
        Ok(WriteResult { external_id, request_id: answer.request_id })
    }
}

async fn send(session: &Session, operation: Operation, body: &Value) -> Result<Answer, CallError> {
    let kms = session.client(Client::new);
    let name = operation.name();
    match operation {
        Operation::CreateKey => {
            // The SDK would try again after a lost answer, and make a second key. The next plan finds the first by its tag.
            let once = Builder::from(session.config()).retry_config(RetryConfig::disabled()).build();
            call_with_body!(session, SERVICE, name, Client::from_conf(once).create_key(), body).await
        }
        Operation::CreateAlias => match call_with_body!(session, SERVICE, name, kms.create_alias(), body).await {
            // Our own lost answer, or somebody else's: read-back tells which key the alias names.
            Err(error) if error.code == "AlreadyExistsException" => {
                Ok(Answer { body: json!({}), request_id: error.request_id.clone() })
            }
            outcome => outcome,
        },
        Operation::UpdateAlias => call_with_body!(session, SERVICE, name, kms.update_alias(), body).await,
        Operation::CancelKeyDeletion => {
            match call_with_body!(session, SERVICE, name, kms.cancel_key_deletion(), body).await {
                // Cancelled already, by a call whose answer was lost: read-back tells.
                Err(error) if error.code == "KMSInvalidStateException" => {
                    Ok(Answer { body: json!({}), request_id: error.request_id.clone() })
                }
                outcome => outcome,
            }
        }
        Operation::EnableKey => call_with_body!(session, SERVICE, name, kms.enable_key(), body).await,
        Operation::DisableKey => call_with_body!(session, SERVICE, name, kms.disable_key(), body).await,
        Operation::PutKeyPolicy => call_with_body!(session, SERVICE, name, kms.put_key_policy(), body).await,
        Operation::EnableKeyRotation => call_with_body!(session, SERVICE, name, kms.enable_key_rotation(), body).await,
        Operation::DisableKeyRotation => {
            call_with_body!(session, SERVICE, name, kms.disable_key_rotation(), body).await
        }
        Operation::UpdateKeyDescription => {
            call_with_body!(session, SERVICE, name, kms.update_key_description(), body).await
        }
        Operation::TagResource => call_with_body!(session, SERVICE, name, kms.tag_resource(), body).await,
    }
}
