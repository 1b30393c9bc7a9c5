//! The resource client of the logging configuration: the only place of this kind that names the SDK.

use async_trait::async_trait;
use aws_sdk_bedrock::Client;
use reconciler_aws::client::{LookedUp, LookupSource, Reading, ResourceClient, Selection, WriteResult, odd_answer};
use reconciler_aws::{CallError, CallFacts, ErrorClass, Session, call, call_with_body, send, until_known};
use reconciler_model::address::{Address, Scope};
use reconciler_model::desired::{ANSWERS, set_of};
use reconciler_model::inventory::ObservedResource;
use reconciler_model::kind::{Kind, Origin};
use reconciler_model::permit::WritePermit;
use reconciler_model::plan::Call;
use reconciler_model::policy::Policy;
use serde_json::{Value, json};

use super::InvocationLogging;
use super::diagnosis::{self, Seen};
use super::spec::CONTRACT;
use crate::shared::normal::unknown_fields_by_key;

const SERVICE: &str = "bedrock";
const GET: &str = "GetModelInvocationLoggingConfiguration";
const PUT: &str = "PutModelInvocationLoggingConfiguration";

/// Whether the service could not deliver with the role: the role is new, and not known everywhere yet, or it is broken. The
/// service then writes nothing (README.md, Delivery role).
fn is_permission_failure(error: &CallError) -> bool {
    error.class == ErrorClass::Invalid && error.message.contains("Failed to validate permissions")
}

/// What the role and the log group of a refused configuration lack: reads only, and only after a refusal.
async fn diagnose(session: &Session, config: &Value) -> String {
    let text = |member: &str| config.get(member).and_then(Value::as_str).unwrap_or_default();
    let (group, arn) = (text("logGroupName"), text("roleArn"));
    let role = arn.rsplit('/').next().unwrap_or(arn);
    let iam = session.client(aws_sdk_iam::Client::new);
    let logs = session.client(aws_sdk_cloudwatchlogs::Client::new);
    let groups = async {
        let body = json!({ "logGroupNamePrefix": group });
        let answer = call_with_body!(session, "logs", "DescribeLogGroups", logs.describe_log_groups(), &body).await?;
        let groups = answer.body.get("logGroups").and_then(Value::as_array).cloned().unwrap_or_default();
        Ok(groups.iter().any(|one| one.get("logGroupName").is_some_and(|name| name == group)))
    };
    let trust = async {
        let answer = match send!(session, "iam", "GetRole", iam.get_role().role_name(role)).await {
            Err(error) if error.class == ErrorClass::NotFound => return Ok(None),
            outcome => outcome?,
        };
        let document = answer.role().and_then(|role| role.assume_role_policy_document()).unwrap_or_default();
        Ok(Policy::from_text(document).ok())
    };
    let inline = async {
        let names = send!(session, "iam", "ListRolePolicies", iam.list_role_policies().role_name(role)).await?;
        let mut policies = Vec::new();
        for name in names.policy_names() {
            let request = iam.get_role_policy().role_name(role).policy_name(name);
            let answer = send!(session, "iam", "GetRolePolicy", request).await?;
            policies.extend(Policy::from_text(answer.policy_document()).ok());
        }
        Ok(policies)
    };
    let attached = async {
        let request = iam.list_attached_role_policies().role_name(role);
        let answer = send!(session, "iam", "ListAttachedRolePolicies", request).await?;
        Ok(!answer.attached_policies().is_empty())
    };
    let (group_seen, trust, inline, attached) = futures::join!(groups, trust, inline, attached);
    let told = |error: CallError| CallFacts { request_id: None, ..(*error).clone() }.to_string();
    let seen = Seen {
        group: group_seen.map_err(told),
        trust: trust.map_err(told),
        inline: inline.map_err(told),
        attached: attached.map_err(told),
    };
    let partition = arn.split(':').nth(1).unwrap_or("aws");
    let stream = diagnosis::stream(partition, session.region(), session.account(), group);
    diagnosis::sentence(role, group, &stream, &seen)
}

#[async_trait]
impl ResourceClient for InvocationLogging {
    fn kind(&self) -> &'static dyn Kind {
        &InvocationLogging
    }

    async fn observe(&self, session: &Session, scope: &Scope, selection: &Selection) -> Result<Reading, CallError> {
        let mut reading = Reading::default();
        for name in self.contract().singleton.into_iter().filter(|name| selection.has(name)) {
            let address = Address::new(scope, self.name(), name);
            reading.resources.extend(self.read_one(session, &address, None).await?);
        }
        Ok(reading)
    }

    async fn read_one(
        &self,
        session: &Session,
        address: &Address,
        _: Option<&Value>,
    ) -> Result<Option<ObservedResource>, CallError> {
        let bedrock = session.client(Client::new);
        let answer = call!(session, SERVICE, GET, bedrock.get_model_invocation_logging_configuration()).await?;
        // Logging that is off is answered with success, without the member (README.md, Configuration).
        let Some(config) = answer.body.get("loggingConfig").filter(|config| !config.is_null()) else {
            return Ok(None);
        };
        let normalised = self.normalise(config, Origin::Live);
        if let Some(problem) = normalised.problems.first() {
            return Err(odd_answer(session, SERVICE, GET, format!("{}: {}", problem.path, problem.detail)));
        }
        Ok(Some(ObservedResource {
            address: address.clone(),
            tree: normalised.tree,
            unknown_fields: unknown_fields_by_key(config, normalised.unknown, self.contract().list_keys()),
            external_id: Value::Null,
            private_state: Value::Null,
            settled: true,
            unread: Default::default(),
            beside: Value::Null,
        }))
    }

    async fn perform(
        &self,
        session: &Session,
        _: &Address,
        call: &Call,
        _: Option<&Value>,
        _: &WritePermit,
    ) -> Result<WriteResult, CallError> {
        let bedrock = session.client(Client::new);
        let outcome = until_known(session, is_permission_failure, || {
            let put = bedrock.put_model_invocation_logging_configuration();
            call_with_body!(session, SERVICE, PUT, put, &call.request)
        })
        .await;
        match outcome {
            Ok(answer) => Ok(WriteResult { external_id: Value::Null, request_id: answer.request_id }),
            Err(error) if is_permission_failure(&error) => {
                let why = diagnose(session, &call.request["loggingConfig"]["cloudWatchConfig"]).await;
                Err(CallError::from(CallFacts { message: format!("{}; {why}", error.message), ..(*error).clone() }))
            }
            Err(error) => Err(error),
        }
    }
}

/// Which of the members that not every region answers are answered here, for the file of pins.
#[derive(Debug)]
pub struct Answered;

#[async_trait]
impl LookupSource for Answered {
    fn source(&self) -> &'static str {
        ANSWERS
    }

    async fn look_up(&self, session: &Session, keys: &[String]) -> Vec<Result<LookedUp, CallError>> {
        let bedrock = session.client(Client::new);
        let answer = call!(session, SERVICE, GET, bedrock.get_model_invocation_logging_configuration()).await;
        let found = answer.map(|answer| {
            let config = answer.body.get("loggingConfig").cloned().unwrap_or_default();
            set_of(CONTRACT.fields().unreported().filter(|flag| config.get(*flag).is_some()))
        });
        keys.iter().map(|_| found.clone().map(LookedUp::Is)).collect()
    }
}
