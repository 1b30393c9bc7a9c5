//! Desired states and the worlds that fulfil them.

use std::fs;
use std::path::{Path, PathBuf};

use serde_json::{Map, Value, json};

use crate::Outcome;

/// Accounts times regions of the organization.
pub(crate) const SCOPES: usize = 6;

pub(crate) const ACCOUNTS: [(&str, &str); 3] =
    [("111122223333", "management"), ("222233334444", "prod"), ("333344445555", "staging")];
const REGIONS: [&str; 2] = ["us-east-1", "eu-west-1"];

/// Declarations in one file.
const A_FILE: usize = 20;

/// What is in every account and region.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(crate) enum Mix {
    Realistic,
    LogGroups,
    Guardrails,
}

impl Mix {
    pub(crate) const ALL: &[Mix] = &[Mix::Realistic, Mix::LogGroups, Mix::Guardrails];

    /// Guardrails, log groups and logging configurations of one scope.
    fn counts(self) -> (usize, usize, usize) {
        match self {
            Self::Realistic => (16, 150, 1),
            Self::LogGroups => (0, 167, 0),
            // The most that AWS allows.
            Self::Guardrails => (100, 0, 0),
        }
    }

    pub(crate) fn about(self) -> &'static str {
        match self {
            Self::Realistic => "16 guardrails, 150 log groups and invocation logging in each",
            Self::LogGroups => "167 log groups in each",
            Self::Guardrails => "100 guardrails in each, which is the limit of AWS",
        }
    }

    /// The calls of which each needs the answer of the one before.
    ///
    /// Tags, the DRAFT and the versions of a guardrail are read side by side, and so are the look-ups of keys.
    pub(crate) fn chain(self) -> &'static [&'static str] {
        match self {
            Self::Realistic | Self::Guardrails => &[
                "GetCallerIdentity",
                "AssumeRole",
                "ListGuardrails",
                "ListGuardrails of one",
                "GetGuardrail of its newest version",
            ],
            Self::LogGroups => &["GetCallerIdentity", "AssumeRole", "DescribeLogGroups"],
        }
    }

    pub(crate) fn resources(self) -> usize {
        let (guardrails, groups, logging) = self.counts();
        (guardrails + groups + logging) * SCOPES
    }

    /// Resources that no list describes: each guardrail, its newest version, and each logging configuration.
    pub(crate) fn read_one_by_one(self) -> usize {
        let (guardrails, _, logging) = self.counts();
        (2 * guardrails + logging) * SCOPES
    }

    /// Each kind with the number of its resources and the operations that read it.
    pub(crate) fn kinds(self) -> Vec<(&'static str, usize, &'static [&'static str])> {
        let (guardrails, groups, logging) = self.counts();
        let kinds: [(_, _, &[&str]); 3] = [
            ("guardrail", guardrails, &["GetGuardrail", "ListGuardrails", "ListTagsForResource"]),
            ("log-group", groups, &["DescribeLogGroups"]),
            ("invocation-logging", logging, &["GetModelInvocationLoggingConfiguration"]),
        ];
        let there = kinds.into_iter().filter(|(_, count, _)| *count > 0);
        there.map(|(kind, count, used)| (kind, count * SCOPES, used)).collect()
    }

    /// Writes the desired state below `folder`, and the scenario that fulfils it, whose path it gives.
    pub(crate) fn write(self, folder: &Path) -> Outcome<PathBuf> {
        let (guardrails, groups, logging) = self.counts();
        let Made { declarations, steps } = made(groups, logging, guardrails);
        write_desired(folder, &declarations)?;
        let scenario = folder.join("world.yaml");
        let world = json!({
            "description": "what the benchmark plans for",
            "include": "empty",
            "regions": REGIONS,
            "steps": steps,
        });
        fs::write(&scenario, world.to_string())?;
        Ok(scenario)
    }
}

/// What one scope holds: as declarations, and as the calls that make it.
pub(crate) struct Made {
    pub(crate) declarations: Vec<Value>,
    pub(crate) steps: Vec<Value>,
}

