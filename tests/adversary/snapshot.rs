//! Everything that the embedded AWS holds, asked over plain HTTP and without any code of the reconciler.
//!
//! Two snapshots of one state are equal: what lists come in any order is sorted, documents are compared as JSON and not as
//! text, and times, the numbers of versions and states of transition are left out.

use std::collections::{BTreeMap, BTreeSet};

use bytes::Bytes;
use http::{Method, Request};
use reconciler_emulator::Emulator;
use serde_json::{Map, Value, json};

/// What is seen, by place and question.
pub(crate) type Snapshot = BTreeMap<String, Value>;

/// The accounts of the scenarios, with the names that they have there.
const ACCOUNTS: &[(&str, &str)] =
    &[("111122223333", "management"), ("222233334444", "prod"), ("333344445555", "staging")];
const REGIONS: &[&str] = &["us-east-1", "eu-west-1"];

/// Members that say when, which number or in which state of a transition, and not what.
const MOVING: &[&str] = &[
    "createdAt",
    "updatedAt",
    "createdBy",
    "updatedBy",
    "version",
    "guardrailVersion",
    "CreationDate",
    "LastUpdatedDate",
    "storedBytes",
    "JoinedTimestamp",
    "StartLoggingTime",
    "StopLoggingTime",
    "TimeLoggingStarted",
    "TimeLoggingStopped",
    "LatestDeliveryTime",
    "LatestCloudWatchLogsDeliveryTime",
    "LatestDeliveryAttemptTime",
    "LatestDeliveryAttemptSucceeded",
    "LatestDigestDeliveryTime",
    "LatestNotificationAttemptTime",
    "LatestNotificationAttemptSucceeded",
    "NextToken",
    "nextToken",
    "LastUpdatedTimestamp",
    "NextRotationDate",
    "configId",
    "status",
    "statusReasons",
    "requestId",
    "RequestId",
];

struct Eyes<'a> {
    emulator: &'a Emulator,
    account: &'a str,
    region: &'a str,
}

/// Looks at everything.
pub(crate) async fn of(emulator: &Emulator) -> Snapshot {
    let mut seen = Snapshot::new();
    for (account, name) in ACCOUNTS {
        for region in REGIONS {
            let eyes = Eyes { emulator, account, region };
            let mut keep = |what: String, value: Value| {
                seen.insert(format!("{name}/{region} {what}"), normal(value));
            };
            eyes.bedrock(&mut keep).await;
            eyes.keys(&mut keep).await;
            let groups = eyes.json("logs", "Logs_20140328.DescribeLogGroups", json!({})).await;
            keep("log groups".to_owned(), groups);
            eyes.endpoints(&mut keep).await;
            for call in ["DescribeSubnets", "DescribeSecurityGroups", "DescribeVpcs"] {
                keep(format!("ec2 {call}"), eyes.form("ec2", call).await);
            }
            if *region == "us-east-1" {
                keep("iam".to_owned(), eyes.form("iam", "GetAccountAuthorizationDetails").await);
                eyes.buckets(&mut keep).await;
            }
            if (*account, *region) == ("111122223333", "us-east-1") {
                eyes.trail(&mut keep).await;
                eyes.organization(&mut keep).await;
            }
        }
    }
    seen
}

/// The questions whose answers differ.
pub(crate) fn differences(one: &Snapshot, other: &Snapshot) -> BTreeSet<String> {
    let keys: BTreeSet<&String> = one.keys().chain(other.keys()).collect();
    keys.into_iter().filter(|key| one.get(*key) != other.get(*key)).cloned().collect()
}

