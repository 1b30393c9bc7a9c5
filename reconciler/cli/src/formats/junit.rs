//! JUnit: one test case for each address, in a suite for each account and region.

use std::collections::BTreeMap;

use quick_junit::{NonSuccessKind, Report, TestCase, TestCaseStatus, TestSuite};
use reconciler_model::text::one_line;

use super::Found;
use super::subjects::{self, Standing, Subject};
use crate::exit::Exit;
use crate::failure::Failure;

/// What the report is called.
const NAME: &str = "bedrock-reconciler";

/// The report of a plan.
pub(crate) fn render(found: &Found<'_>) -> Result<String, Failure> {
    let mut report = Report::new(NAME);
    let mut suites: BTreeMap<String, TestSuite> = BTreeMap::new();
    for subject in subjects::of(found) {
        let name = one_line(&format!("{}/{}", subject.address.account, subject.address.region)).into_owned();
        let suite = suites.entry(name.clone()).or_insert_with(|| {
            let mut suite = TestSuite::new(name);
            suite.add_property(("plan_id", found.plan.plan_id.as_str()));
            suite.add_property(("tool_version", found.plan.tool_version.as_str()));
            suite
        });
        suite.add_test_case(case(found, &subject));
    }
    report.add_test_suites(suites.into_values());
    written(&report)
}

fn case(found: &Found<'_>, subject: &Subject<'_>) -> TestCase {
    let details = subject.details(found.look.depth);
    let mut status = match subject.standing {
        Standing::Passed => TestCaseStatus::success(),
        Standing::Failed => TestCaseStatus::non_success(NonSuccessKind::Failure),
        Standing::NotEvaluated => TestCaseStatus::skipped(),
    };
    if subject.standing != Standing::Passed {
        let urgency = subject.urgency();
        let controls = subject.controls.join(" ");
        let told = [urgency, controls].into_iter().filter(|part| !part.is_empty()).collect::<Vec<_>>().join(" ");
        let told = if told.is_empty() { String::new() } else { format!(" ({told})") };
        status.set_message(format!("{}{told}", subject.matter()));
        status.set_type(subject.alerts.first().map_or("drift", |alert| alert.class.word()));
        let mut text = details.clone();
        text.extend(subject.at.map(|at| format!("declared at {}", one_line(at))));
        text.extend(Some(subject.remedy()).filter(|remedy| !remedy.is_empty()));
        status.set_description(text.join("\n"));
    }
    let mut case = TestCase::new(one_line(&subject.address.to_string()).into_owned(), status);
    case.set_classname(one_line(&subject.address.kind).into_owned());
    if subject.standing == Standing::Passed && !details.is_empty() {
        case.set_system_out(details.join("\n"));
    }
    case
}

/// The report of a command that failed before anything was found.
pub(crate) fn failed(failure: &Failure) -> Result<String, Failure> {
    let mut report = Report::new(NAME);
    let mut suite = TestSuite::new(NAME);
    let mut status = TestCaseStatus::non_success(NonSuccessKind::Error);
    status.set_message(one_line(&failure.text).into_owned());
    status.set_type(failure.code.clone().unwrap_or_else(|| "error".to_owned()));
    status.set_description(one_line(failure.hint.as_deref().unwrap_or_default()).into_owned());
    suite.add_test_case(TestCase::new("the command", status));
    report.add_test_suite(suite);
    written(&report)
}

fn written(report: &Report) -> Result<String, Failure> {
    let text = report.to_string();
    let text = text.map_err(|error| Failure::new(Exit::Failed, format!("failed to write JUnit: {error}")))?;
    Ok(if text.ends_with('\n') { text } else { format!("{text}\n") })
}
