//! OCSF: a Compliance Finding for each address and control, for a security lake or a SIEM.
//!
//! Guarantees: an event has no member that the class does not have, and the uid of a finding is that of ASFF: stable across runs.

use reconciler_model::text::one_line;
use serde_json::{Value, json};

use super::asff;
use super::subjects::{self, Standing, Subject};
use super::{Found, at_most};

/// The version of the schema.
const VERSION: &str = "1.8.0";
/// Characters of a text that a SIEM has to take.
const LONGEST: usize = 8000;

/// The events of a plan.
pub(crate) fn events(found: &Found<'_>) -> Vec<Value> {
    let subjects = subjects::of(found);
    let of_subject = |subject: &Subject<'_>| -> Vec<Value> {
        match &*subject.controls {
            [] => vec![event(found, subject, None)],
            controls => controls.iter().map(|control| event(found, subject, Some(control))).collect(),
        }
    };
    subjects.iter().filter(|subject| asff::is_told(subject)).flat_map(of_subject).collect()
}

fn event(found: &Found<'_>, subject: &Subject<'_>, control: Option<&str>) -> Value {
    let plan = found.plan;
    let alert = control.and_then(|control| subject.alert_of(control));
    let known = control.and_then(subjects::control_of);
    let account = found.account_id(&subject.address.account);
    let time = asff::made_at(plan).as_millisecond();
    let passes = subject.passes(alert);
    let (severity_id, severity) = match (passes, subjects::gravity(alert)) {
        (true, _) | (_, 1) => (1, "Informational"),
        (_, 2) => (3, "Medium"),
        (_, 3) => (4, "High"),
        _ => (5, "Critical"),
    };
    let (status_id, status) = match (passes, subject.standing) {
        (true, _) => (1, "Pass"),
        (false, Standing::NotEvaluated) => (2, "Warning"),
        (false, _) => (3, "Fail"),
    };
    // What is as declared closes the finding that a former run may have made.
    let (activity_id, activity, finding_status_id, finding_status) =
        if passes { (3, "Close", 4, "Resolved") } else { (1, "Create", 1, "New") };
    let title = subject.title();
    let details = subject.details(found.look.depth);
    let requirements: Vec<&String> = known.iter().flat_map(|control| control.compliance.values().flatten()).collect();
    let standards: Vec<&String> = known.iter().flat_map(|control| control.compliance.keys()).collect();
    let mut compliance = json!({ "status_id": status_id, "status": status });
    if let Some(control) = control {
        compliance["control"] = json!(control);
    }
    if let Some(control) = known {
        compliance["desc"] = json!(one_line(&control.title));
    }
    if !requirements.is_empty() {
        compliance["requirements"] = json!(requirements);
        compliance["standards"] = json!(standards);
    }
    if !details.is_empty() {
        compliance["status_details"] = json!(details.iter().map(|one| at_most(one, LONGEST)).collect::<Vec<_>>());
    }
    let mut data = json!({ "address": one_line(&subject.address.to_string()) });
    if let Some(drift) = subject.drift {
        data["fields"] = json!(drift.fields);
    }
    let remedy = subject.remedy();
    let mut told = json!({
        "category_uid": 2,
        "category_name": "Findings",
        "class_uid": 2003,
        "class_name": "Compliance Finding",
        "activity_id": activity_id,
        "activity_name": activity,
        "type_uid": 200_300 + activity_id,
        "type_name": format!("Compliance Finding: {activity}"),
        "time": time,
        "severity_id": severity_id,
        "severity": severity,
        "status_id": finding_status_id,
        "status": finding_status,
        "message": at_most(&title, LONGEST),
        "metadata": {
            "version": VERSION,
            "profiles": ["cloud"],
            "product": { "name": "bedrock-reconciler", "vendor_name": "bedrock-reconciler", "version": plan.tool_version },
            "correlation_uid": plan.plan_id,
        },
        "finding_info": {
            "uid": asff::id(found, subject, control),
            "title": at_most(&title, LONGEST),
            "types": ["configuration drift"],
            "created_time": time,
        },
        "compliance": compliance,
        "cloud": {
            "provider": "AWS",
            "cloud_partition": found.look.partition,
            "region": subject.address.region,
            "account": { "uid": account, "name": one_line(&subject.address.account), "type_id": 10, "type": "AWS Account" },
        },
        "resources": [{
            "uid": one_line(&subject.address.to_string()),
            "name": one_line(&subject.address.name),
            "type": subject.address.kind,
            "region": subject.address.region,
            "cloud_partition": found.look.partition,
            "data": data,
        }],
    });
    if !remedy.is_empty() {
        told["remediation"] = json!({ "desc": at_most(&remedy, LONGEST) });
    }
    let mut unmapped = json!({});
    if let Some(alert) = alert {
        unmapped["signal"] = json!(alert.signal);
        unmapped["class"] = json!(alert.class);
        unmapped["deadline_minutes"] = json!(alert.deadline_minutes);
    }
    if let Some(drift) = subject.drift {
        unmapped["change"] = json!(drift.change);
        unmapped["direction"] = json!(drift.direction);
        unmapped["declared_at"] = json!(drift.declared_at);
    }
    told["unmapped"] = unmapped;
    told
}
