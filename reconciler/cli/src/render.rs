//! A plan as people read it: by scope, what drifted and which way, what would be done, what stands in the way.

use std::collections::{BTreeMap, BTreeSet};

use reconciler_model::address::Address;
use reconciler_model::alert::Alert;
use reconciler_model::attribution::ResourceAttribution;
use reconciler_model::codes;
use reconciler_model::control::AlertClass;
use reconciler_model::drift::{Change, Drift, FieldDrift};
use reconciler_model::flapping::Flapping;
use reconciler_model::plan::{Finding, Plan, Severity, Step};
use reconciler_model::text::one_line;
use reconciler_model::tree::Path;
use serde_json::Value;
use similar::TextDiff;

use crate::exit::Exit;
use crate::screen::{BAD, DO, DOUBT, FAINT, GOOD, STRONG, line, of_direction, paint};

/// Adds one line, whatever is in its parts: all of them may be what somebody else wrote.
macro_rules! tell {
    ($text:expr, $($parts:tt)*) => {{
        $text.push_str(&line(format_args!($($parts)*)));
        $text.push('\n');
    }};
}

/// Characters of one value that a line shows; the JSON output and the saved plan have it whole.
const MOST_SHOWN: usize = 60;

/// The plan, without the last line.
pub(crate) fn plan(plan: &Plan) -> String {
    plan_attributed(plan, &[])
}

/// The same with who caused each drift, as far as that was asked.
pub(crate) fn plan_attributed(plan: &Plan, attributions: &[ResourceAttribution]) -> String {
    let mut text = String::new();
    let mut scopes: BTreeMap<(String, String), Vec<&Drift>> = BTreeMap::new();
    for drift in &plan.drift {
        scopes.entry((drift.account.clone(), drift.region.clone())).or_default().push(drift);
    }
    for ((account, region), drifts) in scopes {
        tell!(text, "{}", paint(STRONG, format_args!("{account}/{region}")));
        for drift in drifts {
            let attribution = attributions.iter().find(|attribution| attribution.address == drift.address);
            address(&mut text, plan, drift, attribution);
        }
        text.push('\n');
    }
    let drifted: Vec<_> = plan.drift.iter().map(|drift| &drift.address).collect();
    let others: Vec<&Finding> = plan.findings.iter().filter(|finding| !drifted.contains(&&finding.address)).collect();
    for finding in others {
        tell!(text, "{} {}", finding.address, note(finding));
    }
    for one in &plan.flapping {
        let urgency = one.alerts.first().map(|first| format!("  {}", alert(first))).unwrap_or_default();
        let code = codes::FLAPPING;
        tell!(text, "{} {} {}{urgency}", paint(BAD, "!"), one.address, paint(BAD, format_args!("contested [{code}]")));
        tell!(text, "    {}", one.in_words());
    }
    for gap in &plan.gaps {
        let name = gap.name.as_deref().map(|name| format!("/{name}")).unwrap_or_default();
        let fields = if gap.fields.is_empty() { String::new() } else { format!(" {}", gap.fields.join(", ")) };
        let urgency = gap.alerts.first().map(|first| format!("  {}", alert(first))).unwrap_or_default();
        tell!(
            text,
            "{} {}/{}{name}{fields} {}{urgency}",
            paint(DOUBT, "?"),
            gap.scope,
            gap.kind,
            paint(DOUBT, format_args!("not evaluated [{}]", gap.code))
        );
        tell!(text, "    {}", one_line(&gap.why()));
        tell!(text, "    {} {}", paint(DO, "hint"), one_line(&gap.remedy));
    }
    if let Some(line) = alerts(plan) {
        tell!(text, "{line}");
    }
    text
}