/// So many log groups, logging configurations (one at most) and guardrails.
pub(crate) fn made(groups: usize, logging: usize, guardrails: usize) -> Made {
    let mut declarations = Vec::new();
    let mut steps = Vec::new();
    for number in 0..groups {
        let (name, spec) = log_group(number);
        let mut create = spec.clone();
        create.remove("retentionInDays");
        if let Some(key) = create.get_mut("kmsKeyId") {
            *key = json!("key:alias/bedrock-logs");
        }
        create.insert("logGroupName".to_owned(), json!(name));
        steps.push(step("logs", "CreateLogGroup", Value::Object(create)));
        let keep = json!({ "logGroupName": name, "retentionInDays": spec["retentionInDays"] });
        steps.push(step("logs", "PutRetentionPolicy", keep));
        declarations.push(declaration("log-group", &name, Value::Object(spec)));
    }
    for _ in 0..logging {
        let (name, _) = log_group(0);
        declarations.push(declaration("invocation-logging", "default", logging_spec("${account.id}", &name)));
        let body = json!({ "loggingConfig": logging_spec("${account}", &name) });
        steps.push(step("bedrock", "PutModelInvocationLoggingConfiguration", body));
    }
    for number in 0..guardrails {
        let (name, mut spec) = guardrail(number);
        spec.insert("kmsKeyArn".to_owned(), json!("${kms:alias/bedrock-guardrails}"));
        steps.push(step("bedrock", "CreateGuardrail", request(&name, &spec)));
        let publish = json!({ "guardrailIdentifier": format!("guardrail:{name}") });
        steps.push(step("bedrock", "CreateGuardrailVersion", publish));
        declarations.push(declaration("guardrail", &name, Value::Object(spec)));
    }
    Made { declarations, steps }
}

/// Writes 1,000 declarations of every kind below `folder`: some for all scopes, some for one account, a third with text that
/// differs from scope to scope, a third with look-ups. Gives their number.
pub(crate) fn varied(folder: &Path) -> Outcome<usize> {
    let mut declarations = Vec::new();
    for number in 0..300 {
        let (name, mut spec) = guardrail(number);
        match number % 3 {
            0 => {
                spec.insert("kmsKeyArn".to_owned(), json!("${kms:alias/bedrock-guardrails}"));
            }
            1 => {
                spec.insert("description".to_owned(), json!("For ${account.name} in ${region}."));
            }
            _ => {}
        }
        let (_, account) = ACCOUNTS[number / 100];
        let mut declaration = declaration("guardrail", &name, Value::Object(spec));
        declaration["where"] = json!({ "accounts": [account], "regions": "all" });
        declarations.push(declaration);
    }
    for number in 0..699 {
        let (name, spec) = log_group(number);
        declarations.push(declaration("log-group", &name, Value::Object(spec)));
    }
    declarations.push(declaration("invocation-logging", "default", logging_spec("${account.id}", &log_group(0).0)));
    write_desired(folder, &declarations)?;
    Ok(declarations.len())
}

fn declaration(kind: &str, name: &str, spec: Value) -> Value {
    let control = if kind == "guardrail" { "aws-genai-02" } else { "aws-genai-04" };
    json!({
        "kind": kind,
        "name": name,
        "where": { "accounts": "all", "regions": "all" },
        "controls": [control],
        "spec": spec,
    })
}

fn write_desired(folder: &Path, declarations: &[Value]) -> Outcome<()> {
    let accounts: Vec<Value> = ACCOUNTS.iter().map(|(id, name)| json!({ "id": id, "name": name })).collect();
    write_desired_of(folder, declarations, &accounts, &REGIONS)
}

/// Writes the desired state of an organization below `folder`.
pub(crate) fn write_desired_of(
    folder: &Path,
    declarations: &[Value],
    accounts: &[Value],
    regions: &[&str],
) -> Outcome<()> {
    let folder = folder.join("desired");
    fs::create_dir_all(&folder)?;
    let organization = json!({
        "partition": "aws",
        "managementAccount": "management",
        "role": "bedrock-reconciler",
        "regions": regions,
        "accounts": accounts,
    });
    fs::write(folder.join("organization.yaml"), serde_yaml::to_string(&organization)?)?;
    for (number, some) in declarations.chunks(A_FILE).enumerate() {
        let documents: Vec<String> = some.iter().map(serde_yaml::to_string).collect::<Result<_, _>>()?;
        fs::write(folder.join(format!("{number:03}.yaml")), documents.join("---\n"))?;
    }
    Ok(())
}

/// The keys that look-ups find, in a world that does not begin with a scenario.
pub(crate) fn keys() -> Vec<Value> {
    ["alias/bedrock-guardrails", "alias/bedrock-logs"]
        .iter()
        .flat_map(|alias| {
            let mut key = step("kms", "CreateKey", json!({ "Description": alias }));
            key["save"] = json!({ "key": "/KeyMetadata/KeyId" });
            [key, step("kms", "CreateAlias", json!({ "AliasName": alias, "TargetKeyId": "${key}" }))]
        })
        .collect()
}

fn step(service: &str, operation: &str, body: Value) -> Value {
    json!({
        "as": "arn:${partition}:sts::${account}:assumed-role/Deployer/terraform",
        "at": "-30d",
        "service": service,
        "operation": operation,
        "body": body,
    })
}