impl Eyes<'_> {
    async fn ask(&self, service: &str, method: Method, path: &str, headers: &[(&str, &str)], body: String) -> Value {
        let text = self.said(service, method, path, headers, body).await;
        serde_json::from_str(&text).unwrap_or_else(|_| xml(&text))
    }

    async fn said(&self, service: &str, method: Method, path: &str, headers: &[(&str, &str)], body: String) -> String {
        let credential = format!("{}/20260101/{}/{service}/aws4_request", self.account, self.region);
        let mut request = Request::builder()
            .method(method)
            .uri(format!("https://{service}.{}.amazonaws.com{path}", self.region))
            .header(
                "authorization",
                format!("AWS4-HMAC-SHA256 Credential={credential}, SignedHeaders=host, Signature=0"),
            );
        for (name, value) in headers {
            request = request.header(*name, *value);
        }
        let request = request.body(Bytes::from(body)).expect("a request");
        let answer = self.emulator.handle(request).await.expect("an answer");
        String::from_utf8_lossy(answer.body()).into_owned()
    }

    async fn json(&self, service: &str, target: &str, body: Value) -> Value {
        let headers = [("x-amz-target", target), ("content-type", "application/x-amz-json-1.1")];
        self.ask(service, Method::POST, "/", &headers, body.to_string()).await
    }

    async fn form(&self, service: &str, operation: &str) -> Value {
        let headers = [("content-type", "application/x-www-form-urlencoded")];
        self.ask(service, Method::POST, "/", &headers, format!("Action={operation}")).await
    }

    async fn get(&self, service: &str, path: &str) -> Value {
        self.ask(service, Method::GET, path, &[], String::new()).await
    }

    async fn bedrock(&self, keep: &mut impl FnMut(String, Value)) {
        keep("logging".to_owned(), self.get("bedrock", "/logging/modelinvocations").await);
        keep("enforced".to_owned(), self.get("bedrock", "/enforcedGuardrailsConfiguration").await);
        for row in rows(&self.get("bedrock", "/guardrails").await, "guardrails") {
            let (id, arn) = (text(&row, "id"), text(&row, "arn"));
            let name = format!("guardrail {} {id}", text(&row, "name"));
            keep(name.clone(), self.get("bedrock", &format!("/guardrails/{id}?guardrailVersion=DRAFT")).await);
            let versions = self.get("bedrock", &format!("/guardrails?guardrailIdentifier={id}")).await;
            let numbers =
                rows(&versions, "guardrails").into_iter().filter_map(|row| text(&row, "version").parse().ok());
            let newest: Option<u32> = numbers.max();
            if let Some(newest) = newest {
                let path = format!("/guardrails/{id}?guardrailVersion={newest}");
                let mut version = self.get("bedrock", &path).await;
                // A version that a restore publishes says so.
                version.as_object_mut().map(|members| members.remove("description"));
                keep(format!("{name} newest version"), version);
            }
            let tags =
                self.ask("bedrock", Method::POST, "/listTagsForResource", &[], json!({"resourceARN": arn}).to_string());
            keep(format!("{name} tags"), tags.await);
            let escaped = arn.replace(':', "%3A").replace('/', "%2F");
            keep(format!("{name} policy"), self.get("bedrock", &format!("/resource-policy/{escaped}")).await);
        }
    }

    /// Each endpoint by its service and age, so that a second one of the service is another thing than the first.
    async fn endpoints(&self, keep: &mut impl FnMut(String, Value)) {
        const HEADERS: [(&str, &str); 1] = [("content-type", "application/x-www-form-urlencoded")];
        let said = |body: String| self.said("ec2", Method::POST, "/", &HEADERS, body);
        let within = |text: &str, tag: &str| {
            let rest = text.split_once(&format!("<{tag}>")).map_or("", |(_, rest)| rest);
            rest.split_once('<').map_or("", |(value, _)| value).to_owned()
        };
        let answer = said("Action=DescribeVpcEndpoints".to_owned()).await;
        let ids = answer.split("<vpcEndpointId>").skip(1).filter_map(|piece| piece.split('<').next());
        let mut all = Vec::new();
        for id in ids {
            let one = said(format!("Action=DescribeVpcEndpoints&VpcEndpointId.1={id}")).await;
            all.push((within(&one, "serviceName"), within(&one, "creationTimestamp"), one));
        }
        all.sort();
        let mut nth: BTreeMap<String, usize> = BTreeMap::new();
        for (service, _, piece) in all {
            let nth = nth.entry(service.clone()).or_default();
            *nth += 1;
            keep(format!("endpoint {service} {nth}"), xml(&piece));
        }
    }

    async fn keys(&self, keep: &mut impl FnMut(String, Value)) {
        let call = |operation: &'static str, body| self.json("kms", operation, body);
        keep("aliases".to_owned(), call("TrentService.ListAliases", json!({})).await);
        for row in rows(&call("TrentService.ListKeys", json!({})).await, "Keys") {
            let id = text(&row, "KeyId");
            let of = json!({"KeyId": id});
            let mut key = Map::new();
            for operation in ["DescribeKey", "GetKeyRotationStatus", "ListResourceTags"] {
                let target = format!("TrentService.{operation}");
                key.insert(operation.to_owned(), self.json("kms", &target, of.clone()).await);
            }
            let policy = json!({"KeyId": id, "PolicyName": "default"});
            key.insert("policy".to_owned(), call("TrentService.GetKeyPolicy", policy).await);
            keep(format!("key {id}"), Value::Object(key));
        }
    }

    async fn buckets(&self, keep: &mut impl FnMut(String, Value)) {
        let mut names: Vec<String> =
            REGIONS.iter().map(|region| format!("bedrock-logs-{}-{region}", self.account)).collect();
        if self.account == "111122223333" {
            names.push(format!("org-bedrock-trail-{}", self.account));
        }
        let parts =
            ["policy", "publicAccessBlock", "encryption", "lifecycle", "versioning", "ownershipControls", "tagging"];
        for name in names {
            for part in parts {
                keep(format!("bucket {name} {part}"), self.get("s3", &format!("/{name}?{part}")).await);
            }
        }
    }

    async fn trail(&self, keep: &mut impl FnMut(String, Value)) {
        let service = "com.amazonaws.cloudtrail.v20131101.CloudTrail_20131101";
        for (operation, body) in [
            ("DescribeTrails", json!({})),
            ("GetTrailStatus", json!({"Name": "org-bedrock-trail"})),
            ("GetEventSelectors", json!({"TrailName": "org-bedrock-trail"})),
        ] {
            keep(format!("trail {operation}"), self.json("cloudtrail", &format!("{service}.{operation}"), body).await);
        }
    }

    async fn organization(&self, keep: &mut impl FnMut(String, Value)) {
        let call = |operation: &str, body: Value| {
            let target = format!("AWSOrganizationsV20161128.{operation}");
            async move { self.json("organizations", &target, body).await }
        };
        for kind in ["SERVICE_CONTROL_POLICY", "BEDROCK_POLICY"] {
            let mut token = Value::Null;
            loop {
                let page = call("ListPolicies", json!({"Filter": kind, "NextToken": token})).await;
                for row in rows(&page, "Policies") {
                    let (id, name) = (text(&row, "Id"), text(&row, "Name"));
                    let mut policy = call("DescribePolicy", json!({"PolicyId": id})).await;
                    // One that was created again has another id.
                    for given in ["Id", "Arn"] {
                        policy["Policy"]["PolicySummary"][given] = Value::Null;
                    }
                    keep(format!("policy {name} text"), policy);
                    keep(format!("policy {name} targets"), self.targets(&id).await);
                }
                token = page["NextToken"].clone();
                if token.is_null() {
                    break;
                }
            }
        }
        let mut accounts = Map::new();
        for (id, _) in ACCOUNTS {
            accounts.insert((*id).to_owned(), call("ListParents", json!({"ChildId": id})).await["Parents"].clone());
        }
        keep("parents".to_owned(), Value::Object(accounts));
    }

    async fn targets(&self, id: &str) -> Value {
        let (mut all, mut token) = (Vec::new(), Value::Null);
        loop {
            let body = json!({"PolicyId": id, "NextToken": token});
            let page = self.json("organizations", "AWSOrganizationsV20161128.ListTargetsForPolicy", body).await;
            // Whatever a unit is called by now.
            all.extend(rows(&page, "Targets").into_iter().map(|row| row["TargetId"].clone()));
            token = page["NextToken"].clone();
            if token.is_null() {
                return Value::Array(all);
            }
        }
    }
}

