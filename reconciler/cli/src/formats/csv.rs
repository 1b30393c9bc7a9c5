//! CSV: one row for each field that differs, for a spreadsheet.
//!
//! Guarantees: a cell is one line, and none is a formula for a spreadsheet, whatever is in it.

use reconciler_model::desired::Terms;
use reconciler_model::drift::{Change, FieldDrift};
use reconciler_model::text::one_line;
use serde_json::Value;

use super::Found;
use super::subjects::{self, Standing, Subject};
use crate::exit::Exit;
use crate::failure::Failure;

/// The columns; new ones are added at the end.
const COLUMNS: [&str; 25] = [
    "plan_id",
    "standing",
    "class",
    "deadline_minutes",
    "severity",
    "controls",
    "signals",
    "account",
    "account_id",
    "region",
    "kind",
    "name",
    "change",
    "direction",
    "path",
    "live",
    "want",
    "field_direction",
    "declared_at",
    "kept",
    "stays",
    "waived",
    "codes",
    "detail",
    "calls",
];

/// The rows of a plan, with a head. What is as declared has none.
pub(crate) fn render(found: &Found<'_>) -> Result<String, Failure> {
    let failed = |error: String| Failure::new(Exit::Failed, format!("failed to write CSV: {error}"));
    let mut writer = csv::WriterBuilder::new().from_writer(Vec::new());
    writer.write_record(COLUMNS).map_err(|error| failed(error.to_string()))?;
    for subject in subjects::of(found) {
        let is_silent = subject.standing == Standing::Passed && subject.drift.is_none() && subject.findings.is_empty();
        if is_silent {
            continue;
        }
        let fields = subject.drift.map(|drift| drift.fields.as_slice()).unwrap_or_default();
        let rows: Vec<Option<&FieldDrift>> =
            if fields.is_empty() { vec![None] } else { fields.iter().map(Some).collect() };
        for field in rows {
            let cells = row(found, &subject, field);
            writer.write_record(cells.iter().map(|cell| safe(cell))).map_err(|error| failed(error.to_string()))?;
        }
    }
    let bytes = writer.into_inner().map_err(|error| failed(error.to_string()))?;
    String::from_utf8(bytes).map_err(|error| failed(error.to_string()))
}

fn row(found: &Found<'_>, subject: &Subject<'_>, field: Option<&FieldDrift>) -> [String; COLUMNS.len()] {
    let alert = subject.alerts.first();
    let address = &subject.address;
    let drift = subject.drift;
    let yes = |is: bool| if is { "yes" } else { "" }.to_owned();
    let declared = drift
        .filter(|drift| matches!(drift.change, Change::Missing | Change::New))
        .map(|drift| &drift.context.declared);
    let mut codes: Vec<&str> = subject.gaps.iter().map(|gap| gap.code.as_str()).collect();
    codes.extend(subject.findings.iter().map(|finding| finding.code.as_str()));
    codes.dedup();
    let detail: Vec<String> = subject
        .gaps
        .iter()
        .map(|gap| gap.why())
        .chain(subject.flapping.iter().map(|one| one.in_words()))
        .chain(subject.findings.iter().map(|finding| finding.detail.clone()))
        .collect();
    let change = drift.map(|drift| match drift.change {
        Change::Missing => "missing",
        Change::New => "new",
        Change::Changed => "changed",
        Change::Unexpected => "unexpected",
    });
    [
        found.plan.plan_id.clone(),
        subject.standing.word().to_owned(),
        alert.map(|alert| alert.class.word().to_owned()).unwrap_or_default(),
        alert.and_then(|alert| alert.deadline_minutes).map(|minutes| minutes.to_string()).unwrap_or_default(),
        alert.map(|alert| alert.severity.word().to_owned()).unwrap_or_default(),
        subject.controls.join(" "),
        subject.alerts.iter().map(|alert| format!("{}/{}", alert.control, alert.signal)).collect::<Vec<_>>().join(" "),
        address.account.clone(),
        found.look.account_ids.get(&address.account).cloned().unwrap_or_default(),
        address.region.clone(),
        address.kind.clone(),
        address.name.clone(),
        change.unwrap_or_default().to_owned(),
        drift.map(|drift| drift.direction.word().to_owned()).unwrap_or_default(),
        field.map(|field| field.path.to_string()).unwrap_or_default(),
        field.map(|field| value(&field.live)).unwrap_or_default(),
        field.map(|field| &field.want).or(declared).map(value).unwrap_or_default(),
        field.map(|field| field.direction.word().to_owned()).unwrap_or_default(),
        field.and_then(|field| field.declared_at.as_deref()).or(subject.at).unwrap_or_default().to_owned(),
        yes(field.is_some_and(|field| field.kept)),
        yes(field.is_some_and(|field| field.stays)),
        field.and_then(|field| field.waived.as_ref()).map(Terms::in_words).unwrap_or_default(),
        codes.join(" "),
        detail.join("; "),
        subject.steps.iter().map(|step| step.call.action()).collect::<Vec<_>>().join(" "),
    ]
}

/// A text as it is, anything else as JSON, and nothing where there is nothing.
fn value(value: &Value) -> String {
    match value {
        Value::Null => String::new(),
        Value::String(text) => text.clone(),
        other => other.to_string(),
    }
}

/// What spreadsheets begin a formula with; the wide forms are read like the narrow ones by some.
const FORMULA: [char; 8] = ['=', '+', '-', '@', '＝', '＋', '－', '＠'];

/// A cell of one line that is text to a spreadsheet, also where it ignores what comes before a formula.
fn safe(cell: &str) -> String {
    let begins = cell.trim_start_matches(|c: char| c.is_whitespace() || c.is_control()).starts_with(FORMULA);
    let is_odd = cell.starts_with(['\t', '\r', '\n']);
    let shown = one_line(cell);
    if begins || is_odd { format!("'{shown}") } else { shown.into_owned() }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn no_cell_is_a_formula() {
        for formula in ["=1+1", "+1", "-1", "@SUM(A1)", "\t=1", "\r=1", " =1", "＝1", "\u{a0}=1"] {
            let cell = safe(formula);
            assert!(cell.starts_with('\''), "{formula:?} became {cell:?}");
        }
        for plain in ["HIGH", "", "a=b", "x-1", "\"=1\"", "5"] {
            assert_eq!(safe(plain), plain);
        }
        assert_eq!(safe("a\r\nb"), "a\\r\\nb");
    }
}