/// How many of the addresses page, open a ticket or are told, each by its most urgent alert; what could not be seen is one
/// for each cause in each place.
fn alerts(plan: &Plan) -> Option<String> {
    let unseen = plan.unseen();
    let unseen = || unseen.iter().map(|(alert, ..)| *alert);
    let noted = || plan.findings.iter().filter_map(|finding| finding.alerts.first());
    // The same page as that of the drift, where there is one.
    let drifts = |one: &&Flapping| plan.drift.iter().any(|drift| drift.address == one.address);
    let flapping = || plan.flapping.iter().filter(|one| !drifts(one)).filter_map(|one| one.alerts.first());
    let first =
        || plan.drift.iter().filter_map(|drift| drift.alerts.first()).chain(flapping()).chain(unseen()).chain(noted());
    let count = |class| first().filter(|alert| alert.class == class).count();
    let (pages, tickets, told) = (count(AlertClass::Page), count(AlertClass::Ticket), count(AlertClass::Inform));
    let now = first().filter(|alert| alert.class == AlertClass::Page && alert.deadline_minutes == Some(0)).count();
    let numbered = |number: usize, word: &str| format!("{number} {word}{}", if number == 1 { "" } else { "s" });
    let mut parts = Vec::new();
    if pages > 0 {
        parts.push(paint(BAD, format_args!("{} ({now} now)", numbered(pages, "page"))));
    }
    if tickets > 0 {
        parts.push(paint(DOUBT, numbered(tickets, "ticket")));
    }
    if told > 0 {
        parts.push(format!("{told} to inform of"));
    }
    (!parts.is_empty()).then(|| format!("alerts: {}", parts.join(", ")))
}

/// The most urgent alert of a drift, such as `page now (aws-genai-02)`.
pub(crate) fn alert(alert: &Alert) -> String {
    let style = match alert.class {
        AlertClass::Page => BAD,
        AlertClass::Ticket => DOUBT,
        AlertClass::Inform => FAINT,
    };
    paint(style, format_args!("{} ({})", alert.in_words(), alert.control))
}

fn address(text: &mut String, plan: &Plan, drift: &Drift, attribution: Option<&ResourceAttribution>) {
    let (sign, style) = match drift.change {
        Change::Missing => ("-", BAD),
        Change::Changed => ("~", of_direction(drift.direction)),
        Change::Unexpected => ("+", DOUBT),
    };
    let what = match drift.change {
        Change::Missing => "missing",
        Change::Changed => drift.direction.word(),
        Change::Unexpected => "unexpected",
    };
    let urgency = drift.alerts.first().map(|first| format!("{}  ", alert(first))).unwrap_or_default();
    tell!(
        text,
        "  {} {}  {}  {urgency}{}",
        paint(style, sign),
        paint(STRONG, format_args!("{}/{}", drift.kind, drift.name)),
        paint(style, what),
        paint(FAINT, drift.controls.join(", "))
    );
    if drift.change == Change::Missing {
        let at = drift.declared_at.as_deref().unwrap_or("");
        tell!(text, "      declared, and not there  {}", paint(FAINT, at));
    }
    if drift.change == Change::Unexpected {
        tell!(text, "      nobody declares it, and it is below the floor of {}", drift.controls.join(", "));
    }
    let widest = drift.fields.iter().map(|field| shown(&field.path).chars().count()).max().unwrap_or(0);
    for one in &drift.fields {
        field(text, one, widest, if drift.change == Change::Unexpected { "floor" } else { "want" });
    }
    text.push_str(&attribution.map(crate::attribution::lines).unwrap_or_default());
    let steps: Vec<&Step> = plan.steps.iter().filter(|step| step.address == drift.address).collect();
    for step in &steps {
        tell!(
            text,
            "      {} {}  {}",
            paint(DO, format_args!("step {} {}", step.id, step.action)),
            step.summary,
            paint(FAINT, step.call.action())
        );
    }
    for finding in plan.findings.iter().filter(|finding| finding.address == drift.address) {
        tell!(text, "      {}", note(finding));
    }
}

fn field(text: &mut String, field: &FieldDrift, widest: usize, wanted: &str) {
    let path = shown(&field.path);
    let gap = " ".repeat(widest.saturating_sub(path.chars().count()));
    let kept = if field.kept { ", kept" } else { "" };
    tell!(
        text,
        "      {path}{gap}  live {}  {wanted} {}  {}  {}",
        paint(STRONG, value(&field.live)),
        value(&field.want),
        paint(of_direction(field.direction), format_args!("{}{kept}", field.direction)),
        paint(FAINT, field.declared_at.as_deref().unwrap_or(""))
    );
}

