//! ASFF: findings as AWS Security Hub imports them, one for each address and control.
//!
//! Guarantees: the id of a finding depends on its account, its control and its address alone, so that a later run updates it: what is
//! restored becomes `PASSED`. Everything keeps to the lengths that the service takes; what is cut ends with `…`.
//!
//! `BatchImportFindings` takes at most 100 findings a call, all of them of the account and region that is called: whoever imports
//! them groups them by `ProductArn`. `Workflow` and notes are the customer's, and are not written.

use reconciler_model::alert::Alert;
use reconciler_model::digest;
use reconciler_model::plan::Plan;
use reconciler_model::text::one_line;
use serde_json::{Map, Value, json};

use super::subjects::{self, Standing, Subject};
use super::{Found, at_most};

/// The version of ASFF.
const SCHEMA: &str = "2018-10-08";
/// How many requirements one finding may name.
const REQUIREMENTS: usize = 32;
/// How many details a resource may have.
const DETAILS: usize = 50;

/// The findings of a plan.
pub(crate) fn findings(found: &Found<'_>) -> Vec<Value> {
    let subjects = subjects::of(found);
    let of_subject = |subject: &Subject<'_>| -> Vec<Value> {
        match &*subject.controls {
            [] => vec![finding(found, subject, None)],
            controls => controls.iter().map(|control| finding(found, subject, Some(control))).collect(),
        }
    };
    subjects.iter().filter(|subject| is_told(subject)).flat_map(of_subject).collect()
}

/// Whether there is anything to say: what is as declared and serves no control has nothing to pass.
pub(crate) fn is_told(subject: &Subject<'_>) -> bool {
    subject.standing != Standing::Passed || !subject.controls.is_empty()
}

/// The id of what is said of an address and a control: the same in every run.
pub(crate) fn id(found: &Found<'_>, subject: &Subject<'_>, control: Option<&str>) -> String {
    let account = found.account_id(&subject.address.account);
    let of = digest::of(&(account, subject.address.to_string(), control));
    let of: String = of.trim_start_matches("sha256:").chars().take(40).collect();
    format!("bedrock-reconciler/{account}/{}/{}/{of}", subject.address.region, control.unwrap_or("no-control"))
}

/// When the plan was made, as a service that takes RFC 3339 with milliseconds wants it.
pub(crate) fn made_at(plan: &Plan) -> jiff::Timestamp {
    plan.created_at.parse().unwrap_or(jiff::Timestamp::UNIX_EPOCH)
}

fn finding(found: &Found<'_>, subject: &Subject<'_>, control: Option<&str>) -> Value {
    let plan = found.plan;
    let alert = control.and_then(|control| subject.alert_of(control));
    let account = found.account_id(&subject.address.account);
    let region = &subject.address.region;
    let partition = &found.look.partition;
    let at = made_at(plan).strftime("%Y-%m-%dT%H:%M:%S.%3fZ").to_string();
    let known = control.and_then(subjects::control_of);
    let (status, label) = standing(subject, alert);
    let details = subject.details(found.look.depth);
    let description = match known {
        Some(control) => format!("{}. {}", control.title, details.join("; ")),
        None => details.join("; "),
    };
    let requirements: Vec<String> = known
        .iter()
        .flat_map(|control| &control.compliance)
        .flat_map(|(framework, references)| references.iter().map(move |one| format!("{framework} {one}")))
        .take(REQUIREMENTS)
        .collect();
    let mut compliance = json!({ "Status": status });
    if let Some(control) = control {
        compliance["SecurityControlId"] = json!(control);
    }
    if !requirements.is_empty() {
        compliance["RelatedRequirements"] = json!(requirements);
    }
    let mut fields = Map::new();
    let mut tell = |name: &str, told: String| {
        if !told.is_empty() {
            fields.insert(format!("bedrock-reconciler/{name}"), Value::String(at_most(&one_line(&told), 2000)));
        }
    };
    tell("planId", plan.plan_id.clone());
    tell("address", subject.address.to_string());
    tell("declaredAt", subject.at.unwrap_or_default().to_owned());
    tell("direction", subject.drift.map(|drift| drift.direction.word().to_owned()).unwrap_or_default());
    tell("signal", alert.map(|alert| alert.signal.clone()).unwrap_or_default());
    tell("urgency", alert.map(Alert::in_words).unwrap_or_default());
    let remedy = subject.remedy();
    let mut told = json!({
        "SchemaVersion": SCHEMA,
        "Id": at_most(&id(found, subject, control), 512),
        "ProductArn": format!("arn:{partition}:securityhub:{region}:{account}:product/{account}/default"),
        "ProductName": "bedrock-reconciler",
        "CompanyName": "bedrock-reconciler",
        "Region": region,
        "GeneratorId": format!("bedrock-reconciler/{}", control.unwrap_or("no-control")),
        "AwsAccountId": account,
        "Types": ["Software and Configuration Checks/AWS Security Best Practices"],
        "CreatedAt": at,
        "UpdatedAt": at,
        "Severity": { "Label": label, "Original": alert.map_or_else(|| "none".to_owned(), Alert::in_words) },
        "Title": at_most(&subject.title(), 256),
        "Description": at_most(&non_empty(&description, &subject.title()), 1024),
        "ProductFields": fields,
        "Resources": [resource(found, subject)],
        "Compliance": compliance,
        "RecordState": "ACTIVE",
    });
    if !remedy.is_empty() {
        told["Remediation"] = json!({ "Recommendation": { "Text": at_most(&remedy, 512) } });
    }
    told
}

fn standing(subject: &Subject<'_>, alert: Option<&Alert>) -> (&'static str, &'static str) {
    if subject.passes(alert) {
        return ("PASSED", "INFORMATIONAL");
    }
    let label = match subjects::gravity(alert) {
        1 => "INFORMATIONAL",
        2 => "MEDIUM",
        3 => "HIGH",
        _ => "CRITICAL",
    };
    match subject.standing {
        // It can hide a failure, so that it is neither passed nor failed.
        Standing::NotEvaluated => ("WARNING", label),
        Standing::Passed | Standing::Failed => ("FAILED", label),
    }
}

fn resource(found: &Found<'_>, subject: &Subject<'_>) -> Value {
    let mut details = Map::new();
    for field in subject.drift.iter().flat_map(|drift| &drift.fields).take(DETAILS) {
        let told = format!("live {}, declared {}", field.live, field.want);
        details
            .insert(at_most(&one_line(&field.path.to_string()), 120), Value::String(at_most(&one_line(&told), 1000)));
    }
    let mut resource = json!({
        // The service has no type for most of what is held, and the address is what people look for.
        "Type": "Other",
        "Id": at_most(&one_line(&format!("{}:{}", found.account_id(&subject.address.account), subject.address)), 512),
        "Partition": found.look.partition,
        "Region": subject.address.region,
    });
    if !details.is_empty() {
        resource["Details"] = json!({ "Other": details });
    }
    resource
}

fn non_empty(text: &str, otherwise: &str) -> String {
    if text.trim().is_empty() { otherwise.to_owned() } else { text.to_owned() }
}