fn rows(answer: &Value, member: &str) -> Vec<Value> {
    answer[member].as_array().cloned().unwrap_or_default()
}

fn text(row: &Value, member: &str) -> String {
    row[member].as_str().unwrap_or_default().to_owned()
}

/// An XML answer as its leaves, without their order and without what is a time.
fn xml(text: &str) -> Value {
    let leaves = text.split('<').filter_map(|piece| piece.split_once('>'));
    let leaves = leaves.filter(|(name, value)| {
        !value.trim().is_empty() && !name.to_ascii_lowercase().contains("requestid") && !is_a_time(value)
    });
    let mut leaves: Vec<String> =
        leaves.map(|(name, value)| format!("{name} {}", document(&unescaped(value)))).collect();
    leaves.sort();
    json!(leaves)
}

fn is_a_time(text: &str) -> bool {
    text.parse::<jiff::Timestamp>().is_ok()
}

/// Entities and percent signs, in which documents are wrapped.
fn unescaped(text: &str) -> String {
    let text = text
        .replace("&quot;", "\"")
        .replace("&#34;", "\"")
        .replace("&lt;", "<")
        .replace("&gt;", ">")
        .replace("&amp;", "&");
    let mut bytes = Vec::new();
    let mut rest = text.as_bytes();
    while let [first, tail @ ..] = rest {
        let code = (*first == b'%').then(|| tail.get(..2)).flatten().and_then(|hex| std::str::from_utf8(hex).ok());
        match code.and_then(|hex| u8::from_str_radix(hex, 16).ok()) {
            Some(byte) => {
                bytes.push(byte);
                rest = tail.get(2..).unwrap_or_default();
            }
            None => {
                bytes.push(*first);
                rest = tail;
            }
        }
    }
    String::from_utf8_lossy(&bytes).into_owned()
}

/// A text, or the document that it is.
fn document(text: &str) -> Value {
    match serde_json::from_str::<Value>(text) {
        Ok(value @ Value::Object(_)) => normal(value),
        _ => json!(text),
    }
}

/// Sorted, without what moves by itself, and a list of one as the one that is in it.
fn normal(value: Value) -> Value {
    match value {
        Value::Object(members) => {
            let members = members.into_iter().filter(|(name, _)| !MOVING.contains(&name.as_str()));
            let members = members.map(|(name, value)| (name, normal(value)));
            // What a filter looks at when it does not say.
            Value::Object(members.filter(|(name, value)| !(name.ends_with("Modalities") && value == "TEXT")).collect())
        }
        Value::Array(items) => {
            let mut items: Vec<Value> = items.into_iter().map(normal).collect();
            items.sort_by_key(Value::to_string);
            match <[Value; 1]>::try_from(items) {
                Ok([only]) => only,
                Err(items) => Value::Array(items),
            }
        }
        // The two spellings of an account as a principal.
        Value::String(text) => match text.strip_prefix("arn:aws:iam::").and_then(|rest| rest.strip_suffix(":root")) {
            Some(account) => json!(account),
            None => document(&text),
        },
        other => other,
    }
}