fn shown(path: &Path) -> String {
    one_line(&path.to_string()).into_owned()
}

fn note(finding: &Finding) -> String {
    let detail = one_line(&finding.detail);
    match finding.severity {
        Severity::Refused => format!("{} {detail}", paint(BAD, format_args!("refused [{}]", finding.code))),
        Severity::Left => format!("{} {detail}", paint(BAD, format_args!("left [{}]", finding.code))),
        Severity::Note => format!("{} {detail}", paint(DOUBT, format_args!("note [{}]", finding.code))),
    }
}

fn value(value: &Value) -> String {
    let text = match value {
        Value::Null => "(absent)".to_owned(),
        Value::String(text) => text.clone(),
        Value::Object(members) if members.len() > 8 => format!("({} members)", members.len()),
        other => other.to_string(),
    };
    let text = one_line(&text);
    if text.chars().count() > MOST_SHOWN {
        let cut: String = text.chars().take(MOST_SHOWN).collect();
        return format!("{cut}…");
    }
    text.into_owned()
}

/// The last line: how many addresses are in which state.
pub(crate) fn result(plan: &Plan, calls: u64, exit: Exit) -> String {
    let summary = plan.summary;
    let weakened =
        plan.drift.iter().filter(|drift| drift.direction == reconciler_model::direction::Direction::Weakened).count();
    let mut parts = vec![format!("{} addresses", summary.addresses), format!("{} in sync", summary.in_sync)];
    if summary.drifted > 0 {
        parts.push(paint(BAD, format_args!("{} drifted ({weakened} weakened)", summary.drifted)));
    }
    if summary.gaps > 0 || !plan.gaps.is_empty() {
        parts.push(paint(DOUBT, format_args!("{} not evaluated", summary.gaps)));
    }
    if summary.waiting > 0 {
        parts.push(paint(DOUBT, format_args!("{} waiting", summary.waiting)));
    }
    if summary.refused > 0 {
        parts.push(paint(BAD, format_args!("{} refused", summary.refused)));
    }
    if !plan.flapping.is_empty() {
        parts.push(paint(BAD, format_args!("{} contested", plan.flapping.len())));
    }
    let left: BTreeSet<&Address> = plan
        .findings
        .iter()
        .filter(|finding| finding.severity == Severity::Left)
        .map(|finding| &finding.address)
        .collect();
    if !left.is_empty() {
        parts.push(paint(BAD, format_args!("{} left for the next run", left.len())));
    }
    let verdict = match exit {
        Exit::Done => paint(GOOD, "in sync"),
        _ => parts.split_off(2).join(", "),
    };
    let rest = paint(FAINT, format_args!("{} · {calls} calls · exit {}", plan.plan_id, exit.code()));
    format!("result: {verdict} · {} · {rest}", parts.join(", "))
}

/// The drift as a unified diff of two YAML texts: live, and what the plan would make of it.
pub(crate) fn diff(plan: &Plan) -> String {
    let mut text = String::new();
    for drift in &plan.drift {
        let side = |pick: fn(&FieldDrift) -> &Value| -> String {
            drift.fields.iter().fold(String::new(), |mut all, field| {
                let value = pick(field);
                let shown = if value.is_null() { "(absent)".to_owned() } else { value.to_string() };
                tell!(all, "{}: {shown}", field.path);
                all
            })
        };
        let (live, want) = match drift.change {
            Change::Missing => (String::new(), "(declared)\n".to_owned()),
            _ => (side(|field| &field.live), side(|field| if field.kept { &field.live } else { &field.want })),
        };
        let changes = TextDiff::from_lines(&live, &want);
        let header = (line(format_args!("live/{}", drift.address)), line(format_args!("desired/{}", drift.address)));
        text.push_str(&changes.unified_diff().context_radius(2).header(&header.0, &header.1).to_string());
    }
    text
}
