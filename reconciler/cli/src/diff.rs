//! The file beside a saved plan: what a reviewer reads, as a unified diff.
//!
//! Expected flow: the head names the plan; each address has its direction, its alerts and its steps as comments, and then its
//! differences field by field, each with what is live and what the plan would make of it.
//!
//! Guarantees: a line that begins with `-`, `+` or `#` is ours: what is from outside is JSON, and has no line breaks of its own.

use std::fmt::Write as _;

use reconciler_model::drift::{Change, Drift, FieldDrift};
use reconciler_model::plan::{Finding, Plan};
use reconciler_model::text;
use serde_json::Value;
use similar::TextDiff;

use crate::screen::line;
use crate::text::counted;
use crate::view::changes;

/// The whole file.
pub(crate) fn of(plan: &Plan) -> String {
    let mut all = String::new();
    let summary = plan.summary;
    tell(
        &mut all,
        format_args!("# {}, made {} by bedrock-reconciler {}", plan.plan_id, plan.created_at, plan.tool_version),
    );
    let open = format!("{} of {} not as declared", summary.drifted, summary.addresses);
    tell(
        &mut all,
        format_args!("# {open}, {}; - is live, + is what the plan makes of it", counted(plan.steps.len(), "step")),
    );
    for gap in &plan.gaps {
        let name = gap.name.as_deref().map(|name| format!("/{name}")).unwrap_or_default();
        tell(&mut all, format_args!("# not evaluated: {}/{}{name} [{}] {}", gap.scope, gap.kind, gap.code, gap.why()));
    }
    for drift in &plan.drift {
        all.push('\n');
        address(&mut all, plan, drift);
    }
    let drifted = |finding: &&Finding| plan.drift.iter().any(|drift| drift.address == finding.address);
    for finding in plan.findings.iter().filter(|finding| !drifted(finding)) {
        tell(&mut all, format_args!("# {} [{}] {}", finding.address, finding.code, finding.detail));
    }
    all
}

fn tell(all: &mut String, text: impl std::fmt::Display) {
    all.push_str(&line(text));
    all.push('\n');
}

fn address(all: &mut String, plan: &Plan, drift: &Drift) {
    let what = match drift.change {
        Change::Missing => "missing",
        Change::New => "new: never seen before",
        Change::Unexpected => "undeclared",
        Change::Changed => changes::in_words(drift.direction),
    };
    tell(all, format_args!("# {}: {what}", drift.address));
    for alert in &drift.alerts {
        tell(all, format_args!("# {} ({} {})", alert.in_words(), alert.control, alert.signal));
    }
    for step in plan.steps.iter().filter(|step| step.address == drift.address) {
        tell(all, format_args!("# step {} {}: {}", step.id, step.call.action(), step.summary));
    }
    for finding in plan.findings.iter().filter(|finding| finding.address == drift.address) {
        tell(all, format_args!("# [{}] {}", finding.code, finding.detail));
    }
    match drift.change {
        Change::Missing | Change::New => {
            tell(all, "--- /dev/null");
            tell(all, format_args!("+++ declared/{}{}", drift.address, at(drift.declared_at.as_deref())));
            hunk(all, "", &Value::Null, &drift.context.declared);
        }
        Change::Changed | Change::Unexpected => {
            tell(all, format_args!("--- live/{}", drift.address));
            tell(all, format_args!("+++ declared/{}{}", drift.address, at(drift.declared_at.as_deref())));
            for field in &drift.fields {
                field_hunk(all, drift, field);
            }
        }
    }
}

fn at(place: Option<&str>) -> String {
    place.map(|place| format!("  {place}")).unwrap_or_default()
}

fn field_hunk(all: &mut String, drift: &Drift, field: &FieldDrift) {
    let stays = field.kept || field.stays || drift.change == Change::Unexpected;
    let note = match (&field.waived, field.kept, stays) {
        (Some(terms), ..) => format!(", {}", terms.in_words()),
        (None, true, _) => ", kept".to_owned(),
        (None, false, true) => ", stays".to_owned(),
        (None, false, false) => String::new(),
    };
    let place = field.declared_at.as_deref().map(|place| format!(" {place}")).unwrap_or_default();
    let heading = format!("{} ({}{note}){place}", field.path, field.direction);
    match stays {
        true => tell(all, format_args!("# {heading}: live {}, declared {}", field.live, field.want)),
        false => hunk(all, &heading, &field.live, &field.want),
    }
}

/// One difference as a hunk: the lines of both values as pretty JSON, what is the same once.
fn hunk(all: &mut String, heading: &str, live: &Value, want: &Value) {
    let (live, want) = (pretty(live), pretty(want));
    let (from, to) = (live.lines().count(), want.lines().count());
    let start = |count: usize| usize::from(count > 0);
    let head = line(format_args!("@@ -{},{from} +{},{to} @@ {heading}", start(from), start(to)));
    all.push_str(head.trim_end());
    all.push('\n');
    for change in TextDiff::from_lines(&live, &want).iter_all_changes() {
        // Writing to a String cannot fail.
        let _ = write!(all, "{}{}", change.tag(), text::lines(change.value()));
    }
}

/// A value as JSON of several lines; nothing of an absent one.
fn pretty(value: &Value) -> String {
    match value {
        Value::Null => String::new(),
        value => format!("{}\n", text::in_json(&format!("{value:#}"))),
    }
}