fn log_group(number: usize) -> (String, Map<String, Value>) {
    let days = [30, 90, 365, 731][number % 4];
    let mut spec = json!({ "retentionInDays": days, "logGroupClass": "STANDARD", "deletionProtectionEnabled": true });
    if number.is_multiple_of(3) {
        spec["kmsKeyId"] = json!("${kms:alias/bedrock-logs}");
    }
    let name = format!("/aws/bedrock/application-{number:04}");
    (name, spec.as_object().cloned().unwrap_or_default())
}

fn logging_spec(account: &str, group: &str) -> Value {
    json!({
        "cloudWatchConfig": {
            "logGroupName": group,
            "roleArn": format!("arn:${{partition}}:iam::{account}:role/bedrock-invocation-logging"),
        },
        "s3Config": { "bucketName": format!("bedrock-logs-{account}-${{region}}"), "keyPrefix": "invocations" },
        "textDataDeliveryEnabled": true,
        "imageDataDeliveryEnabled": true,
        "embeddingDataDeliveryEnabled": true,
        "videoDataDeliveryEnabled": true,
        "audioDataDeliveryEnabled": true,
    })
}

/// A guardrail with about as much in it as real ones have; every second one has topics, words and patterns too.
fn guardrail(number: usize) -> (String, Map<String, Value>) {
    let on = json!({ "inputAction": "BLOCK", "outputAction": "BLOCK", "inputEnabled": true, "outputEnabled": true });
    let with = |members: Value| {
        let mut members = members;
        if let (Some(members), Some(on)) = (members.as_object_mut(), on.as_object()) {
            members.extend(on.clone());
        }
        members
    };
    let filters: Vec<Value> = ["HATE", "INSULTS", "MISCONDUCT", "SEXUAL", "VIOLENCE"]
        .iter()
        .map(|word| with(json!({ "type": word, "inputStrength": "HIGH", "outputStrength": "HIGH" })))
        .chain([json!({
            "type": "PROMPT_ATTACK",
            "inputStrength": "HIGH",
            "outputStrength": "NONE",
            "inputAction": "BLOCK",
            "inputEnabled": true,
        })])
        .collect();
    let entities: Vec<Value> = ["AWS_ACCESS_KEY", "AWS_SECRET_KEY", "EMAIL", "NAME", "PHONE", "PASSWORD"]
        .iter()
        .map(|word| with(json!({ "type": word, "action": "BLOCK" })))
        .collect();
    let mut spec = json!({
        "description": format!("Protection for application {number}."),
        "blockedInputMessaging": "This request cannot be processed.",
        "blockedOutputsMessaging": "This answer was withheld.",
        "contentPolicy": { "tier": { "tierName": "CLASSIC" }, "filters": filters },
        "sensitiveInformationPolicy": { "piiEntities": entities },
        "contextualGroundingPolicy": {
            "filters": [
                { "type": "GROUNDING", "threshold": 0.75, "action": "BLOCK", "enabled": true },
                { "type": "RELEVANCE", "threshold": 0.8, "action": "BLOCK", "enabled": true },
            ],
        },
        "tags": [{ "key": "application", "value": format!("{number}") }, { "key": "managed-by", "value": "bedrock-reconciler" }],
    });
    if number.is_multiple_of(2) {
        let words: Vec<Value> =
            (0..8).map(|word| with(json!({ "text": format!("project-{number}-{word}") }))).collect();
        spec["wordPolicy"] = json!({ "words": words, "managedWordLists": [with(json!({ "type": "PROFANITY" }))] });
        let regex =
            json!({ "name": "reference", "description": "References.", "pattern": "PAY-[0-9]{10}", "action": "BLOCK" });
        spec["sensitiveInformationPolicy"]["regexes"] = json!([with(regex)]);
        let topic = json!({
            "name": "Investment advice",
            "definition": "Recommendations to buy, hold or sell a security, or predictions of their price.",
            "examples": ["Should I put my savings into this fund?", "Which shares will rise next month?"],
            "type": "DENY",
        });
        spec["topicPolicy"] = json!({ "tier": { "tierName": "CLASSIC" }, "topics": [with(topic)] });
    }
    (format!("application-{number:04}"), spec.as_object().cloned().unwrap_or_default())
}

/// The CreateGuardrail request for a spec: requests name members differently from answers.
fn request(name: &str, spec: &Map<String, Value>) -> Value {
    let mut request = Map::new();
    for (member, value) in spec {
        match value {
            Value::Object(policy) => {
                let renamed = policy.iter().map(|(part, value)| (format!("{part}Config"), value.clone()));
                request.insert(format!("{member}Config"), Value::Object(renamed.collect()));
            }
            _ if member == "kmsKeyArn" => {
                request.insert("kmsKeyId".to_owned(), json!("alias/bedrock-guardrails"));
            }
            value => {
                request.insert(member.clone(), value.clone());
            }
        }
    }
    request.insert("name".to_owned(), json!(name));
    request.insert("clientRequestToken".to_owned(), json!(format!("create-{name}")));
    Value::Object(request)
}
